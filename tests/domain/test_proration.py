"""Proration: by the second, rounded once, and never more credit than was paid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import CurrencyMismatch, Money
from services.domain.periods import Period
from services.domain.proration import (
    OURS,
    Basis,
    Convention,
    Part,
    Rounding,
    quantity_change,
    remaining_charge,
    settle,
    unused_credit,
    unused_part,
    used_charge,
)

TICK = timedelta(microseconds=1)
ZERO = Money.zero()
TOTAL = Convention(rounding=Rounding.TOTAL)
DAYS = Convention(basis=Basis.DAY)
DAYS_BEGUN = Convention(basis=Basis.DAY_BEGUN)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def usd(text: str) -> Money:
    return Money.parse(text)


APRIL = Period(at("2026-04-01"), at("2026-05-01"))  # 30 days, 2,592,000 seconds
MARCH = Period(at("2026-03-01"), at("2026-04-01"))

conventions = st.builds(
    Convention, st.sampled_from(Basis), st.sampled_from(Rounding), st.sampled_from(["UTC", "Asia/Tokyo"])
)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  made aware
lengths = st.integers(1, 400 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
prices = st.builds(Money, st.integers(0, 10**12).map(lambda minor: minor * 10_000))


# ---- how much is unused


@pytest.mark.parametrize(
    ("instant", "second", "day", "begun"),
    [
        ("2026-03-31", 2_592_000, 30, 30),  # before it starts: all of it
        ("2026-04-01", 2_592_000, 30, 30),
        ("2026-04-01 00:00:00.999999", 2_592_000, 30, 29),
        ("2026-04-01 00:00:01", 2_591_999, 30, 29),
        ("2026-04-16", 1_296_000, 15, 14),
        ("2026-04-16 23:59:59", 1_209_601, 15, 14),
        ("2026-04-30 23:59:59", 1, 1, 0),
        ("2026-05-01", 0, 0, 0),
        ("2026-05-02", 0, 0, 0),
    ],
)
def test_the_unused_part_of_april(instant: str, second: int, day: int, begun: int) -> None:
    assert unused_part(APRIL, at(instant)) == Part(second, 2_592_000)
    assert unused_part(APRIL, at(instant), DAYS) == Part(day, 30)
    assert unused_part(APRIL, at(instant), DAYS_BEGUN) == Part(begun, 30)


def test_days_are_those_of_the_zone() -> None:
    tokyo = Convention(basis=Basis.DAY, zone="Asia/Tokyo")
    assert unused_part(APRIL, at("2026-04-16 15:00"), DAYS) == Part(15, 30)
    assert unused_part(APRIL, at("2026-04-16 15:00"), tokyo) == Part(14, 30)  # 17 April there
    # A period from noon to noon: the last morning is a day of its own, with nothing after it
    noon = Period(at("2026-04-01 12:00"), at("2026-05-01 12:00"))
    assert unused_part(noon, at("2026-05-01 11:00"), DAYS) == Part(0, 30)
    assert unused_part(noon, at("2026-05-01 11:00"), DAYS_BEGUN) == Part(0, 30)


def test_a_period_shorter_than_its_unit_is_used_as_soon_as_it_begins() -> None:
    hour = Period(at("2026-04-01 10:00"), at("2026-04-01 11:00"))
    assert unused_part(hour, hour.start, DAYS) == Part(1, 1)
    assert unused_part(hour, hour.start + TICK, DAYS) == Part(0, 1)
    blink = Period(at("2026-04-01") + TICK, at("2026-04-01") + 3 * TICK)
    assert unused_part(blink, blink.start) == Part(1, 1)
    assert unused_part(blink, blink.start + TICK) == Part(0, 1)


@given(instants, lengths, instants, conventions)
def test_a_part_is_a_part(start: datetime, length: timedelta, instant: datetime, convention: Convention) -> None:
    part = unused_part(Period(start, start + length), instant, convention)
    assert 0 <= part.unused <= part.whole
    assert part.whole > 0


# ---- one rounding


@pytest.mark.parametrize(
    ("price", "instant", "unused", "used"),
    [
        ("29", "2026-04-16", "14.50", "14.50"),
        ("99", "2026-04-16", "49.50", "49.50"),
        ("99", "2026-04-11", "66.00", "33.00"),
        ("29", "2026-04-11", "19.33", "9.67"),  # 19.3333
        ("99", "2026-04-30 23:59:59", "0.00", "99.00"),  # 0.0000382
        ("0.05", "2026-04-16", "0.03", "0.02"),  # a half goes away from zero, into the unused part
        ("0.03", "2026-04-16", "0.02", "0.01"),
        ("0.01", "2026-04-16", "0.01", "0"),
        ("0.01", "2026-04-16 00:00:01", "0", "0.01"),  # a second less than half
        ("29", "2026-03-01", "29", "0"),
        ("29", "2026-05-01", "0", "29"),
        ("0", "2026-04-11", "0", "0"),
        ("0.008", "2026-04-01", "0.01", "0"),  # a price finer than a cent is rounded once
        ("990", "2026-04-13 07:12:00", "584.10", "405.90"),  # 59 %
    ],
)
def test_used_and_unused_are_the_price(price: str, instant: str, unused: str, used: str) -> None:
    assert remaining_charge(usd(price), APRIL, at(instant)) == usd(unused)
    assert used_charge(usd(price), APRIL, at(instant)) == usd(used)


@pytest.mark.parametrize(
    ("currency", "price", "unused"),
    [("JPY", "3001", "2001"), ("KWD", "9.999", "6.666"), ("EUR", "29", "19.33"), ("JPY", "1", "1")],
)
def test_each_currency_has_its_own_minor_unit(currency: str, price: str, unused: str) -> None:
    assert remaining_charge(Money.parse(price, currency), APRIL, at("2026-04-11")) == Money.parse(unused, currency)
    exact = Convention(rounding=Rounding.TOTAL)
    assert remaining_charge(Money.parse("1", currency), APRIL, at("2026-04-11"), exact).micros == 666_667


@given(prices, instants, lengths, instants, conventions)
def test_used_plus_unused_is_the_price_to_the_minor_unit(
    price: Money, start: datetime, length: timedelta, instant: datetime, convention: Convention
) -> None:
    period = Period(start, start + length)
    unused = remaining_charge(price, period, instant, convention)
    part = unused_part(period, instant, convention)
    assert used_charge(price, period, instant, convention) + unused == price
    assert ZERO.micros <= unused.micros <= price.micros
    unit = price.minor_unit if convention.rounding is Rounding.LINE else 1
    assert abs(Fraction(price.micros * part.unused, part.whole) - unused.micros) <= Fraction(unit, 2)
    assert unused.micros % unit == 0


@given(prices, instants, lengths, st.integers(0, 10**9), st.integers(0, 10**9), conventions)
def test_waiting_never_makes_the_unused_part_dearer(
    price: Money, start: datetime, length: timedelta, one: int, other: int, convention: Convention
) -> None:
    period = Period(start, start + length)
    early, late = sorted((start + timedelta(microseconds=one), start + timedelta(microseconds=other)))
    assert not remaining_charge(price, period, early, convention) < remaining_charge(price, period, late, convention)


# ---- credit is capped


@pytest.mark.parametrize(
    ("paid", "already_credited", "credit"),
    [
        ("29", "0", "14.50"),
        ("14.50", "0", "14.50"),
        ("14.49", "0", "14.49"),
        ("29", "14.50", "14.50"),
        ("29", "14.51", "14.49"),
        ("29", "29", "0"),
        ("29", "30", "0"),  # never below zero
        ("0", "0", "0"),  # nothing paid, nothing to come back (a late upgrade)
        ("1000", "0", "14.50"),  # never more than the unused part
    ],
)
def test_a_credit_is_never_more_than_what_was_paid(paid: str, already_credited: str, credit: str) -> None:
    found = unused_credit(usd("29"), APRIL, at("2026-04-16"), paid=usd(paid), already_credited=usd(already_credited))
    assert found == usd(credit)


@given(prices, prices, prices, instants, conventions)
def test_a_credit_stays_within_its_bounds(
    price: Money, paid: Money, credited: Money, instant: datetime, convention: Convention
) -> None:
    credit = unused_credit(price, APRIL, instant, paid=paid, already_credited=credited, convention=convention)
    assert credit.micros >= 0
    assert credit.micros <= max(0, paid.micros - credited.micros)
    assert credit.micros <= remaining_charge(price, APRIL, instant, convention).micros


# ---- a change


@pytest.mark.parametrize(
    ("old", "new", "instant", "credit", "charge", "due", "to_wallet"),
    [
        ("29", "99", "2026-04-16", "14.50", "49.50", "35.00", "0"),
        ("29", "99", "2026-04-11", "19.33", "66.00", "46.67", "0"),
        ("99", "29", "2026-04-11", "66.00", "19.33", "0", "46.67"),
        ("29", "29", "2026-04-11", "19.33", "19.33", "0", "0"),
        ("29", "99", "2026-04-01", "29.00", "99.00", "70.00", "0"),
        ("29", "99", "2026-05-01", "0", "0", "0", "0"),
        ("0", "99", "2026-04-16", "0", "49.50", "49.50", "0"),
        ("10", "20", "2026-04-16", "5.00", "10.00", "5.00", "0"),  # the example of Stripe's manual
    ],
)
def test_a_change_is_credit_and_charge_netted(
    old: str, new: str, instant: str, credit: str, charge: str, due: str, to_wallet: str
) -> None:
    done = settle(usd(old), usd(new), APRIL, at(instant), paid=usd(old), already_credited=ZERO)
    assert (done.credit, done.charge) == (usd(credit), usd(charge))
    assert (done.due_now, done.to_wallet) == (usd(due), usd(to_wallet))
    assert not done.is_capped


def test_a_new_cycle_is_charged_in_full() -> None:
    year = Period(at("2026-04-16"), at("2027-04-16"))
    done = settle(usd("99"), usd("990"), APRIL, year.start, paid=usd("99"), already_credited=ZERO, new_period=year)
    assert (done.credit, done.charge, done.due_now, done.to_wallet) == (usd("49.50"), usd("990"), usd("940.50"), ZERO)


def test_a_capped_credit_says_so() -> None:
    done = settle(usd("29"), usd("99"), APRIL, at("2026-04-16"), paid=usd("14.49"), already_credited=ZERO)
    assert (done.credit, done.due_now, done.is_capped) == (usd("14.49"), usd("35.01"), True)
    assert not settle(usd("29"), usd("99"), APRIL, at("2026-04-16"), paid=usd("14.50"), already_credited=ZERO).is_capped


def test_rounding_the_total_differs_from_rounding_the_lines() -> None:
    # A third of 0.10 and of 0.05: 0.0333 and 0.0167 are 0.03 and 0.02 as lines, together 0.0167 is 0.02
    third, old, new = at("2026-04-21"), usd("0.05"), usd("0.10")
    lines = settle(old, new, APRIL, third, paid=old, already_credited=ZERO)
    total = settle(old, new, APRIL, third, paid=old, already_credited=ZERO, convention=TOTAL)
    assert (lines.credit, lines.charge, lines.due_now) == (usd("0.02"), usd("0.03"), usd("0.01"))
    assert (total.credit.micros, total.charge.micros, total.due_now) == (16_667, 33_333, usd("0.02"))
    back = settle(new, old, APRIL, third, paid=new, already_credited=ZERO, convention=TOTAL)
    assert (back.due_now, back.to_wallet) == (ZERO, usd("0.02"))
    halves = settle(
        usd("0.01"), usd("0.02"), APRIL, at("2026-04-16"), paid=ZERO, already_credited=ZERO, convention=TOTAL
    )
    assert (halves.charge, halves.due_now) == (usd("0.01"), usd("0.01"))


@pytest.mark.parametrize(
    ("before", "after", "credit", "charge", "due", "to_wallet"),
    [
        (1, 3, "6.66", "19.98", "13.32", "0"),  # 9.99 x 20/30 = 6.66
        (3, 1, "19.98", "6.66", "0", "13.32"),
        (3, 3, "19.98", "19.98", "0", "0"),
        (2, 0, "13.32", "0", "0", "13.32"),
        (0, 2, "0", "13.32", "13.32", "0"),
    ],
)
def test_seats_up_and_down(before: int, after: int, credit: str, charge: str, due: str, to_wallet: str) -> None:
    paid = usd("9.99") * before
    done = quantity_change(usd("9.99"), before, after, APRIL, at("2026-04-11"), paid=paid, already_credited=ZERO)
    assert (done.credit, done.charge) == (usd(credit), usd(charge))
    assert (done.due_now, done.to_wallet) == (usd(due), usd(to_wallet))


def test_rounding_does_not_grow_with_seats() -> None:
    # 1,000 seats of 0.01: half a month is 5.00, not 1,000 half cents rounded up
    done = quantity_change(usd("0.01"), 0, 1000, APRIL, at("2026-04-16"), paid=ZERO, already_credited=ZERO)
    assert done.due_now == usd("5.00")
    capped = quantity_change(usd("1"), 2, 1, APRIL, at("2026-04-16"), paid=usd("2"), already_credited=usd("1.80"))
    assert (capped.credit, capped.charge, capped.due_now, capped.is_capped) == (
        usd("0.20"),
        usd("0.50"),
        usd("0.30"),
        True,
    )
    days = quantity_change(
        usd("30"), 0, 1, APRIL, at("2026-04-16 12:00"), paid=ZERO, already_credited=ZERO, convention=DAYS
    )
    assert days.due_now == usd("15")


@given(prices, prices, instants, conventions)
def test_there_and_back_at_one_instant_is_nothing(
    old: Money, new: Money, instant: datetime, convention: Convention
) -> None:
    there = settle(old, new, APRIL, instant, paid=old, already_credited=ZERO, convention=convention)
    back = settle(
        new, old, APRIL, instant, paid=old + there.charge, already_credited=there.credit, convention=convention
    )
    assert there.due_now - there.to_wallet + back.due_now - back.to_wallet == ZERO
    assert there.due_now.is_zero or there.to_wallet.is_zero


def test_currencies_are_never_mixed() -> None:
    with pytest.raises(CurrencyMismatch):
        unused_credit(usd("29"), APRIL, at("2026-04-16"), paid=Money(1, "EUR"), already_credited=Money(0, "EUR"))
    with pytest.raises(CurrencyMismatch):
        settle(usd("29"), Money(1, "JPY"), APRIL, at("2026-04-16"), paid=usd("29"), already_credited=ZERO)


def test_ours_is_by_the_second_and_by_the_line() -> None:
    assert Convention(Basis.SECOND, Rounding.LINE, "UTC") == OURS
    assert MARCH.seconds == 31 * 86_400
    assert remaining_charge(usd("31"), MARCH, at("2026-03-31 12:00")) == usd("0.50")
    assert remaining_charge(usd("31"), MARCH, at("2026-03-31 12:00"), DAYS) == usd("1")
