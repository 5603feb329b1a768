"""Sixty seconds to change one's mind: the money is held at once and taken when they are over."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.contract import Service
from services.api.types import (
    BillingCycle,
    BillingDetails,
    BillingModel,
    InvoiceKind,
    InvoiceQuery,
    InvoiceState,
    Order,
    OrderState,
    PaymentState,
    Placed,
    QuickCheckout,
    RefundRequest,
    ResourceState,
    SubscriptionState,
)
from services.db import models as m
from services.db import money_models as mm
from services.domain.ledger import AccountKind
from services.embedded import inbox
from services.embedded.money import captures
from services.gateways.payments import SUCCEEDED, Charge
from tests.contract.market import raises
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Crashed, Shop, crash, story, unreachable

P = m.PaymentRow
ONE_MINUTE = 60


async def bought(shop: Shop) -> tuple[Life, Placed]:
    """Bought by card a moment ago."""
    market = await shop.open_pages(undo_s=ONE_MINUTE)
    life = await Life.begin(shop)
    placed = await market.buy(life.buyer, await life.order())
    return life, placed


async def order_of(buyer: Service) -> Order:
    [order] = await buyer.list_orders()
    return order


async def books(life: Life) -> list[str]:
    """What is at the provider by our books, what is owed to buyers, what they owe."""
    kinds = (AccountKind.CLEARING, AccountKind.REFUNDS, AccountKind.RECEIVABLE)
    return [str((await life.balance(kind)).micros) for kind in kinds]


def micros(amount: str) -> str:
    return str(usd(amount).micros)


@story
async def test_the_agent_is_there_before_the_money_is_taken(shop: Shop) -> None:
    life, placed = await bought(shop)
    order = await order_of(life.buyer)
    assert (order.payment_state, order.state) == (PaymentState.AUTHORIZED, OrderState.DONE)
    assert order.undo_until is not None
    assert (order.undo_until - shop.clock.now()).total_seconds() == ONE_MINUTE
    assert (await life.buyer.get_resource(placed.resource_uuid)).state is ResourceState.READY
    assert (shop.provider.balance(), shop.provider.held()) == (usd("0"), order.total)
    shop.clock.advance(seconds=ONE_MINUTE)
    await shop.market.run_jobs()
    order = await order_of(life.buyer)
    assert (order.payment_state, order.undo_until) == (PaymentState.SUCCEEDED, None)
    assert (shop.provider.balance(), shop.provider.held()) == (order.total, usd("0"))
    await life.check_books()


@story
async def test_taken_back_nothing_is_charged_and_nothing_is_left(shop: Shop) -> None:
    life, placed = await bought(shop)
    order = await life.buyer.cancel_order(placed.order_uuid)
    assert (order.state, order.payment_state, order.undo_until) == (OrderState.CANCELED, PaymentState.CANCELED, None)
    assert order.refunded == order.total
    assert (await life.buyer.get_resource(placed.resource_uuid)).state is ResourceState.RETIRED
    [subscription] = await life.buyer.list_subscriptions()
    assert subscription.state is SubscriptionState.CANCELED
    assert (shop.provider.balance(), shop.provider.held(), shop.charges()) == (usd("0"), usd("0"), 0)
    assert await books(life) == ["0", "0", "0"]
    shop.clock.advance(minutes=5)
    await shop.market.run_jobs()
    assert (shop.provider.balance(), shop.provider.calls["capture"]) == (usd("0"), 0)
    await life.check_books()
    await raises(errors.WrongState, life.buyer.cancel_order(placed.order_uuid))


@story
async def test_after_the_minute_it_is_too_late(shop: Shop) -> None:
    life, placed = await bought(shop)
    shop.clock.advance(seconds=ONE_MINUTE)
    await raises(errors.WrongState, life.buyer.cancel_order(placed.order_uuid))
    await shop.market.run_jobs()
    await raises(errors.WrongState, life.buyer.cancel_order(placed.order_uuid))
    assert shop.provider.balance() == usd("29")


@story
async def test_while_it_is_being_taken_nobody_takes_it_back(shop: Shop) -> None:
    life, placed = await bought(shop)
    shop.provider.before["capture"] = [crash]
    shop.clock.advance(seconds=ONE_MINUTE)
    with pytest.raises(Crashed):
        await shop.market.run_jobs()
    await shop.restart()
    life.buyer = shop.service.for_actor(life.buyer.actor)
    await raises(errors.WrongState, life.buyer.cancel_order(placed.order_uuid))
    shop.clock.advance(seconds=40)
    await shop.market.run_jobs()
    assert shop.provider.balance() == usd("29")


@story
async def test_a_provider_that_does_not_answer_is_asked_again(shop: Shop) -> None:
    life, _ = await bought(shop)
    shop.provider.after["capture"] = [unreachable] * 3
    shop.clock.advance(seconds=ONE_MINUTE)
    await shop.market.run_jobs()
    assert (await order_of(life.buyer)).payment_state is PaymentState.AUTHORIZED
    shop.clock.advance(minutes=2)
    await shop.market.run_jobs()
    assert (await order_of(life.buyer)).payment_state is PaymentState.SUCCEEDED
    assert shop.provider.balance() == usd("29")


@story
async def test_letting_go_unheard_is_done_by_the_sweep(shop: Shop) -> None:
    life, placed = await bought(shop)
    shop.provider.before["refund"] = [unreachable] * 3
    await life.buyer.cancel_order(placed.order_uuid)
    assert shop.provider.held() == usd("29")
    shop.clock.advance(seconds=30)
    await shop.market.run_jobs()
    assert (shop.provider.held(), await books(life)) == (usd("0"), ["0", "0", "0"])
    await life.check_books()


@story
async def test_a_hold_that_is_gone_leaves_the_invoice_unpaid_and_paying_it_restores(shop: Shop) -> None:
    life, _ = await bought(shop)
    await shop.provider.lose_hold(await shop.value(sa.select(P.charge_id)))
    shop.clock.advance(seconds=ONE_MINUTE)
    await shop.market.run_jobs()
    [subscription] = await life.buyer.list_subscriptions()
    assert subscription.state is SubscriptionState.PAST_DUE
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    assert invoice.due == usd("29")
    await life.check_books()
    await life.buyer.pay_invoice(invoice.uuid, await shop.market.card(), key="again")
    [subscription] = await life.buyer.list_subscriptions()
    assert subscription.state is SubscriptionState.ACTIVE
    assert shop.provider.balance() == usd("29")
    await life.check_books()


@story
async def test_a_failed_deployment_is_paid_back_once_the_money_was_taken(shop: Shop) -> None:
    market = await shop.open_pages(undo_s=ONE_MINUTE)
    life = await Life.begin(shop)
    shop.agents.script.failing_steps["check"] = "no_capacity"
    placed = await market.buy(life.buyer, await life.order())
    assert (await life.buyer.get_resource(placed.resource_uuid)).state is ResourceState.FAILED
    await life.buyer.refund_failed(placed.resource_uuid)
    assert shop.provider.held() == usd("29")
    shop.clock.advance(minutes=5)
    await shop.market.run_jobs()
    shop.clock.advance(minutes=5)
    await shop.market.run_jobs()
    assert (shop.provider.balance(), shop.provider.held()) == (usd("0"), usd("0"))
    await life.check_books()


@story
async def test_a_free_order_and_one_from_the_wallet_are_not_held(shop: Shop) -> None:
    market = await shop.open_pages(undo_s=ONE_MINUTE)
    buyer = await market.buyer()
    offering, plan = await market.plan(BillingModel.FREE)
    await market.buy(buyer, QuickCheckout(offering.card.uuid, plan.uuid, terms_accepted=True))
    assert (await order_of(buyer)).undo_until is None


@story
async def test_a_refund_by_support_waits_until_the_money_is_taken(shop: Shop) -> None:
    life, _ = await bought(shop)
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    request = RefundRequest(invoice.uuid, usd("9"))
    done = await life.buyer.refund_invoice(request, (await life.buyer.preview_refund(request)).hash, key="r")
    assert done.state is PaymentState.SENT
    shop.clock.advance(seconds=ONE_MINUTE)
    await shop.market.run_jobs()
    shop.clock.advance(seconds=30)
    await shop.market.run_jobs()
    assert shop.provider.balance() == usd("20")
    await life.check_books()


@story
async def test_what_goes_back_of_a_hold_goes_back_of_the_payment_it_became(shop: Shop) -> None:
    """A provider may call the payment by another name than the hold."""
    life, _ = await bought(shop)
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    request = RefundRequest(invoice.uuid, usd("9"))
    await life.buyer.refund_invoice(request, (await life.buyer.preview_refund(request)).hash, key="r")
    key, held = await shop.value(sa.select(P.key)), await shop.value(sa.select(P.charge_id))
    order, core, taken = await order_of(life.buyer), shop.service.core, Charge("ch_taken", SUCCEEDED, usd("29"))
    await shop.db.run(lambda connection: captures.record(core, connection, order.uuid, key, taken))
    n = mm.PaymentIntent
    assert held != "ch_taken"
    assert await shop.value(sa.select(n.charge_id).where(n.purpose == "refund")) == "ch_taken"


@story
async def test_a_hold_that_is_gone_after_all_was_credited_owes_nothing_to_anybody(shop: Shop) -> None:
    life, _ = await bought(shop)
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    request = RefundRequest(invoice.uuid)
    await life.buyer.refund_invoice(request, (await life.buyer.preview_refund(request)).hash, key="r")
    await shop.provider.lose_hold(await shop.value(sa.select(P.charge_id)))
    shop.clock.advance(seconds=ONE_MINUTE)
    await shop.market.run_jobs()
    shop.clock.advance(seconds=30)
    await shop.market.run_jobs()
    assert (await books(life), shop.provider.balance()) == (["0", "0", "0"], usd("0"))
    await life.check_books()


@story
async def test_a_hold_that_is_gone_is_owed_on_the_corrected_invoice_which_asks_for_more(shop: Shop) -> None:
    await _lose_a_corrected(shop, "", "CH", "31.35")


@story
async def test_a_hold_that_is_gone_is_owed_on_the_corrected_invoice_and_what_was_too_much_is_not(shop: Shop) -> None:
    await _lose_a_corrected(shop, "CH", "", "29")


async def _lose_a_corrected(shop: Shop, before: str, after: str, owed: str) -> None:
    market = await shop.open_pages(undo_s=ONE_MINUTE)
    life = await Life.begin(shop)
    await life.buyer.set_billing_details(BillingDetails(country=before))
    await market.buy(life.buyer, await life.order())
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery(kind=InvoiceKind.INVOICE))).items
    corrected = await life.buyer.correct_invoice(invoice.uuid, BillingDetails(country=after), key="c")
    await shop.provider.lose_hold(await shop.value(sa.select(P.charge_id)))
    shop.clock.advance(seconds=ONE_MINUTE)
    await shop.market.run_jobs()
    shop.clock.advance(minutes=5)
    await shop.market.run_jobs()
    found = await life.buyer.get_invoice(corrected.invoice.uuid)
    assert (found.state, found.due, await books(life)) == (InvoiceState.OPEN, usd(owed), ["0", "0", micros("-" + owed)])
    await life.check_books()
    await life.buyer.pay_invoice(found.uuid, await shop.market.card(), key="again")
    assert (shop.provider.balance(), await books(life)) == (usd(owed), [micros("-" + owed), "0", "0"])
    await life.check_books()


@story
async def test_all_of_a_corrected_invoice_goes_back_and_the_order_says_its_own_total(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe()
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    corrected = await life.buyer.correct_invoice(invoice.uuid, BillingDetails(country="CH"), key="c")
    await life.buyer.pay_invoice(corrected.invoice.uuid, await shop.market.card(), key="rest")
    request = RefundRequest(corrected.invoice.uuid)
    preview = await life.buyer.preview_refund(request)
    await life.buyer.refund_invoice(request, preview.hash, key="r")
    shop.clock.advance(minutes=5)
    await shop.market.run_jobs()
    assert (preview.amount, (await order_of(life.buyer)).refunded) == (usd("31.35"), usd("29"))
    assert (shop.provider.balance(), await books(life)) == (usd("0"), ["0", "0", "0"])
    await life.check_books()


@story
async def test_while_a_bank_decides_about_a_part_of_it_nothing_is_taken_back(shop: Shop) -> None:
    """The bank would pay it back, and so would we."""
    life, placed = await bought(shop)
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    corrected = await life.buyer.correct_invoice(invoice.uuid, BillingDetails(country="CH"), key="c")
    await life.buyer.pay_invoice(corrected.invoice.uuid, await shop.market.card(), key="rest")
    charges = await shop.provider._do(lambda db: db.execute("SELECT id FROM charges ORDER BY rowid").fetchall())
    await shop.provider.open_dispute(charges[-1][0], usd("2.35"))
    await inbox.poll(shop.service.core)
    await inbox.look(shop.service.core)
    await raises(errors.WrongState, life.buyer.cancel_order(placed.order_uuid))
    assert await life.buyer.list_transfers() == ()
    await life.check_books()


@story
async def test_a_change_of_plan_confirms_the_purchase(shop: Shop) -> None:
    """Undo would give the old plan's money and leave the credit, or keep the difference that was paid."""
    await shop.open_pages(undo_s=ONE_MINUTE)
    for plan, wanted, changes in (("pro", "starter", {"cycle": BillingCycle.MONTHLY}), ("starter", "pro", {})):
        life = await Life.begin(shop, f"{plan}@example.com")
        await life.subscribe(plan, billing_cycle=BillingCycle.YEARLY if plan == "pro" else BillingCycle.MONTHLY)
        await life.to_plan(wanted, **changes)
        order = await order_of(life.buyer)
        assert order.undo_until is None
        await raises(errors.WrongState, life.buyer.cancel_order(order.uuid))
        await shop.market.run_jobs()
        assert (await order_of(life.buyer)).payment_state is PaymentState.SUCCEEDED
        assert (await life.one()).state is SubscriptionState.ACTIVE
        await life.check_books()
    assert shop.provider.held() == usd("0")


@story
async def test_a_purchase_whose_money_went_back_is_not_taken_back_again(shop: Shop) -> None:
    life, placed = await bought(shop)
    order = await order_of(life.buyer)
    request = RefundRequest(order.invoice_uuid)
    await life.buyer.refund_invoice(request, (await life.buyer.preview_refund(request)).hash, key="r")
    assert (await order_of(life.buyer)).undo_until is None
    await raises(errors.WrongState, life.buyer.cancel_order(placed.order_uuid))
    await shop.market.run_jobs()  # it is taken
    shop.clock.advance(minutes=16)
    await shop.market.run_jobs()
    assert (shop.provider.balance(), shop.provider.held()) == (usd("0"), usd("0"))
    await life.check_books()
