"""The window and its start-up order.

1. Qt, theme and preferences. 2. The first catalogue page by sqlite3 alone. 3. The window with its first frame.
4. In the background SQLAlchemy and the rest are imported, the database prepared, the service built.
5. The worker, the session of the last time, the pending cart. What was clicked meanwhile waits in `app/pending.py`.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable

import qasync
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from app import crash
from app.clock import SystemClock, SystemIds
from app.device import KeyringTokens, device_token
from app.pending import pending_service
from app.settings import Settings
from app.single import SingleInstance
from services.api.clock import Clock, Ids
from services.api.contract import Actor, Service
from services.api.errors import DatabaseCorrupt, DatabaseTooNew, StorageError
from services.embedded import first_page
from ui.bridge import Bridge
from ui.pages.rescue import RescueSheet
from ui.prefs import Prefs
from ui.shell import Shell
from ui.text import error_text, tr
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder


def make_application() -> QApplication:
    """The one QApplication, with our name on it."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)  # noqa: S101  this program makes no other kind
    application.setApplicationName("souk")
    application.setApplicationDisplayName("Souk")
    QGuiApplication.setDesktopFileName("souk")
    return application


class Desktop(QObject):
    """One window on one data folder (or server). `shell` is painted before `start` builds the service behind it."""

    def __init__(
        self, application: QApplication, settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None
    ) -> None:
        super().__init__()
        self.settings = settings
        self._clock, self._ids = clock or SystemClock(), ids or SystemIds()
        self._application = application
        self.loop = qasync.QEventLoop(application, set_running_loop=False)
        asyncio.set_event_loop(self.loop)
        self._ready: asyncio.Future[Service] = self.loop.create_future()
        self._close_service: Callable[[], None] = lambda: None
        self.prefs = Prefs(settings.preferences)
        self.theme = Theme(
            self.prefs.theme_mode, text_scale=self.prefs.text_scale, reduced_motion=self.prefs.reduced_motion
        )
        self.theme.apply(application)
        self.bridge = Bridge(self.loop)
        actor = Actor(device=device_token(settings.data, self._ids))
        self.holder = ServiceHolder(pending_service(self._ready, actor))
        self._tokens = KeyringTokens(settings.data)
        self.shell = self._build_shell()
        self.bridge.crashed.connect(self._on_crashed)

