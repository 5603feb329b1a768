"""The calls of the twin's PayPal: who may make one, what answers it, and how the same one twice is answered once."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from services.gateways.paypal_json import stamp
from services.twin import paypal_events as events
from services.twin import paypal_orders as orders
from services.twin.paypal_book import (
    ACCESS,
    ANSWER,
    CAPTURE,
    DISPUTE,
    EVENT,
    HOLD,
    ORDER,
    REFUND,
    SETUP,
    TOKEN,
    WEBHOOK,
    Book,
    Doc,
    Refusal,
    missing,
    public,
    unprocessable,
)

ACCESS_LIFE = timedelta(hours=9)
SETUP_LIFE = timedelta(days=3)
# how long a Request-Id is remembered
MEMORIES = (("/v2/checkout/", timedelta(hours=6)), ("/v3/vault/", timedelta(hours=3)), ("/v2/", timedelta(days=45)))
SCOPES = " ".join(
    f"https://uri.paypal.com/services/{name}"
    for name in ("payments/payment/authcapture", "payments/refund", "vault/payment-tokens/readwrite")
)
REVOKED = "revoked"  # a secret that ends so is refused


@dataclass(frozen=True, slots=True)
class Call:
    """A request as the routes see it. `base` is the address of this PayPal."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    raw: bytes = field(repr=False)
    body: Doc
    base: str

    @property
    def request_id(self) -> str:
        return self.headers.get("paypal-request-id", "")


@dataclass(frozen=True, slots=True)
class Result:
    """`kind` and `doc` are what is shown of it; without a kind `doc` goes out as it is."""

    status: int
    doc: Doc
    kind: str = ""


Route = Callable[..., Result]


# ---------------------------------------------------------------- who may


def give_access(book: Book, headers: Mapping[str, str]) -> Result:
    """An access token for the key and its secret. Refusal."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        client_id, secret = "", ""
    if scheme.lower() != "basic" or not client_id or not secret or secret.endswith(REVOKED):
        raise Refusal(401, "invalid_client")
    token = {"id": f"A21AA{book.new_id(40)}", "ends_at": stamp(book.now() + ACCESS_LIFE)}
    book.put(ACCESS, token)
    seconds = int(ACCESS_LIFE.total_seconds())
    said = {"scope": SCOPES, "access_token": token["id"], "token_type": "Bearer", "expires_in": seconds}
    return Result(200, said)


def need_access(book: Book, headers: Mapping[str, str]) -> None:
    _, _, value = headers.get("authorization", "").partition("Bearer ")
    token = book.get(ACCESS, value)
    if token is None or book.is_past(token["ends_at"], timedelta()):
        raise Refusal(401, "invalid_token")


# ---------------------------------------------------------------- what answers


def answer(book: Book, call: Call) -> Result:
    """What the call does, once for its Request-Id. Refusal, and then nothing was done."""
    route, found = next(
        (
            (route, found)
            for verb, form, route in ROUTES
            if verb == call.method and (found := form.fullmatch(call.path))
        ),
        (None, None),
    )
    if route is None or found is None:
        raise missing()
    life = next((life for start, life in MEMORIES if call.path.startswith(start)), None)
    if call.method != "POST" or not call.request_id or life is None:
        return route(book, call, *found.groups())
    known = book.get(ANSWER, f"{call.path} {call.request_id}")
    if known is not None and not book.is_past(known["made_at"], life):
        return _again(book, call, known)
    result = route(book, call, *found.groups())
    memory = {
        "id": f"{call.path} {call.request_id}",
        "print": _print(call),
        "made_at": book.stamp(),
        "kind": result.kind,
        "of": result.doc.get("id", ""),
    }
    book.put(ANSWER, memory)
    return result


def _again(book: Book, call: Call, known: Doc) -> Result:
    """As PayPal words it: the latest status of the first request."""
    if known["print"] != _print(call):
        raise unprocessable("PAYPAL_REQUEST_ID_PREVIOUSLY_USED", "It has already been used for another request.")
    return Result(200, book.need(known["kind"], known["of"]), known["kind"]) if known["kind"] else Result(204, {})


def _print(call: Call) -> str:
    return hashlib.sha256(json.dumps(call.body, sort_keys=True).encode()).hexdigest()


def create_order(book: Book, call: Call) -> Result:
    order = orders.create_order(book, call.body)
    return Result(201, order, ORDER)


def get_order(book: Book, _call: Call, order_id: str) -> Result:
    return Result(200, orders.read_order(book, order_id), ORDER)


def take_order(book: Book, _call: Call, order_id: str, step: str) -> Result:
    order = orders.read_order(book, order_id)
    if (step == "authorize") != (order["intent"] == "AUTHORIZE"):
        raise unprocessable("ACTION_DOES_NOT_MATCH_INTENT")
    return Result(201, orders.take_order(book, order), ORDER)


def get_hold(book: Book, _call: Call, hold_id: str) -> Result:
    return Result(200, book.need(HOLD, hold_id), HOLD)


def take_hold(book: Book, call: Call, hold_id: str) -> Result:
    return Result(201, orders.take_hold(book, hold_id, call.body), CAPTURE)


def void_hold(book: Book, _call: Call, hold_id: str) -> Result:
    return Result(200, orders.void_hold(book, hold_id), HOLD)


def get_capture(book: Book, _call: Call, capture_id: str) -> Result:
    return Result(200, book.need(CAPTURE, capture_id), CAPTURE)


def refund_capture(book: Book, call: Call, capture_id: str) -> Result:
    return Result(201, orders.refund_capture(book, capture_id, call.body), REFUND)


def get_refund(book: Book, _call: Call, refund_id: str) -> Result:
    return Result(200, book.need(REFUND, refund_id), REFUND)


def create_setup(book: Book, call: Call) -> Result:
    wallet = call.body["payment_source"]["paypal"]
    setup: Doc = {
        "id": book.new_id(),
        "customer": call.body.get("customer") or {"id": book.new_id(12)},
        "status": "PAYER_ACTION_REQUIRED",
        "payment_source": {"paypal": {"usage_type": wallet["usage_type"]}},
        "_context": wallet["experience_context"],
        "_made_at": book.stamp(),
    }
    return Result(201, book.put(SETUP, setup), SETUP)


def get_setup(book: Book, _call: Call, setup_id: str) -> Result:
    return Result(200, read_setup(book, setup_id), SETUP)


def read_setup(book: Book, setup_id: str) -> Doc:
    setup = book.need(SETUP, setup_id)
    if book.is_past(setup["_made_at"], SETUP_LIFE):
        raise missing()
    return setup


def create_token(book: Book, call: Call) -> Result:
    setup = book.get(SETUP, call.body["payment_source"]["token"]["id"])
    if setup is None:
        raise unprocessable("TOKEN_NOT_FOUND")
    if setup["status"] != "APPROVED":
        raise unprocessable("SETUP_TOKEN_ALREADY_USED" if setup["status"] == "VAULTED" else "SETUP_TOKEN_NOT_APPROVED")
    email = setup["payment_source"]["paypal"]["email_address"]
    token = orders.make_token(book, email, setup["_funding"], setup["customer"]["id"])
    setup["status"] = "VAULTED"
    book.put(SETUP, setup)
    return Result(201, token, TOKEN)


def list_tokens(book: Book, call: Call) -> Result:
    customer = call.query.get("customer_id", [""])[0]
    found = [shown(book, TOKEN, token, call.base) for token in book.all(TOKEN, customer)] if customer else []
    return Result(200, {"customer": {"id": customer}, "payment_tokens": found})


def get_token(book: Book, _call: Call, token_id: str) -> Result:
    return Result(200, book.need(TOKEN, token_id), TOKEN)


def drop_token(book: Book, _call: Call, token_id: str) -> Result:
    token = book.get(TOKEN, token_id)
    if token is not None and book.drop(TOKEN, token_id):
        events.emit(book, "VAULT.PAYMENT-TOKEN.DELETED", "payment_token", token)
    return Result(204, {})


def list_events(book: Book, call: Call) -> Result:
    found, behind = events.list_events(book, call.query)
    links = []
    if behind:
        query = {name: values[0] for name, values in call.query.items()} | {"start_id": behind}
        href = f"{call.base}{call.path}?{urlencode(query)}"
        links.append({"href": href, "rel": "next", "method": "GET"})
    return Result(200, {"events": found, "count": len(found), "links": links})


def get_event(book: Book, _call: Call, event_id: str) -> Result:
    return Result(200, book.need(EVENT, event_id))


def verify_event(book: Book, call: Call) -> Result:
    is_well = events.verify(book, call.body, call.raw)
    return Result(200, {"verification_status": "SUCCESS" if is_well else "FAILURE"})


def create_webhook(book: Book, call: Call) -> Result:
    webhook = events.add_webhook(book, call.body["url"])
    return Result(201, webhook | {"event_types": call.body["event_types"]}, WEBHOOK)


def get_webhook(book: Book, _call: Call, webhook_id: str) -> Result:
    return Result(200, book.need(WEBHOOK, webhook_id), WEBHOOK)


def get_dispute(book: Book, _call: Call, dispute_id: str) -> Result:
    return Result(200, book.need(DISPUTE, dispute_id), DISPUTE)


_ID = "([A-Za-z0-9_-]+)"
ROUTES: tuple[tuple[str, re.Pattern[str], Route], ...] = tuple(
    (verb, re.compile(form.replace("{id}", _ID)), route)
    for verb, form, route in (
        ("POST", "/v2/checkout/orders", create_order),
        ("GET", "/v2/checkout/orders/{id}", get_order),
        ("POST", "/v2/checkout/orders/{id}/(capture|authorize)", take_order),
        ("GET", "/v2/payments/authorizations/{id}", get_hold),
        ("POST", "/v2/payments/authorizations/{id}/capture", take_hold),
        ("POST", "/v2/payments/authorizations/{id}/void", void_hold),
        ("GET", "/v2/payments/captures/{id}", get_capture),
        ("POST", "/v2/payments/captures/{id}/refund", refund_capture),
        ("GET", "/v2/payments/refunds/{id}", get_refund),
        ("POST", "/v3/vault/setup-tokens", create_setup),
        ("GET", "/v3/vault/setup-tokens/{id}", get_setup),
        ("POST", "/v3/vault/payment-tokens", create_token),
        ("GET", "/v3/vault/payment-tokens", list_tokens),
        ("GET", "/v3/vault/payment-tokens/{id}", get_token),
        ("DELETE", "/v3/vault/payment-tokens/{id}", drop_token),
        ("GET", "/v1/notifications/webhooks-events", list_events),
        ("GET", "/v1/notifications/webhooks-events/{id}", get_event),
        ("POST", "/v1/notifications/verify-webhook-signature", verify_event),
        ("POST", "/v1/notifications/webhooks", create_webhook),
        ("GET", "/v1/notifications/webhooks/{id}", get_webhook),
        ("GET", "/v1/customer/disputes/{id}", get_dispute),
    )
)


# ---------------------------------------------------------------- what is shown


def shown(book: Book, kind: str, doc: Doc, base: str) -> Doc:
    """As it goes out: with what it is made of, and with addresses."""
    out = public(doc)
    if kind == ORDER and doc.get("_payments"):
        out["purchase_units"] = [doc["purchase_units"][0] | {"payments": _payments(book, doc, base)}]
    links = _links(kind, doc, base)
    return out | ({"links": links} if links else {})


def _payments(book: Book, order: Doc, base: str) -> Doc:
    made: dict[str, Any] = {}  # Any: JSON, see Doc
    for name, kind in (("authorizations", HOLD), ("captures", CAPTURE)):
        if ids := order["_payments"].get(name):
            made[name] = [shown(book, kind, book.need(kind, one), base) for one in ids]
    refunds = [one for capture_id in order["_payments"].get("captures", ()) for one in book.all(REFUND, capture_id)]
    return made | ({"refunds": [shown(book, REFUND, one, base) for one in refunds]} if refunds else {})


def _links(kind: str, doc: Doc, base: str) -> list[Doc]:
    own = quote(doc["id"], safe="")
    waits = doc.get("status") == "PAYER_ACTION_REQUIRED"
    found: dict[str, tuple[str, str]] = {}
    if kind == ORDER:
        found["self"] = ("GET", f"/v2/checkout/orders/{own}")
        if waits:
            found["payer-action"] = ("GET", f"/checkoutnow?token={own}")
        if doc["status"] == "APPROVED":
            step = "authorize" if doc["intent"] == "AUTHORIZE" else "capture"
            found[step] = ("POST", f"/v2/checkout/orders/{own}/{step}")
    elif kind == SETUP:
        found["self"] = ("GET", f"/v3/vault/setup-tokens/{own}")
        if waits:
            found["approve"] = ("GET", f"/agreements/approve?approval_session_id={own}")
    elif kind == CAPTURE:
        found["self"] = ("GET", f"/v2/payments/captures/{own}")
        found["refund"] = ("POST", f"/v2/payments/captures/{own}/refund")
    elif kind == HOLD:
        found["self"] = ("GET", f"/v2/payments/authorizations/{own}")
    elif kind == REFUND:
        found["self"] = ("GET", f"/v2/payments/refunds/{own}")
        found["up"] = ("GET", f"/v2/payments/captures/{doc['_capture']}")
    elif kind == TOKEN:
        found["self"] = ("GET", f"/v3/vault/payment-tokens/{own}")
    return [{"href": base + path, "rel": name, "method": verb} for name, (verb, path) in found.items()]


def refusal_body(refusal: Refusal, debug_id: str) -> Doc:
    """As PayPal words an error; its token endpoint has a form of its own."""
    if refusal.name in ("invalid_client", "invalid_token"):
        return {"error": refusal.name, "error_description": refusal.description or "Client Authentication failed"}
    details = [{"issue": refusal.issue, "description": refusal.description}] if refusal.issue else []
    message = refusal.description or "The requested action could not be performed."
    return {"name": refusal.name, "message": message, "debug_id": debug_id, "details": details}
