"""What only HTTP has of money: Waldur's invoices, files, statuses of payments, amounts as people write them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from services import wire
from services.api.types import Document, InvoiceState
from services.http.call import Call
from services.http.documents import reply_document
from services.http.shapes_invoices import STATES
from tests.contract.test_http_shape import links
from tests.fakes import FakeService
from tests.samples_money import history

NATIVE = {"Accept": wire.NATIVE_TYPE}


@pytest.fixture
def api(loop: asyncio.Runner, http: httpx.AsyncClient, fake: FakeService) -> Api:
    """Calls of somebody with a history."""
    service = loop.run(fake.sign_up())
    loop.run(history(service))
    return Api(loop, http, {"Authorization": f"Token {service.actor.session}"})


class Api:
    def __init__(self, loop: asyncio.Runner, http: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self._loop, self._http, self._headers = loop, http, headers

    def get(self, path: str, headers: dict[str, str] | None = None, **parameters: Any) -> httpx.Response:
        return self._loop.run(self._http.get(path, params=parameters, headers=self._headers | (headers or {})))

    def post(self, path: str, body: Any = None, key: str = "") -> httpx.Response:  # Any: JSON
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        return self._loop.run(self._http.post(path, json=body or {}, headers=headers))


def test_invoices_are_a_list_in_waldurs_shape(api: Api) -> None:
    answer = api.get("/api/invoices/", page_size=2, kind="invoice", state="paid")
    rows = answer.json()
    assert (answer.status_code, len(rows)) == (200, 2)
    assert int(answer.headers["X-Result-Count"]) > 2
    assert set(links(answer)) == {"first", "next", "last"}
    row = rows[0]
    assert row["state"] == "paid"
    assert row["url"] == f"http://souk.test/api/invoices/{row['uuid']}/"
    assert row["customer"] == f"http://souk.test/api/customers/{row['customer_uuid']}/"
    assert (row["year"], row["month"]) == tuple(int(part) for part in row["invoice_date"].split("-")[:2])
    total, parts = float(row["total"]), float(row["price"]) + float(row["tax"])
    assert abs(total - parts) < 1e-9
    assert row["items"][0]["price"].count(".") == 1
    assert len(row["items"][0]["price"].split(".")[1]) == 10


def test_a_date_that_is_not_there_is_left_out(api: Api) -> None:
    upcoming = api.get("/api/invoices/upcoming/").json()
    assert upcoming
    assert all("due_date" not in row and "invoice_date" not in row for row in upcoming)


@pytest.mark.parametrize("query", [{"state": "gone"}, {"kind": "bill"}, {"page": "0"}, {"page_size": "301"}])
def test_filters_that_are_none_are_refused_by_name(api: Api, query: dict[str, Any]) -> None:
    answer = api.get("/api/invoices/", **query)
    assert (answer.status_code, list(answer.json()["fields"])) == (422, list(query))


def test_a_file_has_a_name_and_its_own_type(api: Api) -> None:
    uuid = api.get("/api/invoices/", state="paid").json()[0]["uuid"]
    for kind, media_type in (("pdf", "application/pdf"), ("json", "application/json"), ("csv", "text/csv")):
        answer = api.get(f"/api/invoices/{uuid}/{kind}/")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media_type)
        assert answer.headers["content-disposition"].startswith('attachment; filename="')
        assert f".{kind}" in answer.headers["content-disposition"]
        exact = wire.decode(api.get(f"/api/invoices/{uuid}/{kind}/", NATIVE).content, Document)
        assert exact.data == answer.content
    assert api.get(f"/api/invoices/{uuid}/exe/").json()["fields"] == {"format": ["unknown"]}


def test_a_file_name_cannot_break_out_of_its_header() -> None:
    scope: Any = {"type": "http", "headers": [], "method": "GET", "path": "/", "query_string": b""}  # as ASGI has it
    call = Call(scope)
    reply = reply_document(call, Document('a"\r\nX: ö;.pdf', "application/pdf", b""))
    [value] = [value for name, value in reply.extra if name == b"content-disposition"]
    assert value == b"attachment; filename=\"a___X____.pdf\"; filename*=UTF-8''a%22%0D%0AX%3A%20%C3%B6%3B.pdf"


def test_amounts_may_be_written_as_people_do(api: Api) -> None:
    exact = api.post("/api/wallets/quote-top-up/", {"amount": {"micros": 20_000_000, "currency": "USD"}})
    assert exact.json()["credit"] == {"micros": 20_000_000, "currency": "USD"}
    assert api.post("/api/wallets/quote-top-up/", {"amount": "20.00"}).json() == exact.json()
    texts: list[Any] = ["20,00", "1e3", "NaN", "", "0.0000001"]
    for odd in [*texts, [], 20, {"micros": 1.5}, {"micros": 5, "currency": "XXX"}]:
        answer = api.post("/api/wallets/quote-top-up/", {"amount": odd})
        assert (answer.status_code, set(answer.json()["fields"])) in (
            (422, {"amount"}),
            (422, {"amount.micros"}),
            (422, {"amount.currency"}),
        ), odd


def test_a_payment_that_waits_for_the_buyer_is_202(api: Api) -> None:
    cards = {card["outcome"]: card["token"] for card in api.get("/api/payment-methods/").json()["test_cards"]}
    body = {"amount": "20.00", "payment_token": cards["needs_confirmation"]}
    waits = api.post("/api/wallets/top-up/", body, key="one")
    assert (waits.status_code, waits.json()["action"]["kind"]) == (202, "redirect")
    uuid = waits.json()["payment_uuid"]
    confirmed = api.post(f"/api/payments/{uuid}/confirm/", {"approve": True})
    assert (confirmed.status_code, confirmed.json()["state"]) == (201, "succeeded")
    before = api.get("/api/wallets/").json()["balance"]
    assert api.post("/api/wallets/top-up/", body, key="one").json()["payment_uuid"] == uuid
    assert api.get("/api/wallets/").json()["balance"] == before
    assert api.post("/api/wallets/top-up/", body | {"amount": "30.00"}, key="one").json()["code"] == "key_reused"


def test_movements_and_happenings_are_paged_lists(api: Api) -> None:
    for path in ("/api/wallet-movements/", "/api/events/", "/api/subscriptions/", "/api/quotes/"):
        answer = api.get(path, page_size=2)
        assert (answer.status_code, len(answer.json())) == (200, 2), path
        assert int(answer.headers["X-Result-Count"]) > 2, path


def test_explanations_are_read_page_by_page(api: Api) -> None:
    invoice = api.get("/api/invoices/", None, state="paid").json()[0]
    whole = api.get("/api/explain/", ref=f"invoice:{invoice['uuid']}").json()
    assert whole["child_count"] == len(whole["children"]) > 0
    first = api.get("/api/explain/", ref=f"invoice:{invoice['uuid']}", limit=1).json()
    assert first["children"] == whole["children"][:1]
    assert api.get("/api/explain/", ref="nonsense").status_code == 404
    assert api.get("/api/explain/", ref=f"invoice:{invoice['uuid']}", limit="x").json()["fields"] == {
        "limit": ["out_of_range"]
    }


def test_states_have_waldurs_words() -> None:
    assert set(STATES) == set(InvoiceState)


def test_a_correction_is_read_back_as_both_papers(api: Api) -> None:
    rows = api.get("/api/invoices/", state="paid", kind="invoice", page_size=50).json()
    uuid = next(row["uuid"] for row in rows if not row.get("replaced_by_uuid") and float(row["total"]) > 0)
    details = {"name": "New Name Ltd", "country": "FR"}
    both = api.post(f"/api/invoices/{uuid}/correct/", details, key="fix").json()
    assert both["credit_note"]["corrects_uuid"] == uuid
    shown = api.get(f"/api/invoices/{both['invoice']['uuid']}/").json()
    assert shown["customer_details"]["name"] == "New Name Ltd"
