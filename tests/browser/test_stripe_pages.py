"""The twin's hosted pages in a real Chromium: cards, the bank's question, debits, and every other end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.chromium import PHONE, Tab
from tests.browser.merchant import Merchant
from tests.twin.stripe_rig import Doc, Rig

pytestmark = [pytest.mark.loopback, pytest.mark.slow]
VISA, DECLINED, ASKS = "4242424242424242", "4000000000000002", "4000002760003184"
NewTab = Callable[..., Tab]


def opened(rig: Rig, merchant: Merchant, **more: Any) -> Doc:
    """A page that leads back to the merchant."""  # Any: parameters of the page
    return rig.session(success_url=f"{merchant.url}/paid?order=1", cancel_url=f"{merchant.url}/left?order=1", **more)


def type_card(tab: Tab, number: str = VISA) -> None:
    tab.fill(number=number, expiry="12 / 34", cvc="987", email="kim@example.com", name="Kim Doe")


def intent_state(rig: Rig, session: Doc) -> str:
    intent = rig.read(session)["payment_intent"]
    return str(rig.intent(intent)["status"]) if intent else ""


def test_a_typed_card_pays_and_the_browser_goes_back(tab: Tab, rig: Rig, merchant: Merchant) -> None:
    session = opened(rig, merchant)
    assert tab.go(session["url"]) == 200
    assert "$29.00" in tab.text
    type_card(tab)
    tab.type("#number", VISA)
    tab.type("#expiry", "1234")
    assert (tab.value("#number"), tab.value("#expiry")) == ("4242 4242 4242 4242", "12 / 34")
    tab.click("#pay")
    tab.wait_at(merchant.url)
    assert merchant.visits == ["/paid?order=1"]
    assert rig.read(session)["payment_status"] == "paid"
    assert (rig.stripe.count_charges(), rig.stripe.balance("usd")) == (1, 2900)


def test_after_a_decline_another_card_pays_on_the_same_page(tab: Tab, rig: Rig, merchant: Merchant) -> None:
    session = opened(rig, merchant)
    tab.go(session["url"])
    type_card(tab, DECLINED)
    tab.click("#pay")
    tab.wait_for("Your card was declined.")
    assert (tab.value("#email"), tab.value("#cvc")) == ("kim@example.com", "")
    assert merchant.visits == []
    type_card(tab)
    tab.click("#pay")
    tab.wait_at(merchant.url)
    assert rig.stripe.balance("usd") == 2900


def test_what_is_wrong_stands_below_its_field_and_the_cursor_is_there(tab: Tab, rig: Rig, merchant: Merchant) -> None:
    tab.go(opened(rig, merchant)["url"])
    type_card(tab)
    tab.type("#number", "4242424242424241")
    tab.type("#expiry", "1219")
    tab.click("#pay")
    tab.wait_seen("#number-slip")
    assert tab.focused == "number"
    assert tab_slip(tab, "expiry")
    assert rig.stripe.count_charges() == 0


def tab_slip(tab: Tab, field: str) -> str:
    """The sentence a reader of the screen hears with the field."""
    return str(tab.run(f"document.getElementById(document.getElementById('{field}')"
                       ".getAttribute('aria-describedby')).textContent"))  # fmt: skip


def test_the_bank_asks_and_a_yes_pays(tab: Tab, rig: Rig, merchant: Merchant) -> None:
    session = opened(rig, merchant)
    tab.go(session["url"])
    type_card(tab, ASKS)
    tab.click("#pay")
    tab.wait_for("Is it you who pays?")
    assert rig.stripe.balance("usd") == 0
    tab.click("#complete")
    tab.wait_at(merchant.url)
    assert intent_state(rig, session) == "succeeded"


def test_a_no_to_the_bank_charges_nothing_and_leaves_the_page_open(tab: Tab, rig: Rig, merchant: Merchant) -> None:
    session = opened(rig, merchant)
    tab.go(session["url"])
    type_card(tab, ASKS)
    tab.click("#pay")
    tab.wait_for("Is it you who pays?")
    tab.click("#fail")
    tab.wait_for("could not confirm that it is you")
    assert (rig.read(session)["status"], rig.stripe.balance("usd"), merchant.visits) == ("open", 0, [])
    type_card(tab)
    tab.click("#pay")
    tab.wait_at(merchant.url)
    assert rig.stripe.balance("usd") == 2900


def test_the_way_back_pays_nothing(tab: Tab, rig: Rig, merchant: Merchant) -> None:
    session = opened(rig, merchant)
    tab.go(session["url"])
    tab.click("#back")
    tab.wait_at(merchant.url)
    assert merchant.visits == ["/left?order=1"]
    assert (rig.read(session)["status"], rig.stripe.count_charges()) == ("open", 0)


@pytest.mark.parametrize(("bank", "is_paid"), [("Test Bank", True), ("Bank of No Funds", False)])
def test_a_bank_debit_takes_its_days(tab: Tab, rig: Rig, merchant: Merchant, bank: str, is_paid: bool) -> None:
    session = opened(rig, merchant, allowed_payment_method_types=["us_bank_account"])
    tab.go(session["url"])
    tab.type("#email", "kim@example.com")
    tab.type("#name", "Kim Doe")
    tab.click(f"text={bank}")
    tab.click("#pay")
    tab.wait_at(merchant.url)
    assert intent_state(rig, session) == "processing"
    rig.clock.move(days=5)
    assert (intent_state(rig, session) == "succeeded") is is_paid
    assert rig.stripe.balance("usd") == (2900 if is_paid else 0)


def test_an_account_on_file_is_offered_and_pays(tab: Tab, rig: Rig, merchant: Merchant) -> None:
    kim = rig.customer()
    rig.ask(rig.v1.payment_methods.attach_async("pm_usBankAccount_success", {"customer": kim}))
    session = opened(rig, merchant, customer=kim)
    assert tab.go(session["url"]) == 200
    assert "Test Bank ending in 6789" in tab.text
    tab.click("#pay")
    tab.wait_at(merchant.url)
    assert intent_state(rig, session) == "processing"


def test_a_used_page_says_so_and_charges_no_second_time(tab: Tab, rig: Rig, merchant: Merchant) -> None:
    session = opened(rig, merchant)
    tab.go(session["url"])
    type_card(tab)
    tab.click("#pay")
    tab.wait_at(merchant.url)
    tab.go(session["url"])
    assert "This is paid" in tab.text
    assert not tab.is_seen("form")
    assert rig.stripe.count_charges() == 1


def test_pressing_pay_again_after_going_back_charges_once(tab: Tab, rig: Rig, merchant: Merchant) -> None:
    session = opened(rig, merchant)
    tab.go(session["url"])
    type_card(tab)
    tab.click("#pay")
    tab.wait_at(merchant.url)
    tab.back()
    if tab.is_seen("#pay"):  # some browsers keep the page as it was
        type_card(tab)
        tab.click("#pay")
        tab.wait_at(merchant.url)
    assert rig.stripe.count_charges() == 1


def test_an_expired_page_takes_no_card(new_tab: NewTab, rig: Rig, merchant: Merchant) -> None:
    session, tab = opened(rig, merchant), new_tab()
    tab.go(session["url"])
    type_card(tab)
    rig.clock.move(hours=25)
    tab.click("#pay")
    tab.wait_for("This page has ended")
    assert rig.stripe.count_charges() == 0
    assert tab.go(session["url"]) == 410
    assert "Nothing was charged" in tab.text
    assert all("410 (Gone)" in said for said in tab.complaints)  # what Chromium says of the status itself


def test_the_keyboard_is_enough(tab: Tab, rig: Rig, merchant: Merchant) -> None:
    """Tab by tab in the order of the page, never a click."""
    session = opened(rig, merchant)
    tab.go(session["url"])
    texts = {"email": "kim@example.com", "number": VISA, "expiry": "1234", "cvc": "987", "name": "Kim Doe"}
    order: list[str] = []
    while (at := tab.focused) != "pay" and len(order) < 20:
        tab.press("Tab")
        if (at := tab.focused) in texts:
            tab.keys(texts[at])
        order.append(at)
    assert [one for one in order if one in texts] == list(texts)
    tab.press("Enter")
    tab.wait_at(merchant.url)
    assert rig.stripe.balance("usd") == 2900


@pytest.mark.parametrize("where", ["form", "problems", "bank", "ended"])
def test_on_a_phone_nothing_needs_scrolling_sideways(new_tab: NewTab, rig: Rig, merchant: Merchant, where: str) -> None:
    tab = new_tab(PHONE, is_phone=True, dark=True)
    long = "A very long name of a plan that somebody made up to see whether a page of a phone can take it " * 2
    price = {"currency": "usd", "unit_amount": 98765432, "product_data": {"name": long, "description": "x" * 300}}
    session = opened(rig, merchant, line_items=[{"quantity": 1, "price_data": price}])
    tab.go(session["url"])
    if where == "form":
        tab.click("summary")
    elif where == "problems":
        tab.click("#pay")
        tab.wait_seen(".slip")
    elif where == "bank":
        type_card(tab, ASKS)
        tab.click("#pay")
        tab.wait_for("Is it you who pays?")
    else:
        rig.stripe.expire(session["id"])
        tab.go(session["url"])
    assert tab.run("document.documentElement.scrollWidth") <= PHONE[0]
    assert tab.run("window.innerWidth") == PHONE[0]  # it was not zoomed out either


def test_it_works_without_scripts(new_tab: NewTab, rig: Rig, merchant: Merchant) -> None:
    tab = new_tab(scripts=False)
    session = opened(rig, merchant)
    tab.go(session["url"])
    type_card(tab, DECLINED)
    tab.click("#pay")
    tab.wait_for("Your card was declined.")
    type_card(tab, ASKS)
    tab.click("#pay")
    tab.wait_for("Is it you who pays?")
    tab.click("#complete")
    tab.wait_at(merchant.url)
    assert rig.stripe.balance("usd") == 2900
    assert tab.complaints == []


@pytest.mark.parametrize("scripts", [True, False])
def test_a_test_card_is_filled_in_by_one_click(new_tab: NewTab, rig: Rig, merchant: Merchant, scripts: bool) -> None:
    tab = new_tab(scripts=scripts)
    tab.go(opened(rig, merchant)["url"])
    tab.click("summary")
    tab.click("text=4000 0000 0000 9995")
    tab.wait_for("Pay with") if not scripts else None
    assert tab.value("#number") == "4000 0000 0000 9995"
    if not scripts:  # the code of a card is never filled in by a page
        tab.type("#cvc", "123")
    tab.click("#pay")
    tab.wait_for("Your card has insufficient funds.")


def test_a_page_of_somebody_else_cannot_pay(tab: Tab, rig: Rig, merchant: Merchant) -> None:
    """A form on another origin that posts a card to the page."""
    session = opened(rig, merchant)
    tab.go(f"{merchant.url}/evil")
    form = "document.body.innerHTML = `<form method=post action='{url}'><input name=number value='{number}'>"
    rest = "<input name=expiry value='12 / 34'><input name=cvc value=123><button id=evil>Win</button></form>`"
    tab.run((form + rest).format(url=session["url"], number=VISA))
    tab.click("#evil")
    tab.wait_for("Not from there")
    assert rig.stripe.count_charges() == 0
    tab.complaints.clear()  # Chromium says of the answer that it was a 403
