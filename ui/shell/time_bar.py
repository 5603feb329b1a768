"""The time bar of a test workspace: which time it is, what comes next, and the buttons that move time."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, QTimerEvent, Signal
from PySide6.QtGui import QHideEvent, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from services.api.types import TimeStep
from ui import theme
from ui.shell.time_dialogs import DateDialog, PointSheet
from ui.shell.time_log import TimeLog
from ui.text import tr
from ui.text.timeline import happened_label, moved_text, moving_text, next_text, returned_text, time_text
from ui.viewmodels.timeline import Moved, TimelineState, TimelineViewModel
from ui.widgets import a11y, paint
from ui.widgets.controls import Button, IconButton, column, label, row, rule
from ui.widgets.fields import FieldNote
from ui.widgets.flow import FlowLayout
from ui.widgets.focus_order import set_tab_order
from ui.widgets.folding import FoldingRow
from ui.widgets.layout import Icon
from ui.widgets.notices import toast_area
from ui.widgets.overlay import OverlayStack

REFRESH_MILLISECONDS = 30_000  # its clock shows minutes
LOG_SHARE = 0.35  # of the window's height, at most
GAP, WORDS_GAP = 6, 12


class TimeBar(QFrame):
    """Shows itself when there is something to show. Signals: explain_requested(ref); sign_in_requested()."""

    explain_requested = Signal(str)
    sign_in_requested = Signal()

    def __init__(self, vm: TimelineViewModel) -> None:
        super().__init__()
        self.vm = vm
        self._timer = 0
        self.setObjectName("timeBar")
        self.setAccessibleName(tr("Time of this workspace"))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.note = FieldNote()
        self.log = TimeLog()
        self.log.explained.connect(self.explain_requested)
        self.log.grown.connect(self._on_log_grown)
        self._log_rule = rule()
        strip = FoldingRow(self._words(), self._buttons(), gap=16)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 1)
        whole.setSpacing(0)
        whole.addLayout(column(strip, self.note, spacing=6, margins=(16, 8, 12, 8)))
        whole.addWidget(self._log_rule)
        whole.addWidget(self.log)
        vm.changed.connect(self._on_changed)
        vm.moved.connect(self._on_moved)
        vm.returned.connect(self._on_returned)
        self.hide()
        self._on_changed()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _words(self) -> QWidget:
        self._icon = Icon("clock", "textMuted", 20)
        self.time = label("", "strong", name="simulatedTime", tabular=True)
        self.next = label("", "small", name="nextEvent", wrap=True)
        return _Words(self._icon, self.time, self.next)

    def _buttons(self) -> QWidget:
        vm = self.vm
        self.next_button = Button(tr("Next event"), "secondary", "skip-forward", name="timeNext", small=True)
        self.day_button = Button(tr("+1 day"), "secondary", name="timeDay", small=True)
        self.month_button = Button(tr("+1 month"), "secondary", name="timeMonth", small=True)
        self.date_button = Button(tr("To date…"), "secondary", "calendar", name="timeToDate", small=True)
        self.back_button = Button(tr("Back…"), "secondary", "rewind", name="timeBack", small=True)
        self.log_button = Button("", "ghost", "list", name="timeLogToggle", small=True)
        self.sign_in_button = Button(tr("Sign in to move time"), "secondary", "log-in", name="timeSignIn", small=True)
        self.close_button = IconButton("x", tr("Hide the time bar"), name="timeClose", small=True)
        self.day_button.setAccessibleName(tr("Move time one day on"))
        self.month_button.setAccessibleName(tr("Move time one month on"))
        self.next_button.clicked.connect(vm.next_event)
        self.day_button.clicked.connect(vm.day)
        self.month_button.clicked.connect(vm.month)
        self.date_button.clicked.connect(self.open_date)
        self.back_button.clicked.connect(self.open_points)
        self.log_button.clicked.connect(vm.toggle_log)
        self.sign_in_button.clicked.connect(self.sign_in_requested)
        self.close_button.clicked.connect(lambda: vm.show_bar(False))
        self._movers = {
            TimeStep.NEXT_EVENT.value: self.next_button,
            TimeStep.DAY.value: self.day_button,
            TimeStep.MONTH.value: self.month_button,
            TimeStep.TO_DATE.value: self.date_button,
            "back": self.back_button,
        }
        return _Line(*self._movers.values(), self.log_button, self.sign_in_button, self.close_button)

    # -- verbs -----------------------------------------------------------------------------------------------------
    def open_date(self) -> None:
        if not self.vm.state.moving and OverlayStack.of(self).top is None:
            DateDialog(self.vm, self.window()).open()

    def open_points(self) -> None:
        if not self.vm.state.moving and OverlayStack.of(self).top is None:
            PointSheet(self.vm, self.window()).open()

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self.vm.state
        if state.timeline is not None:
            self._show_time(state)
            self._show_buttons(state)
            self.note.set_error(state.error.sentence if state.error else None)
            self.log.show_state(state)
            is_open = state.is_log_open and bool(state.steps)
            self.log.setVisible(is_open)
            self._log_rule.setVisible(is_open)
        self.setVisible(state.is_shown)
        self._fit_log()
        self.update()

    def _show_time(self, state: TimelineState) -> None:
        if state.timeline is None:
            return
        self._icon.set_icon("calendar-clock" if state.is_simulated else "clock",
                            "warning" if state.is_simulated else "textMuted")  # fmt: skip
        self.time.setText(time_text(state.timeline.now, is_simulated=state.is_simulated))
        coming = next_text(state.timeline.next_event_kind, state.next_name, state.timeline.next_event_at)
        self.next.setText(moving_text(state.moving) or coming)

    def _show_buttons(self, state: TimelineState) -> None:
        can = {TimeStep.NEXT_EVENT.value: state.has_next, "back": bool(state.points)}
        for what, button in self._movers.items():
            button.setVisible(not state.is_guest)
            button.set_busy(state.moving == what)
            button.setEnabled(state.moving == what or (not state.moving and can.get(what, True)))
        self.log_button.setVisible(bool(state.steps))
        self.log_button.setText(happened_label(state.happened))
        self.log_button.setAccessibleDescription(tr("Shown below") if state.is_log_open else tr("Hidden"))
        self.sign_in_button.setVisible(state.is_guest)
        self.close_button.setVisible(not state.is_simulated)

    def _on_moved(self, step: Moved) -> None:
        a11y.announce(self, moved_text(step.end, len(step.happenings)))

    def _on_returned(self, at: object) -> None:
        if self.vm.state.now is not None:
            toast_area(self).show_toast(returned_text(self.vm.state.now), icon="rewind")

    def _on_log_grown(self) -> None:
        set_tab_order(self)
        self._fit_log()

    # -- geometry, time and paint ----------------------------------------------------------------------------------
    def _fit_log(self) -> None:
        if not self.log.isHidden():
            self.log.fit(round(self.window().height() * LOG_SHARE))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_log()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "log"):
            self._fit_log()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._timer:
            self._timer = self.startTimer(REFRESH_MILLISECONDS)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._timer:
            self.killTimer(self._timer)
            self._timer = 0

    def timerEvent(self, _event: QTimerEvent) -> None:
        if not self.vm.state.moving:
            self.vm.load()

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        look, is_simulated = theme.current(), self.vm.state.is_simulated
        p.fillRect(self.rect(), look.color("warningSoft" if is_simulated else "surfaceSunken"))
        edge = QRectF(0, self.height() - 1, self.width(), 1)
        p.fillRect(edge, look.color("warning" if is_simulated else "border"))
        p.end()


class _Words(QWidget):
    """Asks for the room of unbroken lines: the bar rather folds than breaks them; a very long name breaks still."""

    def __init__(self, icon: QWidget, *lines: QLabel) -> None:
        super().__init__()
        self._icon, self._lines = icon, lines
        whole = row(icon, column(*lines, spacing=0), spacing=WORDS_GAP)
        whole.setStretch(1, 1)
        self.setLayout(whole)

    def sizeHint(self) -> QSize:
        widest = max(one.fontMetrics().horizontalAdvance(one.text()) for one in self._lines)
        height = sum(one.fontMetrics().lineSpacing() for one in self._lines)
        return QSize(self._icon.sizeHint().width() + WORDS_GAP + widest + 4, height)


class _Line(QWidget):
    """Buttons side by side, in more lines when there is no room."""

    def __init__(self, *buttons: QWidget) -> None:
        super().__init__()
        self._shown = buttons
        flow = FlowLayout(self, gap=GAP)
        for button in buttons:
            flow.addWidget(button)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        shown = [one.sizeHint() for one in self._shown if not one.isHidden()]
        width = sum(one.width() for one in shown) + GAP * max(len(shown) - 1, 0)
        return QSize(width, max((one.height() for one in shown), default=0))
