"""The last transaction of a purchase, and the sweep: what the provider says is written down once, whoever asks.

Every change of an order's state is a compare-and-set, so a button, a replay and the sweep may race freely.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money, split_largest_remainder
from services.api.types import FunnelStep, OrderState, Placed, ResourceState
from services.db import models as m
from services.domain import provisioning
from services.embedded.core import Core
from services.embedded.funnel import note
from services.embedded.orders import PENDING, placed
from services.embedded.placing import LEASE, NOT_COMPLETED, Intent
from services.gateways.agents import DEPLOYMENT_STEPS
from services.gateways.payments import ACTION_REQUIRED, FAILED, REFUNDED, Charge, ChargeRequest, ProviderUnreachable

# A lost answer is asked for again with the same key before the buyer is told to wait.
RETRY_PAUSES_S = (0.1, 0.4)
CONFIRMATION_LIFETIME = timedelta(days=1)


async def charge(core: Core, intent: Intent) -> Charge | None:
    """The provider's answer, or None when it cannot be had now. A free order needs no provider."""
    if not intent.token:
        return Charge("", "succeeded", intent.amount)
    request = ChargeRequest(intent.amount, intent.token, intent.order_uuid)
    for pause in (*RETRY_PAUSES_S, None):
        try:
            return await core.payments.charge(request, key=intent.key)
        except ProviderUnreachable:
            if pause is None:
                return None
            await asyncio.sleep(pause)
    return None


def outcome(connection: Connection, order_uuid: str) -> Placed | errors.ServiceError:
    """What the buyer is told about an order: where to go on, or why not."""
    state, code = connection.execute(
        sa.select(m.OrderRow.state, m.OrderRow.error_code).where(m.OrderRow.uuid == order_uuid)
    ).one()
    if state == OrderState.ERRED.value or (state == OrderState.CANCELED.value and code):
        return errors.all_errors().get(code, errors.PaymentFailed)(order_uuid=order_uuid)
    if state == OrderState.PENDING_PROVIDER.value:
        return errors.PaymentUnknown(order_uuid=order_uuid)
    return placed(connection, order_uuid)


def record_charge(core: Core, connection: Connection, order_uuid: str, answer: Charge) -> Placed | errors.ServiceError:
    """Writes the provider's answer down. A charge for an order that was given up meanwhile is refunded."""
    if answer.state in (FAILED, REFUNDED):
        code = answer.decline_code or NOT_COMPLETED
        if _set_state(connection, order_uuid, PENDING, OrderState.ERRED, error_code=code):
            _set_payment(connection, order_uuid, answer.state, answer)
    elif answer.state == ACTION_REQUIRED:
        if _set_state(connection, order_uuid, PENDING, OrderState.PENDING_CONSUMER):
            _set_payment(connection, order_uuid, "action_required", answer)
    elif _set_state(connection, order_uuid, PENDING, OrderState.EXECUTING):
        _set_payment(connection, order_uuid, "succeeded", answer)
        _deliver(core, connection, order_uuid)
    elif not _is_paid(connection, order_uuid):
        _set_payment(connection, order_uuid, "succeeded", answer)
        request_refund(core, connection, order_uuid, answer.id, answer.amount)
    return outcome(connection, order_uuid)


def _set_state(
    connection: Connection, order_uuid: str, expected: Sequence[str], state: OrderState, **values: Any
) -> bool:
    """Compare-and-set; false when somebody else was first."""
    o = m.OrderRow
    changed = connection.execute(
        sa.update(o).where(o.uuid == order_uuid, o.state.in_(expected)).values(state=state.value, **values)
    )
    return changed.rowcount == 1


def _set_payment(connection: Connection, order_uuid: str, state: str, answer: Charge) -> None:
    connection.execute(
        sa.update(m.PaymentRow)
        .where(m.PaymentRow.order_uuid == order_uuid)
        .values(state=state, charge_id=answer.id, action_url=answer.action_url)
    )


def _is_paid(connection: Connection, order_uuid: str) -> bool:
    return connection.execute(sa.select(m.OrderRow.paid_at).where(m.OrderRow.uuid == order_uuid)).scalar() is not None


def _deliver(core: Core, connection: Connection, order_uuid: str) -> None:
    """A paid order: its number, resources, deployment jobs, the card kept, the cart emptied, samples carried over."""
    now, o = core.clock.now(), m.OrderRow
    order = connection.execute(sa.select(*o.__table__.c).where(o.uuid == order_uuid)).one()
    number = connection.execute(
        sqlite.insert(m.Meta)
        .values(key="last_order_number", value="1")
        .on_conflict_do_update(index_elements=["key"], set_={"value": sa.cast(m.Meta.value, sa.Integer) + 1})
        .returning(sa.cast(m.Meta.value, sa.Integer))
    ).scalar_one()
    connection.execute(
        sa.update(o).where(o.uuid == order_uuid).values(number=f"SK-{number:06d}", paid_at=now, error_code="")
    )
    resources = _create_resources(core, connection, order, now)
    _keep_card(core, connection, order, now)
    owner = f"user:{order.user_uuid}"
    connection.execute(sa.delete(m.CartRow).where(m.CartRow.owner == owner))
    for uuid, offering_uuid in resources:
        connection.execute(
            sa.update(m.ChatMessageRow)
            .where(
                m.ChatMessageRow.owner == owner,
                m.ChatMessageRow.offering_uuid == offering_uuid,
                m.ChatMessageRow.resource_uuid.is_(None),
            )
            .values(resource_uuid=uuid)
        )
    note(connection, owner, FunnelStep.PAID, resources[0][1], now)


def _create_resources(core: Core, connection: Connection, order: Any, now: datetime) -> list[tuple[str, str]]:
    o = m.OfferingRow
    parts = connection.execute(
        sa.select(o.id, o.uuid, o.name, o.content)
        .join(m.BundleItem, m.BundleItem.offering_id == o.id)
        .where(m.BundleItem.bundle_id == order.offering_id)
        .order_by(m.BundleItem.position)
    ).all()
    if not parts:
        parts = connection.execute(sa.select(o.id, o.uuid, o.name, o.content).where(o.id == order.offering_id)).all()
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
    connection.execute(sa.insert(m.ResourceRow), rows)
    connection.execute(sa.insert(m.Job), jobs)
    return [(row["uuid"], part.uuid) for row, part in zip(rows, parts, strict=True)]


def job_row(kind: str, subject_uuid: str, run_at: datetime) -> dict[str, Any]:
    """A job that is due at `run_at`; its key makes it exist once."""
    return {"key": f"{kind}:{subject_uuid}", "kind": kind, "subject_uuid": subject_uuid, "run_at": run_at,
            "leased_until": None, "attempts": 0, "done_at": None}  # fmt: skip


def _keep_card(core: Core, connection: Connection, order: Any, now: datetime) -> None:
    token = connection.execute(
        sa.select(m.PaymentRow.provider_token).where(m.PaymentRow.order_uuid == order.uuid)
    ).scalar()
    if token:
        keep_card(core, connection, order.organization_uuid, token, now)


def keep_card(core: Core, connection: Connection, organization_uuid: str, token: str, now: datetime) -> str:
    """Remembers a card for an organization, once; the first one is the default. Returns our token for it."""
    c, facts = m.PaymentCard, core.payments.describe(token)
    known = connection.execute(
        sa.select(c.token, c.provider_token).where(c.organization_uuid == organization_uuid)
    ).all()
    for kept, provider_token in known:
        if provider_token == token:
            return kept
    if facts is None:
        raise errors.InvalidInput(fields={"payment_token": "unknown"})
    ours = f"card_{core.ids.uuid()}"
    connection.execute(
        sa.insert(c),
        {"token": ours, "organization_uuid": organization_uuid, "provider_token": token, "brand": facts.brand,
         "last4": facts.last4, "exp_month": facts.exp_month, "exp_year": facts.exp_year, "is_default": not known,
         "created_at": now},
    )  # fmt: skip
    return ours


# ---- giving money back


def request_refund(
    core: Core, connection: Connection, order_uuid: str, charge_id: str, amount: Money, resource_uuid: str | None = None
) -> str:
    """Saves the intent of a refund and the job that carries it out. Returns its key."""
    key, now = f"refund:{resource_uuid or order_uuid}", core.clock.now()
    row = {"key": key, "order_uuid": order_uuid, "resource_uuid": resource_uuid, "charge_id": charge_id,
           "amount_micros": amount.micros, "currency": amount.currency, "state": "sent", "created_at": now}  # fmt: skip
    new = connection.execute(sqlite.insert(m.RefundRow).values(row).on_conflict_do_nothing().returning(m.RefundRow.key))
    if new.first() is not None:
        connection.execute(sa.insert(m.Job), job_row("refund", key, now))
    return key


async def carry_out_refund(core: Core, key: str) -> None:
    """Asks the provider for a saved refund and writes it down, once. ProviderUnreachable: the job tries again."""
    row = await core.db.read(
        lambda c: c.execute(sa.select(*m.RefundRow.__table__.c).where(m.RefundRow.key == key)).one()
    )
    if row.state == "done":
        return
    if row.charge_id and row.amount_micros:
        await core.payments.refund(row.charge_id, Money(row.amount_micros, row.currency), key=key)
    await core.db.run(lambda connection: _record_refund(connection, row))


def _record_refund(connection: Connection, row: Any) -> None:
    r, o = m.RefundRow, m.OrderRow
    done = connection.execute(sa.update(r).where(r.key == row.key, r.state == "sent").values(state="done"))
    if done.rowcount == 1:
        connection.execute(
            sa.update(o)
            .where(o.uuid == row.order_uuid, o.paid_at.is_not(None))
            .values(refunded_micros=o.refunded_micros + row.amount_micros)
        )


# ---- the sweep


async def sweep(core: Core) -> int:
    """Finishes or undoes what a crash left between intent and outcome. Returns how many orders it settled."""
    settled = 0
    for row in await core.db.read(lambda connection: _dangling(connection, core.clock.now())):
        try:
            answer = await core.payments.find(row.key)
            has_expired = row.state == ACTION_REQUIRED and row.created_at <= core.clock.now() - CONFIRMATION_LIFETIME
            if answer is not None and answer.state == ACTION_REQUIRED and has_expired:
                answer = await core.payments.confirm(answer.id, approve=False)
        except ProviderUnreachable:
            continue
        await core.db.run(partial(_settle, core, row=row, answer=answer))
        settled += answer is None or answer.state != ACTION_REQUIRED
    return settled


def _dangling(connection: Connection, now: datetime) -> Sequence[Any]:
    """Charges without an answer, those the buyer may have confirmed unheard, and those nobody will confirm any more."""
    p = m.PaymentRow
    unheard = sa.and_(p.state.in_(("sent", ACTION_REQUIRED)), p.leased_until <= now)
    expired = sa.and_(p.state == ACTION_REQUIRED, p.created_at <= now - CONFIRMATION_LIFETIME)
    return connection.execute(
        sa.select(p.key, p.order_uuid, p.state, p.provider_token, p.created_at).where(sa.or_(unheard, expired))
    ).all()


def _settle(core: Core, connection: Connection, row: Any, answer: Charge | None) -> None:
    p, now = m.PaymentRow, core.clock.now()
    if answer is not None:
        record_charge(core, connection, row.order_uuid, answer)
        if answer.state == ACTION_REQUIRED:  # still waiting for the buyer: look again when the lease is over
            connection.execute(sa.update(p).where(p.key == row.key).values(leased_until=now + LEASE))
        return
    if not row.provider_token:  # a free order needs no provider to go through
        record_charge(core, connection, row.order_uuid, Charge("", "succeeded", Money.zero()))
        return
    nobody_waits = connection.execute(sa.select(p.key).where(p.key == row.key, p.leased_until <= now)).first()
    # A lease taken since the provider was asked: the buyer came back, and is waiting for a charge of their own.
    if nobody_waits and _set_state(connection, row.order_uuid, PENDING, OrderState.CANCELED, error_code=NOT_COMPLETED):
        connection.execute(sa.update(p).where(p.key == row.key).values(state=FAILED))


def resume(connection: Connection, order_uuid: str, now: datetime) -> Intent | None:
    """The intent of an order that may still be charged under its key: unanswered, or undone without a charge."""
    o, p = m.OrderRow, m.PaymentRow
    row = connection.execute(
        sa.select(o.state, o.error_code, p.key, p.state.label("payment"), p.provider_token, p.amount_micros, p.currency)
        .join(p, p.order_uuid == o.uuid)
        .where(o.uuid == order_uuid)
    ).one()
    # A charge that turned up after the order was undone is on its way back, and must not pay for anything.
    undone = row.state == OrderState.CANCELED.value and row.error_code == NOT_COMPLETED and row.payment == FAILED
    if row.state != OrderState.PENDING_PROVIDER.value and not undone:
        return None
    connection.execute(
        sa.update(o).where(o.uuid == order_uuid).values(state=OrderState.PENDING_PROVIDER.value, error_code="")
    )
    connection.execute(sa.update(p).where(p.key == row.key).values(state="sent", leased_until=now + LEASE))
    return Intent(order_uuid, row.key, row.provider_token, Money(row.amount_micros, row.currency))
