"""Credit without money behind it cannot be spent.

A bank decides about the payment that bought it; or a smaller plan gave it back of what was never paid, or was paid and
the money went again.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import InvoiceKind, InvoiceState
from services.db import money_models as mm
from services.db import payment_models as pm
from services.embedded.money import grants, paid_in

OPEN, WON, LOST = "open", "won", "lost"  # how a dispute stands; one that is won has brought the money back

_D, _G, _I = pm.DisputeRow, mm.GrantRow, mm.InvoiceRow
_OPEN_DISPUTES = sa.select(*_D.__table__.c).where(_D.organization_uuid == sa.bindparam("of"), _D.state == OPEN)
_UNPAID = sa.select(*_I.__table__.c).where(
    _I.organization_uuid == sa.bindparam("of"),
    _I.state == InvoiceState.OPEN.value,
    _I.kind == InvoiceKind.INVOICE.value,
    _I.subscription_uuid != "",
    _I.total_micros > _I.paid_micros + _I.credited_micros,
)
_ANY = sa.select(_G.uuid).where(_G.organization_uuid == sa.bindparam("of"), _G.is_frozen).limit(1)


def bought(connection: Connection, row: Any) -> set[str]:  # Any: a row of DisputeRow, here and below
    """The credit (uuids) that a disputed payment bought, or that a smaller plan gave back of it."""
    if row.grant_uuid:
        return {row.grant_uuid}
    invoice = connection.execute(sa.select(*_I.__table__.c).where(_I.uuid == row.invoice_uuid)).one_or_none()
    return set() if invoice is None else set(paid_in.grants_given(connection, invoice))


def frozen(connection: Connection, row: Any) -> Money:
    """How much of it cannot be spent now."""
    if row.state != OPEN:
        return Money.zero(row.currency)
    return grants.frozen(connection, row.organization_uuid, row.currency, bought(connection, row))


def freeze(connection: Connection, organization_uuid: str) -> None:
    """What open disputes stand behind, and what was given back of an invoice beyond what is paid of it so far, cannot
    be spent; everything else can."""
    of = {"of": organization_uuid}
    held = {grant for one in connection.execute(_OPEN_DISPUTES, of).all() for grant in bought(connection, one)}
    for one in connection.execute(_UNPAID, of).all():
        if paid_in.missing(connection, one):
            held |= set(paid_in.grants_given(connection, one))
    for is_frozen, which in ((True, _G.uuid.in_(held)), (False, _G.uuid.not_in(held))):
        changed = sa.update(_G).where(_G.organization_uuid == organization_uuid, which, _G.is_frozen != is_frozen)
        connection.execute(changed.values(is_frozen=is_frozen))


def thaw(connection: Connection, organization_uuid: str) -> None:
    """After an invoice was paid: what was frozen for want of that is free."""
    if connection.execute(_ANY, {"of": organization_uuid}).first() is not None:
        freeze(connection, organization_uuid)
