"""What repeats: subscriptions, every way to change one, and what each change costs to the cent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.api.errors import (
    CardDeclined,
    InvalidInput,
    KeyReused,
    NotFound,
    NotSignedIn,
    PaymentProfileNeeded,
    SumMoved,
    WrongState,
)
from services.api.types import (
    BillingCycle,
    ChangeAction,
    ChangeRequest,
    InvoiceState,
    PaymentMethod,
    PaymentState,
    SubscriptionState,
    UsagePayment,
)
from services.domain.billing import boundary
from tests.contract.market import Market, answer_of, raises, story
from tests.contract.money import (
    PRO,
    PRO_YEAR,
    STARTER,
    STARTER_YEAR,
    UNKNOWN,
    ZERO,
    commit,
    plan_of,
    subscribed,
    to_plan,
    top_up,
    total,
    usd,
)

# ---- what one has


@story
async def test_a_purchase_is_a_subscription_with_its_next_charge(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    assert (one.state, one.plan.slug, one.cycle, one.quantity) == (
        SubscriptionState.ACTIVE,
        "starter",
        BillingCycle.MONTHLY,
        1,
    )
    assert (one.price, one.next_charge) == (STARTER, STARTER)
    assert one.period_end == one.next_charge_at == boundary(one.period_start, 1)
    assert (one.payment_method, one.paid_with[-4:]) == (PaymentMethod.CARD, "4242")
    assert one.usage_payment is UsagePayment.POSTPAID
    assert (one.pending, one.trial_ends_at, one.coupon, one.ended_at) == (None, None, None, None)
    order = await buyer.get_order(one.order_uuid)
    assert tuple(part.uuid for part in one.resources) == order.resource_uuids
    usage = one.resources[0].usage
    assert (usage.included, usage.used, usage.period_start, usage.period_end) == (
        1000,
        0,
        one.period_start,
        one.period_end,
    )
    assert {ChangeAction.CHANGE_PLAN, ChangeAction.CANCEL_NOW, ChangeAction.CANCEL_AT_END} <= set(one.can)
    assert ChangeAction.UNDO not in one.can
    assert await buyer.get_subscription(one.uuid) == one


@story
async def test_a_year_costs_ten_months(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer, "pro", billing_cycle=BillingCycle.YEARLY)
    assert (one.price, one.next_charge, one.cycle) == (PRO_YEAR, PRO_YEAR, BillingCycle.YEARLY)
    assert one.period_end == boundary(one.period_start, 12)
    assert (await buyer.get_account()).spent_this_month == PRO_YEAR


@story
async def test_subscriptions_are_newest_first_and_ended_ones_last(market: Market) -> None:
    buyer = await market.buyer()
    first, second, third = [await subscribed(market, buyer, key=f"order-{number}") for number in range(3)]
    assert [one.uuid for one in await buyer.list_subscriptions()] == [third.uuid, second.uuid, first.uuid]
    await commit(buyer, ChangeRequest(third.uuid, ChangeAction.CANCEL_NOW))
    assert [one.uuid for one in await buyer.list_subscriptions()] == [second.uuid, first.uuid, third.uuid]


@story
async def test_subscriptions_of_somebody_else_are_not_found(market: Market) -> None:
    guest, ada = market.guest(), await market.buyer()
    eve = await market.buyer("eve@example.com", device="device-2")
    one = await subscribed(market, ada)
    request = ChangeRequest(one.uuid, ChangeAction.CANCEL_NOW)
    seen = (await ada.preview_change(request)).hash
    for service, kind in ((eve, NotFound), (guest, NotSignedIn)):
        await raises(kind, service.get_subscription(one.uuid))
        await raises(kind, service.preview_change(request))
        await raises(kind, service.commit_change(request, seen, key="k"))
    await raises(NotSignedIn, guest.list_subscriptions())
    await raises(NotFound, ada.get_subscription(UNKNOWN))
    assert await eve.list_subscriptions() == ()
    assert await ada.get_subscription(one.uuid) == one


# ---- another plan


@story
async def test_an_upgrade_credits_the_unused_part_and_charges_the_rest(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    request = await to_plan(market, one, "pro")
    preview = await buyer.preview_change(request)
    assert [line.amount for line in preview.lines] == [-STARTER, PRO]
    assert (preview.due_now, preview.to_wallet, preview.is_pending) == (usd("70"), ZERO, False)
    assert (preview.old_price, preview.new_price) == (STARTER, PRO)
    assert (preview.old_included, preview.new_included, preview.used) == (1000, 10_000, 0)
    assert (preview.next_charge, preview.next_charge_at) == (PRO, one.period_end)
    assert await buyer.get_subscription(one.uuid) == one  # nothing is written
    changed = await buyer.commit_change(request, preview.hash, key="up")
    assert changed.payment is not None
    assert (changed.payment.state, changed.payment.amount) == (PaymentState.SUCCEEDED, usd("70"))
    assert (changed.subscription.plan.slug, changed.subscription.price) == ("pro", PRO)
    assert changed.subscription.period_end == one.period_end
    invoice = await buyer.get_invoice(changed.payment.invoice_uuid)
    assert (invoice.state, invoice.total) == (InvoiceState.PAID, preview.due_now)
    assert [line.amount for line in invoice.lines] == [line.amount for line in preview.lines]
    assert (await buyer.get_account()).spent_this_month == PRO


@story
async def test_used_calls_stay_used_when_the_plan_changes(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    resource = one.resources[0].uuid
    await answer_of(buyer.ask(resource, "Hello?", key="q1"))
    changed = await commit(buyer, await to_plan(market, one, "pro"))
    usage = changed.subscription.resources[0].usage
    assert (usage.included, usage.used, usage.left) == (10_000, 1, 9_999)
    resource_now = await buyer.get_resource(resource)
    assert (resource_now.usage, resource_now.plan_name) == (usage, "Pro")


@story
async def test_up_and_down_at_one_instant_costs_nothing(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    up = await commit(buyer, await to_plan(market, one, "pro"), key="up")
    request = await to_plan(market, one, "starter", at_end=False)
    preview = await buyer.preview_change(request)
    assert (preview.due_now, preview.to_wallet) == (ZERO, usd("70"))
    down = await buyer.commit_change(request, preview.hash, key="down")
    assert (down.payment, down.subscription.plan.slug) == (None, "starter")
    assert up.payment is not None
    assert (await buyer.get_wallet()).balance == up.payment.amount


@story
async def test_a_smaller_plan_begins_at_the_end_of_the_period_and_can_be_undone(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer, "pro")
    request = await to_plan(market, one, "starter")
    preview = await buyer.preview_change(request)
    assert (preview.is_pending, preview.effective_at) == (True, one.period_end)
    assert (preview.due_now, preview.to_wallet, preview.next_charge) == (ZERO, ZERO, STARTER)
    waiting = (await buyer.commit_change(request, preview.hash, key="down")).subscription
    assert waiting.pending is not None
    assert (waiting.pending.kind, waiting.pending.plan_name) == ("change_plan", "Starter")
    assert (waiting.plan.slug, waiting.price, waiting.next_charge) == ("pro", PRO, STARTER)
    assert ChangeAction.UNDO in waiting.can
    undone = (await commit(buyer, ChangeRequest(one.uuid, ChangeAction.UNDO), key="undo")).subscription
    assert (undone.pending, undone.next_charge) == (None, PRO)
    await raises(WrongState, buyer.preview_change(ChangeRequest(one.uuid, ChangeAction.UNDO)))


@story
async def test_a_newer_change_replaces_one_that_waits(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer, "pro")
    await commit(buyer, await to_plan(market, one, "starter"), key="down")
    ends = await commit(buyer, ChangeRequest(one.uuid, ChangeAction.CANCEL_AT_END), key="end")
    assert ends.subscription.pending is not None
    assert (ends.subscription.pending.kind, ends.subscription.next_charge) == ("cancel", None)


@story
async def test_from_month_to_year_starts_a_new_period(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    request = ChangeRequest(one.uuid, ChangeAction.CHANGE_PLAN, cycle=BillingCycle.YEARLY)
    preview = await buyer.preview_change(request)
    assert [line.amount for line in preview.lines] == [-STARTER, STARTER_YEAR]
    assert preview.due_now == usd("261")
    yearly = (await buyer.commit_change(request, preview.hash, key="year")).subscription
    assert (yearly.cycle, yearly.price, yearly.next_charge) == (BillingCycle.YEARLY, STARTER_YEAR, STARTER_YEAR)
    assert yearly.period_end == boundary(yearly.period_start, 12)


@story
async def test_what_was_previewed_is_what_is_done(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    request = await to_plan(market, one, "pro")
    stale = (await buyer.preview_change(request)).hash
    await raises(SumMoved, buyer.commit_change(request, "0" * len(stale), key="invented"))
    yearly = ChangeRequest(one.uuid, ChangeAction.CHANGE_PLAN, cycle=BillingCycle.YEARLY)
    await commit(buyer, yearly, key="year")
    await raises(SumMoved, buyer.commit_change(replace(request, cycle=BillingCycle.MONTHLY), stale, key="stale"))
    assert (await buyer.get_subscription(one.uuid)).plan.slug == "starter"
    assert (await buyer.get_account()).spent_this_month == STARTER_YEAR


@story
async def test_a_change_is_made_once_per_key(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    request = await to_plan(market, one, "pro")
    seen = (await buyer.preview_change(request)).hash
    changed = await buyer.commit_change(request, seen, key="once")
    assert (await buyer.commit_change(request, seen, key="once")).payment == changed.payment
    other = ChangeRequest(one.uuid, ChangeAction.CANCEL_NOW)
    await raises(KeyReused, buyer.commit_change(other, (await buyer.preview_change(other)).hash, key="once"))
    assert (await buyer.get_account()).spent_this_month == PRO


@story
async def test_a_declined_card_changes_nothing(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    request = await to_plan(market, one, "pro", payment_token=await market.card("declined"))
    seen = (await buyer.preview_change(request)).hash
    for _ in range(2):
        await raises(CardDeclined, buyer.commit_change(request, seen, key="up"))
    assert await buyer.get_subscription(one.uuid) == one
    assert (await buyer.get_account()).spent_this_month == STARTER
    again = await commit(buyer, await to_plan(market, one, "pro"), key="another card")
    assert again.subscription.plan.slug == "pro"


@story
async def test_a_change_that_wants_confirmation_waits_for_it(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    request = await to_plan(market, one, "pro", payment_token=await market.card("needs_confirmation"))
    waiting = await commit(buyer, request)
    assert waiting.payment is not None
    assert waiting.payment.action is not None
    assert (waiting.payment.state, waiting.subscription.plan.slug) == (PaymentState.ACTION_REQUIRED, "starter")
    await buyer.confirm_payment(waiting.payment.payment_uuid, approve=True)
    assert (await buyer.get_subscription(one.uuid)).plan.slug == "pro"
    assert (await buyer.get_account()).spent_this_month == PRO


@story
async def test_plans_that_cannot_be_changed_to_are_named(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    other = await market.root.get_offering("expense-auditor")
    wish = ChangeRequest(one.uuid, ChangeAction.CHANGE_PLAN)
    foreign = replace(wish, plan_uuid=other.plans[0].uuid)
    by_quote = replace(wish, plan_uuid=plan_of(await market.agent(), "enterprise").uuid)
    await raises(InvalidInput, buyer.preview_change(replace(wish, plan_uuid=UNKNOWN)), plan_uuid="unknown")
    await raises(InvalidInput, buyer.preview_change(foreign), plan_uuid="not_of_offering")
    await raises(InvalidInput, buyer.preview_change(by_quote), plan_uuid="needs_quote")
    for quantity in (-1, 2**31):
        error = await raises(InvalidInput, buyer.preview_change(replace(wish, quantity=quantity)))
        assert "quantity" in error.fields


# ---- ending, pausing


@story
async def test_a_cancellation_at_the_end_can_be_undone(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    request = ChangeRequest(one.uuid, ChangeAction.CANCEL_AT_END, reason="too_expensive")
    preview = await buyer.preview_change(request)
    assert (preview.effective_at, preview.is_pending) == (one.period_end, True)
    assert (preview.due_now, preview.to_wallet, preview.next_charge) == (ZERO, ZERO, None)
    ends = (await buyer.commit_change(request, preview.hash, key="end")).subscription
    assert (ends.state, ends.next_charge, ends.next_charge_at) == (SubscriptionState.ACTIVE, None, None)
    await answer_of(buyer.ask(one.resources[0].uuid, "Still there?", key="q1"))
    undone = (await commit(buyer, ChangeRequest(one.uuid, ChangeAction.UNDO), key="undo")).subscription
    assert (undone.pending, undone.next_charge) == (None, STARTER)


@story
async def test_a_cancellation_now_gives_the_unused_part_as_credit(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    request = ChangeRequest(one.uuid, ChangeAction.CANCEL_NOW)
    preview = await buyer.preview_change(request)
    assert (preview.to_wallet, preview.due_now, preview.is_pending) == (STARTER, ZERO, False)
    assert -total(line.amount for line in preview.lines) == STARTER
    ended = (await buyer.commit_change(request, preview.hash, key="now")).subscription
    assert (ended.state, ended.next_charge, ended.can) == (SubscriptionState.CANCELED, None, ())
    assert ended.ended_at is not None
    assert (await buyer.get_wallet()).balance == STARTER
    await raises(WrongState, answer_of(buyer.ask(one.resources[0].uuid, "Still there?", key="q1")))
    await raises(WrongState, buyer.preview_change(request))
    assert (await buyer.get_wallet()).balance == STARTER  # once


@story
async def test_a_pause_stops_calls_until_it_is_resumed(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    now, resource = (await buyer.get_timeline()).now, one.resources[0].uuid
    pause = ChangeRequest(one.uuid, ChangeAction.PAUSE, resume_at=now + timedelta(days=10))
    await raises(InvalidInput, buyer.preview_change(replace(pause, resume_at=now)), resume_at="in_past")
    await raises(WrongState, buyer.preview_change(ChangeRequest(one.uuid, ChangeAction.RESUME)))
    paused = (await commit(buyer, pause, key="pause")).subscription
    assert (paused.state, paused.resumes_at) == (SubscriptionState.PAUSED, pause.resume_at)
    await raises(WrongState, answer_of(buyer.ask(resource, "Still there?", key="q1")))
    assert [one.stopped for one in await buyer.list_resources()] == ["paused"]
    again = (await commit(buyer, ChangeRequest(one.uuid, ChangeAction.RESUME), key="resume")).subscription
    assert (again.state, again.resumes_at, again.period_end) == (SubscriptionState.ACTIVE, None, one.period_end)
    await answer_of(buyer.ask(resource, "Still there?", key="q2"))
    assert (await buyer.get_resource(resource)).stopped == ""
    assert (await buyer.get_account()).spent_this_month == STARTER


# ---- how it is paid


@story
async def test_another_card_pays_from_now_on(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    request = ChangeRequest(
        one.uuid, ChangeAction.SET_PAYMENT_CARD, payment_token=await market.card("needs_confirmation")
    )
    changed = await commit(buyer, request)
    assert (changed.subscription.paid_with[-4:], changed.payment) == ("3155", None)
    bad = replace(request, payment_token="tok_made_up")
    await raises(InvalidInput, buyer.preview_change(bad), payment_token="unknown")
    assert (await buyer.get_account()).spent_this_month == STARTER


@story
async def test_calls_beyond_the_included_are_paid_before_or_after(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    request = ChangeRequest(one.uuid, ChangeAction.SET_USAGE_PAYMENT, usage_payment=UsagePayment.PREPAID)
    prepaid = (await commit(buyer, request, key="before")).subscription
    assert prepaid.usage_payment is UsagePayment.PREPAID
    back = replace(request, usage_payment=UsagePayment.POSTPAID)
    assert (await commit(buyer, back, key="after")).subscription.usage_payment is UsagePayment.POSTPAID


@story
async def test_paying_from_the_wallet_needs_credit_and_paying_later_a_card(market: Market) -> None:
    buyer = await market.buyer()
    await top_up(market, buyer, "50")
    one = await subscribed(market, buyer, payment_method=PaymentMethod.WALLET, payment_token="")
    assert (one.payment_method, one.usage_payment) == (PaymentMethod.WALLET, UsagePayment.PREPAID)
    assert (await buyer.get_wallet()).balance == usd("21")
    assert (await buyer.get_account()).spent_this_month == usd("50")  # the top-up; credit is not paid twice
    later = ChangeRequest(one.uuid, ChangeAction.SET_USAGE_PAYMENT, usage_payment=UsagePayment.POSTPAID)
    await raises(PaymentProfileNeeded, buyer.preview_change(later))
    request = await market.order(payment_method=PaymentMethod.WALLET, payment_token="")
    await raises(InvalidInput, buyer.quick_checkout(request, key="poor"), payment_method="insufficient_credit")


@story
async def test_a_trial_costs_nothing_until_its_end_and_is_had_once(market: Market) -> None:
    buyer = await market.buyer()
    pro = plan_of(await market.agent(), "pro")
    assert pro.trial_days == 14
    request = await market.order(plan_uuid=pro.uuid, start_trial=True)
    summary = await buyer.summarize(request)
    assert (summary.total, summary.renewal_total, summary.is_trial) == (ZERO, PRO, True)
    one = await subscribed(market, buyer, "pro", start_trial=True)
    assert one.state is SubscriptionState.TRIALING
    assert one.trial_ends_at == one.next_charge_at == one.started_at + timedelta(days=14)
    assert one.next_charge == PRO
    assert (await buyer.get_account()).spent_this_month == ZERO
    await answer_of(buyer.ask(one.resources[0].uuid, "Hello?", key="q1"))
    await raises(InvalidInput, buyer.quick_checkout(request, key="second"), start_trial="trial_used")
    assert (await buyer.summarize(replace(request, start_trial=False))).trial_days == 0
