"""The whole contents of a database in use, put aside and brought back by SQLite's backup API.

Bringing back is one transaction of the file it goes into: a crash in the middle leaves what was there before, and every
open connection sees the old contents or the new ones, never a mixture. Standard library only.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from services.db import backups

BUSY_TIMEOUT_S = 10.0


def put_aside(database: Path, target: Path) -> None:
    """A whole copy of a database that others may be using; `target` appears only when it is complete."""
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(backups.read_only(database), uri=True, timeout=BUSY_TIMEOUT_S)) as old,
        closing(sqlite3.connect(partial)) as new,
    ):
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")
    partial.replace(target)


def bring_back(source: Path, database: Path) -> None:
    """The contents of a copy in the place of those of a live database. Waits for a writer; sqlite3.OperationalError
    when it does not end."""
    with (
        closing(sqlite3.connect(backups.read_only(source), uri=True)) as old,
        closing(sqlite3.connect(database, timeout=BUSY_TIMEOUT_S)) as live,
    ):
        old.backup(live)
