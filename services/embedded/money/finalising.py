"""An invoice becomes final: its number taken, its sums posted, nothing of it ever changed again; and it gets paid.

The number comes from a locked series in the same transaction, so a rollback gives it back and none is ever missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import InvoiceKind, InvoiceState
from services.db import money_models as mm
from services.db import portable
from services.domain import invoicing, movements
from services.domain.invoicing import InvoiceAction
from services.domain.movements import Stamp
from services.domain.wallet import Share
from services.embedded.core import Core
from services.embedded.money import grants, ledger
from services.embedded.money.happenings import note_happening

SERIES = {InvoiceKind.INVOICE: "SK", InvoiceKind.CREDIT_NOTE: "CN", InvoiceKind.RECEIPT: "RC"}
IN_ADVANCE = frozenset({"fee", "proration_charge", "proration_credit"})  # paid before they are earned

_I, _L, _N = mm.InvoiceRow, mm.InvoiceLineRow, mm.NumberSeries
_NEXT_NUMBER = (
    portable.insert(_N)
    .values(name=sa.bindparam("series"), last=1)
    .on_conflict_do_update(index_elements=["name"], set_={"last": _N.last + 1})
    .returning(_N.last)
)
_ROW = sa.select(*_I.__table__.c).where(_I.uuid == sa.bindparam("invoice"))


def take_number(connection: Connection, kind: InvoiceKind, at: datetime) -> str:
    """The next number of a kind's series for the year of `at`; the row stays locked until the transaction ends."""
    series = SERIES[kind]
    count = connection.execute(_NEXT_NUMBER, {"series": f"{series}-{at.year:04d}"}).scalar_one()
    return invoicing.number(series, count, at.year)


def row_of(connection: Connection, invoice_uuid: str) -> Any:  # Any: a row of InvoiceRow
    """The row of an invoice that exists."""
    return connection.execute(_ROW.with_for_update(), {"invoice": invoice_uuid}).one()


def finalise(core: Core, connection: Connection, invoice_uuid: str, at: datetime, *, net_days: int = 0) -> str:
    """draft -> open: takes the number, draws the credit that pays, posts the sums. Returns the number. An invoice of
    nothing is paid at once. Changes nothing when it is final already. ledger.BelowFloor when credit went meanwhile."""
    row = row_of(connection, invoice_uuid)
    if row.state != InvoiceState.DRAFT.value:
        return str(row.number)
    number = take_number(connection, InvoiceKind(row.kind), at)
    shares = _draw_credit(connection, row, at)
    _post(core, connection, row, number, shares, at)
    state = invoicing.after(InvoiceState.DRAFT, InvoiceAction.FINALIZE)
    connection.execute(
        sa.update(_I)
        .where(_I.uuid == invoice_uuid)
        .values(state=state.value, number=number, issued_at=at, due_at=at + timedelta(days=net_days))
    )
    note_happening(core, connection, row.organization_uuid, "invoice_issued", at, ref=f"invoice:{invoice_uuid}",
                   number=number, amount_micros=row.total_micros, currency=row.currency)  # fmt: skip
    if row.total_micros == 0:
        mark_paid(core, connection, invoice_uuid, at, provider="", paid_with="wallet" if shares else "")
    return number


def _draw_credit(connection: Connection, row: Any, at: datetime) -> Sequence[Share]:
    wanted = Money(row.credit_micros, row.currency)
    if wanted.is_zero:
        return ()
    drawn = grants.draw(connection, row.organization_uuid, wanted, at)
    if not drawn.missing.is_zero:
        raise ValueError("a draft was made with more credit than there is; draft it again")
    return drawn.shares


def _post(core: Core, connection: Connection, row: Any, number: str, shares: Sequence[Share], at: datetime) -> None:
    lines = connection.execute(
        sa.select(_L.kind, _L.net_micros, _L.credit_micros).where(
            _L.invoice_uuid == row.uuid, _L.parent_uuid == "", _L.kind.not_in(["discount", "credit"])
        )
    ).all()
    before_credit = [(line.kind, line.net_micros + line.credit_micros) for line in lines]
    deferred = sum(micros for kind, micros in before_credit if kind in IN_ADVANCE)
    revenue = sum(micros for kind, micros in before_credit if kind not in IN_ADVANCE)
    if not (deferred or revenue or row.tax_micros):
        return
    stamp = Stamp(row.organization_uuid, f"invoice:{row.uuid}", at, {"number": number, "invoice": row.uuid})
    ledger.post(
        core,
        connection,
        movements.issue_invoice(
            stamp,
            revenue=Money(revenue, row.currency),
            deferred=Money(deferred, row.currency),
            tax=Money(row.tax_micros, row.currency),
            credits_applied=shares,
        ),
    )


def mark_paid(
    core: Core, connection: Connection, invoice_uuid: str, at: datetime, *, provider: str, paid_with: str
) -> None:
    """open -> paid: what was due arrived at `provider`. Changes nothing when it is paid already."""
    row = row_of(connection, invoice_uuid)
    if row.state == InvoiceState.PAID.value:
        return
    state = invoicing.after(InvoiceState(row.state), InvoiceAction.PAY)
    owed = Money(row.total_micros - row.paid_micros - row.credited_micros, row.currency)
    if owed.micros > 0:
        stamp = Stamp(row.organization_uuid, f"paid:{invoice_uuid}", at, {"number": row.number, "invoice": row.uuid})
        ledger.post(core, connection, movements.pay_invoice(stamp, amount=owed, provider=provider))
    connection.execute(
        sa.update(_I)
        .where(_I.uuid == invoice_uuid)
        .values(state=state.value, paid_micros=_I.paid_micros + owed.micros, paid_at=at, paid_with=paid_with)
    )
    note_happening(core, connection, row.organization_uuid, "invoice_paid", at, ref=f"invoice:{invoice_uuid}",
                   number=row.number, amount_micros=owed.micros, currency=row.currency)  # fmt: skip


def issue_receipt(connection: Connection, draft_uuid: str, at: datetime, *, paid_with: str) -> str:
    """A drafted receipt becomes final, paid already; the top-up itself posted the sums. Returns its number."""
    number = take_number(connection, InvoiceKind.RECEIPT, at)
    connection.execute(
        sa.update(_I)
        .where(_I.uuid == draft_uuid)
        .values(
            state=InvoiceState.PAID.value, kind=InvoiceKind.RECEIPT.value, number=number, issued_at=at, due_at=at,
            paid_at=at, paid_with=paid_with, paid_micros=_I.total_micros,
        )
    )  # fmt: skip
    return number
