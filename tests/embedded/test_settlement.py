"""Between intent and outcome: wherever a crash or a lost answer falls, one order is charged once or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.contract import Service
from services.api.types import BillingCycle, BillingModel, Order, OrderState, Placed, QuickCheckout, ResourceState
from services.db import models as m
from services.gateways.payments import Lookup
from tests.embedded.shop import Crashed, Shop, crash, reached, story, unreachable
from tests.fakes import Gate

KEY = "order-1"


async def buyer_with_order(shop: Shop, outcome: str = "pays") -> tuple[Service, QuickCheckout]:
    """A new account and what it wants."""
    return await shop.market.buyer(), await shop.market.order(outcome=outcome)


async def crashed_purchase(shop: Shop, where: str) -> tuple[Service, QuickCheckout]:
    """A purchase during which the process died: "before" the provider was asked, or "after" it had charged."""
    buyer, request = await buyer_with_order(shop)
    getattr(shop.provider, where)["charge"] = [crash]
    with pytest.raises(Crashed):
        await buyer.quick_checkout(request, key=KEY)
    return buyer, request


def again(shop: Shop, buyer: Service) -> Service:
    """The same person on the process that runs now."""
    return shop.service.for_actor(buyer.actor)


async def only_order(buyer: Service) -> Order:
    [order] = await buyer.list_orders()
    return order


# ---- crash points


@story
async def test_what_was_never_sent_is_undone_after_the_lease_and_not_before(shop: Shop) -> None:
    buyer, _ = await crashed_purchase(shop, "before")
    await shop.restart(seconds=19.999)
    assert (await only_order(again(shop, buyer))).state is OrderState.PENDING_PROVIDER
    assert shop.provider.calls["find"] == 0
    await shop.restart(seconds=0.001)
    order = await only_order(again(shop, buyer))
    assert (order.state, order.error_code, order.number) == (OrderState.CANCELED, "payment_not_completed", "")
    assert order.resource_uuids == ()
    assert await shop.rows(sa.select(m.PaymentRow.state)) == [("failed",)]


@story
async def test_a_charge_that_was_not_recorded_is_finished_by_the_sweep(shop: Shop) -> None:
    buyer, request = await crashed_purchase(shop, "after")
    await shop.restart(seconds=19.999)
    assert (await only_order(again(shop, buyer))).state is OrderState.PENDING_PROVIDER
    await shop.restart(seconds=0.001)
    buyer = again(shop, buyer)
    order = await only_order(buyer)
    assert (order.state, order.number, shop.charges()) == (OrderState.EXECUTING, "SK-000001", 1)
    placed = await buyer.quick_checkout(request, key=KEY)  # the buyer presses the button again
    assert (placed.order_uuid, placed.resource_uuid) == (order.uuid, order.resource_uuids[0])
    await shop.market.run_jobs()
    assert (await only_order(buyer)).state is OrderState.DONE
    assert shop.charges() == 1


@story
async def test_an_undone_order_is_charged_once_when_the_buyer_asks_again_with_its_key(shop: Shop) -> None:
    buyer, request = await crashed_purchase(shop, "before")
    await shop.restart(seconds=20)
    buyer = again(shop, buyer)
    undone = await only_order(buyer)
    placed = await buyer.quick_checkout(request, key=KEY)
    order = await only_order(buyer)
    assert (placed.order_uuid, order.uuid, order.state) == (undone.uuid, undone.uuid, OrderState.EXECUTING)
    assert (order.error_code, shop.charges()) == ("", 1)


@story
async def test_the_buyer_need_not_wait_for_the_sweep(shop: Shop) -> None:
    for where in ("before", "after"):
        buyer, request = await shop.market.buyer(f"{where}@example.com"), await shop.market.order()
        getattr(shop.provider, where)["charge"] = [crash]
        with pytest.raises(Crashed):
            await buyer.quick_checkout(request, key=KEY)
        await shop.restart()
        await again(shop, buyer).quick_checkout(request, key=KEY)
        assert (await only_order(again(shop, buyer))).state is OrderState.EXECUTING
    assert shop.charges() == 2


@story
async def test_a_second_sweep_finds_nothing_more_to_do(shop: Shop) -> None:
    await crashed_purchase(shop, "after")
    await shop.restart(seconds=20)
    asked = shop.provider.calls["find"]
    shop.clock.advance(days=3)
    await shop.market.run_jobs()
    assert (asked, shop.provider.calls["find"]) == (1, 1)


@story
async def test_a_sweep_without_a_network_leaves_the_order_for_the_next(shop: Shop) -> None:
    buyer, _ = await crashed_purchase(shop, "after")
    shop.clock.advance(seconds=20)
    shop.provider.before["find"] = [unreachable]
    await shop.market.run_jobs()
    assert (await only_order(buyer)).state is OrderState.PENDING_PROVIDER
    await shop.market.run_jobs()
    assert (await only_order(buyer)).state is OrderState.DONE


@story
async def test_what_the_provider_gave_back_itself_is_not_delivered(shop: Shop) -> None:
    buyer, request = await crashed_purchase(shop, "after")
    charge = await shop.provider.find(Lookup(await shop.value(sa.select(m.PaymentRow.key))))
    assert charge is not None
    await shop.provider.refund(charge.id, charge.amount, key="pressed in the provider's own pages")
    await shop.restart(seconds=20)
    order = await only_order(again(shop, buyer))
    assert (order.state, order.resource_uuids, order.paid_at) == (OrderState.ERRED, (), None)
    with pytest.raises(errors.PaymentFailed):
        await again(shop, buyer).quick_checkout(request, key=KEY)


@story
async def test_a_free_order_never_asks_the_provider(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    offering, plan = await shop.market.plan(BillingModel.FREE)
    request = QuickCheckout(offering.card.uuid, plan.uuid, terms_accepted=True)
    placed = await shop.market.buy(buyer, request)
    assert (await buyer.get_resource(placed.resource_uuid)).state is ResourceState.READY
    assert not shop.provider.calls


# ---- a provider slower than the lease


async def late_charge(shop: Shop) -> tuple[Service, QuickCheckout]:
    """The sweep undid the order while the provider was still thinking; then the charge succeeded."""
    buyer, request = await buyer_with_order(shop)
    gate = Gate()
    shop.provider.before["charge"] = [gate.passed]
    buying = asyncio.create_task(buyer.quick_checkout(request, key=KEY))
    await reached(gate)
    shop.clock.advance(seconds=20)
    await shop.market.run_jobs()
    assert (await only_order(buyer)).state is OrderState.CANCELED
    gate.open()
    with pytest.raises(errors.PaymentNotCompleted):
        await buying
    return buyer, request


async def provider_state(shop: Shop) -> str:
    charge = await shop.provider.find(Lookup(await shop.value(sa.select(m.PaymentRow.key).limit(1))))
    assert charge is not None
    return charge.state


@story
async def test_a_charge_that_turns_up_for_a_canceled_order_goes_back(shop: Shop) -> None:
    buyer, _ = await late_charge(shop)
    assert await provider_state(shop) == "succeeded"
    await shop.market.run_jobs()
    assert await provider_state(shop) == "refunded"
    order = await only_order(buyer)
    assert (order.state, order.resource_uuids) == (OrderState.CANCELED, ())


@pytest.mark.parametrize("refund", ["refund done", "refund owed"])
def test_money_on_its_way_back_buys_nothing_more(refund: str, shop: Shop, loop: asyncio.Runner) -> None:
    async def tale() -> None:
        buyer, request = await late_charge(shop)
        if refund == "refund done":
            await shop.market.run_jobs()
        with pytest.raises(errors.PaymentNotCompleted):
            await buyer.quick_checkout(request, key=KEY)
        await shop.market.run_jobs()
        assert (await only_order(buyer)).state is OrderState.CANCELED
        assert await provider_state(shop) == "refunded"
        await shop.market.buy(buyer, request, key="order-2")  # a new attempt is a new order
        assert sorted(order.state for order in await buyer.list_orders()) == [OrderState.CANCELED, OrderState.DONE]

    loop.run(tale())


@story
async def test_the_sweep_does_not_undo_an_order_that_its_buyer_has_taken_up_again(shop: Shop) -> None:
    buyer, request = await crashed_purchase(shop, "before")
    shop.clock.advance(seconds=20)
    found, sent = Gate(), Gate()
    shop.provider.after["find"] = [found.passed]
    shop.provider.before["charge"] = [sent.passed]
    sweeping = asyncio.create_task(shop.service.run_due_jobs())
    await reached(found)
    buying = asyncio.create_task(buyer.quick_checkout(request, key=KEY))
    await reached(sent)
    found.open()  # "no charge", which was true when it was asked
    await sweeping
    assert (await only_order(buyer)).state is OrderState.PENDING_PROVIDER
    sent.open()
    assert isinstance(await buying, Placed)
    assert shop.charges() == 1


# ---- the confirmation page


async def waiting_order(shop: Shop) -> tuple[Service, str]:
    buyer, request = await buyer_with_order(shop, "needs_confirmation")
    placed = await buyer.quick_checkout(request, key=KEY)
    assert placed.action is not None
    return buyer, placed.order_uuid


@story
async def test_a_confirmation_nobody_gives_expires_after_a_day_and_not_before(shop: Shop) -> None:
    buyer, uuid = await waiting_order(shop)
    await shop.restart(hours=23, minutes=59, seconds=59)
    assert (await again(shop, buyer).get_order(uuid)).state is OrderState.PENDING_CONSUMER
    await shop.restart(seconds=1)
    buyer = again(shop, buyer)
    order = await buyer.get_order(uuid)
    assert (order.state, order.error_code) == (OrderState.ERRED, "confirmation_declined")
    with pytest.raises(errors.WrongState):
        await buyer.confirm_order(uuid, approve=True)
    assert shop.charges() == 0


@story
async def test_a_confirmation_given_just_before_a_crash_is_finished(shop: Shop) -> None:
    buyer, uuid = await waiting_order(shop)
    shop.provider.after["confirm"] = [crash]
    with pytest.raises(Crashed):
        await buyer.confirm_order(uuid, approve=True)
    await shop.restart(seconds=20)
    assert (await again(shop, buyer).get_order(uuid)).state is OrderState.EXECUTING
    assert shop.charges() == 1


@story
async def test_while_the_buyer_thinks_the_provider_is_asked_now_and_then_only(shop: Shop) -> None:
    buyer, uuid = await waiting_order(shop)
    for _ in range(10):
        shop.clock.advance(seconds=2)
        await shop.market.run_jobs()
    assert (await buyer.get_order(uuid)).state is OrderState.PENDING_CONSUMER
    assert shop.provider.calls["find"] == 1
    await buyer.confirm_order(uuid, approve=True)
    assert (await buyer.get_order(uuid)).state is OrderState.EXECUTING


@story
async def test_an_answer_that_arrives_after_the_confirmation_changes_nothing(shop: Shop) -> None:
    buyer, request = await buyer_with_order(shop, "needs_confirmation")
    gate = Gate()
    shop.provider.after["charge"] = [gate.passed]
    slow = asyncio.create_task(buyer.quick_checkout(request, key=KEY))
    await reached(gate)
    quick = await buyer.quick_checkout(request, key=KEY)
    confirmed = await buyer.confirm_order(quick.order_uuid, approve=True)
    gate.open()
    assert await slow == confirmed
    assert await shop.rows(sa.select(m.PaymentRow.state)) == [("succeeded",)]


# ---- one key


@story
async def test_fifty_calls_at_once_with_one_key_are_one_charge_and_one_answer(shop: Shop) -> None:
    buyer, request = await buyer_with_order(shop)
    answers = await asyncio.gather(*(buyer.quick_checkout(request, key=KEY) for _ in range(50)))
    assert len(set(answers)) == 1
    assert shop.charges() == len(await buyer.list_orders()) == 1
    assert await shop.value(sa.select(sa.func.count()).select_from(m.ResourceRow)) == 1


@story
async def test_two_processes_on_one_file_and_one_key_are_one_charge(shop: Shop) -> None:
    buyer, request = await buyer_with_order(shop)
    other = (await shop.another()).root.for_actor(buyer.actor)
    answers = await asyncio.gather(
        *(each.quick_checkout(request, key=KEY) for _ in range(10) for each in (buyer, other))
    )
    assert len(set(answers)) == 1
    assert shop.charges() == len(await other.list_orders()) == 1


@story
async def test_orders_at_once_get_numbers_without_gap_or_repeat(shop: Shop) -> None:
    buyer, request = await buyer_with_order(shop)
    other = (await shop.another()).root.for_actor(buyer.actor)
    await asyncio.gather(
        *(each.quick_checkout(request, key=f"{n}-{each is other}") for n in range(6) for each in (buyer, other))
    )
    orders = await buyer.list_orders()
    assert sorted(order.number for order in orders) == [f"SK-{number:06d}" for number in range(1, 13)]
    assert len({order.organization_uuid for order in orders}) == 1  # made by whichever came first


@story
async def test_a_refused_order_takes_no_number(shop: Shop) -> None:
    buyer, declined = await buyer_with_order(shop, "declined")
    with pytest.raises(errors.CardDeclined):
        await buyer.quick_checkout(declined, key="declined")
    placed = await buyer.quick_checkout(await shop.market.order(), key="good")
    assert (await buyer.get_order(placed.order_uuid)).number == "SK-000001"


@story
async def test_a_key_means_one_content_also_after_a_restart(shop: Shop) -> None:
    buyer, request = await buyer_with_order(shop)
    await buyer.quick_checkout(request, key=KEY)
    await shop.restart()
    others = (
        replace(request, project_name="Other"),
        replace(request, organization_name="Other"),
        replace(request, payment_token="tok_mastercard"),
        replace(request, billing_cycle=BillingCycle.YEARLY),
    )
    for other in others:
        with pytest.raises(errors.KeyReused):
            await again(shop, buyer).quick_checkout(other, key=KEY)
    assert shop.charges() == 1


# ---- a full disk


@story
async def test_a_disk_that_fills_after_the_charge_loses_nothing(shop: Shop) -> None:
    buyer, request = await buyer_with_order(shop)
    await shop.write(sa.text("CREATE TABLE ballast (content)"))
    await shop.write(
        sa.text(
            "CREATE TRIGGER full BEFORE INSERT ON resources BEGIN INSERT INTO ballast VALUES (zeroblob(1000000)); END"
        )
    )
    pages = await shop.value(sa.text("PRAGMA page_count"))
    await shop.write(sa.text(f"PRAGMA max_page_count = {pages + 20}"))
    with pytest.raises(errors.DiskFull):
        await buyer.quick_checkout(request, key=KEY)
    assert (await only_order(buyer)).state is OrderState.PENDING_PROVIDER
    await shop.write(sa.text("DROP TRIGGER full"))
    placed = await shop.market.buy(buyer, request, key=KEY)
    assert (await buyer.get_order(placed.order_uuid)).state is OrderState.DONE
    assert shop.charges() == 1
