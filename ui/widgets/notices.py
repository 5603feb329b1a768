"""Telling without stopping: toasts that offer Undo and go by themselves, banners that stay until the state changes."""

from collections.abc import Callable

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, QPoint, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget
from shiboken6 import isValid

from ui import theme
from ui.text import tr
from ui.widgets import a11y, paint
from ui.widgets.buttons import Button, IconButton
from ui.widgets.layout import Icon, label

TOAST_MS = 8000
MOST_TOASTS = 3
EDGE = 20
GAP = 8


class Toast(QFrame):
    """One sentence and at most one action. Its time stands still while the pointer or the focus is on it.

    Signals: acted() - the action was used; closed() - it is gone.
    """

    acted = Signal()
    closed = Signal()

    def __init__(
        self, text: str, action: str = "", *, icon: str = "", ms: int = TOAST_MS, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.text = text
        self.focus_before: QWidget | None = None  # gets the focus back when the toast goes
        self._left_ms = ms
        self._since = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.close_toast)
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 8, 8)
        row.setSpacing(10)
        if icon:
            row.addWidget(Icon(icon, "onTooltip", 16))
        words = label(text, "toast", wrap=len(text) > 60)
        words.setMinimumWidth(theme.current().px(360) if len(text) > 60 else 0)
        row.addWidget(words, 1)
        self.action_button = Button(action, "toast", name="toastAction", parent=self)
        self.action_button.setVisible(bool(action))
        self.action_button.clicked.connect(self._on_action_clicked)
        row.addWidget(self.action_button)
        self.close_button = IconButton("x", tr("Close message"), name="toastClose", variant="toastIcon")
        self.close_button.clicked.connect(self.close_toast)
        row.addWidget(self.close_button)
        for button in (self.action_button, self.close_button):
            button.installEventFilter(self)

    def _has_focus(self) -> bool:
        return self.action_button.hasFocus() or self.close_button.hasFocus()

    def run(self) -> None:
        self._since.start()
        self._timer.start(self._left_ms)

    @property
    def is_paused(self) -> bool:
        return not self._timer.isActive()

    def _pause(self) -> None:
        if self._timer.isActive():
            self._left_ms = max(self._left_ms - self._since.elapsed(), 1500)
            self._timer.stop()

    def _resume(self) -> None:
        if not self.underMouse() and not self._has_focus() and not self._timer.isActive():
            self.run()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Enter:
            self._pause()
        elif event.type() == QEvent.Type.Leave:
            QTimer.singleShot(0, self, self._resume)
        return super().event(event)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusIn:
            self._pause()
        elif event.type() == QEvent.Type.FocusOut:
            QTimer.singleShot(0, self, self._resume)
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_toast()
            return
        super().keyPressEvent(event)

    def _on_action_clicked(self) -> None:
        self.acted.emit()
        self.close_toast()

    def close_toast(self) -> None:
        if self.isHidden():
            return
        self._timer.stop()
        before = self.focus_before
        if self._has_focus() and before is not None and isValid(before) and before.isVisible():
            before.setFocus(Qt.FocusReason.OtherFocusReason)
        self.hide()
        self.closed.emit()
        self.deleteLater()

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        paint.box(p, QRectF(self.rect()), theme.current().radius("lg"), "tooltip")
        p.end()


class ToastArea(QWidget):
    """Bottom centre of a window: at most three toasts, the newest lowest. One per window; create it with the window."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("toastArea")
        self._window = window
        self._toasts: list[Toast] = []
        self._kept_clear: list[QWidget] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GAP)
        window.installEventFilter(self)
        self.hide()

    def show_toast(
        self,
        text: str,
        *,
        action: str = "",
        on_action: Callable[[], object] | None = None,
        icon: str = "",
        ms: int = TOAST_MS,
    ) -> Toast:
        """Says one sentence, politely for screen readers; `action` ("Undo") calls `on_action` once."""
        toast = Toast(text, action, icon=icon, ms=ms, parent=self)
        toast.focus_before = QApplication.focusWidget()
        if on_action is not None:
            toast.acted.connect(on_action)
        toast.closed.connect(lambda: self._forget(toast))
        self._toasts.append(toast)
        self._column.addWidget(toast, 0, Qt.AlignmentFlag.AlignHCenter)
        for old in self._toasts[:-MOST_TOASTS]:
            old.close_toast()
        toast.show()
        toast.run()
        self._place()
        self.show()
        self.raise_()
        a11y.announce(toast, f"{text} {action}".strip())
        return toast

    def toasts(self) -> tuple[Toast, ...]:
        return tuple(self._toasts)

    def keep_clear(self, widget: QWidget) -> None:
        """Toasts never lie on this one, such as a field people are about to type into: they go above it."""
        if widget not in self._kept_clear:
            self._kept_clear.append(widget)
            widget.installEventFilter(self)
            widget.destroyed.connect(lambda: self._kept_clear.remove(widget))
        self._place()

    def undo_latest(self) -> bool:
        """Ctrl+Z: uses the newest toast that offers an action."""
        for toast in reversed(self._toasts):
            if not toast.action_button.isHidden():
                toast.action_button.click()
                return True
        return False

    def _forget(self, toast: Toast) -> None:
        if toast in self._toasts:
            self._toasts.remove(toast)
            self._column.removeWidget(toast)
        self.setVisible(bool(self._toasts))
        self._place()

    def _place(self) -> None:
        window = self._window
        self._column.activate()
        hint = self._column.sizeHint()
        size = QSize(min(hint.width(), window.width() - 2 * EDGE), hint.height())
        place = QRect(
            QPoint((window.width() - size.width()) // 2, window.height() - size.height() - EDGE), size
        )  # fmt: skip
        seen = (one for one in self._kept_clear if one.isVisible())
        taken = [QRect(one.mapTo(window, QPoint(0, 0)), one.size()) for one in seen]
        for rect in sorted(taken, key=QRect.bottom, reverse=True):  # from below: above one there may be the next
            if rect.intersects(place):
                place.moveBottom(rect.top() - GAP)
        self.setGeometry(place)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        moved = event.type() in (QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.Move, QEvent.Type.Resize)
        if moved and self._toasts and (watched is self._window or watched in self._kept_clear):
            self._place()
        return False

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest and self._toasts:
            self._place()
        return super().event(event)


# tone: icon, fill, text, mark
BANNERS: dict[str, tuple[str, str, str, str]] = {
    "info": ("info", "infoSoft", "onInfoSoft", "info"),
    "success": ("circle-check", "successSoft", "onSuccessSoft", "success"),
    "warning": ("triangle-alert", "warningSoft", "onWarningSoft", "warning"),
    "danger": ("circle-alert", "dangerSoft", "onDangerSoft", "danger"),
    "test": ("flask-conical", "accentSoft", "onAccentSoft", "accent"),
    "offline": ("wifi-off", "surfaceActive", "text", "textMuted"),
}


MOST_BESIDE = 3.5  # lines of a banner's words beside its action
AROUND_WORDS = 68  # px of a banner that are margins, icon and gaps


class Banner(QFrame):
    """A lasting state in words: low balance, offline, test mode. Signals: acted() - its button was used; closed()."""

    acted = Signal()
    closed = Signal()

    def __init__(
        self, text: str = "", tone: str = "info", *, action: str = "", closable: bool = False, edge: bool = False,
        name: str = "", parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._tone = tone
        self._edge = edge  # spans the window: square corners
        self.setObjectName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._icon = Icon(BANNERS[tone][0], BANNERS[tone][3], 16)
        self._words = label("", f"banner-{tone}", wrap=True)
        self.action_button = Button("", "secondary", small=True, name=f"{name}Action" if name else "")
        self.action_button.clicked.connect(self.acted)
        self.close_button = IconButton(
            "x", tr("Close message"), small=True, name=f"{name}Close" if name else "", parent=self
        )
        self.close_button.setHidden(not closable)
        self.close_button.clicked.connect(self._on_close_clicked)
        self._is_stacked = False
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(14, 8, 8, 8)
        self._grid.setSpacing(10)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self._icon, 0, 0)
        self._grid.addWidget(self._words, 0, 1)
        self._grid.addWidget(self.action_button, 0, 2)
        self._grid.addWidget(self.close_button, 0, 3)
        self.set_message(text, tone, action)

    @property
    def text(self) -> str:
        return self._words.text()

    def set_message(self, text: str, tone: str | None = None, action: str = "") -> None:
        changed = text != self._words.text()
        self._tone = tone or self._tone
        self._icon.set_icon(BANNERS[self._tone][0], BANNERS[self._tone][3])
        self._words.setProperty("kind", f"banner-{self._tone}")
        self._words.style().unpolish(self._words)
        self._words.style().polish(self._words)
        self._words.setText(text)
        self.action_button.setText(action)
        self.action_button.setVisible(bool(action))
        self.setAccessibleName(text)
        self._arrange()
        self.update()
        if changed and text and self.isVisible():
            a11y.announce(self, text, assertive=self._tone == "danger")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Beside many words in a narrow place the action would leave them a thin column: it goes below."""
        has_action = not self.action_button.isHidden()
        beside = self.width() - self.action_button.sizeHint().width() - AROUND_WORDS
        most = MOST_BESIDE * self._words.fontMetrics().lineSpacing()
        is_stacked = has_action and self._words.heightForWidth(max(1, beside)) > most
        if is_stacked == self._is_stacked:
            return
        self._is_stacked = is_stacked
        self._grid.removeWidget(self.action_button)
        start = Qt.AlignmentFlag.AlignLeading
        if is_stacked:
            self._grid.addWidget(self.action_button, 1, 1, start)
        else:
            self._grid.addWidget(self.action_button, 0, 2)

    def _on_close_clicked(self) -> None:
        self.hide()
        self.closed.emit()

    def sizeHint(self) -> QSize:
        return super().sizeHint().expandedTo(QSize(0, theme.current().line("body") + 24))

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        paint.box(p, QRectF(self.rect()), 0 if self._edge else theme.current().radius("md"), BANNERS[self._tone][1])
        p.end()


def toast_area(widget: QWidget) -> ToastArea:
    """The toast area of a widget's window, made when it is first needed."""
    window = widget.window()
    area = window.findChild(ToastArea, options=Qt.FindChildOption.FindDirectChildrenOnly)
    return area if area is not None else ToastArea(window)
