"""A bar that says how much of a whole is used; the words beside it say the same."""

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui import theme
from ui.widgets import paint

HEIGHT = 6
NEARLY = 0.8  # from here on the bar warns


class Meter(QWidget):
    """`share` is 0 to 1; above 1 it is full and says so in its colour. Decorative: words stand beside it."""

    def __init__(self, *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._share = 0.0
        self._role = "accent"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_share(self, share: float, role: str = "") -> None:
        """`role` is a colour of one's own; otherwise it follows how full the bar is."""
        self._share = min(max(share, 0.0), 1.0)
        self._role = role or ("accent" if share < NEARLY else "warning")
        self.update()

    @property
    def share(self) -> float:
        return self._share

    def sizeHint(self) -> QSize:
        return QSize(theme.current().px(120), theme.current().px(HEIGHT))

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        whole = QRectF(self.rect())
        radius = whole.height() / 2
        paint.box(p, whole, radius, "surfaceActive")
        if self._share > 0:
            used = QRectF(whole)
            used.setWidth(max(whole.height(), whole.width() * self._share))
            if paint.is_rtl(self):
                used.moveRight(whole.right())
            paint.box(p, used, radius, self._role)
        p.end()
