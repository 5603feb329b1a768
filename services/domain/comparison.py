"""What other plans would have cost: the same events under every option, and where one overtakes another.

Hides how a window is cut into months, what fee a month carries, and that 100,000 events are counted once, not once an
option.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from services.api.money import Money
from services.api.types import BillingCycle, BillingModel, OveragePolicy, Plan
from services.domain.break_even import bends, first_where, no_dearer_from
from services.domain.pricing import EXACT, ZERO, Bounded, Included, Model, Package, Params, plain, price
from services.domain.rating import Event, Line, Period, Terms, count, lines_for, served, terms_of

DAYS_A_PERIOD = 30
MONTHS_A_YEAR = 12
CALLS_MAX = 10_000_000  # a month; a break-even beyond it is none
STEPS_MAX = 1_000  # of packages that are looked at


class PayMode(StrEnum):
    SUBSCRIPTION = "subscription"
    PREPAID = "prepaid"
    POSTPAID = "postpaid"
    BUNDLE = "bundle"  # the price is this offering's share of the bundle


@dataclass(frozen=True, slots=True)
class Option:
    """One way to pay. `price` is for one cycle: a month, or a year (ten months' price)."""

    code: str
    price: Money
    terms: Terms
    cycle: BillingCycle = BillingCycle.MONTHLY
    mode: PayMode = PayMode.SUBSCRIPTION


@dataclass(frozen=True, slots=True)
class Row:
    """What the events would have cost under one option. `difference` is to the actual one: negative is cheaper."""

    code: str
    mode: PayMode
    is_actual: bool
    fee: Money
    usage: Money
    cost: Money
    difference: Money
    quantity: Decimal
    refused: Decimal
    lines: tuple[Line, ...]


def option_of(plan: Plan, code: str, cycle: BillingCycle, mode: PayMode, share: Money | None = None) -> Option | None:
    """A plan of the catalogue as an option; None when it has no price (quote) or no such cycle.

    `share` replaces the plan's price: what of a bundle falls on the offering that is compared.
    """
    own = plan.yearly_price if cycle is BillingCycle.YEARLY else plan.monthly_price
    amount = share if share is not None else own
    if amount is None or plan.billing_model is BillingModel.QUOTE:
        return None
    return Option(code, amount, terms_of(plan), cycle, mode)


def window(end: datetime, days: int) -> tuple[Period, ...]:
    """The last `days` before `end` as periods of 30 days, oldest first; `days` is a multiple of 30."""
    months, rest = divmod(days, DAYS_A_PERIOD)
    if months < 1 or rest:
        raise ValueError("a window is a whole number of 30-day periods")
    return tuple(pairwise(end - timedelta(days=DAYS_A_PERIOD * n) for n in range(months, -1, -1)))


def fee_of(option: Option, months: int) -> Money:
    """The fee for `months`: a yearly price is charged as price x months / 12, rounded once."""
    if option.cycle is BillingCycle.YEARLY:
        return option.price.share(months, MONTHS_A_YEAR)
    return option.price * months


def compare(
    events: Iterable[Event], options: Sequence[Option], periods: Sequence[Period], actual: str
) -> tuple[Row, ...]:
    """What exactly these events would have cost under each option, in the order given.

    Each of the consecutive `periods` counts as one month: one month's fee, one month's included units, one usage line
    rounded as an invoice would (calls paid from the wallet are not invoiced and stay exact). Test calls cost nothing
    and do not count. `actual` is the code of the option in force; KeyError when no option has it.
    """
    ends = _counted(events, periods)
    rows = [_row(option, ends) for option in options]
    now = {row.code: row.cost for row in rows}[actual]
    return tuple(replace(row, is_actual=row.code == actual, difference=row.cost - now) for row in rows)


def curve(option: Option, quantities: Iterable[int]) -> tuple[tuple[int, Money], ...]:
    """What a month with so many calls costs, for a chart."""
    calls = tuple(quantities)
    fee, last = fee_of(option, 1), _last_served(option.terms, max(calls, default=0))
    usage = [_invoiced(option, _price_of(option.terms, min(n, last))) for n in calls]
    return tuple((n, fee + cost) for n, cost in zip(calls, usage, strict=True))


def break_even(a: Option, b: Option) -> int | None:
    """The smallest whole number of calls a month from which on `b` costs no more than `a`; None when it never does.

    Compared before invoices round, and with a twelfth of a yearly price kept exact. Looks at up to CALLS_MAX calls,
    or STEPS_MAX packages.
    A refused call costs nothing: an option that throttles or is capped looks cheap beyond what it serves.
    """
    sizes = [size for option in (a, b) for size in _package_sizes(option.terms.beyond)]
    limit = min([CALLS_MAX, *(max(1, int(size * STEPS_MAX)) for size in sizes)])
    a_year, b_year = _fee_of_a_year(a), _fee_of_a_year(b)
    a_last, b_last = _last_served(a.terms, limit), _last_served(b.terms, limit)

    def difference(calls: int) -> int:
        a_usage = _price_of(a.terms, min(calls, a_last))
        b_usage = _price_of(b.terms, min(calls, b_last))
        return (a_year - b_year + (a_usage - b_usage) * MONTHS_A_YEAR).micros

    cuts = {n + 1 for n in (a_last, b_last) if n < limit}
    for option in (a, b):
        cuts |= bends(option.terms.model, limit, option.terms.conventions)
    return no_dearer_from(difference, cuts, limit)


def _counted(events: Iterable[Event], periods: Sequence[Period]) -> list[list[Decimal]]:
    """For each period the running totals of its calls. Sorted once, so that each period is a slice."""
    ordered = sorted(events, key=lambda event: (event.at, event.id))
    instants = [event.at for event in ordered]
    slices = (ordered[bisect_left(instants, start) : bisect_left(instants, end)] for start, end in periods)
    return [count(inside, period).ends for inside, period in zip(slices, periods, strict=True)]


def _row(option: Option, ends: list[list[Decimal]]) -> Row:
    terms = replace(option.terms, fees=())
    fee = fee_of(option, len(ends))
    params: Params = {"months": len(ends), "price": plain(option.price)}
    lines = [Line("fee", "", "fee", f"plan_{option.cycle}", fee, Decimal(len(ends)), None, params)]
    used, within = ZERO, ZERO
    usage = Money.zero(terms.currency)
    for position, totals in enumerate(ends, 1):
        total, done = totals[-1] if totals else ZERO, served(terms, totals)
        period_lines = lines_for(terms, total, done)
        lines += [_placed(line, position) for line in period_lines]
        usage += _invoiced(option, period_lines[0].amount)
        used, within = EXACT.add(used, total), EXACT.add(within, done)
    refused = EXACT.subtract(used, within)
    cost = fee + usage
    return Row(option.code, option.mode, False, fee, usage, cost, cost, used, refused, tuple(lines))


def _placed(line: Line, position: int) -> Line:
    """The line under an id of its own: period 2's usage is "2.usage"."""
    return replace(line, id=f"{position}.{line.id}", parent=line.parent and f"{position}.{line.parent}")


def _invoiced(option: Option, usage: Money) -> Money:
    """A usage line as it is paid: whole minor units on an invoice, exact from the wallet."""
    return usage if option.mode is PayMode.PREPAID else usage.rounded()


def _fee_of_a_year(option: Option) -> Money:
    return option.price if option.cycle is BillingCycle.YEARLY else option.price * MONTHS_A_YEAR


def _price_of(terms: Terms, calls: int) -> Money:
    return price(terms.model, calls, terms.conventions).amount


def _last_served(terms: Terms, limit: int) -> int:
    """How many single calls a month, of `limit`, are served before the plan or the cap refuses."""
    if terms.policy is OveragePolicy.THROTTLE:
        return limit if terms.included is None else min(limit, int(terms.included))
    cap = terms.cap
    if cap is None:
        return limit
    starts = sorted(bends(terms.model, limit, terms.conventions))
    for start, following in zip(starts, [*starts[1:], limit + 1], strict=True):
        refused = first_where(lambda calls: cap < _price_of(terms, calls), start, following)
        if refused < following:
            return max(0, refused - 1)
    return limit


def _package_sizes(model: Model) -> list[Decimal]:
    match model:
        case Package(size=size):
            return [size]
        case Included(beyond=inner) | Bounded(model=inner):
            return _package_sizes(inner)
        case _:
            return []
