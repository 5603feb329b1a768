"""Checkout with pages in the browser: what is offered, where it leads, one order whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import cast

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import CardDeclined, Offline, PaymentUnknown, ProviderRejected, ServiceError
from services.api.types import (
    BillingCycle,
    OrderState,
    PaymentMethod,
    PaymentState,
    Placed,
    SavedMethod,
)
from tests.fake_pages import HOST
from tests.fakes import PASSWORD, FakeService
from tests.samples import CUSTOMER_CARE, EXPENSE_AUDITOR
from tests.ui.checkout_help import CARDS, PER_USE, PRO, Buyer, Run, kept_cart
from tests.ui.test_hosted_page import Returns
from ui.bridge import Bridge, Change
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.browser import Browser
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.checkout_state import AccountMode, Phase
from ui.viewmodels.hosted_page import PagePhase
from ui.viewmodels.pending_cart import PendingCartViewModel
from ui.viewmodels.session import SessionViewModel

CARD, BANK, PAYPAL, TRANSFER, WALLET = (
    PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL, PaymentMethod.INVOICE, PaymentMethod.WALLET,
)  # fmt: skip
SAVED = (
    SavedMethod("card_1", "Visa", "4242", 4, 2029, True),
    SavedMethod("card_2", "Visa", "1111", 1, 2020, False, expiry="expired"),
    SavedMethod("bank_1", "Commerzbank", "3000", 0, 0, False, BANK),
    SavedMethod("paypal_1", "PayPal", "", 0, 0, False, PAYPAL, "ada@example.com"),
)


class Shopper(Buyer):
    """A buyer whose browser only notes what it is given."""

    def __init__(
        self, bridge: Bridge, holder: ServiceHolder, session: SessionViewModel, new_key: Callable[[], str], qtbot: QtBot
    ) -> None:
        self.opened: list[str] = []
        self.returns = Returns()
        self.settled: list[Placed] = []
        self.holder = holder
        browser = Browser(self._open, returns=self.returns, parent=bridge)
        service = cast(FakeService, holder.service)
        super().__init__(CheckoutViewModel(bridge, holder, session, new_key, browser), service, qtbot)
        self.checkout.settled.connect(self.settled.append)

    def _open(self, url: str) -> bool:
        self.opened.append(url)
        return True

    def go(self, method: PaymentMethod = CARD) -> str:
        """To the page, as somebody new; its order."""
        self.fill()
        if method is not CARD:
            self.checkout.choose_method(method)
        self.pay(Phase.AT_PROVIDER)
        return self.state.order_uuid

    def pay(self, until: Phase) -> None:
        self.wait(lambda: self.state.can_pay)
        super().pay(until)

    def become(self, what: str) -> None:
        """The page comes to this, and the buyer says so."""
        self.on_page(self.state.order_uuid, what)
        self.checkout.page.look()

    def on_page(self, uuid: str, what: str) -> None:
        """What the buyer, or time, does there."""
        getattr(self.service.pages, what)(uuid)

    @property
    def orders(self) -> list[OrderState]:
        return [order.state for _, order in self.service.world.orders.values()]


@pytest.fixture
def service() -> FakeService:
    made = FakeService()
    made.pages.open()
    return made


@pytest.fixture
def buyer(
    bridge: Bridge, holder: ServiceHolder, session: SessionViewModel, new_key: Callable[[], str], qtbot: QtBot
) -> Iterator[Shopper]:
    made = Shopper(bridge, holder, session, new_key, qtbot)
    made.open()
    yield made
    made.checkout._keeper.forget()
    made.checkout.page.forget()


# ---- what is offered


def test_new_person_begins_with_a_new_card_and_needs_no_test_card(buyer: Shopper) -> None:
    assert (buyer.state.method, buyer.state.payment_token, buyer.state.opens_page) == (CARD, "", True)
    assert buyer.state.pay_label == "Continue to card page – $990"
    assert "payment_token" not in buyer.state.all_problems


@pytest.mark.parametrize(
    ("method", "label"),
    [
        (BANK, "Continue to bank page – $990"),
        (PAYPAL, "Continue to PayPal – $990"),
        (TRANSFER, "Order by transfer – $990"),
    ],
)
def test_button_says_what_happens(buyer: Shopper, method: PaymentMethod, label: str) -> None:
    buyer.checkout.choose_method(method)
    assert buyer.state.pay_label == label


def test_trial_and_calls_paid_later_go_to_the_page_with_what_is_due_today(buyer: Shopper) -> None:
    buyer.checkout.choose_trial(True)
    buyer.wait(lambda: buyer.state.can_pay)
    assert buyer.state.pay_label == "Continue to card page – $0 today"
    buyer.open(PER_USE.uuid)
    assert buyer.state.pay_label == "Continue to card page – $0 today"


def test_test_card_is_still_a_quick_pick(buyer: Shopper) -> None:
    buyer.checkout.choose_card(CARDS["pays"])
    assert buyer.state.pay_label == "Complete purchase – $990"
    buyer.fill()
    buyer.pay(Phase.PLACED)
    assert buyer.opened == []


def test_way_that_is_not_open_is_not_taken(buyer: Shopper) -> None:
    buyer.checkout.choose_method(WALLET)
    assert buyer.state.method is CARD


def test_each_way_has_its_own_methods_and_remembers_the_choice(
    buyer: Shopper, session: SessionViewModel, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(session.signed_in):
        session.register("ada@example.com", PASSWORD)
    buyer.service.world.cards[next(iter(buyer.service.world.users.values())).uuid] = list(SAVED)
    buyer.open()
    assert buyer.state.payment_token == "card_1"
    tokens = {}
    for method in (BANK, PAYPAL, CARD):
        buyer.checkout.choose_method(method)
        tokens[method] = buyer.state.payment_token
    assert tokens == {BANK: "bank_1", PAYPAL: "paypal_1", CARD: "card_1"}
    buyer.checkout.choose_card("")
    buyer.checkout.choose_method(BANK)
    buyer.checkout.choose_method(CARD)
    assert (buyer.state.payment_token, buyer.state.opens_page) == ("", True)


@pytest.mark.parametrize("method", [BANK, PAYPAL, TRANSFER])
def test_chosen_way_is_there_again_later(
    buyer: Shopper, method: PaymentMethod, bridge: Bridge, session: SessionViewModel, qtbot: QtBot
) -> None:
    buyer.checkout.choose_method(method)
    buyer.settle()
    again = Shopper(bridge, buyer.holder, session, lambda: "later", qtbot)
    again.checkout.resume()
    again.wait(lambda: again.state.status is Status.READY)
    assert (again.state.method, again.state.payment_token) == (method, "")


# ---- to the page and back


@pytest.mark.parametrize("method", [CARD, BANK, PAYPAL])
def test_page_opens_in_the_browser_with_a_way_back_and_nothing_is_bought_yet(
    buyer: Shopper, method: PaymentMethod
) -> None:
    buyer.go(method)
    assert [url.startswith(f"https://{HOST}/") for url in buyer.opened] == [True]
    assert buyer.service.world.requests[buyer.state.order_uuid].return_url == buyer.returns.addresses[0].url
    assert (buyer.bought, buyer.urls, buyer.orders) == ([], [], [OrderState.PENDING_CONSUMER])
    assert buyer.checkout.page.state.amount == "$990"
    assert buyer.checkout.page.state.what == "Customer Care, Pro"
    assert buyer.state.is_locked


def test_paid_page_is_the_purchase(buyer: Shopper, bridge: Bridge) -> None:
    changes: list[Change] = []
    buyer.go()
    bridge.changed.connect(changes.append)
    buyer.become("pay")
    buyer.wait(lambda: buyer.state.phase is Phase.PLACED)
    assert len(buyer.bought) == 1
    assert buyer.orders == [OrderState.DONE]
    assert any({"orders", "resources", "wallet"} <= change.areas for change in changes)
    assert not buyer.returns.addresses[0].is_open


def test_debit_that_takes_days_is_placed_and_said_to_be_under_way(buyer: Shopper) -> None:
    buyer.go(BANK)
    buyer.become("debit")
    buyer.wait(lambda: buyer.state.phase is Phase.PLACED)
    assert buyer.state.placed is not None
    assert (buyer.state.placed.state, buyer.state.placed.resource_uuid) == (PaymentState.PROCESSING, "")


def test_transfer_needs_no_page(buyer: Shopper) -> None:
    buyer.fill()
    buyer.checkout.choose_method(TRANSFER)
    buyer.pay(Phase.PLACED)
    assert (buyer.opened, buyer.returns.addresses) == ([], [])
    assert buyer.state.placed is not None
    assert buyer.state.placed.transfer is not None


def test_refused_card_of_the_page_comes_back_to_the_form_in_words(buyer: Shopper) -> None:
    buyer.go()
    buyer.service.fail("refresh_order", CardDeclined(reason="do_not_honor"))
    buyer.checkout.page.look()
    buyer.wait(lambda: buyer.state.phase is Phase.FAILED)
    assert buyer.state.error is not None
    assert buyer.state.error.detail.startswith("Nothing was charged. The bank that issued it does not say why.")
    assert not buyer.state.is_locked


def test_page_of_a_stranger_is_not_opened(buyer: Shopper) -> None:
    buyer.service.pages.open(hosts=("pay.example.com",))
    buyer.go()  # the page lies elsewhere than it was said to
    assert buyer.opened == []
    assert buyer.checkout.page.state.is_refused


# ---- giving it up


def test_cancel_keeps_all_that_was_typed_and_another_way_is_another_order(
    buyer: Shopper, holder: ServiceHolder, run: Run
) -> None:
    buyer.checkout.type_organization("Engines Ltd")
    first = buyer.go()
    buyer.checkout.page.cancel()
    buyer.wait(lambda: buyer.state.phase is Phase.IDLE)
    assert buyer.state.notice.startswith("Nothing was charged, and everything you typed is kept.")
    assert (buyer.state.organization_name, buyer.state.terms_accepted, buyer.state.is_locked) == (
        "Engines Ltd", True, False,
    )  # fmt: skip
    buyer.settle()
    assert kept_cart(holder, run).draft.attempt_key == ""
    buyer.checkout.choose_method(PAYPAL)
    buyer.pay(Phase.AT_PROVIDER)
    assert buyer.state.order_uuid != first
    assert buyer.orders == [OrderState.CANCELED, OrderState.PENDING_CONSUMER]


def test_cancel_in_the_instant_of_paying_is_the_purchase(buyer: Shopper) -> None:
    uuid = buyer.go()
    buyer.on_page(uuid, "pay")
    buyer.checkout.page.cancel()
    buyer.wait(lambda: buyer.state.phase is Phase.PLACED)
    assert buyer.orders == [OrderState.DONE]


def test_expired_page_is_opened_anew_for_the_same_order(buyer: Shopper) -> None:
    uuid = buyer.go()
    buyer.become("expire")
    buyer.wait(lambda: buyer.checkout.page.state.phase is PagePhase.EXPIRED)
    buyer.checkout.page.renew()
    buyer.wait(lambda: len(buyer.opened) == 2)
    assert len(buyer.service.world.orders) == 1
    assert [address.is_open for address in buyer.returns.addresses] == [False, True]
    buyer.on_page(uuid, "pay")
    buyer.checkout.page.look()
    buyer.wait(lambda: buyer.state.phase is Phase.PLACED)
    assert len(buyer.service.world.charges) == 1


def test_new_page_whose_answer_was_lost_is_asked_for_with_the_same_key(buyer: Shopper) -> None:
    buyer.go()
    buyer.become("expire")
    buyer.wait(lambda: buyer.checkout.page.state.phase is PagePhase.EXPIRED)
    buyer.service.fail("pay_order", PaymentUnknown())
    buyer.checkout.page.renew()
    buyer.wait(lambda: buyer.checkout.page.state.error is not None)
    buyer.checkout.page.renew()
    buyer.wait(lambda: len(buyer.opened) == 2)
    used = [(purpose, key) for _, purpose, key in buyer.service.world.attempts]
    assert used == [("checkout", "key-1"), ("pay_order", "key-2")]


def test_another_way_after_it_has_expired_is_one_press_away(buyer: Shopper) -> None:
    buyer.go()
    buyer.become("expire")
    buyer.wait(lambda: buyer.checkout.page.state.phase is PagePhase.EXPIRED)
    buyer.checkout.page.give_way()
    assert (buyer.state.phase, buyer.error_code, buyer.state.is_locked) == (Phase.FAILED, "payment_expired", False)
    buyer.checkout.choose_card(CARDS["pays"])
    assert buyer.error_code == ""
    buyer.pay(Phase.PLACED)


@pytest.mark.parametrize("error", [ProviderRejected(reason="method_unavailable"), CardDeclined(reason="do_not_honor")])
def test_what_the_provider_refuses_at_once_frees_the_form(buyer: Shopper, error: ServiceError) -> None:
    buyer.fill()
    buyer.service.fail("quick_checkout", error)
    buyer.pay(Phase.FAILED)
    assert buyer.error_code == error.code
    assert not buyer.state.is_locked


# ---- while something else is looked at


def test_same_agent_opened_again_shows_the_page_that_is_open(buyer: Shopper) -> None:
    buyer.go()
    buyer.checkout.page.leave()
    buyer.checkout.open(CUSTOMER_CARE, PRO.uuid)
    assert buyer.state.phase is Phase.AT_PROVIDER
    assert buyer.checkout.page.state.is_shown
    assert len(buyer.opened) == 1


def test_payment_that_ends_beside_another_purchase_is_told_and_disturbs_nothing(buyer: Shopper) -> None:
    uuid = buyer.go()
    buyer.checkout.page.leave()
    buyer.open("", BillingCycle.YEARLY, EXPENSE_AUDITOR)
    buyer.on_page(uuid, "pay")
    buyer.checkout.page.look()
    buyer.wait(lambda: buyer.settled)
    assert buyer.settled[0].order_uuid == uuid
    assert (buyer.bought, buyer.state.phase) == ([], Phase.IDLE)
    assert buyer.state.offering == EXPENSE_AUDITOR


def test_who_is_signed_out_while_the_page_is_open_finishes_with_the_same_key(
    buyer: Shopper, session: SessionViewModel
) -> None:
    uuid = buyer.go()
    session.sign_out()
    buyer.wait(lambda: buyer.state.account_mode is AccountMode.EXISTING)
    assert not buyer.checkout.page.state.is_open
    assert (buyer.state.phase, buyer.state.attempt_key) == (Phase.IDLE, "key-1")
    buyer.checkout.type_password(PASSWORD)
    buyer.pay(Phase.AT_PROVIDER)
    assert (buyer.state.order_uuid, len(buyer.service.world.orders)) == (uuid, 1)


# ---- at the next start


@pytest.fixture
def pending(buyer: Shopper, bridge: Bridge) -> PendingCartViewModel:
    """The look at the next start, after Souk was closed with a page open."""
    buyer.go()
    buyer.checkout.page.forget()
    return PendingCartViewModel(bridge, buyer.holder)


def test_open_payment_is_offered_again(pending: PendingCartViewModel, buyer: Shopper) -> None:
    pending.look()
    buyer.wait(lambda: pending.state.text)
    assert pending.state.text == "A payment is open: Customer Care, $990. Go on, or cancel it there."
    assert pending.state.is_interrupted


def test_going_on_opens_the_same_page_of_the_same_order(
    pending: PendingCartViewModel, buyer: Shopper, bridge: Bridge, session: SessionViewModel, qtbot: QtBot
) -> None:
    again = Shopper(bridge, buyer.holder, session, lambda: "later", qtbot)
    again.checkout.resume()
    again.wait(lambda: again.state.status is Status.READY and again.state.can_pay)
    again.pay(Phase.AT_PROVIDER)
    assert again.opened == buyer.opened
    assert again.orders == [OrderState.PENDING_CONSUMER]
    again.checkout.page.cancel()
    again.wait(lambda: again.orders == [OrderState.CANCELED])
    again.checkout._keeper.forget()


def test_payment_that_was_finished_meanwhile_is_told_without_a_question(
    pending: PendingCartViewModel, buyer: Shopper
) -> None:
    told: list[Placed] = []
    pending.settled.connect(told.append)
    buyer.on_page(buyer.state.order_uuid, "pay")
    pending.look()
    buyer.wait(lambda: told)
    assert buyer.orders == [OrderState.DONE]
    assert pending.state.text == ""


def test_page_that_came_to_nothing_leaves_the_cart(pending: PendingCartViewModel, buyer: Shopper) -> None:
    buyer.on_page(buyer.state.order_uuid, "expire")
    pending.look()
    buyer.wait(lambda: pending.state.text)
    assert pending.state.text.startswith("Your purchase of Customer Care was interrupted.")


def test_without_an_answer_the_payment_counts_as_open(pending: PendingCartViewModel, buyer: Shopper) -> None:
    buyer.service.fail("refresh_order", PaymentUnknown())
    pending.look()
    buyer.wait(lambda: pending.state.open_order)


def test_without_a_network_nothing_is_offered(pending: PendingCartViewModel, buyer: Shopper) -> None:
    buyer.service.fail("get_cart", Offline())
    pending.look()
    buyer.wait(lambda: not pending._bridge.is_running(pending, "look"))
    assert pending.state.text == ""


# ---- taken back


def test_buying_again_has_everything_that_was_typed(
    buyer: Shopper, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    buyer.service.pages.open(undo_seconds=60)
    buyer.checkout.type_organization("Engines Ltd")
    buyer.checkout.choose_card(CARDS["pays"])
    buyer.fill()
    buyer.pay(Phase.PLACED)
    placed = buyer.bought[0]
    assert isinstance(placed, Placed)
    order = run(holder.service.cancel_order(placed.order_uuid))
    with qtbot.waitSignal(buyer.checkout.reopened):
        buyer.checkout.buy_again(order)
    cart = kept_cart(holder, run)
    assert (cart.plan_uuid, cart.billing_cycle) == (PRO.uuid, BillingCycle.YEARLY)
    assert (cart.draft.organization_name, cart.draft.payment_token) == ("Engines Ltd", CARDS["pays"])
    assert cart.draft.attempt_key == ""
    buyer.checkout.resume()
    buyer.wait(lambda: buyer.state.status is Status.READY and buyer.state.can_pay)
    buyer.pay(Phase.PLACED)
    assert buyer.orders == [OrderState.CANCELED, OrderState.DONE]


def test_what_others_bought_again_comes_from_the_order_alone(
    buyer: Shopper, bridge: Bridge, session: SessionViewModel, run: Run, qtbot: QtBot
) -> None:
    buyer.checkout.choose_card(CARDS["pays"])
    buyer.fill()
    buyer.pay(Phase.PLACED)
    order = next(order for _, order in buyer.service.world.orders.values())
    again = Shopper(bridge, buyer.holder, session, lambda: "later", qtbot)
    with qtbot.waitSignal(again.checkout.reopened):
        again.checkout.buy_again(replace(order, plan_name="Starter"))
    cart = kept_cart(buyer.holder, run)
    assert cart.plan_uuid != PRO.uuid
    assert cart.draft.project_name == order.project_name
