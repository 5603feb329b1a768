"""What the single writer of SQLite gives for nothing and a server must be asked for: nothing is done twice at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.clock import SeededIds
from services.api import errors
from services.api.contract import Actor, Service
from services.api.money import Money
from services.api.types import (
    BillingCycle,
    BillingModel,
    Cart,
    OrderState,
    PayOrder,
    Placed,
    QuickCheckout,
    Register,
    SignIn,
)
from services.db import models as m
from services.db.session import Database, ServerDatabase
from services.domain.chat import SAMPLE_TURNS
from services.embedded import catalogue_store, order_sweep, settlement, ways, worker
from services.embedded.core import Core
from services.embedded.money import kept_methods
from services.embedded.money.committing import NOTHING_CHARGED
from services.embedded.placing import LEASE
from services.embedded.service import EmbeddedService
from services.gateways.agents import AgentSpec, Answer, ScriptedAgents, Turn
from services.gateways.payments import Charge
from services.gateways.test_provider import TestProvider
from tests.contract.embedded import build_embedded
from tests.contract.market import PASSWORD, Market, answer_of
from tests.postgres import administering, new_database

pytestmark = pytest.mark.postgres

PATIENCE_S = 10
QUESTION = "What do you do?"


@pytest.fixture(autouse=True)
def patient(loop: asyncio.Runner) -> None:
    """These are about threads and a server; that nobody blocks the loop is asked elsewhere."""
    loop.get_loop().slow_callback_duration = 5.0


@pytest.fixture
def url() -> Iterator[str]:
    with new_database(stocked=True) as found:
        yield found


@asynccontextmanager
async def programs(
    url: str, folder: Path, make_agents: Callable[[], ScriptedAgents] = ScriptedAgents
) -> AsyncIterator[tuple[Market, Market]]:
    """Two programs on one database, with one provider behind them."""
    async with AsyncExitStack() as kept:
        found = []
        for seed in (1, 2):
            agents, provider = make_agents(), TestProvider(folder / "test-provider.db")
            db = ServerDatabase(url)
            service = await build_embedded(folder, agents=agents, db=db, ids=SeededIds(seed), payments=provider)
            kept.callback(service.close)
            found.append(Market(service, partial(work_off, service), agents.failing_steps))
        yield found[0], found[1]


async def work_off(service: EmbeddedService) -> None:
    await service.run_due_jobs()


def core_of(market: Market) -> Core:
    assert isinstance(market.root, EmbeddedService)
    return market.root._core


def column(url: str, statement: sa.Select[Any]) -> list[Any]:  # Any: SQL values
    with administering(url) as connection:
        return list(connection.execute(statement).scalars())


def count(url: str, model: type[m.Base]) -> int:
    found: int = column(url, sa.select(sa.func.count()).select_from(model))[0]
    return found


async def outcomes(*work: Awaitable[object]) -> list[object]:
    """What each gave, an expected failure as itself; a bug is raised."""
    found = await asyncio.gather(*work, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, errors.ServiceError):
            raise one
    return list(found)


Story = Callable[[Market, Market], Awaitable[None]]


@pytest.fixture
def play(url: str, loop: asyncio.Runner, tmp_path: Path) -> Callable[[Story], None]:
    """Runs a story of two programs."""

    async def both(story: Story) -> None:
        async with programs(url, tmp_path) as (one, other):
            await story(one, other)

    return lambda story: loop.run(both(story))


def elsewhere(service: Service, market: Market) -> Service:
    """The same person at another program."""
    assert isinstance(service, EmbeddedService)
    return market.root.for_actor(service.actor)


# ---- people


def test_two_servers_start_on_one_new_database(loop: asyncio.Runner, tmp_path: Path) -> None:
    async def start(url: str) -> list[int]:
        services = await asyncio.gather(
            *(build_embedded(tmp_path, db=ServerDatabase(url), payments=TestProvider(tmp_path / "p.db")) for _ in "12")
        )
        numbers = [len(await service.list_categories()) for service in services]
        for service in services:
            service.close()
        return numbers

    with new_database() as url:
        found = loop.run(start(url))
    assert found[0] == found[1] > 0


def test_one_of_two_gets_an_address(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        wanted = Register("ada@example.com", PASSWORD)
        found = await outcomes(*(market.guest().register(wanted) for market in (one, other)))
        assert sorted(type(error).__name__ for error in found) == ["EmailTaken", "Session"]

    play(story)
    assert count(url, m.User) == 1


def test_a_cart_moves_once_when_two_sign_in_on_its_device(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        await one.buyer(device="elsewhere")
        offering = await one.agent()
        cart = Cart(offering.card.uuid, offering.plans[0].uuid, BillingCycle.MONTHLY)
        await one.guest().save_cart(cart)
        who = SignIn("ada@example.com", PASSWORD)
        found = await outcomes(*(market.guest().sign_in(who) for market in (one, other) for _ in range(3)))
        assert not any(isinstance(each, errors.ServiceError) for each in found)

    play(story)
    assert [owner.partition(":")[0] for owner in column(url, sa.select(m.CartRow.owner))] == ["user"]


def test_a_catalogue_is_loaded_by_one_of_two(loop: asyncio.Runner, tmp_path: Path) -> None:
    async def story(url: str) -> object:
        databases = ServerDatabase(url), ServerDatabase(url)
        try:
            load = catalogue_store.load_bundled
            return await held(databases[0], load, lambda: databases[1].run(load))
        finally:
            for database in databases:
                database.close()

    with new_database() as url:
        assert loop.run(story(url)) is False


# ---- buying


def test_clicks_at_two_programs_are_one_purchase(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        buyer, order = await one.buyer(), await one.order()
        there = elsewhere(buyer, other)
        found = await outcomes(*(place.quick_checkout(order, key="k") for place in (buyer, there) for _ in range(4)))
        assert len({each.order_uuid for each in found if isinstance(each, Placed)}) == 1
        assert all(isinstance(each, Placed) for each in found)

    play(story)
    counts = {model.__tablename__: count(url, model) for model in (m.OrderRow, m.ResourceRow, m.OrganizationRow)}
    assert counts == {"orders": 1, "resources": 1, "organizations": 1}


def test_orders_with_different_keys_share_one_organization(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        buyer, order = await one.buyer(), await one.order()
        places = [buyer, elsewhere(buyer, other)] * 3
        found = await outcomes(*(place.quick_checkout(order, key=f"k{n}") for n, place in enumerate(places)))
        assert all(isinstance(each, Placed) for each in found)

    play(story)
    assert (count(url, m.OrganizationRow), count(url, m.PaymentCard)) == (1, 1)
    assert sorted(column(url, sa.select(m.OrderRow.number))) == [f"SK-{n:06d}" for n in range(1, 7)]


def test_one_card_is_kept_once(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        buyer, card = await one.buyer(), await one.card()
        places = [buyer, elsewhere(buyer, other)] * 3
        assert len({str(each) for each in await outcomes(*(place.save_card(card) for place in places))}) == 1

    play(story)
    assert count(url, m.PaymentCard) == 1


def test_a_card_that_pays_is_not_kept_beside_itself(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        buyer, card = await one.buyer(), await one.card()
        await one.buy(buyer)
        organization, now = (await buyer.get_account()).organizations[0].uuid, core_of(one).clock.now()
        with administering(url) as connection:
            connection.execute(sa.delete(m.PaymentCard))

        def keep(connection: Connection) -> str:
            core = core_of(one)
            way = ways.of_test_card(core, card)
            assert way is not None
            return kept_methods.ours_of(core, connection, organization, way, NOTHING_CHARGED, now)

        kept = await held(core_of(one).db, keep, lambda: core_of(other).db.run(keep))
        assert column(url, sa.select(m.PaymentCard.token)) == [kept]

    play(story)


# ---- one order, two transactions: the second waits and sees what the first did


async def held(db: Database, first: Callable[[Connection], object], then: Callable[[], Awaitable[Any]]) -> Any:
    """Does `first`, starts `then` while `first` is not committed, and commits it. What `then` gave."""
    done, go_on = threading.Event(), threading.Event()

    def work(connection: Connection) -> None:
        first(connection)
        done.set()
        assert go_on.wait(PATIENCE_S)

    one = asyncio.create_task(db.run(work))
    await asyncio.to_thread(done.wait, PATIENCE_S)
    other = asyncio.ensure_future(then())
    finished, _ = await asyncio.wait({other}, timeout=0.2)
    assert not finished, "nothing made it wait"
    go_on.set()
    await one
    return await other


async def unanswered(market: Market) -> tuple[str, Charge]:
    """An order whose charge was sent and not heard of: its uuid, and what the provider would say."""
    core, buyer, order = core_of(market), await market.buyer(), await market.order()
    assert isinstance(buyer, EmbeddedService)
    intent = await core.db.run(lambda connection: buyer._open(connection, order, "k"))
    assert not isinstance(intent, Placed | errors.ServiceError)
    return intent.reference, Charge("ch_1", "succeeded", intent.amount)


def test_an_order_that_is_being_paid_is_not_charged_anew(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        (uuid, answer), core = await unanswered(one), core_of(one)
        again = await held(
            core.db,
            lambda connection: settlement.record_charge(core, connection, uuid, answer),
            lambda: core_of(other).db.run(lambda c: order_sweep.resume(c, uuid, core.clock.now())),
        )
        assert again is None

    play(story)
    assert column(url, sa.select(m.OrderRow.state)) == [OrderState.EXECUTING.value]


def test_an_order_is_delivered_once(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        (uuid, answer), core, there = await unanswered(one), core_of(one), core_of(other)
        told = await held(
            core.db,
            lambda connection: settlement.record_charge(core, connection, uuid, answer),
            lambda: there.db.run(lambda c: settlement.record_charge(there, c, uuid, answer)),
        )
        assert isinstance(told, Placed)
        assert told.order_uuid == uuid

    play(story)
    assert (count(url, m.ResourceRow), count(url, m.RefundRow)) == (1, 0)


def test_a_page_that_is_closed_late_does_not_end_the_attempt_after_it(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        core, there, buyer = core_of(one), core_of(other), await one.buyer()
        assert isinstance(buyer, EmbeddedService)
        order = await one.order(outcome="needs_confirmation")
        placed = await buyer.quick_checkout(order, key="k")
        row = await core.db.read(lambda connection: order_sweep.row_of(connection, placed.order_uuid))
        request = PayOrder(payment_token=(await one.order()).payment_token)
        closed = Charge(row.charge_id, "canceled", Money(row.amount_micros, row.currency), "expired")

        def record(connection: Connection) -> object:
            return settlement.record_charge(
                there, connection, placed.order_uuid, closed, key=row.key, provider=row.provider
            )

        await held(
            core.db,
            lambda connection: buyer._open_again(connection, placed.order_uuid, row.key, request, {}, "k2"),
            lambda: there.db.run(record),
        )

    play(story)
    assert column(url, sa.select(m.OrderRow.state)) == [OrderState.PENDING_PROVIDER.value]
    assert column(url, sa.select(m.PaymentRow.attempt)) == [2]


def test_the_sweep_leaves_an_order_whose_buyer_just_came_back(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        (uuid, _), core = await unanswered(one), core_of(one)
        late = core.clock.now() + 2 * LEASE
        with administering(url) as connection:
            p = m.PaymentRow
            connection.execute(sa.update(p).values(leased_until=core.clock.now() - LEASE))
            row = connection.execute(sa.select(*p.__table__.c).where(p.order_uuid == uuid)).one()
        await held(
            core.db,
            lambda connection: order_sweep.resume(connection, uuid, late - 2 * LEASE),
            lambda: core_of(other).db.run(lambda c: order_sweep._settle(core_of(other), c, row, None)),
        )

    play(story)
    assert column(url, sa.select(m.OrderRow.state)) == [OrderState.PENDING_PROVIDER.value]


# ---- work


def test_two_workers_never_have_the_same_job(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        buyer, order = await one.buyer(), await one.order()
        for number in range(4):
            await buyer.quick_checkout(order, key=f"k{number}")
        cores = [core_of(one), core_of(other)] * 4
        claims = await asyncio.gather(*(worker._next_claim(core) for core in cores))
        keys = [claim.key for claim in claims if claim is not None]
        assert len(keys) == len(set(keys)) == 4

    play(story)


def test_a_claim_does_not_wait_for_one_that_is_not_committed(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        buyer, order = await one.buyer(), await one.order()
        for number in range(2):
            await buyer.quick_checkout(order, key=f"k{number}")
        claimed, go_on, now = threading.Event(), threading.Event(), core_of(one).clock.now()
        keys: list[str] = []

        def claim(connection: Connection) -> None:
            keys.append(worker._claim(connection, now).key)  # type: ignore[union-attr]  # None fails the test too
            claimed.set()
            assert go_on.wait(PATIENCE_S)

        first = asyncio.create_task(core_of(one).db.run(claim))
        await asyncio.to_thread(claimed.wait, PATIENCE_S)
        second = await worker._next_claim(core_of(other))
        go_on.set()
        await first
        assert second is not None
        assert second.key not in keys

    play(story)


def test_a_bundle_whose_last_two_agents_finish_together_is_done(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        buyer, order = await one.buyer(), await one.order()
        await buyer.quick_checkout(order, key="k")
        with administering(url) as connection:
            r = m.ResourceRow
            row = connection.execute(sa.select(*r.__table__.c)).mappings().one()
            twin = dict(row) | {"uuid": "f" * 32, "state": "deploying"}
            connection.execute(sa.update(r).values(state="deploying"))
            connection.execute(sa.insert(r), twin)
        now = core_of(one).clock.now()
        await held(
            core_of(one).db,
            lambda connection: worker._finish(connection, row["uuid"], now),
            lambda: core_of(other).db.run(lambda c: worker._finish(c, twin["uuid"], now)),
        )

    play(story)
    assert column(url, sa.select(m.OrderRow.state)) == [OrderState.DONE.value]


# ---- talking


async def answered(work: Awaitable[object]) -> str:
    """ "" for an answer, else what the failure is called."""
    (found,) = await outcomes(work)
    return type(found).__name__ if isinstance(found, errors.ServiceError) else ""


def test_the_last_included_call_is_used_once(url: str, play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        buyer, (offering, plan) = await one.buyer(), await one.plan(BillingModel.FREE)
        uuid = await one.bought(buyer, QuickCheckout(offering.card.uuid, plan.uuid, terms_accepted=True))
        await answer_of(buyer.ask(uuid, QUESTION, key="first"))
        assert plan.included_calls is not None
        places = [buyer, elsewhere(buyer, other)] * 3
        for attempt in range(5):
            with administering(url) as connection:
                connection.execute(sa.update(m.UsageTotal).values(calls=plan.included_calls - 1))
            asked = (
                answered(answer_of(place.ask(uuid, QUESTION, key=f"{attempt} {n}"))) for n, place in enumerate(places)
            )
            assert sorted(await asyncio.gather(*asked)) == ["", *["LimitReached"] * 5]
            assert (await buyer.get_resource(uuid)).usage.used == plan.included_calls

    play(story)


class TwoAtATime(ScriptedAgents):
    """Answers when two have asked."""

    def __init__(self, both: asyncio.Barrier) -> None:
        super().__init__()
        self._both = both

    async def answer(self, spec: AgentSpec, history: Sequence[Turn], question: str) -> AsyncIterator[str | Answer]:
        await self._both.wait()
        async for part in super().answer(spec, history, question):
            yield part


def test_a_question_sent_to_two_programs_is_answered_once(url: str, loop: asyncio.Runner, tmp_path: Path) -> None:
    async def story() -> list[str]:
        both = asyncio.Barrier(2)
        async with programs(url, tmp_path, lambda: TwoAtATime(both)) as markets:
            uuid = (await markets[0].agent()).card.uuid
            guests = [market.guest() for market in markets]
            for number in range(5):
                asked = (answer_of(guest.ask_sample(uuid, QUESTION, key=f"s{number}")) for guest in guests)
                first, second = await asyncio.gather(*asked)
                assert first == second
            return [message.role for message in (await guests[0].get_sample_transcript(uuid)).messages]

    assert loop.run(story()) == ["buyer", "agent"] * 5


def test_sample_questions_at_once_are_counted(play: Callable[[Story], None]) -> None:
    async def story(one: Market, other: Market) -> None:
        uuid = (await one.agent()).card.uuid
        places = [market.root.for_actor(Actor(device="d")) for market in (one, other)]
        asked = (
            answered(answer_of(places[number % 2].ask_sample(uuid, QUESTION, key=f"s{number}")))
            for number in range(SAMPLE_TURNS + 2)
        )
        assert sorted(await asyncio.gather(*asked)) == [*[""] * SAMPLE_TURNS, "LimitReached", "LimitReached"]

    play(story)
