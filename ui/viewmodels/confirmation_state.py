"""What the page of an order shows: how far paying and setting up are, and what can be done. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.api.errors import InsufficientFunds
from services.api.types import Order, OrderState, PaymentMethod, PaymentState, Resource, ResourceState, StepState
from ui.text import ErrorText, error_text, failure_text, plural, receipt_text, refusal_of, step_text, step_title, tr
from ui.viewmodels.base import Status
from ui.viewmodels.page_address import OWN_PAGES

_ENDED = (OrderState.ERRED, OrderState.CANCELED)
_UNPAID = (OrderState.PENDING_CONSUMER, OrderState.PENDING_PROVIDER)
MOVING = (ResourceState.ORDERED, ResourceState.DEPLOYING)
_OVER = (ResourceState.FAILED, ResourceState.RETIRED)
_STEP_STATES = {
    ResourceState.ORDERED: StepState.WAITING,
    ResourceState.DEPLOYING: StepState.RUNNING,
    ResourceState.READY: StepState.DONE,
    ResourceState.FAILED: StepState.FAILED,
    ResourceState.RETIRED: StepState.FAILED,
}


def is_taken_back(order: Order) -> bool:
    """Within its first seconds, so that nothing was charged."""
    return order.state is OrderState.CANCELED and order.payment_state is PaymentState.CANCELED and not order.error_code


class Waiting(StrEnum):
    """What an order that is not paid waits for."""

    NOTHING = ""
    PAGE = "page"  # the buyer, on a page in the browser
    ANSWER = "answer"  # the buyer, on a page in our own window
    TRANSFER = "transfer"
    BANK = "bank"  # a debit that takes days
    MONEY = "money"  # something else that takes a while
    CHECK = "check"  # the provider's answer


class DeploymentPhase(StrEnum):
    DEPLOYING = "deploying"
    READY = "ready"
    FAILED = "failed"
    REFUNDED = "refunded"
    UNPAID = "unpaid"  # nothing is set up before the money is there
    TAKEN_BACK = "taken_back"


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
    undo_left: int = 0  # seconds in which the purchase can still be taken back
    is_undoing: bool = False
    mending: str = ""  # uuid of the agent whose retry or refund is under way
    error: ErrorText | None = None
    is_test_mode: bool = False  # no real money moved
    now: datetime | None = None  # of the workspace, as it was when it last mattered

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
        is_ready = self.resource is not None and self.resource.state is ResourceState.READY
        return is_ready and not self._is_moving and not self.is_taken_back

    # ---- how far it is

    @property
    def is_bundle(self) -> bool:
        return len(self.resources) > 1

    @property
    def failed(self) -> tuple[Resource, ...]:
        return tuple(resource for resource in self.resources if resource.state is ResourceState.FAILED)

    @property
    def _is_moving(self) -> bool:
        return any(resource.state in MOVING for resource in self.resources)

    @property
    def phase(self) -> DeploymentPhase:
        """Of the whole order: it is ready, or has failed, once nothing moves any more."""
        is_gone = all(resource.state is ResourceState.RETIRED for resource in self.resources)
        if self.is_taken_back:
            return DeploymentPhase.TAKEN_BACK
        if self.resources and is_gone:
            return DeploymentPhase.REFUNDED
        if self.order is not None and self.order.state in _ENDED:
            return DeploymentPhase.FAILED
        if self.waits_for is not Waiting.NOTHING:
            return DeploymentPhase.UNPAID
        if not self.resources or self._is_moving:
            return DeploymentPhase.DEPLOYING
        return DeploymentPhase.FAILED if self.failed else DeploymentPhase.READY

    @property
    def is_taken_back(self) -> bool:
        return self.order is not None and is_taken_back(self.order)

    @property
    def waits_for(self) -> Waiting:
        order = self.order
        if order is None or order.state not in _UNPAID:
            return Waiting.NOTHING
        if order.state is OrderState.PENDING_CONSUMER:
            is_own = order.action is None or order.action.url.startswith(OWN_PAGES)
            return Waiting.ANSWER if is_own else Waiting.PAGE
        if order.transfer is not None:
            return Waiting.TRANSFER
        if order.payment_state is not PaymentState.PROCESSING:
            return Waiting.CHECK
        return Waiting.BANK if order.payment_method is PaymentMethod.BANK else Waiting.MONEY

    @property
    def can_undo(self) -> bool:
        return self.undo_left > 0 and self.order is not None and self.order.undo_until is not None

    @property
    def can_give_up(self) -> bool:
        """An order that is not paid; of a transfer only while nothing has arrived."""
        transfer = self.order.transfer if self.order is not None else None
        is_begun = transfer is not None and not transfer.received.is_zero
        return self.waits_for in (Waiting.PAGE, Waiting.ANSWER, Waiting.TRANSFER) and not is_begun

    @property
    def can_buy_again(self) -> bool:
        """Nothing is left of the order."""
        return self.phase is DeploymentPhase.TAKEN_BACK or (self.phase is DeploymentPhase.FAILED and not self.resources)

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
            code = self.order.error_code if self.order is not None else ""
            known = error_text(refusal_of(code)) if code else None
            if (
                code == InsufficientFunds.code
                and self.order is not None
                and self.order.payment_method is not PaymentMethod.CARD
            ):
                return tr("There was not enough money on the account. Nothing was charged. Pay another way.")
            return known.sentence if known else tr("The payment did not go through. Nothing was charged.")
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
        return receipt_text(self.order, is_test_mode=self.is_test_mode) if self.order else ""

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
