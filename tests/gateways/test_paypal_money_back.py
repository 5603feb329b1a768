"""PayPal holds, refunds and pages given up: what was promised to the buyer is what PayPal's books say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.api.money import Money
from services.gateways.payments import Charge, Lookup, ProviderUnreachable
from tests.twin.paypal_rig import KEY, START, Rig, wish

FULL = Money.parse("29.00")
PART = Money.parse("9.00")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()
    assert rig.twin.breaches == []


def hold(rig: Rig, loop: asyncio.Runner) -> Charge:
    charge = loop.run(rig.pay(request=wish(holds=True)))
    assert charge.state == "authorized"
    return charge


# ---------------------------------------------------------------- holds


def test_a_hold_takes_nothing_until_it_is_captured_and_then_once(rig: Rig, loop: asyncio.Runner) -> None:
    held = hold(rig, loop)
    assert (rig.twin.held("USD"), rig.twin.balance("USD")) == (2900, 0)
    taken = loop.run(rig.pays.capture(held.id, key="take"))
    again = loop.run(rig.pays.capture(held.id, key="another"))
    assert (taken.state, taken.id, taken.key) == ("succeeded", again.id, KEY)
    assert (rig.twin.held("USD"), rig.twin.balance("USD")) == (0, 2900)


def test_a_hold_taken_is_found_as_the_payment_it_became(rig: Rig, loop: asyncio.Runner) -> None:
    held = hold(rig, loop)
    taken = loop.run(rig.pays.capture(held.id, key="take"))
    assert loop.run(rig.pays.find(Lookup(KEY, held.id))) == taken


def test_a_hold_let_go_cannot_be_taken(rig: Rig, loop: asyncio.Runner) -> None:
    held = hold(rig, loop)
    for _ in range(2):
        assert loop.run(rig.pays.refund(held.id, held.amount, key="drop")).state == "refunded"
    taken = loop.run(rig.pays.capture(held.id, key="take"))
    assert (taken.state, taken.decline_code) == ("failed", "AUTHORIZATION_VOIDED")
    assert (rig.twin.held("USD"), rig.twin.balance("USD")) == (0, 0)


def test_a_hold_taken_meanwhile_is_not_let_go_and_the_answer_says_so(rig: Rig, loop: asyncio.Runner) -> None:
    held = hold(rig, loop)
    loop.run(rig.pays.capture(held.id, key="take"))
    assert loop.run(rig.pays.cancel(held.id, key="drop")).state == "succeeded"


def test_a_hold_runs_out_by_itself(rig: Rig, loop: asyncio.Runner) -> None:
    held = hold(rig, loop)
    rig.clock.move(days=29)
    found = loop.run(rig.pays.find(Lookup(KEY, held.id)))
    assert found is not None
    assert found.state == "canceled"
    taken = loop.run(rig.pays.capture(held.id, key="take"))
    assert (taken.state, taken.decline_code) == ("failed", "AUTHORIZATION_EXPIRED")


def test_what_is_only_held_goes_back_whole(rig: Rig, loop: asyncio.Runner) -> None:
    held = hold(rig, loop)
    assert loop.run(rig.pays.refund(held.id, FULL, key="back")).state == "refunded"
    assert (rig.twin.held("USD"), rig.twin.balance("USD")) == (0, 0)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_capture_without_an_answer_takes_once(rig: Rig, loop: asyncio.Runner, when: str) -> None:
    held = hold(rig, loop)
    rig.wire.lose(when, f"/v2/payments/authorizations/{held.id.partition(':')[2]}/capture", times=3)
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.capture(held.id, key="take"))
    assert loop.run(rig.pays.capture(held.id, key="take")).state == "succeeded"
    assert rig.twin.balance("USD") == 2900


# ---------------------------------------------------------------- pages given up


def test_a_page_given_up_is_canceled_and_takes_nothing(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    closed = loop.run(rig.pays.cancel(opened.id, key="drop"))
    assert (closed.state, closed.action_url) == ("canceled", "")
    assert rig.twin.count_captures() == 0


@pytest.mark.parametrize(("holds", "state"), [(False, "succeeded"), (True, "authorized")])
def test_what_was_agreed_to_before_the_page_was_given_up(
    rig: Rig, loop: asyncio.Runner, holds: bool, state: str
) -> None:
    opened = loop.run(rig.pays.charge(wish(holds=holds), key=KEY))
    rig.agree(opened)
    assert loop.run(rig.pays.cancel(opened.id, key="drop")).state == state
    assert rig.twin.held("USD") == (2900 if holds else 0)
    assert rig.twin.count_captures() == (0 if holds else 1)


def test_a_page_that_ended_or_never_was_is_canceled(rig: Rig, loop: asyncio.Runner) -> None:
    assert loop.run(rig.pays.cancel("order:NEVERTHERE0000000", key="drop")).state == "canceled"
    opened = loop.run(rig.pays.charge(wish("0.00"), key="setup"))
    assert loop.run(rig.pays.cancel(opened.id, key="drop")).state == "canceled"


# ---------------------------------------------------------------- money back


def test_money_goes_back_in_parts_and_never_more_than_came(rig: Rig, loop: asyncio.Runner) -> None:
    paid = loop.run(rig.pay())
    part = loop.run(rig.pays.refund(paid.id, PART, key="back-1", reason="requested_by_customer"))
    assert (part.state, part.refunded) == ("succeeded", PART)
    too_much = loop.run(rig.pays.refund(paid.id, FULL, key="back-2"))
    assert (too_much.state, too_much.decline_code) == ("failed", "amount_too_large")
    rest = loop.run(rig.pays.refund(paid.id, FULL - PART, key="back-3"))
    assert (rest.state, rest.refunded) == ("refunded", FULL)
    assert rig.twin.balance("USD") == 0
    nothing_left = loop.run(rig.pays.refund(paid.id, PART, key="back-4"))
    assert nothing_left.state == "failed"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_refund_without_an_answer_happens_once(rig: Rig, loop: asyncio.Runner, when: str) -> None:
    paid = loop.run(rig.pay())
    rig.wire.lose(when, f"/v2/payments/captures/{paid.id.partition(':')[2]}/refund", times=3)
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.refund(paid.id, PART, key="back"))
    for _ in range(2):
        assert loop.run(rig.pays.refund(paid.id, PART, key="back")).refunded == PART
    assert rig.twin.balance("USD") == 2000


def test_two_refunds_of_one_amount_are_two(rig: Rig, loop: asyncio.Runner) -> None:
    paid = loop.run(rig.pay())
    for key in ("back-1", "back-2"):
        assert loop.run(rig.pays.refund(paid.id, PART, key=key)).state == "succeeded"
    assert rig.twin.balance("USD") == 1100


def test_a_refund_done_long_ago_is_recognised_when_nothing_is_left(rig: Rig, loop: asyncio.Runner) -> None:
    paid = loop.run(rig.pay())
    loop.run(rig.pays.refund(paid.id, FULL, key="back"))
    rig.clock.move(days=46)  # its Request-Id is forgotten
    assert loop.run(rig.pays.refund(paid.id, FULL, key="back")).state == "refunded"
    assert loop.run(rig.pays.refund(paid.id, FULL, key="other")).state == "failed"
    assert rig.twin.balance("USD") == 0


def test_a_refund_to_a_bank_is_under_way_for_a_day(rig: Rig, loop: asyncio.Runner) -> None:
    paid = loop.run(rig.pay("bank"))
    assert loop.run(rig.pays.refund(paid.id, PART, key="back")).state == "processing"
    rig.clock.move(days=1)
    done = loop.run(rig.pays.refund(paid.id, PART, key="back"))
    assert (done.state, done.refunded) == ("succeeded", PART)


def test_a_payment_still_looked_at_is_given_back_later(rig: Rig, loop: asyncio.Runner) -> None:
    paid = loop.run(rig.pay("review"))
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.refund(paid.id, FULL, key="back"))
    rig.clock.move(days=3)
    assert loop.run(rig.pays.refund(paid.id, FULL, key="back")).state == "refunded"


def test_a_payment_that_is_not_there_gives_nothing_back(rig: Rig, loop: asyncio.Runner) -> None:
    assert loop.run(rig.pays.refund("capture:NEVERTHERE0000000", PART, key="back")).state == "failed"
    assert loop.run(rig.pays.find(Lookup(KEY, "capture:NEVERTHERE0000000", wish(), START))) is None
