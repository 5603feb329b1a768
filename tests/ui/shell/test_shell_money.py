"""Money in the window: the balance always in sight, the warning, places, palette, and what leads where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from services.api.money import Money
from services.api.types import TopUp
from tests.fakes import FakeService
from tests.ui.page_help import button, child, click, cut_off, nameless, unnamed
from tests.ui.shell.conftest import press
from tests.ui.wallet_help import CARD, Run, live
from ui.bridge import Bridge
from ui.shell import Shell, ViewModels
from ui.shell.account import BalanceButton
from ui.shell.history import History, Place
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.session import SessionViewModel

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
M = Money.parse


def balance(shell: Shell) -> BalanceButton:
    found = child(shell, "balanceButton")
    assert isinstance(found, BalanceButton)
    return found


def focused() -> str:
    widget = QApplication.focusWidget()
    return widget.objectName() if widget is not None else ""


# ---- the balance


def test_guest_has_no_balance_and_who_signs_in_has_one(
    shell: Shell, session: SessionViewModel, qtbot: QtBot
) -> None:  # fmt: skip
    assert not balance(shell).isVisible()
    with qtbot.waitSignal(session.signed_in):
        session.register("ada@example.com", "correct horse")
    assert balance(shell).isVisible()
    assert balance(shell).amount_text == "$0.00"
    session.sign_out()
    assert not balance(shell).isVisible()


@pytest.mark.parametrize("area", ["wallet", "orders", "usage", "subscriptions", "invoices", "timeline"])
def test_balance_follows_without_a_refresh(
    shell: Shell, signed_in: SessionViewModel, bridge: Bridge, holder: ServiceHolder, run: Run, qtbot: QtBot, area: Any
) -> None:
    run(holder.service.top_up(TopUp(M("20"), CARD), key="k"))
    bridge.announce(area)
    qtbot.waitUntil(lambda: balance(shell).amount_text == "$20.00")
    assert balance(shell).accessibleName() == "Balance $20.00"


def test_balance_is_in_sight_in_a_narrow_window_and_opens_the_wallet(
    shell: Shell, signed_in: SessionViewModel
) -> None:  # fmt: skip
    shell.resize(900, 600)
    assert balance(shell).isVisible()
    assert balance(shell).toolTip() == "Balance $0.00"
    QTest.mouseClick(balance(shell), Qt.MouseButton.LeftButton)
    assert shell.navigator.here == Place("wallet")


def test_low_balance_warns_everywhere_but_at_checkout_and_leads_to_topping_up(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, service: FakeService, holder: ServiceHolder,
    bridge: Bridge, run: Run, qtbot: QtBot,
) -> None:  # fmt: skip
    live(service, holder.service, run, 10, "4")
    run(holder.service.set_low_balance_alert(M("20")))
    bridge.announce("usage")
    banner = shell.banners.low_balance
    qtbot.waitUntil(lambda: "At this pace it is empty on" in banner.text)
    assert banner.isVisible()
    assert balance(shell).accessibleName() == "Low balance $10.00"
    shell.navigator.check_out(vms.marketplace.offerings.card(0).uuid)  # type: ignore[union-attr] # it is there
    assert not banner.isVisible()
    shell.navigator.show_section("marketplace")
    assert banner.isVisible()
    click(shell, "lowBalanceBannerAction")
    assert shell.navigator.here == Place("wallet")
    qtbot.waitUntil(lambda: focused() == "topUpAmount")
    qtbot.waitUntil(lambda: not vms.wallet.top_up.state.is_quoting)
    press(shell, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    run(holder.service.top_up(TopUp(M("50"), CARD), key="k"))
    bridge.announce("wallet")
    qtbot.waitUntil(lambda: not banner.isVisible())


# ---- places


@pytest.mark.parametrize(
    ("key", "page"), [(Qt.Key.Key_3, "wallet"), (Qt.Key.Key_4, "subscriptions"), (Qt.Key.Key_1, "marketplace")]
)
def test_places_have_keys(shell: Shell, key: Qt.Key, page: str) -> None:
    press(shell, key)
    assert shell.navigator.here == Place(page)
    assert button(shell, f"nav-{page}").accessibleDescription() == "Current page"


def test_comparison_stands_behind_the_subscriptions() -> None:
    history = History().compared(Place("comparison", "one"))
    assert history.section == "subscriptions"
    assert history.back().here == Place("subscriptions")


def test_page_out_of_sight_reads_nothing(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, bridge: Bridge, service: FakeService, qtbot: QtBot
) -> None:
    press(shell, Qt.Key.Key_3)
    qtbot.waitUntil(lambda: vms.wallet.state.status is Status.READY)
    press(shell, Qt.Key.Key_1)
    service.calls.clear()
    bridge.announce("wallet")
    qtbot.waitUntil(lambda: "get_account" in service.calls)
    assert "get_wallet" not in service.calls


def test_f5_reads_the_wallet_again(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, service: FakeService, qtbot: QtBot
) -> None:
    press(shell, Qt.Key.Key_3)
    qtbot.waitUntil(lambda: vms.wallet.state.status is Status.READY)
    service.calls.clear()
    press(shell, Qt.Key.Key_F5, Qt.KeyboardModifier.NoModifier)
    qtbot.waitUntil(lambda: {"get_wallet", "list_movements"} <= set(service.calls))


@pytest.mark.parametrize(
    ("words", "focus"), [("top up", "topUpAmount"), ("redeem", "redeemCode"), ("auto-top", "autoThreshold")]
)
def test_palette_asks_the_wallets_questions(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, qtbot: QtBot, words: str, focus: str
) -> None:
    press(shell, Qt.Key.Key_K)
    QTest.keyClicks(child(shell, "paletteSearch"), words)
    QTest.keyClick(child(shell, "paletteSearch"), Qt.Key.Key_Return)
    assert shell.navigator.here == Place("wallet")
    qtbot.waitUntil(lambda: focused() == focus)
    top_up, auto = vms.wallet.top_up, vms.wallet.auto
    qtbot.waitUntil(lambda: not top_up.state.is_quoting and not auto.state.is_rehearsing)


def test_guest_who_wants_to_top_up_is_asked_to_sign_in(shell: Shell) -> None:
    shell.navigator.money.top_up()
    assert child(shell, "signInSheet").isVisible()


def test_change_of_a_plan_opens_when_the_list_is_there(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], service: FakeService, holder: ServiceHolder, run: Run,
    qtbot: QtBot,
) -> None:  # fmt: skip
    buy()
    uuid = run(holder.service.list_subscriptions())[0].uuid
    shell.navigator.money.change_plan(uuid, "", None)
    assert shell.navigator.here == Place("subscriptions")
    qtbot.waitUntil(lambda: vms.plan_change.state.subscription is not None)
    assert vms.plan_change.state.subscription is not None
    assert vms.plan_change.state.subscription.uuid == uuid
    qtbot.waitUntil(lambda: not vms.plan_change._bridge.is_running(vms.plan_change, "open"))


# ---- room


@pytest.mark.parametrize(("width", "height", "scale"), [(1280, 800, 1.0), (900, 600, 1.0), (900, 600, 2.0)])
def test_sidebar_fits_every_window(
    shell: Shell, signed_in: SessionViewModel, look: Theme, width: int, height: int, scale: float
) -> None:
    look.set_text_scale(scale)
    shell.resize(width, height)
    for _ in range(3):
        QApplication.processEvents()
    assert (shell.width(), shell.height()) == (width, height)
    for name in ("balanceButton", "accountButton", "nav-settings"):
        widget: QWidget = child(shell, name)
        assert widget.isVisible()
        assert shell.rect().contains(widget.mapTo(shell, widget.rect().bottomRight()))
    assert cut_off(shell.sidebar) == []
    assert unnamed(shell.sidebar) == []
    assert nameless(shell.sidebar) == []
