"""`python -m tests.benchmarks [name…] [--json]`: runs all benchmarks, or the named ones, and prints one table."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sqlite3
import sys
import time

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before anything imports Qt

from tests.benchmarks.harness import Line

NAMES = ("cold_start", "search", "grid", "checkout", "ledger", "call", "usage", "invoice_run", "explain", "http")
_COLUMNS = ("operation", "ours", "limit", "peer", "ours/limit", "peer/ours", "target", "met")


def main(argv: list[str] | None = None) -> None:
    """Prints the table; fails only where a benchmark breaks."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", type=_known, metavar="name", help=", ".join(NAMES))
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    arguments = parser.parse_args(argv)
    lines: list[Line] = []
    for name in arguments.names or NAMES:
        started = time.perf_counter()
        lines += importlib.import_module(f"tests.benchmarks.{name}").run()
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    print(json.dumps([line.as_json() for line in lines], indent=1) if arguments.json else table(lines))


def _known(name: str) -> str:
    if name not in NAMES:
        raise argparse.ArgumentTypeError(f"there is no {name}, only {', '.join(NAMES)}")
    return name


def _machine() -> str:
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores{load} at the end."
    )


def table(lines: list[Line]) -> str:
    """The lines as a Markdown table, and how many targets are met."""
    rows = [_COLUMNS, *(_cells(line) for line in lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_COLUMNS))]
    said = ["| " + " | ".join(_aligned(row, widths)) + " |" for row in rows]
    said.insert(1, "|" + "|".join(("-" * (width + 1) + (":" if 0 < place < 6 else "-")) for place, width in
                                  enumerate(widths)) + "|")  # fmt: skip
    promised = [line for line in lines if line.is_met is not None]
    notes = [f"- {line.operation}: {line.note}" for line in lines if line.note]
    met = sum(bool(line.is_met) for line in promised)
    return "\n".join([*said, "", f"{met} of {len(promised)} targets met. {_machine()}", "", *notes])


def _cells(line: Line) -> tuple[str, ...]:
    met = {None: "", True: "yes", False: "NO"}[line.is_met]
    figures = (_figure(value, line.unit) for value in (line.ours, line.limit, line.peer))
    return (line.operation, *figures, _times(line.to_limit), _times(line.peer_to_ours), line.target, met)


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 3 if value < 0.1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{0 if value == int(value) else digits}f} {unit}"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    pairs = enumerate(zip(row, widths, strict=True))
    return [cell.rjust(width) if 0 < place < 6 else cell.ljust(width) for place, (cell, width) in pairs]


if __name__ == "__main__":
    main()
