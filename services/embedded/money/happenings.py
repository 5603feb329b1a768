"""What time and people did to an organization, for its own eyes: noted in the transaction that did it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.types import Happening, Params
from services.db import money_models as mm
from services.embedded.core import Core, insert_into


def note_happening(
    core: Core,
    connection: Connection,
    organization_uuid: str,
    kind: str,
    at: datetime,
    *,
    ref: str = "",
    **params: str | int | None,
) -> None:
    """Writes down that something happened at `at`. `ref` opens the explanation of its amount."""
    connection.execute(
        insert_into(mm.HappeningRow),
        {"uuid": core.ids.uuid(), "organization_uuid": organization_uuid, "at": at, "kind": kind, "params": params,
         "ref": ref},
    )  # fmt: skip


def note_several(
    core: Core, connection: Connection, organization_uuid: str, at: datetime, ref: str, told: Mapping[str, Params]
) -> None:
    """Several at one instant about one amount, in their order: parameters by kind."""
    connection.execute(
        insert_into(mm.HappeningRow),
        [
            {"uuid": core.ids.uuid(), "organization_uuid": organization_uuid, "at": at, "kind": kind,
             "params": dict(params), "ref": ref}
            for kind, params in told.items()
        ],
    )  # fmt: skip


def latest(connection: Connection, organizations: list[str] | None, *, limit: int, after: int = 0) -> list[Happening]:
    """The newest first; of all organizations when None. `after`: only those noted later than this sequence number."""
    h = mm.HappeningRow
    statement = sa.select(h.uuid, h.at, h.kind, h.params, h.ref).where(h.seq > after)
    if organizations is not None:
        statement = statement.where(h.organization_uuid.in_(organizations))
    rows = connection.execute(statement.order_by(h.at.desc(), h.seq.desc()).limit(limit))
    return [Happening(row.uuid, row.at, row.kind, _params(row.params), row.ref) for row in rows]


def newest_seq(connection: Connection) -> int:
    """The number of the last thing noted; 0 when there is none."""
    return connection.execute(sa.select(sa.func.coalesce(sa.func.max(mm.HappeningRow.seq), 0))).scalar_one()


def _params(stored: dict[str, str | int | None]) -> Params:
    return dict(stored)
