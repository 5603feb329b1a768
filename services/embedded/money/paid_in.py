"""What a buyer paid for a stretch of a subscription and has not had back, as money or as credit.

A plan that was made smaller has given its unused part back as credit: neither a refund nor a lost dispute may give that
part again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import InvoiceKind, InvoiceState
from services.db import money_models as mm
from services.db import portable
from services.domain.ledger import AccountKind
from services.embedded.money import ledger
from services.embedded.money.drafting import TO_WALLET

_I, _L = mm.InvoiceRow, mm.InvoiceLineRow


def left(connection: Connection, row: Any) -> int:  # Any: a row of InvoiceRow, here and below
    """Micros, tax included, that were paid for the time of an invoice and have not gone back, whole minor units; what a
    credit note took off its open part had never been paid. What a smaller plan gave back was credit's own first; beyond
    that it takes the tax along that was paid with it."""
    together = _together(connection, row)
    paid = sum(min(one.paid_micros, one.total_micros - one.credited_micros) for one in together)
    net, unit = row.total_micros - row.tax_micros, Money.zero(row.currency).minor_unit
    given = max(0, _given(connection, together) - sum(one.credit_micros for one in together))
    left = max(0, paid - (-(-given * row.total_micros // net) if net else given))
    return int(left - left % unit)


def credit_left(connection: Connection, row: Any) -> int:
    """The same of an invoice that credit has paid."""
    together = _together(connection, row)
    return int(max(0, sum(one.credit_micros for one in together) - _given(connection, together)))


def missing(connection: Connection, row: Any) -> int:
    """Micros without tax that a smaller plan gave back for the time of an invoice beyond what has been paid for it."""
    together = _together(connection, row)
    paid = sum(min(one.paid_micros, one.total_micros - one.credited_micros) for one in together)
    if row.total_micros:
        paid = paid * (row.total_micros - row.tax_micros) // row.total_micros
    given = _given(connection, together) - sum(one.credit_micros for one in together)
    return int(max(0, given - max(0, paid)))


def grants_given(connection: Connection, row: Any) -> list[str]:
    """The credit (uuids) that a smaller plan gave back for the time of an invoice."""
    found = []
    for one in _together(connection, row):
        entries = ledger.entries_by_key(connection, one.organization_uuid, f"invoice:{one.uuid}")
        found += [entry.account.sub for entry in entries
                  if entry.account.kind is AccountKind.WALLET_PAID and entry.amount.micros > 0]  # fmt: skip
    return found


def _together(connection: Connection, row: Any) -> Sequence[Any]:
    """An invoice and those of the same subscription that share some of its time."""
    if not row.subscription_uuid or row.period_start is None:
        return [row]
    return connection.execute(
        sa.select(*_I.__table__.c).where(
            _I.subscription_uuid == row.subscription_uuid,
            _I.kind == InvoiceKind.INVOICE.value,
            _I.state.in_([InvoiceState.OPEN.value, InvoiceState.PAID.value]),
            _I.replaced_by_uuid == "",
            _I.period_start < row.period_end,
            _I.period_end > row.period_start,
        )
    ).all()


def _given(connection: Connection, together: Sequence[Any]) -> int:
    lines = sa.select(portable.sum_of(_L.net_micros.expression)).where(
        _L.invoice_uuid.in_([one.uuid for one in together]), _L.kind == TO_WALLET
    )
    return int(connection.execute(lines).scalar_one())
