"""The one checkout page: what it shows, what it asks for, and that everything fits and can be reached."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import Offline
from services.api.types import BillingCycle
from tests.fakes import FakeService
from tests.samples import SUPPORT_BUNDLE
from tests.ui.checkout_help import CARDS, ENTERPRISE, FREE, PRO, STARTER
from tests.ui.checkout_page import Desk
from tests.ui.page_help import button, child, cut_off, nameless, tab_round, tab_stops, unnamed
from ui.bridge import Bridge
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.session import SessionViewModel

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")


@pytest.fixture
def desk(
    look: Theme,
    bridge: Bridge,
    holder: ServiceHolder,
    session: SessionViewModel,
    new_key: Callable[[], str],
    service: FakeService,
    qtbot: QtBot,
) -> Desk:
    return Desk(CheckoutViewModel(bridge, holder, session, new_key), service, qtbot)


# ---- what it shows


def test_arithmetic_total_and_renewal_stand_beside_the_button(desk: Desk) -> None:
    desk.open()
    summary = child(desk.page, "orderSummary")
    words = [one.text() for one in summary.findChildren(QLabel) if one.isVisible()]
    assert {"Pro yearly, $99 × 12", "$1,188", "Yearly discount, 2 months free", "−$198"} <= set(words)
    assert desk.text("totalAmount") == "$990"
    assert desk.text("renewalText").startswith("Renews on 14 March 2027 for $990.")
    assert button(desk.page, "payButton").text() == "Complete purchase – $990"


def test_agent_and_test_mode_are_named_at_the_top(desk: Desk) -> None:
    desk.open()
    assert button(desk.page, "backButton").text() == "Back to Customer Care"
    assert desk.text("testModeBadge") == "Test mode: no real money moves"


def test_every_plan_is_offered_and_the_period_changes_all_prices(desk: Desk) -> None:
    desk.open()
    names = [f"plan-{slug}" for slug in ("free", "starter", "pro", "enterprise", "pay-per-use")]
    assert all(child(desk.page, name).isVisible() for name in names)
    assert "$290 /year" in child(desk.page, "plan-starter").accessibleDescription()
    desk.click("billingCycle-0")
    desk.wait(lambda: desk.text("totalAmount") == "$99")
    assert "$29 /month" in child(desk.page, "plan-starter").accessibleDescription()
    assert desk.state.cycle is BillingCycle.MONTHLY


def test_plan_is_chosen_by_click_and_by_arrow_keys(desk: Desk) -> None:
    desk.open()
    desk.click("plan-starter")
    desk.wait(lambda: desk.text("totalAmount") == "$290")
    desk.press(Qt.Key.Key_Right)
    assert desk.state.plan_uuid == PRO.uuid
    desk.wait(lambda: desk.text("totalAmount") == "$990")


def test_bundle_shows_what_its_agents_cost_one_by_one(desk: Desk) -> None:
    desk.open(SUPPORT_BUNDLE.plans[0].uuid, SUPPORT_BUNDLE)
    assert "$580 one by one" in child(desk.page, "plan-starter").accessibleDescription()


def test_free_plan_asks_for_no_card(desk: Desk) -> None:
    desk.open(FREE.uuid)
    assert child(desk.page, "noCardNeeded").isVisible()
    assert not child(desk.page, "paymentMethod").isVisible()
    assert button(desk.page, "payButton").text() == "Start for free"


def test_only_ways_that_work_are_offered_and_one_alone_needs_no_choice(desk: Desk) -> None:
    desk.open()
    assert not child(desk.page, "paymentMethod").isVisible()
    assert child(desk.page, "cardChoice").isVisible()


def test_enterprise_asks_for_an_address_only(desk: Desk) -> None:
    desk.open(ENTERPRISE.uuid)
    assert button(desk.page, "payButton").text() == "Ask for a quote"
    hidden = ("passwordField", "termsCheckbox", "paymentMethod", "organizationField")
    assert not any(child(desk.page, name).isVisible() for name in hidden)
    assert desk.text("totalAmount") == "Custom"


# ---- loading, empty, failed


def test_nothing_in_the_cart_leads_back_to_the_agents(desk: Desk, qtbot: QtBot) -> None:
    desk.vm.resume()
    desk.wait(lambda: child(desk.page, "checkoutEmpty").isVisible())
    with qtbot.waitSignal(desk.page.back):
        desk.click("checkoutEmptyAction")


def test_offering_that_cannot_be_read_is_tried_again(desk: Desk, service: FakeService) -> None:
    service.fail("get_cart", Offline())
    desk.vm.open("customer-care")
    desk.wait(lambda: child(desk.page, "checkoutError").isVisible())
    desk.click("checkoutErrorAction")
    desk.wait(lambda: child(desk.page, "payButton").isVisible())


def test_back_button_goes_back(desk: Desk, qtbot: QtBot) -> None:
    desk.open()
    with qtbot.waitSignal(desk.page.back):
        desk.click("backButton")


# ---- who buys, and for whom


def test_new_person_begins_in_the_e_mail_field(desk: Desk) -> None:
    desk.open()
    assert desk.focused == "emailField"


def test_names_follow_the_address_that_is_typed(desk: Desk) -> None:
    desk.open()
    desk.type("grace.hopper@example.com")
    whole = "Auto: Grace Hopper's Organization"
    desk.wait(lambda: child(desk.page, "organizationField").toolTip() == whole)
    assert desk.typed("organizationField").startswith("Auto: Grace Hopper")
    assert desk.typed("organizationField").endswith("…")  # it says that there is more
    assert child(desk.page, "organizationField").accessibleDescription().startswith(whole)
    assert desk.typed("projectField") == "Auto: Default"


def test_having_an_account_swaps_to_sign_in_and_keeps_what_was_typed(desk: Desk) -> None:
    desk.open()
    desk.fill()
    desk.click("haveAccountButton")
    assert button(desk.page, "haveAccountButton").text() == "Create an account"
    assert (desk.typed("emailField"), desk.typed("passwordField")) == ("ada@example.com", "correct horse")
    assert desk.focused == "passwordField"


@pytest.mark.parametrize("begin", ["click", "F2", "Enter"])
def test_organization_is_renamed_in_place(desk: Desk, begin: str) -> None:
    desk.open()
    if begin == "click":
        desk.click("organizationField")
    else:
        desk.tab_to("organizationField")
        desk.press(Qt.Key.Key_F2 if begin == "F2" else Qt.Key.Key_Return)
    desk.type("Acme")  # over the selected suggestion
    desk.press(Qt.Key.Key_Return)
    assert desk.typed("organizationField") == "Acme"
    assert desk.state.organization_name == "Acme"
    assert desk.service.calls.count("quick_checkout") == 0


def test_escape_leaves_the_name_as_it_was(desk: Desk) -> None:
    desk.open()
    desk.click("projectField")
    desk.type("Other")
    desk.press(Qt.Key.Key_Escape)
    assert desk.typed("projectField") == "Auto: Default"
    assert desk.state.project_name == ""


def test_emptied_name_is_automatic_again(desk: Desk) -> None:
    desk.open()
    desk.vm.type_organization("Acme")
    desk.click("organizationField")
    QTest.keySequence(child(desk.page, "organizationField"), QKeySequence(QKeySequence.StandardKey.Delete))
    desk.press(Qt.Key.Key_Return)
    assert desk.typed("organizationField").startswith("Auto")


# ---- problems


def test_problems_stand_beside_their_fields_and_the_first_gets_the_focus(desk: Desk) -> None:
    desk.open()
    desk.type("ada@")
    desk.click("passwordField")
    desk.type("short")
    desk.click("payButton")
    assert desk.beside("emailField") == "Check the address; it looks like name@example.com."
    assert desk.beside("passwordField") == "Use at least 8 characters."
    assert "Accept the terms to go on." in [one.text() for one in desk.page.findChildren(QLabel) if one.isVisible()]
    assert desk.focused == "emailField"
    assert "register" not in desk.service.calls


def test_field_that_was_only_passed_by_is_not_complained_about(desk: Desk) -> None:
    desk.open()
    desk.press(Qt.Key.Key_Tab, 3)
    assert desk.beside("emailField") == desk.beside("passwordField") == ""


def test_problem_goes_away_while_it_is_mended(desk: Desk) -> None:
    desk.open()
    desk.type("ada@")
    desk.press(Qt.Key.Key_Return)
    assert desk.beside("emailField")
    desk.type("example.com")
    assert desk.beside("emailField") == ""


def test_enter_in_a_field_that_lacks_something_goes_there(desk: Desk) -> None:
    desk.open()
    desk.type("ada@example.com")
    desk.press(Qt.Key.Key_Return)
    assert desk.focused == "passwordField"
    desk.type("correct horse")
    desk.press(Qt.Key.Key_Return)
    assert desk.focused == "termsCheckbox"
    desk.press(Qt.Key.Key_Space)
    assert desk.state.terms_accepted


# ---- cards


def test_test_card_that_pays_is_chosen_already(desk: Desk) -> None:
    desk.open()
    assert button(desk.page, f"card-{CARDS['pays']}").isChecked()


def test_another_test_card_is_added_by_the_menu_and_stays_in_sight(desk: Desk) -> None:
    desk.open()
    desk.pick_card(CARDS["declined"])
    row = button(desk.page, f"card-{CARDS['declined']}")
    assert row.isChecked()
    assert row.text() == "Visa •••• 0002 – is declined"
    desk.click(f"card-{CARDS['pays']}")
    assert desk.state.payment_token == CARDS["pays"]
    assert button(desk.page, f"card-{CARDS['declined']}").isVisible()


def test_signed_in_buyer_keeps_an_added_card_on_file(desk: Desk, signed_in: SessionViewModel) -> None:
    desk.open()
    desk.pick_card(CARDS["pays"])
    desk.wait(lambda: desk.state.options is not None and desk.state.options.saved_methods)
    desk.wait(lambda: button(desk.page, "savedCard-0").isChecked())
    assert button(desk.page, "savedCard-0").text() == "Visa •••• 4242"


# ---- reach, words, sizes


def test_every_control_has_a_name_for_readers_and_for_tests(desk: Desk) -> None:
    desk.open()
    assert unnamed(desk.page) == []
    assert nameless(desk.page) == []


def test_tab_visits_every_control_once_in_reading_order(desk: Desk) -> None:
    desk.open()
    stops = tab_stops(desk.page)
    visited = tab_round(desk.page)
    assert sorted(map(id, visited)) == sorted(map(id, stops))
    start = visited.index(stops[0])
    assert [one.objectName() for one in visited[start:] + visited[:start]] == [one.objectName() for one in stops]


DECIDING = ("planGrid", "emailField", "termsCheckbox", "payButton", "totalAmount", "renewalText")


def scroller(page: QWidget) -> QScrollArea:
    return next(area for area in page.findChildren(QScrollArea) if area.isVisible() and area.height() > 300)


@pytest.mark.parametrize("plan", [STARTER.uuid, FREE.uuid, ENTERPRISE.uuid])
def test_all_that_decides_is_in_view_without_scrolling_at_1280_by_800(desk: Desk, plan: str) -> None:
    desk.open(plan)
    grid = child(desk.page, "planGrid")
    desk.wait(lambda: grid.height() == grid.heightForWidth(grid.width()))  # heights follow widths a turn later
    assert cut_off(desk.page) == []
    assert scroller(desk.page).verticalScrollBar().value() == 0
    seen = [one for name in DECIDING for one in desk.page.findChildren(QWidget, name) if one.isVisible()]
    assert {one.objectName() for one in seen} >= {"planGrid", "payButton"}
    assert [one.objectName() for one in seen if not one.visibleRegion().contains(one.rect())] == []


@pytest.mark.parametrize(
    ("size", "scale"), [((900, 600), 1.0), ((1280, 800), 1.5), ((1280, 800), 2.0), ((900, 600), 2.0)]
)
def test_small_windows_and_large_text_cut_nothing_off(
    desk: Desk, look: Theme, size: tuple[int, int], scale: float
) -> None:
    look.set_text_scale(scale)
    desk.window.resize(*size)
    desk.open()
    desk.vm.type_email("no address")
    desk.vm.pay()
    QApplication.processEvents()
    assert desk.window.size().toTuple() == size
    assert cut_off(desk.page) == []
    area, pay = scroller(desk.page), child(desk.page, "payButton")
    area.ensureWidgetVisible(pay)
    place = pay.mapTo(area.viewport(), QPoint(0, 0))
    assert area.viewport().rect().contains(place)
    assert area.viewport().rect().contains(place + QPoint(pay.width() - 1, pay.height() - 1))


def test_small_window_opens_at_the_top_and_goes_to_what_is_wrong(desk: Desk) -> None:
    desk.window.resize(900, 600)
    desk.open()
    bar = scroller(desk.page).verticalScrollBar()
    assert (desk.focused, bar.value()) == ("plan-pro", 0)
    desk.press(Qt.Key.Key_Return)
    assert desk.focused == "emailField"
    assert bar.value() > 0
    place = child(desk.page, "emailField").mapTo(desk.page, QPoint(0, 0))
    assert desk.page.rect().contains(place)


# ---- a small window


def test_small_window_begins_at_the_plan_and_tab_shows_every_field_down_to_the_button(desk: Desk) -> None:
    desk.window.resize(900, 600)
    desk.open()
    assert desk.focused == "plan-pro"
    passed = []
    while desk.focused != "payButton":
        desk.press(Qt.Key.Key_Tab)
        widget = QApplication.focusWidget()
        assert widget is not None
        assert is_in_sight(desk, widget), desk.focused
        passed.append(desk.focused)
        assert len(passed) < 20
    assert [name for name in passed if name in ("emailField", "passwordField", "termsCheckbox", "payButton")] == [
        "emailField",
        "passwordField",
        "termsCheckbox",
        "payButton",
    ]


def test_enter_on_the_plan_of_a_small_window_leads_to_what_is_missing(desk: Desk) -> None:
    desk.window.resize(900, 600)
    desk.open()
    desk.press(Qt.Key.Key_Return)
    assert desk.focused == "emailField"
    note = child(desk.page, "emailFieldBox")
    QApplication.processEvents()
    assert is_in_sight(desk, note)
    assert desk.beside("emailField")


def is_in_sight(desk: Desk, widget: QWidget) -> bool:
    """Wholly inside what the page shows of its content."""
    viewport = desk.page._content.viewport()
    place = QRect(widget.mapTo(viewport, QPoint(0, 0)), widget.size())
    return viewport.rect().contains(place)
