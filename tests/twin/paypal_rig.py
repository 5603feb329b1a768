"""The real PayPal gateway before the twin's PayPal, with no socket between, and a clock to move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from services.api.money import Money
from services.api.types import PaymentMethod
from services.gateways.payments import Charge, ChargeRequest, Lookup
from services.gateways.paypal_payments import PayPalPayments
from services.twin.http import TwinRequest, TwinResponse
from services.twin.paypal import PayPalTwin
from tests.twin import paypal_spec

BASE = "http://127.0.0.1:8742/paypal"
BACK = "http://127.0.0.1:9/back?order=1"
START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
KEY = "charge-1"


class MovedClock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


class Wire(httpx.AsyncBaseTransport):
    """Hands requests over. `lose` = "before" or "after": that many calls under `path` bring no answer."""

    def __init__(self, twin: PayPalTwin) -> None:
        self.twin = twin
        self.asked: list[str] = []
        self.request_ids: list[str] = []
        self._lost: list[tuple[str, str]] = []

    def lose(self, when: str, path: str, *, times: int = 1) -> None:
        self._lost += [(when, path)] * times

    def lost_nothing(self) -> None:
        """From now on everything arrives."""
        self._lost.clear()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/paypal")
        self.asked.append(f"{request.method} {path}")
        self.request_ids.append(request.headers.get("paypal-request-id", ""))
        lost = next((entry for entry in self._lost if path.startswith(entry[1])), None)
        if lost is not None:
            self._lost.remove(lost)
        if lost is not None and lost[0] == "before":
            raise httpx.ReadTimeout("lost before", request=request)
        body = b"".join([part async for part in request.stream])  # type: ignore[union-attr] # it is an async one
        response = self.twin.handle(asked(request.method, str(request.url), body, dict(request.headers)))
        if lost is not None or response.status == 0:
            raise httpx.ReadTimeout("lost after", request=request)
        return httpx.Response(response.status, headers=response.headers, content=response.body)


def asked(method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None) -> TwinRequest:
    bits = urlsplit(url)
    names = {"host": bits.netloc} | {name.lower(): value for name, value in (headers or {}).items()}
    return TwinRequest(method, bits.path, parse_qs(bits.query, keep_blank_values=True), names, body)


async def no_pause(_seconds: float) -> None:
    """Tries at once again."""


class Rig:
    """`pays` = the gateway. Its requests are held against the published form where that is at hand."""

    def __init__(self, folder: Path, *, webhook_url: str = "") -> None:
        self.clock = MovedClock()
        self.twin = PayPalTwin(folder, clock=self.clock)
        if paypal_spec.folder() is not None:
            self.twin.watch(paypal_spec.breaches)
        self.wire = Wire(self.twin)
        self.webhook_id = self.twin.add_webhook(webhook_url) if webhook_url else "NOTREGISTERED"
        self.pays = self.gateway()

    def gateway(self, *, secret: str = "s", webhook_id: str | None = None) -> PayPalPayments:
        return PayPalPayments(
            client_id="c",
            secret=secret,
            base_url=BASE,
            page_hosts=("127.0.0.1:8742",),
            webhook_id=self.webhook_id if webhook_id is None else webhook_id,
            clock=self.clock,
            is_test_mode=True,
            default_return_url="http://127.0.0.1:9/default",
            pause=no_pause,
            transport=self.wire,
        )

    def open_page(self, url: str) -> TwinResponse:
        return self.twin.handle(asked("GET", url))

    def answer(self, url: str, **form: str) -> TwinResponse:
        """The buyer's answer on a page."""
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.twin.handle(asked("POST", url, urlencode(form).encode(), headers))

    def agree(self, charge: Charge, funding: str = "balance") -> None:
        response = self.answer(charge.action_url, answer="agree", funding=funding, email="kim@example.com")
        assert response.status == 303, response.body

    async def pay(self, funding: str = "balance", *, key: str = KEY, request: ChargeRequest | None = None) -> Charge:
        """A whole purchase on the page."""
        wanted = request or wish()
        opened = await self.pays.charge(wanted, key=key)
        self.agree(opened, funding)
        found = await self.pays.find(Lookup(key, opened.id, wanted, self.clock.now()))
        assert found is not None
        return found

    def close(self) -> None:
        self.pays.close()
        self.twin.close()


def wish(
    amount: str = "29.00",
    currency: str = "USD",
    *,
    token: str = "",
    holds: bool = False,
    saves: bool = True,
    is_attended: bool = True,
    page_until: datetime | None = None,
) -> ChargeRequest:
    return ChargeRequest(
        Money.parse(amount, currency),
        token=token,
        reference="order-1",
        method=PaymentMethod.PAYPAL,
        title="Starter plan",
        email="kim@example.com",
        return_url=BACK,
        is_attended=is_attended,
        holds=holds,
        saves=saves,
        page_until=page_until,
    )
