"""What the PayPal of the twin remembers: JSON by kind and id in one SQLite file that outlives a killed program."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from services.api.clock import Clock
from services.api.money import EXPONENTS
from services.gateways.paypal_json import instant, stamp

Doc = dict[str, Any]  # JSON in the shape of PayPal's interface, which knows no types

ORDER, HOLD, CAPTURE, REFUND = "order", "authorization", "capture", "refund"
SETUP, TOKEN, DISPUTE, EVENT, WEBHOOK, ANSWER, ACCESS = (
    "setup-token", "payment-token", "dispute", "event", "webhook", "answer", "access"
)  # fmt: skip

_SCHEMA = """
CREATE TABLE IF NOT EXISTS docs (
    kind TEXT NOT NULL, id TEXT NOT NULL, nr INTEGER NOT NULL, ref TEXT NOT NULL, due TEXT NOT NULL, doc TEXT NOT NULL,
    PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS docs_by_ref ON docs (kind, ref);
CREATE INDEX IF NOT EXISTS docs_by_due ON docs (due) WHERE due <> '';
CREATE TABLE IF NOT EXISTS counter (nr INTEGER NOT NULL, written INTEGER NOT NULL);
INSERT INTO counter SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM counter);
"""


class Refusal(Exception):
    """An answer of PayPal's that is not the wished one."""

    def __init__(self, status: int, name: str, issue: str = "", description: str = "") -> None:
        super().__init__(issue or name)
        self.status = status
        self.name = name
        self.issue = issue
        self.description = description


def missing() -> Refusal:
    return Refusal(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", "The specified resource does not exist.")


def unprocessable(issue: str, description: str = "") -> Refusal:
    return Refusal(422, "UNPROCESSABLE_ENTITY", issue, description)


class Book:
    """`writing` is one transaction, and everything else happens inside one."""

    def __init__(self, path: Path, clock: Clock, *, seed: int) -> None:
        self._path = path
        self._clock = clock
        self._seed = seed
        self._lock = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)

    @property
    def path(self) -> Path:
        return self._path

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    @contextmanager
    def resting(self) -> Iterator[Path]:
        """Nothing is written while this lasts, and the file is closed: it may be copied or replaced."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()
            try:
                yield self._path
            finally:
                self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=5)
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.executescript(_SCHEMA)

    def now(self) -> datetime:
        return self._clock.now()

    def stamp(self) -> str:
        return stamp(self.now())

    def new_id(self, length: int = 17) -> str:
        """The next id, in PayPal's letters; the same seed brings the same ids."""
        (number,) = self._db.execute("UPDATE counter SET nr = nr + 1 RETURNING nr").fetchone()
        digest = hashlib.sha256(f"{self._seed}:{number}".encode()).digest()
        return base64.b32encode(digest).decode()[:length]

    def get(self, kind: str, doc_id: str) -> Doc | None:
        row = self._db.execute("SELECT doc FROM docs WHERE kind = ? AND id = ?", (kind, doc_id)).fetchone()
        return None if row is None else json.loads(row[0])

    def need(self, kind: str, doc_id: str) -> Doc:
        """Refusal when there is none."""
        doc = self.get(kind, doc_id)
        if doc is None:
            raise missing()
        return doc

    def all(self, kind: str, ref: str | None = None) -> list[Doc]:
        """In the order they were made; `ref` leaves those with another reference out."""
        sql = "SELECT doc FROM docs WHERE kind = ? AND (? IS NULL OR ref = ?) ORDER BY nr"
        return [json.loads(row[0]) for row in self._db.execute(sql, (kind, ref, ref)).fetchall()]

    def put(self, kind: str, doc: Doc, *, ref: str = "", due: datetime | None = None) -> Doc:
        """Makes it, or writes it anew; `due` is when `ripe` gives it back."""
        (number,) = self._db.execute("UPDATE counter SET written = written + 1 RETURNING written").fetchone()
        self._db.execute(
            "INSERT INTO docs VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET "
            "ref = CASE WHEN excluded.ref = '' THEN ref ELSE excluded.ref END, due = excluded.due, doc = excluded.doc",
            (kind, doc["id"], number, ref, stamp(due) if due else "", json.dumps(doc)),
        )
        return doc

    def drop(self, kind: str, doc_id: str) -> bool:
        return self._db.execute("DELETE FROM docs WHERE kind = ? AND id = ?", (kind, doc_id)).rowcount == 1

    def ripe(self) -> list[tuple[str, Doc]]:
        """What has come to its day, oldest first."""
        sql = "SELECT kind, doc FROM docs WHERE due <> '' AND due <= ? ORDER BY due, nr"
        return [(kind, json.loads(doc)) for kind, doc in self._db.execute(sql, (self.stamp(),)).fetchall()]

    def is_past(self, when: str, life: timedelta) -> bool:
        made = instant({"at": when}, "at")
        return made is not None and self.now() >= made + life

    def close(self) -> None:
        with self._lock:
            self._db.close()


def minor(amount: Doc) -> int:
    """Whole minor units of an amount in PayPal's shape."""
    places = EXPONENTS[amount["currency_code"]]
    whole, _, fraction = str(amount["value"]).partition(".")
    return int(whole + fraction.ljust(places, "0"))


def amount_of(units: int, currency: str) -> Doc:
    places = EXPONENTS[currency]
    whole, fraction = divmod(units, 10**places)
    return {"currency_code": currency, "value": f"{whole}.{fraction:0{places}d}" if places else str(whole)}


def public(doc: Doc) -> Doc:
    """As it goes out: what only the twin knows begins with an underscore."""
    return {name: value for name, value in doc.items() if not name.startswith("_")}
