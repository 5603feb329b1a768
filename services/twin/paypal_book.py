"""What the PayPal of the twin remembers: JSON by kind and id in one SQLite file that outlives a killed program."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from services.api.clock import Clock
from services.api.money import EXPONENTS
from services.gateways.paypal_json import instant, stamp
from services.twin.record_file import RecordFile

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


class Book(RecordFile):
    """PayPal's objects, as JSON documents by kind and id."""

    def __init__(self, path: Path, clock: Clock, *, seed: int) -> None:
        super().__init__(path, clock, seed=seed, schema=_SCHEMA)

    def stamp(self) -> str:
        return stamp(self.now())

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
