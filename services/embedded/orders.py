"""Orders as they are read: one value from the rows of orders, organizations, payments and resources."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import (
    Action,
    BillingCycle,
    InvoiceKind,
    Order,
    OrderState,
    PaymentMethod,
    PaymentState,
    Placed,
    ResourceState,
    SummaryLine,
)
from services.db import models as m
from services.db import money_models as mm
from services.embedded.held import CAPTURING
from services.embedded.refusals import shown

PENDING = (OrderState.PENDING_PROVIDER.value, OrderState.PENDING_CONSUMER.value)


def lines_to_json(lines: tuple[SummaryLine, ...]) -> list[list[Any]]:
    """How the arithmetic is kept with the order: [kind, label, micros, unit micros, quantity, params]."""
    return [
        [
            line.kind,
            line.label,
            line.amount.micros,
            None if line.unit_price is None else line.unit_price.micros,
            line.quantity,
            line.params,
        ]
        for line in lines
    ]


def _lines(stored: list[list[Any]], currency: str) -> tuple[SummaryLine, ...]:
    return tuple(
        SummaryLine(
            kind, label, Money(micros, currency), None if unit is None else Money(unit, currency), quantity, *params
        )
        for kind, label, micros, unit, quantity, *params in stored  # without params before version 2
    )


# The invoice that came with the order; one that replaced it names it in `corrects_uuid`.
_FIRST_INVOICE = (
    sa.select(mm.InvoiceRow.uuid)
    .where(
        mm.InvoiceRow.organization_uuid == m.OrderRow.organization_uuid,
        mm.InvoiceRow.order_uuid == m.OrderRow.uuid,
        mm.InvoiceRow.kind == InvoiceKind.INVOICE.value,
        mm.InvoiceRow.corrects_uuid == "",
    )
    .order_by(mm.InvoiceRow.created_at)
    .limit(1)
    .correlate(m.OrderRow)
    .scalar_subquery()
)


def _select() -> sa.Select[Any]:
    o = m.OrderRow
    return (
        sa.select(
            *o.__table__.c,
            m.OrganizationRow.name.label("organization_name"),
            m.ProjectRow.name.label("project_name"),
            m.User.full_name.label("buyer_name"),
            m.User.email.label("buyer_email"),
            m.OfferingRow.uuid.label("offering_uuid"),
            m.PaymentRow.action_url,
            m.PaymentRow.expires_at,
            m.PaymentRow.capture_at,
            m.PaymentRow.method,
            m.PaymentRow.state.label("payment_state"),
            m.PaymentRow.provider.label("payment_provider"),
            m.PaymentRow.provider_token.label("payment_token"),
            _FIRST_INVOICE.label("invoice_uuid"),
        )
        .join(m.OrganizationRow, m.OrganizationRow.uuid == o.organization_uuid)
        .join(m.ProjectRow, m.ProjectRow.uuid == o.project_uuid)
        .join(m.User, m.User.uuid == o.user_uuid)
        .join(m.OfferingRow, m.OfferingRow.id == o.offering_id)
        .outerjoin(m.PaymentRow, m.PaymentRow.order_uuid == o.uuid)
    )


def find_orders(connection: Connection, condition: sa.ColumnElement[bool]) -> list[Order]:
    """The orders that meet a condition, newest first."""
    rows = connection.execute(_select().where(condition).order_by(m.OrderRow.uuid.desc())).all()
    uuids = [row.uuid for row in rows]
    resources: dict[str, list[str]] = {uuid: [] for uuid in uuids}
    found = connection.execute(
        sa.select(m.ResourceRow.order_uuid, m.ResourceRow.uuid)
        .where(m.ResourceRow.order_uuid.in_(uuids))
        .order_by(m.ResourceRow.uuid)
    )
    for order_uuid, resource_uuid in found:
        resources[order_uuid].append(resource_uuid)
    return [_order(row, tuple(resources[row.uuid])) for row in rows]


def state_of(stored: str) -> PaymentState:
    """As it is told."""
    return PaymentState.AUTHORIZED if stored == CAPTURING else PaymentState(stored)


def _order(row: Any, resources: tuple[str, ...]) -> Order:  # Any: a row of _select()
    waits = row.state == OrderState.PENDING_CONSUMER.value
    is_asked = bool(row.payment_provider or row.payment_token)
    return Order(
        uuid=row.uuid,
        number=row.number or "",
        state=OrderState(row.state),
        offering_uuid=row.offering_uuid,
        offering_name=row.offering_name,
        plan_name=row.plan_name,
        billing_cycle=BillingCycle(row.billing_cycle),
        lines=_lines(row.lines, row.currency),
        total=Money(row.total_micros, row.currency),
        refunded=Money(row.refunded_micros, row.currency),
        paid_with=row.paid_with,
        organization_uuid=row.organization_uuid,
        organization_name=row.organization_name,
        project_name=row.project_name,
        buyer_name=row.buyer_name,
        buyer_email=row.buyer_email,
        resource_uuids=resources,
        created_at=row.created_at,
        paid_at=row.paid_at,
        renews_at=row.renews_at,
        error_code=shown(row.error_code) if row.error_code else "",
        action=Action("redirect", row.action_url, row.expires_at) if waits and row.action_url else None,
        invoice_uuid=row.invoice_uuid or "",
        payment_state=state_of(row.payment_state) if is_asked else None,
        payment_method=PaymentMethod(row.request.get("method", "card") if not is_asked else row.method),
        undo_until=row.capture_at if row.payment_state == PaymentState.AUTHORIZED.value else None,
    )


_LOCK = sa.select(m.OrderRow.uuid).where(m.OrderRow.uuid == sa.bindparam("order")).with_for_update()


def lock_order(connection: Connection, order_uuid: str) -> None:
    """Waits for other transactions that change the order; until this one ends nobody else does."""
    connection.execute(_LOCK, {"order": order_uuid})


def refunded_with(micros: int) -> sa.ColumnElement[int]:
    """What of an order went back, with so much more. An invoice that was corrected may have asked for more than the
    order did, and all of that goes back; more than the whole order never does."""
    sum_ = m.OrderRow.refunded_micros + micros
    return sa.case((sum_ > m.OrderRow.total_micros, m.OrderRow.total_micros), else_=sum_)


def close_order(connection: Connection, order_uuid: str) -> None:
    """A paid order is done when all it bought runs (or was paid back), and canceled when nothing is left of it."""
    o, r = m.OrderRow, m.ResourceRow
    lock_order(connection, order_uuid)
    states = set(connection.execute(sa.select(r.state).where(r.order_uuid == order_uuid)).scalars())
    if not states <= {ResourceState.READY.value, ResourceState.RETIRED.value}:
        return
    state = OrderState.DONE if ResourceState.READY.value in states else OrderState.CANCELED
    connection.execute(
        sa.update(o).where(o.uuid == order_uuid, o.state == OrderState.EXECUTING.value).values(state=state.value)
    )


_PLACED = (
    sa.select(
        m.OrderRow.state,
        m.OrderRow.organization_uuid,
        m.OrderRow.project_uuid,
        m.PaymentRow.action_url,
        m.PaymentRow.expires_at,
        m.PaymentRow.state.label("payment_state"),
        m.ResourceRow.uuid,
    )
    .outerjoin(m.PaymentRow, m.PaymentRow.order_uuid == m.OrderRow.uuid)
    .outerjoin(m.ResourceRow, m.ResourceRow.order_uuid == m.OrderRow.uuid)
    .where(m.OrderRow.uuid == sa.bindparam("order"))
    .order_by(m.ResourceRow.uuid)
    .limit(1)
)


def placed(connection: Connection, order_uuid: str) -> Placed:
    """The answer to a purchase whose order is paid or waits for the buyer."""
    row = connection.execute(_PLACED, {"order": order_uuid}).one()
    state = state_of(row.payment_state) if row.payment_state else PaymentState.SUCCEEDED
    if row.state == OrderState.PENDING_CONSUMER.value:
        return Placed(order_uuid, action=Action("redirect", row.action_url, row.expires_at), state=state)
    if row.state == OrderState.PENDING_PROVIDER.value:
        return Placed(order_uuid, state=state)
    return bought(order_uuid, row.uuid, row.organization_uuid, row.project_uuid, state)


def bought(
    order_uuid: str,
    resource_uuid: str,
    organization_uuid: str,
    project_uuid: str,
    state: PaymentState = PaymentState.SUCCEEDED,
) -> Placed:
    """The answer to a paid purchase: it leads to the first thing that was bought."""
    url = f"/resource-details/{resource_uuid}/"
    return Placed(order_uuid, resource_uuid, organization_uuid, project_uuid, url, state=state)
