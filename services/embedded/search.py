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
    where, values = _filters(query)
    if not expression:
        # Only signs and emoji: nothing can match, but nothing is wrong either.
        return Hits([], 0) if query.text.strip() else _browse(cursor, query, where, values)
    hits = _search(cursor, query, expression, where, values)
    if hits.total == 0 and (corrected := _correct(cursor, query.text)):
        again = _search(cursor, query, match_expression(corrected), where, values)
        return Hits(again.ids, again.total, again.is_capped, corrected) if again.total else hits
    return hits


def _filters(query: OfferingQuery) -> tuple[str, list[Any]]:
    parts, values = ["o.is_active"], []
    for facet in _FACETS:
        if value := getattr(query, facet):
            parts.append(
                "EXISTS (SELECT 1 FROM offering_facets f WHERE f.facet = ? AND f.value = ? AND f.offering_id = o.id)"
            )
            values += [facet, value]
    for bound, sign in ((query.price_min, ">="), (query.price_max, "<=")):
        if bound is not None:
            parts.append(f"o.from_price_micros {sign} ?")
            values.append(bound.micros)
    return " AND ".join(parts), values


def _window(query: OfferingQuery) -> tuple[int, int]:
    return query.page_size, (query.page - 1) * query.page_size


def _browse(cursor: sqlite3.Cursor, query: OfferingQuery, where: str, values: list[Any]) -> Hits:
    """No text: an index walk in the wanted order; a single facet is walked in its own index with a ready count."""
    chosen = [facet for facet in _FACETS if getattr(query, facet)]
    limit, offset = _window(query)
    priced = query.price_min is not None or query.price_max is not None
    if len(chosen) <= 1 and not priced:
        facet, value = (chosen[0], getattr(query, chosen[0])) if chosen else ("all", "")
        count = cursor.execute(
            "SELECT count FROM facet_counts WHERE facet = ? AND value = ?", (facet, value)
        ).fetchone()
        if chosen and query.order is SortOrder.RECOMMENDED:
            sql = "SELECT offering_id FROM offering_facets WHERE facet = ? AND value = ? ORDER BY offering_id"
            rows = cursor.execute(f"{sql} LIMIT ? OFFSET ?", (facet, value, limit, offset)).fetchall()
        else:
            sql = f"SELECT o.id FROM offerings o WHERE {where} ORDER BY {_ORDERS[query.order]}"
            rows = cursor.execute(f"{sql} LIMIT ? OFFSET ?", (*values, limit, offset)).fetchall()
        return Hits([row[0] for row in rows], count[0] if count else 0)
    counted = f"SELECT COUNT(*) FROM (SELECT 1 FROM offerings o WHERE {where} LIMIT {CAP + 1})"
    total = cursor.execute(counted, values).fetchone()[0]
    sql = f"SELECT o.id FROM offerings o WHERE {where} ORDER BY {_ORDERS[query.order]} LIMIT ? OFFSET ?"
    rows = cursor.execute(sql, (*values, limit, offset)).fetchall()
    return Hits([row[0] for row in rows], min(total, CAP), total > CAP)


def _search(cursor: sqlite3.Cursor, query: OfferingQuery, expression: str, where: str, values: list[Any]) -> Hits:
    limit, offset = _window(query)
    base = "FROM search_text JOIN offerings o ON o.id = search_text.rowid WHERE search_text MATCH ? AND " + where
    counted = f"SELECT COUNT(*) FROM (SELECT 1 {base} LIMIT {CAP + 1})" if values else None
    plain = f"SELECT COUNT(*) FROM (SELECT 1 FROM search_text WHERE search_text MATCH ? LIMIT {CAP + 1})"
    total = cursor.execute(counted or plain, (expression, *values)).fetchone()[0]
    if query.order is not SortOrder.RECOMMENDED:
        order = _ORDERS[query.order]
    elif total <= CAP:
        order = f"{_BM25}, o.id"
    else:
        return Hits(_popular(cursor, expression, base, values, limit, offset), CAP, is_capped=True)
    sql = f"SELECT o.id {base} ORDER BY {order} LIMIT ? OFFSET ?"
    rows = cursor.execute(sql, (expression, *values, limit, offset)).fetchall()
    return Hits([row[0] for row in rows], min(total, CAP), total > CAP)


def _popular(
    cursor: sqlite3.Cursor, expression: str, base: str, values: list[Any], limit: int, offset: int
) -> list[int]:
    """Many hits: those with the words in the title first, then the rest, both in popularity order without a sort."""
    titles = base.replace("search_text", "search_titles")
    wanted = offset + limit
    first = cursor.execute(
        f"SELECT o.id {titles} ORDER BY search_titles.rowid LIMIT ?", (expression, *values, min(wanted, CAP))
    ).fetchall()
    ids = [row[0] for row in first]
    if len(ids) < wanted:
        seen = set(ids)
        rest = cursor.execute(
            f"SELECT o.id {base} ORDER BY search_text.rowid LIMIT ?", (expression, *values, wanted + len(ids))
        ).fetchall()
        ids += [row[0] for row in rest if row[0] not in seen]
    return ids[offset:wanted]


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
    """The title word most like `word` among titles that share a run of three letters with it; "" for none."""
    runs = sorted({word[i : i + 3] for i in range(len(word) - 2)})
    if not runs:
        return ""
    names = cursor.execute(
        "SELECT o.name FROM search_trigrams t JOIN offerings o ON o.id = t.rowid "
        "WHERE search_trigrams MATCH ? AND o.is_active ORDER BY t.rank LIMIT 24",
        (" OR ".join(f'"{run}"' for run in runs),),
    ).fetchall()
    candidates = {part.lower() for (name,) in names for part in _WORD.findall(name)}
    return next(iter(difflib.get_close_matches(word, candidates, n=1, cutoff=0.75)), "")
