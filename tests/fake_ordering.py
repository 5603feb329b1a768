"""The part of FakeService that knows orders: how they are priced, asked to be paid, and what a paid one brings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.api.errors import (
    DebitFailed,
    PaymentFailed,
    all_errors,
)
from services.api.money import Money
from services.api.types import (
    Action,
    BillingDetails,
    BillingModel,
    Invoice,
    InvoiceLine,
    MovementKind,
    Offering,
    Order,
    OrderState,
    Organization,
    Params,
    PaymentMethod,
    PaymentState,
    PayOrder,
    Placed,
    Plan,
    QuickCheckout,
    Resource,
    ResourceState,
    SubscribedResource,
    Subscription,
    SubscriptionState,
    Transfer,
    Usage,
    UsagePayment,
)
from services.domain import billing, metering, provisioning
from services.gateways.agents import DEPLOYMENT_STEPS
from tests.fake_agents import FakeAgents
from tests.fake_bill import Bill, Buyer, bill, part_price
from tests.fake_books import Books, Held, compose, issued, settled
from tests.fake_invoices import checked_details
from tests.fake_methods import end_of
from tests.fake_subscriptions import fee_line
from tests.fake_world import User, World

TRANSFER_DAYS = 14
SHOWN = {PaymentMethod.WALLET: "wallet", PaymentMethod.INVOICE: "transfer"}


class FakeOrdering(FakeAgents):
    """Orders and what comes of them."""

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

    def _way_problems(self, request: QuickCheckout | PayOrder) -> dict[str, str]:
        """What is wrong with a transfer, a saved method or a page."""
        if request.payment_method is PaymentMethod.INVOICE:
            return {"payment_method": "" if self.world.bank_account else "not_available"}
        if request.payment_method not in (PaymentMethod.CARD, *self.world.page_methods):
            return {"payment_method": "not_available"}
        return self._page_problems(request.payment_method, request.payment_token, request.return_url)

    def _order(self, user: User, request: QuickCheckout, offering: Offering, plan: Plan, made: Bill) -> Order:
        world, summary = self.world, made.summary
        books = self._organization(request.organization_name, request.project_name)
        organization = books.organization
        if request.country:
            books.details = made.details
        is_asked = request.payment_method is not PaymentMethod.WALLET and bool(request.payment_token)
        paid_with = self._card_name(request.payment_token) if is_asked else SHOWN.get(request.payment_method, "")
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
            payment_method=self._method_of(request),
        )
        order = replace(order, action=Action("redirect", f"/pay/test/{order.uuid}/"))
        world.requests[order.uuid] = request
        world.bills[order.uuid] = made
        world.orders[order.uuid] = (user.uuid, order)
        return order

    def _method_of(self, request: QuickCheckout) -> PaymentMethod:
        """What is charged: that of a saved method, whatever was said of it."""
        saved = self.world.cards.get(self._owner, [])
        return next((one.method for one in saved if one.token == request.payment_token), request.payment_method)

    def _outcome(self, request: QuickCheckout, total: Money | None) -> str:
        """What comes of asking for it: that of a test card, "page", "debits", "transfer"."""
        if request.payment_method is PaymentMethod.WALLET or total is None:
            return "pays"
        if request.payment_method is PaymentMethod.INVOICE:
            return "pays" if total.is_zero else "transfer"
        if not request.payment_token:
            is_free = self._plan(request.offering_uuid, request.plan_uuid)[1].billing_model is BillingModel.FREE
            return "pays" if is_free else "page"
        return "pays" if total.is_zero else self.world.outcomes[request.payment_token]

    def _ask(self, order: Order, request: QuickCheckout, outcome: str) -> None:
        """The provider is asked to be paid for an order."""
        uuid, method = order.uuid, request.payment_method
        if outcome in ("page", "needs_confirmation"):
            if outcome == "page":
                self._open_page(uuid, method, saves=request.saves_method)
            self._store(uuid, OrderState.PENDING_CONSUMER, PaymentState.ACTION_REQUIRED, action=self._action(uuid))
        elif outcome == "transfer":
            due = self.world.clock.now() + timedelta(days=TRANSFER_DAYS)
            account, reference = self.world.bank_account, f"SKT-{uuid[-10:].upper()}"
            transfer = Transfer(reference, order.total, due, account, Money.zero(order.total.currency))
            self._store(uuid, OrderState.PENDING_PROVIDER, PaymentState.PROCESSING, transfer=transfer)
        elif outcome == "debits":
            self._begin_debit(uuid, request.payment_token)
            self._store(uuid, OrderState.PENDING_PROVIDER, PaymentState.PROCESSING)
        else:
            self._store(uuid, OrderState.EXECUTING, PaymentState.SUCCEEDED)
            self._settle(uuid)

    def _store(
        self,
        uuid: str,
        state: OrderState,
        payment: PaymentState,
        *,
        action: Action | None = None,
        transfer: Transfer | None = None,
        error_code: str = "",
    ) -> None:
        """How an order and its payment stand now."""
        owner, order = self.world.orders[uuid]
        changed = replace(
            order, state=state, payment_state=payment, action=action, transfer=transfer, error_code=error_code,
            undo_until=None,
        )  # fmt: skip
        self.world.orders[uuid] = (owner, changed)

    def _look_at_order(self, uuid: str) -> None:
        """What the provider says of it. Without a page of its own, what was asked is approved."""
        page, (owner, order) = self.world.pages.get(uuid), self.world.orders[uuid]
        if order.state not in (OrderState.PENDING_CONSUMER, OrderState.PENDING_PROVIDER):
            return
        if page is None:
            self._settle(uuid)
        elif page.state == "paid":
            if not page.token:
                token, request = self._keep_method(owner, page), self.world.requests[uuid]
                self.world.requests[uuid] = replace(request, payment_token=token, payment_method=page.method)
                self.world.orders[uuid] = (owner, replace(order, paid_with=self._label(uuid)))
            self._settle(uuid)
        elif page.state == "processing":
            self._store(uuid, OrderState.PENDING_PROVIDER, PaymentState.PROCESSING)
        elif end := end_of(page):
            is_failed = end is DebitFailed
            state = OrderState.ERRED if is_failed else OrderState.CANCELED
            payment = PaymentState.FAILED if is_failed else PaymentState.CANCELED
            self._store(uuid, state, payment, error_code=end.code)

    def _placed_now(self, uuid: str) -> Placed:
        """An order as its buyer is told of it, or why it came to nothing."""
        order = self._captured(uuid)
        if order.error_code and order.state in (OrderState.ERRED, OrderState.CANCELED):
            raise all_errors().get(order.error_code, PaymentFailed)(order_uuid=uuid)
        state = order.payment_state or PaymentState.SUCCEEDED
        if order.state is OrderState.PENDING_CONSUMER:
            return Placed(uuid, action=order.action, state=state)
        if order.state is OrderState.PENDING_PROVIDER or not order.resource_uuids:
            return Placed(uuid, state=state, transfer=order.transfer)
        first = self._resource(order.resource_uuids[0])
        return Placed(uuid, first.uuid, order.organization_uuid, first.project_uuid, first.access_url, state=state)

    def _captured(self, uuid: str) -> Order:
        """An order; what was held is taken when its time to be taken back is over."""
        owner, order = self.world.orders[uuid]
        if order.undo_until is not None and order.undo_until <= self.world.clock.now():
            order = replace(order, undo_until=None, payment_state=PaymentState.SUCCEEDED)
            self.world.orders[uuid] = (owner, order)
        return order

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
            transfer=None,
            **self._money_of(order, plan, net_days),
        )
        world.orders[order_uuid] = (owner, order)
        world.carts.pop(owner, None)
        for resource in resources:
            if world.auto_deploy:
                self.deploy(resource.uuid)
        return self._placed_now(order_uuid)

    def _money_of(self, order: Order, plan: Plan, net_days: int) -> dict[str, Any]:  # Any: fields of Order
        """How a paid order's money stands: held while it can be taken back."""
        if plan.billing_model is BillingModel.FREE or order.payment_method is PaymentMethod.WALLET or net_days:
            return {"payment_state": None}
        seconds, can_hold = self.world.undo_seconds, order.payment_method in (PaymentMethod.CARD, PaymentMethod.PAYPAL)
        if not (seconds and can_hold) or order.total.is_zero:
            return {"payment_state": PaymentState.SUCCEEDED}
        until = self.world.clock.now() + timedelta(seconds=seconds)
        return {"payment_state": PaymentState.AUTHORIZED, "undo_until": until}

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
            payment_method=order.payment_method,
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
        elif one.payment_method is PaymentMethod.INVOICE:
            books.paid.append((now, order.total))  # no card was charged
        else:
            self._charge(books, order.total)
        return settled(books, invoice, now, order.paid_with)


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
