"""How one offering card is painted and measured, and how long its picture is kept."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen, QPixmap, QTextLayout, QTextOption

from ui import theme
from ui.text import tr
from ui.widgets import paint
from ui.widgets.avatar import category_avatar

CACHE_BYTES = 32 << 20  # counted in bytes, so that a 2x screen keeps fewer cards instead of four times the memory
SHADOW_TOP, SHADOW_BOTTOM = 4, 6  # room around the card for the hover shadow and the focus ring
PAD = 18


class OfferingCard(Protocol):
    """What a card shows; any frozen dataclass with these fields will do."""

    @property
    def uuid(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def tagline(self) -> str: ...
    @property
    def vendor_name(self) -> str: ...
    @property
    def vendor_verified(self) -> bool: ...
    @property
    def category_title(self) -> str: ...
    @property
    def category_icon(self) -> str: ...
    @property
    def category_hue(self) -> int: ...
    @property
    def rating(self) -> float: ...
    @property
    def review_count(self) -> int: ...
    @property
    def tags(self) -> tuple[str, ...]: ...


# Any: the caller knows its own card type, of which OfferingCard is only what is shown
PriceParts = Callable[[Any], tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class CardState:
    """Everything besides the offering that changes its picture."""

    width: int
    height: int
    dpr: float
    look: tuple[str, float, bool]
    is_hovered: bool = False
    is_focused: bool = False
    is_rtl: bool = False


def kind_mark(kind: str) -> tuple[str, str]:
    """Icon and word of what is not a plain agent."""
    return {"mcp_server": ("plug", tr("MCP server")), "bundle": ("layers", tr("Bundle"))}.get(kind, ("", ""))


def sentence(card: OfferingCard, price: tuple[str, str, str]) -> str:
    """The whole card in one breath, for screen readers."""
    verified = tr("verified") if card.vendor_verified else ""
    rating = (
        tr("rated {rating} of 5 by {count}", rating=f"{card.rating:.1f}", count=card.review_count)
        if card.review_count
        else tr("no reviews yet")
    )
    vendor = tr("by {vendor}", vendor=card.vendor_name)
    amount = " ".join(part for part in price if part)
    parts = (card.name, kind_mark(card.kind)[1], vendor, verified, card.category_title, amount, rating)
    return ", ".join(part for part in parts if part)


def card_height() -> int:
    px = theme.current().px
    return SHADOW_TOP + SHADOW_BOTTOM + PAD + px(44) + 12 + 2 * px(19) + 12 + px(22) + 16 + 10 + px(20) + 16


class CardFace:
    """Paints cards, the least recently used of 32 MiB of pictures forgotten first."""

    def __init__(self, price_parts: PriceParts) -> None:
        self._price_parts = price_parts
        self._cache: OrderedDict[tuple[str, CardState], tuple[OfferingCard | None, QPixmap]] = OrderedDict()
        self._bytes = 0

    @property
    def kept_bytes(self) -> int:
        return self._bytes

    def picture(self, card: OfferingCard | None, state: CardState) -> QPixmap:
        key = ("" if card is None else card.uuid, state)
        kept = self._cache.get(key)
        if kept is not None and (kept[0] is card or kept[0] == card):
            self._cache.move_to_end(key)
            return kept[1]
        if kept is not None:
            self._bytes -= _bytes(kept[1])
        pixmap = self._draw(card, state)
        self._cache[key] = (card, pixmap)
        self._cache.move_to_end(key)
        self._bytes += _bytes(pixmap)
        while self._bytes > CACHE_BYTES and len(self._cache) > 1:
            _, (_, oldest) = self._cache.popitem(last=False)
            self._bytes -= _bytes(oldest)
        return pixmap

    def _draw(self, card: OfferingCard | None, state: CardState) -> QPixmap:
        pixmap = QPixmap(round(state.width * state.dpr), round(state.height * state.dpr))
        pixmap.setDevicePixelRatio(state.dpr)
        pixmap.fill(Qt.GlobalColor.transparent)
        p = paint.painter(pixmap)
        p.setLayoutDirection(Qt.LayoutDirection.RightToLeft if state.is_rtl else Qt.LayoutDirection.LeftToRight)
        painting = _Painting(p, state)
        if card is None:
            painting.skeleton()
        else:
            painting.card(card, self._price_parts(card))
        p.end()
        return pixmap


def _bytes(pixmap: QPixmap) -> int:
    return pixmap.width() * pixmap.height() * 4


class _Painting:
    """One card being painted, top to bottom."""

    def __init__(self, p: QPainter, state: CardState) -> None:
        self.p = p
        self.state = state
        self.look = theme.current()
        self.frame = QRectF(4, SHADOW_TOP, state.width - 8, state.height - SHADOW_TOP - SHADOW_BOTTOM)
        self.left = 4 + PAD
        self.width = state.width - 8 - 2 * PAD

    def place(self, x: float, y: float, width: float, height: float) -> QRect:
        return paint.mirrored(
            QRect(round(x), round(y), round(width), round(height)), self.state.width, self.state.is_rtl
        )

    def card(self, card: OfferingCard, price: tuple[str, str, str]) -> None:
        self.background()
        y = self.head(card, SHADOW_TOP + PAD)
        y = self.tagline(card.tagline, y + 12)
        self.tags(card, y + 12)
        self.foot(card, price)

    def background(self) -> None:
        hovered, dark, radius = self.state.is_hovered, self.look.is_dark, self.look.radius("lg")
        if hovered and not dark:
            paint.lift(self.p, self.frame, radius)
        fill = "surfaceHover" if hovered and dark else "surface"
        paint.box(self.p, self.frame, radius, fill, "borderControl" if hovered else "border")
        if self.state.is_focused:
            self.p.setPen(QPen(self.look.color("focus"), 2))
            self.p.setBrush(Qt.BrushStyle.NoBrush)
            self.p.drawRoundedRect(self.frame.adjusted(-2, -2, 2, 2), radius + 2, radius + 2)

    def head(self, card: OfferingCard, y: int) -> int:
        look, side = self.look, self.look.px(44)
        avatar = category_avatar(card.category_hue, card.category_icon, side, self.state.dpr)
        self.p.drawPixmap(self.place(self.left, y, side, side).topLeft(), avatar)
        x, room = self.left + side + 12, self.width - side - 12
        top = y + (side - look.px(42)) // 2
        paint.text(self.p, self.place(x, top, room, look.px(22)), card.name, look.font("cardTitle"), "text")
        font = look.font("small")
        mark = look.px(14)
        vendor_room = room - (mark + 5 if card.vendor_verified else 0)
        paint.text(
            self.p, self.place(x, top + look.px(22), vendor_room, look.px(20)), card.vendor_name, font, "textMuted"
        )
        if card.vendor_verified:
            offset = min(QFontMetrics(font).horizontalAdvance(card.vendor_name), vendor_room) + 5
            at = self.place(x + offset, top + look.px(25), mark, mark).topLeft()
            paint.icon(self.p, at, "badge-check", "info", mark)
        return y + side

    def tagline(self, value: str, y: int) -> int:
        line = self.look.px(19)
        font = self.look.font("small")
        for index, part in enumerate(_two_lines(value, font, self.width)):
            paint.text(self.p, self.place(self.left, y + index * line, self.width, line), part, font, "textMuted")
        return y + 2 * line

    def tags(self, card: OfferingCard, y: int) -> None:
        look = self.look
        icon, word = kind_mark(card.kind)
        x: float = self.left
        end = self.left + self.width
        if word:
            x = self.tag(word, x, y, end, "infoSoft", "onInfoSoft", icon)
        fill = "surfaceActive" if look.is_dark else "surfaceSunken"
        for tag in card.tags:
            after = self.tag(tag, x, y, end, fill, "textMuted")
            if after == x:
                break
            x = after

    def tag(self, word: str, x: float, y: int, end: float, fill: str, role: str, icon: str = "") -> float:
        """Paints one tag and returns where the next begins; the same x when there is no room."""
        look = self.look
        font = look.font("caption")
        side = look.px(12)
        mark = side + 5 if icon else 0
        width = QFontMetrics(font).horizontalAdvance(word) + 16 + mark
        if x + width > end:
            return x
        height = look.px(22)
        paint.box(self.p, QRectF(self.place(x, y, width, height)), look.radius("sm"), fill)
        if icon:
            paint.icon(self.p, self.place(x + 8, y + (height - side) // 2, side, side).topLeft(), icon, role, side)
        paint.text(self.p, self.place(x + 8 + mark, y, width - 14 - mark, height), word, font, role)
        return x + width + 6

    def foot(self, card: OfferingCard, price: tuple[str, str, str]) -> None:
        look = self.look
        line = look.px(20)
        y = self.state.height - SHADOW_BOTTOM - 16 - line
        self.p.setPen(QPen(look.color("border"), 1))
        self.p.drawLine(QPointF(self.left, y - 9.5), QPointF(self.left + self.width, y - 9.5))
        used = self.price(price, y, line)
        self.rating(card, y, line, self.width - used - 12)

    def price(self, price: tuple[str, str, str], y: int, line: int) -> int:
        """From the far end inwards: suffix, amount, prefix. Returns the width used."""
        prefix, amount, suffix = price
        small, strong = self.look.font("small", True), self.look.font("bodyStrong", True)
        used = 0
        for value, font, role, gap in (
            (suffix, small, "textMuted", 2),
            (amount, strong, "text", 5),
            (prefix, small, "textMuted", 0),
        ):
            if value:
                width = QFontMetrics(font).horizontalAdvance(value)
                paint.text(
                    self.p, self.place(self.left + self.width - used - width, y, width + 2, line), value, font, role
                )
                used += width + gap
        return used

    def rating(self, card: OfferingCard, y: int, line: int, room: int) -> None:
        look = self.look
        if not card.review_count:
            paint.text(
                self.p, self.place(self.left, y, room, line), tr("No reviews yet"), look.font("small"), "textSubtle"
            )
            return
        side = look.px(14)
        at = self.place(self.left, y + (line - side) // 2, side, side).topLeft()
        paint.icon(self.p, at, "star", "star", side, filled=True)
        font = look.font("small", True)
        score = f"{card.rating:.1f}"
        x = side + 6
        width = QFontMetrics(font).horizontalAdvance(score) + 2
        paint.text(self.p, self.place(self.left + x, y, width, line), score, font, "text")
        x += width + 3
        count = f"({card.review_count:,})"
        paint.text(self.p, self.place(self.left + x, y, max(room - x, 0), line), count, font, "textSubtle")

    def skeleton(self) -> None:
        look, px = self.look, self.look.px
        paint.box(self.p, self.frame, look.radius("lg"), "surface", "border")
        y = SHADOW_TOP + PAD
        side = px(44)
        text = self.left + side + 12
        lines = y + side + 12
        tags = lines + 2 * px(19) + 12
        foot = self.state.height - SHADOW_BOTTOM - 16 - px(20)
        left, end = self.left, self.left + self.width
        blocks = (
            (left, y, side, side, side / 4),
            (text, y + px(5), px(120), px(13), 4),
            (text, y + px(27), px(80), px(11), 4),
            (left, lines + px(4), self.width, px(11), 4),
            (left, lines + px(23), self.width * 0.7, px(11), 4),
            (left, tags, px(70), px(22), 6),
            (left + px(76), tags, px(50), px(22), 6),
            (left, foot + px(4), px(60), px(12), 4),
            (end - px(70), foot + px(4), px(70), px(12), 4),
        )
        for x, top, width, height, radius in blocks:
            paint.box(self.p, QRectF(self.place(x, top, width, height)), radius, "skeleton")


def _two_lines(value: str, font: QFont, width: int) -> list[str]:
    """The text broken at words into at most two lines; the second carries the rest, to be elided."""
    layout = QTextLayout(value, font)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WordWrap)
    layout.setTextOption(option)
    layout.beginLayout()
    line = layout.createLine()
    first = len(value)
    if line.isValid():
        line.setLineWidth(width)
        first = line.textStart() + line.textLength()
    layout.endLayout()
    return [part for part in (value[:first].rstrip(), value[first:].strip()) if part]
