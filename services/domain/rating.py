"""From usage events to priced lines: the one function behind preview, invoice, explanation and simulation (BILLING F3).

Hides which events count, in which order they use up tiers and limits, and how the tree of lines is built. A line knows
its parent and its arithmetic; `events_of` gives the very events behind it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext
from itertools import accumulate

from services.api.money import CurrencyMismatch, Money, Rate, divide_half_away
from services.api.types import OveragePolicy, Plan
from services.domain.pricing import (
    EXACT,
    OURS,
    ZERO,
    Conventions,
    Included,
    Model,
    Params,
    Part,
    PerUnit,
    check_quantity,
    currency_of,
    delta,
    never_falls,
    number,
    plain,
    price,
    quoted,
)

TEST = "test"  # the purpose of calls that cost nothing (BILLING, "Usage")
USAGE_ID, REFUSED_ID, TEST_ID = "usage", "usage.refused", "test"

Period = tuple[datetime, datetime]  # half-open: the start belongs to it, the end does not


@dataclass(frozen=True, slots=True)
class Event:
    """One metered call. `id` is unique over all sources; a repeat of it changes nothing."""

    id: str
    at: datetime
    quantity: Decimal = Decimal(1)
    purpose: str = ""
    resource: str = ""
    key: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One node of the tree behind an amount; the amount of a line with children is their exact sum.

    `kind`: fee | usage | tier | minimum | maximum | refused | test. `code` and `params` make its sentence; prices in
    `params` are plain decimal text. `amount` is exact to the micro: whole cents are made by the invoice, line by line.
    """

    id: str
    parent: str  # id of another line; empty at a root
    kind: str
    code: str
    amount: Money
    quantity: Decimal = Decimal(1)
    unit: Rate | None = None
    params: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which conditions usage is priced. `fees` are lines that do not depend on usage, prorated already.

    `beyond` prices what exceeds `included` units (None: everything is included). With THROTTLE nothing beyond is
    served; `cap` is the most that usage may cost in one period, on top of either policy.
    """

    plan: str
    beyond: Model
    included: Decimal | None = ZERO
    policy: OveragePolicy = OveragePolicy.CHARGE
    cap: Money | None = None
    fees: tuple[Line, ...] = ()
    conventions: Conventions = OURS

    def __post_init__(self) -> None:
        amounts = [line.amount for line in self.fees] + ([] if self.cap is None else [self.cap])
        if any(amount.currency != self.currency for amount in amounts):
            raise CurrencyMismatch("terms have one currency")

    @property
    def model(self) -> Included:
        """Included units, then the price of what is beyond."""
        return Included(self.included, self.beyond)

    @property
    def currency(self) -> str:
        """Of every amount under these terms."""
        return currency_of(self.beyond)


def terms_of(plan: Plan, fees: tuple[Line, ...] = (), cap: Money | None = None) -> Terms:
    """The terms of a plan of the catalogue. Without a price for calls beyond the included they cost nothing."""
    currency = Money.zero().currency if plan.monthly_price is None else plan.monthly_price.currency
    unit = plan.overage or Rate(0, 1, currency)
    included = None if plan.included_calls is None else Decimal(plan.included_calls)
    return Terms(plan.slug, PerUnit(unit), included, plan.overage_policy, cap, fees)


# ---- one call


def refusal(terms: Terms, used: Decimal | int, quantity: Decimal | int = 1) -> str:
    """Why a call after `used` units is not served: included_used_up | cap_reached; empty when it is.

    A throttled plan serves a call as long as something included is left, a cap only one that fits wholly.
    """
    if terms.policy is OveragePolicy.THROTTLE:
        return "included_used_up" if terms.included is not None and used >= terms.included else ""
    end = EXACT.add(check_quantity(used), check_quantity(quantity))
    return "" if _fits(terms, end) else "cap_reached"


def cost_of_call(terms: Terms, used_before: Decimal | int, quantity: Decimal | int = 1) -> Money:
    """What a call of `quantity` units costs after `used_before`: all calls of a period sum to its usage line.

    Nothing when it is refused. Negative only where a volume price falls into a cheaper tier.
    """
    if terms.policy is OveragePolicy.THROTTLE or refusal(terms, used_before, quantity):
        return Money.zero(terms.currency)
    return delta(terms.model, used_before, quantity, terms.conventions)


def next_call(terms: Terms, used: Decimal | int) -> Money:
    """The price tag before Send: what one more unit costs after `used`."""
    return cost_of_call(terms, used, 1)


def _fits(terms: Terms, quantity: Decimal) -> bool:
    """Whether `quantity` units together stay within the cap."""
    return terms.cap is None or not terms.cap < price(terms.model, quantity, terms.conventions).amount


# ---- a period


@dataclass(frozen=True, slots=True)
class Share:
    """What of one event belongs to a line: its units, and its part of the amount (pro rata; shares sum exactly)."""

    event: Event
    quantity: Decimal
    amount: Money


@dataclass(frozen=True, slots=True)
class Counted:
    """The events of a period in time order, then by id; `ends[n]` is the quantity of the first n + 1 live ones."""

    live: list[Event]
    ends: list[Decimal]
    test: list[Event]

    @property
    def total(self) -> Decimal:
        return self.ends[-1] if self.ends else ZERO


def total_of(quantities: Iterable[Decimal]) -> Decimal:
    """The exact sum of quantities."""
    with localcontext(EXACT):
        return sum(quantities, ZERO)


def running_totals(quantities: Iterable[Decimal]) -> list[Decimal]:
    """The exact sums of the first 1, 2, 3, ... quantities."""
    with localcontext(EXACT):
        return list(accumulate(quantities))


def count(events: Iterable[Event], period: Period) -> Counted:
    """The events of the half-open period that count, in time order, then by id; of a repeated id the earliest."""
    start, end = period
    once: dict[str, Event] = {}
    for event in sorted((event for event in events if start <= event.at < end), key=lambda event: (event.at, event.id)):
        check_quantity(event.quantity)
        once.setdefault(event.id, event)
    live = [event for event in once.values() if event.purpose != TEST]
    test = [event for event in once.values() if event.purpose == TEST]
    return Counted(live, running_totals(event.quantity for event in live), test)


def rate(events: Iterable[Event], terms: Terms, period: Period) -> tuple[Line, ...]:
    """The lines of one period: the given fees, the usage with its tiers, and the test calls.

    Events outside the half-open period and repeated ids do not count; the order of `events` does not matter.
    Raises ValueError for a quantity that is none (negative, NaN, too fine).
    """
    counted = count(events, period)
    test = total_of(event.quantity for event in counted.test)
    return lines_for(terms, counted.total, served(terms, counted.ends), test)


def served(terms: Terms, ends: Sequence[Decimal]) -> Decimal:
    """How many units are served when calls end at these running totals.

    A throttled plan serves what is included. Under a cap the first call that does not fit is refused, and all after it.
    """
    total = ends[-1] if ends else ZERO
    if terms.policy is OveragePolicy.THROTTLE:
        return total if terms.included is None else min(total, terms.included)
    if terms.cap is None or (never_falls(terms.model) and _fits(terms, total)):
        return total
    if never_falls(terms.model):
        fitting = bisect_left(ends, True, key=lambda end: not _fits(terms, end))
    else:
        fitting = next((n for n, end in enumerate(ends) if not _fits(terms, end)), len(ends))
    return ends[fitting - 1] if fitting else ZERO


def lines_for(terms: Terms, used: Decimal, within: Decimal, test: Decimal = ZERO) -> tuple[Line, ...]:
    """The lines for `used` units of which `within` were served, and `test` units that cost nothing.

    The same as `rate` where only totals are at hand.
    """
    priced = price(terms.model, within, terms.conventions)
    code, params = _sentence(terms, within)
    unit = terms.beyond.unit if code == "per_unit" and isinstance(terms.beyond, PerUnit) else None
    lines = [*terms.fees, Line(USAGE_ID, "", "usage", code, priced.amount, within, unit, params)]
    lines += [_tier_line(n, part) for n, part in enumerate(priced.parts, 1)]
    zero = Money.zero(terms.currency)
    refused = EXACT.subtract(used, within)
    if refused > 0:
        throttled = terms.policy is OveragePolicy.THROTTLE
        reason: Params = {"quantity": number(refused)}
        if not throttled and terms.cap is not None:
            reason["cap"] = plain(terms.cap)
        reason_code = "included_used_up" if throttled else "cap_reached"
        lines.append(Line(REFUSED_ID, USAGE_ID, "refused", reason_code, zero, refused, None, reason))
    if test > 0:
        would = zero
        if terms.policy is OveragePolicy.CHARGE:
            would = delta(terms.model, within, test, terms.conventions)
        params = {"quantity": number(test), "would_have_cost": plain(would)}
        lines.append(Line(TEST_ID, "", "test", "test_calls", zero, test, None, params))
    return tuple(lines)


def events_of(events: Iterable[Event], terms: Terms, period: Period, line_id: str) -> tuple[Share, ...]:
    """The events behind one line of `rate`, in time order, then by id; an event on a border is in both lines.

    A fee has none. Raises KeyError for a line that `rate` does not give.
    """
    counted = count(events, period)
    if line_id in {fee.id for fee in terms.fees}:
        return ()
    zero = Money.zero(terms.currency)
    if line_id == TEST_ID and counted.test:
        return tuple(Share(event, event.quantity, zero) for event in counted.test)
    within = served(terms, counted.ends)
    if line_id == REFUSED_ID and within < counted.total:
        return tuple(_shares(counted, within, counted.total, zero))
    parts = price(terms.model, within, terms.conventions).parts
    by_id = {f"{USAGE_ID}.{n}": part for n, part in enumerate(parts, 1)}
    if line_id != USAGE_ID:
        return tuple(_shares_of(counted, by_id[line_id]))
    amounts: dict[str, Money] = {}
    for part in parts:
        for share in _shares_of(counted, part):
            amounts[share.event.id] = amounts.get(share.event.id, zero) + share.amount
    whole = _shares(counted, ZERO, within, zero)
    return tuple(Share(share.event, share.quantity, amounts.get(share.event.id, zero)) for share in whole)


def _sentence(terms: Terms, within: Decimal) -> tuple[str, Params]:
    """Code and figures of the usage line, e.g. 1,000 included, 312 over, then $0.01."""
    params: Params = {"quantity": number(within)}
    if terms.included is None:
        return "unlimited", params
    params["included"] = number(terms.included)
    if terms.policy is OveragePolicy.THROTTLE:
        return "throttled", params
    params["over"] = number(max(ZERO, EXACT.subtract(within, terms.included)))
    if not isinstance(terms.beyond, PerUnit):
        return "priced", params
    return "included_then_unit" if terms.included > 0 else "per_unit", params | quoted(terms.beyond.unit)


def _tier_line(position: int, part: Part) -> Line:
    kind = part.code if part.code in ("minimum", "maximum") else "tier"
    return Line(f"{USAGE_ID}.{position}", USAGE_ID, kind, part.code, part.amount, part.quantity, part.unit, part.params)


def _shares_of(counted: Counted, part: Part) -> Iterator[Share]:
    return _shares(counted, part.start, EXACT.add(part.start, part.quantity), part.amount)


def _shares(counted: Counted, start: Decimal, end: Decimal, amount: Money) -> Iterator[Share]:
    """The events that fill the units from `start` to `end`, each with its part of `amount`."""
    size, size_per = EXACT.subtract(end, start).as_integer_ratio()
    before, given = start, 0
    for index in range(bisect_right(counted.ends, start), len(counted.live)):
        if before >= end:
            return
        upto = min(counted.ends[index], end)
        part, per = EXACT.subtract(upto, start).as_integer_ratio()
        reached = divide_half_away(amount.micros * part * size_per, per * size)
        if upto > before:  # an event that used nothing is behind no line
            yield Share(counted.live[index], EXACT.subtract(upto, before), Money(reached - given, amount.currency))
        before, given = upto, reached
