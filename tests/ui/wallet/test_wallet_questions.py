"""Every question of the wallet by keyboard alone: top-up, auto-top-up, codes, alert, refund, limits."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from services.api.money import Money
from tests.fakes import FakeService
from tests.ui.checkout_help import CARDS
from tests.ui.page_help import button, child, click, text, toasts
from tests.ui.wallet_help import ENTER, TAB, Run, amount, beside, focused, label_of, press, tab_to, write, write_into
from ui.pages.wallet import WalletPage
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.session import SessionViewModel
from ui.widgets.meter import Meter
from ui.widgets.notices import toast_area
from ui.widgets.overlay import OverlayStack

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
M = Money.parse


# ---- top up


def test_top_up_by_keyboard_alone(lived: WalletPage, service: FakeService, qtbot: QtBot) -> None:
    lived.top_up_button.setFocus()
    press(lived, ENTER)
    assert focused() == "topUpAmount"
    write(lived, "30")
    qtbot.waitUntil(lambda: button(lived.window(), "topUpPay").text() == "Top up – $30.00")
    press(lived, TAB)
    assert focused() == "topUpCard"
    press(lived, TAB)
    assert focused() == "topUpPay"
    press(lived, ENTER)
    qtbot.waitUntil(lambda: OverlayStack.of(lived).top is None)
    qtbot.waitUntil(lambda: amount(lived, "balanceAmount").text() == "$77.50")
    assert toasts(lived) == ["$30.00 was paid; the credit is in your wallet."]
    assert focused() == "topUpButton"
    assert service.world.charges[-1] == M("30")


def test_enter_in_the_amount_goes_to_the_button_and_does_not_spend(lived: WalletPage, qtbot: QtBot) -> None:
    lived.open_top_up()
    qtbot.waitUntil(lambda: lived.vm.top_up.state.quote is not None)
    press(lived, ENTER)
    assert focused() == "topUpPay"
    assert lived.vm.top_up.state.attempt_key == ""


def test_pack_fills_the_field_and_a_typed_pack_is_chosen(lived: WalletPage, qtbot: QtBot) -> None:
    lived.open_top_up()
    packs = lived.vm.top_up.state.packs
    click(lived.window(), "topUpPacks-0")
    assert child(lived.window(), "topUpAmount").property("text") == "10"
    write_into(lived, "topUpAmount", "37")
    assert child(lived.window(), f"topUpPacks-{len(packs)}").property("checked")
    click(lived.window(), f"topUpPacks-{len(packs) - 1}")
    assert lived.vm.top_up.state.amount == packs[-1]


def test_tax_is_in_sight_before_paying(lived: WalletPage, holder: ServiceHolder, run: Run, qtbot: QtBot) -> None:
    details = run(holder.service.get_billing_details())
    run(holder.service.set_billing_details(type(details)(name="Ada", address=("1 Road", "Berlin"), country="DE")))
    lived.open_top_up()
    write_into(lived, "topUpAmount", "100")
    qtbot.waitUntil(lambda: label_of(lived, "topUpTotal") == "$119.00")
    assert label_of(lived, "topUpTax") == "$19.00"
    assert label_of(lived, "topUpTaxName").endswith("19 %")
    assert button(lived.window(), "topUpPay").text() == "Top up – $119.00"


def test_wrong_amount_stands_beside_the_field_with_the_keyboard_in_it(lived: WalletPage, qtbot: QtBot) -> None:
    lived.open_top_up()
    write_into(lived, "topUpAmount", "1")
    child(lived.window(), "topUpPay").setFocus()
    press(lived, ENTER)
    assert beside(lived, "topUpAmount") == "Enter $5.00 or more."
    assert focused() == "topUpAmount"


def test_declined_card_stands_beside_the_card_and_all_is_kept(lived: WalletPage, qtbot: QtBot) -> None:
    lived.open_top_up()
    write_into(lived, "topUpAmount", "30")
    lived.vm.top_up.choose_card(CARDS["insufficient_funds"])
    qtbot.waitUntil(lambda: lived.vm.top_up.state.quote is not None)
    click(lived.window(), "topUpPay")
    qtbot.waitUntil(lambda: bool(beside(lived, "topUpCard")))
    assert beside(lived, "topUpCard").startswith("There is not enough money on this card.")
    assert focused() == "topUpCard"
    assert child(lived.window(), "topUpAmount").property("text") == "30"


@pytest.mark.parametrize(("name", "balance"), [("approveButton", "$77.50"), ("declineButton", "$47.50")])
def test_bank_is_answered_in_place(lived: WalletPage, qtbot: QtBot, name: str, balance: str) -> None:
    lived.open_top_up()
    write_into(lived, "topUpAmount", "30")
    lived.vm.top_up.choose_card(CARDS["needs_confirmation"])
    qtbot.waitUntil(lambda: lived.vm.top_up.state.quote is not None)
    click(lived.window(), "topUpPay")
    qtbot.waitUntil(lambda: focused() == "approveButton")
    tab_to(lived, name)
    press(lived, ENTER)
    if name == "approveButton":
        qtbot.waitUntil(lambda: OverlayStack.of(lived).top is None)
    else:
        qtbot.waitUntil(lambda: "not confirmed" in beside(lived, "topUpCard"))
    qtbot.waitUntil(lambda: amount(lived, "balanceAmount").text() == balance)


def test_bank_can_be_left_and_come_back_to(lived: WalletPage, qtbot: QtBot) -> None:
    lived.open_top_up()
    lived.vm.top_up.choose_card(CARDS["needs_confirmation"])
    qtbot.waitUntil(lambda: lived.vm.top_up.state.quote is not None)
    click(lived.window(), "topUpPay")
    qtbot.waitUntil(lambda: focused() == "approveButton")
    press(lived, Qt.Key.Key_Escape)
    assert button(lived.window(), "topUpPay").text().startswith("Confirm with your bank – ")
    click(lived.window(), "topUpPay")
    assert focused() == "approveButton"


def test_question_asked_before_the_wallet_is_there_opens_when_it_is(
    page: WalletPage, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    page.vm.load()
    page.open_top_up()
    qtbot.waitUntil(lambda: focused() == "topUpAmount")


# ---- auto-top-up


def test_auto_top_up_by_keyboard_alone_rehearsed_before_it_is_on(
    lived: WalletPage, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    tab_to(lived, "autoTopUpButton")
    press(lived, ENTER)
    assert focused() == "autoThreshold"
    qtbot.waitUntil(lambda: label_of(lived, "rehearsalResult").endswith("never empty"))
    write(lived, "48")
    assert label_of(lived, "rehearsalResult") == "Enter the three amounts first."
    assert not button(lived.window(), "autoSwitchOn").isEnabled() or lived.vm.auto.state.all_problems == {}
    press(lived, TAB)
    assert focused() == "autoTarget"
    write(lived, "60")
    press(lived, TAB)
    assert focused() == "autoLimit"
    write(lived, "300")
    press(lived, TAB)
    assert focused() == "autoCard"
    qtbot.waitUntil(lambda: button(lived.window(), "autoSwitchOn").isEnabled())
    assert label_of(lived, "rehearsalResult").startswith("1 charge, $")
    assert label_of(lived, "rehearsalDetail").startswith("You spent $2.50 in the last 90 days;")
    assert button(lived.window(), "autoSwitchOn").text() == "Switch on – at most $300.00 a month"
    press(lived, TAB)
    assert focused() == "autoSwitchOn"
    press(lived, ENTER)
    qtbot.waitUntil(lambda: OverlayStack.of(lived).top is None)
    kept = run(holder.service.get_wallet()).auto_top_up
    assert (kept.is_on, kept.threshold, kept.target, kept.monthly_limit) == (True, M("48"), M("60"), M("300"))
    qtbot.waitUntil(lambda: text(lived, "autoTopUpState").startswith("Below $48.00, filled up to $60.00."))
    assert toasts(lived) == ["Auto-top-up is on."]


def test_auto_top_up_is_off_until_it_is_switched_on_and_can_be_switched_off(
    lived: WalletPage, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    assert text(lived, "autoTopUpState") == "Off. Nothing is charged by itself."
    lived.open_auto_top_up()
    assert not child(lived.window(), "autoSwitchOff").isVisible()
    qtbot.waitUntil(lambda: lived.vm.auto.state.can_switch_on)
    click(lived.window(), "autoSwitchOn")
    qtbot.waitUntil(lambda: OverlayStack.of(lived).top is None)
    qtbot.waitUntil(lambda: button(lived, "autoTopUpButton").text() == "Change")
    lived.open_auto_top_up()
    click(lived.window(), "autoSwitchOff")
    qtbot.waitUntil(lambda: text(lived, "autoTopUpState") == "Off. Nothing is charged by itself.")


def test_missing_limit_stands_beside_its_field_with_the_keyboard_in_it(lived: WalletPage, qtbot: QtBot) -> None:
    lived.open_auto_top_up()
    write_into(lived, "autoLimit", "1")
    child(lived.window(), "autoSwitchOn").setFocus()
    press(lived, ENTER)
    assert beside(lived, "autoLimit") == "The monthly limit must allow one whole top-up."
    assert focused() == "autoLimit"


# ---- the short questions


def test_code_is_redeemed_by_keyboard_and_a_wrong_one_stays_to_be_mended(lived: WalletPage, qtbot: QtBot) -> None:
    lived.redeem_button.setFocus()
    press(lived, ENTER)
    assert focused() == "redeemCode"
    write(lived, "GIFT52")
    press(lived, ENTER)
    qtbot.waitUntil(lambda: beside(lived, "redeemCode") == "This code is not known. Check it letter by letter.")
    assert focused() == "redeemCode"
    write(lived, "gift25")
    press(lived, ENTER)
    qtbot.waitUntil(lambda: OverlayStack.of(lived).top is None)
    qtbot.waitUntil(lambda: amount(lived, "balanceAmount").text() == "$72.50")
    assert toasts(lived) == ["$25.00 of credit is in your wallet."]


def test_alert_is_set_changed_and_switched_off(lived: WalletPage, qtbot: QtBot) -> None:
    tab_to(lived, "alertButton")
    press(lived, ENTER)
    press(lived, ENTER)
    assert beside(lived, "alertThreshold") == "Enter an amount."
    write(lived, "20")
    press(lived, ENTER)
    qtbot.waitUntil(lambda: text(lived, "alertState") == "Warns below $20.00.")
    qtbot.waitUntil(lambda: OverlayStack.of(lived).top is None)
    click(lived, "alertButton")
    click(lived.window(), "alertOff")
    qtbot.waitUntil(lambda: text(lived, "alertState") == "Off. You are not warned.")


def test_credit_is_listed_in_spending_order_and_can_go_back(lived: WalletPage, qtbot: QtBot) -> None:
    lived.vm.redeem("GIFT25")
    qtbot.waitUntil(lambda: lived.vm.state.wallet is not None and len(lived.vm.state.wallet.credits) == 2)
    lived.tabs.set_current(1)
    assert child(child(lived, "credit-0"), "spentFirst").isVisible()
    assert amount(lived, "creditAmount-0").text() == "$25.00 of $25.00 left"
    assert amount(lived, "creditAmount-1").text() == "$47.50 of $50.00 left"
    assert not lived.findChildren(QWidget, "refundCredit-0")  # a gift does not go back
    click(lived, "refundCredit-1")
    dialog = child(lived.window(), "refundDialog")
    assert button(dialog, "dialogConfirm").text() == "Send back $47.50"
    assert focused() == "dialogCancel"
    click(dialog, "dialogConfirm")
    qtbot.waitUntil(lambda: OverlayStack.of(lived).top is None)
    qtbot.waitUntil(lambda: amount(lived, "balanceAmount").text() == "$25.00")
    assert "$47.50 goes back to the card." in toasts(lived)


def test_limit_is_set_raised_removed_and_brought_back(lived: WalletPage, qtbot: QtBot) -> None:
    lived.tabs.set_current(2)
    click(lived, "capsEmptyAction")
    assert focused() == "capScope"
    press(lived, TAB, TAB)
    assert focused() == "capLimitField"
    press(lived, ENTER)
    assert beside(lived, "capLimitField") == "Enter an amount."
    write(lived, "40")
    press(lived, ENTER)
    qtbot.waitUntil(lambda: OverlayStack.of(lived).top is None)
    qtbot.waitUntil(lambda: bool(lived.findChildren(QWidget, "capLimit-0")))
    assert text(lived, "capLimit-0") == "$40.00 a month"
    meter = child(lived, "capMeter-0")
    assert isinstance(meter, Meter)
    click(lived, "raiseCap-0")
    assert focused() == "raiseLimit"
    write(lived, "40")
    press(lived, ENTER)
    assert beside(lived, "raiseLimit") == "Enter $40.01 or more."
    write(lived, "60")
    press(lived, ENTER)
    qtbot.waitUntil(lambda: text(lived, "capLimit-0") == "$60.00 a month")
    qtbot.waitUntil(lambda: OverlayStack.of(lived).top is None)
    click(lived, "removeCap-0")
    qtbot.waitUntil(lambda: child(lived, "capsEmpty").isVisible())
    assert toast_area(lived).undo_latest()
    qtbot.waitUntil(lambda: bool(lived.findChildren(QWidget, "capLimit-0")))


def test_escape_closes_the_question_only_and_forgets_what_was_wrong(lived: WalletPage, qtbot: QtBot) -> None:
    lived.open_redeem()
    press(lived, ENTER)
    assert beside(lived, "redeemCode") == "Enter the code."
    press(lived, Qt.Key.Key_Escape)
    assert OverlayStack.of(lived).top is None
    assert lived.vm.state.problems == {}
