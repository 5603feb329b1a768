"""The price list in time: what a card is charged and the wallet is given, month by month, in cents written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.api.money import Money
from services.domain.periods import MONTHLY, YEARLY, Anchor, Period, period_at
from services.domain.subscription_states import first_charge_at
from services.domain.subscriptions import (
    Change,
    Cycle,
    Terms,
    cancel,
    cycle_after,
    pause,
    pending_after,
    plan_change,
    renewed,
    resume,
    undo,
)

STARTER = Terms("starter", Money.parse("29"), MONTHLY, included=1_000)
PRO = Terms("pro", Money.parse("99"), MONTHLY, included=10_000)
STARTER_YEARLY = Terms("starter", Money.parse("290"), YEARLY, included=1_000)
PRO_YEARLY = Terms("pro", Money.parse("990"), YEARLY, included=10_000)

Step = Callable[[Cycle, Change | None, datetime], Change]
Steps = dict[str, Step]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def to(wanted: Terms, at_end: bool | None = None) -> Step:
    return lambda cycle, _, now: plan_change(cycle, wanted, now, at_end=at_end)


def end(at_end: bool) -> Step:
    return lambda cycle, _, now: cancel(cycle, now, at_end=at_end)


def rest(until: str) -> Step:
    return lambda cycle, _, now: pause(cycle, now, at(until))


def go_on(cycle: Cycle, _: Change | None, now: datetime) -> Change:
    return resume(cycle, now)


def take_back(cycle: Cycle, pending: Change | None, now: datetime) -> Change:
    assert pending is not None
    return undo(cycle, pending, now)


def line(when: datetime, due: Money, to_wallet: Money) -> str:
    amount = due - to_wallet
    text = amount.decimal()[: -6 + max(0, {"JPY": 0, "KWD": 3}.get(amount.currency, 2))].rstrip(".")
    return f"{when.date()} {text}"


def walk(cycle: Cycle, steps: Steps, until: str) -> list[str]:
    """Every charge (and, negative, every credit to the wallet) before `until`; what time owes comes before a step."""
    found: list[str] = []
    pending: Change | None = None
    zero = Money.zero(cycle.terms.price.currency)
    if not cycle.is_trial:
        found.append(line(cycle.period.start, cycle.terms.amount, zero))
    for moment, step in [*((at(key), step) for key, step in steps.items()), (at(until), None)]:
        while cycle.paused_at is None and cycle.period.end <= moment and cycle.period.end < at(until):
            then = cycle_after(cycle, pending) if pending else renewed(cycle)
            if then is None:
                return found
            cycle, pending = replace(then, paid=then.terms.amount), None
            found.append(line(cycle.period.start, cycle.terms.amount, zero))
        if step is None:
            return found
        change = step(cycle, pending, moment)
        pending = pending_after(change)
        if not (change.due_now.is_zero and change.to_wallet.is_zero):
            found.append(line(moment, change.due_now, change.to_wallet))
        after = cycle if change.is_pending else cycle_after(cycle, change)
        if after is None:
            return found
        cycle = after
    raise AssertionError("the walk ends at its last moment")


def start(terms: Terms, day: str) -> Cycle:
    anchor = Anchor.of(at(day))
    period = period_at(anchor, terms.interval, anchor.instant)
    return Cycle(terms, anchor, period, terms.amount, Money.zero(terms.price.currency))


@pytest.mark.parametrize(
    ("terms", "day", "until", "expected"),
    [
        (STARTER, "2026-01-31", "2026-05-01",
         ["2026-01-31 29.00", "2026-02-28 29.00", "2026-03-31 29.00", "2026-04-30 29.00"]),
        (PRO, "2027-11-30", "2028-04-01",
         ["2027-11-30 99.00", "2027-12-30 99.00", "2028-01-30 99.00", "2028-02-29 99.00", "2028-03-30 99.00"]),
        (STARTER_YEARLY, "2026-01-31", "2028-01-31", ["2026-01-31 290.00", "2027-01-31 290.00"]),
        (PRO_YEARLY, "2028-02-29", "2032-03-01",
         ["2028-02-29 990.00", "2029-02-28 990.00", "2030-02-28 990.00", "2031-02-28 990.00", "2032-02-29 990.00"]),
    ],
)  # fmt: skip
def test_a_plan_left_alone(terms: Terms, day: str, until: str, expected: list[str]) -> None:
    assert walk(start(terms, day), {}, until) == expected


def test_a_year_of_months_costs_twelve_prices_and_a_yearly_plan_ten() -> None:
    assert walk(start(PRO, "2026-01-01"), {}, "2027-01-01") == [f"2026-{month:02}-01 99.00" for month in range(1, 13)]
    assert walk(start(PRO_YEARLY, "2026-01-01"), {}, "2027-01-01") == ["2026-01-01 990.00"]


@pytest.mark.parametrize(
    ("terms", "steps", "until", "expected"),
    [
        # 15.5 of 31 days are left: 49.50 - 14.50
        (STARTER, {"2026-03-16 12:00": to(PRO)}, "2026-05-02",
         ["2026-01-01 29.00", "2026-02-01 29.00", "2026-03-01 29.00", "2026-03-16 35.00", "2026-04-01 99.00",
          "2026-05-01 99.00"]),
        # 21 of 28 days: 74.25 - 21.75
        (STARTER, {"2026-02-08": to(PRO)}, "2026-03-02",
         ["2026-01-01 29.00", "2026-02-01 29.00", "2026-02-08 52.50", "2026-03-01 99.00"]),
        # 22 of 31 days: 70.258 and 20.581, each rounded
        (STARTER, {"2026-01-10": to(PRO)}, "2026-02-02", ["2026-01-01 29.00", "2026-01-10 49.68", "2026-02-01 99.00"]),
        (PRO, {"2026-01-10": to(STARTER)}, "2026-03-02", ["2026-01-01 99.00", "2026-02-01 29.00", "2026-03-01 29.00"]),
        # down is taken back; later the newer change supersedes the older
        (PRO, {"2026-01-10": to(STARTER), "2026-01-11": take_back}, "2026-02-02",
         ["2026-01-01 99.00", "2026-02-01 99.00"]),
        (PRO, {"2026-01-10": end(True), "2026-01-11": to(STARTER)}, "2026-02-02",
         ["2026-01-01 99.00", "2026-02-01 29.00"]),
        (PRO, {"2026-01-10": to(STARTER), "2026-01-11": end(True)}, "2026-04-02", ["2026-01-01 99.00"]),
        # up and down again at one instant
        (STARTER, {"2026-01-10": to(PRO), "2026-01-10 00:00": to(STARTER, False)}, "2026-02-02",
         ["2026-01-01 29.00", "2026-01-10 49.68", "2026-01-10 -49.68", "2026-02-01 29.00"]),
        # 21 of 31 days of 99 are 67.06; the year begins there
        (PRO, {"2026-01-11": to(PRO_YEARLY)}, "2027-01-12",
         ["2026-01-01 99.00", "2026-01-11 922.94", "2027-01-11 990.00"]),
        # half a year of 290 and of 990
        (STARTER_YEARLY, {"2026-07-02 12:00": to(PRO_YEARLY)}, "2027-01-02",
         ["2026-01-01 290.00", "2026-07-02 350.00", "2027-01-01 990.00"]),
        # 73 of 365 days are used: 792.00 back, 99.00 for the first month
        (PRO_YEARLY, {"2026-03-15": to(PRO)}, "2026-04-16",
         ["2026-01-01 990.00", "2026-03-15 -693.00", "2026-04-15 99.00"]),
        (PRO_YEARLY, {"2026-03-15": to(STARTER, True)}, "2027-02-02",
         ["2026-01-01 990.00", "2027-01-01 29.00", "2027-02-01 29.00"]),
        # two more seats for half of April, one fewer for its last third
        (PRO, {"2026-04-16": to(replace(PRO, quantity=3)), "2026-04-21": to(replace(PRO, quantity=2))}, "2026-05-02",
         ["2026-01-01 99.00", "2026-02-01 99.00", "2026-03-01 99.00", "2026-04-01 99.00", "2026-04-16 99.00",
          "2026-04-21 -33.00", "2026-05-01 198.00"]),
        (PRO, {"2026-01-16 12:00": end(False)}, "2026-09-01", ["2026-01-01 99.00", "2026-01-16 -49.50"]),
        (PRO, {"2026-01-16 12:00": end(True)}, "2026-09-01", ["2026-01-01 99.00"]),
        # 59 days of pause move 1 February to 1 April
        (STARTER, {"2026-01-11": rest("2026-03-11"), "2026-03-11": go_on}, "2026-05-02",
         ["2026-01-01 29.00", "2026-04-01 29.00", "2026-05-01 29.00"]),
    ],
)  # fmt: skip
def test_a_plan_that_changes(terms: Terms, steps: Steps, until: str, expected: list[str]) -> None:
    assert walk(start(terms, "2026-01-01"), steps, until) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ({}, ["2026-01-31 29.00", "2026-02-28 29.00", "2026-03-31 29.00"]),
        ({"2026-01-20": to(PRO)}, ["2026-01-31 99.00", "2026-02-28 99.00", "2026-03-31 99.00"]),
        ({"2026-01-20": to(PRO_YEARLY)}, ["2026-01-31 990.00"]),
        ({"2026-01-20": end(True)}, []),
        ({"2026-01-20": end(False)}, []),
    ],
)
def test_a_trial_is_charged_at_its_end_and_counted_from_there(steps: Steps, expected: list[str]) -> None:
    begins = at("2026-01-17")
    zero = Money.zero()
    trial = Cycle(STARTER, Anchor.of(begins), Period(begins, first_charge_at(begins)), zero, zero, is_trial=True)
    assert walk(trial, steps, "2026-04-01") == expected


@pytest.mark.parametrize(
    ("currency", "old", "new", "expected"),
    [
        ("JPY", "2900", "9900", ["2026-04-01 2900", "2026-04-11 4667", "2026-05-01 9900"]),  # 6600 - 1933
        ("KWD", "9.999", "29.999", ["2026-04-01 9.999", "2026-04-11 13.333", "2026-05-01 29.999"]),  # 19.999 - 6.666
        ("EUR", "29", "99", ["2026-04-01 29.00", "2026-04-11 46.67", "2026-05-01 99.00"]),
    ],
)
def test_other_currencies_round_to_their_own_unit(currency: str, old: str, new: str, expected: list[str]) -> None:
    small = Terms("small", Money.parse(old, currency), MONTHLY)
    large = Terms("large", Money.parse(new, currency), MONTHLY)
    assert walk(start(small, "2026-04-01"), {"2026-04-11": to(large)}, "2026-05-02") == expected
