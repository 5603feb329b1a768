"""What a printed invoice says, from the templates in resources: its lines, sums, dates and notes.

A document is made out in one language, wherever it is looked at; what screens say is said in ui/text.
"""

from __future__ import annotations

import string
import unicodedata
from datetime import datetime
from functools import cache
from typing import Any

import resources
from services.api.money import EXPONENTS, SYMBOLS, Money, Rate
from services.api.types import Invoice, InvoiceKind, InvoiceLine, InvoiceState, TaxLine

MINUS, WALLET = "\N{MINUS SIGN}", "wallet"


@cache
def phrases() -> Any:  # Any: the JSON of the template
    """All texts; read once."""
    return resources.read_json("templates", "invoice.json")


@cache
def seller() -> dict[str, Any]:
    """Who sends the invoices."""
    facts: dict[str, Any] = resources.read_json("templates", "seller.json")
    return facts


@cache
def _countries() -> dict[str, str]:
    names: dict[str, str] = resources.read_json("templates", "countries.json")
    return names


def country(code: str) -> str:
    """Its name; the code itself where none is known."""
    return _countries().get(code, code)


def label(name: str, **values: object) -> str:
    """One of the fixed words."""
    return str(phrases()["labels"][name]).format(**values)


def plain(text: str) -> str:
    """Without characters that cannot be printed."""
    return "".join(sign for sign in text if unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn"))


# ---- amounts and dates


def grouped(digits: str) -> str:
    """Plain decimal text with separators: "7,731", "0.5"."""
    whole, point, places = digits.partition(".")
    places = places.rstrip("0")
    return f"{int(whole or 0):,}" + (point + places if places else "")


def _decimal(text: str, currency: str) -> str:
    """Unsigned decimal text with its symbol, at least the minor unit's places, none of its digits lost."""
    whole, _, places = text.partition(".")
    places = places.rstrip("0").ljust(EXPONENTS[currency], "0")
    return f"{SYMBOLS[currency]}{int(whole):,}" + (f".{places}" if places else "")


def amount(money: Money) -> str:
    """ "$1,188.00", "−$5.80", "$0.008"."""
    text = _decimal(money.decimal().lstrip("-"), money.currency)
    return MINUS + text if money.micros < 0 else text


def price(rate: Rate) -> str:
    """A unit price, exact: "$0.008", "$5.00 per 1,000"."""
    text, units = rate.quoted
    shown = _decimal(text.lstrip("-"), rate.currency)
    shown = MINUS + shown if text.startswith("-") else shown
    return shown if units == 1 else label("per", amount=shown, units=f"{units:,}")


def date(at: datetime | None) -> str:
    """ "24 November 2026", in UTC as everything is reckoned."""
    return f"{at.day} {phrases()['months'][at.month - 1]} {at.year}" if at else ""


def period(start: datetime | None, end: datetime | None) -> str:
    """ "24 Nov 2026 to 24 Dec 2026"; a period ends where the next begins."""
    if start is None or end is None:
        return ""
    return label("period_text", start=_short(start), end=_short(end))


def _short(at: datetime) -> str:
    return f"{at.day} {phrases()['months'][at.month - 1][:3]} {at.year}"


# ---- lines


def line(one: InvoiceLine) -> str:
    """What a line is for."""
    if one.kind == "tier" and one.params.get("code") in phrases()["tiers"]:
        return str(phrases()["tiers"][one.params["code"]])
    values = {name: str(value) for name, value in one.params.items() if value not in (None, "")}
    if "cycle" in values:
        values["cycle"] = phrases()["cycles"].get(values["cycle"], values["cycle"])
    for template in phrases()["lines"].get(one.kind, ()):
        if all(name in values for _, name, _, _ in string.Formatter().parse(template) if name):
            return plain(template.format(**values))
    return one.kind.replace("_", " ").capitalize()


def tax(one: TaxLine) -> str:
    """ "VAT 19% on $29.00"."""
    template = phrases()["taxes"].get(one.note, phrases()["taxes"][""])
    return str(template).format(name=one.name, rate=one.rate, taxable=amount(one.taxable))


# ---- the whole


def title(invoice: Invoice) -> str:
    """What kind of document it is."""
    kind = "draft" if invoice.state is InvoiceState.DRAFT else invoice.kind.value
    return str(phrases()["kinds"][kind])


def headline(invoice: Invoice) -> str:
    """The one sentence of most interest: what is due, or that it is paid."""
    if invoice.kind is InvoiceKind.CREDIT_NOTE:
        key = "credit_note"
    elif invoice.state is InvoiceState.PAID and invoice.total.is_zero:
        key = "nothing"
    else:
        key = invoice.state.value
    return str(phrases()["states"][key]).format(
        due=amount(invoice.due), due_at=date(invoice.due_at), total=amount(abs_of(invoice.total)),
        paid_at=date(invoice.paid_at), issued=date(invoice.issued_at),
    )  # fmt: skip


def abs_of(money: Money) -> Money:
    """Without its sign."""
    return max(money, -money)


def notes(invoice: Invoice) -> list[str]:
    """What is said below the sums: tax, payment, what it corrects."""
    texts = phrases()["notes"]
    keys = [one.note for one in invoice.tax_lines if one.note in texts]
    if invoice.kind is InvoiceKind.CREDIT_NOTE:
        keys.append("credit_note")
    elif invoice.kind is InvoiceKind.RECEIPT:
        keys += [*(["receipt"] if invoice.tax_lines else []), _paid(invoice)]
    else:
        keys += ["replaces"] if invoice.corrects_number else []
        keys += ["open"] if invoice.state is InvoiceState.OPEN else []
        keys += [_paid(invoice)] if invoice.state is InvoiceState.PAID else []
    values = {"due": amount(invoice.due), "due_at": date(invoice.due_at), "paid_at": date(invoice.paid_at),
              "paid_with": invoice.paid_with, "corrects": invoice.corrects_number}  # fmt: skip
    return [plain(str(texts[key]).format(**values)) for key in dict.fromkeys(keys)]


def _paid(invoice: Invoice) -> str:
    if invoice.paid_with == WALLET:
        return "paid_wallet"
    return "paid" if invoice.paid_with else "paid_plain"
