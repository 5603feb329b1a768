"""Which tax a buyer pays and how much it is. Hides rates, reverse charge and the two directions of a taxed price.

The table of rates is an argument (`parse_rates` reads it); VAT numbers are checked in `services.domain.vat_ids`.
The buyer's country decides (BILLING, "Invoices"). Rounding: `tax_on` rounds once to the minor unit; whoever calls it
with the sum of a rate rounds once per rate and invoice (ours), whoever calls it line by line rounds per line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from services.api.money import Money
from services.domain.vat_ids import OK, check_vat

REVERSE_CHARGE, NOT_COMPUTED, EXEMPT, NO_TAX = "reverse_charge", "not_computed", "exempt", "none"

_PERCENT = re.compile(r"\d{1,2}(\.\d{1,6})?", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}")


class TaxKind(StrEnum):
    STANDARD = "standard"
    REVERSE_CHARGE = "reverse_charge"  # the buyer accounts for it
    EXEMPT = "exempt"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CountryTax:
    """One row of the table. `rate` is a fraction of the net price (19 % = 19/100); `note`: "" | not_computed."""

    name: str
    rate: Fraction
    is_eu: bool
    inclusive_by_default: bool
    currency: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Treatment:
    """How an amount is taxed. `code` is the note of an invoice: "" | reverse_charge | not_computed | exempt | none."""

    kind: TaxKind
    rate: Fraction = Fraction(0)
    name: str = ""
    code: str = ""

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ValueError("a tax rate is not negative")

    @property
    def percent(self) -> str:
        """The rate in percent as plain decimal text: "19", "8.1"."""
        exact = Decimal(self.rate.numerator * 100) / Decimal(self.rate.denominator)
        return format(exact.normalize(), "f")


@dataclass(frozen=True, slots=True)
class Taxed:
    """net + tax = gross, always."""

    net: Money
    tax: Money
    gross: Money


UNTAXED = Treatment(TaxKind.NONE, code=NO_TAX)


def parse_rates(table: object) -> dict[str, CountryTax]:
    """The table of resources/tax_rates.json by country (ISO 3166 alpha-2). Raises ValueError with what is wrong."""
    countries = table.get("countries") if isinstance(table, dict) else None
    if not isinstance(countries, dict) or not countries:
        raise ValueError("a table of tax rates has countries")
    return {country: _row(country, row) for country, row in countries.items()}


def _row(country: object, row: object) -> CountryTax:
    if not isinstance(country, str) or not _COUNTRY.fullmatch(country):
        raise ValueError(f"not a country: {country!r}")
    kinds = {"name": str, "rate": str, "is_eu": bool, "inclusive_by_default": bool, "currency": str, "note": str}
    if not isinstance(row, dict) or set(row) != set(kinds):
        raise ValueError(f"{country} has other fields than {', '.join(kinds)}")
    if wrong := [field for field, kind in kinds.items() if type(row[field]) is not kind]:
        raise ValueError(f"{country}: {wrong[0]} has the wrong type")
    if not _PERCENT.fullmatch(row["rate"]):
        raise ValueError(f"{country}: the rate is not plain decimal text below 100")
    if row["note"] not in ("", NOT_COMPUTED):
        raise ValueError(f"{country}: unknown note {row['note']!r}")
    return CountryTax(**{**row, "rate": Fraction(row["rate"]) / 100})


def tax_for(
    country: str, vat_id: str, seller_country: str, rates: Mapping[str, CountryTax], *, is_exempt: bool = False
) -> Treatment:
    """The treatment of a buyer in `country`. A VAT id that does not pass its check changes nothing.

    Reverse charge: seller and buyer in two different countries of the EU and the buyer has a valid VAT id of its own
    country (Directive 2006/112/EC, articles 44 and 196).
    """
    row = rates.get(country)
    if row is None:
        return UNTAXED
    if is_exempt:
        return Treatment(TaxKind.EXEMPT, name=row.name, code=EXEMPT)
    if row.note:
        return Treatment(TaxKind.NONE, row.rate, row.name, row.note)
    seller = rates.get(seller_country)
    crosses_border = seller is not None and seller.is_eu and row.is_eu and country != seller_country
    if crosses_border and check_vat(vat_id, country).code == OK:
        return Treatment(TaxKind.REVERSE_CHARGE, name=row.name, code=REVERSE_CHARGE)
    return Treatment(TaxKind.STANDARD, row.rate, row.name)


def tax_on(amount: Money, treatment: Treatment, *, inclusive: bool = False) -> Taxed:
    """`amount` is net, or with `inclusive` gross. The tax is rounded to the minor unit; the other part is the rest."""
    taxes, units = treatment.rate.numerator, treatment.rate.denominator
    if inclusive:
        tax = amount.share(taxes, units + taxes)
        return Taxed(amount - tax, tax, amount)
    tax = amount.share(taxes, units)
    return Taxed(amount, tax, amount + tax)
