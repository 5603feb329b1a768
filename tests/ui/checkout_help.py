"""What the tests of checkout share: a buyer at an open checkout page."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from services.api.types import BillingCycle, Cart, Offering
from tests.fakes import PASSWORD, FakeService
from tests.samples import CUSTOMER_CARE, TEST_CARDS
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.checkout_state import CheckoutState, Phase

FREE, STARTER, PRO, ENTERPRISE, PER_USE = CUSTOMER_CARE.plans
CARDS = {card.outcome: card.token for card in TEST_CARDS}
Run = Callable[..., Any]


class Buyer:
    """A person in front of the checkout page."""

    def __init__(self, checkout: CheckoutViewModel, service: FakeService, qtbot: QtBot) -> None:
        self.checkout, self.service, self.qtbot = checkout, service, qtbot
        self.asked_to_look_at: list[str] = []
        self.bought: list[object] = []
        self.urls: list[str] = []
        checkout.problems_found.connect(self.asked_to_look_at.append)
        checkout.placed.connect(self.bought.append)
        checkout.confirming.connect(self.urls.append)

    @property
    def state(self) -> CheckoutState:
        return self.checkout.state

    @property
    def error_code(self) -> str:
        return self.state.error.code if self.state.error else ""

    def open(
        self,
        plan_uuid: str = PRO.uuid,
        cycle: BillingCycle | None = BillingCycle.YEARLY,
        offering: Offering | str = CUSTOMER_CARE,
    ) -> None:
        self.checkout.open(offering, plan_uuid, cycle)
        self.wait(lambda: self.state.status is Status.READY and not self.state.is_pricing)

    def fill(self, email: str = "ada@example.com", password: str = PASSWORD) -> None:
        self.checkout.type_email(email)
        self.checkout.type_password(password)
        self.checkout.accept_terms(True)

    def pay(self, until: Phase) -> None:
        self.checkout.pay()
        self.wait(lambda: self.state.phase is until)

    def wait(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()))

    def settle(self) -> None:
        """Lets everything that is under way come to its end, the typing pauses too."""
        keeper = self.checkout._keeper
        self.wait(lambda: not keeper.is_dirty and not keeper._bridge.is_running(keeper, "save"))
        QCoreApplication.processEvents()


def kept_cart(holder: ServiceHolder, run: Run) -> Cart:
    """What a restart would find."""
    cart = run(holder.service.get_cart())
    assert isinstance(cart, Cart)
    return cart
