"""Payments that the buyer's bank disputes: the amount is out of our hands, credit it bought is frozen, support is told.

What the provider says is written down once, as a step from where it stood: nothing, open, won or lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money, divide_half_away
from services.db import models as m
from services.db import money_models as mm
from services.db import payment_models as pm
from services.db import portable
from services.domain import reversals
from services.domain.movements import Stamp
from services.domain.wallet import Share
from services.embedded.core import Core, insert_into
from services.embedded.money import (
    alerts,
    charges,
    freezing,
    grants,
    ledger,
    payments,
    refunding,
    renewals,
    subscribing,
)
from services.embedded.money.freezing import LOST, OPEN, WON
from services.embedded.money.happenings import note_happening
from services.gateways.payments import DisputeFacts

ORDER = "order"
REASON = "dispute_lost"

_D, _G, _I, _P = pm.DisputeRow, mm.GrantRow, mm.PaymentIntent, m.PaymentRow


@dataclass(frozen=True, slots=True)
class Subject:
    """What the disputed charge had paid."""

    organization_uuid: str
    kind: str  # order, or the purpose of a payment
    invoice_uuid: str
    grant_uuid: str
    total: Money
    tax: Money


def record(core: Core, connection: Connection, provider: str, facts: DisputeFacts, at: datetime) -> bool:
    """Writes down how a dispute stands. False when the charge is none of ours."""
    portable.one_at_a_time(connection, f"dispute:{provider}:{facts.id}")
    subject = subject_of(connection, provider, facts.charge_id)
    if subject is None:
        return False
    row = _row(connection, provider, facts.id)
    if row is None:
        _open(core, connection, provider, facts, subject, at)
        row = _row(connection, provider, facts.id)
    if row.state == OPEN and facts.state in (WON, LOST):
        _close(core, connection, row, facts.state, subject, at)
    return True


def _row(connection: Connection, provider: str, dispute_id: str) -> Any:  # Any: a row of DisputeRow, or None
    found = sa.select(*_D.__table__.c).where(_D.provider == provider, _D.dispute_id == dispute_id)
    return connection.execute(found).one_or_none()


def subject_of(connection: Connection, provider: str, charge_id: str) -> Subject | None:
    if not charge_id:
        return None
    paid = sa.select(_I.uuid).where(_I.provider == provider, _I.charge_id == charge_id, _I.purpose != payments.REFUND)
    if uuid := connection.execute(paid.limit(1)).scalar():
        return _of_intent(connection, payments.intent(connection, uuid))
    ordered = (
        sa.select(_P.order_uuid, _P.amount_micros, _P.currency, m.OrderRow.organization_uuid)
        .join(m.OrderRow, m.OrderRow.uuid == _P.order_uuid)
        .where(_P.provider == provider, _P.charge_id == charge_id)
        .limit(1)
    )
    row = connection.execute(ordered).one_or_none()
    if row is None:
        return _late(connection, provider, charge_id)
    invoice = refunding.invoice_of(connection, row.order_uuid)
    invoice_uuid, total = "" if invoice is None else invoice.uuid, Money(row.amount_micros, row.currency)
    tax = _tax_of(connection, invoice_uuid, total)
    return Subject(row.organization_uuid, ORDER, invoice_uuid, "", total, tax)


def _late(connection: Connection, provider: str, charge_id: str) -> Subject | None:
    """A charge that came too late for its order and paid for nothing: it is on its way back."""
    r, o = m.RefundRow, m.OrderRow
    found = (
        sa.select(o.organization_uuid, r.amount_micros, r.currency)
        .join(o, o.uuid == r.order_uuid)
        .where(r.provider == provider, r.charge_id == charge_id)
        .limit(1)
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        return None
    total = Money(row.amount_micros, row.currency)
    return Subject(row.organization_uuid, ORDER, "", "", total, Money.zero(row.currency))


def _of_intent(connection: Connection, intent: payments.Intent) -> Subject:
    bought = connection.execute(sa.select(_G.uuid).where(_G.payment_uuid == intent.uuid)).scalar() or ""
    if known := int(intent.subject.get("tax_micros", 0)):
        tax = Money(known, intent.amount.currency)
    else:
        tax = _tax_of(connection, intent.invoice_uuid, intent.amount)
    return Subject(intent.organization_uuid, intent.purpose, intent.invoice_uuid, bought, intent.amount, tax)


def _tax_of(connection: Connection, invoice_uuid: str, paid: Money) -> Money:
    """The tax in what was paid of an invoice: a corrected one may have been paid by several charges."""
    row = mm.InvoiceRow
    found = connection.execute(sa.select(row.tax_micros, row.total_micros).where(row.uuid == invoice_uuid)).first()
    if found is None or not found.total_micros:
        return Money.zero(paid.currency)
    total = Money(found.total_micros, paid.currency)
    return tax_share(Money(found.tax_micros, paid.currency), min(paid, total), total)


def _open(
    core: Core, connection: Connection, provider: str, facts: DisputeFacts, subject: Subject, at: datetime
) -> None:
    uuid = core.ids.uuid()
    connection.execute(
        insert_into(_D),
        {"uuid": uuid, "provider": provider, "dispute_id": facts.id, "charge_id": facts.charge_id,
         "organization_uuid": subject.organization_uuid, "subject": subject.kind,
         "invoice_uuid": subject.invoice_uuid, "grant_uuid": subject.grant_uuid,
         "amount_micros": facts.amount.micros, "currency": facts.amount.currency, "state": OPEN,
         "reason": facts.reason, "opened_at": at, "answer_by": facts.answer_by, "closed_at": None},
    )  # fmt: skip
    stamp = Stamp(subject.organization_uuid, f"dispute:{uuid}", at, {"dispute": uuid})
    ledger.post(core, connection, reversals.open_dispute(stamp, amount=facts.amount, provider=provider))
    freezing.freeze(connection, subject.organization_uuid)
    _tell(core, connection, subject, facts.amount, "dispute_opened", at)


def _close(core: Core, connection: Connection, row: Any, state: str, subject: Subject, at: datetime) -> None:
    amount = Money(row.amount_micros, row.currency)
    stamp = Stamp(row.organization_uuid, f"dispute:{row.uuid}:{state}", at, {"dispute": row.uuid})
    connection.execute(sa.update(_D).where(_D.uuid == row.uuid).values(state=state, closed_at=at))
    freezing.freeze(connection, row.organization_uuid)
    if state == WON:
        ledger.post(core, connection, reversals.win_dispute(stamp, amount=amount, provider=row.provider))
    else:
        tax = tax_share(subject.tax, amount, subject.total)
        reclaimed = _left_of(connection, row, _not_refunded(connection, row, subject))
        ledger.post(core, connection, reversals.lose_dispute(stamp, amount=amount, tax=tax, reclaimed=reclaimed))
        _end(core, connection, subject, at)
    _tell(core, connection, subject, amount, f"dispute_{state}", at)


def tax_share(tax: Money, amount: Money, total: Money) -> Money:
    """The part of the tax that goes with a part of what was paid."""
    if amount == total or total.is_zero:
        return tax
    unit = tax.minor_unit
    return Money(divide_half_away(tax.micros * amount.micros, total.micros * unit) * unit, tax.currency)


def _not_refunded(connection: Connection, row: Any, subject: Subject) -> Money:
    """What of a lost amount, without tax, does not stand for refunds that wait (taken_back): those are no credit."""
    charge = charges.read(connection, row.charge_id, row.provider, subject.total.micros)
    before = charge.lost - row.amount_micros - charge.by_bank
    waiting = max(0, charge.unsent - before)
    left = Money(max(0, row.amount_micros - waiting), row.currency)
    return left - tax_share(subject.tax, left, subject.total)


def _left_of(connection: Connection, row: Any, at_most: Money) -> list[Share]:
    """What is still unspent of the credit that was bought, or that a smaller plan gave back of what was paid."""
    return grants.left_of(connection, row.organization_uuid, freezing.bought(connection, row), at_most)


def _end(core: Core, connection: Connection, subject: Subject, at: datetime) -> None:
    """What was never paid after all is not served any longer."""
    if not subject.invoice_uuid or subject.grant_uuid:
        return
    row = mm.InvoiceRow
    uuid = connection.execute(sa.select(row.subscription_uuid).where(row.uuid == subject.invoice_uuid)).scalar()
    if uuid:
        subscription = subscribing.find(connection, uuid, lock=True)
        if subscription.ended_at is None:
            renewals.end(core, connection, subscription, at, reason=REASON)


def _tell(core: Core, connection: Connection, subject: Subject, amount: Money, kind: str, at: datetime) -> None:
    ref = f"invoice:{subject.invoice_uuid}" if subject.invoice_uuid else ""
    note_happening(core, connection, subject.organization_uuid, kind, at, ref=ref, amount_micros=amount.micros,
                   currency=amount.currency)  # fmt: skip
    alerts.after_change(core, connection, subject.organization_uuid, at)
