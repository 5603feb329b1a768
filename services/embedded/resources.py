"""Bought agents as they are read: one value from resource, plan, offering, order and this period's usage."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.types import (
    DeploymentStep,
    Resource,
    ResourceState,
    StepState,
    SubscriptionState,
    Usage,
    UsagePayment,
)
from services.db import models as m
from services.db import money_models as mm
from services.embedded.catalogue import PLAN_COLUMNS, cards_by_id, plan_from
from services.embedded.money import agreed, months, reservations
from services.embedded.money.caps import Scopes
from services.gateways.agents import AgentSpec, Passage

_STOPPED = (SubscriptionState.PAUSED.value, SubscriptionState.SUSPENDED.value)


def steps_from(stored: list[list[str]]) -> tuple[DeploymentStep, ...]:
    """Deployment steps from how they are kept: [name, state, detail]."""
    return tuple(DeploymentStep(name, StepState(state), detail) for name, state, detail in stored)


def steps_to_json(steps: Iterable[DeploymentStep]) -> list[list[str]]:
    """The reverse of `steps_from`."""
    return [[step.name, step.state.value, step.detail] for step in steps]


def usage_of(connection: Connection, subscription: Any, scopes: Scopes, now: datetime) -> Usage:
    """Calls and cost of an agent (its key is its uuid) in the month that holds `now`, and what the next call costs.
    `subscription`: its row."""
    month, uuid = months.month_of(subscription, now), scopes.key_uuid
    used, cost = months.read(connection, uuid, month.start, subscription.currency)
    terms = agreed.rating_terms(subscription.terms, subscription.quantity)
    following = reservations.look(connection, subscription, scopes, used, now)
    return Usage(
        included=None if terms.included is None else int(terms.included),
        used=used,
        period_start=month.start,
        period_end=month.end,
        cost=cost,
        next_call_cost=following.cost,
        overage_policy=terms.policy,
        pays_next=following.pays,
    )


def find_resources(connection: Connection, condition: sa.ColumnElement[bool], now: datetime) -> list[Resource]:
    """The bought agents that meet a condition, newest first."""
    r = m.ResourceRow
    rows = connection.execute(
        sa.select(
            *r.__table__.c,
            m.OrganizationRow.name.label("organization_name"),
            m.ProjectRow.name.label("project_name"),
            m.OfferingRow.content,
        )
        .join(m.OrganizationRow, m.OrganizationRow.uuid == r.organization_uuid)
        .join(m.ProjectRow, m.ProjectRow.uuid == r.project_uuid)
        .join(m.OfferingRow, m.OfferingRow.id == r.offering_id)
        .where(condition)
        .order_by(r.uuid.desc())
    ).all()
    return [_resource(connection, row, now) for row in rows]


def _resource(connection: Connection, row: Any, now: datetime) -> Resource:  # Any: a row of find_resources
    subscription, state = _subscription(connection, row), ResourceState(row.state)
    scopes = Scopes(row.organization_uuid, row.project_uuid, row.uuid)
    return Resource(
        uuid=row.uuid,
        name=row.name,
        state=state,
        offering=cards_by_id(connection, [row.offering_id])[0],
        plan_uuid=subscription.plan_uuid,
        plan_name=subscription.terms["name"],
        order_uuid=row.order_uuid,
        organization_uuid=row.organization_uuid,
        organization_name=row.organization_name,
        project_uuid=row.project_uuid,
        project_name=row.project_name,
        steps=steps_from(row.steps),
        prompts=tuple(row.content["prompts"]),
        greeting=row.greeting,
        usage=usage_of(connection, subscription, scopes, now),
        created_at=row.created_at,
        failure=row.failure,
        can_refund=state is ResourceState.FAILED and row.price_micros > 0,
        stopped=subscription.state if state is ResourceState.READY and subscription.state in _STOPPED else "",
    )


def _subscription(connection: Connection, row: Any) -> Any:  # Any: a row of SubscriptionRow, or what stands for one
    """What the agent belongs to. Orders that came to nothing before there were subscriptions never got one."""
    s = mm.SubscriptionRow
    found = connection.execute(sa.select(*s.__table__.c).where(s.order_uuid == row.order_uuid)).one_or_none()
    if found is not None:
        return found
    plan = plan_from(connection.execute(sa.select(*PLAN_COLUMNS).where(m.PlanRow.uuid == row.plan_uuid)).one())
    return SimpleNamespace(
        plan_uuid=plan.uuid, terms=agreed.agree(plan), quantity=1, currency=row.currency, anchor_at=row.created_at,
        zone="UTC", organization_uuid=row.organization_uuid, state=SubscriptionState.CANCELED.value,
        usage_payment=UsagePayment.PREPAID.value,
    )  # fmt: skip


def spec_of(connection: Connection, offering_id: int) -> AgentSpec:
    """All an agent of this offering may know."""
    o, p = m.OfferingRow, m.PassageRow
    row = connection.execute(sa.select(o.uuid, o.name, o.content).where(o.id == offering_id)).one()
    passages = connection.execute(
        sa.select(p.passage_id, p.title, p.text, p.questions).where(p.offering_id == offering_id).order_by(p.position)
    )
    content: dict[str, Any] = row.content
    return AgentSpec(
        offering_uuid=row.uuid,
        name=row.name,
        greeting=content["greeting"],
        handover=content["handover"],
        prompts=tuple(content["prompts"]),
        passages=tuple(Passage(p.passage_id, p.title, p.text, tuple(p.questions)) for p in passages),
    )
