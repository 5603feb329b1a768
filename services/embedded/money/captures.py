"""A purchase that is only held is taken when nobody can take it back any more, by the one clock.

held -> capturing -> taken. A hold that is gone by then leaves the invoice unpaid: what follows is what follows for
any unpaid invoice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import PaymentState
from services.db import models as m
from services.db import money_models as mm
from services.embedded import asking, refusals
from services.embedded.core import Core
from services.embedded.held import CAPTURING, HELD
from services.embedded.money import due, returned
from services.embedded.money.due import Due
from services.embedded.orders import lock_order
from services.gateways.payments import CANCELED, FAILED, REFUNDED, SUCCEEDED, Charge, ProviderRefused

CAPTURE = "capture"
_AGAIN_AFTER = timedelta(minutes=1)
_AGAIN_AT_LATEST = timedelta(hours=1)

_P = m.PaymentRow
_ROW = sa.select(*_P.__table__.c).where(_P.order_uuid == sa.bindparam("order"))
_SET = (
    sa.update(_P)
    .where(_P.order_uuid == sa.bindparam("order"), _P.state == sa.bindparam("from_state"))
    .values(state=sa.bindparam("new_state"))
)


def confirm(connection: Connection, order_uuid: str, at: datetime) -> None:
    """Something rests on a purchase now (a change of its plan, money that goes back): it cannot be taken back whole any
    more, and what is held is taken at once."""
    lock_order(connection, order_uuid)
    row = connection.execute(_ROW, {"order": order_uuid}).one_or_none()
    if row is None or row.state != PaymentState.AUTHORIZED.value or row.capture_at is None:
        return
    connection.execute(sa.update(_P).where(_P.order_uuid == order_uuid).values(capture_at=None))
    of = sa.select(m.OrderRow.organization_uuid).where(m.OrderRow.uuid == order_uuid)
    due.drop(connection, order_uuid, CAPTURE)
    due.schedule(connection, CAPTURE, order_uuid, connection.execute(of).scalar_one(), at)


async def on_capture(core: Core, item: Due) -> None:
    """Takes what is held. Asked again until the provider answers."""
    row = await core.db.run(partial(_begin, item=item))
    if row is None:
        return
    answer = await capture(core, row)
    await core.db.run(partial(_finish, core, item=item, row=row, answer=answer))


def _begin(connection: Connection, item: Due) -> Any:  # Any: a row of PaymentRow, None when there is nothing to take
    lock_order(connection, item.subject_uuid)
    row = connection.execute(_ROW, {"order": item.subject_uuid}).one_or_none()
    if row is None or row.state not in HELD:
        return None
    values = {"order": item.subject_uuid, "from_state": PaymentState.AUTHORIZED.value, "new_state": CAPTURING}
    connection.execute(_SET, values)
    return row


async def capture(core: Core, row: Any) -> Charge | None:
    """What the provider says; None when it does not answer, or would not be asked: then it is asked again later."""
    gateway = core.payments.find(row.provider)
    if gateway is None:
        return None
    try:
        return await asking.patiently(lambda: gateway.capture(row.charge_id, key=f"{row.key}:capture"))
    except ProviderRefused:
        return None


def _finish(core: Core, connection: Connection, item: Due, row: Any, answer: Charge | None) -> None:
    if answer is None:
        tries = int(item.params.get("tries", 0)) + 1
        at = core.clock.now() + min(_AGAIN_AFTER * tries, _AGAIN_AT_LATEST)
        due.schedule(
            connection, CAPTURE, item.subject_uuid, item.organization_uuid, at, part=f"again:{tries}", tries=tries
        )
        return
    record(core, connection, row.order_uuid, row.key, answer)


def record(core: Core, connection: Connection, order_uuid: str, key: str, answer: Charge) -> None:
    """What the provider says of a payment that was held under this `key`; once."""
    lock_order(connection, order_uuid)
    row = connection.execute(_ROW, {"order": order_uuid}).one()
    if row.state not in HELD or row.key != key:  # of an earlier attempt
        return
    if answer.state == SUCCEEDED:
        _set(connection, row, PaymentState.SUCCEEDED, answer.id)
        due.drop(connection, order_uuid, CAPTURE)
    elif answer.state in (CANCELED, FAILED, REFUNDED):
        _set(connection, row, PaymentState.FAILED, row.charge_id)
        due.drop(connection, order_uuid, CAPTURE)
        code = refusals.stored(answer.decline_code or "expired")
        amount = Money(row.amount_micros, row.currency)
        returned.order_unpaid(core, connection, order_uuid, amount, row.provider, code, core.clock.now())


def _set(connection: Connection, row: Any, state: PaymentState, charge_id: str) -> None:
    connection.execute(
        sa.update(_P).where(_P.order_uuid == row.order_uuid).values(state=state.value, charge_id=charge_id)
    )
    if charge_id != row.charge_id:  # what goes back of it from now on is of the payment, not of the hold
        for table in (mm.PaymentIntent, m.RefundRow):
            connection.execute(sa.update(table).where(table.charge_id == row.charge_id).values(charge_id=charge_id))
