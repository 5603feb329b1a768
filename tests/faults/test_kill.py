"""The buyer's process is killed at every step of a purchase: one order, at most one charge, no promise broken."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile

import pytest

from app.clock import SeededIds
from services.api.contract import Actor
from services.api.types import Order, OrderState, Register, ResourceState, SignIn
from services.db import backups
from services.db.session import Database
from services.embedded.core import Core
from services.embedded.placing import LEASE
from services.embedded.service import EmbeddedService
from services.gateways.agents import ScriptedAgents
from services.gateways.payments import Lookup
from services.gateways.providers import Providers
from services.gateways.test_provider import TestProvider
from tests.contract.market import answer_of
from tests.embedded.shop import stocked_template
from tests.fakes import FakeClock
from tests.faults.buyer import DEVICE, EMAIL, KEY, PASSWORD, RACES, STEPS, fill_cart, order_of
from tests.keys import LEDGER_KEY

ROOT = Path(__file__).resolve().parents[2]
UNPAID = ("before open", "opening", "intent saved")
FIRST_ID_AFTER_A_CRASH = 900  # no other process uses these ids


@pytest.fixture
def folder(data_dir: Path) -> Path:
    """A data folder with the catalogue in it and nobody signed up."""
    copyfile(stocked_template(), data_dir / "souk.db")
    return data_dir


@contextmanager
def buyer_process(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.faults.buyer", str(folder), *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], line: str) -> list[str]:
    """What it said up to this line."""
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []
    for text in process.stdout:
        said.append(text.rstrip("\n"))
        if said[-1] == line:
            return said
    pytest.fail(f"it never came to {line!r}: {said} {process.stderr.read()}")


def killed_at(folder: Path, step: str) -> str:
    """Runs a buyer up to a step and kills it there (SIGKILL: nothing is tidied up). The order it was promised."""
    with buyer_process(folder, step) as process:
        said = read_until(process, step)
        process.kill()
        process.wait()
    assert [each for each in said if each in STEPS] == list(STEPS[: STEPS.index(step) + 1])
    return next((each.split()[1] for each in said if each.startswith("acknowledged ")), "")


class Restarted:
    """The program started again on the same files, when all leases are over."""

    def __init__(self, folder: Path) -> None:
        self.provider = TestProvider(folder / "test-provider.db")
        clock = FakeClock()
        clock.advance(seconds=LEASE.total_seconds())
        ids = SeededIds(FIRST_ID_AFTER_A_CRASH)
        db = Database(folder / "souk.db")
        self.service = EmbeddedService(
            Core(
                db=db,
                clock=clock,
                ids=ids,
                payments=Providers(self.provider),
                agents=ScriptedAgents(),
                ledger_key=LEDGER_KEY,
            )
        )

    async def sign_in(self) -> EmbeddedService:
        session = await self.service.for_actor(Actor(device=DEVICE)).sign_in(SignIn(EMAIL, PASSWORD))
        return self.service.for_actor(Actor(device=DEVICE, session=session.token))

    async def charges(self) -> int:
        await self.provider.find(Lookup("nothing"))  # makes its record when the buyer never got that far
        return self.provider.count_charges()


@pytest.fixture
def restarted(folder: Path, loop: asyncio.Runner) -> Iterator[Restarted]:
    found = Restarted(folder)
    loop.get_loop().slow_callback_duration = 1.0  # the machine may still be busy with the process that was killed
    yield found
    found.service.close()


def check_what_was_found(step: str, orders: tuple[Order, ...], charges: int, cart_key: str) -> None:
    """Right after the start, before the buyer does anything."""
    states = [order.state for order in orders]
    if step in UNPAID:
        assert states == ([OrderState.CANCELED] if step == "intent saved" else [])
        assert charges == 0
        assert cart_key == KEY  # everything that was chosen and typed is still there
    else:
        assert states == [OrderState.DONE if step == "ready" else OrderState.EXECUTING]
        assert charges == 1
        assert cart_key == ""


async def finish(restarted: Restarted, step: str, promised: str) -> None:
    """What the buyer sees after the restart, and that the purchase ends as one order with one charge."""
    service = restarted.service
    await service.start()
    buyer = await restarted.sign_in()
    cart = await buyer.get_cart()
    check_what_was_found(step, await buyer.list_orders(), await restarted.charges(), cart.draft.attempt_key)
    if step in UNPAID:
        await buyer.quick_checkout(order_of(cart), key=cart.draft.attempt_key)
    await service.run_due_jobs()
    [order] = await buyer.list_orders()
    assert (order.state, order.number) == (OrderState.DONE, "SK-000001")
    assert promised in ("", order.uuid)
    again = await buyer.quick_checkout(order_of(await fill_cart(buyer)), key=KEY)
    assert (again.order_uuid, (again.resource_uuid,)) == (order.uuid, order.resource_uuids)
    assert await restarted.charges() == 1
    [resource] = await buyer.list_resources()
    assert resource.state is ResourceState.READY
    assert (await answer_of(buyer.ask(resource.uuid, "How do I start?", key="first"))).sources
    [organization] = (await buyer.get_account()).organizations
    assert [project.name for project in organization.projects] == ["Default"]


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_a_purchase_ends_as_one_order_with_one_charge(
    step: str, folder: Path, restarted: Restarted, loop: asyncio.Runner
) -> None:
    promised = killed_at(folder, step)
    assert backups.is_sound(folder / "souk.db")
    loop.run(finish(restarted, step, promised))


def test_two_processes_racing_with_the_same_keys_charge_once_each(
    folder: Path, restarted: Restarted, loop: asyncio.Runner
) -> None:
    async def prepare() -> None:
        await restarted.service.start()
        guest = restarted.service.for_actor(Actor(device=DEVICE))
        await fill_cart(guest)
        await guest.register(Register(EMAIL, PASSWORD))

    loop.run(prepare())
    with buyer_process(folder, "race", "100") as one, buyer_process(folder, "race", "200") as other:
        racers = (one, other)
        for process in racers:
            read_until(process, "at the start")
        for process in racers:  # both hear the signal before anybody waits for one of them
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        results = [process.communicate(timeout=60) for process in racers]
    answers = [json.loads(said.splitlines()[-1]) for said, _ in results]
    assert [complaint for _, complaint in results] == ["", ""]
    assert answers[0] == answers[1]
    assert len({order for order, _ in answers[0]}) == RACES
    assert loop.run(restarted.charges()) == RACES
