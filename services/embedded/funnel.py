"""The funnel area: which steps of the purchase path were reached and when; kept locally."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.types import FunnelEvent, FunnelStep
from services.db import models as m
from services.embedded.core import Area, insert_into


class EmbeddedFunnel(Area):
    async def record(self, step: FunnelStep, offering_uuid: str) -> None:
        await self._core.db.run(
            lambda connection: note(connection, self._owner(connection), step, offering_uuid[:64], self._now())
        )

    async def list_funnel(self) -> tuple[FunnelEvent, ...]:
        return await self._core.db.read(self._steps)

    def _steps(self, connection: Connection) -> tuple[FunnelEvent, ...]:
        f = m.FunnelRow
        rows = connection.execute(
            sa.select(f.step, f.offering_uuid, f.at).where(f.owner == self._owner(connection)).order_by(f.seq)
        )
        return tuple(FunnelEvent(FunnelStep(row.step), row.offering_uuid, row.at) for row in rows)


def note(connection: Connection, owner: str, step: FunnelStep, offering_uuid: str, at: datetime) -> None:
    """Writes one step inside the caller's transaction; a caller without any identity is not recorded."""
    if owner:
        connection.execute(
            insert_into(m.FunnelRow), {"owner": owner, "step": step.value, "offering_uuid": offering_uuid, "at": at}
        )
