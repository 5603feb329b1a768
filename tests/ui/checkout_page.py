"""What the tests of the checkout page share: a window with the page in it, and hands that click and type."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from services.api.types import BillingCycle, Offering
from tests.fakes import PASSWORD, FakeService
from tests.samples import CUSTOMER_CARE
from tests.ui.checkout_help import PRO
from tests.ui.page_help import button, child, click
from ui.pages.checkout import CheckoutPage
from ui.viewmodels.base import Status
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.checkout_state import CheckoutState, Phase
from ui.widgets.fields import Labelled
from ui.widgets.overlay import OverlayStack


class Desk:
    """The checkout page in a window, and somebody in front of it who has a mouse and a keyboard."""

    def __init__(self, vm: CheckoutViewModel, service: FakeService, qtbot: QtBot) -> None:
        self.vm, self.service, self.qtbot = vm, service, qtbot
        self.window = QWidget()
        layout = QVBoxLayout(self.window)
        layout.setContentsMargins(0, 0, 0, 0)
        self.page = CheckoutPage(vm)
        layout.addWidget(self.page)
        qtbot.addWidget(self.window)
        self.window.resize(1280, 800)
        self.window.show()
        self.window.activateWindow()
        qtbot.waitUntil(self.window.isActiveWindow)

    @property
    def state(self) -> CheckoutState:
        return self.vm.state

    def open(self, plan_uuid: str = PRO.uuid, offering: Offering = CUSTOMER_CARE) -> None:
        self.vm.open(offering, plan_uuid, BillingCycle.YEARLY)
        self.wait(lambda: self.state.status is Status.READY and not self.state.is_pricing)
        QApplication.processEvents()  # the layouts settle

    # ---- looking

    def text(self, name: str) -> str:
        found = child(self.page, name)
        assert isinstance(found, QLabel)
        return found.text()

    def typed(self, name: str) -> str:
        found = child(self.page, name)
        assert isinstance(found, QLineEdit)
        return found.text()

    def beside(self, name: str) -> str:
        """What stands below this field."""
        box = child(self.page, f"{name}Box")
        assert isinstance(box, Labelled)
        return box.note.text if box.error and box.note.isVisible() else ""

    @property
    def focused(self) -> str:
        widget = QApplication.focusWidget()
        return widget.objectName() if widget is not None else ""

    def wait(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()))

    def wait_for(self, phase: Phase) -> None:
        self.wait(lambda: self.state.phase is phase)

    # ---- doing

    def click(self, name: str) -> None:
        click(self.window, name)

    def type(self, text: str) -> None:
        """Into what has the focus."""
        QTest.keyClicks(QApplication.focusWidget() or self.window, text)

    def press(self, key: Qt.Key, times: int = 1) -> None:
        for _ in range(times):
            QTest.keyClick(QApplication.focusWidget() or self.window, key)

    def tab_to(self, name: str) -> None:
        for _ in range(40):
            if self.focused == name:
                return
            self.press(Qt.Key.Key_Tab)
        raise AssertionError(f"Tab does not reach {name}")

    def fill(self, email: str = "ada@example.com", password: str = PASSWORD) -> None:
        """As a new person with a mouse."""
        self.click("emailField")
        self.type(email)
        self.click("passwordField")
        self.type(password)
        if not button(self.page, "termsCheckbox").isChecked():
            self.click("termsCheckbox")

    def pick_card(self, token: str) -> None:
        """Through "Add a test card"."""
        self.click("addTestCard")
        menu = self.window.findChild(QWidget, "testCardMenu")
        assert menu is not None
        action = next(one for one in menu.actions() if one.objectName() == f"testCard-{token}")
        action.trigger()
        menu.close()
        self.window.activateWindow()
        self.wait(self.window.isActiveWindow)

    def overlay(self) -> QWidget:
        top = OverlayStack.of(self.window).top
        assert top is not None
        return top
