"""Rating: which events count, what they cost line by line, and the very events behind each line."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import CurrencyMismatch, Money, Rate
from services.api.types import OveragePolicy
from services.domain import metering
from services.domain.pricing import (
    Bounded,
    FlatFee,
    Graduated,
    Package,
    PerUnit,
    Tier,
    Volume,
    number,
)
from services.domain.rating import (
    Event,
    Line,
    Terms,
    cost_of_call,
    events_of,
    lines_for,
    next_call,
    rate,
    refusal,
    served,
    terms_of,
    total_of,
)
from tests.samples import plans_of

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
MARCH = (START, END)
CENT = PerUnit(Rate.parse("0.01"))
THROTTLE = OveragePolicy.THROTTLE
PLANS = {plan.slug: plan for plan in plans_of("agent")}


def calls(count: int, purpose: str = "", start: int = 0, quantity: str = "1") -> list[Event]:
    """Calls a minute apart from the period's start on."""
    return [
        Event(
            f"{purpose}{n:06d}", START + timedelta(minutes=n), Decimal(quantity), purpose, "care", f"key-{n % 3}", "ana"
        )
        for n in range(start, start + count)
    ]


def terms(included: int | None = 3, policy: OveragePolicy = OveragePolicy.CHARGE, cap: str | None = None) -> Terms:
    return Terms(
        "starter",
        CENT,
        None if included is None else Decimal(included),
        policy,
        None if cap is None else Money.parse(cap),
    )


def line(lines: tuple[Line, ...], line_id: str) -> Line:
    return next(each for each in lines if each.id == line_id)


# ---- which events count


def test_a_period_is_half_open() -> None:
    micro = timedelta(microseconds=1)
    instants = [START - micro, START, END - micro, END]
    events = [Event(str(n), at) for n, at in enumerate(instants)]
    lines = rate(events, terms(0), MARCH)
    assert lines[0].quantity == 2
    assert [share.event.id for share in events_of(events, terms(0), MARCH, "usage")] == ["1", "2"]


def test_a_repeated_event_changes_nothing_and_the_earliest_counts() -> None:
    first, again = Event("a", START, Decimal(2)), Event("a", START + timedelta(1), Decimal(50))
    assert rate([again, first, first], terms(0), MARCH) == rate([first], terms(0), MARCH)


def test_test_calls_cost_nothing_and_say_what_they_would_have_cost() -> None:
    lines = rate(calls(2) + calls(4, "test"), terms(3), MARCH)
    assert line(lines, "usage").quantity == 2
    would = line(lines, "test")
    assert (would.kind, would.code, would.parent, would.amount) == ("test", "test_calls", "", Money(0))
    assert would.quantity == 4
    assert would.params == {"quantity": 4, "would_have_cost": "0.03"}  # 2 + 4 calls, 3 of them included
    assert "test" not in {each.id for each in rate(calls(2), terms(3), MARCH)}


def test_what_is_beyond_a_throttled_plan_would_have_cost_nothing_either() -> None:
    assert rate(calls(5, "test"), terms(3, THROTTLE), MARCH)[-1].params["would_have_cost"] == "0"


@pytest.mark.parametrize("quantity", ["-1", "NaN", "Infinity"])
def test_a_quantity_that_is_none_is_refused(quantity: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        rate([Event("a", START, Decimal(quantity))], terms(), MARCH)


def test_quantities_are_added_without_losing_a_digit() -> None:
    tiny, huge = Decimal("0.000000000000000001"), Decimal("999999999999999998")
    assert total_of([huge, tiny, tiny]) == Decimal("999999999999999998.000000000000000002")
    assert total_of([]) == 0
    events = [Event("a", START, huge), Event("b", START, tiny)]
    assert str(rate(events, terms(0), MARCH)[0].params["quantity"]) == "999999999999999998.000000000000000001"


# ---- the lines


def test_312_calls_over_the_quota_cost_3_12() -> None:
    lines = rate(calls(1312), terms(1000), MARCH)
    assert lines == (
        Line(
            "usage",
            "",
            "usage",
            "included_then_unit",
            Money.parse("3.12"),
            Decimal(1312),
            None,
            {"quantity": 1312, "included": 1000, "over": 312, "unit": "0.01", "per": 1},
        ),
        Line(
            "usage.1",
            "usage",
            "tier",
            "included",
            Money(0),
            Decimal(1000),
            None,
            {"included": 1000, "quantity": 1000},
        ),
        Line(
            "usage.2",
            "usage",
            "tier",
            "unit",
            Money.parse("3.12"),
            Decimal(312),
            CENT.unit,
            {"quantity": 312, "unit": "0.01", "per": 1},
        ),
    )


def test_nothing_used_is_one_line_of_nothing() -> None:
    lines = rate([], terms(1000), MARCH)
    assert [(each.id, each.amount, number(each.quantity)) for each in lines] == [("usage", Money(0), 0)]
    assert lines[0].params == {"quantity": 0, "included": 1000, "over": 0, "unit": "0.01", "per": 1}


@pytest.mark.parametrize(
    ("given_terms", "code", "unit", "params"),
    [
        (terms(0), "per_unit", CENT.unit, {"quantity": 4, "included": 0, "over": 4, "unit": "0.01", "per": 1}),
        (terms(1), "included_then_unit", None, {"quantity": 4, "included": 1, "over": 3, "unit": "0.01", "per": 1}),
        (terms(4), "included_then_unit", None, {"quantity": 4, "included": 4, "over": 0, "unit": "0.01", "per": 1}),
        (terms(None), "unlimited", None, {"quantity": 4}),
        (terms(9, THROTTLE), "throttled", None, {"quantity": 4, "included": 9}),
        (replace(terms(0), beyond=FlatFee(Money(1))), "priced", None, {"quantity": 4, "included": 0, "over": 4}),
    ],
)
def test_the_usage_line_says_how_it_is_priced(
    given_terms: Terms, code: str, unit: Rate | None, params: dict[str, str | int | None]
) -> None:
    usage = rate(calls(4), given_terms, MARCH)[0]
    assert (usage.code, usage.unit, usage.params) == (code, unit, params)


def test_given_fees_come_first_and_are_not_touched() -> None:
    fee = Line("fee", "", "fee", "plan_month", Money.parse("29"))
    lines = rate(calls(4), replace(terms(3), fees=(fee,)), MARCH)
    assert lines[0] is fee
    assert fee.quantity == 1
    assert [each.id for each in lines] == ["fee", "usage", "usage.1", "usage.2"]
    assert events_of(calls(4), replace(terms(3), fees=(fee,)), MARCH, "fee") == ()


def test_terms_have_one_currency() -> None:
    with pytest.raises(CurrencyMismatch):
        replace(terms(), cap=Money(1, "EUR"))
    with pytest.raises(CurrencyMismatch):
        replace(terms(), fees=(Line("fee", "", "fee", "plan_month", Money(1, "JPY")),))


def test_a_minimum_and_a_maximum_are_lines_of_their_own() -> None:
    low = rate(calls(4), Terms("x", Bounded(CENT, minimum=Money.parse("1"))), MARCH)
    assert [(each.kind, each.amount) for each in low[1:]] == [
        ("tier", Money.parse("0.04")),
        ("minimum", Money.parse("0.96")),
    ]
    high = rate(calls(4), Terms("x", Bounded(CENT, maximum=Money.parse("0.03"))), MARCH)
    assert [(each.kind, each.amount) for each in high[1:]] == [
        ("tier", Money.parse("0.04")),
        ("maximum", Money.parse("-0.01")),
    ]


# ---- what is refused


def test_a_throttled_plan_serves_what_is_included_and_charges_nothing() -> None:
    lines = rate(calls(10), terms(3, THROTTLE), MARCH)
    assert [(each.id, each.amount, number(each.quantity)) for each in lines] == [
        ("usage", Money(0), 3),
        ("usage.1", Money(0), 3),
        ("usage.refused", Money(0), 7),
    ]
    refused = lines[-1]
    assert (refused.kind, refused.parent, refused.code) == ("refused", "usage", "included_used_up")
    assert refused.params == {"quantity": 7}
    assert len(rate(calls(3), terms(3, THROTTLE), MARCH)) == 2


def test_a_throttled_plan_that_includes_everything_refuses_nothing() -> None:
    assert rate(calls(10), terms(None, THROTTLE), MARCH)[0].quantity == 10
    assert refusal(terms(None, THROTTLE), 10**9) == ""


@pytest.mark.parametrize(
    ("cap", "within", "amount"),
    [("0.05", 8, "0.05"), ("0.059999", 8, "0.05"), ("0.06", 9, "0.06"), ("0", 3, "0"), ("0.07", 10, "0.07")],
)
def test_a_cap_is_never_exceeded_and_used_to_the_last_call_that_fits(cap: str, within: int, amount: str) -> None:
    capped = terms(3, cap=cap)
    lines = rate(calls(10), capped, MARCH)
    assert (number(lines[0].quantity), lines[0].amount) == (within, Money.parse(amount))
    refused = [each for each in lines if each.kind == "refused"]
    if within == 10:
        assert refused == []
    else:
        assert (refused[0].code, number(refused[0].quantity)) == ("cap_reached", 10 - within)
        assert refused[0].params == {"quantity": 10 - within, "cap": Rate(Money.parse(cap).micros).quoted[0]}
    assert refusal(capped, within - 1) == ""
    assert refusal(capped, within) == "cap_reached"


def test_the_first_call_that_does_not_fit_under_a_cap_ends_the_period() -> None:
    events = calls(2) + calls(1, start=2, quantity="5") + calls(1, start=3)
    capped = terms(0, cap="0.04")
    assert rate(events, capped, MARCH)[0].quantity == 2
    assert [s.event.id for s in events_of(events, capped, MARCH, "usage.refused")] == ["000002", "000003"]


def test_a_cap_below_the_very_first_call_serves_nothing() -> None:
    assert served(terms(0, cap="0.009999"), [Decimal(1), Decimal(2)]) == 0
    assert served(terms(0, cap="0.01"), []) == 0


def test_under_a_price_that_falls_each_call_is_looked_at() -> None:
    falling = Volume((Tier(Decimal(5), Rate.parse("1")), Tier(None, Rate.parse("0.1"))))
    ends = [Decimal(n) for n in range(1, 11)]
    assert served(Terms("x", falling, cap=Money.parse("5")), ends) == 10
    assert served(Terms("x", falling, cap=Money.parse("4.5")), ends) == 4  # 10 calls cost 1, the fifth would not fit


# ---- one call


@pytest.mark.parametrize(
    ("used", "tag", "reason"), [(0, "0", ""), (2, "0", ""), (3, "0.01", ""), (7, "0.01", ""), (8, "0", "cap_reached")]
)
def test_the_price_tag_before_send_is_the_next_call(used: int, tag: str, reason: str) -> None:
    capped = terms(3, cap="0.05")
    assert next_call(capped, used) == Money.parse(tag)
    assert refusal(capped, used) == reason


@pytest.mark.parametrize(("used", "reason"), [(2, ""), ("2.999", ""), (3, "included_used_up"), (4, "included_used_up")])
def test_a_throttled_plan_refuses_once_the_included_is_used_up(used: int | str, reason: str) -> None:
    assert refusal(terms(3, THROTTLE), Decimal(used)) == reason
    assert cost_of_call(terms(3, THROTTLE), Decimal(used), 5) == Money(0)


def test_a_call_over_the_border_pays_for_what_is_beyond() -> None:
    assert cost_of_call(terms(3), 2, Decimal("1.5")) == Money.parse("0.005")
    assert cost_of_call(terms(3), 3) == Money.parse("0.01")
    assert cost_of_call(terms(3, cap="0.02"), 3, 2) == Money.parse("0.02")
    assert cost_of_call(terms(3, cap="0.02"), 3, 3) == Money(0)
    assert refusal(terms(3, cap="0.02"), 3, 3) == "cap_reached"


@pytest.mark.parametrize("slug", sorted(PLANS))
@pytest.mark.parametrize("used", [0, 1, 2, 999, 1000, 1001, 9_999, 10_000, 10_001])
def test_the_meter_and_the_rating_agree_on_every_plan(slug: str, used: int) -> None:
    plan = PLANS[slug]
    assert next_call(terms_of(plan), used) == metering.call_cost(plan, used)
    assert (refusal(terms_of(plan), used) == "") is metering.is_allowed(plan, used)


def test_terms_of_a_plan_are_its_own() -> None:
    starter = terms_of(PLANS["starter"], cap=Money.parse("10"))
    assert starter == Terms("starter", CENT, Decimal(1000), OveragePolicy.CHARGE, Money.parse("10"))
    assert terms_of(PLANS["enterprise"]).included is None
    euros = replace(PLANS["free"], monthly_price=Money.zero("EUR"))
    assert terms_of(euros).currency == "EUR"
    fee = Line("fee", "", "fee", "plan_month", Money.parse("29"))
    assert terms_of(PLANS["starter"], (fee,)).fees == (fee,)


# ---- the events behind a line


def test_an_event_on_the_border_of_two_tiers_is_in_both() -> None:
    graduated = Graduated((Tier(Decimal(5), Rate.parse("0.10")), Tier(None, Rate.parse("0.01"))))
    events = [
        Event("b", START, Decimal(4)),
        Event("a", START, Decimal(3)),
        Event("c", START + timedelta(1), Decimal(2)),
    ]
    first = events_of(events, Terms("x", graduated), MARCH, "usage.1")
    second = events_of(events, Terms("x", graduated), MARCH, "usage.2")
    assert [(s.event.id, number(s.quantity), s.amount.micros) for s in first] == [("a", 3, 300_000), ("b", 2, 200_000)]
    assert [(s.event.id, number(s.quantity), s.amount.micros) for s in second] == [("b", 2, 20_000), ("c", 2, 20_000)]
    whole = events_of(events, Terms("x", graduated), MARCH, "usage")
    assert [(s.event.id, number(s.quantity), s.amount.micros) for s in whole] == [
        ("a", 3, 300_000),
        ("b", 4, 220_000),
        ("c", 2, 20_000),
    ]


def test_a_package_is_shared_by_the_events_it_holds() -> None:
    package = Terms("x", Package(Decimal(3), Money(1_000_000)))
    shares = events_of(calls(3), package, MARCH, "usage.1")
    assert [share.amount.micros for share in shares] == [333_333, 333_334, 333_333]


def test_test_calls_and_refused_calls_have_their_events() -> None:
    events = calls(5) + calls(2, "test")
    strict = terms(3, THROTTLE)
    assert [s.event.id for s in events_of(events, strict, MARCH, "test")] == ["test000000", "test000001"]
    assert [s.event.id for s in events_of(events, strict, MARCH, "usage.refused")] == ["000003", "000004"]
    assert {s.amount for s in events_of(events, strict, MARCH, "usage.refused")} == {Money(0)}
    partly = events_of([Event("a", START, Decimal(5))], strict, MARCH, "usage.refused")
    assert [(s.event.id, number(s.quantity)) for s in partly] == [("a", 2)]


@pytest.mark.parametrize("line_id", ["usage.3", "usage.0", "usage.refused", "test", "fee", ""])
def test_a_line_that_is_not_there_has_no_events(line_id: str) -> None:
    with pytest.raises(KeyError):
        events_of(calls(4), terms(3), MARCH, line_id)


def test_an_event_that_used_nothing_is_behind_no_line() -> None:
    events = calls(2) + calls(1, start=2, quantity="0") + calls(1, start=3)
    assert [s.event.id for s in events_of(events, terms(0), MARCH, "usage")] == ["000000", "000001", "000003"]
    assert events_of(calls(1, quantity="0"), terms(0), MARCH, "usage") == ()


# ---- invariants

events_lists = st.lists(
    st.builds(
        Event,
        st.integers(0, 60).map(str),
        st.integers(-5, 60).map(lambda hours: START + timedelta(hours=hours)),
        st.decimals(0, 40, places=2),
        st.sampled_from(["", "test"]),
    ),
    max_size=40,
)
beyond_models = st.sampled_from(
    [
        CENT,
        PerUnit(Rate(1, 3)),
        Graduated(
            (Tier(Decimal(20), Rate(7_000, 3)), Tier(Decimal(50), Rate(500), Money(9_999)), Tier(None, Rate(1, 7)))
        ),
        Volume((Tier(Decimal(30), Rate(10_000)), Tier(None, Rate(9_000, 7)))),
        Package(Decimal(7), Money(100_000), Decimal(3)),
        Bounded(CENT, Money(50_000), Money(200_000)),
    ]
)
any_terms = st.builds(
    Terms,
    st.just("x"),
    beyond_models,
    st.none() | st.integers(0, 60).map(Decimal),
    st.sampled_from(OveragePolicy),
    st.none() | st.integers(0, 400_000).map(Money),
)


@given(events_lists, any_terms)
def test_a_line_is_the_sum_of_its_children_and_of_its_events(events: list[Event], some: Terms) -> None:
    lines = rate(events, some, MARCH)
    children = [each for each in lines if each.parent == "usage"]
    root = line(lines, "usage")
    assert sum((each.amount for each in children), Money(0)) == root.amount
    for each in lines:
        shares = events_of(events, some, MARCH, each.id)
        assert sum((share.amount for share in shares), Money(0)) == each.amount
        assert total_of(share.quantity for share in shares) == each.quantity
    assert some.cap is None or not some.cap < root.amount or some.policy is THROTTLE


@given(events_lists, any_terms, st.randoms(use_true_random=False))
def test_shuffled_and_repeated_events_give_the_same_lines(
    events: list[Event], some: Terms, chance: random.Random
) -> None:
    once = list({event.id: event for event in events}.values())
    again = once + once[::2]
    chance.shuffle(again)
    assert rate(again, some, MARCH) == rate(once, some, MARCH)


@given(st.integers(0, 80), any_terms)
def test_calls_one_by_one_sum_to_the_usage_line(count: int, some: Terms) -> None:
    lines = rate(calls(count), some, MARCH)
    used, paid = 0, Money(0)
    for _ in range(count):
        if refusal(some, used):
            break
        paid += next_call(some, used)
        used += 1
    assert paid == line(lines, "usage").amount
    if some.included is None or some.included == int(some.included):
        assert used == line(lines, "usage").quantity


@given(events_lists, any_terms)
def test_totals_alone_give_the_same_lines(events: list[Event], some: Terms) -> None:
    lines = rate(events, some, MARCH)
    refused = total_of(each.quantity for each in lines if each.kind == "refused")
    test = total_of(each.quantity for each in lines if each.kind == "test")
    within = line(lines, "usage").quantity
    assert lines_for(some, within + refused, within, test) == lines
