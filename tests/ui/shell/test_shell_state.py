"""The window's look, banners and toasts, what is kept between runs, settings, closing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy, Offline
from services.api.types import BillingCycle, Cart, CartDraft, OfferingPage, SortOrder
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE, OFFERINGS
from tests.ui.page_help import button, child, click, cut_off, nameless, text, unnamed
from tests.ui.shell.conftest import Make, Windows, press, see, toast_texts
from ui.bridge import Bridge
from ui.prefs import Prefs
from ui.shell import Shell, ViewModels
from ui.shell.history import Place
from ui.theme import Theme
from ui.widgets.overlay import Dialog

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


# ---- look


def test_theme_toggle_is_live_and_kept(shell: Shell, look: Theme, prefs: Prefs) -> None:
    light = shell.grab().toImage().pixelColor(4, 400)
    click(shell, "themeToggle")
    assert look.is_dark
    assert prefs.theme_mode == "dark"
    assert shell.grab().toImage().pixelColor(4, 400).lightness() < light.lightness()
    assert child(shell, "themeToggle").accessibleName() == "Light theme"


def test_text_scale_goes_by_steps_within_its_bounds_and_is_kept(shell: Shell, look: Theme, prefs: Prefs) -> None:
    press(shell, Qt.Key.Key_Plus)
    assert prefs.text_scale == look.text_scale == 1.15
    for _ in range(9):
        press(shell, Qt.Key.Key_Plus)
    assert look.text_scale == 2.0
    press(shell, Qt.Key.Key_0)
    for _ in range(9):
        press(shell, Qt.Key.Key_Minus)
    assert look.text_scale == 0.85


@pytest.mark.parametrize(("width", "height", "scale"), [(1280, 800, 1.0), (900, 600, 1.0), (1280, 800, 2.0)])
def test_nothing_is_cut_off_and_everything_has_a_name(
    shell: Shell, look: Theme, width: int, height: int, scale: float
) -> None:
    look.set_text_scale(scale)
    shell.resize(width, height)
    for section in ("settings", "marketplace"):
        shell.navigator.show_section(section)
        for _ in range(3):
            QApplication.processEvents()
        assert cut_off(shell) == []
        assert unnamed(shell) == []
        assert nameless(shell) == []
    assert (shell.width(), shell.height()) == (width, height)


def test_sidebar_shrinks_to_icons_in_a_narrow_window(shell: Shell) -> None:
    wide = shell.sidebar.width()
    shell.resize(940, 700)
    assert shell.sidebar.width() < 80 < wide
    assert child(shell, "paletteIconButton").isVisible()
    shell.resize(600, 300)
    assert (shell.width(), shell.height()) == (900, 600)


# ---- banners and toasts


def test_offline_banner_offers_a_retry_and_goes(
    shell: Shell, vms: ViewModels, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("list_offerings", Offline())
    vms.marketplace.load()
    qtbot.waitUntil(shell.banners.offline.isVisible)
    click(shell, "offlineBannerAction")
    qtbot.waitUntil(lambda: not shell.banners.offline.isVisible())


def test_unhandled_failure_is_said_in_a_toast(shell: Shell, bridge: Bridge) -> None:
    bridge.failed.emit(DatabaseBusy())
    assert len(toast_texts(shell)) == 1


def test_test_mode_is_said_where_something_was_paid_and_can_be_closed(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    assert not shell.banners.test.isVisible()
    placed = buy()
    shell.navigator.show_order(placed.order_uuid)
    assert not shell.banners.test.isVisible(), "whether money is real is not known yet"
    shell.settle()
    qtbot.waitUntil(shell.banners.test.isVisible)
    assert shell.banners.test.text == "Test mode: no real money moves."
    QTest.mouseClick(shell.banners.test.close_button, Qt.MouseButton.LeftButton)
    shell.navigator.show_section("marketplace")
    shell.navigator.show_order(placed.order_uuid)
    assert not shell.banners.test.isVisible()
    vms.confirmation.close()


@pytest.mark.parametrize(("attempt", "words"), [("", "Continue where you left"), ("key", "was interrupted")])
def test_kept_cart_is_offered_and_leads_to_checkout(
    shell: Shell, service: FakeService, run: Any, qtbot: QtBot, attempt: str, words: str
) -> None:
    draft = CartDraft(attempt_key=attempt)
    run(service.save_cart(Cart(CUSTOMER_CARE.card.uuid, CUSTOMER_CARE.plans[2].uuid, BillingCycle.YEARLY, draft)))
    shell.settle()
    qtbot.waitUntil(shell.banners.cart.isVisible)
    assert words in shell.banners.cart.text
    click(shell, "cartBannerAction")
    assert shell.navigator.here.page == "checkout"
    assert not shell.banners.cart.isVisible()


def test_cart_of_a_withdrawn_offering_is_not_offered(
    vms: ViewModels, service: FakeService, run: Any, qtbot: QtBot
) -> None:
    run(service.save_cart(Cart(CUSTOMER_CARE.card.uuid, CUSTOMER_CARE.plans[2].uuid)))
    service.world.offerings = OFFERINGS[1:]
    vms.pending_cart.look()
    qtbot.waitUntil(lambda: service.calls[-1] == "get_offering")
    assert vms.pending_cart.state.text == ""


# ---- what is kept, and closing


def test_size_and_place_are_kept_for_the_next_time(shell: Shell, make: Make, prefs: Prefs) -> None:
    click(shell, "nav-settings")
    shell.setGeometry(QRect(0, 30, 900, 700))
    shell.close()
    assert prefs.last_page == "settings"
    assert prefs.geometry.height() == 700
    again = make()
    assert again.navigator.here == Place("settings")


def test_sort_order_is_kept_and_there_before_the_first_frame(
    shell: Shell, vms: ViewModels, make: Make, prefs: Prefs, qtbot: QtBot
) -> None:
    vms.marketplace.sort_by(SortOrder.NAME)
    qtbot.waitUntil(lambda: prefs.marketplace_sort == "name")
    shell.close()
    cards = tuple(offering.card for offering in reversed(OFFERINGS))
    vms.marketplace.sort_by(SortOrder.RECOMMENDED)
    vms.marketplace.first_page(OfferingPage(cards, len(cards)), ())
    prefs.marketplace_sort = "name"
    again = make()
    names = [vms.marketplace.offerings.card(row) for row in range(len(cards))]
    assert [card and card.name for card in names] == ["Customer Care", "Expense Auditor", "Support Bundle"]
    again.settle()
    assert vms.marketplace.state.order is SortOrder.NAME


def test_commands_used_last_are_kept_for_the_next_time(shell: Shell, vms: ViewModels, make: Make, prefs: Prefs) -> None:
    for command_id in ("settings", "dark"):
        vms.palette.choose(next(one for one in vms.palette.state.commands if one.id == command_id))
    assert prefs.recent_commands == ("dark", "settings")
    vms.palette.set_recent(())
    make()
    vms.palette.open()
    assert [command.id for command in vms.palette.state.commands[:2]] == ["dark", "settings"]


def test_quit_closes_the_window(shell: Shell) -> None:
    press(shell, Qt.Key.Key_Q)
    assert not shell.isVisible()


def test_closing_asks_only_while_something_is_being_set_up(
    shell: Shell, vms: ViewModels, service: FakeService, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    service.world.auto_deploy = False
    vms.confirmation.open(buy())
    qtbot.waitUntil(lambda: vms.confirmation.state.order is not None)
    shell.close()
    assert shell.isVisible()
    dialog = child(shell, "closeDialog")
    assert isinstance(dialog, Dialog)
    assert dialog.cancel_button.hasFocus()
    QTest.mouseClick(dialog.confirm_button, Qt.MouseButton.LeftButton)
    assert not shell.isVisible()
    vms.confirmation.close()


# ---- settings


def test_settings_change_the_look_at_once(shell: Shell, look: Theme, prefs: Prefs) -> None:
    click(shell, "nav-settings")
    click(shell, "themeChoice-2")
    assert look.is_dark
    click(shell, "largerText")
    assert (look.text_scale, text(shell, "textSize")) == (1.15, "115 %")
    click(shell, "normalText")
    assert not button(shell, "normalText").isEnabled()
    click(shell, "reducedMotion")
    assert prefs.reduced_motion
    assert text(shell, "version") == "Version 1.2.3"


def test_settings_show_the_licences(shell: Shell) -> None:
    click(shell, "nav-settings")
    click(shell, "licencesButton")
    assert child(shell, "licenceSheet").isVisible()


def test_nothing_but_the_window_ever_opens_as_a_window(
    shell: Shell, vms: ViewModels, qapp: QApplication, qtbot: QtBot
) -> None:
    """A part shown before it has a parent flashes as a window of its own and takes the keyboard away."""
    watch = Windows()
    qapp.installEventFilter(watch)
    see(shell, vms, qtbot)
    shell.navigator.show_section("settings")
    click(shell, "licencesButton")
    press(shell, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    shell.toasts.show_toast("Removed.", action="Undo")
    Dialog(shell, "Really?", "It cannot be undone.", confirm="Remove").open()
    qapp.removeEventFilter(watch)
    assert watch.shown == []
    assert shell.isActiveWindow()


def test_focus_ring_goes_around_the_whole_question_box(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    see(shell, vms, qtbot)
    press(shell, Qt.Key.Key_Tab, Qt.KeyboardModifier.NoModifier)
    box = child(shell, "sampleInput")
    box.setFocus()
    frame = box.parentWidget()
    assert frame is not None
    assert shell.ring.isVisible()
    assert shell.ring.geometry().contains(QRect(frame.mapTo(shell, frame.rect().topLeft()), frame.size()))
