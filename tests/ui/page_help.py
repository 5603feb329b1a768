"""What the page tests share: walking a screen by key and by screen reader, and finding text that is cut off."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QRadioButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from ui.widgets.buttons import Button
from ui.widgets.focus_order import reading_order
from ui.widgets.notices import toast_area

W = TypeVar("W", bound=QWidget)


@contextmanager
def in_window(made: W, qtbot: QtBot) -> Iterator[W]:
    """A page as it lies in the shell, in a window that is active; what was said in it is closed at the end."""
    window = QWidget()
    layout = QVBoxLayout(window)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(made)
    qtbot.addWidget(window)
    window.resize(1056, 800)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    yield made  # the window lives as long as this function
    for toast in toast_area(made).toasts():
        toast.close_toast()


def child(parent: QWidget, name: str) -> QWidget:
    """The widget of this objectName, of several the one in sight; there must be one."""
    found = parent.findChildren(QWidget, name)
    assert found, f"no {name}"
    return next((widget for widget in found if widget.isVisible()), found[-1])


def button(parent: QWidget, name: str) -> QAbstractButton:
    found = child(parent, name)
    assert isinstance(found, QAbstractButton)
    return found


def text(parent: QWidget, name: str) -> str:
    found = child(parent, name)
    assert isinstance(found, QLabel)
    return found.text()


def click(parent: QWidget, name: str) -> None:
    QTest.mouseClick(child(parent, name), Qt.MouseButton.LeftButton)


def press(*keys: Qt.Key) -> None:
    """In the widget that has the focus, each after the other."""
    for key in keys:
        focused = QApplication.focusWidget()
        assert focused is not None
        QTest.keyClick(focused, key)


def focused_name() -> str:
    widget = QApplication.focusWidget()
    return widget.objectName() if widget is not None else ""


def toasts(page: QWidget) -> list[str]:
    return [toast.text for toast in toast_area(page).toasts()]


def shown(root: QWidget) -> Iterator[QWidget]:
    return (widget for widget in root.findChildren(QWidget) if widget.isVisible())


def accessible_name(widget: QWidget) -> str:
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.text(QAccessible.Text.Name) if interface is not None else ""


def unnamed(root: QWidget) -> list[str]:
    """Controls the keyboard reaches that a screen reader would not name."""
    stops = [widget for widget in reading_order(root) if widget.isVisible()]
    return [f"{type(widget).__name__} {widget.objectName()}" for widget in stops if not accessible_name(widget)]


def nameless(root: QWidget) -> list[str]:
    """Controls without an objectName, which no test and no journey could find."""
    kinds = (QAbstractButton,)
    quiet = ("chevron-left", "chevron-right")
    return [
        accessible_name(widget)
        for widget in shown(root)
        if isinstance(widget, kinds)
        and not widget.objectName()
        and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not isinstance(widget.parentWidget(), QLineEdit)
        and not (isinstance(widget, Button) and widget.face.icon in quiet)
    ]


def tab_round(root: QWidget, *, most: int = 120) -> list[QWidget]:
    """What Tab visits until it comes back to where it began."""
    first = QApplication.focusWidget()
    assert first is not None
    visited = [first]
    for _ in range(most):
        QTest.keyClick(QApplication.focusWidget() or root, Qt.Key.Key_Tab)
        now = QApplication.focusWidget()
        assert now is not None
        if now is first:
            return visited
        visited.append(now)
    raise AssertionError("Tab does not come round")


def tab_stops(root: QWidget) -> list[QWidget]:
    """What Tab should visit: every enabled control that is shown, of radio buttons the chosen one."""
    return [
        widget
        for widget in reading_order(root)
        if widget.isVisible()
        and widget.isEnabled()
        and not (isinstance(widget, QRadioButton) and not widget.isChecked())
    ]


def cut_off(root: QWidget) -> list[str]:
    """Labels and buttons whose words do not fit where they stand, and controls beyond the window's sides."""
    found = []
    for widget in shown(root):
        if isinstance(widget, QLabel) and widget.text():
            if widget.wordWrap():
                fits = widget.heightForWidth(widget.width()) <= widget.height() + 1
            else:
                fits = widget.sizeHint().width() <= widget.width() + 1
            if not fits:
                found.append(f"label {widget.text()[:40]!r}")
        elif isinstance(widget, Button) and widget.sizeHint().width() > widget.width() + 1:
            found.append(f"button {widget.text()!r}")
        left = widget.mapTo(root, QPoint(0, 0)).x()
        if isinstance(widget, Button) and (left < 0 or left + widget.width() > root.width()):
            found.append(f"outside {widget.objectName()}")
    return found
