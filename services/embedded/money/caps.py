"""Hard limits on what calls may cost, nested organization > project > key: exact, because taking room on a cap is one
conditional UPDATE that counts what is held for calls under way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money
from services.db import models as m
from services.db import money_models as mm
from services.db import portable
from services.domain.caps import Cap, Level, TemporaryRaise, Window, check, in_order, limit_at, window_start

_C, _T, _O = mm.SpendingCap, mm.CapTotal, m.OrganizationRow
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)  # the start of a window without one

_CAPS = sa.select(*_C.__table__.c).where(_C.organization_uuid == sa.bindparam("of"))
_KEEP = sa.select(_O.uuid).where(_O.uuid == sa.bindparam("of")).with_for_update(read=True)
_NEW_TOTAL = portable.insert(_T).values(used_micros=0, held_micros=0).on_conflict_do_nothing()
_THIS = (_T.cap_uuid == sa.bindparam("cap"), _T.window_start == sa.bindparam("start"))
_TAKE = (
    sa.update(_T)
    .where(*_THIS, _T.used_micros + sa.bindparam("price") <= sa.bindparam("limit"))
    .values(used_micros=_T.used_micros + sa.bindparam("price"), held_micros=_T.held_micros + sa.bindparam("price"))
)
_SPEND = sa.update(_T).where(*_THIS).values(used_micros=_T.used_micros + sa.bindparam("price"))
_SETTLE = sa.update(_T).where(*_THIS).values(held_micros=_T.held_micros - sa.bindparam("price"))
_RELEASE = (
    sa.update(_T)
    .where(*_THIS)
    .values(used_micros=_T.used_micros - sa.bindparam("price"), held_micros=_T.held_micros - sa.bindparam("price"))
)


@dataclass(frozen=True, slots=True)
class Scopes:
    """What a call counts against."""

    organization_uuid: str
    project_uuid: str
    key_uuid: str

    def has(self, level: str, uuid: str) -> bool:
        """Whether a cap on this scope applies."""
        return (
            uuid
            == {
                Level.ORGANIZATION: self.organization_uuid,
                Level.PROJECT: self.project_uuid,
                Level.KEY: self.key_uuid,
            }[Level(level)]
        )


def start_of(window: str, at: datetime) -> datetime:
    """The window's start as it is kept."""
    return window_start(Window(window), at) or ALWAYS


def limit_of(row: Any, at: datetime) -> Money:  # Any: a row of SpendingCap
    """The limit in force, a temporary raise included."""
    raises = [TemporaryRaise(Money(row.raised_micros, row.currency), row.raised_until)] if row.raised_until else []
    return limit_at(Money(row.limit_micros, row.currency), raises, at)


def reserve(connection: Connection, scopes: Scopes, price: Money, at: datetime) -> None:
    """Takes room for `price` on every cap that applies. LimitReached says which has none and what is left on each."""
    rows = _applying(connection, scopes)
    for position, row in enumerate(rows):
        place = {"cap": row.uuid, "start": start_of(row.window, at)}
        connection.execute(_NEW_TOTAL, {"cap_uuid": row.uuid, "window_start": place["start"]})
        taken = connection.execute(_TAKE, place | {"price": price.micros, "limit": limit_of(row, at).micros})
        if taken.rowcount != 1:
            before = [_without(read(connection, one, at), price) for one in rows[:position]]
            after = [read(connection, one, at) for one in rows[position:]]
            raise _refused([*before, *after], after[0], price)


def has_room(connection: Connection, scopes: Scopes, price: Money, at: datetime) -> bool:
    """Whether a call of this price would fit now; `reserve` decides."""
    return check([read(connection, row, at) for row in _rows(connection, scopes)], price) is None


def settle(connection: Connection, scopes: Scopes, price: Money, at: datetime) -> None:
    """What was held is spent."""
    _change(connection, _SETTLE, scopes, price, at)


def release(connection: Connection, scopes: Scopes, price: Money, at: datetime) -> None:
    """What was held is free again."""
    _change(connection, _RELEASE, scopes, price, at)


def spend(connection: Connection, scopes: Scopes, price: Money, at: datetime) -> None:
    """A call we were told of afterwards: it was made, so it counts, also above a limit."""
    if price.is_zero:
        return
    for row in _applying(connection, scopes):
        connection.execute(_NEW_TOTAL, {"cap_uuid": row.uuid, "window_start": start_of(row.window, at)})
    _change(connection, _SPEND, scopes, price, at)


def _change(connection: Connection, statement: sa.Update, scopes: Scopes, price: Money, at: datetime) -> None:
    for row in _applying(connection, scopes):
        place = {"cap": row.uuid, "start": start_of(row.window, at), "price": price.micros}
        connection.execute(statement, place)


def _applying(connection: Connection, scopes: Scopes) -> list[Any]:
    """The caps that apply, in the order in which locks are taken. None can be set or taken away meanwhile."""
    connection.execute(_KEEP, {"of": scopes.organization_uuid})
    return _rows(connection, scopes)


def _rows(connection: Connection, scopes: Scopes) -> list[Any]:
    rows = {
        row.uuid: row
        for row in connection.execute(_CAPS, {"of": scopes.organization_uuid})
        if scopes.has(row.level, row.scope_uuid)
    }
    order = in_order(_cap(row, None, ALWAYS) for row in rows.values())
    by_place = {(row.level, row.scope_uuid, row.window): row for row in rows.values()}
    return [by_place[cap.level.value, cap.id, cap.window.value] for cap in order]


def _cap(row: Any, total: Any, at: datetime) -> Cap:  # Any: rows of SpendingCap and CapTotal
    limit = limit_of(row, at)
    used, held = (total.used_micros, total.held_micros) if total else (0, 0)
    spent = Money(used - held, row.currency)
    return Cap(Level(row.level), row.scope_uuid, Window(row.window), limit, spent, Money(held, row.currency))


def read(connection: Connection, row: Any, at: datetime) -> Cap:
    """A cap with what its present window has used."""
    total = connection.execute(
        sa.select(_T.used_micros, _T.held_micros).where(
            _T.cap_uuid == row.uuid, _T.window_start == start_of(row.window, at)
        )
    ).one_or_none()
    return _cap(row, total, at)


def _without(cap: Cap, price: Money) -> Cap:
    """As it was before this call took room on it."""
    return replace(cap, held=cap.held - price)


def _refused(caps: list[Cap], full: Cap, price: Money) -> errors.LimitReached:
    """Names the tightest limit, and what is left on each level. `full` had no room when it was asked; by now a call
    that failed may have made some."""
    refusal = check(caps, price)
    level, window = (full.level, full.window) if refusal is None else (refusal.by.level, refusal.by.window)
    error = errors.LimitReached(limit=level.value, window=window.value, price=price.micros, currency=price.currency)
    for cap in sorted(caps, key=lambda cap: -cap.left.micros):  # of one level the least
        error.params[f"left_{cap.level.value}"] = cap.left.micros
    return error
