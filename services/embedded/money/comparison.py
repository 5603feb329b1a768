"""What other plans would have cost: the calls that were really made, counted once, under every way to pay for them.

The window is cut into months of 30 days. The running plan counts as it was agreed, the others as the catalogue has
them today; all before tax and before coupons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import combinations
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money, split_largest_remainder
from services.api.types import (
    BillingCycle,
    BillingModel,
    BreakEven,
    ChangeAction,
    CostCurve,
    Plan,
    PlanComparison,
    PlanCost,
    UsagePayment,
)
from services.db import models as m
from services.db import portable
from services.domain import comparison as rules
from services.domain.comparison import Option, PayMode
from services.domain.rating import TEST, Event, Period
from services.embedded.catalogue import PLAN_COLUMNS, plan_from
from services.embedded.money import agreed, subscription_views

WINDOWS = (30, 90)
POINTS = 40  # of a curve, besides those where a price list bends
BEYOND = (5, 4)  # how far a curve goes past the last point of interest
LEAST = 1_000  # calls on a curve at least

_E, _R, _P, _O = m.UsageEvent, m.ResourceRow, m.PlanRow, m.OfferingRow
_PLANS = sa.select(*PLAN_COLUMNS).where(_P.offering_id == sa.bindparam("offering"), _P.is_active).order_by(_P.position)


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to pay: the rule's option, and what is shown of it."""

    option: Option
    plan_uuid: str
    plan_name: str
    usage_payment: UsagePayment
    is_current: bool = False
    is_bundle: bool = False
    can_change: bool = False


@dataclass(frozen=True, slots=True)
class _Cost:
    """What the calls of all agents would have cost under one way."""

    fee: Money
    usage: Money
    refused: int

    @property
    def whole(self) -> Money:
        return self.fee + self.usage


def compare(connection: Connection, subscription: Any, days: int, now: datetime) -> PlanComparison:
    """`subscription`: its row."""
    periods = rules.window(now, days)
    agents = _agents(connection, subscription)
    counted = [_events(connection, uuid, periods) for uuid in agents]
    by_month = [sum(int(events[n].quantity) for events in counted) for n in range(len(periods))]
    ways = _ways(connection, subscription)
    costs = _costs(ways, counted, periods)
    actual = next(cost.whole for way, cost in zip(ways, costs, strict=True) if way.is_current)
    shown = [_shown(way, cost, actual) for way, cost in zip(ways, costs, strict=True)]
    evens = _break_evens(ways)
    return PlanComparison(
        subscription_uuid=subscription.uuid,
        resource_name=next(iter(agents.values())) if len(agents) == 1 else subscription.offering_name,
        days=days,
        start=periods[0][0],
        end=periods[-1][1],
        calls=sum(by_month),
        calls_a_month=sum(by_month) // len(periods),
        options=tuple(sorted(shown, key=lambda one: (one.cost.micros, not one.is_current, one.code))),
        break_evens=evens,
        curves=_curves(ways, [*by_month, *(even.calls for even in evens if even.calls)]),
    )


# ---- what was called


def _agents(connection: Connection, subscription: Any) -> dict[str, str]:
    """The agents of a subscription: uuid -> name."""
    mine = sa.select(_R.uuid, _R.name).where(_R.order_uuid == subscription.order_uuid).order_by(_R.uuid)
    return {row.uuid: row.name for row in connection.execute(mine)}


def _events(connection: Connection, resource_uuid: str, periods: Sequence[Period]) -> list[Event]:
    """The calls of each period as one event: without a cap in the price list their order inside it changes nothing."""
    found = []
    for number, (start, end) in enumerate(periods):
        total = connection.execute(
            sa.select(portable.sum_of(_E.quantity.expression)).where(
                _E.resource_uuid == resource_uuid,
                _E.at >= start,
                _E.at < end,
                _E.state == "settled",
                _E.purpose != TEST,
            )
        ).scalar_one()
        found.append(Event(str(number), start, Decimal(total)))
    return found


def _costs(ways: Sequence[_Way], counted: Sequence[Sequence[Event]], periods: Sequence[Period]) -> list[_Cost]:
    """Each agent has an allowance of its own; the fee is one for all of them."""
    options = [way.option for way in ways]
    actual = next(way.option.code for way in ways if way.is_current)
    by_agent = [rules.compare(events, options, periods, actual) for events in counted]
    costs = []
    for number, option in enumerate(options):
        rows = [agent[number] for agent in by_agent]
        usage = sum((row.usage for row in rows), Money.zero(option.terms.currency))
        costs.append(_Cost(rules.fee_of(option, len(periods)), usage, int(sum(row.refused for row in rows))))
    return costs


def _shown(way: _Way, cost: _Cost, actual: Money) -> PlanCost:
    return PlanCost(
        code=way.option.code,
        plan_uuid=way.plan_uuid,
        plan_name=way.plan_name,
        cycle=way.option.cycle,
        usage_payment=way.usage_payment,
        is_current=way.is_current,
        is_bundle=way.is_bundle,
        fee=cost.fee,
        usage=cost.usage,
        cost=cost.whole,
        difference=cost.whole - actual,
        refused_calls=cost.refused,
        can_change=way.can_change,
    )


# ---- the ways to pay


def _ways(connection: Connection, subscription: Any) -> list[_Way]:
    """The running plan as agreed, every other plan of the offering, and its share of a bundle it is part of."""
    current = _current(subscription)
    may_change = ChangeAction.CHANGE_PLAN in subscription_views.allowed(subscription)
    found = {current.option.code: current}
    for plan in _plans(connection, subscription.offering_id):
        for way in _of_plan(plan, subscription, may_change=may_change):
            found.setdefault(way.option.code, way)
    for way in _bundles(connection, subscription):
        found.setdefault(way.option.code, way)
    return list(found.values())


def _current(subscription: Any) -> _Way:
    terms, cycle = subscription.terms, BillingCycle(subscription.cycle)
    payment = UsagePayment(subscription.usage_payment)
    option = Option(
        _code(terms["model"], terms["slug"], cycle, payment),
        Money(subscription.price_micros, subscription.currency),
        agreed.rating_terms(terms, subscription.quantity),
        cycle,
        _mode(terms["model"], payment),
    )
    return _Way(option, subscription.plan_uuid, terms["name"], payment, is_current=True)


def _code(model: str, slug: str, cycle: BillingCycle, payment: UsagePayment) -> str:
    return f"{slug}-{payment}" if model == BillingModel.PAY_PER_USE else f"{slug}-{cycle}"


def _mode(model: str, payment: UsagePayment) -> PayMode:
    if payment is UsagePayment.PREPAID:
        return PayMode.PREPAID
    return PayMode.POSTPAID if model == BillingModel.PAY_PER_USE else PayMode.SUBSCRIPTION


def _plans(connection: Connection, offering_id: int) -> list[Plan]:
    return [plan_from(row) for row in connection.execute(_PLANS, {"offering": offering_id})]


def _of_plan(plan: Plan, subscription: Any, *, may_change: bool) -> list[_Way]:
    """A plan by the month and by the year, or prepaid and postpaid; calls are paid as they are now where both go."""
    model, now = plan.billing_model, UsagePayment(subscription.usage_payment)
    both = [UsagePayment.POSTPAID, UsagePayment.PREPAID]
    payments = both if model is BillingModel.PAY_PER_USE else [now]
    cycles = list(BillingCycle) if model is BillingModel.SUBSCRIPTION else [BillingCycle.MONTHLY]
    ways = []
    for payment in payments:
        for cycle in cycles:
            code = _code(model, plan.slug, cycle, payment)
            option = rules.option_of(plan, code, cycle, _mode(model, payment))
            if option is None or option.terms.currency != subscription.currency:
                continue
            can_change = may_change and model is BillingModel.SUBSCRIPTION
            whole = _times(option, plan, subscription.quantity)
            ways.append(_Way(whole, plan.uuid, plan.name, payment, can_change=can_change))
    return ways


def _times(option: Option, plan: Plan, quantity: int) -> Option:
    """As many of the plan as there are now."""
    terms = agreed.rating_terms(agreed.agree(plan), quantity)
    return replace(option, price=option.price * quantity, terms=terms)


def _bundles(connection: Connection, subscription: Any) -> list[_Way]:
    """What falls on this offering in a bundle that has it, in proportion to what the parts cost alone."""
    b = m.BundleItem
    holding = sa.select(b.bundle_id).where(b.offering_id == subscription.offering_id).order_by(b.bundle_id)
    ways = []
    for bundle_id in connection.execute(holding).scalars().all():
        name = connection.execute(sa.select(_O.name).where(_O.id == bundle_id, _O.is_active)).scalar()
        parts = list(connection.execute(sa.select(b.offering_id).where(b.bundle_id == bundle_id)).scalars())
        prices = {part: {plan.slug: plan for plan in _plans(connection, part)} for part in parts}
        for plan in _plans(connection, bundle_id) if name else []:
            ways += _shares(plan, str(name), prices, subscription)
    return ways


def _shares(bundle: Plan, name: str, parts: dict[int, dict[str, Plan]], subscription: Any) -> list[_Way]:
    own = parts[subscription.offering_id].get(bundle.slug)
    weights = [_monthly(plans.get(bundle.slug)) for plans in parts.values()]
    if own is None or not any(weights) or subscription.quantity != 1:
        return []
    ways, place = [], list(parts).index(subscription.offering_id)
    for cycle in BillingCycle:
        whole = bundle.yearly_price if cycle is BillingCycle.YEARLY else bundle.monthly_price
        if whole is None or whole.currency != subscription.currency:
            continue
        share = split_largest_remainder(whole.minor, weights)[place] * whole.minor_unit
        code = f"{bundle.slug}-{cycle}-bundle-{bundle.uuid}"
        option = rules.option_of(own, code, cycle, PayMode.BUNDLE, Money(share, whole.currency))
        if option is not None:
            payment = UsagePayment(subscription.usage_payment)
            ways.append(_Way(option, bundle.uuid, f"{name} {bundle.name}", payment, is_bundle=True))
    return ways


def _monthly(plan: Plan | None) -> int:
    return 0 if plan is None or plan.monthly_price is None else plan.monthly_price.micros


# ---- where one overtakes another


def _break_evens(ways: Sequence[_Way]) -> tuple[BreakEven, ...]:
    """From how many calls a month on the one with the higher fee is no dearer; ways that cost the same are one."""
    once = {(way.option.price, way.option.terms.beyond, way.option.terms.included): way for way in reversed(ways)}
    monthly = [way for way in once.values() if way.option.cycle is BillingCycle.MONTHLY and not way.is_bundle]
    ordered = sorted(monthly, key=lambda way: (way.option.price.micros, way.option.code))
    return tuple(
        BreakEven(low.option.code, high.option.code, rules.break_even(low.option, high.option))
        for low, high in combinations(ordered, 2)
    )


def _curves(ways: Sequence[_Way], interesting: Sequence[int]) -> tuple[CostCurve, ...]:
    """Cost of a month by calls, from none to a little beyond everything of interest."""
    top = max([LEAST, *interesting]) * BEYOND[0] // BEYOND[1]
    step = -(-top // POINTS)
    bends = {int(way.option.terms.included) for way in ways if way.option.terms.included}
    calls = sorted({*range(0, step * POINTS + 1, step), *(bend for bend in bends if bend < top)})
    return tuple(CostCurve(way.option.code, rules.curve(way.option, calls)) for way in ways)
