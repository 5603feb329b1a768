"""The only writer of the ledger: balanced transfers go in, sealed one to the next; floors hold under any concurrency.

A transfer is written once per (organization, key); the same again changes nothing. Entries are inserted first, the
transfer last: that seals it, and the database refuses it when it does not sum to zero (migration 0002).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import LedgerBroken
from services.api.money import Money
from services.db import money_models as mm
from services.db import portable
from services.domain import ledger_chain
from services.domain.ledger import FLOORED, WALLETS, Account, AccountKind, Entry, Transfer, TransferKind, checked
from services.domain.ledger_chain import GENESIS, ChainRow, Link
from services.embedded.core import Core, insert_into

_A, _T, _E, _H = mm.LedgerAccount, mm.LedgerTransfer, mm.LedgerEntry, mm.LedgerHead

_KNOWN = sa.select(_T.seq, _T.uuid).where(
    _T.organization_uuid == sa.bindparam("organization"), _T.key == sa.bindparam("known_key")
)
_FIRST = portable.insert(_H).values(seq=1, mac=GENESIS).on_conflict_do_nothing().returning(_H.seq, _H.mac)
_NEXT = (
    sa.update(_H)
    .where(_H.organization_uuid == sa.bindparam("organization"))
    .values(seq=_H.seq + 1, wallet_moves=_H.wallet_moves + sa.bindparam("moves"))
    .returning(_H.seq, _H.mac)
)
_BACK = (
    sa.update(_H)
    .where(_H.organization_uuid == sa.bindparam("organization"))
    .values(seq=_H.seq - 1, wallet_moves=_H.wallet_moves - sa.bindparam("moves"))
)
_SEAL = sa.update(_H).where(_H.organization_uuid == sa.bindparam("organization")).values(mac=sa.bindparam("new_mac"))
_ACCOUNT = sa.select(_A.id).where(
    _A.organization_uuid == sa.bindparam("organization"),
    _A.kind == sa.bindparam("of_kind"),
    _A.currency == sa.bindparam("in_currency"),
    _A.sub == sa.bindparam("of_sub"),
)
_OPEN_ACCOUNT = portable.insert(_A).on_conflict_do_nothing().returning(_A.id)
_MOVE = (
    sa.update(_A)
    .where(
        _A.organization_uuid == sa.bindparam("organization"),
        _A.kind == sa.bindparam("of_kind"),
        _A.currency == sa.bindparam("in_currency"),
        _A.sub == sa.bindparam("of_sub"),
        _A.balance_micros + sa.bindparam("more") >= _A.floor_micros,
    )
    .values(balance_micros=_A.balance_micros + sa.bindparam("more"))
    .returning(_A.id)
)


class BelowFloor(Exception):
    """The transfer would take an account below its floor: somebody else spent it first. Nothing may be committed."""

    def __init__(self, account: Account) -> None:
        self.account = account
        super().__init__(account.kind.value)


class OtherContent(ValueError):
    """The key stands in the books for another movement: a bug of the caller. Nothing may be committed."""


@dataclass(frozen=True, slots=True)
class Posted:
    seq: int
    uuid: str
    is_new: bool


def post(core: Core, connection: Connection, transfer: Transfer) -> Posted:
    """Writes a transfer, once. BelowFloor (roll the transaction back), InvalidTransfer and OtherContent (bugs of the
    caller)."""
    checked(transfer)
    organization = transfer.entries[0].account.organization
    step = {"organization": organization, "moves": int(any(e.account.kind in WALLETS for e in transfer.entries))}
    head = connection.execute(_NEXT, step).one_or_none()
    if head is None:
        first = {"organization_uuid": organization, "wallet_moves": step["moves"]}
        head = connection.execute(_FIRST, first).one_or_none() or connection.execute(_NEXT, step).one()
    if known := _find(connection, organization, transfer.key):  # looked for when nobody else can write it any more
        connection.execute(_BACK, step)
        return _same(connection, transfer, known)
    row = ledger_chain.sealed(transfer, organization, core.ledger_key, Link(head.seq - 1, head.mac))
    connection.execute(
        insert_into(_E),
        [
            {"organization_uuid": organization, "seq": row.seq, "position": position,
             "account_id": _move(connection, entry), "amount_micros": entry.amount.micros,
             "currency": entry.amount.currency}
            for position, entry in enumerate(transfer.entries)
        ],
    )  # fmt: skip
    uuid = core.ids.uuid()
    connection.execute(
        insert_into(_T),
        {"organization_uuid": organization, "seq": row.seq, "uuid": uuid, "key": transfer.key,
         "kind": transfer.kind.value, "at": transfer.at, "memo": dict(transfer.memo), "mac": row.mac},
    )  # fmt: skip
    connection.execute(_SEAL, {"organization": organization, "new_mac": row.mac})
    return Posted(row.seq, uuid, is_new=True)


def _find(connection: Connection, organization: str, key: str) -> Posted | None:
    row = connection.execute(_KNOWN, {"organization": organization, "known_key": key}).one_or_none()
    return None if row is None else Posted(row.seq, row.uuid, is_new=False)


def lock(connection: Connection, organization: str) -> None:
    """Nobody else writes to this organization's books until the transaction ends: what is read afterwards is still so
    when it is posted on."""
    connection.execute(sa.select(_H.seq).where(_H.organization_uuid == organization).with_for_update())


def _same(connection: Connection, transfer: Transfer, known: Posted) -> Posted:
    """A repeat may come at another time and say it in other words, but it moves the same money."""
    organization = transfer.entries[0].account.organization
    kind = connection.execute(
        sa.select(_T.kind).where(_T.organization_uuid == organization, _T.seq == known.seq)
    ).scalar_one()
    if kind != transfer.kind.value or set(entries_of(connection, organization, known.seq)) != set(transfer.entries):
        raise OtherContent(transfer.key)
    return known


def _move(connection: Connection, entry: Entry) -> int:
    """The account's id, its guard moved along when it has a floor."""
    account = entry.account
    if account.kind not in FLOORED:
        found = connection.execute(_ACCOUNT, _place(account)).scalar()
        return _open(connection, account) if found is None else found
    more = _place(account) | {"more": entry.amount.micros}
    moved = connection.execute(_MOVE, more).scalar()
    if moved is None and connection.execute(_ACCOUNT, _place(account)).scalar() is None:
        _open(connection, account)
        moved = connection.execute(_MOVE, more).scalar()
    if moved is None:
        raise BelowFloor(account)
    return int(moved)


def _place(account: Account) -> dict[str, Any]:
    return {"organization": account.organization, "of_kind": account.kind.value, "in_currency": account.currency,
            "of_sub": account.sub}  # fmt: skip


def _open(connection: Connection, account: Account) -> int:
    """A new account, or the one that somebody else has just opened."""
    opened = connection.execute(
        _OPEN_ACCOUNT,
        {"organization_uuid": account.organization, "kind": account.kind.value, "currency": account.currency,
         "sub": account.sub, "balance_micros": 0, "floor_micros": 0 if account.kind in FLOORED else None},
    ).scalar()  # fmt: skip
    return int(connection.execute(_ACCOUNT, _place(account)).scalar_one() if opened is None else opened)


# ---- reading


def is_posted(connection: Connection, organization: str, key: str) -> bool:
    """Whether a transfer of this key stands in the books."""
    return _find(connection, organization, key) is not None


def balances(connection: Connection, organization: str, *kinds: AccountKind) -> dict[Account, Money]:
    """Each account's balance as the sum of its entries; of all kinds when none is named."""
    statement = (
        sa.select(_A.kind, _A.currency, _A.sub, sa.func.coalesce(sa.func.sum(_E.amount_micros), 0))
        .outerjoin(_E, _E.account_id == _A.id)
        .where(_A.organization_uuid == organization)
        .group_by(_A.kind, _A.currency, _A.sub)
    )
    if kinds:
        statement = statement.where(_A.kind.in_([kind.value for kind in kinds]))
    return {
        Account(organization, AccountKind(kind), currency, sub): Money(int(micros), currency)
        for kind, currency, sub, micros in connection.execute(statement)
    }


def guards(connection: Connection, organization: str, *kinds: AccountKind) -> dict[str, Money]:
    """Sub -> what can be taken from the floored accounts of these kinds now. Quick: no summing."""
    rows = connection.execute(
        sa.select(_A.sub, _A.currency, _A.balance_micros).where(
            _A.organization_uuid == organization, _A.kind.in_([kind.value for kind in kinds])
        )
    )
    return {sub: Money(micros, currency) for sub, currency, micros in rows}


def count_wallet_moves(connection: Connection, organization: str) -> int:
    """How many transfers touched an account of a grant."""
    return connection.execute(sa.select(_H.wallet_moves).where(_H.organization_uuid == organization)).scalar() or 0


def entries_by_key(connection: Connection, organization: str, key: str) -> tuple[Entry, ...]:
    """The entries of the transfer of this key; none when there is none."""
    known = _find(connection, organization, key)
    return () if known is None else entries_of(connection, organization, known.seq)


def entries_of(connection: Connection, organization: str, seq: int) -> tuple[Entry, ...]:
    """The entries of one transfer, in their order."""
    rows = connection.execute(
        sa.select(_A.kind, _A.sub, _E.currency, _E.amount_micros)
        .join(_A, _A.id == _E.account_id)
        .where(_E.organization_uuid == organization, _E.seq == seq)
        .order_by(_E.position)
    )
    return tuple(
        Entry(Account(organization, AccountKind(kind), currency, sub), Money(micros, currency))
        for kind, sub, currency, micros in rows
    )


# ---- verifying


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong. `what`: chain fault | unbalanced | guard | unbalanced_organization."""

    organization_uuid: str
    seq: int
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    organizations: int
    transfers: int
    entries: int
    fault: Fault | None


def verify(connection: Connection, key: bytes) -> Verified:
    """Reads the whole ledger: chain, sums, derived balances. Stops at the first bad row and names it."""
    organizations = list(connection.execute(sa.select(_H.organization_uuid).order_by(_H.organization_uuid)).scalars())
    transfers = connection.execute(sa.select(sa.func.count()).select_from(_T)).scalar_one()
    entries = connection.execute(sa.select(sa.func.count()).select_from(_E)).scalar_one()
    fault = _orphan(connection)
    for organization in organizations:
        fault = fault or _verify_one(connection, organization, key)
    return Verified(len(organizations), transfers, entries, fault)


def ensure_sound(connection: Connection, key: bytes) -> None:
    """LedgerBroken, naming the first bad row."""
    if fault := verify(connection, key).fault:
        raise LedgerBroken(organization=fault.organization_uuid, seq=fault.seq, what=fault.what)


def _orphan(connection: Connection) -> Fault | None:
    """A chain whose head was removed hides from a walk over the heads."""
    row = connection.execute(
        sa.select(_T.organization_uuid, _T.seq)
        .outerjoin(_H, _H.organization_uuid == _T.organization_uuid)
        .where(_H.organization_uuid.is_(None))
        .limit(1)
    ).one_or_none()
    return None if row is None else Fault(row.organization_uuid, row.seq, "removed", "head")


def _verify_one(connection: Connection, organization: str, key: bytes) -> Fault | None:
    head = connection.execute(sa.select(_H.seq, _H.mac).where(_H.organization_uuid == organization)).one()
    rows = _Rows(connection, organization)
    broken = ledger_chain.verify_chain(rows, key, organization, newest=head.seq)
    if broken is not None:
        return Fault(organization, broken.seq, broken.fault.value)
    if rows.unbalanced:
        return Fault(organization, rows.unbalanced, "unbalanced")
    if not hmac.compare_digest(rows.last_mac, head.mac):
        return Fault(organization, head.seq, "edited", "head")
    return _guard_fault(connection, organization, head.seq)


def _guard_fault(connection: Connection, organization: str, seq: int) -> Fault | None:
    kept = sa.select(_A.kind, _A.currency, _A.sub, _A.balance_micros).where(
        _A.organization_uuid == organization, _A.floor_micros.is_not(None)
    )
    derived = balances(connection, organization, *FLOORED)
    for kind, currency, sub, micros in connection.execute(kept):
        account = Account(organization, AccountKind(kind), currency, sub)
        if derived[account].micros != micros:
            return Fault(organization, seq, "guard", f"{kind}:{sub}")
    return None


class _Rows:
    """The chain of one organization as it is stored, one row at a time; notes what does not sum to zero."""

    def __init__(self, connection: Connection, organization: str) -> None:
        self._connection = connection
        self._organization = organization
        self.unbalanced = 0
        self.last_mac = GENESIS

    def __iter__(self) -> Iterator[ChainRow]:
        statement = (
            sa.select(
                _T.seq, _T.kind, _T.key, _T.at, _T.memo, _T.mac, _E.position, _E.amount_micros, _E.currency,
                _A.kind.label("account_kind"), _A.sub, _A.organization_uuid.label("owner"),
            )
            .join(_E, sa.and_(_E.organization_uuid == _T.organization_uuid, _E.seq == _T.seq))
            .join(_A, _A.id == _E.account_id)
            .where(_T.organization_uuid == self._organization)
            .order_by(_T.seq, _E.position)
            .execution_options(yield_per=2000)
        )  # fmt: skip
        head: Any = None  # the first joined row of the transfer being collected
        entries: list[Entry] = []
        with self._connection.execute(statement) as rows:  # closed where a walk stops at the first bad row
            for row in rows:
                if head is not None and row.seq != head.seq:
                    yield self._chain_row(head, entries)
                    entries = []
                head = row
                account = Account(row.owner, AccountKind(row.account_kind), row.currency, row.sub)
                entries.append(Entry(account, Money(row.amount_micros, row.currency)))
        if head is not None:
            yield self._chain_row(head, entries)

    def _chain_row(self, row: Any, entries: list[Entry]) -> ChainRow:  # Any: a row of the join above
        if sum(entry.amount.micros for entry in entries):
            self.unbalanced = self.unbalanced or row.seq
        transfer = Transfer(TransferKind(row.kind), row.key, row.at, tuple(entries), row.memo)
        self.last_mac = row.mac
        return ChainRow(row.seq, transfer, row.mac)
