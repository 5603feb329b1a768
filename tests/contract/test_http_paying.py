"""What only HTTP has of paying: statuses and shapes of what is not finished, raw webhooks, the page to come back to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from services import wire
from services.api.contract import Actor
from services.api.errors import DiskFull, ProviderRejected
from services.api.types import Webhook
from services.http.webhooks import LARGEST
from tests.contract.conftest import BASE, app_over, in_process
from tests.contract.test_http_money import Api
from tests.contract.test_http_shape import ORDER
from tests.fake_pages import HOST
from tests.fakes import FakeService

CHECKOUT, METHODS = "/api/marketplace/quick-checkout/", "/api/saved-payment-methods/"
PAGE = {**ORDER, "payment_token": ""}
WEBHOOK = "/api/webhooks/test/"


@pytest.fixture
def buyer(loop: asyncio.Runner, fake: FakeService) -> FakeService:
    """Somebody who pays on pages in the browser."""
    fake.pages.open()
    return loop.run(fake.sign_up())


@pytest.fixture
def api(loop: asyncio.Runner, http: httpx.AsyncClient, buyer: FakeService) -> Api:
    return Api(loop, http, {"Authorization": f"Token {buyer.actor.session}"})


def order_path(uuid: str, verb: str = "") -> str:
    return f"/api/marketplace-orders/{uuid}/{verb}/" if verb else f"/api/marketplace-orders/{uuid}/"


# ---- orders


def test_a_purchase_on_a_page_answers_202_until_it_is_paid(api: Api, buyer: FakeService) -> None:
    answer = api.post(CHECKOUT, PAGE, key="k")
    body = answer.json()
    assert (answer.status_code, list(body)) == (202, ["order_uuid", "action"])
    assert body["action"]["url"].startswith(f"https://{HOST}/c/pay/cs_fake_")
    assert list(body["action"]) == ["kind", "url", "expires_at"]
    uuid = body["order_uuid"]
    waits = api.post(order_path(uuid, "refresh"), key="the same")
    assert (waits.status_code, waits.json()) == (202, body)
    order = api.get(order_path(uuid)).json()
    assert (order["state"], order["payment_state"], order["payment_method"]) == (
        "pending-consumer",
        "action_required",
        "card",
    )
    assert (order["action"], order["transfer"], order["undo_until"]) == (body["action"], None, None)
    buyer.pages.pay(uuid)
    paid = api.post(order_path(uuid, "refresh"), key="the same")  # asked anew, whatever the key
    assert (paid.status_code, list(paid.json())) == (
        200,
        ["order_uuid", "resource_uuid", "organization_uuid", "project_uuid", "access_url"],
    )
    assert api.get(order_path(uuid)).json()["payment_state"] == "succeeded"


def test_a_debit_and_a_transfer_answer_202_with_what_is_awaited(api: Api, buyer: FakeService) -> None:
    debit = api.post(CHECKOUT, PAGE | {"payment_method": "bank"}).json()["order_uuid"]
    buyer.pages.debit(debit)
    answer = api.post(order_path(debit, "refresh"))
    assert (answer.status_code, answer.json()) == (202, {"order_uuid": debit, "state": "processing"})
    buyer.pages.settle_debit(debit, is_paid=False)
    failed = api.post(order_path(debit, "refresh"))
    assert (failed.status_code, failed.json()["code"]) == (402, "debit_failed")
    assert failed.json()["params"] == {"order_uuid": debit}
    transfer = api.post(CHECKOUT, PAGE | {"payment_method": "invoice"})
    body = transfer.json()
    assert (transfer.status_code, list(body)) == (202, ["order_uuid", "state", "transfer"])
    assert list(body["transfer"]) == ["reference", "amount", "received", "due_at", "account"]
    assert set(body["transfer"]["account"]) == {"holder", "iban", "bic", "bank"}
    assert body["transfer"]["amount"] == {"micros": 29_000_000, "currency": "USD"}
    assert api.get(order_path(body["order_uuid"])).json()["transfer"] == body["transfer"]


def test_an_order_is_given_up_and_gone_on_with(api: Api, buyer: FakeService) -> None:
    uuid = api.post(CHECKOUT, PAGE).json()["order_uuid"]
    given_up = api.post(order_path(uuid, "cancel"), key="c")
    assert (given_up.status_code, given_up.json()["state"]) == (200, "canceled")
    assert given_up.json()["error_message"] == "payment_canceled"
    assert api.post(order_path(uuid, "cancel"), key="c").headers["Idempotent-Replayed"] == "true"
    assert api.post(order_path(uuid, "cancel")).status_code == 409
    again = api.post(order_path(uuid, "pay"), {"payment_method": "paypal"}, key="p")
    assert (again.status_code, again.json()["order_uuid"]) == (202, uuid)
    assert api.post(order_path(uuid, "pay"), {"payment_method": "paypal"}, key="p").json() == again.json()
    other = api.post(order_path(uuid, "pay"), {"payment_method": "bank"}, key="p")
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")
    paid = api.post(order_path(uuid, "pay"), {"payment_token": "tok_test_pays"}, key="q")
    assert (paid.status_code, paid.json()["order_uuid"]) == (201, uuid)
    assert len(buyer.world.charges) == 1
    for body, field in (
        ({"payment_method": "cheque"}, "payment_method"),
        ({"amount": 1}, "amount"),
    ):
        refused = api.post(order_path(uuid, "pay"), body)
        assert (refused.status_code, list(refused.json()["fields"])) == (422, [field])


def test_a_purchase_can_be_taken_back_for_a_minute(api: Api, buyer: FakeService) -> None:
    buyer.pages.open(undo_seconds=60)
    placed = api.post(CHECKOUT, ORDER)
    uuid = placed.json()["order_uuid"]
    assert placed.status_code == 201
    assert api.get(order_path(uuid)).json()["undo_until"] == "2026-03-14T09:27:53Z"
    gone = api.post(order_path(uuid, "cancel"))
    assert (gone.status_code, gone.json()["state"], gone.json()["refunded"]) == (200, "canceled", "29.0000000000")


def test_a_provider_that_refuses_is_told_apart_from_one_that_is_away(api: Api, buyer: FakeService) -> None:
    buyer.fail("refresh_order", ProviderRejected(reason="key_invalid", provider="stripe"))
    answer = api.post(order_path("0" * 32, "refresh"))
    assert (answer.status_code, answer.json()["code"]) == (502, "provider_rejected")
    assert answer.json()["params"] == {"reason": "key_invalid", "provider": "stripe"}


# ---- payments and methods


def test_payments_answer_202_while_they_are_open(api: Api, buyer: FakeService) -> None:
    body = {"amount": "20.00", "payment_method": "bank", "return_url": "http://127.0.0.1:5001/"}
    paid = api.post("/api/wallets/top-up/", body, key="t")
    assert (paid.status_code, paid.json()["state"]) == (202, "action_required")
    uuid = paid.json()["payment_uuid"]
    buyer.pages.debit(uuid)
    waits = api.post(f"/api/payments/{uuid}/refresh/")
    assert (waits.status_code, waits.json()["state"], waits.json()["action"]) == (202, "processing", None)
    buyer.pages.settle_debit(uuid)
    done = api.post(f"/api/payments/{uuid}/refresh/")
    assert (done.status_code, done.json()["state"]) == (200, "succeeded")
    other = api.post("/api/wallets/top-up/", {"amount": "20.00"}).json()["payment_uuid"]
    given_up = api.post(f"/api/payments/{other}/cancel/")
    assert (given_up.status_code, given_up.json()["state"]) == (200, "canceled")


def test_the_list_of_methods_is_one_of_waldurs_lists(api: Api, buyer: FakeService) -> None:
    for method in ("card", "bank", "paypal"):
        opened = api.post(METHODS, {"payment_method": method}, key=method)
        assert (opened.status_code, opened.json()["state"]) == (202, "action_required")
        setup = f"{METHODS}setups/{opened.json()['uuid']}/"
        assert api.get(setup).status_code == 202
        buyer.pages.pay(opened.json()["uuid"])
        done = api.post(f"{setup}refresh/")
        assert (done.status_code, done.json()["method"]["method"]) == (200, method)
        assert api.get(setup).json() == done.json()
        repeated = api.post(METHODS, {"payment_method": method}, key=method)
        assert (repeated.status_code, repeated.json()["state"]) == (201, "succeeded")
    answer = api.get(METHODS, page_size=2)
    assert (len(answer.json()), answer.headers["X-Result-Count"]) == (2, "3")
    token = api.get(METHODS, page=2, page_size=2).json()[0]["token"]
    ordered = api.post(f"{METHODS}{token}/set_default/")
    assert (ordered.status_code, ordered.json()[0]["token"]) == (200, token)
    assert api.get(METHODS, field="brand").json()[0] == {"brand": "PayPal"}
    options = api.get("/api/payment-methods/").json()
    assert options["saved_methods"][0]["token"] == token
    assert (options["page_hosts"], options["undo_seconds"]) == ([HOST], 0)


def test_a_method_is_removed_by_delete(
    api: Api, buyer: FakeService, loop: asyncio.Runner, http: httpx.AsyncClient
) -> None:
    uuid = api.post(METHODS, {}).json()["uuid"]
    buyer.pages.pay(uuid)
    token = api.get(f"{METHODS}setups/{uuid}/").json()["method"]["token"]
    headers = {"Authorization": f"Token {buyer.actor.session}"}
    gone = loop.run(http.delete(f"{METHODS}{token}/", headers=headers))
    assert (gone.status_code, gone.json()) == (200, [])
    again = loop.run(http.delete(f"{METHODS}{token}/", headers=headers))
    assert (again.status_code, again.json()["code"]) == (404, "not_found")


def test_closing_the_page_for_a_method_keeps_nothing(api: Api) -> None:
    uuid = api.post(METHODS, {}).json()["uuid"]
    closed = api.post(f"{METHODS}setups/{uuid}/cancel/")
    assert (closed.status_code, closed.json()["state"]) == (200, "canceled")


# ---- support


def test_transfers_are_marked_and_listed(api: Api) -> None:
    uuid = api.post(CHECKOUT, PAGE | {"payment_method": "invoice"}).json()["order_uuid"]
    [due] = api.get("/api/support/transfers/").json()
    assert (due["uuid"], due["subject"], due["is_overdue"]) == (uuid, "order", False)
    body = {"reference": due["reference"], "amount": "29.00", "bank_reference": "b1"}
    marked = api.post("/api/support/transfers/receive/", body, key="r")
    assert (marked.status_code, marked.json()["left"]["micros"]) == (201, 0)
    assert api.post("/api/support/transfers/receive/", body, key="r").json() == marked.json()
    assert api.get("/api/support/transfers/received/").json() == [marked.json()]
    assert api.get("/api/support/transfers/").headers["X-Result-Count"] == "0"
    missing = api.post("/api/support/transfers/receive/", {"reference": "x"})
    assert missing.json()["fields"] == {"amount": ["required"], "bank_reference": ["required"]}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("amount", "9" * 40, "out_of_range"),
        ("amount", "9000000000000.00", "out_of_range"),
        ("amount", {"micros": 2**63 - 1, "currency": "USD"}, "out_of_range"),
        ("amount", {"micros": 2**63, "currency": "USD"}, "out_of_range"),
        ("amount", "9" * 5000, "unexpected"),
        ("amount", {"micros": 1.5, "currency": "USD"}, "unexpected"),
        ("received_on", "2026-01-01T00:00:00", "out_of_range"),
        ("received_on", "0001-01-01T00:00:00+14:00", "out_of_range"),
        ("received_on", "9999-12-31T23:59:59-14:00", "out_of_range"),
        ("received_on", "2026-01-01", "unexpected"),
    ],
)
def test_an_odd_arrival_is_told_beside_its_field(api: Api, field: str, value: object, code: str) -> None:
    api.post(CHECKOUT, PAGE | {"payment_method": "invoice"})
    [due] = api.get("/api/support/transfers/").json()
    body = {"reference": due["reference"], "amount": "29.00", "bank_reference": "b1"} | {field: value}
    refused = api.post("/api/support/transfers/receive/", body, key="r")
    assert refused.status_code == 422
    assert code in str(refused.json()["fields"])
    assert api.get("/api/wallet-movements/").status_code == 200


def test_a_refund_is_previewed_and_then_done(api: Api, buyer: FakeService) -> None:
    uuid = api.post(CHECKOUT, ORDER).json()["order_uuid"]
    request = {"invoice_uuid": api.get(order_path(uuid)).json()["invoice_uuid"], "amount": "9.00"}
    preview = api.post("/api/support/refunds/preview/", request)
    assert (preview.status_code, preview.json()["amount"]["micros"]) == (200, 9_000_000)
    assert sum(line["amount"]["micros"] for line in preview.json()["lines"]) == 0
    body = {"request": request, "preview_hash": preview.json()["hash"]}
    done = api.post("/api/support/refunds/", body, key="r")
    assert (done.status_code, done.json()["state"]) == (201, "succeeded")
    assert api.post("/api/support/refunds/", body, key="r").json() == done.json()
    moved = api.post("/api/support/refunds/", body, key="s")
    assert (moved.status_code, moved.json()["code"]) == (409, "sum_moved")
    why = api.post("/api/support/refunds/preview/", request | {"reason": "because"})
    assert why.json()["fields"] == {"reason": ["unknown"]}


def test_invoices_are_found_by_a_search_in_the_body(api: Api, buyer: FakeService) -> None:
    uuid = api.get(order_path(api.post(CHECKOUT, ORDER).json()["order_uuid"])).json()["invoice_uuid"]
    found = api.post("/api/support/invoices/find/", {"text": "ada@"})
    assert (found.status_code, found.json()["total"], found.json()["is_capped"]) == (200, 1, False)
    [hit] = found.json()["items"]
    assert (hit["member_email"], hit["invoice"]["uuid"]) == ("ada@example.com", uuid)
    assert hit["invoice"]["total"] == {"micros": 29_000_000, "currency": "USD"}
    for body, fields in (
        ({}, {"text": ["required"]}),
        ({"text": "x"}, {"text": ["too_short"]}),
        ({"text": "ada", "page": 0}, {"page": ["out_of_range"]}),
    ):
        refused = api.post("/api/support/invoices/find/", body)
        assert (refused.status_code, refused.json()["fields"]) == (422, fields)


def test_disputes_are_listed(api: Api, buyer: FakeService) -> None:
    uuid = api.post(CHECKOUT, ORDER).json()["order_uuid"]
    buyer.dispute(uuid)
    [found] = api.get("/api/support/disputes/").json()
    assert (found["state"], found["amount"]["micros"]) == ("open", 29_000_000)


SUPPORT: list[tuple[str, dict[str, Any] | None]] = [  # Any: JSON
    ("/api/support/transfers/", None),
    ("/api/support/transfers/received/", None),
    ("/api/support/disputes/", None),
    ("/api/support/transfers/receive/", {"reference": "x", "amount": "1.00", "bank_reference": "b"}),
    ("/api/support/invoices/find/", {"text": "ada"}),
    ("/api/support/refunds/preview/", {"invoice_uuid": "0" * 32}),
    ("/api/support/refunds/", {"request": {"invoice_uuid": "0" * 32}, "preview_hash": "x"}),
]


@pytest.mark.parametrize(("path", "body"), SUPPORT, ids=[path for path, _ in SUPPORT])
def test_where_money_is_real_a_buyer_finds_no_support(
    api: Api, buyer: FakeService, path: str, body: dict[str, Any] | None
) -> None:
    buyer.world.is_test_mode = False
    answer = api.get(path) if body is None else api.post(path, body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# ---- webhooks


class Listening(FakeService):
    """Keeps what it was handed."""

    taken: list[tuple[Actor, Webhook]]

    def for_actor(self, actor: Actor) -> Listening:
        twin = Listening(self.world, actor)
        twin.taken = self.taken
        return twin

    async def take_webhook(self, webhook: Webhook) -> None:
        self.taken.append((self.actor, webhook))


@pytest.fixture
def listening(settled_heap: None) -> Listening:
    """A service that only listens."""
    service = Listening()
    service.taken = []
    return service


@pytest.fixture
def ears(loop: asyncio.Runner, listening: Listening) -> Iterator[httpx.AsyncClient]:
    """A client of the application in front of it."""
    client = httpx.AsyncClient(transport=in_process(app_over(listening)), base_url=BASE)
    yield client
    loop.run(client.aclose())


def send(loop: asyncio.Runner, http: httpx.AsyncClient, body: bytes, **headers: str) -> httpx.Response:
    return loop.run(http.post(WEBHOOK, content=body, headers=headers))


def test_a_webhook_is_handed_on_byte_for_byte_as_nobody(
    loop: asyncio.Runner, ears: httpx.AsyncClient, listening: Listening
) -> None:
    body = b'\xef\xbb\xbf {"a":1}\r\n\x00\xff'
    headers = {"Stripe-Signature": "t=1,v1=ab", "Content-Type": "text/odd", "Authorization": "Basic x"}
    answer = send(loop, ears, body, **headers, **{"Cart-Token": "device-1"})
    assert (answer.status_code, answer.content) == (200, b"{}")
    [(actor, webhook)] = listening.taken
    assert actor == Actor()
    assert (webhook.provider, webhook.body) == ("test", body)
    assert dict(webhook.headers).items() >= {"stripe-signature": "t=1,v1=ab", "content-type": "text/odd"}.items()
    assert [name for name, _ in webhook.headers if name != name.lower()] == []


def test_the_largest_webhook_is_taken_and_one_byte_more_is_not(
    loop: asyncio.Runner, ears: httpx.AsyncClient, listening: Listening
) -> None:
    assert send(loop, ears, b"x" * LARGEST).status_code == 200
    for _ in range(3):
        flood = send(loop, ears, b"x" * (LARGEST + 1))
        assert (flood.status_code, flood.json()["code"]) == (413, "too_large")
    assert [len(webhook.body) for _, webhook in listening.taken] == [LARGEST]


def test_a_body_that_does_not_say_how_long_it_is_is_cut_off(
    loop: asyncio.Runner, ears: httpx.AsyncClient, listening: Listening
) -> None:
    async def long() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * (LARGEST // 8)

    answer = loop.run(ears.post(WEBHOOK, content=long()))
    assert (answer.status_code, listening.taken) == (413, [])


def test_forged_and_unknown_webhooks_are_refused(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    forged = send(loop, http, b"{}")
    assert (forged.status_code, forged.json()["code"]) == (400, "event_rejected")
    nobody = loop.run(http.post("/api/webhooks/nobody/", content=b"{}"))
    assert (nobody.status_code, nobody.json()["code"]) == (404, "not_found")
    assert loop.run(http.get(WEBHOOK)).status_code == 405


def test_a_webhook_that_cannot_be_stored_is_sent_again(
    loop: asyncio.Runner, http: httpx.AsyncClient, fake: FakeService
) -> None:
    fake.fail("take_webhook", DiskFull())
    assert send(loop, http, b"{}").status_code == 507


@pytest.mark.logs("internal_error")
def test_not_even_a_bug_logs_what_a_webhook_says(
    loop: asyncio.Runner, settled_heap: None, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(FakeService):
        def for_actor(self, actor: Actor) -> Broken:
            return Broken(self.world, actor)

        async def take_webhook(self, webhook: Webhook) -> None:
            raise ZeroDivisionError

    client = httpx.AsyncClient(transport=in_process(app_over(Broken())), base_url=BASE)
    answer = send(loop, client, b'{"card": "marked"}', **{"Stripe-Signature": "signed"})
    loop.run(client.aclose())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "internal_error" in caplog.text
    assert "marked" not in caplog.text
    assert "signed" not in caplog.text


def test_a_webhook_over_http_finishes_a_purchase(
    api: Api, buyer: FakeService, loop: asyncio.Runner, http: httpx.AsyncClient
) -> None:
    uuid = api.post(CHECKOUT, PAGE).json()["order_uuid"]
    buyer.pages.pay(uuid)
    webhook = buyer.pages.webhook(uuid)
    for _ in range(2):
        assert send(loop, http, webhook.body, **dict(webhook.headers)).status_code == 200
    assert api.get(order_path(uuid)).json()["state"] == "done"
    assert len(buyer.world.charges) == 1


# ---- coming back


@pytest.mark.parametrize("query", ["", "?session=cs_1", "?token=%3Cscript%3E&PayerID=x", f"?{'x' * 4000}"])
def test_the_page_to_come_back_to_is_the_same_for_everybody(
    loop: asyncio.Runner, http: httpx.AsyncClient, query: str
) -> None:
    answer = loop.run(http.get(f"/pay/return/{query}"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "You can close this page and go back to Souk" in answer.text
    assert answer.text == loop.run(http.get("/pay/return/")).text
    assert answer.headers["Cache-Control"] == "no-store"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "script" not in policy
    assert "<script" not in answer.text


def test_exact_values_come_back_whole_for_the_remote_service(api: Api, buyer: FakeService) -> None:
    body = PAGE | {"payment_method": "invoice"}
    placed = api.post(CHECKOUT, body, key="k").json()["order_uuid"]
    exact = json.loads(api.get(order_path(placed), {"Accept": wire.NATIVE_TYPE}).content)
    account = [list(pair) for pair in buyer.world.bank_account]
    assert (exact["payment_state"], exact["transfer"]["account"]) == ("processing", account)
