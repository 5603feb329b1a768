"""The hash a preview carries: moved by everything the buyer agrees to, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.api.money import Money
from services.domain.periods import MONTHLY, YEARLY, Anchor, Interval, Period, Unit
from services.domain.subscriptions import ChangeKind, Cycle, Terms, hash_of, pause, plan_change

TICK = timedelta(microseconds=1)
ZERO = Money.zero()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def usd(text: str) -> Money:
    return Money.parse(text)


STARTER = Terms("starter", usd("29"), MONTHLY, included=1_000)
PRO = Terms("pro", usd("99"), MONTHLY, included=10_000)
APRIL = Period(at("2026-04-01"), at("2026-05-01"))


def cycle_of(terms: Terms, used_calls: int = 312) -> Cycle:
    """April, paid in full."""
    return Cycle(terms, Anchor.of(APRIL.start), APRIL, terms.amount, ZERO, used_calls)


def test_the_hash_is_stable() -> None:
    change = plan_change(cycle_of(STARTER), PRO, at("2026-04-11"))
    assert hash_of(change) == hash_of(plan_change(cycle_of(STARTER), PRO, at("2026-04-11")))
    assert hash_of(change) == "78725508e12da6e3baac587977a5eb264ff97f6cbebacee87d2facd49e2f2fa1"


def test_seconds_that_do_not_move_the_sum_do_not_move_the_hash() -> None:
    preview = plan_change(cycle_of(STARTER), PRO, at("2026-04-11"))
    commit = plan_change(cycle_of(STARTER, used_calls=313), PRO, at("2026-04-11 00:00:09"))
    assert (commit.due_now, commit.lines == preview.lines) == (preview.due_now, False)
    assert hash_of(commit) == hash_of(preview)
    later = plan_change(cycle_of(STARTER), PRO, at("2026-04-11 00:10"))
    assert later.due_now != preview.due_now
    assert hash_of(later) != hash_of(preview)


def test_everything_the_buyer_agrees_to_moves_the_hash() -> None:
    base = plan_change(cycle_of(STARTER), PRO, at("2026-04-11"))
    pending = plan_change(cycle_of(PRO), STARTER, at("2026-04-11"))
    stop = pause(cycle_of(PRO), at("2026-04-11"), at("2026-06-11"))
    line = base.lines[0]
    other = [
        base,
        pending,
        stop,
        replace(base, kind=ChangeKind.QUANTITY_CHANGE),
        replace(base, before=replace(STARTER, included=None)),
        replace(base, after=replace(PRO, quantity=2)),
        replace(base, after=replace(PRO, plan="x")),
        replace(base, after=replace(PRO, price=usd("99.01"))),
        replace(base, after=replace(PRO, price=Money(99_000_000, "EUR"))),
        replace(base, after=replace(PRO, interval=YEARLY)),
        replace(base, after=replace(PRO, interval=Interval(Unit.DAY))),
        replace(base, after=replace(PRO, included=9_999)),
        replace(base, after=None),
        replace(base, period=Period(APRIL.start, APRIL.end + TICK)),
        replace(base, period=Period(APRIL.start + TICK, APRIL.end)),
        replace(base, due_now=usd("46.66")),
        replace(base, to_wallet=usd("0.01")),
        replace(base, lines=base.lines[:1]),
        replace(base, lines=base.lines[::-1]),
        *(
            replace(base, lines=(replace(line, **changed), base.lines[1]))
            for changed in ({"code": "x"}, {"plan": "x"}, {"quantity": 2}, {"price": ZERO}, {"amount": ZERO})
        ),
        replace(pending, effective_at=APRIL.end + TICK),
        replace(stop, resume_at=at("2026-06-12")),
        replace(stop, is_pending=True),
    ]
    assert len({hash_of(change) for change in other}) == len(other)
