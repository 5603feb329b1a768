"""What time did: happenings of an organization, and the simulated time of a test-mode workspace."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.api.types.wallet import Params


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that time or a person did. `kind`: renewed | trial_reminder | trial_ended | invoice_issued |
    invoice_paid | payment_failed | suspended | restored | plan_changed | paused | resumed | canceled | credit_expired |
    balance_low | auto_topped_up | topped_up | usage_reset | quote_expired | ..."""

    uuid: str
    at: datetime
    kind: str
    params: Params = field(default_factory=dict)
    ref: str = ""  # of an amount that can be explained


class TimeStep(StrEnum):
    NEXT_EVENT = "next_event"
    DAY = "day"
    MONTH = "month"
    TO_DATE = "to_date"


@dataclass(frozen=True, slots=True)
class MoveTime:
    """`to` is for TO_DATE; it lies after the workspace's present."""

    step: TimeStep
    to: datetime | None = None


@dataclass(frozen=True, slots=True)
class TimePoint:
    """A snapshot one can go back to: the workspace as it was at `at`."""

    uuid: str
    at: datetime
    taken_at: datetime  # by the real clock


@dataclass(frozen=True, slots=True)
class Timeline:
    """`is_available`: only in a test-mode workspace on a local database. `is_simulated`: it has a time of its own."""

    is_available: bool
    is_simulated: bool
    now: datetime
    next_event_at: datetime | None
    next_event_kind: str
    points: tuple[TimePoint, ...]  # oldest first


@dataclass(frozen=True, slots=True)
class TimeMoved:
    timeline: Timeline
    happenings: tuple[Happening, ...]  # in time order
