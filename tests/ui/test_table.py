"""A table by mouse and keyboard: rows, order, links, the menu, what is read aloud, widths."""

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QToolTip, QWidget
from pytestqt.qtbot import QtBot

from ui.theme import Theme
from ui.widgets.notices import toast_area
from ui.widgets.table import Cell, Column, Row, Table

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
COLUMNS = (Column("Date", 120), Column("For", from_width=400), Column("Amount", 100, at_end=True))
HEAD = 1


def rows(*amounts: int) -> list[Row]:
    return [
        Row(
            f"r{n}",
            (
                Cell(f"{n + 1} May", n),
                Cell(f"Agent {n}"),
                Cell(f"\N{MINUS SIGN}${amount}.00", -amount, f"movement:{n}"),
            ),
        )
        for n, amount in enumerate(amounts)
    ]


@pytest.fixture
def table(look: Theme, qtbot: QtBot) -> Table:
    made = Table(COLUMNS, label="Movements", name="table")
    made.show_rows(rows(3, 1, 2))
    qtbot.addWidget(made)
    made.resize(600, 300)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    made.setFocus(Qt.FocusReason.TabFocusReason)
    return made


def key(table: Table, *keys: Qt.Key) -> None:
    for one in keys:
        QTest.keyClick(table, one)


def order(table: Table) -> list[str]:
    return [row.key for number in range(table.rows.rowCount()) if (row := table.rows.row(number))]


def header_click(table: Table, column: int) -> None:
    header = table.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(column) + 20, header.height() // 2)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)


# ---- moving and opening


def test_focus_starts_at_the_first_row_and_enter_opens_it(table: Table, qtbot: QtBot) -> None:
    with qtbot.waitSignal(table.opened) as caught:
        key(table, Qt.Key.Key_Return)
    assert caught.args == ["r0"]


def test_arrows_go_to_an_amount_and_enter_explains_it(table: Table, qtbot: QtBot) -> None:
    key(table, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right)
    with qtbot.waitSignal(table.linked) as caught, qtbot.assertNotEmitted(table.opened):
        key(table, Qt.Key.Key_Return)
    assert caught.args == ["movement:1"]


def test_click_on_words_opens_and_on_an_amount_explains(table: Table, qtbot: QtBot) -> None:
    def click(row: int, column: int) -> None:
        place = table.visualRect(table.rows.index(row, column)).center()
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)

    with qtbot.waitSignal(table.opened) as opened:
        click(2, 1)
    with qtbot.waitSignal(table.linked) as linked:
        click(1, 2)
    assert (opened.args, linked.args) == (["r2"], ["movement:1"])


def test_tab_leaves_the_table(table: Table, look: Theme, qtbot: QtBot) -> None:
    assert not table.tabKeyNavigation()
    key(table, Qt.Key.Key_Down, Qt.Key.Key_Tab)
    assert table.currentIndex().row() == 1


# ---- order


def test_header_sorts_up_down_and_back_by_value_not_by_text(table: Table) -> None:
    header_click(table, 2)
    assert order(table) == ["r0", "r2", "r1"]  # -3, -2, -1
    header_click(table, 2)
    assert order(table) == ["r1", "r2", "r0"]
    header_click(table, 2)
    assert order(table) == ["r0", "r1", "r2"]


def test_chosen_row_is_followed_when_the_order_changes(table: Table) -> None:
    key(table, Qt.Key.Key_Down)
    header_click(table, 2)
    current = table.current()
    assert current is not None
    assert current.key == "r1"


def test_part_of_the_rows_is_not_sorted(table: Table) -> None:
    header_click(table, 2)
    table.set_sortable(False, "Filter first.")
    assert order(table) == ["r0", "r1", "r2"]
    header_click(table, 2)
    assert order(table) == ["r0", "r1", "r2"]
    assert table.horizontalHeader().toolTip() == "Filter first."
    table.set_sortable(True)
    header_click(table, 2)
    assert order(table) == ["r0", "r2", "r1"]


# ---- other rows


def test_more_rows_keep_the_readers_place(table: Table) -> None:
    key(table, Qt.Key.Key_Down, Qt.Key.Key_Down)
    table.show_rows(rows(3, 1, 2, 7, 8))
    current = table.current()
    assert current is not None
    assert (current.key, table.rows.rowCount()) == ("r2", 5)


def test_same_rows_with_other_words_are_redrawn(table: Table) -> None:
    table.show_rows(rows(3, 1, 9))
    assert table.rows.data(table.rows.index(2, 2)) == "\N{MINUS SIGN}$9.00"


def test_new_row_on_top_keeps_the_chosen_one(table: Table) -> None:
    key(table, Qt.Key.Key_Down)
    fresh = Row("new", rows(5)[0].cells)
    table.show_rows([fresh, *rows(3, 1, 2)])
    current = table.current()
    assert current is not None
    assert current.key == "r1"


def test_fewer_rows_and_none(table: Table) -> None:
    table.show_rows(rows(3))
    assert order(table) == ["r0"]
    table.show_rows([])
    assert table.rows.rowCount() == 0
    key(table, Qt.Key.Key_Return, Qt.Key.Key_Down)
    assert table.current() is None


def test_end_in_sight_asks_for_more(table: Table, qtbot: QtBot) -> None:
    table.show_rows(rows(*range(200)))
    with qtbot.waitSignal(table.end_near):
        key(table, Qt.Key.Key_End)


# ---- copying and the menu


def test_row_is_copied_with_a_plain_minus(table: Table) -> None:
    QTest.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "1 May\tAgent 0\t-$3.00"
    for toast in toast_area(table).toasts():
        toast.close_toast()


def test_menu_key_offers_what_enter_and_the_header_do(table: Table, qtbot: QtBot) -> None:
    key(table, Qt.Key.Key_Down)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(0, 0), QPoint(0, 0))
    QApplication.sendEvent(table.viewport(), event)
    menu = table.findChild(QMenu, "tableMenu")
    assert menu is not None
    actions = {action.text(): action for action in menu.actions() if action.text()}
    assert list(actions) == [
        "Explain \N{MINUS SIGN}$1.00", "Copy row", "Sort by Date", "Sort by For", "Sort by Amount",
    ]  # fmt: skip
    with qtbot.waitSignal(table.linked) as caught:
        actions["Explain \N{MINUS SIGN}$1.00"].trigger()
    assert caught.args == ["movement:1"]
    actions["Sort by Amount"].trigger()
    assert order(table) == ["r0", "r2", "r1"]
    actions["Sort by Amount"].trigger()
    assert order(table) == ["r1", "r2", "r0"]
    menu.close()


# ---- what it says and how it fits


def test_row_is_read_as_a_sentence_and_an_amount_as_what_it_does(table: Table) -> None:
    role = Qt.ItemDataRole.AccessibleTextRole
    assert table.rows.data(table.rows.index(0, 0), role) == "1 May, Agent 0, \N{MINUS SIGN}$3.00"
    assert table.rows.data(table.rows.index(0, 2), role) == "Explain \N{MINUS SIGN}$3.00"
    assert table.accessibleName() == "Movements"


@pytest.mark.parametrize(("width", "scale", "hidden"), [(600, 1.0, False), (390, 1.0, True), (600, 2.0, True)])
def test_columns_share_the_room_and_the_least_important_goes(
    table: Table, look: Theme, width: int, scale: float, hidden: bool
) -> None:
    look.set_text_scale(scale)
    table.resize(width, 300)
    QApplication.processEvents()
    assert table.isColumnHidden(1) is hidden
    used = sum(table.columnWidth(number) for number in range(3) if not table.isColumnHidden(number))
    assert used == table.viewport().width()


def test_long_words_get_the_room_that_others_do_not_need(table: Table) -> None:
    def agent(name: str) -> Row:
        return Row("r", (Cell("1 May"), Cell(name), Cell("$3.00", 3)))

    even = Table((Column("Buyer"), Column("For"), Column("Note", 200)), label="Even", name="even")
    even.resize(600, 200)
    even.show_rows([Row("r", (Cell("Ada"), Cell("Order: Contract Reader, Professional, monthly"), Cell("-")))])
    assert even.columnWidth(1) > even.columnWidth(0) + 100
    assert even.tip_of(even.rows.index(0, 1)) == "", "all of it is to be read"
    table.resize(360 + 100, 300)
    table.show_rows([agent("A" * 12)])
    fixed = table.columnWidth(0)
    table.show_rows([agent("Contract Reader, Professional, monthly")])
    assert table.columnWidth(0) < fixed, "a short date gives what it does not fill"
    assert table.tip_of(table.rows.index(0, 0)) == ""


@pytest.mark.parametrize("name", ["Ada King's Organization", "Order: Code Reviewer, Starter", "Illi & Wawa, Jerewan"])
@pytest.mark.parametrize("scale", [0.85, 1.0, 1.15, 1.5])
def test_a_name_keeps_its_last_letter(look: Theme, qtbot: QtBot, name: str, scale: float) -> None:
    look.set_text_scale(scale)
    made = Table((Column("State", 400), Column("Buyer"), Column("Amount", 112, at_end=True)), label="Disputes")
    qtbot.addWidget(made)
    made.resize(look.px(560), 200)
    made.show()
    made.show_rows([Row("d", (Cell("Open", tone="warning"), Cell(name), Cell("$29.00", 29)))])
    assert made.columnWidth(0) < look.px(400), "it had to give room"
    assert [made.tip_of(made.rows.index(0, number)) for number in range(3)] == ["", "", ""]


def test_what_is_cut_off_is_said_in_a_tip(table: Table, qtbot: QtBot) -> None:
    long = "Order: Contract Reader for Northwind Trading and its eleven subsidiaries, Professional, yearly"
    table.show_rows([Row("r0", (Cell("1 May"), Cell(long), Cell("$3.00", 3, "movement:0")))])
    place = table.visualRect(table.rows.index(0, 1)).center()
    event = QHelpEvent(QEvent.Type.ToolTip, place, table.viewport().mapToGlobal(place))
    QApplication.sendEvent(table.viewport(), event)
    qtbot.waitUntil(QToolTip.isVisible)
    assert QToolTip.text() == long
    QToolTip.hideText()
    assert table.tip_of(table.rows.index(0, 0)) == ""
    assert table.tip_of(table.rows.index(0, 2)) == "How this amount comes about"


def test_rows_grow_with_the_text(table: Table, look: Theme) -> None:
    before = table.rowHeight(0)
    look.set_text_scale(2.0)
    QApplication.processEvents()
    assert table.rowHeight(0) == before + look.px(10)


def test_keyboard_place_is_drawn_around_the_row_and_around_a_link(table: Table) -> None:
    key(table, Qt.Key.Key_Down)
    row = table.viewport().grab(table.visualRect(table.rows.index(1, 0))).toImage()
    key(table, Qt.Key.Key_Right, Qt.Key.Key_Right)
    assert table.viewport().grab(table.visualRect(table.rows.index(1, 0))).toImage() != row
    assert isinstance(table, QWidget)
