"""Periods: counted from the anchor, in local time, tiling the line of time without gap or overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.periods import (
    DAILY,
    MONTHLY,
    YEARLY,
    Anchor,
    Interval,
    Period,
    Unit,
    add_months,
    boundary,
    index_at,
    period_at,
    periods_between,
    resumed,
    seconds_between,
    stub,
    trial_end,
    utc,
    zone_of,
)

TICK = timedelta(microseconds=1)
NEW_YORK, BERLIN, ST_JOHNS, APIA = "America/New_York", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"


def at(text: str) -> datetime:
    """A UTC instant, "2026-01-31" or "2026-01-31 12:30"."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def days(anchor: Anchor, interval: Interval, numbers: list[int]) -> list[str]:
    return [boundary(anchor, interval, n).date().isoformat() for n in numbers]


zones = st.sampled_from(["UTC", NEW_YORK, BERLIN, ST_JOHNS, APIA, "Asia/Kathmandu", "Australia/Lord_Howe"])
instants = st.datetimes(datetime(1995, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  made aware
intervals = st.builds(Interval, st.sampled_from(list(Unit)), st.integers(1, 14))


# ---- boundaries


@pytest.mark.parametrize(
    ("anchor", "interval", "numbers", "expected"),
    [
        ("2026-01-31", MONTHLY, [0, 1, 2, 13], ["2026-01-31", "2026-02-28", "2026-03-31", "2027-02-28"]),
        ("2026-01-30", MONTHLY, [1, 2], ["2026-02-28", "2026-03-30"]),
        ("2028-01-31", MONTHLY, [1], ["2028-02-29"]),
        ("2026-01-31", MONTHLY, [-1, -2, -11], ["2025-12-31", "2025-11-30", "2025-02-28"]),
        ("2026-12-15", MONTHLY, [1, -12], ["2027-01-15", "2025-12-15"]),
        ("2028-02-29", YEARLY, [0, 1, 2, 3, 4], ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]),
        ("2028-02-29", Interval(Unit.YEAR, 4), [1, -1], ["2032-02-29", "2024-02-29"]),
        ("2096-02-29", Interval(Unit.YEAR, 4), [1], ["2100-02-28"]),  # 2100 is no leap year
        ("2025-11-30", Interval(Unit.MONTH, 3), [1, 2], ["2026-02-28", "2026-05-30"]),
        ("2026-01-31", Interval(Unit.WEEK), [1, 4, -1], ["2026-02-07", "2026-02-28", "2026-01-24"]),
        ("2028-02-28", DAILY, [1, 2, -59], ["2028-02-29", "2028-03-01", "2027-12-31"]),
        ("2026-01-01", Interval(Unit.DAY, 10), [3, -1], ["2026-01-31", "2025-12-22"]),
    ],
)  # fmt: skip
def test_a_boundary_is_counted_from_the_anchor_and_clamped_to_the_months_end(
    anchor: str, interval: Interval, numbers: list[int], expected: list[str]
) -> None:
    assert days(Anchor(wall(anchor)), interval, numbers) == expected


@pytest.mark.parametrize(
    ("local", "zone", "interval", "n", "expected"),
    [
        ("2026-01-15 09:00", NEW_YORK, MONTHLY, 0, "2026-01-15 14:00"),
        ("2026-01-15 09:00", NEW_YORK, MONTHLY, 2, "2026-03-15 13:00"),  # summer time: still nine o'clock there
        ("2026-01-15 09:00", BERLIN, MONTHLY, 6, "2026-07-15 07:00"),
        ("2026-03-31 23:30", NEW_YORK, MONTHLY, 1, "2026-05-01 03:30"),  # 30 April there
        ("2026-02-08 02:30", NEW_YORK, MONTHLY, 1, "2026-03-08 07:30"),  # 02:30 is skipped: 03:30 summer time
        ("2026-03-07 02:30", NEW_YORK, DAILY, 1, "2026-03-08 07:30"),
        ("2026-03-07 02:30", NEW_YORK, DAILY, 2, "2026-03-09 06:30"),
        ("2026-10-01 01:30", NEW_YORK, MONTHLY, 1, "2026-11-01 05:30"),  # 01:30 comes twice: the first
        ("2026-10-31 01:30", NEW_YORK, DAILY, 1, "2026-11-01 05:30"),
        ("2025-12-31 12:00", "Asia/Kathmandu", YEARLY, 1, "2026-12-31 06:15"),
    ],
)  # fmt: skip
def test_the_local_hour_is_kept_when_the_clocks_change(
    local: str, zone: str, interval: Interval, n: int, expected: str
) -> None:
    assert boundary(Anchor(wall(local), zone), interval, n) == at(expected)


def test_an_anchor_in_the_second_of_two_equal_hours_starts_there_and_goes_on_with_the_first() -> None:
    second = at("2026-11-01 06:30")  # 01:30 in New York for the second time
    anchor = Anchor.of(second, NEW_YORK)
    assert anchor.local == wall("2026-11-01 01:30")
    assert boundary(anchor, DAILY, 0) == anchor.instant == second
    assert boundary(anchor, YEARLY, 1) == at("2027-11-01 05:30")
    assert boundary(anchor, YEARLY, 6) == at("2032-11-01 05:30")
    assert boundary(anchor, YEARLY, 11) == at("2037-11-01 05:30")  # a Sunday again, with two of 01:30
    sunday = boundary(anchor, Interval(Unit.DAY, 7 * 53), 1)  # 7 November 2027, again the day of two equal hours
    assert sunday == at("2027-11-07 05:30")


@given(instants, zones)
def test_an_anchor_is_stored_as_its_instant_and_zone(instant: datetime, zone: str) -> None:
    anchor = Anchor.of(instant, zone)
    assert anchor.instant == instant == boundary(anchor, MONTHLY, 0)
    assert Anchor.of(anchor.instant, zone).local.fold == anchor.local.fold
    assert anchor.local.tzinfo is None
    assert anchor.instant.tzinfo is UTC


# ---- periods tile time


@given(instants, zones, intervals, st.integers(-40, 40))
def test_periods_tile_time_without_gap_or_overlap(anchor_at: datetime, zone: str, interval: Interval, n: int) -> None:
    anchor = Anchor.of(anchor_at, zone)
    start, end = boundary(anchor, interval, n), boundary(anchor, interval, n + 1)
    assert start <= end
    if start < end:
        assert period_at(anchor, interval, start) == period_at(anchor, interval, end - TICK) == Period(start, end)
        assert index_at(anchor, interval, start) == index_at(anchor, interval, end - TICK) == n
        assert index_at(anchor, interval, start - TICK) < n < index_at(anchor, interval, end)


@given(instants, instants, zones, intervals)
def test_every_instant_lies_in_its_period(
    anchor_at: datetime, instant: datetime, zone: str, interval: Interval
) -> None:
    anchor = Anchor.of(anchor_at, zone)
    n = index_at(anchor, interval, instant)
    assert boundary(anchor, interval, n) <= instant < boundary(anchor, interval, n + 1)
    assert instant in period_at(anchor, interval, instant)


@given(instants, instants, zones, intervals, st.integers(1, 400 * 86_400))
def test_periods_between_are_those_that_share_time(
    anchor_at: datetime, start: datetime, zone: str, interval: Interval, seconds: int
) -> None:
    end = start + timedelta(seconds=seconds)
    found = periods_between(Anchor.of(anchor_at, zone), interval, start, end)
    assert start in found[0]
    assert end - TICK in found[-1]
    assert all(left.end == right.start for left, right in pairwise(found))


def test_periods_between_takes_neither_the_one_before_nor_the_one_after() -> None:
    anchor = Anchor(wall("2026-01-31"))
    assert periods_between(anchor, MONTHLY, at("2026-02-28"), at("2026-04-30")) == (
        Period(at("2026-02-28"), at("2026-03-31")),
        Period(at("2026-03-31"), at("2026-04-30")),
    )
    assert len(periods_between(anchor, MONTHLY, at("2026-02-28") - TICK, at("2026-04-30") + TICK)) == 4
    assert periods_between(anchor, MONTHLY, at("2026-03-01"), at("2026-03-01")) == ()
    assert periods_between(anchor, MONTHLY, at("2026-03-02"), at("2026-03-01")) == ()


@pytest.mark.parametrize(
    ("instant", "start", "end", "index"),
    [
        ("2026-01-31", "2026-01-31", "2026-02-28", 0),
        ("2026-02-27 23:59:59.999999", "2026-01-31", "2026-02-28", 0),
        ("2026-02-28", "2026-02-28", "2026-03-31", 1),  # the end belongs to the next
        ("2026-03-30", "2026-02-28", "2026-03-31", 1),
        ("2026-03-31", "2026-03-31", "2026-04-30", 2),
        ("2027-01-01", "2026-12-31", "2027-01-31", 11),
        ("2026-01-30", "2025-12-31", "2026-01-31", -1),
        ("2025-07-01", "2025-06-30", "2025-07-31", -7),
    ],
)
def test_an_instant_belongs_to_one_month(instant: str, start: str, end: str, index: int) -> None:
    anchor = Anchor(wall("2026-01-31"))
    assert period_at(anchor, MONTHLY, at(instant)) == Period(at(start), at(end))
    assert index_at(anchor, MONTHLY, at(instant)) == index


@pytest.mark.parametrize(
    ("instant", "index"), [("2026-01-07", 0), ("2026-01-08", 1), ("2025-12-31", -1), ("2025-12-24", -2)]
)
def test_an_instant_belongs_to_one_week(instant: str, index: int) -> None:
    assert index_at(Anchor(wall("2026-01-01")), Interval(Unit.WEEK), at(instant)) == index


def test_a_clock_turned_back_over_midnight_does_not_hide_a_boundary() -> None:
    # 1 November 2009 in St John's: 00:01 became 23:01 of 31 October
    boundary_at = at("2009-11-01 02:30:30")
    for interval, anchor in ((MONTHLY, "2009-10-01 00:00:30"), (DAILY, "2009-10-31 00:00:30")):
        there = Anchor(wall(anchor), ST_JOHNS)
        assert boundary(there, interval, 1) == boundary_at
        assert index_at(there, interval, boundary_at - TICK) == 0
        assert index_at(there, interval, boundary_at) == 1
        assert index_at(there, interval, at("2009-11-01 03:00")) == 1  # 23:30 of 31 October there


def test_a_day_a_zone_skipped_has_no_period() -> None:
    anchor = Anchor(wall("2011-12-28 12:00"), APIA)
    assert boundary(anchor, DAILY, 2) == boundary(anchor, DAILY, 3) == at("2011-12-30 22:00")
    found = periods_between(anchor, DAILY, at("2011-12-29"), at("2012-01-01"))
    assert [(each.start.isoformat()[:13], each.seconds // 3600) for each in found] == [
        ("2011-12-28T22", 24), ("2011-12-29T22", 24), ("2011-12-30T22", 24), ("2011-12-31T22", 24),
    ]  # fmt: skip
    assert index_at(anchor, DAILY, at("2011-12-30 22:00")) == 3


# ---- stub, trial, pause


def test_a_cycle_aligned_to_the_first_begins_with_a_stub() -> None:
    first = Anchor(wall("2026-01-01"), NEW_YORK)
    assert stub(at("2026-04-16 10:00"), first, MONTHLY) == Period(at("2026-04-16 10:00"), at("2026-05-01 04:00"))
    assert stub(at("2026-05-01 04:00"), first, MONTHLY) is None
    assert stub(at("2026-05-01 04:00") - TICK, first, MONTHLY) == Period(
        at("2026-05-01 04:00") - TICK, at("2026-05-01 04:00")
    )


def test_a_trial_ends_at_its_local_hour_and_moves_the_anchor() -> None:
    assert trial_end(at("2026-01-17 10:00"), 14) == at("2026-01-31 10:00")
    end = trial_end(at("2026-03-01 14:00"), 14, NEW_YORK)
    assert end == at("2026-03-15 13:00")  # nine o'clock there before and after the change of clocks
    paid_from = Anchor.of(trial_end(at("2026-01-17 10:00"), 14))
    assert days(paid_from, MONTHLY, [1, 2]) == ["2026-02-28", "2026-03-31"]
    assert trial_end(at("2026-01-17"), 1) == at("2026-01-18")


@pytest.mark.parametrize("count", [0, -1])
def test_a_trial_lasts_at_least_a_day(count: int) -> None:
    with pytest.raises(ValueError, match="at least a day"):
        trial_end(at("2026-01-01"), count)


def test_a_pause_moves_the_period_by_its_length() -> None:
    january = Period(at("2026-01-01"), at("2026-02-01"))
    moved = resumed(january, at("2026-01-11"), at("2026-03-11 06:00"))
    assert moved == Period(at("2026-03-01 06:00"), at("2026-04-01 06:00"))
    assert seconds_between(at("2026-03-11 06:00"), moved.end) == seconds_between(at("2026-01-11"), january.end)
    assert resumed(january, at("2026-01-11"), at("2026-01-11")) == january
    assert resumed(january, at("2026-01-11"), at("2026-01-10")) == january  # a clock set back


# ---- values


def test_a_period_is_half_open_and_counts_whole_seconds() -> None:
    period = Period(at("2026-01-01"), at("2026-01-02"))
    assert period.start in period
    assert period.end - TICK in period
    assert period.end not in period
    assert period.start - TICK not in period
    assert period.seconds == 86_400
    assert seconds_between(at("2026-01-01") + TICK, at("2026-01-01 00:00:01")) == 1
    assert seconds_between(at("2026-01-01"), at("2026-01-01 00:00:01") - TICK) == 0
    assert seconds_between(at("2026-01-02"), at("2026-01-01")) == -86_400
    assert seconds_between(at("1969-12-31 23:59:59.5"), at("1970-01-01")) == 1


def test_what_two_periods_have_in_common() -> None:
    week = Period(at("2026-01-01"), at("2026-01-08"))
    assert week.overlap(Period(at("2026-01-05"), at("2026-02-01"))) == Period(at("2026-01-05"), at("2026-01-08"))
    assert week.overlap(Period(at("2025-01-01"), at("2026-01-02"))) == Period(at("2026-01-01"), at("2026-01-02"))
    assert week.overlap(Period(at("2026-01-08"), at("2026-01-09"))) is None
    assert week.overlap(Period(at("2025-01-01"), at("2026-01-01"))) is None
    assert week.overlap(Period(at("2026-01-08") - TICK, at("2026-01-09"))) == Period(
        at("2026-01-08") - TICK, at("2026-01-08")
    )


def test_a_period_is_utc_whatever_it_is_given() -> None:
    zone = ZoneInfo(NEW_YORK)  # 23 hours, which the wall clock would call 24
    period = Period(datetime(2026, 3, 8, tzinfo=zone), datetime(2026, 3, 9, tzinfo=zone))
    assert (period.start.tzinfo, period.end.tzinfo) == (UTC, UTC)
    assert period.seconds == 23 * 3600
    assert period.shifted(timedelta(hours=-1)) == Period(at("2026-03-08 04:00"), at("2026-03-09 03:00"))


@pytest.mark.parametrize("end", ["2026-01-01", "2025-12-31"])
def test_a_period_is_never_empty(end: str) -> None:
    with pytest.raises(ValueError, match="ends after it starts"):
        Period(at("2026-01-01"), at(end))


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "1"])
def test_an_interval_is_a_positive_whole_number_of_units(count: Any) -> None:  # Any: what a caller might pass
    with pytest.raises(ValueError, match="positive whole number"):
        Interval(Unit.MONTH, count)


def test_lengths_are_compared_however_they_are_written() -> None:
    assert Interval(Unit.MONTH, 12).is_as_long_as(YEARLY)
    assert Interval(Unit.WEEK, 2).is_as_long_as(Interval(Unit.DAY, 14))
    assert not MONTHLY.is_as_long_as(YEARLY)
    assert not MONTHLY.is_as_long_as(Interval(Unit.DAY, 30))
    assert not MONTHLY.is_as_long_as(DAILY)
    assert (YEARLY.months, YEARLY.days, Interval(Unit.WEEK, 3).days, DAILY.months) == (12, 0, 21, 0)


@pytest.mark.parametrize(
    "name", ["", "utc", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "America", "zone.tab", "a\0b"]
)
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="unknown time zone"):
        Anchor(wall("2026-01-01"), name)


def test_wall_times_and_instants_are_not_mixed_up() -> None:
    with pytest.raises(ValueError, match="wall time"):
        Anchor(at("2026-01-01"))
    for wrong in (lambda: Period(wall("2026-01-01"), at("2026-01-02")), lambda: Anchor.of(wall("2026-01-01"))):
        with pytest.raises(ValueError, match="needs a time zone"):
            wrong()
    assert zone_of("UTC") is UTC
    assert utc(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == at("2026-01-01")


def test_adding_months_keeps_the_time_of_day() -> None:
    assert add_months(wall("2026-10-31 23:59:58.5"), 1) == wall("2026-11-30 23:59:58.5")
    assert add_months(wall("2026-01-15"), -1) == wall("2025-12-15")
