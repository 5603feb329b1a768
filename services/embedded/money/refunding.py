"""An agent that could not be deployed is paid back: its share comes off the invoice, the books and the next periods.

Money goes back by the charges that paid, whichever way the order was paid; what the wallet had paid becomes credit.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import WrongState
from services.api.money import Money, split_largest_remainder
from services.api.types import InvoiceKind, InvoiceState, ResourceState, SubscriptionState
from services.db import models as m
from services.db import money_models as mm
from services.db import payment_models as pm
from services.domain import reversals
from services.domain.invoicing import Item
from services.domain.movements import Stamp
from services.domain.periods import Period
from services.embedded.core import Core
from services.embedded.money import (
    corrections,
    drafting,
    finalising,
    freezing,
    ledger,
    paid_in,
    payments,
    refunds,
    renewals,
    subscribing,
)
from services.embedded.money.drafting import TO_WALLET, NewInvoice
from services.embedded.money.payments import Intent
from services.embedded.orders import refunded_with
from services.gateways.payments import Charge

ORDER = "order"  # in the subject of a refund: which order says that it went back, once it has

_D, _I, _O, _P, _S = pm.DisputeRow, mm.InvoiceRow, m.OrderRow, mm.PaymentIntent, mm.SubscriptionRow
_INVOICE = (
    sa.select(*_I.__table__.c)
    .where(
        _I.order_uuid == sa.bindparam("order"),
        _I.kind == InvoiceKind.INVOICE.value,
        _I.replaced_by_uuid == "",
        _I.state.in_([InvoiceState.OPEN.value, InvoiceState.PAID.value]),
    )
    .order_by(_I.created_at, _I.uuid)
    .limit(1)
)
_SUBSCRIPTION = sa.select(*_S.__table__.c).where(_S.order_uuid == sa.bindparam("order")).with_for_update()


def invoice_of(connection: Connection, order_uuid: str) -> Any:  # Any: a row of _INVOICE, or None
    """The final invoice of an order; None when there is none."""
    return connection.execute(_INVOICE, {"order": order_uuid}).one_or_none()


def check_undisputed(connection: Connection, order_uuid: str) -> None:
    """WrongState while the bank decides about what paid an order: until then nobody knows whose the money is."""
    its_charge = sa.select(m.PaymentRow.charge_id).where(m.PaymentRow.order_uuid == order_uuid)
    its_invoices = sa.select(_I.uuid).where(_I.order_uuid == order_uuid)
    disputed = sa.select(_D.uuid).where(
        _D.state == freezing.OPEN, sa.or_(_D.charge_id.in_(its_charge), _D.invoice_uuid.in_(its_invoices))
    )
    if connection.execute(disputed.limit(1)).first() is not None:
        raise WrongState(state=refunds.DISPUTED)


def take_off(core: Core, connection: Connection, order_uuid: str, resource_uuid: str, at: datetime) -> str | None:
    """Takes an agent that is retired already off the invoice of its order, as far as its share was not given back
    before: what is still to be paid of it is not any more, what credit had paid is credit again, the rest goes back by
    the charges that paid. Returns the intent that sends it (outcomes.carry_out), "" when there is none; None for an
    order that is not in the books."""
    subscription = connection.execute(_SUBSCRIPTION, {"order": order_uuid}).one_or_none()
    if subscription is None:
        return None
    invoice, intent = invoice_of(connection, order_uuid), ""
    if invoice is not None:
        part = partial(_share, connection, order_uuid, resource_uuid)
        as_credit = min(part(Money(invoice.credit_micros, invoice.currency)), _credit_left(connection, invoice))
        if not as_credit.is_zero:  # of a trial, or given as credit already: no invoice of nothing
            _to_wallet(core, connection, subscription, as_credit, at)
            _note_refunded(connection, order_uuid, as_credit)
        intent = _credit(core, connection, invoice, part(Money(invoice.total_micros, invoice.currency)), at)
    _shrink(core, connection, subscription, at)
    return intent


def _share(connection: Connection, order_uuid: str, resource_uuid: str, whole: Money) -> Money:
    """What one agent of an order has of `whole`; all of them together have exactly that."""
    r = m.ResourceRow
    rows = connection.execute(
        sa.select(r.uuid, r.price_micros).where(r.order_uuid == order_uuid).order_by(r.uuid)
    ).all()
    weights = [row.price_micros for row in rows]
    if whole.is_zero or not any(weights):
        return Money.zero(whole.currency)
    parts = split_largest_remainder(whole.minor, weights)
    return next(
        Money(part * whole.minor_unit, whole.currency)
        for row, part in zip(rows, parts, strict=True)
        if row.uuid == resource_uuid
    )


def _credit_left(connection: Connection, invoice: Any) -> Money:
    return Money(paid_in.credit_left(connection, invoice), invoice.currency)


def _credit(core: Core, connection: Connection, invoice: Any, share: Money, at: datetime) -> str:
    """A credit note of `share`, or of what is left of it: the open part of the invoice first. Returns the intent that
    sends what had been paid of it."""
    owed = finalising.owed_of(invoice)
    paid = min(paid_in.left(connection, invoice), refunds.left_of(connection, invoice))
    left = min(invoice.total_micros - invoice.credited_micros, owed.micros + paid)
    off = min(share, Money(left, share.currency))
    if off.micros <= 0:
        return ""
    credited = corrections.credit(core, connection, invoice.uuid, off, at)
    of_note = sa.and_(_P.invoice_uuid == credited.note_uuid, _P.purpose == payments.REFUND)
    for row in connection.execute(sa.select(_P.uuid, _P.subject).where(of_note)).all():
        subject = row.subject | {ORDER: invoice.order_uuid}
        connection.execute(sa.update(_P).where(_P.uuid == row.uuid).values(subject=subject))
    return credited.refund_uuid


def money_sent(core: Core, connection: Connection, intent: Intent, charge: Charge, at: datetime) -> None:
    """The provider, or support, has sent what a credit note gave back."""
    refunds.sent_back(core, connection, intent, charge, at)
    note_sent(connection, intent, intent.amount)


def note_sent(connection: Connection, intent: Intent, amount: Money) -> None:
    """The buyer has `amount` of a refund; its order says so where it was for an agent that failed."""
    if ORDER in intent.subject:
        _note_refunded(connection, intent.subject[ORDER], amount)


def _note_refunded(connection: Connection, order_uuid: str, amount: Money) -> None:
    refunded = refunded_with(amount.micros)
    connection.execute(sa.update(_O).where(_O.uuid == order_uuid).values(refunded_micros=refunded))


def sent_back(core: Core, connection: Connection, order: Any, key: str, amount: Money, at: datetime) -> None:
    """The provider has given `amount` of an order (its row) back: it is no longer owed to the buyer. What was never in
    the books (an order without an invoice) does not leave them."""
    invoice = invoice_of(connection, order.uuid)
    if invoice is not None and not amount.is_zero:
        stamp = Stamp(order.organization_uuid, key, at, {"invoice": invoice.uuid, "order": order.uuid})
        ledger.post(
            core, connection, reversals.refund_card(stamp, amount=amount, provider=_provider_of(connection, order.uuid))
        )


def _provider_of(connection: Connection, order_uuid: str) -> str:
    paid_by = sa.select(m.PaymentRow.provider).where(m.PaymentRow.order_uuid == order_uuid)
    return connection.execute(paid_by).scalar() or ""


def _to_wallet(core: Core, connection: Connection, subscription: Any, share: Money, at: datetime) -> None:
    """What credit had paid is credit again, on an invoice of nothing that says so."""
    common = {"subscription": subscription.uuid, "is_discountable": False}
    params = {"name": subscription.offering_name, "plan": subscription.terms["name"]}
    items = (
        Item("unused_time", -share, "proration_credit", params=params, **common),
        Item(TO_WALLET, share, TO_WALLET, params=params, **common),
    )
    new = NewInvoice(
        subscription.organization_uuid,
        items,
        share.currency,
        subscription_uuid=subscription.uuid,
        period=Period(subscription.period_start, subscription.period_end),
    )
    stored = drafting.draft(core, connection, new, at)
    finalising.finalise(core, connection, stored.uuid, at)


def _shrink(core: Core, connection: Connection, subscription: Any, at: datetime) -> None:
    """The next periods cost what is left; nothing left, and the subscription is over."""
    r = m.ResourceRow
    states = connection.execute(sa.select(r.state).where(r.order_uuid == subscription.order_uuid)).scalars().all()
    left = sum(state != ResourceState.RETIRED.value for state in states)
    if subscription.state == SubscriptionState.CANCELED.value:
        return
    if not left:
        renewals.end(core, connection, subscription, at, reason="deployment_failed")
        return
    terms = dict(subscription.terms)
    terms["monthly_micros"] = _part(terms["monthly_micros"], subscription, left).micros
    last = subscribing.last_piece(connection, subscription.uuid)
    changed = subscribing.change(
        connection,
        subscription.uuid,
        terms=terms,
        price_micros=_part(subscription.price_micros, subscription, left).micros,
        paid_micros=_part(subscription.paid_micros, subscription, left).micros,
    )
    fee = _part(last.fee_micros, subscription, left)
    renewals.write_piece(connection, changed, last.kind, Period(at, changed.period_end), fee)


def _part(micros: int, subscription: Any, left: int) -> Money:
    """What of an amount for `left` + 1 agents belongs to those that stay."""
    return Money(micros, subscription.currency).share(left, left + 1)
