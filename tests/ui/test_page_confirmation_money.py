"""The page of an order while its money is not there, and in the first seconds when it can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import Offline, WrongState
from services.api.money import Money
from services.api.types import Order, OrderState, PaymentMethod, PaymentState, Placed, QuickCheckout, ResourceState
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE
from tests.ui.checkout_help import CARDS, PRO, Run
from tests.ui.page_help import button, child, click, cut_off, nameless, text, unnamed
from ui.bridge import Bridge
from ui.pages.confirmation import ConfirmationPage
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.browser import Browser
from ui.viewmodels.confirmation import ConfirmationState, ConfirmationViewModel, DeploymentPhase, Waiting
from ui.viewmodels.session import SessionViewModel
from ui.widgets.notices import Banner, toast_area
from ui.widgets.overlay import OverlayStack

pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
CARD, BANK, TRANSFER = PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.INVOICE


class Room:
    """The page in a window, of somebody who is signed in and whose browser only notes what it is given."""

    def __init__(self, bridge: Bridge, holder: ServiceHolder, run: Run, qtbot: QtBot) -> None:
        self.run, self.qtbot, self.bridge = run, qtbot, bridge
        assert isinstance(holder.service, FakeService)
        self.service = holder.service
        self.opened: list[str] = []
        self.vm = ConfirmationViewModel(bridge, holder, Browser(self._open, parent=bridge))
        self.window = QWidget()
        layout = QVBoxLayout(self.window)
        layout.setContentsMargins(0, 0, 0, 0)
        self.page = ConfirmationPage(self.vm)
        layout.addWidget(self.page)
        qtbot.addWidget(self.window)
        self.window.resize(1056, 800)
        self.window.show()
        self.window.activateWindow()
        qtbot.waitUntil(self.window.isActiveWindow)

    def _open(self, url: str) -> bool:
        self.opened.append(url)
        return True

    def order(self, method: PaymentMethod = CARD, token: str = "") -> Placed:
        request = QuickCheckout(CUSTOMER_CARE.card.uuid, PRO.uuid, method, token, terms_accepted=True)
        placed = self.run(self.service.quick_checkout(request, key=f"{method}-{token}"))
        assert isinstance(placed, Placed)
        return placed

    def show(self, method: PaymentMethod = CARD, token: str = "") -> str:
        placed = self.order(method, token)
        self.vm.open(placed)
        self.wait(lambda: self.vm.state.order is not None)
        QApplication.processEvents()
        return placed.order_uuid

    def debit(self) -> str:
        uuid = self.order(BANK).order_uuid
        self.service.pages.debit(uuid)
        self.vm.open(self.run(self.service.refresh_order(uuid)))
        self.wait(lambda: self.vm.state.waits_for is Waiting.BANK)
        return uuid

    def wait(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()))

    def wait_for(self, phase: DeploymentPhase) -> None:
        self.wait(lambda: self.vm.state.phase is phase)

    def settle(self) -> None:
        self.wait(lambda: not any(self.bridge.is_running(self.vm, verb) for verb in ("poll", "cancel")))
        QApplication.processEvents()

    @property
    def toasts(self) -> list[str]:
        return [toast.text for toast in toast_area(self.window).toasts()]

    @property
    def facts(self) -> set[str]:
        return {one.text() for one in child(self.page, "orderCard").findChildren(type(self.page.order._number))}


@pytest.fixture
def room(
    look: Theme, bridge: Bridge, holder: ServiceHolder, signed_in: SessionViewModel, run: Run, qtbot: QtBot
) -> Room:
    made = Room(bridge, holder, run, qtbot)
    made.service.pages.open(undo_seconds=60)
    return made


# ---- taking it back


def test_fresh_purchase_can_be_taken_back_and_the_seconds_are_counted(room: Room) -> None:
    room.show(token=CARDS["pays"])
    assert text(room.page, "undoText") == "You can still take this back: 1:00"
    assert text(room.page, "confirmationSubtitle") == "$99 with Visa •••• 4242, charged in a moment."
    room.wait(lambda: text(room.page, "undoText") == "You can still take this back: 0:59")
    assert room.toasts == ["You have bought Customer Care."]
    assert unnamed(room.page) == nameless(room.page) == cut_off(room.page) == []


def test_setting_up_does_not_wait_for_it(room: Room) -> None:
    room.show(token=CARDS["pays"])
    room.wait_for(DeploymentPhase.READY)
    assert button(room.page, "openChatButton").isEnabled()
    assert child(room.page, "undoStrip").isVisible()


@pytest.mark.parametrize("how", ["strip", "toast", "Ctrl+Z"])
def test_undo_takes_the_purchase_back_and_says_that_nothing_was_charged(room: Room, how: str) -> None:
    uuid = room.show(token=CARDS["pays"])
    if how == "strip":
        click(room.page, "undoPurchase")
    elif how == "toast":
        click(room.window, "toastAction")
    else:
        toast_area(room.window).undo_latest()
    room.wait_for(DeploymentPhase.TAKEN_BACK)
    assert text(room.page, "confirmationTitle") == "Taken back"
    assert text(room.page, "confirmationSubtitle").startswith("Nothing was charged.")
    assert {"Taken back", "Card"} <= room.facts
    assert room.service.world.orders[uuid][1].state is OrderState.CANCELED
    assert room.service.world.charges == []
    hidden = ("undoStrip", "deploymentCard", "openChatButton", "viewReceiptButton")
    assert not any(child(room.page, name).isVisible() for name in hidden)
    room.wait(lambda: room.toasts == [])


def test_pressing_undo_twice_asks_once(room: Room) -> None:
    room.show(token=CARDS["pays"])
    gate = room.service.hold("cancel_order")
    click(room.page, "undoPurchase")
    click(room.page, "undoPurchase")
    room.vm.undo()
    gate.open()
    room.wait_for(DeploymentPhase.TAKEN_BACK)
    assert room.service.calls.count("cancel_order") == 1


def test_same_can_be_bought_again(room: Room, qtbot: QtBot) -> None:
    uuid = room.show(token=CARDS["pays"])
    click(room.page, "undoPurchase")
    room.wait_for(DeploymentPhase.TAKEN_BACK)
    QApplication.processEvents()
    with qtbot.waitSignal(room.vm.again_wanted) as caught:
        click(room.page, "buyAgain")
    assert isinstance(caught.args[0], Order)
    assert caught.args[0].uuid == uuid


def test_when_the_time_is_over_it_is_charged_and_the_offer_goes(room: Room) -> None:
    room.service.pages.open(undo_seconds=1)
    room.show(token=CARDS["pays"])
    assert room.vm.state.can_undo
    room.service.world.clock.advance(seconds=1)
    room.wait(lambda: not room.vm.state.can_undo)
    room.wait(lambda: text(room.page, "confirmationSubtitle") == "$99 paid with Visa •••• 4242.")
    assert not child(room.page, "undoStrip").isVisible()
    room.wait(lambda: room.toasts == [])
    assert not room.vm._second.isActive()


def test_workspace_whose_time_was_moved_on_offers_it_no_more(room: Room) -> None:
    room.show(token=CARDS["pays"])
    room.wait_for(DeploymentPhase.READY)
    room.service.world.clock.advance(days=1)
    room.bridge.announce("timeline")
    room.wait(lambda: not child(room.page, "undoStrip").isVisible())


@pytest.mark.parametrize("error", [Offline(), WrongState(state="done")])
def test_undo_that_did_not_go_through_is_said_and_offered_again_while_there_is_time(
    room: Room, error: Offline | WrongState
) -> None:
    room.show(token=CARDS["pays"])
    room.service.world.auto_deploy = False
    room.service.fail("cancel_order", error)
    gate = room.service.hold("get_order")
    click(room.page, "undoPurchase")
    room.wait(lambda: room.vm.state.error is not None)
    banner = child(room.page, "confirmationNotice")
    assert isinstance(banner, Banner)
    assert banner.isVisible()
    gate.open()
    room.settle()
    assert room.vm.state.can_undo


def test_order_that_is_looked_at_again_offers_it_without_news(room: Room) -> None:
    uuid = room.order(token=CARDS["pays"]).order_uuid
    room.vm.open_order(uuid)
    room.wait(lambda: room.vm.state.can_undo)
    assert child(room.page, "undoStrip").isVisible()
    assert room.toasts == []


# ---- the page is open


def test_open_payment_is_gone_on_with_or_given_up(room: Room) -> None:
    uuid = room.show()
    assert text(room.page, "confirmationTitle") == "Your payment is open"
    assert {"Payment is open", "Card"} <= room.facts
    click(room.page, "continuePaying")
    room.wait(lambda: room.opened)
    assert OverlayStack.of(room.window).top is not None
    room.service.pages.pay(uuid)
    click(room.window, "waitingPaid")
    room.wait_for(DeploymentPhase.READY)
    assert text(room.page, "confirmationTitle") == "Customer Care is yours"
    assert OverlayStack.of(room.window).top is None


def test_canceled_order_says_so_and_can_be_bought_again(room: Room) -> None:
    room.show()
    click(room.page, "giveUpOrder")
    room.wait_for(DeploymentPhase.FAILED)
    assert text(room.page, "confirmationTitle") == "The order was not completed"
    assert text(room.page, "confirmationSubtitle").startswith("The payment was given up. Nothing was charged")
    assert child(room.page, "buyAgain").isVisible()
    assert not child(room.page, "giveUpOrder").isVisible()


def test_sheet_of_another_order_goes_with_its_page(room: Room) -> None:
    room.show()
    click(room.page, "continuePaying")
    room.wait(lambda: room.opened)
    room.vm.close()
    assert OverlayStack.of(room.window).top is None


# ---- days go by


def test_debit_says_how_long_it_takes_and_when_the_agent_starts(room: Room) -> None:
    uuid = room.debit()
    assert text(room.page, "confirmationTitle") == "Your bank is paying"
    said = "It takes 2 to 5 days to collect $99. Customer Care starts when the money is there."
    assert text(room.page, "confirmationSubtitle") == said
    assert "Waiting for the money" in room.facts
    assert not child(room.page, "giveUpOrder").isVisible()
    assert not child(room.page, "deploymentCard").isVisible()
    room.service.pages.settle_debit(uuid)
    room.run(room.service.refresh_order(uuid))
    room.bridge.announce("orders")
    room.wait_for(DeploymentPhase.READY)


def test_debit_that_failed_says_what_to_do(room: Room) -> None:
    uuid = room.debit()
    room.service.pages.settle_debit(uuid, is_paid=False)
    room.bridge.announce("timeline")
    with pytest.raises(Exception, match="debit_failed"):
        room.run(room.service.refresh_order(uuid))
    room.bridge.announce("orders")
    room.wait_for(DeploymentPhase.FAILED)
    said = "Your bank did not pay the debit. Nothing was collected. Pay another way, or ask your bank why."
    assert text(room.page, "confirmationSubtitle") == said
    assert child(room.page, "buyAgain").isVisible()


def test_debit_without_money_is_not_said_of_a_card(room: Room) -> None:
    room.debit()
    assert room.vm.state.order is not None
    order = replace(room.vm.state.order, state=OrderState.CANCELED, error_code="insufficient_funds")
    said = "There was not enough money on the account. Nothing was charged. Pay another way."
    assert ConfirmationState(order=order).failure == said
    assert "on this card" in ConfirmationState(order=replace(order, payment_method=CARD)).failure


def test_agent_that_has_ended_does_not_claim_that_money_is_back(room: Room) -> None:
    room.show(token=CARDS["pays"])
    room.wait_for(DeploymentPhase.READY)
    assert "Renews" in room.facts
    gone = tuple(replace(one, state=ResourceState.RETIRED) for one in room.vm.state.resources)
    room.vm._set(resources=gone)
    assert text(room.page, "confirmationTitle") == "Customer Care has ended"
    assert "given back" not in text(room.page, "confirmationTitle")
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert "Renews" not in room.facts


def test_what_was_taken_back_is_not_talked_to_before_its_agent_is_gone(room: Room) -> None:
    room.show(token=CARDS["pays"])
    room.wait_for(DeploymentPhase.READY)
    assert room.vm.state.order is not None
    assert room.vm.state.can_chat
    order = replace(room.vm.state.order, state=OrderState.CANCELED, payment_state=PaymentState.CANCELED)
    assert not replace(room.vm.state, order=order).can_chat


def test_waiting_for_a_bank_is_patient(room: Room) -> None:
    room.debit()
    room.settle()
    assert room.vm._again.interval() == 10_000


# ---- a transfer


def test_transfer_says_where_to_and_until_when_and_every_line_can_be_copied(room: Room) -> None:
    uuid = room.show(TRANSFER)
    transfer = room.service.world.orders[uuid][1].transfer
    assert transfer is not None
    assert text(room.page, "confirmationTitle") == "Customer Care waits for your transfer"
    assert text(room.page, "transferWords").startswith("Transfer $99.00, due on 28 March 2026")
    child(room.page, "transfer-reference").copy_value()  # type: ignore[attr-defined] # a CopyField
    assert QGuiApplication.clipboard().text() == transfer.reference
    shown = [child(room.page, f"transfer-{name}").text() for name, _ in transfer.account]  # type: ignore[attr-defined]
    assert shown == [value for _, value in transfer.account]
    assert unnamed(room.page) == nameless(room.page) == []


def test_transfer_that_is_late_says_so(room: Room) -> None:
    uuid = room.show(TRANSFER)
    owner, order = room.service.world.orders[uuid]
    assert order.transfer is not None
    late = replace(order.transfer, due_at=room.service.world.clock.now() - timedelta(days=2))
    room.service.world.orders[uuid] = (owner, replace(order, transfer=late))
    room.bridge.announce("orders")
    room.wait(lambda: text(room.page, "transferWords").startswith("Transfer $99.00, which was due on 12 March 2026"))


def test_part_that_has_arrived_is_said_and_can_be_given_up_no_more(room: Room) -> None:
    uuid = room.show(TRANSFER)
    owner, order = room.service.world.orders[uuid]
    assert order.transfer is not None
    part = replace(order.transfer, amount=Money.parse("49"), received=Money.parse("50"))
    room.service.world.orders[uuid] = (owner, replace(order, transfer=part))
    assert child(room.page, "giveUpOrder").isVisible()
    room.bridge.announce("orders")
    room.wait(lambda: "$50.00 has come in." in text(room.page, "transferWords"))
    assert not child(room.page, "giveUpOrder").isVisible()


def test_transfer_can_be_given_up(room: Room) -> None:
    room.show(TRANSFER)
    click(room.page, "giveUpOrder")
    room.wait_for(DeploymentPhase.FAILED)
    assert not child(room.page, "transferCard").isVisible()


# ---- narrow, large


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("way", ["card", "page", "invoice"])
def test_nothing_is_cut_off_in_the_smallest_window(room: Room, look: Theme, way: str, scale: float) -> None:
    look.set_text_scale(scale)
    room.window.resize(900, 600)
    room.show(TRANSFER if way == "invoice" else CARD, CARDS["pays"] if way == "card" else "")
    room.settle()
    assert cut_off(room.page) == []
