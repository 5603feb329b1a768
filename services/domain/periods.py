"""When a cycle begins and ends: boundaries counted from an anchor in local time, half-open periods in UTC.

Hidden here: clamping to the month's end, daylight saving, and what a trial, a stub and a pause do to the boundaries
(BILLING, "Periods").

A wall time that does not exist (the clock goes forward over it) counts with the offset before the change, so 02:30
becomes 03:30; one that exists twice means the first. The anchor's own `fold` decides for boundary 0 alone, so that the
first boundary is the very instant the anchor was made from.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unit(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Interval:
    """`count` units; 12 months and 1 year are the same length, 28 days and 4 weeks too."""

    unit: Unit
    count: int = 1

    def __post_init__(self) -> None:
        if type(self.count) is not int or self.count < 1:
            raise ValueError("an interval is a positive whole number of units")

    @property
    def months(self) -> int:
        """Length in months; 0 for an interval of days or weeks."""
        return self.count * {Unit.MONTH: 1, Unit.YEAR: 12}.get(self.unit, 0)

    @property
    def days(self) -> int:
        """Length in days; 0 for an interval of months or years."""
        return self.count * {Unit.DAY: 1, Unit.WEEK: 7}.get(self.unit, 0)

    def is_as_long_as(self, other: Interval) -> bool:
        """The same length, however it is written."""
        return (self.months, self.days) == (other.months, other.days)


MONTHLY = Interval(Unit.MONTH)
YEARLY = Interval(Unit.YEAR)
DAILY = Interval(Unit.DAY)


def zone_of(name: str) -> tzinfo:
    """The IANA zone `name`. ValueError when there is none. UTC needs no time zone data."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {name!r}") from error


def utc(instant: datetime) -> datetime:
    """The same instant in UTC. ValueError for a wall time without a zone.

    Two aware values of one zone are compared and subtracted by wall time in Python, wrong by an hour when the clocks
    change between them; so everything here is UTC first.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The wall time all boundaries are counted from, and its zone. `local` has no tzinfo.

    Stored without loss as (`instant`, `zone`): `Anchor.of(anchor.instant, anchor.zone)` gives it back, fold included.
    """

    local: datetime
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.local.tzinfo is not None:
            raise ValueError("an anchor is a wall time")
        zone_of(self.zone)

    @classmethod
    def of(cls, instant: datetime, zone: str = "UTC") -> Anchor:
        """The anchor whose boundary 0 is `instant`."""
        return cls(utc(instant).astimezone(zone_of(zone)).replace(tzinfo=None), zone)

    @property
    def instant(self) -> datetime:
        """Boundary 0, in UTC."""
        return self.local.replace(tzinfo=zone_of(self.zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end) in UTC, never empty."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", utc(self.start))
        object.__setattr__(self, "end", utc(self.end))
        if self.end <= self.start:
            raise ValueError("a period ends after it starts")

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= utc(instant) < self.end

    def overlap(self, other: Period) -> Period | None:
        """What both have in common; None when nothing."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Period(start, end) if start < end else None

    def shifted(self, by: timedelta) -> Period:
        """The same length of time, later (or earlier)."""
        return Period(self.start + by, self.end + by)

    @property
    def seconds(self) -> int:
        """Whole seconds, each end cut to its second."""
        return seconds_between(self.start, self.end)


def seconds_between(start: datetime, end: datetime) -> int:
    """Whole seconds from `start` to `end`, each cut to its second first (as time stamps are)."""
    second = timedelta(seconds=1)
    return (utc(end) - _EPOCH) // second - (utc(start) - _EPOCH) // second


def add_months(local: datetime, months: int) -> datetime:
    """The wall time `months` later, clamped to the month's end."""
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    return local.replace(year=year, month=month + 1, day=min(local.day, monthrange(year, month + 1)[1]))


def boundary(anchor: Anchor, interval: Interval, n: int) -> datetime:
    """The anchor plus n intervals, in UTC; n may be negative. Never computed from another boundary."""
    if n == 0:
        return anchor.instant
    if interval.months:
        local = add_months(anchor.local, n * interval.months)
    else:
        local = anchor.local + timedelta(days=n * interval.days)
    return local.replace(tzinfo=zone_of(anchor.zone), fold=0).astimezone(UTC)


def index_at(anchor: Anchor, interval: Interval, instant: datetime) -> int:
    """The largest n whose boundary is not after `instant`; negative before the anchor."""
    instant = utc(instant)
    local = instant.astimezone(zone_of(anchor.zone))
    if interval.months:
        n = ((local.year - anchor.local.year) * 12 + local.month - anchor.local.month) // interval.months
    else:
        n = (local.date() - anchor.local.date()).days // interval.days
    # One more than the wall clock says: St John's turned it back from 00:01 to 23:01, after a boundary at midnight.
    n += 1
    while boundary(anchor, interval, n) > instant:
        n -= 1
    return n


def period_at(anchor: Anchor, interval: Interval, instant: datetime) -> Period:
    """The period that holds `instant`."""
    n = index_at(anchor, interval, instant)
    return Period(boundary(anchor, interval, n), boundary(anchor, interval, n + 1))


def periods_between(anchor: Anchor, interval: Interval, start: datetime, end: datetime) -> tuple[Period, ...]:
    """The whole periods that share time with [start, end), in order. A day a zone skipped (Samoa, 30 December 2011) has
    no period."""
    if utc(start) >= utc(end):
        return ()
    n, found = index_at(anchor, interval, start), list[Period]()
    while (begins := boundary(anchor, interval, n)) < utc(end):
        n += 1
        ends = boundary(anchor, interval, n)
        if begins < ends:
            found.append(Period(begins, ends))
    return tuple(found)


def stub(start: datetime, anchor: Anchor, interval: Interval) -> Period | None:
    """The partial first period of a cycle aligned to `anchor` (the 1st, say); None when `start` is a boundary.

    Its price is the remaining charge of the whole period around it: `remaining_charge(price, period_at(...), start)`.
    """
    whole = period_at(anchor, interval, start)
    return None if whole.start == utc(start) else Period(start, whole.end)


def trial_end(start: datetime, days: int, zone: str = "UTC") -> datetime:
    """The end of a trial of `days` local days, at the local hour it began. The paid cycle is anchored there:
    `Anchor.of(trial_end(...), zone)`."""
    if days < 1:
        raise ValueError("a trial lasts at least a day")
    return boundary(Anchor.of(start, zone), DAILY, days)


def resumed(period: Period, paused_at: datetime, resumed_at: datetime) -> Period:
    """The running period after a pause, moved by the length of the pause: paused time is not billed, and what was left
    of the paid period is served after it. The cycle is anchored anew at this period's end. A clock set back moves
    nothing."""
    return period.shifted(max(timedelta(0), utc(resumed_at) - utc(paused_at)))
