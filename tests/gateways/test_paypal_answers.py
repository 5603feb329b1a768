"""PayPal's stranger answers, one by one: what each one means for the money, and what is not taken for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.api.money import Money
from services.gateways.payments import Charge, ChargeRequest, KeyMismatch, Lookup, ProviderRefused, ProviderUnreachable
from services.gateways.paypal_json import instant, money, money_body, parse, part, parts, text
from services.gateways.paypal_payments import PayPalPayments
from tests.twin.paypal_rig import KEY, START, MovedClock, no_pause, wish

Doc = dict[str, Any]  # JSON
Answers = Callable[[httpx.Request], httpx.Response]
AMOUNT = {"currency_code": "USD", "value": "29.00"}


class Scripted(httpx.AsyncBaseTransport):
    """`answers[path]` = what is said there, one after the other; the last one stays."""

    def __init__(self, **answers: list[httpx.Response]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        last = request.url.path.rpartition("/")[2]
        if last == "token":
            return httpx.Response(200, json={"access_token": "a", "expires_in": 32400, "scope": ""})
        self.asked.append(f"{request.method} {request.url.path}")
        waiting = self.answers[last if last in self.answers else "other"]
        return waiting.pop(0) if len(waiting) > 1 else copy_of(waiting[0])


def copy_of(response: httpx.Response) -> httpx.Response:
    return httpx.Response(response.status_code, headers=response.headers, content=response.content)


def gateway(transport: httpx.AsyncBaseTransport) -> PayPalPayments:
    return PayPalPayments(
        client_id="c", secret="s", base_url="https://api-m.paypal.com", page_hosts=("www.paypal.com",),
        clock=MovedClock(), is_test_mode=False, default_return_url="https://souk.example/back", pause=no_pause,
        transport=transport,
    )  # fmt: skip


def well(doc: Doc, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=doc)


def problem(issue: str, status: int = 422, **more: object) -> httpx.Response:
    return httpx.Response(status, json={"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": issue}]} | more)


def order(status: str, payments: Doc | None = None, **more: object) -> Doc:
    unit: Doc = {"amount": AMOUNT, "invoice_id": KEY, "custom_id": "order-1"}
    if payments is not None:
        unit["payments"] = payments
    made = {"id": "ORDER1", "intent": "CAPTURE", "status": status, "purchase_units": [unit]}
    return made | {"create_time": "2026-11-24T10:00:00Z"} | more


def payment(status: str, **more: object) -> Doc:
    return {"id": "PAYMENT1", "status": status, "amount": AMOUNT} | more


def found(loop: asyncio.Runner, charge_id: str, request: ChargeRequest | None = None, **answers: list[Any]) -> Charge:
    charge = loop.run(gateway(Scripted(**answers)).find(Lookup(KEY, charge_id, request or wish())))
    assert charge is not None
    return charge


# ---------------------------------------------------------------- what a payment's status means


@pytest.mark.parametrize(
    ("capture", "state", "code"),
    [
        (payment("COMPLETED"), "succeeded", ""),
        (payment("PENDING", status_details={"reason": "ECHECK"}), "processing", ""),
        (payment("SOMETHING_NEW"), "processing", ""),
        (payment("REFUNDED"), "refunded", ""),
        (payment("PARTIALLY_REFUNDED"), "succeeded", ""),
        (payment("DECLINED"), "failed", "INSTRUMENT_DECLINED"),
        (payment("DECLINED", processor_response={"response_code": "5120"}), "failed", "5120"),
        (payment("FAILED", status_details={"reason": "CHARGEBACK"}), "failed", "CHARGEBACK"),
    ],
)
def test_the_payment_decides_and_not_the_order(loop: asyncio.Runner, capture: Doc, state: str, code: str) -> None:
    charge = found(loop, "order:ORDER1", other=[well(order("COMPLETED", {"captures": [capture]}))])
    assert (charge.state, charge.decline_code, charge.id) == (state, code, "capture:PAYMENT1")


@pytest.mark.parametrize(
    ("hold", "state", "code"),
    [
        (payment("CREATED", expiration_time="2026-12-23T10:00:00Z"), "authorized", ""),
        (payment("PENDING"), "processing", ""),
        (payment("DENIED"), "failed", "INSTRUMENT_DECLINED"),
        (payment("VOIDED"), "canceled", ""),
        (payment("EXPIRED"), "canceled", "expired"),
        (payment("CAPTURED"), "processing", ""),
    ],
)
def test_the_hold_decides_and_not_the_order(loop: asyncio.Runner, hold: Doc, state: str, code: str) -> None:
    charge = found(loop, "order:ORDER1", other=[well(order("COMPLETED", {"authorizations": [hold]}))])
    assert (charge.state, charge.decline_code, charge.id) == (state, code, "auth:PAYMENT1")
    assert (charge.expires_at is not None) == (state == "authorized")


def test_a_second_try_that_went_through_counts(loop: asyncio.Runner) -> None:
    captures = [payment("DECLINED"), payment("COMPLETED", id="PAYMENT2")]
    charge = found(loop, "order:ORDER1", other=[well(order("COMPLETED", {"captures": captures}))])
    assert (charge.state, charge.id) == ("succeeded", "capture:PAYMENT2")


def test_how_much_went_back_is_counted_from_the_refunds(loop: asyncio.Runner) -> None:
    refunds = [
        {"status": status, "amount": {"currency_code": "USD", "value": value}}
        for status, value in (("COMPLETED", "4.00"), ("PENDING", "2.50"), ("FAILED", "9.00"))
    ]
    payments = {"captures": [payment("PARTIALLY_REFUNDED")], "refunds": refunds}
    charge = found(loop, "order:ORDER1", other=[well(order("COMPLETED", payments))])
    assert charge.refunded == Money.parse("6.50")


def test_an_order_given_up_by_paypal_is_over(loop: asyncio.Runner) -> None:
    charge = found(loop, "order:ORDER1", other=[well(order("VOIDED"))])
    assert (charge.state, charge.decline_code) == ("canceled", "expired")


def test_an_account_kept_a_little_later_has_no_token_yet(loop: asyncio.Runner) -> None:
    wallet = {"paypal": {"email_address": "kim@example.com", "attributes": {"vault": {"status": "APPROVED"}}}}
    done = order("COMPLETED", {"captures": [payment("COMPLETED")]}, payment_source=wallet)
    charge = found(loop, "order:ORDER1", other=[well(done)])
    assert charge.method is not None
    assert (charge.method.token, charge.method.email) == ("", "kim@example.com")


# ---------------------------------------------------------------- carrying out


AGREED = order("APPROVED")
TAKEN = order("COMPLETED", {"captures": [payment("COMPLETED")]})


@pytest.mark.parametrize("issue", ["ORDER_ALREADY_CAPTURED", "ORDER_COMPLETED_OR_VOIDED", "DUPLICATE_REQUEST_ID"])
def test_an_order_that_somebody_else_took_is_read_again(loop: asyncio.Runner, issue: str) -> None:
    charge = found(loop, "order:ORDER1", capture=[problem(issue)], ORDER1=[well(AGREED), well(TAKEN)])
    assert (charge.state, charge.id) == ("succeeded", "capture:PAYMENT1")


def test_an_order_whose_buyer_must_choose_again_waits_again(loop: asyncio.Runner) -> None:
    links = [{"rel": "payer-action", "href": "https://www.paypal.com/checkoutnow?token=ORDER1"}]
    waits = order("PAYER_ACTION_REQUIRED", links=links)
    charge = found(loop, "order:ORDER1", capture=[problem("PAYER_ACTION_REQUIRED")], ORDER1=[well(AGREED), well(waits)])
    assert (charge.state, charge.action_url) == ("action_required", links[0]["href"])


@pytest.mark.parametrize("issue", ["INSTRUMENT_DECLINED", "PAYER_CANNOT_PAY", "TRANSACTION_REFUSED"])
def test_a_decline_is_final_and_keeps_its_word(loop: asyncio.Runner, issue: str) -> None:
    charge = found(loop, "order:ORDER1", capture=[problem(issue)], ORDER1=[well(AGREED)])
    assert (charge.state, charge.decline_code) == ("failed", issue)


@pytest.mark.parametrize(
    "answer", [problem("ORDER_EXPIRED"), problem("INVALID_RESOURCE_ID", 404)], ids=["expired", "gone"]
)
def test_an_order_that_ran_out_before_it_was_taken_is_over(loop: asyncio.Runner, answer: httpx.Response) -> None:
    charge = found(loop, "order:ORDER1", capture=[answer], ORDER1=[well(AGREED)])
    assert (charge.state, charge.decline_code) == ("canceled", "expired")


@pytest.mark.parametrize("issue", ["PAYEE_ACCOUNT_RESTRICTED", "ORDER_COMPLETION_IN_PROGRESS", "A_NEW_ONE"])
def test_an_order_that_is_not_taken_now_is_neither_paid_nor_over(loop: asyncio.Runner, issue: str) -> None:
    with pytest.raises(ProviderUnreachable):
        found(loop, "order:ORDER1", capture=[problem(issue)], ORDER1=[well(AGREED)])


def test_agreed_to_and_still_not_taken_is_asked_again_later(loop: asyncio.Runner) -> None:
    with pytest.raises(ProviderUnreachable):
        found(loop, "order:ORDER1", capture=[problem("ORDER_ALREADY_CAPTURED")], ORDER1=[well(AGREED)])


def test_a_yes_without_a_date_counts_while_the_page_is_open_only(loop: asyncio.Runner) -> None:
    request = wish(page_until=START + timedelta(minutes=1))
    assert found(loop, "order:ORDER1", request, capture=[well(TAKEN)], ORDER1=[well(AGREED)]).state == "succeeded"
    over = wish(page_until=START)
    assert found(loop, "order:ORDER1", over, capture=[well(TAKEN)], ORDER1=[well(AGREED)]).state == "canceled"


def test_an_answer_of_long_ago_to_the_same_key_is_not_believed(loop: asyncio.Runner) -> None:
    transport = Scripted(orders=[well(order("PAYER_ACTION_REQUIRED"))], ORDER1=[well(TAKEN)])
    charge = loop.run(gateway(transport).find(Lookup(KEY, "", wish(), START)))
    assert charge is not None
    assert charge.state == "succeeded"


def test_an_answer_for_another_amount_is_another_request(loop: asyncio.Runner) -> None:
    with pytest.raises(KeyMismatch):
        loop.run(gateway(Scripted(orders=[well(order("CREATED"))])).charge(wish("30.00"), key=KEY))


def test_an_invoice_number_that_was_paid_with_no_payment_to_be_seen_is_not_settled(loop: asyncio.Runner) -> None:
    nothing = [well({"events": []})]
    with pytest.raises(ProviderUnreachable):
        found(loop, "order:ORDER1", capture=[problem("DUPLICATE_INVOICE_ID")], ORDER1=[well(AGREED)], other=nothing)


def test_a_hold_that_is_not_there_is_over(loop: asyncio.Runner) -> None:
    assert found(loop, "auth:GONE", other=[problem("INVALID_RESOURCE_ID", 404)]).state == "canceled"


def test_a_hold_that_is_neither_taken_nor_gone_is_asked_for_again(loop: asyncio.Runner) -> None:
    held = [well(payment("CREATED"))]
    with pytest.raises(ProviderUnreachable):
        loop.run(gateway(Scripted(capture=[problem("A_NEW_ONE")], other=held)).capture("auth:PAYMENT1", key="take"))


def test_a_hold_whose_owner_cannot_pay_is_a_refusal(loop: asyncio.Runner) -> None:
    pays = gateway(Scripted(capture=[problem("PAYER_CANNOT_PAY")], other=[well(payment("CREATED"))]))
    charge = loop.run(pays.capture("auth:PAYMENT1", key="take"))
    assert (charge.state, charge.decline_code) == ("failed", "PAYER_CANNOT_PAY")


def test_a_hold_that_cannot_be_let_go_now_is_asked_for_again(loop: asyncio.Runner) -> None:
    with pytest.raises(ProviderUnreachable):
        loop.run(
            gateway(Scripted(void=[problem("A_NEW_ONE")], other=[well(payment("CREATED"))])).refund(
                "auth:PAYMENT1", Money.parse("29.00"), key="drop"
            )
        )


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
def test_a_refund_that_failed_is_one(loop: asyncio.Runner, status: str) -> None:
    pays = gateway(Scripted(refund=[well({"status": status}, 201)], other=[well(payment("COMPLETED"))]))
    assert loop.run(pays.refund("capture:PAYMENT1", Money.parse("9.00"), key="back")).state == "failed"


def test_a_key_withdrawn_while_looking_by_key_is_no_answer(loop: asyncio.Runner) -> None:
    with pytest.raises(ProviderUnreachable):
        loop.run(gateway(Scripted(orders=[problem("NOT_AUTHORIZED", 403)])).find(Lookup(KEY, "", wish(), START)))


def test_a_dispute_paid_by_paypal_itself_is_won(loop: asyncio.Runner) -> None:
    said = {"dispute_id": "PP-D-1", "status": "RESOLVED", "dispute_amount": AMOUNT, "reason": "UNAUTHORISED"}
    for outcome, state in (("RESOLVED_WITH_PAYOUT", "won"), ("ACCEPTED", "lost"), ("CANCELED_BY_BUYER", "won")):
        told = said | {"dispute_outcome": {"outcome_code": outcome}}
        facts = loop.run(gateway(Scripted(other=[well(told)])).get_dispute("PP-D-1"))
        assert facts is not None
        assert facts.state == state
    assert loop.run(gateway(Scripted(other=[well({"dispute_id": "PP-D-1"})])).get_dispute("PP-D-1")) is None


def test_long_after_nobody_can_tell_of_a_saved_account_when_no_events_are_kept(loop: asyncio.Runner) -> None:
    long_ago = START - timedelta(hours=6)
    nothing = [well({"events": [], "count": 0, "links": []})]
    pays = gateway(Scripted(other=nothing))
    with pytest.raises(ProviderUnreachable):
        loop.run(pays.find(Lookup(KEY, "", wish(token="saved-account"), long_ago)))
    assert loop.run(pays.find(Lookup(KEY, "", wish(), long_ago))) is None  # a page that nobody was shown


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (problem("INVALID_CURRENCY_CODE"), "currency_unsupported"),
        (problem("CURRENCY_NOT_SUPPORTED_FOR_COUNTRY"), "currency_unsupported"),
        (problem("CANNOT_BE_ZERO_OR_NEGATIVE"), "amount_too_small"),
        (problem("MAX_VALUE_EXCEEDED"), "amount_too_large"),
        (problem("PAYEE_ACCOUNT_LOCKED_OR_CLOSED"), "account_restricted"),
        (problem("NOT_ENABLED_TO_VAULT_PAYMENT_SOURCE"), "method_unavailable"),
        (problem("MALFORMED_REQUEST_JSON", 400), "request_invalid"),
        (httpx.Response(403, json={"name": "NOT_AUTHORIZED"}), "account_restricted"),
        (httpx.Response(401, json={"error": "invalid_token"}), "key_invalid"),
        (httpx.Response(418), "request_invalid"),
    ],
)
def test_a_request_that_paypal_will_not_take_is_refused_by_our_word(
    loop: asyncio.Runner, answer: httpx.Response, code: str
) -> None:
    with pytest.raises(ProviderRefused) as refusal:
        loop.run(gateway(Scripted(orders=[answer])).charge(wish(), key=KEY))
    assert refusal.value.code == code


@pytest.mark.parametrize(("is_attended", "state"), [(True, "action_required"), (False, "failed")])
def test_a_saved_account_that_must_be_confirmed_is_a_page_or_a_refusal(
    loop: asyncio.Runner, is_attended: bool, state: str
) -> None:
    links = [{"rel": "payer-action", "href": "https://www.paypal.com/checkoutnow?token=ORDER1"}]
    answer = problem("PAYER_ACTION_REQUIRED", id="ORDER1", links=links)
    request = wish(token="saved-account", is_attended=is_attended)
    charge = loop.run(gateway(Scripted(orders=[answer])).charge(request, key=KEY))
    assert charge.state == state
    assert charge.decline_code == ("" if is_attended else "authentication_required")


# ---------------------------------------------------------------- what is not an answer


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<html>Log in to the Wi-Fi</html>"),
        httpx.Response(302, headers={"location": "https://elsewhere.example/"}),
        httpx.Response(200, headers={"content-type": "application/json"}, content=b"[1]"),
        httpx.Response(200, headers={"content-type": "application/json"}, content=b"{"),
        httpx.Response(200, headers={"content-type": "application/json"}, content=b"[" * 100_000),
        httpx.Response(502, html="bad gateway"),
    ],
    ids=["a page", "elsewhere", "a list", "half", "a tower", "a gateway"],
)
def test_what_is_no_answer_says_nothing_about_the_charge(loop: asyncio.Runner, answer: httpx.Response) -> None:
    transport = Scripted(orders=[answer])
    with pytest.raises(ProviderUnreachable) as caught:
        loop.run(gateway(transport).charge(wish(), key=KEY))
    assert len(transport.asked) == 3
    assert caught.value.__context__ is None


def test_json_of_the_wrong_kind_reads_as_nothing() -> None:
    assert parse(b"{}") == part({"a": 1}, "a") == part({}, "a") == {}
    assert text({"a": 1}, "a") == text({"a": []}, "a", "b") == ""
    assert parts({"a": [1, {}]}, "a") == [{}]


@pytest.mark.parametrize("value", ["NaN", "1e3", "", "1.2345678", "-", "½", None, 5])
def test_an_amount_that_is_none_is_not_guessed(value: object) -> None:
    assert money({"amount": {"currency_code": "USD", "value": value}}, "amount") is None


@pytest.mark.parametrize(("value", "currency"), [("0.01", "USD"), ("1234.50", "EUR"), ("7", "JPY"), ("0.001", "KWD")])
def test_an_amount_is_written_to_the_minor_unit_and_read_back(value: str, currency: str) -> None:
    amount = Money.parse(value, currency)
    assert money_body(amount) == {"currency_code": currency, "value": value}
    assert money({"a": money_body(amount)}, "a") == amount


def test_a_fraction_of_a_cent_is_never_sent() -> None:
    with pytest.raises(ValueError, match="minor units"):
        money_body(Money.parse("0.005"))


def test_an_instant_is_read_in_utc() -> None:
    assert instant({"a": "2026-11-24t12:00:00+02:00"}, "a") == START
    assert instant({"a": "2026-11-24T10:00:00.000Z"}, "a") == START
    assert instant({"a": "soon"}, "a") is None
