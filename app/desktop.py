"""The window and its start-up order.

1. Qt, theme and preferences. 2. The first catalogue page by sqlite3 alone. 3. The window with its first frame.
4. In the background: SQLAlchemy and the rest are imported, the database prepared, the service built.
5. The worker, the session of the last time, the pending cart. What was clicked meanwhile waits in `app/pending.py`.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

from app import crash
from app.clock import SystemClock, SystemIds
from app.pending import pending_service
from app.settings import Settings
from services.api.clock import Clock, Ids
from services.api.contract import Actor, Service
from services.api.errors import DatabaseCorrupt, StorageError
from services.embedded import first_page
from ui.bridge import Bridge
from ui.prefs import Prefs
from ui.theme import Theme

if TYPE_CHECKING:
    from services.embedded.service import EmbeddedService
