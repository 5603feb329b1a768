"""A whole service with the shipped catalogue on either database, its provider's own record, and what must hold."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.simulate import invariants
from app.simulate.evidence import Life
from services.api.contract import Service
from services.api.money import Money
from services.api.types import ChangeAction, ChangePreview, ChangeRequest, Subscription
from services.db import money_models as mm
from services.domain.ledger import AccountKind
from services.embedded.core import Core
from services.embedded.service import EmbeddedService
from tests.contract.market import Market
from tests.contract.money import ZERO, commit, subscribed, to_plan
from tests.fakes import FakeClock
from tests.keys import LEDGER_KEY


class Town:
    """Buyers come one after the other; time goes on between them and never back."""

    def __init__(self, service: EmbeddedService, clock: FakeClock, record: Path) -> None:
        self.service = service
        self.clock = clock
        self._record = record
        self._numbers = count(1)
        self.market = Market(service, self.work)

    @property
    def core(self) -> Core:
        return self.service.core

    async def work(self) -> None:
        """Everything that can be done now."""
        while await self.service.run_due_jobs():
            pass

    async def wait(self, span: timedelta) -> None:
        """Time goes by; what it owes is done."""
        self.clock.at += span
        await self.work()

    async def buyer(self) -> Buyer:
        """Somebody new."""
        return Buyer(self, await self.market.buyer(f"buyer-{next(self._numbers)}@example.com"))

    def key(self) -> str:
        """A new one."""
        return f"key-{next(self._numbers)}"

    def charges(self) -> dict[str, tuple[int, int]]:
        """What the provider took and gave back, from its own record: charge id -> micros, micros refunded."""
        with closing(sqlite3.connect(self._record)) as record:
            rows = record.execute(
                "SELECT id, micros, refunded_micros FROM charges WHERE state IN ('succeeded', 'refunded')"
            )
            return {charge: (micros, refunded) for charge, micros, refunded in rows}

    async def broken(self) -> list[str]:
        """Everything in the database that does not hold."""
        charges = self.charges()

        def look(connection: Connection) -> list[str]:
            return invariants.broken(Life(connection, LEDGER_KEY, charges, self.clock.now()))

        return await self.core.db.read(look)


class Buyer:
    """One account and its organization."""

    def __init__(self, town: Town, service: Service) -> None:
        self.town = town
        self.service = service
        self.organization = ""  # its uuid, from the first purchase on; asked for once, because sessions end

    async def subscribe(self, plan: str, **changes: object) -> Subscription:
        """The first purchase."""
        one = await subscribed(self.town.market, self.service, plan, key=self.town.key(), **changes)
        s = mm.SubscriptionRow
        found = sa.select(s.organization_uuid).where(s.uuid == one.uuid)
        self.organization = await self.town.core.db.read(lambda connection: connection.execute(found).scalar_one())
        return one

    async def change(self, one: Subscription, action: ChangeAction, **changes: object) -> ChangePreview:
        """Looks, does it, and says what was seen."""
        request = ChangeRequest(one.uuid, action, **changes)  # type: ignore[arg-type] # fields of ChangeRequest
        return await self._commit(request)

    async def to(self, one: Subscription, plan: str) -> ChangePreview:
        """To another plan now, whichever way is the rule's."""
        return await self._commit(await to_plan(self.town.market, one, plan, at_end=False))

    async def _commit(self, request: ChangeRequest) -> ChangePreview:
        seen = await self.service.preview_change(request)
        await commit(self.service, request, key=self.town.key())
        return seen

    async def books(self, *kinds: AccountKind) -> Money:
        """The sum of some of its accounts, from the entries."""
        a, e = mm.LedgerAccount, mm.LedgerEntry
        statement = (
            sa.select(sa.func.sum(e.amount_micros))
            .join(a, a.id == e.account_id)
            .where(a.organization_uuid == self.organization, a.kind.in_([kind.value for kind in kinds]))
        )
        found = await self.town.core.db.read(lambda connection: connection.execute(statement).scalar())
        return ZERO if found is None else Money(int(found))
