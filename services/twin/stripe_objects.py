"""The objects of the twin's Stripe: made in their published shape, kept, found, told of. No rules of payment.

Amounts are minor units, instants whole seconds. What begins with "_" in an object never leaves the twin.
"""

from __future__ import annotations

import copy
import json
from functools import cache
from importlib.resources import files
from typing import Any

from services.twin.store import Doc, Store

VERSION = "2026-10-28.endive"
# Stands in what is kept for where the twin is: another port after a restart must not spoil old addresses.
HERE = "twin-on-this-machine:"
FRESH, TOLD = "fresh", "told"

PREFIXES = {
    "customer": "cus",
    "checkout.session": "cs_test",
    "payment_intent": "pi",
    "setup_intent": "seti",
    "payment_method": "pm",
    "refund": "re",
    "event": "evt",
    "dispute": "dp",
    "charge": "ch",
}
KINDS = {prefix.partition("_")[0]: kind for kind, prefix in PREFIXES.items()}
_LENGTH = {"checkout.session": 40}
_PAYMENT = ("refund", "charge", "dispute", "checkout.session")  # found by their payment


class Refusal(Exception):
    """An answer of Stripe's that is not the wished one."""

    def __init__(self, status: int, kind: str, message: str, **more: Any) -> None:  # Any: fields of the error
        super().__init__(message)
        self.status = status
        told = {name: value for name, value in more.items() if value not in (None, "")}
        self.body: Doc = {"error": {"type": kind, "message": message, **told}}


def invalid(message: str, code: str = "", param: str = "", **more: Any) -> Refusal:  # Any: as above
    return Refusal(400, "invalid_request_error", message, code=code, param=param, **more)


def missing(what: str, doc_id: str, param: str = "id", status: int = 404) -> Refusal:
    text = f"No such {what}: '{doc_id}'"
    return Refusal(status, "invalid_request_error", text, code="resource_missing", param=param)


@cache
def _shapes() -> dict[str, Doc]:
    text = files("services.twin").joinpath("stripe_shapes.json").read_text("utf-8")
    return json.loads(text)  # type: ignore[no-any-return]  # JSON


def shape(kind: str) -> Doc:
    """An object as Stripe publishes it, to be filled."""
    return copy.deepcopy(_shapes()[kind])


def new(store: Store, kind: str, **fields: Any) -> Doc:  # Any: fields of the object
    """Makes an object of its published shape."""
    doc_id = f"{PREFIXES[kind]}_{store.new_id(_LENGTH.get(kind, 24))}"
    return save(store, shape(kind) | {"livemode": False, "created": store.seconds()} | fields | {"id": doc_id})


def save(store: Store, doc: Doc) -> Doc:
    kind = doc["object"]
    ref = doc.get("_ref") or (doc.get("payment_intent") if kind in _PAYMENT else "")
    return store.put(kind, doc, customer=str(doc.get("customer") or ""), ref=str(ref or ""), due=doc.get("_due"))


def get(store: Store, doc_id: str, kind: str, param: str = "id") -> Doc:
    """Refusal when there is none."""
    doc = store.get(kind, doc_id)
    if doc is None:
        raise missing(kind.replace("checkout.", "").replace("_", ""), doc_id, param, 404 if param == "id" else 400)
    return doc


def public(doc: Any) -> Any:  # Any: JSON
    if isinstance(doc, dict):
        return {name: public(value) for name, value in doc.items() if not name.startswith("_")}
    return [public(one) for one in doc] if isinstance(doc, list) else doc


def emit(store: Store, kind: str, doc: Doc) -> None:
    """An event, told to webhooks afterwards."""
    told = copy.deepcopy(public(doc))
    new(store, "event", type=kind, api_version=VERSION, data={"object": told}, _ref=FRESH)
