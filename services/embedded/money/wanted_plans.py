"""Which plan a change asks for: looked up in the catalogue, priced for what the subscription holds."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput
from services.api.money import Money
from services.api.types import BillingCycle, BillingModel, ChangeRequest, OfferingKind, Plan
from services.db import models as m
from services.domain import billing
from services.domain.billing import Buyer, Part
from services.embedded.catalogue import PLAN_COLUMNS, plan_from
from services.embedded.money import agreed, cycles
from services.embedded.money.cycles import Agreement

QUANTITY_MAX = 10_000

_PLAN = sa.select(*PLAN_COLUMNS).where(m.PlanRow.uuid == sa.bindparam("plan"))
_OFFERING = sa.select(m.OfferingRow.kind, m.OfferingRow.content, m.OfferingRow.slug).where(
    m.OfferingRow.id == sa.bindparam("offering")
)
_PARTS = (
    sa.select(m.OfferingRow.id, m.OfferingRow.uuid, m.OfferingRow.name)
    .join(m.BundleItem, m.BundleItem.offering_id == m.OfferingRow.id)
    .where(m.BundleItem.bundle_id == sa.bindparam("offering"))
    .order_by(m.BundleItem.position)
)
_HELD = sa.select(m.ResourceRow.offering_id).where(m.ResourceRow.order_uuid == sa.bindparam("order"))


def find(connection: Connection, row: Any, request: ChangeRequest) -> Agreement:
    """What the subscription (its row) is to become. InvalidInput(plan_uuid, quantity)."""
    if not 0 <= request.quantity <= QUANTITY_MAX:
        raise InvalidInput(fields={"quantity": "out_of_range"})
    now = cycles.agreement_of(row)
    quantity, cycle = request.quantity or now.quantity, request.cycle or now.cycle
    if request.plan_uuid in ("", now.plan_uuid):
        is_sold_by_year = now.terms["model"] in (BillingModel.SUBSCRIPTION.value, BillingModel.QUOTE.value)
        return Agreement(now.plan_uuid, now.terms, cycle if is_sold_by_year else now.cycle, quantity)
    plan = _plan(connection, row, request.plan_uuid)
    if plan.billing_model is not BillingModel.SUBSCRIPTION:
        cycle = BillingCycle.MONTHLY
    return Agreement(plan.uuid, agreed.agree(plan, _monthly(connection, row, plan)), cycle, quantity)


def _plan(connection: Connection, row: Any, plan_uuid: str) -> Plan:
    found = connection.execute(_PLAN, {"plan": plan_uuid}).one_or_none()
    if found is None or not found.is_active:
        raise InvalidInput(fields={"plan_uuid": "unknown"})
    if found.offering_id != row.offering_id:
        raise InvalidInput(fields={"plan_uuid": "not_of_offering"})
    if found.billing_model == BillingModel.QUOTE.value:
        raise InvalidInput(fields={"plan_uuid": "needs_quote"})
    return plan_from(found)


def _monthly(connection: Connection, row: Any, plan: Plan) -> Money | None:
    """The price for the parts of a bundle that belong to this subscription; the plan's own for anything else."""
    offering = connection.execute(_OFFERING, {"offering": row.offering_id}).one()
    if offering.kind != OfferingKind.BUNDLE.value:
        return plan.monthly_price
    held = set(connection.execute(_HELD, {"order": row.order_uuid}).scalars())
    parts = tuple(
        Part(part.uuid, part.name, part.id not in held)
        for part in connection.execute(_PARTS, {"offering": row.offering_id})
    )
    if all(part.is_owned for part in parts):  # the catalogue has put other agents into the bundle since
        return plan.monthly_price
    buyer = Buyer(parts=parts, discount_percent=offering.content["discount_percent"], offering=offering.slug)
    return billing.bill("", row.offering_name, plan, BillingCycle.MONTHLY, row.created_at, buyer).monthly
