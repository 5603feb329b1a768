"""The subscriptions area: what an account's organizations have, and how it may be changed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput, NotFound, SumMoved
from services.api.types import Changed, ChangePreview, ChangeRequest, Subscription, SubscriptionState
from services.db import models as m
from services.db import money_models as mm
from services.embedded import placing
from services.embedded.core import Area
from services.embedded.money import commands, committing, due, outcomes
from services.embedded.money.changes import plan
from services.embedded.money.duties import DUTIES
from services.embedded.money.previews import preview
from services.embedded.money.reservations import retrying
from services.embedded.money.subscription_views import rows_where, view

_S = mm.SubscriptionRow
_COMMIT = "commit_change"


class EmbeddedSubscriptions(Area):
    async def list_subscriptions(self) -> tuple[Subscription, ...]:
        return await self._core.db.read(self._list_subscriptions)

    def _list_subscriptions(self, connection: Connection) -> tuple[Subscription, ...]:
        mine = sa.select(m.Membership.organization_uuid).where(m.Membership.user_uuid == self._caller(connection).uuid)
        now = self._now()
        found = [view(connection, row, now) for row in rows_where(connection, _S.organization_uuid.in_(mine))]
        return tuple(sorted(found, key=lambda one: one.state is SubscriptionState.CANCELED))

    async def get_subscription(self, uuid: str) -> Subscription:
        return await self._core.db.read(
            lambda connection: view(connection, self._own_subscription(connection, uuid), self._now())
        )

    def _own_subscription(self, connection: Connection, uuid: str) -> Any:  # Any: a row of rows_where
        self._caller(connection)
        found = rows_where(connection, _S.uuid == uuid)
        if not found:
            raise NotFound(what="subscription")
        self._authorize(connection, found[0].organization_uuid)
        return found[0]

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        await self._catch_up(request)
        return await self._core.db.read(
            lambda connection: preview(
                connection,
                plan(
                    self._core,
                    connection,
                    self._own_subscription(connection, request.subscription_uuid),
                    request,
                    self._now(),
                ),
            )
        )

    async def commit_change(self, request: ChangeRequest, preview_hash: str, *, key: str) -> Changed:
        await self._catch_up(request)
        payment_uuid = await retrying(
            self._core, lambda connection: self._begin_change(connection, request, preview_hash, key)
        )
        payment = await outcomes.carry_out(self._core, payment_uuid) if payment_uuid else None
        self._core.wake.set()
        return Changed(await self.get_subscription(request.subscription_uuid), payment)

    def _begin_change(self, connection: Connection, request: ChangeRequest, preview_hash: str, key: str) -> str:
        """Makes the change, or the payment it waits for; its uuid, "" for none. SumMoved, KeyReused."""
        caller = self._caller(connection)
        self._own_subscription(connection, request.subscription_uuid)
        asked = (request, preview_hash)
        known = commands.known(connection, caller, key, _COMMIT, asked)
        if known is not None:
            return known
        if not placing.is_ours(self._core, request.return_url):
            raise InvalidInput(fields={"return_url": "not_available"})
        row = committing.locked(connection, request.subscription_uuid)
        planned = plan(self._core, connection, row, request, self._now())
        if planned.hash != preview_hash:
            raise SumMoved
        payment_uuid = committing.begin(self._core, connection, planned)
        commands.note(connection, caller, key, _COMMIT, asked, payment_uuid, planned.at)
        return payment_uuid

    async def _catch_up(self, request: ChangeRequest) -> None:
        """What time owes comes first: nobody changes a period that is over."""
        row = await self._core.db.read(lambda connection: self._own_subscription(connection, request.subscription_uuid))
        if row.period_end <= self._now() and not self._core.db.is_read_only:
            await due.run_due(self._core, DUTIES, self._now())
