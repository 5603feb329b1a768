"""Layers over the page: focus inside, Esc closes the topmost, Enter the default, toasts wait while looked at."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from ui import theme
from ui.widgets.controls import Button, TextField
from ui.widgets.notices import Banner, Toast, toast_area
from ui.widgets.overlay import Dialog, Overlay, OverlayStack, Sheet
from ui.widgets.palette import Command, CommandPalette, rank

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
COMMANDS = (
    Command("market", "Open marketplace", "Pages", "Ctrl+1", "store"),
    Command("wallet", "Open wallet", "Pages", "Ctrl+4", "wallet", "money balance"),
    Command("topup", "Top up wallet", "Wallet", icon="plus"),
    Command("invite", "Invite people", "Team", icon="user-plus"),
    Command("dark", "Dark theme", "View", icon="moon"),
)


@pytest.fixture(autouse=True)
def look(qapp: QApplication) -> Iterator[theme.Theme]:
    made = theme.Theme("light", reduced_motion=True)
    made.apply(qapp)
    yield made
    made.set_mode("light")


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    QVBoxLayout(made).addWidget(Button("Open", name="opener"))
    made.resize(1000, 700)
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    opener(made).setFocus()
    return made


def opener(window: QWidget) -> Button:
    button = window.findChild(Button, "opener")
    assert isinstance(button, Button)
    return button


def press(key: Qt.Key) -> None:
    focused = QApplication.focusWidget()
    assert focused is not None
    QTest.keyClick(focused, key)


def ask(window: QWidget) -> Dialog:
    dialog = Dialog(window, "Rename the project?", "Everybody sees the new name.", confirm="Rename")
    dialog.body.addWidget(TextField("Name", name="nameField"))
    dialog.open()
    return dialog


# ---------------------------------------------------------------- dialogs and sheets


def test_a_dialog_keeps_the_focus_and_gives_it_back(window: QWidget, qtbot: QtBot) -> None:
    dialog = ask(window)
    seen = set()
    for _ in range(6):
        focused = QApplication.focusWidget()
        assert focused is not None
        assert dialog.isAncestorOf(focused)
        seen.add(focused.objectName())
        press(Qt.Key.Key_Tab)
    assert seen == {"nameField", "dialogCancel", "dialogConfirm"}
    with qtbot.waitSignals([dialog.dismissed, dialog.closed], timeout=1000):
        press(Qt.Key.Key_Escape)
    assert QApplication.focusWidget() is opener(window)


def test_focus_cannot_be_taken_to_the_page_below(window: QWidget) -> None:
    dialog = ask(window)
    opener(window).setFocus()
    focused = QApplication.focusWidget()
    assert focused is not None
    assert dialog.isAncestorOf(focused)


def test_enter_in_a_field_confirms(window: QWidget, qtbot: QtBot) -> None:
    dialog = ask(window)
    with qtbot.waitSignal(dialog.confirmed, timeout=1000):
        press(Qt.Key.Key_Return)
    assert dialog.isVisible()
    dialog.close_overlay()
    assert not OverlayStack.of(window).top


def test_a_dangerous_dialog_focuses_cancel_and_enter_does_not_delete(window: QWidget, qtbot: QtBot) -> None:
    dialog = Dialog(window, "Delete Northwind Labs?", "This cannot be undone.", confirm="Delete", danger=True)
    deleted: list[str] = []
    dialog.confirmed.connect(lambda: deleted.append("deleted"))
    dialog.open()
    assert dialog.cancel_button.hasFocus()
    with qtbot.waitSignal(dialog.dismissed, timeout=1000):
        press(Qt.Key.Key_Return)
    assert deleted == []


def test_escape_closes_only_the_topmost(window: QWidget) -> None:
    sheet = Sheet(window, "Configure")
    sheet.body.addWidget(TextField("Name"))
    sheet.open()
    dialog = ask(window)
    assert OverlayStack.of(window).top is dialog
    press(Qt.Key.Key_Escape)
    assert OverlayStack.of(window).top is sheet
    assert sheet.isVisible()
    press(Qt.Key.Key_Escape)
    assert OverlayStack.of(window).top is None


def test_a_busy_dialog_waits(window: QWidget) -> None:
    dialog = ask(window)
    dialog.set_busy(True)
    press(Qt.Key.Key_Escape)
    assert dialog.isVisible()
    dialog.set_busy(False)
    dialog.set_error("The name is taken.")
    assert dialog.note.text == "The name is taken."
    press(Qt.Key.Key_Escape)
    assert OverlayStack.of(window).top is None


def test_a_click_on_the_scrim_dismisses(window: QWidget, qtbot: QtBot) -> None:
    dialog = ask(window)
    with qtbot.waitSignal(dialog.dismissed, timeout=1000):
        QTest.mouseClick(dialog, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))


def test_an_overlay_covers_the_window_after_a_resize(window: QWidget, qtbot: QtBot) -> None:
    dialog = ask(window)
    window.resize(700, 500)
    qtbot.waitUntil(lambda: dialog.size() == window.size())
    assert dialog.rect().contains(dialog.panel.geometry())
    dialog.dismiss()


def test_an_overlay_paints_the_same_twice_in_both_themes(window: QWidget, look: theme.Theme) -> None:
    dialog: Overlay = ask(window)
    dialog.panel.setFocus()

    def picture() -> QImage:
        return window.grab().toImage()

    light = picture()
    assert light == picture()
    look.set_mode("dark")
    assert picture() != light
    dialog.dismiss()


# ---------------------------------------------------------------- command palette


def waits(toast: Toast) -> bool:
    return toast.is_paused


def titles(commands: list[Command]) -> list[str]:
    return [command.id for command in commands]


def test_letters_find_commands_fuzzily_and_recent_ones_come_first() -> None:
    assert titles(rank("", COMMANDS)) == ["market", "wallet", "topup", "invite", "dark"]
    assert titles(rank("", COMMANDS, ["dark", "topup"]))[:3] == ["dark", "topup", "market"]
    assert titles(rank("tuw", COMMANDS))[0] == "topup"
    assert titles(rank("ow", COMMANDS))[0] == "wallet"
    assert titles(rank("wallet", COMMANDS, ["topup"]))[0] == "topup"
    assert titles(rank("balance", COMMANDS)) == ["wallet"]
    assert rank("zzz", COMMANDS) == []


def test_the_palette_is_driven_by_keys(window: QWidget, qtbot: QtBot) -> None:
    palette = CommandPalette(window, COMMANDS, ["dark"])
    palette.open()
    assert palette.search.hasFocus()
    QTest.keyClicks(palette.search, "wal")
    press(Qt.Key.Key_Down)
    press(Qt.Key.Key_Up)
    with qtbot.waitSignal(palette.chosen, timeout=1000) as chosen:
        press(Qt.Key.Key_Return)
    assert chosen.args == ["wallet"]
    assert QApplication.focusWidget() is opener(window)


def test_escape_leaves_the_palette_without_choosing(window: QWidget, qtbot: QtBot) -> None:
    palette = CommandPalette(window, COMMANDS)
    chosen: list[str] = []
    palette.chosen.connect(chosen.append)
    palette.open()
    with qtbot.waitSignal(palette.dismissed, timeout=1000):
        press(Qt.Key.Key_Escape)
    assert chosen == []


def test_enter_with_no_match_keeps_the_palette_open(window: QWidget) -> None:
    palette = CommandPalette(window, COMMANDS)
    palette.open()
    QTest.keyClicks(palette.search, "zzz")
    press(Qt.Key.Key_Return)
    assert palette.isVisible()
    assert not palette.list.isVisible()
    palette.dismiss()


def test_a_click_chooses(window: QWidget, qtbot: QtBot) -> None:
    palette = CommandPalette(window, COMMANDS)
    palette.open()
    spot = palette.list.visualRect(palette.list.model().index(3, 0)).center()
    with qtbot.waitSignal(palette.chosen, timeout=1000) as chosen:
        QTest.mouseClick(palette.list.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert chosen.args == ["invite"]


# ---------------------------------------------------------------- toasts and banners


def test_a_toast_undoes_once_and_goes(window: QWidget) -> None:
    undone: list[str] = []
    area = toast_area(window)
    toast = area.show_toast("Removed Helpdesk Triage.", action="Undo", on_action=lambda: undone.append("undone"))
    QTest.mouseClick(toast.action_button, Qt.MouseButton.LeftButton)
    assert undone == ["undone"]
    assert opener(window).hasFocus()
    assert area.toasts() == ()
    assert not area.isVisible()


def test_ctrl_z_uses_the_newest_toast_with_an_action(window: QWidget) -> None:
    undone: list[str] = []
    area = toast_area(window)
    area.show_toast("First", action="Undo", on_action=lambda: undone.append("first"))
    area.show_toast("Second", action="Undo", on_action=lambda: undone.append("second"))
    area.show_toast("Copied")
    assert area.undo_latest()
    assert undone == ["second"]
    assert area.undo_latest()
    assert not area.undo_latest()
    assert undone == ["second", "first"]


def test_a_toast_goes_by_itself_but_waits_while_it_has_focus_or_pointer(window: QWidget, qtbot: QtBot) -> None:
    area = toast_area(window)
    toast: Toast = area.show_toast("Saved.", action="Undo", ms=60_000)
    assert not waits(toast)
    toast.action_button.setFocus()
    assert waits(toast)
    opener(window).setFocus()
    qtbot.waitUntil(lambda: not waits(toast))
    QApplication.sendEvent(toast, QEvent(QEvent.Type.Enter))
    assert waits(toast)
    toast.close_toast()
    short = area.show_toast("Copied.", ms=30)
    with qtbot.waitSignal(short.closed, timeout=2000):
        pass
    assert area.toasts() == ()


def test_at_most_three_toasts_bottom_centre(window: QWidget, qtbot: QtBot) -> None:
    area = toast_area(window)
    for n in range(5):
        area.show_toast(f"Message {n}")
    assert [toast.text for toast in area.toasts()] == ["Message 2", "Message 3", "Message 4"]
    window.resize(800, 600)
    qtbot.waitUntil(lambda: abs(area.geometry().center().x() - 400) <= 2)
    assert window.rect().contains(area.geometry())
    for toast in area.toasts():
        toast.close_toast()


def test_a_toast_goes_above_what_is_to_be_kept_clear(window: QWidget, qtbot: QtBot) -> None:
    area = toast_area(window)
    box = QWidget(window)
    box.setGeometry(20, window.height() - 80, window.width() - 40, 60)
    box.show()
    toast = area.show_toast("Bought.", ms=60_000)
    assert area.geometry().intersects(box.geometry())
    area.keep_clear(box)
    assert area.geometry().bottom() < box.geometry().top()
    box.hide()
    qtbot.waitUntil(lambda: area.geometry().bottom() > box.geometry().top())
    box.show()
    qtbot.waitUntil(lambda: area.geometry().bottom() < box.geometry().top())
    box.deleteLater()
    QApplication.sendPostedEvents(box, QEvent.Type.DeferredDelete)
    toast.close_toast()
    assert not area.isVisible()


def test_a_toast_goes_above_all_that_is_to_be_kept_clear(window: QWidget) -> None:
    area = toast_area(window)
    boxes = [QWidget(window), QWidget(window)]
    for box, up in zip(boxes, (140, 80), strict=True):  # the upper one is told first
        box.setGeometry(20, window.height() - up, window.width() - 40, 50)
        box.show()
        area.keep_clear(box)
    toast = area.show_toast("Bought.", ms=60_000)
    assert area.geometry().bottom() < boxes[0].geometry().top()
    toast.close_toast()


def test_the_action_of_a_banner_goes_below_many_words_in_a_narrow_place(window: QWidget) -> None:
    banner = Banner("The payment was declined. Nothing was charged. " * 3, "danger", action="Choose another way")
    banner.setParent(window)
    banner.show()
    places = []
    for width in (360, 1400, 360):
        banner.resize(width, banner.heightForWidth(width))
        QApplication.processEvents()
        banner.resize(width, banner.heightForWidth(width))
        QApplication.processEvents()
        places.append(banner.action_button.y() > banner._words.geometry().bottom())
    assert places == [True, False, True]
    banner.set_message("Declined.", "danger", "Choose another way")
    QApplication.processEvents()
    assert banner.action_button.x() > banner._words.x()


def test_a_banner_says_its_state_and_offers_its_action(window: QWidget, qtbot: QtBot) -> None:
    banner = Banner("Your balance is low.", "warning", action="Top up", closable=True)
    qtbot.addWidget(banner)
    banner.show()
    assert banner.accessibleName() == "Your balance is low."
    with qtbot.waitSignal(banner.acted, timeout=1000):
        QTest.mouseClick(banner.action_button, Qt.MouseButton.LeftButton)
    banner.set_message("You are offline.", "offline")
    assert (banner.text, banner.action_button.isHidden()) == ("You are offline.", True)
    with qtbot.waitSignal(banner.closed, timeout=1000):
        QTest.mouseClick(banner.close_button, Qt.MouseButton.LeftButton)
    assert banner.isHidden()


def test_the_palette_paints_its_rows_in_both_themes(window: QWidget, look: theme.Theme) -> None:
    palette = CommandPalette(window, COMMANDS)
    palette.open()
    palette.panel.setFocus()

    def picture() -> QImage:
        return palette.panel.grab().toImage()

    light = picture()
    assert light == picture()
    look.set_mode("dark")
    assert picture() != light
    palette.dismiss()
