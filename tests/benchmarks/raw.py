"""sqlite3 alone, with the settings of our own connections."""

from __future__ import annotations

import sqlite3
from pathlib import Path

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16384")


def opened(path: Path) -> sqlite3.Connection:
    """A connection that begins and commits where it is told to."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection
