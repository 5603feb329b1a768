"""The invoices page in a window, over a FakeService."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tests.samples_money import history
from tests.ui.invoice_help import Run, fake, settle
from ui.bridge import Bridge
from ui.pages.invoices import InvoicesPage
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.invoices import InvoicesViewModel
from ui.viewmodels.session import SessionViewModel
from ui.widgets.notices import toast_area


@pytest.fixture
def page(
    look: Theme, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], qtbot: QtBot
) -> Iterator[InvoicesPage]:
    made = InvoicesPage(InvoicesViewModel(bridge, holder, new_key))
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
    page: InvoicesPage, signed_in: SessionViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> InvoicesPage:
    """Three months of a buyer's life."""
    run(history(fake(holder)))
    page.vm.load()
    settle(page.vm, qtbot)
    return page
