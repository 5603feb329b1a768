"""The invoices page in a window, over a FakeService."""

from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot

from tests.samples_money import history
from tests.ui.invoice_help import Run, fake, settle
from tests.ui.page_help import in_window
from ui.bridge import Bridge
from ui.pages.invoices import InvoicesPage
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.invoices import InvoicesViewModel
from ui.viewmodels.session import SessionViewModel


@pytest.fixture
def page(
    look: Theme, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], qtbot: QtBot
) -> Iterator[InvoicesPage]:
    with in_window(InvoicesPage(InvoicesViewModel(bridge, holder, new_key)), qtbot) as page:
        yield page


@pytest.fixture
def lived(
    page: InvoicesPage, signed_in: SessionViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> InvoicesPage:
    """Three months of a buyer's life."""
    run(history(fake(holder)))
    page.vm.load()
    settle(page.vm, qtbot)
    return page
