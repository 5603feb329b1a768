"""`market`: the same stories on the fake, on the embedded service over SQLite and PostgreSQL, and on the remote one."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
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
from tests.contract.embedded import build_embedded, migrated_template
from tests.contract.market import Market
from tests.fakes import FakeService
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
async def opened(kind: str, folder: Path, app: Litestar, database: str = "") -> AsyncIterator[Market]:
    """A market of one kind, closed at the end; `database` is a URL where it is not a file."""
    if kind == "fake":
        fake = FakeService()
        yield Market(fake, _nothing_to_do, fake.world.failing_steps)
        return
    agents = ScriptedAgents()
    db = ServerDatabase(database) if database else None
    embedded = await build_embedded(folder, agents=agents, db=db)

    async def run_jobs() -> None:
        await embedded.run_due_jobs()

    try:
        if kind != "remote":
            yield Market(embedded, run_jobs, agents.failing_steps)
            return
        app.state.service = embedded
        async with httpx.AsyncClient(transport=in_process(app), base_url=BASE) as client:
            yield Market(RemoteService(client), run_jobs, agents.failing_steps)
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


@pytest.fixture(params=["fake", "embedded", "remote", pytest.param("postgres", marks=pytest.mark.postgres)])
def market(
    request: pytest.FixtureRequest, settled_heap: None, loop: asyncio.Runner, tmp_path: Path
) -> Iterator[Market]:
    app = app_over(FakeService())
    with ExitStack() as kept:
        database = kept.enter_context(new_database(stocked=True)) if request.param == "postgres" else ""
        context = opened(request.param, tmp_path, app, database)
        yield loop.run(context.__aenter__())
        loop.run(context.__aexit__(None, None, None))


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
