"""What one purchase wrote, and the same rows with new ids written again: by sqlite3 alone, and by an ORM."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import SystemIds
from services.db import models as m
from services.db import money_models as mm
from services.db.session import make_engine
from tests.benchmarks.raw import opened

Row = dict[str, Any]  # column -> value
Rows = list[tuple[sa.Table, Row]]
_ID = re.compile(r"[0-9a-f]{32}")
_KNOWN = (m.User, m.OfferingRow, m.PlanRow)  # whose ids a purchase only mentions
_NUMBER = "number"  # of an order; it exists once
_BY_THE_DATABASE = "seq"
# What is on disk before the provider is asked, and the updates of the second half, each of one row.
INTENT = ("organizations", "memberships", "projects", "orders", "payments", "idempotency_keys")
# An invoice is written as a draft, because nothing may be added to a final one; a transfer comes after its entries.
CHANGES = (
    "UPDATE orders SET state = 'executing' WHERE uuid = ?",
    "UPDATE payments SET state = 'succeeded', charge_id = 'ch' WHERE order_uuid = ?",
    "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'last_order_number' AND ? <> ''",
    "UPDATE orders SET paid_at = created_at WHERE uuid = ?",
    "UPDATE number_series SET last = last + 1 WHERE ? <> ''",
    "UPDATE invoices SET state = 'open' WHERE order_uuid = ?",
    "UPDATE invoices SET state = 'paid' WHERE order_uuid = ?",
)
LAST = "ledger_transfers"
_ACCOUNTS = ("ledger_accounts.id", "ledger_entries.account_id")  # whole numbers that are ids
_DEFER = sa.text("PRAGMA defer_foreign_keys=ON")  # without relationships the flush does not know who comes first


class Marks:
    """The last row of every table at one moment."""

    def __init__(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            self._last = {
                table.name: connection.execute(f"SELECT max(rowid) FROM {table.name}").fetchone()[0] or 0  # noqa: S608  our own
                for table in m.Base.metadata.sorted_tables
            }

    def __getitem__(self, table: str) -> int:
        return int(self._last[table])


def new_rows(path: Path, since: Marks) -> Rows:
    """Every row inserted since, in the order of the foreign keys."""
    engine = make_engine(path)
    found: Rows = []
    with engine.connect() as connection:
        for table in m.Base.metadata.sorted_tables:
            condition = sa.text(f"{table.name}.rowid > {since[table.name]}")
            found += [(table, dict(row._mapping)) for row in connection.execute(sa.select(table).where(condition))]
    engine.dispose()
    return found


def again(path: Path, rows: Rows, times: int) -> Iterator[Rows]:
    """The rows `times` more, with ids of their own; made beforehand, because thinking of ids is not writing."""
    ids, numbers = SystemIds(), count(500_000)
    known: set[str] = set()
    with closing(sqlite3.connect(path)) as connection:
        for model in _KNOWN:
            known |= {uuid for (uuid,) in connection.execute(f"SELECT uuid FROM {model.__tablename__}")}  # noqa: S608  our own table names
    texts = [value for _, row in rows for value in row.values() if isinstance(value, str)]
    born = {found for text in texts for found in _ID.findall(text)} - known
    made = []
    for _ in range(times):
        new, number = {old: ids.uuid() for old in born}, next(numbers)
        batch = [(table, {name: _fresh(f"{table.name}.{name}", value, new, number) for name, value in row.items()})
                 for table, row in rows]  # fmt: skip
        made.append(sorted(batch, key=lambda one: one[0].name == LAST))
    return iter(made)


def _fresh(place: str, value: object, new: dict[str, str], number: int) -> object:
    name = place.partition(".")[2]
    if place in _ACCOUNTS and isinstance(value, int):
        return value + number * 100
    if place == "invoices.state":
        return "draft"
    if name == _NUMBER and isinstance(value, str):
        return f"SK-{number}"
    if name == _BY_THE_DATABASE and not place.startswith("ledger_"):
        return None
    return _ID.sub(lambda found: new.get(found[0], found[0]), value) if isinstance(value, str) else _nested(value, new)


def _nested(value: object, new: dict[str, str]) -> object:
    """JSON that mentions ids."""
    if not isinstance(value, dict | list):
        return value
    return json.loads(_ID.sub(lambda found: new.get(found[0], found[0]), json.dumps(value)))


class ByRaw:
    """sqlite3 alone, with the settings of our own connections: the rows, then what the payment's answer changes."""

    def __init__(self, path: Path, rows: Rows, times: int, *, commits: int) -> None:
        self._connection = opened(path)
        self._batches = [self._parts(batch, commits) for batch in again(path, rows, times)]

    def _parts(self, rows: Rows, commits: int) -> list[list[tuple[str, list[object]]]]:
        ids = {table.name: row.get("uuid") for table, row in rows}
        changes: list[tuple[str, list[object]]] = [(sql, [ids["orders"]]) for sql in CHANGES]
        inserts = [_insert(*row) for row in rows]
        first = [write for write in inserts if write[0].split()[2] in INTENT]
        second = [*changes, *(write for write in inserts if write not in first)]
        return [first, second] if commits == 2 else [first + second]

    def write(self) -> None:
        for part in self._batches.pop():
            self._connection.execute("BEGIN IMMEDIATE")
            for sql, values in part:
                self._connection.execute(sql, values)
            self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def _insert(table: sa.Table, row: Row) -> tuple[str, list[object]]:
    marks = ",".join("?" * len(row))
    sql = f"INSERT INTO {table.name} ({','.join(row)}) VALUES ({marks})"  # noqa: S608  our own names
    return sql, [stored(value) for value in row.values()]


def stored(value: object) -> object:
    """A value as sqlite3 keeps it."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ", "microseconds")
    return json.dumps(value) if isinstance(value, list | dict) else value


class ByOrm:
    """What is usual: objects are loaded, made and changed, and the session finds out what to write."""

    def __init__(self, path: Path, rows: Rows, times: int) -> None:
        self._engine = make_engine(path)
        self._writing = self._engine.connect().execution_options(souk_writes=True)
        self._batches = list(again(path, rows, times))
        self._classes = {mapper.local_table.name: mapper.class_ for mapper in m.Base.registry.mappers
                         if isinstance(mapper.local_table, sa.Table)}  # fmt: skip

    def write(self) -> None:
        rows = self._batches.pop()
        values = {table.name: row for table, row in rows}
        order_uuid = values["orders"]["uuid"]
        with Session(self._writing) as session:
            user = session.get_one(m.User, values["orders"]["user_uuid"])
            offering = session.get_one(m.OfferingRow, values["orders"]["offering_id"])
            plan = session.get_one(m.PlanRow, values["orders"]["plan_uuid"])
            assert plan.offering_id == offering.id
            assert user.email
            self._add(session, [(table, row) for table, row in rows if table.name in INTENT])
            session.commit()
            order, payment = (
                session.get_one(m.OrderRow, order_uuid),
                session.get_one(m.PaymentRow, f"order:{order_uuid}"),
            )
            order.state, order.paid_at, payment.state = "executing", order.created_at, "succeeded"
            counter = session.get_one(m.Meta, "last_order_number")
            counter.value = str(int(counter.value) + 1)
            later = [(table, row) for table, row in rows if table.name not in INTENT]
            self._add(session, [(table, row) for table, row in later if table.name != LAST])
            session.flush()
            self._add(session, [(table, row) for table, row in later if table.name == LAST])
            for state in ("open", "paid"):
                session.get_one(mm.InvoiceRow, values["invoices"]["uuid"]).state = state
                session.flush()
            session.commit()

    def _add(self, session: Session, rows: Rows) -> None:
        session.execute(_DEFER)
        session.add_all([self._classes[table.name](**row) for table, row in rows])

    def close(self) -> None:
        self._writing.close()
        self._engine.dispose()
