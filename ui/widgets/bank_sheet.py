"""The test provider's page, inside our window: the bank asks, the payer answers."""

from __future__ import annotations

from PySide6.QtCore import QObject, QRect, Signal
from PySide6.QtWidgets import QFormLayout, QWidget
from shiboken6 import isValid

from ui import theme
from ui.text import tr
from ui.widgets.controls import Button, badge, card, label, row
from ui.widgets.notices import Banner
from ui.widgets.overlay import Sheet

EDGES = 2  # the panel's frame, on both sides


class BankSheet(Sheet):
    """`amount`, `bought` and `card` are words. Signals: answered(approve). Closing it is no answer."""

    answered = Signal(bool)

    def __init__(self, window: QWidget, *, amount: str, bought: str, card: str) -> None:
        super().__init__(window, tr("Your bank asks you to confirm"), name="bankSheet", width=420)
        self.body.addLayout(row(badge(tr("TEST"), "warning", "flask-conical", name="testBadge"), None))
        words = label(
            tr("This stands for your bank’s own page. Nothing is charged before you approve."), "muted", wrap=True
        )
        words.setMinimumHeight(theme.current().line("body"))  # Qt would reserve the height of its narrowest setting
        self.body.addWidget(words)
        self.body.addWidget(_payment(amount, bought, card))
        self._error = Banner(tone="danger", name="bankError")
        self._error.hide()
        self.body.addWidget(self._error)
        self._buttons()
        self.first_focus = self.approve

    def _buttons(self) -> None:
        self.approve = Button(tr("Approve"), "primary", "check", name="approveButton")
        self.decline = Button(tr("Decline"), "secondary", name="declineButton")
        self.cancel = Button(tr("Cancel"), "ghost", name="bankCancel")
        self.approve.clicked.connect(lambda: self.answered.emit(True))
        self.decline.clicked.connect(lambda: self.answered.emit(False))
        self.cancel.clicked.connect(self.dismiss)
        for widget in (self.approve, self.decline):
            self.footer.addWidget(widget)
        self.footer.addStretch()
        self.footer.addWidget(self.cancel)

    def show_progress(self, *, is_waiting: bool, error: str = "") -> None:
        """While the answer is on its way nothing else can be pressed."""
        self.approve.set_busy(is_waiting)
        self.decline.setEnabled(not is_waiting)
        self.cancel.setEnabled(not is_waiting)
        self.is_dismissible = not is_waiting
        self._error.setVisible(bool(error))
        self._error.set_message(error)

    def accept_default(self) -> None:
        """Money is never spent by an Enter that was meant for something else: only the buttons answer."""

    def place(self) -> QRect:
        """In the middle and only as tall as its few lines: a question, not a workplace."""
        side = super().place()
        content, layout = self.area.widget(), self.panel.layout()
        inner = content.layout() if content is not None else None
        if inner is None or layout is None:
            return side
        items = [layout.itemAt(index) for index in range(layout.count())]
        around = sum(item.sizeHint().height() for item in items if item is not None and item.widget() is not self.area)
        wanted = max(inner.totalHeightForWidth(side.width() - EDGES), inner.totalMinimumSize().height())
        height = min(around + wanted + EDGES, side.height())
        return QRect((self.width() - side.width()) // 2, (self.height() - height) // 2, side.width(), height)


class BankStep(QObject):
    """The sheet while a payment on another sheet waits for it. `owner`: that other sheet. Signals: answered(approve);
    closed() - also without an answer."""

    answered = Signal(bool)
    closed = Signal()

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self._owner = owner
        self._sheet: BankSheet | None = None

    def open(self, *, amount: str, bought: str, card: str) -> None:
        """In words; once, however often it is asked for."""
        if self._sheet is None:
            self._sheet = BankSheet(self._owner, amount=amount, bought=bought, card=card)
            self._sheet.answered.connect(self.answered)
            self._sheet.closed.connect(self._on_closed)
            self._sheet.open()

    def show_progress(self, *, is_waiting: bool, error: str = "") -> None:
        if self._sheet is not None and isValid(self._sheet):
            self._sheet.show_progress(is_waiting=is_waiting, error=error)

    def close(self) -> None:
        if self._sheet is not None and isValid(self._sheet):
            self._sheet.close_overlay()

    def _on_closed(self) -> None:
        self._sheet = None
        if isValid(self._owner):
            self.closed.emit()


def _payment(amount: str, bought: str, paid_with: str) -> QWidget:
    box = card(16, 0)
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setVerticalSpacing(8)
    form.setHorizontalSpacing(16)
    for title, value in ((tr("Amount"), amount), (tr("For"), bought), (tr("Card"), paid_with)):
        form.addRow(label(title, "muted"), label(value, "strong", wrap=True, tabular=True))
    box.body.addLayout(form)
    return box
