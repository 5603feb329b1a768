"""Text to take away: read-only, copied with a confirmation; a secret is masked and leaves the clipboard again."""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit, QWidget

from ui import theme
from ui.text import tr
from ui.widgets import a11y
from ui.widgets.fields import LineEdit

COPIED_MS = 1600
SECRET_CLIPBOARD_MS = 60_000


class CopyField(LineEdit):
    """Read-only text with a copy button that confirms. A secret is masked and leaves the clipboard after a minute.

    Signals: copied().
    """

    copied = Signal()

    def __init__(
        self, value: str = "", *, label: str, name: str = "", secret: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(name=name, parent=parent)
        self._secret = secret
        self.setReadOnly(True)
        self.setProperty("mono", "true")
        theme.current().font("code")  # the stylesheet names the family; this loads it
        self.setAccessibleName(label)
        self._copy = self.add_button("copy", tr("Copy {what}", what=label))
        self._copy.clicked.connect(self.copy_value)
        self._label = label
        self._done = QTimer(self)
        self._done.setSingleShot(True)
        self._done.timeout.connect(self._rest)
        if secret:
            self.setEchoMode(QLineEdit.EchoMode.Password)
            self._reveal = self.add_button("eye", tr("Show {what}", what=label))
            self._reveal.clicked.connect(self._on_reveal_clicked)
        self.setText(value)

    def copy_value(self) -> None:
        clipboard = QGuiApplication.clipboard()
        value = self.text()
        clipboard.setText(value)
        if self._secret:
            QTimer.singleShot(SECRET_CLIPBOARD_MS, clipboard, lambda: _forget(value))
        self._copy.set_icon("check")
        self._copy.set_label(tr("Copied"))
        self._done.start(COPIED_MS)
        a11y.announce(self, tr("Copied"))
        self.copied.emit()

    def _rest(self) -> None:
        self._copy.set_icon("copy")
        self._copy.set_label(tr("Copy {what}", what=self._label))

    def _on_reveal_clicked(self) -> None:
        masked = self.echoMode() == QLineEdit.EchoMode.Password
        self.setEchoMode(QLineEdit.EchoMode.Normal if masked else QLineEdit.EchoMode.Password)
        self._reveal.set_icon("eye-off" if masked else "eye")
        what = self._label
        self._reveal.set_label(tr("Hide {what}", what=what) if masked else tr("Show {what}", what=what))


def _forget(value: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if clipboard.text() == value:
        clipboard.clear()
