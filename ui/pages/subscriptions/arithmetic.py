"""What a change costs: every line of the preview, what it means, and when it takes effect."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from services.api.types import ChangePreview, Invoice
from ui.text import exact_money, tr
from ui.text.changes import (
    change_line,
    effective_text,
    next_charge_text,
    settled_amount,
    settled_text,
    tax_line,
    usage_effect,
)
from ui.viewmodels.plan_change_state import PlanChangeState, Task
from ui.widgets.controls import Card, Icon, clear, column, label, row, rule
from ui.widgets.states import Skeleton

END = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
WITHOUT_NEXT = (Task.CANCEL, Task.PAUSE, Task.PAY)


class Arithmetic(Card):
    """Shows a preview or an unpaid invoice; grey lines while the first one is being worked out."""

    def __init__(self) -> None:
        super().__init__(20, 12, name="changeArithmetic")
        self.setAccessibleName(tr("What it costs"))
        self._shown: ChangePreview | Invoice | None = None
        self._skeleton = QWidget()
        self._skeleton.setAccessibleName(tr("Working out the price"))
        self._skeleton.setLayout(column(Skeleton(0, 18), Skeleton(0, 18), Skeleton(180, 24), spacing=10))
        self.body.addWidget(self._skeleton)
        for part in (self._sums(), self._meaning()):
            part.hide()
            self.body.addWidget(part)

    def _sums(self) -> QWidget:
        self._lines = QGridLayout()
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setHorizontalSpacing(16)
        self._lines.setVerticalSpacing(8)
        self._lines.setColumnStretch(0, 1)
        self._rule = rule()
        self._total_title = label("", "strong", name="changeTotalTitle")
        self._total = label("", "title", name="changeTotal", tabular=True)
        self._whole = QWidget()
        self._whole.setLayout(column(self._lines, self._rule, row(self._total_title, None, self._total), spacing=10))
        return self._whole

    def _meaning(self) -> QWidget:
        self._facts = QWidget()
        self._effective = label("", "small", name="changeEffective", wrap=True)
        self._usage = label("", "small", name="changeUsage", wrap=True)
        self._next = label("", "small", name="changeNext", wrap=True)
        facts = (("calendar-clock", self._effective), ("activity", self._usage), ("refresh-cw", self._next))
        self._rows = [_fact(icon, words) for icon, words in facts]
        self._facts.setLayout(column(*self._rows, spacing=6))
        return self._facts

    def show_state(self, state: PlanChangeState) -> None:
        found = state.invoice if state.task is Task.PAY else state.preview
        self._skeleton.setVisible(found is None)
        if found == self._shown:
            return
        self._shown = found
        self._whole.setVisible(found is not None)
        self._facts.setVisible(isinstance(found, ChangePreview))
        if found is not None:
            if isinstance(found, ChangePreview):
                self._show_preview(found, state)
            else:
                self._show_invoice(found)

    def _show_preview(self, preview: ChangePreview, state: PlanChangeState) -> None:
        item = state.subscription
        if item is None:
            return
        lines = [
            (change_line(line, item.plan, state.plan), exact_money(line.amount), line.amount.micros < 0)
            for line in preview.lines
            if not line.parent_uuid
        ]
        lines += [(tax_line(line), exact_money(line.amount), False) for line in preview.tax_lines]
        is_moving = bool(preview.lines) or preview.due_now.micros > 0 or preview.to_wallet.micros > 0
        self._show_lines(lines if is_moving else [])
        self._whole.setVisible(not preview.is_pending or is_moving)
        self._total_title.setText(settled_text(preview))
        self._total.setText(exact_money(settled_amount(preview)))
        self._say(self._rows[0], self._effective, effective_text(preview))
        self._say(self._rows[1], self._usage, usage_effect(preview))
        self._say(self._rows[2], self._next, "" if state.task in WITHOUT_NEXT else next_charge_text(preview))

    def _show_invoice(self, invoice: Invoice) -> None:
        title = tr("Invoice {number}", number=invoice.number)
        lines = [(title, exact_money(invoice.total), False)]
        if not invoice.paid.is_zero:
            lines.append((tr("Paid so far"), exact_money(-invoice.paid), True))
        if not invoice.credited.is_zero:
            lines.append((tr("Credit notes"), exact_money(-invoice.credited), True))
        self._show_lines(lines)
        self._total_title.setText(tr("Due now"))
        self._total.setText(exact_money(invoice.due))

    def _show_lines(self, lines: Sequence[tuple[str, str, bool]]) -> None:
        clear(self._lines)
        for number, (words, amount, is_credit) in enumerate(lines):
            kind = "success" if is_credit else "body"
            self._lines.addWidget(label(words, "success" if is_credit else "muted", wrap=True), number, 0)
            self._lines.addWidget(label(amount, kind, tabular=True, align=END), number, 1)
        self._rule.setVisible(bool(lines))

    @staticmethod
    def _say(line: QWidget, words: QLabel, text: str) -> None:
        words.setText(text)
        line.setVisible(bool(text))


def _fact(icon: str, words: QWidget) -> QWidget:
    line = QWidget()
    layout = row(Icon(icon, "textMuted", 14), words, spacing=8)
    layout.setStretch(1, 1)
    layout.setAlignment(words, Qt.AlignmentFlag(0))
    line.setLayout(layout)
    return line
