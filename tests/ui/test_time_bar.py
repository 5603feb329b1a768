"""The time bar on screen: nowhere on a real workspace, unmistakable when time is simulated, walked by key and mouse."""

from datetime import timedelta

import pytest
from PySide6.QtCore import Qt, QTimerEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import Offline
from services.api.types import ChangeAction, Happening
from tests.fakes import FakeService
from tests.samples import NOW
from tests.ui.page_help import button, child, click, cut_off, nameless, tab_round, tab_stops, text, unnamed
from tests.ui.subscription_help import Owner, Run
from ui.bridge import Bridge
from ui.shell.time_bar import TimeBar
from ui.shell.time_dialogs import BackDialog, DateDialog, PointSheet
from ui.shell.time_frame import WIDTH, TimeFrame
from ui.shell.time_log import SHOWN_AT_ONCE, StepView
from ui.text import date, datetime_text
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.session import SessionViewModel
from ui.viewmodels.timeline import Moved, TimelineViewModel
from ui.widgets.amount_link import AmountLink
from ui.widgets.notices import toast_area
from ui.widgets.overlay import OverlayStack

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
DAY = timedelta(days=1)
SPACE, RETURN, ESC = Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Escape


@pytest.fixture
def window(look: Theme, qtbot: QtBot) -> QWidget:
    made = QWidget()
    layout = QVBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    qtbot.addWidget(made)
    made.resize(1280, 800)
    return made


@pytest.fixture
def bar(window: QWidget, bridge: Bridge, holder: ServiceHolder, qtbot: QtBot) -> TimeBar:
    """Above an empty page, in a window with its frame."""
    made = TimeBar(TimelineViewModel(bridge, holder))
    layout = window.layout()
    assert isinstance(layout, QVBoxLayout)
    layout.addWidget(made)
    layout.addWidget(QWidget(), 1)
    TimeFrame(made.vm, window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return made


@pytest.fixture
def owner(bridge: Bridge, holder: ServiceHolder, signed_in: SessionViewModel, run: Run, qtbot: QtBot) -> Owner:
    made = Owner(PlanChangeViewModel(bridge, holder, lambda: "key"), holder, run, qtbot)
    made.buy()
    return made


@pytest.fixture
def shown(bar: TimeBar, owner: Owner, qtbot: QtBot) -> TimeBar:
    """Switched on, before time was ever moved."""
    bar.vm.load()
    bar.vm.show_bar(True)
    qtbot.waitUntil(lambda: bar.vm.state.next_name != "")
    return bar


def still(bar: TimeBar, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not bar.vm.state.moving and not bar.vm._bridge.is_running(bar.vm, "load"))


def press(*keys: Qt.Key) -> None:
    for key in keys:
        focused = QApplication.focusWidget()
        assert focused is not None
        QTest.keyClick(focused, key)


def month(bar: TimeBar, qtbot: QtBot) -> None:
    click(bar, "timeMonth")
    still(bar, qtbot)


def labels(parent: QWidget) -> list[str]:
    return [one.text() for one in parent.findChildren(QLabel) if one.text()]


def frame_of(bar: TimeBar) -> QWidget:
    return child(bar.window(), "timeFrame")


# ---- where it may be seen


def test_real_workspace_shows_nothing(bar: TimeBar, owner: Owner, qtbot: QtBot) -> None:
    owner.service.world.is_time_available = False
    bar.vm.load()
    bar.vm.show_bar(True)
    qtbot.waitUntil(lambda: bar.vm.state.timeline is not None)
    assert not bar.isVisible()
    assert not frame_of(bar).isVisible()
    assert tab_stops(bar) == []


def test_off_until_it_is_wanted_and_can_be_hidden(bar: TimeBar, owner: Owner, qtbot: QtBot) -> None:
    bar.vm.load()
    qtbot.waitUntil(lambda: bar.vm.state.timeline is not None)
    seen = [bar.isVisible()]
    bar.vm.show_bar(True)
    seen.append(bar.isVisible())
    QApplication.processEvents()
    click(bar, "timeClose")
    assert [*seen, bar.isVisible(), bar.vm.state.is_wanted] == [False, True, False, False]


def test_simulated_time_is_unmistakable(shown: TimeBar, qtbot: QtBot, look: Theme) -> None:
    assert text(shown, "simulatedTime") == f"Real time: {datetime_text(NOW)}"
    assert not frame_of(shown).isVisible()
    click(shown, "timeDay")
    still(shown, qtbot)
    assert text(shown, "simulatedTime") == f"Simulated time: {datetime_text(NOW + DAY)}"
    frame = frame_of(shown)
    assert frame.isVisible()
    assert not button(shown, "timeClose").isVisible()
    image = shown.window().grab().toImage()
    edge = look.color("warning").rgb()
    size = shown.window().size()
    for x, y in ((0, 400), (size.width() - 1, 400), (600, 0), (600, size.height() - 1), (WIDTH - 1, 400)):
        assert image.pixel(x, y) == edge
    assert image.pixel(600, 400) != edge


def test_frame_follows_the_window_and_lets_clicks_through(shown: TimeBar, qtbot: QtBot) -> None:
    month(shown, qtbot)
    shown.window().resize(1000, 700)
    frame = frame_of(shown)
    assert frame.size() == shown.window().size()
    assert frame.testAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    assert not frame.mask().contains(frame.rect().center())


def test_guest_is_asked_to_sign_in(bar: TimeBar, service: FakeService, qtbot: QtBot) -> None:
    bar.vm.load()
    bar.vm.show_bar(True)
    qtbot.waitUntil(lambda: bar.isVisible())
    assert not button(bar, "timeDay").isVisible()
    QApplication.processEvents()
    with qtbot.waitSignal(bar.sign_in_requested):
        click(bar, "timeSignIn")


# ---- moving


def test_next_event_is_named(shown: TimeBar, owner: Owner) -> None:
    end = owner.only.period_end
    assert text(shown, "nextEvent") == f"Next: renewal of Customer Care, {date(end)}"


def test_moving_by_keyboard(shown: TimeBar, owner: Owner, qtbot: QtBot) -> None:
    end = owner.only.period_end
    shown.next_button.setFocus(Qt.FocusReason.TabFocusReason)
    gate = owner.service.hold("move_time")
    press(SPACE)
    assert text(shown, "nextEvent").startswith("Time moves; ")
    assert shown.next_button.is_busy
    assert shown.next_button.hasFocus()
    assert not shown.day_button.isEnabled()
    press(SPACE)
    gate.open()
    still(shown, qtbot)
    assert owner.service.calls.count("move_time") == 1
    assert text(shown, "simulatedTime").endswith(datetime_text(end))
    assert shown.next_button.hasFocus()
    press(Qt.Key.Key_Tab, SPACE)
    still(shown, qtbot)
    assert shown.vm.state.now == end + DAY


def test_without_anything_due_next_event_is_off(bar: TimeBar, owner: Owner, qtbot: QtBot) -> None:
    owner.do(ChangeAction.CANCEL_NOW)
    bar.vm.load()
    bar.vm.show_bar(True)
    qtbot.waitUntil(lambda: bar.vm.state.timeline is not None)
    assert text(bar, "nextEvent") == "Nothing is planned"
    assert not bar.next_button.isEnabled()
    assert bar.day_button.isEnabled()
    assert not bar.back_button.isEnabled()


def test_failure_is_said_in_the_bar(shown: TimeBar, owner: Owner, qtbot: QtBot) -> None:
    owner.service.fail("move_time", Offline())
    click(shown, "timeDay")
    still(shown, qtbot)
    assert shown.note.text.startswith("The service cannot be reached")
    click(shown, "timeDay")
    still(shown, qtbot)
    assert shown.note.text == ""


def test_clock_is_read_again_while_it_is_seen(shown: TimeBar, owner: Owner, qtbot: QtBot) -> None:
    owner.service.world.clock.at = NOW + timedelta(minutes=7)
    shown.timerEvent(QTimerEvent(shown._timer))
    qtbot.waitUntil(lambda: shown.vm.state.now == NOW + timedelta(minutes=7))
    shown.hide()
    assert shown._timer == 0


# ---- to a date


def test_date_by_keyboard(shown: TimeBar, owner: Owner, qtbot: QtBot) -> None:
    shown.date_button.setFocus(Qt.FocusReason.TabFocusReason)
    press(RETURN)
    dialog = OverlayStack.of(shown).top
    assert isinstance(dialog, DateDialog)
    assert dialog.field.edit.hasFocus()
    for typed, problem in (("", "Enter the day to move to."), ("soon", "Enter a day such as"),
                           ("2020-01-01", "Enter a time after"), ("2099-01-01", "Enter a day within")):  # fmt: skip
        dialog.field.edit.setText(typed)
        press(RETURN)
        assert (dialog.field.error or "").startswith(problem)
        assert dialog.field.edit.hasFocus()
        assert dialog.field.text() == typed
    dialog.field.edit.setText("2026-04-20 08:15")
    assert dialog.field.error is None
    press(RETURN)
    still(shown, qtbot)
    assert OverlayStack.of(shown).top is None
    assert text(shown, "simulatedTime") == "Simulated time: 20 April 2026, 08:15"
    assert shown.date_button.hasFocus()


def test_date_is_kept_when_the_dialog_is_left(shown: TimeBar, qtbot: QtBot) -> None:
    shown.open_date()
    dialog = OverlayStack.of(shown).top
    assert isinstance(dialog, DateDialog)
    dialog.field.edit.setText("2026-05-01")
    press(ESC)
    shown.open_date()
    again = OverlayStack.of(shown).top
    assert isinstance(again, DateDialog)
    assert again.field.text() == "2026-05-01"
    shown.open_date()
    assert OverlayStack.of(shown).top is again


def test_failed_move_to_a_date_keeps_the_dialog(shown: TimeBar, owner: Owner, qtbot: QtBot) -> None:
    shown.open_date()
    dialog = OverlayStack.of(shown).top
    assert isinstance(dialog, DateDialog)
    dialog.field.edit.setText("2026-05-01")
    owner.service.fail("move_time", Offline())
    press(RETURN)
    assert dialog.confirm_button.is_busy
    press(ESC)
    still(shown, qtbot)
    assert OverlayStack.of(shown).top is dialog
    assert dialog.note.text.startswith("The service cannot be reached")
    press(RETURN)
    still(shown, qtbot)
    assert OverlayStack.of(shown).top is None


# ---- back


def test_way_back_by_keyboard_says_what_is_lost(shown: TimeBar, owner: Owner, qtbot: QtBot) -> None:
    month(shown, qtbot)
    month(shown, qtbot)
    shown.back_button.setFocus(Qt.FocusReason.TabFocusReason)
    press(RETURN)
    sheet = OverlayStack.of(shown).top
    assert isinstance(sheet, PointSheet)
    newest, oldest = shown.vm.state.points
    words = labels(sheet)
    assert words.index(datetime_text(newest.at)) < words.index(datetime_text(oldest.at))
    assert unnamed(sheet) == []
    child(sheet, f"goBack-{oldest.uuid}").setFocus(Qt.FocusReason.TabFocusReason)
    press(RETURN)
    dialog = OverlayStack.of(shown).top
    assert isinstance(dialog, BackDialog)
    assert dialog.cancel_button.hasFocus()
    assert f"after {datetime_text(NOW)} is lost" in dialog.text_label.text()
    press(RETURN)  # on Cancel
    assert OverlayStack.of(shown).top is sheet
    press(RETURN, Qt.Key.Key_Tab, RETURN)
    still(shown, qtbot)
    qtbot.waitUntil(lambda: OverlayStack.of(shown).top is None)
    assert text(shown, "simulatedTime") == f"Real time: {datetime_text(NOW)}"
    assert not frame_of(shown).isVisible()
    assert not child(shown, "timeLog").isVisible()
    assert toast_area(shown).toasts()[-1].text == f"Back at {datetime_text(NOW)}. What came after is gone."
    assert owner.only.period_start == NOW


def test_failed_way_back_is_said_in_the_question(shown: TimeBar, owner: Owner, qtbot: QtBot) -> None:
    month(shown, qtbot)
    shown.open_points()
    sheet = OverlayStack.of(shown).top
    assert isinstance(sheet, PointSheet)
    sheet._ask(shown.vm.state.points[0].uuid)
    dialog = OverlayStack.of(shown).top
    assert isinstance(dialog, BackDialog)
    owner.service.fail("return_to", Offline())
    dialog.confirm_button.click()
    still(shown, qtbot)
    assert dialog.note.text.startswith("The service cannot be reached")
    sheet._ask("none")
    assert OverlayStack.of(shown).top is dialog


# ---- what happened


def test_what_happened_in_time_order_each_open_to_explanation(shown: TimeBar, qtbot: QtBot) -> None:
    month(shown, qtbot)
    log = child(shown, "timeLog")
    assert log.isVisible()
    words = labels(log)
    assert words[0] == f"{datetime_text(NOW)} to {datetime_text(NOW + timedelta(days=31))}"
    sentences = [one for one in words if one.endswith(".")]
    assert sentences[0] == "Customer Care was renewed."
    assert [one.partition(" SK")[0] for one in sentences[1:]] == ["Invoice", "Invoice"]
    assert len(words) == 1 + 1 + 3  # the instant is said once
    links = log.findChildren(AmountLink)
    assert [link.accessibleName().partition(":")[0] for link in links] == ["Explain"] * 3
    with qtbot.waitSignal(shown.explain_requested) as told:
        links[1].click()
    assert told.args is not None
    assert str(told.args[0]).startswith("invoice:")


def test_list_is_folded_by_its_button(shown: TimeBar, qtbot: QtBot) -> None:
    assert not shown.log_button.isVisible()
    month(shown, qtbot)
    assert shown.log_button.text() == "What happened (3)"
    height = shown.height()
    click(shown, "timeLogToggle")
    assert not child(shown, "timeLog").isVisible()
    qtbot.waitUntil(lambda: shown.height() < height)
    assert shown.log_button.accessibleDescription() == "Hidden"


def test_newest_move_comes_first_and_nothing_is_said(shown: TimeBar, qtbot: QtBot) -> None:
    month(shown, qtbot)
    first = shown.findChildren(StepView)
    click(shown, "timeDay")
    still(shown, qtbot)
    views = [view for _, view in shown.log._steps]
    assert views[1:] == first
    assert labels(views[0])[1] == "Nothing fell due."


def test_amounts_are_links(shown: TimeBar, qtbot: QtBot) -> None:
    one = Happening("h", NOW, "invoice_paid", {"number": "SK-1", "amount_micros": 34_510_000}, "invoice:1")
    other = Happening("g", NOW, "balance_low", {"balance_micros": 1_000_000})
    quiet = Happening("q", NOW, "paused", {"name": "Customer Care"})
    view = StepView(Moved(NOW, NOW, (one, other, quiet)))
    links = view.findChildren(AmountLink)
    assert [link.text() for link in links] == ["$34.51", "$1.00", "Explain"]
    assert [link.accessibleName() for link in links[:2]] == ["Explain $34.51", "$1.00"]
    assert [link.isHidden() for link in links] == [False, False, True]
    view.deleteLater()


def test_many_things_are_shown_in_two_steps(shown: TimeBar, qtbot: QtBot) -> None:
    many = tuple(Happening(str(n), NOW, "renewed", {"name": f"Agent {n}"}, "") for n in range(SHOWN_AT_ONCE + 3))
    shown.vm._set(steps=(Moved(NOW, NOW, many),), is_log_open=True)
    more = button(shown, "timeLogMore")
    assert more.text() == "Show 3 more"
    more.click()
    assert not more.isVisible()
    assert sum(one.startswith("Agent") for one in labels(shown.log)) == SHOWN_AT_ONCE + 3
    QApplication.processEvents()
    assert shown.log.height() <= 800 * 0.35 + 1


# ---- room, names, order


def test_tab_goes_through_everything_once(shown: TimeBar, qtbot: QtBot) -> None:
    month(shown, qtbot)
    shown.next_button.setFocus(Qt.FocusReason.TabFocusReason)
    visited = tab_round(shown.window())
    assert [one.objectName() for one in visited[:6]] == [
        "timeNext", "timeDay", "timeMonth", "timeToDate", "timeBack", "timeLogToggle",
    ]  # fmt: skip
    assert set(visited) == set(tab_stops(shown))


def test_controls_are_named(shown: TimeBar, qtbot: QtBot) -> None:
    month(shown, qtbot)
    assert unnamed(shown) == []
    assert nameless(shown) == []


def test_short_words_stand_on_one_line_each(shown: TimeBar, qtbot: QtBot) -> None:
    month(shown, qtbot)
    shown.vm.toggle_log()
    shown.window().resize(1056, 800)
    qtbot.waitUntil(lambda: shown.next.height() < 2 * shown.next.fontMetrics().height())
    shown.vm._set(next_name="An agent with a name that is longer than any line of this window could ever be " * 3)
    qtbot.waitUntil(lambda: cut_off(shown.window()) == [])


@pytest.mark.parametrize("is_rtl", [False, True])
@pytest.mark.parametrize(("width", "height", "scale"), [(1280, 800, 1.0), (900, 600, 1.0), (900, 600, 2.0)])
def test_nothing_is_cut_off(
    shown: TimeBar, look: Theme, width: int, height: int, scale: float, is_rtl: bool, qtbot: QtBot
) -> None:
    month(shown, qtbot)
    look.set_text_scale(scale)
    window = shown.window()
    window.setLayoutDirection(Qt.LayoutDirection.RightToLeft if is_rtl else Qt.LayoutDirection.LeftToRight)
    window.resize(width, height)
    qtbot.waitUntil(lambda: cut_off(window) == [])
    assert (window.width(), window.height()) == (width, height)
