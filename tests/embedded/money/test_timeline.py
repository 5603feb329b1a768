"""A workspace moved in time: forward doing what is due, back by snapshots, and nothing outside it touched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.contract import Service
from services.api.errors import InvalidInput, NotFound, NotInTestMode, NotSignedIn
from services.api.types import BillingCycle, MoveTime, TimeStep
from services.db import money_models as mm
from services.db import snapshots
from services.embedded.money import ledger, timeline
from services.embedded.service import EmbeddedService
from services.gateways.test_provider import TestProvider
from tests.contract.embedded import START, build_embedded
from tests.contract.market import Market, raises
from tests.contract.money import subscribed, top_up
from tests.fakes import FakeClock
from tests.keys import LEDGER_KEY

Story = Callable[[Market, EmbeddedService, Path], Coroutine[Any, Any, None]]
MONTH, DAY, NEXT = MoveTime(TimeStep.MONTH), MoveTime(TimeStep.DAY), MoveTime(TimeStep.NEXT_EVENT)


def story(test: Story) -> Callable[[asyncio.Runner, Path], None]:
    """Runs an async test on a service of its own whose time may be moved."""

    def run(loop: asyncio.Runner, data_dir: Path) -> None:
        loop.get_loop().slow_callback_duration = 1.0
        loop.run(whole(data_dir))

    async def whole(folder: Path) -> None:
        service = await build_embedded(folder)

        async def run_jobs() -> None:
            await service.run_due_jobs()

        try:
            await test(Market(service, run_jobs), service, folder)
        finally:
            service.close()

    run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
    return run


async def state_of(service: EmbeddedService) -> list[Any]:
    """What there is, without the ids, which are new each time."""

    def read(connection: Connection) -> list[Any]:
        i, s, h = mm.InvoiceRow, mm.SubscriptionRow, mm.HappeningRow
        organizations = connection.execute(sa.select(mm.LedgerHead.organization_uuid)).scalars().all()
        balances = [
            sorted((account.kind.value, amount.micros) for account, amount in ledger.balances(connection, one).items())
            for one in organizations
        ]
        rows = [
            connection.execute(sa.select(i.number, i.state, i.total_micros, i.issued_at, i.paid_at).order_by(i.number)),
            connection.execute(
                sa.select(s.state, s.period_start, s.period_end, s.paid_micros).order_by(s.period_start)
            ),
            connection.execute(sa.select(h.kind, h.at).order_by(h.at, h.kind)),
        ]
        return [balances, *([tuple(row) for row in found] for found in rows)]

    return await service.core.db.read(read)


async def nothing() -> None:
    """No jobs are run."""


def names_in(folder: Path) -> set[str]:
    return {path.name.split(".")[0] for path in folder.iterdir()}


async def buyer_with_a_subscription(market: Market) -> Service:
    buyer = await market.buyer()
    await subscribed(market, buyer)
    return buyer


@story
async def test_forward_back_and_forward_again_is_the_same(
    market: Market, service: EmbeddedService, folder: Path
) -> None:
    buyer = await buyer_with_a_subscription(market)
    before = await state_of(service)
    moved = await buyer.move_time(MONTH)
    await buyer.move_time(MONTH)
    after = await state_of(service)
    assert after != before
    [first, *_] = moved.timeline.points
    back = await buyer.return_to(first.uuid)
    assert await state_of(service) == before
    assert (back.now, back.is_simulated, back.points) == (START, False, ())
    await buyer.move_time(MONTH)
    await buyer.move_time(MONTH)
    assert await state_of(service) == after


@story
async def test_one_can_go_back_to_any_of_the_points(market: Market, service: EmbeddedService, folder: Path) -> None:
    buyer = await buyer_with_a_subscription(market)
    states = []
    for _step in range(3):
        states.append((service.core.clock.now(), await state_of(service)))
        found = await buyer.move_time(MONTH)
    second = found.timeline.points[1]
    back = await buyer.return_to(second.uuid)
    assert back.now == second.at == states[1][0]
    assert back.is_simulated
    assert await state_of(service) == states[1][1]
    assert [point.uuid for point in back.points] == [found.timeline.points[0].uuid]


@story
async def test_books_stay_sound_whatever_the_time(market: Market, service: EmbeddedService, folder: Path) -> None:
    buyer = await buyer_with_a_subscription(market)
    await top_up(market, buyer)
    moved = await buyer.move_time(MoveTime(TimeStep.TO_DATE, START + timedelta(days=100)))
    await buyer.return_to(moved.timeline.points[0].uuid)
    await buyer.move_time(DAY)
    verified = await service.core.db.read(lambda connection: ledger.verify(connection, LEDGER_KEY))
    assert verified.fault is None
    assert verified.transfers > 0


@story
async def test_who_is_signed_in_stays_so_and_new_accounts_are_gone(
    market: Market, service: EmbeddedService, folder: Path
) -> None:
    buyer = await buyer_with_a_subscription(market)
    point = (await buyer.move_time(DAY)).timeline.points[0]
    late = await market.buyer("late@example.com", device="device-2")
    await buyer.return_to(point.uuid)
    assert (await buyer.get_account()).email == "ada@example.com"
    with pytest.raises(Exception, match="session_expired"):
        await late.get_account()


@story
async def test_a_session_outlives_any_simulated_time(market: Market, service: EmbeddedService, folder: Path) -> None:
    buyer = await buyer_with_a_subscription(market)
    await buyer.move_time(MoveTime(TimeStep.TO_DATE, START + timedelta(days=800)))
    assert (await buyer.get_account()).email == "ada@example.com"


@story
async def test_what_lies_outside_the_workspace_is_not_touched(
    market: Market, service: EmbeddedService, folder: Path
) -> None:
    buyer = await buyer_with_a_subscription(market)
    (folder.parent / "other.db").write_bytes(b"somebody else's")
    (folder / "device").write_text("token")
    outside = {path: path.read_bytes() for path in (folder.parent / "other.db", folder / "device")}
    real = service.core.real_now()
    point = (await buyer.move_time(MONTH)).timeline.points[0]
    assert service.core.clock.now() == real + timedelta(days=30)
    await buyer.return_to(point.uuid)
    assert service.core.real_now() == real
    assert {path: path.read_bytes() for path in outside} == outside
    assert names_in(folder) == {"souk", "test-provider", "timeline", "device"}


def test_simulated_time_survives_a_restart(loop: asyncio.Runner, data_dir: Path) -> None:
    loop.get_loop().slow_callback_duration = 1.0

    async def first() -> datetime:
        service = await build_embedded(data_dir)
        buyer = await Market(service, nothing).buyer()
        now = (await buyer.move_time(MONTH)).timeline.now
        service.close()
        return now

    async def second() -> datetime:
        service = await build_embedded(data_dir)
        found = await service.get_timeline()
        service.close()
        assert found.is_simulated
        return found.now

    assert loop.run(first()) == loop.run(second())


@story
async def test_a_crash_on_the_way_back_leaves_a_workspace_that_works(
    market: Market, service: EmbeddedService, folder: Path
) -> None:
    buyer = await buyer_with_a_subscription(market)
    moved = await buyer.move_time(MONTH)
    [point] = moved.timeline.points
    # the provider's record is back, the database is not: the process died between the two
    provider = service.core.payments.first
    assert isinstance(provider, TestProvider)
    await provider.between_writes(
        lambda path: snapshots.bring_back(folder / "timeline" / point.uuid / "provider.db", path)
    )
    await service.run_due_jobs()
    assert (await buyer.get_timeline()).points == (point,)
    assert (await buyer.return_to(point.uuid)).now == START


@story
async def test_torn_and_old_snapshots_make_room(market: Market, service: EmbeddedService, folder: Path) -> None:
    buyer = await market.buyer()
    torn = folder / "timeline" / "torn"
    torn.mkdir(parents=True)
    (torn / "souk.db").write_bytes(b"half")
    assert (await buyer.get_timeline()).points == ()
    for _ in range(timeline.POINTS_MAX + 3):
        found = await buyer.move_time(DAY)
    assert not torn.exists()
    assert len(found.timeline.points) == timeline.POINTS_MAX
    assert found.timeline.points[-1].at == found.timeline.now - timedelta(days=1)


@story
async def test_the_next_event_is_one_a_buyer_notices(market: Market, service: EmbeddedService, folder: Path) -> None:
    buyer = await market.buyer()
    await subscribed(market, buyer)
    coming = await buyer.get_timeline()
    assert coming.next_event_kind == "period"  # not the month's end, at which revenue is booked
    moved = await buyer.move_time(NEXT)
    assert "renewed" in [one.kind for one in moved.happenings]


@story
async def test_the_end_of_a_period_is_called_what_it_brings(
    market: Market, service: EmbeddedService, folder: Path
) -> None:
    buyer = await market.buyer()
    await subscribed(market, buyer, "pro", billing_cycle=BillingCycle.YEARLY)

    async def coming() -> str:
        return (await buyer.get_timeline()).next_event_kind

    async def become(**values: Any) -> None:
        changed = sa.update(mm.SubscriptionRow).values(**values)
        await service.core.db.run(lambda connection: connection.execute(changed))

    assert await coming() == "usage_reset"  # the calls of a month; the fee is for a year
    await become(period_end=(await buyer.get_timeline()).next_event_at)
    assert await coming() == "period"
    await become(state="suspended")
    assert await coming() == "unserved"
    await become(pending={"kind": "cancel"})
    assert await coming() == "cancel"
    await become(state="active", pending={"kind": "pause"})
    assert await coming() == "pause"


# ---- refused


@story
async def test_steps_that_lead_nowhere_are_refused(market: Market, service: EmbeddedService, folder: Path) -> None:
    buyer = await market.buyer()
    for bad, code in (
        (None, "required"),
        (START, "in_past"),
        (START - timedelta(seconds=1), "in_past"),
        (START + timedelta(days=3661), "out_of_range"),
        (START.replace(tzinfo=None), "out_of_range"),
    ):
        await raises(InvalidInput, buyer.move_time(MoveTime(TimeStep.TO_DATE, bad)), to=code)
    await raises(InvalidInput, buyer.move_time(NEXT), step="nothing_left")
    await raises(NotFound, buyer.return_to("0" * 32))
    await raises(NotFound, buyer.return_to("../souk.db"))
    assert (await buyer.get_timeline()).points == ()


@story
async def test_guests_may_look_and_not_move(market: Market, service: EmbeddedService, folder: Path) -> None:
    guest = market.guest()
    assert (await guest.get_timeline()).now == START
    await raises(NotSignedIn, guest.move_time(DAY))
    await raises(NotSignedIn, guest.return_to("x"))


def test_a_workspace_that_may_not_move_says_so(loop: asyncio.Runner, data_dir: Path) -> None:
    loop.get_loop().slow_callback_duration = 1.0

    async def look() -> None:
        service = await build_embedded(data_dir, clock=FakeClock(START))
        object.__setattr__(service.core, "workspace", None)
        try:
            buyer = await Market(service, nothing).buyer()
            assert not (await buyer.get_timeline()).is_available
            await raises(NotInTestMode, buyer.move_time(DAY))
            await raises(NotInTestMode, buyer.return_to("x"))
        finally:
            service.close()

    loop.run(look())
