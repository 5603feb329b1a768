"""PayPal's page of the twin in a real Chromium: yes, no, by keyboard, on a phone, without scripts, twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from services.gateways.payments import SUCCEEDED, Charge, Lookup
from services.gateways.paypal_payments import PayPalPayments
from services.twin.paypal import ROOT
from tests.browser.chromium import PHONE, Tab
from tests.browser.merchant import Merchant
from tests.twin.paypal_rig import wish
from tests.twin.stripe_rig import Rig

pytestmark = [pytest.mark.loopback, pytest.mark.slow]


class Wallet:
    """The real gateway, and the page it was given."""

    def __init__(self, rig: Rig, loop: asyncio.Runner, back: str) -> None:
        self._rig, self._loop = rig, loop
        self.request = replace(wish(), return_url=f"{back}/back?order=1")
        self.pays = PayPalPayments(
            client_id="souk", secret="s", base_url=f"{rig.url}{ROOT}", page_hosts=(rig.twin.page_host,),
            webhook_id="", clock=rig.clock, is_test_mode=True, default_return_url=self.request.return_url,
        )  # fmt: skip
        self.charge: Charge = loop.run(self.pays.charge(self.request, key="one"))

    def found(self) -> Charge | None:
        """As PayPal has it now; what was agreed to is carried out."""
        return self._loop.run(self.pays.find(Lookup("one", self.charge.id, self.request, self._rig.clock.now())))


@pytest.fixture
def wallet(rig: Rig, loop: asyncio.Runner, merchant: Merchant) -> Iterator[Wallet]:
    made = Wallet(rig, loop, merchant.url)
    yield made
    made.pays.close()


def test_a_yes_pays_once_it_is_asked_for(tab: Tab, wallet: Wallet, merchant: Merchant, rig: Rig) -> None:
    tab.go(wallet.charge.action_url)
    assert "$29.00" in tab.text
    tab.type("#email", "kim@example.com")
    tab.click("text=Agree & Pay $29.00")
    tab.wait_at(merchant.url)
    assert merchant.visits[0].startswith("/back?order=1&token=")
    assert rig.twin.paypal.count_captures() == 0  # a yes is no payment yet
    found = wallet.found()
    assert found is not None
    assert (found.state, rig.twin.paypal.balance("USD")) == (SUCCEEDED, 2900)


def test_a_no_pays_nothing_and_goes_back(tab: Tab, wallet: Wallet, merchant: Merchant, rig: Rig) -> None:
    tab.go(wallet.charge.action_url)
    tab.click("text=Cancel and return")
    tab.wait_at(merchant.url)
    found = wallet.found()
    assert found is not None
    assert found.state != SUCCEEDED
    assert rig.twin.paypal.count_captures() == 0


def test_a_page_that_was_answered_says_so(tab: Tab, wallet: Wallet, merchant: Merchant, rig: Rig) -> None:
    tab.go(wallet.charge.action_url)
    tab.click("text=Agree & Pay $29.00")
    tab.wait_at(merchant.url)
    tab.go(wallet.charge.action_url)
    assert "There is nothing left to do here" in tab.text
    wallet.found()
    wallet.found()
    assert rig.twin.paypal.count_captures() == 1


def test_the_keyboard_is_enough(tab: Tab, wallet: Wallet, merchant: Merchant, rig: Rig) -> None:
    tab.go(wallet.charge.action_url)
    tab.press("Tab", "Tab", "ArrowDown", "Tab")  # e-mail, the second way to pay, the button
    assert "bank" in str(tab.run("document.querySelector('[name=funding]:checked').value")).lower()
    assert tab.focused == "answer"
    tab.press("Enter")
    tab.wait_at(merchant.url)
    wallet.found()
    assert rig.twin.paypal.count_captures() == 1


def test_without_scripts_and_on_a_phone(
    new_tab: Callable[..., Tab], wallet: Wallet, merchant: Merchant, rig: Rig
) -> None:
    phone = new_tab(PHONE, is_phone=True)
    phone.go(wallet.charge.action_url)
    assert phone.run("document.documentElement.scrollWidth") <= PHONE[0]
    plain = new_tab(scripts=False)
    plain.go(wallet.charge.action_url)
    plain.click("text=Agree & Pay $29.00")
    plain.wait_at(merchant.url)
    wallet.found()
    assert rig.twin.paypal.count_captures() == 1
    assert phone.complaints == plain.complaints == []
