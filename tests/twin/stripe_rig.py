"""The official Stripe client before the twin on loopback, a browser to open its pages, and a clock to move."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx

from services.twin.server import Twin
from tests.twin import spec

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = "rk_" + "test_of_the_rig"
BACK = "http://127.0.0.1:9/back?order=1"
VISA = "4242 4242 4242 4242"
CARD = {"number": VISA, "expiry": "12 / 34", "cvc": "987", "name": "Kim Doe", "email": "kim@example.com"}
Doc = dict[str, Any]  # Any: JSON as Stripe sends it


class MovedClock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


class Rig:
    """`ask` runs one call of the client and gives plain values; `v1` are its services."""

    def __init__(self, folder: Path, loop: asyncio.Runner, *, seed: int = 1) -> None:
        self.clock = MovedClock()
        self.twin = Twin(folder, clock=self.clock, seed=seed, port=0)
        self.stripe = self.twin.stripe
        self.stripe.watch(spec.breaches)
        self.url = self.twin.start()
        self.v1 = self.client()
        self.browser = httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
        self._loop = loop

    def client(self, key: str = KEY, *, retries: int = 0) -> Any:  # Any: its services have no type of their own
        import stripe  # slow to import, and only wanted here

        web = stripe.HTTPXClient(timeout=20)
        web._client_async = httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0), trust_env=False)
        return stripe.StripeClient(
            key, http_client=web, max_network_retries=retries, base_addresses={"api": self.url}
        ).v1

    def run(self, call: Coroutine[Any, Any, Any]) -> Any:  # Any: what the call brings
        return self._loop.run(call)

    def ask(self, call: Coroutine[Any, Any, Any]) -> Doc:
        found: Doc = self._loop.run(call).to_dict()
        return found

    def refused(self, call: Coroutine[Any, Any, Any]) -> Any:  # Any: one of the client's errors
        """The error a call ends with."""
        import stripe  # slow to import, and only wanted here

        try:
            self._loop.run(call)
        except stripe.StripeError as error:
            return error
        raise AssertionError("it was not refused")

    # ------------------------------------------------------------ what tests ask for again and again

    def customer(self) -> str:
        return str(self.ask(self.v1.customers.create_async({"email": "kim@example.com", "name": "Kim"}))["id"])

    def charge(self, token: str = "pm_card_visa", *, key: str = "k", **more: Any) -> Doc:  # Any: parameters
        return self.ask(self.charging(token, key=key, **more))

    def charging(self, token: str = "pm_card_visa", *, key: str = "k", **more: Any) -> Coroutine[Any, Any, Any]:
        params = {"amount": 2900, "currency": "usd", "payment_method": token, "confirm": True, "off_session": True}
        call: Coroutine[Any, Any, Any] = self.v1.payment_intents.create_async(params | more, {"idempotency_key": key})
        return call

    def session(self, *, key: str = "s", **more: Any) -> Doc:  # Any: parameters
        """An open page for $29.00."""
        return self.ask(self.making(key=key, **more))

    def making(self, *, key: str = "s", **more: Any) -> Coroutine[Any, Any, Any]:  # Any: as above
        price = {"currency": "usd", "unit_amount": 2900, "product_data": {"name": "Starter plan"}}
        params: Doc = {
            "mode": "payment",
            "success_url": f"{BACK}&session={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{BACK}&canceled=1",
            "line_items": [{"quantity": 1, "price_data": price}],
            "client_reference_id": "order-1",
            "payment_intent_data": {"metadata": {"souk_key": key}, "setup_future_usage": "off_session"},
        }
        params |= more
        if params["mode"] == "setup":
            params = {name: one for name, one in params.items() if name not in ("line_items", "payment_intent_data")}
        call: Coroutine[Any, Any, Any] = self.v1.checkout.sessions.create_async(params, {"idempotency_key": key})
        return call

    def read(self, session: Doc, *expand: str) -> Doc:
        return self.ask(self.v1.checkout.sessions.retrieve_async(session["id"], {"expand": list(expand)}))

    def intent(self, intent_id: str, *expand: str) -> Doc:
        return self.ask(self.v1.payment_intents.retrieve_async(intent_id, {"expand": list(expand)}))

    # ------------------------------------------------------------ the buyer

    def open_page(self, url: str) -> httpx.Response:
        return self.browser.get(url)

    def fill(self, url: str, **fields: str) -> httpx.Response:
        """Sends the form of a page."""
        return self.browser.post(url, data=fields)

    def pay(self, session: Doc, number: str = VISA, **fields: str) -> httpx.Response:
        return self.fill(session["url"], **(CARD | {"number": number} | fields))

    def paid(self, number: str = VISA, **more: Any) -> Doc:  # Any: parameters of the page
        """The session of a whole purchase."""
        session = self.session(**more)
        answer = self.pay(session, number)
        assert answer.status_code == 303, text_of(answer)
        return self.read(session, "payment_intent.payment_method", "payment_intent.latest_charge")

    def event_types(self) -> list[str]:
        """Oldest first."""
        found = self.ask(self.v1.events.list_async({"limit": 100}))
        return [one["type"] for one in reversed(found["data"])]

    def close(self) -> None:
        self.browser.close()
        self.twin.close()


def text_of(answer: httpx.Response) -> str:
    return unescape(answer.text)
