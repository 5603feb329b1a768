"""Brings a database to this program's schema: a file is looked at with sqlite3 alone, alembic loaded only for work.

Start-up order: sound? -> too new? -> up to date (the usual case) | back up, then migrate, one transaction a step.
A server's database is looked after by its own backups; there a lock keeps two programs from migrating at once.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from services.api.errors import DatabaseCorrupt, DatabaseTooNew, StorageError
from services.db import backups
from services.db.faults import storage_error

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_FOLDER = Path(__file__).with_name("migrations")
_LOOK_TIMEOUT_S = 2.0
_MIGRATING = 7_365_774_363  # the name of the lock, as PostgreSQL wants it
_MIGRATING_TIMEOUT_S = 60


def revisions(folder: Path = _FOLDER) -> list[str]:
    """Every revision of this program in order, read from the file names (`0001_first.py`)."""
    return sorted(path.name.partition("_")[0] for path in (folder / "versions").glob("[0-9]*_*.py"))


def current_revision(database: Path) -> str | None:
    """The revision a file is at; None for a new or empty one. DatabaseCorrupt, DatabaseBusy, StorageError."""
    if not database.exists() or database.stat().st_size == 0:
        return None
    try:
        with closing(sqlite3.connect(backups.read_only(database), uri=True, timeout=_LOOK_TIMEOUT_S)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        if "no such table" in str(error):
            return None
        # Held by another program, or not readable, is not damaged: offering a backup in its place would be wrong.
        raise type(storage_error(error) or StorageError())(path=database.name) from error
    return None if row is None else str(row[0])


def prepare(database: Path, backup_folder: Path, now: datetime, *, folder: Path = _FOLDER) -> None:
    """Leaves the file at this program's schema. DatabaseCorrupt, DatabaseTooNew; nothing is touched then. DiskFull.

    `folder` holds the migrations; tests put another one in its place.
    """
    known = revisions(folder)
    current = current_revision(database)
    if current is not None and not backups.is_sound(database):
        raise DatabaseCorrupt(path=database.name)
    if current is not None and current not in known:
        raise DatabaseTooNew(revision=current)
    if current == known[-1]:
        return
    try:
        backups.make_private(database)
        if current is not None:
            backups.make_backup(database, backup_folder, now)
    except (OSError, sqlite3.Error) as error:
        raise storage_error(error) or StorageError(path=database.name) from error
    upgrade(database, folder=folder)


def prepare_server(url: str, *, folder: Path = _FOLDER) -> None:
    """Leaves a PostgreSQL database at this program's schema. DatabaseTooNew; nothing is touched then. DatabaseBusy."""
    from sqlalchemy.exc import DBAPIError  # lazy: keeps this module free of SQLAlchemy for the quick look at a file

    from services.db import postgres  # lazy: as above

    known = revisions(folder)
    engine = postgres.make_engine(url, connections=1)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"SET lock_timeout = '{_MIGRATING_TIMEOUT_S}s'")
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({_MIGRATING})")  # until the connection is closed
            current = _server_revision(connection)
            connection.commit()
            if current is not None and current not in known:
                raise DatabaseTooNew(revision=current)
            if current != known[-1]:
                _run(connection, lambda config, command: command.upgrade(config, "head"), folder)
    except DBAPIError as error:
        raise storage_error(error.orig) or error from error.orig
    finally:
        engine.dispose()


def _server_revision(connection: Connection) -> str | None:
    if connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar() is None:
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def upgrade(database: Path, revision: str = "head", *, folder: Path = _FOLDER) -> None:
    """Runs the migrations up to `revision`."""
    _alembic(database, lambda config, command: command.upgrade(config, revision), folder)


def downgrade(database: Path, revision: str) -> None:
    """Runs the migrations down to `revision`; for tests."""
    _alembic(database, lambda config, command: command.downgrade(config, revision))


def check_drift() -> list[str]:
    """What the models say and the migrations do not, in words; empty when they agree."""
    found: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "drift.db"
        upgrade(database)
        _alembic(database, lambda config, command: found.extend(_differences(config, command)))
    return found


def server_downgrade(connection: Connection, revision: str) -> None:
    """Runs the migrations of a server's database down to `revision`; for tests."""
    _run(connection, lambda config, command: command.downgrade(config, revision))


def server_drift(connection: Connection) -> list[str]:
    """The same for a migrated database on a server."""
    found: list[str] = []
    _run(connection, lambda config, command: found.extend(_differences(config, command)))
    return found


def _differences(config, command) -> list[str]:  # type: ignore[no-untyped-def]  # alembic's own objects
    from alembic.util.exc import AutogenerateDiffsDetected  # lazy: only when migrating

    try:
        command.check(config)
    except AutogenerateDiffsDetected as drift:
        return [str(drift)]
    return []


def _alembic(database: Path, action, folder: Path = _FOLDER) -> None:  # type: ignore[no-untyped-def]  # a callable over alembic's objects
    from sqlalchemy.exc import DBAPIError  # lazy: as below

    from services.db.session import make_engine  # lazy: keeps this module free of SQLAlchemy for the quick look

    engine = make_engine(database)
    try:
        with engine.connect() as connection:
            _run(connection.execution_options(souk_writes=True), action, folder)
    except DBAPIError as error:
        raise storage_error(error.orig) or error from error.orig
    finally:
        engine.dispose()


def _run(connection: Connection, action, folder: Path = _FOLDER) -> None:  # type: ignore[no-untyped-def]  # as above
    from alembic import command  # lazy: 0.6 s, needed only when there is something to migrate
    from alembic.config import Config  # lazy: as above

    config = Config()
    config.set_main_option("script_location", folder.as_posix())
    config.attributes["connection"] = connection
    action(config, command)
    connection.commit()


if __name__ == "__main__":
    drift = check_drift() if sys.argv[1:] == ["check"] else ["usage: python -m services.db.migrate check"]
    sys.stdout.write("\n".join(drift) + "\n" if drift else "models and migrations agree\n")
    sys.exit(bool(drift))
