"""What settings of the automatic top-up would have done over the last 90 days of real spending; nothing is written."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import Rehearsal, RehearsedCharge
from services.domain import top_ups
from services.domain.top_ups import REHEARSAL_DAYS, AutoTopUp
from services.embedded.money import movements
from services.embedded.money.alerts import CURRENCY

EXACT_MAX = 10_000  # spends that are replayed one by one; of more, neighbours are taken together
GRAIN = 50  # the part of the threshold that spends taken together stay below, so that no gap is jumped over

Spends = list[tuple[datetime, Money]]


def rehearse(connection: Connection, organization_uuid: str, settings: AutoTopUp, now: datetime) -> Rehearsal:
    """`settings` as if they had been switched on 90 days ago with what was in the wallet then."""
    start = now - timedelta(days=REHEARSAL_DAYS)
    rows = movements.spent_since(connection, organization_uuid, start)
    spends = [(at, Money(micros, CURRENCY)) for at, micros in rows]
    opening = movements.balance_before(connection, organization_uuid, start)
    grain = settings.threshold.micros // GRAIN if settings.threshold else 0
    replayed = spends if len(spends) <= EXACT_MAX else together(spends, grain)
    done = top_ups.rehearse(settings, opening, replayed, now)
    return Rehearsal(
        days=REHEARSAL_DAYS,
        charges=tuple(RehearsedCharge(at, amount) for at, amount in done.charges),
        total=done.total,
        lowest=done.lowest,
        empty_at=done.was_empty_at,
        refused_by_limit=len(done.refused_by_limit),
        spent=sum((amount for _, amount in spends), Money.zero(CURRENCY)),
    )


def together(spends: Spends, grain: int) -> Spends:
    """Neighbours of one hour as one spend, at the instant of the last, as long as they stay within `grain` micros."""
    found: Spends = []
    for at, amount in spends:
        if found and _hour(found[-1][0]) == _hour(at) and (found[-1][1] + amount).micros <= grain:
            found[-1] = (at, found[-1][1] + amount)
        else:
            found.append((at, amount))
    return found


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
