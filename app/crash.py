"""The last resort: a bug is written to the log with its place, and the user is told; nothing is sent anywhere."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

log = logging.getLogger("souk")


def keep_log(file: Path) -> None:
    """Warnings and worse go to a small rotating file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(file, maxBytes=512_000, backupCount=2, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)


def report(error: BaseException) -> str:
    """Logs a bug and returns what may be shown and copied: the kind of error and where, never values."""
    summary, way = _place(error)
    log.error("%s\n%s", summary, way)
    return summary


def _place(error: BaseException) -> tuple[str, str]:
    """The kind of an error with its last place, and the way there by files and functions."""
    place = traceback.extract_tb(error.__traceback__)
    where = f"{Path(place[-1].filename).name}:{place[-1].lineno}" if place else "unknown place"
    way = "\n".join(f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in place)
    return f"{type(error).__name__} at {where}", way


def catch_everything(show: Callable[[str], None]) -> None:
    """Exceptions that nobody caught (Qt slots among them) are reported instead of ending the program silently."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        sys.__excepthook__(kind, error, trace)
        try:
            show(report(error))
        except Exception as second:
            # not log.exception: the text of an error may hold values
            log.error("the crash report itself failed: %s\n%s", *_place(second))

    sys.excepthook = hook
