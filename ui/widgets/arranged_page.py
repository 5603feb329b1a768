"""A page that lays itself out by its width and text size, and takes the keyboard when it comes into sight."""

from PySide6.QtCore import QEvent
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QWidget


class ArrangedPage(QWidget):
    """Children say where the keyboard goes (`focus_content`) and how the room is shared (`_arrange`)."""

    def focus_content(self) -> None:
        """The keyboard goes to the page's own place."""
        raise NotImplementedError

    def _arrange(self) -> None:
        raise NotImplementedError

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._arrange()  # the text size may have changed while another page was in sight
        self.focus_content()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and self.isVisible():
            self._arrange()
