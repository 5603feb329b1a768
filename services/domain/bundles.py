"""What a bundle costs: many offerings in one order, and the discount only on those that are not owned yet.

Prices are monthly; a yearly order is ten of them (`services.domain.catalogue`). The bundle's price is rounded once, as
its card shows it, and its discount is cut over the parts by the largest remainder, so the lines add up to the card.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from services.api.money import Money
from services.api.types import BillingCycle
from services.domain.catalogue import YEARLY_MONTHS_PAID, bundle_monthly
from services.domain.discounts import spread

NOTHING_MISSING = "nothing_missing"


@dataclass(frozen=True, slots=True)
class BundleLine:
    """One offering to be ordered: `listed` - `discount` = `price`, for one cycle, in whole minor units."""

    offering: str
    listed: Money
    discount: Money
    price: Money


@dataclass(frozen=True, slots=True)
class Completed:
    """What is missing and its price. `code` is nothing_missing when all parts are owned: there is nothing to order."""

    lines: tuple[BundleLine, ...]
    listed: Money
    discount: Money
    total: Money
    owned: tuple[str, ...]
    code: str = ""


def complete(
    parts: Sequence[tuple[str, Money]],
    owned: Collection[str],
    discount_percent: int,
    cycle: BillingCycle = BillingCycle.MONTHLY,
) -> Completed:
    """The order that completes the bundle. `parts` are (offering, monthly price); owned ones are not charged again.

    With nothing owned it is the whole bundle. Raises ValueError for an empty bundle, a part that comes twice, or a
    percentage outside 0 to 100; CurrencyMismatch when the parts are not in one currency.
    """
    if not parts or len({offering for offering, _ in parts}) != len(parts):
        raise ValueError("a bundle has parts, each once")
    if not 0 <= discount_percent <= 100:
        raise ValueError("a discount is 0 to 100 percent")
    times = YEARLY_MONTHS_PAID if cycle is BillingCycle.YEARLY else 1
    missing = [(offering, price) for offering, price in parts if offering not in owned]
    kept = tuple(offering for offering, _ in parts if offering in owned)
    prices = [price for _, price in missing]
    nothing = Money.zero(parts[0][1].currency)
    listed = sum(prices, nothing)
    discount = listed - bundle_monthly(prices, discount_percent) if prices else nothing
    shares = [nothing] * len(prices) if discount.is_zero else spread(discount, prices)
    lines = tuple(
        BundleLine(offering, price * times, share * times, (price - share) * times)
        for (offering, price), share in zip(missing, shares, strict=True)
    )
    code = "" if missing else NOTHING_MISSING
    return Completed(lines, listed * times, discount * times, (listed - discount) * times, kept, code)
