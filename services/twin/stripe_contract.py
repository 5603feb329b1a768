"""Every request to the twin's Stripe against the client's own types: no other keys, the right kinds, closed lists.

The table of routes is ours; what each takes is read from the types that Stripe publishes with its client.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

import typing_extensions as te

Params = dict[str, Any]  # Any: what a form or a query carries
_ROUTES: tuple[tuple[str, str, str], ...] = (
    ("POST", "/v1/customers", "CustomerCreateParams"),
    ("GET", "/v1/customers/*", "CustomerRetrieveParams"),
    ("POST", "/v1/checkout/sessions", "checkout.SessionCreateParams"),
    ("GET", "/v1/checkout/sessions", "checkout.SessionListParams"),
    ("POST", "/v1/checkout/sessions/*/expire", "checkout.SessionExpireParams"),
    ("GET", "/v1/checkout/sessions/*", "checkout.SessionRetrieveParams"),
    ("POST", "/v1/payment_intents", "PaymentIntentCreateParams"),
    ("GET", "/v1/payment_intents", "PaymentIntentListParams"),
    ("POST", "/v1/payment_intents/*/confirm", "PaymentIntentConfirmParams"),
    ("POST", "/v1/payment_intents/*/capture", "PaymentIntentCaptureParams"),
    ("POST", "/v1/payment_intents/*/cancel", "PaymentIntentCancelParams"),
    ("GET", "/v1/payment_intents/*", "PaymentIntentRetrieveParams"),
    ("POST", "/v1/setup_intents", "SetupIntentCreateParams"),
    ("GET", "/v1/setup_intents", "SetupIntentListParams"),
    ("GET", "/v1/setup_intents/*", "SetupIntentRetrieveParams"),
    ("GET", "/v1/payment_methods", "PaymentMethodListParams"),
    ("GET", "/v1/customers/*/payment_methods", "CustomerListPaymentMethodsParams"),
    ("POST", "/v1/payment_methods/*/attach", "PaymentMethodAttachParams"),
    ("POST", "/v1/payment_methods/*/detach", "PaymentMethodDetachParams"),
    ("GET", "/v1/payment_methods/*", "PaymentMethodRetrieveParams"),
    ("POST", "/v1/refunds", "RefundCreateParams"),
    ("GET", "/v1/refunds", "RefundListParams"),
    ("GET", "/v1/refunds/*", "RefundRetrieveParams"),
    ("GET", "/v1/events", "EventListParams"),
    ("GET", "/v1/events/*", "EventRetrieveParams"),
    ("GET", "/v1/disputes", "DisputeListParams"),
    ("GET", "/v1/disputes/*", "DisputeRetrieveParams"),
    ("GET", "/v1/charges/*", "ChargeRetrieveParams"),
    ("GET", "/v1/account", "AccountRetrieveCurrentParams"),
    ("GET", "/v1/balance", "BalanceRetrieveParams"),
    ("GET", "/v1/webhook_endpoints", "WebhookEndpointListParams"),
)
_PATTERNS = [(method, re.compile("^" + path.replace("*", "[^/]+") + "$"), name) for method, path, name in _ROUTES]


def unbracketed(pairs: list[tuple[str, str]]) -> Params:
    """`a[b][0]=c` as nested values; lists are those whose names are numbers. ValueError for what cannot be nested."""
    root: Params = {}
    for name, value in pairs:
        *above, last = re.findall(r"[^\[\]]+", name) or [""]
        place = root
        for part in above:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ValueError(f"{name}: both a value and a parent of values")
        place[last] = value
    return {name: _lists(value) for name, value in root.items()}


def _lists(value: Any) -> Any:  # Any: nested values
    if not isinstance(value, dict):
        return value
    inner = {name: _lists(one) for name, one in value.items()}
    if inner and all(name.isascii() and name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


def breaches(method: str, path: str, params: Params) -> list[str]:
    """What is wrong with a request, as "place: what"; empty when nothing is."""
    name = next((name for one, pattern, name in _PATTERNS if one == method and pattern.match(path)), None)
    if name is None:
        return [f"{method} {path}: unknown operation"]
    return _typed_dict(_resolved(name), params, "")


@cache
def _resolved(name: str) -> type:
    import stripe.params  # lazy: the library is large, and only the twin and the gateway need it

    found: Any = stripe.params
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]  # a TypedDict


@cache
def _hints(kind: type) -> dict[str, Any]:
    import sys

    module = sys.modules[kind.__module__]
    # names that the library imports for type checkers only
    local = {"Literal": Literal, "Union": Union, "StripeContext": Any, "HTTPClient": Any, "Decimal": str,
             "UntypedStripeObject": dict}  # fmt: skip
    return te.get_type_hints(kind, globalns=vars(te) | vars(module), localns=local, include_extras=True)


@cache
def _own_keys(kind: type) -> tuple[frozenset[str], frozenset[str]]:
    """Keys that may be sent, and those that must; options of the library's own are neither."""
    from stripe._request_options import RequestOptions  # lazy: as above

    options = set(RequestOptions.__annotations__)
    allowed = {name for name in _hints(kind) if name not in options}
    needed = {name for name in allowed if name in getattr(kind, "__required_keys__", frozenset())}
    return frozenset(allowed), frozenset(needed)


def _typed_dict(kind: type, value: Any, place: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{place or '(root)'}: an object is wanted"]
    allowed, needed = _own_keys(kind)
    found = [f"{place}{name}: unknown" for name in value if name not in allowed]
    found += [f"{place}{name}: missing" for name in needed if name not in value]
    hints = _hints(kind)
    for name, one in value.items():
        if name in allowed:
            found += _check(hints[name], one, f"{place}{name}")
    return found


def _check(hint: Any, value: Any, place: str) -> list[str]:
    origin = get_origin(hint)
    if origin in (te.NotRequired, te.Required, te.Annotated):
        return _check(get_args(hint)[0], value, place)
    if origin in (Union, types.UnionType):
        return _any_of(get_args(hint), value, place)
    if origin is Literal or origin is te.Literal:
        return [] if value in get_args(hint) else [f"{place}: {value!r} is not one of the known"]
    if origin is list:
        return _list(get_args(hint)[0], value, place)
    if origin is dict:
        return [] if isinstance(value, dict) else [f"{place}: an object is wanted"]
    if isinstance(hint, type) and te.is_typeddict(hint):
        return _typed_dict(hint, value, f"{place}.")
    return _plain(hint, value, place)


def _any_of(options: tuple[Any, ...], value: Any, place: str) -> list[str]:
    """A closed list beside plain text counts as closed: the library leaves it open for later versions only."""
    literals = [one for one in options if get_origin(one) in (Literal, te.Literal)]
    if any(get_args(one) != ("",) for one in literals):
        options = tuple(one for one in options if one is not str)
    tried = [_check(one, value, place) for one in options if one is not type(None)]
    return [] if any(not found for found in tried) else min(tried, key=len)


def _list(inner: Any, value: Any, place: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{place}: a list is wanted"]
    return [breach for number, one in enumerate(value) for breach in _check(inner, one, f"{place}.{number}")]


_PLAIN: dict[Any, Callable[[Any], bool]] = {
    str: lambda value: isinstance(value, str),
    int: lambda value: isinstance(value, str) and re.fullmatch(r"-?\d+", value) is not None,
    bool: lambda value: value in ("true", "false"),
    float: lambda value: isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) is not None,
}


def _plain(hint: Any, value: Any, place: str) -> list[str]:
    test = _PLAIN.get(hint)
    return [] if test is None or test(value) else [f"{place}: {hint.__name__} is wanted"]
