"""What plans cost on a card: yearly prices, bundle discounts, the cheapest way in; and what may be asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import Money
from services.api.types import BillingModel
from services.domain import catalogue, chat
from tests.samples import plans_of

FREE, STARTER, PRO, ENTERPRISE, PER_USE = plans_of("agent")


def money(text: str) -> Money:
    return Money.parse(text)


@pytest.mark.parametrize(("monthly", "yearly"), [("29", "290"), ("99", "990"), ("71.34", "713.40"), ("0", "0")])
def test_a_year_costs_ten_months(monthly: str, yearly: str) -> None:
    assert catalogue.yearly_price(money(monthly)) == money(yearly)


def test_a_price_by_quote_has_no_yearly_form() -> None:
    assert catalogue.yearly_price(None) is None


@pytest.mark.parametrize(
    ("prices", "discount", "expected"),
    [
        (["29", "29", "29"], 18, "71.34"),
        (["99", "99", "99"], 15, "252.45"),
        (["0.05"], 50, "0.03"),  # half a cent goes up
        (["29", "99"], 0, "128"),
        (["29", "99"], 100, "0"),
    ],
)
def test_a_bundle_costs_its_parts_less_the_discount(prices: list[str], discount: int, expected: str) -> None:
    assert catalogue.bundle_monthly([money(price) for price in prices], discount) == money(expected)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6), st.integers(0, 100))
def test_a_bundle_never_costs_more_than_its_parts_and_is_whole_cents(cents: list[int], discount: int) -> None:
    parts = [Money(cent * 10_000) for cent in cents]
    price = catalogue.bundle_monthly(parts, discount)
    assert price == price.rounded()
    assert not sum(parts, Money.zero()) < price
    assert not price < Money.zero()


def test_a_card_shows_the_cheapest_monthly_price() -> None:
    assert catalogue.cheapest_monthly([PRO, STARTER, ENTERPRISE]) == money("29")
    assert catalogue.cheapest_monthly([PRO, FREE]) == Money.zero()


def test_without_a_price_the_card_shows_nothing() -> None:
    assert catalogue.cheapest_monthly([ENTERPRISE]) == catalogue.cheapest_monthly([]) == Money.zero()


def test_billing_models_are_named_once_in_plan_order() -> None:
    assert catalogue.billing_models([STARTER, PRO, PER_USE, ENTERPRISE]) == (
        BillingModel.SUBSCRIPTION,
        BillingModel.PAY_PER_USE,
        BillingModel.QUOTE,
    )


@pytest.mark.parametrize(
    ("question", "problem"),
    [("", "required"), (" \n\t", "required"), ("x", None), ("x" * 4000, None), ("x" * 4001, "too_long")],
)
def test_a_question_has_something_in_it_and_an_end(question: str, problem: str | None) -> None:
    assert chat.question_problem(question) == problem
