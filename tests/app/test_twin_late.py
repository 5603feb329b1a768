"""A buyer who agrees on PayPal's page after it was given up or replaced, with the real clients on the twin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.compose import build_embedded
from app.settings import Settings
from services.api.contract import Service
from services.api.types import (
    InvoiceQuery,
    InvoiceState,
    OrderState,
    PaymentMethod,
    PayOrder,
    Placed,
    TopUp,
)
from services.db import models as m
from services.db import money_models as mm
from services.domain.ledger import AccountKind
from services.embedded import asking, inbox, order_sweep, placing
from services.embedded.money import ledger, outcomes, payments
from services.embedded.service import EmbeddedService
from services.gateways.agents import ScriptedAgents
from services.twin.paypal import PayPalTwin
from services.twin.server import Twin
from tests.app.test_twin_installation import agree, twin_of
from tests.contract.market import Market
from tests.embedded.money.lives import usd
from tests.fakes import FakeClock

pytestmark = pytest.mark.loopback

_A, _E = mm.LedgerAccount, mm.LedgerEntry
PAYPAL = PaymentMethod.PAYPAL


@dataclass
class Town:
    """One installation in front of the twin."""

    service: EmbeddedService
    market: Market
    buyer: Service
    clock: FakeClock

    @property
    def twin(self) -> Twin:
        return twin_of(self.service)

    @property
    def paypal(self) -> PayPalTwin:
        return self.twin.paypal

    async def hear(self) -> None:
        """What the providers tell is looked at."""
        await inbox.poll(self.service.core)
        await inbox.look(self.service.core)

    async def wait(self, **time: float) -> None:
        """Time passes, and everything that follows is done."""
        self.clock.advance(**time)
        for _ in range(3):
            await self.hear()
            await self.service.run_due(self.clock.now())
            await self.market.run_jobs()

    async def sums(self, kind: AccountKind) -> dict[str, int]:
        """Sub-account -> micros."""
        found = sa.select(_A.sub, sa.func.sum(_E.amount_micros)).join(_E, _E.account_id == _A.id)
        found = found.where(_A.kind == kind.value).group_by(_A.sub)
        return await self.service.core.db.read(
            lambda connection: {sub: int(micros) for sub, micros in connection.execute(found)}
        )

    async def check(self) -> None:
        """The account of each provider is what it says itself, to the cent, and the books are sound."""
        core, p = self.service.core, m.PaymentRow
        held = sa.select(p.provider, sa.func.sum(p.amount_micros)).where(p.state.in_(["authorized", "capturing"]))
        holds = await core.db.read(
            lambda c: {name: int(micros) for name, micros in c.execute(held.group_by(p.provider))}
        )
        clearing = await self.sums(AccountKind.CLEARING)
        for name, provider in (("stripe", self.twin.stripe), ("paypal", self.twin.paypal)):
            assert -clearing.get(name, 0) - holds.get(name, 0) == provider.balance("USD") * 10_000, name
            assert holds.get(name, 0) == provider.held("USD") * 10_000, name
        await core.db.read(lambda connection: ledger.ensure_sound(connection, core.ledger_key))
        assert self.twin.breaches == []

    async def is_settled(self) -> None:
        """Nothing is owed to anybody."""
        await self.check()
        assert not any((await self.sums(AccountKind.REFUNDS)).values())

    async def ordered(self) -> tuple[Placed, str]:
        """On PayPal's page, and its address."""
        request = await self.market.order(payment_token="", payment_method=PAYPAL)
        placed = await self.buyer.quick_checkout(request, key="order")
        assert placed.action is not None
        return placed, placed.action.url

    async def by_card(self, placed: Placed, key: str = "card") -> None:
        await self.buyer.pay_order(placed.order_uuid, PayOrder(payment_token=await self.market.card()), key=key)

    async def kinds(self) -> list[str]:
        return [one.kind for one in await self.buyer.list_happenings()]


Story = Callable[[Town], Coroutine[Any, Any, None]]


@pytest.fixture
def play(data_dir: Path, loop: asyncio.Runner) -> Callable[..., None]:
    """Runs a story of a town."""
    loop.get_loop().slow_callback_duration = 10.0  # preparing blocks; the window does it in a thread

    async def whole(story: Story, undo_seconds: int) -> None:
        clock, settings = FakeClock(), Settings(data_dir, twin_port=0, undo_seconds=undo_seconds)
        service = await build_embedded(settings, clock=clock, agents=ScriptedAgents(), moves_in_time=False)

        async def run_jobs() -> None:
            await service.run_due_jobs()

        try:
            market = Market(service, run_jobs)
            buyer = await market.buyer()
            long = sa.update(m.SessionRow).values(expires_at=clock.now() + timedelta(days=4000))
            await service.core.db.run(lambda connection: connection.execute(long))
            await story(Town(service, market, buyer, clock))
        finally:
            service.close()

    return lambda story, undo_seconds=0: loop.run(whole(story, undo_seconds))


def test_a_top_up_page_agreed_to_after_it_was_given_up_is_left_to_lapse(play: Callable[..., None]) -> None:
    async def story(town: Town) -> None:
        paid = await town.buyer.top_up(TopUp(usd("20"), payment_method=PAYPAL), key="t")
        assert paid.action is not None
        await town.buyer.cancel_payment(paid.payment_uuid)
        await agree(paid.action.url)
        await town.wait(minutes=1)
        await town.wait(days=2)
        assert town.paypal.count_captures() == 0
        assert (await town.buyer.get_wallet()).balance == usd("0")
        await town.is_settled()

    play(story)


def test_an_invoice_paid_by_card_and_its_old_page_agreed_to_is_paid_once(play: Callable[..., None]) -> None:
    async def story(town: Town) -> None:
        await town.market.bought(town.buyer)
        [kept] = await town.buyer.list_payment_methods()
        await town.buyer.remove_payment_method(kept.token)
        await town.wait(days=32)
        [invoice] = [one for one in (await town.buyer.list_invoices(InvoiceQuery())).items if not one.due.is_zero]
        page = await town.buyer.pay_invoice(invoice.uuid, "", key="page", page=PAYPAL)
        assert page.action is not None
        await town.buyer.pay_invoice(invoice.uuid, await town.market.card(), key="card")
        await agree(page.action.url)
        await town.wait(minutes=10)
        await town.wait(days=2)
        assert town.paypal.count_captures() == 0
        assert (await town.buyer.get_invoice(invoice.uuid)).state is InvoiceState.PAID
        await town.is_settled()

    play(story)


@pytest.mark.parametrize("undo_seconds", [0, 60])
def test_an_order_paid_by_card_and_its_old_page_agreed_to_is_paid_once(
    play: Callable[..., None], undo_seconds: int
) -> None:
    async def story(town: Town) -> None:
        placed, url = await town.ordered()
        await town.by_card(placed)
        await agree(url)
        await town.hear()
        await town.check()
        await town.wait(minutes=10)
        await town.wait(minutes=10)
        order = await town.buyer.get_order(placed.order_uuid)
        assert (order.state, order.refunded) == (OrderState.DONE, usd("0"))
        assert (town.paypal.count_captures(), town.paypal.held("USD")) == (0, 0)
        assert town.twin.stripe.balance("USD") == order.total.minor
        await town.is_settled()

    play(story, undo_seconds)


def test_an_order_given_up_and_its_page_agreed_to_takes_nothing_and_can_be_paid_then(play: Callable[..., None]) -> None:
    async def story(town: Town) -> None:
        placed, url = await town.ordered()
        await town.buyer.cancel_order(placed.order_uuid)
        await agree(url)
        await town.wait(minutes=10)
        assert town.paypal.count_captures() == 0
        await town.is_settled()
        await town.by_card(placed)
        await town.wait(minutes=10)
        order = await town.buyer.get_order(placed.order_uuid)
        assert (order.state, order.refunded, town.paypal.count_captures()) == (OrderState.DONE, usd("0"), 0)
        await town.is_settled()

    play(story)


# ---- taken in the instant in which it was given up


async def taken_all_the_same(town: Town, uuid: str) -> None:
    """Somebody of us had begun to look at a payment before it was given up, and carries out the buyer's yes."""
    core = town.service.core
    intent = await core.db.read(lambda connection: payments.intent(connection, uuid))
    assert (await asking.find(core, intent.question)) is not None


def test_a_top_up_taken_all_the_same_goes_back_to_paypal_through_the_books(play: Callable[..., None]) -> None:
    async def story(town: Town) -> None:
        paid = await town.buyer.top_up(TopUp(usd("20"), payment_method=PAYPAL), key="t")
        assert paid.action is not None
        await town.buyer.cancel_payment(paid.payment_uuid)
        await agree(paid.action.url)
        await taken_all_the_same(town, paid.payment_uuid)
        assert town.paypal.balance("USD") == 2000
        await town.hear()
        await town.check()
        await town.wait(minutes=1)
        await town.wait(minutes=20)
        assert (town.paypal.count_captures(), town.paypal.balance("USD")) == (1, 0)
        assert (await town.buyer.get_wallet()).balance == usd("0")
        assert (await town.kinds()).count("refunded") == 1
        await town.is_settled()
        assert await outcomes.sweep(town.service.core) == 0

    play(story)


@pytest.mark.parametrize("undo_seconds", [0, 3600])
def test_an_order_taken_all_the_same_goes_back_to_paypal_and_stays_as_it_is(
    play: Callable[..., None], undo_seconds: int
) -> None:
    async def story(town: Town) -> None:
        placed, url = await town.ordered()
        core = town.service.core
        first = await core.db.read(lambda connection: order_sweep.row_of(connection, placed.order_uuid))
        await town.by_card(placed)
        await agree(url)
        await asking.find(core, placing.kept_question(first))  # by who had begun before
        assert town.paypal.balance("USD") + town.paypal.held("USD") == 2900
        await town.hear()
        if not undo_seconds:
            await town.check()
            assert town.paypal.balance("USD") == 2900
        await town.wait(minutes=1)
        await town.check()
        assert (town.paypal.balance("USD"), town.paypal.held("USD")) == (0, 0)
        order = await town.buyer.get_order(placed.order_uuid)
        assert (order.state, order.refunded) == (OrderState.DONE, usd("0"))
        assert (await town.kinds()).count("refunded") == (0 if undo_seconds else 1)
        await town.wait(hours=2)
        await town.is_settled()
        assert town.twin.stripe.balance("USD") == 2900

    play(story, undo_seconds)
