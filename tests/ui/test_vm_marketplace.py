"""The catalogue: searching as one types, pages as one scrolls, and nothing stale."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QModelIndex, Qt
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy, Offline
from services.api.money import Money
from services.api.types import Offering, OfferingPage, SortOrder
from tests.fakes import FakeService
from tests.samples import CATEGORIES, CUSTOMER_CARE, EXPENSE_AUDITOR, OFFERINGS
from tests.ui.conftest import Reports, many_cards
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.debounce import Debounce
from ui.viewmodels.marketplace import MarketplaceViewModel
from ui.viewmodels.offering_list import PAGE_SIZE, OfferingListModel

ROLE = Qt.ItemDataRole
NOWHERE = QModelIndex()


@pytest.fixture
def market(bridge: Bridge, holder: ServiceHolder) -> MarketplaceViewModel:
    return MarketplaceViewModel(bridge, holder)


def names(market: MarketplaceViewModel) -> list[object]:
    model = market.offerings
    return [model.data(model.index(row, 0), ROLE.DisplayRole) for row in range(model.rowCount())]


def fill(service: FakeService, count: int) -> None:
    cards = many_cards(CUSTOMER_CARE.card, count)
    service.world.offerings = tuple(replace(CUSTOMER_CARE, card=card) for card in cards)


# ---- typing pauses


def test_debounce_calls_once_after_the_last_trigger(bridge: Bridge, qtbot: QtBot) -> None:
    calls: list[int] = []
    debounce = Debounce(10, lambda: calls.append(1), bridge)
    for _ in range(5):
        debounce.trigger()
    assert debounce.is_pending
    qtbot.waitUntil(lambda: calls == [1])
    assert not debounce.is_pending


def test_debounce_can_be_hurried_or_forgotten(bridge: Bridge) -> None:
    calls: list[int] = []
    debounce = Debounce(60_000, lambda: calls.append(1), bridge)
    debounce.flush()
    assert calls == []
    debounce.trigger()
    debounce.flush()
    assert calls == [1]
    debounce.trigger()
    debounce.cancel()
    debounce.flush()
    assert calls == [1]


# ---- the first page


def test_first_page_is_there_at_once_without_asking_the_service(
    market: MarketplaceViewModel, service: FakeService
) -> None:
    market.first_page(OfferingPage(tuple(o.card for o in OFFERINGS), 3), CATEGORIES)
    assert market.state.status is Status.READY
    assert market.state.count_text == "3 agents"
    assert market.state.categories == CATEGORIES
    assert names(market) == ["Customer Care", "Expense Auditor", "Support Bundle"]
    assert service.calls == []


def test_rows_say_who_they_are(market: MarketplaceViewModel) -> None:
    market.first_page(OfferingPage((CUSTOMER_CARE.card,), 2), CATEGORIES)
    model = market.offerings
    index = model.index(0, 0)
    assert model.data(index, ROLE.UserRole) == CUSTOMER_CARE.card
    assert str(model.data(index, ROLE.AccessibleTextRole)).startswith("Customer Care by Northwind Labs")
    assert model.data(index, ROLE.AccessibleDescriptionRole) == CUSTOMER_CARE.card.tagline
    assert model.data(index, ROLE.DecorationRole) is None
    missing = model.index(1, 0)
    assert model.data(missing, ROLE.AccessibleTextRole) == "Loading"
    assert model.data(missing, ROLE.DisplayRole) is None
    assert model.rowCount(index) == 0


def test_loading_reads_categories_and_results(market: MarketplaceViewModel, qtbot: QtBot) -> None:
    assert market.state.count_text == ""
    market.load()
    qtbot.waitUntil(lambda: market.state.status is Status.READY and market.state.categories == CATEGORIES)
    assert market.offerings.rowCount() == 3


# ---- searching


def test_typing_asks_once_for_the_last_text(market: MarketplaceViewModel, service: FakeService, qtbot: QtBot) -> None:
    for text in ("e", "ex", "exp", "expense"):
        market.search(text)
    with qtbot.waitSignal(market.offerings.modelReset):
        pass
    assert names(market) == ["Expense Auditor"]
    assert service.calls == ["list_offerings"]


def test_enter_does_not_wait_for_the_pause(market: MarketplaceViewModel, qtbot: QtBot) -> None:
    market.search("expense")
    market.search_now()
    qtbot.waitUntil(lambda: names(market) == ["Expense Auditor"])


def test_answer_that_comes_too_late_is_dropped(
    market: MarketplaceViewModel, service: FakeService, qtbot: QtBot
) -> None:
    gate = service.hold("list_offerings")
    market.search("customer")
    market.search_now()
    qtbot.waitUntil(lambda: gate.waiting == 1)
    market.search("expense")
    market.search_now()
    gate.open()
    qtbot.waitUntil(lambda: market.state.status is Status.READY)
    assert names(market) == ["Expense Auditor"]


def test_filters_narrow_at_once_and_clear_together(market: MarketplaceViewModel, qtbot: QtBot) -> None:
    market.choose_category("finance")
    qtbot.waitUntil(lambda: names(market) == ["Expense Auditor"])
    market.choose_kind("bundle")
    qtbot.waitUntil(lambda: market.state.status is Status.EMPTY)
    assert market.state.count_text == "No agents"
    qtbot.waitUntil(lambda: market.state.has_filters)
    market.clear_filters()
    qtbot.waitUntil(lambda: market.offerings.rowCount() == 3)
    assert not market.state.has_filters
    market.choose_billing_model("subscription")
    market.limit_price(Money.zero())
    market.sort_by(SortOrder.NAME)
    qtbot.waitUntil(lambda: market.state.status is Status.READY)
    assert market.state.query().billing_model == "subscription"
    assert market.state.query().price_max == Money.zero()


def test_same_choice_again_asks_nothing(market: MarketplaceViewModel, service: FakeService) -> None:
    market.choose_category("")
    market.search("")
    market.search_now()
    assert service.calls == []


def test_odd_text_is_just_text(market: MarketplaceViewModel, qtbot: QtBot) -> None:
    market.search("\"%*_'; 🙂")
    market.search_now()
    qtbot.waitUntil(lambda: market.state.status is Status.EMPTY)


def test_corrected_search_says_what_it_shows(market: MarketplaceViewModel) -> None:
    market.first_page(OfferingPage((CUSTOMER_CARE.card,), 1, corrected_text="customer"), CATEGORIES)
    assert market.state.corrected_text == "Showing results for “customer”."


def test_failed_search_says_so_and_can_be_tried_again(
    market: MarketplaceViewModel, service: FakeService, qtbot: QtBot, reports: Reports
) -> None:
    service.fail("list_offerings", Offline())
    market.load()
    qtbot.waitUntil(lambda: market.state.status is Status.ERROR)
    assert market.state.error is not None
    assert market.state.error.code == "offline"
    assert market.state.count_text == ""
    reports.retries[0]()
    qtbot.waitUntil(lambda: market.offerings.rowCount() == 3 and market.state.error is None)


def test_catalogue_that_changed_is_read_again(
    market: MarketplaceViewModel, bridge: Bridge, service: FakeService, qtbot: QtBot
) -> None:
    market.load()
    qtbot.waitUntil(lambda: market.state.status is Status.READY)
    service.world.offerings = (EXPENSE_AUDITOR,)
    bridge.announce("catalogue")
    qtbot.waitUntil(lambda: names(market) == ["Expense Auditor"])


# ---- further pages


def test_page_is_asked_for_when_its_rows_are_looked_at(
    market: MarketplaceViewModel, service: FakeService, qtbot: QtBot
) -> None:
    fill(service, 200)
    market.load()
    qtbot.waitUntil(lambda: market.offerings.rowCount() == 200)
    model = market.offerings
    seen: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last: seen.append((first.row(), last.row())))
    for row in range(PAGE_SIZE, PAGE_SIZE + 30):
        assert model.data(model.index(row, 0), ROLE.UserRole) is None
    qtbot.waitUntil(lambda: len(seen) == 1)
    assert seen == [(PAGE_SIZE, 2 * PAGE_SIZE - 1)]
    card = model.card(PAGE_SIZE)
    assert card is not None
    assert card.name == f"Agent {PAGE_SIZE}"
    assert service.calls.count("list_offerings") == 2


def test_page_of_an_earlier_search_never_mixes_with_a_later_one(
    market: MarketplaceViewModel, service: FakeService, qtbot: QtBot
) -> None:
    fill(service, 200)
    market.load()
    qtbot.waitUntil(lambda: market.offerings.rowCount() == 200)
    gate = service.hold("list_offerings")
    market.offerings.card(70)
    qtbot.waitUntil(lambda: gate.waiting == 1)
    service.world.offerings = OFFERINGS
    market.sort_by(SortOrder.NAME)
    gate.open()
    qtbot.waitUntil(lambda: market.offerings.rowCount() == 3)
    assert names(market) == ["Customer Care", "Expense Auditor", "Support Bundle"]


def test_page_that_cannot_be_read_leaves_the_rest_and_is_not_asked_for_in_a_loop(
    market: MarketplaceViewModel, service: FakeService, qtbot: QtBot
) -> None:
    fill(service, 100)
    market.load()
    qtbot.waitUntil(lambda: market.offerings.rowCount() == 100)
    service.fail("list_offerings", DatabaseBusy())
    market.offerings.card(99)
    qtbot.waitUntil(lambda: market.state.error is not None)
    market.offerings.card(99)
    assert service.calls.count("list_offerings") == 2
    assert market.state.status is Status.READY
    market.retry()
    qtbot.waitUntil(lambda: market.state.error is None and market.state.status is Status.READY)


def test_rows_beyond_the_end_are_nothing(market: MarketplaceViewModel, service: FakeService) -> None:
    assert market.offerings.card(-1) is None
    assert market.offerings.card(0) is None
    assert service.calls == []


# ---- more than can be counted


def pages_of(offering: Offering, total: int) -> dict[int, OfferingPage]:
    cards = many_cards(offering.card, total)
    starts = range(0, total, PAGE_SIZE)
    return {
        start // PAGE_SIZE + 1: OfferingPage(cards[start : start + PAGE_SIZE], 1000, is_capped=True) for start in starts
    }


def test_capped_list_grows_at_its_end_until_there_is_no_more() -> None:
    pages = pages_of(CUSTOMER_CARE, 1070)
    asked: list[int] = []
    model = OfferingListModel(asked.append)
    model.start(pages[1])
    assert model.rowCount() == 1000
    while model.canFetchMore(NOWHERE):
        model.fetchMore(NOWHERE)
        model.add(asked[-1], pages.get(asked[-1], OfferingPage((), 1000, is_capped=True)))
    assert asked == [17, 18]
    assert model.rowCount() == 1070
    last = model.card(1069)
    assert last is not None
    assert last.name == "Agent 1069"


def test_capped_list_that_ends_with_a_full_page_stops_growing() -> None:
    pages = pages_of(CUSTOMER_CARE, 1020)
    asked: list[int] = []
    model = OfferingListModel(asked.append)
    model.start(pages[1])
    while model.canFetchMore(NOWHERE):
        model.fetchMore(NOWHERE)
        model.add(asked[-1], pages.get(asked[-1], OfferingPage((), 1000, is_capped=True)))
    assert model.rowCount() == 1020
    assert asked == [17, 18]


def test_capped_count_says_more_than(market: MarketplaceViewModel) -> None:
    market.first_page(pages_of(CUSTOMER_CARE, 1070)[1], CATEGORIES)
    assert market.state.count_text == "1,000+ agents"


# ---- the order of the last time


def test_order_of_the_last_time_shows_nothing_first_when_it_cannot_be_known(
    market: MarketplaceViewModel, qtbot: QtBot
) -> None:
    cards = tuple(offering.card for offering in OFFERINGS)
    market.first_page(OfferingPage(cards, 500), CATEGORIES)
    market.start_with(SortOrder.NEWEST)
    assert (market.state.status, names(market)) == (Status.LOADING, [])
    market.load()
    qtbot.waitUntil(lambda: market.state.status is Status.READY)
    assert market.state.order is SortOrder.NEWEST


def test_all_there_is_can_be_put_in_order_without_asking(market: MarketplaceViewModel, service: FakeService) -> None:
    cards = (EXPENSE_AUDITOR.card, CUSTOMER_CARE.card)
    market.first_page(OfferingPage(cards, 2), CATEGORIES)
    market.start_with(SortOrder.NAME)
    assert names(market) == ["Customer Care", "Expense Auditor"]
    assert service.calls == []
