"""The checkout page with pages in the browser, by mouse and keys: each way to pay, the sheet, and back on the form."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from services.api.errors import CardDeclined, PaymentUnknown
from services.api.types import PaymentMethod, SavedMethod
from tests.fakes import FakeService
from tests.ui.checkout_help import CARDS
from tests.ui.checkout_page import Desk
from tests.ui.page_help import button, child, cut_off, nameless, unnamed
from ui.bridge import Bridge
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.browser import Browser
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.checkout_state import Phase
from ui.viewmodels.session import SessionViewModel
from ui.widgets.notices import Banner
from ui.widgets.overlay import OverlayStack

pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
WAYS = ("card", "bank", "paypal", "invoice")


class PageDesk(Desk):
    """Its browser only notes what it is given."""

    def __init__(
        self, bridge: Bridge, holder: ServiceHolder, session: SessionViewModel, new_key: Callable[[], str],
        service: FakeService, qtbot: QtBot,
    ) -> None:  # fmt: skip
        self.opened: list[str] = []
        browser = Browser(self._open, parent=bridge)
        super().__init__(CheckoutViewModel(bridge, holder, session, new_key, browser), service, qtbot)

    def _open(self, url: str) -> bool:
        self.opened.append(url)
        return True

    @property
    def is_alone(self) -> bool:
        return OverlayStack.of(self.window).top is None

    def go(self, way: str = "card") -> None:
        """To the page of this way, as somebody new."""
        self.open()
        self.fill()
        if way != "card":
            self.click(f"paymentMethod-{way}")
        self.wait(lambda: self.state.can_pay)
        self.click("payButton")
        self.wait_for(Phase.AT_PROVIDER)


@pytest.fixture
def service() -> FakeService:
    made = FakeService()
    made.pages.open(undo_seconds=60)
    return made


@pytest.fixture
def desk(
    look: Theme, bridge: Bridge, holder: ServiceHolder, session: SessionViewModel, new_key: Callable[[], str],
    service: FakeService, qtbot: QtBot,
) -> Iterator[PageDesk]:  # fmt: skip
    made = PageDesk(bridge, holder, session, new_key, service, qtbot)
    yield made
    made.vm._keeper.forget()
    made.vm.page.forget()


def test_ways_stand_side_by_side_as_they_are_offered(desk: PageDesk) -> None:
    desk.open()
    shown = [button(desk.page, f"paymentMethod-{way}").text() for way in WAYS]
    assert shown == ["Card", "Bank", "PayPal", "Transfer"]
    assert not child(desk.page, "paymentMethod-wallet").isVisible()
    assert button(desk.page, "new-card").isChecked()
    assert button(desk.page, "new-card").accessibleDescription() == "You type it on the provider’s secure page"
    assert button(desk.page, "addTestCard").text() == "Test cards"


@pytest.mark.parametrize(
    ("way", "row", "label", "note"),
    [
        ("card", "new-card", "Continue to card page – $990", "wayNote"),
        ("bank", "new-bank", "Continue to bank page – $990", "A debit takes 2 to 5 days."),
        ("paypal", "new-paypal", "Continue to PayPal – $990", "wayNote"),
        ("invoice", "transferRow", "Order by transfer – $990", "You have 14 days."),
    ],
)
def test_each_way_says_what_happens(desk: PageDesk, way: str, row: str, label: str, note: str) -> None:
    desk.open()
    if way != "card":
        desk.click(f"paymentMethod-{way}")
    desk.wait(lambda: button(desk.page, "payButton").text() == label)
    assert button(desk.page, row).isVisible()
    assert button(desk.page, row).isChecked()
    assert desk.text("wayNote").startswith("" if note == "wayNote" else note)
    assert bool(desk.text("wayNote")) == (note != "wayNote")
    assert child(desk.page, "addTestCard").isVisible() == (way == "card")


@pytest.mark.parametrize("size", [(1280, 800), (900, 600)])
@pytest.mark.parametrize("way", WAYS)
def test_everything_has_a_name_and_nothing_is_cut_off(desk: PageDesk, way: str, size: tuple[int, int]) -> None:
    desk.window.resize(*size)
    desk.open()
    if way != "card":
        button(desk.page, f"paymentMethod-{way}").click()
    desk.wait(lambda: desk.state.can_pay)
    QApplication.processEvents()
    assert unnamed(desk.page) == nameless(desk.page) == cut_off(desk.page) == []


def test_what_is_on_file_is_called_by_its_name(desk: PageDesk, session: SessionViewModel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(session.signed_in):
        session.register("ada@example.com", "correct horse")
    user = next(iter(desk.service.world.users.values()))
    desk.service.world.cards[user.uuid] = [
        SavedMethod("card-1", "Visa", "4242", 4, 2029, True),
        SavedMethod("bank-1", "Commerzbank", "3000", 0, 0, False, PaymentMethod.BANK),
        SavedMethod("paypal-1", "PayPal", "", 0, 0, False, PaymentMethod.PAYPAL, "ada@example.com"),
    ]
    desk.open()
    assert button(desk.page, "savedCard-0").text() == "Visa •••• 4242"
    assert button(desk.page, "savedCard-0").accessibleDescription() == "Expires 04/29 · default"
    assert button(desk.page, "payButton").text() == "Complete purchase – $990"
    desk.click("new-card")
    assert button(desk.page, "payButton").text() == "Continue to card page – $990"
    for way, name in (("bank", "Commerzbank •••• 3000"), ("paypal", "PayPal, ada@example.com")):
        desk.click(f"paymentMethod-{way}")
        assert (button(desk.page, "savedCard-0").text(), button(desk.page, f"new-{way}").isVisible()) == (name, True)


# ---- the sheet


def test_page_is_waited_for_and_paid(desk: PageDesk) -> None:
    desk.go()
    assert desk.overlay().objectName() == "waitingSheet"
    assert len(desk.opened) == 1
    desk.service.pages.pay(desk.state.order_uuid)
    desk.click("waitingPaid")
    desk.wait_for(Phase.PLACED)
    assert desk.is_alone


def test_purchase_with_the_keyboard_alone(desk: PageDesk) -> None:
    desk.open()
    desk.type("ada@example.com")
    desk.press(Qt.Key.Key_Tab)
    desk.type("correct horse")
    desk.tab_to("termsCheckbox")
    desk.press(Qt.Key.Key_Space)
    desk.press(Qt.Key.Key_Return)
    desk.wait(lambda: desk.focused == "waitingPaid")
    desk.service.pages.pay(desk.state.order_uuid)
    desk.press(Qt.Key.Key_Return)
    desk.wait_for(Phase.PLACED)


def test_enter_pressed_twice_opens_one_page(desk: PageDesk) -> None:
    desk.open()
    desk.fill()
    desk.wait(lambda: desk.state.can_pay)
    desk.press(Qt.Key.Key_Return, 2)
    desk.wait_for(Phase.AT_PROVIDER)
    desk.press(Qt.Key.Key_Return)
    desk.wait(lambda: desk.vm.page.state.check == "not_yet")
    assert (len(desk.opened), len(desk.service.world.orders)) == (1, 1)


def test_closed_sheet_leaves_a_notice_that_shows_it_again(desk: PageDesk) -> None:
    desk.go()
    desk.press(Qt.Key.Key_Escape)
    assert desk.is_alone
    notice = child(desk.page, "payNotice")
    assert isinstance(notice, Banner)
    assert notice.text == "A payment page is open in your browser. Nothing is charged before you finish there."
    assert desk.focused == "payNoticeAction"
    desk.press(Qt.Key.Key_Return)
    assert desk.overlay().objectName() == "waitingSheet"
    desk.press(Qt.Key.Key_Escape)
    desk.click("payButton")
    assert desk.overlay().objectName() == "waitingSheet"
    assert len(desk.opened) == 1


def test_cancel_gives_the_form_back_with_everything_and_the_keyboard_on_how_to_pay(desk: PageDesk) -> None:
    desk.go("paypal")
    desk.click("waitingCancel")
    desk.wait_for(Phase.IDLE)
    assert desk.is_alone
    assert desk.focused == "new-paypal"
    assert button(desk.page, "termsCheckbox").isChecked()
    desk.click("paymentMethod-card")
    desk.pick_card(CARDS["pays"])
    desk.wait(lambda: desk.state.payment_token and desk.state.can_pay)
    desk.click("payButton")
    desk.wait_for(Phase.PLACED)


def test_refused_card_is_said_in_words_and_another_way_is_one_press_away(desk: PageDesk) -> None:
    desk.go()
    desk.service.fail("refresh_order", CardDeclined(reason="expired_card"))
    desk.click("waitingPaid")
    desk.wait_for(Phase.FAILED)
    notice = child(desk.page, "payNotice")
    assert isinstance(notice, Banner)
    assert notice.text == "The payment was declined. Nothing was charged. The card has expired. Use another one."
    assert notice.action_button.text() == "Choose another way"
    desk.click("payNoticeAction")
    assert desk.focused == "addTestCard"
    desk.click("paymentMethod-bank")
    assert not notice.isVisible()


def test_refused_way_without_any_other_leads_to_the_ways(desk: PageDesk) -> None:
    desk.go("paypal")
    desk.service.fail("refresh_order", CardDeclined(reason="INSTRUMENT_DECLINED"))
    desk.click("waitingPaid")
    desk.wait_for(Phase.FAILED)
    desk.click("payNoticeAction")
    assert desk.focused == "paymentMethod-paypal"


def test_expired_page_is_opened_anew_from_the_sheet(desk: PageDesk) -> None:
    desk.go()
    desk.service.pages.expire(desk.state.order_uuid)
    desk.click("waitingPaid")
    desk.wait(lambda: desk.focused == "waitingRenew")
    desk.press(Qt.Key.Key_Return)
    desk.wait(lambda: len(desk.opened) == 2)
    assert len(desk.service.world.orders) == 1
    assert desk.overlay().objectName() == "waitingSheet"


def test_expired_page_gives_way_to_another(desk: PageDesk) -> None:
    desk.go()
    desk.service.pages.expire(desk.state.order_uuid)
    desk.click("waitingPaid")
    desk.wait(lambda: desk.focused == "waitingRenew")
    desk.click("waitingAnother")
    desk.wait_for(Phase.FAILED)
    assert desk.is_alone
    assert desk.state.error is not None
    assert desk.state.error.title == "The payment page was open too long"
    assert desk.focused == "new-card"


def test_after_no_answer_the_keyboard_is_where_one_goes_on(desk: PageDesk) -> None:
    desk.open()
    desk.fill()
    desk.wait(lambda: desk.state.can_pay)
    desk.service.fail("quick_checkout", PaymentUnknown())
    desk.click("payButton")
    desk.wait_for(Phase.FAILED)
    desk.wait(lambda: desk.focused == "payButton")


def test_what_is_on_file_says_how_long_it_can_be_taken_back(desk: PageDesk) -> None:
    desk.open()
    desk.fill()
    desk.pick_card(CARDS["pays"])
    desk.wait(lambda: desk.state.payment_token and desk.state.can_pay)
    assert desk.text("reassurance") == "You can take it back for 60 seconds."


def test_locked_form_lets_nothing_be_changed_while_the_page_is_open(desk: PageDesk) -> None:
    desk.go()
    desk.press(Qt.Key.Key_Escape)
    for name in ("paymentMethod-bank", "new-card", "plan-starter", "termsCheckbox"):
        assert not button(desk.page, name).isEnabled()
