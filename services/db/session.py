"""Engines, SQLite's settings and the one way to the data: `run` writes, `read` reads, one function = one transaction.

The work is a synchronous function run in the database's own thread, so it cannot await a provider while it holds
a transaction (LAYOUT, "Choices").
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput, ReadOnly
from services.db import backups
from services.db.faults import storage_error

T = TypeVar("T")
Work = Callable[[Connection], T]

BUSY_TIMEOUT_S = 5.0
_WRITES = "souk_writes"


def make_engine(path: Path, *, read_only: bool = False) -> sa.Engine:
    """An engine with our settings: WAL, synchronous=FULL, foreign keys, BEGIN IMMEDIATE for writers (TRUST, 0.5)."""
    address = backups.read_only(path) if read_only else str(path)

    def connect() -> sqlite3.Connection:  # ours, because a URL would read a "?" or "%" in the folder's name
        return sqlite3.connect(address, uri=read_only, timeout=BUSY_TIMEOUT_S, check_same_thread=False)

    # hide_parameters: the text of an error reaches logs, and parameters are passwords' hashes, tokens and chats
    engine = sa.create_engine("sqlite+pysqlite://", creator=connect, poolclass=sa.pool.NullPool, hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def _settings(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-16384")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


class Lane:
    """One thread with one connection; work is done in the order it was given."""

    def __init__(self, engine: sa.Engine, name: str, *, writes: bool) -> None:
        self._engine = engine
        self._writes = writes
        self._connection: Connection | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"souk-db-{name}")

    def _do(self, work: Work[T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._connect()
            with self._connection.begin():
                return work(self._connection)
        except sa.exc.DBAPIError as error:
            known = storage_error(error.orig)
            if known is None:
                raise
            raise known from error
        except UnicodeEncodeError as error:  # half a character, as some keyboards and all attackers send it
            raise InvalidInput(fields={"text": "unexpected"}) from error

    def _connect(self) -> Connection:
        connection = self._engine.connect().execution_options(**{_WRITES: self._writes})
        if not self._writes:  # a write through `read` would not be queued with the others
            connection.connection.cursor().execute("PRAGMA query_only=ON")
        return connection

    async def do(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._do, work)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def close(self) -> None:
        self._executor.submit(self._disconnect).result()
        self._executor.shutdown()


class Database:
    """The database of one installation. Writers queue in one thread; readers have their own and never wait (WAL)."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.is_read_only = read_only
        self._engine = make_engine(path, read_only=read_only)
        self._writer = Lane(self._engine, "write", writes=True)
        self._reader = Lane(self._engine, "read", writes=False)

    async def run(self, work: Work[T]) -> T:
        """One transaction that may write; committed when `work` returns, rolled back when it raises."""
        if self.is_read_only:
            raise ReadOnly
        return await self._writer.do(work)

    async def read(self, work: Work[T]) -> T:
        """One transaction that only reads, on a snapshot."""
        return await self._reader.do(work)

    def close(self) -> None:
        """Finishes what was given and lets go of the file."""
        self._writer.close()
        self._reader.close()
        self._engine.dispose()


__all__ = ["Database", "make_engine", "storage_error"]
