"""`souk serve` on the twin: what happens on a page of a provider is told to the server by webhook, signed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from app.compose import build_embedded
from app.serve import address_of, bind, server_for
from app.settings import Settings
from services.api.contract import Service
from services.api.types import PaymentMethod
from services.db.payment_models import ProviderEvent
from services.embedded.service import EmbeddedService
from services.gateways.agents import ScriptedAgents
from services.http.server import create_app
from tests.app.test_twin_installation import agree, type_card
from tests.contract.market import Market
from tests.fakes import FakeClock

pytestmark = pytest.mark.loopback
TRIES = 200


@asynccontextmanager
async def serving(data: Path) -> AsyncIterator[tuple[EmbeddedService, str]]:
    """A server without its worker: nothing but a webhook brings news."""
    with bind("127.0.0.1", 0) as bound:
        address = address_of(bound)
        settings = Settings(data, twin_port=0, undo_seconds=0)
        service = await build_embedded(settings, clock=FakeClock(), agents=ScriptedAgents(), address=address)
        try:
            server = server_for(create_app(service))
            task = asyncio.create_task(server.serve(sockets=[bound]))
            yield service, address
            server.should_exit = True
            await task
        finally:
            service.close()


async def told_of(service: EmbeddedService, provider: str) -> list[str]:
    """What came in, once it has."""
    kinds = sa.select(ProviderEvent.kind).where(ProviderEvent.provider == provider)
    for _ in range(TRIES):
        if found := await service.core.db.read(lambda connection: connection.execute(kinds).scalars().all()):
            return list(found)
        await asyncio.sleep(0.05)
    pytest.fail(f"{provider} told nothing")


async def buyer_of(service: EmbeddedService) -> tuple[Market, Service]:
    async def run_jobs() -> None:
        await service.run_due_jobs()

    market = Market(service, run_jobs)
    return market, await market.buyer()


@pytest.mark.parametrize(("method", "provider"), [(PaymentMethod.CARD, "stripe"), (PaymentMethod.PAYPAL, "paypal")])
def test_what_is_paid_on_a_page_comes_in_by_webhook(
    method: PaymentMethod, provider: str, data_dir: Path, loop: asyncio.Runner
) -> None:
    loop.get_loop().slow_callback_duration = 10.0

    async def play() -> None:
        async with serving(data_dir) as (service, _):
            market, buyer = await buyer_of(service)
            request = await market.order(payment_token="", payment_method=method)
            placed = await buyer.quick_checkout(request, key="one")
            assert placed.action is not None
            await (type_card if method is PaymentMethod.CARD else agree)(placed.action.url)
            assert await told_of(service, provider)

    loop.run(play())


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_what_nobody_signed_is_refused(provider: str, data_dir: Path, loop: asyncio.Runner) -> None:
    loop.get_loop().slow_callback_duration = 10.0

    async def play() -> None:
        async with serving(data_dir) as (service, address), httpx.AsyncClient() as stranger:
            answer = await stranger.post(f"{address}/api/webhooks/{provider}/", json={"id": "evt_1"})
            assert answer.status_code == 400
            count = sa.select(sa.func.count()).select_from(ProviderEvent)
            assert await service.core.db.read(lambda connection: connection.execute(count).scalar_one()) == 0

    loop.run(play())
