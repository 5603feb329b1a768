"""Payments of one invoice: what is under way, and what follows from the provider's answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.db import money_models as mm
from services.domain import movements
from services.domain.movements import Stamp
from services.embedded import asking
from services.embedded.asking import Sent
from services.embedded.core import Core
from services.embedded.money import due, finalising, ledger, payments, refunds, standing
from services.embedded.money.payments import CONFIRMATION_NEEDED, NOT_COMPLETED, Intent
from services.embedded.money.refunds import INVOICE
from services.embedded.ways import Way
from services.gateways.payments import Charge

_P = mm.PaymentIntent


def under_way(connection: Connection, row: Any) -> list[tuple[str, str, int | None]]:
    """Payments of an invoice without an outcome: intent, state, and the planned attempt (None: a person's)."""
    found = connection.execute(
        sa.select(_P.uuid, _P.state, _P.subject).where(
            _P.organization_uuid == row.organization_uuid,
            _P.purpose == INVOICE,
            _P.invoice_uuid == row.uuid,
            _P.state.in_(payments.OPEN),
        )
    )
    return [(intent.uuid, intent.state, intent.subject["attempt"]) for intent in found]


def open_payment(
    core: Core,
    connection: Connection,
    row: Any,
    way: Way,
    at: datetime,
    *,
    attempt: int | None = None,
    sent: Sent | None = None,
) -> str:
    """Saves the intent to charge all that is due. `attempt` None: a person asked for it."""
    sent = sent or Sent(is_attended=attempt is None, until=asking.page_until(at))
    return payments.open_intent(
        core,
        connection,
        organization_uuid=row.organization_uuid,
        purpose=INVOICE,
        subject={"attempt": attempt, "paid_with": way.label},
        way=way,
        sent=replace(sent, title=row.number or ""),
        amount=finalising.owed_of(row),
        at=at,
        invoice_uuid=row.uuid,
    )


def paid(core: Core, connection: Connection, intent: Intent, charge: Charge, at: datetime) -> None:
    """The card was charged: the invoice is paid, and what was taken away is back. A second payment goes back."""
    at = _instant(intent, at)
    row = finalising.row_of(connection, intent.invoice_uuid)
    if row.state not in finalising.PAYABLE or finalising.owed_of(row) != intent.amount:
        _send_back(core, connection, intent, charge, at)
        return
    label, _card = payments.kept(core, connection, intent, charge, at)
    finalising.mark_paid(core, connection, row.uuid, at, provider=intent.way.provider, paid_with=label)
    standing.settled(core, connection, row, at, attempt=intent.subject["attempt"])


def failed(core: Core, connection: Connection, intent: Intent, code: str, at: datetime) -> None:
    """A planned attempt failed; one that never reached the provider is made again. A person who tried was told and
    nothing else depends on it."""
    attempt = intent.subject["attempt"]
    if attempt is None:
        return
    row = finalising.row_of(connection, intent.invoice_uuid)
    if code == NOT_COMPLETED:
        due.schedule(
            connection, standing.COLLECT, row.uuid, row.organization_uuid, intent.created_at,
            part=f"{attempt}:{intent.uuid}", attempt=attempt,
        )  # fmt: skip
        return
    state = standing.ACTION_REQUIRED if code == CONFIRMATION_NEEDED else standing.FAILED
    standing.attempt_failed(core, connection, row, attempt, code, _instant(intent, at), state=state)


def _instant(intent: Intent, at: datetime) -> datetime:
    """A planned attempt happens when it was due, whenever its answer arrives."""
    return at if intent.subject["attempt"] is None else intent.created_at


def _send_back(core: Core, connection: Connection, intent: Intent, charge: Charge, at: datetime) -> None:
    """Paid twice, or no longer owed: the money is the buyer's."""
    stamp = Stamp(intent.organization_uuid, f"surplus:{intent.uuid}", at, {"invoice": intent.invoice_uuid})
    surplus = movements.pay_surplus(stamp, amount=intent.amount, provider=intent.way.provider)
    ledger.post(core, connection, surplus)
    refunds.open_refund(
        core, connection, organization_uuid=intent.organization_uuid, invoice_uuid=intent.invoice_uuid,
        charge_id=charge.id, provider=intent.way.provider, amount=intent.amount, at=at,
    )  # fmt: skip
