"""Finding somebody's invoice: the field, and what was found for what is typed in it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget

from services.api.types import FoundInvoice
from ui.pages.collections.transfers import WholeTable
from ui.text import exact_money, short_date, tr
from ui.text.invoice_search import found_state, found_text, search_help, search_problem, unfound_title
from ui.viewmodels.base import Status
from ui.viewmodels.invoice_search import InvoiceSearchState, InvoiceSearchViewModel
from ui.widgets import a11y
from ui.widgets.controls import Button, SearchField, column, label, row
from ui.widgets.fields import FieldNote
from ui.widgets.notices import Banner
from ui.widgets.states import EmptyState, ErrorState, skeleton_rows
from ui.widgets.table import Cell, Column, Row


class InvoiceFinder(QWidget):
    """Down and Enter go from the field to the list, Esc back and then clears it. Signals: opened(invoice uuid)."""

    opened = Signal(str)

    def __init__(self, vm: InvoiceSearchViewModel) -> None:
        super().__init__()
        self.setObjectName("invoiceFinder")
        self._vm = vm
        self._shown: tuple[object, ...] = ()
        self.results = QWidget()
        self.results.setObjectName("foundInvoices")
        self.results.setLayout(column(*self._views(), self._foot(), None, spacing=12))
        head = column(label(tr("Find an invoice"), "strong"), self._field(), self._note, spacing=6)
        self.setLayout(column(head, self.results, spacing=12))
        vm.changed.connect(self._on_changed)
        vm.entered.connect(self._to_list)
        self._on_changed()

    # -- building --------------------------------------------------------------------------------------------------
    def _field(self) -> SearchField:
        self.search = SearchField(tr("E-mail, number or name"), label=tr("Find an invoice"), name="findInvoice")
        self.search.setAccessibleDescription(search_help())
        self.search.textChanged.connect(self._vm.type)
        self.search.returnPressed.connect(self._vm.enter)
        self._note = FieldNote(search_help(), self)
        return self.search

    def _views(self) -> tuple[QWidget, ...]:
        columns = (
            Column(tr("Number"), 144),
            Column(tr("E-mail")),
            Column(tr("Organization"), from_width=720),
            Column(tr("Date"), 118, from_width=860),
            Column(tr("Amount"), 116, at_end=True, from_width=520),
            Column(tr("State"), 124, from_width=400),
        )
        self.place = WholeTable(columns, label=tr("Invoices found"), name="foundTable")
        self.table = self.place.table
        self.table.opened.connect(self.opened)
        self.table.selectionModel().currentChanged.connect(self._on_row_reached)
        self._whole_row = label("", "small", name="foundRow", wrap=True)
        self._waiting = skeleton_rows(4, height=36, gap=8)
        self._unfound = EmptyState(
            "search", "", tr("Check the spelling, or ask for something else: the number stands on the invoice."),
            tr("Clear search"), name="findUnfound", variant="secondary",
        )  # fmt: skip
        self._unfound.acted.connect(self._on_cleared)
        self._error = ErrorState(name="findError")
        self._error.retried.connect(self._vm.retry)
        self._banner = Banner(tone="warning", name="findNotice")
        self._banner.acted.connect(self._vm.retry)
        return self._banner, self._whole_row, self.place, self._waiting, self._unfound, self._error

    def _foot(self) -> QWidget:
        self._more = Button(tr("Show more"), "secondary", name="findMore")
        self._more.clicked.connect(self._vm.more)
        self._rest = QWidget()
        self._rest.setLayout(row(self._more, None))
        return self._rest

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self._vm.state
        if self.search.text() != state.text:
            self.search.setText(state.text)
        self._show_rows(state)
        self._say(state)
        focused = QApplication.focusWidget()
        was_inside = focused is not None and self.results.isAncestorOf(focused)
        self._show_views(state)
        if was_inside and focused is not None and not focused.isVisibleTo(self):
            self.take_focus()

    def _show_rows(self, state: InvoiceSearchState) -> None:
        shown = (state.items, state.now)
        if shown == self._shown:
            return
        self._shown = shown
        self.place.show_rows([_row(one, state) for one in state.items])
        self.table.set_sortable(state.has_all, tr("Write more or show more to sort them."))
        if state.items and self.table.current() is None:
            self.table.select(state.items[0].invoice.uuid)

    def _say(self, state: InvoiceSearchState) -> None:
        """Below the field: what is wrong with it, how much was found, or what can be written."""
        has_count = state.is_open and state.status is Status.READY and bool(state.items)
        count = found_text(len(state.items), state.total, is_capped=state.is_capped) if has_count else search_help()
        before = self._note.text
        self._note.set_help(count)
        self._note.set_error(search_problem(state.problem) if state.problem else None)
        if self._note.text != before and self.search.hasFocus():
            a11y.announce(self.search, self._note.text)

    def _show_views(self, state: InvoiceSearchState) -> None:
        if state.error is not None:
            self._error.set_error(state.error.detail, title=state.error.title)
            self._banner.set_message(state.error.sentence, action=tr("Try again"))
        if state.asked:
            self._unfound.title_label.setText(unfound_title(state.asked))
        is_ready = state.status is Status.READY
        self.results.setVisible(state.is_open and not state.problem)
        self._banner.setVisible(is_ready and state.error is not None)
        self.place.setVisible(is_ready and bool(state.items))
        self._show_whole_row()
        self._unfound.setVisible(is_ready and not state.items)
        self._waiting.setVisible(state.status is Status.LOADING)
        self._error.setVisible(state.status is Status.ERROR)
        self._rest.setVisible(is_ready and bool(state.items) and not state.has_all)
        self._more.set_busy(state.is_reading_more)

    def _show_whole_row(self) -> None:
        """Where there is no room for all columns, what the chosen row says stands above the table."""
        has_room = not any(self.table.isColumnHidden(place) for place in range(len(self.table.rows.columns)))
        current = self.table.current()
        words = " · ".join(cell.text for cell in current.cells if cell.text) if current is not None else ""
        self._whole_row.setText(words)
        self._whole_row.setVisible(bool(words) and not has_room and not self.place.isHidden())

    # -- keyboard --------------------------------------------------------------------------------------------------
    def take_focus(self) -> None:
        """To what was found, or to the one thing to do instead, or to the field."""
        stops: tuple[QWidget, ...] = (self.table, self._unfound.action_button, self._error.action_button, self.search)
        stop = next(one for one in stops if one.isVisibleTo(self))
        stop.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_in_field = self.search.hasFocus()
        if is_in_field and event.key() == Qt.Key.Key_Down and self.table.isVisibleTo(self):
            self._to_list()
        elif not is_in_field and event.key() == Qt.Key.Key_Escape:
            self.search.focus_search()
        else:
            super().keyPressEvent(event)
            return
        event.accept()

    def _to_list(self) -> None:
        self.table.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _on_row_reached(self) -> None:
        """The table is as tall as its rows: it is the page that follows the keyboard."""
        self._show_whole_row()
        area = self.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        whole = area.widget() if area is not None else None
        if area is not None and whole is not None and self.table.hasFocus():
            row = self.table.visualRect(self.table.currentIndex())
            place = self.table.viewport().mapTo(whole, row.center())
            area.ensureVisible(0, place.y(), 0, 2 * row.height())

    def _on_cleared(self) -> None:
        self._vm.clear()
        self.search.focus_search()

    def fit(self) -> None:
        """By the text size and the room."""
        self.place.fit()
        self._show_whole_row()


def _row(found: FoundInvoice, state: InvoiceSearchState) -> Row:
    invoice = found.invoice
    words, tone = found_state(invoice, state.now)
    made = invoice.issued_at or invoice.created_at
    return Row(
        invoice.uuid,
        (
            Cell(invoice.number, is_strong=True),
            Cell(found.member_email),
            Cell(invoice.organization_name),
            Cell(short_date(made), round(made.timestamp() * 1000), role="textMuted"),
            Cell(exact_money(invoice.total), invoice.total.micros),
            Cell(words, tone=tone),
        ),
    )
