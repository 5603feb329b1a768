"""An invoice becomes final: its number taken, its sums posted, nothing of it ever changed again; and it gets paid.

The number comes from a locked series in the same transaction, so a rollback gives it back and none is ever missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import InvoiceKind, InvoiceState
from services.db import money_models as mm
from services.db import portable
from services.domain import invoicing, movements, reversals
from services.domain.invoicing import InvoiceAction
from services.domain.ledger import Account, AccountKind, Transfer, TransferKind
from services.domain.movements import Move, Stamp
from services.domain.periods import Period
from services.domain.wallet import GrantKind, Share, total
from services.embedded.core import Core
from services.embedded.money import alerts, due, forfeits, freezing, grants, ledger, recognition
from services.embedded.money.drafting import CREDIT, DISCOUNT, TO_WALLET, Written
from services.embedded.money.grants import NewGrant
from services.embedded.money.happenings import note_happening, note_several

SERIES = {InvoiceKind.INVOICE: "SK", InvoiceKind.CREDIT_NOTE: "CN", InvoiceKind.RECEIPT: "RC"}
IN_ADVANCE = frozenset({"fee", "proration_charge", "proration_credit"})  # paid before they are earned
OVERDUE = "overdue"
PAYABLE = (InvoiceState.OPEN.value, InvoiceState.UNCOLLECTIBLE.value)

_I, _L, _N = mm.InvoiceRow, mm.InvoiceLineRow, mm.NumberSeries
_NEXT_NUMBER = (
    portable.insert(_N)
    .values(name=sa.bindparam("series"), last=1)
    .on_conflict_do_update(index_elements=["name"], set_={"last": _N.last + 1})
    .returning(_N.last)
)
_ROW = sa.select(*_I.__table__.c).where(_I.uuid == sa.bindparam("invoice")).with_for_update()
_CHARGED = (
    sa.select(_L.uuid, _L.kind, _L.net_micros, _L.credit_micros, _L.period_start, _L.period_end)
    .where(_L.invoice_uuid == sa.bindparam("invoice"), _L.parent_uuid == "", _L.kind.not_in([DISCOUNT, CREDIT]))
    .order_by(_L.position)
)
_FINALISE = (
    sa.update(_I)
    .where(_I.uuid == sa.bindparam("invoice"))
    .values(
        state=sa.bindparam("new_state"),
        number=sa.bindparam("new_number"),
        issued_at=sa.bindparam("at"),
        due_at=sa.bindparam("new_due_at"),
    )
)
_FINALISE_PAID = _FINALISE.values(
    paid_micros=_I.paid_micros + sa.bindparam("more"), paid_at=sa.bindparam("at"), paid_with=sa.bindparam("by")
)
_PAY = (
    sa.update(_I)
    .where(_I.uuid == sa.bindparam("invoice"))
    .values(
        state=sa.bindparam("new_state"),
        paid_micros=_I.paid_micros + sa.bindparam("more"),
        paid_at=sa.bindparam("at"),
        paid_with=sa.bindparam("by"),
    )
)


def take_number(connection: Connection, kind: InvoiceKind, at: datetime) -> str:
    """The next number of a kind's series for the year of `at`; the row stays locked until the transaction ends."""
    series = SERIES[kind]
    count = connection.execute(_NEXT_NUMBER, {"series": f"{series}-{at.year:04d}"}).scalar_one()
    return invoicing.number(series, count, at.year)


def row_of(connection: Connection, invoice_uuid: str) -> Any:  # Any: a row of InvoiceRow
    """The row of an invoice that exists, locked until the transaction ends."""
    return connection.execute(_ROW, {"invoice": invoice_uuid}).one()


def charged_lines(connection: Connection, invoice_uuid: str) -> Sequence[Any]:
    """The lines that are added up, without those that say what was taken off."""
    return connection.execute(_CHARGED, {"invoice": invoice_uuid}).all()


def _is_charged(line: Mapping[str, Any]) -> bool:
    """Whether `charged_lines` would read this row."""
    return not line["parent_uuid"] and line["kind"] not in (DISCOUNT, CREDIT)


def owed_of(row: Any) -> Money:
    """What is still to be paid of an invoice; nothing of one that is void or credited."""
    is_owed = row.state in (InvoiceState.OPEN.value, InvoiceState.UNCOLLECTIBLE.value, InvoiceState.DRAFT.value)
    left = row.total_micros - row.paid_micros - row.credited_micros
    return Money(max(0, left) if is_owed else 0, row.currency)


def finalise(
    core: Core,
    connection: Connection,
    invoice_uuid: str,
    at: datetime,
    *,
    net_days: int = 0,
    is_credit_carried: bool = False,
) -> str:
    """draft -> open: takes the number, draws the credit that pays, posts the sums. Returns the number. An invoice of
    nothing is paid at once. Changes nothing when it is final already. ledger.BelowFloor when credit went meanwhile.

    `is_credit_carried`: the credit was drawn by the invoice that this one replaces.
    """
    row = row_of(connection, invoice_uuid)
    if row.state != InvoiceState.DRAFT.value:
        return str(row.number)
    number = take_number(connection, InvoiceKind(row.kind), at)
    shares = () if is_credit_carried else _draw_credit(connection, row, at)
    booking = _Booking(number, at, shares, is_credit_carried)
    lines = charged_lines(connection, invoice_uuid)
    _post(core, connection, row, booking, lines)
    state = invoicing.after(InvoiceState.DRAFT, InvoiceAction.FINALIZE)
    due_at = at + timedelta(days=net_days)
    connection.execute(
        _FINALISE,
        {"invoice": invoice_uuid, "new_state": state.value, "new_number": number, "at": at, "new_due_at": due_at},
    )
    note_happening(core, connection, row.organization_uuid, "invoice_issued", at, ref=f"invoice:{invoice_uuid}",
                   number=number, amount_micros=row.total_micros, currency=row.currency)  # fmt: skip
    if any(line.kind == TO_WALLET for line in lines):
        freezing.freeze(connection, row.organization_uuid)  # what was paid for it may be disputed
    if shares:
        alerts.after_change(core, connection, row.organization_uuid, at)
    if row.total_micros == 0:
        mark_paid(core, connection, invoice_uuid, at, provider="", paid_with="wallet" if row.credit_micros else "")
    elif net_days:
        due.schedule(connection, OVERDUE, invoice_uuid, row.organization_uuid, due_at)
    return number


def _draw_credit(connection: Connection, row: Any, at: datetime) -> tuple[Share, ...]:
    wanted = Money(row.credit_micros, row.currency)
    if wanted.is_zero:
        return ()
    drawn = grants.draw(connection, row.organization_uuid, wanted, at)
    if not drawn.missing.is_zero:
        raise ledger.BelowFloor(Account(row.organization_uuid, AccountKind.WALLET_PAID, row.currency))
    return drawn.shares


@dataclass(frozen=True, slots=True)
class _Booking:
    """How an invoice enters the books."""

    number: str
    at: datetime
    shares: tuple[Share, ...]
    is_credit_carried: bool

    def micros(self, line: Any) -> int:
        """What a line is sold for; credit that another invoice drew is earned there."""
        return int(line.net_micros + (0 if self.is_credit_carried else line.credit_micros))

    def is_deferred(self, line: Any) -> bool:
        """Whether a line is paid before it is earned."""
        is_ahead = line.kind in IN_ADVANCE and line.period_end is not None and line.period_end > self.at
        return bool(is_ahead and self.micros(line) > 0)

    def gives_back(self, line: Any) -> bool:
        """Whether a line credits time that was paid in advance and is not served any more."""
        return line.kind in IN_ADVANCE and self.micros(line) < 0 and not self.is_credit_carried


def _post(core: Core, connection: Connection, row: Any, booking: _Booking, lines: Sequence[Any]) -> None:
    sold = [line for line in lines if line.kind != TO_WALLET]
    later = [line for line in sold if booking.is_deferred(line)]
    deferred = Money(sum(map(booking.micros, later)), row.currency) - _unearned(core, connection, row, booking, sold)
    revenue = Money(sum(map(booking.micros, sold)), row.currency) - deferred
    back = Money(sum(line.net_micros for line in lines if line.kind == TO_WALLET), row.currency)
    tax = Money(row.tax_micros, row.currency)
    stamp = Stamp(row.organization_uuid, f"invoice:{row.uuid}", booking.at, {"number": booking.number,
                  "invoice": row.uuid})  # fmt: skip
    if any(not amount.is_zero for amount in (revenue, deferred, tax, back)):
        ledger.post(core, connection, _issued(core, connection, stamp, (revenue, deferred, tax), booking.shares, back))
    if not back.is_zero:
        alerts.after_change(core, connection, row.organization_uuid, booking.at)
    for line in later:
        amount = Money(booking.micros(line), row.currency)
        period = Period(line.period_start, line.period_end)
        recognition.defer(connection, line.uuid, row.organization_uuid, amount, period)


def _unearned(core: Core, connection: Connection, row: Any, booking: _Booking, sold: Sequence[Any]) -> Money:
    """What of the credited time was not earned yet."""
    credited = -sum(booking.micros(line) for line in sold if booking.gives_back(line))
    amount = Money(credited, row.currency)
    if amount.is_zero:
        return amount
    return recognition.take_unused(core, connection, row.organization_uuid, row.subscription_uuid, amount, booking.at)


def _issued(
    core: Core,
    connection: Connection,
    stamp: Stamp,
    sold: tuple[Money, Money, Money],
    shares: Sequence[Share],
    back: Money,
) -> Transfer:
    """An invoice in the books; with credited time its parts may be below 0. Unused time that goes `back` becomes credit
    that was paid for; its tax stays paid, because credit is spent untaxed."""
    revenue, deferred, tax = sold
    if back.is_zero and min(revenue, deferred).micros >= 0:
        return movements.issue_invoice(stamp, revenue=revenue, deferred=deferred, tax=tax, credits_applied=shares)
    given: tuple[Share, ...] = ()
    if not back.is_zero:
        new = NewGrant(stamp.organization, GrantKind.PAID, "plan_change", back, stamp.at)
        given = (Share(grants.write(core, connection, new, stamp.at), GrantKind.PAID, back),)
    owed = revenue + deferred + tax + back - total(shares, tax.currency)
    moves: list[Move] = [
        *movements.wallet_moves(given, 1),
        *movements.wallet_moves(shares, -1),
        (AccountKind.RECEIVABLE, "", -owed),
        (AccountKind.REVENUE, "", revenue),
        (AccountKind.DEFERRED_REVENUE, "", deferred),
        (AccountKind.TAX_PAYABLE, "", tax),
    ]
    return movements.book(TransferKind.INVOICE_ISSUED, stamp, moves)


def mark_paid(
    core: Core, connection: Connection, invoice_uuid: str, at: datetime, *, provider: str, paid_with: str
) -> None:
    """open or given up -> paid: what was due arrived at `provider`. Changes nothing when it is paid. WrongState."""
    row = row_of(connection, invoice_uuid)
    if row.state == InvoiceState.PAID.value:
        return
    owed = owed_of(row)
    if not owed.is_zero:
        stamp = Stamp(row.organization_uuid, f"paid:{invoice_uuid}", at, {"number": row.number, "invoice": row.uuid})
        if ledger.entries_by_key(connection, row.organization_uuid, stamp.key):  # in parts, or again after a return
            stamp = replace(stamp, key=f"{stamp.key}:{at.isoformat()}")
        ledger.post(core, connection, arrived(row, stamp, owed, provider))
    if row.state == InvoiceState.UNCOLLECTIBLE.value:
        forfeits.give_again(core, connection, row, at)
    set_paid(core, connection, row, owed, at, paid_with)


def arrived(row: Any, stamp: Stamp, owed: Money, provider: str) -> Transfer:
    """What was owed, or was given up and is paid after all: then the loss is undone."""
    if row.state != InvoiceState.UNCOLLECTIBLE.value:
        return movements.pay_invoice(stamp, amount=owed, provider=provider)
    nothing = Money.zero(row.currency)
    return reversals.pay_written_off(stamp, amount=owed, tax=nothing, deferred=nothing, provider=provider)


def issue_paid(
    core: Core, connection: Connection, written: Written, at: datetime, *, provider: str, paid_with: str
) -> None:
    """`finalise` and `mark_paid` of a draft just written whose sum has arrived already. In one, and without reading it
    again: a purchase must be quick."""
    row = SimpleNamespace(**written.head)
    invoice_uuid = row.uuid
    number = take_number(connection, InvoiceKind(row.kind), at)
    shares = _draw_credit(connection, row, at)
    lines = [SimpleNamespace(**line) for line in written.lines if _is_charged(line)]
    _post(core, connection, row, _Booking(number, at, shares, is_credit_carried=False), lines)
    owed = Money(row.total_micros, row.currency)
    if not owed.is_zero:
        stamp = Stamp(row.organization_uuid, f"paid:{invoice_uuid}", at, {"number": number, "invoice": row.uuid})
        ledger.post(core, connection, movements.pay_invoice(stamp, amount=owed, provider=provider))
    state = invoicing.after(invoicing.after(InvoiceState(row.state), InvoiceAction.FINALIZE), InvoiceAction.PAY)
    connection.execute(
        _FINALISE_PAID,
        {"invoice": invoice_uuid, "new_state": state.value, "new_number": number, "at": at, "new_due_at": at,
         "more": owed.micros, "by": paid_with},
    )  # fmt: skip
    told = {"number": number, "currency": row.currency}
    note_several(
        core, connection, row.organization_uuid, at, f"invoice:{invoice_uuid}",
        {"invoice_issued": told | {"amount_micros": row.total_micros},
         "invoice_paid": told | {"amount_micros": owed.micros}},
    )  # fmt: skip
    if shares:
        alerts.after_change(core, connection, row.organization_uuid, at)


def set_paid(core: Core, connection: Connection, row: Any, amount: Money, at: datetime, paid_with: str) -> None:
    """Writes down that nothing is due any more: `amount` of it was paid now, and has been posted. WrongState."""
    state = invoicing.after(InvoiceState(row.state), InvoiceAction.PAY)
    connection.execute(
        _PAY,
        {"invoice": row.uuid, "new_state": state.value, "more": amount.micros, "at": at, "by": paid_with},
    )
    due.drop(connection, row.uuid, OVERDUE)
    freezing.thaw(connection, row.organization_uuid)
    note_happening(core, connection, row.organization_uuid, "invoice_paid", at, ref=f"invoice:{row.uuid}",
                   number=row.number, amount_micros=amount.micros, currency=row.currency)  # fmt: skip


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
