"""The hosted pages of the twin's Stripe, as a browser without scripts meets them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.twin.stripe_cards import SHOWN
from services.twin.stripe_style import STYLE
from tests.twin.stripe_rig import CARD, VISA, Rig, text_of

pytestmark = pytest.mark.loopback

ASKS = "4000 0027 6000 3184"
ASKS_ONCE = "4000 0025 0000 3155"
WORDS = {
    "4000000000000002": "Your card was declined.",
    "4000000000009995": "Your card has insufficient funds.",
    "4000000000009987": "Your card was declined.",
    "4000000000009979": "Your card was declined.",
    "4000000000000069": "Your card has expired.",
    "4000000000000127": "Your card's security code is incorrect.",
    "4000000000000119": "An error occurred while processing your card. Try again in a little while.",
    "4000000000000341": "Your card was declined.",
}


def test_a_typed_card_pays_and_leads_back(rig: Rig) -> None:
    session = rig.session()
    page = rig.open_page(session["url"])
    assert page.status_code == 200
    for words in ("TEST MODE", "Starter plan", "Pay $29.00", "Card number"):
        assert words in text_of(page)
    answer = rig.pay(session)
    assert (answer.status_code, answer.headers["location"]) == (
        303, session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]),
    )  # fmt: skip
    paid = rig.read(session, "payment_intent.payment_method")
    assert (paid["status"], paid["payment_status"], paid["url"]) == ("complete", "paid", None)
    assert (paid["payment_intent"]["status"], paid["payment_intent"]["metadata"]) == ("succeeded", {"souk_key": "s"})
    assert paid["payment_intent"]["payment_method"]["customer"] == paid["customer"] != ""
    assert rig.event_types()[-1] == "checkout.session.completed"


@pytest.mark.parametrize(("number", "words"), WORDS.items())
def test_a_card_that_is_refused_is_told_in_words_and_another_pays(rig: Rig, number: str, words: str) -> None:
    session = rig.session()
    assert words in text_of(rig.pay(session, number))
    assert (rig.read(session)["status"], rig.stripe.balance("usd")) == ("open", 0)
    assert rig.pay(session).status_code == 303
    assert (rig.stripe.balance("usd"), rig.stripe.count_charges()) == (2900, 1)


def test_what_was_typed_stays_but_the_code_and_what_is_wrong_is_said_beside_it(rig: Rig) -> None:
    typed = text_of(rig.pay(rig.session(), expiry="01 / 20", email="kim@nowhere", name=""))
    assert f'value="{VISA}"' in typed
    assert 'value="01 / 20"' in typed
    assert 'value="kim@nowhere"' in typed
    assert f'value="{CARD["cvc"]}"' not in typed
    for words in ("This card's date is in the past.", "Enter your email address.", "Enter the name on the card."):
        assert words in typed
    assert typed.count('aria-invalid="true"') == 3


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("", "Enter the whole card number."),
        ("4242 4242 4242 4241", "This card number is not right. Check its digits."),
        ("4111 1111 1111 1111", "This page is a test and takes test cards only."),
    ],
)
def test_only_published_cards_are_taken(rig: Rig, number: str, words: str) -> None:
    answer = text_of(rig.pay(rig.session(), number))
    assert words in answer
    assert "4111 1111" not in answer


def test_markup_that_was_typed_is_shown_as_text(rig: Rig) -> None:
    answer = rig.pay(rig.session(), "1", name='"><script>alert(1)</script>')
    assert "<script>alert" not in answer.text


def test_no_number_and_no_code_is_kept(rig: Rig, tmp_path: Path) -> None:
    rig.paid()
    rig.pay(rig.session(key="b"), "4000 0000 0000 9995", cvc="987")
    kept = b"".join(file.read_bytes() for file in (tmp_path / "twin").glob("stripe.db*"))
    assert b"Starter plan" in kept
    for number, _ in SHOWN:
        assert number.encode() not in kept
    assert VISA.encode() not in kept
    assert b"987" not in re.sub(rb"[0-9.:T-]{8,}", b"", kept)


def test_the_page_needs_nothing_from_elsewhere_and_no_script(rig: Rig) -> None:
    page = rig.open_page(rig.session()["url"])
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "form-action 'self' http://127.0.0.1:9;" in policy
    led = re.findall(r'(?:src|href|action)="([^"]*)"', page.text)
    assert [one for one in led if not one.startswith(("/c/pay/", "http://127.0.0.1:9/"))] == []
    prefilled = text_of(rig.open_page(f"{rig.session()['url']}?card=insufficient_funds"))
    assert 'value="4000 0000 0000 9995"' in prefilled


# ---------------------------------------------------------------- the bank asks


def test_a_bank_that_asks_is_answered_on_its_own_page(rig: Rig) -> None:
    session = rig.session()
    answer = rig.pay(session, ASKS)
    bank = rig.url + answer.headers["location"]
    assert rig.read(session, "payment_intent")["payment_intent"]["status"] == "requires_action"
    assert "Visa ending in 3184" in text_of(rig.open_page(bank))
    assert "could not confirm" in text_of(rig.fill(bank, answer="fail"))
    assert rig.read(session)["status"] == "open"
    bank = rig.url + rig.pay(session, ASKS).headers["location"]
    assert rig.fill(bank, answer="complete").status_code == 303
    assert (rig.read(session)["status"], rig.stripe.balance("usd")) == ("complete", 2900)


def test_a_card_that_was_set_up_is_not_asked_about_while_nobody_is_there(rig: Rig) -> None:
    kim = rig.customer()
    session = rig.session(customer=kim)
    rig.fill(rig.url + rig.pay(session, ASKS_ONCE).headers["location"], answer="complete")
    token = rig.read(session, "payment_intent")["payment_intent"]["payment_method"]
    assert rig.charge(token, customer=kim)["status"] == "succeeded"
    other = rig.ask(rig.v1.payment_methods.attach_async("pm_card_authenticationRequired", {"customer": kim}))
    assert rig.refused(rig.charging(other["id"], key="b", customer=kim)).code == "authentication_required"


def test_a_bank_that_asks_may_still_find_no_funds(rig: Rig) -> None:
    session = rig.session()
    bank = rig.url + rig.pay(session, "4000 0082 6000 3178").headers["location"]
    assert "insufficient funds" in text_of(rig.fill(bank, answer="complete"))
    assert rig.read(session)["status"] == "open"


# ---------------------------------------------------------------- what is on file, and debits


def test_what_is_on_file_comes_first_and_pays_without_typing(rig: Rig) -> None:
    kim = rig.customer()
    token = rig.ask(rig.v1.payment_methods.attach_async("pm_card_visa", {"customer": kim}))["id"]
    session = rig.session(customer=kim)
    page = text_of(rig.open_page(session["url"]))
    assert "Visa ending in 4242" in page
    assert f'value="{token}" id="way-{token}" checked' in page
    assert rig.fill(session["url"], way=token).status_code == 303
    other = rig.session(key="other", customer=rig.customer())
    assert "Choose how to pay." in text_of(rig.fill(other["url"], way=token))


@pytest.mark.parametrize(
    ("token", "currency", "label"),
    [("pm_usBankAccount_success", "usd", "Test Bank ending in 6789"), ("sepa", "eur", "SEPA ending in 6789")],
)
def test_an_account_on_file_is_shown_without_a_date_and_pays(rig: Rig, token: str, currency: str, label: str) -> None:
    kim = rig.customer()
    if token == "sepa":  # has no name of its own, so it is kept by a page
        kept = rig.session(key="keep", mode="setup", currency="eur", customer=kim)
        rig.fill(kept["url"], email="kim@example.com", name="Kim", way="sepa_debit", bank="pays")
        token = rig.read(kept, "setup_intent")["setup_intent"]["payment_method"]
    else:
        token = rig.ask(rig.v1.payment_methods.attach_async(token, {"customer": kim}))["id"]
    price = {"currency": currency, "unit_amount": 2900, "product_data": {"name": "Starter plan"}}
    session = rig.session(customer=kim, line_items=[{"quantity": 1, "price_data": price}])
    page = rig.open_page(session["url"])
    assert page.status_code == 200
    assert label in text_of(page)
    assert "Valid to" not in text_of(page)
    assert rig.fill(session["url"], way=token).status_code == 303
    rig.clock.move(days=4)
    assert rig.read(session)["payment_status"] == "paid"


def test_what_was_taken_off_the_file_is_not_offered_any_more(rig: Rig) -> None:
    kim = rig.customer()
    for name in ("pm_card_visa", "pm_usBankAccount_success"):
        token = rig.ask(rig.v1.payment_methods.attach_async(name, {"customer": kim}))["id"]
        rig.ask(rig.v1.payment_methods.detach_async(token))
    session = rig.session(customer=kim)
    assert "ending in 4242" not in text_of(rig.open_page(session["url"]))
    assert "Choose how to pay." in text_of(rig.fill(session["url"], way=token))


def test_a_setup_page_keeps_a_card_and_charges_nothing(rig: Rig) -> None:
    kim = rig.customer()
    session = rig.session(mode="setup", currency="usd", customer=kim)
    assert "Nothing today" in text_of(rig.open_page(session["url"]))
    assert "declined" in text_of(rig.pay(session, "4000000000000002"))
    assert rig.pay(session, "4000000000000341").status_code == 303
    done = rig.read(session, "setup_intent.payment_method")
    token = done["setup_intent"]["payment_method"]
    assert (done["payment_status"], token["customer"]) == ("no_payment_required", kim)
    assert rig.refused(rig.charging(token["id"], customer=kim)).code == "card_declined"
    assert rig.stripe.balance("usd") == 0


@pytest.mark.parametrize(
    ("bank", "status", "paid", "event"),
    [
        ("pays", "succeeded", "paid", "checkout.session.async_payment_succeeded"),
        ("fails", "requires_payment_method", "unpaid", "checkout.session.async_payment_failed"),
    ],
)
def test_a_debit_is_under_way_for_four_days(rig: Rig, bank: str, status: str, paid: str, event: str) -> None:
    session = rig.session(allowed_payment_method_types=["us_bank_account"])
    assert "Choose a bank." in text_of(rig.fill(session["url"], email="kim@example.com", name="Kim"))
    answer = rig.fill(session["url"], email="kim@example.com", name="Kim", bank=bank)
    assert answer.status_code == 303
    found = rig.read(session, "payment_intent")
    assert (found["status"], found["payment_status"], found["payment_intent"]["status"]) == (
        "complete", "unpaid", "processing",
    )  # fmt: skip
    rig.clock.move(days=4)
    found = rig.read(session, "payment_intent")
    assert (found["payment_status"], found["payment_intent"]["status"]) == (paid, status)
    assert rig.event_types()[-1] == event


def test_a_hold_offers_no_debit_and_waits_to_be_captured(rig: Rig) -> None:
    held = rig.paid(payment_intent_data={"capture_method": "manual"})
    assert held["payment_method_types"] == ["card"]
    assert (held["payment_status"], held["payment_intent"]["status"]) == ("unpaid", "requires_capture")


# ---------------------------------------------------------------- what is over


def test_a_page_that_has_ended_takes_nothing(rig: Rig) -> None:
    session = rig.session()
    rig.clock.move(hours=24)
    assert "This page has ended" in text_of(rig.open_page(session["url"]))
    assert rig.pay(session).status_code == 410
    assert (rig.read(session)["status"], rig.stripe.count_charges()) == ("expired", 0)


def test_a_page_that_was_used_pays_once(rig: Rig) -> None:
    session = rig.session()
    assert [rig.pay(session).status_code for _ in range(2)] == [303, 303]
    assert "This is paid" in text_of(rig.open_page(session["url"]))
    assert rig.stripe.count_charges() == 1
    assert rig.refused(rig.v1.checkout.sessions.expire_async(session["id"])).http_status == 400


def test_a_page_that_is_given_up_takes_its_payment_along(rig: Rig) -> None:
    session = rig.session()
    bank = rig.url + rig.pay(session, ASKS).headers["location"]
    intent = rig.read(session)["payment_intent"]
    assert rig.refused(rig.v1.payment_intents.cancel_async(intent)).code == "payment_intent_unexpected_state"
    rig.ask(rig.v1.checkout.sessions.expire_async(session["id"]))
    assert rig.intent(intent)["status"] == "canceled"
    rig.fill(bank, answer="complete")
    assert rig.stripe.count_charges() == 0


def test_without_an_address_to_go_back_to_the_page_says_so(rig: Rig) -> None:
    session = rig.session()
    assert "You can close this page" in text_of(rig.open_page(f"{rig.url}/c/done/"))
    assert rig.open_page(f"{rig.url}/c/pay/cs_test_of_nobody").status_code == 404
    rig.pay(session)
    charge = rig.read(session, "payment_intent.latest_charge")["payment_intent"]["latest_charge"]
    assert "Visa ending in 4242" in text_of(rig.open_page(charge["receipt_url"]))


@pytest.mark.parametrize(
    "more",
    [
        {"expires_at": 1795514400 + 60 * 20},
        {"expires_at": 1795514400 + 86_400 * 2},
        {"success_url": "javascript:alert(1)"},
        {"success_url": "http://127.0.0.1:9/a\r\nset-cookie: a=b"},
        {"success_url": "http://127.0.0.1:9/a\n"},
        {"cancel_url": "http://127.0.0.1:9/a b"},
        {"cancel_url": "http://127.0.0.1:9/\u00e4"},
        {"line_items": []},
        {"mode": "subscription"},
        {"excluded_payment_method_types": ["card"], "payment_intent_data": {"capture_method": "manual"}},
    ],
)
def test_a_page_that_stripe_would_not_make_is_refused(rig: Rig, more: dict[str, object]) -> None:
    rig.session(key="good", expires_at=1795514400 + 60 * 40)
    error = rig.refused(rig.making(key="bad", **more))
    assert error.http_status == 400


# ---------------------------------------------------------------- reading them


def _colours() -> list[dict[str, str]]:
    light, dark = re.findall(r":root \{([^}]*)\}", STYLE)
    read = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part)) for part in (light, dark)]
    assert read[0].keys() == read[1].keys()
    return read


def _contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_every_text_can_be_read_in_light_and_dark(scheme: int) -> None:
    colour = _colours()[scheme]
    texts = [(front, back) for front in ("text", "quiet", "bad") for back in ("page", "side", "field", "soft")]
    texts += [("on-strong", "strong"), ("on-strong", "hover"), ("badge", "badge-back"), ("bad", "bad-back"),
              ("strong", "page")]  # fmt: skip
    assert [pair for pair in texts if _contrast(colour[pair[0]], colour[pair[1]]) < 4.5] == []
    assert all(_contrast(colour["edge"], colour[back]) >= 3 for back in ("page", "field"))
