"""What other plans would have cost: the same events, month by month, and where one overtakes another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import CurrencyMismatch, Money, Rate
from services.api.types import BillingCycle, OveragePolicy
from services.domain.comparison import (
    CALLS_MAX,
    Option,
    PayMode,
    break_even,
    compare,
    curve,
    fee_of,
    option_of,
    window,
)
from services.domain.pricing import Bounded, FlatFee, Graduated, Included, Model, Package, PerUnit, Tier, Volume, number
from services.domain.rating import Event, Line, Terms, rate
from tests.samples import plans_of

END = datetime(2026, 4, 1, tzinfo=UTC)
PLANS = {plan.slug: plan for plan in plans_of("agent")}


def option(slug: str, cycle: BillingCycle = BillingCycle.MONTHLY, mode: PayMode = PayMode.SUBSCRIPTION) -> Option:
    made = option_of(PLANS[slug], f"{slug}-{cycle}-{mode}", cycle, mode)
    assert made is not None
    return made


STARTER, PRO = option("starter"), option("pro")
STARTER_YEARLY, PRO_YEARLY = option("starter", BillingCycle.YEARLY), option("pro", BillingCycle.YEARLY)
PREPAID = option("pay-per-use", mode=PayMode.PREPAID)
POSTPAID = option("pay-per-use", mode=PayMode.POSTPAID)
FREE = option("free")
ALL = (STARTER, PRO, STARTER_YEARLY, PRO_YEARLY, PREPAID, POSTPAID, FREE)


def calls(count: int, days_ago: int = 1, purpose: str = "") -> list[Event]:
    at = END - timedelta(days=days_ago)
    return [Event(f"{purpose}{days_ago}-{n}", at + timedelta(seconds=n), Decimal(1), purpose) for n in range(count)]


def custom(model: Model, price: str = "0", mode: PayMode = PayMode.POSTPAID, **terms: object) -> Option:
    given_terms = replace(Terms("custom", model), **terms)  # type: ignore[arg-type]
    return Option("custom", Money.parse(price), given_terms, mode=mode)


# ---- the window


def test_a_window_is_whole_periods_of_thirty_days() -> None:
    assert window(END, 30) == ((END - timedelta(30), END),)
    ninety = window(END, 90)
    assert [start for start, _ in ninety] == [END - timedelta(days) for days in (90, 60, 30)]
    assert [end for _, end in ninety] == [END - timedelta(days) for days in (60, 30, 0)]


@pytest.mark.parametrize("days", [0, -30, 29, 31, 89])
def test_other_windows_are_refused(days: int) -> None:
    with pytest.raises(ValueError, match="30-day"):
        window(END, days)


@pytest.mark.parametrize(
    ("which", "months", "fee"),
    [(STARTER, 1, "29"), (STARTER, 3, "87"), (STARTER_YEARLY, 1, "24.17"), (STARTER_YEARLY, 3, "72.50"),
     (STARTER_YEARLY, 12, "290"), (PRO_YEARLY, 1, "82.50"), (PRO_YEARLY, 12, "990"), (PREPAID, 12, "0")],
)  # fmt: skip
def test_a_yearly_price_is_a_twelfth_for_each_month(which: Option, months: int, fee: str) -> None:
    assert fee_of(which, months) == Money.parse(fee)


# ---- the table


def test_pro_would_have_cost_99_instead_of_141_30() -> None:
    rows = compare(calls(7065), ALL, window(END, 30), POSTPAID.code)
    table = {row.code: (row.fee.decimal(), row.usage.decimal(), row.difference.decimal()) for row in rows}
    assert table == {
        STARTER.code: ("29.000000", "60.650000", "-51.650000"),
        PRO.code: ("99.000000", "0.000000", "-42.300000"),
        STARTER_YEARLY.code: ("24.170000", "60.650000", "-56.480000"),
        PRO_YEARLY.code: ("82.500000", "0.000000", "-58.800000"),
        PREPAID.code: ("0.000000", "141.300000", "0.000000"),
        POSTPAID.code: ("0.000000", "141.300000", "0.000000"),
        FREE.code: ("0.000000", "0.000000", "-141.300000"),
    }
    assert [row.code for row in rows if row.is_actual] == [POSTPAID.code]
    assert [row.cost == row.fee + row.usage for row in rows] == [True] * len(ALL)
    assert [row.mode for row in rows] == [each.mode for each in ALL]


def test_included_units_are_counted_anew_in_each_month() -> None:
    events = calls(1500, 80) + calls(600, 50) + calls(1001, 20)
    (row,) = compare(events, [STARTER], window(END, 90), STARTER.code)
    assert row.usage == Money.parse("5.01")
    assert row.cost == Money.parse("92.01")
    amounts = [(line.id, line.parent, line.amount) for line in row.lines]
    assert amounts == [
        ("fee", "", Money.parse("87")),
        ("1.usage", "", Money.parse("5")),
        ("1.usage.1", "1.usage", Money(0)),
        ("1.usage.2", "1.usage", Money.parse("5")),
        ("2.usage", "", Money(0)),
        ("2.usage.1", "2.usage", Money(0)),
        ("3.usage", "", Money.parse("0.01")),
        ("3.usage.1", "3.usage", Money(0)),
        ("3.usage.2", "3.usage", Money.parse("0.01")),
    ]
    assert row.lines[0] == Line(
        "fee", "", "fee", "plan_monthly", Money.parse("87"), Decimal(3), None, {"months": 3, "price": "29"}
    )


def test_a_throttled_plan_says_what_it_would_have_refused() -> None:
    rows = compare(calls(5, 50) + calls(1, 20), [FREE, STARTER], window(END, 60), STARTER.code)
    assert [(number(row.quantity), number(row.refused)) for row in rows] == [(6, 3), (6, 0)]


def test_test_calls_repeats_and_calls_outside_do_not_count() -> None:
    events = calls(3) + calls(3) + calls(9, purpose="test") + calls(4, 31) + [Event("end", END)]
    (row,) = compare(events, [PREPAID], window(END, 30), PREPAID.code)
    assert (number(row.quantity), row.cost) == (3, Money.parse("0.06"))


def test_an_invoice_rounds_each_month_and_the_wallet_does_not() -> None:
    model = PerUnit(Rate.parse("0.004"))
    events = calls(1, 50) + calls(2, 20)
    options = [replace(custom(model, mode=mode), code=mode) for mode in PayMode]
    rows = compare(events, options, window(END, 60), PayMode.PREPAID)
    assert {row.code: row.usage for row in rows} == {
        PayMode.PREPAID: Money.parse("0.012"),
        PayMode.POSTPAID: Money.parse("0.01"),  # 0.004 and 0.008
        PayMode.SUBSCRIPTION: Money.parse("0.01"),
        PayMode.BUNDLE: Money.parse("0.01"),
    }


def test_a_cap_refuses_in_time_order() -> None:
    capped = custom(PerUnit(Rate.parse("0.02")), cap=Money.parse("0.05"))
    events = [Event("late", END - timedelta(1), Decimal("0.5")), *calls(2, 2)]
    (row,) = compare(events, [capped], window(END, 30), "custom")
    assert (row.cost, number(row.refused)) == (Money.parse("0.05"), 0)
    (row,) = compare([*events, *calls(1, 3)], [capped], window(END, 30), "custom")
    assert (row.cost, str(row.refused)) == (Money.parse("0.04"), "1.5")


def test_fees_of_the_terms_are_not_charged_twice() -> None:
    fee = Line("fee", "", "fee", "plan_month", Money.parse("29"))
    with_fee = replace(STARTER, terms=replace(STARTER.terms, fees=(fee,)))
    assert compare([], [with_fee], window(END, 30), STARTER.code)[0].cost == Money.parse("29")


def test_the_actual_option_must_be_there_and_currencies_agree() -> None:
    with pytest.raises(KeyError):
        compare([], [STARTER], window(END, 30), "other")
    yen = replace(custom(PerUnit(Rate(1, 1, "JPY"))), price=Money(0, "JPY"), code="yen")
    with pytest.raises(CurrencyMismatch):
        compare([], [STARTER, yen], window(END, 30), STARTER.code)


def test_plans_become_options() -> None:
    assert option_of(PLANS["enterprise"], "e", BillingCycle.MONTHLY, PayMode.SUBSCRIPTION) is None
    assert option_of(replace(PLANS["pro"], yearly_price=None), "y", BillingCycle.YEARLY, PayMode.SUBSCRIPTION) is None
    quoted = option_of(PLANS["enterprise"], "e", BillingCycle.MONTHLY, PayMode.BUNDLE, Money.parse("10"))
    assert quoted is None
    share = option_of(PLANS["starter"], "b", BillingCycle.MONTHLY, PayMode.BUNDLE, Money.parse("24.65"))
    assert share is not None
    assert (share.code, share.price, share.terms, share.cycle) == (
        "b",
        Money.parse("24.65"),
        STARTER.terms,
        BillingCycle.MONTHLY,
    )
    assert (PRO_YEARLY.price, PRO_YEARLY.cycle) == (Money.parse("990"), BillingCycle.YEARLY)


@given(st.lists(st.integers(0, 95), max_size=40), st.sampled_from([90, 30]))
def test_a_comparison_is_the_invoices_of_its_months(days: list[int], length: int) -> None:
    events = [Event(str(n), END - timedelta(days=ago, minutes=n)) for n, ago in enumerate(days)]
    small = [custom(PerUnit(Rate(7_777)), included=Decimal(3)), replace(PREPAID, code="prepaid")]
    for each, row in zip(small, compare(events, small, window(END, length), "custom"), strict=True):
        usage = [rate(events, each.terms, period)[0].amount for period in window(END, length)]
        paid = [amount if each.mode is PayMode.PREPAID else amount.rounded() for amount in usage]
        assert row.usage == sum(paid, Money(0))


# ---- the chart


def test_the_curve_is_a_month_at_each_number_of_calls() -> None:
    assert curve(STARTER, [0, 1000, 1001, 1312]) == (
        (0, Money.parse("29")),
        (1000, Money.parse("29")),
        (1001, Money.parse("29.01")),
        (1312, Money.parse("32.12")),
    )
    assert curve(PRO_YEARLY, [10_001]) == ((10_001, Money.parse("82.51")),)  # 0.008 is a cent on an invoice
    assert curve(PREPAID, [1]) == ((1, Money.parse("0.02")),)
    assert curve(STARTER, []) == ()


def test_the_curve_ends_flat_where_calls_are_refused() -> None:
    capped = custom(PerUnit(Rate.parse("0.02")), cap=Money.parse("0.05"))
    assert [amount for _, amount in curve(capped, [1, 2, 3, 4])] == [
        Money.parse(text) for text in ("0.02", "0.04", "0.04", "0.04")
    ]


# ---- break-even

SMALL_TIERS = (Tier(Decimal(5), Rate.parse("1")), Tier(None, Rate.parse("0.1")))


@pytest.mark.parametrize(
    ("a", "b", "calls_a_month"),
    [
        (POSTPAID, STARTER, 1900),  # 0.02 n >= 29 + 0.01 (n - 1,000)
        (POSTPAID, PRO, 4950),  # 0.02 n >= 99
        (STARTER, PRO, 8000),  # 29 + 0.01 (n - 1,000) >= 99
        (POSTPAID, STARTER_YEARLY, 1417),  # 0.02 n >= 24.1666 + 0.01 (n - 1,000)
        (STARTER_YEARLY, PRO_YEARLY, 6834),  # 24.1666 + 0.01 (n - 1,000) >= 82.50
        (STARTER, STARTER_YEARLY, 0),
        (PREPAID, POSTPAID, 0),
        (PRO, STARTER, None),  # cheaper for few calls only
        (STARTER_YEARLY, STARTER, None),
        (STARTER, POSTPAID, None),
        (custom(PerUnit(Rate(3))), custom(PerUnit(Rate(2)), "10"), 10 * 1_000_000),
        (custom(PerUnit(Rate(3))), custom(PerUnit(Rate(2)), "10.000001"), None),
        (custom(FlatFee(Money.parse("5"), needs_use=True)), custom(FlatFee(Money.parse("4"))), 1),
        (custom(Volume(SMALL_TIERS)), custom(FlatFee(Money.parse("2"))), 20),
        (custom(Graduated(SMALL_TIERS)), custom(FlatFee(Money.parse("6"))), 15),
        (custom(Bounded(PerUnit(Rate(10_000)), minimum=Money.parse("3"))), custom(FlatFee(Money.parse("4"))), 400),
        (custom(FlatFee(Money.parse("4"))), custom(Bounded(PerUnit(Rate(10_000)), maximum=Money.parse("4"))), 0),
        (custom(FlatFee(Money.parse("4"))), custom(Bounded(PerUnit(Rate(10_000)), maximum=Money.parse("5"))), None),
        (custom(Package(Decimal(10), Money.parse("1"))), custom(FlatFee(Money.parse("2.5"))), 21),
        (custom(Included(Decimal(7), Package(Decimal(10), Money(10**6)))), custom(FlatFee(Money.parse("2"))), 18),
        (custom(PerUnit(Rate(10_000))), custom(PerUnit(Rate(20_000)), cap=Money.parse("1")), 100),
        (custom(PerUnit(Rate(10_000)), cap=Money.parse("1")), custom(FlatFee(Money.parse("1"))), 100),
        (custom(PerUnit(Rate(10_000)), cap=Money.parse("1")), custom(FlatFee(Money.parse("1.01"))), None),
        (custom(PerUnit(Rate(10_000))), replace(FREE, price=Money.parse("0.50")), 50),
    ],
)  # fmt: skip
def test_from_how_many_calls_the_second_is_no_dearer(a: Option, b: Option, calls_a_month: int | None) -> None:
    assert break_even(a, b) == calls_a_month


def test_ten_million_calls_are_the_end_of_the_search() -> None:
    assert CALLS_MAX == 10_000_000


def test_a_cap_on_a_price_that_falls_ends_at_the_first_call_that_does_not_fit() -> None:
    capped = custom(Volume(SMALL_TIERS), cap=Money.parse("4.5"))
    assert [amount for _, amount in curve(capped, [4, 5, 6, 50])] == [Money.parse("4")] * 4
    fitting = custom(Volume(SMALL_TIERS), cap=Money.parse("5"))
    assert [amount.decimal(2) for _, amount in curve(fitting, [5, 6, 50, 51])] == [
        "5.000000",
        "0.600000",
        "5.000000",
        "5.000000",
    ]
    nothing = custom(Bounded(PerUnit(Rate(1)), minimum=Money.parse("9"), without_use=True), cap=Money.parse("1"))
    assert curve(nothing, [3])[0][1] == Money.parse("9")


def test_a_cap_that_is_not_reached_refuses_nothing() -> None:
    capped = custom(PerUnit(Rate(10_000)), cap=Money.parse("0.50"))
    assert [amount for _, amount in curve(capped, [50])] == [Money.parse("0.50")]
    assert [amount for _, amount in curve(capped, [49, 51])] == [Money.parse("0.49"), Money.parse("0.50")]


@pytest.mark.parametrize(("included", "last"), [(None, 50), ("3.5", 3), ("90", 50)])
def test_a_throttled_plan_is_a_flat_line_after_the_included(included: str | None, last: int) -> None:
    throttled = custom(
        PerUnit(Rate(10_000)),
        included=None if included is None else Decimal(included),
        policy=OveragePolicy.THROTTLE,
    )
    assert curve(throttled, [last, 50]) == ((last, Money(0)), (50, Money(0)))


small_models = st.sampled_from(
    [
        PerUnit(Rate(10_000)),
        Graduated(SMALL_TIERS),
        Volume(SMALL_TIERS),
        Included(Decimal(6), PerUnit(Rate(300_000))),
        Bounded(PerUnit(Rate(70_000)), Money.parse("0.5"), Money.parse("2")),
    ]
)
small_options = st.builds(
    lambda model, price, yearly, cap: Option(
        "x",
        Money(price * 10_000),
        Terms("x", model, cap=cap),
        BillingCycle.YEARLY if yearly else BillingCycle.MONTHLY,
    ),
    small_models,
    st.integers(0, 500),
    st.booleans(),
    st.none() | st.integers(0, 300).map(lambda cents: Money(cents * 10_000)),
)


def exact_year(which: Option, n: int) -> int:
    """A year of months with n calls each, before rounding; a capped month is found by trying every call."""
    fee = which.price.micros * (1 if which.cycle is BillingCycle.YEARLY else 12)
    events = [Event(f"{i:03d}", END - timedelta(days=1)) for i in range(n)]
    return fee + 12 * rate(events, which.terms, window(END, 30)[0])[0].amount.micros


@given(small_options, small_options, st.integers(0, 45))
def test_at_and_after_a_break_even_the_second_is_no_dearer(a: Option, b: Option, n: int) -> None:
    point = break_even(a, b)
    if point is not None and n >= point:
        assert exact_year(b, n) <= exact_year(a, n)
    if point is not None and 0 < point <= 200:
        assert exact_year(b, point - 1) > exact_year(a, point - 1)
