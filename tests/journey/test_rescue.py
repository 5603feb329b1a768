"""A data file that cannot be opened: the window says why and every way out works, in a real second process."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.db import backups
from tests.contract.embedded import build_embedded, migrated_template

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture
def folder(data_dir: Path, loop: Any) -> Path:  # Any: asyncio.Runner as the `loop` fixture gives it
    """A data folder with a sound database and one backup of it."""

    migrated_template()  # made outside the event loop, which must not be held up

    async def fill() -> None:
        service = await build_embedded(data_dir)
        service.close()

    loop.run(fill())
    backups.make_backup(data_dir / "souk.db", data_dir / "backups", NOW)
    return data_dir


def spoil(database: Path, *, all_of_it: bool) -> None:
    """Damages the file: the whole, or only a page in the middle so that much can still be read."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_usage_events_resource'"
        ).fetchone()
    if all_of_it:
        database.write_bytes(b"this is not a database at all " * 4000)
        return
    with database.open("r+b") as file:
        file.seek((pages[0] - 1) * 4096)
        file.write(b"\xff" * 4096)


def opened(folder: Path, way: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.journey.rescue_driver", str(folder), way],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_damaged_file_is_named_and_its_backup_offered(folder: Path) -> None:
    spoil(folder / "souk.db", all_of_it=True)
    found = opened(folder, "look")
    assert any("damaged" in text for text in found["texts"])
    assert set(found["buttons"]) >= {"rescueRestore", "rescueRead", "rescueQuit"}


def test_the_backup_opens_and_the_damaged_file_is_kept(folder: Path) -> None:
    spoil(folder / "souk.db", all_of_it=True)
    found = opened(folder, "restore")
    assert found["offerings"] == 32
    assert found["write"] == "ok"
    assert len(list(folder.glob("souk.damaged-*.db"))) == 1


def test_what_can_be_read_is_read_and_nothing_is_written(folder: Path) -> None:
    spoil(folder / "souk.db", all_of_it=False)
    before = (folder / "souk.db").read_bytes()
    found = opened(folder, "read")
    assert found["offerings"] == 32
    assert found["write"] == "read_only"
    assert (folder / "souk.db").read_bytes() == before


def test_a_file_of_a_newer_program_is_left_alone(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "souk.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    before = (folder / "souk.db").read_bytes()
    found = opened(folder, "look")
    assert any("newer Souk" in text for text in found["texts"])
    assert "rescueRead" not in found["buttons"]
    assert (folder / "souk.db").read_bytes() == before
