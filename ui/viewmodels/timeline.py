"""The time of a test workspace: where it is, what comes next, moving it on and back, and what happened on the way."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar, get_args

from PySide6.QtCore import Signal

from services.api.errors import InvalidInput, ServiceError
from services.api.types import Happening, MoveTime, Subscription, SubscriptionState, Timeline, TimePoint, TimeStep
from ui.bridge import Area, Bridge, Change
from ui.text import ErrorText, error_text
from ui.viewmodels.base import ServiceHolder, ViewModel

T = TypeVar("T")
ALL_AREAS: tuple[Area, ...] = get_args(Area)  # another time is another state of everything
CONCERNS: frozenset[Area] = frozenset({"session", "orders", "subscriptions", "wallet", "quotes", "timeline"})
FURTHEST = timedelta(days=3660)  # as far as a workspace goes in one move
REMINDER = timedelta(days=3)  # before a trial ends (BILLING, "Changing a plan")
STEPS_KEPT = 50


@dataclass(frozen=True, slots=True)
class Moved:
    """One move: from when to when, and what it made happen, in time order."""

    start: datetime
    end: datetime
    happenings: tuple[Happening, ...]


class _Loaded(NamedTuple):
    timeline: Timeline
    next_name: str


@dataclass(frozen=True, slots=True)
class TimelineState:
    """`is_wanted`: switched on by the user. `moving`: a TimeStep's value or "back" while time moves."""

    timeline: Timeline | None = None
    is_guest: bool = True
    is_wanted: bool = False
    next_name: str = ""  # whose event comes next
    moving: str = ""
    steps: tuple[Moved, ...] = ()  # newest first
    is_log_open: bool = False
    date_text: str = ""
    date_code: str = ""  # what is wrong with it; empty while nothing is
    error: ErrorText | None = None

    @property
    def is_available(self) -> bool:
        """Only a test workspace has this; otherwise nothing of it may be found."""
        return self.timeline is not None and self.timeline.is_available

    @property
    def is_simulated(self) -> bool:
        return self.is_available and self.timeline is not None and self.timeline.is_simulated

    @property
    def is_shown(self) -> bool:
        """Simulated time is always said."""
        return self.is_simulated or (self.is_available and self.is_wanted)

    @property
    def now(self) -> datetime | None:
        return self.timeline.now if self.timeline else None

    @property
    def points(self) -> tuple[TimePoint, ...]:
        """Where one can go back to, newest first."""
        return self.timeline.points[::-1] if self.timeline else ()

    @property
    def has_next(self) -> bool:
        return self.timeline is not None and self.timeline.next_event_at is not None

    @property
    def happened(self) -> int:
        """How much stands in the log."""
        return sum(len(step.happenings) for step in self.steps)


class TimelineViewModel(ViewModel[TimelineState]):
    """Signals: changed; moved(Moved) - time went on; returned(datetime) - it went back to then; date_refused() - the
    typed date cannot be used, see `state.date_code`."""

    moved = Signal(object)
    returned = Signal(object)
    date_refused = Signal()

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, TimelineState())
        self._is_loaded = False
        bridge.changed.connect(self._on_bridge_changed)
        holder.rebound.connect(self._on_rebound)

    # ---- what is shown

    def load(self) -> None:
        """Reads where time is; call it once when the window is there."""
        self._is_loaded = True
        self._bridge.run(self, "load", self._fetch, then=self._on_loaded, failed=self._ignore, policy="replace")

    def show_bar(self, is_wanted: bool) -> None:
        """Switched on or off; simulated time is shown all the same."""
        self._set(is_wanted=is_wanted)

    def toggle_bar(self) -> None:
        self.show_bar(not self.state.is_wanted)

    def toggle_log(self) -> None:
        self._set(is_log_open=not self.state.is_log_open)

    # ---- forward

    def next_event(self) -> None:
        if self.state.has_next:
            self._move(MoveTime(TimeStep.NEXT_EVENT))

    def day(self) -> None:
        self._move(MoveTime(TimeStep.DAY))

    def month(self) -> None:
        self._move(MoveTime(TimeStep.MONTH))

    def type_date(self, text: str) -> None:
        self._set(date_text=text, date_code="", error=None)

    def to_date(self) -> None:
        """To the typed day, or instant."""
        now = self.state.now
        if now is None:
            return
        code = date_code(self.state.date_text, now)
        self._set(date_code=code)
        if code:
            self.date_refused.emit()
        else:
            self._move(MoveTime(TimeStep.TO_DATE, parse_instant(self.state.date_text)))

    # ---- back

    def go_back(self, point_uuid: str) -> None:
        """Puts the workspace back; what happened after that point is gone."""
        point = next((one for one in self.state.points if one.uuid == point_uuid), None)
        if point is not None:
            self._go_back(point)

    # ---- inside

    async def _fetch(self) -> _Loaded:
        service = self._service
        timeline = await service.get_timeline()
        if not timeline.is_available or timeline.next_event_at is None or not service.actor.session:
            return _Loaded(timeline, "")
        return _Loaded(timeline, name_at(await service.list_subscriptions(), timeline.next_event_at))

    def _on_loaded(self, loaded: _Loaded) -> None:
        self._set(
            timeline=loaded.timeline, next_name=loaded.next_name, is_guest=not self._service.actor.session,
        )  # fmt: skip

    def _ignore(self, _error: ServiceError) -> None:
        """Not worth a message: what was known stays, and the next change asks again."""

    def _begin(
        self,
        what: str,
        work: Callable[[], Coroutine[Any, Any, T]],  # Any: what a coroutine yields to its loop is the loop's affair
        then: Callable[[T], None],
    ) -> None:
        if self.state.moving or self.state.is_guest or not self.state.is_available:
            return
        self._set(moving=what, error=None, date_code="")
        self._bridge.run(self, "move", work, then=then, failed=self._on_failed, touches=ALL_AREAS, initiator=self)

    def _move(self, request: MoveTime) -> None:
        start = self.state.now
        if start is None:
            return

        async def go() -> tuple[Moved, Timeline]:
            result = await self._service.move_time(request)
            return Moved(start, result.timeline.now, result.happenings), result.timeline

        self._begin(request.step.value, go, self._on_moved)

    def _on_moved(self, result: tuple[Moved, Timeline]) -> None:
        step, timeline = result
        steps = (step, *self.state.steps)[:STEPS_KEPT]
        is_first = not self.state.steps
        self._set(
            timeline=timeline, next_name="", moving="", date_text="", steps=steps,
            is_log_open=self.state.is_log_open or (is_first and bool(step.happenings)),
        )  # fmt: skip
        self.moved.emit(step)
        self.load()  # whose event comes next

    def _go_back(self, point: TimePoint) -> None:
        async def go() -> Timeline:
            return await self._service.return_to(point.uuid)

        def done(timeline: Timeline) -> None:
            steps = tuple(step for step in self.state.steps if step.end <= point.at)
            self._set(timeline=timeline, next_name="", moving="", steps=steps)
            self.returned.emit(point.at)
            self.load()

        self._begin("back", go, done)

    def _on_failed(self, error: ServiceError) -> None:
        if isinstance(error, InvalidInput) and "to" in error.fields:
            self._set(moving="", date_code=error.fields["to"])
            self.date_refused.emit()
            return
        self._set(moving="", error=error_text(error))
        self.load()  # a part of the way may have been gone; a point may be there no more

    def _on_bridge_changed(self, change: Change) -> None:
        if self._is_loaded and change.initiator is not self and change.areas & CONCERNS:
            self.load()

    def _on_rebound(self) -> None:
        """Another person may not see what happened to this one; the time is everybody's."""
        self._bridge.cancel(self, "load")
        self._set(
            is_guest=not self._service.actor.session, steps=(), next_name="", date_text="", date_code="", error=None
        )
        if self._is_loaded:
            self.load()


def parse_instant(text: str) -> datetime | None:
    """ "2026-12-22" is the first instant of that day, "2026-12-22 09:30" that minute, in the reader's time zone."""
    try:
        at = datetime.fromisoformat(text.strip())
        return at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def date_code(text: str, now: datetime) -> str:
    """What is wrong with a typed date; empty when time can be moved to it."""
    if not text.strip():
        return "required"
    at = parse_instant(text)
    if at is None:
        return "date_invalid"
    if at <= now:
        return "in_past"
    return "out_of_range" if at > now + FURTHEST else ""


def name_at(items: Iterable[Subscription], at: datetime) -> str:
    """The subscription something falls due for at this instant; empty when it is none's, or of several."""
    running = (item for item in items if item.state is not SubscriptionState.CANCELED)
    names = {item.offering_name for item in running if at in _instants(item)}
    return names.pop() if len(names) == 1 else ""


def _instants(item: Subscription) -> set[datetime | None]:
    found = {item.period_end, item.next_charge_at, item.resumes_at, item.trial_ends_at}
    found |= {attempt.at for attempt in item.attempts if attempt.state == "planned"}
    if item.trial_ends_at is not None:
        found.add(item.trial_ends_at - REMINDER)
    if item.pending is not None:
        found.add(item.pending.effective_at)
    return found
