"""While a page of a provider is open in the browser: what for and where, how it stands, and every way out of it."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QObject, QRect, Qt, Signal, SignalInstance
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QWidget
from shiboken6 import isValid

from ui.text import ErrorText, tr
from ui.widgets import a11y
from ui.widgets.controls import Button, Card, CopyField, Icon, card, column, label, row
from ui.widgets.notices import Banner, toast_area
from ui.widgets.overlay import Sheet
from ui.widgets.states import Spinner

EDGES = 2  # the panel's frame, on both sides


class Waited(Protocol):
    """What is shown of a page that is waited for; see HostedPageState."""

    @property
    def is_shown(self) -> bool: ...
    @property
    def is_busy(self) -> bool: ...
    @property
    def is_over(self) -> bool: ...
    @property
    def is_refused(self) -> bool: ...
    @property
    def can_renew(self) -> bool: ...
    @property
    def was_opened(self) -> bool: ...
    @property
    def url(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def amount(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def words(self) -> str: ...
    @property
    def line(self) -> str: ...
    @property
    def countdown(self) -> str: ...
    @property
    def error(self) -> ErrorText | None: ...


class WaitingPage(Protocol):
    """Who waits; see HostedPageViewModel."""

    @property
    def changed(self) -> SignalInstance: ...
    @property
    def state(self) -> Waited: ...
    def look(self) -> None: ...
    def reopen(self) -> None: ...
    def cancel(self) -> None: ...
    def renew(self) -> None: ...
    def give_way(self) -> None: ...
    def leave(self) -> None: ...


class WaitingSheet(Sheet):
    """Closing it is no answer: the page stays open and is asked about. Signals: looked(); reopened(); given_up();
    renewed(); another_wanted()."""

    looked = Signal()
    reopened = Signal()
    given_up = Signal()
    renewed = Signal()
    another_wanted = Signal()

    def __init__(self, window: QWidget, state: Waited) -> None:
        super().__init__(window, state.title, name="waitingSheet", width=480)
        self._title = self.panel.findChildren(QLabel)[0]
        self._title.setObjectName("waitingTitle")
        self._words = label("", "muted", name="waitingWords", wrap=True)
        self._error = Banner(tone="danger", name="waitingError")
        self.body.addWidget(self._words)
        self.body.addWidget(self._facts())
        self.body.addWidget(self._link())
        self.body.addWidget(self._progress())
        self.body.addWidget(self._error)
        self._buttons()
        self.show_state(state)

    # -- building --------------------------------------------------------------------------------------------------
    def _facts(self) -> Card:
        self._box = card(16, 0)
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(8)
        self._form.setHorizontalSpacing(16)
        self._amount = label("", "strong", name="waitingAmount", tabular=True)
        self._what = label("", "strong", name="waitingWhat", wrap=True)
        self._host = label("", "strong", name="waitingHost", selectable=True, wrap=True)
        for title, value in ((tr("Amount"), self._amount), (tr("For"), self._what), (tr("Page of"), self._host)):
            self._form.addRow(label(title, "muted"), value)
        self._box.body.addLayout(self._form)
        return self._box

    def _link(self) -> QWidget:
        self.link = CopyField(label=tr("Link to the page"), name="waitingLink")
        self.again = Button(tr("Open again"), "secondary", "external-link", name="waitingAgain", small=True)
        self.copy = Button(tr("Copy link"), "ghost", "copy", name="waitingCopy", small=True)
        self.again.clicked.connect(self.reopened)
        self.copy.clicked.connect(self.copy_link)
        self._ways = QWidget()
        self._ways.setLayout(column(self.link, row(self.again, self.copy, None, spacing=8), spacing=10))
        return self._ways

    def _progress(self) -> QWidget:
        self._spinner = Spinner(16)
        self._line = label("", "body", name="waitingLine", wrap=True)
        self._clock = Icon("clock", "textMuted", 16)
        self._countdown = label("", "small", name="waitingCountdown", wrap=True, tabular=True)
        self._ends = QWidget()
        self._ends.setLayout(self._beside(self._clock, self._countdown))
        box = QWidget()
        box.setLayout(column(self._beside(self._spinner, self._line), self._ends, spacing=8))
        self._stand = box
        return box

    @staticmethod
    def _beside(mark: QWidget, words: QWidget) -> QHBoxLayout:
        line = row(mark, words, spacing=10)
        line.setStretch(1, 1)
        return line

    def _buttons(self) -> None:
        self.paid = Button(tr("I have paid"), "primary", "check", name="waitingPaid")
        self.renew = Button(tr("Open a new page"), "primary", "external-link", name="waitingRenew")
        self.another = Button(tr("Pay another way"), "secondary", name="waitingAnother")
        self.cancel = Button(tr("Cancel"), "ghost", name="waitingCancel")
        self.paid.clicked.connect(self.looked)
        self.renew.clicked.connect(self.renewed)
        self.another.clicked.connect(self.another_wanted)
        self.cancel.clicked.connect(self.given_up)
        for button in (self.paid, self.renew, self.another):
            self.footer.addWidget(button)
        self.footer.addStretch()
        self.footer.addWidget(self.cancel)

    # -- state -----------------------------------------------------------------------------------------------------
    def show_state(self, state: Waited) -> None:
        is_waiting = not state.is_over and not state.is_refused
        if self._title.text() != state.title:
            self._title.setText(state.title)
            self.panel.setAccessibleName(state.title)
        self._words.setText(state.words)
        self.paid.setText(tr("I have paid") if state.amount else tr("I have finished"))
        self._show_facts(state)
        self._ways.setVisible(is_waiting)
        self.link.setVisible(not state.was_opened)
        self.copy.setVisible(state.was_opened)
        if self.link.text() != state.url:
            self.link.setText(state.url)
            self.link.setCursorPosition(0)  # a long one shows where it leads
        self._show_line(state)
        self._error.setVisible(state.error is not None)
        self._error.set_message(state.error.sentence if state.error is not None else "")
        self._show_buttons(state, is_waiting=is_waiting)

    def _show_facts(self, state: Waited) -> None:
        values = (self._amount, state.amount), (self._what, state.what), (self._host, state.owner)
        for number, (field, value) in enumerate(values):
            field.setText(value)
            self._form.setRowVisible(number, bool(value))
        self._box.setVisible(any(value for _, value in values))

    def _show_line(self, state: Waited) -> None:
        self._stand.setVisible(bool(state.line))
        if self._line.text() != state.line:
            self._line.setText(state.line)
            if self.isVisible():
                a11y.announce(self, state.line)
        self._countdown.setText(state.countdown)
        self._ends.setVisible(bool(state.countdown))

    def _show_buttons(self, state: Waited, *, is_waiting: bool) -> None:
        before = self.first_focus
        self.paid.setVisible(is_waiting)
        self.paid.setEnabled(not state.is_busy)
        self.again.setEnabled(not state.is_busy)
        self.renew.setVisible(state.is_over and state.can_renew)
        self.renew.set_busy(state.is_over and state.is_busy)
        self.another.setVisible(state.is_over)
        self.another.setEnabled(not state.is_busy)
        self.cancel.setVisible(not state.is_over)
        self.cancel.set_busy(is_waiting and state.is_busy)
        self.is_dismissible = not state.is_busy
        self.first_focus = self.renew if state.is_over else self.cancel if state.is_refused else self.paid
        if self.isVisible() and self.first_focus is not before:
            self.take_focus()

    def copy_link(self) -> None:
        QGuiApplication.clipboard().setText(self.link.text())
        toast_area(self).show_toast(tr("Link copied."), icon="copy-check")

    def accept_default(self) -> None:
        """An Enter that was meant for the button below presses nothing here."""

    def place(self) -> QRect:
        """In the middle and only as tall as its few lines: one waits here, the work is elsewhere."""
        return fitted(self, super().place())


def fitted(sheet: Sheet, side: QRect) -> QRect:
    """Where a sheet goes that is only as tall as what is in it."""
    content, layout = sheet.area.widget(), sheet.panel.layout()
    inner = content.layout() if content is not None else None
    if inner is None or layout is None:
        return side
    items = [layout.itemAt(index) for index in range(layout.count())]
    around = sum(item.sizeHint().height() for item in items if item is not None and item.widget() is not sheet.area)
    flows = inner.hasHeightForWidth()  # its least height is that of lines broken at the least width: too tall
    wanted = inner.totalHeightForWidth(side.width() - EDGES) if flows else inner.totalMinimumSize().height()
    height = min(around + wanted + EDGES, side.height())
    # A bar that came while it was less tall would stay: it makes the lines shorter, and so more of them.
    policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if height == side.height() else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
    sheet.area.setVerticalScrollBarPolicy(policy)
    return QRect((sheet.width() - side.width()) // 2, (sheet.height() - height) // 2, side.width(), height)


class WaitingStep(QObject):
    """The sheet of one who waits, over the window of `owner`: there while the page is attended to.

    Signals: closed() - the sheet is gone, however that came about.
    """

    closed = Signal()

    def __init__(self, owner: QWidget, page: WaitingPage) -> None:
        super().__init__(owner)
        self._owner = owner
        self._page = page
        self._sheet: WaitingSheet | None = None
        page.changed.connect(self._on_changed)

    @property
    def sheet(self) -> WaitingSheet | None:
        return self._sheet if self._sheet is not None and isValid(self._sheet) else None

    def _on_changed(self) -> None:
        state, sheet = self._page.state, self.sheet
        if state.is_shown and sheet is None:
            self._open(state)
        elif state.is_shown and sheet is not None:
            sheet.show_state(state)
        elif sheet is not None:
            sheet.close_overlay()

    def _open(self, state: Waited) -> None:
        page = self._page
        self._sheet = sheet = WaitingSheet(self._owner, state)
        sheet.looked.connect(page.look)
        sheet.reopened.connect(page.reopen)
        sheet.given_up.connect(page.cancel)
        sheet.renewed.connect(page.renew)
        sheet.another_wanted.connect(page.give_way)
        sheet.dismissed.connect(page.leave)
        sheet.closed.connect(self._on_closed)
        sheet.open()

    def _on_closed(self) -> None:
        self._sheet = None
        self.closed.emit()
