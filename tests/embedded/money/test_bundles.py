"""Bundles on the real service: every kind month by month, what is owned is not charged again, and parts that failed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.api.errors import InvalidInput
from services.api.money import Money
from services.api.types import BillingCycle, ChangeAction, PaymentMethod, ResourceState, SubscriptionState, TopUp
from services.domain.billing import boundary
from services.domain.ledger import AccountKind
from tests.contract.embedded import START
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Shop, no_capacity, nothing, story

SUITE = "customer-service-suite"  # three agents, 18 % off


@pytest.mark.parametrize(
    ("bundle", "plan", "cycle", "totals"),
    [
        (SUITE, "starter", BillingCycle.MONTHLY, ["71.34", "71.34"]),  # 3 x 29.00 = 87.00
        (SUITE, "pro", BillingCycle.MONTHLY, ["243.54", "243.54"]),  # 3 x 99.00 = 297.00
        (SUITE, "pro", BillingCycle.YEARLY, ["2435.40"]),
    ],
)
def test_a_bundle_renews_at_its_price(
    shop: Shop, loop: asyncio.Runner, bundle: str, plan: str, cycle: BillingCycle, totals: list[str]
) -> None:
    @story
    async def run(shop: Shop) -> None:
        life = await Life.begin(shop)
        one = await life.subscribe(plan, bundle, billing_cycle=cycle)
        assert len(one.resources) == 3
        await life.until(boundary(START, 1))
        assert await life.totals() == totals
        await life.check_books()

    run(shop, loop)


@pytest.mark.parametrize("bundle", [SUITE, "analytics-chat-voice", "back-office-pack", "engineering-pack"])
def test_every_bundle_of_the_catalogue_charges_what_its_card_says(
    shop: Shop, loop: asyncio.Runner, bundle: str
) -> None:
    @story
    async def run(shop: Shop) -> None:
        life = await Life.begin(shop)
        offering = await shop.market.root.get_offering(bundle)
        one = await life.subscribe("pro", bundle)
        price = usd("99") * len(offering.items)
        price = price.share(100 - offering.discount_percent, 100)
        assert (one.price, one.next_charge) == (price, price)
        assert {resource.name for resource in one.resources} == {item.name for item in offering.items}
        assert all(resource.usage.included == 10_000 for resource in one.resources)

    run(shop, loop)


@story
async def test_a_completed_bundle_costs_its_missing_parts_month_after_month(shop: Shop) -> None:
    life = await Life.begin(shop)
    suite = await shop.market.root.get_offering(SUITE)
    await life.subscribe("starter", suite.items[0].slug)
    one = await life.subscribe("starter", SUITE)
    assert (one.price, len(one.resources)) == (usd("47.56"), 2)  # 58.00 less 18 %
    await life.until(boundary(START, 1))
    assert await life.totals() == ["29.00", "47.56", "29.00", "47.56"]
    with pytest.raises(InvalidInput) as error:
        await life.subscribe("starter", SUITE)
    assert error.value.fields == {"offering_uuid": "already_used"}


@story
async def test_an_upgrade_of_a_completed_bundle_is_priced_for_its_own_parts(shop: Shop) -> None:
    life = await Life.begin(shop)
    suite = await shop.market.root.get_offering(SUITE)
    await life.subscribe("starter", suite.items[0].slug)
    await life.subscribe("starter", SUITE)
    done = await life.to_plan("pro")  # 198.00 less 18 % = 162.36, less the 47.56 just paid
    assert done.payment is not None
    assert done.payment.amount == usd("114.80")
    assert done.subscription.price == usd("162.36")


@story
async def test_a_canceled_part_is_missing_again(shop: Shop) -> None:
    life = await Life.begin(shop)
    suite = await shop.market.root.get_offering(SUITE)
    await life.subscribe("starter", suite.items[0].slug)
    await life.change(ChangeAction.CANCEL_NOW)
    found = await life.buyer.summarize(await life.order("starter", SUITE))
    assert (found.owned, found.total) == ((), usd("71.34"))


# ---- parts that could not be deployed


async def with_one_failed(shop: Shop, **changes: Any) -> Life:  # Any: fields of QuickCheckout
    """A suite of which one agent could not be deployed."""
    life = await Life.begin(shop)
    if changes.get("payment_method") is PaymentMethod.WALLET:
        await life.buyer.top_up(TopUp(usd("100"), "tok_visa"), key="credit")
    shop.agents.before["agent"] = [nothing, no_capacity]
    await life.subscribe("starter", SUITE, **changes)
    return life


async def refund(life: Life) -> Money:
    """Asks for the money of what failed; what came back by the provider."""
    [failed] = [one for one in await life.buyer.list_resources() if one.state is ResourceState.FAILED]
    await life.buyer.refund_failed(failed.uuid)
    return life.shop.provider.refunded()


@story
async def test_a_part_that_failed_is_paid_back_and_not_charged_again(shop: Shop) -> None:
    life = await with_one_failed(shop, country="DE")
    assert await life.totals() == ["84.89"]  # 71.34 and 19 % of it
    back = await refund(life)
    assert back in (usd("28.29"), usd("28.30"))
    assert -(await life.balance(AccountKind.CLEARING)) == usd("84.89") - back
    assert await life.balance(AccountKind.REFUNDS) == usd("0")
    assert (await life.buyer.get_account()).spent_this_month == usd("84.89") - back
    one = await life.one()
    assert (one.state, one.price) == (SubscriptionState.ACTIVE, usd("47.56"))
    await life.until(boundary(START, 1))
    assert await life.totals() == ["84.89", "56.60"]  # 47.56 and 19 % of it
    await life.check_books()


@story
async def test_a_part_paid_from_the_wallet_becomes_credit_again(shop: Shop) -> None:
    life = await with_one_failed(shop, payment_method=PaymentMethod.WALLET)
    assert (await life.buyer.get_wallet()).balance == usd("28.66")
    assert await refund(life) == usd("0")
    assert (await life.buyer.get_wallet()).balance == usd("52.44")  # 71.34 / 3 = 23.78
    order = await life.buyer.get_order((await life.one()).order_uuid)
    assert order.refunded == usd("23.78")
    await life.check_books()


@story
async def test_when_all_of_it_failed_the_subscription_is_over(shop: Shop) -> None:
    life = await Life.begin(shop)
    shop.agents.script.failing_steps["agent"] = "no_capacity"
    await life.subscribe("starter")
    assert await refund(life) == usd("29")
    one = await life.one()
    assert (one.state, one.next_charge) == (SubscriptionState.CANCELED, None)
    assert (await life.buyer.get_wallet()).balance == usd("0")  # not twice
    assert (await life.buyer.get_account()).spent_this_month == usd("0")
    await life.wait(days=60)
    assert await life.totals() == ["29.00"]
    assert await life.balance(AccountKind.REVENUE) == usd("0")
    await life.check_books()


@story
async def test_what_is_left_of_a_bundle_comes_back_when_it_is_canceled(shop: Shop) -> None:
    life = await with_one_failed(shop)
    await refund(life)
    await life.wait(days=15)
    await life.change(ChangeAction.CANCEL_NOW)
    assert (await life.buyer.get_wallet()).balance == usd("23.78")  # half of 47.56
    await life.wait(seconds=timedelta(days=30).total_seconds())
    await life.check_books()
