"""Invoices as files, as plainly as the formats allow."""

from __future__ import annotations

import csv
import io
import json

from services.api.types import Document, DocumentFormat, Invoice


def document(invoice: Invoice, wanted: DocumentFormat) -> Document:
    """The invoice in one format."""
    name = f"{invoice.number or 'upcoming'}.{wanted.value}"
    if wanted is DocumentFormat.JSON:
        return Document(name, "application/json", _as_json(invoice))
    if wanted is DocumentFormat.CSV:
        return Document(name, "text/csv", _as_csv(invoice))
    return Document(name, "application/pdf", _as_pdf(invoice))


def _as_json(invoice: Invoice) -> bytes:
    lines = [{"kind": line.kind, "amount": line.amount.decimal()} for line in invoice.lines]
    body = {
        "number": invoice.number,
        "kind": invoice.kind.value,
        "state": invoice.state.value,
        "organization": invoice.organization_name,
        "currency": invoice.total.currency,
        "lines": lines,
        "tax": invoice.tax.decimal(),
        "total": invoice.total.decimal(),
    }
    return json.dumps(body).encode()


def _as_csv(invoice: Invoice) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["number", "kind", "quantity", "amount", "currency"])
    for line in invoice.lines:
        row = [invoice.number, line.kind, line.quantity, line.amount.decimal(), line.amount.currency]
        writer.writerow(row)
    writer.writerow([invoice.number, "total", "", invoice.total.decimal(), invoice.total.currency])
    return text.getvalue().encode()


def _as_pdf(invoice: Invoice) -> bytes:
    """One page with the number and the total as text."""
    words = f"{invoice.number} {invoice.total.decimal(6)} {invoice.total.currency}"
    stream = f"BT /F1 12 Tf 72 720 Td ({words}) Tj ET".encode("ascii")
    bodies = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + table
    return out + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start
