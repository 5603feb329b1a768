"""The list of invoices, credit notes and receipts: filters, search and the table."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QBoxLayout, QStackedWidget, QWidget

from services.api.types import Invoice
from ui import theme
from ui.text import exact_money, short_date, tr
from ui.text.invoices import filter_label, invoice_for, invoice_state, shown_text
from ui.viewmodels.base import Status
from ui.viewmodels.invoices import InvoiceFilter, InvoicesState, InvoicesViewModel
from ui.widgets.controls import ChipRow, SearchField, card, column, label
from ui.widgets.states import EmptyState, ErrorState, skeleton_rows
from ui.widgets.table import Cell, Column, Row, Table

ONE_LINE = 700  # px at 100 % text, for the filters and the search


class InvoiceList(QWidget):
    """Signals: explained(ref); opened(invoice uuid)."""

    explained = Signal(str)
    opened = Signal(str)

    def __init__(self, vm: InvoicesViewModel) -> None:
        super().__init__()
        self.setObjectName("invoiceList")
        self._vm = vm
        self._shown: tuple[object, ...] = ()
        self.setLayout(column(self._filters(), self._views(), self._foot(), spacing=12))

    # -- building --------------------------------------------------------------------------------------------------
    def _filters(self) -> QBoxLayout:
        self.search = SearchField(tr("Search numbers and names"), name="invoiceSearch")
        self.search.textChanged.connect(self._vm.search)
        self.chips = ChipRow(label=tr("Show"), name="invoiceFilter")
        self.chips.set_items([(one.value, filter_label(one)) for one in InvoiceFilter])
        self.chips.changed.connect(lambda key: self._vm.choose(InvoiceFilter(key)))
        self._line = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._line.setSpacing(10)
        self._line.addWidget(self.chips, 3)
        self._line.addWidget(self.search, 2)
        return self._line

    def _views(self) -> QStackedWidget:
        columns = (
            Column(tr("Number"), 150),
            Column(tr("Date"), 138, from_width=500),
            Column(tr("For"), from_width=620),
            Column(tr("State"), 104),
            Column(tr("Total"), 132, at_end=True),
            Column(tr("Due"), 116, at_end=True, from_width=760),
        )
        self.table = Table(columns, label=tr("Invoices"), name="invoiceTable")
        self.table.linked.connect(self.explained)
        self.table.opened.connect(self.opened)
        self.table.end_near.connect(self._vm.more)
        self._card = card(1, 0)
        self._card.body.addWidget(self.table)
        self._waiting = skeleton_rows(5, height=36, gap=8)
        self._none = EmptyState(
            "receipt", tr("No invoices yet"), tr("The first one is made when something is charged."),
            name="invoicesNone", variant="secondary",
        )  # fmt: skip
        self._unfound = EmptyState(
            "search", tr("No document fits"), tr("Try other words or another filter."), tr("Show all"),
            name="invoicesUnfound", variant="secondary",
        )  # fmt: skip
        self._unfound.acted.connect(self._vm.clear_filter)
        self._error = ErrorState(name="invoiceListError")
        self._error.retried.connect(self._vm.retry_list)
        self._stack = QStackedWidget()
        for view in (self._card, self._waiting, self._none, self._unfound, self._error):
            self._stack.addWidget(view)
        return self._stack

    def _foot(self) -> QWidget:
        self._count = label("", "small", name="invoiceCount")
        return self._count

    # -- state -----------------------------------------------------------------------------------------------------
    def show_state(self, state: InvoicesState) -> None:
        if self.search.text() != state.text:
            self.search.setText(state.text)
        self.chips.set_current(state.filter.value)
        shown = (state.items, state.now)
        if shown != self._shown:
            self._shown = shown
            self.table.show_rows([invoice_row(one, state) for one in state.items])
        self.table.set_sortable(state.has_all, tr("Filter to fewer documents to sort them."))
        current = self.table.current()
        if self.table.rows.row_of(state.chosen) < 0:
            self.table.clearSelection()
        elif current is None or current.key != state.chosen or not self.table.selectedIndexes():
            self.table.select(state.chosen)
        is_shown = bool(state.items) and state.list_status is not Status.EMPTY
        self._count.setText(shown_text(len(state.items), state.total) if is_shown else "")
        if state.list_error is not None:
            self._error.set_error(state.list_error.detail, title=state.list_error.title)
        self._stack.setCurrentWidget(self._view(state))

    def _view(self, state: InvoicesState) -> QWidget:
        match state.list_status:
            case Status.EMPTY:
                return self._unfound if state.is_filtered else self._none
            case Status.ERROR:
                return self._error
            case Status.LOADING if not state.items:
                return self._waiting
        return self._card

    def arrange(self, width: int) -> None:
        is_wide = width >= theme.current().px(ONE_LINE)
        direction = QBoxLayout.Direction
        self._line.setDirection(direction.LeftToRight if is_wide else direction.TopToBottom)


def invoice_row(invoice: Invoice, state: InvoicesState) -> Row:
    word, tone = invoice_state(invoice, state.now)
    made = invoice.issued_at or invoice.created_at
    has_due = invoice.due.micros > 0
    return Row(
        invoice.uuid,
        (
            Cell(invoice.number),
            Cell(short_date(made), round(made.timestamp() * 1000), role="textMuted"),
            Cell(invoice_for(invoice), role="textMuted"),
            Cell(word, tone=tone),
            Cell(exact_money(invoice.total), invoice.total.micros, f"invoice:{invoice.uuid}"),
            Cell(exact_money(invoice.due) if has_due else "", invoice.due.micros),
        ),
    )
