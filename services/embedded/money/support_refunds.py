"""Money of a paid invoice that support gives back: previewed by doing it and rolling it back, so that both agree."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput, WrongState
from services.api.money import Money
from services.api.types import InvoiceState, LedgerLine, RefundPreview, RefundRequest, ResourceState
from services.db import models as m
from services.db import money_models as mm
from services.db import portable
from services.domain import reversals
from services.domain.ledger import Entry
from services.domain.movements import Stamp
from services.embedded.core import Core
from services.embedded.money import (
    captures,
    corrections,
    finalising,
    ledger,
    paid_in,
    payments,
    refunds,
    renewals,
    subscribing,
)
from services.embedded.money.happenings import note_happening
from services.embedded.orders import refunded_with
from services.embedded.ways import TRANSFER

NOTE_MAX = 2_000  # characters
ENDED = "refunded"  # why a subscription ended

_I, _E, _A, _H, _S = mm.InvoiceRow, mm.LedgerEntry, mm.LedgerAccount, mm.LedgerHead, mm.SubscriptionRow


@dataclass(frozen=True, slots=True)
class Done:
    """What a refund did: its credit note, the intent that sends the money (outcomes.carry_out), what it ended."""

    note_uuid: str
    refund_uuid: str
    amount: Money
    tax: Money
    lines: tuple[LedgerLine, ...]
    ended: tuple[str, ...]


def preview(core: Core, connection: Connection, request: RefundRequest, at: datetime) -> RefundPreview:
    """What `carry_out` would do now. WrongState, InvalidInput(amount, note)."""
    row = _payable(connection, request)
    refundable, goes_to = _refundable(connection, row), _goes_to(connection, row)
    savepoint = connection.begin_nested()
    try:
        done = carry_out(core, connection, request, at)
    finally:
        savepoint.rollback()
    found = RefundPreview(row.uuid, row.number, refundable, done.amount, done.tax, goes_to, done.lines, done.ended, "")
    return RefundPreview(
        row.uuid, row.number, refundable, done.amount, done.tax, goes_to, done.lines, done.ended, hash_of(found)
    )


def hash_of(found: RefundPreview) -> str:
    """The same for the same sum, way and consequences. How much of it was still unearned is no part of it: that moves
    with every second between looking and agreeing."""
    whole = [found.invoice_uuid, found.amount.micros, found.tax.micros, found.amount.currency, found.goes_to,
             list(found.ends)]  # fmt: skip
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def carry_out(core: Core, connection: Connection, request: RefundRequest, at: datetime) -> Done:
    """The credit note, the intent to send the money, and the end of access when that was chosen."""
    row = _payable(connection, request)
    amount = request.amount or _refundable(connection, row)
    captures.confirm(connection, row.order_uuid, at)
    before = _seq(connection, row.organization_uuid)
    reason = str(request.reason)
    credited = corrections.credit(core, connection, row.uuid, amount, at, reason=reason)
    o = m.OrderRow
    refunded = refunded_with(amount.micros)
    connection.execute(sa.update(o).where(o.uuid == row.order_uuid).values(refunded_micros=refunded))
    _keep_from_credit(connection, row, credited.note_uuid)
    note = finalising.row_of(connection, credited.note_uuid)
    ended = _end(core, connection, row, at) if request.ends_access else ()
    lines = [_line(entry) for entry in _entries(connection, row.organization_uuid, before)]
    if credited.refund_uuid:
        intent = payments.intent(connection, credited.refund_uuid)
        stamp = Stamp(row.organization_uuid, f"refund:{intent.uuid}", at)
        sent = reversals.refund_card(stamp, amount=amount, provider=intent.way.provider)
        lines += [_line(entry) for entry in sent.entries]
    note_happening(core, connection, row.organization_uuid, "refund_granted", at, ref=f"invoice:{note.uuid}",
                   number=row.number, reason=reason, note=request.note.strip(), amount_micros=amount.micros,
                   currency=amount.currency)  # fmt: skip
    tax = Money(-note.tax_micros, note.currency)
    return Done(note.uuid, credited.refund_uuid, amount, tax, tuple(lines), ended)


def _payable(connection: Connection, request: RefundRequest) -> Any:  # Any: a row of InvoiceRow
    row = finalising.row_of(connection, request.invoice_uuid)
    corrections.check_final(row)
    if row.state != InvoiceState.PAID.value:
        raise WrongState(state=row.state)
    if row.subscription_uuid:  # first: a plan that is made smaller meanwhile gives credit out of the same money
        subscribing.find(connection, row.subscription_uuid, lock=True)
    refundable, amount = _refundable(connection, row), request.amount
    if refundable.is_zero:
        refunds.check_undisputed(connection, row)
        raise WrongState(state="nothing_left")
    problems = {"note": "too_long" if len(request.note) > NOTE_MAX else "",
                "amount": "" if amount is None else _problem(amount, refundable)}  # fmt: skip
    if found := {name: code for name, code in problems.items() if code}:
        raise InvalidInput(fields=found)
    return row


def _problem(amount: Money, refundable: Money) -> str:
    if amount.currency != refundable.currency:
        return "wrong_currency"
    if amount.micros <= 0:
        return "not_positive"
    if amount.micros % amount.minor_unit:
        return "not_whole_minor"
    return "over_invoice" if amount > refundable else ""


def _refundable(connection: Connection, row: Any) -> Money:
    """What was paid and has not gone back."""
    left = min(row.paid_micros, row.total_micros - row.credited_micros, paid_in.left(connection, row))
    return Money(max(0, min(left, refunds.left_of(connection, row))), row.currency)


def _keep_from_credit(connection: Connection, row: Any, note_uuid: str) -> None:
    """What went back of the running period's price is not given once more, as credit, when the plan is made smaller
    (BILLING, "Changing a plan": paid - already credited)."""
    line = mm.InvoiceLineRow
    price = sa.select(portable.sum_of(line.net_micros.expression)).where(
        line.invoice_uuid == note_uuid, line.kind.in_(finalising.IN_ADVANCE)
    )
    of_running = sa.and_(_S.period_start < row.period_end, _S.period_end > row.period_start)
    connection.execute(
        sa.update(_S)
        .where(_S.uuid == row.subscription_uuid, of_running)
        .values(credited_micros=_S.credited_micros - price.scalar_subquery())  # a note's lines are below 0
    )


def _goes_to(connection: Connection, row: Any) -> str:
    return TRANSFER if refunds.way_back(connection, row) == TRANSFER else str(row.paid_with)


def _end(core: Core, connection: Connection, row: Any, at: datetime) -> tuple[str, ...]:
    """The subscription of the invoice ends now; nothing else of it is credited. Names of the agents that stop."""
    if not row.subscription_uuid:
        return ()
    subscription = subscribing.find(connection, row.subscription_uuid, lock=True)
    if subscription.ended_at is not None:
        return ()
    r = m.ResourceRow
    running = sa.select(r.name).where(r.order_uuid == subscription.order_uuid, r.state != ResourceState.RETIRED.value)
    names = tuple(connection.execute(running.order_by(r.name)).scalars())
    renewals.end(core, connection, subscription, at, reason=ENDED)
    return names


def _seq(connection: Connection, organization_uuid: str) -> int:
    found = sa.select(_H.seq).where(_H.organization_uuid == organization_uuid)
    return connection.execute(found).scalar() or 0


def _entries(connection: Connection, organization_uuid: str, after: int) -> list[Entry]:
    last = _seq(connection, organization_uuid)
    return [
        entry for seq in range(after + 1, last + 1) for entry in ledger.entries_of(connection, organization_uuid, seq)
    ]


def _line(entry: Entry) -> LedgerLine:
    return LedgerLine(entry.account.kind.value, entry.amount, entry.account.sub)
