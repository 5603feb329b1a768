"""The real Stripe gateway before the twin's Stripe, with no socket between, and a clock to move."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx

from services.api.money import Money
from services.api.types import PaymentMethod
from services.gateways.payments import Charge, ChargeRequest, Customer, Lookup
from services.gateways.stripe_payments import StripePayments
from services.gateways.stripe_web import Line
from services.twin.http import TwinRequest, TwinResponse
from services.twin.server import Twin
from services.twin.stripe import StripeTwin
from services.twin.stripe_checkout import Typed

HOST = "127.0.0.1:8742"
BASE = f"http://{HOST}"
BACK = "http://127.0.0.1:9/back?order=1"
START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
KEY = "order-1:charge"
SECRET = "whsec_" + "of_the_rig"
TEST_KEY = "rk_" + "test_of_the_rig"
LIVE_RESTRICTED, LIVE_SECRET = "rk_" + "live_of_nobody", "sk_" + "live_of_nobody"
KIM = Customer("0190aaaa", "Kim & Co", "kim@example.com")
VISA, ASKS, EMPTY = "4242424242424242", "4000002760003184", "4000000000009995"


class MovedClock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


class Wire(httpx.AsyncBaseTransport):
    """Hands requests over to the twin. `lose` = "before" or "after": that many calls under `path` bring no answer."""

    def __init__(self, twin: StripeTwin) -> None:
        self.twin = twin
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.headers: list[httpx.Headers] = []
        self._forgotten = ""
        self._lost: list[tuple[str, str]] = []
        self._before: list[tuple[str, str, Callable[[], object]]] = []

    def lose(self, when: str, path: str, *, times: int = 3) -> None:
        """Three: the client asks twice again by itself."""
        self._lost += [(when, path)] * times

    def lost_nothing(self) -> None:
        """From now on everything arrives."""
        self._lost.clear()

    def while_posted(self, path: str, work: Callable[[], object]) -> None:
        """Done when the next call under a path is on its way."""
        self._before.append(("POST", path, work))

    def forget_keys(self) -> None:
        """As Stripe does after a day: no key it knew is known to it any more."""
        self._forgotten += "again:"

    def keys(self, path: str) -> list[str]:
        """The idempotency keys under a path."""
        return [
            headers.get("idempotency-key", "")
            for (_, asked, _), headers in zip(self.asked, self.headers, strict=True)
            if asked == path
        ]

    def sent(self, path: str) -> list[dict[str, str]]:
        """What was posted under a path."""
        return [form for method, asked, form in self.asked if (method, asked) == ("POST", path)]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)  # as anything that comes over a wire
        body = b"".join([part async for part in request.stream])  # type: ignore[union-attr] # it is an async one
        path = request.url.path
        self.asked.append((request.method, path, dict(parse_qsl(body.decode() or request.url.query.decode()))))
        self.headers.append(request.headers)
        for one in [one for one in self._before if request.method == one[0] and path.startswith(one[1])][:1]:
            self._before.remove(one)
            one[2]()
        lost = next((one for one in self._lost if path.startswith(one[1])), None)
        if lost is not None:
            self._lost.remove(lost)
        if lost is not None and lost[0] == "before":
            raise httpx.ReadTimeout("lost before", request=request)
        bits = urlsplit(str(request.url))
        names = {"host": HOST} | {name.lower(): value for name, value in request.headers.items()}
        if "idempotency-key" in names:
            names["idempotency-key"] = self._forgotten + names["idempotency-key"]
        asked = TwinRequest(request.method, bits.path, parse_qs(bits.query, keep_blank_values=True), names, body)
        response = self.twin.handle(asked)
        if lost is not None or response.status == 0:
            raise httpx.ReadTimeout("lost after", request=request)
        return httpx.Response(response.status, headers=response.headers, content=response.body)


class Rig:
    """`pays` = the gateway; `kim` = a customer once `customer` was asked."""

    def __init__(self, folder: Path) -> None:
        self.clock = MovedClock()
        self.provider = Twin(folder, clock=self.clock, port=0)
        self.twin = self.provider.stripe
        self.wire = Wire(self.twin)
        self.pays = self.gateway()

    def gateway(self, *, key: str = TEST_KEY, secret: str = "") -> StripePayments:
        return StripePayments(
            key=key,
            clock=self.clock,
            api_base=BASE,
            page_hosts=(HOST,),
            webhook_secret=secret,
            default_return_url="http://127.0.0.1:9/default",
            line=Line(self.wire, no_pause),
        )

    async def customer(self) -> str:
        return await self.pays.provide_customer(KIM)

    def fill(
        self, charge: Charge, number: str = VISA, *, confirm: bool | None = None, bank: str = ""
    ) -> dict[str, str]:
        """What the buyer types on the page; what is wrong with it."""
        typed = Typed(number=number, expiry="12 / 34", cvc="123", name="Kim Doe", email=KIM.email)
        if bank:
            typed = Typed(name="Kim Doe", email=KIM.email, bank=bank)
        return self.twin.pay_page(session_of(charge), typed, confirm=confirm)

    async def pay(self, request: ChargeRequest, *, key: str = KEY, number: str = VISA, bank: str = "") -> Charge:
        """A whole purchase on the page."""
        opened = await self.pays.charge(request, key=key)
        assert self.fill(opened, number, bank=bank) == {}
        return await self.find(opened, request, key=key)

    async def find(self, charge: Charge | str, request: ChargeRequest | None = None, *, key: str = KEY) -> Charge:
        """What became of it."""
        charge_id = charge if isinstance(charge, str) else charge.id
        found = await self.pays.find(Lookup(key, charge_id, request, START))
        assert found is not None
        return found

    def post(self, path: str, form: dict[str, str] | None = None) -> TwinResponse:
        """What another program of ours does at the same time."""
        headers = {"host": HOST, "authorization": f"Bearer {TEST_KEY}"}
        return self.twin.handle(TwinRequest("POST", path, {}, headers, urlencode(form or {}).encode()))

    def listed(self, path: str) -> list[dict[str, Any]]:  # Any: JSON
        """What Stripe has, the newest first."""
        headers = {"host": HOST, "authorization": f"Bearer {TEST_KEY}"}
        response = self.twin.handle(TwinRequest("GET", path, {"limit": ["100"]}, headers, b""))
        found: list[dict[str, Any]] = json.loads(response.body)["data"]
        return found

    def close(self) -> None:
        self.pays.close()
        self.provider.close()


def session_of(charge: Charge) -> str:
    assert charge.id.startswith("cs_")
    return charge.id


def wish(
    amount: str = "29.00",
    currency: str = "USD",
    *,
    token: str = "",
    customer: str = "",
    method: PaymentMethod = PaymentMethod.CARD,
    holds: bool = False,
    saves: bool = True,
    is_attended: bool = True,
    page_until: datetime | None = START + timedelta(days=1),
    return_url: str = BACK,
) -> ChargeRequest:
    """An order of Kim's."""
    return ChargeRequest(
        Money.parse(amount, currency), token, "order-1", customer, method, "Starter plan", KIM.email, return_url,
        is_attended, holds, saves, page_until,
    )  # fmt: skip


async def no_pause(_seconds: float) -> None:
    """Tries at once again."""


class Said(httpx.AsyncBaseTransport):
    """Answers as the test says, one call after the other; the last answer is given again and again."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def error(status: int, kind: str, code: str = "", **more: Any) -> httpx.Response:  # Any: fields of the error
    body = {"error": {"type": kind, "code": code or None, "message": "No."} | more}
    return httpx.Response(status, json=body)


def scripted(*answers: httpx.Response | Exception, key: str = TEST_KEY) -> tuple[StripePayments, Said]:
    """A gateway before answers that are known beforehand."""
    said = Said(*answers)
    return StripePayments(key=key, clock=MovedClock(), line=Line(said, no_pause)), said
