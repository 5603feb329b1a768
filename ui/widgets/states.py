"""What a place shows when it has nothing, waits or failed: empty and error states, skeletons, spinner, steps."""

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, QTimerEvent, Signal
from PySide6.QtGui import QHideEvent, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from ui import theme
from ui.text import tr
from ui.widgets import a11y, paint
from ui.widgets.buttons import SPIN_STEP_MS, Button
from ui.widgets.layout import Icon, label, row

READING = 400  # px at 100 % text, for a few sentences in the middle of a page
ALL = 10_000  # a stretch beside which others count for nothing
StepState = Literal["waiting", "running", "done", "failed"]


class EmptyState(QWidget):
    """What this place is for, why it is empty, and one thing to do about it. Signals: acted()."""

    acted = Signal()

    def __init__(
        self, icon: str, title: str, text: str = "", action: str = "", *, name: str = "", variant: str = "primary",
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.setObjectName(name)
        center = Qt.AlignmentFlag.AlignHCenter
        self._disc = _IconDisc(icon)
        self.title_label = label(title, "section", align=Qt.AlignmentFlag.AlignCenter, wrap=True)
        self.text_label = label(text, "muted", align=Qt.AlignmentFlag.AlignCenter, wrap=True)
        self.text_label.setMaximumWidth(theme.current().px(READING))
        self.action_button = Button(action, variant, name=f"{name}Action" if name else "")
        self.action_button.clicked.connect(self.acted)
        self.extra = QVBoxLayout()
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 32, 24, 40)
        column.setSpacing(0)
        column.addStretch(2)
        column.addWidget(self._disc, 0, center)
        column.addSpacing(16)
        column.addWidget(self.title_label)
        column.addSpacing(4)
        words = row(None, self.text_label, None)  # an alignment would ignore height for width and cut lines
        words.setStretch(1, ALL)
        column.addLayout(words)
        column.addSpacing(18)
        column.addWidget(self.action_button, 0, center)
        column.addLayout(self.extra)
        column.addStretch(3)
        self.set_state(icon, title, text, action)

    def set_state(self, icon: str, title: str, text: str = "", action: str = "") -> None:
        self._disc.set_icon(icon)
        self.title_label.setText(title)
        self.text_label.setText(text)
        self.text_label.setVisible(bool(text))
        self.action_button.setText(action)
        self.action_button.setVisible(bool(action))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "text_label"):
            self.text_label.setMaximumWidth(theme.current().px(READING))


class ErrorState(EmptyState):
    """A list that could not be loaded: what happened, in words, and a retry. Signals: retried()."""

    retried = Signal()

    def __init__(
        self, title: str = "", text: str = "", *, retry: str = "", icon: str = "circle-alert", name: str = "errorState"
    ) -> None:
        super().__init__(
            icon,
            title or tr("This could not be loaded"),
            text,
            retry or tr("Try again"),
            name=name,
            variant="secondary",
        )
        self.acted.connect(self.retried)

    def set_error(self, text: str, *, title: str = "", icon: str = "circle-alert") -> None:
        self.set_state(icon, title or self.title_label.text(), text, self.action_button.text())
        a11y.announce(self, text)

    def set_busy(self, busy: bool) -> None:
        self.action_button.set_busy(busy)


class _IconDisc(QWidget):
    def __init__(self, icon: str) -> None:
        super().__init__()
        self._icon = icon
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_icon(self, icon: str) -> None:
        self._icon = icon
        self.update()

    def sizeHint(self) -> QSize:
        side = theme.current().px(56)
        return QSize(side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        side, mark = theme.current().px(56), theme.current().px(24)
        p = paint.painter(self)
        paint.box(p, QRectF(0, 0, side, side), side / 2, "surfaceActive")
        at = (side - mark) // 2
        paint.icon(p, QRectF(at, at, mark, mark).topLeft().toPoint(), self._icon, "textMuted", mark)
        p.end()


class Skeleton(QWidget):
    """A grey block in the place of something still loading; width 0 takes what the layout gives."""

    def __init__(self, width: int = 0, height: int = 14, *, radius: str = "xs", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._width, self._height, self._radius = width, height, radius
        horizontal = QSizePolicy.Policy.Fixed if width else QSizePolicy.Policy.Expanding
        self.setSizePolicy(horizontal, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        px = theme.current().px
        return QSize(px(self._width or 120), px(self._height))

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        paint.box(p, QRectF(self.rect()), theme.current().radius(self._radius), "skeleton")
        p.end()


def skeleton_rows(count: int = 4, *, height: int = 40, gap: int = 12) -> QWidget:
    """Placeholders for a list that is loading."""
    box = QWidget()
    box.setAccessibleName(tr("Loading"))
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(gap)
    for _ in range(count):
        column.addWidget(Skeleton(0, height, radius="md"))
    column.addStretch()
    return box


class Spinner(QWidget):
    """Turns while it is visible; stands still when motion is reduced."""

    def __init__(
        self, size: int = 20, *, label: str = "", role: str = "textMuted", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._size, self._role = size, role
        self._turn = 0.0
        self._timer = 0
        self.setAccessibleName(label or tr("Loading"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        side = theme.current().px(self._size)
        return QSize(side, side)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._timer and not theme.current().reduced_motion:
            self._timer = self.startTimer(SPIN_STEP_MS)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._timer:
            self.killTimer(self._timer)
            self._timer = 0

    def timerEvent(self, _event: QTimerEvent) -> None:
        self._turn = (self._turn + SPIN_STEP_MS / 900) % 1
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        side = min(self.width(), self.height())
        p = paint.painter(self)
        paint.spinner(p, QRectF(0, 0, side, side), self._role, self._turn)
        p.end()


# the dot beside the word that says how a bought agent is
STATE_ROLES = {
    "ordered": "warning",
    "deploying": "warning",
    "ready": "success",
    "failed": "danger",
    "retired": "textSubtle",
    "paused": "textSubtle",
    "suspended": "danger",
}
STEP_MARKS: dict[StepState, tuple[str, str]] = {
    "waiting": ("circle", "textSubtle"),
    "running": ("loader-circle", "accent"),
    "done": ("circle-check", "success"),
    "failed": ("circle-x", "danger"),
}


class _Step(QWidget):
    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self.state: StepState = "waiting"
        self._icon = Icon("circle", "textSubtle", 18)
        self._spinner = Spinner(18, role="accent")
        self._title = label(title)
        self._detail = label("", "small", wrap=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        top = Qt.AlignmentFlag.AlignTop
        row.addWidget(self._icon, 0, top)
        row.addWidget(self._spinner, 0, top)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(self._title)
        column.addWidget(self._detail)
        row.addLayout(column, 1)
        self.set_state("waiting", "")

    def set_state(self, state: StepState, detail: str) -> None:
        self.state = state
        self._icon.set_icon(*STEP_MARKS[state])
        self._icon.setVisible(state != "running")
        self._spinner.setVisible(state == "running")
        self._detail.setText(detail)
        self._detail.setVisible(bool(detail))
        kind = {"waiting": "muted", "running": "strong", "done": "body", "failed": "strong"}[state]
        self._title.setProperty("kind", kind)
        self._title.style().unpolish(self._title)
        self._title.style().polish(self._title)
        words = {"waiting": tr("waiting"), "running": tr("in progress"), "done": tr("done"), "failed": tr("failed")}
        self.setAccessibleName(f"{self.title}, {words[state]}" + (f". {detail}" if detail else ""))


class ProgressSteps(QWidget):
    """Work in named steps, one below the other, each with its state and a sentence."""

    def __init__(
        self, titles: Sequence[str] = (), *, label: str = "", name: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(label or tr("Progress"))
        self._steps: list[_Step] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(14)
        self.set_titles(titles)

    def set_titles(self, titles: Sequence[str]) -> None:
        if tuple(step.title for step in self._steps) == tuple(titles):
            return
        for step in self._steps:
            self._column.removeWidget(step)
            step.hide()
            step.deleteLater()
        self._steps = [_Step(title) for title in titles]
        for step in self._steps:
            self._column.addWidget(step)

    def set_step(self, index: int, state: StepState, detail: str = "") -> None:
        step = self._steps[index]
        announced = state != step.state and state in ("done", "failed")
        step.set_state(state, detail)
        if announced:
            a11y.announce(self, step.accessibleName(), assertive=state == "failed")

    def state(self, index: int) -> StepState:
        return self._steps[index].state
