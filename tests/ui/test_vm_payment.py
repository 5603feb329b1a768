"""Paying: one order for one wish, whatever is pressed, lost or killed on the way."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import (
    DatabaseBusy,
    DiskFull,
    KeyReused,
    Offline,
    PaymentUnknown,
    RequestInProgress,
    ServiceError,
    SessionExpired,
    WrongState,
)
from services.api.types import BillingCycle, OrderState, Placed, Register
from tests.fakes import PASSWORD, FakeService
from tests.samples import CUSTOMER_CARE, EXPENSE_AUDITOR
from tests.ui.checkout_help import CARDS, ENTERPRISE, FREE, PRO, STARTER, Buyer, Run, kept_cart
from tests.ui.conftest import Reports
from ui.bridge import Bridge, Change
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.checkout_state import MESSAGE_MAX, AccountMode, Phase
from ui.viewmodels.session import SessionViewModel

MONTHLY = BillingCycle.MONTHLY


@pytest.fixture
def buyer(
    bridge: Bridge,
    holder: ServiceHolder,
    session: SessionViewModel,
    service: FakeService,
    new_key: Callable[[], str],
    qtbot: QtBot,
) -> Buyer:
    buyer = Buyer(CheckoutViewModel(bridge, holder, session, new_key), service, qtbot)
    buyer.open()
    return buyer


def restarted(
    bridge: Bridge, holder: ServiceHolder, session: SessionViewModel, service: FakeService, qtbot: QtBot
) -> Buyer:
    """The same buyer after the program was killed and started again: only the service remembers."""
    buyer = Buyer(CheckoutViewModel(bridge, holder, session, lambda: "key-after-restart"), service, qtbot)
    buyer.checkout.resume()
    buyer.wait(lambda: buyer.state.status is Status.READY and not buyer.state.is_pricing)
    return buyer


# ---- the straight way


def test_new_person_signs_up_and_pays_in_one_press(buyer: Buyer, session: SessionViewModel, bridge: Bridge) -> None:
    changes: list[Change] = []
    bridge.changed.connect(changes.append)
    buyer.fill()
    buyer.checkout.pay()
    assert buyer.state.phase is Phase.SIGNING_UP
    buyer.wait(lambda: buyer.state.phase is Phase.PLACED)
    assert [placed.resource_uuid for placed in buyer.bought if isinstance(placed, Placed)]
    assert session.state.email == "ada@example.com"
    assert [charge.micros for charge in buyer.service.world.charges] == [990_000_000]
    assert buyer.state.password == ""
    buyer.wait(lambda: any({"orders", "resources", "cart"} <= change.areas for change in changes))
    buyer.wait(lambda: session.state.spent_text == "$990 spent this month")


@pytest.mark.parametrize("presses", [2, 5])
def test_pressing_pay_again_and_again_sends_one_order(buyer: Buyer, presses: int) -> None:
    buyer.fill()
    for _ in range(presses):
        buyer.checkout.pay()
    buyer.wait(lambda: buyer.state.phase is Phase.PLACED)
    buyer.checkout.pay()
    buyer.settle()
    assert buyer.service.calls.count("quick_checkout") == 1
    assert len(buyer.service.world.orders) == len(buyer.bought) == 1


def test_cart_is_gone_after_buying_and_does_not_come_back(buyer: Buyer, holder: ServiceHolder, run: Run) -> None:
    buyer.fill()
    buyer.pay(Phase.PLACED)
    buyer.checkout.type_email("later@example.com")
    buyer.settle()
    assert kept_cart(holder, run).offering_uuid == ""


def test_key_is_kept_before_the_money_moves(buyer: Buyer, holder: ServiceHolder, run: Run) -> None:
    buyer.fill()
    gate = buyer.service.hold("quick_checkout")
    buyer.checkout.pay()
    buyer.wait(lambda: gate.waiting == 1)
    assert kept_cart(holder, run).draft.attempt_key == "key-1"
    gate.open()
    buyer.wait(lambda: buyer.state.phase is Phase.PLACED)


def test_same_agent_can_be_bought_again_as_another_order(buyer: Buyer) -> None:
    buyer.fill()
    buyer.pay(Phase.PLACED)
    buyer.open()
    assert not buyer.state.is_locked
    buyer.checkout.accept_terms(True)
    buyer.pay(Phase.PLACED)
    assert len(buyer.service.world.orders) == 2


def test_free_plan_starts_without_a_card(buyer: Buyer) -> None:
    buyer.checkout.select_plan(FREE.uuid)
    buyer.wait(lambda: buyer.state.can_pay)
    buyer.fill()
    buyer.pay(Phase.PLACED)
    request = next(iter(buyer.service.world.requests.values()))
    assert request.payment_token == ""


def test_returning_buyer_signs_in_while_paying_with_the_card_shown(
    buyer: Buyer, service: FakeService, run: Run
) -> None:
    run(service.register(Register("ada@example.com", PASSWORD)))
    buyer.fill()
    buyer.checkout.have_account()
    buyer.pay(Phase.PLACED)
    assert buyer.service.calls.count("sign_in") == 1


# ---- the account is not right


def test_taken_address_offers_sign_in_and_keeps_everything(
    buyer: Buyer, holder: ServiceHolder, service: FakeService, run: Run
) -> None:
    run(service.register(Register("ada@example.com", PASSWORD)))
    buyer.fill(password="another password")
    buyer.checkout.type_organization("Engines Ltd")
    buyer.pay(Phase.FAILED)
    assert buyer.error_code == "email_taken"
    assert buyer.state.account_mode is AccountMode.EXISTING
    assert buyer.state.email == "ada@example.com"
    assert buyer.state.terms_accepted
    assert not buyer.state.is_locked
    buyer.settle()
    assert kept_cart(holder, run).draft.organization_name == "Engines Ltd"
    buyer.checkout.type_password(PASSWORD)
    assert buyer.error_code == ""
    buyer.pay(Phase.PLACED)
    assert len(service.world.orders) == 1


def test_wrong_password_stands_beside_its_field(buyer: Buyer, service: FakeService, run: Run) -> None:
    run(service.register(Register("ada@example.com", PASSWORD)))
    buyer.fill(password="not it")
    buyer.checkout.have_account()
    buyer.pay(Phase.FAILED)
    assert buyer.state.problems == {"password": "E-mail and password do not match"}
    buyer.checkout.type_password(PASSWORD)
    assert buyer.state.problems == {}
    buyer.pay(Phase.PLACED)


def test_what_the_service_finds_wrong_stands_beside_its_field(buyer: Buyer) -> None:
    buyer.fill(email='"ada"@example.com')  # looks right from here
    buyer.pay(Phase.FAILED)
    assert list(buyer.state.problems) == ["email"]
    assert buyer.state.first_problem_field == "email"
    assert "quick_checkout" not in buyer.service.calls


def test_who_signed_up_is_not_signed_up_twice(buyer: Buyer, reports: Reports) -> None:
    buyer.service.fail("get_account", Offline())  # the account was made, but could not be read
    buyer.fill()
    buyer.pay(Phase.FAILED)
    buyer.pay(Phase.PLACED)
    assert buyer.service.calls.count("register") == 1
    assert len(reports.retries) == 1


# ---- the provider says no


@pytest.mark.parametrize("outcome", ["declined", "insufficient_funds"])
def test_refused_card_keeps_the_form_and_the_next_try_is_another_attempt(
    buyer: Buyer, outcome: str, holder: ServiceHolder, run: Run
) -> None:
    buyer.fill()
    buyer.checkout.choose_card(CARDS[outcome])
    buyer.pay(Phase.FAILED)
    assert buyer.error_code in ("card_declined", "insufficient_funds")
    assert buyer.state.account_mode is AccountMode.SIGNED_IN
    assert buyer.state.plan == PRO
    assert not buyer.state.is_locked
    buyer.settle()
    assert kept_cart(holder, run).draft.attempt_key == ""
    buyer.checkout.choose_card(CARDS["pays"])
    assert buyer.error_code == ""
    buyer.pay(Phase.PLACED)
    assert len(buyer.service.world.charges) == 1
    assert {key for _, purpose, key in buyer.service.world.attempts if purpose == "checkout"} == {"key-1", "key-2"}


# ---- nobody knows


@pytest.mark.parametrize("outcome", ["lost_before", "lost_after"])
def test_unknown_outcome_is_asked_for_again_with_the_same_key_and_charges_once(buyer: Buyer, outcome: str) -> None:
    buyer.fill()
    buyer.checkout.choose_card(CARDS[outcome])
    buyer.pay(Phase.FAILED)
    assert buyer.error_code == "payment_unknown"
    assert buyer.state.is_locked
    assert buyer.state.pay_label == "Finish purchase – $990"
    buyer.checkout.check_again()
    buyer.wait(lambda: buyer.state.phase is Phase.PLACED)
    assert len(buyer.service.world.charges) == len(buyer.service.world.orders) == 1
    assert not buyer.state.is_locked


def test_open_attempt_locks_what_was_ordered(buyer: Buyer) -> None:
    buyer.fill()
    buyer.checkout.choose_card(CARDS["lost_after"])
    buyer.pay(Phase.FAILED)
    request = buyer.state.request()
    buyer.checkout.select_plan(STARTER.uuid)
    buyer.checkout.select_cycle(MONTHLY)
    buyer.checkout.choose_card(CARDS["pays"])
    buyer.checkout.type_organization("Other Ltd")
    buyer.checkout.type_project("Other")
    buyer.checkout.accept_terms(False)
    buyer.checkout.use_another_account()
    assert buyer.state.request() == request
    assert buyer.state.account_mode is AccountMode.SIGNED_IN


@pytest.mark.parametrize("error", [PaymentUnknown(), Offline(), RequestInProgress(), DiskFull(), SessionExpired()])
def test_only_a_definite_answer_ends_an_attempt(buyer: Buyer, error: ServiceError, reports: Reports) -> None:
    buyer.fill()
    buyer.service.fail("quick_checkout", error)
    buyer.pay(Phase.FAILED)
    assert buyer.state.is_locked
    assert buyer.state.attempt_key == "key-1"
    buyer.pay(Phase.PLACED)
    assert {key for _, purpose, key in buyer.service.world.attempts if purpose == "checkout"} == {"key-1"}


def test_bug_while_paying_keeps_the_attempt_open(buyer: Buyer, reports: Reports) -> None:
    buyer.fill()
    buyer.service.world.outcomes.clear()  # the fake stumbles over the card
    buyer.pay(Phase.FAILED)
    assert buyer.error_code == "service_error"
    assert buyer.state.is_locked
    reports.crashed.clear()


def test_reused_key_ends_the_attempt(buyer: Buyer) -> None:
    buyer.fill()
    buyer.service.fail("quick_checkout", KeyReused())
    buyer.pay(Phase.FAILED)
    assert not buyer.state.is_locked
    buyer.pay(Phase.PLACED)


def test_failure_before_sending_leaves_nothing_open(buyer: Buyer) -> None:
    buyer.fill()
    buyer.settle()
    buyer.service.fail("register", Offline())
    buyer.pay(Phase.FAILED)
    assert buyer.error_code == "offline"
    assert not buyer.state.is_locked
    buyer.service.fail("save_cart", DatabaseBusy())
    buyer.pay(Phase.FAILED)
    assert buyer.error_code == "database_busy"
    assert not buyer.state.is_locked
    buyer.checkout.select_plan(STARTER.uuid)
    buyer.wait(lambda: buyer.state.can_pay)
    buyer.pay(Phase.PLACED)


def test_retry_from_the_banner_is_the_same_purchase(buyer: Buyer, reports: Reports) -> None:
    buyer.fill()
    buyer.service.fail("quick_checkout", Offline())
    buyer.pay(Phase.FAILED)
    reports.retries[0]()
    buyer.wait(lambda: buyer.state.phase is Phase.PLACED)
    assert len(buyer.service.world.charges) == 1


def test_session_lost_with_an_open_attempt_signs_in_again_and_keeps_the_key(
    buyer: Buyer, session: SessionViewModel
) -> None:
    buyer.fill()
    buyer.checkout.choose_card(CARDS["lost_after"])
    buyer.pay(Phase.FAILED)
    buyer.service.world.sessions.clear()
    buyer.checkout.check_again()
    buyer.wait(lambda: not session.state.is_signed_in)
    buyer.wait(lambda: buyer.state.phase is Phase.FAILED)
    assert buyer.state.account_mode is AccountMode.EXISTING
    assert buyer.state.attempt_key == "key-1"
    buyer.checkout.type_password(PASSWORD)
    buyer.pay(Phase.PLACED)
    assert len(buyer.service.world.charges) == 1


# ---- after a restart


@pytest.mark.parametrize("outcome", ["lost_before", "lost_after"])
def test_killed_while_nobody_knew_it_is_finished_after_the_restart(
    buyer: Buyer,
    outcome: str,
    bridge: Bridge,
    holder: ServiceHolder,
    session: SessionViewModel,
    service: FakeService,
    qtbot: QtBot,
) -> None:
    buyer.fill()
    buyer.checkout.choose_card(CARDS[outcome])
    buyer.pay(Phase.FAILED)
    if outcome == "lost_after":  # the fake empties the cart with the order; the key lives in the draft until then
        service.world.carts[next(iter(service.world.users.values())).uuid] = buyer.state.cart()
    again = restarted(bridge, holder, session, service, qtbot)
    assert again.state.is_locked
    assert again.state.notice.startswith("Your last try to pay was interrupted.")
    again.pay(Phase.PLACED)
    assert len(service.world.charges) == len(service.world.orders) == 1


def test_another_choice_after_the_restart_is_another_purchase(
    buyer: Buyer, bridge: Bridge, holder: ServiceHolder, session: SessionViewModel, service: FakeService, qtbot: QtBot
) -> None:
    buyer.fill()
    buyer.checkout.choose_card(CARDS["lost_before"])
    buyer.pay(Phase.FAILED)
    again = restarted(bridge, holder, session, service, qtbot)
    again.open("", None, offering=EXPENSE_AUDITOR)
    assert not again.state.is_locked
    again.open(STARTER.uuid, offering=CUSTOMER_CARE)
    assert not again.state.is_locked


# ---- confirmation


def test_buyer_is_asked_to_confirm_and_does(buyer: Buyer) -> None:
    buyer.fill()
    buyer.checkout.choose_card(CARDS["needs_confirmation"])
    buyer.pay(Phase.CONFIRMING)
    assert buyer.urls == [buyer.state.action_url]
    assert buyer.state.is_locked
    buyer.checkout.confirm(True)
    buyer.checkout.confirm(True)
    buyer.wait(lambda: buyer.state.phase is Phase.PLACED)
    assert len(buyer.service.world.charges) == 1


def test_refused_confirmation_goes_back_to_the_form(buyer: Buyer) -> None:
    buyer.fill()
    buyer.checkout.choose_card(CARDS["needs_confirmation"])
    buyer.pay(Phase.CONFIRMING)
    buyer.checkout.confirm(False)
    buyer.wait(lambda: buyer.state.phase is Phase.FAILED)
    assert buyer.error_code == "confirmation_declined"
    assert not buyer.state.is_locked
    buyer.checkout.choose_card(CARDS["pays"])
    buyer.pay(Phase.PLACED)
    assert len(buyer.service.world.charges) == 1


def test_confirmation_that_did_not_get_through_is_asked_again(buyer: Buyer) -> None:
    buyer.fill()
    buyer.checkout.choose_card(CARDS["needs_confirmation"])
    buyer.pay(Phase.CONFIRMING)
    buyer.service.fail("confirm_order", PaymentUnknown())
    buyer.checkout.confirm(True)
    buyer.wait(lambda: buyer.error_code == "payment_unknown")
    assert buyer.state.phase is Phase.CONFIRMING
    buyer.checkout.confirm(True)
    buyer.wait(lambda: buyer.state.phase is Phase.PLACED)


def test_confirmation_answered_elsewhere_is_found_out(buyer: Buyer, holder: ServiceHolder, run: Run) -> None:
    buyer.fill()
    buyer.checkout.choose_card(CARDS["needs_confirmation"])
    buyer.pay(Phase.CONFIRMING)
    buyer.checkout.check_again()
    buyer.settle()
    assert buyer.state.phase is Phase.CONFIRMING
    run(holder.service.confirm_order(buyer.state.order_uuid, approve=True))
    buyer.checkout.confirm(True)
    buyer.wait(lambda: buyer.state.phase is Phase.PLACED)
    assert buyer.state.placed is not None
    assert buyer.state.placed.resource_uuid
    assert len(buyer.service.world.charges) == 1


def test_order_canceled_elsewhere_frees_the_form(buyer: Buyer) -> None:
    buyer.fill()
    buyer.checkout.choose_card(CARDS["needs_confirmation"])
    buyer.pay(Phase.CONFIRMING)
    buyer.service.fail("confirm_order", WrongState(state=OrderState.CANCELED.value))
    owner, order = buyer.service.world.orders[buyer.state.order_uuid]
    buyer.service.world.orders[order.uuid] = (owner, replace(order, state=OrderState.CANCELED))
    buyer.checkout.confirm(True)
    buyer.wait(lambda: buyer.state.phase is Phase.FAILED)
    assert not buyer.state.is_locked


# ---- a price is asked for


def test_enterprise_asks_for_a_quote_with_an_address_only(buyer: Buyer) -> None:
    buyer.checkout.select_plan(ENTERPRISE.uuid)
    buyer.wait(lambda: buyer.state.can_pay)
    buyer.checkout.type_email("ada@example.com")
    buyer.checkout.pay()
    buyer.checkout.pay()
    buyer.wait(lambda: buyer.state.quote_sent)
    assert [quote.email for quote in buyer.service.world.quotes] == ["ada@example.com"]
    assert "register" not in buyer.service.calls


def test_message_goes_along_with_the_quote_and_stays_while_plans_are_compared(buyer: Buyer) -> None:
    buyer.checkout.select_plan(ENTERPRISE.uuid)
    buyer.checkout.type_email("ada@example.com")
    buyer.checkout.type_message(" 200 seats, data in Germany ")
    buyer.checkout.select_plan(PRO.uuid)
    buyer.checkout.select_plan(ENTERPRISE.uuid)
    buyer.wait(lambda: buyer.state.can_pay)
    buyer.open(ENTERPRISE.uuid)
    buyer.checkout.pay()
    buyer.wait(lambda: buyer.state.quote_sent)
    assert [quote.message for quote in buyer.service.world.quotes] == ["200 seats, data in Germany"]


def test_message_about_one_agent_is_not_said_of_another(buyer: Buyer) -> None:
    buyer.open(ENTERPRISE.uuid)
    buyer.checkout.type_message("200 seats")
    buyer.open("", offering=EXPENSE_AUDITOR)
    assert buyer.state.message == ""


def test_message_that_is_too_long_is_named(buyer: Buyer) -> None:
    buyer.open(ENTERPRISE.uuid)
    buyer.checkout.type_email("ada@example.com")
    buyer.checkout.type_message("x" * (MESSAGE_MAX + 1))
    buyer.checkout.pay()
    assert buyer.asked_to_look_at == ["message"]
    assert buyer.state.problems == {"message": "Shorten this to 4000 characters."}


def test_quote_that_could_not_be_sent_can_be_sent_again(buyer: Buyer) -> None:
    buyer.checkout.select_plan(ENTERPRISE.uuid)
    buyer.wait(lambda: buyer.state.can_pay)
    buyer.checkout.type_email("ada@example.com")
    buyer.service.fail("request_quote", DatabaseBusy())
    buyer.pay(Phase.FAILED)
    assert not buyer.state.quote_sent
    assert not buyer.state.is_locked
    buyer.checkout.pay()
    buyer.wait(lambda: buyer.state.quote_sent)
