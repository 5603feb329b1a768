"""Builds the embedded service for tests: a real database in a temporary folder, a clock that stands still."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from shutil import copyfile
from tempfile import mkdtemp

from app.clock import SeededIds
from services.api.clock import Clock, Ids
from services.api.types import PaymentMethod
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

METHODS = (PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL)
ACCOUNT = (("holder", "Souk"), ("iban", "DE02120300000000202051"))


@dataclass(frozen=True)
class Opening:
    """What pages are opened for, how long a purchase can be taken back, and the account for transfers."""

    methods: tuple[PaymentMethod, ...] = ()
    undo_s: int = 0
    account: tuple[tuple[str, str], ...] = ()


CLOSED, PAGES = Opening(), Opening(METHODS, account=ACCOUNT)
UNDO = Opening(METHODS, 60, ACCOUNT)


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
    opening: Opening = CLOSED,
) -> EmbeddedService:
    """A started service on `db`, or on its own file in `folder`, whose time may be moved then; `close()` at the end."""
    real = clock or FakeClock(START)
    provider = TestProvider(folder / "test-provider.db", methods=opening.methods)
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
        undo_window=timedelta(seconds=opening.undo_s),
        bank_account=opening.account,
    )
    service = EmbeddedService(core)
    await service.start()
    return service
