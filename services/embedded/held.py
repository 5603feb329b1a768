"""Payments that are held and not yet taken: the buyer may still change their mind."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.types import PaymentState
from services.db import models as m
from services.gateways.payments import ProviderUnreachable

CAPTURING = "capturing"  # it is being taken: nobody can take it back any more
HELD = (PaymentState.AUTHORIZED.value, CAPTURING)

_P = m.PaymentRow
_IS_HELD = sa.select(_P.key).where(_P.charge_id == sa.bindparam("charge"), _P.state.in_(HELD))


def check_taken(connection: Connection, charge_id: str) -> None:
    """ProviderUnreachable while a charge is only held: what goes back of it is sent once it has been taken, because
    letting a hold go would let go of all of it."""
    if connection.execute(_IS_HELD, {"charge": charge_id}).first() is not None:
        raise ProviderUnreachable
