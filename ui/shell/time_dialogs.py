"""The questions of the time bar: to which day, and back to which point, with what that loses."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from services.api.types import TimePoint, TimeStep
from ui.text import tr
from ui.text.timeline import back_question, back_warning, date_problem, point_detail, point_text
from ui.viewmodels.timeline import TimelineViewModel
from ui.widgets.controls import Button, TextField, card, clear, column, label, row
from ui.widgets.overlay import Dialog, Sheet


class DateDialog(Dialog):
    """Moves to a typed day; what is wrong is said beside the field, and what was typed stays."""

    def __init__(self, vm: TimelineViewModel, window: QWidget) -> None:
        super().__init__(
            window, tr("Move time to a date"), tr("Everything that falls due until then is done on the way."),
            confirm=tr("Move time"), name="timeDateDialog",
        )  # fmt: skip
        self.vm = vm
        self.field = TextField(
            tr("Day"), name="timeDate", placeholder="2026-12-22", icon="calendar", max_length=25,
            help_text=tr("Year, month and day, with a time if you like: 2026-12-22 09:30"),
        )  # fmt: skip
        self.field.set_text(vm.state.date_text)
        self.field.changed.connect(vm.type_date)
        self.body.addWidget(self.field)
        self.first_focus = self.field.edit
        self.confirmed.connect(vm.to_date)
        vm.changed.connect(self._on_changed)
        vm.date_refused.connect(self._on_refused)
        vm.moved.connect(self.close_overlay)

    def _on_changed(self) -> None:
        state = self.vm.state
        self.set_busy(state.moving == TimeStep.TO_DATE.value)
        self.field.set_error(date_problem(state.date_code) if state.date_code else None)
        self.set_error(state.error.sentence if state.error else None)

    def _on_refused(self) -> None:
        self._on_changed()
        self.field.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        self.field.edit.selectAll()


class PointSheet(Sheet):
    """Where one can go back to, newest first; each way back is asked about with what it loses."""

    def __init__(self, vm: TimelineViewModel, window: QWidget) -> None:
        super().__init__(window, tr("Go back in time"), name="timePointSheet", width=460)
        self.vm = vm
        self._question: BackDialog | None = None
        self._shown: tuple[TimePoint, ...] = ()
        self._list = column(spacing=12)
        self.body.addWidget(
            label(tr("Before each move the workspace is put aside. Going back brings it to that state again."), "muted",
                  wrap=True)
        )  # fmt: skip
        self.body.addLayout(self._list)
        self.body.addStretch()
        self._show_points()
        vm.changed.connect(self._show_points)
        vm.returned.connect(self.close_overlay)

    def _show_points(self) -> None:
        points = self.vm.state.points
        if points == self._shown:
            return
        self._shown = points
        clear(self._list)
        for point in points:
            row_ = PointRow(point)
            row_.chosen.connect(self._ask)
            self._list.addWidget(row_)

    def _ask(self, uuid: str) -> None:
        point = next((one for one in self._shown if one.uuid == uuid), None)
        if point is not None and self._question is None:
            self._question = BackDialog(self.vm, point, self)
            self._question.closed.connect(self._on_answered)
            self._question.open()

    def _on_answered(self) -> None:
        self._question = None


class PointRow(QWidget):
    """Signals: chosen(uuid)."""

    chosen = Signal(str)

    def __init__(self, point: TimePoint) -> None:
        super().__init__()
        self.button = Button(tr("Go back"), "secondary", "rewind", name=f"goBack-{point.uuid}", small=True)
        self.button.setAccessibleName(tr("Go back to {at}", at=point_text(point)))
        self.button.clicked.connect(lambda: self.chosen.emit(point.uuid))
        box = card(14, 2)
        words = column(label(point_text(point), "strong", wrap=True), label(point_detail(point), "small", wrap=True),
                       spacing=2)  # fmt: skip
        line = row(words, self.button, spacing=12)
        line.setStretch(0, 1)
        box.body.addLayout(line)
        self.setLayout(column(box))


class BackDialog(Dialog):
    """Says what is lost; Cancel has the focus."""

    def __init__(self, vm: TimelineViewModel, point: TimePoint, window: QWidget) -> None:
        super().__init__(
            window, back_question(point), back_warning(point), confirm=tr("Go back"), danger=True,
            name="timeBackDialog",
        )  # fmt: skip
        self.vm = vm
        self.confirmed.connect(lambda: vm.go_back(point.uuid))
        vm.changed.connect(self._on_changed)
        vm.returned.connect(self.close_overlay)

    def _on_changed(self) -> None:
        state = self.vm.state
        self.set_busy(state.moving == "back")
        self.set_error(state.error.sentence if state.error else None)
