"""Looking, buying and talking over HTTP: one typed line per method."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from services.api.types import (
    Account,
    AnswerPart,
    AutoNames,
    Cart,
    Category,
    ConfigureResource,
    FunnelEvent,
    FunnelStep,
    Offering,
    OfferingPage,
    OfferingQuery,
    Order,
    OrderSummary,
    PaymentOptions,
    PayOrder,
    Placed,
    QuickCheckout,
    QuoteRequested,
    Register,
    RequestQuote,
    Resource,
    SavedMethod,
    Session,
    SignIn,
    SortOrder,
    Transcript,
)
from services.remote.transport import Transport, segment

_OFFERINGS, _RESOURCES = "/api/marketplace-public-offerings", "/api/marketplace-resources"
_ORDERS, _CARTS = "/api/marketplace-orders", "/api/carts/"
_ORDERINGS = {
    SortOrder.RECOMMENDED: "-popularity",
    SortOrder.PRICE_LOW: "price",
    SortOrder.RATING: "-rating",
    SortOrder.NAME: "name",
    SortOrder.NEWEST: "-created",
}


class RemoteShop(Transport):
    """Catalogue, identity, carts, checkout, agents, chat and funnel."""

    # ---- catalogue

    async def list_offerings(self, query: OfferingQuery) -> OfferingPage:
        return await self.get(OfferingPage, f"{_OFFERINGS}/", **_parameters(query))

    async def list_categories(self) -> tuple[Category, ...]:
        return await self.get(tuple[Category, ...], "/api/marketplace-categories/")

    async def get_offering(self, uuid: str) -> Offering:
        return await self.get(Offering, f"{_OFFERINGS}/{segment(uuid)}/")

    # ---- identity

    async def register(self, request: Register) -> Session:
        return await self.post(Session, "/api/users/", request)

    async def sign_in(self, request: SignIn) -> Session:
        return await self.post(
            Session, "/api-auth/password/", {"username": request.email, "password": request.password}
        )

    async def sign_out(self) -> None:
        await self.send("POST", "/api-auth/logout/")

    async def get_account(self) -> Account:
        return await self.get(Account, "/api/users/me/")

    async def suggest_names(self, typed: str) -> AutoNames:
        return await self.post(AutoNames, "/api/users/suggest-names/", {"typed": typed})

    # ---- cart

    async def get_cart(self) -> Cart:
        return await self.get(Cart, _CARTS)

    async def save_cart(self, cart: Cart) -> Cart:
        return await self.post(Cart, _CARTS, cart)

    async def clear_cart(self) -> None:
        await self.send("DELETE", _CARTS)

    # ---- checkout

    async def summarize(self, request: QuickCheckout) -> OrderSummary:
        return await self.post(OrderSummary, "/api/marketplace/summarize/", request)

    async def get_payment_options(self) -> PaymentOptions:
        return await self.get(PaymentOptions, "/api/payment-methods/")

    async def save_card(self, token: str) -> SavedMethod:
        return await self.post(SavedMethod, "/api/payment-methods/", {"payment_token": token})

    async def quick_checkout(self, request: QuickCheckout, *, key: str) -> Placed:
        return await self.pay(Placed, "/api/marketplace/quick-checkout/", request, key)

    async def confirm_order(self, uuid: str, *, approve: bool) -> Placed:
        return await self.pay(Placed, f"{_ORDERS}/{segment(uuid)}/confirm/", {"approve": approve}, "")

    async def refresh_order(self, uuid: str) -> Placed:
        return await self.post(Placed, f"{_ORDERS}/{segment(uuid)}/refresh/")

    async def cancel_order(self, uuid: str) -> Order:
        return await self.pay(Order, f"{_ORDERS}/{segment(uuid)}/cancel/", None, "")

    async def pay_order(self, uuid: str, request: PayOrder, *, key: str) -> Placed:
        return await self.pay(Placed, f"{_ORDERS}/{segment(uuid)}/pay/", request, key)

    async def get_order(self, uuid: str) -> Order:
        return await self.get(Order, f"{_ORDERS}/{segment(uuid)}/")

    async def list_orders(self) -> tuple[Order, ...]:
        return await self.get(tuple[Order, ...], f"{_ORDERS}/")

    async def request_quote(self, request: RequestQuote) -> QuoteRequested:
        return await self.post(QuoteRequested, "/api/quotes/", request)

    # ---- agents

    async def list_resources(self) -> tuple[Resource, ...]:
        return await self.get(tuple[Resource, ...], f"{_RESOURCES}/")

    async def get_resource(self, uuid: str) -> Resource:
        return await self.get(Resource, f"{_RESOURCES}/{segment(uuid)}/")

    async def configure_resource(self, uuid: str, request: ConfigureResource) -> Resource:
        return await self.post(Resource, f"{_RESOURCES}/{segment(uuid)}/configure/", request)

    async def retry_deployment(self, uuid: str) -> Resource:
        return await self.post(Resource, f"{_RESOURCES}/{segment(uuid)}/retry/")

    async def refund_failed(self, uuid: str) -> Order:
        return await self.post(Order, f"{_RESOURCES}/{segment(uuid)}/refund/")

    # ---- chat

    async def get_transcript(self, resource_uuid: str) -> Transcript:
        return await self.get(Transcript, f"{_RESOURCES}/{segment(resource_uuid)}/transcript/")

    def ask(self, resource_uuid: str, text: str, *, key: str) -> AsyncIterator[AnswerPart]:
        return self.stream(f"{_RESOURCES}/{segment(resource_uuid)}/chat/", text, key)

    async def get_sample_transcript(self, offering_uuid: str) -> Transcript:
        return await self.get(Transcript, f"{_OFFERINGS}/{segment(offering_uuid)}/sample-chat/transcript/")

    def ask_sample(self, offering_uuid: str, text: str, *, key: str) -> AsyncIterator[AnswerPart]:
        return self.stream(f"{_OFFERINGS}/{segment(offering_uuid)}/sample-chat/", text, key)

    # ---- funnel

    async def record(self, step: FunnelStep, offering_uuid: str) -> None:
        await self.send("POST", "/api/funnel-events/", {"step": step, "offering_uuid": offering_uuid})

    async def list_funnel(self) -> tuple[FunnelEvent, ...]:
        return await self.get(tuple[FunnelEvent, ...], "/api/funnel-events/")


def _parameters(query: OfferingQuery) -> dict[str, Any]:  # Any: httpx's own type for a parameter
    prices = {"price_min": query.price_min, "price_max": query.price_max}
    amounts = {name: amount.decimal() for name, amount in prices.items() if amount is not None}
    currency = {amount.currency for amount in prices.values() if amount is not None}
    texts = {
        "keyword": query.text.encode("utf-8", "replace").decode(),
        "category": query.category,
        "type": query.kind,
        "billing_model": query.billing_model,
        "tag": query.tag,
        "customer": query.vendor,
        "currency": "".join(currency),
    }
    return {
        **{name: text for name, text in texts.items() if text},
        **amounts,
        "o": _ORDERINGS[query.order],
        "page": str(query.page),
        "page_size": str(query.page_size),
    }
