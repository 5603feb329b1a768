"""The tree of an invoice: its lines and taxes, the lines that explain a line, and below them the very calls.

A stored invoice and the one that is coming are explained by the same code: both are rows of lines (`drafting.written`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money, Rate
from services.api.types import Explanation, InvoiceKind, Params
from services.db import models as m
from services.db import money_models as mm
from services.domain.pricing import quoted
from services.domain.rating import TEST
from services.embedded.money import drafting, redrafting, renewals, usage
from services.embedded.money.explain_calls import Condition, calls
from services.embedded.money.taxes import details_of
from services.embedded.money.trees import Rows, Tree, rest_of
from services.embedded.orders import find_orders

TO_CALLS = frozenset({"usage", "late_usage", "tier", "usage_paid"})  # lines that calls are behind
PAID_ALREADY = "usage_paid"
UPCOMING = "upcoming"

_I, _S, _E = mm.InvoiceRow, mm.SubscriptionRow, m.UsageEvent
_INVOICE = sa.select(*_I.__table__.c).where(_I.uuid == sa.bindparam("invoice"))
_SUBSCRIPTION = sa.select(*_S.__table__.c).where(_S.uuid == sa.bindparam("subscription"))
_LINE = sa.select(mm.InvoiceLineRow.invoice_uuid).where(mm.InvoiceLineRow.uuid == sa.bindparam("line"))


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The rows of one invoice, and which calls it is about; `prefix` makes refs of its lines."""

    head: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]
    counted: tuple[Condition, ...]
    prefix: str

    def below(self, uuid: str) -> list[Mapping[str, Any]]:
        """The lines that explain a line; those of the invoice itself for ""."""
        return [line for line in self.lines if line["parent_uuid"] == uuid]

    def find(self, uuid: str) -> Mapping[str, Any] | None:
        return next((line for line in self.lines if line["uuid"] == uuid), None)


# ---- where invoices come from


def _stored(connection: Connection, uuid: str) -> _Sheet | None:
    row = connection.execute(_INVOICE, {"invoice": uuid}).one_or_none()
    if row is None:
        return None
    counted = (_E.state == "settled", _E.purpose != TEST, _E.invoice_uuid.in_(_replaced(connection, row)))
    return _Sheet(dict(row._mapping), redrafting.lines_of(connection, uuid), counted, "line:")


def _replaced(connection: Connection, row: Any) -> list[str]:
    """An invoice and those it stands in the place of: calls belong to the first. A credit note is about no calls."""
    found = []
    while row is not None and row.kind == InvoiceKind.INVOICE.value:
        found.append(row.uuid)
        row = connection.execute(_INVOICE, {"invoice": row.corrects_uuid}).one_or_none()
    return found


def _coming(connection: Connection, subscription_uuid: str, now: datetime) -> tuple[_Sheet, datetime] | None:
    row = connection.execute(_SUBSCRIPTION, {"subscription": subscription_uuid}).one_or_none()
    found = None if row is None else renewals.upcoming(connection, row, now)
    if row is None or found is None:
        return None
    details = found.new.details or details_of(connection, row.organization_uuid)
    written = drafting.written("", found.new, details, now, lambda item_id: item_id)
    counted = usage.open_calls(row, found.at)
    return _Sheet(written.head, written.lines, counted, f"{UPCOMING}:{subscription_uuid}:"), found.at


# ---- the trees


def of_invoice(connection: Connection, uuid: str) -> Tree | None:
    """invoice:<uuid>: its lines, then its taxes."""
    sheet = _stored(connection, uuid)
    if sheet is None:
        return None
    head = sheet.head
    row = connection.execute(_SUBSCRIPTION, {"subscription": head["subscription_uuid"]}).one_or_none()
    params: Params = {
        "number": head["number"] or "",
        "state": head["state"],
        "subject": row.offering_name if row else "",
    }
    return _whole(connection, sheet, head["kind"], Money(head["total_micros"], head["currency"]), params)


def of_upcoming(connection: Connection, subscription_uuid: str, now: datetime) -> Tree | None:
    """upcoming:<subscription>: what the next invoice will ask for as things stand, from the card or the wallet."""
    found = _coming(connection, subscription_uuid, now)
    if found is None:
        return _nothing(connection, subscription_uuid)
    sheet, expected_at = found
    head = sheet.head
    asked = Money(head["total_micros"] + head["credit_micros"], head["currency"])
    lines = tuple(line for line in sheet.lines if line["kind"] != drafting.CREDIT)
    sheet = _Sheet(head, lines, sheet.counted, sheet.prefix)
    row = connection.execute(_SUBSCRIPTION, {"subscription": subscription_uuid}).one()
    params: Params = {"name": row.offering_name, "expected_at": expected_at.isoformat()}
    return _whole(connection, sheet, UPCOMING, asked, params)


def _nothing(connection: Connection, subscription_uuid: str) -> Tree | None:
    row = connection.execute(_SUBSCRIPTION, {"subscription": subscription_uuid}).one_or_none()
    if row is None:
        return None
    params: Params = {"name": row.offering_name, "expected_at": None}
    return Tree(row.organization_uuid, UPCOMING, Money.zero(row.currency), params)


def _whole(connection: Connection, sheet: _Sheet, kind: str, amount: Money, params: Params) -> Tree:
    parts = [_node(connection, sheet, line) for line in sheet.below("")]
    parts += [_tax(tax, amount.currency) for tax in sheet.head["taxes"]]
    return Tree(sheet.head["organization_uuid"], kind, amount, params, tuple(parts))


def _tax(tax: Sequence[Any], currency: str) -> Explanation:
    name, rate, taxable, micros, note = tax
    return Explanation(
        "", "tax", Money(micros, currency), {"name": name, "rate": rate, "note": note, "taxable_micros": taxable}
    )


def of_line(connection: Connection, uuid: str) -> Tree | None:
    """line:<uuid>: the lines that explain it, or its calls."""
    sheet = _of_line(connection, uuid)
    return None if sheet is None else _below(connection, sheet, uuid)


def of_events(connection: Connection, uuid: str) -> Tree | None:
    """events:<line uuid>: its calls, also where lines stand between them."""
    sheet = _of_line(connection, uuid)
    return None if sheet is None else _below(connection, sheet, uuid, as_events=True)


def _of_line(connection: Connection, uuid: str) -> _Sheet | None:
    invoice_uuid = connection.execute(_LINE, {"line": uuid}).scalar()
    return _stored(connection, invoice_uuid) if invoice_uuid else None


def of_coming_line(connection: Connection, subscription_uuid: str, item_id: str, now: datetime) -> Tree | None:
    """upcoming:<subscription>:<item>: a line of the next invoice."""
    found = _coming(connection, subscription_uuid, now)
    return None if found is None else _below(connection, found[0], item_id)


def _below(connection: Connection, sheet: _Sheet, uuid: str, *, as_events: bool = False) -> Tree | None:
    line = sheet.find(uuid)
    if line is None:
        return None
    parts = () if as_events else tuple(_node(connection, sheet, one) for one in sheet.below(uuid))
    leaves = None if parts else _calls(connection, sheet, line)
    kind = "events" if as_events else line["kind"]
    amount = Money(line["amount_micros"], line["currency"])
    return Tree(sheet.head["organization_uuid"], kind, amount, _params(line), parts, leaves)


def _node(connection: Connection, sheet: _Sheet, line: Mapping[str, Any]) -> Explanation:
    """A line with how many children it has."""
    amount, below = Money(line["amount_micros"], line["currency"]), sheet.below(line["uuid"])
    leaves = None if below else _calls(connection, sheet, line)
    count = len(below) + (leaves.count if leaves else 0)
    counted = sum((Money(one["amount_micros"], one["currency"]) for one in below), Money.zero(amount.currency))
    if count and rest_of(amount, leaves.total if leaves else counted) is not None:
        count += 1
    ref = f"{sheet.prefix}{line['uuid']}" if count else ""
    return Explanation(ref, line["kind"], amount, _params(line), count)


def _calls(connection: Connection, sheet: _Sheet, line: Mapping[str, Any]) -> Rows | None:
    """The calls behind a line; what the wallet has paid counts against the invoice."""
    if line["kind"] not in TO_CALLS or sheet.head["kind"] != InvoiceKind.INVOICE.value:
        return None
    condition = [*sheet.counted, _E.resource_uuid == line["resource_uuid"]]
    condition += [_E.at >= line["period_start"], _E.at < line["period_end"]]
    if line["kind"] == "tier":
        condition.append(_E.cost_micros == line["unit_micros"])
    if line["kind"] == PAID_ALREADY:
        condition.append(_E.paid_from == "wallet")
    return calls(connection, condition, line["currency"], -1 if line["kind"] == PAID_ALREADY else 1)


def _params(line: Mapping[str, Any]) -> Params:
    params: Params = dict(line["params"]) | {"quantity": line["quantity"]}
    if line["unit_micros"] is not None:
        params |= quoted(Rate(line["unit_micros"], line["unit_per"], line["currency"]))
    if line["period_start"] is not None:
        params |= {"start": line["period_start"].isoformat(), "end": line["period_end"].isoformat()}
    return params


def of_order(connection: Connection, uuid: str) -> Tree | None:
    """order:<uuid>: the lines it was confirmed with."""
    found = find_orders(connection, m.OrderRow.uuid == uuid)
    if not found:
        return None
    order = found[0]
    parts = []
    for line in order.lines:
        params: Params = {**line.params, "label": line.label, "quantity": line.quantity}
        if line.unit_price is not None:
            params |= quoted(Rate(line.unit_price.micros, 1, line.unit_price.currency))
        parts.append(Explanation("", line.kind, line.amount, params))
    params = {"number": order.number, "name": order.offering_name}
    return Tree(order.organization_uuid, "order", order.total, params, tuple(parts))
