"""Orders and payments that are not finished, and ways to pay that are kept."""

from __future__ import annotations

from litestar.params import FromPath, JSONBody

from services.api.types import AddedMethod, AddMethod, Paid, PaymentState, PayOrder, SavedMethod
from services.http import shapes_bought
from services.http.call import Call
from services.http.listing import reply_all
from services.http.placed import AnyPlacedShape, reply_placed
from services.http.replay import once
from services.http.reply import Reply
from services.http.routes import reads, removes, writes
from services.http.wallets import organization_of, reply_paid

TAG = "paying"


# ---- orders


@writes("/api/marketplace-orders/{uuid:str}/refresh/", TAG)
async def refresh_order(request: Call, uuid: FromPath[str]) -> Reply[AnyPlacedShape]:
    """Asks the provider now, each time. 202 while the page is open or the money under way, 200 when it is paid, 402
    when it came to nothing."""
    return reply_placed(request, await request.service.refresh_order(uuid), 200)


@writes("/api/marketplace-orders/{uuid:str}/cancel/", TAG)
@once
async def cancel_order(request: Call, uuid: FromPath[str]) -> Reply[shapes_bought.OrderShape]:
    """Gives up an order that is not paid, or takes back a paid one until its `undo_until`."""
    return request.reply(await request.service.cancel_order(uuid), shapes_bought.order)


@writes("/api/marketplace-orders/{uuid:str}/pay/", TAG, 201)
async def pay_order(request: Call, uuid: FromPath[str], data: JSONBody[PayOrder]) -> Reply[AnyPlacedShape]:
    """Goes on with an order that is not paid: its page again, or another way to pay. The answer is that of
    quick-checkout; there is one charge, whatever was open before."""
    return reply_placed(request, await request.service.pay_order(uuid, data, key=request.key), 201)


# ---- payments of credit, plan changes and invoices


@writes("/api/payments/{uuid:str}/refresh/", TAG)
async def refresh_payment(request: Call, uuid: FromPath[str]) -> Reply[Paid]:
    """Asks the provider now what became of a payment, each time. 202 while it waits or is under way."""
    return reply_paid(request, await request.service.refresh_payment(uuid), 200)


@writes("/api/payments/{uuid:str}/cancel/", TAG)
@once
async def cancel_payment(request: Call, uuid: FromPath[str]) -> Reply[Paid]:
    """Gives up a payment that waits for the buyer. Paid in the same instant: `state` says so."""
    return reply_paid(request, await request.service.cancel_payment(uuid), 200)


# ---- ways to pay that are kept


def _same(_base: str, value: SavedMethod) -> SavedMethod:
    return value


def _reply_added(call: Call, added: AddedMethod, status: int) -> Reply[AddedMethod]:
    """202 while the page is open."""
    return call.reply_same(added, 202 if added.state is PaymentState.ACTION_REQUIRED else status)


@reads("/api/saved-payment-methods/", TAG)
async def list_payment_methods(request: Call) -> Reply[list[SavedMethod]]:
    """Cards, bank accounts and PayPal accounts on file, the default one first: of `organization_uuid=`, else of the
    caller's first."""
    return reply_all(request, await request.service.list_payment_methods(organization_of(request)), _same)


@writes("/api/saved-payment-methods/", TAG, 202)
async def add_payment_method(request: Call, data: JSONBody[AddMethod]) -> Reply[AddedMethod]:
    """Opens the provider's page for a new one: 202 with `uuid` and `action`. No card number ever comes here."""
    return _reply_added(request, await request.service.add_payment_method(data, key=request.key), 201)


@reads("/api/saved-payment-methods/setups/{uuid:str}/", TAG)
async def get_added_method(request: Call, uuid: FromPath[str]) -> Reply[AddedMethod]:
    """What became of such a page, asked of the provider: 202 while it is open, then `state` and the `method`."""
    return _reply_added(request, await request.service.refresh_added_method(uuid), 200)


@writes("/api/saved-payment-methods/setups/{uuid:str}/refresh/", TAG)
async def refresh_added_method(request: Call, uuid: FromPath[str]) -> Reply[AddedMethod]:
    """The same by POST, as for orders and payments."""
    return _reply_added(request, await request.service.refresh_added_method(uuid), 200)


@writes("/api/saved-payment-methods/setups/{uuid:str}/cancel/", TAG)
@once
async def cancel_added_method(request: Call, uuid: FromPath[str]) -> Reply[AddedMethod]:
    """Closes the page."""
    return _reply_added(request, await request.service.cancel_added_method(uuid), 200)


@writes("/api/saved-payment-methods/{token:str}/set_default/", TAG)
@once
async def set_default_method(request: Call, token: FromPath[str]) -> Reply[list[SavedMethod]]:
    """It is charged when nothing else is said. Answers with all that are on file."""
    return reply_all(request, await request.service.set_default_method(token), _same)


@removes("/api/saved-payment-methods/{token:str}/", TAG, 200)
async def remove_payment_method(request: Call, token: FromPath[str]) -> Reply[list[SavedMethod]]:
    """Forgets it, here and at the provider. Answers with those that are left."""
    return reply_all(request, await request.service.remove_payment_method(token), _same)


HANDLERS = [
    refresh_order,
    cancel_order,
    pay_order,
    refresh_payment,
    cancel_payment,
    list_payment_methods,
    add_payment_method,
    get_added_method,
    refresh_added_method,
    cancel_added_method,
    set_default_method,
    remove_payment_method,
]
