"""The part of FakeService that goes on with orders: looked at, given up, taken back, paid another way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.api.errors import (
    PaymentCanceled,
    PaymentExpired,
    PaymentNotCompleted,
    PaymentUnknown,
    WrongState,
)
from services.api.money import Money
from services.api.types import Order, OrderState, PaymentMethod, PaymentState, PayOrder, Placed, ResourceState
from tests.fake_buying import FakeBuying
from tests.fake_money import refuse
from tests.fake_ordering import SHOWN
from tests.fake_world import DECLINES, Attempt

KEPT_FOR = timedelta(days=30)
AGAIN = (PaymentExpired.code, PaymentCanceled.code, PaymentNotCompleted.code)
WAITING = (OrderState.PENDING_CONSUMER, OrderState.PENDING_PROVIDER)


class FakePaying(FakeBuying):
    """One order and one charge, whatever is opened and closed meanwhile."""

    async def refresh_order(self, uuid: str) -> Placed:
        await self._enter("refresh_order")
        self._own_order(uuid)
        self._look_again(uuid)
        return self._placed_now(uuid)

    def _look_again(self, uuid: str) -> None:
        """A transfer, or a question in our own window, has no page that could have been answered."""
        if uuid in self.world.pages:
            self._look_at_order(uuid)

    # ---- giving up, taking back

    async def cancel_order(self, uuid: str) -> Order:
        await self._enter("cancel_order")
        self._own_order(uuid)
        order = self._captured(uuid)
        if order.undo_until is not None:
            self._take_back(order)
        elif order.state in WAITING:
            self._look_again(uuid)
            if self.world.orders[uuid][1].state in WAITING:
                self._give_up(uuid)
        else:
            raise WrongState(state=order.state.value)
        return self._captured(uuid)

    def _give_up(self, uuid: str) -> None:
        order = self.world.orders[uuid][1]
        if order.transfer is not None and not order.transfer.received.is_zero:
            raise WrongState(state="partly_paid")
        if order.transfer is None and order.payment_state is PaymentState.PROCESSING:
            raise WrongState(state=order.payment_state.value)
        self._close_page(uuid)
        self._store(uuid, OrderState.CANCELED, PaymentState.CANCELED, error_code=PaymentCanceled.code)

    def _take_back(self, order: Order) -> None:
        """The hold is let go: nothing was charged, and nothing is left of what it brought."""
        books, owner = self.world.books[order.organization_uuid], self.world.orders[order.uuid][0]
        for resource_uuid in order.resource_uuids:
            self._keep(owner, replace(self._resource(resource_uuid), state=ResourceState.RETIRED))
        self._refund_order(books, order.uuid)
        self.world.charges.remove(order.total)
        self._store(order.uuid, OrderState.CANCELED, PaymentState.CANCELED)
        gone = replace(self.world.orders[order.uuid][1], refunded=order.total)
        self.world.orders[order.uuid] = (owner, gone)
        self._tell(books, "order_taken_back", f"order:{order.uuid}", amount=order.total.micros)

    # ---- another try

    async def pay_order(self, uuid: str, request: PayOrder, *, key: str) -> Placed:
        await self._enter("pay_order")
        user = self._user()
        self._own_order(uuid)
        is_new = self._is_new("pay_order", key)
        if is_new:
            self._check_payable(uuid)
            refuse(self._way_problems(request))
        attempt = self._attempt(user.uuid, "pay_order", key, (uuid, replace(request, return_url="")))
        if attempt.error:
            raise attempt.error
        if attempt.subject or (is_new and self._goes_on(uuid, request)):
            attempt.subject = uuid
            return self._placed_now(uuid)
        return self._pay_again(uuid, request, attempt)

    def _check_payable(self, uuid: str) -> None:
        order = self._captured(uuid)
        is_fresh = self.world.clock.now() - order.created_at < KEPT_FOR
        is_closed = order.state is OrderState.CANCELED and order.error_code in AGAIN and is_fresh
        if order.state is OrderState.PENDING_CONSUMER or order.transfer is not None or is_closed:
            return
        state = order.payment_state if order.state is OrderState.PENDING_PROVIDER else None
        raise WrongState(state=state.value if state else order.state.value)

    def _goes_on(self, uuid: str, request: PayOrder) -> bool:
        """Whether what is there is what is wanted: the page that is open, or one that was paid meanwhile. Any other
        page is closed."""
        self._look_again(uuid)
        page, order = self.world.pages.get(uuid), self.world.orders[uuid][1]
        if order.state not in (*WAITING, OrderState.CANCELED) or order.payment_state is PaymentState.PROCESSING:
            return order.transfer is None
        is_open = page is not None and page.state == "open"
        if is_open and page is not None and not request.payment_token and page.method is request.payment_method:
            return True
        self._close_page(uuid)
        return False

    def _pay_again(self, uuid: str, request: PayOrder, attempt: Attempt) -> Placed:
        before, (owner, order) = self.world.requests[uuid], self.world.orders[uuid]
        token, method = request.payment_token, request.payment_method
        wanted = replace(before, payment_token=token, payment_method=method, saves_method=request.saves_method)
        outcome = self._outcome(wanted, order.total)
        if outcome == "lost_before" and not attempt.was_sent:
            attempt.was_sent = True
            raise PaymentUnknown(order_uuid=uuid)
        self.world.requests[uuid] = wanted
        is_transfer, received = method is PaymentMethod.INVOICE, Money.zero()
        if order.transfer is not None and not order.transfer.received.is_zero:
            received = order.transfer.received
            if not is_transfer:
                self._part_to_credit(order, received)
        label = self._card_name(token) if token else SHOWN.get(method, "")
        again = replace(order, paid_with=label, payment_method=self._method_of(wanted), error_code="", transfer=None)
        self.world.orders[uuid] = (owner, again)
        self.world.pages.pop(uuid, None)
        if outcome in DECLINES:
            attempt.error = DECLINES[outcome](order_uuid=uuid)
            self._store(uuid, OrderState.ERRED, PaymentState.FAILED, error_code=attempt.error.code)
            raise attempt.error
        attempt.subject = uuid
        self._ask(again, wanted, outcome)
        if is_transfer and not received.is_zero:
            self._keep_part(uuid, received)
        if outcome == "lost_after":
            raise PaymentUnknown(order_uuid=uuid)
        return self._placed_now(uuid)

    def _part_to_credit(self, order: Order, received: Money) -> None:
        """Another way is asked for the whole price: what had come in is credit."""
        assert order.transfer is not None
        arrivals = self.world.arrivals
        for place, one in enumerate(arrivals):
            if one.subject == order.uuid:
                arrivals[place] = replace(one, told=replace(one.told, surplus=one.told.amount))
        self._credit_transfer(self.world.books[order.organization_uuid], order.transfer.reference, received)

    def _keep_part(self, uuid: str, received: Money) -> None:
        owner, order = self.world.orders[uuid]
        assert order.transfer is not None
        transfer = replace(order.transfer, amount=order.transfer.amount - received, received=received)
        self.world.orders[uuid] = (owner, replace(order, transfer=transfer))
