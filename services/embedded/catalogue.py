"""The catalogue area: lists, categories and single offerings, read from the database."""

from __future__ import annotations

from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput, NotFound
from services.api.money import MICROS_MAX, Money, Rate
from services.api.types import (
    BillingModel,
    Category,
    Offering,
    OfferingCard,
    OfferingPage,
    OfferingQuery,
    OveragePolicy,
    Plan,
    Vendor,
)
from services.db import models as m
from services.db import portable
from services.embedded import search, search_postgres
from services.embedded.core import Area
from services.embedded.first_page import CARD_SQL, card_from

PAGE_SIZE_MAX = 300
PAGE_MAX = 1_000_000


def cards_by_id(connection: Connection, ids: list[int]) -> list[OfferingCard]:
    """The cards of these offerings, in the order of `ids`."""
    if not ids:
        return []
    rows = connection.exec_driver_sql(
        f"{CARD_SQL} WHERE o.id IN ({portable.marks(connection, len(ids))})", tuple(ids)
    ).fetchall()
    found = {row.id: card_from(tuple(row)) for row in rows}
    return [found[number] for number in ids]


def plan_from(row: Any) -> Plan:  # Any: a row with the columns of PlanRow
    """A plan from its row."""
    model = BillingModel(row.billing_model)
    monthly = None if row.monthly_micros is None else Money(row.monthly_micros, row.currency)
    listed = (
        None if row.list_monthly_micros in (None, row.monthly_micros) else Money(row.list_monthly_micros, row.currency)
    )
    return Plan(
        uuid=row.uuid,
        slug=row.slug,
        name=row.name,
        billing_model=model,
        monthly_price=monthly,
        yearly_price=monthly * 10 if monthly is not None and model is BillingModel.SUBSCRIPTION else None,
        included_calls=row.included_calls,
        overage=None if row.overage_micros is None else Rate(row.overage_micros, row.overage_units, row.currency),
        overage_policy=OveragePolicy(row.overage_policy),
        points=tuple(row.points),
        badge=row.badge,
        list_monthly_price=listed,
        trial_days=row.trial_days,
    )


PLAN_COLUMNS = m.PlanRow.__table__.c


class EmbeddedCatalogue(Area):
    async def list_offerings(self, query: OfferingQuery) -> OfferingPage:
        is_good = {
            "page_size": 1 <= query.page_size <= PAGE_SIZE_MAX,
            "page": 1 <= query.page <= PAGE_MAX,
            "price_min": query.price_min is None or abs(query.price_min.micros) <= MICROS_MAX,
            "price_max": query.price_max is None or abs(query.price_max.micros) <= MICROS_MAX,
        }
        if problems := {field: "out_of_range" for field, good in is_good.items() if not good}:
            raise InvalidInput(fields=problems)
        return await self._core.db.read(partial(_list, query=query))

    async def list_categories(self) -> tuple[Category, ...]:
        return await self._core.db.read(_categories)

    async def get_offering(self, uuid: str) -> Offering:
        return await self._core.db.read(partial(_offering, key=uuid))


def _list(connection: Connection, *, query: OfferingQuery) -> OfferingPage:
    hits = _find(connection, query)
    return OfferingPage(tuple(cards_by_id(connection, hits.ids)), hits.total, hits.is_capped, hits.corrected_text)


def _find(connection: Connection, query: OfferingQuery) -> search.Hits:
    if not portable.is_sqlite(connection):
        return search_postgres.find(connection, query)
    cursor = connection.connection.cursor()
    try:
        return search.find(cursor, query)  # type: ignore[arg-type]  # the pool's proxy of a sqlite3 cursor
    finally:
        cursor.close()


def _categories(connection: Connection) -> tuple[Category, ...]:
    counts = dict(
        connection.execute(
            sa.select(m.FacetCount.value, m.FacetCount.count).where(m.FacetCount.facet == "category")
        ).all()
    )
    c = m.CategoryRow
    rows = connection.execute(sa.select(c.uuid, c.slug, c.title, c.description, c.icon, c.hue).order_by(c.id))
    return tuple(Category(*row, offering_count=counts.get(row.slug, 0)) for row in rows)


def _offering(connection: Connection, *, key: str) -> Offering:
    o, v = m.OfferingRow, m.VendorRow
    row = connection.execute(
        sa.select(o.id, o.content, o.created_at, o.vendor_id).where(sa.or_(o.uuid == key, o.slug == key), o.is_active)
    ).one_or_none()
    if row is None:
        raise NotFound(what="offering")
    content: dict[str, Any] = row.content
    vendor = connection.execute(
        sa.select(v.uuid, v.slug, v.name, v.country, v.city, v.is_verified, v.since, v.about, v.support_email).where(
            v.id == row.vendor_id
        )
    ).one()
    plans = connection.execute(
        sa.select(*PLAN_COLUMNS)
        .where(m.PlanRow.offering_id == row.id, m.PlanRow.is_active)
        .order_by(m.PlanRow.position)
    )
    items = connection.execute(
        sa.select(m.BundleItem.offering_id).where(m.BundleItem.bundle_id == row.id).order_by(m.BundleItem.position)
    ).scalars()
    orders = sa.select(sa.func.count()).where(m.OrderRow.offering_id == row.id, m.OrderRow.paid_at.is_not(None))
    return Offering(
        card=cards_by_id(connection, [row.id])[0],
        description=content["description"],
        does=tuple(content["does"]),
        does_not=tuple(content["does_not"]),
        languages=tuple(content["languages"]),
        data_location=content["data_location"],
        getting_started=tuple(content["getting_started"]),
        prompts=tuple(content["prompts"]),
        greeting=content["greeting"],
        handover=content["handover"],
        created_at=row.created_at,
        order_count=connection.execute(orders).scalar_one(),
        vendor=Vendor(*vendor),
        plans=tuple(plan_from(plan) for plan in plans),
        items=tuple(cards_by_id(connection, list(items))),
        discount_percent=content["discount_percent"],
    )
