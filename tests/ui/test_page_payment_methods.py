"""The page of the ways to pay, used by keyboard and mouse."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import Offline
from services.api.types import PaymentMethod
from tests.samples import NOW, TEST_CARDS
from tests.ui.kept_service import AMEX, BANK, HOST, PAYPAL, VISA, Desk, KeptService
from tests.ui.page_help import (
    button,
    child,
    click,
    cut_off,
    focused_name,
    in_window,
    nameless,
    press,
    text,
    toasts,
    unnamed,
)
from ui.bridge import Bridge
from ui.pages.payment_methods import PaymentMethodsPage
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.browser import Browser
from ui.viewmodels.payment_methods import AddPhase, PaymentMethodsViewModel
from ui.viewmodels.session import SessionViewModel

pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
ENTER, TAB, ESCAPE = Qt.Key.Key_Return, Qt.Key.Key_Tab, Qt.Key.Key_Escape
SOON = replace(VISA, token="soon", is_default=False, exp_month=NOW.month, exp_year=NOW.year, expiry="soon", used_for=())


@pytest.fixture
def service() -> KeptService:
    return KeptService(desk=Desk(saved=(VISA, SOON, AMEX, BANK, PAYPAL)))


@pytest.fixture
def desk(service: KeptService) -> Desk:
    return service.desk


@pytest.fixture
def page(
    look: Theme, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], qtbot: QtBot
) -> Iterator[PaymentMethodsPage]:
    vm = PaymentMethodsViewModel(bridge, holder, new_key, Browser(lambda _url: True, parent=bridge))
    with in_window(PaymentMethodsPage(vm), qtbot) as page:
        yield page


@pytest.fixture
def lived(page: PaymentMethodsPage, signed_in: SessionViewModel, qtbot: QtBot) -> PaymentMethodsPage:
    page.vm.load()
    qtbot.waitUntil(lambda: page.vm.state.status is not Status.LOADING)
    QApplication.processEvents()
    return page


def is_shown(page: QWidget, name: str) -> bool:
    return any(widget.isVisible() for widget in page.window().findChildren(QWidget, name))


# ---- what is seen


def test_rows_say_what_it_is_how_long_it_works_and_what_it_pays_for(lived: PaymentMethodsPage) -> None:
    assert text(lived, "methodName-0") == "Visa •••• 4242"
    assert text(lived, "methodDetail-0") == "Expires 12/34"
    assert text(lived, "methodUses-0") == "Pays for: Support Agent, automatic top-up"
    assert is_shown(lived, "methodDefault-0")
    assert not is_shown(lived, "methodDefault-1")
    assert text(lived, "methodWarning-1") == "Expires this month"
    assert text(lived, "methodWarning-2") == "Expired: add another"
    assert text(lived, "methodName-3") == "Deutsche Bank •••• 3000"
    assert not is_shown(lived, "methodDetail-3")
    assert (text(lived, "methodName-4"), text(lived, "methodDetail-4")) == ("PayPal", "ada@example.com")


def test_default_cannot_be_made_it_again(lived: PaymentMethodsPage) -> None:
    assert not is_shown(lived, "makeDefault-0")
    assert is_shown(lived, "makeDefault-1")


def test_only_what_the_workspace_takes_can_be_added(lived: PaymentMethodsPage, desk: Desk, qtbot: QtBot) -> None:
    assert [is_shown(lived, f"addMethod-{one}") for one in ("card", "bank", "paypal", "test")] == [
        True,
        True,
        True,
        False,
    ]
    desk.methods = (PaymentMethod.CARD,)
    lived.vm.load()
    qtbot.waitUntil(lambda: not is_shown(lived, "addMethod-paypal"))
    assert [is_shown(lived, f"addMethod-{one}") for one in ("card", "bank")] == [True, False]


def test_guest_is_led_to_sign_in(page: PaymentMethodsPage, qtbot: QtBot) -> None:
    page.vm.load()
    assert focused_name() == "methodsGuestAction"
    with qtbot.waitSignal(page.sign_in_requested):
        press(ENTER)


def test_nothing_on_file_offers_to_add(
    page: PaymentMethodsPage, desk: Desk, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    desk.saved = ()
    page.vm.load()
    qtbot.waitUntil(lambda: page.vm.state.status is Status.EMPTY)
    assert focused_name() == "firstMethod-card"
    assert child(page, "methodsEmpty").isVisible()


def test_lost_connection_can_be_tried_again(
    page: PaymentMethodsPage, service: KeptService, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    service.fail("list_payment_methods", Offline())
    page.vm.load()
    qtbot.waitUntil(lambda: page.vm.state.status is Status.ERROR)
    assert focused_name() == "methodsErrorAction"
    press(ENTER)
    qtbot.waitUntil(lambda: page.vm.state.status is Status.READY)
    assert is_shown(page, "method-0")


def test_list_stays_when_reading_it_again_fails(lived: PaymentMethodsPage, service: KeptService, qtbot: QtBot) -> None:
    service.fail("list_payment_methods", Offline())
    lived.vm.load()
    qtbot.waitUntil(lambda: is_shown(lived, "methodsNotice"))
    assert is_shown(lived, "method-0")
    click(lived, "methodsNoticeAction")
    qtbot.waitUntil(lambda: not is_shown(lived, "methodsNotice"))


# ---- what is done


def test_default_is_changed_by_keyboard(lived: PaymentMethodsPage, qtbot: QtBot) -> None:
    button(lived, "makeDefault-3").setFocus()
    press(ENTER)
    qtbot.waitUntil(lambda: text(lived, "methodName-0") == "Deutsche Bank •••• 3000")
    assert is_shown(lived, "methodDefault-0")
    assert toasts(lived) == ["Deutsche Bank •••• 3000 is the default now."]
    assert focused_name() == "removeMethod-0", "the keyboard stays with the row"


def test_removing_asks_first_and_says_what_pays_then(lived: PaymentMethodsPage, desk: Desk, qtbot: QtBot) -> None:
    button(lived, "removeMethod-0").setFocus()
    press(ENTER)
    question = child(lived.window(), "removeMethodDialog")
    assert focused_name() == "dialogCancel", "Enter keeps it"
    assert "pays for Support Agent, automatic top-up" in question.panel.accessibleDescription()  # type: ignore[attr-defined] # a Dialog
    press(ENTER)
    qtbot.waitUntil(lambda: not is_shown(lived, "removeMethodDialog"))
    assert len(desk.saved) == 5
    button(lived, "removeMethod-0").setFocus()
    press(ENTER, TAB, ENTER)
    qtbot.waitUntil(lambda: len(desk.saved) == 4)
    qtbot.waitUntil(lambda: not is_shown(lived, "removeMethodDialog"))
    assert toasts(lived)[-1] == "Visa •••• 4242 is removed."
    assert lived.isAncestorOf(QApplication.focusWidget())  # type: ignore[arg-type] # something has it


def test_one_that_is_paying_now_stays_and_the_question_says_so(
    lived: PaymentMethodsPage, desk: Desk, qtbot: QtBot
) -> None:
    desk.in_use = frozenset({"visa"})
    click(lived, "removeMethod-0")
    click(lived.window(), "dialogConfirm")
    qtbot.waitUntil(lambda: lived.vm.state.error is not None)
    assert is_shown(lived, "removeMethodDialog")
    press(ESCAPE)
    assert len(desk.saved) == 5


def test_new_one_is_given_in_the_browser_and_found_in_the_list(
    lived: PaymentMethodsPage, desk: Desk, qtbot: QtBot
) -> None:
    click(lived, "addMethod-card")
    qtbot.waitUntil(lambda: is_shown(lived, "waitingSheet"))
    assert text(lived.window(), "waitingHost") == HOST
    assert text(lived.window(), "waitingWhat") == "A new card"
    desk.pages["setup-1"] = "paid"
    click(lived.window(), "waitingPaid")
    qtbot.waitUntil(lambda: is_shown(lived, "methodNew-5"))
    qtbot.waitUntil(lambda: not is_shown(lived, "waitingSheet"))
    assert text(lived, "methodName-5") == "Mastercard •••• 4444"
    assert toasts(lived) == ["Mastercard •••• 4444 is on file."]
    qtbot.waitUntil(lambda: focused_name() == "makeDefault-5")


def test_giving_up_comes_back_to_the_same_place(lived: PaymentMethodsPage, desk: Desk, qtbot: QtBot) -> None:
    button(lived, "addMethod-paypal").setFocus()
    press(ENTER)
    qtbot.waitUntil(lambda: is_shown(lived, "waitingSheet"))
    click(lived.window(), "waitingCancel")
    qtbot.waitUntil(lambda: not is_shown(lived, "waitingSheet"))
    assert desk.pages["setup-1"] == "canceled"
    assert not is_shown(lived, "methodsNotice")
    qtbot.waitUntil(lambda: focused_name() == "addMethod-paypal")


def test_declined_card_is_said_above_the_list(lived: PaymentMethodsPage, desk: Desk, qtbot: QtBot) -> None:
    click(lived, "addMethod-card")
    qtbot.waitUntil(lambda: is_shown(lived, "waitingSheet"))
    desk.pages["setup-1"] = "declined"
    lived.vm.adding.page.look()
    qtbot.waitUntil(lambda: lived.vm.adding.state.phase is AddPhase.FAILED)
    assert is_shown(lived, "methodsNotice")
    assert not is_shown(lived, "waitingSheet")


def test_without_pages_the_test_cards_are_offered(
    page: PaymentMethodsPage, desk: Desk, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    desk.hosts, desk.saved = (), ()
    page.vm.load()
    qtbot.waitUntil(lambda: page.vm.state.status is Status.EMPTY)
    assert focused_name() == "firstMethod-test"
    press(ENTER)
    menu = next(one for one in page.findChildren(QMenu) if one.objectName() == "testMethodMenu")
    choice = menu.findChild(QAction, f"testMethod-{TEST_CARDS[0].token}")
    assert choice is not None
    choice.trigger()
    menu.close()
    qtbot.waitUntil(lambda: is_shown(page, "method-0"))


# ---- how it looks


def test_controls_have_names_and_texts_fit(lived: PaymentMethodsPage, look: Theme) -> None:
    assert unnamed(lived) == []
    assert nameless(lived) == []
    for width, height, scale in ((1056, 800, 1.0), (676, 600, 1.0), (1056, 800, 2.0), (676, 600, 2.0)):
        look.set_text_scale(scale)
        lived.window().resize(width, height)
        for _ in range(3):
            QApplication.processEvents()
        assert cut_off(lived) == [], (width, scale)
