"""The wallet as it is shown: balance, credits in the order they are spent, pace, alert and automatic top-up."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import AutoTopUp, Credit, CreditKind, Organization, Wallet
from services.db import money_models as mm
from services.domain import top_ups, wallet
from services.domain.ledger import AccountKind
from services.domain.wallet import PACE_DAYS, Grant, GrantKind, Share
from services.embedded.money import alerts, credit_refunds, grants, ledger, movements
from services.embedded.money.alerts import CURRENCY

ZERO = Money.zero(CURRENCY)

_G = mm.GrantRow
_FIRST = sa.select(sa.func.min(_G.created_at)).where(_G.organization_uuid == sa.bindparam("of"))
_SOURCES = sa.select(_G.uuid, _G.source, _G.amount_micros, _G.tax_micros, _G.currency).where(
    _G.uuid.in_(sa.bindparam("wanted", expanding=True))
)


def nobodys() -> Wallet:
    """Before the first purchase or top-up makes an organization."""
    return Wallet(
        organization_uuid="",
        organization_name="",
        balance=ZERO,
        held=ZERO,
        frozen=ZERO,
        paid=ZERO,
        promotional=ZERO,
        refundable=ZERO,
        credits=(),
        spent_this_month=ZERO,
        empty_on=None,
        alert_threshold=None,
        is_low=False,
        auto_top_up=AutoTopUp(is_on=False),
        packs=top_ups.packs(CURRENCY),
        top_up_min=top_ups.smallest(CURRENCY),
        top_up_max=top_ups.largest(CURRENCY),
    )


def wallet_of(connection: Connection, organization: Organization, now: datetime) -> Wallet:
    """The wallet of an organization at `now`."""
    uuid = organization.uuid
    loaded = grants.load(connection, uuid)
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    spent = movements.spent_since(connection, uuid, min(month, now - timedelta(days=PACE_DAYS)))
    balance = wallet.balance_at(loaded, now, CURRENCY)
    paid = wallet.balance_at([grant for grant in loaded if grant.kind is GrantKind.PAID], now, CURRENCY)
    row = alerts.settings_row(connection, uuid)
    shown = [grant for grant in wallet.in_order(loaded) if not wallet.has_expired(grant, now)]
    back = credit_refunds.refundable(connection, uuid, loaded, now)
    return replace(
        nobodys(),
        organization_uuid=uuid,
        organization_name=organization.name,
        balance=balance,
        held=sum(ledger.guards(connection, uuid, AccountKind.HOLDS).values(), ZERO),
        frozen=grants.frozen(connection, uuid, CURRENCY),
        paid=paid,
        promotional=balance - paid,
        refundable=wallet.total(back.values(), CURRENCY),
        credits=_credits(connection, uuid, shown, back),
        spent_this_month=Money(sum(micros for at, micros in spent if at >= month), CURRENCY),
        empty_on=_empty_on(connection, uuid, spent, balance, now),
        alert_threshold=None if row is None else _money(row.alert_threshold_micros),
        is_low=row is not None and row.is_low,
        auto_top_up=_auto_top_up(connection, uuid, row, now),
    )


def _money(micros: int | None) -> Money | None:
    return None if micros is None else Money(micros, CURRENCY)


def _credits(
    connection: Connection, organization_uuid: str, shown: list[Grant], back: dict[str, Share]
) -> tuple[Credit, ...]:
    rows = {row.uuid: row for row in connection.execute(_SOURCES, {"wanted": [grant.id for grant in shown]})}
    before = credit_refunds.refunded(connection, organization_uuid)
    totals = {
        uuid: share.amount + credit_refunds.tax_of(rows[uuid], before.get(uuid, 0), share.amount)
        for uuid, share in back.items()
        if uuid in rows
    }
    return tuple(
        Credit(
            uuid=grant.id,
            kind=CreditKind(grant.kind.value),
            source=rows[grant.id].source,
            amount=grant.amount,
            left=grant.left,
            priority=grant.priority,
            effective_at=grant.effective_at,
            expires_at=grant.expires_at,
            created_at=grant.created_at,
            refundable=back[grant.id].amount if grant.id in back else ZERO,
            refund_total=totals.get(grant.id),
        )
        for grant in shown
    )


def _empty_on(
    connection: Connection, organization_uuid: str, spent: list[tuple[datetime, int]], balance: Money, now: datetime
) -> datetime | None:
    """At the pace of the last days, of a young wallet of those it has lived; None when nothing is being spent."""
    first = connection.execute(_FIRST, {"of": organization_uuid}).scalar()
    if first is None:
        return None
    days = min(PACE_DAYS, max(0, (now - first).days) + 1)
    by_day = [0] * days
    for at, micros in spent:
        age = max(0, (now - at).days)
        if age < days:
            by_day[days - 1 - age] += micros
    if not any(by_day):
        return None
    return wallet.empty_on([Money(micros, CURRENCY) for micros in by_day], balance, now)


def _auto_top_up(connection: Connection, organization_uuid: str, row: Any, now: datetime) -> AutoTopUp:
    if row is None:
        return AutoTopUp(is_on=False)
    settings = alerts.auto_settings(row, CURRENCY)
    return AutoTopUp(
        is_on=settings.is_on,
        threshold=settings.threshold,
        target=settings.target,
        monthly_limit=settings.monthly_limit,
        payment_token=row.auto_token,
        charged_this_month=alerts.charged_this_month(connection, organization_uuid, CURRENCY, now),
        is_in_flight=not alerts.pending(connection, organization_uuid, CURRENCY).is_zero,
        problem=row.auto_problem,
    )
