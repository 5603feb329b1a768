"""`books`: an organization and its ledger below the service, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copyfile

import pytest

from app.clock import SeededIds
from services.db.session import Database, ServerDatabase
from services.embedded.core import Core
from services.gateways.agents import ScriptedAgents
from services.gateways.providers import Providers
from services.gateways.test_provider import TestProvider
from tests.contract.embedded import START, migrated_template
from tests.embedded.money.books import Books
from tests.fakes import FakeClock
from tests.keys import LEDGER_KEY
from tests.postgres import new_database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def books(request: pytest.FixtureRequest, loop: asyncio.Runner, tmp_path: Path) -> Iterator[Books]:
    loop.get_loop().slow_callback_duration = 1.0
    with ExitStack() as kept:
        if request.param == "postgres":
            db: Database = ServerDatabase(kept.enter_context(new_database()))
        else:
            copyfile(migrated_template(), tmp_path / "souk.db")
            db = Database(tmp_path / "souk.db")
        core = Core(
            db=db,
            clock=FakeClock(START),
            ids=SeededIds(1),
            payments=Providers(TestProvider(tmp_path / "test-provider.db")),
            agents=ScriptedAgents(),
            ledger_key=LEDGER_KEY,
        )
        opened = Books(core, loop)
        yield opened
        core.payments.close()
        db.close()
