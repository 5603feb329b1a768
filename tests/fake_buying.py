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
    BillingCycle,
    BillingDetails,
    BillingModel,
    Cart,
    Invoice,
    InvoiceLine,
    MovementKind,
    Offering,
    Order,
    OrderState,
    OrderSummary,
    Organization,
    Params,
    PaymentMethod,
    PaymentOptions,
    Placed,
    Plan,
    QuickCheckout,
    Resource,
    ResourceState,
    SavedMethod,
    SubscribedResource,
    Subscription,
    SubscriptionState,
    Usage,
    UsagePayment,
)
from services.domain import billing, metering, provisioning
from services.gateways.agents import DEPLOYMENT_STEPS
from tests.fake_agents import FakeAgents
from tests.fake_bill import Bill, Buyer, bill, part_price
from tests.fake_books import Books, Held, compose, issued, settled
from tests.fake_invoices import checked_details
from tests.fake_subscriptions import fee_line
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
        return self._bill_for(request).summary

    def _bill_for(self, request: QuickCheckout) -> Bill:
        """The arithmetic of an order for this caller."""
        offering, plan = self._plan(request.offering_uuid, request.plan_uuid)
        return bill(offering, plan, request, self.world.clock.now(), self._as_buyer(offering, plan, request))

    def _as_buyer(self, offering: Offering, plan: Plan, request: QuickCheckout) -> Buyer:
        books = self._books() if self._actor.session else None
        details = books.details if books else BillingDetails()
        if request.country:
            details = checked_details(replace(details, country=request.country, vat_id=request.vat_id))
        return Buyer(
            treatment=self._treatment(details),
            details=details,
            owned=tuple(item for item in offering.items if books and item.uuid in self._owned(books)),
            prices={item.uuid: part_price(self._offering(item.uuid), plan) for item in offering.items},
            balance=books.balance(self.world.clock.now()) if books else Money.zero(),
            had_trial=bool(books and f"trial/{offering.card.uuid}" in books.redeemed),
        )

    def _owned(self, books: Books) -> set[str]:
        """Offerings an organization has running."""
        return {
            one.offering.uuid
            for _, one in self.world.resources.values()
            if one.organization_uuid == books.organization.uuid and one.state is not ResourceState.RETIRED
        }

    async def get_payment_options(self) -> PaymentOptions:
        await self._enter("get_payment_options")
        cards = self.world.cards.get(self._owner, [])
        accepted = False
        balance = None
        if self._actor.session:
            user, books = self._user(), self._books()
            accepted = any(owner == user.uuid for owner, _ in self.world.orders.values())
            balance = books.balance(self.world.clock.now()) if books else Money.zero()
        can_pay = balance is not None and not balance.is_zero
        methods = (PaymentMethod.CARD, PaymentMethod.WALLET) if can_pay else (PaymentMethod.CARD,)
        return PaymentOptions(True, methods, tuple(cards), TEST_CARDS, accepted, balance)

    async def save_card(self, token: str) -> SavedMethod:
        await self._enter("save_card")
        user = self._user()
        if token not in self.world.outcomes:
            raise InvalidInput(fields={"payment_token": "unknown"})
        card = SavedMethod(f"card-{self.world.ids.uuid()}", "Visa", "4242", 12, 2030, is_default=True)
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
        made = self._bill_for(request)
        is_charged = request.payment_method is PaymentMethod.CARD and made.summary.total not in (None, Money.zero())
        outcome = self.world.outcomes[request.payment_token] if is_charged else "pays"
        if outcome in DECLINES:
            attempt.error = DECLINES[outcome]()
            raise attempt.error
        if outcome == "lost_before" and not attempt.was_sent:
            attempt.was_sent = True
            raise PaymentUnknown
        order = self._order(user, request, offering, plan, made)
        if outcome == "needs_confirmation":
            attempt.answer = Placed(order.uuid, action=order.action)
            return attempt.answer
        self.world.orders[order.uuid] = (user.uuid, replace(order, state=OrderState.EXECUTING, action=None))
        attempt.answer = self._settle(order.uuid)
        if outcome == "lost_after":
            raise PaymentUnknown
        return attempt.answer

    def _check_checkout(self, request: QuickCheckout) -> None:
        _, plan = self._plan(request.offering_uuid, request.plan_uuid)
        if problems := self._checkout_problems(request, plan):
            raise InvalidInput(fields=problems)
        self._bill_for(request)

    def _checkout_problems(self, request: QuickCheckout, plan: Plan) -> dict[str, str]:
        problems = {}
        if not request.terms_accepted:
            problems["terms_accepted"] = "must_accept"
        if plan.billing_model is BillingModel.QUOTE:
            problems["plan_uuid"] = "needs_quote"
        elif plan.billing_model is BillingModel.FREE:
            return problems
        if request.payment_method is PaymentMethod.WALLET:
            if not problems and self._bill_for(request).summary.credit_left is None:
                problems["payment_method"] = "insufficient_credit"
        elif request.payment_method is not PaymentMethod.CARD:
            problems["payment_method"] = "not_available"
        elif not request.payment_token:
            problems["payment_token"] = "required"
        elif not self._may_pay_with(request.payment_token):
            problems["payment_token"] = "unknown"
        return problems

    def _order(self, user: User, request: QuickCheckout, offering: Offering, plan: Plan, made: Bill) -> Order:
        world, summary = self.world, made.summary
        books = self._organization(request.organization_name, request.project_name)
        organization = books.organization
        if request.country:
            books.details = made.details
        paid_with = self._card_name(request.payment_token) if request.payment_token else request.payment_method.value
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
            paid_with=paid_with,
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
        world.bills[order.uuid] = made
        world.orders[order.uuid] = (user.uuid, order)
        return order

    def _quoted_order(self, offering: Offering, plan: Plan, cycle: BillingCycle) -> Order:
        """An order at a price made by hand, paid on account."""
        request = QuickCheckout(
            offering.card.uuid, plan.uuid, PaymentMethod.INVOICE, billing_cycle=cycle, terms_accepted=True
        )
        priced = replace(plan, billing_model=BillingModel.SUBSCRIPTION)
        made = bill(offering, priced, request, self.world.clock.now(), self._as_buyer(offering, plan, request))
        return self._order(self._user(), request, offering, plan, made)

    def _settle(self, order_uuid: str, *, plan: Plan | None = None, net_days: int = 0) -> Placed:
        """What a paid order brings: agents, a subscription and an invoice. `net_days`: it is paid on account."""
        world, now = self.world, self.world.clock.now()
        owner, order = world.orders[order_uuid]
        offering, listed = self._plan(order.offering_uuid, world.requests[order_uuid].plan_uuid)
        plan, books = plan or listed, world.books[order.organization_uuid]
        owned = self._owned(books)
        parts = [self._offering(card.uuid) for card in offering.items if card.uuid not in owned] or [offering]
        resources = [_resource(world, order, part, plan, books.organization) for part in parts]
        for resource in resources:
            self._keep(owner, resource)
            world.chats[resource.uuid] = world.samples.pop((owner, resource.offering.uuid), [])
        held = self._subscribe(books, order, offering, plan, resources)
        invoice = self._invoice_order(books, order, held, net_days)
        order = replace(
            order,
            number=f"SK-{len(world.orders):06d}",
            state=OrderState.DONE,
            action=None,
            paid_at=None if net_days else now,
            resource_uuids=tuple(resource.uuid for resource in resources),
            invoice_uuid=invoice.uuid if invoice else "",
        )
        world.orders[order_uuid] = (owner, order)
        world.carts.pop(owner, None)
        for resource in resources:
            if world.auto_deploy:
                self.deploy(resource.uuid)
        first = resources[0]
        return Placed(order.uuid, first.uuid, books.organization.uuid, first.project_uuid, first.access_url)

    def _subscribe(self, books: Books, order: Order, offering: Offering, plan: Plan, resources: list[Resource]) -> Held:
        request, made, now = self.world.requests[order.uuid], self.world.bills[order.uuid], self.world.clock.now()
        is_trial, token = made.summary.is_trial, request.payment_token
        is_wallet = request.payment_method is PaymentMethod.WALLET
        coupon = made.coupon
        if coupon and coupon.periods_left and not is_trial:
            coupon = replace(coupon, periods_left=coupon.periods_left - 1) if coupon.periods_left > 1 else None
        if is_trial:
            books.redeemed.append(f"trial/{offering.card.uuid}")
        subscription = Subscription(
            uuid=self.world.ids.uuid(),
            order_uuid=order.uuid,
            organization_uuid=books.organization.uuid,
            organization_name=books.organization.name,
            offering_uuid=offering.card.uuid,
            offering_name=offering.card.name,
            offering_kind=offering.card.kind,
            plan=plan,
            billing_model=plan.billing_model,
            cycle=order.billing_cycle,
            quantity=1,
            price=made.price,
            state=SubscriptionState.TRIALING if is_trial else SubscriptionState.ACTIVE,
            started_at=now,
            period_start=now,
            period_end=made.summary.renews_at or billing.boundary(now, 1),
            trial_ends_at=made.summary.renews_at if is_trial else None,
            next_charge_at=None,
            next_charge=None,
            payment_method=request.payment_method,
            paid_with=order.paid_with,
            usage_payment=UsagePayment.PREPAID if is_wallet else UsagePayment.POSTPAID,
            resources=tuple(SubscribedResource(one.uuid, one.name, one.usage) for one in resources),
            coupon=coupon,
        )
        worth = Money.zero() if is_trial else made.price - made.off
        return self._open(books, subscription, "" if is_wallet else token, worth)

    def _invoice_order(self, books: Books, order: Order, held: Held, net_days: int) -> Invoice | None:
        """The first invoice, paid unless it is on account; none when there is nothing to pay."""
        made, one, now = self.world.bills[order.uuid], held.subscription, self.world.clock.now()
        if order.total.is_zero:
            return None
        lines = [fee_line(one, one.plan, made.price, one.period_start, one.period_end)]
        if made.coupon:
            params: Params = {"code": made.coupon.code, "percent": made.coupon.percent}
            lines.append(InvoiceLine(self.world.ids.uuid(), "", "discount", -made.off, params))
        draft = compose(books, self.world.ids.uuid(), now, tuple(lines), self._treatment(books.details))
        invoice = issued(books, replace(draft, order_uuid=order.uuid), now, net_days=net_days)
        if net_days:
            return invoice
        if one.payment_method is PaymentMethod.WALLET:
            what: Params = {"number": invoice.number, "name": one.offering_name}
            books.spend(self.world.ids, now, order.total, MovementKind.INVOICE, what)
        else:
            self._charge(books, order.total)
        return settled(books, invoice, now, order.paid_with)

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
