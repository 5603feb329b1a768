"""Giving money of a paid invoice back: how much, why, whether access ends, and every ledger line before it is done."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from services.api.types import Invoice, LedgerLine, RefundReason
from ui.text import exact_money, tr
from ui.text.collections import (
    ends_text,
    goes_to_text,
    ledger_account,
    refund_moved,
    refund_problem,
    refund_reason,
)
from ui.viewmodels.collections import RefundState, RefundViewModel
from ui.widgets.controls import Button, Card, Checkbox, SelectField, TextArea, TextField, card, column, label
from ui.widgets.notices import Banner
from ui.widgets.overlay import Sheet
from ui.widgets.table import Cell, Column, Row, Table

AMOUNT_LENGTH = 15


class RefundSheet(Sheet):
    """Closes itself when it is done."""

    def __init__(self, window: QWidget, vm: RefundViewModel, invoice: Invoice) -> None:
        super().__init__(window, tr("Refund {number}", number=invoice.number), name="refundSheet", width=520)
        self._vm, self._invoice = vm, invoice
        self._is_rendering = False
        self._lines: tuple[LedgerLine, ...] | None = None
        self._error = Banner(tone="danger", name="refundError")
        self._error.acted.connect(vm.look)
        self.body.addWidget(self._error)
        self._build_fields()
        self.body.addWidget(self._books())
        self.body.addStretch(1)
        self._foot()
        self.first_focus = self.amount.edit
        vm.changed.connect(self._on_changed)
        vm.refunded.connect(self.close_overlay)
        vm.problems_found.connect(self._focus_field)
        self.closed.connect(vm.close)
        self._on_changed()

    # -- building --------------------------------------------------------------------------------------------------
    def _build_fields(self) -> None:
        self.amount = TextField(tr("Amount, tax included"), name="refundAmount", max_length=AMOUNT_LENGTH)
        self.amount.changed.connect(self._on_amount)
        self.amount.submitted.connect(self.accept_default)
        reasons: list[str | tuple[str, object]] = [(refund_reason(one), one.value) for one in RefundReason]
        self.reason = SelectField(tr("Reason"), reasons, name="refundReason")
        self.reason.select.picked.connect(lambda value: self._vm.choose_reason(RefundReason(str(value))))
        self.note = TextArea(tr("Note"), name="refundNote", optional=True, lines=2)
        self.note.changed.connect(self._on_note)
        self.ends = Checkbox(tr("Also end access"), name="refundEndsAccess", switch=True)
        self.ends.toggled.connect(self._on_ends)
        self._ends_note = label("", "small", name="refundEnds", wrap=True)
        access = QWidget()
        access.setLayout(column(self.ends, self._ends_note, spacing=4))
        for part in (self.amount, self.reason, self.note, access):
            self.body.addWidget(part)

    def _books(self) -> Card:
        """What would be written."""
        box = card(16, 8, name="refundBooks")
        self._goes = label("", "body", name="refundGoesTo", wrap=True)
        columns = (Column(tr("Account")), Column(tr("Debit"), 136, at_end=True), Column(tr("Credit"), 136, at_end=True))
        self.table = Table(columns, label=tr("What is written into the books"), name="refundLines")
        self.table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.set_sortable(False)
        box.body.addWidget(label(tr("What it does"), "label"))
        box.body.addWidget(self._goes)
        box.body.addWidget(self.table)
        return box

    def _foot(self) -> None:
        self.refund = Button("", "danger", name="refundNow")
        self.refund.clicked.connect(self._vm.send)
        self.cancel = Button(tr("Cancel"), "ghost", name="refundCancel")
        self.cancel.clicked.connect(self.dismiss)
        self.footer.addWidget(self.refund)
        self.footer.addStretch()
        self.footer.addWidget(self.cancel)

    # -- what is done ----------------------------------------------------------------------------------------------
    def accept_default(self) -> None:
        """Enter in the amount goes to the button that carries it; it takes a second one to give it back."""
        if self.refund.isEnabled() and not self.refund.is_busy:
            self.refund.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_amount(self, text: str) -> None:
        if not self._is_rendering:
            self._vm.type_amount(text)

    def _on_note(self, text: str) -> None:
        if not self._is_rendering:
            self._vm.type_note(text)

    def _on_ends(self, on: bool) -> None:
        if not self._is_rendering:
            self._vm.end_access(on)

    def _focus_field(self, name: str) -> None:
        field = self.note if name == "note" else self.amount
        field.control.setFocus(Qt.FocusReason.OtherFocusReason)
        self.area.ensureWidgetVisible(field)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self._vm.state
        if state.invoice is None:
            return  # closing
        self._is_rendering = True
        self.amount.set_text(state.amount_text)
        self.reason.select.set_current(state.reason.value)
        self.note.set_text(state.note)
        self.ends.setChecked(state.ends_access)
        self._ends_note.setText(ends_text(state.preview, ends_access=state.ends_access))
        self._ends_note.setVisible(not state.ends_access or state.preview is not None)
        self._show_problems(state)
        for part in (self.amount, self.reason, self.note, self.ends):
            part.setEnabled(not state.is_locked and not state.is_sending)
        self._show_books(state)
        self._show_error(state)
        self._show_buttons(state)
        self._is_rendering = False

    def _show_problems(self, state: RefundState) -> None:
        most = exact_money(state.refundable) if state.refundable is not None else ""
        self.amount.set_help(tr("At most {amount}, what is left of it.", amount=most) if most else "")
        for name, field in (("amount", self.amount), ("note", self.note)):
            code = state.problems.get(name)
            field.set_error(refund_problem(code, state.refundable) if code else None)

    def _show_books(self, state: RefundState) -> None:
        preview = state.preview
        waits = tr("Looking at the books") if state.is_previewing else tr("Enter an amount to see what it does.")
        self._goes.setText(goes_to_text(preview) if preview is not None else waits)
        self.table.setVisible(preview is not None)
        if preview is not None and preview.lines != self._lines:
            self._lines = preview.lines
            self.table.show_rows([_row(place, line) for place, line in enumerate(preview.lines)])
            self.table.setFixedHeight(self.table.whole_height())

    def _show_error(self, state: RefundState) -> None:
        text, tone, action = "", "danger", ""
        if state.error is not None:
            text, action = state.error.sentence, tr("Look again")
        elif state.moved_from is not None and state.preview is not None:
            text, tone = refund_moved(state.moved_from, state.preview.amount), "warning"
        is_new = text != self._error.text
        self._error.set_message(text, tone, action)
        self._error.setVisible(bool(text))
        if text and is_new:
            self.area.ensureWidgetVisible(self._error)

    def _show_buttons(self, state: RefundState) -> None:
        amount = exact_money(state.preview.amount) if state.preview is not None else ""
        if state.is_locked and not state.is_sending:
            words = tr("Check the refund – {amount}", amount=amount)
        else:
            words = tr("Refund {amount}", amount=amount) if amount else tr("Refund")
        self.refund.setText(words)
        self.refund.set_busy(state.is_sending)
        self.refund.setEnabled(not state.is_previewing and (state.preview is not None or bool(state.problems)))
        self.cancel.setEnabled(not state.is_sending)
        self.is_dismissible = not state.is_sending


def _row(place: int, line: LedgerLine) -> Row:
    amount = exact_money(line.amount if line.amount.micros >= 0 else -line.amount)
    is_credit = line.amount.micros > 0
    return Row(
        f"{place}", (Cell(ledger_account(line)), Cell("" if is_credit else amount), Cell(amount if is_credit else ""))
    )
