"""What pays for a change of a subscription, and from then on."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput
from services.embedded import ways
from services.embedded.core import Core
from services.embedded.ways import OUR_CARD, Way


def way_for(core: Core, connection: Connection, row: Any, token: str) -> Way:  # Any: a row of SubscriptionRow
    """The named saved method or test card, that of the subscription, or the default. InvalidInput(payment_token)."""
    wanted = token or row.payment_token
    found = ways.of_organization(core, connection, row.organization_uuid, wanted)
    if token and (found is None or found.ours != token):
        found = None if token.startswith(OUR_CARD) else ways.of_test_card(core, token)
        if found is None:
            raise InvalidInput(fields={"payment_token": "unknown"})
    if found is None:
        raise InvalidInput(fields={"payment_token": "required"})
    return found
