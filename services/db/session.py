"""Engines, SQLite's settings and the one way to the data: `run` writes, `read` reads, one function = one transaction.

On SQLite one thread writes and one reads; on PostgreSQL some of each (see `postgres`).

The work is a synchronous function run in the database's own thread, so it cannot await a provider while it holds
a transaction (LAYOUT, "Choices").
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput, ReadOnly
from services.db import backups, postgres
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


@contextmanager
def _expected() -> Iterator[None]:
    """Failures that are nobody's bug leave as errors of services.api."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if postgres.is_no_text(error):
            raise InvalidInput(fields={"text": "unexpected"}) from error
        known = storage_error(error.orig)
        if known is None:
            raise
        raise known from error
    except UnicodeEncodeError as error:  # half a character, as some keyboards and all attackers send it
        raise InvalidInput(fields={"text": "unexpected"}) from error


class Lanes(Protocol):
    """Does work in threads of its own."""

    async def do(self, work: Work[T]) -> T: ...
    async def between(self, work: Callable[[], T]) -> T: ...
    def close(self) -> None: ...


class Lane:
    """One thread with one connection; work is done in the order it was given."""

    def __init__(self, engine: sa.Engine, name: str, *, writes: bool) -> None:
        self._engine = engine
        self._writes = writes
        self._connection: Connection | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"souk-db-{name}")

    def _do(self, work: Work[T]) -> T:
        with _expected():
            if self._connection is None:
                self._connection = self._connect()
            with self._connection.begin():
                return work(self._connection)

    def _connect(self) -> Connection:
        connection = self._engine.connect().execution_options(**{_WRITES: self._writes})
        if not self._writes:  # a write through `read` would not be queued with the others
            connection.connection.cursor().execute("PRAGMA query_only=ON")
        return connection

    async def do(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._do, work)

    async def between(self, work: Callable[[], T]) -> T:
        """Does `work` while this thread has no transaction open."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def close(self) -> None:
        self._executor.submit(self._disconnect).result()
        self._executor.shutdown()


class ManyLanes:
    """Several threads, each with a connection of the pool for as long as a transaction lasts."""

    def __init__(self, engine: sa.Engine, name: str, *, count: int) -> None:
        self._engine = engine
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=f"souk-db-{name}")

    def _do(self, work: Work[T]) -> T:
        with _expected():
            return postgres.transact(self._engine, work)

    async def do(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._do, work)

    async def between(self, work: Callable[[], T]) -> T:
        """Does `work` in one of the threads; the others go on."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        self._executor.shutdown()


class Database:
    """The database of one installation. Writers queue in one thread; readers have their own and never wait (WAL)."""

    path: Path  # of the file; a database on a server has none

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        engine = make_engine(path, read_only=read_only)
        writer, reader = Lane(engine, "write", writes=True), Lane(engine, "read", writes=False)
        self._open(engine, writer, reader, is_read_only=read_only)

    def _open(self, engine: sa.Engine, writer: Lanes, reader: Lanes, *, is_read_only: bool = False) -> None:
        self._engine = engine
        self._writer = writer
        self._reader = reader
        self.is_read_only = is_read_only

    async def run(self, work: Work[T]) -> T:
        """One transaction that may write; committed when `work` returns, rolled back when it raises.

        On a server `work` is done again after a deadlock, so it changes nothing but rows.
        """
        if self.is_read_only:
            raise ReadOnly
        return await self._writer.do(work)

    async def read(self, work: Work[T]) -> T:
        """One transaction that only reads, on a snapshot."""
        return await self._reader.do(work)

    async def between_writes(self, work: Callable[[], T]) -> T:
        """Work on the file itself, while no transaction of this process writes to it. OSError and sqlite3's errors
        leave as errors of services.api."""
        if self.is_read_only:
            raise ReadOnly

        def guarded() -> T:
            try:
                return work()
            except (OSError, sqlite3.Error) as error:
                raise storage_error(error) or error from error

        return await self._writer.between(guarded)

    def close(self) -> None:
        """Finishes what was given and lets go of the database."""
        self._writer.close()
        self._reader.close()
        self._engine.dispose()


class ServerDatabase(Database):
    """A database on a PostgreSQL server: writers and readers run at once, `connections` of each."""

    def __init__(self, url: str, *, connections: int = postgres.CONNECTIONS) -> None:
        engine = postgres.make_engine(url, connections=connections)
        writer = ManyLanes(postgres.writing(engine), "write", count=connections)
        reader = ManyLanes(postgres.reading(engine), "read", count=connections)
        self._open(engine, writer, reader)


__all__ = ["Database", "ServerDatabase", "make_engine", "storage_error"]
