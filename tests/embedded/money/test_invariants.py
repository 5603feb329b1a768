"""What BILLING says must always hold, on the whole service over SQLite and PostgreSQL: drawn lives, drawn instants."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.api.errors import InvalidInput, ServiceError
from services.api.money import Money, Rate
from services.api.types import ChangeAction, Changed, InvoiceQuery, Subscription, TopUp
from services.db import money_models as mm
from services.db.session import ServerDatabase
from services.domain.ledger import AccountKind
from services.embedded.money import told
from services.embedded.money.told import Told
from tests.contract.embedded import START, build_embedded
from tests.contract.money import PRO, STARTER, ZERO, to_plan, usd
from tests.embedded.money.books import Books, at
from tests.embedded.money.desk import Desk, E, plan
from tests.embedded.money.town import Buyer, Town
from tests.fakes import FakeClock
from tests.postgres import new_database

few = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
some = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
INSTANTS = st.integers(0, 29 * 86_400).map(lambda seconds: timedelta(seconds=seconds))  # of a month
WALLETS = (AccountKind.WALLET_PAID, AccountKind.WALLET_PROMO)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def town(request: pytest.FixtureRequest, loop: asyncio.Runner, data_dir: Path) -> Iterator[Town]:
    loop.get_loop().slow_callback_duration = 1.0
    with ExitStack() as kept:
        url = kept.enter_context(new_database(stocked=True)) if request.param == "postgres" else ""
        clock = FakeClock(START)
        db = ServerDatabase(url) if url else None
        service = loop.run(build_embedded(data_dir, clock=clock, db=db))
        yield Town(service, clock, data_dir / "test-provider.db")
        service.close()


# ---- whole lives


STEPS = st.lists(
    st.sampled_from(["up", "down", "cancel", "pause", "resume", "undo", "top_up", "gift", "back", "day", "month"]),
    min_size=3,
    max_size=8,
)


async def step(buyer: Buyer, what: str) -> None:
    """One wish, or some time; what is refused changes nothing."""
    town, service = buyer.town, buyer.service
    if what in ("day", "month"):
        await town.wait(timedelta(days=1) if what == "day" else timedelta(days=6))
        return
    [one] = await service.list_subscriptions()
    try:
        if what in ("up", "down"):
            await buyer.to(one, "pro" if what == "up" else "starter")
        elif what == "top_up":
            await service.top_up(TopUp(usd("20"), await town.market.card("pays")), key=town.key())
        elif what == "gift":
            await service.redeem_code("GIFT25", key=town.key())
        elif what == "back":
            for grant in (await service.get_wallet()).credits:
                await service.refund_credit(grant.uuid, key=town.key())
        else:
            await buyer.change(one, WISHES[what])
    except ServiceError:
        return


WISHES = {
    "cancel": ChangeAction.CANCEL_AT_END,
    "pause": ChangeAction.PAUSE,
    "resume": ChangeAction.RESUME,
    "undo": ChangeAction.UNDO,
}


@few
@given(steps=STEPS, is_trial=st.booleans())
def test_whatever_a_buyer_does_everything_holds(
    town: Town, loop: asyncio.Runner, steps: list[str], is_trial: bool
) -> None:
    async def live() -> None:
        buyer = await town.buyer()
        await buyer.subscribe("pro" if is_trial else "starter", start_trial=is_trial)
        for what in steps:
            await step(buyer, what)
        await town.wait(timedelta(hours=1))
        assert await town.broken() == []

    loop.run(live())


# ---- changes


@few
@given(span=INSTANTS)
def test_what_was_previewed_is_on_the_invoice_to_the_micro(town: Town, loop: asyncio.Runner, span: timedelta) -> None:
    async def live() -> None:
        buyer = await town.buyer()
        one = await buyer.subscribe("starter")
        await town.wait(span)
        seen = await buyer.to(one, "pro")
        invoice = await buyer.service.get_invoice((await buyer.service.list_invoices(InvoiceQuery())).items[0].uuid)
        assert (invoice.total, invoice.paid) == (seen.due_now, seen.due_now)
        assert [(line.kind, line.amount) for line in invoice.lines if not line.parent_uuid] == [
            (line.kind, line.amount) for line in seen.lines if not line.parent_uuid
        ]
        assert seen.due_now == left_of(PRO, one, town.clock.at) - left_of(STARTER, one, town.clock.at)

    loop.run(live())


def left_of(price: Money, one: Subscription, now: datetime) -> Money:
    """What is left of the price of a running period, reckoned in whole cents by hand: half up."""
    whole = int((one.period_end - one.period_start).total_seconds())
    left = int((one.period_end - now).total_seconds())
    return usd("0.01") * ((2 * price.minor * left + whole) // (2 * whole))


@few
@given(span=INSTANTS)
def test_there_and_back_at_one_instant_is_nothing(town: Town, loop: asyncio.Runner, span: timedelta) -> None:
    async def live() -> None:
        buyer = await town.buyer()
        one = await buyer.subscribe("starter")
        await town.wait(span)
        before = await buyer.books(*AccountKind)
        paid, earned = await buyer.books(AccountKind.CLEARING), await unearned(buyer)
        up = await buyer.to(one, "pro")
        down = await buyer.to(one, "starter")
        assert up.due_now == down.to_wallet
        assert await buyer.books(AccountKind.CLEARING) == paid - up.due_now
        assert await buyer.books(*WALLETS) == up.due_now
        assert (await buyer.books(*AccountKind), await unearned(buyer)) == (before, earned)

    loop.run(live())


async def unearned(buyer: Buyer) -> Money:
    """What was billed, earned or not."""
    return await buyer.books(AccountKind.DEFERRED_REVENUE, AccountKind.REVENUE)


@few
@given(span=INSTANTS)
def test_used_and_unused_are_the_price(town: Town, loop: asyncio.Runner, span: timedelta) -> None:
    async def live() -> None:
        buyer = await town.buyer()
        one = await buyer.subscribe("starter")
        await town.wait(span)
        seen = await buyer.change(one, ChangeAction.CANCEL_NOW)
        assert seen.to_wallet == left_of(STARTER, one, town.clock.at)
        await town.wait(timedelta(days=40))
        assert await buyer.books(AccountKind.REVENUE) + seen.to_wallet == STARTER
        assert await buyer.books(AccountKind.DEFERRED_REVENUE) == ZERO

    loop.run(live())


@few
@given(spans=st.lists(st.integers(1, 9), min_size=2, max_size=3))
def test_periods_tile_time(town: Town, loop: asyncio.Runner, spans: list[int]) -> None:
    async def live() -> list[tuple[datetime, datetime]]:
        buyer = await town.buyer()
        one = await buyer.subscribe("starter")
        for number, days in enumerate(spans):
            await town.wait(timedelta(days=days))
            await buyer.to(one, "starter" if number % 2 else "pro")
        await town.wait(timedelta(days=70))
        p = mm.SubscriptionPeriod
        found = sa.select(p.start_at, p.end_at).where(p.subscription_uuid == one.uuid).order_by(p.number)
        return await town.core.db.read(lambda connection: [(row[0], row[1]) for row in connection.execute(found)])

    periods = loop.run(live())
    assert len(periods) >= len(spans) + 3
    assert all(start < end for start, end in periods)
    assert all(before[1] == after[0] for before, after in pairwise(periods))


# ---- races


def test_the_last_uses_of_a_coupon_are_exact_among_many(town: Town, loop: asyncio.Runner) -> None:
    values = {"code": "LAST3", "percent": "50", "currency": "USD", "duration": "once", "max_total": 3,
              "max_per_customer": 1, "redeemed": 0, "offerings": []}  # fmt: skip

    async def live() -> None:
        await town.core.db.run(lambda connection: connection.execute(sa.insert(mm.CouponRow), values))
        buyers = [await town.buyer() for _ in range(8)]
        orders = (buyer.subscribe("starter", coupon="LAST3") for buyer in buyers)
        answers = await asyncio.gather(*orders, return_exceptions=True)
        refused = [answer.fields for answer in answers if isinstance(answer, InvalidInput)]
        assert refused == [{"coupon": "exhausted"}] * 5
        assert len([answer for answer in answers if isinstance(answer, Subscription)]) == 3
        redeemed = sa.select(mm.CouponRow.redeemed).where(mm.CouponRow.code == "LAST3")
        assert await town.core.db.read(lambda connection: connection.execute(redeemed).scalar_one()) == 3
        assert [charged for charged, _ in town.charges().values()] == [14_500_000] * 3
        assert await town.broken() == []

    loop.run(live())


def test_two_changes_at_once_are_one(town: Town, loop: asyncio.Runner) -> None:
    async def live() -> None:
        buyer = await town.buyer()
        one = await buyer.subscribe("starter")
        await town.wait(timedelta(days=10))
        request = await to_plan(town.market, one, "pro")
        seen = await buyer.service.preview_change(request)
        commits = (buyer.service.commit_change(request, seen.hash, key=f"click-{number}") for number in range(4))
        answers = await asyncio.gather(*commits, return_exceptions=True)
        assert len([answer for answer in answers if isinstance(answer, Changed)]) == 1
        assert all(isinstance(answer, Changed | ServiceError) for answer in answers)
        charged = sorted(town.charges().values())
        assert charged == sorted([(STARTER.micros, 0), (seen.due_now.micros, 0)])
        assert await town.broken() == []

    loop.run(live())


# ---- credit


@few
@given(cents=st.integers(500, 20_000), times=st.integers(1, 3))
def test_never_more_goes_back_than_was_paid(town: Town, loop: asyncio.Runner, cents: int, times: int) -> None:
    async def live() -> None:
        buyer = await town.buyer()
        await buyer.subscribe("starter")
        known = set(town.charges())
        await buyer.service.top_up(TopUp(usd("0.01") * cents, await town.market.card("pays")), key=town.key())
        [credit] = (await buyer.service.get_wallet()).credits
        refused = 0
        for _ in range(times):
            try:
                await buyer.service.refund_credit(credit.uuid, key=town.key())
            except ServiceError:
                refused += 1
        [(charged, refunded)] = [sums for charge, sums in town.charges().items() if charge not in known]
        assert (charged, refunded) == (cents * 10_000, cents * 10_000)
        assert refused == times - 1
        assert await buyer.books(*WALLETS) == ZERO

    loop.run(live())


# ---- usage


DAYS = st.lists(st.integers(0, 27), min_size=1, max_size=10)


def calls(desk: Desk, days: list[int], prefix: str) -> list[Told]:
    return [Told("meter", f"{prefix}-{number}", desk.agent_uuid, at(days=day)) for number, day in enumerate(days)]


def ingest(desk: Desk, events: list[Told]) -> int:
    desk.core.clock.at = at(days=29)  # type: ignore[attr-defined] # a clock of the tests
    return desk.books.do(lambda connection: told.ingest(desk.core, connection, events))


def cost(desk: Desk) -> int:
    return sum(micros for (micros,) in desk.events(E.cost_micros))


def metered(books: Books) -> Desk:
    return Desk(books, plan(included_calls=3, overage=Rate.parse("0.0035")), postpaid=True)


@pytest.fixture
def desk(books: Books) -> Desk:
    return metered(books)


@some
@given(days=DAYS, data=st.data())
def test_repeated_and_shuffled_events_change_nothing(desk: Desk, days: list[int], data: st.DataObject) -> None:
    events = calls(desk, days, f"run{len(desk.events())}")
    assert ingest(desk, events) == len(events)
    before = desk.events(), desk.totals()
    again = data.draw(st.lists(st.sampled_from(events), max_size=20))
    assert ingest(desk, again) == 0
    assert (desk.events(), desk.totals()) == before
    assert desk.is_consistent()


@some
@given(days=DAYS, cut=st.integers(0, 10))
def test_a_price_and_what_comes_after_it_are_the_price_of_both(desk: Desk, days: list[int], cut: int) -> None:
    known, had = len(desk.events()), cost(desk)
    events = calls(desk, days, f"cut{known}")
    ingest(desk, events[:cut])
    ingest(desk, events[cut:])
    charged = max(0, known + len(days) - 3) - max(0, known - 3)
    assert cost(desk) - had == charged * 3_500
