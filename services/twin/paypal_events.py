"""What the twin's PayPal tells: its events, and the signature of a webhook, which only it can check."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import datetime

from services.gateways.paypal_json import instant
from services.twin.paypal_book import EVENT, WEBHOOK, Book, Doc, Refusal, public

CERTIFICATE = "/v1/notifications/certs/CERT-TWIN"
ALGORITHM = "SHA256withRSA"  # what PayPal says; the twin's signature is a keyed digest


def emit(book: Book, kind: str, resource_type: str, resource: Doc) -> Doc:
    """Writes an event beside its cause, in the same transaction."""
    event: Doc = {
        "id": f"WH-{book.new_id()}-{book.new_id()}",
        "event_version": "1.0",
        "create_time": book.now().strftime("%Y-%m-%dT%H:%M:%S.") + f"{book.now().microsecond // 1000:03d}Z",
        "resource_type": resource_type,
        "event_type": kind,
        "summary": kind.replace(".", " ").capitalize(),
        "resource": public(resource) | _up(resource),
    }
    return book.put(EVENT, event, ref="fresh")


def _up(resource: Doc) -> Doc:
    """A refund says by a link what it belongs to."""
    if "_capture" not in resource:
        return {}
    href = f"https://api.sandbox.paypal.com/v2/payments/captures/{resource['_capture']}"
    return {"links": [{"href": href, "rel": "up", "method": "GET"}]}


def list_events(book: Book, query: dict[str, list[str]]) -> tuple[list[Doc], str]:
    """Newest first, and the id that the next page starts behind; "" on the last."""
    start, end = (_when(query, name) for name in ("start_time", "end_time"))
    kind, behind = query.get("event_type", [""])[0], query.get("start_id", [""])[0]
    size = query.get("page_size", ["10"])[0]
    if not size.isdigit() or not 1 <= int(size) <= 300:
        raise Refusal(400, "VALIDATION_ERROR", "page_size")
    found = [
        event
        for event in reversed(book.all(EVENT))
        if _is_between(event, start, end) and kind in ("", event["event_type"])
    ]
    ids = [event["id"] for event in found]
    found = found[ids.index(behind) + 1 :] if behind in ids else found
    page = found[: int(size)]
    return page, page[-1]["id"] if len(found) > len(page) else ""


def _when(query: dict[str, list[str]], name: str) -> datetime | None:
    values = query.get(name, [])
    when = instant({"at": values[0]}, "at") if values else None
    if values and when is None:
        raise Refusal(400, "VALIDATION_ERROR", name)
    return when


def _is_between(event: Doc, start: datetime | None, end: datetime | None) -> bool:
    at = instant(event, "create_time")
    return at is not None and (start is None or at >= start) and (end is None or at <= end)


# ---------------------------------------------------------------- signatures


def add_webhook(book: Book, url: str) -> Doc:
    known = next((one for one in book.all(WEBHOOK) if one["url"] == url), None)
    return known or book.put(WEBHOOK, {"id": book.new_id(), "url": url, "_secret": book.new_id(32)})


def signed_headers(webhook: Doc, body: bytes, *, transmission_id: str, now: str, base: str) -> dict[str, str]:
    """What travels with a webhook."""
    return {
        "content-type": "application/json",
        "paypal-transmission-id": transmission_id,
        "paypal-transmission-time": now,
        "paypal-transmission-sig": signature(webhook, body, transmission_id, now),
        "paypal-auth-algo": ALGORITHM,
        "paypal-cert-url": base + CERTIFICATE,
    }


def signature(webhook: Doc, body: bytes, transmission_id: str, time: str) -> str:
    """Over what PayPal signs: the transmission, its time, the webhook and a checksum of the bytes."""
    text = f"{transmission_id}|{time}|{webhook['id']}|{binascii.crc32(body)}"
    return base64.b64encode(hmac.new(webhook["_secret"].encode(), text.encode(), hashlib.sha256).digest()).decode()


def verify(book: Book, body: Doc, raw: bytes) -> bool:
    """Whether the twin sent exactly these bytes to this webhook."""
    webhook = book.get(WEBHOOK, body["webhook_id"])
    if webhook is None or body["auth_algo"] != ALGORITHM or not body["cert_url"].endswith(CERTIFICATE):
        return False
    expected = signature(webhook, event_bytes(raw), body["transmission_id"], body["transmission_time"])
    return hmac.compare_digest(expected, body["transmission_sig"])


def event_bytes(raw: bytes) -> bytes:
    """The event inside a request to check it, byte for byte."""
    text = raw.decode()
    decoder = json.JSONDecoder()
    at = text.index('"webhook_event"') + len('"webhook_event"')
    at = text.index(":", at) + 1
    at += len(text[at:]) - len(text[at:].lstrip())
    _, end = decoder.raw_decode(text, at)
    return text[at:end].encode()
