"""Transfers: what is due by transfer, and below it what was marked as received."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSizePolicy, QWidget

from services.api.types import TransferDue, TransferReceived
from ui.text import exact_money, short_date, tr
from ui.text.collections import transfer_left, transfer_state, transfer_subject
from ui.viewmodels.collections import CollectionsState
from ui.widgets.controls import Button, Card, column, label
from ui.widgets.folding import FoldingRow
from ui.widgets.states import EmptyState
from ui.widgets.table import Cell, Column, Row, Table


class WholeTable(Card):
    """A table as tall as its rows: the page scrolls, not the table."""

    def __init__(self, columns: Sequence[Column], *, label: str, name: str) -> None:
        super().__init__(1, 0)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.table = Table(columns, label=label, name=name)
        self.table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.body.addWidget(self.table)

    def show_rows(self, rows: Sequence[Row]) -> None:
        self.table.show_rows(rows)
        self.fit()

    def fit(self) -> None:
        """By the text size."""
        self.table.setFixedHeight(self.table.whole_height())


class DueTable(QWidget):
    """Transfers that wait for somebody to mark them. `action` is on its button. Signals: chosen(reference)."""

    chosen = Signal(str)

    def __init__(self, title: str, note: str, action: str, *, name: str) -> None:
        super().__init__()
        self._shown: tuple[object, ...] = ()
        self.mark = Button(action, "secondary", "check", name=f"{name}Mark")
        self.mark.clicked.connect(self._on_mark)
        words = QWidget()
        words.setLayout(column(label(title, "section"), label(note, "small", wrap=True), spacing=2))
        columns = (
            Column(tr("Reference"), 152),
            Column(tr("Buyer"), from_width=560),
            Column(tr("For"), from_width=860),
            Column(tr("State"), 136),
            Column(tr("Amount"), 104, at_end=True, from_width=760),
            Column(tr("Received"), 104, at_end=True, from_width=1060),
            Column(tr("Left"), 104, at_end=True),
            Column(tr("Due"), 114, from_width=460),
        )
        self.place = WholeTable(columns, label=title, name=f"{name}Table")
        self.table = self.place.table
        self.table.opened.connect(self.chosen)
        self.setLayout(column(FoldingRow(words, self.mark), self.place, spacing=12))

    def show_due(self, found: tuple[TransferDue, ...], state: CollectionsState) -> None:
        shown = (found, state.now)
        if shown == self._shown:
            return
        self._shown = shown
        self.place.show_rows([_due_row(one, state) for one in found])
        self.mark.setEnabled(bool(found))
        if found and self.table.current() is None:
            self.table.select(found[0].reference)

    def _on_mark(self) -> None:
        row = self.table.current()
        if row is not None:
            self.chosen.emit(row.key)


def _due_row(due: TransferDue, state: CollectionsState) -> Row:
    words, tone = transfer_state(due, state.now)
    left = transfer_left(due)
    return Row(
        due.reference,
        (
            Cell(due.reference, is_strong=True),
            Cell(due.organization_name or due.buyer_email),
            Cell(transfer_subject(due)),
            Cell(words, tone=tone),
            Cell(exact_money(due.amount), due.amount.micros),
            Cell(exact_money(due.received), due.received.micros),
            Cell(exact_money(left), left.micros, is_strong=True),
            Cell(short_date(due.due_at), due.due_at.isoformat()),
        ),
    )


class TransferTab(QWidget):
    """Signals: chosen(reference) - it is to be marked."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("transferTab")
        self._shown: tuple[TransferReceived, ...] | None = None
        self.due = DueTable(
            tr("Due by transfer"), tr("Marking an arrival pays the order or invoice and tells the buyer."),
            tr("Mark as received…"), name="transferDue",
        )  # fmt: skip
        self.due.chosen.connect(self.chosen)
        self._none = EmptyState(
            "landmark", tr("Nothing is due by transfer"),
            tr("Orders and invoices that are paid by bank transfer stand here until the money is there."),
            name="transfersNone",
        )  # fmt: skip
        self._received_title = label(tr("Marked as received"), "section")
        columns = (
            Column(tr("Day"), 118),
            Column(tr("Reference"), 156),
            Column(tr("Amount"), 112, at_end=True),
            Column(tr("Left"), 104, at_end=True, from_width=600),
            Column(tr("Credit"), 104, at_end=True, from_width=700),
            Column(tr("Marked by"), from_width=520),
            Column(tr("Note"), from_width=860),
        )
        self.received = WholeTable(columns, label=tr("Marked as received"), name="receivedTable")
        self.setLayout(column(self.due, self._none, self._received_title, self.received, None, spacing=16))

    def show_state(self, state: CollectionsState) -> None:
        self.due.show_due(state.incoming, state)
        self.due.setVisible(bool(state.incoming))
        self._none.setVisible(not state.incoming)
        for part in (self._received_title, self.received):
            part.setVisible(bool(state.received))
        if state.received != self._shown:
            self._shown = state.received
            self.received.show_rows([_received_row(place, one) for place, one in enumerate(state.received)])

    def fit(self) -> None:
        """By the text size."""
        self.due.place.fit()
        self.received.fit()

    def take_focus(self) -> bool:
        """False when there is nothing to do."""
        if self.due.isHidden():
            return False
        self.due.table.setFocus(Qt.FocusReason.OtherFocusReason)
        return True


def _received_row(place: int, one: TransferReceived) -> Row:
    return Row(
        f"{place}",
        (
            Cell(short_date(one.received_at), one.received_at.isoformat()),
            Cell(one.reference),
            Cell(exact_money(one.amount), one.amount.micros, is_strong=True),
            Cell(exact_money(one.left), one.left.micros),
            Cell(exact_money(one.surplus), one.surplus.micros),
            Cell(one.received_by),
            Cell(one.note),
        ),
    )
