"""What a fresh process does in the cold-start benchmark: `main(kind, folder)` shows a window and tells its first frame.

bare: the smallest PySide6 program. ours: the real window, opened as app.desktop.run opens it. eager: the same after
everything else was imported, as most programs do.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

HEAVY = ("sqlalchemy", "httpx", "stripe")
_ALL = (
    "sqlalchemy", "sqlalchemy.orm", "alembic.command", "httpx", "argon2", "keyring", "msgspec", "numpy", "tokenizers",
    "litestar", "uvicorn", "stripe", "app.compose", "app.serve",
)  # fmt: skip


def main(kind: str, folder: str) -> None:
    """Prints one JSON line after the first frame and ends the process."""
    if kind == "bare":
        _bare()
        return
    if kind == "eager":
        for name in _ALL:
            _import_if_there(name)
    _window(folder)


def _import_if_there(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name != name.partition(".")[0]:
            raise


def _tell(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _bare() -> None:
    from PySide6.QtCore import QTimer
    from PySide6.QtGui import QPaintEvent
    from PySide6.QtWidgets import QApplication, QWidget

    class Window(QWidget):
        def paintEvent(self, event: QPaintEvent) -> None:
            QTimer.singleShot(0, painted)

    def painted() -> None:
        _tell()
        os._exit(0)

    application = QApplication(["bare"])
    window = Window()
    window.resize(1280, 800)
    window.show()
    application.exec()


def _window(folder: str) -> None:
    from pathlib import Path

    from app import crash, desktop, settings
    from app.single import SingleInstance
    from ui.widgets.card_grid import CardGrid

    application = desktop.make_application()
    chosen = settings.load(Path(folder), {})
    crash.keep_log(chosen.log_file)
    single = SingleInstance(chosen.data)
    single.claim()
    window = desktop.Desktop(application, chosen)
    window.shell.resize(1280, 800)
    grid = window.shell.findChild(CardGrid, "offeringGrid")
    assert grid is not None

    def painted(first: int, last: int) -> None:
        cards = [window.vms.marketplace.offerings.card(row) for row in range(first, last + 1)]
        _tell(cards=sum(card is not None for card in cards), heavy=[name for name in HEAVY if name in sys.modules])
        os._exit(0)

    grid.rows_shown.connect(painted)
    window.start_after_first_frame()
    window.shell.open_window()
    with window.loop:
        window.loop.run_forever()
