"""Hourly and daily totals of usage, kept in the transaction that settles an event; always the sum of the events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Connection

from services.api.money import Money
from services.db import money_models as mm
from services.db import portable

_R = mm.UsageRollup
_NEW = portable.insert(_R)
_ADD = _NEW.on_conflict_do_update(
    index_elements=["resource_uuid", "grain", "start_at"],
    set_={"calls": _R.calls + _NEW.excluded.calls, "cost_micros": _R.cost_micros + _NEW.excluded.cost_micros},
)


def hour_of(at: datetime) -> datetime:
    """The start of the hour (UTC) that holds an instant."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def starts(at: datetime) -> tuple[tuple[str, datetime], ...]:
    """The hour and the day (UTC) that hold an instant."""
    hour = hour_of(at)
    return ("hour", hour), ("day", hour.replace(hour=0))


def add(connection: Connection, resource_uuid: str, at: datetime, calls: int, cost: Money) -> None:
    """Counts settled calls; negative numbers take them out again."""
    for grain, start in starts(at):
        connection.execute(_ADD, _row(resource_uuid, grain, start, calls, cost.micros))


def add_many(connection: Connection, costs: Mapping[tuple[str, datetime], Sequence[int]]) -> None:
    """The same for many: what each call cost, in micros, by resource and start of the hour."""
    sums: dict[tuple[str, str, datetime], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for (resource_uuid, hour), micros in costs.items():
        for grain, start in starts(hour):
            calls, cost = sums[resource_uuid, grain, start]
            sums[resource_uuid, grain, start] = calls + len(micros), cost + sum(micros)
    if rows := [_row(*place, *sums[place]) for place in sorted(sums)]:
        connection.execute(_ADD, rows)


def _row(resource_uuid: str, grain: str, start: datetime, calls: int, micros: int) -> dict[str, Any]:
    return {"resource_uuid": resource_uuid, "grain": grain, "start_at": start, "calls": calls, "cost_micros": micros}
