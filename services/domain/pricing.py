"""Price models and their arithmetic: what a quantity costs, and the parts that explain it.

Hides how tiers, packages, included units and limits work, and the only places where their amounts are rounded.
What differs between billing engines is a field of `Conventions`; the defaults are ours (BILLING, "Plans", "Money").
Where BILLING is silent we follow Stripe's documentation, except that a flat fee of a tier is not charged without use:
Stripe bills the first tier's flat fee even then, BILLING forbids it (`Conventions.fee_without_use`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from enum import StrEnum
from fractions import Fraction

from services.api.money import CurrencyMismatch, Money, Rate, split_largest_remainder

Params = dict[str, str | int | None]

# Sums of quantities never lose a digit: what would not fit raises instead of being rounded.
EXACT = Context(prec=80, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
QUANTITY_MAX = Decimal(10) ** 18
QUANTITY_PLACES = 18
ZERO = Decimal(0)


class Rounding(StrEnum):
    PART = "part"  # every part is rounded; the amount is their sum
    TOTAL = "total"  # the sum is rounded; the parts share it by the largest remainder


class PackageRounding(StrEnum):
    UP = "up"  # a package begun is a package bought
    DOWN = "down"  # only full packages count (Stripe's transform_quantity with round=down)
    PRO_RATA = "pro_rata"  # a part of a package costs its part


@dataclass(frozen=True, slots=True)
class Conventions:
    """Choices in which billing engines differ. The defaults are ours.

    `to_minor`: parts (or the total) are rounded to whole minor units instead of micros. `up_to_is_inside`: a quantity
    equal to a tier's upper bound belongs to that tier, else to the next. `fee_without_use`: the first tier's flat fee
    is charged at quantity 0.
    """

    rounding: Rounding = Rounding.PART
    to_minor: bool = False
    packages: PackageRounding = PackageRounding.UP
    up_to_is_inside: bool = True
    fee_without_use: bool = False


OURS = Conventions()


# ---- models


@dataclass(frozen=True, slots=True)
class FlatFee:
    """One amount whatever the quantity; with `needs_use` nothing at quantity 0."""

    amount: Money
    needs_use: bool = False

    def __post_init__(self) -> None:
        _check_amounts(self.amount)


@dataclass(frozen=True, slots=True)
class PerUnit:
    unit: Rate

    def __post_init__(self) -> None:
        _check_rates(self.unit)


@dataclass(frozen=True, slots=True)
class Included:
    """The first `units` cost nothing (None: all of them); what is beyond is priced by `beyond`, counting from 0."""

    units: Decimal | None
    beyond: Model

    def __post_init__(self) -> None:
        if self.units is not None:
            check_quantity(self.units)


@dataclass(frozen=True, slots=True)
class Tier:
    """Up to `up_to` units (None: without end). `fee` is charged once when the tier is reached."""

    up_to: Decimal | None
    unit: Rate
    fee: Money | None = None


@dataclass(frozen=True, slots=True)
class Graduated:
    """Each unit is charged at the price of the tier it falls into."""

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        _check_tiers(self.tiers)


@dataclass(frozen=True, slots=True)
class Volume:
    """All units are charged at the price of the tier the whole quantity falls into; the total may fall as it grows."""

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        _check_tiers(self.tiers)


@dataclass(frozen=True, slots=True)
class Package:
    """`amount` for every `size` units after the first `free` ones; how a begun one counts: `Conventions.packages`."""

    size: Decimal
    amount: Money
    free: Decimal = ZERO

    def __post_init__(self) -> None:
        if check_quantity(self.size) == 0:
            raise ValueError("a package holds something")
        check_quantity(self.free)
        _check_amounts(self.amount)


@dataclass(frozen=True, slots=True)
class Bounded:
    """`model`, but never above `maximum`, and at least `minimum` once anything is used (or always: `without_use`)."""

    model: Model
    minimum: Money | None = None
    maximum: Money | None = None
    without_use: bool = False

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        _check_amounts(*bounds)
        if any(bound.currency != currency_of(self.model) for bound in bounds):
            raise CurrencyMismatch("a bound has the currency of its model")
        if len(bounds) == 2 and bounds[1] < bounds[0]:
            raise ValueError("the maximum is below the minimum")


Model = FlatFee | PerUnit | Included | Graduated | Volume | Package | Bounded


def _check_amounts(*amounts: Money) -> None:
    if any(amount.micros < 0 for amount in amounts):
        raise ValueError("a price is not negative")


def _check_rates(*rates: Rate) -> None:
    if any(rate.micros < 0 for rate in rates):
        raise ValueError("a price is not negative")


def _check_tiers(tiers: tuple[Tier, ...]) -> None:
    """At least one tier, rising bounds, only the last one open, one currency."""
    if not tiers or tiers[-1].up_to is not None:
        raise ValueError("the last tier has no end")
    before = ZERO
    for tier in tiers[:-1]:
        if tier.up_to is None or check_quantity(tier.up_to) <= before:
            raise ValueError("tiers rise")
        before = tier.up_to
    fees = [tier.fee for tier in tiers if tier.fee is not None]
    _check_rates(*(tier.unit for tier in tiers))
    _check_amounts(*fees)
    if len({tier.unit.currency for tier in tiers} | {fee.currency for fee in fees}) > 1:
        raise CurrencyMismatch("the tiers of one price have one currency")


def check_quantity(quantity: Decimal | int) -> Decimal:
    """`quantity` as a Decimal: finite, 0 to 10^18, at most 18 places, else ValueError. TypeError for other types."""
    if type(quantity) is int:
        if 0 <= quantity <= QUANTITY_MAX:
            return Decimal(quantity)
        quantity = Decimal(quantity)
    if not isinstance(quantity, Decimal):
        raise TypeError("a quantity is a Decimal or a whole number")
    if not quantity.is_finite() or not 0 <= quantity <= QUANTITY_MAX:
        raise ValueError(f"not a quantity: {quantity}")
    exponent = quantity.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -QUANTITY_PLACES:
        raise ValueError(f"more than {QUANTITY_PLACES} places: {quantity}")
    return quantity


def currency_of(model: Model) -> str:
    """The one currency of a price model."""
    match model:
        case FlatFee(amount=amount) | Package(amount=amount):
            return amount.currency
        case PerUnit(unit=unit):
            return unit.currency
        case Included(beyond=inner) | Bounded(model=inner):
            return currency_of(inner)
        case _:
            return model.tiers[0].unit.currency


def never_falls(model: Model) -> bool:
    """False for prices that may fall as the quantity grows: volume prices, alone or inside another model."""
    match model:
        case Volume():
            return False
        case Included(beyond=inner) | Bounded(model=inner):
            return never_falls(inner)
        case _:
            return True


# ---- prices


@dataclass(frozen=True, slots=True)
class Part:
    """One step of the arithmetic: the units from `start` on, `quantity` of them, and what they cost.

    `code`: included | unit | tier | tier_fee | volume | volume_fee | package_free | package | flat_fee | minimum |
    maximum. `params` are figures for the sentence; prices in them are plain decimal text. A maximum is negative: it is
    what the parts before it cost too much.
    """

    code: str
    start: Decimal
    quantity: Decimal
    amount: Money
    unit: Rate | None = None
    params: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Priced:
    """`amount` is the sum of the parts, exactly; a quantity that costs nothing may have none."""

    quantity: Decimal
    amount: Money
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class _Raw:
    """A part before rounding: `exact` micros."""

    code: str
    start: Decimal
    quantity: Decimal
    exact: Fraction
    unit: Rate | None
    params: Params


def price(model: Model, quantity: Decimal | int, conventions: Conventions = OURS) -> Priced:
    """What `quantity` units cost under `model`. Raises ValueError for what is no quantity (negative, NaN, too fine)."""
    return _price(model, check_quantity(quantity), conventions)


def delta(model: Model, before: Decimal | int, more: Decimal | int, conventions: Conventions = OURS) -> Money:
    """What `more` units cost after `before`: price(before + more) = price(before) + delta. Negative for a Volume price
    that falls into a cheaper tier."""
    start = check_quantity(before)
    end = check_quantity(EXACT.add(start, check_quantity(more)))
    return _amount(model, end, conventions) - _amount(model, start, conventions)


def _amount(model: Model, quantity: Decimal, conventions: Conventions) -> Money:
    """The sum of a price without its parts: quickly for what calls usually cost, because each is priced alone."""
    match model:
        case Included(units=units, beyond=PerUnit(unit=unit)) if not conventions.to_minor:
            return unit.cost(ZERO if units is None else max(ZERO, EXACT.subtract(quantity, units)))
        case _:
            return _price(model, quantity, conventions).amount


def _price(model: Model, quantity: Decimal, conventions: Conventions) -> Priced:
    match model:
        case Included():
            return _included(model, quantity, conventions)
        case Bounded():
            return _bounded(model, quantity, conventions)
        case FlatFee():
            raws = _flat(model, quantity)
        case PerUnit(unit=unit):
            raws = _linear("unit", ZERO, quantity, unit, {})
        case Graduated(tiers=tiers):
            raws = list(_graduated(tiers, quantity, conventions))
        case Volume(tiers=tiers):
            raws = _volume(tiers, quantity, conventions)
        case _:
            raws = _package(model, quantity, conventions.packages)
    return _settled(raws, quantity, currency_of(model), conventions)


def _settled(raws: list[_Raw], quantity: Decimal, currency: str, conventions: Conventions) -> Priced:
    """The rounding point of every model: each part, or their sum (`Conventions.rounding`)."""
    step = Money.zero(currency).minor_unit if conventions.to_minor else 1
    amounts = [_nearest(raw.exact, currency, step) for raw in raws]
    exact = sum((raw.exact for raw in raws), Fraction(0))
    if conventions.rounding is Rounding.TOTAL and exact:
        total = _nearest(exact, currency, step)
        common = 1
        for raw in raws:
            common *= raw.exact.denominator
        shares = split_largest_remainder(total.micros // step, [int(raw.exact * common) for raw in raws])
        amounts = [Money(share * step, currency) for share in shares]
    parts = tuple(
        Part(raw.code, raw.start, raw.quantity, amount, raw.unit, raw.params)
        for raw, amount in zip(raws, amounts, strict=True)
    )
    return Priced(quantity, sum(amounts, Money.zero(currency)), parts)


def _nearest(exact: Fraction, currency: str, step: int) -> Money:
    return Money.nearest(exact.numerator, exact.denominator, currency, step)


def number(quantity: Decimal) -> str | int:
    """A quantity as a plain JSON value: an integer when whole, else decimal text."""
    return int(quantity) if quantity == int(quantity) else format(quantity, "f")


def plain(amount: Money) -> str:
    """An amount as the shortest plain decimal text: $5 is "5", $0.008 is "0.008"."""
    return Rate(amount.micros).quoted[0]


def quoted(unit: Rate) -> Params:
    """`unit` (plain decimal text) for `per` units, as a price list writes it."""
    text, per = unit.quoted
    return {"unit": text, "per": per}


def _flat(model: FlatFee, quantity: Decimal) -> list[_Raw]:
    if model.needs_use and quantity == 0:
        return []
    return [_Raw("flat_fee", ZERO, quantity, Fraction(model.amount.micros), None, {"amount": plain(model.amount)})]


def _linear(code: str, start: Decimal, quantity: Decimal, unit: Rate, params: Params) -> list[_Raw]:
    if quantity == 0:
        return []
    params = params | {"quantity": number(quantity)} | quoted(unit)
    return [_Raw(code, start, quantity, Fraction(*unit.exact(quantity)), unit, params)]


def _fee(code: str, tier: Tier, start: Decimal, quantity: Decimal, params: Params) -> list[_Raw]:
    if tier.fee is None:
        return []
    exact = Fraction(tier.fee.micros)
    return [_Raw(code, start, quantity, exact, None, params | {"amount": plain(tier.fee)})]


def _is_reached(start: Decimal, quantity: Decimal, conventions: Conventions) -> bool:
    """Whether `quantity` reaches the tier that begins after `start` (the first one begins at 0 and needs use)."""
    if start == 0:
        return quantity > 0 or conventions.fee_without_use
    return quantity > start if conventions.up_to_is_inside else quantity >= start


def _graduated(tiers: tuple[Tier, ...], quantity: Decimal, conventions: Conventions) -> Iterator[_Raw]:
    start = ZERO
    for index, tier in enumerate(tiers, 1):
        if not _is_reached(start, quantity, conventions):
            return
        end = quantity if tier.up_to is None else min(quantity, tier.up_to)
        units = EXACT.subtract(end, start)
        params: Params = {
            "tier": index,
            "from": number(start),
            "up_to": None if tier.up_to is None else number(tier.up_to),
        }
        yield from _linear("tier", start, units, tier.unit, params)
        yield from _fee("tier_fee", tier, start, units, params)
        if tier.up_to is not None:
            start = tier.up_to


def _volume(tiers: tuple[Tier, ...], quantity: Decimal, conventions: Conventions) -> list[_Raw]:
    if quantity == 0 and not conventions.fee_without_use:
        return []
    starts = [ZERO, *(tier.up_to for tier in tiers if tier.up_to is not None)]
    index = max(n for n, start in enumerate(starts) if n == 0 or _is_reached(start, quantity, conventions))
    tier = tiers[index]
    params: Params = {
        "tier": index + 1,
        "from": number(starts[index]),
        "up_to": None if tier.up_to is None else number(tier.up_to),
    }
    return _linear("volume", ZERO, quantity, tier.unit, params) + _fee("volume_fee", tier, ZERO, quantity, params)


def _package(model: Package, quantity: Decimal, rounding: PackageRounding) -> list[_Raw]:
    raws = []
    free = min(quantity, model.free)
    if free > 0:
        params: Params = {"free": number(model.free), "quantity": number(free)}
        raws.append(_Raw("package_free", ZERO, free, Fraction(0), None, params))
    units = EXACT.subtract(quantity, free)
    if units > 0:
        count = Fraction(units) / Fraction(model.size)
        if rounding is PackageRounding.UP:
            count = Fraction(-(-count.numerator // count.denominator))
        elif rounding is PackageRounding.DOWN:
            count = Fraction(count.numerator // count.denominator)
        params = {
            "packages": str(count),
            "size": number(model.size),
            "amount": plain(model.amount),
            "quantity": number(units),
        }
        raws.append(_Raw("package", free, units, count * model.amount.micros, None, params))
    return raws


def _included(model: Included, quantity: Decimal, conventions: Conventions) -> Priced:
    free = quantity if model.units is None else min(quantity, model.units)
    params: Params = {"included": None if model.units is None else number(model.units), "quantity": number(free)}
    zero = Money.zero(currency_of(model))
    first = (Part("included", ZERO, free, zero, None, params),) if free > 0 else ()
    if model.units is None:
        return Priced(quantity, zero, first)
    beyond = _price(model.beyond, EXACT.subtract(quantity, free), conventions)
    shifted = tuple(replace(part, start=EXACT.add(part.start, model.units)) for part in beyond.parts)
    return Priced(quantity, beyond.amount, first + shifted)


def _bounded(model: Bounded, quantity: Decimal, conventions: Conventions) -> Priced:
    inner = _price(model.model, quantity, conventions)
    code, bound = "", inner.amount
    if model.minimum is not None and (quantity > 0 or model.without_use) and bound < model.minimum:
        code, bound = "minimum", model.minimum
    if model.maximum is not None and model.maximum < bound:
        code, bound = "maximum", model.maximum
    if not code:
        return inner
    params: Params = {"before": plain(inner.amount), "bound": plain(bound)}
    part = Part(code, ZERO, quantity, bound - inner.amount, None, params)
    return Priced(quantity, bound, (*inner.parts, part))
