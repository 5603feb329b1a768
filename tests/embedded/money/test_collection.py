"""Open invoices: charged to the card, tried again on the calendar, suspended, and restored by any payment."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.api.errors import (
    SubscriptionSuspended,
)
from services.api.types import (
    BillingDetails,
    ChangeAction,
    InvoiceQuery,
    InvoiceState,
    PaymentMethod,
    PaymentState,
    SubscriptionState,
    TopUp,
)
from services.db import money_models as mm
from services.domain import dunning
from services.domain.ledger import AccountKind
from tests.contract.embedded import START
from tests.contract.market import raises
from tests.contract.money import offered
from tests.embedded.money.lives import Life, usd
from tests.embedded.money.unpaid import BAD, DAYS, RENEWAL, after, happened, made, newest, state, with_card
from tests.embedded.shop import Crashed, Shop, crash, story, unreachable

# ---- the first attempt


@story
async def test_a_renewal_is_charged_when_it_is_issued(shop: Shop) -> None:
    life = await with_card(shop, "tok_mastercard")
    await life.until(RENEWAL)
    invoice = await newest(life)
    assert (invoice.state, invoice.paid_with, invoice.paid_at, invoice.attempts) == (
        InvoiceState.PAID, "Mastercard •••• 4444", RENEWAL, (),
    )  # fmt: skip
    assert shop.charges() == 2
    assert await life.balance(AccountKind.RECEIVABLE) == usd("0")
    await life.check_books()


@story
async def test_a_failure_starts_the_calendar_and_takes_nothing_away(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(RENEWAL)
    invoice = await newest(life)
    assert (invoice.state, invoice.due) == (InvoiceState.OPEN, usd("29"))
    assert made(invoice) == [
        (RENEWAL, "failed", "insufficient_funds"),
        *((after(days), "planned", "") for days in DAYS),
    ]
    one = await life.one()
    assert (one.state, one.unpaid_invoice_uuid, one.attempts) == (
        SubscriptionState.PAST_DUE, invoice.uuid, invoice.attempts,
    )  # fmt: skip
    assert await happened(shop, "payment_failed") == [("payment_failed", RENEWAL)]


@story
async def test_it_is_tried_after_one_three_five_and_seven_days_and_then_suspended(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    for number, days in enumerate((0, *DAYS)):
        await life.until(after(days) - timedelta(microseconds=1))
        assert shop.provider.calls["charge"] == 1 + number
        assert await state(life) is (SubscriptionState.PAST_DUE if number else SubscriptionState.ACTIVE)
        await life.until(after(days))
        assert shop.provider.calls["charge"] == 2 + number
    assert await state(life) is SubscriptionState.SUSPENDED
    invoice = await newest(life)
    assert made(invoice) == [(after(days), "failed", "insufficient_funds") for days in (0, *DAYS)]
    assert await happened(shop, "payment_failed", "suspended") == [
        *(("payment_failed", after(days)) for days in (0, *DAYS)), ("suspended", after(7)),
    ]  # fmt: skip
    resource = (await life.one()).resources[0].uuid
    with pytest.raises(SubscriptionSuspended) as caught:
        async for _ in life.buyer.ask(resource, "Hello?", key="call-1"):
            pass
    assert caught.value.params["invoice_uuid"] == invoice.uuid
    await life.wait(days=20)
    assert shop.provider.calls["charge"] == 6


@story
async def test_one_long_step_ends_as_many_short_ones(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(after(30))
    invoice = await newest(life)
    assert made(invoice) == [(after(days), "failed", "insufficient_funds") for days in (0, *DAYS)]
    assert await happened(shop, "suspended") == [("suspended", after(7))]


@story
async def test_a_retry_that_succeeds_ends_the_calendar(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(after(1))
    await life.change(ChangeAction.SET_PAYMENT_CARD, payment_token="tok_visa")
    await life.until(after(30) - timedelta(days=1))
    invoice = (await life.buyer.list_invoices(InvoiceQuery())).items[0]
    assert (invoice.state, invoice.paid_at) == (InvoiceState.PAID, after(3))
    assert made(invoice) == [
        (RENEWAL, "failed", "insufficient_funds"),
        (after(1), "failed", "insufficient_funds"),
        (after(3), "succeeded", ""),
    ]
    assert await state(life) is SubscriptionState.ACTIVE
    assert await happened(shop, "restored", "suspended") == [("restored", after(3))]
    assert (await life.one()).unpaid_invoice_uuid == ""


@story
async def test_a_card_that_wants_a_confirmation_has_failed(shop: Shop) -> None:
    life = await with_card(shop, "tok_needs_confirmation")
    await life.until(RENEWAL)
    invoice = await newest(life)
    assert made(invoice)[0] == (RENEWAL, "action_required", "confirmation_needed")
    assert await state(life) is SubscriptionState.PAST_DUE
    paid = await life.buyer.pay_invoice(invoice.uuid, "tok_needs_confirmation", key="pay")
    assert paid.action is not None
    done = await life.buyer.confirm_payment(paid.payment_uuid, approve=True)
    assert done.state is PaymentState.SUCCEEDED
    assert await state(life) is SubscriptionState.ACTIVE
    assert shop.charges() == 2


@story
async def test_a_hard_decline_is_not_tried_again(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    shop.provider.declines["insufficient_funds"] = next(iter(dunning.HARD_DECLINES))
    await life.until(RENEWAL)
    assert made(await newest(life)) == [(RENEWAL, "failed", next(iter(dunning.HARD_DECLINES)))]
    await life.until(after(7) - timedelta(microseconds=1))
    assert await state(life) is SubscriptionState.PAST_DUE
    await life.until(after(7))
    assert await state(life) is SubscriptionState.SUSPENDED
    assert shop.provider.calls["charge"] == 2


@story
async def test_a_refusal_without_a_reason_is_one_attempt(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    shop.provider.declines["insufficient_funds"] = ""
    await life.until(after(1))
    assert made(await newest(life))[:2] == [
        (RENEWAL, "failed", "payment_failed"),
        (after(1), "failed", "payment_failed"),
    ]
    assert shop.provider.calls["charge"] == 3


@story
async def test_a_hard_decline_later_ends_the_retries(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(after(1))
    shop.provider.declines["insufficient_funds"] = "lost_card"
    await life.until(after(10))
    assert made(await newest(life)) == [
        (RENEWAL, "failed", "insufficient_funds"),
        (after(1), "failed", "insufficient_funds"),
        (after(3), "failed", "lost_card"),
    ]
    assert await happened(shop, "suspended") == [("suspended", after(7))]


# ---- crashes


@story
async def test_a_crash_before_the_charge_charges_once(shop: Shop) -> None:
    life = await with_card(shop, "tok_mastercard")
    shop.provider.before["charge"] = [crash]
    await raises(Crashed, life.until(RENEWAL))
    await shop.restart(minutes=5)
    await shop.service.run_due_jobs()
    assert await shop.value(sa.select(mm.InvoiceRow.state).order_by(mm.InvoiceRow.number.desc()).limit(1)) == "paid"
    assert shop.charges() == 2


@story
async def test_a_crash_after_the_charge_charges_once(shop: Shop) -> None:
    life = await with_card(shop, "tok_mastercard")
    shop.provider.after["charge"] = [crash]
    await raises(Crashed, life.until(RENEWAL))
    await shop.restart(minutes=5)
    await shop.service.run_due_jobs()
    rows = await shop.rows(sa.select(mm.InvoiceRow.state, mm.InvoiceRow.paid_at).order_by(mm.InvoiceRow.number.desc()))
    assert rows[0] == ("paid", RENEWAL)
    assert shop.charges() == 2


@story
async def test_the_same_attempt_goes_on_where_a_crash_left_it(shop: Shop) -> None:
    """Before anybody has swept: the intent that was saved is sent, not another one."""
    life = await with_card(shop, "tok_mastercard")
    shop.provider.before["charge"] = [crash]
    await raises(Crashed, life.until(RENEWAL))
    await life.wait(minutes=5)
    assert (await newest(life)).paid_at == RENEWAL
    assert await shop.value(sa.select(sa.func.count()).select_from(mm.PaymentIntent)) == 1


@story
async def test_an_attempt_is_made_once_though_the_crash_came_after_its_outcome(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(RENEWAL)
    await shop.write(sa.update(mm.DueItem).where(mm.DueItem.kind == "collect").values(done_at=None, leased_until=None))
    await life.wait(hours=1)
    assert shop.provider.calls["charge"] == 2
    assert made(await newest(life))[1] == (after(1), "planned", "")


@story
async def test_an_attempt_that_never_reached_the_provider_is_made_again(shop: Shop) -> None:
    life = await with_card(shop, "tok_mastercard")
    shop.provider.before["charge"] = [unreachable, unreachable, unreachable]
    await life.until(RENEWAL)
    assert (await newest(life)).state is InvoiceState.OPEN
    shop.clock.advance(minutes=5)
    await shop.service.run_due_jobs()
    invoice = await newest(life)
    assert (invoice.state, invoice.paid_at, invoice.attempts) == (InvoiceState.PAID, RENEWAL, ())
    assert await happened(shop, "payment_failed") == []
    assert shop.charges() == 2


@story
async def test_an_unknown_outcome_is_settled_at_its_own_instant(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    shop.provider.after["charge"] = [unreachable, unreachable, unreachable]
    await life.until(RENEWAL)
    assert await state(life) is SubscriptionState.ACTIVE
    shop.clock.advance(minutes=5)
    await shop.service.run_due_jobs()
    assert made(await newest(life))[0] == (RENEWAL, "failed", "insufficient_funds")
    assert await state(life) is SubscriptionState.PAST_DUE


# ---- nothing to take away, nothing to give back


@story
async def test_what_was_cancelled_stays_so_and_is_still_owed(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(after(2))
    invoice = await newest(life)
    await life.change(ChangeAction.CANCEL_NOW)
    await life.until(after(8))
    assert await happened(shop, "suspended") == []
    assert (await life.buyer.get_invoice(invoice.uuid)).state is InvoiceState.OPEN
    await life.buyer.pay_invoice(invoice.uuid, "tok_visa", key="pay")
    assert await state(life) is SubscriptionState.CANCELED
    assert await happened(shop, "restored") == []
    await life.check_books()


# ---- from the wallet, and on account


@story
async def test_a_wallet_that_is_filled_again_pays_without_tax(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.buyer.set_billing_details(BillingDetails("Ada", country="DE"))
    await life.buyer.top_up(TopUp(usd("40"), "tok_visa"), key="credit")
    await life.subscribe("starter", payment_method=PaymentMethod.WALLET)
    await life.until(RENEWAL)
    invoice = await newest(life)
    assert (invoice.state, invoice.attempts[0].error_code) == (InvoiceState.OPEN, "insufficient_credit")
    await life.buyer.top_up(TopUp(usd("40"), "tok_visa"), key="more")
    await life.until(after(1))
    old = await life.buyer.get_invoice(invoice.uuid)
    new = await life.buyer.get_invoice(old.replaced_by_uuid)
    assert (old.state, new.state, new.total, new.credit_applied) == (
        InvoiceState.VOID, InvoiceState.PAID, usd("0"), usd("29"),
    )  # fmt: skip
    assert (await life.buyer.get_wallet()).balance == usd("22")
    assert await state(life) is SubscriptionState.ACTIVE
    await life.until(after(8))
    assert await state(life) is SubscriptionState.ACTIVE
    await life.check_books()


@story
async def test_an_invoice_on_account_is_suspended_seven_days_after_it_was_due(shop: Shop) -> None:
    life = await Life.begin(shop)
    quote = await offered(shop.market, life.buyer, "450", net_days=14)
    life.placed = await life.buyer.accept_quote(quote.uuid, key="accept")
    due_at = START + timedelta(days=14)
    await life.until(due_at - timedelta(microseconds=1))
    assert await state(life) is SubscriptionState.ACTIVE
    await life.until(due_at)
    invoice = await newest(life)
    assert await state(life) is SubscriptionState.PAST_DUE
    assert (invoice.due_at, invoice.attempts) == (due_at, ())
    await life.until(due_at + timedelta(days=7))
    assert await state(life) is SubscriptionState.SUSPENDED
    assert shop.provider.calls["charge"] == 0
    await life.buyer.pay_invoice(invoice.uuid, "tok_visa", key="pay")
    assert await state(life) is SubscriptionState.ACTIVE


@story
async def test_paid_in_time_on_account_is_never_late(shop: Shop) -> None:
    life = await Life.begin(shop)
    quote = await offered(shop.market, life.buyer, "450", net_days=14)
    life.placed = await life.buyer.accept_quote(quote.uuid, key="accept")
    await life.buyer.pay_invoice((await newest(life)).uuid, "tok_visa", key="pay")
    await life.until(START + timedelta(days=25))
    assert await state(life) is SubscriptionState.ACTIVE
    assert await happened(shop, "payment_failed", "suspended") == []


# ---- corrections buy no time


@story
async def test_other_details_hand_the_calendar_over(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(after(2))
    old = await newest(life)
    done = await life.buyer.correct_invoice(old.uuid, BillingDetails("Ada", country="DE"), key="correct")
    assert (done.invoice.state, done.invoice.due, done.invoice.due_at) == (InvoiceState.OPEN, usd("34.51"), RENEWAL)
    assert done.invoice.attempts == old.attempts
    one = await life.one()
    assert (one.state, one.unpaid_invoice_uuid) == (SubscriptionState.PAST_DUE, done.invoice.uuid)
    await life.until(after(7))
    new = await life.buyer.get_invoice(done.invoice.uuid)
    assert [at for at, _, _ in made(new)] == [after(days) for days in (0, *DAYS)]
    assert await state(life) is SubscriptionState.SUSPENDED
    await life.buyer.pay_invoice(new.uuid, "tok_visa", key="pay")
    assert await state(life) is SubscriptionState.ACTIVE
    await life.check_books()


@story
async def test_with_two_unpaid_invoices_both_must_be_paid(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(RENEWAL)
    first = await newest(life)
    # a second one, as a usage invoice of a yearly plan would be
    i = mm.InvoiceRow
    row = (await shop.rows(sa.select(*i.__table__.c).where(i.uuid == first.uuid)))[0]
    values = dict(zip(i.__table__.c.keys(), row, strict=True))
    second = "f" * 32
    await shop.write(sa.insert(i).values(values | {"uuid": second, "number": "SK-2026-000900"}))
    await life.buyer.pay_invoice(first.uuid, "tok_visa", key="first")
    one = await life.one()
    assert (one.state, one.unpaid_invoice_uuid) == (SubscriptionState.PAST_DUE, second)
    await life.buyer.pay_invoice(second, "tok_visa", key="second")
    assert await state(life) is SubscriptionState.ACTIVE
