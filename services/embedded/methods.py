"""The payment methods area: what an organization can be charged by, given on a provider's page and forgotten again."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.types import AddedMethod, AddMethod, SavedMethod
from services.db import models as m
from services.db import money_models as mm
from services.db import portable
from services.embedded import placing
from services.embedded.core import Area
from services.embedded.identity import organizations_of
from services.embedded.money import added_methods, alerts, commands, kept_methods, method_views, outcomes, payments
from services.embedded.money.added_methods import METHOD
from services.gateways.payments import ProviderRefused, ProviderUnreachable

_C, _P, _I, _S = m.PaymentCard, m.PaymentRow, mm.PaymentIntent, mm.SubscriptionRow


class EmbeddedMethods(Area):
    async def list_payment_methods(self, organization_uuid: str = "") -> tuple[SavedMethod, ...]:
        return await self._core.db.read(lambda connection: self._methods(connection, organization_uuid))

    def _methods(self, connection: Connection, organization_uuid: str) -> tuple[SavedMethod, ...]:
        uuid = self._organization_uuid(connection, organization_uuid)
        return method_views.of_organization(connection, uuid, self._now())

    def _organization_uuid(self, connection: Connection, organization_uuid: str) -> str:
        """The one that is named, or the caller's first; "" before there is one. NotFound."""
        own = [one.uuid for one in organizations_of(connection, self._caller(connection))]
        if not organization_uuid:
            return next(iter(own), "")
        if organization_uuid not in own:
            raise errors.NotFound(what="organization")
        return organization_uuid

    # ---- a new one

    async def add_payment_method(self, request: AddMethod, *, key: str) -> AddedMethod:
        uuid = await self._core.db.run(lambda connection: self._open_page(connection, request, key))
        with suppress(errors.PaymentFailed):  # the answer says so
            await outcomes.carry_out(self._core, uuid)
        return await self._added_now(uuid)

    def _open_page(self, connection: Connection, request: AddMethod, key: str) -> str:
        caller, now = self._caller(connection), self._now()
        self._organization_uuid(connection, request.organization_uuid)
        if (known := commands.known(connection, caller, key, METHOD, request)) is not None:
            return known
        if not placing.is_ours(self._core, request.return_url):
            raise errors.InvalidInput(fields={"return_url": "not_available"})
        portable.one_at_a_time(connection, caller.owner)
        organization_uuid = request.organization_uuid or placing.some_organization(self._core, connection, caller, now)
        uuid = added_methods.open_page(self._core, connection, organization_uuid, request, caller.email, now)
        commands.note(connection, caller, key, METHOD, request, uuid, now)
        return uuid

    async def refresh_added_method(self, uuid: str) -> AddedMethod:
        await self._core.db.read(lambda connection: self._own_page(connection, uuid))
        with suppress(errors.PaymentFailed):  # the answer says so
            await outcomes.refresh(self._core, uuid)
        return await self._added_now(uuid)

    async def cancel_added_method(self, uuid: str) -> AddedMethod:
        await self._core.db.read(lambda connection: self._own_page(connection, uuid))
        await outcomes.give_up(self._core, uuid)
        return await self._added_now(uuid)

    async def _added_now(self, uuid: str) -> AddedMethod:
        return await self._core.db.read(
            lambda connection: added_methods.added(connection, self._own_page(connection, uuid), self._now())
        )

    def _own_page(self, connection: Connection, uuid: str) -> payments.Intent:
        self._caller(connection)
        found = payments.intent(connection, uuid)
        self._authorize(connection, found.organization_uuid)
        if found.purpose != METHOD:
            raise errors.NotFound(what="payment_method")
        return found

    # ---- those on file

    async def set_default_method(self, token: str) -> tuple[SavedMethod, ...]:
        return await self._core.db.run(lambda connection: self._set_default(connection, token))

    def _set_default(self, connection: Connection, token: str) -> tuple[SavedMethod, ...]:
        row = self._own_method(connection, token)
        kept_methods.set_default(connection, row.organization_uuid, token)
        return method_views.of_organization(connection, row.organization_uuid, self._now())

    async def remove_payment_method(self, token: str) -> tuple[SavedMethod, ...]:
        row = await self._core.db.run(lambda connection: self._remove(connection, token))
        gateway = self._core.payments.find(row.provider)
        if gateway is not None:
            with suppress(ProviderUnreachable, ProviderRefused):  # nothing here knows it any more: it is not charged
                await gateway.forget(row.provider_token)
        return await self._core.db.read(partial(self._methods, organization_uuid=row.organization_uuid))

    def _own_method(self, connection: Connection, token: str) -> Any:  # Any: a row of PaymentCard
        self._caller(connection)
        row = connection.execute(sa.select(*_C.__table__.c).where(_C.token == token)).one_or_none()
        if row is None:
            raise errors.NotFound(what="payment_method")
        self._authorize(connection, row.organization_uuid)
        return row

    def _remove(self, connection: Connection, token: str) -> Any:
        row = self._own_method(connection, token)
        portable.one_at_a_time(connection, row.organization_uuid)
        if _is_asked(connection, row):
            raise errors.RequestInProgress
        connection.execute(sa.delete(_C).where(_C.token == token))
        heirs = sa.select(_C.token).where(_C.organization_uuid == row.organization_uuid)
        heir = connection.execute(heirs.order_by(_C.is_default.desc(), _C.created_at).limit(1)).scalar() or ""
        if row.is_default and heir:
            kept_methods.set_default(connection, row.organization_uuid, heir)
        connection.execute(
            sa.update(_S)
            .where(_S.organization_uuid == row.organization_uuid, _S.payment_token == token)
            .values(payment_token=heir, version=_S.version + 1)
        )
        settings = alerts.settings_row(connection, row.organization_uuid)
        if settings is not None and settings.auto_token == token:
            alerts.save_settings(connection, row.organization_uuid, auto_token=heir)
        return row


def _is_asked(connection: Connection, row: Any) -> bool:
    """Whether a payment with it is under way."""
    of_intents = sa.select(_I.uuid).where(
        _I.organization_uuid == row.organization_uuid,
        _I.provider_token == row.provider_token,
        _I.state.in_(payments.OPEN),
    )
    of_orders = (
        sa.select(_P.key)
        .join(m.OrderRow, m.OrderRow.uuid == _P.order_uuid)
        .where(
            m.OrderRow.organization_uuid == row.organization_uuid,
            _P.provider_token == row.provider_token,
            _P.state.in_(payments.OPEN),
        )
    )
    return any(connection.execute(found.limit(1)).first() is not None for found in (of_intents, of_orders))
