"""Credit over HTTP: the wallet, its movements and rules, payments that wait for the buyer, limits on spending."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from litestar.params import FromPath, JSONBody

from services.api.money import Money
from services.api.types import (
    Cap,
    Caps,
    Document,
    Movement,
    MovementPage,
    MovementQuery,
    Paid,
    PaymentState,
    Rehearsal,
    SetAutoTopUp,
    SetCap,
    TopUp,
    TopUpQuote,
    Wallet,
)
from services.http.call import Call
from services.http.documents import reply_document
from services.http.listing import list_headers, page_of, reply_rows
from services.http.replay import once
from services.http.reply import Reply
from services.http.routes import reads, removes, writes

TAG = "wallet"
_NOT_YET = (PaymentState.ACTION_REQUIRED, PaymentState.PROCESSING)


@dataclass(frozen=True, slots=True)
class Answer:
    approve: bool


@dataclass(frozen=True, slots=True)
class Threshold:
    """None turns the alert off."""

    threshold: Money | None = None
    organization_uuid: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    organization_uuid: str = ""


@dataclass(frozen=True, slots=True)
class Nothing:
    """An empty body."""


@dataclass(frozen=True, slots=True)
class HigherLimit:
    limit: Money
    until: datetime


def organization_of(call: Call) -> str:
    """The organization asked about; "" for the caller's first."""
    return str(call.query_params.get("organization_uuid", ""))


def reply_paid(call: Call, paid: Paid, status: int = 201) -> Reply[Paid]:
    """202 while the buyer must do something first, or the money is under way."""
    return call.reply_same(paid, 202 if paid.state in _NOT_YET else status)


@reads("/api/wallets/", TAG)
async def get_wallet(request: Call) -> Reply[Wallet]:
    """The credit of one organization: `organization_uuid=`, else the caller's first."""
    return request.reply_same(await request.service.get_wallet(organization_of(request)))


@reads("/api/wallet-movements/", TAG)
async def list_movements(request: Call) -> Reply[list[Movement]]:
    """What moved the balance, newest first. Filters: text, organization_uuid."""
    page = page_of(request)
    query = MovementQuery(
        organization_of(request), str(request.query_params.get("text", "")), page=page.number, page_size=page.size
    )
    found = await request.service.list_movements(query)
    return reply_rows(request, found.items, list_headers(request, page, found.total))


@writes("/api/wallets/movements/", TAG)
async def find_movements(request: Call, data: JSONBody[MovementQuery]) -> Reply[MovementPage]:
    """The same with every filter: text, kind, start, end."""
    return request.reply_same(await request.service.list_movements(data))


@writes("/api/wallets/movements/export/", TAG)
async def export_movements(request: Call, data: JSONBody[MovementQuery]) -> Reply[Document]:
    """The statement of the wallet as CSV."""
    return reply_document(request, await request.service.export_movements(data))


@writes("/api/wallets/quote-top-up/", TAG)
async def quote_top_up(request: Call, data: JSONBody[TopUp]) -> Reply[TopUpQuote]:
    """What a top-up will charge, tax included. Amounts are {"micros": 20000000, "currency": "USD"} or "20.00"."""
    return request.reply_same(await request.service.quote_top_up(data))


@writes("/api/wallets/top-up/", TAG, 201)
async def top_up(request: Call, data: JSONBody[TopUp]) -> Reply[Paid]:
    """Buys credit, usable by the very next call. Without `payment_token` a page is opened for `payment_method`: 202
    with `action`, as when the buyer must confirm."""
    return reply_paid(request, await request.service.top_up(data, key=request.key))


@writes("/api/payments/{uuid:str}/confirm/", TAG, 201)
@once
async def confirm_payment(request: Call, uuid: FromPath[str], data: JSONBody[Answer]) -> Reply[Paid]:
    """The buyer's answer to the test provider's question about a top-up, a plan change or an invoice."""
    return reply_paid(request, await request.service.confirm_payment(uuid, approve=data.approve))


@writes("/api/wallets/rehearse-auto-top-up/", TAG)
async def rehearse_auto_top_up(request: Call, data: JSONBody[SetAutoTopUp]) -> Reply[Rehearsal]:
    """What these settings would have done over the last 90 days; changes nothing."""
    return request.reply_same(await request.service.rehearse_auto_top_up(data))


@writes("/api/wallets/auto-top-up/", TAG)
@once
async def set_auto_top_up(request: Call, data: JSONBody[SetAutoTopUp]) -> Reply[Wallet]:
    """Threshold, target and a monthly limit that is never exceeded; off by default."""
    return request.reply_same(await request.service.set_auto_top_up(data))


@writes("/api/wallets/low-balance-alert/", TAG)
@once
async def set_low_balance_alert(request: Call, data: JSONBody[Threshold]) -> Reply[Wallet]:
    """Warns once below a threshold; null turns it off."""
    return request.reply_same(await request.service.set_low_balance_alert(data.threshold, data.organization_uuid))


@writes("/api/wallets/redeem/", TAG, 201)
async def redeem_code(request: Call, data: JSONBody[Code]) -> Reply[Wallet]:
    """Gift and promotional codes."""
    wallet = await request.service.redeem_code(data.code, key=request.key, organization_uuid=data.organization_uuid)
    return request.reply_same(wallet, 201)


@writes("/api/credits/{uuid:str}/refund/", TAG, 201)
async def refund_credit(request: Call, uuid: FromPath[str], data: JSONBody[Nothing]) -> Reply[Paid]:
    """What is left of a paid credit goes back to its card, with its tax."""
    del data
    return reply_paid(request, await request.service.refund_credit(uuid, key=request.key))


# ---- limits


@reads("/api/caps/", TAG)
async def list_caps(request: Call) -> Reply[Caps]:
    """Every hard limit with what is left, and what one may be set on."""
    return request.reply_same(await request.service.list_caps(organization_of(request)))


@writes("/api/caps/", TAG, 201)
@once
async def set_cap(request: Call, data: JSONBody[SetCap]) -> Reply[Cap]:
    """A hard limit on an organization, a project or an agent's key, by day, month or for ever."""
    return request.reply_same(await request.service.set_cap(data), 201)


@writes("/api/caps/{uuid:str}/raise/", TAG)
@once
async def raise_cap(request: Call, uuid: FromPath[str], data: JSONBody[HigherLimit]) -> Reply[Cap]:
    """A higher limit until an instant."""
    return request.reply_same(await request.service.raise_cap(uuid, data.limit, data.until))


@removes("/api/caps/{uuid:str}/", TAG)
async def remove_cap(request: Call, uuid: FromPath[str]) -> Reply[None]:
    """Takes a limit away."""
    await request.service.remove_cap(uuid)
    return request.reply_nothing()


HANDLERS = [
    get_wallet,
    list_movements,
    find_movements,
    export_movements,
    quote_top_up,
    top_up,
    confirm_payment,
    rehearse_auto_top_up,
    set_auto_top_up,
    set_low_balance_alert,
    redeem_code,
    refund_credit,
    list_caps,
    set_cap,
    raise_cap,
    remove_cap,
]
