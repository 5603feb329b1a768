"""One call paid from the wallet, reserved and settled in a transaction each, against what it wrote, by sqlite3 alone;
then the wallet of somebody who made 100,000 of them in a year."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from shutil import copyfile
from typing import Any

import sqlalchemy as sa

from app.clock import SystemClock, SystemIds
from services.api.contract import Actor, Service
from services.api.money import Money
from services.api.types import BillingModel, MovementQuery, OfferingQuery, QuickCheckout
from services.db import models as m
from services.db import money_models as mm
from services.domain.wallet import GrantKind
from services.embedded.core import Core
from services.embedded.money import grants, reservations
from services.embedded.money.grants import NewGrant
from services.embedded.money.reservations import Call
from services.embedded.service import EmbeddedService
from tests.benchmarks.harness import Line, interleave, median, p99, workspace
from tests.benchmarks.raw import opened
from tests.benchmarks.rig import copy_of, embedded, people
from tests.benchmarks.written_rows import stored
from tests.contract.embedded import migrated_template

ROUNDS, WALLET_ROUNDS = 300, 40
CALLS = 100_000
CALL_SHARE = 4  # times the raw writes; as for a checkout
FRAME_MS = 1_000 / 60
_YEAR = timedelta(days=365)
_ID, _INSTANT = re.compile(r"[0-9a-f]{32}"), re.compile(r"\d{4}-\d\d-\d\d ")
_NUMBERED, _SEQ = ("INSERT INTO ledger_entries", "INSERT INTO ledger_transfers"), 1  # the place of the number
_ids = SystemIds()
Write = tuple[str, tuple[Any, ...]]  # SQL and its values


def run() -> list[Line]:
    """All lines of this benchmark."""
    folder = workspace() / "call"
    folder.mkdir()
    path = Path(copyfile(migrated_template(), folder / "ours.db"))
    service = embedded(path)
    with asyncio.Runner() as runner:
        now = runner.get_loop().run_until_complete
        buyer = next(people(path, 1))
        caller = now(_bought(service, buyer))
        now(caller.call())  # the accounts it opens exist from now on
        raw = _Raw(copy_of(path, "raw"), now(caller.recorded()))
        times = interleave({"ours": lambda: now(caller.call()), "raw": raw.call}, ROUNDS, at_most_s=20)
    service.close()
    raw.a_year(CALLS)
    raw.close()
    return [_of_a_call(times), *_of_the_wallet(folder / "raw.db", buyer)]


def _of_a_call(times: dict[str, list[float]]) -> Line:
    ours, limit = median(times["ours"]), median(times["raw"])
    return Line("one call, set aside and then paid", ours, limit=limit, target=f"ours/limit <= {CALL_SHARE}",
                is_met=ours <= CALL_SHARE * limit, note=f"p99 {p99(times['ours']):.1f} ms; two synced transactions "
                "each; the raw side writes the same and reads nothing")  # fmt: skip


def _of_the_wallet(path: Path, buyer: Actor) -> list[Line]:
    service = embedded(path)
    with asyncio.Runner() as runner:
        now = runner.get_loop().run_until_complete
        wallet = partial(_wallet, service.for_actor(buyer))
        total = now(wallet())
        times = interleave({"ours": lambda: now(wallet())}, WALLET_ROUNDS)["ours"]
    service.close()
    return [
        Line(f"wallet and first page of {CALLS:,} movements", median(times), target="<= one frame of 60 Hz",
             is_met=median(times) <= FRAME_MS, note=f"p99 {p99(times):.1f} ms; {total:,} movements"),
    ]  # fmt: skip


async def _wallet(service: Service) -> int:
    """What the page asks for when it opens."""
    await service.get_wallet()
    return (await service.list_movements(MovementQuery())).total


async def _bought(service: EmbeddedService, buyer: Actor) -> _Caller:
    """The most popular agent that is paid per use, and credit for every call."""
    await service.start()
    query = OfferingQuery(kind="agent", billing_model=BillingModel.PAY_PER_USE, page_size=1)
    offering = await service.get_offering((await service.list_offerings(query)).items[0].uuid)
    plan = next(plan for plan in offering.plans if plan.billing_model is BillingModel.PAY_PER_USE)
    request = QuickCheckout(offering.card.uuid, plan.uuid, payment_token="tok_visa", terms_accepted=True)
    await service.for_actor(buyer).quick_checkout(request, key=_ids.uuid())
    while await service.run_due_jobs():
        pass
    return await service.core.db.run(partial(_Caller, service.core))


class _Caller:
    """Makes one call after the other, each paid from the wallet."""

    def __init__(self, core: Core, connection: sa.Connection) -> None:
        self._core, now = core, core.clock.now()
        organization = connection.execute(sa.select(mm.SubscriptionRow.organization_uuid)).scalar_one()
        self._agent, self._project = connection.execute(sa.select(m.ResourceRow.uuid, m.ResourceRow.project_uuid)).one()
        credit = NewGrant(organization, GrantKind.PAID, "top_up", Money.parse("10000"), now, provider="instant")
        grants.create(core, connection, credit, now)

    async def call(self) -> None:
        db, one = self._core.db, Call("chat", _ids.uuid(), self._agent, self._project, "", self._core.clock.now())
        await db.run(lambda connection: reservations.reserve(self._core, connection, one))
        await db.run(lambda connection: reservations.settle(self._core, connection, one.source, one.id, one.at))

    async def recorded(self) -> list[list[Write]]:
        """What one call writes, a list for each transaction."""
        with _writes() as written:
            await self.call()
        begins = [place for place, (sql, _) in enumerate(written) if sql.startswith("BEGIN")]
        return [written[begin + 1 : end] for begin, end in zip(begins, [*begins[1:], None], strict=True)]


@contextmanager
def _writes() -> Iterator[list[Write]]:
    """Every statement that is no SELECT."""
    written: list[Write] = []

    def note(_connection: object, _cursor: object, sql: str, values: Any, _context: object, is_many: bool) -> None:
        if not sql.startswith("SELECT"):
            written.extend((sql, tuple(one)) for one in (values if is_many else [values]))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield written
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


class _Raw:
    """The recorded writes again and again, with ids and numbers of the ledger of their own; the seal stays."""

    def __init__(self, path: Path, parts: list[list[Write]]) -> None:
        self._parts = parts
        self._connection = opened(path)
        with closing(sqlite3.connect(path)) as connection:
            (known,) = connection.execute("SELECT group_concat(uuid) FROM (SELECT uuid FROM organizations UNION "
                                          "SELECT uuid FROM projects UNION SELECT uuid FROM resources UNION "
                                          "SELECT uuid FROM grants)").fetchone()  # fmt: skip
        texts = [value for part in parts for _, values in part for value in values if isinstance(value, str)]
        self._born = {found for text in texts for found in _ID.findall(text)} - set(known.split(","))
        self._turns = count()

    def call(self) -> None:
        for part in self._again():
            self._connection.execute("BEGIN IMMEDIATE")
            self._write(part)
            self._connection.execute("COMMIT")

    def a_year(self, calls: int) -> None:
        """What so many calls leave in the ledger, spread over a year that ends now, in one transaction."""
        first = SystemClock().now() - _YEAR
        self._connection.execute("BEGIN IMMEDIATE")
        for number in range(calls):
            at = stored(first + _YEAR * number / calls)
            for part in self._again():
                self._write([(sql, tuple(at if _is_instant(value) else value for value in values))
                             for sql, values in part if "ledger_" in sql])  # fmt: skip
        self._connection.execute("COMMIT")

    def _write(self, part: list[Write]) -> None:
        for sql, values in part:
            self._connection.execute(sql, values).fetchall()

    def _again(self) -> list[list[Write]]:
        later = next(self._turns) * 2  # two transfers a call
        new = {old: _ids.uuid() for old in self._born}

        def fresh(sql: str, place: int, value: Any) -> Any:
            if isinstance(value, str):
                return _ID.sub(lambda found: new.get(found[0], found[0]), value)
            return value + later if place == _SEQ and sql.startswith(_NUMBERED) else value

        return [
            [(sql, tuple(fresh(sql, *one) for one in enumerate(values))) for sql, values in part]
            for part in self._parts
        ]

    def close(self) -> None:
        self._connection.close()


def _is_instant(value: object) -> bool:
    return isinstance(value, str) and _INSTANT.match(value) is not None
