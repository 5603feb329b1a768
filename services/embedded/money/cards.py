"""What pays for a change of a subscription, and from then on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput
from services.embedded import ways
from services.embedded.core import Core
from services.embedded.money import kept_methods
from services.embedded.ways import OUR_CARD, Way
from services.gateways.payments import Charge


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


def keep(core: Core, connection: Connection, organization_uuid: str, way: Way, charge: Charge, at: datetime) -> str:
    """Our token of what paid, kept for the next time; "" when it cannot be charged again."""
    if way.ours:
        return way.ours
    facts = kept_methods.facts_of(core, way, charge)
    return "" if facts is None else kept_methods.keep(core, connection, organization_uuid, way.provider, facts, at)
