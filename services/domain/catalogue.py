"""What plans cost: yearly prices, bundle discounts and the price a card shows."""

from __future__ import annotations

from collections.abc import Iterable

from services.api.money import Money
from services.api.types import BillingModel, Plan

# Yearly = 10 monthly prices, two months free (BILLING, "Plans").
YEARLY_MONTHS_PAID = 10


def yearly_price(monthly: Money | None) -> Money | None:
    """Ten monthly prices; None stays None (priced by quote)."""
    return None if monthly is None else monthly * YEARLY_MONTHS_PAID


def bundle_monthly(prices: list[Money], discount_percent: int) -> Money:
    """The sum of the parts less the discount, to the minor unit."""
    total = sum(prices[1:], prices[0])
    return total.share(100 - discount_percent, 100)


def cheapest_monthly(plans: Iterable[Plan]) -> Money:
    """The lowest monthly price among the plans that have one; zero when there is none."""
    prices = [plan.monthly_price for plan in plans if plan.monthly_price is not None]
    return min(prices, key=lambda price: price.micros) if prices else Money.zero()


def billing_models(plans: Iterable[Plan]) -> tuple[BillingModel, ...]:
    """The billing models on offer, each once, in plan order."""
    return tuple(dict.fromkeys(plan.billing_model for plan in plans))
