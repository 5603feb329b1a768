"""An open invoice is given up: nothing of it is collected any more, what was earned of it is lost.

It may still be paid, and paying it undoes the loss and restores what was suspended.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import InvoiceState
from services.db import money_models as mm
from services.domain import invoicing, reversals
from services.domain.invoicing import InvoiceAction
from services.domain.movements import Stamp
from services.embedded.core import Core
from services.embedded.money import due, finalising, forfeits, freezing, ledger, recognition
from services.embedded.money.happenings import note_happening

_I = mm.InvoiceRow


def write_off(core: Core, connection: Connection, invoice_uuid: str, at: datetime) -> None:
    """open -> uncollectible. Its tax stays owed to the state: relief for bad debts is the tax adviser's. WrongState."""
    row = finalising.row_of(connection, invoice_uuid)
    state = invoicing.after(InvoiceState(row.state), InvoiceAction.WRITE_OFF)
    owed, nothing = finalising.owed_of(row), Money.zero(row.currency)
    stamp = Stamp(row.organization_uuid, f"written_off:{row.uuid}", at, {"number": row.number, "invoice": row.uuid})
    forfeits.take_back(core, connection, row, at)
    unearned = _unearned(core, connection, row, owed, at)
    ledger.post(core, connection, reversals.write_off(stamp, amount=owed, tax=nothing, deferred=unearned))
    connection.execute(sa.update(_I).where(_I.uuid == row.uuid).values(state=state.value))
    due.drop(connection, row.uuid)
    freezing.thaw(connection, row.organization_uuid)
    note_happening(core, connection, row.organization_uuid, "written_off", at, ref=f"invoice:{row.uuid}",
                   number=row.number, amount_micros=owed.micros, currency=row.currency)  # fmt: skip


def _unearned(core: Core, connection: Connection, row: Any, owed: Money, at: datetime) -> Money:
    """What of the invoice will now never be earned, at most what is owed."""
    taken = Money.zero(row.currency)
    for line in finalising.charged_lines(connection, row.uuid):
        left = recognition.catch_up(core, connection, line.uuid, row.organization_uuid, at)
        part = min(left or taken, owed - taken)
        if left is not None and part.micros > 0:
            recognition.take_back(connection, line.uuid, row.organization_uuid, part)
            taken += part
    return taken
