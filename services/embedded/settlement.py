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
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money, split_largest_remainder
from services.api.types import FunnelStep, OfferingKind, OrderState, Placed, ResourceState
from services.db import models as m
from services.db import portable
from services.domain import provisioning
from services.embedded.core import Core, insert_into
from services.embedded.funnel import note
from services.embedded.money import coupons, refunding, subscribing
from services.embedded.money.subscribing import Payment
from services.embedded.orders import PENDING, bought, lock_order, placed
from services.embedded.placing import LEASE, NOT_COMPLETED, OUR_CARD, Intent
from services.gateways.agents import DEPLOYMENT_STEPS
from services.gateways.payments import ACTION_REQUIRED, FAILED, REFUNDED, Charge, ChargeRequest, ProviderUnreachable

# A lost answer is asked for again with the same key before the buyer is told to wait.
RETRY_PAUSES_S = (0.1, 0.4)
CONFIRMATION_LIFETIME = timedelta(days=1)

_THIS = m.OrderRow.uuid == sa.bindparam("order")
_STATE = sa.select(m.OrderRow.state, m.OrderRow.error_code).where(_THIS)
_PAID_AT = sa.select(m.OrderRow.paid_at).where(_THIS)
# not `in_`: its list is put into the text anew each time
_IS_PENDING = sa.or_(*(m.OrderRow.state == state for state in PENDING))
_SET_STATE = sa.update(m.OrderRow).where(_THIS, _IS_PENDING).values(state=sa.bindparam("new_state"))
_SET_STATE_AND_CODE = _SET_STATE.values(error_code=sa.bindparam("code"))
_SET_STATE_AND_READ = _SET_STATE.returning(
    m.OrderRow.uuid,
    m.OrderRow.user_uuid,
    m.OrderRow.organization_uuid,
    m.OrderRow.project_uuid,
    m.OrderRow.offering_id,
    m.OrderRow.plan_uuid,
    m.OrderRow.offering_name,
    m.OrderRow.billing_cycle,
    m.OrderRow.total_micros,
    m.OrderRow.currency,
    m.OrderRow.paid_with,
    m.OrderRow.request,
)
_SET_PAID = (
    sa.update(m.OrderRow)
    .where(_THIS)
    .values(number=sa.bindparam("new_number"), paid_at=sa.bindparam("at"), error_code="")
)
_SET_PAYMENT = (
    sa.update(m.PaymentRow)
    .where(m.PaymentRow.order_uuid == sa.bindparam("order"))
    .values(state=sa.bindparam("new_state"), charge_id=sa.bindparam("charge"), action_url=sa.bindparam("url"))
    .returning(m.PaymentRow.provider_token)
)
_CARDS = sa.select(m.PaymentCard.token, m.PaymentCard.provider_token).where(
    m.PaymentCard.organization_uuid == sa.bindparam("organization")
)
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
    state, code = connection.execute(_STATE, {"order": order_uuid}).one()
    if state == OrderState.ERRED.value or (state == OrderState.CANCELED.value and code):
        return errors.all_errors().get(code, errors.PaymentFailed)(order_uuid=order_uuid)
    if state == OrderState.PENDING_PROVIDER.value:
        return errors.PaymentUnknown(order_uuid=order_uuid)
    return placed(connection, order_uuid)


def record_charge(core: Core, connection: Connection, order_uuid: str, answer: Charge) -> Placed | errors.ServiceError:
    """Writes the provider's answer down. A charge for an order that was given up meanwhile is refunded."""
    if answer.state in (FAILED, REFUNDED):
        code = answer.decline_code or NOT_COMPLETED
        if _set_state(connection, order_uuid, OrderState.ERRED, code):
            _set_payment(connection, order_uuid, answer.state, answer)
            coupons.give_back(connection, order_uuid)
    elif answer.state == ACTION_REQUIRED:
        if _set_state(connection, order_uuid, OrderState.PENDING_CONSUMER):
            _set_payment(connection, order_uuid, "action_required", answer)
    elif order := _start(connection, order_uuid):
        return _deliver(core, connection, order, _set_payment(connection, order_uuid, "succeeded", answer))
    elif not _is_paid(connection, order_uuid):
        _set_payment(connection, order_uuid, "succeeded", answer)
        request_refund(core, connection, order_uuid, answer.id, answer.amount)
    return outcome(connection, order_uuid)


def _set_state(connection: Connection, order_uuid: str, state: OrderState, code: str = "") -> bool:
    """Compare-and-set of a pending order; false when somebody else was first."""
    values = {"order": order_uuid, "new_state": state.value}
    changed = connection.execute(_SET_STATE_AND_CODE if code else _SET_STATE, values | ({"code": code} if code else {}))
    return changed.rowcount == 1


def _start(connection: Connection, order_uuid: str) -> Any:  # Any: a row of _SET_STATE_AND_READ, or None
    """Compare-and-set of a pending order that is paid now; None when somebody else was first."""
    values = {"order": order_uuid, "new_state": OrderState.EXECUTING.value}
    return connection.execute(_SET_STATE_AND_READ, values).one_or_none()


def _set_payment(connection: Connection, order_uuid: str, state: str, answer: Charge) -> str:
    """Returns the provider's token the order was paid with, "" for a free one."""
    values = {"order": order_uuid, "new_state": state, "charge": answer.id, "url": answer.action_url}
    return connection.execute(_SET_PAYMENT, values).scalar_one()


def _is_paid(connection: Connection, order_uuid: str) -> bool:
    return connection.execute(_PAID_AT, {"order": order_uuid}).scalar() is not None


def _deliver(core: Core, connection: Connection, order: Any, token: str) -> Placed:  # Any: from _start
    """A paid order: the card kept, and all that follows from it."""
    now = core.clock.now()
    card = ""
    if core.payments.describe(token):  # what is paid is delivered, also when the provider has forgotten the card
        card = keep_card(core, connection, order.organization_uuid, token, now)
    provider = core.payments.name if token else ""
    return deliver(core, connection, order, now, Payment(order.paid_with, card, provider), paid_at=now)


def deliver(
    core: Core, connection: Connection, order: Any, now: datetime, payment: Payment, *, paid_at: datetime | None = None
) -> Placed:
    """What an order brings: its number, subscription and invoice, resources with their deployment jobs, the cart
    emptied, samples carried over."""
    number = connection.execute(_NEXT_NUMBER).scalar_one()
    connection.execute(_SET_PAID, {"order": order.uuid, "new_number": f"SK-{number:06d}", "at": paid_at})
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


def keep_card(core: Core, connection: Connection, organization_uuid: str, token: str, now: datetime) -> str:
    """Remembers a card for an organization, once; the first one is the default. Returns our token for it."""
    facts = core.payments.describe(token)
    portable.one_at_a_time(connection, organization_uuid)
    known = connection.execute(_CARDS, {"organization": organization_uuid}).all()
    for kept, provider_token in known:
        if provider_token == token:
            return kept
    if facts is None:
        raise errors.InvalidInput(fields={"payment_token": "unknown"})
    ours = f"{OUR_CARD}{core.ids.uuid()}"
    connection.execute(
        insert_into(m.PaymentCard),
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
    new = connection.execute(
        portable.insert(m.RefundRow).values(row).on_conflict_do_nothing().returning(m.RefundRow.key)
    )
    if new.first() is not None:
        connection.execute(insert_into(m.Job), job_row("refund", key, now))
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
    await core.db.run(lambda connection: _record_refund(core, connection, row))


def _record_refund(core: Core, connection: Connection, row: Any) -> None:
    r, o = m.RefundRow, m.OrderRow
    done = connection.execute(sa.update(r).where(r.key == row.key, r.state == "sent").values(state="done"))
    if done.rowcount != 1:
        return
    order = connection.execute(
        sa.update(o)
        .where(o.uuid == row.order_uuid, o.paid_at.is_not(None))
        .values(refunded_micros=o.refunded_micros + row.amount_micros)
        .returning(o.uuid, o.organization_uuid)
    ).one_or_none()
    if order is not None and row.charge_id:
        amount = Money(row.amount_micros, row.currency)
        refunding.sent_back(core, connection, order, row.key, amount, core.clock.now())


# ---- the sweep


async def sweep(core: Core) -> int:
    """Finishes or undoes what a crash left between intent and outcome. Returns how many orders it settled."""
    if core.db.is_read_only:
        return 0
    settled, bug = 0, None
    for row in await core.db.read(lambda connection: _dangling(connection, core.clock.now())):
        try:
            settled += await _ask_and_settle(core, row)
        except ProviderUnreachable:
            continue
        except Exception as error:  # noqa: BLE001  one order that breaks a rule must not keep the others from theirs
            bug = error
    if bug is not None:
        raise bug
    return settled


async def _ask_and_settle(core: Core, row: Any) -> bool:
    answer = await core.payments.find(row.key)
    has_expired = row.state == ACTION_REQUIRED and row.created_at <= core.clock.now() - CONFIRMATION_LIFETIME
    if answer is not None and answer.state == ACTION_REQUIRED and has_expired:
        answer = await core.payments.confirm(answer.id, approve=False)
    await core.db.run(partial(_settle, core, row=row, answer=answer))
    return answer is None or answer.state != ACTION_REQUIRED


def _nobody_waits(now: datetime) -> sa.ColumnElement[bool]:
    """The lease is over, or ends later than any lease can: then it was written by a clock that was wrong."""
    until = m.PaymentRow.leased_until
    return sa.or_(until <= now, until > now + 2 * LEASE)


def _dangling(connection: Connection, now: datetime) -> Sequence[Any]:
    """Charges without an answer, those the buyer may have confirmed unheard, and those nobody will confirm any more."""
    p = m.PaymentRow
    unheard = sa.and_(p.state.in_(("sent", ACTION_REQUIRED)), _nobody_waits(now))
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
    lock_order(connection, row.order_uuid)
    nobody_waits = connection.execute(sa.select(p.key).where(p.key == row.key, _nobody_waits(now))).first()
    # A lease taken since the provider was asked: the buyer came back, and is waiting for a charge of their own.
    if nobody_waits and _set_state(connection, row.order_uuid, OrderState.CANCELED, NOT_COMPLETED):
        connection.execute(sa.update(p).where(p.key == row.key).values(state=FAILED))
        coupons.give_back(connection, row.order_uuid)


def resume(connection: Connection, order_uuid: str, now: datetime) -> Intent | None:
    """The intent of an order that may still be charged under its key: unanswered, or undone without a charge."""
    o, p = m.OrderRow, m.PaymentRow
    row = connection.execute(
        sa.select(
            o.state,
            o.error_code,
            o.organization_uuid,
            o.request,
            p.key,
            p.state.label("payment"),
            p.provider_token,
            p.amount_micros,
            p.currency,
        )
        .join(p, p.order_uuid == o.uuid)
        .where(o.uuid == order_uuid)
        .with_for_update()
    ).one()
    # A charge that turned up after the order was undone is on its way back, and must not pay for anything.
    undone = row.state == OrderState.CANCELED.value and row.error_code == NOT_COMPLETED and row.payment == FAILED
    if row.state != OrderState.PENDING_PROVIDER.value and not undone:
        return None
    if undone and (coupon := coupons.from_json(row.request.get("coupon", {}))):
        coupons.take(connection, coupon, row.organization_uuid, order_uuid, now)
    connection.execute(
        sa.update(o).where(o.uuid == order_uuid).values(state=OrderState.PENDING_PROVIDER.value, error_code="")
    )
    connection.execute(sa.update(p).where(p.key == row.key).values(state="sent", leased_until=now + LEASE))
    return Intent(order_uuid, row.key, row.provider_token, Money(row.amount_micros, row.currency))
