"""The month an allowance is for, and how many calls it has: one row a resource and month, locked while one is priced.

Months are counted from the subscription's anchor, also where the fee is yearly. A change that moves the anchor keeps
the calls used (`carry`), because otherwise going to another cycle and back would fill the allowance for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.db import models as m
from services.db import portable
from services.domain.periods import MONTHLY, Anchor, Period, period_at

_U = m.UsageTotal
_NEW = portable.insert(_U).values(calls=0, cost_micros=0).on_conflict_do_nothing()
_THIS = (_U.resource_uuid == sa.bindparam("resource"), _U.period_start == sa.bindparam("start"))
_COUNT = sa.update(_U).where(*_THIS).values(calls=_U.calls + sa.bindparam("more")).returning(_U.calls)
_ADD_COST = sa.update(_U).where(*_THIS).values(cost_micros=_U.cost_micros + sa.bindparam("more"))
_ADD = (
    sa.update(_U)
    .where(*_THIS)
    .values(calls=_U.calls + sa.bindparam("more"), cost_micros=_U.cost_micros + sa.bindparam("more_cost"))
)
_READ = sa.select(_U.calls, _U.cost_micros).where(*_THIS)


def month_of(subscription: Any, at: datetime) -> Period:
    """The allowance period that holds `at`: monthly from the anchor, also where the fee is yearly."""
    return period_at(Anchor.of(subscription.anchor_at, subscription.zone), MONTHLY, at)


def read(connection: Connection, resource_uuid: str, start: datetime, currency: str) -> tuple[int, Money]:
    """Calls and cost of the month that began at `start`, calls under way included."""
    row = connection.execute(_READ, {"resource": resource_uuid, "start": start}).one_or_none()
    return (0, Money.zero(currency)) if row is None else (row.calls, Money(row.cost_micros, currency))


def count(connection: Connection, resource_uuid: str, start: datetime, more: int) -> int:
    """The calls of the month with `more`; its row stays locked, so the next caller prices after us."""
    connection.execute(_NEW, {"resource_uuid": resource_uuid, "period_start": start})
    return int(connection.execute(_COUNT, {"resource": resource_uuid, "start": start, "more": more}).scalar_one())


def add_cost(connection: Connection, resource_uuid: str, start: datetime, cost: Money) -> None:
    """The cost of the month grows; below 0 takes it back."""
    if not cost.is_zero:
        connection.execute(_ADD_COST, {"resource": resource_uuid, "start": start, "more": cost.micros})


def add_many(connection: Connection, costs: Mapping[tuple[str, datetime], Sequence[int]]) -> None:
    """Counts calls in months that `count` has locked: what each cost, in micros, by resource and start."""
    rows = [
        {"resource": resource, "start": start, "more": len(micros), "more_cost": sum(micros)}
        for (resource, start), micros in sorted(costs.items())
    ]
    if rows:
        connection.execute(_ADD, rows)


def counted_in(connection: Connection, subscription: Any, resource_uuid: str, at: datetime) -> datetime:
    """The start of the total that counted a call at `at`; a change of the anchor may have moved it meanwhile."""
    return _counted_in(_starts(connection, resource_uuid), subscription, at)


def _starts(connection: Connection, resource_uuid: str) -> Sequence[datetime]:
    return connection.execute(sa.select(_U.period_start).where(_U.resource_uuid == resource_uuid)).scalars().all()


def _counted_in(starts: Sequence[datetime], subscription: Any, at: datetime) -> datetime:
    start = month_of(subscription, at).start
    if start in starts:
        return start
    holding = [one for one in starts if one <= at < period_at(Anchor.of(one), MONTHLY, one).end]
    return max(holding) if holding else min((one for one in starts if at < one), default=start)


def carry(connection: Connection, before: Any, after: Any, last: datetime, at: datetime) -> None:
    """A change that counts the months from another anchor keeps the calls used: the running month's count goes on as
    that of the month that holds `at`. What calls cost goes with them as far as they lie in that month. `last`: an
    instant of the old month. To be called after the change is written."""
    old, new = month_of(before, last).start, month_of(after, at)
    if old == new.start:
        return
    mine = sa.select(m.ResourceRow.uuid).where(m.ResourceRow.order_uuid == after.order_uuid)
    for uuid in connection.execute(mine.order_by(m.ResourceRow.uuid)).scalars().all():
        starts = _starts(connection, uuid)
        place = {"resource": uuid, "start": old}
        row = connection.execute(_READ.with_for_update(), place).one_or_none()
        if row is not None and row.calls:
            count(connection, uuid, old, -row.calls)
            count(connection, uuid, new.start, row.calls)
        _carry_cost(connection, before, uuid, new, starts)


def _carry_cost(
    connection: Connection, before: Any, resource_uuid: str, new: Period, starts: Sequence[datetime]
) -> None:
    """The total of a month is the cost of the calls in it, in whichever of the totals from `starts` it was before."""
    e = m.UsageEvent
    inside = sa.select(e.at, e.cost_micros).where(
        e.resource_uuid == resource_uuid, e.at >= new.start, e.at < new.end, e.cost_micros > 0
    )
    moved: dict[datetime, int] = defaultdict(int)
    for call in connection.execute(inside):
        moved[_counted_in(starts, before, call.at)] += call.cost_micros
    for start, micros in sorted(moved.items()):
        count(connection, resource_uuid, new.start, 0)
        add_cost(connection, resource_uuid, start, Money(-micros, before.currency))
        add_cost(connection, resource_uuid, new.start, Money(micros, before.currency))
