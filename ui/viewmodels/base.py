"""What every view-model begins with: one frozen state, one signal, and the service of whoever is signed in."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, Signal

from services.api.contract import Actor, Service
from services.api.errors import Offline
from services.api.types import FunnelStep
from ui.bridge import Bridge

S = TypeVar("S")


class Status(StrEnum):
    """What a screen that shows something loaded can show instead."""

    LOADING = "loading"
    READY = "ready"
    EMPTY = "empty"
    ERROR = "error"


class ServiceHolder(QObject):
    """Whose service it is now. Everybody asks here each time, so nobody keeps the service of a past user.

    Signals:
        rebound(): `service` acts for somebody else now.
    """

    rebound = Signal()

    def __init__(self, service: Service, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._service = service

    @property
    def service(self) -> Service:
        return self._service

    def rebind(self, actor: Actor) -> None:
        """From now on the service acts for `actor`."""
        self._service = self._service.for_actor(actor)
        self.rebound.emit()


class ViewModel(QObject, Generic[S]):
    """`state` is replaced as a whole, never changed.

    Signals:
        changed(): `state` is another one.
    """

    changed = Signal()

    def __init__(self, bridge: Bridge, holder: ServiceHolder, state: S) -> None:
        super().__init__(bridge)
        self._bridge = bridge
        self._holder = holder
        self._state = state

    @property
    def state(self) -> S:
        return self._state

    @property
    def _service(self) -> Service:
        return self._holder.service

    def _set(self, **changes: Any) -> None:  # Any: the fields of S, checked by its own constructor
        self._become(replace(self._state, **changes))  # type: ignore[type-var] # S is a dataclass in every child

    def _become(self, state: S) -> None:
        if state != self._state:
            self._state = state
            self.changed.emit()

    def _record(self, step: FunnelStep, offering_uuid: str) -> None:
        """Notes a funnel step; being offline is no reason to bother the user with it."""

        async def note() -> None:
            with suppress(Offline):
                await self._service.record(step, offering_uuid)

        self._bridge.run(self, f"record {step} {offering_uuid}", note)


Work = Coroutine[Any, Any, None]  # Any: what a coroutine yields to its loop is the loop's affair
