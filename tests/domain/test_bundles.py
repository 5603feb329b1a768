"""Bundles: whole ones cost what their card says, begun ones only what is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import CurrencyMismatch, Money
from services.api.types import BillingCycle
from services.domain.bundles import BundleLine, complete
from services.domain.catalogue import bundle_monthly, yearly_price


def money(text: str, currency: str = "USD") -> Money:
    return Money.parse(text, currency)


def line(offering: str, listed: str, discount: str, price: str, currency: str = "USD") -> BundleLine:
    return BundleLine(offering, money(listed, currency), money(discount, currency), money(price, currency))


SUITE = [("desk", money("29")), ("sales", money("99")), ("tutor", money("29"))]


def test_a_whole_bundle_costs_what_its_card_says() -> None:
    found = complete(SUITE, (), 15)
    # 157 less 15 % = 133.45; 23.55 off: 4.35, 14.85, 4.35
    assert found.lines == (
        line("desk", "29", "4.35", "24.65"), line("sales", "99", "14.85", "84.15"), line("tutor", "29", "4.35", "24.65")
    )  # fmt: skip
    assert (found.listed, found.discount, found.total) == (money("157"), money("23.55"), money("133.45"))
    assert (found.owned, found.code) == ((), "")


def test_what_is_owned_is_not_in_the_order() -> None:
    found = complete(SUITE, {"sales", "something else"}, 15)
    assert found.lines == (line("desk", "29", "4.35", "24.65"), line("tutor", "29", "4.35", "24.65"))
    assert (found.listed, found.discount, found.total) == (money("58"), money("8.70"), money("49.30"))
    assert (found.owned, found.code) == (("sales",), "")


def test_when_nothing_is_missing_there_is_no_order() -> None:
    found = complete([("a", money("500", "JPY")), ("b", money("1", "JPY"))], ["b", "a"], 15)
    nothing = Money.zero("JPY")
    assert (found.lines, found.listed, found.discount, found.total) == ((), nothing, nothing, nothing)
    assert (found.owned, found.code) == (("a", "b"), "nothing_missing")


def test_a_year_is_ten_months_of_every_part() -> None:
    found = complete(SUITE, {"desk"}, 15, BillingCycle.YEARLY)
    assert found.lines == (line("sales", "990", "148.50", "841.50"), line("tutor", "290", "43.50", "246.50"))
    assert (found.listed, found.discount, found.total) == (money("1280"), money("192"), money("1088"))


@pytest.mark.parametrize(
    ("prices", "currency", "percent", "lines", "total"),
    [  # 0.15 less 50 % = 0.075 -> 0.08 to pay, so 0.07 off: 2.33 cents each
     (["0.05", "0.05", "0.05"], "USD", 50, ["0.03 0.02", "0.02 0.03", "0.02 0.03"], "0.08"),
     (["1000", "333"], "JPY", 15, ["150 850", "50 283"], "1133"),  # 1133.05
     (["1.005", "2"], "KWD", 10, ["0.100 0.905", "0.200 1.800"], "2.705"),  # 2.7045 -> 2.705, so 0.300 off
     (["29", "99"], "USD", 0, ["0 29", "0 99"], "128"),
     (["29", "99"], "USD", 100, ["29 0", "99 0"], "0"),
     (["0", "29"], "USD", 10, ["0 0", "2.90 26.10"], "26.10"),
     (["0", "0"], "USD", 10, ["0 0", "0 0"], "0")],
)  # fmt: skip
def test_the_discount_is_cut_without_losing_a_cent(
    prices: list[str], currency: str, percent: int, lines: list[str], total: str
) -> None:
    found = complete([(str(i), money(price, currency)) for i, price in enumerate(prices)], (), percent)
    pairs = [text.split() for text in lines]
    expected = [line(str(i), prices[i], off, price, currency) for i, (off, price) in enumerate(pairs)]
    assert list(found.lines) == expected
    assert found.total == money(total, currency)


@pytest.mark.parametrize(
    ("parts", "percent", "why"),
    [([], 15, "each once"), ([SUITE[0], SUITE[0]], 15, "each once"), (SUITE, -1, "0 to 100"), (SUITE, 101, "0 to 100")],
)
def test_a_bundle_that_makes_no_sense_is_refused(parts: list[tuple[str, Money]], percent: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        complete(parts, (), percent)


def test_a_bundle_has_one_currency() -> None:
    with pytest.raises(CurrencyMismatch):
        complete([("a", money("1")), ("b", money("1", "JPY"))], (), 10)


@given(
    st.lists(st.tuples(st.integers(0, 50_000), st.booleans()), min_size=1, max_size=8),
    st.integers(0, 100),
    st.sampled_from(list(BillingCycle)),
)
def test_lines_add_up_to_the_price_of_what_is_missing(
    rows: list[tuple[int, bool]], percent: int, cycle: BillingCycle
) -> None:
    parts = [(str(i), Money(cents * 10_000)) for i, (cents, _) in enumerate(rows)]
    owned = {str(i) for i, (_, is_owned) in enumerate(rows) if is_owned}
    found = complete(parts, owned, percent, cycle)
    missing = [price for offering, price in parts if offering not in owned]
    assert [part.offering for part in found.lines] == [offering for offering, _ in parts if offering not in owned]
    assert set(found.owned) == owned
    if missing:
        monthly = bundle_monthly(missing, percent)
        assert found.total == (yearly_price(monthly) if cycle is BillingCycle.YEARLY else monthly)
    assert sum((part.price for part in found.lines), Money.zero()) == found.total
    assert sum((part.discount for part in found.lines), Money.zero()) == found.discount
    assert found.listed - found.discount == found.total
    assert all(part.listed - part.discount == part.price and part.price.micros >= 0 for part in found.lines)
    assert all(part.discount.micros >= 0 for part in found.lines)
