"""An agent that could not be deployed is paid back: its share comes off the invoice, the books and the next periods.

The card's money goes back by the order's own refund (`settlement`); what the wallet had paid becomes credit at once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import InvoiceKind, InvoiceState, PaymentMethod, ResourceState, SubscriptionState
from services.db import models as m
from services.db import money_models as mm
from services.domain import reversals
from services.domain.invoicing import Item
from services.domain.movements import Stamp
from services.domain.periods import Period
from services.embedded.core import Core
from services.embedded.money import corrections, drafting, finalising, ledger, paid_in, refunds, renewals, subscribing
from services.embedded.money.drafting import TO_WALLET, NewInvoice

_I, _S = mm.InvoiceRow, mm.SubscriptionRow
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
_CHARGE = sa.select(m.PaymentRow.charge_id).where(m.PaymentRow.order_uuid == sa.bindparam("order"))
_SUBSCRIPTION = sa.select(*_S.__table__.c).where(_S.order_uuid == sa.bindparam("order")).with_for_update()


def invoice_of(connection: Connection, order_uuid: str) -> Any:  # Any: a row of _INVOICE, or None
    """The final invoice of an order; None when there is none."""
    return connection.execute(_INVOICE, {"order": order_uuid}).one_or_none()


def take_off(core: Core, connection: Connection, order_uuid: str, share: Money, at: datetime) -> tuple[str, Money]:
    """Takes `share` (of what the order paid, tax included) off its invoice, or what has not gone back of it; the agent
    is retired already. Returns the charge that it is to be sent back by, "" when it came from the wallet or was never
    paid, and how much that is."""
    charge, back = str(connection.execute(_CHARGE, {"order": order_uuid}).scalar() or ""), share
    subscription = connection.execute(_SUBSCRIPTION, {"order": order_uuid}).one_or_none()
    if subscription is None:
        return charge, back
    invoice = invoice_of(connection, order_uuid)
    if subscription.payment_method == PaymentMethod.WALLET.value:
        if invoice is not None:
            back = Money(min(share.micros, paid_in.credit_left(connection, invoice)), share.currency)
        if not back.is_zero:  # of a trial, or given as credit already: no invoice of nothing
            _to_wallet(core, connection, subscription, back, at)
    elif invoice is not None:
        left = min(paid_in.left(connection, invoice), refunds.left_of(connection, invoice))
        back = Money(min(share.micros, invoice.total_micros - invoice.credited_micros, left), share.currency)
        charge = refunds.charge_of(connection, invoice, back)
        if not back.is_zero:
            corrections.credit(core, connection, invoice.uuid, back, at, refund_to_card=False)
    _shrink(core, connection, subscription, at)
    return charge, back


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
