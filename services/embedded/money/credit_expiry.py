"""Credit in time: it becomes usable, and what is left of it at the end leaves the wallet."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from services.domain import movements, wallet
from services.domain.movements import Stamp
from services.embedded.core import Core
from services.embedded.money import alerts, grants, ledger
from services.embedded.money.due import Due
from services.embedded.money.happenings import note_happening


def on_effective(core: Core, connection: Connection, item: Due) -> None:
    """Given earlier, usable from now on: nothing moves in the books, the balance rises."""
    alerts.after_change(core, connection, item.organization_uuid, item.at)


def on_expires(core: Core, connection: Connection, item: Due) -> None:
    """What nobody has used goes: of paid credit it is ours, of promotional credit the expense is taken back. Due again
    for what a call gave back after the end."""
    organization = item.organization_uuid
    ledger.lock(connection, organization)
    over = wallet.expired(grants.load(connection, organization), item.at)
    share = next((share for share in over if share.grant_id == item.subject_uuid), None)
    if share is None:
        return
    stamp = Stamp(organization, f"expire:{item.key}", item.at, {"grant": share.grant_id})
    ledger.post(core, connection, movements.expire_grant(stamp, share))
    note_happening(core, connection, organization, "credit_expired", item.at, ref=f"credit:{share.grant_id}",
                   credit=share.kind.value, amount_micros=share.amount.micros,
                   currency=share.amount.currency)  # fmt: skip
    alerts.after_change(core, connection, organization, item.at)
