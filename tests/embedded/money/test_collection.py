"""Open invoices: charged to the card, tried again on the calendar, suspended, and restored by any payment."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from services.api.errors import (
    CardDeclined,
    ConfirmationDeclined,
    PaymentUnknown,
    RequestInProgress,
    SubscriptionSuspended,
    WrongState,
)
from services.api.types import (
    BillingDetails,
    ChangeAction,
    Invoice,
    InvoiceQuery,
    InvoiceState,
    PaymentMethod,
    PaymentState,
    SubscriptionState,
    TopUp,
)
from services.db import models as m
from services.db import money_models as mm
from services.domain import dunning
from services.domain.billing import boundary
from services.domain.ledger import AccountKind
from tests.contract.embedded import START
from tests.contract.market import raises
from tests.contract.money import offered
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Crashed, Shop, crash, story, unreachable

RENEWAL = boundary(START, 1)
DAYS = (1, 3, 5, 7)
BAD, HARD = "tok_insufficient_funds", "tok_stolen"


def after(days: float) -> datetime:
    """So long after the first failure."""
    return RENEWAL + timedelta(days=days)


async def with_card(shop: Shop, token: str, plan: str = "starter") -> Life:
    """A subscription whose renewals are charged to this card, just before the first one."""
    life = await Life.begin(shop)
    await life.subscribe(plan)
    await life.change(ChangeAction.SET_PAYMENT_CARD, payment_token=token)
    await life.until(RENEWAL - timedelta(microseconds=1))
    return life


async def newest(life: Life) -> Invoice:
    """The invoice of the renewal."""
    return (await life.buyer.list_invoices(InvoiceQuery())).items[0]


async def state(life: Life) -> SubscriptionState:
    return (await life.one()).state


def made(invoice: Invoice) -> list[tuple[datetime, str, str]]:
    """Its calendar."""
    return [(one.at, one.state, one.error_code) for one in invoice.attempts]


async def happened(shop: Shop, *kinds: str) -> list[tuple[str, datetime]]:
    """What of these was noted, in order."""
    h = mm.HappeningRow
    rows = await shop.rows(sa.select(h.kind, h.at).where(h.kind.in_(kinds)).order_by(h.seq))
    return [(kind, at) for kind, at in rows]


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


# ---- somebody pays


@pytest.mark.parametrize("days", [0, 2, 7, 25])
def test_paying_any_time_restores(shop: Shop, loop: object, days: int) -> None:
    async def whole(shop: Shop) -> None:
        life = await with_card(shop, BAD)
        await life.until(after(days))
        invoice = await newest(life)
        paid = await life.buyer.pay_invoice(invoice.uuid, "tok_visa", key="pay")
        assert (paid.state, paid.amount) == (PaymentState.SUCCEEDED, usd("29"))
        settled = await life.buyer.get_invoice(invoice.uuid)
        assert (settled.state, settled.due, settled.attempts[-1].state) == (InvoiceState.PAID, usd("0"), "succeeded")
        assert "planned" not in [one.state for one in settled.attempts]
        assert await state(life) is SubscriptionState.ACTIVE
        assert [at for _, at in await happened(shop, "restored")] == [shop.clock.now()]
        before = shop.provider.calls["charge"]
        await life.wait(hours=12)
        assert shop.provider.calls["charge"] == before
        await life.check_books()

    story(whole)(shop, loop)  # type: ignore[arg-type]


@story
async def test_a_declined_payment_of_a_person_moves_nothing(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(RENEWAL)
    invoice = await newest(life)
    await raises(CardDeclined, life.buyer.pay_invoice(invoice.uuid, "tok_declined", key="pay"))
    await raises(CardDeclined, life.buyer.pay_invoice(invoice.uuid, "tok_declined", key="pay"))
    assert await life.buyer.get_invoice(invoice.uuid) == invoice
    assert await happened(shop, "payment_failed") == [("payment_failed", RENEWAL)]


@story
async def test_a_lost_answer_charges_once(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(RENEWAL)
    invoice = await newest(life)
    shop.provider.after["charge"] = [unreachable, unreachable, unreachable]
    await raises(PaymentUnknown, life.buyer.pay_invoice(invoice.uuid, "tok_visa", key="pay"))
    await raises(RequestInProgress, life.buyer.pay_invoice(invoice.uuid, "tok_mastercard", key="other"))
    paid = await life.buyer.pay_invoice(invoice.uuid, "tok_visa", key="pay")
    assert paid.state is PaymentState.SUCCEEDED
    await raises(WrongState, life.buyer.pay_invoice(invoice.uuid, "tok_visa", key="again"))
    assert shop.charges() == 2


@story
async def test_the_planned_attempt_waits_for_a_payment_under_way(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(RENEWAL)
    invoice = await newest(life)
    shop.provider.after["charge"] = [unreachable, unreachable, unreachable]
    await raises(PaymentUnknown, life.buyer.pay_invoice(invoice.uuid, "tok_visa", key="pay"))
    calls = shop.provider.calls["charge"]
    await life.until(after(1))
    assert shop.provider.calls["charge"] == calls
    await shop.service.run_due_jobs()
    assert (await life.buyer.get_invoice(invoice.uuid)).state is InvoiceState.PAID
    assert await state(life) is SubscriptionState.ACTIVE
    assert shop.charges() == 2


@story
async def test_another_card_calls_a_confirmation_off(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(RENEWAL)
    invoice = await newest(life)
    waiting = await life.buyer.pay_invoice(invoice.uuid, "tok_needs_confirmation", key="first")
    await life.buyer.pay_invoice(invoice.uuid, "tok_visa", key="second")
    await raises(WrongState, life.buyer.confirm_payment(waiting.payment_uuid, approve=True))
    await raises(ConfirmationDeclined, life.buyer.pay_invoice(invoice.uuid, "tok_needs_confirmation", key="first"))
    assert shop.charges() == 2


@story
async def test_a_confirmation_that_comes_too_late_goes_back(shop: Shop) -> None:
    """The provider could not be told that another card pays, and the buyer approved there."""
    life = await with_card(shop, BAD)
    await life.until(RENEWAL)
    invoice = await newest(life)
    waiting = await life.buyer.pay_invoice(invoice.uuid, "tok_needs_confirmation", key="first")
    shop.provider.before["confirm"] = [unreachable]
    await life.buyer.pay_invoice(invoice.uuid, "tok_visa", key="second")
    late = await life.buyer.confirm_payment(waiting.payment_uuid, approve=True)
    assert late.state is PaymentState.SUCCEEDED
    shop.clock.advance(minutes=1)
    await shop.service.run_due_jobs()
    assert shop.provider.refunded() == usd("29")
    assert (await life.buyer.get_invoice(invoice.uuid)).paid == usd("29")
    assert await life.balance(AccountKind.REFUNDS) == usd("0")
    assert await life.balance(AccountKind.CLEARING) == usd("-58")
    await life.check_books()


@story
async def test_the_default_card_pays_when_none_is_named(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(RENEWAL)
    invoice = await newest(life)
    await life.buyer.pay_invoice(invoice.uuid, "", key="pay")
    assert (await life.buyer.get_invoice(invoice.uuid)).paid_with == "Visa •••• 4242"


@story
async def test_a_card_that_is_gone_is_no_other_card(shop: Shop) -> None:
    life = await with_card(shop, "tok_mastercard")
    await shop.write(sa.delete(m.PaymentCard).where(m.PaymentCard.last4 == "4444"))
    await life.until(RENEWAL)
    assert made(await newest(life))[0] == (RENEWAL, "failed", "payment_profile_needed")
    assert shop.provider.calls["charge"] == 1


@story
async def test_the_planned_attempt_charges_nothing_while_the_buyer_is_to_confirm(shop: Shop) -> None:
    life = await with_card(shop, BAD)
    await life.until(after(1) - timedelta(hours=1))
    invoice = await newest(life)
    waiting = await life.buyer.pay_invoice(invoice.uuid, "tok_needs_confirmation", key="pay")
    await life.until(after(1))
    assert made(await newest(life))[1] == (after(1), "failed", "confirmation_needed")
    assert shop.provider.calls["charge"] == 3
    await life.buyer.confirm_payment(waiting.payment_uuid, approve=True)
    assert await state(life) is SubscriptionState.ACTIVE
    assert made(await newest(life)) == [
        (RENEWAL, "failed", "insufficient_funds"),
        (after(1), "failed", "confirmation_needed"),
        (after(1), "succeeded", ""),
    ]


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
