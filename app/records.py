"""What the providers on this machine remember, moved in time as one: several files travel in one snapshot.

A snapshot of before there were several is the test provider's file itself; it goes back where it came from.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from services.db import snapshots
from services.embedded.workspace import RecordBeside

_TABLE = "records_beside"


class Records:
    """`records`: by the names they have in a snapshot; `of_before` is the one whose file a snapshot used to be. One
    that a snapshot does not know yet stays as it is: what it remembers is asked for by nobody."""

    def __init__(self, records: Mapping[str, RecordBeside], *, of_before: str, folder: Path) -> None:
        self._records = dict(records)
        self._of_before = of_before
        self._folder = folder

    async def between_writes(self, work: Callable[[Path], None]) -> None:
        """Work on one file that holds all of them; what was changed there is brought back to each."""
        place = await asyncio.to_thread(partial(TemporaryDirectory, dir=self._folder, prefix=".records-"))
        try:
            whole = Path(place.name) / "whole.db"
            for name, record in self._records.items():
                await record.between_writes(partial(snapshots.put_aside, target=whole.with_name(f"{name}.part")))
            before = await asyncio.to_thread(self._pack, whole)
            await asyncio.to_thread(work, whole)
            for name in await asyncio.to_thread(self._unpack, whole, before):
                if (record_of := self._records.get(name)) is not None:
                    await record_of.between_writes(partial(snapshots.bring_back, whole.with_name(f"{name}.part")))
        finally:
            await asyncio.to_thread(place.cleanup)

    def _pack(self, whole: Path) -> str:
        with closing(sqlite3.connect(whole)) as database, database:
            database.execute(f"CREATE TABLE {_TABLE} (name TEXT PRIMARY KEY, content BLOB NOT NULL)")
            for name in self._records:
                content = whole.with_name(f"{name}.part").read_bytes()
                database.execute(f"INSERT INTO {_TABLE} VALUES (?, ?)", (name, content))  # noqa: S608  our own name
        return _contents(whole)

    def _unpack(self, whole: Path, before: str) -> list[str]:
        """The names of what was brought back, each a file beside the whole one; none when nothing was changed."""
        if _contents(whole) == before:
            return []
        with closing(sqlite3.connect(whole)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_TABLE,)).fetchone():
                snapshots.put_aside(whole, whole.with_name(f"{self._of_before}.part"))
                return [self._of_before]
            rows = database.execute(f"SELECT name, content FROM {_TABLE}").fetchall()  # noqa: S608  our own name
        for name, content in rows:
            if name in self._records:  # a name out of a file is never made one of a path otherwise
                whole.with_name(f"{name}.part").write_bytes(content)
        return [name for name, _ in rows]


def _contents(whole: Path) -> str:
    return sha256(whole.read_bytes()).hexdigest()
