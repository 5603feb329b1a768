"""Layouts that follow the room there is: two things side by side or stacked, texts as tall as their width asks."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QWidget

SIDE_BY_SIDE = QBoxLayout.Direction.LeftToRight
STACKED = QBoxLayout.Direction.TopToBottom


class FoldingRow(QWidget):
    """`second` stands at the end side; folded, it takes the whole width below `first`."""

    def __init__(self, first: QWidget, second: QWidget, *, gap: int = 16, fold_gap: int = 8) -> None:
        super().__init__()
        self._first, self._second = first, second
        self._gap, self._fold_gap = gap, fold_gap
        self._box = QBoxLayout(SIDE_BY_SIDE, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(gap)
        self._box.addWidget(first, 1)
        self._box.addWidget(second)
        self._box.setAlignment(second, Qt.AlignmentFlag.AlignVCenter)

    @property
    def is_folded(self) -> bool:
        return self._box.direction() == STACKED

    def minimumSizeHint(self) -> QSize:
        first, second = self._first.minimumSizeHint(), self._second.minimumSizeHint()
        return QSize(max(first.width(), second.width()), max(first.height(), second.height()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fold()

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.StyleChange):
            self._fold()
        return super().event(event)

    def _fold(self) -> None:
        if not hasattr(self, "_box") or self.width() <= 0:
            return
        wanted = self._first.sizeHint().width() + self._gap + self._second.sizeHint().width()
        folded = wanted > self.width()
        if folded != self.is_folded:
            self._box.setDirection(STACKED if folded else SIDE_BY_SIDE)
            self._box.setSpacing(self._fold_gap if folded else self._gap)
            self._box.setAlignment(self._second, Qt.AlignmentFlag(0) if folded else Qt.AlignmentFlag.AlignVCenter)


class Reading(QWidget):
    """What a scroll area scrolls: as tall as its texts are at its width, not at their narrowest."""

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), 0)
