"""What Stripe tells: events as ours, their signature, and the list of them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from services.gateways.payments import EventForged, EventPage, ProviderEvent
from services.gateways.stripe_shapes import KEY, REFERENCE, Doc

TOLERANCE = timedelta(seconds=300)  # both ways: the client library itself accepts instants in the future
HEADER = "stripe-signature"
_DIGITS = 11  # of an instant that a calendar knows

# At most twenty may be asked for at once.
TYPES = (
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.processing",
    "payment_intent.amount_capturable_updated",
    "setup_intent.succeeded",
    "setup_intent.setup_failed",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "refund.updated",
    "refund.failed",
    "payment_method.detached",
)
_TOPICS = (
    ("charge.dispute.", "dispute"),
    ("checkout.session.", "payment"),
    ("payment_intent.", "payment"),
    ("setup_intent.", "payment"),
    ("refund.", "refund"),
    ("charge.refunded", "refund"),
    ("payment_method.", "method"),
)


def read(event: Doc, payload: str = "") -> ProviderEvent:
    """An event as Stripe sends it."""
    kind, subject = str(event["type"]), event["data"]["object"]
    meta = subject.get("metadata") or {}
    topic = next((topic for prefix, topic in _TOPICS if kind.startswith(prefix)), "other")
    return ProviderEvent(
        str(event["id"]), topic, kind, datetime.fromtimestamp(event["created"], UTC), str(subject.get("id", "")),
        _charge_of(subject), str(meta.get(KEY, "")), str(meta.get(REFERENCE, "")), payload or json.dumps(event),
    )  # fmt: skip


def _charge_of(subject: Doc) -> str:
    """The payment an object belongs to."""
    if subject.get("object") in ("payment_intent", "setup_intent"):
        return str(subject["id"])
    found = subject.get("payment_intent") or subject.get("setup_intent") or ""
    return str(found["id"] if isinstance(found, dict) else found)


def page_of(listed: Sequence[Doc], cursor: str) -> EventPage:
    """Stripe lists the newest first."""
    events = tuple(read(one) for one in reversed(listed))
    return EventPage(events, events[-1].id if events else cursor)


def verify(
    headers: Mapping[str, str], body: bytes, secrets: tuple[str, ...], now: datetime, *, is_live: bool
) -> ProviderEvent:
    """A webhook signed with one of our secrets (two while one is replaced) within five minutes of `now`, about the
    account our key belongs to. EventForged."""
    stamp, given = _parts(headers.get(HEADER, ""))
    signed = stamp.encode() + b"." + body
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    if not any(hmac.compare_digest(_bytes(one), _bytes(good)) for one in given for good in expected):
        raise EventForged
    if abs(now - datetime.fromtimestamp(int(stamp), UTC)) > TOLERANCE:
        raise EventForged
    try:
        event = json.loads(body)
        # What happened on an account that is only connected to ours names that account.
        if bool(event["livemode"]) is not is_live or event.get("account"):
            raise EventForged
        return read(event, body.decode())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EventForged from error


def _parts(header: str) -> tuple[str, list[str]]:
    """When it was signed, in seconds, and the signatures of the scheme that is in use. EventForged."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    given = [value for name, _, value in pairs if name == "v1"]
    if len(stamps) != 1 or not stamps[0].isascii() or not stamps[0].isdigit() or len(stamps[0]) > _DIGITS or not given:
        raise EventForged
    return stamps[0], given


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
