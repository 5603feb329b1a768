"""The cart area: one cart per device or account, kept on disk from the first choice on."""

from __future__ import annotations

from dataclasses import asdict, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput, NotFound
from services.api.types import BillingCycle, Cart, CartDraft
from services.db import models as m
from services.db import portable
from services.embedded.core import Area

_DRAFT_MAX = 2_000  # characters of typed text in all; far above what a form holds


class EmbeddedCarts(Area):
    async def get_cart(self) -> Cart:
        return await self._core.db.read(lambda connection: read_cart(connection, self._owner(connection)))

    async def save_cart(self, cart: Cart) -> Cart:
        if sum(len(str(value)) for value in asdict(cart.draft).values()) > _DRAFT_MAX:
            raise InvalidInput(fields={"draft": "too_long"})
        return await self._core.db.run(lambda connection: self._save(connection, cart))

    def _save(self, connection: Connection, cart: Cart) -> Cart:
        owner = self._owner(connection)
        if not owner:
            raise InvalidInput(fields={"device": "required"})
        _check(connection, cart)
        cart = replace(cart, updated_at=self._now())
        row = asdict(cart) | {"owner": owner, "billing_cycle": cart.billing_cycle.value}
        statement = portable.insert(m.CartRow)
        changes = {name: statement.excluded[name] for name in row if name != "owner"}
        connection.execute(statement.on_conflict_do_update(index_elements=["owner"], set_=changes), row)
        return cart

    async def clear_cart(self) -> None:
        await self._core.db.run(lambda connection: delete_cart(connection, self._owner(connection)))


def _check(connection: Connection, cart: Cart) -> None:
    if not cart.offering_uuid and not cart.plan_uuid:
        return
    p, o = m.PlanRow, m.OfferingRow
    offering_id = connection.execute(sa.select(o.id).where(o.uuid == cart.offering_uuid, o.is_active)).scalar()
    if offering_id is None:
        raise NotFound(what="offering")
    if not cart.plan_uuid:
        return
    belongs = connection.execute(sa.select(p.offering_id).where(p.uuid == cart.plan_uuid, p.is_active)).scalar()
    if belongs != offering_id:
        raise NotFound(what="plan")


def read_cart(connection: Connection, owner: str) -> Cart:
    """The owner's cart, empty when there is none."""
    row = connection.execute(sa.select(*m.CartRow.__table__.c).where(m.CartRow.owner == owner)).one_or_none()
    if row is None:
        return Cart()
    return Cart(
        row.offering_uuid, row.plan_uuid, BillingCycle(row.billing_cycle), CartDraft(**row.draft), row.updated_at
    )


def delete_cart(connection: Connection, owner: str) -> None:
    """Empties the owner's cart."""
    connection.execute(sa.delete(m.CartRow).where(m.CartRow.owner == owner))


def move_cart(connection: Connection, device: str, owner: str) -> None:
    """The guest's cart becomes the account's, once; the newer of the two wins."""
    guest, own = read_cart(connection, device), read_cart(connection, owner)
    if guest.updated_at is None:
        return
    if own.updated_at is None or guest.updated_at >= own.updated_at:
        delete_cart(connection, owner)
        connection.execute(sa.update(m.CartRow).where(m.CartRow.owner == device).values(owner=owner))
    else:
        delete_cart(connection, device)
