"""What support does about money: transfers that came in, invoices found, refunds, disputes."""

from __future__ import annotations

from dataclasses import dataclass

from litestar.params import JSONBody

from services.api.types import (
    Dispute,
    FoundInvoices,
    InvoiceSearch,
    ReceiveTransfer,
    Refunded,
    RefundPreview,
    RefundRequest,
    TransferDue,
    TransferReceived,
)
from services.http.call import Call
from services.http.listing import reply_all
from services.http.reply import Reply
from services.http.routes import reads, writes

TAG = "support"


@dataclass(frozen=True, slots=True)
class Refund:
    """`preview_hash` is that of the preview; what would do something else by then is refused (sum_moved)."""

    request: RefundRequest
    preview_hash: str


def _same_due(_base: str, value: TransferDue) -> TransferDue:
    return value


def _same_received(_base: str, value: TransferReceived) -> TransferReceived:
    return value


def _same_dispute(_base: str, value: Dispute) -> Dispute:
    return value


@reads("/api/support/transfers/", TAG)
async def list_transfers(request: Call) -> Reply[list[TransferDue]]:
    """What is to be paid by bank transfer and is not, the most overdue first. Staff see all; in test mode everybody
    sees their own, elsewhere 404."""
    return reply_all(request, await request.service.list_transfers(), _same_due)


@writes("/api/support/transfers/receive/", TAG, 201)
async def receive_transfer(request: Call, data: JSONBody[ReceiveTransfer]) -> Reply[TransferReceived]:
    """Marks money as received, once for each `bank_reference`. Amounts are as for top-ups."""
    return request.reply_same(await request.service.receive_transfer(data, key=request.key), 201)


@reads("/api/support/transfers/received/", TAG)
async def list_received(request: Call) -> Reply[list[TransferReceived]]:
    """What was marked, by whom and why, newest first."""
    return reply_all(request, await request.service.list_received(), _same_received)


@writes("/api/support/invoices/find/", TAG)
async def find_invoices(request: Call, data: JSONBody[InvoiceSearch]) -> Reply[FoundInvoices]:
    """Invoices by an e-mail address or a number from its beginning, or by words of an organization's name. In the body,
    because addresses in a URL end up in logs."""
    return request.reply_same(await request.service.find_invoices(data))


@writes("/api/support/refunds/preview/", TAG)
async def preview_refund(request: Call, data: JSONBody[RefundRequest]) -> Reply[RefundPreview]:
    """What a refund of a paid invoice would do, as ledger lines; nothing is written."""
    return request.reply_same(await request.service.preview_refund(data))


@writes("/api/support/refunds/", TAG, 201)
async def refund_invoice(request: Call, data: JSONBody[Refund]) -> Reply[Refunded]:
    """Does what the preview said, or refuses with sum_moved."""
    done = await request.service.refund_invoice(data.request, data.preview_hash, key=request.key)
    return request.reply_same(done, 201)


@reads("/api/support/disputes/", TAG)
async def list_disputes(request: Call) -> Reply[list[Dispute]]:
    """Payments that the buyers' banks dispute, open ones first."""
    return reply_all(request, await request.service.list_disputes(), _same_dispute)


HANDLERS = [
    list_transfers,
    receive_transfer,
    list_received,
    find_invoices,
    preview_refund,
    refund_invoice,
    list_disputes,
]
