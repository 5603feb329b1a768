"""An amount that opens the tree that made it: looks like a figure, acts like a button."""

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from ui import theme
from ui.text import tr
from ui.widgets import paint

UNDERLINE_GAP = 8  # so many times it fits into the height of the figures


class AmountLink(QPushButton):
    """`ref` is what the explanation is asked for with; empty: only words, nothing to open.

    Signals: explained(ref).
    """

    explained = Signal(str)

    def __init__(
        self, text: str = "", ref: str = "", *, name: str = "", kind: str = "body", weight: int | None = None,
        role: str = "text", parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._kind, self._weight, self._role = kind, weight, role
        self.setObjectName(name)
        self.setAutoDefault(True)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self._on_clicked)
        self.set_amount(text, ref)

    def set_amount(self, text: str, ref: str, role: str | None = None) -> None:
        """Another figure; `role` is its colour."""
        self._ref, self._role = ref, role or self._role
        self.setText(text)
        self.setAccessibleName(tr("Explain {amount}", amount=text) if ref else text)
        self.setToolTip(tr("How this amount comes about") if ref else "")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if ref else Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor if ref else Qt.CursorShape.ArrowCursor)
        self.updateGeometry()
        self.update()

    @property
    def ref(self) -> str:
        return self._ref

    def _on_clicked(self) -> None:
        if self._ref:
            self.explained.emit(self._ref)

    def _font(self) -> QFont:
        return theme.current().font(self._kind, True, self._weight)

    def sizeHint(self) -> QSize:
        look = theme.current()
        height = max(look.line(self._kind), look.size("minTarget"))
        return QSize(QFontMetrics(self._font()).horizontalAdvance(self.text()) + 2, height)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        look, font = theme.current(), self._font()
        metrics = QFontMetrics(font)
        width = min(metrics.horizontalAdvance(self.text()) + 2, self.width())
        room = paint.mirrored(QRect(0, 0, width, self.height()), self.width(), paint.is_rtl(self))
        p = paint.painter(self)
        is_pointed_at = bool(self._ref) and (self.underMouse() or self.isDown())
        paint.text(p, room, self.text(), font, "link" if is_pointed_at else self._role)
        if self._ref:
            y = (self.height() - metrics.height()) // 2 + metrics.ascent() + max(2, metrics.height() // UNDERLINE_GAP)
            pen = QPen(look.color("link" if is_pointed_at else "borderControl"), 1)
            pen.setStyle(Qt.PenStyle.SolidLine if is_pointed_at else Qt.PenStyle.DotLine)
            p.setPen(pen)
            p.drawLine(room.left(), y, room.right() - 2, y)
        p.end()
