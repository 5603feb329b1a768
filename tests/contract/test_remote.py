"""What only the remote service knows: lines that break, proxies that answer, streams that end early."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from services.api.contract import Actor, Service
from services.api.errors import (
    AgentUnavailable,
    EventRejected,
    InvalidInput,
    NotFound,
    Offline,
    PaymentUnknown,
    ProviderRejected,
    ServiceError,
)
from services.api.money import Money
from services.api.types import (
    AddMethod,
    AnswerPart,
    OfferingQuery,
    PaymentMethod,
    PayOrder,
    QuickCheckout,
    ReceiveTransfer,
    RefundRequest,
    SortOrder,
    Webhook,
)
from services.remote import RemoteService, connect
from tests.contract.market import answer_of, raises

ORDER = QuickCheckout("a" * 32, "b" * 32, payment_token="tok_test_pays", terms_accepted=True)
Handler = Callable[[httpx.Request], httpx.Response]


def remote(handler: Handler, actor: Actor | None = None) -> RemoteService:
    client = httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://souk.test")
    return RemoteService(client, actor)


def failing(error: type[httpx.RequestError]) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error("no", request=request)

    return handler


def answering(status: int, body: bytes) -> Handler:
    return lambda _request: httpx.Response(status, content=body)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ReadError])
def test_a_broken_line_is_offline(loop: asyncio.Runner, error: type[httpx.RequestError]) -> None:
    service = remote(failing(error))
    loop.run(raises(Offline, service.list_categories()))
    loop.run(raises(Offline, service.clear_cart()))
    loop.run(raises(Offline, answer_of(service.ask("r", "x", key="k"))))


def test_a_purchase_that_was_not_sent_is_offline(loop: asyncio.Runner) -> None:
    for error in (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        loop.run(raises(Offline, remote(failing(error)).quick_checkout(ORDER, key="k")))


def test_a_purchase_whose_answer_is_lost_is_unknown_never_undone(loop: asyncio.Runner) -> None:
    lost = [failing(error) for error in (httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.WriteError)]
    lost += [answering(status, b"<html>Gateway</html>") for status in (502, 503, 504)]
    for handler in lost:
        loop.run(raises(PaymentUnknown, remote(handler).quick_checkout(ORDER, key="k")))
        loop.run(raises(PaymentUnknown, remote(handler).confirm_order("o", approve=True)))
    said_so = answering(503, b'{"code": "offline", "detail": "", "params": {}, "fields": {}}')
    loop.run(raises(Offline, remote(said_so).quick_checkout(ORDER, key="k")))


def test_what_is_no_souk_server_is_an_error_not_a_crash(loop: asyncio.Runner) -> None:
    for body in (b"<html>Welcome to nginx!</html>", b"[]", b'{"items": 7}', b""):
        error = loop.run(raises(ServiceError, remote(answering(200, body)).list_offerings(OfferingQuery())))
        assert error.params == {"reason": "not_a_souk_answer"}
    loop.run(raises(ServiceError, remote(answering(301, b"")).list_offerings(OfferingQuery())))
    loop.run(raises(Offline, remote(answering(502, b"")).list_offerings(OfferingQuery())))


def test_what_may_have_moved_money_is_unknown_when_its_answer_is_lost(loop: asyncio.Runner) -> None:
    service = remote(failing(httpx.ReadTimeout))
    refund = RefundRequest("i")
    for work in (
        service.pay_order("o", PayOrder(), key="k"),
        service.cancel_order("o"),
        service.cancel_payment("p"),
        service.pay_invoice("i", "", key="k", page=PaymentMethod.CARD),
        service.add_payment_method(AddMethod(), key="k"),
        service.receive_transfer(ReceiveTransfer("r", Money.parse("1"), "b"), key="k"),
        service.refund_invoice(refund, "h", key="k"),
    ):
        loop.run(raises(PaymentUnknown, work))
    for looks in (service.refresh_order("o"), service.refresh_payment("p"), service.preview_refund(refund)):
        loop.run(raises(Offline, looks))


def test_a_webhook_is_handed_on_as_it_came(loop: asyncio.Runner) -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"{}")

    headers = (("host", "evil.example"), ("content-length", "9999"), ("stripe-signature", "t=1"), ("x-twice", "a"))
    service = remote(handler, Actor("device", "session"))
    loop.run(service.take_webhook(Webhook("../users", headers, b"\x00\xff")))
    [request] = seen
    assert (request.url.raw_path, request.content) == (b"/api/webhooks/..%2Fusers/", b"\x00\xff")
    assert (request.headers["host"], request.headers["content-length"]) == ("souk.test", "2")
    assert (request.headers["stripe-signature"], request.headers["x-twice"]) == ("t=1", "a")
    assert not {"authorization", "cart-token"} & set(request.headers)


def test_a_webhook_that_is_not_taken_is_an_error(loop: asyncio.Runner) -> None:
    webhook = Webhook("test", (), b"{}")
    body = b'{"code": "event_rejected", "detail": "", "params": {}, "fields": {}}'
    loop.run(raises(EventRejected, remote(answering(400, body)).take_webhook(webhook)))
    loop.run(raises(Offline, remote(failing(httpx.ReadTimeout)).take_webhook(webhook)))
    loop.run(raises(Offline, remote(answering(502, b"")).take_webhook(webhook)))
    odd = Webhook("test", (("test-signature", "\ud800"),), b"{}")
    loop.run(raises(EventRejected, remote(answering(200, b"{}")).take_webhook(odd)))


def test_a_refusal_of_a_provider_is_no_lost_answer(loop: asyncio.Runner) -> None:
    body = b'{"code": "provider_rejected", "detail": "", "params": {"reason": "key_invalid"}, "fields": {}}'
    error = loop.run(raises(ProviderRejected, remote(answering(502, body)).pay_order("o", PayOrder(), key="k")))
    assert error.params == {"reason": "key_invalid"}


def test_a_stream_that_ends_before_its_message_is_offline(loop: asyncio.Runner) -> None:
    handler = answering(200, b'data: {"text":"Worn"}\n\n')
    got: list[AnswerPart] = []

    async def read() -> None:
        async for part in remote(handler).ask("r", "x", key="k"):
            got.append(part)

    loop.run(raises(Offline, read()))
    assert got == [AnswerPart("Worn")]


def test_an_error_event_is_raised_as_its_class(loop: asyncio.Runner) -> None:
    body = b'data: {"text":"Worn"}\n\nevent: error\ndata: {"code":"agent_unavailable","params":{"try":2}}\n\n'
    error = loop.run(raises(AgentUnavailable, answer_of(remote(answering(200, body)).ask("r", "x", key="k"))))
    assert error.params == {"try": 2}


def test_a_stream_may_be_cut_anywhere_and_hold_odd_line_breaks(loop: asyncio.Runner) -> None:
    text = "one\u2028two\x85three 🦊"
    message = f'{{"uuid":"m","role":"agent","text":"{text}","created_at":"2026-03-14T09:26:53Z"}}'
    body = f'data: {{"text":"{text}"}}\r\n\r\n: a comment\n\ndata: {{"message":{message}}}\n\n'.encode()

    class Drops(httpx.AsyncByteStream):
        async def __aiter__(self):  # type: ignore[no-untyped-def] # an async generator of bytes
            for byte in body:
                yield bytes([byte])

    service = remote(lambda _request: httpx.Response(200, stream=Drops()))
    assert loop.run(answer_of(service.ask("r", "x", key="k"))).text == text


def test_each_call_says_who_asks_and_what_for(loop: asyncio.Runner) -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(404, content=b"{}")

    service = remote(handler, Actor("device-1", "token-1"))
    query = OfferingQuery("a&b #1", "support", price_max=Money.parse("49.5"), order=SortOrder.NAME, page=2, page_size=7)
    loop.run(raises(NotFound, service.list_offerings(query)))
    loop.run(raises(NotFound, service.quick_checkout(ORDER, key="key-1")))
    loop.run(raises(NotFound, service.get_offering("../../users/me")))
    assert dict(seen[0].url.params) == {
        "keyword": "a&b #1",
        "category": "support",
        "price_max": "49.500000",
        "currency": "USD",
        "o": "name",
        "page": "2",
        "page_size": "7",
    }
    headers = seen[1].headers
    assert (headers["Authorization"], headers["Cart-Token"]) == ("Token token-1", "device-1")
    assert (headers["Idempotency-Key"], headers["Accept"]) == ("key-1", "application/vnd.souk+json")
    assert seen[2].url.raw_path == b"/api/marketplace-public-offerings/..%2F..%2Fusers%2Fme/"


def test_half_a_surrogate_pair_is_refused_or_replaced(loop: asyncio.Runner) -> None:
    service = remote(answering(200, b'{"items":[],"total":0}'))
    assert loop.run(service.list_offerings(OfferingQuery("fox \ud83e"))).total == 0
    loop.run(raises(InvalidInput, service.suggest_names("fox \ud83e"), body="unexpected"))
    loop.run(raises(InvalidInput, answer_of(service.ask("r", "\ud83e", key="k")), body="unexpected"))


def test_connecting_sends_nothing_and_gives_a_service(loop: asyncio.Runner) -> None:
    remote_service = connect("http://127.0.0.1:9", Actor("device-1"))
    service: Service = remote_service
    assert service.actor == Actor("device-1")
    assert service.for_actor(Actor("device-2")).actor == Actor("device-2")
    loop.run(remote_service.close())
