"""The sheet that changes a subscription: what it says before anything is done, keys, words beside their fields."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import Offline, PaymentUnknown
from services.api.money import Money
from services.api.types import ChangeAction, SubscriptionState
from tests.ui.checkout_help import CARDS
from tests.ui.page_help import button, child, click, cut_off, nameless, tab_round, tab_stops, text, unnamed
from tests.ui.subscription_help import PRO, YEARLY, Owner, Run
from ui.bridge import Bridge
from ui.pages.subscriptions import SubscriptionsPage
from ui.pages.subscriptions.change_sheet import ChangeSheet
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.plan_change_state import ChangePhase, Task
from ui.viewmodels.quotes import QuotesViewModel
from ui.viewmodels.session import SessionViewModel
from ui.viewmodels.subscriptions import SubscriptionsViewModel
from ui.widgets.buttons import Button
from ui.widgets.choice_note import ChoiceNote
from ui.widgets.fields import Labelled
from ui.widgets.notices import Banner, toast_area
from ui.widgets.overlay import OverlayStack
from ui.widgets.select import Select

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
NewKey = Callable[[], str]


@pytest.fixture
def window(look: Theme, qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    made.resize(1056, 800)
    return made


class Desk:
    """The page in a window and its owner, who has bought Starter by the month."""

    def __init__(self, page: SubscriptionsPage, owner: Owner) -> None:
        self.page, self.owner = page, owner

    def open(self, task: Task = Task.PLAN) -> ChangeSheet:
        names = {Task.PLAN: "changePlan", Task.CANCEL: "cancel", Task.PAY: "pay", Task.RESUME: "resume"}
        uuid = self.owner.only.uuid
        if task in names:
            button(self.page, f"{names[task]}-{uuid}").click()
        else:
            self.page.change_vm.begin(self.owner.only, task)
        self.owner.settle()
        QApplication.processEvents()
        return self.sheet

    @property
    def sheet(self) -> ChangeSheet:
        top = OverlayStack.of(self.page).top
        assert isinstance(top, ChangeSheet)
        return top

    @property
    def is_open(self) -> bool:
        return OverlayStack.of(self.page).top is not None

    @property
    def focused(self) -> str:
        widget = QApplication.focusWidget()
        return widget.objectName() if widget is not None else ""

    def press(self, key: Qt.Key) -> None:
        QTest.keyClick(QApplication.focusWidget() or self.page, key)

    def text(self, name: str) -> str:
        return text(self.sheet, name)

    def said(self, name: str) -> str:
        found = child(self.sheet, name)
        assert isinstance(found, Banner)
        return found.text if found.isVisible() else ""

    def beside(self, name: str) -> str:
        box = child(self.sheet, f"{name}Box")
        assert isinstance(box, Labelled)
        return box.error or ""

    def commit(self) -> Button:
        found = button(self.sheet, "changeCommit")
        assert isinstance(found, Button)
        return found

    def pick_card(self, outcome: str) -> None:
        select = child(self.sheet, "changeCard")
        assert isinstance(select, Select)
        select.set_current(CARDS[outcome])
        select.activated.emit(select.currentIndex())
        self.owner.settle()

    def load(self) -> None:
        self.page.vm.load()
        self.owner.wait(lambda: not self.page.vm._bridge.is_running(self.page.vm, "load"))

    def toast(self) -> str:
        return toast_area(self.page).toasts()[-1].text


@pytest.fixture
def desk(
    window: QWidget,
    bridge: Bridge,
    holder: ServiceHolder,
    signed_in: SessionViewModel,
    new_key: NewKey,
    run: Run,
    qtbot: QtBot,
) -> Desk:
    change = PlanChangeViewModel(bridge, holder, new_key)
    page = SubscriptionsPage(SubscriptionsViewModel(bridge, holder), change, QuotesViewModel(bridge, holder, new_key))
    layout = QVBoxLayout(window)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(page)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    made = Desk(page, Owner(change, holder, run, qtbot))
    made.owner.buy()
    made.load()
    return made


# ---- another plan


def test_nothing_can_be_done_before_something_else_is_chosen(desk: Desk) -> None:
    desk.open()
    assert desk.text("currentPlan") == "Now: Starter, monthly, $29 a month"
    assert desk.focused == "changePlan-starter"
    assert not desk.commit().isEnabled()
    assert not child(desk.sheet, "changeArithmetic").isVisible()


def test_every_line_stands_there_before_it_is_done(desk: Desk) -> None:
    desk.open()
    click(desk.sheet, "changePlan-pro")
    desk.owner.settle()
    lines = [one.text() for one in desk.sheet.arithmetic.findChildren(QLabel)]
    assert "Unused time of Starter, 14 March 2026 to 14 April 2026" in lines
    assert "−$29.00" in lines
    assert "Remaining time of Pro, 14 March 2026 to 14 April 2026" in lines
    assert "$99.00" in lines
    assert (desk.text("changeTotalTitle"), desk.text("changeTotal")) == ("Due now", "$70.00")
    assert desk.text("changeEffective") == "Takes effect at once."
    assert desk.text("changeUsage") == "You have used 0 of 1,000; from now on 10,000 of 10,000 are left."
    assert desk.text("changeNext") == "Next charge: $99.00 on 14 April 2026."
    assert desk.commit().text() == "Change the plan – $70.00 now"
    assert desk.text("changePaidWith") == "Paid with Visa •••• 4242"


def test_keyboard_changes_the_plan(desk: Desk) -> None:
    desk.open()
    desk.press(Qt.Key.Key_Right)
    assert desk.focused == "changePlan-pro"
    desk.owner.settle()
    desk.press(Qt.Key.Key_Return)  # in the form it spends nothing
    assert desk.owner.state.phase is ChangePhase.IDLE
    for _ in range(20):
        if desk.focused == "changeCommit":
            break
        desk.press(Qt.Key.Key_Tab)
    desk.press(Qt.Key.Key_Return)
    desk.owner.wait(lambda: not desk.is_open)
    assert desk.owner.only.plan.uuid == PRO.uuid
    assert desk.toast() == "Customer Care is on Pro now."
    desk.owner.wait(lambda: text(desk.page, f"place-{desk.owner.only.uuid}").startswith("Pro, monthly"))


def test_downgrade_waits_and_can_be_undone_from_the_toast(desk: Desk, qtbot: QtBot) -> None:
    desk.open()
    click(desk.sheet, "changePlan-free")
    desk.owner.settle()
    assert desk.text("changeEffective").startswith("Takes effect on 14 April 2026.")
    assert desk.commit().text() == "Change at the end of the period"
    desk.commit().click()
    desk.owner.wait(lambda: not desk.is_open)
    assert desk.toast() == "Customer Care changes to Free on 14 April 2026."
    toast_area(desk.page).toasts()[-1].action_button.click()
    desk.owner.wait(lambda: desk.owner.only.pending is None)
    desk.owner.wait(lambda: desk.toast() == "Nothing changes for Customer Care.")


def test_what_was_taken_back_on_the_card_is_not_offered_again(desk: Desk) -> None:
    desk.open()
    click(desk.sheet, "changePlan-free")
    desk.owner.settle()
    desk.commit().click()
    desk.owner.wait(lambda: not desk.is_open)
    offers = [one for one in toast_area(desk.page).toasts() if one.action_button.isVisible()]
    assert len(offers) == 1
    desk.owner.wait(lambda: child(desk.page, f"undo-{desk.owner.only.uuid}").isVisible())
    click(desk.page, f"undo-{desk.owner.only.uuid}")
    desk.owner.wait(lambda: desk.toast() == "Nothing changes for Customer Care.")
    assert not [one for one in toast_area(desk.page).toasts() if one.action_button.isVisible()]


def test_yearly_is_the_whole_price_and_starts_anew(desk: Desk) -> None:
    desk.open()
    click(desk.sheet, "changeCycle-1")
    desk.owner.settle()
    assert desk.owner.state.cycle is YEARLY
    assert desk.commit().text() == "Change the plan – $261.00 now"  # $290 less the $29 that are unused


def test_wrong_quantity_is_said_beside_it(desk: Desk) -> None:
    desk.open()
    field = child(desk.sheet, "changeQuantity")
    assert isinstance(field, QLineEdit)
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "0")
    assert desk.commit().isEnabled()
    desk.commit().click()
    assert desk.beside("changeQuantity") == "Enter a whole number from 1 to 10,000."
    assert QApplication.focusWidget() is field
    QTest.keyClicks(field, "3")
    desk.owner.settle()
    assert (field.text(), desk.beside("changeQuantity")) == ("3", "")
    assert desk.commit().text() == "Change the plan – $58.00 now"


def test_declined_card_is_said_beside_the_card_and_everything_is_kept(desk: Desk) -> None:
    desk.open()
    click(desk.sheet, "changePlan-pro")
    desk.owner.settle()
    click(desk.sheet, "changeOtherCard")
    assert desk.focused == "changeCard"
    desk.pick_card("declined")
    desk.commit().click()
    desk.owner.wait(lambda: desk.owner.state.phase is ChangePhase.FAILED)
    assert desk.beside("changeCard").startswith("The card was declined. Nothing was charged.")
    assert desk.focused == "changeCard"
    assert button(desk.sheet, "changePlan-pro").isChecked()
    desk.pick_card("pays")
    assert desk.beside("changeCard") == ""
    desk.commit().click()
    desk.owner.wait(lambda: not desk.is_open)
    assert desk.owner.only.plan.uuid == PRO.uuid


def test_sum_that_moved_is_shown_and_asked_again(desk: Desk) -> None:
    desk.open()
    click(desk.sheet, "changePlan-pro")
    desk.owner.settle()
    desk.owner.service.world.clock.advance(days=15)
    desk.commit().click()
    desk.owner.wait(lambda: desk.said("changeNotice"))
    new = desk.text("changeTotal")
    assert new != "$70.00"
    assert desk.said("changeNotice") == (
        f"The sum is now {new} instead of $70.00. Check it and press again; nothing was charged."
    )
    assert desk.commit().text() == f"Change the plan – {new} now"
    desk.commit().click()
    desk.owner.wait(lambda: not desk.is_open)


def test_unknown_outcome_locks_the_choice_and_is_asked_again(desk: Desk) -> None:
    desk.open()
    click(desk.sheet, "changePlan-pro")
    desk.owner.settle()
    desk.owner.service.fail("commit_change", PaymentUnknown())
    desk.commit().click()
    desk.owner.wait(lambda: desk.said("changeNotice"))
    assert not child(desk.sheet, "changePlans").isEnabled()
    click(desk.sheet, "changeNoticeAction")
    desk.owner.wait(lambda: not desk.is_open)
    assert desk.owner.service.world.charges[-1] == Money.parse("70")


def test_bank_is_answered_in_the_same_sheet(desk: Desk) -> None:
    desk.open()
    click(desk.sheet, "changePlan-pro")
    desk.owner.settle()
    click(desk.sheet, "changeOtherCard")
    desk.pick_card("needs_confirmation")
    desk.commit().click()
    desk.owner.wait(lambda: desk.owner.state.phase is ChangePhase.CONFIRMING)
    assert (desk.text("confirmAmount"), desk.text("confirmCard")) == ("$70.00", "Visa •••• 3155")
    assert desk.focused == "approveButton"
    assert not desk.commit().isVisible()
    click(desk.sheet, "declineButton")
    desk.owner.wait(lambda: desk.owner.state.phase is ChangePhase.FAILED)
    assert desk.beside("changeCard").startswith("The payment was not confirmed.")
    desk.commit().click()
    desk.owner.wait(lambda: desk.owner.state.phase is ChangePhase.CONFIRMING)
    desk.press(Qt.Key.Key_Return)
    desk.owner.wait(lambda: not desk.is_open)
    assert desk.owner.only.plan.uuid == PRO.uuid


def test_plan_that_is_asked_for_from_elsewhere_is_chosen(desk: Desk) -> None:
    desk.page.change_vm.start(desk.owner.only, PRO.uuid, YEARLY)
    desk.owner.settle()
    assert button(desk.sheet, "changePlan-pro").isChecked()
    assert button(desk.sheet, "changeCycle-1").isChecked()
    assert desk.commit().text() == "Change the plan – $961.00 now"


def test_failure_to_open_is_said_and_tried_again(desk: Desk) -> None:
    desk.owner.service.fail("get_offering", Offline())
    button(desk.page, f"changePlan-{desk.owner.only.uuid}").click()
    desk.owner.wait(lambda: desk.owner.state.status is Status.ERROR)
    assert child(desk.sheet, "changeError").isVisible()
    click(desk.sheet, "changeErrorAction")
    desk.owner.settle()
    assert button(desk.sheet, "changePlan-starter").isChecked()


def test_escape_leaves_and_changes_nothing(desk: Desk) -> None:
    opener = button(desk.page, f"changePlan-{desk.owner.only.uuid}")
    opener.setFocus()
    desk.open()
    click(desk.sheet, "changePlan-pro")
    desk.owner.settle()
    desk.press(Qt.Key.Key_Escape)
    assert not desk.is_open
    assert QApplication.focusWidget() is opener
    assert desk.owner.state.task is None
    assert "commit_change" not in desk.owner.service.calls


# ---- ending, pausing, paying


def test_cancelling_is_two_plain_choices_and_two_equal_buttons(desk: Desk) -> None:
    desk.open(Task.CANCEL)
    at_end, now = child(desk.sheet, "cancelAtEnd"), child(desk.sheet, "cancelNow")
    assert isinstance(at_end, ChoiceNote)
    assert isinstance(now, ChoiceNote)
    assert at_end.note == "Everything works until 14 April 2026, then it stops. Nothing more is charged."
    assert now.note == "Calls stop at once. $29.00 for unused time comes back to your wallet."
    leave = child(desk.sheet, "changeLeave")
    assert isinstance(leave, Button)
    assert leave.face.variant == desk.commit().face.variant
    assert (desk.commit().text(), leave.text()) == ("Cancel at the end of the period", "Keep the subscription")
    desk.press(Qt.Key.Key_Down)
    desk.owner.settle()
    assert desk.commit().text() == "Cancel now"
    QTest.keyClicks(child(desk.sheet, "cancelReason"), "moving on")
    desk.commit().click()
    desk.owner.wait(lambda: not desk.is_open)
    assert desk.owner.is_in(SubscriptionState.CANCELED)
    assert desk.toast() == "Customer Care is canceled."


def test_end_that_is_planned_stands_on_the_card_without_a_refresh(desk: Desk) -> None:
    desk.open(Task.CANCEL)
    desk.commit().click()
    desk.owner.wait(lambda: not desk.is_open)
    uuid = desk.owner.only.uuid
    desk.owner.wait(lambda: text(desk.page, f"nextDay-{uuid}") == "Nothing more will be charged")
    assert button(desk.page, f"undo-{uuid}").isVisible()


def test_pause_says_its_days_and_refuses_the_past(desk: Desk) -> None:
    desk.open(Task.PAUSE)
    assert desk.text("pauseMeaning") == (
        "No calls and no charges from now to 14 April 2026. Paid time that is left is kept."
    )
    click(desk.sheet, "pauseOwn")
    desk.commit().click()
    assert desk.beside("pauseDay") == "Enter the day on which it goes on."
    assert desk.focused == "pauseDay"
    QTest.keyClicks(child(desk.sheet, "pauseDay"), "2026-01-01")
    desk.commit().click()
    assert desk.beside("pauseDay") == "Enter a day that is still to come."
    field = child(desk.sheet, "pauseDay")
    assert isinstance(field, QLineEdit)
    assert field.text() == "2026-01-01"
    field.selectAll()
    QTest.keyClicks(field, "2026-05-01")
    desk.owner.settle()
    desk.commit().click()
    desk.owner.wait(lambda: not desk.is_open)
    assert desk.owner.is_in(SubscriptionState.PAUSED)


def test_paused_is_resumed(desk: Desk) -> None:
    resume_at = desk.owner.only.period_end
    desk.owner.do(ChangeAction.PAUSE, resume_at=resume_at)
    desk.load()
    desk.open(Task.RESUME)
    assert desk.commit().text() == "Resume"
    desk.commit().click()
    desk.owner.wait(lambda: not desk.is_open)
    assert desk.owner.is_in(SubscriptionState.ACTIVE)


def test_card_must_be_chosen(desk: Desk) -> None:
    desk.open(Task.CARD)
    assert child(desk.sheet, "changeCardBox").isVisible()
    desk.commit().click()
    assert desk.beside("changeCard") == "Choose a card."
    assert desk.focused == "changeCard"
    desk.pick_card("insufficient_funds")
    desk.owner.wait(lambda: desk.owner.state.preview is not None)
    desk.commit().click()
    desk.owner.wait(lambda: not desk.is_open)
    assert desk.toast() == "Customer Care is paid with another card from now on."
    assert "save_card" in desk.owner.service.calls  # what is charged later is on file


def test_way_to_pay_extra_calls_is_chosen_in_words(desk: Desk) -> None:
    desk.open(Task.USAGE_PAYMENT)
    wallet = child(desk.sheet, "usagePayment-prepaid")
    assert isinstance(wallet, ChoiceNote)
    assert wallet.note == "Each call takes $0.01 from your credit before it runs."
    desk.commit().click()
    desk.owner.wait(lambda: not desk.is_open)
    assert desk.toast() == "Extra calls of Customer Care are paid another way from now on."


def test_open_invoice_is_paid_from_the_card_of_its_subscription(desk: Desk) -> None:
    desk.owner.fall_behind()
    desk.load()
    desk.open(Task.PAY)
    assert desk.text("changeTotal") == "$29.00"
    assert desk.commit().text() == "Pay $29.00"
    desk.page.change_vm.changed.emit()  # the same invoice again
    assert not child(desk.page.window(), "changeEffective").isVisible()
    desk.commit().click()
    desk.owner.wait(lambda: not desk.is_open)
    assert desk.toast() == "Paid. Customer Care goes on."
    uuid = desk.owner.only.uuid
    desk.owner.wait(lambda: not child(desk.page, f"notice-{uuid}").isVisible())


# ---- for everybody


@pytest.mark.parametrize("task", [Task.PLAN, Task.CANCEL, Task.PAUSE, Task.CARD, Task.USAGE_PAYMENT])
def test_sheet_fits_large_text_and_is_walked_by_tab(desk: Desk, look: Theme, task: Task) -> None:
    sheet = desk.open(task)
    if task is Task.PLAN:
        click(sheet, "changePlan-pro")
        desk.owner.settle()
    assert unnamed(sheet) == []
    assert nameless(sheet) == []
    assert set(tab_round(sheet)) == set(tab_stops(sheet.panel))
    for width, height, scale in ((1056, 800, 1.0), (900, 600, 1.0), (900, 600, 2.0)):
        look.set_text_scale(scale)
        desk.page.window().resize(width, height)
        for _ in range(3):
            QApplication.processEvents()
        assert cut_off(sheet) == [], (width, scale)
    look.set_text_scale(1.0)
