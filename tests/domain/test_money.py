"""Amounts: exact, one rounding, and nothing that is not a whole micro gets in."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import (
    EXPONENTS,
    MICROS,
    SYMBOLS,
    CurrencyMismatch,
    Money,
    Rate,
    divide_half_away,
    split_largest_remainder,
)

micros = st.integers(-(10**18), 10**18)
currencies = st.sampled_from(sorted(EXPONENTS))


# ---- rounding


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [(1, 2, 1), (-1, 2, -1), (3, 2, 2), (-3, 2, -2), (5, 2, 3), (-5, 2, -3), (49, 100, 0), (-49, 100, 0), (50, 100, 1),
     (-50, 100, -1), (149, 100, 1), (150, 100, 2), (0, 7, 0), (7, 7, 1), (10**30 + 5, 10, 10**29 + 1)],
)  # fmt: skip
def test_a_half_goes_away_from_zero(numerator: int, denominator: int, rounded: int) -> None:
    assert divide_half_away(numerator, denominator) == rounded


@given(micros, st.integers(1, 10**9))
def test_rounding_agrees_with_decimal_and_is_the_same_on_both_sides_of_zero(numerator: int, denominator: int) -> None:
    rounded = divide_half_away(numerator, denominator)
    exact = Fraction(numerator, denominator)
    assert abs(exact - rounded) <= Fraction(1, 2)
    assert divide_half_away(-numerator, denominator) == -rounded
    halves = Decimal(divide_half_away(numerator, 1)) / 2
    assert divide_half_away(numerator, 2) == int(halves.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize("denominator", [0, -1])
def test_a_denominator_that_is_not_positive_is_refused(denominator: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        divide_half_away(1, denominator)


@pytest.mark.parametrize(
    ("currency", "amount", "rounded", "minor"),
    [("USD", "0.005", "0.01", 1), ("USD", "-0.005", "-0.01", -1), ("USD", "0.004999", "0", 0),
     ("USD", "29", "29", 2900), ("JPY", "0.5", "1", 1), ("JPY", "-0.5", "-1", -1), ("JPY", "1200.499999", "1200", 1200),
     ("KWD", "0.0005", "0.001", 1), ("KWD", "1.2344", "1.234", 1234), ("KWD", "-1.2345", "-1.235", -1235)],
)  # fmt: skip
def test_totals_are_whole_minor_units_of_their_currency(currency: str, amount: str, rounded: str, minor: int) -> None:
    money = Money.parse(amount, currency).rounded()
    assert money == Money.parse(rounded, currency)
    assert money.minor == minor


@given(micros, currencies)
def test_rounding_twice_is_rounding_once_and_moves_at_most_half_a_unit(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    assert money.rounded().rounded() == money.rounded()
    assert 2 * abs((money - money.rounded()).micros) <= money.minor_unit
    assert (-money).rounded() == -(money.rounded())


def test_a_fraction_of_a_cent_is_not_whole_minor_units() -> None:
    with pytest.raises(ValueError, match="minor units of USD"):
        _ = Money.parse("0.008").minor
    assert Money.parse("-0.01").minor == -1


@pytest.mark.parametrize(
    ("amount", "numerator", "denominator", "share"),
    [("100", 1, 3, "33.33"), ("99", 83, 100, "82.17"), ("0.05", 1, 2, "0.03"), ("-0.05", 1, 2, "-0.03"),
     ("87", 82, 100, "71.34"), ("10", 0, 5, "0")],
)  # fmt: skip
def test_a_share_is_rounded_to_the_minor_unit(amount: str, numerator: int, denominator: int, share: str) -> None:
    assert Money.parse(amount).share(numerator, denominator) == Money.parse(share)


def test_the_exponents_are_those_of_iso_4217() -> None:
    assert EXPONENTS == {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KWD": 3}
    assert set(SYMBOLS) == set(EXPONENTS)
    assert [Money(0, code).minor_unit for code in ("USD", "JPY", "KWD")] == [10_000, 1_000_000, 1_000]


# ---- text


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0", 0), ("29", 29 * MICROS), ("0.008", 8_000), ("-0.000001", -1), ("-0", 0), ("1.5", 1_500_000),
     ("0000001.10", 1_100_000), ("99999999999999.999999", 99_999_999_999_999_999_999)],
)  # fmt: skip
def test_plain_decimal_text_is_an_amount(text: str, amount: int) -> None:
    assert Money.parse(text).micros == amount


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", ".5", "--1", "+1", "1e3", "1E3", "NaN", "nan", "Infinity", "-inf", "1,000", "1_000", " 1", "1 ",
     "1.2.3", "1.-2", "0x10", "$1", "١٢", "１２", "1.²", "²", "1\n", "1\0"],
)  # fmt: skip
def test_anything_else_is_not(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        Money.parse(text)


@pytest.mark.parametrize("text", ["0.0000001", "1.0000000", "-29.1234567"])
def test_what_is_finer_than_a_micro_is_refused_even_when_it_is_zero(text: str) -> None:
    with pytest.raises(ValueError, match="finer than a micro"):
        Money.parse(text)


@given(micros, currencies)
def test_writing_and_reading_give_the_amount_back(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    assert Money.parse(money.decimal(), currency) == money
    assert Decimal(money.decimal(12)) == Decimal(amount) / MICROS


@given(st.text(alphabet="0123456789.-+eE_, nNaAiI٣²", max_size=12))
def test_parsing_gives_an_exact_amount_or_refuses(text: str) -> None:
    try:
        money = Money.parse(text)
    except ValueError:
        return
    assert Decimal(text) * MICROS == money.micros


@pytest.mark.parametrize(
    ("amount", "places", "text"),
    [("990", 6, "990.000000"), ("0.008", 10, "0.0080000000"), ("-0.000001", 6, "-0.000001"), ("0", 8, "0.00000000"),
     ("-12.5", 2, "-12.500000")],
)  # fmt: skip
def test_decimal_text_never_loses_a_digit(amount: str, places: int, text: str) -> None:
    assert Money.parse(amount).decimal(places) == text


# ---- what gets in


@pytest.mark.parametrize("amount", [1.0, 0.1 + 0.2, float("nan"), float("inf"), True, "1", None, Decimal(1)])
def test_only_whole_micros_are_money(amount: Any) -> None:  # Any: what a caller without types might pass
    with pytest.raises(TypeError, match="whole micros"):
        Money(amount)


@pytest.mark.parametrize("currency", ["", "usd", "XXX", "US"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="unknown currency"):
        Money(1, currency)


@pytest.mark.parametrize("times", [1.5, True, "2", float("nan")])
def test_money_is_multiplied_by_whole_numbers_only(times: Any) -> None:  # Any: as above
    with pytest.raises(TypeError, match="whole numbers"):
        Money(1) * times


def test_currencies_are_never_mixed() -> None:
    dollars, yen = Money(MICROS), Money(MICROS, "JPY")
    for mix in (lambda: dollars + yen, lambda: dollars - yen, lambda: dollars < yen):
        with pytest.raises(CurrencyMismatch, match="USD and JPY"):
            mix()
    assert dollars != yen


@given(micros, micros, micros, st.integers(-1000, 1000))
def test_adding_is_exact(a: int, b: int, c: int, times: int) -> None:
    one, two, three = Money(a), Money(b), Money(c)
    assert (one + two) + three == one + (two + three)
    assert one + two - two == one
    assert one + (-one) == Money.zero()
    assert (one + two) * times == one * times + two * times
    assert one.is_zero == (one == Money.zero())
    assert (one < two) == (a < b)
    assert sum([two, three], one) == Money(a + b + c)


# ---- unit prices


@pytest.mark.parametrize(
    ("rate", "quantity", "cost"),
    [(Rate(8_000), 1, "0.008"), (Rate(8_000), 1_000_000, "8000"), (Rate(10_000), 3, "0.03"), (Rate(1, 3), 1, "0"),
     (Rate(1, 2), 1, "0.000001"), (Rate(1, 2), -1, "-0.000001"), (Rate(MICROS, 3), 3, "1"), (Rate(5, 1), 0, "0")],
)  # fmt: skip
def test_a_unit_price_finer_than_a_cent_is_exact(rate: Rate, quantity: int, cost: str) -> None:
    assert rate.cost(quantity) == Money.parse(cost)


@given(st.integers(0, 10**9), st.integers(1, 10**6), st.integers(0, 10**9))
def test_a_rate_costs_what_the_fraction_says_to_the_micro(price: int, per: int, quantity: int) -> None:
    cost = Rate(price, per).cost(quantity).micros
    assert abs(Fraction(price * quantity, per) - cost) <= Fraction(1, 2)
    assert Rate(price, per).cost(quantity * per).micros == price * quantity
    assert Rate(price, per).cost(quantity + 1).micros >= cost


@pytest.mark.parametrize("per", [0, -1])
def test_a_rate_is_for_a_positive_number_of_units(per: int) -> None:
    with pytest.raises(ValueError, match="positive number of units"):
        Rate(1, per)


@pytest.mark.parametrize(("price", "per"), [(0.008, 1), (float("nan"), 1), (True, 1), ("1", 1), (1, 2.0), (1, True)])
def test_a_rate_is_whole_micros_for_whole_units(price: Any, per: Any) -> None:  # Any: as above
    with pytest.raises(TypeError, match="whole"):
        Rate(price, per)


def test_a_rate_keeps_its_currency() -> None:
    assert Rate(500, 1, "KWD").cost(2) == Money(1000, "KWD")


@pytest.mark.parametrize(
    ("quantity", "cost"),
    [("0", "0"), ("312", "3.12"), ("0.5", "0.005"), ("0.00005", "0.000001"), ("0.00004999", "0"), ("1E+3", "10")],
)
def test_a_quantity_may_be_an_exact_decimal(quantity: str, cost: str) -> None:
    assert Rate(10_000).cost(Decimal(quantity)) == Money.parse(cost)
    assert Fraction(*Rate(10_000, 7).exact(Decimal(quantity))) == Fraction(quantity) * 10_000 / 7


@pytest.mark.parametrize("quantity", ["-1", "-0.000001", "NaN", "Infinity", "-Infinity"])
def test_what_is_no_quantity_costs_nothing_but_an_error(quantity: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        Rate(1).cost(Decimal(quantity))


def test_a_float_is_no_quantity() -> None:
    inexact: Any = 0.5  # Any: what a caller without types might pass
    with pytest.raises(TypeError, match="exact decimal"):
        Rate(1).cost(inexact)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("0.01", Rate(10_000)), ("29", Rate(29_000_000)), ("0", Rate(0)), ("0.0000015", Rate(3, 2)),
     ("0.000000000001", Rate(1, MICROS)), ("0.000000000000000001", Rate(1, 10**12)), ("1.50", Rate(1_500_000))],
)  # fmt: skip
def test_a_unit_price_of_many_places_is_read_exactly(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate
    assert Rate.parse(text, "JPY").currency == "JPY"


@pytest.mark.parametrize("text", ["-0.01", "1e-6", "NaN", "", ".5", "0,01"])
def test_other_text_is_no_unit_price(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        Rate.parse(text)


def test_a_unit_price_has_at_most_eighteen_places() -> None:
    with pytest.raises(ValueError, match="more than 18 places"):
        Rate.parse("0.0000000000000000001")


@pytest.mark.parametrize(
    ("rate", "text", "units"),
    [(Rate(8_000), "0.008", 1), (Rate(10_000), "0.01", 1), (Rate(5_000_000, 1000), "0.005", 1), (Rate(0, 7), "0", 1),
     (Rate(MICROS, 3), "1", 3), (Rate(MICROS, 3000), "0.001", 3), (Rate(7, 6), "0.0000035", 3),
     (Rate(29_000_000), "29", 1), (Rate(-20_000, 2), "-0.01", 1), (Rate(1, MICROS), "0.000000000001", 1)],
)  # fmt: skip
def test_a_price_list_quotes_a_rate_without_loss(rate: Rate, text: str, units: int) -> None:
    assert rate.quoted == (text, units)


@given(st.integers(0, 10**9), st.integers(1, 10**4))
def test_quoting_keeps_the_price(price: int, per: int) -> None:
    text, units = Rate(price, per).quoted
    assert Fraction(text) / units == Fraction(price, per * MICROS)


@pytest.mark.parametrize(
    ("numerator", "denominator", "step", "nearest"),
    [(5, 2, 1, 3), (-5, 2, 1, -3), (7, 3, 1, 2), (14_999, 1, 10_000, 10_000), (15_000, 1, 10_000, 20_000),
     (29_999, 2, 10_000, 10_000)],
)  # fmt: skip
def test_an_exact_number_of_micros_is_rounded_once(numerator: int, denominator: int, step: int, nearest: int) -> None:
    assert Money.nearest(numerator, denominator, "EUR", step) == Money(nearest, "EUR")


# ---- splitting


@given(micros, st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any))
def test_parts_always_add_up_and_are_off_by_less_than_one(total: int, weights: list[int]) -> None:
    parts = split_largest_remainder(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
        assert weight or part == 0
    assert split_largest_remainder(-total, weights) == [-part for part in parts]


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [(100, [1, 1, 1], [34, 33, 33]), (-100, [1, 1, 1], [-34, -33, -33]), (5, [0, 1], [0, 5]), (0, [3, 7], [0, 0]),
     (1, [1, 2], [0, 1]), (10, [1, 1, 2, 2], [2, 2, 3, 3]), (7134, [1, 1, 1], [2378, 2378, 2378])],
)  # fmt: skip
def test_the_largest_remainder_gets_what_is_left_and_the_first_wins_a_tie(
    total: int, weights: list[int], parts: list[int]
) -> None:
    assert split_largest_remainder(total, weights) == parts


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1]])
def test_there_must_be_something_to_split_by(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split_largest_remainder(1, weights)
