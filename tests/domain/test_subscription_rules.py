"""Changing a subscription: what is due, what waits, what is carried, and that no way around pays off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.errors import InvalidInput, WrongState
from services.api.money import Money
from services.domain.periods import MONTHLY, YEARLY, Anchor, Interval, Period, Unit, period_at
from services.domain.proration import Basis, Convention, Part, Rounding, remaining_charge
from services.domain.subscriptions import (
    Change,
    ChangeKind,
    ChangeLine,
    Cycle,
    Terms,
    cancel,
    cycle_after,
    pause,
    pending_after,
    plan_change,
    renewed,
    resume,
    undo,
)

TICK = timedelta(microseconds=1)
ZERO = Money.zero()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def usd(text: str) -> Money:
    return Money.parse(text)


FREE = Terms("free", ZERO, MONTHLY, included=10)
STARTER = Terms("starter", usd("29"), MONTHLY, included=1_000)
PRO = Terms("pro", usd("99"), MONTHLY, included=10_000)
STARTER_YEARLY = Terms("starter", usd("290"), YEARLY, included=1_000)
PRO_YEARLY = Terms("pro", usd("990"), YEARLY, included=10_000)
APRIL = Period(at("2026-04-01"), at("2026-05-01"))


def cycle_of(terms: Terms, start: str = "2026-04-01", **changes: Any) -> Cycle:  # Any: fields of Cycle
    """A cycle from `start`, paid in full."""
    anchor = Anchor.of(at(start))
    period = period_at(anchor, terms.interval, at(start))
    return replace(Cycle(terms, anchor, period, terms.amount, ZERO, used_calls=312), **changes)


def sums(change: Change) -> tuple[Money, Money, Money, Money]:
    return change.credit, change.charge, change.due_now, change.to_wallet


# ---- what takes effect when


@pytest.mark.parametrize(
    ("current", "wanted", "at_end", "kind", "is_pending"),
    [
        (STARTER, PRO, None, "upgrade_now", False),
        (STARTER, PRO, True, "upgrade_now", True),
        (PRO, STARTER, None, "downgrade_at_end", True),
        (PRO, STARTER, True, "downgrade_at_end", True),
        (PRO, STARTER, False, "downgrade_now", False),
        (STARTER, replace(STARTER, plan="other"), None, "upgrade_now", False),  # the same price: now
        (STARTER, replace(STARTER, price=usd("28.99")), None, "downgrade_at_end", True),
        (STARTER, replace(STARTER, price=usd("29.01")), None, "upgrade_now", False),
        (PRO, PRO_YEARLY, None, "interval_change", False),
        (PRO_YEARLY, PRO, None, "interval_change", False),
        (PRO_YEARLY, PRO, True, "interval_change", True),
        (PRO, STARTER_YEARLY, None, "interval_change", False),
        (PRO, replace(PRO, quantity=3), None, "quantity_change", False),
        (replace(PRO, quantity=3), PRO, None, "quantity_change", False),
        (replace(PRO, quantity=3), PRO, True, "quantity_change", True),
        (PRO, replace(STARTER, quantity=4), None, "upgrade_now", False),  # 4 x 29 is more than 99
        (PRO, replace(STARTER, quantity=3), None, "downgrade_at_end", True),
        (FREE, STARTER, None, "upgrade_now", False),
        (STARTER, FREE, None, "downgrade_at_end", True),
        (PRO, PRO, None, "none", False),
        (PRO, PRO, True, "none", False),
    ],
)
def test_what_a_change_is_called_and_when_it_takes_effect(
    current: Terms, wanted: Terms, at_end: bool | None, kind: str, is_pending: bool
) -> None:
    cycle = cycle_of(current)
    now = at("2026-04-16")
    change = plan_change(cycle, wanted, now, at_end=at_end)
    assert (change.kind, change.is_pending) == (kind, is_pending)
    assert (change.before, change.after, change.period) == (current, wanted, cycle.period)
    assert change.effective_at == (cycle.period.end if is_pending else now)
    if is_pending or kind == "none":
        assert sums(change) == (ZERO, ZERO, ZERO, ZERO)
        assert change.lines == ()


# ---- upgrade now


def test_an_upgrade_credits_and_charges_the_rest_of_the_period() -> None:
    change = plan_change(cycle_of(STARTER), PRO, at("2026-04-11"))
    part = Part(20 * 86_400, 30 * 86_400)
    assert change.lines == (
        ChangeLine("unused_time", "starter", 1, usd("29"), part, APRIL, usd("-19.33")),
        ChangeLine("remaining_time", "pro", 1, usd("99"), part, APRIL, usd("66.00")),
    )
    assert sums(change) == (usd("19.33"), usd("66.00"), usd("46.67"), ZERO)
    assert (change.next_period, change.next_anchor) == (APRIL, Anchor.of(at("2026-04-01")))
    assert change.used_calls == 312  # used calls stay used; only the allowance changes
    assert change.after is not None
    assert (change.before.allowance, change.after.allowance) == (1_000, 10_000)
    after = cycle_after(cycle_of(STARTER), change)
    assert after == cycle_of(PRO, paid=usd("95.00"), already_credited=usd("19.33"))


def test_an_upgrade_that_was_not_paid_for_gets_no_credit() -> None:
    change = plan_change(cycle_of(STARTER, paid=ZERO), PRO, at("2026-04-16"))
    assert [line.code for line in change.lines] == ["remaining_time"]
    assert sums(change) == (ZERO, usd("49.50"), usd("49.50"), ZERO)
    capped = plan_change(cycle_of(STARTER, already_credited=usd("20")), PRO, at("2026-04-16"))
    assert sums(capped) == (usd("9.00"), usd("49.50"), usd("40.50"), ZERO)
    assert (capped.lines[0].amount, capped.lines[0].is_capped) == (usd("-9.00"), True)


def test_credit_is_counted_from_what_was_billed_after_discounts() -> None:
    half = cycle_of(STARTER, billed=usd("14.50"), paid=usd("14.50"))
    change = plan_change(half, PRO, at("2026-04-16"))
    assert sums(change) == (usd("7.25"), usd("49.50"), usd("42.25"), ZERO)
    assert change.lines[0].price == usd("14.50")
    assert cycle_after(half, change) == cycle_of(PRO, paid=usd("64.00"), already_credited=usd("7.25"))
    assert cancel(half, at("2026-04-16"), at_end=False).to_wallet == usd("7.25")


def test_a_late_upgrade_farms_nothing() -> None:
    late = plan_change(cycle_of(STARTER), PRO, APRIL.end - timedelta(seconds=1))
    assert sums(late) == (ZERO, ZERO, ZERO, ZERO)
    back = plan_change(
        cycle_after(cycle_of(STARTER), late) or cycle_of(STARTER), STARTER, late.effective_at, at_end=False
    )
    assert back.to_wallet == ZERO
    for when in (APRIL.end, APRIL.end + timedelta(days=3)):
        with pytest.raises(WrongState) as refused:
            plan_change(cycle_of(STARTER), PRO, when)
        assert refused.value.params == {"state": "period_over"}


def test_a_clock_set_back_counts_as_the_start_of_the_period() -> None:
    change = plan_change(cycle_of(STARTER), PRO, at("2026-03-01"))
    assert change.effective_at == APRIL.start
    assert sums(change) == (usd("29"), usd("99"), usd("70"), ZERO)


def test_from_free_to_paid_the_cycle_starts_anew() -> None:
    change = plan_change(cycle_of(FREE), STARTER, at("2026-04-16"))
    assert change.next_period == Period(at("2026-04-16"), at("2026-05-16"))
    assert change.next_anchor == Anchor.of(at("2026-04-16"))
    assert sums(change) == (ZERO, usd("29"), usd("29"), ZERO)
    assert [(line.code, line.part) for line in change.lines] == [("new_cycle", Part(30 * 86_400, 30 * 86_400))]
    other_free = plan_change(cycle_of(FREE), replace(FREE, plan="other"), at("2026-04-16"))
    assert (other_free.next_period, other_free.lines) == (APRIL, ())


def test_a_downgrade_asked_for_now_leaves_credit_in_the_wallet() -> None:
    change = plan_change(cycle_of(PRO), STARTER, at("2026-04-16"), at_end=False)
    assert sums(change) == (usd("49.50"), usd("14.50"), ZERO, usd("35.00"))


@pytest.mark.parametrize(
    ("before", "after", "credit", "charge", "due", "to_wallet"),
    [(1, 3, "49.50", "148.50", "99.00", "0"), (3, 1, "148.50", "49.50", "0", "99.00")],
)
def test_a_quantity_changes_now_in_both_directions(
    before: int, after: int, credit: str, charge: str, due: str, to_wallet: str
) -> None:
    cycle = cycle_of(replace(PRO, quantity=before))
    change = plan_change(cycle, replace(PRO, quantity=after), at("2026-04-16"))
    assert sums(change) == (usd(credit), usd(charge), usd(due), usd(to_wallet))
    assert [line.quantity for line in change.lines] == [before, after]
    assert change.after is not None
    assert change.after.allowance == 10_000 * after
    assert change.next_period == APRIL


def test_the_convention_is_an_argument() -> None:
    noon = at("2026-04-16 12:00")
    days = plan_change(cycle_of(STARTER), PRO, noon, convention=Convention(basis=Basis.DAY))
    assert sums(days) == (usd("14.50"), usd("49.50"), usd("35.00"), ZERO)
    assert days.lines[0].part == Part(15, 30)
    exact = plan_change(cycle_of(STARTER), PRO, at("2026-04-11"), convention=Convention(rounding=Rounding.TOTAL))
    assert (exact.credit.micros, exact.charge, exact.due_now) == (19_333_333, usd("66"), usd("46.67"))
    assert cancel(cycle_of(PRO), noon, at_end=False, convention=Convention(basis=Basis.DAY)).to_wallet == usd("49.50")


# ---- interval


def test_month_to_year_restarts_the_cycle() -> None:
    cycle = cycle_of(PRO)
    change = plan_change(cycle, PRO_YEARLY, at("2026-04-16 09:30"))
    year = Period(at("2026-04-16 09:30"), at("2027-04-16 09:30"))
    assert (change.next_period, change.next_anchor) == (year, Anchor.of(year.start))
    assert sums(change) == (usd("48.19"), usd("990"), usd("941.81"), ZERO)  # 14 days 14.5 hours of 30 days
    assert [(line.code, line.period) for line in change.lines] == [("unused_time", APRIL), ("new_cycle", year)]
    assert change.used_calls == 312
    assert cycle_after(cycle, change) == Cycle(PRO_YEARLY, Anchor.of(year.start), year, usd("990"), ZERO, 312)


def test_year_to_month_now_pays_back_into_the_wallet_and_at_the_end_waits() -> None:
    cycle = cycle_of(PRO_YEARLY, "2026-01-31")
    now = plan_change(cycle, PRO, at("2026-04-14"))  # 73 of 365 days used
    assert sums(now) == (usd("792"), usd("99"), ZERO, usd("693"))
    assert now.next_period == Period(at("2026-04-14"), at("2026-05-14"))
    end = plan_change(cycle, PRO, at("2026-04-14"), at_end=True)
    assert end.effective_at == at("2027-01-31")
    assert (end.next_anchor, end.next_period) == (
        Anchor.of(at("2027-01-31")),
        Period(at("2027-01-31"), at("2027-02-28")),
    )


def test_twelve_months_and_a_year_are_the_same_interval() -> None:
    months = replace(PRO_YEARLY, interval=Interval(Unit.MONTH, 12))
    change = plan_change(cycle_of(PRO_YEARLY), months, at("2026-04-16"))
    assert (change.kind, change.due_now, change.to_wallet) == (ChangeKind.UPGRADE_NOW, ZERO, ZERO)
    assert change.next_period == cycle_of(PRO_YEARLY).period


def test_the_anchor_keeps_its_zone_when_it_moves() -> None:
    cycle = replace(cycle_of(PRO), anchor=Anchor.of(at("2026-04-01"), "Asia/Tokyo"))
    change = plan_change(cycle, PRO_YEARLY, at("2026-04-16"))
    assert change.next_anchor == Anchor.of(at("2026-04-16"), "Asia/Tokyo")
    for other in (
        resume(replace(cycle, paused_at=at("2026-04-11")), at("2026-05-11")),
        plan_change(cycle, PRO_YEARLY, APRIL.start, at_end=True),
    ):
        assert other.next_anchor is not None
        assert other.next_anchor.zone == "Asia/Tokyo"
    assert renewed(replace(cycle, is_trial=True)).anchor == Anchor.of(APRIL.end, "Asia/Tokyo")


# ---- downgrade, change of mind


def test_a_downgrade_waits_for_the_end_and_starts_unused() -> None:
    cycle = cycle_of(PRO, "2026-01-31")
    change = plan_change(cycle, STARTER, at("2026-02-10"))
    assert change.effective_at == at("2026-02-28")
    assert change.next_period == Period(at("2026-02-28"), at("2026-03-31"))  # still counted from the 31st
    assert (change.next_anchor, change.used_calls) == (cycle.anchor, 0)
    assert cycle_after(cycle, change) == Cycle(
        STARTER, cycle.anchor, Period(at("2026-02-28"), at("2026-03-31")), ZERO, ZERO
    )


def test_a_newer_change_supersedes_the_pending_one() -> None:
    cycle, now = cycle_of(PRO), at("2026-04-16")
    down = plan_change(cycle, STARTER, now)
    assert pending_after(down) is down
    assert pending_after(cancel(cycle, now)) == cancel(cycle, now)
    assert pending_after(plan_change(cycle, PRO_YEARLY, now)) is None
    assert pending_after(plan_change(cycle, PRO, now)) is None  # choosing what one has
    assert pending_after(undo(cycle, down, now)) is None


@pytest.mark.parametrize(
    "pending", [plan_change(cycle_of(PRO), STARTER, at("2026-04-02")), cancel(cycle_of(PRO), at("2026-04-02"))]
)
def test_a_pending_change_is_undone_until_it_takes_effect(pending: Change) -> None:
    cycle = cycle_of(PRO)
    change = undo(cycle, pending, APRIL.end - TICK)
    assert (change.kind, change.after, change.effective_at) == (ChangeKind.UNDO, PRO, APRIL.end - TICK)
    assert sums(change) == (ZERO, ZERO, ZERO, ZERO)
    assert (change.next_period, change.next_anchor, change.is_pending) == (APRIL, cycle.anchor, False)
    assert cycle_after(cycle, change) == cycle
    with pytest.raises(WrongState) as refused:
        undo(cycle, pending, APRIL.end)
    assert refused.value.params == {"state": pending.kind}


def test_what_took_effect_already_cannot_be_undone() -> None:
    cycle = cycle_of(STARTER)
    with pytest.raises(WrongState):
        undo(cycle, plan_change(cycle, PRO, at("2026-04-16")), at("2026-04-02"))


# ---- cancel


def test_cancelling_at_the_end_costs_and_returns_nothing() -> None:
    cycle = cycle_of(PRO)
    change = cancel(cycle, at("2026-04-16"))
    assert (change.kind, change.is_pending, change.effective_at) == (ChangeKind.CANCEL_AT_END, True, APRIL.end)
    assert (change.after, change.next_period, change.next_anchor, change.lines) == (None, None, None, ())
    assert sums(change) == (ZERO, ZERO, ZERO, ZERO)
    assert cycle_after(cycle, change) is None
    with pytest.raises(WrongState):
        cancel(cycle, APRIL.end)


def test_cancelling_now_gives_the_unused_part_back() -> None:
    change = cancel(cycle_of(PRO), at("2026-04-16"), at_end=False)
    assert (change.kind, change.is_pending, change.effective_at) == (ChangeKind.CANCEL_NOW, False, at("2026-04-16"))
    part = Part(15 * 86_400, 30 * 86_400)
    assert change.lines == (ChangeLine("unused_time", "pro", 1, usd("99"), part, APRIL, usd("-49.50")),)
    assert sums(change) == (usd("49.50"), ZERO, ZERO, usd("49.50"))
    assert cancel(cycle_of(PRO, paid=usd("10")), at("2026-04-16"), at_end=False).to_wallet == usd("10")
    unpaid = cancel(cycle_of(PRO, paid=ZERO), at("2026-04-16"), at_end=False)
    assert (unpaid.to_wallet, unpaid.lines) == (ZERO, ())
    with pytest.raises(WrongState):
        cancel(cycle_of(PRO), APRIL.end, at_end=False)


# ---- trial


def test_a_trial_changes_and_ends_without_cost() -> None:
    trial = cycle_of(STARTER, period=Period(at("2026-04-01"), at("2026-04-15")), paid=ZERO, is_trial=True)
    for wanted, at_end in ((PRO, None), (FREE, None), (PRO_YEARLY, True)):
        change = plan_change(trial, wanted, at("2026-04-03"), at_end=at_end)
        assert (change.is_pending, change.effective_at, change.lines) == (False, at("2026-04-03"), ())
        assert sums(change) == (ZERO, ZERO, ZERO, ZERO)
        assert cycle_after(trial, change) == replace(trial, terms=wanted)
    gone = cancel(trial, at("2026-04-03"), at_end=False)
    assert (gone.effective_at, gone.lines, gone.to_wallet) == (at("2026-04-03"), (), ZERO)
    assert cancel(replace(trial, paid=usd("29")), at("2026-04-03"), at_end=False).to_wallet == ZERO
    assert cancel(trial, at("2026-04-03")).effective_at == at("2026-04-15")
    first = renewed(trial)
    assert first == Cycle(STARTER, Anchor.of(at("2026-04-15")), Period(at("2026-04-15"), at("2026-05-15")), ZERO, ZERO)
    with pytest.raises(WrongState) as refused:
        pause(trial, at("2026-04-03"), at("2026-05-01"))
    assert refused.value.params == {"state": "trialing"}


# ---- pause


def test_a_pause_keeps_the_rest_of_the_period_for_later() -> None:
    cycle = cycle_of(PRO)
    stop = pause(cycle, at("2026-04-11"), at("2026-06-11"))
    assert (stop.kind, stop.effective_at, stop.resume_at) == (ChangeKind.PAUSE, at("2026-04-11"), at("2026-06-11"))
    assert (stop.is_pending, stop.after, stop.next_period, stop.next_anchor) == (False, PRO, None, None)
    assert sums(stop) == (ZERO, ZERO, ZERO, ZERO)
    paused = cycle_after(cycle, stop)
    assert paused == replace(cycle, paused_at=at("2026-04-11"))
    go_on = resume(paused, at("2026-06-11"))
    moved = Period(at("2026-06-01"), at("2026-07-01"))  # 61 days later; 20 of 30 days are left
    assert (go_on.kind, go_on.effective_at) == (ChangeKind.RESUME, at("2026-06-11"))
    assert (go_on.next_period, go_on.next_anchor) == (moved, Anchor.of(at("2026-07-01")))
    assert sums(go_on) == (ZERO, ZERO, ZERO, ZERO)
    running = cycle_after(paused, go_on)
    assert running == replace(cycle, period=moved, anchor=Anchor.of(at("2026-07-01")))
    assert renewed(running).period == Period(at("2026-07-01"), at("2026-08-01"))
    unused = remaining_charge(usd("99"), APRIL, at("2026-04-11"))
    assert cancel(running, at("2026-06-11"), at_end=False).to_wallet == unused == usd("66")


def test_a_paused_subscription_can_only_resume_or_end_now() -> None:
    paused = cycle_of(PRO, paused_at=at("2026-04-11"))
    end = cancel(paused, at("2026-09-01"), at_end=False)
    assert (end.effective_at, end.to_wallet) == (at("2026-09-01"), usd("66"))
    refused: tuple[Callable[[], Change], ...] = (
        lambda: cancel(paused, at("2026-04-12")),
        lambda: plan_change(paused, STARTER, at("2026-04-12")),
        lambda: pause(paused, at("2026-04-12"), at("2026-05-01")),
    )
    for change in refused:
        with pytest.raises(WrongState) as error:
            change()
        assert error.value.params == {"state": "paused"}
    with pytest.raises(WrongState) as error:
        resume(cycle_of(PRO), at("2026-04-12"))
    assert error.value.params == {"state": "active"}


def test_a_pause_at_the_end_has_nothing_left_and_starts_a_period_when_it_resumes() -> None:
    cycle = cycle_of(PRO)
    stop = pause(cycle, at("2026-04-11"), at("2026-06-11"), at_end=True)
    assert (stop.effective_at, stop.is_pending) == (APRIL.end, True)
    assert pending_after(stop) is stop
    paused = cycle_after(cycle, stop)
    assert paused is not None
    assert cancel(paused, at("2026-05-20"), at_end=False).to_wallet == ZERO
    running = cycle_after(paused, resume(paused, at("2026-06-11")))
    assert running is not None
    assert running.period.end == at("2026-06-11")
    assert renewed(running).period == Period(at("2026-06-11"), at("2026-07-11"))


@pytest.mark.parametrize(("at_end", "earliest"), [(False, "2026-04-11"), (True, "2026-05-01")])
def test_a_pause_ends_after_it_begins(at_end: bool, earliest: str) -> None:
    for resume_at in (at(earliest), at(earliest) - TICK):
        with pytest.raises(InvalidInput) as refused:
            pause(cycle_of(PRO), at("2026-04-11"), resume_at, at_end=at_end)
        assert refused.value.fields == {"resume_at": "out_of_range"}
    assert pause(cycle_of(PRO), at("2026-04-11"), at(earliest) + TICK, at_end=at_end).resume_at == at(earliest) + TICK
    with pytest.raises(WrongState):
        pause(cycle_of(PRO), APRIL.end, at("2027-01-01"), at_end=at_end)


def test_a_resume_with_a_clock_set_back_moves_nothing() -> None:
    change = resume(cycle_of(PRO, paused_at=at("2026-04-11")), at("2026-04-01"))
    assert (change.effective_at, change.next_period) == (at("2026-04-11"), APRIL)


# ---- no way around pays off

terms = st.sampled_from(
    [FREE, STARTER, PRO, STARTER_YEARLY, PRO_YEARLY, replace(PRO, quantity=3), replace(STARTER, plan="x")]
)
moments = st.integers(0, 30 * 86_400 * 10**6 - 1).map(lambda micros: APRIL.start + timedelta(microseconds=micros))


def unused_value(cycle: Cycle, now: datetime) -> Money:
    return remaining_charge(cycle.terms.amount, cycle.period, now)


def net(change: Change) -> Money:
    return change.due_now - change.to_wallet


@given(terms, terms, moments)
def test_there_and_back_at_one_instant_is_nothing(one: Terms, other: Terms, now: datetime) -> None:
    cycle = cycle_of(one)
    there = plan_change(cycle, other, now, at_end=False)
    between = cycle_after(cycle, there)
    assert between is not None
    back = plan_change(between, one, now, at_end=False)
    home = cycle_after(between, back)
    assert home is not None
    if home.period == cycle.period:
        assert net(there) + net(back) == ZERO
        assert home.paid - home.already_credited == cycle.paid
    # A cycle that started anew is paid for with the days it is longer, to the cent
    assert net(there) + net(back) == unused_value(home, now) - unused_value(cycle, now)
    assert home.used_calls == cycle.used_calls


@given(terms, st.lists(st.tuples(terms, moments), max_size=6))
def test_no_path_of_changes_returns_more_than_was_paid(first: Terms, path: list[tuple[Terms, datetime]]) -> None:
    cycle, spent = cycle_of(first), first.amount
    for wanted, now in sorted(path, key=lambda step: step[1]):
        if now >= cycle.period.end:
            break
        change = plan_change(cycle, wanted, now, at_end=False)
        assert change.due_now.is_zero or change.to_wallet.is_zero
        assert change.due_now - change.to_wallet == change.charge - change.credit
        assert sum((line.amount for line in change.lines), ZERO) == change.charge - change.credit
        spent += net(change)
        assert spent.micros >= 0
        cycle = cycle_after(cycle, change) or cycle
    ending = cancel(cycle, max(cycle.period.start, APRIL.end - TICK), at_end=False)
    assert (spent - ending.to_wallet).micros >= 0


# ---- terms


@pytest.mark.parametrize("wrong", [{"price": Money(-1)}, {"quantity": 0}, {"quantity": -1}, {"included": -1}])
def test_terms_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:  # Any: fields of Terms
    with pytest.raises(ValueError, match="terms have"):
        replace(PRO, **wrong)


def test_terms_at_their_edges() -> None:
    assert replace(PRO, included=None).allowance is None
    assert replace(PRO, included=0, quantity=3).allowance == 0
    assert replace(PRO, included=1).allowance == 1
    assert replace(PRO, quantity=3).amount == usd("297")
