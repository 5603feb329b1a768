"""What SQLite and PostgreSQL say differently, said once: upserts, locks and marks for values.

On SQLite all writers queue in one thread. On PostgreSQL they run at once, so whoever looks before writing says what
must stay as it was seen: a row by `select(...).with_for_update()`, which SQLite leaves out, the absence of one by
`one_at_a_time`.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlalchemy.orm import InstrumentedAttribute

TextColumn = InstrumentedAttribute[str] | InstrumentedAttribute[str | None]
_LAST_CHARACTER = "\U0010ffff"
_LOCK = sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(sa.bindparam("name"), 0)))

# An INSERT with `on_conflict_do_nothing`, `on_conflict_do_update` and `excluded`, for a module-level statement or one
# built on the spot. SQLite understands what SQLAlchemy writes for PostgreSQL. Whether a row was inserted is told by
# `.returning(...)` alone: after DO NOTHING psycopg's rowcount is no answer.
insert = postgresql.insert


def is_sqlite(connection: Connection) -> bool:
    """Whether this is SQLite, where one thread writes; else it is PostgreSQL."""
    return connection.dialect.name == "sqlite"


def one_at_a_time(connection: Connection, name: str) -> None:
    """Waits until no other transaction holds `name`, and holds it until this one ends.

    Read afterwards, not before: what the other one wrote is seen by the next statement. Nothing to do on SQLite.
    """
    if not is_sqlite(connection):
        connection.execute(_LOCK, {"name": name})


def marks(connection: Connection, count: int) -> str:
    """Places for `count` values in literal SQL: "?,?" or "%s,%s"."""
    return ",".join(("?" if is_sqlite(connection) else "%s",) * count)


def sum_of(amounts: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """The sum of whole numbers, 0 of none; PostgreSQL's own is a decimal."""
    return sa.cast(sa.func.coalesce(sa.func.sum(amounts), 0), sa.BigInteger)


def begins(connection: Connection, column: TextColumn, text: str) -> sa.ColumnElement[bool]:
    """Whether a column begins with `text`, letter by letter: on SQLite a range, because its LIKE reads no index; on
    PostgreSQL LIKE, because its order of letters depends on the language; the index for that is
    `models.prefix_index`."""
    if is_sqlite(connection):
        return column.between(text, f"{text}{_LAST_CHARACTER}")
    return column.startswith(text, autoescape=True)
