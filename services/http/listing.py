"""Waldur's lists: bare arrays, page and page_size, X-Result-Count and Link, `o=` and `field=`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

from services import wire
from services.api.errors import InvalidInput
from services.http.call import Call, sparse
from services.http.reply import Header, Reply

T = TypeVar("T")
V = TypeVar("V")

DEFAULT_SIZE, LARGEST_SIZE = 10, 300
_LARGEST_PAGE = 1_000_000


@dataclass(frozen=True, slots=True)
class Page:
    number: int
    size: int


def page_of(call: Call, problems: dict[str, str] | None = None) -> Page:
    """The page asked for. InvalidInput for what is no number or out of range, along with other `problems`."""
    problems = {} if problems is None else problems
    number = _number(call, "page", 1, _LARGEST_PAGE, problems)
    size = _number(call, "page_size", DEFAULT_SIZE, LARGEST_SIZE, problems)
    if problems:
        raise InvalidInput(fields=problems)
    return Page(number, size)


def _number(call: Call, name: str, default: int, largest: int, problems: dict[str, str]) -> int:
    text = call.query_params.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= largest:
        return int(text)
    problems[name] = "out_of_range"
    return default


def list_headers(call: Call, page: Page, total: int, *, is_capped: bool = False) -> list[Header]:
    """X-Result-Count and Link. A capped count says so and knows no last page."""
    last = max(1, -(-total // page.size))
    numbers = {"first": 1}
    if page.number > 1:
        numbers["prev"] = min(page.number - 1, last)
    if page.number < last or is_capped:
        numbers["next"] = page.number + 1
    if not is_capped:
        numbers["last"] = last
    kept = [
        pair for pair in parse_qsl(call.scope["query_string"].decode("latin-1")) if pair[0] not in ("page", "page_size")
    ]
    address = f"{call.base}{call.scope['path'].rstrip('/')}/"
    query = f"{urlencode(kept)}&" if kept else ""
    links = (f'<{address}?{query}page={number}&page_size={page.size}>; rel="{rel}"' for rel, number in numbers.items())
    headers = [(b"x-result-count", b"%d" % total), (b"link", ", ".join(links).encode("latin-1", "replace"))]
    return [*headers, (b"x-result-count-capped", b"true")] if is_capped else headers


def reply_rows(call: Call, rows: Sequence[T], headers: list[Header]) -> Reply[list[T]]:
    """One page of rows, already cut."""
    fields = call.sparse_fields
    body = [sparse(row, fields) for row in rows] if fields else rows
    return Reply(wire.encode(body), 200, [*headers, *call.extra_headers()])


def reply_all(
    call: Call,
    values: Sequence[V],
    shape: Callable[[str, V], T],
    orders: dict[str, Callable[[V], object]] | None = None,
) -> Reply[list[T]]:
    """A list the service gives whole: ordered and cut here. In the native representation it stays whole."""
    if call.wants_native:
        return Reply(wire.encode(values), media_type=wire.NATIVE_TYPE.encode())
    page = page_of(call)
    ordered = _ordered(call, values, orders or {})
    start = (page.number - 1) * page.size
    rows = [shape(call.base, value) for value in ordered[start : start + page.size]]
    return reply_rows(call, rows, list_headers(call, page, len(values)))


def _ordered(call: Call, values: Sequence[V], orders: dict[str, Callable[[V], object]]) -> Sequence[V]:
    wanted = call.query_params.get("o")
    if not wanted:
        return values
    key = orders.get(wanted.removeprefix("-"))
    if key is None:
        raise InvalidInput(fields={"o": "unknown"})
    return sorted(values, key=key, reverse=wanted.startswith("-"))  # type: ignore[arg-type] # keys of one kind compare
