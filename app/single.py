"""One window per data folder: a second start raises the first and goes away. Two processes would be safe; this is
for the user's comfort (TRUST, D)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QLockFile, QObject, Signal

if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer

_TIMEOUT_MS = 500


class SingleInstance(QObject):
    """Holds the lock of a data folder.

    Signals:
        raised(): somebody started Souk again; the window should come to the front.
    """

    raised = Signal()

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        folder.mkdir(parents=True, exist_ok=True)
        self._name = "souk-" + hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
        self._lock = QLockFile(str(folder / "window.lock"))
        self._lock.setStaleLockTime(0)  # a lock whose process is gone is taken over
        self._server: QLocalServer | None = None

    def claim(self) -> bool:
        """True when this process is the first; otherwise the other window was asked to come to the front."""
        if self._lock.tryLock(0):
            return True
        from PySide6.QtNetwork import QLocalSocket  # lazy: the first start never needs it before its first frame

        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if socket.waitForConnected(_TIMEOUT_MS):
            socket.write(b"raise")
            socket.waitForBytesWritten(_TIMEOUT_MS)
            socket.disconnectFromServer()
        return False

    def listen(self) -> None:
        """From now on a second start is noticed."""
        from PySide6.QtNetwork import QLocalServer  # lazy: as above

        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        QLocalServer.removeServer(self._name)
        self._server.newConnection.connect(self._on_connection)
        self._server.listen(self._name)

    def _on_connection(self) -> None:
        if self._server is not None and (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            self.raised.emit()

    def release(self) -> None:
        """Lets the next start be the first."""
        if self._server is not None:
            self._server.close()
        self._lock.unlock()
