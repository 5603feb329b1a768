"""Hourly and daily totals of usage, kept in the transaction that settles an event; always the sum of the events."""

from __future__ import annotations

from datetime import UTC, datetime

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
        connection.execute(
            _ADD,
            {"resource_uuid": resource_uuid, "grain": grain, "start_at": start, "calls": calls,
             "cost_micros": cost.micros},
        )  # fmt: skip
