"""The statement of a wallet, read from the books: what moved the balance, with the balance after each, to the micro.

A movement is a transfer that touches an account of a grant. A call moves the balance when its price is set aside; if it
fails, that comes back as a movement of its own, because what was written is never taken out again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput
from services.api.money import Money
from services.api.types import Document, Movement, MovementKind, MovementPage, MovementQuery, Params
from services.db import models as m
from services.db import money_models as mm
from services.db import portable
from services.domain.invoicing import csv_cell
from services.domain.ledger import WALLETS, AccountKind, TransferKind
from services.embedded.money import ledger
from services.embedded.money.alerts import CURRENCY

PAGE_MAX = 500
PAGES_MAX = 1_000_000
NAMED_BY = ("name", "number", "code", "card", "plan")  # what a memo calls what it was for
CSV_HEADER = ("at", "kind", "amount", "balance", "currency", "for")

_A, _T, _E = mm.LedgerAccount, mm.LedgerTransfer, mm.LedgerEntry
_IN_WALLET = sa.and_(_A.kind.in_(sorted(kind.value for kind in WALLETS)), _A.currency == CURRENCY)
_ENTRIES = (
    sa.select(_E.seq)
    .join(_A, _A.id == _E.account_id)
    .where(_E.organization_uuid == _T.organization_uuid, _E.seq == _T.seq, _IN_WALLET)
)
_TOUCHES = _ENTRIES.exists()
_SOURCES = {
    "top_up": MovementKind.TOP_UP,
    "auto_top_up": MovementKind.AUTO_TOP_UP,
    "plan_change": MovementKind.PLAN_CHANGE,
}
BY_TRANSFER = {
    TransferKind.HELD: MovementKind.USAGE,
    TransferKind.SETTLED: MovementKind.USAGE,
    TransferKind.CREDIT_EXPIRED: MovementKind.EXPIRY,
    TransferKind.CREDIT_REFUNDED: MovementKind.REFUND,
    TransferKind.INVOICE_ISSUED: MovementKind.INVOICE,
    TransferKind.CREDIT_NOTE: MovementKind.PLAN_CHANGE,
    TransferKind.PROMO_GRANTED: MovementKind.GIFT,
}
_GIVES = _ENTRIES.where(_E.amount_micros > 0).exists()
_KIND = sa.case(
    (sa.and_(_T.kind == TransferKind.INVOICE_ISSUED.value, _GIVES), MovementKind.PLAN_CHANGE.value),
    *((_T.kind == transfer.value, kind.value) for transfer, kind in BY_TRANSFER.items()),
    (
        _T.kind == TransferKind.TOP_UP.value,
        sa.case(
            *((_T.memo["source"].as_string() == source, kind.value) for source, kind in _SOURCES.items()),
            else_=MovementKind.GIFT.value,
        ),
    ),
    else_=MovementKind.REVERSAL.value,
)
_MOVEMENTS = sa.select(_T.seq, _T.uuid, _T.at, _T.memo, _KIND.label("movement"))
_BALANCE = sa.select(portable.sum_of(_A.balance_micros.expression)).where(
    _A.organization_uuid == sa.bindparam("of"), _IN_WALLET
)
_MOVED = sa.and_(_E.organization_uuid == sa.bindparam("of"), _E.account_id.in_(sa.select(_A.id).where(
    _A.organization_uuid == sa.bindparam("of"), _IN_WALLET)))  # fmt: skip
_MOVED_LATER = sa.select(portable.sum_of(_E.amount_micros.expression)).where(_MOVED, _E.seq > sa.bindparam("newest"))
_MOVED_WITHIN = (
    sa.select(_E.seq, portable.sum_of(_E.amount_micros.expression))
    .where(_MOVED, _E.seq.between(sa.bindparam("oldest"), sa.bindparam("newest")))
    .group_by(_E.seq)
    .order_by(_E.seq.desc())
)
_SPENDING = (TransferKind.SETTLED.value, TransferKind.INVOICE_ISSUED.value, TransferKind.INVOICE_VOIDED.value)
_SPENT = (
    # per transfer: a join would be read from the entries' side, all of them
    sa.select(sa.func.sum(sa.case((_A.kind == AccountKind.REVENUE.value, _E.amount_micros), else_=-_E.amount_micros)))
    .join(_A, _A.id == _E.account_id)
    .where(
        _E.organization_uuid == _T.organization_uuid,
        _E.seq == _T.seq,
        _A.currency == CURRENCY,
        sa.or_(
            sa.and_(_T.kind == TransferKind.SETTLED.value, _A.kind == AccountKind.REVENUE.value),
            sa.and_(_T.kind == TransferKind.INVOICE_ISSUED.value, _IN_WALLET, _E.amount_micros < 0),
            sa.and_(_T.kind == TransferKind.INVOICE_VOIDED.value, _IN_WALLET, _E.amount_micros > 0),
        ),
    )
    .scalar_subquery()
)


def page(connection: Connection, organization_uuid: str, query: MovementQuery) -> MovementPage:
    """The newest first. InvalidInput(page, page_size, start, end)."""
    _check(query)
    mine, filters = (_T.organization_uuid == organization_uuid, _TOUCHES), _filters(query)
    if filters:
        total = connection.execute(sa.select(sa.func.count()).select_from(_T).where(*mine, *filters)).scalar_one()
    else:
        total = ledger.count_wallet_moves(connection, organization_uuid)
    found = connection.execute(
        _MOVEMENTS.where(*mine, *filters)
        .order_by(_T.seq.desc())
        .limit(query.page_size)
        .offset((query.page - 1) * query.page_size)
    ).all()
    return MovementPage(_read(connection, organization_uuid, found), total)


def statement(connection: Connection, organization_uuid: str, query: MovementQuery) -> Document:
    """All that a query finds as CSV, oldest first, formulas made harmless."""
    _check(query)
    mine, filters = (_T.organization_uuid == organization_uuid, _TOUCHES), _filters(query)
    found = connection.execute(_MOVEMENTS.where(*mine, *filters).order_by(_T.seq.desc())).all()
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(CSV_HEADER)
    for one in reversed(_read(connection, organization_uuid, found)):
        named = next((str(one.params[key]) for key in NAMED_BY if one.params.get(key)), "")
        writer.writerow(
            [one.at.isoformat(), one.kind.value, one.amount.decimal(), one.balance.decimal(), one.amount.currency,
             csv_cell(named)]
        )  # fmt: skip
    return Document("wallet.csv", "text/csv; charset=utf-8", text.getvalue().encode())


def find(connection: Connection, uuid: str) -> tuple[str, Movement] | None:
    """A movement and its organization."""
    row = connection.execute(
        _MOVEMENTS.add_columns(_T.organization_uuid).where(_T.uuid == uuid, _TOUCHES)
    ).one_or_none()
    return None if row is None else (row.organization_uuid, _read(connection, row.organization_uuid, [row])[0])


def _check(query: MovementQuery) -> None:
    wrong = {
        "page": not 1 <= query.page <= PAGES_MAX,
        "page_size": not 1 <= query.page_size <= PAGE_MAX,
        "start": query.start is not None and query.start.tzinfo is None,
        "end": query.end is not None and query.end.tzinfo is None,
    }
    if any(wrong.values()):
        raise InvalidInput(fields={name: "out_of_range" for name, is_wrong in wrong.items() if is_wrong})


def _filters(query: MovementQuery) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if query.kind is not None:
        conditions += [_KIND.in_([query.kind.value]), *_may_be(query.kind)]
    if query.start is not None:
        conditions.append(_T.at >= query.start)
    if query.end is not None:
        conditions.append(_T.at < query.end)
    return conditions + [_mentions(word) for word in query.text.split()]


def _may_be(kind: MovementKind) -> list[sa.ColumnElement[bool]]:
    """The transfers among which movements of a kind are found, for the index."""
    if kind is MovementKind.REVERSAL:  # whatever is left over
        return []
    named = {transfer.value for transfer, movement in BY_TRANSFER.items() if movement is kind}
    return [_T.kind.in_(sorted(named | {TransferKind.TOP_UP.value, TransferKind.INVOICE_ISSUED.value}))]


def _mentions(word: str) -> sa.ColumnElement[bool]:
    """Whether a movement has this word in its kind or in the names of what it was for."""
    of_agent = sa.select(m.ResourceRow.uuid).where(m.ResourceRow.name.icontains(word, autoescape=True))
    names = (_T.memo[key].as_string().icontains(word, autoescape=True) for key in (*NAMED_BY, "source"))
    return sa.or_(_KIND.icontains(word, autoescape=True), *names, _T.memo["resource"].as_string().in_(of_agent))


def _read(connection: Connection, organization_uuid: str, rows: Sequence[Any]) -> tuple[Movement, ...]:
    """Movements of rows that are ordered newest first; their balances by walking back from the present one."""
    if not rows:
        return ()
    wanted = {row.seq for row in rows}
    changes: dict[int, tuple[int, int]] = {}
    pages = {"of": organization_uuid, "oldest": rows[-1].seq, "newest": rows[0].seq}
    balance = connection.execute(_BALANCE, pages).scalar_one() - connection.execute(_MOVED_LATER, pages).scalar_one()
    for seq, micros in connection.execute(_MOVED_WITHIN, pages):
        if seq in wanted:
            changes[seq] = (micros, balance)
        balance -= micros
    agents = _agents(connection, organization_uuid)
    return tuple(_movement(row, *changes[row.seq], agents) for row in rows)


def _agents(connection: Connection, organization_uuid: str) -> dict[str, str]:
    """Resource -> the name of the agent."""
    r = m.ResourceRow
    rows = connection.execute(sa.select(r.uuid, r.name).where(r.organization_uuid == organization_uuid))
    return {row.uuid: row.name for row in rows}


def _movement(row: Any, micros: int, balance: int, agents: dict[str, str]) -> Movement:
    memo: dict[str, Any] = row.memo
    params: Params = {key: memo[key] for key in (*NAMED_BY, "source") if memo.get(key)}
    if name := agents.get(memo.get("resource", "")):
        params["name"] = name
    return Movement(
        row.uuid,
        MovementKind(row.movement),
        row.at,
        Money(micros, CURRENCY),
        Money(balance, CURRENCY),
        params,
        f"movement:{row.uuid}",
    )


def spent_since(connection: Connection, organization_uuid: str, start: datetime) -> list[tuple[datetime, int]]:
    """(instant, micros) of what was spent of the wallet from `start` on, oldest first: calls that were answered, and
    credit that paid invoices (what a voided one gave back is below 0)."""
    rows = connection.execute(
        sa.select(_T.at, _SPENT)
        .where(_T.organization_uuid == organization_uuid, _T.kind.in_(_SPENDING), _T.at >= start)
        .order_by(_T.at, _T.seq)
    )
    return [(row[0], int(row[1])) for row in rows if row[1]]


def balance_before(connection: Connection, organization_uuid: str, at: datetime) -> Money:
    """What stood in the wallet right before `at`."""
    micros = connection.execute(
        sa.select(portable.sum_of(_E.amount_micros.expression))
        .join(_A, _A.id == _E.account_id)
        .join(_T, sa.and_(_T.organization_uuid == _E.organization_uuid, _T.seq == _E.seq))
        .where(_T.organization_uuid == organization_uuid, _T.at < at, _E.currency == CURRENCY, _IN_WALLET)
    ).scalar_one()
    return Money(micros, CURRENCY)
