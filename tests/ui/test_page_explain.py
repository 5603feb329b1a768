"""Explain this price: the tree over real-looking months, by key, mouse and ear; failures in place; copying."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy
from tests.fakes import FakeService
from tests.samples_money import history
from tests.ui.invoice_help import Run, fake
from tests.ui.page_help import (
    button,
    child,
    click,
    cut_off,
    focused_name,
    nameless,
    press,
    tab_round,
    tab_stops,
    text,
    unnamed,
)
from ui.bridge import Bridge
from ui.pages.explain import ExplainSheet
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.explain import ExplainViewModel
from ui.viewmodels.session import SessionViewModel
from ui.widgets.buttons import Button
from ui.widgets.notices import toast_area
from ui.widgets.tree_model import AMOUNT, DETAIL, WORDS

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
RIGHT, DOWN, END = Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_End


@pytest.fixture
def vm(bridge: Bridge, holder: ServiceHolder, signed_in: SessionViewModel, run: Run) -> ExplainViewModel:
    run(history(fake(holder)))
    return ExplainViewModel(bridge, holder)


@pytest.fixture
def ref(vm: ExplainViewModel, holder: ServiceHolder, run: Run) -> str:
    """Of the next invoice with 1,312 calls on it."""
    upcoming = run(holder.service.list_upcoming())
    return next(f"upcoming:{one.subscription_uuid}" for one in upcoming if len(one.lines) > 2)


@pytest.fixture
def window(look: Theme, qtbot: QtBot) -> Iterator[QWidget]:
    made = QWidget()
    below = Button("Below", name="below", parent=made)
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    below.setFocus()
    yield made
    for toast in toast_area(made).toasts():
        toast.close_toast()


@pytest.fixture
def sheet(window: QWidget, vm: ExplainViewModel, ref: str, qtbot: QtBot) -> ExplainSheet:
    vm.open(ref)
    made = ExplainSheet(vm, window)
    made.open()
    qtbot.waitUntil(lambda: vm.state.status is Status.READY)
    settle(made, qtbot)
    return made


def settle(sheet: ExplainSheet, qtbot: QtBot) -> None:
    QApplication.processEvents()
    qtbot.waitUntil(lambda: not sheet.vm._reading)
    QApplication.processEvents()


def here(sheet: ExplainSheet) -> str:
    entry = sheet.tree.current()
    return entry.words if entry is not None else ""


def shown(sheet: ExplainSheet) -> list[str]:
    """Every row in sight, its depth as spaces."""
    view, found = sheet.tree, []
    index = view.tree.index(0, WORDS)
    while index.isValid():
        depth, parent = 0, index.parent()
        while parent.isValid():
            depth, parent = depth + 1, parent.parent()
        cells = [str(view.tree.data(index.siblingAtColumn(column)) or "") for column in (WORDS, DETAIL, AMOUNT)]
        found.append("  " * depth + " | ".join(cell for cell in cells if cell))
        index = view.indexBelow(index)
    return found


# ---- what it says


def test_amount_stands_on_top_and_small_parts_are_open(sheet: ExplainSheet) -> None:
    assert text(sheet, "explainAmount") == "$38.22"
    assert text(sheet, "explainWhat").startswith("Next invoice")
    assert shown(sheet) == [
        "Customer Care, Starter, monthly | $29.00",
        "Calls of Customer Care | 1,312 calls: 1,000 included, then $0.01 each | $3.12",
        "  Calls 1 to 1,000 | 1,000 included | $0.00",
        "  Calls 1,001 to 1,312 | 312 × $0.01 | $3.12",
        "VAT 19% | $6.10",
    ]
    assert focused_name() == "explainTree"


def test_calls_open_by_keyboard_and_come_page_by_page(sheet: ExplainSheet, service: FakeService, qtbot: QtBot) -> None:
    press(DOWN, DOWN, DOWN, RIGHT)
    assert here(sheet) == "Calls 1,001 to 1,312"
    settle(sheet, qtbot)
    beyond = sheet.tree.currentIndex()
    press(RIGHT)
    assert "Mar 2026" in here(sheet)
    assert sheet.tree.tree.rowCount(beyond) == 201
    press(END)
    qtbot.waitUntil(lambda: sheet.tree.tree.rowCount(beyond) == 312)
    assert here(sheet) == "VAT 19%"


def test_asterisk_opens_down_to_the_calls(sheet: ExplainSheet, qtbot: QtBot) -> None:
    press(DOWN, Qt.Key.Key_Asterisk)
    settle(sheet, qtbot)
    calls = [row for row in shown(sheet) if row.startswith("    ")]
    assert len(calls) >= 200
    assert all(any(name in row for name in ("Lovelace", "Hopper", "Jackson")) for row in calls if "Loading" not in row)


def test_part_that_cannot_be_read_says_so_in_its_place(sheet: ExplainSheet, service: FakeService, qtbot: QtBot) -> None:
    service.fail("explain", DatabaseBusy())
    press(DOWN, DOWN, RIGHT)
    settle(sheet, qtbot)
    failed = [row for row in shown(sheet) if "Press Enter to try again." in row]
    assert len(failed) == 1
    assert text(sheet, "explainAmount") == "$38.22"  # everything else stays
    press(DOWN, Qt.Key.Key_Return)
    settle(sheet, qtbot)
    assert not [row for row in shown(sheet) if "Press Enter" in row]
    assert len(shown(sheet)) > 50


def test_amount_that_cannot_be_explained_offers_another_try(
    window: QWidget, vm: ExplainViewModel, ref: str, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("explain", DatabaseBusy())
    vm.open(ref)
    sheet = ExplainSheet(vm, window)
    sheet.open()
    qtbot.waitUntil(lambda: child(sheet, "explainError").isVisible())
    assert focused_name() == "explainErrorAction"
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: sheet.tree.isVisible())
    assert focused_name() == "explainTree"


def test_amount_without_parts_says_so(
    window: QWidget, vm: ExplainViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    fee = next(line for one in run(holder.service.list_upcoming()) for line in one.lines if line.kind == "fee")
    vm.open(f"line:{fee.uuid}")
    sheet = ExplainSheet(vm, window)
    sheet.open()
    qtbot.waitUntil(lambda: child(sheet, "explainLeaf").isVisible())
    assert text(sheet, "explainLeaf").startswith("This amount has no parts")
    assert focused_name() == "explainClose"
    assert not child(sheet, "explainHint").isVisible()


def test_another_amount_takes_the_place_of_the_first(
    sheet: ExplainSheet, service: FakeService, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    wallet = run(holder.service.get_wallet())
    gate = service.hold("explain")
    sheet.vm.open(f"wallet:{wallet.organization_uuid}")
    assert text(sheet, "explainAmount") == ""
    gate.open()
    qtbot.waitUntil(lambda: text(sheet, "explainAmount") == "$43.38")
    settle(sheet, qtbot)
    assert shown(sheet)[0].startswith("Credit: Promotional code, promotional")


# ---- taking it away


def test_all_is_copied_as_text_with_every_call(sheet: ExplainSheet, qtbot: QtBot) -> None:
    with qtbot.waitSignal(sheet.vm.collected):
        click(sheet, "explainCopyAll")
    lines = QGuiApplication.clipboard().text().splitlines()
    assert len(lines) == 1 + 3 + 2 + 1312
    assert lines[0].startswith("Next invoice")
    assert lines[0].endswith("$38.22")
    assert lines[2].startswith("    Calls of Customer Care, 1,312 calls: 1,000 included, then $0.01 each")
    assert [toast.text for toast in toast_area(sheet).toasts()] == ["1,318 lines copied."]


def test_chosen_part_is_copied_alone(sheet: ExplainSheet, qtbot: QtBot) -> None:
    press(DOWN, DOWN, DOWN)
    with qtbot.waitSignal(sheet.vm.collected):
        QTest.keyClick(sheet.tree, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert len(lines) == 313
    assert lines[0].startswith("Calls 1,001 to 1,312, 312 × $0.01")


def test_failed_copy_says_so_and_leaves_the_clipboard(sheet: ExplainSheet, service: FakeService, qtbot: QtBot) -> None:
    QGuiApplication.clipboard().setText("before")
    service.fail("explain", DatabaseBusy())
    with qtbot.waitSignal(sheet.vm.collect_failed):
        click(sheet, "explainCopyAll")
    assert QGuiApplication.clipboard().text() == "before"
    assert toast_area(sheet).toasts()[0].text.startswith("Nothing was copied.")


def test_invoice_is_opened_from_its_explanation(
    window: QWidget, vm: ExplainViewModel, holder: ServiceHolder, qtbot: QtBot
) -> None:
    books = next(iter(fake(holder).world.books.values()))
    invoice = next(iter(books.invoices.values()))
    vm.open(f"invoice:{invoice.uuid}")
    sheet = ExplainSheet(vm, window)
    sheet.open()
    qtbot.waitUntil(lambda: button(sheet, "explainInvoice").isVisible())
    with qtbot.waitSignal(sheet.invoice_requested) as caught:
        click(sheet, "explainInvoice")
    assert caught.args == [invoice.uuid]
    assert not sheet.isVisible()


def test_what_is_no_invoice_opens_none(sheet: ExplainSheet) -> None:
    assert not button(sheet, "explainInvoice").isVisible()


# ---- room, keyboard and ear


def test_escape_closes_and_the_focus_goes_back(sheet: ExplainSheet, window: QWidget, qtbot: QtBot) -> None:
    with qtbot.waitSignal(sheet.closed):
        press(Qt.Key.Key_Escape)
    assert focused_name() == "below"


@pytest.mark.parametrize(("width", "height", "scale"), [(1280, 800, 1.0), (900, 600, 1.0), (1280, 800, 2.0)])
def test_sheet_follows_the_window_and_nothing_is_cut_off(
    sheet: ExplainSheet, window: QWidget, look: Theme, qtbot: QtBot, width: int, height: int, scale: float
) -> None:
    look.set_text_scale(scale)
    window.resize(width, height)
    settle(sheet, qtbot)
    assert window.size().toTuple() == (width, height)
    assert window.rect().contains(sheet.panel.geometry())
    assert sheet.panel.width() >= min(width - 48, 1040)
    assert cut_off(sheet) == []
    assert sheet.tree.has_detail_column is (width == 1280 and scale == 1.0)


def test_tab_goes_round_and_everything_has_a_name(sheet: ExplainSheet, window: QWidget) -> None:
    assert set(tab_round(window)) == set(tab_stops(sheet))
    assert unnamed(sheet) == []
    assert nameless(sheet) == []


def test_rows_are_read_aloud_with_their_arithmetic(sheet: ExplainSheet) -> None:
    usage = sheet.tree.tree.index(1, WORDS)
    spoken = sheet.tree.tree.data(usage, Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == ("Calls of Customer Care, 1,312 calls: 1,000 included, then $0.01 each = $3.12, made of 2 parts")
    interface = QAccessible.queryAccessibleInterface(sheet.tree)
    assert interface is not None
    assert interface.role() is QAccessible.Role.Tree
    assert interface.text(QAccessible.Text.Name) == "What the amount is made of"


def test_dark_is_painted_without_a_complaint(sheet: ExplainSheet, look: Theme) -> None:
    look.set_mode("dark")
    assert not sheet.grab().isNull()
