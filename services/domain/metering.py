"""What the next call costs under a plan, and whether it is allowed at all."""

from __future__ import annotations

from services.api.money import Money
from services.api.types import OveragePolicy, Plan


def is_allowed(plan: Plan, used: int) -> bool:
    """False when the included calls are used up and the plan refuses more instead of charging."""
    return plan.included_calls is None or used < plan.included_calls or plan.overage_policy is OveragePolicy.CHARGE


def call_cost(plan: Plan, used: int) -> Money:
    """The price of one more call after `used` calls in this period, to the micro."""
    included = plan.included_calls is None or used < plan.included_calls
    return Money.zero() if included or plan.overage is None else plan.overage.cost(1)
