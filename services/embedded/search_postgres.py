"""Finding offerings on PostgreSQL: the rules of `search` in its own full-text search, which knows no bm25.

Words are cut and folded here and stored as finished lexemes, so that no dictionary or locale of the server decides
what is found. Up to CAP hits are ranked by `ts_rank`; beyond that popularity decides, titles first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlalchemy.engine import Connection

from services.api.types import OfferingQuery, SortOrder
from services.db import models as m
from services.embedded.search import CAP, FACETS, Hits, most_alike

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_WORDS_MAX = 8  # of a query, as on SQLite
_LETTERS_MAX = 200  # of a word; a lexeme may have 2,046 bytes
_POSITION_MAX = 16_383
_TITLES_LOOKED_AT = 5_000
_TITLES_COMPARED = 24

_ENTRIES = sa.table(
    "search_offerings",
    sa.column("offering_id", sa.BigInteger),
    sa.column("titles", TSVECTOR),
    sa.column("whole", TSVECTOR),
)
_ORDERS: dict[SortOrder, tuple[sa.ColumnElement[Any], ...]] = {
    SortOrder.RECOMMENDED: (m.OfferingRow.__table__.c.id,),
    SortOrder.PRICE_LOW: (m.OfferingRow.__table__.c.from_price_micros, m.OfferingRow.__table__.c.id),
    SortOrder.RATING: (m.OfferingRow.__table__.c.sort_rating, m.OfferingRow.__table__.c.id),
    # by code point, as SQLite does, whatever the server's locale
    SortOrder.NAME: (m.OfferingRow.__table__.c.sort_name.collate("C"), m.OfferingRow.__table__.c.id),
    SortOrder.NEWEST: (m.OfferingRow.__table__.c.sort_newest, m.OfferingRow.__table__.c.id),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What of an offering can be found. `parts` are texts with their weight, "A" the heaviest and the title's."""

    offering_id: int
    parts: tuple[tuple[str, str], ...]


def write(connection: Connection, entries: Iterable[Entry]) -> None:
    """Replaces the index."""
    connection.execute(sa.delete(_ENTRIES))
    rows = [
        {
            "offering_id": entry.offering_id,
            "titles": _vector(part for part in entry.parts if part[0] == "A"),
            "whole": _vector(entry.parts),
        }
        for entry in entries
    ]
    if rows:
        connection.execute(sa.insert(_ENTRIES), rows)


def find(connection: Connection, query: OfferingQuery) -> Hits:
    """One page of hits for a query."""
    words = _words(query.text)
    if query.text.strip() and not words:
        return Hits([], 0)  # only signs and emoji: nothing can match, but nothing is wrong either
    narrow = _narrow(connection, query)
    if not words:
        return _browse(connection, query, narrow)
    hits = _search(connection, query, words, narrow)
    if hits.total == 0 and (corrected := _correct(connection, query.text)):
        again = _search(connection, query, _words(corrected), narrow)
        return Hits(again.ids, again.total, again.is_capped, corrected) if again.total else hits
    return hits


# ---- words


def _words(text: str) -> list[str]:
    """The first words without case and accents."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return [word[:_LETTERS_MAX] for word in _WORD.findall(plain)]


def _vector(parts: Iterable[tuple[str, str]]) -> str:
    """A tsvector's text. A word has letters and digits only, so that nothing in it has a meaning."""
    lexemes = [(word, weight) for weight, text in parts for word in _words(text)]
    return " ".join(f"'{word}':{min(i, _POSITION_MAX)}{weight}" for i, (word, weight) in enumerate(lexemes, 1))


def _matches(column: sa.ColumnElement[Any], words: list[str]) -> sa.ColumnElement[bool]:
    return column.op("@@", is_comparison=True)(_expression(words))


def _expression(words: list[str]) -> sa.ColumnElement[Any]:
    """All of the words, each as the beginning of one."""
    return sa.cast(" & ".join(f"'{word}':*" for word in words[:_WORDS_MAX]), TSQUERY)


# ---- narrowing down


@dataclass(frozen=True, slots=True)
class _Narrow:
    """Conditions on an offering. `count` is how many meet them where the catalogue keeps that number."""

    where: tuple[sa.ColumnElement[bool], ...]
    count: int | None


def _narrow(connection: Connection, query: OfferingQuery) -> _Narrow:
    o, f, c = m.OfferingRow, m.OfferingFacet, m.FacetCount
    facets = [(name, _facet_value(connection, name, getattr(query, name))) for name in FACETS if getattr(query, name)]
    where: list[sa.ColumnElement[bool]] = [o.is_active.expression]
    for name, value in facets:
        where.append(o.id.in_(sa.select(f.offering_id).where(f.facet == name, f.value == value)))
    if query.price_min is not None:
        where.append(o.from_price_micros >= query.price_min.micros)
    if query.price_max is not None:
        where.append(o.from_price_micros <= query.price_max.micros)
    if len(where) > 2 or len(where) - 1 > len(facets):
        return _Narrow(tuple(where), None)
    name, value = facets[0] if facets else ("all", "")
    count = connection.execute(sa.select(c.count).where(c.facet == name, c.value == value)).scalar()
    return _Narrow(tuple(where), count or 0)


def _facet_value(connection: Connection, name: str, value: str) -> str:
    value = value.encode(errors="replace").decode().replace("\0", "\ufffd")  # no value of ours holds such characters
    if name != "vendor":
        return value
    return connection.execute(sa.select(m.VendorRow.slug).where(m.VendorRow.uuid == value)).scalar() or value


# ---- finding


def _browse(connection: Connection, query: OfferingQuery, narrow: _Narrow) -> Hits:
    walked = sa.select(m.OfferingRow.id).where(*narrow.where)
    total = _capped_count(connection, walked) if narrow.count is None else narrow.count
    ids = _page(connection, walked.order_by(*_ORDERS[query.order]), query)
    return Hits(ids, total, is_capped=False) if narrow.count is not None else Hits(ids, min(total, CAP), total > CAP)


def _search(connection: Connection, query: OfferingQuery, words: list[str], narrow: _Narrow) -> Hits:
    e = _ENTRIES.c
    walked = (
        sa.select(m.OfferingRow.id)
        .join(_ENTRIES, e.offering_id == m.OfferingRow.id)
        .where(_matches(e.whole, words), *narrow.where)
    )
    total = _capped_count(connection, walked)
    order = _ORDERS[query.order]
    if query.order is SortOrder.RECOMMENDED and total > CAP:
        order = (_matches(e.titles, words).desc(), *order)
    elif query.order is SortOrder.RECOMMENDED:
        order = (sa.func.ts_rank(e.whole, _expression(words)).desc(), *order)
    return Hits(_page(connection, walked.order_by(*order), query), min(total, CAP), total > CAP)


def _capped_count(connection: Connection, walked: sa.Select[Any]) -> int:
    """How many rows there are, up to CAP + 1."""
    return connection.execute(sa.select(sa.func.count()).select_from(walked.limit(CAP + 1).subquery())).scalar_one()


def _page(connection: Connection, ordered: sa.Select[Any], query: OfferingQuery) -> list[int]:
    return list(connection.execute(ordered.limit(query.page_size).offset((query.page - 1) * query.page_size)).scalars())


# ---- mistyped words


def _correct(connection: Connection, text: str) -> str:
    """The text with every word that matches nothing replaced by the most alike word of a title; "" if one has none."""
    words = []
    for word in _words(text)[:_WORDS_MAX]:
        known = sa.select(_ENTRIES.c.offering_id).where(_matches(_ENTRIES.c.whole, [word])).limit(1)
        better = word if connection.execute(known).first() else _alike(connection, word)
        if not better:
            return ""
        words.append(better)
    return " ".join(words)


def _alike(connection: Connection, word: str) -> str:
    """The title word most like `word` among titles that share three letters in a row with it; "" for none."""
    runs = {word[i : i + 3] for i in range(len(word) - 2)}
    if not runs:
        return ""
    o = m.OfferingRow
    shares = sa.or_(*(o.sort_name.contains(run, autoescape=True) for run in sorted(runs)))
    names = connection.execute(
        sa.select(o.name, o.sort_name).where(o.is_active, shares).order_by(o.id).limit(_TITLES_LOOKED_AT)
    ).all()
    closest = sorted(names, key=lambda row: -sum(run in row.sort_name for run in runs))
    return most_alike(word, [row.name for row in closest[:_TITLES_COMPARED]])
