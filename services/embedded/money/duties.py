"""What each kind of due item does. Kinds and their order at one instant are listed in due.ORDER."""

from __future__ import annotations

from services.embedded.money import auto_top_up, credit_expiry, reservations
from services.embedded.money.due import Duties

DUTIES = Duties(
    plain={
        "credit_effective": credit_expiry.on_effective,
        "credit_expires": credit_expiry.on_expires,
        "hold_expires": reservations.on_hold_expires,
    },
    asking={
        "auto_top_up": auto_top_up.on_due,
    },
)
