"""What providers tell us is a reason to look, never the truth: in any order, however often, late, forged or odd."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from itertools import permutations

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.contract import Service
from services.api.types import OrderState, PaymentMethod, Placed, Webhook
from services.db import models as m
from services.db import payment_models as pm
from services.embedded import inbox
from services.gateways.payments import ProviderEvent
from tests.contract.market import raises
from tests.embedded.shop import Shop, story, unreachable

E = pm.ProviderEvent
STATES = sa.select(E.state).order_by(E.event_id)


async def paid_on_a_page(shop: Shop, method: PaymentMethod = PaymentMethod.CARD) -> tuple[Service, Placed]:
    """The buyer has paid and nobody here knows."""
    market = await shop.open_pages()
    buyer = await market.buyer()
    order = await market.order(payment_token="", payment_method=method)
    placed = await buyer.quick_checkout(order, key="k")
    await shop.provider.answer(await shop.value(sa.select(m.PaymentRow.charge_id)))
    return buyer, placed


async def events(shop: Shop) -> list[ProviderEvent]:
    return list((await shop.provider.list_events("", since=shop.clock.now())).events)


def webhook(shop: Shop, event: ProviderEvent, late: timedelta = timedelta(0)) -> Webhook:
    body = event.payload.encode()
    return Webhook("test", tuple(shop.provider.sign(body, shop.clock.now() - late).items()), body)


async def state(buyer: Service) -> OrderState:
    [order] = await buyer.list_orders()
    return order.state


@story
async def test_a_webhook_finishes_a_purchase(shop: Shop) -> None:
    buyer, _ = await paid_on_a_page(shop)
    *_, last = await events(shop)
    await shop.service.take_webhook(webhook(shop, last))
    assert await inbox.look(shop.service.core) == 1
    assert (await state(buyer), shop.charges()) == (OrderState.EXECUTING, 1)


@story
async def test_in_every_order_and_twice_it_ends_the_same(shop: Shop) -> None:
    buyer, _ = await paid_on_a_page(shop)
    told = await events(shop)
    assert len(told) == 2
    for order in permutations([*told, *told]):
        for event in order:
            await shop.service.take_webhook(webhook(shop, event))
            await inbox.look(shop.service.core)
    await shop.market.run_jobs()
    assert (await state(buyer), shop.charges()) == (OrderState.DONE, 1)
    assert await shop.rows(STATES) == [("done",), ("done",)]


@story
async def test_the_desktop_asks_for_events_and_goes_on_where_it_was(shop: Shop) -> None:
    buyer, _ = await paid_on_a_page(shop)
    assert await inbox.poll(shop.service.core) == 2
    assert await inbox.poll(shop.service.core) == 0
    assert await inbox.look(shop.service.core) == 2
    assert await state(buyer) is OrderState.EXECUTING
    shop.provider.before["list_events"] = [unreachable]
    assert await inbox.poll(shop.service.core) == 0


@story
async def test_forged_old_future_and_strange_ones_are_refused_and_change_nothing(shop: Shop) -> None:
    buyer, _ = await paid_on_a_page(shop)
    *_, last = await events(shop)
    good = webhook(shop, last)
    for bad in (
        Webhook("test", (), good.body),
        Webhook("test", good.headers, good.body + b" "),
        Webhook("test", (("test-timestamp", "1"), ("test-signature", "00")), good.body),
        webhook(shop, last, timedelta(minutes=6)),
        webhook(shop, last, timedelta(minutes=-6)),
        Webhook("test", (("test-timestamp", "\ud800"), ("test-signature", "x")), b"\xff"),
        Webhook("test", good.headers, b"x" * (inbox.PAYLOAD_MAX + 1)),
    ):
        await raises(errors.EventRejected, shop.service.take_webhook(bad))
    await raises(errors.NotFound, shop.service.take_webhook(Webhook("nobody", good.headers, good.body)))
    await raises(errors.NotFound, shop.service.take_webhook(Webhook("", good.headers, good.body)))
    assert (await state(buyer), await shop.rows(STATES)) == (OrderState.PENDING_CONSUMER, [])


@story
async def test_one_of_another_account_is_kept_and_ignored(shop: Shop) -> None:
    buyer, _ = await paid_on_a_page(shop)
    told = json.dumps({"id": 999, "topic": "payment", "kind": "charge.succeeded", "subject": "ch_other",
                       "charge": "ch_other", "key": "order:of-somebody-else", "reference": "x"})  # fmt: skip
    body = told.encode()
    sent = Webhook("test", tuple(shop.provider.sign(body, shop.clock.now()).items()), body)
    await shop.service.take_webhook(sent)
    await inbox.look(shop.service.core)
    assert (await state(buyer), await shop.rows(STATES)) == (OrderState.PENDING_CONSUMER, [("ignored",)])


@story
async def test_while_the_provider_does_not_answer_an_event_waits(shop: Shop) -> None:
    buyer, _ = await paid_on_a_page(shop)
    await inbox.poll(shop.service.core)
    shop.provider.before["find"] = [unreachable, unreachable]
    assert await inbox.look(shop.service.core) == 0
    assert await inbox.look(shop.service.core) == 0  # not before its time
    shop.clock.advance(seconds=10)
    assert await inbox.look(shop.service.core) == 2
    assert await state(buyer) is OrderState.EXECUTING


async def bug() -> None:
    raise ZeroDivisionError


@story
async def test_an_event_that_meets_a_bug_waits_and_keeps_no_other_from_being_looked_at(shop: Shop) -> None:
    buyer, _ = await paid_on_a_page(shop)
    await inbox.poll(shop.service.core)
    shop.provider.before["find"] = [bug]
    with pytest.raises(ZeroDivisionError):
        await inbox.look(shop.service.core)
    assert await state(buyer) is OrderState.EXECUTING
    assert await inbox.look(shop.service.core) == 0  # not before its time
    shop.clock.advance(seconds=10)
    assert await inbox.look(shop.service.core) == 1


@pytest.mark.logs("inbox_bug")
@story
async def test_a_bug_is_logged_and_does_not_end_the_asking(shop: Shop) -> None:
    shop.provider.before["list_events"] = [bug]
    asking = asyncio.create_task(inbox.run(shop.service.core))
    while shop.provider.before["list_events"]:  # noqa: ASYNC110  the loop must turn until it has met the bug
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not asking.done()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


@story
async def test_a_crash_between_storing_and_looking_loses_nothing(shop: Shop) -> None:
    buyer, _ = await paid_on_a_page(shop)
    *_, last = await events(shop)
    await shop.service.take_webhook(webhook(shop, last))
    await shop.restart()
    await inbox.look(shop.service.core)
    assert await state(shop.service.for_actor(buyer.actor)) is OrderState.EXECUTING


@story
async def test_the_whole_of_what_was_sent_is_kept(shop: Shop) -> None:
    await paid_on_a_page(shop)
    *_, last = await events(shop)
    await shop.service.take_webhook(webhook(shop, last))
    assert await shop.rows(sa.select(E.payload)) == [(last.payload,)]


@story
async def test_a_failed_debit_is_heard_of_at_once(shop: Shop) -> None:
    buyer, placed = await paid_on_a_page(shop, PaymentMethod.BANK)
    await buyer.refresh_order(placed.order_uuid)
    await shop.provider.settle_debit(await shop.value(sa.select(m.PaymentRow.charge_id)), is_paid=False)
    await inbox.poll(shop.service.core)
    await inbox.look(shop.service.core)
    assert await state(buyer) is OrderState.ERRED


@story
async def test_a_flood_of_one_event_is_one_row(shop: Shop) -> None:
    await paid_on_a_page(shop)
    *_, last = await events(shop)
    for _ in range(50):
        await shop.service.take_webhook(webhook(shop, last))
    assert len(await shop.rows(STATES)) == 1
