"""The subscriptions area: what an account's organizations have, and how it may be changed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import NotFound
from services.api.types import Subscription, SubscriptionState
from services.db import models as m
from services.db import money_models as mm
from services.embedded.core import Area
from services.embedded.money.subscription_views import rows_where, view

_S = mm.SubscriptionRow


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
