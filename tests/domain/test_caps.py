"""Limits on spending: nested, exact, and a refusal that says which one and what is left on each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import CurrencyMismatch, Money
from services.domain.caps import (
    Cap,
    Level,
    TemporaryRaise,
    Window,
    check,
    in_order,
    limit_at,
    raised,
    window_end,
    window_start,
)

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def usd(text: str) -> Money:
    return Money.parse(text)


def cap(level: str, limit: str, spent: str = "0", held: str = "0", window: str = "month") -> Cap:
    return Cap(Level(level), level[0], Window(window), usd(limit), usd(spent), usd(held))


# ---- what is left


@pytest.mark.parametrize(
    ("limit", "spent", "held", "left"),
    [("10", "0", "0", "10"), ("10", "4", "1", "5"), ("10", "9.999999", "0", "0.000001"), ("10", "10", "0", "0"),
     ("10", "6", "4", "0"), ("10", "11", "0", "0"), ("10", "6", "4.000001", "0"), ("0", "0", "0", "0")],
)  # fmt: skip
def test_left_is_the_limit_without_what_is_spent_and_held_and_never_below_nothing(
    limit: str, spent: str, held: str, left: str
) -> None:
    assert cap("key", limit, spent, held).left == usd(left)


# ---- may a call start


@pytest.mark.parametrize(
    ("price", "refused"), [("0", False), ("1.999999", False), ("2", False), ("2.000001", True), ("100", True)]
)
def test_a_price_equal_to_what_is_left_fits(price: str, refused: bool) -> None:
    assert (check([cap("key", "10", "5", "3")], usd(price)) is not None) is refused


def test_a_free_call_always_fits_and_so_does_a_call_without_caps() -> None:
    assert check([cap("key", "10", "12")], usd("0")) is None
    assert check([], usd("1000")) is None


def test_the_refusal_names_the_cap_and_what_is_left_on_each() -> None:
    caps = [cap("key", "5", "4.5"), cap("organization", "100", "20"), cap("project", "50", "10", "5")]
    refusal = check(caps, usd("1"))
    assert refusal is not None
    assert (refusal.by.level, refusal.by.id, refusal.by.window) == (Level.KEY, "k", Window.MONTH)
    assert (refusal.by.limit, refusal.by.left) == (usd("5"), usd("0.5"))
    assert [(each.level.value, each.left) for each in refusal.left] == [
        ("organization", usd("80")), ("project", usd("35")), ("key", usd("0.5"))
    ]  # fmt: skip


def test_of_several_full_caps_the_tightest_is_named_and_of_equals_the_outermost() -> None:
    loose, tight = cap("organization", "3"), cap("project", "2")
    named = check([loose, tight], usd("4"))
    assert named is not None
    assert named.by.level is Level.PROJECT
    equals = check([cap("key", "2"), cap("project", "2"), cap("organization", "9")], usd("4"))
    assert equals is not None
    assert equals.by.level is Level.PROJECT


def test_caps_of_one_level_come_shortest_window_first_then_by_id() -> None:
    windows = [cap("key", "1", window="lifetime"), cap("key", "1", window="month"), cap("key", "1", window="day")]
    other = replace(windows[2], id="a")
    assert in_order([*windows, other]) == [other, windows[2], windows[1], windows[0]]
    nested = in_order([cap("key", "1"), cap("project", "1"), cap("organization", "1")])
    assert [each.level.value for each in nested] == ["organization", "project", "key"]


def test_bad_prices_are_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        check([], Money(-1))
    with pytest.raises(CurrencyMismatch):
        check([cap("key", "5")], Money(1, "EUR"))


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=30),
)
def test_no_sequence_of_holds_and_settlements_passes_any_limit(
    limits: list[int], calls: list[tuple[int, bool]]
) -> None:
    levels = list(Level)
    caps = [
        Cap(levels[index], str(index), Window.DAY, Money(limit), Money(0), Money(0))
        for index, limit in enumerate(limits)
    ]
    for price, settles in calls:
        refusal = check(caps, Money(price))
        fits = all(each.spent.micros + each.held.micros + price <= each.limit.micros for each in caps)
        assert (refusal is None) is (fits or price == 0)
        if refusal is None:
            held = [replace(each, held=each.held + Money(price)) for each in caps]
            caps = [replace(each, spent=each.spent + each.held, held=Money(0)) if settles else each for each in held]
        assert all(not each.limit < each.spent + each.held for each in caps)


# ---- windows


@pytest.mark.parametrize(
    ("at", "window", "start", "end"),
    [
        (NOW, "day", "2026-03-10", "2026-03-11"),
        (NOW, "month", "2026-03-01", "2026-04-01"),
        (datetime(2026, 3, 1, tzinfo=UTC), "day", "2026-03-01", "2026-03-02"),
        (datetime(2026, 3, 1, tzinfo=UTC), "month", "2026-03-01", "2026-04-01"),
        (datetime(2026, 3, 1, tzinfo=UTC) - TICK, "day", "2026-02-28", "2026-03-01"),
        (datetime(2026, 3, 1, tzinfo=UTC) - TICK, "month", "2026-02-01", "2026-03-01"),
        (datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC), "day", "2028-02-29", "2028-03-01"),
        (datetime(2026, 12, 31, 5, tzinfo=UTC), "month", "2026-12-01", "2027-01-01"),
        (datetime(2026, 4, 30, tzinfo=UTC), "month", "2026-04-01", "2026-05-01"),
        (datetime(2026, 4, 1, 1, tzinfo=timezone(timedelta(hours=2))), "month", "2026-03-01", "2026-04-01"),
        (datetime(2026, 4, 1, 1, tzinfo=timezone(timedelta(hours=2))), "day", "2026-03-31", "2026-04-01"),
    ],
)
def test_windows_are_calendar_days_and_months_in_utc(at: datetime, window: str, start: str, end: str) -> None:
    begins, ends = window_start(Window(window), at), window_end(Window(window), at)
    assert begins == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert ends == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_a_lifetime_has_no_beginning_and_no_end() -> None:
    assert window_start(Window.LIFETIME, NOW) is None
    assert window_end(Window.LIFETIME, NOW) is None


@pytest.mark.parametrize("window", list(Window))
def test_an_instant_has_a_time_zone(window: Window) -> None:
    with pytest.raises(ValueError, match="time zone"):
        window_start(window, NOW.replace(tzinfo=None))


@given(st.integers(0, 200 * 366 * 86_400 * 10**6).map(lambda micros: EPOCH + micros * TICK))
def test_windows_tile_time(at: datetime) -> None:
    for window in (Window.DAY, Window.MONTH):
        start, end = window_start(window, at), window_end(window, at)
        assert start is not None
        assert end is not None
        assert start <= at < end
        assert window_start(window, end) == end
        assert window_end(window, start - TICK) == start


# ---- raises


@pytest.mark.parametrize(
    ("at", "limit"),
    [(NOW, "25"), (NOW + timedelta(hours=2) - TICK, "25"),
     (NOW + timedelta(hours=2), "15"), (NOW + timedelta(days=1) - TICK, "15"), (NOW + timedelta(days=1), "10")],
)  # fmt: skip
def test_a_raise_ends_by_itself_and_of_several_the_highest_counts(at: datetime, limit: str) -> None:
    raises = [
        TemporaryRaise(usd("15"), NOW + timedelta(days=1)),
        TemporaryRaise(usd("25"), NOW + timedelta(hours=2)),
        TemporaryRaise(usd("5"), NOW + timedelta(days=9)),
    ]
    assert limit_at(usd("10"), raises, at) == usd(limit)
    assert raised(cap("key", "10", "4"), raises, at) == cap("key", limit, "4")


def test_after_a_raise_nothing_is_left_and_nothing_is_owed() -> None:
    used = cap("key", "10", "14")
    lift = [TemporaryRaise(usd("20"), NOW + TICK)]
    assert raised(used, lift, NOW).left == usd("6")
    assert raised(used, lift, NOW + TICK).left == usd("0")
