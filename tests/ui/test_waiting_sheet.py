"""The sheet while a page is open in the browser: what for and where, how it stands, and every way out of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import PaymentUnknown
from tests.ui.page_help import button, child, click, cut_off, nameless, tab_round, text, unnamed
from ui.text import error_text
from ui.theme import Theme
from ui.viewmodels.hosted_page import HostedPageState, PagePhase
from ui.widgets.notices import Banner, toast_area
from ui.widgets.overlay import OverlayStack
from ui.widgets.waiting_sheet import WaitingSheet, WaitingStep

pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
WAITING = HostedPageState(
    phase=PagePhase.WAITING, is_attended=True, url="https://checkout.stripe.com/c/pay/1", host="checkout.stripe.com",
    amount="$29.00", what="Customer Care, Starter", can_renew=True,
)  # fmt: skip
EXPIRED = replace(WAITING, phase=PagePhase.EXPIRED)
REFUSED = replace(WAITING, phase=PagePhase.REFUSED, host="", url="")


class Page(QObject):
    """Says what it was told; closing is all it does by itself."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.state = HostedPageState()
        self.told: list[str] = []

    def show(self, state: HostedPageState) -> None:
        self.state = state
        self.changed.emit()

    def look(self) -> None:
        self.told.append("look")

    def reopen(self) -> None:
        self.told.append("reopen")

    def cancel(self) -> None:
        self.told.append("cancel")

    def renew(self) -> None:
        self.told.append("renew")

    def give_way(self) -> None:
        self.told.append("give way")

    def leave(self) -> None:
        self.told.append("leave")
        self.show(replace(self.state, is_attended=False))


class Room:
    def __init__(self, qtbot: QtBot, size: tuple[int, int] = (1280, 800)) -> None:
        self.window = QWidget()
        qtbot.addWidget(self.window)
        self.window.resize(*size)
        self.window.show()
        self.window.activateWindow()
        qtbot.waitUntil(self.window.isActiveWindow)
        self.page = Page()
        self.step = WaitingStep(self.window, self.page)

    def show(self, state: HostedPageState) -> WaitingSheet:
        self.page.show(state)
        QApplication.processEvents()
        sheet = self.step.sheet
        assert sheet is not None
        return sheet

    def press(self, key: Qt.Key) -> None:
        QTest.keyClick(QApplication.focusWidget() or self.window, key)


@pytest.fixture
def room(look: Theme, qtbot: QtBot) -> Room:
    return Room(qtbot)


def test_it_says_what_is_paid_where_and_how_it_stands(room: Room) -> None:
    sheet = room.show(WAITING)
    shown = [text(sheet, name) for name in ("waitingTitle", "waitingAmount", "waitingWhat", "waitingHost")]
    assert shown == ["Finish paying in your browser", "$29.00", "Customer Care, Starter", "checkout.stripe.com"]
    assert text(sheet, "waitingLine") == "Waiting for you to finish."
    assert sheet.panel.accessibleName() == "Finish paying in your browser"
    assert not child(sheet, "waitingLink").isVisible()
    assert not child(sheet, "waitingCountdown").isVisible()


def test_page_of_the_test_provider_is_called_so(room: Room) -> None:
    here = replace(WAITING, host="127.0.0.1:8742", url="http://127.0.0.1:8742/c/pay/1")
    sheet = room.show(here)
    assert text(sheet, "waitingHost") == "Test provider, 127.0.0.1:8742"
    assert text(sheet, "waitingWords").startswith("The page of the test provider is open there.")
    assert "test" not in replace(here, host="127.0.0.1.example.com").words


@pytest.mark.parametrize(
    ("name", "told"),
    [("waitingPaid", "look"), ("waitingAgain", "reopen"), ("waitingCancel", "cancel"), ("sheetClose", "leave")],
)
def test_every_button_does_one_thing(room: Room, name: str, told: str) -> None:
    sheet = room.show(WAITING)
    click(sheet, name)
    assert room.page.told == [told]


def test_link_is_copied_and_said_to_be(room: Room) -> None:
    sheet = room.show(WAITING)
    click(sheet, "waitingCopy")
    assert QGuiApplication.clipboard().text() == WAITING.url
    assert [toast.text for toast in toast_area(room.window).toasts()] == ["Link copied."]


def test_without_a_browser_the_link_itself_is_there(room: Room) -> None:
    sheet = room.show(replace(WAITING, was_opened=False))
    assert child(sheet, "waitingLink").isVisible()
    assert sheet.link.text() == WAITING.url
    assert text(sheet, "waitingWords").startswith("No browser could be opened.")


def test_sheet_is_as_tall_as_its_words_and_a_long_link_begins_with_where_it_leads(room: Room, qtbot: QtBot) -> None:
    long = "https://checkout.stripe.com/c/pay/" + "x" * 200
    room.show(WAITING)
    QApplication.processEvents()
    sheet = room.show(replace(WAITING, was_opened=False, url=long, check="not_yet"))
    QApplication.processEvents()
    assert sheet.area.viewport().width() == sheet.area.width()
    content = sheet.area.widget()
    assert content is not None
    layout = content.layout()
    assert layout is not None
    assert content.height() - layout.totalHeightForWidth(content.width()) < 12
    assert sheet.area.verticalScrollBar().maximum() == 0
    assert sheet.link.cursorPosition() == 0
    before = sheet.panel.height()
    words = "The payment provider does not answer: trying again. Nothing is charged twice."
    room.show(replace(WAITING, was_opened=False, url=long, check="unclear"))
    assert text(sheet, "waitingLine") == words
    qtbot.waitUntil(lambda: sheet.panel.height() > before)  # a line more
    assert sheet.area.verticalScrollBar().maximum() == 0


def test_last_minutes_are_counted(room: Room) -> None:
    sheet = room.show(replace(WAITING, seconds_left=59))
    assert text(sheet, "waitingCountdown") == "The page works for another 0:59."
    room.show(replace(WAITING, seconds_left=9))
    assert text(sheet, "waitingCountdown") == "The page works for another 0:09."


@pytest.mark.parametrize(
    ("check", "line"),
    [("asking", "Checking…"), ("not_yet", "Not done yet."), ("offline", "No network: trying again.")],
)
def test_state_line_says_what_is_known(room: Room, check: str, line: str) -> None:
    sheet = room.show(replace(WAITING, check=check))
    assert text(sheet, "waitingLine").startswith(line)


def test_escape_leaves_the_page_open_and_gives_the_focus_back(room: Room) -> None:
    room.show(WAITING)
    room.press(Qt.Key.Key_Escape)
    assert room.page.told == ["leave"]
    assert OverlayStack.of(room.window).top is None
    assert room.step.sheet is None


def test_enter_meant_for_the_button_below_only_asks(room: Room) -> None:
    sheet = room.show(WAITING)
    assert QApplication.focusWidget() is sheet.paid
    room.press(Qt.Key.Key_Return)
    assert room.page.told == ["look"]
    sheet.setFocus()
    sheet.accept_default()
    assert room.page.told == ["look"]


def test_while_it_is_being_canceled_nothing_else_can_be_pressed(room: Room) -> None:
    sheet = room.show(replace(WAITING, phase=PagePhase.CANCELING))
    assert text(sheet, "waitingLine") == "Closing the page…"
    assert not button(sheet, "waitingPaid").isEnabled()
    assert not button(sheet, "waitingAgain").isEnabled()
    room.press(Qt.Key.Key_Escape)
    assert (room.page.told, room.step.sheet) == ([], sheet)


def test_cancel_that_failed_is_said(room: Room) -> None:
    sheet = room.show(replace(WAITING, error=error_text(PaymentUnknown())))
    banner = child(sheet, "waitingError")
    assert isinstance(banner, Banner)
    assert banner.isVisible()
    assert banner.text.startswith("We do not know yet")


def test_expired_page_offers_another_and_another_way(room: Room) -> None:
    sheet = room.show(WAITING)
    room.show(EXPIRED)
    assert room.step.sheet is sheet
    assert text(sheet, "waitingTitle") == sheet.panel.accessibleName() == "The page has expired"
    hidden = ("waitingPaid", "waitingAgain", "waitingCopy", "waitingCancel", "waitingLine")
    assert not any(child(sheet, name).isVisible() for name in hidden)
    assert QApplication.focusWidget() is sheet.renew
    click(sheet, "waitingRenew")
    click(sheet, "waitingAnother")
    assert room.page.told == ["renew", "give way"]


def test_page_that_was_not_opened_can_only_be_canceled(room: Room) -> None:
    sheet = room.show(REFUSED)
    assert text(sheet, "waitingTitle") == "This page was not opened"
    shown = [name for name in ("waitingPaid", "waitingAgain", "waitingRenew", "waitingCancel")
             if child(sheet, name).isVisible()]  # fmt: skip
    assert shown == ["waitingCancel"]
    assert QApplication.focusWidget() is sheet.cancel


def test_something_that_costs_nothing_has_no_amount(room: Room) -> None:
    sheet = room.show(replace(WAITING, amount="", what="A new card"))
    assert text(sheet, "waitingTitle") == "Finish in your browser"
    assert not child(sheet, "waitingAmount").isVisible()
    assert button(sheet, "waitingPaid").text() == "I have finished"


def test_sheet_goes_when_nothing_is_waited_for_and_comes_again(room: Room, qtbot: QtBot) -> None:
    room.show(WAITING)
    with qtbot.waitSignal(room.step.closed):
        room.page.show(HostedPageState())
    assert OverlayStack.of(room.window).top is None
    assert room.show(WAITING).isVisible()


@pytest.mark.parametrize("size", [(1280, 800), (900, 600)])
@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize(
    "state",
    [WAITING, replace(WAITING, was_opened=False, seconds_left=100), EXPIRED, REFUSED],
    ids=["waiting", "no browser", "expired", "refused"],
)
def test_everything_has_a_name_and_nothing_is_cut_off(
    look: Theme, qtbot: QtBot, size: tuple[int, int], scale: float, state: HostedPageState
) -> None:
    look.set_text_scale(scale)
    room = Room(qtbot, size)
    sheet = room.show(state)
    assert unnamed(sheet) == nameless(sheet) == []
    assert cut_off(sheet) == []


def test_keyboard_reaches_every_way_out(room: Room) -> None:
    sheet = room.show(WAITING)
    names = {widget.objectName() for widget in tab_round(sheet)}
    assert {"waitingPaid", "waitingAgain", "waitingCopy", "waitingCancel", "sheetClose"} <= names
