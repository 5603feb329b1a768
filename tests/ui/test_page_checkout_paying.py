"""Paying on the checkout page, by mouse and by keys: once, with every outcome, and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from services.api.contract import Actor
from services.api.errors import Offline, TooManyTries
from services.api.money import Money
from services.api.types import PaymentOptions, Register
from tests.fakes import PASSWORD, FakeService
from tests.ui.checkout_help import CARDS, ENTERPRISE, PRO, Run
from tests.ui.checkout_page import Desk
from tests.ui.page_help import button, child, unnamed
from ui.bridge import Bridge
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.checkout_state import AccountMode, Phase
from ui.viewmodels.session import SessionViewModel
from ui.widgets.notices import Banner
from ui.widgets.overlay import OverlayStack

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
YEAR = [Money.parse("990")]


@pytest.fixture
def desk(
    look: Theme,
    bridge: Bridge,
    holder: ServiceHolder,
    session: SessionViewModel,
    new_key: Callable[[], str],
    service: FakeService,
    qtbot: QtBot,
) -> Iterator[Desk]:
    made = Desk(CheckoutViewModel(bridge, holder, session, new_key), service, qtbot)
    yield made
    made.vm._keeper.forget()


def notice(desk: Desk, name: str = "payNotice") -> str:
    banner = child(desk.page, name)
    assert isinstance(banner, Banner)
    return banner.text if banner.isVisible() else ""


def pay_with(desk: Desk, outcome: str, until: Phase) -> None:
    desk.open()
    desk.fill()
    if outcome != "pays":
        desk.pick_card(CARDS[outcome])
    desk.click("payButton")
    desk.wait_for(until)


# ---- the whole purchase


def test_new_person_buys_by_mouse(desk: Desk) -> None:
    pay_with(desk, "pays", Phase.PLACED)
    assert desk.service.world.charges == YEAR


def test_new_person_buys_with_the_keyboard_alone(desk: Desk) -> None:
    desk.open()
    desk.type("ada@example.com")
    desk.press(Qt.Key.Key_Tab)
    desk.type("correct horse")
    desk.tab_to("termsCheckbox")
    desk.press(Qt.Key.Key_Space)
    desk.press(Qt.Key.Key_Return)
    desk.wait_for(Phase.PLACED)
    assert desk.service.world.charges == YEAR


class AcceptedBefore(FakeService):
    """Knows that its buyers accepted the terms with an earlier order."""

    def for_actor(self, actor: Actor) -> AcceptedBefore:
        return AcceptedBefore(self.world, actor)

    async def get_payment_options(self) -> PaymentOptions:
        options = await super().get_payment_options()
        return replace(options, has_accepted_terms=bool(self.actor.session))


@pytest.fixture
def returning(look: Theme, bridge: Bridge, new_key: Callable[[], str], qtbot: QtBot) -> Desk:
    """The desk of somebody who is signed in and has bought before."""
    service = AcceptedBefore()
    holder = ServiceHolder(service, bridge)
    session = SessionViewModel(bridge, holder)
    with qtbot.waitSignal(session.signed_in):
        session.register("ada@example.com", PASSWORD)
    return Desk(CheckoutViewModel(bridge, holder, session, new_key), service, qtbot)


def test_returning_buyer_pays_with_one_enter(returning: Desk) -> None:
    returning.open()
    assert returning.focused == "payButton"
    returning.press(Qt.Key.Key_Return)
    returning.wait_for(Phase.PLACED)
    assert returning.service.world.charges == YEAR


def test_signed_in_buyer_without_the_terms_begins_there(desk: Desk, signed_in: SessionViewModel) -> None:
    desk.open()
    assert desk.focused == "termsCheckbox"
    desk.press(Qt.Key.Key_Space)
    desk.press(Qt.Key.Key_Return)
    desk.wait_for(Phase.PLACED)


@pytest.mark.parametrize("how", ["double click", "Enter twice", "Enter in a field twice"])
def test_pressing_twice_sends_one_order(desk: Desk, how: str) -> None:
    desk.open()
    desk.fill()
    gate = desk.service.hold("quick_checkout")
    pay = button(desk.page, "payButton")
    if how == "double click":
        QTest.mouseClick(pay, Qt.MouseButton.LeftButton)
        QTest.mouseDClick(pay, Qt.MouseButton.LeftButton)
    elif how == "Enter twice":
        desk.tab_to("payButton")
        desk.press(Qt.Key.Key_Return, 2)
    else:
        desk.click("passwordField")
        desk.press(Qt.Key.Key_Return, 2)
    desk.wait(lambda: gate.waiting)
    desk.press(Qt.Key.Key_Return)
    gate.open()
    desk.wait_for(Phase.PLACED)
    assert desk.service.calls.count("quick_checkout") == 1
    assert desk.service.world.charges == YEAR


def test_busy_button_keeps_its_width_and_says_what_happens(desk: Desk) -> None:
    desk.open()
    desk.fill()
    gate = desk.service.hold("quick_checkout")
    pay = button(desk.page, "payButton")
    before = pay.width()
    desk.click("payButton")
    desk.wait(lambda: gate.waiting)
    assert pay.accessibleDescription() == "Working"
    assert pay.width() == before
    assert desk.text("reassurance") == "Paying. This order is sent once."
    gate.open()
    desk.wait_for(Phase.PLACED)


# ---- refused


def test_declined_card_keeps_the_form_and_names_the_next_step(desk: Desk) -> None:
    pay_with(desk, "declined", Phase.FAILED)
    assert notice(desk).startswith("The card was declined. Nothing was charged.")
    assert desk.state.terms_accepted
    assert button(desk.page, f"card-{CARDS['declined']}").isChecked()
    desk.click("payNoticeAction")
    assert desk.focused == f"card-{CARDS['pays']}"
    desk.press(Qt.Key.Key_Space)
    assert notice(desk) == ""
    desk.press(Qt.Key.Key_Return)
    desk.wait_for(Phase.PLACED)
    assert desk.service.world.charges == YEAR


def test_address_in_use_swaps_to_sign_in_and_keeps_the_cart(desk: Desk, run: Run) -> None:
    run(desk.service.register(Register("ada@example.com", "correct horse")))
    desk.open()
    desk.fill(password="another guess")
    desk.click("payButton")
    desk.wait_for(Phase.FAILED)
    assert desk.state.account_mode is AccountMode.EXISTING
    assert notice(desk, "accountError").startswith("This e-mail already has an account.")
    assert desk.typed("emailField") == "ada@example.com"
    assert desk.state.plan_uuid == PRO.uuid
    assert desk.focused == "passwordField"
    QTest.keySequence(child(desk.page, "passwordField"), "Ctrl+A")
    desk.type("correct horse")
    desk.press(Qt.Key.Key_Return)
    desk.wait_for(Phase.PLACED)
    assert desk.service.world.charges == YEAR


def test_too_many_wrong_passwords_say_how_long_to_wait(desk: Desk) -> None:
    desk.service.fail("register", TooManyTries(seconds=30))
    pay_with(desk, "pays", Phase.FAILED)
    assert notice(desk, "accountError").endswith("Try again in 30 seconds.")


def test_lost_network_is_asked_again_with_the_same_order(desk: Desk) -> None:
    pay_with(desk, "lost_after", Phase.FAILED)
    assert "charged once at most" in notice(desk)
    assert not button(desk.page, "plan-starter").isEnabled()
    desk.click("payNoticeAction")
    desk.wait_for(Phase.PLACED)
    assert desk.service.world.charges == YEAR


def test_offline_keeps_everything_typed(desk: Desk) -> None:
    desk.service.fail("register", Offline())
    pay_with(desk, "pays", Phase.FAILED)
    assert notice(desk).startswith("The service cannot be reached.")
    assert (desk.typed("emailField"), desk.typed("passwordField")) == ("ada@example.com", "correct horse")
    desk.click("payNoticeAction")
    desk.wait_for(Phase.PLACED)


# ---- the bank asks


def test_confirmation_is_asked_for_in_a_sheet_marked_as_test(desk: Desk) -> None:
    pay_with(desk, "needs_confirmation", Phase.CONFIRMING)
    sheet = desk.overlay()
    assert sheet.objectName() == "confirmSheet"
    assert child(sheet, "testBadge").isVisible()
    assert desk.focused == "approveButton"
    assert unnamed(sheet) == []
    assert desk.service.world.charges == []


def test_approving_completes_the_order(desk: Desk) -> None:
    pay_with(desk, "needs_confirmation", Phase.CONFIRMING)
    desk.click("approveButton")
    desk.wait_for(Phase.PLACED)
    desk.wait(lambda: OverlayStack.of(desk.window).top is None)
    assert desk.service.world.charges == YEAR


def test_declining_charges_nothing_and_leaves_the_form(desk: Desk) -> None:
    pay_with(desk, "needs_confirmation", Phase.CONFIRMING)
    desk.click("declineButton")
    desk.wait_for(Phase.FAILED)
    assert OverlayStack.of(desk.window).top is None
    assert notice(desk).startswith("The payment was not confirmed. Nothing was charged.")
    assert desk.service.world.charges == []
    assert button(desk.page, "plan-starter").isEnabled()


@pytest.mark.parametrize("how", ["confirmCancel", "Escape"])
def test_closing_the_sheet_is_no_answer(desk: Desk, how: str) -> None:
    pay_with(desk, "needs_confirmation", Phase.CONFIRMING)
    if how == "Escape":
        desk.press(Qt.Key.Key_Escape)
    else:
        desk.click(how)
    assert notice(desk) == "Your bank waits for your answer. Nothing is charged yet."
    desk.click("payNoticeAction")
    assert desk.overlay().objectName() == "confirmSheet"
    desk.press(Qt.Key.Key_Return)
    desk.wait_for(Phase.PLACED)
    assert desk.service.world.charges == YEAR


# ---- no price


def test_quote_is_asked_for_by_mail_address(desk: Desk) -> None:
    desk.open(ENTERPRISE.uuid)
    desk.type("ada@example.com")
    desk.press(Qt.Key.Key_Tab)
    assert desk.focused == "quoteMessage"
    desk.type("200 seats")
    desk.tab_to("payButton")
    desk.press(Qt.Key.Key_Return)
    desk.wait(lambda: desk.state.quote_sent)
    assert child(desk.page, "quoteSent").isVisible()
    assert not child(desk.page, "payButton").isVisible()
    assert desk.focused == "quoteSentAction"
    assert [(one.email, one.message) for one in desk.service.world.quotes] == [("ada@example.com", "200 seats")]
    assert desk.service.world.charges == []


def test_signed_in_person_is_told_where_the_price_goes(desk: Desk, signed_in: SessionViewModel) -> None:
    desk.open(ENTERPRISE.uuid)
    assert desk.text("quoteHint").startswith("The price goes to ada@example.com.")
