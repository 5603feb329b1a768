"""The part of FakeService that runs bought agents and talks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from services.api.errors import (
    InvalidInput,
    LimitReached,
    NotFound,
    SubscriptionSuspended,
    WrongState,
)
from services.api.money import Money
from services.api.types import (
    AnswerBand,
    AnswerPart,
    ChatMessage,
    ConfigureResource,
    Order,
    Plan,
    Resource,
    ResourceState,
    Source,
    StepState,
    SubscriptionState,
    Transcript,
    UsagePayment,
)
from services.domain import identity, metering, provisioning
from services.domain.chat import SAMPLE_TURNS, question_problem
from tests.fake_books import ZERO, Books
from tests.fake_prices import FakePrices
from tests.fake_world import Call

STOPPED = (SubscriptionState.PAUSED, SubscriptionState.SUSPENDED)


class FakeAgents(FakePrices):
    """Deployment by hand, and an agent that always quotes the same passage."""

    def advance(self, uuid: str) -> Resource:
        """Does the next deployment step of a bought agent."""
        owner, resource = self.world.resources[uuid]
        name = provisioning.open_steps(resource.steps)[0]
        steps = provisioning.with_step(resource.steps, name, StepState.DONE)
        state = ResourceState.DEPLOYING if provisioning.open_steps(steps) else ResourceState.READY
        return self._keep(owner, replace(resource, steps=steps, state=state))

    def deploy(self, uuid: str) -> Resource:
        """Does all open steps of a bought agent, up to one that is told to fail."""
        resource = self.world.resources[uuid][1]
        while resource.state not in (ResourceState.READY, ResourceState.FAILED):
            code = self.world.failing_steps.get(provisioning.open_steps(resource.steps)[0])
            resource = self.break_deployment(uuid, code) if code else self.advance(uuid)
        return resource

    def break_deployment(self, uuid: str, code: str = "check_failed") -> Resource:
        """Fails the next deployment step of a bought agent."""
        owner, resource = self.world.resources[uuid]
        name = provisioning.open_steps(resource.steps)[0]
        steps = provisioning.with_step(resource.steps, name, StepState.FAILED)
        return self._keep(
            owner, replace(resource, steps=steps, state=ResourceState.FAILED, failure=code, can_refund=True)
        )

    def _own_resource(self, uuid: str) -> Resource:
        user = self._user()
        owner, resource = self.world.resources.get(uuid, ("", None))
        if resource is None or owner != user.uuid:
            raise NotFound
        return resource

    def _seen(self, resource: Resource) -> Resource:
        """As it is told: with why it answers nobody for now."""
        found = self._held_of(resource.uuid)
        state = found[1].subscription.state if found and resource.state is ResourceState.READY else None
        return replace(resource, stopped=state.value if state in STOPPED else "")

    async def list_resources(self) -> tuple[Resource, ...]:
        await self._enter("list_resources")
        user = self._user()
        return tuple(self._seen(one) for owner, one in reversed(self.world.resources.values()) if owner == user.uuid)

    async def get_resource(self, uuid: str) -> Resource:
        await self._enter("get_resource")
        return self._seen(self._own_resource(uuid))

    async def configure_resource(self, uuid: str, request: ConfigureResource) -> Resource:
        await self._enter("configure_resource")
        resource = self._own_resource(uuid)
        if not request.name.strip():
            raise InvalidInput(fields={"name": "required"})
        if len(request.name) > identity.NAME_MAX:
            raise InvalidInput(fields={"name": "too_long"})
        return self._keep(self._owner, replace(resource, name=request.name.strip(), greeting=request.greeting))

    async def retry_deployment(self, uuid: str) -> Resource:
        await self._enter("retry_deployment")
        resource = self._failed(uuid)
        steps = provisioning.restarted(resource.steps)
        again = replace(resource, steps=steps, state=ResourceState.DEPLOYING, failure="", can_refund=False)
        self._keep(self._owner, again)
        if self.world.auto_deploy:
            self.deploy(uuid)
        return again

    async def refund_failed(self, uuid: str) -> Order:
        await self._enter("refund_failed")
        resource = self._failed(uuid)
        order = self._own_order(resource.order_uuid)
        books, unpaid = self.world.books.get(order.organization_uuid), ZERO
        if books is not None:
            self._check_undisputed(books, order.uuid)
            unpaid = self._refund_order(books, order.uuid)
        self._keep(self._owner, replace(resource, state=ResourceState.RETIRED, can_refund=False))
        order = replace(order, refunded=max(ZERO, order.total - unpaid))
        self.world.orders[order.uuid] = (self._owner, order)
        return order

    def _check_undisputed(self, books: Books, order_uuid: str) -> None:
        invoices = {one.uuid for one in books.invoices.values() if one.order_uuid == order_uuid}
        if any(one.state == "open" and one.invoice_uuid in invoices for _, one in self.world.disputes.values()):
            raise WrongState(state="disputed")

    def _failed(self, uuid: str) -> Resource:
        resource = self._own_resource(uuid)
        if resource.state is not ResourceState.FAILED:
            raise WrongState(state=resource.state.value)
        return resource

    def _plan_of(self, resource: Resource) -> Plan:
        plans = (plan for offering in self.world.offerings for plan in offering.plans)
        return next(plan for plan in plans if plan.uuid == resource.plan_uuid)

    async def get_transcript(self, resource_uuid: str) -> Transcript:
        await self._enter("get_transcript")
        self._own_resource(resource_uuid)
        return Transcript(tuple(self.world.chats.get(resource_uuid, [])))

    async def ask(self, resource_uuid: str, text: str, *, key: str) -> AsyncIterator[AnswerPart]:
        await self._enter("ask")
        resource = self._own_resource(resource_uuid)
        _check_question(text)
        if resource.state is not ResourceState.READY:
            raise WrongState(state=resource.state.value)
        attempt = self._attempt(self._owner, "ask", key, (resource_uuid, text))
        if not isinstance(attempt.answer, ChatMessage):
            plan = self._plan_of(resource)
            if not metering.is_allowed(plan, resource.usage.used):
                raise LimitReached(limit="plan", included=plan.included_calls, left=0)
            cost = metering.call_cost(plan, resource.usage.used)
            pays_next = self._pay_call(resource, cost)
            used = resource.usage.used + 1
            next_cost = metering.call_cost(plan, used)
            usage = replace(
                resource.usage,
                used=used,
                cost=resource.usage.cost + cost,
                next_call_cost=next_cost,
                pays_next="included" if next_cost.is_zero else pays_next,
            )
            self._keep(self._owner, replace(resource, usage=usage))
            attempt.answer = self._answer(self.world.chats[resource_uuid], text, cost=cost)
        for part in _parts(attempt.answer):
            yield part

    def _pay_call(self, resource: Resource, cost: Money) -> str:
        """Takes the price of a call before it is made; says what pays the next one."""
        found = self._held_of(resource.uuid)
        if found is None:
            return "invoice"
        books, held = found
        one = held.subscription
        if one.state is SubscriptionState.SUSPENDED:
            raise SubscriptionSuspended(invoice_uuid=one.unpaid_invoice_uuid)
        if one.state is SubscriptionState.PAUSED:
            raise WrongState(state=one.state.value)
        self._check_caps(books, resource.uuid, cost)
        is_prepaid = one.usage_payment is UsagePayment.PREPAID
        if is_prepaid and not cost.is_zero:
            self._pay_from_wallet(books, resource.uuid, resource.name, cost)
        now, user = self.world.clock.now(), self._user()
        books.costs.append((now, resource.uuid, cost))
        self.world.answers.setdefault(resource.uuid, []).append(
            Call(self.world.ids.uuid(), now, user.full_name, "chat")
        )
        return "wallet" if is_prepaid else "invoice"

    async def get_sample_transcript(self, offering_uuid: str) -> Transcript:
        await self._enter("get_sample_transcript")
        uuid = self._offering(offering_uuid).card.uuid
        turns = self.world.samples.get((self._owner, uuid), [])
        return Transcript(tuple(turns), SAMPLE_TURNS - sum(turn.role == "buyer" for turn in turns))

    async def ask_sample(self, offering_uuid: str, text: str, *, key: str) -> AsyncIterator[AnswerPart]:
        await self._enter("ask_sample")
        offering = self._offering(offering_uuid)
        _check_question(text)
        if offering.items:
            raise WrongState(state="bundle")
        uuid = offering.card.uuid
        attempt = self._attempt(self._owner, "sample", key, (uuid, text))
        if not isinstance(attempt.answer, ChatMessage):
            turns = self.world.samples.setdefault((self._need_owner(), uuid), [])
            if sum(turn.role == "buyer" for turn in turns) >= SAMPLE_TURNS:
                raise LimitReached(limit="sample", included=SAMPLE_TURNS, left=0)
            attempt.answer = self._answer(turns, text)
        for part in _parts(attempt.answer):
            yield part

    def _answer(self, turns: list[ChatMessage], text: str, *, cost: Money | None = None) -> ChatMessage:
        now, ids, is_sample = self.world.clock.now(), self.world.ids, cost is None
        turns.append(ChatMessage(ids.uuid(), "buyer", text, now, is_sample=is_sample))
        answer = "Worn shoes can come back within 30 days."
        sources = (Source("Returns policy", "returns-1"),)
        message = ChatMessage(ids.uuid(), "agent", answer, now, AnswerBand.ANSWER, sources, (), is_sample, cost)
        turns.append(message)
        return message


def _check_question(text: str) -> None:
    if problem := question_problem(text):
        raise InvalidInput(fields={"text": problem})


def _parts(message: ChatMessage) -> list[AnswerPart]:
    words = message.text.split(" ")
    pieces = [AnswerPart(f" {word}" if index else word) for index, word in enumerate(words)]
    return [*pieces, AnswerPart(message=message)]
