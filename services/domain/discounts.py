"""Coupons: whether one may be used, what it takes off which item, and for how many periods.

Hides the order (percent first, then fixed, each on what the ones before left over; never below 0) and the splitting:
a coupon's sum is rounded once to the minor unit and cut over its items by the largest remainder, so parts add up.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from services.api.money import Money, split_largest_remainder


class Duration(StrEnum):
    ONCE = "once"
    MONTHS = "months"
    FOREVER = "forever"


class Rounding(StrEnum):
    """Where a sum over several lines is rounded: once for all of them, or on each line."""

    TOTAL = "total"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Coupon:
    """Takes off either `percent` (exact, 12.5 is 12.5 %) or `amount` (whole minor units, in its currency only).

    Usable in [starts_at, expires_at). `offerings` empty: all of them. A limit of None is no limit. Raises ValueError
    for a coupon that could never be honoured exactly.
    """

    code: str
    percent: Decimal | None = None
    amount: Money | None = None
    duration: Duration = Duration.ONCE
    months: int = 0  # of Duration.MONTHS
    max_redemptions: int | None = None
    max_per_customer: int | None = None
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    offerings: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if (self.percent is None) == (self.amount is None):
            raise ValueError("a coupon takes off a percentage or an amount")
        if self.percent is not None and not (self.percent.is_finite() and 0 < self.percent <= 100):
            raise ValueError("a percentage is above 0 and at most 100")
        if self.amount is not None and self.amount.minor <= 0:
            raise ValueError("a coupon's amount is above 0")
        if (self.months > 0) != (self.duration is Duration.MONTHS) or self.months < 0:
            raise ValueError("a coupon lasts once, for a number of months or for ever")
        if any(limit is not None and limit < 1 for limit in (self.max_redemptions, self.max_per_customer)):
            raise ValueError("a limit is at least 1")


@dataclass(frozen=True, slots=True)
class Redemption:
    """What is known when a coupon is entered. `offerings` are those of the order."""

    now: datetime
    currency: str
    offerings: Collection[str]
    redeemed: int = 0  # by everybody
    redeemed_by_customer: int = 0


@dataclass(frozen=True, slots=True)
class Discountable:
    """Something coupons may apply to: `amount` in whole minor units. Nothing is taken off an amount below 0."""

    id: str
    amount: Money
    offering: str = ""
    is_discountable: bool = True


@dataclass(frozen=True, slots=True)
class DiscountShare:
    """What one coupon takes off one item; above 0, in whole minor units."""

    coupon: str
    item: str
    amount: Money


def problem(coupon: Coupon, context: Redemption) -> str | None:
    """Why the coupon may not be used now: not_yet | expired | wrong_currency | not_for_this | already_used | exhausted.

    Expired at its very instant. The counts are only a preview: the database decides a race for the last one.
    """
    checks = {
        "not_yet": coupon.starts_at is not None and context.now < coupon.starts_at,
        "expired": coupon.expires_at is not None and context.now >= coupon.expires_at,
        "wrong_currency": coupon.amount is not None and coupon.amount.currency != context.currency,
        "not_for_this": bool(coupon.offerings) and coupon.offerings.isdisjoint(context.offerings),
        "already_used": _is_used_up(coupon.max_per_customer, context.redeemed_by_customer),
        "exhausted": _is_used_up(coupon.max_redemptions, context.redeemed),
    }
    return next((code for code, is_so in checks.items() if is_so), None)


def _is_used_up(limit: int | None, used: int) -> bool:
    return limit is not None and used >= limit


def periods_left(coupon: Coupon, used: int, months_per_period: int = 1) -> int | None:
    """How many more billing periods the coupon covers after `used` of them; None: for ever.

    A period is covered when it starts within the coupon's months, so three months cover one yearly period.
    """
    if coupon.duration is Duration.FOREVER:
        return None
    covered = 1 if coupon.duration is Duration.ONCE else -(-coupon.months // months_per_period)
    return max(0, covered - used)


def apply(
    items: Sequence[Discountable],
    coupons: Sequence[Coupon],
    *,
    at_most: Money | None = None,
    rounding: Rounding = Rounding.TOTAL,
) -> tuple[DiscountShare, ...]:
    """What each coupon takes off each item, percent coupons first, within their kind in the order given.

    The sum is never more than the items are worth, nor than `at_most` (where other lines already make the invoice
    smaller). `rounding` LINE rounds a percentage on every item instead of once a coupon. A fixed coupon in another
    currency raises CurrencyMismatch; see `problem`.
    """
    left = {item.id: item.amount for item in items}
    if len(left) != len(items):
        raise ValueError("two items with one id")
    shares: list[DiscountShare] = []
    for coupon in sorted(coupons, key=lambda coupon: coupon.percent is None):
        eligible = [item for item in items if _applies(coupon, item) and left[item.id].minor > 0]
        if not eligible:
            continue
        parts = _parts(coupon, [left[item.id] for item in eligible], at_most, rounding)
        for item, part in zip(eligible, parts, strict=True):
            left[item.id] -= part
            if at_most is not None:
                at_most -= part
            if not part.is_zero:
                shares.append(DiscountShare(coupon.code, item.id, part))
    return tuple(shares)


def _applies(coupon: Coupon, item: Discountable) -> bool:
    return item.is_discountable and (not coupon.offerings or item.offering in coupon.offerings)


def _parts(coupon: Coupon, amounts: list[Money], at_most: Money | None, rounding: Rounding) -> list[Money]:
    """What the coupon takes off each amount."""
    parts = None
    if rounding is Rounding.LINE and coupon.amount is None:
        parts = [_taken_off(coupon, amount) for amount in amounts]
        total = sum(parts[1:], parts[0])
    else:
        total = _taken_off(coupon, sum(amounts[1:], amounts[0]))
    if at_most is not None and at_most < total:
        total, parts = at_most, None
    return spread(total, amounts) if parts is None else parts


def _taken_off(coupon: Coupon, amount: Money) -> Money:
    if coupon.amount is not None:
        return min(coupon.amount, amount)
    numerator, denominator = Fraction(coupon.percent or 0).as_integer_ratio()
    return amount.share(numerator, 100 * denominator)


def spread(total: Money, amounts: Sequence[Money]) -> list[Money]:
    """`total` cut in proportion to `amounts`: whole minor units, none negative, not all zero. The parts add up."""
    parts = split_largest_remainder(total.minor, [amount.minor for amount in amounts])
    return [Money(part * total.minor_unit, total.currency) for part in parts]
