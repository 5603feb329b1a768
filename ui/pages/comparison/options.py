"""Every way to pay, cheapest first: fee, calls, total, difference, and the change in one press."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QLabel, QWidget

from services.api.types import PlanCost
from ui import theme
from ui.text import exact_money, tr
from ui.text.comparison import (
    change_label,
    difference_text,
    option_name,
    option_sentence,
    parts_text,
    refused_text,
)
from ui.viewmodels.comparison import ComparisonState
from ui.widgets.controls import Button, badge, card, clear, column, label, row, rule
from ui.widgets.layout import Icon

WIDE_FROM = 800  # px at 100 % text: below, fee and calls stand under the name
FEE, TOTAL, DIFFERENCE, CHANGE = 84, 96, 150, 226  # column widths in px at 100 % text
WIDTHS = (FEE, FEE, TOTAL, DIFFERENCE)
UNBOUNDED = 16_777_215  # QWIDGETSIZE_MAX: no width of its own
SIDE_BY_SIDE, STACKED = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
AT_END = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class OptionList(QWidget):
    """Signals: change_wanted(code); copy_wanted(); rebuilt() - there are other controls now."""

    change_wanted = Signal(str)
    copy_wanted = Signal()
    rebuilt = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("optionList")
        self._shown: tuple[tuple[PlanCost, ...], str] = ((), "")
        self._rows: list[OptionRow] = []
        self.copy_button = Button(tr("Copy CSV"), "ghost", "copy", name="copyOptions", small=True)
        self.copy_button.setAccessibleName(tr("Copy the options as CSV"))
        self.copy_button.clicked.connect(self.copy_wanted)
        self._head = _HeadRow()
        self._list = column(spacing=0)
        box = card(20, 8)
        box.body.addLayout(row(label(tr("Every way to pay"), "section"), None, self.copy_button))
        box.body.addWidget(self._head)
        box.body.addLayout(self._list)
        self.setLayout(column(box))

    def show_state(self, state: ComparisonState) -> None:
        best = state.best.code if state.best else ""
        if (state.options, best) == self._shown:
            return
        self._shown = (state.options, best)
        clear(self._list)
        self._rows = [OptionRow(option, is_best=option.code == best) for option in state.options]
        for one in self._rows:
            one.change_wanted.connect(self.change_wanted)
            self._list.addWidget(one)
        self._arrange()
        self.rebuilt.emit()

    def _arrange(self) -> None:
        is_wide = self.width() >= theme.current().px(WIDE_FROM)
        self._head.setVisible(is_wide)
        self._head.arrange()
        for one in self._rows:
            one.arrange(is_wide)

    def minimumSizeHint(self) -> QSize:
        """As narrow as the page: side by side, the rows would keep it too wide ever to be stacked."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_head"):
            self._arrange()


class _HeadRow(QWidget):
    def __init__(self) -> None:
        super().__init__()
        titles = (tr("Fee"), tr("Calls"), tr("Total"), tr("Difference"))
        self._cells = [label(title, "small", align=AT_END) for title in titles]
        self._end = QWidget()
        self.setLayout(row(label(tr("Option"), "small"), None, *self._cells, self._end, spacing=12))

    def arrange(self) -> None:
        for cell, width in zip((*self._cells, self._end), (*WIDTHS, CHANGE), strict=True):
            _fix(cell, width)


class OptionRow(QWidget):
    """Signals: change_wanted(code)."""

    change_wanted = Signal(str)

    def __init__(self, option: PlanCost, *, is_best: bool) -> None:
        super().__init__()
        self.option = option
        self.setObjectName(f"option-{option.code}")
        self.setAccessibleName(option_sentence(option, is_best=is_best))
        self._figures()
        self.change_button = Button(change_label(option), "secondary", name=f"change-{option.code}", small=True)
        self.change_button.clicked.connect(lambda: self.change_wanted.emit(option.code))
        if not option.can_change:  # setVisible(True) before it has a parent would flash as a window
            self.change_button.hide()
        self._end = QWidget()
        self._end.setLayout(row(None, self.change_button, spacing=0))
        self._cells = QWidget()
        self._cells.setLayout(row(self._fee, self._calls, self._total, self._difference, None, spacing=12))
        self._foot = QBoxLayout(SIDE_BY_SIDE)
        self._foot.setSpacing(12)
        self._foot.addWidget(self._cells, 1)
        self._foot.addWidget(self._end)
        self._line = QBoxLayout(SIDE_BY_SIDE)
        self._line.addWidget(self._words(is_best), 1)
        self._line.addLayout(self._foot)
        self.setLayout(column(rule(), self._line, spacing=10, margins=(0, 2, 0, 8)))

    def _words(self, is_best: bool) -> QWidget:
        option = self.option
        self._parts = label(parts_text(option), "small", wrap=True, tabular=True)
        parts: list[QWidget | QBoxLayout] = [label(option_name(option), "strong", wrap=True), self._parts]
        badges = [badge(tr("Your plan"), "neutral", name="currentBadge")] if option.is_current else []
        if is_best:
            badges.append(badge(tr("Cheapest"), "success", "circle-check", name="cheapestBadge"))
        if badges:
            parts.insert(1, row(*badges, None, spacing=8))
        if refused := refused_text(option):
            parts.append(_warning(refused))
        words = QWidget()
        words.setLayout(column(None, *parts, None, spacing=2))
        return words

    def _figures(self) -> None:
        option = self.option
        self._fee = _figure(exact_money(option.fee), "muted")
        self._calls = _figure(exact_money(option.usage), "muted")
        self._total = _figure(exact_money(option.cost), "strong")
        kind = "success" if option.difference.micros < 0 else "muted"
        self._difference = _figure("" if option.is_current else difference_text(option.difference), kind)

    def arrange(self, is_wide: bool) -> None:
        self._parts.setVisible(not is_wide)
        self._fee.setVisible(is_wide)
        self._calls.setVisible(is_wide)
        self._line.setDirection(SIDE_BY_SIDE if is_wide else STACKED)
        self._line.setSpacing(12 if is_wide else 2)
        for cell, width in zip((self._fee, self._calls, self._total, self._difference), WIDTHS, strict=True):
            _fix(cell, width if is_wide else 0)
            cell.setAlignment(AT_END if is_wide else Qt.AlignmentFlag.AlignLeft)
        _fix(self._end, CHANGE if is_wide else 0)
        self._difference.setVisible(is_wide or bool(self._difference.text()))
        self._end.setVisible(is_wide or self.option.can_change)
        beside = self._cells.sizeHint().width() + self._foot.spacing() + self._end.sizeHint().width()
        self._foot.setDirection(SIDE_BY_SIDE if is_wide or beside <= self.width() else STACKED)


def _fix(cell: QWidget, width: int) -> None:
    """A width in px at 100 % text; 0: what its layout gives."""
    cell.setMinimumWidth(theme.current().px(width))
    cell.setMaximumWidth(theme.current().px(width) if width else UNBOUNDED)


def _figure(text: str, kind: str) -> QLabel:
    return label(text, kind, tabular=True, align=AT_END)


def _warning(text: str) -> QWidget:
    box = QWidget()
    box.setLayout(row(Icon("triangle-alert", "warning", 14), label(text, "warning", wrap=True), spacing=6))
    return box
