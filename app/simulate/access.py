"""Access and payment belong together: nothing is served that is not paid for by the plan's rule, nothing is paid for
that is neither served nor given back."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from app.simulate.evidence import Check, Life, sums
from services.api.types import InvoiceKind, InvoiceState, ResourceState
from services.db import models as m
from services.db import money_models as mm
from services.db import payment_models as pm
from services.domain.ledger import AccountKind
from services.embedded.ways import TRANSFER

_O, _P, _R = m.OrderRow, m.PaymentRow, m.RefundRow
_I, _N, _T = mm.InvoiceRow, mm.PaymentIntent, pm.TransferRow
PAID = ("succeeded", "authorized", "capturing")


def access_is_paid(life: Life) -> Iterator[str]:
    """Who is served has paid, or has an invoice that is being collected; what is free or on account needs neither."""
    served = sa.select(m.ResourceRow.order_uuid).where(m.ResourceRow.state != ResourceState.RETIRED.value)
    rows = life.connection.execute(
        sa.select(_O.uuid, _O.total_micros, _P.state)
        .join(_P, _P.order_uuid == _O.uuid)  # an accepted quote has no payment of its own
        .where(_O.uuid.in_(served), _O.total_micros > 0, _P.provider != "")
    )
    for row in rows.all():
        if row.state not in PAID and not _is_collected(life, row.uuid):
            yield f"order {row.uuid} is served, and its payment {row.state}"


def _is_collected(life: Life, order_uuid: str) -> bool:
    """Its first invoice was paid another way, or is open and chased."""
    states = (InvoiceState.OPEN.value, InvoiceState.PAID.value, InvoiceState.UNCOLLECTIBLE.value)
    found = sa.select(_I.uuid).where(
        _I.order_uuid == order_uuid, _I.kind == InvoiceKind.INVOICE.value, _I.state.in_(states)
    )
    return life.connection.execute(found.limit(1)).first() is not None


def what_is_paid_is_delivered(life: Life) -> Iterator[str]:
    """A paid order was delivered, or its money is on its way back."""
    rows = life.connection.execute(
        sa.select(_O.uuid, _O.paid_at, _P.amount_micros, _P.charge_id)
        .join(_P, _P.order_uuid == _O.uuid)
        .where(_P.state == "succeeded", _O.total_micros > 0)
    )
    for row in rows.all():
        back = life.connection.execute(sa.select(sa.func.sum(_R.amount_micros)).where(_R.charge_id == row.charge_id))
        if row.paid_at is None and (back.scalar() or 0) != row.amount_micros:
            yield f"order {row.uuid} is paid, and neither delivered nor given back"


def one_charge_an_order(life: Life) -> Iterator[str]:
    """Whatever was tried, at most one charge stands for an order at the provider."""
    rows = life.connection.execute(
        sa.select(_P.order_uuid, sa.func.count()).group_by(_P.order_uuid).having(sa.func.count() > 1)
    )
    for order_uuid, count in rows.all():
        yield f"order {order_uuid} has {count} payments"


def transfers_agree(life: Life) -> Iterator[str]:
    """What support marked as come in, less what it sent, is what the account for transfers says."""
    ours = -sum(micros for (_, sub), micros in sums(life, AccountKind.CLEARING).items() if sub == TRANSFER)
    marked = sum(
        -row.amount_micros if row.subject == "refund" else row.amount_micros
        for row in life.connection.execute(sa.select(_T.subject, _T.amount_micros))
    )
    if ours != marked:
        yield f"the books say {ours} came by transfer, support {marked}"


def refunds_are_owed_once(life: Life) -> Iterator[str]:
    """At the end nothing is owed to a buyer but what support still has to send, and parts of orders that wait."""
    owed = sum(sums(life, AccountKind.REFUNDS).values())
    by_hand = life.connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(_N.amount_micros), 0)).where(
            _N.purpose == "refund", _N.provider == TRANSFER, _N.state == "sent"
        )
    ).scalar_one()
    waiting = life.connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(_T.amount_micros - _T.surplus_micros), 0))
        .join(_P, _P.order_uuid == _T.subject_uuid)
        .where(_T.subject == "order", _P.provider == TRANSFER, _P.state.in_(["sent", "processing"]))
    ).scalar_one()
    if owed != by_hand + waiting:
        yield f"owed to buyers: {owed}, to be sent {by_hand}, for orders {waiting}"


CHECKS: tuple[Check, ...] = (
    access_is_paid,
    what_is_paid_is_delivered,
    one_charge_an_order,
    transfers_agree,
    refunds_are_owed_once,
)
