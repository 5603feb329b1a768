"""What the program remembers about this user and window between runs, typed, in one ini file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QRect, QSettings, QSize
from PySide6.QtGui import QGuiApplication

ThemeMode = Literal["system", "light", "dark"]
MODES: tuple[ThemeMode, ...] = ("system", "light", "dark")
DEFAULT_SIZE = QSize(1280, 800)
MINIMUM_SIZE = QSize(900, 600)
MOST_RECENT = 8
GRIP = 80  # so many px of the title must stay reachable


class Prefs:
    """Reads are cheap and never fail: a value that makes no sense is the default. Qt writes the file by itself."""

    def __init__(self, path: Path | str) -> None:
        self._store = QSettings(str(path), QSettings.Format.IniFormat)

    def sync(self) -> None:
        """Writes now; call it when the window closes."""
        self._store.sync()

    # -- look ------------------------------------------------------------------------------------------------------
    @property
    def theme_mode(self) -> ThemeMode:
        value = self._text("look/theme", "system")
        return next((mode for mode in MODES if mode == value), "system")

    @theme_mode.setter
    def theme_mode(self, mode: ThemeMode) -> None:
        self._store.setValue("look/theme", mode)

    @property
    def text_scale(self) -> float:
        try:
            return min(max(float(self._text("look/text_scale", "1.0")), 0.85), 2.0)
        except ValueError:
            return 1.0

    @text_scale.setter
    def text_scale(self, scale: float) -> None:
        self._store.setValue("look/text_scale", f"{scale:.2f}")

    @property
    def reduced_motion(self) -> bool:
        return self._text("look/reduced_motion", "false") == "true"

    @reduced_motion.setter
    def reduced_motion(self, reduced: bool) -> None:
        self._store.setValue("look/reduced_motion", "true" if reduced else "false")

    # -- window ----------------------------------------------------------------------------------------------------
    @property
    def geometry(self) -> QRect:
        """Where the window was, moved and shrunk so that it can be seen on the screens of today."""
        return on_screen(
            self._rect("window/geometry"), [screen.availableGeometry() for screen in QGuiApplication.screens()]
        )

    @geometry.setter
    def geometry(self, rect: QRect) -> None:
        self._store.setValue("window/geometry", f"{rect.x()} {rect.y()} {rect.width()} {rect.height()}")

    @property
    def is_maximised(self) -> bool:
        return self._text("window/maximised", "false") == "true"

    @is_maximised.setter
    def is_maximised(self, maximised: bool) -> None:
        self._store.setValue("window/maximised", "true" if maximised else "false")

    @property
    def last_page(self) -> str:
        return self._text("window/page", "marketplace")

    @last_page.setter
    def last_page(self, page: str) -> None:
        self._store.setValue("window/page", page)

    # -- habits ----------------------------------------------------------------------------------------------------
    @property
    def marketplace_sort(self) -> str:
        return self._text("marketplace/sort", "")

    @marketplace_sort.setter
    def marketplace_sort(self, sort: str) -> None:
        self._store.setValue("marketplace/sort", sort)

    @property
    def recent_commands(self) -> tuple[str, ...]:
        """Ids of the palette's last commands, newest first."""
        return tuple(part for part in self._text("palette/recent", "").split("|") if part)[:MOST_RECENT]

    def remember_command(self, command_id: str) -> None:
        others = [one for one in self.recent_commands if one != command_id]
        self._store.setValue("palette/recent", "|".join([command_id, *others][:MOST_RECENT]))

    @property
    def is_time_bar_shown(self) -> bool:
        """Of a test workspace; elsewhere it means nothing."""
        return self._text("time/bar", "false") == "true"

    @is_time_bar_shown.setter
    def is_time_bar_shown(self, shown: bool) -> None:
        self._store.setValue("time/bar", "true" if shown else "false")

    def column_widths(self, table: str) -> tuple[int, ...]:
        parts = self._text(f"tables/{table}", "").split()
        return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()

    def set_column_widths(self, table: str, widths: Sequence[int]) -> None:
        self._store.setValue(f"tables/{table}", " ".join(str(width) for width in widths))

    # -- reading ---------------------------------------------------------------------------------------------------
    def _text(self, key: str, default: str) -> str:
        value = self._store.value(key, default)
        return value if isinstance(value, str) else default

    def _rect(self, key: str) -> QRect | None:
        parts = self._text(key, "").split()
        try:
            x, y, width, height = (int(part) for part in parts)
        except ValueError:
            return None
        return QRect(x, y, width, height)


def on_screen(wanted: QRect | None, screens: Sequence[QRect]) -> QRect:
    """`wanted` when its title bar can be reached on a screen, else centred on the first; never larger than it."""
    if not screens:
        return wanted or QRect(0, 0, DEFAULT_SIZE.width(), DEFAULT_SIZE.height())
    if wanted is not None:
        wanted = QRect(wanted.topLeft(), wanted.size().expandedTo(MINIMUM_SIZE))
        title = QRect(wanted.x(), wanted.y(), wanted.width(), GRIP // 2)
        for screen in screens:
            part = title.intersected(screen)
            if part.width() >= GRIP and part.height() >= GRIP // 4:
                return QRect(wanted.topLeft(), _fitting(wanted.size(), screen))
    screen = screens[0]
    size = _fitting(wanted.size() if wanted is not None else DEFAULT_SIZE, screen)
    rect = QRect(0, 0, size.width(), size.height())
    rect.moveCenter(screen.center())
    return rect


def _fitting(size: QSize, screen: QRect) -> QSize:
    return size.expandedTo(MINIMUM_SIZE).boundedTo(screen.size())
