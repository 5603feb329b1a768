"""When an unpaid invoice is tried again, and when what it pays for is suspended (BILLING, "Dunning").

A retry is due exactly 1, 3, 5 and 7 times 24 hours after the first failure, whatever the time zone. After a hard
decline nothing is retried, but the buyer keeps the same seven days to pay another way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.api.types import SubscriptionState

RETRY_DAYS = (1, 3, 5, 7)

# The card will never work again, so trying it can only cost. Everything else, unknown codes too, may pass tomorrow:
# card_declined and insufficient_funds above all.
HARD_DECLINES = frozenset({"stolen_card", "lost_card", "account_closed", "card_not_supported"})


@dataclass(frozen=True, slots=True)
class Calendar:
    """What buyer and support see: the instants of the retries, and the instant of suspension when none succeeds."""

    attempts: tuple[datetime, ...]
    suspend_at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """An unpaid invoice: when its first charge failed, how many retries failed since, and the newest decline code."""

    first_at: datetime
    decline_code: str
    failed_retries: int = 0


def is_hard(decline_code: str) -> bool:
    """Whether a decline rules out every retry with this card."""
    return decline_code in HARD_DECLINES


def calendar(first_failure_at: datetime, decline_code: str) -> Calendar:
    """The whole calendar, seen from the first failure. Suspension is at the last retry's instant, when that fails."""
    start = first_failure_at.astimezone(UTC)  # in a zone with summer time a day could have 23 hours
    instants = tuple(start + timedelta(days=days) for days in RETRY_DAYS)
    return Calendar(() if is_hard(decline_code) else instants, instants[-1])


def next_attempt(failure: Failure) -> datetime | None:
    """When to try again, or None: all retries are used up, or the newest decline was a hard one."""
    planned = calendar(failure.first_at, failure.decline_code).attempts
    return planned[failure.failed_retries] if failure.failed_retries < len(planned) else None


def standing(failure: Failure | None, now: datetime) -> SubscriptionState:
    """Where a subscription stands. None means that nothing is unpaid: paying at any time restores at once.

    With retries left it is past due however late they are made: nobody is suspended for a sweep that slept.
    """
    if failure is None:
        return SubscriptionState.ACTIVE
    is_over = now >= calendar(failure.first_at, failure.decline_code).suspend_at and next_attempt(failure) is None
    return SubscriptionState.SUSPENDED if is_over else SubscriptionState.PAST_DUE
