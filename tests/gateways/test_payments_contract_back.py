"""What every provider promises about holds, money that goes back, disputes and what it tells by itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from services.api.money import Money
from services.gateways.payments import (
    AUTHORIZED,
    CANCELED,
    FAILED,
    PROCESSING,
    REFUNDED,
    SUCCEEDED,
    Charge,
    EventForged,
    ProviderEvent,
    ProviderRefused,
    ProviderUnreachable,
)
from tests.gateways.providers_under_test import CASES, EARLIER, KEY, REFERENCE, SLOW, Case, story
from tests.twin.paypal_rig import START

PRICE, NOTHING = Money.parse("29.00"), Money.zero()
NINE, TWENTY = Money.parse("9.00"), Money.parse("20.00")


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def case(request: pytest.FixtureRequest, tmp_path: Path, loop: asyncio.Runner) -> Iterator[Case]:
    made: Case = request.param(tmp_path / "provider")
    loop.run(made.begin())
    yield made
    assert made.close() == []


async def give_back(case: Case, charge: Charge, amount: Money, key: str) -> str:
    """The state of a refund; a request that is refused has failed."""
    with suppress(ProviderRefused):
        return (await case.pays.refund(charge.id, amount, key=key, reason="requested_by_customer")).state
    return FAILED


# ---------------------------------------------------------------- holds


@story
async def test_what_is_held_is_taken_once_however_often_it_is_captured(case: Case) -> None:
    held = await case.charge(token=await case.saved(), holds=True)
    assert (held.state, case.held(), case.taken()) == (AUTHORIZED, PRICE, NOTHING)
    answers = [await case.pays.capture(held.id, key=f"{KEY}:{name}") for name in ("one", "one", "two")]
    assert {(answer.state, answer.amount, answer.key) for answer in answers} == {(SUCCEEDED, PRICE, KEY)}
    assert (await case.find(held)).state == SUCCEEDED
    assert (case.held(), case.taken(), case.payments()) == (NOTHING, PRICE, 1)


@story
async def test_captures_at_once_take_once(case: Case) -> None:
    held = await case.charge(token=await case.saved(), holds=True)
    answers = await asyncio.gather(*(case.pays.capture(held.id, key=f"{KEY}:take") for _ in range(20)))
    assert {answer.state for answer in answers} == {SUCCEEDED}
    assert (case.held(), case.taken(), case.payments()) == (NOTHING, PRICE, 1)


@story
async def test_a_hold_that_was_let_go_is_never_taken(case: Case) -> None:
    held = await case.charge(token=await case.saved(), holds=True)
    await give_back(case, held, PRICE, "back")
    assert (await case.find(held)).state == CANCELED
    assert (await case.pays.capture(held.id, key=f"{KEY}:take")).state in (FAILED, CANCELED)
    assert (case.held(), case.taken(), case.payments()) == (NOTHING, NOTHING, 0)


@story
async def test_calling_off_what_was_taken_says_that_it_is_taken(case: Case) -> None:
    held = await case.charge(token=await case.saved(), holds=True)
    await case.pays.capture(held.id, key=f"{KEY}:take")
    assert (await case.pays.cancel(held.id, key=f"{KEY}:cancel")).state == SUCCEEDED
    assert (case.held(), case.taken()) == (NOTHING, PRICE)


@story
async def test_a_page_that_led_to_a_hold_is_over_and_the_hold_stays(case: Case) -> None:
    opened = await case.charge(holds=True)
    await case.answer(opened)
    for _ in range(2):
        found = await case.pays.cancel(opened.id, key=f"{KEY}:cancel")
        assert (found.state, found.amount, case.held()) == (AUTHORIZED, PRICE, PRICE)
    assert (await case.pays.cancel(found.id, key=f"{KEY}:cancel it")).state == AUTHORIZED
    assert (await case.pays.capture(found.id, key=f"{KEY}:take")).state == SUCCEEDED


@story
async def test_a_page_that_led_to_a_hold_is_given_back_by_its_own_name(case: Case) -> None:
    opened = await case.charge(holds=True)
    await case.answer(opened)
    assert await give_back(case, opened, PRICE, "back") in (REFUNDED, CANCELED)
    assert (case.held(), case.taken()) == (NOTHING, NOTHING)


@story
async def test_a_refund_of_what_is_only_held_lets_it_go(case: Case) -> None:
    held = await case.charge(token=await case.saved(), holds=True)
    for _ in range(2):
        assert await give_back(case, held, PRICE, "back") in (REFUNDED, CANCELED)
    assert (case.held(), case.taken(), case.payments()) == (NOTHING, NOTHING, 0)


@story
async def test_a_hold_that_the_bank_let_go_is_not_taken(case: Case) -> None:
    held = await case.charge(token=await case.saved(), holds=True)
    await case.lose_hold(held)
    assert (await case.find(held)).state == CANCELED
    assert (await case.pays.capture(held.id, key=f"{KEY}:take")).state in (FAILED, CANCELED)
    assert (await case.pays.cancel(held.id, key=f"{KEY}:cancel")).state == CANCELED
    assert (case.held(), case.taken(), case.payments()) == (NOTHING, NOTHING, 0)


@story
async def test_what_is_not_held_cannot_be_captured(case: Case) -> None:
    opened = await case.charge()
    with suppress(ProviderRefused):
        assert (await case.pays.capture(opened.id, key="take-1")).state != SUCCEEDED
    paid = await case.paid(key="paid")
    await case.pays.refund(paid.id, PRICE, key="back")
    with suppress(ProviderRefused):
        assert (await case.pays.capture(paid.id, key="take-2")).state == REFUNDED
    assert (await case.find(paid)).state == REFUNDED
    assert (case.held(), case.taken()) == (NOTHING, NOTHING)


# ---------------------------------------------------------------- what takes days


@pytest.mark.parametrize("is_paid", [True, False])
def test_what_takes_days_is_under_way_until_it_arrives_or_fails(
    case: Case, loop: asyncio.Runner, is_paid: bool
) -> None:
    async def tell() -> None:
        slow = await case.paid(how=SLOW, method=case.slow_method)
        assert (slow.state, slow.key, slow.decline_code, slow.action_url) == (PROCESSING, KEY, "", "")
        assert (await case.pays.cancel(slow.id, key=f"{KEY}:cancel")).state == PROCESSING
        assert (case.taken(), case.held()) == (NOTHING, NOTHING)
        await case.settle(slow, is_paid=is_paid)
        found = await case.find(slow)
        assert (found.state, bool(found.decline_code)) == ((SUCCEEDED, False) if is_paid else (FAILED, True))
        assert case.taken() == (PRICE if is_paid else NOTHING)
        about = [event for event in await told(case) if event.topic == "payment"]
        assert KEY in {about[-1].key, *(event.key for event in about if event.charge_id == about[-1].charge_id)}

    loop.run(tell())


# ---------------------------------------------------------------- money back


@story
async def test_money_goes_back_in_parts_and_never_more_than_was_charged(case: Case) -> None:
    held = await case.charge(token=await case.saved(), holds=True)
    paid = await case.pays.capture(held.id, key=f"{KEY}:take")
    assert await give_back(case, paid, NINE, "back-1") == SUCCEEDED
    found = await case.find(paid)
    assert (found.state, found.refunded, case.taken()) == (SUCCEEDED, NINE, TWENTY)
    assert await give_back(case, paid, PRICE, "back-2") == FAILED
    assert (await case.find(paid)).refunded == NINE
    assert await give_back(case, paid, TWENTY, "back-3") in (SUCCEEDED, REFUNDED)
    found = await case.find(paid)
    assert (found.state, found.refunded, case.taken()) == (REFUNDED, PRICE, NOTHING)
    assert await give_back(case, paid, Money.parse("0.01"), "back-4") == FAILED
    assert case.taken() == NOTHING


@story
async def test_a_refund_under_one_key_is_one_and_under_two_is_two(case: Case) -> None:
    paid = await case.paid()
    states = [await give_back(case, paid, NINE, key) for key in ("one", "one", "two", "one")]
    assert states == [SUCCEEDED] * 4
    assert case.taken() == Money.parse("11.00")


@story
async def test_refunds_at_once_under_one_key_are_one(case: Case) -> None:
    paid = await case.paid()
    states = await asyncio.gather(*(give_back(case, paid, NINE, "back") for _ in range(20)))
    assert set(states) == {SUCCEEDED}
    assert case.taken() == TWENTY


@story
async def test_a_refund_of_all_is_answered_the_same_again(case: Case) -> None:
    paid = await case.paid()
    for _ in range(2):
        assert await give_back(case, paid, PRICE, "back") in (SUCCEEDED, REFUNDED)
    assert case.taken() == NOTHING


@story
async def test_what_was_never_paid_is_not_given_back(case: Case) -> None:
    opened = await case.charge()
    await case.pays.cancel(opened.id, key=f"{KEY}:cancel")
    await give_back(case, opened, PRICE, "back")
    assert (case.taken(), case.held()) == (NOTHING, NOTHING)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["capture", "refund"])
def test_a_step_whose_answer_is_lost_is_done_once(case: Case, loop: asyncio.Runner, step: str, when: str) -> None:
    async def tell() -> None:
        held = await case.charge(token=await case.saved(), holds=True)
        paid = await case.pays.capture(held.id, key=f"{KEY}:take") if step == "refund" else held
        case.lose(when, step, paid)
        with pytest.raises(ProviderUnreachable):
            await _do(case, step, paid)
        case.lose_nothing()
        assert (await _do(case, step, paid)).state == SUCCEEDED
        assert case.taken() == (TWENTY if step == "refund" else PRICE)
        assert (case.held(), case.payments()) == (NOTHING, 1)

    loop.run(tell())


async def _do(case: Case, step: str, charge: Charge) -> Charge:
    if step == "refund":
        return await case.pays.refund(charge.id, NINE, key="back")
    return await case.pays.capture(charge.id, key=f"{KEY}:take")


@dataclass
class Books:
    """What our side knows from answers alone, while any of them may be lost."""

    case: Case
    chance: random.Random
    token: str
    held: list[Charge] = field(default_factory=list)
    taken: list[Charge] = field(default_factory=list)
    refunds: dict[str, int] = field(default_factory=dict)  # micros by charge

    async def patiently(self, step: str, charge: Charge | None, work: Callable[[], Awaitable[Charge]]) -> Charge:
        """Sends a step until an answer arrives; what gets lost on the way is chance."""
        while True:
            if lost := self.chance.choice(["", "", "before", "after"]):
                self.case.lose(lost, step, charge)
            try:
                return await work()
            except ProviderUnreachable:
                continue
            finally:
                self.case.lose_nothing()

    async def pay(self, key: str) -> None:
        amount = Money(self.chance.randint(100, 9_999) * NOTHING.minor_unit)
        request = replace(self.case.wish(token=self.token, holds=self.chance.random() < 0.6), amount=amount)
        charge = await self.patiently("charge", None, lambda: self.case.pays.charge(request, key=key))
        assert (charge.state, charge.amount) == (AUTHORIZED if request.holds else SUCCEEDED, amount)
        (self.held if request.holds else self.taken).append(charge)

    async def end_hold(self, key: str) -> None:
        if not self.held:
            return
        charge = self.held.pop(self.chance.randrange(len(self.held)))
        if self.chance.random() < 0.3:
            assert await give_back(self.case, charge, charge.amount, key) in (REFUNDED, CANCELED)
            return
        taken = await self.patiently("capture", charge, lambda: self.case.pays.capture(charge.id, key=key))
        assert (taken.state, taken.amount) == (SUCCEEDED, charge.amount)
        self.taken.append(taken)

    async def give_back(self, key: str) -> None:
        if not self.taken:
            return
        charge = self.chance.choice(self.taken)
        left = charge.amount.micros - self.refunds.get(charge.id, 0)
        if not left:
            return
        cents = self.chance.randint(1, left // NOTHING.minor_unit)
        back = left if self.chance.random() < 0.3 else cents * NOTHING.minor_unit
        work = partial(self.case.pays.refund, charge.id, Money(back), key=key)
        assert (await self.patiently("refund", charge, work)).state in (SUCCEEDED, REFUNDED)
        self.refunds[charge.id] = self.refunds.get(charge.id, 0) + back

    async def check(self) -> None:
        """Our books are theirs, in sum and one by one."""
        charged = sum(charge.amount.micros for charge in self.taken)
        assert self.case.taken() == Money(charged - sum(self.refunds.values()))
        assert self.case.held() == Money(sum(charge.amount.micros for charge in self.held))
        for charge in self.taken:
            found, back = await self.case.find(charge), self.refunds.get(charge.id, 0)
            assert found.refunded == Money(back)
            assert found.state == (REFUNDED if back == charge.amount.micros else SUCCEEDED)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_answers_are_lost_our_books_are_those_of_the_provider(
    case: Case, loop: asyncio.Runner, seed: int
) -> None:
    async def live() -> None:
        chance = random.Random(seed)  # noqa: S311  the same story every time
        books = Books(case, chance, await case.saved())
        steps = (books.pay, books.end_hold, books.give_back)
        for number in range(30):
            await books.chance.choice(steps)(f"step-{number}")
        assert books.taken
        assert books.refunds
        await books.check()

    loop.run(live())


# ---------------------------------------------------------------- what it tells


async def told(case: Case, cursor: str = "") -> tuple[ProviderEvent, ...]:
    return (await case.pays.list_events(cursor, since=EARLIER)).events


@story
async def test_events_lead_back_to_our_row(case: Case) -> None:
    paid = await case.paid()
    await case.pays.refund(paid.id, NINE, key="back")
    events = [event for event in await told(case) if event.topic in ("payment", "refund")]
    ours = [event for event in events if event.key == KEY or event.charge_id == paid.id]
    assert {event.topic for event in ours} == {"payment", "refund"}
    about = [event for event in ours if event.topic == "payment"]
    assert any((event.key, event.reference) == (KEY, REFERENCE) for event in about)
    assert any(event.charge_id == paid.id for event in about)
    assert all(event.charge_id == paid.id for event in ours if event.topic == "refund")
    assert all(abs(event.created_at - START) < timedelta(minutes=1) for event in events)


@story
async def test_a_cursor_goes_on_without_a_gap_and_without_a_repeat(case: Case) -> None:
    token, cursor = await case.saved(), ""
    seen: list[str] = []
    for number in range(3):
        await case.charge(token=token, key=f"pay-{number}")
        case.clock.move(minutes=1)
        for _ in range(2):
            page = await case.pays.list_events(cursor, since=EARLIER)
            seen += [event.id for event in page.events]
            cursor = page.cursor
    assert len(seen) == len(set(seen))
    assert seen == [event.id for event in await told(case)]
    again = await case.pays.list_events(cursor, since=EARLIER)
    assert (again.events, again.cursor) == ((), cursor)


@story
async def test_what_happened_before_an_instant_is_not_asked_for(case: Case) -> None:
    await case.paid()
    case.clock.move(hours=2)
    page = await case.pays.list_events("", since=case.clock.now() - timedelta(hours=1))
    assert page.events == ()


async def _payment_event(case: Case) -> ProviderEvent:
    await case.paid()
    return [event for event in await told(case) if event.topic == "payment" and event.key == KEY][-1]


@story
async def test_a_webhook_is_taken_as_often_as_it_comes_and_is_the_same_event(case: Case) -> None:
    event = await _payment_event(case)
    gateway, headers, body = case.sign(event, START)
    for late in (-299, 0, 299):
        taken = await gateway.verify_event(headers, body, now=START + timedelta(seconds=late))
        assert (taken.id, taken.topic, taken.kind, taken.subject) == (event.id, event.topic, event.kind, event.subject)
        assert (taken.charge_id, taken.key, taken.reference) == (event.charge_id, KEY, REFERENCE)
        assert taken.payload == event.payload


@pytest.mark.parametrize("late", [-301, 301, -86_400, 86_400])
def test_a_webhook_of_another_time_is_forged(case: Case, loop: asyncio.Runner, late: int) -> None:
    async def tell() -> None:
        gateway, headers, body = case.sign(await _payment_event(case), START)
        with pytest.raises(EventForged):
            await gateway.verify_event(headers, body, now=START + timedelta(seconds=late))

    loop.run(tell())


@story
async def test_a_webhook_that_was_changed_on_its_way_is_forged(case: Case) -> None:
    gateway, headers, body = case.sign(await _payment_event(case), START)
    other = body.replace(REFERENCE.encode(), b"order-2")
    assert other != body
    with pytest.raises(EventForged):
        await gateway.verify_event(headers, other, now=START)
    assert (await gateway.verify_event(headers, body, now=START)).key == KEY


@story
async def test_a_webhook_without_a_good_signature_is_forged(case: Case) -> None:
    gateway, headers, body = case.sign(await _payment_event(case), START)
    signed = [name for name in headers if "sig" in name]
    assert signed
    for name in signed:
        for wrong in ("", "x" * len(headers[name])):
            with pytest.raises(EventForged):
                await gateway.verify_event(headers | {name: wrong}, body, now=START)
    with pytest.raises(EventForged):
        await gateway.verify_event({}, body, now=START)
    with pytest.raises(EventForged):
        await gateway.verify_event(headers, b"", now=START)


# ---------------------------------------------------------------- disputes


@pytest.mark.parametrize("is_won", [True, False])
def test_a_dispute_is_told_and_ends_as_the_bank_decides(case: Case, loop: asyncio.Runner, is_won: bool) -> None:
    async def tell() -> None:
        paid = await case.paid()
        dispute_id = await case.open_dispute(paid)
        event = next(event for event in await told(case) if event.topic == "dispute")
        assert event.subject == dispute_id
        facts = await case.pays.get_dispute(dispute_id)
        assert facts is not None
        assert (facts.id, facts.charge_id, facts.amount, facts.state) == (dispute_id, paid.id, PRICE, "open")
        assert facts.reason
        assert facts.answer_by is not None
        assert facts.answer_by > START
        await case.close_dispute(dispute_id, is_won=is_won)
        closed = await case.pays.get_dispute(dispute_id)
        assert closed is not None
        assert closed.state == ("won" if is_won else "lost")
        assert case.taken() == (PRICE if is_won else NOTHING)
        assert [event.subject for event in await told(case) if event.topic == "dispute"] == [dispute_id] * 2

    loop.run(tell())


@story
async def test_nobody_has_heard_of_a_dispute_that_never_was(case: Case) -> None:
    assert await case.pays.get_dispute("dp-never") is None


# ---------------------------------------------------------------- the doctor


@story
async def test_a_provider_that_is_well_says_so(case: Case) -> None:
    findings = await case.pays.check(now=case.clock.now())
    assert {finding.what for finding in findings} >= {"key", "network"}
    assert [finding for finding in findings if not finding.is_well and finding.what != "webhook"] == []
    assert case.pays.is_test_mode
