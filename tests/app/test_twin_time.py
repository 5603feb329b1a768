"""Time moved on the twin: debits end on their day in one move as day by day, and cards run out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import Settings
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
from services.embedded.service import EmbeddedService
from tests.app.test_twin_installation import CARD, shop, twin_of
from tests.contract.market import Market
from ui.text.declines import decline_text

pytestmark = pytest.mark.loopback


@pytest.fixture(autouse=True)
def patient(loop: asyncio.Runner) -> None:
    """Preparing blocks; the window does it in a thread."""
    loop.get_loop().slow_callback_duration = 10.0


async def send(url: str, **fields: str) -> None:
    """A form of a hosted page."""
    async with httpx.AsyncClient() as browser:
        assert (await browser.post(url, data=CARD | fields)).status_code == 303


async def debited(market: Market, buyer: Service, bank: str) -> None:
    """A subscription that is renewed from a bank account, and nothing else on file."""
    added = await buyer.add_payment_method(AddMethod(PaymentMethod.BANK, is_default=True), key="bank")
    assert added.action is not None
    await send(added.action.url, way="us_bank_account", bank=bank)
    await buyer.refresh_added_method(added.uuid)
    await market.bought(buyer)
    for one in await buyer.list_payment_methods():
        if one.method is PaymentMethod.CARD:
            await buyer.remove_payment_method(one.token)


async def move(service: EmbeddedService, buyer: Service, days: float) -> None:
    await buyer.move_time(MoveTime(TimeStep.TO_DATE, service.core.clock.now() + timedelta(days=days)))


async def state_of(service: EmbeddedService, buyer: Service) -> list[Any]:
    """What there is of money, with its days."""
    invoices = (await buyer.list_invoices(InvoiceQuery())).items
    return [
        [one.state for one in await buyer.list_subscriptions()],
        [(one.number, one.state, one.due, one.paid_at) for one in invoices],
        sorted((one.at, one.kind) for one in await buyer.list_happenings()),
        twin_of(service).stripe.balance("USD"),
    ]


def lived(loop: asyncio.Runner, data: Path, bank: str, cut: list[float]) -> list[Any]:
    async def play() -> list[Any]:
        settings = Settings(data, twin_port=0, undo_seconds=0)
        async with shop(settings, moves_in_time=True) as (service, market):
            buyer = await market.buyer()
            await debited(market, buyer, bank)
            for days in cut:
                await move(service, buyer, days)
            assert twin_of(service).breaches == []
            return await state_of(service, buyer)

    return loop.run(play())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bank", "state", "open_invoices"),
    [("fails", SubscriptionState.SUSPENDED, 1), ("pays", SubscriptionState.ACTIVE, 0)],
)
def test_one_move_ends_as_day_by_day(
    loop: asyncio.Runner, data_dir: Path, bank: str, state: SubscriptionState, open_invoices: int
) -> None:
    at_once = lived(loop, data_dir / "at-once", bank, [75])
    assert at_once[0] == [state]
    assert [one[1] for one in at_once[1]].count(InvoiceState.OPEN) == open_invoices
    assert lived(loop, data_dir / "by-day", bank, [1] * 75) == at_once
    assert lived(loop, data_dir / "uneven", bank, [33.3, 2.2, 39.5]) == at_once


def test_an_order_is_paid_on_the_day_the_bank_paid(loop: asyncio.Runner, data_dir: Path) -> None:
    async def play() -> None:
        async with shop(Settings(data_dir, twin_port=0), moves_in_time=True) as (service, market):
            buyer = await market.buyer()
            began = service.core.clock.now()
            request = await market.order(payment_token="", payment_method=PaymentMethod.BANK)
            placed = await buyer.quick_checkout(request, key="one")
            assert placed.action is not None
            await send(placed.action.url, way="us_bank_account", bank="pays")
            await buyer.move_time(MoveTime(TimeStep.MONTH))
            order = await buyer.get_order(placed.order_uuid)
            assert (order.state, order.paid_at) == (OrderState.DONE, began + timedelta(days=4))

    loop.run(play())


def test_a_card_that_runs_out_is_said_to_have_and_the_agent_is_suspended(loop: asyncio.Runner, data_dir: Path) -> None:
    async def play() -> None:
        async with shop(replace(Settings(data_dir, twin_port=0), undo_seconds=0), moves_in_time=True) as (
            service,
            market,
        ):
            buyer = await market.buyer()
            placed = await buyer.quick_checkout(await market.order(payment_token=""), key="one")
            assert placed.action is not None
            await send(placed.action.url, number="4242424242424242", expiry="04 / 26")  # it is March
            await buyer.refresh_order(placed.order_uuid)
            await market.run_jobs()
            await buyer.move_time(MoveTime(TimeStep.TO_DATE, datetime(2026, 4, 30, tzinfo=UTC)))
            paid = twin_of(service).stripe.balance("USD")
            await buyer.move_time(MoveTime(TimeStep.TO_DATE, datetime(2026, 5, 15, tzinfo=UTC)))
            [subscription] = await buyer.list_subscriptions()
            assert subscription.state is SubscriptionState.PAST_DUE
            [due] = (await buyer.list_invoices(InvoiceQuery(state=InvoiceState.OPEN))).items
            first = (await buyer.get_invoice(due.uuid)).attempts[0]
            assert (first.state, first.error_code) == ("failed", "expired_card")
            assert "has expired" in decline_text(first.error_code)
            await buyer.move_time(MoveTime(TimeStep.TO_DATE, datetime(2026, 6, 1, tzinfo=UTC)))
            [subscription] = await buyer.list_subscriptions()
            assert subscription.state is SubscriptionState.SUSPENDED
            assert twin_of(service).stripe.balance("USD") == paid

    loop.run(play())
