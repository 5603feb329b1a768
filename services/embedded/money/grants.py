"""Credit of an organization: each grant is a row and a ledger account of its own, whose balance is what is left."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.db import money_models as mm
from services.domain import movements, wallet
from services.domain.ledger import WALLETS
from services.domain.movements import Stamp
from services.domain.wallet import Draw, Grant, GrantKind, Share
from services.embedded.core import Core, insert_into
from services.embedded.money import due, ledger

PRIORITIES = {GrantKind.PROMOTIONAL: 50, GrantKind.PAID: 50}  # of grants nobody gave another; lower pays first

_G = mm.GrantRow
_OF = (
    sa.select(*_G.__table__.c, mm.LedgerAccount.balance_micros)
    .join(
        mm.LedgerAccount,
        sa.and_(
            mm.LedgerAccount.organization_uuid == _G.organization_uuid,
            mm.LedgerAccount.sub == _G.uuid,
            mm.LedgerAccount.kind.in_([kind.value for kind in WALLETS]),
        ),
    )
    .where(_G.organization_uuid == sa.bindparam("of"))
)


@dataclass(frozen=True, slots=True)
class NewGrant:
    """`tax` was paid on top of a paid grant; `provider` took the money of a paid grant ("" when no money came in)."""

    organization_uuid: str
    kind: GrantKind
    source: str
    amount: Money
    effective_at: datetime
    expires_at: datetime | None = None
    priority: int | None = None
    tax: Money | None = None
    provider: str = ""
    payment_uuid: str = ""


def load(
    connection: Connection, organization_uuid: str, *, with_empty: bool = False, with_frozen: bool = False
) -> list[Grant]:
    """The grants with something left that may be spent (with what is frozen, or all there ever were), with what is left
    of each."""
    statement = _OF if with_empty else _OF.where(mm.LedgerAccount.balance_micros > 0)
    if not (with_empty or with_frozen):
        statement = statement.where(_G.is_frozen.is_(False))
    return [
        Grant(
            id=row.uuid,
            kind=GrantKind(row.kind),
            amount=Money(row.amount_micros, row.currency),
            left=Money(row.balance_micros, row.currency),
            priority=row.priority,
            effective_at=row.effective_at,
            expires_at=row.expires_at,
            created_at=row.created_at,
        )
        for row in connection.execute(statement, {"of": organization_uuid})
    ]


def left_of(connection: Connection, organization_uuid: str, among: Collection[str], at_most: Money) -> list[Share]:
    """What is unspent, frozen or not, of the grants (uuids) `among`, together no more than `at_most`."""
    shares = []
    for grant in load(connection, organization_uuid, with_frozen=True):
        part = min(grant.left, at_most) if grant.id in among else Money.zero(at_most.currency)
        if not part.is_zero:
            shares.append(Share(grant.id, grant.kind, part))
            at_most -= part
    return shares


def frozen(
    connection: Connection, organization_uuid: str, currency: str, among: Collection[str] | None = None
) -> Money:
    """What cannot be spent while a bank decides on the payment behind it; of the grants (uuids) `among`, or of all."""
    found = connection.execute(_OF.where(_G.is_frozen), {"of": organization_uuid})
    mine = [row for row in found if row.currency == currency and (among is None or row.uuid in among)]
    return Money(sum(row.balance_micros for row in mine), currency)


def balance(connection: Connection, organization_uuid: str, currency: str, at: datetime) -> Money:
    """What can be spent at `at`."""
    return wallet.balance_at(load(connection, organization_uuid), at, currency)


def draw(connection: Connection, organization_uuid: str, amount: Money, at: datetime) -> Draw:
    """Who would pay `amount` at `at`, in burn order. Writes nothing: the transfer that takes it is the caller's, and
    its floors decide a race (ledger.BelowFloor: roll back)."""
    return wallet.draw(load(connection, organization_uuid), amount, at)


def write(core: Core, connection: Connection, new: NewGrant, at: datetime) -> str:
    """The row of a grant and what will happen to it in time, without its transfer (a plan change posts its own)."""
    uuid = core.ids.uuid()
    connection.execute(
        insert_into(_G),
        {"uuid": uuid, "organization_uuid": new.organization_uuid, "kind": new.kind.value, "source": new.source,
         "amount_micros": new.amount.micros, "tax_micros": new.tax.micros if new.tax else 0,
         "currency": new.amount.currency,
         "priority": PRIORITIES[new.kind] if new.priority is None else new.priority,
         "effective_at": new.effective_at, "expires_at": new.expires_at, "payment_uuid": new.payment_uuid,
         "created_at": at},
    )  # fmt: skip
    if new.effective_at > at:
        due.schedule(connection, "credit_effective", uuid, new.organization_uuid, new.effective_at)
    if new.expires_at is not None:
        due.schedule(connection, "credit_expires", uuid, new.organization_uuid, new.expires_at)
    return uuid


def create(
    core: Core, connection: Connection, new: NewGrant, at: datetime, memo: Mapping[str, str | int | None] | None = None
) -> str:
    """A grant with the transfer that fills it: bought with money, or given away. Returns its uuid."""
    uuid = write(core, connection, new, at)
    stamp = Stamp(new.organization_uuid, f"grant:{uuid}", at, memo or {"source": new.source})
    if new.kind is GrantKind.PAID:
        tax = new.tax or Money.zero(new.amount.currency)
        ledger.post(
            core,
            connection,
            movements.top_up(stamp, grant_id=uuid, credit=new.amount, tax=tax, provider=new.provider),
        )
    else:
        ledger.post(core, connection, movements.grant_promo(stamp, grant_id=uuid, amount=new.amount))
    return uuid
