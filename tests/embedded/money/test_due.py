"""What time owes is done once, in time order: in one call or in many, killed in between, or by two processes."""

from __future__ import annotations

import asyncio
import atexit
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import count
from pathlib import Path
from shutil import copyfile, rmtree
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from app.clock import SeededIds
from services.api.types import BillingCycle, ChangeAction, ChangeRequest, MoveTime, SignIn, TimeStep
from services.db import money_models as mm
from services.embedded.money import due, ledger
from services.embedded.money.due import Due, Duties
from services.embedded.money.duties import DUTIES
from services.embedded.service import EmbeddedService
from tests.contract.embedded import START, build_embedded
from tests.contract.market import PASSWORD, Market
from tests.contract.money import commit, subscribed, to_plan, top_up, usd
from tests.fakes import FakeClock
from tests.keys import LEDGER_KEY

SPAN = timedelta(days=75)
FILES = ("souk.db", "test-provider.db")
_SEEDS = count(1000)  # every process makes ids of its own


@cache
def lived_in() -> Path:
    """A workspace in which much will fall due: renewals, a trial, a downgrade, a failing card, credit that expires."""
    folder = Path(mkdtemp(prefix="souk-lived-in-"))
    atexit.register(rmtree, folder, ignore_errors=True)

    async def fill() -> None:
        service = await build_embedded(folder)

        async def run_jobs() -> None:
            await service.run_due_jobs()

        market = Market(service, run_jobs)
        buyer = await market.buyer()
        await subscribed(market, buyer, "pro", key="a", start_trial=True)
        starter = await subscribed(market, buyer, "starter", key="b", coupon="WELCOME20")
        await subscribed(market, buyer, "pro", key="c", billing_cycle=BillingCycle.YEARLY)
        pro = await subscribed(market, buyer, "pro", key="d")
        await commit(buyer, await to_plan(market, pro, "starter"), key="down")
        bad = await market.card("declined")
        change = ChangeRequest(starter.uuid, ChangeAction.SET_PAYMENT_CARD, payment_token=bad)
        await commit(buyer, change, key="bad-card")
        await top_up(market, buyer)
        await buyer.redeem_code("GIFT25", key="gift")
        await buyer.set_low_balance_alert(usd("30"))
        service.close()

    asyncio.run(fill())
    return folder


@pytest.fixture(autouse=True)
def filled() -> None:
    """Made before any loop runs."""
    lived_in()


async def opened(folder: Path, clock: FakeClock | None = None) -> EmbeddedService:
    """That workspace, copied to `folder` where it is not there yet."""
    for name in FILES:
        if not (folder / name).exists():
            copyfile(lived_in() / name, folder / name)
    return await build_embedded(folder, clock=clock or FakeClock(START), ids=SeededIds(next(_SEEDS)))


def all_of(connection: Connection) -> dict[str, Any]:
    """The money tables without what is new each time (ids, seals), in an order of their own."""
    i, s, h, p = mm.InvoiceRow, mm.SubscriptionRow, mm.HappeningRow, mm.SubscriptionPeriod
    [organization] = connection.execute(sa.select(mm.LedgerHead.organization_uuid)).scalars()
    books = ledger.balances(connection, organization)
    statements = {
        "invoices": sa.select(
            i.number, i.kind, i.state, i.total_micros, i.paid_micros, i.issued_at, i.paid_at, i.attempts
        ),
        "subscriptions": sa.select(
            s.plan_uuid, s.state, s.period_start, s.period_end, s.paid_micros, s.coupon_periods_left
        ),
        "periods": sa.select(p.kind, p.start_at, p.end_at, p.fee_micros),
        "happenings": sa.select(h.kind, h.at),
        "due": sa.select(mm.DueItem.kind, mm.DueItem.due_at, mm.DueItem.done_at.is_(None)),
        "transfers": sa.select(mm.LedgerTransfer.kind, mm.LedgerTransfer.at),
        "intents": sa.select(mm.PaymentIntent.purpose, mm.PaymentIntent.state, mm.PaymentIntent.amount_micros),
    }
    found: dict[str, Any] = {
        name: sorted(map(str, connection.execute(statement).all())) for name, statement in statements.items()
    }
    found["books"] = sorted((account.kind.value, amount.micros) for account, amount in books.items())
    assert ledger.verify(connection, LEDGER_KEY).fault is None
    return found


async def lived(cuts: list[datetime]) -> dict[str, Any]:
    """The state after time has gone by in these steps."""
    with TemporaryDirectory(prefix="souk-cut-") as name:
        clock = FakeClock(START)
        service = await opened(Path(name), clock)
        for cut in cuts:
            clock.at = cut
            await service.run_due(cut)
        found = await service.core.db.read(all_of)
        service.close()
        return found


@cache
def in_one_step() -> dict[str, Any]:
    return asyncio.run(lived([START + SPAN]))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.timedeltas(timedelta(0), SPAN), max_size=12))
def test_the_same_in_one_call_or_in_many(cuts: list[timedelta]) -> None:
    steps = [START + cut for cut in sorted(cuts)]
    assert asyncio.run(lived([*steps, START + SPAN, START + SPAN])) == in_one_step()


def test_much_happens_in_that_time() -> None:
    found = in_one_step()
    kinds = {text.split("'")[1] for text in found["happenings"]}
    assert {"renewed", "trial_reminder", "trial_ended", "invoice_issued", "invoice_paid", "payment_failed",
            "suspended", "plan_changed"} <= kinds  # fmt: skip
    assert not [text for text in found["due"] if "True" in text and str(START.year) in text and "11-2" in text]


class Crash(Exception):
    """The process died between two items."""


def crashing_after(count: int) -> Duties:
    """The real duties, of which only the first `count` are survived. Those of one transaction are lost together."""
    left = [count]

    def plain(duty: due.InTransaction) -> due.InTransaction:
        def work(core: Any, connection: Connection, item: Due) -> None:
            duty(core, connection, item)
            left[0] -= 1
            if left[0] < 0:
                raise Crash

        return work

    def asking(duty: due.WithProvider) -> due.WithProvider:
        async def work(core: Any, item: Due) -> None:
            await duty(core, item)
            left[0] -= 1
            if left[0] < 0:
                raise Crash

        return work

    return replace(
        DUTIES,
        plain={kind: plain(duty) for kind, duty in DUTIES.plain.items()},
        asking={kind: asking(duty) for kind, duty in DUTIES.asking.items()},
    )


def test_killed_between_any_two_items_it_ends_the_same(loop: asyncio.Runner, data_dir: Path) -> None:
    loop.get_loop().slow_callback_duration = 1.0

    async def live() -> dict[str, Any]:
        clock = FakeClock(START)
        crashes = 0
        while True:
            service = await opened(data_dir, clock)
            clock.at = max(clock.at, START + SPAN) + due.LEASE * (crashes > 0)
            try:
                await due.run_due(service.core, crashing_after(crashes), START + SPAN)
            except Crash:
                crashes += 1
                service.close()
                continue
            found = await service.core.db.read(all_of)
            service.close()
            assert crashes > 8
            return found

    assert loop.run(live()) == in_one_step()


def test_two_processes_do_each_item_once(loop: asyncio.Runner, data_dir: Path) -> None:
    loop.get_loop().slow_callback_duration = 1.0

    async def live() -> dict[str, Any]:
        first = await opened(data_dir, FakeClock(START + SPAN))
        second = await opened(data_dir, FakeClock(START + SPAN))
        for _ in range(40):
            await asyncio.gather(first.run_due(START + SPAN), second.run_due(START + SPAN))
        found = await first.core.db.read(all_of)
        first.close()
        second.close()
        return found

    assert loop.run(live()) == in_one_step()


def scheduled(connection: Connection, at: datetime) -> None:
    due.schedule(connection, "alert", "x", "o", at)


def test_an_item_is_moved_until_it_is_done_and_never_done_again(loop: asyncio.Runner, data_dir: Path) -> None:
    loop.get_loop().slow_callback_duration = 1.0
    seen: list[datetime] = []

    def note(_core: Any, _connection: Connection, item: Due) -> None:
        seen.append(item.at)

    async def live() -> None:
        service = await build_embedded(data_dir)
        duties = Duties({"alert": note}, {})
        for days in (3, 1, 2):
            await service.core.db.run(partial(scheduled, at=START + timedelta(days=days)))
        for _ in range(2):
            await due.run_due(service.core, duties, START + timedelta(days=5))
            await service.core.db.run(partial(scheduled, at=START))
        service.close()

    loop.run(live())
    assert seen == [START + timedelta(days=2)]


def test_a_move_of_time_takes_every_step_on_the_way(loop: asyncio.Runner, data_dir: Path) -> None:
    loop.get_loop().slow_callback_duration = 1.0

    async def live() -> dict[str, Any]:
        service = await opened(data_dir)
        market = Market(service, lambda: asyncio.sleep(0))
        session = await market.guest().sign_in(SignIn("ada@example.com", PASSWORD))
        buyer = service.for_actor(replace(service.actor, session=session.token))
        await buyer.move_time(MoveTime(TimeStep.TO_DATE, START + SPAN))
        found = await service.core.db.read(all_of)
        service.close()
        return found

    assert loop.run(live()) == in_one_step()
