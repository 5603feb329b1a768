"""The catalogue screen: search, filters, the grid, and what stands in its place when there is nothing to show."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy
from services.api.types import BillingModel, OfferingKind, OfferingPage, SortOrder
from tests.fakes import FakeService
from tests.samples import CATEGORIES, CUSTOMER_CARE, OFFERINGS
from tests.ui.page_help import button, child, click, cut_off, nameless, tab_round, tab_stops, text, unnamed
from ui.bridge import Bridge
from ui.pages.marketplace import MarketplacePage
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.marketplace import MarketplaceViewModel
from ui.widgets.card_grid import CardGrid
from ui.widgets.controls import Select

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
FIRST = OfferingPage(tuple(offering.card for offering in OFFERINGS), len(OFFERINGS))


@pytest.fixture
def market(bridge: Bridge, holder: ServiceHolder) -> MarketplaceViewModel:
    return MarketplaceViewModel(bridge, holder)


@pytest.fixture
def page(look: Theme, market: MarketplaceViewModel, qtbot: QtBot) -> MarketplacePage:
    """The page as the window first shows it."""
    market.first_page(FIRST, CATEGORIES)
    return shown(MarketplacePage(market), qtbot)


def shown(page: MarketplacePage, qtbot: QtBot) -> MarketplacePage:
    qtbot.addWidget(page)
    page.resize(1056, 800)
    page.show()
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    return page


def pick(page: MarketplacePage, name: str, data: object) -> None:
    """Chooses from a drop-down the way its list does."""
    select = child(page, name)
    assert isinstance(select, Select)
    select.set_current(data)
    select.activated.emit(select.currentIndex())


def test_first_frame_has_the_first_page(page: MarketplacePage) -> None:
    assert page.grid.isVisible()
    assert page.grid.model().rowCount() == 3
    assert text(page, "resultCount") == "3 agents"
    assert page.grab().toImage().pixelColor(200, 260).isValid()


def test_chips_carry_counts_and_choose_a_category(
    page: MarketplacePage, market: MarketplaceViewModel, qtbot: QtBot
) -> None:
    chip = button(page, "categoryChips-support")
    assert chip.accessibleName() == "Support, 2"
    QTest.mouseClick(chip, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: market.state.total == 2)
    assert market.state.category == "support"


def test_typing_searches_and_the_count_follows(
    page: MarketplacePage, market: MarketplaceViewModel, qtbot: QtBot
) -> None:
    page.search.setFocus()
    QTest.keyClicks(page.search, "expense")
    qtbot.waitUntil(lambda: text(page, "resultCount") == "1 agent")


@pytest.mark.parametrize("key", [Qt.Key.Key_Slash, Qt.Key.Key_F])
def test_slash_and_ctrl_f_go_to_the_search(page: MarketplacePage, key: Qt.Key) -> None:
    page.focus_content()
    modifier = Qt.KeyboardModifier.ControlModifier if key == Qt.Key.Key_F else Qt.KeyboardModifier.NoModifier
    QTest.keyClick(page.grid, key, modifier)
    assert page.search.hasFocus()
    assert page.search.text() == ""


def test_escape_clears_then_leaves_the_search(page: MarketplacePage, market: MarketplaceViewModel) -> None:
    page.search.setFocus()
    QTest.keyClicks(page.search, "a")
    QTest.keyClick(page.search, Qt.Key.Key_Escape)
    assert (page.search.text(), page.search.hasFocus()) == ("", True)
    QTest.keyClick(page.search, Qt.Key.Key_Escape)
    assert page.grid.hasFocus()


def test_enter_in_the_search_goes_to_the_first_result_and_enter_opens_it(
    page: MarketplacePage, market: MarketplaceViewModel, qtbot: QtBot
) -> None:
    page.search.setFocus()
    QTest.keyClicks(page.search, "expense")
    QTest.keyClick(page.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: market.state.total == 1)
    with qtbot.waitSignal(page.opened) as opened:
        QTest.keyClick(page.grid, Qt.Key.Key_Return)
    assert opened.args is not None
    assert opened.args[0].name == "Expense Auditor"


def test_arrow_down_leaves_the_search_for_the_grid(page: MarketplacePage) -> None:
    page.search.setFocus()
    QTest.keyClick(page.search, Qt.Key.Key_Down)
    assert page.grid.hasFocus()
    assert page.grid.currentIndex().row() == 0


def test_clicking_a_card_opens_it(page: MarketplacePage, qtbot: QtBot) -> None:
    second = page.grid.visualRect(page.grid.model().index(1, 0)).center()
    with qtbot.waitSignal(page.opened) as opened:
        QTest.mouseClick(page.grid.viewport(), Qt.MouseButton.LeftButton, pos=second)
    assert opened.args is not None
    assert opened.args[0].name == "Expense Auditor"


def test_filters_narrow_the_results(page: MarketplacePage, market: MarketplaceViewModel, qtbot: QtBot) -> None:
    pick(page, "kindFilter", OfferingKind.BUNDLE.value)
    qtbot.waitUntil(lambda: market.state.total == 1)
    pick(page, "billingFilter", BillingModel.FREE.value)
    qtbot.waitUntil(lambda: market.state.status is Status.EMPTY)
    assert page.empty.isVisible()


def test_sorting_asks_again(page: MarketplacePage, market: MarketplaceViewModel, qtbot: QtBot) -> None:
    pick(page, "sortSelect", SortOrder.RATING)
    qtbot.waitUntil(lambda: market.offerings.card(0) is not None and market.state.order is SortOrder.RATING)
    assert isinstance(child(page, "sortSelect"), Select)


def test_price_filter_offers_whole_limits(page: MarketplacePage, market: MarketplaceViewModel, qtbot: QtBot) -> None:
    select = child(page, "priceFilter")
    assert isinstance(select, Select)
    assert select.itemText(1) == "Up to $30 a month"
    pick(page, "priceFilter", select.itemData(1))
    assert market.state.price_max == select.itemData(1)


def test_nothing_found_offers_to_clear_the_filters(
    page: MarketplacePage, market: MarketplaceViewModel, qtbot: QtBot
) -> None:
    market.search("no such thing")
    qtbot.waitUntil(page.empty.isVisible)
    assert page.empty.title_label.text() == "Nothing matches “no such thing”"
    click(page, "marketplaceEmptyAction")
    qtbot.waitUntil(page.grid.isVisible)
    assert (page.search.text(), page.search.hasFocus()) == ("", True)


def test_failed_search_can_be_tried_again(
    page: MarketplacePage, market: MarketplaceViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("list_offerings", DatabaseBusy())
    market.sort_by(SortOrder.NAME)
    qtbot.waitUntil(page.error.isVisible)
    QTest.mouseClick(page.error.action_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.grid.isVisible)


def test_without_a_first_page_there_are_placeholders(
    look: Theme, market: MarketplaceViewModel, service: FakeService, qtbot: QtBot
) -> None:
    gate = service.hold("list_offerings")
    page = shown(MarketplacePage(market), qtbot)
    market.load()
    waiting = child(page, "loadingGrid")
    assert isinstance(waiting, CardGrid)
    assert waiting.isVisible()
    gate.open()
    qtbot.waitUntil(page.grid.isVisible)


def test_corrected_search_is_said(page: MarketplacePage, market: MarketplaceViewModel) -> None:
    corrected = replace(FIRST, corrected_text="customer")
    market._show_first(market.state.query(), corrected)
    assert text(page, "correctedSearch") == "Showing results for “customer”."
    assert child(page, "correctedSearch").isVisible()


def test_tab_visits_every_control_once_and_all_have_names(page: MarketplacePage) -> None:
    page.search.setFocus()
    visited = tab_round(page)
    assert len(visited) == len(set(visited))
    assert set(visited) == set(tab_stops(page))
    assert unnamed(page) == []
    assert nameless(page) == []


@pytest.mark.parametrize(("width", "height", "scale"), [(1056, 800, 1.0), (836, 600, 1.0), (1180, 800, 2.0)])
def test_nothing_is_cut_off(page: MarketplacePage, look: Theme, width: int, height: int, scale: float) -> None:
    look.set_text_scale(scale)
    page.resize(width, height)
    QApplication.processEvents()
    assert cut_off(page) == []


def test_theme_changes_at_once(page: MarketplacePage, look: Theme) -> None:
    title = child(page, "pageTitle")
    assert isinstance(title, QLabel)
    light = page.grab().toImage().pixelColor(5, 5)
    look.set_mode("dark")
    dark = page.grab().toImage().pixelColor(5, 5)
    assert light.lightness() > 200 > 60 > dark.lightness()


def test_first_result_is_current_after_new_results(
    page: MarketplacePage, market: MarketplaceViewModel, qtbot: QtBot
) -> None:
    page.focus_content()
    page.grid.setCurrentIndex(page.grid.model().index(2, 0))
    market.choose_category("support")
    qtbot.waitUntil(lambda: market.state.total == 2)
    assert page.grid.currentIndex().row() == 0
    assert page.grid.model().index(0, 0).data() == CUSTOMER_CARE.card.name
