"""What of a line chart stands still: grid, axes, lines with their markers, names at the line ends, the reader's place.

Painted once for a size, look and data; the cursor comes on top of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPainterPath, QPen, QPolygonF

from ui import theme
from ui.widgets.chart_scale import Series, round_ticks, spread

COLORS = ("chart1", "chart2", "chart3", "chart4", "chart5", "chart6")
DASHES: tuple[tuple[float, ...], ...] = ((), (6, 3), (2, 2), (8, 3, 2, 3), (1, 2), (10, 4))
SHAPES = ("circle", "square", "triangle", "diamond", "ring", "cross")
MARKED = 5  # points from marker to marker
LABEL_SHARE = 0.38  # of the width, at most, for the names at the end
X_TICKS = 6
AIR = 10
SWATCH = 22  # px at 100 % text: the sample of the line before its name


@dataclass(frozen=True, slots=True)
class ChartData:
    """`x_text` and `y_text` write values at the axes, `value_text` y where it is read off; `x_mark` is where the
    reader is, with its words; `crossings` are (x, y) to be ringed."""

    series: tuple[Series, ...] = ()
    x_text: Callable[[int], str] = str
    y_text: Callable[[int], str] = str
    value_text: Callable[[int], str] = str
    x_title: str = ""
    x_mark: int | None = None
    mark_text: str = ""
    crossings: tuple[tuple[int, int], ...] = ()

    @property
    def x_max(self) -> int:
        return max([1, *(one.points[-1][0] for one in self.series)])

    @property
    def y_max(self) -> int:
        return max([1, *(y for one in self.series for _, y in one.points)])


@dataclass(frozen=True, slots=True)
class Frame:
    """Where things are at one size: `plot` holds the lines; the names stand beside it, after the end of the lines."""

    data: ChartData
    width: float
    height: float
    is_rtl: bool
    y_ticks: tuple[int, ...]
    x_ticks: tuple[int, ...]
    start: float  # room for the words of the y axis
    end: float  # room for the names
    plot: QRectF = field(default_factory=QRectF)

    @property
    def x_last(self) -> int:
        return self.data.x_max

    def x(self, value: float) -> float:
        share = value / self.x_last
        return (
            self.plot.right() - self.plot.width() * share
            if self.is_rtl
            else self.plot.left() + (self.plot.width() * share)
        )

    def y(self, value: float) -> float:
        return self.plot.bottom() - self.plot.height() * value / self.y_ticks[-1]

    def mirrored(self, rect: QRectF) -> QRectF:
        """As given from left to right; the other way round when the reader reads so."""
        return QRectF(self.width - rect.right(), rect.y(), rect.width(), rect.height()) if self.is_rtl else rect


def axis_font() -> QFont:
    return theme.current().font("caption", True)


def name_font(is_strong: bool) -> QFont:
    return theme.current().font("caption", False, 600 if is_strong else 400)


def frame_for(data: ChartData, width: float, height: float, *, is_rtl: bool) -> Frame:
    look, metrics = theme.current(), QFontMetrics(axis_font())
    y_ticks = round_ticks(data.y_max)
    start = max(metrics.horizontalAdvance(data.y_text(value)) for value in y_ticks) + AIR
    names = [QFontMetrics(name_font(one.is_strong)).horizontalAdvance(one.name) for one in data.series]
    end = min(max(names, default=0) + look.px(SWATCH) + AIR, width * LABEL_SHARE)
    line = look.line("caption")
    top = line + 8 if data.x_mark is not None else line / 2 + 2
    bottom = 2 * line + 14 if data.x_title else line + 10
    room = max(width - start - end, 1.0)
    plot = QRectF(end if is_rtl else start, top, room, max(height - top - bottom, 1.0))
    widest = metrics.horizontalAdvance(data.x_text(data.x_max)) + 2 * AIR
    x_ticks = round_ticks(data.x_max, max(2, min(X_TICKS, int(room // widest))))
    return Frame(data, width, height, is_rtl, y_ticks, x_ticks, start, end, plot)


def paint_layer(p: QPainter, frame: Frame) -> None:
    _grid(p, frame)
    _x_axis(p, frame)
    _place_of_reader(p, frame)
    for number, one in reversed(list(enumerate(frame.data.series))):  # the first lies on top
        _line(p, frame, one, number)
    _crossings(p, frame)
    _names(p, frame)


def pen_of(number: int, is_strong: bool) -> QPen:
    """Colour and dashes belong together, so that lines differ without colour too."""
    pen = QPen(theme.current().color(COLORS[number % len(COLORS)]), 2.5 if is_strong else 1.75)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    if dashes := DASHES[number % len(DASHES)]:
        pen.setDashPattern(dashes)
    return pen


# ---- parts


def _grid(p: QPainter, frame: Frame) -> None:
    look, plot = theme.current(), frame.plot
    p.setFont(axis_font())
    line = look.line("caption")
    for value in frame.y_ticks:
        y = int(frame.y(value)) + 0.5
        p.setPen(QPen(look.color("borderStrong" if value == 0 else "chartGrid"), 1))
        p.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
        p.setPen(look.color("textMuted"))
        side = Qt.AlignmentFlag.AlignLeft if frame.is_rtl else Qt.AlignmentFlag.AlignRight
        rect = frame.mirrored(QRectF(0, y - line / 2, frame.start - AIR, line))
        p.drawText(
            rect, side | Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignAbsolute, frame.data.y_text(value)
        )


def _x_axis(p: QPainter, frame: Frame) -> None:
    look, plot, line = theme.current(), frame.plot, theme.current().line("caption")
    p.setFont(axis_font())
    p.setPen(look.color("textMuted"))
    metrics = QFontMetrics(axis_font())
    for value in frame.x_ticks:
        if value > frame.x_last:
            continue
        words = frame.data.x_text(value)
        width = metrics.horizontalAdvance(words) + 2
        middle = min(max(frame.x(value), plot.left() + width / 2 - frame.start * 0.5), plot.right() - width / 2)
        p.drawText(QRectF(middle - width / 2, plot.bottom() + 6, width, line), Qt.AlignmentFlag.AlignCenter, words)
    if frame.data.x_title:
        rect = QRectF(plot.left(), plot.bottom() + 8 + line, plot.width(), line)
        p.drawText(rect, Qt.AlignmentFlag.AlignCenter, frame.data.x_title)


def _place_of_reader(p: QPainter, frame: Frame) -> None:
    if frame.data.x_mark is None:
        return
    look, plot = theme.current(), frame.plot
    x = round(frame.x(min(frame.data.x_mark, frame.x_last))) + 0.5
    pen = QPen(look.color("textMuted"), 1)
    pen.setDashPattern((4, 3))
    p.setPen(pen)
    p.drawLine(QPointF(x, plot.top() - 4), QPointF(x, plot.bottom()))
    font = theme.current().font("caption", True, 600)
    p.setFont(font)
    p.setPen(look.color("text"))
    width = QFontMetrics(font).horizontalAdvance(frame.data.mark_text) + 2
    left = min(max(x - width / 2, 0), frame.width - width)
    p.drawText(QRectF(left, 0, width, look.line("caption")), Qt.AlignmentFlag.AlignCenter, frame.data.mark_text)


def _line(p: QPainter, frame: Frame, one: Series, number: int) -> None:
    places = [QPointF(frame.x(x), frame.y(y)) for x, y in one.points]
    path = QPainterPath(places[0])
    for place in places[1:]:
        path.lineTo(place)
    p.setPen(pen_of(number, one.is_strong))
    p.setBrush(Qt.BrushStyle.NoBrush)
    p.drawPath(path)
    start = number % MARKED  # not all lines at the same places: they may lie on each other
    for place in [*places[start:-1:MARKED], places[-1]]:
        marker(p, place, number)


def marker(p: QPainter, at: QPointF, number: int, size: float = 3.2) -> None:
    """The shape of a line: a second sign beside its colour."""
    look = theme.current()
    color, shape = look.color(COLORS[number % len(COLORS)]), SHAPES[number % len(SHAPES)]
    p.setPen(QPen(color, 1.5))
    p.setBrush(look.color("surface") if shape == "ring" else color)
    x, y = at.x(), at.y()
    match shape:
        case "circle" | "ring":
            p.drawEllipse(at, size, size)
        case "square":
            p.drawRect(QRectF(x - size, y - size, 2 * size, 2 * size))
        case "triangle":
            p.drawPolygon(QPolygonF([QPointF(x, y - size), QPointF(x + size, y + size), QPointF(x - size, y + size)]))
        case "diamond":
            tips = (QPointF(x, y - size), QPointF(x + size, y), QPointF(x, y + size), QPointF(x - size, y))
            p.drawPolygon(QPolygonF(tips))
        case _:
            p.drawLine(QPointF(x - size, y - size), QPointF(x + size, y + size))
            p.drawLine(QPointF(x - size, y + size), QPointF(x + size, y - size))


def _crossings(p: QPainter, frame: Frame) -> None:
    look = theme.current()
    p.setBrush(look.color("surface"))
    p.setPen(QPen(look.color("text"), 1.5))
    for x, y in frame.data.crossings:
        p.drawEllipse(QPointF(frame.x(x), frame.y(y)), 5, 5)


def _names(p: QPainter, frame: Frame) -> None:
    look, plot = theme.current(), frame.plot
    line = look.line("caption")
    ends = [frame.y(one.points[-1][1]) for one in frame.data.series]
    placed = spread(ends, line, plot.top() + 2, plot.bottom() - 2)
    swatch = look.px(SWATCH)
    for number, (one, end, middle) in enumerate(zip(frame.data.series, ends, placed, strict=True)):
        left = frame.width - frame.end + AIR / 2
        sample = frame.mirrored(QRectF(left, middle, swatch - 6, 0))
        edge = plot.left() - 4 if frame.is_rtl else plot.right() + 4
        if abs(middle - end) > 1:
            p.setPen(QPen(look.color("borderStrong"), 1))
            p.drawLine(QPointF(edge, end), QPointF(sample.right() if frame.is_rtl else sample.left(), middle))
        p.setPen(pen_of(number, one.is_strong))
        p.drawLine(QPointF(sample.left(), middle), QPointF(sample.right(), middle))
        marker(p, QPointF(sample.center().x(), middle), number, 2.6)
        _name(
            p, frame, one, frame.mirrored(QRectF(left + swatch, middle - line / 2, frame.end - swatch - AIR / 2, line))
        )


def _name(p: QPainter, frame: Frame, one: Series, rect: QRectF) -> None:
    font = name_font(one.is_strong)
    p.setFont(font)
    p.setPen(theme.current().color("text"))
    words = QFontMetrics(font).elidedText(one.name, Qt.TextElideMode.ElideRight, int(rect.width()) + 1)
    side = Qt.AlignmentFlag.AlignRight if frame.is_rtl else Qt.AlignmentFlag.AlignLeft
    p.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignAbsolute, words)
