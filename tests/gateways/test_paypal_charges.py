"""PayPal charges: the gateway before the twin's PayPal. One key, one charge, whatever gets lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.api.money import Money
from services.api.types import PaymentMethod
from services.gateways.payments import (
    Charge,
    Customer,
    KeyMismatch,
    Lookup,
    Payments,
    ProviderRefused,
    ProviderUnreachable,
)
from tests.twin.paypal_rig import BACK, KEY, START, Rig, wish


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()
    assert rig.twin.breaches == []


def run_find(loop: asyncio.Runner, rig: Rig, lookup: Lookup) -> Charge:
    found = loop.run(rig.pays.find(lookup))
    assert found is not None
    return found


# ---------------------------------------------------------------- a page


def test_a_charge_without_a_saved_account_opens_a_page_and_takes_nothing(rig: Rig, loop: asyncio.Runner) -> None:
    charge = loop.run(rig.pays.charge(wish(), key=KEY))
    assert (charge.state, charge.amount, charge.key, charge.reference) == (
        "action_required", Money.parse("29.00"), KEY, "order-1"
    )  # fmt: skip
    assert charge.id.startswith("order:")
    assert charge.action_url.startswith("http://127.0.0.1:8742/paypal/checkoutnow?token=")
    assert charge.expires_at == START + timedelta(hours=3)
    assert rig.twin.count_captures() == 0


def test_a_page_agreed_to_is_taken_when_it_is_looked_for(rig: Rig, loop: asyncio.Runner) -> None:
    charge = loop.run(rig.pay())
    assert charge.state == "succeeded"
    assert charge.id.startswith("capture:")
    assert charge.method is not None
    assert (charge.method.method, charge.method.brand, charge.method.email) == (
        PaymentMethod.PAYPAL, "PayPal", "kim@example.com"
    )  # fmt: skip
    assert charge.method.token
    assert (rig.twin.balance("USD"), rig.twin.count_captures("order-1")) == (2900, 1)


def test_an_account_that_shall_not_be_kept_is_not(rig: Rig, loop: asyncio.Runner) -> None:
    charge = loop.run(rig.pay(request=wish(saves=False)))
    assert charge.method is not None
    assert charge.method.token == ""


def test_a_page_not_answered_still_waits(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    assert run_find(loop, rig, Lookup(KEY, opened.id, wish(), START)) == opened


def test_the_same_key_brings_the_same_page(rig: Rig, loop: asyncio.Runner) -> None:
    first = loop.run(rig.pays.charge(wish(), key=KEY))
    assert loop.run(rig.pays.charge(wish(), key=KEY)) == first


@pytest.mark.parametrize("other", [wish("30.00"), wish(holds=True), wish(token="0123456789")])
def test_the_same_key_for_something_else_is_refused(rig: Rig, loop: asyncio.Runner, other: object) -> None:
    loop.run(rig.pays.charge(wish(), key=KEY))
    with pytest.raises(KeyMismatch):
        loop.run(rig.pays.charge(other, key=KEY))  # type: ignore[arg-type] # a ChargeRequest


def test_a_page_ends_after_three_hours(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    rig.clock.move(hours=3)
    found = run_find(loop, rig, Lookup(KEY, opened.id, wish(), START))
    assert (found.state, found.decline_code) == ("canceled", "expired")


def test_a_page_ends_when_we_said_it_would_and_a_later_yes_takes_nothing(rig: Rig, loop: asyncio.Runner) -> None:
    request = wish(page_until=START + timedelta(minutes=30))
    opened = loop.run(rig.pays.charge(request, key=KEY))
    assert opened.expires_at == START + timedelta(minutes=30)
    rig.clock.move(minutes=31)
    lookup = Lookup(KEY, opened.id, request, START)
    assert run_find(loop, rig, lookup).state == "canceled"
    rig.agree(opened)
    assert run_find(loop, rig, lookup).state == "canceled"
    assert rig.twin.count_captures() == 0


def test_a_yes_in_time_counts_however_late_it_is_seen(rig: Rig, loop: asyncio.Runner) -> None:
    request = wish(page_until=START + timedelta(minutes=30))
    opened = loop.run(rig.pays.charge(request, key=KEY))
    rig.clock.move(minutes=29)
    rig.agree(opened)
    rig.clock.move(days=2)
    assert run_find(loop, rig, Lookup(KEY, opened.id, request, START)).state == "succeeded"


@pytest.mark.parametrize("holds", [False, True])
def test_a_yes_to_what_is_over_is_left_to_lapse(rig: Rig, loop: asyncio.Runner, holds: bool) -> None:
    request = wish(holds=holds)
    opened = loop.run(rig.pays.charge(request, key=KEY))
    assert loop.run(rig.pays.cancel(opened.id, key="over")).state == "canceled"
    rig.agree(opened)
    only_looks = Lookup(KEY, opened.id, request, START, takes=False)
    for _ in range(2):
        assert run_find(loop, rig, only_looks).state == "canceled"
    assert (rig.twin.count_captures(), rig.twin.balance("USD"), rig.twin.held("USD")) == (0, 0, 0)


def test_what_was_taken_all_the_same_is_seen_by_who_only_looks(rig: Rig, loop: asyncio.Runner) -> None:
    paid = loop.run(rig.pay())
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    for charge_id in (paid.id, opened.id, ""):
        found = run_find(loop, rig, Lookup(KEY, charge_id, wish(), START, takes=False))
        assert (found.state, found.id) == ("succeeded", paid.id)


def test_who_only_looks_sends_nothing(rig: Rig, loop: asyncio.Runner) -> None:
    assert loop.run(rig.pays.find(Lookup(KEY, "", wish(), START, takes=False))) is None
    assert "POST /v2/checkout/orders" not in rig.wire.asked


def test_an_order_that_cannot_be_seen_yet_is_not_called_over(rig: Rig, loop: asyncio.Runner) -> None:
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.find(Lookup(KEY, "order:NOTYETTHERE000000", wish(), START)))


def test_a_decline_after_the_yes_charges_nothing(rig: Rig, loop: asyncio.Runner) -> None:
    charge = loop.run(rig.pay("declines"))
    assert (charge.state, charge.decline_code) == ("failed", "INSTRUMENT_DECLINED")
    assert rig.twin.count_captures() == 0


@pytest.mark.parametrize(("is_well", "state"), [(True, "succeeded"), (False, "failed")])
def test_a_payment_looked_at_is_under_way_until_it_is_decided(
    rig: Rig, loop: asyncio.Runner, is_well: bool, state: str
) -> None:
    charge = loop.run(rig.pay("review"))
    assert charge.state == "processing"
    assert rig.twin.balance("USD") == 0
    rig.twin.clear_capture(charge.id.partition(":")[2], is_well=is_well)
    assert run_find(loop, rig, Lookup(KEY, charge.id)).state == state


def test_a_currency_without_cents_is_sent_without(rig: Rig, loop: asyncio.Runner) -> None:
    charge = loop.run(rig.pay(request=wish("2900", "JPY")))
    assert charge.amount == Money.parse("2900", "JPY")
    assert rig.twin.balance("JPY") == 2900


def test_where_nothing_else_is_said_the_page_leads_to_the_default(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    response = rig.answer(opened.action_url, answer="cancel")
    assert response.headers["location"].startswith(f"{BACK}&canceled=1&token=")


# ---------------------------------------------------------------- a saved account


def saved(rig: Rig, loop: asyncio.Runner, funding: str = "balance") -> str:
    method = loop.run(rig.pay(funding, key="first")).method
    assert method is not None
    return method.token


def test_a_saved_account_is_charged_at_once(rig: Rig, loop: asyncio.Runner) -> None:
    token = saved(rig, loop)
    charge = loop.run(rig.pays.charge(wish("5.00", token=token, is_attended=False), key="second"))
    assert (charge.state, charge.amount, charge.key) == ("succeeded", Money.parse("5.00"), "second")
    assert charge.method is not None
    assert charge.method.token == token
    assert rig.twin.balance("USD") == 3400


def test_fifty_charges_with_one_key_are_one_charge(rig: Rig, loop: asyncio.Runner) -> None:
    token = saved(rig, loop)

    async def all_at_once() -> list[Charge]:
        return await asyncio.gather(*(rig.pays.charge(wish("5.00", token=token), key="second") for _ in range(50)))

    charges = loop.run(all_at_once())
    assert len({charge.id for charge in charges}) == 1
    assert rig.twin.balance("USD") == 3400


def test_a_saved_account_whose_owner_must_be_asked_opens_a_page(rig: Rig, loop: asyncio.Runner) -> None:
    token = saved(rig, loop, "asks")
    charge = loop.run(rig.pays.charge(wish("5.00", token=token), key="second"))
    assert charge.state == "action_required"
    rig.agree(charge)
    assert run_find(loop, rig, Lookup("second", charge.id, wish("5.00", token=token), START)).state == "succeeded"


def test_a_saved_account_whose_owner_is_away_is_refused_instead(rig: Rig, loop: asyncio.Runner) -> None:
    token = saved(rig, loop, "asks")
    charge = loop.run(rig.pays.charge(wish("5.00", token=token, is_attended=False), key="second"))
    assert (charge.state, charge.decline_code) == ("failed", "authentication_required")


def test_a_saved_account_can_be_held_and_taken(rig: Rig, loop: asyncio.Runner) -> None:
    token = saved(rig, loop)
    hold = loop.run(rig.pays.charge(wish("5.00", token=token, holds=True), key="second"))
    assert hold.state == "authorized"
    assert loop.run(rig.pays.capture(hold.id, key="take")).state == "succeeded"


def test_an_account_that_is_gone_is_a_refusal_that_can_be_asked_for_again(rig: Rig, loop: asyncio.Runner) -> None:
    charge = loop.run(rig.pays.charge(wish(token="never-saved"), key=KEY))
    assert (charge.state, charge.decline_code) == ("failed", "TOKEN_ID_NOT_FOUND")
    again = run_find(loop, rig, Lookup(KEY, charge.id))
    assert (again.state, again.decline_code) == ("failed", "TOKEN_ID_NOT_FOUND")


def test_a_forgotten_account_cannot_be_charged_and_is_forgotten_twice(rig: Rig, loop: asyncio.Runner) -> None:
    token = saved(rig, loop)
    loop.run(rig.pays.forget(token))
    loop.run(rig.pays.forget(token))
    assert loop.run(rig.pays.charge(wish(token=token), key="second")).state == "failed"


def test_an_account_is_saved_without_a_payment(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish("0.00"), key=KEY))
    assert (opened.state, opened.id.partition(":")[0]) == ("action_required", "setup")
    rig.agree(opened)
    lookup = Lookup(KEY, opened.id, wish("0.00"), START)
    kept = run_find(loop, rig, lookup)
    assert kept.state == "succeeded"
    assert kept.method is not None
    assert kept.method.email == "kim@example.com"
    rig.clock.move(hours=10)  # no Request-Id is remembered any more
    assert run_find(loop, rig, lookup).method == kept.method
    charge = loop.run(rig.pays.charge(wish("0.00", token=kept.method.token), key="check"))
    assert (charge.state, rig.twin.count_captures()) == ("succeeded", 0)


def test_an_account_agreed_to_when_it_is_over_is_not_kept(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish("0.00"), key=KEY))
    rig.agree(opened)
    found = run_find(loop, rig, Lookup(KEY, opened.id, wish("0.00"), START, takes=False))
    assert (found.state, found.method) == ("canceled", None)


def test_an_account_not_saved_in_time_is_over(rig: Rig, loop: asyncio.Runner) -> None:
    request = wish("0.00", page_until=START + timedelta(hours=1))
    opened = loop.run(rig.pays.charge(request, key=KEY))
    rig.clock.move(hours=1)
    assert run_find(loop, rig, Lookup(KEY, opened.id, request, START)).state == "canceled"
    rig.clock.move(days=3)
    assert run_find(loop, rig, Lookup(KEY, opened.id, request, START)).state == "canceled"


# ---------------------------------------------------------------- what gets lost


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["/v1/oauth2/token", "/v2/checkout/orders"])
def test_an_answer_that_is_lost_once_is_asked_for_again(rig: Rig, loop: asyncio.Runner, when: str, call: str) -> None:
    rig.wire.lose(when, call, times=2)
    assert loop.run(rig.pay()).state == "succeeded"
    assert rig.twin.count_captures() == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_charge_without_an_answer_is_found_by_its_key(rig: Rig, loop: asyncio.Runner, when: str) -> None:
    token = saved(rig, loop)
    request = wish("5.00", token=token)
    rig.wire.lose(when, "/v2/checkout/orders", times=3)
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.charge(request, key="second"))
    rig.clock.move(hours=4)
    found = run_find(loop, rig, Lookup("second", "", request, START))
    assert (found.state, found.key) == ("succeeded", "second")
    assert rig.twin.balance("USD") == 3400


def test_a_lost_capture_takes_once(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    rig.agree(opened)
    path = f"/v2/checkout/orders/{opened.id.partition(':')[2]}/capture"
    rig.wire.lose("after", path, times=3)
    lookup = Lookup(KEY, opened.id, wish(), START)
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.find(lookup))
    rig.clock.move(days=1)
    assert run_find(loop, rig, lookup).state == "succeeded"
    assert rig.twin.count_captures() == 1


def test_every_step_keeps_its_request_id_from_one_day_to_the_next(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    setup = loop.run(rig.pays.charge(wish("0.00"), key="setup"))
    rig.agree(opened)
    rig.agree(setup)
    own = setup.id.partition(":")[2]
    for charge in (opened, setup):
        rig.wire.lose("before", f"/v2/checkout/orders/{charge.id.partition(':')[2]}/capture", times=3)
        rig.wire.lose("before", "/v3/vault/payment-tokens", times=3)
        with pytest.raises(ProviderUnreachable):
            loop.run(rig.pays.find(Lookup("", charge.id, None, START)))
        rig.clock.move(hours=1)
        assert run_find(loop, rig, Lookup("", charge.id, None, START)).state == "succeeded"
        rig.wire.lost_nothing()
    assert rig.wire.request_ids.count(f"{KEY}:capture") == 4
    assert rig.wire.request_ids.count(f"setup-{own}:token") == 4


def test_many_that_look_at_once_take_once(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    rig.agree(opened)

    async def all_at_once() -> list[Charge | None]:
        return await asyncio.gather(*(rig.pays.find(Lookup(KEY, opened.id, wish(), START)) for _ in range(20)))

    assert {charge.id for charge in loop.run(all_at_once()) if charge} == {
        run_find(loop, rig, Lookup(KEY, opened.id)).id
    }
    assert rig.twin.count_captures() == 1


def test_long_after_a_saved_account_was_charged_the_events_know_it(rig: Rig, loop: asyncio.Runner) -> None:
    token = saved(rig, loop)
    request = wish("5.00", token=token)
    rig.wire.lose("after", "/v2/checkout/orders", times=3)
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.charge(request, key="second"))
    rig.clock.move(days=10)
    found = run_find(loop, rig, Lookup("second", "", request, START))
    assert (found.state, found.amount) == ("succeeded", Money.parse("5.00"))
    assert rig.twin.balance("USD") == 3400


def test_long_after_a_charge_that_never_arrived_is_none_when_events_are_kept(rig: Rig, loop: asyncio.Runner) -> None:
    token = saved(rig, loop)
    request = wish("5.00", token=token)
    rig.clock.move(hours=6)
    assert loop.run(rig.pays.find(Lookup("second", "", request, START))) is None
    assert rig.twin.count_captures() == 1


def test_the_invoice_number_stops_a_second_charge_when_the_key_is_forgotten(rig: Rig, loop: asyncio.Runner) -> None:
    token = saved(rig, loop)
    request = wish("5.00", token=token)
    charge = loop.run(rig.pays.charge(request, key="second"))
    rig.clock.move(hours=7)
    assert loop.run(rig.pays.charge(request, key="second")).id == charge.id
    assert rig.twin.balance("USD") == 3400


def test_a_key_that_is_not_good_is_said_when_charging_and_no_news_when_looking(rig: Rig, loop: asyncio.Runner) -> None:
    pays = rig.gateway(secret="revoked")
    with pytest.raises(ProviderRefused) as refusal:
        loop.run(pays.charge(wish(), key=KEY))
    assert refusal.value.code == "key_invalid"
    with pytest.raises(ProviderUnreachable):
        loop.run(pays.find(Lookup(KEY, "order:ANYTHING000000000", wish(), START)))


def test_an_access_token_withdrawn_is_replaced(rig: Rig, loop: asyncio.Runner) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    rig.twin.withdraw_access()
    assert run_find(loop, rig, Lookup(KEY, opened.id)).state == "action_required"
    assert rig.wire.asked.count("POST /v1/oauth2/token") == 2


def test_an_access_token_is_fetched_once_and_again_before_it_ends(rig: Rig, loop: asyncio.Runner) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(rig.pays.charge(wish(), key=f"key-{number}") for number in range(10)))

    loop.run(all_at_once())
    assert rig.wire.asked.count("POST /v1/oauth2/token") == 1
    rig.clock.move(hours=9, minutes=-1)
    loop.run(rig.pays.charge(wish(), key="later"))
    assert rig.wire.asked.count("POST /v1/oauth2/token") == 2


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_a_paypal_that_is_busy_is_asked_three_times_with_one_request_id(
    rig: Rig, loop: asyncio.Runner, status: int
) -> None:
    for _ in range(2):
        rig.twin.busy_next("/v2/checkout/orders", status=status)
    assert loop.run(rig.pays.charge(wish(), key=KEY)).state == "action_required"
    assert [found for found in rig.wire.request_ids if found] == [KEY] * 3
    for _ in range(3):
        rig.twin.busy_next("/v2/checkout/orders", status=status)
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.charge(wish(), key=KEY))


@pytest.mark.parametrize(("when", "captures"), [("before", 0), ("after", 1)])
def test_the_twin_can_lose_an_answer_before_or_after_its_effect(
    rig: Rig, loop: asyncio.Runner, when: str, captures: int
) -> None:
    opened = loop.run(rig.pays.charge(wish(), key=KEY))
    rig.agree(opened)
    rig.twin.lose_next(when, f"/v2/checkout/orders/{opened.id.partition(':')[2]}/capture", times=3)
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.find(Lookup(KEY, opened.id, wish(), START)))
    assert rig.twin.count_captures() == captures
    assert run_find(loop, rig, Lookup(KEY, opened.id, wish(), START)).state == "succeeded"
    assert rig.twin.count_captures() == 1


def test_a_saved_account_that_was_looked_at_is_found_again(rig: Rig, loop: asyncio.Runner) -> None:
    token = saved(rig, loop)
    request = wish("0.00", token=token)
    assert run_find(loop, rig, Lookup("check", "", request, START)).state == "succeeded"
    charge = loop.run(rig.pays.charge(request, key="check"))
    assert run_find(loop, rig, Lookup("check", charge.id, request, START)) == charge
    loop.run(rig.pays.forget(token))
    assert run_find(loop, rig, Lookup("check", charge.id, request, START)).state == "failed"


def test_two_pages_under_one_key_are_paid_once(rig: Rig, loop: asyncio.Runner) -> None:
    first = loop.run(rig.pays.charge(wish(), key=KEY))
    rig.clock.move(hours=6)  # the first page has ended and its Request-Id is forgotten
    second = loop.run(rig.pays.charge(wish(), key=KEY))
    assert second.id != first.id
    rig.agree(second)
    paid = run_find(loop, rig, Lookup(KEY, second.id))
    rig.clock.move(hours=7)
    third = loop.run(rig.pays.charge(wish(), key=KEY))
    rig.agree(third)
    assert run_find(loop, rig, Lookup(KEY, third.id)).id == paid.id
    assert rig.twin.count_captures() == 1


def test_what_it_is_and_has_not(rig: Rig, loop: asyncio.Runner) -> None:
    pays = rig.pays
    assert (pays.name, pays.is_test_mode, pays.methods, pays.test_cards) == (
        "paypal",
        True,
        (PaymentMethod.PAYPAL,),
        (),
    )
    assert (pays.page_hosts, pays.has_customers, pays.describe("any")) == (("127.0.0.1:8742",), False, None)
    assert loop.run(pays.provide_customer(Customer("org", "Kim", "kim@example.com"))) == ""
    provider: Payments = pays  # the type checker sees that it is one
    assert provider.name == "paypal"


def test_a_key_of_any_length_is_one_charge(rig: Rig, loop: asyncio.Runner) -> None:
    key = "k" * 300
    loop.run(rig.pay(key=key))
    assert loop.run(rig.pays.charge(wish(), key=key)).state == "succeeded"
    assert rig.twin.count_captures() == 1
