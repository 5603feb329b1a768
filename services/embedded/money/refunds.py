"""Money that goes back to the card it came from: an intent of our own first, asked for until the provider has done it.

Money owed is never given up (outcomes.sweep asks again under the same key).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import PaymentState
from services.db import models as m
from services.db import money_models as mm
from services.db import payment_models as pm
from services.db import portable
from services.domain import reversals
from services.domain.movements import Stamp
from services.embedded.core import Core
from services.embedded.held import HELD
from services.embedded.money import freezing, ledger, payments
from services.embedded.money.happenings import note_happening
from services.embedded.money.payments import REFUND, Intent
from services.embedded.ways import TRANSFER, Way
from services.gateways.payments import Charge

# An order's payment that is held counts as paid: sending it back lets go of the hold.
TAKEN = (PaymentState.SUCCEEDED.value, *HELD)
INVOICE = "invoice"  # the purpose of a payment for an invoice, and what a refund of it is for

_D, _I, _P, _T = pm.DisputeRow, mm.InvoiceRow, mm.PaymentIntent, pm.TransferRow
_TRANSFERRED = (
    sa.select(_T.reference, portable.sum_of((_T.amount_micros - _T.surplus_micros).expression).label("micros"))
    .where(_T.subject == INVOICE, _T.subject_uuid == sa.bindparam("of"))
    .group_by(_T.reference)
)


def charge_of(connection: Connection, row: Any, amount: Money) -> str:
    """The charge that `amount` of a paid invoice (its row) can go back by; "" when no provider paid for it."""
    charges = _charges(connection, row)
    enough = [charge.id for charge in charges if charge.left >= amount.micros]
    return next(iter([*enough, *(charge.id for charge in charges)]), "")


def way_back(connection: Connection, row: Any) -> str:
    """Which provider money of a paid invoice (its row) goes back by; "" when none paid for it."""
    return next((charge.provider for charge in _charges(connection, row)), "")


def left_of(connection: Connection, row: Any) -> int:
    """How many micros of what paid an invoice (its row) can still go back."""
    return sum(charge.left for charge in _charges(connection, row))


def give_back(
    core: Core, connection: Connection, row: Any, note_uuid: str, amount: Money, at: datetime, reason: str = ""
) -> str:
    """Saves the intents that send `amount` of a paid invoice (its row) back, which the books owe already: by the charge
    that paid last first, because a corrected invoice may have been paid by several. Returns the uuid of the first, ""
    when no provider paid; outcomes.carry_out sends it, the sweep the others."""
    opened, rest = [], amount.micros
    for charge in _charges(connection, row):
        part = min(charge.left, rest)
        if part > 0:
            back = Money(part, amount.currency)
            opened.append(
                open_refund(
                    core, connection, organization_uuid=row.organization_uuid, invoice_uuid=note_uuid,
                    charge_id=charge.id, provider=charge.provider, amount=back, at=at, reason=reason,
                )
            )  # fmt: skip
            rest -= part
    return next(iter(opened), "")


@dataclass(frozen=True, slots=True)
class _Paid:
    """A charge, who took it, and how many micros of it have not gone back."""

    id: str
    provider: str
    left: int


def _charges(connection: Connection, row: Any) -> list[_Paid]:
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
    return [
        _Paid(charge, provider, micros - _gone_back(connection, charge)) for charge, (provider, micros) in found.items()
    ]


def _gone_back(connection: Connection, charge: str) -> int:
    """Micros of a charge that were sent back, or will be, or that its bank holds back or has kept."""
    r = m.RefundRow
    of_orders = sa.select(portable.sum_of(r.amount_micros.expression)).where(r.charge_id == charge)
    of_invoices = sa.select(portable.sum_of(_P.amount_micros.expression)).where(
        _P.charge_id == charge, _P.purpose == REFUND
    )
    disputed = sa.select(portable.sum_of(_D.amount_micros.expression)).where(
        _D.charge_id == charge, _D.state != freezing.WON
    )
    return sum(int(connection.execute(one).scalar_one()) for one in (of_orders, of_invoices, disputed))


def open_refund(
    core: Core, connection: Connection, *, organization_uuid: str, invoice_uuid: str, charge_id: str, provider: str,
    amount: Money, at: datetime, reason: str = "",
) -> str:  # fmt: skip
    """Saves the intent of a refund that the books owe already. Returns its uuid; outcomes.carry_out sends it."""
    return payments.open_intent(
        core,
        connection,
        organization_uuid=organization_uuid,
        purpose=REFUND,
        subject={"for": INVOICE, "reason": reason},
        way=Way(provider),
        amount=amount,
        at=at,
        invoice_uuid=invoice_uuid,
        charge_id=charge_id,
    )


def sent_back(core: Core, connection: Connection, intent: Intent, _charge: Charge, at: datetime) -> None:
    """The provider has sent it: nothing is owed any more."""
    stamp = Stamp(intent.organization_uuid, f"refund:{intent.uuid}", at, {"invoice": intent.invoice_uuid})
    ledger.post(core, connection, reversals.refund_card(stamp, amount=intent.amount, provider=intent.way.provider))
    ref = str(intent.subject.get("ref", "")) or f"invoice:{intent.invoice_uuid}"
    note_happening(core, connection, intent.organization_uuid, "refunded", at, ref=ref,
                   amount_micros=intent.amount.micros, currency=intent.amount.currency)  # fmt: skip
