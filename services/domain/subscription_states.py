"""Which states a subscription has, what each allows, what leads out of it, and who gets a trial.

Hidden here: the transition table. A cancellation or another change at the period's end is pending and no state; the
subscription stays what it is until then. While an invoice is unpaid the plan cannot be changed, only paid for or
cancelled now: a change would charge the same days twice, and credit for days that were never paid.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from services.api.errors import WrongState
from services.api.types import ChangeAction, SubscriptionState
from services.domain.periods import trial_end, utc

TRIAL_DAYS = 14
TRIAL_REMINDER = timedelta(days=3)  # before the first charge


class Event(StrEnum):
    TRIAL_ENDED = "trial_ended"  # the first charge is due
    PAYMENT_FAILED = "payment_failed"
    RETRIES_EXHAUSTED = "retries_exhausted"  # dunning gave up
    PAID = "paid"  # nothing is unpaid any more
    PAUSED = "paused"
    RESUMED = "resumed"
    CANCELED = "canceled"  # now, or the period's end came with a cancellation pending


_S = SubscriptionState

_AFTER: dict[SubscriptionState, dict[Event, SubscriptionState]] = {
    _S.TRIALING: {Event.TRIAL_ENDED: _S.ACTIVE, Event.CANCELED: _S.CANCELED},
    _S.ACTIVE: {
        Event.PAYMENT_FAILED: _S.PAST_DUE,
        Event.PAID: _S.ACTIVE,
        Event.PAUSED: _S.PAUSED,
        Event.CANCELED: _S.CANCELED,
    },
    _S.PAST_DUE: {
        Event.PAYMENT_FAILED: _S.PAST_DUE,
        Event.RETRIES_EXHAUSTED: _S.SUSPENDED,
        Event.PAID: _S.ACTIVE,
        Event.CANCELED: _S.CANCELED,
    },
    _S.SUSPENDED: {
        Event.PAYMENT_FAILED: _S.SUSPENDED,
        Event.RETRIES_EXHAUSTED: _S.SUSPENDED,
        Event.PAID: _S.ACTIVE,
        Event.CANCELED: _S.CANCELED,
    },
    # An invoice for usage may be open during a pause; nothing is served that could be taken away.
    _S.PAUSED: {
        Event.PAYMENT_FAILED: _S.PAUSED,
        Event.RETRIES_EXHAUSTED: _S.PAUSED,
        Event.PAID: _S.PAUSED,
        Event.RESUMED: _S.ACTIVE,
        Event.CANCELED: _S.CANCELED,
    },
    # What was owed stays owed: its invoice may still be paid, or fail to be.
    _S.CANCELED: {
        Event.PAYMENT_FAILED: _S.CANCELED,
        Event.RETRIES_EXHAUSTED: _S.CANCELED,
        Event.PAID: _S.CANCELED,
    },
}

_A = ChangeAction

_ALLOWED: dict[SubscriptionState, tuple[ChangeAction, ...]] = {
    _S.TRIALING: (_A.CHANGE_PLAN, _A.CANCEL_NOW, _A.CANCEL_AT_END),
    _S.ACTIVE: (_A.CHANGE_PLAN, _A.CANCEL_NOW, _A.CANCEL_AT_END, _A.PAUSE),
    _S.PAST_DUE: (_A.CANCEL_NOW,),
    _S.SUSPENDED: (_A.CANCEL_NOW,),
    _S.PAUSED: (_A.CANCEL_NOW, _A.RESUME),
    _S.CANCELED: (),
}


def after(state: SubscriptionState, event: Event) -> SubscriptionState:
    """The state `event` leads to. Raises WrongState (params: state) when the state does not know it."""
    try:
        return _AFTER[state][event]
    except KeyError:
        raise WrongState(state=state) from None


def allowed(state: SubscriptionState, *, is_pending: bool = False) -> tuple[ChangeAction, ...]:
    """What the buyer may do, in the order of the buttons. With a change pending: undo it too, and no pause before that,
    because a pause moves the instant the change waits for."""
    actions = _ALLOWED[state]
    if state is _S.CANCELED:
        return actions
    if is_pending:
        actions = (*(action for action in actions if action is not _A.PAUSE), _A.UNDO)
    return (*actions, _A.SET_USAGE_PAYMENT, _A.SET_PAYMENT_CARD)


def serves(state: SubscriptionState) -> bool:
    """Whether calls are answered. A failed payment alone takes nothing away; giving up on it does."""
    return state in {_S.TRIALING, _S.ACTIVE, _S.PAST_DUE}


def may_try(offering: str, earlier: Collection[str]) -> bool:
    """One trial per organization and offering; `earlier`: the offerings the organization has tried, ended or not."""
    return offering not in earlier


def first_charge_at(start: datetime, zone: str = "UTC", days: int = TRIAL_DAYS) -> datetime:
    """When a trial from `start` ends and the first cycle is charged and anchored."""
    return trial_end(start, days, zone)


def reminder_at(start: datetime, first_charge: datetime) -> datetime:
    """Three days before the first charge; at once for a trial shorter than that."""
    return max(utc(start), utc(first_charge) - TRIAL_REMINDER)
