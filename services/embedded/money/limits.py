"""The caps area: hard limits as people see and set them. The arithmetic that keeps them is in `caps`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import MICROS_MAX, Money
from services.api.types import Cap, CapLevel, Caps, CapScope, CapWindow, ResourceState, SetCap
from services.db import models as m
from services.db import money_models as mm
from services.db import portable
from services.domain.caps import Window, window_end, window_start
from services.embedded.core import Area, insert_into
from services.embedded.money import alerts, caps

_C, _T, _O, _R, _E, _S = mm.SpendingCap, mm.CapTotal, m.OrganizationRow, m.ResourceRow, m.UsageEvent, mm.SubscriptionRow
_ROWS = sa.select(*_C.__table__.c).order_by(_C.created_at, _C.uuid)


class EmbeddedCaps(Area):
    """Implements the caps of `services.api.money_contract.Wallets`."""

    async def list_caps(self, organization_uuid: str = "") -> Caps:
        def work(connection: Connection) -> Caps:
            organization = self._organization_meant(connection, organization_uuid)
            if not organization:
                return Caps((), ())
            scopes = _scopes(connection, organization)
            rows = connection.execute(_ROWS.where(_C.organization_uuid == organization)).all()
            return Caps(tuple(_shown(connection, row, scopes, self._now()) for row in rows), scopes)

        return await self._core.db.read(work)

    async def set_cap(self, request: SetCap) -> Cap:
        return await self._core.db.run(lambda connection: self._set_cap(connection, request))

    async def raise_cap(self, uuid: str, limit: Money, until: datetime) -> Cap:
        return await self._core.db.run(lambda connection: self._raise_cap(connection, uuid, limit, until))

    async def remove_cap(self, uuid: str) -> None:
        def work(connection: Connection) -> None:
            row = self._own_cap(connection, uuid)
            _alone(connection, row.organization_uuid)
            connection.execute(sa.delete(_C).where(_C.uuid == uuid))

        await self._core.db.run(work)

    def _organization_meant(self, connection: Connection, organization_uuid: str) -> str:
        """The one that is meant: the caller's first when none is named, "" when there is none."""
        if organization_uuid:
            self._authorize(connection, organization_uuid)
            return organization_uuid
        caller, of = self._caller(connection), m.Membership
        first = sa.select(sa.func.min(of.organization_uuid)).where(of.user_uuid == caller.uuid)
        return connection.execute(first).scalar() or ""

    def _own_cap(self, connection: Connection, uuid: str) -> Any:  # Any: a row of SpendingCap
        self._caller(connection)
        row = connection.execute(_ROWS.where(_C.uuid == uuid)).one_or_none()
        if row is None:
            raise errors.NotFound(what="cap")
        self._authorize(connection, row.organization_uuid)
        return row

    def _set_cap(self, connection: Connection, request: SetCap) -> Cap:
        self._caller(connection)
        organization = _organization_of(connection, request.level, request.scope_uuid)
        self._authorize(connection, organization)
        if problem := _limit_problem(connection, organization, request.limit):
            raise errors.InvalidInput(fields={"limit": problem})
        _alone(connection, organization)
        now, this = self._now(), _place(request)
        known = connection.execute(sa.update(_C).where(*this).values(limit_micros=request.limit.micros)).rowcount
        if not known:
            self._create_cap(connection, organization, request, now)
        row = connection.execute(_ROWS.where(*this)).one()
        return _shown(connection, row, _scopes(connection, organization), now)

    def _create_cap(self, connection: Connection, organization: str, request: SetCap, now: datetime) -> None:
        """A new limit counts what its window has used already, calls under way included."""
        uuid, limit = self._core.ids.uuid(), request.limit
        connection.execute(
            insert_into(_C),
            {"uuid": uuid, "organization_uuid": organization, "level": request.level.value,
             "scope_uuid": request.scope_uuid, "window": request.window.value, "limit_micros": limit.micros,
             "currency": limit.currency, "raised_micros": None, "raised_until": None, "created_at": now},
        )  # fmt: skip
        used, held = _used_so_far(connection, organization, request, now)
        connection.execute(
            insert_into(_T),
            {"cap_uuid": uuid, "window_start": caps.start_of(request.window.value, now), "used_micros": used,
             "held_micros": held},
        )  # fmt: skip

    def _raise_cap(self, connection: Connection, uuid: str, limit: Money, until: datetime) -> Cap:
        row, now = self._own_cap(connection, uuid), self._now()
        problems = {
            "limit": _raise_problem(row, limit),
            "until": "in_past" if until <= now else "",
        }
        if found := {field: code for field, code in problems.items() if code}:
            raise errors.InvalidInput(fields=found)
        connection.execute(sa.update(_C).where(_C.uuid == uuid).values(raised_micros=limit.micros, raised_until=until))
        return _shown(connection, self._own_cap(connection, uuid), _scopes(connection, row.organization_uuid), now)


def _alone(connection: Connection, organization_uuid: str) -> None:
    """No call of the organization is being priced meanwhile (see `caps`)."""
    connection.execute(sa.select(_O.uuid).where(_O.uuid == organization_uuid).with_for_update(key_share=True))


def _place(request: SetCap) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _C.level == request.level.value,
        _C.scope_uuid == request.scope_uuid,
        _C.window == request.window.value,
    )


def _limit_problem(connection: Connection, organization_uuid: str, limit: Money) -> str:
    if not 0 <= limit.micros <= MICROS_MAX:
        return "out_of_range"
    spent_in = sa.select(_S.currency).where(_S.organization_uuid == organization_uuid).distinct()
    known = set(connection.execute(spent_in).scalars()) or {alerts.CURRENCY}
    return "" if limit.currency in known else "wrong_currency"


def _raise_problem(row: Any, limit: Money) -> str:  # Any: a row of SpendingCap
    if limit.currency != row.currency:
        return "wrong_currency"
    if limit.micros > MICROS_MAX:
        return "out_of_range"
    return "" if row.limit_micros < limit.micros else "too_small"


def _organization_of(connection: Connection, level: CapLevel, scope_uuid: str) -> str:
    """Whose organization, project or agent it is. NotFound."""
    column = {
        CapLevel.ORGANIZATION: sa.select(_O.uuid).where(_O.uuid == scope_uuid),
        CapLevel.PROJECT: sa.select(m.ProjectRow.organization_uuid).where(m.ProjectRow.uuid == scope_uuid),
        CapLevel.KEY: sa.select(_R.organization_uuid).where(_R.uuid == scope_uuid),
    }[level]
    found = connection.execute(column).scalar()
    if found is None:
        raise errors.NotFound(what="scope")
    return found


def _scopes(connection: Connection, organization_uuid: str) -> tuple[CapScope, ...]:
    """What a limit may be set on: the organization, its projects, the keys of its agents."""
    p = m.ProjectRow
    statements = {
        CapLevel.ORGANIZATION: sa.select(_O.uuid, _O.name).where(_O.uuid == organization_uuid),
        CapLevel.PROJECT: sa.select(p.uuid, p.name).where(p.organization_uuid == organization_uuid).order_by(p.uuid),
        CapLevel.KEY: sa.select(_R.uuid, _R.name)
        .where(_R.organization_uuid == organization_uuid, _R.state != ResourceState.RETIRED.value)
        .order_by(_R.uuid),
    }
    return tuple(
        CapScope(level, uuid, name) for level, chosen in statements.items() for uuid, name in connection.execute(chosen)
    )


def _used_so_far(connection: Connection, organization_uuid: str, request: SetCap, now: datetime) -> tuple[int, int]:
    """Micros that calls of the running window cost, and how much of them is still held."""
    window = Window(request.window.value)
    start, end = window_start(window, now), window_end(window, now)
    inside = [_R.organization_uuid == organization_uuid, _E.currency == request.limit.currency]
    if request.level is CapLevel.PROJECT:
        inside.append(_R.project_uuid == request.scope_uuid)
    if request.level is CapLevel.KEY:
        inside.append(_E.key_uuid == request.scope_uuid)
    if start is not None and end is not None:
        inside += [_E.at >= start, _E.at < end]
    held = sa.case((_E.state == "reserved", _E.cost_micros), else_=0)
    used, under_way = connection.execute(
        sa.select(portable.sum_of(_E.cost_micros.expression), portable.sum_of(held))
        .join(_R, _R.uuid == _E.resource_uuid)
        .where(*inside)
    ).one()
    return used, under_way


def _shown(connection: Connection, row: Any, scopes: tuple[CapScope, ...], now: datetime) -> Cap:  # Any: SpendingCap
    cap = caps.read(connection, row, now)
    is_raised = row.raised_until is not None and now < row.raised_until
    names = {(scope.level, scope.uuid): scope.name for scope in scopes}
    level = CapLevel(row.level)
    return Cap(
        uuid=row.uuid,
        level=level,
        scope_uuid=row.scope_uuid,
        scope_name=names.get((level, row.scope_uuid), ""),
        window=CapWindow(row.window),
        limit=Money(row.limit_micros, row.currency),
        spent=cap.spent,
        held=cap.held,
        left=cap.left,
        raised_to=Money(row.raised_micros, row.currency) if is_raised else None,
        raised_until=row.raised_until if is_raised else None,
    )
