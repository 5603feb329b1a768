"""The automatic top-up when it is due: at most one in flight, once for what made it due, never beyond its month."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import PaymentFailed, PaymentUnknown
from services.api.money import Money
from services.db import money_models as mm
from services.db import portable
from services.domain.top_ups import Reason
from services.embedded import asking, ways
from services.embedded.asking import Sent
from services.embedded.core import Core
from services.embedded.money import alerts, grants, outcomes, payments, taxes, top_ups
from services.embedded.money.alerts import AUTO_TOP_UP
from services.embedded.money.due import Due
from services.embedded.money.top_ups import Purchase

NO_CARD = "no_card"

_P = mm.PaymentIntent


async def on_due(core: Core, item: Due) -> None:
    """Looks again, charges what is missing, and leaves the rest to `outcomes`."""
    intent_uuid = await core.db.run(partial(_begin, core, item=item))
    if intent_uuid is None:
        return
    try:
        await outcomes.carry_out(core, intent_uuid, at=item.at)
    except (PaymentFailed, PaymentUnknown):
        return  # written down with the wallet, or asked about by the sweep


def _begin(core: Core, connection: Connection, item: Due) -> str | None:
    """The payment to ask for; None when there is nothing to do, or somebody else does it."""
    organization = item.organization_uuid
    portable.one_at_a_time(connection, f"auto_top_up:{organization}")
    if (mine := _in_flight(connection, item)) is not None:
        return mine
    row = alerts.settings_row(connection, organization, lock=True)
    if row is None:
        return None
    balance = grants.balance(connection, organization, alerts.CURRENCY, item.at)
    decision = alerts.decide(connection, row, balance, item.at)
    if decision.reason is Reason.MONTHLY_LIMIT:
        alerts.refuse_for_this_month(core, connection, row, item.at)
    return None if decision.charge is None else _open(core, connection, item, decision.charge, row.auto_token)


def _in_flight(connection: Connection, item: Due) -> str | None:
    """The payment this very item opened before a crash."""
    row = connection.execute(
        sa.select(_P.uuid, _P.subject).where(
            _P.organization_uuid == item.organization_uuid, _P.purpose == AUTO_TOP_UP, _P.state.in_(payments.OPEN)
        )
    ).one_or_none()
    return row.uuid if row is not None and row.subject["cause"] == item.key else None


def _open(core: Core, connection: Connection, item: Due, credit: Money, token: str) -> str | None:
    organization = item.organization_uuid
    card = ways.of_organization(core, connection, organization, token)
    if card is None:
        alerts.note_problem(core, connection, organization, NO_CARD, item.at)
        return None
    details = taxes.details_of(connection, organization)
    sent = Sent(title=AUTO_TOP_UP, is_attended=False, until=asking.page_until(item.at))
    wanted = Purchase(organization, credit, details, card, sent, cause=item.key)
    return top_ups.open_intent(core, connection, AUTO_TOP_UP, wanted, item.at)
