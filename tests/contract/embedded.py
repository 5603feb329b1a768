"""Builds the embedded service for tests: a real database in a temporary folder, a clock that stands still."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from shutil import copyfile
from tempfile import mkdtemp

from app.clock import SeededIds
from services.api.clock import Clock, Ids
from services.db import migrate
from services.db.session import Database
from services.embedded.core import Core
from services.embedded.service import EmbeddedService
from services.embedded.workspace import Workspace, WorkspaceClock
from services.gateways.agents import AgentHost, ScriptedAgents
from services.gateways.payments import Payments
from services.gateways.providers import Providers
from services.gateways.test_provider import TestProvider
from tests.fakes import FakeClock
from tests.keys import LEDGER_KEY

START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@cache
def migrated_template() -> Path:
    """One migrated database a test run; each test gets a copy (the schema is built by migrating, never create_all)."""
    path = Path(mkdtemp(prefix="souk-template-")) / "souk.db"
    migrate.prepare(path, path.parent / "backups", START)
    return path


def _file(database: Path) -> Database:
    if not database.exists():
        copyfile(migrated_template(), database)
    return Database(database)


async def build_embedded(
    folder: Path,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    payments: Payments | None = None,
    agents: AgentHost | None = None,
    db: Database | None = None,
) -> EmbeddedService:
    """A started service on `db`, or on its own file in `folder`, whose time may be moved then; `close()` at the end."""
    real, provider = clock or FakeClock(START), TestProvider(folder / "test-provider.db")
    workspace_clock = WorkspaceClock(real)
    may_move = db is None and payments is None
    core = Core(
        db=db or _file(folder / "souk.db"),
        clock=workspace_clock,
        real_clock=real,
        workspace=Workspace(workspace_clock, folder / "timeline", provider) if may_move else None,
        ids=ids or SeededIds(1),
        payments=Providers(payments or provider),
        agents=agents or ScriptedAgents(),
        ledger_key=LEDGER_KEY,
    )
    service = EmbeddedService(core)
    await service.start()
    return service
