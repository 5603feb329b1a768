"""A page is closed, or an event of it is looked at, in the instant in which its buyer pays: a hold is never lost."""

from __future__ import annotations

import sqlalchemy as sa

from services.api import errors
from services.api.types import OrderState, PaymentMethod, PaymentState, PayOrder, Placed, SubscriptionState
from services.db import models as m
from services.domain.ledger import AccountKind
from services.embedded import inbox
from tests.contract.market import raises
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Shop, story

ONE_MINUTE = 60
CHARGE = sa.select(m.PaymentRow.charge_id)


async def on_a_page(shop: Shop) -> tuple[Life, Placed]:
    """Somebody who is about to pay $29 on a page, and will have a minute to think it over."""
    await shop.open_pages(undo_s=ONE_MINUTE)
    life = await Life.begin(shop)
    order = await life.order(payment_method=PaymentMethod.CARD, payment_token="")
    return life, await life.buyer.quick_checkout(order, key="k")


async def pay(shop: Shop) -> None:
    await shop.provider.answer(str(await shop.value(CHARGE)), "tok_visa")


def in_the_last_instant(shop: Shop, life: Life, placed: Placed, step: str) -> None:
    """The buyer pays, and another process of ours writes it down, before the provider's next `step`."""

    async def paid() -> None:
        await pay(shop)
        assert (await life.buyer.refresh_order(placed.order_uuid)).state is PaymentState.AUTHORIZED

    shop.provider.before[step] = [paid]


async def is_taken_once(shop: Shop, life: Life) -> None:
    assert shop.provider.held() == usd("29")
    shop.clock.advance(seconds=ONE_MINUTE)
    await shop.market.run_jobs()
    assert (shop.provider.held(), shop.provider.balance()) == (usd("0"), usd("29"))
    assert [one.state for one in await life.buyer.list_subscriptions()] == [SubscriptionState.ACTIVE]
    assert await life.balance(AccountKind.CLEARING) == usd("-29")
    await life.check_books()


@story
async def test_a_purchase_given_up_while_it_is_paid_is_taken_back(shop: Shop) -> None:
    life, placed = await on_a_page(shop)
    in_the_last_instant(shop, life, placed, "cancel")
    assert (await life.buyer.cancel_order(placed.order_uuid)).state is OrderState.CANCELED
    shop.clock.advance(days=1)
    await shop.market.run_jobs()
    assert (shop.provider.held(), shop.provider.balance()) == (usd("0"), usd("0"))
    assert [one.state for one in await life.buyer.list_subscriptions()] == [SubscriptionState.CANCELED]
    for kind in (AccountKind.CLEARING, AccountKind.REFUNDS, AccountKind.RECEIVABLE):
        assert await life.balance(kind) == usd("0")
    await life.check_books()


@story
async def test_the_same_when_nobody_else_has_heard_of_it(shop: Shop) -> None:
    life, placed = await on_a_page(shop)

    async def paid() -> None:
        await pay(shop)

    shop.provider.before["cancel"] = [paid]
    assert (await life.buyer.cancel_order(placed.order_uuid)).state is OrderState.CANCELED
    shop.clock.advance(days=1)
    await shop.market.run_jobs()
    assert (shop.provider.held(), shop.provider.balance()) == (usd("0"), usd("0"))
    await life.check_books()


@story
async def test_another_way_to_pay_taken_while_it_is_paid_is_not_charged(shop: Shop) -> None:
    life, placed = await on_a_page(shop)
    card = await shop.market.card()
    in_the_last_instant(shop, life, placed, "cancel")
    paid = await life.buyer.pay_order(placed.order_uuid, PayOrder(payment_token=card), key="p")
    assert paid.state is PaymentState.AUTHORIZED
    await is_taken_once(shop, life)


@story
async def test_a_page_that_ends_while_it_is_paid_is_paid(shop: Shop) -> None:
    life, placed = await on_a_page(shop)
    shop.clock.advance(days=1)
    in_the_last_instant(shop, life, placed, "confirm")  # how the test provider is told that nobody will come
    await shop.market.run_jobs()
    assert (await life.buyer.get_order(placed.order_uuid)).payment_state is PaymentState.AUTHORIZED
    await is_taken_once(shop, life)


@story
async def test_what_is_heard_late_of_an_earlier_page_says_nothing_of_the_hold_after_it(shop: Shop) -> None:
    life, placed = await on_a_page(shop)
    await shop.provider.expire(str(await shop.value(CHARGE)))
    card = await shop.market.card()

    async def pays_another_way() -> None:
        await raises(errors.PaymentExpired, life.buyer.refresh_order(placed.order_uuid))
        paid = await life.buyer.pay_order(placed.order_uuid, PayOrder(payment_token=card), key="p")
        assert paid.state is PaymentState.AUTHORIZED

    shop.provider.before["find"] = [pays_another_way]
    await inbox.poll(shop.service.core)
    await inbox.look(shop.service.core)
    assert shop.provider.before["find"] == []
    assert (await life.buyer.get_order(placed.order_uuid)).payment_state is PaymentState.AUTHORIZED
    await is_taken_once(shop, life)
