"""Money back for what could not be deployed: exactly its share, once, also when the provider is away."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.contract import Service
from services.api.money import Money
from services.api.types import BillingCycle, Offering, Order, OrderState, QuickCheckout, Resource, ResourceState
from services.db import models as m
from tests.embedded.shop import Crashed, Shop, crash, no_capacity, nothing, story, unreachable

BUNDLES = ("customer-service-suite", "analytics-chat-voice", "back-office-pack", "engineering-pack")


async def buy_bundle(
    shop: Shop, buyer: Service, slug: str = BUNDLES[0], plan: str = "pro", cycle: BillingCycle = BillingCycle.YEARLY
) -> tuple[Offering, Order]:
    bundle = await shop.market.root.get_offering(slug)
    chosen = next(one for one in bundle.plans if one.slug == plan)
    request = QuickCheckout(
        bundle.card.uuid, chosen.uuid, payment_token="tok_visa", billing_cycle=cycle, terms_accepted=True
    )
    placed = await buyer.quick_checkout(request, key=f"{slug}-{plan}-{cycle}")
    return bundle, await buyer.get_order(placed.order_uuid)


async def share_of(shop: Shop, uuid: str) -> Money:
    r = m.ResourceRow
    return Money(await shop.value(sa.select(r.price_micros).where(r.uuid == uuid)))


async def failed_resources(shop: Shop, buyer: Service, *steps: str) -> list[Resource]:
    """Deploys everything, with these steps failing, and returns what failed."""
    shop.agents.script.failing_steps.update(dict.fromkeys(steps, "no_capacity"))
    await shop.market.run_jobs()
    return [resource for resource in await buyer.list_resources() if resource.state is ResourceState.FAILED]


def given_back(shop: Shop) -> Money:
    """What the provider says it has refunded."""
    return shop.provider.refunded()


@story
async def test_the_shares_of_every_bundle_add_up_to_what_was_paid(shop: Shop) -> None:
    for slug in BUNDLES:
        for plan in ("starter", "pro"):
            for cycle in BillingCycle:
                buyer = await shop.market.buyer(f"{slug}-{plan}-{cycle}@example.com")  # who has none of its parts yet
                bundle, order = await buy_bundle(shop, buyer, slug, plan, cycle)
                shares = [await share_of(shop, uuid) for uuid in order.resource_uuids]
                assert len(shares) == len(bundle.items)
                assert sum(shares, Money.zero()) == order.total
                assert all(share == share.rounded() for share in shares)
                assert max(share.minor for share in shares) - min(share.minor for share in shares) <= 1


@story
async def test_a_failed_part_of_a_bundle_brings_back_exactly_its_share_and_the_rest_stays(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    await buy_bundle(shop, buyer)
    shop.agents.before["agent"] = [nothing, no_capacity]  # the second part to get there fails
    await shop.market.run_jobs()
    [failed] = [one for one in await buyer.list_resources() if one.state is ResourceState.FAILED]
    refunded = await buyer.refund_failed(failed.uuid)
    assert refunded.refunded == await share_of(shop, failed.uuid) == given_back(shop)
    assert refunded.state is OrderState.DONE  # what is left of it runs
    with pytest.raises(errors.WrongState):
        await buyer.refund_failed(failed.uuid)
    assert given_back(shop) == refunded.refunded


@story
async def test_when_every_part_failed_all_the_money_comes_back(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    _, order = await buy_bundle(shop, buyer, cycle=BillingCycle.MONTHLY)
    for resource in await failed_resources(shop, buyer, "check"):
        order = await buyer.refund_failed(resource.uuid)
    assert order.refunded == order.total == given_back(shop)
    assert order.state is OrderState.CANCELED
    assert {resource.state for resource in await buyer.list_resources()} == {ResourceState.RETIRED}
    assert (await buyer.get_account()).spent_this_month == Money.zero()


@story
async def test_a_refund_waits_for_the_provider_and_is_done_once(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    _, order = await buy_bundle(shop, buyer)
    [resource, *_] = await failed_resources(shop, buyer, "knowledge")
    shop.provider.before["refund"] = [unreachable, unreachable, unreachable]
    order = await buyer.refund_failed(resource.uuid)
    assert order.refunded == Money.zero()
    for seconds in (0, 19, 1):  # at once, three times, then when nobody waits for that answer any more
        assert given_back(shop) == Money.zero()
        shop.clock.advance(seconds=seconds)
        await shop.market.run_jobs()
    share = await share_of(shop, resource.uuid)
    assert (await buyer.get_order(order.uuid)).refunded == share == given_back(shop)
    shop.clock.advance(days=1)
    await shop.market.run_jobs()
    assert given_back(shop) == share
    assert shop.provider.calls["refund"] == 4


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_crash_during_a_refund_gives_the_money_back_once(where: str, shop: Shop, loop: asyncio.Runner) -> None:
    async def tale() -> None:
        buyer = await shop.market.buyer()
        _, order = await buy_bundle(shop, buyer)
        [resource, *_] = await failed_resources(shop, buyer, "workspace")
        getattr(shop.provider, where)["refund"] = [crash]
        with pytest.raises(Crashed):
            await buyer.refund_failed(resource.uuid)
        await shop.restart(seconds=20)
        await shop.market.run_jobs()
        order = await shop.service.for_actor(buyer.actor).get_order(order.uuid)
        assert order.refunded == await share_of(shop, resource.uuid) == given_back(shop)

    loop.run(tale())


@story
async def test_ten_requests_at_once_give_back_once(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    await buy_bundle(shop, buyer)
    [resource, *_] = await failed_resources(shop, buyer, "workspace")
    answers = await asyncio.gather(*(buyer.refund_failed(resource.uuid) for _ in range(10)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Order"] + ["WrongState"] * 9
    await shop.market.run_jobs()
    assert given_back(shop) == await share_of(shop, resource.uuid)


@story
async def test_nobody_gets_money_for_somebody_elses_failure(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    await buy_bundle(shop, buyer)
    [resource, *_] = await failed_resources(shop, buyer, "workspace")
    stranger = await shop.market.buyer("mallory@example.com", device="elsewhere")
    for attempt in (stranger.refund_failed, stranger.retry_deployment):
        with pytest.raises(errors.NotFound):
            await attempt(resource.uuid)
    assert given_back(shop) == Money.zero()


@story
async def test_a_deployment_that_is_tried_again_is_not_also_paid_back(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    await buy_bundle(shop, buyer)
    [resource, *_] = await failed_resources(shop, buyer, "workspace")
    shop.agents.script.failing_steps.clear()
    await buyer.retry_deployment(resource.uuid)
    with pytest.raises(errors.WrongState):
        await buyer.refund_failed(resource.uuid)
    await shop.market.run_jobs()
    assert (await buyer.get_resource(resource.uuid)).state is ResourceState.READY
