"""Orders whose payment has no outcome and nobody waits for: settled from the provider's own record.

The same look is taken by the sweep, by an event of the provider, and by a buyer who says "I have paid".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import NotFound
from services.api.money import Money
from services.api.types import OrderState, PaymentState
from services.db import models as m
from services.embedded import asking, placing, settlement
from services.embedded.asking import Question
from services.embedded.core import Core
from services.embedded.money import coupons
from services.embedded.orders import lock_order
from services.embedded.placing import LEASE, NOT_COMPLETED
from services.embedded.settlement import PROCESSING_LEASE, Outcome
from services.embedded.ways import TRANSFER
from services.gateways.payments import ACTION_REQUIRED, EXPIRED, Charge, ProviderUnreachable

CONFIRMATION_LIFETIME = timedelta(days=1)

_O, _P = m.OrderRow, m.PaymentRow
_ROW = (
    sa.select(*_P.__table__.c, _O.organization_uuid, _O.state.label("order_state"), _O.error_code, _O.request)
    .join(_O, _O.uuid == _P.order_uuid)
    .where(_P.order_uuid == sa.bindparam("order"))
)


def row_of(connection: Connection, order_uuid: str, *, lock: bool = False) -> Any:  # Any: a row of _ROW
    """The payment of an order with what matters of the order. NotFound."""
    if lock:  # first and by itself: what is read then is of after the wait, and everybody locks in one order
        lock_order(connection, order_uuid)
    row = connection.execute(_ROW, {"order": order_uuid}).one_or_none()
    if row is None:
        raise NotFound(what="order")
    return row


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
    answer = None if _is_free(row) else await look(core, placing.kept_question(row))
    await core.db.run(partial(_settle, core, row=row, answer=answer))
    return answer is None or answer.state != ACTION_REQUIRED


async def look(core: Core, question: Question) -> Charge | None:
    """What the provider says now; a page that nobody will answer any more is closed. ProviderUnreachable."""
    answer = await asking.find(core, question)
    is_over = question.sent_at <= core.clock.now() - CONFIRMATION_LIFETIME
    if answer is None or answer.state != ACTION_REQUIRED or not is_over:
        return answer
    return await decline(core, question, answer.id)


async def decline(core: Core, question: Question, charge_id: str) -> Charge:
    """Closes what waits for a buyer who will not come. ProviderUnreachable."""
    gateway = asking.reachable(core, question.way.provider)
    if not gateway.page_hosts:  # answered in our own window
        return await gateway.confirm(charge_id, approve=False)
    answer = await asking.call_off(core, gateway.name, question.key, charge_id)
    return replace(answer, decline_code=answer.decline_code or EXPIRED)


def _is_free(row: Any) -> bool:
    return not row.provider and not row.provider_token


def _nobody_waits(now: datetime) -> sa.ColumnElement[bool]:
    """The lease is over, or ends later than any lease can: then it was written by a clock that was wrong."""
    until = _P.leased_until
    longest = sa.case((_P.state == PaymentState.PROCESSING.value, now + 2 * PROCESSING_LEASE), else_=now + 2 * LEASE)
    return sa.or_(until <= now, until > longest)


def _dangling(connection: Connection, now: datetime) -> Sequence[Any]:
    """Payments without an outcome that nobody waits for, and those nobody will confirm any more. What is paid by
    transfer is known from support alone."""
    open_states = (PaymentState.SENT, PaymentState.ACTION_REQUIRED, PaymentState.PROCESSING)
    unheard = sa.and_(_P.state.in_([state.value for state in open_states]), _nobody_waits(now))
    expired = sa.and_(_P.state == PaymentState.ACTION_REQUIRED.value, _P.created_at <= now - CONFIRMATION_LIFETIME)
    found = sa.select(*_P.__table__.c, _O.organization_uuid).join(_O, _O.uuid == _P.order_uuid)
    return connection.execute(found.where(sa.or_(unheard, expired), _P.provider != TRANSFER)).all()


def _settle(core: Core, connection: Connection, row: Any, answer: Charge | None) -> None:
    now = core.clock.now()
    if answer is not None:
        settlement.record_charge(core, connection, row.order_uuid, answer, key=row.key, provider=row.provider)
        if answer.state == ACTION_REQUIRED:  # still waiting for the buyer: look again when the lease is over
            connection.execute(sa.update(_P).where(_P.key == row.key).values(leased_until=now + LEASE))
        return
    if _is_free(row):  # a free order needs no provider to go through
        settlement.record_charge(core, connection, row.order_uuid, Charge("", "succeeded", Money.zero()))
        return
    lock_order(connection, row.order_uuid)
    nobody_waits = connection.execute(sa.select(_P.key).where(_P.key == row.key, _nobody_waits(now))).first()
    # A lease taken since the provider was asked: the buyer came back, and is waiting for a charge of their own.
    if nobody_waits and settlement.set_state(connection, row.order_uuid, OrderState.CANCELED, NOT_COMPLETED):
        connection.execute(sa.update(_P).where(_P.key == row.key).values(state=PaymentState.FAILED.value))
        coupons.give_back(connection, row.order_uuid)


# ---- by name


async def refresh(core: Core, order_uuid: str) -> Outcome:
    """Asks the provider what became of an order now. ProviderUnreachable."""
    row = await core.db.read(lambda connection: row_of(connection, order_uuid))
    is_open = row.order_state in (OrderState.PENDING_CONSUMER.value, OrderState.PENDING_PROVIDER.value)
    if is_open and row.provider not in ("", TRANSFER):
        answer = await look(core, placing.kept_question(row))
        if answer is not None:
            return await core.db.run(
                partial(
                    settlement.record_charge,
                    core,
                    order_uuid=order_uuid,
                    answer=answer,
                    key=row.key,
                    provider=row.provider,
                )
            )
    return await core.db.read(lambda connection: settlement.outcome(core, connection, order_uuid))


def resume(connection: Connection, order_uuid: str, now: datetime) -> Question | None:
    """What may still be asked for an order under its key: unanswered, or undone without a charge."""
    row = row_of(connection, order_uuid, lock=True)
    # A charge that turned up after the order was undone is on its way back, and must not pay for anything.
    undone = (
        row.order_state == OrderState.CANCELED.value
        and row.error_code == NOT_COMPLETED
        and row.state == PaymentState.FAILED.value
    )
    is_unanswered = row.order_state == OrderState.PENDING_PROVIDER.value and row.state == PaymentState.SENT.value
    if not is_unanswered and not undone:
        return None
    if undone and (coupon := coupons.from_json(row.request.get("coupon", {}))):
        coupons.take(connection, coupon, row.organization_uuid, order_uuid, now)
    connection.execute(
        sa.update(_O).where(_O.uuid == order_uuid).values(state=OrderState.PENDING_PROVIDER.value, error_code="")
    )
    connection.execute(
        sa.update(_P).where(_P.key == row.key).values(state=PaymentState.SENT.value, leased_until=now + LEASE)
    )
    return placing.kept_question(row)
