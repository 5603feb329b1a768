"""Marked secrets, and everywhere one could turn up: texts, databases, reprs, log records."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OURS = ("app.", "services.", "ui.", "stripe.", "httpx.")
_PLAIN = (str, bytes, int, float, bool, type(None))
DEPTH_MAX = 60


@dataclass(frozen=True)
class Canaries:
    """`secrets`: name -> the secret. The name is what a find is told by."""

    secrets: Mapping[str, str]
    found: list[str] = field(default_factory=list)

    def look(self, text: str, where: str) -> None:
        """Notes every secret that stands in a text."""
        self.found.extend(f"{name} in {where}" for name, secret in self.secrets.items() if secret in text)

    def look_into(self, file: Path) -> None:
        """Every column of every row of a database, and the raw file with what is left in its free pages."""
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in names:
                for row in database.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  a name out of the file itself
                    for value in row:
                        self.look(as_text(value), f"{file.name}, table {table}")
        for part in (file, file.with_name(f"{file.name}-wal")):
            if part.exists():
                self.look(part.read_bytes().decode("latin-1"), f"the bytes of {part.name}")

    def look_at_records(self, records: list[logging.LogRecord]) -> None:
        """Messages, arguments and the text of exceptions."""
        formatter = logging.Formatter()
        for record in records:
            self.look(formatter.format(record), f"a log record of {record.name}")
            self.look(repr(record.args), f"the arguments of a log record of {record.name}")

    def look_at_reprs(self, root: object) -> set[str]:
        """The repr of every object of ours, and of the libraries that hold keys, within reach; returns their types."""
        seen = set()
        for one in within_reach(root):
            self.look(repr(one), f"the repr of a {type(one).__qualname__}")
            seen.add(type(one).__name__)
        return seen


def as_text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def within_reach(root: object) -> Iterator[object]:
    """Objects of OURS, found through attributes and containers."""
    seen: set[int] = set()
    waiting: list[tuple[object, int]] = [(root, 0)]
    while waiting:
        one, depth = waiting.pop()
        if id(one) in seen or depth > DEPTH_MAX or isinstance(one, (*_PLAIN, type)):
            continue
        seen.add(id(one))
        if f"{type(one).__module__}.".startswith(OURS):
            yield one
        waiting += [(part, depth + 1) for part in parts_of(one)]


def parts_of(one: Any) -> list[object]:  # Any: whatever there is
    if isinstance(one, Mapping):
        return [*one.keys(), *one.values()] if isinstance(one, dict) else []
    if isinstance(one, list | tuple | set | frozenset):
        return list(one)
    if not f"{type(one).__module__}.".startswith(OURS):
        return []
    slots = {name for kind in type(one).__mro__ for name in _slots(kind)}
    named = [getattr(one, name, None) for name in slots if name not in ("__dict__", "__weakref__")]
    return [*named, *getattr(one, "__dict__", {}).values()]


def _slots(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)
