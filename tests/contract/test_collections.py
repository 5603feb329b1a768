"""What support does with money: transfers marked as received, invoices found, refunds previewed and done, disputes
seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.api.contract import Actor, Service
from services.api.errors import (
    InvalidInput,
    KeyReused,
    NotFound,
    NotSignedIn,
    PaymentCanceled,
    SumMoved,
    WrongState,
)
from services.api.types import (
    Invoice,
    InvoiceKind,
    InvoiceQuery,
    InvoiceSearch,
    InvoiceState,
    OrderState,
    PaymentMethod,
    PaymentState,
    PayOrder,
    Placed,
    ReceiveTransfer,
    RefundReason,
    RefundRequest,
    Register,
    ResourceState,
    SignIn,
    SubscriptionState,
    TopUp,
    TransferDue,
)
from tests.contract.market import PASSWORD, Market, paged_story, raises
from tests.contract.money import STARTER, UNKNOWN, ZERO, offered, total, usd


async def promised(market: Market) -> tuple[Service, Placed]:
    """A buyer who will pay by transfer."""
    buyer = await market.buyer()
    return buyer, await buyer.quick_checkout(await market.page_order(PaymentMethod.INVOICE), key="order")


async def only_due(service: Service) -> TransferDue:
    [due] = await service.list_transfers()
    return due


def arrived(due: TransferDue, text: str, bank: str = "bank-1", note: str = "") -> ReceiveTransfer:
    """Support says that so much came in."""
    return ReceiveTransfer(due.reference, usd(text), bank, note=note)


# ---- transfers


@paged_story
async def test_an_order_by_transfer_waits_and_says_how_to_pay(market: Market) -> None:
    buyer, placed = await promised(market)
    assert (placed.state, placed.resource_uuid, placed.action) == (PaymentState.PROCESSING, "", None)
    transfer = placed.transfer
    assert transfer is not None
    assert (transfer.amount, transfer.received, bool(transfer.reference)) == (STARTER, ZERO, True)
    assert dict(transfer.account)["iban"] == "DE02120300000000202051"
    order = await buyer.get_order(placed.order_uuid)
    assert (order.state, order.paid_with, order.transfer) == (OrderState.PENDING_PROVIDER, "transfer", transfer)
    assert transfer.due_at - order.created_at == timedelta(days=14)
    assert await buyer.refresh_order(order.uuid) == placed
    due = await only_due(buyer)
    assert (due.uuid, due.subject, due.reference) == (order.uuid, "order", transfer.reference)
    assert (due.amount, due.received, due.is_overdue, due.buyer_email) == (STARTER, ZERO, False, "ada@example.com")


@paged_story
async def test_all_of_it_delivers_and_nothing_is_charged(market: Market) -> None:
    buyer, placed = await promised(market)
    request = arrived(await only_due(buyer), "29", note="on Monday")
    told = await buyer.receive_transfer(request, key="r")
    assert (told.left, told.surplus, told.received_by, told.note) == (ZERO, ZERO, "ada@example.com", "on Monday")
    assert await buyer.receive_transfer(request, key="r") == told
    await raises(KeyReused, buyer.receive_transfer(replace(request, amount=usd("1")), key="r"))
    await market.run_jobs()
    order = await buyer.get_order(placed.order_uuid)
    assert (order.state, order.transfer, order.paid_with) == (OrderState.DONE, None, "transfer")
    invoice = await buyer.get_invoice(order.invoice_uuid)
    assert (invoice.state, invoice.paid_with) == (InvoiceState.PAID, "transfer")
    assert (await buyer.list_transfers(), await buyer.list_received()) == ((), (told,))
    assert await market.outside.charged() == ZERO


@paged_story
async def test_parts_add_up_and_what_is_too_much_is_credit(market: Market) -> None:
    buyer, placed = await promised(market)
    due = await only_due(buyer)
    first = await buyer.receive_transfer(replace(arrived(due, "20"), reference=due.reference.lower()), key="r1")
    assert (first.left, (await only_due(buyer)).received) == (usd("9"), usd("20"))
    order = await buyer.get_order(placed.order_uuid)
    assert order.transfer is not None
    assert (order.state, order.transfer.amount) == (OrderState.PENDING_PROVIDER, usd("9"))
    await raises(WrongState, buyer.cancel_order(placed.order_uuid))
    second = await buyer.receive_transfer(arrived(due, "11.50", "bank-2"), key="r2")
    assert (second.left, second.surplus) == (ZERO, usd("2.50"))
    await market.run_jobs()
    assert (await buyer.get_order(placed.order_uuid)).state is OrderState.DONE
    assert (await buyer.get_wallet()).balance == usd("2.50")
    assert await buyer.list_received() == (second, first)


@paged_story
async def test_one_arrival_is_marked_once(market: Market) -> None:
    buyer, _ = await promised(market)
    due = await only_due(buyer)
    await buyer.receive_transfer(arrived(due, "10"), key="r1")
    again = buyer.receive_transfer(arrived(due, "10"), key="r2")
    await raises(InvalidInput, again, bank_reference="already_used")
    assert (await only_due(buyer)).received == usd("10")


@paged_story
async def test_what_cannot_be_right_is_named(market: Market) -> None:
    buyer, _ = await promised(market)
    due = await only_due(buyer)
    good, now = arrived(due, "29"), (await buyer.get_timeline()).now
    for number, (request, field, code) in enumerate(
        (
            (replace(good, reference="SKT-NOBODY"), "reference", "unknown"),
            (replace(good, amount=ZERO), "amount", "not_positive"),
            (replace(good, amount=usd("-1")), "amount", "not_positive"),
            (replace(good, amount=usd("0.001")), "amount", "not_whole_minor"),
            (replace(good, bank_reference=" "), "bank_reference", "required"),
            (replace(good, bank_reference="x" * 141), "bank_reference", "too_long"),
            (replace(good, received_on=now + timedelta(days=1)), "received_on", "out_of_range"),
            (replace(good, note="x" * 2001), "note", "too_long"),
        )
    ):
        await raises(InvalidInput, buyer.receive_transfer(request, key=str(number)), **{field: code})
    assert (await only_due(buyer)).received == ZERO


@paged_story
async def test_an_order_by_transfer_is_given_up_or_paid_another_way(market: Market) -> None:
    buyer, placed = await promised(market)
    paid = await buyer.pay_order(placed.order_uuid, PayOrder(payment_token=await market.card()), key="card")
    assert (paid.order_uuid, bool(paid.resource_uuid)) == (placed.order_uuid, True)
    assert await buyer.list_transfers() == ()
    other = await buyer.quick_checkout(await market.page_order(PaymentMethod.INVOICE), key="order-2")
    assert (await buyer.cancel_order(other.order_uuid)).state is OrderState.CANCELED
    await raises(PaymentCanceled, buyer.refresh_order(other.order_uuid))
    assert await buyer.list_transfers() == ()
    assert await market.outside.charged() == STARTER


@paged_story
async def test_an_open_invoice_is_paid_part_by_part(market: Market) -> None:
    buyer = await market.buyer()
    placed = await buyer.accept_quote((await offered(market, buyer, net_days=30)).uuid, key="accept")
    uuid = (await buyer.get_order(placed.order_uuid)).invoice_uuid
    due = await only_due(buyer)
    assert (due.uuid, due.subject, due.amount) == (uuid, "invoice", usd("450"))
    await buyer.receive_transfer(arrived(due, "200"), key="r1")
    invoice = await buyer.get_invoice(uuid)
    assert (invoice.state, invoice.paid, invoice.due) == (InvoiceState.OPEN, usd("200"), usd("250"))
    assert (await only_due(buyer)).received == usd("200")
    await buyer.receive_transfer(arrived(due, "250", "bank-2"), key="r2")
    assert (await buyer.get_invoice(uuid)).state is InvoiceState.PAID
    assert await buyer.list_transfers() == ()


@paged_story
async def test_staff_see_and_mark_everybodys_and_a_stranger_nothing(market: Market) -> None:
    buyer, placed = await promised(market)
    eve = await market.buyer("eve@example.com", device="device-2")
    due = await only_due(buyer)
    assert (await eve.list_transfers(), await eve.list_received()) == ((), ())
    await raises(InvalidInput, eve.receive_transfer(arrived(due, "29"), key="r"), reference="unknown")
    await raises(NotSignedIn, market.guest().list_transfers())
    await market.outside.make_staff("eve@example.com")
    assert (await eve.get_account()).is_staff
    assert await eve.list_transfers() == (due,)
    told = await eve.receive_transfer(arrived(due, "29"), key="r")
    assert told.received_by == "eve@example.com"
    await market.run_jobs()
    assert (await buyer.get_order(placed.order_uuid)).state is OrderState.DONE


# ---- finding an invoice


async def sold(market: Market, email: str, name: str = "") -> Invoice:
    """The invoice of a new buyer."""
    device = f"device of {email}"
    session = await market.guest(device).register(Register(email, PASSWORD, name))
    buyer = market.root.for_actor(Actor(device=device, session=session.token))
    placed = await market.buy(buyer, key=f"order of {email}")
    return await buyer.get_invoice((await buyer.get_order(placed.order_uuid)).invoice_uuid)


async def support(market: Market) -> Service:
    """Somebody of ours, who has bought nothing."""
    eve = await market.buyer("eve@souk.example", device="desk")
    await market.outside.make_staff("eve@souk.example")
    return eve


async def hits(service: Service, text: str) -> list[tuple[str, str]]:
    """What is found, as (number, e-mail)."""
    found = await service.find_invoices(InvoiceSearch(text))
    assert (len(found.items), found.is_capped) == (found.total, False)
    return [(one.invoice.number, one.member_email) for one in found.items]


@paged_story
async def test_staff_find_an_invoice_by_what_a_caller_can_tell(market: Market) -> None:
    eve, first = await support(market), await sold(market, "ada@example.com", "Ada Müller")
    market.outside.wait(minutes=1)
    second = await sold(market, "grace@example.com", "Grace Hopper")
    ada, grace = (first.number, "ada@example.com"), (second.number, "grace@example.com")
    for text in ("ada@example.com", " ADA@Example", "ada@", "mÜLLer", "a  müller's organ", first.number.lower()):
        assert await hits(eve, text) == [ada], text
    assert await hits(eve, second.number) == [grace]
    for text in ("organization", "sk", "SK-", first.number[:-1]):
        assert await hits(eve, text) == [grace, ada], text
    for text in ("example.com", "da@example.com", "nobody", f"{first.number}0", "CN-"):
        assert await hits(eve, text) == [], text
    [found] = (await eve.find_invoices(InvoiceSearch("hopper"))).items
    assert found.invoice == second


@paged_story
async def test_marks_of_a_pattern_mean_themselves(market: Market) -> None:
    eve, odd = await support(market), await sold(market, "a_b%c@example.com", "Hundred% _Sure/ Ltd\\")
    await sold(market, "axbyc@example.com", "Hundred and x Sure")
    whole = [(odd.number, "a_b%c@example.com")]
    for text in ("a_b", "a_b%c@", "d% _", "_Sure", "re/", "ltd\\"):
        assert await hits(eve, text) == whole, text
    for text in ("%%", "__", "a%c", "sk_", "SK-%", "d%s", "/_", "a_c"):
        assert await hits(eve, text) == [], text


@paged_story
async def test_found_invoices_come_page_by_page(market: Market) -> None:
    eve, sellings = await support(market), []
    for name in ("ada", "bea", "cat"):
        sellings.append(await sold(market, f"{name}@example.com"))
        market.outside.wait(minutes=1)
    newest_first = [one.number for one in reversed(sellings)]
    pages = [await eve.find_invoices(InvoiceSearch("organization", page, 2)) for page in (1, 2, 3)]
    assert [[one.invoice.number for one in page.items] for page in pages] == [newest_first[:2], newest_first[2:], []]
    assert {(page.total, page.is_capped) for page in pages} == {(3, False)}


@paged_story
async def test_a_search_that_cannot_be_right_is_named(market: Market) -> None:
    eve = await support(market)
    for search, field, code in (
        (InvoiceSearch(""), "text", "required"),
        (InvoiceSearch(" \t "), "text", "required"),
        (InvoiceSearch(" a "), "text", "too_short"),
        (InvoiceSearch("a" * 255), "text", "too_long"),
        (InvoiceSearch("ada", page=0), "page", "out_of_range"),
        (InvoiceSearch("ada", page_size=0), "page_size", "out_of_range"),
        (InvoiceSearch("ada", page_size=301), "page_size", "out_of_range"),
    ):
        await raises(InvalidInput, eve.find_invoices(search), **{field: code})
    assert await hits(eve, "ü" * 254) == []


@paged_story
async def test_a_buyer_finds_only_their_own(market: Market) -> None:
    own = await sold(market, "ada@example.com")
    await sold(market, "ada.other@example.com")
    ada = market.root.for_actor(
        Actor(session=(await market.guest().sign_in(SignIn("ada@example.com", PASSWORD))).token)
    )
    for text in ("ada", "organization", own.number, "SK-"):
        assert await hits(ada, text) == [(own.number, "ada@example.com")], text
    await raises(NotSignedIn, market.guest().find_invoices(InvoiceSearch("ada")))


@paged_story
async def test_what_staff_found_they_can_read_explain_and_refund(market: Market) -> None:
    invoice, eve = await sold(market, "ada@example.com"), await support(market)
    ref, notes = f"invoice:{invoice.uuid}", InvoiceQuery(invoice.organization_uuid, kind=InvoiceKind.CREDIT_NOTE)
    stranger = await market.buyer("mallory@example.com", device="elsewhere")
    await raises(NotFound, stranger.explain(ref))
    await raises(NotFound, stranger.list_invoices(notes))
    assert await eve.get_invoice(invoice.uuid) == invoice
    assert (await eve.explain(ref)).amount == invoice.total
    request = RefundRequest(invoice.uuid)
    done = await eve.refund_invoice(request, (await eve.preview_refund(request)).hash, key="r")
    assert [one.number for one in (await eve.list_invoices(notes)).items] == [done.credit_note_number]
    everywhere = InvoiceQuery(kind=InvoiceKind.CREDIT_NOTE, everywhere=True)
    assert [one.number for one in (await eve.list_invoices(everywhere)).items] == [done.credit_note_number]
    assert (await stranger.list_invoices(everywhere)).items == ()  # in a test workspace: one's own
    assert (done.credit_note_number, "ada@example.com") in await hits(eve, "ada@example.com")


# ---- refunds


async def paid(market: Market) -> tuple[Service, Invoice]:
    """A buyer and the invoice of their subscription."""
    buyer = await market.buyer()
    placed = await market.buy(buyer)
    return buyer, await buyer.get_invoice((await buyer.get_order(placed.order_uuid)).invoice_uuid)


@paged_story
async def test_a_preview_writes_nothing_and_its_lines_add_up_to_nothing(market: Market) -> None:
    buyer, invoice = await paid(market)
    request = RefundRequest(invoice.uuid, ends_access=True)
    preview = await buyer.preview_refund(request)
    assert (preview.invoice_number, preview.refundable, preview.amount) == (invoice.number, STARTER, STARTER)
    assert preview.goes_to == invoice.paid_with
    assert (total(line.amount for line in preview.lines), len(preview.lines) > 1) == (ZERO, True)
    assert preview.ends == ((await market.agent()).card.name,)
    assert await buyer.preview_refund(request) == preview
    assert (await buyer.get_invoice(invoice.uuid)).credited == ZERO


@paged_story
async def test_a_part_goes_back_once_and_access_stays(market: Market) -> None:
    buyer, invoice = await paid(market)
    request = RefundRequest(invoice.uuid, usd("9"), RefundReason.DUPLICATE, "charged twice")
    preview = await buyer.preview_refund(request)
    assert preview.ends == ()
    done = await buyer.refund_invoice(request, preview.hash, key="r")
    assert (done.state, done.amount, done.ended) == (PaymentState.SUCCEEDED, usd("9"), ())
    assert await buyer.refund_invoice(request, preview.hash, key="r") == done
    note = await buyer.get_invoice(done.credit_note_uuid)
    assert (note.number, note.total, note.corrects_uuid) == (done.credit_note_number, usd("-9"), invoice.uuid)
    assert (await buyer.get_invoice(invoice.uuid)).credited == usd("9")
    assert (await buyer.preview_refund(RefundRequest(invoice.uuid))).refundable == usd("20")
    [order] = await buyer.list_orders()
    assert order.refunded == usd("9")
    [subscription] = await buyer.list_subscriptions()
    assert subscription.state is SubscriptionState.ACTIVE


@paged_story
async def test_all_of_it_with_the_end_of_access(market: Market) -> None:
    buyer, invoice = await paid(market)
    request = RefundRequest(invoice.uuid, reason=RefundReason.NOT_DELIVERED, ends_access=True)
    done = await buyer.refund_invoice(request, (await buyer.preview_refund(request)).hash, key="r")
    assert (done.amount, done.ended) == (STARTER, ((await market.agent()).card.name,))
    [resource] = await buyer.list_resources()
    assert resource.state is ResourceState.RETIRED
    await raises(WrongState, buyer.preview_refund(RefundRequest(invoice.uuid)))


@paged_story
async def test_what_has_moved_since_the_preview_is_not_done(market: Market) -> None:
    buyer, invoice = await paid(market)
    whole, part = RefundRequest(invoice.uuid), RefundRequest(invoice.uuid, usd("9"))
    old = await buyer.preview_refund(whole)
    await buyer.refund_invoice(part, (await buyer.preview_refund(part)).hash, key="r")
    await raises(SumMoved, buyer.refund_invoice(whole, old.hash, key="s"))
    await raises(SumMoved, buyer.refund_invoice(whole, "", key="t"))
    assert (await buyer.get_invoice(invoice.uuid)).credited == usd("9")


@paged_story
async def test_no_more_than_was_paid_goes_back(market: Market) -> None:
    buyer, invoice = await paid(market)
    for text, code in (("0", "not_positive"), ("-1", "not_positive"), ("0.001", "not_whole_minor")):
        work = buyer.preview_refund(RefundRequest(invoice.uuid, usd(text)))
        await raises(InvalidInput, work, amount=code)
    work = buyer.preview_refund(RefundRequest(invoice.uuid, usd("29.01")))
    await raises(InvalidInput, work, amount="over_invoice")
    await raises(InvalidInput, buyer.preview_refund(RefundRequest(invoice.uuid, note="x" * 2001)), note="too_long")


@paged_story
async def test_a_stranger_refunds_nothing(market: Market) -> None:
    _, invoice = await paid(market)
    eve = await market.buyer("eve@example.com", device="device-2")
    for uuid in (invoice.uuid, UNKNOWN):
        await raises(NotFound, eve.preview_refund(RefundRequest(uuid)))
        await raises(NotFound, eve.refund_invoice(RefundRequest(uuid), "hash", key="r"))
    await raises(NotSignedIn, market.guest().preview_refund(RefundRequest(invoice.uuid)))
    await market.outside.make_staff("eve@example.com")
    assert (await eve.preview_refund(RefundRequest(invoice.uuid))).amount == STARTER


# ---- disputes


@paged_story
async def test_disputed_credit_is_frozen_and_free_again_when_it_is_won(market: Market) -> None:
    buyer = await market.buyer()
    paid = await buyer.top_up(TopUp(usd("50"), await market.card()), key="top-up")
    made = await market.outside.dispute(paid.payment_uuid, usd("50"))
    wallet = await buyer.get_wallet()
    assert (wallet.balance, wallet.frozen) == (ZERO, usd("50"))
    [found] = await buyer.list_disputes()
    assert (found.state, found.amount, found.frozen, found.reason) == ("open", usd("50"), usd("50"), "fraudulent")
    assert (found.buyer_email, found.invoice_uuid, found.closed_at) == ("ada@example.com", paid.invoice_uuid, None)
    await market.outside.close_dispute(made, "won")
    [found] = await buyer.list_disputes()
    assert (found.state, found.frozen, found.closed_at is not None) == ("won", ZERO, True)
    wallet = await buyer.get_wallet()
    assert (wallet.balance, wallet.frozen) == (usd("50"), ZERO)


@paged_story
async def test_credit_of_a_lost_dispute_is_gone(market: Market) -> None:
    buyer = await market.buyer()
    paid = await buyer.top_up(TopUp(usd("50"), await market.card()), key="top-up")
    made = await market.outside.dispute(paid.payment_uuid, usd("50"))
    await market.outside.close_dispute(made, "lost")
    [found] = await buyer.list_disputes()
    assert (found.state, (await buyer.get_wallet()).balance) == ("lost", ZERO)


@paged_story
async def test_what_was_never_paid_after_all_is_not_served_any_longer(market: Market) -> None:
    buyer = await market.buyer()
    placed = await market.buy(buyer)
    made = await market.outside.dispute(placed.order_uuid, STARTER)
    [subscription] = await buyer.list_subscriptions()
    assert subscription.state is SubscriptionState.ACTIVE
    await market.outside.close_dispute(made, "lost")
    [subscription] = await buyer.list_subscriptions()
    assert subscription.state is SubscriptionState.CANCELED


@paged_story
async def test_disputes_are_seen_by_whom_they_concern_and_by_staff(market: Market) -> None:
    buyer, eve = await market.buyer(), await market.buyer("eve@example.com", device="device-2")
    first = await market.buy(buyer)
    second = await market.buy(buyer, key="order-2")
    closed = await market.outside.dispute(first.order_uuid, STARTER)
    await market.outside.close_dispute(closed, "won")
    await market.outside.dispute(second.order_uuid, STARTER)
    found = await buyer.list_disputes()
    assert [one.state for one in found] == ["open", "won"]
    assert await eve.list_disputes() == ()
    await raises(NotSignedIn, market.guest().list_disputes())
    await market.outside.make_staff("eve@example.com")
    assert await eve.list_disputes() == found


@paged_story
async def test_what_failed_is_not_given_back_while_the_bank_decides(market: Market) -> None:
    buyer = await market.buyer()
    market.failing_steps["check"] = "check_failed"
    placed = await market.buy(buyer)
    made = await market.outside.dispute(placed.order_uuid, STARTER)
    error = await raises(WrongState, buyer.refund_failed(placed.resource_uuid))
    assert error.params["state"] == "disputed"
    assert (await buyer.get_resource(placed.resource_uuid)).state is ResourceState.FAILED
    await market.outside.close_dispute(made, "won")
    assert (await buyer.refund_failed(placed.resource_uuid)).refunded == STARTER
    assert (await buyer.get_resource(placed.resource_uuid)).state is ResourceState.RETIRED
