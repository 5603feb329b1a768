"""Invoices, receipts and credit notes: final once they have a number, exact, and made out to whom they should be."""

from __future__ import annotations

import csv
import io
import json
import re

from services.api.errors import CardDeclined, InvalidInput, KeyReused, NotFound, NotSignedIn, WrongState
from services.api.types import (
    BillingDetails,
    BillingModel,
    DocumentFormat,
    Invoice,
    InvoiceKind,
    InvoiceQuery,
    InvoiceState,
    QuickCheckout,
)
from tests.contract.market import Market, raises, story
from tests.contract.money import PRO, STARTER, UNKNOWN, ZERO, offered, subscribed, top_up, total, usd

GERMAN = BillingDetails("Lovelace GmbH", ("Torstraße 1", "10119 Berlin"), "DE", "DE136695976", "billing@example.com")
FRENCH = BillingDetails("Lovelace SARL", ("1 rue de Rivoli",), "FR", "FR40303265045")


def adds_up(invoice: Invoice) -> bool:
    """Total = lines - discount - credit + tax; what is due is what nobody paid or credited."""
    taxable = invoice.subtotal - invoice.discount - invoice.credit_applied
    return (
        taxable + invoice.tax == invoice.total
        and total(line.amount for line in invoice.tax_lines) == invoice.tax
        and total(line.amount for line in invoice.lines if not line.parent_uuid) == invoice.subtotal - invoice.discount
    )


@story
async def test_a_purchase_has_a_paid_invoice(market: Market) -> None:
    buyer = await market.buyer()
    placed = await market.buy(buyer)
    order = await buyer.get_order(placed.order_uuid)
    page = await buyer.list_invoices(InvoiceQuery())
    assert page.total == 1
    invoice = page.items[0]
    assert (order.invoice_uuid, invoice.order_uuid) == (invoice.uuid, order.uuid)
    assert (invoice.kind, invoice.state) == (InvoiceKind.INVOICE, InvoiceState.PAID)
    assert (invoice.total, invoice.paid, invoice.due, invoice.tax) == (STARTER, STARTER, ZERO, ZERO)
    assert invoice.number
    assert invoice.paid_with.endswith("4242")
    assert adds_up(invoice)
    assert await buyer.get_invoice(invoice.uuid) == invoice


@story
async def test_numbers_have_no_gaps_and_no_two_are_alike(market: Market) -> None:
    buyer = await market.buyer()
    for number in range(4):
        await market.buy(buyer, key=f"order-{number}")
    numbers = [one.number for one in (await buyer.list_invoices(InvoiceQuery())).items]
    counts = [int(match.group()) for match in (re.search(r"\d+$", number) for number in numbers) if match]
    assert counts == [counts[0] - step for step in range(4)]


@story
async def test_nothing_to_pay_makes_no_invoice(market: Market) -> None:
    buyer, (offering, plan) = await market.buyer(), await market.plan(BillingModel.FREE)
    await market.buy(buyer, QuickCheckout(offering.card.uuid, plan.uuid, terms_accepted=True), key="free")
    await subscribed(market, buyer, "pro", key="trial", start_trial=True)
    assert (await buyer.list_invoices(InvoiceQuery())).items == ()


@story
async def test_the_upcoming_invoice_is_the_next_charge(market: Market) -> None:
    buyer = await market.buyer()
    pro = await subscribed(market, buyer, "pro", key="pro")
    starter = await subscribed(market, buyer, key="starter")
    trial = await subscribed(market, buyer, "pro", key="trial", start_trial=True)
    upcoming = await buyer.list_upcoming()
    assert upcoming[0].subscription_uuid == trial.uuid  # the soonest first
    assert {one.subscription_uuid: one.total for one in upcoming} == {
        pro.uuid: PRO,
        starter.uuid: STARTER,
        trial.uuid: PRO,
    }
    for one in upcoming:
        subscription = await buyer.get_subscription(one.subscription_uuid)
        assert (one.state, one.number) == (InvoiceState.DRAFT, "")
        assert (one.total, one.expected_at) == (subscription.next_charge, subscription.next_charge_at)
        assert adds_up(one)


@story
async def test_invoices_are_filtered_and_paged(market: Market) -> None:
    buyer = await market.buyer()
    await market.buy(buyer)
    await top_up(market, buyer)
    everything = await buyer.list_invoices(InvoiceQuery())
    assert (everything.total, len(everything.items)) == (2, 2)
    receipts = await buyer.list_invoices(InvoiceQuery(kind=InvoiceKind.RECEIPT))
    assert [one.kind for one in receipts.items] == [InvoiceKind.RECEIPT]
    assert (await buyer.list_invoices(InvoiceQuery(state=InvoiceState.OPEN))).total == 0
    by_number = await buyer.list_invoices(InvoiceQuery(text=receipts.items[0].number))
    assert by_number.items == receipts.items
    assert (await buyer.list_invoices(InvoiceQuery(text="no such words"))).total == 0
    second = await buyer.list_invoices(InvoiceQuery(page=2, page_size=1))
    assert (second.total, second.items) == (2, everything.items[1:])
    for name, query in (("page", InvoiceQuery(page=0)), ("page_size", InvoiceQuery(page_size=0))):
        await raises(InvalidInput, buyer.list_invoices(query), **{name: "out_of_range"})


@story
async def test_invoices_of_somebody_else_are_not_found(market: Market) -> None:
    guest, ada = market.guest(), await market.buyer()
    eve = await market.buyer("eve@example.com", device="device-2")
    await market.buy(ada)
    invoice = (await ada.list_invoices(InvoiceQuery())).items[0]
    theirs = invoice.organization_uuid
    for service, kind in ((eve, NotFound), (guest, NotSignedIn)):
        await raises(kind, service.get_invoice(invoice.uuid))
        await raises(kind, service.export_invoice(invoice.uuid, DocumentFormat.PDF))
        await raises(kind, service.pay_invoice(invoice.uuid, "tok_test_pays", key="k"))
        await raises(kind, service.correct_invoice(invoice.uuid, GERMAN, key="k"))
        await raises(kind, service.list_invoices(InvoiceQuery(theirs)))
        await raises(kind, service.list_upcoming(theirs))
        await raises(kind, service.get_billing_details(theirs))
        await raises(kind, service.set_billing_details(GERMAN, theirs))
    await raises(NotFound, ada.get_invoice(UNKNOWN))
    assert (await eve.list_invoices(InvoiceQuery())).items == await eve.list_upcoming() == ()


# ---- whom it is made out to


@story
async def test_billing_details_are_checked_field_by_field(market: Market) -> None:
    buyer = await market.buyer()
    assert await buyer.get_billing_details() == BillingDetails()
    wrong: list[tuple[BillingDetails, dict[str, str]]] = [
        (BillingDetails(country="DE", vat_id="DE12"), {"vat_id": "vat_format"}),
        (BillingDetails(country="DE", vat_id="DE136695977"), {"vat_id": "vat_checksum"}),
        (BillingDetails(country="DE", vat_id="FR40303265045"), {"vat_id": "vat_country"}),
        (BillingDetails(country="Germany"), {"country": "unknown"}),
        (BillingDetails(email="nobody"), {"email": "email_invalid"}),
        (BillingDetails(name="x" * 500), {"name": "too_long"}),
        (BillingDetails(address=("x" * 500,)), {"address": "too_long"}),
    ]
    for details, fields in wrong:
        await raises(InvalidInput, buyer.set_billing_details(details), **fields)
    assert await buyer.get_billing_details() == BillingDetails()
    kept = await buyer.set_billing_details(GERMAN)
    assert kept == await buyer.get_billing_details() == GERMAN
    spaced = await buyer.set_billing_details(BillingDetails(country="DE", vat_id="de 136 695 976"))
    assert spaced.vat_id == "DE136695976"
    assert await buyer.set_billing_details(BillingDetails()) == BillingDetails()


@story
async def test_tax_is_the_buyers_countrys(market: Market) -> None:
    buyer = await market.buyer()
    await buyer.set_billing_details(BillingDetails("Ada", country="DE"))
    placed = await market.buy(buyer)
    order = await buyer.get_order(placed.order_uuid)
    invoice = await buyer.get_invoice(order.invoice_uuid)
    assert order.total == invoice.total == usd("34.51")
    assert (invoice.subtotal, invoice.tax, invoice.details.country) == (STARTER, usd("5.51"), "DE")
    assert [(line.rate, line.taxable, line.note) for line in invoice.tax_lines] == [("19", STARTER, "")]
    assert adds_up(invoice)
    assert (await buyer.list_subscriptions())[0].next_charge == usd("34.51")


@story
async def test_a_business_of_another_eu_country_accounts_for_the_tax_itself(market: Market) -> None:
    buyer = await market.buyer()
    await buyer.set_billing_details(FRENCH)
    placed = await market.buy(buyer)
    invoice = await buyer.get_invoice((await buyer.get_order(placed.order_uuid)).invoice_uuid)
    assert (invoice.total, invoice.tax) == (STARTER, ZERO)
    assert [line.note for line in invoice.tax_lines] == ["reverse_charge"]
    assert invoice.details.vat_id == FRENCH.vat_id


@story
async def test_other_details_after_the_fact_are_a_credit_note_and_a_new_invoice(market: Market) -> None:
    buyer = await market.buyer()
    await market.buy(buyer)
    old = (await buyer.list_invoices(InvoiceQuery())).items[0]
    details = BillingDetails("Ada", ("1 Main Street",), email="ada@example.com")
    await raises(
        InvalidInput, buyer.correct_invoice(old.uuid, BillingDetails(country="Germany"), key="bad"), country="unknown"
    )
    done = await buyer.correct_invoice(old.uuid, details, key="once")
    assert (done.credit_note.kind, done.credit_note.total) == (InvoiceKind.CREDIT_NOTE, -STARTER)
    assert (done.credit_note.corrects_uuid, done.credit_note.corrects_number) == (old.uuid, old.number)
    assert (done.invoice.details, done.invoice.total, done.invoice.due) == (details, STARTER, ZERO)
    assert done.invoice.state is InvoiceState.PAID
    kept = await buyer.get_invoice(old.uuid)
    assert (kept.number, kept.total, kept.details, kept.lines) == (old.number, old.total, old.details, old.lines)
    assert (kept.credited, kept.replaced_by_uuid) == (STARTER, done.invoice.uuid)
    assert len({old.number, done.invoice.number, done.credit_note.number}) == 3
    again = await buyer.correct_invoice(old.uuid, details, key="once")
    assert (again.invoice.uuid, again.credit_note.uuid) == (done.invoice.uuid, done.credit_note.uuid)
    await raises(KeyReused, buyer.correct_invoice(old.uuid, FRENCH, key="once"))
    await raises(WrongState, buyer.correct_invoice(old.uuid, details, key="twice"))
    await raises(WrongState, buyer.correct_invoice(done.credit_note.uuid, details, key="of a note"))
    assert (await buyer.get_account()).spent_this_month == STARTER


# ---- paying, keeping


@story
async def test_an_open_invoice_is_paid_once(market: Market) -> None:
    buyer = await market.buyer()
    quote = await offered(market, buyer, "450")
    await buyer.accept_quote(quote.uuid, key="accept")
    invoice = (await buyer.list_invoices(InvoiceQuery(state=InvoiceState.OPEN))).items[0]
    assert (invoice.total, invoice.due, invoice.paid) == (usd("450"), usd("450"), ZERO)
    await raises(InvalidInput, buyer.pay_invoice(invoice.uuid, "", key="no card"), payment_token="required")
    await raises(InvalidInput, buyer.pay_invoice(invoice.uuid, "tok_made_up", key="odd"), payment_token="unknown")
    declined, good = await market.card("declined"), await market.card()
    await raises(CardDeclined, buyer.pay_invoice(invoice.uuid, declined, key="declined"))
    assert (await buyer.get_invoice(invoice.uuid)).state is InvoiceState.OPEN
    paid = await buyer.pay_invoice(invoice.uuid, good, key="good")
    assert (paid.amount, paid.invoice_uuid) == (usd("450"), invoice.uuid)
    assert await buyer.pay_invoice(invoice.uuid, good, key="good") == paid
    await raises(WrongState, buyer.pay_invoice(invoice.uuid, good, key="twice"))
    done = await buyer.get_invoice(invoice.uuid)
    assert (done.state, done.due, done.number) == (InvoiceState.PAID, ZERO, invoice.number)
    assert (await buyer.get_account()).spent_this_month == usd("450")


@story
async def test_an_invoice_is_kept_as_a_file(market: Market) -> None:
    buyer = await market.buyer()
    await market.buy(buyer)
    invoice = (await buyer.list_invoices(InvoiceQuery())).items[0]
    pdf = await buyer.export_invoice(invoice.uuid, DocumentFormat.PDF)
    assert (pdf.media_type, pdf.data[:5]) == ("application/pdf", b"%PDF-")
    assert pdf.name.endswith(".pdf")
    as_json = await buyer.export_invoice(invoice.uuid, DocumentFormat.JSON)
    assert as_json.media_type == "application/json"
    assert json.loads(as_json.data)["number"] == invoice.number
    as_csv = await buyer.export_invoice(invoice.uuid, DocumentFormat.CSV)
    assert as_csv.media_type.startswith("text/csv")
    rows = list(csv.reader(io.StringIO(as_csv.data.decode("utf-8-sig"))))
    assert len(rows) > len(invoice.lines)
    assert invoice.number in rows[1]
    await raises(NotFound, buyer.export_invoice(UNKNOWN, DocumentFormat.PDF))
