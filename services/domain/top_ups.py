"""Buying credit: which amounts, when the wallet tops itself up, and what that would have cost in the last 90 days.

The rehearsal replays real calls through the same `decide` that will spend real money.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.api.money import MICROS, Money
from services.domain.caps import Window, window_start

REHEARSAL_DAYS = 90

# Whole major units, chosen per currency and not converted by a rate.
PACKS: dict[str, tuple[int, ...]] = {
    "USD": (10, 20, 50, 100),
    "EUR": (10, 20, 50, 100),
    "GBP": (10, 20, 50, 100),
    "JPY": (1_000, 2_000, 5_000, 10_000),
    "KWD": (3, 6, 15, 30),
}
RANGES: dict[str, tuple[int, int]] = {
    "USD": (5, 10_000),
    "EUR": (5, 10_000),
    "GBP": (5, 10_000),
    "JPY": (500, 1_000_000),
    "KWD": (2, 3_000),
}


def packs(currency: str) -> tuple[Money, ...]:
    """The amounts offered as buttons."""
    return tuple(Money(units * MICROS, currency) for units in PACKS[currency])


def smallest(currency: str) -> Money:
    """The least that can be bought."""
    return Money(RANGES[currency][0] * MICROS, currency)


def largest(currency: str) -> Money:
    """The most that can be bought at once."""
    return Money(RANGES[currency][1] * MICROS, currency)


def _is_whole_minor(amount: Money) -> bool:
    return amount.rounded() == amount


def amount_problem(amount: Money) -> str | None:
    """Why this amount cannot be bought: `out_of_range` or `not_whole_minor`; None when it can."""
    if amount < smallest(amount.currency) or largest(amount.currency) < amount:
        return "out_of_range"
    return None if _is_whole_minor(amount) else "not_whole_minor"


# ---- auto-top-up


@dataclass(frozen=True, slots=True)
class AutoTopUp:
    """Below `threshold` the wallet is filled to `target`, never for more than `monthly_limit` in a UTC month."""

    is_on: bool = False
    threshold: Money | None = None
    target: Money | None = None
    monthly_limit: Money | None = None


def _amount_problems(settings: AutoTopUp, currency: str) -> dict[str, str]:
    amounts = {"threshold": settings.threshold, "target": settings.target, "monthly_limit": settings.monthly_limit}
    found = {}
    for field, amount in amounts.items():
        if amount is None:
            found[field] = "required"
        elif amount.currency != currency:
            found[field] = "wrong_currency"
        elif amount.micros <= 0 or (field == "target" and largest(currency) < amount):
            found[field] = "out_of_range"
        elif not _is_whole_minor(amount):
            found[field] = "not_whole_minor"
    return found


def settings_problems(settings: AutoTopUp, currency: str) -> dict[str, str]:
    """Field -> code; empty when the settings may be kept. Switched off, anything may be kept.

    The target lies above the threshold (`below_threshold`) by at least the least amount sold (`gap_too_small`). The
    monthly limit covers one filling from nothing, the largest there can be (`below_target`): with less, a wallet that
    ran empty would never be filled, which is when it matters.
    """
    if not settings.is_on:
        return {}
    found = _amount_problems(settings, currency)
    threshold, target, limit = settings.threshold, settings.target, settings.monthly_limit
    if found or threshold is None or target is None or limit is None:
        return found
    if not threshold < target:
        found["target"] = "below_threshold"
    elif target - threshold < smallest(currency):
        found["target"] = "gap_too_small"
    if limit < target:
        found["monthly_limit"] = "below_target"
    return found


class Reason(StrEnum):
    DUE = "due"
    OFF = "off"
    ENOUGH = "enough"
    PENDING = "pending"  # at most one charge in flight
    MONTHLY_LIMIT = "monthly_limit"


@dataclass(frozen=True, slots=True)
class Decision:
    """`charge` is None unless the reason is DUE."""

    charge: Money | None
    reason: Reason


def _up_to_minor(amount: Money) -> Money:
    """The fewest whole minor units that cover `amount`: a card is not charged fractions, and the gap must close."""
    nearest = amount.rounded()
    return nearest + Money(amount.minor_unit, amount.currency) if nearest < amount else nearest


def decide(settings: AutoTopUp, balance: Money, charged_this_month: Money, pending: Money) -> Decision:
    """What to charge now. One charge closes the whole gap; while one is pending there is no other.

    A gap that does not fit what the month has left is not charged at all: part of it would leave the wallet below its
    target and come again tomorrow. `charged_this_month`: succeeded automatic charges of this UTC month.
    """
    threshold, target, limit = settings.threshold, settings.target, settings.monthly_limit
    if not settings.is_on or threshold is None or target is None or limit is None:
        return Decision(None, Reason.OFF)
    if not pending.is_zero:
        return Decision(None, Reason.PENDING)
    if not balance < threshold:
        return Decision(None, Reason.ENOUGH)
    gap = _up_to_minor(target - balance)
    if limit < charged_this_month + gap:
        return Decision(None, Reason.MONTHLY_LIMIT)
    return Decision(gap, Reason.DUE)


# ---- rehearsal


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the settings would have done. `refused_by_limit`: the first refused charge of each month."""

    charges: tuple[tuple[datetime, Money], ...]
    total: Money
    lowest: Money
    was_empty_at: tuple[datetime, ...]  # calls the wallet could not pay; they cost nothing
    refused_by_limit: tuple[datetime, ...]


class _Replay:
    """The wallet during a rehearsal. A charge arrives at once, so nothing is ever pending."""

    def __init__(self, settings: AutoTopUp, opening: Money) -> None:
        self.settings = settings
        self.balance = self.lowest = opening
        self.nothing = Money.zero(opening.currency)
        self.charges: list[tuple[datetime, Money]] = []
        self.empty: list[datetime] = []
        self.refused: list[datetime] = []
        self.month: datetime | None = None
        self.charged = self.nothing
        self.was_refused = False

    def look(self, at: datetime) -> None:
        """Ask `decide`, in the month that holds `at`."""
        month = window_start(Window.MONTH, at)
        if month != self.month:
            self.month, self.charged, self.was_refused = month, self.nothing, False
        decision = decide(self.settings, self.balance, self.charged, self.nothing)
        if decision.charge is not None:
            self.charges.append((at, decision.charge))
            self.balance += decision.charge
            self.charged += decision.charge
        elif decision.reason is Reason.MONTHLY_LIMIT and not self.was_refused:
            self.refused.append(at)
            self.was_refused = True

    def spend(self, at: datetime, amount: Money) -> None:
        """A call is paid, or refused when the balance does not cover it: a balance is never below zero."""
        if self.balance < amount:
            self.empty.append(at)
            return
        self.balance -= amount
        self.lowest = min(self.lowest, self.balance)


def rehearse(
    settings: AutoTopUp,
    opening: Money,
    spends: Iterable[tuple[datetime, Money]],
    now: datetime,
    days: int = REHEARSAL_DAYS,
) -> Rehearsal:
    """The settings, as if switched on `days` ago with the balance `opening`, over the calls of [now - days, now).

    The balance is looked at when it is switched on, before each call (a new month may have begun) and after it.
    """
    start = now - timedelta(days=days)
    replay = _Replay(replace(settings, is_on=True), opening)
    replay.look(start)
    inside = (spend for spend in spends if start <= spend[0] < now)
    for at, amount in sorted(inside, key=lambda spend: spend[0]):
        replay.look(at)
        replay.spend(at, amount)
        replay.look(at)
    total = sum((amount for _, amount in replay.charges), replay.nothing)
    return Rehearsal(tuple(replay.charges), total, replay.lowest, tuple(replay.empty), tuple(replay.refused))
