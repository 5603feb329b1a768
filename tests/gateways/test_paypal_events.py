"""What PayPal tells by itself: its list of events, webhooks good and forged, disputes, and the doctor's questions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from services.api.money import Money
from services.gateways.payments import EventForged, ProviderEvent
from services.gateways.paypal_events import is_certificate_of
from services.gateways.paypal_payments import PayPalPayments
from services.twin.paypal_events import signed_headers
from tests.twin.paypal_rig import BASE, KEY, START, Rig, wish

Change = Callable[[dict[str, str], bytes], tuple[dict[str, str], bytes]]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()
    assert rig.twin.breaches == []


def told(rig: Rig, loop: asyncio.Runner, cursor: str = "") -> tuple[ProviderEvent, ...]:
    return loop.run(rig.pays.list_events(cursor, since=START - timedelta(hours=1))).events


# ---------------------------------------------------------------- the list


def test_events_come_oldest_first_and_lead_to_our_row(rig: Rig, loop: asyncio.Runner) -> None:
    paid = loop.run(rig.pay())
    loop.run(rig.pays.refund(paid.id, Money.parse("9.00"), key="back"))
    events = told(rig, loop)
    assert [(event.topic, event.kind) for event in events] == [
        ("payment", "CHECKOUT.ORDER.APPROVED"),
        ("payment", "PAYMENT.CAPTURE.COMPLETED"),
        ("method", "VAULT.PAYMENT-TOKEN.CREATED"),
        ("refund", "PAYMENT.CAPTURE.REFUNDED"),
    ]
    agreed, captured, _, refunded = events
    assert (agreed.key, agreed.reference, agreed.charge_id[:6]) == (KEY, "order-1", "order:")
    assert (captured.key, captured.reference, captured.charge_id) == (KEY, "order-1", paid.id)
    assert (refunded.key, refunded.charge_id) == ("back", paid.id)


def test_a_cursor_goes_on_without_a_gap_and_without_a_repeat(rig: Rig, loop: asyncio.Runner) -> None:
    seen: list[str] = []
    cursor = ""
    for number in range(4):
        loop.run(rig.pay(key=f"key-{number}", request=wish(saves=False)))
        for _ in range(2):
            page = loop.run(rig.pays.list_events(cursor, since=START))
            seen += [event.id for event in page.events]
            cursor = page.cursor
        rig.clock.move(minutes=number * 2)
    assert len(seen) == len(set(seen)) == 8


def test_an_event_that_comes_into_the_list_late_is_told_as_well(rig: Rig, loop: asyncio.Runner) -> None:
    rig.clock.move(minutes=3)
    loop.run(rig.pay(request=wish(saves=False)))
    cursor = loop.run(rig.pays.list_events("", since=START)).cursor
    rig.clock.move(minutes=-2)
    loop.run(rig.pay(key="late", request=wish(saves=False)))
    rig.clock.move(minutes=2)
    events = loop.run(rig.pays.list_events(cursor, since=START)).events
    assert [event.key for event in events] == ["late", "late"]


def test_more_events_than_a_page_holds_are_all_told(rig: Rig, loop: asyncio.Runner) -> None:
    method = loop.run(rig.pay()).method
    assert method is not None
    for number in range(110):
        loop.run(rig.pays.charge(wish(token=method.token), key=f"saved-{number}"))
    captured = [event.key for event in told(rig, loop) if event.kind == "PAYMENT.CAPTURE.COMPLETED"]
    assert captured == [KEY, *(f"saved-{number}" for number in range(110))]


def test_news_older_than_thirty_days_is_not_asked_for(rig: Rig, loop: asyncio.Runner) -> None:
    loop.run(rig.pay())
    rig.clock.move(days=40)
    assert loop.run(rig.pays.list_events("", since=START)).events == ()


# ---------------------------------------------------------------- webhooks


def webhook(rig: Rig, loop: asyncio.Runner) -> tuple[dict[str, str], bytes, PayPalPayments]:
    """What the twin would post for a payment, and a gateway that expects it."""
    loop.run(rig.pay())
    webhook_id = rig.twin.add_webhook("http://127.0.0.1:1/later")
    record = rig.twin.webhook(webhook_id)
    payload = next(event.payload for event in told(rig, loop) if event.kind == "PAYMENT.CAPTURE.COMPLETED")
    body = payload.replace(",", ", ").encode()  # spaces that a JSON library would not write the same
    headers = signed_headers(record, body, transmission_id="t-1", now="2026-11-24T10:00:00Z", base=BASE)
    return headers, body, rig.gateway(webhook_id=webhook_id)


def test_a_webhook_that_paypal_sent_is_taken(rig: Rig, loop: asyncio.Runner) -> None:
    headers, body, pays = webhook(rig, loop)
    event = loop.run(pays.verify_event(headers, body, now=START))
    assert (event.topic, event.kind, event.key, event.reference) == (
        "payment", "PAYMENT.CAPTURE.COMPLETED", KEY, "order-1"
    )  # fmt: skip
    assert json.loads(event.payload)["id"] == event.id


FORGERIES: dict[str, Change] = {
    "another amount": lambda headers, body: (headers, body.replace(b"29.00", b"99.00")),
    "another signature": lambda headers, body: (headers | {"paypal-transmission-sig": "AAAA"}, body),
    "another transmission": lambda headers, body: (headers | {"paypal-transmission-id": "t-2"}, body),
    "no signature": lambda headers, body: (headers | {"paypal-transmission-sig": ""}, body),
    "another time": lambda headers, body: (headers | {"paypal-transmission-time": "2026-11-24T10:01:00Z"}, body),
    "no time": lambda headers, body: (headers | {"paypal-transmission-time": "soon"}, body),
    "a certificate from elsewhere": lambda headers, body: (
        headers | {"paypal-cert-url": "https://paypal.com.example.net/cert"},
        body,
    ),
    "not JSON": lambda headers, _body: (headers, b"x"),
    "more than an event": lambda headers, body: (headers, body + b',"webhook_id":"X"'),
    "nothing": lambda _headers, _body: ({}, b""),
}


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_webhook_that_paypal_did_not_send_is_forged(rig: Rig, loop: asyncio.Runner, change: Change) -> None:
    headers, body, pays = webhook(rig, loop)
    with pytest.raises(EventForged):
        loop.run(pays.verify_event(*change(headers, body), now=START))


@pytest.mark.parametrize("minutes", [-5.1, 5.1])
def test_a_webhook_of_another_time_is_forged_in_both_directions(rig: Rig, loop: asyncio.Runner, minutes: float) -> None:
    headers, body, pays = webhook(rig, loop)
    assert loop.run(pays.verify_event(headers, body, now=START + timedelta(minutes=4.9))).key == KEY
    with pytest.raises(EventForged):
        loop.run(pays.verify_event(headers, body, now=START + timedelta(minutes=minutes)))


def test_a_webhook_of_another_subscription_is_forged(rig: Rig, loop: asyncio.Runner) -> None:
    headers, body, _ = webhook(rig, loop)
    other = rig.gateway(webhook_id=rig.twin.add_webhook("http://127.0.0.1:1/other"))
    for pays in (other, rig.gateway(webhook_id="")):
        with pytest.raises(EventForged):
            loop.run(pays.verify_event(headers, body, now=START))


def test_rubbish_makes_no_call(rig: Rig, loop: asyncio.Runner) -> None:
    headers, body, pays = webhook(rig, loop)
    before = len(rig.wire.asked)
    for change in ("a certificate from elsewhere", "not JSON", "nothing", "no time"):
        with pytest.raises(EventForged):
            loop.run(pays.verify_event(*FORGERIES[change](headers, body), now=START))
    assert len(rig.wire.asked) == before


@pytest.mark.parametrize(
    ("url", "base", "is_one"),
    [
        ("https://api.paypal.com/v1/notifications/certs/CERT-1", "https://api-m.paypal.com", True),
        ("https://api.sandbox.paypal.com:443/certs", "https://api-m.paypal.com", True),
        ("https://PAYPAL.com/certs", "https://api-m.paypal.com", True),
        ("http://api.paypal.com/certs", "https://api-m.paypal.com", False),
        ("https://api.paypal.com:8443/certs", "https://api-m.paypal.com", False),
        ("https://notpaypal.com/certs", "https://api-m.paypal.com", False),
        ("https://api.paypal.com@example.net/certs", "https://api-m.paypal.com", False),
        ("https://user@api.paypal.com/certs", "https://api-m.paypal.com", False),
        ("https://[::1/certs", "https://api-m.paypal.com", False),
        ("http://127.0.0.1:8742/paypal/certs", "http://127.0.0.1:8742/paypal", True),
        ("http://127.0.0.1:8743/paypal/certs", "http://127.0.0.1:8742/paypal", False),
        ("http://127.0.0.1:8742/paypal/certs", "https://api-m.paypal.com", False),
        ("http://twin.example/certs", "http://twin.example/paypal", False),
    ],
)
def test_a_certificate_lies_with_paypal_or_the_twin_in_use(url: str, base: str, is_one: bool) -> None:
    assert is_certificate_of(url, base) is is_one


# ---------------------------------------------------------------- disputes


@pytest.mark.parametrize(("is_won", "state", "balance"), [(True, "won", 2900), (False, "lost", 0)])
def test_a_dispute_is_open_and_then_won_or_lost(
    rig: Rig, loop: asyncio.Runner, is_won: bool, state: str, balance: int
) -> None:
    paid = loop.run(rig.pay())
    dispute_id = rig.twin.open_dispute(paid.id.partition(":")[2])
    facts = loop.run(rig.pays.get_dispute(dispute_id))
    assert facts is not None
    assert (facts.state, facts.charge_id, facts.amount) == ("open", paid.id, Money.parse("29.00"))
    assert facts.reason == "merchandise_or_service_not_received"
    assert facts.answer_by is not None
    event = told(rig, loop)[-1]
    assert (event.topic, event.subject, event.charge_id) == ("dispute", dispute_id, paid.id)
    rig.twin.close_dispute(dispute_id, is_won=is_won)
    facts = loop.run(rig.pays.get_dispute(dispute_id))
    assert facts is not None
    assert (facts.state, rig.twin.balance("USD")) == (state, balance)


def test_a_dispute_that_is_not_there_is_none(rig: Rig, loop: asyncio.Runner) -> None:
    assert loop.run(rig.pays.get_dispute("PP-D-00000000")) is None


# ---------------------------------------------------------------- the doctor


def codes(rig: Rig, loop: asyncio.Runner, pays: PayPalPayments) -> dict[str, tuple[bool, str]]:
    return {one.what: (one.is_well, one.code) for one in loop.run(pays.check(now=START))}


def test_the_doctor_finds_all_well(rig: Rig, loop: asyncio.Runner) -> None:
    pays = rig.gateway(webhook_id=rig.twin.add_webhook("http://127.0.0.1:1/later"))
    assert codes(rig, loop, pays) == {
        "network": (True, ""),
        "key": (True, ""),
        "account": (True, ""),
        "clock": (True, "unknown"),  # no web server stands between, so nobody says the time
        "webhook": (True, ""),
    }


def test_the_doctor_tells_a_bad_key_from_no_network_and_a_lost_webhook(rig: Rig, loop: asyncio.Runner) -> None:
    assert codes(rig, loop, rig.gateway(secret="revoked"))["key"] == (False, "key_invalid")
    assert codes(rig, loop, rig.gateway(webhook_id="GONE"))["webhook"] == (False, "webhook_unknown")
    assert codes(rig, loop, rig.gateway(webhook_id=""))["webhook"] == (True, "not_configured")
    rig.wire.lose("before", "/v1/oauth2/token", times=3)
    assert codes(rig, loop, rig.gateway()) == {"network": (False, "unreachable")}


@pytest.mark.parametrize(("date", "is_well"), [("10:01:59", True), ("10:02:01", False), ("09:57:59", False)])
def test_the_doctor_sees_a_clock_that_is_wrong(rig: Rig, loop: asyncio.Runner, date: str, is_well: bool) -> None:
    said = {"access_token": "a", "expires_in": 100, "scope": ""}
    headers = {"date": f"Tue, 24 Nov 2026 {date} GMT"}
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json=said, headers=headers))
    pays = PayPalPayments(
        client_id="c", secret="s", base_url=BASE, page_hosts=(), clock=rig.clock, is_test_mode=True,
        default_return_url="http://127.0.0.1:9/", transport=transport,
    )  # fmt: skip
    found = codes(rig, loop, pays)
    assert found["clock"][0] is is_well
    assert found["account"] == (False, "rights_missing")


def test_what_the_gateway_says_of_itself_shows_no_secret(rig: Rig) -> None:
    pays = rig.gateway(secret="canary-secret")
    assert "canary" not in repr(pays) + repr(vars(pays))
