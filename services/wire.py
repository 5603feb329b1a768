"""The one codec of remote.py and http/: dataclasses <-> JSON, request bodies read strictly, errors there and back.

Two representations of every answer share the routes: Waldur-shaped JSON (http/shapes.py) for people and scripts, and,
asked for by `Accept: application/vnd.souk+json`, the exact dataclass, so that nothing is lost on the way to Remote.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, cast, get_type_hints

import msgspec

from services.api.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotSignedIn,
    Offline,
    PaymentFailed,
    ServiceError,
    StorageError,
    TooManyTries,
    all_errors,
)
from services.api.money import Money, Rate, divide_half_away

NATIVE_TYPE = "application/vnd.souk+json"
BODY = "body"  # the name under which problems of the whole body are reported

_PRICE_PLACES = 10  # Waldur: "99.0000000000"
_UNNAMED_BY_STATUS: dict[int, type[ServiceError]] = {
    401: NotSignedIn,
    402: PaymentFailed,
    403: NotFound,
    404: NotFound,
    409: Conflict,
    422: InvalidInput,
    429: TooManyTries,
    502: Offline,
    503: Offline,
    504: Offline,
    507: StorageError,
}

_AMOUNTS = (Money, Money | None)

T = TypeVar("T")
Fields = dict[str, str]

encode = msgspec.json.Encoder().encode


class WireError(ValueError):
    """Bytes that are not what this program sends: another server, a proxy, or a newer version."""


class ErrorBody(msgspec.Struct):
    """`{code, detail, params, fields: {name: [messages]}}`; messages are codes, `detail` is an English sentence."""

    code: str
    detail: str = ""
    params: dict[str, str | int | None] = {}
    fields: dict[str, list[str]] = {}


# ---- values


@lru_cache(256)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:  # Any: the cache cannot carry the type from key to value
    return msgspec.json.Decoder(kind)


def decode(data: bytes, kind: type[T]) -> T:
    """The value of type `kind` in `data`. WireError when it is not one."""
    try:
        return cast("T", _decoder(cast("Any", kind)).decode(data))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(str(error)) from error


def price(amount: Money | None) -> str | None:
    """An amount as Waldur writes prices; None stays None (priced by quote)."""
    return None if amount is None else amount.decimal(_PRICE_PLACES)


def unit_price(rate: Rate) -> str:
    """A rate for one unit, to ten places."""
    scale: int = 10 ** (_PRICE_PLACES - 6)
    whole, fraction = divmod(divide_half_away(rate.micros * scale, rate.per), 10**_PRICE_PLACES)
    return f"{whole}.{fraction:0{_PRICE_PLACES}d}"


# ---- request bodies


def read_body(data: bytes, kind: type[T]) -> T:
    """A request dataclass from a JSON object. InvalidInput names every field at once: `required`, `unexpected` (not a
    field, or not of its type) or `unknown` (not one of the choices)."""
    try:
        body = msgspec.json.decode(data or b"{}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidInput(fields={BODY: "unexpected"}) from None
    problems: Fields = {}
    value = _read_object(body, kind, "", problems)
    if problems or value is None:
        raise InvalidInput(fields=problems)
    return value


def _read_object(body: object, kind: type[T], prefix: str, problems: Fields) -> T | None:
    if not isinstance(body, dict):
        problems[prefix.rstrip(".") or BODY] = "unexpected"
        return None
    specs = _fields_of(cast("Any", kind))
    problems.update({f"{prefix}{name}": "unexpected" for name in body if name not in specs})
    values = {}
    for name, (hint, is_required) in specs.items():
        if name in body:
            values[name] = _read_field(body[name], hint, f"{prefix}{name}", problems)
        elif is_required:
            problems[f"{prefix}{name}"] = "required"
    if problems:
        return None
    try:
        return kind(**values)
    except ValueError:  # a value that refuses what it is made of: an amount in a currency nobody knows
        problems[prefix.rstrip(".") or BODY] = "unexpected"
        return None


def _read_field(value: object, hint: Any, name: str, problems: Fields) -> object:
    if isinstance(value, str) and hint in _AMOUNTS:
        return _read_amount(value, name, problems)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _read_object(value, hint, f"{name}.", problems)
    try:
        if isinstance(value, str) and "\x00" in value:
            raise msgspec.ValidationError("NUL is not text")
        return cast("object", msgspec.convert(value, hint))
    except msgspec.ValidationError:
        is_choice = isinstance(hint, type) and issubclass(hint, Enum) and isinstance(value, str)
        problems[name] = "required" if value is None else "unknown" if is_choice else "unexpected"
        return None


def _read_amount(text: str, name: str, problems: Fields) -> Money | None:
    """An amount as people write it, in dollars: "20.00"."""
    try:
        return Money.parse(text)
    except ValueError:
        problems[name] = "unexpected"
        return None


@lru_cache(64)
def _fields_of(kind: type) -> Mapping[str, tuple[Any, bool]]:
    hints = get_type_hints(kind)
    empty = dataclasses.MISSING
    return {
        spec.name: (hints[spec.name], spec.default is empty and spec.default_factory is empty)
        for spec in dataclasses.fields(kind)
    }


# ---- errors


def error_body(error: ServiceError, detail: str = "") -> ErrorBody:
    """What goes over the wire for an error."""
    return ErrorBody(error.code, detail, error.params, {name: [code] for name, code in error.fields.items()})


def error_from_body(body: ErrorBody, status: int = 500) -> ServiceError:
    """The same class with the same params; an unknown code becomes the plain class of its status."""
    kind = all_errors().get(body.code) or _UNNAMED_BY_STATUS.get(status, ServiceError)
    params = {name: value for name, value in body.params.items() if name not in ("fields", "self")}
    return kind(fields={name: codes[0] for name, codes in body.fields.items() if codes}, **params)


def error_from(status: int, data: bytes) -> ServiceError:
    """The error in an answer, whoever wrote it."""
    try:
        return error_from_body(decode(data, ErrorBody), status)
    except WireError:
        return _UNNAMED_BY_STATUS.get(status, ServiceError)(status=status)
