"""Money that goes back to the card it came from: an intent of our own first, asked for until the provider has done it.

Money owed is never given up (outcomes.sweep asks again under the same key).
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import PaymentState
from services.db import models as m
from services.db import money_models as mm
from services.domain import reversals
from services.domain.movements import Stamp
from services.embedded.core import Core
from services.embedded.money import ledger, payments
from services.embedded.money.happenings import note_happening
from services.embedded.money.payments import REFUND, Intent
from services.gateways.payments import Charge

INVOICE = "invoice"  # the purpose of a payment for an invoice, and what a refund of it is for

_I, _P = mm.InvoiceRow, mm.PaymentIntent


def charge_of(connection: Connection, organization_uuid: str, invoice_uuid: str, order_uuid: str) -> str:
    """The charge that paid an invoice: its own, that of the invoice it replaces, or its order's; "" when no provider
    did."""
    while invoice_uuid:
        paid = (
            sa.select(_P.charge_id)
            .where(
                _P.organization_uuid == organization_uuid,
                _P.invoice_uuid == invoice_uuid,
                _P.purpose != REFUND,
                _P.state == PaymentState.SUCCEEDED.value,
            )
            .order_by(_P.created_at, _P.uuid)
            .limit(1)
        )
        if charge := connection.execute(paid).scalar():
            return str(charge)
        invoice_uuid = connection.execute(sa.select(_I.corrects_uuid).where(_I.uuid == invoice_uuid)).scalar() or ""
    p = m.PaymentRow
    ordered = sa.select(p.charge_id).where(p.order_uuid == order_uuid, p.state == PaymentState.SUCCEEDED.value)
    return str(connection.execute(ordered).scalar() or "") if order_uuid else ""


def open_refund(
    core: Core, connection: Connection, *, organization_uuid: str, invoice_uuid: str, charge_id: str, amount: Money,
    at: datetime,
) -> str:  # fmt: skip
    """Saves the intent of a refund that the books owe already. Returns its uuid; outcomes.carry_out sends it."""
    return payments.open_intent(
        core,
        connection,
        organization_uuid=organization_uuid,
        purpose=REFUND,
        subject={"for": INVOICE},
        provider_token="",
        amount=amount,
        at=at,
        invoice_uuid=invoice_uuid,
        charge_id=charge_id,
    )


def sent_back(core: Core, connection: Connection, intent: Intent, _charge: Charge, at: datetime) -> None:
    """The provider has sent it: nothing is owed any more."""
    stamp = Stamp(intent.organization_uuid, f"refund:{intent.uuid}", at, {"invoice": intent.invoice_uuid})
    ledger.post(core, connection, reversals.refund_card(stamp, amount=intent.amount, provider=core.payments.name))
    note_happening(core, connection, intent.organization_uuid, "refunded", at, ref=f"invoice:{intent.invoice_uuid}",
                   amount_micros=intent.amount.micros, currency=intent.amount.currency)  # fmt: skip
