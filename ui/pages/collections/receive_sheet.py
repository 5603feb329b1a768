"""Marking a transfer as received: what the statement says, and what follows from it before it is done."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from services.api.types import TransferDue
from ui.text import date, exact_money, tr
from ui.text.collections import (
    receive_button,
    receive_effect,
    receive_problem,
    receive_title,
    transfer_left,
    transfer_subject,
)
from ui.viewmodels.collections import REFERENCE_MAX, ReceiveState, ReceiveViewModel
from ui.widgets.controls import Button, Card, TextArea, TextField, card, label
from ui.widgets.fields import Labelled
from ui.widgets.notices import Banner
from ui.widgets.overlay import Sheet

AMOUNT_LENGTH = 15


class ReceiveSheet(Sheet):
    """Closes itself when it is written down."""

    def __init__(self, window: QWidget, vm: ReceiveViewModel, due: TransferDue) -> None:
        super().__init__(window, receive_title(due), name="receiveSheet", width=460)
        self._vm, self._due = vm, due
        self._is_rendering = False
        self.body.addWidget(self._facts())
        self._build_fields()
        self._effect = Banner(name="receiveEffect")
        self._error = Banner(tone="danger", name="receiveError")
        for banner in (self._effect, self._error):
            self.body.addWidget(banner)
        self.body.addStretch(1)
        self._foot()
        self.first_focus = self.reference.edit
        vm.changed.connect(self._on_changed)
        vm.received.connect(self.close_overlay)
        vm.problems_found.connect(self._focus_field)
        self.closed.connect(vm.close)
        self._on_changed()

    # -- building --------------------------------------------------------------------------------------------------
    def _facts(self) -> Card:
        due = self._due
        rows = [
            (tr("Buyer"), due.organization_name or due.buyer_email), (tr("For"), transfer_subject(due)),
            (tr("In all"), exact_money(due.amount)), (tr("Received so far"), exact_money(due.received)),
            (tr("Left"), exact_money(transfer_left(due))), (tr("Due"), date(due.due_at)),
        ]  # fmt: skip
        box = card(16, 0, name="receiveFacts")
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        for place, (title, value) in enumerate(rows):
            grid.addWidget(label(title, "muted"), place, 0)
            grid.addWidget(label(value, "strong", wrap=True, tabular=True), place, 1)
        box.body.addLayout(grid)
        return box

    def _build_fields(self) -> None:
        self.amount = TextField(tr("Amount on the statement"), name="receiveAmount", max_length=AMOUNT_LENGTH)
        self.reference = TextField(
            tr("Reference of the bank"), name="receiveReference", max_length=REFERENCE_MAX,
            help_text=tr("The bank’s own number of this arrival, so that it is marked once."),
        )  # fmt: skip
        self.day = TextField(
            tr("Day of the statement"), name="receiveDay", optional=True, placeholder="2026-05-01",
            help_text=tr("Empty: today."),
        )  # fmt: skip
        self.note = TextArea(tr("Note"), name="receiveNote", optional=True, lines=2)
        self._fields: dict[str, Labelled] = {
            "amount": self.amount, "bank_reference": self.reference, "received_on": self.day, "note": self.note,
        }  # fmt: skip
        for name, field in (("amount", self.amount), ("bank_reference", self.reference), ("received_on", self.day)):
            field.changed.connect(lambda text, name=name: self._edit(name, text))
            field.submitted.connect(self.accept_default)
        self.note.changed.connect(lambda text: self._edit("note", text))
        for part in (self.amount, self.reference, self.day, self.note):
            self.body.addWidget(part)

    def _foot(self) -> None:
        self.mark = Button("", "primary", "check", name="receiveMark")
        self.mark.clicked.connect(self._vm.send)
        self.cancel = Button(tr("Cancel"), "ghost", name="receiveCancel")
        self.cancel.clicked.connect(self.dismiss)
        self.footer.addWidget(self.mark)
        self.footer.addStretch()
        self.footer.addWidget(self.cancel)

    # -- what is done ----------------------------------------------------------------------------------------------
    def accept_default(self) -> None:
        """Enter in the fields goes to the button that carries the amount; it takes a second one to write it down."""
        if self.mark.isEnabled() and not self.mark.is_busy:
            self.mark.setFocus(Qt.FocusReason.OtherFocusReason)

    def _edit(self, name: str, text: str) -> None:
        if not self._is_rendering:
            self._vm.edit(name, text)

    def _focus_field(self, name: str) -> None:
        field = self._fields[name]
        field.control.setFocus(Qt.FocusReason.OtherFocusReason)
        self.area.ensureWidgetVisible(field)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self._vm.state
        if state.due is None:
            return  # closing
        self._is_rendering = True
        self.amount.set_text(state.amount_text)
        self.reference.set_text(state.bank_reference)
        self.day.set_text(state.day_text)
        self.note.set_text(state.note)
        for name, field in self._fields.items():
            code = state.problems.get(name)
            field.set_error(receive_problem(name, code, state.due) if code else None)
            field.setEnabled(not state.is_locked and not state.is_sending)
        self._show_banners(state)
        self.mark.setText(receive_button(state.due, state.amount))
        self.mark.set_busy(state.is_sending)
        self.cancel.setEnabled(not state.is_sending)
        self.is_dismissible = not state.is_sending
        self._is_rendering = False

    def _show_banners(self, state: ReceiveState) -> None:
        is_right = "amount" not in state.problems_all
        words, tone = receive_effect(self._due, state.amount if is_right else None)
        self._effect.set_message(words, tone)
        self._effect.setVisible(bool(words))
        self._error.setVisible(state.error is not None)
        if state.error is not None:
            self._error.set_message(state.error.sentence)
