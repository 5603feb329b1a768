"""What each kind of due item does. Kinds and their order at one instant are listed in due.ORDER."""

from __future__ import annotations

from services.embedded.money import reservations
from services.embedded.money.due import Duties

DUTIES = Duties(
    plain={
        "hold_expires": reservations.on_hold_expires,
    },
    asking={},
)
