"""The comparison on screen: answer, options, break-evens, chart and table, by mouse, key and screen reader."""

import csv
import io

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import NotFound, Offline
from services.api.types import BillingCycle, BreakEven, PlanComparison
from tests.ui.comparison_help import (
    FREE,
    INVOICE,
    PRO,
    STARTER,
    WALLET,
    YEARLY,
    comparison,
    curve,
    made_calls,
    option,
)
from tests.ui.page_help import button, child, click, cut_off, nameless, tab_round, tab_stops, text, unnamed
from tests.ui.subscription_help import PRO as PRO_PLAN
from tests.ui.subscription_help import Owner, Run
from ui.bridge import Bridge
from ui.pages.comparison import ComparisonPage
from ui.pages.comparison.options import OptionRow
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.comparison import ComparisonState, ComparisonViewModel
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.session import SessionViewModel
from ui.widgets.chart import LineChart
from ui.widgets.notices import Banner, toast_area
from ui.widgets.table import Table

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
CURVES = (curve("starter-monthly", "29", "29", "39"), curve("pro-monthly", "99", "99", "99"),
          curve("pro-yearly", "82.50", "82.50", "82.50"), curve("pay_per_use-prepaid", "0", "20", "40"),
          curve("pay_per_use-postpaid", "0", "20", "40"))  # fmt: skip
EVENS = (BreakEven("starter-monthly", "pro-monthly", 1_500), BreakEven("pay_per_use-postpaid", "pro-monthly", None))
WHOLE = comparison(YEARLY, PRO, STARTER, WALLET, INVOICE, curves=CURVES, break_evens=EVENS)


@pytest.fixture
def page(look: Theme, bridge: Bridge, holder: ServiceHolder, qtbot: QtBot) -> ComparisonPage:
    made = ComparisonPage(ComparisonViewModel(bridge, holder))
    qtbot.addWidget(made)
    made.resize(1056, 800)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


@pytest.fixture
def owner(bridge: Bridge, holder: ServiceHolder, signed_in: SessionViewModel, run: Run, qtbot: QtBot) -> Owner:
    made = Owner(PlanChangeViewModel(bridge, holder, lambda: "key"), holder, run, qtbot)
    made.buy()
    return made


def give(page: ComparisonPage, found: PlanComparison, **fields: object) -> None:
    """Shows figures as if they had been read."""
    page.vm._become(ComparisonState(Status.READY, subscription_uuid="sub", comparison=found, days=found.days))
    if fields:
        page.vm._set(**fields)
    QApplication.processEvents()


def option_row(page: ComparisonPage, code: str) -> OptionRow:
    found = child(page, f"option-{code}")
    assert isinstance(found, OptionRow)
    return found


def chart_of(page: ComparisonPage) -> LineChart:
    found = child(page, "costChart")
    assert isinstance(found, LineChart)
    return found


def labels(parent: QWidget) -> list[str]:
    return [one.text() for one in parent.findChildren(QLabel)]


def copied(page: ComparisonPage) -> list[list[str]]:
    assert toast_area(page).toasts()[-1].text == "Copied as CSV."
    return list(csv.reader(io.StringIO(QGuiApplication.clipboard().text())))


# ---- states


def test_guest_is_asked_to_sign_in(page: ComparisonPage, qtbot: QtBot) -> None:
    page.vm.open("some")
    assert QApplication.focusWidget() is child(page, "comparisonGuestAction")
    with qtbot.waitSignal(page.sign_in_requested):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)  # type: ignore[arg-type] # it is there


def test_waiting_shows_a_skeleton_then_the_answer(page: ComparisonPage, owner: Owner) -> None:
    made_calls(owner, 8_500)
    gate = owner.service.hold("compare_plans")
    page.vm.open(owner.only.uuid)
    assert not child(page, "comparisonHeadline").isVisible()
    gate.open()
    owner.wait(lambda: page.vm.state.status is Status.READY)
    assert text(page, "comparisonHeadline") == "Pro yearly would have cost $82.50 instead of $104.00: $21.50 less."
    assert text(page, "comparisonSubject") == "Customer Care · now Starter, monthly"
    assert text(page, "comparisonWindow").startswith("8,500 calls from ")
    assert QApplication.focusWidget() is child(page, "changeToBest")


def test_failure_offers_another_try(page: ComparisonPage, owner: Owner) -> None:
    owner.service.fail("compare_plans", Offline())
    page.vm.open(owner.only.uuid)
    owner.wait(lambda: page.vm.state.status is Status.ERROR)
    assert QApplication.focusWidget() is child(page, "comparisonErrorAction")
    click(page, "comparisonErrorAction")
    owner.wait(lambda: page.vm.state.status is Status.READY)
    assert child(page, "comparisonHeadline").isVisible()


def test_later_failure_is_a_banner_above_what_is_shown(page: ComparisonPage, owner: Owner) -> None:
    page.vm.open(owner.only.uuid)
    owner.wait(lambda: page.vm.state.status is Status.READY)
    owner.service.fail("compare_plans", NotFound())
    QTest.mouseClick(page.days.button(1), Qt.MouseButton.LeftButton)
    owner.wait(lambda: page.vm.state.error is not None)
    banner = child(page, "comparisonNotice")
    assert isinstance(banner, Banner)
    assert banner.isVisible()
    assert banner.text.startswith("This is not here any more")
    assert page.days.current() == 0
    click(page, "comparisonNoticeAction")
    owner.wait(lambda: page.vm.state.error is None)
    assert not banner.isVisible()


def test_nothing_to_compare_leads_back(page: ComparisonPage, qtbot: QtBot) -> None:
    page.vm._become(ComparisonState(Status.EMPTY))
    with qtbot.waitSignal(page.back):
        click(page, "comparisonEmptyAction")


def test_other_window_says_that_it_is_counting(page: ComparisonPage) -> None:
    give(page, WHOLE, days=90, is_stale=True)
    assert text(page, "comparisonWindow") == "Counting the calls of the last 90 days…"
    assert page.days.current() == 1


def test_no_and_few_calls(page: ComparisonPage) -> None:
    give(page, comparison(PRO, STARTER, calls=0))
    assert text(page, "comparisonWindow").startswith("No calls from ")
    assert not child(page, "fewCalls").isVisible()
    give(page, comparison(PRO, STARTER, calls=12))
    few = child(page, "fewCalls")
    assert isinstance(few, Banner)
    assert few.isVisible()
    assert few.text.startswith("This rests on 12 calls only.")


# ---- the options


def test_every_option_with_its_marks(page: ComparisonPage) -> None:
    give(page, comparison(FREE, YEARLY, PRO, STARTER, WALLET))
    marks = {
        row.option.code: [one.objectName() for one in row.findChildren(QWidget) if one.objectName().endswith("Badge")]
        for row in page.options.findChildren(OptionRow)
    }
    assert marks == {"free-monthly": [], "pro-yearly": ["cheapestBadge"], "pro-monthly": [],
                     "starter-monthly": ["currentBadge"], "pay_per_use-prepaid": []}  # fmt: skip
    assert {"Pro monthly", "$99.00", "$0.00", "−$42.30 cheaper"} <= set(labels(option_row(page, "pro-monthly")))
    assert "Would have refused 12,000 calls" in labels(option_row(page, "free-monthly"))


def test_change_in_one_press(page: ComparisonPage, qtbot: QtBot) -> None:
    give(page, WHOLE)
    assert button(page, "changeToBest").text() == "Change to Pro yearly"
    with qtbot.waitSignal(page.change_requested) as told:
        click(page, "changeToBest")
    assert told.args == ["sub", "plan-pro-yearly", BillingCycle.YEARLY]
    with qtbot.waitSignal(page.change_requested) as told:
        click(page, "change-pro-monthly")
    assert told.args == ["sub", "plan-pro-monthly", BillingCycle.MONTHLY]
    assert not button(page, "change-starter-monthly").isVisible()
    assert not button(page, "change-pay_per_use-prepaid").isVisible()


def test_plan_of_the_catalogue_is_what_is_asked_for(page: ComparisonPage, owner: Owner, qtbot: QtBot) -> None:
    made_calls(owner, 8_500)
    page.vm.open(owner.only.uuid)
    owner.wait(lambda: page.vm.state.status is Status.READY)
    QApplication.processEvents()  # the row is laid out
    with qtbot.waitSignal(page.change_requested) as told:
        click(page, "change-pro-monthly")
    assert told.args == [owner.only.uuid, PRO_PLAN.uuid, BillingCycle.MONTHLY]


def test_who_pays_least_already_is_offered_no_change(page: ComparisonPage) -> None:
    give(page, comparison(STARTER, WALLET))
    assert text(page, "comparisonHeadline") == "You already pay least: Starter monthly, $141.30."
    assert not button(page, "changeToBest").isVisible()
    page.focus_content()
    assert QApplication.focusWidget() is page.back_button


def test_same_figures_keep_the_controls(page: ComparisonPage) -> None:
    give(page, WHOLE)
    row = option_row(page, "pro-monthly")
    page.vm._set(is_stale=True)
    assert option_row(page, "pro-monthly") is row


def test_options_as_csv(page: ComparisonPage) -> None:
    give(page, WHOLE)
    click(page, "copyOptions")
    rows = copied(page)
    assert rows[0][0] == "Option"
    assert rows[2][:4] == ["Pro monthly", "99.00", "0.00", "99.00"]


def test_options_read_aloud(page: ComparisonPage) -> None:
    give(page, WHOLE)
    assert option_row(page, "pro-yearly").accessibleName().startswith("Pro yearly, cheapest, ")


# ---- break-evens, chart and table


def test_break_evens_in_sentences(page: ComparisonPage) -> None:
    give(page, WHOLE)
    words = labels(child(page, "breakEvens"))
    assert words[1:] == [
        "From 1,500 calls a month on, Pro monthly costs no more than Starter monthly.",
        "However many calls: Pay per use, on an invoice stays cheaper than Pro monthly.",
    ]
    give(page, comparison(PRO, STARTER))
    assert not child(page, "breakEvens").isVisible()
    assert not child(page, "costCard").isVisible()


def test_chart_has_all_lines_and_the_own_place(page: ComparisonPage) -> None:
    give(page, WHOLE)
    data = chart_of(page)._data
    assert [(one.name, one.is_strong) for one in data.series] == [
        ("Starter monthly", True), ("Pro yearly", False), ("Pro monthly", False), ("Pay per use", False),
    ]  # fmt: skip
    assert (data.x_mark, data.mark_text) == (12_230, "You: 12,230")
    assert data.crossings == ((1_500, 34_000_000),)
    assert (data.y_text(50_000_000), data.value_text(50_000_000)) == ("$50", "$50.00")
    assert chart_of(page).accessibleDescription().startswith("Line chart of the cost of a month, 4 lines: ")


def test_chart_is_read_by_keyboard(page: ComparisonPage) -> None:
    give(page, WHOLE)
    chart = chart_of(page)
    chart.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(chart, Qt.Key.Key_Home)
    QTest.keyClick(chart, Qt.Key.Key_Right)
    assert chart.rows()[:3] == (("1,000 calls a month", ""), ("Pay per use", "$20.00"), ("Starter monthly", "$29.00"))


def test_chart_as_table(page: ComparisonPage) -> None:
    give(page, WHOLE)
    QTest.mouseClick(page.costs.view.button(1), Qt.MouseButton.LeftButton)
    table = child(page, "costTable")
    assert isinstance(table, Table)
    assert table.isVisible()
    assert not chart_of(page).isVisible()
    assert [column.title for column in table.rows.columns] == [
        "Calls a month", "Starter monthly", "Pro yearly", "Pro monthly", "Pay per use",
    ]  # fmt: skip
    row = table.rows.row(2)
    assert row is not None
    assert [cell.text for cell in row.cells] == ["2,000", "$39.00", "$82.50", "$99.00", "$40.00"]
    assert table.height() >= table.whole_height()


def test_table_follows_new_figures(page: ComparisonPage) -> None:
    give(page, WHOLE, is_chart_table=True)
    give(page, comparison(PRO, STARTER, curves=CURVES[:2]), is_chart_table=True)
    table = child(page, "costTable")
    assert isinstance(table, Table)
    assert table.isVisible()
    assert len(table.rows.columns) == 3


def test_costs_as_csv(page: ComparisonPage) -> None:
    give(page, WHOLE)
    click(page, "copyCosts")
    rows = copied(page)
    assert rows[0] == ["Calls a month", "Starter monthly", "Pro yearly", "Pro monthly", "Pay per use"]
    assert rows[3] == ["2000", "39.00", "82.50", "99.00", "40.00"]


# ---- keyboard, names, room


def test_back(page: ComparisonPage, qtbot: QtBot) -> None:
    give(page, WHOLE)
    with qtbot.waitSignal(page.back):
        click(page, "comparisonBack")


def test_tab_goes_through_everything_in_reading_order(page: ComparisonPage) -> None:
    give(page, WHOLE)
    page.focus_content()
    visited = tab_round(page)
    assert set(visited) == set(tab_stops(page))
    names = [widget.objectName() for widget in visited]
    order = ["changeToBest", "copyOptions", "change-pro-yearly", "change-pro-monthly", "copyCosts", "costChart",
             "comparisonBack"]  # fmt: skip
    assert [name for name in names if name in order] == order


def test_controls_are_named(page: ComparisonPage) -> None:
    give(page, WHOLE)
    assert unnamed(page) == []
    assert nameless(page) == []


@pytest.mark.parametrize("is_rtl", [False, True])
@pytest.mark.parametrize(("width", "height", "scale"), [(1056, 800, 1.0), (676, 600, 1.0), (838, 600, 2.0),
                                                        (1056, 800, 0.85)])  # fmt: skip
def test_nothing_is_cut_off(
    page: ComparisonPage, look: Theme, width: int, height: int, scale: float, is_rtl: bool, qtbot: QtBot
) -> None:
    look.set_text_scale(scale)
    page.setLayoutDirection(Qt.LayoutDirection.RightToLeft if is_rtl else Qt.LayoutDirection.LeftToRight)
    page.resize(width, height)
    give(page, comparison(FREE, YEARLY, PRO, STARTER, WALLET, INVOICE, curves=CURVES, break_evens=EVENS, calls=40))
    qtbot.waitUntil(lambda: cut_off(page) == [])
    assert page.height() == height


def test_a_window_made_narrow_takes_long_names_with_it(page: ComparisonPage, qtbot: QtBot) -> None:
    suite = option("suite-monthly", "5", name="Customer Service Suite Starter", is_bundle=True, can_change=False)
    give(page, comparison(YEARLY, PRO, STARTER, suite, curves=CURVES, break_evens=EVENS))
    for width in (838, 676, 1056, 838):
        page.resize(width, 600)
        qtbot.waitUntil(lambda: cut_off(page) == [])
        content, shown = page._content_place.widget(), page._content_place.viewport()
        assert content is not None
        assert content.width() == shown.width()


@pytest.mark.parametrize(("width", "is_wide"), [(1056, True), (676, False)])
def test_fee_and_calls_move_below_the_name_when_narrow(page: ComparisonPage, width: int, is_wide: bool) -> None:
    page.resize(width, 800)
    give(page, WHOLE)
    row = option_row(page, "pro-monthly")
    assert row._fee.isVisible() is is_wide
    assert row._parts.isVisible() is not is_wide
