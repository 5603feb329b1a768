"""asyncio <-> Qt: every piece of background work has an owner, one place for its errors, and an end.

The loop is qasync's; one thread runs both. This is the only module that makes tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

import shiboken6
from PySide6.QtCore import QObject, Signal

from services.api.errors import Offline, ServiceError, SessionExpired

BUSY_AFTER_SECONDS = 0.3  # shorter waits are not worth a spinner (DESIGN, "Nothing blocks")

T = TypeVar("T")
Area = Literal[
    "catalogue", "session", "cart", "orders", "resources", "chat", "usage",
    "wallet", "subscriptions", "invoices", "quotes", "timeline",
]  # fmt: skip
Policy = Literal["ignore", "replace"]
Failed = Callable[[ServiceError], None]
Finish = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Change:
    """What a finished mutation touched; the initiator may skip itself."""

    areas: frozenset[Area]
    initiator: QObject | None = None


@dataclass(slots=True)
class _Job:
    owner: QObject
    verb: str
    task: asyncio.Task[None] | None = None
    busy_timer: asyncio.TimerHandle | None = None
    is_busy_shown: bool = False


class Bridge(QObject):
    """Runs coroutines for QObjects.

    Signals:
        changed(Change): a mutation succeeded.
        failed(ServiceError): nobody handled this expected failure; shown as a toast.
        offline(retry): the service cannot be reached; `retry()` does the same work again.
        online(): the first answer after `offline`.
        expired(): a session is no longer known to the service.
        crashed(Exception): a bug; app/crash.py reports it.
        busy_changed(owner, verb, is_busy): only for work that takes more than 300 ms.
    """

    changed = Signal(object)
    failed = Signal(object)
    offline = Signal(object)
    online = Signal()
    expired = Signal()
    crashed = Signal(object)
    busy_changed = Signal(object, str, bool)

    def __init__(self, loop: asyncio.AbstractEventLoop, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._loop = loop
        self._jobs: dict[int, dict[str, _Job]] = {}  # by id of the owner
        self._is_offline = False

    def run(
        self,
        owner: QObject,
        verb: str,
        work: Callable[[], Coroutine[Any, Any, T]],  # Any: what a coroutine yields to its loop is the loop's affair
        *,
        then: Callable[[T], None] | None = None,
        failed: Failed | None = None,
        touches: Iterable[Area] = (),
        initiator: QObject | None = None,
        policy: Policy = "ignore",
        retry: Callable[[], None] | None = None,
    ) -> None:
        """Does `work` for `owner`, who may have one `verb` in flight: a second is ignored, or replaces the first.

        `work` makes the coroutine, so that it can be made again after being offline. After a bug, `failed` gets a
        plain ServiceError, so that the screen leaves its busy state. `retry` is what `offline` offers instead of
        running the same again.
        """

        async def whole() -> Finish:
            result = await work()
            return partial(then, result) if then is not None else _nothing

        again = retry or partial(
            self.run, owner, verb, work,
            then=then, failed=failed, touches=touches, initiator=initiator, policy=policy,
        )  # fmt: skip
        self._start(owner, verb, whole, failed, Change(frozenset(touches), initiator), again, policy)

    def stream(
        self,
        owner: QObject,
        verb: str,
        items: Callable[[], AsyncIterator[T]],
        *,
        on_item: Callable[[T], None],
        done: Callable[[], None] | None = None,
        failed: Failed | None = None,
        touches: Iterable[Area] = (),
        initiator: QObject | None = None,
        policy: Policy = "ignore",
        retry: Callable[[], None] | None = None,
    ) -> None:
        """Gives each item to `on_item` as it comes, then calls `done`; otherwise as `run`."""

        async def whole() -> Finish:
            source = items()
            try:
                async for item in source:
                    on_item(item)
            finally:  # a generator left early is closed at once, not when it is collected
                if isinstance(source, AsyncGenerator):
                    await source.aclose()
            return done or _nothing

        again = retry or partial(
            self.stream, owner, verb, items,
            on_item=on_item, done=done, failed=failed, touches=touches, initiator=initiator, policy=policy,
        )  # fmt: skip
        self._start(owner, verb, whole, failed, Change(frozenset(touches), initiator), again, policy)

    def is_running(self, owner: QObject, verb: str) -> bool:
        """Whether `owner` has this verb in flight."""
        return verb in self._jobs.get(id(owner), {})

    def cancel(self, owner: QObject, verb: str) -> None:
        """Ends this verb of `owner`; neither `then` nor `failed` is called."""
        if job := self._jobs.get(id(owner), {}).get(verb):
            self._drop(job)

    def announce(self, *areas: Area, initiator: QObject | None = None) -> None:
        """Says that something changed by other means than `run`."""
        self.changed.emit(Change(frozenset(areas), initiator))

    def close(self) -> None:
        """Ends everything; for the end of the program."""
        for owner_id in list(self._jobs):
            self._on_owner_destroyed(owner_id)

    # ---- inside

    def _start(
        self,
        owner: QObject,
        verb: str,
        whole: Callable[[], Awaitable[Finish]],
        failed: Failed | None,
        change: Change,
        again: Callable[[], None],
        policy: Policy,
    ) -> None:
        if not shiboken6.isValid(owner):
            return
        if id(owner) not in self._jobs:
            self._jobs[id(owner)] = {}
            owner.destroyed.connect(partial(self._on_owner_destroyed, id(owner)))
        jobs = self._jobs[id(owner)]
        if verb in jobs:
            if policy == "ignore":
                return
            self._drop(jobs[verb])
        job = jobs[verb] = _Job(owner, verb)
        job.busy_timer = self._loop.call_later(BUSY_AFTER_SECONDS, self._show_busy, job)
        name = f"{type(owner).__name__}.{verb}"
        job.task = self._loop.create_task(self._guarded(job, whole, failed, change, again), name=name)

    async def _guarded(
        self,
        job: _Job,
        whole: Callable[[], Awaitable[Finish]],
        failed: Failed | None,
        change: Change,
        again: Callable[[], None],
    ) -> None:
        try:
            finish = await whole()
            self._end(job)  # before `then`, which may start the same verb again
            self._note_online()
            if shiboken6.isValid(job.owner):
                finish()
            if change.areas:
                self.changed.emit(change)
        except ServiceError as error:
            self._end(job)
            self._route(error, failed, job.owner, again)
        except Exception as error:
            self._end(job)
            self.crashed.emit(error)
            if failed is not None and shiboken6.isValid(job.owner):
                failed(ServiceError())
        finally:
            self._end(job)

    def _route(self, error: ServiceError, failed: Failed | None, owner: QObject, again: Callable[[], None]) -> None:
        if isinstance(error, Offline):
            self._is_offline = True
            self.offline.emit(again)
        else:
            self._note_online()
        if isinstance(error, SessionExpired):
            self.expired.emit()
        if failed is not None:
            if shiboken6.isValid(owner):
                failed(error)
        elif not isinstance(error, Offline):
            self.failed.emit(error)

    def _note_online(self) -> None:
        if self._is_offline:
            self._is_offline = False
            self.online.emit()

    def _show_busy(self, job: _Job) -> None:
        job.is_busy_shown = True
        if shiboken6.isValid(job.owner):
            self.busy_changed.emit(job.owner, job.verb, True)

    def _end(self, job: _Job) -> None:
        """Forgets a job; called again, does nothing."""
        jobs = self._jobs.get(id(job.owner), {})
        if jobs.get(job.verb) is job:
            del jobs[job.verb]
        if job.busy_timer is not None:
            job.busy_timer.cancel()
            job.busy_timer = None
        if job.is_busy_shown:
            job.is_busy_shown = False
            if shiboken6.isValid(job.owner) and shiboken6.isValid(self):
                self.busy_changed.emit(job.owner, job.verb, False)

    def _drop(self, job: _Job) -> None:
        self._end(job)
        if job.task is not None and job.task is not asyncio.current_task(self._loop):
            job.task.cancel()

    def _on_owner_destroyed(self, owner_id: int, _owner: object = None) -> None:
        for job in list(self._jobs.pop(owner_id, {}).values()):
            self._drop(job)


def _nothing() -> None:
    """What is done after work nobody asked to hear of."""
