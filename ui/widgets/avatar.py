"""Small pictures drawn from data: an offering by its category's hue and icon, a person or organization by initials."""

import zlib
from functools import lru_cache

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPaintEvent, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui import theme
from ui.widgets import paint


def tile_colors(hue: int, dark: bool) -> tuple[QColor, QColor]:
    """Fill and mark colour of a hue; the lightness values keep every hue above 3:1."""
    if dark:
        return QColor.fromHsl(hue, 90, 44), QColor.fromHsl(hue, 150, 190)
    return QColor.fromHsl(hue, 150, 236), QColor.fromHsl(hue, 160, 78)


def _blank(size: int, dpr: float) -> QPixmap:
    pixmap = QPixmap(round(size * dpr), round(size * dpr))
    pixmap.setDevicePixelRatio(dpr)
    pixmap.fill(Qt.GlobalColor.transparent)
    return pixmap


@lru_cache(maxsize=256)
def _category(hue: int, icon: str, size: int, dpr: float, dark: bool) -> QPixmap:
    fill, mark = tile_colors(hue, dark)
    pixmap = _blank(size, dpr)
    p = paint.painter(pixmap)
    p.setPen(Qt.PenStyle.NoPen)
    p.setBrush(fill)
    p.drawRoundedRect(QRectF(0, 0, size, size), size / 4, size / 4)
    side = size // 2
    at = (size - side) // 2
    p.drawPixmap(QPoint(at, at), theme.current().pixmap(icon, mark.name(), side, dpr))
    p.end()
    return pixmap


@lru_cache(maxsize=256)
def _initials(name: str, size: int, dpr: float, dark: bool, round_shape: bool) -> QPixmap:
    fill, mark = tile_colors(zlib.crc32(name.encode()) % 360, dark)
    pixmap = _blank(size, dpr)
    p = paint.painter(pixmap)
    p.setPen(Qt.PenStyle.NoPen)
    p.setBrush(fill)
    radius = size / 2 if round_shape else size / 4
    p.drawRoundedRect(QRectF(0, 0, size, size), radius, radius)
    font = theme.current().font("label", weight=600)
    font.setPixelSize(max(round(size * 0.4), 8))
    p.setFont(font)
    p.setPen(mark)
    p.drawText(QRect(0, 0, size, size), paint.CENTER, initials(name))
    p.end()
    return pixmap


def initials(name: str) -> str:
    words = [word for word in name.replace("@", " ").split() if word[0].isalnum()]
    picked = words[:1] if len(words) < 2 else [words[0], words[-1]]
    return "".join(word[0] for word in picked).upper()


def category_avatar(hue: int, icon: str, size: int, dpr: float) -> QPixmap:
    return _category(hue, icon, size, dpr, theme.current().is_dark)


def initials_avatar(name: str, size: int, dpr: float, *, round_shape: bool = True) -> QPixmap:
    return _initials(name, size, dpr, theme.current().is_dark, round_shape)


class Avatar(QWidget):
    """Shows one avatar and follows theme, text scale and screen. Decorative: the name stands beside it."""

    def __init__(self, size: int = 44, *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._size = size
        self._hue = 0
        self._icon = ""
        self._person = ""
        self._round = True
        self.setObjectName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_category(self, hue: int, icon: str) -> None:
        self._hue, self._icon = hue, icon
        self.update()

    def set_person(self, name: str, *, round_shape: bool = True) -> None:
        self._person, self._icon, self._round = name, "", round_shape
        self.update()

    def sizeHint(self) -> QSize:
        side = theme.current().px(self._size)
        return QSize(side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        side, dpr = theme.current().px(self._size), self.devicePixelRatioF()
        p = paint.painter(self)
        if self._icon:
            p.drawPixmap(0, 0, category_avatar(self._hue, self._icon, side, dpr))
        elif self._person:
            p.drawPixmap(0, 0, initials_avatar(self._person, side, dpr, round_shape=self._round))
        p.end()
