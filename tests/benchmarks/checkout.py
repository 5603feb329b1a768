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
from pathlib import Path
from shutil import copyfile

import sqlalchemy as sa

from app.clock import SystemClock, SystemIds
from services.api.contract import Actor
from services.api.types import BillingModel, OfferingQuery, QuickCheckout
from services.db import models as m
from services.db.session import make_engine
from services.embedded.core import hashed
from services.embedded.service import EmbeddedService
from tests.benchmarks.harness import Line, interleave, median, p99, ratio, workspace
from tests.benchmarks.rig import embedded
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
        request = now(_request(service))
        buyers = _people(path, SPARE)

        def buy() -> None:
            key = _ids.uuid()
            now(service.for_actor(next(buyers)).quick_checkout(request, key=key))

        buy()  # the first order of all makes the counter of order numbers
        before = Marks(path)
        buy()
        rows = new_rows(path, before)
        statements = _statements(buy)
        once, twice, orm = (_copy(path, name) for name in ("once", "twice", "orm"))
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


async def _request(service: EmbeddedService) -> QuickCheckout:
    """The most popular agent with a subscription."""
    query = OfferingQuery(kind="agent", billing_model=BillingModel.SUBSCRIPTION, page_size=1)
    offering = await service.get_offering((await service.list_offerings(query)).items[0].uuid)
    plan = next(plan for plan in offering.plans if plan.billing_model is BillingModel.SUBSCRIPTION)
    return QuickCheckout(offering.card.uuid, plan.uuid, payment_token="tok_visa", terms_accepted=True)


def _people(path: Path, number: int) -> Iterator[Actor]:
    """People who have just signed up, each with a session and nothing else."""
    now = SystemClock().now()
    tokens = [_ids.token() for _ in range(number)]
    users = [
        {"uuid": _ids.uuid(), "email": f"buyer{place}@example.com", "full_name": "Ada Buyer", "password_hash": "-",
         "failed_sign_ins": 0, "paused_until": None, "created_at": now}
        for place in range(number)
    ]  # fmt: skip
    sessions = [
        {"token_hash": hashed(token), "user_uuid": user["uuid"], "created_at": now,
         "expires_at": now + timedelta(days=1), "revoked_at": None}
        for token, user in zip(tokens, users, strict=True)
    ]  # fmt: skip
    engine = make_engine(path)
    with engine.begin() as connection:
        connection.execute(sa.insert(m.User), users)
        connection.execute(sa.insert(m.SessionRow), sessions)
    engine.dispose()
    return iter([Actor(session=token) for token in tokens])


def _copy(path: Path, name: str) -> Path:
    """Another file with the same content, on the same disk."""
    copy = path.with_name(f"{name}.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    return copy


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
