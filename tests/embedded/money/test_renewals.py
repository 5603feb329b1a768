"""The price list, month by month on the real service: every amount below was worked out by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from services.api.types import (
    BillingCycle,
    ChangeAction,
    InvoiceQuery,
    InvoiceState,
    PaymentMethod,
    ResourceState,
    SubscriptionState,
    TopUp,
    UsagePayment,
)
from services.db import money_models as mm
from services.domain.billing import boundary
from services.domain.ledger import AccountKind
from services.embedded.money import due, renewals
from tests.contract.embedded import START
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Shop, story

PERIODS = sa.select(
    mm.SubscriptionPeriod.kind, mm.SubscriptionPeriod.start_at, mm.SubscriptionPeriod.end_at,
    mm.SubscriptionPeriod.fee_micros,
).order_by(mm.SubscriptionPeriod.number)  # fmt: skip


async def months_of(life: Life, number: int) -> None:
    """So many months from the start, to the hour after each boundary."""
    for month in range(1, number + 1):
        await life.until(boundary(START, month) + timedelta(hours=2))


# ---- plain renewals


@story
async def test_a_renewal_says_its_sum_and_opens_the_invoice_it_made(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    await months_of(life, 1)
    told = next(one for one in await life.buyer.list_happenings() if one.kind == "renewed")
    assert (told.params["name"], told.params["amount_micros"], told.params["currency"]) == (
        "Customer Care",
        29_000_000,
        "USD",
    )
    assert (await life.buyer.explain(told.ref)).amount == usd("29")
    assert told.ref.startswith("invoice:")


@story
async def test_a_plan_is_charged_in_advance_every_month(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    await months_of(life, 3)
    assert await life.totals() == ["29.00", "29.00", "29.00", "29.00"]
    one = await life.one()
    assert (one.period_start, one.period_end) == (boundary(START, 3), boundary(START, 4))
    assert (one.state, one.next_charge, one.next_charge_at) == (
        SubscriptionState.ACTIVE,
        usd("29"),
        boundary(START, 4),
    )
    assert shop.charges() == 4
    await life.check_books()


@story
async def test_calls_beyond_the_included_are_on_the_next_invoice(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    await life.wait(days=3)
    await life.call(4, used=999)  # the 1,000th is included, three cost $0.01
    upcoming = await life.one()
    assert upcoming.next_charge == usd("29.03")
    await months_of(life, 2)
    assert await life.totals() == ["29.00", "29.03", "29.00"]
    await life.check_books()


@story
async def test_a_fraction_of_a_cent_is_rounded_once_on_the_line(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("pro")
    await life.call(3, used=10_000)  # 3 x $0.008 = $0.024
    await months_of(life, 1)
    assert await life.totals() == ["99.00", "99.02"]


@story
async def test_an_allowance_is_new_every_month(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    await life.call(2, used=999)
    await months_of(life, 1)
    await life.call(2)
    await months_of(life, 2)
    assert await life.totals() == ["29.00", "29.01", "29.00"]


@story
async def test_calls_told_within_the_hour_still_join_and_later_ones_come_on_the_next(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    await life.wait(days=3)
    await life.call(2, used=1000)
    await life.until(boundary(START, 1) + timedelta(minutes=59))
    assert await life.totals() == ["29.00"]  # the draft waits
    assert await shop.value(sa.select(mm.InvoiceRow.total_micros).where(mm.InvoiceRow.state == "draft")) == 29_020_000
    await life.call(1, at=boundary(START, 1) - timedelta(minutes=1))
    await life.until(boundary(START, 1) + timedelta(hours=1))
    assert await life.totals() == ["29.00", "29.03"]
    await life.call(1, at=boundary(START, 1) - timedelta(minutes=2))
    await months_of(life, 2)
    assert await life.totals() == ["29.00", "29.03", "29.01"]
    kinds = sa.select(mm.InvoiceLineRow.kind).where(mm.InvoiceLineRow.parent_uuid == "")
    assert [kind for (kind,) in await shop.rows(kinds)].count("late_usage") == 1


@story
async def test_without_calls_the_invoice_is_final_at_the_boundary(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    await life.until(boundary(START, 1) - timedelta(microseconds=1))
    assert await life.totals() == ["29.00"]
    await life.until(boundary(START, 1))
    assert await life.totals() == ["29.00", "29.00"]


@story
async def test_a_year_is_charged_once_and_its_calls_every_month(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("pro", billing_cycle=BillingCycle.YEARLY)
    await months_of(life, 2)
    await life.call(125, used=10_000)  # 125 x $0.008 = $1.00
    one = await life.one()
    assert (one.next_charge, one.next_charge_at) == (usd("1"), boundary(START, 3))
    await months_of(life, 11)
    assert await life.totals() == ["990.00", "1.00"]
    one = await life.one()
    assert (one.next_charge, one.next_charge_at) == (usd("990"), boundary(START, 12))
    await months_of(life, 12)
    assert await life.totals() == ["990.00", "1.00", "990.00"]
    await life.check_books()


@story
async def test_the_anchor_is_kept_through_short_months(shop: Shop) -> None:
    shop.clock.advance(seconds=(datetime(2027, 1, 31, 9, 30, tzinfo=UTC) - START).total_seconds())
    life = await Life.begin(shop)
    await life.subscribe("starter")
    ends = []
    for _ in range(3):
        one = await life.one()
        ends.append(one.period_end)
        await life.until(one.period_end)
    assert [end.day for end in ends] == [28, 31, 30]
    assert await life.totals() == ["29.00"] * 4


@story
async def test_one_long_step_is_many_short_ones(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter", coupon="WELCOME20")
    await life.call(5, used=1000)
    await life.wait(days=119)
    assert await life.totals() == ["23.20", "23.25", "23.20", "29.00"]
    assert (await life.one()).period_start == boundary(START, 3)


@story
async def test_free_plans_and_paying_by_use_renew_without_an_invoice(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("free", "brand-translator", payment_token="")
    await months_of(life, 2)
    assert await life.totals() == []
    assert (await life.one()).period_start == boundary(START, 2)


@story
async def test_pay_per_use_is_invoiced_every_month_it_is_used(shop: Shop) -> None:
    life = await Life.begin(shop)
    one = await life.subscribe("pay_per_use", "account-researcher")
    assert one.usage_payment is UsagePayment.POSTPAID
    await life.call(3)
    await months_of(life, 2)
    assert await life.totals() == ["0.06"]


# ---- coupons


@pytest.mark.parametrize(
    ("code", "plan", "cycle", "totals"),
    [
        ("WELCOME20", "starter", BillingCycle.MONTHLY, ["23.20", "23.20", "23.20", "29.00"]),
        ("WELCOME20", "pro", BillingCycle.MONTHLY, ["79.20", "79.20", "79.20", "99.00"]),
        ("TENOFF", "starter", BillingCycle.MONTHLY, ["19.00", "29.00", "29.00", "29.00"]),
        ("FOREVER5", "starter", BillingCycle.MONTHLY, ["27.55", "27.55", "27.55", "27.55"]),
        ("WELCOME20", "starter", BillingCycle.YEARLY, ["232.00"]),
    ],
)
def test_a_coupon_lasts_as_long_as_it_says(
    shop: Shop, loop: asyncio.Runner, code: str, plan: str, cycle: BillingCycle, totals: list[str]
) -> None:
    @story
    async def run(shop: Shop) -> None:
        life = await Life.begin(shop)
        await life.subscribe(plan, coupon=code, billing_cycle=cycle)
        await months_of(life, 3)
        assert await life.totals() == totals
        await life.check_books()

    run(shop, loop)


@story
async def test_a_coupon_of_three_months_covers_one_year(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter", coupon="WELCOME20", billing_cycle=BillingCycle.YEARLY)
    await months_of(life, 12)
    assert await life.totals() == ["232.00", "290.00"]


# ---- trials


@story
async def test_a_trial_is_charged_at_its_end_and_anchored_there(shop: Shop) -> None:
    life = await Life.begin(shop)
    one = await life.subscribe("pro", start_trial=True)
    ends = START + timedelta(days=14)
    assert (one.state, one.period_end, await life.totals()) == (SubscriptionState.TRIALING, ends, [])
    await life.until(ends - timedelta(days=3) - timedelta(seconds=1))
    assert "trial_reminder" not in [told.kind for told in await life.buyer.list_happenings()]
    await life.wait(seconds=1)
    [reminder] = [told for told in await life.buyer.list_happenings() if told.kind == "trial_reminder"]
    assert (reminder.params["amount_micros"], reminder.at) == (99_000_000, ends - timedelta(days=3))
    await life.until(ends)
    one = await life.one()
    assert (one.state, one.trial_ends_at) == (SubscriptionState.ACTIVE, None)
    assert (one.period_start, one.period_end) == (ends, boundary(ends, 1))
    await life.until(boundary(ends, 1))
    assert await life.totals() == ["99.00", "99.00"]
    kinds = [(kind, fee) for kind, _, _, fee in await shop.rows(PERIODS)]
    assert kinds == [("trial", 0), ("paid", 99_000_000), ("paid", 99_000_000)]
    await life.check_books()


@story
async def test_a_coupon_begins_with_the_first_charge_of_a_trial(shop: Shop) -> None:
    life = await Life.begin(shop)
    one = await life.subscribe("pro", start_trial=True, coupon="TENOFF")
    assert one.next_charge == usd("89")
    await life.wait(days=60)
    assert await life.totals() == ["89.00", "99.00"]


@story
async def test_a_trial_that_is_canceled_costs_nothing(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("pro", start_trial=True)
    waiting = (await life.change(ChangeAction.CANCEL_AT_END)).subscription
    assert (waiting.state, waiting.next_charge) == (SubscriptionState.TRIALING, None)
    await life.wait(days=14)
    one = await life.one()
    assert (one.state, one.ended_at) == (SubscriptionState.CANCELED, START + timedelta(days=14))
    assert await life.totals() == []
    assert [resource.state for resource in await life.buyer.list_resources()] == [ResourceState.RETIRED]


@story
async def test_another_plan_during_a_trial_costs_nothing_and_keeps_its_end(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("pro", start_trial=True)
    await life.wait(days=2)
    done = await life.to_plan("starter")
    assert (done.payment, done.subscription.state) == (None, SubscriptionState.TRIALING)
    assert (done.subscription.trial_ends_at, done.subscription.next_charge) == (START + timedelta(days=14), usd("29"))
    await life.wait(days=12)
    assert await life.totals() == ["29.00"]


# ---- from the wallet


@story
async def test_a_wallet_that_holds_too_little_pays_its_part_and_the_rest_is_owed(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.buyer.top_up(TopUp(usd("39"), "tok_visa"), key="credit")
    await life.subscribe("starter", payment_method=PaymentMethod.WALLET)
    await life.until(boundary(START, 1))
    one = await life.one()
    invoice = await life.buyer.get_invoice(one.unpaid_invoice_uuid)
    assert (one.state, invoice.credit_applied, invoice.due) == (SubscriptionState.PAST_DUE, usd("10"), usd("19"))
    assert (await life.buyer.get_wallet()).balance == usd("0")
    await life.buyer.pay_invoice(invoice.uuid, "tok_visa", key="pay")
    assert (await life.one()).state is SubscriptionState.ACTIVE
    await life.check_books()


@story
async def test_a_card_that_takes_the_place_of_the_wallet_before_the_invoice_is_final_pays_it(shop: Shop) -> None:
    """The program was killed between drafting the invoice and making it final."""
    life = await Life.begin(shop)
    await life.buyer.top_up(TopUp(usd("39"), "tok_visa"), key="credit")
    await life.subscribe("starter", payment_method=PaymentMethod.WALLET)
    shop.clock.advance(seconds=(boundary(START, 1) - shop.clock.now()).total_seconds())

    def draft(connection: sa.Connection) -> None:
        item = due.next_event(connection)
        assert item is not None
        renewals.on_period(shop.service.core, connection, item)
        due.finish(connection, item.key, shop.clock.now())

    await shop.db.run(draft)
    await life.change(ChangeAction.SET_PAYMENT_CARD, payment_token="tok_visa")
    await life.until(boundary(START, 1))
    one = await life.one()
    newest = (await life.buyer.list_invoices(InvoiceQuery())).items[0]
    assert (one.state, newest.state) == (SubscriptionState.ACTIVE, InvoiceState.PAID)
    assert (newest.total, newest.credit_applied, newest.paid_with) == (usd("29"), usd("0"), "Visa •••• 4242")
    assert (await life.buyer.get_wallet()).balance == usd("10")
    await life.check_books()


# ---- the books


@story
async def test_what_is_paid_in_advance_is_earned_by_the_end(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    assert await life.balance(AccountKind.DEFERRED_REVENUE) == usd("29")
    await life.until(boundary(START, 1))
    assert await life.balance(AccountKind.REVENUE) == usd("29")
    assert await life.balance(AccountKind.DEFERRED_REVENUE) == usd("29")  # of the next month


@story
async def test_periods_tile_time(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    await life.wait(days=10)
    await life.to_plan("pro")
    await life.wait(days=40)
    await life.to_year()
    await life.wait(days=400)
    pieces = [(start, end) for _, start, end, _ in await shop.rows(PERIODS)]
    assert pieces[0][0] == START
    assert all(before[1] == after[0] for before, after in pairwise(pieces))
    assert all(start < end for start, end in pieces)
    await life.check_books()
