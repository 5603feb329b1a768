"""Refunds that were under way when the buyer's bank took the money back itself.

While the bank decides they wait; won, they are sent. Lost, the buyer has that much already: it is owed no more, and the
loss is smaller by what had been given up before. The rest is sent by transfer. Which of them the provider did not send
is known only from the provider, so each is asked for until it says no.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import PaymentState
from services.db import models as m
from services.db import money_models as mm
from services.domain import movements, reversals
from services.domain.movements import Stamp
from services.embedded.core import Core
from services.embedded.money import charges, credit_refunds, disputes, ledger, payments, refunding, refunds
from services.embedded.money.charges import BY_BANK
from services.embedded.ways import TRANSFER

_P, _R = mm.PaymentIntent, m.RefundRow


def settle(core: Core, connection: Connection, intent_uuid: str, at: datetime) -> None:
    """The provider will not send a refund: if a bank has kept money of its charge, and none decides any more, what it
    kept is what the buyer has back. Changes nothing otherwise."""
    intent = payments.intent(connection, intent_uuid, lock=True)
    if intent.state is not PaymentState.SENT or intent.way.provider == TRANSFER or "for" not in intent.subject:
        return
    provider, is_credit = intent.way.provider, intent.subject["for"] == credit_refunds.CREDIT
    part = _kept(connection, intent.charge_id, intent.amount)
    if part is None:
        return
    rest = intent.amount - part
    stamp = Stamp(intent.organization_uuid, f"by_bank:{intent.uuid}", at, {"payment": intent.uuid})
    _post(core, connection, stamp, intent.charge_id, provider, part, is_credit=is_credit)
    values: dict[str, Any] = {"subject": intent.subject | {BY_BANK: part.micros}, "state": PaymentState.SUCCEEDED.value}
    if not rest.is_zero:
        values |= {"state": PaymentState.SENT.value, "provider": TRANSFER, "amount_micros": rest.micros}
        if is_credit:  # it had left the books already
            owed = Stamp(intent.organization_uuid, f"by_hand:{intent.uuid}", at, {"payment": intent.uuid})
            ledger.post(core, connection, movements.pay_surplus(owed, amount=rest, provider=provider))
    connection.execute(sa.update(_P).where(_P.uuid == intent.uuid).values(values))
    refunding.note_sent(connection, intent, part)


def lessen(core: Core, connection: Connection, provider: str, charge_id: str, at: datetime) -> None:
    """A bank took more of a charge whose rest support was to send by hand: the buyer has that much of it already."""
    subject = disputes.subject_of(connection, provider, charge_id)
    if subject is None:
        return
    charge = charges.read(connection, charge_id, provider, subject.total.micros)
    over = Money(max(0, charge.gone + charge.lost - charge.paid), subject.total.currency)
    waiting = sa.select(_P.uuid).where(
        _P.organization_uuid == subject.organization_uuid, _P.charge_id == charge_id, _P.purpose == payments.REFUND,
        _P.provider == TRANSFER, _P.state == PaymentState.SENT.value,
    )  # fmt: skip
    for uuid in connection.execute(waiting.order_by(_P.created_at.desc(), _P.uuid.desc())).scalars().all():
        intent = payments.intent(connection, uuid, lock=True)
        part = min(over, intent.amount)
        if part.is_zero:
            return
        over -= part
        rest = intent.amount - part
        stamp = Stamp(intent.organization_uuid, f"by_bank:{uuid}:{at.isoformat()}", at, {"payment": uuid})
        _post(core, connection, stamp, charge_id, provider, part)
        values: dict[str, Any] = {"subject": intent.subject | {BY_BANK: part.micros + intent.subject.get(BY_BANK, 0)}}
        values |= {"state": PaymentState.SUCCEEDED.value} if rest.is_zero else {"amount_micros": rest.micros}
        connection.execute(sa.update(_P).where(_P.uuid == uuid).values(values))
        refunding.note_sent(connection, intent, part)


def settle_of_order(core: Core, connection: Connection, key: str, at: datetime) -> bool:
    """The same for the refund of an order that is no payment's (a row of RefundRow). Whether nothing is left to ask."""
    row = connection.execute(sa.select(*_R.__table__.c).where(_R.key == key).with_for_update()).one()
    amount = Money(row.amount_micros, row.currency)
    part = _kept(connection, row.charge_id, amount) if row.state == "sent" else None
    if part is None:
        return bool(row.state != "sent")
    of = sa.select(m.OrderRow.organization_uuid).where(m.OrderRow.uuid == row.order_uuid)
    organization, rest = connection.execute(of).scalar_one(), amount - part
    if ledger.is_posted(connection, organization, f"surplus:{row.charge_id}"):
        stamp = Stamp(organization, f"by_bank:{key}", at, {"order": row.order_uuid})
        _post(core, connection, stamp, row.charge_id, row.provider, part)
    if not rest.is_zero:
        refunds.open_refund(
            core, connection, organization_uuid=organization, invoice_uuid="", charge_id=row.charge_id,
            provider=TRANSFER, amount=rest, at=at,
        )  # fmt: skip
    connection.execute(sa.update(_R).where(_R.key == key).values(state="done", amount_micros=0))
    return True


def _kept(connection: Connection, charge_id: str, amount: Money) -> Money | None:
    """What of a refund the bank's money stands for; None while that is not known, or no bank has any."""
    charge = charges.read(connection, charge_id, "", 0)
    if charge.is_disputed or not charge.lost:
        return None
    return min(amount, Money(max(0, charge.lost - charge.by_bank), amount.currency))


def _post(
    core: Core, connection: Connection, stamp: Stamp, charge_id: str, provider: str, part: Money,
    *, is_credit: bool = False,
) -> None:  # fmt: skip
    subject = disputes.subject_of(connection, provider, charge_id)
    if subject is None or part.is_zero:
        return
    tax = disputes.tax_share(subject.tax, part, subject.total)
    ledger.post(core, connection, reversals.refunded_by_bank(stamp, amount=part, tax=tax,
                                                             provider=provider if is_credit else ""))  # fmt: skip
