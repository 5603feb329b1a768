"""How the painted controls draw the few shapes they share: boxes, shadows, marks, elided text, icons, spinners."""

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPaintDevice, QPainter, QPainterPath, QPen, QRegion
from PySide6.QtWidgets import QWidget

from ui import theme

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
CENTER = Qt.AlignmentFlag.AlignCenter
WRAP = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop


def painter(device: QPaintDevice) -> QPainter:
    p = QPainter(device)
    p.setRenderHint(QPainter.RenderHint.Antialiasing)
    p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    return p


def is_rtl(widget: QWidget) -> bool:
    return widget.layoutDirection() == Qt.LayoutDirection.RightToLeft


def mirrored(rect: QRect, width: int, rtl: bool) -> QRect:
    """`rect` as laid out left to right inside `width`, flipped when the layout runs right to left."""
    return QRect(width - rect.x() - rect.width(), rect.y(), rect.width(), rect.height()) if rtl else rect


def box(p: QPainter, rect: QRectF, radius: float, fill: str = "", border: str = "", width: float = 1.0) -> None:
    """A rounded box in token roles; the border lies inside `rect`, on whole pixels."""
    look = theme.current()
    half = width / 2 if border else 0.0
    p.setPen(QPen(look.color(border), width) if border else Qt.PenStyle.NoPen)
    p.setBrush(look.color(fill) if fill else Qt.BrushStyle.NoBrush)
    inner = rect.adjusted(half, half, -half, -half)
    radius = min(radius, inner.height() / 2, inner.width() / 2)
    p.drawRoundedRect(inner, radius, radius)


def lift(p: QPainter, rect: QRectF, radius: float) -> None:
    """The faint step shadow of a hovered card."""
    p.setPen(Qt.PenStyle.NoPen)
    p.setBrush(QColor(0, 0, 0, 4))  # 1.5 % black a step, in both themes
    for step in range(5):
        p.drawRoundedRect(rect.adjusted(-step * 0.7, 1, step * 0.7, step * 1.1), radius + step, radius + step)


def shadow(p: QPainter, rect: QRect, radius: float, level: str = "lg") -> None:
    """A soft shadow around an opaque panel: rings from outside in, fading like a blur, without a blur effect."""
    token = theme.current().shadow(level)
    reach = token.blur // 2
    rings = range(1, 2 * reach, 2)
    total = sum(min(ring, 2 * reach - ring) for ring in rings)
    base = QRectF(rect).translated(0, token.y)
    p.save()
    hidden = rect.adjusted(0, round(radius), 0, -round(radius))
    p.setClipRegion(QRegion(rect.adjusted(-reach, -reach, reach, reach + token.y)).subtracted(QRegion(hidden)))
    p.setPen(Qt.PenStyle.NoPen)
    for ring in rings:
        grow = reach - ring
        p.setBrush(QColor.fromRgbF(0, 0, 0, token.alpha * min(ring, 2 * reach - ring) / total))
        round_by = max(radius + grow, 1.0)
        p.drawRoundedRect(base.adjusted(-grow, -grow, grow, grow), round_by, round_by)
    p.restore()


def text(p: QPainter, rect: QRect, value: str, font: QFont, role: str, flags: int | Qt.AlignmentFlag = LEFT) -> None:
    """One line, elided at the end when it does not fit. Left means leading: it follows the painter's direction."""
    p.setFont(font)
    p.setPen(theme.current().color(role))
    p.drawText(rect, flags, QFontMetrics(font).elidedText(value, Qt.TextElideMode.ElideRight, rect.width()))


def icon(p: QPainter, at: QPoint, name: str, role: str, size: int, *, filled: bool = False, rtl: bool = False) -> None:
    dpr = p.device().devicePixelRatioF()
    p.drawPixmap(at, theme.current().pixmap(name, role, size, dpr, filled=filled, rtl=rtl))


def radio_mark(p: QPainter, center: QPointF, *, checked: bool, hovered: bool = False, enabled: bool = True) -> None:
    look = theme.current()
    radius = look.px(8)
    ring = "accent" if checked else "text" if hovered else "borderControl"
    if not enabled:
        ring = "borderStrong"
    stroke = radius * 0.62 if checked else 1.2
    p.setPen(QPen(look.color(ring), stroke))
    p.setBrush(look.color("onAccent" if checked else "surface"))
    inner = radius - stroke / 2
    p.drawEllipse(center, inner, inner)


def check_mark(p: QPainter, rect: QRectF, *, checked: bool, hovered: bool = False, enabled: bool = True) -> None:
    fill = ("accent" if enabled else "borderStrong") if checked else "surface" if enabled else "surfaceSunken"
    border = "" if checked else "accent" if hovered and enabled else "borderControl" if enabled else "borderStrong"
    box(p, rect, rect.width() * 0.28, fill, border)
    if not checked:
        return
    path = QPainterPath(QPointF(rect.x() + rect.width() * 0.26, rect.y() + rect.height() * 0.53))
    path.lineTo(rect.x() + rect.width() * 0.43, rect.y() + rect.height() * 0.69)
    path.lineTo(rect.x() + rect.width() * 0.75, rect.y() + rect.height() * 0.33)
    look = theme.current()
    pen = QPen(look.color("onAccent" if enabled else "surface"), rect.width() * 0.115)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    p.setPen(pen)
    p.setBrush(Qt.BrushStyle.NoBrush)
    p.drawPath(path)


def spinner(p: QPainter, rect: QRectF, role: str, turn: float) -> None:
    """A three-quarter arc; `turn` 0..1 is how far it has gone round."""
    stroke = max(1.6, rect.width() / 9)
    pen = QPen(theme.current().color(role), stroke)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    p.setPen(pen)
    p.setBrush(Qt.BrushStyle.NoBrush)
    inset = stroke / 2 + 0.5
    p.drawArc(rect.adjusted(inset, inset, -inset, -inset), round(-turn * 360 * 16), 270 * 16)


def wrapped_height(value: str, font: QFont, width: int) -> int:
    return QFontMetrics(font).boundingRect(QRect(0, 0, max(width, 1), 1 << 20), int(WRAP), value).height()


def widest_word(value: str, font: QFont) -> int:
    metrics = QFontMetrics(font)
    return max((metrics.horizontalAdvance(word) for word in value.split()), default=0)
