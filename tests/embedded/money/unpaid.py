"""A subscription whose renewal is charged to a card that may fail, and what is looked at then."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from services.api.types import (
    ChangeAction,
    Invoice,
    InvoiceQuery,
    SubscriptionState,
)
from services.db import money_models as mm
from services.domain.billing import boundary
from tests.contract.embedded import START
from tests.embedded.money.lives import Life
from tests.embedded.shop import Shop

RENEWAL = boundary(START, 1)
DAYS = (1, 3, 5, 7)
BAD = "tok_insufficient_funds"


def after(days: float) -> datetime:
    """So long after the first failure."""
    return RENEWAL + timedelta(days=days)


async def with_card(shop: Shop, token: str, plan: str = "starter") -> Life:
    """A subscription whose renewals are charged to this card, just before the first one."""
    life = await Life.begin(shop)
    await life.subscribe(plan)
    await life.change(ChangeAction.SET_PAYMENT_CARD, payment_token=token)
    await life.until(RENEWAL - timedelta(microseconds=1))
    return life


async def newest(life: Life) -> Invoice:
    """The invoice of the renewal."""
    return (await life.buyer.list_invoices(InvoiceQuery())).items[0]


async def state(life: Life) -> SubscriptionState:
    return (await life.one()).state


def made(invoice: Invoice) -> list[tuple[datetime, str, str]]:
    """Its calendar."""
    return [(one.at, one.state, one.error_code) for one in invoice.attempts]


async def happened(shop: Shop, *kinds: str) -> list[tuple[str, datetime]]:
    """What of these was noted, in order."""
    h = mm.HappeningRow
    rows = await shop.rows(sa.select(h.kind, h.at).where(h.kind.in_(kinds)).order_by(h.seq))
    return [(kind, at) for kind, at in rows]
