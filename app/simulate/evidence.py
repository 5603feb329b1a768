"""What a check of a simulated life may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.db import money_models as mm
from services.domain.ledger import AccountKind

_A, _E = mm.LedgerAccount, mm.LedgerEntry


@dataclass(frozen=True, slots=True)
class Life:
    """Everything in the database, and what the provider says. `charges`: charge id -> (micros, micros refunded) of
    those that succeeded."""

    connection: Connection
    ledger_key: bytes
    charges: dict[str, tuple[int, int]]
    now: datetime
    disputed: int = 0  # micros of them that banks took back


Check = Callable[[Life], Iterator[str]]  # yields what does not hold, in words


def sums(life: Life, kind: AccountKind) -> dict[tuple[str, str], int]:
    """(organization, sub) -> micros: what the entries of a kind of account come to."""
    rows = life.connection.execute(
        sa.select(_A.organization_uuid, _A.sub, sa.func.sum(_E.amount_micros))
        .join(_E, _E.account_id == _A.id)
        .where(_A.kind == kind.value)
        .group_by(_A.organization_uuid, _A.sub)
    )
    return {(organization, sub): int(micros) for organization, sub, micros in rows}
