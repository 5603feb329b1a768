"""Deployments: step by visible step, taken up after a crash where they stood, never done by two at once."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress

import pytest
import sqlalchemy as sa

from services.api.contract import Service
from services.api.types import FunnelStep, OrderState, Resource, ResourceState, StepState
from services.db import models as m
from services.gateways.agents import DEPLOYMENT_STEPS
from tests.embedded.shop import Crashed, Shop, Step, crash, reached, story, unavailable
from tests.fakes import Gate

DONE, RUNNING, WAITING, FAILED = StepState.DONE, StepState.RUNNING, StepState.WAITING, StepState.FAILED


async def ordered(shop: Shop, email: str = "ada@example.com") -> tuple[Service, str]:
    """A buyer and their agent, paid and not yet deployed."""
    buyer = await shop.market.buyer(email)
    placed = await buyer.quick_checkout(await shop.market.order(), key="order-1")
    return buyer, placed.resource_uuid


def states(resource: Resource) -> list[StepState]:
    return [step.state for step in resource.steps]


@story
async def test_the_buyer_sees_every_step_begin_and_end_in_order(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    seen: list[list[StepState]] = []

    def look() -> Step:
        async def see() -> None:
            resource = await buyer.get_resource(uuid)
            assert resource.state is ResourceState.DEPLOYING
            seen.append(states(resource))

        return see

    for step in DEPLOYMENT_STEPS:
        shop.agents.before[step] = [look()]
    resource = await buyer.get_resource(uuid)
    assert (resource.state, states(resource)) == (ResourceState.ORDERED, [WAITING] * 4)
    await shop.market.run_jobs()
    assert seen == [
        [RUNNING, WAITING, WAITING, WAITING],
        [DONE, RUNNING, WAITING, WAITING],
        [DONE, DONE, RUNNING, WAITING],
        [DONE, DONE, DONE, RUNNING],
    ]
    resource = await buyer.get_resource(uuid)
    assert (resource.state, states(resource)) == (ResourceState.READY, [DONE] * 4)
    assert int(resource.steps[1].detail) >= 12  # the figure of the knowledge step: how many passages
    assert tuple(shop.agents.deployed) == tuple(step.name for step in resource.steps) == DEPLOYMENT_STEPS


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("step", DEPLOYMENT_STEPS)
def test_after_a_crash_only_the_open_steps_are_done_again(
    step: str, where: str, shop: Shop, loop: asyncio.Runner
) -> None:
    async def tale() -> None:
        buyer, uuid = await ordered(shop)
        getattr(shop.agents, where)[step] = [crash]
        with pytest.raises(Crashed):
            await shop.market.run_jobs()
        await shop.restart(seconds=4.999)
        again = shop.service.for_actor(buyer.actor)
        assert await shop.service.run_due_jobs() == 0  # somebody may still be at it
        assert (await again.get_resource(uuid)).state is ResourceState.DEPLOYING
        shop.clock.advance(seconds=0.001)
        assert await shop.service.run_due_jobs() == 1
        assert (await again.get_resource(uuid)).state is ResourceState.READY
        assert shop.agents.deployed == list(DEPLOYMENT_STEPS[DEPLOYMENT_STEPS.index(step) :])

    loop.run(tale())


@story
async def test_a_failed_step_says_why_and_a_retry_goes_on_from_there(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    shop.agents.script.failing_steps["agent"] = "no_capacity"
    await shop.market.run_jobs()
    resource = await buyer.get_resource(uuid)
    assert (resource.state, resource.failure, resource.can_refund) == (ResourceState.FAILED, "no_capacity", True)
    assert states(resource) == [DONE, DONE, FAILED, WAITING]
    shop.clock.advance(days=1)
    assert await shop.service.run_due_jobs() == 0  # nobody tries again without being told to
    shop.agents.script.failing_steps.clear()
    resource = await buyer.retry_deployment(uuid)
    assert (resource.state, resource.failure, states(resource)) == (
        ResourceState.DEPLOYING, "", [DONE, DONE, WAITING, WAITING]
    )  # fmt: skip
    await shop.market.run_jobs()
    resource = await buyer.get_resource(uuid)
    assert (resource.state, resource.can_refund) == (ResourceState.READY, False)
    assert shop.agents.deployed == ["workspace", "knowledge", "agent", "agent", "check"]
    assert (await buyer.get_order(resource.order_uuid)).state is OrderState.DONE


@story
async def test_a_failed_deployment_can_fail_again(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    for step in ("workspace", "check"):
        shop.agents.script.failing_steps = {step: f"no_{step}"}
        if step == "check":
            await buyer.retry_deployment(uuid)
        await shop.market.run_jobs()
        assert (await buyer.get_resource(uuid)).failure == f"no_{step}"


@story
async def test_a_host_that_does_not_answer_is_tried_three_times_with_longer_pauses(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    shop.agents.before["workspace"] = [unavailable] * 3
    await shop.market.run_jobs()
    for pause, attempts in ((5, 2), (10, 3)):
        assert (await buyer.get_resource(uuid)).state is ResourceState.DEPLOYING
        shop.clock.advance(seconds=pause - 0.001)
        assert await shop.service.run_due_jobs() == 0
        shop.clock.advance(seconds=0.001)
        assert await shop.service.run_due_jobs() == 1
        assert len(shop.agents.deployed) == attempts
    resource = await buyer.get_resource(uuid)
    assert (resource.state, resource.failure) == (ResourceState.FAILED, "host_unavailable")
    assert states(resource) == [FAILED, WAITING, WAITING, WAITING]
    await buyer.retry_deployment(uuid)
    await shop.market.run_jobs()
    assert (await buyer.get_resource(uuid)).state is ResourceState.READY


@story
async def test_a_host_that_answers_at_the_second_try_is_forgiven(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    shop.agents.before["agent"] = [unavailable]
    await shop.market.run_jobs()
    shop.clock.advance(seconds=5)
    await shop.market.run_jobs()
    assert (await buyer.get_resource(uuid)).state is ResourceState.READY
    assert shop.agents.deployed == ["workspace", "knowledge", "agent", "agent", "check"]


# ---- two processes


@story
async def test_a_lease_keeps_two_workers_apart_and_is_renewed_with_every_step(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    other = (await shop.another()).root
    gates = [Gate(), Gate()]
    shop.agents.before["knowledge"], shop.agents.before["agent"] = [gates[0].passed], [gates[1].passed]
    working = asyncio.create_task(shop.service.run_due_jobs())
    for gate in gates:
        await reached(gate)
        shop.clock.advance(seconds=4.9)
        assert await other.run_due_jobs() == 0  # type: ignore[attr-defined] # an EmbeddedService
        gate.open()
    assert await working == 1
    assert (await buyer.get_resource(uuid)).state is ResourceState.READY
    assert await shop.value(sa.select(m.Job.attempts)) == 1


@story
async def test_a_worker_that_was_given_up_does_no_harm_when_it_comes_back(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    other = (await shop.another()).root
    gate = Gate()
    shop.agents.before["knowledge"] = [gate.passed]
    sleepy = asyncio.create_task(shop.service.run_due_jobs())
    await reached(gate)
    shop.clock.advance(seconds=5)
    assert await other.run_due_jobs() == 1  # type: ignore[attr-defined] # as above
    gate.open()
    await sleepy
    resource = await buyer.get_resource(uuid)
    assert (resource.state, states(resource)) == (ResourceState.READY, [DONE] * 4)
    deployed = [event for event in await buyer.list_funnel() if event.step is FunnelStep.DEPLOYED]
    assert len(deployed) == 1


@story
async def test_a_worker_that_comes_back_to_a_failure_does_not_hide_it(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    other = await shop.another()
    other.failing_steps["knowledge"] = "no_capacity"
    gate = Gate()
    shop.agents.after["knowledge"] = [gate.passed]
    sleepy = asyncio.create_task(shop.service.run_due_jobs())
    await reached(gate)
    shop.clock.advance(seconds=5)
    await other.run_jobs()
    assert (await buyer.get_resource(uuid)).state is ResourceState.FAILED
    gate.open()
    await sleepy
    resource = await buyer.get_resource(uuid)
    assert (resource.state, resource.failure) == (ResourceState.FAILED, "no_capacity")
    assert FAILED in states(resource)


@story
async def test_jobs_are_shared_and_each_is_done_once(shop: Shop) -> None:
    buyers = [await ordered(shop, f"buyer{number}@example.com") for number in range(6)]
    other = (await shop.another()).root
    counts = await asyncio.gather(shop.service.run_due_jobs(), other.run_due_jobs())  # type: ignore[attr-defined] # as above
    assert sum(counts) == 6
    for buyer, uuid in buyers:
        assert (await buyer.get_resource(uuid)).state is ResourceState.READY


# ---- the worker in the background


@story
async def test_the_worker_wakes_for_an_order_and_says_when_it_is_done(shop: Shop) -> None:
    done = asyncio.Event()
    worker = asyncio.create_task(shop.service.run_worker(done.set))
    buyer, uuid = await ordered(shop)
    async with asyncio.timeout(10):
        await done.wait()
    assert (await buyer.get_resource(uuid)).state is ResourceState.READY
    worker.cancel()
    with suppress(asyncio.CancelledError):
        await worker


@story
async def test_a_cancel_just_after_waking_ends_the_worker(shop: Shop) -> None:
    for turns in range(5):
        worker = asyncio.create_task(shop.service.run_worker())
        await asyncio.wait({worker}, timeout=0.2)  # it is idle
        shop.service._core.wake.set()
        for _turn in range(turns):
            await asyncio.sleep(0)
        worker.cancel()
        await asyncio.wait({worker}, timeout=10)
        assert worker.cancelled(), turns


@story
async def test_the_worker_outlives_a_database_that_is_busy(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    await shop.write(sa.text("PRAGMA busy_timeout = 1"))
    done = asyncio.Event()
    with closing(sqlite3.connect(shop.folder / "souk.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        worker = asyncio.create_task(shop.service.run_worker(done.set))
        await asyncio.wait({worker}, timeout=0.2)
        assert not worker.done()
    async with asyncio.timeout(10):
        await done.wait()  # it looks again within two seconds, although nobody wakes it
    assert (await buyer.get_resource(uuid)).state is ResourceState.READY
    worker.cancel()
    with suppress(asyncio.CancelledError):
        await worker
