"""The twin's PayPal as a thing of its own: its page, its form, its record on disk, and the webhooks it sends."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from services.api.money import Money
from services.gateways.payments import Lookup
from services.twin.http import TwinResponse
from services.twin.paypal import PayPalTwin
from services.twin.paypal_contract import breaches
from services.twin.paypal_pages import STYLE
from tests.twin import paypal_spec
from tests.twin.paypal_rig import BACK, BASE, KEY, START, MovedClock, Rig, asked, wish


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "rig")
    yield rig
    rig.close()


def said(response: TwinResponse) -> str:
    return response.body.decode()


# ---------------------------------------------------------------- the page


def test_the_page_says_what_is_bought_for_how_much_and_that_it_is_a_test(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish("1234.50"), key=KEY))
    response = rig.open_page(opened.action_url)
    page = said(response)
    for text in ("TEST", "No real money", "Starter plan", "$1,234.50", "Agree &amp; Pay $1,234.50", "kim@example.com"):
        assert text in page
    assert "Souk may charge this account again" in page
    assert response.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "form-action 'self' http://127.0.0.1:9;" in response.headers["content-security-policy"]


def test_a_yes_leads_back_with_the_order_and_the_payer(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    response = rig.answer(opened.action_url, answer="agree", funding="balance", email="kim@example.com")
    order_id = opened.id.partition(":")[2]
    assert response.status == 303
    assert response.headers["location"].startswith(f"{BACK}&token={order_id}&PayerID=TWIN")
    assert "nothing left to do" in said(rig.open_page(opened.action_url))


def test_a_no_leads_back_and_the_page_can_still_be_answered(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    response = rig.answer(opened.action_url, answer="cancel", email="", funding="")
    assert response.headers["location"] == f"{BACK}&canceled=1&token={opened.id.partition(':')[2]}"
    rig.agree(opened)


@pytest.mark.parametrize(("email", "funding"), [("nobody", "balance"), ("", "balance"), ("kim@example.com", "gold")])
def test_an_answer_that_says_too_little_shows_the_page_again(
    rig: Rig, loop: asyncio.Runner, email: str, funding: str
) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    response = rig.answer(opened.action_url, answer="agree", funding=funding, email=email)
    assert response.status == 400
    assert 'role="alert"' in said(response)
    assert rig.twin.count_captures() == 0


def test_a_page_that_has_ended_says_so(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    rig.clock.move(hours=3)
    for url in (opened.action_url, f"{BASE}/checkoutnow?token=NONE", f"{BASE}/checkoutnow"):
        response = rig.open_page(url)
        assert (response.status, "has ended" in said(response)) == (404, True)
    assert rig.answer(opened.action_url, answer="agree", funding="balance", email="kim@example.com").status == 404


def test_what_a_merchant_writes_is_shown_and_not_obeyed(rig: Rig, loop: asyncio.Runner) -> None:

    evil = replace(wish(), title='<script>alert("1")</script>', return_url="http://127.0.0.1:9/?a='x'")
    page = said(rig.open_page(loop.run(rig.pays.charge(evil, key=KEY)).action_url))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_page_for_an_account_says_that_nothing_is_paid(rig: Rig, loop: asyncio.Runner) -> None:
    page = said(rig.open_page(loop.run(rig.pays.charge(wish("0.00"), key=KEY)).action_url))
    assert "Nothing today" in page
    assert "Agree &amp; Save" in page


PAIRS = [
    ("text", "card"), ("text", "soft"), ("text", "page"), ("quiet", "card"), ("quiet", "soft"), ("strong", "card"),
    ("on-strong", "strong"), ("badge", "badge-back"), ("bad", "card"),
]  # fmt: skip


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_what_is_written_can_be_read_in_light_and_in_dark(front: str, back: str, is_dark: bool) -> None:
    light, dark = STYLE.split("prefers-color-scheme: dark")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light))
    if is_dark:
        colours |= dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", dark))
    bright, dim = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= 4.5


# ---------------------------------------------------------------- the form of a request


def order(**changes: object) -> dict[str, Any]:
    wallet = {"experience_context": {"return_url": BACK, "cancel_url": BACK}}
    unit = {"amount": {"currency_code": "USD", "value": "29.00"}}
    return {"intent": "CAPTURE", "purchase_units": [unit], "payment_source": {"paypal": wallet}} | changes


JSON_HEADERS = {"content-type": "application/json", "paypal-request-id": "k"}


def order_with_amount(value: str, currency: str = "USD") -> dict[str, Any]:
    return order(purchase_units=[{"amount": {"currency_code": currency, "value": value}}])


@pytest.mark.parametrize(
    ("body", "breach"),
    [
        (order(intent="TAKE"), ".intent: one of CAPTURE, AUTHORIZE"),
        (order(amout="1"), ".amout: unknown"),
        ({name: value for name, value in order().items() if name != "intent"}, ".intent: required"),
        (order_with_amount("29"), ".purchase_units.0.amount.value: DECIMAL_PRECISION"),
        (order_with_amount("29.000"), ".purchase_units.0.amount.value: DECIMAL_PRECISION"),
        (order_with_amount("29.00", "JPY"), ".purchase_units.0.amount.value: DECIMAL_PRECISION"),
        (order_with_amount("0.00"), ".purchase_units.0.amount.value: CANNOT_BE_ZERO_OR_NEGATIVE"),
        (order_with_amount("5.000", "KWD"), ".purchase_units.0.amount.currency_code: INVALID_CURRENCY_CODE"),
        (order(purchase_units=[]), ".purchase_units: a list of 1 to 10"),
        (order(purchase_units="x"), ".purchase_units: a list of 1 to 10"),
        (order(payment_source={"paypal": []}), ".payment_source.paypal: an object"),
        (
            order(payment_source={"paypal": {"vault_id": "a b"}}),
            ".payment_source.paypal.vault_id: not of the right form",
        ),
    ],
)
def test_a_request_that_breaks_the_form_is_named(body: dict[str, Any], breach: str) -> None:
    assert breaches("POST", "/v2/checkout/orders", {}, JSON_HEADERS, order()) == []
    assert breaches("POST", "/v2/checkout/orders", {}, JSON_HEADERS, body) == [breach]


def test_what_makes_something_must_carry_a_request_id_and_json() -> None:
    found = breaches("POST", "/v2/checkout/orders", {}, {}, order())
    assert found == [
        "content-type: application/json",
        "paypal-request-id: text of 1 to 108 letters",
    ]
    assert breaches("GET", "/v2/checkout/orders/5O190127TN364715T", {"page": ["1"]}, {}, {}) == ["query.page: unknown"]


def test_a_breach_is_refused_and_kept(rig: Rig) -> None:
    token = access(rig)
    headers = JSON_HEADERS | {"authorization": f"Bearer {token}"}
    body = json.dumps(order(intent="TAKE")).encode()
    response = rig.twin.handle(asked("POST", f"{BASE}/v2/checkout/orders", body, headers))
    assert (response.status, json.loads(response.body)["name"]) == (400, "INVALID_REQUEST")
    assert rig.twin.breaches[0].startswith("POST /v2/checkout/orders: .intent")


@pytest.mark.skipif(paypal_spec.folder() is None, reason="the published OpenAPI files of PayPal are not at hand")
def test_the_published_form_knows_a_good_order_from_a_bad_one() -> None:
    assert paypal_spec.breaches("POST", "/v2/checkout/orders", order()) == []
    assert paypal_spec.breaches("POST", "/v2/checkout/orders", order(amout="1")) == ["amout: unknown"]
    assert any("intent" in one for one in paypal_spec.breaches("POST", "/v2/checkout/orders", order(intent="TAKE")))
    assert paypal_spec.breaches("POST", "/v9/nothing", {}) == ["POST /v9/nothing: not published"]
    setup = {"payment_source": {"token": {"id": "4G4976650J0948357", "type": "SETUP_TOKEN"}}}
    assert paypal_spec.breaches("POST", "/v3/vault/payment-tokens", setup) == []
    setup["payment_source"]["token"]["type"] = "SOMETHING"
    assert paypal_spec.breaches("POST", "/v3/vault/payment-tokens", setup) != []


# ---------------------------------------------------------------- who may ask


def access(rig: Rig, secret: str = "s") -> str:
    headers = {"authorization": "Basic " + base64.b64encode(f"c:{secret}".encode()).decode()}
    body = b"grant_type=client_credentials"
    return str(
        json.loads(rig.twin.handle(asked("POST", f"{BASE}/v1/oauth2/token", body, headers)).body)["access_token"]
    )


@pytest.mark.parametrize("authorization", ["", "Bearer x", "Basic !", "Basic " + base64.b64encode(b"c:").decode()])
def test_without_a_good_key_there_is_no_access(rig: Rig, authorization: str) -> None:
    headers = {"authorization": authorization}
    body = b"grant_type=client_credentials"
    assert rig.twin.handle(asked("POST", f"{BASE}/v1/oauth2/token", body, headers)).status == 401
    assert rig.twin.handle(asked("GET", f"{BASE}/v2/checkout/orders/ANY0000", b"", headers)).status == 401


def test_access_ends_after_nine_hours(rig: Rig) -> None:
    headers = {"authorization": f"Bearer {access(rig)}"}
    call = asked("GET", f"{BASE}/v2/checkout/orders/ANY0000", b"", headers)
    assert rig.twin.handle(call).status == 404
    rig.clock.move(hours=9)
    assert rig.twin.handle(call).status == 401


def test_a_path_that_is_none_is_not_found(rig: Rig) -> None:
    headers = {"authorization": f"Bearer {access(rig)}"}
    assert rig.twin.handle(asked("GET", f"{BASE}/v7/none", b"", headers)).status == 404
    assert rig.twin.handle(asked("POST", f"{BASE}/twin/none", b"{}")).status == 404
    assert rig.twin.handle(asked("POST", f"{BASE}/twin/agree/none", b"no JSON")).status == 400


# ---------------------------------------------------------------- its record


def test_its_handles_work_over_http_as_well(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    body = json.dumps({"funding": "review"}).encode()
    rig.twin.handle(asked("POST", f"{BASE}/twin/agree/{opened.id.partition(':')[2]}", body))
    paid = loop.run(rig.pays.find(Lookup(KEY, opened.id, wish(), START)))
    assert paid is not None
    capture_id = paid.id.partition(":")[2]
    rig.twin.handle(asked("POST", f"{BASE}/twin/captures/{capture_id}", b'{"clears": true}'))
    assert rig.twin.balance("USD") == 2900
    response = rig.twin.handle(asked("POST", f"{BASE}/twin/disputes", json.dumps({"capture_id": capture_id}).encode()))
    dispute_id = json.loads(response.body)["id"]
    rig.twin.handle(asked("POST", f"{BASE}/twin/disputes/{dispute_id}", b'{"won": false}'))
    assert rig.twin.balance("USD") == 0
    assert json.loads(rig.twin.handle(asked("POST", f"{BASE}/twin/webhooks", b'{"url": "http://127.0.0.1:1/"}')).body)


def test_it_remembers_everything_after_it_was_closed(tmp_path: Path, loop: asyncio.Runner) -> None:
    first = Rig(tmp_path)
    paid = loop.run(first.pay())
    first.close()
    second = Rig(tmp_path)
    assert loop.run(second.pays.find(Lookup(KEY, paid.id))) == paid
    assert loop.run(second.pays.charge(wish(), key=KEY)).id == paid.id
    assert second.twin.count_captures("order-1") == 1
    assert second.twin.count_captures("order-2") == 0
    second.close()


def copied(source: Path, target: Path) -> None:
    shutil.copy(source, target)


def test_a_snapshot_brings_back_what_was(rig: Rig, tmp_path: Path, loop: asyncio.Runner) -> None:
    loop.run(rig.pay())
    copy = tmp_path / "copy.db"
    loop.run(rig.twin.between_writes(lambda path: copied(path, copy)))
    loop.run(rig.pay(key="second"))
    assert rig.twin.balance("USD") == 5800
    loop.run(rig.twin.between_writes(lambda path: copied(copy, path)))
    assert rig.twin.balance("USD") == 2900


KILLED = """
    import sys
    from datetime import UTC, datetime
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from services.twin.paypal import PayPalTwin
    from services.twin.paypal_orders import agree, create_order, take_order

    class Clock:
        def now(self):
            return datetime(2026, 11, 24, 10, tzinfo=UTC)

    twin = PayPalTwin(Path(sys.argv[1]), clock=Clock())
    context = {"return_url": "http://127.0.0.1:9/", "cancel_url": "http://127.0.0.1:9/"}
    number = 0
    while True:
        number += 1
        with twin._book.writing():
            unit = {"amount": {"currency_code": "USD", "value": "1.00"}, "custom_id": "o", "invoice_id": str(number)}
            wallet = {"experience_context": context}
            body = {"intent": "CAPTURE", "purchase_units": [unit], "payment_source": {"paypal": wallet}}
            take_order(twin._book, agree(twin._book, create_order(twin._book, body), "balance", "kim@example.com"))
        print(number, flush=True)
"""


def test_what_it_said_it_did_outlives_a_kill(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), root], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    said_last = 0
    for line in child.stdout:
        said_last = int(line)
        if said_last == 25:
            child.kill()
            break
    rest = child.stdout.read().split()
    child.stdout.close()
    child.wait()
    said_last = int(rest[-1]) if rest else said_last
    twin = PayPalTwin(tmp_path, clock=MovedClock())
    assert said_last <= twin.count_captures("o") <= said_last + 1
    assert twin.balance("USD") == 100 * twin.count_captures("o")
    twin.close()


# ---------------------------------------------------------------- webhooks it sends


class Inbox:
    """A listener that refuses the first posts, and keeps the others."""

    def __init__(self, *, refuses: int) -> None:
        inbox = self
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.refused = 0

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                is_refused = inbox.refused < refuses
                if is_refused:
                    inbox.refused += 1
                else:
                    inbox.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(503 if is_refused else 200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.mark.loopback
def test_webhooks_arrive_twice_and_late_and_every_one_can_be_verified(
    tmp_path: Path, loop: asyncio.Runner, until: Callable[..., None]
) -> None:
    inbox = Inbox(refuses=2)
    rig = Rig(tmp_path, webhook_url=inbox.url)
    try:
        for number in range(8):
            loop.run(rig.pay(key=f"key-{number}"))
        until(lambda: len({json.loads(body)["id"] for _, body in inbox.got}) == 24)
        until(lambda: len(inbox.got) > 24)
        verified = [loop.run(rig.pays.verify_event(headers, body, now=START)) for headers, body in inbox.got]
    finally:
        rig.close()
        inbox.close()
    assert {event.key for event in verified if event.topic == "payment"} == {f"key-{number}" for number in range(8)}
    first_times = list(dict.fromkeys(event.id for event in verified))
    listed = [event.id for event in loop.run(rig_events(tmp_path))]
    assert sorted(first_times) == sorted(listed)
    assert first_times != listed, "they came in order"
    assert rig.twin.breaches == []


async def rig_events(folder: Path) -> tuple[Any, ...]:
    rig = Rig(folder)
    try:
        return (await rig.pays.list_events("", since=START)).events
    finally:
        rig.close()


def test_amounts_are_read_and_written_to_the_cent(rig: Rig, loop: asyncio.Runner) -> None:
    for currency, value, units in (("USD", "0.05", 5), ("EUR", "1000000.10", 100_000_010), ("JPY", "7", 7)):
        charge = loop.run(rig.pay(key=f"key-{currency}", request=wish(value, currency)))
        assert charge.amount == Money.parse(value, currency)
        assert rig.twin.balance(currency) == units
