"""Copies that can be trusted: checked, listed without the broken ones, and put back without losing anything."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.db import backups
from services.db.backups import Backup

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture
def database(data_dir: Path) -> Path:
    path = data_dir / "souk.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE facts (value)")
    note(path, "first")
    return path


def note(database: Path, value: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO facts VALUES (?)", (value,))


def facts(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM facts ORDER BY rowid")]


def copies(folder: Path, database: Path, count: int) -> list[Backup]:
    return [backups.make_backup(database, folder, NOW + timedelta(days=day)) for day in range(count)]


def test_a_backup_holds_what_the_log_beside_the_file_holds(database: Path, data_dir: Path) -> None:
    with closing(sqlite3.connect(database)) as other:  # keeps the -wal file, as a running program does
        note(database, "in the log")
        assert other.execute("SELECT COUNT(*) FROM facts").fetchone() == (2,)
        backup = backups.make_backup(database, data_dir / "backups", NOW)
    assert facts(backup.path) == ["first", "in the log"]


def test_backups_are_listed_newest_first_and_seven_are_kept(database: Path, data_dir: Path) -> None:
    folder = data_dir / "backups"
    made = copies(folder, database, 9)
    assert backups.list_backups(folder) == made[:1:-1]
    assert len(list(folder.iterdir())) == 2 * backups.KEEP  # each with its note, no leftovers


def test_no_folder_is_no_backups(data_dir: Path) -> None:
    assert backups.list_backups(data_dir / "never made") == []


def test_a_copy_that_does_not_match_its_digest_is_left_out(database: Path, data_dir: Path) -> None:
    folder = data_dir / "backups"
    old, new = copies(folder, database, 2)
    content = bytearray(new.path.read_bytes())
    content[-1] ^= 1  # one flipped bit, which SQLite's own check may not see
    new.path.write_bytes(content)
    assert backups.list_backups(folder) == [old]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"sha256": "x"}', '{"sha256": 1, "made_at": 2}', "\0"])
def test_a_note_torn_by_a_crash_does_not_hide_the_good_copies(text: str, database: Path, data_dir: Path) -> None:
    folder = data_dir / "backups"
    old, new = copies(folder, database, 2)
    new.path.with_suffix(".json").write_text(text)
    assert backups.list_backups(folder) == [old]


def test_a_note_without_its_copy_is_left_out(database: Path, data_dir: Path) -> None:
    [only] = copies(data_dir / "backups", database, 1)
    only.path.unlink()
    assert backups.list_backups(data_dir / "backups") == []


@pytest.mark.parametrize("leftover", [b"", b"no database at all, only the start of a copy" * 300])
def test_an_interrupted_backup_does_not_stop_the_next(leftover: bytes, database: Path, data_dir: Path) -> None:
    folder = data_dir / "backups"
    folder.mkdir()
    (folder / f"souk-{NOW:%Y%m%dT%H%M%S}.partial").write_bytes(leftover)
    backup = backups.make_backup(database, folder, NOW)
    assert facts(backup.path) == ["first"]
    assert len(list(folder.iterdir())) == 2


def test_a_damaged_database_is_not_kept_as_a_backup(database: Path, data_dir: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE b (a REFERENCES facts (value))")
        connection.execute("CREATE UNIQUE INDEX one ON facts (value)")
        connection.execute("INSERT INTO b VALUES ('nothing')")
    folder = data_dir / "backups"
    with pytest.raises(sqlite3.DatabaseError, match="did not pass"):
        backups.make_backup(database, folder, NOW)
    assert list(folder.iterdir()) == []


# ---- putting one back


def test_restoring_keeps_the_damaged_file_with_its_log(database: Path, data_dir: Path) -> None:
    backup = backups.make_backup(database, data_dir / "backups", NOW)
    database.write_bytes(b"scribbled over")
    log = database.with_name("souk.db-wal")
    log.write_bytes(b"the log of the damaged file")
    kept = backups.restore(backup, database, NOW)
    assert kept == data_dir / "souk.damaged-20261122T093000.db"
    assert kept.read_bytes() == b"scribbled over"
    assert kept.with_name(kept.name + "-wal").read_bytes() == b"the log of the damaged file"
    assert not log.exists()
    assert facts(database) == ["first"]
    assert backups.list_backups(data_dir / "backups") == [backup]


def test_restoring_where_there_is_nothing_puts_the_copy_there(database: Path, data_dir: Path) -> None:
    backup = backups.make_backup(database, data_dir / "backups", NOW)
    database.unlink()
    assert backups.restore(backup, database, NOW) is None
    assert facts(database) == ["first"]


def test_the_log_of_a_vanished_file_is_not_played_into_the_restored_one(database: Path, data_dir: Path) -> None:
    backup = backups.make_backup(database, data_dir / "backups", NOW)
    with closing(sqlite3.connect(database)) as other:  # keeps the -wal file
        note(database, "only in the log")
        assert other.execute("SELECT COUNT(*) FROM facts").fetchone() == (2,)
        log = database.with_name("souk.db-wal").read_bytes()
    database.unlink()
    database.with_name("souk.db-wal").write_bytes(log)
    backups.restore(backup, database, NOW)
    assert facts(database) == ["first"]


def test_a_copy_that_cannot_be_read_leaves_the_file_in_its_place(database: Path, data_dir: Path) -> None:
    backup = backups.make_backup(database, data_dir / "backups", NOW)
    backup.path.write_bytes(b"gone bad after it was listed" * 300)
    with pytest.raises(sqlite3.DatabaseError):
        backups.restore(backup, database, NOW)
    assert facts(database) == ["first"]


def test_restoring_again_after_an_interruption_works(database: Path, data_dir: Path) -> None:
    backup = backups.make_backup(database, data_dir / "backups", NOW)
    note(database, "later")
    database.with_suffix(".restoring").write_bytes(b"half a copy" * 1000)
    backups.restore(backup, database, NOW)
    assert facts(database) == ["first"]


# ---- the check


def test_a_sound_file_is_sound_and_any_other_is_not(database: Path, data_dir: Path) -> None:
    assert backups.is_sound(database)
    assert not backups.is_sound(data_dir / "missing.db")
    other = data_dir / "other.db"
    other.write_bytes(b"not a database" * 400)
    assert not backups.is_sound(other)
