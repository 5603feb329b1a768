"""Money that comes on a page that was given up, ran out or was replaced: it goes back, once, through the books."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.contract import Service
from services.api.types import (
    AddMethod,
    BillingDetails,
    Invoice,
    InvoiceQuery,
    InvoiceState,
    Order,
    OrderState,
    Paid,
    PaymentMethod,
    PaymentState,
    PayOrder,
    Placed,
    RefundRequest,
    TopUp,
)
from services.db import models as m
from services.db import money_models as mm
from services.domain.ledger import AccountKind
from services.embedded import inbox
from services.embedded.service import EmbeddedService
from services.gateways.payments import Lookup
from tests.contract.market import raises
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Crashed, Shop, crash, story, unreachable

NOTHING = usd("0")
ORDER_CHARGE = sa.select(m.PaymentRow.charge_id)


async def begun(shop: Shop, *, undo_s: int = 0) -> Life:
    await shop.open_pages(undo_s=undo_s)
    return await Life.begin(shop)


async def hear(shop: Shop) -> None:
    """The provider's events are asked for and looked at, nothing else is done yet."""
    await inbox.poll(shop.service.core)
    await inbox.look(shop.service.core)


async def hear_and_work(shop: Shop) -> None:
    """The same, and all that follows from it within minutes."""
    for _ in range(3):
        await hear(shop)
        await shop.market.run_jobs()
        shop.clock.advance(minutes=1)


async def check(life: Life) -> None:
    """Our account with the provider is what the provider says, and the books are sound."""
    held = sa.select(sa.func.coalesce(sa.func.sum(m.PaymentRow.amount_micros), 0)).where(
        m.PaymentRow.state.in_(["authorized", "capturing"])
    )
    ours = -(await life.balance(AccountKind.CLEARING)).micros - await life.shop.value(held)
    assert ours == life.shop.provider.balance().micros
    await life.check_books()


async def is_settled(life: Life) -> None:
    """Nothing is owed to anybody."""
    await check(life)
    assert await life.balance(AccountKind.REFUNDS) == NOTHING


async def kinds(buyer: Service) -> list[str]:
    return [one.kind for one in await buyer.list_happenings()]


async def charge_of(shop: Shop, payment_uuid: str) -> str:
    return str(await shop.value(sa.select(mm.PaymentIntent.charge_id).where(mm.PaymentIntent.uuid == payment_uuid)))


# ---- credit


async def top_up_page(life: Life, method: PaymentMethod = PaymentMethod.CARD) -> tuple[str, str]:
    """The payment and its charge."""
    paid = await life.buyer.top_up(TopUp(usd("20"), payment_method=method), key="t")
    return paid.payment_uuid, await charge_of(life.shop, paid.payment_uuid)


async def paid_late(shop: Shop, method: PaymentMethod = PaymentMethod.CARD) -> tuple[Life, str, str]:
    """The payment and its charge, of a page that was given up before it was paid on."""
    life = await begun(shop)
    uuid, charge = await top_up_page(life, method)
    await life.buyer.cancel_payment(uuid)
    await shop.provider.answer_late(charge)
    return life, uuid, charge


@story
async def test_a_top_up_paid_after_it_was_given_up_goes_back_once(shop: Shop) -> None:
    life, uuid, _ = await paid_late(shop)
    await hear(shop)
    await check(life)  # it is there, and is the buyer's
    assert -(await life.balance(AccountKind.CLEARING)) == usd("20")
    await hear_and_work(shop)
    await is_settled(life)
    assert shop.provider.refunded() == usd("20")
    assert (await life.buyer.get_wallet()).balance == NOTHING
    newest, *_ = await life.buyer.list_happenings()
    assert (newest.kind, newest.params["amount_micros"]) == ("refunded", usd("20").micros)
    await raises(errors.PaymentCanceled, life.buyer.refresh_payment(uuid))
    await hear_and_work(shop)
    assert (shop.provider.refunded(), (await kinds(life.buyer)).count("refunded")) == (usd("20"), 1)


@story
async def test_a_top_up_paid_after_it_ran_out_goes_back(shop: Shop) -> None:
    life = await begun(shop)
    uuid, charge = await top_up_page(life)
    await shop.provider.expire(charge)
    await raises(errors.PaymentExpired, life.buyer.refresh_payment(uuid))
    await shop.provider.answer_late(charge)
    await hear_and_work(shop)
    await is_settled(life)
    assert shop.provider.refunded() == usd("20")


@story
async def test_a_page_given_up_while_its_event_is_looked_at_pays_for_nothing(shop: Shop) -> None:
    life = await begun(shop)
    uuid, charge = await top_up_page(life)

    async def meanwhile() -> None:
        await life.buyer.cancel_payment(uuid)
        await shop.provider.answer_late(charge)

    shop.provider.before["find"] = [meanwhile]
    await hear(shop)
    await check(life)
    await hear_and_work(shop)
    await is_settled(life)
    assert (shop.provider.refunded(), (await life.buyer.get_wallet()).balance) == (usd("20"), NOTHING)


@story
async def test_a_debit_begun_on_a_closed_page_goes_back_when_it_is_there(shop: Shop) -> None:
    life = await begun(shop)
    uuid, charge = await top_up_page(life, PaymentMethod.BANK)
    await life.buyer.cancel_payment(uuid)
    assert (await shop.provider.answer_late(charge)).state == "processing"
    await hear_and_work(shop)
    await is_settled(life)
    shop.clock.advance(days=3)
    await shop.provider.settle_debit(charge, is_paid=True)
    await hear_and_work(shop)
    await is_settled(life)
    assert shop.provider.refunded() == usd("20")


@story
async def test_a_debit_begun_on_a_closed_page_that_bounces_is_nothing(shop: Shop) -> None:
    life, _, charge = await paid_late(shop, PaymentMethod.BANK)
    await hear_and_work(shop)
    await shop.provider.settle_debit(charge, is_paid=False)
    await hear_and_work(shop)
    await is_settled(life)
    assert (shop.provider.refunded(), "refunded" in await kinds(life.buyer)) == (NOTHING, False)


@story
async def test_late_money_is_sent_back_once_wherever_the_process_dies(shop: Shop) -> None:
    for where in ("before", "after"):
        life = await Life.begin(shop, f"{where}@example.com") if shop.methods else await begun(shop)
        uuid, charge = await top_up_page(life)
        await life.buyer.cancel_payment(uuid)
        await shop.provider.answer_late(charge)
        await hear(shop)
        getattr(shop.provider, where)["refund"] = [crash]
        shop.clock.advance(minutes=1)
        with pytest.raises(Crashed):
            await shop.market.run_jobs()
        await shop.restart(seconds=20)
        life.buyer = shop.service.for_actor(life.buyer.actor)
        await hear_and_work(shop)
        await is_settled(life)
    assert shop.provider.refunded() == usd("40")


@story
async def test_a_process_that_dies_before_late_money_is_written_down_loses_nothing(shop: Shop) -> None:
    life, _, _ = await paid_late(shop)
    await inbox.poll(shop.service.core)
    shop.provider.after["find"] = [crash]
    with pytest.raises(Crashed):
        await inbox.look(shop.service.core)
    await shop.restart(seconds=20)
    await hear_and_work(shop)
    await is_settled(life)
    assert shop.provider.refunded() == usd("20")


@story
async def test_while_the_provider_does_not_answer_late_money_waits(shop: Shop) -> None:
    life, _, _ = await paid_late(shop)
    shop.provider.before["find"] = [unreachable] * 4
    await hear_and_work(shop)
    await hear_and_work(shop)
    await is_settled(life)
    assert shop.provider.refunded() == usd("20")


@story
async def test_two_processes_that_hear_of_it_at_once_send_it_back_once(shop: Shop) -> None:
    life = await begun(shop)
    uuid, charge = await top_up_page(life)
    await life.buyer.cancel_payment(uuid)
    other = await shop.another()
    await shop.provider.answer_late(charge)
    await inbox.poll(shop.service.core)
    assert isinstance(other.root, EmbeddedService)
    await asyncio.gather(*(inbox.look(one.core) for one in (shop.service, other.root)))
    await hear_and_work(shop)
    await is_settled(life)
    assert shop.provider.refunded() == usd("20")


@story
async def test_a_way_to_pay_given_on_a_closed_page_is_not_kept(shop: Shop) -> None:
    life = await begun(shop)
    page = await life.buyer.add_payment_method(AddMethod(), key="m")
    await shop.provider.expire(await charge_of(shop, page.uuid))
    await hear_and_work(shop)
    await is_settled(life)
    assert await life.buyer.list_payment_methods() == ()


# ---- invoices


async def unpaid(life: Life) -> tuple[Invoice, Paid]:
    """The invoice of a renewal that nothing on file pays, and a page that is open for it."""
    await life.subscribe()
    [kept] = await life.buyer.list_payment_methods()
    await life.buyer.remove_payment_method(kept.token)
    await life.wait(days=32)
    [invoice] = [one for one in (await life.buyer.list_invoices(InvoiceQuery())).items if not one.due.is_zero]
    return invoice, await life.buyer.pay_invoice(invoice.uuid, "", key="page", page=PaymentMethod.PAYPAL)


@story
async def test_an_invoice_paid_by_card_and_then_on_the_old_page_is_paid_once(shop: Shop) -> None:
    life = await begun(shop)
    invoice, page = await unpaid(life)
    charge = await charge_of(shop, page.payment_uuid)
    await life.buyer.pay_invoice(invoice.uuid, await shop.market.card(), key="card")
    await shop.provider.answer_late(charge)
    await hear(shop)
    await check(life)
    await hear_and_work(shop)
    await is_settled(life)
    paid = await life.buyer.get_invoice(invoice.uuid)
    assert (paid.state, paid.paid, shop.provider.refunded()) == (InvoiceState.PAID, invoice.total, invoice.total)
    newest, *_ = await life.buyer.list_happenings()
    assert (newest.kind, newest.ref) == ("refunded", f"invoice:{invoice.uuid}")


@story
async def test_the_page_of_an_invoice_that_is_corrected_is_closed(shop: Shop) -> None:
    life = await begun(shop)
    invoice, page = await unpaid(life)
    corrected = await life.buyer.correct_invoice(invoice.uuid, BillingDetails(country="CH"), key="c")
    found = await shop.provider.find(Lookup("", await charge_of(shop, page.payment_uuid)))
    assert found is not None
    assert found.state in ("canceled", "failed")
    again = await life.buyer.correct_invoice(invoice.uuid, BillingDetails(country="CH"), key="c")
    assert (again, corrected.invoice.due) == (corrected, usd("31.35"))
    await is_settled(life)


# ---- orders


async def ordered(life: Life, method: PaymentMethod = PaymentMethod.PAYPAL) -> tuple[Placed, str]:
    """On a page, with its charge."""
    request = await life.order(payment_token="", payment_method=method)
    placed = await life.buyer.quick_checkout(request, key="o")
    return placed, str(await life.shop.value(ORDER_CHARGE))


async def the_order(life: Life) -> Order:
    [order] = await life.buyer.list_orders()
    return order


async def replaced(life: Life, method: PaymentMethod = PaymentMethod.PAYPAL) -> tuple[Placed, str]:
    """Its page was left for a card, which has paid."""
    placed, charge = await ordered(life, method)
    await life.buyer.pay_order(placed.order_uuid, PayOrder(payment_token=await life.shop.market.card()), key="card")
    return placed, charge


@story
async def test_the_page_of_an_order_paid_by_card_meanwhile_goes_back_and_touches_nothing(shop: Shop) -> None:
    life = await begun(shop)
    placed, charge = await replaced(life)
    await hear_and_work(shop)
    before = await the_order(life)
    await shop.provider.answer_late(charge)
    await hear(shop)
    await check(life)
    assert await life.balance(AccountKind.REFUNDS) == before.total
    await hear_and_work(shop)
    await hear_and_work(shop)
    await is_settled(life)
    assert await the_order(life) == before
    assert (before.state, before.refunded, shop.provider.refunded()) == (OrderState.DONE, NOTHING, before.total)
    assert (await life.buyer.get_invoice(before.invoice_uuid)).paid == before.total
    newest, *_ = await life.buyer.list_happenings()
    assert (newest.kind, newest.ref) == ("refunded", f"order:{placed.order_uuid}")
    assert await shop.value(sa.select(m.PaymentRow.state)) == "succeeded"


@story
async def test_the_same_while_the_purchase_is_only_held(shop: Shop) -> None:
    life = await begun(shop, undo_s=3600)
    _, charge = await replaced(life)
    await hear_and_work(shop)
    before = await the_order(life)
    assert before.payment_state is PaymentState.AUTHORIZED
    assert (await shop.provider.answer_late(charge)).state == "authorized"
    assert shop.provider.held() == before.total * 2
    await hear_and_work(shop)
    await check(life)
    assert (await the_order(life), shop.provider.held()) == (before, before.total)
    assert "refunded" not in await kinds(life.buyer)  # nothing was taken
    await life.wait(hours=1)
    await hear_and_work(shop)
    await is_settled(life)
    assert (shop.provider.balance(), (await the_order(life)).refunded) == (before.total, NOTHING)


@story
async def test_an_order_can_be_refunded_after_late_money_of_its_old_page_went_back(shop: Shop) -> None:
    life = await begun(shop)
    _, charge = await replaced(life)
    await shop.provider.answer_late(charge)
    await hear_and_work(shop)
    order = await the_order(life)
    request = RefundRequest(order.invoice_uuid)
    await life.buyer.refund_invoice(request, (await life.buyer.preview_refund(request)).hash, key="back")
    await hear_and_work(shop)
    await is_settled(life)
    assert (shop.provider.balance(), shop.provider.refunded()) == (NOTHING, order.total * 2)


@story
async def test_a_debit_begun_on_a_replaced_page_goes_back_when_it_is_there(shop: Shop) -> None:
    life = await begun(shop)
    _, charge = await replaced(life, PaymentMethod.BANK)
    await shop.provider.answer_late(charge)
    await hear_and_work(shop)
    await is_settled(life)
    await shop.provider.settle_debit(charge, is_paid=True)
    await hear_and_work(shop)
    await is_settled(life)
    order = await the_order(life)
    assert (order.refunded, shop.provider.balance(), shop.provider.refunded()) == (NOTHING, order.total, order.total)


@story
async def test_a_debit_begun_on_a_replaced_page_that_bounces_is_nothing(shop: Shop) -> None:
    life = await begun(shop)
    _, charge = await replaced(life, PaymentMethod.BANK)
    await shop.provider.answer_late(charge)
    await hear_and_work(shop)
    await shop.provider.settle_debit(charge, is_paid=False)
    await hear_and_work(shop)
    await is_settled(life)
    assert await shop.rows(sa.select(m.Job.key).where(m.Job.kind == "refund", m.Job.done_at.is_(None))) == []


@story
async def test_an_order_paid_after_it_was_given_up_is_paid_back_through_the_books(shop: Shop) -> None:
    life = await begun(shop)
    placed, charge = await ordered(life)
    await life.buyer.cancel_order(placed.order_uuid)
    before = await the_order(life)
    await shop.provider.answer_late(charge)
    await hear(shop)
    await check(life)
    assert await life.balance(AccountKind.REFUNDS) == before.total
    await hear_and_work(shop)
    await is_settled(life)
    order = await the_order(life)
    assert (order.state, order.refunded, shop.provider.refunded()) == (OrderState.CANCELED, NOTHING, order.total)
    assert (await kinds(life.buyer))[0] == "refunded"


@story
async def test_an_order_held_after_it_was_given_up_is_let_go(shop: Shop) -> None:
    life = await begun(shop, undo_s=60)
    placed, charge = await ordered(life)
    await life.buyer.cancel_order(placed.order_uuid)
    await shop.provider.answer_late(charge)
    await hear_and_work(shop)
    await is_settled(life)
    assert (shop.provider.held(), shop.provider.balance()) == (NOTHING, NOTHING)
    assert (await the_order(life)).state is OrderState.CANCELED
    assert await shop.value(sa.select(m.PaymentRow.state)) == "canceled"
    paid = await life.buyer.pay_order(placed.order_uuid, PayOrder(payment_token=await shop.market.card()), key="again")
    assert (paid.state, shop.provider.held()) == (PaymentState.AUTHORIZED, (await the_order(life)).total)


@story
async def test_an_order_given_up_paid_late_and_then_paid_after_all_is_paid_once(shop: Shop) -> None:
    life = await begun(shop)
    placed, charge = await ordered(life)
    await life.buyer.cancel_order(placed.order_uuid)
    await life.buyer.pay_order(placed.order_uuid, PayOrder(PaymentMethod.CARD), key="again")
    await shop.provider.answer_late(charge)
    await hear_and_work(shop)
    assert (await the_order(life)).state is OrderState.PENDING_CONSUMER
    await shop.provider.answer(str(await shop.value(ORDER_CHARGE)))
    await hear_and_work(shop)
    await is_settled(life)
    order = await the_order(life)
    assert (order.state, order.refunded, shop.provider.balance()) == (OrderState.DONE, NOTHING, order.total)
