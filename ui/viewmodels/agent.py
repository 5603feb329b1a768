"""One offering's page: what it does, its plans, its sample chat, and the way to checkout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Signal

from services.api.errors import NotFound, ServiceError
from services.api.types import BillingCycle, FunnelStep, Offering, OfferingCard, OfferingKind, Plan
from ui.bridge import Bridge
from ui.text import ErrorText, error_text
from ui.viewmodels.base import ServiceHolder, Status, ViewModel
from ui.viewmodels.chat import ChatViewModel


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """What the buyer wants to check out; an empty plan means "the recommended one"."""

    offering: Offering
    plan_uuid: str
    cycle: BillingCycle


@dataclass(frozen=True, slots=True)
class AgentState:
    status: Status = Status.LOADING
    is_missing: bool = False
    uuid: str = ""
    card: OfferingCard | None = None  # known at once when opened from the grid
    offering: Offering | None = None
    plan_uuid: str = ""
    cycle: BillingCycle = BillingCycle.YEARLY
    error: ErrorText | None = None

    @property
    def plans(self) -> tuple[Plan, ...]:
        return self.offering.plans if self.offering else ()

    @property
    def can_try(self) -> bool:
        """Whether there is a sample chat: a bundle does not talk, its agents do."""
        return self.offering is not None and self.offering.card.kind is not OfferingKind.BUNDLE

    @property
    def plan(self) -> Plan | None:
        return next((plan for plan in self.plans if plan.uuid == self.plan_uuid), None)


def recommended_plan(offering: Offering) -> str:
    """The plan with a badge, else the first one."""
    badged = [plan.uuid for plan in offering.plans if plan.badge]
    return (badged or [plan.uuid for plan in offering.plans] or [""])[0]


class AgentViewModel(ViewModel[AgentState]):
    """`chat` is the sample conversation with the offering shown.

    Signals: changed; opened_checkout(CheckoutRequest).
    """

    opened_checkout = Signal(object)

    def __init__(self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str]) -> None:
        super().__init__(bridge, holder, AgentState())
        self.chat = ChatViewModel(bridge, holder, new_key)
        self._noted_plan = ""

    # ---- verbs

    def open(self, uuid: str, card: OfferingCard | None = None) -> None:
        """Shows an offering; `card` gives the head of the page at once. `uuid` may be a slug."""
        if self.state.uuid == uuid and self.state.status is Status.READY:
            return
        self.chat.close()
        self._become(AgentState(uuid=uuid, card=card, cycle=self.state.cycle))
        self._load()

    def retry(self) -> None:
        self._set(status=Status.LOADING, error=None, is_missing=False)
        self._load()

    def choose_plan(self, uuid: str) -> None:
        if uuid != self.state.plan_uuid and any(plan.uuid == uuid for plan in self.state.plans):
            self._set(plan_uuid=uuid)
            self._note_plan()

    def choose_cycle(self, cycle: BillingCycle) -> None:
        self._set(cycle=cycle)

    def buy(self, plan_uuid: str = "") -> None:
        """Goes to checkout with a plan, or with the chosen one."""
        if self.state.offering is None:
            return
        if plan_uuid:
            self.choose_plan(plan_uuid)
        self._note_plan()
        self.opened_checkout.emit(CheckoutRequest(self.state.offering, self.state.plan_uuid, self.state.cycle))

    # ---- inside

    def _note_plan(self) -> None:
        """Going on with the recommended plan is choosing it too; each choice is noted once."""
        if self._noted_plan != self.state.plan_uuid:
            self._noted_plan = self.state.plan_uuid
            self._record(FunnelStep.PLAN_CHOSEN, self.state.uuid)

    def _load(self) -> None:
        uuid = self.state.uuid
        self._bridge.run(
            self,
            "open",
            lambda: self._service.get_offering(uuid),
            then=self._on_offering,
            failed=self._on_failed,
            policy="replace",
        )

    def _on_offering(self, offering: Offering) -> None:
        self._set(
            status=Status.READY,
            uuid=offering.card.uuid,
            card=offering.card,
            offering=offering,
            plan_uuid=recommended_plan(offering),
        )
        if self.state.can_try:
            self.chat.open_sample(offering)
        self._record(FunnelStep.VIEWED, offering.card.uuid)

    def _on_failed(self, error: ServiceError) -> None:
        is_missing = isinstance(error, NotFound)
        self._set(status=Status.ERROR, is_missing=is_missing, error=error_text(error))
