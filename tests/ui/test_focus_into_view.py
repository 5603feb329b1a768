"""What the keyboard reaches in a page that scrolls can be seen."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from ui.theme import Theme
from ui.widgets.controls import Button, column, scroll_page
from ui.widgets.focus_order import set_tab_order
from ui.widgets.focus_ring import FocusRing

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support|propagateSizeHints")


def test_tab_from_outside_brings_what_it_reaches_into_view(look: Theme, qtbot: QtBot) -> None:
    inner, tall, window = QWidget(), QWidget(), QWidget()
    first, last, after = Button("First"), Button("Last"), Button("After")
    tall.setFixedHeight(1200)
    inner.setLayout(column(first, tall, last))
    area = scroll_page(inner)
    window.setLayout(column(area, after))
    qtbot.addWidget(window)
    window.setFixedHeight(300)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    FocusRing(window)
    set_tab_order(window)
    area.reveal(last)
    after.setFocus()
    assert first.visibleRegion().isEmpty()
    QTest.keyClick(after, Qt.Key.Key_Tab)
    assert first.hasFocus()
    assert first.visibleRegion().boundingRect().height() == first.height()
    area.reveal(last)
    first.clearFocus()
    first.setFocus()
    assert first.visibleRegion().isEmpty(), "a page that puts the cursor somewhere is not scrolled by it"
