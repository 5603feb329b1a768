"""The embedded service as the benchmarks need it: on any database file, with a payment provider that costs no time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from app.clock import SystemClock, SystemIds
from services.api.contract import Actor
from services.api.types import BillingModel, OfferingQuery, QuickCheckout
from services.db import models as m
from services.db import money_models as mm
from services.db.session import Database, make_engine
from services.embedded.core import Core, hashed
from services.embedded.service import EmbeddedService
from services.gateways.agents import AgentHost, ScriptedAgents
from services.gateways.payments import SUCCEEDED, CardFacts, Charge, ChargeRequest, Lookup
from services.gateways.providers import Providers
from services.gateways.test_provider import TestProvider
from tests.keys import LEDGER_KEY

T = TypeVar("T")
_ids = SystemIds()


class InstantPayments(TestProvider):
    """Says yes to everything at once and remembers it in memory only."""

    def __init__(self) -> None:
        super().__init__(Path("never-written.db"), name="instant")
        self._charges: dict[str, Charge] = {}

    def describe(self, token: str) -> CardFacts | None:
        return CardFacts("Visa", "4242", 12, 2034) if token else None

    async def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        return self._charges.setdefault(key, Charge(f"ch_{len(self._charges)}", SUCCEEDED, request.amount))

    async def find(self, lookup: Lookup) -> Charge | None:
        return self._charges.get(lookup.key)


def embedded(database: Path, *, agents: AgentHost | None = None) -> EmbeddedService:
    """A service on a database that is ready; close it at the end."""
    return EmbeddedService(
        Core(
            db=Database(database),
            clock=SystemClock(),
            ids=SystemIds(),
            payments=Providers(InstantPayments()),
            agents=agents or ScriptedAgents(),
            ledger_key=LEDGER_KEY,
        )
    )


# ---- buyers


async def subscription_request(service: EmbeddedService) -> QuickCheckout:
    """The most popular agent with a subscription."""
    query = OfferingQuery(kind="agent", billing_model=BillingModel.SUBSCRIPTION, page_size=1)
    offering = await service.get_offering((await service.list_offerings(query)).items[0].uuid)
    plan = next(plan for plan in offering.plans if plan.billing_model is BillingModel.SUBSCRIPTION)
    return QuickCheckout(offering.card.uuid, plan.uuid, payment_token="tok_visa", terms_accepted=True)


def people(path: Path, number: int) -> Iterator[Actor]:
    """People who have just signed up, each with a session and nothing else."""
    now = SystemClock().now()
    tokens = [_ids.token() for _ in range(number)]
    users = [
        {"uuid": _ids.uuid(), "email": f"buyer{place}@example.com", "full_name": "Ada Buyer", "password_hash": "-",
         "failed_sign_ins": 0, "paused_until": None, "created_at": now}
        for place in range(number)
    ]  # fmt: skip
    sessions = [
        {"token_hash": hashed(token), "user_uuid": user["uuid"], "created_at": now,
         "expires_at": now + timedelta(days=1), "revoked_at": None}
        for token, user in zip(tokens, users, strict=True)
    ]  # fmt: skip
    engine = make_engine(path)
    with engine.begin() as connection:
        connection.execute(sa.insert(m.User), users)
        connection.execute(sa.insert(m.SessionRow), sessions)
    engine.dispose()
    return iter([Actor(session=token) for token in tokens])


def copy_of(path: Path, name: str) -> Path:
    """Another file with the same content, on the same disk."""
    copy = path.with_name(f"{name}.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    return copy


def begun(began: datetime, connection: sa.Connection) -> None:
    """As if every subscription had been bought then."""
    connection.execute(sa.update(mm.SubscriptionRow).values(created_at=began, anchor_at=began))
