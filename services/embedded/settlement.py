"""The last transaction of a purchase: what the provider says is written down once, whoever asks.

Every change of an order's state is a compare-and-set, so a button, a replay, an event and the sweep may race freely.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.types import OrderState, PaymentMethod, PaymentState, Placed
from services.db import models as m
from services.embedded import delivery, order_refunds, refusals
from services.embedded.core import Core
from services.embedded.money import coupons, due, kept_methods, transferred
from services.embedded.money.captures import CAPTURE
from services.embedded.money.subscribing import Payment
from services.embedded.orders import PENDING, lock_order, placed
from services.embedded.placing import NOT_COMPLETED, PAID_BY_TRANSFER
from services.embedded.ways import NOTHING, TRANSFER, Way, label_of
from services.gateways.payments import (
    ACTION_REQUIRED,
    AUTHORIZED,
    CANCELED,
    FAILED,
    PROCESSING,
    REFUNDED,
    SUCCEEDED,
    Charge,
)

PROCESSING_LEASE = timedelta(minutes=15)  # a bank takes days: it is not asked about every few seconds
TRANSFER_DAYS = 14  # to pay what is paid by transfer, also of later periods

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
_P = m.PaymentRow
_OF_ORDER = _P.order_uuid == sa.bindparam("order")
_SET_PAYMENT = (
    sa.update(_P)
    .where(_OF_ORDER)
    .values(
        state=sa.bindparam("new_state"), charge_id=sa.bindparam("charge"), action_url=sa.bindparam("url"),
        expires_at=sa.bindparam("until"),
    )
    .returning(_P.provider, _P.method, _P.provider_token, _P.attempt)
)  # fmt: skip
_LEASE = sa.update(_P).where(_OF_ORDER).values(leased_until=sa.bindparam("lease"))
_CAPTURE_AT = sa.update(_P).where(_OF_ORDER).values(capture_at=sa.bindparam("at"))
_KEY = sa.select(_P.key).where(_OF_ORDER)

Outcome = Placed | errors.ServiceError


def outcome(core: Core, connection: Connection, order_uuid: str) -> Outcome:
    """What the buyer is told about an order: where to go on, or why not."""
    state, code = connection.execute(_STATE, {"order": order_uuid}).one()
    if state == OrderState.ERRED.value or (state == OrderState.CANCELED.value and code):
        return refusals.error_of(code, order_uuid=order_uuid)
    found = placed(connection, order_uuid)
    if state == OrderState.PENDING_PROVIDER.value:
        if found.state is not PaymentState.PROCESSING:
            return errors.PaymentUnknown(order_uuid=order_uuid)
        return replace(found, transfer=transferred.instructions(core, connection, order_uuid))
    return found


def record_charge(
    core: Core, connection: Connection, order_uuid: str, answer: Charge, *, key: str = "", provider: str = ""
) -> Outcome:
    """Writes the provider's answer down. A charge for an order that was given up meanwhile, or under the `key` of an
    earlier attempt (at `provider`), is refunded."""
    if key and _is_earlier(connection, order_uuid, key):
        _give_back_late(core, connection, order_uuid, answer, provider)
        return outcome(core, connection, order_uuid)
    if answer.state in (FAILED, REFUNDED):
        code = refusals.stored(answer.decline_code) if answer.decline_code else NOT_COMPLETED
        _close(connection, order_uuid, OrderState.ERRED, code, answer)
    elif answer.state == CANCELED:
        code = refusals.stored(answer.decline_code) if answer.decline_code else refusals.GIVEN_UP
        _close(connection, order_uuid, OrderState.CANCELED, code, answer)
    elif answer.state == ACTION_REQUIRED:
        if set_state(connection, order_uuid, OrderState.PENDING_CONSUMER):
            _set_payment(connection, order_uuid, PaymentState.ACTION_REQUIRED, answer)
    elif answer.state == PROCESSING:
        if set_state(connection, order_uuid, OrderState.PENDING_PROVIDER):
            _set_payment(connection, order_uuid, PaymentState.PROCESSING, answer)
            later = core.clock.now() + PROCESSING_LEASE
            connection.execute(_LEASE, {"order": order_uuid, "lease": later})
            transferred.schedule_end(connection, order_uuid, core.clock.now())
    elif order := _start(connection, order_uuid):
        return _deliver(core, connection, order, answer)
    elif not _is_paid(connection, order_uuid):
        _give_back(core, connection, order_uuid, answer)
    return outcome(core, connection, order_uuid)


def _is_earlier(connection: Connection, order_uuid: str, key: str) -> bool:
    """Whether another attempt has been opened since. None is opened between this look and what follows from it."""
    lock_order(connection, order_uuid)
    return bool(key != connection.execute(_KEY, {"order": order_uuid}).scalar())


def _close(connection: Connection, order_uuid: str, state: OrderState, code: str, answer: Charge) -> None:
    if set_state(connection, order_uuid, state, code):
        paid = PaymentState.CANCELED if answer.state == CANCELED else PaymentState(answer.state)
        _set_payment(connection, order_uuid, paid, answer)
        coupons.give_back(connection, order_uuid)


def _give_back(core: Core, connection: Connection, order_uuid: str, answer: Charge) -> None:
    """It was paid after it was given up, or is held: then it is let go."""
    state = PaymentState.CANCELED if answer.state == AUTHORIZED else PaymentState.SUCCEEDED
    provider = _set_payment(connection, order_uuid, state, answer).provider
    order_refunds.give_back_late(core, connection, order_uuid, answer, provider)


def _give_back_late(core: Core, connection: Connection, order_uuid: str, answer: Charge, provider: str) -> None:
    """It was paid on a page that another way to pay had replaced. A debit goes back when it is there."""
    paid = sa.select(_P.charge_id).where(_P.order_uuid == order_uuid)
    if answer.state in (SUCCEEDED, AUTHORIZED) and connection.execute(paid).scalar() != answer.id:
        order_refunds.give_back_late(core, connection, order_uuid, answer, provider)


def set_state(connection: Connection, order_uuid: str, state: OrderState, code: str = "") -> bool:
    """Compare-and-set of a pending order; false when somebody else was first."""
    values = {"order": order_uuid, "new_state": state.value}
    changed = connection.execute(_SET_STATE_AND_CODE if code else _SET_STATE, values | ({"code": code} if code else {}))
    return changed.rowcount == 1


def _start(connection: Connection, order_uuid: str) -> Any:  # Any: a row of _SET_STATE_AND_READ, or None
    """Compare-and-set of a pending order that is paid now; None when somebody else was first."""
    values = {"order": order_uuid, "new_state": OrderState.EXECUTING.value}
    return connection.execute(_SET_STATE_AND_READ, values).one_or_none()


def _set_payment(connection: Connection, order_uuid: str, state: PaymentState, answer: Charge) -> Any:
    """Returns provider, method and token the order was paid with, and which attempt it was."""
    values = {"order": order_uuid, "new_state": state.value, "charge": answer.id, "url": answer.action_url,
              "until": answer.expires_at}  # fmt: skip
    return connection.execute(_SET_PAYMENT, values).one()


def _is_paid(connection: Connection, order_uuid: str) -> bool:
    return connection.execute(_PAID_AT, {"order": order_uuid}).scalar() is not None


def _deliver(core: Core, connection: Connection, order: Any, answer: Charge) -> Placed:  # Any: from _start
    """A paid order: the method kept, and all that follows from it. What is only held is taken when nobody can take the
    purchase back any more."""
    now = core.clock.now()
    state = PaymentState.AUTHORIZED if answer.state == AUTHORIZED else PaymentState.SUCCEEDED
    row = _set_payment(connection, order.uuid, state, answer)
    way = Way(row.provider, PaymentMethod(row.method), row.provider_token) if row.provider else NOTHING
    card = kept_methods.ours_of(core, connection, order.organization_uuid, way, answer, now)
    label = label_of(answer.method) if answer.method is not None else order.paid_with
    if way.provider == TRANSFER:
        due.drop(connection, order.uuid, transferred.ENDS)
        transferred.clear(core, connection, order.organization_uuid, order.uuid, now)
        payment = Payment(PAID_BY_TRANSFER, "", TRANSFER, later_days=TRANSFER_DAYS)
    else:
        payment = Payment(label, card, way.provider)
        if row.attempt > 1:  # perhaps it was to be paid by transfer first
            due.drop(connection, order.uuid, transferred.ENDS)
            transferred.to_credit(core, connection, order.organization_uuid, order.uuid, now)
    if state is PaymentState.AUTHORIZED:
        ends = now + core.undo_window
        connection.execute(_CAPTURE_AT, {"order": order.uuid, "at": ends})
        due.schedule(connection, CAPTURE, order.uuid, order.organization_uuid, ends)
    return replace(delivery.deliver(core, connection, order, now, payment, paid_at=now), state=state)
