"""Prepaid credit: who pays first, what comes back, what expires, when to warn, which codes are good."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import CurrencyMismatch, Money
from services.domain.wallet import (
    BURN_ORDER,
    AlertState,
    CreditCode,
    Grant,
    GrantKind,
    Share,
    after_draw,
    after_return,
    alert,
    balance_at,
    by_age,
    by_id,
    by_kind,
    code_problem,
    draw,
    empty_on,
    expired,
    give_back,
    in_order,
    redeemed,
    refundable,
    total,
    usable_at,
    whole_minor,
)

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)


def usd(text: str) -> Money:
    return Money.parse(text)


def grant(name: str, amount: str = "10", **given: Any) -> Grant:
    base = Grant(name, GrantKind.PAID, usd(amount), usd(amount), 0, NOW - DAY, None, NOW - DAY)
    return replace(base, **given)


def plain(shares: tuple[Share, ...]) -> list[tuple[str, str]]:
    return [(share.grant_id, share.amount.decimal(6).rstrip("0").rstrip(".")) for share in shares]


# ---- order


def test_grants_burn_by_priority_then_expiry_then_promotional_then_age_then_id() -> None:
    grants = [
        grant("i_never_b"),
        grant("h_never_a"),
        grant("g_never_old", created_at=NOW - 2 * DAY),
        grant("f_never_promo", kind=GrantKind.PROMOTIONAL),
        grant("e_later_promo", kind=GrantKind.PROMOTIONAL, expires_at=NOW + 2 * DAY),
        grant("d_soon_paid", expires_at=NOW + DAY, created_at=NOW - 9 * DAY),
        grant("c_soon_promo", expires_at=NOW + DAY, kind=GrantKind.PROMOTIONAL),
        grant("b_second", priority=-1),
        grant("a_first", priority=-2),
    ]
    names = [each.id[0] for each in in_order(grants)]
    assert names == list("abcdefghi") == [each.id[0] for each in in_order(reversed(grants))]


def test_another_order_may_be_asked_for() -> None:
    old_paid = grant("old", created_at=NOW - 9 * DAY)
    promo = grant("promo", kind=GrantKind.PROMOTIONAL)
    assert [each.id for each in in_order([old_paid, promo])] == ["promo", "old"]
    assert [each.id for each in in_order([promo, old_paid], (by_age, by_kind, by_id))] == ["old", "promo"]
    assert plain(draw([promo, old_paid], usd("1"), NOW, (by_age,)).shares) == [("old", "1")]


# ---- when a grant may pay


@pytest.mark.parametrize(
    ("at", "usable"),
    [(NOW - TICK, False), (NOW, True), (NOW + DAY - TICK, True), (NOW + DAY, False), (NOW + DAY + TICK, False)],
)
def test_a_grant_pays_from_its_effective_instant_up_to_but_not_at_its_expiry(at: datetime, usable: bool) -> None:
    one = grant("a", effective_at=NOW, expires_at=NOW + DAY)
    assert usable_at(one, at) is usable
    assert balance_at([one], at, "USD") == (usd("10") if usable else usd("0"))
    assert plain(draw([one], usd("4"), at).shares) == ([("a", "4")] if usable else [])


def test_a_grant_that_never_expires_or_has_nothing_left() -> None:
    assert usable_at(grant("a"), NOW + 9999 * DAY)
    assert usable_at(grant("a", left=Money(1)), NOW)
    assert not usable_at(grant("a", left=Money(0)), NOW)


@pytest.mark.parametrize("left", [usd("-0.000001"), usd("10.000001")])
def test_a_grant_cannot_hold_less_than_nothing_or_more_than_it_was_given(left: Money) -> None:
    with pytest.raises(ValueError, match="lies between"):
        grant("a", left=left)


def test_a_grant_has_one_currency() -> None:
    with pytest.raises(CurrencyMismatch):
        grant("a", left=Money(1, "EUR"))


# ---- drawing


def test_a_draw_goes_from_grant_to_grant_and_says_what_is_missing() -> None:
    grants = [grant("b", "5"), grant("a", "2", priority=-1)]
    assert draw(grants, usd("0"), NOW).shares == ()
    assert plain(draw(grants, usd("2"), NOW).shares) == [("a", "2")]
    some = draw(grants, usd("3.000001"), NOW)
    assert (plain(some.shares), some.missing) == ([("a", "2"), ("b", "1.000001")], usd("0"))
    short = draw(grants, usd("7.5"), NOW)
    assert (plain(short.shares), short.missing) == ([("a", "2"), ("b", "5")], usd("0.5"))


def test_a_share_knows_whether_it_was_paid_for() -> None:
    shares = draw([grant("a", "1", kind=GrantKind.PROMOTIONAL), grant("b")], usd("2"), NOW).shares
    assert [share.kind for share in shares] == [GrantKind.PROMOTIONAL, GrantKind.PAID]


def test_credit_in_another_currency_never_pays() -> None:
    euros = replace(grant("e"), amount=Money.parse("9", "EUR"), left=Money.parse("9", "EUR"), priority=-1)
    assert plain(draw([euros, grant("a")], usd("1"), NOW).shares) == [("a", "1")]
    assert balance_at([euros, grant("a")], NOW, "EUR") == Money.parse("9", "EUR")
    assert balance_at([], NOW, "JPY") == Money.zero("JPY")


def test_a_negative_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        draw([grant("a")], Money(-1), NOW)


# ---- giving back


def test_what_comes_back_starts_with_the_last_drawn() -> None:
    shares = draw([grant("a", "2"), grant("b", "2"), grant("c", "2")], usd("5"), NOW).shares
    assert plain(give_back(shares, usd("0"))) == []
    assert plain(give_back(shares, usd("1"))) == [("c", "1")]
    assert plain(give_back(shares, usd("2.5"))) == [("c", "1"), ("b", "1.5")]
    assert plain(give_back(shares, usd("5"))) == [("c", "1"), ("b", "2"), ("a", "2")]
    assert {share.kind for share in give_back(shares, usd("5"))} == {GrantKind.PAID}


@pytest.mark.parametrize("amount", [Money(-1), usd("5.000001")])
def test_no_more_comes_back_than_was_drawn(amount: Money) -> None:
    shares = draw([grant("a")], usd("5"), NOW).shares
    with pytest.raises(ValueError, match="no more comes back"):
        give_back(shares, amount)


def test_shares_are_taken_from_and_put_back_to_their_own_grants() -> None:
    grants = (grant("a", "2"), grant("b", "2"), grant("c", "2"))
    drawn = draw(grants, usd("3"), NOW)
    left = after_draw(grants, drawn.shares)
    assert [each.left for each in left] == [usd("0"), usd("1"), usd("2")]
    assert after_return(left, give_back(drawn.shares, usd("3"))) == grants
    with pytest.raises(ValueError, match="grant a"):
        after_draw(left, drawn.shares)
    with pytest.raises(ValueError, match="grant a"):
        after_return(grants, drawn.shares)


@st.composite
def wallets(make: st.DrawFn) -> tuple[Grant, ...]:
    count = make(st.integers(0, 6))
    instants = st.integers(-3, 3).map(lambda hours: NOW + timedelta(hours=hours))
    grants = []
    for index in range(count):
        amount = make(st.integers(0, 20))
        grants.append(
            Grant(
                f"g{index}",
                make(st.sampled_from(GrantKind)),
                Money(amount),
                Money(make(st.integers(0, amount))),
                make(st.integers(0, 1)),
                make(instants),
                make(st.none() | instants),
                make(instants),
            )
        )
    return tuple(make(st.permutations(grants)))


@given(wallets(), st.integers(0, 120))
def test_a_draw_is_exact_and_never_takes_more_than_there_is(grants: tuple[Grant, ...], micros: int) -> None:
    balance = balance_at(grants, NOW, "USD")
    drawn = draw(grants, Money(micros), NOW)
    taken = total(drawn.shares, "USD")
    assert taken + drawn.missing == Money(micros)
    assert taken == min(balance, Money(micros))
    assert all(share.amount.micros > 0 for share in drawn.shares)
    assert balance_at(after_draw(grants, drawn.shares), NOW, "USD") == balance - taken


@given(wallets(), st.lists(st.integers(0, 30), max_size=6))
def test_burning_in_one_run_is_burning_in_any_cut_into_runs(grants: tuple[Grant, ...], cuts: list[int]) -> None:
    at_once = draw(grants, Money(sum(cuts)), NOW)
    stepwise, missing = grants, Money(0)
    for micros in cuts:
        part = draw(stepwise, Money(micros), NOW)
        stepwise, missing = after_draw(stepwise, part.shares), missing + part.missing
    assert stepwise == after_draw(grants, at_once.shares)
    assert missing == at_once.missing


@given(wallets(), st.integers(0, 60), st.integers(0, 60))
def test_giving_back_a_part_is_having_drawn_less(grants: tuple[Grant, ...], first: int, second: int) -> None:
    balance = balance_at(grants, NOW, "USD").micros
    more, less = min(max(first, second), balance), min(first, second, balance)
    shares = draw(grants, Money(more), NOW).shares
    back = give_back(shares, Money(more - less))
    assert after_return(after_draw(grants, shares), back) == after_draw(grants, draw(grants, Money(less), NOW).shares)


# ---- expiry and refund


def test_remainders_expire_at_the_expiry_instant() -> None:
    grants = [
        grant("over", left=usd("3"), expires_at=NOW, kind=GrantKind.PROMOTIONAL),
        grant("over_paid", left=Money(1), expires_at=NOW - DAY),
        grant("used_up", left=usd("0"), expires_at=NOW),
        grant("alive", expires_at=NOW + TICK),
        grant("for_ever"),
    ]
    shares = expired(grants, NOW)
    assert plain(shares) == [("over", "3"), ("over_paid", "0.000001")]
    assert [share.kind for share in shares] == [GrantKind.PROMOTIONAL, GrantKind.PAID]


@pytest.mark.parametrize(
    ("amount", "currency", "whole"),
    [("3.128", "USD", "3.12"), ("3.125", "USD", "3.12"), ("3.12", "USD", "3.12"), ("3.121", "USD", "3.12"),
     ("0.009999", "USD", "0"), ("0.01", "USD", "0.01"), ("7.9", "JPY", "7"), ("1.2345", "KWD", "1.234")],
)  # fmt: skip
def test_only_whole_minor_units_leave_for_a_card(amount: str, currency: str, whole: str) -> None:
    assert whole_minor(Money.parse(amount, currency)) == Money.parse(whole, currency)


def test_unused_paid_credit_is_refundable_within_what_was_paid_for_it() -> None:
    grants = [
        grant("untouched"),
        grant("used", left=usd("3.128")),
        grant("bonus", "12"),
        grant("gift"),
        grant("promo", kind=GrantKind.PROMOTIONAL),
        grant("over", expires_at=NOW),
        grant("dust", left=usd("0.009")),
        grant("cent", left=usd("0.01")),
        grant("future", effective_at=NOW + DAY),
    ]
    paid = {name: usd("10") for name in ("untouched", "used", "bonus", "promo", "over", "dust", "cent", "future")}
    assert plain(refundable(grants, paid, NOW)) == [
        ("untouched", "10"), ("used", "3.12"), ("bonus", "10"), ("cent", "0.01"), ("future", "10")
    ]  # fmt: skip
    assert {share.kind for share in refundable(grants, paid, NOW)} == {GrantKind.PAID}
    assert plain(refundable(grants[:1], {"untouched": usd("4")}, NOW)) == [("untouched", "4")]


# ---- warnings


@pytest.mark.parametrize(
    ("previous", "balance", "threshold", "state", "fired"),
    [
        ("armed", "10", "10", "armed", False),
        ("armed", "9.999999", "10", "fired", True),
        ("armed", "0", "10", "fired", True),
        ("fired", "0", "10", "fired", False),
        ("fired", "11.999999", "10", "fired", False),
        ("fired", "12", "10", "armed", False),  # 20 % of $10 is $2
        ("fired", "3.999999", "3", "fired", False),
        ("fired", "4", "3", "armed", False),  # 20 % of $3 is $0.60, so $1
        ("fired", "6", "5", "armed", False),  # where both are the same
        ("fired", "6.059999", "5.05", "fired", False),  # $1.01
        ("fired", "6.06", "5.05", "armed", False),
    ],
)
def test_the_alert_fires_once_and_is_silent_until_the_balance_has_clearly_recovered(
    previous: str, balance: str, threshold: str, state: str, fired: bool
) -> None:
    assert alert(AlertState(previous), usd(balance), usd(threshold)) == (AlertState(state), fired)


def test_the_margin_is_a_hundred_minor_units_in_any_currency() -> None:
    low = Money.parse("100", "JPY")
    assert alert(AlertState.FIRED, Money.parse("199", "JPY"), low) == (AlertState.FIRED, False)
    assert alert(AlertState.FIRED, Money.parse("200", "JPY"), low) == (AlertState.ARMED, False)


@given(st.lists(st.integers(0, 3_000_000), max_size=30))
def test_between_two_alerts_the_balance_was_clearly_above(balances: list[int]) -> None:
    threshold, state, highest = usd("1"), AlertState.ARMED, usd("9")
    for micros in balances:
        balance = Money(micros)
        highest = max(highest, balance)
        state, fired = alert(state, balance, threshold)
        if fired:
            assert balance < threshold
            assert not highest < usd("2")
            highest = balance


# ---- pace


@pytest.mark.parametrize(
    ("spend", "balance", "wait"),
    [
        (["1"] * 14, "7", 7 * DAY),
        (["14"] + ["0"] * 13, "7", 7 * DAY),
        (["100"] + ["1"] * 14, "7", 7 * DAY),  # the fifteenth day back counts no more
        (["2"], "1", DAY / 2),
        (["0", "2"], "1", DAY),
        (["3"], "1", DAY / 3),
        (["0.000001"], "0.000001", DAY),
        (["0.000003"], "0.000001", DAY / 3),
        (["1"], "0.000001", timedelta(microseconds=86_400)),
        (["1"], "0", timedelta(0)),
        ([], "0", timedelta(0)),
        (["1"], "-1", timedelta(0)),
    ],
)
def test_the_wallet_is_empty_at_the_pace_of_the_last_two_weeks(spend: list[str], balance: str, wait: timedelta) -> None:
    assert empty_on([usd(each) for each in spend], usd(balance), NOW) == NOW + wait


def test_nothing_spent_means_no_date() -> None:
    assert empty_on([], usd("5"), NOW) is None
    assert empty_on([usd("0")] * 14, usd("5"), NOW) is None
    assert empty_on([usd("-1")], usd("5"), NOW) is None


def test_a_date_beyond_the_calendar_is_no_date() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    day = [usd("1")]
    assert empty_on(day, usd("2"), last - 2 * DAY) == last
    assert empty_on(day, usd("2"), last - 2 * DAY + TICK) is None
    assert empty_on([Money(1)], Money(10**15), NOW) is None


def test_the_pace_is_rounded_half_away_to_the_microsecond() -> None:
    assert empty_on([Money(518_400_000)], Money(1), NOW) == NOW + timedelta(microseconds=167)  # 166.67
    assert empty_on([Money(172_800_000_000)], Money(1), NOW) == NOW + TICK  # half a microsecond


# ---- codes


def code(**given: Any) -> CreditCode:
    return replace(CreditCode("WELCOME", GrantKind.PROMOTIONAL, usd("5"), 3, NOW - DAY, NOW + DAY, 30, -1), **given)


@pytest.mark.parametrize(
    ("at", "currency", "count", "used_before", "problem"),
    [
        (NOW, "USD", 0, False, None),
        (NOW + DAY - TICK, "USD", 2, False, None),
        (NOW - DAY, "USD", 0, False, None),
        (NOW - DAY - TICK, "EUR", 3, True, "not_yet"),
        (NOW + DAY, "USD", 0, False, "expired"),
        (NOW + DAY, "EUR", 3, True, "expired"),
        (NOW, "EUR", 3, True, "wrong_currency"),
        (NOW, "USD", 3, True, "already_used"),
        (NOW, "USD", 3, False, "exhausted"),
        (NOW, "USD", 4, False, "exhausted"),
    ],
)
def test_a_code_says_why_it_is_no_good(
    at: datetime, currency: str, count: int, used_before: bool, problem: str | None
) -> None:
    assert code_problem(code(), currency=currency, redeemed=count, used_before=used_before, at=at) == problem


def test_a_code_without_limits_is_good_always_and_for_everybody() -> None:
    free = code(starts_at=None, ends_at=None, max_total=None)
    for at in (NOW - 9999 * DAY, NOW + 9999 * DAY):
        assert code_problem(free, currency="USD", redeemed=10**9, used_before=False, at=at) is None


def test_a_code_becomes_a_grant_that_is_usable_at_once() -> None:
    assert redeemed(code(), "g1", NOW) == Grant(
        "g1", GrantKind.PROMOTIONAL, usd("5"), usd("5"), -1, NOW, NOW + 30 * DAY, NOW
    )
    gift = redeemed(code(kind=GrantKind.PAID, valid_days=None), "g2", NOW)
    assert (gift.kind, gift.expires_at) == (GrantKind.PAID, None)
    assert usable_at(gift, NOW)
    assert CreditCode("X", GrantKind.PAID, usd("5"), 1, None, None).priority == 0


def test_instants_are_compared_across_time_zones() -> None:
    east = timezone(timedelta(hours=5))
    assert not usable_at(grant("a", expires_at=NOW.astimezone(east)), NOW)
    assert len(BURN_ORDER) == 5
