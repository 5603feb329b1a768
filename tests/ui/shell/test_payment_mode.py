"""TEST or LIVE in the window: asked once, said in words, and never the wrong one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import Offline
from services.api.types import PaymentOptions
from tests.fakes import FakeService
from ui.bridge import Bridge
from ui.shell import Shell, ViewModels
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.payment_mode import PaymentModeViewModel

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


class RealMoney(FakeService):
    """The same shop with real money."""

    async def get_payment_options(self) -> PaymentOptions:
        return replace(await super().get_payment_options(), is_test_mode=False)


def test_test_mode_is_said_once_it_is_known(shell: Shell, qtbot: QtBot) -> None:
    mode = shell.sidebar.payment_mode
    assert not mode.isVisible()
    shell.settle()
    qtbot.waitUntil(mode.isVisible)
    assert mode.text() == "TEST"
    assert "no real money" in mode.accessibleName()
    assert mode.width() <= shell.sidebar.width()


def test_real_money_is_said_and_the_banner_of_test_mode_is_gone(
    shell: Shell, vms: ViewModels, bridge: Bridge, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    live = PaymentModeViewModel(bridge, ServiceHolder(RealMoney()))
    live.look()
    qtbot.waitUntil(lambda: live.state.is_test_mode is False)
    vms.payment_mode._become(live.state)
    assert shell.sidebar.payment_mode.text() == "LIVE"
    assert "real money moves" in shell.sidebar.payment_mode.toolTip()
    shell.navigator.show_order(buy().order_uuid)
    assert not shell.banners.test.isVisible()
    vms.confirmation.close()


def test_it_is_asked_again_when_the_connection_is_back(
    bridge: Bridge, holder: ServiceHolder, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("get_payment_options", Offline())
    mode = PaymentModeViewModel(bridge, holder)
    with qtbot.waitSignal(bridge.offline):
        mode.look()
    assert mode.state.is_test_mode is None
    bridge.online.emit()
    qtbot.waitUntil(lambda: mode.state.is_test_mode is True)


def test_a_narrow_window_still_says_it(shell: Shell, qtbot: QtBot) -> None:
    shell.settle()
    qtbot.waitUntil(shell.sidebar.payment_mode.isVisible)
    shell.sidebar.set_collapsed(True)
    mark = shell.sidebar.payment_icon
    assert mark.isVisible()
    assert not shell.sidebar.payment_mode.isVisible()
    assert mark.accessibleName().startswith("TEST")
    assert "no real money" in mark.toolTip()
    assert mark.sizeHint().width() <= shell.sidebar.contentsRect().width()
