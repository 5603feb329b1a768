"""Bought agents as they are read: one value from resource, plan, offering, order and this period's usage."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import DeploymentStep, Plan, Resource, ResourceState, StepState, Usage
from services.db import models as m
from services.domain import billing, metering
from services.embedded.catalogue import PLAN_COLUMNS, cards_by_id, plan_from
from services.gateways.agents import AgentSpec, Passage


def steps_from(stored: list[list[str]]) -> tuple[DeploymentStep, ...]:
    """Deployment steps from how they are kept: [name, state, detail]."""
    return tuple(DeploymentStep(name, StepState(state), detail) for name, state, detail in stored)


def steps_to_json(steps: Iterable[DeploymentStep]) -> list[list[str]]:
    """The reverse of `steps_from`."""
    return [[step.name, step.state.value, step.detail] for step in steps]


def plan_of(connection: Connection, plan_uuid: str) -> Plan:
    """The plan a resource was bought with, also when it is no longer sold."""
    return plan_from(connection.execute(sa.select(*PLAN_COLUMNS).where(m.PlanRow.uuid == plan_uuid)).one())


def usage_of(connection: Connection, resource_uuid: str, anchor: datetime, plan: Plan, now: datetime) -> Usage:
    """Calls and cost of the resource in the monthly period that holds `now`."""
    start, end = billing.period_of(anchor, now)
    t = m.UsageTotal
    row = connection.execute(
        sa.select(t.calls, t.cost_micros).where(t.resource_uuid == resource_uuid, t.period_start == start)
    ).one_or_none()
    used, cost = (0, 0) if row is None else row
    return Usage(
        included=plan.included_calls,
        used=used,
        period_start=start,
        period_end=end,
        cost=Money(cost),
        next_call_cost=metering.call_cost(plan, used),
        overage_policy=plan.overage_policy,
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
    plan, state = plan_of(connection, row.plan_uuid), ResourceState(row.state)
    return Resource(
        uuid=row.uuid,
        name=row.name,
        state=state,
        offering=cards_by_id(connection, [row.offering_id])[0],
        plan_uuid=row.plan_uuid,
        plan_name=plan.name,
        order_uuid=row.order_uuid,
        organization_uuid=row.organization_uuid,
        organization_name=row.organization_name,
        project_uuid=row.project_uuid,
        project_name=row.project_name,
        steps=steps_from(row.steps),
        prompts=tuple(row.content["prompts"]),
        greeting=row.greeting,
        usage=usage_of(connection, row.uuid, row.created_at, plan, now),
        created_at=row.created_at,
        failure=row.failure,
        can_refund=state is ResourceState.FAILED and row.price_micros > 0,
    )


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
