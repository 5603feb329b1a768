"""The schema on a server: migrated there and back, as the models say, by one program at a time; and upserts."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from services.api import errors
from services.db import migrate, portable, postgres
from services.db import models as m
from tests.postgres import administering, new_database

FOLDER = Path(migrate.__file__).with_name("migrations")


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A connection to a migrated database."""
    with new_database() as url:
        engine = postgres.make_engine(url)
        with engine.connect() as opened:
            yield opened
        engine.dispose()


def tables(connection: Connection) -> set[str]:
    found = connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row[0] for row in found}


@pytest.mark.postgres
def test_models_and_migrations_agree(connection: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    assert migrate.server_drift(connection) == []
    capsys.readouterr()
    connection.exec_driver_sql("ALTER TABLE carts ADD COLUMN surplus TEXT")
    connection.commit()
    assert "surplus" in migrate.server_drift(connection)[0]


@pytest.mark.postgres
def test_every_partial_index_is_one_here_too(connection: Connection) -> None:
    wanted = {
        str(index.name)
        for table in m.Base.metadata.tables.values()
        for index in table.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }
    found = connection.exec_driver_sql("SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%% WHERE %%'")
    assert wanted
    assert {row[0] for row in found} == wanted


@pytest.mark.postgres
def test_beginnings_are_found_by_an_index_whatever_language_sorts_the_letters(connection: Connection) -> None:
    """The servers of these tests sort by code points, where any index would do."""
    found = connection.exec_driver_sql("SELECT indexdef FROM pg_indexes WHERE indexdef LIKE '%%text_pattern_ops%%'")
    assert {row[0].partition(" ON public.")[2] for row in found} == {
        "invoices USING btree (number text_pattern_ops)", "users USING btree (email text_pattern_ops)",
    }  # fmt: skip


@pytest.mark.postgres
def test_migrations_go_down_again(connection: Connection) -> None:
    assert {"carts", "search_offerings"} <= tables(connection)
    migrate.server_downgrade(connection, "base")
    assert tables(connection) == {"alembic_version"}


@pytest.mark.postgres
def test_a_current_database_is_left_alone_and_a_newer_one_refused() -> None:
    with new_database() as url:
        migrate.prepare_server(url)
        with administering(url) as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(errors.DatabaseTooNew) as caught:
            migrate.prepare_server(url)
    assert caught.value.params == {"revision": "9999"}


@pytest.mark.postgres
def test_an_older_database_is_brought_on(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "older", ignore=shutil.ignore_patterns("0002_*", "000[3-9]_*", "__pycache__"))
    with new_database(empty=True) as url:
        migrate.prepare_server(url, folder=tmp_path / "older")
        with administering(url) as connection:
            assert "carts" in tables(connection)
            assert "ledger_entries" not in tables(connection)
        migrate.prepare_server(url)
        with administering(url) as connection:
            assert "ledger_entries" in tables(connection)


@pytest.mark.postgres
def test_two_programs_do_not_migrate_at_once() -> None:
    with new_database(empty=True) as url:
        failed: list[BaseException] = []

        def prepare() -> None:
            try:
                migrate.prepare_server(url)
            except BaseException as error:  # noqa: BLE001  shown by the assertion below
                failed.append(error)

        programs = [threading.Thread(target=prepare) for _ in range(3)]
        for program in programs:
            program.start()
        for program in programs:
            program.join(60)
        assert failed == []
        with administering(url) as connection:
            current = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
    assert current == [migrate.revisions()[-1]]


@pytest.mark.postgres
def test_a_server_that_is_not_there_is_busy() -> None:
    with pytest.raises(errors.DatabaseBusy):
        migrate.prepare_server("postgresql://souk@/souk?host=/nowhere")


# ---- upserts

KEPT = portable.insert(m.Meta).on_conflict_do_nothing().returning(m.Meta.key)
_new = portable.insert(m.Meta)
CHANGED = _new.on_conflict_do_update(
    index_elements=["key"], set_={"value": _new.excluded.value}, where=m.Meta.value != _new.excluded.value
)


def text(statement: sa.Insert, dialect: sa.Dialect) -> str:
    """A statement's end, from ON on, without the ways dialects write names."""
    compiled = str(statement.compile(dialect=dialect)).replace('"', "").replace("meta.key", "key")
    return compiled[compiled.index("ON CONFLICT") :]


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        (KEPT, "ON CONFLICT DO NOTHING RETURNING key"),
        (CHANGED, "ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE meta.value != excluded.value"),
    ],
)
def test_an_upsert_is_the_same_on_both(statement: sa.Insert, wanted: str) -> None:
    for dialect in (sqlite.dialect(), postgresql.dialect()):  # type: ignore[no-untyped-call]  # as SQLAlchemy has it
        assert text(statement, dialect) == wanted


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def on_either(request: pytest.FixtureRequest, data_dir: Path) -> Iterator[Connection]:
    """A connection to a migrated database of either kind."""
    if request.param == "postgres":
        yield request.getfixturevalue("connection")
        return
    migrate.upgrade(data_dir / "souk.db")
    engine = sa.create_engine(f"sqlite:///{data_dir / 'souk.db'}")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def test_an_insert_that_did_nothing_returns_nothing(on_either: Connection) -> None:
    row = {"key": "k", "value": "1"}
    assert on_either.execute(KEPT, row).scalar() == "k"
    assert on_either.execute(KEPT, row).scalar() is None
    on_either.execute(CHANGED, {"key": "k", "value": "2"})
    assert on_either.execute(sa.select(m.Meta.value)).scalars().all() == ["2"]


def test_a_sum_is_a_whole_number(on_either: Connection) -> None:
    counted = sa.select(portable.sum_of(m.FacetCount.__table__.c.count))
    assert on_either.execute(counted).scalar_one() == 0
    rows = [{"facet": "f", "value": str(n), "count": 2**61} for n in range(2)]
    on_either.execute(sa.insert(m.FacetCount), rows)
    found = on_either.execute(counted).scalar_one()
    assert (found, type(found)) == (2**62, int)


def test_marks_are_as_the_driver_wants_them(on_either: Connection) -> None:
    sql = f"SELECT {portable.marks(on_either, 3)}"
    assert tuple(on_either.exec_driver_sql(sql, (1, 2, 3)).one()) == (1, 2, 3)
