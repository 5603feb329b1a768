"""What a provider tells is a reason to look: however often, late or forged it comes, it changes only what is so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.api.contract import Service
from services.api.errors import EventRejected, NotFound
from services.api.types import AddMethod, OrderState, PaymentMethod, PaymentState, Placed, TopUp, Webhook
from tests.contract.market import Market, paged_story, raises
from tests.contract.money import STARTER, ZERO, usd


async def paid(market: Market, method: PaymentMethod = PaymentMethod.CARD) -> tuple[Service, Placed]:
    """The buyer has paid on the page, and nobody here knows."""
    buyer = await market.buyer()
    placed = await buyer.quick_checkout(await market.page_order(method), key="order")
    await market.outside.pay(placed.order_uuid)
    return buyer, placed


@paged_story
async def test_a_webhook_finishes_a_purchase_without_anybody_asking(market: Market) -> None:
    buyer, placed = await paid(market)
    await market.guest("").take_webhook(await market.outside.webhook(placed.order_uuid))
    await market.run_jobs()
    assert (await buyer.get_order(placed.order_uuid)).state is OrderState.DONE
    assert await market.outside.charged() == STARTER


@paged_story
async def test_told_again_and_again_it_happens_once(market: Market) -> None:
    buyer, placed = await paid(market)
    event = await market.outside.webhook(placed.order_uuid)
    for _ in range(5):
        await market.root.take_webhook(event)
    await market.run_jobs()
    await market.root.take_webhook(event)
    await market.run_jobs()
    assert (len(await buyer.list_orders()), len(await buyer.list_resources())) == (1, 1)
    assert await market.outside.charged() == STARTER


@paged_story
async def test_credit_and_methods_are_heard_of_too(market: Market) -> None:
    buyer = await market.buyer()
    credit = await buyer.top_up(TopUp(usd("20")), key="top-up")
    page = await buyer.add_payment_method(AddMethod(PaymentMethod.PAYPAL), key="method")
    for uuid in (credit.payment_uuid, page.uuid):
        await market.outside.pay(uuid)
        await market.root.take_webhook(await market.outside.webhook(uuid))
    await market.run_jobs()
    assert (await buyer.get_wallet()).balance == usd("20")
    assert PaymentMethod.PAYPAL in {one.method for one in await buyer.list_payment_methods()}


@paged_story
async def test_a_failed_debit_is_heard_of(market: Market) -> None:
    buyer, placed = await paid(market, PaymentMethod.BANK)
    assert (await buyer.refresh_order(placed.order_uuid)).state is PaymentState.PROCESSING
    await market.outside.settle_debit(placed.order_uuid, is_paid=False)
    await market.root.take_webhook(await market.outside.webhook(placed.order_uuid))
    await market.run_jobs()
    assert (await buyer.get_order(placed.order_uuid)).error_code == "debit_failed"


@paged_story
async def test_forged_old_and_future_ones_are_refused_and_change_nothing(market: Market) -> None:
    buyer, placed = await paid(market)
    good = await market.outside.webhook(placed.order_uuid)
    for bad in (
        replace(good, headers=()),
        replace(good, body=good.body + b" "),
        replace(good, body=b""),
        replace(good, headers=tuple((name, f"{text}0") for name, text in good.headers)),
        await market.outside.webhook(placed.order_uuid, late=timedelta(minutes=6)),
        await market.outside.webhook(placed.order_uuid, late=timedelta(minutes=-6)),
    ):
        await raises(EventRejected, market.root.take_webhook(bad))
    await raises(NotFound, market.root.take_webhook(replace(good, provider="nobody")))
    await market.run_jobs()
    assert (await buyer.get_order(placed.order_uuid)).state is OrderState.PENDING_CONSUMER


@paged_story
async def test_one_that_arrives_within_five_minutes_is_taken(market: Market) -> None:
    buyer, placed = await paid(market)
    late = await market.outside.webhook(placed.order_uuid, late=timedelta(minutes=4))
    await market.root.take_webhook(late)
    await market.run_jobs()
    assert (await buyer.get_order(placed.order_uuid)).state is OrderState.DONE


@paged_story
async def test_a_page_that_is_still_open_stays_open_whatever_is_told(market: Market) -> None:
    buyer = await market.buyer()
    placed = await buyer.quick_checkout(await market.page_order(), key="order")
    await market.root.take_webhook(await market.outside.webhook(placed.order_uuid))
    await market.run_jobs()
    assert (await buyer.refresh_order(placed.order_uuid)).action == placed.action
    assert await market.outside.charged() == ZERO


def test_a_webhook_shows_nothing_of_itself() -> None:
    shown = repr(Webhook("test", (("stripe-signature", "t=1"),), b"card"))
    assert "card" not in shown
    assert "t=1" not in shown
