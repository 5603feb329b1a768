"""Marked secrets go through purchases, refunds, failures and a crash on the twin, and are seen nowhere (abuse 9).

Keys of Stripe and PayPal, the webhook secret, card numbers typed in the browser, the password and the session token.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pypdf
import pytest

from app import crash
from app.compose import build_embedded
from app.providers import TwinProviders, open_till
from app.settings import Settings
from services.api.contract import Service
from services.api.errors import PaymentUnknown, ServiceError
from services.api.types import (
    DocumentFormat,
    InvoiceQuery,
    MovementQuery,
    PaymentMethod,
    Placed,
    RefundRequest,
    TopUp,
)
from services.embedded.service import EmbeddedService
from services.gateways.agents import ScriptedAgents
from services.twin.server import Twin
from tests.abuse.canaries import Canaries
from tests.app.test_twin_installation import agree, type_card
from tests.contract.market import PASSWORD, Market
from tests.contract.money import usd
from tests.fakes import FakeClock

pytestmark = pytest.mark.loopback
ROOT = Path(__file__).resolve().parents[2]
PAYS, DECLINED, NO_MONEY = "4242424242424242", "4000000000000002", "4000000000009995"
LOGGERS = ("", "souk", "stripe", "httpx", "httpcore", "asyncio", "services", "app")


@dataclass
class Story:
    """What has happened, and what must not be seen of it."""

    service: EmbeddedService
    buyer: Service
    twin: Twin
    secrets: dict[str, str]
    settings: Settings
    records: list[logging.LogRecord]
    papers: list[tuple[str, str]] = field(default_factory=list)  # what, and its text
    refusals: list[ServiceError] = field(default_factory=list)
    from_outside: list[BaseException] = field(default_factory=list)


def spaced(number: str) -> str:
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def secrets_of(service: EmbeddedService, session: str) -> dict[str, str]:
    providers = service.core.payments
    assert isinstance(providers, TwinProviders)
    key = providers.twin.key
    [webhook] = providers.twin.server.stripe._secrets.values()
    cards = {f"card {number[-4:]}": number for number in (PAYS, DECLINED, NO_MONEY)}
    return {
        "stripe and paypal key": key,
        "paypal key in base64": base64.b64encode(f"souk:{key}".encode()).decode(),
        "webhook secret": webhook,
        "session token": session,
        "password": PASSWORD,
        **cards,
        **{f"{name}, spaced": spaced(number) for name, number in cards.items()},
    }


async def pay_on_page(buyer: Service, placed: Placed, *numbers: str) -> None:
    assert placed.action is not None
    for number in numbers:
        await type_card(placed.action.url, spaced(number))
    assert (await buyer.refresh_order(placed.order_uuid)).action is None


async def live_through_it(story: Story, market: Market) -> None:
    """Card, bank's refusal, PayPal, a top-up, a refund, an answer that is lost, a key that is refused."""
    buyer = story.buyer
    placed = await buyer.quick_checkout(await market.order(payment_token=""), key="card")
    await pay_on_page(buyer, placed, DECLINED, NO_MONEY, PAYS)
    request = await market.order(payment_token="", payment_method=PaymentMethod.PAYPAL)
    placed = await buyer.quick_checkout(request, key="paypal")
    assert placed.action is not None
    await agree(placed.action.url)
    assert (await buyer.refresh_order(placed.order_uuid)).action is None
    [saved, *_] = [one for one in await buyer.list_payment_methods() if one.method is PaymentMethod.CARD]
    await buyer.top_up(TopUp(usd("20"), saved.token), key="top-up")
    await market.run_jobs()
    bills = [one for one in (await buyer.list_invoices(InvoiceQuery())).items if not one.total.is_zero]
    refund = RefundRequest(bills[-1].uuid)
    await buyer.refund_invoice(refund, (await buyer.preview_refund(refund)).hash, key="back")
    for _ in range(9):  # more often than the client tries by itself
        story.twin.stripe.lose_next("after", "/v1/payment_intents")
    with pytest.raises(PaymentUnknown):
        await buyer.top_up(TopUp(usd("30"), saved.token), key="lost")
    await market.run_jobs()


async def write_papers(story: Story) -> None:
    """Every invoice in every form, and the statement of the wallet."""
    for invoice in (await story.buyer.list_invoices(InvoiceQuery())).items:
        for document_format in DocumentFormat:
            paper = await story.buyer.export_invoice(invoice.uuid, document_format)
            text = paper.data.decode("latin-1") + paper.name
            if document_format is DocumentFormat.PDF:
                text += "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(paper.data)).pages)
            story.papers.append((f"an invoice as {document_format}", text))
    statement = await story.buyer.export_movements(MovementQuery())
    story.papers.append(("the statement", statement.data.decode()))


async def be_refused(story: Story) -> None:
    """What comes of cards that do not pay, and of a client whose request is not known."""
    for token in ("pm_card_chargeDeclined", PAYS, "nonsense"):
        try:
            await story.buyer.top_up(TopUp(usd("25"), token), key=f"try {token[-4:]}")
        except ServiceError as error:
            story.refusals.append(error)
    async with httpx.AsyncClient(auth=("souk", story.secrets["stripe and paypal key"])) as client:
        try:
            (await client.get(f"{story.twin.url}/v1/nothing-here")).raise_for_status()
        except httpx.HTTPError as error:
            story.from_outside.append(error)


class Kept(logging.Handler):
    """Every record of a story that several tests read."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def talkative() -> Iterator[Kept]:
    """Every logger says all it can."""
    kept, loggers = Kept(), [logging.getLogger(name) for name in LOGGERS]
    before = [logger.level for logger in loggers]
    logging.getLogger().addHandler(kept)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield kept
    finally:
        logging.getLogger().removeHandler(kept)
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Everything has happened, once for all tests of this file."""
    settings = Settings(tmp_path_factory.mktemp("secrets"), twin_port=0, undo_seconds=0)
    with asyncio.Runner() as runner, talkative() as kept:
        # an address nobody answers at: webhooks are signed and sent, and get lost
        service = runner.run(
            build_embedded(settings, clock=FakeClock(), agents=ScriptedAgents(), address="http://127.0.0.1:9")
        )
        try:

            async def run_jobs() -> None:
                await service.run_due_jobs()

            market = Market(service, run_jobs)
            buyer = runner.run(market.buyer())
            providers = service.core.payments
            assert isinstance(providers, TwinProviders)
            secrets = secrets_of(service, buyer.actor.session)
            told = Story(service, buyer, providers.twin.server, secrets, settings, kept.records)
            runner.run(live_through_it(told, market))
            runner.run(write_papers(told))
            runner.run(be_refused(told))
            yield told
        finally:
            service.close()


@pytest.fixture
def canaries(story: Story) -> Canaries:
    """A search of one's own."""
    return Canaries(story.secrets)


def nothing_found(canaries: Canaries) -> None:
    assert sorted(set(canaries.found)) == []


def test_the_search_finds_what_is_there(data_dir: Path) -> None:
    """Else the tests below prove nothing."""

    @dataclass
    class Careless:
        key: str

    Careless.__module__ = "app.careless"
    canaries = Canaries({"key": "canary-7f"})
    canaries.look_at_reprs([{"deep": (Careless("canary-7f"),)}])
    canaries.look_at_records([logging.LogRecord("x", logging.INFO, "f", 1, "%s", ("canary-7f",), None)])
    assert len(canaries.found) == 3  # the repr, the message, its arguments


def test_log_records_at_every_level_hold_none(story: Story, canaries: Canaries) -> None:
    assert {record.name.partition(".")[0] for record in story.records} >= {"httpx", "stripe"}  # they did talk
    canaries.look_at_records(story.records)
    nothing_found(canaries)


def test_no_column_of_our_database_holds_one(story: Story, canaries: Canaries) -> None:
    canaries.look_into(story.settings.database_file)
    nothing_found(canaries)


def test_the_provider_keeps_no_card_number_either(story: Story) -> None:
    cards = {name: secret for name, secret in story.secrets.items() if name.startswith("card")}
    canaries = Canaries(cards)
    files = list(story.settings.twin_folder.glob("*.db"))
    assert len(files) >= 1
    for file in files:
        canaries.look_into(file)
    nothing_found(canaries)


def test_no_repr_within_reach_shows_one(story: Story, canaries: Canaries) -> None:
    seen = canaries.look_at_reprs([story.service, story.buyer, story.settings])
    assert seen >= {"Settings", "Core", "StripePayments", "RequestorOptions", "PayPalPayments", "Twin", "Actor"}
    nothing_found(canaries)


def test_no_export_shows_one(story: Story, canaries: Canaries) -> None:
    assert {what.rpartition(" ")[2] for what, _ in story.papers} >= {"pdf", "json", "csv", "statement"}
    for what, text in story.papers:
        assert text
        canaries.look(text, what)
    nothing_found(canaries)


@pytest.mark.logs("RuntimeError")
@pytest.mark.logs("HTTPStatusError")
def test_a_crash_report_says_where_and_never_what(
    story: Story, canaries: Canaries, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    file = tmp_path / "souk.log"
    before = list(logging.getLogger().handlers)
    crash.keep_log(file)
    [ours] = [one for one in logging.getLogger().handlers if one not in before]
    try:
        for error in (*a_bug_with_secrets(story), *story.from_outside):
            canaries.look(crash.report(error), "what is shown of a crash")
    finally:
        logging.getLogger().removeHandler(ours)
        ours.close()
    assert "RuntimeError at test_secrets.py" in file.read_text("utf-8")
    canaries.look(file.read_text("utf-8"), "souk.log")
    canaries.look_at_records(caplog.get_records("call"))
    nothing_found(canaries)


def a_bug_with_secrets(story: Story) -> Iterator[BaseException]:
    try:
        raise RuntimeError(" ".join(story.secrets.values()))
    except RuntimeError as error:
        yield error


def test_errors_for_buyers_hold_none(story: Story, canaries: Canaries) -> None:
    assert len(story.refusals) == 3
    for error in story.refusals:
        canaries.look(f"{error} {error!r} {error.__dict__}", "an error")
    nothing_found(canaries)


def test_keys_of_a_live_installation_are_in_no_repr(data_dir: Path) -> None:
    key = "rk_" + "test_" + "canary7f" * 2
    settings = Settings(data_dir, payments="live", stripe_key=key, paypal_client_id="shop", paypal_secret="canary7f-pp",
                        stripe_webhook_secret="whsec" + "_canary7f")  # fmt: skip
    till = open_till(settings, FakeClock())
    canaries = Canaries({"any": "canary7f"})
    assert canaries.look_at_reprs([till, settings]) >= {"Keys", "Settings", "StripePayments", "PayPalPayments"}
    till.providers.close()
    nothing_found(canaries)


@pytest.mark.slow
def test_no_text_of_the_window_shows_one(tmp_path: Path) -> None:
    """Every widget, also what is hidden, tips and what is read out, at every step of a purchase."""
    data = tmp_path / "data"
    data.mkdir()
    driver = [sys.executable, "-m", "tests.abuse.window_driver", str(data)]
    done = subprocess.run(driver, capture_output=True, text=True, timeout=110, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["texts"] > 300
    assert told["knows the card's end"]
    assert told["found"] == []
    canaries = Canaries({"card": PAYS, "password": "correct-stap"})
    canaries.look(done.stderr, "standard error")
    for file in [data / "souk.db", *(data / "twin").glob("*.db")]:
        canaries.look_into(file)
    nothing_found(canaries)
