"""The calls behind an amount: when, by whom, with which key, of which agent, at which price, paid from what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import aliased

from services.api.money import Money, Rate
from services.api.types import Explanation, Params
from services.db import models as m
from services.db import money_models as mm
from services.db import portable
from services.domain.periods import Period
from services.domain.pricing import quoted
from services.domain.rating import TEST
from services.embedded.money import agreed
from services.embedded.money.months import month_of, read
from services.embedded.money.trees import Rows, Tree, signed

Condition = sa.ColumnElement[bool]

_E, _R, _U, _S = m.UsageEvent, m.ResourceRow, m.User, mm.SubscriptionRow
_KEY = aliased(m.ResourceRow)
_EVENTS = (
    sa.select(
        *_E.__table__.c,
        _R.name.label("agent"),
        _KEY.name.label("key_name"),
        sa.func.coalesce(sa.func.nullif(_U.full_name, ""), _U.email).label("person"),
    )
    .join(_R, _R.uuid == _E.resource_uuid)
    .outerjoin(_KEY, _KEY.uuid == _E.key_uuid)
    .outerjoin(_U, _U.uuid == _E.user_uuid)
    .order_by(_E.at, _E.source, _E.id)
)


def calls(connection: Connection, condition: Sequence[Condition], currency: str, sign: int = 1) -> Rows:
    """The calls that meet a condition as leaves, oldest first."""
    count, total = connection.execute(
        sa.select(sa.func.count(), portable.sum_of(_E.cost_micros.expression)).select_from(_E).where(*condition)
    ).one()

    def page(offset: int, limit: int) -> list[Explanation]:
        rows = connection.execute(_EVENTS.where(*condition).offset(offset).limit(limit))
        return [signed(call(row), sign) for row in rows]

    return Rows(count, Money(total * sign, currency), page)


def call(row: Any, kind: str = "event") -> Explanation:  # Any: a row of _EVENTS
    """One call."""
    params: Params = {
        "at": row.at.isoformat(),
        "person": row.person or "",
        "key": row.key_name or row.key_uuid,
        "resource": row.agent,
        "purpose": row.purpose,
        "paid_from": row.paid_from,
        "state": row.state,
        "id": f"{row.source}:{row.id}",
    }
    if row.purpose == TEST:
        params["would_cost_micros"] = row.would_cost_micros
    return Explanation("", kind, Money(row.cost_micros, row.currency), params)


def the_call(connection: Connection, source: str, event_id: str) -> Any:  # Any: a row of _EVENTS, or None
    """One call by its name; None when it failed and was taken back."""
    return connection.execute(_EVENTS.where(_E.source == source, _E.id == event_id)).one_or_none()


# ---- usage:<resource>: the month that runs


def of_month(connection: Connection, resource_uuid: str, now: datetime) -> Tree | None:
    """The cost of an agent's calls this month, by price where there are several."""
    found = _agent(connection, resource_uuid)
    if found is None:
        return None
    month = month_of(found, now)
    used, cost = read(connection, resource_uuid, month.start, found.currency)
    inside = _inside(resource_uuid, month)
    groups = connection.execute(
        sa.select(_E.cost_micros, sa.func.count(), portable.sum_of(_E.quantity.expression))
        .where(*inside, _E.purpose != TEST)
        .group_by(_E.cost_micros)
        .order_by(_E.cost_micros)
    ).all()
    parts = [_tier(found, month, price, count, quantity) for price, count, quantity in groups]
    over = sum(quantity for price, _, quantity in groups if price)
    params: Params = {"name": found.name, "used": used, "included": _included(found), "over": over} | quoted(
        agreed.unit_of(found.terms)
    )
    params |= {"start": month.start.isoformat(), "end": month.end.isoformat()}
    parts += _tests(connection, found, month)
    if len(parts) == 1:  # all at one price: the calls themselves
        return Tree(found.organization_uuid, "usage", cost, params, leaves=calls(connection, inside, found.currency))
    return Tree(found.organization_uuid, "usage", cost, params, tuple(parts))


def of_price(connection: Connection, resource_uuid: str, rest: str, now: datetime) -> Tree | None:
    """calls:<resource>:<micros>, and calls:<resource>:test: this month's calls at one price."""
    found = _agent(connection, resource_uuid)
    if found is None or not (rest == TEST or rest.isdecimal()):
        return None
    month = month_of(found, now)
    inside = _inside(resource_uuid, month)
    if rest == TEST:
        node = next(iter(_tests(connection, found, month)), None)
        leaves = calls(connection, (*inside, _E.purpose == TEST), found.currency)
    else:
        condition = (*inside, _E.purpose != TEST, _E.cost_micros == int(rest))
        leaves = calls(connection, condition, found.currency)
        node = _tier(found, month, int(rest), leaves.count, leaves.count)
    if node is None or node.amount is None or not leaves.count:
        return None
    return Tree(found.organization_uuid, node.kind, node.amount, node.params, leaves=leaves)


def _agent(connection: Connection, resource_uuid: str) -> Any:  # Any: a subscription's row with the agent's name
    return connection.execute(
        sa.select(*_S.__table__.c, _R.name, _R.uuid.label("resource_uuid"))
        .join(_R, _R.order_uuid == _S.order_uuid)
        .where(_R.uuid == resource_uuid)
    ).one_or_none()


def _inside(resource_uuid: str, month: Period) -> tuple[Condition, ...]:
    return _E.resource_uuid == resource_uuid, _E.at >= month.start, _E.at < month.end


def _included(row: Any) -> int | None:
    included = agreed.rating_terms(row.terms, row.quantity).included
    return None if included is None else int(included)


def _tier(row: Any, month: Period, price: int, count: int, quantity: int) -> Explanation:
    unit = Rate(price, 1, row.currency)
    params: Params = {"name": row.name, "code": "per_unit" if price else "included", "quantity": quantity}
    params |= quoted(unit) | {"start": month.start.isoformat(), "end": month.end.isoformat()}
    return Explanation(f"calls:{row.resource_uuid}:{price}", "tier", unit.cost(quantity), params, count)


def _tests(connection: Connection, row: Any, month: Period) -> list[Explanation]:
    """Test calls cost nothing, and say what they would have cost; no node when there are none."""
    inside = (*_inside(row.resource_uuid, month), _E.purpose == TEST)
    count, would = connection.execute(
        sa.select(sa.func.count(), portable.sum_of(_E.would_cost_micros.expression)).select_from(_E).where(*inside)
    ).one()
    if not count:
        return []
    params: Params = {"name": row.name, "quantity": count, "would_cost_micros": would}
    return [Explanation(f"calls:{row.resource_uuid}:{TEST}", "test", Money.zero(row.currency), params, count)]
