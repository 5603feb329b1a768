"""Prices made by hand: asked for, offered, accepted into an order with its invoice, or not."""

from __future__ import annotations

from datetime import timedelta

from services.api.errors import InvalidInput, NotFound, NotSignedIn, WrongState
from services.api.types import (
    BillingCycle,
    InvoiceQuery,
    InvoiceState,
    MoveTime,
    PaymentMethod,
    QuoteState,
    QuoteTerms,
    ResourceState,
    SubscriptionState,
    TimeStep,
)
from tests.contract.market import Market, raises, story
from tests.contract.money import UNKNOWN, ZERO, asked, can_move_time, offered, usd


@story
async def test_a_quote_waits_for_its_price(market: Market) -> None:
    buyer = await market.buyer()
    first, second = await asked(market, buyer), await asked(market, buyer)
    assert (first.state, first.terms, first.price, first.order_uuid) == (QuoteState.REQUESTED, None, None, "")
    assert (first.message, first.plan_name, first.can_answer) == ("200 seats", "Enterprise", True)
    assert [quote.uuid for quote in await buyer.list_quotes()] == [second.uuid, first.uuid]
    await raises(WrongState, buyer.accept_quote(first.uuid, key="too early"))
    assert await buyer.list_orders() == ()


@story
async def test_an_offer_says_the_price_of_a_cycle(market: Market) -> None:
    buyer = await market.buyer()
    monthly = await offered(market, buyer, "450")
    assert (monthly.state, monthly.price) == (QuoteState.OFFERED, usd("450"))
    assert monthly.terms is not None
    assert (monthly.terms.net_days, monthly.terms.included_calls) == (30, None)
    yearly = await offered(market, buyer, "450", cycle=BillingCycle.YEARLY)
    assert yearly.price == usd("4500")
    again = await buyer.offer_quote(monthly.uuid, QuoteTerms(usd("400"), monthly.terms.valid_until))
    assert again.price == usd("400")


@story
async def test_terms_that_make_no_sense_are_refused_by_field(market: Market) -> None:
    buyer = await market.buyer()
    quote, now = await asked(market, buyer), (await buyer.get_timeline()).now
    later = now + timedelta(days=1)
    wrong = (
        (QuoteTerms(ZERO, later), "monthly_price"),
        (QuoteTerms(usd("-1"), later), "monthly_price"),
        (QuoteTerms(usd("450"), now), "valid_until"),
        (QuoteTerms(usd("450"), later, net_days=-1), "net_days"),
        (QuoteTerms(usd("450"), later, included_calls=-1), "included_calls"),
    )
    for terms, field in wrong:
        error = await raises(InvalidInput, buyer.offer_quote(quote.uuid, terms))
        assert set(error.fields) == {field}
    assert (await buyer.list_quotes())[0].state is QuoteState.REQUESTED


@story
async def test_an_accepted_quote_is_an_order_that_runs_with_an_open_invoice(market: Market) -> None:
    buyer = await market.buyer()
    quote = await offered(market, buyer, "450", included_calls=50_000)
    placed = await buyer.accept_quote(quote.uuid, key="accept")
    await market.run_jobs()
    assert await buyer.accept_quote(quote.uuid, key="accept") == placed
    await raises(WrongState, buyer.accept_quote(quote.uuid, key="twice"))
    order = await buyer.get_order(placed.order_uuid)
    assert (order.total, order.paid_at, order.plan_name) == (usd("450"), None, "Enterprise")
    resource = await buyer.get_resource(placed.resource_uuid)
    assert (resource.state, resource.usage.included) == (ResourceState.READY, 50_000)
    one = (await buyer.list_subscriptions())[0]
    assert (one.price, one.payment_method, one.state) == (usd("450"), PaymentMethod.INVOICE, SubscriptionState.ACTIVE)
    invoice = (await buyer.list_invoices(InvoiceQuery(state=InvoiceState.OPEN))).items[0]
    assert (invoice.total, invoice.due) == (usd("450"), usd("450"))
    assert invoice.issued_at is not None
    assert invoice.due_at == invoice.issued_at + timedelta(days=30)
    accepted = (await buyer.list_quotes())[0]
    assert (accepted.state, accepted.order_uuid) == (QuoteState.ACCEPTED, placed.order_uuid)
    assert len(await buyer.list_orders()) == 1


@story
async def test_a_quote_whose_agent_failed_is_not_due_any_more(market: Market) -> None:
    buyer = await market.buyer()
    market.failing_steps["check"] = "check_failed"
    placed = await buyer.accept_quote((await offered(market, buyer, "450")).uuid, key="accept")
    await market.run_jobs()
    order = await buyer.refund_failed(placed.resource_uuid)
    assert (order.refunded, (await buyer.get_invoice(order.invoice_uuid)).due) == (ZERO, ZERO)
    [subscription] = await buyer.list_subscriptions()
    assert subscription.state is SubscriptionState.CANCELED
    assert (await buyer.get_account()).spent_this_month == ZERO


@story
async def test_a_declined_quote_is_over(market: Market) -> None:
    buyer = await market.buyer()
    quote = await offered(market, buyer)
    assert (await buyer.decline_quote(quote.uuid)).state is QuoteState.DECLINED
    assert quote.terms is not None
    for work in (
        buyer.decline_quote(quote.uuid),
        buyer.accept_quote(quote.uuid, key="k"),
        buyer.offer_quote(quote.uuid, quote.terms),
    ):
        error = await raises(WrongState, work)
        assert error.params["state"] == "declined"


@story
async def test_quotes_of_somebody_else_are_not_found(market: Market) -> None:
    guest, ada = market.guest(), await market.buyer()
    eve = await market.buyer("eve@example.com", device="device-2")
    quote = await offered(market, ada)
    assert quote.terms is not None
    for service, kind in ((eve, NotFound), (guest, NotSignedIn)):
        await raises(kind, service.offer_quote(quote.uuid, quote.terms))
        await raises(kind, service.accept_quote(quote.uuid, key="k"))
        await raises(kind, service.decline_quote(quote.uuid))
    await raises(NotSignedIn, guest.list_quotes())
    await raises(NotFound, ada.decline_quote(UNKNOWN))
    assert await eve.list_quotes() == ()


@story
async def test_an_offer_cannot_be_accepted_after_its_last_day(market: Market) -> None:
    buyer = await market.buyer()
    quote = await offered(market, buyer)
    assert quote.terms is not None
    if not await can_move_time(buyer):
        return
    await buyer.move_time(MoveTime(TimeStep.TO_DATE, quote.terms.valid_until))
    assert (await buyer.list_quotes())[0].state is QuoteState.EXPIRED
    error = await raises(WrongState, buyer.accept_quote(quote.uuid, key="too late"))
    assert error.params["state"] == "expired"
