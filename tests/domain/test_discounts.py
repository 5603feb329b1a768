"""Coupons: who may use one, what it takes off each item to the cent, and how long it lasts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import EXPONENTS, CurrencyMismatch, Money
from services.domain.discounts import (
    Coupon,
    Discountable,
    DiscountShare,
    Duration,
    Redemption,
    Rounding,
    apply,
    periods_left,
    problem,
    spread,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ENTERED = Redemption(NOW, "USD", ("desk", "sales"))


def money(text: str, currency: str = "USD") -> Money:
    return Money.parse(text, currency)


def percent(text: str, code: str = "P", *offerings: str) -> Coupon:
    return Coupon(code, percent=Decimal(text), offerings=frozenset(offerings))


def fixed(text: str, code: str = "F", *offerings: str, currency: str = "USD") -> Coupon:
    return Coupon(code, amount=money(text, currency), offerings=frozenset(offerings))


def items(*amounts: str, currency: str = "USD") -> list[Discountable]:
    """Items a, b, c ... of offerings A, B, C ..."""
    return [Discountable("abcdef"[i], money(text, currency), "ABCDEF"[i]) for i, text in enumerate(amounts)]


def taken(found: tuple[DiscountShare, ...]) -> str:
    return " ".join(f"{share.coupon}:{share.item}={share.amount.decimal().rstrip('0').rstrip('.')}" for share in found)


# ---- a coupon that can be kept


@pytest.mark.parametrize("text", ["0", "-1", "100.01", "NaN", "Infinity", "-Infinity"])
def test_a_percentage_is_above_0_and_at_most_100(text: str) -> None:
    with pytest.raises(ValueError, match="percentage is above 0"):
        percent(text)


@pytest.mark.parametrize(("text", "why"), [("0", "above 0"), ("-5", "above 0"), ("0.001", "whole minor units")])
def test_a_fixed_amount_is_whole_cents_above_0(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fixed(text)


def test_a_coupon_is_either_a_percentage_or_an_amount() -> None:
    with pytest.raises(ValueError, match="percentage or an amount"):
        Coupon("X")
    with pytest.raises(ValueError, match="percentage or an amount"):
        Coupon("X", percent=Decimal(5), amount=money("5"))


@pytest.mark.parametrize(
    ("duration", "months"),
    [(Duration.ONCE, 1), (Duration.FOREVER, 3), (Duration.MONTHS, 0), (Duration.MONTHS, -1), (Duration.ONCE, -1)],
)
def test_only_a_coupon_for_months_has_months(duration: Duration, months: int) -> None:
    with pytest.raises(ValueError, match="a number of months"):
        Coupon("X", percent=Decimal(5), duration=duration, months=months)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_at_least_one(limit: int) -> None:
    for broken in ({"max_redemptions": limit}, {"max_per_customer": limit}):
        with pytest.raises(ValueError, match="at least 1"):
            replace(percent("5"), **broken)  # type: ignore[arg-type]
    assert replace(percent("100"), max_redemptions=1, max_per_customer=1).percent == 100


# ---- may it be used


LIMITED = replace(percent("20"), max_redemptions=10, max_per_customer=2)


@pytest.mark.parametrize(
    ("coupon", "context", "code"),
    [(percent("20"), ENTERED, None),
     (replace(percent("20"), starts_at=NOW), ENTERED, None),
     (replace(percent("20"), starts_at=NOW + TICK), ENTERED, "not_yet"),
     (replace(percent("20"), expires_at=NOW + TICK), ENTERED, None),
     (replace(percent("20"), expires_at=NOW), ENTERED, "expired"),
     (replace(percent("20"), expires_at=NOW - TICK), ENTERED, "expired"),
     (fixed("5"), ENTERED, None),
     (fixed("5", currency="EUR"), ENTERED, "wrong_currency"),
     (fixed("5", currency="EUR"), replace(ENTERED, currency="EUR"), None),
     (percent("20"), replace(ENTERED, currency="JPY"), None),
     (percent("20", "P", "sales", "tutor"), ENTERED, None),
     (percent("20", "P", "tutor"), ENTERED, "not_for_this"),
     (percent("20", "P", "tutor"), replace(ENTERED, offerings=()), "not_for_this"),
     (LIMITED, replace(ENTERED, redeemed=9), None),
     (LIMITED, replace(ENTERED, redeemed=10), "exhausted"),
     (LIMITED, replace(ENTERED, redeemed=11), "exhausted"),
     (LIMITED, replace(ENTERED, redeemed_by_customer=1), None),
     (LIMITED, replace(ENTERED, redeemed_by_customer=2), "already_used"),
     (LIMITED, replace(ENTERED, redeemed=10, redeemed_by_customer=2), "already_used"),
     (replace(percent("20"), max_redemptions=1, max_per_customer=1), ENTERED, None),
     (percent("20"), replace(ENTERED, redeemed=10**6, redeemed_by_customer=10**6), None)],
)  # fmt: skip
def test_what_stands_against_a_coupon(coupon: Coupon, context: Redemption, code: str | None) -> None:
    assert problem(coupon, context) == code


@pytest.mark.parametrize(
    ("duration", "months", "used", "per_period", "left"),
    [(Duration.ONCE, 0, 0, 1, 1), (Duration.ONCE, 0, 1, 1, 0), (Duration.ONCE, 0, 2, 1, 0),
     (Duration.ONCE, 0, 0, 12, 1),
     (Duration.MONTHS, 3, 0, 1, 3), (Duration.MONTHS, 3, 2, 1, 1), (Duration.MONTHS, 3, 3, 1, 0),
     (Duration.MONTHS, 3, 4, 1, 0), (Duration.MONTHS, 3, 0, 12, 1), (Duration.MONTHS, 12, 0, 12, 1),
     (Duration.MONTHS, 13, 0, 12, 2), (Duration.MONTHS, 13, 1, 12, 1), (Duration.FOREVER, 0, 99, 1, None)],
)  # fmt: skip
def test_how_many_periods_a_coupon_still_covers(
    duration: Duration, months: int, used: int, per_period: int, left: int | None
) -> None:
    coupon = Coupon("X", percent=Decimal(5), duration=duration, months=months)
    assert periods_left(coupon, used, per_period) == left


def test_durations_have_the_names_they_are_stored_under() -> None:
    assert [duration.value for duration in Duration] == ["once", "months", "forever"]
    assert [rounding.value for rounding in Rounding] == ["total", "line"]


def test_a_period_is_a_month_unless_said_otherwise() -> None:
    assert periods_left(Coupon("X", percent=Decimal(5), duration=Duration.MONTHS, months=4), 1) == 3


# ---- what it takes off


@pytest.mark.parametrize(
    ("amounts", "coupons", "shares"),
    [(["99"], [percent("20")], "P:a=19.8"),
     (["99"], [percent("12.5")], "P:a=12.38"),  # 12.375
     (["29"], [percent("33.333")], "P:a=9.67"),  # 9.66657
     (["99"], [percent("100")], "P:a=99"),
     (["0.01"], [percent("50")], "P:a=0.01"),  # half a cent goes away from zero
     (["0.01"], [percent("49.9")], ""),
     (["10", "10", "10"], [percent("33.35")], "P:a=3.34 P:b=3.34 P:c=3.33"),  # 10.005 -> 10.01
     (["29", "99", "0.5"], [percent("10")], "P:a=2.9 P:b=9.9 P:c=0.05"),
     (["99"], [fixed("20")], "F:a=20"),
     (["99"], [fixed("99")], "F:a=99"),
     (["99"], [fixed("99.01")], "F:a=99"),
     (["1", "1", "1"], [fixed("1")], "F:a=0.34 F:b=0.33 F:c=0.33"),
     (["29", "99"], [fixed("10")], "F:a=2.27 F:b=7.73"),  # 2.2656, 7.7344
     # percent first, then fixed, whatever the order they were entered in
     (["100"], [fixed("20"), percent("10")], "P:a=10 F:a=20"),
     (["100"], [percent("10"), percent("10", "Q")], "P:a=10 Q:a=9"),
     (["100"], [percent("10", "Q"), percent("20")], "Q:a=10 P:a=18"),
     (["100"], [fixed("60"), fixed("60", "G")], "F:a=60 G:a=40"),
     (["100"], [percent("100"), fixed("5")], "P:a=100"),
     # only what it is for
     (["29", "99"], [percent("50", "P", "B")], "P:b=49.5"),
     (["29", "99"], [fixed("50", "F", "A")], "F:a=29"),
     (["29", "99"], [fixed("50", "F", "Z")], ""),
     # a credit line keeps its amount
     (["-40", "99"], [percent("10")], "P:b=9.9"),
     (["0", "-40"], [fixed("10")], ""),
     ([], [fixed("10")], ""),
     (["29"], [], "")],
)  # fmt: skip
def test_what_coupons_take_off_each_item(amounts: list[str], coupons: list[Coupon], shares: str) -> None:
    assert taken(apply(items(*amounts), coupons)) == shares


@pytest.mark.parametrize(
    ("amounts", "currency", "coupon", "shares"),
    [(["1000", "205"], "JPY", percent("10"), "P:a=100 P:b=21"),  # 120.5 -> 121: 100.4 and 20.58
     (["5"], "JPY", percent("10"), "P:a=1"), (["4"], "JPY", percent("10"), ""),
     (["1.234"], "KWD", percent("12.5"), "P:a=0.154"),
     (["1", "2"], "KWD", fixed("0.1", currency="KWD"), "F:a=0.033 F:b=0.067")],
)  # fmt: skip
def test_currencies_without_or_with_three_decimals(
    amounts: list[str], currency: str, coupon: Coupon, shares: str
) -> None:
    assert taken(apply(items(*amounts, currency=currency), [coupon])) == shares


@pytest.mark.parametrize(
    ("amounts", "coupons", "at_most", "shares"),
    [(["100"], [percent("50")], "20", "P:a=20"), (["100"], [percent("50")], "50", "P:a=50"),
     (["100"], [percent("50")], "0", ""), (["100"], [percent("10"), fixed("20")], "25", "P:a=10 F:a=15"),
     (["50", "50"], [fixed("30")], "5", "F:a=2.5 F:b=2.5"), (["100"], [fixed("30")], "30.01", "F:a=30")],
)  # fmt: skip
def test_nothing_is_taken_below_zero_where_other_lines_are_credits(
    amounts: list[str], coupons: list[Coupon], at_most: str, shares: str
) -> None:
    assert taken(apply(items(*amounts), coupons, at_most=money(at_most))) == shares


def test_a_percentage_may_be_rounded_on_every_line_instead() -> None:
    three = items("0.05", "0.05", "0.05")
    assert taken(apply(three, [percent("10")])) == "P:a=0.01 P:b=0.01"  # 1.5 cents are 2
    assert taken(apply(three, [percent("10")], rounding=Rounding.LINE)) == "P:a=0.01 P:b=0.01 P:c=0.01"
    capped = apply(three, [percent("10")], rounding=Rounding.LINE, at_most=money("0.02"))
    assert taken(capped) == "P:a=0.01 P:b=0.01"
    just = apply(three, [percent("10")], rounding=Rounding.LINE, at_most=money("0.03"))
    assert taken(just) == "P:a=0.01 P:b=0.01 P:c=0.01"
    uneven = apply(items("0.05", "0.15"), [percent("10")], rounding=Rounding.LINE, at_most=money("0.03"))
    assert taken(uneven) == "P:a=0.01 P:b=0.02"
    assert taken(apply(three, [fixed("0.01")], rounding=Rounding.LINE)) == "F:a=0.01"


def test_an_item_may_be_kept_out() -> None:
    kept = replace(items("50")[0], is_discountable=False)
    assert taken(apply([kept, *items("1", "50")[1:]], [percent("10")])) == "P:b=5"


def test_what_cannot_be_split_exactly_is_refused() -> None:
    with pytest.raises(ValueError, match="one id"):
        apply([*items("1"), *items("2")], [])
    with pytest.raises(ValueError, match="whole minor units"):
        apply(items("0.008"), [percent("10")])
    with pytest.raises(CurrencyMismatch):
        apply(items("29"), [fixed("5", currency="EUR")])
    assert spread(money("1"), [money("0"), money("2"), money("1")]) == [money("0"), money("0.67"), money("0.33")]


amounts_of = st.lists(st.integers(-5_000, 50_000), max_size=6)
coupons_of = st.lists(
    st.one_of(
        st.builds(lambda n: percent(str(Decimal(n) / 1000)), st.integers(1, 100_000)),
        st.builds(lambda n: ("amount", n), st.integers(1, 60_000)),
    ),
    max_size=4,
)


@given(
    amounts_of, coupons_of, st.sampled_from(sorted(EXPONENTS)), st.sampled_from(list(Rounding)), st.integers(0, 90_000)
)
def test_shares_add_up_and_never_take_an_item_below_zero(
    amounts: list[int], drawn: list[Coupon | tuple[str, int]], currency: str, rounding: Rounding, cap: int
) -> None:
    unit = Money.zero(currency).minor_unit
    goods = [Discountable(str(i), Money(n * unit, currency)) for i, n in enumerate(amounts)]
    coupons = [c if isinstance(c, Coupon) else Coupon("F", amount=Money(c[1] * unit, currency)) for c in drawn]
    shares = apply(goods, coupons, rounding=rounding, at_most=Money(cap * unit, currency))
    assert all(share.amount.minor > 0 for share in shares)
    assert sum(share.amount.minor for share in shares) <= cap
    for good in goods:
        off = sum(share.amount.minor for share in shares if share.item == good.id)
        assert off <= max(0, good.amount.minor)


@given(st.lists(st.integers(1, 50_000), min_size=1, max_size=8), st.integers(1, 100_000))
def test_the_parts_of_a_percentage_are_the_percentage_of_the_sum(amounts: list[int], thousandths: int) -> None:
    goods = [Discountable(str(i), Money(n * 10_000)) for i, n in enumerate(amounts)]
    shares = apply(goods, [percent(str(Decimal(thousandths) / 1000))])
    worth = Money(sum(amounts) * 10_000)
    assert sum((share.amount for share in shares), Money.zero()) == worth.share(thousandths, 100_000)
