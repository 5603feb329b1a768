"""What happened at each move of time: newest move first, within it in time order, each amount open to explanation."""

from __future__ import annotations

from itertools import groupby

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from services.api.types import Happening
from ui import theme
from ui.text import day_time, tr
from ui.text.timeline import happening_amount, happening_text, more_text, step_title
from ui.viewmodels.timeline import Moved, TimelineState
from ui.widgets.amount_link import AmountLink
from ui.widgets.controls import Button, column, label, row, scroll_page

SHOWN_AT_ONCE = 40  # happenings of one move; more on request
TIME_WIDTH = 140  # px at 100 % text
LEAST_HEIGHT = 72
SCROLL_BAR = 12


class TimeLog(QWidget):
    """Signals: explained(ref); grown() - there are other controls now."""

    explained = Signal(str)
    grown = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("timeLog")
        self.setAccessibleName(tr("What happened"))
        self._steps: list[tuple[Moved, StepView]] = []
        self._most = LEAST_HEIGHT
        content = QWidget()
        self._column = column(spacing=16, margins=(16, 12, 16, 16))
        self._column.addStretch()
        content.setLayout(self._column)
        self.area: QScrollArea = scroll_page(content, plain=True)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.area)

    def show_state(self, state: TimelineState) -> None:
        """Steps known already keep their widgets."""
        kept = {id(step): view for step, view in self._steps}
        wanted = {id(step) for step in state.steps}
        for step, view in self._steps:
            if id(step) not in wanted:
                self._column.removeWidget(view)
                view.hide()
                view.deleteLater()
        self._steps = [(step, kept.get(id(step)) or self._new(step)) for step in state.steps]
        for place, (_, view) in enumerate(self._steps):
            if self._column.indexOf(view) < 0:
                self._column.insertWidget(place, view)
                self.area.verticalScrollBar().setValue(0)
        if len(kept) != len(self._steps):
            self.grown.emit()

    def _new(self, step: Moved) -> StepView:
        view = StepView(step)
        view.explained.connect(self.explained)
        view.grown.connect(self.grown)
        return view

    def fit(self, most: int) -> None:
        """As tall as its content, up to `most`; less when the window has no room."""
        self._most = most
        self.setMaximumHeight(self.sizeHint().height())
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        content = self.area.widget()
        layout = content.layout() if content is not None else None
        wanted = layout.totalHeightForWidth(max(self.width() - SCROLL_BAR, 1)) if layout is not None else 0
        least = min(LEAST_HEIGHT, self._most)
        return QSize(super().sizeHint().width(), max(min(wanted, self._most), least))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, min(LEAST_HEIGHT, self.sizeHint().height()))


class StepView(QWidget):
    """Signals: explained(ref); grown()."""

    explained = Signal(str)
    grown = Signal()

    def __init__(self, step: Moved) -> None:
        super().__init__()
        self._left = list(step.happenings)
        self._list = column(spacing=2)
        self.more_button = Button("", "link", "chevron-down", name="timeLogMore", small=True)
        self.more_button.clicked.connect(self._on_more)
        title = label(step_title(step.start, step.end), "label", wrap=True)
        whole = column(title, self._list, row(self.more_button, None), spacing=6)
        self.setLayout(whole)
        if not step.happenings:
            self._list.addWidget(label(tr("Nothing fell due."), "muted"))
        self._show_next(SHOWN_AT_ONCE)

    def _show_next(self, most: int) -> None:
        now, self._left = self._left[:most], self._left[most:]
        for at, together in groupby(now, key=lambda one: one.at):
            for place, one in enumerate(together):
                self._list.addLayout(self._line(one, day_time(at) if place == 0 else ""))
        self.more_button.setText(more_text(len(self._left)))
        self.more_button.setVisible(bool(self._left))

    def _line(self, one: Happening, time: str) -> QHBoxLayout:
        at = label(time, "small", tabular=True)
        at.setMinimumWidth(theme.current().px(TIME_WIDTH))
        words = label(happening_text(one), wrap=True)
        amount = happening_amount(one)
        link = AmountLink(amount or tr("Explain"), one.ref, name=f"explainHappening-{one.uuid}")
        if not amount:
            link.setAccessibleName(tr("Explain: {what}", what=happening_text(one)))
        link.explained.connect(self.explained)
        if not (amount or one.ref):
            link.hide()  # never setVisible(True) before it has a parent: it would flash as a window
        line = row(at, words, link, spacing=12)
        line.setStretch(1, 1)
        return line

    def _on_more(self) -> None:
        self._show_next(len(self._left))
        self.grown.emit()
