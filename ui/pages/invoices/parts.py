"""The parts of one invoice: lines with what explains them, sums, the tries to collect it, what it is linked to."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from services.api.types import Attempt, Invoice, InvoiceLine
from ui import theme
from ui.text import exact_money, tr
from ui.text.invoices import (
    attempt_words,
    attempts_title,
    line_arithmetic,
    line_words,
    no_tax_text,
    period_text,
    sum_rows,
)
from ui.viewmodels.invoices import Linked
from ui.widgets.amount_link import AmountLink
from ui.widgets.controls import Button, Icon, clear, column, label, row, rule

STEP = 20  # px at 100 % text a line stands in below the one it explains
END = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
MARKS = {
    "failed": ("circle-x", "danger"),
    "planned": ("clock", "textMuted"),
    "succeeded": ("circle-check", "success"),
    "action_required": ("circle-alert", "warning"),
}


def in_order(lines: tuple[InvoiceLine, ...], parent: str = "", depth: int = 0) -> Iterator[tuple[InvoiceLine, int]]:
    """Each line with how deep it stands, those that explain one right below it."""
    for line in lines:
        if line.parent_uuid == parent:
            yield line, depth
            yield from in_order(lines, line.uuid, depth + 1)


class InvoiceLines(QWidget):
    """Every line, then the sums; each amount opens its explanation. Signals: explained(ref)."""

    explained = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._lines, self._sums = _grid(10), _grid(8)
        self._note = label("", "small", name="invoiceTaxNote", wrap=True)
        self.setLayout(column(self._lines, rule(), self._sums, self._note, spacing=14))

    def show_invoice(self, invoice: Invoice, ref: str) -> None:
        """`ref` explains the total."""
        clear(self._lines)
        clear(self._sums)
        for number, (line, depth) in enumerate(in_order(invoice.lines)):
            self._line(number, line, depth)
        for number, (words, amount, kind) in enumerate(sum_rows(invoice)):
            is_big = kind in ("total", "due")
            role = "success" if kind == "saving" else "text"
            figure = AmountLink(
                exact_money(amount), ref if kind == "total" else "", name=f"invoice-{kind}-{number}",
                kind="section" if is_big else "body", weight=600 if is_big else None, role=role,
            )  # fmt: skip
            figure.explained.connect(self.explained)
            self._sums.addWidget(label(words, "section" if is_big else "muted", wrap=True), number, 0)
            self._sums.addWidget(figure, number, 1, END)
        self._note.setText(no_tax_text(invoice))
        self._note.setVisible(bool(no_tax_text(invoice)))

    def _line(self, number: int, line: InvoiceLine, depth: int) -> None:
        box = QWidget()
        inset = theme.current().px(STEP) * depth
        words = line_words(line.kind, line.params)
        box.setLayout(column(*_words(words, line, is_part=bool(depth)), spacing=1, margins=(inset, 0, 0, 0)))
        figure = AmountLink(
            exact_money(line.amount), f"line:{line.uuid}", name=f"line-{number}",
            role="success" if line.amount.micros < 0 else "textMuted" if depth else "text",
        )  # fmt: skip
        figure.explained.connect(self.explained)
        self._lines.addWidget(box, number, 0)
        self._lines.addWidget(figure, number, 1, END)


def _words(words: str, line: InvoiceLine, *, is_part: bool) -> list[QWidget]:
    """A line on its own has its facts below; one that explains another is a single quiet line."""
    how, span = line_arithmetic(line), period_text(line.period_start, line.period_end)
    if is_part:
        one = tr("{what}: {how}", what=words, how=how) if how else words
        return [label(one, "small", wrap=True, tabular=True)]
    facts = " · ".join(part for part in (how, span) if part)
    return [label(words, wrap=True), *([label(facts, "small", wrap=True, tabular=True)] if facts else [])]


def _grid(spacing: int) -> QGridLayout:
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(spacing)
    grid.setColumnStretch(0, 1)
    return grid


class AttemptList(QWidget):
    """The calendar of tries to collect: what failed and what comes next; hidden where the first try did it."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Attempt, ...] = ()
        self._list = QVBoxLayout()
        self._list.setSpacing(6)
        self._title = label("", "label", name="attemptsTitle")
        self.setLayout(column(rule(), self._title, self._list, spacing=10))
        self.hide()

    def show_attempts(self, attempts: tuple[Attempt, ...]) -> None:
        self._title.setText(attempts_title(attempts))
        self.setVisible(bool(attempts_title(attempts)))
        if attempts == self._shown:
            return
        self._shown = attempts
        clear(self._list)
        for attempt in attempts:
            icon, role = MARKS.get(attempt.state, MARKS["planned"])
            words = label(attempt_words(attempt), "small", tabular=True)
            self._list.addLayout(row(Icon(icon, role, 16), words, None, spacing=8))


class LinkedInvoices(QWidget):
    """What corrects or replaces this invoice, one below the other. Signals: opened(invoice uuid)."""

    opened = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._list = QVBoxLayout()
        self._list.setSpacing(4)
        self.setLayout(column(self._list))
        self.hide()

    def show_linked(self, linked: Linked) -> None:
        clear(self._list)
        found: list[tuple[str, Invoice]] = []
        if linked.corrects is not None:
            found.append((tr("Corrects {number}", number=linked.corrects.number), linked.corrects))
        if linked.replaced_by is not None:
            found.append((tr("Replaced by {number}", number=linked.replaced_by.number), linked.replaced_by))
        for note in linked.credit_notes:
            words = tr("Credit note {number} of {amount}", number=note.number, amount=exact_money(-note.total))
            found.append((words, note))
        for words, invoice in found:
            button = Button(words, "link", "corner-down-left", name=f"linked-{invoice.number}")
            button.clicked.connect(lambda _checked=False, uuid=invoice.uuid: self.opened.emit(uuid))
            self._list.addLayout(row(button, None))
        self.setVisible(bool(found))
