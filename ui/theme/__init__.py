"""The look of the moment: which colours, text size and motion apply, and how they reach fonts, icons and QSS.

Painted widgets ask `current()` inside paintEvent; Qt's own widgets get the stylesheet. One signal says it changed.
"""

from string import Template
from typing import Literal, Protocol

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPalette, QPixmap

import resources
from ui.theme.glyphs import DIRECTIONAL, FONT_FILES, font_for, icon_names, icon_pixmap, load_font
from ui.theme.tokens import DARK, LIGHT, Brand, Shadow, Tokens, TypeStyle

__all__ = [
    "DARK",
    "LIGHT",
    "MODES",
    "TEXT_SCALES",
    "Brand",
    "Mode",
    "Shadow",
    "Theme",
    "Tokens",
    "TypeStyle",
    "current",
    "icon_names",
]

Mode = Literal["system", "light", "dark"]
MODES: tuple[Mode, ...] = ("system", "light", "dark")
TEXT_SCALES = (0.85, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0)
FIRST_FRAME_WEIGHTS = (400, 500, 600)

# the operating system asks for more contrast: soft fills go, borders and quiet text become stronger
_STRONGER = {
    "border": "borderControl", "borderStrong": "textMuted", "borderControl": "text", "textMuted": "text",
    "textSubtle": "text", "textDisabled": "textMuted", "surfaceSunken": "surface", "sidebar": "canvas",
}  # fmt: skip


_PALETTE = {
    QPalette.ColorRole.Window: "canvas",
    QPalette.ColorRole.Base: "surface",
    QPalette.ColorRole.AlternateBase: "surfaceHover",
    QPalette.ColorRole.Button: "surface",
    QPalette.ColorRole.Text: "text",
    QPalette.ColorRole.WindowText: "text",
    QPalette.ColorRole.ButtonText: "text",
    QPalette.ColorRole.PlaceholderText: "textSubtle",
    QPalette.ColorRole.Highlight: "accent",
    QPalette.ColorRole.HighlightedText: "onAccent",
    QPalette.ColorRole.Link: "link",
    QPalette.ColorRole.LinkVisited: "link",
    QPalette.ColorRole.ToolTipBase: "tooltip",
    QPalette.ColorRole.ToolTipText: "onTooltip",
    QPalette.ColorRole.Accent: "accent",
}


class StyledApplication(Protocol):
    """The part of QApplication a theme needs (QtWidgets itself is not imported here)."""

    def setStyleSheet(self, sheet: str, /) -> None: ...


class Theme(QObject):
    """Signals: changed (colours, text scale, motion or contrast are different now)."""

    changed = Signal()

    def __init__(
        self,
        mode: Mode = "system",
        *,
        text_scale: float = 1.0,
        reduced_motion: bool = False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._mode: Mode = mode
        self._scale = _clamp_scale(text_scale)
        self._reduced_motion = reduced_motion
        self._app: StyledApplication | None = None
        self._sheets: dict[tuple[str, float, bool], str] = {}
        self._colors: dict[str, str] = {}
        self._high_contrast = False
        self._resolve()

    # -- what is on -----------------------------------------------------------------------------------------------
    @property
    def mode(self) -> Mode:
        return self._mode

    @property
    def is_dark(self) -> bool:
        return self.tokens is DARK

    @property
    def text_scale(self) -> float:
        return self._scale

    @property
    def reduced_motion(self) -> bool:
        return self._reduced_motion or _system_reduces_motion()

    @property
    def key(self) -> tuple[str, float, bool]:
        """Identifies the look: cache painted results under it."""
        return self.tokens.name, self._scale, self._high_contrast

    def set_mode(self, mode: Mode) -> None:
        if mode != self._mode:
            self._mode = mode
            self._ask_system_for(mode)
            self._refresh()

    def set_text_scale(self, scale: float) -> None:
        scale = _clamp_scale(scale)
        if scale != self._scale:
            self._scale = scale
            self._refresh()

    def step_text_scale(self, direction: int) -> None:
        """One step larger (1) or smaller (-1) on the ladder; 0 goes back to 100 %."""
        if direction == 0:
            self.set_text_scale(1.0)
            return
        nearest = min(range(len(TEXT_SCALES)), key=lambda i: abs(TEXT_SCALES[i] - self._scale))
        self.set_text_scale(TEXT_SCALES[min(max(nearest + direction, 0), len(TEXT_SCALES) - 1)])

    def set_reduced_motion(self, reduced: bool) -> None:
        if reduced != self._reduced_motion:
            self._reduced_motion = reduced
            self.changed.emit()

    # -- values for painting ---------------------------------------------------------------------------------------
    def hex(self, role: str) -> str:
        return self._colors[role]

    def color(self, role: str, alpha: float = 1.0) -> QColor:
        color = QColor(self._colors[role])
        if alpha < 1.0:
            color.setAlphaF(alpha)
        return color

    def font(self, kind: str = "body", tabular: bool = False, weight: int | None = None) -> QFont:
        style = self.tokens.type[kind]
        return QFont(font_for(kind, weight or style.weight, tabular, self._scale))

    def line(self, kind: str = "body") -> int:
        """Line height of a text kind at the present text scale."""
        return self.px(self.tokens.type[kind].line)

    def px(self, size: float) -> int:
        """A length that grows with the text: icons, rows, text boxes. Gaps and paddings stay as they are."""
        return round(size * self._scale)

    def space(self, step: str | int) -> int:
        return self.tokens.space[str(step)]

    def radius(self, name: str) -> int:
        return self.tokens.radius[name]

    def size(self, name: str) -> int:
        return self.tokens.size[name]

    def shadow(self, level: str) -> Shadow:
        return self.tokens.shadow[level]

    def ms(self, name: str = "base") -> int:
        """Duration of a motion: fast, base or slow; 0 when motion is reduced."""
        return 0 if self.reduced_motion else self.tokens.motion[name]

    def pixmap(
        self,
        name: str,
        role: str = "textMuted",
        size: int = 16,
        dpr: float = 1.0,
        *,
        filled: bool = False,
        rtl: bool = False,
    ) -> QPixmap:
        """An icon in a role (or #rrggbb) colour; `size` is in final px, scale it with px() where it belongs to text."""
        color = role if role.startswith("#") else self._colors[role]
        pixmap = QPixmap(icon_pixmap(name, color, round(size * dpr), filled, rtl and name in DIRECTIONAL))
        pixmap.setDevicePixelRatio(dpr)
        return pixmap

    def icon(self, name: str, role: str = "textMuted", size: int = 16) -> QIcon:
        """For menus and window icons, which take QIcon: crisp at 1x, 2x and 3x. Ask again after `changed`."""
        icon = QIcon()
        for dpr in (1.0, 2.0, 3.0):
            icon.addPixmap(self.pixmap(name, role, size, dpr))
        return icon

    # -- putting it on ---------------------------------------------------------------------------------------------
    def apply(self, app: StyledApplication) -> None:
        """Makes this the current theme of the process and keeps the application dressed in it."""
        global _current
        _current = self
        first = self._app is None
        self._app = app
        if first:
            hints = QGuiApplication.styleHints()
            hints.colorSchemeChanged.connect(self._on_system_changed)
            hints.accessibility().contrastPreferenceChanged.connect(self._on_system_changed)
            if self._mode != "system":
                self._ask_system_for(self._mode)
        self._resolve()
        self._dress()

    def stylesheet(self) -> str:
        sheet = self._sheets.get(self.key)
        if sheet is None:
            sheet = self._sheets[self.key] = Template(resources.read_text("qss", "base.qss")).substitute(
                self._qss_values()
            )
        return sheet

    def _on_system_changed(self) -> None:
        before = self.key
        self._resolve()
        if self.key != before:
            self._dress()
            self.changed.emit()

    def _refresh(self) -> None:
        self._resolve()
        if self._app is not None:
            self._dress()
        self.changed.emit()

    def _resolve(self) -> None:
        dark = self._mode == "dark" or (self._mode == "system" and _system_is_dark())
        self.tokens = DARK if dark else LIGHT
        self._high_contrast = _system_wants_contrast()
        colors = self.tokens.color
        self._colors = dict(colors)
        if self._high_contrast:
            self._colors.update({role: colors[stronger] for role, stronger in _STRONGER.items()})

    def _ask_system_for(self, mode: Mode) -> None:
        """Title bars and native dialogs follow the choice too."""
        hints = QGuiApplication.styleHints()
        if mode == "system":
            hints.unsetColorScheme()
        else:
            hints.setColorScheme(Qt.ColorScheme.Dark if mode == "dark" else Qt.ColorScheme.Light)

    def _dress(self) -> None:
        if self._app is None:
            return
        for weight in FIRST_FRAME_WEIGHTS:
            load_font(FONT_FILES[weight])
        QGuiApplication.setFont(self.font("body"))
        QGuiApplication.setPalette(self._palette())
        self._app.setStyleSheet(self.stylesheet())

    def _palette(self) -> QPalette:
        role = QPalette.ColorRole
        palette = QPalette()
        for target, token in _PALETTE.items():
            palette.setColor(target, self.color(token))
        for target in (role.Text, role.WindowText, role.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, target, self.color("textDisabled"))
        return palette

    def _qss_values(self) -> dict[str, str]:
        tokens = self.tokens
        values = dict(self._colors)
        for kind, style in tokens.type.items():
            values[f"type_{kind}"] = f"{round(style.px * self._scale)}px"
            values[f"spacing_{kind}"] = f"{style.spacing * self._scale:.2f}px"
        values.update({f"space_{step.replace('.', '_')}": f"{px}px" for step, px in tokens.space.items()})
        values.update({f"radius_{name}": f"{px}px" for name, px in tokens.radius.items()})
        values |= {
            "border_width": f"{tokens.size['border']}px", "family_mono": tokens.mono,
            "weight_medium": "500", "weight_strong": "600", "weight_hero": str(tokens.type["hero"].weight),
            "field_pad": "11px",
            "field_height": f"{self.line('body') + 14}px", "item_height": f"{self.line('body') + 10}px",
        }  # fmt: skip
        return values


def _clamp_scale(scale: float) -> float:
    return min(max(round(scale, 2), TEXT_SCALES[0]), TEXT_SCALES[-1])


def _system_is_dark() -> bool:
    return QGuiApplication.instance() is not None and QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark


def _system_wants_contrast() -> bool:
    if QGuiApplication.instance() is None:
        return False
    hints = QGuiApplication.styleHints()  # kept in a name: the accessibility object goes when its parent's wrapper goes
    return hints.accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast


def _system_reduces_motion() -> bool:
    if QGuiApplication.instance() is None:
        return False
    hints = QGuiApplication.styleHints()
    # Qt 6.12 and later; older versions have only our own setting
    ask = getattr(hints.accessibility(), "motionPreference", None)
    return ask is not None and getattr(ask(), "name", "") == "ReducedMotion"


# One look per process: a paintEvent has no constructor argument to carry a theme, and two looks at once make no sense.
_current: Theme | None = None


def current() -> Theme:
    """The theme to paint with. Before `Theme.apply` it is a plain system theme, so a widget can be painted alone."""
    global _current
    if _current is None:
        _current = Theme()
    return _current
