"""The words of invoices: what they are for, how they stand, lines and sums, and the names of countries."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.api.money import Money, Rate
from services.api.types import (
    Attempt,
    BillingDetails,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceState,
    TaxLine,
)
from ui.text import invoices as words
from ui.text.countries import countries, country_name

NOON = datetime(2027, 3, 10, 12, 0, tzinfo=UTC)  # the same day in nearly every time zone
DAY = timedelta(days=1)
M = Money.parse
ZERO = Money.zero()


def line(kind: str = "fee", amount: str = "29", **fields: Any) -> InvoiceLine:
    params = fields.pop("params", {"name": "Customer Care", "plan": "Starter", "cycle": "monthly"})
    return InvoiceLine(kind, "", kind, M(amount), params, **fields)


def invoice(*lines: InvoiceLine, **fields: Any) -> Invoice:
    made = Invoice(
        uuid="i", number="SK-2027-000001", kind=InvoiceKind.INVOICE, state=InvoiceState.PAID, organization_uuid="o",
        organization_name="Ada's Organization", details=BillingDetails(), lines=lines or (line(),), tax_lines=(),
        subtotal=M("29"), discount=ZERO, credit_applied=ZERO, tax=ZERO, total=M("29"), paid=M("29"), credited=ZERO,
        due=ZERO, period_start=None, period_end=None, created_at=NOON, issued_at=NOON, due_at=NOON, paid_at=NOON,
        paid_with="Visa •••• 4242",
    )  # fmt: skip
    return replace(made, **fields)


OPEN = {"state": InvoiceState.OPEN, "paid": ZERO, "due": M("29"), "paid_at": None}


# ---- what it is


def test_invoice_is_named_by_its_number_or_by_what_it_is_for() -> None:
    assert words.invoice_title(invoice()) == "Invoice SK-2027-000001"
    assert words.invoice_title(invoice(kind=InvoiceKind.CREDIT_NOTE, number="CN-1")) == "Credit note CN-1"
    assert words.invoice_title(invoice(kind=InvoiceKind.RECEIPT, number="RC-1")) == "Receipt RC-1"
    assert words.invoice_title(invoice(number="")) == "Next invoice for Customer Care, Starter"
    assert words.invoice_title(invoice(line(params={}), number="")) == "Next invoice"


def test_what_it_is_for_names_each_agent_once() -> None:
    usage = line("usage", params={"name": "Customer Care", "used": 3})
    other = line(params={"resource": "Invoice Clerk"})
    assert words.invoice_for(invoice(line(), usage)) == "Customer Care, Starter"
    assert words.invoice_for(invoice(usage, line())) == "Customer Care, Starter"
    assert words.invoice_for(invoice(line(), other)) == "Customer Care, Starter and 1 more"
    assert words.invoice_for(invoice(kind=InvoiceKind.RECEIPT)) == "Top-up"
    note = invoice(kind=InvoiceKind.CREDIT_NOTE, corrects_number="SK-1")
    assert words.invoice_for(note) == "Corrects SK-1"


# ---- how it stands


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("Paid", "success")),
        (OPEN | {"due_at": NOON + DAY}, ("Open", "warning")),
        (OPEN | {"due_at": NOON}, ("Open", "warning")),  # the last instant is still in time
        (OPEN | {"due_at": NOON - timedelta(seconds=1)}, ("Overdue", "danger")),
        (OPEN | {"due_at": None}, ("Open", "warning")),
        (OPEN | {"due_at": NOON - DAY, "is_being_paid": True}, ("Being paid", "info")),
        ({"state": InvoiceState.DRAFT}, ("Upcoming", "info")),
        ({"state": InvoiceState.VOID}, ("Void", "neutral")),
        ({"state": InvoiceState.UNCOLLECTIBLE}, ("Written off", "neutral")),
        ({"replaced_by_uuid": "n"}, ("Replaced", "neutral")),
        ({"kind": InvoiceKind.CREDIT_NOTE}, ("Credited", "info")),
    ],
)
def test_chip_says_how_it_stands(fields: dict[str, Any], expected: tuple[str, str]) -> None:
    assert words.invoice_state(invoice(**fields), NOON) == expected


def test_dates_say_when_it_was_made_is_due_and_was_paid() -> None:
    assert words.invoice_dates(invoice()) == "Issued on 10 March 2027"
    assert words.invoice_dates(invoice(paid_at=NOON + DAY)) == "Issued on 10 March 2027 · paid on 11 March 2027"
    due = invoice(**OPEN | {"due_at": NOON + DAY})
    assert words.invoice_dates(due) == "Issued on 10 March 2027 · due on 11 March 2027"
    coming = invoice(number="", state=InvoiceState.DRAFT, issued_at=None, expected_at=NOON + DAY, paid_at=None)
    assert words.invoice_dates(coming) == "Will be made on 11 March 2027"


def test_paid_with_is_said_of_what_is_paid() -> None:
    assert words.invoice_paid_with(invoice()) == "Paid with Visa •••• 4242"
    assert words.invoice_paid_with(invoice(paid_with="wallet")) == "Paid from the wallet"
    assert words.invoice_paid_with(invoice(**OPEN)) == ""
    assert words.invoice_paid_with(invoice(kind=InvoiceKind.CREDIT_NOTE)) == ""


def test_upcoming_invoice_says_whether_it_grows() -> None:
    usage = line("usage", "3.12", params={"name": "Customer Care"})
    assert words.upcoming_when(invoice(line(), expected_at=NOON)) == "due 10 Mar 2027"
    assert words.upcoming_when(invoice(line(), usage, expected_at=NOON)) == "so far, due 10 Mar 2027"
    assert "final on 10 March 2027" in words.upcoming_text(invoice(expected_at=NOON))


def test_open_invoice_says_what_happens_by_itself() -> None:
    planned = (Attempt(NOON, "failed", "card_declined"), Attempt(NOON + 3 * DAY, "planned"),
               Attempt(NOON + DAY, "planned"))  # fmt: skip
    said = words.open_text(invoice(**OPEN | {"attempts": planned}), NOON)
    assert said == "$29.00 is unpaid. It is tried again on 11 March 2027."
    late = words.open_text(invoice(**OPEN | {"attempts": planned}), NOON + 2 * DAY)
    assert late == "$29.00 is unpaid. It is tried again on 13 March 2027."
    over = words.open_text(invoice(**OPEN | {"attempts": planned[:1]}), NOON)
    assert over == "$29.00 is unpaid. Nothing is tried again by itself: pay another way."
    assert words.open_text(invoice(**OPEN | {"due_at": NOON - DAY}), NOON) == "$29.00 was due on 9 March 2027."
    assert words.open_text(invoice(**OPEN | {"due_at": NOON + DAY}), NOON) == "$29.00 is due on 11 March 2027."
    assert words.attempt_words(planned[0]) == "10 March 2027: Declined"


def test_tries_are_told_only_where_one_failed_or_is_to_come() -> None:
    done, failed, ahead = Attempt(NOON, "succeeded"), Attempt(NOON, "failed"), Attempt(NOON + DAY, "planned")
    assert words.attempts_title(()) == ""
    assert words.attempts_title((done,)) == ""
    assert words.attempts_title((failed, done)) == "When the payment was tried"
    assert words.attempts_title((failed, ahead)) == "When the payment is tried"
    assert words.attempts_title((ahead,)) == "When the payment is tried"


# ---- lines


@pytest.mark.parametrize(
    ("kind", "params", "expected"),
    [
        ("fee", {"name": "Customer Care", "plan": "Pro", "cycle": "yearly"}, "Customer Care, Pro, yearly"),
        ("fee", {}, "Fee"),
        ("usage", {"name": "Customer Care"}, "Calls of Customer Care"),
        ("usage", {"resource": "Customer Care"}, "Calls of Customer Care"),
        ("usage", {}, "Calls"),
        ("late_usage", {"name": "A"}, "Calls of A reported late"),
        ("late_usage", {}, "Calls reported late"),
        ("tier", {"first": 1001, "last": 1312}, "Calls 1,001 to 1,312"),
        ("tier", {"code": "included"}, "Included calls"),
        ("tier", {"code": "per_unit", "unit": "0.008"}, "Calls at $0.008 each"),
        ("tier", {"code": "package"}, "Packages of calls"),
        ("tier", {"code": "tier_fee"}, "Fixed fee of this step"),
        ("tier", {"code": "unit"}, "Calls beyond the included"),
        ("discount", {"code": "WELCOME20", "percent": "20.00"}, "Coupon WELCOME20, 20% off"),
        ("discount", {"code": "TEN"}, "Coupon TEN"),
        ("discount", {}, "Discount"),
        ("credit", {"number": "SK-1"}, "Credit for SK-1"),
        ("credit", {"from": "wallet"}, "Credit from the wallet"),
        ("credit", {}, "Credit"),
        ("proration_credit", {"name": "A", "plan": "Starter"}, "Unused time of A, Starter"),
        ("proration_charge", {"plan": "Pro"}, "Remaining time of Pro"),
        ("trial", {}, "Trial"),
        ("minimum", {}, "Up to the minimum charge"),
        ("usage_paid", {"name": "A"}, "Calls the wallet has paid already"),
        ("rounding", {}, "Rounding to whole cents"),
        ("set_up", {"name": "A"}, "Set up: A"),
        ("set_up", {}, "Set up"),
    ],
)
def test_every_line_is_said(kind: str, params: dict[str, str | int | None], expected: str) -> None:
    assert words.line_words(kind, params) == expected


def test_arithmetic_of_lines() -> None:
    usage = {"name": "A", "included": 1000, "unit": "0.01"}
    assert words.line_arithmetic(line("usage", params=usage)) == "1,000 included, then $0.01 each"
    assert words.line_arithmetic(line("usage", params=usage | {"included": 0})) == "$0.01 each"
    assert words.line_arithmetic(line("usage", params=usage | {"included": None})) == "Unlimited calls"
    assert words.line_arithmetic(line("usage", params={"included": 5})) == "5 included"
    beyond = line("tier", params={"code": "per_unit"}, quantity="312", unit_price=Rate(8_000))
    assert words.line_arithmetic(beyond) == "312 × $0.008"
    free = line("tier", params={"code": "included"}, quantity="1000", unit_price=Rate(0))
    assert words.line_arithmetic(free) == "1,000 included"
    assert words.line_arithmetic(line(quantity="1", unit_price=Rate(29_000_000))) == ""
    assert words.line_arithmetic(line(quantity="3", unit_price=Rate(29_000_000))) == "3 × $29"
    assert words.line_arithmetic(line("discount", quantity="2", unit_price=Rate(1))) == ""


@pytest.mark.parametrize(
    ("unit", "per", "expected"),
    [
        ("0.01", 1, "$0.01"),
        ("0.0080", 1, "$0.008"),
        ("0.000000000001", 1, "$0.000000000001"),
        ("5", 1000, "$5 per 1,000"),
        ("1234.5", 1, "$1,234.50"),
        ("odd", 1, "odd"),
    ],
)
def test_unit_prices_lose_no_digit(unit: str, per: int, expected: str) -> None:
    assert words.unit_text(unit, per) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("7731", "7,731"), ("0.50", "0.5"), (12, "12"), (None, "0"), ("2.000", "2"), ("x", "x")]
)
def test_quantities_are_read_easily(value: str | int | None, expected: str) -> None:
    assert words.quantity_text(value) == expected


def test_period_of_a_line() -> None:
    assert words.period_text(NOON, NOON + 31 * DAY) == "10 Mar 2027 to 10 Apr 2027"
    assert words.period_text(NOON, None) == ""


# ---- sums


def test_sums_go_from_the_lines_to_what_is_due() -> None:
    full = invoice(
        subtotal=M("100"), discount=M("20"), credit_applied=M("10"), tax=M("13.30"), total=M("83.30"), paid=M("3.30"),
        credited=M("30"), due=M("50"), state=InvoiceState.OPEN,
        tax_lines=(TaxLine("VAT", "19.00", M("70"), M("13.30")),),
    )  # fmt: skip
    assert [(title, amount.decimal(2), kind) for title, amount, kind in words.sum_rows(full)] == [
        ("Subtotal", "100.000000", "plain"),
        ("Discounts", "-20.000000", "saving"),
        ("Credit from the wallet", "-10.000000", "saving"),
        ("VAT 19% on $70.00", "13.300000", "plain"),
        ("Total", "83.300000", "total"),
        ("Paid", "-3.300000", "plain"),
        ("Credit notes", "-30.000000", "plain"),
        ("Due", "50.000000", "due"),
    ]


def test_nothing_is_said_of_sums_that_are_not_there() -> None:
    assert [row[0] for row in words.sum_rows(invoice())] == ["Total", "Paid"]
    assert [row[0] for row in words.sum_rows(invoice(number=""))] == ["Total"]
    assert [row[0] for row in words.sum_rows(invoice(kind=InvoiceKind.CREDIT_NOTE))] == ["Total"]
    assert [row[0] for row in words.sum_rows(invoice(paid=ZERO))] == ["Total"]


@pytest.mark.parametrize(
    ("name", "percent", "note", "expected"),
    [
        ("VAT", "19", "", "VAT 19%"),
        ("VAT", "7.70", "", "VAT 7.7%"),
        ("VAT", "0", "reverse_charge", "VAT 0%, reverse charge: you account for it"),
        ("", "0", "reverse_charge", "VAT 0%, reverse charge: you account for it"),
        ("", "0", "not_computed", "Tax, not known for this country"),
        ("", "", "none", "Tax, none"),
    ],
)
def test_tax_says_its_rate_and_why(name: str, percent: str, note: str, expected: str) -> None:
    assert words.tax_words(name, percent, note) == expected
    assert words.tax_line_words(TaxLine(name, percent, M("10"), ZERO, note)).startswith(expected)


def test_missing_tax_is_explained() -> None:
    assert "no tax is computed" in words.no_tax_text(invoice())
    assert words.no_tax_text(invoice(tax_lines=(TaxLine("VAT", "19", M("1"), ZERO),))) == ""


# ---- who


def test_address_falls_back_to_the_organization() -> None:
    full = BillingDetails("Lovelace GmbH", ("Torstraße 1", "10119 Berlin"), "DE", "DE136695976", "a@b.test")
    assert words.billed_to(full, "Ada's", "Germany") == (
        "Lovelace GmbH", "Torstraße 1", "10119 Berlin", "Germany", "VAT ID DE136695976",
    )  # fmt: skip
    assert words.billed_to(BillingDetails(), "Ada's", "") == ("Ada's",)


def test_correction_says_what_will_be_made() -> None:
    said = words.correction_text(invoice())
    assert said.startswith("SK-2027-000001 stays as it is. A credit note of $29.00 and a new invoice")
    made = words.corrected_text(invoice(number="CN-1"), invoice(number="SK-2"))
    assert made == "SK-2 replaces the old invoice; CN-1 credits it."


def test_count_below_the_list() -> None:
    assert words.shown_text(1, 1) == "1 document"
    assert words.shown_text(50, 1200) == "50 of 1,200 documents"


def test_countries_have_names_in_alphabetical_order() -> None:
    names = [name for name, _ in countries()]
    codes = [code for _, code in countries()]
    assert {"DE", "US", "FR", "GB", "JP", "KW", "AT", "CH"} <= set(codes)
    assert len(codes) == len(set(codes)) > 200
    assert names[0] == "Afghanistan"
    assert names.index("Germany") < names.index("Ghana") < names.index("Zimbabwe")
    assert country_name("de") == "Germany"
    assert country_name("QQ") == "QQ"
