"""`market`: the same stories on the fake, on the embedded service over SQLite and PostgreSQL, and on the remote one."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from services.api.contract import Service
from services.db.session import ServerDatabase
from services.gateways.agents import ScriptedAgents
from services.http.server import create_app
from services.remote import RemoteService
from tests.contract.embedded import CLOSED, PAGES, START, UNDO, Opening, build_embedded, migrated_template
from tests.contract.market import Market
from tests.contract.outside import OutsideFake, OutsideReal
from tests.fakes import FakeClock, FakeService
from tests.postgres import new_database

BASE = "http://souk.test"


@cache
def app_for_tests() -> Litestar:
    """Built once; each test puts its own service behind it."""
    return create_app(FakeService())


def app_over(service: Service) -> Litestar:
    """The application in front of `service`."""
    app = app_for_tests()
    app.state.service = service
    app.state.replays.forget()
    app.state.fresh.forget()
    return app


def in_process(app: Litestar) -> httpx.ASGITransport:
    """Requests without a socket."""
    return httpx.ASGITransport(app)  # type: ignore[arg-type] # Litestar types its messages more narrowly than ASGI


@asynccontextmanager
async def opened(
    kind: str, folder: Path, app: Litestar, database: str = "", opening: Opening = CLOSED
) -> AsyncIterator[Market]:
    """A market of one kind, closed at the end; `database` is a URL where it is not a file."""
    if kind == "fake":
        fake = FakeService()
        fake.pages.open(hosts=(), methods=opening.methods, account=opening.account, undo_seconds=opening.undo_s)
        yield Market(fake, _nothing_to_do, fake.world.failing_steps, OutsideFake(fake))
        return
    agents, clock = ScriptedAgents(), FakeClock(START)
    db = ServerDatabase(database) if database else None
    embedded = await build_embedded(folder, clock=clock, agents=agents, db=db, opening=opening)
    outside = OutsideReal(embedded, clock)

    async def run_jobs() -> None:
        await embedded.run_due_jobs()

    try:
        if kind != "remote":
            yield Market(embedded, run_jobs, agents.failing_steps, outside)
            return
        app.state.service = embedded
        async with httpx.AsyncClient(transport=in_process(app), base_url=BASE) as client:
            yield Market(RemoteService(client), run_jobs, agents.failing_steps, outside)
    finally:
        embedded.close()


async def _nothing_to_do() -> None:
    """The fake deploys at once."""


@pytest.fixture(scope="session")
def settled_heap() -> None:
    """All that stays is made and set aside: walking it took the garbage collector longer than a callback may."""
    app_for_tests()
    migrated_template()
    gc.collect()
    gc.freeze()


KINDS = ["fake", "embedded", "remote", pytest.param("postgres", marks=pytest.mark.postgres)]


@contextmanager
def on(kind: str, loop: asyncio.Runner, folder: Path, opening: Opening) -> Iterator[Market]:
    """A market of one kind for the length of a test."""
    app = app_over(FakeService())
    with ExitStack() as kept:
        database = kept.enter_context(new_database(stocked=True)) if kind == "postgres" else ""
        context = opened(kind, folder, app, database, opening)
        yield loop.run(context.__aenter__())
        loop.run(context.__aexit__(None, None, None))


@pytest.fixture(params=KINDS)
def market(
    request: pytest.FixtureRequest, settled_heap: None, loop: asyncio.Runner, tmp_path: Path
) -> Iterator[Market]:
    with on(request.param, loop, tmp_path, CLOSED) as found:
        yield found


@pytest.fixture(params=KINDS)
def paged(request: pytest.FixtureRequest, settled_heap: None, loop: asyncio.Runner, tmp_path: Path) -> Iterator[Market]:
    """A market whose new ways to pay are given on pages, and that takes transfers."""
    with on(request.param, loop, tmp_path, PAGES) as found:
        yield found


@pytest.fixture(params=KINDS)
def undoable(
    request: pytest.FixtureRequest, settled_heap: None, loop: asyncio.Runner, tmp_path: Path
) -> Iterator[Market]:
    """The same, where a purchase can be taken back for a minute."""
    with on(request.param, loop, tmp_path, UNDO) as found:
        yield found


@pytest.fixture
def fake() -> FakeService:
    """The service behind `http`."""
    return FakeService()


@pytest.fixture
def http(settled_heap: None, fake: FakeService, loop: asyncio.Runner) -> Iterator[httpx.AsyncClient]:
    """A plain client of the application in front of the fake, for what only HTTP has."""
    client = httpx.AsyncClient(transport=in_process(app_over(fake)), base_url=BASE)
    yield client
    loop.run(client.aclose())
