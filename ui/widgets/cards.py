"""Cards one can choose: a plan with its price, a saved card, an address. Radio buttons in all but looks."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QRadioButton, QSizePolicy, QWidget

from ui import theme
from ui.widgets import paint
from ui.widgets.focus_order import one_stop

PAD = 16
MARK = 16


class ChoiceCard(QRadioButton):
    """What plan cards and option rows share: the frame of a choice, its mark, the whole area as the hit area."""

    def __init__(self, text: str, *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setObjectName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.toggled.connect(self._on_toggled)

    def _on_toggled(self) -> None:
        parent = self.parentWidget()
        if parent is not None and self.autoExclusive():
            direct = Qt.FindChildOption.FindDirectChildrenOnly
            one_stop(parent.findChildren(ChoiceCard, options=direct))

    def hitButton(self, pos: QPoint) -> bool:
        return self.rect().contains(pos)

    def hasHeightForWidth(self) -> bool:
        return True

    def _place(self, x: int, y: int, width: int, height: int) -> QRect:
        return paint.mirrored(QRect(x, y, width, height), self.width(), paint.is_rtl(self))

    def _paint_frame(self, p: QPainter) -> None:
        checked, enabled = self.isChecked(), self.isEnabled()
        border = "accent" if checked else "borderControl" if self.underMouse() else "borderStrong"
        fill = "surface" if enabled else "surfaceSunken"
        if self.isDown() and enabled and not checked:
            fill = "surfaceHover"
        radius = theme.current().radius("lg")
        paint.box(p, QRectF(self.rect()), radius, fill, border if enabled else "border", 2 if checked else 1)

    def _paint_mark(self, p: QPainter, center: QPointF) -> None:
        if paint.is_rtl(self):
            center.setX(self.width() - center.x())
        paint.radio_mark(p, center, checked=self.isChecked(), hovered=self.underMouse(), enabled=self.isEnabled())

    def _ink(self, role: str) -> str:
        return role if self.isEnabled() else "textDisabled"


class PlanCard(ChoiceCard):
    """A plan: name, badge, price with its unit, a line below it and what the plan includes.

    Signals: toggled(bool) from QRadioButton. Put the cards of one choice under one parent: arrow keys go between them.
    """

    def __init__(
        self, title: str, *, name: str = "", badge: str = "", points: Sequence[str] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(title, name=name, parent=parent)
        self._badge = badge
        self._points = tuple(points)
        self._price = ""
        self._unit = ""
        self._note = ""
        self._describe()

    def set_price(self, price: str, unit: str = "", note: str = "") -> None:
        """A formatted amount ("$990"), its unit ("/year") and a quiet line; a quote plan says "Custom"."""
        self._price, self._unit, self._note = price, unit, note
        self._describe()
        self.updateGeometry()
        self.update()

    def set_points(self, points: Sequence[str]) -> None:
        self._points = tuple(points)
        self._describe()
        self.updateGeometry()
        self.update()

    def _describe(self) -> None:
        price = f"{self._price} {self._unit}".strip()
        parts = (self._badge, price, self._note, *self._points)
        self.setAccessibleDescription(", ".join(part for part in parts if part))

    # -- measures --------------------------------------------------------------------------------------------------
    def _head_width(self) -> int:
        look = theme.current()
        title = QFontMetrics(look.font("bodyStrong")).horizontalAdvance(self.text())
        return title + look.px(MARK) + 10 + (self._badge_width() + 8 if self._badge else 0)

    def _badge_width(self) -> int:
        return QFontMetrics(theme.current().font("label")).horizontalAdvance(self._badge) + 14

    def _price_width(self) -> int:
        look = theme.current()
        price = QFontMetrics(look.font("display", True)).horizontalAdvance(self._price)
        return price + 6 + QFontMetrics(look.font("small")).horizontalAdvance(self._unit)

    def _point_indent(self) -> int:
        return theme.current().px(14) + 6

    def minimumSizeHint(self) -> QSize:
        font = theme.current().font("small")
        words = max((paint.widest_word(point, font) for point in self._points), default=0) + self._point_indent()
        width = max(self._head_width(), self._price_width(), words) + 2 * PAD
        return QSize(width, self.heightForWidth(width))

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme.current().font("small"))
        points = max((metrics.horizontalAdvance(point) for point in self._points), default=0) + self._point_indent() + 2
        width = max(self.minimumSizeHint().width(), min(points + 2 * PAD, theme.current().px(240)))
        return QSize(width, self.heightForWidth(width))

    def heightForWidth(self, width: int) -> int:
        look = theme.current()
        inner = width - 2 * PAD
        height = 14 + look.line("bodyStrong") + 10 + look.line("display")
        if self._note:
            height += paint.wrapped_height(self._note, look.font("small"), inner) + 2
        height += 10 if self._points else 0
        height += sum(self._point_height(point, inner) for point in self._points)
        return height + 14

    def _point_height(self, point: str, inner: int) -> int:
        look = theme.current()
        text = paint.wrapped_height(point, look.font("small"), inner - self._point_indent())
        return max(text, look.line("small")) + 6

    # -- painting --------------------------------------------------------------------------------------------------
    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        p = paint.painter(self)
        self._paint_frame(p)
        y = 14
        self._paint_head(p, y)
        y += look.line("bodyStrong") + 10
        y = self._paint_price(p, y) + (10 if self._points else 0)
        inner = self.width() - 2 * PAD
        for point in self._points:
            height = self._point_height(point, inner)
            self._paint_point(p, point, self._place(PAD, y, inner, height))
            y += height
        p.end()

    def _paint_head(self, p: QPainter, y: int) -> None:
        look = theme.current()
        line = look.line("bodyStrong")
        self._paint_mark(p, QPointF(self.width() - PAD - look.px(MARK) / 2, y + line / 2))
        font = look.font("bodyStrong")
        room = self.width() - 2 * PAD - look.px(MARK) - 8 - (self._badge_width() + 8 if self._badge else 0)
        paint.text(p, self._place(PAD, y, room, line), self.text(), font, self._ink("text"))
        if self._badge:
            x = PAD + min(QFontMetrics(font).horizontalAdvance(self.text()), room) + 8
            pill = self._place(x, y, self._badge_width(), line)
            paint.box(p, QRectF(pill), look.radius("sm"), "accentSoft")
            paint.text(p, pill, self._badge, look.font("label"), "onAccentSoft", paint.CENTER)

    def _paint_price(self, p: QPainter, y: int) -> int:
        look = theme.current()
        inner = self.width() - 2 * PAD
        font = look.font("display", True)
        line = look.line("display")
        paint.text(p, self._place(PAD, y, inner, line), self._price, font, self._ink("text"))
        x = PAD + QFontMetrics(font).horizontalAdvance(self._price) + 6
        drop = _baseline(font) - _baseline(look.font("small"))
        unit = self._place(x, y + drop, max(self.width() - x - 8, 0), line)
        paint.text(p, unit, self._unit, look.font("small"), self._ink("textMuted"))
        y += line
        if self._note:
            small = look.font("small")
            height = paint.wrapped_height(self._note, small, inner)
            p.setFont(small)
            p.setPen(look.color(self._ink("textMuted")))
            p.drawText(self._place(PAD, y + 2, inner, height), int(paint.WRAP), self._note)
            y += height + 2
        return y

    def _paint_point(self, p: QPainter, point: str, rect: QRect) -> None:
        look = theme.current()
        side = look.px(14)
        tick = paint.mirrored(
            QRect(PAD, rect.y() + (look.line("small") - side) // 2, side, side), self.width(), paint.is_rtl(self)
        )
        paint.icon(p, tick.topLeft(), "check", self._ink("accent"), side)
        font = look.font("small")
        p.setFont(font)
        p.setPen(look.color(self._ink("textMuted")))
        top = rect.y() + (look.line("small") - QFontMetrics(font).height()) // 2
        room = self._place(PAD + self._point_indent(), top, rect.width() - self._point_indent(), rect.height())
        p.drawText(room, int(paint.WRAP), point)


def _baseline(font: QFont) -> int:
    """How far below the middle of a line the baseline lies."""
    metrics = QFontMetrics(font)
    return round(metrics.ascent() - metrics.height() / 2)


class OptionRow(ChoiceCard):
    """One choice in a row: a saved card, an organization, an address. `brand` draws a payment brand's mark."""

    def __init__(
        self, title: str, subtitle: str = "", *, name: str = "", icon: str = "", brand: str = "", trailing: str = "",
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(title, name=name, parent=parent)
        self._icon, self._brand, self._trailing = icon, brand, trailing
        self._subtitle = ""
        self.set_subtitle(subtitle)

    def set_subtitle(self, subtitle: str) -> None:
        self._subtitle = subtitle
        self.setAccessibleDescription(", ".join(part for part in (subtitle, self._trailing) if part))
        self.updateGeometry()
        self.update()

    def _text_start(self) -> int:
        look = theme.current()
        start = PAD + look.px(MARK) + 14
        if self._brand in look.tokens.brand:
            return start + look.px(38) + 14
        return start + look.px(20) + 12 if self._icon else start

    def _title_font(self) -> QFont:
        return theme.current().font("body", True, 500)

    def sizeHint(self) -> QSize:
        look = theme.current()
        title = QFontMetrics(self._title_font()).horizontalAdvance(self.text())
        subtitle = QFontMetrics(look.font("caption")).horizontalAdvance(self._subtitle)
        trailing = QFontMetrics(look.font("small", True)).horizontalAdvance(self._trailing)
        width = self._text_start() + max(title, subtitle) + PAD + (trailing + 12 if self._trailing else 0)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        title = QFontMetrics(self._title_font()).horizontalAdvance(self.text())
        return QSize(self._text_start() + title + PAD, self.heightForWidth(0))

    def heightForWidth(self, _width: int) -> int:
        look = theme.current()
        return 20 + look.line("body") + (look.line("caption") if self._subtitle else 0)

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        p = paint.painter(self)
        self._paint_frame(p)
        middle = self.height() / 2
        self._paint_mark(p, QPointF(PAD + look.px(MARK) / 2, middle))
        x = PAD + look.px(MARK) + 14
        if self._brand in look.tokens.brand:
            self._paint_brand(p, self._place(x, round(middle - look.px(13)), look.px(38), look.px(26)))
        elif self._icon:
            side = look.px(20)
            at = self._place(x, round(middle - side / 2), side, side).topLeft()
            paint.icon(p, at, self._icon, self._ink("textMuted"), side)
        start = self._text_start()
        end = PAD + self._paint_trailing(p, start)
        room = self.width() - start - end
        block = look.line("body") + (look.line("caption") if self._subtitle else 0)
        y = (self.height() - block) // 2
        paint.text(
            p, self._place(start, y, room, look.line("body")), self.text(), self._title_font(), self._ink("text")
        )
        if self._subtitle:
            line = self._place(start, y + look.line("body"), room, look.line("caption"))
            paint.text(p, line, self._subtitle, look.font("caption"), self._ink("textMuted"))
        p.end()

    def _paint_trailing(self, p: QPainter, start: int) -> int:
        """Paints the words at the end when the title keeps its room; returns the width used."""
        look = theme.current()
        font = look.font("small", True)
        width = QFontMetrics(font).horizontalAdvance(self._trailing) + 2
        title = QFontMetrics(self._title_font()).horizontalAdvance(self.text())
        if not self._trailing or start + title + 12 + width + PAD > self.width():
            return 0
        place = self._place(self.width() - PAD - width, 0, width, self.height())
        paint.text(p, place, self._trailing, font, self._ink("textMuted"))
        return width + 12

    def _paint_brand(self, p: QPainter, rect: QRect) -> None:
        look = theme.current()
        brand = look.tokens.brand[self._brand]
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(QColor(brand.fill))
        p.drawRoundedRect(rect, 5, 5)
        font = look.font("label", weight=700)
        font.setItalic(True)
        font.setPixelSize(look.px(11))
        while QFontMetrics(font).horizontalAdvance(brand.mark) > rect.width() - 6 and font.pixelSize() > 7:
            font.setPixelSize(font.pixelSize() - 1)
        p.setFont(font)
        p.setPen(QColor(brand.text))
        p.drawText(rect, paint.CENTER, brand.mark)
