"""Fonts and icons made of files: each is read when it is first asked for and kept."""

import json
from functools import lru_cache

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QFont, QFontDatabase, QPainter, QPixmap

import resources
from ui.theme.tokens import LIGHT

ICON_STROKE = 1.75
# drawn mirrored in right-to-left layouts; figures, marks and logos are not
DIRECTIONAL = frozenset(
    "arrow-left arrow-right arrow-up-right chevron-left chevron-right corner-down-left external-link list log-in "
    "log-out panel-left quote send undo-2".split()
)


@lru_cache(maxsize=1)
def _icon_bodies() -> dict[str, str]:
    bodies: dict[str, str] = json.loads(resources.read_text("icons.json"))
    return bodies


def icon_names() -> frozenset[str]:
    return frozenset(_icon_bodies())


@lru_cache(maxsize=768)
def icon_pixmap(name: str, color: str, device_px: int, filled: bool, mirrored: bool) -> QPixmap:
    from PySide6.QtSvg import QSvgRenderer  # first icon only

    fill = color if filled else "none"
    flip = '<g transform="matrix(-1 0 0 1 24 0)">' if mirrored else "<g>"
    body = _icon_bodies()[name]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="{fill}" stroke="{color}" '
        f'stroke-width="{ICON_STROKE}" stroke-linecap="round" stroke-linejoin="round">{flip}{body}</g></svg>'
    )
    pixmap = QPixmap(device_px, device_px)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    return pixmap


FONT_FILES = {400: "Inter-Regular", 500: "Inter-Medium", 600: "Inter-SemiBold", 700: "Inter-Bold"}
_MONO_FILES = {400: "JetBrainsMono-Regular", 500: "JetBrainsMono-Medium"}


@lru_cache(maxsize=16)
def load_font(stem: str) -> None:
    """Each file is registered when its weight is first asked for: the first frame needs three of six."""
    if QFontDatabase.addApplicationFont(str(resources.path("fonts", f"{stem}.ttf"))) < 0:
        raise RuntimeError(f"font {stem} could not be loaded")


@lru_cache(maxsize=256)
def font_for(kind: str, weight: int, tabular: bool, scale: float) -> QFont:
    style = LIGHT.type[kind]
    files, family = (_MONO_FILES, LIGHT.mono) if style.is_mono else (FONT_FILES, LIGHT.family)
    load_font(files[weight])
    font = QFont(family)
    font.setPixelSize(round(style.px * scale))
    font.setWeight(QFont.Weight(weight))
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)  # even spacing at every size
    if style.spacing:
        font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, style.spacing * scale)
    if tabular:
        font.setFeature(QFont.Tag("tnum"), 1)
    return font
