"""What each kind of due item does. Kinds and their order at one instant are listed in due.ORDER."""

from __future__ import annotations

from services.embedded.money import auto_top_up, credit_expiry, renewals, reservations
from services.embedded.money.due import Duties

DUTIES = Duties(
    plain={
        "credit_effective": credit_expiry.on_effective,
        "credit_expires": credit_expiry.on_expires,
        "hold_expires": reservations.on_hold_expires,
        "trial_ends": renewals.on_trial_ends,
        "period": renewals.on_period,
        "finalise": renewals.on_finalise,
        "trial_reminder": renewals.on_trial_reminder,
    },
    asking={
        "auto_top_up": auto_top_up.on_due,
    },
)
