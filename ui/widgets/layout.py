"""The quiet parts of a page: labels, badges, rules, cards, rows and columns, scrolling pages."""

from collections.abc import Callable

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPaintEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ui import theme
from ui.widgets import paint

# tone: fill, text
TONES: dict[str, tuple[str, str]] = {
    "neutral": ("surfaceActive", "textMuted"),
    "accent": ("accentSoft", "onAccentSoft"),
    "success": ("successSoft", "onSuccessSoft"),
    "warning": ("warningSoft", "onWarningSoft"),
    "danger": ("dangerSoft", "onDangerSoft"),
    "info": ("infoSoft", "onInfoSoft"),
    "key": ("surfaceSunken", "textMuted"),
}
REVEALED = 48  # px at 100 % text kept in view around what the keyboard comes to
TONE_ICONS = {
    "success": "circle-check",
    "warning": "triangle-alert",
    "danger": "circle-alert",
    "info": "info",
    "accent": "sparkles",
}


def label(
    text: str = "", kind: str = "body", *, name: str = "", tabular: bool = False, wrap: bool = False,
    selectable: bool = False, align: Qt.AlignmentFlag | None = None, buddy: QWidget | None = None,
) -> QLabel:  # fmt: skip
    """Plain text in a kind of the type scale: body, muted, small, subtle, caption, label, strong, cardTitle, section,
    title, display, hero, code, success, danger, warning. Never interprets mark-up."""
    widget = QLabel(text)
    widget.setTextFormat(Qt.TextFormat.PlainText)
    widget.setProperty("kind", kind)
    widget.setObjectName(name)
    widget.setWordWrap(wrap)
    if kind in ("code", "hero"):
        theme.current().font(kind)  # the stylesheet names the font; this loads it
    if wrap:
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        widget.setSizePolicy(policy)
    if tabular:
        figures = QFont()
        figures.setFeature(QFont.Tag("tnum"), 1)
        widget.setFont(figures)
    if selectable:
        flags = Qt.TextInteractionFlag
        widget.setTextInteractionFlags(flags.TextSelectableByMouse | flags.TextSelectableByKeyboard)
    if align is not None:
        widget.setAlignment(align)
    if buddy is not None:
        widget.setBuddy(buddy)
    return widget


class Badge(QLabel):
    """A short word on a tinted pill; tone "key" is a key cap. Colour never speaks alone: the word says it."""

    def __init__(
        self, text: str = "", tone: str = "accent", icon: str = "", *, name: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(text, parent)
        self._tone = tone
        self._icon = icon
        self.setObjectName(name)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_badge(self, text: str, tone: str, icon: str = "") -> None:
        self._tone = tone
        self._icon = icon
        self.setText(text)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        look = theme.current()
        width = QFontMetrics(look.font("label")).horizontalAdvance(self.text())
        mark = look.px(12) + 5 if self._icon else 0
        return QSize(width + mark + (12 if self._tone == "key" else 16), look.line("label") + 4)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        fill, role = TONES[self._tone]
        p = paint.painter(self)
        is_key = self._tone == "key"
        paint.box(p, QRectF(self.rect()), look.radius("xs" if is_key else "sm"), fill, "border" if is_key else "")
        side = look.px(12)
        inner = self.rect().adjusted(6 if is_key else 8, 0, -6 if is_key else -8, 0)
        if self._icon:
            mark = inner.adjusted(0, (inner.height() - side) // 2, 0, 0)
            mark.setSize(QSize(side, side))
            paint.icon(p, paint.mirrored(mark, self.width(), paint.is_rtl(self)).topLeft(), self._icon, role, side)
            inner = paint.mirrored(inner.adjusted(side + 5, 0, 0, 0), self.width(), paint.is_rtl(self))
        p.setFont(look.font("label"))
        p.setPen(look.color(role))
        p.drawText(inner, paint.CENTER, self.text())
        p.end()


def badge(text: str, tone: str = "accent", icon: str = "", *, name: str = "") -> Badge:
    return Badge(text, tone, icon, name=name)


def key_cap(text: str) -> Badge:
    return Badge(text, "key")


class Icon(QWidget):
    """A decorative icon beside words; it follows the theme and is silent for screen readers."""

    def __init__(
        self, name: str, role: str = "textMuted", size: int = 16, *, filled: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._name, self._role, self._size, self._filled = name, role, size, filled
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def set_icon(self, name: str, role: str | None = None) -> None:
        self._name, self._role = name, role or self._role
        self.update()

    def sizeHint(self) -> QSize:
        side = theme.current().px(self._size)
        return QSize(side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        side = theme.current().px(self._size)
        at = (self.rect().center() - QRectF(0, 0, side, side).center().toPoint()) + QRectF(
            0, 0, 1, 1
        ).bottomRight().toPoint()
        paint.icon(p, at, self._name, self._role, side, filled=self._filled, rtl=paint.is_rtl(self))
        p.end()


def rule(*, vertical: bool = False) -> QFrame:
    line = QFrame()
    line.setProperty("rule", "vertical" if vertical else "true")
    return line


class Card(QFrame):
    """A bordered surface; add to `body`."""

    def __init__(self, padding: int = 20, spacing: int = 12, *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", "true")
        self.setObjectName(name)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(padding, padding, padding, padding)
        self.body.setSpacing(spacing)


def card(padding: int = 20, spacing: int = 12, *, name: str = "") -> Card:
    return Card(padding, spacing, name=name)


def row(
    *items: QWidget | QLayout | int | None, spacing: int = 8, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> QHBoxLayout:
    """Side by side: widgets and layouts, an int is a fixed gap, None takes the free space."""
    layout = QHBoxLayout()
    _fill(layout, items, layout.addStretch, spacing, margins)
    return layout


def column(
    *items: QWidget | QLayout | int | None, spacing: int = 8, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> QVBoxLayout:
    """One below the other: widgets and layouts, an int is a fixed gap, None takes the free space."""
    layout = QVBoxLayout()
    _fill(layout, items, layout.addStretch, spacing, margins)
    return layout


def _fill(
    layout: QHBoxLayout | QVBoxLayout, items: tuple[QWidget | QLayout | int | None, ...], stretch: Callable[[], None],
    spacing: int, margins: tuple[int, int, int, int],
) -> None:  # fmt: skip
    layout.setContentsMargins(*margins)
    layout.setSpacing(spacing)
    for item in items:
        if item is None:
            stretch()
        elif isinstance(item, int):
            layout.addSpacing(item)
        elif isinstance(item, QWidget):
            layout.addWidget(item)
        else:
            layout.addLayout(item)


def page(widget: QWidget) -> QWidget:
    """Gives a page the canvas colour behind it."""
    widget.setProperty("page", "true")
    widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    return widget


class ScrollPage(QScrollArea):
    """Follows the keyboard: what Tab comes to is shown whole (Qt would be content with a field's cursor)."""

    def focusNextPrevChild(self, next_one: bool) -> bool:
        has_moved = super().focusNextPrevChild(next_one)
        if has_moved and (focused := QApplication.focusWidget()) is not None:
            self.reveal(focused)
        return has_moved

    def reveal(self, widget: QWidget) -> None:
        """Brings something of the page into view, with the words below it."""
        content = self.widget()
        if content is None or not content.isAncestorOf(widget):
            return
        place = QRect(widget.mapTo(content, QPoint(0, 0)), widget.size())
        margin = theme.current().px(REVEALED)
        self.ensureVisible(place.center().x(), place.bottom(), 0, margin)
        self.ensureVisible(place.center().x(), place.top(), 0, margin)


def scroll_page(content: QWidget, *, plain: bool = False) -> ScrollPage:
    """Lets a page scroll when the window is small or the text large; never sideways."""
    area = ScrollPage()
    area.setProperty("plain" if plain else "page", "true")
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(content)
    return area


def clear(layout: QLayout) -> None:
    """Removes and deletes everything in a layout, nested layouts included."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inner is not None:
            clear(inner)
