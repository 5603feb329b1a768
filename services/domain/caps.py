"""Limits on spending, nested organization > project > key: may a call of this price start, and what is left on each.

A cap counts what was spent in its window and what is held for calls under way, so it cannot leak under concurrency.
Windows are UTC calendar days and months, half-open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from services.api.money import Money


class Level(StrEnum):
    ORGANIZATION = "organization"
    PROJECT = "project"
    KEY = "key"


class Window(StrEnum):
    DAY = "day"
    MONTH = "month"
    LIFETIME = "lifetime"


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit and what its window has used of it. `spent` is settled, `held` is reserved by calls under way."""

    level: Level
    id: str  # of the organization, project or key
    window: Window
    limit: Money
    spent: Money
    held: Money

    @property
    def left(self) -> Money:
        """What may still be reserved; nothing when the limit was lowered below what is used."""
        free = self.limit - self.spent - self.held
        return max(free, Money.zero(free.currency))


@dataclass(frozen=True, slots=True)
class Left:
    """What is left on one cap."""

    level: Level
    id: str
    window: Window
    limit: Money
    left: Money


@dataclass(frozen=True, slots=True)
class Refusal:
    """`by`: the cap that refuses, the tightest of them. `left`: all caps that apply, outermost first."""

    by: Left
    left: tuple[Left, ...]


@dataclass(frozen=True, slots=True)
class TemporaryRaise:
    """A higher limit up to, and not at, `ends_at`. Of several at once the highest counts."""

    limit: Money
    ends_at: datetime


_LEVELS = list(Level)
_WINDOWS = list(Window)


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("an instant has a time zone")
    return at.astimezone(UTC)


def window_start(window: Window, at: datetime) -> datetime | None:
    """When the window that holds `at` began (UTC); None for a lifetime, which has no beginning."""
    midnight = _utc(at).replace(hour=0, minute=0, second=0, microsecond=0)
    if window is Window.LIFETIME:
        return None
    return midnight if window is Window.DAY else midnight.replace(day=1)


def window_end(window: Window, at: datetime) -> datetime | None:
    """When the next window begins (UTC), which is when the cap is full again; None for a lifetime."""
    start = window_start(window, at)
    if start is None:
        return None
    if window is Window.DAY:
        return start + timedelta(days=1)
    return (start + timedelta(days=31)).replace(day=1)  # 31 days on is always in the next month


def limit_at(limit: Money, raises: Iterable[TemporaryRaise], at: datetime) -> Money:
    """The limit in force at `at`: the highest of the usual one and the raises under way. A raise never lowers."""
    return max([limit, *(each.limit for each in raises if at < each.ends_at)])


def raised(cap: Cap, raises: Iterable[TemporaryRaise], at: datetime) -> Cap:
    """`cap` with the limit in force at `at`."""
    return replace(cap, limit=limit_at(cap.limit, raises, at))


def _left(cap: Cap) -> Left:
    return Left(cap.level, cap.id, cap.window, cap.limit, cap.left)


def in_order(caps: Iterable[Cap]) -> list[Cap]:
    """Outermost first, of one level the shortest window first. Locks taken in this order cannot wait in a ring."""
    return sorted(caps, key=lambda cap: (_LEVELS.index(cap.level), _WINDOWS.index(cap.window), cap.id))


def check(caps: Sequence[Cap], price: Money) -> Refusal | None:
    """None when every cap has room for `price`; a price equal to what is left fits, a price of zero always does.

    Of several caps without room the one with the least left is named, of equals the outermost. Raises ValueError for
    a negative price and CurrencyMismatch for a cap in another currency.
    """
    if price.micros < 0:
        raise ValueError("a price is not negative")
    nested = in_order(caps)
    full = [cap for cap in nested if cap.left < price]
    if not full:
        return None
    return Refusal(_left(min(full, key=lambda cap: cap.left)), tuple(_left(cap) for cap in nested))
