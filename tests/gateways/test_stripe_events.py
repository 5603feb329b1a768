"""What Stripe tells: events asked for in order, webhooks that are believed only when they are Stripe's and of now."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from services.api.money import Money
from services.gateways.payments import DisputeFacts, EventForged, ProviderEvent
from services.gateways.stripe_events import TYPES
from tests.gateways.stripe_rig import KEY, SECRET, START, Rig, wish

OTHER = "whsec_" + "of_before"
INSTANT = int(START.timestamp())


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "twin")
    yield rig
    rig.close()
    assert rig.provider.breaches == []


@pytest.fixture
def kim(rig: Rig, loop: asyncio.Runner) -> str:
    return loop.run(rig.customer())


def charge(rig: Rig, loop: asyncio.Runner, key: str = KEY, *, customer: str = "") -> str:
    return loop.run(rig.pays.charge(wish("1.00", token="pm_card_visa", customer=customer), key=key)).id


# ---------------------------------------------------------------- asked for


def test_a_purchase_on_a_page_is_told_and_leads_to_our_row(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    paid = loop.run(rig.pay(wish(customer=kim)))
    page = loop.run(rig.pays.list_events("", since=START))
    of_payment = [one for one in page.events if one.topic == "payment"]
    assert {one.kind for one in of_payment} >= {"payment_intent.succeeded", "checkout.session.completed"}
    for one in of_payment:
        assert (one.charge_id, one.key, one.reference, one.created_at) == (paid.id, KEY, "order-1", START)
        assert json.loads(one.payload)["id"] == one.id


def test_events_are_told_once_and_the_oldest_first(rig: Rig, loop: asyncio.Runner) -> None:
    first = loop.run(rig.pays.list_events("", since=START))
    assert (first.events, first.cursor) == ((), "")
    made = []
    for number in range(3):
        made.append(charge(rig, loop, f"k{number}"))
        rig.clock.move(seconds=1)
    page = loop.run(rig.pays.list_events("", since=START))
    assert subjects(page.events) == made
    assert page.cursor == page.events[-1].id
    assert loop.run(rig.pays.list_events(page.cursor, since=START)).events == ()
    later = charge(rig, loop, "later")
    following = loop.run(rig.pays.list_events(page.cursor, since=START))
    assert subjects(following.events) == [later]
    assert following.cursor == following.events[-1].id


def subjects(events: tuple[ProviderEvent, ...]) -> list[str]:
    return [one.subject for one in events if one.kind == "payment_intent.succeeded"]


def test_none_of_hundreds_of_events_is_left_out(rig: Rig, loop: asyncio.Runner) -> None:
    begun = charge(rig, loop, "first")
    cursor = loop.run(rig.pays.list_events("", since=START)).cursor

    async def many() -> list[str]:
        request = wish("1.00", token="pm_card_visa")
        return [(await rig.pays.charge(request, key=f"k{number}")).id for number in range(130)]

    made = loop.run(many())
    everything = loop.run(rig.pays.list_events("", since=START))
    assert subjects(everything.events) == [begun, *made]
    told: list[str] = []
    while (page := loop.run(rig.pays.list_events(cursor, since=START))).events:
        assert len(page.events) <= 100
        told += subjects(page.events)
        cursor = page.cursor
    assert told == made


def test_events_are_looked_for_since_an_instant_when_the_cursor_is_too_old(rig: Rig, loop: asyncio.Runner) -> None:
    charge(rig, loop, "before")
    rig.clock.move(hours=2)
    later = charge(rig, loop, "after")
    since = START + timedelta(hours=1)
    page = loop.run(rig.pays.list_events("evt_of_long_ago", since=since))
    assert subjects(page.events) == [later]
    assert page.cursor == page.events[-1].id
    assert loop.run(rig.pays.list_events("evt_of_long_ago", since=since + timedelta(hours=2))).cursor == ""


def test_only_what_is_handled_is_asked_for_and_not_too_much_at_once(rig: Rig, loop: asyncio.Runner) -> None:
    assert len(TYPES) == len(set(TYPES)) <= 20
    loop.run(rig.pays.list_events("", since=START))
    method, path, sent = rig.wire.asked[-1]
    assert (method, path) == ("GET", "/v1/events")
    assert {value for name, value in sent.items() if name.startswith("types")} == set(TYPES)


def test_what_is_refunded_is_told_and_leads_to_its_payment(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    charge_id = charge(rig, loop, customer=kim)
    cursor = loop.run(rig.pays.list_events("", since=START)).cursor
    loop.run(rig.pays.refund(charge_id, Money.parse("1.00"), key="r"))
    page = loop.run(rig.pays.list_events(cursor, since=START))
    assert {(one.topic, one.charge_id) for one in page.events} == {("refund", charge_id)}
    assert "charge.refunded" in {one.kind for one in page.events}


def test_a_forgotten_method_is_told_by_its_token(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    paid = loop.run(rig.pay(wish(customer=kim)))
    assert paid.method is not None
    cursor = loop.run(rig.pays.list_events("", since=START)).cursor
    loop.run(rig.pays.forget(paid.method.token))
    page = loop.run(rig.pays.list_events(cursor, since=START))
    assert [(one.topic, one.kind, one.subject) for one in page.events] == [
        ("method", "payment_method.detached", paid.method.token)
    ]


# ---------------------------------------------------------------- disputes


def test_a_dispute_is_told_and_read_as_it_stands(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    charge_id = charge(rig, loop, customer=kim)
    dispute_id = rig.twin.open_dispute(charge_id, 100)
    told = [one for one in loop.run(rig.pays.list_events("", since=START)).events if one.topic == "dispute"]
    assert [(one.subject, one.charge_id) for one in told][:1] == [(dispute_id, charge_id)]
    facts = loop.run(rig.pays.get_dispute(dispute_id))
    assert facts is not None
    assert facts.answer_by is not None
    assert facts == DisputeFacts(dispute_id, charge_id, Money.parse("1.00"), "open", "fraudulent", facts.answer_by)
    assert START < facts.answer_by < START + timedelta(days=60)


@pytest.mark.parametrize(("is_won", "state"), [(True, "won"), (False, "lost")])
def test_a_dispute_is_won_or_lost(rig: Rig, loop: asyncio.Runner, kim: str, is_won: bool, state: str) -> None:
    dispute_id = rig.twin.open_dispute(charge(rig, loop, customer=kim), 100)
    rig.twin.close_dispute(dispute_id, is_won=is_won)
    facts = loop.run(rig.pays.get_dispute(dispute_id))
    assert facts is not None
    assert facts.state == state


def test_a_dispute_nobody_opened_is_none(rig: Rig, loop: asyncio.Runner) -> None:
    assert loop.run(rig.pays.get_dispute("dp_nothing")) is None


# ---------------------------------------------------------------- webhooks

PAID: dict[str, Any] = {  # Any: JSON
    "id": "evt_1",
    "type": "payment_intent.succeeded",
    "created": INSTANT,
    "livemode": False,
    "data": {
        "object": {
            "id": "pi_1",
            "object": "payment_intent",
            "metadata": {"souk_key": KEY, "souk_reference": "order-1"},
        }
    },
}
BODY = json.dumps(PAID).encode()


def signature(body: bytes, secret: str = SECRET, at: int = INSTANT) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def header(body: bytes = BODY, secret: str = SECRET, at: int = INSTANT) -> dict[str, str]:
    return {"stripe-signature": f"t={at},v1={signature(body, secret, at)}"}


def verify(
    rig: Rig, loop: asyncio.Runner, headers: dict[str, str], body: bytes = BODY, *, now: datetime = START,
    secret: str = SECRET,
) -> ProviderEvent:  # fmt: skip
    return loop.run(rig.gateway(secret=secret).verify_event(headers, body, now=now))


def test_a_webhook_of_stripe_is_taken(rig: Rig, loop: asyncio.Runner) -> None:
    event = verify(rig, loop, header())
    assert event == ProviderEvent(
        "evt_1", "payment", "payment_intent.succeeded", START, "pi_1", "pi_1", KEY, "order-1", BODY.decode()
    )


def test_the_library_of_stripe_signs_and_reads_as_we_do(rig: Rig, loop: asyncio.Runner) -> None:
    import stripe  # slow to import, and only wanted here

    at = int(time.time())  # the library knows no other clock
    body = json.dumps(PAID | {"created": at}).encode()
    stripe.WebhookSignature.verify_header(body, header(body, at=at)["stripe-signature"], SECRET, tolerance=300)
    assert verify(rig, loop, header(body, at=at), body, now=datetime.fromtimestamp(at, UTC)).id == "evt_1"


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_webhook_within_five_minutes_is_taken(rig: Rig, loop: asyncio.Runner, seconds: int) -> None:
    assert verify(rig, loop, header(at=INSTANT + seconds)).id == "evt_1"


@pytest.mark.parametrize("seconds", [-301, 301, 86_400, -86_400])
def test_a_webhook_of_another_time_is_forged_also_one_of_the_future(
    rig: Rig, loop: asyncio.Runner, seconds: int
) -> None:
    with pytest.raises(EventForged):
        verify(rig, loop, header(at=INSTANT + seconds))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"stripe-signature": ""},
        header(secret=OTHER),
        header(body=BODY + b" "),
        {"stripe-signature": f"t={INSTANT}"},
        {"stripe-signature": f"t={INSTANT},v0={signature(BODY)}"},
        {"stripe-signature": f"v1={signature(BODY)}"},
        {"stripe-signature": f"t=,v1={signature(BODY)}"},
        {"stripe-signature": f"t=-{INSTANT},v1={signature(BODY)}"},
        {"stripe-signature": f"t=²,v1={signature(BODY)}"},
        {"stripe-signature": f"t={10**30},v1={signature(BODY, at=10**30)}"},
        {"stripe-signature": f"t={INSTANT},v1=é"},
        {"stripe-signature": f"t={INSTANT},v1=\udcff"},
        {"stripe-signature": f"t=1,t={INSTANT},v1={signature(BODY)}"},
        {"stripe-signature": f"t={INSTANT},t=1,v1={signature(BODY)}"},
        {"stripe-signature": f"t={INSTANT},v1="},
    ],
)
def test_a_webhook_that_is_not_signed_as_it_must_be_is_forged(
    rig: Rig, loop: asyncio.Runner, headers: dict[str, str]
) -> None:
    with pytest.raises(EventForged):
        verify(rig, loop, headers)


def test_one_changed_byte_anywhere_is_seen(rig: Rig, loop: asyncio.Runner) -> None:
    gateway = rig.gateway(secret=SECRET)
    signed = header()
    for place in range(0, len(BODY), 7):
        changed = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
        with pytest.raises(EventForged):
            loop.run(gateway.verify_event(signed, changed, now=START))


def test_while_a_secret_is_replaced_both_are_good(rig: Rig, loop: asyncio.Runner) -> None:
    both = f"{OTHER} , {SECRET}"
    assert verify(rig, loop, header(), secret=both).id == "evt_1"
    assert verify(rig, loop, header(secret=OTHER), secret=both).id == "evt_1"
    signed_twice = f"t={INSTANT},v1={signature(BODY, OTHER)},v1={signature(BODY)}"
    assert verify(rig, loop, {"stripe-signature": signed_twice}).id == "evt_1"


def test_without_a_secret_nothing_is_believed(rig: Rig, loop: asyncio.Runner) -> None:
    for secret in ("", " , "):
        with pytest.raises(EventForged):
            verify(rig, loop, header(secret=""), secret=secret)


@pytest.mark.parametrize("changed", [{"livemode": True}, {"account": "acct_of_another"}, {"type": None, "data": []}])
def test_what_happened_elsewhere_or_makes_no_sense_is_forged(
    rig: Rig, loop: asyncio.Runner, changed: dict[str, object]
) -> None:
    body = json.dumps(PAID | changed).encode()
    with pytest.raises(EventForged):
        verify(rig, loop, header(body), body)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b"\xff", b"[" * 100_000])
def test_a_signed_body_that_is_no_event_is_forged(rig: Rig, loop: asyncio.Runner, body: bytes) -> None:
    with pytest.raises(EventForged):
        verify(rig, loop, header(body), body)


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        ("checkout.session.async_payment_failed", "payment"),
        ("payment_intent.processing", "payment"),
        ("setup_intent.succeeded", "payment"),
        ("refund.failed", "refund"),
        ("charge.refunded", "refund"),
        ("charge.dispute.closed", "dispute"),
        ("payment_method.detached", "method"),
        ("charge.succeeded", "other"),
        ("invoice.paid", "other"),
        ("payout.paid", "other"),
    ],
)
def test_what_an_event_is_about(rig: Rig, loop: asyncio.Runner, kind: str, topic: str) -> None:
    body = json.dumps(PAID | {"type": kind}).encode()
    event = verify(rig, loop, header(body), body)
    assert (event.topic, event.kind) == (topic, kind)


@pytest.mark.loopback
def test_the_twin_tells_what_is_asked_for_signed_as_stripe_does(
    rig: Rig, loop: asyncio.Runner, until: Callable[..., None]
) -> None:
    with Ear() as ear:
        rig.twin.add_webhook(ear.url, SECRET)
        charge_id = charge(rig, loop)
        until(lambda: any(json.loads(body)["type"] == "payment_intent.succeeded" for _, body in ear.heard))
        told = [verify(rig, loop, headers, body) for headers, body in list(ear.heard)]
    listed = loop.run(rig.pays.list_events("", since=START)).events
    assert {one.id for one in listed} & {one.id for one in told if one.charge_id == charge_id}


class Ear:
    """Where webhooks are sent to."""

    def __enter__(self) -> Ear:
        heard: list[tuple[dict[str, str], bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response_only(200)
                self.send_header("content-length", "0")
                self.end_headers()

        self.heard = heard
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
