"""What the twin's Stripe tells by itself, and its handles over HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.twin.stripe_rig import START, Rig

pytestmark = pytest.mark.loopback

SECRET = "whsec_" + "of_the_rig"
Got = list[tuple[bytes, str]]


class Listener:
    """Takes webhooks; refuses the first `refuses` of them."""

    def __init__(self, *, refuses: int = 0) -> None:
        self.got: Got = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                listener.got.append((body, self.headers["stripe-signature"]))
                self.send_response_only(500 if len(listener.got) <= refuses else 200)
                self.send_header("content-length", "0")
                self.end_headers()

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def ids(self) -> list[str]:
        return [json.loads(body)["id"] for body, _ in self.got]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def test_everything_is_told_and_signed_though_late_twice_and_out_of_order(
    rig: Rig, listener: Listener, until: Callable[..., None]
) -> None:
    rig.stripe.add_webhook(listener.url, SECRET)
    for number in range(6):
        rig.charge(key=f"k{number}")
    listed = [one["id"] for one in rig.ask(rig.v1.events.list_async({"limit": 100}))["data"]][::-1]
    until(lambda: set(listener.ids()) == set(listed))
    assert len(listed) == 18
    until(lambda: len(listener.ids()) > len(listed))
    assert listener.ids()[: len(listed)] != listed

    import stripe  # slow to import, and only wanted here

    for body, signature in listener.got:
        stripe.WebhookSignature.verify_header(body.decode(), signature, SECRET)
        assert f"t={int(START.timestamp())}," in signature


def test_who_did_not_take_it_is_told_again(rig: Rig, until: Callable[..., None]) -> None:
    deaf = Listener(refuses=1)
    try:
        rig.stripe.add_webhook(deaf.url, SECRET)
        rig.customer()
        until(lambda: len(deaf.got) >= 2)
        assert len(set(deaf.ids())) == 1
    finally:
        deaf.close()


def test_things_can_be_made_to_happen_over_http(rig: Rig) -> None:
    def post(path: str, /, **fields: str) -> int:
        return rig.browser.post(f"{rig.url}/twin/{path}", json=fields).status_code

    paid = rig.charge()
    debit = rig.charge("pm_usBankAccount_success", key="debit")
    assert post(f"debits/{debit['id']}", pays="false") == 200
    assert rig.intent(debit["id"])["status"] == "requires_payment_method"
    opened = rig.browser.post(f"{rig.url}/twin/disputes", json={"payment_intent": paid["id"]}).json()["id"]
    assert post(f"disputes/{opened}", won="false") == 200
    assert post(f"disputes/{opened}", won="false") == 400
    assert post("lose", when="before", path="/v1/refunds") == 200
    assert type(rig.refused(rig.v1.refunds.list_async({}))).__name__ == "APIConnectionError"
    assert post("lose", when="sometimes", path="/v1") == 400
    assert post("webhooks", url="http://127.0.0.1:9") == 400
    assert post("nonsense") == 404
    assert post("disputes", payment_intent="pi_of_nobody") == 404
    books = rig.browser.get(f"{rig.url}/twin/books?currency=usd").json()
    assert books == {"balance": 0, "held": 0, "breaches": []}


def test_another_site_cannot_press_its_buttons(rig: Rig) -> None:
    paid = rig.charge()
    elsewhere = {"sec-fetch-site": "cross-site"}
    answer = rig.browser.post(f"{rig.url}/twin/disputes", data={"payment_intent": paid["id"]}, headers=elsewhere)
    assert answer.status_code == 403
    assert rig.browser.get(f"{rig.url}/c/done/", headers={"host": "evil.example"}).status_code == 421
    assert rig.ask(rig.v1.disputes.list_async({}))["data"] == []


def test_the_record_can_be_put_aside_and_brought_back(rig: Rig, tmp_path: Path, loop: asyncio.Runner) -> None:
    aside = tmp_path / "aside.db"
    rig.charge(key="first")

    def put_aside(file: Path) -> None:
        aside.write_bytes(file.read_bytes())

    def bring_back(file: Path) -> None:
        file.write_bytes(aside.read_bytes())

    loop.run(rig.stripe.between_writes(put_aside))
    rig.charge(key="second")
    assert rig.stripe.balance("usd") == 5800
    loop.run(rig.stripe.between_writes(bring_back))
    assert (rig.stripe.balance("usd"), rig.stripe.count_charges()) == (2900, 1)
    assert rig.charge(key="first")["status"] == "succeeded"
    assert rig.stripe.count_charges() == 1
