"""Timing that can be believed on a noisy machine: all sides take turns in one run, and only their ratios are judged."""

from __future__ import annotations

import gc
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median as _median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
Side = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table. `limit` is what the machine could do, `peer` what is usual; None where there is no such
    thing. `is_met` None: a figure without a promise."""

    operation: str
    ours: float
    unit: str = "ms"
    limit: float | None = None
    peer: float | None = None
    target: str = ""
    is_met: bool | None = None
    note: str = ""

    @property
    def to_limit(self) -> float | None:
        return self.ours / self.limit if self.limit else None

    @property
    def peer_to_ours(self) -> float | None:
        return self.peer / self.ours if self.peer and self.ours else None

    def as_json(self) -> dict[str, Any]:  # Any: what JSON holds
        return {
            "operation": self.operation, "unit": self.unit, "ours": self.ours, "limit": self.limit,
            "peer": self.peer, "ours/limit": self.to_limit, "peer/ours": self.peer_to_ours,
            "target": self.target, "met": self.is_met, "note": self.note,
        }  # fmt: skip


def median(times: list[float]) -> float:
    return _median(times)


def p99(times: list[float]) -> float:
    """The time that 99 of 100 do not exceed (nearest rank)."""
    return sorted(times)[max(0, math.ceil(len(times) * 0.99) - 1)]


def milliseconds(side: Side) -> float:
    started = time.perf_counter()
    side()
    return (time.perf_counter() - started) * 1_000


def interleave(
    sides: Mapping[str, Side], rounds: int, *, warm_up: int = 2, at_most_s: float = 60
) -> dict[str, list[float]]:
    """Milliseconds of every side. They take turns, and who begins changes, so that a slow moment hits all alike."""
    names = list(sides)
    for _ in range(warm_up):
        for name in names:
            sides[name]()
    times: dict[str, list[float]] = {name: [] for name in names}
    ends = time.perf_counter() + at_most_s
    gc.collect()
    for number in range(rounds):
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            times[name].append(milliseconds(sides[name]))
        if time.perf_counter() > ends:
            break
    return times


def ratio(ours: list[float], other: list[float]) -> float:
    """How many times longer ours takes, by the medians."""
    return median(ours) / median(other)


# ---------------------------------------------------------------- processes


def environment(folder: Path) -> dict[str, str]:
    """What a fresh process of ours sees: no screen, compiled files allowed, everything written below `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SOUK_", "PYTHON"))}
    homes = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
    return kept | {name: str(folder) for name in homes} | {"QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Spawned:
    """When a fresh process said its first line, and what it said."""

    ms: float
    said: dict[str, Any]  # Any: what JSON holds


def spawn(module: str, *arguments: str, folder: Path, timeout_s: float = 30) -> Spawned:
    """Starts `module.main(*arguments)` in a fresh interpreter; the clock stops when it prints its first line (JSON)."""
    code = f"import sys; from {module} import main; main(*sys.argv[1:])"
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        ms = (time.perf_counter() - started) * 1_000
        try:
            _, complaint = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    if process.returncode or not line:
        raise RuntimeError(f"{module} {' '.join(arguments)}: exit {process.returncode}\n{complaint}")
    return Spawned(ms, json.loads(line))


# ---------------------------------------------------------------- files


@cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="souk-benchmarks-")


def workspace() -> Path:
    """A folder of this run, gone with it."""
    return Path(_temporary().name)
