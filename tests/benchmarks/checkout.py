"""One purchase from nothing (organization, project, order, payment, agent) against its rows written by sqlite3 alone.

The provider answers at once and nobody hashes a password: what is left is our own work and the disk (synchronous=FULL).
Ours commits twice, because the intent must be on disk before the provider is asked; the raw side commits once.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path
from shutil import copyfile
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import SystemClock, SystemIds
from services.api.contract import Actor
from services.api.types import BillingModel, OfferingQuery, QuickCheckout
from services.db import models as m
from services.db.session import make_engine
from services.embedded.core import hashed
from services.embedded.service import EmbeddedService
from tests.benchmarks.harness import Line, interleave, median, p99, ratio, workspace
from tests.benchmarks.rig import embedded
from tests.contract.embedded import migrated_template

ROUNDS = 200
Row = dict[str, Any]  # column -> value
Rows = list[tuple[str, Row]]  # table and row, in the order of their foreign keys


def run() -> list[Line]:
    """All lines of this benchmark."""
    folder = workspace() / "checkout"
    folder.mkdir()
    ours = _database(folder / "ours.db")
    service = embedded(ours)
    with asyncio.Runner() as runner:
        runner.run(service.start())
        request = runner.run(_request(service))
        buyers = _people(ours, ROUNDS + 10)
        pattern = _rows_of(ours, lambda: _buy(runner, service, request, next(buyers)))
        statements = _statements(ours, service, lambda: _buy(runner, service, request, next(buyers)))
        others = [copyfile(ours, folder / f"{name}.db") for name in ("raw", "raw2", "orm")]
        raw, raw2, orm = (_Copies(pattern, path) for path in others)
        times = interleave(
            {
                "ours": lambda: _buy(runner, service, request, next(buyers)),
                "raw": lambda: raw.write(1),
                "raw2": lambda: raw2.write(2),
                "orm": orm.write_by_orm,
            },
            ROUNDS,
            warm_up=3,
            at_most_s=40,
        )
    service.close()
    for side in (raw, raw2, orm):
        side.close()
    return _lines(times, len(pattern), statements)
