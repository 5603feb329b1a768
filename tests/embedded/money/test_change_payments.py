"""How a change is paid, and what happens when it is asked for twice, too late, at once, or during a crash."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.api.errors import (
    InsufficientCredit,
    InvalidInput,
    KeyReused,
    PaymentUnknown,
    SumMoved,
)
from services.api.money import Money
from services.api.types import (
    BillingCycle,
    BillingDetails,
    ChangeAction,
    ChangeRequest,
    PaymentMethod,
    SubscriptionState,
    TopUp,
    UsagePayment,
)
from services.db import money_models as mm
from services.domain.billing import boundary
from tests.contract.embedded import START
from tests.embedded.money.lives import Life, halfway, usd
from tests.embedded.shop import Crashed, Shop, crash, story, unreachable

ZERO = Money.zero()
END = boundary(START, 1)  # the first period has 30 days


# ---- how it is paid


@story
async def test_a_subscription_from_the_wallet_is_changed_and_renewed_from_it(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.buyer.top_up(TopUp(usd("200"), "tok_visa"), key="credit")
    await life.subscribe("starter", payment_method=PaymentMethod.WALLET)
    await life.wait(days=15)
    await life.to_plan("pro")
    assert (await life.buyer.get_wallet()).balance == usd("136")  # 200 - 29 - 35
    await life.until(END)
    assert (await life.buyer.get_wallet()).balance == usd("37")
    assert await life.totals() == ["0.00", "0.00", "0.00"]
    with pytest.raises(InsufficientCredit):
        await life.to_year()
    assert shop.charges() == 1
    await life.check_books()


@story
async def test_calls_can_be_paid_from_the_wallet_later_on(shop: Shop) -> None:
    life = await halfway(shop)
    done = await life.change(ChangeAction.SET_USAGE_PAYMENT, usage_payment=UsagePayment.PREPAID)
    assert done.subscription.usage_payment is UsagePayment.PREPAID
    with pytest.raises(InvalidInput) as refused:
        await life.change(ChangeAction.SET_USAGE_PAYMENT)
    assert refused.value.fields == {"usage_payment": "required"}


@story
async def test_the_next_period_is_paid_by_the_other_card(shop: Shop) -> None:
    life = await halfway(shop)
    await life.change(ChangeAction.SET_PAYMENT_CARD, payment_token="tok_mastercard")
    await life.until(END)
    paid = sa.select(mm.InvoiceRow.paid_with).order_by(mm.InvoiceRow.number)
    assert [text[-4:] for (text,) in await shop.rows(paid)] == ["4242", "4444"]


# ---- keys, races, crashes


@story
async def test_a_preview_that_has_grown_old_is_refused(shop: Shop) -> None:
    life = await halfway(shop)
    one = await life.one()
    request = ChangeRequest(one.uuid, ChangeAction.CHANGE_PLAN, cycle=BillingCycle.YEARLY)
    seen = await life.buyer.preview_change(request)
    await life.wait(seconds=1)  # the sum is the same to the cent
    assert (await life.buyer.preview_change(request)).hash == seen.hash
    await life.wait(days=1)
    with pytest.raises(SumMoved):
        await life.buyer.commit_change(request, seen.hash, key="late")
    assert await life.totals() == ["29.00"]


@story
async def test_the_same_change_at_once_is_made_once(shop: Shop) -> None:
    life = await halfway(shop)
    one = await life.one()
    request = ChangeRequest(one.uuid, ChangeAction.CHANGE_PLAN, cycle=BillingCycle.YEARLY)
    seen = await life.buyer.preview_change(request)
    answers = await asyncio.gather(
        *(life.buyer.commit_change(request, seen.hash, key="once") for _ in range(8)), return_exceptions=True
    )
    assert all(not isinstance(answer, BaseException) for answer in answers)
    assert await life.totals() == ["29.00", "275.50"]
    with pytest.raises(KeyReused):
        await life.buyer.commit_change(ChangeRequest(one.uuid, ChangeAction.CANCEL_NOW), seen.hash, key="once")


@pytest.mark.parametrize(("where", "plan"), [("before", "starter"), ("after", "pro")])
def test_a_crash_during_the_charge_changes_all_or_nothing(
    shop: Shop, loop: asyncio.Runner, where: str, plan: str
) -> None:
    @story
    async def run(shop: Shop) -> None:
        life = await halfway(shop)
        one = await life.one()
        offering = await shop.market.root.get_offering(one.offering_uuid)
        pro = next(each for each in offering.plans if each.slug == "pro")
        request = ChangeRequest(one.uuid, ChangeAction.CHANGE_PLAN, pro.uuid)
        seen = await life.buyer.preview_change(request)
        getattr(shop.provider, where)["charge"] = [crash]
        with pytest.raises(Crashed):
            await life.buyer.commit_change(request, seen.hash, key="up")
        await shop.restart(seconds=21)
        life.buyer = shop.service.for_actor(life.buyer.actor)
        assert (await life.one()).plan.slug == plan
        assert shop.charges() == (1 if where == "before" else 2)
        done = await life.buyer.commit_change(request, seen.hash, key="up")  # pressed again
        assert (done.subscription.plan.slug, shop.charges()) == ("pro", 2)
        assert await life.totals() == ["29.00", "35.00"]
        await life.check_books()

    run(shop, loop)


@story
async def test_money_for_a_change_that_is_no_longer_possible_goes_back(shop: Shop) -> None:
    life = await halfway(shop)
    one = await life.one()
    request = ChangeRequest(one.uuid, ChangeAction.CHANGE_PLAN, cycle=BillingCycle.YEARLY)
    seen = await life.buyer.preview_change(request)
    shop.provider.after["charge"] = [unreachable] * 3
    with pytest.raises(PaymentUnknown):
        await life.buyer.commit_change(request, seen.hash, key="lost")
    await life.change(ChangeAction.CANCEL_NOW)
    for _ in range(2):  # the sweep finds the charge, then sends it back
        await life.wait(seconds=30)
        await shop.service.run_due_jobs()
    assert shop.provider.refunded() == usd("275.50")
    with pytest.raises(SumMoved):
        await life.buyer.commit_change(request, seen.hash, key="lost")
    assert (await life.one()).state is SubscriptionState.CANCELED
    assert (await life.buyer.get_account()).spent_this_month == ZERO  # bought in November, it is December
    await life.check_books()


@story
async def test_a_resume_date_in_the_past_and_a_missing_one_are_told_apart(shop: Shop) -> None:
    life = await halfway(shop)
    for resume_at, code in ((None, "required"), (shop.clock.now(), "in_past")):
        with pytest.raises(InvalidInput) as refused:
            await life.change(ChangeAction.PAUSE, resume_at=resume_at)
        assert refused.value.fields == {"resume_at": code}


@story
async def test_details_changed_between_two_invoices_are_those_of_the_next(shop: Shop) -> None:
    life = await halfway(shop)
    await life.buyer.set_billing_details(BillingDetails(country="DE"))
    assert (await life.one()).next_charge == usd("34.51")
    await life.until(END)
    assert await life.totals() == ["29.00", "34.51"]


@story
async def test_a_change_confirmed_after_another_one_goes_back(shop: Shop) -> None:
    life = await halfway(shop)
    waiting = await life.change(ChangeAction.CHANGE_PLAN, quantity=2, payment_token="tok_needs_confirmation")
    assert waiting.payment is not None
    assert (waiting.payment.action is not None, waiting.subscription.quantity) == (True, 1)
    await life.to_plan("pro")
    with pytest.raises(SumMoved):
        await life.buyer.confirm_payment(waiting.payment.payment_uuid, approve=True)
    await life.wait(seconds=30)
    await shop.service.run_due_jobs()
    assert shop.provider.refunded() == waiting.payment.amount
    one = await life.one()
    assert (one.quantity, one.plan.slug) == (1, "pro")
    assert await life.totals() == ["29.00", "35.00"]
    await life.check_books()


@story
async def test_a_change_that_was_confirmed_keeps_the_sum_of_its_instant(shop: Shop) -> None:
    life = await halfway(shop)
    waiting = await life.change(ChangeAction.CHANGE_PLAN, quantity=2, payment_token="tok_needs_confirmation")
    assert waiting.payment is not None
    await life.wait(hours=20)
    paid = await life.buyer.confirm_payment(waiting.payment.payment_uuid, approve=True)
    assert (paid.amount, (await life.one()).quantity) == (usd("14.50"), 2)
    assert (await life.buyer.get_invoice(paid.invoice_uuid)).total == usd("14.50")


@story
async def test_what_changes_nothing_is_not_a_change(shop: Shop) -> None:
    life = await halfway(shop)
    for changes in ({"quantity": 1}, {"cycle": BillingCycle.MONTHLY}, {}):
        with pytest.raises(InvalidInput) as refused:
            await life.change(ChangeAction.CHANGE_PLAN, **changes)
        assert refused.value.fields == {"plan_uuid": "not_available"}
    for quantity in (-1, 10_001):
        with pytest.raises(InvalidInput) as refused:
            await life.change(ChangeAction.CHANGE_PLAN, quantity=quantity)
        assert refused.value.fields == {"quantity": "out_of_range"}
    await life.change(ChangeAction.CHANGE_PLAN, quantity=10_000)


@story
async def test_a_card_is_needed_to_set_one(shop: Shop) -> None:
    life = await halfway(shop)
    for token, code in (("", "required"), ("tok_made_up", "unknown"), ("card_of_somebody_else", "unknown")):
        with pytest.raises(InvalidInput) as refused:
            await life.change(ChangeAction.SET_PAYMENT_CARD, payment_token=token)
        assert refused.value.fields == {"payment_token": code}


@story
async def test_free_and_by_use_have_one_cycle(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("free", "brand-translator", payment_token="")
    with pytest.raises(InvalidInput) as refused:
        await life.to_year()
    assert refused.value.fields == {"plan_uuid": "not_available"}


@story
async def test_down_to_free_costs_nothing_from_the_next_period_on(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter", "brand-translator")
    done = await life.to_plan("free")
    assert (done.subscription.pending is not None, done.subscription.next_charge) == (True, None)
    await life.wait(days=65)
    one = await life.one()
    assert (one.plan.slug, await life.totals()) == ("free", ["29.00"])


@story
async def test_a_coupon_of_months_covers_one_year_after_a_change_to_a_year(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter", coupon="WELCOME20")
    done = await life.to_year()  # at once: 23.20 back, 290.00 less 20 % charged
    assert done.payment is not None
    assert done.payment.amount == usd("208.80")
    assert done.subscription.coupon is None
    await life.until(done.subscription.period_end)
    assert await life.totals() == ["23.20", "208.80", "290.00"]


@story
async def test_a_paused_subscription_is_not_resumed_twice(shop: Shop) -> None:
    life = await halfway(shop)
    await life.change(ChangeAction.PAUSE, resume_at=shop.clock.now() + timedelta(days=5))
    await life.wait(days=1)
    await life.change(ChangeAction.RESUME)
    await life.change(ChangeAction.PAUSE, resume_at=shop.clock.now() + timedelta(days=20))
    await life.wait(days=4)  # the end of the first pause
    assert (await life.one()).state is SubscriptionState.PAUSED
    await life.wait(days=16)
    one = await life.one()
    assert (one.state, one.period_end) == (SubscriptionState.ACTIVE, END + timedelta(days=21))
    await life.check_books()
