"""Details of the money rules that no other test would miss: another currency, another convention, a line left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from services.api.money import Money, Rate, split_largest_remainder
from services.domain import invoicing, movements, pricing, proration, rating, wallet
from services.domain.discounts import Coupon, Discountable, apply
from services.domain.discounts import Rounding as Where
from services.domain.invoicing import Conventions, Item, compose
from services.domain.periods import Period
from services.domain.pricing import Graduated, PerUnit, Tier, Volume
from services.domain.proration import Basis, Convention
from services.domain.taxes import TaxKind, Treatment
from services.domain.wallet import Grant, GrantKind, Share

START = datetime(2026, 1, 1, tzinfo=UTC)
YEN = Money(5_000_000, "JPY")
TAXED = Treatment(TaxKind.STANDARD, rate=Fraction(19, 100), name="VAT")


def euros(text: str) -> Money:
    return Money.parse(text, "EUR")


def test_weights_are_needed_and_none_is_below_zero() -> None:
    for weights in ([], [0, 0], [3, -1], [-1]):
        with pytest.raises(ValueError, match="weights"):
            split_largest_remainder(10, weights)


def test_credit_in_another_currency_is_drawn_and_given_back_in_it() -> None:
    grant = Grant("g", GrantKind.PAID, YEN, YEN, 1, START, None, START)
    drawn = wallet.draw([grant], Money(2_000_000, "JPY"), START)
    assert drawn.shares == (Share("g", GrantKind.PAID, Money(2_000_000, "JPY")),)
    assert wallet.give_back(drawn.shares, Money(1_000_000, "JPY")) == (
        Share("g", GrantKind.PAID, Money(1_000_000, "JPY")),
    )


def test_shares_of_events_have_the_currency_of_their_terms() -> None:
    terms = rating.Terms("p", PerUnit(Rate(10_000, 1, "EUR")), Decimal(0))
    events = [rating.Event(str(n), START) for n in range(3)]
    shares = rating.events_of(events, terms, (START, START + timedelta(days=1)), "usage.1")
    assert [share.amount for share in shares] == [euros("0.01")] * 3


def test_tiers_that_are_rounded_together_keep_their_currency() -> None:
    model = Graduated((Tier(Decimal(1), Rate(3, 2, "EUR")), Tier(None, Rate(5, 3, "EUR"))))
    whole = pricing.price(model, 4, pricing.Conventions(rounding=pricing.Rounding.TOTAL))
    assert whole.amount.currency == "EUR"
    assert {part.amount.currency for part in whole.parts} == {"EUR"}
    assert sum(part.amount.micros for part in whole.parts) == whole.amount.micros


def test_what_is_left_of_a_period_keeps_its_currency() -> None:
    period = Period(START, START + timedelta(days=30))
    assert proration.remaining_charge(euros("30"), period, START + timedelta(days=10)) == euros("20")


def test_used_and_unused_go_by_the_same_convention() -> None:
    period, at = Period(START, START + timedelta(days=30)), START + timedelta(days=10, hours=12)
    price = Money.parse("30")
    by_day = Convention(basis=Basis.DAY)
    assert proration.used_charge(price, period, at, by_day) != proration.used_charge(price, period, at)
    left = proration.remaining_charge(price, period, at, by_day)
    assert proration.used_charge(price, period, at, by_day) + left == price
    settled = proration.settle(price, price, period, at, paid=price, already_credited=Money(0), convention=by_day)
    assert settled.charge == left


def test_a_call_is_priced_by_the_conventions_of_its_terms() -> None:
    tiers = Volume((Tier(Decimal(10), Rate(1_000_000)), Tier(None, Rate(500_000))))
    conventions = pricing.Conventions(up_to_is_inside=False)
    ours, theirs = (rating.Terms("p", tiers, Decimal(0), conventions=one) for one in (pricing.OURS, conventions))
    assert rating.cost_of_call(ours, 9) == Money.parse("1")
    assert rating.cost_of_call(theirs, 9) == Money.parse("-4")
    period = (START, START + timedelta(days=1))
    events = [rating.Event(f"{n:02}", START) for n in range(10)]
    assert sum(line.amount.micros for line in rating.rate(events, theirs, period) if not line.parent) == (
        pricing.price(tiers, 10, conventions).amount.micros
    )


def test_a_coupon_that_fits_nothing_leaves_the_next_one_alone() -> None:
    items = [Discountable("a", Money.parse("10"), "agent")]
    coupons = [
        Coupon("OTHER", percent=Decimal(50), offerings=frozenset({"other"})),
        Coupon("MINE", percent=Decimal(10)),
    ]
    assert [(share.coupon, share.amount) for share in apply(items, coupons)] == [("MINE", Money.parse("1"))]


def test_a_percentage_rounded_on_each_line_is_not_cut_again() -> None:
    items = [Discountable(name, Money.parse("0.05")) for name in "abc"]
    half = Coupon("HALF", percent=Decimal(50))
    assert [share.amount.minor for share in apply(items, [half], rounding=Where.LINE)] == [3, 3, 3]
    assert [share.amount.minor for share in apply(items, [half])] == [3, 3, 2]


def test_tax_inside_the_price_is_also_found_line_by_line() -> None:
    items = [Item(name, euros("1.19")) for name in "ab"]
    by_line = compose(items, currency="EUR", treatment=TAXED, inclusive=True, conventions=Conventions(tax=Where.LINE))
    assert (by_line.tax_total, by_line.taxable, by_line.total) == (euros("0.38"), euros("2.00"), euros("2.38"))


def test_a_line_of_nothing_gets_no_part_of_a_discount_or_credit() -> None:
    items = [Item("free", Money(0)), Item("paid", Money.parse("0.01")), Item("back", -Money.parse("0"))]
    whole = compose(items, currency="USD", credit_available=Money.parse("1"))
    assert [line.credit.minor for line in whole.lines] == [0, 1, 0]


def test_negative_credit_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="credit"):
        compose([Item("a", Money.parse("1"))], currency="USD", credit_available=-Money.parse("1"))


def test_an_invoice_that_takes_more_credit_than_it_sells_is_refused() -> None:
    stamp = movements.Stamp("o", "k", START)
    share = Share("g", GrantKind.PAID, Money.parse("2"))
    with pytest.raises(ValueError, match="credit applied"):
        movements.issue_invoice(
            stamp, revenue=Money.parse("1"), deferred=Money(0), tax=Money.parse("1"), credits_applied=[share]
        )


def test_late_usage_may_also_lower_what_was_billed() -> None:
    assert invoicing.late(Money(14_999), Money(4_999)) == Money(-10_000)
