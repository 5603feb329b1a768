"""From the start of a process to its first frame, in fresh processes and after compileall."""

from __future__ import annotations

import asyncio
import compileall
from pathlib import Path

from app import compose, settings
from tests.benchmarks.harness import ROOT, Line, Spawned, median, ratio, spawn, workspace

ROUNDS = 7
_MODULE = "tests.benchmarks.first_frame"
_KINDS = ("bare", "ours", "eager")
_OURS = ("app", "ui", "services", "resources", "tests/benchmarks")


def run() -> list[Line]:
    """All lines of this benchmark."""
    for folder in _OURS:
        compileall.compile_dir(ROOT / folder, quiet=2)
    used = workspace() / "cold-start"
    used.mkdir(exist_ok=True)
    asyncio.run(_make_database(used))
    starts: dict[str, list[Spawned]] = {kind: [] for kind in (*_KINDS, "first ever")}
    for number in range(ROUNDS + 1):  # the first round warms the disk's cache and compiles what is not ours
        for place in range(len(_KINDS)):
            kind = _KINDS[(number + place) % len(_KINDS)]
            starts[kind].append(spawn(_MODULE, kind, str(used), folder=workspace()))
        new = workspace() / f"first-ever-{number}"
        new.mkdir()
        starts["first ever"].append(spawn(_MODULE, "ours", str(new), folder=workspace()))
    return _lines({kind: found[1:] for kind, found in starts.items()})


async def _make_database(folder: Path) -> None:
    service = await compose.build_embedded(settings.load(folder, {}))
    service.close()


def _lines(starts: dict[str, list[Spawned]]) -> list[Line]:
    times = {kind: [start.ms for start in found] for kind, found in starts.items()}
    bare, ours, eager = (median(times[kind]) for kind in _KINDS)
    to_bare, gain = ratio(times["ours"], times["bare"]), ratio(times["eager"], times["ours"])
    shown = [start.said for kind in ("ours", "first ever") for start in starts[kind]]
    fewest = min(said["cards"] for said in shown)
    heavy = sorted({name for said in shown for name in said["heavy"]})
    return [
        Line("cold start to the first frame", ours, limit=bare, peer=eager, target="ours/limit <= 1.5",
             is_met=to_bare <= 1.5),
        Line("the same against importing everything first", ours, limit=bare, peer=eager, target="peer/ours >= 3",
             is_met=gain >= 3),
        Line("first catalogue page, in the first frame", ours, limit=bare, target="ours/limit <= 1.2",
             is_met=to_bare <= 1.2),
        Line("very first start, no database yet", median(times["first ever"]), limit=bare),
        Line("cards painted in the first frame, fewest", fewest, unit="cards", target="> 0", is_met=fewest > 0),
        Line("sqlalchemy, httpx, stripe loaded by then", len(heavy), unit="modules", target="0", is_met=not heavy,
             note=", ".join(heavy)),
    ]  # fmt: skip
