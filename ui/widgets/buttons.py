"""Push buttons: how each variant looks in each state, busy without a jump in width, icon-only buttons with a name."""

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, QTimerEvent
from PySide6.QtGui import QEnterEvent, QFont, QFontMetrics, QHideEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QPushButton, QSizePolicy, QWidget

from ui import theme
from ui.text import tr
from ui.widgets import paint

SPIN_STEP_MS = 40


@dataclass(frozen=True, slots=True)
class Look:
    """Colour roles of one state; an empty role is not painted."""

    fill: str = ""
    text: str = "text"
    border: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    rest: Look
    hover: Look
    pressed: Look
    checked: Look | None = None
    disabled: Look = Look("surfaceActive", "textMuted")
    kind: str = "body"
    weight: int = 500
    checked_weight: int = 500
    pad: int = 14
    air: int = 16  # added to the line height: 36 px at 100 % text
    radius: int = 8
    gap: int = 8
    is_leading: bool = False  # text at the start instead of centred


QUIET_OFF = Look("", "textDisabled")
RAISED = Look("surfaceActive", "text")
DANGER_SOFT = Look("dangerSoft", "onDangerSoft")
ON_TOAST = Look("textMuted", "onTooltip")
VARIANTS: dict[str, Variant] = {
    "primary": Variant(
        Look("accent", "onAccent"), Look("accentHover", "onAccent"), Look("accentActive", "onAccent"),
        kind="bodyStrong", weight=600, pad=16,
    ),
    "secondary": Variant(
        Look("surface", "text", "borderStrong"), Look("surfaceHover", "text", "borderControl"),
        Look("surfaceActive", "text", "borderControl"), disabled=Look("surfaceSunken", "textMuted", "border"),
    ),
    "danger": Variant(
        Look("danger", "onDanger"), Look("dangerHover", "onDanger"), Look("dangerHover", "onDanger"),
        kind="bodyStrong", weight=600, pad=16,
    ),
    "ghost": Variant(Look("", "text"), RAISED, RAISED, disabled=QUIET_OFF, pad=12),
    "dangerGhost": Variant(Look("", "danger"), DANGER_SOFT, DANGER_SOFT, disabled=QUIET_OFF, pad=12),
    "link": Variant(
        Look("", "link"), Look("", "accentHover"), Look("", "accentActive"),
        disabled=QUIET_OFF, pad=2, air=6, radius=6, is_leading=True,
    ),
    "nav": Variant(
        Look("", "textMuted"), RAISED, RAISED, RAISED,
        disabled=QUIET_OFF, checked_weight=600, pad=10, air=14, gap=10, is_leading=True,
    ),
    "chip": Variant(
        Look("", "textMuted", "borderStrong"), Look("surfaceHover", "text", "borderControl"),
        Look("surfaceActive", "text", "borderControl"), Look("text", "textInverse"),
        disabled=Look("", "textDisabled", "border"), kind="small", pad=13, air=12, radius=999, gap=6,
    ),
    "seg": Variant(
        Look("", "textMuted"), Look("", "text"), Look("", "text"), Look("surface", "text", "borderStrong"),
        disabled=QUIET_OFF, kind="small", checked_weight=600, pad=14, air=12, radius=6,
    ),
    "icon": Variant(Look("", "textMuted"), RAISED, RAISED, RAISED, disabled=QUIET_OFF, pad=8),
    "toast": Variant(Look("", "onTooltip", "textSubtle"), ON_TOAST, ON_TOAST, kind="small", weight=600, pad=12, air=12),
    "toastIcon": Variant(Look("", "onTooltip"), ON_TOAST, ON_TOAST, pad=6, air=10),
}  # fmt: skip
ICON_ONLY = ("icon", "toastIcon")
BIG_PX, BIG_AIR = 15, 26


class Face:
    """Measures and paints one button; shared by push buttons and by radio buttons that look like buttons."""

    def __init__(self, variant: str, icon: str = "", big: bool = False, trailing: str = "") -> None:
        self.variant = variant
        self.icon = icon
        self.trailing = trailing  # icon after the text
        self.count = ""  # quiet figure after the text
        self.big = big
        self.small = False

    def font(self, checked: bool = False) -> QFont:
        style = VARIANTS[self.variant]
        look = theme.current()
        font = look.font(
            "small" if self.small else style.kind, weight=style.checked_weight if checked else style.weight
        )
        if self.big:
            font.setPixelSize(look.px(BIG_PX))
        return font

    def size(self, text: str) -> QSize:
        style, look = VARIANTS[self.variant], theme.current()
        line = look.line("small" if self.small else style.kind)
        air = BIG_AIR if self.big else style.air - (6 if self.small else 0)
        height = max(line + air, look.size("minTarget"))
        if self.variant in ICON_ONLY or not text:
            return QSize(height, height)
        strong = max(style.weight, style.checked_weight)
        width = _text_width(text, look.font("small" if self.small else style.kind, weight=strong)) * (
            BIG_PX / 14 if self.big else 1
        )
        extras = sum(look.px(16) + style.gap for name in (self.icon, self.trailing) if name)
        if self.count:
            extras += self._count_width() + style.gap
        return QSize(round(width) + extras + 2 * style.pad + 2, height)

    def paint(self, p: QPainter, button: QAbstractButton, *, turn: float | None = None) -> None:
        style = VARIANTS[self.variant]
        look = self._state(button, style, busy=turn is not None)
        rect = QRectF(button.rect())
        if look.fill or look.border:
            paint.box(p, rect, style.radius, look.fill, look.border)
        checked = button.isChecked() and style.checked is not None
        self._content(p, button, look, self.font(checked), turn)

    def _state(self, button: QAbstractButton, style: Variant, *, busy: bool) -> Look:
        if not button.isEnabled():
            return style.disabled
        if busy:
            return style.rest
        if button.isChecked() and style.checked:
            return style.checked
        if button.isDown():
            return style.pressed
        return style.hover if button.underMouse() else style.rest

    def _content(self, p: QPainter, button: QAbstractButton, look: Look, font: QFont, turn: float | None) -> None:
        style, scale = VARIANTS[self.variant], theme.current()
        width, height, rtl = button.width(), button.height(), paint.is_rtl(button)
        side = scale.px(16)
        label = "" if self.variant in ICON_ONLY else button.text()
        text_width = _text_width(label, font) if label else 0
        has_mark = bool(self.icon) or turn is not None
        mark = side + (style.gap if label else 0) if has_mark else 0
        tail = (side + style.gap if self.trailing else 0) + (self._count_width() + style.gap if self.count else 0)
        if turn is not None and not self.icon and mark + text_width + 12 > width:
            label, text_width, mark = "", 0, side
        text_width = min(text_width, max(0, width - mark - tail - 8))
        x = style.pad if style.is_leading else (width - mark - text_width - tail) // 2
        if has_mark:
            self._mark(p, paint.mirrored(QRect(x, (height - side) // 2, side, side), width, rtl), look.text, turn, rtl)
        x += mark
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextShowMnemonic
        if label:
            p.setFont(font)
            p.setPen(scale.color(look.text))
            shown = QFontMetrics(font).elidedText(
                label, Qt.TextElideMode.ElideRight, text_width + 2, int(Qt.TextFlag.TextShowMnemonic)
            )
            p.drawText(paint.mirrored(QRect(x, 0, text_width + 2, height), width, rtl), flags, shown)
            x += text_width + style.gap
        if self.count:
            if style.is_leading:
                x = width - style.pad - self._count_width() - 2
            self._count(p, button, look, paint.mirrored(QRect(x, 0, self._count_width() + 2, height), width, rtl))
        if self.trailing:
            at = paint.mirrored(QRect(x, (height - side) // 2, side, side), width, rtl).topLeft()
            paint.icon(p, at, self.trailing, look.text, side, rtl=rtl)

    def _count_width(self) -> int:
        return _text_width(self.count, theme.current().font("small", tabular=True))

    def _mark(self, p: QPainter, rect: QRect, role: str, turn: float | None, rtl: bool) -> None:
        if turn is None:
            paint.icon(p, rect.topLeft(), self.icon, role, rect.width(), rtl=rtl)
        else:
            paint.spinner(p, QRectF(rect), role, turn)

    def _count(self, p: QPainter, button: QAbstractButton, look: Look, rect: QRect) -> None:
        p.setFont(theme.current().font("small", tabular=True))
        p.setPen(theme.current().color(look.text if button.isChecked() else "textSubtle"))
        p.drawText(rect, Qt.AlignmentFlag.AlignVCenter, self.count)


def _text_width(text: str, font: QFont) -> int:
    return QFontMetrics(font).size(int(Qt.TextFlag.TextShowMnemonic), text).width()


class Button(QPushButton):
    """A push button in one of VARIANTS: primary, secondary, ghost, link, danger, dangerGhost, nav.

    Enter and Space press it. While busy it keeps its width and its focus and swallows presses.
    """

    def __init__(
        self, text: str, variant: str = "secondary", icon: str = "", *, name: str = "", big: bool = False,
        small: bool = False, trailing: str = "", parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(text, parent)
        self.face = Face(variant, icon, big, trailing)
        self.face.small = small
        self._spin_timer = 0
        self._turn: float | None = None
        self._idle_description = ""
        self.setObjectName(name)
        self.setAutoDefault(True)  # outside a QDialog Qt would ignore Enter
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        grows = variant in ("nav",)
        self.setSizePolicy(
            QSizePolicy.Policy.Expanding if grows else QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed
        )

    @property
    def is_busy(self) -> bool:
        return self._turn is not None

    def set_busy(self, busy: bool) -> None:
        if busy == self.is_busy:
            return
        self._turn = 0.0 if busy else None
        if busy:
            self._idle_description = self.accessibleDescription()
        self.setAccessibleDescription(tr("Working") if busy else self._idle_description)
        self._run_spinner(busy and self.isVisible())
        self.update()

    def set_icon(self, icon: str) -> None:
        self.face.icon = icon
        self.updateGeometry()
        self.update()

    def set_variant(self, variant: str) -> None:
        self.face.variant = variant
        self.updateGeometry()
        self.update()

    def _run_spinner(self, run: bool) -> None:
        if self._spin_timer:
            self.killTimer(self._spin_timer)
            self._spin_timer = 0
        if run and not theme.current().reduced_motion:
            self._spin_timer = self.startTimer(SPIN_STEP_MS)

    def timerEvent(self, event: QTimerEvent) -> None:
        if event.timerId() != self._spin_timer or self._turn is None:
            super().timerEvent(event)
            return
        self._turn = (self._turn + SPIN_STEP_MS / 900) % 1
        self.update()

    def hideEvent(self, event: QHideEvent) -> None:
        self._run_spinner(False)
        super().hideEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and self.is_busy:
            self._run_spinner(True)
        return super().event(event)

    def hitButton(self, pos: QPoint) -> bool:
        return not self.is_busy and self.rect().contains(pos)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.is_busy:
            event.accept()
            return
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        presses = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space, Qt.Key.Key_Select)
        if self.is_busy and event.key() in presses:
            event.accept()
            return
        super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        return self.face.size(self.text())

    def minimumSizeHint(self) -> QSize:
        hint = self.sizeHint()
        return QSize(hint.height(), hint.height()) if self.face.variant == "nav" else hint

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        self.face.paint(p, self, turn=self._turn)
        p.end()


class IconButton(Button):
    """An icon alone: its accessible name is also its tooltip."""

    def __init__(
        self,
        icon: str,
        label: str,
        *,
        name: str = "",
        small: bool = False,
        variant: str = "icon",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("", variant, icon, name=name, small=small, parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set_label(label)

    def set_label(self, label: str) -> None:
        self.setAccessibleName(label)
        self.setToolTip(label)

    def sizeHint(self) -> QSize:
        height = super().sizeHint().height()
        return QSize(height, height)


class NavItem(Button):
    """A place in the sidebar: marks where the user is and shrinks to its icon."""

    def __init__(self, text: str, icon: str, *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, "nav", icon, name=name, parent=parent)
        self.setAccessibleName(text)
        self._text = text
        self._is_current = False
        self._is_collapsed = False

    def set_current(self, current: bool) -> None:
        self._is_current = current
        self.setAccessibleDescription(tr("Current page") if current else "")
        self.update()

    def set_collapsed(self, collapsed: bool) -> None:
        self._is_collapsed = collapsed
        self.setToolTip(self._text if collapsed else "")
        self.updateGeometry()
        self.update()

    def set_count(self, count: str) -> None:
        """A figure at the end of the row, such as unread messages; empty hides it."""
        self.face.count = count
        self.update()

    def isChecked(self) -> bool:
        return self._is_current

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(hint.height() + 4, hint.height()) if self._is_collapsed else hint

    def text(self) -> str:
        return "" if self._is_collapsed else super().text()

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()
        super().enterEvent(event)
