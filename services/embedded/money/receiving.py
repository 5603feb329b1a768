"""Bank transfers as support marks them: what is due by transfer, what came in, and what became of it.

An order is delivered when all of it is there; an invoice is paid part by part. What came in beyond it becomes credit,
and so does all that names an order or invoice that needs no money (any more): whatever has a reference can be booked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput
from services.api.money import AMOUNT_MAX, Money
from services.api.types import (
    InvoiceKind,
    InvoiceState,
    OrderState,
    PaymentState,
    ReceiveTransfer,
    TransferDue,
    TransferReceived,
)
from services.db import models as m
from services.db import money_models as mm
from services.db import payment_models as pm
from services.db import portable
from services.domain.movements import Stamp
from services.embedded import settlement
from services.embedded.core import Core
from services.embedded.money import finalising, freezing, ledger, outcomes, payments, standing, transferred
from services.embedded.money.alerts import CURRENCY
from services.embedded.money.due import Due
from services.embedded.money.happenings import note_happening
from services.embedded.orders import lock_order
from services.embedded.placing import PAID_BY_TRANSFER
from services.embedded.ways import TRANSFER
from services.gateways.payments import CANCELED, EXPIRED, SUCCEEDED, Charge

ORDER, INVOICE, REFUND = "order", "invoice", "refund"
REFERENCE_MAX, NOTE_MAX = 140, 2_000  # as SEPA has it; characters
OLDEST = timedelta(days=366)  # of a statement: before that it is a slip of the keyboard
_REFUND_LENGTH = 10

_T, _P, _O, _I, _N = pm.TransferRow, m.PaymentRow, m.OrderRow, mm.InvoiceRow, mm.PaymentIntent
# `sent`: another try by transfer that was cut short; it waits for its money all the same.
_WAITS = sa.and_(
    _P.provider == TRANSFER,
    _P.state.in_(payments.WITH_PROVIDER),
    _O.state == OrderState.PENDING_PROVIDER.value,
)
_WAITING = (
    sa.select(
        _P.order_uuid, _P.amount_micros, _P.currency, _P.created_at, _O.organization_uuid, _O.offering_name,
        _O.plan_name,
    )
    .join(_O, _O.uuid == _P.order_uuid)
    .where(_WAITS)
)  # fmt: skip
# In a row of an earlier version the bank's reference stands as it was typed.
_USED = sa.select(_T.uuid).where(sa.func.upper(sa.func.replace(_T.bank_reference, " ", "")) == sa.bindparam("bank"))


@dataclass(frozen=True, slots=True)
class Expected:
    """Something that is to be paid by transfer, or to be sent back by one."""

    subject: str
    uuid: str
    reference: str
    organization_uuid: str
    amount: Money
    received: Money
    due_at: datetime
    title: str

    @property
    def left(self) -> Money:
        return self.amount - self.received


def _orders(connection: Connection, condition: sa.ColumnElement[bool] | None = None) -> list[Expected]:
    rows = connection.execute(_WAITING if condition is None else _WAITING.where(condition))
    return [
        Expected(
            ORDER, row.order_uuid, transferred.reference_of(row.order_uuid), row.organization_uuid,
            Money(row.amount_micros, row.currency),
            Money(transferred.received(connection, row.order_uuid), row.currency),
            row.created_at + timedelta(days=transferred.NET_DAYS), f"{row.offering_name}, {row.plan_name}",
        )
        for row in rows.all()
    ]  # fmt: skip


def _invoice(row: Any) -> Expected:  # Any: a row of InvoiceRow
    paid = Money(row.paid_micros, row.currency)
    owed = finalising.owed_of(row)
    return Expected(
        INVOICE, row.uuid, row.number, row.organization_uuid, paid + owed, paid, row.due_at, str(row.number)
    )


def _invoices(connection: Connection, condition: sa.ColumnElement[bool]) -> list[Expected]:
    rows = connection.execute(
        sa.select(*_I.__table__.c).where(
            _I.state.in_(finalising.PAYABLE), _I.kind == InvoiceKind.INVOICE.value, _I.replaced_by_uuid == "", condition
        )
    )
    return [_invoice(row) for row in rows.all()]


def _refunds(connection: Connection) -> list[Expected]:
    """Money that support has to send back by transfer itself; not while a bank decides about the charge it was."""
    d = pm.DisputeRow
    is_disputed = sa.exists().where(d.charge_id == _N.charge_id, d.charge_id != "", d.state == freezing.OPEN)
    rows = connection.execute(
        sa.select(*_N.__table__.c, sa.func.coalesce(_I.number, _N.charge_id).label("title"))
        .outerjoin(_I, _I.uuid == _N.invoice_uuid)
        .where(
            _N.purpose == payments.REFUND, _N.provider == TRANSFER, _N.state == PaymentState.SENT.value, ~is_disputed
        )
    )
    return [
        Expected(
            REFUND, row.uuid, f"SKR-{row.uuid[-_REFUND_LENGTH:].upper()}", row.organization_uuid,
            Money(row.amount_micros, row.currency), Money.zero(row.currency), row.created_at, row.title,
        )
        for row in rows.all()
    ]  # fmt: skip


def expected(connection: Connection, organizations: list[str] | None, now: datetime) -> tuple[TransferDue, ...]:
    """Everything that is due by transfer, the most overdue first; of all organizations when None."""
    by_transfer = sa.and_(_I.due_at > _I.issued_at, _I.state == InvoiceState.OPEN.value)
    found = [*_orders(connection), *_invoices(connection, by_transfer), *_refunds(connection)]
    if organizations is not None:
        found = [one for one in found if one.organization_uuid in organizations]
    who = _people(connection, {one.organization_uuid for one in found})
    return tuple(
        TransferDue(
            one.uuid, one.subject, one.reference, who[one.organization_uuid][0], who[one.organization_uuid][1],
            one.title, one.amount, one.received, one.due_at, one.due_at < now,
        )
        for one in sorted(found, key=lambda one: (one.due_at, one.uuid))
    )  # fmt: skip


def _people(connection: Connection, uuids: set[str]) -> dict[str, tuple[str, str]]:
    """Organization -> its name and the address of its first member."""
    o, u, ms = m.OrganizationRow, m.User, m.Membership
    rows = connection.execute(
        sa.select(o.uuid, o.name, u.email)
        .join(ms, ms.organization_uuid == o.uuid)
        .join(u, u.uuid == ms.user_uuid)
        .where(o.uuid.in_(uuids))
        .order_by(u.created_at.desc())
    )
    return {row.uuid: (row.name, row.email) for row in rows}


# ---- it came in


def plain(reference: str) -> str:
    """As references are compared: people add spaces, and forget capitals."""
    return "".join(reference.split()).upper()


def find(connection: Connection, reference: str, now: datetime) -> Expected | None:
    """What a reference we gave out stands for. An open invoice may be paid by transfer however it was to be paid; what
    needs no money (any more) is found with nothing left."""
    wanted = plain(reference)
    if order_uuid := transferred.named(connection, wanted):
        return _named_order(connection, order_uuid, now)
    if invoice := _named_invoice(connection, wanted, now):
        return invoice
    return next((one for one in _refunds(connection) if one.reference == wanted), None)


def _named_order(connection: Connection, order_uuid: str, now: datetime) -> Expected:
    lock_order(connection, order_uuid)  # nobody takes another way to pay meanwhile
    if waiting := _orders(connection, _P.order_uuid == order_uuid):
        return waiting[0]
    row = connection.execute(sa.select(*_O.__table__.c).where(_O.uuid == order_uuid)).one()
    reference, nothing = transferred.reference_of(order_uuid), Money.zero(row.currency)
    return Expected(ORDER, order_uuid, reference, row.organization_uuid, nothing, nothing, now, row.offering_name)


def _named_invoice(connection: Connection, number: str, now: datetime) -> Expected | None:
    is_named = sa.and_(_I.number == number, _I.kind == InvoiceKind.INVOICE.value)
    row = connection.execute(sa.select(*_I.__table__.c).where(is_named).with_for_update()).first() if number else None
    if row is None:
        return None
    if row.state in finalising.PAYABLE and not row.replaced_by_uuid:
        return _invoice(row)
    nothing = Money.zero(row.currency)
    return Expected(INVOICE, row.uuid, row.number, row.organization_uuid, nothing, nothing, now, str(row.number))


def check(request: ReceiveTransfer, subject: Expected, now: datetime) -> None:
    """InvalidInput with those fields that cannot be right."""
    amount = request.amount
    problems = {
        "amount": _amount_problem(amount, subject),
        "bank_reference": "" if request.bank_reference.strip() else "required",
        "received_on": _day_problem(request.received_on, now),
        "note": "too_long" if len(request.note) > NOTE_MAX else "",
    }
    if len(request.bank_reference) > REFERENCE_MAX:
        problems["bank_reference"] = "too_long"
    if found := {name: code for name, code in problems.items() if code}:
        raise InvalidInput(fields=found)


def _day_problem(day: datetime | None, now: datetime) -> str:
    if day is None:
        return ""
    return "" if day.tzinfo is not None and now - OLDEST <= day <= now else "out_of_range"


def _amount_problem(amount: Money, subject: Expected) -> str:
    if amount.currency != subject.amount.currency:
        return "wrong_currency"
    if amount.micros <= 0:
        return "not_positive"
    if amount.micros > AMOUNT_MAX:
        return "out_of_range"
    if amount.micros % amount.minor_unit:
        return "not_whole_minor"
    is_too_much = amount > subject.left
    if is_too_much and (subject.subject == REFUND or amount.currency != CURRENCY):
        return "too_large"
    if subject.subject == REFUND and amount != subject.left:
        return "too_small"
    return ""


def receive(
    core: Core, connection: Connection, user_uuid: str, request: ReceiveTransfer, subject: Expected, now: datetime
) -> str:
    """Writes an arrival down and does what follows from it. Returns its uuid. InvalidInput(bank_reference)."""
    uuid, part = core.ids.uuid(), min(request.amount, subject.left)
    surplus, left, bank = request.amount - part, subject.left - part, plain(request.bank_reference)
    if connection.execute(_USED, {"bank": bank}).first() is not None:
        raise InvalidInput(fields={"bank_reference": "already_used"})
    row = {"uuid": uuid, "reference": subject.reference, "subject": subject.subject, "subject_uuid": subject.uuid,
           "organization_uuid": subject.organization_uuid, "amount_micros": request.amount.micros,
           "surplus_micros": surplus.micros, "left_micros": left.micros, "currency": request.amount.currency,
           "bank_reference": bank, "note": request.note.strip(), "received_at": request.received_on or now,
           "marked_at": now, "user_uuid": user_uuid}  # fmt: skip
    new = portable.insert(_T).values(row).on_conflict_do_nothing().returning(_T.uuid)
    if connection.execute(new).first() is None:
        raise InvalidInput(fields={"bank_reference": "already_used"})
    if not part.is_zero:
        _DO[subject.subject](core, connection, uuid, subject, part, now)
    note_happening(core, connection, subject.organization_uuid, "transfer_received", now,
                   ref=f"{subject.subject}:{subject.uuid}", number=subject.reference,
                   amount_micros=request.amount.micros, currency=request.amount.currency)  # fmt: skip
    if not surplus.is_zero:
        transferred.credit(core, connection, subject.organization_uuid, subject.reference, surplus, now)
    return uuid


def _for_order(core: Core, connection: Connection, uuid: str, subject: Expected, part: Money, now: datetime) -> None:
    transferred.note_arrival(core, connection, subject.organization_uuid, uuid, part, now)
    if part == subject.left:
        charge = Charge(subject.reference, SUCCEEDED, subject.amount)
        settlement.record_charge(core, connection, subject.uuid, charge)


def _for_invoice(core: Core, connection: Connection, uuid: str, subject: Expected, part: Money, now: datetime) -> None:
    row = finalising.row_of(connection, subject.uuid)
    if part == finalising.owed_of(row):
        finalising.mark_paid(core, connection, row.uuid, now, provider=TRANSFER, paid_with=PAID_BY_TRANSFER)
        standing.settled(core, connection, row, now)
        return
    stamp = Stamp(row.organization_uuid, f"transfer:{uuid}", now, {"number": row.number, "invoice": row.uuid})
    ledger.post(core, connection, finalising.arrived(row, stamp, part, TRANSFER))
    connection.execute(sa.update(_I).where(_I.uuid == row.uuid).values(paid_micros=_I.paid_micros + part.micros))
    freezing.thaw(connection, row.organization_uuid)


def _for_refund(core: Core, connection: Connection, _uuid: str, subject: Expected, part: Money, now: datetime) -> None:
    """Support has sent it."""
    outcomes.record(core, connection, subject.uuid, Charge(subject.reference, SUCCEEDED, part), now)


_DO = {ORDER: _for_order, INVOICE: _for_invoice, REFUND: _for_refund}


def on_transfer_expires(core: Core, connection: Connection, item: Due) -> None:
    """Nothing came for an order in all that time; it can be bought again. A part that came keeps it open."""
    for one in _orders(connection, _P.order_uuid == item.subject_uuid):
        if one.received.is_zero:
            charge = Charge(one.reference, CANCELED, one.amount, EXPIRED)
            settlement.record_charge(core, connection, one.uuid, charge)


# ---- as it is told


def received(connection: Connection, condition: sa.ColumnElement[bool]) -> tuple[TransferReceived, ...]:
    """What was marked, newest first."""
    rows = connection.execute(
        sa.select(*_T.__table__.c, m.User.email)
        .join(m.User, m.User.uuid == _T.user_uuid)
        .where(condition)
        .order_by(_T.marked_at.desc(), _T.uuid.desc())
    )
    return tuple(
        TransferReceived(
            row.reference, Money(row.amount_micros, row.currency), Money(row.left_micros, row.currency),
            Money(row.surplus_micros, row.currency), row.email, row.received_at, row.note,
        )
        for row in rows
    )  # fmt: skip
