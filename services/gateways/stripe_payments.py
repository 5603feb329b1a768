"""Stripe behind the Protocol of `payments`: hosted Checkout, saved methods, holds, refunds, events, disputes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.api.clock import Clock
from services.api.money import Money
from services.api.types import PaymentMethod, TestCard
from services.gateways import stripe_events, stripe_shapes
from services.gateways.payments import (
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
)
from services.gateways.stripe_charges import StripeCharges
from services.gateways.stripe_check import check
from services.gateways.stripe_client import ITSELF, LIST_MAX, LiveKeyRefused, NotThere, StripeClients, kind_of
from services.gateways.stripe_shapes import Doc
from services.gateways.stripe_web import Line

PAGE_HOST = "checkout.stripe.com"
TEST_CARDS = (
    TestCard("pm_card_visa", "Visa", "4242", "pays"),
    TestCard("pm_card_mastercard", "Mastercard", "4444", "pays"),
    TestCard("pm_card_chargeDeclined", "Visa", "0002", "declined"),
    TestCard("pm_card_chargeDeclinedInsufficientFunds", "Visa", "9995", "insufficient_funds"),
    TestCard("pm_card_authenticationRequired", "Visa", "3184", "needs_confirmation"),
)
_EXPIRY = (12, 2034)
_GONE = frozenset({"request_invalid", "method_unavailable"})  # how Stripe says that a method is on no file


class StripePayments:
    """Implements `Payments`. `api_base` "" is Stripe itself, else a test provider on this machine. LiveKeyRefused for a
    full secret key of a live account unless `allow_secret_key`: a restricted key can do all that is needed here.
    `webhook_secret`: several, with commas, while they are changed. `line` is for tests."""

    def __init__(
        self,
        *,
        key: str,
        clock: Clock,
        api_base: str = "",
        page_hosts: tuple[str, ...] = (PAGE_HOST,),
        webhook_secret: str = "",
        allow_secret_key: bool = False,
        default_return_url: str = "",
        line: Line = ITSELF,
    ) -> None:
        self._kind, self._is_live = kind_of(key)
        if self._is_live and self._kind == "secret" and not allow_secret_key:
            raise LiveKeyRefused("a full secret key of a live account")
        self._clients = StripeClients(key, api_base, line)
        back = default_return_url or (f"{api_base}/c/done/" if api_base else f"https://{PAGE_HOST}/")
        self._charges = StripeCharges(self._clients, clock, back)
        self._page_hosts = page_hosts
        self._secrets = tuple(secret.strip() for secret in webhook_secret.split(",") if secret.strip())

    def __repr__(self) -> str:
        return f"StripePayments({self._kind}, {'live' if self._is_live else 'test'})"

    @property
    def name(self) -> str:
        return "stripe"

    @property
    def is_test_mode(self) -> bool:
        return not self._is_live

    @property
    def methods(self) -> tuple[PaymentMethod, ...]:
        return (PaymentMethod.CARD, PaymentMethod.BANK)

    @property
    def test_cards(self) -> tuple[TestCard, ...]:
        return () if self._is_live else TEST_CARDS

    @property
    def page_hosts(self) -> tuple[str, ...]:
        return self._page_hosts

    @property
    def has_customers(self) -> bool:
        return True

    def describe(self, token: str) -> CardFacts | None:
        card = next((card for card in self.test_cards if card.token == token), None)
        return None if card is None else CardFacts(card.brand, card.last4, *_EXPIRY)

    async def provide_customer(self, customer: Customer) -> str:
        params: Doc = {"metadata": {"souk_organization": customer.organization_uuid}}
        params |= {name: value for name, value in (("name", customer.name), ("email", customer.email)) if value}
        # Another name is another question, which Stripe would not take under the key of the first.
        words = hashlib.sha256(f"{customer.name}\n{customer.email}".encode()).hexdigest()[:16]
        options = {"idempotency_key": f"customer:{customer.organization_uuid}:{words}"}
        made = await self._clients.ask(lambda v1: v1.customers.create_async(params, options))
        return str(made["id"])

    # ---- one payment

    async def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        return await self._charges.charge(request, key)

    async def find(self, lookup: Lookup) -> Charge | None:
        return await self._charges.find(lookup)

    async def confirm(self, charge_id: str, *, approve: bool) -> Charge:
        raise ProviderRefused("method_unavailable")

    async def cancel(self, charge_id: str, *, key: str) -> Charge:
        return await self._charges.cancel(charge_id, key)

    async def capture(self, charge_id: str, *, key: str) -> Charge:
        return await self._charges.capture(charge_id, key)

    async def refund(self, charge_id: str, amount: Money, *, key: str, reason: str = "") -> Charge:
        return await self._charges.refund(charge_id, amount, key, reason)

    async def forget(self, token: str) -> None:
        try:
            await self._clients.ask(lambda v1: v1.payment_methods.detach_async(token))
        except ProviderRefused as refused:
            if refused.code not in _GONE:
                raise

    # ---- what it tells

    async def list_events(self, cursor: str, *, since: datetime) -> EventPage:
        types: Doc = {"types": list(stripe_events.TYPES)}
        if cursor:
            params = types | {"ending_before": cursor, "limit": LIST_MAX}
            try:
                newer = await self._clients.ask(lambda v1: v1.events.list_async(params))
            except NotThere:  # it is older than the thirty days Stripe keeps them
                cursor = ""
            else:
                return stripe_events.page_of(newer["data"], cursor)
        listed = await self._clients.all_of(_events, types | {"created": {"gte": int(since.timestamp())}})
        return stripe_events.page_of(listed, cursor)

    async def verify_event(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderEvent:
        return stripe_events.verify(headers, body, self._secrets, now, is_live=self._is_live)

    async def get_dispute(self, dispute_id: str) -> DisputeFacts | None:
        try:
            found = await self._clients.ask(lambda v1: v1.disputes.retrieve_async(dispute_id))
        except NotThere:
            return None
        return stripe_shapes.of_dispute(found)

    async def check(self, *, now: datetime) -> tuple[Finding, ...]:
        return await check(
            self._clients, kind=self._kind, is_live=self._is_live, has_secret=bool(self._secrets), now=now
        )

    def close(self) -> None:
        self._clients.close()


async def _events(v1: Any, params: Doc) -> Any:  # Any: the client's services, and its list
    return await v1.events.list_async(params)
