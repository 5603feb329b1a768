"""The test provider inside this process, with the published outcomes and a memory of its own on disk.

Its page is answered in our own window (`confirm`); the twin (services/twin) is the one with pages in a browser.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from services.api.money import Money
from services.api.types import TestCard
from services.gateways.payments import (
    ACTION_REQUIRED,
    FAILED,
    SUCCEEDED,
    CardFacts,
    Charge,
    ChargeRequest,
    KeyMismatch,
    ProviderUnreachable,
)

T = TypeVar("T")

_EXPIRY = (12, 2034)
TEST_CARDS = (
    TestCard("tok_visa", "Visa", "4242", "pays"),
    TestCard("tok_mastercard", "Mastercard", "4444", "pays"),
    TestCard("tok_declined", "Visa", "0002", "declined"),
    TestCard("tok_insufficient_funds", "Visa", "9995", "insufficient_funds"),
    TestCard("tok_needs_confirmation", "Visa", "3155", "needs_confirmation"),
    TestCard("tok_lost_before", "Visa", "0119", "lost_before"),
    TestCard("tok_lost_after", "Visa", "0127", "lost_after"),
)
_DECLINES = {"declined": "card_declined", "insufficient_funds": "insufficient_funds"}

_BUGS = {0, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS charges (
    key TEXT PRIMARY KEY, id TEXT UNIQUE NOT NULL, token TEXT NOT NULL, reference TEXT NOT NULL,
    micros INTEGER NOT NULL, currency TEXT NOT NULL, state TEXT NOT NULL, decline_code TEXT NOT NULL,
    refunded_micros INTEGER NOT NULL DEFAULT 0, CHECK (refunded_micros BETWEEN 0 AND micros));
CREATE TABLE IF NOT EXISTS refunds (key TEXT PRIMARY KEY, charge_id TEXT NOT NULL, micros INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS lost (key TEXT PRIMARY KEY);
"""


class TestProvider:
    """A provider in this process with a memory of its own on disk, which survives our crashes as a real one would."""

    __test__ = False  # not a test class

    def __init__(self, path: Path, *, latency_s: float = 0.0) -> None:
        self._path = path
        self._latency_s = latency_s
        self._connection: sqlite3.Connection | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="souk-test-provider")

    @property
    def name(self) -> str:
        return "test"

    @property
    def is_test_mode(self) -> bool:
        return True

    @property
    def test_cards(self) -> tuple[TestCard, ...]:
        return TEST_CARDS

    def describe(self, token: str) -> CardFacts | None:
        card = next((card for card in TEST_CARDS if card.token == token), None)
        return None if card is None else CardFacts(card.brand, card.last4, *_EXPIRY)

    async def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        card = next(card for card in TEST_CARDS if card.token == request.token)
        first_time = await self._do(lambda db: self._is_first(db, key)) if card.outcome.startswith("lost") else False
        if first_time and card.outcome == "lost_before":
            raise ProviderUnreachable
        charge = await self._do(lambda db: self._charge(db, request, key, card.outcome))
        if first_time:
            raise ProviderUnreachable
        return charge

    async def find(self, key: str) -> Charge | None:
        return await self._do(lambda db: self._read(db, "key", key))

    async def confirm(self, charge_id: str, *, approve: bool) -> Charge:
        state, code = (SUCCEEDED, "") if approve else (FAILED, "confirmation_declined")
        return await self._do(lambda db: self._confirm(db, charge_id, state, code))

    async def refund(self, charge_id: str, amount: Money, *, key: str) -> Charge:
        return await self._do(lambda db: self._refund(db, charge_id, amount, key))

    async def between_writes(self, work: Callable[[Path], None]) -> None:
        """Work on the file of its record, while nothing is being written there: snapshots of a workspace."""
        await self._do(lambda _db: None)  # the file is there
        await asyncio.get_running_loop().run_in_executor(self._executor, work, self._path)

    def count_charges(self, reference: str = "") -> int:
        """How many charges succeeded, for one of our orders or for all; for tests and the simulator."""
        with sqlite3.connect(self._path) as db:
            where = "WHERE state IN ('succeeded', 'refunded') AND (? = '' OR reference = ?)"
            return int(db.execute(f"SELECT COUNT(*) FROM charges {where}", (reference, reference)).fetchone()[0])

    def close(self) -> None:
        """Lets go of the file."""
        self._executor.submit(self._disconnect).result()
        self._executor.shutdown()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._transact, work)

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._connection)
                self._connection.execute("COMMIT")
            finally:
                self._connection.rollback()  # does nothing after a commit
            return result
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUGS:
                raise
            raise ProviderUnreachable from error  # its disk is full, its file is held: as good as no answer

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=5)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_SCHEMA)
        return connection

    @staticmethod
    def _is_first(db: sqlite3.Connection, key: str) -> bool:
        return db.execute("INSERT OR IGNORE INTO lost VALUES (?)", (key,)).rowcount == 1

    @staticmethod
    def _read(db: sqlite3.Connection, column: str, value: str) -> Charge | None:
        sql = f"SELECT id, state, micros, currency, decline_code, reference FROM charges WHERE {column} = ?"
        row = db.execute(sql, (value,)).fetchone()
        if row is None:
            return None
        url = f"/pay/test/{row[5]}/" if row[1] == ACTION_REQUIRED else ""
        return Charge(row[0], row[1], Money(row[2], row[3]), row[4], url)

    def _charge(self, db: sqlite3.Connection, request: ChargeRequest, key: str, outcome: str) -> Charge:
        known = db.execute("SELECT token, micros, currency FROM charges WHERE key = ?", (key,)).fetchone()
        if known is None:
            state = (
                FAILED if outcome in _DECLINES else ACTION_REQUIRED if outcome == "needs_confirmation" else SUCCEEDED
            )
            db.execute(
                "INSERT INTO charges (key, id, token, reference, micros, currency, state, decline_code) "
                "VALUES (?, 'ch_test_' || lower(hex(randomblob(8))), ?, ?, ?, ?, ?, ?)",
                (key, request.token, request.reference, request.amount.micros, request.amount.currency, state,
                 _DECLINES.get(outcome, "")),
            )  # fmt: skip
        elif known != (request.token, request.amount.micros, request.amount.currency):
            raise KeyMismatch(key)
        charge = self._read(db, "key", key)
        assert charge is not None  # noqa: S101  written above in this transaction
        return charge

    def _confirm(self, db: sqlite3.Connection, charge_id: str, state: str, code: str) -> Charge:
        db.execute(
            "UPDATE charges SET state = ?, decline_code = ? WHERE id = ? AND state = 'action_required'",
            (state, code, charge_id),
        )
        return self._existing(db, charge_id)

    def _refund(self, db: sqlite3.Connection, charge_id: str, amount: Money, key: str) -> Charge:
        new = db.execute("INSERT OR IGNORE INTO refunds VALUES (?, ?, ?)", (key, charge_id, amount.micros)).rowcount
        if new:
            db.execute(
                "UPDATE charges SET refunded_micros = refunded_micros + ?, "
                "state = CASE WHEN refunded_micros + ? = micros THEN 'refunded' ELSE state END WHERE id = ?",
                (amount.micros, amount.micros, charge_id),
            )
        return self._existing(db, charge_id)

    def _existing(self, db: sqlite3.Connection, charge_id: str) -> Charge:
        charge = self._read(db, "id", charge_id)
        if charge is None:
            raise KeyError(charge_id)
        return charge
