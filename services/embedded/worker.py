"""Work the program owes itself: deployments and refunds, claimed with a lease, resumed after a crash.

One worker runs in every process that has the database open; the lease keeps two from doing the same job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import ServiceError
from services.api.types import DeploymentStep, FunnelStep, ResourceState, StepState
from services.db import models as m
from services.domain import provisioning
from services.embedded import chat, settlement
from services.embedded.core import Core
from services.embedded.funnel import note
from services.embedded.orders import close_order
from services.embedded.resources import spec_of, steps_from, steps_to_json
from services.gateways.agents import DeploymentFailed, HostUnavailable
from services.gateways.payments import ProviderUnreachable

LEASE = timedelta(seconds=5)
ATTEMPTS_MAX = 3
IDLE_S = 2.0  # how often the worker looks although nobody woke it: leases of dead processes run out
_RETRY_AFTER = timedelta(seconds=5)


async def run(core: Core, announce: Callable[[], None] = lambda: None) -> None:
    """Works until cancelled. `announce` is called after every finished job."""
    while True:
        core.wake.clear()
        try:
            await settlement.sweep(core)
            await core.db.run(lambda connection: chat.release_stale(connection, core.clock.now()))
            while await run_one(core):
                announce()
        except ServiceError:
            pass  # the disk is full or the database busy: every job is still there for the next round
        try:
            await asyncio.wait_for(core.wake.wait(), IDLE_S)
        except TimeoutError:
            continue


@dataclass(frozen=True, slots=True)
class _Claim:
    """A job that is ours until its lease ends; a later claim has a higher number of attempts."""

    key: str
    kind: str
    subject: str
    attempts: int


class _TakenOver(Exception):
    """The lease ended and somebody else has the job now."""


async def run_one(core: Core) -> bool:
    """Claims and does one due job; false when none is due."""
    claim = await core.db.run(lambda connection: _claim(connection, core.clock.now()))
    if claim is None:
        return False
    try:
        if claim.kind == "deploy":
            await _deploy(core, claim)
        else:
            await settlement.carry_out_refund(core, claim.subject)
    except (HostUnavailable, ProviderUnreachable):
        if claim.kind != "deploy" or claim.attempts < ATTEMPTS_MAX:
            run_at = core.clock.now() + _RETRY_AFTER * claim.attempts
            await core.db.run(lambda c: _change(c, claim, run_at=run_at, leased_until=None))
            return True
        await core.db.run(lambda c: _fail(c, claim, "host_unavailable"))
    except _TakenOver:
        return True
    await core.db.run(lambda c: _change(c, claim, done_at=core.clock.now()))
    return True


def _claim(connection: Connection, now: datetime) -> _Claim | None:
    j = m.Job
    due = (
        sa.select(j.key)
        .where(j.done_at.is_(None), j.run_at <= now, sa.or_(j.leased_until.is_(None), j.leased_until <= now))
        .order_by(j.run_at)
        .limit(1)
        .scalar_subquery()
    )
    row = connection.execute(
        sa.update(j)
        .where(j.key == due)
        .values(leased_until=now + LEASE, attempts=j.attempts + 1)
        .returning(j.key, j.kind, j.subject_uuid, j.attempts)
    ).first()
    return None if row is None else _Claim(*row)


def _change(connection: Connection, claim: _Claim, **values: datetime | None) -> bool:
    """Changes the job; false when it is not ours any more."""
    j = m.Job
    ours = (j.key == claim.key, j.attempts == claim.attempts, j.done_at.is_(None))
    return connection.execute(sa.update(j).where(*ours).values(**values)).rowcount == 1


async def _deploy(core: Core, claim: _Claim) -> None:
    """Does the open steps one by one; each is on disk before it runs and after it is done. _TakenOver."""
    uuid = claim.subject
    offering_id = await core.db.run(lambda connection: _start(connection, uuid))
    if offering_id is None:
        return
    spec = await core.db.read(lambda connection: spec_of(connection, offering_id))
    stored = await core.db.read(lambda connection: _steps(connection, uuid))

    async def mark(name: str, state: StepState, detail: str = "") -> None:
        lease = core.clock.now() + LEASE
        await core.db.run(lambda connection: _mark(connection, claim, DeploymentStep(name, state, detail), lease))

    for name in provisioning.open_steps(stored):
        await mark(name, StepState.RUNNING)
        try:
            detail = await core.agents.deploy(spec, name)
        except DeploymentFailed as failed:
            await core.db.run(partial(_fail, claim=claim, code=failed.code))
            return
        await mark(name, StepState.DONE, detail)
    await core.db.run(lambda connection: _finish(connection, uuid, core.clock.now()))


def _start(connection: Connection, uuid: str) -> int | None:
    r = m.ResourceRow
    allowed = (ResourceState.ORDERED.value, ResourceState.DEPLOYING.value)
    return connection.execute(
        sa.update(r)
        .where(r.uuid == uuid, r.state.in_(allowed))
        .values(state=ResourceState.DEPLOYING.value)
        .returning(r.offering_id)
    ).scalar()


def _steps(connection: Connection, uuid: str) -> tuple[DeploymentStep, ...]:
    return steps_from(connection.execute(sa.select(m.ResourceRow.steps).where(m.ResourceRow.uuid == uuid)).scalar_one())


def _mark(connection: Connection, claim: _Claim, step: DeploymentStep, lease: datetime) -> None:
    if not _change(connection, claim, leased_until=lease):
        raise _TakenOver
    steps = provisioning.with_step(_steps(connection, claim.subject), step.name, step.state, step.detail)
    r = m.ResourceRow
    connection.execute(sa.update(r).where(r.uuid == claim.subject).values(steps=steps_to_json(steps)))


def _fail(connection: Connection, claim: _Claim, code: str) -> None:
    if not _change(connection, claim, leased_until=None):
        return
    steps = _steps(connection, claim.subject)
    current = next((step.name for step in steps if step.state is not StepState.DONE), steps[-1].name)
    connection.execute(
        sa.update(m.ResourceRow)
        .where(m.ResourceRow.uuid == claim.subject, m.ResourceRow.state == ResourceState.DEPLOYING.value)
        .values(
            state=ResourceState.FAILED.value,
            failure=code,
            steps=steps_to_json(provisioning.with_step(steps, current, StepState.FAILED)),
        )
    )


def _finish(connection: Connection, uuid: str, now: datetime) -> None:
    r, o = m.ResourceRow, m.OrderRow
    order_uuid = connection.execute(
        sa.update(r)
        .where(r.uuid == uuid, r.state == ResourceState.DEPLOYING.value)
        .values(state=ResourceState.READY.value)
        .returning(r.order_uuid)
    ).scalar()
    if order_uuid is None:
        return
    close_order(connection, order_uuid)
    row = connection.execute(
        sa.select(o.user_uuid, m.OfferingRow.uuid)
        .join(r, r.order_uuid == o.uuid)
        .join(m.OfferingRow, m.OfferingRow.id == r.offering_id)
        .where(r.uuid == uuid)
    ).one()
    note(connection, f"user:{row[0]}", FunnelStep.DEPLOYED, row[1], now)
