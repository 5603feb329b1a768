"""What a provider of the twin remembers: JSON by kind and id in one SQLite file that outlives a killed program.

The columns beside the JSON are those it is looked up by; everything else is in the JSON alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.api.clock import Clock
from services.twin.record_file import RecordFile

Doc = dict[str, Any]  # Any: JSON in the shape of a provider's interface, which knows no types

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    nr INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, created INTEGER NOT NULL,
    customer TEXT NOT NULL, ref TEXT NOT NULL, due INTEGER, doc TEXT NOT NULL, UNIQUE (kind, id));
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, nr);
CREATE INDEX IF NOT EXISTS objects_by_customer ON objects (kind, customer, nr);
CREATE INDEX IF NOT EXISTS objects_by_ref ON objects (kind, ref, nr);
CREATE INDEX IF NOT EXISTS objects_by_due ON objects (due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS counter (nr INTEGER NOT NULL);
INSERT INTO counter SELECT 0 WHERE NOT EXISTS (SELECT * FROM counter);
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of a kind; "" and None leave a condition out. `after` and `before` are ids; `field` = `values` is looked
    for in the JSON. Instants are seconds, both ends included."""

    customer: str = ""
    ref: str = ""
    since: int | None = None
    until: int | None = None
    field: str = ""
    values: tuple[str, ...] = ()
    after: str = ""
    before: str = ""
    limit: int = 10


class Store(RecordFile):
    """Stripe's objects, as JSON documents by kind and id."""

    def __init__(self, path: Path, clock: Clock, *, seed: int) -> None:
        super().__init__(path, clock, seed=seed, schema=_SCHEMA)

    def mark(self) -> None:
        """From here on it can be undone, within the transaction."""
        self._db.execute("SAVEPOINT mark")

    def back_to_mark(self) -> None:
        self._db.execute("ROLLBACK TO mark")

    def seconds(self) -> int:
        return int(self.now().timestamp())

    def get(self, kind: str, doc_id: str) -> Doc | None:
        row = self._db.execute("SELECT doc FROM objects WHERE kind = ? AND id = ?", (kind, doc_id)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, kind: str, doc: Doc, *, customer: str = "", ref: str = "", due: int | None = None) -> Doc:
        """Makes it, or writes it anew; `due` (seconds) is when `ripe` gives it back."""
        self._db.execute(
            "INSERT INTO objects (kind, id, created, customer, ref, due, doc) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET "
            "customer = excluded.customer, ref = excluded.ref, due = excluded.due, doc = excluded.doc",
            (kind, doc["id"], doc.get("created", 0), customer, ref, due, json.dumps(doc)),
        )
        return doc

    def drop(self, kind: str, doc_id: str) -> bool:
        return self._db.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, doc_id)).rowcount == 1

    def all(self, kind: str, *, ref: str = "", customer: str = "") -> list[Doc]:
        """In the order they were made."""
        where, values = _where(kind, Wanted(ref=ref, customer=customer))
        sql = f"SELECT doc FROM objects WHERE {where} ORDER BY nr"  # noqa: S608  our own text
        return [json.loads(row[0]) for row in self._db.execute(sql, values).fetchall()]

    def ripe(self) -> list[tuple[str, Doc]]:
        """What has come to its day, oldest first."""
        sql = "SELECT kind, doc FROM objects WHERE due <= ? ORDER BY due, nr"
        return [(kind, json.loads(doc)) for kind, doc in self._db.execute(sql, (self.seconds(),)).fetchall()]

    def page(self, kind: str, wanted: Wanted) -> tuple[list[Doc], bool]:
        """Newest first, and whether there are more that way. `before` brings those just newer than it, as `after`
        brings those just older. KeyError when the cursor is unknown."""
        where, values = _where(kind, wanted)
        for sign, cursor in (("<", wanted.after), (">", wanted.before)):
            if cursor:
                where += f" AND nr {sign} ?"
                values.append(self._place(kind, cursor))
        order = "ASC" if wanted.before else "DESC"
        sql = f"SELECT doc FROM objects WHERE {where} ORDER BY nr {order} LIMIT ?"  # noqa: S608  our own text
        found = [json.loads(row[0]) for row in self._db.execute(sql, (*values, wanted.limit + 1)).fetchall()]
        shown = found[: wanted.limit]
        return shown[::-1] if wanted.before else shown, len(found) > wanted.limit

    def _place(self, kind: str, doc_id: str) -> Any:  # Any: a column
        row = self._db.execute("SELECT nr FROM objects WHERE kind = ? AND id = ?", (kind, doc_id)).fetchone()
        if row is None:
            raise KeyError(doc_id)
        return row[0]


def _where(kind: str, wanted: Wanted) -> tuple[str, list[Any]]:
    """SQL of our own making, and the values for its places."""
    found: list[tuple[str, list[Any]]] = [("kind = ?", [kind])]
    if wanted.customer:
        found.append(("customer = ?", [wanted.customer]))
    if wanted.ref:
        found.append(("ref = ?", [wanted.ref]))
    if wanted.since is not None:
        found.append(("created >= ?", [wanted.since]))
    if wanted.until is not None:
        found.append(("created <= ?", [wanted.until]))
    if wanted.field:
        marks = ", ".join("?" * len(wanted.values))
        found.append((f"json_extract(doc, ?) IN ({marks})", [f"$.{wanted.field}", *wanted.values]))
    return " AND ".join(sql for sql, _ in found), [value for _, values in found for value in values]
