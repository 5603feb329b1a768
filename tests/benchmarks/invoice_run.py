"""Monthly subscriptions that are due: 10,000, payable by invoice, renewed, billed, made final and posted by `run_due`,
against the rows it wrote, written again by sqlite3. They are due by the thousand, so that both sides take turns."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from shutil import copyfile

import sqlalchemy as sa

from app.clock import SystemClock, SystemIds
from services.db import models as m
from services.db import money_models as mm
from services.db.session import make_engine
from services.domain.periods import add_months
from services.embedded.money.due import BATCH
from services.embedded.service import EmbeddedService
from tests.benchmarks.harness import Line, milliseconds, workspace
from tests.benchmarks.raw import opened
from tests.benchmarks.rig import copy_of, embedded, people, subscription_request
from tests.benchmarks.written_rows import LAST, Marks, Row, Rows, again, new_rows, stored
from tests.contract.embedded import migrated_template

SUBSCRIPTIONS = 10_000
PART = 1_000  # due at one instant
AT_MOST_S = 40.0  # what is left then is reckoned from what was done
MOST = 6  # times the raw side
_SEEDED = (m.OrganizationRow, m.ProjectRow, m.OrderRow, mm.SubscriptionRow, m.ResourceRow, mm.SubscriptionPeriod,
           mm.DueItem)  # fmt: skip
# What a renewal changes, beside what it inserts; each statement once for every subscription.
_CHANGES = (
    "UPDATE invoices SET state = 'open', number = uuid, issued_at = created_at, due_at = created_at WHERE uuid = ?",
    "UPDATE subscriptions SET period_index = period_index + 1, period_start = period_end, period_end = ?,"
    " paid_micros = price_micros WHERE uuid = ?",
    "UPDATE resources SET plan_uuid = plan_uuid WHERE order_uuid = ?",
    "UPDATE due_items SET done_at = due_at WHERE key = ?",
    "UPDATE number_series SET last = last + 1 WHERE ? <> ''",
)


def run() -> list[Line]:
    """All lines of this benchmark."""
    folder = workspace() / "invoice_run"
    folder.mkdir()
    path = Path(copyfile(migrated_template(), folder / "ours.db"))
    service = embedded(path)
    took = {"ours": 0.0, "raw": 0.0}
    with asyncio.Runner() as runner:
        now = runner.get_loop().run_until_complete
        now(_bought(path, service))
        instants = _seed(path)
        raw = _Raw(copy_of(path, "raw"))
        for number, instant in enumerate(instants, 1):
            before = Marks(path)
            took["ours"] += milliseconds(lambda at=instant: now(service.run_due(at)))  # type: ignore[misc]
            raw.prepare(new_rows(path, before), instant)
            took["raw"] += milliseconds(raw.write)
            done = number * PART
            if sum(took.values()) > AT_MOST_S * 1_000:
                break
    service.close()
    raw.close()
    ours, limit = (took[name] * SUBSCRIPTIONS / done for name in ("ours", "raw"))
    return [
        Line(f"invoice run, {SUBSCRIPTIONS:,} subscriptions", ours, limit=limit, target=f"ours/limit <= {MOST}",
             is_met=ours <= MOST * limit,
             note=f"{done:,} run, {raw.rows / done:.0f} rows each; {BATCH} items a transaction"),
    ]  # fmt: skip


async def _bought(path: Path, service: EmbeddedService) -> None:
    """One buyer with one subscription."""
    await service.start()
    request = await subscription_request(service)
    await service.for_actor(next(people(path, 1))).quick_checkout(request, key=SystemIds().uuid())


def _seed(path: Path) -> list[datetime]:
    """That subscription many times, each of an organization of its own; when each part of them is due."""
    first = add_months(SystemClock().now(), -1) - timedelta(days=1)
    engine = make_engine(path)
    with engine.begin() as connection:
        connection.execute(sa.update(mm.SubscriptionRow).values(payment_method="invoice", net_days=30))
        connection.execute(sa.delete(mm.DueItem).where(mm.DueItem.kind != "period"))
        pattern = [
            (table, dict(row._mapping))
            for table in (m.Base.metadata.tables[model.__tablename__] for model in _SEEDED)
            for row in connection.execute(sa.select(table))
        ]
        connection.execute(sa.delete(mm.DueItem))
    copies = again(path, pattern, SUBSCRIPTIONS)
    instants = []
    for number in range(SUBSCRIPTIONS // PART):
        start = first + timedelta(minutes=number)
        instants.append(add_months(start, 1))
        by_table: dict[sa.Table, list[Row]] = defaultdict(list)
        for table, row in (one for batch in islice(copies, PART) for one in batch):
            by_table[table].append(_moved(row, start, instants[-1]))
        with engine.begin() as connection:
            for table, rows in by_table.items():
                connection.execute(sa.insert(table), rows)
    engine.dispose()
    return instants


def _moved(row: Row, start: datetime, end: datetime) -> Row:
    """The same for a period from `start` to `end`."""
    new = {"anchor_at": start, "period_start": start, "start_at": start, "period_end": end, "end_at": end,
           "due_at": end, "created_at": start}  # fmt: skip
    return {name: new.get(name, value) for name, value in row.items()}


class _Raw:
    """sqlite3 alone: the rows table by table and what else was changed, in one transaction."""

    def __init__(self, path: Path) -> None:
        self._connection = opened(path)
        self._work: list[tuple[str, list[tuple[object, ...]]]] = []
        self.rows = 0

    def prepare(self, rows: Rows, instant: datetime) -> None:
        """Everything but writing."""
        found: dict[str, list[Row]] = defaultdict(list)
        for table, row in sorted(rows, key=lambda one: one[0].name == LAST):
            found[table.name].append(row | ({"state": "draft", "number": None} if table.name == "invoices" else {}))
        self._work = [_insert(table, these) for table, these in found.items()]
        of = [row["subscription_uuid"] for row in found["invoices"]]
        end = stored(add_months(instant, 1))
        values: tuple[list[tuple[object, ...]], ...] = (
            [(row["uuid"],) for row in found["invoices"]],
            [(end, uuid) for uuid in of],
            [(uuid,) for (uuid,) in self._connection.execute("SELECT order_uuid FROM subscriptions LIMIT ?", (PART,))],
            [(f"period:{uuid}",) for uuid in of],
            [(uuid,) for uuid in of],
        )
        self._work += zip(_CHANGES, values, strict=True)
        self.rows += len(rows)

    def write(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for sql, values in self._work:
            self._connection.executemany(sql, values)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def _insert(table: str, rows: list[Row]) -> tuple[str, list[tuple[object, ...]]]:
    marks = ",".join("?" * len(rows[0]))
    sql = f"INSERT INTO {table} ({','.join(rows[0])}) VALUES ({marks})"  # noqa: S608  our own names
    return sql, [tuple(stored(value) for value in row.values()) for row in rows]
