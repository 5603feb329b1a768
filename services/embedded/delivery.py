"""What a paid order brings: its number, subscription and invoice, resources with their deployment jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money, split_largest_remainder
from services.api.types import FunnelStep, OfferingKind, Placed, ResourceState
from services.db import models as m
from services.db import portable
from services.domain import provisioning
from services.embedded.core import Core, insert_into
from services.embedded.funnel import note
from services.embedded.money import subscribing
from services.embedded.money.subscribing import Payment
from services.embedded.orders import bought
from services.gateways.agents import DEPLOYMENT_STEPS

_SET_PAID = (
    sa.update(m.OrderRow)
    .where(m.OrderRow.uuid == sa.bindparam("order"))
    .values(
        number=sa.bindparam("new_number"), paid_at=sa.bindparam("at"), error_code="",
        paid_with=sa.bindparam("by"),
    )
)  # fmt: skip
_NEXT_NUMBER = (
    portable.insert(m.Meta)
    .values(key="last_order_number", value="1")
    .on_conflict_do_update(
        index_elements=["key"], set_={"value": sa.cast(sa.cast(m.Meta.value, sa.Integer) + 1, sa.Text)}
    )
    .returning(sa.cast(m.Meta.value, sa.Integer))
)
_OFFERING = sa.select(
    m.OfferingRow.id,
    m.OfferingRow.uuid,
    m.OfferingRow.kind,
    m.OfferingRow.name,
    m.OfferingRow.content,
)
_ITSELF = _OFFERING.where(m.OfferingRow.id == sa.bindparam("offering"))
_PARTS = (
    _OFFERING.join(m.BundleItem, m.BundleItem.offering_id == m.OfferingRow.id)
    .where(m.BundleItem.bundle_id == sa.bindparam("offering"))
    .order_by(m.BundleItem.position)
)
_EMPTY_CART = sa.delete(m.CartRow).where(m.CartRow.owner == sa.bindparam("buyer"))
_CARRY_OVER = (
    sa.update(m.ChatMessageRow)
    .where(
        m.ChatMessageRow.owner == sa.bindparam("buyer"),
        m.ChatMessageRow.offering_uuid == sa.bindparam("offering"),
        m.ChatMessageRow.resource_uuid.is_(None),
    )
    .values(resource_uuid=sa.bindparam("resource"))
)


def deliver(
    core: Core, connection: Connection, order: Any, now: datetime, payment: Payment, *, paid_at: datetime | None = None
) -> Placed:
    """What an order brings: its number, subscription and invoice, resources with their deployment jobs, the cart
    emptied, samples carried over."""
    number = connection.execute(_NEXT_NUMBER).scalar_one()
    connection.execute(
        _SET_PAID, {"order": order.uuid, "new_number": f"SK-{number:06d}", "at": paid_at, "by": payment.paid_with}
    )
    subscribing.start(core, connection, order, now, payment)
    resources = _create_resources(core, connection, order, now)
    owner = f"user:{order.user_uuid}"
    connection.execute(_EMPTY_CART, {"buyer": owner})
    for uuid, offering_uuid in resources:
        connection.execute(_CARRY_OVER, {"buyer": owner, "offering": offering_uuid, "resource": uuid})
    note(connection, owner, FunnelStep.PAID, resources[0][1], now)
    return bought(order.uuid, min(resources)[0], order.organization_uuid, order.project_uuid)


def _create_resources(core: Core, connection: Connection, order: Any, now: datetime) -> list[tuple[str, str]]:
    ordered = {"offering": order.offering_id}
    parts = connection.execute(_ITSELF, ordered).all()
    if parts[0].kind == OfferingKind.BUNDLE.value:
        missing = order.request["parts"]
        parts = [part for part in connection.execute(_PARTS, ordered) if part.id in missing] or parts
    unit = Money(0, order.currency).minor_unit
    shares = split_largest_remainder(order.total_micros // unit, [1] * len(parts))
    steps = [[step.name, step.state.value, ""] for step in provisioning.first_steps(DEPLOYMENT_STEPS)]
    rows, jobs = [], []
    for part, share in zip(parts, shares, strict=True):
        uuid = core.ids.uuid()
        rows.append(
            {"uuid": uuid, "order_uuid": order.uuid, "organization_uuid": order.organization_uuid,
             "project_uuid": order.project_uuid, "offering_id": part.id, "plan_uuid": order.plan_uuid,
             "name": part.name, "greeting": part.content["greeting"], "state": ResourceState.ORDERED.value,
             "steps": steps, "failure": "", "price_micros": share * unit, "currency": order.currency,
             "created_at": now}
        )  # fmt: skip
        jobs.append(job_row("deploy", uuid, now))
    connection.execute(insert_into(m.ResourceRow), rows)
    connection.execute(insert_into(m.Job), jobs)
    return [(row["uuid"], part.uuid) for row, part in zip(rows, parts, strict=True)]


def job_row(kind: str, subject_uuid: str, run_at: datetime) -> dict[str, Any]:
    """A job that is due at `run_at`; its key makes it exist once."""
    return {"key": f"{kind}:{subject_uuid}", "kind": kind, "subject_uuid": subject_uuid, "run_at": run_at,
            "leased_until": None, "attempts": 0, "done_at": None}  # fmt: skip
