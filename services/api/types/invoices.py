"""Invoices, credit notes and receipts, who they are made out to, and the payments that belong to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.api.money import Money, Rate
from services.api.types.buying import Transfer
from services.api.types.wallet import Params


class InvoiceKind(StrEnum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    RECEIPT = "receipt"  # of a top-up


class InvoiceState(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


@dataclass(frozen=True, slots=True)
class BillingDetails:
    """Who the invoice is made out to; all empty is allowed and means the organization's name alone."""

    name: str = ""
    address: tuple[str, ...] = ()
    country: str = ""  # ISO 3166 alpha-2
    vat_id: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """`kind`: fee | usage | tier | discount | credit | proration_credit | proration_charge | trial | minimum | top_up |
    late_usage. Lines with a `parent_uuid` explain their parent and are not added up again; `quantity` is decimal text.
    """

    uuid: str
    parent_uuid: str
    kind: str
    amount: Money
    params: Params = field(default_factory=dict)
    quantity: str = "1"
    unit_price: Rate | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    subscription_uuid: str = ""
    resource_uuid: str = ""


@dataclass(frozen=True, slots=True)
class TaxLine:
    """`rate` is percent as decimal text. `note`: "" | reverse_charge | not_computed | none."""

    name: str
    rate: str
    taxable: Money
    amount: Money
    note: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One planned or made try to collect an open invoice (dunning)."""

    at: datetime
    state: str  # planned | failed | succeeded | action_required
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class Invoice:
    """Amounts: subtotal (lines) - discount - credit_applied = taxable; + tax = total. `due` is what is still to pay.
    A credit note has negative amounts and names the invoice it corrects."""

    uuid: str
    number: str  # empty while draft
    kind: InvoiceKind
    state: InvoiceState
    organization_uuid: str
    organization_name: str
    details: BillingDetails
    lines: tuple[InvoiceLine, ...]
    tax_lines: tuple[TaxLine, ...]
    subtotal: Money
    discount: Money
    credit_applied: Money
    tax: Money
    total: Money
    paid: Money
    credited: Money  # by credit notes
    due: Money
    period_start: datetime | None
    period_end: datetime | None
    created_at: datetime
    issued_at: datetime | None
    due_at: datetime | None
    paid_at: datetime | None
    paid_with: str = ""  # "Visa •••• 4242", "wallet", ""
    subscription_uuid: str = ""
    order_uuid: str = ""
    corrects_uuid: str = ""
    corrects_number: str = ""
    replaced_by_uuid: str = ""
    attempts: tuple[Attempt, ...] = ()
    expected_at: datetime | None = None  # of an upcoming invoice: when it will be made
    transfer: Transfer | None = None  # how it can be paid by transfer while something is due
    is_being_paid: bool = False  # the bank has not answered yet; paying again is refused until it has


@dataclass(frozen=True, slots=True)
class InvoiceQuery:
    """`everywhere`: of all organizations the caller answers for, which staff do for all; NotFound for other buyers."""

    organization_uuid: str = ""
    state: InvoiceState | None = None
    kind: InvoiceKind | None = None
    text: str = ""  # in number, names and line texts
    page: int = 1
    page_size: int = 50
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class InvoicePage:
    items: tuple[Invoice, ...]  # newest first
    total: int


@dataclass(frozen=True, slots=True)
class Corrected:
    """Billing details changed after the fact: the old invoice credited in full, and its replacement."""

    credit_note: Invoice
    invoice: Invoice


class DocumentFormat(StrEnum):
    PDF = "pdf"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Document:
    """A file to keep. `data` is the whole content."""

    name: str
    media_type: str
    data: bytes = field(repr=False)
