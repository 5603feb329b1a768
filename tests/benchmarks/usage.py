"""Calls told afterwards, 1,000 at once for 20 agents: priced, counted by hour, day and month, durable."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from shutil import copyfile

import sqlalchemy as sa

from app.clock import SystemClock, SystemIds
from services.db import models as m
from services.embedded.money.told import BATCH, Told, ingest
from tests.benchmarks.harness import Line, interleave, median, workspace
from tests.benchmarks.raw import opened
from tests.benchmarks.rig import begun, copy_of, embedded, people, subscription_request
from tests.contract.embedded import migrated_template

AGENTS = 20
ROUNDS = 40
SINCE = timedelta(days=25)
GAP = timedelta(seconds=3)  # a batch covers an hour
LEAST = 10_000  # calls a second
SHARE = 0.5  # of the raw side that counts one by one
_EVENT = (
    "INSERT INTO usage_events (source, id, resource_uuid, meter, quantity, at, purpose, state, cost_micros, currency,"
    " paid_from, would_cost_micros, key_uuid, user_uuid, recorded_at, invoice_uuid)"
    " VALUES ('meter', ?, ?, 'calls', 1, ?, 'chat', 'settled', 0, 'USD', 'included', 0, ?, '', ?, '')"
    " ON CONFLICT DO NOTHING"
)
_ROLLUP = (
    "INSERT INTO usage_rollups (resource_uuid, grain, start_at, calls, cost_micros) VALUES (?, ?, ?, ?, 0)"
    " ON CONFLICT (resource_uuid, grain, start_at) DO UPDATE SET calls = calls + excluded.calls"
)
_TOTAL = (
    "INSERT INTO usage_totals (resource_uuid, period_start, calls, cost_micros) VALUES (?, ?, ?, 0)"
    " ON CONFLICT (resource_uuid, period_start) DO UPDATE SET calls = calls + excluded.calls"
)
Batch = Sequence[tuple[str, str, datetime]]  # id, resource, instant


def run() -> list[Line]:
    """All lines of this benchmark."""
    folder = workspace() / "usage"
    folder.mkdir()
    path = Path(copyfile(migrated_template(), folder / "ours.db"))
    service = embedded(path)
    core = service.core
    with asyncio.Runner() as runner:
        now = runner.get_loop().run_until_complete
        now(service.start())
        request = now(subscription_request(service))
        for buyer in people(path, AGENTS):
            now(service.for_actor(buyer).quick_checkout(request, key=SystemIds().uuid()))
        while now(service.run_due_jobs()):
            pass
        began = SystemClock().now() - SINCE
        agents = now(core.db.run(partial(_begin_at, began)))
        batches = {name: _batches(agents, began) for name in ("ours", "sums", "single")}

        def tell() -> None:
            told = [Told("meter", *call) for call in next(batches["ours"])]
            now(core.db.run(lambda connection: ingest(core, connection, told)))

        sums, single = (_Raw(copy_of(path, name), began) for name in ("sums", "single"))
        times = interleave(
            {
                "ours": tell,
                "sums": lambda: sums.write(next(batches["sums"]), is_summed=True),
                "single": lambda: single.write(next(batches["single"]), is_summed=False),
            },
            ROUNDS,
            at_most_s=30,
        )
    service.close()
    ours, limit, peer = (BATCH * 1_000 / median(times[name]) for name in ("ours", "sums", "single"))
    return [
        Line("calls told, priced and counted, durable", ours, "calls/s", limit=limit, target=f">= {LEAST:,}/s",
             is_met=ours >= LEAST, note=f"{BATCH} at once for {AGENTS} agents; the raw side adds up as ours does"),
        Line("the same, raw side counts one by one", ours, "calls/s", limit=peer, target=f"ours/limit >= {SHARE}",
             is_met=ours >= SHARE * peer),
    ]  # fmt: skip


def _begin_at(began: datetime, connection: sa.Connection) -> list[str]:
    """As if all had been bought long ago; their agents."""
    begun(began, connection)
    return list(connection.execute(sa.select(m.ResourceRow.uuid)).scalars())


def _batches(agents: Sequence[str], began: datetime) -> Iterator[Batch]:
    """Different ids, the same instants for everybody."""
    for number in count():
        places = range(number * BATCH, (number + 1) * BATCH)
        yield [(f"call-{place}", agents[place % len(agents)], began + place * GAP) for place in places]


class _Raw:
    """sqlite3 alone: the events, then what is kept of them, summed or one upsert a call."""

    def __init__(self, path: Path, began: datetime) -> None:
        self._connection = opened(path)
        self._month = _text(began)

    def write(self, batch: Batch, *, is_summed: bool) -> None:
        now = _text(SystemClock().now())
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(_EVENT, [(id, resource, _text(at), resource, now) for id, resource, at in batch])
        rollups = [place for _, resource, at in batch for place in _places(resource, at)]
        totals = [(resource, self._month) for _, resource, _ in batch]
        self._connection.executemany(_ROLLUP, _counted(rollups, is_summed=is_summed))
        self._connection.executemany(_TOTAL, _counted(totals, is_summed=is_summed))
        self._connection.execute("COMMIT")


def _places(resource: str, at: datetime) -> list[tuple[str, ...]]:
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return [(resource, "hour", _text(hour)), (resource, "day", _text(hour.replace(hour=0)))]


def _counted(places: Sequence[tuple[str, ...]], *, is_summed: bool) -> list[tuple[object, ...]]:
    if is_summed:
        return [(*place, calls) for place, calls in Counter(places).items()]
    return [(*place, 1) for place in places]


def _text(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
