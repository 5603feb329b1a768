"""A border around the whole window while its time is simulated."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRect, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QRegion
from PySide6.QtWidgets import QWidget

from ui import theme
from ui.viewmodels.timeline import TimelineViewModel

WIDTH = 3  # px


class TimeFrame(QWidget):
    """Create one with the window; it lets every click through and covers nothing but the edge."""

    def __init__(self, vm: TimelineViewModel, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("timeFrame")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._vm = vm
        self._window = window
        window.installEventFilter(self)
        vm.changed.connect(self._on_changed)
        self._on_changed()

    def _on_changed(self) -> None:
        is_simulated = self._vm.state.is_simulated
        if is_simulated and self.isHidden():
            self._cover()
            self.raise_()
        self.setVisible(is_simulated)

    def _cover(self) -> None:
        whole = QRect(0, 0, self._window.width(), self._window.height())
        self.setGeometry(whole)
        self.setMask(QRegion(whole).subtracted(QRegion(whole.adjusted(WIDTH, WIDTH, -WIDTH, -WIDTH))))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._window:
            self._cover()
        return False

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = QPainter(self)
        p.fillRect(self.rect(), theme.current().color("warning"))
        p.end()
