"""Finding offerings on SQLite: any text, any filter, popular first, titles before full text, mistyped words forgiven.

Up to 1,000 hits are ranked by bm25 with the title weighing most; beyond that popularity order (the rowid) decides,
because nobody reads that far and ranking 100,000 rows costs 130 ms (LIMITS, "Search").
"""

from __future__ import annotations

import difflib
import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.api.money import MICROS_MAX
from services.api.types import OfferingQuery, SortOrder

CAP = 1_000
_FEW = 5_000  # rows that are put into a set, or ranked, in 1 to 4 ms
_MANY = 20_000  # above that a test of each hit is cheaper than the set
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
FACETS = ("category", "kind", "billing_model", "tag", "vendor")


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
    needs_row: bool = False  # of `offerings`, as `o`


def _facets(cursor: sqlite3.Cursor, query: OfferingQuery) -> list[_Facet]:
    """The chosen facet values with how many offerings carry them, the rarest first."""
    sql = "SELECT count FROM facet_counts WHERE facet = ? AND value = ?"
    found = []
    for name in FACETS:
        if value := getattr(query, name).encode(errors="replace").decode():  # half a character is no value of ours
            if name == "vendor":
                value = _vendor_slug(cursor, value)
            row = cursor.execute(sql, (name, value)).fetchone()
            found.append(_Facet(name, value, row[0] if row else 0))
    return sorted(found, key=lambda facet: facet.count)


def _vendor_slug(cursor: sqlite3.Cursor, slug_or_uuid: str) -> str:
    row = cursor.execute("SELECT slug FROM vendors WHERE uuid = ?", (slug_or_uuid,)).fetchone()
    return row[0] if row else slug_or_uuid


@dataclass(frozen=True, slots=True)
class _Price:
    """A condition on `offerings` ("" for any price), its values, and whether few offerings meet it."""

    where: str
    values: list[Any]
    is_rare: bool


def _price(cursor: sqlite3.Cursor, query: OfferingQuery) -> _Price:
    bounds = [
        (sign, bound.micros) for bound, sign in ((query.price_min, ">="), (query.price_max, "<=")) if bound is not None
    ]
    if not bounds:
        return _Price("", [], is_rare=False)
    where = " AND ".join(f"from_price_micros {sign} ?" for sign, _ in bounds)
    values = [min(max(micros, -MICROS_MAX), MICROS_MAX) for _, micros in bounds]
    counted = f"SELECT COUNT(*) FROM (SELECT 1 FROM offerings WHERE {where} LIMIT {_FEW + 1})"
    return _Price(where, values, is_rare=cursor.execute(counted, values).fetchone()[0] <= _FEW)


def _narrow(facets: list[_Facet], price: _Price, row: str) -> _Narrow:
    """Tests by set where few rows pass, else one by one: there the first hits end the walk before a set is built."""
    parts: list[str] = []
    values: list[Any] = []
    if price.is_rare:
        parts.append(f"+{row} IN (SELECT id FROM offerings WHERE {price.where})")
        values += price.values
    for facet in facets:
        rows = "FROM offering_facets f WHERE f.facet = ? AND f.value = ?"
        if facet.count <= _MANY:
            parts.append(f"+{row} IN (SELECT f.offering_id {rows})")
        else:
            parts.append(f"EXISTS (SELECT 1 {rows} AND f.offering_id = {row})")
        values += [facet.name, facet.value]
    if price.where and not price.is_rare:
        parts.append(price.where)
        values += price.values
    return _Narrow(" AND ".join(parts), values, needs_row=bool(price.where) and not price.is_rare)


def _window(query: OfferingQuery) -> tuple[int, int]:
    return query.page_size, (query.page - 1) * query.page_size


def _browse(cursor: sqlite3.Cursor, query: OfferingQuery, facets: list[_Facet]) -> Hits:
    """No text: an index walk in the wanted order; a single facet is walked in its own index with a ready count."""
    price = _price(cursor, query)
    narrow = _narrow(facets, price, "o.id")
    is_counted = len(facets) <= 1 and not price.where
    if is_counted and facets and query.order is SortOrder.RECOMMENDED:
        sql = "SELECT offering_id FROM offering_facets WHERE facet = ? AND value = ? ORDER BY offering_id"
        rows = cursor.execute(f"{sql} LIMIT ? OFFSET ?", (*narrow.values, *_window(query))).fetchall()
        return Hits([row[0] for row in rows], facets[0].count)
    # without the plus, the first and rarest condition is what is walked
    conditions = f"{narrow.where} AND o.is_active" if narrow.where else "o.is_active"
    rarest_first = "FROM offerings o WHERE " + conditions.removeprefix("+")
    total = _known_count(cursor, facets) if is_counted else _capped_count(cursor, rarest_first, narrow.values)
    if total <= CAP:
        # a walk along the order's own index would pass all other offerings first
        walked, order = rarest_first, _ORDERS[query.order].replace("o.", "+o.")
    else:
        walked, order = f"FROM offerings o WHERE {conditions}", _ORDERS[query.order]
    sql = f"SELECT o.id {walked} ORDER BY {order} LIMIT ? OFFSET ?"
    rows = cursor.execute(sql, (*narrow.values, *_window(query))).fetchall()
    return Hits([row[0] for row in rows], total if is_counted else min(total, CAP), not is_counted and total > CAP)


def _known_count(cursor: sqlite3.Cursor, facets: list[_Facet]) -> int:
    if facets:
        return facets[0].count
    row = cursor.execute("SELECT count FROM facet_counts WHERE facet = 'all' AND value = ''").fetchone()
    return row[0] if row else 0


def _capped_count(cursor: sqlite3.Cursor, walked: str, values: Sequence[Any]) -> int:
    """How many rows there are, up to CAP + 1."""
    counted: int = cursor.execute(f"SELECT COUNT(*) FROM (SELECT 1 {walked} LIMIT {CAP + 1})", values).fetchone()[0]
    return counted


def _search(cursor: sqlite3.Cursor, query: OfferingQuery, expression: str, narrow: _Narrow) -> Hits:
    """What is in the index is active, so an offering's row is read only where a price or an order asks for it."""
    values = (expression, *narrow.values)
    # More than CAP titles settle the count, without looking into the long lists of the full text.
    titles = _walk(cursor, "search_titles", narrow, values, CAP + 1)
    found = titles if len(titles) > CAP else _walk(cursor, "search_text", narrow, values, CAP + 1)
    limit, offset = _window(query)
    if len(found) <= CAP:
        return Hits(_ranked(cursor, query, expression, found)[offset : offset + limit], len(found))
    if query.order is SortOrder.RECOMMENDED:
        ids = titles[:CAP]
        if len(ids) < offset + limit:
            # the words in the title first, then the rest, both in popularity order without a sort
            seen = set(ids)
            rest = _walk(cursor, "search_text", narrow, values, offset + limit + len(ids))
            ids += [number for number in rest if number not in seen]
        return Hits(ids[offset : offset + limit], CAP, is_capped=True)
    sql = f"SELECT o.id {_matches('search_text', narrow, 'o.id')} ORDER BY {_ORDERS[query.order]} LIMIT ? OFFSET ?"
    return Hits([row[0] for row in cursor.execute(sql, (*values, limit, offset)).fetchall()], CAP, is_capped=True)


def _matches(table: str, narrow: _Narrow, wanted: str) -> str:
    """FROM and WHERE. `wanted` or the filters may name columns of `o`, which then joins in."""
    where = narrow.where.replace("{table}", table)
    joined = f" JOIN offerings o ON o.id = {table}.rowid" if narrow.needs_row or wanted.startswith("o.") else ""
    return f"FROM {table}{joined} WHERE {table} MATCH ?" + (f" AND {where}" if where else "")


def _walk(cursor: sqlite3.Cursor, table: str, narrow: _Narrow, values: tuple[Any, ...], limit: int) -> list[int]:
    """The first matches in popularity order."""
    row = f"{table}.rowid"
    sql = f"SELECT {row} {_matches(table, narrow, row)} ORDER BY {row} LIMIT ?"
    return [found for (found,) in cursor.execute(sql, (*values, limit)).fetchall()]


def _ranked(cursor: sqlite3.Cursor, query: OfferingQuery, expression: str, ids: list[int]) -> list[int]:
    """Few hits in the wanted order."""
    if query.order is SortOrder.RECOMMENDED:
        hits = "FROM search_text WHERE search_text MATCH ? AND +rowid IN (SELECT value FROM json_each(?))"
        values = [expression, json.dumps(ids)]
        sql = f"SELECT rowid {hits} ORDER BY {_BM25}, rowid"
    else:
        hits = "FROM offerings o WHERE o.id IN (SELECT value FROM json_each(?))"
        values = [json.dumps(ids)]
        sql = f"SELECT o.id {hits} ORDER BY {_ORDERS[query.order].replace('o.', '+o.')}"
    return [row[0] for row in cursor.execute(sql, values).fetchall()]


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
    """Looks at the most popular titles only, because ranking 100,000 of them takes 40 ms."""
    popular = f"SELECT rowid AS id, rank FROM search_trigrams WHERE search_trigrams MATCH ? ORDER BY rowid LIMIT {_FEW}"
    best = f"SELECT id FROM ({popular}) ORDER BY rank LIMIT 24"
    names = cursor.execute(f"SELECT name FROM offerings WHERE id IN ({best})", (expression,)).fetchall()
    return most_alike(word, [name for (name,) in names])


def most_alike(word: str, names: list[str]) -> str:
    """The word of these titles that `word` was most likely meant to be, in small letters; "" for none."""
    candidates = {part.lower() for name in names for part in _WORD.findall(name)}
    return next(iter(difflib.get_close_matches(word, candidates, n=1, cutoff=0.75)), "")
