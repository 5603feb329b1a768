"""The calls of the twin's Stripe: which question is answered how, once per idempotency key."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.twin import stripe_state as state
from services.twin.paypal_book import Book
from services.twin.stripe_cards import NAMED
from services.twin.stripe_state import MAXIMUM, MINIMA, Doc, Refusal, get, invalid, missing, new, public, save

VERSION = "2026-10-28.endive"
_LIMIT, _LIMIT_MAX = 10, 100
PAGE_SECONDS = (30 * 60, 24 * 3600)  # how long a page may live


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    params: Doc
    base: str  # where the twin is, for addresses of pages


Answer = Callable[[Book, Call, str], Doc]


def answer(book: Book, call: Call) -> Doc:
    """Refusal."""
    for method, pattern, work in _ROUTES:
        found = pattern.match(call.path)
        if call.method == method and found is not None:
            return work(book, call, found.group(1) if found.groups() else "")
    raise Refusal(404, "invalid_request_error", f"Unrecognized request URL ({call.method}: {call.path}).")


# ---- once


def remembered(book: Book, key: str, call: Call, raw: bytes) -> tuple[int, Doc] | None:
    """What was answered under a key before. Refusal for another question under it."""
    kept = book.get("answer", key)
    if kept is None:
        return None
    if kept["hash"] != _fingerprint(call, raw):
        text = "Keys for idempotent requests can only be used with the same parameters they were first used with."
        raise Refusal(400, "idempotency_error", text)
    return kept["status"], kept["body"]


def remember(book: Book, key: str, call: Call, raw: bytes, status: int, body: Doc) -> None:
    book.put("answer", {"id": key, "hash": _fingerprint(call, raw), "status": status, "body": body})


def _fingerprint(call: Call, raw: bytes) -> str:
    return hashlib.sha256(call.path.encode() + b"\n" + raw).hexdigest()


# ---- objects


def _customer(book: Book, call: Call, _id: str) -> Doc:
    params = call.params
    return new(book, "customer", name=params.get("name"), email=params.get("email"),
               metadata=params.get("metadata", {}))  # fmt: skip


def _amount(book: Book, params: Doc) -> tuple[int, str]:
    currency = str(params["currency"]).lower()
    if currency not in MINIMA:
        raise invalid(f"Invalid currency: {currency}.", param="currency")
    amount = int(params["amount"])
    if amount < MINIMA[currency]:
        raise invalid("The amount is below the minimum.", "amount_too_small", "amount")
    if amount > MAXIMUM:
        raise invalid("The amount is above the maximum.", "amount_too_large", "amount")
    return amount, currency


def _session(book: Book, call: Call, _id: str) -> Doc:
    params, now = call.params, state.seconds(book)
    mode = params["mode"]
    lasts = int(params.get("expires_at", now + PAGE_SECONDS[1])) - now
    if not PAGE_SECONDS[0] - 60 <= lasts <= PAGE_SECONDS[1] + 60:
        raise invalid("The expiry must lie between 30 minutes and 24 hours from now.", param="expires_at")
    for name in ("success_url", "cancel_url"):
        if not re.match(r"https?://[^\s]+$", params.get(name, "http://x")):
            raise invalid("Not a valid URL", "url_invalid", name)
    total, currency, title = _sum_of(book, params)
    kinds = params.get("allowed_payment_method_types") or ["card"]
    if params.get("customer"):
        get(book, params["customer"], "customer")
    made = new(
        book, "checkout.session", mode=mode, status="open", amount_total=total, amount_subtotal=total,
        payment_status="no_payment_required" if mode == "setup" else "unpaid", currency=currency,
        customer=params.get("customer"), customer_email=params.get("customer_email"),
        client_reference_id=params.get("client_reference_id"), metadata=params.get("metadata", {}),
        success_url=params.get("success_url"), cancel_url=params.get("cancel_url"), expires_at=now + lasts,
        payment_method_types=kinds, payment_intent=None, setup_intent=None, _title=title,
        _data=params.get("payment_intent_data") or params.get("setup_intent_data") or {}, _due=now + lasts,
    )  # fmt: skip
    made["url"] = f"{call.base}/c/pay/{made['id']}"
    return save(book, made)


def _sum_of(book: Book, params: Doc) -> tuple[int | None, str, str]:
    if params["mode"] == "setup":
        return None, str(params.get("currency", "usd")).lower(), ""
    lines = params.get("line_items") or []
    if not lines:
        raise invalid("A payment needs line_items.", "parameter_missing", "line_items")
    total = sum(int(line.get("quantity", 1)) * int(line["price_data"]["unit_amount"]) for line in lines)
    first = lines[0]["price_data"]
    amount, currency = _amount(book, {"amount": total, "currency": first["currency"]})
    return amount, currency, str(first.get("product_data", {}).get("name", ""))


def _expire(book: Book, _call: Call, doc_id: str) -> Doc:
    return state.expire(book, get(book, doc_id, "checkout.session"))


def _intent(book: Book, call: Call, _id: str) -> Doc:
    params = call.params
    amount, currency = _amount(book, params)
    customer = params.get("customer")
    made = new(
        book, "payment_intent", amount=amount, currency=currency, customer=customer, status="requires_confirmation",
        capture_method=params.get("capture_method", "automatic"), metadata=params.get("metadata", {}),
        description=params.get("description"), amount_received=0, payment_method=params.get("payment_method"),
        last_payment_error=None, next_action=None, processing=None, shipping=None,
    )  # fmt: skip
    if params.get("confirm") != "true":
        return made
    paid_by = state.method(book, params["payment_method"])
    if paid_by.get("customer") != customer and params["payment_method"] not in NAMED:
        raise invalid("The customer does not have this payment method.", "payment_method_unexpected_state")
    if customer and not paid_by.get("customer"):
        paid_by["customer"] = customer
        save(book, paid_by)
    return state.pay(book, made, paid_by, off_session=params.get("off_session") == "true")


def _setup(book: Book, call: Call, _id: str) -> Doc:
    params = call.params
    paid_by = state.method(book, params["payment_method"])
    if params.get("customer") and not paid_by.get("customer"):
        paid_by["customer"] = params["customer"]
        save(book, paid_by)
    return new(book, "setup_intent", status="succeeded", payment_method=paid_by["id"], customer=params.get("customer"),
               metadata=params.get("metadata", {}), last_setup_error=None, usage="off_session")  # fmt: skip


def _capture(book: Book, _call: Call, doc_id: str) -> Doc:
    return state.capture(book, get(book, doc_id, "payment_intent"))


def _cancel(book: Book, _call: Call, doc_id: str) -> Doc:
    return state.cancel(book, get(book, doc_id, "payment_intent"))


def _detach(book: Book, _call: Call, doc_id: str) -> Doc:
    found = get(book, doc_id, "payment_method")
    if not found.get("customer"):
        raise invalid("The payment method you provided is not attached to a customer.")
    found["customer"] = None
    state.emit(book, "payment_method.detached", save(book, found))
    return found


def _refund(book: Book, call: Call, _id: str) -> Doc:
    params = call.params
    amount = int(params["amount"]) if "amount" in params else None
    intent = get(book, params.get("payment_intent", ""), "payment_intent")
    return state.refund(book, intent, amount, params.get("reason"), params.get("metadata", {}))


def _account(book: Book, _call: Call, _id: str) -> Doc:
    return state.shape("account") | {"id": "acct_twin", "charges_enabled": True, "country": "US", "email": None}


def _balance(book: Book, _call: Call, _id: str) -> Doc:
    currencies = sorted(MINIMA)
    available = [{"amount": state.balance(book, one), "currency": one, "source_types": {}} for one in currencies]
    return state.shape("balance") | {"available": available, "pending": []}


# ---- reading


def _one(kind: str) -> Answer:
    def read(book: Book, _call: Call, doc_id: str) -> Doc:
        return get(book, doc_id, kind)

    return read


def _list(kind: str, *filters: str) -> Answer:
    def read(book: Book, call: Call, _id: str) -> Doc:
        docs = [one for one in reversed(book.all(kind)) if all(_has(one, name, call.params) for name in filters)]
        return _page(docs, call)

    return read


def _has(doc: Doc, name: str, params: Doc) -> bool:
    if name not in params:
        return True
    wanted = params[name]
    if name == "types":
        return doc["type"] in wanted
    if name == "created":
        low, high = int(wanted.get("gte", 0)), int(wanted.get("lte", 2**40))
        return bool(low <= doc["created"] <= high)
    return bool(doc.get(name) == wanted)


def _page(docs: list[Doc], call: Call) -> Doc:
    """Newest first, as Stripe lists."""
    limit = int(call.params.get("limit", _LIMIT))
    if not 1 <= limit <= _LIMIT_MAX:
        raise invalid("The limit must lie between 1 and 100.", param="limit")
    ids = [doc["id"] for doc in docs]
    if after := call.params.get("starting_after"):
        start = _place(ids, after) + 1
        part, more = docs[start : start + limit], len(docs) > start + limit
    elif before := call.params.get("ending_before"):
        end = _place(ids, before)
        part, more = docs[max(0, end - limit) : end], end > limit
    else:
        part, more = docs[:limit], len(docs) > limit
    return {"object": "list", "data": part, "has_more": more, "url": call.path}


def _place(ids: list[str], doc_id: str) -> int:
    if doc_id not in ids:
        raise missing("object", doc_id)
    return ids.index(doc_id)


def expanded(book: Book, doc: Doc, wanted: list[str]) -> Doc:
    """With the objects that were asked for in the place of their ids."""
    found = public(doc)
    for path in wanted:
        _expand(book, found, path.split("."))
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]  # JSON


def _expand(book: Book, doc: Any, path: list[str]) -> None:  # Any: JSON
    value = doc.get(path[0]) if isinstance(doc, dict) else None
    if isinstance(value, str):
        kind = state.KINDS.get(value.partition("_")[0])
        inner = book.get(kind, value) if kind else None
        value = doc[path[0]] = public(inner) if inner else value
    if len(path) > 1:
        _expand(book, value, path[1:])


def _route(method: str, path: str, work: Answer) -> tuple[str, re.Pattern[str], Answer]:
    return method, re.compile("^" + path.replace("*", "([^/]+)") + "$"), work


_ROUTES = (
    _route("POST", "/v1/customers", _customer),
    _route("GET", "/v1/customers/*", _one("customer")),
    _route("POST", "/v1/checkout/sessions", _session),
    _route("GET", "/v1/checkout/sessions", _list("checkout.session", "customer", "created", "payment_intent")),
    _route("POST", "/v1/checkout/sessions/*/expire", _expire),
    _route("GET", "/v1/checkout/sessions/*", _one("checkout.session")),
    _route("POST", "/v1/payment_intents", _intent),
    _route("GET", "/v1/payment_intents", _list("payment_intent", "customer", "created")),
    _route("POST", "/v1/payment_intents/*/capture", _capture),
    _route("POST", "/v1/payment_intents/*/cancel", _cancel),
    _route("GET", "/v1/payment_intents/*", _one("payment_intent")),
    _route("POST", "/v1/setup_intents", _setup),
    _route("GET", "/v1/setup_intents", _list("setup_intent", "customer", "created")),
    _route("GET", "/v1/setup_intents/*", _one("setup_intent")),
    _route("GET", "/v1/payment_methods", _list("payment_method", "customer", "type")),
    _route("POST", "/v1/payment_methods/*/detach", _detach),
    _route("GET", "/v1/payment_methods/*", _one("payment_method")),
    _route("POST", "/v1/refunds", _refund),
    _route("GET", "/v1/refunds", _list("refund", "payment_intent", "created")),
    _route("GET", "/v1/refunds/*", _one("refund")),
    _route("GET", "/v1/events", _list("event", "types", "created")),
    _route("GET", "/v1/disputes/*", _one("dispute")),
    _route("GET", "/v1/charges/*", _one("charge")),
    _route("GET", "/v1/account", _account),
    _route("GET", "/v1/balance", _balance),
)
