"""Counting calls: reserved before, settled after, released when they fail; never one more than the plan allows."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.contract import Service
from services.api.money import Money
from services.api.types import BillingModel, ChatMessage, QuickCheckout, Usage
from services.db import models as m
from services.embedded.money import reservations
from tests.contract.embedded import START
from tests.contract.market import answer_of
from tests.embedded.shop import Crashed, Shop, crash, reached, story, unavailable
from tests.fakes import Gate


async def bought(shop: Shop, model: BillingModel) -> tuple[Service, str]:
    """A buyer and their ready agent under a plan of this billing model."""
    buyer = await shop.market.buyer()
    offering, plan = await shop.market.plan(model)
    request = QuickCheckout(offering.card.uuid, plan.uuid, payment_token="tok_visa", terms_accepted=True)
    return buyer, await shop.market.bought(buyer, request)


async def stay_signed_in(shop: Shop) -> None:
    """Sessions outlast the story."""
    await shop.write(sa.update(m.SessionRow).values(expires_at=START + timedelta(days=3650)))


async def ask(buyer: Service, uuid: str, key: str) -> ChatMessage:
    return await answer_of(buyer.ask(uuid, "How do I start?", key=key))


async def usage(buyer: Service, uuid: str) -> Usage:
    return (await buyer.get_resource(uuid)).usage


async def totals_equal_events(shop: Shop) -> None:
    """What is shown is the sum of what was counted."""
    e, t = m.UsageEvent, m.UsageTotal
    events = sa.select(sa.func.total(e.quantity), sa.func.total(e.cost_micros))
    assert await shop.rows(events) == await shop.rows(sa.select(sa.func.total(t.calls), sa.func.total(t.cost_micros)))


# ---- limits and prices


@story
async def test_a_free_plan_answers_exactly_fifty_calls_however_they_arrive(shop: Shop) -> None:
    buyer, uuid = await bought(shop, BillingModel.FREE)
    other = (await shop.another()).root.for_actor(buyer.actor)
    calls = [ask(each, uuid, f"{number}-{each is other}") for number in range(30) for each in (buyer, other)]
    answers = Counter(type(one).__name__ for one in await asyncio.gather(*calls, return_exceptions=True))
    assert answers == {"ChatMessage": 50, "LimitReached": 10}
    found = await usage(buyer, uuid)
    assert (found.used, found.left, found.cost) == (50, 0, Money.zero())
    with pytest.raises(errors.LimitReached) as caught:
        await ask(buyer, uuid, "one more")
    assert caught.value.params["included"] == 50
    await totals_equal_events(shop)


@story
async def test_a_failed_call_makes_room_again(shop: Shop) -> None:
    buyer, uuid = await bought(shop, BillingModel.FREE)
    await ask(buyer, uuid, "first")
    await shop.write(sa.update(m.UsageTotal).values(calls=49))
    shop.agents.before["answer"] = [unavailable]
    with pytest.raises(errors.AgentUnavailable):
        await ask(buyer, uuid, "fails")
    assert (await usage(buyer, uuid)).left == 1
    await ask(buyer, uuid, "last")
    with pytest.raises(errors.LimitReached):
        await ask(buyer, uuid, "one too many")


@story
async def test_an_answered_question_can_be_read_again_when_the_limit_is_reached(shop: Shop) -> None:
    buyer, uuid = await bought(shop, BillingModel.FREE)
    first = await ask(buyer, uuid, "first")
    await shop.write(sa.update(m.UsageTotal).values(calls=50))
    assert await ask(buyer, uuid, "first") == first


@story
async def test_calls_beyond_the_included_cost_what_the_plan_says(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    uuid = await shop.market.bought(buyer)  # Starter: 1,000 calls, then $0.01
    assert (await ask(buyer, uuid, "first")).cost == Money.zero()
    await shop.write(sa.update(m.UsageTotal).values(calls=999))
    found = await usage(buyer, uuid)
    assert (found.left, found.next_call_cost) == (1, Money.zero())
    costs = [(await ask(buyer, uuid, f"call {number}")).cost for number in range(3)]
    assert costs == [Money.zero(), Money.parse("0.01"), Money.parse("0.01")]
    found = await usage(buyer, uuid)
    assert (found.used, found.cost, found.next_call_cost) == (1002, Money.parse("0.02"), Money.parse("0.01"))


@story
async def test_pay_per_use_costs_from_the_first_call_on(shop: Shop) -> None:
    buyer, uuid = await bought(shop, BillingModel.PAY_PER_USE)
    await asyncio.gather(*(ask(buyer, uuid, str(number)) for number in range(7)))
    found = await usage(buyer, uuid)
    assert (found.used, found.cost, found.left) == (7, Money.parse("0.14"), 0)
    await totals_equal_events(shop)


# ---- failures and repeats


@pytest.mark.parametrize("failure", ["unavailable", "crash"])
def test_a_failed_call_costs_nothing_and_its_key_can_be_used_again(
    failure: str, shop: Shop, loop: asyncio.Runner
) -> None:
    async def tale() -> None:
        buyer, uuid = await bought(shop, BillingModel.PAY_PER_USE)
        shop.agents.before["answer"] = [unavailable if failure == "unavailable" else crash]
        with pytest.raises((errors.AgentUnavailable, Crashed)):
            await ask(buyer, uuid, "k")
        found = await usage(buyer, uuid)
        assert (found.used, found.cost) == (0, Money.zero())
        answer = await ask(buyer, uuid, "k")
        assert answer.cost == Money.parse("0.02")
        assert (await usage(buyer, uuid)).used == 1
        roles = [message.role for message in (await buyer.get_transcript(uuid)).messages]
        assert roles == ["buyer", "agent"]  # the question stands there once

    loop.run(tale())


@story
async def test_a_reader_who_leaves_in_the_middle_is_not_charged(shop: Shop) -> None:
    buyer, uuid = await bought(shop, BillingModel.PAY_PER_USE)
    stream = buyer.ask(uuid, "How do I start?", key="k")
    assert (await anext(stream)).text
    assert (await usage(buyer, uuid)).used == 1
    await stream.aclose()  # type: ignore[attr-defined] # an async generator
    found = await usage(buyer, uuid)
    assert (found.used, found.cost) == (0, Money.zero())


@story
async def test_a_question_on_its_way_is_not_asked_twice(shop: Shop) -> None:
    buyer, uuid = await bought(shop, BillingModel.PAY_PER_USE)
    gate = Gate()
    shop.agents.before["answer"] = [gate.passed]
    asking = asyncio.create_task(ask(buyer, uuid, "k"))
    await reached(gate)
    with pytest.raises(errors.RequestInProgress):
        await ask(buyer, uuid, "k")
    gate.open()
    answer = await asking
    assert await ask(buyer, uuid, "k") == answer
    assert (await usage(buyer, uuid)).used == shop.agents.calls["answer"] == 1


@story
async def test_the_last_included_call_on_its_way_is_in_progress_and_not_over_the_limit(shop: Shop) -> None:
    buyer, uuid = await bought(shop, BillingModel.FREE)
    await ask(buyer, uuid, "first")
    await shop.write(sa.update(m.UsageTotal).values(calls=49))
    gate = Gate()
    shop.agents.before["answer"] = [gate.passed]
    asking = asyncio.create_task(ask(buyer, uuid, "last"))
    await reached(gate)
    with pytest.raises(errors.RequestInProgress):
        await ask(buyer, uuid, "last")
    gate.open()
    await asking


@story
async def test_a_key_belongs_to_one_agent(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    one = await shop.market.bought(buyer)
    request = replace(await shop.market.order(), project_name="Second")
    other = (await shop.market.buy(buyer, request, key="order-2")).resource_uuid
    await asyncio.gather(ask(buyer, one, "k"), ask(buyer, other, "k"))
    assert [(await usage(buyer, uuid)).used for uuid in (one, other)] == [1, 1]


@story
async def test_a_sample_question_sent_twice_at_once_is_answered_once(shop: Shop) -> None:
    guest, offering = shop.market.guest(), await shop.market.agent()
    gates = [Gate(), Gate()]
    shop.agents.before["answer"] = [gate.passed for gate in gates]

    async def ask_sample() -> ChatMessage:
        return await answer_of(guest.ask_sample(offering.card.uuid, "How do I start?", key="k"))

    asking = [asyncio.create_task(ask_sample()) for _ in gates]
    for gate in gates:
        await reached(gate)
        gate.open()
    first, second = await asyncio.gather(*asking)
    assert first == second
    transcript = await guest.get_sample_transcript(offering.card.uuid)
    assert [message.role for message in transcript.messages] == ["buyer", "agent"]
    assert transcript.turns_left == 9


# ---- a process that died


@story
async def test_the_reservation_of_a_dead_process_is_taken_back_after_five_minutes(shop: Shop) -> None:
    buyer, uuid = await bought(shop, BillingModel.PAY_PER_USE)
    gate = Gate()
    shop.agents.before["answer"] = [gate.passed]
    dead = asyncio.create_task(ask(buyer, uuid, "k"))
    await reached(gate)
    for seconds, used in ((299, 1), (1, 0)):
        shop.clock.advance(seconds=seconds)
        await reservations.release_stale(shop.service.core, shop.clock.now())
        assert (await usage(buyer, uuid)).used == used
    await totals_equal_events(shop)
    gate.open()  # it was only asleep
    answer = await dead
    assert answer.cost == Money.parse("0.02")
    found = await usage(buyer, uuid)
    assert (found.used, found.cost) == (1, Money.parse("0.02"))  # an answer that was given counts
    await totals_equal_events(shop)


@story
async def test_a_settled_call_is_never_taken_back(shop: Shop) -> None:
    buyer, uuid = await bought(shop, BillingModel.PAY_PER_USE)
    await ask(buyer, uuid, "k")
    shop.clock.advance(days=1)
    await reservations.release_stale(shop.service.core, shop.clock.now())
    assert (await usage(buyer, uuid)).used == 1


# ---- periods


@story
async def test_a_new_period_begins_at_its_instant_and_the_old_one_stays(shop: Shop) -> None:
    buyer, uuid = await bought(shop, BillingModel.FREE)
    await stay_signed_in(shop)
    await ask(buyer, uuid, "november")
    await shop.write(sa.update(m.UsageTotal).values(calls=50))
    end = START.replace(month=12)
    shop.clock.at = end - timedelta(microseconds=1)
    with pytest.raises(errors.LimitReached):
        await ask(buyer, uuid, "too early")
    shop.clock.at = end
    found = await usage(buyer, uuid)
    assert (found.used, found.left, found.period_start, found.period_end) == (
        0,
        50,
        end,
        end.replace(year=2027, month=1),
    )
    await ask(buyer, uuid, "december")
    t = m.UsageTotal
    assert await shop.rows(sa.select(t.period_start, t.calls).order_by(t.period_start)) == [(START, 50), (end, 1)]


@story
async def test_a_call_that_fails_in_the_next_period_is_taken_from_the_one_it_was_made_in(shop: Shop) -> None:
    buyer, uuid = await bought(shop, BillingModel.PAY_PER_USE)
    end = START.replace(month=12)
    shop.clock.at = end - timedelta(seconds=1)
    gate = Gate()

    async def late_failure() -> None:
        await gate.passed()
        await unavailable()

    shop.agents.before["answer"] = [late_failure]
    asking = asyncio.create_task(ask(buyer, uuid, "k"))
    await reached(gate)
    shop.clock.at = end
    gate.open()
    with pytest.raises(errors.AgentUnavailable):
        await asking
    assert [row[0] for row in await shop.rows(sa.select(m.UsageTotal.calls))] == [0]
    await totals_equal_events(shop)


@story
async def test_totals_equal_events_whatever_happens(shop: Shop) -> None:
    buyer, uuid = await bought(shop, BillingModel.PAY_PER_USE)
    await stay_signed_in(shop)
    chance = random.Random(4)  # noqa: S311  the same story every time
    for number in range(60):
        shop.agents.before["answer"] = [chance.choice([unavailable, crash])] if chance.random() < 0.3 else []
        with suppress(errors.AgentUnavailable, Crashed):
            await ask(buyer, uuid, str(chance.randrange(number + 1)))
        shop.clock.advance(days=chance.choice([0, 0, 1, 9]))
        await totals_equal_events(shop)
    assert await shop.value(sa.select(sa.func.count()).select_from(m.UsageTotal)) > 2
