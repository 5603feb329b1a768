"""Stripe charges: the gateway before the twin's Stripe. One key, one charge, whatever gets lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.api.money import Money
from services.api.types import PaymentMethod
from services.gateways.payments import CardFacts, KeyMismatch, Lookup, ProviderRefused, ProviderUnreachable
from tests.gateways.stripe_rig import ASKS, BACK, EMPTY, HOST, KEY, KIM, START, Rig, wish

INTENTS, SESSIONS = "/v1/payment_intents", "/v1/checkout/sessions"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "twin")
    yield rig
    rig.close()
    assert rig.provider.breaches == []


@pytest.fixture
def kim(rig: Rig, loop: asyncio.Runner) -> str:
    return loop.run(rig.customer())


# ---------------------------------------------------------------- a saved method


def test_a_saved_card_is_charged_without_a_page(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    charge = loop.run(rig.pays.charge(wish(token="pm_card_visa", customer=kim), key=KEY))
    assert (charge.state, charge.amount, charge.key, charge.reference, charge.action_url) == (
        "succeeded", Money.parse("29.00"), KEY, "order-1", ""
    )  # fmt: skip
    assert charge.method is not None
    assert (charge.method.method, charge.method.brand, charge.method.last4) == (PaymentMethod.CARD, "Visa", "4242")
    assert charge.refunded == Money.zero()
    assert (rig.twin.balance("USD"), rig.twin.count_charges("order-1")) == (2900, 1)


def test_what_was_used_once_pays_again(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    first = loop.run(rig.pay(wish(customer=kim)))
    assert first.method is not None
    again = loop.run(rig.pays.charge(wish(token=first.method.token, customer=kim), key="next month"))
    assert (again.state, rig.twin.balance("USD")) == ("succeeded", 5800)


def test_the_same_key_charges_once(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    request = wish(token="pm_card_visa", customer=kim)
    first = loop.run(rig.pays.charge(request, key=KEY))
    assert loop.run(rig.pays.charge(request, key=KEY)) == first
    assert (rig.twin.balance("USD"), rig.twin.count_charges()) == (2900, 1)


@pytest.mark.parametrize("other", [wish("30.00"), wish(token="pm_card_visa", holds=True), wish(currency="EUR")])
def test_the_same_key_for_something_else_is_refused(rig: Rig, loop: asyncio.Runner, kim: str, other: object) -> None:
    loop.run(rig.pays.charge(wish(token="pm_card_visa"), key=KEY))
    with pytest.raises(KeyMismatch):
        loop.run(rig.pays.charge(wish("30.00", token="pm_card_visa"), key=KEY))
    with pytest.raises(KeyMismatch):
        loop.run(rig.pays.charge(other, key=KEY))  # type: ignore[arg-type] # a ChargeRequest
    assert rig.twin.balance("USD") == 2900


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_answer_lost_once_or_twice_is_asked_for_again_and_charged_once(
    rig: Rig, loop: asyncio.Runner, kim: str, when: str
) -> None:
    rig.wire.lose(when, INTENTS, times=2)
    charge = loop.run(rig.pays.charge(wish(token="pm_card_visa", customer=kim), key=KEY))
    assert charge.state == "succeeded"
    assert rig.wire.keys(INTENTS) == [KEY, KEY, KEY]
    assert (rig.twin.balance("USD"), rig.twin.count_charges()) == (2900, 1)


@pytest.mark.parametrize(("when", "arrived"), [("before", False), ("after", True)])
def test_a_charge_whose_answer_never_came_is_found_by_its_key(
    rig: Rig, loop: asyncio.Runner, kim: str, when: str, arrived: bool
) -> None:
    request = wish(token="pm_card_visa", customer=kim)
    rig.wire.lose(when, INTENTS)
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.charge(request, key=KEY))
    rig.clock.move(days=3)  # and Stripe has forgotten the key
    found = loop.run(rig.pays.find(Lookup(KEY, "", request, START)))
    assert (found is not None) == arrived == (rig.twin.count_charges() == 1)
    assert found is None or (found.state, found.key, found.reference) == ("succeeded", KEY, "order-1")


def test_what_is_looked_for_by_key_is_found_among_hundreds_of_others(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    request = wish("1.00", token="pm_card_visa", customer=kim)

    async def many() -> None:
        for number in range(205):
            await rig.pays.charge(request, key=f"charge {number}")

    loop.run(many())
    found = loop.run(rig.pays.find(Lookup("charge 3", "", request, START)))
    assert found is not None
    assert found.key == "charge 3"
    assert loop.run(rig.pays.find(Lookup("charge 205", "", request, START))) is None


@pytest.mark.parametrize("hours", [-24, 20])
def test_a_wrong_clock_of_ours_hides_no_payment(rig: Rig, loop: asyncio.Runner, kim: str, hours: int) -> None:
    request = wish(token="pm_card_visa", customer=kim)
    charge = loop.run(rig.pays.charge(request, key=KEY))
    found = loop.run(rig.pays.find(Lookup(KEY, "", request, START + timedelta(hours=hours))))
    assert found is not None
    assert found.id == charge.id


def test_a_charge_of_another_customer_is_not_taken_for_it(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    loop.run(rig.pays.charge(wish(token="pm_card_visa", customer=kim), key=KEY))
    lookup = Lookup(KEY, "", wish(token="pm_card_visa", customer="cus_of_somebody"), START)
    assert loop.run(rig.pays.find(lookup)) is None


def test_a_key_that_stripe_has_forgotten_still_charges_once(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    request = wish(token="pm_card_visa", customer=kim)
    first = loop.run(rig.pays.charge(request, key=KEY))
    rig.clock.move(hours=30)
    rig.wire.forget_keys()
    assert loop.run(rig.pays.charge(request, key=KEY)).id == first.id
    assert (rig.twin.balance("USD"), rig.twin.count_charges()) == (2900, 1)


def test_a_page_that_was_paid_is_found_when_it_is_asked_for_again_too_late(
    rig: Rig, loop: asyncio.Runner, kim: str
) -> None:
    request = wish(customer=kim)
    paid = loop.run(rig.pay(request))
    rig.clock.move(hours=30)
    rig.wire.forget_keys()
    assert loop.run(rig.pays.charge(request, key=KEY)).id == paid.id
    never = loop.run(rig.pays.charge(request, key="never sent"))
    assert (never.state, never.decline_code, never.action_url) == ("canceled", "expired", "")


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
def test_a_decline_keeps_the_word_of_the_bank(rig: Rig, loop: asyncio.Runner, kim: str, token: str, code: str) -> None:
    request = wish(token=token, customer=kim)
    charge = loop.run(rig.pays.charge(request, key=KEY))
    assert (charge.state, charge.decline_code, charge.key, charge.reference) == ("failed", code, KEY, "order-1")
    found = loop.run(rig.find(charge, request))
    assert (found.id, found.state, found.decline_code) == (charge.id, "failed", code)
    assert loop.run(rig.pays.charge(request, key=KEY)) == charge
    assert rig.twin.balance("USD") == 0


def test_a_bank_that_wants_to_ask_gets_a_page_when_somebody_is_there(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    request = wish(token="pm_card_authenticationRequired", customer=kim)
    charge = loop.run(rig.pays.charge(request, key=KEY))
    assert (charge.state, charge.key, charge.reference) == ("action_required", KEY, "order-1")
    assert charge.id.startswith("cs_")
    given_up = rig.listed(INTENTS)
    assert [one["status"] for one in given_up] == ["canceled"]
    assert loop.run(rig.pays.charge(request, key=KEY)) == charge  # and no second page
    assert loop.run(rig.pays.find(Lookup(KEY, "", request, START))) == charge
    assert rig.fill(charge, ASKS, confirm=True) == {}
    assert loop.run(rig.find(charge, request)).state == "succeeded"
    assert (rig.twin.balance("USD"), rig.twin.count_charges("order-1")) == (2900, 1)


def test_a_bank_that_wants_to_ask_and_finds_nobody_has_refused(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    request = wish(token="pm_card_authenticationRequired", customer=kim, is_attended=False)
    charge = loop.run(rig.pays.charge(request, key=KEY))
    assert (charge.state, charge.decline_code, charge.action_url) == ("failed", "authentication_required", "")
    assert rig.wire.sent(SESSIONS) == []
    found = loop.run(rig.find(charge, request))
    assert (found.state, found.decline_code) == ("canceled", "authentication_required")


@pytest.mark.parametrize("path", [INTENTS, f"{INTENTS}/", SESSIONS])
def test_wherever_the_way_to_the_page_breaks_off_only_one_thing_can_be_paid(
    rig: Rig, loop: asyncio.Runner, kim: str, path: str
) -> None:
    request = wish(token="pm_card_authenticationRequired", customer=kim)
    rig.wire.lose("after", path)
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.charge(request, key=KEY))
    found = loop.run(rig.pays.find(Lookup(KEY, "", request, START)))
    assert found is not None
    assert found.state in ("failed", "canceled", "action_required")
    charge = loop.run(rig.pays.charge(request, key=KEY))
    assert [one["id"] for one in rig.listed(SESSIONS)] == [charge.id]
    assert rig.fill(charge, ASKS, confirm=True) == {}
    assert rig.twin.count_charges() == 1


def test_a_lost_answer_on_the_way_to_the_page_leads_to_the_same_page(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    request = wish(token="pm_card_authenticationRequired", customer=kim)
    rig.wire.lose("after", SESSIONS)
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.charge(request, key=KEY))
    charge = loop.run(rig.pays.charge(request, key=KEY))
    assert [one["id"] for one in rig.listed(SESSIONS)] == [charge.id]


def test_nothing_to_pay_keeps_the_card_and_charges_nothing(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    request = wish("0.00", "EUR", token="pm_card_mastercard", customer=kim)
    charge = loop.run(rig.pays.charge(request, key=KEY))
    assert (charge.state, charge.amount, charge.key) == ("succeeded", Money.zero("EUR"), KEY)
    assert charge.method is not None
    assert (charge.method.brand, charge.method.last4, charge.method.token[:3]) == ("Mastercard", "4444", "pm_")
    assert loop.run(rig.find(charge, request)) == charge
    assert loop.run(rig.pays.find(Lookup(KEY, "", request, START))) == charge
    assert rig.twin.count_charges() == 0


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("29.00", "USD", "2900"), ("1200", "JPY", "1200"), ("1.500", "KWD", "1500"), ("0.50", "EUR", "50")],
)
def test_amounts_are_sent_in_the_smallest_unit_of_their_currency(
    rig: Rig, loop: asyncio.Runner, kim: str, amount: str, currency: str, minor: str
) -> None:
    request = wish(amount, currency, token="pm_card_visa", customer=kim)
    charge = loop.run(rig.pays.charge(request, key=KEY))
    assert charge.amount == Money.parse(amount, currency)
    [sent] = rig.wire.sent(INTENTS)
    assert (sent["amount"], sent["currency"]) == (minor, currency.lower())


def test_part_of_a_cent_is_never_sent(rig: Rig, loop: asyncio.Runner) -> None:
    with pytest.raises(ValueError, match="whole minor units"):
        loop.run(rig.pays.charge(wish("0.008", token="pm_card_visa"), key=KEY))
    assert rig.wire.sent(INTENTS) == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (wish("0.10", token="pm_card_visa"), "amount_too_small"),
        (wish("0.10"), "amount_too_small"),
        (wish("2000000.00", token="pm_card_visa"), "amount_too_large"),
        (wish(customer="cus_nobody_knows"), "request_invalid"),
        (wish(method=PaymentMethod.BANK, currency="JPY", amount="1200"), "currency_unsupported"),
    ],
)
def test_what_stripe_would_not_take_is_refused_in_our_words(
    rig: Rig, loop: asyncio.Runner, request_: object, code: str
) -> None:
    with pytest.raises(ProviderRefused) as refused:
        loop.run(rig.pays.charge(request_, key=KEY))  # type: ignore[arg-type] # a ChargeRequest
    assert refused.value.code == code
    assert rig.twin.count_charges() == 0


# ---------------------------------------------------------------- a page


def test_a_charge_without_a_saved_method_opens_a_page_and_takes_nothing(
    rig: Rig, loop: asyncio.Runner, kim: str
) -> None:
    charge = loop.run(rig.pays.charge(wish(customer=kim), key=KEY))
    assert (charge.state, charge.amount, charge.key, charge.reference, charge.expires_at) == (
        "action_required", Money.parse("29.00"), KEY, "order-1", START + timedelta(days=1)
    )  # fmt: skip
    assert urlsplit(charge.action_url).netloc in rig.pays.page_hosts == (HOST,)
    assert rig.twin.count_charges() == 0
    assert loop.run(rig.find(charge)) == charge


def test_a_page_leads_back_with_its_number_and_to_our_row(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    loop.run(rig.pays.charge(wish(customer=kim), key=KEY))
    loop.run(rig.pays.charge(wish(customer=kim, return_url=""), key="another"))
    sent, other = rig.wire.sent(SESSIONS)
    assert sent["success_url"] == f"{BACK}&session={{CHECKOUT_SESSION_ID}}"
    assert sent["cancel_url"] == f"{BACK}&canceled=1"
    assert other["success_url"] == "http://127.0.0.1:9/default?session={CHECKOUT_SESSION_ID}"
    for place in ("metadata", "payment_intent_data[metadata]"):
        assert (sent[f"{place}[souk_key]"], sent[f"{place}[souk_reference]"]) == (KEY, "order-1")
    assert (sent["client_reference_id"], sent["customer"]) == ("order-1", kim)
    assert rig.wire.keys(SESSIONS) == [KEY, "another"]


@pytest.mark.parametrize(
    ("method", "currency", "kind"),
    [
        (PaymentMethod.CARD, "USD", "card"),
        (PaymentMethod.BANK, "USD", "us_bank_account"),
        (PaymentMethod.BANK, "EUR", "sepa_debit"),
    ],
)
def test_a_page_offers_only_what_was_chosen(
    rig: Rig, loop: asyncio.Runner, kim: str, method: PaymentMethod, currency: str, kind: str
) -> None:
    loop.run(rig.pays.charge(wish(customer=kim, method=method, currency=currency, holds=True), key=KEY))
    [sent] = rig.wire.sent(SESSIONS)
    assert [value for name, value in sent.items() if name.startswith("allowed_payment")] == [kind]
    held = sent.get("payment_intent_data[capture_method]")
    assert held == ("manual" if method is PaymentMethod.CARD else None)  # a debit cannot be held


def test_a_page_that_was_paid_becomes_the_payment(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    opened = loop.run(rig.pays.charge(wish(customer=kim), key=KEY))
    assert rig.fill(opened) == {}
    paid = loop.run(rig.find(opened))
    assert (paid.state, paid.id[:3], paid.key, paid.reference) == ("succeeded", "pi_", KEY, "order-1")
    assert paid.method is not None
    assert paid.method.token.startswith("pm_")
    assert loop.run(rig.find(paid)) == paid == loop.run(rig.find("", wish(customer=kim)))
    assert rig.twin.balance("USD") == 2900


def test_a_method_that_shall_not_be_kept_cannot_be_charged_again(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    paid = loop.run(rig.pay(wish(customer=kim, saves=False)))
    assert paid.method is not None
    assert (paid.method.last4, paid.method.token) == ("4242", "")


def test_a_refused_card_leaves_the_page_open_for_another(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    opened = loop.run(rig.pays.charge(wish(customer=kim), key=KEY))
    assert rig.fill(opened, EMPTY) != {}
    assert loop.run(rig.find(opened)) == opened
    assert rig.fill(opened) == {}
    assert loop.run(rig.find(opened)).state == "succeeded"
    assert rig.twin.count_charges("order-1") == 1


def test_a_page_left_open_too_long_is_over(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    opened = loop.run(rig.pays.charge(wish(customer=kim), key=KEY))
    rig.clock.move(hours=25)
    over = loop.run(rig.find(opened))
    assert (over.state, over.decline_code, over.key, over.reference) == ("canceled", "expired", KEY, "order-1")


def test_a_page_ends_when_we_said_it_would(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    until = START + timedelta(hours=2)
    opened = loop.run(rig.pays.charge(wish(customer=kim, page_until=until), key=KEY))
    assert opened.expires_at == until
    unsaid = loop.run(rig.pays.charge(wish(customer=kim, page_until=None), key="another"))
    assert unsaid.expires_at == START + timedelta(days=1)
    rig.clock.move(hours=2, seconds=1)
    assert loop.run(rig.find(opened)).state == "canceled"
    assert loop.run(rig.find(unsaid)).state == "action_required"


def test_a_page_that_was_opened_and_never_heard_of_is_found_by_its_key(
    rig: Rig, loop: asyncio.Runner, kim: str
) -> None:
    request = wish(customer=kim)
    rig.wire.lose("after", SESSIONS)
    with pytest.raises(ProviderUnreachable):
        loop.run(rig.pays.charge(request, key=KEY))
    found = loop.run(rig.find("", request))
    assert (found.state, found.action_url[:8]) == ("action_required", "http://1")
    assert loop.run(rig.pays.charge(request, key=KEY)).id == found.id


def test_a_page_with_nothing_to_pay_keeps_the_card(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    request = wish("0.00", "EUR", customer=kim)
    kept = loop.run(rig.pay(request))
    assert (kept.state, kept.id[:5], kept.amount, kept.key) == ("succeeded", "seti_", Money.zero("EUR"), KEY)
    assert kept.method is not None
    assert (kept.method.last4, kept.method.token[:3]) == ("4242", "pm_")
    assert rig.twin.count_charges() == 0
    [sent] = rig.wire.sent(SESSIONS)
    assert sent["setup_intent_data[metadata][souk_key]"] == KEY


def test_a_bank_debit_takes_days_and_then_is_paid(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    under_way = loop.run(rig.pay(wish(customer=kim, method=PaymentMethod.BANK), bank="pays"))
    assert (under_way.state, under_way.id[:3], under_way.key) == ("processing", "pi_", KEY)
    assert under_way.method is not None
    assert (under_way.method.method, under_way.method.last4) == (PaymentMethod.BANK, "6789")
    rig.clock.move(days=5)
    assert loop.run(rig.find(under_way)).state == "succeeded"
    assert rig.twin.balance("USD") == 2900


def test_a_bank_debit_may_fail_days_later(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    under_way = loop.run(rig.pay(wish(customer=kim, method=PaymentMethod.BANK), bank="fails"))
    assert under_way.state == "processing"
    rig.clock.move(days=5)
    failed = loop.run(rig.find(under_way))
    assert (failed.state, failed.decline_code) == ("failed", "insufficient_funds")
    assert rig.twin.balance("USD") == 0


def test_a_saved_bank_account_is_debited_without_a_page_and_never_held(
    rig: Rig, loop: asyncio.Runner, kim: str
) -> None:
    first = loop.run(rig.pay(wish(customer=kim, method=PaymentMethod.BANK), bank="pays"))
    assert first.method is not None
    request = wish(customer=kim, method=PaymentMethod.BANK, token=first.method.token, holds=True)
    charge = loop.run(rig.pays.charge(request, key="next month"))
    assert (charge.state, charge.action_url) == ("processing", "")
    rig.clock.move(days=5)
    assert loop.run(rig.find(charge, key="next month")).state == "succeeded"
    assert rig.twin.balance("USD") == 5800


def test_what_nobody_ever_made_is_not_found(rig: Rig, loop: asyncio.Runner) -> None:
    for charge_id in ("cs_test_nothing", "pi_nothing", "seti_nothing", ""):
        assert loop.run(rig.pays.find(Lookup(KEY, charge_id, wish(), START))) is None


# ---------------------------------------------------------------- who pays


def test_a_customer_is_made_once_and_a_new_name_is_no_mismatch(rig: Rig, loop: asyncio.Runner) -> None:
    first = loop.run(rig.customer())
    assert loop.run(rig.customer()) == first
    renamed = loop.run(rig.pays.provide_customer(type(KIM)(KIM.organization_uuid, "Kim Ltd", KIM.email)))
    assert renamed.startswith("cus_")
    nameless = loop.run(rig.pays.provide_customer(type(KIM)("0190bbbb", "", "")))
    assert len({first, renamed, nameless}) == 3


def test_published_cards_are_offered_and_described(rig: Rig) -> None:
    outcomes = {card.token: card.outcome for card in rig.pays.test_cards}
    assert outcomes == {
        "pm_card_visa": "pays",
        "pm_card_mastercard": "pays",
        "pm_card_chargeDeclined": "declined",
        "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
        "pm_card_authenticationRequired": "needs_confirmation",
    }
    assert rig.pays.describe("pm_card_visa") == CardFacts("Visa", "4242", 12, 2034)
    assert rig.pays.describe("pm_real") is None


def test_every_published_card_does_what_is_said_of_it(rig: Rig, loop: asyncio.Runner, kim: str) -> None:
    said = {"pays": "succeeded", "declined": "failed", "insufficient_funds": "failed",
            "needs_confirmation": "action_required"}  # fmt: skip
    for card in rig.pays.test_cards:
        charge = loop.run(rig.pays.charge(wish(token=card.token, customer=kim), key=card.token))
        assert charge.state == said[card.outcome]
        assert charge.method is None or charge.method.last4 == card.last4
