"""The first seconds after paying: how long the purchase can still be taken back, and the button that does it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QFrame

from ui import theme
from ui.text import tr
from ui.text.paying import undo_text
from ui.viewmodels.confirmation import ConfirmationState
from ui.widgets import paint
from ui.widgets.controls import Button, Icon, label, row


class UndoStrip(QFrame):
    """Signals: undone()."""

    undone = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("undoStrip")
        self._words = label("", "banner-info", name="undoText", wrap=True, tabular=True)
        self.undo = Button(tr("Undo"), "secondary", name="undoPurchase", small=True)
        self.undo.setAccessibleName(tr("Undo the purchase"))
        self.undo.clicked.connect(self.undone)
        line = row(Icon("undo-2", "info", 16), self._words, self.undo, spacing=10, margins=(14, 8, 8, 8))
        line.setStretch(1, 1)
        self.setLayout(line)
        self.hide()

    def show_state(self, state: ConfirmationState) -> None:
        self.setVisible(state.can_undo or state.is_undoing)
        self._words.setText(undo_text(state.undo_left))
        self.undo.set_busy(state.is_undoing)

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        paint.box(p, QRectF(self.rect()), theme.current().radius("md"), "infoSoft")
        p.end()
