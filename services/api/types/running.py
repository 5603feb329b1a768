"""Bought agents, their usage, what is said with them, and the steps that led there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.api.money import Money
from services.api.types.catalogue import OfferingCard, OveragePolicy


class ResourceState(StrEnum):
    ORDERED = "ordered"
    DEPLOYING = "deploying"
    READY = "ready"
    FAILED = "failed"
    RETIRED = "retired"


class StepState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DeploymentStep:
    """`name`: workspace | knowledge | agent | check. `detail` is a figure for the screen, e.g. "13"."""

    name: str
    state: StepState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls in the current period. `included` None means unlimited; `cost` is what goes beyond the included."""

    included: int | None
    used: int
    period_start: datetime
    period_end: datetime
    cost: Money
    next_call_cost: Money
    overage_policy: OveragePolicy
    pays_next: str = "included"  # what pays the next call: included | wallet | invoice | nothing

    @property
    def left(self) -> int | None:
        """Included calls not yet used, or None when unlimited."""
        return None if self.included is None else max(0, self.included - self.used)


@dataclass(frozen=True, slots=True)
class Resource:
    """A bought agent."""

    uuid: str
    name: str
    state: ResourceState
    offering: OfferingCard
    plan_uuid: str
    plan_name: str
    order_uuid: str
    organization_uuid: str
    organization_name: str
    project_uuid: str
    project_name: str
    steps: tuple[DeploymentStep, ...]
    prompts: tuple[str, ...]
    greeting: str
    usage: Usage
    created_at: datetime
    failure: str = ""  # code of the reason when failed
    can_refund: bool = False
    stopped: str = ""  # paused | suspended: why a ready agent answers nobody for now

    @property
    def access_url(self) -> str:
        """Where the resource is found in the HTTP shape."""
        return f"/resource-details/{self.uuid}/"


@dataclass(frozen=True, slots=True)
class ConfigureResource:
    """What the owner may set; every field has a working default."""

    name: str
    greeting: str


@dataclass(frozen=True, slots=True)
class Source:
    title: str
    passage_id: str


class AnswerBand(StrEnum):
    ANSWER = "answer"  # quoted from a passage
    DID_YOU_MEAN = "did_you_mean"  # three choices
    UNKNOWN = "unknown"  # no passage fits; says how to reach a person
    MODEL = "model"  # written by a configured language model


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """One piece of a streamed answer. Text pieces are concatenated; the last part carries `message`."""

    text: str = ""
    message: ChatMessage | None = None


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """`role`: buyer | agent. `is_sample` marks turns made before buying."""

    uuid: str
    role: str
    text: str
    created_at: datetime
    band: AnswerBand | None = None
    sources: tuple[Source, ...] = ()
    choices: tuple[str, ...] = ()
    is_sample: bool = False
    cost: Money | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """`turns_left` is set for sample chats: how many questions a guest may still ask."""

    messages: tuple[ChatMessage, ...]
    turns_left: int | None = None


class FunnelStep(StrEnum):
    VIEWED = "viewed"
    PLAN_CHOSEN = "plan_chosen"
    CHECKOUT_OPENED = "checkout_opened"
    SIGN_UP = "sign_up"
    PAID = "paid"
    DEPLOYED = "deployed"
    FIRST_CHAT = "first_chat"


@dataclass(frozen=True, slots=True)
class FunnelEvent:
    step: FunnelStep
    offering_uuid: str
    at: datetime
