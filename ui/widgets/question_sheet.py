"""A sheet for a short question: in the middle of the window and only as tall as what it asks."""

from __future__ import annotations

from PySide6.QtCore import QRect

from ui.widgets.overlay import Sheet

EDGES = 2  # the panel's frame, on both sides


class QuestionSheet(Sheet):
    """Scrolls only where the window is too small for it."""

    def place(self) -> QRect:
        side = super().place()
        content, layout = self.area.widget(), self.panel.layout()
        inner = content.layout() if content is not None else None
        if inner is None or layout is None:
            return side
        items = [layout.itemAt(index) for index in range(layout.count())]
        around = sum(item.sizeHint().height() for item in items if item is not None and item.widget() is not self.area)
        wanted = max(inner.totalHeightForWidth(side.width() - EDGES), inner.totalMinimumSize().height())
        height = min(around + wanted + EDGES, side.height())
        return QRect((self.width() - side.width()) // 2, (self.height() - height) // 2, side.width(), height)
