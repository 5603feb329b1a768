"""A person pays an open invoice: any time, once, with any card, and what was taken away is back."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.api.errors import (
    CardDeclined,
    ConfirmationDeclined,
    PaymentUnknown,
    RequestInProgress,
    WrongState,
)
from services.api.types import (
    InvoiceState,
    PaymentState,
    SubscriptionState,
)
from services.db import models as m
from services.domain.ledger import AccountKind
from tests.contract.market import raises
from tests.embedded.money.lives import usd
from tests.embedded.money.unpaid import BAD, RENEWAL, after, happened, made, newest, state, with_card
from tests.embedded.shop import Shop, story, unreachable


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
async def test_for_a_card_that_is_gone_the_default_pays_and_without_one_nobody(shop: Shop) -> None:
    life = await with_card(shop, "tok_mastercard")
    await shop.write(sa.delete(m.PaymentCard).where(m.PaymentCard.last4 == "4444"))
    await life.until(RENEWAL)
    assert (await newest(life)).paid_with == "Visa •••• 4242"
    await shop.write(sa.delete(m.PaymentCard))
    await life.until(RENEWAL + timedelta(days=31))
    assert made(await newest(life))[0][1:] == ("failed", "payment_profile_needed")
    assert shop.provider.calls["charge"] == 2


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
