"""Ways to pay that are kept, and what support does with money: transfers received, refunds, disputes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.api.money import Money
from services.api.types.buying import Action, PaymentMethod, PaymentState, SavedMethod
from services.api.types.invoices import Invoice


@dataclass(frozen=True, slots=True)
class AddMethod:
    """Opens a hosted page where a card, a bank account or a PayPal account is given, to be charged later."""

    payment_method: PaymentMethod = PaymentMethod.CARD
    return_url: str = ""
    organization_uuid: str = ""
    is_default: bool = False  # it becomes the one that is charged when nothing else is said


@dataclass(frozen=True, slots=True)
class AddedMethod:
    """`state`: action_required while the page is open (`action`), succeeded with the `method`, canceled when it was
    given up or expired, failed when the provider refused it."""

    uuid: str
    state: PaymentState
    action: Action | None = None
    method: SavedMethod | None = None
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceSearch:
    """What somebody on the telephone can tell: an e-mail address or an invoice number, whole or its beginning, or words
    of an organization's name. At least 2 characters, at most 254."""

    text: str
    page: int = 1
    page_size: int = 50


@dataclass(frozen=True, slots=True)
class FoundInvoice:
    """`member_email`: of the member whose address begins with the text, else of the organization's first member."""

    invoice: Invoice
    member_email: str


@dataclass(frozen=True, slots=True)
class FoundInvoices:
    """`total` is exact up to 1,000; above that `is_capped` is true, and what is older is not shown."""

    items: tuple[FoundInvoice, ...]  # newest first
    total: int
    is_capped: bool = False


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One entry of a transfer: `amount` above 0 is a credit, as in the ledger. `sub`: which provider or grant."""

    account: str
    amount: Money
    sub: str = ""


class RefundReason(StrEnum):
    REQUESTED = "requested_by_customer"
    DUPLICATE = "duplicate"
    FRAUDULENT = "fraudulent"
    NOT_DELIVERED = "not_delivered"


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Support gives money of a paid invoice back. `amount` None: all that is left. `ends_access` is a choice of its
    own: the subscription of the invoice ends at once, or goes on."""

    invoice_uuid: str
    amount: Money | None = None
    reason: RefundReason = RefundReason.REQUESTED
    note: str = ""
    ends_access: bool = False


@dataclass(frozen=True, slots=True)
class RefundPreview:
    """What a refund would do. `goes_to`: "Visa •••• 4242", "wallet", "transfer". `ends`: names of the agents that would
    stop. `hash` goes into the commit."""

    invoice_uuid: str
    invoice_number: str
    refundable: Money
    amount: Money
    tax: Money  # the part of `amount` that is tax
    goes_to: str
    lines: tuple[LedgerLine, ...]
    ends: tuple[str, ...]
    hash: str


@dataclass(frozen=True, slots=True)
class Refunded:
    """`state`: succeeded when the provider has taken it on, sent while it has not been heard."""

    payment_uuid: str
    state: PaymentState
    amount: Money
    credit_note_uuid: str
    credit_note_number: str
    ended: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TransferDue:
    """Something that is paid by bank transfer: an order that waits for the money, or an open invoice. `uuid` is the
    order's or the invoice's; `received` is what has come in so far, `surplus` what came in beyond it."""

    uuid: str
    subject: str  # order | invoice
    reference: str
    organization_name: str
    buyer_email: str
    title: str
    amount: Money  # in all
    received: Money
    due_at: datetime
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class ReceiveTransfer:
    """Support says that money arrived. `reference` is the one of the `TransferDue`, `bank_reference` the bank's own, so
    that one arrival is marked once; `received_on` the day of the statement. More than is due becomes credit."""

    reference: str
    amount: Money
    bank_reference: str
    received_on: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class TransferReceived:
    """What became of it. `left`: still to be paid; `surplus`: credited to the wallet."""

    reference: str
    amount: Money
    left: Money
    surplus: Money
    received_by: str  # e-mail of who marked it
    received_at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Dispute:
    """A payment that the buyer's bank disputes. `state`: open | won | lost. `frozen`: credit that cannot be spent
    meanwhile."""

    uuid: str
    provider: str
    state: str
    reason: str
    amount: Money
    frozen: Money
    organization_uuid: str
    organization_name: str
    buyer_email: str
    invoice_uuid: str
    invoice_number: str
    opened_at: datetime
    answer_by: datetime | None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """What arrived at our address from a provider. Header names are in lower case."""

    provider: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
