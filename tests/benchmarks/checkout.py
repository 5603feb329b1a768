"""One purchase from nothing (organization, project, order, payment, agent) against its rows written by sqlite3 alone.

The provider answers at once and nobody hashes a password: what is left is our own work and the disk (synchronous=FULL).
Ours commits twice, because the intent must be on disk before the provider is asked; the raw side commits once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile

import sqlalchemy as sa

from app.clock import SystemIds
from tests.benchmarks.harness import Line, interleave, median, p99, ratio, workspace
from tests.benchmarks.rig import copy_of, embedded, people, subscription_request
from tests.benchmarks.written_rows import CHANGES, ByOrm, ByRaw, Marks, new_rows
from tests.contract.embedded import migrated_template

ROUNDS = 200
SPARE = ROUNDS + 20
MOST = 4  # times the raw side
_ids = SystemIds()


def run() -> list[Line]:
    """All lines of this benchmark."""
    folder = workspace() / "checkout"
    folder.mkdir()
    path = Path(copyfile(migrated_template(), folder / "ours.db"))
    service = embedded(path)
    with asyncio.Runner() as runner:
        now = runner.get_loop().run_until_complete  # a window has its loop running; starting one is not part of it
        now(service.start())
        request = now(subscription_request(service))
        buyers = people(path, SPARE)

        def buy() -> None:
            key = _ids.uuid()
            now(service.for_actor(next(buyers)).quick_checkout(request, key=key))

        buy()  # the first order of all makes the counter of order numbers
        before = Marks(path)
        buy()
        rows = new_rows(path, before)
        statements = _statements(buy)
        once, twice, orm = (copy_of(path, name) for name in ("once", "twice", "orm"))
        sides: dict[str, ByRaw | ByOrm] = {
            "once": ByRaw(once, rows, SPARE, commits=1),
            "twice": ByRaw(twice, rows, SPARE, commits=2),
            "orm": ByOrm(orm, rows, SPARE),
        }
        writes = {name: side.write for name, side in sides.items()}
        times = interleave({"ours": buy} | writes, ROUNDS, warm_up=5, at_most_s=40)
    service.close()
    for side in sides.values():
        side.close()
    return _lines(times, len(rows) + len(CHANGES), statements)


def _statements(buy: Callable[[], None]) -> int:
    """How many SQL statements one purchase sends, BEGIN and COMMIT apart."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    buy()
    sa.event.remove(sa.Engine, "before_cursor_execute", note)
    return sum(not statement.startswith("BEGIN") for statement in seen)


def _lines(times: dict[str, list[float]], rows: int, statements: int) -> list[Line]:
    ours, once, orm = (median(times[name]) for name in ("ours", "once", "orm"))
    to_raw = ratio(times["ours"], times["once"])
    return [
        Line(f"quick-checkout commit, {rows} rows", ours, limit=once, peer=orm, target=f"ours/limit <= {MOST}",
             is_met=to_raw <= MOST,
             note=f"{statements} statements in two transactions, p99 {p99(times['ours']):.1f} ms"),
        Line("the same, raw side in two commits like ours", ours, limit=median(times["twice"])),
    ]  # fmt: skip
