"""Money that had arrived and went again without us: the invoice is open once more, and is collected like any other."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import InvoiceKind, InvoiceState
from services.db import money_models as mm
from services.domain import invoicing, movements
from services.domain.invoicing import InvoiceAction
from services.domain.movements import Stamp
from services.embedded.core import Core
from services.embedded.money import alerts, due, finalising, freezing, ledger, standing

_I = mm.InvoiceRow
_OF_ORDER = (
    sa.select(_I.uuid)
    .where(
        _I.order_uuid == sa.bindparam("order"),
        _I.kind == InvoiceKind.INVOICE.value,
        _I.state.in_([InvoiceState.PAID.value, InvoiceState.OPEN.value]),
        _I.paid_micros > 0,
        _I.replaced_by_uuid == "",
    )
    .order_by(_I.created_at, _I.uuid)
)


def order_unpaid(
    core: Core, connection: Connection, order_uuid: str, paid: Money, provider: str, code: str, at: datetime
) -> None:
    """The `paid` money of an order went: as far as its invoices were paid with it, they are not. One that a corrected
    invoice had handed its money to may be open, and may have been paid with other money too."""
    left = paid
    for uuid in connection.execute(_OF_ORDER, {"order": order_uuid}).scalars().all():
        left -= unpay(core, connection, uuid, left, provider, code, at)


def unpay(
    core: Core, connection: Connection, invoice_uuid: str, paid: Money, provider: str, code: str, at: datetime
) -> Money:
    """Open (again), with its dunning calendar from `at` on. What was credited meanwhile stays credited: its refund goes
    its own way, and ends where the money never was. Returns what was paid of `paid`, credited or not."""
    row = finalising.row_of(connection, invoice_uuid)
    gone = min(paid, Money(row.paid_micros, row.currency))
    amount = min(gone, Money(max(0, row.paid_micros - row.credited_micros), row.currency))
    rest = {"paid_micros": row.paid_micros - gone.micros}
    if not amount.is_zero:
        stamp = Stamp(row.organization_uuid, f"returned:{invoice_uuid}:{at.isoformat()}", at,
                      {"number": row.number, "invoice": row.uuid})  # fmt: skip
        ledger.post(core, connection, movements.return_payment(stamp, amount=amount, provider=provider))
        state = invoicing.after(InvoiceState(row.state), InvoiceAction.RETURN)
        rest |= {"state": state.value, "paid_at": None}
        if row.state == InvoiceState.PAID.value:
            rest["attempts"] = []
    connection.execute(sa.update(_I).where(_I.uuid == invoice_uuid).values(rest))
    if not amount.is_zero:
        due.drop(connection, invoice_uuid, finalising.OVERDUE)  # the calendar that begins now is the nearer one
        standing.attempt_failed(core, connection, finalising.row_of(connection, invoice_uuid), 0, code, at)
        freezing.freeze(connection, row.organization_uuid)
        alerts.after_change(core, connection, row.organization_uuid, at)
    return gone
