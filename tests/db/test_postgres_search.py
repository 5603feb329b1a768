"""Search on a server finds what search on SQLite finds, and `souk serve` builds its service there."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.compose import build_embedded
from app.serve import serve
from app.settings import Settings, SettingsError, load
from services.api.errors import DatabaseBusy
from services.api.money import Money
from services.api.types import BillingModel, OfferingQuery, SortOrder
from services.db import backups, postgres
from services.db import models as m
from services.embedded import search, search_postgres
from services.gateways.agents import ScriptedAgents
from tests.embedded.shop import stocked_template
from tests.postgres import new_database, server

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def stocked() -> Iterator[str]:
    with new_database(stocked=True) as url:
        yield url


@pytest.fixture(scope="module")
def here(stocked: str) -> Iterator[Connection]:
    engine = postgres.make_engine(stocked)
    with postgres.reading(engine).connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture(scope="module")
def there() -> Iterator[sqlite3.Cursor]:
    with closing(sqlite3.connect(backups.read_only(stocked_template()), uri=True)) as connection:
        yield connection.cursor()


def both(here: Connection, there: sqlite3.Cursor, query: OfferingQuery) -> tuple[search.Hits, search.Hits]:
    return search_postgres.find(here, query), search.find(there, query)


def vendor(here: Connection) -> tuple[str, str]:
    return tuple(here.execute(sa.select(m.VendorRow.slug, m.VendorRow.uuid).order_by(m.VendorRow.id)).first() or ())  # type: ignore[return-value]  # two texts


QUERIES: list[dict[str, Any]] = [
    {},
    {"category": "support"},
    {"billing_model": BillingModel.FREE},
    {"kind": "bundle"},
    {"kind": "agent", "billing_model": BillingModel.SUBSCRIPTION},
    {"category": "no such category"},
    {"category": "half \ud800"},
    {"category": "nothing\0more"},
    {"price_max": Money.parse("20")},
    {"price_min": Money.parse("20")},
    {"price_min": Money.parse("20"), "price_max": Money.parse("40"), "kind": "agent"},
    {"text": "customer"},
    {"text": "CUSTOMER Care"},
    {"text": "cust"},
    {"text": "agent", "kind": "agent"},
    {"text": "invoice", "price_max": Money.parse("100")},
    {"text": "zzzzzzzz"},
    {"text": "?!"},
    {"text": "'; DROP TABLE carts; --"},
    {"text": "it's & | ! ( ) : * <->"},
    {"text": "café"},
    {"text": "x" * 3000},
    {"text": "one two three four five six seven eight nine"},
]


@pytest.mark.parametrize("order", list(SortOrder))
@pytest.mark.parametrize("wanted", QUERIES, ids=str)
def test_the_same_is_found(wanted: dict[str, Any], order: SortOrder, here: Connection, there: sqlite3.Cursor) -> None:
    ours, theirs = both(here, there, OfferingQuery(**wanted, order=order, page_size=300))
    assert (ours.total, ours.is_capped, ours.corrected_text) == (theirs.total, theirs.is_capped, theirs.corrected_text)
    if wanted.get("text") and order is SortOrder.RECOMMENDED:  # ranked by each one's own measure
        assert sorted(ours.ids) == sorted(theirs.ids)
    else:
        assert ours.ids == theirs.ids


def test_what_is_asked_for_is_found_at_all(here: Connection) -> None:
    """Otherwise the comparison above compares nothing with nothing."""
    found = [search_postgres.find(here, OfferingQuery(**wanted)).total for wanted in QUERIES]
    assert sum(total > 0 for total in found) >= 12


@pytest.mark.parametrize("text", ["custmer", "custommer care", "anlyst", "qqqq", "ab", "qz"])
def test_a_mistyped_word_is_understood_alike(text: str, here: Connection, there: sqlite3.Cursor) -> None:
    ours, theirs = both(here, there, OfferingQuery(text=text, page_size=300))
    assert (sorted(ours.ids), ours.corrected_text) == (sorted(theirs.ids), theirs.corrected_text)


def test_a_vendor_goes_by_either_name(here: Connection, there: sqlite3.Cursor) -> None:
    slug, uuid = vendor(here)
    found = [both(here, there, OfferingQuery(vendor=name, page_size=300)) for name in (slug, uuid)]
    assert found[0][0].ids == found[1][0].ids == found[0][1].ids != []


def test_titles_come_first(here: Connection) -> None:
    offering = here.execute(sa.select(m.OfferingRow.id, m.OfferingRow.name).where(m.OfferingRow.id == 30)).one()
    assert search_postgres.find(here, OfferingQuery(text=offering.name)).ids[0] == offering.id


def test_pages_do_not_overlap(here: Connection) -> None:
    whole = search_postgres.find(here, OfferingQuery(text="a", page_size=300)).ids
    pages = [search_postgres.find(here, OfferingQuery(text="a", page_size=7, page=page)).ids for page in range(1, 9)]
    assert [found for page in pages for found in page] == whole[:56]


def test_beyond_the_cap_titles_come_first_and_then_popularity(stocked: str) -> None:
    engine = postgres.make_engine(stocked)
    with engine.connect() as connection, connection.begin() as transaction:
        row = dict(connection.execute(sa.select(*m.OfferingRow.__table__.c).limit(1)).mappings().one())
        many = range(10_001, 10_001 + search.CAP + 1)
        connection.execute(
            sa.insert(m.OfferingRow),
            [row | {"id": n, "uuid": f"u{n}", "slug": f"s{n}", "is_active": True} for n in many],
        )
        entries = [search_postgres.Entry(n, (("A" if n == many[-1] else "D", "Éveryday word"),)) for n in many]
        search_postgres.write(connection, entries)
        found = search_postgres.find(connection, OfferingQuery(text="everyday WORD", page_size=3))
        assert (found.total, found.is_capped) == (search.CAP, True)
        assert found.ids == [many[-1], many[0], many[1]]
        connection.execute(sa.delete(m.OfferingRow).where(m.OfferingRow.id == many[-1]))
        exactly = search_postgres.find(connection, OfferingQuery(text="everyday word", page_size=3))
        assert (exactly.total, exactly.is_capped) == (search.CAP, False)
        transaction.rollback()
    engine.dispose()


# ---- souk serve


def test_a_service_is_built_on_the_server_that_is_set(stocked: str, data_dir: Path, loop: asyncio.Runner) -> None:
    loop.get_loop().slow_callback_duration = 5.0  # preparing blocks: nobody is served yet
    settings = load(data_dir, {"SOUK_DATABASE": stocked, "SOUK_PAYMENTS": "inline"})
    service = loop.run(build_embedded(settings, agents=ScriptedAgents()))
    try:
        assert loop.run(service.list_offerings(OfferingQuery())).total > 0
        assert service._core.backups is None
    finally:
        service.close()
    assert not settings.database_file.exists()


@pytest.mark.parametrize("wrong", ["souk.db", "mysql://ada:secret@db/souk"])
def test_what_is_no_server_is_a_wrong_setting(wrong: str, data_dir: Path, loop: asyncio.Runner) -> None:
    with pytest.raises(SettingsError, match=r"^database: not a PostgreSQL address$"):
        loop.run(build_embedded(Settings(data_dir, database=wrong)))


def test_a_server_that_does_not_answer_is_busy(data_dir: Path, loop: asyncio.Runner) -> None:
    loop.get_loop().slow_callback_duration = 5.0
    with pytest.raises(DatabaseBusy):
        loop.run(build_embedded(Settings(data_dir, database="postgresql://souk@/souk?host=/nowhere")))


@pytest.mark.loopback
def test_an_operator_is_told_what_the_server_said(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = server().url("no_such_database").replace("souk@", "souk:secret@")
    assert serve(Settings(data_dir, port=0, database=address)) == 1
    told = capsys.readouterr().err
    assert told.startswith("souk: database_busy (")
    assert 'database "no_such_database" does not exist' in told
    assert "secret" not in told


@pytest.mark.loopback
def test_an_operator_is_told_of_a_wrong_setting(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(Settings(data_dir, port=0, database="mysql://ada:secret@db/souk")) == 2
    assert capsys.readouterr().err == "souk: database: not a PostgreSQL address\n"


def test_a_password_is_not_shown(data_dir: Path) -> None:
    assert "hunter2" not in repr(Settings(data_dir, database="postgresql://ada:hunter2@db/souk"))
