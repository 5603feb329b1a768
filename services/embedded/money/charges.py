"""Charges that were taken, and what of each can still go back: by its provider, by transfer, or not now.

While a bank decides about a charge nothing of it goes back, whatever the disputed amount, because providers refuse it;
what a bank has kept of it (a dispute that is lost) the buyer has already, and the rest goes back by transfer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.types import PaymentState
from services.db import models as m
from services.db import money_models as mm
from services.db import payment_models as pm
from services.db import portable
from services.embedded.held import HELD
from services.embedded.money import freezing
from services.embedded.money.payments import REFUND
from services.embedded.ways import TRANSFER

# An order's payment that is held counts as paid: sending it back lets go of the hold.
TAKEN = (PaymentState.SUCCEEDED.value, *HELD)
INVOICE = "invoice"  # what a transfer was for
BY_BANK = "by_bank"  # in the subject of a refund: micros of it that the buyer's bank has given back instead

_D, _I, _P, _R, _T = pm.DisputeRow, mm.InvoiceRow, mm.PaymentIntent, m.RefundRow, pm.TransferRow
_TRANSFERRED = (
    sa.select(_T.reference, portable.sum_of((_T.amount_micros - _T.surplus_micros).expression).label("micros"))
    .where(_T.subject == INVOICE, _T.subject_uuid == sa.bindparam("of"))
    .group_by(_T.reference)
)
_REFUNDS = sa.select(_P.amount_micros, _P.provider, _P.state, _P.subject).where(
    _P.charge_id == sa.bindparam("charge"), _P.purpose == REFUND
)
_ORDER_REFUNDS = sa.select(_R.amount_micros, _R.state).where(_R.charge_id == sa.bindparam("charge"))
_DISPUTES = sa.select(_D.amount_micros, _D.state).where(_D.charge_id == sa.bindparam("charge"))


@dataclass(frozen=True, slots=True)
class Taken:
    """A charge and who took it, in micros: what was `paid`, what has gone back or will, what of that is still `unsent`
    by the provider, what its bank has kept (`lost`), and what of that went towards refunds (`by_bank`)."""

    id: str
    provider: str
    paid: int
    gone: int
    unsent: int
    lost: int
    by_bank: int
    is_disputed: bool

    @property
    def left(self) -> int:
        """What can go back now."""
        return 0 if self.is_disputed else max(0, self.paid - self.gone - self.lost)

    @property
    def way(self) -> str:
        """Who sends it."""
        return TRANSFER if self.lost else self.provider


def read(connection: Connection, charge_id: str, provider: str, paid: int) -> Taken:
    """How a charge of `paid` micros stands."""
    of = {"charge": charge_id}
    gone = unsent = by_bank = 0
    for row in connection.execute(_REFUNDS, of):
        settled = int(row.subject.get(BY_BANK, 0))
        by_bank += settled
        if not settled or row.provider == TRANSFER:  # else all of it was the bank's to give
            gone += row.amount_micros
        if row.state == PaymentState.SENT.value and row.provider != TRANSFER:
            unsent += row.amount_micros
    for row in connection.execute(_ORDER_REFUNDS, of):
        gone += row.amount_micros
        unsent += row.amount_micros if row.state == "sent" else 0
    disputes = connection.execute(_DISPUTES, of).all()
    lost = sum(row.amount_micros for row in disputes if row.state == freezing.LOST)
    is_disputed = any(row.state == freezing.OPEN for row in disputes)
    return Taken(charge_id, provider, paid, gone, unsent, lost, by_bank, is_disputed)


def behind(connection: Connection, row: Any) -> list[Taken]:  # Any: a row of InvoiceRow
    """The charges that paid an invoice, the invoices it replaces and its order, the last first. What came by transfer
    for an invoice is one charge by the invoice's number."""
    found: dict[str, tuple[str, int]] = {}
    invoice_uuid = row.uuid
    while invoice_uuid:
        paid = (
            sa.select(_P.charge_id, _P.provider, _P.amount_micros)
            .where(
                _P.organization_uuid == row.organization_uuid,
                _P.invoice_uuid == invoice_uuid,
                _P.purpose != REFUND,
                _P.state == PaymentState.SUCCEEDED.value,
            )
            .order_by(_P.created_at.desc(), _P.uuid.desc())
        )
        found |= {one.charge_id: (one.provider, one.amount_micros) for one in connection.execute(paid)}
        found |= {
            one.reference: (TRANSFER, one.micros) for one in connection.execute(_TRANSFERRED, {"of": invoice_uuid})
        }
        invoice_uuid = connection.execute(sa.select(_I.corrects_uuid).where(_I.uuid == invoice_uuid)).scalar()
    if row.order_uuid:
        p = m.PaymentRow
        ordered = sa.select(p.charge_id, p.provider, p.amount_micros).where(
            p.order_uuid == row.order_uuid, p.charge_id != "", p.state.in_(TAKEN)
        )
        found |= {one.charge_id: (one.provider, one.amount_micros) for one in connection.execute(ordered)}
    return [read(connection, charge, provider, micros) for charge, (provider, micros) in found.items()]
