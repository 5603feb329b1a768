"""The time bar: a test-mode workspace moved forward, doing all that falls due on the way, and back to a snapshot.

Before each move database and provider's record are put aside together. Nothing outside the workspace moves: sessions go
by the real clock and stay, other folders are not touched.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput, NotFound, NotInTestMode
from services.api.types import Happening, MoveTime, SubscriptionState, Timeline, TimeMoved, TimePoint, TimeStep
from services.db import models as m
from services.db import snapshots
from services.domain.periods import add_months
from services.embedded import inbox, order_sweep, worker
from services.embedded.core import Area, Core
from services.embedded.money import cycles, due, happenings, outcomes, subscribing, under_way
from services.embedded.money.duties import DUTIES
from services.embedded.workspace import Workspace, read_offset, write_offset

POINTS_MAX = 20
FURTHEST = timedelta(days=3660)  # a move further than ten years is a slip of the hand
SHOWN_MAX = 1000  # happenings of one move
_PATIENCE_S, _PAUSE_S = 5.0, 0.02  # for somebody else who does what is due; afterwards it is left to them
_DATABASE, _PROVIDER, _NOTE = "souk.db", "provider.db", "point.json"


class EmbeddedTimelines(Area):
    async def list_happenings(self, organization_uuid: str = "", *, limit: int = 100) -> tuple[Happening, ...]:
        if not 1 <= limit <= SHOWN_MAX:
            raise InvalidInput(fields={"limit": "out_of_range"})
        return await self._core.db.read(lambda connection: self._happenings(connection, organization_uuid, limit))

    def _happenings(self, connection: Connection, organization_uuid: str, limit: int) -> tuple[Happening, ...]:
        if organization_uuid:
            self._authorize(connection, organization_uuid)
            return tuple(happenings.latest(connection, [organization_uuid], limit=limit))
        mine = sa.select(m.Membership.organization_uuid).where(m.Membership.user_uuid == self._caller(connection).uuid)
        organizations = list(connection.execute(mine).scalars())
        return tuple(happenings.latest(connection, organizations, limit=limit))

    async def get_timeline(self) -> Timeline:
        return await _timeline(self._core)

    async def move_time(self, request: MoveTime) -> TimeMoved:
        workspace = await self._workspace()
        before = await self._core.db.read(happenings.newest_seq)
        target = _target(request, self._now(), await self._core.db.read(due.next_event))
        await _put_aside(self._core, workspace)
        await _move_to(self._core, workspace, target)
        told = await self._core.db.read(
            lambda connection: happenings.latest(connection, None, limit=SHOWN_MAX, after=before)
        )
        return TimeMoved(await _timeline(self._core), tuple(reversed(told)))

    async def return_to(self, point_uuid: str) -> Timeline:
        workspace = await self._workspace()
        found = next((point for point in _points(workspace.folder) if point.uuid == point_uuid), None)
        if found is None:
            raise NotFound(what="point")
        await _bring_back(self._core, workspace, found)
        self._core.wake.set()
        return await _timeline(self._core)

    async def _workspace(self) -> Workspace:
        """The workspace, for a person who is signed in. NotInTestMode."""
        await self._core.db.read(self._caller)
        workspace = available(self._core)
        if workspace is None:
            raise NotInTestMode
        return workspace


def available(core: Core) -> Workspace | None:
    """The workspace that may be moved; None where money or data are real, or nothing can be written."""
    may = core.payments.is_test_mode and not core.db.is_read_only
    return core.workspace if may else None


async def restore_clock(core: Core) -> None:
    """At the start: the time at which the workspace was left goes on from there."""
    if core.workspace is not None:
        core.workspace.clock.offset = await core.db.read(read_offset)


async def _timeline(core: Core) -> Timeline:
    workspace = available(core)
    next_at, next_kind = await core.db.read(_coming)
    points = () if workspace is None else tuple(point.shown for point in _points(workspace.folder))
    return Timeline(
        is_available=workspace is not None,
        is_simulated=workspace is not None and workspace.clock.is_simulated,
        now=core.clock.now(),
        next_event_at=next_at,
        next_event_kind=next_kind,
        points=points,
    )


def _coming(connection: Connection) -> tuple[datetime | None, str]:
    """When something falls due next, and what, as far as can be told before: the end of a period is no renewal where
    nothing follows it."""
    item = due.next_event(connection)
    if item is None:
        return None, ""
    if item.kind != "period":
        return item.at, item.kind
    row = subscribing.find(connection, item.subject_uuid)
    if item.at < row.period_end:
        return item.at, "usage_reset"
    pending = row.pending.get("kind")
    if pending == cycles.CANCEL:
        return item.at, "cancel"
    if row.state == SubscriptionState.SUSPENDED.value:
        return item.at, "unserved"
    return item.at, "pause" if pending == cycles.PAUSE else item.kind


# ---- forward


def _target(request: MoveTime, now: datetime, coming: due.Due | None) -> datetime:
    if request.step is TimeStep.DAY:
        return now + timedelta(days=1)
    if request.step is TimeStep.MONTH:
        return add_months(now.replace(tzinfo=None), 1).replace(tzinfo=UTC)
    if request.step is TimeStep.NEXT_EVENT:
        if coming is None:
            raise InvalidInput(fields={"step": "nothing_left"})
        return max(now, coming.at)
    if request.to is None:
        raise InvalidInput(fields={"to": "required"})
    if request.to.tzinfo is None or request.to > now + FURTHEST:
        raise InvalidInput(fields={"to": "out_of_range"})
    if request.to <= now:
        raise InvalidInput(fields={"to": "in_past"})
    return request.to


async def _move_to(core: Core, workspace: Workspace, target: datetime) -> None:
    """From one due instant to the next, each done at its own time, then on to the target. While a payment is under way
    its provider is asked on the days between: what follows from an answer may fall due before the target."""
    await _hear(core)
    waited = 0.0
    while waited < _PATIENCE_S:
        coming, look_at = await core.db.read(partial(_next_stop, now=core.clock.now()))
        is_due = coming is not None and (look_at is None or coming.at <= look_at)
        stop = coming.at if coming is not None and is_due else look_at
        if stop is None or stop > target:
            break
        await _set_time(core, workspace, max(stop, core.clock.now()))
        if not is_due:
            await _hear(core)
        elif not await due.run_due(core, DUTIES, stop):
            await asyncio.sleep(_PAUSE_S)  # the worker, or another process, is at it
            waited += _PAUSE_S
            continue
        await _do_jobs(core)
        waited = 0.0
    await _set_time(core, workspace, max(target, core.clock.now()))
    await _hear(core)
    await due.run_due(core, DUTIES, target)  # what an answer just now has made due
    await _do_jobs(core)


def _next_stop(connection: Connection, now: datetime) -> tuple[due.Due | None, datetime | None]:
    return due.next_due(connection), under_way.next_look(connection, now)


async def _hear(core: Core) -> None:
    """What the providers say of what is under way, recorded as of now. Nobody is asked when nothing is."""
    if await core.db.read(lambda connection: under_way.next_look(connection, core.clock.now())) is None:
        return
    await order_sweep.sweep(core)
    await outcomes.sweep(core)
    await inbox.poll(core)
    await inbox.look(core)


async def _set_time(core: Core, workspace: Workspace, present: datetime) -> None:
    """The clock stands at `present` and runs on from there; kept before anything is done at that time."""
    offset = present - workspace.clock.real.now()
    await core.db.run(lambda connection: write_offset(connection, offset))
    workspace.clock.offset = offset


async def _do_jobs(core: Core) -> None:
    while await worker.run_one(core):
        pass


# ---- snapshots


@dataclass(frozen=True, slots=True)
class _Point:
    uuid: str
    at: datetime
    taken_at: datetime
    is_simulated: bool
    folder: Path

    @property
    def shown(self) -> TimePoint:
        return TimePoint(self.uuid, self.at, self.taken_at)


def _points(folder: Path) -> list[_Point]:
    """The whole snapshots, oldest first; the note is written last, so a torn one has none."""
    found = []
    for note in folder.glob(f"*/{_NOTE}"):
        facts = json.loads(note.read_text("utf-8"))
        at, taken_at = datetime.fromisoformat(facts["at"]), datetime.fromisoformat(facts["taken_at"])
        found.append(_Point(note.parent.name, at, taken_at, facts["is_simulated"], note.parent))
    return sorted(found, key=lambda point: (point.taken_at, point.uuid))


async def _put_aside(core: Core, workspace: Workspace) -> None:
    uuid, at = core.ids.uuid(), core.clock.now()
    folder = workspace.folder / uuid
    taken_at, is_simulated = core.real_now().isoformat(), workspace.clock.is_simulated
    facts = {"at": at.isoformat(), "taken_at": taken_at, "is_simulated": is_simulated}
    await core.db.between_writes(partial(_make_folder, workspace.folder, folder))
    await core.db.between_writes(lambda: snapshots.put_aside(core.db.path, folder / _DATABASE))
    await workspace.provider.between_writes(partial(_copy_out, target=folder / _PROVIDER))
    await core.db.between_writes(partial(_write_note, folder / _NOTE, json.dumps(facts)))


def _copy_out(path: Path, target: Path) -> None:
    snapshots.put_aside(path, target)


def _make_folder(parent: Path, folder: Path) -> None:
    """Room for a new snapshot: torn ones and the oldest beyond the limit go first."""
    parent.mkdir(parents=True, exist_ok=True)
    whole = _points(parent)
    kept = {point.folder for point in whole[len(whole) - POINTS_MAX + 1 :]} if len(whole) >= POINTS_MAX else None
    for old in parent.iterdir():
        is_torn = not (old / _NOTE).exists()
        if is_torn or (kept is not None and old not in kept):
            shutil.rmtree(old)
    folder.mkdir(mode=0o700)


def _write_note(note: Path, text: str) -> None:
    partial_note = note.with_suffix(".partial")
    partial_note.write_text(text, "utf-8")
    partial_note.replace(note)


# ---- back


async def _bring_back(core: Core, workspace: Workspace, point: _Point) -> None:
    """Provider first: a crash in between leaves a database that knows of more than the provider, which its sweep asks
    about, and never a charge that nobody knows of."""
    sessions = await core.db.read(_sessions)
    await workspace.provider.between_writes(partial(_copy_in, source=point.folder / _PROVIDER))
    await core.db.between_writes(lambda: snapshots.bring_back(point.folder / _DATABASE, core.db.path))
    offset = point.at - workspace.clock.real.now() if point.is_simulated else timedelta(0)
    await core.db.run(lambda connection: _after_return(connection, sessions, offset))
    workspace.clock.offset = offset
    await core.db.between_writes(partial(_forget_later, workspace.folder, point))


def _copy_in(path: Path, source: Path) -> None:
    snapshots.bring_back(source, path)


def _sessions(connection: Connection) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(sa.select(*m.SessionRow.__table__.c))]


def _after_return(connection: Connection, sessions: list[dict[str, Any]], offset: timedelta) -> None:
    """Who is signed in stays so, if the account was there already."""
    users = set(connection.execute(sa.select(m.User.uuid)).scalars())
    connection.execute(sa.delete(m.SessionRow))
    if mine := [row for row in sessions if row["user_uuid"] in users]:
        connection.execute(sa.insert(m.SessionRow), mine)
    write_offset(connection, offset)


def _forget_later(folder: Path, point: _Point) -> None:
    """What came after the point one went back to never happened; the point itself is the present now."""
    for other in _points(folder):
        if (other.taken_at, other.uuid) >= (point.taken_at, point.uuid):
            shutil.rmtree(other.folder)
