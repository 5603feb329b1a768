"""One offering's page: what a buyer judges by, the plans with one button, and the sample chat."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy
from services.api.types import BillingCycle, Offering
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE, EXPENSE_AUDITOR, SUPPORT_BUNDLE
from tests.ui.page_help import button, child, click, cut_off, nameless, tab_round, tab_stops, text, unnamed
from ui.bridge import Bridge
from ui.pages.agent import AgentPage
from ui.pages.agent.buy_panel import buy_text
from ui.theme import Theme
from ui.viewmodels.agent import AgentViewModel, CheckoutRequest
from ui.viewmodels.base import ServiceHolder, Status

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


@pytest.fixture
def agent(bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str]) -> AgentViewModel:
    return AgentViewModel(bridge, holder, new_key)


@pytest.fixture
def page(look: Theme, agent: AgentViewModel, qtbot: QtBot) -> AgentPage:
    """The page, with nothing opened yet."""
    made = AgentPage(agent)
    qtbot.addWidget(made)
    made.resize(1056, 800)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


Open = Callable[[Offering], AgentPage]


@pytest.fixture
def opened(page: AgentPage, agent: AgentViewModel, qtbot: QtBot) -> Open:
    def show(offering: Offering) -> AgentPage:
        agent.open(offering.card.uuid, offering.card)
        qtbot.waitUntil(lambda: agent.state.status is Status.READY)
        qtbot.waitUntil(lambda: agent.chat.state.status is Status.READY or not agent.state.can_try)
        return page

    return show


def label_texts(page: AgentPage, name: str) -> list[str]:
    return [label.text() for label in child(page, name).findChildren(QLabel)]


def test_head_is_there_before_the_offering(page: AgentPage, agent: AgentViewModel, service: FakeService) -> None:
    service.hold("get_offering")
    agent.open(CUSTOMER_CARE.card.uuid, CUSTOMER_CARE.card)
    assert text(page, "agentName") == "Customer Care"
    assert page.loading.isVisible()
    assert not page.panel.isVisible()


def test_shows_what_a_buyer_judges_by(opened: Open) -> None:
    page = opened(CUSTOMER_CARE)
    assert label_texts(page, "agentDoes") == ["What it does", "Answers from your documents"]
    assert label_texts(page, "agentDoesNot") == ["What it does not do", "Does not pay refunds"]
    assert label_texts(page, "gettingStarted")[1:] == ["1.", "Ask it a question"]
    facts = label_texts(page, "agentFacts")
    assert "English, German" in facts
    assert "Frankfurt, Germany (EU)" in facts
    vendor = label_texts(page, "vendorCard")
    assert "Northwind Labs" in vendor
    assert "Berlin, Germany · since 2019" in vendor
    assert text(page, "agentRating") == "4.7 (120 reviews)"


def test_bundle_lists_its_parts_and_opens_them(opened: Open, agent: AgentViewModel, qtbot: QtBot) -> None:
    page = opened(SUPPORT_BUNDLE)
    assert "Expense Auditor" in label_texts(page, "bundleContents")
    assert not page.sample.isVisible()
    assert text(page, "bundleSaving") == "Together 15% less than one by one."
    click(page, f"viewItem-{EXPENSE_AUDITOR.card.slug}")
    qtbot.waitUntil(lambda: text(page, "agentName") == "Expense Auditor")


def test_bundle_plan_says_what_it_would_cost_in_parts(opened: Open, agent: AgentViewModel) -> None:
    page = opened(SUPPORT_BUNDLE)
    agent.choose_cycle(BillingCycle.MONTHLY)
    assert "instead of $58" in child(page, "plan-starter").accessibleDescription()


@pytest.mark.parametrize(
    ("slug", "words"),
    [
        ("pro", "Get Pro – $990 / year"),
        ("enterprise", "Ask for a quote"),
        ("free", "Start for free"),
        ("pay-per-use", "Start with pay per use"),
    ],
)
def test_one_button_carries_plan_and_price(opened: Open, slug: str, words: str) -> None:
    page = opened(CUSTOMER_CARE)
    click(page, f"plan-{slug}")
    assert button(page, "buyButton").text() == words


def test_period_changes_every_price(opened: Open, agent: AgentViewModel) -> None:
    page = opened(CUSTOMER_CARE)
    click(page, "plan-pro")
    click(page, "billingCycle-0")
    assert agent.state.cycle is BillingCycle.MONTHLY
    assert button(page, "buyButton").text() == "Get Pro – $99 / month"
    assert "$29 /month" in child(page, "plan-starter").accessibleDescription()


def test_bundle_price_is_exact() -> None:
    plan = SUPPORT_BUNDLE.plans[0]
    assert buy_text(plan, BillingCycle.MONTHLY) == "Get Starter – $49.30 / month"


def test_arrow_keys_go_between_plans(opened: Open, agent: AgentViewModel) -> None:
    page = opened(CUSTOMER_CARE)
    click(page, "plan-starter")
    child(page, "plan-starter").setFocus()
    QTest.keyClick(child(page, "plan-starter"), Qt.Key.Key_Down)
    assert agent.state.plan is not None
    assert agent.state.plan.slug == "pro"


def test_the_keyboard_begins_at_the_button_and_enter_goes_to_checkout(
    page: AgentPage, opened: Open, agent: AgentViewModel, qtbot: QtBot
) -> None:
    page.focus_content()
    assert page.back_button.hasFocus()
    opened(CUSTOMER_CARE)
    assert page.panel.buy_button.hasFocus()
    with qtbot.waitSignal(agent.opened_checkout) as asked:
        QTest.keyClick(page.panel.buy_button, Qt.Key.Key_Return)
    assert asked.args is not None
    request = asked.args[0]
    assert isinstance(request, CheckoutRequest)
    assert request.offering.card.name == "Customer Care"


def test_back_is_told(opened: Open, qtbot: QtBot) -> None:
    page = opened(CUSTOMER_CARE)
    with qtbot.waitSignal(page.back):
        click(page, "backButton")


def test_sample_chat_is_labelled_answers_and_counts_down(opened: Open, agent: AgentViewModel, qtbot: QtBot) -> None:
    page = opened(CUSTOMER_CARE)
    assert "carries over" in text(page, "sampleText")
    before = text(page, "sampleUsage")
    assert before.startswith("Sample: ")
    click(page, "samplePrompt-0")
    qtbot.waitUntil(lambda: bool(agent.chat.state.messages) and not agent.chat.state.is_answering)
    assert text(page, "sampleUsage") != before
    assert page.chat.thread_view.turns()[-1].accessibleName().startswith("Agent: ")
    assert child(page, "sampleSource-0").isVisible()


def test_missing_agent_leads_back(page: AgentPage, agent: AgentViewModel, qtbot: QtBot) -> None:
    agent.open("no-such-agent")
    qtbot.waitUntil(page.missing.isVisible)
    with qtbot.waitSignal(page.back):
        click(page, "agentMissingAction")


def test_failed_page_can_be_tried_again(
    page: AgentPage, agent: AgentViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("get_offering", DatabaseBusy())
    agent.open(CUSTOMER_CARE.card.uuid, CUSTOMER_CARE.card)
    qtbot.waitUntil(page.error.isVisible)
    QTest.mouseClick(page.error.action_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.panel.isVisible)
    assert not page.error.isVisible()


def test_tab_visits_every_control_once_and_all_have_names(opened: Open) -> None:
    page = opened(SUPPORT_BUNDLE)
    page.back_button.setFocus()
    visited = tab_round(page)
    assert len(visited) == len(set(visited))
    assert set(visited) == set(tab_stops(page))
    assert unnamed(page) == []
    assert nameless(page) == []


@pytest.mark.parametrize(("width", "height", "scale"), [(1056, 800, 1.0), (836, 600, 1.0), (1180, 800, 2.0)])
def test_nothing_is_cut_off(opened: Open, look: Theme, width: int, height: int, scale: float) -> None:
    page = opened(SUPPORT_BUNDLE)
    look.set_text_scale(scale)
    page.resize(width, height)
    for _ in range(3):
        QApplication.processEvents()
    assert cut_off(page) == []


def test_plans_stand_beside_the_page_and_move_into_it_when_it_is_narrow(opened: Open, look: Theme) -> None:
    page = opened(CUSTOMER_CARE)
    assert not page._scroll.isAncestorOf(page.panel)
    look.set_text_scale(2.0)
    page.resize(1000, 800)
    QApplication.processEvents()
    assert page._scroll.isAncestorOf(page.panel)
    look.set_text_scale(1.0)
    page.resize(1056, 800)
    QApplication.processEvents()
    assert not page._scroll.isAncestorOf(page.panel)


def test_unverified_vendor_is_not_called_verified(opened: Open, service: FakeService) -> None:
    card = replace(CUSTOMER_CARE.card, vendor_verified=False)
    plain = replace(CUSTOMER_CARE, card=card, vendor=replace(CUSTOMER_CARE.vendor, is_verified=False))
    service.world.offerings = (plain,)
    page = opened(plain)
    assert not [label for label in page.findChildren(QLabel) if "erified" in label.text()]


def test_plan_that_can_be_tried_says_for_how_long(opened: Open) -> None:
    page = opened(CUSTOMER_CARE)
    assert "14-day free trial" in child(page, "plan-pro").accessibleDescription()
    assert "trial" not in child(page, "plan-starter").accessibleDescription()
