"""Writes a catalogue into the database: offerings, plans, passages, facets with counts and the search index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.types import Offering, Plan
from services.db import models as m
from services.db import portable
from services.embedded import bundled, search_postgres

_DIGEST = "catalogue_digest"


def load_bundled(connection: Connection) -> bool:
    """Brings the shipped catalogue into the database when it has changed; what was sold keeps its ids."""
    portable.one_at_a_time(connection, _DIGEST)
    digest = bundled.digest()
    stored = connection.execute(sa.select(m.Meta.value).where(m.Meta.key == _DIGEST)).scalar()
    if stored == digest:
        return False
    bring_in(connection, bundled.load())
    _upsert(connection, m.Meta, [{"key": _DIGEST, "value": digest}], ["key"])
    return True


def bring_in(connection: Connection, shipped: bundled.BundledCatalogue) -> None:
    """Makes this the catalogue: categories, vendors and offerings."""
    for model, make, things in (
        (m.CategoryRow, _category, shipped.categories),
        (m.VendorRow, _vendor, shipped.vendors),
    ):
        ids = _ids(connection, model, [thing.slug for thing in things])
        _upsert(connection, model, [make(ids[thing.slug], thing) for thing in things], ["id"])
    store(connection, shipped.offerings)


def store(connection: Connection, offerings: Iterable[bundled.BundledOffering]) -> None:
    """Replaces all offerings. Those no longer listed are kept inactive, because orders point at them."""
    listed = list(offerings)
    ids = _ids(connection, m.OfferingRow, [row.offering.card.slug for row in listed])
    connection.execute(sa.update(m.OfferingRow).values(is_active=False))
    connection.execute(sa.update(m.PlanRow).values(is_active=False))
    vendors = dict(connection.execute(sa.select(m.VendorRow.slug, m.VendorRow.id)).all())
    categories = dict(connection.execute(sa.select(m.CategoryRow.slug, m.CategoryRow.id)).all())
    rows = [_offering(ids[o.offering.card.slug], o.offering, vendors, categories) for o in listed]
    _upsert(connection, m.OfferingRow, rows, ["id"])
    plans = [_plan(ids[o.offering.card.slug], i, p) for o in listed for i, p in enumerate(o.offering.plans)]
    _upsert(connection, m.PlanRow, plans, ["uuid"])
    _store_parts(connection, listed, ids)
    index(connection, [(ids[o.offering.card.slug], o.offering) for o in listed])


def _store_parts(connection: Connection, listed: list[bundled.BundledOffering], ids: dict[str, int]) -> None:
    """Passages and bundle items of what is listed; bought agents go on with what is no longer listed."""
    active = sa.select(m.OfferingRow.id).where(m.OfferingRow.is_active)
    connection.execute(sa.delete(m.PassageRow).where(m.PassageRow.offering_id.in_(active)))
    connection.execute(sa.delete(m.BundleItem).where(m.BundleItem.bundle_id.in_(active)))
    passages = [
        {"offering_id": ids[o.offering.card.slug], "passage_id": p["id"], "position": i, "title": p["title"],
         "text": p["text"], "questions": p["questions"]}
        for o in listed for i, p in enumerate(o.passages)
    ]  # fmt: skip
    items = [
        {"bundle_id": ids[o.offering.card.slug], "position": i, "offering_id": ids[item.slug]}
        for o in listed
        for i, item in enumerate(o.offering.items)
    ]
    for model, rows in ((m.PassageRow, passages), (m.BundleItem, items)):
        if rows:
            connection.execute(sa.insert(model), rows)


def index(connection: Connection, offerings: list[tuple[int, Offering]]) -> None:
    """Rebuilds facets, their counts and the full-text index for all offerings."""
    connection.execute(sa.delete(m.OfferingFacet))
    connection.execute(sa.delete(m.FacetCount))
    facets = [{"facet": f, "value": v, "offering_id": i} for i, offering in offerings for f, v in _facets(offering)]
    connection.execute(sa.insert(m.OfferingFacet), facets)
    counts = Counter((row["facet"], row["value"]) for row in facets) + Counter({("all", ""): len(offerings)})
    connection.execute(sa.insert(m.FacetCount), [{"facet": f, "value": v, "count": n} for (f, v), n in counts.items()])
    if portable.is_sqlite(connection):
        _write_search(connection, offerings)
    else:
        search_postgres.write(connection, [_entry(rowid, offering) for rowid, offering in offerings])


def _entry(rowid: int, o: Offering) -> search_postgres.Entry:
    """Weighted as on SQLite, as far as four weights go."""
    body = " ".join((o.description, *o.does, *o.languages, o.data_location))
    known_by = " ".join((o.card.vendor_name, *o.card.tags, o.card.category_title))
    return search_postgres.Entry(rowid, (("A", o.card.name), ("B", known_by), ("C", o.card.tagline), ("D", body)))


def _write_search(connection: Connection, offerings: list[tuple[int, Offering]]) -> None:
    for table in ("search_text", "search_titles", "search_trigrams"):
        connection.exec_driver_sql(f"INSERT INTO {table}({table}) VALUES ('delete-all')")
    connection.exec_driver_sql(
        "INSERT INTO search_text(rowid, name, vendor, tags, category, tagline, body) VALUES (?,?,?,?,?,?,?)",
        [(i, o.card.name, o.card.vendor_name, " ".join(o.card.tags), o.card.category_title, o.card.tagline,
          " ".join((o.description, *o.does, *o.languages, o.data_location))) for i, o in offerings],
    )  # fmt: skip
    for table in ("search_titles", "search_trigrams"):
        names = [(i, offering.card.name) for i, offering in offerings]
        connection.exec_driver_sql(f"INSERT INTO {table}(rowid, name) VALUES (?,?)", names)


def _facets(offering: Offering) -> set[tuple[str, str]]:
    card = offering.card
    return {
        ("category", card.category_slug),
        ("kind", card.kind.value),
        ("vendor", offering.vendor.slug),
        *(("billing_model", model.value) for model in card.billing_models),
        *(("tag", tag) for tag in card.tags),
    }


def _ids(connection: Connection, model: Any, slugs: list[str]) -> dict[str, int]:  # Any: a table with id and slug
    """What is known keeps its id, because other rows point at it; what is new follows in the order given."""
    known: dict[str, int] = dict(connection.execute(sa.select(model.slug, model.id)).all())
    following = max(known.values(), default=0)
    for slug in slugs:
        if slug not in known:
            following += 1
            known[slug] = following
    return known


def _category(position: int, row: Any) -> dict[str, Any]:  # Any: a Category, read by name
    return {"id": position} | {
        name: getattr(row, name) for name in ("uuid", "slug", "title", "description", "icon", "hue")
    }


def _vendor(position: int, row: Any) -> dict[str, Any]:  # Any: a Vendor, read by name
    names = ("uuid", "slug", "name", "country", "city", "is_verified", "since", "about", "support_email")
    return {"id": position} | {name: getattr(row, name) for name in names}


def _offering(rowid: int, o: Offering, vendors: dict[str, int], categories: dict[str, int]) -> dict[str, Any]:
    card = o.card
    content = {
        "description": o.description, "does": o.does, "does_not": o.does_not, "languages": o.languages,
        "data_location": o.data_location, "getting_started": o.getting_started, "prompts": o.prompts,
        "greeting": o.greeting, "handover": o.handover, "discount_percent": o.discount_percent,
    }  # fmt: skip
    return {
        "id": rowid, "uuid": card.uuid, "slug": card.slug, "kind": card.kind.value, "name": card.name,
        "tagline": card.tagline, "vendor_id": vendors[o.vendor.slug], "category_id": categories[card.category_slug],
        "rating": card.rating, "review_count": card.review_count, "tags": list(card.tags),
        "billing_models": [model.value for model in card.billing_models],
        "from_price_micros": card.from_price.micros,
        "per_call_micros": card.per_call_price.micros if card.per_call_price else None,
        "per_call_units": card.per_call_price.per if card.per_call_price else None,
        "currency": card.from_price.currency, "created_at": o.created_at,
        "sort_rating": -round(card.rating * 100), "sort_name": card.name.casefold(),
        "sort_newest": -o.created_at.toordinal(),
        "content": content, "is_active": True,
    }  # fmt: skip


def _plan(offering_id: int, position: int, plan: Plan) -> dict[str, Any]:
    listed = plan.list_monthly_price or plan.monthly_price
    return {
        "uuid": plan.uuid, "offering_id": offering_id, "position": position, "slug": plan.slug, "name": plan.name,
        "billing_model": plan.billing_model.value,
        "monthly_micros": plan.monthly_price.micros if plan.monthly_price is not None else None,
        "list_monthly_micros": listed.micros if listed is not None else None,
        "currency": plan.monthly_price.currency if plan.monthly_price is not None else "USD",
        "included_calls": plan.included_calls,
        "overage_micros": plan.overage.micros if plan.overage else None,
        "overage_units": plan.overage.per if plan.overage else None,
        "overage_policy": plan.overage_policy.value, "points": list(plan.points), "badge": plan.badge,
        "is_active": True, "trial_days": plan.trial_days,
    }  # fmt: skip


def _upsert(connection: Connection, model: type[m.Base], rows: list[dict[str, Any]], keys: list[str]) -> None:
    if not rows:
        return

    statement = portable.insert(model)
    changes = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), rows)
