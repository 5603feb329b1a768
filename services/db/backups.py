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
        with closing(sqlite3.connect(f"file:{path.as_posix()}?mode=ro", uri=True)) as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return False
            return connection.execute("PRAGMA foreign_key_check").fetchone() is None
    except sqlite3.DatabaseError:
        return False


def make_backup(database: Path, folder: Path, now: datetime, *, keep: int = KEEP) -> Backup:
    """A verified copy in `folder` with its SHA-256 beside it; the oldest beyond `keep` are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"souk-{now.strftime(_STAMP)}.db"
    partial = target.with_suffix(".partial")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(partial)) as copy:
        source.backup(copy, pages=500)
    if not is_sound(partial):
        partial.unlink()
        raise sqlite3.DatabaseError("the copy did not pass its check")
    partial.replace(target)
    target.with_suffix(".json").write_text(json.dumps({"sha256": _digest(target), "made_at": now.isoformat()}))
    for old in list_backups(folder)[keep:]:
        old.path.unlink()
        old.path.with_suffix(".json").unlink(missing_ok=True)
    return Backup(target, now)


def list_backups(folder: Path) -> list[Backup]:
    """The whole backups in `folder`, newest first; copies that do not match their digest are left out."""
    found = []
    for note in folder.glob("souk-*.json"):
        facts = json.loads(note.read_text())
        path = note.with_suffix(".db")
        if path.exists() and _digest(path) == facts["sha256"]:
            found.append(Backup(path, datetime.fromisoformat(facts["made_at"])))
    return sorted(found, key=lambda backup: backup.made_at, reverse=True)


def restore(backup: Backup, database: Path, now: datetime) -> Path | None:
    """Puts a backup in the database's place. The old file is kept beside it; its path is returned."""
    damaged = None
    if database.exists():
        damaged = database.with_name(f"{database.stem}.damaged-{now.strftime(_STAMP)}{database.suffix}")
        database.replace(damaged)
    for extra in ("-wal", "-shm"):
        sidecar = database.with_name(database.name + extra)
        if sidecar.exists() and damaged is not None:
            sidecar.replace(damaged.with_name(damaged.name + extra))
    partial = database.with_suffix(".restoring")
    source = sqlite3.connect(f"file:{backup.path.as_posix()}?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(partial)) as copy:
        source.backup(copy)
    os.replace(partial, database)
    return damaged
