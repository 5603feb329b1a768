"""The default installation: a whole purchase on the twin, with no key and no network, and what outlives a restart."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.compose import build_embedded
from app.providers import TwinProviders, open_till
from app.settings import Settings, SettingsError
from services.api.types import (
    InvoiceQuery,
    MoveTime,
    OrderState,
    PaymentMethod,
    PaymentState,
    RefundRequest,
    TimeStep,
)
from services.embedded import upkeep
from services.embedded.service import EmbeddedService
from services.gateways.agents import ScriptedAgents
from services.gateways.test_provider import TestProvider
from services.twin.server import Twin
from tests.contract.market import Market
from tests.fakes import FakeClock

pytestmark = pytest.mark.loopback


@pytest.fixture(autouse=True)
def patient(loop: asyncio.Runner) -> None:
    """Preparing blocks; the window does it in a thread."""
    loop.get_loop().slow_callback_duration = 10.0


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return Settings(data_dir, twin_port=0)


@asynccontextmanager
async def shop(
    settings: Settings, *, moves_in_time: bool = False, read_only: bool = False
) -> AsyncIterator[tuple[EmbeddedService, Market]]:
    service = await build_embedded(
        settings, clock=FakeClock(), agents=ScriptedAgents(), moves_in_time=moves_in_time, read_only=read_only
    )

    async def run_jobs() -> None:
        await service.run_due_jobs()

    try:
        yield service, Market(service, run_jobs)
    finally:
        service.close()


CARD = {"email": "ada@example.com", "expiry": "12 / 34", "cvc": "123", "name": "Ada King", "country": "US"}


async def type_card(url: str, number: str = "4242424242424242") -> httpx.Response:
    """What a buyer does in the browser."""
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(url)).status_code == 200
        return await browser.post(url, data=CARD | {"number": number})


async def agree(url: str) -> None:
    """The buyer says yes on PayPal's page, to what is chosen there already."""
    async with httpx.AsyncClient() as browser:
        funding = re.search(r'name="funding" value="([^"]*)" checked', (await browser.get(url)).text)
        assert funding is not None
        form = {"answer": "agree", "email": "ada@example.com", "funding": funding[1]}
        assert (await browser.post(url, data=form)).status_code == 303


def twin_of(service: EmbeddedService) -> Twin:
    providers = service.core.payments
    assert isinstance(providers, TwinProviders)
    return providers.twin.server


@pytest.mark.skipif(os.name == "nt", reason="rights of other systems")
def test_nobody_else_on_the_machine_reads_its_files(settings: Settings, loop: asyncio.Runner) -> None:
    async def buy() -> None:
        async with shop(settings, moves_in_time=True) as (service, market):
            buyer = await market.buyer()
            await buyer.quick_checkout(await market.order(payment_token=""), key="one")
            await buyer.move_time(MoveTime(TimeStep.DAY))
            await upkeep.back_up(service.core)
            assert open_to_others(settings.data) == []

    before = os.umask(0o022)  # what most systems begin with
    try:
        loop.run(buy())
    finally:
        os.umask(before)


def open_to_others(folder: Path) -> list[Path]:
    """Files that others may read and can reach."""
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += open_to_others(entry) if entry.stat().st_mode & 0o077 else []
        elif entry.stat().st_mode & 0o077:
            found.append(entry)
    return found


def test_a_card_is_typed_in_the_browser_and_the_agent_is_there(settings: Settings, loop: asyncio.Runner) -> None:
    async def buy() -> None:
        async with shop(settings) as (service, market):
            buyer = await market.buyer()
            options = await buyer.get_payment_options()
            assert options.is_test_mode
            assert {PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL} <= set(options.methods)
            assert options.page_hosts == (twin_of(service).page_host,)
            placed = await buyer.quick_checkout(await market.order(payment_token=""), key="one")
            assert placed.action is not None
            assert placed.action.url.startswith(f"http://{options.page_hosts[0]}/")
            assert (
                await type_card(placed.action.url, "4000000000000002")
            ).status_code == 200  # declined: it stays open
            assert (await buyer.refresh_order(placed.order_uuid)).action is not None
            assert (await type_card(placed.action.url)).status_code == 303
            paid = await buyer.refresh_order(placed.order_uuid)
            assert (paid.action, paid.state) == (None, PaymentState.AUTHORIZED)
            await market.run_jobs()
            order = await buyer.get_order(placed.order_uuid)
            assert (order.state, order.paid_with) == (OrderState.DONE, "Visa •••• 4242")
            assert twin_of(service).stripe.count_charges() == 1
            assert twin_of(service).breaches == []

    loop.run(buy())


def test_a_published_card_pays_without_a_page_and_money_goes_back(settings: Settings, loop: asyncio.Runner) -> None:
    async def buy() -> None:
        async with shop(replace(settings, undo_seconds=0)) as (service, market):
            buyer = await market.buyer()
            await market.bought(buyer)
            taken = twin_of(service).stripe.balance("USD")
            assert taken > 0
        async with shop(replace(settings, undo_seconds=0)) as (service, market):  # a restart in between
            back = service.for_actor(buyer.actor)
            [invoice] = [one for one in (await back.list_invoices(InvoiceQuery())).items if not one.total.is_zero]
            request = RefundRequest(invoice.uuid)
            preview = await back.preview_refund(request)
            await back.refund_invoice(request, preview.hash, key="back")
            await market.run_jobs()
            assert twin_of(service).stripe.balance("USD") == 0
            assert twin_of(service).breaches == []

    loop.run(buy())


def test_paypal_pays_on_its_own_page(settings: Settings, loop: asyncio.Runner) -> None:
    async def buy() -> None:
        async with shop(replace(settings, undo_seconds=0)) as (service, market):
            buyer = await market.buyer()
            request = await market.order(payment_token="", payment_method=PaymentMethod.PAYPAL)
            placed = await buyer.quick_checkout(request, key="one")
            assert placed.action is not None
            await agree(placed.action.url)
            assert (await buyer.refresh_order(placed.order_uuid)).action is None
            assert twin_of(service).paypal.count_captures() == 1
            assert twin_of(service).breaches == []

    loop.run(buy())


def test_sixty_seconds_to_change_ones_mind_and_nothing_was_taken(settings: Settings, loop: asyncio.Runner) -> None:
    async def buy() -> None:
        async with shop(settings) as (service, market):
            buyer = await market.buyer()
            placed = await buyer.quick_checkout(await market.order(), key="one")
            assert twin_of(service).stripe.held("USD") > 0
            assert twin_of(service).stripe.balance("USD") == 0
            await buyer.cancel_order(placed.order_uuid)
            await market.run_jobs()
            assert twin_of(service).stripe.held("USD") == 0
            assert twin_of(service).stripe.balance("USD") == 0

    loop.run(buy())


def test_time_takes_the_twin_along_forward_and_back(settings: Settings, loop: asyncio.Runner) -> None:
    async def play() -> None:
        async with shop(replace(settings, undo_seconds=0), moves_in_time=True) as (service, market):
            buyer = await market.buyer()
            await market.bought(buyer)
            twin = twin_of(service)
            before = twin.stripe.balance("USD")
            moved = await buyer.move_time(MoveTime(TimeStep.MONTH))
            assert twin.stripe.balance("USD") == 2 * before, moved
            [point] = (await buyer.get_timeline()).points
            await buyer.return_to(point.uuid)
            assert twin.stripe.balance("USD") == before
            await buyer.move_time(MoveTime(TimeStep.MONTH))
            assert twin.stripe.balance("USD") == 2 * before
            assert twin.breaches == []

    loop.run(play())


def test_a_workspace_from_before_the_twin_gives_its_money_back_where_it_was_paid(
    settings: Settings, loop: asyncio.Runner
) -> None:
    before = replace(settings, payments="inline", undo_seconds=0)

    async def play() -> None:
        async with shop(before) as (_, market):
            buyer = await market.buyer()
            await market.bought(buyer)
        async with shop(replace(settings, undo_seconds=0)) as (service, market):
            old = service.core.payments.find("test")
            assert isinstance(old, TestProvider)
            assert old.count_charges() == 1
            options = await service.for_actor(buyer.actor).get_payment_options()
            assert PaymentMethod.CARD in options.methods
            assert service.core.payments.for_method(PaymentMethod.CARD) is service.core.payments.find("stripe")
            back = service.for_actor(buyer.actor)
            [invoice] = [one for one in (await back.list_invoices(InvoiceQuery())).items if not one.total.is_zero]
            request = RefundRequest(invoice.uuid)
            await back.refund_invoice(request, (await back.preview_refund(request)).hash, key="back")
            await market.run_jobs()
            assert old.balance("USD").is_zero
            assert twin_of(service).stripe.balance("USD") == 0

    loop.run(play())


def test_a_taken_port_is_answered_with_another(settings: Settings, loop: asyncio.Runner) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        till = open_till(replace(settings, twin_port=port), FakeClock())
        try:
            assert till.providers.page_hosts != (f"127.0.0.1:{port}",)
        finally:
            till.providers.close()


def test_a_damaged_record_of_the_twin_is_put_aside(settings: Settings) -> None:
    settings.twin_folder.mkdir()
    for name in ("stripe.db", "paypal.db", "twin.db"):
        (settings.twin_folder / name).write_bytes(b"not a database " * 400)
    open_till(settings, FakeClock()).providers.close()
    [aside] = settings.data.glob("twin-damaged-*")
    assert (aside / "stripe.db").read_bytes().startswith(b"not a database")


def test_reading_only_opens_no_twin(settings: Settings, loop: asyncio.Runner) -> None:
    async def play() -> None:
        async with shop(settings):
            pass
        async with shop(settings, read_only=True) as (service, _):
            assert not isinstance(service.core.payments, TwinProviders)

    loop.run(play())


# ---- the real ones: opened, and asked nothing


def real_key(kind: str = "rk_test") -> str:
    return f"{kind}_" + "abcd1234" * 2


def test_live_needs_a_key(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="SOUK_STRIPE_KEY_FILE"):
        open_till(replace(settings, payments="live"), FakeClock())


def test_test_keys_open_the_sandboxes(settings: Settings) -> None:
    live = replace(settings, payments="live", stripe_key=real_key(), paypal_client_id="shop", paypal_secret="s" * 20)
    till = open_till(live, FakeClock())
    assert [one.name for one in till.providers] == ["stripe", "paypal"]
    assert till.providers.is_test_mode
    assert till.providers.page_hosts == ("checkout.stripe.com", "www.sandbox.paypal.com")
    assert till.records is None  # a sandbox is not ours to move in time
    assert till.bank_account == ()
    till.providers.close()


def test_real_money_needs_three_words_and_a_page(settings: Settings) -> None:
    live = replace(settings, payments="live", stripe_key=real_key("rk_live"))
    with pytest.raises(SettingsError, match="allow_live_keys"):
        open_till(live, FakeClock())
    live = replace(live, allow_live_keys=True)
    with pytest.raises(SettingsError, match="return_page"):
        open_till(live, FakeClock())
    till = open_till(replace(live, return_page="https://souk.example/pay/return/"), FakeClock())
    assert not till.providers.is_test_mode
    assert till.providers.test_cards == ()
    till.providers.close()
