"""Payments at Stripe from their beginning to their end: charged, paid on a page, found again, captured, given back.

Our key is the idempotency key and, with our reference, in the metadata of everything that is made here, so that lists
and events lead back to our row also when Stripe has forgotten the key, which it does after a day.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from services.api.clock import Clock
from services.api.money import Money
from services.gateways import stripe_pages, stripe_shapes
from services.gateways.payments import (
    ACTION_REQUIRED,
    AUTHENTICATION_REQUIRED,
    AUTHORIZED,
    CANCELED,
    EXPIRED,
    FAILED,
    REFUNDED,
    Charge,
    ChargeRequest,
    KeyMismatch,
    Lookup,
    ProviderRefused,
)
from services.gateways.stripe_client import Declined, NotThere, StripeClients
from services.gateways.stripe_pages import EXPAND
from services.gateways.stripe_shapes import KEY, Doc

EXPAND_SESSION = ["payment_intent.payment_method", "payment_intent.latest_charge", "setup_intent.payment_method"]
SKEW = timedelta(minutes=5)  # between our clock and Stripe's
SKEW_AT_MOST = timedelta(days=1)  # where little has to be looked through, so that no wrong clock hides a payment
KEY_AGE_LEFT = timedelta(hours=1)  # before a page ends: from then on Stripe may have forgotten the key it came under
PAGE_SHORTEST = timedelta(minutes=30)
_REASONS = frozenset({"duplicate", "fraudulent", "requested_by_customer"})
_OF_THE_KEY = frozenset({"key_invalid", "account_restricted"})  # what no state of a payment explains

List = Callable[[Any, Doc], Awaitable[Any]]  # Any: the services of the client, and its lists


class StripeCharges:
    """The part of `Payments` that is about one payment. `back`: where pages lead when nothing else is said."""

    def __init__(self, clients: StripeClients, clock: Clock, back: str) -> None:
        self._clients = clients
        self._clock = clock
        self._back = back

    # ---- paying

    async def charge(self, request: ChargeRequest, key: str) -> Charge:
        """See Payments.charge."""
        if self._may_be_forgotten(request):
            known = await self.find(Lookup(key, "", request, _sent_at(request)))
            if known is not None:
                return known
        if not request.token:
            return await self._open_page(request, key, key)
        try:
            return await self._charge_saved(request, key)
        except Declined as declined:
            return await self._declined(request, key, declined)

    def _may_be_forgotten(self, request: ChargeRequest) -> bool:
        return request.page_until is not None and self._clock.now() >= request.page_until - KEY_AGE_LEFT

    async def _charge_saved(self, request: ChargeRequest, key: str) -> Charge:
        options = {"idempotency_key": key}
        if request.amount.is_zero:
            params = stripe_pages.setup_params(request, key)
            made = await self._clients.ask(lambda v1: v1.setup_intents.create_async(params, options))
            charge = stripe_shapes.of_setup(made, request.amount)
        else:
            params = stripe_pages.charge_params(request, key)
            made = await self._clients.ask(lambda v1: v1.payment_intents.create_async(params, options))
            charge = stripe_shapes.of_intent(made)
        if made["status"] == "requires_action":  # on a page of its own, which nobody would see
            raise Declined(AUTHENTICATION_REQUIRED, made)
        return charge

    async def _declined(self, request: ChargeRequest, key: str, declined: Declined) -> Charge:
        intent_id = str(declined.intent.get("id", ""))
        if declined.code == AUTHENTICATION_REQUIRED:
            if (after_all := await self._drop(intent_id, key)) is not None:
                return after_all
            if request.is_attended:
                return await self._open_page(request, f"{key}:page", key)
        return Charge(intent_id, FAILED, request.amount, declined.code, key=key, reference=request.reference)

    async def _drop(self, intent_id: str, key: str) -> Charge | None:
        """What asks for a confirmation nobody can give is given up, so that it is never charged beside a page. What
        became of it when it cannot be."""
        if not intent_id.startswith("pi_"):
            return None
        options = {"idempotency_key": f"{key}:drop"}
        try:
            await self._clients.ask(lambda v1: v1.payment_intents.cancel_async(intent_id, {}, options))
        except ProviderRefused as refused:
            if refused.code in _OF_THE_KEY:
                raise
            found = stripe_shapes.of_intent(await self._intent(intent_id))
            return None if found.state == CANCELED else found
        return None

    async def _open_page(self, request: ChargeRequest, key: str, our_key: str) -> Charge:
        until = request.page_until
        if until is not None and until < self._clock.now() + PAGE_SHORTEST and self._may_be_forgotten(request):
            return Charge("", CANCELED, request.amount, EXPIRED, key=our_key, reference=request.reference)
        params = stripe_pages.page_params(request, our_key, self._back)
        options = {"idempotency_key": key}
        made = await self._clients.ask(lambda v1: v1.checkout.sessions.create_async(params, options))
        return stripe_shapes.of_session(made)

    # ---- what became of it

    async def find(self, lookup: Lookup) -> Charge | None:
        """See Payments.find."""
        request = lookup.request
        if lookup.charge_id:
            return await self._read(lookup.charge_id, request.amount if request else Money.zero())
        return await self._search(lookup)

    async def _read(self, charge_id: str, amount: Money) -> Charge | None:
        """`amount`: of a method that is only kept, where Stripe keeps none."""
        try:
            if charge_id.startswith("cs_"):
                return stripe_shapes.of_session(await self._session(charge_id))
            if charge_id.startswith("seti_"):
                return stripe_shapes.of_setup(await self._setup(charge_id), Money.zero(amount.currency))
            return stripe_shapes.of_intent(await self._intent(charge_id))
        except NotThere:
            return None

    async def _session(self, session_id: str) -> Doc:
        params = {"expand": EXPAND_SESSION}
        return await self._clients.ask(lambda v1: v1.checkout.sessions.retrieve_async(session_id, params))

    async def _intent(self, intent_id: str) -> Doc:
        params = {"expand": EXPAND}
        return await self._clients.ask(lambda v1: v1.payment_intents.retrieve_async(intent_id, params))

    async def _setup(self, intent_id: str) -> Doc:
        params = {"expand": ["payment_method"]}
        return await self._clients.ask(lambda v1: v1.setup_intents.retrieve_async(intent_id, params))

    async def _search(self, lookup: Lookup) -> Charge | None:
        """By our key, among what was made for the customer since; Stripe's own search comes minutes late. A page comes
        first: a payment that asked for one lies beside it, given up."""
        request = lookup.request
        customer = request.customer if request is not None else ""
        since = (lookup.sent_at or self._clock.now()) - (SKEW_AT_MOST if customer else SKEW)
        params: Doc = {"created": {"gte": int(since.timestamp())}}
        if customer:
            params["customer"] = customer
        lists: list[List] = [_sessions]
        if request is None or not request.amount.is_zero:
            lists.append(_intents)
        if request is None or request.amount.is_zero:
            lists.append(_setups)
        for one in lists:
            if found := await self._under(one, params, lookup.key):
                return await self._read(found["id"], request.amount if request else Money.zero())
        return None

    async def _under(self, list_some: List, params: Doc, key: str) -> Doc | None:
        listed = await self._clients.all_of(list_some, params)
        return next((one for one in listed if (one.get("metadata") or {}).get(KEY) == key), None)

    # ---- afterwards

    async def cancel(self, charge_id: str, key: str) -> Charge:
        """See Payments.cancel. Of a payment without a page Stripe would let go what is held: it is looked at first."""
        if charge_id.startswith("pi_"):
            found = await self._read(charge_id, Money.zero())
            if found is not None and found.state == AUTHORIZED:
                return found
        try:
            await self._end(charge_id, key)
        except ProviderRefused:  # over already, paid meanwhile, or not to be had: it says itself
            found = await self._read(charge_id, Money.zero())
            if found is not None and found.state == ACTION_REQUIRED:
                raise
        else:
            found = await self._read(charge_id, Money.zero())
        return found or Charge(charge_id, CANCELED, Money.zero())

    async def _end(self, charge_id: str, key: str) -> None:
        options = {"idempotency_key": key}
        if charge_id.startswith("cs_"):
            await self._clients.ask(lambda v1: v1.checkout.sessions.expire_async(charge_id, {}, options))
        elif charge_id.startswith("pi_"):
            await self._clients.ask(lambda v1: v1.payment_intents.cancel_async(charge_id, {}, options))

    async def _let_go(self, intent_id: str, key: str) -> Doc:
        """What has become of a hold that was to be let go. ProviderRefused while it is held still."""
        try:
            await self._end(intent_id, key)
        except ProviderRefused:
            if (await self._intent(intent_id))["status"] == "requires_capture":
                raise
        return await self._intent(intent_id)

    async def capture(self, charge_id: str, key: str) -> Charge:
        """See Payments.capture."""
        options, params = {"idempotency_key": key}, {"expand": EXPAND}
        try:
            made = await self._clients.ask(lambda v1: v1.payment_intents.capture_async(charge_id, params, options))
        except ProviderRefused:
            made = await self._intent(charge_id)
            if made["status"] == "requires_capture":
                raise
        return stripe_shapes.of_intent(made)

    async def refund(self, charge_id: str, amount: Money, key: str, reason: str) -> Charge:
        """See Payments.refund."""
        intent = await self._paid_intent(charge_id)
        if intent["status"] == "requires_capture":
            intent = await self._let_go(intent["id"], f"{key}:release")  # or it was captured: then it is given back
        if intent["status"] == "canceled":
            return Charge(intent["id"], REFUNDED, amount, refunded=amount)
        known = await self._under(_refunds, {"payment_intent": intent["id"]}, key)
        made = known or await self._give_back(intent["id"], amount, key, reason)
        if stripe_shapes.money(made["amount"], made["currency"]) != amount:
            raise KeyMismatch
        return stripe_shapes.of_refund(made, intent["id"], amount)

    async def _paid_intent(self, charge_id: str) -> Doc:
        """The payment that a page led to."""
        if charge_id.startswith("cs_"):
            inner = (await self._session(charge_id)).get("payment_intent")
            if not isinstance(inner, dict):
                raise NotThere("request_invalid")
            return inner
        return await self._intent(charge_id)

    async def _give_back(self, intent_id: str, amount: Money, key: str, reason: str) -> Doc:
        params: Doc = {"payment_intent": intent_id, "amount": amount.minor, "metadata": {KEY: key}}
        if reason in _REASONS:
            params["reason"] = reason
        options = {"idempotency_key": key}
        try:
            return await self._clients.ask(lambda v1: v1.refunds.create_async(params, options))
        except ProviderRefused:
            known = await self._under(_refunds, {"payment_intent": intent_id}, key)  # by another of us, just now
            if known is None:
                raise
            return known


def _sent_at(request: ChargeRequest) -> datetime | None:
    """A page ends a day after it was asked for."""
    return None if request.page_until is None else request.page_until - timedelta(days=1)


async def _sessions(v1: Any, params: Doc) -> Any:  # Any: as List
    return await v1.checkout.sessions.list_async(params)


async def _intents(v1: Any, params: Doc) -> Any:  # Any: as List
    return await v1.payment_intents.list_async(params)


async def _setups(v1: Any, params: Doc) -> Any:  # Any: as List
    return await v1.setup_intents.list_async(params)


async def _refunds(v1: Any, params: Doc) -> Any:  # Any: as List
    return await v1.refunds.list_async(params)
