"""A purchase taken back within its first seconds: nothing is charged, and nothing is left of what it brought."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import WrongState
from services.api.types import OrderState, PaymentState
from services.db import models as m
from services.db import money_models as mm
from services.embedded import order_sweep
from services.embedded.core import Core
from services.embedded.money import corrections, coupons, due, refunding, refunds, renewals
from services.embedded.money.captures import CAPTURE
from services.embedded.money.happenings import note_happening

REASON = "taken_back"

_S = mm.SubscriptionRow
_SUBSCRIPTION = sa.select(*_S.__table__.c).where(_S.order_uuid == sa.bindparam("order")).with_for_update()


def undo(core: Core, connection: Connection, order_uuid: str, now: datetime) -> str:
    """Everything but letting the hold go, which outcomes.carry_out does for the intent that is returned; "" when there
    is none. WrongState when the time is over, or the money is being taken at this instant."""
    row = order_sweep.row_of(connection, order_uuid, lock=True)
    if row.state != PaymentState.AUTHORIZED.value or row.capture_at is None or row.capture_at <= now:
        raise WrongState(state=row.order_state)
    due.drop(connection, order_uuid, CAPTURE)
    refund = _credit(core, connection, order_uuid, now)
    connection.execute(
        sa.update(m.PaymentRow)
        .where(m.PaymentRow.order_uuid == order_uuid)
        .values(state=PaymentState.CANCELED.value, capture_at=None)
    )
    _end(core, connection, order_uuid, now)
    connection.execute(
        sa.update(m.OrderRow)
        .where(m.OrderRow.uuid == order_uuid)
        .values(state=OrderState.CANCELED.value, refunded_micros=m.OrderRow.total_micros)
    )
    coupons.give_back(connection, order_uuid)
    note_happening(core, connection, row.organization_uuid, "order_taken_back", now, ref=f"order:{order_uuid}",
                   amount_micros=row.amount_micros, currency=row.currency)  # fmt: skip
    return refund


def _credit(core: Core, connection: Connection, order_uuid: str, now: datetime) -> str:
    """The invoice credited in full; its money goes back by letting the hold go. WrongState when some went back, or a
    bank decides about what was paid besides."""
    invoice = refunding.invoice_of(connection, order_uuid)
    if invoice is not None and invoice.credited_micros:
        raise WrongState(state="refunded")
    if invoice is not None:
        refunds.check_undisputed(connection, invoice)
    return "" if invoice is None else corrections.credit(core, connection, invoice.uuid, None, now).refund_uuid


def _end(core: Core, connection: Connection, order_uuid: str, now: datetime) -> None:
    subscription: Any = connection.execute(_SUBSCRIPTION, {"order": order_uuid}).one_or_none()
    if subscription is not None:
        renewals.end(core, connection, subscription, now, reason=REASON)
