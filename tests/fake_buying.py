"""The part of FakeService that takes carts, cards and orders."""

from __future__ import annotations

from dataclasses import replace

from services.api.errors import (
    ConfirmationDeclined,
    InvalidInput,
    NotFound,
    PaymentUnknown,
    WrongState,
)
from services.api.money import Money
from services.api.types import (
    Action,
    BillingModel,
    Cart,
    Offering,
    Order,
    OrderState,
    OrderSummary,
    Organization,
    PaymentMethod,
    PaymentOptions,
    Placed,
    Plan,
    Project,
    QuickCheckout,
    QuoteRequested,
    RequestQuote,
    Resource,
    ResourceState,
    SavedCard,
    Usage,
)
from services.domain import billing, identity, metering, provisioning
from services.gateways.agents import DEPLOYMENT_STEPS
from tests.fake_agents import FakeAgents
from tests.fake_world import DECLINES, User, World
from tests.samples import TEST_CARDS


class FakeBuying(FakeAgents):
    """Places orders with the outcomes of the test cards."""

    async def get_cart(self) -> Cart:
        await self._enter("get_cart")
        return self.world.carts.get(self._owner, Cart())

    async def save_cart(self, cart: Cart) -> Cart:
        await self._enter("save_cart")
        owner = self._need_owner()
        plans = {plan.uuid for plan in self._offering(cart.offering_uuid).plans} if cart.offering_uuid else set()
        if cart.plan_uuid and cart.plan_uuid not in plans:
            raise NotFound(what="plan")
        self.world.carts[owner] = kept = replace(cart, updated_at=self.world.clock.now())
        return kept

    async def clear_cart(self) -> None:
        await self._enter("clear_cart")
        self.world.carts.pop(self._owner, None)

    async def summarize(self, request: QuickCheckout) -> OrderSummary:
        await self._enter("summarize")
        offering, plan = self._plan(request.offering_uuid, request.plan_uuid)
        return billing.summarize(
            offering.card.uuid, offering.card.name, plan, request.billing_cycle, self.world.clock.now()
        )

    async def get_payment_options(self) -> PaymentOptions:
        await self._enter("get_payment_options")
        cards = self.world.cards.get(self._owner, [])
        return PaymentOptions(True, (PaymentMethod.CARD,), tuple(cards), TEST_CARDS)

    async def save_card(self, token: str) -> SavedCard:
        await self._enter("save_card")
        user = self._user()
        if token not in self.world.outcomes:
            raise InvalidInput(fields={"payment_token": "unknown"})
        card = SavedCard(f"card-{self.world.ids.uuid()}", "Visa", "4242", 12, 2030, is_default=True)
        self.world.outcomes[card.token] = self.world.outcomes[token]
        kept = [replace(other, is_default=False) for other in self.world.cards.get(user.uuid, [])]
        self.world.cards[user.uuid] = [card, *kept]
        return card

    async def quick_checkout(self, request: QuickCheckout, *, key: str) -> Placed:
        await self._enter("quick_checkout")
        user = self._user()
        if (user.uuid, "checkout", key) not in self.world.attempts:
            self._check_checkout(request)
        attempt = self._attempt(user.uuid, "checkout", key, request)
        if isinstance(attempt.answer, Placed):
            return attempt.answer
        if attempt.error:
            raise attempt.error
        offering, plan = self._plan(request.offering_uuid, request.plan_uuid)
        outcome = "pays" if plan.billing_model is BillingModel.FREE else self.world.outcomes[request.payment_token]
        if outcome in DECLINES:
            attempt.error = DECLINES[outcome]()
            raise attempt.error
        if outcome == "lost_before" and not attempt.was_sent:
            attempt.was_sent = True
            raise PaymentUnknown
        order = self._order(user, request, offering, plan)
        if outcome == "needs_confirmation":
            attempt.answer = Placed(order.uuid, action=order.action)
            return attempt.answer
        self.world.orders[order.uuid] = (user.uuid, replace(order, state=OrderState.EXECUTING, action=None))
        attempt.answer = self._settle(order.uuid)
        if outcome == "lost_after":
            raise PaymentUnknown
        return attempt.answer

    def _may_pay_with(self, token: str) -> bool:
        own = [card.token for card in self.world.cards.get(self._owner, [])]
        return token in own or token in {card.token for card in TEST_CARDS}

    def _check_checkout(self, request: QuickCheckout) -> None:
        _, plan = self._plan(request.offering_uuid, request.plan_uuid)
        if problems := self._checkout_problems(request, plan):
            raise InvalidInput(fields=problems)

    def _checkout_problems(self, request: QuickCheckout, plan: Plan) -> dict[str, str]:
        problems = {}
        if not request.terms_accepted:
            problems["terms_accepted"] = "must_accept"
        if plan.billing_model is BillingModel.QUOTE:
            problems["plan_uuid"] = "needs_quote"
        elif plan.billing_model is BillingModel.FREE:
            return problems
        if request.payment_method is not PaymentMethod.CARD:
            problems["payment_method"] = "not_available"
        elif not request.payment_token:
            problems["payment_token"] = "required"
        elif not self._may_pay_with(request.payment_token):
            problems["payment_token"] = "unknown"
        return problems

    def _order(self, user: User, request: QuickCheckout, offering: Offering, plan: Plan) -> Order:
        world = self.world
        summary = billing.summarize(
            offering.card.uuid, offering.card.name, plan, request.billing_cycle, world.clock.now()
        )
        choice = identity.choose_organization(
            user.organizations, request.organization_name, request.project_name, user.full_name
        )
        organization = choice.organization
        if organization is None:
            project = Project(world.ids.uuid(), choice.project_name)
            organization = Organization(world.ids.uuid(), choice.name, (project,))
            user.organizations = (*user.organizations, organization)
        order = Order(
            uuid=world.ids.uuid(),
            number="",
            state=OrderState.PENDING_CONSUMER,
            offering_uuid=offering.card.uuid,
            offering_name=offering.card.name,
            plan_name=plan.name,
            billing_cycle=summary.billing_cycle,
            lines=summary.lines,
            total=summary.total or Money.zero(),
            refunded=Money.zero(),
            paid_with="Visa •••• 4242",
            organization_uuid=organization.uuid,
            organization_name=organization.name,
            project_name=organization.projects[0].name,
            buyer_name=user.full_name,
            buyer_email=user.email,
            resource_uuids=(),
            created_at=world.clock.now(),
            paid_at=None,
            renews_at=summary.renews_at,
        )
        order = replace(order, action=Action("redirect", f"/pay/test/{order.uuid}/"))
        world.requests[order.uuid] = request
        world.orders[order.uuid] = (user.uuid, order)
        return order

    def _settle(self, order_uuid: str) -> Placed:
        world = self.world
        owner, order = world.orders[order_uuid]
        offering, plan = self._plan(order.offering_uuid, world.requests[order_uuid].plan_uuid)
        if order.total:
            world.charges.append(order.total)
        user = next(user for user in world.users.values() if user.uuid == owner)
        organization = next(one for one in user.organizations if one.uuid == order.organization_uuid)
        parts = [self._offering(card.uuid) for card in offering.items] or [offering]
        resources = [_resource(world, order, part, plan, organization) for part in parts]
        order = replace(
            order,
            number=f"SK-{len(world.orders):06d}",
            state=OrderState.DONE,
            action=None,
            paid_at=world.clock.now(),
            resource_uuids=tuple(resource.uuid for resource in resources),
        )
        world.orders[order_uuid] = (owner, order)
        world.carts.pop(owner, None)
        for resource in resources:
            self._keep(owner, resource)
            world.chats[resource.uuid] = world.samples.pop((owner, resource.offering.uuid), [])
            if world.auto_deploy:
                self.deploy(resource.uuid)
        first = resources[0]
        return Placed(order.uuid, first.uuid, organization.uuid, first.project_uuid, first.access_url)

    async def confirm_order(self, uuid: str, *, approve: bool) -> Placed:
        await self._enter("confirm_order")
        order = self._own_order(uuid)
        if order.state is not OrderState.PENDING_CONSUMER:
            raise WrongState(state=order.state.value)
        if approve:
            return self._settle(uuid)
        declined = replace(order, state=OrderState.CANCELED, action=None, error_code=ConfirmationDeclined.code)
        self.world.orders[uuid] = (self._owner, declined)
        raise ConfirmationDeclined

    async def get_order(self, uuid: str) -> Order:
        await self._enter("get_order")
        self._user()
        return self._own_order(uuid)

    async def list_orders(self) -> tuple[Order, ...]:
        await self._enter("list_orders")
        user = self._user()
        return tuple(order for owner, order in reversed(self.world.orders.values()) if owner == user.uuid)

    async def request_quote(self, request: RequestQuote) -> QuoteRequested:
        await self._enter("request_quote")
        if problem := identity.email_problem(request.email):
            raise InvalidInput(fields={"email": problem})
        _, plan = self._plan(request.offering_uuid, request.plan_uuid)
        if plan.billing_model is not BillingModel.QUOTE:
            raise InvalidInput(fields={"plan_uuid": "not_available"})
        self.world.quotes.append(request)
        return QuoteRequested(self.world.ids.uuid(), self.world.clock.now())


def _resource(world: World, order: Order, offering: Offering, plan: Plan, organization: Organization) -> Resource:
    now = world.clock.now()
    start, end = billing.period_of(now, now)
    usage = Usage(plan.included_calls, 0, start, end, Money.zero(), metering.call_cost(plan, 0), plan.overage_policy)
    return Resource(
        uuid=world.ids.uuid(),
        name=offering.card.name,
        state=ResourceState.ORDERED,
        offering=offering.card,
        plan_uuid=plan.uuid,
        plan_name=plan.name,
        order_uuid=order.uuid,
        organization_uuid=organization.uuid,
        organization_name=organization.name,
        project_uuid=organization.projects[0].uuid,
        project_name=organization.projects[0].name,
        steps=provisioning.first_steps(DEPLOYMENT_STEPS),
        prompts=offering.prompts,
        greeting=offering.greeting,
        usage=usage,
        created_at=now,
    )
