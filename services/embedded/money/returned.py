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
from services.embedded.money import finalising, ledger, standing

_I = mm.InvoiceRow
_OF_ORDER = (
    sa.select(_I.uuid)
    .where(
        _I.order_uuid == sa.bindparam("order"),
        _I.kind == InvoiceKind.INVOICE.value,
        _I.state == InvoiceState.PAID.value,
        _I.replaced_by_uuid == "",
    )
    .order_by(_I.created_at, _I.uuid)
)


def order_unpaid(core: Core, connection: Connection, order_uuid: str, provider: str, code: str, at: datetime) -> None:
    """The same for the invoice of an order, as far as there is one that is paid."""
    for uuid in connection.execute(_OF_ORDER, {"order": order_uuid}).scalars().all():
        unpay(core, connection, uuid, provider, code, at)


def unpay(core: Core, connection: Connection, invoice_uuid: str, provider: str, code: str, at: datetime) -> None:
    """paid -> open, with its dunning calendar from `at` on. What was credited meanwhile stays credited: its refund goes
    its own way, and ends where the money never was."""
    row = finalising.row_of(connection, invoice_uuid)
    amount = Money(row.paid_micros - min(row.paid_micros, row.credited_micros), row.currency)
    if amount.is_zero:
        connection.execute(sa.update(_I).where(_I.uuid == invoice_uuid).values(paid_micros=0))
        return
    state = invoicing.after(InvoiceState(row.state), InvoiceAction.RETURN)
    stamp = Stamp(row.organization_uuid, f"returned:{invoice_uuid}:{at.isoformat()}", at,
                  {"number": row.number, "invoice": row.uuid})  # fmt: skip
    ledger.post(core, connection, movements.return_payment(stamp, amount=amount, provider=provider))
    connection.execute(
        sa.update(_I).where(_I.uuid == invoice_uuid).values(state=state.value, paid_micros=0, paid_at=None, attempts=[])
    )
    again = finalising.row_of(connection, invoice_uuid)
    standing.attempt_failed(core, connection, again, 0, code, at)
