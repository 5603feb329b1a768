"""Transfers a second: ours, one transaction each and synced to the disk, against the same rows written by sqlite3; and
on PostgreSQL by eight at once, all on one organization's books (hot) and each on their own (spread), against the four
statements and nothing else (no chain, no idempotency, no guard)."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from shutil import copyfile
from statistics import median as _median

import psycopg
import sqlalchemy as sa

from app.clock import SystemClock, SystemIds
from services.api.money import Money
from services.db import models as m
from services.db import postgres
from services.db.session import Database
from services.domain import movements
from services.domain.movements import Stamp
from services.domain.wallet import GrantKind, Share
from services.embedded.core import Core
from services.embedded.money import grants, ledger
from services.embedded.money.grants import NewGrant
from services.gateways.agents import ScriptedAgents
from services.gateways.providers import Providers
from tests.benchmarks.harness import Line, interleave, median, p99, workspace
from tests.benchmarks.raw import opened
from tests.benchmarks.rig import InstantPayments, copy_of
from tests.contract.embedded import migrated_template
from tests.keys import LEDGER_KEY
from tests.postgres import new_database, why_not

ROUNDS = 400
SHARE = 0.6  # of raw sqlite3
AT_ONCE = 8
SECONDS = 2.0
TURNS = 2
HOT_SHARE = 0.8  # of spread
_PRICE = Money.parse("0.000001")
_ids = SystemIds()


def run() -> list[Line]:
    """All lines of this benchmark."""
    return [*_on_sqlite(), *([] if why_not() else _on_postgres())]


class _Wallet:
    """An organization with credit: every transfer sets a micro of it aside."""

    def __init__(self, core: Core, connection: sa.Connection) -> None:
        self.core = core
        self.organization = _ids.uuid()
        self.now = core.clock.now()
        row = {"uuid": self.organization, "name": "Ada's Organization", "created_at": self.now}
        connection.execute(sa.insert(m.OrganizationRow), row)
        new = NewGrant(self.organization, GrantKind.PAID, "top_up", Money.parse("1000"), self.now, provider="instant")
        self.grant = grants.create(core, connection, new, self.now)
        self._keys = count(1)
        self.post(connection)

    def post(self, connection: sa.Connection) -> None:
        stamp = Stamp(self.organization, f"key-{next(self._keys)}", self.now)
        ledger.post(self.core, connection, movements.hold(stamp, [Share(self.grant, GrantKind.PAID, _PRICE)]))


def _core(db: Database) -> Core:
    return Core(db=db, clock=SystemClock(), ids=_ids, payments=Providers(InstantPayments()), agents=ScriptedAgents(),
                ledger_key=LEDGER_KEY)  # fmt: skip


def _on_sqlite() -> list[Line]:
    folder = workspace() / "ledger"
    folder.mkdir()
    path = Path(copyfile(migrated_template(), folder / "ours.db"))
    db = Database(path)
    with asyncio.Runner() as runner:
        now = runner.get_loop().run_until_complete
        wallet = now(db.run(partial(_Wallet, _core(db))))
        raw = _Raw(copy_of(path, "raw"), wallet)
        times = interleave({"ours": lambda: now(db.run(wallet.post)), "raw": raw.post}, ROUNDS, at_most_s=20)
    db.close()
    raw.close()
    ours, limit = (1_000 / median(times[name]) for name in ("ours", "raw"))
    return [
        Line("ledger transfers, SQLite, synced each", ours, "/s", limit=limit, target=f"ours/limit >= {SHARE}",
             is_met=ours >= SHARE * limit, note=f"p99 {p99(times['ours']):.1f} ms; two entries, floor and chain"),
    ]  # fmt: skip


class _Raw:
    """What a transfer of two entries reads and writes, by sqlite3 alone; the seal is made up beforehand."""

    def __init__(self, path: Path, wallet: _Wallet) -> None:
        self._connection = opened(path)
        self._of = wallet.organization
        self._now = wallet.now.replace(tzinfo=None).isoformat(" ", "microseconds")
        self._grant = wallet.grant

    def post(self) -> None:
        do, of = self._connection.execute, self._of
        key, seal = _ids.uuid(), "0" * 64
        do("BEGIN IMMEDIATE")
        seq, _mac = do("UPDATE ledger_heads SET seq = seq + 1, wallet_moves = wallet_moves + 1 "
                       "WHERE organization_uuid = ? RETURNING seq, mac", (of,)).fetchone()  # fmt: skip
        do("SELECT seq FROM ledger_transfers WHERE organization_uuid = ? AND key = ?", (of, key)).fetchone()
        for position, (sub, micros) in enumerate(((self._grant, -1), ("", 1))):
            kind = "wallet_paid" if sub else "holds"
            (account,) = do("SELECT id FROM ledger_accounts WHERE organization_uuid = ? AND kind = ? AND sub = ?",
                            (of, kind, sub)).fetchone()  # fmt: skip
            do("UPDATE ledger_accounts SET balance_micros = balance_micros + ? WHERE id = ? "
               "AND balance_micros + ? >= floor_micros", (micros, account, micros))  # fmt: skip
            do("INSERT INTO ledger_entries (organization_uuid, seq, position, account_id, amount_micros, currency) "
               "VALUES (?, ?, ?, ?, ?, 'USD')", (of, seq, position, account, micros))  # fmt: skip
        do("INSERT INTO ledger_transfers (organization_uuid, seq, uuid, key, kind, at, memo, mac) "
           "VALUES (?, ?, ?, ?, 'hold', ?, '{}', ?)", (of, seq, key, key, self._now, seal))  # fmt: skip
        do("UPDATE ledger_heads SET mac = ? WHERE organization_uuid = ?", (seal, of))
        do("COMMIT")

    def close(self) -> None:
        self._connection.close()


# ---- many at once


def _on_postgres() -> list[Line]:
    with new_database() as url:
        engine = postgres.writing(postgres.make_engine(url, connections=AT_ONCE))
        core = _core(Database(workspace() / "unused.db"))
        make = partial(_Wallet, core)
        wallets = [postgres.transact(engine, make) for _ in range(AT_ONCE)]
        _prepare_peer(url)
        sides: dict[str, Callable[[int], Callable[[], None]]] = {
            "hot": lambda _place: partial(_post, engine, wallets[0]),
            "spread": lambda place: partial(_post, engine, wallets[place]),
            "four": lambda place: _Four(url, place).post,
        }
        rates: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(TURNS):
            for name, side in sides.items():
                rates[name].append(_per_second(side))
        engine.dispose()
        core.db.close()
    hot, spread, four = (_median(rates[name]) for name in ("hot", "spread", "four"))
    return [
        Line("the same, PostgreSQL, 8 at once, books of 8", spread, "/s", peer=four, target="ours/peer >= 1",
             is_met=spread >= four, note="the server does not sync here; the peer moves two balances, nothing else"),
        Line("the same, PostgreSQL, 8 at once, one book", hot, "/s", limit=spread, target=f"hot/spread >= {HOT_SHARE}",
             is_met=hot >= HOT_SHARE * spread),
    ]  # fmt: skip


def _post(engine: sa.Engine, wallet: _Wallet) -> None:
    postgres.transact(engine, wallet.post)


def _prepare_peer(url: str) -> None:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute("CREATE TABLE peer_accounts (id bigint PRIMARY KEY, balance bigint NOT NULL)")
        connection.execute("CREATE TABLE peer_transfers (id bigserial PRIMARY KEY, debit bigint, credit bigint, "
                           "amount bigint, at timestamptz)")  # fmt: skip
        connection.execute(
            "INSERT INTO peer_accounts SELECT n, 1000000000 FROM generate_series(0, %s) n", (2 * AT_ONCE,)
        )


class _Four:
    """Lock, take, give, write down: a transfer between two balances, as it is usually written."""

    def __init__(self, url: str, place: int) -> None:
        self._connection = psycopg.connect(url)
        self._accounts = (2 * place, 2 * place + 1)

    def post(self) -> None:
        debit, credit = self._accounts
        do = self._connection.execute
        do("SELECT balance FROM peer_accounts WHERE id = %s FOR UPDATE", (debit,))
        do("UPDATE peer_accounts SET balance = balance - 1 WHERE id = %s", (debit,))
        do("UPDATE peer_accounts SET balance = balance + 1 WHERE id = %s", (credit,))
        do("INSERT INTO peer_transfers (debit, credit, amount, at) VALUES (%s, %s, 1, now())", (debit, credit))
        self._connection.commit()


def _per_second(side: Callable[[int], Callable[[], None]]) -> float:
    """How often eight threads together do it in a second."""
    works = [side(place) for place in range(AT_ONCE)]
    done = [0] * AT_ONCE
    ends = time.perf_counter() + SECONDS

    def work(place: int) -> None:
        while time.perf_counter() < ends:
            works[place]()
            done[place] += 1

    threads = [threading.Thread(target=work, args=(place,)) for place in range(AT_ONCE)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - started)
