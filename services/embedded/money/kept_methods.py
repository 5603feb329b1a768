"""Ways to pay that are kept for an organization: the provider's token, and what may be shown of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.types import PaymentMethod
from services.db import models as m
from services.db import portable
from services.embedded.core import Core, insert_into
from services.embedded.ways import OUR_CARD, Way
from services.gateways.payments import Charge, MethodFacts

_C = m.PaymentCard
_KNOWN = sa.select(
    _C.token, _C.provider, _C.method, _C.provider_token, _C.brand, _C.last4, _C.email, _C.exp_month, _C.exp_year
).where(_C.organization_uuid == sa.bindparam("organization"))


def facts_of(core: Core, way: Way, charge: Charge) -> MethodFacts | None:
    """What a payment was made with, and can be made with again; None when it cannot."""
    if charge.method is not None and charge.method.token:
        return charge.method
    card = core.payments.describe(way.token)
    if card is None:
        return None
    return MethodFacts(PaymentMethod.CARD, way.token, card.brand, card.last4, card.exp_month, card.exp_year)


def keep(
    core: Core,
    connection: Connection,
    organization_uuid: str,
    provider: str,
    facts: MethodFacts,
    now: datetime,
    *,
    is_default: bool = False,
) -> str:
    """Remembers a method for an organization, once: the same card given again only gets the provider's newest token.
    The first one is the default. Returns our token for it."""
    portable.one_at_a_time(connection, organization_uuid)
    known = connection.execute(_KNOWN, {"organization": organization_uuid}).all()
    ours = next((row.token for row in known if row.provider_token == facts.token), "")
    if not ours:
        ours = next((row.token for row in known if _is_same(row, provider, facts)), "")
        if ours:
            connection.execute(sa.update(_C).where(_C.token == ours).values(provider_token=facts.token))
    if not ours:
        ours = f"{OUR_CARD}{core.ids.uuid()}"
        connection.execute(
            insert_into(_C),
            {"token": ours, "organization_uuid": organization_uuid, "provider": provider,
             "method": facts.method.value, "email": facts.email, "provider_token": facts.token, "brand": facts.brand,
             "last4": facts.last4, "exp_month": facts.exp_month, "exp_year": facts.exp_year, "is_default": not known,
             "created_at": now},
        )  # fmt: skip
    if is_default and known:
        set_default(connection, organization_uuid, ours)
    return ours


def ours_of(core: Core, connection: Connection, organization_uuid: str, way: Way, charge: Charge, now: datetime) -> str:
    """Our token of what paid, kept for the next time; "" when it cannot be charged again."""
    if way.ours:
        return way.ours
    facts = facts_of(core, way, charge)
    if facts is not None:
        return keep(core, connection, organization_uuid, way.provider, facts, now)
    if not way.token:
        return ""
    known = connection.execute(_KNOWN, {"organization": organization_uuid}).all()
    return next((row.token for row in known if row.provider_token == way.token), "")


def set_default(connection: Connection, organization_uuid: str, ours: str) -> None:
    """It is charged when nothing else is said."""
    connection.execute(
        sa.update(_C).where(_C.organization_uuid == organization_uuid).values(is_default=_C.token == ours)
    )


def _is_same(row: Any, provider: str, facts: MethodFacts) -> bool:  # Any: a row of _KNOWN
    shown = (facts.method.value, facts.brand, facts.last4, facts.email, facts.exp_month, facts.exp_year)
    return row.provider == provider and shown == (
        row.method, row.brand, row.last4, row.email, row.exp_month, row.exp_year
    )  # fmt: skip
