"""What a month costs by the number of calls: as lines, or as a table of the same values."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from services.api.money import Money
from ui.text import count, exact_money, money, tr
from ui.text.comparison import (
    break_even_text,
    chart_summary,
    csv_text,
    line_name,
    plain_amount,
    usage_mark,
)
from ui.viewmodels.comparison import ComparisonState, CostLine
from ui.widgets.chart import ChartData, LineChart, Series
from ui.widgets.controls import Button, Segmented, card, clear, column, label, row
from ui.widgets.folding import FoldingRow
from ui.widgets.layout import Icon
from ui.widgets.table import Cell, Column, Row, Table

COST_WIDTH = 136  # px at 100 % text


class BreakEvenCard(QWidget):
    """From how many calls on which plan costs no more than which."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("breakEvens")
        self._list = column(spacing=8)
        box = card(20, 10)
        box.body.addWidget(label(tr("When another plan becomes cheaper"), "section"))
        box.body.addLayout(self._list)
        self.setLayout(column(box))
        self._shown: tuple[str, ...] = ()

    def show_state(self, state: ComparisonState) -> None:
        found = ((one, state.find(one.from_code), state.find(one.to_code)) for one in state.break_evens)
        texts = tuple(break_even_text(one, low, high) for one, low, high in found if low and high)
        self.setVisible(bool(texts))
        if texts == self._shown:
            return
        self._shown = texts
        clear(self._list)
        for text in texts:
            line = row(Icon("scale", "textMuted", 16), label(text, wrap=True), spacing=10)
            line.setStretch(1, 1)
            self._list.addLayout(line)


class CostCard(QWidget):
    """Signals: table_wanted(bool); copy_wanted()."""

    table_wanted = Signal(bool)
    copy_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("costCard")
        self._lines: tuple[CostLine, ...] = ()
        self._calls = -1
        self.chart = LineChart(label=tr("Cost of a month by number of calls"), name="costChart")
        self._place = QVBoxLayout()
        self.table: Table | None = None
        self._stack = QStackedWidget()
        self._stack.addWidget(self.chart)
        self.view = Segmented([tr("Chart"), tr("Table")], label=tr("Show the costs as"), name="costView")
        self.view.changed.connect(lambda index: self.table_wanted.emit(index == 1))
        self.copy_button = Button(tr("Copy CSV"), "ghost", "copy", name="copyCosts", small=True)
        self.copy_button.setAccessibleName(tr("Copy the costs by calls as CSV"))
        self.copy_button.clicked.connect(self.copy_wanted)
        controls = QWidget()
        controls.setLayout(row(self.copy_button, self.view))
        self._hint = label(tr("One month, before tax and coupons. Rings mark where two plans cost the same."), "small",
                           wrap=True)  # fmt: skip
        box = card(20, 10)
        box.body.addWidget(FoldingRow(label(tr("Cost of a month by number of calls"), "section"), controls))
        box.body.addWidget(self._hint)
        box.body.addWidget(self._stack)
        self.setLayout(column(box))

    def show_state(self, state: ComparisonState) -> None:
        lines, calls = state.lines, state.comparison.calls_a_month if state.comparison else 0
        self.setVisible(bool(lines))
        self.view.set_current(int(state.is_chart_table))
        if lines and (lines, calls) != (self._lines, self._calls):
            self._lines, self._calls = lines, calls
            self._show_chart(state, calls)
            self._show_table()
        self._stack.setCurrentIndex(int(state.is_chart_table and self.table is not None))
        if self.table is not None:
            bar = self.table.horizontalScrollBar().sizeHint().height()
            self._stack.setMinimumHeight(self.table.whole_height() + bar if state.is_chart_table else 0)

    def _show_chart(self, state: ComparisonState, calls: int) -> None:
        series = tuple(map(_series, self._lines))
        currency = self._lines[0].points[0][1].currency
        most = max(line.points[-1][0] for line in self._lines)
        data = ChartData(
            series,
            x_text=count,
            y_text=partial(_axis_text, currency),
            value_text=partial(_value_text, currency),
            x_title=tr("calls a month"),
            x_mark=calls,
            mark_text=usage_mark(calls),
            crossings=_crossings(state, series, most),
        )
        least = min(line.points[0][0] for line in self._lines)
        self.chart.show_chart(data, chart_summary([one.name for one in series], least, most, calls))

    def _show_table(self) -> None:
        if self.table is not None:
            self._stack.removeWidget(self.table)
            self.table.deleteLater()
        names = [line_name(line.options) for line in self._lines]
        columns = [Column(tr("Calls a month")), *(Column(name, COST_WIDTH, at_end=True) for name in names)]
        self.table = Table(columns, label=tr("Cost of a month by number of calls"), name="costTable")
        self.table.show_rows([_table_row(calls, costs) for calls, costs in self._values()])
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)  # large text, many plans
        self.table.setHorizontalScrollMode(Table.ScrollMode.ScrollPerPixel)
        self._stack.addWidget(self.table)

    def _values(self) -> list[tuple[int, list[Money]]]:
        """Each number of calls all lines know, with what it costs on each."""
        known = [dict(line.points) for line in self._lines]
        shared = sorted(set.intersection(*(set(one) for one in known))) if known else []
        return [(calls, [one[calls] for one in known]) for calls in shared]

    def csv(self) -> str:
        """The same values for a spreadsheet."""
        head = (tr("Calls a month"), *(line_name(line.options) for line in self._lines))
        return csv_text(head, [(str(calls), *map(plain_amount, costs)) for calls, costs in self._values()])


def _series(line: CostLine) -> Series:
    points = tuple((calls, cost.micros) for calls, cost in line.points)
    key = line.options[0].code
    return Series(key, line_name(line.options), points, any(option.is_current for option in line.options))


def _crossings(state: ComparisonState, series: tuple[Series, ...], most: int) -> tuple[tuple[int, int], ...]:
    by_code = {option.code: one for line, one in zip(state.lines, series, strict=True) for option in line.options}
    return tuple(
        (one.calls, round(by_code[one.from_code].height(one.calls)))
        for one in state.break_evens
        if one.calls and one.calls <= most and one.from_code in by_code
    )


def _table_row(calls: int, costs: list[Money]) -> Row:
    cells = [Cell(count(calls), calls), *(Cell(exact_money(cost), cost.micros) for cost in costs)]
    return Row(str(calls), tuple(cells))


def _axis_text(currency: str, micros: int) -> str:
    """$0, $50, $0.50"""
    return money(Money(micros, currency))


def _value_text(currency: str, micros: int) -> str:
    return exact_money(Money(micros, currency))
