"""Where one price overtakes another: found by cuts, checked against trying every number."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import Money, Rate
from services.domain.break_even import bends, first_where, no_dearer_from
from services.domain.pricing import (
    OURS,
    Bounded,
    Conventions,
    FlatFee,
    Graduated,
    Included,
    Model,
    Package,
    PerUnit,
    Tier,
    Volume,
    price,
)

CENT = PerUnit(Rate(10_000))


@pytest.mark.parametrize(
    ("low", "high", "first"), [(0, 10, 7), (7, 10, 7), (8, 10, 8), (0, 7, 7), (0, 8, 7), (3, 3, 3)]
)
def test_the_first_number_for_which_something_holds(low: int, high: int, first: int) -> None:
    assert first_where(lambda n: n >= 7, low, high) == first


@pytest.mark.parametrize(
    ("values", "cuts", "answer"),
    [
        ([0, 0, 0], {0}, 0),
        ([-1, 0, 1], {0}, 1),
        ([-2, -1, 0], {0}, 2),
        ([-3, -2, -1], {0}, None),
        ([1, 0, -1], {0}, None),
        ([-1, 5, -1, 5], {0, 1, 2, 3}, 3),  # it is below once more at 2
        ([5, -1, 5, 5], {0, 1, 2}, 2),
        ([-5, -4, 3, 3], {0, 2}, 2),  # a jump between two pieces
        ([7], {0}, 0),
        ([-7], {0}, None),
    ],
)
def test_from_where_on_a_difference_is_never_below_zero(values: list[int], cuts: set[int], answer: int | None) -> None:
    assert no_dearer_from(lambda n: values[n], cuts, len(values) - 1) == answer


@pytest.mark.parametrize(
    ("model", "points"),
    [
        (CENT, {0, 1}),
        (FlatFee(Money(1), needs_use=True), {0, 1}),
        (Included(None, Package(Decimal(1), Money(1))), {0, 1}),
        (Included(Decimal(10), CENT), {0, 1, 10, 11, 12}),
        (Graduated((Tier(Decimal("10.5"), CENT.unit), Tier(None, CENT.unit))), {0, 1, 10, 11, 12}),
        (Graduated((Tier(Decimal(90), CENT.unit), Tier(None, CENT.unit))), {0, 1}),
        (Package(Decimal(20), Money(1), Decimal(5)), {0, 1, 5, 6, 25, 26, 45, 46}),
        (Package(Decimal(20), Money(1), Decimal(500)), {0, 1}),
        (Bounded(CENT, Money(100_000), Money(300_000)), {0, 1, 10, 30}),
        (Bounded(CENT, maximum=Money(300_000)), {0, 1, 30}),
        (Bounded(CENT, maximum=Money(10**9)), {0, 1}),
    ],
)
def test_a_price_is_cut_where_it_bends(model: Model, points: set[int]) -> None:
    assert bends(model, 50, OURS) == points


wholes = st.integers(0, 60)
tiers = st.builds(
    lambda ups, units, fees: tuple(
        Tier(up, Rate(unit), Money(fee)) for up, unit, fee in zip([*ups, None], units, fees, strict=True)
    ),
    st.sets(st.integers(1, 120), min_size=2, max_size=2).map(lambda ups: [Decimal(up) / 2 for up in sorted(ups)]),
    st.lists(st.integers(0, 9), min_size=3, max_size=3),
    st.lists(st.integers(0, 40), min_size=3, max_size=3),
)
simple: st.SearchStrategy[Model] = st.one_of(
    st.builds(PerUnit, st.integers(0, 9).map(Rate)),
    st.builds(FlatFee, st.integers(0, 99).map(Money), st.booleans()),
    st.builds(Graduated, tiers),
    st.builds(Volume, tiers),
    st.builds(Package, st.integers(1, 20).map(Decimal), st.integers(0, 50).map(Money), wholes.map(Decimal)),
)
bounded: st.SearchStrategy[Model] = st.builds(
    lambda model, low, more, always: Bounded(model, Money(low), Money(low + more), always),
    simple,
    st.integers(0, 99),
    st.integers(0, 99),
    st.booleans(),
)
models = st.one_of(simple, bounded, st.builds(Included, wholes.map(Decimal), st.one_of(simple, bounded)))
conventions = st.builds(Conventions, up_to_is_inside=st.booleans(), fee_without_use=st.booleans())


@given(models, conventions)
def test_between_two_cuts_a_price_is_a_straight_line(model: Model, how: Conventions) -> None:
    limit = 100
    cuts = bends(model, limit, how)
    costs = [price(model, n, how).amount.micros for n in range(limit + 1)]
    for n in range(2, limit + 1):
        if n not in cuts and n - 1 not in cuts:
            assert costs[n] - costs[n - 1] == costs[n - 1] - costs[n - 2]


@given(models, models, st.integers(-60, 60), conventions)
def test_the_search_finds_what_trying_every_number_finds(a: Model, b: Model, fee: int, how: Conventions) -> None:
    limit = 90

    def difference(n: int) -> int:
        return (price(a, n, how).amount - price(b, n, how).amount).micros + fee

    dearer = [n for n in range(limit + 1) if difference(n) < 0]
    expected = 0 if not dearer else None if dearer[-1] == limit else dearer[-1] + 1
    assert no_dearer_from(difference, bends(a, limit, how) | bends(b, limit, how), limit) == expected
