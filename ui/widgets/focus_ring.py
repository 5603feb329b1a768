"""Where the keyboard is: one ring per window, around the focused control, only after a key has moved the focus."""

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractItemView, QAbstractScrollArea, QApplication, QScrollArea, QWidget
from shiboken6 import isValid

from ui import theme
from ui.widgets import paint
from ui.widgets.layout import ScrollPage

MOVES_FOCUS = (
    Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Right,
    Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space, Qt.Key.Key_F6,
)  # fmt: skip
COMMAND_KEYS = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
WATCHED_MOVES = (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide)


class FocusRing(QWidget):
    """Create one with the window.

    It watches only the focused widget (and its ancestors while the ring is visible): a filter on the whole
    application would send every event of the program through Python.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("focusRing")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._window = window
        self._is_keyboard = False
        self._is_tabbing = False  # the key that is being handled is Tab
        self._target: QWidget | None = None
        self._watched: list[QWidget] = []
        self.hide()
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._on_focus_changed)
            self._watch(app.focusWidget())

    @property
    def target(self) -> QWidget | None:
        """The control the ring is around, or None while it is hidden."""
        return self._target if self.isVisible() else None

    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        if not isValid(self):
            return
        if QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._is_keyboard = False
        if self._is_tabbing and new is not None and new.window() is self._window:
            self._is_tabbing = False
            _reveal(new)
        self._watch(new)

    def _watch(self, widget: QWidget | None) -> None:
        for old in self._watched:
            if isValid(old):
                old.removeEventFilter(self)
        self._watched.clear()
        self._target = None
        if widget is not None and widget.window() is self._window:
            self._target = widget
            chain: list[QWidget] = [widget]
            parent = widget.parentWidget()
            while parent is not None and parent is not self._window:
                chain.append(parent)
                parent = parent.parentWidget()
            for one in chain if self._is_keyboard else chain[:1]:
                one.installEventFilter(self)
                self._watched.append(one)
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride) and isinstance(event, QKeyEvent):
            command = event.modifiers() & COMMAND_KEYS
            self._is_tabbing = event.key() in MOVES_FOCUS[:2] and not command
            if (event.key() in MOVES_FOCUS or command) and not self._is_keyboard:
                self._is_keyboard = True
                if kind == QEvent.Type.KeyPress and event.key() in MOVES_FOCUS[2:6]:
                    self._watch(self._target)  # an arrow inside a control may keep the focus where it is
        elif kind == QEvent.Type.MouseButtonPress:
            self._is_keyboard = False
            self.hide()
        elif kind in WATCHED_MOVES:
            self._place()
        return False

    def _place(self) -> None:
        target = self._target
        if (
            target is None
            or not self._is_keyboard
            or not isValid(target)
            or not target.isVisible()
            or _draws_own(target)
        ):
            self.hide()
            return
        look = theme.current()
        out = look.size("focusRing") + look.size("focusGap")
        target = _framed(target)
        rect = QRect(target.mapTo(self._window, QPoint(0, 0)), target.size()).adjusted(-out, -out, out, out)
        if rect.intersected(_visible_part(target, self._window).adjusted(-out, -out, out, out)) != rect:
            rect = rect.intersected(self._window.rect())
        self.setGeometry(rect)
        self.raise_()
        self.show()
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        width = look.size("focusRing")
        p = paint.painter(self)
        p.setPen(QPen(look.color("focus"), width))
        p.setBrush(Qt.BrushStyle.NoBrush)
        half = width / 2
        inner = QRectF(self.rect()).adjusted(half, half, -half, -half)
        radius = min(look.radius("md") + 2, inner.height() / 2)
        p.drawRoundedRect(inner, radius, radius)
        p.end()


def _reveal(widget: QWidget) -> None:
    """Scroll areas bring into view what Tab reaches from inside them; this does it for what it reaches from outside."""
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, ScrollPage):
            parent.reveal(widget)
        parent = parent.parentWidget()


def _draws_own(widget: QWidget) -> bool:
    """Lists and grids mark their current row themselves."""
    return isinstance(widget, QAbstractItemView)


def _framed(widget: QWidget) -> QWidget:
    """What the ring goes around: a control without a frame of its own names the widget that frames it."""
    frame = widget.parentWidget()
    return frame if frame is not None and widget.property("ringOnParent") == "true" else widget


def _visible_part(widget: QWidget, window: QWidget) -> QRect:
    """What scroll areas around a widget leave of it, in window coordinates."""
    visible = window.rect()
    parent = widget.parentWidget()
    while parent is not None and parent is not window:
        if isinstance(parent, QScrollArea | QAbstractScrollArea):
            view = parent.viewport()
            visible = visible.intersected(QRect(view.mapTo(window, QPoint(0, 0)), view.size()))
        parent = parent.parentWidget()
    return visible
