"""The wallet's page in a window, over a FakeService."""

from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot

from tests.fakes import FakeService
from tests.ui.page_help import in_window
from tests.ui.wallet_help import Run, live, settle
from ui.bridge import Bridge
from ui.pages.wallet import WalletPage
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.session import SessionViewModel
from ui.viewmodels.wallet import WalletViewModel


@pytest.fixture
def page(
    look: Theme, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], qtbot: QtBot
) -> Iterator[WalletPage]:
    with in_window(WalletPage(WalletViewModel(bridge, holder, new_key)), qtbot) as page:
        yield page


@pytest.fixture
def lived(
    page: WalletPage, signed_in: SessionViewModel, service: FakeService, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> WalletPage:
    """$50 ten days ago, $0.25 a day since."""
    live(service, holder.service, run, 10, "0.25")
    page.vm.load()
    settle(page, qtbot)
    return page
