"""Subscriptions, invoices, prices, quotes and time over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from litestar.params import FromPath, JSONBody

from services.api.errors import InvalidInput
from services.api.types import (
    BillingDetails,
    Changed,
    ChangePreview,
    ChangeRequest,
    Corrected,
    Document,
    DocumentFormat,
    Explanation,
    Happening,
    Invoice,
    InvoiceKind,
    InvoicePage,
    InvoiceQuery,
    InvoiceState,
    MoveTime,
    Paid,
    PaymentMethod,
    Placed,
    PlanComparison,
    Quote,
    QuoteTerms,
    Subscription,
    Timeline,
    TimeMoved,
)
from services.http import shapes_invoices
from services.http.call import Call
from services.http.documents import reply_document
from services.http.listing import list_headers, page_of, reply_all, reply_rows
from services.http.placed import AnyPlacedShape, reply_placed
from services.http.replay import once
from services.http.reply import Reply
from services.http.routes import reads, writes
from services.http.wallets import Nothing, organization_of, reply_paid

Choice = TypeVar("Choice", InvoiceState, InvoiceKind)

SUBSCRIPTIONS, INVOICES, QUOTES, TIME = "subscriptions", "invoices", "quotes", "time"


@dataclass(frozen=True, slots=True)
class Commit:
    """`preview_hash` is that of the preview; another sum by then is refused (sum_moved)."""

    request: ChangeRequest
    preview_hash: str


@dataclass(frozen=True, slots=True)
class NewDetails:
    details: BillingDetails
    organization_uuid: str = ""


@dataclass(frozen=True, slots=True)
class HowToPay:
    """No token: the default way to pay; `page` opens a page of that kind instead."""

    payment_token: str = field(default="", repr=False)
    page: PaymentMethod | None = None
    return_url: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    point_uuid: str


def _number(call: Call, name: str, default: int) -> int:
    text = str(call.query_params.get(name, default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidInput(fields={name: "out_of_range"})
    return int(text)


def _same(_base: str, value: Subscription) -> Subscription:
    return value


def _same_quote(_base: str, value: Quote) -> Quote:
    return value


def _same_happening(_base: str, value: Happening) -> Happening:
    return value


# ---- subscriptions


@reads("/api/subscriptions/", SUBSCRIPTIONS)
async def list_subscriptions(request: Call) -> Reply[list[Subscription]]:
    """What repeats, newest first; those that ended come last."""
    return reply_all(request, await request.service.list_subscriptions(), _same)


@reads("/api/subscriptions/{uuid:str}/", SUBSCRIPTIONS)
async def get_subscription(request: Call, uuid: FromPath[str]) -> Reply[Subscription]:
    """One of them, with what it costs next and when."""
    return request.reply_same(await request.service.get_subscription(uuid))


@writes("/api/subscriptions/preview-change/", SUBSCRIPTIONS)
async def preview_change(request: Call, data: JSONBody[ChangeRequest]) -> Reply[ChangePreview]:
    """What a change would do, line by line; nothing is written."""
    return request.reply_same(await request.service.preview_change(data))


@writes("/api/subscriptions/commit-change/", SUBSCRIPTIONS, 201)
async def commit_change(request: Call, data: JSONBody[Commit]) -> Reply[Changed]:
    """Does what the preview said, or refuses with sum_moved. 202 when a payment must be confirmed first."""
    done = await request.service.commit_change(data.request, data.preview_hash, key=request.key)
    waits = done.payment is not None and done.payment.action is not None
    return request.reply_same(done, 202 if waits else 201)


@reads("/api/subscriptions/{uuid:str}/compare-plans/", SUBSCRIPTIONS)
async def compare_plans(request: Call, uuid: FromPath[str]) -> Reply[PlanComparison]:
    """The real calls of the last `days=` (30 or 90) through every plan."""
    return request.reply_same(await request.service.compare_plans(uuid, _number(request, "days", 30)))


# ---- invoices


@reads("/api/invoices/", INVOICES)
async def list_invoices(request: Call) -> Reply[list[shapes_invoices.InvoiceShape]]:
    """Invoices, credit notes and receipts, newest first. Filters: state, kind, text, organization_uuid."""
    page = page_of(request)
    found = await request.service.list_invoices(
        InvoiceQuery(
            organization_of(request),
            _choice(request, "state", InvoiceState),
            _choice(request, "kind", InvoiceKind),
            str(request.query_params.get("text", "")),
            page.number,
            page.size,
        )
    )
    rows = [shapes_invoices.invoice(request.base, one) for one in found.items]
    return reply_rows(request, rows, list_headers(request, page, found.total))


def _choice(call: Call, name: str, kind: type[Choice]) -> Choice | None:
    text = call.query_params.get(name)
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        raise InvalidInput(fields={name: "unknown"}) from None


@writes("/api/invoices/query/", INVOICES)
async def find_invoices(request: Call, data: JSONBody[InvoiceQuery]) -> Reply[InvoicePage]:
    """The same as exact values, by a query in the body."""
    return request.reply_same(await request.service.list_invoices(data))


@reads("/api/invoices/upcoming/", INVOICES)
async def list_upcoming(request: Call) -> Reply[list[shapes_invoices.InvoiceShape]]:
    """The next invoice of each subscription as it stands now, soonest first."""
    return reply_all(request, await request.service.list_upcoming(organization_of(request)), shapes_invoices.invoice)


@reads("/api/invoices/{uuid:str}/", INVOICES)
async def get_invoice(request: Call, uuid: FromPath[str]) -> Reply[shapes_invoices.InvoiceShape]:
    """One of them."""
    found: Invoice = await request.service.get_invoice(uuid)
    return request.reply(found, shapes_invoices.invoice)


@reads("/api/invoices/{uuid:str}/{document_format:str}/", INVOICES)
async def export_invoice(request: Call, uuid: FromPath[str], document_format: FromPath[str]) -> Reply[Document]:
    """As a file: pdf, json or csv."""
    try:
        wanted = DocumentFormat(document_format)
    except ValueError:
        raise InvalidInput(fields={"format": "unknown"}) from None
    return reply_document(request, await request.service.export_invoice(uuid, wanted))


@writes("/api/invoices/{uuid:str}/pay/", INVOICES, 201)
async def pay_invoice(request: Call, uuid: FromPath[str], data: JSONBody[HowToPay]) -> Reply[Paid]:
    """Pays an open invoice; restores what was suspended. 202 with `action` when there is a page to go to first."""
    paid = await request.service.pay_invoice(
        uuid, data.payment_token, key=request.key, page=data.page, return_url=data.return_url
    )
    return reply_paid(request, paid)


@writes("/api/invoices/{uuid:str}/correct/", INVOICES, 201)
async def correct_invoice(request: Call, uuid: FromPath[str], data: JSONBody[BillingDetails]) -> Reply[Corrected]:
    """Other billing details after the fact: a credit note and a new invoice, linked."""
    return request.reply_same(await request.service.correct_invoice(uuid, data, key=request.key), 201)


@reads("/api/billing-details/", INVOICES)
async def get_billing_details(request: Call) -> Reply[BillingDetails]:
    """What the next invoices will be made out to."""
    return request.reply_same(await request.service.get_billing_details(organization_of(request)))


@writes("/api/billing-details/", INVOICES)
@once
async def set_billing_details(request: Call, data: JSONBody[NewDetails]) -> Reply[BillingDetails]:
    """Name, address, country, VAT id (checked to the digit) and e-mail of the next invoices."""
    return request.reply_same(await request.service.set_billing_details(data.details, data.organization_uuid))


@reads("/api/explain/", INVOICES)
async def explain(request: Call) -> Reply[Explanation]:
    """Where an amount comes from: `ref=`, with one page of its parts (`offset=`, `limit=`)."""
    offset, limit = _number(request, "offset", 0), _number(request, "limit", 200)
    ref = str(request.query_params.get("ref", ""))
    return request.reply_same(await request.service.explain(ref, offset=offset, limit=limit))


# ---- quotes


@reads("/api/quotes/", QUOTES)
async def list_quotes(request: Call) -> Reply[list[Quote]]:
    """The caller's quotes, newest first; staff see all."""
    return reply_all(request, await request.service.list_quotes(), _same_quote)


@writes("/api/quotes/{uuid:str}/offer/", QUOTES)
@once
async def offer_quote(request: Call, uuid: FromPath[str], data: JSONBody[QuoteTerms]) -> Reply[Quote]:
    """Sales sets price and terms: staff, or anybody concerned in test mode."""
    return request.reply_same(await request.service.offer_quote(uuid, data))


@writes("/api/quotes/{uuid:str}/accept/", QUOTES, 201)
async def accept_quote(request: Call, uuid: FromPath[str], data: JSONBody[Nothing]) -> Reply[AnyPlacedShape]:
    """Makes the order, deploys, and sends the invoice."""
    del data
    placed: Placed = await request.service.accept_quote(uuid, key=request.key)
    return reply_placed(request, placed, 201)


@writes("/api/quotes/{uuid:str}/decline/", QUOTES)
@once
async def decline_quote(request: Call, uuid: FromPath[str], data: JSONBody[Nothing]) -> Reply[Quote]:
    """No, thank you."""
    del data
    return request.reply_same(await request.service.decline_quote(uuid))


# ---- time


@reads("/api/events/", TIME)
async def list_happenings(request: Call) -> Reply[list[Happening]]:
    """What time and people did, newest first."""
    limit = _number(request, "limit", 100)
    found = await request.service.list_happenings(organization_of(request), limit=limit)
    return reply_all(request, found, _same_happening)


@reads("/api/timeline/", TIME)
async def get_timeline(request: Call) -> Reply[Timeline]:
    """The workspace's time, simulated or not."""
    return request.reply_same(await request.service.get_timeline())


@writes("/api/timeline/move/", TIME)
@once
async def move_time(request: Call, data: JSONBody[MoveTime]) -> Reply[TimeMoved]:
    """Moves a test-mode workspace forward, doing all that falls due on the way."""
    return request.reply_same(await request.service.move_time(data))


@writes("/api/timeline/return/", TIME)
@once
async def return_to(request: Call, data: JSONBody[Point]) -> Reply[Timeline]:
    """Puts the workspace back to a snapshot."""
    return request.reply_same(await request.service.return_to(data.point_uuid))


HANDLERS = [
    list_subscriptions,
    get_subscription,
    preview_change,
    commit_change,
    compare_plans,
    list_invoices,
    find_invoices,
    list_upcoming,
    get_invoice,
    export_invoice,
    pay_invoice,
    correct_invoice,
    get_billing_details,
    set_billing_details,
    explain,
    list_quotes,
    offer_quote,
    accept_quote,
    decline_quote,
    list_happenings,
    get_timeline,
    move_time,
    return_to,
]
