"""The first transaction of a purchase: everything checked, organization and project made, the intent on disk.

Nothing has been sent to the provider yet; what is sent later carries a key derived from the order saved here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money
from services.api.types import (
    BillingModel,
    OrderState,
    OrderSummary,
    PaymentMethod,
    Plan,
    QuickCheckout,
)
from services.db import models as m
from services.domain import billing
from services.domain import identity as identity_rules
from services.embedded.catalogue import PLAN_COLUMNS, plan_from
from services.embedded.core import Caller, Core, insert_into
from services.embedded.identity import organizations_of
from services.embedded.orders import lines_to_json

# While the lease runs somebody is waiting for the provider's answer; afterwards the sweep settles the order.
LEASE = timedelta(seconds=20)
NOT_COMPLETED = errors.PaymentNotCompleted.code
OUR_CARD = "card_"  # how our own tokens of saved cards begin

_OFFERING = sa.select(m.OfferingRow.id, m.OfferingRow.uuid, m.OfferingRow.name).where(
    m.OfferingRow.uuid == sa.bindparam("offering"), m.OfferingRow.is_active
)
_PLAN = sa.select(*PLAN_COLUMNS).where(m.PlanRow.uuid == sa.bindparam("plan"), m.PlanRow.is_active)
_CARD = (
    sa.select(m.PaymentCard.provider_token)
    .join(m.Membership, m.Membership.organization_uuid == m.PaymentCard.organization_uuid)
    .where(m.PaymentCard.token == sa.bindparam("card"), m.Membership.user_uuid == sa.bindparam("user"))
)
_PROJECT = sa.select(m.ProjectRow.uuid).where(
    m.ProjectRow.organization_uuid == sa.bindparam("organization"), m.ProjectRow.name == sa.bindparam("called")
)


@dataclass(frozen=True, slots=True)
class Intent:
    """What to ask the provider for; saved before it is sent."""

    order_uuid: str
    key: str
    token: str = field(repr=False)
    amount: Money


@dataclass(frozen=True, slots=True)
class Choice:
    """The catalogue's side of a request: what is bought at which price."""

    offering_id: int
    offering_name: str
    plan: Plan
    summary: OrderSummary


def choose(connection: Connection, request: QuickCheckout, now: datetime) -> Choice:
    """Looks offering and plan up and prices them. InvalidInput with the field at fault."""
    offering = connection.execute(_OFFERING, {"offering": request.offering_uuid}).one_or_none()
    if offering is None:
        raise errors.InvalidInput(fields={"offering_uuid": "unknown"})
    row = connection.execute(_PLAN, {"plan": request.plan_uuid}).one_or_none()
    if row is None:
        raise errors.InvalidInput(fields={"plan_uuid": "unknown"})
    if row.offering_id != offering.id:
        raise errors.InvalidInput(fields={"plan_uuid": "not_of_offering"})
    plan = plan_from(row)
    summary = billing.summarize(offering.uuid, offering.name, plan, request.billing_cycle, now)
    return Choice(offering.id, offering.name, plan, summary)


def request_hash(request: QuickCheckout) -> str:
    """Tells whether two requests with one key ask for the same thing."""
    return hashlib.sha256(json.dumps(asdict(request), sort_keys=True, default=str).encode()).hexdigest()


def _problems(request: QuickCheckout, choice: Choice) -> dict[str, str]:
    found = {
        "terms_accepted": None if request.terms_accepted else "must_accept",
        "plan_uuid": "needs_quote" if choice.plan.billing_model is BillingModel.QUOTE else None,
        "organization_name": "too_long" if len(request.organization_name) > identity_rules.NAME_MAX else None,
        "project_name": "too_long" if len(request.project_name) > identity_rules.NAME_MAX else None,
    }
    if choice.plan.billing_model is not BillingModel.FREE:
        if request.payment_method is not PaymentMethod.CARD:
            found["payment_method"] = "not_available"
        elif not request.payment_token:
            found["payment_token"] = "required"  # noqa: S105  a field code
    return {name: code for name, code in found.items() if code}


def provider_token(core: Core, connection: Connection, caller: Caller, token: str) -> str:
    """The provider's token behind a saved card of the caller, or the given one when the provider knows it."""
    values = {"card": token, "user": caller.uuid}
    saved = connection.execute(_CARD, values).scalar() if token.startswith(OUR_CARD) else None
    if saved is None and core.payments.describe(token) is None:
        raise errors.InvalidInput(fields={"payment_token": "unknown"})
    return saved or token


def open_order(core: Core, connection: Connection, caller: Caller, request: QuickCheckout, key: str) -> Intent:
    """Saves a new order with its payment intent. InvalidInput."""
    now = core.clock.now()
    choice = choose(connection, request, now)
    if problems := _problems(request, choice):
        raise errors.InvalidInput(fields=problems)
    total = choice.summary.total or Money.zero()
    is_free = choice.plan.billing_model is BillingModel.FREE
    token = "" if is_free else provider_token(core, connection, caller, request.payment_token)
    organization_uuid, project_uuid = _provide_organization(core, connection, caller, request, now)
    order_uuid = core.ids.uuid()
    facts = core.payments.describe(token)
    connection.execute(
        insert_into(m.OrderRow),
        _order_row(order_uuid, caller, choice, now)
        | {"organization_uuid": organization_uuid, "project_uuid": project_uuid,
           "paid_with": f"{facts.brand} •••• {facts.last4}" if facts else ""},
    )  # fmt: skip
    intent = Intent(order_uuid, f"order:{order_uuid}", token, total)
    connection.execute(
        insert_into(m.PaymentRow),
        {"key": intent.key, "order_uuid": order_uuid, "state": "sent", "provider_token": token, "charge_id": "",
         "action_url": "", "amount_micros": total.micros, "currency": total.currency, "leased_until": now + LEASE,
         "created_at": now},
    )  # fmt: skip
    connection.execute(
        insert_into(m.IdempotencyKey),
        {"scope": caller.uuid, "key": key, "request_hash": request_hash(request), "order_uuid": order_uuid,
         "created_at": now},
    )  # fmt: skip
    return intent


def _order_row(order_uuid: str, caller: Caller, choice: Choice, now: datetime) -> dict[str, Any]:
    summary, total = choice.summary, choice.summary.total or Money.zero()
    return {
        "uuid": order_uuid, "number": None, "state": OrderState.PENDING_PROVIDER.value, "user_uuid": caller.uuid,
        "offering_id": choice.offering_id, "plan_uuid": choice.plan.uuid, "offering_name": choice.offering_name,
        "plan_name": choice.plan.name, "billing_cycle": summary.billing_cycle.value,
        "lines": lines_to_json(summary.lines), "total_micros": total.micros, "refunded_micros": 0,
        "currency": total.currency, "error_code": "", "created_at": now, "paid_at": None,
        "renews_at": summary.renews_at,
    }  # fmt: skip


def _provide_organization(
    core: Core, connection: Connection, caller: Caller, request: QuickCheckout, now: datetime
) -> tuple[str, str]:
    """Who has an organization keeps it; who has none gets one, and every one has its project (API, "Buying")."""
    existing = organizations_of(connection, caller)
    typed = caller.full_name or caller.email
    unused = _unused(connection, [o.uuid for o in existing]) if request.organization_name else frozenset()
    choice = identity_rules.choose_organization(
        existing, request.organization_name, request.project_name, typed, unused=unused
    )
    if choice.organization is None:
        uuid, default = create_organization(core, connection, caller, choice.name, now)
        if choice.project_name == identity_rules.DEFAULT_PROJECT:
            return uuid, default
        return uuid, _create_project(core, connection, uuid, choice.project_name, now)
    uuid = choice.organization.uuid
    if choice.name != choice.organization.name:
        connection.execute(sa.update(m.OrganizationRow).where(m.OrganizationRow.uuid == uuid).values(name=choice.name))
    if not request.project_name and choice.organization.projects:
        return uuid, choice.organization.projects[0].uuid
    return uuid, _provide_project(core, connection, uuid, choice.project_name, now)


def _unused(connection: Connection, uuids: list[str]) -> frozenset[str]:
    r = m.ResourceRow.organization_uuid
    used = set(connection.execute(sa.select(r).where(r.in_(uuids))).scalars())
    return frozenset(set(uuids) - used)


def create_organization(
    core: Core, connection: Connection, caller: Caller, name: str, now: datetime
) -> tuple[str, str]:
    """A new organization owned by the caller, and its default project (always)."""
    uuid = core.ids.uuid()
    connection.execute(insert_into(m.OrganizationRow), {"uuid": uuid, "name": name, "created_at": now})
    connection.execute(
        insert_into(m.Membership), {"user_uuid": caller.uuid, "organization_uuid": uuid, "role": "CUSTOMER.OWNER"}
    )
    return uuid, _create_project(core, connection, uuid, identity_rules.DEFAULT_PROJECT, now)


def _provide_project(core: Core, connection: Connection, organization_uuid: str, name: str, now: datetime) -> str:
    known = connection.execute(_PROJECT, {"organization": organization_uuid, "called": name}).scalar()
    return _create_project(core, connection, organization_uuid, name, now) if known is None else known


def _create_project(core: Core, connection: Connection, organization_uuid: str, name: str, now: datetime) -> str:
    uuid = core.ids.uuid()
    connection.execute(
        insert_into(m.ProjectRow),
        {"uuid": uuid, "organization_uuid": organization_uuid, "name": name, "created_at": now},
    )
    return uuid
