"""What a change of a subscription costs in the fake: unused time, the rest of the period, and what comes after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from services.api.money import Money, Rate
from services.api.types import (
    BillingCycle,
    ChangeAction,
    ChangeRequest,
    InvoiceLine,
    Params,
    PendingChange,
    Plan,
    SubscriptionState,
)
from services.domain import billing
from tests.fake_books import ZERO, Held
from tests.samples import uuid_of

QUANTITY_MAX = 10_000


@dataclass(frozen=True)
class Sums:
    """`net` is charged when positive and comes back when negative, before tax. `after` is the subscription then."""

    lines: tuple[InvoiceLine, ...]
    net: Money
    price: Money  # of one period
    effective_at: datetime
    is_pending: bool
    pending: PendingChange | None
    after: Held


def price_of(plan: Plan, cycle: BillingCycle) -> Money:
    """Of one period, for one."""
    price = plan.yearly_price if cycle is BillingCycle.YEARLY else plan.monthly_price
    return price or ZERO


def quantity_problem(quantity: int) -> str:
    """0 keeps it."""
    return "" if 0 <= quantity <= QUANTITY_MAX else "out_of_range"


def unused(held: Held, price: Money, now: datetime) -> Money:
    """The part of `price` that belongs to the rest of the period, by the second."""
    one = held.subscription
    whole = int((one.period_end - one.period_start).total_seconds())
    left = held.remaining if held.remaining is not None else one.period_end - now
    return price.share(max(0, int(left.total_seconds())), max(1, whole))


def sums_of(held: Held, request: ChangeRequest, plan: Plan, cycle: BillingCycle, quantity: int, now: datetime) -> Sums:
    """The arithmetic of a change at `now`."""
    one = held.subscription
    price = price_of(plan, cycle) if request.action is ChangeAction.CHANGE_PLAN else one.price
    nothing = Sums((), ZERO, price, now, False, None, held)
    if request.action is ChangeAction.CANCEL_AT_END:
        return replace(
            nothing, effective_at=one.period_end, is_pending=True, pending=_pending("cancel", one.period_end)
        )
    if request.action is ChangeAction.PAUSE and request.at_end:
        pending = _pending("pause", one.period_end)
        return replace(nothing, effective_at=one.period_end, is_pending=True, pending=pending)
    if request.action is ChangeAction.CANCEL_NOW:
        lines = _credit_lines(held, now)
        return replace(nothing, lines=lines, net=sum((line.amount for line in lines), ZERO))
    if request.action is not ChangeAction.CHANGE_PLAN:
        return nothing
    return _plan_change(held, request, plan, cycle, quantity, now)


def _plan_change(
    held: Held, request: ChangeRequest, plan: Plan, cycle: BillingCycle, quantity: int, now: datetime
) -> Sums:
    one, price = held.subscription, price_of(plan, cycle)
    restarts = cycle is not one.cycle
    is_dearer = one.price * one.quantity < price * quantity
    at_end = request.at_end if request.at_end is not None else not (restarts or is_dearer)
    changed = replace(one, plan=plan, cycle=cycle, quantity=quantity, price=price, pending=None)
    if at_end:
        pending = PendingChange("change_plan", one.period_end, plan.uuid, plan.name, cycle, price)
        return Sums((), ZERO, price, one.period_end, True, pending, held)
    if one.state is SubscriptionState.TRIALING:
        return Sums((), ZERO, price, now, False, None, replace(held, subscription=changed))
    if restarts:
        end = billing.boundary(now, 12 if cycle is BillingCycle.YEARLY else 1)
        changed = replace(changed, period_start=now, period_end=end)
        charge, anchor, index = price * quantity, now, 1
    else:
        charge, anchor, index = unused(held, price * quantity, now), held.anchor, held.index
    credit = _credit_lines(held, now)
    params: Params = {"name": one.offering_name, "plan": plan.name, "cycle": cycle.value}
    line = InvoiceLine(
        uuid_of(f"{one.uuid}/charge/{now}"),
        "",
        "proration_charge",
        charge,
        params,
        str(quantity),
        Rate(price.micros),
        now,
        changed.period_end,
        one.uuid,
    )
    lines = (*credit, line)
    net = sum((each.amount for each in lines), ZERO)
    worth = max(ZERO, held.worth + net)
    after = Held(changed, held.token, anchor, index, worth, None, held.was_reminded)
    return Sums(lines, net, price, now, False, None, after)


def _credit_lines(held: Held, now: datetime) -> tuple[InvoiceLine, ...]:
    """The unused part of what was paid; never more than was paid and not yet given back."""
    one = held.subscription
    credit = min(unused(held, one.price * one.quantity, now), held.worth)
    if credit.is_zero:
        return ()
    params: Params = {"name": one.offering_name, "plan": one.plan.name, "days_left": (one.period_end - now).days}
    uuid = uuid_of(f"{one.uuid}/credit/{now}")
    spans = (now, one.period_end, one.uuid)
    return (InvoiceLine(uuid, "", "proration_credit", -credit, params, "1", None, *spans),)


def _pending(kind: str, at: datetime) -> PendingChange:
    return PendingChange(kind, at)


def hash_of(request: ChangeRequest, sums: Sums, total: Money) -> str:
    """The same for the same sums."""
    content = (
        request.subscription_uuid,
        request.action.value,
        request.plan_uuid,
        request.cycle,
        request.quantity,
        sums.price,
        sums.is_pending,
        [(line.kind, line.amount) for line in sums.lines],
        total,
    )
    return sha256(repr(content).encode()).hexdigest()
