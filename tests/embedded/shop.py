"""The embedded service on a real database, with a provider and a host that can be told to fail, crash or wait.

shop.provider.before["charge"] = [crash]     # the next charge never reaches the provider, and nobody tidies up
shop.provider.after["charge"] = [gate.passed]  # the provider charges; its answer waits for `gate.open()`
shop.restart()                               # the process ended and starts again on the same files
"""

from __future__ import annotations

import asyncio
import atexit
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from shutil import copyfile, rmtree
from tempfile import mkdtemp
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.clock import SeededIds
from services.api.money import Money
from services.api.types import PaymentMethod
from services.db.session import Database
from services.embedded.core import Core
from services.embedded.service import EmbeddedService
from services.gateways.agents import AgentSpec, Answer, DeploymentFailed, HostUnavailable, ScriptedAgents, Turn
from services.gateways.payments import Charge, ChargeRequest, EventPage, Lookup, ProviderUnreachable
from services.gateways.providers import Providers
from services.gateways.test_provider import TestProvider
from tests.contract.embedded import START, build_embedded
from tests.contract.market import Market
from tests.fakes import FakeClock, Gate
from tests.keys import LEDGER_KEY

T = TypeVar("T")
Step = Callable[[], Awaitable[None]]


class Crashed(Exception):
    """The process ended here: nothing after this point ran."""


async def crash() -> None:
    """A step at which the process dies."""
    raise Crashed


async def unreachable() -> None:
    """A step at which the network is gone."""
    raise ProviderUnreachable


async def no_capacity() -> None:
    """A step at which the host refuses the deployment."""
    raise DeploymentFailed("no_capacity")


async def unavailable() -> None:
    """A step at which the host does not answer."""
    raise HostUnavailable


async def nothing() -> None:
    """A step at which all is well."""


async def reached(gate: Gate) -> None:
    """Returns when somebody waits at the gate."""
    while not gate.waiting:  # noqa: ASYNC110  a gate has no event for this, and only the loop must turn
        await asyncio.sleep(0)


@dataclass
class Steps:
    """What happens at the next calls of each method, in order; nothing when the list is empty."""

    before: dict[str, list[Step]] = field(default_factory=dict)
    after: dict[str, list[Step]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    async def around(self, method: str, work: Callable[[], Awaitable[T]]) -> T:
        self.calls[method] += 1
        if steps := self.before.get(method):
            await steps.pop(0)()
        answer = await work()
        if steps := self.after.get(method):
            await steps.pop(0)()
        return answer


class WatchedProvider(Steps, TestProvider):
    """The test provider, with something happening on the way there or back. `declines`: another reason for one."""

    def __init__(self, file: Path, methods: tuple[PaymentMethod, ...] = ()) -> None:
        Steps.__init__(self)
        TestProvider.__init__(self, file, methods=methods)
        self.file = file
        self.declines: dict[str, str] = {}

    async def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        answer = await self.around("charge", lambda: TestProvider.charge(self, request, key=key))
        return replace(answer, decline_code=self.declines.get(answer.decline_code, answer.decline_code))

    async def find(self, lookup: Lookup) -> Charge | None:
        return await self.around("find", lambda: TestProvider.find(self, lookup))

    async def confirm(self, charge_id: str, *, approve: bool) -> Charge:
        return await self.around("confirm", lambda: TestProvider.confirm(self, charge_id, approve=approve))

    async def cancel(self, charge_id: str, *, key: str) -> Charge:
        return await self.around("cancel", lambda: TestProvider.cancel(self, charge_id, key=key))

    async def capture(self, charge_id: str, *, key: str) -> Charge:
        return await self.around("capture", lambda: TestProvider.capture(self, charge_id, key=key))

    async def refund(self, charge_id: str, amount: Money, *, key: str, reason: str = "") -> Charge:
        return await self.around("refund", lambda: TestProvider.refund(self, charge_id, amount, key=key, reason=reason))

    async def list_events(self, cursor: str, *, since: datetime) -> EventPage:
        return await self.around("list_events", lambda: TestProvider.list_events(self, cursor, since=since))

    def refunded(self) -> Money:
        """What was given back in all, from the provider's own record."""
        with closing(sqlite3.connect(self.file)) as record:
            return Money(record.execute("SELECT COALESCE(SUM(refunded_micros), 0) FROM charges").fetchone()[0])


class WatchedAgents(Steps):
    """The scripted host; `deployed` lists the steps that were begun, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.script = ScriptedAgents()
        self.deployed: list[str] = []

    async def deploy(self, spec: AgentSpec, step: str) -> str:
        self.deployed.append(step)
        return await self.around(step, lambda: self.script.deploy(spec, step))

    async def answer(self, spec: AgentSpec, history: Sequence[Turn], question: str) -> AsyncIterator[str | Answer]:
        await self.around("answer", nothing)
        async for piece in self.script.answer(spec, history, question):
            yield piece


@cache
def stocked_template() -> Path:
    """A database with the shipped catalogue in it, made once a run."""
    folder = Path(mkdtemp(prefix="souk-stocked-"))
    atexit.register(rmtree, folder, ignore_errors=True)

    async def stock() -> None:
        (await build_embedded(folder)).close()

    asyncio.run(stock())
    return folder / "souk.db"


class Shop:
    """One installation: files, a clock that stands still, and any number of processes on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock(START)
        self.provider = WatchedProvider(folder / "test-provider.db")
        self.agents = WatchedAgents()
        self.methods: tuple[PaymentMethod, ...] = ()
        self.undo_window = timedelta(0)
        self.bank_account: tuple[tuple[str, str], ...] = ()
        self._seeds = count(1)
        self._open: list[EmbeddedService] = []
        copyfile(stocked_template(), folder / "souk.db")
        self.db, self.service = self._build(self.provider, self.agents)

    def _build(self, provider: WatchedProvider, agents: WatchedAgents) -> tuple[Database, EmbeddedService]:
        db = Database(self.folder / "souk.db")
        ids = SeededIds(next(self._seeds))
        core = Core(
            db=db, clock=self.clock, ids=ids, payments=Providers(provider), agents=agents, ledger_key=LEDGER_KEY,
            undo_window=self.undo_window, bank_account=self.bank_account,
        )  # fmt: skip
        self._open.append(service := EmbeddedService(core))
        return db, service

    @property
    def market(self) -> Market:
        """Stories about buyers on the present process."""
        service = self.service

        async def run_jobs() -> None:
            await service.run_due_jobs()

        return Market(service, run_jobs, self.agents.script.failing_steps)

    async def another(self) -> Market:
        """A second process on the same files."""
        agents = WatchedAgents()
        _, service = self._build(WatchedProvider(self.provider.file, self.methods), agents)
        await service.start()

        async def run_jobs() -> None:
            await service.run_due_jobs()

        return Market(service, run_jobs, agents.script.failing_steps)

    async def restart(self, **later: float) -> None:
        """The process is started again, perhaps `seconds=20` later; what was to go wrong no longer does."""
        self.service.close()
        self._open.remove(self.service)
        self.clock.advance(**later)
        self.provider, self.agents = WatchedProvider(self.provider.file, self.methods), WatchedAgents()
        self.db, self.service = self._build(self.provider, self.agents)
        await self.service.start()

    async def open_pages(self, *, undo_s: int = 0) -> Market:
        """Pages are opened from now on, transfers are taken, purchases are held for `undo_s` seconds."""
        self.methods = (PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL)
        self.undo_window = timedelta(seconds=undo_s)
        self.bank_account = (("holder", "Souk"), ("iban", "DE02120300000000202051"))
        await self.restart()
        return self.market

    async def write(self, statement: sa.Executable) -> None:
        """Changes the database behind the service's back."""
        await self.db.run(lambda connection: connection.execute(statement))

    async def rows(self, statement: sa.Executable) -> list[tuple[Any, ...]]:  # Any: SQL values
        """What really stands in the database."""

        def work(connection: Connection) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.execute(statement)]

        return await self.db.read(work)

    async def value(self, statement: sa.Executable) -> Any:  # Any: as above
        """The one value of the one row."""
        [(found,)] = await self.rows(statement)
        return found

    def charges(self) -> int:
        """How many charges succeeded at the provider."""
        return self.provider.count_charges()

    def close(self) -> None:
        """Every process ends."""
        for service in self._open:
            service.close()


def story(test: Callable[[Shop], Coroutine[Any, Any, None]]) -> Callable[[Shop, asyncio.Runner], None]:
    """Runs an async test of a shop in the `loop` fixture."""

    def run(shop: Shop, loop: asyncio.Runner) -> None:
        loop.run(test(shop))

    run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
    run.pytestmark = getattr(test, "pytestmark", [])  # type: ignore[attr-defined] # where pytest looks for marks
    return run
