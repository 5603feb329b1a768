"""The price list as it was agreed with a subscription: kept with it, because the catalogue may change later."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.api.money import Money, Rate
from services.api.types import BillingCycle, OveragePolicy, Plan
from services.domain import billing
from services.domain.periods import Interval
from services.domain.pricing import PerUnit
from services.domain.rating import Terms

CURRENCY = "USD"  # of plans that name no price


def agree(plan: Plan, monthly_price: Money | None = None, included_calls: int | None = -1) -> dict[str, Any]:
    """What is kept of a plan. A quote or a bundle that is completed has a monthly price of its own; -1 keeps the
    plan's included calls."""
    monthly = monthly_price or plan.monthly_price or Money.zero(CURRENCY)
    return {
        "slug": plan.slug,
        "name": plan.name,
        "model": plan.billing_model.value,
        "currency": monthly.currency,
        "monthly_micros": monthly.micros,
        "included": plan.included_calls if included_calls == -1 else included_calls,
        "overage_micros": plan.overage.micros if plan.overage else 0,
        "overage_per": plan.overage.per if plan.overage else 1,
        "policy": plan.overage_policy.value,
        "trial_days": plan.trial_days,
    }


def price_of(terms: Mapping[str, Any], cycle: BillingCycle, quantity: int = 1) -> Money:
    """What one cycle costs: a month, or a year at ten months' price."""
    return billing.price_of(Money(terms["monthly_micros"], terms["currency"]), cycle) * quantity


def interval_of(cycle: BillingCycle) -> Interval:
    """The length of a fee period. Allowances are monthly in every cycle."""
    return billing.interval_of(cycle)


def unit_of(terms: Mapping[str, Any]) -> Rate:
    """What one call beyond the included costs."""
    return Rate(terms["overage_micros"], terms["overage_per"], terms["currency"])


def rating_terms(terms: Mapping[str, Any], quantity: int = 1) -> Terms:
    """How usage of one resource is priced; a quantity multiplies what is included."""
    included = None if terms["included"] is None else Decimal(terms["included"] * quantity)
    return Terms(terms["slug"], PerUnit(unit_of(terms)), included, OveragePolicy(terms["policy"]))
