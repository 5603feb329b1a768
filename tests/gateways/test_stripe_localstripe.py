"""A second opinion: the gateway before localstripe, which is not ours, as far as that goes.

It knows neither idempotency keys nor hosted pages, and none of the parameters we charge with; so payments are made here
by the client itself, and everything afterwards by the gateway.
"""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from services.api.money import Money
from services.gateways.payments import AUTHORIZED, CANCELED, FAILED, REFUNDED, SUCCEEDED, Charge, KeyMismatch, Lookup
from services.gateways.stripe_client import Declined, StripeClients
from services.gateways.stripe_payments import StripePayments
from services.gateways.stripe_shapes import KEY as META_KEY
from services.gateways.stripe_shapes import REFERENCE, Doc
from tests.gateways.stripe_rig import KEY, KIM, START, MovedClock

pytestmark = [pytest.mark.loopback, pytest.mark.slow]
SECRET_KEY = "sk_" + "test_of_localstripe"  # it takes no restricted ones
STARTS_WITHIN_S = 20.0
# By itself it would listen on every interface and keep its record in one fixed file.
PROGRAM = """
import sys
from aiohttp import web
from localstripe import resources, server
resources.store.dump_to_disk = lambda: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    if importlib.util.find_spec("localstripe") is None:
        pytest.skip("localstripe is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(port)], stderr=subprocess.PIPE, text=True)
    try:
        if not answers(process, port):
            process.kill()
            said = process.communicate()[1].strip().splitlines()
            pytest.skip(f"localstripe does not start: {said[-1] if said else 'it says nothing'}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def answers(process: subprocess.Popen[str], port: int) -> bool:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


class Shop:
    """One customer with cards, who pays by the client and is looked after by the gateway."""

    def __init__(self, url: str, loop: asyncio.Runner) -> None:
        self.pays = StripePayments(key=SECRET_KEY, clock=MovedClock(), api_base=url)
        self._clients = StripeClients(SECRET_KEY, url)
        self._loop = loop
        self.customer = loop.run(self.pays.provide_customer(KIM))

    def ask(self, call: Any) -> Doc:  # Any: a call of the client's services
        return self._loop.run(self._clients.ask(call))

    def card(self, number: str = "4242424242424242") -> str:
        details = {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"}
        made = self.ask(lambda v1: v1.payment_methods.create_async({"type": "card", "card": details}))
        customer = {"customer": self.customer}
        self.ask(lambda v1: v1.payment_methods.attach_async(made["id"], customer))
        return str(made["id"])

    def charge(self, card: str, **more: Any) -> str:  # Any: parameters
        params: Doc = {
            "amount": 2900, "currency": "usd", "customer": self.customer, "payment_method": card, "confirm": True,
            "off_session": True, "metadata": {META_KEY: KEY, REFERENCE: "order-1"},
        }  # fmt: skip
        return str(self.ask(lambda v1: v1.payment_intents.create_async(params | more))["id"])

    def find(self, charge_id: str) -> Charge:
        found = self._loop.run(self.pays.find(Lookup(KEY, charge_id, None, START)))
        assert found is not None
        return found


@pytest.fixture
def shop(url: str, loop: asyncio.Runner) -> Shop:
    return Shop(url, loop)


def test_a_payment_is_read_as_it_is(shop: Shop) -> None:
    found = shop.find(shop.charge(shop.card()))
    assert (found.state, found.amount, found.key, found.reference) == (
        SUCCEEDED, Money.parse("29.00"), KEY, "order-1"
    )  # fmt: skip
    assert found.method is not None
    assert (found.method.brand, found.method.last4, found.method.exp_year) == ("Visa", "4242", 2034)


def test_a_card_that_is_declined_later_is_declined(shop: Shop) -> None:
    card = shop.card("4000000000000341")
    with pytest.raises(Declined) as declined:
        shop.charge(card)
    assert declined.value.code == "card_declined"


def test_money_goes_back_in_parts_and_once_per_key(shop: Shop, loop: asyncio.Runner) -> None:
    charge_id = shop.charge(shop.card())
    for _ in range(2):  # it has no idempotency: the second is found by our key
        back = loop.run(shop.pays.refund(charge_id, Money.parse("9.00"), key="r"))
        assert (back.state, back.refunded) == (SUCCEEDED, Money.parse("9.00"))
    assert shop.find(charge_id).refunded == Money.parse("9.00")
    with pytest.raises(KeyMismatch):
        loop.run(shop.pays.refund(charge_id, Money.parse("8.00"), key="r"))
    loop.run(shop.pays.refund(charge_id, Money.parse("20.00"), key="the rest"))
    assert shop.find(charge_id).state == REFUNDED


def test_a_hold_is_taken_once_and_then_not_let_go(shop: Shop, loop: asyncio.Runner) -> None:
    charge_id = shop.charge(shop.card(), capture_method="manual")
    assert shop.find(charge_id).state == AUTHORIZED
    for _ in range(2):
        assert loop.run(shop.pays.capture(charge_id, key="c")).state == SUCCEEDED
    assert loop.run(shop.pays.cancel(charge_id, key="x")).state == SUCCEEDED


def test_a_hold_is_let_go_once(shop: Shop, loop: asyncio.Runner) -> None:
    charge_id = shop.charge(shop.card(), capture_method="manual")
    assert loop.run(shop.pays.cancel(charge_id, key="x")).state == AUTHORIZED
    for _ in range(2):
        assert loop.run(shop.pays.refund(charge_id, Money.parse("29.00"), key="r")).state == REFUNDED
    assert loop.run(shop.pays.cancel(charge_id, key="x")).state == CANCELED


def test_a_payment_that_waits_for_the_bank_is_not_over_until_it_is_given_up(shop: Shop, loop: asyncio.Runner) -> None:
    charge_id = shop.charge(shop.card("4000002760003184"))
    assert shop.find(charge_id).state not in (SUCCEEDED, FAILED, CANCELED)
    assert loop.run(shop.pays.cancel(charge_id, key="x")).state == CANCELED


def test_a_method_is_forgotten(shop: Shop, loop: asyncio.Runner) -> None:
    card = shop.card()
    charge_id = shop.charge(card)
    for token in (card, card, "pm_nobody_knows"):
        loop.run(shop.pays.forget(token))
    method = shop.find(charge_id).method
    assert method is not None
    assert method.token == ""
