"""Stripe after the charge: holds, captures, what is called off, what goes back. Each once, and never too much."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.api.money import Money
from services.api.types import PaymentMethod
from services.gateways.payments import Charge, KeyMismatch, Lookup, ProviderRefused, ProviderUnreachable
from tests.gateways.stripe_rig import KEY, START, Rig, wish

INTENTS, REFUNDS, SESSIONS = "/v1/payment_intents", "/v1/refunds", "/v1/checkout/sessions"
USD_9 = Money.parse("9.00")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "twin")
    yield rig
    rig.close()
    assert rig.provider.breaches == []


@pytest.fixture
def kim(rig: Rig, loop: asyncio.Runner) -> str:
    return loop.run(rig.customer())


@pytest.fixture
def held(rig: Rig, loop: asyncio.Runner, kim: str) -> Charge:
    charge = loop.run(rig.pays.charge(wish(token="pm_card_visa", customer=kim, holds=True), key=KEY))
    assert (charge.state, rig.twin.held("USD"), rig.twin.balance("USD")) == ("authorized", 2900, 0)
    return charge


@pytest.fixture
def paid(rig: Rig, loop: asyncio.Runner, kim: str) -> Charge:
    return loop.run(rig.pays.charge(wish(token="pm_card_visa", customer=kim), key=KEY))


# ---------------------------------------------------------------- holds


def test_what_is_held_is_taken_once(rig: Rig, loop: asyncio.Runner, held: Charge) -> None:
    taken = loop.run(rig.pays.capture(held.id, key="c"))
    assert (taken.id, taken.state, taken.amount, taken.key) == (held.id, "succeeded", held.amount, KEY)
    assert loop.run(rig.pays.capture(held.id, key="c")).state == "succeeded"
    assert loop.run(rig.pays.capture(held.id, key="another")).state == "succeeded"
    assert (rig.twin.held("USD"), rig.twin.balance("USD")) == (0, 2900)


def test_a_capture_whose_answer_is_lost_is_still_one(rig: Rig, loop: asyncio.Runner, held: Charge) -> None:
    rig.wire.lose("after", f"{INTENTS}/{held.id}/capture")
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.capture(held.id, key="c"))
    assert loop.run(rig.pays.capture(held.id, key="c")).state == "succeeded"
    assert rig.twin.balance("USD") == 2900


def test_a_hold_made_on_a_page_is_taken_later(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    held = loop.run(rig.pay(wish(customer=kim, holds=True)))
    assert (held.state, rig.twin.held("USD")) == ("authorized", 2900)
    assert loop.run(rig.pays.capture(held.id, key="c")).state == "succeeded"


def test_a_hold_that_the_bank_let_go_cannot_be_taken(rig: Rig, loop: asyncio.Runner, held: Charge) -> None:
    rig.twin.lose_hold(held.id)
    assert loop.run(rig.pays.capture(held.id, key="c")).state == "canceled"
    assert rig.twin.balance("USD") == 0


def test_a_hold_is_not_let_go_by_calling_off(rig: Rig, loop: asyncio.Runner, held: Charge) -> None:
    assert loop.run(rig.pays.cancel(held.id, key="x")).state == "authorized"
    assert (rig.twin.held("USD"), rig.twin.balance("USD")) == (2900, 0)


def test_what_was_taken_meanwhile_is_not_let_go(rig: Rig, loop: asyncio.Runner, held: Charge) -> None:
    loop.run(rig.pays.capture(held.id, key="c"))
    assert loop.run(rig.pays.cancel(held.id, key="x")).state == "succeeded"
    assert rig.twin.balance("USD") == 2900


def test_what_is_only_held_is_given_back_by_letting_go(rig: Rig, loop: asyncio.Runner, held: Charge) -> None:
    for _ in range(2):
        back = loop.run(rig.pays.refund(held.id, held.amount, key="r"))
        assert (back.state, back.refunded) == ("refunded", held.amount)
    assert (rig.listed(REFUNDS), rig.twin.held("USD")) == ([], 0)


def test_a_hold_that_is_taken_while_it_is_let_go_is_given_back(rig: Rig, loop: asyncio.Runner, held: Charge) -> None:
    rig.wire.while_posted(f"{INTENTS}/{held.id}/cancel", lambda: rig.post(f"{INTENTS}/{held.id}/capture"))
    back = loop.run(rig.pays.refund(held.id, held.amount, key="r"))
    assert (back.state, back.refunded) == ("succeeded", held.amount)
    assert (rig.twin.balance("USD"), len(rig.listed(REFUNDS))) == (0, 1)


# ---------------------------------------------------------------- pages that are called off


def test_a_page_nobody_wants_any_more_is_closed(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    opened = loop.run(rig.pays.charge(wish(customer=kim), key=KEY))
    over = loop.run(rig.pays.cancel(opened.id, key="x"))
    assert (over.state, over.id, over.key) == ("canceled", opened.id, KEY)
    assert loop.run(rig.pays.cancel(opened.id, key="another")).state == "canceled"
    assert loop.run(rig.find(opened)).state == "canceled"


def test_a_page_that_was_paid_meanwhile_says_so_and_is_not_undone(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    opened = loop.run(rig.pays.charge(wish(customer=kim), key=KEY))
    rig.wire.while_posted(f"{SESSIONS}/{opened.id}/expire", lambda: rig.fill(opened))
    answer = loop.run(rig.pays.cancel(opened.id, key="x"))
    assert (answer.state, answer.id[:3]) == ("succeeded", "pi_")
    assert rig.twin.balance("USD") == 2900


def test_a_hold_made_on_a_page_that_is_called_off_is_there(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    opened = loop.run(rig.pays.charge(wish(customer=kim, holds=True), key=KEY))
    assert rig.fill(opened) == {}
    found = loop.run(rig.pays.cancel(opened.id, key="x"))
    assert (found.state, found.id[:3]) == ("authorized", "pi_")
    assert (rig.twin.held("USD"), rig.twin.balance("USD")) == (2900, 0)


def test_a_debit_under_way_cannot_be_called_off(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    under_way = loop.run(rig.pay(wish(customer=kim, method=PaymentMethod.BANK), bank="pays"))
    assert loop.run(rig.pays.cancel(under_way.id, key="x")).state == "processing"


def test_what_was_never_there_counts_as_called_off(rig: Rig, loop: asyncio.Runner) -> None:
    for charge_id in ("cs_test_nothing", "pi_nothing"):
        assert loop.run(rig.pays.cancel(charge_id, key=charge_id)).state == "canceled"


# ---------------------------------------------------------------- refunds


def test_money_goes_back_in_parts_and_then_whole(rig: Rig, loop: asyncio.Runner, paid: Charge) -> None:
    first = loop.run(rig.pays.refund(paid.id, USD_9, key="r1", reason="duplicate"))
    assert (first.id, first.state, first.amount, first.refunded) == (paid.id, "succeeded", USD_9, USD_9)
    found = loop.run(rig.find(paid))
    assert (found.state, found.refunded) == ("succeeded", USD_9)
    loop.run(rig.pays.refund(paid.id, Money.parse("20.00"), key="r2"))
    found = loop.run(rig.find(paid))
    assert (found.state, found.refunded) == ("refunded", paid.amount)
    assert rig.twin.balance("USD") == 0
    assert [one["reason"] for one in rig.listed(REFUNDS)] == [None, "duplicate"]


@pytest.mark.parametrize("reason", ["", "goodwill", "requested_by_customer"])
def test_only_reasons_stripe_knows_are_told(rig: Rig, loop: asyncio.Runner, paid: Charge, reason: str) -> None:
    loop.run(rig.pays.refund(paid.id, USD_9, key="r", reason=reason))
    [sent] = rig.wire.sent(REFUNDS)
    assert sent.get("reason") == (reason if reason == "requested_by_customer" else None)


def test_the_same_key_gives_back_once(rig: Rig, loop: asyncio.Runner, paid: Charge) -> None:
    first = loop.run(rig.pays.refund(paid.id, USD_9, key="r"))
    assert loop.run(rig.pays.refund(paid.id, USD_9, key="r")) == first
    assert (rig.twin.balance("USD"), len(rig.listed(REFUNDS))) == (2000, 1)


def test_the_same_key_gives_back_once_when_stripe_has_forgotten_it(
    rig: Rig, loop: asyncio.Runner, paid: Charge
) -> None:
    first = loop.run(rig.pays.refund(paid.id, USD_9, key="r"))
    rig.clock.move(days=40)
    rig.wire.forget_keys()
    assert loop.run(rig.pays.refund(paid.id, USD_9, key="r")) == first
    assert rig.twin.balance("USD") == 2000


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_refund_whose_answer_is_lost_is_still_one(rig: Rig, loop: asyncio.Runner, paid: Charge, when: str) -> None:
    rig.wire.lose(when, REFUNDS, times=6)  # the look beforehand too
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.refund(paid.id, USD_9, key="r"))
    rig.wire.lost_nothing()
    assert loop.run(rig.pays.refund(paid.id, USD_9, key="r")).state == "succeeded"
    assert rig.twin.balance("USD") == 2000


def test_the_same_key_for_another_amount_is_refused(rig: Rig, loop: asyncio.Runner, paid: Charge) -> None:
    loop.run(rig.pays.refund(paid.id, USD_9, key="r"))
    with pytest.raises(KeyMismatch):
        loop.run(rig.pays.refund(paid.id, Money.parse("8.00"), key="r"))
    assert rig.twin.balance("USD") == 2000


def test_never_more_goes_back_than_was_charged(rig: Rig, loop: asyncio.Runner, paid: Charge) -> None:
    loop.run(rig.pays.refund(paid.id, Money.parse("20.00"), key="r1"))
    for amount in ("9.01", "29.00"):
        with pytest.raises(ProviderRefused):
            loop.run(rig.pays.refund(paid.id, Money.parse(amount), key=amount))
    loop.run(rig.pays.refund(paid.id, USD_9, key="r2"))
    with pytest.raises(ProviderRefused):
        loop.run(rig.pays.refund(paid.id, USD_9, key="r3"))
    assert rig.twin.balance("USD") == 0


def test_a_refund_made_by_another_of_us_in_the_same_moment_is_ours(
    rig: Rig, loop: asyncio.Runner, paid: Charge
) -> None:
    """Stripe has forgotten the key, and two sweeps meet: what the other made is what both report."""

    def other() -> None:
        form = {"payment_intent": paid.id, "amount": "2900", "metadata[souk_key]": "r"}
        assert rig.post(REFUNDS, form=form).status == 200

    rig.wire.while_posted(REFUNDS, other)
    back = loop.run(rig.pays.refund(paid.id, paid.amount, key="r"))
    assert (back.state, back.refunded) == ("succeeded", paid.amount)
    assert (rig.twin.balance("USD"), len(rig.listed(REFUNDS))) == (0, 1)


def test_a_page_that_was_paid_is_refunded_by_the_number_of_the_page(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    opened = loop.run(rig.pays.charge(wish(customer=kim), key=KEY))
    assert rig.fill(opened) == {}
    back = loop.run(rig.pays.refund(opened.id, USD_9, key="r"))
    assert (back.id[:3], back.state, rig.twin.balance("USD")) == ("pi_", "succeeded", 2000)


def test_an_open_page_has_nothing_to_give_back(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    opened = loop.run(rig.pays.charge(wish(customer=kim), key=KEY))
    with pytest.raises(ProviderRefused):
        loop.run(rig.pays.refund(opened.id, USD_9, key="r"))


# ---------------------------------------------------------------- saved methods


def test_a_method_is_forgotten_and_charges_no_more(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    paid = loop.run(rig.pay(wish(customer=kim)))
    assert paid.method is not None
    token = paid.method.token
    loop.run(rig.pays.forget(token))
    loop.run(rig.pays.forget(token))
    loop.run(rig.pays.forget("pm_nobody_knows"))
    with pytest.raises(ProviderRefused) as refused:
        loop.run(rig.pays.charge(wish(token=token, customer=kim), key="later"))
    assert refused.value.code == "method_unavailable"
    found = loop.run(rig.pays.find(Lookup(KEY, paid.id, None, START)))
    assert found is not None
    assert found.method is not None
    assert (found.method.last4, found.method.token) == ("4242", "")


def test_our_own_window_does_not_answer_for_the_buyer(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    opened = loop.run(rig.pays.charge(wish(customer=kim), key=KEY))
    with pytest.raises(ProviderRefused):
        loop.run(rig.pays.confirm(opened.id, approve=True))
    assert rig.twin.count_charges() == 0
