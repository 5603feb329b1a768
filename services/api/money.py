"""Exact money: integer micros of the major unit plus a currency, and the only rounding in the program.

Shapes: 1 USD = 1,000,000 micros. Unit prices are a `Rate` (micros for n units), so $0.008 a call is exact.
Rounding is half away from zero and happens at named points only (BILLING, "Money").
"""

from __future__ import annotations

from dataclasses import dataclass

MICROS = 1_000_000
MICROS_MAX = 2**63 - 1  # the largest integer of a database

# Decimal places of the minor unit (ISO 4217).
EXPONENTS: dict[str, int] = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KWD": 3}
SYMBOLS: dict[str, str] = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "KWD": "KWD "}


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were added or compared."""


def divide_half_away(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest integer, a half away from zero."""
    if denominator <= 0:
        raise ValueError("denominator must be positive")
    quotient, remainder = divmod(abs(numerator), denominator)
    if 2 * remainder >= denominator:
        quotient += 1
    return quotient if numerator >= 0 else -quotient


def split_largest_remainder(total: int, weights: list[int]) -> list[int]:
    """`total` cut in proportion to `weights`; the parts always add up to `total` (largest remainder first)."""
    if not weights or any(weight < 0 for weight in weights) or sum(weights) == 0:
        raise ValueError("weights must be non-negative and not all zero")
    sign, size, whole = (-1 if total < 0 else 1), abs(total), sum(weights)
    parts = [size * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % whole), i))
    for index in order[: size - sum(parts)]:
        parts[index] += 1
    return [sign * part for part in parts]


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in micros of the major unit of `currency`."""

    micros: int
    currency: str = "USD"

    def __post_init__(self) -> None:
        if type(self.micros) is not int:
            raise TypeError("money is whole micros")
        if self.currency not in EXPONENTS:
            raise ValueError(f"unknown currency {self.currency!r}")

    @classmethod
    def parse(cls, text: str, currency: str = "USD") -> Money:
        """`Money.parse("0.008")`; refuses what is finer than a micro, NaN and exponents."""
        sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
        whole, _, fraction = digits.partition(".")
        if not (whole + fraction).isascii() or not whole.isdigit() or (fraction and not fraction.isdigit()):
            raise ValueError(f"not an amount: {text!r}")
        if len(fraction) > 6:
            raise ValueError(f"finer than a micro: {text!r}")
        return cls(sign * (int(whole) * MICROS + int(fraction.ljust(6, "0") or 0)), currency)

    @classmethod
    def zero(cls, currency: str = "USD") -> Money:
        """Nothing, in `currency`."""
        return cls(0, currency)

    def _same(self, other: Money) -> None:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.micros + other.micros, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.micros - other.micros, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.micros, self.currency)

    def __mul__(self, times: int) -> Money:
        if type(times) is not int:
            raise TypeError("money is multiplied by whole numbers; use Rate for unit prices")
        return Money(self.micros * times, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.micros < other.micros

    @property
    def is_zero(self) -> bool:
        """Nothing at all. An amount has no truth value of its own: None and zero must not be mixed up."""
        return self.micros == 0

    def share(self, numerator: int, denominator: int) -> Money:
        """This amount times a fraction, rounded to the minor unit (a named rounding point)."""
        unit = self.minor_unit
        return Money(divide_half_away(self.micros * numerator, denominator * unit) * unit, self.currency)

    @property
    def minor_unit(self) -> int:
        """Micros in one minor unit: 10,000 for USD, 1,000,000 for JPY, 1,000 for KWD."""
        return int(MICROS // 10 ** EXPONENTS[self.currency])

    def rounded(self) -> Money:
        """To whole minor units, half away from zero: what may leave for a card or stand as a total."""
        return self.share(1, 1)

    @property
    def minor(self) -> int:
        """Whole minor units (cents). Raises ValueError when a fraction of one is left."""
        quotient, remainder = divmod(self.micros, self.minor_unit)
        if remainder:
            raise ValueError(f"{self.micros} micros are not whole minor units of {self.currency}")
        return quotient

    def decimal(self, places: int = 6) -> str:
        """Plain decimal text with `places` digits (at least 6 are exact), as the HTTP shape wants it."""
        sign = "-" if self.micros < 0 else ""
        whole, fraction = divmod(abs(self.micros), MICROS)
        return f"{sign}{whole}.{fraction:06d}".ljust(len(sign) + len(str(whole)) + 1 + places, "0")


@dataclass(frozen=True, slots=True)
class Rate:
    """A unit price: `micros` for every `per` units, exact."""

    micros: int
    per: int = 1
    currency: str = "USD"

    def __post_init__(self) -> None:
        if type(self.micros) is not int or type(self.per) is not int:
            raise TypeError("a rate is whole micros for whole units")
        if self.per <= 0:
            raise ValueError("a rate is for a positive number of units")

    def cost(self, quantity: int) -> Money:
        """The price of `quantity` whole units, to the micro (half away from zero)."""
        return Money(divide_half_away(self.micros * quantity, self.per), self.currency)
