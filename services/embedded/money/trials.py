"""A trial: the reminder before its first charge, and its end, where the cycle is anchored."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from services.api.types import SubscriptionState
from services.embedded.core import Core
from services.embedded.money import cycles, drafting, renewals, subscribing
from services.embedded.money.due import Due
from services.embedded.money.taxes import details_of


def on_trial_ends(core: Core, connection: Connection, item: Due) -> None:
    """The first charge is due, and the cycle is anchored here; a cancellation that waited happens instead."""
    row = subscribing.find(connection, item.subject_uuid, lock=True)
    if row.state != SubscriptionState.TRIALING.value or item.at != row.trial_ends_at:
        return
    if row.pending.get("kind") == cycles.CANCEL:
        renewals.end(core, connection, row, item.at)
    else:
        renewals.begin(core, connection, row, item.at, "trial_ended")


def on_trial_reminder(core: Core, connection: Connection, item: Due) -> None:
    """Three days before the first charge."""
    row = subscribing.find(connection, item.subject_uuid)
    found = renewals.upcoming(connection, row, item.at) if row.state == SubscriptionState.TRIALING.value else None
    if found is not None:
        total = drafting.composed(found.new, details_of(connection, row.organization_uuid))
        renewals.note(core, connection, row, "trial_reminder", item.at, ends_at=row.trial_ends_at.isoformat(),
              amount_micros=(total.credit_applied + total.due).micros, currency=row.currency)  # fmt: skip
