"""A test-mode workspace whose time can be moved: its own clock, and the folder where its snapshots lie.

The offset to the real clock is kept in the database, so it survives a restart and belongs to every snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.clock import Clock
from services.db import models as m
from services.db import portable

_OFFSET = "clock_offset_us"
_MICROSECOND = timedelta(microseconds=1)


class WorkspaceClock:
    """The real clock plus an offset. Asked by many threads, set by the one that moves time."""

    def __init__(self, real: Clock) -> None:
        self.real = real
        self.offset = timedelta(0)

    def now(self) -> datetime:
        """The workspace's present."""
        return self.real.now() + self.offset

    @property
    def is_simulated(self) -> bool:
        return self.offset != timedelta(0)


class RecordBeside(Protocol):
    """A file beside the database that travels in time with it: the test provider's record."""

    async def between_writes(self, work: Callable[[Path], None]) -> None:
        """Work on the file, while nothing is being written there."""
        ...


@dataclass(frozen=True, slots=True)
class Workspace:
    """What may be moved in time. `folder` holds the snapshots; `provider` is moved along."""

    clock: WorkspaceClock
    folder: Path
    provider: RecordBeside


def read_offset(connection: Connection) -> timedelta:
    """How far the workspace's time lies from the real one."""
    stored = connection.execute(sa.select(m.Meta.value).where(m.Meta.key == _OFFSET)).scalar()
    return int(stored or 0) * _MICROSECOND


def write_offset(connection: Connection, offset: timedelta) -> None:
    """Keeps it; nothing is kept for real time."""
    if offset == timedelta(0):
        connection.execute(sa.delete(m.Meta).where(m.Meta.key == _OFFSET))
        return
    value = str(offset // _MICROSECOND)
    new = portable.insert(m.Meta).values(key=_OFFSET, value=value)
    connection.execute(new.on_conflict_do_update(index_elements=["key"], set_={"value": value}))
