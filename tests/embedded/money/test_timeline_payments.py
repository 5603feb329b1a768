"""Payments under way while time is moved: their answers come on their day, in one move as day by day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copyfile
from typing import Any, TypeVar

import pytest

from app.clock import SeededIds
from services.api.contract import Service
from services.api.types import (
    AddMethod,
    InvoiceQuery,
    InvoiceState,
    MoveTime,
    OrderState,
    PaymentMethod,
    SubscriptionState,
    TimeStep,
)
from services.db.session import Database
from services.embedded.core import Core
from services.embedded.service import EmbeddedService
from services.embedded.workspace import Workspace, WorkspaceClock
from services.gateways import test_record as record
from services.gateways.agents import ScriptedAgents
from services.gateways.payments import PROCESSING, EventPage
from services.gateways.providers import Providers
from services.gateways.test_provider import TestProvider
from tests.contract.embedded import METHODS, START, migrated_template
from tests.contract.market import Market
from tests.contract.money import subscribed
from tests.embedded.money.test_timeline import state_of
from tests.fakes import FakeClock
from tests.keys import LEDGER_KEY

T = TypeVar("T")
BANK_TAKES = timedelta(days=4)


class Banks(TestProvider):
    """A provider whose debits end after four days, all of them alike."""

    def __init__(self, path: Path, clock: WorkspaceClock, *, pays: bool) -> None:
        super().__init__(path, methods=METHODS)
        self.asked = 0
        self._time, self._pays = clock, pays
        self._began: dict[str, datetime] = {}

    async def list_events(self, cursor: str, *, since: datetime) -> EventPage:
        self.asked += 1
        return await super().list_events(cursor, since=since)

    async def _do(self, work: Callable[[Any], T]) -> T:  # Any: a connection of SQLite
        now = self._time.now()

        def end(db: Any) -> T:  # Any: as above
            for charge_id, began in self._began.items():
                if now >= began + BANK_TAKES:
                    record.settle_debit(db, charge_id, is_paid=self._pays)
            result = work(db)
            for (charge_id,) in db.execute("SELECT id FROM charges WHERE state = ?", (PROCESSING,)):
                self._began.setdefault(charge_id, now)
            return result

        return await super()._do(end)


@dataclass(frozen=True)
class Shop:
    service: EmbeddedService
    market: Market
    banks: Banks
    buyer: Service

    async def move(self, *, days: float) -> None:
        at = self.service.core.clock.now() + timedelta(days=days)
        await self.buyer.move_time(MoveTime(TimeStep.TO_DATE, at))


def file_in(folder: Path) -> Path:
    folder.mkdir()
    return Path(copyfile(migrated_template(), folder / "souk.db"))


@asynccontextmanager
async def opened(folder: Path, *, pays: bool) -> AsyncIterator[Shop]:
    file = file_in(folder)
    clock = WorkspaceClock(FakeClock(START))
    banks = Banks(folder / "provider.db", clock, pays=pays)
    core = Core(
        db=Database(file), clock=clock, real_clock=clock.real,
        workspace=Workspace(clock, folder / "timeline", banks), ids=SeededIds(1), payments=Providers(banks),
        agents=ScriptedAgents(), ledger_key=LEDGER_KEY, undo_window=timedelta(0), bank_account=(),
    )  # fmt: skip
    service = EmbeddedService(core)
    await service.start()

    async def run_jobs() -> None:
        await service.run_due_jobs()

    market = Market(service, run_jobs)
    try:
        yield Shop(service, market, banks, await market.buyer())
    finally:
        service.close()


async def renewed_by_debit(shop: Shop) -> None:
    """A subscription whose next periods are debited from a bank account."""
    await subscribed(shop.market, shop.buyer)
    added = await shop.buyer.add_payment_method(AddMethod(PaymentMethod.BANK, is_default=True), key="bank")
    await shop.banks.answer(await charge_of(shop))
    await shop.buyer.refresh_added_method(added.uuid)
    for one in await shop.buyer.list_payment_methods():
        if one.method is PaymentMethod.CARD:
            await shop.buyer.remove_payment_method(one.token)


async def bought_by_debit(shop: Shop) -> None:
    """An order whose debit is under way."""
    order = await shop.market.order(payment_token="", payment_method=PaymentMethod.BANK)
    placed = await shop.buyer.quick_checkout(order, key="debit")
    await shop.banks.answer(await charge_of(shop))
    await shop.buyer.refresh_order(placed.order_uuid)


async def charge_of(shop: Shop) -> str:
    """The page that is open."""
    found = await shop.banks._do(
        lambda db: db.execute("SELECT id FROM charges WHERE state = 'action_required'").fetchone()
    )
    return str(found[0])


def lived(loop: asyncio.Runner, folder: Path, begin: Any, cut: list[float], *, pays: bool) -> tuple[Any, ...]:
    """State of money after a whole time in these steps, the subscriptions, the paid orders."""  # Any: an async test

    async def play() -> tuple[Any, ...]:
        async with opened(folder, pays=pays) as shop:
            await begin(shop)
            for days in cut:
                await shop.move(days=days)
            invoices = (await shop.buyer.list_invoices(InvoiceQuery())).items
            return (
                await state_of(shop.service),
                [one.state for one in await shop.buyer.list_subscriptions()],
                [one.state for one in invoices if not one.total.is_zero],
                [(one.state, one.paid_at) for one in await shop.buyer.list_orders()],
                shop.banks.balance(),
            )

    loop.get_loop().slow_callback_duration = 5.0
    return loop.run(play())


CUTS = [
    pytest.param([1.0] * 75, marks=pytest.mark.slow),
    [30.0, 30.0, 15.0],
    [0.4, 33.03, 2.5, 0.9, 3.7, 34.47],
]


@pytest.mark.parametrize("cut", CUTS)
def test_a_debit_that_bounces_suspends_in_one_move_as_in_many(
    loop: asyncio.Runner, tmp_path: Path, cut: list[float]
) -> None:
    assert sum(cut) == pytest.approx(75)
    whole = lived(loop, tmp_path / "whole", renewed_by_debit, [75], pays=False)
    assert lived(loop, tmp_path / "cut", renewed_by_debit, cut, pays=False) == whole
    assert whole[1] == [SubscriptionState.SUSPENDED]
    assert whole[2].count(InvoiceState.OPEN) == 1


@pytest.mark.parametrize("cut", CUTS)
def test_a_debit_that_pays_goes_on_in_one_move_as_in_many(
    loop: asyncio.Runner, tmp_path: Path, cut: list[float]
) -> None:
    whole = lived(loop, tmp_path / "whole", renewed_by_debit, [75], pays=True)
    assert lived(loop, tmp_path / "cut", renewed_by_debit, cut, pays=True) == whole
    assert whole[1] == [SubscriptionState.ACTIVE]
    assert set(whole[2]) == {InvoiceState.PAID}


@pytest.mark.parametrize("cut", [[31.0], [1.0] * 31, [3.99, 27.01]])
def test_an_order_is_paid_on_the_day_its_bank_paid(loop: asyncio.Runner, tmp_path: Path, cut: list[float]) -> None:
    found = lived(loop, tmp_path / "cut", bought_by_debit, cut, pays=True)
    assert found[3] == [(OrderState.DONE, START + BANK_TAKES)]
    refused = lived(loop, tmp_path / "refused", bought_by_debit, cut, pays=False)
    assert [state for state, _ in refused[3]] != [OrderState.DONE]
    assert refused[4].is_zero


def test_nobody_is_asked_while_nothing_is_under_way(loop: asyncio.Runner, tmp_path: Path) -> None:
    async def play() -> None:
        async with opened(tmp_path / "shop", pays=True) as shop:
            await subscribed(shop.market, shop.buyer)
            await shop.move(days=31)
            assert shop.banks.asked == 0
            await bought_by_debit(shop)
            await shop.move(days=31)
            assert 4 <= shop.banks.asked <= 10

    loop.get_loop().slow_callback_duration = 5.0
    loop.run(play())
