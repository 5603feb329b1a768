"""Refusals over HTTP: one shape for all of them, keys that replay, bodies that lie, streams that break."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.api.errors import AgentUnavailable, CardDeclined, LimitReached, TooManyTries
from services.api.types import AnswerPart
from services.http.server import LARGEST_BODY, create_app
from tests.contract.conftest import BASE, app_over, in_process
from tests.contract.test_http_shape import ORDER, signed_in
from tests.fakes import PASSWORD, FakeService

CHECKOUT = "/api/marketplace/quick-checkout/"
SAMPLE = "/api/marketplace-public-offerings/customer-care/sample-chat/"


def post(loop: asyncio.Runner, http: httpx.AsyncClient, path: str, content: bytes, **headers: str) -> httpx.Response:
    return loop.run(http.post(path, content=content, headers=headers))


# ---- one shape


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/no/such/path", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("DELETE", "/api/users/me/", 405, "method_not_allowed"),
        ("GET", "/api/marketplace-public-offerings/nothing/", 404, "not_found"),
        ("GET", "/api/users/me/", 401, "not_signed_in"),
        ("GET", "/api/marketplace-orders/", 401, "not_signed_in"),
        ("POST", "/api/users/", 422, "invalid_input"),
    ],
)
def test_every_refusal_has_one_shape(
    loop: asyncio.Runner, http: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = loop.run(http.request(method, path))
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert list(body) == ["code", "detail", "params", "fields"]
    assert body["detail"].endswith(".")
    assert answer.headers.get("WWW-Authenticate") == ("Token" if status == 401 else None)


def test_expected_errors_keep_status_params_and_fields(
    loop: asyncio.Runner, http: httpx.AsyncClient, fake: FakeService
) -> None:
    async def walk() -> None:
        headers = await signed_in(http)
        fake.fail("quick_checkout", CardDeclined(order_uuid="0" * 32))
        declined = await http.post(CHECKOUT, json=ORDER, headers=headers)
        assert (declined.status_code, declined.json()["code"]) == (402, "card_declined")
        assert declined.json()["params"] == {"order_uuid": "0" * 32}
        fake.fail("sign_in", TooManyTries(seconds=30))
        paused = await http.post("/api-auth/password/", json={"username": "ada@example.com", "password": "x"})
        assert (paused.status_code, paused.headers["Retry-After"]) == (429, "30")
        taken = await http.post("/api/users/", json={"email": "ada@example.com", "password": PASSWORD})
        assert (taken.status_code, taken.json()["fields"]) == (409, {"email": ["already_used"]})

    loop.run(walk())


@pytest.mark.logs("internal_error")
def test_a_bug_answers_500_with_a_trace_id_and_nothing_else(loop: asyncio.Runner, logged: Any) -> None:
    class Broken(FakeService):
        async def list_categories(self) -> Any:
            raise ZeroDivisionError("secret detail")

        def for_actor(self, actor: object) -> FakeService:
            return self

    client = httpx.AsyncClient(transport=in_process(app_over(Broken())), base_url=BASE)
    answer = loop.run(client.get("/api/marketplace-categories/"))
    trace = answer.json()["params"]["trace"]
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text
    assert [trace in line for line in logged.take("internal_error")] == [True]


def test_unknown_kinds_of_authorization_are_refused(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    for value in ("Basic YWRhOng=", "Token", "Token ", "made-up"):
        answer = loop.run(http.get("/api/marketplace-categories/", headers={"Authorization": value}))
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in"), value


# ---- bodies


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"\xff\xfe",
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b'{"email": "\\ud800"}',
        b"NaN",
    ],
)
def test_what_is_no_json_object_is_refused(loop: asyncio.Runner, http: httpx.AsyncClient, content: bytes) -> None:
    answer = post(loop, http, "/api/users/", content)
    assert (answer.status_code, answer.json()["fields"]) == (422, {"body": ["unexpected"]})


def test_a_large_body_is_refused_unread(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    answer = post(loop, http, "/api/users/", b" " * (LARGEST_BODY + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_every_wrong_field_is_named_at_once(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    wrong = {
        "offering_uuid": 7,
        "plan_uuid": None,
        "payment_method": "barter",
        "billing_cycle": 12,
        "terms_accepted": "yes",
        "project_name": "a\x00b",
        "organization_name": ["x"],
    }
    answer = loop.run(http.post(CHECKOUT, json=wrong))
    assert answer.json()["fields"] == {
        "offering_uuid": ["unexpected"],
        "plan_uuid": ["required"],
        "payment_method": ["unknown"],
        "billing_cycle": ["unexpected"],
        "terms_accepted": ["unexpected"],
        "project_name": ["unexpected"],
        "organization_name": ["unexpected"],
    }
    missing = loop.run(http.post(CHECKOUT, json={})).json()
    assert missing["fields"] == {"offering_uuid": ["required"], "plan_uuid": ["required"]}
    nested = loop.run(http.post("/api/carts/", json={"draft": {"password": "x", "email": 1}})).json()
    assert nested["fields"] == {"draft.password": ["unexpected"], "draft.email": ["unexpected"]}


def test_prices_sent_by_the_client_are_refused_and_buy_nothing(
    loop: asyncio.Runner, http: httpx.AsyncClient, fake: FakeService
) -> None:
    async def walk() -> None:
        headers = await signed_in(http)
        for extra in ({"price": 1}, {"total": "0.01"}, {"currency": "JPY"}, {"unit_price": 0}, {"discount": 100}):
            answer = await http.post(CHECKOUT, json={**ORDER, **extra}, headers=headers)
            assert (answer.status_code, answer.json()["fields"]) == (422, {next(iter(extra)): ["unexpected"]})
        for quantity in (0, -1, 2**63, 1.5, "1e3", None, [1]):
            answer = await http.post(CHECKOUT, json={**ORDER, "quantity": quantity}, headers=headers)
            assert (answer.status_code, answer.json()["fields"]) == (422, {"quantity": ["unexpected"]})
        nan = json.dumps({**ORDER, "quantity": float("nan")}).encode()
        assert (await http.post(CHECKOUT, content=nan, headers=headers)).status_code == 422

    loop.run(walk())
    assert fake.world.charges == []


def test_refusals_do_not_repeat_what_was_sent(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    for body in (
        {"email": "canary-1", "password": "canary-2"},
        {"email": "a@b.example", "password": 7, "canary": "canary-3"},
    ):
        answer = loop.run(http.post("/api/users/", json=body))
        assert answer.status_code == 422
        assert not any(f"canary-{number}" in answer.text for number in (1, 2, 3))


# ---- Idempotency-Key


def test_the_same_key_replays_the_same_answer(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    body, headers = {"email": "ada@example.com", "password": PASSWORD}, {"Idempotency-Key": "sign-up"}
    first = loop.run(http.post("/api/users/", json=body, headers=headers))
    again = loop.run(http.post("/api/users/", json=body, headers=headers))
    assert (again.status_code, again.json()) == (201, first.json())
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    other = loop.run(http.post("/api/users/", json={**body, "full_name": "Ada"}, headers=headers))
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")
    elsewhere = loop.run(
        http.post("/api/users/", json={**body, "full_name": "A"}, headers={**headers, "Cart-Token": "x"})
    )
    assert elsewhere.json()["code"] == "email_taken"


def test_a_refused_call_frees_its_key(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "sign-up"}
    assert loop.run(http.post("/api/users/", json={"email": "x", "password": "y"}, headers=headers)).status_code == 422
    good = {"email": "ada@example.com", "password": PASSWORD}
    assert loop.run(http.post("/api/users/", json=good, headers=headers)).status_code == 201


def test_a_call_being_worked_on_is_not_started_twice(
    loop: asyncio.Runner, http: httpx.AsyncClient, fake: FakeService
) -> None:
    async def race() -> None:
        gate = fake.hold("register")
        body, headers = {"email": "ada@example.com", "password": PASSWORD}, {"Idempotency-Key": "sign-up"}
        first = asyncio.create_task(http.post("/api/users/", json=body, headers=headers))
        await gate.reached.wait()
        second = await http.post("/api/users/", json=body, headers=headers)
        gate.open()
        assert (second.status_code, second.json()["code"]) == (409, "request_in_progress")
        assert (await first).status_code == 201

    loop.run(race())


def test_a_purchase_without_a_key_is_a_new_one_each_time(
    loop: asyncio.Runner, http: httpx.AsyncClient, fake: FakeService
) -> None:
    async def walk() -> None:
        headers = await signed_in(http)
        for _ in range(2):
            assert (await http.post(CHECKOUT, json=ORDER, headers=headers)).status_code == 201
        for _ in range(2):
            keyed = await http.post(CHECKOUT, json=ORDER, headers={**headers, "Idempotency-Key": "one"})
            assert keyed.status_code == 201
        odd = await http.post(CHECKOUT, json=ORDER, headers={**headers, "Idempotency-Key": "x" * 256})
        assert (odd.status_code, odd.json()["fields"]) == (422, {"Idempotency-Key": ["too_long"]})

    loop.run(walk())
    assert len(fake.world.charges) == 3


# ---- guests


def test_a_guest_without_a_token_gets_one_and_keeps_the_cart_by_it(
    loop: asyncio.Runner, http: httpx.AsyncClient
) -> None:
    saved = loop.run(http.post("/api/carts/", json={"offering_uuid": ORDER["offering_uuid"]}))
    token = saved.headers["Cart-Token"]
    assert len(token) == 32
    kept = loop.run(http.get("/api/carts/", headers={"Cart-Token": token})).json()
    assert kept["offering_uuid"] == ORDER["offering_uuid"]
    assert loop.run(http.get("/api/carts/")).json()["offering_uuid"] == ""
    assert loop.run(http.delete("/api/carts/", headers={"Cart-Token": token})).status_code == 204


def test_foreign_pages_read_nothing_unless_their_origin_is_named(loop: asyncio.Runner) -> None:
    def allowed(origin: str, *origins: str) -> str | None:
        app = create_app(FakeService(), allowed_origins=origins)
        client = httpx.AsyncClient(transport=in_process(app), base_url=BASE)
        answer = loop.run(client.get("/api/marketplace-categories/", headers={"Origin": origin}))
        value: str | None = answer.headers.get("Access-Control-Allow-Origin")
        return value

    assert allowed("https://evil.test") is None
    assert allowed("https://evil.test", "https://shop.test") is None
    assert allowed("null", "https://shop.test") is None
    assert allowed("https://shop.test.evil.test", "https://shop.test") is None
    assert allowed("https://shop.test", "https://shop.test") == "https://shop.test"
    with pytest.raises(ValueError, match="name the origins"):
        create_app(FakeService(), allowed_origins=["*"])


# ---- streams


def events(answer: httpx.Response) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for block in answer.text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event", "message"), json.loads(lines["data"])))
    return found


def test_an_answer_streams_one_part_a_line(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    answer = loop.run(http.post(SAMPLE, json={"text": "Worn shoes?"}))
    parts = events(answer)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["Cart-Token"]
    assert {kind for kind, _ in parts} == {"message"}
    assert "".join(part["text"] for _, part in parts) == parts[-1][1]["message"]["text"]
    assert all(part["message"] is None for _, part in parts[:-1])


def test_who_accepts_json_gets_the_whole_answer_at_once(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    answer = loop.run(http.post(SAMPLE, json={"text": "Worn shoes?"}, headers={"Accept": "application/json"}))
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["text"] == answer.json()["message"]["text"]


def test_a_refusal_before_the_first_word_keeps_its_status(
    loop: asyncio.Runner, http: httpx.AsyncClient, fake: FakeService
) -> None:
    fake.fail("ask_sample", LimitReached(limit="sample", left=0), times=2)
    for accept in ("*/*", "application/json"):
        answer = loop.run(http.post(SAMPLE, json={"text": "x"}, headers={"Accept": accept}))
        assert (answer.status_code, answer.json()["params"]) == (429, {"limit": "sample", "left": 0})


class Stuttering(FakeService):
    """Says one word, then what it was told to do happens."""

    trouble: Exception | None = None
    was_closed = False

    def for_actor(self, actor: object) -> FakeService:
        return self

    async def ask_sample(self, offering_uuid: str, text: str, *, key: str) -> AsyncIterator[AnswerPart]:
        try:
            for word in ("Worn", " shoes", " go", " back"):
                yield AnswerPart(word)
                await asyncio.sleep(0)
                if self.trouble:
                    raise self.trouble
        finally:
            self.was_closed = True


@pytest.mark.logs("internal_error")
@pytest.mark.parametrize(
    ("trouble", "code"), [(AgentUnavailable(), "agent_unavailable"), (ZeroDivisionError("secret"), "internal_error")]
)
def test_an_error_midway_ends_the_stream_with_an_error_event(
    loop: asyncio.Runner, trouble: Exception, code: str
) -> None:
    service = Stuttering()
    service.trouble = trouble
    client = httpx.AsyncClient(transport=in_process(app_over(service)), base_url=BASE)
    answer = loop.run(client.post(SAMPLE, json={"text": "x"}))
    (_, first), (kind, error) = events(answer)
    assert (answer.status_code, first["text"], kind, error["code"]) == (200, "Worn", "error", code)
    assert "secret" not in answer.text
    assert service.was_closed


def test_a_stream_nobody_reads_any_more_is_closed(loop: asyncio.Runner) -> None:
    service, sent = Stuttering(), []
    body = iter([{"type": "http.request", "body": b'{"text": "x"}', "more_body": False}])

    async def receive() -> Any:
        return next(body, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)
        await asyncio.sleep(0)

    scope = {
        "type": "http", "method": "POST", "path": SAMPLE, "query_string": b"", "headers": [], "scheme": "http",
        "root_path": "", "http_version": "1.1", "server": ("souk.test", 80), "client": ("souk.test", 1), "asgi": {},
        "extensions": {}, "state": {},
    }  # fmt: skip
    app: Any = app_over(service)
    loop.run(app(scope, receive, send))
    words = [message for message in sent if message["type"] == "http.response.body" and message["body"]]
    assert len(words) < 4
    assert service.was_closed
