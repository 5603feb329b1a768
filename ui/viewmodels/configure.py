"""The short form after buying: the agent's name and greeting. Both have working values; the form can be skipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from PySide6.QtCore import Signal

from services.api.errors import InvalidInput, ServiceError
from services.api.types import ConfigureResource, Resource
from ui.bridge import Bridge
from ui.text import ErrorText, error_text, field_text, field_texts
from ui.viewmodels.base import ServiceHolder, Status, ViewModel

NAME_MAX, GREETING_MAX = 120, 1000


@dataclass(frozen=True, slots=True)
class ConfigureState:
    status: Status = Status.LOADING
    uuid: str = ""
    resource: Resource | None = None
    name: str = ""
    greeting: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)  # field -> sentence
    is_saving: bool = False
    error: ErrorText | None = None

    @property
    def is_changed(self) -> bool:
        kept = (self.resource.name, self.resource.greeting) if self.resource else ("", "")
        return (self.name, self.greeting) != kept


class ConfigureViewModel(ViewModel[ConfigureState]):
    """Signals: changed; finished(resource_uuid) after saving or skipping."""

    finished = Signal(str)

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, ConfigureState())

    def open(self, uuid: str) -> None:
        self._become(ConfigureState(uuid=uuid))
        self.reload()

    def reload(self) -> None:
        uuid = self.state.uuid
        self._set(status=Status.LOADING, error=None)
        self._bridge.run(
            self,
            "open",
            lambda: self._service.get_resource(uuid),
            then=self._on_opened,
            failed=lambda error: self._set(status=Status.ERROR, error=error_text(error)),
            policy="replace",
        )

    def type_name(self, text: str) -> None:
        self._set(name=text, problems=self._problems(text, self.state.greeting), error=None)

    def type_greeting(self, text: str) -> None:
        self._set(greeting=text, problems=self._problems(self.state.name, text), error=None)

    def save(self) -> None:
        """Keeps both; without a change it only goes on."""
        state = self.state
        if state.status is not Status.READY or state.is_saving or state.problems:
            return
        if not state.is_changed:
            self.skip()
            return
        self._set(is_saving=True, error=None)
        request = ConfigureResource(state.name.strip(), state.greeting.strip())
        self._bridge.run(
            self,
            "save",
            lambda: self._service.configure_resource(state.uuid, request),
            then=self._on_saved,
            failed=self._on_save_failed,
            touches=("resources",),
            initiator=self,
        )

    def skip(self) -> None:
        """Goes on with what the agent has."""
        self.finished.emit(self.state.uuid)

    def _problems(self, name: str, greeting: str) -> dict[str, str]:
        found: dict[str, str] = {}
        if not name.strip():
            found["name"] = field_text("name", "required")
        elif len(name.strip()) > NAME_MAX:
            found["name"] = field_text("name", "too_long", {"max": NAME_MAX})
        if len(greeting.strip()) > GREETING_MAX:
            found["greeting"] = field_text("greeting", "too_long", {"max": GREETING_MAX})
        return found

    def _on_opened(self, resource: Resource) -> None:
        self._set(status=Status.READY, resource=resource, name=resource.name, greeting=resource.greeting)

    def _on_saved(self, resource: Resource) -> None:
        self._set(is_saving=False, resource=resource, name=resource.name, greeting=resource.greeting)
        self.finished.emit(resource.uuid)

    def _on_save_failed(self, error: ServiceError) -> None:
        problems = field_texts(error) if isinstance(error, InvalidInput) else {}
        self._set(is_saving=False, problems=problems, error=error_text(error))
