"""From cart to paid order: carts, quick checkout, orders, payment methods, quotes, the funnel."""

from __future__ import annotations

from dataclasses import dataclass, field

from litestar.params import FromPath, JSONBody

from services.api.types import (
    Cart,
    FunnelEvent,
    FunnelStep,
    OrderSummary,
    PaymentOptions,
    QuickCheckout,
    QuoteRequested,
    RequestQuote,
    SavedMethod,
)
from services.http import shapes_bought as shapes
from services.http.call import Call
from services.http.listing import reply_all
from services.http.placed import AnyPlacedShape, reply_placed
from services.http.replay import once
from services.http.reply import Reply
from services.http.routes import reads, removes, writes

TAG = "buying"
_ORDERINGS = {
    "created": lambda order: order.created_at,
    "state": lambda order: order.state.value,
    "cost": lambda order: order.total.micros,
}


@dataclass(frozen=True, slots=True)
class Confirmation:
    approve: bool


@dataclass(frozen=True, slots=True)
class CardToken:
    payment_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReachedStep:
    step: FunnelStep
    offering_uuid: str = ""


# ---- cart


@reads("/api/carts/", TAG)
async def get_cart(request: Call) -> Reply[Cart]:
    """The cart of the account, or of the guest known by `Cart-Token`; empty when there is none."""
    return request.reply_same(await request.service.get_cart())


@writes("/api/carts/", TAG)
@once
async def save_cart(request: Call, data: JSONBody[Cart]) -> Reply[Cart]:
    """Replaces the cart. A guest without `Cart-Token` gets one in the answer's header of that name."""
    return request.reply_same(await request.service_for_guest.save_cart(data))


@removes("/api/carts/", TAG)
async def clear_cart(request: Call) -> Reply[None]:
    """Empties the cart."""
    await request.service.clear_cart()
    return request.reply_nothing()


# ---- checkout


@writes("/api/marketplace/summarize/", TAG)
async def summarize(request: Call, data: JSONBody[QuickCheckout]) -> Reply[OrderSummary]:
    """The arithmetic of an order, without placing it."""
    return request.reply_same(await request.service.summarize(data))


@writes("/api/marketplace/quick-checkout/", TAG, 201)
async def quick_checkout(request: Call, data: JSONBody[QuickCheckout]) -> Reply[AnyPlacedShape]:
    """Buys in one call. 202 with `action` when there is a page to go to first, 202 with `state: processing` while a
    debit or a transfer is awaited. Prices come from the catalogue only."""
    placed = await request.service.quick_checkout(data, key=request.key)
    return reply_placed(request, placed, 201)


@reads("/api/payment-methods/", TAG)
async def get_payment_options(request: Call) -> Reply[PaymentOptions]:
    """What works now, saved cards and, in test mode, the test cards."""
    return request.reply_same(await request.service.get_payment_options())


@writes("/api/payment-methods/", TAG, 201)
@once
async def save_card(request: Call, data: JSONBody[CardToken]) -> Reply[SavedMethod]:
    """Keeps a card, known by the provider's token, for later."""
    return request.reply_same(await request.service.save_card(data.payment_token), 201)


# ---- orders


@reads("/api/marketplace-orders/", TAG)
async def list_orders(request: Call) -> Reply[list[shapes.OrderShape]]:
    """The account's orders, newest first. Filter: state. o = created, state, cost."""
    orders = await request.service.list_orders()
    if states := request.query_params.getall("state", []):
        orders = tuple(order for order in orders if order.state in states)
    return reply_all(request, orders, shapes.order, _ORDERINGS)


@reads("/api/marketplace-orders/{uuid:str}/", TAG)
async def get_order(request: Call, uuid: FromPath[str]) -> Reply[shapes.OrderShape]:
    """One order."""
    return request.reply(await request.service.get_order(uuid), shapes.order)


@writes("/api/marketplace-orders/{uuid:str}/confirm/", TAG, 201)
@once
async def confirm_order(request: Call, uuid: FromPath[str], data: JSONBody[Confirmation]) -> Reply[AnyPlacedShape]:
    """The buyer's answer to the test provider's question; the answer is that of quick-checkout."""
    return reply_placed(request, await request.service.confirm_order(uuid, approve=data.approve), 201)


@writes("/api/quotes/", TAG, 201)
@once
async def request_quote(request: Call, data: JSONBody[RequestQuote]) -> Reply[QuoteRequested]:
    """Asks sales for a price."""
    return request.reply_same(await request.service.request_quote(data), 201)


# ---- funnel


@writes("/api/funnel-events/", TAG, 204)
async def record(request: Call, data: JSONBody[ReachedStep]) -> Reply[None]:
    """Notes that this buyer reached a step."""
    await request.service_for_guest.record(data.step, data.offering_uuid)
    return request.reply_nothing()


@reads("/api/funnel-events/", TAG)
async def list_funnel(request: Call) -> Reply[list[FunnelEvent]]:
    """This buyer's steps, oldest first."""
    return reply_all(request, await request.service.list_funnel(), _same)


def _same(_base: str, value: FunnelEvent) -> FunnelEvent:
    return value


HANDLERS = [
    get_cart,
    save_cart,
    clear_cart,
    summarize,
    quick_checkout,
    get_payment_options,
    save_card,
    list_orders,
    get_order,
    confirm_order,
    request_quote,
    record,
    list_funnel,
]
