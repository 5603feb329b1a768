"""Hard limits on spending: of the organization, its projects and single agents."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from PySide6.QtCore import Signal

from services.api.errors import InvalidInput, ServiceError
from services.api.money import Money
from services.api.types import Cap, Caps, CapScope, CapWindow, SetCap
from ui.bridge import Bridge
from ui.text import ErrorText, error_text, field_texts
from ui.text.wallet import amount_problem
from ui.viewmodels.base import ServiceHolder, Status, ViewModel

T = TypeVar("T")
RAISED_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class CapsState:
    status: Status = Status.LOADING
    caps: tuple[Cap, ...] = ()
    scopes: tuple[CapScope, ...] = ()
    error: ErrorText | None = None
    problems: Mapping[str, str] = field(default_factory=dict)  # field -> sentence
    is_saving: bool = False


class CapsViewModel(ViewModel[CapsState]):
    """Signals: changed; saved(str) - set | raised; removed(Cap)."""

    saved = Signal(str)
    removed = Signal(object)

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, CapsState())
        holder.rebound.connect(self._on_rebound)

    # ---- verbs

    def load(self) -> None:
        self._bridge.run(
            self, "load", lambda: self._service.list_caps(), then=self._on_loaded, failed=self._on_failed,
            policy="replace",
        )  # fmt: skip

    def retry(self) -> None:
        self._set(status=Status.LOADING, error=None)
        self.load()

    def set(self, scope: CapScope, window: CapWindow, limit: Money) -> None:
        """Sets a limit, or replaces the one that is there."""
        request = SetCap(scope.level, scope.uuid, window, limit)
        self._save(lambda: self._service.set_cap(request), lambda _cap: self.saved.emit("set"))

    def restore(self, cap: Cap) -> None:
        """Undo of `remove`."""
        request = SetCap(cap.level, cap.scope_uuid, cap.window, cap.limit)
        self._save(lambda: self._service.set_cap(request), lambda _cap: None)

    def raise_for_a_day(self, cap: Cap, limit: Money) -> None:
        """A higher limit for 24 hours on the workspace's own clock."""

        async def work() -> Cap:
            now = (await self._service.get_timeline()).now
            return await self._service.raise_cap(cap.uuid, limit, now + RAISED_FOR)

        self._save(work, lambda _cap: self.saved.emit("raised"))

    def remove(self, cap: Cap) -> None:
        self._save(lambda: self._service.remove_cap(cap.uuid), lambda _none: self.removed.emit(cap))

    def forget_problems(self) -> None:
        self._set(problems={}, error=None if self.state.status is Status.READY else self.state.error)

    # ---- inside

    def _save(self, work: Callable[[], Coroutine[Any, Any, T]], then: Callable[[T], None]) -> None:
        def done(answer: T) -> None:
            self._set(is_saving=False)
            self.load()
            then(answer)

        self._set(is_saving=True, problems={}, error=None)
        self._bridge.run(
            self,
            "save",
            work,
            then=done,
            failed=self._on_save_failed,
            touches=("wallet",),
            initiator=self,
        )

    def _on_loaded(self, caps: Caps) -> None:
        status = Status.READY if caps.items else Status.EMPTY
        self._set(status=status, caps=caps.items, scopes=caps.scopes, error=None)

    def _on_failed(self, error: ServiceError) -> None:
        status = self.state.status if self.state.caps else Status.ERROR
        self._set(status=status, error=error_text(error))

    def _on_save_failed(self, error: ServiceError) -> None:
        fields = field_texts(error) if isinstance(error, InvalidInput) else {}
        if "limit" in error.fields:
            fields["limit"] = amount_problem(error.fields["limit"])
        self._set(is_saving=False, problems=fields, error=None if fields else error_text(error))

    def _on_rebound(self) -> None:
        for verb in ("load", "save"):
            self._bridge.cancel(self, verb)
        self._become(CapsState())
