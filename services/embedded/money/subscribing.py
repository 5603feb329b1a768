"""An order becomes a subscription: its row and first period, its first invoice, and what time will owe.

All of it happens in the transaction that delivers the order. Nothing is charged here: a card was charged before, the
wallet is drawn when the invoice becomes final, a trial and what is free have no invoice yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import NotFound
from services.api.money import Money
from services.api.types import BillingCycle, BillingModel, OrderState, PaymentMethod, SubscriptionState, UsagePayment
from services.db import models as m
from services.db import money_models as mm
from services.domain import billing
from services.domain.billing import Bought
from services.domain.discounts import Coupon, periods_left
from services.domain.periods import MONTHLY, Anchor, Period, period_at
from services.domain.subscription_states import first_charge_at, reminder_at
from services.embedded.catalogue import PLAN_COLUMNS, plan_from
from services.embedded.core import Core, insert_into
from services.embedded.money import agreed, coupons, drafting, due, finalising
from services.embedded.money.drafting import NewInvoice, Written
from services.embedded.money.happenings import note_happening
from services.embedded.money.taxes import details_from

TRIAL, PAID, PAUSED, SUSPENDED = "trial", "paid", "paused", "suspended"  # kinds of periods

_S, _P, _O = mm.SubscriptionRow, mm.SubscriptionPeriod, m.OrderRow
_ROW = sa.select(*_S.__table__.c).where(_S.uuid == sa.bindparam("subscription"))
_LOCKED = _ROW.with_for_update()
_CHANGE = sa.update(_S).where(_S.uuid == sa.bindparam("subscription")).values(version=_S.version + 1)
_LAST_PIECE = (
    sa.select(*_P.__table__.c)
    .where(_P.subscription_uuid == sa.bindparam("subscription"))
    .order_by(_P.number.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Payment:
    """How the first period is paid: with what (as it is shown), with which saved card (our token), or within
    `net_days` of an invoice. `provider` "": nothing arrives now. `later_days`: within how many days later periods are
    paid, when nobody is charged for them."""

    paid_with: str = ""
    card: str = ""
    provider: str = ""
    net_days: int = 0
    later_days: int = 0


def find(connection: Connection, uuid: str, *, lock: bool = False) -> Any:  # Any: a row of SubscriptionRow
    """The row of a subscription. NotFound."""
    row = connection.execute(_LOCKED if lock else _ROW, {"subscription": uuid}).one_or_none()
    if row is None:
        raise NotFound(what="subscription")
    return row


def change(connection: Connection, uuid: str, **values: Any) -> Any:  # Any: column values, and the row afterwards
    """Writes some of a subscription and returns it as it is now."""
    connection.execute(_CHANGE, {"subscription": uuid, **values})
    return find(connection, uuid)


def start(core: Core, connection: Connection, order: Any, at: datetime, payment: Payment) -> str:
    """The subscription of a delivered order (its row), from `at` on. Returns the uuid of the first invoice, "" when
    there is nothing to pay. ledger.BelowFloor when the wallet is to pay and its credit went meanwhile."""
    request, cycle = order.request, BillingCycle(order.billing_cycle)
    uuid, price = core.ids.uuid(), agreed.price_of(request["terms"], cycle)
    trial_ends = first_charge_at(at, days=request["trial_days"]) if request["is_trial"] else None
    period = Period(at, trial_ends) if trial_ends else period_at(Anchor.of(at), agreed.interval_of(cycle), at)
    coupon = coupons.from_json(request["coupon"])
    written = None
    if trial_ends is None and not price.is_zero:
        new = _first_invoice(order, uuid, price, coupon, period)
        written = drafting.draft_rows(core, connection, new, at)
    net = Money.zero(price.currency) if written is None else _net(written, price.currency)
    invoice_uuid = "" if written is None else str(written.head["uuid"])
    used = 0 if trial_ends or coupon is None else 1
    row = _row(order, request, uuid, price, period, at) | {
        "anchor_at": trial_ends or at, "trial_ends_at": trial_ends,
        "state": (SubscriptionState.TRIALING if trial_ends else SubscriptionState.ACTIVE).value,
        "payment_token": payment.card, "net_days": payment.net_days or payment.later_days, "coupon": request["coupon"],
        "coupon_periods_left": None if coupon is None else periods_left(coupon, used, billing.months_in(cycle)),
        "paid_micros": net.micros,
    }  # fmt: skip
    connection.execute(insert_into(_S), row)
    kind = TRIAL if trial_ends else PAID
    connection.execute(insert_into(_P), piece(row, 0, kind, period, net, invoice_uuid))
    schedule_next(connection, SimpleNamespace(**row))
    note_happening(core, connection, order.organization_uuid, "subscribed", at, ref=f"upcoming:{uuid}",
                   name=order.offering_name, plan=request["terms"]["name"], begins=kind)  # fmt: skip
    if written is not None:
        _settle(core, connection, written, at, payment)
    return invoice_uuid


def _row(
    order: Any, request: Mapping[str, Any], uuid: str, price: Money, period: Period, at: datetime
) -> dict[str, Any]:
    terms, method = request["terms"], request["method"]
    is_prepaid = method == PaymentMethod.WALLET.value or terms["model"] == BillingModel.FREE.value
    return {
        "uuid": uuid, "order_uuid": order.uuid, "organization_uuid": order.organization_uuid,
        "project_uuid": order.project_uuid, "user_uuid": order.user_uuid, "offering_id": order.offering_id,
        "offering_name": order.offering_name, "plan_uuid": order.plan_uuid, "billing_model": terms["model"],
        "cycle": order.billing_cycle, "quantity": 1, "terms": terms, "price_micros": price.micros,
        "currency": price.currency, "zone": "UTC", "period_index": 0, "period_start": period.start,
        "period_end": period.end, "cancel_at": None, "ended_at": None, "paused_at": None, "resumes_at": None,
        "pending": {}, "payment_method": method,
        "usage_payment": (UsagePayment.PREPAID if is_prepaid else UsagePayment.POSTPAID).value,
        "credited_micros": 0, "unpaid_invoice_uuid": "", "version": 0, "created_at": at,
    }  # fmt: skip


def _first_invoice(order: Any, uuid: str, price: Money, coupon: Coupon | None, period: Period) -> NewInvoice:
    request = order.request
    bought = Bought(order.offering_name, request["terms"]["name"], request["slug"], uuid)
    from_wallet = request["method"] == PaymentMethod.WALLET.value
    return NewInvoice(
        order.organization_uuid,
        (billing.fee(bought, BillingCycle(order.billing_cycle), price),),
        price.currency,
        subscription_uuid=uuid,
        order_uuid=order.uuid,
        coupons=() if coupon is None else (coupon,),
        credit_available=price if from_wallet else None,
        period=period,
        details=details_from(request["details"]),
    )


def _net(written: Written, currency: str) -> Money:
    """What the fee comes to after its discount, before tax: what a change may credit at most."""
    return Money(sum(line["net_micros"] + line["credit_micros"] for line in written.lines), currency)


def _settle(core: Core, connection: Connection, written: Written, at: datetime, payment: Payment) -> None:
    if payment.net_days:
        finalising.finalise(core, connection, written.head["uuid"], at, net_days=payment.net_days)
    else:
        paid_with, provider = payment.paid_with, payment.provider
        finalising.issue_paid(core, connection, written, at, provider=provider, paid_with=paid_with)


# ---- periods


def piece(
    subscription: Mapping[str, Any], number: int, kind: str, period: Period, fee: Money, invoice_uuid: str = ""
) -> dict[str, Any]:
    """A row of the agreed time: `fee` is what the whole period is billed at after discounts."""
    return {
        "subscription_uuid": subscription["uuid"], "number": number, "kind": kind, "start_at": period.start,
        "end_at": period.end, "plan_uuid": subscription["plan_uuid"], "cycle": subscription["cycle"],
        "quantity": subscription["quantity"], "terms": subscription["terms"], "fee_micros": fee.micros,
        "invoice_uuid": invoice_uuid,
    }  # fmt: skip


def last_piece(connection: Connection, uuid: str) -> Any:  # Any: a row of SubscriptionPeriod
    """The piece of time that is running, or was the last."""
    return connection.execute(_LAST_PIECE, {"subscription": uuid}).one()


def usage_boundary(subscription: Any, after: datetime) -> datetime:
    """The end of the allowance month that holds `after`, or of the fee period when that comes first."""
    month = period_at(Anchor.of(subscription.anchor_at, subscription.zone), MONTHLY, after)
    ends: datetime = subscription.period_end
    return min(month.end, ends)


def schedule_next(connection: Connection, subscription: Any, after: datetime | None = None) -> None:
    """What time owes a running subscription next. `after`: boundaries up to it are done."""
    uuid, organization = subscription.uuid, subscription.organization_uuid
    if subscription.state == SubscriptionState.TRIALING.value:
        ends = subscription.trial_ends_at
        due.schedule(connection, "trial_ends", uuid, organization, ends)
        due.schedule(connection, "trial_reminder", uuid, organization, reminder_at(subscription.created_at, ends))
        return
    at = usage_boundary(subscription, after or subscription.period_start)
    due.schedule(connection, "period", uuid, organization, at, part=at.isoformat())


# ---- orders of the previous version


def adopt(core: Core, connection: Connection) -> int:
    """Gives orders paid before there were subscriptions theirs: nothing is charged for the past, the next period
    begins at the end of the one that is running. Returns how many."""
    orders = connection.execute(
        sa.select(*_O.__table__.c)
        .outerjoin(_S, _S.order_uuid == _O.uuid)
        .where(
            _S.uuid.is_(None),
            _O.paid_at.is_not(None),
            _O.state.in_([OrderState.EXECUTING.value, OrderState.DONE.value]),
        )
        .order_by(_O.uuid)
    ).all()
    for order in orders:
        _adopt_one(core, connection, order)
    return len(orders)


def _adopt_one(core: Core, connection: Connection, order: Any) -> None:
    plan = plan_from(connection.execute(sa.select(*PLAN_COLUMNS).where(m.PlanRow.uuid == order.plan_uuid)).one())
    cycle, now = BillingCycle(order.billing_cycle), core.clock.now()
    token = connection.execute(
        sa.select(m.PaymentCard.token)
        .join(m.PaymentRow, m.PaymentRow.provider_token == m.PaymentCard.provider_token)
        .where(m.PaymentRow.order_uuid == order.uuid, m.PaymentCard.organization_uuid == order.organization_uuid)
    ).scalar()
    terms = agreed.agree(plan)
    anchor = Anchor.of(order.paid_at)
    period = period_at(anchor, agreed.interval_of(cycle), max(now, order.paid_at))
    price = agreed.price_of(terms, cycle)
    request = {"terms": terms, "method": PaymentMethod.CARD.value}
    row = _row(order, request, core.ids.uuid(), price, period, order.paid_at) | {
        "anchor_at": order.paid_at, "trial_ends_at": None, "state": SubscriptionState.ACTIVE.value,
        "payment_token": token or "", "net_days": 0, "coupon": {}, "coupon_periods_left": None, "paid_micros": 0,
    }  # fmt: skip
    connection.execute(insert_into(_S), row)
    connection.execute(insert_into(_P), piece(row, 0, PAID, period, price))
    subscription = find(connection, row["uuid"])
    schedule_next(connection, subscription, now if now >= period.start else period.start)
