"""The one helper that keeps chatty input from becoming chatty work."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer


class Debounce(QObject):
    """Calls `call` once, `milliseconds` after the last `trigger()`."""

    def __init__(self, milliseconds: int, call: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._call = call
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(milliseconds)
        self._timer.timeout.connect(call)

    @property
    def is_pending(self) -> bool:
        return self._timer.isActive()

    def trigger(self) -> None:
        """Starts waiting again."""
        self._timer.start()

    def flush(self) -> None:
        """Calls now what would be called later; nothing when nothing waits."""
        if self._timer.isActive():
            self._timer.stop()
            self._call()

    def cancel(self) -> None:
        """Forgets what waits."""
        self._timer.stop()
