"""A buyer in a process of their own: signs up, fills the cart, pays, waits for the agent, and says so step by step.

    python -m tests.faults.buyer FOLDER STOP      stands still for ever when it gets to the step STOP
    python -m tests.faults.buyer FOLDER race SEED waits for a line of input, then buys with the keys race-0 .. race-4

Steps are found by standing in the way, never by patching: the provider, the host and the ids are wrapped. An id is
asked for in the middle of a transaction, so that is where "opening" and "recording" are.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from app.clock import SeededIds
from services.api.contract import Actor, Service
from services.api.types import BillingCycle, Cart, CartDraft, QuickCheckout, Register, SignIn
from services.db.session import Database
from services.embedded.core import Core
from services.embedded.service import EmbeddedService
from services.gateways.agents import DEPLOYMENT_STEPS, AgentSpec, Answer, ScriptedAgents, Turn
from services.gateways.payments import Charge, ChargeRequest
from services.gateways.providers import Providers
from services.gateways.test_provider import TestProvider
from tests.fakes import FakeClock
from tests.keys import LEDGER_KEY

EMAIL, PASSWORD, DEVICE, KEY = "ada@example.com", "correct horse", "device-1", "attempt-1"
AGENT, RACES = "customer-care", 5
STEPS = (
    "before open",
    "opening",
    "intent saved",
    "provider charged",
    "recording",
    "recorded",
    *(f"{when} {step}" for step in DEPLOYMENT_STEPS for when in ("deploying", "deployed")),
    "ready",
)


class Announcer:
    """Says each step on standard output; stands still at one of them."""

    def __init__(self, stop: str) -> None:
        self._stop = stop
        self.now = ""

    def _say(self, step: str) -> bool:
        self.now = step
        sys.stdout.write(step + "\n")
        sys.stdout.flush()
        return step == self._stop

    async def reach(self, step: str) -> None:
        if self._say(step):
            await asyncio.Event().wait()

    def reach_in_thread(self, step: str) -> None:
        if self._say(step):
            threading.Event().wait()


class AnnouncedIds(SeededIds):
    """Ids are asked for inside the two transactions of a purchase."""

    def __init__(self, seed: int, announcer: Announcer) -> None:
        super().__init__(seed)
        self._announcer = announcer

    def uuid(self) -> str:
        following = {"before open": "opening", "provider charged": "recording"}
        if step := following.get(self._announcer.now):
            self._announcer.reach_in_thread(step)
        return super().uuid()


class AnnouncedProvider(TestProvider):
    """The test provider; its own record is on disk, as a real one's would be elsewhere."""

    def __init__(self, file: Path, announcer: Announcer) -> None:
        super().__init__(file)
        self._announcer = announcer

    async def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        await self._announcer.reach("intent saved")
        charge = await super().charge(request, key=key)
        await self._announcer.reach("provider charged")
        return charge


class AnnouncedAgents:
    """The scripted host."""

    def __init__(self, announcer: Announcer) -> None:
        self._inner, self._announcer = ScriptedAgents(), announcer

    async def deploy(self, spec: AgentSpec, step: str) -> str:
        await self._announcer.reach(f"deploying {step}")
        detail = await self._inner.deploy(spec, step)
        await self._announcer.reach(f"deployed {step}")
        return detail

    def answer(self, spec: AgentSpec, history: Sequence[Turn], question: str) -> AsyncIterator[str | Answer]:
        return self._inner.answer(spec, history, question)


def order_of(cart: Cart) -> QuickCheckout:
    """What is sent for this cart."""
    return QuickCheckout(
        cart.offering_uuid, cart.plan_uuid, payment_token=cart.draft.payment_token, billing_cycle=cart.billing_cycle,
        terms_accepted=cart.draft.terms_accepted,
    )  # fmt: skip


async def fill_cart(guest: Service) -> Cart:
    """As the window does: the key of the attempt is kept in the cart before it is used."""
    offering = await guest.get_offering(AGENT)
    pro = next(plan for plan in offering.plans if plan.slug == "pro")
    draft = CartDraft(email=EMAIL, payment_token="tok_visa", terms_accepted=True, attempt_key=KEY)
    return await guest.save_cart(Cart(offering.card.uuid, pro.uuid, BillingCycle.YEARLY, draft))


async def buy_once(service: EmbeddedService, announcer: Announcer) -> None:
    guest = service.for_actor(Actor(device=DEVICE))
    cart = await fill_cart(guest)
    session = await guest.register(Register(EMAIL, PASSWORD))
    buyer = service.for_actor(Actor(device=DEVICE, session=session.token))
    await announcer.reach("before open")
    placed = await buyer.quick_checkout(order_of(cart), key=cart.draft.attempt_key)
    sys.stdout.write(f"acknowledged {placed.order_uuid}\n")
    await announcer.reach("recorded")
    await service.run_due_jobs()
    await announcer.reach("ready")


async def buy_in_a_race(service: EmbeddedService) -> None:
    guest = service.for_actor(Actor(device=DEVICE))
    session = await guest.sign_in(SignIn(EMAIL, PASSWORD))
    buyer = service.for_actor(Actor(device=DEVICE, session=session.token))
    order = order_of(await buyer.get_cart())
    sys.stdout.write("at the start\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    placed = [await buyer.quick_checkout(order, key=f"race-{number}") for number in range(RACES)]
    sys.stdout.write(json.dumps([[each.order_uuid, each.resource_uuid] for each in placed]) + "\n")


async def main(folder: Path, stop: str, seed: int) -> None:
    announcer = Announcer(stop)
    core = Core(
        db=Database(folder / "souk.db"),
        clock=FakeClock(),
        ids=AnnouncedIds(seed, announcer) if stop != "race" else SeededIds(seed),
        payments=Providers(
            AnnouncedProvider(folder / "test-provider.db", announcer if stop != "race" else Announcer(""))
        ),
        agents=AnnouncedAgents(announcer),
        ledger_key=LEDGER_KEY,
    )
    service = EmbeddedService(core)
    await service.start()
    await (buy_in_a_race(service) if stop == "race" else buy_once(service, announcer))
    service.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1))
