"""Calls told in thousands: priced as if one after the other, whatever was known already."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from services.db import models as m
from services.db import money_models as mm
from services.embedded.money.told import BATCH, Told, ingest
from tests.contract.embedded import START
from tests.embedded.money.books import Books, at
from tests.embedded.money.desk import Desk, E, plan

MONTH = datetime(2026, 12, 22, 9, 30, tzinfo=START.tzinfo)  # one after the start


def opened(books: Books, *, included: int = 3, agents: int = 1) -> Desk:
    """A desk at which calls of two months can be told."""
    desk = Desk(books, plan(included_calls=included), postpaid=True, agents=agents)
    desk.core.clock.at = datetime(2027, 1, 22, tzinfo=START.tzinfo)  # type: ignore[attr-defined] # a clock of the tests
    return desk


def tell(desk: Desk, *calls: Told) -> int:
    """How many were new."""
    return desk.books.do(lambda connection: ingest(desk.core, connection, calls))


def test_more_than_a_batch_goes_on_where_the_batch_ended(books: Books) -> None:
    desk = opened(books, included=BATCH + 50)
    calls = [Told("meter", f"{number:05}", desk.agent_uuid, at(seconds=number)) for number in range(BATCH + 100)]
    assert tell(desk, *reversed(calls)) == BATCH + 100
    costs = [cost for (cost,) in desk.events(E.cost_micros)]
    assert costs == [0] * (BATCH + 50) + [20_000] * 50
    assert desk.totals() == [(START, BATCH + 100, 50 * 20_000)]
    assert desk.is_consistent()
    assert tell(desk, *calls) == 0


def test_a_call_that_was_known_takes_nothing_of_the_allowance_again(books: Books) -> None:
    """Four calls with three included, the second known: the last one is still included."""
    desk = opened(books, included=4)
    calls = [Told("meter", str(number), desk.agent_uuid, at(seconds=number)) for number in range(5)]
    trial = Told("meter", "trial", desk.agent_uuid, at(minutes=1), purpose="test")
    assert tell(desk, calls[1]) == 1
    assert tell(desk, *calls, trial) == 5
    assert desk.events(E.id, E.cost_micros, E.would_cost_micros, E.paid_from) == [
        ("0", 0, 0, "included"),
        ("1", 0, 0, "included"),
        ("2", 0, 0, "included"),
        ("3", 0, 0, "included"),
        ("4", 20_000, 0, "invoice"),
        ("trial", 0, 20_000, "test"),
    ]
    assert desk.totals() == [(START, 5, 20_000)]
    assert desk.is_consistent()


def test_of_one_call_told_twice_at_once_the_earlier_counts(books: Books) -> None:
    desk = opened(books)
    call = Told("meter", "same", desk.agent_uuid, at(days=2))
    assert tell(desk, call, replace(call, at=at(days=1)), replace(call, at=at(days=3))) == 1
    assert desk.events(E.at) == [(at(days=1),)]


def test_each_agent_and_month_has_its_own_allowance(books: Books) -> None:
    desk = opened(books, included=1, agents=2)
    calls = [
        Told("meter", f"{place}{agent}{number}", desk.agents[agent], moment, key_uuid=f"key-{agent}")
        for place, moment in enumerate((START, MONTH))
        for agent in (0, 1)
        for number in (0, 1)
    ]
    assert tell(desk, *calls) == 8
    assert [cost for _, cost in desk.events(E.id, E.cost_micros)] == [0, 20_000] * 4
    assert desk.totals() == [(START, 2, 20_000), (START, 2, 20_000), (MONTH, 2, 20_000), (MONTH, 2, 20_000)]
    assert {key for (key,) in desk.events(E.key_uuid)} == {"key-0", "key-1"}
    assert desk.is_consistent()


@pytest.fixture
def two_agents(books: Books) -> Desk:
    return opened(books, agents=2)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    known=st.lists(st.integers(0, 12), max_size=4, unique=True),
    told=st.lists(st.integers(0, 12), max_size=20),
    tests=st.frozensets(st.integers(0, 12)),
)
def test_at_once_is_as_one_by_one(two_agents: Desk, known: list[int], told: list[int], tests: frozenset[int]) -> None:
    """However calls repeat and whatever is known before: told at once they cost what they cost told in time order."""
    desk = two_agents
    for table in (E, m.UsageTotal, mm.UsageRollup):
        desk.books.do(partial(_empty, table=table))
    found = []
    for agent, steps in zip(desk.agents, ([told], [[number] for number in sorted(told)]), strict=True):
        calls = [
            Told(agent, f"{number:02}", agent, at(hours=7 * number), purpose="test" if number in tests else "chat")
            for number in range(13)
        ]
        tell(desk, *(calls[number] for number in known))
        new = sum(tell(desk, *(calls[number] for number in step)) for step in steps)
        found.append((new, *_kept(desk, agent)))
    assert found[0] == found[1]
    assert found[0][0] == len(set(told) - set(known))
    assert desk.is_consistent()


def _empty(connection: Connection, table: type[m.Base]) -> None:
    connection.execute(sa.delete(table))


def _kept(desk: Desk, agent: str) -> tuple[list[tuple[Any, ...]], ...]:
    """The calls of an agent and what is kept of them."""
    total, rollup = m.UsageTotal, mm.UsageRollup
    calls = sa.select(E.id, E.at, E.cost_micros, E.would_cost_micros, E.paid_from).where(E.resource_uuid == agent)
    months = sa.select(total.calls, total.cost_micros).where(total.resource_uuid == agent)
    hours = sa.select(rollup.grain, rollup.start_at, rollup.calls, rollup.cost_micros).where(
        rollup.resource_uuid == agent
    )
    return (
        desk.books.all(calls.order_by(E.id)),
        desk.books.all(months),
        desk.books.all(hours.order_by(rollup.grain, rollup.start_at)),
    )
