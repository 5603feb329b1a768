"""Refunds: money that has to be sent back by transfer, and the credit notes that were made."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from services.api.types import Invoice
from ui.pages.collections.transfers import DueTable, WholeTable
from ui.text import exact_money, short_date, tr
from ui.viewmodels.collections import CollectionsState
from ui.widgets.controls import Button, column, label
from ui.widgets.folding import FoldingRow
from ui.widgets.states import EmptyState
from ui.widgets.table import Cell, Column, Row


class RefundTab(QWidget):
    """Signals: chosen(reference) - it was sent; opened(invoice uuid); invoices_wanted()."""

    chosen = Signal(str)
    opened = Signal(str)
    invoices_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("refundTab")
        self._shown: tuple[Invoice, ...] | None = None
        self.due = DueTable(
            tr("To be sent back by transfer"),
            tr("What was paid by transfer goes back by transfer: send it, then say so."),
            tr("Mark as sent…"), name="refundDue",
        )  # fmt: skip
        self.due.chosen.connect(self.chosen)
        self._none = EmptyState(
            "undo-2", tr("No refunds yet"), tr("Open a paid invoice and choose Refund to give money of it back."),
            tr("Show invoices"), name="refundsNone", variant="secondary",
        )  # fmt: skip
        self._none.acted.connect(self.invoices_wanted)
        columns = (
            Column(tr("Credit note"), 150),
            Column(tr("Date"), 118, from_width=460),
            Column(tr("Of invoice"), 150, from_width=560),
            Column(tr("Buyer"), from_width=700),
            Column(tr("Amount"), 120, at_end=True),
        )
        self.invoices = Button(tr("Show invoices"), "secondary", "receipt", name="refundInvoices")
        self.invoices.clicked.connect(self.invoices_wanted)
        words = QWidget()
        note = label(tr("A refund begins at a paid invoice: open it and choose Refund."), "small", wrap=True)
        words.setLayout(column(label(tr("Credit notes"), "section"), note, spacing=2))
        self._head = FoldingRow(words, self.invoices)
        self.notes = WholeTable(columns, label=tr("Credit notes"), name="creditNoteTable")
        self.notes.table.opened.connect(self.opened)
        self.setLayout(column(self.due, self._head, self.notes, self._none, None, spacing=16))

    def show_state(self, state: CollectionsState) -> None:
        self.due.show_due(state.outgoing, state)
        self.due.setVisible(bool(state.outgoing))
        for part in (self._head, self.notes):
            part.setVisible(bool(state.credit_notes))
        self._none.setVisible(not state.credit_notes and not state.outgoing)
        if state.credit_notes != self._shown:
            self._shown = state.credit_notes
            self.notes.show_rows([_row(one) for one in state.credit_notes])

    def fit(self) -> None:
        """By the text size."""
        self.due.place.fit()
        self.notes.fit()

    def take_focus(self) -> bool:
        """False when there is nothing in it."""
        target: QWidget = self.due.table if not self.due.isHidden() else self.notes.table
        if not self._none.isHidden():
            target = self._none.action_button
        target.setFocus(Qt.FocusReason.OtherFocusReason)
        return True


def _row(note: Invoice) -> Row:
    at = note.issued_at or note.created_at
    return Row(
        note.uuid,
        (
            Cell(note.number, is_strong=True),
            Cell(short_date(at), at.isoformat()),
            Cell(note.corrects_number),
            Cell(note.organization_name),
            Cell(exact_money(-note.total), -note.total.micros),
        ),
    )
