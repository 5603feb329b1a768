"""Credit that a disputed payment stands behind: nobody spends it while the bank decides."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.db import money_models as mm
from services.db import payment_models as pm
from services.embedded.money import grants, paid_in

OPEN, WON, LOST = "open", "won", "lost"  # how a dispute stands; one that is won has brought the money back

_D, _G = pm.DisputeRow, mm.GrantRow


def bought(connection: Connection, row: Any) -> set[str]:  # Any: a row of DisputeRow, here and below
    """The credit (uuids) that a disputed payment bought, or that a smaller plan gave back of it."""
    if row.grant_uuid:
        return {row.grant_uuid}
    i = mm.InvoiceRow
    invoice = connection.execute(sa.select(*i.__table__.c).where(i.uuid == row.invoice_uuid)).one_or_none()
    return set() if invoice is None else set(paid_in.grants_given(connection, invoice))


def frozen(connection: Connection, row: Any) -> Money:
    """How much of it cannot be spent now."""
    if row.state != OPEN:
        return Money.zero(row.currency)
    return grants.frozen(connection, row.organization_uuid, row.currency, bought(connection, row))


def freeze(connection: Connection, organization_uuid: str) -> None:
    """What open disputes stand behind cannot be spent; everything else can."""
    open_ones = sa.select(*_D.__table__.c).where(_D.organization_uuid == organization_uuid, _D.state == OPEN)
    held = {grant for one in connection.execute(open_ones).all() for grant in bought(connection, one)}
    for is_frozen, which in ((True, _G.uuid.in_(held)), (False, _G.uuid.not_in(held))):
        changed = sa.update(_G).where(_G.organization_uuid == organization_uuid, which, _G.is_frozen != is_frozen)
        connection.execute(changed.values(is_frozen=is_frozen))
