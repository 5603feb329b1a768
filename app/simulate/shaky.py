"""The outside world of a simulated life: a provider that loses answers, a host that fails, processes that die."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from services.api.money import Money
from services.api.types import PaymentMethod
from services.gateways import test_record
from services.gateways.agents import AgentSpec, Answer, DeploymentFailed, HostUnavailable, ScriptedAgents, Turn
from services.gateways.payments import Charge, ChargeRequest, Lookup, ProviderUnreachable
from services.gateways.test_provider import TestProvider

T = TypeVar("T")


class Killed(Exception):
    """The process ended here; what was committed is all there is."""


class Fate:
    """Decides what goes wrong; nothing does once `is_calm`."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.is_calm = False

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens now."""
        return not self.is_calm and self.chance.random() < probability


class ShakyProvider(TestProvider):
    """The test provider, which sometimes cannot be reached, loses its answer on the way, or is asked by a process that
    dies before or after it answers."""

    def __init__(self, file: Path, fate: Fate) -> None:
        super().__init__(file, methods=(PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL))
        self.file = file
        self._fate = fate

    async def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        return await self._shaken(lambda: TestProvider.charge(self, request, key=key))

    async def find(self, lookup: Lookup) -> Charge | None:
        return await self._shaken(lambda: TestProvider.find(self, lookup), kills=False)

    async def confirm(self, charge_id: str, *, approve: bool) -> Charge:
        return await self._shaken(lambda: TestProvider.confirm(self, charge_id, approve=approve))

    async def cancel(self, charge_id: str, *, key: str) -> Charge:
        return await self._shaken(lambda: TestProvider.cancel(self, charge_id, key=key))

    async def capture(self, charge_id: str, *, key: str) -> Charge:
        return await self._shaken(lambda: TestProvider.capture(self, charge_id, key=key))

    async def refund(self, charge_id: str, amount: Money, *, key: str, reason: str = "") -> Charge:
        return await self._shaken(lambda: TestProvider.refund(self, charge_id, amount, key=key, reason=reason))

    async def _shaken(self, work: Callable[[], Awaitable[T]], *, kills: bool = True) -> T:
        if self._fate.happens(0.03):
            raise ProviderUnreachable
        if kills and self._fate.happens(0.02):
            raise Killed
        answer = await work()
        if self._fate.happens(0.03):
            raise ProviderUnreachable
        if kills and self._fate.happens(0.02):
            raise Killed
        return answer

    def _rows(self, sql: str, *values: object) -> list[Any]:  # Any: rows of SQLite
        if not self.file.exists():  # nobody has bought anything
            return []
        with closing(test_record.connect(self.file)) as db:
            return db.execute(sql, values).fetchall()

    def charges_in(self, state: str) -> list[str]:
        """Charges in a state, the oldest first."""
        return [row[0] for row in self._rows("SELECT id FROM charges WHERE state = ? ORDER BY rowid", state)]

    def closed_pages(self) -> list[str]:
        """Pages that are over, and that nobody paid on; the oldest first."""
        if not self.file.exists():
            return []
        with closing(test_record.connect(self.file)) as db:
            return test_record.closed_pages(db)

    def undisputed(self) -> list[tuple[str, Money]]:
        """Charges that a bank could take back, with what is left of them. What came late goes back anyway."""
        sql = (
            "SELECT id, micros - refunded_micros, currency FROM charges WHERE state = 'succeeded' "
            "AND micros > refunded_micros AND id NOT IN (SELECT charge_id FROM disputes) "
            "AND id NOT IN (SELECT charge_id FROM events WHERE kind = ?) ORDER BY rowid"
        )
        rows = self._rows(sql, test_record.LATE)
        return [(charge_id, Money(left, currency)) for charge_id, left, currency in rows]

    def disputes_open(self) -> list[str]:
        """Disputes that no bank has decided."""
        return [row[0] for row in self._rows("SELECT id FROM disputes WHERE state = 'open' ORDER BY rowid")]

    def events(self) -> int:
        """How many events there were."""
        return int(next(iter(self._rows("SELECT COALESCE(MAX(seq), 0) FROM events")), (0,))[0])

    def disputed(self) -> int:
        """Micros that banks took back and keep, or have not decided about."""
        rows = self._rows("SELECT COALESCE(SUM(micros), 0) FROM disputes WHERE state <> 'won'")
        return int(next(iter(rows), (0,))[0])

    def record(self) -> dict[str, tuple[int, int]]:
        """Charge id -> (micros charged, micros given back), of those that succeeded; a checked card is charged 0."""
        if not self.file.exists():  # nobody has bought anything
            return {}
        with closing(sqlite3.connect(self.file)) as db:
            rows = db.execute(
                "SELECT id, micros, refunded_micros FROM charges WHERE state IN ('succeeded', 'refunded')"
            )
            return {charge: (charged, refunded) for charge, charged, refunded in rows}


class ShakyAgents:
    """The scripted host; sometimes a step fails, no answer comes, or the process dies while one is being written."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate
        self._script = ScriptedAgents()

    async def deploy(self, spec: AgentSpec, step: str) -> str:
        if self._fate.happens(0.01):
            raise DeploymentFailed("no_capacity")
        return await self._script.deploy(spec, step)

    async def answer(self, spec: AgentSpec, history: Sequence[Turn], question: str) -> AsyncIterator[str | Answer]:
        if self._fate.happens(0.08):
            raise HostUnavailable
        async for piece in self._script.answer(spec, history, question):
            yield piece
