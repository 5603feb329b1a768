"""What a page shows of the service: read while it is in sight, again after changes that concern it, and anew for
another person."""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeVar

from ui.bridge import Area, Bridge, Change
from ui.text import ErrorText
from ui.viewmodels.base import ServiceHolder, Status, ViewModel


class Loaded(Protocol):
    """The state of a page."""

    @property
    def status(self) -> Status: ...

    @property
    def error(self) -> ErrorText | None: ...


L = TypeVar("L", bound=Loaded)


class PageViewModel(ViewModel[L]):
    """Signals: changed. A child says what its areas are, how it reads, and what it forgets."""

    CONCERNS: ClassVar[frozenset[Area]] = frozenset()

    def __init__(self, bridge: Bridge, holder: ServiceHolder, state: L) -> None:
        super().__init__(bridge, holder, state)
        self._is_wanted = False
        bridge.changed.connect(self._on_bridge_changed)
        holder.rebound.connect(self._on_rebound)

    def load(self) -> None:
        """Reads everything; what is shown stays until it is there."""
        self._is_wanted = True
        self._read()

    def retry(self) -> None:
        """Reads again after a failure."""
        if self.state.status is Status.ERROR:
            self._set(status=Status.LOADING)
        self._set(error=None)
        self.load()

    def rest(self) -> None:
        """Out of sight: nothing is read any more until `load()`."""
        self._is_wanted = False

    def _read(self) -> None:
        raise NotImplementedError

    def _forget(self) -> None:
        """Lets go of what is being read and shown: it is another person's."""
        raise NotImplementedError

    def _concerns(self, change: Change) -> bool:
        return bool(change.areas & self.CONCERNS)

    def _on_bridge_changed(self, change: Change) -> None:
        if self._is_wanted and self._concerns(change):
            self._read()

    def _on_rebound(self) -> None:
        self._forget()
        if self._is_wanted:
            self._read()
