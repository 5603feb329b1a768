"""The part of FakeService that has prices made by hand."""

from __future__ import annotations

from dataclasses import replace

from services.api.errors import InvalidInput, NotFound, WrongState
from services.api.money import Money
from services.api.types import (
    BillingCycle,
    BillingModel,
    Placed,
    Quote,
    QuoteRequested,
    QuoteState,
    QuoteTerms,
    RequestQuote,
)
from services.domain import identity
from services.domain.catalogue import yearly_price
from tests.fake_books import ZERO
from tests.fake_money import refuse
from tests.fake_paying import FakePaying
from tests.fake_worth import price_of

PRICE_OVER, CALLS_MAX = Money.parse("10000000.01"), 1_000_000_000


class FakeQuotes(FakePaying):
    """Asked by anybody, offered by anybody concerned (test mode), accepted by who asked."""

    async def request_quote(self, request: RequestQuote) -> QuoteRequested:
        await self._enter("request_quote")
        if problem := identity.email_problem(request.email):
            raise InvalidInput(fields={"email": problem})
        offering, plan = self._plan(request.offering_uuid, request.plan_uuid)
        if plan.billing_model is not BillingModel.QUOTE:
            raise InvalidInput(fields={"plan_uuid": "not_available"})
        self.world.quotes.append(request)
        uuid, now = self.world.ids.uuid(), self.world.clock.now()
        quote = Quote(
            uuid,
            QuoteState.REQUESTED,
            offering.card.uuid,
            offering.card.name,
            plan.uuid,
            plan.name,
            request.email,
            request.message,
            now,
            None,
            None,
            "",
            can_answer=True,
        )
        self.world.offers[uuid] = (self._owner, quote)
        return QuoteRequested(uuid, now)

    async def list_quotes(self) -> tuple[Quote, ...]:
        await self._enter("list_quotes")
        user = self._user()
        return tuple(
            self._current(quote)
            for owner, quote in reversed(self.world.offers.values())
            if owner == user.uuid or identity.normalize_email(quote.email) == user.email
        )

    def _current(self, quote: Quote) -> Quote:
        over = quote.terms is not None and quote.terms.valid_until <= self.world.clock.now()
        return replace(quote, state=QuoteState.EXPIRED) if quote.state is QuoteState.OFFERED and over else quote

    def _own_quote(self, uuid: str) -> tuple[str, Quote]:
        user = self._user()
        owner, quote = self.world.offers.get(uuid, ("", None))
        if quote is None or (owner != user.uuid and identity.normalize_email(quote.email) != user.email):
            raise NotFound
        return owner, self._current(quote)

    async def offer_quote(self, uuid: str, terms: QuoteTerms) -> Quote:
        await self._enter("offer_quote")
        owner, quote = self._own_quote(uuid)
        if quote.state not in (QuoteState.REQUESTED, QuoteState.OFFERED):
            raise WrongState(state=quote.state.value)
        refuse(
            {
                "monthly_price": "" if ZERO < terms.monthly_price < PRICE_OVER else "out_of_range",
                "valid_until": "in_past" if terms.valid_until <= self.world.clock.now() else "",
                "net_days": "" if 0 <= terms.net_days <= 365 else "out_of_range",
                "included_calls": "" if 0 <= (terms.included_calls or 0) <= CALLS_MAX else "out_of_range",
            }
        )
        monthly = terms.monthly_price
        price = (yearly_price(monthly) or monthly) if terms.cycle is BillingCycle.YEARLY else monthly
        quote = replace(quote, state=QuoteState.OFFERED, terms=terms, price=price)
        self.world.offers[uuid] = (owner, quote)
        return quote

    async def accept_quote(self, uuid: str, *, key: str) -> Placed:
        await self._enter("accept_quote")
        owner, quote = self._own_quote(uuid)
        attempt = self._attempt(self._owner, "quote", key, uuid)
        if isinstance(attempt.answer, Placed):
            return attempt.answer
        terms = quote.terms
        if quote.state is not QuoteState.OFFERED or terms is None:
            raise WrongState(state=quote.state.value)
        offering, plan = self._plan(quote.offering_uuid, quote.plan_uuid)
        plan = replace(
            plan,
            monthly_price=terms.monthly_price,
            yearly_price=yearly_price(terms.monthly_price),
            included_calls=terms.included_calls,
            overage=terms.overage,
        )
        assert quote.price == price_of(plan, terms.cycle)
        order = self._quoted_order(offering, plan, terms.cycle)
        self.world.offers[uuid] = (owner, replace(quote, state=QuoteState.ACCEPTED, order_uuid=order.uuid))
        attempt.answer = self._settle(order.uuid, plan=plan, net_days=max(1, terms.net_days))
        return attempt.answer

    async def decline_quote(self, uuid: str) -> Quote:
        await self._enter("decline_quote")
        owner, quote = self._own_quote(uuid)
        if quote.state not in (QuoteState.REQUESTED, QuoteState.OFFERED):
            raise WrongState(state=quote.state.value)
        quote = replace(quote, state=QuoteState.DECLINED)
        self.world.offers[uuid] = (owner, quote)
        return quote
