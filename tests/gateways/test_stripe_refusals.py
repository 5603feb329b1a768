"""What Stripe says when it will not, or cannot, in our words; its keys; and what `souk doctor payments` finds out."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterator
from contextlib import suppress
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.api.money import Money
from services.gateways.payments import (
    Finding,
    KeyMismatch,
    Lookup,
    ProviderRefused,
    ProviderUnreachable,
)
from services.gateways.stripe_client import LiveKeyRefused, kind_of
from services.gateways.stripe_payments import StripePayments
from services.gateways.stripe_web import Line
from tests.gateways.stripe_rig import (
    BASE,
    KEY,
    LIVE_RESTRICTED,
    LIVE_SECRET,
    START,
    TEST_KEY,
    MovedClock,
    Rig,
    Said,
    error,
    no_pause,
    scripted,
    wish,
)

INVALID = "invalid_request_error"
ACCOUNT = {"id": "acct_1", "object": "account", "charges_enabled": True, "country": "DE"}
NOTHING = {"object": "list", "data": [], "has_more": False, "url": "/"}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "twin")
    yield rig
    rig.close()
    assert rig.provider.breaches == []


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("no route"),
        httpx.ReadTimeout("too slow"),
        httpx.RemoteProtocolError("gone"),
        httpx.DecodingError("garbled"),
        error(500, "api_error"),
        error(503, "api_error"),
        error(409, "idempotency_error", "idempotency_key_in_use"),
        error(409, INVALID, "lock_timeout"),
        error(400, INVALID, "lock_timeout"),
        error(429, INVALID, "rate_limit"),
        error(400, INVALID, "rate_limit"),
        httpx.Response(200, text="<html>Log in to this network</html>"),
        httpx.Response(302, headers={"location": "http://elsewhere"}),
        httpx.Response(502, content=b"\xff\xfe"),
    ],
)
def test_no_answer_means_that_nobody_knows(loop: asyncio.Runner, answer: httpx.Response | Exception) -> None:
    pays, _ = scripted(answer)
    with pytest.raises(ProviderUnreachable):
        loop.run(pays.charge(wish(token="pm_1"), key=KEY))
    with pytest.raises(ProviderUnreachable):
        loop.run(pays.find(Lookup(KEY, "pi_1", wish(), START)))
    with pytest.raises(ProviderUnreachable):
        loop.run(pays.list_events("", since=START))


@pytest.mark.parametrize(
    ("answer", "times"),
    [(httpx.ConnectError("no route"), 3), (error(503, "api_error"), 3), (error(409, INVALID, "lock_timeout"), 3),
     (error(402, "card_error", "card_declined"), 1), (error(400, INVALID), 1), (error(401, INVALID), 1)],
)  # fmt: skip
def test_what_may_help_is_asked_again_twice_under_the_same_key(
    loop: asyncio.Runner, answer: httpx.Response | Exception, times: int
) -> None:
    pays, said = scripted(answer)
    with suppress(ProviderUnreachable, ProviderRefused):
        loop.run(pays.charge(wish(token="pm_1"), key=KEY))
    assert [one.headers["idempotency-key"] for one in said.asked] == [KEY] * times


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error(401, INVALID), "key_invalid"),
        (error(403, INVALID), "account_restricted"),
        (error(400, INVALID, "account_invalid"), "account_restricted"),
        (error(400, INVALID, "amount_too_small", param="amount"), "amount_too_small"),
        (error(400, INVALID, "amount_too_large", param="amount"), "amount_too_large"),
        (error(400, INVALID, "", param="currency"), "currency_unsupported"),
        (error(404, INVALID, "resource_missing", param="payment_method"), "method_unavailable"),
        (error(400, INVALID, "payment_method_unactivated"), "method_unavailable"),
        (error(404, INVALID, "resource_missing", param="customer"), "request_invalid"),
        (error(400, INVALID, "parameter_unknown", param="souk"), "request_invalid"),
        (error(400, INVALID), "request_invalid"),
    ],
)
def test_a_request_that_is_refused_says_why_in_our_words(
    loop: asyncio.Runner, answer: httpx.Response, code: str
) -> None:
    pays, _ = scripted(answer)
    with pytest.raises(ProviderRefused) as refused:
        loop.run(pays.charge(wish(token="pm_1"), key=KEY))
    assert refused.value.code == code


def test_a_key_of_another_question_is_a_mismatch(loop: asyncio.Runner) -> None:
    pays, _ = scripted(error(400, "idempotency_error"))
    with pytest.raises(KeyMismatch):
        loop.run(pays.charge(wish(token="pm_1"), key=KEY))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"decline_code": "stolen_card"}, "stolen_card"),
        ({}, "card_declined"),
        ({"decline_code": "authentication_required"}, "authentication_required"),
    ],
)
def test_a_decline_without_a_payment_is_still_a_decline(loop: asyncio.Runner, more: dict[str, str], code: str) -> None:
    pays, _ = scripted(error(402, "card_error", "card_declined", **more))
    charge = loop.run(pays.charge(wish(token="pm_1", is_attended=False), key=KEY))
    assert (charge.id, charge.state, charge.decline_code, charge.amount) == ("", "failed", code, Money.parse("29.00"))


@pytest.mark.parametrize("status", [401, 403])
def test_a_bad_key_never_looks_like_an_outcome(loop: asyncio.Runner, status: int) -> None:
    pays, _ = scripted(error(status, INVALID))

    async def everything() -> list[object]:
        return await asyncio.gather(
            pays.cancel("cs_1", key="k"), pays.cancel("pi_1", key="k"), pays.capture("pi_1", key="k"),
            pays.refund("pi_1", Money.parse("1.00"), key="k"), pays.forget("pm_1"), pays.get_dispute("dp_1"),
            pays.list_events("evt_1", since=START), pays.find(Lookup(KEY, "", wish(), START)),
            return_exceptions=True,
        )  # fmt: skip

    answers = loop.run(everything())
    assert [type(one) for one in answers] == [ProviderRefused] * 8


def test_a_wish_of_the_bank_is_one_whatever_else_it_says(loop: asyncio.Runner) -> None:
    pays, _ = scripted(error(402, "card_error", "authentication_required", decline_code="do_not_honor"))
    charge = loop.run(pays.charge(wish(token="pm_1", is_attended=False), key=KEY))
    assert charge.decline_code == "authentication_required"


def test_a_cursor_stripe_does_not_know_however_it_says_so_is_left_behind(loop: asyncio.Runner) -> None:
    pays, said = scripted(error(400, INVALID, param="ending_before"), httpx.Response(200, json=NOTHING))
    told = loop.run(pays.list_events("evt_1", since=START))
    assert (told.events, told.cursor) == ((), "")
    assert ["ending_before" in one.url.params for one in said.asked] == [True, False]


def page(status: str, **more: Any) -> httpx.Response:  # Any: fields of a session
    body = {"id": "cs_1", "object": "checkout.session", "status": status, "amount_total": 2900, "currency": "usd",
            "metadata": {"souk_key": KEY}, "url": "https://checkout.stripe.com/c/pay/cs_1"}  # fmt: skip
    return httpx.Response(200, json=body | more)


def intent(status: str, **more: Any) -> dict[str, Any]:  # Any: fields of an intent
    return {"id": "pi_1", "object": "payment_intent", "status": status, "amount": 2900, "currency": "usd",
            "metadata": {}, "latest_charge": None, "payment_method": None} | more  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (page("open"), "action_required"),
        (page("expired"), "canceled"),
        (page("complete", payment_intent=None), "processing"),
        (page("complete", payment_intent="pi_not_expanded"), "processing"),
        (page("complete", payment_intent=intent("succeeded")), "succeeded"),
        (page("complete", payment_intent=intent("requires_action")), "processing"),  # small amounts to an account
        (page("complete", payment_intent=intent("requires_payment_method")), "failed"),
        (page("complete", payment_intent=intent("a_state_of_later_years")), "processing"),
        (page("a_state_of_later_years"), "processing"),
    ],
)
def test_states_of_a_page_and_nothing_unknown_is_taken_for_an_end(
    loop: asyncio.Runner, answer: httpx.Response, state: str
) -> None:
    pays, _ = scripted(answer)
    found = loop.run(pays.find(Lookup(KEY, "cs_1", wish(), START)))
    assert found is not None
    assert found.state == state


def test_a_payment_that_waits_for_the_bank_is_given_up_before_a_page_is_opened(loop: asyncio.Runner) -> None:
    """A provider that answers with a wish of the bank's instead of a refusal."""
    asks, canceled = httpx.Response(200, json=intent("requires_action")), httpx.Response(200, json=intent("canceled"))
    pays, said = scripted(asks, canceled, page("open"))
    charge = loop.run(pays.charge(wish(token="pm_1"), key=KEY))
    assert (charge.id, charge.state) == ("cs_1", "action_required")
    assert [(one.url.path, one.headers["idempotency-key"]) for one in said.asked] == [
        ("/v1/payment_intents", KEY),
        ("/v1/payment_intents/pi_1/cancel", f"{KEY}:drop"),
        ("/v1/checkout/sessions", f"{KEY}:page"),
    ]


def test_a_payment_that_went_through_after_all_gets_no_page_beside_it(loop: asyncio.Runner) -> None:
    """It could not be given up, because it is paid: that is the answer."""
    asks, paid = httpx.Response(200, json=intent("requires_action")), httpx.Response(200, json=intent("succeeded"))
    pays, said = scripted(asks, error(400, INVALID, "payment_intent_unexpected_state"), paid)
    charge = loop.run(pays.charge(wish(token="pm_1"), key=KEY))
    assert (charge.id, charge.state) == ("pi_1", "succeeded")
    assert "/v1/checkout/sessions" not in [one.url.path for one in said.asked]


def test_a_hold_that_is_still_there_is_not_reported_as_an_outcome(loop: asyncio.Runner) -> None:
    """The key may read, and may neither take it nor let it go."""
    for name in ("capture", "cancel"):
        pays, _ = scripted(error(403, INVALID), httpx.Response(200, json=intent("requires_capture")))
        with pytest.raises(ProviderRefused) as refused:
            loop.run(getattr(pays, name)("pi_1", key="k"))
        assert refused.value.code == "account_restricted"


def test_a_page_that_cannot_be_closed_is_not_reported_as_closed(loop: asyncio.Runner) -> None:
    pays, _ = scripted(error(403, INVALID), page("open"))
    with pytest.raises(ProviderRefused):
        loop.run(pays.cancel("cs_1", key="x"))


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (TEST_KEY, ("restricted", False)),
        ("sk_" + "test_1", ("secret", False)),
        (LIVE_RESTRICTED, ("restricted", True)),
        (LIVE_SECRET, ("secret", True)),
        ("sk_" + "somehow", ("secret", True)),
        ("pk_" + "test_1", ("other", False)),
        ("", ("other", True)),
    ],
)
def test_what_is_not_known_to_be_a_test_key_moves_money(key: str, kind: tuple[str, bool]) -> None:
    assert kind_of(key) == kind


def test_a_full_live_key_is_refused_and_not_repeated() -> None:
    with pytest.raises(LiveKeyRefused) as refused:
        StripePayments(key=LIVE_SECRET, clock=MovedClock())
    assert LIVE_SECRET not in str(refused.value)
    allowed = StripePayments(key=LIVE_SECRET, clock=MovedClock(), allow_secret_key=True)
    assert not allowed.is_test_mode


def test_live_mode_has_no_test_cards() -> None:
    live = StripePayments(key=LIVE_RESTRICTED, clock=MovedClock())
    assert (live.is_test_mode, live.test_cards, live.describe("pm_card_visa")) == (False, (), None)
    assert live.page_hosts == ("checkout.stripe.com",)
    assert (live.name, live.has_customers) == ("stripe", True)


@pytest.mark.parametrize("answer", [httpx.ReadTimeout("slow"), error(401, INVALID), error(500, "api_error")])
def test_no_key_is_in_what_is_printed_or_reported(loop: asyncio.Runner, answer: httpx.Response | Exception) -> None:
    pays, _ = scripted(answer)
    with pytest.raises((ProviderUnreachable, ProviderRefused)) as raised:
        loop.run(pays.charge(wish(token="pm_1"), key=KEY))
    said = "".join(traceback.format_exception(raised.value)) + repr(pays) + repr(pays._clients)
    assert TEST_KEY not in said
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)


def test_the_library_keeps_no_id_of_this_machine_and_tells_nothing_of_it(loop: asyncio.Runner, tmp_path: Path) -> None:
    pays, said = scripted(error(400, INVALID))
    for _ in range(2):
        with pytest.raises(ProviderRefused):
            loop.run(pays.charge(wish(token="pm_1"), key=KEY))
    assert not list(tmp_path.rglob("telemetry_id"))
    for one in said.asked:
        told = one.headers["x-stripe-client-user-agent"]
        assert "telemetry_id" not in told
        assert "platform" not in told
        assert "x-stripe-client-telemetry" not in one.headers


# ---------------------------------------------------------------- souk doctor payments


def by_name(found: tuple[Finding, ...]) -> dict[str, Finding]:
    return {one.what: one for one in found}


def test_all_is_well(rig: Rig, loop: asyncio.Runner) -> None:
    found = by_name(loop.run(rig.pays.check(now=START)))
    assert list(found) == ["network", "key", "account", "clock", "webhook"]
    assert all(one.is_well for one in found.values())
    assert found["key"].detail == {"kind": "restricted", "mode": "test"}
    assert found["account"].code == ""
    assert found["webhook"].code == "not_configured"


def test_a_webhook_secret_without_an_endpoint_is_told(rig: Rig, loop: asyncio.Runner) -> None:
    gateway = rig.gateway(secret="whsec_" + "1")
    assert by_name(loop.run(gateway.check(now=START)))["webhook"].code == "no_endpoint"
    rig.twin.add_webhook("http://127.0.0.1:9/hook", "whsec_" + "1")
    found = by_name(loop.run(gateway.check(now=START)))["webhook"]
    assert (found.is_well, found.detail) == (True, {"url": "http://127.0.0.1:9/hook"})


@pytest.mark.parametrize(
    ("answer", "findings"),
    [
        (httpx.ConnectError("no route"), {"network": "unreachable"}),
        (error(500, "api_error"), {"network": "unreachable"}),
        (httpx.Response(200, text="<html>"), {"network": "unreachable"}),
        (error(401, INVALID), {"network": "", "key": "key_invalid"}),
        (
            error(403, INVALID),
            {"network": "", "key": "", "account": "account_restricted", "clock": "unknown", "webhook": "not_looked_at"},
        ),
    ],
)
def test_what_is_the_matter_is_found_and_nothing_is_raised(
    loop: asyncio.Runner, answer: httpx.Response | Exception, findings: dict[str, str]
) -> None:
    line = Line(Said(answer), no_pause)
    pays = StripePayments(key=TEST_KEY, clock=MovedClock(), webhook_secret="whsec_" + "1", line=line)
    found = by_name(loop.run(pays.check(now=START)))
    assert {name: one.code for name, one in found.items()} == findings


class Desk(httpx.AsyncBaseTransport):
    """Answers by path."""

    def __init__(self, account: httpx.Response, refused: tuple[str, ...] = (), date: str = "") -> None:
        self._account, self._refused = account, refused
        self._headers = {"date": date} if date else {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/account":
            return httpx.Response(self._account.status_code, content=self._account.content, headers=self._headers)
        if request.url.path in self._refused:
            return error(403, INVALID)
        return httpx.Response(200, json=NOTHING, headers=self._headers)


def examined(loop: asyncio.Runner, desk: Desk) -> dict[str, Finding]:
    pays = StripePayments(key=TEST_KEY, clock=MovedClock(), line=Line(desk, no_pause))
    return by_name(loop.run(pays.check(now=START)))


def test_rights_a_restricted_key_lacks_are_named(loop: asyncio.Runner) -> None:
    desk = Desk(httpx.Response(200, json=ACCOUNT), ("/v1/refunds", "/v1/events"))
    found = examined(loop, desk)["account"]
    assert (found.is_well, found.code) == (False, "rights_missing")
    assert found.detail == {"rights": "Charges and Refunds, Events"}


def test_a_restricted_key_need_not_read_the_account(loop: asyncio.Runner) -> None:
    found = examined(loop, Desk(error(403, INVALID), date=format_datetime(START)))
    assert (found["key"].is_well, found["account"].is_well, found["account"].code) == (True, True, "not_looked_at")
    assert found["clock"].detail == {"seconds": "0"}


def test_an_endpoint_that_is_switched_off_is_none(loop: asyncio.Runner) -> None:
    off = {"id": "we_1", "object": "webhook_endpoint", "url": "https://souk.example/", "status": "disabled"}
    account, lists = httpx.Response(200, json=ACCOUNT), httpx.Response(200, json=NOTHING)
    said = Said(account, *[lists] * 5, httpx.Response(200, json=NOTHING | {"data": [off]}))
    pays = StripePayments(key=TEST_KEY, clock=MovedClock(), webhook_secret="whsec_" + "1", line=Line(said, no_pause))
    found = by_name(loop.run(pays.check(now=START)))["webhook"]
    assert (found.is_well, found.code) == (False, "no_endpoint")
    assert said.asked[-1].url.path == "/v1/webhook_endpoints"


def test_an_account_that_may_not_take_payments_is_told(loop: asyncio.Runner) -> None:
    found = examined(loop, Desk(httpx.Response(200, json=ACCOUNT | {"charges_enabled": False})))["account"]
    assert (found.is_well, found.code, found.detail["country"]) == (False, "charges_disabled", "DE")


@pytest.mark.parametrize(
    ("seconds", "code"), [(0, ""), (120, ""), (-120, ""), (121, "clock_skewed"), (-4000, "clock_skewed")]
)
def test_a_clock_that_is_off_is_told_from_the_date_of_the_answer(loop: asyncio.Runner, seconds: int, code: str) -> None:
    clock = MovedClock()
    clock.move(seconds=-seconds)
    found = examined(loop, Desk(httpx.Response(200, json=ACCOUNT), date=format_datetime(clock.now())))["clock"]
    assert (found.is_well, found.code, found.detail) == (not code, code, {"seconds": str(seconds)})


def test_the_address_of_stripe_itself_is_asked_unless_another_is_given(loop: asyncio.Runner) -> None:
    pays, said = scripted(error(400, INVALID))
    with pytest.raises(ProviderRefused):
        loop.run(pays.charge(wish(token="pm_1"), key=KEY))
    assert said.asked[0].url.host == "api.stripe.com"
    assert said.asked[0].url.scheme == "https"
    elsewhere = Said(error(400, INVALID))
    twin = StripePayments(key=TEST_KEY, clock=MovedClock(), api_base=BASE, line=Line(elsewhere, no_pause))
    with pytest.raises(ProviderRefused):
        loop.run(twin.charge(wish(return_url=""), key=KEY))
    assert str(elsewhere.asked[0].url) == f"{BASE}/v1/checkout/sessions"
    assert b"127.0.0.1%3A8742%2Fc%2Fdone%2F%3Fsession" in elsewhere.asked[0].content
