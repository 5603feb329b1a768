"""The SQLite file a twin keeps its records in: one transaction at a time, ids by a seed, closed while it is copied."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from services.api.clock import Clock


class RecordFile:
    """`writing` is one transaction, and everything else happens inside one. The schema has a table `counter` (nr)."""

    def __init__(self, path: Path, clock: Clock, *, seed: int, schema: str) -> None:
        self.path = path
        self._clock = clock
        self._seed = seed
        self._schema = schema
        self._lock = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")  # a provider does not forget what it has answered
        database.executescript(self._schema)
        return database

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    @contextmanager
    def resting(self) -> Iterator[Path]:
        """Nothing is written while this lasts, and the file is closed: it may be copied or replaced."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()
            try:
                yield self.path
            finally:
                self._db = self._open()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def now(self) -> datetime:
        return self._clock.now()

    def new_id(self, length: int = 17) -> str:
        """The next id; the same seed brings the same ids."""
        (number,) = self._db.execute("UPDATE counter SET nr = nr + 1 RETURNING nr").fetchone()
        digest = hashlib.sha256(f"{self._seed}:{number}".encode()).digest()
        return base64.b32encode(digest).decode()[:length]
