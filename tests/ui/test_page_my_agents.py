"""My agents, and the sheet one signs in with: every state of the list, keys, the menu, words beside their fields."""

from typing import Protocol

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QContextMenuEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import DebitFailed, Offline, TooManyTries
from services.api.types import BillingCycle, Offering, PaymentMethod, QuickCheckout, Register
from tests.fakes import PASSWORD, FakeService
from tests.samples import CUSTOMER_CARE, EXPENSE_AUDITOR
from tests.ui.checkout_help import CARDS, Run
from tests.ui.page_help import button, child, click, cut_off, nameless, text, unnamed
from ui.bridge import Bridge
from ui.pages.my_agents import MyAgentsPage
from ui.pages.sign_in import SignInSheet
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.my_agents import MyAgentsViewModel
from ui.viewmodels.session import SessionViewModel
from ui.widgets.notices import Banner, toast_area
from ui.widgets.overlay import OverlayStack

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")


class Buy(Protocol):
    def __call__(self, offering: Offering, key: str = "") -> str: ...


def show(page: QWidget, qtbot: QtBot) -> None:
    qtbot.addWidget(page)
    page.resize(1056, 800)
    page.show()
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)


@pytest.fixture
def page(look: Theme, bridge: Bridge, holder: ServiceHolder, qtbot: QtBot) -> MyAgentsPage:
    made = MyAgentsPage(MyAgentsViewModel(bridge, holder))
    show(made, qtbot)
    return made


@pytest.fixture
def buy(signed_in: SessionViewModel, holder: ServiceHolder, run: Run) -> Buy:
    def go(offering: Offering, key: str = "") -> str:
        pro = next(plan for plan in offering.plans if plan.slug == "pro")
        order = QuickCheckout(
            offering.card.uuid,
            pro.uuid,
            payment_token=CARDS["pays"],
            billing_cycle=BillingCycle.YEARLY,
            terms_accepted=True,
        )
        uuid = run(holder.service.quick_checkout(order, key=key or offering.card.slug)).resource_uuid
        assert isinstance(uuid, str)
        return uuid

    return go


@pytest.fixture
def two(page: MyAgentsPage, buy: Buy, qtbot: QtBot) -> tuple[str, str]:
    """Two bought agents in the list, newest first."""
    older = buy(CUSTOMER_CARE)
    newer = buy(EXPENSE_AUDITOR)
    page.vm.load()
    qtbot.waitUntil(lambda: len(page.vm.state.items) == 2)
    return newer, older


# ---- states


def test_guest_is_asked_to_sign_in(page: MyAgentsPage, qtbot: QtBot) -> None:
    page.vm.load()
    assert child(page, "agentsGuest").isVisible()
    with qtbot.waitSignal(page.sign_in_requested):
        QTest.keyClick(QApplication.focusWidget() or page, Qt.Key.Key_Return)


def test_who_has_bought_nothing_is_shown_the_way(page: MyAgentsPage, signed_in: SessionViewModel, qtbot: QtBot) -> None:
    page.vm.load()
    qtbot.waitUntil(lambda: child(page, "agentsEmpty").isVisible())
    with qtbot.waitSignal(page.browse):
        click(page, "agentsEmptyAction")


def test_failure_is_said_and_tried_again(
    page: MyAgentsPage, signed_in: SessionViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("list_resources", Offline())
    page.vm.load()
    qtbot.waitUntil(lambda: child(page, "agentsError").isVisible())
    click(page, "agentsErrorAction")
    qtbot.waitUntil(lambda: child(page, "agentsEmpty").isVisible())


def test_failure_later_leaves_the_list_in_sight(
    page: MyAgentsPage, two: tuple[str, str], service: FakeService, qtbot: QtBot
) -> None:
    service.fail("list_resources", Offline())
    page.vm.load()
    qtbot.waitUntil(lambda: child(page, "agentsNotice").isVisible())
    assert page.list.isVisible()


def test_loading_shows_placeholders(page: MyAgentsPage, buy: Buy, service: FakeService, qtbot: QtBot) -> None:
    gate = service.hold("list_resources")
    page.vm.retry()
    qtbot.waitUntil(lambda: bool(gate.waiting))
    assert not page.list.isVisible()
    gate.open()
    qtbot.waitUntil(lambda: page.vm.state.status is not Status.LOADING)


# ---- the list


def test_rows_are_read_as_sentences(page: MyAgentsPage, two: tuple[str, str]) -> None:
    assert text(page, "agentCount") == "2 agents"
    role = Qt.ItemDataRole.AccessibleTextRole
    sentence = page.model.data(page.model.index(0, 0), role)
    assert sentence == (
        "Expense Auditor, Ready, Pro plan · Ada's Organization, Included: 10,000 of 10,000 calls left this month"
    )
    interface = QAccessible.queryAccessibleInterface(page.list)
    assert interface is not None
    assert interface.text(QAccessible.Text.Name) == "My agents"


def test_arrow_keys_and_enter_open_the_chat(page: MyAgentsPage, two: tuple[str, str], qtbot: QtBot) -> None:
    assert QApplication.focusWidget() is page.list
    QTest.keyClick(page.list, Qt.Key.Key_Down)
    with qtbot.waitSignal(page.opened) as caught:
        QTest.keyClick(page.list, Qt.Key.Key_Return)
    assert caught.args == [two[1]]


def test_click_opens_the_chat(page: MyAgentsPage, two: tuple[str, str], qtbot: QtBot) -> None:
    place = page.list.visualRect(page.model.index(1, 0)).center()
    with qtbot.waitSignal(page.opened) as caught:
        QTest.mouseClick(page.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert caught.args == [two[1]]


def test_agent_that_is_not_ready_shows_its_order(
    page: MyAgentsPage, buy: Buy, service: FakeService, qtbot: QtBot
) -> None:
    service.world.auto_deploy = False
    uuid = buy(CUSTOMER_CARE)
    page.vm.load()
    qtbot.waitUntil(lambda: bool(page.vm.state.items))
    with qtbot.waitSignal(page.show_order) as caught:
        QTest.keyClick(page.list, Qt.Key.Key_Return)
    assert caught.args == [service.world.resources[uuid][1].order_uuid]
    page.vm.rest()


def menu_of(page: MyAgentsPage) -> QMenu:
    found = page.findChild(QMenu, "agentMenu")
    assert found is not None
    return found


def test_menu_key_opens_the_menu_of_the_current_row(
    page: MyAgentsPage, two: tuple[str, str], service: FakeService, qtbot: QtBot
) -> None:
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(0, 0), QPoint(0, 0))
    QApplication.sendEvent(page.list.viewport(), event)
    menu = menu_of(page)
    assert [one.text() for one in menu.actions()] == ["Open chat", "Configure", "Show receipt", "Copy id"]
    acts = {one.objectName(): one for one in menu.actions()}
    for name, signal in (("menuOpenChat", page.opened), ("menuConfigure", page.configure)):
        with qtbot.waitSignal(signal) as caught:
            acts[name].trigger()
        assert caught.args == [two[0]]
    with qtbot.waitSignal(page.show_order) as caught:
        acts["menuShowReceipt"].trigger()
    assert caught.args == [service.world.resources[two[0]][1].order_uuid]
    acts["menuCopyId"].trigger()
    assert QGuiApplication.clipboard().text() == two[0]
    toast_area(page).toasts()[0].close_toast()
    menu.close()


def test_list_names_its_controls_and_fits_large_text(page: MyAgentsPage, two: tuple[str, str], look: Theme) -> None:
    assert unnamed(page) == []
    assert nameless(page) == []
    look.set_text_scale(2.0)
    page.resize(676, 600)
    QApplication.processEvents()
    assert cut_off(page) == []
    look.set_text_scale(1.0)


# ---- signing in over any page


@pytest.fixture
def window(look: Theme, qtbot: QtBot) -> QWidget:
    made = QWidget()
    show(made, qtbot)
    return made


@pytest.fixture
def sheet(window: QWidget, session: SessionViewModel) -> SignInSheet:
    made = SignInSheet(session, window)
    made.open()
    return made


def fill(email: str, password: str) -> None:
    for words in (email, password):
        focused = QApplication.focusWidget()
        assert focused is not None
        QTest.keyClicks(focused, words)
        if words is email:
            QTest.keyClick(focused, Qt.Key.Key_Tab)


def press_enter() -> None:
    focused = QApplication.focusWidget()
    assert focused is not None
    QTest.keyClick(focused, Qt.Key.Key_Return)


def banner(sheet: SignInSheet) -> str:
    found = child(sheet, "signInError")
    assert isinstance(found, Banner)
    return found.text if found.isVisible() else ""


def test_signing_in_closes_the_sheet(
    sheet: SignInSheet, window: QWidget, session: SessionViewModel, service: FakeService, run: Run, qtbot: QtBot
) -> None:
    run(service.register(Register("ada@example.com", PASSWORD)))
    fill("ada@example.com", PASSWORD)
    with qtbot.waitSignal(session.signed_in):
        press_enter()
    assert OverlayStack.of(window).top is None


def test_account_is_made_with_the_same_two_fields(sheet: SignInSheet, session: SessionViewModel, qtbot: QtBot) -> None:
    fill("ada@example.com", PASSWORD)
    click(sheet, "signInSwap")
    assert button(sheet, "signInSubmit").text() == "Create account"
    assert (sheet.email.text(), sheet.password.text()) == ("ada@example.com", PASSWORD)
    with qtbot.waitSignal(session.signed_in):
        click(sheet, "signInSubmit")


def test_wrong_password_is_said_and_can_be_typed_again(sheet: SignInSheet, qtbot: QtBot) -> None:
    fill("ada@example.com", "wrong")
    press_enter()
    qtbot.waitUntil(lambda: banner(sheet) != "")
    assert banner(sheet).startswith("E-mail and password do not match.")
    assert QApplication.focusWidget() is sheet.password.edit
    assert sheet.password.edit.selectedText()


def test_too_many_tries_say_how_long_to_wait(sheet: SignInSheet, service: FakeService, qtbot: QtBot) -> None:
    service.fail("sign_in", TooManyTries(seconds=12))
    fill("ada@example.com", "wrong")
    press_enter()
    qtbot.waitUntil(lambda: banner(sheet) != "")
    assert banner(sheet).endswith("Try again in 12 seconds.")


def test_missing_and_short_values_are_said_beside_their_field(sheet: SignInSheet, qtbot: QtBot) -> None:
    press_enter()
    assert sheet.email.error == "Enter your e-mail address."
    assert sheet.password.error == "Enter a password."
    click(sheet, "signInSwap")
    sheet.email.edit.setFocus()
    fill("ada@example.com", "short")
    press_enter()
    qtbot.waitUntil(lambda: sheet.password.error == "Use at least 8 characters.")
    assert sheet.email.error is None


def test_address_in_use_offers_to_sign_in(sheet: SignInSheet, service: FakeService, run: Run, qtbot: QtBot) -> None:
    run(service.register(Register("ada@example.com", PASSWORD)))
    click(sheet, "signInSwap")
    fill("ada@example.com", "another password")
    press_enter()
    qtbot.waitUntil(lambda: button(sheet, "signInSubmit").text() == "Sign in")
    assert banner(sheet).startswith("This e-mail already has an account.")


def test_sheet_names_its_controls(sheet: SignInSheet) -> None:
    assert unnamed(sheet) == []
    assert nameless(sheet) == []


# ---- purchases whose money is not there yet


@pytest.fixture
def debit(signed_in: SessionViewModel, service: FakeService, holder: ServiceHolder, run: Run) -> Buy:
    """A purchase that a bank account pays, days later."""
    service.pages.open()

    def go(offering: Offering, key: str = "") -> str:
        pro = next(plan for plan in offering.plans if plan.slug == "pro")
        order = QuickCheckout(
            offering.card.uuid, pro.uuid, billing_cycle=BillingCycle.YEARLY, terms_accepted=True,
            payment_method=PaymentMethod.BANK,
        )  # fmt: skip
        uuid = run(holder.service.quick_checkout(order, key=key or offering.card.slug)).order_uuid
        assert isinstance(uuid, str)
        return uuid

    return go


def notices(page: MyAgentsPage) -> list[str]:
    banners = (child(page, f"unfinished{number}") for number in range(3))
    return [banner.text for banner in banners if isinstance(banner, Banner) and banner.isVisible()]


def read(page: MyAgentsPage, qtbot: QtBot, sentence: str) -> None:
    page.vm.load()
    qtbot.waitUntil(lambda: any(sentence in one for one in notices(page)))


def test_a_purchase_is_followed_from_its_page_to_the_bank(
    page: MyAgentsPage, debit: Buy, service: FakeService, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    uuid = debit(CUSTOMER_CARE)
    read(page, qtbot, "A payment is open: Customer Care, $990.")
    service.pages.debit(uuid)
    run(holder.service.refresh_order(uuid))
    read(page, qtbot, "$990 for Customer Care is being collected from your bank.")
    assert not child(page, "unfinished0Close").isVisible()
    with qtbot.waitSignal(page.show_order) as asked:
        click(page, "unfinished0Action")
    assert asked.args == [uuid]
    service.pages.settle_debit(uuid)
    run(holder.service.refresh_order(uuid))
    page.vm.load()
    qtbot.waitUntil(lambda: len(page.vm.state.items) == 1)
    assert notices(page) == []


def test_a_debit_that_bounces_is_said_until_it_is_read_or_bought_again(
    page: MyAgentsPage, debit: Buy, buy: Buy, service: FakeService, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    for offering in (CUSTOMER_CARE, EXPENSE_AUDITOR):
        uuid = debit(offering)
        service.pages.debit(uuid)
        run(holder.service.refresh_order(uuid))
        service.pages.settle_debit(uuid, is_paid=False)
        with pytest.raises(DebitFailed):
            run(holder.service.refresh_order(uuid))
    read(page, qtbot, "Your bank did not pay $990 for Customer Care. Nothing was charged; it can be bought again.")
    assert len(notices(page)) == 2
    click(page, "unfinished0Close")
    assert [one.offering_name for one in page.vm.state.unfinished] == ["Customer Care"]
    page.vm.load()
    qtbot.waitUntil(lambda: page.vm.state.status is Status.EMPTY)
    assert len(notices(page)) == 1  # what was read stays away
    buy(CUSTOMER_CARE, "again")
    page.vm.load()
    qtbot.waitUntil(lambda: notices(page) == [])


def test_notices_of_money_fit_a_small_window_and_large_text(
    page: MyAgentsPage, debit: Buy, look: Theme, qtbot: QtBot
) -> None:
    for offering in (CUSTOMER_CARE, EXPENSE_AUDITOR):
        debit(offering)
    look.set_text_scale(2.0)
    page.resize(900, 600)
    read(page, qtbot, "A payment is open")
    assert cut_off(page) == []
    assert unnamed(page) == []
