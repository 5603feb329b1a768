"""Which card pays for a change of a subscription, and from then on."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput
from services.db import models as m
from services.embedded.core import Core
from services.embedded.money import payments
from services.embedded.placing import OUR_CARD

_CARD = sa.select(m.PaymentCard.provider_token).where(
    m.PaymentCard.token == sa.bindparam("card"), m.PaymentCard.organization_uuid == sa.bindparam("of")
)


def provider_token(core: Core, connection: Connection, row: Any, token: str) -> str:  # Any: a row of SubscriptionRow
    """The provider's token of the card that is to pay: the named one, that of the subscription, or the default one.
    InvalidInput(payment_token)."""
    mine = {"card": token or row.payment_token, "of": row.organization_uuid}
    found = connection.execute(_CARD, mine).scalar() if mine["card"].startswith(OUR_CARD) else None
    if found is None and token:
        found = token if core.payments.describe(token) is not None else None
        if found is None:
            raise InvalidInput(fields={"payment_token": "unknown"})
    if found is None and (default := payments.card(connection, row.organization_uuid)) is not None:
        found = default.provider_token
    if found is None:
        raise InvalidInput(fields={"payment_token": "required"})
    return str(found)
