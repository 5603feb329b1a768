"""PayPal behind the Protocol of `payments`: which call answers which question. Orders are in `paypal_orders`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import httpx

from services.api.clock import Clock
from services.api.money import Money
from services.api.types import PaymentMethod, TestCard
from services.gateways import paypal_shapes as shapes
from services.gateways.payments import (
    ACTION_REQUIRED,
    AUTHORIZED,
    CANCELED,
    FAILED,
    PROCESSING,
    REFUNDED,
    CardFacts,
    Charge,
    ChargeRequest,
    Customer,
    DisputeFacts,
    EventPage,
    Finding,
    Lookup,
    ProviderEvent,
    ProviderRefused,
    ProviderUnreachable,
)
from services.gateways.paypal_check import check
from services.gateways.paypal_client import PayPalClient, expect, under
from services.gateways.paypal_events import is_twin, list_events, read_dispute, verify_event
from services.gateways.paypal_json import text
from services.gateways.paypal_orders import CAPTURES, HOLDS, TOKENS, Asked, PayPalOrders

DISPUTES = "/v1/customer/disputes"

T = TypeVar("T")


class PayPalPayments:
    """Implements `Payments`. `base_url` is api-m.paypal.com, its sandbox, or a test provider's address with "/paypal".

    `default_return_url` is where a page leads to when a request says nothing. `transport` stands in for the network.
    """

    def __init__(
        self,
        *,
        client_id: str,
        secret: str,
        base_url: str,
        page_hosts: tuple[str, ...],
        clock: Clock,
        is_test_mode: bool,
        default_return_url: str,
        webhook_id: str = "",
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = PayPalClient(
            client_id=client_id, secret=secret, base_url=base_url, clock=clock, pause=pause, transport=transport
        )
        # without a webhook PayPal keeps no events for us; a test provider always does
        keeps_events = bool(webhook_id) or is_twin(base_url)
        self._orders = PayPalOrders(
            self._client, clock, default_return_url=default_return_url, keeps_events=keeps_events
        )
        self._clock = clock
        self._webhook_id = webhook_id
        self._page_hosts = page_hosts
        self._is_test_mode = is_test_mode

    def __repr__(self) -> str:
        return f"PayPalPayments({self._client.base_url!r})"

    @property
    def name(self) -> str:
        return "paypal"

    @property
    def is_test_mode(self) -> bool:
        return self._is_test_mode

    @property
    def methods(self) -> tuple[PaymentMethod, ...]:
        return (PaymentMethod.PAYPAL,)

    @property
    def test_cards(self) -> tuple[TestCard, ...]:
        return ()

    @property
    def page_hosts(self) -> tuple[str, ...]:
        return self._page_hosts

    @property
    def has_customers(self) -> bool:
        return False

    def describe(self, token: str) -> CardFacts | None:
        return None

    async def provide_customer(self, customer: Customer) -> str:
        return ""

    async def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        return await self._orders.charge(request, key)

    async def find(self, lookup: Lookup) -> Charge | None:
        """Carries out what the buyer has agreed to. A page that `cancel` gave up is looked for without `takes` only: an
        agreement that comes after would be carried out."""
        return await readable(self._orders.find(lookup))

    async def confirm(self, charge_id: str, *, approve: bool) -> Charge:
        raise ProviderRefused("request_invalid")

    async def cancel(self, charge_id: str, *, key: str) -> Charge:
        """PayPal has no call to close a page: it is forgotten, and runs out by itself after three hours. Nothing is
        taken for it unless it is looked for with `takes`. What is agreed to already is carried out, and the answer says
        so."""
        return await readable(self._cancel(charge_id))

    async def _cancel(self, charge_id: str) -> Charge:
        kind, provider_id = shapes.split(charge_id)
        if kind == shapes.HOLD:
            return await self._orders.find_hold(provider_id, Asked())
        charge = await self._orders.find(Lookup("", charge_id))
        return Charge(charge_id, CANCELED, Money.zero()) if charge is None else given_up(charge)

    async def _void(self, hold_id: str, key: str) -> Charge:
        path = under(HOLDS, hold_id, "void")
        answer = await self._client.post(path, {}, request_id=f"{shapes.request_id(key)}:void")
        refusals = ("AUTHORIZATION_ALREADY_CAPTURED", "AUTHORIZATION_VOIDED", "AUTHORIZATION_EXPIRED")
        known = (*refusals, "PREVIOUSLY_CAPTURED", "PREVIOUSLY_VOIDED", "CANNOT_BE_VOIDED", *shapes.REUSED)
        if not answer.is_well and not answer.is_missing and answer.issue not in known:
            raise ProviderUnreachable
        return await self._orders.find_hold(hold_id, Asked())

    async def capture(self, charge_id: str, *, key: str) -> Charge:
        return await readable(self._capture(charge_id, key))

    async def _capture(self, charge_id: str, key: str) -> Charge:
        kind, hold_id = shapes.split(charge_id)
        if kind != shapes.HOLD:
            return await self._orders.find(Lookup("", charge_id)) or Asked(key).refused("not_found")
        own_key = f"{shapes.request_id(key)}:take"
        answer = await self._client.post(under(HOLDS, hold_id, "capture"), {"final_capture": True}, request_id=own_key)
        if not answer.is_well and answer.issue in shapes.DECLINES:
            return Asked(key).refused(answer.issue, charge_id=charge_id)
        charge = await self._orders.find_hold(hold_id, Asked())
        if charge.state == CANCELED:
            return replace(charge, state=FAILED, decline_code=answer.issue)
        if charge.state == AUTHORIZED:  # neither taken nor gone
            raise ProviderUnreachable
        return charge

    async def refund(self, charge_id: str, amount: Money, *, key: str, reason: str = "") -> Charge:
        """Failed: PayPal will not, and `decline_code` says why."""
        return await readable(self._refund(charge_id, amount, key, reason))

    async def _refund(self, charge_id: str, amount: Money, key: str, reason: str) -> Charge:
        kind, capture_id = shapes.split(charge_id)
        if kind != shapes.CAPTURE:
            let_go = await self._cancel(charge_id)
            if let_go.state == AUTHORIZED:
                let_go = await self._void(shapes.split(let_go.id)[1], key)
            if let_go.state == CANCELED:
                return replace(let_go, state=REFUNDED)
            kind, capture_id = shapes.split(let_go.id)
            if kind != shapes.CAPTURE:
                raise ProviderUnreachable
        body = shapes.refund_body(amount, key, reason)
        path = under(CAPTURES, capture_id, "refund")
        answer = await self._client.post(path, body, request_id=f"{shapes.request_id(key)}:refund")
        if not answer.is_well and answer.issue in ("REFUND_FAILED_INSUFFICIENT_FUNDS", "PENDING_CAPTURE"):
            raise ProviderUnreachable  # not now, but later it will
        charge = await self._orders.find_capture(capture_id, Asked())
        if charge is None:
            return Asked(key).refused("request_invalid", charge_id=charge_id)
        # long after, the Request-Id is forgotten, and what it did stands in the way of doing it again
        status = text(answer.body, "status") if answer.is_well else await self._orders.find_refund(capture_id, key)
        if status in ("", "FAILED", "CANCELLED"):
            return replace(charge, state=FAILED, decline_code=shapes.refusal_code(answer.issue))
        return replace(charge, state=PROCESSING) if status == "PENDING" else charge

    async def forget(self, token: str) -> None:
        answer = await readable(self._client.call("DELETE", under(TOKENS, token)))
        if not answer.is_missing:
            expect(answer)

    async def list_events(self, cursor: str, *, since: datetime) -> EventPage:
        return await readable(list_events(self._client, cursor, since=since, now=self._clock.now()))

    async def verify_event(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderEvent:
        return await readable(verify_event(self._client, headers, body, webhook_id=self._webhook_id, now=now))

    async def get_dispute(self, dispute_id: str) -> DisputeFacts | None:
        answer = await readable(self._client.get(under(DISPUTES, dispute_id)))
        return None if answer.is_missing else read_dispute(expect(answer))

    async def check(self, *, now: datetime) -> tuple[Finding, ...]:
        return await check(self._client, webhook_id=self._webhook_id, now=now)

    def close(self) -> None:
        """No connection is kept between two calls, so nothing is open."""


def given_up(charge: Charge) -> Charge:
    """A page that nobody has agreed to is over for us."""
    is_open = charge.state == ACTION_REQUIRED
    return replace(charge, state=CANCELED, action_url="", expires_at=None) if is_open else charge


async def readable(work: Awaitable[T]) -> T:
    """A key that is no longer good says nothing about a charge: as good as no answer, until there is a better one."""
    try:
        return await work
    except ProviderRefused:
        pass
    raise ProviderUnreachable
