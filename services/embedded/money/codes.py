"""Gift and promotional codes: looked up and redeemed, each as often as it may be and no more, whoever is first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput
from services.api.money import Money
from services.db import money_models as mm
from services.db import portable
from services.domain import wallet
from services.domain.movements import GIFT
from services.domain.wallet import CreditCode, GrantKind
from services.embedded.core import Core, insert_into
from services.embedded.money import alerts, grants
from services.embedded.money.grants import NewGrant
from services.embedded.money.happenings import note_happening

CODE_MAX = 64  # characters
_OVER = datetime(2020, 1, 1, tzinfo=UTC)

# Codes that exist where no real money moves, so that everything can be tried.
SAMPLES = (
    CreditCode("GIFT25", GrantKind.PROMOTIONAL, Money.parse("25"), 1000, None, None, valid_days=90),
    CreditCode("EXPIRED10", GrantKind.PROMOTIONAL, Money.parse("10"), 1000, None, _OVER),
    CreditCode("LASTONE", GrantKind.PROMOTIONAL, Money.parse("5"), 1, None, None),
)

_C, _U = mm.CreditCode, mm.CreditCodeUse
_ROW = sa.select(*_C.__table__.c).where(_C.code == sa.bindparam("wanted")).with_for_update()
_USED = sa.select(_U.code).where(_U.code == sa.bindparam("wanted"), _U.organization_uuid == sa.bindparam("of"))
_TAKE = sa.update(_C).where(_C.code == sa.bindparam("wanted")).values(redeemed=_C.redeemed + 1)


def add(connection: Connection, *new: CreditCode) -> None:
    """Makes codes known; one that is known already stays as it is."""
    rows = [
        {"code": code.code, "kind": code.kind.value, "amount_micros": code.amount.micros,
         "currency": code.amount.currency, "max_total": code.max_total, "redeemed": 0, "starts_at": code.starts_at,
         "ends_at": code.ends_at, "valid_days": code.valid_days, "priority": code.priority}
        for code in new
    ]  # fmt: skip
    connection.execute(portable.insert(_C).on_conflict_do_nothing(), rows)


def seed(connection: Connection) -> None:
    """The codes of a workspace in test mode."""
    add(connection, *SAMPLES)


def tidy(text: str) -> str:
    """A code as it is kept, from what was typed."""
    return text.strip().upper()


def redeem(core: Core, connection: Connection, organization_uuid: str, code: str, at: datetime) -> str:
    """Turns a tidy code into credit, usable at once. Returns the grant's uuid. InvalidInput(code)."""
    row = _locked(connection, code)
    known = _from_row(row)
    used = connection.execute(_USED, {"wanted": code, "of": organization_uuid}).first()
    problem = wallet.code_problem(
        known, currency=alerts.CURRENCY, redeemed=row.redeemed, used_before=used is not None, at=at
    )
    if problem is not None:
        raise InvalidInput(fields={"code": problem.value})
    connection.execute(_TAKE, {"wanted": code})
    grant_uuid = _grant(core, connection, organization_uuid, known, at)
    connection.execute(
        insert_into(_U), {"code": code, "organization_uuid": organization_uuid, "grant_uuid": grant_uuid, "at": at}
    )
    note_happening(core, connection, organization_uuid, "code_redeemed", at, ref=f"credit:{grant_uuid}", code=code,
                   amount_micros=known.amount.micros, currency=known.amount.currency)  # fmt: skip
    alerts.after_change(core, connection, organization_uuid, at)
    return grant_uuid


def _locked(connection: Connection, code: str) -> Any:  # Any: a row of CreditCode
    """The row of a code; whoever else wants it waits until this transaction ends, so its count is exact."""
    if not code:
        raise InvalidInput(fields={"code": "required"})
    row = connection.execute(_ROW, {"wanted": code}).one_or_none() if len(code) <= CODE_MAX else None
    if row is None:
        raise InvalidInput(fields={"code": "unknown"})
    return row


def _from_row(row: Any) -> CreditCode:
    amount = Money(row.amount_micros, row.currency)
    return CreditCode(
        row.code, GrantKind(row.kind), amount, row.max_total, row.starts_at, row.ends_at, row.valid_days, row.priority
    )


def _grant(core: Core, connection: Connection, organization_uuid: str, code: CreditCode, at: datetime) -> str:
    """A gift was paid for by whoever gave it; other codes are ours to give."""
    is_gift = code.kind is GrantKind.PAID
    granted = wallet.redeemed(code, "", at)
    source = "gift_code" if is_gift else "promotional_code"
    new = NewGrant(
        organization_uuid,
        code.kind,
        source,
        code.amount,
        granted.effective_at,
        granted.expires_at,
        granted.priority,
        provider=GIFT if is_gift else "",
    )
    return grants.create(core, connection, new, at, {"source": source, "code": code.code})
