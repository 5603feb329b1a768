"""Layers inside the window: scrim, dialog, side sheet. Focus stays in the topmost one and goes back afterwards."""

from PySide6.QtCore import QEasingCurve, QEvent, QObject, QPoint, QRect, QRectF, QSize, Qt, QVariantAnimation, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget
from shiboken6 import isValid

from ui import theme
from ui.text import tr
from ui.widgets import paint
from ui.widgets.buttons import Button, IconButton
from ui.widgets.fields import FieldNote
from ui.widgets.focus_order import reading_order
from ui.widgets.folding import Reading
from ui.widgets.layout import label, rule, scroll_page

SCRIM_LIGHT, SCRIM_DARK = 0.36, 0.56
TRAVEL = 8


class OverlayStack(QObject):
    """The open overlays of one window, lowest first; the topmost owns the focus."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._open: list[Overlay] = []
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._on_focus_changed)

    @staticmethod
    def of(widget: QWidget) -> "OverlayStack":
        window = widget.window()
        stack = window.findChild(OverlayStack, options=Qt.FindChildOption.FindDirectChildrenOnly)
        return stack if stack is not None else OverlayStack(window)

    @property
    def top(self) -> "Overlay | None":
        return self._open[-1] if self._open else None

    def push(self, overlay: "Overlay") -> None:
        self._open.append(overlay)

    def remove(self, overlay: "Overlay") -> None:
        if overlay in self._open:
            self._open.remove(overlay)

    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        top = self.top
        if top is None or new is None or not isValid(top) or new.window() is not top.window():
            return
        if new is not top and not top.isAncestorOf(new):
            top.take_focus()


class Overlay(QWidget):
    """A scrim over the whole window with one panel in it. Shown once: it deletes itself when it closes.

    Signals: closed() - however it ended; dismissed() - by Esc, the scrim or the close button.
    """

    closed = Signal()
    dismissed = Signal()

    def __init__(self, window: QWidget, *, name: str = "") -> None:
        super().__init__(window.window())
        self.setObjectName(name)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()
        self.is_dismissible = True
        self.first_focus: QWidget | None = None
        self.panel = Panel(self)
        self._entered = 1.0
        self._before: QWidget | None = None
        self._stack = OverlayStack.of(window)
        self._motion = QVariantAnimation(self)
        self._motion.setStartValue(0.0)
        self._motion.setEndValue(1.0)
        self._motion.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._motion.valueChanged.connect(self._on_motion)
        self.window().installEventFilter(self)

    # -- life ------------------------------------------------------------------------------------------------------
    def open(self) -> None:
        self._before = QApplication.focusWidget()
        self._stack.push(self)
        self._cover()
        self.show()
        self.raise_()
        duration = theme.current().ms("base")
        if duration:
            self._motion.setDuration(duration)
            self._motion.start()
        self.take_focus()

    def close_overlay(self) -> None:
        """Ends it without saying it was dismissed, and returns the focus."""
        if self not in (self._stack.top, *self._stack._open):
            return
        self._stack.remove(self)
        self._motion.stop()
        self.window().removeEventFilter(self)
        self.hide()
        before = self._before
        if before is not None and isValid(before) and before.isVisible() and before.isEnabled():
            before.setFocus(Qt.FocusReason.OtherFocusReason)
        self.closed.emit()
        self.deleteLater()

    def dismiss(self) -> None:
        if self.is_dismissible:
            self.dismissed.emit()
            self.close_overlay()

    def take_focus(self) -> None:
        stops = self._stops()
        target = self.first_focus if self.first_focus in stops else stops[0] if stops else self.panel
        target.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- focus stays inside ----------------------------------------------------------------------------------------
    def _stops(self) -> list[QWidget]:
        """What Tab visits inside the panel, in reading order."""
        return [widget for widget in reading_order(self.panel) if widget.isVisibleTo(self) and widget.isEnabled()]

    def focusNextPrevChild(self, forward: bool) -> bool:
        stops = self._stops()
        if not stops:
            return True
        current = self.focusWidget()
        step = 1 if forward else -1
        index = (stops.index(current) + step) % len(stops) if current in stops else 0
        stops[index].setFocus(Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason)
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.accept_default()
        event.accept()  # nothing typed in an overlay reaches the page below

    def accept_default(self) -> None:
        """What Enter does when no button has the focus; nothing unless a subclass says so."""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.panel.geometry().contains(event.position().toPoint()):
            self.dismiss()
        event.accept()

    # -- geometry and paint ----------------------------------------------------------------------------------------
    def place(self) -> QRect:
        """Where the panel goes; in the middle unless a subclass says otherwise."""
        size = self.panel_size()
        return QRect(QPoint((self.width() - size.width()) // 2, (self.height() - size.height()) // 2), size)

    def panel_size(self) -> QSize:
        look = theme.current()
        width = min(look.px(look.size("dialog")), self.width() - 48)
        layout = self.panel.layout()
        height = layout.totalHeightForWidth(width) if layout is not None and layout.hasHeightForWidth() else 0
        return QSize(
            width, min(max(height, self.panel.sizeHint().height() if height <= 0 else height), self.height() - 48)
        )

    def _cover(self) -> None:
        self.setGeometry(self.window().rect())
        self._arrange()

    def _arrange(self) -> None:
        place = self.place()
        self.panel.setGeometry(place.translated(0, round((1 - self._entered) * TRAVEL)))

    def _on_motion(self, value: float) -> None:
        self._entered = value
        self._arrange()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.StyleChange):
            self._arrange()
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self.window():
            self._cover()
        return False

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        p = paint.painter(self)
        alpha = (SCRIM_DARK if look.is_dark else SCRIM_LIGHT) * self._entered
        p.fillRect(self.rect(), look.color("scrim", alpha))
        paint.shadow(p, self.panel.geometry(), look.radius(self.panel.corner))
        p.end()


class Panel(QFrame):
    """The raised surface of an overlay."""

    def __init__(self, overlay: QWidget) -> None:
        super().__init__(overlay)
        self._overlay = overlay
        self.corner = "lg"
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAccessibleName(tr("Dialog"))

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            QApplication.postEvent(self._overlay, QEvent(QEvent.Type.LayoutRequest))
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        paint.box(p, QRectF(self.rect()), theme.current().radius(self.corner), "surfaceOverlay", "border")
        p.end()


class Dialog(Overlay):
    """A question or a short form: title, text, `body` for fields, two buttons. Enter confirms, Esc cancels.

    A dangerous one focuses Cancel. Signals: confirmed() - stays open until close_overlay(); dismissed().
    """

    confirmed = Signal()

    def __init__(
        self,
        window: QWidget,
        title: str,
        text: str = "",
        *,
        confirm: str = "",
        cancel: str = "",
        danger: bool = False,
        name: str = "",
    ) -> None:
        super().__init__(window, name=name)
        self._danger = danger
        self.panel.setAccessibleName(title)
        self.panel.setAccessibleDescription(text)
        column = QVBoxLayout(self.panel)
        column.setContentsMargins(24, 22, 24, 20)
        column.setSpacing(0)
        column.addWidget(label(title, "section", wrap=True))
        self.text_label: QLabel = label(text, "muted", wrap=True)
        if not text:
            self.text_label.hide()
        column.addSpacing(6)
        column.addWidget(self.text_label)
        self.body = QVBoxLayout()
        self.body.setSpacing(14)
        column.addLayout(self.body)
        self.note = FieldNote()
        column.addWidget(self.note)
        column.addSpacing(20)
        column.addLayout(self._buttons(confirm, cancel or tr("Cancel")))

    def _buttons(self, confirm: str, cancel: str) -> QHBoxLayout:
        self.cancel_button = Button(cancel, "secondary", name="dialogCancel")
        self.cancel_button.clicked.connect(self.dismiss)
        self.confirm_button = Button(confirm, "danger" if self._danger else "primary", name="dialogConfirm")
        if not confirm:
            self.confirm_button.hide()
        self.confirm_button.clicked.connect(self.confirmed)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch()
        row.addWidget(self.cancel_button)
        row.addWidget(self.confirm_button)
        return row

    def open(self) -> None:
        if self.body.count():
            self.body.setContentsMargins(0, 16, 0, 0)
        if self.first_focus is None and self._danger:
            self.first_focus = self.cancel_button
        elif self.first_focus is None and self.body.count() == 0 and not self.confirm_button.isHidden():
            self.first_focus = self.confirm_button
        super().open()

    def accept_default(self) -> None:
        if not self._danger and not self.confirm_button.isHidden():
            self.confirm_button.click()

    def set_busy(self, busy: bool) -> None:
        self.confirm_button.set_busy(busy)
        self.cancel_button.setEnabled(not busy)
        self.is_dismissible = not busy

    def set_error(self, message: str | None) -> None:
        self.note.set_error(message)


class Sheet(Overlay):
    """A panel at the end side of the window for longer tasks: title, scrolling `body`, `footer` for its buttons."""

    def __init__(self, window: QWidget, title: str, *, name: str = "", width: int = 480) -> None:
        super().__init__(window, name=name)
        self._width = width
        self.panel.corner = "lg"
        self.panel.setAccessibleName(title)
        column = QVBoxLayout(self.panel)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        self.close_button = IconButton("x", tr("Close"), name="sheetClose")
        self.close_button.clicked.connect(self.dismiss)
        head = QHBoxLayout()
        head.setContentsMargins(24, 14, 14, 14)
        head.addWidget(label(title, "section", wrap=True), 1)
        head.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(head)
        column.addWidget(rule())
        content = Reading()
        content.installEventFilter(self)
        self.body = QVBoxLayout(content)
        self.body.setContentsMargins(24, 20, 24, 24)
        self.body.setSpacing(14)
        self.area: QScrollArea = scroll_page(content, plain=True)
        column.addWidget(self.area, 1)
        self._foot_rule = rule()
        column.addWidget(self._foot_rule)
        self.footer = QHBoxLayout()
        self.footer.setContentsMargins(24, 14, 24, 16)
        self.footer.setSpacing(8)
        column.addLayout(self.footer)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest and watched is not self.window():  # the area keeps it to itself
            QApplication.postEvent(self, QEvent(QEvent.Type.LayoutRequest))
        return super().eventFilter(watched, event)

    def open(self) -> None:
        if self.footer.count() == 0:
            self._foot_rule.hide()
            self.footer.setContentsMargins(0, 0, 0, 0)
        super().open()

    def place(self) -> QRect:
        width = min(theme.current().px(self._width), self.width() - 32)
        rect = QRect(self.width() - width - 12, 12, width, self.height() - 24)
        return paint.mirrored(rect, self.width(), paint.is_rtl(self))
