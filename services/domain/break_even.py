"""From how many calls on one way to pay is no dearer than another, to the micro.

Hides how two price lists are searched without trying every number: both are cut where either one bends, and between
two cuts the difference is a straight line.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from services.api.money import Money
from services.domain.pricing import (
    EXACT,
    ZERO,
    Bounded,
    Conventions,
    FlatFee,
    Graduated,
    Included,
    Model,
    Package,
    PerUnit,
    Volume,
    price,
)

_BOTH_WAYS = (ROUND_FLOOR, ROUND_CEILING)


def first_where(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The smallest n in [low, high) for which `holds`, which once true stays true; `high` when there is none."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def no_dearer_from(difference: Callable[[int], int], cuts: set[int], limit: int) -> int | None:
    """The smallest n from which on, up to `limit`, `difference` is never below 0; None when it is below at `limit`.

    `cuts` are the whole numbers (0 among them) at which a new straight piece of `difference` begins.
    """
    end = limit
    for start in sorted(cuts, reverse=True):
        if difference(end) < 0:
            return None if end == limit else end + 1
        if difference(start) < 0:
            return first_where(lambda n: difference(n) >= 0, start, end)
        end = start - 1
    return 0


def bends(model: Model, limit: int, conventions: Conventions) -> set[int]:
    """Where straight pieces begin, for whole quantities 0 to `limit`: from one to the next the price, before it is
    rounded, grows by the same amount for each unit. May hold more points than needed, never fewer.

    A package has a step for each `limit / size`: keep that ratio small.
    """
    match model:
        case FlatFee() | PerUnit():
            points = {ZERO}
        case Included(units=units, beyond=inner):
            beyond = set() if units is None else bends(inner, limit, conventions)
            points = {ZERO} | {EXACT.add(Decimal(bend), units or ZERO) for bend in beyond}
        case Graduated(tiers=tiers) | Volume(tiers=tiers):
            points = {ZERO} | {tier.up_to for tier in tiers if tier.up_to is not None}
        case Package(size=size, free=free):
            steps = max(0, int((limit - free) / size) + 1)
            points = {ZERO} | {EXACT.add(free, EXACT.multiply(size, Decimal(n))) for n in range(steps + 1)}
        case _:
            return _bounded_bends(model, limit, conventions)
    around = {int(point.to_integral_value(mode)) + n for point in points for mode in _BOTH_WAYS for n in (0, 1)}
    return {point for point in around if point <= limit}


def _bounded_bends(model: Bounded, limit: int, conventions: Conventions) -> set[int]:
    """The pieces of the inner price, cut again where they reach a bound; inside one piece a price never falls."""
    inner = sorted(bends(model.model, limit, conventions))
    points = set(inner)
    for bound in (model.minimum, model.maximum):
        if bound is None:
            continue
        for start, following in zip(inner, [*inner[1:], limit + 1], strict=True):
            points.add(first_where(_reaches(model.model, bound, conventions), start, following))
    return {point for point in points if point <= limit}


def _reaches(model: Model, bound: Money, conventions: Conventions) -> Callable[[int], bool]:
    return lambda quantity: not price(model, quantity, conventions).amount < bound
