"""What part of a period's price is still unused, and what a change in the middle of it costs.

Hidden here: how time is counted and where it is rounded (BILLING, "Changing a plan"). Engines differ in both, so both
are a `Convention`; `OURS` counts seconds and rounds each line, as Stripe does. The unused part is the one that is
rounded; the used part is the rest, so both always add up to the price.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.api.money import Money, Rate
from services.domain.periods import Period, seconds_between, utc, zone_of


class Basis(StrEnum):
    SECOND = "second"
    DAY = "day"  # local days; the day of the change belongs to what follows it
    DAY_BEGUN = "day_begun"  # local days; the day of the change counts as used


class Rounding(StrEnum):
    LINE = "line"  # credit and charge each to the minor unit, then netted
    TOTAL = "total"  # lines exact to the micro, the net to the minor unit


@dataclass(frozen=True, slots=True)
class Convention:
    """`zone` says where a day begins; seconds do not need it."""

    basis: Basis = Basis.SECOND
    rounding: Rounding = Rounding.LINE
    zone: str = "UTC"


OURS = Convention()


@dataclass(frozen=True, slots=True)
class Part:
    """`unused` of `whole` seconds or days; 0 <= unused <= whole, whole > 0."""

    unused: int
    whole: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """A change in the middle of a period. `credit` and `charge` are never negative, and at most one of `due_now` and
    `to_wallet` is not zero: what a credit exceeds its charge by stays with the buyer as paid credit."""

    credit: Money
    charge: Money
    due_now: Money
    to_wallet: Money
    is_capped: bool  # the credit is less than the unused part, because less was paid


def _days_between(start: datetime, end: datetime, zone: str) -> int:
    there = zone_of(zone)
    return (end.astimezone(there).date() - start.astimezone(there).date()).days


def unused_part(period: Period, at: datetime, convention: Convention = OURS) -> Part:
    """How much of `period` is still ahead at `at`: all of it before the start, nothing from the end on."""
    at = utc(at)
    by_second = convention.basis is Basis.SECOND
    whole = max(1, period.seconds if by_second else _days_between(period.start, period.end, convention.zone))
    if at <= period.start:
        return Part(whole, whole)
    if at >= period.end:
        return Part(0, whole)
    if by_second:
        return Part(seconds_between(at, period.end), whole)
    begun = 1 if convention.basis is Basis.DAY_BEGUN else 0
    return Part(max(0, _days_between(at, period.end, convention.zone) - begun), whole)


def remaining_charge(price: Money, period: Period, at: datetime, convention: Convention = OURS) -> Money:
    """`price` of the whole period x its unused part; what starting at `at` costs until the period's end."""
    part = unused_part(period, at, convention)
    if convention.rounding is Rounding.LINE:
        return price.share(part.unused, part.whole)
    return Rate(price.micros, part.whole, price.currency).cost(part.unused)


def used_charge(price: Money, period: Period, at: datetime, convention: Convention = OURS) -> Money:
    """The price less its unused part; used + unused = price, to the minor unit (to the micro with `TOTAL`)."""
    whole = price.rounded() if convention.rounding is Rounding.LINE else price
    return whole - remaining_charge(price, period, at, convention)


def unused_credit(
    price: Money, period: Period, at: datetime, *, paid: Money, already_credited: Money, convention: Convention = OURS
) -> Money:
    """min(price x unused part, paid - already credited), never below zero (BILLING, "Changing a plan").

    `price` is what the whole period is billed at, after its discounts and before tax. `paid` and `already_credited` are
    both of this period, and either both gross (all charge lines, all credit lines) or both net.
    """
    left = paid - already_credited
    return max(min(remaining_charge(price, period, at, convention), left), Money.zero(price.currency))


def settle(
    old: Money,
    new: Money,
    period: Period,
    at: datetime,
    *,
    paid: Money,
    already_credited: Money,
    new_period: Period | None = None,
    convention: Convention = OURS,
) -> Settlement:
    """From `old` to `new` (prices of a whole period) at `at`: credit for the unused part, charge for the same part.

    With `new_period` the cycle starts anew, and the whole new price is charged.
    """
    unused = remaining_charge(old, period, at, convention)
    credit = unused_credit(old, period, at, paid=paid, already_credited=already_credited, convention=convention)
    charge = remaining_charge(new, new_period or period, at, convention)
    net, zero = (charge - credit).rounded(), Money.zero(old.currency)
    return Settlement(credit, charge, max(net, zero), max(-net, zero), is_capped=credit < unused)


def quantity_change(
    unit_price: Money,
    before: int,
    after: int,
    period: Period,
    at: datetime,
    *,
    paid: Money,
    already_credited: Money,
    convention: Convention = OURS,
) -> Settlement:
    """Seats added or given back: each quantity's price is settled as a whole, so rounding does not grow with seats."""
    old, new = unit_price * before, unit_price * after
    return settle(old, new, period, at, paid=paid, already_credited=already_credited, convention=convention)
