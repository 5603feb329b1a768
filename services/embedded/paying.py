"""Going on with an order that is not paid, giving it up, and taking a fresh purchase back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money
from services.api.types import Order, OrderState, PaymentMethod, PaymentState, PayOrder, Placed
from services.db import models as m
from services.embedded import asking, order_sweep, placing, refusals, settlement, undoing
from services.embedded.asking import Question
from services.embedded.core import Area, Caller
from services.embedded.money import commands, coupons, outcomes, transferred
from services.embedded.orders import find_orders
from services.embedded.placing import LEASE, PAID_BY_TRANSFER
from services.embedded.settlement import Outcome
from services.embedded.ways import TRANSFER, Way
from services.gateways.payments import CANCELED, FAILED, Charge, ProviderUnreachable

PAY = "pay_order"
KEPT_FOR = timedelta(days=30)  # an order given up can be gone on with: its price stands that long
_AGAIN = frozenset({refusals.EXPIRED, refusals.GIVEN_UP, errors.PaymentNotCompleted.code})

_O, _P = m.OrderRow, m.PaymentRow


class EmbeddedPaying(Area):
    async def refresh_order(self, uuid: str) -> Placed:
        await self._core.db.read(lambda connection: self._order(connection, uuid))
        return self._told(await self._refreshed(uuid))

    async def _refreshed(self, uuid: str) -> Outcome:
        try:
            return await order_sweep.refresh(self._core, uuid)
        except ProviderUnreachable as error:
            raise errors.PaymentUnknown(order_uuid=uuid) from error

    def _told(self, answer: Outcome) -> Placed:
        self._core.wake.set()
        if isinstance(answer, errors.ServiceError):
            raise answer
        return answer

    def _order(self, connection: Connection, uuid: str) -> Order:
        """An order of the caller's organizations. NotFound."""
        self._caller(connection)
        found = find_orders(connection, _O.uuid == uuid)
        if not found:
            raise errors.NotFound(what="order")
        self._authorize(connection, found[0].organization_uuid)
        return transferred.with_transfer(self._core, connection, found[0])

    # ---- giving it up, taking it back

    async def cancel_order(self, uuid: str) -> Order:
        order = await self._core.db.read(lambda connection: self._order(connection, uuid))
        if order.undo_until is not None:
            await self._undo(uuid)
        elif order.state in (OrderState.PENDING_CONSUMER, OrderState.PENDING_PROVIDER):
            await self._give_up(uuid)
        else:
            raise errors.WrongState(state=order.state.value)
        self._core.wake.set()
        return await self._core.db.read(lambda connection: self._order(connection, uuid))

    async def _undo(self, uuid: str) -> None:
        refund = await self._core.db.run(lambda connection: undoing.undo(self._core, connection, uuid, self._now()))
        if refund:
            try:
                await outcomes.carry_out(self._core, refund)
            except errors.PaymentUnknown:
                return  # the sweep lets the hold go

    async def _give_up(self, uuid: str) -> None:
        row = await self._core.db.read(lambda connection: order_sweep.row_of(connection, uuid))
        if row.provider == TRANSFER:
            await self._record(placing.kept_question(row), partial(_unpaid_transfer, uuid))
            return
        if row.state != PaymentState.ACTION_REQUIRED.value:
            raise errors.WrongState(state=row.state)
        await self._close(row)
        order = await self._core.db.read(lambda connection: self._order(connection, uuid))
        if order.undo_until is not None:  # it was paid in the last instant, and is only held
            await self._undo(uuid)

    async def _close(self, row: Any) -> Charge:  # Any: a row of order_sweep
        """What is so when its page is closed: paid in the last instant, or never. PaymentUnknown."""
        try:
            answer = await asking.call_off(self._core, row.provider, row.key, row.charge_id)
        except ProviderUnreachable as error:
            raise errors.PaymentUnknown(order_uuid=row.order_uuid) from error
        await self._record(placing.kept_question(row), lambda _connection: answer)
        return answer

    async def _record(self, asked: Question, answer: Callable[[Connection], Charge]) -> Outcome:
        key, provider = asked.key, asked.way.provider

        def work(connection: Connection) -> Outcome:
            told = answer(connection)
            return settlement.record_charge(self._core, connection, asked.reference, told, key=key, provider=provider)

        return await self._core.db.run(work)

    # ---- another try

    async def pay_order(self, uuid: str, request: PayOrder, *, key: str) -> Placed:
        asked = {"order": uuid} | asdict(request)
        row = await self._core.db.run(lambda connection: self._begin(connection, uuid, asked, key))
        if isinstance(row, Question):
            return await self._ask(row)
        if row is None:
            return self._told(await self._refreshed(uuid))
        if row.state == PaymentState.ACTION_REQUIRED.value:
            if self._is_the_same(row, request):
                found = await self._refreshed(uuid)
                if not isinstance(found, errors.PaymentExpired):
                    return self._told(found)
            elif (await self._close(row)).state not in (CANCELED, FAILED):
                return self._told(await self._refreshed(uuid))
        question = await self._core.db.run(
            lambda connection: self._open_again(connection, uuid, row.key, request, asked, key)
        )
        return await self._ask(question)

    async def _ask(self, question: Question) -> Placed:
        if question.way.provider == TRANSFER:
            answer: Charge | None = transferred.promised(question.reference, question.amount)
        else:
            answer = await asking.charge(self._core, question)
        if answer is None:
            raise errors.PaymentUnknown(order_uuid=question.reference)
        known = answer
        return self._told(await self._record(question, lambda _connection: known))

    def _begin(self, connection: Connection, uuid: str, asked: dict[str, Any], key: str) -> Any:
        """The payment as it is. When this command was given before: what is still to be asked for it, or None.
        WrongState."""
        caller, _ = self._caller(connection), self._order(connection, uuid)
        if commands.known(connection, caller, key, PAY, asked) is not None:
            return order_sweep.resume(connection, uuid, self._now())
        row = order_sweep.row_of(connection, uuid, lock=True)
        _check_payable(row, self._now() - KEPT_FOR)
        return row

    def _is_the_same(self, row: Any, request: PayOrder) -> bool:
        """Whether the page that is open is what is wanted."""
        is_page = not row.provider_token and not request.payment_token
        return is_page and row.method == request.payment_method.value

    def _open_again(
        self, connection: Connection, uuid: str, old_key: str, request: PayOrder, asked: dict[str, Any], key: str
    ) -> Question:
        """Saves the next attempt. RequestInProgress when somebody else has opened one meanwhile."""
        caller, now = self._caller(connection), self._now()
        if (known := commands.known(connection, caller, key, PAY, asked)) is not None:
            return placing.kept_question(order_sweep.row_of(connection, known))
        row = order_sweep.row_of(connection, uuid, lock=True)
        _check_payable(row, now - KEPT_FOR)
        if row.key != old_key:
            raise errors.RequestInProgress
        if problems := placing.method_problems(self._core, request):
            raise errors.InvalidInput(fields=problems)
        way = placing.way_of(self._core, connection, caller, request)
        question = self._next_question(connection, row, way, request, caller)
        _save_attempt(connection, row, question)
        if way.provider != TRANSFER:
            transferred.to_credit(self._core, connection, row.organization_uuid, uuid, now)
        commands.note(connection, caller, key, PAY, asked, uuid, now)
        return question

    def _next_question(self, connection: Connection, row: Any, way: Way, request: PayOrder, caller: Caller) -> Question:
        order = find_orders(connection, _O.uuid == row.order_uuid)[0]
        title, now = f"{order.offering_name}, {order.plan_name}", self._now()
        sent = placing.sent_for(self._core, request, way, order.total, title=title, email=caller.email, now=now)
        attempt = row.attempt + 1
        return placing.question(row.order_uuid, row.organization_uuid, way, order.total, sent, now, attempt)


def _check_payable(row: Any, oldest: Any) -> None:
    """WrongState for an order that is paid, or can be paid no more."""
    state, is_waiting = OrderState(row.order_state), row.state == PaymentState.ACTION_REQUIRED.value
    is_transfer = row.provider == TRANSFER and row.state == PaymentState.PROCESSING.value
    is_closed = state is OrderState.CANCELED and row.error_code in _AGAIN and row.created_at > oldest
    if state is OrderState.PENDING_CONSUMER and is_waiting:
        return
    if (state is OrderState.PENDING_PROVIDER and is_transfer) or is_closed:
        return
    if state is OrderState.PENDING_PROVIDER and row.state == PaymentState.SENT.value:
        raise errors.RequestInProgress
    raise errors.WrongState(state=row.state if state is OrderState.PENDING_PROVIDER else state.value)


def _save_attempt(connection: Connection, row: Any, question: Question) -> None:
    if row.order_state == OrderState.CANCELED.value and (coupon := coupons.from_json(row.request.get("coupon", {}))):
        coupons.take(connection, coupon, row.organization_uuid, row.order_uuid, question.sent_at)
    label = PAID_BY_TRANSFER if question.way.method is PaymentMethod.INVOICE else question.way.label
    agreed = dict(row.request) | {"method": question.way.method.value}
    connection.execute(
        sa.update(_O)
        .where(_O.uuid == row.order_uuid)
        .values(state=OrderState.PENDING_PROVIDER.value, error_code="", paid_with=label, request=agreed)
    )
    values = placing.payment_row(question) | {"attempt": row.attempt + 1, "leased_until": question.sent_at + LEASE}
    connection.execute(sa.update(_P).where(_P.key == row.key).values(values))


def _unpaid_transfer(uuid: str, connection: Connection) -> Charge:
    """An order that was to be paid by transfer is given up. WrongState once something has come in."""
    row = order_sweep.row_of(connection, uuid, lock=True)
    if transferred.received(connection, uuid):
        raise errors.WrongState(state="partly_paid")
    return Charge(row.charge_id, CANCELED, Money(row.amount_micros, row.currency))
