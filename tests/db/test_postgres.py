"""The way to the data on a server: transactions that run at once, what is tried again, and what its failures are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.db import portable, postgres
from services.db.faults import storage_error
from services.db.session import ServerDatabase
from tests.postgres import administering, new_database, server

pytestmark = pytest.mark.postgres

PATIENCE_S = 10


@pytest.fixture(autouse=True)
def patient(loop: asyncio.Runner) -> None:
    """These are about threads and a server; that nobody blocks the loop is asked elsewhere."""
    loop.get_loop().slow_callback_duration = 1.0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with new_database(empty=True) as found:
        with administering(found) as connection:
            connection.exec_driver_sql("CREATE TABLE facts (id SERIAL PRIMARY KEY, value TEXT UNIQUE, number INT)")
        yield found


@pytest.fixture
def database(url: str) -> Iterator[ServerDatabase]:
    """A database with one table of facts and nothing in it."""
    with administering(url) as connection:
        connection.exec_driver_sql("TRUNCATE facts RESTART IDENTITY")
    opened = ServerDatabase(url, connections=3)
    yield opened
    opened.close()


def execute(connection: Connection, sql: str, *values: Any) -> list[Any]:  # Any: SQL values
    found = connection.exec_driver_sql(sql, values)
    return [row[0] for row in found] if found.returns_rows else []


def add(connection: Connection, value: object, number: int = 0) -> None:
    execute(connection, "INSERT INTO facts (value, number) VALUES (%s, %s)", value, number)


def facts(connection: Connection) -> list[Any]:  # Any: as above
    return execute(connection, "SELECT value FROM facts ORDER BY id")


def together(barrier: threading.Barrier) -> None:
    """Waits for the others; fails when they cannot come because they run one after the other."""
    barrier.wait(PATIENCE_S)


# ---- settings


def test_both_kinds_of_transaction_are_as_they_should_be(database: ServerDatabase, loop: asyncio.Runner) -> None:
    def settings(connection: Connection) -> list[str]:
        names = ("transaction_isolation", "transaction_read_only", "lock_timeout", "client_encoding")
        return [execute(connection, f"SHOW {name}")[0] for name in names]

    assert loop.run(database.run(settings)) == ["read committed", "off", "5s", "UTF8"]
    assert loop.run(database.read(settings)) == ["repeatable read", "on", "5s", "UTF8"]
    assert loop.run(database.run(settings))[:2] == ["read committed", "off"]  # a reader's settings stay with it


@pytest.mark.parametrize("spelled", ["postgresql", "postgres", "postgresql+psycopg"])
def test_an_address_is_understood_as_others_spell_it(spelled: str) -> None:
    found = postgres.address(f"{spelled}://souk:secret@db.example.com:5433/souk?sslmode=require")
    assert (found.drivername, found.host, found.port, found.database) == (
        "postgresql+psycopg", "db.example.com", 5433, "souk",
    )  # fmt: skip
    assert found.query == {"sslmode": "require"}


@pytest.mark.parametrize(
    "wrong", ["", "souk.db", "sqlite:///souk.db", "mysql://a:secret@b/c", "postgresql://a:secret@b:port/c", "secret"]
)
def test_what_is_no_address_is_refused_without_repeating_it(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^not a PostgreSQL address$") as caught:
        postgres.address(wrong)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


# ---- one function, one transaction


def test_what_was_done_before_an_error_is_undone(database: ServerDatabase, loop: asyncio.Runner) -> None:
    def half(connection: Connection) -> None:
        add(connection, "first half")
        raise errors.NotFound(what="second half")

    with pytest.raises(errors.NotFound):
        loop.run(database.run(half))
    loop.run(database.run(lambda c: add(c, "after")))
    assert loop.run(database.read(facts)) == ["after"]


@pytest.mark.parametrize("sql", ["SELECT * FROM no_such_table", "not sql", "INSERT INTO facts (id) VALUES ('a')"])
def test_an_error_nobody_expects_is_not_swallowed(sql: str, database: ServerDatabase, loop: asyncio.Runner) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        loop.run(database.run(lambda c: execute(c, sql)))
    loop.run(database.run(lambda c: add(c, "still works")))


def test_a_duplicate_is_the_callers_business(database: ServerDatabase, loop: asyncio.Runner) -> None:
    loop.run(database.run(lambda c: add(c, "one")))
    with pytest.raises(sa.exc.IntegrityError):
        loop.run(database.run(lambda c: add(c, "one")))


@pytest.mark.parametrize("text", ["nothing\0more", "\ud800"])
def test_text_that_is_no_text_is_refused_and_undone(text: str, database: ServerDatabase, loop: asyncio.Runner) -> None:
    def half(connection: Connection) -> None:
        add(connection, "good")
        add(connection, text)

    with pytest.raises(errors.InvalidInput) as caught:
        loop.run(database.run(half))
    assert caught.value.fields == {"text": "unexpected"}
    assert loop.run(database.read(facts)) == []


def test_reading_never_writes(database: ServerDatabase, loop: asyncio.Runner) -> None:
    with pytest.raises(errors.ReadOnly):
        loop.run(database.read(lambda c: add(c, "x")))


def test_reading_is_on_a_snapshot(database: ServerDatabase, loop: asyncio.Runner) -> None:
    looked, written = threading.Event(), threading.Event()

    def twice(connection: Connection) -> tuple[list[Any], list[Any]]:
        first = facts(connection)
        looked.set()
        assert written.wait(PATIENCE_S)
        return first, facts(connection)

    async def both() -> tuple[list[Any], list[Any]]:
        reading = asyncio.create_task(database.read(twice))
        await asyncio.to_thread(looked.wait, PATIENCE_S)
        await database.run(lambda c: add(c, "new"))
        written.set()
        return await reading

    assert loop.run(both()) == ([], [])
    assert loop.run(database.read(facts)) == ["new"]


# ---- at once


def test_as_many_write_at_once_as_there_are_connections(database: ServerDatabase, loop: asyncio.Runner) -> None:
    barrier = threading.Barrier(3)

    def meet(connection: Connection, number: int) -> None:
        add(connection, str(number))
        together(barrier)

    async def all_three() -> None:
        await asyncio.gather(*(database.run(partial(meet, number=number)) for number in range(3)))

    loop.run(all_three())
    assert sorted(loop.run(database.read(facts))) == ["0", "1", "2"]


def test_a_deadlock_is_done_again(database: ServerDatabase, loop: asyncio.Runner) -> None:
    for value in ("a", "b"):
        loop.run(database.run(partial(add, value=value)))
    barrier, runs = threading.Barrier(2), []

    def cross(connection: Connection, first: str, second: str) -> None:
        runs.append(first)
        execute(connection, "UPDATE facts SET number = number + 1 WHERE value = %s", first)
        if len(runs) <= 2:
            together(barrier)
        execute(connection, "UPDATE facts SET number = number + 10 WHERE value = %s", second)

    async def both() -> None:
        await asyncio.gather(database.run(lambda c: cross(c, "a", "b")), database.run(lambda c: cross(c, "b", "a")))

    loop.run(both())
    assert len(runs) == 3
    assert loop.run(database.read(lambda c: execute(c, "SELECT number FROM facts"))) == [11, 11]


def failing(connection: Connection, state: str) -> None:
    execute(connection, f"DO $$ BEGIN RAISE EXCEPTION 'as if' USING ERRCODE = '{state}'; END $$")


@pytest.mark.parametrize(("state", "runs"), [("40001", postgres.TRIES), ("40P01", postgres.TRIES), ("55P03", 1)])
def test_what_never_works_is_given_up(state: str, runs: int, database: ServerDatabase, loop: asyncio.Runner) -> None:
    counted = []

    def work(connection: Connection) -> None:
        counted.append(1)
        failing(connection, state)

    with pytest.raises(errors.DatabaseBusy) as caught:
        loop.run(database.run(work))
    assert caught.value.params == {"sqlstate": state}
    assert caught.value.retryable
    assert len(counted) == runs


def test_what_works_the_last_time_worked(database: ServerDatabase, loop: asyncio.Runner) -> None:
    counted = []

    def work(connection: Connection) -> str:
        counted.append(1)
        add(connection, str(len(counted)))
        if len(counted) < postgres.TRIES:
            failing(connection, "40001")
        return "done"

    assert loop.run(database.run(work)) == "done"
    assert loop.run(database.read(facts)) == [str(postgres.TRIES)]


@pytest.mark.parametrize(("other", "is_waited_for"), [("order 1", True), ("order 2", False)])
def test_one_at_a_time_waits_for_the_same_name_only(
    other: str, is_waited_for: bool, database: ServerDatabase, loop: asyncio.Runner
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def first(connection: Connection) -> None:
        portable.one_at_a_time(connection, "order 1")
        inside.set()
        assert go_on.wait(PATIENCE_S)
        add(connection, "first")

    def second(connection: Connection) -> list[Any]:
        execute(connection, "SET LOCAL lock_timeout = '10s'")
        portable.one_at_a_time(connection, other)
        return facts(connection)

    async def both() -> list[Any]:
        one = asyncio.create_task(database.run(first))
        await asyncio.to_thread(inside.wait, PATIENCE_S)
        two = asyncio.create_task(database.run(second))
        done, _ = await asyncio.wait({two}, timeout=0.2 if is_waited_for else PATIENCE_S)
        assert bool(done) is not is_waited_for
        go_on.set()
        await one
        return await two

    assert loop.run(both()) == (["first"] if is_waited_for else [])


def test_what_was_given_is_finished_before_closing(url: str, loop: asyncio.Runner) -> None:
    database = ServerDatabase(url, connections=2)

    async def give_and_leave() -> None:
        given = [asyncio.create_task(database.run(partial(add, value=f"given {number}"))) for number in range(5)]
        await asyncio.sleep(0)
        await asyncio.to_thread(database.close)
        await asyncio.gather(*given)

    loop.run(give_and_leave())
    with administering(url) as connection:
        assert execute(connection, "SELECT COUNT(*) FROM facts WHERE value LIKE 'given%%'") == [5]
        ours = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid != pg_backend_pid()"
        assert execute(connection, ours) == [0]


# ---- failures


def test_a_lock_that_is_not_to_be_had_is_busy(url: str, database: ServerDatabase, loop: asyncio.Runner) -> None:
    loop.run(database.run(lambda c: add(c, "x")))

    def impatient(connection: Connection) -> None:
        execute(connection, "SET LOCAL lock_timeout = '20ms'")
        execute(connection, "UPDATE facts SET number = 1")

    engine = postgres.make_engine(url)
    with engine.begin() as holder:
        execute(holder, "UPDATE facts SET number = 2")
        with pytest.raises(errors.DatabaseBusy) as caught:
            loop.run(database.run(impatient))
    engine.dispose()
    assert caught.value.params == {"sqlstate": "55P03"}
    loop.run(database.run(impatient))


def end_all_others(connection: Connection) -> None:
    execute(
        connection,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid != pg_backend_pid()",
    )


def test_a_lost_connection_is_busy_and_made_anew(url: str, database: ServerDatabase, loop: asyncio.Runner) -> None:
    loop.run(database.run(lambda c: add(c, "kept")))

    def interrupted(connection: Connection) -> None:
        add(connection, "lost")
        with administering(url) as other:
            end_all_others(other)
        add(connection, "never")

    with pytest.raises(errors.DatabaseBusy) as caught:
        loop.run(database.run(interrupted))
    assert caught.value.retryable
    with administering(url) as other:  # and those that lie idle are replaced unnoticed
        end_all_others(other)
    loop.run(database.run(lambda c: add(c, "after")))
    assert loop.run(database.read(facts)) == ["kept", "after"]


def test_a_server_that_is_not_there_is_busy(loop: asyncio.Runner) -> None:
    database = ServerDatabase("postgresql://souk@/souk?host=/nowhere")
    with pytest.raises(errors.DatabaseBusy):
        loop.run(database.read(facts))
    database.close()


def test_a_database_that_is_not_there_is_a_storage_error(loop: asyncio.Runner) -> None:
    database = ServerDatabase(server().url("no_such_database"))
    with pytest.raises(errors.StorageError):
        loop.run(database.read(facts))
    database.close()


class Failed(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("whatever the text says")
        self.sqlstate = sqlstate


class OperationalError(Failed):
    """Named as the standard of Python's database drivers names it."""


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("08006", errors.DatabaseBusy),
        ("25006", errors.ReadOnly),
        ("25P03", errors.DatabaseBusy),
        ("28P01", errors.StorageError),
        ("3D000", errors.StorageError),
        ("40001", errors.DatabaseBusy),
        ("40P01", errors.DatabaseBusy),
        ("53100", errors.DiskFull),
        ("53300", errors.DatabaseBusy),
        ("55P03", errors.DatabaseBusy),
        ("57P01", errors.DatabaseBusy),
        ("58030", errors.StorageError),
        ("XX001", errors.DatabaseCorrupt),
        ("XX002", errors.DatabaseCorrupt),
    ],
)
def test_the_kind_of_a_storage_error_comes_from_its_state(state: str, kind: type[errors.StorageError]) -> None:
    found = storage_error(Failed(state))
    assert type(found) is kind
    assert found.params == {"sqlstate": state}


@pytest.mark.parametrize("state", ["23505", "25001", "40002", "42P01", "22021", "XX000"])
def test_what_is_a_bug_is_no_storage_error(state: str) -> None:
    assert storage_error(Failed(state)) is None


def test_a_driver_that_did_not_reach_the_server_says_no_state() -> None:
    assert type(storage_error(OperationalError(None))) is errors.DatabaseBusy
    assert storage_error(Failed(None)) is None
