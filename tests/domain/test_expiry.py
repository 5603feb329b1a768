"""A card works to the end of the month printed on it; a month before it is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.domain.expiry import WARN_DAYS, standing

JUNE_ENDS = datetime(2026, 7, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (JUNE_ENDS - timedelta(days=WARN_DAYS) - INSTANT, ""),
        (JUNE_ENDS - timedelta(days=WARN_DAYS), "soon"),
        (JUNE_ENDS - INSTANT, "soon"),
        (JUNE_ENDS, "expired"),
    ],
)
def test_it_works_to_the_last_instant_of_its_month(now: datetime, told: str) -> None:
    assert standing(6, 2026, now) == told


def test_december_ends_with_its_year() -> None:
    assert standing(12, 2026, datetime(2026, 12, 31, tzinfo=UTC)) == "soon"
    assert standing(12, 2026, datetime(2027, 1, 1, tzinfo=UTC)) == "expired"


def test_what_has_no_month_does_not_expire() -> None:
    assert standing(0, 0, JUNE_ENDS) == ""
