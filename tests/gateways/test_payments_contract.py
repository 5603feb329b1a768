"""What every provider promises about a payment, told to each of them: one key, one charge, whatever gets lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.api.money import Money
from services.api.types import PaymentMethod
from services.gateways.payments import (
    ACTION_REQUIRED,
    AUTHENTICATION_REQUIRED,
    AUTHORIZED,
    CANCELED,
    FAILED,
    SUCCEEDED,
    Customer,
    KeyMismatch,
    Lookup,
    ProviderRefused,
    ProviderUnreachable,
)
from tests.gateways.providers_under_test import ASKS, CASES, DECLINES, KEY, REFERENCE, Case, story
from tests.twin.paypal_rig import START

PRICE, NOTHING = Money.parse("29.00"), Money.zero()
LATER = "order-2:charge"


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def case(request: pytest.FixtureRequest, tmp_path: Path, loop: asyncio.Runner) -> Iterator[Case]:
    made: Case = request.param(tmp_path / "provider")
    loop.run(made.begin())
    yield made
    assert made.close() == []


# ---------------------------------------------------------------- pages


@story
async def test_without_a_saved_method_a_page_opens_and_nothing_is_taken(case: Case) -> None:
    charge = await case.charge()
    assert (charge.state, charge.amount, charge.key, charge.reference) == (ACTION_REQUIRED, PRICE, KEY, REFERENCE)
    assert charge.id
    assert charge.expires_at is not None
    assert charge.expires_at > START
    assert (case.taken(), case.held(), case.payments()) == (NOTHING, NOTHING, 0)
    place = urlsplit(charge.action_url).netloc
    assert ((place,) == case.pays.page_hosts) if case.pays.page_hosts else (place == "")


@story
async def test_a_page_is_found_open_and_then_paid_under_each_of_its_names(case: Case) -> None:
    opened = await case.charge()
    assert await case.find(opened) == opened
    await case.answer(opened)
    paid = await case.find(opened)
    assert (paid.state, paid.amount, paid.key, paid.reference) == (SUCCEEDED, PRICE, KEY, REFERENCE)
    assert (paid.action_url, paid.decline_code) == ("", "")
    assert await case.find(paid) == paid
    assert (await case.find("")).id == paid.id
    assert (await case.find(opened)).id == paid.id
    assert (case.taken(), case.payments()) == (PRICE, 1)


@story
async def test_what_was_given_on_a_page_is_told_and_can_be_charged_again(case: Case) -> None:
    method = (await case.paid()).method
    assert method is not None
    assert method.method is case.method
    assert method.brand
    assert method.token not in repr(method)
    again = await case.charge("5.00", token=method.token, is_attended=False, key=LATER)
    assert (again.state, again.amount, again.key) == (SUCCEEDED, Money.parse("5.00"), LATER)
    assert again.method == method
    assert (case.taken(), case.payments()) == (Money.parse("34.00"), 2)


@story
async def test_what_the_buyer_did_not_want_kept_is_not_kept(case: Case) -> None:
    paid = await case.paid(saves=False)
    assert paid.state == SUCCEEDED
    assert paid.method is None or paid.method.token == ""


@story
async def test_a_method_that_is_declined_on_a_page_takes_nothing(case: Case) -> None:
    charge = await case.paid(how=DECLINES)
    assert charge.state in (ACTION_REQUIRED, FAILED)  # the page stays open, or it was one try
    assert bool(charge.decline_code) is (charge.state == FAILED)
    assert (case.taken(), case.payments()) == (NOTHING, 0)


@story
async def test_a_page_that_was_called_off_takes_nothing(case: Case) -> None:
    opened = await case.charge()
    canceled = await case.pays.cancel(opened.id, key=f"{KEY}:cancel")
    assert (canceled.state, canceled.action_url) == (CANCELED, "")
    assert (await case.pays.cancel(opened.id, key=f"{KEY}:cancel")).state == CANCELED
    assert (case.taken(), case.payments()) == (NOTHING, 0)


@story
async def test_calling_off_what_was_paid_meanwhile_says_that_it_is_paid(case: Case) -> None:
    opened = await case.charge()
    await case.answer(opened)
    answer = await case.pays.cancel(opened.id, key=f"{KEY}:cancel")
    assert (answer.state, answer.amount) == (SUCCEEDED, PRICE)
    assert (case.taken(), case.payments()) == (PRICE, 1)


@story
async def test_a_page_that_nobody_answers_comes_to_its_end(case: Case) -> None:
    opened = await case.charge()
    case.clock.move(hours=25)
    found = await case.find(opened)
    assert (found.state, found.decline_code, found.action_url) == (CANCELED, "expired", "")
    assert (case.taken(), case.payments()) == (NOTHING, 0)


@story
async def test_opening_a_page_twice_is_one_page(case: Case) -> None:
    first, second = await case.charge(), await case.charge()
    assert (first.id, first.action_url) == (second.id, second.action_url)


# ---------------------------------------------------------------- one key, one charge


@story
async def test_the_same_key_twice_charges_once(case: Case) -> None:
    token = await case.saved()
    first, second = [await case.charge(token=token) for _ in range(2)]
    assert (first.state, first.id) == (SUCCEEDED, second.id)
    assert (case.taken(), case.payments()) == (PRICE, 1)


@story
async def test_two_keys_are_two_charges(case: Case) -> None:
    token = await case.saved()
    first, second = [await case.charge(token=token, key=key) for key in (KEY, LATER)]
    assert first.id != second.id
    assert (case.taken(), case.payments()) == (PRICE + PRICE, 2)


@story
async def test_another_amount_under_a_key_is_refused(case: Case) -> None:
    token = await case.saved()
    await case.charge(token=token)
    with pytest.raises(KeyMismatch):
        await case.charge("30.00", token=token)
    await case.charge(key=LATER)
    with pytest.raises(KeyMismatch):
        await case.charge("30.00", key=LATER)
    assert (case.taken(), case.payments()) == (PRICE, 1)


@story
async def test_fifty_charges_at_once_under_one_key_are_one(case: Case) -> None:
    token = await case.saved()
    charges = await asyncio.gather(*(case.charge(token=token) for _ in range(50)))
    assert len({charge.id for charge in charges}) == 1
    assert {charge.state for charge in charges} == {SUCCEEDED}
    assert (case.taken(), case.payments()) == (PRICE, 1)


@story
async def test_fifty_that_look_at_a_paid_page_take_once(case: Case) -> None:
    opened = await case.charge()
    await case.answer(opened)
    found = await asyncio.gather(*(case.find(opened) for _ in range(50)))
    assert len({charge.id for charge in found}) == 1
    assert (case.taken(), case.payments()) == (PRICE, 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_charge_whose_answer_is_lost_is_found_and_never_doubled(case: Case, loop: asyncio.Runner, when: str) -> None:
    loop.run(_lost_charge(case, when))


async def _lost_charge(case: Case, when: str) -> None:
    request = case.wish(token=await case.saved())
    case.lose(when, "charge")
    with pytest.raises(ProviderUnreachable):
        await case.pays.charge(request, key=KEY)
    case.lose_nothing()
    assert case.payments() == (when == "after")
    found = await case.pays.find(Lookup(KEY, "", request, START))
    if when == "after":
        assert found is not None
    assert found is None or (found.state, found.key) == (SUCCEEDED, KEY)
    again = await case.pays.charge(request, key=KEY)
    assert found is None or again.id == found.id
    assert (again.state, case.taken(), case.payments()) == (SUCCEEDED, PRICE, 1)


@story
async def test_nobody_has_heard_of_a_key_that_was_never_sent(case: Case) -> None:
    await case.paid()
    assert await case.pays.find(Lookup("order-7:charge", "", None, START)) is None


# ---------------------------------------------------------------- saved methods


@story
async def test_a_method_that_asks_its_owner_is_refused_when_nobody_is_there(case: Case) -> None:
    token = await case.saved(ASKS)
    charge = await case.charge(token=token, is_attended=False)
    assert (charge.state, charge.decline_code, charge.action_url) == (FAILED, AUTHENTICATION_REQUIRED, "")
    assert (case.taken(), case.held(), case.payments()) == (NOTHING, NOTHING, 0)


@story
async def test_a_method_that_asks_its_owner_opens_a_page_when_somebody_is_there(case: Case) -> None:
    request = case.wish(token=await case.saved(ASKS))
    charge = await case.pays.charge(request, key=KEY)
    assert charge.state == ACTION_REQUIRED
    assert charge.action_url
    assert (case.taken(), case.payments()) == (NOTHING, 0)
    await case.answer(charge)
    paid = await case.find(charge, request)
    assert (paid.state, paid.key) == (SUCCEEDED, KEY)
    assert (await case.find("", request)).id == paid.id
    assert (case.taken(), case.payments()) == (PRICE, 1)


@story
async def test_a_method_is_kept_and_checked_without_taking_anything(case: Case) -> None:
    token = await case.saved()
    checked = await case.charge("0.00", token=token, is_attended=False)
    assert (checked.state, checked.amount) == (SUCCEEDED, NOTHING)
    assert (case.taken(), case.held(), case.payments()) == (NOTHING, NOTHING, 0)


@story
async def test_a_method_is_forgotten_as_often_as_one_likes_and_charged_no_more(case: Case) -> None:
    token = await case.saved()
    for _ in range(2):
        await case.pays.forget(token)
    await case.pays.forget("never-there")
    state = ""
    with suppress(ProviderRefused):  # of the request itself: as good as a charge that failed
        state = (await case.charge(token=token, is_attended=False)).state
    assert state in ("", FAILED)
    assert (case.taken(), case.payments()) == (NOTHING, 0)


@story
async def test_each_published_card_does_what_is_published_of_it(case: Case) -> None:
    outcomes = {"pays": SUCCEEDED, "declined": FAILED, "insufficient_funds": FAILED, "needs_confirmation": FAILED}
    cards = [card for card in case.pays.test_cards if card.outcome in outcomes]
    assert bool(cards) is (PaymentMethod.CARD in case.pays.methods)
    for card in cards:
        facts = case.pays.describe(card.token)
        assert facts is not None
        assert (facts.brand, facts.last4) == (card.brand, card.last4)
        charge = await case.charge(token=card.token, is_attended=False, key=card.token)
        assert (card.outcome, charge.state) == (card.outcome, outcomes[card.outcome])
        assert bool(charge.decline_code) is (charge.state == FAILED)
    assert case.pays.describe("tok_of_nobody") is None
    assert case.payments() == sum(card.outcome == "pays" for card in cards)


@story
async def test_an_organization_is_one_customer_however_often_it_is_asked_for(case: Case) -> None:
    kim = Customer("0190bbbb", "Kim", "kim@example.com")
    first, second = [await case.pays.provide_customer(kim) for _ in range(2)]
    assert first == second
    assert bool(first) is case.pays.has_customers


# ---------------------------------------------------------------- amounts


@pytest.mark.parametrize(("amount", "currency"), [("2900", "JPY"), ("0.99", "EUR"), ("1234.56", "GBP")])
def test_amounts_arrive_to_the_smallest_coin(case: Case, loop: asyncio.Runner, amount: str, currency: str) -> None:
    async def tell() -> None:
        token = await case.saved()
        request = case.wish(amount, currency, token=token)
        charge = await case.pays.charge(request, key=KEY)
        assert (charge.state, charge.amount) == (SUCCEEDED, Money.parse(amount, currency))
        assert case.taken(currency) == charge.amount
        assert case.taken() == NOTHING

    loop.run(tell())


@story
async def test_a_hold_on_a_page_is_held_and_not_taken(case: Case) -> None:
    held = await case.paid(holds=True)
    assert (held.state, held.amount, held.key, held.reference) == (AUTHORIZED, PRICE, KEY, REFERENCE)
    assert (case.held(), case.taken()) == (PRICE, NOTHING)
    assert (await case.find(held)).state == AUTHORIZED
