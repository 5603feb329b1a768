"""Finding offerings: any text, any filter, popular first, titles before full text, mistyped words forgiven.

Up to 1,000 hits are ranked by bm25 with the title weighing most; beyond that popularity order (the rowid) decides,
because nobody reads that far and ranking 100,000 rows costs 130 ms (LIMITS, "Search").
"""

from __future__ import annotations

import difflib
import re
import sqlite3
from dataclasses import dataclass
from typing import Any

from services.api.types import OfferingQuery, SortOrder

CAP = 1_000
_FEW = 5_000  # ids that are put into a set in about 1 ms
_MANY = 20_000
# Weights of search_text's columns: name, vendor, tags, category, tagline, body.
_BM25 = "bm25(search_text, 10.0, 4.0, 4.0, 3.0, 2.0, 1.0)"
_ORDERS = {
    SortOrder.RECOMMENDED: "o.id",
    SortOrder.PRICE_LOW: "o.from_price_micros, o.id",
    SortOrder.RATING: "o.sort_rating, o.id",
    SortOrder.NAME: "o.sort_name, o.id",
    SortOrder.NEWEST: "o.sort_newest, o.id",
}
_WORD = re.compile(r"\w+", re.UNICODE)
_FACETS = ("category", "kind", "billing_model", "tag", "vendor")


@dataclass(frozen=True, slots=True)
class Hits:
    """Offering ids of one page in order, and how many there are (up to CAP when `is_capped`)."""

    ids: list[int]
    total: int
    is_capped: bool = False
    corrected_text: str = ""


def match_expression(text: str) -> str:
    """An FTS5 query for any text: every word as a quoted prefix, so that no character has a meaning. "" for none."""
    return " ".join(f'"{word}"*' for word in _WORD.findall(text)[:8])


def find(cursor: sqlite3.Cursor, query: OfferingQuery) -> Hits:
    """One page of hits for a query."""
    expression = match_expression(query.text)
    if query.text.strip() and not expression:
        return Hits([], 0)  # only signs and emoji: nothing can match, but nothing is wrong either
    facets = _facets(cursor, query)
    if any(facet.count == 0 for facet in facets):
        return Hits([], 0)
    if not expression:
        return _browse(cursor, query, facets)
    narrow = _narrow(facets, _price(cursor, query), "{table}.rowid")
    hits = _search(cursor, query, expression, narrow)
    if hits.total == 0 and (corrected := _correct(cursor, query.text)):
        again = _search(cursor, query, match_expression(corrected), narrow)
        return Hits(again.ids, again.total, again.is_capped, corrected) if again.total else hits
    return hits


# ---- narrowing down


@dataclass(frozen=True, slots=True)
class _Facet:
    name: str
    value: str
    count: int


@dataclass(frozen=True, slots=True)
class _Narrow:
    """Conditions on a row and the values bound to them. `+` keeps a condition from choosing how the table is walked."""

    where: str
    values: list[Any]


def _facets(cursor: sqlite3.Cursor, query: OfferingQuery) -> list[_Facet]:
    """The chosen facet values with how many offerings carry them, the rarest first."""
    sql = "SELECT count FROM facet_counts WHERE facet = ? AND value = ?"
    found = []
    for name in _FACETS:
        if value := getattr(query, name):
            row = cursor.execute(sql, (name, value)).fetchone()
            found.append(_Facet(name, value, row[0] if row else 0))
    return sorted(found, key=lambda facet: facet.count)


def _price(cursor: sqlite3.Cursor, query: OfferingQuery) -> tuple[str, list[Any], bool]:
    """The price condition on `offerings`, its values, and whether few offerings meet it. "" for any price."""
    bounds = [
        (sign, bound.micros) for bound, sign in ((query.price_min, ">="), (query.price_max, "<=")) if bound is not None
    ]
    if not bounds:
        return "", [], False
    where = " AND ".join(f"from_price_micros {sign} ?" for sign, _ in bounds)
    values = [micros for _, micros in bounds]
    counted = f"SELECT COUNT(*) FROM (SELECT 1 FROM offerings WHERE {where} LIMIT {_FEW + 1})"
    return where, values, cursor.execute(counted, values).fetchone()[0] <= _FEW


def _narrow(facets: list[_Facet], price: tuple[str, list[Any], bool], row: str) -> _Narrow:
    """Tests by set where few rows pass, else one by one: there the first hits end the walk before a set would be built."""
    parts: list[str] = []
    values: list[Any] = []
    where, bounds, is_rare = price
    if where and is_rare:
        parts.append(f"+{row} IN (SELECT id FROM offerings WHERE {where})")
        values += bounds
    for facet in facets:
        rows = "FROM offering_facets f WHERE f.facet = ? AND f.value = ?"
        if facet.count <= _MANY:
            parts.append(f"+{row} IN (SELECT f.offering_id {rows})")
        else:
            parts.append(f"EXISTS (SELECT 1 {rows} AND f.offering_id = {row})")
        values += [facet.name, facet.value]
    if where and not is_rare:
        parts.append(where)
        values += bounds
    return _Narrow(" AND ".join([*parts, "o.is_active"]), values)


def _window(query: OfferingQuery) -> tuple[int, int]:
    return query.page_size, (query.page - 1) * query.page_size


def _browse(cursor: sqlite3.Cursor, query: OfferingQuery, facets: list[_Facet]) -> Hits:
    """No text: an index walk in the wanted order; a single facet is walked in its own index with a ready count."""
    limit, offset = _window(query)
    price = _price(cursor, query)
    if len(facets) > 1 or price[0]:
        return _browse_narrowed(cursor, query, facets, price)
    if not facets:
        total = cursor.execute("SELECT count FROM facet_counts WHERE facet = 'all'").fetchone()
        count = total[0] if total else 0
    else:
        count = facets[0].count
    if facets and query.order is SortOrder.RECOMMENDED:
        sql = "SELECT offering_id FROM offering_facets WHERE facet = ? AND value = ? ORDER BY offering_id"
        values = [facets[0].name, facets[0].value]
    else:
        narrow = _narrow(facets, price, "o.id")
        sql = f"SELECT o.id FROM offerings o WHERE {narrow.where} ORDER BY {_order(query, count)}"
        values = narrow.values
    rows = cursor.execute(f"{sql} LIMIT ? OFFSET ?", (*values, limit, offset)).fetchall()
    return Hits([row[0] for row in rows], count)


def _browse_narrowed(
    cursor: sqlite3.Cursor, query: OfferingQuery, facets: list[_Facet], price: tuple[str, list[Any], bool]
) -> Hits:
    narrow = _narrow(facets, price, "o.id")
    where = narrow.where.removeprefix("+")  # the first and rarest condition is what is walked
    total = cursor.execute(
        f"SELECT COUNT(*) FROM (SELECT 1 FROM offerings o WHERE {where} LIMIT {CAP + 1})", narrow.values
    ).fetchone()[0]
    sql = (
        f"SELECT o.id FROM offerings o WHERE {where if total <= CAP else narrow.where} ORDER BY {_order(query, total)}"
    )
    rows = cursor.execute(f"{sql} LIMIT ? OFFSET ?", (*narrow.values, *_window(query))).fetchall()
    return Hits([row[0] for row in rows], min(total, CAP), total > CAP)


def _order(query: OfferingQuery, total: int) -> str:
    """Few hits are sorted; a walk along the order's own index would pass all other offerings first."""
    order = _ORDERS[query.order]
    return order.replace("o.", "+o.") if total <= CAP else order


def _search(cursor: sqlite3.Cursor, query: OfferingQuery, expression: str, narrow: _Narrow) -> Hits:
    values = (expression, *narrow.values)
    # More than CAP titles settle the count, without looking into the long lists of the full text.
    total = _count(cursor, "search_titles", narrow, values)
    if total <= CAP:
        total = _count(cursor, "search_text", narrow, values)
    if query.order is not SortOrder.RECOMMENDED:
        order = _ORDERS[query.order]
    elif total <= CAP:
        order = f"{_BM25}, o.id"
    else:
        return Hits(_popular(cursor, narrow, values, _window(query)), CAP, is_capped=True)
    sql = f"SELECT o.id {_matches('search_text', narrow)} ORDER BY {order} LIMIT ? OFFSET ?"
    rows = cursor.execute(sql, (*values, *_window(query))).fetchall()
    return Hits([row[0] for row in rows], min(total, CAP), total > CAP)


def _matches(table: str, narrow: _Narrow) -> str:
    where = narrow.where.replace("{table}", table)
    return f"FROM {table} JOIN offerings o ON o.id = {table}.rowid WHERE {table} MATCH ? AND {where}"


def _count(cursor: sqlite3.Cursor, table: str, narrow: _Narrow, values: tuple[Any, ...]) -> int:
    """How many match, up to CAP + 1. Without filters no offering is looked at: what is in the index is active."""
    walked = _matches(table, narrow) if narrow.values else f"FROM {table} WHERE {table} MATCH ?"
    counted: int = cursor.execute(f"SELECT COUNT(*) FROM (SELECT 1 {walked} LIMIT {CAP + 1})", values).fetchone()[0]
    return counted


def _popular(cursor: sqlite3.Cursor, narrow: _Narrow, values: tuple[Any, ...], window: tuple[int, int]) -> list[int]:
    """Many hits: those with the words in the title first, then the rest, both in popularity order without a sort."""
    limit, offset = window
    wanted = offset + limit
    ids = _first(cursor, "search_titles", narrow, values, min(wanted, CAP))
    if len(ids) < wanted:
        seen = set(ids)
        rest = _first(cursor, "search_text", narrow, values, wanted + len(ids))
        ids += [number for number in rest if number not in seen]
    return ids[offset:wanted]


def _first(cursor: sqlite3.Cursor, table: str, narrow: _Narrow, values: tuple[Any, ...], limit: int) -> list[int]:
    sql = f"SELECT o.id {_matches(table, narrow)} ORDER BY {table}.rowid LIMIT ?"
    return [row[0] for row in cursor.execute(sql, (*values, limit)).fetchall()]


def _correct(cursor: sqlite3.Cursor, text: str) -> str:
    """The text with every word that matches nothing replaced by the most alike word of a title; "" if one has none."""
    words = []
    for word in _WORD.findall(text.lower())[:8]:
        known = cursor.execute(
            "SELECT 1 FROM search_text WHERE search_text MATCH ? LIMIT 1", (f'"{word}"*',)
        ).fetchone()
        better = word if known else _alike(cursor, word)
        if not better:
            return ""
        words.append(better)
    return " ".join(words)


def _alike(cursor: sqlite3.Cursor, word: str) -> str:
    """The title word most like `word` among titles that share letters with it; "" for none."""
    runs = _any_of(sorted({word[i : i + 3] for i in range(len(word) - 2)}))
    if not runs:
        return ""
    if len(word) >= 6:
        # One mistake leaves one half of the word as it was, and few titles have that half.
        halves = _any_of([word[: len(word) // 2], word[len(word) // 2 :]])
        if better := _closest(cursor, word, f"({halves}) AND ({runs})"):
            return better
    return _closest(cursor, word, runs)


def _any_of(parts: list[str]) -> str:
    return " OR ".join(f'"{part}"' for part in parts)


def _closest(cursor: sqlite3.Cursor, word: str, expression: str) -> str:
    names = cursor.execute(
        "SELECT o.name FROM search_trigrams t JOIN offerings o ON o.id = t.rowid "
        "WHERE search_trigrams MATCH ? AND o.is_active ORDER BY t.rank LIMIT 24",
        (expression,),
    ).fetchall()
    candidates = {part.lower() for (name,) in names for part in _WORD.findall(name)}
    return next(iter(difflib.get_close_matches(word, candidates, n=1, cutoff=0.75)), "")
