"""Billing details, and invoices found again: below the contract."""

from __future__ import annotations

import asyncio

import pytest

from services.api.errors import InvalidInput, NotFound
from services.api.types import BillingDetails, ChangeAction, InvoiceKind, InvoiceQuery, PaymentMethod, TopUp
from services.embedded.money import details
from tests.contract.market import raises
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Shop, story

NAME_MAX = 120


def problems(**fields: object) -> dict[str, str]:
    """What is wrong with these details."""
    with pytest.raises(InvalidInput) as caught:
        details.checked(BillingDetails(**fields))  # type: ignore[arg-type]
    return caught.value.fields


def test_details_are_kept_tidy() -> None:
    wanted = BillingDetails(
        "  Lovelace  GmbH ", (" Torstraße 1 ", "", "  "), " de ", " de 136 695 976 ", " a@example.com "
    )
    assert details.checked(wanted) == BillingDetails(
        "Lovelace GmbH", ("Torstraße 1",), "DE", "DE136695976", "a@example.com"
    )
    assert details.checked(BillingDetails()) == BillingDetails()


def test_each_field_says_what_is_wrong() -> None:
    assert problems(name="x" * (NAME_MAX + 1)) == {"name": "too_long"}
    assert problems(address=("x" * (NAME_MAX + 1),)) == {"address": "too_long"}
    assert problems(address=("x",) * 7) == {"address": "too_long"}
    assert problems(country="Germany") == problems(country="1A") == problems(country="XX") == {"country": "unknown"}
    assert problems(vat_id="DE136695976") == {"country": "required"}
    assert problems(country="DE", vat_id="DE136695977") == {"vat_id": "vat_checksum"}
    assert problems(country="Germany", vat_id="x", email="x") == {"country": "unknown", "email": "email_invalid"}


def test_what_just_fits_is_taken() -> None:
    longest = BillingDetails("x" * NAME_MAX, ("y" * NAME_MAX,) * 6)
    assert details.checked(longest) == longest


@story
async def test_details_may_come_before_the_first_purchase(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.buyer.set_billing_details(BillingDetails("Ada", country="DE"))
    await life.subscribe("starter")
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    assert (invoice.details.name, invoice.total) == ("Ada", usd("34.51"))
    [organization] = (await life.buyer.get_account()).organizations
    assert organization.uuid == invoice.organization_uuid


@story
async def test_two_at_once_make_one_organization(shop: Shop) -> None:
    life = await Life.begin(shop)
    wanted = [life.buyer.set_billing_details(BillingDetails(f"Ada {number}")) for number in range(4)]
    await asyncio.gather(*wanted)
    [organization] = (await life.buyer.get_account()).organizations
    kept = await life.buyer.get_billing_details(organization.uuid)
    assert kept == await life.buyer.get_billing_details()
    await raises(NotFound, life.buyer.get_billing_details("0" * 32))


@story
async def test_details_of_an_invoice_stay_when_others_are_set(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.buyer.set_billing_details(BillingDetails("Before"))
    await life.subscribe("starter")
    await life.buyer.set_billing_details(BillingDetails("After"))
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    assert invoice.details.name == "Before"
    assert [one.details.name for one in await life.buyer.list_upcoming()] == ["After"]


@story
async def test_words_are_found_whatever_their_case_in_number_names_and_lines(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.buyer.set_billing_details(BillingDetails("Straße & Söhne"))
    await life.subscribe("starter", coupon="TENOFF")
    await life.buyer.top_up(TopUp(usd("20"), "tok_visa"), key="credit")

    async def found(text: str, **query: object) -> list[InvoiceKind]:
        page = await life.buyer.list_invoices(InvoiceQuery(text=text, **query))  # type: ignore[arg-type]
        assert page.total == len(page.items)
        return [one.kind for one in page.items]

    invoice, receipt = InvoiceKind.INVOICE, InvoiceKind.RECEIPT
    assert await found("SÖHNE") == [receipt, invoice]
    assert await found("söhne tenoff") == await found("STARTER") == await found("sk-2026") == [invoice]
    assert await found("tenoff", kind=receipt) == await found("tenoff nowhere") == await found("%") == []


@story
async def test_a_page_of_what_was_searched_for(shop: Shop) -> None:
    life = await Life.begin(shop)
    for _ in range(3):
        await life.subscribe("starter")
    everything = await life.buyer.list_invoices(InvoiceQuery(text="starter"))
    page = await life.buyer.list_invoices(InvoiceQuery(text="starter", page=2, page_size=2))
    assert (page.total, page.items) == (3, everything.items[2:])
    assert [one.number for one in everything.items] == sorted((one.number for one in everything.items), reverse=True)
    await raises(InvalidInput, life.buyer.list_invoices(InvoiceQuery(page_size=301)), page_size="out_of_range")
    assert (await life.buyer.list_invoices(InvoiceQuery(page_size=300))).total == 3


@story
async def test_the_upcoming_invoice_becomes_the_next_one(shop: Shop) -> None:
    """Same lines, same sums, only made."""
    life = await Life.begin(shop)
    await life.buyer.set_billing_details(BillingDetails("Ada", country="DE"))
    await life.subscribe("pro", coupon="WELCOME20")
    await life.wait(days=3)
    await life.call(5, used=9_998)
    [upcoming] = await life.buyer.list_upcoming()
    assert upcoming.expected_at is not None
    await life.until(upcoming.expected_at)
    await life.wait(hours=1)
    invoice = (await life.buyer.list_invoices(InvoiceQuery())).items[0]
    assert (invoice.subtotal, invoice.discount, invoice.tax, invoice.total) == (
        upcoming.subtotal, upcoming.discount, upcoming.tax, upcoming.total,
    )  # fmt: skip
    assert [(one.kind, one.amount, one.params, one.period_start) for one in invoice.lines] == [
        (one.kind, one.amount, one.params, one.period_start) for one in upcoming.lines
    ]
    assert (upcoming.total, upcoming.discount) == (usd("94.27"), usd("19.80"))  # 99 - 19.80 + 0.02 (3 x $0.008), + 19 %


@story
async def test_what_the_wallet_pays_is_on_the_upcoming_invoice(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.buyer.top_up(TopUp(usd("40"), "tok_visa"), key="credit")
    await life.subscribe("starter", payment_method=PaymentMethod.WALLET)
    [upcoming] = await life.buyer.list_upcoming()
    assert (upcoming.subtotal, upcoming.credit_applied, upcoming.total) == (usd("29"), usd("29"), usd("0"))


@story
async def test_nothing_is_upcoming_once_it_is_to_end(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    await life.change(ChangeAction.CANCEL_AT_END)
    assert await life.buyer.list_upcoming() == ()


@story
async def test_tax_that_a_correction_saves_goes_back_to_the_card(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.buyer.set_billing_details(BillingDetails("Lovelace SARL", country="FR"))
    await life.subscribe("starter")
    [old] = (await life.buyer.list_invoices(InvoiceQuery())).items
    assert old.total == usd("34.80")
    french = BillingDetails("Lovelace SARL", country="FR", vat_id="FR40303265045")
    done = await life.buyer.correct_invoice(old.uuid, french, key="correct")
    assert (done.invoice.total, done.invoice.paid, done.invoice.due) == (usd("29"), usd("29"), usd("0"))
    assert shop.provider.refunded() == usd("5.80")
    assert (await life.buyer.get_account()).spent_this_month == usd("29")
    await life.check_books()
