"""The calendar of tries to collect an unpaid invoice: what failed, what comes next, in sight of the buyer."""

from __future__ import annotations

from PySide6.QtWidgets import QSizePolicy, QWidget

from services.api.types import Attempt
from ui.text import date, tr
from ui.text.subscriptions import attempt_state
from ui.widgets.controls import Icon, clear, column, label, row
from ui.widgets.flow import FlowLayout

MARKS = {
    "failed": ("circle-x", "danger"),
    "planned": ("clock", "textMuted"),
    "succeeded": ("circle-check", "success"),
    "action_required": ("circle-alert", "warning"),
}


class AttemptCalendar(QWidget):
    """One try beside the next: its day and what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Attempt, ...] = ()
        self._flow = FlowLayout(self, gap=24, line_gap=8)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(tr("When the payment is tried"))

    def show_attempts(self, attempts: tuple[Attempt, ...]) -> None:
        self.setVisible(bool(attempts))
        if attempts == self._shown:
            return
        self._shown = attempts
        clear(self._flow)
        for attempt in attempts:
            box = self._attempt(attempt)
            self._flow.addWidget(box)
            box.show()
        self.updateGeometry()

    def _attempt(self, attempt: Attempt) -> QWidget:
        box = QWidget(self)
        words = column(label(date(attempt.at), "label"), label(attempt_state(attempt), "small"), spacing=0)
        icon, role = MARKS.get(attempt.state, MARKS["planned"])
        box.setLayout(row(Icon(icon, role, 16), words, spacing=8))
        box.setAccessibleName(tr("{day}: {state}", day=date(attempt.at), state=attempt_state(attempt)))
        return box
