"""Refunds by support: previewed as ledger lines, done as previewed, and access is a choice of its own."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.types import (
    BillingCycle,
    Invoice,
    InvoiceQuery,
    PaymentMethod,
    PaymentState,
    RefundReason,
    RefundRequest,
    ResourceState,
    SubscriptionState,
    TopUp,
)
from services.db import models as m
from services.db import money_models as mm
from services.domain.ledger import AccountKind
from services.embedded import inbox
from tests.contract.market import raises
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Shop, story, unreachable


async def paid(shop: Shop) -> tuple[Life, Invoice]:
    life = await Life.begin(shop)
    await life.subscribe()
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    return life, invoice


@story
async def test_the_preview_writes_nothing_and_says_it_all(shop: Shop) -> None:
    life, invoice = await paid(shop)
    before = await shop.rows(sa.select(sa.func.count()).select_from(mm.LedgerTransfer))
    preview = await life.buyer.preview_refund(RefundRequest(invoice.uuid, ends_access=True))
    assert (preview.refundable, preview.amount, preview.goes_to) == (usd("29"), usd("29"), "Visa •••• 4242")
    assert preview.ends == ("Customer Care",)
    assert sum((line.amount for line in preview.lines), usd("0")) == usd("0")
    assert ("clearing", usd("29"), "test") in [(one.account, one.amount, one.sub) for one in preview.lines]
    assert await shop.rows(sa.select(sa.func.count()).select_from(mm.LedgerTransfer)) == before
    assert (await life.one()).state is SubscriptionState.ACTIVE


@story
async def test_a_part_goes_back_and_access_stays(shop: Shop) -> None:
    life, invoice = await paid(shop)
    request = RefundRequest(invoice.uuid, usd("9"), RefundReason.DUPLICATE, "twice")
    preview = await life.buyer.preview_refund(request)
    done = await life.buyer.refund_invoice(request, preview.hash, key="r")
    assert (done.state, done.amount, done.ended) == (PaymentState.SUCCEEDED, usd("9"), ())
    assert done == await life.buyer.refund_invoice(request, preview.hash, key="r")
    assert shop.provider.refunded() == usd("9")
    assert (await life.one()).state is SubscriptionState.ACTIVE
    [order] = await life.buyer.list_orders()
    assert (order.refunded, (await life.buyer.get_account()).spent_this_month) == (usd("9"), usd("20"))
    assert await life.balance(AccountKind.CLEARING) == usd("-20")
    rest = await life.buyer.preview_refund(RefundRequest(invoice.uuid))
    assert rest.refundable == usd("20")
    await life.check_books()


@story
async def test_all_of_it_with_access(shop: Shop) -> None:
    life, invoice = await paid(shop)
    request = RefundRequest(invoice.uuid, ends_access=True)
    done = await life.buyer.refund_invoice(request, (await life.buyer.preview_refund(request)).hash, key="r")
    assert done.ended == ("Customer Care",)
    [resource] = await life.buyer.list_resources()
    assert resource.state is ResourceState.RETIRED
    assert (shop.provider.balance(), await life.balance(AccountKind.CLEARING)) == (usd("0"), usd("0"))
    await raises(errors.WrongState, life.buyer.preview_refund(RefundRequest(invoice.uuid)))
    await life.check_books()


@story
async def test_time_that_passes_before_agreeing_moves_nothing(shop: Shop) -> None:
    life, invoice = await paid(shop)
    shop.clock.advance(seconds=100)
    whole = RefundRequest(invoice.uuid, ends_access=True)
    preview = await life.buyer.preview_refund(whole)
    shop.clock.advance(seconds=100)
    assert (await life.buyer.preview_refund(whole)).lines != preview.lines  # more of it is earned
    done = await life.buyer.refund_invoice(whole, preview.hash, key="r")
    assert done.amount == usd("29")
    await life.check_books()


@story
async def test_what_moved_meanwhile_is_not_done(shop: Shop) -> None:
    life, invoice = await paid(shop)
    whole, part = RefundRequest(invoice.uuid), RefundRequest(invoice.uuid, usd("9"))
    old = await life.buyer.preview_refund(whole)
    await life.buyer.refund_invoice(part, (await life.buyer.preview_refund(part)).hash, key="r")
    await raises(errors.SumMoved, life.buyer.refund_invoice(whole, old.hash, key="s"))
    assert shop.provider.refunded() == usd("9")


@story
async def test_bad_amounts_are_told(shop: Shop) -> None:
    life, invoice = await paid(shop)
    for amount, code in (("0", "not_positive"), ("-1", "not_positive"), ("0.001", "not_whole_minor"),
                         ("29.01", "over_invoice")):  # fmt: skip
        work = life.buyer.preview_refund(RefundRequest(invoice.uuid, usd(amount)))
        await raises(errors.InvalidInput, work, amount=code)
    work = life.buyer.preview_refund(RefundRequest(invoice.uuid, note="x" * 2001))
    await raises(errors.InvalidInput, work, note="too_long")


@story
async def test_a_provider_that_does_not_answer_is_asked_again_and_pays_once(shop: Shop) -> None:
    life, invoice = await paid(shop)
    request = RefundRequest(invoice.uuid)
    preview = await life.buyer.preview_refund(request)
    shop.provider.after["refund"] = [unreachable] * 3
    done = await life.buyer.refund_invoice(request, preview.hash, key="r")
    assert done.state is PaymentState.SENT
    shop.clock.advance(seconds=30)
    await shop.market.run_jobs()
    assert (shop.provider.refunded(), await life.balance(AccountKind.REFUNDS)) == (usd("29"), usd("0"))


@story
async def test_a_stranger_finds_no_invoice(shop: Shop) -> None:
    _, invoice = await paid(shop)
    eve = await shop.market.buyer("eve@example.com", device="device-2")
    await raises(errors.NotFound, eve.preview_refund(RefundRequest(invoice.uuid)))
    await raises(errors.NotFound, eve.refund_invoice(RefundRequest(invoice.uuid), "x", key="k"))


@story
async def test_staff_reads_and_refunds_a_buyers_invoice_and_pays_nothing_for_them(shop: Shop) -> None:
    _, invoice = await paid(shop)
    sales = await shop.market.buyer("sales@souk.example", device="device-2")
    await raises(errors.NotFound, sales.get_invoice(invoice.uuid))
    await shop.write(sa.update(m.User).where(m.User.email == "sales@souk.example").values(is_staff=True))
    assert (await sales.get_invoice(invoice.uuid)).number == invoice.number
    await raises(errors.NotFound, sales.get_invoice("nothing"))
    request = RefundRequest(invoice.uuid, usd("1"))
    assert (await sales.refund_invoice(request, (await sales.preview_refund(request)).hash, key="r")).amount == usd("1")
    await raises(errors.NotFound, sales.pay_invoice(invoice.uuid, "", key="p"))


# ---- money goes back once


@story
async def test_what_a_smaller_plan_gave_as_credit_is_not_given_again(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("pro", billing_cycle=BillingCycle.YEARLY)
    await life.to_plan("starter", cycle=BillingCycle.MONTHLY)
    credit = (await life.buyer.get_wallet()).balance
    assert credit == usd("961")
    first = next(one for one in (await life.buyer.list_invoices(InvoiceQuery())).items if one.total == usd("990"))
    preview = await life.buyer.preview_refund(RefundRequest(first.uuid))
    assert preview.refundable == usd("29")
    with pytest.raises(errors.InvalidInput) as refused:
        await life.buyer.preview_refund(RefundRequest(first.uuid, usd("30")))
    assert refused.value.fields == {"amount": "over_invoice"}
    await life.buyer.refund_invoice(RefundRequest(first.uuid), preview.hash, key="r")
    assert shop.provider.refunded() == usd("29")
    await raises(errors.WrongState, life.buyer.preview_refund(RefundRequest(first.uuid)))
    await life.check_books()


@story
async def test_what_went_back_as_money_is_not_given_as_credit_by_a_smaller_plan(shop: Shop) -> None:
    for part, credit in (("990", "0"), ("100", "861"), ("0.01", "960.99")):
        before, life = shop.provider.balance(), await Life.begin(shop, f"{part}@example.com")
        await life.subscribe("pro", billing_cycle=BillingCycle.YEARLY)
        [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
        request = RefundRequest(invoice.uuid, usd(part))
        await life.buyer.refund_invoice(request, (await life.buyer.preview_refund(request)).hash, key="r")
        await life.to_plan("starter", cycle=BillingCycle.MONTHLY)
        assert (await life.buyer.get_wallet()).balance == usd(credit)
        for one in (await life.buyer.list_invoices(InvoiceQuery())).items:  # the rest goes back once too
            left = RefundRequest(one.uuid)
            if not one.paid.is_zero and one.paid != one.credited:
                await life.buyer.refund_invoice(left, (await life.buyer.preview_refund(left)).hash, key=one.uuid)
        assert shop.provider.balance() - before == usd(credit)
        await life.check_books()


@story
async def test_money_of_an_earlier_period_takes_nothing_from_the_credit_of_this_one(shop: Shop) -> None:
    life, first = await paid(shop)
    await life.wait(days=31)
    request = RefundRequest(first.uuid)
    await life.buyer.refund_invoice(request, (await life.buyer.preview_refund(request)).hash, key="r")
    assert (await shop.rows(sa.select(mm.SubscriptionRow.credited_micros))) == [(0,)]


@story
async def test_what_was_paid_for_a_larger_plan_can_go_back_in_parts_of_both(shop: Shop) -> None:
    life, _ = await paid(shop)
    await life.to_plan("pro")
    for uuid in [one.uuid for one in (await life.buyer.list_invoices(InvoiceQuery())).items if not one.total.is_zero]:
        request = RefundRequest(uuid)
        await life.buyer.refund_invoice(request, (await life.buyer.preview_refund(request)).hash, key=uuid)
    assert (shop.provider.refunded(), shop.provider.balance()) == (usd("99"), usd("0"))
    await life.check_books()


@story
async def test_the_next_periods_money_is_not_held_back_for_credit_of_the_one_before(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("pro")
    await life.wait(days=10)
    await life.to_plan("starter", cycle=BillingCycle.MONTHLY)
    await life.wait(days=90)
    newest, *_ = (await life.buyer.list_invoices(InvoiceQuery())).items
    request = RefundRequest(newest.uuid)
    if newest.total.is_zero:  # paid by credit: nothing of it can go back by card
        await raises(errors.WrongState, life.buyer.preview_refund(request))
    else:
        assert (await life.buyer.preview_refund(request)).refundable == newest.total


@story
async def test_a_payment_its_bank_holds_back_does_not_go_back_a_second_time(shop: Shop) -> None:
    life, invoice = await paid(shop)
    [(charge,)] = await shop.provider._do(lambda db: db.execute("SELECT id FROM charges").fetchall())
    dispute = await shop.provider.open_dispute(charge, usd("20"))
    await inbox.poll(shop.service.core)
    await shop.market.run_jobs()
    refused = await raises(errors.WrongState, life.buyer.preview_refund(RefundRequest(invoice.uuid)))
    assert refused.params == {"state": "disputed"}
    await shop.provider.close_dispute(dispute, "won")
    await inbox.poll(shop.service.core)
    await shop.market.run_jobs()
    assert (await life.buyer.preview_refund(RefundRequest(invoice.uuid))).refundable == usd("29")


@story
async def test_a_payment_that_was_lost_to_the_bank_is_not_refunded(shop: Shop) -> None:
    life, invoice = await paid(shop)
    [(charge,)] = await shop.provider._do(lambda db: db.execute("SELECT id FROM charges").fetchall())
    await shop.provider.close_dispute(await shop.provider.open_dispute(charge, usd("29")), "lost")
    await inbox.poll(shop.service.core)
    await shop.market.run_jobs()
    await raises(errors.WrongState, life.buyer.preview_refund(RefundRequest(invoice.uuid)))
    await life.check_books()


@story
async def test_a_failed_agent_brings_back_only_what_its_plan_has_not_given_as_credit(shop: Shop) -> None:
    for method, (card, credit) in {
        PaymentMethod.CARD: ("29", "961"),
        PaymentMethod.WALLET: ("0", "1010"),  # all that was topped up
    }.items():
        shop.agents.script.failing_steps["agent"] = "no_capacity"
        life = await Life.begin(shop, f"{method}@example.com")
        if method is PaymentMethod.WALLET:
            await life.buyer.top_up(TopUp(usd("1010"), "tok_visa"), key="t")
        await life.subscribe("pro", billing_cycle=BillingCycle.YEARLY, payment_method=method)
        before = shop.provider.refunded()
        await life.to_plan("starter", cycle=BillingCycle.MONTHLY)
        assert life.placed is not None
        await life.buyer.refund_failed(life.placed.resource_uuid)
        assert shop.provider.refunded() - before == usd(card)
        assert (await life.buyer.get_wallet()).balance == usd(credit)
        await life.check_books()


@story
async def test_a_failed_agent_of_a_trial_brings_back_nothing_and_makes_no_invoice(shop: Shop) -> None:
    shop.agents.script.failing_steps["agent"] = "no_capacity"
    life = await Life.begin(shop)
    await life.buyer.top_up(TopUp(usd("100"), "tok_visa"), key="t")
    await life.subscribe("pro", start_trial=True, payment_method=PaymentMethod.WALLET)
    before = await life.buyer.list_invoices(InvoiceQuery())
    assert life.placed is not None
    await life.buyer.refund_failed(life.placed.resource_uuid)
    assert await life.buyer.list_invoices(InvoiceQuery()) == before
    assert (await life.buyer.get_wallet()).balance == usd("100")
    assert (await life.one()).state is SubscriptionState.CANCELED
    await life.check_books()
