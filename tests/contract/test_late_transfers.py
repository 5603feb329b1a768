"""Money by transfer that nothing waits for any more: it is credit, and it can always be booked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.api.contract import Service
from services.api.errors import InvalidInput, WrongState
from services.api.money import AMOUNT_MAX, Money
from services.api.types import InvoiceState, OrderState, PaymentMethod, PayOrder, Placed, TransferDue
from tests.contract.market import Market, paged_story, raises
from tests.contract.money import STARTER, ZERO, usd
from tests.contract.test_collections import arrived, only_due, promised


async def switched(market: Market) -> tuple[Service, Placed, TransferDue]:
    """An order of $29 with $20 of them there, whose buyer opens a page instead."""
    buyer, placed = await promised(market)
    due = await only_due(buyer)
    await buyer.receive_transfer(arrived(due, "20"), key="part")
    assert (await buyer.pay_order(placed.order_uuid, PayOrder(PaymentMethod.CARD), key="page")).action is not None
    return buyer, placed, due


async def credited(service: Service) -> list[tuple[object, object]]:
    """What buyers are told became credit: number and micros, newest first."""
    found = await service.list_happenings()
    told = [one.params for one in found if one.kind == "transfer_credited"]
    return [(one["number"], one.get("amount_micros", one.get("amount"))) for one in told]


@paged_story
async def test_a_part_is_credit_as_soon_as_another_way_is_taken(market: Market) -> None:
    buyer, placed, due = await switched(market)
    assert (await buyer.get_wallet()).balance == usd("20")
    assert await credited(buyer) == [(due.reference, 20_000_000)]
    [told] = await buyer.list_received()
    assert (told.amount, told.surplus) == (usd("20"), usd("20"))
    assert await buyer.list_transfers() == ()
    assert (await buyer.cancel_order(placed.order_uuid)).state is OrderState.CANCELED
    assert (await buyer.get_wallet()).balance == usd("20")
    assert await market.outside.charged() == ZERO


@paged_story
async def test_a_part_is_credited_once_however_often_the_way_changes(market: Market) -> None:
    buyer, placed, due = await switched(market)
    back = await buyer.pay_order(placed.order_uuid, PayOrder(PaymentMethod.INVOICE), key="back")
    assert back.transfer is not None
    assert (back.transfer.reference, back.transfer.amount, back.transfer.received) == (due.reference, STARTER, ZERO)
    await buyer.receive_transfer(arrived(due, "5", "bank-2"), key="r2")
    same = await buyer.pay_order(placed.order_uuid, PayOrder(PaymentMethod.INVOICE), key="same")
    assert same.transfer is not None
    assert (same.transfer.amount, same.transfer.received) == (usd("24"), usd("5"))
    await raises(WrongState, buyer.cancel_order(placed.order_uuid))
    await buyer.pay_order(placed.order_uuid, PayOrder(payment_token=await market.card()), key="card")
    assert (await buyer.get_wallet()).balance == usd("25")
    assert await market.outside.charged() == STARTER


@paged_story
async def test_what_comes_for_an_order_that_does_not_wait_is_credit(market: Market) -> None:
    buyer, placed, due = await switched(market)
    late = await buyer.receive_transfer(arrived(due, "9", "page-is-open"), key="r1")
    assert (late.reference, late.left, late.surplus) == (due.reference, ZERO, usd("9"))
    await buyer.cancel_order(placed.order_uuid)
    await buyer.receive_transfer(arrived(due, "29", "given-up"), key="r2")
    assert (await buyer.get_order(placed.order_uuid)).state is OrderState.CANCELED
    assert (await buyer.get_wallet()).balance == usd("58")
    assert [micros for _, micros in await credited(buyer)] == [29_000_000, 9_000_000, 20_000_000]


@paged_story
async def test_what_comes_a_second_time_is_credit(market: Market) -> None:
    buyer, placed = await promised(market)
    due = await only_due(buyer)
    await buyer.receive_transfer(arrived(due, "29"), key="r1")
    await market.run_jobs()
    invoice = await buyer.get_invoice((await buyer.get_order(placed.order_uuid)).invoice_uuid)
    for number, named in enumerate((due.reference, invoice.number)):
        request = replace(arrived(due, "29", f"again-{number}"), reference=named)
        again = await buyer.receive_transfer(request, key=f"again-{number}")
        assert (again.reference, again.left, again.surplus) == (named, ZERO, STARTER)
    assert (await buyer.get_wallet()).balance == usd("58")
    after = await buyer.get_invoice(invoice.uuid)
    assert (after.state, after.paid) == (InvoiceState.PAID, STARTER)
    eve = await market.buyer("eve@example.com", device="device-2")
    await raises(InvalidInput, eve.receive_transfer(arrived(due, "1", "x"), key="r"), reference="unknown")


@paged_story
async def test_one_arrival_is_one_however_it_is_typed(market: Market) -> None:
    buyer, _ = await promised(market)
    due = await only_due(buyer)
    spaced = replace(arrived(due, "1", "Bank 7 x"), reference=f" {due.reference[:7].lower()} {due.reference[7:]}")
    await buyer.receive_transfer(spaced, key="r")
    for typed in ("bank7X", " BANK 7 X"):
        await raises(InvalidInput, buyer.receive_transfer(arrived(due, "1", typed), key=typed),
                     bank_reference="already_used")  # fmt: skip
    assert (await only_due(buyer)).received == usd("1")


@paged_story
async def test_an_amount_and_a_day_have_bounds(market: Market) -> None:
    buyer, _ = await promised(market)
    due, now = await only_due(buyer), (await buyer.get_timeline()).now
    good = arrived(due, "29")
    for number, (request, field) in enumerate(
        (
            (replace(good, amount=Money(AMOUNT_MAX + 10_000)), "amount"),
            (replace(good, amount=Money(10**40)), "amount"),
            (replace(good, received_on=now.replace(tzinfo=None)), "received_on"),
            (replace(good, received_on=now + timedelta(days=400)), "received_on"),
            (replace(good, received_on=now - timedelta(days=367)), "received_on"),
        )
    ):
        await raises(InvalidInput, buyer.receive_transfer(request, key=str(number)), **{field: "out_of_range"})
    told = await buyer.receive_transfer(replace(good, amount=Money(AMOUNT_MAX)), key="most")
    assert told.surplus == Money(AMOUNT_MAX) - STARTER
