"""The checkout area: summary, cards, and the purchase in three steps (TRUST, 0.3).

intent saved -> provider asked with a key made from the order -> outcome recorded. No transaction is open while the
provider is asked; a crash between two steps is settled by the sweep, a repeat with the same key by the stored order.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money
from services.api.types import (
    BillingModel,
    Order,
    OrderState,
    OrderSummary,
    PaymentMethod,
    PaymentOptions,
    Placed,
    QuickCheckout,
    QuoteRequested,
    RequestQuote,
    SavedMethod,
)
from services.db import models as m
from services.db import portable
from services.domain import identity as identity_rules
from services.embedded import placing, settlement
from services.embedded.core import KEY_MAX, Area, Caller
from services.embedded.identity import organizations_of
from services.embedded.money import grants
from services.embedded.money.alerts import CURRENCY
from services.embedded.money.reservations import retrying
from services.embedded.orders import find_orders
from services.gateways.payments import Charge, ProviderUnreachable

_MESSAGE_MAX = 4_000

_KNOWN = sa.select(m.IdempotencyKey.request_hash, m.IdempotencyKey.order_uuid).where(
    m.IdempotencyKey.scope == sa.bindparam("scope"), m.IdempotencyKey.key == sa.bindparam("key")
)


class EmbeddedCheckout(Area):
    async def summarize(self, request: QuickCheckout) -> OrderSummary:
        return await self._core.db.read(lambda connection: self._summary(connection, request))

    def _summary(self, connection: Connection, request: QuickCheckout) -> OrderSummary:
        goods = placing.choose(connection, request)
        organization_uuid = ""
        if self._actor.session:
            organization_uuid = placing.organization_for(connection, self._caller(connection), request)
        return placing.price(connection, goods, request, organization_uuid, self._now()).summary

    async def get_payment_options(self) -> PaymentOptions:
        payments, cards = self._core.payments, (PaymentMethod.CARD,)
        if not self._actor.session:
            return PaymentOptions(payments.is_test_mode, cards, (), payments.test_cards)
        saved, has_agreed, balance = await self._core.db.read(self._remembered)
        methods = cards if balance.is_zero else (*cards, PaymentMethod.WALLET)
        return PaymentOptions(payments.is_test_mode, methods, saved, payments.test_cards, has_agreed, balance)

    def _remembered(self, connection: Connection) -> tuple[tuple[SavedMethod, ...], bool, Money]:
        """The caller's cards, whether an earlier order was paid (its terms were accepted), and the wallet's balance."""
        o = m.OrderRow
        paid = sa.select(o.uuid).where(o.user_uuid == self._caller(connection).uuid, o.paid_at.is_not(None)).limit(1)
        organization_uuid = placing.organization_for(connection, self._caller(connection), QuickCheckout("", ""))
        balance = grants.balance(connection, organization_uuid, CURRENCY, self._now())
        return self._saved_cards(connection), connection.execute(paid).first() is not None, balance

    def _saved_cards(self, connection: Connection) -> tuple[SavedMethod, ...]:
        caller, c = self._caller(connection), m.PaymentCard
        rows = connection.execute(
            sa.select(c.token, c.brand, c.last4, c.exp_month, c.exp_year, c.is_default)
            .join(m.Membership, m.Membership.organization_uuid == c.organization_uuid)
            .where(m.Membership.user_uuid == caller.uuid)
            .order_by(c.is_default.desc(), c.created_at)
        )
        return tuple(SavedMethod(*row) for row in rows)

    async def save_card(self, token: str) -> SavedMethod:
        return await self._core.db.run(lambda connection: self._save_card(connection, token))

    def _save_card(self, connection: Connection, token: str) -> SavedMethod:
        caller = self._caller(connection)
        if self._core.payments.describe(token) is None:
            raise errors.InvalidInput(fields={"payment_token": "unknown"})
        portable.one_at_a_time(connection, caller.owner)
        existing = organizations_of(connection, caller)
        name = identity_rules.auto_names(caller.full_name or caller.email).organization_name
        organization_uuid = (
            existing[0].uuid
            if existing
            else placing.create_organization(self._core, connection, caller, name, self._now())[0]
        )
        ours = settlement.keep_card(self._core, connection, organization_uuid, token, self._now())
        return next(card for card in self._saved_cards(connection) if card.token == ours)

    async def quick_checkout(self, request: QuickCheckout, *, key: str) -> Placed:
        if not 0 < len(key) <= KEY_MAX:
            raise errors.InvalidInput(fields={"idempotency_key": "out_of_range"})
        opened = await retrying(self._core, lambda connection: self._open(connection, request, key))
        if isinstance(opened, placing.Intent):
            return await self._charge(opened)
        self._core.wake.set()
        return _told(opened)

    def _open(
        self, connection: Connection, request: QuickCheckout, key: str
    ) -> placing.Intent | Placed | errors.ServiceError:
        caller = self._caller(connection)
        portable.one_at_a_time(connection, caller.owner)
        known = connection.execute(_KNOWN, {"scope": caller.uuid, "key": key}).one_or_none()
        if known is None:
            return self._open_new(connection, caller, request, key)
        if known.request_hash != placing.request_hash(request):
            raise errors.KeyReused(key=key)
        intent = settlement.resume(connection, known.order_uuid, self._now())
        return intent or settlement.outcome(connection, known.order_uuid)

    def _open_new(
        self, connection: Connection, caller: Caller, request: QuickCheckout, key: str
    ) -> placing.Intent | Placed | errors.ServiceError:
        intent = placing.open_order(self._core, connection, caller, request, key)
        if intent.token:
            return intent
        free = Charge("", "succeeded", intent.amount)  # nothing to ask a provider: one transaction does all
        return settlement.record_charge(self._core, connection, intent.order_uuid, free)

    async def _charge(self, intent: placing.Intent) -> Placed:
        answer = await settlement.charge(self._core, intent)
        if answer is None:
            raise errors.PaymentUnknown(order_uuid=intent.order_uuid)
        told = await self._core.db.run(
            lambda connection: settlement.record_charge(self._core, connection, intent.order_uuid, answer)
        )
        self._core.wake.set()
        return _told(told)

    async def confirm_order(self, uuid: str, *, approve: bool) -> Placed:
        # `run`, though it only looks: nobody may be charged while the outcome cannot be written down
        charge_id = await self._core.db.run(lambda connection: self._waiting_charge(connection, uuid))
        try:
            answer = await self._core.payments.confirm(charge_id, approve=approve)
        except ProviderUnreachable as error:
            raise errors.PaymentUnknown(order_uuid=uuid) from error
        told = await self._core.db.run(
            lambda connection: settlement.record_charge(self._core, connection, uuid, answer)
        )
        self._core.wake.set()
        return _told(told)

    def _waiting_charge(self, connection: Connection, uuid: str) -> str:
        order = self._own_order(connection, uuid)
        if order.state is not OrderState.PENDING_CONSUMER:
            raise errors.WrongState(state=order.state.value)
        return connection.execute(sa.select(m.PaymentRow.charge_id).where(m.PaymentRow.order_uuid == uuid)).scalar_one()

    def _own_order(self, connection: Connection, uuid: str) -> Order:
        found = find_orders(connection, m.OrderRow.uuid == uuid)
        if not found:
            raise errors.NotFound(what="order")
        self._authorize(connection, found[0].organization_uuid)
        return found[0]

    async def get_order(self, uuid: str) -> Order:
        return await self._core.db.read(lambda connection: self._own_order(connection, uuid))

    async def list_orders(self) -> tuple[Order, ...]:
        return await self._core.db.read(
            lambda connection: tuple(find_orders(connection, m.OrderRow.user_uuid == self._caller(connection).uuid))
        )

    async def request_quote(self, request: RequestQuote) -> QuoteRequested:
        if problem := identity_rules.email_problem(request.email):
            raise errors.InvalidInput(fields={"email": problem})
        if len(request.message) > _MESSAGE_MAX:
            raise errors.InvalidInput(fields={"message": "too_long"})
        return await self._core.db.run(lambda connection: self._request_quote(connection, request))

    def _request_quote(self, connection: Connection, request: RequestQuote) -> QuoteRequested:
        now = self._now()
        goods = placing.choose(connection, QuickCheckout(request.offering_uuid, request.plan_uuid))
        if goods.plan.billing_model is not BillingModel.QUOTE:
            raise errors.InvalidInput(fields={"plan_uuid": "not_available"})
        uuid = self._core.ids.uuid()
        connection.execute(
            sa.insert(m.QuoteRow),
            {"uuid": uuid, "owner": self._owner(connection), "offering_id": goods.offering_id,
             "plan_uuid": goods.plan.uuid, "email": identity_rules.normalize_email(request.email),
             "message": request.message.strip(), "created_at": now},
        )  # fmt: skip
        return QuoteRequested(uuid, now)


def _told(answer: Placed | errors.ServiceError) -> Placed:
    """The stored outcome, returned or raised after its transaction is committed."""
    if isinstance(answer, errors.ServiceError):
        raise answer
    return answer
