"""Credit that a smaller plan gave back of an invoice which is given up unpaid: it goes, as far as it is unspent and no
money is behind it. Paid after all, the invoice brings it back.

While the invoice is open the credit is only frozen (freezing), also when its subscription has ended meanwhile: what is
still asked for may still be paid.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from services.api.money import Money
from services.domain import reversals
from services.domain.ledger import AccountKind
from services.domain.movements import Stamp
from services.domain.wallet import GrantKind, Share
from services.embedded.core import Core
from services.embedded.money import alerts, grants, ledger, paid_in


def take_back(core: Core, connection: Connection, row: Any, at: datetime) -> None:  # Any: a row of InvoiceRow
    """What is open of an invoice will not be paid. `row` as it was before."""
    at_most = min(paid_in.missing(connection, row), _open_net(row))
    if not at_most:
        return
    given = paid_in.grants_given(connection, row)
    shares = grants.left_of(connection, row.organization_uuid, given, Money(at_most, row.currency))
    if shares:
        ledger.post(core, connection, reversals.forfeit_credit(_stamp(row, _key(row), at), shares))
        alerts.after_change(core, connection, row.organization_uuid, at)


def _open_net(row: Any) -> int:
    """Micros that are still to be paid, without tax."""
    if not row.total_micros:
        return 0
    owed = row.total_micros - row.paid_micros - row.credited_micros
    return int(max(0, owed) * (row.total_micros - row.tax_micros) // row.total_micros)


def give_again(core: Core, connection: Connection, row: Any, at: datetime) -> None:
    """An invoice that was given up is paid after all."""
    taken = ledger.entries_by_key(connection, row.organization_uuid, _key(row))
    shares = [
        Share(entry.account.sub, GrantKind.PAID, -entry.amount)
        for entry in taken
        if entry.account.kind is AccountKind.WALLET_PAID
    ]
    if shares:
        ledger.post(core, connection, reversals.restore_credit(_stamp(row, f"restored:{row.uuid}", at), shares))
        alerts.after_change(core, connection, row.organization_uuid, at)


def _key(row: Any) -> str:
    return f"forfeited:{row.uuid}"


def _stamp(row: Any, key: str, at: datetime) -> Stamp:
    return Stamp(row.organization_uuid, key, at, {"number": row.number, "invoice": row.uuid})
