"""The one way to the data: SQLite's settings, one transaction a call, and what a full disk or a lock looks like."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.db.session import Database, make_engine, storage_error

MEBIBYTE = 1 << 20


@pytest.fixture(autouse=True)
def patient(loop: asyncio.Runner) -> None:
    """These are about files and threads; that nobody blocks the loop is asked elsewhere."""
    loop.get_loop().slow_callback_duration = 1.0


@pytest.fixture
def database(data_dir: Path, loop: asyncio.Runner) -> Iterator[Database]:
    """A database with one table of facts and nothing in it."""
    path = data_dir / "souk.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE facts (id INTEGER PRIMARY KEY, value UNIQUE)")
        connection.execute("CREATE TABLE notes (fact_id INTEGER REFERENCES facts (id), text)")
    opened = Database(path)
    yield opened
    opened.close()


def execute(connection: Connection, sql: str, *values: Any) -> list[Any]:  # Any: SQL values
    found = connection.exec_driver_sql(sql, values)
    return [row[0] for row in found] if found.returns_rows else []


def add(connection: Connection, value: object) -> None:
    execute(connection, "INSERT INTO facts (value) VALUES (?)", value)


def facts(connection: Connection) -> list[Any]:  # Any: as above
    return execute(connection, "SELECT value FROM facts ORDER BY id")


# ---- settings


def test_both_lanes_are_set_for_safety(database: Database, loop: asyncio.Runner) -> None:
    def settings(connection: Connection) -> dict[str, Any]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return {name: execute(connection, f"PRAGMA {name}")[0] for name in names}

    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}  # 2: FULL
    assert loop.run(database.run(settings)) == wanted
    assert loop.run(database.read(settings)) == wanted


def test_a_row_that_points_nowhere_is_refused(database: Database, loop: asyncio.Runner) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="FOREIGN KEY"):
        loop.run(database.run(lambda c: execute(c, "INSERT INTO notes VALUES (7, 'x')")))


@pytest.mark.parametrize("name", ["50% off", "what?", "#1", "a&mode=memory", "ünïcode ☃", "file:x", "%41"])
def test_any_folder_name_will_do(name: str, tmp_path: Path, loop: asyncio.Runner) -> None:
    folder = tmp_path / name
    folder.mkdir()
    database = Database(folder / "souk.db")
    loop.run(database.run(lambda c: execute(c, "CREATE TABLE facts (value)")))
    database.close()
    assert [path.name for path in folder.iterdir()] == ["souk.db"]
    only_reads = Database(folder / "souk.db", read_only=True)
    assert loop.run(only_reads.read(lambda c: execute(c, "SELECT name FROM sqlite_master"))) == ["facts"]
    only_reads.close()


# ---- one function, one transaction


def test_what_was_done_before_an_error_is_undone(database: Database, loop: asyncio.Runner) -> None:
    def half(connection: Connection) -> None:
        add(connection, "first half")
        raise errors.NotFound(what="second half")

    with pytest.raises(errors.NotFound):
        loop.run(database.run(half))
    loop.run(database.run(lambda c: add(c, "after")))
    assert loop.run(database.read(facts)) == ["after"]


def test_a_bug_is_raised_as_it_is_and_undone_too(database: Database, loop: asyncio.Runner) -> None:
    def buggy(connection: Connection) -> None:
        add(connection, "x")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop.run(database.run(buggy))
    assert loop.run(database.read(facts)) == []


@pytest.mark.parametrize("sql", ["SELECT * FROM no_such_table", "not sql", "INSERT INTO facts (id) VALUES ('a')"])
def test_an_error_nobody_expects_is_not_swallowed(sql: str, database: Database, loop: asyncio.Runner) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        loop.run(database.run(lambda c: execute(c, sql)))
    loop.run(database.run(lambda c: add(c, "still works")))


def test_text_that_is_no_text_is_refused_and_undone(database: Database, loop: asyncio.Runner) -> None:
    def half(connection: Connection) -> None:
        add(connection, "good")
        add(connection, "\ud800")

    with pytest.raises(errors.InvalidInput):
        loop.run(database.run(half))
    with pytest.raises(errors.InvalidInput):
        loop.run(database.read(lambda c: execute(c, "SELECT ?", "\udfff")))
    assert loop.run(database.read(facts)) == []


def test_a_duplicate_is_the_callers_business(database: Database, loop: asyncio.Runner) -> None:
    loop.run(database.run(lambda c: add(c, "one")))
    with pytest.raises(sa.exc.IntegrityError):
        loop.run(database.run(lambda c: add(c, "one")))


def test_two_databases_on_one_file_write_one_after_the_other(database: Database, loop: asyncio.Runner) -> None:
    """Each reads the sum and adds to it: with a transaction that began as a reader, updates would be lost."""
    loop.run(database.run(lambda c: add(c, 0)))
    other = Database(database.path)

    def increase(connection: Connection) -> None:
        [value] = facts(connection)
        execute(connection, "UPDATE facts SET value = ?", value + 1)

    async def race() -> None:
        await asyncio.gather(*(each.run(increase) for _ in range(25) for each in (database, other)))

    loop.run(race())
    other.close()
    assert loop.run(database.read(facts)) == [50]


def test_a_reader_never_waits_for_a_writer_and_sees_only_what_is_committed(
    database: Database, loop: asyncio.Runner
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        add(connection, "not yet")
        inside.set()
        assert go_on.wait(10)

    async def both() -> tuple[list[Any], list[Any]]:
        writing = asyncio.create_task(database.run(slow))
        await asyncio.to_thread(inside.wait, 10)
        during = await database.read(facts)
        go_on.set()
        await writing
        return during, await database.read(facts)

    assert loop.run(both()) == ([], ["not yet"])


def test_what_was_given_is_finished_before_closing(data_dir: Path, loop: asyncio.Runner) -> None:
    database = Database(data_dir / "souk.db")

    async def give_and_leave() -> None:
        await database.run(lambda c: execute(c, "CREATE TABLE facts (id INTEGER PRIMARY KEY, value)"))
        given = [asyncio.create_task(database.run(partial(add, value=number))) for number in range(5)]
        await asyncio.sleep(0)
        await asyncio.to_thread(database.close)
        await asyncio.gather(*given)

    loop.run(give_and_leave())
    assert [path.name for path in data_dir.iterdir()] == ["souk.db"]  # the log was folded in
    with closing(sqlite3.connect(database.path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM facts").fetchone() == (5,)


# ---- rescue


def test_a_read_only_database_reads_and_refuses_to_write(database: Database, loop: asyncio.Runner) -> None:
    loop.run(database.run(lambda c: add(c, "kept")))
    rescue = Database(database.path, read_only=True)
    assert loop.run(rescue.read(facts)) == ["kept"]
    with pytest.raises(errors.ReadOnly):
        loop.run(rescue.run(lambda c: add(c, "x")))
    with pytest.raises(errors.ReadOnly):  # also by the back door
        loop.run(rescue.read(lambda c: add(c, "x")))
    rescue.close()


def test_reading_never_writes(database: Database, loop: asyncio.Runner) -> None:
    with pytest.raises(errors.ReadOnly):
        loop.run(database.read(lambda c: add(c, "x")))


@pytest.mark.parametrize("content", [b"not a database" * 500, b"SQLite format 3\0" + b"\xff" * 8192])
def test_a_file_that_is_no_database_is_corrupt(content: bytes, data_dir: Path, loop: asyncio.Runner) -> None:
    (data_dir / "souk.db").write_bytes(content)
    database = Database(data_dir / "souk.db")
    with pytest.raises(errors.DatabaseCorrupt):
        loop.run(database.read(facts))
    with pytest.raises(errors.DatabaseCorrupt):
        loop.run(database.run(facts))
    database.close()
    assert (data_dir / "souk.db").read_bytes() == content


def test_a_folder_that_is_not_there_is_a_storage_error(data_dir: Path, loop: asyncio.Runner) -> None:
    database = Database(data_dir / "gone" / "souk.db")
    with pytest.raises(errors.StorageError):
        loop.run(database.read(facts))
    database.close()


# ---- full, busy


def add_large(connection: Connection, number: int) -> None:
    add(connection, number)
    execute(connection, "INSERT INTO notes SELECT id, zeroblob(20000) FROM facts WHERE value = ?", number)


def fill(database: Database, loop: asyncio.Runner) -> list[int]:
    """Writes until nothing more fits; the numbers of what was acknowledged."""
    written: list[int] = []
    for number in range(1000):
        try:
            loop.run(database.run(partial(add_large, number=number)))
        except errors.DiskFull:
            return written
        written.append(number)
    raise AssertionError("the disk never filled")


def test_on_a_full_disk_nothing_acknowledged_is_lost_and_it_goes_on_afterwards(
    database: Database, loop: asyncio.Runner
) -> None:
    pages = loop.run(database.run(lambda c: execute(c, "PRAGMA max_page_count = 60")))[0]
    assert pages == 60
    written = fill(database, loop)
    assert 3 < len(written) < 60
    kept = loop.run(database.read(lambda c: execute(c, "SELECT f.value FROM facts f JOIN notes ON fact_id = f.id")))
    assert kept == written
    loop.run(database.run(lambda c: execute(c, "PRAGMA max_page_count = 100000")))
    loop.run(database.run(lambda c: add(c, "room again")))
    assert loop.run(database.read(facts))[-1] == "room again"
    assert loop.run(database.read(lambda c: execute(c, "PRAGMA integrity_check"))) == ["ok"]


def test_a_transaction_that_does_not_fit_is_undone_as_a_whole(database: Database, loop: asyncio.Runner) -> None:
    loop.run(database.run(lambda c: execute(c, "PRAGMA max_page_count = 20")))

    def too_much(connection: Connection) -> None:
        for number in range(10):
            add_large(connection, number)

    with pytest.raises(errors.DiskFull):
        loop.run(database.run(too_much))
    assert loop.run(database.read(facts)) == []


def test_a_database_held_by_another_program_is_busy_and_can_be_tried_again(
    database: Database, loop: asyncio.Runner
) -> None:
    loop.run(database.run(lambda c: execute(c, "PRAGMA busy_timeout = 1")))
    with closing(sqlite3.connect(database.path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(errors.DatabaseBusy) as caught:
            loop.run(database.run(lambda c: add(c, "x")))
        assert loop.run(database.read(facts)) == []  # reading goes on
    assert caught.value.retryable
    loop.run(database.run(lambda c: add(c, "x")))
    assert loop.run(database.read(facts)) == ["x"]


# ---- telling the kinds apart


def with_code(code: int | None) -> Exception:
    error = sqlite3.OperationalError("whatever the text says")
    if code is not None:
        error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, errors.DiskFull),
        (sqlite3.SQLITE_IOERR_WRITE, errors.StorageError),
        (sqlite3.SQLITE_IOERR_FSYNC, errors.StorageError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, errors.DatabaseBusy),
        (sqlite3.SQLITE_LOCKED, errors.DatabaseBusy),
        (sqlite3.SQLITE_CORRUPT_VTAB, errors.DatabaseCorrupt),
        (sqlite3.SQLITE_NOTADB, errors.DatabaseCorrupt),
        (sqlite3.SQLITE_READONLY_DBMOVED, errors.ReadOnly),
        (sqlite3.SQLITE_CANTOPEN, errors.StorageError),
    ],
)
def test_the_kind_of_a_storage_error_comes_from_its_code(code: int, kind: type[errors.StorageError]) -> None:
    found = storage_error(with_code(code))
    assert type(found) is kind
    assert found.params == {"sqlite_code": code}


@pytest.mark.parametrize("code", [None, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_MISUSE])
def test_what_is_a_bug_is_no_storage_error(code: int | None) -> None:
    assert storage_error(with_code(code)) is None
    assert storage_error(None) is None


def test_a_read_only_engine_does_not_make_a_file(data_dir: Path) -> None:
    engine = make_engine(data_dir / "souk.db", read_only=True)
    with pytest.raises(sa.exc.OperationalError):
        engine.connect()
    assert list(data_dir.iterdir()) == []
