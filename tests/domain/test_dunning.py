"""Dunning: four retries in a week, none after a hard decline, and what stands in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.types import SubscriptionState
from services.domain.dunning import Calendar, Failure, calendar, is_hard, next_attempt, standing

FIRST = datetime(2026, 1, 31, 9, 30, 15, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
EARLY, LATE = datetime(2020, 1, 1), datetime(2040, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone
TICK = timedelta(microseconds=1)
RETRIES = tuple(datetime(2026, 2, day, 9, 30, 15, tzinfo=UTC) for day in (1, 3, 5, 7))
HARD = ["stolen_card", "lost_card", "account_closed", "card_not_supported"]
SOFT = ["card_declined", "insufficient_funds", "confirmation_declined", "payment_not_completed", "", "never heard of"]


@pytest.mark.parametrize("code", SOFT)
def test_a_soft_decline_is_retried_after_1_3_5_and_7_days(code: str) -> None:
    assert calendar(FIRST, code) == Calendar(RETRIES, RETRIES[-1])
    assert not is_hard(code)


@pytest.mark.parametrize("code", HARD)
def test_a_hard_decline_is_never_retried_but_leaves_the_week(code: str) -> None:
    assert calendar(FIRST, code) == Calendar((), datetime(2026, 2, 7, 9, 30, 15, tzinfo=UTC))
    assert is_hard(code)


@pytest.mark.parametrize(
    ("code", "failed", "at"),
    [("card_declined", 0, RETRIES[0]), ("card_declined", 1, RETRIES[1]), ("card_declined", 3, RETRIES[3]),
     ("card_declined", 4, None), ("card_declined", 5, None), ("lost_card", 0, None), ("lost_card", 2, None)],
)  # fmt: skip
def test_the_next_retry(code: str, failed: int, at: datetime | None) -> None:
    assert next_attempt(Failure(FIRST, code, failed)) == at


def test_a_new_failure_has_no_failed_retry() -> None:
    assert next_attempt(Failure(FIRST, "card_declined")) == RETRIES[0]


@pytest.mark.parametrize(
    ("code", "failed", "after", "expected"),
    [("card_declined", 0, timedelta(0), SubscriptionState.PAST_DUE),
     ("card_declined", 3, timedelta(days=7) - TICK, SubscriptionState.PAST_DUE),
     ("card_declined", 3, timedelta(days=7), SubscriptionState.PAST_DUE),  # the last retry is not made yet
     ("card_declined", 3, timedelta(days=30), SubscriptionState.PAST_DUE),  # nor now: the sweep slept
     ("card_declined", 4, timedelta(days=7) - TICK, SubscriptionState.PAST_DUE),
     ("card_declined", 4, timedelta(days=7), SubscriptionState.SUSPENDED),
     ("stolen_card", 0, timedelta(days=7) - TICK, SubscriptionState.PAST_DUE),
     ("stolen_card", 0, timedelta(days=7), SubscriptionState.SUSPENDED),
     ("stolen_card", 2, timedelta(days=7), SubscriptionState.SUSPENDED)],  # the second retry said so
)  # fmt: skip
def test_past_due_until_the_last_retry_failed_then_suspended(
    code: str, failed: int, after: timedelta, expected: SubscriptionState
) -> None:
    assert standing(Failure(FIRST, code, failed), FIRST + after) is expected


def test_paying_at_any_time_restores() -> None:
    assert standing(None, FIRST + timedelta(days=400)) is SubscriptionState.ACTIVE


@given(st.datetimes(timezones=st.just(UTC), min_value=EARLY, max_value=LATE), st.sampled_from([BERLIN, UTC]))
def test_a_day_has_24_hours_whatever_the_clocks_do(first: datetime, zone: tzinfo) -> None:
    hours = [(at - first) / timedelta(hours=1) for at in calendar(first.astimezone(zone), "card_declined").attempts]
    assert hours == [24, 72, 120, 168]


def test_the_night_the_clocks_go_forward_does_not_shorten_the_week() -> None:
    evening = datetime(2026, 3, 28, 20, tzinfo=BERLIN)
    assert calendar(evening, "card_declined").attempts[0] == datetime(2026, 3, 29, 21, tzinfo=BERLIN)
