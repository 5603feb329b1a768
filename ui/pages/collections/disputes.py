"""Disputes: payments that the buyer's bank disputes, what is frozen for them, and until when they are answered."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from services.api.types import Dispute
from ui.pages.collections.transfers import WholeTable
from ui.text import exact_money, tr
from ui.text.collections import dispute_answer, dispute_reason, dispute_state
from ui.viewmodels.collections import CollectionsState
from ui.widgets.controls import column, label
from ui.widgets.states import EmptyState
from ui.widgets.table import Cell, Column, Row


class DisputeTab(QWidget):
    """Signals: opened(invoice uuid)."""

    opened = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("disputeTab")
        self._shown: tuple[object, ...] = ()
        self._invoices: dict[str, str] = {}
        columns = (
            Column(tr("State"), 124),
            Column(tr("Buyer")),
            Column(tr("Invoice"), 152, from_width=620),
            Column(tr("Reason"), 216, from_width=900),
            Column(tr("Amount"), 112, at_end=True),
            Column(tr("Frozen"), 112, at_end=True, from_width=700),
            Column(tr("Answer by"), 148),
        )
        self._note = label(
            tr("Answered at the payment provider; what it decides arrives here. Frozen credit cannot be spent."),
            "small", wrap=True,
        )  # fmt: skip
        self.place = WholeTable(columns, label=tr("Disputes"), name="disputeTable")
        self.place.table.opened.connect(self._on_opened)
        self._none = EmptyState(
            "shield-check", tr("No disputes"),
            tr("When a buyer’s bank disputes a payment, it stands here with the day it must be answered by."),
            name="disputesNone",
        )  # fmt: skip
        self.setLayout(column(self._note, self.place, self._none, None, spacing=12))

    def show_state(self, state: CollectionsState) -> None:
        for part in (self._note, self.place):
            part.setVisible(bool(state.disputes))
        self._none.setVisible(not state.disputes)
        shown = (state.disputes, state.now)
        if shown != self._shown:
            self._shown = shown
            self._invoices = {one.uuid: one.invoice_uuid for one in state.disputes}
            self.place.show_rows([_row(one, state) for one in state.disputes])

    def _on_opened(self, uuid: str) -> None:
        if invoice := self._invoices.get(uuid):
            self.opened.emit(invoice)

    def fit(self) -> None:
        """By the text size."""
        self.place.fit()

    def take_focus(self) -> bool:
        """False when there are none."""
        if self.place.isHidden():
            return False
        self.place.table.setFocus(Qt.FocusReason.OtherFocusReason)
        return True


def _row(dispute: Dispute, state: CollectionsState) -> Row:
    words, tone = dispute_state(dispute, state.now)
    by = dispute.closed_at or dispute.answer_by
    return Row(
        dispute.uuid,
        (
            Cell(words, tone=tone),
            Cell(dispute.organization_name or dispute.buyer_email),
            Cell(dispute.invoice_number),
            Cell(dispute_reason(dispute.reason)),
            Cell(exact_money(dispute.amount), dispute.amount.micros, is_strong=True),
            Cell(exact_money(dispute.frozen), dispute.frozen.micros),
            Cell(dispute_answer(dispute), by.isoformat() if by is not None else ""),
        ),
    )
