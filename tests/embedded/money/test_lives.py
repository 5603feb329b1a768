"""Stories that simulated lives found to go wrong once, each with its exact sums."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from services.api.types import (
    BillingDetails,
    ChangeAction,
    Invoice,
    InvoiceKind,
    InvoiceQuery,
    InvoiceState,
    SubscriptionState,
)
from services.db import money_models as mm
from services.domain.ledger import AccountKind
from tests.contract.embedded import START
from tests.embedded.money.lives import Life, halfway, usd
from tests.embedded.shop import Shop, story

GERMAN = BillingDetails("Lovelace GmbH", ("Torstraße 1",), "DE")
A_DAY = timedelta(days=1)


async def corrected(life: Life) -> Invoice:
    """The first invoice, made out anew: 29.00 become 34.51, of which 5.51 are due in 14 days."""
    first = (await life.buyer.list_invoices(InvoiceQuery())).items[-1]
    made = await life.buyer.correct_invoice(first.uuid, GERMAN, key="correction")
    assert (made.invoice.total, made.invoice.paid, made.invoice.due) == (usd("34.51"), usd("29"), usd("5.51"))
    return made.invoice


async def state(life: Life) -> SubscriptionState:
    return (await life.one()).state


@story
async def test_credited_time_leaves_less_than_a_cent_deferred(shop: Shop) -> None:
    """The old fee is earned up to the cancellation; the credit comes out of the rest."""
    life = await Life.begin(shop)
    await life.subscribe("starter")
    await life.until(START + timedelta(days=16, hours=7, seconds=13))
    await life.change(ChangeAction.CANCEL_NOW)
    assert await life.balance(AccountKind.WALLET_PAID) == usd("13.25")
    assert await life.balance(AccountKind.DEFERRED_REVENUE) == usd("0.001244")  # what rounding to cents kept
    await life.wait(days=60)
    assert await life.balance(AccountKind.DEFERRED_REVENUE) == usd("0")
    assert await life.balance(AccountKind.REVENUE) == usd("15.75")
    await life.check_books()


@story
async def test_time_that_a_pause_moved_is_credited_from_what_was_earned(shop: Shop) -> None:
    """Ten days of thirty are used, thirty paused; what goes back was in part earned while nothing was served."""
    life = await Life.begin(shop)
    await life.subscribe("starter")
    await life.until(START + 10 * A_DAY)
    await life.change(ChangeAction.PAUSE, resume_at=START + 40 * A_DAY)
    await life.until(START + 41 * A_DAY)
    await life.change(ChangeAction.CANCEL_NOW)
    assert await life.balance(AccountKind.WALLET_PAID) == usd("18.37")  # 19 days of 30
    assert await life.balance(AccountKind.REVENUE) == usd("10.63")
    assert await life.balance(AccountKind.DEFERRED_REVENUE) == usd("0")
    await life.check_books()


@story
async def test_the_invoice_of_a_change_can_be_corrected(shop: Shop) -> None:
    """15 days: 14.50 of Starter back, 49.50 of Pro charged; made out to a German address with 19 % on top."""
    life = await halfway(shop)
    await life.to_plan("pro")
    newest = (await life.buyer.list_invoices(InvoiceQuery(kind=InvoiceKind.INVOICE))).items[0]
    assert newest.total == usd("35")
    made = await life.buyer.correct_invoice(newest.uuid, GERMAN, key="correction")
    assert (made.invoice.total, made.invoice.due) == (usd("41.65"), usd("6.65"))
    await life.wait(days=60)
    await life.check_books()


@story
async def test_what_is_unpaid_during_a_pause_is_so_afterwards(shop: Shop) -> None:
    """Nothing is served during the pause, so nothing is taken away before its end."""
    life = await Life.begin(shop)
    await life.subscribe("starter")
    invoice = await corrected(life)
    await life.change(ChangeAction.PAUSE, resume_at=START + 40 * A_DAY)
    await life.until(START + 30 * A_DAY)
    assert (await state(life), (await life.one()).unpaid_invoice_uuid) == (SubscriptionState.PAUSED, invoice.uuid)
    await life.until(START + 40 * A_DAY - timedelta(microseconds=1))
    assert await state(life) is SubscriptionState.PAUSED
    await life.until(START + 40 * A_DAY)
    assert await state(life) is SubscriptionState.SUSPENDED
    await life.buyer.pay_invoice(invoice.uuid, "", key="paid")
    one = await life.one()
    assert (one.state, one.period_end) == (SubscriptionState.ACTIVE, START + 70 * A_DAY)


@story
async def test_a_pause_that_ends_early_leaves_the_time_to_pay(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    invoice = await corrected(life)
    await life.change(ChangeAction.PAUSE, resume_at=START + 40 * A_DAY)
    await life.until(START + 15 * A_DAY)
    await life.change(ChangeAction.RESUME)
    assert await state(life) is SubscriptionState.PAST_DUE
    await life.until(START + 20 * A_DAY)
    assert await state(life) is SubscriptionState.PAST_DUE
    await life.until(START + 21 * A_DAY)
    assert await state(life) is SubscriptionState.SUSPENDED
    await life.buyer.pay_invoice(invoice.uuid, "", key="paid")
    assert await state(life) is SubscriptionState.ACTIVE


@story
async def test_time_without_service_is_a_period_of_its_own(shop: Shop) -> None:
    """Suspended from a week after the renewal, paid late: the periods still tile."""
    life = await Life.begin(shop)
    await life.subscribe("starter", payment_token="tok_visa")
    await life.change(ChangeAction.SET_PAYMENT_CARD, payment_token="tok_insufficient_funds")
    one = await life.one()
    await life.until(one.period_end + 50 * A_DAY)
    assert await state(life) is SubscriptionState.SUSPENDED
    [unpaid] = (await life.buyer.list_invoices(InvoiceQuery(state=InvoiceState.OPEN))).items
    await life.buyer.pay_invoice(unpaid.uuid, "tok_visa", key="paid")
    p = mm.SubscriptionPeriod
    pieces = await shop.rows(sa.select(p.kind, p.start_at, p.end_at).order_by(p.number))
    assert [kind for kind, _, _ in pieces] == ["paid", "paid", "suspended", "paid"]
    assert [end for _, _, end in pieces][:-1] == [start for _, start, _ in pieces][1:]
