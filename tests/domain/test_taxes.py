"""Taxes: who pays which, and to the cent what it is in both directions."""

from __future__ import annotations

import json
from fractions import Fraction
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import EXPONENTS, Money
from services.domain.taxes import UNTAXED, CountryTax, Taxed, TaxKind, Treatment, parse_rates, tax_for, tax_on

TABLE = json.loads(files("resources").joinpath("tax_rates.json").read_text("utf-8"))
RATES = parse_rates(TABLE)
EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
GERMAN, AUSTRIAN, GREEK = "DE136695976", "ATU13585627", "EL094259216"
ROW = {"name": "VAT", "rate": "20", "is_eu": True, "inclusive_by_default": False, "currency": "EUR", "note": ""}


def money(text: str, currency: str = "USD") -> Money:
    return Money.parse(text, currency)


# ---- the table


def test_the_table_has_the_union_and_the_others_and_says_how_old_it_is() -> None:
    assert sorted(country for country, row in RATES.items() if row.is_eu) == sorted(EU)
    assert set(RATES) - set(EU) == set("AE AU CA CH GB IN JP NO NZ SG US ZA".split())
    assert TABLE["as_of"] == "2026-01-01"
    assert "before real use" in TABLE["notice"]
    assert not any(row.inclusive_by_default for row in RATES.values())


@pytest.mark.parametrize(
    ("country", "percent"),
    [("DE", "19"), ("FI", "25.5"), ("CH", "8.1"), ("HU", "27"), ("LU", "17"), ("GB", "20"), ("NO", "25"), ("AU", "10"),
     ("NZ", "15"), ("JP", "10"), ("IN", "18"), ("CA", "5"), ("SG", "9"), ("AE", "5"), ("ZA", "15")],
)  # fmt: skip
def test_the_standard_rate_of_a_country(country: str, percent: str) -> None:
    treatment = tax_for(country, "", "DE", RATES)
    assert treatment == Treatment(TaxKind.STANDARD, Fraction(percent) / 100, RATES[country].name)
    assert treatment.percent == percent


def test_a_row_is_read_exactly() -> None:
    table = {"countries": {"XX": {**ROW, "rate": "8.125", "note": "not_computed", "inclusive_by_default": True}}}
    assert parse_rates(table) == {"XX": CountryTax("VAT", Fraction(13, 160), True, True, "EUR", "not_computed")}


@pytest.mark.parametrize("rate", ["", "-1", "100", "8,1", "1e1", "NaN", ".5", "5.", "1.1234567", "١", "19 "])
def test_a_rate_is_plain_decimal_text(rate: str) -> None:
    with pytest.raises(ValueError, match="XX: the rate is not plain decimal text"):
        parse_rates({"countries": {"XX": {**ROW, "rate": rate}}})


@pytest.mark.parametrize(
    ("table", "why"),
    [(None, "has countries"), ([], "has countries"), ({}, "has countries"), ({"countries": {}}, "has countries"),
     ({"countries": {"de": ROW}}, "not a country"), ({"countries": {1: ROW}}, "not a country"),
     ({"countries": {"DE": 19}}, "other fields"), ({"countries": {"DE": {**ROW, "more": 1}}}, "other fields"),
     ({"countries": {"DE": {"name": "VAT"}}}, "other fields"), ({"countries": {"DE": {**ROW, "rate": 19}}}, "rate has"),
     ({"countries": {"DE": {**ROW, "is_eu": 1}}}, "is_eu has the wrong type"),
     ({"countries": {"DE": {**ROW, "note": "reverse_charge"}}}, "unknown note 'reverse_charge'")],
)  # fmt: skip
def test_a_broken_table_is_refused_with_its_place(table: Any, why: str) -> None:  # Any: whatever a file may hold
    with pytest.raises(ValueError, match=why):
        parse_rates(table)


# ---- who pays which


REVERSED = Treatment(TaxKind.REVERSE_CHARGE, Fraction(0), "VAT", "reverse_charge")
AUSTRIA = Treatment(TaxKind.STANDARD, Fraction(20, 100), "VAT")
GREECE = Treatment(TaxKind.STANDARD, Fraction(24, 100), "VAT")


@pytest.mark.parametrize(
    ("country", "vat_id", "seller", "treatment"),
    [("AT", AUSTRIAN, "DE", REVERSED), ("AT", "13585627", "DE", AUSTRIA), ("AT", "", "DE", AUSTRIA),
     ("AT", "ATU13585628", "DE", AUSTRIA), ("AT", GERMAN, "DE", AUSTRIA), ("AT", AUSTRIAN, "AT", AUSTRIA),
     ("AT", AUSTRIAN, "US", AUSTRIA), ("AT", AUSTRIAN, "GB", AUSTRIA), ("AT", AUSTRIAN, "", AUSTRIA),
     ("GR", GREEK, "DE", REVERSED), ("GR", "GR 094 259 216", "DE", REVERSED), ("GR", "EL094259217", "DE", GREECE),
     ("GB", "GB980780684", "DE", Treatment(TaxKind.STANDARD, Fraction(1, 5), "VAT")),
     ("AU", "51824753556", "DE", Treatment(TaxKind.STANDARD, Fraction(1, 10), "GST")),
     ("US", "", "DE", Treatment(TaxKind.NONE, Fraction(0), "Sales tax", "not_computed")),
     ("BR", "", "DE", Treatment(TaxKind.NONE, code="none")), ("", "", "", UNTAXED)],
)  # fmt: skip
def test_the_buyers_country_and_vat_id_decide(country: str, vat_id: str, seller: str, treatment: Treatment) -> None:
    assert tax_for(country, vat_id, seller, RATES) == treatment


def test_an_exempt_buyer_pays_nothing_and_the_invoice_says_why() -> None:
    assert tax_for("AT", AUSTRIAN, "DE", RATES, is_exempt=True) == Treatment(TaxKind.EXEMPT, name="VAT", code="exempt")


def test_kinds_have_the_names_they_are_stored_under() -> None:
    assert [kind.value for kind in TaxKind] == ["standard", "reverse_charge", "exempt", "none"]


def test_a_negative_rate_is_refused() -> None:
    assert Treatment(TaxKind.STANDARD, Fraction(0)).percent == "0"
    with pytest.raises(ValueError, match="not negative"):
        Treatment(TaxKind.STANDARD, Fraction(-1, 100))


# ---- how much


@pytest.mark.parametrize(
    ("amount", "currency", "percent", "net", "tax", "gross"),
    [("99", "USD", "19", "99", "18.81", "117.81"), ("29", "EUR", "25.5", "29", "7.40", "36.40"),
     ("0.02", "USD", "25", "0.02", "0.01", "0.03"), ("0.01", "USD", "49", "0.01", "0", "0.01"),
     ("0.01", "USD", "50", "0.01", "0.01", "0.02"), ("-99", "USD", "19", "-99", "-18.81", "-117.81"),
     ("-0.02", "USD", "25", "-0.02", "-0.01", "-0.03"), ("1205", "JPY", "10", "1205", "121", "1326"),
     ("1204", "JPY", "10", "1204", "120", "1324"), ("1.234", "KWD", "5", "1.234", "0.062", "1.296"),
     ("1.23", "KWD", "5", "1.23", "0.062", "1.292"), ("29", "USD", "0", "29", "0", "29")],
)  # fmt: skip
def test_tax_on_top_of_a_net_price(amount: str, currency: str, percent: str, net: str, tax: str, gross: str) -> None:
    treatment = Treatment(TaxKind.STANDARD, Fraction(percent) / 100)
    expected = Taxed(money(net, currency), money(tax, currency), money(gross, currency))
    assert tax_on(money(amount, currency), treatment) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "percent", "net", "tax"),
    [("119", "USD", "19", "100", "19"), ("99", "USD", "19", "83.19", "15.81"), ("29", "EUR", "25.5", "23.11", "5.89"),
     ("0.03", "USD", "20", "0.02", "0.01"), ("0.02", "USD", "20", "0.02", "0"), ("-119", "USD", "19", "-100", "-19"),
     ("1100", "JPY", "10", "1000", "100"), ("1000", "JPY", "10", "909", "91"), ("1.05", "KWD", "5", "1", "0.05"),
     ("1", "KWD", "5", "0.952", "0.048"), ("29", "USD", "0", "29", "0")],
)  # fmt: skip
def test_tax_inside_a_gross_price(amount: str, currency: str, percent: str, net: str, tax: str) -> None:
    treatment = Treatment(TaxKind.STANDARD, Fraction(percent) / 100)
    expected = Taxed(money(net, currency), money(tax, currency), money(amount, currency))
    assert tax_on(money(amount, currency), treatment, inclusive=True) == expected


@given(st.integers(-(10**9), 10**9), st.sampled_from(sorted(EXPONENTS)), st.integers(0, 9999), st.booleans())
def test_net_and_tax_are_always_the_gross(minor: int, currency: str, basis_points: int, inclusive: bool) -> None:
    treatment = Treatment(TaxKind.STANDARD, Fraction(basis_points, 10_000))
    amount = Money(1, currency) * (minor * Money(0, currency).minor_unit)
    taxed = tax_on(amount, treatment, inclusive=inclusive)
    assert taxed.net + taxed.tax == taxed.gross
    assert amount == (taxed.gross if inclusive else taxed.net)
    exact = taxed.net.micros * treatment.rate if not inclusive else amount.micros * (1 - 1 / (1 + treatment.rate))
    assert abs(exact - taxed.tax.micros) * 2 <= amount.minor_unit
    assert tax_on(-amount, treatment, inclusive=inclusive).tax == -taxed.tax
