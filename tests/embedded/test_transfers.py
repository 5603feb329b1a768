"""Paying by bank transfer: a reference, a due date, and support that marks what has come in."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import sqlalchemy as sa

from services.api import errors
from services.api.money import AMOUNT_MAX, MICROS_MAX, Money
from services.api.types import (
    BillingDetails,
    InvoiceQuery,
    InvoiceState,
    MovementQuery,
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
from services.db import payment_models as pm
from services.domain.ledger import AccountKind
from services.embedded.money import writing_off
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
async def test_a_failed_agent_that_support_has_refunded_leaves_nothing_more_to_send(shop: Shop) -> None:
    life, _ = await promised(shop)
    shop.agents.script.failing_steps["agent"] = "no_capacity"
    await life.buyer.receive_transfer(arrived((await due(life)).reference, "29"), key="r")
    await shop.market.run_jobs()
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    request = RefundRequest(invoice.uuid)
    await life.buyer.refund_invoice(request, (await life.buyer.preview_refund(request)).hash, key="b")
    [failed] = await life.buyer.list_resources()
    assert (await life.buyer.refund_failed(failed.uuid)).state is OrderState.CANCELED
    owed = await due(life)  # one, by support
    assert (owed.subject, owed.amount) == ("refund", usd("29"))
    await life.check_books()


@story
async def test_what_paid_an_invoice_by_transfer_goes_back_by_transfer(shop: Shop) -> None:
    """By a refund, or because a corrected invoice asks for less."""
    life, _ = await promised(shop)
    await life.buyer.receive_transfer(arrived((await due(life)).reference, "29"), key="r")
    await shop.market.run_jobs()
    await life.buyer.set_billing_details(BillingDetails(country="CH"))
    await life.wait(days=32)
    invoice = next(one for one in (await life.buyer.list_invoices(InvoiceQuery())).items if one.due.micros)
    assert invoice.due == usd("31.35")
    for part, bank in (("30", "b2"), ("1.35", "b3")):
        await life.buyer.receive_transfer(arrived(str(invoice.number), part, bank), key=bank)
    corrected = await life.buyer.correct_invoice(invoice.uuid, BillingDetails(), key="c")
    owed = await due(life)
    assert (corrected.invoice.state, owed.subject, owed.amount) == (InvoiceState.PAID, "refund", usd("2.35"))
    request = RefundRequest(corrected.invoice.uuid)
    preview = await life.buyer.preview_refund(request)
    assert (preview.refundable, preview.goes_to) == (usd("29"), "bank")
    await life.buyer.refund_invoice(request, preview.hash, key="b")
    for number, one in enumerate(await life.buyer.list_transfers()):
        sent = arrived(one.reference, one.amount.decimal(), f"sent-{number}")
        await life.buyer.receive_transfer(sent, key=sent.bank_reference)
    assert await life.balance(AccountKind.REFUNDS) == usd("0")
    assert await life.balance(AccountKind.CLEARING) == usd("-29")
    await life.check_books()


@story
async def test_parts_of_an_invoice_that_was_given_up_undo_the_loss(shop: Shop) -> None:
    life, _ = await promised(shop)
    await life.buyer.receive_transfer(arrived((await due(life)).reference, "29"), key="r")
    await shop.market.run_jobs()
    await life.wait(days=32)
    invoice = next(one for one in (await life.buyer.list_invoices(InvoiceQuery())).items if one.due.micros)
    core = shop.service.core
    await shop.db.run(lambda connection: writing_off.write_off(core, connection, invoice.uuid, shop.clock.now()))
    for part, bank in (("10", "b2"), ("19", "b3")):
        await life.buyer.receive_transfer(arrived(str(invoice.number), part, bank), key=bank)
        assert await life.balance(AccountKind.RECEIVABLE) == usd("0")
    assert (await life.buyer.get_invoice(invoice.uuid)).state is InvoiceState.PAID
    assert await life.balance(AccountKind.CLEARING) == usd("-58")
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


# ---- money that comes when the order does not wait for it


async def switched(shop: Shop) -> tuple[Life, Placed, str]:
    """An order of $29 with $20 of them there, whose buyer opens a page instead."""
    life, placed = await promised(shop)
    reference = (await due(life)).reference
    await life.buyer.receive_transfer(arrived(reference, "20"), key="r")
    await life.buyer.pay_order(placed.order_uuid, PayOrder(PaymentMethod.CARD), key="page")
    return life, placed, reference


async def told(life: Life, kind: str) -> list[tuple[object, object]]:
    """Number and micros of the happenings of a kind, newest first."""
    found = await life.buyer.list_happenings()
    return [(one.params.get("number"), one.params.get("amount_micros")) for one in found if one.kind == kind]


@story
async def test_what_came_in_is_credit_as_soon_as_another_way_is_taken(shop: Shop) -> None:
    life, placed, reference = await switched(shop)
    assert (await life.buyer.get_wallet()).balance == usd("20")
    assert await told(life, "transfer_credited") == [(reference, usd("20").micros)]
    [received] = await life.buyer.list_received()
    assert (received.amount, received.surplus) == (usd("20"), usd("20"))
    assert (await life.buyer.cancel_order(placed.order_uuid)).state is OrderState.CANCELED
    await life.wait(days=40)
    assert (await life.buyer.get_wallet()).balance == usd("20")
    assert await life.balance(AccountKind.REFUNDS) == usd("0")
    assert await life.balance(AccountKind.CLEARING) == usd("-20")
    await life.check_books()


@story
async def test_a_page_that_expires_leaves_the_credit(shop: Shop) -> None:
    life, placed, _ = await switched(shop)
    await life.wait(days=2)
    await shop.market.run_jobs()
    assert (await life.buyer.get_order(placed.order_uuid)).state in (OrderState.CANCELED, OrderState.ERRED)
    assert (await life.buyer.get_wallet()).balance == usd("20")
    await life.check_books()


@story
async def test_going_back_to_the_transfer_asks_for_all_of_it_and_credits_once(shop: Shop) -> None:
    life, placed, reference = await switched(shop)
    back = await life.buyer.pay_order(placed.order_uuid, PayOrder(PaymentMethod.INVOICE), key="back")
    assert back.transfer is not None
    assert (back.transfer.amount, back.transfer.received, back.transfer.reference) == (usd("29"), usd("0"), reference)
    await life.buyer.receive_transfer(arrived(reference, "5", "bank-2"), key="r2")
    await life.buyer.pay_order(placed.order_uuid, PayOrder(PaymentMethod.CARD), key="page-2")
    assert (await life.buyer.get_wallet()).balance == usd("25")
    await life.buyer.pay_order(placed.order_uuid, PayOrder(PaymentMethod.INVOICE), key="back-2")
    done = await life.buyer.receive_transfer(arrived(reference, "29", "bank-3"), key="r3")
    assert (done.left, done.surplus) == (usd("0"), usd("0"))
    assert (await life.buyer.get_wallet()).balance == usd("25")
    assert await life.balance(AccountKind.REFUNDS) == usd("0")
    assert await life.balance(AccountKind.CLEARING) == usd("-54")
    await life.check_books()


@story
async def test_choosing_the_transfer_again_keeps_the_part(shop: Shop) -> None:
    life, placed = await promised(shop)
    await life.buyer.receive_transfer(arrived((await due(life)).reference, "20"), key="r")
    again = await life.buyer.pay_order(placed.order_uuid, PayOrder(PaymentMethod.INVOICE), key="again")
    assert again.transfer is not None
    assert (again.transfer.amount, again.transfer.received) == (usd("9"), usd("20"))
    assert (await life.buyer.get_wallet()).balance == usd("0")


@story
async def test_money_for_an_order_that_does_not_wait_for_it_is_credit(shop: Shop) -> None:
    life, placed, reference = await switched(shop)
    late = await life.buyer.receive_transfer(arrived(reference, "9", "while-the-page-is-open"), key="r1")
    assert (late.left, late.surplus) == (usd("0"), usd("9"))
    await life.buyer.cancel_order(placed.order_uuid)
    await life.buyer.receive_transfer(arrived(reference, "29", "after-it-was-given-up"), key="r2")
    assert (await life.buyer.get_order(placed.order_uuid)).state is OrderState.CANCELED
    assert (await life.buyer.get_wallet()).balance == usd("58")
    assert [micros for _, micros in await told(life, "transfer_credited")] == [29_000_000, 9_000_000, 20_000_000]
    assert await life.balance(AccountKind.REFUNDS) == usd("0")
    await life.check_books()


@story
async def test_what_comes_a_second_time_is_credit(shop: Shop) -> None:
    life, _ = await promised(shop)
    reference = (await due(life)).reference
    await life.buyer.receive_transfer(arrived(reference, "29"), key="r1")
    await shop.market.run_jobs()
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    for number, named in enumerate((reference, invoice.number)):
        again = await life.buyer.receive_transfer(arrived(named, "29", f"again-{number}"), key=f"a{number}")
        assert (again.reference, again.left, again.surplus) == (named, usd("0"), usd("29"))
    assert (await life.buyer.get_wallet()).balance == usd("58")
    [after] = (await life.buyer.list_invoices(InvoiceQuery())).items
    assert (after.state, after.paid) == (InvoiceState.PAID, usd("29"))
    await life.check_books()


@story
async def test_a_promise_that_was_cut_short_still_takes_its_money(shop: Shop) -> None:
    """The process ended between another try by transfer and its outcome: no provider knows of it."""
    life, placed, reference = await switched(shop)
    await life.buyer.pay_order(placed.order_uuid, PayOrder(PaymentMethod.INVOICE), key="back")
    await shop.write(sa.update(m.PaymentRow).values(state=PaymentState.SENT.value, charge_id=""))
    assert (await due(life)).reference == reference
    await life.buyer.receive_transfer(arrived(reference, "29", "bank-2"), key="r2")
    assert (await life.buyer.list_orders())[0].state is OrderState.EXECUTING
    await life.check_books()


@story
async def test_what_was_never_a_reference_stays_unknown(shop: Shop) -> None:
    life, placed = await promised(shop)
    tail = placed.order_uuid[-10:].upper()
    for odd in ("", " ", "SKT-", f"SKT-{tail[1:]}", f"SKT-{tail[:-1]}%", "SKT-%", f"SKR-{tail}", "CN-000001", "%"):
        await raises(errors.InvalidInput, life.buyer.receive_transfer(arrived(odd, "1"), key=odd or "none"),
                     reference="unknown")  # fmt: skip
    spaced = f" skt-{tail[:5]} {tail[5:].lower()} "
    assert (await life.buyer.receive_transfer(arrived(spaced, "1"), key="k")).left == usd("28")


@story
async def test_no_amount_breaks_the_books(shop: Shop) -> None:
    life, _ = await promised(shop)
    reference = (await due(life)).reference
    for number, odd in enumerate((Money(AMOUNT_MAX + 10_000), Money(MICROS_MAX), Money(int("9" * 40) * 10_000))):
        request = ReceiveTransfer(reference, odd, "b")
        await raises(errors.InvalidInput, life.buyer.receive_transfer(request, key=f"{number}"), amount="out_of_range")
    for bank in ("b1", "b2", "b3"):
        await life.buyer.receive_transfer(ReceiveTransfer(reference, Money(AMOUNT_MAX), bank), key=bank)
    assert (await life.buyer.get_wallet()).balance == Money(3 * AMOUNT_MAX) - usd("29")
    assert (await life.buyer.list_movements(MovementQuery())).items
    await life.check_books()


@story
async def test_the_day_of_the_statement_is_one_of_the_last_year(shop: Shop) -> None:
    life, _ = await promised(shop)
    reference, now = (await due(life)).reference, shop.clock.now()
    odd = (
        now.replace(tzinfo=None), datetime(2026, 1, 1), now + timedelta(seconds=1), now - timedelta(days=367),  # noqa: DTZ001
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
    )  # fmt: skip
    for number, day in enumerate(odd):
        request = ReceiveTransfer(reference, usd("1"), "b", day)
        await raises(errors.InvalidInput, life.buyer.receive_transfer(request, key=f"{number}"),
                     received_on="out_of_range")  # fmt: skip
    for number, day in enumerate((now, now - timedelta(days=365), now.astimezone(timezone(timedelta(hours=9))))):
        request = ReceiveTransfer(reference, usd("1"), f"b{number}", day)
        assert (await life.buyer.receive_transfer(request, key=f"good-{number}")).received_at == day


@story
async def test_one_arrival_is_one_however_it_is_typed(shop: Shop) -> None:
    life, _ = await promised(shop)
    reference = (await due(life)).reference
    await life.buyer.receive_transfer(arrived(reference, "1", "Bank 7 x"), key="r")
    for typed in ("bank7X", " BANK 7 X", "b a n k\t7x"):
        await raises(errors.InvalidInput, life.buyer.receive_transfer(arrived(reference, "1", typed), key=typed),
                     bank_reference="already_used")  # fmt: skip
    await shop.write(sa.update(pm.TransferRow).values(bank_reference="Bank 8 y"))  # as an earlier version kept it
    again = life.buyer.receive_transfer(arrived(reference, "1", "BANK8Y"), key="old")
    await raises(errors.InvalidInput, again, bank_reference="already_used")
    assert (await due(life)).received == usd("1")
