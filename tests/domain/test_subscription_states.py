"""States of a subscription: what leads where, what each allows, and who gets a trial."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.api.errors import WrongState
from services.api.types import ChangeAction, SubscriptionState
from services.domain.subscription_states import (
    TRIAL_DAYS,
    Event,
    after,
    allowed,
    first_charge_at,
    may_try,
    reminder_at,
    serves,
)

TABLE = """
    trialing   trial_ended        active
    trialing   canceled           canceled
    active     payment_failed     past_due
    active     paid               active
    active     paused             paused
    active     canceled           canceled
    past_due   payment_failed     past_due
    past_due   retries_exhausted  suspended
    past_due   paid               active
    past_due   canceled           canceled
    suspended  payment_failed     suspended
    suspended  retries_exhausted  suspended
    suspended  paid               active
    suspended  canceled           canceled
    paused     payment_failed     paused
    paused     retries_exhausted  paused
    paused     paid               paused
    paused     resumed            active
    paused     canceled           canceled
    canceled   payment_failed     canceled
    canceled   retries_exhausted  canceled
    canceled   paid               canceled
"""
KNOWN = {(state, event): then for state, event, then in (line.split() for line in TABLE.strip().splitlines())}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", SubscriptionState)
def test_an_event_leads_where_the_table_says_or_is_refused(state: SubscriptionState, event: Event) -> None:
    if (state, event) in KNOWN:
        assert after(state, event) == KNOWN[state, event]
        return
    with pytest.raises(WrongState) as refused:
        after(state, event)
    assert refused.value.params == {"state": state}


@pytest.mark.parametrize(
    ("state", "is_pending", "actions"),
    [
        ("trialing", False, "change_plan cancel_now cancel_at_end"),
        ("trialing", True, "change_plan cancel_now cancel_at_end undo"),
        ("active", False, "change_plan cancel_now cancel_at_end pause"),
        ("active", True, "change_plan cancel_now cancel_at_end undo"),
        ("past_due", False, "cancel_now"),
        ("past_due", True, "cancel_now undo"),
        ("suspended", False, "cancel_now"),
        ("suspended", True, "cancel_now undo"),
        ("paused", False, "cancel_now resume"),
        ("paused", True, "cancel_now resume undo"),
    ],
)
def test_what_a_buyer_may_do(state: str, is_pending: bool, actions: str) -> None:
    always = (ChangeAction.SET_USAGE_PAYMENT, ChangeAction.SET_PAYMENT_CARD)
    assert allowed(SubscriptionState(state), is_pending=is_pending) == (*actions.split(), *always)


def test_what_is_over_allows_nothing_and_pending_is_off_by_default() -> None:
    assert allowed(SubscriptionState.CANCELED) == allowed(SubscriptionState.CANCELED, is_pending=True) == ()
    assert ChangeAction.UNDO not in allowed(SubscriptionState.ACTIVE)


def test_a_failed_payment_takes_nothing_away_until_the_last_retry() -> None:
    assert {state for state in SubscriptionState if serves(state)} == {"trialing", "active", "past_due"}


def test_one_trial_per_offering() -> None:
    assert may_try("legal", [])
    assert may_try("legal", ["support"])
    assert not may_try("legal", ["support", "legal"])


def test_a_trial_is_fourteen_days_with_a_reminder_three_days_before_the_charge() -> None:
    assert TRIAL_DAYS == 14
    start = at("2026-03-01 14:00")
    assert first_charge_at(start) == at("2026-03-15 14:00")
    assert first_charge_at(start, "America/New_York") == at("2026-03-15 13:00")
    assert first_charge_at(start, days=1) == at("2026-03-02 14:00")
    assert reminder_at(start, at("2026-03-15 14:00")) == at("2026-03-12 14:00")
    assert reminder_at(start, start + timedelta(days=3)) == start
    assert reminder_at(start, start + timedelta(days=2)) == start
    assert reminder_at(start, start + timedelta(days=3, seconds=1)) == start + timedelta(seconds=1)
