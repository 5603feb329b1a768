"""One backup a day of a database in use; failures that leave nothing behind; files that nobody may write beside."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.api import errors
from services.db import backups, migrate
from services.db.faults import storage_error
from services.db.session import make_engine

NOW = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)


@pytest.fixture
def database(data_dir: Path) -> Path:
    path = data_dir / "souk.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE facts (value UNIQUE)")
        connection.execute("INSERT INTO facts VALUES (0)")
    return path


def count(path: Path) -> int:
    with closing(sqlite3.connect(backups.read_only(path), uri=True)) as connection:
        found: int = connection.execute("SELECT COUNT(*) FROM facts").fetchone()[0]
        return found


# ---- one a day


def test_a_day_has_one_backup_and_the_next_day_another(database: Path, data_dir: Path) -> None:
    folder = data_dir / "backups"
    made = [
        backups.make_daily(database, folder, now)
        for now in (NOW - timedelta(hours=23), NOW, NOW + timedelta(seconds=1), NOW + timedelta(hours=20))
    ]
    assert made == [True, False, True, False]
    assert [one.made_at.day for one in backups.list_backups(folder)] == [23, 22]


def test_seven_are_kept(database: Path, data_dir: Path) -> None:
    folder = data_dir / "backups"
    for day in range(10):
        assert backups.make_daily(database, folder, NOW + timedelta(days=day))
    assert len(backups.list_backups(folder)) == 7
    assert len(list(folder.iterdir())) == 14


def test_the_backup_before_a_migration_counts_for_its_day(database: Path, data_dir: Path) -> None:
    backups.make_backup(database, data_dir / "backups", NOW)
    assert not backups.make_daily(database, data_dir / "backups", NOW)


def test_backups_of_a_clock_that_was_ahead_do_not_stop_those_of_today(database: Path, data_dir: Path) -> None:
    backups.make_backup(database, data_dir / "backups", NOW + timedelta(days=365))
    assert backups.make_daily(database, data_dir / "backups", NOW)


def test_what_an_ended_process_left_half_done_goes_the_next_day(database: Path, data_dir: Path) -> None:
    folder = data_dir / "backups"
    folder.mkdir()
    for name in ("souk-20261121T101010.partial", "souk-20261122T101010.partial"):  # the latter may be being written
        (folder / name).write_bytes(b"half")
    backups.make_daily(database, folder, NOW)
    assert [path.name for path in folder.glob("*.partial")] == ["souk-20261122T101010.partial"]


def test_a_backup_ends_and_is_whole_while_somebody_writes_all_the_time(database: Path, data_dir: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE ballast AS SELECT zeroblob(8000000)")
    over = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            number = 1
            while not over.is_set():
                with connection:
                    connection.execute("INSERT INTO facts VALUES (?)", (number,))
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backup = backups.make_backup(database, data_dir / "backups", NOW)
    finally:
        over.set()
        writer.join()
    assert 1 <= count(backup.path) <= count(database)
    assert backups.is_sound(backup.path)


# ---- failures


def test_a_backup_that_does_not_fit_leaves_nothing(
    database: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"half a copy")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(backups, "_copy", full)
    with pytest.raises(sqlite3.OperationalError):
        backups.make_backup(database, data_dir / "backups", NOW)
    assert list((data_dir / "backups").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), errors.DiskFull),
        (OSError(errno.EROFS, "Read-only file system"), errors.ReadOnly),
        (PermissionError(errno.EACCES, "Permission denied"), errors.StorageError),
        (sqlite3.DatabaseError("the copy did not pass its check"), errors.StorageError),
    ],
)
def test_a_migration_whose_backup_cannot_be_made_says_why_and_is_not_begun(
    error: Exception, kind: type[errors.StorageError], data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = data_dir / "souk.db"
    migrate.prepare(path, data_dir / "backups", NOW)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(backups, "make_backup", fail)
    monkeypatch.setattr(migrate, "revisions", lambda _folder: ["0000", "0001"])
    with pytest.raises(errors.StorageError) as caught:
        migrate.prepare(path, data_dir / "backups", NOW)
    assert type(caught.value) is kind
    assert migrate.current_revision(path) == "0000"


def test_an_io_error_is_not_called_a_full_disk() -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    found = storage_error(error)
    assert type(found) is errors.StorageError
    assert found.params == {"sqlite_code": sqlite3.SQLITE_IOERR_WRITE}


def test_an_error_of_the_database_does_not_repeat_what_was_to_be_written(database: Path) -> None:
    engine = make_engine(database)
    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO facts VALUES (?)", ("tok_secret_canary",))
        with pytest.raises(sa.exc.IntegrityError) as caught:
            connection.exec_driver_sql("INSERT INTO facts VALUES (?)", ("tok_secret_canary",))
    assert "canary" not in f"{caught.value} {caught.value!r} {caught.value.orig}"
    engine.dispose()


# ---- where nobody may write


def test_a_file_in_a_folder_for_reading_only_is_read_as_one_that_never_changes(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert backups.read_only(database).endswith("souk.db?mode=ro&immutable=1")
    assert count(database) == 1
    log = database.with_name("souk.db-wal")
    log.touch()
    assert backups.read_only(database).endswith("souk.db?mode=ro")


@pytest.mark.skipif(not hasattr(os, "fork") or os.getuid() != 0, reason="needs to become somebody else")
def test_somebody_without_rights_can_read_and_check_it(database: Path) -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        folder = Path(open_to_all)
        path = folder / "souk.db"
        path.write_bytes(database.read_bytes())
        path.chmod(0o444)
        folder.chmod(0o555)
        child = os.fork()
        if child == 0:
            os.setuid(65534)
            os._exit(0 if count(path) == 1 and backups.is_sound(path) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        folder.chmod(0o755)
