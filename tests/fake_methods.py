"""The part of FakeService that keeps ways to pay, and learns what became of pages."""

from __future__ import annotations

from dataclasses import replace

from services.api.errors import (
    DebitFailed,
    InvalidInput,
    NotFound,
    PaymentCanceled,
    PaymentExpired,
    PaymentFailed,
    RequestInProgress,
    ServiceError,
    WrongState,
)
from services.api.money import Money
from services.api.types import (
    AddedMethod,
    AddMethod,
    OrderState,
    Paid,
    PaymentMethod,
    PaymentState,
    SavedMethod,
    SubscriptionState,
)
from services.domain import expiry
from tests.fake_money import FakeMoney
from tests.fake_pages import email_of, is_ours, label_of
from tests.fake_world import Attempt, Page, Payment, Setup

OPEN = (PaymentState.SENT, PaymentState.ACTION_REQUIRED, PaymentState.PROCESSING)
CHARGED = (PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL)
ENDED: dict[str, type[PaymentFailed]] = {
    "failed": DebitFailed,
    "expired": PaymentExpired,
    "closed": PaymentCanceled,
}
EXPIRES = (12, 2034)


def end_of(page: Page) -> type[PaymentFailed] | None:
    """Why nothing will come of a page; None while something may."""
    return ENDED.get(page.state)


class FakeMethods(FakeMoney):
    """Cards, bank accounts and PayPal accounts of whoever calls."""

    # ---- those on file

    def _methods(self) -> tuple[SavedMethod, ...]:
        """As they are told: the default one first, with what is paid with each."""
        own, now = self.world.cards.get(self._owner, []), self.world.clock.now()
        used = self._uses({one.token for one in own}, self._default_card())
        told = [
            replace(
                one,
                expiry=expiry.standing(one.exp_month, one.exp_year, now),
                used_for=tuple(used.get(one.token, ())),
            )
            for one in own
        ]
        return tuple(sorted(told, key=lambda one: not one.is_default))

    def _uses(self, known: set[str], default: str) -> dict[str, list[str]]:
        used: dict[str, list[str]] = {}
        for books in self._own_books() if self._actor.session else []:
            for held in books.held.values():
                one = held.subscription
                if one.state is not SubscriptionState.CANCELED and one.payment_method in CHARGED:
                    token = held.token if held.token in known else default
                    used.setdefault(token, []).append(one.offering_name)
            if books.auto.is_on:
                token = books.auto.payment_token if books.auto.payment_token in known else default
                used.setdefault(token, []).append("auto_top_up")
        return used

    async def list_payment_methods(self, organization_uuid: str = "") -> tuple[SavedMethod, ...]:
        await self._enter("list_payment_methods")
        self._user()
        self._books(organization_uuid)
        return self._methods()

    async def set_default_method(self, token: str) -> tuple[SavedMethod, ...]:
        await self._enter("set_default_method")
        self._own_method(token)
        self._make_default(self._owner, token)
        return self._methods()

    def _make_default(self, owner: str, token: str) -> None:
        own = self.world.cards.get(owner, [])
        self.world.cards[owner] = [replace(one, is_default=one.token == token) for one in own]

    def _own_method(self, token: str) -> SavedMethod:
        own = self.world.cards.get(self._user().uuid, [])
        found = next((one for one in own if one.token == token), None)
        if found is None:
            raise NotFound
        return found

    async def remove_payment_method(self, token: str) -> tuple[SavedMethod, ...]:
        await self._enter("remove_payment_method")
        gone = self._own_method(token)
        if self._is_asked(token):
            raise RequestInProgress
        left = [one for one in self.world.cards[self._owner] if one.token != token]
        self.world.cards[self._owner] = left
        if gone.is_default and left:
            self._make_default(self._owner, left[0].token)
        heir = self._default_card()
        for books in self._own_books():
            for held in books.held.values():
                held.token = heir if held.token == token else held.token
            if books.auto.payment_token == token:
                books.auto = replace(books.auto, payment_token=heir)
        return self._methods()

    def _is_asked(self, token: str) -> bool:
        """Whether a payment with it is under way."""
        payments = (one.state in OPEN for one in self.world.payments.values() if one.token == token)
        orders = (
            order.state in (OrderState.PENDING_CONSUMER, OrderState.PENDING_PROVIDER)
            for uuid, (_, order) in self.world.orders.items()
            if self.world.requests[uuid].payment_token == token
        )
        return any(payments) or any(orders)

    def _keep_method(self, owner: str, page: Page) -> str:
        """What was given on a page, kept once; its token, or "" when it is not to be kept."""
        if page.token or not page.saves:
            return page.token
        own = self.world.cards.setdefault(owner, [])
        shown = (page.method, page.brand, page.last4)
        token = next((one.token for one in own if (one.method, one.brand, one.last4) == shown), "")
        if not token:
            token = f"card-{self.world.ids.uuid()}"
            month, year = EXPIRES if page.method is PaymentMethod.CARD else (0, 0)
            own.append(
                SavedMethod(token, page.brand, page.last4, month, year, not own, page.method, email_of(page))
            )  # fmt: skip
        self.world.outcomes[token] = "debits" if page.method is PaymentMethod.BANK else page.outcome
        return token

    def _label(self, uuid: str) -> str:
        """What was given on a page."""
        page = self.world.pages[uuid]
        return label_of(page.brand, page.last4, email_of(page))

    # ---- a new one

    async def add_payment_method(self, request: AddMethod, *, key: str) -> AddedMethod:
        await self._enter("add_payment_method")
        owner = self._user().uuid
        self._books(request.organization_uuid)
        asked = replace(request, return_url="")
        if self._is_new("method", key):
            self._check_new(request)
        attempt = self._attempt(owner, "method", key, asked)
        if not attempt.subject:
            self._need_books(request.organization_uuid)
            attempt.subject = self.world.ids.uuid()
            self.world.setups[attempt.subject] = Setup(owner, request)
            self._open_page(attempt.subject, request.payment_method)
        return self._added(attempt.subject)

    def _check_new(self, request: AddMethod) -> None:
        if not is_ours(request.return_url):
            raise InvalidInput(fields={"return_url": "not_available"})
        if request.payment_method not in self.world.page_methods:
            raise InvalidInput(fields={"payment_method": "not_available"})

    async def refresh_added_method(self, uuid: str) -> AddedMethod:
        await self._enter("refresh_added_method")
        self._own_setup(uuid)
        self._look_at_setup(uuid)
        return self._added(uuid)

    async def cancel_added_method(self, uuid: str) -> AddedMethod:
        await self._enter("cancel_added_method")
        self._own_setup(uuid)
        self._close_page(uuid)
        self._look_at_setup(uuid)
        return self._added(uuid)

    def _own_setup(self, uuid: str) -> Setup:
        user, setup = self._user(), self.world.setups.get(uuid)
        if setup is None or setup.owner != user.uuid:
            raise NotFound
        return setup

    def _close_page(self, uuid: str) -> None:
        page = self.world.pages.get(uuid)
        if page is not None and page.state == "open":
            page.state = "closed"

    def _look_at_setup(self, uuid: str) -> None:
        """What the provider says of it."""
        setup, page = self.world.setups[uuid], self.world.pages[uuid]
        if setup.state is not PaymentState.ACTION_REQUIRED:
            return
        if page.state == "paid":
            setup.state, setup.token = PaymentState.SUCCEEDED, self._keep_method(setup.owner, page)
            if setup.request.is_default:
                self._make_default(setup.owner, setup.token)
        elif end := end_of(page):
            setup.state, setup.error_code = PaymentState.CANCELED, end.code

    def _added(self, uuid: str) -> AddedMethod:
        setup = self.world.setups[uuid]
        waits = setup.state is PaymentState.ACTION_REQUIRED
        method = next((one for one in self._methods() if one.token == setup.token), None)
        return AddedMethod(uuid, setup.state, self._action(uuid) if waits else None, method, setup.error_code)

    # ---- payments that are no order's

    def _own_payment(self, uuid: str) -> Payment:
        user, payment = self._user(), self.world.payments.get(uuid)
        if payment is None or payment.owner != user.uuid:
            raise NotFound
        return payment

    async def refresh_payment(self, uuid: str) -> Paid:
        await self._enter("refresh_payment")
        self._own_payment(uuid)
        self._look_at_payment(uuid)
        return self._payment_now(uuid)

    def _look_at_payment(self, uuid: str) -> None:
        payment, page = self.world.payments[uuid], self.world.pages.get(uuid)
        if page is None or payment.state not in OPEN:
            return
        if page.state == "paid":
            payment.token = self._keep_method(payment.owner, page)
            self._succeed(uuid)
        elif page.state == "processing":
            payment.state = PaymentState.PROCESSING
        elif end := end_of(page):
            self._end_payment(payment, end(payment_uuid=uuid))

    def _being_paid(self, invoice_uuid: str) -> Money | None:
        """What a bank is asked for, for this invoice."""
        for uuid, payment in list(self.world.payments.items()):
            if payment.invoice_uuid == invoice_uuid and payment.state is PaymentState.PROCESSING:
                self._look_at_payment(uuid)
                if payment.state is PaymentState.PROCESSING:
                    return payment.amount
        return None

    def _end_payment(self, payment: Payment, error: ServiceError) -> None:
        payment.state = PaymentState.FAILED if isinstance(error, DebitFailed) else PaymentState.CANCELED
        payment.error = error

    async def cancel_payment(self, uuid: str) -> Paid:
        await self._enter("cancel_payment")
        payment = self._own_payment(uuid)
        self._look_at_payment(uuid)
        if payment.state is PaymentState.PROCESSING:
            raise WrongState(state=payment.state.value)
        if payment.state is PaymentState.ACTION_REQUIRED:
            self._close_page(uuid)
            self._end_payment(payment, PaymentCanceled(payment_uuid=uuid))
        return Paid(uuid, payment.state, payment.amount, payment.invoice_uuid)

    def _paid_with(self, name: str, attempt: Attempt) -> str:
        """What a payment was made with, once it was: `name`, or what was given on its page."""
        return name or (self._label(attempt.payment.payment_uuid) if attempt.payment else "")
