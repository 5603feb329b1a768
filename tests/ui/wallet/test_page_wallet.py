"""The wallet's page: what it shows, its states, room, names and order."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy, Offline
from services.api.money import Money
from services.api.types import MovementKind, TopUp
from tests.fakes import FakeService
from tests.ui.page_help import child, click, cut_off, nameless, tab_round, tab_stops, text, toasts, unnamed
from tests.ui.wallet_help import CARD, ENTER, Run, amount, focused, press, settle, table_of
from ui.bridge import Bridge
from ui.pages.wallet import WalletPage
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.session import SessionViewModel
from ui.widgets.overlay import OverlayStack
from ui.widgets.select import Select

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
M = Money.parse


# ---- states


def test_guest_is_asked_to_sign_in(page: WalletPage, qtbot: QtBot) -> None:
    page.vm.load()
    with qtbot.waitSignal(page.sign_in_requested):
        press(page, ENTER)
    with qtbot.waitSignal(page.sign_in_requested):
        page.open_top_up()


def test_empty_wallet_says_what_it_is_for(page: WalletPage, signed_in: SessionViewModel, qtbot: QtBot) -> None:
    page.vm.load()
    settle(page, qtbot)
    assert amount(page, "balanceAmount").text() == "$0.00"
    assert text(page, "balancePace") == "Calls that are not included in a plan are paid from here."
    assert child(page, "movementsEmpty").isVisible()
    page.tabs.set_current(1)
    assert child(page, "creditsEmpty").isVisible()
    page.tabs.set_current(2)
    assert child(page, "capsEmpty").isVisible()


def test_failure_is_said_and_tried_again(
    page: WalletPage, signed_in: SessionViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("get_wallet", Offline())
    page.vm.load()
    qtbot.waitUntil(lambda: child(page, "walletError").isVisible())
    assert focused() == "walletErrorAction"
    press(page, ENTER)
    qtbot.waitUntil(lambda: child(page, "balanceCard").isVisible())


def test_failure_later_leaves_the_balance_in_sight(lived: WalletPage, service: FakeService, qtbot: QtBot) -> None:
    service.fail("get_wallet", DatabaseBusy())
    lived.vm.load()
    qtbot.waitUntil(lambda: child(lived, "walletNotice").isVisible())
    assert amount(lived, "balanceAmount").text() == "$47.50"


def test_movements_that_cannot_be_read_do_not_hide_the_balance(
    lived: WalletPage, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("list_movements", DatabaseBusy())
    lived.vm.choose_kind(MovementKind.USAGE)
    qtbot.waitUntil(lambda: child(lived, "movementsError").isVisible())
    assert amount(lived, "balanceAmount").isVisible()
    click(lived, "movementsErrorAction")
    qtbot.waitUntil(lambda: child(lived, "movementTable").isVisible())


def test_loading_shows_placeholders(
    page: WalletPage, signed_in: SessionViewModel, service: FakeService, qtbot: QtBot
) -> None:
    gate = service.hold("get_wallet")
    page.vm.load()
    qtbot.waitUntil(lambda: bool(gate.waiting))
    assert not child(page, "balanceCard").isVisible()
    gate.open()
    qtbot.waitUntil(lambda: child(page, "balanceCard").isVisible())


# ---- what it shows


def test_balance_and_its_parts_are_said_and_explained(lived: WalletPage, qtbot: QtBot) -> None:
    figures = {
        "balanceAmount": "$47.50",
        "paidAmount": "$47.50",
        "promotionalAmount": "$0.00",
        "heldAmount": "$0.00",
        "refundableAmount": "$47.50",
        "spentAmount": "$2.50",
    }
    assert {name: amount(lived, name).text() for name in figures} == figures
    assert text(lived, "balancePace").startswith("At this pace empty on ")
    assert amount(lived, "balanceAmount").accessibleName() == "Explain $47.50"
    with qtbot.waitSignal(lived.explain_requested) as caught:
        click(lived, "balanceAmount")
    assert lived.vm.state.wallet is not None
    assert caught.args == [f"wallet:{lived.vm.state.wallet.organization_uuid}"]


def test_credit_that_a_bank_froze_is_said_beside_the_balance(
    lived: WalletPage, holder: ServiceHolder, service: FakeService, run: Run, qtbot: QtBot
) -> None:
    paid = run(holder.service.top_up(TopUp(M("20"), CARD), key="frozen"))
    service.dispute(paid.payment_uuid)
    lived.vm.load()
    qtbot.waitUntil(lambda: text(lived, "balancePace").startswith("$20.00 is frozen: the payment behind it"))
    assert amount(lived, "balanceAmount").text() == "$47.50"


def test_balance_changes_without_a_refresh(
    lived: WalletPage, bridge: Bridge, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    run(holder.service.top_up(TopUp(M("20"), CARD), key="elsewhere"))
    bridge.announce("wallet")
    qtbot.waitUntil(lambda: amount(lived, "balanceAmount").text() == "$67.50")


def test_movements_are_rows_with_the_balance_after_each(lived: WalletPage, qtbot: QtBot) -> None:
    table = table_of(lived)
    first, last = table.rows.row(0), table.rows.row(10)
    assert first is not None
    assert last is not None
    assert [cell.text for cell in first.cells[1:]] == ["Usage", "Agent 0, 1 call", "\N{MINUS SIGN}$0.25", "$47.50"]
    assert [cell.text for cell in last.cells[1:]] == ["Top-up", "Visa •••• 4242", "+$50.00", "$50.00"]
    assert text(lived, "movementCount") == "11 movements"
    with qtbot.waitSignal(lived.explain_requested) as caught:
        table.setFocus(Qt.FocusReason.TabFocusReason)
        press(lived, ENTER)
    assert caught.args == [lived.vm.state.movements[0].ref]
    assert caught.args[0].startswith("movement:")


def test_movements_are_searched_and_filtered(lived: WalletPage, qtbot: QtBot) -> None:
    search = child(lived, "movementSearch")
    search.setFocus()
    QTest.keyClicks(search, "agent 7")
    qtbot.waitUntil(lambda: text(lived, "movementCount") == "1 movement")
    QTest.keyClicks(search, "777")
    qtbot.waitUntil(lambda: child(lived, "movementsUnfound").isVisible())
    click(lived, "movementsUnfoundAction")
    qtbot.waitUntil(lambda: text(lived, "movementCount") == "11 movements")
    kind = child(lived, "movementKind")
    assert isinstance(kind, Select)
    kind.setFocus()
    QTest.keyClick(kind, Qt.Key.Key_Down)
    assert lived.vm.state.filter.kind is MovementKind.TOP_UP
    qtbot.waitUntil(lambda: text(lived, "movementCount") == "1 movement")


def test_movements_are_kept_as_a_file(lived: WalletPage, tmp_path: Path, qtbot: QtBot) -> None:
    click(lived, "exportButton")
    qtbot.waitUntil(lambda: lived.window().findChild(QFileDialog, "saveFileDialog") is not None)
    dialog = lived.window().findChild(QFileDialog, "saveFileDialog")
    assert isinstance(dialog, QFileDialog)
    assert dialog.acceptMode() is QFileDialog.AcceptMode.AcceptSave
    assert not dialog.testOption(QFileDialog.Option.DontConfirmOverwrite)
    dialog.fileSelected.emit(str(tmp_path / "wallet.csv"))
    dialog.reject()
    lines = (tmp_path / "wallet.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 12
    assert toasts(lived) == ["Saved as wallet.csv."]


def test_file_that_cannot_be_written_is_said_and_another_place_offered(
    lived: WalletPage, tmp_path: Path, qtbot: QtBot
) -> None:
    click(lived, "exportButton")
    qtbot.waitUntil(lambda: lived.window().findChild(QFileDialog, "saveFileDialog") is not None)
    dialog = lived.window().findChild(QFileDialog, "saveFileDialog")
    assert isinstance(dialog, QFileDialog)
    dialog.fileSelected.emit(str(tmp_path / "no" / "such" / "folder.csv"))
    dialog.reject()
    assert toasts(lived)[0].startswith("The file could not be saved: ")


# ---- keyboard, names, room


def test_tab_visits_everything_once(lived: WalletPage) -> None:
    lived.top_up_button.setFocus(Qt.FocusReason.TabFocusReason)
    visited = tab_round(lived.window())
    assert set(visited) == set(tab_stops(lived))
    assert len(visited) == len(set(visited))


@pytest.mark.parametrize(("width", "height", "scale"), [(1056, 800, 1.0), (840, 600, 1.0), (1216, 800, 2.0)])
@pytest.mark.parametrize("tab", [0, 1, 2])
def test_nothing_is_cut_off_and_everything_has_a_name(
    lived: WalletPage, look: Theme, width: int, height: int, scale: float, tab: int
) -> None:
    look.set_text_scale(scale)
    lived.window().resize(width, height)
    lived.tabs.set_current(tab)
    for _ in range(4):
        QApplication.processEvents()
    assert cut_off(lived) == []
    assert unnamed(lived) == []
    assert nameless(lived) == []


@pytest.mark.parametrize("question", ["open_top_up", "open_auto_top_up", "open_redeem", "open_alert"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_questions_fit_a_small_window(
    lived: WalletPage, look: Theme, question: str, scale: float, qtbot: QtBot
) -> None:
    look.set_text_scale(scale)
    lived.window().resize(900, 600)
    getattr(lived, question)()
    qtbot.waitUntil(lambda: not lived.vm.auto.state.is_rehearsing and not lived.vm.top_up.state.is_quoting)
    for _ in range(4):
        QApplication.processEvents()
    top = OverlayStack.of(lived).top
    assert top is not None
    assert cut_off(top.panel) == []
    assert unnamed(top.panel) == []
    assert lived.window().rect().contains(top.panel.geometry())
    top.close_overlay()
