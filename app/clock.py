"""Where time and chance really come from; everybody else takes them as arguments."""

from __future__ import annotations

import random
import secrets
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SystemIds:
    """UUID version 7 (RFC 9562) and secret tokens from the operating system."""

    def __init__(self) -> None:
        self._last = 0

    def uuid(self) -> str:
        """48 bits of milliseconds and a 12-bit counter that never falls back within this process, then chance."""
        self._last = max(int(datetime.now(UTC).timestamp() * 1000) << 12, self._last + 1)
        return _uuid7(self._last, secrets.randbits(62))

    def token(self) -> str:
        return secrets.token_urlsafe(32)


class SeededIds:
    """The same ids for the same seed: for a journey that must be repeatable. Never for real secrets."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  repeatable on purpose
        self._last = seed << 12

    def uuid(self) -> str:
        self._last += 1 + self._random.getrandbits(8)
        return _uuid7(self._last, self._random.getrandbits(62))

    def token(self) -> str:
        return f"{self._random.getrandbits(256):064x}"


def _uuid7(stamp: int, tail: int) -> str:
    """`stamp`: 48 bits of time above 12 bits of counter."""
    value = (stamp >> 12 & (1 << 48) - 1) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | tail
    return f"{value:032x}"
