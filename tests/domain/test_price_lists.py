"""The price list of BILLING.md, month by month, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.api.money import Money, Rate
from services.api.types import BillingCycle, Plan
from services.domain.billing import boundary
from services.domain.comparison import Option, PayMode, compare, option_of
from services.domain.pricing import number
from services.domain.rating import Event, Line, next_call, rate, terms_of
from tests.samples import SUPPORT_BUNDLE, plans_of

PLANS = {plan.slug: plan for plan in plans_of("agent")} | {"bundle": SUPPORT_BUNDLE.plans[0]}
START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)  # clamped in short months
MONTHS = [(boundary(START, n), boundary(START, n + 1)) for n in range(12)]


def month_of(number_of_month: int, calls: int) -> list[Event]:
    """So many calls inside one month, some at its very first instant and some in its last second."""
    start, end = MONTHS[number_of_month]
    places = (start, start + timedelta(days=9), end - timedelta(microseconds=1))
    return [Event(f"{number_of_month}-{n}", places[n % 3]) for n in range(calls)]


def bill(plan: Plan, calls: int) -> Money:
    """What an invoice of one month adds up to: the monthly price and the usage line, each a rounded line."""
    fee = Line("fee", "", "fee", "plan_month", plan.monthly_price or Money(0))
    lines = rate(month_of(0, calls), terms_of(plan, (fee,)), MONTHS[0])
    return sum((line.amount.rounded() for line in lines if not line.parent), Money(0))


@pytest.mark.parametrize(
    ("slug", "calls", "amount"),
    [
        ("starter", 0, "29"),
        ("starter", 1, "29"),
        ("starter", 999, "29"),
        ("starter", 1000, "29"),
        ("starter", 1001, "29.01"),
        ("starter", 1312, "32.12"),  # 312 calls over the quota x $0.01 = $3.12
        ("starter", 8000, "99"),
        ("starter", 12_230, "141.30"),
        ("pro", 0, "99"),
        ("pro", 10_000, "99"),
        ("pro", 10_001, "99.01"),  # 0.8 cents
        ("pro", 10_062, "99.50"),  # 49.6 cents
        ("pro", 10_063, "99.50"),  # 50.4 cents
        ("pro", 10_125, "100"),
        ("pro", 12_230, "116.84"),
        ("pay-per-use", 0, "0"),
        ("pay-per-use", 1, "0.02"),
        ("pay-per-use", 7065, "141.30"),
        ("free", 0, "0"),
        ("free", 5, "0"),
        ("enterprise", 12_000, "0"),  # priced by quote; calls are unlimited
        ("bundle", 0, "49.30"),  # 2 x $29 less 15 %
        ("bundle", 2000, "49.30"),
        ("bundle", 2312, "52.42"),
    ],
)
def test_a_month_costs_what_the_price_list_says(slug: str, calls: int, amount: str) -> None:
    assert bill(PLANS[slug], calls) == Money.parse(amount)


def test_312_calls_over_the_quota_are_3_12_in_the_tree() -> None:
    lines = rate(month_of(0, 1312), terms_of(PLANS["starter"]), MONTHS[0])
    assert [(line.id, line.amount, number(line.quantity), line.unit) for line in lines] == [
        ("usage", Money.parse("3.12"), 1312, None),
        ("usage.1", Money(0), 1000, None),
        ("usage.2", Money.parse("3.12"), 312, Rate(10_000)),
    ]


CALLS = [0, 400, 999, 1000, 1001, 1312, 3000, 9_999, 10_000, 10_001, 12_230, 15_000]
YEAR = {
    "starter": "29 29 29 29 29.01 32.12 49 118.99 119 119.01 141.30 169",
    "pro": "99 99 99 99 99 99 99 99 99 99.01 116.84 139",
    "pay-per-use": "0 8 19.98 20 20.02 26.24 60 199.98 200 200.02 244.60 300",
    "bundle": "49.30 49.30 49.30 49.30 49.30 49.30 59.30 129.29 129.30 129.31 151.60 179.30",
}
TOTALS = {"starter": "893.43", "pro": "1245.85", "pay-per-use": "1298.84", "bundle": "1073.90"}


@pytest.mark.parametrize("slug", sorted(YEAR))
def test_a_year_month_by_month(slug: str) -> None:
    plan = PLANS[slug]
    events = [event for number_of_month, calls in enumerate(CALLS) for event in month_of(number_of_month, calls)]
    fee = plan.monthly_price or Money(0)
    months = [fee + rate(events, terms_of(plan), month)[0].amount.rounded() for month in MONTHS]
    assert months == [Money.parse(text) for text in YEAR[slug].split()]
    assert sum(months, Money(0)) == Money.parse(TOTALS[slug])


def test_a_year_of_pro_paid_yearly_is_ten_months_and_the_same_usage() -> None:
    events = [event for number_of_month, calls in enumerate(CALLS) for event in month_of(number_of_month, calls)]
    options = [_option("pro", BillingCycle.MONTHLY), _option("pro", BillingCycle.YEARLY)]
    monthly, yearly = compare(events, options, MONTHS, "pro-monthly")
    assert (monthly.fee, monthly.usage) == (Money.parse("1188"), Money.parse("57.85"))
    assert (yearly.fee, yearly.usage) == (Money.parse("990"), Money.parse("57.85"))
    assert yearly.difference == Money.parse("-198")


def test_a_year_of_starter_paid_yearly_saves_two_months() -> None:
    monthly, yearly = _option("starter", BillingCycle.MONTHLY), _option("starter", BillingCycle.YEARLY)
    rows = compare([], [monthly, yearly], MONTHS, "starter-monthly")
    assert [row.cost for row in rows] == [Money.parse("348"), Money.parse("290")]


@pytest.mark.parametrize(
    ("slug", "used", "tag"),
    [("starter", 999, "0"), ("starter", 1000, "0.01"), ("pro", 9_999, "0"), ("pro", 10_000, "0.008"),
     ("pay-per-use", 0, "0.02"), ("enterprise", 10**6, "0"), ("bundle", 1999, "0"), ("bundle", 2000, "0.01")],
)  # fmt: skip
def test_the_next_call_has_a_price_tag(slug: str, used: int, tag: str) -> None:
    assert next_call(terms_of(PLANS[slug]), Decimal(used)) == Money.parse(tag)


def _option(slug: str, cycle: BillingCycle) -> Option:
    made = option_of(PLANS[slug], f"{slug}-{cycle}", cycle, PayMode.SUBSCRIPTION)
    assert made is not None
    return made
