"""The trees behind credit: what a movement was for, where a credit came from and went, the wallet, what was spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import Explanation, MovementKind, Params
from services.db import models as m
from services.db import money_models as mm
from services.db import portable
from services.domain.ledger import WALLETS, TransferKind
from services.domain.wallet import in_order, usable_at
from services.embedded.money import grants, movements, spending
from services.embedded.money.alerts import CURRENCY
from services.embedded.money.explain_calls import call, the_call
from services.embedded.money.explain_invoices import of_invoice, of_order
from services.embedded.money.spending import Spent
from services.embedded.money.trees import Rows, Tree

_A, _T, _E, _G = mm.LedgerAccount, mm.LedgerTransfer, mm.LedgerEntry, mm.GrantRow
_IN_WALLET = _A.kind.in_(sorted(kind.value for kind in WALLETS))
_JOINED = (
    sa.select(_T.seq, _T.uuid, _T.kind, _T.at, _T.memo, _A.sub, _E.amount_micros, _E.currency)
    .join(_E, sa.and_(_E.organization_uuid == _T.organization_uuid, _E.seq == _T.seq))
    .join(_A, _A.id == _E.account_id)
)
_GRANT = sa.select(*_G.__table__.c).where(_G.uuid == sa.bindparam("grant"))


# ---- movement:<uuid>


def of_movement(connection: Connection, uuid: str) -> Tree | None:
    """A change of the balance: the very call it paid, or which credits paid or were filled."""
    found = movements.find(connection, uuid)
    if found is None:
        return None
    organization, movement = found
    entries = connection.execute(
        _JOINED.where(_T.organization_uuid == organization, _T.uuid == uuid, _IN_WALLET).order_by(_E.position)
    ).all()
    paid_call = _paid_call(connection, entries[0].memo, movement.amount)
    parts = [paid_call] if paid_call else [_credit_part(connection, entry) for entry in entries]
    params: Params = movement.params | {"at": movement.at.isoformat()}
    return Tree(organization, movement.kind.value, movement.amount, params, tuple(parts))


def _paid_call(connection: Connection, memo: Mapping[str, Any], amount: Money) -> Explanation | None:
    """The call whose price was taken; None when it failed, or when this is no price."""
    source, _, event_id = str(memo.get("event", "")).partition(":")
    row = the_call(connection, source, event_id) if event_id else None
    if row is None or row.cost_micros != -amount.micros:
        return None
    return Explanation("", "call", amount, call(row).params)


def _credit_part(connection: Connection, entry: Any) -> Explanation:  # Any: a row of _JOINED
    grant = connection.execute(_GRANT, {"grant": entry.sub}).one()
    amount = Money(entry.amount_micros, entry.currency)
    return Explanation("", "credit_part", amount, {"source": grant.source, "kind": grant.kind, "credit": grant.uuid})


# ---- credit:<uuid>, wallet:<organization>


def of_credit(connection: Connection, uuid: str) -> Tree | None:
    """A credit: what was given, and what used it."""
    grant = connection.execute(_GRANT, {"grant": uuid}).one_or_none()
    if grant is None:
        return None
    entries = _entries_of(grant)
    first = connection.execute(entries.order_by(_T.seq).limit(1)).one_or_none()
    if first is None:
        return None
    given: Params = {"source": grant.source, "at": first.at.isoformat()}
    parts = [Explanation("", "granted", Money(first.amount_micros, first.currency), given)]
    left = parts[0].amount or Money.zero(grant.currency)
    for by, (count, micros) in _used(connection, grant, first.seq).items():
        used = Money(micros, grant.currency)
        parts.append(Explanation(f"credit:{uuid}:{by}", "spent_on", used, {"by": by, "quantity": count}, count))
        left += used
    return Tree(grant.organization_uuid, "credit", left, _credit_params(grant), tuple(parts))


def of_credit_use(connection: Connection, uuid: str, by: str) -> Tree | None:
    """credit:<uuid>:<what used it>: the movements, newest first."""
    grant = connection.execute(_GRANT, {"grant": uuid}).one_or_none()
    first = None if grant is None else connection.execute(_entries_of(grant).order_by(_T.seq).limit(1)).one_or_none()
    if grant is None or first is None:
        return None
    count, micros = _used(connection, grant, first.seq).get(by, (0, 0))
    if not count:
        return None
    kinds = _kinds_of(by)
    wanted = _entries_of(grant).where(_T.seq > first.seq, kinds)

    def page(offset: int, limit: int) -> list[Explanation]:
        rows = connection.execute(wanted.order_by(_T.seq.desc()).offset(offset).limit(limit)).all()
        return _uses(connection, grant.organization_uuid, rows, by)

    amount = Money(micros, grant.currency)
    leaves = Rows(count, amount, page)
    return Tree(grant.organization_uuid, "spent_on", amount, {"by": by, "quantity": count}, leaves=leaves)


def _entries_of(grant: Any) -> sa.Select[Any]:  # Any: a row of GrantRow
    return _JOINED.where(_T.organization_uuid == grant.organization_uuid, _A.sub == grant.uuid, _IN_WALLET)


def _used(connection: Connection, grant: Any, after: int) -> dict[str, tuple[int, int]]:
    """What used a credit -> how many entries, and their sum in micros."""
    inside = _entries_of(grant).where(_T.seq > after).subquery()
    rows = connection.execute(
        sa.select(inside.c.kind, sa.func.count(), portable.sum_of(inside.c.amount_micros)).group_by(inside.c.kind)
    )
    found: dict[str, tuple[int, int]] = {}
    for kind, count, micros in rows:
        by = _by(TransferKind(kind))
        before = found.get(by, (0, 0))
        found[by] = before[0] + count, before[1] + micros
    return dict(sorted(found.items()))


def _by(kind: TransferKind) -> str:
    """What credit was used for, as its movement says."""
    return movements.BY_TRANSFER.get(kind, MovementKind.REVERSAL).value


def _kinds_of(by: str) -> sa.ColumnElement[bool]:
    return _T.kind.in_([kind.value for kind in TransferKind if _by(kind) == by])


def _uses(connection: Connection, organization: str, rows: Sequence[Any], by: str) -> list[Explanation]:
    """Entries of one credit as nodes; a movement that other credits shared in opens nothing, its sum is another."""
    sums = (
        sa.select(_E.seq, portable.sum_of(_E.amount_micros.expression))
        .join(_A, _A.id == _E.account_id)
        .where(_E.organization_uuid == organization, _E.seq.in_([row.seq for row in rows]), _IN_WALLET)
        .group_by(_E.seq)
    )
    totals = {row[0]: row[1] for row in connection.execute(sums)}
    nodes = []
    for row in rows:
        params: Params = {"at": row.at.isoformat()} | {
            name: row.memo[name] for name in movements.NAMED_BY if row.memo.get(name)
        }
        opens = 1 if totals[row.seq] == row.amount_micros else 0
        nodes.append(Explanation(f"movement:{row.uuid}", by, Money(row.amount_micros, row.currency), params, opens))
    return nodes


def _credit_params(grant: Any) -> Params:  # Any: a row of GrantRow
    return {
        "source": grant.source,
        "kind": grant.kind,
        "amount_micros": grant.amount_micros,
        "effective_at": grant.effective_at.isoformat(),
        "expires_at": grant.expires_at.isoformat() if grant.expires_at else None,
    }


def of_wallet(connection: Connection, organization_uuid: str, now: datetime) -> Tree | None:
    """The balance: what is left of each credit that can be used now, in the order they are spent."""
    name = _name_of(connection, organization_uuid)
    if name is None:
        return None
    usable = (grant for grant in in_order(grants.load(connection, organization_uuid)) if usable_at(grant, now))
    trees = {grant.id: of_credit(connection, grant.id) for grant in usable if grant.left.currency == CURRENCY}
    parts = [
        Explanation(f"credit:{uuid}", tree.kind, tree.amount, tree.params, len(tree.parts))
        for uuid, tree in trees.items()
        if tree is not None
    ]
    balance = grants.balance(connection, organization_uuid, CURRENCY, now)
    return Tree(organization_uuid, "wallet", balance, {"name": name}, tuple(parts))


def _name_of(connection: Connection, organization_uuid: str) -> str | None:
    o = m.OrganizationRow
    return connection.execute(sa.select(o.name).where(o.uuid == organization_uuid)).scalar()


# ---- spent:<organization>


def of_spent(connection: Connection, organization_uuid: str, now: datetime) -> Tree | None:
    """spent:<organization>: the payments and refunds of this UTC month, oldest first."""
    name = _name_of(connection, organization_uuid)
    if name is None:
        return None
    since = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = spending.card_payments(connection, [organization_uuid], since, CURRENCY)
    parts = tuple(_payment(connection, one) for one in found)
    total = sum((one.amount for one in found), Money.zero(CURRENCY))
    return Tree(organization_uuid, "spent", total, {"name": name, "month": f"{now:%Y-%m}"}, parts)


def _payment(connection: Connection, spent: Spent) -> Explanation:
    """A payment opens what it paid, where that came to the same sum."""
    kind = "refund" if spent.amount.micros < 0 else "payment"
    params: Params = {"at": spent.at.isoformat(), "number": "", "what": "invoice"}
    if spent.kind == "order":
        params["what"] = "order"
        return _opening(kind, spent.amount, params, spent.ref, of_order(connection, spent.ref.partition(":")[2]))
    memo = connection.execute(sa.select(_T.memo).where(_T.uuid == spent.ref.partition(":")[2])).scalar_one()
    if spent.kind == TransferKind.TOP_UP.value:
        params["what"] = "top_up"
    document = _document_of(connection, memo)
    if document is not None and document.order_uuid:
        params["what"] = "order"
    params["number"] = memo.get("number", "") if document is None else document.number
    if document is None:
        return Explanation("", kind, spent.amount, params)
    ref = f"invoice:{document.uuid}"
    return _opening(kind, spent.amount, params, ref, of_invoice(connection, document.uuid))


def _opening(kind: str, amount: Money, params: Params, ref: str, tree: Tree | None) -> Explanation:
    if tree is None or tree.amount != amount:
        return Explanation("", kind, amount, params)
    return Explanation(ref, kind, amount, params, len(tree.parts))


def _document_of(connection: Connection, memo: Mapping[str, Any]) -> Any:  # Any: some of InvoiceRow, or None
    """The invoice that was paid, or the receipt of a top-up."""
    i, p = mm.InvoiceRow, mm.PaymentIntent
    uuid = memo.get("invoice")
    if uuid is None and "payment" in memo:
        uuid = connection.execute(sa.select(p.invoice_uuid).where(p.uuid == memo["payment"])).scalar()
    return (
        connection.execute(sa.select(i.uuid, i.number, i.order_uuid).where(i.uuid == uuid)).one_or_none()
        if uuid
        else None
    )
