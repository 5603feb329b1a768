"""Worked examples of the price list, and time cut into periods without a gap."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import Money, Rate
from services.api.types import BillingCycle, BillingModel, OrderSummary, Plan, SummaryLine
from services.domain import billing
from services.domain.billing import Buyer, Part, boundary
from services.domain.catalogue import yearly_price
from services.domain.discounts import Coupon, Duration
from services.domain.taxes import UNTAXED, TaxKind, Treatment
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


# ---- what the price depends on besides the plan


GERMAN = Treatment(TaxKind.STANDARD, Fraction(19, 100), "VAT")
FRENCH_BUSINESS = Treatment(TaxKind.REVERSE_CHARGE, name="VAT", code="reverse_charge")
WELCOME = Coupon("WELCOME20", percent=Decimal(20), duration=Duration.MONTHS, months=3)
ONE_MONTH = Coupon("ONCE20", percent=Decimal(20))
TEN_OFF = Coupon("TENOFF", amount=Money.parse("10"))


def sold(plan: str, buyer: Buyer, cycle: BillingCycle = MONTHLY) -> OrderSummary:
    return billing.summarize("f" * 32, "Customer Care", PLANS[plan], cycle, NOW, buyer)


def usd(text: str) -> Money:
    return Money.parse(text)


def named(found: OrderSummary) -> list[tuple[str, str, str]]:
    return [(line.kind, line.label, dollars(line.amount)) for line in found.lines]


@pytest.mark.parametrize(
    ("buyer", "cycle", "total", "later"),
    [
        (Buyer(coupon=WELCOME), MONTHLY, "23.20", "23.20"),
        (Buyer(coupon=WELCOME), YEARLY, "232", "290"),  # three months cover one year
        (Buyer(coupon=ONE_MONTH), MONTHLY, "23.20", "29"),
        (Buyer(coupon=TEN_OFF), MONTHLY, "19", "29"),
        (Buyer(coupon=replace(TEN_OFF, amount=Money.parse("50"))), MONTHLY, "0", "29"),
        (Buyer(treatment=GERMAN), MONTHLY, "34.51", "34.51"),
        (Buyer(treatment=GERMAN, coupon=WELCOME), MONTHLY, "27.61", "27.61"),  # 19 % of 23.20 is 4.408
        (Buyer(treatment=FRENCH_BUSINESS), MONTHLY, "29", "29"),
        (Buyer(treatment=GERMAN, credit=Money.parse("50")), MONTHLY, "29", "29"),  # credit was taxed when bought
        (Buyer(credit=Money.parse("50"), coupon=ONE_MONTH), MONTHLY, "23.20", "29"),
        (Buyer(trial_days=14), MONTHLY, "29", "29"),  # may start one, and does not
        (Buyer(trial_days=14, is_trial=True), MONTHLY, "0", "29"),
        (Buyer(trial_days=14, is_trial=True, coupon=ONE_MONTH), MONTHLY, "0", "23.20"),  # not used up by the trial
        (Buyer(trial_days=14, is_trial=True, treatment=GERMAN), MONTHLY, "0", "34.51"),
        (Buyer(trial_days=14, is_trial=True), YEARLY, "0", "290"),
    ],
)
def test_what_is_due_now_and_later(buyer: Buyer, cycle: BillingCycle, total: str, later: str) -> None:
    found = sold("starter", buyer, cycle)
    assert (found.total, found.renewal_total) == (usd(total), usd(later))
    assert sum((line.amount for line in found.lines), Money.zero()) == found.total
    assert (found.trial_days, found.is_trial) == (buyer.trial_days, buyer.is_trial)


def test_coupon_trial_and_tax_have_lines_of_their_own() -> None:
    found = sold("starter", Buyer(treatment=GERMAN, coupon=WELCOME))
    assert named(found) == [("price", "plan", "$29"), ("discount", "coupon", "-$5.80"), ("tax", "", "$4.41")]
    assert [line.params for line in found.lines[1:]] == [
        {"code": "WELCOME20", "percent": "20"},
        {"name": "VAT", "rate": "19"},
    ]
    found = sold("starter", Buyer(treatment=GERMAN, coupon=TEN_OFF, trial_days=14, is_trial=True))
    assert named(found) == [
        ("price", "plan", "$29"),
        ("discount", "coupon", "-$10"),
        ("discount", "trial", "-$19"),
        ("tax", "", "$0"),
    ]
    assert [line.params for line in found.lines[1:3]] == [{"code": "TENOFF", "percent": ""}, {"days": 14}]


@pytest.mark.parametrize(
    ("buyer", "label"),
    [
        (Buyer(), "test_mode"),
        (Buyer(credit=Money.parse("50")), "test_mode"),
        (Buyer(treatment=GERMAN, credit=Money.parse("50")), "prepaid"),
        (Buyer(treatment=FRENCH_BUSINESS), "reverse_charge"),
        (Buyer(treatment=UNTAXED), "none"),
    ],
)
def test_a_tax_of_nothing_says_why(buyer: Buyer, label: str) -> None:
    line = sold("starter", buyer).lines[-1]
    assert (line.kind, line.label, line.amount) == ("tax", label, Money.zero())


def test_a_percentage_is_written_without_noughts() -> None:
    odd = Coupon("ODD", percent=Decimal("12.50"))
    assert sold("starter", Buyer(coupon=odd)).lines[1].params["percent"] == "12.5"


@pytest.mark.parametrize(
    ("balance", "left"),
    [(None, None), ("28.999999", None), ("29", "0"), ("29.004", "0.004"), ("50", "21")],
)
def test_a_wallet_pays_all_of_it_or_nothing(balance: str | None, left: str | None) -> None:
    found = sold("starter", Buyer(credit=None if balance is None else usd(balance)))
    assert found.credit_left == (None if left is None else usd(left))
    assert found.total == usd("29")


def test_an_empty_wallet_can_pay_for_what_costs_nothing() -> None:
    assert sold("pay-per-use", Buyer(credit=Money.zero())).credit_left == Money.zero()


def test_a_trial_ends_at_the_hour_it_began() -> None:
    found = sold("pro", Buyer(trial_days=14, is_trial=True))
    assert found.renews_at == NOW + timedelta(days=14)
    assert sold("pro", Buyer(trial_days=14)).renews_at == boundary(NOW, 1)


def parts(*owned: int) -> tuple[Part, ...]:
    return tuple(Part(str(number), f"Part {number}", number in owned) for number in range(3))


THREE = bundle("71.34", "87")


@pytest.mark.parametrize(
    ("owned", "cycle", "lines", "monthly"),
    [
        ((), MONTHLY, ["$87", "-$15.66", "$0"], "71.34"),
        ((0,), MONTHLY, ["$87", "-$29", "-$10.44", "$0"], "47.56"),  # 18 % of 58.00
        ((0, 2), MONTHLY, ["$87", "-$58", "-$5.22", "$0"], "23.78"),
        ((1,), YEARLY, ["$1,044", "-$174", "-$290", "-$104.40", "$0"], "47.56"),
        ((0, 1, 2), MONTHLY, ["$87", "-$87", "$0"], "0"),
    ],
)
def test_a_bundle_charges_only_what_is_missing(
    owned: tuple[int, ...], cycle: BillingCycle, lines: list[str], monthly: str
) -> None:
    buyer = Buyer(parts=parts(*owned), discount_percent=18)
    made = billing.bill("b", "Suite", THREE, cycle, NOW, buyer)
    assert [dollars(line.amount) for line in made.summary.lines] == lines
    assert made.monthly == usd(monthly)
    assert made.summary.total == billing.price_of(usd(monthly), cycle)
    assert made.summary.owned == tuple(f"Part {number}" for number in owned)
    assert made.nothing_missing == (len(owned) == 3)


def test_the_names_of_what_is_owned_are_with_their_line() -> None:
    buyer = Buyer(parts=parts(0, 2), discount_percent=18)
    line = billing.summarize("b", "Suite", THREE, MONTHLY, NOW, buyer).lines[1]
    assert (line.label, line.params) == ("owned", {"names": "Part 0, Part 2"})


def test_a_bundle_without_a_discount_is_completed_without_one() -> None:
    plan = bundle("87", "87")
    found = billing.summarize("b", "Suite", plan, MONTHLY, NOW, Buyer(parts=parts(1)))
    assert [line.label for line in found.lines] == ["plan", "owned", "test_mode"]
    assert found.total == usd("58")


def test_nothing_of_one_agent_is_ever_missing() -> None:
    assert not billing.bill("a", "Agent", PLANS["pro"], MONTHLY, NOW, Buyer()).nothing_missing
    quoted = billing.bill("a", "Agent", PLANS["enterprise"], MONTHLY, NOW, Buyer(parts=parts(0)))
    assert (quoted.monthly, quoted.summary.owned) == (None, ("Part 0",))


@given(
    st.integers(0, 3),
    st.sampled_from([None, WELCOME, ONE_MONTH, TEN_OFF]),
    st.sampled_from([None, GERMAN, FRENCH_BUSINESS]),
    st.sampled_from(BillingCycle),
    st.booleans(),
)
def test_lines_add_up_whoever_buys(
    owned: int, coupon: Coupon | None, treatment: Treatment | None, cycle: BillingCycle, is_trial: bool
) -> None:
    buyer = Buyer(
        treatment=treatment, coupon=coupon, parts=parts(*range(owned)), discount_percent=18,
        trial_days=14, is_trial=is_trial,
    )  # fmt: skip
    found = billing.summarize("b", "Suite", THREE, cycle, NOW, buyer)
    assert found.total == sum((line.amount for line in found.lines), Money.zero())
    assert found.total is not None
    assert found.total.micros >= 0


# ---- the items of an invoice


def test_a_fee_says_what_it_is_for() -> None:
    item = billing.fee(billing.Bought("Customer Care", "Pro", "customer-care", "s1"), YEARLY, usd("990"), 2)
    assert (item.id, item.kind, item.amount, item.quantity) == ("fee", "fee", usd("1980"), Decimal(2))
    assert item.params == {"name": "Customer Care", "plan": "Pro", "cycle": "yearly"}
    assert (item.unit, item.offering, item.subscription) == (Rate(990_000_000), "customer-care", "s1")


@pytest.mark.parametrize(
    ("coupon", "used", "cycle", "covers"),
    [
        (None, 0, MONTHLY, False),
        (WELCOME, 2, MONTHLY, True),
        (WELCOME, 3, MONTHLY, False),
        (WELCOME, 0, YEARLY, True),
        (WELCOME, 1, YEARLY, False),
        (Coupon("FOREVER5", percent=Decimal(5), duration=Duration.FOREVER), 99, YEARLY, True),
    ],
)
def test_a_coupon_covers_its_periods(coupon: Coupon | None, used: int, cycle: BillingCycle, covers: bool) -> None:
    assert bool(billing.covering(coupon, used, cycle)) is covers


def test_a_cycle_has_its_length_and_price() -> None:
    assert (billing.months_in(MONTHLY), billing.months_in(YEARLY)) == (1, 12)
    assert (billing.price_of(usd("29"), MONTHLY), billing.price_of(usd("29"), YEARLY)) == (usd("29"), usd("290"))
    assert billing.price_of(Money.zero(), YEARLY) == Money.zero()


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
