"""Reading JSON that somebody else wrote: what is missing or of another type reads as nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from services.api.money import EXPONENTS, Money

Json = Mapping[str, object]
NOTHING: Json = {}


def parse(content: bytes) -> Json:
    """An object; ValueError for anything else."""
    try:
        data = json.loads(content)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(data, dict):
        raise ValueError("not an object")
    return data


def _at(data: object, path: tuple[str, ...]) -> object:
    for name in path:
        if not isinstance(data, Mapping):
            return None
        data = data.get(name)
    return data


def part(data: object, *path: str) -> Json:
    """The object under these names."""
    found = _at(data, path)
    return found if isinstance(found, Mapping) else NOTHING


def parts(data: object, *path: str) -> list[Json]:
    """The objects in the list under these names."""
    found = _at(data, path)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def text(data: object, *path: str) -> str:
    """The text under these names, "" without."""
    found = _at(data, path)
    return found if isinstance(found, str) else ""


def number(data: object, *path: str) -> int:
    """The whole number under these names, 0 without."""
    found = _at(data, path)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def first(found: list[Json]) -> Json:
    return found[0] if found else NOTHING


def instant(data: object, *path: str) -> datetime | None:
    """The RFC 3339 instant under these names, in UTC."""
    try:
        when = datetime.fromisoformat(text(data, *path).upper())
    except ValueError:
        return None
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def stamp(when: datetime) -> str:
    """How PayPal writes an instant."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def money(data: object, *path: str) -> Money | None:
    """An amount of PayPal's: {"currency_code": "USD", "value": "29.00"}."""
    found = part(data, *path)
    try:
        return Money.parse(text(found, "value"), text(found, "currency_code"))
    except ValueError:
        return None


def money_body(amount: Money) -> dict[str, str]:
    """ValueError when a fraction of a cent is left."""
    places = EXPONENTS[amount.currency]
    whole, fraction = divmod(amount.minor, 10**places)
    value = f"{whole}.{fraction:0{places}d}" if places else str(whole)
    return {"currency_code": amount.currency, "value": value}


def link(data: object, *relations: str) -> str:
    """The address of the first of these relations there is."""
    links = {text(one, "rel"): text(one, "href") for one in parts(data, "links")}
    return next((links[relation] for relation in relations if links.get(relation)), "")
