"""Copies of the database that can be trusted: made by SQLite's backup API, checked, kept by age, restored on demand.

Standard library only: it runs before SQLAlchemy is loaded and when the database is broken.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

KEEP = 7
_STAMP = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True)
class Backup:
    path: Path
    made_at: datetime


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_sound(path: Path) -> bool:
    """Whether SQLite's quick check and the foreign keys pass."""
    try:
        with closing(sqlite3.connect(read_only(path), uri=True)) as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return False
            return connection.execute("PRAGMA foreign_key_check").fetchone() is None
    except sqlite3.DatabaseError:
        return False


def make_private(file: Path) -> None:
    """An empty file only its owner may read, where there was none; SQLite gives its -wal and -shm the same rights
    (TRUST, D). OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))


def make_backup(database: Path, folder: Path, now: datetime, *, keep: int = KEEP) -> Backup:
    """A verified copy in `folder` with its SHA-256 beside it; the oldest beyond `keep` are removed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / f"souk-{now.strftime(_STAMP)}.db"
    partial, note = target.with_suffix(".partial"), target.with_suffix(".json")
    try:
        _copy(database, partial)
        if not is_sound(partial):
            raise sqlite3.DatabaseError("the copy did not pass its check")
        facts = json.dumps({"sha256": _digest(partial), "made_at": now.isoformat()})
        partial.replace(target)
        note.write_text(facts)
    except (sqlite3.Error, OSError):  # half a copy would fill the disk further
        partial.unlink(missing_ok=True)
        raise
    for old in list_backups(folder)[keep:]:
        old.path.unlink()
        old.path.with_suffix(".json").unlink(missing_ok=True)
    return Backup(target, now)


def make_daily(database: Path, folder: Path, now: datetime) -> bool:
    """A backup of a database in use, unless there is one of this day (UTC) already; whether one was made."""
    if any(folder.glob(f"souk-{now:%Y%m%d}T*.json")):  # the note is written last
        return False
    for half in folder.glob("souk-*.partial"):  # of a process that ended on an earlier day
        if not half.name.startswith(f"souk-{now:%Y%m%d}"):
            half.unlink(missing_ok=True)
    make_backup(database, folder, now)
    return True


def read_only(path: Path) -> str:
    """The address under which sqlite3 opens a file without being able to change it.

    Where nobody can write beside it, SQLite cannot keep its usual books and takes the file for one that never changes;
    with a log beside it that would be wrong.
    """
    alone = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
    return f"file:{quote(path.as_posix(), safe='/:')}?mode=ro{'&immutable=1' if alone else ''}"


def _copy(source: Path, target: Path) -> None:
    """A whole database in one file without a log beside it; what an interrupted copy left there goes first.

    All pages in one step: whoever writes meanwhile is not kept waiting (WAL), and between two steps would make it start
    over.
    """
    target.unlink(missing_ok=True)
    make_private(target)
    with closing(sqlite3.connect(read_only(source), uri=True)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")


def list_backups(folder: Path) -> list[Backup]:
    """The whole backups in `folder`, newest first; copies that do not match their digest are left out."""
    found = []
    for note in folder.glob("souk-*.json"):
        path = note.with_suffix(".db")
        try:
            facts = json.loads(note.read_text())
            made_at = datetime.fromisoformat(facts["made_at"])
        except (ValueError, KeyError, TypeError):  # torn by a crash: its copy cannot be vouched for
            continue
        if path.exists() and _digest(path) == facts.get("sha256"):
            found.append(Backup(path, made_at))
    return sorted(found, key=lambda backup: backup.made_at, reverse=True)


def restore(backup: Backup, database: Path, now: datetime) -> Path | None:
    """Puts a backup in the database's place. The old file is kept beside it; its path is returned."""
    partial = database.with_suffix(".restoring")
    _copy(backup.path, partial)  # before anything is moved: it may fail
    damaged = database.with_name(f"{database.stem}.damaged-{now.strftime(_STAMP)}{database.suffix}")
    was_there = database.exists()
    for extra in ("", "-wal", "-shm"):  # a log left behind would be played into the restored file
        old = database.with_name(database.name + extra)
        if old.exists():
            old.replace(damaged.with_name(damaged.name + extra))
    partial.replace(database)
    return damaged if was_there else None
