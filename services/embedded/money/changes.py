"""A change of a subscription, worked out at an instant: what it costs, what it does. Nothing is written here.

Preview and commit are this one function. The rules are `domain.subscriptions`; added here are the catalogue, what has
been paid so far, coupons and tax, which the invoice's own arithmetic computes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput, PaymentProfileNeeded, WrongState
from services.api.money import Money
from services.api.types import (
    BillingCycle,
    BillingModel,
    ChangeAction,
    ChangeRequest,
    PaymentMethod,
    SubscriptionState,
    UsagePayment,
)
from services.db import models as m
from services.domain import billing, subscription_states, subscriptions
from services.domain.billing import Bought
from services.domain.discounts import Coupon
from services.domain.invoicing import Draft, Item, compose
from services.domain.periods import Period
from services.domain.subscription_states import Event
from services.domain.subscriptions import Change, ChangeKind, ChangeLine
from services.embedded.core import Core
from services.embedded.money import cards, coupons, cycles, drafting, months, wanted_plans
from services.embedded.money.commands import fingerprint
from services.embedded.money.cycles import Agreement
from services.embedded.money.drafting import TO_WALLET, NewInvoice
from services.embedded.money.subscription_views import allowed
from services.embedded.money.taxes import details_of

NEW_CYCLE = "new_cycle"
_SLUG = sa.select(m.OfferingRow.slug).where(m.OfferingRow.id == sa.bindparam("offering"))
_MINE = sa.select(m.ResourceRow.uuid).where(m.ResourceRow.order_uuid == sa.bindparam("order"))


@dataclass(frozen=True, slots=True)
class Planned:
    """`row`: of the subscription as it is; `change` None for what touches neither plan nor time. `invoice` None when
    no amount moves. `billed`: what the whole running period is billed at from then on."""

    request: ChangeRequest
    row: Any
    at: datetime
    change: Change | None
    wanted: Agreement
    used: int
    invoice: NewInvoice | None
    draft: Draft | None
    billed: Money

    @property
    def zero(self) -> Money:
        return Money.zero(self.row.currency)

    @property
    def due_now(self) -> Money:
        """What the card, or the wallet, is asked for."""
        return self.zero if self.draft is None else self.draft.credit_applied + self.draft.due

    @property
    def to_wallet(self) -> Money:
        if self.invoice is None:
            return self.zero
        return sum((item.amount for item in self.invoice.items if item.kind == TO_WALLET), self.zero)

    @property
    def effective_at(self) -> datetime:
        return self.at if self.change is None else self.change.effective_at

    @property
    def is_pending(self) -> bool:
        return self.change is not None and self.change.is_pending

    @property
    def hash(self) -> str:
        """Over all that the buyer agrees to."""
        request = self.request
        return fingerprint(
            [request.subscription_uuid, request.action, request.plan_uuid, request.cycle, request.quantity,
             request.resume_at, request.usage_payment, self.due_now.micros, self.to_wallet.micros,
             self.change and subscriptions.hash_of(self.change)]
        )  # fmt: skip


def plan(core: Core, connection: Connection, row: Any, request: ChangeRequest, at: datetime) -> Planned:
    """What the change comes to. WrongState, InvalidInput, PaymentProfileNeeded."""
    if request.action not in allowed(row):
        raise WrongState(state=row.state)
    wanted = cycles.agreement_of(row)
    if request.action is ChangeAction.CHANGE_PLAN:
        wanted = wanted_plans.find(connection, row, request)
    used = calls_used(connection, row, at)
    change = _decide(connection, row, request, wanted, used, at)
    _check_payment(core, connection, row, request)
    planned = Planned(request, row, at, change, wanted, used, None, None, _billed(connection, row))
    return planned if change is None or not change.lines else _priced(connection, planned, change)


def calls_used(connection: Connection, row: Any, at: datetime) -> int:
    """Calls of the running month, of all agents."""
    start = months.month_of(row, at).start
    uuids = connection.execute(_MINE, {"order": row.order_uuid}).scalars().all()
    return sum(months.read(connection, uuid, start, row.currency)[0] for uuid in uuids)


def _billed(connection: Connection, row: Any) -> Money:
    cycle = cycles.cycle_of(connection, row)
    return cycles.agreement_of(row).amount if cycle.billed is None else cycle.billed


def _decide(
    connection: Connection, row: Any, request: ChangeRequest, wanted: Agreement, used: int, at: datetime
) -> Change | None:
    """The rule for each action; None for what is only written down."""
    cycle = cycles.cycle_of(connection, row, used)
    match request.action:
        case ChangeAction.CHANGE_PLAN:
            if wanted == cycles.agreement_of(row):
                raise InvalidInput(fields={"plan_uuid": "not_available"})
            return subscriptions.plan_change(cycle, wanted.domain, at, at_end=request.at_end)
        case ChangeAction.CANCEL_NOW | ChangeAction.CANCEL_AT_END:
            return subscriptions.cancel(cycle, at, at_end=request.action is ChangeAction.CANCEL_AT_END)
        case ChangeAction.PAUSE:
            if request.resume_at is None or request.resume_at <= at:
                raise InvalidInput(fields={"resume_at": "in_past" if request.resume_at else "required"})
            return subscriptions.pause(cycle, at, request.resume_at, at_end=bool(request.at_end))
        case ChangeAction.RESUME:
            return subscriptions.resume(cycle, at)
    return None


def _check_payment(core: Core, connection: Connection, row: Any, request: ChangeRequest) -> None:
    """PaymentProfileNeeded, InvalidInput(payment_token, usage_payment)."""
    if request.action is ChangeAction.SET_USAGE_PAYMENT:
        if request.usage_payment is None:
            raise InvalidInput(fields={"usage_payment": "required"})
        has_profile = row.payment_token or request.payment_token or row.payment_method == PaymentMethod.INVOICE.value
        if request.usage_payment is UsagePayment.POSTPAID and not has_profile:
            raise PaymentProfileNeeded
    if request.action is ChangeAction.SET_PAYMENT_CARD and not request.payment_token:
        raise InvalidInput(fields={"payment_token": "required"})
    if request.payment_token:
        cards.way_for(core, connection, row, request.payment_token)


# ---- what it costs


def _priced(connection: Connection, planned: Planned, change: Change) -> Planned:
    """The invoice of a change: what comes back, what is charged, the coupon, and the balance to the wallet."""
    row = planned.row
    slug = connection.execute(_SLUG, {"offering": row.offering_id}).scalar_one()
    items = tuple(_item(planned, line, slug) for line in change.lines)
    periods = {item.id: _span(change, line) for item, line in zip(items, change.lines, strict=True)}
    coupon = _coupon(planned, change)
    new = NewInvoice(
        row.organization_uuid,
        items,
        row.currency,
        subscription_uuid=row.uuid,
        coupons=() if coupon is None else (coupon,),
        credit_available=planned.wanted.amount if row.payment_method == PaymentMethod.WALLET.value else None,
        period=_span(change, change.lines[-1]),
        periods=periods,
    )
    back = _discount(items, coupon) - sum((item.amount for item in items), planned.zero)
    if back.micros > 0:
        balance = Item(TO_WALLET, back, TO_WALLET, params={"name": row.offering_name}, is_discountable=False,
                       subscription=row.uuid)  # fmt: skip
        new = replace(new, items=(*items, balance))
    draft = drafting.composed(new, details_of(connection, row.organization_uuid))
    return replace(planned, invoice=new, draft=draft, billed=_whole(planned, coupon))


def _span(change: Change, line: ChangeLine) -> Period:
    """The time a line is for."""
    if line.code == NEW_CYCLE:
        return line.period
    start = max(change.effective_at, line.period.start)
    start = line.period.end - timedelta(seconds=line.part.unused) if start >= line.period.end else start
    return Period(start, line.period.end)


def _item(planned: Planned, line: ChangeLine, slug: str) -> Item:
    row, wanted = planned.row, planned.wanted
    if line.code == NEW_CYCLE:
        bought = Bought(row.offering_name, wanted.terms["name"], slug, row.uuid)
        return billing.fee(bought, wanted.cycle, wanted.price, wanted.quantity)
    is_credit = line.amount.micros < 0
    terms: Mapping[str, Any] = row.terms if is_credit else wanted.terms
    params: dict[str, str | int | None] = {
        "name": row.offering_name, "plan": terms["name"], "price_micros": line.price.micros,
        "unused": line.part.unused, "whole": line.part.whole,
    }  # fmt: skip
    kind = "proration_credit" if is_credit else "proration_charge"
    return Item(line.code, line.amount, kind, params=params, quantity=Decimal(line.quantity), offering=slug,
                subscription=row.uuid, is_discountable=not is_credit)  # fmt: skip


def _coupon(planned: Planned, change: Change) -> Coupon | None:
    """What lowers the charge too: for a new period the coupon while it lasts, for the rest of a period one by percent
    that lowered this period already."""
    row, coupon = planned.row, coupons.from_json(planned.row.coupon)
    if coupon is None:
        return None
    if any(line.code == NEW_CYCLE for line in change.lines):
        return coupon if row.coupon_periods_left != 0 else None
    is_lowered = planned.billed < cycles.agreement_of(row).amount
    return coupon if is_lowered and coupon.percent is not None else None


def _discount(items: Sequence[Item], coupon: Coupon | None) -> Money:
    """What the coupon takes off the charge, also where the old plan's credit is more than that."""
    charges = [item for item in items if item.is_discountable]
    currency = items[0].amount.currency
    return compose(charges, currency=currency, coupons=() if coupon is None else (coupon,)).discount_total


def _whole(planned: Planned, coupon: Coupon | None) -> Money:
    """What a whole period of the wanted terms is billed at after the coupon."""
    amount = planned.wanted.amount
    fee = billing.fee(Bought("", ""), planned.wanted.cycle, planned.wanted.price, planned.wanted.quantity)
    if coupon is None:
        return amount
    unbound = replace(coupon, offerings=frozenset())
    whole = compose((fee,), currency=amount.currency, coupons=(unbound,))
    return whole.subtotal - whole.discount_total


# ---- what it leaves behind


def columns_after(planned: Planned) -> dict[str, Any]:
    """The columns of the subscription that the change writes; `renewals` does endings and pauses."""
    row, request, change = planned.row, planned.request, planned.change
    match request.action:
        case ChangeAction.CHANGE_PLAN if change is not None:
            return _plan_columns(planned, change)
        case ChangeAction.CANCEL_AT_END:
            return {"pending": _pending(cycles.CANCEL, planned), "cancel_at": planned.effective_at}
        case ChangeAction.CANCEL_NOW:
            return {"state": SubscriptionState.CANCELED.value, "ended_at": planned.at, "pending": {}}
        case ChangeAction.PAUSE if planned.is_pending and request.resume_at:
            return {"pending": _pending(cycles.PAUSE, planned, resume_at=request.resume_at.isoformat())}
        case ChangeAction.PAUSE:
            return {"state": SubscriptionState.PAUSED.value, "paused_at": planned.at, "resumes_at": request.resume_at}
        case ChangeAction.RESUME if change is not None and change.next_period and change.next_anchor:
            return {"state": _resumed(row).value, "paused_at": None, "resumes_at": None,
                    "anchor_at": change.next_anchor.instant, "period_start": change.next_period.start,
                    "period_end": change.next_period.end}  # fmt: skip
        case ChangeAction.UNDO:
            return {"pending": {}, "cancel_at": None}
        case ChangeAction.SET_USAGE_PAYMENT:
            return {"usage_payment": (request.usage_payment or UsagePayment(row.usage_payment)).value}
    return {"payment_method": PaymentMethod.CARD.value}


def _resumed(row: Any) -> SubscriptionState:
    """What a paused subscription is again; a payment that failed meanwhile is still to be made."""
    state = subscription_states.after(SubscriptionState(row.state), Event.RESUMED)
    return subscription_states.after(state, Event.PAYMENT_FAILED) if row.unpaid_invoice_uuid else state


def _pending(kind: str, planned: Planned, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "effective_at": planned.effective_at.isoformat()} | more


def _plan_columns(planned: Planned, change: Change) -> dict[str, Any]:
    row, wanted = planned.row, planned.wanted
    if change.is_pending:
        return {"pending": _pending(cycles.CHANGE_PLAN, planned, **cycles.to_json(wanted)), "cancel_at": None}
    columns = wanted.values() | {"pending": {}, "cancel_at": None}
    if row.billing_model == BillingModel.FREE.value and wanted.terms["model"] != BillingModel.FREE.value:
        columns |= {"usage_payment": UsagePayment.POSTPAID.value, "payment_method": PaymentMethod.CARD.value}
    if row.state == SubscriptionState.TRIALING.value or change.next_period is None or change.next_anchor is None:
        return columns
    discount = planned.draft.discount_total if planned.draft else planned.zero
    charged = change.charge - discount
    if change.next_period == change.period:
        return columns | {
            "paid_micros": row.paid_micros + charged.micros,
            "credited_micros": row.credited_micros + change.credit.micros,
        }
    return columns | {
        "anchor_at": change.next_anchor.instant, "period_start": change.next_period.start,
        "period_end": change.next_period.end, "period_index": 0, "paid_micros": charged.micros, "credited_micros": 0,
        "coupon_periods_left": _periods_left(row, wanted.cycle),
    }  # fmt: skip


def _periods_left(row: Any, cycle: BillingCycle) -> int | None:
    """How many periods the coupon covers after the one that begins now."""
    left: int | None = row.coupon_periods_left
    if left is None or not row.coupon:
        return left
    return cycles.periods_left(left, BillingCycle(row.cycle), cycle)


def is_plan_kind(change: Change | None) -> bool:
    """Whether a change is one of the plan, the cycle or the quantity."""
    return change is not None and change.kind not in (
        ChangeKind.CANCEL_NOW, ChangeKind.CANCEL_AT_END, ChangeKind.PAUSE, ChangeKind.RESUME, ChangeKind.UNDO,
    )  # fmt: skip
