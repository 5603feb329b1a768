"""Time and chance as arguments: the only two doors through which they enter the services."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, timezone-aware, UTC."""
        ...


class Ids(Protocol):
    def uuid(self) -> str:
        """A new id: 32 hex digits, growing with time (UUID version 7)."""
        ...

    def token(self) -> str:
        """A new secret: 32 random bytes, URL-safe text."""
        ...
