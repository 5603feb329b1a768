"""The first catalogue page by the standard library's sqlite3 alone, so that it is in the first frame (LIMITS)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from services.api.money import Money, Rate
from services.api.types import BillingModel, Category, OfferingCard, OfferingKind, OfferingPage
from services.db import backups
from services.embedded import bundled

PAGE_SIZE = 60

CARD_SQL = """
SELECT o.uuid, o.slug, o.kind, o.name, o.tagline, v.name, v.is_verified, c.uuid, c.slug, c.title, c.icon, c.hue,
       o.rating, o.review_count, CAST(o.tags AS TEXT), CAST(o.billing_models AS TEXT), o.from_price_micros,
       o.per_call_micros, o.per_call_units, o.currency, o.id
FROM offerings o JOIN vendors v ON v.id = o.vendor_id JOIN categories c ON c.id = o.category_id
"""


def card_from(row: tuple) -> OfferingCard:  # type: ignore[type-arg]  # one row of CARD_SQL, in its order
    """A card from one row of CARD_SQL."""
    per_call = None if row[17] is None else Rate(row[17], row[18], row[19])
    return OfferingCard(
        uuid=row[0], slug=row[1], kind=OfferingKind(row[2]), name=row[3], tagline=row[4], vendor_name=row[5],
        vendor_verified=bool(row[6]), category_uuid=row[7], category_slug=row[8], category_title=row[9],
        category_icon=row[10], category_hue=row[11], rating=row[12], review_count=row[13],
        tags=tuple(json.loads(row[14])), billing_models=tuple(BillingModel(name) for name in json.loads(row[15])),
        from_price=Money(row[16], row[19]), per_call_price=per_call,
    )  # fmt: skip


def load(database: Path) -> tuple[OfferingPage, tuple[Category, ...]]:
    """The most popular offerings and all categories: from the database when it is there, else as shipped."""
    try:
        found = _read(database)
    except (sqlite3.DatabaseError, ValueError, KeyError):  # not there, damaged, or of a later program
        found = None
    if found is None:
        cards, shelf, number = bundled.first_cards(PAGE_SIZE)
        return OfferingPage(cards, number), shelf
    return found


def _read(database: Path) -> tuple[OfferingPage, tuple[Category, ...]] | None:
    with closing(sqlite3.connect(backups.read_only(database), uri=True)) as connection:
        rows = connection.execute(f"{CARD_SQL} WHERE o.is_active ORDER BY o.id LIMIT ?", (PAGE_SIZE,)).fetchall()
        counts = dict(connection.execute("SELECT value, count FROM facet_counts WHERE facet = 'category'"))
        total = connection.execute("SELECT count FROM facet_counts WHERE facet = 'all'").fetchone()
        categories = connection.execute(
            "SELECT uuid, slug, title, description, icon, hue, 0 FROM categories ORDER BY id"
        ).fetchall()
    if not rows or total is None:
        return None
    shelf = tuple(replace(Category(*row), offering_count=counts.get(row[1], 0)) for row in categories)
    return OfferingPage(tuple(card_from(row) for row in rows), total[0]), shelf
