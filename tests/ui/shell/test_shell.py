"""The window: places and the way back, the path from looking to talking, the account, the palette."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from services.api.errors import Offline
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE
from tests.ui.page_help import button, child, click, text
from tests.ui.shell.conftest import press, see, toast_texts
from ui.shell import Shell, ViewModels
from ui.shell.history import HOME, History, Place
from ui.shell.keys import key_text
from ui.shell.navigation import CHAT_AFTER_MS
from ui.text import error_text
from ui.theme import Theme
from ui.viewmodels.base import Status
from ui.viewmodels.session import SessionViewModel
from ui.widgets.overlay import OverlayStack

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


# ---- history


def test_history_goes_back_one_place_and_stays_at_the_first() -> None:
    history = History().go(Place("agent", "a")).go(Place("agent", "b")).go(Place("checkout"))
    assert history.places == (HOME, Place("agent", "b"), Place("checkout"))
    assert history.back().here == Place("agent", "b")
    assert history.back().back().back().here == HOME


def test_sections_start_afresh_and_paid_checkouts_are_not_gone_back_into() -> None:
    history = History().go(Place("agent", "a")).go(Place("checkout"))
    assert history.go(Place("my_agents")).places == (Place("my_agents"),)
    assert history.paid(Place("confirmation")).back().here == HOME
    assert history.bought(Place("chat", "r")).section == "my_agents"


def test_keys_are_written_for_people() -> None:
    assert (key_text("Ctrl+K"), key_text("Ctrl++"), key_text("F5")) == ("Ctrl K", "Ctrl +", "F5")


# ---- places


def test_first_frame_shows_the_catalogue_and_made_no_other_page(shell: Shell) -> None:
    assert shell.stack.count() == 1
    assert child(shell, "offeringGrid").isVisible()
    assert shell.windowTitle() == "Marketplace – Souk"
    assert child(shell, "offeringGrid").hasFocus()


def test_keys_lead_to_the_sections(shell: Shell) -> None:
    for key, name in (
        (Qt.Key.Key_2, "myAgentsPage"),
        (Qt.Key.Key_Comma, "settingsPage"),
        (Qt.Key.Key_1, "marketplacePage"),
    ):
        press(shell, key)
        assert child(shell, name).isVisible()


def test_sidebar_leads_to_the_sections_and_marks_them(shell: Shell) -> None:
    click(shell, "nav-my_agents")
    assert child(shell, "myAgentsPage").isVisible()
    assert child(shell, "nav-my_agents").accessibleDescription() == "Current page"
    assert child(shell, "nav-marketplace").accessibleDescription() == ""


def test_checkout_hides_the_sidebar_and_back_returns_to_the_agent(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    see(shell, vms, qtbot)
    click(shell, "buyButton")
    assert shell.navigator.here.page == "checkout"
    assert not shell.sidebar.isVisible()
    press(shell, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert shell.navigator.here == Place("agent", CUSTOMER_CARE.card.uuid)
    assert shell.sidebar.isVisible()
    press(shell, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert shell.navigator.here == HOME


def test_opening_a_card_from_the_grid_by_keyboard_alone(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    press(shell, Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier)
    press(shell, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier)
    qtbot.waitUntil(lambda: button(shell, "buyButton").hasFocus())
    press(shell, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier)
    assert shell.navigator.here.page == "checkout"


def test_refresh_asks_for_the_page_again(shell: Shell, service: FakeService, qtbot: QtBot) -> None:
    press(shell, Qt.Key.Key_F5, Qt.KeyboardModifier.NoModifier)
    qtbot.waitUntil(lambda: "list_categories" in service.calls)


# ---- from looking to talking


def test_after_paying_the_chat_opens_by_itself(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    shell.navigator.check_out(CUSTOMER_CARE.card.uuid)
    placed = buy()
    vms.checkout.placed.emit(placed)
    assert shell.navigator.here.page == "confirmation"
    qtbot.waitUntil(lambda: shell.navigator.here == Place("chat", placed.resource_uuid), timeout=CHAT_AFTER_MS + 4000)
    qtbot.waitUntil(lambda: vms.chat.state.status is Status.READY)
    shell.navigator.back()
    assert shell.navigator.here == Place("my_agents")


def fresh(shell: Shell, vms: ViewModels, service: FakeService, buy: Callable[[], Any], qtbot: QtBot) -> Any:
    """A purchase that is ready and can still be taken back."""
    service.pages.open(undo_seconds=60)
    placed = buy()
    shell.navigator.show_placed(placed)
    qtbot.waitUntil(lambda: vms.confirmation.state.can_undo and vms.confirmation.state.can_chat)
    return placed


def test_what_is_taken_back_from_its_chat_is_not_talked_to_any_longer(
    shell: Shell, vms: ViewModels, service: FakeService, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    placed = fresh(shell, vms, service, buy, qtbot)
    shell.navigator.open_chat(vms.confirmation.state.resource_uuid)
    vms.confirmation.undo()
    qtbot.waitUntil(lambda: shell.navigator.here.page == "confirmation")
    assert shell.navigator.here.key == placed.order_uuid
    assert vms.confirmation.state.is_taken_back
    vms.confirmation.close()


def test_what_is_taken_back_from_elsewhere_is_said(
    shell: Shell, vms: ViewModels, service: FakeService, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    fresh(shell, vms, service, buy, qtbot)
    shell.navigator.show_section("wallet")
    service.fail("cancel_order", Offline())
    vms.confirmation.undo()
    qtbot.waitUntil(lambda: any(words.startswith(error_text(Offline()).title) for words in toast_texts(shell)))
    assert shell.navigator.here.page == "wallet"
    vms.confirmation.undo()
    qtbot.waitUntil(lambda: toast_texts(shell)[-1] == "Customer Care was taken back. Nothing was charged.")
    vms.confirmation.close()


def test_ready_while_elsewhere_is_said_and_the_chat_is_one_click_away(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    vms.confirmation.open(buy())
    qtbot.waitUntil(lambda: "Customer Care is ready." in toast_texts(shell))
    QTest.mouseClick(shell.toasts.toasts()[-1].action_button, Qt.MouseButton.LeftButton)
    assert shell.navigator.here.page == "chat"


def test_signing_out_leaves_what_belonged_to_the_account(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    shell.navigator.open_chat(buy().resource_uuid)
    vms.session.sign_out()
    assert shell.navigator.here == HOME


# ---- account corner


def test_guest_can_sign_in(shell: Shell) -> None:
    click(shell, "signInButton")
    assert child(shell, "signInSheet").isVisible()


def test_account_shows_name_organization_and_spending(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    buy()
    vms.session.refresh()
    corner = child(shell, "accountButton")
    qtbot.waitUntil(lambda: "This month $990" in corner.accessibleDescription())
    assert corner.accessibleName() == "Account of Ada"
    assert "Ada's Organization" in corner.accessibleDescription()
    assert not child(shell, "signInButton").isVisible()


@pytest.mark.qt_log_ignore("propagateSizeHints", r"raise\(\)", "grabbing the keyboard")
def test_account_menu_signs_out(shell: Shell, signed_in: SessionViewModel, qtbot: QtBot) -> None:
    click(shell, "accountButton")
    menu = shell.findChild(QMenu, "accountMenu")
    assert isinstance(menu, QMenu)
    next(action for action in menu.actions() if action.objectName() == "signOutAction").trigger()
    menu.close()
    qtbot.waitUntil(lambda: child(shell, "signInButton").isVisible())


# ---- palette and overlays


def test_palette_finds_and_opens_an_agent(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    press(shell, Qt.Key.Key_K)
    search = child(shell, "paletteSearch")
    assert search.hasFocus()
    QTest.keyClicks(search, "expense")
    qtbot.waitUntil(lambda: any(command.offering_uuid for command in vms.palette.state.commands))
    QTest.keyClick(search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: text(shell, "agentName") == "Expense Auditor")


def test_palette_buys_in_one_line(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    press(shell, Qt.Key.Key_K)
    QTest.keyClicks(child(shell, "paletteSearch"), "get customer")
    qtbot.waitUntil(
        lambda: bool(vms.palette.state.commands) and vms.palette.state.commands[0].title == "Get Customer Care"
    )
    QTest.keyClick(child(shell, "paletteSearch"), Qt.Key.Key_Return)
    assert shell.navigator.here == Place("checkout", CUSTOMER_CARE.card.uuid)


def test_palette_does_actions_and_goes_to_pages(shell: Shell, look: Theme) -> None:
    for words in ("dark theme", "settings"):
        press(shell, Qt.Key.Key_K)
        QTest.keyClicks(child(shell, "paletteSearch"), words)
        QTest.keyClick(child(shell, "paletteSearch"), Qt.Key.Key_Return)
        QApplication.processEvents()
    assert look.is_dark
    assert shell.navigator.here.page == "settings"


def test_escape_closes_the_topmost_overlay_only_and_focus_returns(shell: Shell) -> None:
    grid = child(shell, "offeringGrid")
    press(shell, Qt.Key.Key_Question, Qt.KeyboardModifier.NoModifier)
    sheet = child(shell, "shortcutSheet")
    assert sheet.isVisible()
    press(shell, Qt.Key.Key_K)
    assert OverlayStack.of(shell).top is sheet
    press(shell, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    assert OverlayStack.of(shell).top is None
    assert grid.hasFocus()


@pytest.mark.qt_log_ignore("plugin does not support")
def test_shift_f10_opens_the_menu_of_the_card(shell: Shell, qtbot: QtBot) -> None:
    grid = child(shell, "offeringGrid")
    grid.setFocus(Qt.FocusReason.TabFocusReason)
    press(shell, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: QApplication.activePopupWidget() is not None)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert menu.actions()[0].text() == "Open"
    menu.close()
