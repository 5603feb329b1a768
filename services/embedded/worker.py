"""Work the program owes itself: deployments and refunds, claimed with a lease, resumed after a crash.

One worker runs in every process that has the database open; the lease keeps two from doing the same job.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import StorageError
from services.api.types import DeploymentStep, FunnelStep, ResourceState, StepState
from services.db import models as m
from services.domain import provisioning
from services.embedded import inbox, order_refunds, order_sweep, upkeep
from services.embedded.core import Core
from services.embedded.funnel import note
from services.embedded.money import due, outcomes, reservations
from services.embedded.money.duties import DUTIES
from services.embedded.orders import close_order
from services.embedded.resources import spec_of, steps_from, steps_to_json
from services.gateways.agents import DeploymentFailed, HostUnavailable
from services.gateways.payments import ProviderUnreachable

LEASE = timedelta(seconds=5)
ATTEMPTS_MAX = 3
IDLE_S = 2.0  # how often the worker looks although nobody woke it: leases of dead processes run out
_RETRY_AFTER = timedelta(seconds=5)
_RETRY_AT_LATEST = timedelta(hours=1)
ROUNDED_UP = (m.Job.attempts + (ATTEMPTS_MAX - 1)) // ATTEMPTS_MAX * ATTEMPTS_MAX  # see _Claim.tries
_OPEN = (ResourceState.ORDERED.value, ResourceState.DEPLOYING.value)

log = logging.getLogger("souk.worker")


async def run(core: Core, announce: Callable[[], None] = lambda: None) -> None:
    """Works until cancelled. `announce` is called after every finished job. Nothing to do on a database for reading."""
    if core.db.is_read_only:
        return
    async with asyncio.TaskGroup() as group:
        group.create_task(_work(core, announce))
        group.create_task(upkeep.run(core))
        group.create_task(inbox.run(core, announce))


class _Rounds:
    """Everything there is to do, again and again. A bug in one duty must not end the others."""

    def __init__(self, core: Core, announce: Callable[[], None]) -> None:
        self._core = core
        self._announce = announce
        self._told: set[str] = set()

    async def one(self) -> None:
        """Each duty once."""
        core = self._core
        await self._survive(lambda: inbox.look(core))
        await self._survive(lambda: order_sweep.sweep(core))
        await self._survive(lambda: outcomes.sweep(core))
        await self._survive(self._owed)
        await self._survive(lambda: reservations.release_stale(core, core.clock.now()))
        await self._survive(self._jobs)

    async def _survive(self, duty: Callable[[], Awaitable[object]]) -> None:
        """A bug is logged, once, and the duty tried again in the next round."""
        try:
            await duty()
        except StorageError as error:
            log.info("worker_waits: %s", error)  # disk full, database busy: what is to do is still there
        except Exception as error:
            if (what := repr(error)) not in self._told:
                self._told.add(what)
                log.exception("worker_bug")

    async def _owed(self) -> None:
        done, error = await due.run_for_all(self._core, DUTIES, self._core.clock.now())
        if done:
            self._announce()
        if error is not None:
            raise error

    async def _jobs(self) -> None:
        while claim := await _next_claim(self._core):
            await _do_or_put_off(self._core, claim)
            self._announce()


async def _work(core: Core, announce: Callable[[], None]) -> None:
    rounds = _Rounds(core, announce)
    while True:
        core.wake.clear()
        await rounds.one()
        try:
            async with asyncio.timeout(IDLE_S):  # wait_for of Python 3.11 can swallow the cancel of whoever woke us
                await core.wake.wait()
        except TimeoutError:
            continue


@dataclass(frozen=True, slots=True)
class _Claim:
    """A job that is ours until its lease ends; a later claim has a higher number of attempts."""

    key: str
    kind: str
    subject: str
    attempts: int

    @property
    def tries(self) -> int:
        """Attempts since the buyer last asked for one: that rounds them up and never starts them anew, because their
        number is how a worker that comes back late learns that the job is not its own any more."""
        return (self.attempts - 1) % ATTEMPTS_MAX + 1 if self.kind == "deploy" else self.attempts


class _TakenOver(Exception):
    """The lease ended and somebody else has the job now."""


async def run_one(core: Core) -> bool:
    """Claims and does one due job; false when none is due. A bug in it is raised."""
    claim = await _next_claim(core)
    if claim is not None:
        await _do(core, claim)
    return claim is not None


async def _next_claim(core: Core) -> _Claim | None:
    return await core.db.run(lambda connection: _claim(connection, core.clock.now()))


async def _do(core: Core, claim: _Claim) -> None:
    try:
        if claim.kind == "deploy":
            await _deploy(core, claim)
        else:
            await order_refunds.carry_out_refund(core, claim.subject)
    except (HostUnavailable, ProviderUnreachable):
        await _put_off(core, claim, "host_unavailable")
    except _TakenOver:
        return
    else:
        await core.db.run(lambda connection: _change(connection, claim, done_at=core.clock.now()))


async def _do_or_put_off(core: Core, claim: _Claim) -> None:
    try:
        await _do(core, claim)
    except StorageError:
        raise  # its lease ends, and it is taken up again
    except Exception:
        log.exception("job_failed: %s, attempt %d", claim.key, claim.attempts)
        await _put_off(core, claim, "internal_error")


async def _put_off(core: Core, claim: _Claim, code: str) -> None:
    """Tries again later. A deployment is given up after some attempts; money that is owed is not."""
    now = core.clock.now()
    if claim.kind == "deploy" and claim.tries >= ATTEMPTS_MAX:
        await core.db.run(lambda connection: _fail(connection, claim, code, now))
    else:
        run_at = now + min(_RETRY_AFTER * claim.tries, _RETRY_AT_LATEST)
        await core.db.run(lambda connection: _change(connection, claim, run_at=run_at, leased_until=None))


def _claim(connection: Connection, now: datetime) -> _Claim | None:
    """The next due job. What lies further ahead than anything is ever put off was written by a clock that was wrong."""
    j = m.Job
    is_due = sa.or_(j.run_at <= now, j.run_at > now + _RETRY_AT_LATEST)
    is_free = sa.or_(j.leased_until.is_(None), j.leased_until <= now, j.leased_until > now + 2 * LEASE)
    due = sa.select(j.key).where(j.done_at.is_(None), is_due, is_free).order_by(j.run_at).limit(1)
    row = connection.execute(
        sa.update(j)
        .where(j.key == due.with_for_update(skip_locked=True).scalar_subquery())
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
            await core.db.run(partial(_fail, claim=claim, code=failed.code, now=core.clock.now()))
            return
        await mark(name, StepState.DONE, detail)
    await core.db.run(lambda connection: _finish(connection, uuid, core.clock.now()))


def _start(connection: Connection, uuid: str) -> int | None:
    r = m.ResourceRow
    return connection.execute(
        sa.update(r)
        .where(r.uuid == uuid, r.state.in_(_OPEN))
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


def _fail(connection: Connection, claim: _Claim, code: str, now: datetime) -> None:
    """The deployment failed and its job is over, in one transaction: from now on the buyer may ask for another try."""
    if not _change(connection, claim, done_at=now):
        return
    steps = _steps(connection, claim.subject)
    current = next((step.name for step in steps if step.state is not StepState.DONE), steps[-1].name)
    connection.execute(
        sa.update(m.ResourceRow)
        .where(m.ResourceRow.uuid == claim.subject, m.ResourceRow.state.in_(_OPEN))
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
