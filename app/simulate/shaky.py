"""The outside world of a simulated life: a provider that loses answers, a host that fails, processes that die."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from services.api.money import Money
from services.api.types import TestCard
from services.gateways.agents import AgentSpec, Answer, DeploymentFailed, HostUnavailable, ScriptedAgents, Turn
from services.gateways.payments import (
    CardFacts,
    Charge,
    ChargeRequest,
    ProviderUnreachable,
)
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


class ShakyProvider:
    """The test provider, which sometimes cannot be reached, loses its answer on the way, or is asked by a process that
    dies before or after it answers."""

    def __init__(self, file: Path, fate: Fate) -> None:
        self.file = file
        self._inner = TestProvider(file)
        self._fate = fate

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def is_test_mode(self) -> bool:
        return True

    @property
    def test_cards(self) -> tuple[TestCard, ...]:
        return self._inner.test_cards

    def describe(self, token: str) -> CardFacts | None:
        return self._inner.describe(token)

    async def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        return await self._shaken(lambda: self._inner.charge(request, key=key))

    async def find(self, key: str) -> Charge | None:
        return await self._shaken(lambda: self._inner.find(key), kills=False)

    async def confirm(self, charge_id: str, *, approve: bool) -> Charge:
        return await self._shaken(lambda: self._inner.confirm(charge_id, approve=approve))

    async def refund(self, charge_id: str, amount: Money, *, key: str) -> Charge:
        return await self._shaken(lambda: self._inner.refund(charge_id, amount, key=key))

    async def between_writes(self, work: Callable[[Path], None]) -> None:
        await self._inner.between_writes(work)

    def close(self) -> None:
        self._inner.close()

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
