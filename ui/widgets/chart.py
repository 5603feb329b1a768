"""A line chart one can read by mouse, by key and by ear: what stands still is painted once, the cursor on top of it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui import theme
from ui.widgets import a11y, paint
from ui.widgets.chart_layer import ChartData, Frame, frame_for, marker, paint_layer
from ui.widgets.chart_scale import Series, xs_of

__all__ = ["ChartData", "LineChart", "Series"]

HEIGHT = 300  # px at 100 % text
LEAST_WIDTH = 320
PAGE = 5  # points
PAD = 12  # inside the tooltip


class LineChart(QWidget):
    """Left and Right go from point to point, Page keys by five, Home and End to the ends, Esc takes the cursor away.

    Signals: pointed(int) - the cursor stands at this x; -1: nowhere.
    """

    pointed = Signal(int)

    def __init__(self, *, label: str, name: str = "") -> None:
        super().__init__()
        self._data = ChartData()
        self._xs: tuple[int, ...] = ()
        self._at = -1  # place in _xs
        self._version = 0
        self._key: tuple[object, ...] = ()
        self._layer = QPixmap()
        self._frame: Frame | None = None
        self.setObjectName(name)
        self.setAccessibleName(label)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizePolicy(policy)

    # ---- what it shows

    def show_chart(self, data: ChartData, description: str) -> None:
        """`description` is what a screen reader says of the whole."""
        if data == self._data:
            return
        self._data, self._xs, self._at = data, xs_of(data.series), -1
        self._version += 1
        self.setAccessibleDescription(description)
        self.updateGeometry()
        self.update()

    @property
    def at(self) -> int | None:
        """The x of the cursor."""
        return self._xs[self._at] if 0 <= self._at < len(self._xs) else None

    def rows(self) -> tuple[tuple[str, str], ...]:
        """What the tooltip says: the x, then each line's name with its value, lowest first."""
        at = self.at
        if at is None:
            return ()
        found = sorted((dict(one.points)[at], number) for number, one in enumerate(self._data.series))
        head = (f"{self._data.x_text(at)} {self._data.x_title}".strip(), "")
        return (head, *((self._data.series[number].name, self._data.value_text(y)) for y, number in found))

    def point_at(self, place: int) -> None:
        """Puts the cursor on a point and says what stands there; -1 takes it away."""
        place = max(-1, min(place, len(self._xs) - 1))
        if place == self._at:
            return
        self._at = place
        self.update()
        self.pointed.emit(self._xs[place] if place >= 0 else -1)

    def _say(self) -> None:
        a11y.announce(self, ", ".join(f"{name} {value}".strip() for name, value in self.rows()))

    # ---- keys and mouse

    def keyPressEvent(self, event: QKeyEvent) -> None:
        place = self._place_for(event.key())
        if place is None:
            super().keyPressEvent(event)
            return
        self.point_at(place)
        self._say()
        event.accept()

    def _place_for(self, key: int) -> int | None:
        """Where a key puts the cursor; None for keys that are none of ours."""
        ahead = -1 if paint.is_rtl(self) else 1
        steps = {Qt.Key.Key_Left: -ahead, Qt.Key.Key_Right: ahead, Qt.Key.Key_PageUp: -PAGE, Qt.Key.Key_PageDown: PAGE}
        if not self._xs:
            return None
        if key in steps:
            return self._first() if self._at < 0 else max(0, self._at + steps[Qt.Key(key)])
        if key == Qt.Key.Key_Escape:
            return -1 if self._at >= 0 else None
        return {Qt.Key.Key_Home: 0, Qt.Key.Key_End: len(self._xs) - 1}.get(Qt.Key(key))

    def _first(self) -> int:
        """Nearest to where the reader is, else the first."""
        mark = self._data.x_mark
        return min(range(len(self._xs)), key=lambda place: abs(self._xs[place] - mark)) if mark is not None else 0

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        frame = self._frame
        if frame is not None and self._xs:
            x = event.position().x()
            self.point_at(min(range(len(self._xs)), key=lambda place: abs(frame.x(self._xs[place]) - x)))
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.point_at(-1)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.point_at(-1)

    # ---- size and paint

    def sizeHint(self) -> QSize:
        look = theme.current()
        names = (len(self._data.series) + 5) * look.line("caption")
        return QSize(look.px(LEAST_WIDTH), max(look.px(HEIGHT), names))

    def minimumSizeHint(self) -> QSize:
        return QSize(LEAST_WIDTH, self.sizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.updateGeometry()

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not self._data.series:
            return
        frame = self._refresh_layer()
        p = paint.painter(self)
        p.drawPixmap(0, 0, self._layer)
        if self.at is not None:
            self._paint_cursor(p, frame, self.at)
        p.end()

    def _refresh_layer(self) -> Frame:
        dpr, rtl = self.devicePixelRatioF(), paint.is_rtl(self)
        key = (self.size(), dpr, theme.current().key, rtl, self._version)
        if self._frame is None or key != self._key:
            self._key = key
            self._frame = frame_for(self._data, self.width(), self.height(), is_rtl=rtl)
            self._layer = QPixmap(self.size() * dpr)
            self._layer.setDevicePixelRatio(dpr)
            self._layer.fill(Qt.GlobalColor.transparent)
            p = paint.painter(self._layer)
            paint_layer(p, self._frame)
            p.end()
        return self._frame

    def _paint_cursor(self, p: QPainter, frame: Frame, at: int) -> None:
        x = frame.x(at)
        p.setPen(QPen(theme.current().color("borderControl"), 1))
        p.drawLine(QPointF(x, frame.plot.top()), QPointF(x, frame.plot.bottom()))
        for number, one in enumerate(self._data.series):
            marker(p, QPointF(x, frame.y(dict(one.points)[at])), number, 4.5)
        self._paint_tooltip(p, frame, x)

    def _paint_tooltip(self, p: QPainter, frame: Frame, x: float) -> None:
        look, rows = theme.current(), self.rows()
        fonts = [look.font("caption", True, 600), *[look.font("caption", True)] * (len(rows) - 1)]
        line = look.line("caption") + 2
        words = zip(fonts, rows, strict=True)
        width = max(QFontMetrics(font).horizontalAdvance(f"{name}    {value}") for font, (name, value) in words)
        width = min(width + 2 * PAD, self.width())
        after, before = x + PAD, x - PAD - width
        left = after if after + width <= frame.plot.right() or before < 0 else before
        left = max(0, min(left, self.width() - width))
        box = QRectF(left, frame.plot.top() + 4, width, len(rows) * line + 2 * PAD - 4)
        paint.box(p, box, look.radius("md"), "tooltip")
        p.setPen(look.color("onTooltip"))
        ahead, behind = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        if frame.is_rtl:
            ahead, behind = behind, ahead
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignAbsolute
        for number, (name, value) in enumerate(rows):
            place = QRectF(box.left() + PAD, box.top() + PAD - 2 + number * line, width - 2 * PAD, line)
            p.setFont(fonts[number])
            p.drawText(place, ahead | middle, name)
            p.drawText(place, behind | middle, value)
