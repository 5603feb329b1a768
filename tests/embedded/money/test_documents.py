"""Invoices as files: the PDF says what the invoice says, in text that can be copied, and nothing of it is markup."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pypdf import PdfReader

from services.api.money import Money, Rate
from services.api.types import (
    BillingDetails,
    DocumentFormat,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceState,
    TaxLine,
)
from services.embedded.money import invoice_words as words
from services.embedded.money.documents import document
from services.embedded.money.invoice_pdf import render
from tests.embedded.money.books import ZERO, usd

ISSUED = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
BUYER = BillingDetails(
    "Lovelace & Söhne <b>GmbH</b>", ("Torstraße 1", "10119 Berlin"), "DE", "DE136695976", "billing@example.com"
)


def line(
    uuid: str,
    kind: str,
    text: str,
    parent: str = "",
    *,
    quantity: str = "1",
    unit_price: Rate | None = None,
    **params: str,
) -> InvoiceLine:
    """A line of November; `params` make its sentence."""
    start = ISSUED - timedelta(days=30)
    return InvoiceLine(uuid, parent, kind, usd(text), dict(params), quantity, unit_price, start, ISSUED)


LINES = (
    line("1", "fee", "99", name="Customer Care", plan="Pro", cycle="monthly", unit_price=Rate(99_000_000)),
    line("2", "usage", "40.31", resource="Customer Care", quantity="15039"),
    line("3", "tier", "0", "2", code="included", quantity="10000", unit_price=Rate(0)),
    line("4", "tier", "40.312", "2", code="unit", quantity="5039", unit_price=Rate(8_000)),
    line("5", "discount", "-19.80", code="WELCOME20"),
)
INVOICE = Invoice(
    uuid="0" * 32, number="SK-2026-000042", kind=InvoiceKind.INVOICE, state=InvoiceState.OPEN,
    organization_uuid="1" * 32, organization_name="Ada's Organization", details=BUYER, lines=LINES,
    tax_lines=(TaxLine("VAT", "19", usd("119.51"), usd("22.71")),), subtotal=usd("139.31"), discount=usd("19.80"),
    credit_applied=ZERO, tax=usd("22.71"), total=usd("142.22"), paid=ZERO, credited=ZERO, due=usd("142.22"),
    period_start=ISSUED - timedelta(days=30), period_end=ISSUED, created_at=ISSUED, issued_at=ISSUED,
    due_at=ISSUED + timedelta(days=14), paid_at=None,
)  # fmt: skip
PAID = replace(
    INVOICE, state=InvoiceState.PAID, paid=INVOICE.total, due=ZERO, paid_at=ISSUED + timedelta(days=2),
    paid_with="Visa •••• 4242",
)  # fmt: skip
NOTE = replace(
    INVOICE, kind=InvoiceKind.CREDIT_NOTE, state=InvoiceState.PAID, number="CN-2026-000001", total=usd("-29"),
    subtotal=usd("-29"), discount=ZERO, tax=ZERO, due=ZERO, corrects_number="SK-2026-000041", lines=(),
    tax_lines=(TaxLine("VAT", "0", usd("-29"), ZERO, "reverse_charge"),),
)  # fmt: skip
RECEIPT = replace(
    PAID, kind=InvoiceKind.RECEIPT, number="RC-2026-000007", lines=(line("1", "top_up", "50"),),
    details=BillingDetails(),
)  # fmt: skip


def pages(invoice: Invoice, **options: bool) -> list[str]:
    """The text of each page, as somebody would copy it."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(render(invoice, **options))).pages]


# ---- PDF


def test_the_pdf_says_what_the_invoice_says() -> None:
    [text] = pages(INVOICE)
    for words_of_it in (
        "Invoice", "SK-2026-000042", "24 November 2026", "8 December 2026", "25 Oct 2026 to 24 Nov 2026",
        "Lovelace & Söhne <b>GmbH</b>", "Torstraße 1", "10119 Berlin", "Germany", "VAT id DE136695976",
        "Souk Marketplace GmbH", "$142.22 due 8 December 2026", "Customer Care, Pro, monthly", "$99.00",
        "Calls of Customer Care", "15,039", "Included calls", "10,000", "Calls beyond the included", "5,039", "$0.008",
        "$40.312", "Subtotal", "$139.31", "Coupon WELCOME20", "−$19.80", "VAT 19% on $119.51", "$22.71", "Total",
        "Amount due", "Please pay $142.22 by 8 December 2026", "Page 1 of 1",
    ):  # fmt: skip
        assert words_of_it in text, words_of_it
    assert "Test mode" not in text
    assert "Test mode: no real money was moved." in pages(INVOICE, is_test=True)[0]


def test_a_paid_invoice_says_how() -> None:
    [text] = pages(PAID)
    assert "$142.22 paid 26 November 2026" in text
    assert "Paid on 26 November 2026 with Visa •••• 4242. Thank you." in text
    assert "Amount due" not in text
    assert "Please pay" not in text
    assert "with credit from the wallet" in pages(replace(PAID, paid_with="wallet"))[0]
    assert "Paid on 26 November 2026. Thank you." in pages(replace(PAID, paid_with=""))[0]
    assert "Nothing to pay" in pages(replace(PAID, total=ZERO, paid=ZERO))[0]


def test_a_credit_note_names_what_it_corrects() -> None:
    [text] = pages(NOTE)
    for words_of_it in ("Credit note", "CN-2026-000001", "SK-2026-000041", "$29.00 credited 24 November 2026",
                        "Total credited", "−$29.00", "VAT 0%, reverse charge", "Articles 44 and 196"):  # fmt: skip
        assert words_of_it in text, words_of_it
    assert "Amount due" not in text
    assert "replaces invoice SK-2026-000041" in pages(replace(PAID, corrects_number="SK-2026-000041"))[0]


def test_a_receipt_is_made_out_to_the_organization_when_nothing_else_is_known() -> None:
    [text] = pages(RECEIPT)
    assert "Receipt" in text
    assert "Ada's Organization" in text
    assert "Wallet credit" in text
    assert "taxed when it was bought" in text
    assert "taxed when it was bought" not in pages(replace(RECEIPT, tax_lines=()))[0]


@pytest.mark.parametrize(
    ("state", "said"), [(InvoiceState.VOID, "void"), (InvoiceState.UNCOLLECTIBLE, "was not paid"),
                        (InvoiceState.DRAFT, "not an invoice yet")],
)  # fmt: skip
def test_other_states_are_said(state: InvoiceState, said: str) -> None:
    assert said in pages(replace(INVOICE, state=state))[0]


def test_credit_and_what_was_credited_are_sums() -> None:
    [text] = pages(
        replace(PAID, credit_applied=usd("5"), credited=usd("7"), tax_lines=(), discount=ZERO, lines=LINES[:1])
    )
    assert "Credit from the wallet" in text
    assert "−$5.00" in text
    assert "−$7.00" in text


def test_a_long_invoice_goes_over_pages_with_its_header() -> None:
    many = tuple(line(str(n), "fee", "1", name=f"Agent {n}", unit_price=Rate(1_000_000)) for n in range(120))
    found = pages(replace(INVOICE, lines=many))
    assert len(found) > 3
    for number, text in enumerate(found, 1):
        assert f"Page {number} of {len(found)}" in text
        assert "Unit price" in text or "Total" in text
    assert "Invoice SK-2026-000042" in found[1]
    assert sum(text.count("Agent ") for text in found) == 120


def test_a_word_longer_than_the_page_is_broken() -> None:
    found = pages(replace(INVOICE, details=replace(BUYER, name="W" * 400)))
    assert sum(text.count("W") for text in found) == 400 + 1  # and that of the coupon


def test_the_same_invoice_makes_the_same_file() -> None:
    assert render(INVOICE) == render(INVOICE)
    info = PdfReader(io.BytesIO(render(INVOICE))).metadata
    assert info is not None
    assert (info.title, info.creation_date) == ("Invoice SK-2026-000042", ISSUED)
    assert info.author == "Souk Marketplace GmbH"


def test_paper_is_what_the_buyer_has() -> None:
    def size(country: str) -> tuple[int, int]:
        box = PdfReader(io.BytesIO(render(replace(INVOICE, details=replace(BUYER, country=country))))).pages[0].mediabox
        return round(box.width), round(box.height)

    assert (size("DE"), size("US")) == ((595, 842), (612, 792))


def test_every_font_is_in_the_file() -> None:
    fonts: dict[str, Any] = {}
    for page in PdfReader(io.BytesIO(render(INVOICE))).pages:
        fonts |= page["/Resources"]["/Font"]  # type: ignore[index]
    used = [font.get_object() for font in fonts.values()]
    assert {str(font["/BaseFont"]).split("+")[1] for font in used if "+" in str(font["/BaseFont"])} == {
        "Inter-Regular", "Inter-Medium", "Inter-SemiBold", "Inter-Bold",
    }  # fmt: skip
    for font in used:
        if "+" in str(font["/BaseFont"]):
            assert "/FontFile2" in font["/FontDescriptor"]


NASTY = (
    "<b>bold</b>", "&amp; & &lt;", "<img src='file:///etc/passwd'/>", "<para>", "</font>", "{total}", "%s %d",
    "a\x00b\x07c", "line\nbreak", "\u202eright to left", "\ud800", "(parens) \\ back",
)  # fmt: skip


@pytest.mark.parametrize("text", NASTY)
def test_what_a_buyer_writes_is_never_markup(text: str) -> None:
    details = BillingDetails(text, (text,), "DE", text, text)
    lines = (line("1", "fee", "1", name=text, plan=text), line("2", "discount", "-1", code=text))
    invoice = replace(PAID, details=details, lines=lines, paid_with=text, organization_name=text)
    [found] = pages(invoice)
    shown = words.plain(text).strip()
    assert "".join(shown.split()) in "".join(found.split())


# ---- words


@pytest.mark.parametrize(
    ("micros", "currency", "text"),
    [
        (29_000_000, "USD", "$29.00"), (-5_800_000, "USD", "−$5.80"), (8_000, "USD", "$0.008"), (0, "USD", "$0.00"),
        (1_234_567_890_000, "USD", "$1,234,567.89"), (1_500_000_000, "JPY", "¥1,500"), (1_250_000, "KWD", "KWD 1.250"),
        (1, "USD", "$0.000001"), (-10_000, "EUR", "−€0.01"),
    ],
)  # fmt: skip
def test_amounts_keep_every_digit(micros: int, currency: str, text: str) -> None:
    assert words.amount(Money(micros, currency)) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(Rate(8_000), "$0.008"), (Rate(29_000_000), "$29.00"), (Rate(1_000_000, 3), "$1.00 per 3"),
     (Rate(-29_000_000), "−$29.00"), (Rate(5_000_000, 1000), "$0.005")],
)  # fmt: skip
def test_unit_prices_are_exact(rate: Rate, text: str) -> None:
    assert words.price(rate) == text


@pytest.mark.parametrize(
    ("digits", "text"), [("15039", "15,039"), ("1", "1"), ("0.50", "0.5"), ("1000.0", "1,000"), ("", "0")]
)
def test_quantities_are_grouped(digits: str, text: str) -> None:
    assert words.grouped(digits) == text


@pytest.mark.parametrize(
    ("kind", "params", "text"),
    [
        ("fee", {"name": "Care", "plan": "Pro", "cycle": "yearly"}, "Care, Pro, yearly"),
        ("fee", {"name": "Care", "plan": "Pro"}, "Care, Pro"),
        ("fee", {"name": "Care", "plan": None}, "Care"),
        ("fee", {}, "Subscription"),
        ("proration_credit", {"name": "Care", "plan": "Pro"}, "Unused time of Care, Pro"),
        ("proration_charge", {}, "Remaining time"),
        ("usage", {"resource": "Care"}, "Calls of Care"),
        ("usage", {"name": "Care"}, "Calls of Care"),
        ("late_usage", {}, "Calls reported late"),
        ("usage_paid", {}, "Paid from the wallet at the time of each call"),
        ("tier", {"code": "included"}, "Included calls"),
        ("tier", {"code": "odd"}, "Calls at their price"),
        ("to_wallet", {}, "Moved to the wallet as credit"),
        ("discount", {"code": "X"}, "Coupon X"),
        ("something_new", {}, "Something new"),
    ],
)
def test_every_line_has_words(kind: str, params: dict[str, str | None], text: str) -> None:
    assert words.line(InvoiceLine("1", "", kind, ZERO, dict(params))) == text


@pytest.mark.parametrize(
    ("note", "text"), [("", "VAT 19% on $10.00"), ("reverse_charge", "VAT 0%, reverse charge"),
                       ("not_computed", "Tax, not computed"), ("exempt", "VAT, exempt")],
)  # fmt: skip
def test_every_tax_has_words(note: str, text: str) -> None:
    assert words.tax(TaxLine("VAT", "19", usd("10"), usd("1.90"), note)) == text


def test_a_period_needs_both_ends() -> None:
    assert words.period(None, ISSUED) == words.period(ISSUED, None) == words.date(None) == ""
    assert words.country("ZZ") == "ZZ"


# ---- JSON and CSV


def test_json_is_the_whole_invoice() -> None:
    made = document(INVOICE, DocumentFormat.JSON)
    assert (made.name, made.media_type) == ("SK-2026-000042.json", "application/json")
    body = json.loads(made.data)
    assert (body["number"], body["kind"], body["state"]) == ("SK-2026-000042", "invoice", "open")
    assert body["total"] == {"amount": "142.220000", "currency": "USD"}
    assert body["lines"][3]["unit_price"] == {"amount": "0.008000", "per": 1, "currency": "USD"}
    assert body["lines"][3]["amount"]["amount"] == "40.312000"
    assert body["details"]["name"] == BUYER.name
    assert body["issued_at"] == "2026-11-24T09:30:00+00:00"
    assert body["paid_at"] is None
    assert len(body["lines"]) == len(LINES)


def test_csv_has_a_row_a_line_and_the_sums() -> None:
    made = document(INVOICE, DocumentFormat.CSV)
    assert (made.name, made.media_type) == ("SK-2026-000042.csv", "text/csv; charset=utf-8")
    assert made.data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(made.data.decode("utf-8-sig"))))
    assert [(row["line"], row["parent"], row["line_kind"], row["amount"]) for row in rows[:5]] == [
        ("1", "", "fee", "99.000000"), ("2", "", "usage", "40.310000"), ("3", "2", "tier", "0.000000"),
        ("4", "2", "tier", "40.312000"), ("5", "", "discount", "-19.800000"),
    ]  # fmt: skip
    assert rows[3]["unit_price"] == "0.008"
    assert rows[0]["description"] == "cycle: monthly, name: Customer Care, plan: Pro"
    assert {row["line_kind"]: row["amount"] for row in rows[5:]} == {
        "subtotal": "139.310000", "discount": "-19.800000", "credit_applied": "0.000000", "tax": "22.710000",
        "total": "142.220000", "paid": "0.000000", "credited": "0.000000", "due": "142.220000",
    }  # fmt: skip
    assert next(row for row in rows if row["line_kind"] == "tax")["description"] == "VAT 19%"
    third = replace(INVOICE, lines=(line("1", "tier", "1", unit_price=Rate(1_000_000, 3)),))
    assert b"1 / 3" in document(third, DocumentFormat.CSV).data


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@SUM(A1)", "\t=1", "＝1"])
def test_no_cell_is_a_formula(text: str) -> None:
    invoice = replace(INVOICE, details=BillingDetails(text), lines=(line("1", text, "1"),))
    rows = list(csv.DictReader(io.StringIO(document(invoice, DocumentFormat.CSV).data.decode("utf-8-sig"))))
    assert rows[0]["organization"] == rows[0]["line_kind"] == "'" + text


def test_a_draft_has_a_name_too() -> None:
    assert document(replace(INVOICE, number=""), DocumentFormat.PDF).name == "draft.pdf"
    assert document(INVOICE, DocumentFormat.PDF).name == "SK-2026-000042.pdf"
