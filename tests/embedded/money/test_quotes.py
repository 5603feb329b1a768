"""Prices made by hand, below the surface: who may answer, what is agreed, and the invoice that is due later."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.api.contract import Service
from services.api.errors import InvalidInput, NotFound, NotInTestMode, WrongState
from services.api.money import Money, Rate
from services.api.types import (
    BillingCycle,
    ChangeAction,
    InvoiceState,
    Quote,
    QuoteState,
    QuoteTerms,
    RequestQuote,
    SubscriptionState,
)
from services.db import models as m
from services.domain.billing import boundary
from services.domain.ledger import AccountKind
from services.embedded.money.quotes import CALLS_MAX, PRICE_MAX
from services.embedded.service import EmbeddedService
from services.gateways.providers import Providers
from tests.contract.embedded import START
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Shop, WatchedProvider, story


class RealMoney(WatchedProvider):
    """A provider that is no test."""

    @property
    def is_test_mode(self) -> bool:
        return False


GOOD = QuoteTerms(usd("450"), START + timedelta(days=21), included_calls=2, overage=Rate(5_000))


async def asked(shop: Shop, buyer: Service, email: str = "ada@example.com") -> Quote:
    offering = await shop.market.root.get_offering("customer-care")
    plan = next(plan for plan in offering.plans if plan.slug == "enterprise")
    uuid = (await buyer.request_quote(RequestQuote(offering.card.uuid, plan.uuid, email, "200 seats"))).uuid
    return next(quote for quote in await buyer.list_quotes() if quote.uuid == uuid)


async def accepted(shop: Shop, terms: QuoteTerms = GOOD) -> Life:
    life = await Life.begin(shop)
    quote = await asked(shop, life.buyer)
    await life.buyer.offer_quote(quote.uuid, terms)
    life.placed = await life.buyer.accept_quote(quote.uuid, key="accept")
    await shop.service.run_due_jobs()
    return life


@story
async def test_what_was_agreed_is_what_is_charged_and_included(shop: Shop) -> None:
    life = await accepted(shop)
    one = await life.one()
    assert (one.price, one.plan.overage, one.paid_with) == (usd("450"), Rate(5_000), "invoice")
    assert one.resources[0].usage.included == 2
    await life.call(4)  # two of them for $0.005 each
    await life.until(boundary(START, 1) + timedelta(hours=1))
    assert await life.totals() == ["450.00", "450.01"]
    assert shop.provider.calls["charge"] == 0


@story
async def test_a_year_by_quote_costs_ten_months(shop: Shop) -> None:
    life = await accepted(shop, replace(GOOD, cycle=BillingCycle.YEARLY, included_calls=None))
    one = await life.one()
    assert (one.price, one.period_end, one.resources[0].usage.included) == (usd("4500"), boundary(START, 12), None)
    assert await life.totals() == ["4500.00"]


@story
async def test_an_invoice_that_is_not_paid_in_time_suspends_and_paying_it_restores(shop: Shop) -> None:
    life = await accepted(shop, replace(GOOD, net_days=14))
    order = await life.buyer.get_order((await life.one()).order_uuid)
    assert await life.balance(AccountKind.RECEIVABLE) == -usd("450")
    await life.wait(days=14)
    assert (await life.one()).state is SubscriptionState.PAST_DUE
    await life.wait(days=7)
    one = await life.one()
    assert (one.state, one.unpaid_invoice_uuid) == (SubscriptionState.SUSPENDED, order.invoice_uuid)
    await life.buyer.pay_invoice(order.invoice_uuid, "tok_visa", key="pay")
    assert (await life.one()).state is SubscriptionState.ACTIVE
    assert await life.balance(AccountKind.RECEIVABLE) == usd("0")
    await life.check_books()


@story
async def test_a_period_that_ended_during_a_suspension_begins_anew_when_it_is_paid(shop: Shop) -> None:
    life = await accepted(shop, replace(GOOD, net_days=14))
    order = await life.buyer.get_order((await life.one()).order_uuid)
    await life.wait(days=40)
    assert await life.totals() == ["450.00"]  # nothing in advance for what is not served
    await life.buyer.pay_invoice(order.invoice_uuid, "tok_visa", key="pay")
    await life.wait(seconds=1)
    one = await life.one()
    now = START + timedelta(days=40)
    assert (one.state, one.period_start, one.period_end) == (SubscriptionState.ACTIVE, now, boundary(now, 1))
    assert await life.totals() == ["450.00", "450.00"]


@story
async def test_what_was_never_paid_does_not_come_back_as_credit(shop: Shop) -> None:
    life = await accepted(shop)
    await life.wait(days=15)
    done = await life.change(ChangeAction.CANCEL_NOW)
    assert done.subscription.state is SubscriptionState.CANCELED
    assert (await life.buyer.get_wallet()).balance == usd("0")
    assert await life.balance(AccountKind.RECEIVABLE) == -usd("450")  # it is still owed


@story
async def test_payment_within_no_days_is_within_one(shop: Shop) -> None:
    life = await accepted(shop, replace(GOOD, net_days=0))
    order = await life.buyer.get_order((await life.one()).order_uuid)
    invoice = await life.buyer.get_invoice(order.invoice_uuid)
    assert (invoice.state, invoice.due_at) == (InvoiceState.OPEN, START + timedelta(days=1))


@story
async def test_an_offer_expires_at_its_instant_and_says_so(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.buyer.save_card("tok_visa")  # who has an organization is told
    quote = await asked(shop, life.buyer)
    await life.buyer.offer_quote(quote.uuid, GOOD)
    await life.until(GOOD.valid_until - timedelta(microseconds=1))
    assert (await life.buyer.list_quotes())[0].state is QuoteState.OFFERED
    shop.clock.advance(microseconds=1)
    assert (await life.buyer.list_quotes())[0].state is QuoteState.EXPIRED  # also before anybody wrote it down
    await shop.service.run_due(shop.clock.now())
    assert await shop.value(sa.select(m.QuoteRow.state)) == "expired"
    assert [told.kind for told in await life.buyer.list_happenings()] == ["quote_expired"]
    for work in (life.buyer.accept_quote(quote.uuid, key="k"), life.buyer.offer_quote(quote.uuid, GOOD)):
        with pytest.raises(WrongState):
            await work


@story
async def test_a_longer_offer_outlives_the_shorter_one(shop: Shop) -> None:
    life = await Life.begin(shop)
    quote = await asked(shop, life.buyer)
    await life.buyer.offer_quote(quote.uuid, GOOD)
    await life.buyer.offer_quote(quote.uuid, replace(GOOD, valid_until=GOOD.valid_until + timedelta(days=1)))
    await life.until(GOOD.valid_until)
    assert (await life.buyer.list_quotes())[0].state is QuoteState.OFFERED
    await life.wait(days=1)
    assert (await life.buyer.list_quotes())[0].state is QuoteState.EXPIRED


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"monthly_price": usd("0.001")}, {"monthly_price": "not_whole_minor"}),
        ({"net_days": 366}, {"net_days": "out_of_range"}),
        ({"overage": Rate(-1)}, {"overage": "out_of_range"}),
        ({"overage": Rate(10**14, 1)}, {"overage": "out_of_range"}),
        ({"monthly_price": Money(PRICE_MAX + 10_000)}, {"monthly_price": "out_of_range"}),
        ({"monthly_price": Money(10**40)}, {"monthly_price": "out_of_range"}),
        ({"included_calls": CALLS_MAX + 1}, {"included_calls": "out_of_range"}),
        ({"note": "x" * 2001}, {"note": "too_long"}),
        ({"valid_until": GOOD.valid_until.replace(tzinfo=None)}, {"valid_until": "out_of_range"}),
    ],
)
def test_terms_that_cannot_be_are_refused(
    shop: Shop, loop: asyncio.Runner, changes: dict[str, Any], problem: dict[str, str]
) -> None:
    @story
    async def run(shop: Shop) -> None:
        life = await Life.begin(shop)
        quote = await asked(shop, life.buyer)
        with pytest.raises(InvalidInput) as error:
            await life.buyer.offer_quote(quote.uuid, replace(GOOD, **changes))
        assert error.value.fields == problem
        await life.buyer.offer_quote(quote.uuid, replace(GOOD, net_days=365, note="x" * 2000))

    run(shop, loop)


@story
async def test_with_real_money_only_sales_answers(shop: Shop) -> None:
    life, sales = await Life.begin(shop), await Life.begin(shop, "sales@souk.example")
    quote = await asked(shop, life.buyer)
    real = EmbeddedService(replace(shop.service.core, payments=Providers(RealMoney(shop.provider.file))))
    life.buyer, sales.buyer = real.for_actor(life.buyer.actor), real.for_actor(sales.buyer.actor)
    [seen] = await life.buyer.list_quotes()
    assert not seen.can_answer
    with pytest.raises(NotInTestMode):
        await life.buyer.offer_quote(quote.uuid, GOOD)
    with pytest.raises(NotFound):
        await sales.buyer.offer_quote(quote.uuid, GOOD)
    await shop.write(sa.update(m.User).where(m.User.email == "sales@souk.example").values(is_staff=True))
    [seen] = await sales.buyer.list_quotes()
    assert (seen.uuid, seen.can_answer) == (quote.uuid, True)
    assert (await sales.buyer.offer_quote(quote.uuid, GOOD)).state is QuoteState.OFFERED
    life.placed = await life.buyer.accept_quote(quote.uuid, key="accept")
    assert (await life.one()).price == usd("450")
    assert await sales.buyer.list_subscriptions() == ()


@story
async def test_a_quote_asked_for_by_a_guest_belongs_to_the_address(shop: Shop) -> None:
    guest, offering = shop.market.guest("device-7"), await shop.market.root.get_offering("customer-care")
    plan = next(plan for plan in offering.plans if plan.slug == "enterprise")
    await guest.request_quote(RequestQuote(offering.card.uuid, plan.uuid, "Ada@Example.com"))
    life = await Life.begin(shop)
    assert [quote.email for quote in await life.buyer.list_quotes()] == ["ada@example.com"]
