"""Something that is rarely needed, behind a line of words that opens it."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from ui.text import tr
from ui.widgets.buttons import Button


class FoldOut(QWidget):
    """A link with an arrow and, when it is open, `content` below it. Signals: opened(bool) - by the user."""

    opened = Signal(bool)

    def __init__(self, text: str, content: QWidget, *, name: str) -> None:
        super().__init__()
        self.setObjectName(f"{name}Box")
        self._content = content
        self.button = Button(text, "link", "chevron-right", name=name)
        self.button.clicked.connect(self._on_clicked)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeading)
        layout.addWidget(content)
        self._is_open = True
        self.set_open(False)

    @property
    def is_open(self) -> bool:
        return self._is_open

    def set_open(self, is_open: bool) -> None:
        if is_open != self._is_open:
            self._is_open = is_open
            self._content.setVisible(is_open)
            self.button.set_icon("chevron-down" if is_open else "chevron-right")
            self.button.setAccessibleDescription(tr("Open") if is_open else tr("Closed"))

    def set_text(self, text: str) -> None:
        self.button.setText(text)

    def _on_clicked(self) -> None:
        self.set_open(not self._is_open)
        self.opened.emit(self._is_open)
