"""The wallet's page in a window, over a FakeService."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tests.fakes import FakeService
from tests.ui.wallet_help import Run, live, settle
from ui.bridge import Bridge
from ui.pages.wallet import WalletPage
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.session import SessionViewModel
from ui.viewmodels.wallet import WalletViewModel
from ui.widgets.notices import toast_area


@pytest.fixture
def page(
    look: Theme, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], qtbot: QtBot
) -> Iterator[WalletPage]:
    made = WalletPage(WalletViewModel(bridge, holder, new_key))
    window = QWidget()
    layout = QVBoxLayout(window)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(made)
    qtbot.addWidget(window)
    window.resize(1056, 800)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    yield made  # the window lives as long as this function
    for toast in toast_area(made).toasts():
        toast.close_toast()


@pytest.fixture
def lived(
    page: WalletPage, signed_in: SessionViewModel, service: FakeService, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> WalletPage:
    """$50 ten days ago, $0.25 a day since."""
    live(service, holder.service, run, 10, "0.25")
    page.vm.load()
    settle(page, qtbot)
    return page
