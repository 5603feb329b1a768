"""Waldur's shapes of what was bought: orders, resources, placed orders, accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from services.api.types import (
    Account,
    DeploymentStep,
    Order,
    OrderState,
    Organization,
    PaymentMethod,
    PaymentState,
    Project,
    Resource,
    ResourceState,
    Session,
    SummaryLine,
)
from services.http.placed import ActionShape, TransferShape, action, transfer
from services.http.shapes import CALLS, OFFERINGS
from services.wire import price

ORDERS, RESOURCES = "/api/marketplace-orders", "/api/marketplace-resources"

STATES = {
    ResourceState.ORDERED: "Creating",
    ResourceState.DEPLOYING: "Creating",
    ResourceState.READY: "OK",
    ResourceState.FAILED: "Erred",
    ResourceState.RETIRED: "Terminated",
}


class SessionShape(msgspec.Struct):
    token: str
    user_uuid: str
    expires_at: datetime


class AccountShape(msgspec.Struct):
    url: str
    uuid: str
    username: str
    full_name: str
    email: str
    organizations: tuple[Organization, ...]
    spent_this_month: str
    balance: str | None
    currency: str


class CustomerShape(msgspec.Struct):
    """An organization of the account, in Waldur's words."""

    url: str
    uuid: str
    name: str


class ProjectShape(msgspec.Struct):
    url: str
    uuid: str
    name: str
    customer: str
    customer_uuid: str
    customer_name: str


class OrderShape(msgspec.Struct):
    url: str
    uuid: str
    created: datetime
    type: str
    state: OrderState
    offering: str
    offering_uuid: str
    offering_name: str
    plan_name: str
    resource: str | None
    resource_uuid: str | None
    resource_name: str
    customer: str | None
    customer_uuid: str
    customer_name: str
    project_name: str
    created_by_full_name: str
    created_by_username: str
    cost: str
    error_message: str
    number: str
    currency: str
    refunded: str
    billing_cycle: str
    lines: tuple[SummaryLine, ...]
    paid_with: str
    paid_at: datetime | None
    renews_at: datetime | None
    action: ActionShape | None
    invoice_uuid: str
    payment_state: PaymentState | None
    payment_method: PaymentMethod
    undo_until: datetime | None
    transfer: TransferShape | None


class EndpointShape(msgspec.Struct):
    uuid: str
    name: str
    url: str


class ResourceShape(msgspec.Struct):
    url: str
    uuid: str
    name: str
    created: datetime
    state: str
    offering: str
    offering_uuid: str
    offering_name: str
    offering_type: str
    category_uuid: str
    category_title: str
    plan: str
    plan_uuid: str
    plan_name: str
    customer: str
    customer_uuid: str
    customer_name: str
    project: str
    project_uuid: str
    project_name: str
    endpoints: list[EndpointShape]
    limits: dict[str, int]
    limit_usage: dict[str, int]
    current_usages: dict[str, int]
    attributes: dict[str, str]
    error_message: str
    order: str
    order_uuid: str
    access_url: str
    included: dict[str, int | None]
    period_start: datetime
    period_end: datetime
    usage_cost: str
    next_call_cost: str
    currency: str
    steps: tuple[DeploymentStep, ...]
    prompts: tuple[str, ...]
    greeting: str
    can_refund: bool
    stopped: str


def session(_base: str, value: Session) -> SessionShape:
    """A new session; `token` is Waldur's key."""
    return SessionShape(value.token, value.user_uuid, value.expires_at)


def account(base: str, value: Account) -> AccountShape:
    """The signed-in user."""
    return AccountShape(
        url=f"{base}/api/users/me/",
        uuid=value.user_uuid,
        username=value.email,
        full_name=value.full_name,
        email=value.email,
        organizations=value.organizations,
        spent_this_month=value.spent_this_month.decimal(10),
        balance=price(value.balance),
        currency=value.spent_this_month.currency,
    )


def customer(base: str, value: Organization) -> CustomerShape:
    """An organization."""
    return CustomerShape(f"{base}/api/customers/{value.uuid}/", value.uuid, value.name)


def project(base: str, value: tuple[Organization, Project]) -> ProjectShape:
    """A project and the organization it belongs to."""
    owner, own = customer(base, value[0]), value[1]
    return ProjectShape(f"{base}/api/projects/{own.uuid}/", own.uuid, own.name, owner.url, owner.uuid, owner.name)


def order(base: str, value: Order) -> OrderShape:
    """An order."""
    resource_uuid = value.resource_uuids[0] if value.resource_uuids else None
    return OrderShape(
        url=f"{base}{ORDERS}/{value.uuid}/",
        uuid=value.uuid,
        created=value.created_at,
        type="Create",
        state=value.state,
        offering=f"{base}{OFFERINGS}/{value.offering_uuid}/",
        offering_uuid=value.offering_uuid,
        offering_name=value.offering_name,
        plan_name=value.plan_name,
        resource=f"{base}{RESOURCES}/{resource_uuid}/" if resource_uuid else None,
        resource_uuid=resource_uuid,
        resource_name=value.offering_name,
        customer=f"{base}/api/customers/{value.organization_uuid}/" if value.organization_uuid else None,
        customer_uuid=value.organization_uuid,
        customer_name=value.organization_name,
        project_name=value.project_name,
        created_by_full_name=value.buyer_name,
        created_by_username=value.buyer_email,
        cost=value.total.decimal(10),
        error_message=value.error_code,
        number=value.number,
        currency=value.total.currency,
        refunded=value.refunded.decimal(10),
        billing_cycle=value.billing_cycle,
        lines=value.lines,
        paid_with=value.paid_with,
        paid_at=value.paid_at,
        renews_at=value.renews_at,
        action=action(value.action) if value.action else None,
        invoice_uuid=value.invoice_uuid,
        payment_state=value.payment_state,
        payment_method=value.payment_method,
        undo_until=value.undo_until,
        transfer=transfer(value.transfer) if value.transfer else None,
    )


def resource(base: str, value: Resource) -> ResourceShape:
    """A bought agent."""
    return ResourceShape(
        **_relations(base, value),
        **_usage(value),
        uuid=value.uuid,
        name=value.name,
        created=value.created_at,
        state=STATES[value.state],
        offering_type=value.offering.kind,
        category_uuid=value.offering.category_uuid,
        category_title=value.offering.category_title,
        endpoints=[EndpointShape(value.uuid, "Agent", f"{base}{value.access_url}")],
        limits={},
        attributes={},
        error_message=value.failure,
        access_url=value.access_url,
        steps=value.steps,
        prompts=value.prompts,
        greeting=value.greeting,
        can_refund=value.can_refund,
        stopped=value.stopped,
    )


def _relations(base: str, value: Resource) -> dict[str, Any]:  # Any: keyword arguments of ResourceShape
    offering_url = f"{base}{OFFERINGS}/{value.offering.uuid}"
    return {
        "url": f"{base}{RESOURCES}/{value.uuid}/",
        "offering": f"{offering_url}/",
        "offering_uuid": value.offering.uuid,
        "offering_name": value.offering.name,
        "plan": f"{offering_url}/plans/{value.plan_uuid}/",
        "plan_uuid": value.plan_uuid,
        "plan_name": value.plan_name,
        "customer": f"{base}/api/customers/{value.organization_uuid}/",
        "customer_uuid": value.organization_uuid,
        "customer_name": value.organization_name,
        "project": f"{base}/api/projects/{value.project_uuid}/",
        "project_uuid": value.project_uuid,
        "project_name": value.project_name,
        "order": f"{base}{ORDERS}/{value.order_uuid}/",
        "order_uuid": value.order_uuid,
    }


def _usage(value: Resource) -> dict[str, Any]:  # Any: keyword arguments of ResourceShape
    usage = value.usage
    return {
        "limit_usage": {},
        "current_usages": {CALLS: usage.used},
        "included": {CALLS: usage.included},
        "period_start": usage.period_start,
        "period_end": usage.period_end,
        "usage_cost": price(usage.cost),
        "next_call_cost": price(usage.next_call_cost),
        "currency": usage.cost.currency,
    }
