"""Changing a subscription: every sum by hand, the same in preview, charge, invoice and books."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.api.errors import (
    InvalidInput,
    WrongState,
)
from services.api.money import Money
from services.api.types import (
    BillingCycle,
    ChangeAction,
    ChangeRequest,
    ResourceState,
    SubscriptionState,
    UsagePayment,
)
from services.domain.billing import boundary
from services.domain.ledger import AccountKind
from tests.contract.embedded import START
from tests.embedded.money.lives import Life, halfway, usd
from tests.embedded.shop import Shop, story

ZERO = Money.zero()
END = boundary(START, 1)  # the first period has 30 days


# ---- up and down


@story
async def test_an_upgrade_halfway_pays_half_of_the_difference(shop: Shop) -> None:
    life = await halfway(shop)
    done = await life.to_plan("pro")  # 49.50 - 14.50
    assert done.payment is not None
    assert done.payment.amount == usd("35")
    await life.until(END)
    assert await life.totals() == ["29.00", "35.00", "99.00"]
    await life.check_books()


@story
async def test_an_upgrade_with_a_coupon_by_percent_keeps_it(shop: Shop) -> None:
    life = await halfway(shop, coupon="WELCOME20")
    done = await life.to_plan("pro")  # half of 79.20 less half of 23.20
    assert done.payment is not None
    assert done.payment.amount == usd("28")
    down = await life.to_plan("starter", at_end=False)
    assert (await life.buyer.get_wallet()).balance == usd("28")
    assert down.payment is None
    await life.until(END)
    assert await life.totals() == ["23.20", "28.00", "0.00", "23.20"]
    await life.check_books()


@story
async def test_a_coupon_of_an_amount_lowers_what_comes_back_and_is_not_had_twice(shop: Shop) -> None:
    life = await halfway(shop, coupon="TENOFF")
    done = await life.to_plan("pro")  # 49.50 less half of the 19.00 that were paid
    assert done.payment is not None
    assert done.payment.amount == usd("40")


@story
async def test_tax_is_computed_on_the_difference(shop: Shop) -> None:
    life = await halfway(shop, country="DE")
    one = await life.one()
    offering = await shop.market.root.get_offering(one.offering_uuid)
    pro = next(plan for plan in offering.plans if plan.slug == "pro")
    seen = await life.buyer.preview_change(ChangeRequest(one.uuid, ChangeAction.CHANGE_PLAN, pro.uuid))
    assert (seen.due_now, [line.amount for line in seen.tax_lines]) == (usd("41.65"), [usd("6.65")])  # 19 % of 35
    await life.to_plan("pro")
    assert await life.totals() == ["34.51", "41.65"]
    await life.check_books()


@story
async def test_a_downgrade_waits_and_the_next_invoice_is_smaller(shop: Shop) -> None:
    life = await halfway(shop, "pro")
    await life.to_plan("starter")
    await life.until(END - timedelta(seconds=1))
    assert (await life.one()).plan.slug == "pro"
    await life.until(END)
    one = await life.one()
    assert (one.plan.slug, one.pending, one.price, one.resources[0].usage.included) == (
        "starter",
        None,
        usd("29"),
        1000,
    )
    assert await life.totals() == ["99.00", "29.00"]


@story
async def test_a_downgrade_now_gives_half_of_the_difference_to_the_wallet(shop: Shop) -> None:
    life = await halfway(shop, "pro")
    done = await life.to_plan("starter", at_end=False)
    assert done.payment is None
    assert (await life.buyer.get_wallet()).balance == usd("35")
    assert await life.totals() == ["99.00", "0.00"]
    assert await life.balance(AccountKind.WALLET_PAID) == usd("35")
    await life.check_books()


@story
async def test_going_up_and_down_and_up_never_makes_money(shop: Shop) -> None:
    life = await halfway(shop)
    await life.to_plan("pro")
    await life.to_plan("starter", at_end=False)
    await life.to_plan("pro")
    await life.to_plan("starter", at_end=False)
    assert await life.totals() == ["29.00", "35.00", "0.00", "35.00", "0.00"]
    assert (await life.buyer.get_wallet()).balance == usd("70")
    assert (await life.one()).plan.slug == "starter"
    await life.change(ChangeAction.CANCEL_NOW)
    assert (await life.buyer.get_wallet()).balance == usd("84.50")  # paid 99.00 for 14.50 of use
    await life.check_books()


# ---- cycle and quantity


@story
async def test_from_month_to_year_the_cycle_begins_anew_and_used_calls_stay_used(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    await life.wait(days=10)
    await life.call(2, used=998)
    done = await life.to_year()  # 290.00 - 20/30 of 29.00
    assert done.payment is not None
    assert done.payment.amount == usd("270.67")
    now = START + timedelta(days=10)
    one = done.subscription
    assert (one.period_start, one.period_end) == (now, boundary(now, 12))
    assert (one.resources[0].usage.used, one.resources[0].usage.period_end) == (1000, boundary(now, 1))
    await life.call(1)  # beyond the included
    await life.until(END + timedelta(days=1))  # the old boundary means nothing any more
    assert await life.totals() == ["29.00", "270.67"]
    await life.until(boundary(now, 1) + timedelta(hours=1))
    assert await life.totals() == ["29.00", "270.67", "0.01"]
    await life.until(boundary(now, 12))
    assert await life.totals() == ["29.00", "270.67", "0.01", "290.00"]
    await life.check_books()


@story
async def test_from_year_to_month_the_rest_of_the_year_is_credit(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter", billing_cycle=BillingCycle.YEARLY)
    await life.wait(days=73)  # a fifth of 365 days
    await life.change(ChangeAction.CHANGE_PLAN, cycle=BillingCycle.MONTHLY)  # 232.00 back, 29.00 charged
    assert (await life.buyer.get_wallet()).balance == usd("203")
    assert await life.totals() == ["290.00", "0.00"]
    await life.until(boundary(START + timedelta(days=73), 1))
    assert await life.totals() == ["290.00", "0.00", "29.00"]


@story
async def test_more_of_the_same_costs_its_part_and_multiplies_the_allowance(shop: Shop) -> None:
    life = await halfway(shop)
    done = await life.change(ChangeAction.CHANGE_PLAN, quantity=3)  # half of 87.00 less half of 29.00
    assert done.payment is not None
    assert done.payment.amount == usd("29")
    one = done.subscription
    assert (one.quantity, one.price, one.next_charge) == (3, usd("87"), usd("87"))
    assert one.resources[0].usage.included == 3000
    await life.until(END)
    assert await life.totals() == ["29.00", "29.00", "87.00"]


@story
async def test_from_free_to_a_plan_the_first_period_begins(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("free", "brand-translator", payment_token="")
    await life.wait(days=4)
    with pytest.raises(InvalidInput) as refused:
        await life.to_plan("starter")
    assert refused.value.fields == {"payment_token": "required"}
    done = await life.to_plan("starter", payment_token="tok_visa")
    assert done.payment is not None
    assert done.payment.amount == usd("29")
    one = done.subscription
    assert (one.period_start, one.paid_with[-4:], one.usage_payment) == (
        START + timedelta(days=4),
        "4242",
        UsagePayment.POSTPAID,
    )
    await life.until(one.period_end)
    assert await life.totals() == ["29.00", "29.00"]


@story
async def test_a_change_on_the_last_day_is_renewed_first(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    shop.clock.advance(days=30)  # and nobody has done what time owes
    done = await life.to_plan("pro")
    assert done.payment is not None
    assert done.payment.amount == usd("70")
    assert await life.totals() == ["29.00", "29.00", "70.00"]


# ---- pending


@story
async def test_a_cancellation_ends_with_the_period(shop: Shop) -> None:
    life = await halfway(shop)
    await life.change(ChangeAction.CANCEL_AT_END)
    await life.call(2, used=1000)
    await life.until(END + timedelta(hours=2))
    one = await life.one()
    assert (one.state, one.ended_at, one.can) == (SubscriptionState.CANCELED, END, ())
    assert await life.totals() == ["29.00", "0.02"]  # calls are paid to the last
    await life.wait(days=90)
    assert await life.totals() == ["29.00", "0.02"]
    assert [resource.state for resource in await life.buyer.list_resources()] == [ResourceState.RETIRED]


@story
async def test_what_was_undone_does_not_happen(shop: Shop) -> None:
    life = await halfway(shop)
    await life.change(ChangeAction.CANCEL_AT_END)
    await life.change(ChangeAction.UNDO)
    await life.until(END)
    assert await life.totals() == ["29.00", "29.00"]
    assert (await life.one()).state is SubscriptionState.ACTIVE


@story
async def test_undoing_ends_with_the_instant_it_takes_effect(shop: Shop) -> None:
    life = await halfway(shop, "pro")
    await life.to_plan("starter")
    shop.clock.advance(days=15)
    with pytest.raises(WrongState):
        await life.change(ChangeAction.UNDO)
    assert (await life.one()).plan.slug == "starter"


@story
async def test_a_change_to_a_year_can_wait_for_the_end(shop: Shop) -> None:
    life = await halfway(shop)
    one = await life.one()
    done = await life.change(ChangeAction.CHANGE_PLAN, cycle=BillingCycle.YEARLY, at_end=True)
    assert (done.payment, done.subscription.next_charge) == (None, usd("290"))
    await life.until(END)
    one = await life.one()
    assert (one.cycle, one.period_end) == (BillingCycle.YEARLY, boundary(END, 12))
    assert await life.totals() == ["29.00", "290.00"]


# ---- ending now, pauses


@story
async def test_canceling_now_gives_back_what_was_not_used_and_no_more(shop: Shop) -> None:
    life = await halfway(shop, country="DE")
    done = await life.change(ChangeAction.CANCEL_NOW, reason="too_expensive")
    assert done.subscription.state is SubscriptionState.CANCELED
    assert (await life.buyer.get_wallet()).balance == usd("14.50")
    assert await life.balance(AccountKind.TAX_PAYABLE) == usd("5.51")  # credit is spent untaxed
    told = next(one for one in await life.buyer.list_happenings() if one.kind == "canceled")
    assert told.params["reason"] == "too_expensive"
    await life.until(END)
    assert (await life.balance(AccountKind.DEFERRED_REVENUE), await life.balance(AccountKind.REVENUE)) == (
        ZERO,
        usd("14.50"),
    )
    await life.check_books()


@story
async def test_a_pause_moves_the_end_by_its_length(shop: Shop) -> None:
    life = await halfway(shop)
    await life.change(ChangeAction.PAUSE, resume_at=shop.clock.now() + timedelta(days=10))
    assert (await life.one()).next_charge is None
    await life.wait(days=10)
    one = await life.one()
    assert (one.state, one.period_end) == (SubscriptionState.ACTIVE, END + timedelta(days=10))
    await life.until(one.period_end - timedelta(seconds=1))
    assert await life.totals() == ["29.00"]
    await life.wait(seconds=1)
    assert await life.totals() == ["29.00", "29.00"]
    assert (await life.one()).period_end == boundary(END + timedelta(days=10), 1)


@story
async def test_a_pause_can_be_ended_early_and_used_calls_stay_used(shop: Shop) -> None:
    life = await halfway(shop)
    await life.call(1, used=999)
    await life.change(ChangeAction.PAUSE, resume_at=shop.clock.now() + timedelta(days=100))
    await life.wait(days=4)
    await life.change(ChangeAction.RESUME)
    one = await life.one()
    assert (one.period_end, one.resources[0].usage.used) == (END + timedelta(days=4), 1000)
    await life.wait(days=96)  # when it was to be resumed nothing more happens
    assert await life.totals() == ["29.00", "29.00", "29.00", "29.00"]


@story
async def test_a_pause_can_wait_for_the_end_and_nothing_is_charged_during_it(shop: Shop) -> None:
    life = await halfway(shop)
    await life.change(ChangeAction.PAUSE, resume_at=END + timedelta(days=20), at_end=True)
    await life.until(END + timedelta(days=19))
    one = await life.one()
    assert (one.state, await life.totals()) == (SubscriptionState.PAUSED, ["29.00"])
    await life.wait(days=1)
    one = await life.one()
    assert (one.state, await life.totals()) == (SubscriptionState.ACTIVE, ["29.00", "29.00"])
    assert (one.period_start, one.period_end) == (END + timedelta(days=20), boundary(END + timedelta(days=20), 1))


@story
async def test_canceling_during_a_pause_gives_back_what_the_pause_kept(shop: Shop) -> None:
    life = await halfway(shop)
    await life.change(ChangeAction.PAUSE, resume_at=shop.clock.now() + timedelta(days=100))
    await life.wait(days=50)
    await life.change(ChangeAction.CANCEL_NOW)
    assert (await life.buyer.get_wallet()).balance == usd("14.50")
    await life.check_books()
