"""After paying: the order, its receipt, and the deployment step by step until the agent is ready."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from PySide6.QtCore import QTimer, Signal

from services.api.errors import ServiceError
from services.api.types import Order, OrderState, Placed, Resource, ResourceState, StepState
from ui.bridge import Area, Bridge
from ui.text import ErrorText, error_text, failure_text, plural, receipt_text, step_text, step_title, tr
from ui.viewmodels.base import ServiceHolder, Status, ViewModel

T = TypeVar("T")
FAST_MILLISECONDS, SLOW_MILLISECONDS = 120, 1000
_ENDED = (OrderState.ERRED, OrderState.CANCELED)
_MOVING = (ResourceState.ORDERED, ResourceState.DEPLOYING)
_OVER = (ResourceState.FAILED, ResourceState.RETIRED)
_STEP_STATES = {
    ResourceState.ORDERED: StepState.WAITING,
    ResourceState.DEPLOYING: StepState.RUNNING,
    ResourceState.READY: StepState.DONE,
    ResourceState.FAILED: StepState.FAILED,
    ResourceState.RETIRED: StepState.FAILED,
}


class DeploymentPhase(StrEnum):
    DEPLOYING = "deploying"
    READY = "ready"
    FAILED = "failed"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class StepRow:
    """One line of the deployment, ready to show."""

    name: str
    title: str
    text: str
    state: StepState


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One of several agents that came with an order, ready to show."""

    uuid: str
    name: str
    state: StepState
    text: str
    can_retry: bool = False
    can_refund: bool = False


@dataclass(frozen=True, slots=True)
class ConfirmationState:
    status: Status = Status.LOADING
    order_uuid: str = ""
    placed_uuid: str = ""  # of the agent that was named when the order was placed
    order: Order | None = None
    resources: tuple[Resource, ...] = ()  # what came with the order, in its order
    mending: str = ""  # uuid of the agent whose retry or refund is under way
    error: ErrorText | None = None

    # ---- whose chat opens

    @property
    def resource(self) -> Resource | None:
        """The agent that is talked to first: the first one; when it failed, the first that works."""
        ready = (resource for resource in self.resources if resource.state is ResourceState.READY)
        first = self.resources[0] if self.resources else None
        return next(ready, first) if first is None or first.state in _OVER else first

    @property
    def resource_uuid(self) -> str:
        return self.resource.uuid if self.resource else self.placed_uuid

    @property
    def can_chat(self) -> bool:
        return self.resource is not None and self.resource.state is ResourceState.READY and not self._is_moving

    # ---- how far it is

    @property
    def is_bundle(self) -> bool:
        return len(self.resources) > 1

    @property
    def failed(self) -> tuple[Resource, ...]:
        return tuple(resource for resource in self.resources if resource.state is ResourceState.FAILED)

    @property
    def _is_moving(self) -> bool:
        return any(resource.state in _MOVING for resource in self.resources)

    @property
    def phase(self) -> DeploymentPhase:
        """Of the whole order: it is ready, or has failed, once nothing moves any more."""
        has_paid_back = self.order is not None and not self.order.refunded.is_zero
        is_gone = all(resource.state is ResourceState.RETIRED for resource in self.resources)
        if (has_paid_back and not self.is_bundle) or (self.resources and is_gone):
            return DeploymentPhase.REFUNDED
        if self.order is not None and self.order.state in _ENDED:
            return DeploymentPhase.FAILED
        if not self.resources or self._is_moving:
            return DeploymentPhase.DEPLOYING
        return DeploymentPhase.FAILED if self.failed else DeploymentPhase.READY

    @property
    def steps(self) -> tuple[StepRow, ...]:
        """Of the only agent."""
        steps = self.resources[0].steps if len(self.resources) == 1 else ()
        return tuple(StepRow(step.name, step_title(step.name), step_text(step), step.state) for step in steps)

    @property
    def agents(self) -> tuple[AgentRow, ...]:
        """Of a bundle: each agent with its own state."""
        return tuple(_agent_row(resource, self.mending) for resource in self.resources) if self.is_bundle else ()

    @property
    def failure(self) -> str:
        """Why it failed and what can be done; empty otherwise."""
        if self.phase is not DeploymentPhase.FAILED:
            return ""
        if not self.resources:
            return tr("The payment did not go through. Nothing was charged.")
        return failure_text(self.failed[0].failure, can_refund=self.failed[0].can_refund) if self.failed else ""

    # ---- mending the only agent

    @property
    def is_working(self) -> bool:
        return bool(self.mending)

    @property
    def can_retry(self) -> bool:
        return bool(self.failed) and not self.is_working

    @property
    def can_refund(self) -> bool:
        return self.can_retry and any(resource.can_refund for resource in self.failed)

    # ---- words

    @property
    def receipt(self) -> str:
        return receipt_text(self.order) if self.order else ""

    @property
    def more_text(self) -> str:
        """For a bundle: where its other agents are, once there is nothing else to say of them."""
        is_ready = self.phase is DeploymentPhase.READY
        others = sum(resource.state is ResourceState.READY for resource in self.resources) - 1 if is_ready else 0
        one, many = tr("{n} more agent is in My agents."), tr("{n} more agents are in My agents.")
        return plural(others, one, many) if others > 0 else ""


def _agent_row(resource: Resource, mending: str) -> AgentRow:
    is_failed = resource.state is ResourceState.FAILED
    return AgentRow(
        resource.uuid,
        resource.name,
        _STEP_STATES[resource.state],
        _agent_text(resource),
        can_retry=is_failed and not mending,
        can_refund=is_failed and not mending and resource.can_refund,
    )


def _agent_text(resource: Resource) -> str:
    """How far one of several agents is, in one line."""
    match resource.state:
        case ResourceState.READY:
            return tr("Set up and tested")
        case ResourceState.FAILED:
            return failure_text(resource.failure, can_refund=resource.can_refund)
        case ResourceState.RETIRED:
            return tr("Its money was given back.")
    done = sum(step.state is StepState.DONE for step in resource.steps)
    running = next((step_title(step.name) for step in resource.steps if step.state is StepState.RUNNING), "")
    counted = tr("{done} of {all} steps done", done=done, all=len(resource.steps))
    return tr("{counted}: {now}", counted=counted, now=running) if running else counted


class ConfirmationViewModel(ViewModel[ConfirmationState]):
    """Asks again every 120 ms while things move, more slowly while they do not.

    Signals: changed; ready(resource_uuid) once for each order that was watched until it was ready.
    """

    ready = Signal(str)

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, ConfirmationState())
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._poll)
        self._has_announced = False
        holder.rebound.connect(self._on_rebound)

    # ---- verbs

    def open(self, placed: Placed) -> None:
        """Watches what was just bought."""
        self._watch(placed.order_uuid, placed.resource_uuid, is_news=True)

    def open_order(self, order_uuid: str) -> None:
        """Shows an order again; that it has long been ready is no news."""
        self._watch(order_uuid, "", is_news=False)

    def close(self) -> None:
        """Stops watching; the deployment goes on."""
        self._stop()
        self._become(ConfirmationState())

    def reload(self) -> None:
        """Asks again after it could not be read."""
        self._set(status=Status.READY if self.state.order else Status.LOADING, error=None)
        self._poll()

    def retry_deployment(self, uuid: str = "") -> None:
        """Sets up again what failed; of several the one that is named."""
        if failed := self._failed(uuid):
            self._mend(failed, lambda: self._service.retry_deployment(failed.uuid), self._on_retried, ("resources",))

    def refund(self, uuid: str = "") -> None:
        """Takes the money back for what could not be set up; of several for the one that is named."""
        failed = self._failed(uuid)
        if failed is not None and failed.can_refund:
            areas: tuple[Area, ...] = ("orders", "resources")
            self._mend(failed, lambda: self._service.refund_failed(failed.uuid), self._on_refunded, areas)

    # ---- inside

    def _failed(self, uuid: str) -> Resource | None:
        found = (resource for resource in self.state.failed if uuid in ("", resource.uuid))
        return None if self.state.is_working else next(found, None)

    def _mend(
        self, resource: Resource, work: Callable[[], Coroutine[Any, Any, T]], then: Callable[[T], None],
        touches: tuple[Area, ...],
    ) -> None:  # fmt: skip
        self._set(mending=resource.uuid, error=None)
        self._bridge.run(
            self, "mend", work, then=then, failed=self._on_mend_failed, touches=touches, initiator=self
        )  # fmt: skip

    def _watch(self, order_uuid: str, resource_uuid: str, *, is_news: bool) -> None:
        self._stop()
        self._has_announced = not is_news
        self._become(ConfirmationState(order_uuid=order_uuid, placed_uuid=resource_uuid))
        self._poll()

    def _stop(self) -> None:
        self._again.stop()
        self._bridge.cancel(self, "poll")

    def _poll(self) -> None:
        if self.state.order_uuid:
            self._bridge.run(self, "poll", self._read, then=self._on_read, failed=self._on_read_failed)

    async def _read(self) -> tuple[Order, tuple[Resource, ...]]:
        """The order is read again while its agents are not known, and once they are at their end."""
        state, order = self.state, self.state.order
        if order is None or not order.resource_uuids:
            order = await self._service.get_order(state.order_uuid)
        uuids = order.resource_uuids or ((state.placed_uuid,) if state.placed_uuid else ())
        resources = tuple([await self._service.get_resource(uuid) for uuid in uuids])
        is_moving = not resources or any(resource.state in _MOVING for resource in resources)
        if not is_moving and state.order is not None:
            order = await self._service.get_order(state.order_uuid)
        return order, resources

    def _on_read(self, found: tuple[Order, tuple[Resource, ...]]) -> None:
        order, resources = found
        before = (self.state.order, self.state.resources)
        self._set(status=Status.READY, order=order, resources=resources, error=None)
        if self.state.phase is DeploymentPhase.DEPLOYING:
            self._has_announced = False
            self._wait(has_moved=before != found)
        elif self.state.phase is DeploymentPhase.READY and not self._has_announced:
            self._has_announced = True
            self._bridge.announce("resources", initiator=self)
            self.ready.emit(self.state.resource_uuid)

    def _wait(self, *, has_moved: bool) -> None:
        slower = min(SLOW_MILLISECONDS, int(max(self._again.interval(), FAST_MILLISECONDS) * 1.5))
        self._again.start(FAST_MILLISECONDS if has_moved else slower)

    def _on_read_failed(self, error: ServiceError) -> None:
        """What is known stays in sight; a service that is only away for a moment is asked again."""
        self._set(status=Status.READY if self.state.order else Status.ERROR, error=error_text(error))
        if error.retryable:
            self._again.start(SLOW_MILLISECONDS)

    def _on_retried(self, resource: Resource) -> None:
        others = tuple(resource if one.uuid == resource.uuid else one for one in self.state.resources)
        self._set(resources=others, mending="")
        self._poll()

    def _on_refunded(self, order: Order) -> None:
        self._set(order=order, mending="")
        self._poll()

    def _on_mend_failed(self, error: ServiceError) -> None:
        self._set(mending="", error=error_text(error))
        self._poll()

    def _on_rebound(self) -> None:
        """Another person's orders are not shown; the buyer who signed up while paying opens this afterwards."""
        if self.state.order_uuid:
            self.close()
