"""The providers' records go back in time together, each to what it held, also from snapshots older than this."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from app.records import Records
from services.db import snapshots


class Memory:
    """A record beside: one SQLite file in WAL, held open as a provider's would be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open = sqlite3.connect(path, check_same_thread=False)
        self._open.execute("PRAGMA journal_mode=WAL")
        self._open.execute("CREATE TABLE IF NOT EXISTS notes (text TEXT)")

    def note(self, text: str) -> None:
        with self._open:
            self._open.execute("INSERT INTO notes VALUES (?)", (text,))

    @property
    def notes(self) -> list[str]:
        return [text for (text,) in self._open.execute("SELECT text FROM notes")]

    async def between_writes(self, work: Callable[[Path], None]) -> None:
        await asyncio.to_thread(work, self.path)

    def close(self) -> None:
        self._open.close()


def test_every_record_goes_back_to_the_same_moment(data_dir: Path, loop: asyncio.Runner, tmp_path: Path) -> None:
    with (
        closing(Memory(data_dir / "a.db")) as one,
        closing(Memory(data_dir / "b.db")) as other,
    ):
        records = Records({"a": one, "b": other}, of_before="a", folder=data_dir)
        one.note("before")
        other.note("before too")
        loop.run(records.between_writes(partial(snapshots.put_aside, target=tmp_path / "snapshot.db")))
        one.note("after")
        other.note("after too")
        loop.run(records.between_writes(partial(snapshots.bring_back, tmp_path / "snapshot.db")))
        assert (one.notes, other.notes) == (["before"], ["before too"])
    assert not [path for path in data_dir.iterdir() if path.name.startswith(".records")]


def test_putting_aside_changes_nothing(data_dir: Path, loop: asyncio.Runner, tmp_path: Path) -> None:
    with closing(Memory(data_dir / "a.db")) as one:
        one.note("kept")
        records = Records({"a": one}, of_before="a", folder=data_dir)

        def put_aside_and_write(path: Path) -> None:
            snapshots.put_aside(path, tmp_path / "snapshot.db")
            one.note("written meanwhile")

        loop.run(records.between_writes(put_aside_and_write))
        assert one.notes == ["kept", "written meanwhile"]


def test_a_snapshot_of_before_is_the_first_providers_own(data_dir: Path, loop: asyncio.Runner, tmp_path: Path) -> None:
    with (
        closing(Memory(data_dir / "old.db")) as old,
        closing(Memory(data_dir / "new.db")) as new,
    ):
        old.note("then")
        snapshots.put_aside(old.path, tmp_path / "snapshot.db")  # as it was made without Records
        old.note("later")
        new.note("new")
        records = Records({"twin": new, "test": old}, of_before="test", folder=data_dir)
        loop.run(records.between_writes(partial(snapshots.bring_back, tmp_path / "snapshot.db")))
        assert (old.notes, new.notes) == (["then"], ["new"])


def test_a_record_unknown_to_the_snapshot_and_one_unknown_to_us_are_left(
    data_dir: Path, loop: asyncio.Runner, tmp_path: Path
) -> None:
    with (
        closing(Memory(data_dir / "a.db")) as one,
        closing(Memory(data_dir / "b.db")) as other,
    ):
        first = Records({"a": one, "gone": other}, of_before="a", folder=data_dir)
        one.note("then")
        other.note("other")
        loop.run(first.between_writes(partial(snapshots.put_aside, target=tmp_path / "snapshot.db")))
        one.note("later")
        other.note("other later")
        second = Records({"a": one, "new": other}, of_before="a", folder=data_dir)
        loop.run(second.between_writes(partial(snapshots.bring_back, tmp_path / "snapshot.db")))
        assert (one.notes, other.notes) == (["then"], ["other", "other later"])
