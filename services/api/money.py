"""Exact money: integer micros of the major unit plus a currency, and the only rounding in the program.

Shapes: 1 USD = 1,000,000 micros. Unit prices are a `Rate` (micros for n units), so $0.008 a call is exact.
Rounding is half away from zero and happens at named points only (BILLING, "Money").
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported before the first frame: 3 ms for an annotation would be too dear
    from decimal import Decimal

MICROS = 1_000_000
MICROS_MAX = 2**63 - 1  # the largest integer of a database
AMOUNT_MAX = 1_000_000_000 * MICROS  # the most anybody may say came, or give: thousands of them still fit such a sum
RATE_PLACES = 18  # digits behind the point a unit price may have; BILLING asks for 12 at least

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


def _digits(text: str) -> tuple[int, int]:
    """Plain unsigned decimal text as (all its digits as one number, places behind the point), or ValueError."""
    whole, _, fraction = text.partition(".")
    if not (whole + fraction).isascii() or not whole.isdigit() or (fraction and not fraction.isdigit()):
        raise ValueError(f"not an amount: {text!r}")
    return int(whole + fraction), len(fraction)


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
        sign, unsigned = (-1, text[1:]) if text.startswith("-") else (1, text)
        digits, places = _digits(unsigned)
        if places > 6:
            raise ValueError(f"finer than a micro: {text!r}")
        return cls(sign * digits * 10 ** (6 - places), currency)

    @classmethod
    def zero(cls, currency: str = "USD") -> Money:
        """Nothing, in `currency`."""
        return cls(0, currency)

    @classmethod
    def nearest(cls, numerator: int, denominator: int, currency: str = "USD", step: int = 1) -> Money:
        """An exact number of micros rounded to a multiple of `step` micros (1: the micro; `minor_unit`: the cent)."""
        return cls(divide_half_away(numerator, denominator * step) * step, currency)

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

    @classmethod
    def parse(cls, text: str, currency: str = "USD") -> Rate:
        """The price of one unit from plain decimal text, exact and in lowest terms: `Rate.parse("0.000000000001")`.

        Refuses signs, exponents, NaN and more than 18 places with ValueError.
        """
        digits, places = _digits(text)
        if places > RATE_PLACES:
            raise ValueError(f"more than {RATE_PLACES} places: {text!r}")
        common = gcd(digits * MICROS, 10**places)
        return cls(digits * MICROS // common, 10**places // common, currency)

    def exact(self, quantity: int | Decimal) -> tuple[int, int]:
        """The price of `quantity` units before any rounding: micros as (numerator, denominator).

        A Decimal must be finite and not negative (ValueError); a float is refused (TypeError).
        """
        if isinstance(quantity, float):
            raise TypeError("a quantity is a whole number or an exact decimal")
        try:
            numerator, denominator = quantity.as_integer_ratio()
        except (ValueError, OverflowError):  # NaN and infinity
            raise ValueError(f"not a quantity: {quantity}") from None
        if numerator < 0 and not isinstance(quantity, int):
            raise ValueError(f"not a quantity: {quantity}")
        return self.micros * numerator, self.per * denominator

    def cost(self, quantity: int | Decimal) -> Money:
        """The price of `quantity` units, to the micro (half away from zero)."""
        numerator, denominator = self.exact(quantity)
        return Money.nearest(numerator, denominator, self.currency)

    @property
    def quoted(self) -> tuple[str, int]:
        """How a price list writes it, without loss: (plain decimal text, for how many units), the fewest possible.

        Rate(8_000) is ("0.008", 1); a third of a dollar is ("1", 3).
        """
        units = self.per // gcd(self.micros, self.per)
        for prime in (2, 5):
            while units % prime == 0:
                units //= prime
        # micros * units / per / MICROS has a denominator of twos and fives only, so it ends
        dividend, divisor = abs(self.micros) * units, self.per * MICROS
        places = next(n for n in range(divisor.bit_length()) if dividend * 10**n % divisor == 0)
        text = str(dividend * 10**places // divisor).rjust(places + 1, "0")
        text = f"{text[:-places]}.{text[-places:]}" if places else text
        return ("-" if self.micros < 0 else "") + text, units
