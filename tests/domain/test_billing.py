"""Worked examples of the price list, and time cut into periods without a gap."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import Money
from services.api.types import BillingCycle, BillingModel, OrderSummary, Plan, SummaryLine
from services.domain import billing
from services.domain.catalogue import yearly_price
from tests.samples import plans_of

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
MONTHLY, YEARLY = BillingCycle.MONTHLY, BillingCycle.YEARLY
PLANS = {plan.slug: plan for plan in plans_of("agent")}


def summary(plan: Plan, cycle: BillingCycle) -> OrderSummary:
    return billing.summarize("f" * 32, "Customer Care", plan, cycle, NOW)


def bundle(monthly: str, listed: str) -> Plan:
    price = Money.parse(monthly)
    return replace(
        PLANS["pro"], monthly_price=price, yearly_price=yearly_price(price), list_monthly_price=Money.parse(listed)
    )


def dollars(money: Money) -> str:
    """$1,188 or -$198 or $82.17: as the screen writes it."""
    amount = f"{abs(money.minor) / 100:,.2f}".removesuffix(".00")
    return f"{'-' if money.micros < 0 else ''}${amount}"


def sentence(found: OrderSummary) -> str:
    """The arithmetic in one line; what costs nothing is left out."""
    price, *others = found.lines
    assert price.unit_price is not None
    parts = [f"{dollars(price.unit_price)} x {price.quantity} = {dollars(price.amount)}"]
    parts += [dollars(line.amount) for line in others if not line.amount.is_zero]
    assert found.total is not None
    return ", ".join([*parts, dollars(found.total)])


# ---- the price list


@pytest.mark.parametrize(
    ("plan", "cycle", "arithmetic"),
    [
        (PLANS["starter"], MONTHLY, "$29 x 1 = $29, $29"),
        (PLANS["starter"], YEARLY, "$29 x 12 = $348, -$58, $290"),
        (PLANS["pro"], MONTHLY, "$99 x 1 = $99, $99"),
        (PLANS["pro"], YEARLY, "$99 x 12 = $1,188, -$198, $990"),
        (PLANS["free"], MONTHLY, "$0 x 1 = $0, $0"),
        (PLANS["free"], YEARLY, "$0 x 1 = $0, $0"),
        (PLANS["pay-per-use"], YEARLY, "$0 x 1 = $0, $0"),
        (bundle("71.34", "87"), MONTHLY, "$87 x 1 = $87, -$15.66, $71.34"),
        (bundle("71.34", "87"), YEARLY, "$87 x 12 = $1,044, -$174, -$156.60, $713.40"),
        (bundle("252.45", "297"), YEARLY, "$297 x 12 = $3,564, -$594, -$445.50, $2,524.50"),
    ],
)
def test_the_arithmetic_of_an_order_is_the_price_list(plan: Plan, cycle: BillingCycle, arithmetic: str) -> None:
    found = summary(plan, cycle)
    assert sentence(found) == arithmetic
    assert found.total == sum((line.amount for line in found.lines), Money.zero())


@pytest.mark.parametrize("plan", [PLANS["starter"], PLANS["pro"], bundle("71.34", "87")])
def test_a_year_costs_what_the_plan_says_it_costs(plan: Plan) -> None:
    assert summary(plan, YEARLY).total == plan.yearly_price
    assert summary(plan, MONTHLY).total == plan.monthly_price


def test_the_lines_say_what_they_are() -> None:
    found = summary(bundle("71.34", "87"), YEARLY)
    assert [(line.kind, line.label) for line in found.lines] == [
        ("price", "plan"),
        ("discount", "yearly"),
        ("discount", "bundle"),
        ("tax", "test_mode"),
    ]
    assert found.lines[-1] == SummaryLine("tax", "test_mode", Money.zero())


def test_a_plan_by_quote_has_no_price_and_no_lines() -> None:
    found = summary(PLANS["enterprise"], YEARLY)
    assert (found.total, found.lines, found.renews_at, found.renewal_total) == (None, (), None, None)
    assert found.billing_model is BillingModel.QUOTE


@pytest.mark.parametrize("slug", ["free", "pay-per-use", "enterprise"])
def test_what_is_no_subscription_has_one_cycle_and_never_renews(slug: str) -> None:
    found = summary(PLANS[slug], YEARLY)
    assert (found.billing_cycle, found.renews_at, found.renewal_total) == (MONTHLY, None, None)


@pytest.mark.parametrize(
    ("cycle", "renews_at"),
    [(MONTHLY, datetime(2026, 2, 28, 9, 30, tzinfo=UTC)), (YEARLY, datetime(2027, 1, 31, 9, 30, tzinfo=UTC))],
)
def test_a_subscription_renews_at_the_same_price_after_its_cycle(cycle: BillingCycle, renews_at: datetime) -> None:
    found = summary(PLANS["pro"], cycle)
    assert (found.renews_at, found.renewal_total) == (renews_at, found.total)


def test_a_summary_names_what_is_bought() -> None:
    found = summary(PLANS["pro"], YEARLY)
    assert (found.offering_uuid, found.offering_name) == ("f" * 32, "Customer Care")
    assert (found.plan_uuid, found.plan_name, found.billing_cycle) == (PLANS["pro"].uuid, "Pro", YEARLY)


@given(st.integers(0, 10**6), st.integers(0, 100), st.sampled_from(BillingCycle))
def test_lines_always_add_up_to_the_total(cents: int, discount: int, cycle: BillingCycle) -> None:
    listed = Money(cents * 10_000)
    price = listed.share(100 - discount, 100)
    plan = replace(PLANS["pro"], monthly_price=price, yearly_price=yearly_price(price), list_monthly_price=listed)
    found = summary(plan, cycle)
    assert found.total == sum((line.amount for line in found.lines), Money.zero())
    assert found.total == (plan.yearly_price if cycle is YEARLY else price)
    assert all(line.amount == line.amount.rounded() for line in found.lines)


# ---- periods


def at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("anchor", "months", "expected"),
    [
        (at(2026, 1, 31), 1, at(2026, 2, 28)),
        (at(2026, 1, 31), 2, at(2026, 3, 31)),  # from the anchor, not from 28 February
        (at(2026, 1, 31), 3, at(2026, 4, 30)),
        (at(2028, 1, 31), 1, at(2028, 2, 29)),
        (at(2028, 2, 29), 12, at(2029, 2, 28)),
        (at(2028, 2, 29), 48, at(2032, 2, 29)),
        (at(2026, 12, 15), 1, at(2027, 1, 15)),
        (at(2026, 11, 30), 15, at(2028, 2, 29)),
        (at(2026, 5, 5), 0, at(2026, 5, 5)),
        (at(2026, 1, 31), -2, at(2025, 11, 30)),
    ],
)
def test_a_boundary_is_counted_from_the_anchor_and_clamped_to_the_month(
    anchor: datetime, months: int, expected: datetime
) -> None:
    assert billing.boundary(anchor, months) == expected


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        (at(2026, 1, 31), at(2026, 1, 31), at(2026, 2, 28)),
        (at(2026, 2, 28) - timedelta(microseconds=1), at(2026, 1, 31), at(2026, 2, 28)),
        (at(2026, 2, 28), at(2026, 2, 28), at(2026, 3, 31)),  # the end belongs to the next period
        (at(2026, 3, 30), at(2026, 2, 28), at(2026, 3, 31)),
        (at(2027, 1, 1), at(2026, 12, 31), at(2027, 1, 31)),
        (at(2025, 7, 1), at(2026, 1, 31), at(2026, 2, 28)),  # a clock set back
    ],
)
def test_an_instant_belongs_to_one_period(now: datetime, start: datetime, end: datetime) -> None:
    assert billing.period_of(at(2026, 1, 31), now) == (start, end)


instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  made aware


@given(instants, st.integers(0, 600))
def test_periods_tile_time_without_gap_or_overlap(anchor: datetime, count: int) -> None:
    start, end = billing.boundary(anchor, count), billing.boundary(anchor, count + 1)
    tick = timedelta(microseconds=1)
    assert start < end
    assert billing.period_of(anchor, start) == billing.period_of(anchor, end - tick) == (start, end)
    assert billing.period_of(anchor, end)[0] == end


@given(instants, instants)
def test_every_instant_from_the_anchor_on_lies_in_its_period(one: datetime, other: datetime) -> None:
    anchor, now = sorted((one, other))
    start, end = billing.period_of(anchor, now)
    assert start <= now < end
    assert timedelta(days=27) < end - start < timedelta(days=32)
