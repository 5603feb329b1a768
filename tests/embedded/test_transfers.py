"""Paying by bank transfer: a reference, a due date, and support that marks what has come in."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from services.api import errors
from services.api.types import (
    InvoiceQuery,
    InvoiceState,
    OrderState,
    PaymentMethod,
    PaymentState,
    PayOrder,
    Placed,
    ReceiveTransfer,
    RefundRequest,
    SubscriptionState,
    TransferDue,
)
from services.db import models as m
from services.domain.ledger import AccountKind
from tests.contract.market import raises
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Shop, story

REAL_IBAN = "DE02120300000000202051"


async def promised(shop: Shop) -> tuple[Life, Placed]:
    """Somebody who will pay by transfer."""
    await shop.open_pages()
    life = await Life.begin(shop)
    order = await life.order(payment_method=PaymentMethod.INVOICE, payment_token="")
    return life, await life.buyer.quick_checkout(order, key="k")


async def due(life: Life) -> TransferDue:
    [one] = await life.buyer.list_transfers()
    return one


def arrived(reference: str, amount: str, bank: str = "bank-1", **more: str) -> ReceiveTransfer:
    return ReceiveTransfer(reference, usd(amount), bank, **more)  # type: ignore[arg-type]  # texts only


@story
async def test_an_order_waits_for_the_money_and_says_how_to_pay(shop: Shop) -> None:
    life, placed = await promised(shop)
    assert (placed.state, placed.resource_uuid, placed.action) == (PaymentState.PROCESSING, "", None)
    assert placed.transfer is not None
    assert (placed.transfer.amount, dict(placed.transfer.account)["iban"]) == (usd("29"), REAL_IBAN)
    assert placed.transfer.due_at == shop.clock.now() + timedelta(days=14)
    [order] = await life.buyer.list_orders()
    assert (order.state, order.paid_with) == (OrderState.PENDING_PROVIDER, "transfer")
    assert (await life.buyer.get_order(order.uuid)).transfer == placed.transfer
    found = await due(life)
    assert (found.reference, found.amount, found.subject) == (placed.transfer.reference, usd("29"), "order")


@story
async def test_all_of_it_delivers_and_is_in_the_books(shop: Shop) -> None:
    life, _ = await promised(shop)
    received = await life.buyer.receive_transfer(arrived((await due(life)).reference, "29"), key="r")
    assert (received.left, received.surplus, received.received_by) == (usd("0"), usd("0"), "ada@example.com")
    await shop.market.run_jobs()
    [order] = await life.buyer.list_orders()
    assert order.state is OrderState.DONE
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    assert (invoice.state, invoice.paid_with) == (InvoiceState.PAID, "transfer")
    assert await life.balance(AccountKind.CLEARING) == usd("-29")
    assert await life.buyer.list_transfers() == ()
    assert shop.charges() == 0
    await life.check_books()


@story
async def test_parts_add_up_and_what_is_too_much_is_credit(shop: Shop) -> None:
    life, _ = await promised(shop)
    reference = (await due(life)).reference
    first = await life.buyer.receive_transfer(arrived(reference.lower(), "20"), key="r1")
    assert (first.left, (await due(life)).received) == (usd("9"), usd("20"))
    assert (await life.buyer.list_orders())[0].state is OrderState.PENDING_PROVIDER
    second = await life.buyer.receive_transfer(arrived(reference, "11.50", "bank-2", note="twice"), key="r2")
    assert (second.left, second.surplus) == (usd("0"), usd("2.50"))
    assert (await life.buyer.list_orders())[0].state is OrderState.EXECUTING
    assert (await life.buyer.get_wallet()).balance == usd("2.50")
    assert await life.balance(AccountKind.CLEARING) == usd("-31.50")
    assert [one.amount for one in await life.buyer.list_received()] == [usd("11.50"), usd("20")]
    await life.check_books()


@story
async def test_one_arrival_is_marked_once(shop: Shop) -> None:
    life, _ = await promised(shop)
    request = arrived((await due(life)).reference, "20")
    assert await life.buyer.receive_transfer(request, key="r") == await life.buyer.receive_transfer(request, key="r")
    await raises(errors.InvalidInput, life.buyer.receive_transfer(request, key="s"), bank_reference="already_used")
    assert (await due(life)).received == usd("20")


@story
async def test_bad_input_is_told_beside_its_field(shop: Shop) -> None:
    life, _ = await promised(shop)
    reference = (await due(life)).reference
    for request, field, code in (
        (arrived("SKT-NONE", "1"), "reference", "unknown"),
        (arrived(reference, "0"), "amount", "not_positive"),
        (arrived(reference, "-1"), "amount", "not_positive"),
        (arrived(reference, "0.001"), "amount", "not_whole_minor"),
        (arrived(reference, "1", " "), "bank_reference", "required"),
        (arrived(reference, "1", "x" * 141), "bank_reference", "too_long"),
        (arrived(reference, "1", note="x" * 2001), "note", "too_long"),
    ):
        await raises(errors.InvalidInput, life.buyer.receive_transfer(request, key=f"{field}{code}"), **{field: code})
    later = ReceiveTransfer(reference, usd("1"), "b", shop.clock.now() + timedelta(days=1))
    await raises(errors.InvalidInput, life.buyer.receive_transfer(later, key="l"), received_on="out_of_range")


@story
async def test_it_can_be_paid_by_card_after_all_and_given_up_while_nothing_came(shop: Shop) -> None:
    life, placed = await promised(shop)
    paid = await life.buyer.pay_order(placed.order_uuid, PayOrder(payment_token=await shop.market.card()), key="p")
    assert paid.resource_uuid
    assert await life.buyer.list_transfers() == ()
    other = await life.order(payment_method=PaymentMethod.INVOICE, payment_token="", organization_name="Other")
    second = await life.buyer.quick_checkout(other, key="k2")
    assert (await life.buyer.cancel_order(second.order_uuid)).state is OrderState.CANCELED


@story
async def test_what_came_in_part_is_not_given_up(shop: Shop) -> None:
    life, placed = await promised(shop)
    await life.buyer.receive_transfer(arrived((await due(life)).reference, "20"), key="r")
    await raises(errors.WrongState, life.buyer.cancel_order(placed.order_uuid))


@story
async def test_the_next_period_is_an_invoice_paid_by_transfer(shop: Shop) -> None:
    life, _ = await promised(shop)
    await life.buyer.receive_transfer(arrived((await due(life)).reference, "29"), key="r")
    await shop.market.run_jobs()
    await life.wait(days=32)
    invoice = next(one for one in (await life.buyer.list_invoices(InvoiceQuery())).items if one.due.micros)
    whole = await life.buyer.get_invoice(invoice.uuid)
    assert whole.transfer is not None
    assert (whole.transfer.reference, whole.transfer.amount) == (invoice.number, invoice.due)
    assert (await due(life)).reference == invoice.number
    part = await life.buyer.receive_transfer(arrived(invoice.number, "10", "b2"), key="r2")
    assert part.left == invoice.due - usd("10")
    await life.check_books()
    rest = part.left.decimal()
    assert (await life.buyer.receive_transfer(arrived(invoice.number, rest, "b3"), key="r3")).left == usd("0")
    assert (await life.buyer.get_invoice(invoice.uuid)).state is InvoiceState.PAID
    [subscription] = await life.buyer.list_subscriptions()
    assert subscription.state is SubscriptionState.ACTIVE
    await life.check_books()


@story
async def test_money_that_goes_back_by_transfer_is_sent_by_a_person(shop: Shop) -> None:
    life, _ = await promised(shop)
    await life.buyer.receive_transfer(arrived((await due(life)).reference, "29"), key="r")
    await shop.market.run_jobs()
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    preview = await life.buyer.preview_refund(RefundRequest(invoice.uuid, usd("9")))
    assert preview.goes_to == "bank"
    refunded = await life.buyer.refund_invoice(RefundRequest(invoice.uuid, usd("9")), preview.hash, key="b")
    assert refunded.state is PaymentState.SENT
    owed = await due(life)
    assert (owed.subject, owed.amount) == ("refund", usd("9"))
    shop.clock.advance(days=1)
    await shop.market.run_jobs()
    assert await due(life) == owed or (await due(life)).is_overdue
    wrong = arrived(owed.reference, "8", "sent-1")
    await raises(errors.InvalidInput, life.buyer.receive_transfer(wrong, key="x"), amount="too_small")
    await life.buyer.receive_transfer(arrived(owed.reference, "9", "sent-2"), key="y")
    assert await life.buyer.list_transfers() == ()
    assert await life.balance(AccountKind.REFUNDS) == usd("0")
    assert await life.balance(AccountKind.CLEARING) == usd("-20")
    await life.check_books()


@story
async def test_buyers_see_their_own_and_staff_sees_all(shop: Shop) -> None:
    life, _ = await promised(shop)
    stranger = await shop.market.buyer("eve@example.com", device="device-2")
    assert await stranger.list_transfers() == ()
    request = arrived((await due(life)).reference, "29")
    await raises(errors.InvalidInput, stranger.receive_transfer(request, key="k"), reference="unknown")
    await shop.write(sa.update(m.User).where(m.User.email == "eve@example.com").values(is_staff=True))
    assert len(await stranger.list_transfers()) == 1
    assert (await stranger.receive_transfer(request, key="k")).received_by == "eve@example.com"


@story
async def test_what_came_by_transfer_is_credit_when_a_card_pays_after_all(shop: Shop) -> None:
    life, placed = await promised(shop)
    await life.buyer.receive_transfer(arrived((await due(life)).reference, "20"), key="r")
    await life.buyer.pay_order(placed.order_uuid, PayOrder(payment_token=await shop.market.card()), key="p")
    assert (await life.buyer.get_wallet()).balance == usd("20")
    assert await life.balance(AccountKind.REFUNDS) == usd("0")
    assert await life.balance(AccountKind.CLEARING) == usd("-49")
    await life.check_books()


@story
async def test_a_promise_that_nobody_keeps_is_over_after_a_month_and_a_part_keeps_it_open(shop: Shop) -> None:
    life, placed = await promised(shop)
    other = await life.order(payment_method=PaymentMethod.INVOICE, payment_token="", organization_name="Other")
    kept = await life.buyer.quick_checkout(other, key="k2")
    assert kept.transfer is not None
    await life.buyer.receive_transfer(arrived(kept.transfer.reference, "1"), key="r")
    await life.wait(days=29)
    assert (await life.buyer.get_order(placed.order_uuid)).state is OrderState.PENDING_PROVIDER
    await life.wait(days=2)
    over = await life.buyer.get_order(placed.order_uuid)
    assert (over.state, over.error_code) == (OrderState.CANCELED, "payment_expired")
    assert (await life.buyer.get_order(kept.order_uuid)).state is OrderState.PENDING_PROVIDER
