"""Invoices as files: JSON and CSV here, PDF in `invoice_pdf`. The same invoice always makes the same bytes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import Any

from services.api.money import Money
from services.api.types import Document, DocumentFormat, Invoice, InvoiceLine
from services.domain.invoicing import csv_cell

_COLUMNS = (
    "number", "kind", "state", "issued_at", "organization", "line", "parent", "line_kind", "description", "quantity",
    "unit_price", "amount", "currency", "period_start", "period_end",
)  # fmt: skip


def document(invoice: Invoice, wanted: DocumentFormat, *, is_test: bool = False) -> Document:
    """The invoice as a file named by its number. `is_test`: no real money moves here, and the PDF says so."""
    name = f"{invoice.number or 'draft'}.{wanted.value}"
    if wanted is DocumentFormat.JSON:
        return Document(name, "application/json", _json(invoice))
    if wanted is DocumentFormat.CSV:
        return Document(name, "text/csv; charset=utf-8", _csv(invoice))
    from services.embedded.money import invoice_pdf  # lazy: its library takes longer to import than a start may

    return Document(name, "application/pdf", invoice_pdf.render(invoice, is_test=is_test))


# ---- JSON


def _json(invoice: Invoice) -> bytes:
    return (json.dumps(_plain(asdict(invoice)), ensure_ascii=False, indent=2) + "\n").encode()


def _plain(value: Any) -> Any:  # Any: what dataclasses hold, and what JSON can
    """Amounts as decimal text with their currency, instants in ISO 8601."""
    if isinstance(value, dict):
        if set(value) == {"micros", "currency"}:
            return {"amount": Money(**value).decimal(), "currency": value["currency"]}
        if set(value) == {"micros", "per", "currency"}:
            amount = Money(value["micros"], value["currency"]).decimal()
            return {"amount": amount, "per": value["per"], "currency": value["currency"]}
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


# ---- CSV


def _csv(invoice: Invoice) -> bytes:
    """A row a line, explanations too, then the sums. With a mark at the start that spreadsheets know UTF-8 by."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for row in _rows(invoice):
        writer.writerow([csv_cell(cell) for cell in row])
    return text.getvalue().encode("utf-8-sig")


def _rows(invoice: Invoice) -> Iterator[list[str]]:
    head = [invoice.number, invoice.kind.value, invoice.state.value, _instant(invoice.issued_at),
            invoice.details.name or invoice.organization_name]  # fmt: skip
    places = {line.uuid: str(place) for place, line in enumerate(invoice.lines, 1)}
    for line in invoice.lines:
        yield [*head, places[line.uuid], places.get(line.parent_uuid, ""), *_line_cells(line)]
    sums = [("subtotal", "", invoice.subtotal), ("discount", "", -invoice.discount),
            ("credit_applied", "", -invoice.credit_applied)]  # fmt: skip
    sums += [("tax", f"{line.name} {line.rate}% {line.note}".strip(), line.amount) for line in invoice.tax_lines]
    sums += [("total", "", invoice.total), ("paid", "", invoice.paid), ("credited", "", invoice.credited),
             ("due", "", invoice.due)]  # fmt: skip
    for kind, description, amount in sums:
        yield [*head, "", "", kind, description, "", "", amount.decimal(), amount.currency, "", ""]


def _line_cells(line: InvoiceLine) -> list[str]:
    unit, per = line.unit_price.quoted if line.unit_price else ("", 1)
    return [
        line.kind,
        ", ".join(f"{name}: {value}" for name, value in sorted(line.params.items()) if value not in (None, "")),
        line.quantity,
        unit if per == 1 else f"{unit} / {per}",
        line.amount.decimal(),
        line.amount.currency,
        _instant(line.period_start),
        _instant(line.period_end),
    ]


def _instant(at: datetime | None) -> str:
    return at.isoformat() if at else ""
