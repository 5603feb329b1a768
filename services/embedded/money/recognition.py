"""Fees paid in advance become revenue as time passes: at each month's end and at the end of what was paid for.

What is still deferred of an invoice line travels with its open due item, so nothing is summed up again. Unused time
that is credited comes out of what its subscription has deferred still.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money, split_largest_remainder
from services.db import money_models as mm
from services.db import portable
from services.domain import movements
from services.domain.ledger import AccountKind, TransferKind
from services.domain.movements import Stamp
from services.domain.periods import Period, add_months, utc
from services.embedded.core import Core
from services.embedded.money import due, ledger
from services.embedded.money.due import Due

RECOGNISE = "recognise"

_D = mm.DueItem
_OPEN = sa.select(_D.due_at, _D.params).where(
    _D.subject_uuid == sa.bindparam("line"), _D.kind == RECOGNISE, _D.done_at.is_(None)
)
_LINES = (
    sa.select(mm.InvoiceLineRow.uuid, _D.organization_uuid)
    .join(_D, sa.and_(_D.subject_uuid == mm.InvoiceLineRow.uuid, _D.kind == RECOGNISE, _D.done_at.is_(None)))
    .where(
        mm.InvoiceLineRow.subscription_uuid == sa.bindparam("subscription"),
        _D.organization_uuid == sa.bindparam("organization"),
    )
    .order_by(mm.InvoiceLineRow.uuid)
)


@dataclass(frozen=True, slots=True)
class Deferred:
    """What of a line is not earned yet at `since`, and until when it will be."""

    line_uuid: str
    organization_uuid: str
    left: Money
    since: datetime
    until: datetime

    def after(self, at: datetime) -> Deferred:
        """What is left at `at`; a look back changes nothing."""
        return replace(self, left=self.left - self.earned(at), since=max(at, self.since))

    def earned(self, at: datetime) -> Money:
        """Earned from `since` to `at`: the elapsed part of what was left, all of it at the end."""
        if at >= self.until:
            return self.left
        if at <= self.since:  # somebody looked later than the clock rang
            return Money.zero(self.left.currency)
        spans = [at - self.since, self.until - at]
        parts = split_largest_remainder(self.left.micros, [span // timedelta(microseconds=1) for span in spans])
        return Money(parts[0], self.left.currency)


def defer(connection: Connection, line_uuid: str, organization_uuid: str, amount: Money, period: Period) -> None:
    """From now on `amount`, which the books have as deferred, is earned over `period`."""
    _go_on(connection, Deferred(line_uuid, organization_uuid, amount, period.start, period.end))


def on_recognise(core: Core, connection: Connection, item: Due) -> None:
    """A month or the period is over."""
    found = _open(connection, item.subject_uuid, item.organization_uuid)
    if found is not None:
        _earn(core, connection, found[0], item.at)
        _go_on(connection, found[0].after(item.at))


def catch_up(core: Core, connection: Connection, line_uuid: str, organization_uuid: str, at: datetime) -> Money | None:
    """Earns what belongs to the time until `at` and returns what is still deferred; None when nothing is."""
    found = _open(connection, line_uuid, organization_uuid)
    if found is None:
        return None
    state, due_at = found
    if at <= state.since:
        return state.left
    _earn(core, connection, state, at)
    rest = state.after(at)
    _replace(connection, rest, due_at)
    return rest.left


def take_back(connection: Connection, line_uuid: str, organization_uuid: str, amount: Money) -> None:
    """`amount` of what is still deferred of a line will not be earned: a credit note took it off the books."""
    found = _open(connection, line_uuid, organization_uuid)
    if found is None:
        raise ValueError("nothing of this line is deferred")
    state, due_at = found
    _replace(connection, replace(state, left=state.left - amount), due_at)


def take_unused(
    core: Core, connection: Connection, organization_uuid: str, subscription_uuid: str, amount: Money, at: datetime
) -> Money:
    """As much of `amount`, credited to a subscription at `at`, as is not earned yet: that much will not be. The rest
    was earned already (paused time is not served, and yet goes by) and comes out of revenue."""
    taken = Money.zero(amount.currency)
    mine = {"organization": organization_uuid, "subscription": subscription_uuid}
    for line in connection.execute(_LINES, mine).all():
        left = catch_up(core, connection, line.uuid, line.organization_uuid, at)
        part = min(amount - taken, left or taken)
        if left is not None and part.micros > 0:
            take_back(connection, line.uuid, line.organization_uuid, part)
            taken += part
    return taken


def _open(connection: Connection, line_uuid: str, organization_uuid: str) -> tuple[Deferred, datetime] | None:
    """What is deferred of a line, and when it is looked at next. Nobody else changes it until the transaction ends."""
    portable.one_at_a_time(connection, f"{RECOGNISE}:{organization_uuid}")
    row = connection.execute(_OPEN, {"line": line_uuid}).one_or_none()
    if row is None:
        return None
    left = Money(row.params["left_micros"], row.params["currency"])
    since, until = (datetime.fromisoformat(row.params[name]) for name in ("since", "until"))
    return Deferred(line_uuid, organization_uuid, left, since, until), row.due_at


def _earn(core: Core, connection: Connection, state: Deferred, at: datetime) -> None:
    earned = state.earned(at)
    if earned.is_zero:
        return
    # not movements.recognise: a line below 0 goes the other way
    moves = [(AccountKind.DEFERRED_REVENUE, "", -earned), (AccountKind.REVENUE, "", earned)]
    key = f"{RECOGNISE}:{state.line_uuid}:{utc(at).isoformat()}"
    stamp = Stamp(state.organization_uuid, key, at, {"line": state.line_uuid})
    ledger.post(core, connection, movements.book(TransferKind.REVENUE_RECOGNISED, stamp, moves))


def _go_on(connection: Connection, state: Deferred) -> None:
    if not state.left.is_zero:
        _replace(connection, state, min(state.until, next_month(state.since)))


def _replace(connection: Connection, state: Deferred, at: datetime) -> None:
    due.schedule(
        connection,
        RECOGNISE,
        state.line_uuid,
        state.organization_uuid,
        at,
        part=utc(at).isoformat(),
        left_micros=state.left.micros,
        currency=state.left.currency,
        since=utc(state.since).isoformat(),
        until=utc(state.until).isoformat(),
    )


def next_month(at: datetime) -> datetime:
    """The first instant of the next calendar month, UTC."""
    first = utc(at).replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return add_months(first, 1).replace(tzinfo=UTC)
