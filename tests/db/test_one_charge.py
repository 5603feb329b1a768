"""Fifty at once with one key, two programs on one database, the real Stripe client: one order and one charge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import SeededIds, SystemClock
from services.api import errors
from services.api.contract import Actor, Service
from services.api.types import PayOrder, QuickCheckout, Register, TopUp
from services.db import models as m
from services.db.session import Database, ServerDatabase
from services.embedded.core import Core
from services.embedded.service import EmbeddedService
from services.gateways.agents import ScriptedAgents
from services.gateways.providers import Providers
from services.gateways.stripe_payments import StripePayments
from services.twin.server import Twin
from tests.embedded.money.lives import usd
from tests.embedded.shop import stocked_template
from tests.keys import LEDGER_KEY
from tests.postgres import new_database

pytestmark = [pytest.mark.loopback, pytest.mark.slow]

CLIENTS = 50


@dataclass
class Town:
    """Two programs on one database, in front of one twin."""

    twin: Twin
    programs: list[EmbeddedService]
    session: str = ""

    def client(self, number: int) -> Service:
        """The same person, at one program or the other."""
        return self.programs[number % 2].for_actor(Actor(session=self.session))

    async def rows(self, statement: sa.Select[Any]) -> list[Any]:  # Any: SQL values
        return await self.programs[0].core.db.read(lambda connection: list(connection.execute(statement).scalars()))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def open_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    if request.param == "sqlite":
        file = tmp_path / "souk.db"
        file.write_bytes(stocked_template().read_bytes())
        yield lambda: Database(file)
    else:
        with new_database(stocked=True) as url:
            yield lambda: ServerDatabase(url, connections=4)


@asynccontextmanager
async def town(open_database: Callable[[], Database], folder: Path) -> AsyncIterator[Town]:
    clock = SystemClock()
    twin = Twin(folder / "twin", clock=clock, port=0)
    address = twin.start()
    programs = []
    for seed in (1, 2):
        stripe = StripePayments(
            key="rk_" + "test_twin", clock=clock, api_base=address, page_hosts=(twin.page_host,),
            default_return_url=f"{address}/c/done/",
        )  # fmt: skip
        core = Core(
            db=open_database(), clock=clock, ids=SeededIds(seed), payments=Providers(stripe), agents=ScriptedAgents(),
            ledger_key=LEDGER_KEY, undo_window=timedelta(seconds=60),
        )  # fmt: skip
        programs.append(EmbeddedService(core))
    try:
        await programs[0].start()
        found = Town(twin, programs)
        guest = programs[0].for_actor(Actor(device="d"))
        found.session = (await guest.register(Register("ada@example.com", "correct horse"))).token
        yield found
    finally:
        for program in programs:
            program.close()
        await asyncio.to_thread(twin.close)


@pytest.fixture
def play(
    open_database: Callable[[], Database], tmp_path: Path, loop: asyncio.Runner
) -> Callable[[Callable[[Town], Coroutine[Any, Any, None]]], None]:
    """Runs a story of a town."""
    loop.get_loop().slow_callback_duration = 5.0  # about races; that nobody blocks the loop is asked elsewhere

    async def whole(story: Callable[[Town], Coroutine[Any, Any, None]]) -> None:
        async with town(open_database, tmp_path) as found:
            await story(found)
            assert found.twin.breaches == []

    return lambda story: loop.run(whole(story))


async def the_order(client: Service, **changes: Any) -> QuickCheckout:  # Any: fields of QuickCheckout
    offering = await client.get_offering("customer-care")
    starter = next(plan for plan in offering.plans if plan.slug == "starter")
    return QuickCheckout(offering.card.uuid, starter.uuid, terms_accepted=True, **changes)


async def all_at_once(work: Callable[[int], Coroutine[Any, Any, Any]]) -> list[Any]:  # Any: answers and errors
    return await asyncio.gather(*(work(number) for number in range(CLIENTS)), return_exceptions=True)


def test_fifty_clients_with_one_key_make_one_charge(play: Callable[..., None]) -> None:
    async def story(here: Town) -> None:
        request = await the_order(here.client(0), payment_token="pm_card_visa")
        answers = await all_at_once(lambda number: here.client(number).quick_checkout(request, key="one"))
        told = {answer.order_uuid for answer in answers if not isinstance(answer, BaseException)}
        strange = [answer for answer in answers if isinstance(answer, BaseException)]
        assert all(isinstance(one, errors.PaymentUnknown | errors.RequestInProgress) for one in strange), strange
        assert len(told) == 1
        assert len(await here.rows(sa.select(m.OrderRow.uuid))) == 1
        assert here.twin.stripe.count_charges() == 1

    play(story)


def test_fifty_asking_for_another_way_to_pay_make_one_charge(play: Callable[..., None]) -> None:
    async def story(here: Town) -> None:
        placed = await here.client(0).quick_checkout(await the_order(here.client(0)), key="page")
        request = PayOrder(payment_token="pm_card_mastercard")
        await all_at_once(
            lambda number: here.client(number).pay_order(placed.order_uuid, request, key=f"k{number % 5}")
        )
        answer = await here.client(1).refresh_order(placed.order_uuid)
        assert answer.resource_uuid
        assert here.twin.stripe.count_charges() == 1

    play(story)


def test_fifty_top_ups_with_one_key_bring_credit_once(play: Callable[..., None]) -> None:
    async def story(here: Town) -> None:
        request = TopUp(usd("20"), "pm_card_visa")
        await all_at_once(lambda number: here.client(number).top_up(request, key="credit"))
        assert (await here.client(0).get_wallet()).balance == usd("20")
        assert here.twin.stripe.balance("usd") == 2000

    play(story)
