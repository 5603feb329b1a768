"""Money on the checkout page: code, tax details, trial and wallet by mouse and by keys, with errors at their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from services.api.contract import Actor
from services.api.errors import InvalidInput
from services.api.money import Money
from services.api.types import BillingDetails, Register, TopUp
from tests.fakes import PASSWORD, FakeService
from tests.samples import SUPPORT_BUNDLE
from tests.ui.checkout_help import CARDS, FREE, PER_USE, PRO, STARTER, Run
from tests.ui.checkout_page import Desk
from tests.ui.page_help import button, child, cut_off, nameless, unnamed
from ui.bridge import Bridge
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.checkout_state import Phase
from ui.viewmodels.session import SessionViewModel
from ui.widgets.cards import OptionRow
from ui.widgets.choices import Segmented
from ui.widgets.select import Select

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")


@pytest.fixture
def desk(
    look: Theme,
    bridge: Bridge,
    holder: ServiceHolder,
    session: SessionViewModel,
    new_key: Callable[[], str],
    service: FakeService,
    qtbot: QtBot,
) -> Iterator[Desk]:
    made = Desk(CheckoutViewModel(bridge, holder, session, new_key), service, qtbot)
    yield made
    made.vm._keeper.forget()


@pytest.fixture
def rich(desk: Desk, signed_in: SessionViewModel, holder: ServiceHolder, run: Run) -> Desk:
    """The desk of somebody with $300 in the wallet: enough for a year of Starter, too little for one of Pro."""
    run(holder.service.top_up(TopUp(Money.parse("300"), CARDS["pays"]), key="top-up"))
    return desk


def summary_words(desk: Desk) -> set[str]:
    return {one.text() for one in child(desk.page, "orderSummary").findChildren(QLabel) if one.isVisible()}


# ---- code


def test_code_is_asked_about_by_enter_and_does_not_pay(desk: Desk) -> None:
    desk.open()
    desk.fill()
    desk.click("couponButton")
    assert desk.focused == "couponField"
    desk.type("welcome20")
    desk.press(Qt.Key.Key_Return)
    desk.wait(lambda: desk.state.applied_coupon == "WELCOME20")
    desk.wait(lambda: {"Code WELCOME20, 20% off", "−$198"} <= summary_words(desk))
    assert button(desk.page, "payButton").text() == "Complete purchase – $792"
    assert desk.focused == "couponChip"
    assert "quick_checkout" not in desk.service.calls


def test_code_that_is_not_known_stands_beside_its_field_and_can_be_mended(desk: Desk) -> None:
    desk.open()
    desk.click("couponButton")
    desk.type("WELCOME2")
    desk.press(Qt.Key.Key_Tab)  # leaving the field asks too
    desk.wait(lambda: desk.beside("couponField") == "This code is not known. Check it letter by letter.")
    assert desk.typed("couponField") == "WELCOME2"
    desk.click("couponField")
    desk.type("0")
    assert desk.beside("couponField") == ""
    desk.press(Qt.Key.Key_Return)
    desk.wait(lambda: desk.state.applied_coupon == "WELCOME20")


def test_code_is_removed_by_its_chip(desk: Desk) -> None:
    desk.open()
    desk.vm.type_coupon("TENOFF")
    desk.vm.apply_coupon()
    desk.wait(lambda: child(desk.page, "couponChip").isVisible())
    assert button(desk.page, "couponChip").accessibleName() == "Remove the code TENOFF"
    desk.click("couponChip")
    desk.wait(lambda: desk.text("totalAmount") == "$990")
    assert desk.focused == "couponButton"
    assert not child(desk.page, "couponField").isVisible()


def test_code_refused_while_paying_takes_the_focus(desk: Desk) -> None:
    desk.open()
    desk.fill()
    desk.vm.type_coupon("TENOFF")
    desk.vm.apply_coupon()
    desk.wait(lambda: desk.text("totalAmount") == "$980")
    desk.service.fail("quick_checkout", InvalidInput(fields={"coupon": "exhausted"}))
    desk.click("payButton")
    desk.wait_for(Phase.FAILED)
    assert desk.beside("couponField") == "This code has been used as often as it may be."
    assert desk.focused == "couponField"
    desk.wait(lambda: desk.text("totalAmount") == "$990")


def test_free_plan_has_no_place_for_a_code(desk: Desk) -> None:
    desk.open(FREE.uuid)
    assert not child(desk.page, "couponButton").isVisible()


# ---- tax


def test_country_brings_its_tax_into_total_and_button(desk: Desk) -> None:
    desk.open()
    desk.click("taxButton")
    assert desk.focused == "countryField"
    select = child(desk.page, "countryField")
    assert isinstance(select, Select)
    select.set_current("DE")
    select.picked.emit("DE")
    desk.wait(lambda: desk.text("totalAmount") == "$1,178.10")
    desk.wait(lambda: {"VAT 19%", "$188.10", "$1,188.00"} <= summary_words(desk))
    assert button(desk.page, "payButton").text() == "Complete purchase – $1,178.10"
    assert button(desk.page, "taxButton").text() == "Tax details: Germany"


def test_wrong_vat_id_opens_the_details_and_takes_the_focus(desk: Desk) -> None:
    desk.open()
    desk.fill()
    desk.vm.choose_country("DE")
    desk.click("taxButton")
    desk.click("vatField")
    desk.type("DE136695977")
    desk.press(Qt.Key.Key_Return)
    desk.wait(lambda: desk.beside("vatField").startswith("A digit of this VAT number is wrong."))
    desk.wait(lambda: desk.state.can_pay)
    desk.click("taxButton")
    desk.click("payButton")
    assert desk.focused == "vatField"
    assert "quick_checkout" not in desk.service.calls


# ---- trial


def test_trial_is_one_choice_away_and_says_what_follows(desk: Desk) -> None:
    desk.open()
    assert button(desk.page, "trialChoice-0").isChecked()
    assert button(desk.page, "trialChoice-1").text() == "Start 14-day trial"
    desk.click("trialChoice-1")
    desk.wait(lambda: button(desk.page, "payButton").text() == "Start trial, $0.00 today")
    words = desk.text("renewalText")
    assert words.startswith("The first charge is $990 on 28 March 2026. We remind you 3 days before")
    assert desk.text("reassurance") == "Nothing is charged today. You can cancel at any time."
    desk.fill()
    desk.click("payButton")
    desk.wait_for(Phase.PLACED)
    assert desk.service.world.charges == []


def test_plan_without_a_trial_offers_none(desk: Desk) -> None:
    desk.open(STARTER.uuid)
    assert not child(desk.page, "trialChoice").isVisible()


def test_plan_that_can_be_tried_says_so(desk: Desk) -> None:
    desk.open()
    assert "14-day free trial" in child(desk.page, "plan-pro").accessibleDescription()
    assert "trial" not in child(desk.page, "plan-starter").accessibleDescription()


# ---- wallet


def test_guest_sees_no_wallet(desk: Desk) -> None:
    desk.open()
    assert not button(desk.page, "paymentMethod-wallet").isVisible()


def test_wallet_names_its_balance_and_what_is_left(rich: Desk) -> None:
    rich.open(STARTER.uuid)
    assert rich.text("walletNote") == "Wallet: $300.00 available."
    rich.click("paymentMethod-wallet")
    row = child(rich.page, "walletRow")
    assert isinstance(row, OptionRow)
    rich.wait(lambda: row.accessibleDescription() == "$300.00 available, $10.00 after this order")
    assert not child(rich.page, "cardChoice").isVisible()
    rich.click("termsCheckbox")
    rich.click("payButton")
    rich.wait_for(Phase.PLACED)


def test_wallet_with_too_little_is_off_and_says_why(rich: Desk) -> None:
    rich.open(PRO.uuid)
    segment = button(rich.page, "paymentMethod-wallet")
    reason = "Your wallet has $300.00, and this order needs $990.00. Top it up to pay from it."
    assert not segment.isEnabled()
    assert (segment.toolTip(), rich.text("walletNote")) == (reason, reason)


def test_wallet_that_becomes_too_small_says_so_at_the_choice(rich: Desk) -> None:
    rich.open(STARTER.uuid)
    rich.click("paymentMethod-wallet")
    rich.wait(lambda: rich.state.can_pay)
    rich.click("plan-pro")
    rich.wait(lambda: rich.state.can_pay)
    rich.click("termsCheckbox")
    rich.click("payButton")
    assert rich.focused == "walletRow"
    assert rich.state.problems["payment_method"].startswith("There is not enough credit in the wallet.")


def test_pay_per_use_says_how_calls_are_paid(rich: Desk) -> None:
    rich.open(PER_USE.uuid)
    assert rich.text("usePaymentNote").startswith("Paid afterwards")
    rich.click("paymentMethod-wallet")
    rich.wait(lambda: rich.text("usePaymentNote").startswith("Prepaid"))


# ---- the sum moved


def test_new_sum_is_shown_and_not_paid_by_the_notice(desk: Desk, service: FakeService, run: Run) -> None:
    known = run(service.register(Register("ada@example.com", PASSWORD)))
    theirs = service.for_actor(Actor(session=known.token))
    run(theirs.top_up(TopUp(Money.parse("10"), CARDS["pays"]), key="first"))
    run(theirs.set_billing_details(BillingDetails(country="DE")))
    desk.open()
    desk.fill()
    desk.click("haveAccountButton")
    desk.click("payButton")
    desk.wait_for(Phase.FAILED)
    assert desk.text("totalAmount") == "$1,178.10"
    desk.wait(lambda: child(desk.page, "payNoticeAction").isVisible())
    desk.click("payNoticeAction")
    assert desk.focused == "payButton"
    assert "quick_checkout" not in service.calls


# ---- bundle


def test_bundle_names_what_one_has_already(desk: Desk, signed_in: SessionViewModel) -> None:
    desk.open(STARTER.uuid)
    desk.click("termsCheckbox")
    desk.click("payButton")
    desk.wait_for(Phase.PLACED)
    desk.open(SUPPORT_BUNDLE.plans[0].uuid, SUPPORT_BUNDLE)
    assert desk.text("ownedText") == "You already have Customer Care: you pay only for the other one."
    desk.wait(lambda: {"Already yours: Customer Care", "−$290.00"} <= summary_words(desk))


# ---- everything fits


@pytest.mark.parametrize(("width", "height", "scale"), [(1280, 800, 1.0), (900, 600, 1.0), (900, 600, 2.0)])
def test_everything_open_fits_and_is_named(rich: Desk, look: Theme, width: int, height: int, scale: float) -> None:
    look.set_text_scale(scale)
    rich.window.resize(width, height)
    rich.open(STARTER.uuid)
    rich.vm.choose_country("DE")
    rich.wait(lambda: rich.state.can_pay)
    for name in ("couponButton", "taxButton"):
        rich.click(name)
    rich.vm.type_coupon("NOPE")
    rich.vm.apply_coupon()
    rich.vm.type_vat("DE123")
    rich.vm.apply_vat()
    rich.wait(lambda: {"coupon", "vat_id"} <= set(rich.state.problems))
    QApplication.processEvents()
    assert cut_off(rich.page) == []
    assert unnamed(rich.page) == []
    assert nameless(rich.page) == []
    choice = child(rich.page, "paymentMethod")
    assert isinstance(choice, Segmented)
    assert choice.width() >= choice.minimumSizeHint().width()
