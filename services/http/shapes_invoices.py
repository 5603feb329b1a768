"""Waldur's shape of invoices (API.md, "Resources")."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.api.types import Invoice, InvoiceKind, InvoiceLine, InvoiceState, TaxLine
from services.http.placed import TransferShape, transfer
from services.wire import price, unit_price

INVOICES = "/api/invoices"
STATES = {
    InvoiceState.DRAFT: "pending",
    InvoiceState.OPEN: "created",
    InvoiceState.PAID: "paid",
    InvoiceState.VOID: "canceled",
    InvoiceState.UNCOLLECTIBLE: "canceled",
}
SELLER = "Souk"


class ItemShape(msgspec.Struct):
    """A line; those with a `parent_uuid` explain it and are not added up again."""

    uuid: str
    parent_uuid: str
    name: str
    quantity: str
    unit_price: str | None
    price: str | None
    start: str | None
    end: str | None
    resource_uuid: str
    details: dict[str, str | int | None]


class TaxShape(msgspec.Struct):
    name: str
    rate: str
    taxable: str | None
    amount: str | None
    note: str


class InvoiceShape(msgspec.Struct, omit_defaults=True):
    """`due_date` is left out rather than null. Ours besides: kind, currency, discount, credit, due, taxes, links."""

    url: str
    uuid: str
    number: str
    customer: str
    customer_uuid: str
    customer_name: str
    kind: str
    state: str
    year: int
    month: int
    currency: str
    price: str | None
    tax: str | None
    total: str | None
    due: str | None
    discount: str | None
    credit: str | None
    issuer_details: dict[str, str]
    customer_details: dict[str, str]
    taxes: list[TaxShape]
    items: list[ItemShape]
    invoice_date: str = ""
    due_date: str = ""
    corrects_uuid: str = ""
    replaced_by_uuid: str = ""
    transfer: TransferShape | None = None
    is_being_paid: bool = False


def _day(instant: datetime | None) -> str:
    return instant.date().isoformat() if instant else ""


def invoice(base: str, value: Invoice) -> InvoiceShape:
    """An invoice, credit note or receipt."""
    shown = value.issued_at or value.created_at
    details = value.details
    customer = {"name": details.name or value.organization_name, "address": "\n".join(details.address),
                "country": details.country, "vat_code": details.vat_id, "email": details.email}  # fmt: skip
    return InvoiceShape(
        url=f"{base}{INVOICES}/{value.uuid}/",
        uuid=value.uuid,
        number=value.number,
        customer=f"{base}/api/customers/{value.organization_uuid}/",
        customer_uuid=value.organization_uuid,
        customer_name=value.organization_name,
        kind=value.kind.value,
        state=STATES[value.state] if value.kind is not InvoiceKind.CREDIT_NOTE else value.state.value,
        year=shown.year,
        month=shown.month,
        currency=value.total.currency,
        price=price(value.subtotal - value.discount - value.credit_applied),
        tax=price(value.tax),
        total=price(value.total),
        due=price(value.due),
        discount=price(value.discount),
        credit=price(value.credit_applied),
        issuer_details={"company": SELLER},
        customer_details={name: text for name, text in customer.items() if text},
        taxes=[_tax(tax) for tax in value.tax_lines],
        items=[_item(line) for line in value.lines],
        invoice_date=_day(value.issued_at),
        due_date=_day(value.due_at),
        corrects_uuid=value.corrects_uuid,
        replaced_by_uuid=value.replaced_by_uuid,
        transfer=transfer(value.transfer) if value.transfer else None,
        is_being_paid=value.is_being_paid,
    )


def _tax(line: TaxLine) -> TaxShape:
    return TaxShape(line.name, line.rate, price(line.taxable), price(line.amount), line.note)


def _item(line: InvoiceLine) -> ItemShape:
    return ItemShape(
        uuid=line.uuid,
        parent_uuid=line.parent_uuid,
        name=line.kind,
        quantity=line.quantity,
        unit_price=None if line.unit_price is None else unit_price(line.unit_price),
        price=price(line.amount),
        start=line.period_start.isoformat() if line.period_start else None,
        end=line.period_end.isoformat() if line.period_end else None,
        resource_uuid=line.resource_uuid,
        details=line.params,
    )
