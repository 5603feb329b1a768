"""Subscriptions as they are read: one value from row, plan as agreed, agents, pending change and next invoice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money, Rate
from services.api.types import (
    AppliedCoupon,
    Attempt,
    BillingCycle,
    BillingModel,
    ChangeAction,
    OfferingKind,
    PaymentMethod,
    PendingChange,
    Plan,
    SubscribedResource,
    Subscription,
    SubscriptionState,
    UsagePayment,
)
from services.db import models as m
from services.db import money_models as mm
from services.domain import subscription_states
from services.domain.catalogue import yearly_price
from services.embedded.catalogue import PLAN_COLUMNS, plan_from
from services.embedded.money import coupons, cycles, drafting, renewals
from services.embedded.money.method_views import CHARGED
from services.embedded.money.payments import WITH_PROVIDER
from services.embedded.money.refunds import INVOICE
from services.embedded.money.taxes import details_of
from services.embedded.resources import find_resources
from services.embedded.ways import label_of
from services.gateways.payments import MethodFacts

_S, _P = mm.SubscriptionRow, mm.PaymentIntent
_PLAN = sa.select(*PLAN_COLUMNS).where(m.PlanRow.uuid == sa.bindparam("plan"))
_ON_FILE = sa.select(m.PaymentCard.method, m.PaymentCard.brand, m.PaymentCard.last4, m.PaymentCard.email).where(
    m.PaymentCard.token == sa.bindparam("token")
)
_COLLECTING = (
    sa.select(_P.amount_micros, _P.currency)
    .join(mm.InvoiceRow, mm.InvoiceRow.uuid == _P.invoice_uuid)
    .where(
        _P.purpose == INVOICE,
        _P.state.in_(WITH_PROVIDER),
        mm.InvoiceRow.subscription_uuid == sa.bindparam("subscription"),
    )
    .order_by(_P.created_at)
    .limit(1)
)
_ATTEMPTS = sa.select(mm.InvoiceRow.attempts).where(mm.InvoiceRow.uuid == sa.bindparam("invoice"))


def rows_where(connection: Connection, condition: sa.ColumnElement[bool]) -> list[Any]:
    """Subscriptions with the names of what they belong to, newest first."""
    statement = (
        sa.select(
            *_S.__table__.c,
            m.OrganizationRow.name.label("organization_name"),
            m.OfferingRow.uuid.label("offering_uuid"),
            m.OfferingRow.kind.label("offering_kind"),
        )
        .join(m.OrganizationRow, m.OrganizationRow.uuid == _S.organization_uuid)
        .join(m.OfferingRow, m.OfferingRow.id == _S.offering_id)
        .where(condition)
        .order_by(_S.created_at.desc(), _S.uuid.desc())
    )
    return list(connection.execute(statement))


def view(connection: Connection, row: Any, now: datetime) -> Subscription:
    """A subscription as it is shown. `row`: of `rows_where`."""
    charge_at, charge = next_charge(connection, row, now)
    resources = find_resources(connection, m.ResourceRow.order_uuid == row.order_uuid, now)
    state, is_over = SubscriptionState(row.state), row.state == SubscriptionState.CANCELED.value
    return Subscription(
        uuid=row.uuid,
        order_uuid=row.order_uuid,
        organization_uuid=row.organization_uuid,
        organization_name=row.organization_name,
        offering_uuid=row.offering_uuid,
        offering_name=row.offering_name,
        offering_kind=OfferingKind(row.offering_kind),
        plan=plan_of(connection, row.plan_uuid, row.terms),
        billing_model=BillingModel(row.billing_model),
        cycle=BillingCycle(row.cycle),
        quantity=row.quantity,
        price=Money(row.price_micros, row.currency),
        state=state,
        started_at=row.created_at,
        period_start=row.period_start,
        period_end=row.period_end,
        trial_ends_at=row.trial_ends_at if state is SubscriptionState.TRIALING else None,
        next_charge_at=charge_at,
        next_charge=charge,
        payment_method=PaymentMethod(row.payment_method),
        paid_with=paid_with(connection, row),
        usage_payment=UsagePayment(row.usage_payment),
        resources=tuple(SubscribedResource(one.uuid, one.name, one.usage) for one in reversed(resources)),
        pending=_pending(row),
        ended_at=row.ended_at,
        resumes_at=row.resumes_at,
        coupon=_coupon(row),
        attempts=_attempts(connection, row),
        unpaid_invoice_uuid=row.unpaid_invoice_uuid,
        can=() if is_over else allowed(row),
        collecting=_collecting(connection, row.uuid),
    )


def allowed(row: Any) -> tuple[ChangeAction, ...]:
    """What may be done with it now; what waits already cannot be asked for again."""
    actions = subscription_states.allowed(SubscriptionState(row.state), is_pending=bool(row.pending))
    ends = row.pending.get("kind") == cycles.CANCEL
    return tuple(action for action in actions if not (ends and action is ChangeAction.CANCEL_AT_END))


def next_charge(connection: Connection, row: Any, now: datetime) -> tuple[datetime | None, Money | None]:
    """When the next invoice comes and what it will ask for, from the card or the wallet; nothing when none will."""
    found = renewals.upcoming(connection, row, now)
    if found is None:
        return None, None
    whole = drafting.composed(found.new, found.new.details or details_of(connection, row.organization_uuid))
    return found.at, whole.credit_applied + whole.due


def plan_of(connection: Connection, plan_uuid: str, terms: Mapping[str, Any]) -> Plan:
    """A plan with the prices that were agreed, whatever the catalogue says today."""
    plan = plan_from(connection.execute(_PLAN, {"plan": plan_uuid}).one())
    if plan.monthly_price is None and not terms["monthly_micros"]:
        return plan
    monthly = Money(terms["monthly_micros"], terms["currency"])
    overage = Rate(terms["overage_micros"], terms["overage_per"], terms["currency"])
    is_yearly_sold = terms["model"] in (BillingModel.SUBSCRIPTION.value, BillingModel.QUOTE.value)
    return replace(
        plan,
        monthly_price=monthly,
        yearly_price=yearly_price(monthly) if is_yearly_sold else None,
        list_monthly_price=plan.list_monthly_price if monthly == plan.monthly_price else None,
        included_calls=terms["included"],
        overage=overage if overage.micros else None,
    )


def paid_with(connection: Connection, row: Any) -> str:
    """ "Visa •••• 4242", "PayPal ada@example.com", "wallet", "invoice", or "" for what is free."""
    if row.payment_method not in CHARGED:
        return str(row.payment_method)
    kept = connection.execute(_ON_FILE, {"token": row.payment_token}).one_or_none()
    if kept is None:
        return ""
    return label_of(MethodFacts(PaymentMethod(kept.method), "", kept.brand, kept.last4, email=kept.email))


def _pending(row: Any) -> PendingChange | None:
    waits = row.pending
    if not waits:
        return None
    at = datetime.fromisoformat(waits["effective_at"])
    if waits["kind"] != cycles.CHANGE_PLAN:
        return PendingChange(waits["kind"], at)
    wanted = cycles.from_json(waits)
    return PendingChange(waits["kind"], at, wanted.plan_uuid, wanted.terms["name"], wanted.cycle, wanted.amount)


def _coupon(row: Any) -> AppliedCoupon | None:
    coupon = coupons.from_json(row.coupon)
    if coupon is None or row.coupon_periods_left == 0:
        return None
    percent = "" if coupon.percent is None else format(coupon.percent.normalize(), "f")
    return AppliedCoupon(coupon.code, percent, coupon.amount, row.coupon_periods_left)


def _attempts(connection: Connection, row: Any) -> tuple[Attempt, ...]:
    """The dunning calendar of the unpaid invoice."""
    if not row.unpaid_invoice_uuid:
        return ()
    stored = connection.execute(_ATTEMPTS, {"invoice": row.unpaid_invoice_uuid}).scalar_one()
    return tuple(Attempt(datetime.fromisoformat(at), state, code) for at, state, code in stored)


def _collecting(connection: Connection, uuid: str) -> Money | None:
    found = connection.execute(_COLLECTING, {"subscription": uuid}).first()
    return None if found is None else Money(*found)
