"""The twin's Stripe as the official client meets it: charges, declines, keys, holds, refunds, lists."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.twin.stripe_rig import DAY, Rig, text_of

pytestmark = pytest.mark.loopback

DECLINES = [
    ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
    ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
    ("pm_card_chargeDeclinedLostCard", "card_declined", "lost_card"),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
    ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
]


def test_a_card_is_charged_and_the_money_is_there(rig: Rig) -> None:
    paid = rig.charge(expand=["latest_charge", "payment_method"], metadata={"souk_reference": "order-1"})
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 2900)
    assert (paid["latest_charge"]["captured"], paid["payment_method"]["card"]["last4"]) == (True, "4242")
    assert (rig.stripe.balance("USD"), rig.stripe.count_charges("order-1"), rig.stripe.count_charges("x")) == (
        2900,
        1,
        0,
    )
    assert rig.event_types() == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


@pytest.mark.parametrize(("token", "code", "decline_code"), DECLINES)
def test_a_decline_says_why_and_leaves_its_payment_behind(rig: Rig, token: str, code: str, decline_code: str) -> None:
    error = rig.refused(rig.charging(token))
    told = error.json_body["error"]
    assert (error.http_status, told["type"], told["code"], told["decline_code"]) == (
        402, "card_error", code, decline_code,
    )  # fmt: skip
    kept = rig.intent(told["payment_intent"]["id"])
    assert (kept["status"], kept["payment_method"]) == ("requires_payment_method", None)
    assert kept["last_payment_error"]["decline_code"] == decline_code
    assert (rig.stripe.balance("usd"), rig.stripe.count_charges()) == (0, 0)


def test_a_card_works_to_the_end_of_its_month_and_is_refused_after(rig: Rig) -> None:
    kim = rig.customer()
    session = rig.session(customer=kim)
    rig.pay(session, expiry="12 / 26")
    token = rig.read(session, "payment_intent")["payment_intent"]["payment_method"]
    rig.clock.at = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    assert rig.charge(token, customer=kim)["status"] == "succeeded"
    rig.clock.move(minutes=1)
    told = rig.refused(rig.charging(token, key="b", customer=kim)).json_body["error"]
    assert (told["type"], told["code"], told["decline_code"]) == ("card_error", "expired_card", "expired_card")
    late = rig.session(key="late", customer=kim)
    assert "Your card has expired." in text_of(rig.fill(late["url"], way=token))
    assert rig.stripe.count_charges() == 2


def test_a_key_brings_the_same_answer_within_a_day_and_is_forgotten_after(rig: Rig) -> None:
    first, again = rig.charge(), rig.charge()
    assert (first["id"], rig.stripe.count_charges()) == (again["id"], 1)
    assert rig.refused(rig.charging(amount=3000)).json_body["error"]["type"] == "idempotency_error"
    rig.clock.move(hours=25)
    assert rig.charge()["id"] != first["id"]


def test_a_decline_is_remembered_like_any_answer(rig: Rig) -> None:
    one, two = (rig.refused(rig.charging("pm_card_chargeDeclined")) for _ in range(2))
    assert one.json_body["error"]["payment_intent"]["id"] == two.json_body["error"]["payment_intent"]["id"]
    assert two.headers["idempotent-replayed"] == "true"
    assert len(rig.ask(rig.v1.payment_intents.list_async({}))["data"]) == 1


def test_what_was_refused_for_its_form_was_never_begun(rig: Rig) -> None:
    assert rig.refused(rig.charging(amount=49)).code == "amount_too_small"
    assert rig.charge(amount=50)["amount"] == 50


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 49, "currency": "jpy"}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"currency": "zzz"}, None, "currency"),
        ({"amount": 1235, "currency": "kwd"}, None, "amount"),
        ({"payment_method": "pm_of_nobody"}, "resource_missing", "payment_method"),
        ({"customer": "cus_of_nobody"}, "resource_missing", "customer"),
    ],
)
def test_what_stripe_does_not_charge_is_refused(rig: Rig, more: dict[str, Any], code: str | None, param: str) -> None:
    error = rig.refused(rig.charging(**more))
    assert (error.http_status, error.code, error.param) == (400, code, param)
    assert rig.ask(rig.v1.payment_intents.list_async({}))["data"] == []


def test_a_parameter_that_stripe_does_not_know_is_refused_and_written_down(rig: Rig) -> None:
    error = rig.refused(rig.charging(payment_method_types=["card"]))
    assert (error.code, error.param) == ("parameter_unknown", "payment_method_types")
    assert rig.stripe.breaches == ["POST /v1/payment_intents payment_method_types: unknown"]
    rig.stripe.breaches.clear()


@pytest.mark.parametrize("key", ["rk_" + "test_is_revoked", "sk_" + "live_of_nobody", "nonsense"])
def test_a_key_that_is_no_good_opens_nothing(rig: Rig, key: str) -> None:
    assert rig.refused(rig.client(key).accounts.retrieve_current_async()).http_status == 401


def test_fifty_at_once_under_one_key_make_one_charge(rig: Rig) -> None:
    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(rig.charging() for _ in range(50)))

    assert len({one.id for one in rig.run(all_at_once())}) == 1
    assert (rig.stripe.balance("usd"), rig.stripe.count_charges()) == (2900, 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_answer_that_is_lost_is_asked_for_again_by_the_client(rig: Rig, when: str) -> None:
    rig.stripe.lose_next(when, "/v1/payment_intents")
    assert type(rig.refused(rig.charging())).__name__ == "APIConnectionError"
    assert rig.stripe.count_charges() == (1 if when == "after" else 0)
    assert rig.charge()["status"] == "succeeded"
    assert rig.stripe.count_charges() == 1


# ---------------------------------------------------------------- methods and customers


def test_a_saved_method_belongs_to_its_customer_alone(rig: Rig) -> None:
    kim, lee = rig.customer(), rig.customer()
    saved = rig.ask(rig.v1.payment_methods.attach_async("pm_card_visa", {"customer": kim}))
    assert rig.charge(saved["id"], customer=kim)["customer"] == kim
    assert rig.refused(rig.charging(saved["id"], key="l", customer=lee)).param == "payment_method"
    listed = rig.ask(rig.v1.payment_methods.list_async({"customer": kim, "type": "card"}))
    assert [one["id"] for one in listed["data"]] == [saved["id"]]
    gone = rig.ask(rig.v1.payment_methods.detach_async(saved["id"]))
    assert gone["customer"] is None
    assert rig.refused(rig.charging(saved["id"], key="g", customer=kim)).param == "payment_method"
    assert rig.refused(rig.v1.payment_methods.detach_async(saved["id"])).http_status == 400


def test_a_method_that_is_attached_to_nobody_pays_once(rig: Rig) -> None:
    paid_by = rig.charge()["payment_method"]
    assert rig.refused(rig.charging(paid_by, key="again")).param == "payment_method"


def test_a_card_that_declines_cannot_be_kept(rig: Rig) -> None:
    error = rig.refused(rig.v1.payment_methods.attach_async("pm_card_chargeDeclined", {"customer": rig.customer()}))
    assert (error.http_status, error.code) == (402, "card_declined")


def test_a_setup_keeps_a_method_without_paying(rig: Rig) -> None:
    kim = rig.customer()
    params = {"payment_method": "pm_card_visa", "customer": kim, "confirm": True, "expand": ["payment_method"]}
    made = rig.ask(rig.v1.setup_intents.create_async(params))
    assert (made["status"], made["payment_method"]["customer"]) == ("succeeded", kim)
    bad = rig.refused(rig.v1.setup_intents.create_async(params | {"payment_method": "pm_card_chargeDeclined"}))
    kept = rig.ask(rig.v1.setup_intents.retrieve_async(bad.json_body["error"]["setup_intent"]["id"]))
    assert (kept["status"], kept["last_setup_error"]["decline_code"]) == ("requires_payment_method", "generic_decline")
    assert rig.stripe.balance("usd") == 0


# ---------------------------------------------------------------- holds


def test_a_hold_is_captured_once_or_let_go(rig: Rig) -> None:
    held = rig.charge(capture_method="manual")
    assert (held["status"], rig.stripe.held("usd"), rig.stripe.balance("usd")) == ("requires_capture", 2900, 0)
    taken = rig.ask(rig.v1.payment_intents.capture_async(held["id"], {"amount_to_capture": 2000}))
    assert (taken["status"], taken["amount_received"]) == ("succeeded", 2000)
    assert (rig.stripe.held("usd"), rig.stripe.balance("usd")) == (0, 2000)
    error = rig.refused(rig.v1.payment_intents.capture_async(held["id"]))
    assert error.code == "payment_intent_unexpected_state"
    other = rig.charge(capture_method="manual", key="other")
    assert rig.ask(rig.v1.payment_intents.cancel_async(other["id"]))["status"] == "canceled"
    assert rig.stripe.held("usd") == 0


def test_a_hold_that_nobody_captures_ends_after_a_week(rig: Rig) -> None:
    held = rig.charge(capture_method="manual")
    rig.clock.move(days=7)
    assert (rig.intent(held["id"])["status"], rig.stripe.held("usd")) == ("canceled", 0)
    assert rig.event_types()[-1] == "payment_intent.canceled"


# ---------------------------------------------------------------- money back


def test_no_more_goes_back_than_came(rig: Rig) -> None:
    paid = rig.charge()

    def back(amount: int, key: str) -> Any:  # Any: a call of the client
        params = {"payment_intent": paid["id"], "amount": amount, "reason": "duplicate", "metadata": {"k": key}}
        return rig.v1.refunds.create_async(params, {"idempotency_key": key})

    first = rig.ask(back(900, "a"))
    assert (first["status"], first["reason"], first["metadata"]) == ("succeeded", "duplicate", {"k": "a"})
    assert rig.ask(back(900, "a"))["id"] == first["id"]
    assert rig.refused(back(2001, "b")).param == "amount"
    rig.ask(back(2000, "c"))
    assert rig.refused(back(1, "d")).code == "charge_already_refunded"
    listed = rig.ask(rig.v1.refunds.list_async({"payment_intent": paid["id"]}))
    assert [one["amount"] for one in listed["data"]] == [2000, 900]
    assert rig.intent(paid["id"], "latest_charge")["latest_charge"]["amount_refunded"] == 2900
    assert rig.stripe.balance("usd") == 0


def test_a_dispute_that_is_lost_takes_the_money(rig: Rig) -> None:
    paid = rig.charge("pm_card_createDispute")
    [dispute] = rig.ask(rig.v1.disputes.list_async({"payment_intent": paid["id"]}))["data"]
    assert (dispute["status"], dispute["reason"], dispute["amount"]) == ("needs_response", "fraudulent", 2900)
    refund = rig.v1.refunds.create_async({"payment_intent": paid["id"]})
    assert rig.refused(refund).code == "charge_disputed"
    rig.stripe.close_dispute(dispute["id"], is_won=False)
    assert rig.ask(rig.v1.disputes.retrieve_async(dispute["id"]))["status"] == "lost"
    assert rig.stripe.balance("usd") == 0


def test_a_dispute_that_is_won_leaves_it(rig: Rig) -> None:
    paid = rig.charge()
    rig.stripe.close_dispute(rig.stripe.open_dispute(paid["id"], 1000), is_won=True)
    assert rig.stripe.balance("usd") == 2900
    assert [one for one in rig.event_types() if one.startswith("charge.dispute")] == [
        "charge.dispute.created", "charge.dispute.funds_withdrawn",
        "charge.dispute.closed", "charge.dispute.funds_reinstated",
    ]  # fmt: skip


# ---------------------------------------------------------------- lists


def test_lists_are_walked_in_both_directions(rig: Rig) -> None:
    kim = rig.customer()
    made = []
    for number in range(5):
        made.append(rig.charge(key=f"k{number}", customer=kim)["id"])
        rig.clock.move(seconds=10)
    rig.charge(key="other")
    newest = made[::-1]

    def page(**more: Any) -> tuple[list[str], bool]:  # Any: parameters
        found = rig.ask(rig.v1.payment_intents.list_async({"customer": kim, "limit": 2} | more))
        return [one["id"] for one in found["data"]], found["has_more"]

    assert page() == (newest[:2], True)
    assert page(starting_after=newest[1]) == (newest[2:4], True)
    assert page(starting_after=newest[3]) == (newest[4:], False)
    assert page(ending_before=newest[4]) == (newest[2:4], True)
    assert page(ending_before=newest[2]) == (newest[:2], False)
    since = int((rig.clock.now()).timestamp()) - 25
    assert page(created={"gte": since}) == (newest[:2], False)
    error = rig.refused(rig.v1.payment_intents.list_async({"starting_after": "pi_of_nobody"}))
    assert (error.http_status, error.code) == (400, "resource_missing")


def test_events_are_listed_by_type_for_thirty_days(rig: Rig) -> None:
    rig.charge()
    types = {"types": ["payment_intent.succeeded", "charge.refunded"]}
    [event] = rig.ask(rig.v1.events.list_async(types))["data"]
    assert event["data"]["object"]["status"] == "succeeded"
    rig.clock.move(days=31)
    assert rig.ask(rig.v1.events.list_async(types))["data"] == []


def test_what_cannot_be_expanded_is_refused(rig: Rig) -> None:
    paid = rig.charge()
    assert rig.refused(rig.v1.payment_intents.retrieve_async(paid["id"], {"expand": ["nonsense"]})).http_status == 400
    listed = rig.ask(rig.v1.payment_intents.list_async({"expand": ["data.latest_charge"]}))
    assert listed["data"][0]["latest_charge"]["amount"] == 2900


def test_account_balance_and_webhooks_can_be_looked_at(rig: Rig) -> None:
    rig.charge()
    rig.stripe.add_webhook("http://127.0.0.1:9/hook", "whsec_" + "x")
    assert rig.ask(rig.v1.accounts.retrieve_current_async())["charges_enabled"] is True
    available = rig.ask(rig.v1.balance.retrieve_async())["available"]
    assert {one["currency"]: one["amount"] for one in available}["usd"] == 2900
    [hook] = rig.ask(rig.v1.webhook_endpoints.list_async())["data"]
    assert (hook["url"], hook["status"]) == ("http://127.0.0.1:9/hook", "enabled")


def test_a_debit_by_name_takes_days_and_may_fail(rig: Rig) -> None:
    good = rig.charge("pm_usBankAccount_success")
    bad = rig.charge("pm_usBankAccount_insufficientFunds", key="bad")
    assert (good["status"], rig.stripe.balance("usd")) == ("processing", 0)
    rig.clock.move(days=4)
    failed = rig.intent(bad["id"])
    assert (rig.intent(good["id"])["status"], failed["status"]) == ("succeeded", "requires_payment_method")
    assert failed["last_payment_error"]["code"] == "insufficient_funds"
    assert rig.stripe.balance("usd") == 2900
    back = rig.ask(rig.v1.refunds.create_async({"payment_intent": good["id"]}))
    assert back["status"] == "pending"
    rig.clock.at += 5 * DAY
    assert rig.ask(rig.v1.refunds.retrieve_async(back["id"]))["status"] == "succeeded"
