"""The one clock: everything that time owes, done once each, in time order, whoever asks and however often.

What will fall due is written down when it becomes known (`schedule`), in the transaction that makes it so. `run_due`
does it at its own instant, not at the instant of the call, so one long step and many short ones end the same. An item
whose work needs a provider does its own three steps under a key of our own; a kill in between finds it still open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import StorageError
from services.db import money_models as mm
from services.db import portable
from services.embedded.core import Core

BATCH = 500  # items a transaction does at most
LEASE = timedelta(seconds=30)

_D = mm.DueItem
_NEW = portable.insert(_D)
_SCHEDULE = _NEW.on_conflict_do_update(
    index_elements=["key"],
    set_={"due_at": _NEW.excluded.due_at, "params": _NEW.excluded.params},
    where=_D.done_at.is_(None),
)
_DROP = sa.delete(_D).where(_D.subject_uuid == sa.bindparam("subject"), _D.done_at.is_(None))
_DROP_KIND = _DROP.where(_D.kind == sa.bindparam("of_kind"))
_NEXT = (
    sa.select(_D.key, _D.kind, _D.subject_uuid, _D.organization_uuid, _D.due_at, _D.params)
    .where(_D.done_at.is_(None))
    .order_by(_D.due_at, _D.rank, _D.key)
    .limit(1)
)
_NEXT_UNTIL = _NEXT.where(_D.due_at <= sa.bindparam("until"))
_FINISH = sa.update(_D).where(_D.key == sa.bindparam("of_key"), _D.done_at.is_(None)).values(done_at=sa.bindparam("at"))


@dataclass(frozen=True, slots=True)
class Due:
    """`at` is its instant: handlers take it for the present."""

    key: str
    kind: str
    subject_uuid: str
    organization_uuid: str
    at: datetime
    params: dict[str, Any]


InTransaction = Callable[[Core, Connection, Due], None]
WithProvider = Callable[[Core, Due], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Duties:
    """What each kind does. `ranks`: the order at one instant, as the kinds are listed; unknown kinds come last."""

    plain: Mapping[str, InTransaction]
    asking: Mapping[str, WithProvider]


def schedule(
    connection: Connection,
    kind: str,
    subject_uuid: str,
    organization_uuid: str,
    at: datetime,
    *,
    part: str = "",
    **params: Any,  # Any: JSON values
) -> None:
    """Notes that `kind` is due for `subject` at `at`. The same again (kind, subject, part) moves it, unless it is done
    already: then nothing happens, so `part` tells repetitions apart (the period's start, the attempt's number)."""
    connection.execute(
        _SCHEDULE,
        {"key": _key(kind, subject_uuid, part), "kind": kind, "subject_uuid": subject_uuid,
         "organization_uuid": organization_uuid, "due_at": at, "rank": rank(kind), "params": params,
         "leased_until": None, "done_at": None},
    )  # fmt: skip


def _key(kind: str, subject_uuid: str, part: str) -> str:
    return ":".join(filter(None, (kind, subject_uuid, part)))


def drop(connection: Connection, subject_uuid: str, *kinds: str) -> None:
    """Forgets what is open for a subject; all kinds when none is named."""
    if not kinds:
        connection.execute(_DROP, {"subject": subject_uuid})
    for kind in kinds:
        connection.execute(_DROP_KIND, {"subject": subject_uuid, "of_kind": kind})


# At one instant: credit becomes usable or expires, then trials and pauses end, then changes and renewals, then
# invoices are made final, collected and chased, then reminders.
ORDER = (
    "credit_effective",
    "credit_expires",
    "hold_expires",
    "recognise",
    "trial_ends",
    "resume",
    "change",
    "pause",
    "cancel",
    "period",
    "finalise",
    "capture",
    "collect",
    "overdue",
    "suspend",
    "quote_expires",
    "transfer_expires",
    "auto_top_up",
    "trial_reminder",
    "alert",
)


def rank(kind: str) -> int:
    """Place of a kind among those due at one instant."""
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


QUIET = ("recognise", "hold_expires", "capture")  # bookings that change nothing a buyer sees


def next_due(connection: Connection) -> Due | None:
    """What falls due next, in the past or to come."""
    return _due(connection.execute(_NEXT).one_or_none())


def next_event(connection: Connection) -> Due | None:
    """The next of what a buyer would notice."""
    return _due(connection.execute(_NEXT.where(_D.kind.not_in(QUIET))).one_or_none())


def _due(row: Any) -> Due | None:  # Any: a row of the columns above, or None
    return None if row is None else Due(*row)


@dataclass(slots=True)
class _Round:
    """What is done until `now`, but for some organizations (uuids), and the item that was begun last."""

    duties: Duties
    now: datetime
    aside: set[str] = field(default_factory=set)
    begun: Due | None = None

    def first(self, connection: Connection) -> Due | None:
        """What is to be done next."""
        next_one = _NEXT_UNTIL.where(_D.organization_uuid.not_in(self.aside)) if self.aside else _NEXT_UNTIL
        self.begun = _due(connection.execute(next_one, {"until": self.now}).one_or_none())
        return self.begun


async def run_due(core: Core, duties: Duties, now: datetime) -> int:
    """Does everything due until `now`, in order; returns how many items. Stops where another process works, and raises
    what a duty raises."""
    return await _run(core, _Round(duties, now))


async def run_for_all(core: Core, duties: Duties, now: datetime) -> tuple[int, Exception | None]:
    """As `run_due`, but where a duty raises only its organization waits: what it owes is done in order or not at all.
    Returns how many items the others had, and the first error. StorageError."""
    work, first = _Round(duties, now), None
    while True:
        try:
            return await _run(core, work), first
        except StorageError:
            raise
        except Exception as error:
            if work.begun is None or work.begun.organization_uuid in work.aside:
                raise
            work.aside.add(work.begun.organization_uuid)
            first = first or error


async def _run(core: Core, work: _Round) -> int:
    duties, done = work.duties, 0
    while True:
        count, asking = await core.db.run(lambda connection: _batch(core, work, connection))
        done += count
        if asking is None:
            if count == 0:
                return done
            continue
        await duties.asking[asking.kind](core, asking)
        await core.db.run(partial(_finish_now, core, key=asking.key))
        done += 1


def _batch(core: Core, work: _Round, connection: Connection) -> tuple[int, Due | None]:
    """Does items until one must ask a provider: that one is leased and handed back."""
    portable.one_at_a_time(connection, "run_due")
    done = 0
    while done < BATCH and (due := work.first(connection)):
        if due.kind in work.duties.asking:
            return done, due if _lease(connection, due, core.clock.now()) else None
        work.duties.plain[due.kind](core, connection, due)
        finish(connection, due.key, core.clock.now())
        done += 1
    return done, None


def _lease(connection: Connection, due: Due, now: datetime) -> bool:
    """Whether it is ours for a while. A lease longer than any can be was written by a clock that was wrong."""
    free = sa.or_(_D.leased_until.is_(None), _D.leased_until <= now, _D.leased_until > now + 2 * LEASE)
    leased = connection.execute(sa.update(_D).where(_D.key == due.key, free).values(leased_until=now + LEASE))
    return leased.rowcount == 1


def _finish_now(core: Core, connection: Connection, key: str) -> None:
    finish(connection, key, core.clock.now())


def finish(connection: Connection, key: str, now: datetime) -> None:
    """Done; never again."""
    connection.execute(_FINISH, {"of_key": key, "at": now})
