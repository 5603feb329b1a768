"""Asking a provider under a key of ours: what is sent is kept beforehand, so that the same key always carries the same.

No transaction is open while a provider is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.db import models as m
from services.db import payment_models as pm
from services.db import portable
from services.embedded.core import Core
from services.embedded.refusals import rejected
from services.embedded.ways import Way
from services.gateways.payments import (
    FAILED,
    Charge,
    ChargeRequest,
    Customer,
    Lookup,
    Payments,
    ProviderRefused,
    ProviderUnreachable,
)

RETRY_PAUSES_S = (0.1, 0.4)  # a lost answer is asked for again before a person is told to wait
PAGE_LIFETIME = timedelta(hours=24)

_C = pm.ProviderCustomer
_CUSTOMER = sa.select(_C.customer).where(_C.organization_uuid == sa.bindparam("of"), _C.provider == sa.bindparam("by"))
_WHO = (
    sa.select(m.OrganizationRow.name, m.User.email)
    .join(m.Membership, m.Membership.organization_uuid == m.OrganizationRow.uuid)
    .join(m.User, m.User.uuid == m.Membership.user_uuid)
    .where(m.OrganizationRow.uuid == sa.bindparam("of"))
    .order_by(m.User.created_at)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes along with amount and way. `until`: when a page ends."""

    title: str = ""
    email: str = ""
    return_url: str = ""
    saves: bool = True
    holds: bool = False
    is_attended: bool = True
    until: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """How it is kept with the payment."""
        return {"title": self.title, "email": self.email, "return_url": self.return_url, "saves": self.saves,
                "holds": self.holds, "is_attended": self.is_attended,
                "until": self.until.isoformat() if self.until else None}  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Sent:
        """As it was kept; with the defaults of then for payments of earlier versions."""
        until = stored.get("until")
        return cls(**stored | {"until": datetime.fromisoformat(until) if until else None})


@dataclass(frozen=True, slots=True)
class Question:
    """A payment as a provider is asked for it. `reference` is our order or intent."""

    key: str
    reference: str
    organization_uuid: str
    way: Way
    amount: Money
    sent: Sent
    sent_at: datetime
    charge_id: str = ""

    def request(self, customer: str) -> ChargeRequest:
        """As it goes over the wire."""
        sent = self.sent
        return ChargeRequest(
            self.amount, self.way.token, self.reference, customer, self.way.method, sent.title, sent.email,
            sent.return_url, sent.is_attended, sent.holds, sent.saves, sent.until,
        )  # fmt: skip


async def charge(core: Core, question: Question) -> Charge | None:
    """The provider's answer, or None when it cannot be had now."""
    gateway = core.payments.find(question.way.provider)
    if gateway is None:
        return None

    async def once() -> Charge:
        customer = await _customer(core, gateway, question.organization_uuid)
        return await gateway.charge(question.request(customer), key=question.key)

    try:
        return await patiently(once)
    except ProviderRefused as refused:
        return Charge(question.charge_id, FAILED, question.amount, rejected(refused.code))


async def patiently(once: Callable[[], Awaitable[Charge]]) -> Charge | None:
    """Asks again a few times when no answer comes; None when none came."""
    for pause in (*RETRY_PAUSES_S, None):
        try:
            return await once()
        except ProviderUnreachable:
            if pause is None:
                return None
            await asyncio.sleep(pause)
    return None


async def find(core: Core, question: Question, *, takes: bool = True) -> Charge | None:
    """What the provider knows of it; None when it never heard of it. `takes` False: of something that is over, where
    what the buyer agrees to afterwards must not be taken. ProviderUnreachable."""
    gateway = reachable(core, question.way.provider)
    customer = await _kept_customer(core, gateway, question.organization_uuid)
    lookup = Lookup(question.key, question.charge_id, question.request(customer), question.sent_at, takes)
    try:
        return await gateway.find(lookup)
    except ProviderRefused as refused:  # a revoked key, above all: nothing is known, and nothing is given up
        raise ProviderUnreachable from refused


async def call_off(core: Core, provider: str, key: str, charge_id: str) -> Charge:
    """Closes a page; the answer says what is so now. ProviderUnreachable."""
    try:
        return await reachable(core, provider).cancel(charge_id, key=f"{key}:cancel")
    except ProviderRefused as refused:
        raise ProviderUnreachable from refused


def reachable(core: Core, provider: str) -> Payments:
    """The provider of a row. ProviderUnreachable when it was taken out of the settings."""
    gateway = core.payments.find(provider)
    if gateway is None:
        raise ProviderUnreachable
    return gateway


# ---- what an organization is called at a provider


async def _customer(core: Core, gateway: Payments, organization_uuid: str) -> str:
    """Made once and kept; of two made at once the first that is written down is used by both."""
    if not gateway.has_customers:
        return ""
    if known := await _kept_customer(core, gateway, organization_uuid):
        return known
    name, email = await core.db.read(lambda connection: connection.execute(_WHO, {"of": organization_uuid}).one())
    made = await gateway.provide_customer(Customer(organization_uuid, name, email))
    return await core.db.run(
        partial(_keep_customer, provider=gateway.name, organization_uuid=organization_uuid, customer=made,
                at=core.clock.now())
    )  # fmt: skip


async def _kept_customer(core: Core, gateway: Payments, organization_uuid: str) -> str:
    if not gateway.has_customers:
        return ""
    return await core.db.read(lambda connection: _known_customer(connection, gateway.name, organization_uuid))


def _known_customer(connection: Connection, provider: str, organization_uuid: str) -> str:
    return connection.execute(_CUSTOMER, {"of": organization_uuid, "by": provider}).scalar() or ""


def _keep_customer(connection: Connection, provider: str, organization_uuid: str, customer: str, at: datetime) -> str:
    connection.execute(
        portable.insert(_C)
        .values(organization_uuid=organization_uuid, provider=provider, customer=customer, created_at=at)
        .on_conflict_do_nothing()
    )
    return _known_customer(connection, provider, organization_uuid)


def page_until(at: datetime) -> datetime:
    """When a page opened at `at` ends, in whole seconds as providers count."""
    return at.replace(microsecond=0) + PAGE_LIFETIME
