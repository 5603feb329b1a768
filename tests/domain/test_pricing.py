"""Price models: worked by hand at every boundary, and never a micro lost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import CurrencyMismatch, Money, Rate
from services.domain.pricing import (
    OURS,
    Bounded,
    Conventions,
    FlatFee,
    Graduated,
    Included,
    Model,
    Package,
    PackageRounding,
    PerUnit,
    Rounding,
    Tier,
    Volume,
    check_quantity,
    currency_of,
    delta,
    never_falls,
    number,
    price,
)

CENT = Rate.parse("0.01")
TIERS = (
    Tier(Decimal(100), Rate.parse("0.10"), Money.parse("5")),
    Tier(Decimal(200), Rate.parse("0.05")),
    Tier(None, Rate.parse("0.01"), Money.parse("2")),
)
PACKAGE = Package(Decimal(100), Money.parse("3"), Decimal(50))
OUTSIDE = Conventions(up_to_is_inside=False)
UNUSED = Conventions(fee_without_use=True)
DOWN = Conventions(packages=PackageRounding.DOWN)
PRO_RATA = Conventions(packages=PackageRounding.PRO_RATA)


def cost(model: Model, quantity: str | int, conventions: Conventions = OURS) -> str:
    """The amount as short text."""
    amount = price(model, Decimal(quantity), conventions).amount
    return Rate(amount.micros).quoted[0]


# ---- one model after the other


@pytest.mark.parametrize(
    ("model", "quantity", "amount"),
    [
        (FlatFee(Money.parse("29")), 0, "29"),
        (FlatFee(Money.parse("29")), 10_000, "29"),
        (FlatFee(Money.parse("29"), needs_use=True), 0, "0"),
        (FlatFee(Money.parse("29"), needs_use=True), "0.001", "29"),
        (PerUnit(CENT), 0, "0"),
        (PerUnit(CENT), 312, "3.12"),
        (PerUnit(CENT), "0.5", "0.005"),
        (PerUnit(Rate.parse("0.000000000001")), 10**12, "1"),
        (PerUnit(Rate.parse("0.000000000001")), 499_999, "0"),
        (PerUnit(Rate.parse("0.000000000001")), 500_000, "0.000001"),
        (Included(Decimal(1000), PerUnit(CENT)), 0, "0"),
        (Included(Decimal(1000), PerUnit(CENT)), 999, "0"),
        (Included(Decimal(1000), PerUnit(CENT)), 1000, "0"),
        (Included(Decimal(1000), PerUnit(CENT)), 1001, "0.01"),
        (Included(Decimal(1000), PerUnit(CENT)), 1312, "3.12"),
        (Included(None, PerUnit(CENT)), 10**9, "0"),
        (Included(Decimal(10), Included(Decimal(5), PerUnit(CENT))), 17, "0.02"),
        (Graduated(TIERS), 0, "0"),
        (Graduated(TIERS), 1, "5.1"),
        (Graduated(TIERS), "0.5", "5.05"),
        (Graduated(TIERS), 100, "15"),
        (Graduated(TIERS), 101, "15.05"),
        (Graduated(TIERS), 200, "20"),
        (Graduated(TIERS), 201, "22.01"),
        (Graduated(TIERS), 300, "23"),
        (Volume(TIERS), 0, "0"),
        (Volume(TIERS), 1, "5.1"),
        (Volume(TIERS), 100, "15"),
        (Volume(TIERS), 101, "5.05"),
        (Volume(TIERS), 200, "10"),
        (Volume(TIERS), 201, "4.01"),
        (PACKAGE, 0, "0"),
        (PACKAGE, 50, "0"),
        (PACKAGE, "50.1", "3"),
        (PACKAGE, 150, "3"),
        (PACKAGE, 151, "6"),
        (PACKAGE, 250, "6"),
    ],
)
def test_a_quantity_costs_what_one_works_out_by_hand(model: Model, quantity: str | int, amount: str) -> None:
    assert cost(model, quantity) == amount


@pytest.mark.parametrize(
    ("model", "quantity", "conventions", "amount"),
    [
        (Volume(TIERS), 100, OUTSIDE, "5"),  # 100 x 0.05: a quantity equal to the bound is in the next tier
        (Volume(TIERS), 99, OUTSIDE, "14.9"),
        (Volume(TIERS), 200, OUTSIDE, "4"),
        (Graduated(TIERS), 100, OUTSIDE, "15"),
        (Graduated(TIERS), 199, OUTSIDE, "19.95"),
        (Graduated(TIERS), 200, OUTSIDE, "22"),  # the third tier's fee, though none of its units
        (Graduated(TIERS), 0, OUTSIDE, "0"),
        (Graduated(TIERS), 0, UNUSED, "5"),  # Stripe bills the first tier's flat fee without use
        (Volume(TIERS), 0, UNUSED, "5"),
        (Volume(TIERS), 1, UNUSED, "5.1"),
        (Graduated(TIERS[2:]), 0, UNUSED, "2"),
        (PACKAGE, 149, DOWN, "0"),
        (PACKAGE, 150, DOWN, "3"),
        (PACKAGE, 249, DOWN, "3"),
        (PACKAGE, 100, PRO_RATA, "1.5"),
        (PACKAGE, 50, PRO_RATA, "0"),
        (PACKAGE, 250, PRO_RATA, "6"),
    ],
)
def test_what_differs_between_engines_is_an_argument(
    model: Model, quantity: int, conventions: Conventions, amount: str
) -> None:
    assert cost(model, quantity, conventions) == amount


@pytest.mark.parametrize(
    ("minimum", "maximum", "without_use", "quantity", "amount"),
    [
        ("5", None, False, 0, "0"),
        ("5", None, True, 0, "5"),
        ("5", None, False, 1, "5"),
        ("5", None, False, 499, "5"),
        ("5", None, False, 500, "5"),
        ("5", None, False, 501, "5.01"),
        (None, "8", False, 799, "7.99"),
        (None, "8", False, 800, "8"),
        (None, "8", False, 801, "8"),
        ("5", "5", False, 1, "5"),
        ("5", "5", False, 10**6, "5"),
        ("5", "8", True, 600, "6"),
    ],
)
def test_a_charge_may_have_a_minimum_and_a_maximum(
    minimum: str | None, maximum: str | None, without_use: bool, quantity: int, amount: str
) -> None:
    bounds = [None if bound is None else Money.parse(bound) for bound in (minimum, maximum)]
    assert cost(Bounded(PerUnit(CENT), bounds[0], bounds[1], without_use), quantity) == amount


# ---- the parts


def test_the_parts_of_included_units_then_tiers_count_from_the_first_unit() -> None:
    priced = price(Included(Decimal(10), Graduated(TIERS)), 310)
    assert [(p.code, number(p.start), number(p.quantity), p.amount.decimal()) for p in priced.parts] == [
        ("included", 0, 10, "0.000000"),
        ("tier", 10, 100, "10.000000"),
        ("tier_fee", 10, 100, "5.000000"),
        ("tier", 110, 100, "5.000000"),
        ("tier", 210, 100, "1.000000"),
        ("tier_fee", 210, 100, "2.000000"),
    ]
    assert priced.parts[1].params == {
        "tier": 1,
        "from": 0,
        "up_to": 100,
        "quantity": 100,
        "unit": "0.1",
        "per": 1,
    }
    assert priced.parts[4].params == {"tier": 3, "from": 200, "up_to": None, "quantity": 100, "unit": "0.01", "per": 1}
    assert priced.parts[5].params == {"tier": 3, "from": 200, "up_to": None, "amount": "2"}
    assert [p.unit for p in priced.parts[:3]] == [None, TIERS[0].unit, None]
    assert priced.parts[0].params == {"included": 10, "quantity": 10}


@pytest.mark.parametrize(
    ("model", "quantity", "params"),
    [
        (PerUnit(Rate(1_000_000, 3)), "1.5", [("unit", 0, {"quantity": "1.5", "unit": "1", "per": 3})]),
        (FlatFee(Money.parse("29.5")), 7, [("flat_fee", 0, {"amount": "29.5"})]),
        (Included(None, PerUnit(CENT)), 3, [("included", 0, {"included": None, "quantity": 3})]),
        (Included(Decimal(0), PerUnit(CENT)), 3, [("unit", 0, {"quantity": 3, "unit": "0.01", "per": 1})]),
        (
            Volume(TIERS),
            150,
            [("volume", 0, {"tier": 2, "from": 100, "up_to": 200, "quantity": 150, "unit": "0.05", "per": 1})],
        ),
        (
            Volume(TIERS),
            250,
            [
                ("volume", 0, {"tier": 3, "from": 200, "up_to": None, "quantity": 250, "unit": "0.01", "per": 1}),
                ("volume_fee", 0, {"tier": 3, "from": 200, "up_to": None, "amount": "2"}),
            ],
        ),
        (
            PACKAGE,
            170,
            [
                ("package_free", 0, {"free": 50, "quantity": 50}),
                ("package", 50, {"packages": "2", "size": 100, "amount": "3", "quantity": 120}),
            ],
        ),
        (
            Bounded(PerUnit(CENT), minimum=Money.parse("5")),
            100,
            [
                ("unit", 0, {"quantity": 100, "unit": "0.01", "per": 1}),
                ("minimum", 0, {"before": "1", "bound": "5"}),
            ],
        ),
        (
            Bounded(PerUnit(CENT), maximum=Money.parse("0.5")),
            100,
            [
                ("unit", 0, {"quantity": 100, "unit": "0.01", "per": 1}),
                ("maximum", 0, {"before": "1", "bound": "0.5"}),
            ],
        ),
    ],
)
def test_a_part_carries_the_figures_of_its_sentence(
    model: Model,
    quantity: str | int,
    params: list[tuple[str, int, dict[str, Any]]],  # Any: plain JSON values
) -> None:
    priced = price(model, Decimal(quantity))
    assert [(part.code, number(part.start), part.params) for part in priced.parts] == params
    assert priced.quantity == Decimal(quantity)


@pytest.mark.parametrize("model", [PerUnit(CENT), Included(Decimal(5), PerUnit(CENT)), Graduated(TIERS), PACKAGE])
def test_nothing_used_has_no_parts(model: Model) -> None:
    assert price(model, 0).parts == ()


def test_a_pro_rata_package_says_its_fraction() -> None:
    part = price(PACKAGE, 100, PRO_RATA).parts[1]
    assert part.params["packages"] == "1/2"
    assert part.amount == Money.parse("1.5")


# ---- rounding

THIRDS = Graduated((Tier(Decimal(1), Rate(5_000, 1)), Tier(Decimal(2), Rate(5_000, 1)), Tier(None, Rate(5_000, 1))))


@pytest.mark.parametrize(
    ("rounding", "to_minor", "amounts"),
    [
        (Rounding.PART, False, [5_000, 5_000, 5_000]),
        (Rounding.PART, True, [10_000, 10_000, 10_000]),  # each half cent goes up
        (Rounding.TOTAL, False, [5_000, 5_000, 5_000]),
        (Rounding.TOTAL, True, [10_000, 10_000, 0]),  # 1.5 cents go up once
    ],
)
def test_rounding_is_of_each_part_or_of_their_sum(rounding: Rounding, to_minor: bool, amounts: list[int]) -> None:
    priced = price(THIRDS, 3, Conventions(rounding=rounding, to_minor=to_minor))
    assert [part.amount.micros for part in priced.parts] == amounts
    assert priced.amount.micros == sum(amounts)


def test_fractions_of_a_micro_are_shared_out_when_the_total_is_rounded() -> None:
    model = Graduated((Tier(Decimal(1), Rate(1, 3)), Tier(Decimal(2), Rate(2, 5)), Tier(None, Rate(1, 2))))
    each = price(model, 3)
    total = price(model, 3, Conventions(rounding=Rounding.TOTAL))
    assert [part.amount.micros for part in each.parts] == [0, 0, 1]
    assert [part.amount.micros for part in total.parts] == [0, 0, 1]  # 1.2333 micros are 1
    assert price(model, 5, Conventions(rounding=Rounding.TOTAL)).amount.micros == 2  # 2.2333
    assert price(Graduated(TIERS), 0, Conventions(rounding=Rounding.TOTAL)).amount == Money(0)


def test_rounding_to_the_cent_is_not_rounding_twice() -> None:
    model = PerUnit(Rate.parse("0.0049999996"))
    assert price(model, 1).amount == Money.parse("0.005")
    assert price(model, 1, Conventions(to_minor=True)).amount == Money(0)


def test_yen_have_no_cents() -> None:
    model = PerUnit(Rate.parse("0.5", "JPY"))
    assert price(model, 3, Conventions(to_minor=True)).amount == Money.parse("2", "JPY")
    assert price(model, 3).amount == Money.parse("1.5", "JPY")


# ---- invariants

quantities = st.decimals(0, 10_000, places=3)
rates = st.builds(Rate, st.integers(0, 10**6), st.integers(1, 1000))
fees = st.none() | st.builds(Money, st.integers(0, 10**8))
bounds = st.lists(st.integers(1, 5_000), min_size=1, max_size=4, unique=True).map(sorted)


@st.composite
def tier_lists(draw: st.DrawFn) -> tuple[Tier, ...]:
    ups = [Decimal(up) for up in draw(bounds)]
    return tuple(Tier(up, draw(rates), draw(fees)) for up in [*ups, None])


packages = st.builds(
    Package, st.integers(1, 500).map(Decimal), st.builds(Money, st.integers(0, 10**7)), st.integers(0, 500).map(Decimal)
)
rising: st.SearchStrategy[Model] = st.one_of(
    st.builds(PerUnit, rates),
    st.builds(Graduated, tier_lists()),
    packages,
    st.builds(FlatFee, st.builds(Money, st.integers(0, 10**8))),
)
anyhow: st.SearchStrategy[Model] = st.one_of(rising, st.builds(Volume, tier_lists()))
wrapped: st.SearchStrategy[Model] = st.one_of(
    anyhow,
    st.builds(Included, st.integers(0, 2_000).map(Decimal), anyhow),
    st.builds(
        lambda model, low, more: Bounded(model, Money(low), Money(low + more)), anyhow, *[st.integers(0, 10**8)] * 2
    ),
)
conventions = st.builds(
    Conventions,
    st.sampled_from(Rounding),
    st.booleans(),
    st.sampled_from(PackageRounding),
    st.booleans(),
    st.booleans(),
)


@given(wrapped, quantities, quantities, conventions)
def test_a_price_and_what_comes_after_it_are_the_price_of_both(
    model: Model, before: Decimal, more: Decimal, how: Conventions
) -> None:
    whole = price(model, before + more, how).amount
    assert price(model, before, how).amount + delta(model, before, more, how) == whole


@given(wrapped, quantities, conventions)
def test_parts_sum_exactly(model: Model, quantity: Decimal, how: Conventions) -> None:
    priced = price(model, quantity, how)
    assert sum((part.amount for part in priced.parts), Money(0)) == priced.amount


@given(rising, quantities, quantities, conventions)
def test_graduated_per_unit_and_package_prices_never_fall(
    model: Model, before: Decimal, more: Decimal, how: Conventions
) -> None:
    assert delta(model, before, more, replace(how, rounding=Rounding.PART)).micros >= 0
    assert delta(Included(Decimal(100), model), before, more).micros >= 0
    assert never_falls(model)


@given(tier_lists(), quantities)
def test_a_graduated_price_is_the_sum_over_its_tiers_as_fractions(tiers: tuple[Tier, ...], quantity: Decimal) -> None:
    exact, start = Fraction(0), Fraction(0)
    for tier in tiers:
        end = Fraction(quantity) if tier.up_to is None else min(Fraction(quantity), Fraction(tier.up_to))
        if Fraction(quantity) > start:
            exact += (end - start) * Fraction(tier.unit.micros, tier.unit.per) + (tier.fee.micros if tier.fee else 0)
        start = Fraction(tier.up_to or 0)
    total = price(Graduated(tiers), quantity, Conventions(rounding=Rounding.TOTAL)).amount.micros
    assert abs(exact - total) <= Fraction(1, 2)
    assert abs(exact - price(Graduated(tiers), quantity).amount.micros) <= Fraction(len(tiers), 2)


def test_a_volume_price_may_fall() -> None:
    assert delta(Volume(TIERS), 100, 1) == Money.parse("-9.95")
    assert not never_falls(Volume(TIERS))
    assert not never_falls(Included(Decimal(1), Bounded(Volume(TIERS))))
    assert never_falls(Included(Decimal(1), Bounded(Graduated(TIERS))))


# ---- what gets in


@pytest.mark.parametrize("quantity", ["-1", "-0.001", "NaN", "sNaN", "Infinity", "-Infinity", "1000000000000000001"])
def test_what_is_no_quantity_has_no_price(quantity: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        price(PerUnit(CENT), Decimal(quantity))
    with pytest.raises(ValueError, match="not a quantity"):
        delta(PerUnit(CENT), Decimal(0), Decimal(quantity))
    with pytest.raises(ValueError, match="not a quantity"):
        delta(PerUnit(CENT), Decimal(quantity), Decimal(0))


@pytest.mark.parametrize("quantity", [0.5, True, "1", None, Fraction(1, 2)])
def test_a_quantity_is_a_decimal_or_a_whole_number(quantity: Any) -> None:  # Any: what a caller without types may pass
    with pytest.raises(TypeError, match="Decimal"):
        check_quantity(quantity)


@pytest.mark.parametrize("quantity", [-1, 10**18 + 1])
def test_a_whole_quantity_has_the_same_ends(quantity: int) -> None:
    assert [check_quantity(whole) for whole in (0, 10**18)] == [Decimal(0), Decimal(10**18)]
    with pytest.raises(ValueError, match="not a quantity"):
        check_quantity(quantity)


def test_a_quantity_is_exact_to_eighteen_places_and_goes_to_a_trillion_million() -> None:
    assert check_quantity(Decimal("1E+18")) == 10**18
    assert check_quantity(Decimal("0.000000000000000001")) == Decimal(10) ** -18
    with pytest.raises(ValueError, match="more than 18 places"):
        check_quantity(Decimal("0.0000000000000000001"))
    huge = Decimal("999999999999999999.000000000000000001")
    over = price(Included(Decimal(1), PerUnit(CENT)), huge).parts[1].quantity
    assert Fraction(over) == Fraction(huge) - 1
    assert price(Included(Decimal(1), PerUnit(CENT)), huge).amount == Money.parse("9999999999999999.98")


@pytest.mark.parametrize(
    "tiers",
    [
        (),
        (Tier(Decimal(10), CENT),),
        (Tier(None, CENT), Tier(None, CENT)),
        (Tier(Decimal(0), CENT), Tier(None, CENT)),
        (Tier(Decimal(10), CENT), Tier(Decimal(10), CENT), Tier(None, CENT)),
        (Tier(Decimal(10), CENT), Tier(Decimal(9), CENT), Tier(None, CENT)),
    ],
)
def test_tiers_rise_and_the_last_one_has_no_end(tiers: tuple[Tier, ...]) -> None:
    for model in (Graduated, Volume):
        with pytest.raises(ValueError, match="tier"):
            model(tiers)


def test_prices_are_not_negative() -> None:
    debt = Money(-1)
    for build in (
        lambda: FlatFee(debt),
        lambda: PerUnit(Rate(-1)),
        lambda: Package(Decimal(1), debt),
        lambda: Bounded(PerUnit(CENT), minimum=debt),
        lambda: Graduated((Tier(None, Rate(-1)),)),
        lambda: Volume((Tier(None, CENT, debt),)),
    ):
        with pytest.raises(ValueError, match="not negative"):
            build()
    assert cost(PerUnit(Rate(0)), 5) == "0"
    assert cost(FlatFee(Money(0)), 5) == "0"


def test_sizes_and_bounds_make_sense() -> None:
    with pytest.raises(ValueError, match="holds something"):
        Package(Decimal(0), Money(1))
    with pytest.raises(ValueError, match="not a quantity"):
        Package(Decimal(1), Money(1), Decimal(-1))
    with pytest.raises(ValueError, match="not a quantity"):
        Included(Decimal(-1), PerUnit(CENT))
    with pytest.raises(ValueError, match="below the minimum"):
        Bounded(PerUnit(CENT), Money(2), Money(1))


def test_one_price_has_one_currency() -> None:
    yen = Rate(1, 1, "JPY")
    assert {currency_of(m) for m in (PerUnit(yen), Included(None, PerUnit(yen)), Bounded(PerUnit(yen)))} == {"JPY"}
    assert {currency_of(m) for m in (FlatFee(Money(1)), PACKAGE, Graduated(TIERS), Volume(TIERS))} == {"USD"}
    with pytest.raises(CurrencyMismatch):
        Graduated((Tier(Decimal(1), yen), Tier(None, CENT)))
    with pytest.raises(CurrencyMismatch):
        Volume((Tier(None, yen, Money(1)),))
    with pytest.raises(CurrencyMismatch):
        Bounded(PerUnit(yen), maximum=Money(1))
    assert price(PerUnit(yen), 0).amount == Money(0, "JPY")


@pytest.mark.parametrize(
    ("quantity", "plain"), [("3", 3), ("3.0", 3), ("1E+3", 1000), ("0.5", "0.5"), ("1E-7", "0.0000001"), ("0", 0)]
)
def test_figures_in_sentences_are_plain(quantity: str, plain: str | int) -> None:
    assert number(Decimal(quantity)) == plain


@given(
    st.none() | st.integers(0, 30).map(Decimal),
    st.sampled_from(["0", "0.01", "0.008", "0.0000005", "0.000000333"]),
    st.integers(0, 40) | st.decimals(0, 40, places=3),
    st.sampled_from([OURS, Conventions(to_minor=True), Conventions(rounding=Rounding.TOTAL)]),
)
def test_a_call_costs_the_step_of_the_price(
    units: Decimal | None, unit: str, before: Decimal | int, how: Conventions
) -> None:
    """Also at the last included unit, and where half a micro is rounded."""
    model = Included(units, PerUnit(Rate.parse(unit)))
    after = before + 1
    assert delta(model, before, 1, how) == price(model, after, how).amount - price(model, before, how).amount


@pytest.mark.parametrize(
    ("units", "before", "micros"),
    [(3, 1, 0), (3, 2, 0), (3, 3, 20_000), (0, 0, 20_000), (None, 10**6, 0)],
)
def test_the_first_call_beyond_the_included_costs(units: int | None, before: int, micros: int) -> None:
    model = Included(None if units is None else Decimal(units), PerUnit(Rate(20_000)))
    assert delta(model, before, 1) == Money(micros)
