"""Amounts as people type them."""

from __future__ import annotations

from services.api.money import EXPONENTS, SYMBOLS, Money

LONGEST = 15  # digits and all: more than any card takes, less than what overflows


def parse_amount(text: str, currency: str = "USD") -> Money | None:
    """ "25", "$25.50" or "1,000" as money in whole minor units; None for what is no such amount."""
    plain = text.strip().removeprefix(SYMBOLS[currency].strip()).replace(",", "").replace(" ", "")
    if not plain or len(plain) > LONGEST or plain.startswith("-"):
        return None
    try:
        amount = Money.parse(plain, currency)
    except ValueError:
        return None
    places = len(plain.partition(".")[2])
    return amount if places <= EXPONENTS[currency] else None


def amount_code(text: str, currency: str = "USD", *, least: Money | None = None, most: Money | None = None) -> str:
    """What is wrong with a typed amount, as far as can be seen from here; empty when nothing."""
    if not text.strip():
        return "required"
    amount = parse_amount(text, currency)
    if amount is None:
        return "not_an_amount"
    if least is not None and amount < least:
        return "too_small"
    return "too_large" if most is not None and most < amount else ""


def plain_amount(amount: Money | None) -> str:
    """As one would type it: "25", "12.50"; empty for none."""
    if amount is None:
        return ""
    whole, _, digits = amount.decimal(6).partition(".")
    digits = digits.rstrip("0")
    return f"{whole}.{digits.ljust(EXPONENTS[amount.currency], '0')}" if digits else whole
