"""The whole way with the real service, the real Stripe client, the twin and a real Chromium: what was typed is paid,
stands in the books on both sides, survives the end of the process, and goes back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from app.compose import build_embedded
from app.providers import TwinProviders
from app.settings import Settings
from services.api.contract import Service
from services.api.money import Money
from services.api.types import InvoiceQuery, Order, OrderState, PaymentMethod, PaymentState, Placed, RefundRequest
from services.domain.ledger import AccountKind
from services.embedded.money import ledger
from services.embedded.service import EmbeddedService
from services.gateways.agents import ScriptedAgents
from services.gateways.stripe_payments import StripePayments
from services.twin.server import Twin
from tests.browser.chromium import Tab
from tests.browser.merchant import Merchant
from tests.contract import embedded
from tests.contract.market import Market
from tests.fakes import FakeClock
from tests.twin.stripe_rig import KEY, Rig

pytestmark = [pytest.mark.loopback, pytest.mark.slow]
VISA, DECLINED = "4242424242424242", "4000000000000002"
Found = TypeVar("Found")


def market_of(service: EmbeddedService) -> Market:
    async def run_jobs() -> None:
        await service.run_due_jobs()

    return Market(service, run_jobs)


class Installation:
    """The program as it is installed, on one data folder; `start` and `end` are a process's."""

    def __init__(self, folder: Path, loop: asyncio.Runner) -> None:
        with socket.socket() as probe:  # the twin comes back at the port it had
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._settings = Settings(folder, twin_port=port, undo_seconds=0)
        self._loop = loop
        self.clock = FakeClock()
        self.start()

    def start(self) -> None:
        self.service = self.run(build_embedded(self._settings, clock=self.clock, agents=ScriptedAgents()))
        self.market = market_of(self.service)

    def end(self) -> None:
        self.service.close()

    def run(self, work: Awaitable[Found]) -> Found:
        async def whole() -> Found:
            return await work

        return self._loop.run(whole())

    @property
    def twin(self) -> Twin:
        assert isinstance(self.service.core.payments, TwinProviders)
        return self.service.core.payments.twin.server

    def cash(self, organization: str) -> Money:
        """What has come in through providers, in a ledger whose seals and sums hold."""
        core = self.service.core
        self.run(core.db.read(lambda connection: ledger.ensure_sound(connection, core.ledger_key)))
        found = self.run(
            core.db.read(lambda connection: ledger.balances(connection, organization, AccountKind.CLEARING))
        )
        return -sum(found.values(), Money.zero())  # what others owe us stands in the ledger with a minus


@pytest.fixture
def patient(loop: asyncio.Runner) -> asyncio.Runner:
    """Preparing a database blocks; the window does it in a thread."""
    loop.get_loop().slow_callback_duration = 10.0
    return loop


@pytest.fixture
def souk(data_dir: Path, patient: asyncio.Runner) -> Iterator[Installation]:
    made = Installation(data_dir, patient)
    yield made
    made.end()


def type_card(tab: Tab, number: str) -> None:
    tab.fill(expiry="12 / 34", cvc="123", name="Ada King", email="ada@example.com")
    tab.type("#number", number)
    tab.click("#pay")


async def order_on_page(
    market: Market, buyer: Service, back: str, **changes: Any
) -> Placed:  # Any: fields of QuickCheckout
    request = await market.order(payment_token="", return_url=f"{back}/return/abc", **changes)
    placed = await buyer.quick_checkout(request, key="one")
    assert placed.action is not None
    return placed


def url_of(placed: Placed) -> str:
    assert placed.action is not None
    return placed.action.url


def test_a_typed_card_buys_an_agent_and_the_money_can_go_back(souk: Installation, tab: Tab, merchant: Merchant) -> None:
    buyer = souk.run(souk.market.buyer())
    placed = souk.run(order_on_page(souk.market, buyer, merchant.url))
    assert tab.go(url_of(placed)) == 200
    type_card(tab, DECLINED)
    tab.wait_for("Your card was declined.")
    assert souk.run(buyer.refresh_order(placed.order_uuid)).action is not None
    type_card(tab, VISA)
    tab.wait_at(f"{merchant.url}/return/abc")
    assert souk.run(buyer.refresh_order(placed.order_uuid)).state is PaymentState.SUCCEEDED
    souk.run(souk.market.run_jobs())
    order = souk.run(buyer.get_order(placed.order_uuid))
    assert (order.state, order.paid_with) == (OrderState.DONE, "Visa •••• 4242")
    assert souk.twin.stripe.count_charges() == 1
    assert souk.twin.stripe.balance("usd") == order.total.minor > 0
    assert souk.cash(order.organization_uuid).minor == order.total.minor
    give_back(souk, buyer)
    assert souk.twin.stripe.balance("usd") == 0
    assert souk.cash(order.organization_uuid).is_zero
    assert souk.twin.breaches == []


def give_back(souk: Installation, buyer: Service) -> None:
    [invoice] = [one for one in souk.run(buyer.list_invoices(InvoiceQuery())).items if not one.total.is_zero]
    request = RefundRequest(invoice.uuid)
    preview = souk.run(buyer.preview_refund(request))
    souk.run(buyer.refund_invoice(request, preview.hash, key="back"))
    souk.run(souk.market.run_jobs())


def test_paypal_says_yes_in_the_browser_and_the_agent_is_there(
    souk: Installation, tab: Tab, merchant: Merchant
) -> None:
    buyer = souk.run(souk.market.buyer())
    placed = souk.run(order_on_page(souk.market, buyer, merchant.url, payment_method=PaymentMethod.PAYPAL))
    tab.go(url_of(placed))
    tab.click("button[value=agree]")
    tab.wait_at(merchant.url)
    assert souk.run(buyer.refresh_order(placed.order_uuid)).state is PaymentState.SUCCEEDED
    order = souk.run(buyer.get_order(placed.order_uuid))
    assert souk.twin.paypal.balance("USD") == order.total.minor > 0
    assert souk.cash(order.organization_uuid).minor == order.total.minor


def test_a_page_outlives_the_program_and_its_twin(souk: Installation, tab: Tab, merchant: Merchant) -> None:
    """The program ends while the page is open; the buyer types on, and pays once it runs again."""
    buyer = souk.run(souk.market.buyer())
    placed = souk.run(order_on_page(souk.market, buyer, merchant.url))
    tab.go(url_of(placed))
    souk.end()
    tab.fill(number="4242 4242 4242 4242", expiry="12 / 34", cvc="123", name="Ada King", email="ada@example.com")
    souk.clock.advance(seconds=90)
    souk.start()
    tab.click("#pay")
    tab.wait_at(merchant.url)
    back = souk.service.for_actor(buyer.actor)
    assert souk.run(back.refresh_order(placed.order_uuid)).state is PaymentState.SUCCEEDED
    souk.run(souk.market.run_jobs())
    assert souk.run(back.get_order(placed.order_uuid)).state is OrderState.DONE
    assert souk.twin.stripe.count_charges() == 1


# ---- with Stripe elsewhere, as it is when the money is real


async def opened(folder: Path, rig: Rig) -> EmbeddedService:
    pays = StripePayments(key=KEY, clock=rig.clock, api_base=rig.url, page_hosts=(rig.twin.page_host,))
    return await embedded.build_embedded(folder, clock=rig.clock, payments=pays)


async def lone_order(service: EmbeddedService, buyer: Service) -> Order:
    await service.run_due_jobs()
    [order] = await service.for_actor(buyer.actor).list_orders()
    return order


def test_what_is_paid_while_the_program_is_closed_is_found_at_the_next_start(
    data_dir: Path, patient: asyncio.Runner, rig: Rig, tab: Tab, merchant: Merchant
) -> None:
    service = patient.run(opened(data_dir, rig))
    market = market_of(service)
    buyer = patient.run(market.buyer())
    placed = patient.run(order_on_page(market, buyer, merchant.url))
    tab.go(url_of(placed))
    service.close()
    type_card(tab, VISA)
    tab.wait_at(merchant.url)  # the browser does not know, and need not
    rig.clock.move(minutes=2)
    service = patient.run(opened(data_dir, rig))
    try:
        order = patient.run(lone_order(service, buyer))
        assert (order.uuid, order.state) == (placed.order_uuid, OrderState.DONE)
        assert order.payment_state is PaymentState.SUCCEEDED
        assert (rig.stripe.count_charges(), rig.stripe.balance("usd")) == (1, order.total.minor)
    finally:
        service.close()
