"""What time does: renewals, trials, retries and expiries, once each; forward and back in a test-mode workspace."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.api.contract import Service
from services.api.errors import InvalidInput, NotFound, NotSignedIn, SubscriptionSuspended
from services.api.types import (
    ChangeAction,
    ChangeRequest,
    InvoiceQuery,
    InvoiceState,
    MovementKind,
    MovementQuery,
    MoveTime,
    Subscription,
    SubscriptionState,
    TimeMoved,
    TimeStep,
)
from services.domain.billing import boundary
from tests.contract.market import Market, answer_of, raises, story
from tests.contract.money import (
    PRO,
    STARTER,
    UNKNOWN,
    ZERO,
    can_move_time,
    commit,
    per_use,
    subscribed,
    to_plan,
    top_up,
    usd,
)

DAY, MONTH, NEXT = MoveTime(TimeStep.DAY), MoveTime(TimeStep.MONTH), MoveTime(TimeStep.NEXT_EVENT)


def kinds(moved: TimeMoved) -> list[str]:
    """What happened, in order."""
    return [one.kind for one in moved.happenings]


async def behind(market: Market, buyer: Service) -> Subscription:
    """A subscription whose renewal has just failed."""
    one = await subscribed(market, buyer)
    card = await market.card("insufficient_funds")
    await commit(buyer, ChangeRequest(one.uuid, ChangeAction.SET_PAYMENT_CARD, payment_token=card))
    await buyer.move_time(MoveTime(TimeStep.TO_DATE, one.period_end))
    return await buyer.get_subscription(one.uuid)


# ---- reading


@story
async def test_the_time_of_the_workspace_is_there_for_everybody(market: Market) -> None:
    timeline = await market.guest().get_timeline()
    assert (timeline.is_simulated, timeline.points) == (False, ())
    assert timeline.now.tzinfo is not None
    await raises(NotSignedIn, market.guest().move_time(DAY))
    await raises(NotSignedIn, market.guest().return_to(UNKNOWN))
    await raises(NotSignedIn, market.guest().list_happenings())


@story
async def test_what_happened_is_listed_newest_first_for_its_owner(market: Market) -> None:
    ada, eve = await market.buyer(), await market.buyer("eve@example.com", device="device-2")
    await top_up(market, ada)
    one = await subscribed(market, ada)
    await commit(ada, await to_plan(market, one, "pro"))
    happenings = await ada.list_happenings()
    order = [happening.kind for happening in happenings]
    assert order.index("plan_changed") < order.index("topped_up")
    assert [each.at for each in happenings] == sorted((each.at for each in happenings), reverse=True)
    assert await ada.list_happenings(limit=1) == happenings[:1]
    assert await eve.list_happenings() == ()
    await raises(NotFound, eve.list_happenings((await ada.get_wallet()).organization_uuid))


@story
async def test_time_moves_forward_only_and_to_somewhere(market: Market) -> None:
    buyer = await market.buyer()
    if not await can_move_time(buyer):
        return
    now = (await buyer.get_timeline()).now
    for to in (now, now - timedelta(days=1)):
        await raises(InvalidInput, buyer.move_time(MoveTime(TimeStep.TO_DATE, to)), to="in_past")
    await raises(InvalidInput, buyer.move_time(MoveTime(TimeStep.TO_DATE)), to="required")
    await raises(NotFound, buyer.return_to(UNKNOWN))
    assert (await buyer.get_timeline()).now == now
    moved = await buyer.move_time(DAY)
    assert (moved.timeline.now, moved.timeline.is_simulated) == (now + timedelta(days=1), True)
    assert (await buyer.move_time(MONTH)).timeline.now == boundary(now + timedelta(days=1), 1)


# ---- renewals


@story
async def test_a_month_later_it_is_renewed_once(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    if not await can_move_time(buyer):
        return
    await answer_of(buyer.ask(one.resources[0].uuid, "Hello?", key="q1"))
    timeline = await buyer.get_timeline()
    assert timeline.next_event_at is not None
    assert timeline.next_event_at <= one.period_end
    moved = await buyer.move_time(MoveTime(TimeStep.TO_DATE, one.period_end))
    assert [kind for kind in kinds(moved) if kind == "renewed"] == ["renewed"]
    renewed = await buyer.get_subscription(one.uuid)
    assert (renewed.period_start, renewed.period_end) == (one.period_end, boundary(one.period_start, 2))
    assert renewed.resources[0].usage.used == 0
    invoices = (await buyer.list_invoices(InvoiceQuery())).items
    assert [(each.state, each.total) for each in invoices] == [(InvoiceState.PAID, STARTER)] * 2
    await buyer.move_time(DAY)
    assert (await buyer.list_invoices(InvoiceQuery())).total == 2


@story
async def test_the_same_happens_in_one_step_or_in_many(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    if not await can_move_time(buyer):
        return
    start = (await buyer.get_timeline()).now
    target = boundary(start, 3)
    await buyer.move_time(MoveTime(TimeStep.TO_DATE, target))
    at_once = await buyer.get_subscription(one.uuid)
    totals = [(each.number, each.total) for each in (await buyer.list_invoices(InvoiceQuery())).items]
    point = (await buyer.get_timeline()).points[0]
    back = await buyer.return_to(point.uuid)
    assert back.now == start
    assert (await buyer.list_invoices(InvoiceQuery())).total == 1
    for month in (1, 2, 3):
        await buyer.move_time(MoveTime(TimeStep.TO_DATE, boundary(start, month) - timedelta(days=1)))
        await buyer.move_time(MoveTime(TimeStep.TO_DATE, boundary(start, month)))
    assert [(each.number, each.total) for each in (await buyer.list_invoices(InvoiceQuery())).items] == totals
    stepped = await buyer.get_subscription(one.uuid)
    assert (stepped.period_start, stepped.next_charge) == (at_once.period_start, at_once.next_charge)
    assert len(totals) == 4


@story
async def test_going_back_takes_away_what_happened_since(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    if not await can_move_time(buyer):
        return
    before = await buyer.get_timeline()
    await buyer.move_time(MONTH)
    await top_up(market, buyer)
    point = (await buyer.get_timeline()).points[0]
    assert point.at == before.now
    back = await buyer.return_to(point.uuid)
    assert back.now == before.now
    assert await buyer.get_subscription(one.uuid) == one
    assert (await buyer.get_wallet()).balance == ZERO
    assert (await buyer.list_invoices(InvoiceQuery())).total == 1


@story
async def test_calls_paid_afterwards_are_on_the_next_invoice(market: Market) -> None:
    buyer = await market.buyer()
    card_paid = replace(
        await per_use(market),
        payment_method=(await market.order()).payment_method,
        payment_token=await market.card(),
    )
    resource = await market.bought(buyer, card_paid)
    if not await can_move_time(buyer):
        return
    for number in range(3):
        await answer_of(buyer.ask(resource, "Hello?", key=f"q{number}"))
    one = (await buyer.list_subscriptions())[0]
    await buyer.move_time(MoveTime(TimeStep.TO_DATE, one.period_end + timedelta(days=7)))
    invoices = [each for each in (await buyer.list_invoices(InvoiceQuery())).items if not each.total.is_zero]
    assert [(each.state, each.total) for each in invoices] == [(InvoiceState.PAID, usd("0.06"))]
    assert (await buyer.get_resource(resource)).usage.cost == ZERO


# ---- trials, endings, pauses


@story
async def test_a_trial_reminds_three_days_before_and_then_charges(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer, "pro", start_trial=True)
    if not await can_move_time(buyer):
        return
    assert one.trial_ends_at is not None
    reminder = await buyer.move_time(MoveTime(TimeStep.TO_DATE, one.trial_ends_at - timedelta(days=3)))
    assert "trial_reminder" in kinds(reminder)
    assert (await buyer.list_invoices(InvoiceQuery())).total == 0
    ended = await buyer.move_time(MoveTime(TimeStep.TO_DATE, one.trial_ends_at))
    assert "trial_ended" in kinds(ended)
    active = await buyer.get_subscription(one.uuid)
    assert (active.state, active.period_start) == (SubscriptionState.ACTIVE, one.trial_ends_at)
    assert active.period_end == boundary(one.trial_ends_at, 1)
    invoices = (await buyer.list_invoices(InvoiceQuery())).items
    assert [(each.state, each.total) for each in invoices] == [(InvoiceState.PAID, PRO)]


@story
async def test_what_waits_for_the_end_of_the_period_happens_there(market: Market) -> None:
    buyer = await market.buyer()
    down = await subscribed(market, buyer, "pro", key="down")
    gone = await subscribed(market, buyer, key="gone")
    if not await can_move_time(buyer):
        return
    await commit(buyer, await to_plan(market, down, "starter"), key="change-1")
    await commit(buyer, ChangeRequest(gone.uuid, ChangeAction.CANCEL_AT_END), key="change-2")
    await buyer.move_time(MoveTime(TimeStep.TO_DATE, gone.period_end))
    smaller, ended = await buyer.get_subscription(down.uuid), await buyer.get_subscription(gone.uuid)
    assert (smaller.plan.slug, smaller.price, smaller.pending) == ("starter", STARTER, None)
    assert smaller.resources[0].usage.included == 1000
    assert (ended.state, ended.ended_at) == (SubscriptionState.CANCELED, gone.period_end)
    totals = sorted(each.total.micros for each in (await buyer.list_invoices(InvoiceQuery())).items)
    assert totals == [STARTER.micros, STARTER.micros, PRO.micros]


@story
async def test_a_pause_ends_on_its_day_and_paused_time_is_not_charged(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    if not await can_move_time(buyer):
        return
    resume_at = one.period_start + timedelta(days=40)
    await commit(buyer, ChangeRequest(one.uuid, ChangeAction.PAUSE, resume_at=resume_at))
    await buyer.move_time(MoveTime(TimeStep.TO_DATE, resume_at))
    again = await buyer.get_subscription(one.uuid)
    assert again.state is SubscriptionState.ACTIVE
    assert again.period_end == resume_at + (one.period_end - one.period_start)
    assert (await buyer.list_invoices(InvoiceQuery())).total == 1


# ---- payments that fail


@story
async def test_a_failed_renewal_is_tried_again_on_days_that_can_be_seen(market: Market) -> None:
    buyer = await market.buyer()
    if not await can_move_time(buyer):
        return
    late = await behind(market, buyer)
    assert late.state is SubscriptionState.PAST_DUE
    planned = [each.at for each in late.attempts if each.state == "planned"]
    assert planned == [late.period_start + timedelta(days=days) for days in (1, 3, 5, 7)]
    invoice = await buyer.get_invoice(late.unpaid_invoice_uuid)
    assert (invoice.state, invoice.due) == (InvoiceState.OPEN, STARTER)
    await answer_of(buyer.ask(late.resources[0].uuid, "Still there?", key="q1"))
    await buyer.move_time(MoveTime(TimeStep.TO_DATE, late.period_start + timedelta(days=7)))
    suspended = await buyer.get_subscription(late.uuid)
    assert suspended.state is SubscriptionState.SUSPENDED
    assert (await buyer.get_resource(late.resources[0].uuid)).stopped == "suspended"
    assert {each.state for each in suspended.attempts} == {"failed"}
    error = await raises(SubscriptionSuspended, answer_of(buyer.ask(late.resources[0].uuid, "And now?", key="q2")))
    assert error.params["invoice_uuid"] == late.unpaid_invoice_uuid


@story
async def test_paying_at_any_time_restores(market: Market) -> None:
    buyer = await market.buyer()
    if not await can_move_time(buyer):
        return
    late = await behind(market, buyer)
    for days, key in ((2, "while past due"), (40, "while suspended")):
        await buyer.move_time(MoveTime(TimeStep.TO_DATE, late.period_start + timedelta(days=days)))
        now = await buyer.get_subscription(late.uuid)
        await buyer.pay_invoice(now.unpaid_invoice_uuid, await market.card(), key=key)
        restored = await buyer.get_subscription(late.uuid)
        assert (restored.state, restored.unpaid_invoice_uuid) == (SubscriptionState.ACTIVE, "")
        await answer_of(buyer.ask(late.resources[0].uuid, "Back?", key=key))


@story
async def test_a_better_card_makes_the_next_try_succeed(market: Market) -> None:
    buyer = await market.buyer()
    if not await can_move_time(buyer):
        return
    late = await behind(market, buyer)
    card = await market.card()
    await commit(buyer, ChangeRequest(late.uuid, ChangeAction.SET_PAYMENT_CARD, payment_token=card), key="better")
    await buyer.move_time(MoveTime(TimeStep.TO_DATE, late.period_start + timedelta(days=1)))
    restored = await buyer.get_subscription(late.uuid)
    assert restored.state is SubscriptionState.ACTIVE
    assert (await buyer.get_invoice(late.unpaid_invoice_uuid)).state is InvoiceState.PAID


# ---- credit


@story
async def test_credit_is_gone_at_its_expiry_and_not_before(market: Market) -> None:
    buyer = await market.buyer()
    wallet = await buyer.redeem_code("GIFT25", key="gift")
    if not await can_move_time(buyer):
        return
    ends = wallet.credits[0].expires_at
    assert ends is not None
    await buyer.move_time(MoveTime(TimeStep.TO_DATE, ends - timedelta(seconds=1)))
    assert (await buyer.get_wallet()).balance == usd("25")
    moved = await buyer.move_time(NEXT)
    assert moved.timeline.now == ends
    assert "credit_expired" in kinds(moved)
    assert (await buyer.get_wallet()).balance == ZERO
    movement = (await buyer.list_movements(MovementQuery())).items[0]
    assert (movement.kind, movement.amount, movement.balance) == (MovementKind.EXPIRY, usd("-25"), ZERO)
