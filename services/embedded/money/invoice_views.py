"""Invoices as they are read: one value from its rows, or from what would be its rows if it were made now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money, Rate
from services.api.types import Attempt, Invoice, InvoiceKind, InvoiceLine, InvoiceState, TaxLine
from services.db import models as m
from services.db import money_models as mm
from services.domain.taxes import NO_TAX
from services.embedded.money import drafting, renewals
from services.embedded.money.finalising import PAYABLE, owed_of
from services.embedded.money.payments import WITH_PROVIDER
from services.embedded.money.refunds import INVOICE
from services.embedded.money.taxes import details_from, details_of

_I, _L, _P = mm.InvoiceRow, mm.InvoiceLineRow, mm.PaymentIntent
_CORRECTED = sa.orm.aliased(_I)
_HEADS = (
    sa.select(
        *_I.__table__.c,
        m.OrganizationRow.name.label("organization_name"),
        _CORRECTED.number.label("corrects_number"),
    )
    .join(m.OrganizationRow, m.OrganizationRow.uuid == _I.organization_uuid)
    .outerjoin(_CORRECTED, _CORRECTED.uuid == _I.corrects_uuid)
)
_NEWEST_FIRST = (sa.func.coalesce(_I.issued_at, _I.created_at).desc(), _I.uuid.desc())


@dataclass(frozen=True, slots=True)
class Slice:
    """Which of the invoices found, newest first."""

    limit: int
    offset: int = 0


def find(connection: Connection, condition: sa.ColumnElement[bool], part: Slice | None = None) -> list[Invoice]:
    """The invoices that meet a condition, newest first, with their lines."""
    statement = _HEADS.where(condition).order_by(*_NEWEST_FIRST)
    if part is not None:
        statement = statement.limit(part.limit).offset(part.offset)
    heads = connection.execute(statement).all()
    lines: dict[str, list[dict[str, Any]]] = {head.uuid: [] for head in heads}
    found = connection.execute(
        sa.select(*_L.__table__.c).where(_L.invoice_uuid.in_(list(lines))).order_by(_L.invoice_uuid, _L.position)
    )
    for line in found:
        lines[line.invoice_uuid].append(dict(line._mapping))
    paying = _being_paid(connection, [head.uuid for head in heads if head.state in PAYABLE])
    return [replace(invoice_of(head, lines[head.uuid]), is_being_paid=head.uuid in paying) for head in heads]


def _being_paid(connection: Connection, payable: Sequence[str]) -> set[str]:
    """Those with a payment that only the provider can answer."""
    if not payable:
        return set()
    waiting = sa.select(_P.invoice_uuid).where(
        _P.purpose == INVOICE, _P.state.in_(WITH_PROVIDER), _P.invoice_uuid.in_(payable)
    )
    return set(connection.execute(waiting).scalars())


def count(connection: Connection, condition: sa.ColumnElement[bool]) -> int:
    """How many there are."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(_I).where(condition)).scalar_one())


def matching(connection: Connection, condition: sa.ColumnElement[bool], text: str) -> list[str]:
    """Those whose number, names or lines hold every word of `text`, whatever its case; newest first."""
    words = text.casefold().split()
    heads = connection.execute(_HEADS.where(condition).order_by(*_NEWEST_FIRST)).all()
    texts = {head.uuid: [head.number or "", head.organization_name, *_texts(head.details)] for head in heads}
    rows = connection.execute(
        sa.select(_L.invoice_uuid, _L.params).join(_I, _I.uuid == _L.invoice_uuid).where(condition)
    )
    for row in rows:
        texts[row.invoice_uuid] += _texts(row.params)
    whole = {uuid: " ".join(parts).casefold() for uuid, parts in texts.items()}
    return [uuid for uuid, words_in in whole.items() if all(word in words_in for word in words)]


def _texts(values: Mapping[str, Any]) -> list[str]:
    return [str(value) for value in values.values() if isinstance(value, str | int)]


def invoice_of(head: Any, lines: Iterable[Mapping[str, Any]], expected_at: datetime | None = None) -> Invoice:
    """`head`: the columns of an invoice, with the names of its organization and of what it corrects."""
    currency = head.currency

    def money(micros: int) -> Money:
        return Money(micros, currency)

    is_note = head.kind == InvoiceKind.CREDIT_NOTE.value
    return Invoice(
        uuid=head.uuid,
        number=head.number or "",
        kind=InvoiceKind(head.kind),
        state=InvoiceState(head.state),
        organization_uuid=head.organization_uuid,
        organization_name=head.organization_name,
        details=details_from(head.details),
        lines=tuple(_line(line) for line in lines),
        tax_lines=_tax_lines(head),
        subtotal=money(head.subtotal_micros),
        discount=money(head.discount_micros),
        credit_applied=money(head.credit_micros),
        tax=money(head.tax_micros),
        total=money(head.total_micros),
        paid=money(0 if is_note else head.paid_micros),
        credited=money(head.credited_micros),
        due=owed_of(head),
        period_start=head.period_start,
        period_end=head.period_end,
        created_at=head.created_at,
        issued_at=head.issued_at,
        due_at=head.due_at,
        paid_at=head.paid_at,
        paid_with=head.paid_with,
        subscription_uuid=head.subscription_uuid,
        order_uuid=head.order_uuid,
        corrects_uuid=head.corrects_uuid,
        corrects_number=head.corrects_number or "",
        replaced_by_uuid=head.replaced_by_uuid,
        attempts=attempts_of(head.attempts),
        expected_at=expected_at,
    )


def _line(line: Mapping[str, Any]) -> InvoiceLine:
    unit = line["unit_micros"]
    return InvoiceLine(
        uuid=line["uuid"],
        parent_uuid=line["parent_uuid"],
        kind=line["kind"],
        amount=Money(line["amount_micros"], line["currency"]),
        params=dict(line["params"]),
        quantity=line["quantity"],
        unit_price=None if unit is None else Rate(unit, line["unit_per"], line["currency"]),
        period_start=line["period_start"],
        period_end=line["period_end"],
        subscription_uuid=line["subscription_uuid"],
        resource_uuid=line["resource_uuid"],
    )


def _tax_lines(head: Any) -> tuple[TaxLine, ...]:
    """One a rate. Where no country is known there is nothing to say about tax."""
    return tuple(
        TaxLine(name, percent, Money(taxable, head.currency), Money(tax, head.currency), code)
        for name, percent, taxable, tax, code in head.taxes
        if code != NO_TAX
    )


def attempts_of(stored: Sequence[Sequence[str]]) -> tuple[Attempt, ...]:
    """The dunning calendar as it is kept."""
    return tuple(Attempt(datetime.fromisoformat(at), state, code) for at, state, code in stored)


def upcoming(connection: Connection, subscription: Any, organization_name: str, now: datetime) -> Invoice | None:
    """The next invoice of a subscription (its row) as it stands at `now`: what will be drafted, made in memory."""
    found = renewals.upcoming(connection, subscription, now)
    if found is None:
        return None
    details = found.new.details or details_of(connection, subscription.organization_uuid)
    uuid = f"upcoming:{subscription.uuid}"
    rows = drafting.written(uuid, found.new, details, now, lambda item: f"{uuid}:{item}")
    names = {"organization_name": organization_name, "corrects_number": ""}
    return invoice_of(SimpleNamespace(**rows.head, **names), rows.lines, found.at)
