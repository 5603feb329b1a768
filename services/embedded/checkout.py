"""The checkout area: summary, cards, and the purchase in three steps (TRUST, 0.3).

intent saved -> provider asked with a key made from the order -> outcome recorded. No transaction is open while the
provider is asked; a crash between two steps is settled by the sweep, a repeat with the same key by the stored order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
from services.embedded import asking, order_sweep, placing, settlement, ways
from services.embedded.asking import Question
from services.embedded.core import KEY_MAX, Caller
from services.embedded.identity import organizations_of
from services.embedded.money import grants, kept_methods, method_views, transferred
from services.embedded.money.alerts import CURRENCY
from services.embedded.money.committing import NOTHING_CHARGED
from services.embedded.money.outcomes import ON_ITS_PAGE
from services.embedded.money.reservations import retrying
from services.embedded.orders import find_orders
from services.embedded.paying import EmbeddedPaying
from services.embedded.settlement import Outcome
from services.embedded.ways import TRANSFER
from services.gateways.payments import Charge, ProviderRefused, ProviderUnreachable

_MESSAGE_MAX = 4_000

_KNOWN = sa.select(m.IdempotencyKey.request_hash, m.IdempotencyKey.order_uuid).where(
    m.IdempotencyKey.scope == sa.bindparam("scope"), m.IdempotencyKey.key == sa.bindparam("key")
)


class EmbeddedCheckout(EmbeddedPaying):
    async def summarize(self, request: QuickCheckout) -> OrderSummary:
        return await self._core.db.read(lambda connection: self._summary(connection, request))

    def _summary(self, connection: Connection, request: QuickCheckout) -> OrderSummary:
        goods = placing.choose(connection, request)
        organization_uuid = ""
        if self._actor.session:
            organization_uuid = placing.organization_for(connection, self._caller(connection), request)
        return placing.price(connection, goods, request, organization_uuid, self._now()).summary

    async def get_payment_options(self) -> PaymentOptions:
        core, providers = self._core, self._core.payments
        on_pages = tuple(method for method in providers.methods if method is not PaymentMethod.CARD)
        methods: tuple[PaymentMethod, ...] = (PaymentMethod.CARD, *on_pages)
        if core.bank_account:
            methods = (*methods, PaymentMethod.INVOICE)
        options = PaymentOptions(
            providers.is_test_mode, methods, (), providers.test_cards, page_hosts=providers.page_hosts,
            undo_seconds=int(core.undo_window.total_seconds()),
        )  # fmt: skip
        if not self._actor.session:
            return options
        saved, has_agreed, balance = await core.db.read(self._remembered)
        if not balance.is_zero:
            methods = (*methods, PaymentMethod.WALLET)
        return replace(
            options, methods=methods, saved_methods=saved, has_accepted_terms=has_agreed, wallet_balance=balance
        )

    def _remembered(self, connection: Connection) -> tuple[tuple[SavedMethod, ...], bool, Money]:
        """What the caller can pay with again, whether an earlier order was paid (its terms were accepted), and the
        wallet's balance."""
        o, caller = m.OrderRow, self._caller(connection)
        paid = sa.select(o.uuid).where(o.user_uuid == caller.uuid, o.paid_at.is_not(None)).limit(1)
        organization_uuid = placing.organization_for(connection, caller, QuickCheckout("", ""))
        balance = grants.balance(connection, organization_uuid, CURRENCY, self._now())
        saved = method_views.of_organizations(
            connection, [one.uuid for one in organizations_of(connection, caller)], self._now()
        )
        return saved, connection.execute(paid).first() is not None, balance

    async def save_card(self, token: str) -> SavedMethod:
        return await self._core.db.run(lambda connection: self._save_card(connection, token))

    def _save_card(self, connection: Connection, token: str) -> SavedMethod:
        caller, now = self._caller(connection), self._now()
        way = ways.of_test_card(self._core, token)
        facts = None if way is None else kept_methods.facts_of(self._core, way, NOTHING_CHARGED)
        if way is None or facts is None:
            raise errors.InvalidInput(fields={"payment_token": "unknown"})
        portable.one_at_a_time(connection, caller.owner)
        uuid = placing.some_organization(self._core, connection, caller, now)
        ours = kept_methods.keep(self._core, connection, uuid, way.provider, facts, now)
        return next(one for one in method_views.of_organization(connection, uuid, now) if one.token == ours)

    async def quick_checkout(self, request: QuickCheckout, *, key: str) -> Placed:
        if not 0 < len(key) <= KEY_MAX:
            raise errors.InvalidInput(fields={"idempotency_key": "out_of_range"})
        opened = await retrying(self._core, lambda connection: self._open(connection, request, key))
        if isinstance(opened, Question):
            return await self._ask(opened)
        return self._told(opened)

    def _open(self, connection: Connection, request: QuickCheckout, key: str) -> Question | Outcome:
        caller = self._caller(connection)
        portable.one_at_a_time(connection, caller.owner)
        known = connection.execute(_KNOWN, {"scope": caller.uuid, "key": key}).one_or_none()
        if known is None:
            return self._open_new(connection, caller, request, key)
        if known.request_hash != placing.request_hash(request):
            raise errors.KeyReused(key=key)
        question = order_sweep.resume(connection, known.order_uuid, self._now())
        return question or settlement.outcome(self._core, connection, known.order_uuid)

    def _open_new(self, connection: Connection, caller: Caller, request: QuickCheckout, key: str) -> Question | Outcome:
        question = placing.open_order(self._core, connection, caller, request, key)
        if question.way.provider == TRANSFER and not question.amount.is_zero:
            answer = transferred.promised(question.reference, question.amount)
        elif question.way.provider in ("", TRANSFER):  # nothing to ask a provider: one transaction does all
            answer = Charge("", "succeeded", question.amount)
        else:
            return question
        return settlement.record_charge(self._core, connection, question.reference, answer)

    async def confirm_order(self, uuid: str, *, approve: bool) -> Placed:
        # `run`, though it only looks: nobody may be charged while the outcome cannot be written down
        row = await self._core.db.run(lambda connection: self._waiting(connection, uuid))
        try:
            answer = await asking.reachable(self._core, row.provider).confirm(row.charge_id, approve=approve)
        except ProviderUnreachable as error:
            raise errors.PaymentUnknown(order_uuid=uuid) from error
        except ProviderRefused as refused:
            raise errors.WrongState(state=ON_ITS_PAGE) from refused
        return self._told(await self._record(placing.kept_question(row), lambda _connection: answer))

    def _waiting(self, connection: Connection, uuid: str) -> Any:  # Any: a row of order_sweep
        order = self._order(connection, uuid)
        if order.state is not OrderState.PENDING_CONSUMER:
            raise errors.WrongState(state=order.state.value)
        return order_sweep.row_of(connection, uuid)

    async def get_order(self, uuid: str) -> Order:
        return await self._core.db.read(lambda connection: self._order(connection, uuid))

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
