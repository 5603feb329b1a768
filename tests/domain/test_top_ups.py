"""Buying credit: amounts on offer, automatic charges that never surprise, and the rehearsal that shows them before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import EXPONENTS, Money
from services.domain.top_ups import (
    PACKS,
    RANGES,
    AutoTopUp,
    Decision,
    Reason,
    Rehearsal,
    amount_problem,
    decide,
    largest,
    packs,
    rehearse,
    settings_problems,
    smallest,
)

NOW = datetime(2026, 3, 31, tzinfo=UTC)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def usd(text: str) -> Money:
    return Money.parse(text)


def auto(threshold: str = "5", target: str = "25", limit: str = "60") -> AutoTopUp:
    return AutoTopUp(True, usd(threshold), usd(target), usd(limit))


# ---- amounts


@pytest.mark.parametrize(
    ("currency", "amounts"),
    [("USD", "10 20 50 100"), ("EUR", "10 20 50 100"), ("GBP", "10 20 50 100"), ("JPY", "1000 2000 5000 10000"),
     ("KWD", "3 6 15 30")],
)  # fmt: skip
def test_four_packs_in_every_currency_and_each_can_be_bought(currency: str, amounts: str) -> None:
    assert packs(currency) == tuple(Money.parse(amount, currency) for amount in amounts.split())
    assert [amount_problem(pack) for pack in packs(currency)] == [None] * 4


def test_every_currency_has_its_packs_and_its_range() -> None:
    assert set(PACKS) == set(RANGES) == set(EXPONENTS)


@pytest.mark.parametrize(
    ("amount", "currency", "problem"),
    [
        ("5", "USD", None), ("4.99", "USD", "out_of_range"), ("10000", "USD", None),
        ("10000.01", "USD", "out_of_range"),
        ("7.77", "USD", None), ("7.775", "USD", "not_whole_minor"), ("5.000001", "USD", "not_whole_minor"),
        ("0", "USD", "out_of_range"), ("-10", "USD", "out_of_range"), ("5", "EUR", None),
        ("4.99", "EUR", "out_of_range"),
        ("10000", "EUR", None), ("10000.01", "EUR", "out_of_range"),
        ("5", "GBP", None), ("4.99", "GBP", "out_of_range"),
        ("10000", "GBP", None), ("10000.01", "GBP", "out_of_range"),
        ("500", "JPY", None), ("499", "JPY", "out_of_range"), ("500.5", "JPY", "not_whole_minor"),
        ("1000000", "JPY", None), ("1000001", "JPY", "out_of_range"),
        ("2", "KWD", None), ("1.999", "KWD", "out_of_range"), ("2.001", "KWD", None),
        ("2.0005", "KWD", "not_whole_minor"),
        ("3000", "KWD", None), ("3000.001", "KWD", "out_of_range"),
    ],
)  # fmt: skip
def test_a_free_amount_is_within_range_and_in_whole_minor_units(
    amount: str, currency: str, problem: str | None
) -> None:
    assert amount_problem(Money.parse(amount, currency)) == problem


def test_the_range_in_dollars() -> None:
    assert (smallest("USD"), largest("USD")) == (usd("5"), usd("10000"))


# ---- settings


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        (AutoTopUp(), {}),
        (AutoTopUp(False, usd("-1"), usd("0"), None), {}),
        (AutoTopUp(True), {"threshold": "required", "target": "required", "monthly_limit": "required"}),
        (AutoTopUp(True, usd("5"), usd("25")), {"monthly_limit": "required"}),
        (auto(), {}),
        (auto(limit="25"), {}),
        (auto(limit="24.99"), {"monthly_limit": "below_target"}),
        (auto(threshold="0"), {"threshold": "out_of_range"}),
        (auto(threshold="-1"), {"threshold": "out_of_range"}),
        (auto(threshold="0.01"), {}),
        (auto(threshold="0.001"), {"threshold": "not_whole_minor"}),
        (auto(threshold="0.000001"), {"threshold": "not_whole_minor"}),
        (auto(target="25.001"), {"target": "not_whole_minor"}),
        (auto(limit="60.001"), {"monthly_limit": "not_whole_minor"}),
        (auto(limit="0"), {"monthly_limit": "out_of_range"}),
        (auto(threshold="25"), {"target": "below_threshold"}),
        (auto(threshold="25.01"), {"target": "below_threshold"}),
        (auto(threshold="20"), {}),
        (auto(threshold="20.01"), {"target": "gap_too_small"}),
        (auto(threshold="24.99", limit="1"), {"target": "gap_too_small", "monthly_limit": "below_target"}),
        (auto(target="10000", limit="10000"), {}),
        (auto(target="10000.01", limit="20000"), {"target": "out_of_range"}),
        (auto(target="100", limit="90000"), {}),
        (replace(auto(), target=Money.parse("25", "EUR")), {"target": "wrong_currency"}),
    ],
)
def test_settings_say_what_is_wrong_field_by_field(settings: AutoTopUp, problems: dict[str, str]) -> None:
    assert settings_problems(settings, "USD") == problems


def test_it_is_off_until_somebody_switches_it_on() -> None:
    assert AutoTopUp().is_on is False


# ---- one decision


@pytest.mark.parametrize(
    ("balance", "charged", "pending", "charge", "reason"),
    [
        ("5", "0", "0", None, "enough"),
        ("4.999999", "0", "0", "20.01", "due"),
        ("4.99", "0", "0", "20.01", "due"),
        ("4.991", "0", "0", "20.01", "due"),
        ("4.995", "0", "0", "20.01", "due"),
        ("4.998", "0", "0", "20.01", "due"),
        ("0", "0", "0", "25", "due"),
        ("0", "35", "0", "25", "due"),  # exactly up to the limit
        ("0", "35.01", "0", None, "monthly_limit"),
        ("0", "60", "0", None, "monthly_limit"),
        ("0", "0", "0.01", None, "pending"),
        ("0", "60", "20", None, "pending"),
        ("4.999999", "39.99", "0", "20.01", "due"),
        ("4.999999", "40", "0", None, "monthly_limit"),
        ("400", "60", "0", None, "enough"),
    ],
)
def test_one_charge_closes_the_whole_gap_or_there_is_none(
    balance: str, charged: str, pending: str, charge: str | None, reason: str
) -> None:
    decision = decide(auto(), usd(balance), usd(charged), usd(pending))
    assert decision == Decision(None if charge is None else usd(charge), Reason(reason))


@pytest.mark.parametrize(
    "settings",
    [AutoTopUp(), replace(auto(), is_on=False), replace(auto(), threshold=None), replace(auto(), target=None),
     replace(auto(), monthly_limit=None)],
)  # fmt: skip
def test_switched_off_or_incomplete_it_charges_nothing(settings: AutoTopUp) -> None:
    assert decide(settings, usd("0"), usd("0"), usd("0")) == Decision(None, Reason.OFF)


def test_the_gap_is_charged_in_the_minor_unit_of_the_currency() -> None:
    yen = AutoTopUp(True, Money.parse("500", "JPY"), Money.parse("3000", "JPY"), Money.parse("9000", "JPY"))
    nothing = Money.zero("JPY")
    decision = decide(yen, Money.parse("499.5", "JPY"), nothing, nothing)
    assert decision.charge == Money.parse("2501", "JPY")


@given(st.integers(0, 30_000_000), st.integers(0, 70_000_000), st.integers(0, 1))
def test_a_charge_fills_to_the_target_within_a_cent_and_never_passes_the_limit(
    balance: int, charged: int, pending: int
) -> None:
    settings = auto()
    decision = decide(settings, Money(balance), Money(charged), Money(pending))
    assert (decision.charge is not None) is (decision.reason is Reason.DUE)
    if decision.charge is not None:
        assert pending == 0
        assert amount_problem(decision.charge) is None
        assert 0 <= balance + decision.charge.micros - 25_000_000 < 10_000
        assert charged + decision.charge.micros <= 60_000_000


# ---- rehearsal


def calls(*days_and_amounts: tuple[int, str]) -> list[tuple[datetime, Money]]:
    """Spends so many days before NOW."""
    return [(NOW - days * DAY, usd(amount)) for days, amount in days_and_amounts]


def test_three_charges_sixty_dollars_and_never_empty() -> None:
    spends = calls((20, "20"), (80, "20"), (50, "20"))
    rehearsal = rehearse(auto(threshold="5.01"), usd("25"), spends, NOW)
    assert rehearsal == Rehearsal(
        charges=tuple((NOW - days * DAY, usd("20")) for days in (80, 50, 20)),
        total=usd("60"),
        lowest=usd("5"),
        was_empty_at=(),
        refused_by_limit=(),
    )
    assert rehearse(auto(threshold="5"), usd("25"), spends[:1], NOW).charges == ()


def test_a_wallet_that_starts_low_is_filled_at_once() -> None:
    assert rehearse(auto(), usd("1"), [], NOW).charges == ((NOW - 90 * DAY, usd("24")),)
    assert rehearse(auto(), usd("1"), [], NOW, days=3).charges == ((NOW - 3 * DAY, usd("24")),)
    quiet = rehearse(auto(), usd("5"), [], NOW)
    assert quiet == Rehearsal((), usd("0"), usd("5"), (), ())


def test_it_rehearses_settings_that_are_still_off() -> None:
    off = replace(auto(), is_on=False)
    assert rehearse(off, usd("1"), [], NOW) == rehearse(auto(), usd("1"), [], NOW)


def test_only_the_last_ninety_days_count_and_in_time_order() -> None:
    start = NOW - 90 * DAY
    outside = [(start - TICK, usd("19")), (NOW, usd("19"))]
    assert rehearse(auto(), usd("20"), outside, NOW) == Rehearsal((), usd("0"), usd("20"), (), ())
    edges = [(NOW - TICK, usd("3")), (start, usd("16"))]
    rehearsal = rehearse(auto(), usd("20"), edges, NOW)
    assert rehearsal.charges == ((start, usd("21")),)
    assert rehearsal.lowest == usd("4")


def test_a_call_the_wallet_cannot_pay_is_named_and_costs_nothing() -> None:
    spends = calls((10, "25"), (9, "30"), (8, "25.000001"), (7, "25"))
    rehearsal = rehearse(auto(limit="500"), usd("25"), spends, NOW)
    assert rehearsal.was_empty_at == (NOW - 9 * DAY, NOW - 8 * DAY)
    assert rehearsal.charges == ((NOW - 10 * DAY, usd("25")), (NOW - 7 * DAY, usd("25")))
    assert rehearsal.lowest == usd("0")


def test_the_monthly_limit_refuses_until_the_next_month_begins() -> None:
    march = datetime(2026, 3, 1, tzinfo=UTC)
    spends = [
        (march - 9 * DAY, usd("25")),  # charged 25
        (march - 8 * DAY, usd("25")),  # charged 25, so 10 of 60 left
        (march - 7 * DAY, usd("25")),  # refused
        (march - 6 * DAY, usd("1")),  # refused again: named once
        (march - TICK, usd("1")),
        (march, usd("1")),  # a new month: filled before the call
        (march + DAY, usd("24")),  # charged 25
        (march + 2 * DAY, usd("24")),
        (march + 3 * DAY, usd("24")),  # refused in March as well
    ]
    rehearsal = rehearse(auto(), usd("25"), spends, NOW)
    assert rehearsal.charges == (
        (march - 9 * DAY, usd("25")),
        (march - 8 * DAY, usd("25")),
        (march, usd("25")),
        (march + DAY, usd("25")),
    )
    assert rehearsal.refused_by_limit == (march - 7 * DAY, march + 2 * DAY)
    assert rehearsal.was_empty_at == (march - 6 * DAY, march - TICK, march + 3 * DAY)
    assert rehearsal.total == usd("100")


spends = st.lists(st.tuples(st.integers(-1, 92 * 24), st.integers(0, 30_000_000)), max_size=40)


@given(spends, st.integers(0, 30_000_000), st.integers(25, 120))
def test_a_rehearsal_adds_up_and_never_passes_the_limit_of_a_month(
    drawn: list[tuple[int, int]], opening: int, limit: int
) -> None:
    history = [(NOW - timedelta(hours=hours), Money(micros)) for hours, micros in drawn]
    rehearsal = rehearse(auto(limit=str(limit)), Money(opening), history, NOW)
    months: dict[tuple[int, int], int] = {}
    for at, amount in rehearsal.charges:
        assert amount_problem(amount) is None
        months[at.year, at.month] = months.get((at.year, at.month), 0) + amount.micros
    assert all(charged <= limit * 1_000_000 for charged in months.values())
    assert rehearsal.total.micros == sum(amount.micros for _, amount in rehearsal.charges)
    assert rehearsal.lowest.micros >= 0
    assert rehearsal == rehearse(auto(limit=str(limit)), Money(opening), history[::-1], NOW) or len(
        {at for at, _ in history}
    ) < len(history)


def test_with_room_in_the_limit_and_small_calls_the_wallet_is_never_empty() -> None:
    history = [(NOW - timedelta(hours=hours), usd("0.02")) for hours in range(1, 2_000)]
    rehearsal = rehearse(auto(limit="10000"), usd("10"), history, NOW)
    assert rehearsal.was_empty_at == rehearsal.refused_by_limit == ()
    # 1,999 calls cost $39.98; from $10 the first charge comes at $4.98, the second as much later.
    assert [amount for _, amount in rehearsal.charges] == [usd("20.02"), usd("20.02")]
    assert rehearsal.lowest == usd("4.98")
