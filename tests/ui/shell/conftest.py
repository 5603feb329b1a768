"""A window on the FakeService, with plain pages in the place of those that have their own tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from services.api.types import BillingCycle, OfferingPage, PaymentMethod, QuickCheckout
from tests.fakes import FakeService
from tests.samples import CATEGORIES, CUSTOMER_CARE, OFFERINGS
from ui.bridge import Bridge
from ui.pages.agent import AgentPage
from ui.pages.comparison import ComparisonPage
from ui.pages.explain import ExplainSheet
from ui.pages.invoices import InvoicesPage
from ui.pages.marketplace import MarketplacePage
from ui.pages.settings import SettingsPage
from ui.pages.subscriptions import SubscriptionsPage
from ui.pages.wallet import WalletPage
from ui.prefs import Prefs
from ui.shell import MoneyMakers, Pages, Shell, ViewModels
from ui.theme import Theme
from ui.viewmodels.agent import AgentViewModel
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.chat import ChatViewModel
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.comparison import ComparisonViewModel
from ui.viewmodels.configure import ConfigureViewModel
from ui.viewmodels.confirmation import ConfirmationViewModel
from ui.viewmodels.explain import ExplainViewModel
from ui.viewmodels.invoices import InvoicesViewModel
from ui.viewmodels.low_balance import LowBalanceViewModel
from ui.viewmodels.marketplace import MarketplaceViewModel
from ui.viewmodels.my_agents import MyAgentsViewModel
from ui.viewmodels.palette import PaletteViewModel
from ui.viewmodels.payment_mode import PaymentModeViewModel
from ui.viewmodels.pending_cart import PendingCartViewModel
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.quotes import QuotesViewModel
from ui.viewmodels.session import SessionViewModel
from ui.viewmodels.subscriptions import SubscriptionsViewModel
from ui.viewmodels.timeline import TimelineViewModel
from ui.viewmodels.wallet import WalletViewModel
from ui.widgets.overlay import Dialog, Overlay

CTRL = Qt.KeyboardModifier.ControlModifier
FIRST = OfferingPage(tuple(offering.card for offering in OFFERINGS), len(OFFERINGS))


class Plain(QWidget):
    """In the place of the pages that have their own tests: their signals and one button."""

    back = Signal()
    open_chat = Signal(str)
    configure = Signal(str)
    home = Signal()
    opened = Signal(str)
    browse = Signal()
    sign_in_requested = Signal()
    show_order = Signal(str)
    explain_requested = Signal(str)
    invoice_requested = Signal(str)
    remedy = Signal(object, str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(name)
        only = QPushButton(name)
        only.setObjectName(f"{name}Button")
        QVBoxLayout(self).addWidget(only)


class Windows(QObject):
    """Which top-level widgets are shown, except menus and tips."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.shown.append(f"{type(watched).__name__} {watched.objectName()}")
        return False


@pytest.fixture
def prefs(tmp_path: Path) -> Prefs:
    return Prefs(tmp_path / "prefs.ini")


@pytest.fixture
def vms(bridge: Bridge, holder: ServiceHolder, session: SessionViewModel, new_key: Callable[[], str]) -> ViewModels:
    market = MarketplaceViewModel(bridge, holder)
    market.first_page(FIRST, CATEGORIES)
    return ViewModels(
        session=session,
        marketplace=market,
        agent=AgentViewModel(bridge, holder, new_key),
        checkout=CheckoutViewModel(bridge, holder, session, new_key),
        confirmation=ConfirmationViewModel(bridge, holder),
        chat=ChatViewModel(bridge, holder, new_key),
        my_agents=MyAgentsViewModel(bridge, holder),
        configure=ConfigureViewModel(bridge, holder),
        palette=PaletteViewModel(bridge, holder, ()),
        pending_cart=PendingCartViewModel(bridge, holder),
        low_balance=LowBalanceViewModel(bridge, holder, session),
        wallet=WalletViewModel(bridge, holder, new_key),
        subscriptions=SubscriptionsViewModel(bridge, holder),
        plan_change=PlanChangeViewModel(bridge, holder, new_key),
        quotes=QuotesViewModel(bridge, holder, new_key),
        invoices=InvoicesViewModel(bridge, holder, new_key),
        explain=ExplainViewModel(bridge, holder),
        comparison=ComparisonViewModel(bridge, holder),
        timeline=TimelineViewModel(bridge, holder),
        payment_mode=PaymentModeViewModel(bridge, holder),
    )


def plain(name: str) -> Any:  # Any: stands in for a page of another type
    return partial(Plain, name)


@pytest.fixture
def pages(vms: ViewModels, look: Theme, prefs: Prefs) -> Pages:
    return Pages(
        marketplace=lambda: MarketplacePage(vms.marketplace),
        agent=lambda: AgentPage(vms.agent),
        checkout=plain("checkoutPage"),
        confirmation=plain("confirmationPage"),
        chat=plain("chatPage"),
        my_agents=plain("myAgentsPage"),
        configure=plain("configurePage"),
        settings=lambda: SettingsPage(look, prefs, data_folder="/data/souk", version="1.2.3"),
        money=MoneyMakers(
            wallet=lambda: WalletPage(vms.wallet),
            subscriptions=lambda: SubscriptionsPage(vms.subscriptions, vms.plan_change, vms.quotes),
            invoices=lambda: InvoicesPage(vms.invoices),
            comparison=lambda: ComparisonPage(vms.comparison),
            explain=lambda window: ExplainSheet(vms.explain, window),
        ),
        sign_in=lambda window: cast(Overlay, Dialog(window, "Sign in", confirm="Sign in", name="signInSheet")),
    )


Make = Callable[[], Shell]


@pytest.fixture
def make(vms: ViewModels, pages: Pages, bridge: Bridge, look: Theme, prefs: Prefs, qtbot: QtBot) -> Make:
    def shell() -> Shell:
        made = Shell(vms, pages, bridge, look, prefs)
        qtbot.addWidget(made)
        made.resize(1280, 800)
        made.open_window()
        made.activateWindow()
        qtbot.waitUntil(made.isActiveWindow)
        return made

    return shell


@pytest.fixture
def shell(make: Make) -> Iterator[Shell]:
    made = make()
    yield made
    for toast in made.toasts.toasts():
        toast.close_toast()


def press(shell: Shell, key: Qt.Key, modifier: Qt.KeyboardModifier = CTRL) -> None:
    QTest.keyClick(QApplication.focusWidget() or shell, key, modifier)


def see(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    shell.navigator.see(CUSTOMER_CARE.card)
    qtbot.waitUntil(lambda: vms.agent.chat.state.status is Status.READY)


def toast_texts(shell: Shell) -> list[str]:
    return [toast.text for toast in shell.toasts.toasts()]


@pytest.fixture
def buy(service: FakeService, signed_in: SessionViewModel, holder: ServiceHolder, run: Any) -> Callable[[], Any]:
    """Buys Pro of Customer Care and returns what was placed."""

    def now() -> Any:
        pro = next(plan for plan in CUSTOMER_CARE.plans if plan.slug == "pro")
        request = QuickCheckout(
            CUSTOMER_CARE.card.uuid, pro.uuid, PaymentMethod.CARD, "tok_test_pays",
            billing_cycle=BillingCycle.YEARLY, terms_accepted=True,
        )  # fmt: skip
        return run(holder.service.quick_checkout(request, key="once"))

    return now
