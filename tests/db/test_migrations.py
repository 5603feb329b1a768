"""The database file at start-up: made, brought up to date with a copy kept, or refused untouched."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from services.api.errors import DatabaseBusy, DatabaseCorrupt, DatabaseTooNew
from services.db import backups, migrate

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SHIPPED = Path(migrate.__file__).with_name("migrations")
OURS = migrate.revisions()[-1]
LATER = f"{int(OURS) + 1:04d}"
SECOND = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{later}", "{ours}", None, None


def upgrade():
    op.add_column("meta", sa.Column("note", sa.Text(), nullable=False, server_default="new"))
    {then}


def downgrade():
    with op.batch_alter_table("meta") as batch:
        batch.drop_column("note")
"""


@pytest.fixture
def database(data_dir: Path) -> Path:
    """A database at this program's schema with one fact in it."""
    path = data_dir / "souk.db"
    migrate.prepare(path, data_dir / "backups", NOW)
    write(path, "INSERT INTO meta VALUES ('who', 'ada')")
    return path


def later_program(tmp_path: Path, then: str = "pass") -> Path:
    """The migrations of a program one revision ahead of ours."""
    folder = copytree(SHIPPED, tmp_path / "later", ignore=ignore_patterns("__pycache__"))
    text = SECOND.replace("{later}", LATER).replace("{ours}", OURS).replace("{then}", then)
    (folder / "versions" / f"{LATER}_notes.py").write_text(text)
    return folder


def write(database: Path, sql: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(sql)


def rows(database: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def schema(database: Path) -> list[tuple[object, ...]]:
    sql = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%' ORDER BY name"
    return rows(database, sql)


# ---- up and down


def test_up_down_and_up_again_give_the_same_schema(data_dir: Path) -> None:
    path = data_dir / "souk.db"
    migrate.upgrade(path)
    first = schema(path)
    migrate.downgrade(path, "base")
    assert schema(path) == []
    assert migrate.current_revision(path) is None
    migrate.upgrade(path)
    assert schema(path) == first
    assert migrate.current_revision(path) == migrate.revisions()[-1]


def test_models_and_migrations_say_the_same() -> None:
    assert migrate.check_drift() == []


def test_a_new_database_is_made_with_its_folder_and_needs_no_backup(data_dir: Path) -> None:
    path = data_dir / "deep" / "er" / "souk.db"
    migrate.prepare(path, data_dir / "backups", NOW)
    assert migrate.current_revision(path) == migrate.revisions()[-1]
    assert not (data_dir / "backups").exists()


def test_an_empty_file_is_a_new_database(data_dir: Path) -> None:
    path = data_dir / "souk.db"
    path.touch()
    migrate.prepare(path, data_dir / "backups", NOW)
    assert migrate.current_revision(path) == migrate.revisions()[-1]


def test_a_current_database_is_left_alone(database: Path, data_dir: Path) -> None:
    before = database.read_bytes()
    migrate.prepare(database, data_dir / "backups", NOW)
    assert database.read_bytes() == before
    assert not (data_dir / "backups").exists()


def test_a_backup_is_made_before_a_migration(database: Path, data_dir: Path, tmp_path: Path) -> None:
    migrate.prepare(database, data_dir / "backups", NOW, folder=later_program(tmp_path))
    assert rows(database, "SELECT key, value, note FROM meta") == [("who", "ada", "new")]
    [backup] = backups.list_backups(data_dir / "backups")
    assert backup.made_at == NOW
    assert rows(backup.path, "SELECT * FROM meta") == [("who", "ada")]
    assert migrate.current_revision(backup.path) == OURS


def test_a_migration_that_fails_leaves_everything_as_it_was(database: Path, data_dir: Path, tmp_path: Path) -> None:
    before = schema(database)
    broken = later_program(tmp_path, then="raise RuntimeError('half way')")
    with pytest.raises(RuntimeError, match="half way"):
        migrate.prepare(database, data_dir / "backups", NOW, folder=broken)
    assert schema(database) == before
    assert migrate.current_revision(database) == OURS
    assert rows(database, "SELECT * FROM meta") == [("who", "ada")]
    migrate.prepare(database, data_dir / "backups", NOW)  # the old program still works


# ---- refused


def test_a_newer_database_is_refused_and_not_touched(database: Path, data_dir: Path, tmp_path: Path) -> None:
    migrate.upgrade(database, folder=later_program(tmp_path))
    before = database.read_bytes()
    with pytest.raises(DatabaseTooNew) as caught:
        migrate.prepare(database, data_dir / "backups", NOW)
    assert caught.value.params == {"revision": LATER}
    assert database.read_bytes() == before
    assert not (data_dir / "backups").exists()


def spoil(database: Path, *, kind: str) -> None:
    content = bytearray(database.read_bytes())
    if kind == "no database":
        content[:16] = b"hello, world\n\n\n\n"
    if kind == "cut short":
        del content[len(content) // 2 :]
    if kind == "scribbled":
        content[4096 : 12 * 4096] = bytes(11 * 4096)
    if kind == "inside":
        for page in range(len(content) // 4096 - 20, len(content) // 4096):
            content[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    database.write_bytes(content)


@pytest.mark.parametrize("kind", ["no database", "cut short", "scribbled", "inside"])
def test_a_corrupt_database_is_refused_and_kept_for_the_rescue(kind: str, database: Path, data_dir: Path) -> None:
    spoil(database, kind=kind)
    before = database.read_bytes()
    with pytest.raises(DatabaseCorrupt) as caught:
        migrate.prepare(database, data_dir / "backups", NOW)
    assert caught.value.params == {"path": "souk.db"}
    assert database.read_bytes() == before


def test_rows_that_point_nowhere_are_corruption(database: Path, data_dir: Path) -> None:
    write(database, "INSERT INTO memberships VALUES ('nobody', 'nowhere', 'CUSTOMER.OWNER')")
    with pytest.raises(DatabaseCorrupt):
        migrate.prepare(database, data_dir / "backups", NOW)


@pytest.mark.slow
def test_a_database_that_another_program_holds_is_busy_and_not_corrupt(database: Path, data_dir: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode=EXCLUSIVE")
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusy):
            migrate.prepare(database, data_dir / "backups", NOW)
    migrate.prepare(database, data_dir / "backups", NOW)


def test_a_folder_in_the_databases_place_is_said_and_not_called_corrupt(data_dir: Path) -> None:
    (data_dir / "souk.db").mkdir()
    (data_dir / "souk.db" / "something").touch()
    with pytest.raises(Exception, match="storage_error"):
        migrate.prepare(data_dir / "souk.db", data_dir / "backups", NOW)
