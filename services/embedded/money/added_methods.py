"""Ways to pay that are given on a provider's page without paying anything yet: a payment of nothing that is kept."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import Action, AddedMethod, AddMethod, PaymentState
from services.db import money_models as mm
from services.embedded import asking, ways
from services.embedded.asking import Sent
from services.embedded.core import Core
from services.embedded.money import kept_methods, method_views, payments
from services.embedded.money.payments import Intent
from services.embedded.refusals import shown
from services.gateways.payments import Charge

METHOD = "method"  # the purpose of its payment
CURRENCY = "USD"  # a page is opened in one; nothing is charged

_P = mm.PaymentIntent


def open_page(
    core: Core, connection: Connection, organization_uuid: str, request: AddMethod, email: str, at: datetime
) -> str:
    """Saves what is to be asked. Returns the payment's uuid. InvalidInput(payment_method)."""
    sent = Sent(email=email, return_url=request.return_url, until=asking.page_until(at))
    return payments.open_intent(
        core, connection, organization_uuid=organization_uuid, purpose=METHOD,
        subject={"is_default": request.is_default, "method": ""},
        way=ways.page(core, request.payment_method), sent=sent, amount=Money.zero(CURRENCY), at=at,
    )  # fmt: skip


def settle(core: Core, connection: Connection, intent: Intent, charge: Charge, at: datetime) -> None:
    """It was given: it is kept, and is the default when that was wanted."""
    facts = kept_methods.facts_of(core, intent.way, charge)
    if facts is None:
        return
    is_default = bool(intent.subject["is_default"])
    ours = kept_methods.keep(
        core, connection, intent.organization_uuid, intent.way.provider, facts, at, is_default=is_default
    )
    connection.execute(sa.update(_P).where(_P.uuid == intent.uuid).values(subject=intent.subject | {"method": ours}))


def added(connection: Connection, intent: Intent, now: datetime) -> AddedMethod:
    """What became of it, as it is told."""
    waits = intent.state is PaymentState.ACTION_REQUIRED
    action = Action("redirect", intent.action_url, intent.expires_at) if waits else None
    ours = intent.subject["method"]
    found = [
        one for one in method_views.of_organization(connection, intent.organization_uuid, now) if one.token == ours
    ]
    code = shown(intent.error_code) if intent.error_code else ""
    return AddedMethod(intent.uuid, intent.state, action, next(iter(found), None), code)
