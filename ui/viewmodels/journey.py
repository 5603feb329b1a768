"""The way from looking to talking, as values: where the buyer is, what may come next, and the way back. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.api.types import BillingCycle


class WrongStep(Exception):
    """The journey cannot go there from here."""


@dataclass(frozen=True, slots=True)
class Browsing:
    """The catalogue."""


@dataclass(frozen=True, slots=True)
class SeeingAgent:
    offering_uuid: str


@dataclass(frozen=True, slots=True)
class CheckingOut:
    offering_uuid: str
    plan_uuid: str = ""
    billing_cycle: BillingCycle | None = None  # None: as kept in the cart


@dataclass(frozen=True, slots=True)
class Confirming:
    """The buyer answers on the provider's page."""

    order_uuid: str
    url: str


@dataclass(frozen=True, slots=True)
class Deploying:
    order_uuid: str
    resource_uuid: str = ""


@dataclass(frozen=True, slots=True)
class Chatting:
    resource_uuid: str


Step = Browsing | SeeingAgent | CheckingOut | Confirming | Deploying | Chatting


@dataclass(frozen=True, slots=True)
class Journey:
    """The steps behind the buyer, the present one last. Each verb gives the next journey; guards raise WrongStep.

    What is paid is not gone back into: after paying, "back" leads to the catalogue.
    """

    stack: tuple[Step, ...] = (Browsing(),)

    @property
    def step(self) -> Step:
        return self.stack[-1]

    @property
    def can_go_back(self) -> bool:
        return len(self.stack) > 1

    def see_agent(self, offering_uuid: str) -> Journey:
        """From anywhere but an open payment: another agent takes the place of the one shown."""
        self._must_not_be(Confirming)
        if not offering_uuid:
            raise WrongStep("no agent to see")
        if isinstance(self.step, SeeingAgent):
            return self._with(*self.stack[:-1], SeeingAgent(offering_uuid))
        return self._with(*self.stack, SeeingAgent(offering_uuid))

    def check_out(self, offering_uuid: str, plan_uuid: str = "", billing_cycle: BillingCycle | None = None) -> Journey:
        """From the agent's page, or straight from the palette or a link."""
        self._must_not_be(Confirming)
        if not offering_uuid:
            raise WrongStep("nothing to buy")
        stack = self.stack[:-1] if isinstance(self.step, CheckingOut) else self.stack
        return self._with(*stack, CheckingOut(offering_uuid, plan_uuid, billing_cycle))

    def confirm(self, order_uuid: str, url: str) -> Journey:
        """Only from checkout; refused there, "back" is checkout again with everything typed."""
        if not isinstance(self.step, CheckingOut):
            raise WrongStep("only a checkout is confirmed")
        return self._with(*self.stack, Confirming(order_uuid, url))

    def deploy(self, order_uuid: str, resource_uuid: str = "") -> Journey:
        """Only after paying, or for an order whose deployment goes on after a restart."""
        if not isinstance(self.step, CheckingOut | Confirming | Browsing):
            raise WrongStep("only what was just bought is deployed")
        return self._with(Browsing(), Deploying(order_uuid, resource_uuid))

    def chat(self, resource_uuid: str) -> Journey:
        """When the agent is ready, or again later from the list of bought agents."""
        self._must_not_be(Confirming, CheckingOut)
        if not resource_uuid:
            raise WrongStep("no agent to talk to")
        stack = tuple(step for step in self.stack if not isinstance(step, Deploying | Chatting))
        return self._with(*stack, Chatting(resource_uuid))

    def back(self) -> Journey:
        """One step back; at the beginning it stays."""
        return self._with(*self.stack[:-1]) if self.can_go_back else self

    def home(self) -> Journey:
        """The catalogue, with nothing behind."""
        return Journey()

    def _with(self, *stack: Step) -> Journey:
        return replace(self, stack=stack)

    def _must_not_be(self, *kinds: type[Step]) -> None:
        if isinstance(self.step, kinds):
            raise WrongStep(f"not from {type(self.step).__name__}")
