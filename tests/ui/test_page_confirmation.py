"""After paying: it is yours, how far it is, the way to the chat, the receipt, and what to do when it failed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import Offline
from services.api.money import Money
from services.api.types import BillingCycle, PaymentMethod, Placed, QuickCheckout, TopUp
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE, SUPPORT_BUNDLE
from tests.ui.checkout_help import CARDS, FREE, PRO, Run
from tests.ui.page_help import button, child, click, cut_off, nameless, text, unnamed
from ui.bridge import Bridge
from ui.pages.confirmation import ConfirmationPage
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.confirmation import ConfirmationViewModel, DeploymentPhase
from ui.viewmodels.session import SessionViewModel
from ui.widgets.notices import toast_area
from ui.widgets.overlay import OverlayStack

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")


class Room:
    """The page in a window, of somebody who is signed in."""

    def __init__(self, vm: ConfirmationViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot) -> None:
        self.vm, self.run, self.qtbot = vm, run, qtbot
        assert isinstance(holder.service, FakeService)
        self.service = holder.service
        self.window = QWidget()
        layout = QVBoxLayout(self.window)
        layout.setContentsMargins(0, 0, 0, 0)
        self.page = ConfirmationPage(vm)
        layout.addWidget(self.page)
        qtbot.addWidget(self.window)
        self.window.resize(1056, 800)
        self.window.show()
        self.window.activateWindow()
        qtbot.waitUntil(self.window.isActiveWindow)

    def buy(self, plan_uuid: str = PRO.uuid) -> Placed:
        request = QuickCheckout(
            CUSTOMER_CARE.card.uuid,
            plan_uuid,
            payment_token=CARDS["pays"] if plan_uuid == PRO.uuid else "",
            billing_cycle=BillingCycle.YEARLY,
            terms_accepted=True,
        )
        placed = self.run(self.service.quick_checkout(request, key="once"))
        assert isinstance(placed, Placed)
        return placed

    def open(self, plan_uuid: str = PRO.uuid) -> str:
        placed = self.buy(plan_uuid)
        self.vm.open(placed)
        self.page.focus_content()
        self.wait(lambda: self.vm.state.order is not None)
        QApplication.processEvents()
        return placed.resource_uuid

    def wait(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()))

    def wait_for(self, phase: DeploymentPhase) -> None:
        self.wait(lambda: self.vm.state.phase is phase)

    def fail(self) -> str:
        self.service.world.auto_deploy = False
        uuid = self.open()
        self.service.advance(uuid)
        self.service.break_deployment(uuid)
        self.wait_for(DeploymentPhase.FAILED)
        return uuid


@pytest.fixture
def room(
    look: Theme, bridge: Bridge, holder: ServiceHolder, signed_in: SessionViewModel, run: Run, qtbot: QtBot
) -> Room:
    return Room(ConfirmationViewModel(bridge, holder), holder, run, qtbot)


# ---- ready


def test_it_is_yours_with_number_amount_and_renewal(room: Room) -> None:
    room.open()
    assert text(room.page, "confirmationTitle") == "Customer Care is yours"
    assert text(room.page, "confirmationSubtitle") == "$990 paid with Visa •••• 4242."
    assert text(room.page, "orderNumber") == "Order SK-000001"
    assert text(room.page, "orderBought") == "Customer Care, Pro yearly"
    shown = {one.text() for one in child(room.page, "orderCard").findChildren(type(room.page.order._number))}
    assert {"Visa •••• 4242", "Ada's Organization, Default", "14 March 2027"} <= shown
    assert button(room.page, "orderTotal").text() == "$990"


def fact_texts(room: Room) -> set[str]:
    return {one.text() for one in child(room.page, "orderCard").findChildren(type(room.page.order._number))}


def bought(room: Room, **changes: object) -> None:
    """An order of Pro by the month with something special about it."""
    plain = QuickCheckout(CUSTOMER_CARE.card.uuid, PRO.uuid, payment_token=CARDS["pays"], terms_accepted=True)
    placed = room.run(room.service.quick_checkout(replace(plain, **changes), key="special"))  # type: ignore[arg-type]
    room.vm.open(placed)
    room.wait(lambda: room.vm.state.order is not None)
    QApplication.processEvents()


def test_tax_and_code_of_the_order_are_named_and_its_invoice_opens(room: Room, qtbot: QtBot) -> None:
    bought(room, country="DE", coupon="TENOFF")
    assert {"VAT 19%, $16.91", "TENOFF", "Visa •••• 4242"} <= fact_texts(room)
    assert text(room.page, "confirmationSubtitle") == "$105.91 paid with Visa •••• 4242."
    order = room.vm.state.order
    assert order is not None
    with qtbot.waitSignal(room.page.invoice_requested) as caught:
        click(room.page, "openInvoiceButton")
    assert caught.args == [order.invoice_uuid]
    with qtbot.waitSignal(room.page.explain_requested) as explained:
        click(room.page, "orderTotal")
    assert explained.args == [f"order:{order.uuid}"]


def test_trial_says_until_when_it_is_free_and_has_no_invoice(room: Room) -> None:
    bought(room, start_trial=True, country="DE")
    until = "28 March 2026"
    assert text(room.page, "confirmationSubtitle") == f"Free until {until}. Nothing was charged; we remind you before."
    assert {"Free until", until, "Later with", "Visa •••• 4242"} <= fact_texts(room)
    assert "Tax" not in fact_texts(room)
    assert not child(room.page, "openInvoiceButton").isVisible()
    click(room.page, "copyReceiptButton")
    copied = QGuiApplication.clipboard().text()
    assert f"Free until {until}" in copied
    assert "Trial, 14 days free" in copied


def test_wallet_is_named_as_what_paid(room: Room) -> None:
    room.run(room.service.top_up(TopUp(Money.parse("99"), CARDS["pays"]), key="top-up"))
    bought(room, payment_method=PaymentMethod.WALLET, payment_token="")
    assert text(room.page, "confirmationSubtitle") == "$99 paid from your wallet."
    assert "Your wallet" in fact_texts(room)


def test_free_order_says_that_nothing_was_charged(room: Room) -> None:
    room.open(FREE.uuid)
    assert text(room.page, "confirmationSubtitle") == "Nothing was charged."


def test_chat_opens_by_click_and_by_enter(room: Room, qtbot: QtBot) -> None:
    uuid = room.open()
    room.wait_for(DeploymentPhase.READY)
    with qtbot.waitSignal(room.page.open_chat) as caught:
        click(room.page, "openChatButton")
    assert caught.args == [uuid]
    assert QApplication.focusWidget() is room.page.chat
    with qtbot.waitSignal(room.page.open_chat):
        QTest.keyClick(room.page.chat, Qt.Key.Key_Return)


def test_configuring_is_offered_and_the_marketplace_is_one_click_away(room: Room, qtbot: QtBot) -> None:
    room.open()
    with qtbot.waitSignal(room.page.configure):
        click(room.page, "configureButton")
    with qtbot.waitSignal(room.page.home):
        click(room.page, "homeButton")


# ---- on the way


def test_steps_are_shown_as_they_happen_and_the_chat_waits_for_them(room: Room) -> None:
    room.service.world.auto_deploy = False
    uuid = room.open()
    assert text(room.page, "deploymentTitle") == "Setting up, 0 of 4 steps done"
    assert not button(room.page, "openChatButton").isEnabled()
    room.service.advance(uuid)
    room.wait(lambda: room.page.steps.state(0) == "done")
    assert text(room.page, "deploymentTitle") == "Setting up, 1 of 4 steps done"
    for _ in range(3):
        room.service.advance(uuid)
    room.wait(lambda: button(room.page, "openChatButton").isEnabled())
    assert QApplication.focusWidget() is room.page.chat


def test_second_enter_from_checkout_presses_nothing_here(room: Room) -> None:
    room.service.world.auto_deploy = False
    room.open()
    QTest.keyClick(QApplication.focusWidget() or room.window, Qt.Key.Key_Return)
    assert OverlayStack.of(room.window).top is None
    assert QApplication.focusWidget() is room.page


# ---- failed


def test_failure_gives_the_reason_and_is_tried_again(room: Room) -> None:
    room.fail()
    assert text(room.page, "confirmationTitle") == "Customer Care could not be set up"
    assert text(room.page, "confirmationSubtitle").endswith("Try again, or take your money back.")
    click(room.page, "retryDeploymentButton")
    room.wait_for(DeploymentPhase.DEPLOYING)
    assert not child(room.page, "retryDeploymentButton").isVisible()


def test_money_comes_back_after_one_question(room: Room) -> None:
    room.fail()
    click(room.page, "refundButton")
    click(room.window, "dialogCancel")
    assert room.vm.state.phase is DeploymentPhase.FAILED
    click(room.page, "refundButton")
    click(room.window, "dialogConfirm")
    room.wait_for(DeploymentPhase.REFUNDED)
    assert text(room.page, "confirmationTitle") == "Your money is back"
    assert text(room.page, "confirmationSubtitle") == "$990 was given back to Visa •••• 4242."
    assert not child(room.page, "openChatButton").isVisible()


@pytest.fixture
def bundle(room: Room) -> tuple[str, ...]:
    """An order of two agents, of which the second could not be set up."""
    room.service.world.auto_deploy = False
    plan = SUPPORT_BUNDLE.plans[0].uuid
    request = QuickCheckout(SUPPORT_BUNDLE.card.uuid, plan, payment_token=CARDS["pays"], terms_accepted=True)
    placed = room.run(room.service.quick_checkout(request, key="bundle"))
    uuids: tuple[str, ...] = room.service.world.orders[placed.order_uuid][1].resource_uuids
    room.service.deploy(uuids[0])
    room.service.break_deployment(uuids[1])
    room.vm.open(placed)
    room.wait_for(DeploymentPhase.FAILED)
    QApplication.processEvents()
    return uuids


def test_failed_agent_of_a_bundle_is_named_and_tried_again(room: Room, bundle: tuple[str, ...]) -> None:
    assert text(room.page, "confirmationTitle") == "Expense Auditor could not be set up"
    assert text(room.page, "confirmationSubtitle") == "The other agent is ready."
    assert text(room.page, "deploymentTitle") == "1 of 2 agents ready"
    assert [room.page.agents.row(uuid).steps.state(0) for uuid in bundle] == ["done", "failed"]
    assert button(room.page, "openChatButton").isEnabled()
    assert not child(room.page, "retryAgent-0").isVisible()
    assert unnamed(room.page) == nameless(room.page) == cut_off(room.page) == []
    click(room.page, "retryAgent-1")
    room.wait_for(DeploymentPhase.DEPLOYING)
    assert not child(room.page, "retryAgent-1").isVisible()
    room.service.deploy(bundle[1])
    room.wait_for(DeploymentPhase.READY)
    assert text(room.page, "deploymentTitle") == "Your 2 agents"


def test_money_for_one_of_a_bundle_comes_back_after_one_question(room: Room, bundle: tuple[str, ...]) -> None:
    click(room.page, "refundAgent-1")
    click(room.window, "dialogConfirm")
    room.wait_for(DeploymentPhase.READY)
    assert room.service.world.resources[bundle[1]][1].state == "retired"
    assert room.page.agents.row(bundle[1]).steps.state(0) == "failed"
    assert text(room.page, "confirmationTitle") == "Support Bundle is yours"
    assert not child(room.page, "moreAgents").isVisible()


def test_order_that_cannot_be_read_is_asked_for_again(room: Room) -> None:
    placed = room.buy()
    room.service.fail("get_order", Offline())
    room.vm.open(placed)
    room.wait(lambda: child(room.page, "confirmationError").isVisible())
    click(room.page, "confirmationErrorAction")
    room.wait(lambda: room.vm.state.order is not None)
    assert child(room.page, "orderCard").isVisible()


# ---- the receipt


def test_receipt_is_shown_in_a_sheet(room: Room) -> None:
    room.open()
    click(room.page, "viewReceiptButton")
    sheet = OverlayStack.of(room.window).top
    assert sheet is not None
    assert child(sheet, "receiptView").accessibleName() == "Receipt SK-000001"
    assert unnamed(sheet) == []


def test_receipt_is_copied_as_text(room: Room) -> None:
    room.open()
    click(room.page, "copyReceiptButton")
    assert QGuiApplication.clipboard().text() == room.vm.state.receipt
    assert [toast.text for toast in toast_area(room.window).toasts()] == ["Receipt copied."]
    toast_area(room.window).toasts()[0].close_toast()


def test_receipt_is_saved_where_one_likes(room: Room, tmp_path: Path) -> None:
    room.open()
    room.page.order.save_pdf(tmp_path / "mine.pdf")
    assert (tmp_path / "mine.pdf").read_bytes().startswith(b"%PDF-")
    assert [toast.text for toast in toast_area(room.window).toasts()] == ["Saved as mine.pdf."]
    toast_area(room.window).toasts()[0].close_toast()


def test_place_that_cannot_be_written_is_said_and_another_offered(room: Room, tmp_path: Path) -> None:
    room.open()
    room.page.order.save_pdf(tmp_path / "missing" / "mine.pdf")
    toast = toast_area(room.window).toasts()[0]
    assert toast.text.startswith("The receipt could not be saved: No such file or directory.")
    assert toast.action_button.text() == "Choose"
    toast.close_toast()


# ---- reach and sizes


def test_every_control_has_a_name(room: Room) -> None:
    room.open()
    assert unnamed(room.page) == []
    assert nameless(room.page) == []


@pytest.mark.parametrize(("width", "scale"), [(1056, 1.0), (676, 1.0), (1056, 2.0)])
def test_nothing_is_cut_off(room: Room, look: Theme, width: int, scale: float) -> None:
    look.set_text_scale(scale)
    room.window.resize(width, 600)
    room.open()
    QApplication.processEvents()
    assert cut_off(room.page) == []
    look.set_text_scale(1.0)
