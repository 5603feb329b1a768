"""Calls that we are told of afterwards: priced after those their month has already, counted, each written down once.

Written in batches, because they come in thousands. A batch is priced as if every call were new; where some were known,
those after them are priced again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money
from services.db import models as m
from services.db import portable
from services.domain import rating
from services.domain.periods import Period
from services.embedded.core import Core
from services.embedded.money import agreed, caps, months, rollups
from services.embedded.money.reservations import scopes_of, subscription_of

BATCH = 1000  # calls a statement writes

_E = m.UsageEvent
_NEW = portable.insert(_E).on_conflict_do_nothing().returning(_E.source, _E.id)
_PRICE_AGAIN = (
    sa.update(_E)
    .where(_E.source == sa.bindparam("of_source"), _E.id == sa.bindparam("of_id"))
    .values(
        cost_micros=sa.bindparam("new_cost"),
        would_cost_micros=sa.bindparam("new_would_cost"),
        paid_from=sa.bindparam("new_paid_from"),
    )
)
_Month = tuple[str, datetime]  # a resource and the start of its month


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

    @property
    def name(self) -> tuple[str, str]:
        return self.source, self.id

    @property
    def key(self) -> str:
        """An agent's own key is its resource."""
        return self.key_uuid or self.resource_uuid

    @property
    def is_test(self) -> bool:
        return self.purpose == rating.TEST


@dataclass(frozen=True, slots=True)
class _Priced:
    """A call, the start of its month and the price it is told: what it costs, or would cost when it is a test."""

    call: Told
    month: datetime
    price: Money

    @property
    def prices(self) -> tuple[int, int, str]:
        """cost_micros, would_cost_micros and paid_from of the event."""
        if self.call.is_test:
            return 0, self.price.micros, "test"
        return self.price.micros, 0, "included" if self.price.is_zero else "invoice"


def ingest(core: Core, connection: Connection, events: Iterable[Told]) -> int:
    """Writes calls down, priced after those their month has already; they are paid on the next invoice. Returns how
    many were new. Test calls cost nothing and say what they would have cost. NotFound(subscription); InvalidInput(at)
    for the future and for a time before the subscription."""
    now = core.clock.now()
    ordered = sorted(events, key=lambda event: (event.at, event.name))
    firsts = list({event.name: event for event in reversed(ordered)}.values())[::-1]
    agents = _Agents(connection)
    for event in ordered:
        if not agents.subscription(event.resource_uuid).created_at <= event.at <= now:
            raise errors.InvalidInput(fields={"at": "out_of_range"})
    parts = (firsts[start : start + BATCH] for start in range(0, len(firsts), BATCH))
    return sum(_write(connection, agents, part, now) for part in parts)


class _Agents:
    """What is known of the resources that were called, each asked for once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._subscriptions: dict[str, Any] = {}  # Any: rows of SubscriptionRow
        self._terms: dict[str, rating.Terms] = {}
        self._months: dict[str, Period] = {}
        self._scopes: dict[tuple[str, str], caps.Scopes] = {}

    def subscription(self, resource_uuid: str) -> Any:
        found = self._subscriptions.get(resource_uuid)
        if found is None:
            found = self._subscriptions[resource_uuid] = subscription_of(self._connection, resource_uuid)
            self._terms[resource_uuid] = agreed.rating_terms(found.terms, found.quantity)
        return found

    def month(self, event: Told) -> datetime:
        """The start of the month a call is counted in."""
        month = self._months.get(event.resource_uuid)
        if month is None or not month.start <= event.at < month.end:
            month = months.month_of(self.subscription(event.resource_uuid), event.at)
            self._months[event.resource_uuid] = month
        return month.start

    def price(self, resource_uuid: str, used: int) -> Money:
        return rating.cost_of_call(self._terms[resource_uuid], used)

    def scopes(self, event: Told) -> caps.Scopes:
        place = event.resource_uuid, event.key
        if place not in self._scopes:
            self._scopes[place] = scopes_of(self._connection, self.subscription(event.resource_uuid), *place)
        return self._scopes[place]


def _write(connection: Connection, agents: _Agents, events: Sequence[Told], now: datetime) -> int:
    mine = sorted({(event.resource_uuid, agents.month(event)) for event in events})
    used = {month: months.count(connection, *month, 0) for month in mine}  # locked: the next to price comes after us
    priced = list(_priced(agents, events, used))
    new = {(source, id) for source, id in connection.execute(_NEW, [_row(one, now) for one in priced])}
    if len(new) < len(priced):
        guesses = {one.call.name: one.prices for one in priced}
        priced = list(_priced(agents, [event for event in events if event.name in new], used))
        _correct(connection, [one for one in priced if one.prices != guesses[one.call.name]])
    _count(connection, agents, [one for one in priced if not one.call.is_test])
    return len(new)


def _priced(agents: _Agents, events: Iterable[Told], used: dict[_Month, int]) -> Iterator[_Priced]:
    used = dict(used)
    for event in events:
        month = event.resource_uuid, agents.month(event)
        yield _Priced(event, month[1], agents.price(event.resource_uuid, used[month]))
        used[month] += not event.is_test


def _row(priced: _Priced, now: datetime) -> dict[str, Any]:
    call = priced.call
    cost, would_cost, paid_from = priced.prices
    return {
        "source": call.source, "id": call.id, "resource_uuid": call.resource_uuid, "meter": "calls", "quantity": 1,
        "at": call.at, "purpose": call.purpose, "state": "settled", "cost_micros": cost,
        "currency": priced.price.currency, "paid_from": paid_from, "would_cost_micros": would_cost,
        "key_uuid": call.key, "user_uuid": call.user_uuid, "recorded_at": now, "invoice_uuid": "",
    }  # fmt: skip


def _correct(connection: Connection, wrong: Sequence[_Priced]) -> None:
    """The prices of calls that came after one that was known already."""
    rows = [
        dict(zip(("of_source", "of_id", "new_cost", "new_would_cost", "new_paid_from"), (*one.call.name, *one.prices),
                 strict=True))
        for one in wrong
    ]  # fmt: skip
    if rows:
        connection.execute(_PRICE_AGAIN, rows)


def _count(connection: Connection, agents: _Agents, counted: Iterable[_Priced]) -> None:
    """Adds the calls to every total that is kept of them."""
    of_months: dict[_Month, list[int]] = defaultdict(list)
    of_hours: dict[_Month, list[int]] = defaultdict(list)
    spent: dict[tuple[caps.Scopes, date], list[_Priced]] = defaultdict(list)  # windows of caps are whole days
    for one in counted:
        resource, micros = one.call.resource_uuid, one.price.micros
        of_months[resource, one.month].append(micros)
        of_hours[resource, rollups.hour_of(one.call.at)].append(micros)
        if micros:
            spent[agents.scopes(one.call), one.call.at.astimezone(UTC).date()].append(one)
    months.add_many(connection, of_months)
    rollups.add_many(connection, of_hours)
    for (scopes, _day), calls in spent.items():
        first = calls[0]
        caps.spend(connection, scopes, sum((one.price for one in calls[1:]), first.price), first.call.at)
