"""What PayPal tells of by itself: its list of events, and its webhooks, which it checks for us on request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from services.gateways import paypal_shapes as shapes
from services.gateways.payments import DisputeFacts, EventForged, EventPage, ProviderEvent
from services.gateways.paypal_client import PayPalClient, expect
from services.gateways.paypal_json import Json, first, instant, link, money, parse, parts, stamp, text

EVENTS = "/v1/notifications/webhooks-events"
VERIFY = "/v1/notifications/verify-webhook-signature"

EVENT_LIFE = timedelta(days=30) - timedelta(hours=1)  # PayPal tells of thirty days
OVERLAP = timedelta(minutes=5)  # an event may come into the list after a younger one
FRESH = timedelta(minutes=5)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
PAGE_SIZE = 100
PAGES_MAX = 500  # far more than a month brings

SIGNED = {
    "auth_algo": "paypal-auth-algo",
    "cert_url": "paypal-cert-url",
    "transmission_id": "paypal-transmission-id",
    "transmission_sig": "paypal-transmission-sig",
    "transmission_time": "paypal-transmission-time",
}
TOPICS = (
    ("PAYMENT.CAPTURE.REFUNDED", "refund"),
    ("PAYMENT.CAPTURE.REVERSED", "refund"),
    ("PAYMENT.REFUND.", "refund"),
    ("PAYMENT.CAPTURE.", "payment"),
    ("PAYMENT.AUTHORIZATION.", "payment"),
    ("CHECKOUT.ORDER.", "payment"),
    ("CHECKOUT.PAYMENT-APPROVAL.", "payment"),
    ("CUSTOMER.DISPUTE.", "dispute"),
    ("RISK.DISPUTE.", "dispute"),
    ("VAULT.", "method"),
)
KINDS = {"capture": shapes.CAPTURE, "authorization": shapes.HOLD, "checkout-order": shapes.ORDER}
DISPUTES_LOST = frozenset({"RESOLVED_BUYER_FAVOUR", "ACCEPTED"})


# ---------------------------------------------------------------- the list


async def list_events(client: PayPalClient, cursor: str, *, since: datetime, now: datetime) -> EventPage:
    """See Payments.list_events. The cursor is the newest instant seen and the ids of the last five minutes before it,
    so that a latecomer is still told, and nothing twice."""
    newest_text, *seen = cursor.split(",") if cursor else [""]
    newest = instant({"at": newest_text}, "at")
    start = max(newest - OVERLAP if newest else since, now - EVENT_LIFE)
    oldest_first = (await read_events(client, start, now))[::-1]
    told = sorted(oldest_first, key=lambda event: event.created_at)  # which keeps the order within an instant
    newest = max([newest or start, *(event.created_at for event in told)])
    recent = [_mark(event) for event in told if event.created_at >= newest - OVERLAP]
    fresh = tuple(event for event in told if _mark(event) not in set(seen))
    return EventPage(fresh, ",".join([newest.isoformat(), *recent]))


def _mark(event: ProviderEvent) -> str:
    """Its id, short enough to keep hundreds."""
    return hashlib.sha256(event.id.encode()).hexdigest()[:12]


async def read_events(client: PayPalClient, since: datetime, until: datetime) -> list[ProviderEvent]:
    """All events of this span, newest first as PayPal gives them. ProviderUnreachable."""
    query = {
        "page_size": str(PAGE_SIZE),
        "start_time": stamp(since),
        "end_time": stamp(until + timedelta(seconds=1)),
    }
    found: dict[str, ProviderEvent] = {}
    for _ in range(PAGES_MAX):
        page = expect(await client.get(EVENTS, query))
        found |= {event.id: event for event in map(read_event, parts(page, "events"))}
        following = parse_qs(urlsplit(link(page, "next")).query)  # its query alone: the address is ours
        if not following:
            break
        query = {name: values[0] for name, values in following.items()}
    return list(found.values())


def read_event(event: Json, payload: str = "") -> ProviderEvent:
    """An event as the list or a webhook has it."""
    kind, resource = text(event, "event_type"), _resource(event)
    topic = next((topic for start, topic in TOPICS if kind.startswith(start)), "other")
    unit = shapes.unit_of(resource)
    return ProviderEvent(
        id=text(event, "id"),
        topic=topic,
        kind=kind,
        created_at=instant(event, "create_time") or LONG_AGO,
        subject=text(resource, "id") or text(resource, "dispute_id"),
        charge_id=_charge_id(event, resource),
        key=text(resource, "invoice_id") or text(unit, "invoice_id"),
        reference=text(resource, "custom_id") or text(unit, "custom_id"),
        payload=payload or json.dumps(event, separators=(",", ":")),
    )


def _resource(event: Json) -> Json:
    found = event.get("resource")
    return found if isinstance(found, Mapping) else {}


def _charge_id(event: Json, resource: Json) -> str:
    kind = text(event, "resource_type")
    if kind in KINDS:
        return shapes.prefixed(KINDS[kind], text(resource, "id"))
    if kind == "refund":
        _, _, capture_id = link(resource, "up").rpartition("/captures/")
        return shapes.prefixed(shapes.CAPTURE, capture_id) if capture_id else ""
    disputed = text(first(parts(resource, "disputed_transactions")), "seller_transaction_id")
    return shapes.prefixed(shapes.CAPTURE, disputed) if disputed else ""


# ---------------------------------------------------------------- webhooks


async def verify_event(
    client: PayPalClient, headers: Mapping[str, str], body: bytes, *, webhook_id: str, now: datetime
) -> ProviderEvent:
    """See Payments.verify_event. What can be seen from here is seen first, so that rubbish makes no call."""
    signed = {name: headers.get(header, "") for name, header in SIGNED.items()}
    sent_at = instant(signed, "transmission_time")
    if not webhook_id or not all(signed.values()) or sent_at is None or abs(now - sent_at) > FRESH:
        raise EventForged
    if not is_certificate_of(signed["cert_url"], client.base_url):
        raise EventForged
    try:
        event = parse(body)
    except ValueError:
        raise EventForged from None
    # PayPal signed these bytes: they must not be written anew
    known = json.dumps(signed | {"webhook_id": webhook_id})
    content = known[:-1].encode() + b',"webhook_event":' + body + b"}"
    answer = await client.call("POST", VERIFY, content=content)
    if text(answer.body, "verification_status") != "SUCCESS" or not answer.is_well:
        raise EventForged
    return read_event(event, body.decode("utf-8", "replace"))


def is_twin(base_url: str) -> bool:
    """Whether it is a test provider on this machine."""
    base = urlsplit(base_url)
    return base.scheme == "http" and base.hostname in ("127.0.0.1", "::1")


def is_certificate_of(cert_url: str, base_url: str) -> bool:
    """Whether the certificate lies with PayPal, or with the test provider that is in use."""
    try:
        bits, base = urlsplit(cert_url), urlsplit(base_url)
        host, port, is_plain = bits.hostname or "", bits.port, bits.username is None and bits.password is None
    except ValueError:
        return False
    if bits.scheme == "https" and is_plain and port in (None, 443):
        return host == "paypal.com" or host.endswith(".paypal.com")
    return is_twin(base_url) and is_plain and (bits.scheme, bits.netloc) == (base.scheme, base.netloc)


# ---------------------------------------------------------------- disputes


def read_dispute(dispute: Json) -> DisputeFacts | None:
    """None when it says too little."""
    amount = money(dispute, "dispute_amount")
    charge_id = _charge_id({}, dispute)
    if amount is None:
        return None
    outcome = text(dispute, "dispute_outcome", "outcome_code")
    state = "open"
    if text(dispute, "status") == "RESOLVED":
        # where PayPal pays the buyer itself, the seller keeps the money
        state = "lost" if outcome in DISPUTES_LOST else "won"
    return DisputeFacts(
        text(dispute, "dispute_id"),
        charge_id,
        amount,
        state,
        text(dispute, "reason").lower(),
        instant(dispute, "seller_response_due_date"),
    )
