"""What each kind of due item does. Kinds and their order at one instant are listed in due.ORDER."""

from __future__ import annotations

from services.embedded.money import (
    auto_top_up,
    captures,
    collection,
    committing,
    credit_expiry,
    quotes,
    receiving,
    recognition,
    renewals,
    reservations,
    standing,
    trials,
)
from services.embedded.money.due import Duties

DUTIES = Duties(
    plain={
        "credit_effective": credit_expiry.on_effective,
        "credit_expires": credit_expiry.on_expires,
        "hold_expires": reservations.on_hold_expires,
        "recognise": recognition.on_recognise,
        "trial_ends": trials.on_trial_ends,
        "resume": committing.on_resume,
        "period": renewals.on_period,
        "finalise": renewals.on_finalise,
        "overdue": standing.on_overdue,
        "suspend": standing.on_suspend,
        "quote_expires": quotes.on_expires,
        "transfer_expires": receiving.on_transfer_expires,
        "trial_reminder": trials.on_trial_reminder,
    },
    asking={
        "capture": captures.on_capture,
        "collect": collection.on_collect,
        "auto_top_up": auto_top_up.on_due,
    },
)
