"""The time bar in the window: found in a test workspace only, remembered, unmistakable while time is simulated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from services.api.errors import NotInTestMode
from tests.fakes import FakeService
from tests.ui.page_help import child, click, cut_off
from tests.ui.shell.conftest import Make, press
from ui.prefs import Prefs
from ui.shell import Shell, ViewModels
from ui.theme import Theme
from ui.viewmodels.session import SessionViewModel

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
BOTH = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


def offered(vms: ViewModels) -> set[str]:
    vms.palette.open()
    return {command.id for command in vms.palette.state.commands}


@pytest.fixture
def settled(shell: Shell, vms: ViewModels, signed_in: SessionViewModel, qtbot: QtBot) -> Shell:
    shell.settle()
    qtbot.waitUntil(lambda: vms.timeline.state.timeline is not None)
    return shell


def test_nothing_of_it_is_found_before_it_is_known_to_be_there(shell: Shell, vms: ViewModels) -> None:
    press(shell, Qt.Key.Key_T, BOTH)
    assert not shell.time_bar.isVisible()
    assert not shell.time_frame.isVisible()
    assert "time-bar" not in offered(vms)


def test_where_money_is_real_it_never_is(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("get_timeline", NotInTestMode(), times=9)
    shell.settle()
    qtbot.waitUntil(
        lambda: "get_timeline" in service.calls and not vms.timeline._bridge.is_running(vms.timeline, "load")
    )
    press(shell, Qt.Key.Key_T, BOTH)
    assert not shell.time_bar.isVisible()
    assert "time-bar" not in offered(vms)


def test_key_shows_it_and_it_is_remembered(
    settled: Shell, vms: ViewModels, prefs: Prefs, make: Make, qtbot: QtBot
) -> None:
    assert not settled.time_bar.isVisible()
    assert "time-bar" in offered(vms)
    press(settled, Qt.Key.Key_T, BOTH)
    assert settled.time_bar.isVisible()
    assert prefs.is_time_bar_shown
    assert not settled.time_frame.isVisible()
    press(settled, Qt.Key.Key_T, BOTH)
    assert not settled.time_bar.isVisible()
    press(settled, Qt.Key.Key_T, BOTH)
    vms.timeline.show_bar(False)
    prefs.is_time_bar_shown = True
    again = make()
    again.settle()
    qtbot.waitUntil(again.time_bar.isVisible)


def test_simulated_time_has_a_frame_and_everything_follows(
    settled: Shell, vms: ViewModels, buy: Callable[[], Any], service: FakeService, qtbot: QtBot
) -> None:
    buy()
    press(settled, Qt.Key.Key_4)
    qtbot.waitUntil(lambda: len(vms.subscriptions.state.items) == 1)
    press(settled, Qt.Key.Key_T, BOTH)
    service.calls.clear()
    click(settled, "timeMonth")
    qtbot.waitUntil(lambda: vms.timeline.state.is_simulated and not vms.timeline.state.moving)
    assert settled.time_frame.isVisible()
    assert settled.time_frame.size() == settled.size()
    qtbot.waitUntil(lambda: {"list_subscriptions", "get_account"} <= set(service.calls))
    vms.timeline.show_bar(False)
    assert settled.time_bar.isVisible()  # simulated time is always said
    qtbot.waitUntil(lambda: not vms.timeline._bridge.is_running(vms.timeline, "load"))


@pytest.mark.parametrize(("width", "height", "scale"), [(1280, 800, 1.0), (900, 600, 1.0), (1280, 800, 2.0)])
def test_it_fits(settled: Shell, look: Theme, width: int, height: int, scale: float) -> None:
    look.set_text_scale(scale)
    settled.resize(width, height)
    press(settled, Qt.Key.Key_T, BOTH)
    assert child(settled, "timeBar").isVisible()
    assert (settled.width(), settled.height()) == (width, height)
    assert cut_off(settled.time_bar) == []
