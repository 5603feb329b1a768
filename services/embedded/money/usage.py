"""What calls put on an invoice, and calls that are told us afterwards.

Each event carries the price it was told at the time of the call (rating.cost_of_call, the step of `rate` it made), so
an invoice adds up what was said, and a plan changed in the middle of a month cannot change what was said before.
Coupons lower the price of plans, not of calls: the wallet pays calls one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money, Rate
from services.db import models as m
from services.db import portable
from services.domain import rating
from services.domain.invoicing import Item
from services.domain.periods import Period
from services.embedded.core import Core
from services.embedded.money import agreed, rollups
from services.embedded.money.reservations import month_of, subscription_of

_E, _R, _U = m.UsageEvent, m.ResourceRow, m.UsageTotal


@dataclass(frozen=True, slots=True)
class Billable:
    """The usage part of an invoice: items that sum to what is still to pay for it, and the period of each item."""

    items: tuple[Item, ...] = ()
    periods: Mapping[str, Period] = field(default_factory=dict)

    @property
    def is_due(self) -> bool:
        """Whether anything is to be paid, or was paid, for calls; included calls alone make no invoice."""
        return any(not item.amount.is_zero for item in self.items)


@dataclass(slots=True)
class _Calls:
    """Calls of one resource in one month: how many at which price, and what the wallet has paid of them."""

    resource_uuid: str
    resource_name: str
    currency: str
    by_price: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    paid_micros: int = 0

    @property
    def calls(self) -> int:
        return sum(self.by_price.values())

    @property
    def total(self) -> Money:
        return Money(sum(price * calls for price, calls in self.by_price.items()), self.currency)


def billable(connection: Connection, subscription: Any, until: datetime, invoice_uuid: str = "") -> Billable:
    """The calls before `until` that no invoice has billed (or this draft has). `subscription`: its row."""
    mine = _open(subscription, until, invoice_uuid)
    first = connection.execute(sa.select(sa.func.min(_E.at)).where(*mine)).scalar()
    items: list[Item] = []
    periods: dict[str, Period] = {}
    while first is not None and first < until:
        month = month_of(subscription, first)
        billed_before = _has_billed(connection, subscription, month, invoice_uuid)
        for calls in _counted(connection, subscription, mine, month):
            new = _items(subscription, calls, month, is_late=billed_before)
            items += new
            periods |= {item.id: month for item in new}
        first = connection.execute(sa.select(sa.func.min(_E.at)).where(*mine, _E.at >= month.end)).scalar()
    return Billable(tuple(items), periods)


def mark_billed(connection: Connection, subscription: Any, until: datetime, invoice_uuid: str) -> None:
    """The calls that `billable` counted belong to this invoice from now on."""
    connection.execute(sa.update(_E).where(*_open(subscription, until, invoice_uuid)).values(invoice_uuid=invoice_uuid))


def _resources(subscription: Any) -> sa.Select[Any]:
    return sa.select(_R.uuid).where(_R.order_uuid == subscription.order_uuid)


def _open(subscription: Any, until: datetime, invoice_uuid: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _E.resource_uuid.in_(_resources(subscription)),
        _E.state == "settled",
        _E.purpose != rating.TEST,
        _E.invoice_uuid.in_(["", invoice_uuid]),
        _E.at < until,
    )


def _has_billed(connection: Connection, subscription: Any, month: Period, invoice_uuid: str) -> bool:
    """Whether calls of this month stand on an earlier invoice: those that are left came late."""
    statement = sa.select(_E.id).where(
        _E.resource_uuid.in_(_resources(subscription)),
        _E.at >= month.start,
        _E.at < month.end,
        _E.invoice_uuid.not_in(["", invoice_uuid]),
    )
    return connection.execute(statement.limit(1)).first() is not None


def _counted(
    connection: Connection, subscription: Any, mine: Iterable[sa.ColumnElement[bool]], month: Period
) -> list[_Calls]:
    rows = connection.execute(
        sa.select(
            _E.resource_uuid,
            _R.name,
            _E.cost_micros,
            _E.paid_from,
            portable.sum_of(_E.quantity.expression).label("calls"),
        )
        .join(_R, _R.uuid == _E.resource_uuid)
        .where(*mine, _E.at >= month.start, _E.at < month.end)
        .group_by(_E.resource_uuid, _R.name, _E.cost_micros, _E.paid_from)
        .order_by(_E.resource_uuid, _E.cost_micros, _E.paid_from)
    )
    found: dict[str, _Calls] = {}
    for row in rows:
        calls = found.setdefault(row.resource_uuid, _Calls(row.resource_uuid, row.name, subscription.currency))
        calls.by_price[row.cost_micros] += row.calls
        if row.paid_from == "wallet":
            calls.paid_micros += row.cost_micros * row.calls
    return list(found.values())


def _items(subscription: Any, calls: _Calls, month: Period, *, is_late: bool) -> list[Item]:
    """The usage of one resource, what it is made of, and what the wallet has paid already."""
    root = f"usage:{calls.resource_uuid}:{month.start.isoformat()}"
    included = calls.by_price.get(0, 0)
    common = {"subscription": subscription.uuid, "resource": calls.resource_uuid, "is_discountable": False}
    params = {"resource": calls.resource_name, "calls": calls.calls, "included": included,
              "over": calls.calls - included, "allowance": subscription.terms["included"]}  # fmt: skip
    items = [
        Item(root, calls.total, "late_usage" if is_late else "usage", params=params, quantity=Decimal(calls.calls),
             **common)
    ]  # fmt: skip
    for price, count in sorted(calls.by_price.items()):
        unit = Rate(price, 1, calls.currency)
        items.append(
            Item(f"{root}:{price}", unit.cost(count), "tier", root,
                 {"code": "included" if price == 0 else "unit", "calls": count}, Decimal(count), unit, **common)
        )  # fmt: skip
    if calls.paid_micros:
        paid = Money(calls.paid_micros, calls.currency)
        off = calls.total.rounded() - (calls.total - paid).rounded()  # so that the two lines sum to what is left
        items.append(
            Item(f"{root}:paid", -off, "usage_paid", params={"resource": calls.resource_name, "micros": paid.micros},
                 **common)
        )  # fmt: skip
    return items


# ---- calls told afterwards


@dataclass(frozen=True, slots=True)
class Told:
    """A call that was made elsewhere, or that we learn of late. (source, id) is unique: a repeat changes nothing."""

    source: str
    id: str
    resource_uuid: str
    at: datetime
    user_uuid: str = ""
    key_uuid: str = ""
    purpose: str = "chat"


def ingest(core: Core, connection: Connection, events: Iterable[Told]) -> int:
    """Writes calls down, priced after those their month has already; they are paid on the next invoice. Returns how
    many were new. Test calls cost nothing and say what they would have cost. InvalidInput(at) for the future."""
    new = 0
    for event in sorted(events, key=lambda event: (event.at, event.source, event.id)):
        if event.at > core.clock.now():
            raise errors.InvalidInput(fields={"at": "out_of_range"})
        new += _ingest_one(core, connection, event)
    return new


def _ingest_one(core: Core, connection: Connection, event: Told) -> bool:
    subscription = subscription_of(connection, event.resource_uuid)
    month = month_of(subscription, event.at)
    is_test = event.purpose == rating.TEST
    row = {
        "source": event.source, "id": event.id, "resource_uuid": event.resource_uuid, "meter": "calls", "quantity": 1,
        "at": event.at, "purpose": event.purpose, "state": "settled", "cost_micros": 0,
        "currency": subscription.currency, "paid_from": "test" if is_test else "included", "would_cost_micros": 0,
        "key_uuid": event.key_uuid or event.resource_uuid, "user_uuid": event.user_uuid,
        "recorded_at": core.clock.now(), "invoice_uuid": "",
    }  # fmt: skip
    if connection.execute(portable.insert(_E).values(row).on_conflict_do_nothing().returning(_E.id)).first() is None:
        return False
    used = _used(connection, event.resource_uuid, month.start, 0 if is_test else 1)
    cost = rating.cost_of_call(agreed.rating_terms(subscription.terms, subscription.quantity), used)
    this = sa.update(_E).where(_E.source == event.source, _E.id == event.id)
    if is_test:
        connection.execute(this.values(would_cost_micros=cost.micros))
        return True
    connection.execute(this.values(cost_micros=cost.micros, paid_from="included" if cost.is_zero else "invoice"))
    connection.execute(
        sa.update(_U)
        .where(_U.resource_uuid == event.resource_uuid, _U.period_start == month.start)
        .values(cost_micros=_U.cost_micros + cost.micros)
    )
    rollups.add(connection, event.resource_uuid, event.at, 1, cost)
    return True


def _used(connection: Connection, resource_uuid: str, start: datetime, more: int) -> int:
    """How many calls the month had before; adds `more` to it."""
    connection.execute(
        portable.insert(_U)
        .values(resource_uuid=resource_uuid, period_start=start, calls=0, cost_micros=0)
        .on_conflict_do_nothing()
    )
    after = connection.execute(
        sa.update(_U)
        .where(_U.resource_uuid == resource_uuid, _U.period_start == start)
        .values(calls=_U.calls + more)
        .returning(_U.calls)
    ).scalar_one()
    return int(after) - more
