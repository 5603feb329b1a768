"""The service at the other end of HTTP: one typed line per method. Errors arrive as the classes they were raised as."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from services import wire
from services.api.contract import Actor
from services.api.errors import InvalidInput, Offline, PaymentUnknown, ServiceError
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
    Placed,
    QuickCheckout,
    QuoteRequested,
    Register,
    RequestQuote,
    Resource,
    SavedCard,
    Session,
    SignIn,
    SortOrder,
    Transcript,
)

T = TypeVar("T")

TIMEOUT = httpx.Timeout(connect=5, read=30, write=15, pool=5)
CHAT_TIMEOUT = httpx.Timeout(connect=5, read=120, write=15, pool=5)  # a model may think before its first word
LIMITS = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=30)

_OFFERINGS, _RESOURCES = "/api/marketplace-public-offerings", "/api/marketplace-resources"
_ORDERS, _CARTS = "/api/marketplace-orders", "/api/carts/"
_ORDERINGS = {
    SortOrder.RECOMMENDED: "-popularity",
    SortOrder.PRICE_LOW: "price",
    SortOrder.RATING: "-rating",
    SortOrder.NAME: "name",
    SortOrder.NEWEST: "-created",
}
# Raised before anything was sent, so nothing can have happened at the other end.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)


class RemoteService:
    """A Service for one actor, over one shared HTTP client."""

    def __init__(self, client: httpx.AsyncClient, actor: Actor | None = None) -> None:
        self._client = client
        self._actor = actor or Actor()

    @property
    def actor(self) -> Actor:
        return self._actor

    def for_actor(self, actor: Actor) -> RemoteService:
        return RemoteService(self._client, actor)

    async def close(self) -> None:
        """Closes the connections, also those of services made by `for_actor`."""
        await self._client.aclose()

    # ---- catalogue

    async def list_offerings(self, query: OfferingQuery) -> OfferingPage:
        return await self._get(OfferingPage, f"{_OFFERINGS}/", **_parameters(query))

    async def list_categories(self) -> tuple[Category, ...]:
        return await self._get(tuple[Category, ...], "/api/marketplace-categories/")

    async def get_offering(self, uuid: str) -> Offering:
        return await self._get(Offering, f"{_OFFERINGS}/{_segment(uuid)}/")

    # ---- identity

    async def register(self, request: Register) -> Session:
        return await self._post(Session, "/api/users/", request)

    async def sign_in(self, request: SignIn) -> Session:
        return await self._post(
            Session, "/api-auth/password/", {"username": request.email, "password": request.password}
        )

    async def sign_out(self) -> None:
        await self._send("POST", "/api-auth/logout/")

    async def get_account(self) -> Account:
        return await self._get(Account, "/api/users/me/")

    async def suggest_names(self, typed: str) -> AutoNames:
        return await self._post(AutoNames, "/api/users/suggest-names/", {"typed": typed})

    # ---- cart

    async def get_cart(self) -> Cart:
        return await self._get(Cart, _CARTS)

    async def save_cart(self, cart: Cart) -> Cart:
        return await self._post(Cart, _CARTS, cart)

    async def clear_cart(self) -> None:
        await self._send("DELETE", _CARTS)

    # ---- checkout

    async def summarize(self, request: QuickCheckout) -> OrderSummary:
        return await self._post(OrderSummary, "/api/marketplace/summarize/", request)

    async def get_payment_options(self) -> PaymentOptions:
        return await self._get(PaymentOptions, "/api/payment-methods/")

    async def save_card(self, token: str) -> SavedCard:
        return await self._post(SavedCard, "/api/payment-methods/", {"payment_token": token})

    async def quick_checkout(self, request: QuickCheckout, *, key: str) -> Placed:
        return await self._pay("/api/marketplace/quick-checkout/", request, key)

    async def confirm_order(self, uuid: str, *, approve: bool) -> Placed:
        return await self._pay(f"{_ORDERS}/{_segment(uuid)}/confirm/", {"approve": approve}, "")

    async def get_order(self, uuid: str) -> Order:
        return await self._get(Order, f"{_ORDERS}/{_segment(uuid)}/")

    async def list_orders(self) -> tuple[Order, ...]:
        return await self._get(tuple[Order, ...], f"{_ORDERS}/")

    async def request_quote(self, request: RequestQuote) -> QuoteRequested:
        return await self._post(QuoteRequested, "/api/quotes/", request)

    # ---- agents

    async def list_resources(self) -> tuple[Resource, ...]:
        return await self._get(tuple[Resource, ...], f"{_RESOURCES}/")

    async def get_resource(self, uuid: str) -> Resource:
        return await self._get(Resource, f"{_RESOURCES}/{_segment(uuid)}/")

    async def configure_resource(self, uuid: str, request: ConfigureResource) -> Resource:
        return await self._post(Resource, f"{_RESOURCES}/{_segment(uuid)}/configure/", request)

    async def retry_deployment(self, uuid: str) -> Resource:
        return await self._post(Resource, f"{_RESOURCES}/{_segment(uuid)}/retry/")

    async def refund_failed(self, uuid: str) -> Order:
        return await self._post(Order, f"{_RESOURCES}/{_segment(uuid)}/refund/")

    # ---- chat

    async def get_transcript(self, resource_uuid: str) -> Transcript:
        return await self._get(Transcript, f"{_RESOURCES}/{_segment(resource_uuid)}/transcript/")

    def ask(self, resource_uuid: str, text: str, *, key: str) -> AsyncIterator[AnswerPart]:
        return self._stream(f"{_RESOURCES}/{_segment(resource_uuid)}/chat/", text, key)

    async def get_sample_transcript(self, offering_uuid: str) -> Transcript:
        return await self._get(Transcript, f"{_OFFERINGS}/{_segment(offering_uuid)}/sample-chat/transcript/")

    def ask_sample(self, offering_uuid: str, text: str, *, key: str) -> AsyncIterator[AnswerPart]:
        return self._stream(f"{_OFFERINGS}/{_segment(offering_uuid)}/sample-chat/", text, key)

    # ---- funnel

    async def record(self, step: FunnelStep, offering_uuid: str) -> None:
        await self._send("POST", "/api/funnel-events/", {"step": step, "offering_uuid": offering_uuid})

    async def list_funnel(self) -> tuple[FunnelEvent, ...]:
        return await self._get(tuple[FunnelEvent, ...], "/api/funnel-events/")

    # ---- how

    async def _get(self, kind: type[T], path: str, **parameters: str) -> T:
        return _read(await self._send("GET", path, parameters=parameters), kind)

    async def _post(self, kind: type[T], path: str, body: object = None) -> T:
        return _read(await self._send("POST", path, body), kind)

    async def _pay(self, path: str, body: object, key: str) -> Placed:
        """A call that may move money: when its answer is lost, nobody may say that nothing happened."""
        try:
            return _read(await self._send("POST", path, body, key=key), Placed)
        except Offline as error:
            was_lost_on_the_way = error.__cause__ is not None and not isinstance(error.__cause__, _NOT_SENT)
            if was_lost_on_the_way or "status" in error.params:  # the latter: some proxy answered in Souk's place
                raise PaymentUnknown from error
            raise

    async def _send(
        self, method: str, path: str, body: object = None, *, key: str = "", parameters: dict[str, str] | None = None
    ) -> bytes:
        content = None if body is None else _encoded(body)
        headers = self._headers(wire.NATIVE_TYPE, key)
        try:
            answer = await self._client.request(method, path, content=content, headers=headers, params=parameters)
        except httpx.RequestError as error:
            raise Offline from error
        if answer.is_success:
            return answer.content
        raise wire.error_from(answer.status_code, answer.content)

    def _headers(self, accept: str, key: str) -> dict[str, str]:
        headers = {"Accept": accept, "Content-Type": "application/json"}
        if self._actor.device:
            headers["Cart-Token"] = self._actor.device
        if self._actor.session:
            headers["Authorization"] = f"Token {self._actor.session}"
        if key:
            headers["Idempotency-Key"] = key
        return headers

    async def _stream(self, path: str, text: str, key: str) -> AsyncIterator[AnswerPart]:
        """The parts of an answer. Offline when the stream ends before its last part."""
        headers, is_whole = self._headers(f"text/event-stream, {wire.NATIVE_TYPE}", key), False
        content = _encoded({"text": text})
        try:
            async with self._client.stream(
                "POST", path, content=content, headers=headers, timeout=CHAT_TIMEOUT
            ) as answer:
                if not answer.is_success:
                    raise wire.error_from(answer.status_code, await answer.aread())
                async for part in _parts(_lines(answer.aiter_bytes())):
                    is_whole = is_whole or part.message is not None
                    yield part
        except httpx.RequestError as error:
            raise Offline from error
        if not is_whole:
            raise Offline


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines ended by \\n only: httpx's own splitter also breaks at U+2028 and others, which JSON may hold."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r")


async def _parts(lines: AsyncIterator[bytes]) -> AsyncIterator[AnswerPart]:
    event = b""
    async for line in lines:
        name, _, value = line.partition(b":")
        if name == b"event":
            event = value.strip()
        elif name == b"data" and event == b"error":
            raise wire.error_from(500, value)
        elif name == b"data":
            yield _read(value, AnswerPart)
        elif not line:
            event = b""


def _read(data: bytes, kind: type[T]) -> T:
    try:
        return wire.decode(data, kind)
    except wire.WireError as error:
        raise ServiceError(reason="not_a_souk_answer") from error


def _encoded(body: object) -> bytes:
    try:
        return wire.encode(body)
    except UnicodeEncodeError:  # half of a surrogate pair, as a broken clipboard gives
        raise InvalidInput(fields={wire.BODY: "unexpected"}) from None


def _segment(text: str) -> str:
    """One piece of a path, whatever was typed; never empty, never a step up."""
    return quote(text, safe="", errors="replace") if text.strip(".") else f"-{text}"


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


def connect(url: str, actor: Actor | None = None) -> RemoteService:
    """A service at `url`. Nothing is sent before the first call."""
    has_certificate = not url.startswith("http://")  # reading the certificate store takes 50 ms; plain HTTP has no use
    client = httpx.AsyncClient(
        base_url=url, timeout=TIMEOUT, limits=LIMITS, follow_redirects=False, verify=has_certificate
    )
    return RemoteService(client, actor)
