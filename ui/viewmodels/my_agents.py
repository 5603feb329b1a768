"""What the account has bought, kept up to date by itself."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QTimer

from services.api.errors import NotSignedIn, ServiceError
from services.api.types import Resource, ResourceState
from ui.bridge import Bridge, Change
from ui.text import ErrorText, error_text
from ui.viewmodels.base import ServiceHolder, Status, ViewModel

MOVING_MILLISECONDS = 1000
_MOVING = (ResourceState.ORDERED, ResourceState.DEPLOYING)


@dataclass(frozen=True, slots=True)
class MyAgentsState:
    status: Status = Status.LOADING
    is_guest: bool = False
    items: tuple[Resource, ...] = ()
    error: ErrorText | None = None


class MyAgentsViewModel(ViewModel[MyAgentsState]):
    """Signals: changed. Reads only after the first `load()`; then again after every change and while one deploys."""

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, MyAgentsState())
        self._is_wanted = False
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(MOVING_MILLISECONDS)
        self._again.timeout.connect(self._read)
        bridge.changed.connect(self._on_bridge_changed)
        holder.rebound.connect(self._on_rebound)

    def load(self) -> None:
        """Reads the list; what is shown stays until it is there."""
        self._is_wanted = True
        self._read()

    def retry(self) -> None:
        self._set(status=Status.LOADING, error=None)
        self.load()

    def rest(self) -> None:
        """The list is out of sight: nothing is read any more until `load()`."""
        self._is_wanted = False
        self._again.stop()

    def _read(self) -> None:
        if not self._service.actor.session:
            self._become(MyAgentsState(Status.EMPTY, is_guest=True))
            return
        self._bridge.run(
            self,
            "load",
            lambda: self._service.list_resources(),
            then=self._on_loaded,
            failed=self._on_failed,
            policy="replace",
            retry=self.retry,
        )

    def _on_loaded(self, items: tuple[Resource, ...]) -> None:
        shown = tuple(item for item in items if item.state is not ResourceState.RETIRED)
        self._become(MyAgentsState(Status.READY if shown else Status.EMPTY, items=shown))
        if self._is_wanted and any(item.state in _MOVING for item in shown):
            self._again.start()

    def _on_failed(self, error: ServiceError) -> None:
        if isinstance(error, NotSignedIn):
            self._become(MyAgentsState(Status.EMPTY, is_guest=True))
            return
        status = Status.READY if self.state.items else Status.ERROR
        self._set(status=status, error=error_text(error))

    def _on_bridge_changed(self, change: Change) -> None:
        if self._is_wanted and change.areas & {"resources", "session", "usage"}:
            self._read()

    def _on_rebound(self) -> None:
        self._bridge.cancel(self, "load")
        self._again.stop()
        self._become(MyAgentsState())
        if self._is_wanted:
            self._read()
