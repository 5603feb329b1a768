"""The calls of the twin's Stripe that only read: single objects, lists, and objects in the place of their ids."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.twin import stripe_back as back
from services.twin.store import Doc, Store, Wanted
from services.twin.stripe_api import DAY, MINIMA, Answer, Call
from services.twin.stripe_objects import KINDS, get, invalid, missing, public, shape

_LIMIT, _LIMIT_MAX = 10, 100
EVENT_DAYS = 30  # how long events can be listed


def _one(kind: str) -> Answer:
    def read(store: Store, _call: Call, doc_id: str) -> Doc:
        return get(store, doc_id, kind)

    return read


def _list(kind: str, *, customers: bool = False, field: str = "", days: int = 0) -> Answer:
    def read(store: Store, call: Call, doc_id: str) -> Doc:
        wanted = _wanted(call.params, field)
        if customers and doc_id:
            get(store, doc_id, "customer")
        since = store.seconds() - days * DAY if days else None
        limits = [one for one in (wanted.since, since) if one is not None]
        customer = doc_id or wanted.customer
        asked = replace(wanted, customer=customer, since=max(limits) if limits else None)
        return _page(store, kind, asked, call)

    return read


def _page(store: Store, kind: str, asked: Wanted, call: Call) -> Doc:
    try:
        found, has_more = store.page(kind, asked)
    except KeyError:
        name = "starting_after" if asked.after else "ending_before"
        raise missing(kind.replace("_", " "), asked.after or asked.before, name, 400) from None
    return {"object": "list", "data": found, "has_more": has_more, "url": call.path}


def _wanted(params: Doc, field: str) -> Wanted:
    limit = int(params.get("limit", _LIMIT))
    if not 1 <= limit <= _LIMIT_MAX:
        raise invalid("The limit must lie between 1 and 100.", "parameter_invalid_integer", "limit")
    if "starting_after" in params and "ending_before" in params:
        raise invalid("You cannot use both `starting_after` and `ending_before`.")
    since, until = _span(params.get("created"))
    name, values = _field(params, field)
    return Wanted(
        customer=params.get("customer", ""), ref=params.get("payment_intent", ""), since=since, until=until,
        field=name, values=values, after=params.get("starting_after", ""), before=params.get("ending_before", ""),
        limit=limit,
    )  # fmt: skip


def _field(params: Doc, field: str) -> tuple[str, tuple[str, ...]]:
    for name in (field, f"{field}s"):
        if field and name in params:
            given = params[name]
            return field, tuple(given) if isinstance(given, list) else (str(given),)
    return "", ()


def _span(created: Any) -> tuple[int | None, int | None]:  # Any: an instant, or bounds by name
    """From when to when, both included."""
    if created is None:
        return None, None
    if not isinstance(created, dict):
        return int(created), int(created)
    bounds = {name: int(value) for name, value in created.items()}
    since = bounds.get("gte", bounds["gt"] + 1 if "gt" in bounds else None)
    until = bounds.get("lte", bounds["lt"] - 1 if "lt" in bounds else None)
    return since, until


def _account(_store: Store, _call: Call, _id: str) -> Doc:
    return shape("account")


def _balance(store: Store, _call: Call, _id: str) -> Doc:
    available = [{"amount": back.balance(store, one), "currency": one, "source_types": {}} for one in sorted(MINIMA)]
    return shape("balance") | {"available": available, "pending": []}


READINGS: dict[str, Answer] = {
    "/v1/account": _account,
    "/v1/balance": _balance,
    "/v1/charges/*": _one("charge"),
    "/v1/checkout/sessions": _list("checkout.session"),
    "/v1/checkout/sessions/*": _one("checkout.session"),
    "/v1/customers/*": _one("customer"),
    "/v1/customers/*/payment_methods": _list("payment_method", customers=True, field="type"),
    "/v1/disputes": _list("dispute", field="charge"),
    "/v1/disputes/*": _one("dispute"),
    "/v1/events": _list("event", field="type", days=EVENT_DAYS),
    "/v1/events/*": _one("event"),
    "/v1/payment_intents": _list("payment_intent"),
    "/v1/payment_intents/*": _one("payment_intent"),
    "/v1/payment_methods": _list("payment_method", field="type"),
    "/v1/payment_methods/*": _one("payment_method"),
    "/v1/refunds": _list("refund", field="charge"),
    "/v1/refunds/*": _one("refund"),
    "/v1/setup_intents": _list("setup_intent", field="payment_method"),
    "/v1/setup_intents/*": _one("setup_intent"),
}


# ---------------------------------------------------------------- objects in the place of ids


def shown(store: Store, doc: Doc, wanted: list[str]) -> Doc:
    """As it goes out, with the objects that were asked for in the place of their ids. Refusal for what has none."""
    found: Doc = public(doc)
    for path in wanted:
        _expand(store, found, path.split("."), path)
    return found


def _expand(store: Store, place: Any, path: list[str], whole: str) -> None:  # Any: JSON
    if isinstance(place, list):
        for one in place:
            _expand(store, one, path, whole)
        return
    if place is None or isinstance(place, str):
        return  # not there (yet), which is no fault
    name, rest = path[0], path[1:]
    if name not in place:
        raise invalid(f"This property cannot be expanded ({whole}).", param="expand[0]")
    if isinstance(place[name], str):
        kind = KINDS.get(place[name].partition("_")[0])
        inner = store.get(kind, place[name]) if kind else None
        if inner is None:
            raise invalid(f"This property cannot be expanded ({whole}).", param="expand[0]")
        place[name] = public(inner)
    if rest:
        _expand(store, place[name], rest, whole)
