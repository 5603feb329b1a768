"""The embedded service as the benchmarks need it: on any database file, with a payment provider that costs no time."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from app.clock import SystemClock, SystemIds
from services.api.money import Money
from services.api.types import TestCard
from services.db.session import Database
from services.embedded.core import Core
from services.embedded.service import EmbeddedService
from services.gateways.agents import AgentHost, ScriptedAgents
from services.gateways.payments import SUCCEEDED, TEST_CARDS, CardFacts, Charge, ChargeRequest
from tests.keys import LEDGER_KEY

T = TypeVar("T")


class InstantPayments:
    """Implements `Payments`: says yes to everything at once and remembers it in memory only."""

    name = "instant"
    is_test_mode = True
    test_cards: tuple[TestCard, ...] = TEST_CARDS

    def __init__(self) -> None:
        self._charges: dict[str, Charge] = {}

    def describe(self, token: str) -> CardFacts | None:
        return CardFacts("Visa", "4242", 12, 2034) if token else None

    async def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        return self._charges.setdefault(key, Charge(f"ch_{len(self._charges)}", SUCCEEDED, request.amount))

    async def find(self, key: str) -> Charge | None:
        return self._charges.get(key)

    async def confirm(self, charge_id: str, *, approve: bool) -> Charge:
        raise NotImplementedError

    async def refund(self, charge_id: str, amount: Money, *, key: str) -> Charge:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is held."""


def embedded(database: Path, *, agents: AgentHost | None = None) -> EmbeddedService:
    """A service on a database that is ready; close it at the end."""
    return EmbeddedService(
        Core(
            db=Database(database),
            clock=SystemClock(),
            ids=SystemIds(),
            payments=InstantPayments(),
            agents=agents or ScriptedAgents(),
            ledger_key=LEDGER_KEY,
        )
    )
