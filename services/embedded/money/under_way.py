"""When there may be news of what is under way at a provider: for moving time, which stops to ask on these days.

Once a day, counted from the moment a payment began or an event came that is not looked at yet, so that where a move
starts and ends has no part in it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.db import models as m
from services.db import money_models as mm
from services.db import payment_models as pm
from services.embedded.money.payments import OPEN
from services.embedded.ways import TRANSFER

_DAY = timedelta(days=1)
_P, _I, _E = m.PaymentRow, mm.PaymentIntent, pm.ProviderEvent
# What is paid by transfer is known from support alone.
_BEGAN = sa.union_all(
    sa.select(_P.created_at).where(_P.state.in_(OPEN), _P.provider != TRANSFER),
    sa.select(_I.created_at).where(_I.state.in_(OPEN), _I.provider != TRANSFER),
    sa.select(_E.received_at).where(_E.state == "new"),
)


def next_look(connection: Connection, now: datetime) -> datetime | None:
    """The first of these days after `now`; None when nothing is under way."""
    return min((_day_after(began, now) for began in connection.execute(_BEGAN).scalars()), default=None)


def _day_after(began: datetime, now: datetime) -> datetime:
    return began + max((now - began) // _DAY + 1, 1) * _DAY
