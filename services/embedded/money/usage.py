"""What calls put on an invoice.

Each event carries the price it was told at the time of the call (rating.cost_of_call, the step of `rate` it made), so
an invoice adds up what was said, and a plan changed in the middle of a month cannot change what was said before.
Coupons lower the price of plans, not of calls: the wallet pays calls one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money, Rate
from services.db import models as m
from services.db import portable
from services.domain import rating
from services.domain.invoicing import Item, late
from services.domain.periods import Period
from services.domain.pricing import Params, quoted
from services.embedded.money import agreed
from services.embedded.money.months import month_of

_E, _R = m.UsageEvent, m.ResourceRow


def _conditions(order_uuid: Any, invoice_uuid: Any, until: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """Which events `billable` counts. Any: values, or places for them."""
    return (
        _E.resource_uuid.in_(sa.select(_R.uuid).where(_R.order_uuid == order_uuid)),
        _E.state == "settled",
        _E.purpose != rating.TEST,
        sa.or_(_E.invoice_uuid == "", _E.invoice_uuid == invoice_uuid),
        _E.at < until,
    )


_THIS: sa.BindParameter[str] = sa.bindparam("this_invoice")
_OPEN = _conditions(sa.bindparam("of_order"), _THIS, sa.bindparam("until"))
_FIRST = sa.select(sa.func.min(_E.at)).where(*_OPEN)
_NEXT = _FIRST.where(_E.at >= sa.bindparam("since"))
_LAST_BILLED = sa.select(sa.func.max(_E.at)).where(_OPEN[0], _E.invoice_uuid != "", _E.invoice_uuid != _THIS)
_MARK = sa.update(_E).where(*_OPEN).values(invoice_uuid=_THIS)
_COUNTED = (
    sa.select(
        _E.resource_uuid,
        _R.name,
        _E.cost_micros,
        _E.paid_from,
        portable.sum_of(_E.quantity.expression).label("calls"),
        sa.func.max(_E.at).label("latest"),
    )
    .join(_R, _R.uuid == _E.resource_uuid)
    .where(*_OPEN, _E.at >= sa.bindparam("month_start"), _E.at < sa.bindparam("month_end"))
    .group_by(_E.resource_uuid, _R.name, _E.cost_micros, _E.paid_from)
    .order_by(_E.resource_uuid, _E.cost_micros, _E.paid_from)
)


@dataclass(frozen=True, slots=True)
class Billable:
    """The usage part of an invoice: items that sum to what is still to pay for it, and the period of each item."""

    items: tuple[Item, ...] = ()
    periods: Mapping[str, Period] = field(default_factory=dict)

    @property
    def is_due(self) -> bool:
        """Whether anything is to be paid, or was paid, for calls; included calls alone make no invoice."""
        return any(not item.amount.is_zero for item in self.items)


@dataclass(frozen=True, slots=True)
class _Sums:
    """What calls cost, and what of that the wallet has paid when they were made."""

    total: Money
    paid: Money

    @property
    def due(self) -> Money:
        return self.total - self.paid


@dataclass(slots=True)
class _Calls:
    """Calls of one resource in one month: how many at which price, and what the wallet has paid of them."""

    resource_uuid: str
    resource_name: str
    currency: str
    by_price: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    paid_micros: int = 0
    latest: datetime | None = None

    @property
    def calls(self) -> int:
        return sum(self.by_price.values())

    @property
    def sums(self) -> _Sums:
        total = sum(price * calls for price, calls in self.by_price.items())
        return _Sums(Money(total, self.currency), Money(self.paid_micros, self.currency))


def billable(connection: Connection, subscription: Any, until: datetime, invoice_uuid: str = "") -> Billable:
    """The calls before `until` that no invoice has billed (or this draft has). `subscription`: its row."""
    mine = _values(subscription, until, invoice_uuid)
    first = connection.execute(_FIRST, mine).scalar()
    if first is None:
        return Billable()
    closed = connection.execute(_LAST_BILLED, mine).scalar()  # what is left from before it came late
    items: list[Item] = []
    periods: dict[str, Period] = {}
    while first is not None:
        month = month_of(subscription, first)
        for calls in _counted(connection, subscription.currency, mine, month):
            is_late = closed is not None and calls.latest is not None and calls.latest < closed
            before = _billed(connection, calls, month, invoice_uuid) if is_late else None
            new = _items(subscription, calls, month, before)
            items += new
            periods |= {item.id: month for item in new}
        first = connection.execute(_NEXT, {**mine, "since": month.end}).scalar()
    return Billable(tuple(items), periods)


def mark_billed(connection: Connection, subscription: Any, until: datetime, invoice_uuid: str) -> None:
    """The calls that `billable` counted belong to this invoice from now on."""
    connection.execute(_MARK, _values(subscription, until, invoice_uuid))


def open_calls(subscription: Any, until: datetime, invoice_uuid: str = "") -> tuple[sa.ColumnElement[bool], ...]:
    """Which events `billable` counts."""
    return _conditions(subscription.order_uuid, invoice_uuid, until)


def _values(subscription: Any, until: datetime, invoice_uuid: str) -> dict[str, Any]:
    return {"of_order": subscription.order_uuid, "this_invoice": invoice_uuid, "until": until}


def _billed(connection: Connection, calls: _Calls, month: Period, invoice_uuid: str) -> _Sums:
    """What earlier invoices have billed of this month."""
    by_wallet = sa.case((_E.paid_from == "wallet", _E.cost_micros), else_=0)
    row = connection.execute(
        sa.select(portable.sum_of(_E.cost_micros.expression), portable.sum_of(by_wallet)).where(
            _E.resource_uuid == calls.resource_uuid,
            _E.at >= month.start,
            _E.at < month.end,
            _E.invoice_uuid.not_in(["", invoice_uuid]),
        )
    ).one()
    return _Sums(Money(row[0], calls.currency), Money(row[1], calls.currency))


def _counted(connection: Connection, currency: str, mine: dict[str, Any], month: Period) -> list[_Calls]:
    rows = connection.execute(_COUNTED, {**mine, "month_start": month.start, "month_end": month.end})
    found: dict[str, _Calls] = {}
    for row in rows:
        calls = found.setdefault(row.resource_uuid, _Calls(row.resource_uuid, row.name, currency))
        calls.by_price[row.cost_micros] += row.calls
        calls.latest = max(calls.latest or row.latest, row.latest)
        if row.paid_from == "wallet":
            calls.paid_micros += row.cost_micros * row.calls
    return list(found.values())


def _items(subscription: Any, calls: _Calls, month: Period, before: _Sums | None) -> list[Item]:
    """The usage of one resource, what it is made of, and what the wallet has paid already.

    `before`: what earlier invoices billed of the month, when these calls came late; old and new lines then come to what
    one line would have said (`invoicing.late`).
    """
    root, sums = f"usage:{calls.resource_uuid}:{month.start.isoformat()}", calls.sums
    asked, due = sums.total, sums.due.rounded()
    if before is not None:
        asked = late(before.total, before.total + sums.total)
        due = late(before.due, before.due + sums.due)
    details = _tiers(root, calls, asked)
    usage = Item(root, asked, "usage" if before is None else "late_usage", params=params_of(subscription, calls),
                 quantity=Decimal(calls.calls))  # fmt: skip
    items = [usage, *details]
    off = asked.rounded() - due  # so that the two lines sum to what is left
    if calls.paid_micros or not off.is_zero:
        params: Params = {"name": calls.resource_name, "paid_micros": calls.paid_micros}
        items.append(Item(f"{root}:paid", -off, "usage_paid", params=params))
    return [
        replace(item, subscription=subscription.uuid, resource=calls.resource_uuid, is_discountable=False)
        for item in items
    ]


def params_of(subscription: Any, calls: _Calls) -> Params:
    """What the sentence of a usage line says: so many calls, 1,000 included, then $0.01."""
    included = subscription.terms["included"]
    counts: Params = {
        "name": calls.resource_name,
        "used": calls.calls,
        "included": None if included is None else included * subscription.quantity,
        "over": calls.calls - calls.by_price.get(0, 0),
    }
    return counts | quoted(agreed.unit_of(subscription.terms))


def _tiers(root: str, calls: _Calls, asked: Money) -> list[Item]:
    """One line a price; they come to the line above them, to the micro."""
    tiers = []
    for price, quantity in sorted(calls.by_price.items()):
        unit = Rate(price, 1, calls.currency)
        params: Params = {"name": calls.resource_name, "code": "included" if price == 0 else "per_unit"}
        params |= quoted(unit)
        tiers.append(Item(f"{root}:{price}", unit.cost(quantity), "tier", root, params, Decimal(quantity), unit))
    if rest := (asked - calls.sums.total).micros:
        tiers.append(Item(f"{root}:rounding", Money(rest, calls.currency), "rounding", root))
    return tiers
