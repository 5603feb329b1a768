"""The first page comes from sqlite3 alone, with or without a database, and says what the service says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.api.types import OfferingQuery
from services.db import models as m
from services.embedded import bundled, catalogue_store, first_page
from tests.embedded.shop import Shop, story

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("sqlalchemy", "alembic", "httpx", "stripe", "argon2", "numpy", "tokenizers", "msgspec", "litestar", "PySide6")


def test_the_rows_are_the_same_with_and_without_a_database(shop: Shop, tmp_path: Path) -> None:
    assert first_page.load(shop.folder / "souk.db") == first_page.load(tmp_path / "never made.db")


@story
async def test_the_rows_are_those_of_the_service(shop: Shop) -> None:
    page, categories = first_page.load(shop.folder / "souk.db")
    assert page == await shop.service.list_offerings(OfferingQuery(page_size=first_page.PAGE_SIZE))
    assert categories == await shop.service.list_categories()
    assert page.total == len(bundled.load().offerings)


@story
async def test_a_changed_catalogue_is_seen(shop: Shop) -> None:
    left = bundled.load().offerings[3:]
    await shop.db.run(lambda connection: catalogue_store.store(connection, left))
    page, categories = first_page.load(shop.folder / "souk.db")
    assert [card.slug for card in page.items] == [each.offering.card.slug for each in left]
    assert (page.total, sum(category.offering_count for category in categories)) == (len(left), len(left))


@pytest.mark.parametrize("content", [b"", b"not a database" * 500, b"SQLite format 3\0" + b"\xff" * 8192])
def test_a_file_that_cannot_be_read_shows_what_was_shipped(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "souk.db").write_bytes(content)
    assert first_page.load(tmp_path / "souk.db") == first_page.load(tmp_path / "never made.db")
    assert (tmp_path / "souk.db").read_bytes() == content


@pytest.mark.parametrize("column", ["kind", "billing_models", "tags", "currency"])
def test_a_database_from_a_later_program_shows_what_was_shipped(column: str, shop: Shop, tmp_path: Path) -> None:
    with sa.create_engine(f"sqlite:///{shop.folder / 'souk.db'}").begin() as connection:
        connection.exec_driver_sql(f"UPDATE offerings SET {column} = '[\"unheard of\"' WHERE id = 1")  # noqa: S608  one of four
    assert first_page.load(shop.folder / "souk.db") == first_page.load(tmp_path / "never made.db")


def test_an_empty_shelf_shows_what_was_shipped(shop: Shop, tmp_path: Path) -> None:
    with sa.create_engine(f"sqlite:///{shop.folder / 'souk.db'}").begin() as connection:
        connection.execute(sa.update(m.OfferingRow).values(is_active=False))
    assert first_page.load(shop.folder / "souk.db") == first_page.load(tmp_path / "never made.db")


def test_nothing_heavy_is_loaded_for_it(shop: Shop, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom services.embedded import first_page\n"
        "for name in sys.argv[1:]:\n    assert first_page.load(Path(name))[0].items\n"
        f"print(*(name for name in {HEAVY!r} if name in sys.modules))"
    )
    command = [sys.executable, "-c", code, str(shop.folder / "souk.db"), str(tmp_path / "never made.db")]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout.strip(), answer.stderr) == (0, "", "")
