"""PostgreSQL: its engine and settings, several transactions at once, and which of them are tried again.

psycopg is loaded here alone, when the first engine is made: the desktop does not carry it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

T = TypeVar("T")

CONNECTIONS = 5  # for writing, and as many for reading
LOCK_TIMEOUT_S = 5
CONNECT_TIMEOUT_S = 5
_IDLE_TIMEOUT_S = 60  # a transaction whose process hangs must not hold its locks for ever
_DRIVER = "postgresql+psycopg"
TRIES = 5
_PAUSE_S = 0.01
_RETRIED = {"40001", "40P01"}  # serialization failure, deadlock: nothing was done, the same may work now


def address(url: str) -> sa.URL:
    """What `url` says, which is spelled as libpq or SQLAlchemy do. ValueError; it does not repeat a password."""
    try:
        found = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise ValueError("not a PostgreSQL address") from None
    if found.drivername not in {"postgresql", "postgres", _DRIVER}:
        raise ValueError("not a PostgreSQL address")
    return found.set(drivername=_DRIVER)


def make_engine(url: str, *, connections: int = CONNECTIONS) -> sa.Engine:
    """An engine with our settings, not connected yet. ValueError for what is no address of PostgreSQL."""
    settings = {"lock_timeout": f"{LOCK_TIMEOUT_S}s", "idle_in_transaction_session_timeout": f"{_IDLE_TIMEOUT_S}s"}
    return sa.create_engine(
        address(url),
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "client_encoding": "utf8",
            "application_name": "souk",
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        },
        pool_size=2 * connections,
        max_overflow=0,
        pool_pre_ping=True,  # a server that was started anew is not noticed by whoever buys next
        hide_parameters=True,
    )


def reading(engine: sa.Engine) -> sa.Engine:
    """The same connections for transactions that see one snapshot and change nothing."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def writing(engine: sa.Engine) -> sa.Engine:
    """The same connections for transactions that change rows: each statement sees what is committed by then."""
    return engine.execution_options(isolation_level="READ COMMITTED")


def transact(engine: sa.Engine, work: Callable[[Connection], T], *, tries: int = TRIES) -> T:
    """One transaction, done again when it met another one in such a way that the server undid it."""
    try:
        with engine.begin() as connection:
            return work(connection)
    except sa.exc.DBAPIError as error:
        if tries == 1 or sqlstate(error) not in _RETRIED:
            raise
    time.sleep(_PAUSE_S * (TRIES + 1 - tries))  # longer each time, so that the others get through
    return transact(engine, work, tries=tries - 1)


def sqlstate(error: sa.exc.DBAPIError) -> str:
    """The five characters of the server's answer, "" when it gave none."""
    return getattr(error.orig, "sqlstate", None) or ""


def is_no_text(error: sa.exc.DBAPIError) -> bool:
    """Whether a value holds NUL, which is in no text of PostgreSQL; the driver notices, or the server."""
    return isinstance(error, sa.exc.DataError) and getattr(error.orig, "sqlstate", "") in {None, "22021"}
