"""Garbage is collected in the window's own thread only.

Python runs its cyclic collector in whichever thread happens to allocate. A QObject that dies in a database thread
takes Qt down with it (a segmentation fault in the next round of events), so the automatic collector is switched off
and a timer of the main thread does the same work by the same thresholds.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

LOOK_EVERY_MS = 1_000


class MainThreadCollector(QObject):
    """Takes the collector over while it lives; `release` gives it back."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was_enabled = gc.isenabled()
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._timer.start(LOOK_EVERY_MS)

    def look(self) -> None:
        """Collects the generations that are due, youngest first."""
        due = [count > limit for count, limit in zip(gc.get_count(), gc.get_threshold(), strict=True)]
        if any(due):
            gc.collect(max(generation for generation, is_due in enumerate(due) if is_due))

    def release(self) -> None:
        """Back to Python's own way."""
        self._timer.stop()
        if self._was_enabled:
            gc.enable()
