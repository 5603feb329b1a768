"""What a subscription may do next and what each change costs; the same functions make the preview and the change.

Hidden here: which changes take effect now and which wait, and what becomes of the running period (BILLING,
"Changing a plan"). The caller first does what time owes (renewals), then asks for a change.

Decided here where BILLING is silent:
- A change of quantity takes effect now in both directions, and from a free plan to a paid one the cycle starts anew
  (Stripe's manual). Any other change to the same or a higher price takes effect now, to a lower one at the end.
- What a credit exceeds its charge by goes to the wallet as paid credit.
- Used calls stay used through every change that takes effect now, also when the cycle starts anew: otherwise going to
  yearly and back would fill the allowance for nothing.
- During a trial every change takes effect now and costs nothing; the trial's end stays where it is.
- A pause keeps what is left of the paid period and serves it after the resume (`periods.resumed`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from services.api.errors import InvalidInput, WrongState
from services.api.money import Money
from services.api.types import SubscriptionState
from services.domain.periods import Anchor, Interval, Period, period_at, resumed, utc
from services.domain.proration import OURS, Convention, Part, Settlement, settle, unused_part


@dataclass(frozen=True, slots=True)
class Terms:
    """What is subscribed to: `price` and `included` calls are for one interval and one of `quantity`; `included` None:
    unlimited."""

    plan: str
    price: Money
    interval: Interval
    quantity: int = 1
    included: int | None = None

    def __post_init__(self) -> None:
        if self.price.micros < 0 or self.quantity < 1 or (self.included or 0) < 0:
            raise ValueError("terms have a price of zero or more and a quantity of at least one")

    @property
    def amount(self) -> Money:
        """One interval's price for all of the quantity."""
        return self.price * self.quantity

    @property
    def allowance(self) -> int | None:
        """Included calls for all of the quantity; None: unlimited."""
        return None if self.included is None else self.included * self.quantity


@dataclass(frozen=True, slots=True)
class Cycle:
    """A running subscription. `paid` and `already_credited` are of this period (see `unused_credit`); `billed` is what
    the whole period was billed at after discounts, None for the plain price; `paused_at` is set while it is paused."""

    terms: Terms
    anchor: Anchor
    period: Period
    paid: Money
    already_credited: Money
    used_calls: int = 0
    is_trial: bool = False
    billed: Money | None = None
    paused_at: datetime | None = None


class ChangeKind(StrEnum):
    NONE = "none"  # the wanted terms are the running ones
    UPGRADE_NOW = "upgrade_now"
    DOWNGRADE_AT_END = "downgrade_at_end"
    DOWNGRADE_NOW = "downgrade_now"  # only when asked for
    INTERVAL_CHANGE = "interval_change"
    QUANTITY_CHANGE = "quantity_change"
    CANCEL_NOW = "cancel_now"
    CANCEL_AT_END = "cancel_at_end"
    PAUSE = "pause"
    RESUME = "resume"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """`amount` = `price` x `part`, a credit negative. Codes: unused_time (credit), remaining_time, new_cycle (charges).
    `is_capped`: the credit is less than that, because less was paid."""

    code: str
    plan: str
    quantity: int
    price: Money
    part: Part
    period: Period
    amount: Money
    is_capped: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """`after` None: nothing goes on. `period` was running when it was decided; `next_period` and `next_anchor` hold
    from `effective_at` on (None when nothing is running then). `used_calls` count against the new allowance then."""

    kind: ChangeKind
    before: Terms
    after: Terms | None
    effective_at: datetime
    is_pending: bool
    lines: tuple[ChangeLine, ...]
    credit: Money
    charge: Money
    due_now: Money
    to_wallet: Money
    period: Period
    next_period: Period | None
    next_anchor: Anchor | None
    used_calls: int
    resume_at: datetime | None = None


# ---------------------------------------------------------------- changing the plan


def _instant(cycle: Cycle, now: datetime) -> datetime:
    """`now` inside the running period; a clock set back counts as its start. A period that is over must be renewed."""
    if utc(now) >= cycle.period.end:
        raise WrongState(state="period_over")
    return max(utc(now), cycle.period.start)


def _require_running(cycle: Cycle) -> None:
    if cycle.paused_at is not None:
        raise WrongState(state=SubscriptionState.PAUSED)


def _free(cycle: Cycle, kind: ChangeKind, after: Terms | None, at: datetime, *, is_pending: bool = False) -> Change:
    """A change nobody pays for and that leaves the cycle as it is."""
    zero = Money.zero(cycle.terms.price.currency)
    goes_on = after is not None
    return Change(
        kind=kind,
        before=cycle.terms,
        after=after,
        effective_at=at,
        is_pending=is_pending,
        lines=(),
        credit=zero,
        charge=zero,
        due_now=zero,
        to_wallet=zero,
        period=cycle.period,
        next_period=cycle.period if goes_on else None,
        next_anchor=cycle.anchor if goes_on else None,
        used_calls=cycle.used_calls,
    )


def _kind(current: Terms, wanted: Terms, at_end: bool | None) -> tuple[ChangeKind, bool]:
    """What a change is called and whether it waits for the period's end."""
    is_lower = wanted.amount < current.amount
    if not wanted.interval.is_as_long_as(current.interval):
        kind, waits = ChangeKind.INTERVAL_CHANGE, False
    elif wanted.plan == current.plan and wanted.quantity != current.quantity:
        kind, waits = ChangeKind.QUANTITY_CHANGE, False
    else:
        kind, waits = (ChangeKind.DOWNGRADE_AT_END if is_lower else ChangeKind.UPGRADE_NOW), is_lower
    if at_end is not None:
        waits = at_end
    if kind is ChangeKind.DOWNGRADE_AT_END and not waits:
        kind = ChangeKind.DOWNGRADE_NOW
    return kind, waits


def _next_cycle(anchor: Anchor, current: Interval, wanted: Interval, at: datetime) -> tuple[Anchor, Period]:
    """The cycle from a period's end on: counted from the same anchor unless the interval is another."""
    if not wanted.is_as_long_as(current):
        anchor = Anchor.of(at, anchor.zone)
    return anchor, period_at(anchor, wanted, at)


def _lines(
    cycle: Cycle, wanted: Terms, sums: Settlement, at: datetime, new_period: Period | None, convention: Convention
) -> tuple[ChangeLine, ...]:
    """Both halves of a settlement with their arithmetic; a half of nothing has no line."""
    rest, covered = unused_part(cycle.period, at, convention), new_period or cycle.period
    old = cycle.terms
    credit = ChangeLine(
        "unused_time",
        old.plan,
        old.quantity,
        cycle.billed or old.amount,
        rest,
        cycle.period,
        -sums.credit,
        sums.is_capped,
    )
    code = "remaining_time" if new_period is None else "new_cycle"
    part = unused_part(covered, at, convention)
    charge = ChangeLine(code, wanted.plan, wanted.quantity, wanted.amount, part, covered, sums.charge)
    return tuple(line for line in (credit, charge) if not line.amount.is_zero)


def plan_change(
    cycle: Cycle, wanted: Terms, now: datetime, *, at_end: bool | None = None, convention: Convention = OURS
) -> Change:
    """From the running terms to `wanted`. `at_end` None leaves it to the rule: up now, down at the period's end.

    Raises WrongState (period_over) when the period must be renewed first, (paused) during a pause.
    """
    _require_running(cycle)
    at = _instant(cycle, now)
    if wanted == cycle.terms:
        return _free(cycle, ChangeKind.NONE, wanted, at)
    kind, waits = _kind(cycle.terms, wanted, at_end)
    if cycle.is_trial:
        return _free(cycle, kind, wanted, at)
    if waits:
        anchor, period = _next_cycle(cycle.anchor, cycle.terms.interval, wanted.interval, cycle.period.end)
        pending = _free(cycle, kind, wanted, cycle.period.end, is_pending=True)
        return replace(pending, next_anchor=anchor, next_period=period, used_calls=0)
    starts_paying = cycle.terms.amount.is_zero and not wanted.amount.is_zero
    anchor, new_period = cycle.anchor, None
    if kind is ChangeKind.INTERVAL_CHANGE or starts_paying:
        anchor = Anchor.of(at, cycle.anchor.zone)
        new_period = period_at(anchor, wanted.interval, at)
    sums = settle(
        cycle.billed or cycle.terms.amount,
        wanted.amount,
        cycle.period,
        at,
        paid=cycle.paid,
        already_credited=cycle.already_credited,
        new_period=new_period,
        convention=convention,
    )
    return replace(
        _free(cycle, kind, wanted, at),
        lines=_lines(cycle, wanted, sums, at, new_period, convention),
        credit=sums.credit,
        charge=sums.charge,
        due_now=sums.due_now,
        to_wallet=sums.to_wallet,
        next_period=new_period or cycle.period,
        next_anchor=anchor,
    )


# ---------------------------------------------------------------- cancel, pause, resume, undo


def cancel(cycle: Cycle, now: datetime, *, at_end: bool = True, convention: Convention = OURS) -> Change:
    """The end, with the period or now. Now: the unused part comes back as paid credit; what a pause kept is unused.

    During a pause only now: the period's end is not known before the resume (WrongState).
    """
    if at_end:
        _require_running(cycle)
        _instant(cycle, now)
        return _free(cycle, ChangeKind.CANCEL_AT_END, None, cycle.period.end, is_pending=True)
    at = utc(now) if cycle.paused_at else _instant(cycle, now)
    ended = _free(cycle, ChangeKind.CANCEL_NOW, None, at)
    if cycle.is_trial:
        return ended
    used_until = cycle.paused_at or at
    price = cycle.billed or cycle.terms.amount
    zero = Money.zero(price.currency)
    sums = settle(
        price,
        zero,
        cycle.period,
        used_until,
        paid=cycle.paid,
        already_credited=cycle.already_credited,
        convention=convention,
    )
    lines = _lines(cycle, cycle.terms, sums, used_until, None, convention)
    return replace(ended, lines=lines, credit=sums.credit, to_wallet=sums.to_wallet)


def pause(cycle: Cycle, now: datetime, resume_at: datetime, *, at_end: bool = False) -> Change:
    """No calls and no charges from now (or the period's end) until `resume_at`, which must be later: InvalidInput.

    A trial cannot be paused (WrongState): it would never end.
    """
    _require_running(cycle)
    if cycle.is_trial:
        raise WrongState(state=SubscriptionState.TRIALING)
    at = _instant(cycle, now)
    if at_end:
        at = cycle.period.end
    if utc(resume_at) <= at:
        raise InvalidInput(fields={"resume_at": "out_of_range"})
    paused = _free(cycle, ChangeKind.PAUSE, cycle.terms, at, is_pending=at_end)
    return replace(paused, next_period=None, next_anchor=None, resume_at=utc(resume_at))


def resume(cycle: Cycle, now: datetime) -> Change:
    """The rest of the paid period begins; the cycle is anchored anew at its end. Raises WrongState when not paused."""
    if cycle.paused_at is None:
        raise WrongState(state=SubscriptionState.ACTIVE)
    at = max(utc(now), utc(cycle.paused_at))
    period = resumed(cycle.period, cycle.paused_at, at)
    going_on = _free(cycle, ChangeKind.RESUME, cycle.terms, at)
    return replace(going_on, next_period=period, next_anchor=Anchor.of(period.end, cycle.anchor.zone))


def undo(cycle: Cycle, pending: Change, now: datetime) -> Change:
    """Takes a pending change back, until the instant it takes effect (WrongState from then on)."""
    if not pending.is_pending or utc(now) >= pending.effective_at:
        raise WrongState(state=pending.kind)
    return _free(cycle, ChangeKind.UNDO, cycle.terms, utc(now))


# ---------------------------------------------------------------- what a change leaves behind


def pending_after(change: Change) -> Change | None:
    """What is pending once `change` is decided: a newer change supersedes the older, also one to the running terms."""
    return change if change.is_pending else None


def cycle_after(cycle: Cycle, change: Change) -> Cycle | None:
    """The cycle once `change` has taken effect and what was due now is paid; None when nothing goes on."""
    if change.after is None:
        return None
    if change.next_period is None or change.next_anchor is None:
        return replace(cycle, paused_at=change.effective_at)
    if change.next_period == cycle.period or change.kind is ChangeKind.RESUME:
        return replace(
            cycle,
            terms=change.after,
            anchor=change.next_anchor,
            period=change.next_period,
            paid=cycle.paid + change.charge,
            already_credited=cycle.already_credited + change.credit,
            billed=cycle.billed if change.after == cycle.terms else None,
            paused_at=None,
        )
    zero = Money.zero(change.charge.currency)
    return Cycle(change.after, change.next_anchor, change.next_period, change.charge, zero, change.used_calls)


def renewed(cycle: Cycle) -> Cycle:
    """The next period on the same terms, not yet paid: `terms.amount` is owed. A trial's end moves the anchor."""
    at, terms = cycle.period.end, cycle.terms
    anchor = Anchor.of(at, cycle.anchor.zone) if cycle.is_trial else cycle.anchor
    zero = Money.zero(terms.price.currency)
    return Cycle(terms, anchor, period_at(anchor, terms.interval, at), paid=zero, already_credited=zero)


def hash_of(change: Change) -> str:
    """SHA-256 (hex) over what the buyer agrees to. The preview carries it; the commit refuses (SumMoved) when its own
    differs.

    The seconds between both are left out where they do not move the sum: the instant of a change that takes effect now,
    the parts of its lines, and calls made meanwhile.
    """
    agreed = {
        "kind": change.kind,
        "before": _plain(change.before),
        "after": change.after and _plain(change.after),
        "period": [change.period.start.isoformat(), change.period.end.isoformat()],
        "effective_at": utc(change.effective_at).isoformat() if change.is_pending else None,
        "resume_at": change.resume_at and change.resume_at.isoformat(),
        "lines": [
            [line.code, line.plan, line.quantity, line.price.micros, line.amount.micros] for line in change.lines
        ],
        "due_now": change.due_now.micros,
        "to_wallet": change.to_wallet.micros,
    }
    return sha256(json.dumps(agreed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _plain(terms: Terms) -> list[str | int | None]:
    price, interval = terms.price, terms.interval
    return [
        terms.plan,
        price.micros,
        price.currency,
        interval.months,
        interval.days,
        terms.quantity,
        terms.included,
    ]
