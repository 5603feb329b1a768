"""After paying: the order, its receipt, and the deployment step by step until the agent is ready."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QTimer, Signal

from services.api.errors import ServiceError
from services.api.types import Order, OrderState, Placed, Resource, ResourceState, StepState
from ui.bridge import Bridge
from ui.text import ErrorText, error_text, failure_text, plural, receipt_text, step_text, step_title, tr
from ui.viewmodels.base import ServiceHolder, Status, ViewModel

FAST_MILLISECONDS, SLOW_MILLISECONDS = 120, 1000
_ENDED = (OrderState.ERRED, OrderState.CANCELED)


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
class ConfirmationState:
    status: Status = Status.LOADING
    order_uuid: str = ""
    resource_uuid: str = ""
    order: Order | None = None
    resource: Resource | None = None
    is_working: bool = False  # a retry or a refund is under way
    error: ErrorText | None = None

    @property
    def phase(self) -> DeploymentPhase:
        if self.order is not None and not self.order.refunded.is_zero:
            return DeploymentPhase.REFUNDED
        if self.order is not None and self.order.state in _ENDED:
            return DeploymentPhase.FAILED
        states = {
            ResourceState.READY: DeploymentPhase.READY,
            ResourceState.FAILED: DeploymentPhase.FAILED,
            ResourceState.RETIRED: DeploymentPhase.REFUNDED,
        }
        return (
            states.get(self.resource.state, DeploymentPhase.DEPLOYING) if self.resource else DeploymentPhase.DEPLOYING
        )

    @property
    def steps(self) -> tuple[StepRow, ...]:
        steps = self.resource.steps if self.resource else ()
        return tuple(StepRow(step.name, step_title(step.name), step_text(step), step.state) for step in steps)

    @property
    def failure(self) -> str:
        """Why it failed and what can be done; empty otherwise."""
        if self.phase is not DeploymentPhase.FAILED:
            return ""
        if self.resource is None:
            return tr("The payment did not go through. Nothing was charged.")
        return failure_text(self.resource.failure, can_refund=self.resource.can_refund)

    @property
    def can_retry(self) -> bool:
        is_failed = self.resource is not None and self.resource.state is ResourceState.FAILED
        return is_failed and not self.is_working

    @property
    def can_refund(self) -> bool:
        return self.can_retry and self.resource is not None and self.resource.can_refund

    @property
    def receipt(self) -> str:
        return receipt_text(self.order) if self.order else ""

    @property
    def more_text(self) -> str:
        """For a bundle: where its other agents are."""
        others = len(self.order.resource_uuids) - 1 if self.order else 0
        one, many = tr("{n} more agent is in My agents."), tr("{n} more agents are in My agents.")
        return plural(others, one, many) if others > 0 else ""


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

    def retry_deployment(self) -> None:
        if self.state.can_retry:
            uuid = self.state.resource_uuid
            self._set(is_working=True, error=None)
            self._bridge.run(
                self,
                "mend",
                lambda: self._service.retry_deployment(uuid),
                then=self._on_retried,
                failed=self._on_mend_failed,
                touches=("resources",),
                initiator=self,
            )

    def refund(self) -> None:
        """Takes the money back for what could not be set up."""
        if self.state.can_refund:
            uuid = self.state.resource_uuid
            self._set(is_working=True, error=None)
            self._bridge.run(
                self,
                "mend",
                lambda: self._service.refund_failed(uuid),
                then=self._on_refunded,
                failed=self._on_mend_failed,
                touches=("orders", "resources"),
                initiator=self,
            )

    # ---- inside

    def _watch(self, order_uuid: str, resource_uuid: str, *, is_news: bool) -> None:
        self._stop()
        self._has_announced = not is_news
        self._become(ConfirmationState(order_uuid=order_uuid, resource_uuid=resource_uuid))
        self._poll()

    def _stop(self) -> None:
        self._again.stop()
        self._bridge.cancel(self, "poll")

    def _poll(self) -> None:
        if self.state.order_uuid:
            self._bridge.run(self, "poll", self._read, then=self._on_read, failed=self._on_read_failed)

    async def _read(self) -> tuple[Order, Resource | None]:
        """The order is read again while its agent is not known and once it is at its end: then it has changed too."""
        state, order = self.state, self.state.order
        uuid = state.resource_uuid
        if order is None or not uuid:
            order = await self._service.get_order(state.order_uuid)
            uuid = uuid or (order.resource_uuids[0] if order.resource_uuids else "")
        resource = await self._service.get_resource(uuid) if uuid else None
        is_moving = resource is None or resource.state in (ResourceState.ORDERED, ResourceState.DEPLOYING)
        if not is_moving and state.order is not None:
            order = await self._service.get_order(state.order_uuid)
        return order, resource

    def _on_read(self, found: tuple[Order, Resource | None]) -> None:
        order, resource = found
        before = (self.state.order, self.state.resource)
        uuid = resource.uuid if resource else self.state.resource_uuid
        self._set(status=Status.READY, order=order, resource=resource, resource_uuid=uuid, error=None)
        if self.state.phase is DeploymentPhase.DEPLOYING:
            self._has_announced = False
            self._wait(has_moved=before != found)
        elif self.state.phase is DeploymentPhase.READY and not self._has_announced:
            self._has_announced = True
            self._bridge.announce("resources", initiator=self)
            self.ready.emit(uuid)

    def _wait(self, *, has_moved: bool) -> None:
        slower = min(SLOW_MILLISECONDS, int(max(self._again.interval(), FAST_MILLISECONDS) * 1.5))
        self._again.start(FAST_MILLISECONDS if has_moved else slower)

    def _on_read_failed(self, error: ServiceError) -> None:
        """What is known stays in sight; a service that is only away for a moment is asked again."""
        self._set(status=Status.READY if self.state.order else Status.ERROR, error=error_text(error))
        if error.retryable:
            self._again.start(SLOW_MILLISECONDS)

    def _on_retried(self, resource: Resource) -> None:
        self._set(resource=resource, is_working=False)
        self._poll()

    def _on_refunded(self, order: Order) -> None:
        self._set(order=order, is_working=False)
        self._poll()

    def _on_mend_failed(self, error: ServiceError) -> None:
        self._set(is_working=False, error=error_text(error))
        self._poll()

    def _on_rebound(self) -> None:
        """Another person's orders are not shown; the buyer who signed up while paying opens this afterwards."""
        if self.state.order_uuid:
            self.close()
