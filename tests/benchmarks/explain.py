"""A month of 100,000 calls of one agent: the first page behind its price, and what every other plan would have cost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path
from shutil import copyfile

import sqlalchemy as sa

from app.clock import SystemClock, SystemIds
from services.api.contract import Service
from services.db import models as m
from services.embedded.money.told import BATCH, Told, ingest
from tests.benchmarks.harness import Line, interleave, median, p99, workspace
from tests.benchmarks.rig import begun, embedded, people, subscription_request
from tests.contract.embedded import migrated_template

CALLS = 100_000
PAGE = 200
SINCE, GAP = timedelta(days=25), timedelta(seconds=20)
ROUNDS = 20
EXPLAIN_MS, COMPARE_MS = 100, 1_000


def run() -> list[Line]:
    """All lines of this benchmark."""
    folder = workspace() / "explain"
    folder.mkdir()
    path = Path(copyfile(migrated_template(), folder / "ours.db"))
    service = embedded(path)
    core = service.core
    with asyncio.Runner() as runner:
        now = runner.get_loop().run_until_complete
        now(service.start())
        buyer = service.for_actor(next(people(path, 1)))
        now(buyer.quick_checkout(now(subscription_request(service)), key=SystemIds().uuid()))
        began = SystemClock().now() - SINCE
        now(core.db.run(partial(begun, began)))
        agent = now(core.db.read(lambda connection: connection.execute(sa.select(m.ResourceRow.uuid)).scalar_one()))
        for start in range(0, CALLS, BATCH):
            told = [
                Told("meter", f"{number:06}", agent, began + number * GAP) for number in range(start, start + BATCH)
            ]
            now(core.db.run(lambda connection, these=told: ingest(core, connection, these)))  # type: ignore[misc]
        (one,) = now(buyer.list_subscriptions())
        ref = now(_deepest(buyer, f"usage:{agent}"))
        times = interleave(
            {
                "explain": lambda: now(buyer.explain(ref, limit=PAGE)),
                "compare": lambda: now(buyer.compare_plans(one.uuid, 30)),
            },
            ROUNDS,
            at_most_s=30,
        )
    service.close()
    explain, compare = (median(times[name]) for name in ("explain", "compare"))
    return [
        Line(f"first {PAGE} of {CALLS:,} calls behind an amount", explain, target=f"<= {EXPLAIN_MS} ms",
             is_met=explain <= EXPLAIN_MS, note=f"p99 {p99(times['explain']):.0f} ms"),
        Line(f"{CALLS:,} calls through every plan", compare, target=f"<= {COMPARE_MS:,} ms",
             is_met=compare <= COMPARE_MS, note=f"p99 {p99(times['compare']):.0f} ms"),
    ]  # fmt: skip


async def _deepest(buyer: Service, ref: str) -> str:
    """The node with the most below it that has no further levels."""
    node = await buyer.explain(ref, limit=PAGE)
    below = [child for child in node.children if child.child_count]
    return await _deepest(buyer, max(below, key=lambda child: child.child_count).ref) if below else ref
