"""What the next call costs, call by call, and when it is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import Money
from services.api.types import OveragePolicy
from services.domain import metering
from tests.samples import plans_of

PLANS = {plan.slug: plan for plan in plans_of("agent")}


@pytest.mark.parametrize(
    ("slug", "used", "cost", "allowed"),
    [
        ("free", 0, "0", True),
        ("free", 1, "0", True),
        ("free", 2, "0", False),
        ("free", 10**9, "0", False),
        ("starter", 999, "0", True),
        ("starter", 1000, "0.01", True),
        ("starter", 10**9, "0.01", True),
        ("pro", 9_999, "0", True),
        ("pro", 10_000, "0.008", True),
        ("enterprise", 10**9, "0", True),
        ("pay-per-use", 0, "0.02", True),
        ("pay-per-use", 41, "0.02", True),
    ],
)
def test_a_call_is_included_then_charged_or_refused(slug: str, used: int, cost: str, allowed: bool) -> None:
    assert metering.call_cost(PLANS[slug], used) == Money.parse(cost)
    assert metering.is_allowed(PLANS[slug], used) is allowed


def test_a_plan_that_charges_for_more_but_names_no_price_charges_nothing() -> None:
    assert metering.call_cost(replace(PLANS["pro"], overage=None), 10_000) == Money.zero()


@given(st.integers(0, 100), st.integers(0, 300))
def test_a_throttled_plan_allows_exactly_what_it_includes(included: int, calls: int) -> None:
    plan = replace(PLANS["free"], included_calls=included, overage_policy=OveragePolicy.THROTTLE)
    assert sum(metering.is_allowed(plan, used) for used in range(calls)) == min(included, calls)


@given(st.integers(0, 2000))
def test_calls_one_by_one_cost_what_the_overage_costs_at_once(calls: int) -> None:
    plan = PLANS["starter"]
    one_by_one = sum((metering.call_cost(plan, used) for used in range(calls)), Money.zero())
    assert plan.overage is not None
    assert one_by_one == plan.overage.cost(max(0, calls - 1000))
