"""What an organization has paid with its cards, less what went back: the entries of the providers' accounts.

Credit that pays is not counted again: it was paid when it was bought. Orders of the previous version are in no books.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.db import models as m
from services.db import money_models as mm
from services.domain.ledger import AccountKind
from services.domain.movements import GIFT

_A, _E, _T, _O = mm.LedgerAccount, mm.LedgerEntry, mm.LedgerTransfer, m.OrderRow


@dataclass(frozen=True, slots=True)
class Spent:
    """One payment, or below 0 one refund. `ref`: what explains it (services.api.types.Explanation)."""

    ref: str
    kind: str
    at: datetime
    amount: Money


def card_payments(connection: Connection, organizations: Sequence[str], since: datetime, currency: str) -> list[Spent]:
    """Every payment from `since` on, oldest first."""
    booked = connection.execute(
        sa.select(_T.uuid, _T.kind, _T.at, _E.amount_micros)
        .join(_E, sa.and_(_E.organization_uuid == _T.organization_uuid, _E.seq == _T.seq))
        .join(_A, _A.id == _E.account_id)
        .where(
            _T.organization_uuid.in_(organizations),
            _T.at >= since,
            _A.kind == AccountKind.CLEARING.value,
            _A.sub != GIFT,
            _A.currency == currency,
        )
        .order_by(_T.at, _T.organization_uuid, _T.seq)
    )
    found = [Spent(f"movement:{row.uuid}", row.kind, row.at, Money(-row.amount_micros, currency)) for row in booked]
    return found + _unbooked(connection, organizations, since, currency)


def _unbooked(connection: Connection, organizations: Sequence[str], since: datetime, currency: str) -> list[Spent]:
    """Orders paid before there were invoices."""
    rows = connection.execute(
        sa.select(_O.uuid, _O.paid_at, _O.total_micros, _O.refunded_micros)
        .outerjoin(mm.InvoiceRow, mm.InvoiceRow.order_uuid == _O.uuid)
        .where(
            _O.organization_uuid.in_(organizations),
            _O.paid_at >= since,
            _O.currency == currency,
            _O.total_micros > _O.refunded_micros,
            mm.InvoiceRow.uuid.is_(None),
        )
        .order_by(_O.paid_at, _O.uuid)
    )
    return [
        Spent(f"order:{row.uuid}", "order", row.paid_at, Money(row.total_micros - row.refunded_micros, currency))
        for row in rows
    ]


def total_since(connection: Connection, organizations: Sequence[str], since: datetime, currency: str) -> Money:
    """What was paid from `since` on, less what went back."""
    spent = card_payments(connection, organizations, since, currency)
    return sum((one.amount for one in spent), Money.zero(currency))
