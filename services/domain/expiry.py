"""When a card can no longer be charged: it works to the end of the month printed on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

WARN_DAYS = 30


def standing(month: int, year: int, now: datetime) -> str:
    """ "" | soon | expired. Month 0: it does not expire."""
    if not month:
        return ""
    ends = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    if now >= ends:
        return "expired"
    return "soon" if now >= ends - timedelta(days=WARN_DAYS) else ""
