"""Saved ways to pay as they are shown: what they are, whether they expire, and what is paid with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.types import PaymentMethod, SavedMethod, SubscriptionState
from services.db import models as m
from services.db import money_models as mm
from services.domain import expiry
from services.embedded.money.alerts import AUTO_TOP_UP, settings_row

_C, _S = m.PaymentCard, mm.SubscriptionRow
_OF = (
    sa.select(*_C.__table__.c)
    .where(_C.organization_uuid == sa.bindparam("of"))
    .order_by(_C.is_default.desc(), _C.created_at, _C.token)
)
_RUNNING = sa.select(_S.payment_token, _S.offering_name, _S.payment_method).where(
    _S.organization_uuid == sa.bindparam("of"), _S.state != SubscriptionState.CANCELED.value
)
CHARGED = (PaymentMethod.CARD.value, PaymentMethod.BANK.value, PaymentMethod.PAYPAL.value)


def of_organization(connection: Connection, organization_uuid: str, now: datetime) -> tuple[SavedMethod, ...]:
    """The default one first, then the oldest."""
    rows = connection.execute(_OF, {"of": organization_uuid}).all()
    if not rows:
        return ()
    used = _uses(connection, organization_uuid, {row.token for row in rows}, rows[0].token)
    return tuple(_saved(row, tuple(used.get(row.token, ())), now) for row in rows)


def of_organizations(connection: Connection, uuids: list[str], now: datetime) -> tuple[SavedMethod, ...]:
    """Of several, with a default of each first."""
    found = [one for uuid in uuids for one in of_organization(connection, uuid, now)]
    return tuple(sorted(found, key=lambda one: not one.is_default))


def _uses(connection: Connection, organization_uuid: str, known: set[str], default: str) -> dict[str, list[str]]:
    """Our token -> what is paid with it; what names none, or one that is gone, is paid with the default one."""
    used: dict[str, list[str]] = {}
    for row in connection.execute(_RUNNING, {"of": organization_uuid}):
        if row.payment_method in CHARGED:
            token = row.payment_token if row.payment_token in known else default
            used.setdefault(token, []).append(row.offering_name)
    settings = settings_row(connection, organization_uuid)
    if settings is not None and settings.auto_is_on:
        token = settings.auto_token if settings.auto_token in known else default
        used.setdefault(token, []).append(AUTO_TOP_UP)
    return used


def _saved(row: Any, used_for: tuple[str, ...], now: datetime) -> SavedMethod:  # Any: a row of PaymentCard
    return SavedMethod(
        row.token, row.brand, row.last4, row.exp_month, row.exp_year, row.is_default, PaymentMethod(row.method),
        row.email, expiry.standing(row.exp_month, row.exp_year, now), used_for,
    )  # fmt: skip
