"""The part of FakeService that takes carts, cards and purchases."""

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
    BillingCycle,
    BillingModel,
    Cart,
    Offering,
    Order,
    OrderState,
    OrderSummary,
    PaymentMethod,
    PaymentOptions,
    PaymentState,
    Placed,
    Plan,
    QuickCheckout,
    SavedMethod,
)
from tests.fake_bill import bill
from tests.fake_ordering import FakeOrdering
from tests.fake_world import DECLINES
from tests.samples import TEST_CARDS

TRANSFER_DAYS = 14
SHOWN = {PaymentMethod.WALLET: "wallet", PaymentMethod.INVOICE: "transfer"}


class FakeBuying(FakeOrdering):
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

    async def get_payment_options(self) -> PaymentOptions:
        await self._enter("get_payment_options")
        world, accepted, balance = self.world, False, None
        if self._actor.session:
            user, books = self._user(), self._books()
            accepted = any(owner == user.uuid for owner, _ in self.world.orders.values())
            balance = books.balance(self.world.clock.now()) if books else Money.zero()
        can_pay = balance is not None and not balance.is_zero
        on_pages = tuple(method for method in world.page_methods if method is not PaymentMethod.CARD)
        by_transfer = (PaymentMethod.INVOICE,) if world.bank_account else ()
        from_wallet = (PaymentMethod.WALLET,) if can_pay else ()
        methods = (PaymentMethod.CARD, *on_pages, *by_transfer, *from_wallet)
        cards = TEST_CARDS if world.is_test_mode else ()
        return PaymentOptions(
            world.is_test_mode, methods, self._methods(), cards, accepted, balance, world.page_hosts,
            world.undo_seconds,
        )  # fmt: skip

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
        attempt = self._attempt(user.uuid, "checkout", key, replace(request, return_url=""))
        if attempt.subject:
            return self._placed_now(attempt.subject)
        if attempt.error:
            raise attempt.error
        offering, plan = self._plan(request.offering_uuid, request.plan_uuid)
        made = self._bill_for(request)
        outcome = self._outcome(request, made.summary.total)
        if outcome in DECLINES:
            attempt.error = DECLINES[outcome]()
            raise attempt.error
        if outcome == "lost_before" and not attempt.was_sent:
            attempt.was_sent = True
            raise PaymentUnknown
        order = self._order(user, request, offering, plan, made)
        attempt.subject = order.uuid
        self._ask(order, request, outcome)
        if outcome == "lost_after":
            raise PaymentUnknown
        return self._placed_now(order.uuid)

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
        else:
            problems |= self._way_problems(request)
        return {name: code for name, code in problems.items() if code}

    def _quoted_order(self, offering: Offering, plan: Plan, cycle: BillingCycle) -> Order:
        """An order at a price made by hand, paid on account."""
        request = QuickCheckout(
            offering.card.uuid, plan.uuid, PaymentMethod.INVOICE, billing_cycle=cycle, terms_accepted=True
        )
        priced = replace(plan, billing_model=BillingModel.SUBSCRIPTION)
        made = bill(offering, priced, request, self.world.clock.now(), self._as_buyer(offering, plan, request))
        return self._order(self._user(), request, offering, plan, made)

    async def confirm_order(self, uuid: str, *, approve: bool) -> Placed:
        await self._enter("confirm_order")
        order = self._own_order(uuid)
        if order.state is not OrderState.PENDING_CONSUMER:
            raise WrongState(state=order.state.value)
        if uuid in self.world.pages:
            self._answer_page(uuid, approve=approve)
        if approve:
            self._look_at_order(uuid)
            return self._placed_now(uuid)
        self._store(uuid, OrderState.CANCELED, PaymentState.FAILED, error_code=ConfirmationDeclined.code)
        raise ConfirmationDeclined(order_uuid=uuid)

    async def get_order(self, uuid: str) -> Order:
        await self._enter("get_order")
        self._own_order(uuid)
        return self._captured(uuid)

    async def list_orders(self) -> tuple[Order, ...]:
        await self._enter("list_orders")
        user, orders = self._user(), reversed(list(self.world.orders.items()))
        return tuple(self._captured(uuid) for uuid, (owner, _) in orders if owner == user.uuid)
