"""The agents area: what was bought, configuring it, and what a buyer can do when a deployment failed."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money
from services.api.types import ConfigureResource, Order, Resource, ResourceState
from services.db import models as m
from services.domain import identity as identity_rules
from services.domain import provisioning
from services.embedded import order_refunds, worker
from services.embedded.core import Area
from services.embedded.money import captures, outcomes, refunding
from services.embedded.orders import close_order, find_orders
from services.embedded.resources import find_resources, steps_to_json
from services.gateways.payments import ProviderUnreachable

_GREETING_MAX = 600


class EmbeddedAgents(Area):
    async def list_resources(self) -> tuple[Resource, ...]:
        return await self._core.db.read(self._list)

    def _list(self, connection: Connection) -> tuple[Resource, ...]:
        mine = sa.select(m.Membership.organization_uuid).where(m.Membership.user_uuid == self._caller(connection).uuid)
        return tuple(find_resources(connection, m.ResourceRow.organization_uuid.in_(mine), self._now()))

    async def get_resource(self, uuid: str) -> Resource:
        return await self._core.db.read(lambda connection: self._own(connection, uuid))

    def _own(self, connection: Connection, uuid: str) -> Resource:
        self._caller(connection)
        found = find_resources(connection, m.ResourceRow.uuid == uuid, self._now())
        if not found:
            raise errors.NotFound(what="resource")
        self._authorize(connection, found[0].organization_uuid)
        return found[0]

    async def configure_resource(self, uuid: str, request: ConfigureResource) -> Resource:
        name = identity_rules.tidy(request.name)
        problems = {
            "name": "required" if not name else "too_long" if len(name) > identity_rules.NAME_MAX else None,
            "greeting": "too_long" if len(request.greeting) > _GREETING_MAX else None,
        }
        if found := {field: code for field, code in problems.items() if code}:
            raise errors.InvalidInput(fields=found)

        def work(connection: Connection) -> Resource:
            self._own(connection, uuid)
            connection.execute(
                sa.update(m.ResourceRow)
                .where(m.ResourceRow.uuid == uuid)
                .values(name=name, greeting=request.greeting.strip())
            )
            return self._own(connection, uuid)

        return await self._core.db.run(work)

    async def retry_deployment(self, uuid: str) -> Resource:
        resource = await self._core.db.run(lambda connection: self._retry(connection, uuid))
        self._core.wake.set()
        return resource

    def _retry(self, connection: Connection, uuid: str) -> Resource:
        connection.execute(sa.select(m.ResourceRow.uuid).where(m.ResourceRow.uuid == uuid).with_for_update())
        resource = self._own(connection, uuid)
        if resource.state is not ResourceState.FAILED:
            raise errors.WrongState(state=resource.state.value)
        steps = steps_to_json(provisioning.restarted(resource.steps))
        connection.execute(
            sa.update(m.ResourceRow)
            .where(m.ResourceRow.uuid == uuid, m.ResourceRow.state == ResourceState.FAILED.value)
            .values(state=ResourceState.DEPLOYING.value, failure="", steps=steps)
        )
        connection.execute(
            sa.update(m.Job)
            .where(m.Job.key == f"deploy:{uuid}")
            .values(done_at=None, run_at=self._now(), leased_until=None, attempts=worker.ROUNDED_UP)
        )
        return self._own(connection, uuid)

    async def refund_failed(self, uuid: str) -> Order:
        order_uuid, intent, job = await self._core.db.run(lambda connection: self._give_back(connection, uuid))
        if intent:
            await outcomes.carry_out(self._core, intent)
        try:
            await order_refunds.carry_out_refund(self._core, job)
        except ProviderUnreachable:
            self._core.wake.set()  # the saved job tries again
        return await self._core.db.read(lambda c: find_orders(c, m.OrderRow.uuid == order_uuid)[0])

    def _give_back(self, connection: Connection, uuid: str) -> tuple[str, str, str]:
        """The order, and what sends its money: an intent, or the job of an order that has no invoice."""
        resource, now = self._own(connection, uuid), self._now()
        r, order_uuid = m.ResourceRow, resource.order_uuid
        retired = connection.execute(
            sa.update(r)
            .where(r.uuid == uuid, r.state == ResourceState.FAILED.value)
            .values(state=ResourceState.RETIRED.value)
        )
        if retired.rowcount != 1:
            raise errors.WrongState(state=resource.state.value)
        refunding.check_undisputed(connection, order_uuid)
        captures.confirm(connection, order_uuid, now)
        intent, job = refunding.take_off(self._core, connection, order_uuid, uuid, now), ""
        if intent is None:
            row = connection.execute(sa.select(r.price_micros, r.currency).where(r.uuid == uuid)).one()
            price = Money(row.price_micros, row.currency)
            job = order_refunds.request_refund(self._core, connection, order_uuid, price, uuid)
        close_order(connection, order_uuid)
        return order_uuid, intent or "", job
