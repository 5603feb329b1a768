"""A buyer and the time bar, in the real window on the real service: buys, lives through a month, tops up, asks where
sums come from, goes back. `python -m tests.journey.money_driver DATA OUT`; prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

from app import crash
from app.clock import SeededIds
from app.desktop import Desktop, make_application
from app.journey import EMAIL, PASSWORD, QUESTIONS, Player
from app.settings import load
from ui.viewmodels.base import Status
from ui.widgets.overlay import OverlayStack

CONTROL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


class Buyer(Player):
    """Presses and reads what stands in the window; asks the service for nothing."""

    def is_there(self, name: str) -> bool:
        return any(one.isVisible() and one.isEnabled() for one in self.desktop.shell.findChildren(QWidget, name))

    async def press_button(self, name: str) -> None:
        """Waits until it can be pressed, as a person does."""
        await self.until(lambda: self.is_there(name), name)
        self.click(name)

    @property
    def page(self) -> str:
        return self.desktop.shell.navigator.here.page

    @property
    def balance(self) -> str:
        return str(self.widget("balanceButton").amount_text)

    @property
    def invoices(self) -> list[str]:
        """The numbers in the list, newest first."""
        if not self.is_there("invoiceTable"):
            return []
        model = self.widget("invoiceTable").model()
        return [str(model.index(row, 0).data()) for row in range(model.rowCount())]

    def text(self, name: str) -> str:
        """Empty while it cannot be used."""
        return str(self.widget(name).text()) if self.is_there(name) else ""


async def buy(buyer: Buyer) -> None:
    """Starter, monthly, as somebody new; one question is asked."""
    vms = buyer.desktop.vms
    buyer.click_card(0)
    await buyer.until(lambda: buyer.page == "agent" and vms.agent.state.offering is not None, "the agent")
    await buyer.press_button("buyButton")
    await buyer.until(lambda: vms.checkout.state.summary is not None, "the price")
    await buyer.press_button("plan-starter")
    await buyer.press_button("billingCycle-0")
    await buyer.until(lambda: buyer.text("payButton").endswith("$29"), "the price of Starter")
    buyer.widget("emailField").setFocus()
    buyer.type_into_focus(EMAIL)
    buyer.press(Qt.Key.Key_Tab)
    buyer.type_into_focus(PASSWORD)
    await buyer.press_button("termsCheckbox")
    await buyer.choose_test_card()
    await buyer.until(lambda: vms.checkout.state.payment_token, "the test card")
    await buyer.press_button("payButton")
    await buyer.until(lambda: buyer.page == "chat" and buyer.focus_is("chatInput"), "the chat")
    await buyer.until(lambda: vms.chat.state.status is Status.READY, "the conversation")
    buyer.type_into_focus(QUESTIONS[vms.chat.state.title])
    buyer.press(Qt.Key.Key_Return)
    await buyer.until(lambda: buyer.text("chatUsage").startswith("Included: 999"), "the answer, counted")


async def explained(buyer: Buyer, link: str) -> list[str]:
    """Opens what an amount is made of and copies the whole of it as text."""
    QApplication.clipboard().clear()
    await buyer.press_button(link)
    await buyer.press_button("explainCopyAll")
    await buyer.until(lambda: QApplication.clipboard().text(), "the whole tree")
    copied = QApplication.clipboard().text()
    buyer.press(Qt.Key.Key_Escape)
    await buyer.until(lambda: OverlayStack.of(buyer.desktop.shell).top is None, "the end of the explanation")
    return copied.splitlines()


async def top_up(buyer: Buyer) -> None:
    before = buyer.balance
    await buyer.press_button("nav-wallet")
    await buyer.press_button("topUpButton")
    await buyer.press_button("topUpPacks-1")
    await buyer.press_button("topUpPay")
    await buyer.until(lambda: buyer.balance != before, "another balance, without a refresh")


async def go_back(buyer: Buyer) -> None:
    """To before the first move."""
    await buyer.press_button("timeBack")
    points = buyer.desktop.vms.timeline.state.timeline
    assert points is not None
    await buyer.press_button(f"goBack-{min(points.points, key=lambda one: one.at).uuid}")
    await buyer.press_button("dialogConfirm")
    await buyer.until(lambda: buyer.text("simulatedTime").startswith("Real time"), "the real time")


async def play(desktop: Desktop, out: Path) -> dict[str, Any]:  # Any: JSON
    desktop.start()
    buyer = Buyer(desktop, out)
    await buyer.until(lambda: desktop.vms.timeline.state.is_available, "the service")
    await buy(buyer)
    await buyer.press_button("nav-subscriptions")
    await buyer.until(lambda: desktop.vms.subscriptions.state.items, "the subscription")
    agent = desktop.vms.subscriptions.state.items[0].resources[0].uuid
    found: dict[str, Any] = {"calls": await explained(buyer, f"callsCost-{agent}")}
    await buyer.press_button("nav-invoices")
    await buyer.until(lambda: buyer.invoices, "the first invoice")
    found |= {"bought": buyer.invoices, "balance": buyer.balance}
    buyer.press(Qt.Key.Key_T, CONTROL_SHIFT)
    await buyer.press_button("timeMonth")
    await buyer.until(lambda: len(buyer.invoices) > 1, "the renewal, without a refresh")
    found["renewed"], found["time"] = buyer.invoices, buyer.text("simulatedTime")
    await top_up(buyer)
    found["topped up"] = buyer.balance
    found["spent"] = await explained(buyer, "spentAmount")
    found["wallet"] = await explained(buyer, "balanceAmount")
    await buyer.press_button("nav-invoices")
    await go_back(buyer)
    await buyer.until(lambda: buyer.invoices == found["bought"], "the invoices of then, without a refresh")
    await buyer.until(lambda: buyer.balance == found["balance"], "the balance of then, without a refresh")
    return found


def main() -> None:
    settings = load(Path(sys.argv[1]), environ={})
    application = make_application()
    crash.keep_log(settings.log_file)
    desktop = Desktop(application, settings, ids=SeededIds(7))
    desktop.shell.resize(1280, 800)
    desktop.shell.show()
    desktop.shell.activateWindow()
    application.processEvents()
    with desktop.loop:
        try:
            found = desktop.loop.run_until_complete(play(desktop, Path(sys.argv[2])))
        finally:
            desktop.close()
    print(json.dumps(found))  # noqa: T201  the answer to the test


if __name__ == "__main__":
    main()
