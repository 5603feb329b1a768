"""A tree read as it is opened: rows, what stands for unread ones, keys, mouse, menu, widths, and many rows."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from ui.theme import Theme
from ui.widgets.tree_model import AMOUNT, DETAIL, ROOT, WORDS, Entry, TreeModel
from ui.widgets.tree_view import TreeView

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
TITLES = ("What", "Arithmetic", "Amount")
PAGE = 50
CALLS = 120


def calls(start: int, end: int) -> tuple[Entry, ...]:
    return tuple(Entry(f"Call {n}", amount="$0.01", value=n) for n in range(start, end))


def bill() -> Entry:
    """Two lines: a fee, and usage of two tiers of which the second has many calls; nothing below the lines is here."""
    fee = Entry("Starter", amount="$29.00", spoken="Starter, $29.00")
    usage = Entry("Calls", "1,000 included", "$3.12", "Calls, 1,000 included = $3.12", "usage", 2)
    return Entry("Invoice", child_count=2, children=(fee, usage))


def tiers() -> tuple[Entry, ...]:
    return (Entry("Included", amount="$0.00"), Entry("Beyond", "312 × $0.01", "$3.12", value="tier", child_count=CALLS))


@pytest.fixture
def model(qtbot: QtBot) -> Iterator[TreeModel]:
    made = TreeModel(TITLES)
    tester = QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal)
    made.show_tree(bill())
    yield made
    del tester


class Reader:
    """Answers what a tree asks for, when told to."""

    def __init__(self, model: TreeModel) -> None:
        self.asked: list[tuple[int, int]] = []
        self._model = model
        model.wanted.connect(lambda number, there: self.asked.append((number, there)))

    def answer(self) -> None:
        """One page for everything asked."""
        asked, self.asked = self.asked, []
        for number, there in asked:
            entry = self._model.entry(self._model.index_of(number))
            is_usage = entry is not None and entry.value == "usage"
            self._model.add(number, tiers() if is_usage else calls(there, min(there + PAGE, CALLS)))


def words(model: TreeModel, parent: QModelIndex) -> list[str]:
    return [str(model.data(model.index(row, WORDS, parent))) for row in range(model.rowCount(parent))]


# ---- the model


def test_rows_that_are_here_and_one_for_those_that_are_not(model: TreeModel) -> None:
    usage = model.index(1, WORDS)
    assert words(model, QModelIndex()) == ["Starter", "Calls"]
    assert not model.hasChildren(model.index(0, WORDS))
    assert words(model, usage) == ["Loading…"]
    assert model.data(model.index(1, DETAIL)) == "1,000 included"
    assert model.data(model.index(1, AMOUNT)) == "$3.12"
    assert [model.headerData(n, Qt.Orientation.Horizontal) for n in range(3)] == list(TITLES)


def test_unread_row_asks_once_and_is_replaced_by_what_comes(model: TreeModel) -> None:
    reader, usage = Reader(model), model.index(1, WORDS)
    rest = model.index(0, WORDS, usage)
    model.request(rest)
    model.request(rest)
    assert reader.asked == [(model.number(usage), 0)]
    reader.answer()
    assert words(model, usage) == ["Included", "Beyond"]
    assert model.parent(model.index(1, WORDS, usage)) == usage


def test_long_lists_come_page_by_page(model: TreeModel) -> None:
    reader, usage = Reader(model), model.index(1, WORDS)
    model.request(model.index(0, WORDS, usage))
    reader.answer()
    beyond = model.index(1, WORDS, usage)
    for shown in (1, 51, 101):
        assert model.rowCount(beyond) == shown
        model.request(model.index(shown - 1, WORDS, beyond))
        reader.answer()
    assert model.rowCount(beyond) == CALLS
    assert words(model, beyond)[-1] == "Call 119"
    assert model.standing_for(model.index(CALLS - 1, WORDS, beyond)) is None


def test_failure_is_said_in_place_and_tried_again_only_on_demand(model: TreeModel) -> None:
    reader, usage = Reader(model), model.index(1, WORDS)
    rest = model.index(0, WORDS, usage)
    model.request(rest)
    model.fail(model.number(usage), "The service is busy.")
    assert words(model, usage) == ["The service is busy. Press Enter to try again."]
    assert model.is_failed(rest)
    reader.asked.clear()
    model.request(rest)
    assert reader.asked == []
    model.request(rest, again=True)
    assert reader.asked == [(model.number(usage), 0)]
    assert words(model, usage) == ["Loading…"]


def test_nothing_more_ends_a_list_that_promised_more(model: TreeModel) -> None:
    number = model.number(model.index(1, WORDS))
    model.request(model.index(0, WORDS, model.index(1, WORDS)))
    model.add(number, ())
    assert model.rowCount(model.index(1, WORDS)) == 0
    model.add(number, ())  # too late: nothing happens
    assert model.rowCount(model.index(1, WORDS)) == 0


def test_rows_are_read_aloud_as_sentences(model: TreeModel) -> None:
    spoken = Qt.ItemDataRole.AccessibleTextRole
    assert model.data(model.index(1, WORDS), spoken) == "Calls, 1,000 included = $3.12"
    assert model.data(model.index(1, AMOUNT), spoken) == "$3.12"
    assert model.data(model.index(0, WORDS, model.index(1, WORDS)), spoken) == "Loading…"


def test_another_tree_replaces_the_first(model: TreeModel) -> None:
    model.show_tree(Entry("Order", child_count=1, children=(Entry("Price"),)))
    assert words(model, QModelIndex()) == ["Price"]
    assert model.number(QModelIndex()) == ROOT
    assert model.entry(QModelIndex()) is None


# ---- the view


@pytest.fixture
def view(look: Theme, qtbot: QtBot) -> TreeView:
    made = TreeView(TITLES, label="What it is made of", name="tree")
    made.tree.show_tree(bill())
    qtbot.addWidget(made)
    made.resize(960, 400)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    made.setFocus(Qt.FocusReason.TabFocusReason)
    return made


@pytest.fixture
def reader(view: TreeView) -> Reader:
    return Reader(view.tree)


def press(view: TreeView, *keys: Qt.Key) -> None:
    for one in keys:
        QTest.keyClick(view, one)


def here(view: TreeView) -> str:
    entry = view.current()
    return entry.words if entry is not None else str(view.tree.data(view.currentIndex()))


def opened(view: TreeView, reader: Reader, qtbot: QtBot, inwards: Qt.Key = Qt.Key.Key_Right) -> None:
    """Stands on the second tier, with its first calls."""
    press(view, Qt.Key.Key_Down, inwards)
    qtbot.waitUntil(lambda: bool(reader.asked))
    reader.answer()
    press(view, Qt.Key.Key_Down, Qt.Key.Key_Down, inwards)
    qtbot.waitUntil(lambda: bool(reader.asked))
    reader.answer()


def test_focus_stands_on_the_first_row(view: TreeView) -> None:
    assert here(view) == "Starter"
    press(view, Qt.Key.Key_Down)
    assert view.is_keyboard


def test_arrows_open_walk_and_close(view: TreeView, reader: Reader, qtbot: QtBot) -> None:
    opened(view, reader, qtbot)
    assert here(view) == "Beyond"
    press(view, Qt.Key.Key_Right)
    assert here(view) == "Call 0"
    press(view, Qt.Key.Key_Left, Qt.Key.Key_Left)
    assert here(view) == "Beyond"
    assert not view.isExpanded(view.currentIndex())
    press(view, Qt.Key.Key_Left)
    assert here(view) == "Calls"


def test_enter_and_space_open_and_close(view: TreeView) -> None:
    press(view, Qt.Key.Key_Down, Qt.Key.Key_Return)
    assert view.isExpanded(view.currentIndex())
    press(view, Qt.Key.Key_Space)
    assert not view.isExpanded(view.currentIndex())


def test_one_click_opens(view: TreeView) -> None:
    place = view.visualRect(view.tree.index(1, AMOUNT)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert here(view) == "Calls"
    assert view.isExpanded(view.tree.index(1, WORDS))
    assert not view.is_keyboard


def test_unread_rows_are_asked_for_when_they_come_into_sight(view: TreeView, reader: Reader, qtbot: QtBot) -> None:
    opened(view, reader, qtbot)
    beyond = view.currentIndex()
    QApplication.processEvents()
    assert reader.asked == []  # fifty rows more than fill the window
    press(view, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: reader.asked == [(view.tree.number(beyond), PAGE)])
    reader.answer()
    assert view.tree.rowCount(beyond) == 2 * PAGE + 1


def test_failed_row_is_tried_again_by_enter_and_by_click(view: TreeView, reader: Reader, qtbot: QtBot) -> None:
    press(view, Qt.Key.Key_Down, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: bool(reader.asked))
    number = reader.asked.pop()[0]
    view.tree.fail(number, "Busy.")
    press(view, Qt.Key.Key_Down)
    assert here(view) == "Busy. Press Enter to try again."
    press(view, Qt.Key.Key_Return)
    assert reader.asked == [(number, 0)]
    reader.asked.clear()
    view.tree.fail(number, "Busy.")
    place = view.visualRect(view.currentIndex()).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert reader.asked == [(number, 0)]


def test_asterisk_opens_everything_below(view: TreeView, reader: Reader, qtbot: QtBot) -> None:
    press(view, Qt.Key.Key_Down, Qt.Key.Key_Asterisk)
    qtbot.waitUntil(lambda: bool(reader.asked))
    reader.answer()
    beyond = view.tree.index(1, WORDS, view.tree.index(1, WORDS))
    assert view.isExpanded(beyond)
    qtbot.waitUntil(lambda: reader.asked == [(view.tree.number(beyond), 0)])
    view.close_all()
    assert not view.isExpanded(view.tree.index(1, WORDS))


def test_small_parts_are_opened_without_asking(view: TreeView) -> None:
    view.open_small(1)
    assert not view.isExpanded(view.tree.index(1, WORDS))
    view.open_small(2)
    assert view.isExpanded(view.tree.index(1, WORDS))


def test_letters_find_a_row(view: TreeView) -> None:
    QTest.keyClicks(view, "ca")
    assert here(view) == "Calls"


def test_copy_hands_out_the_row(view: TreeView, qtbot: QtBot) -> None:
    press(view, Qt.Key.Key_Down)
    with qtbot.waitSignal(view.copy_wanted) as caught:
        QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert caught.args is not None
    assert caught.args[0].value == "usage"


def test_menu_says_what_the_keys_do(view: TreeView) -> None:
    press(view, Qt.Key.Key_Down)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(), QPoint())
    view.contextMenuEvent(event)
    menu = view.findChild(QMenu, "treeMenu")
    assert menu is not None
    assert [action.text() for action in menu.actions()] == [
        "Copy with everything below", "Open everything below", "Close everything",
    ]  # fmt: skip
    menu.actions()[1].trigger()
    menu.close()
    assert view.isExpanded(view.tree.index(1, WORDS))


def test_tab_leaves_the_tree(view: TreeView) -> None:
    assert not view.tabKeyNavigation()


@pytest.mark.parametrize(("width", "scale", "has_column"), [(960, 1.0, True), (500, 1.0, False), (960, 2.0, False)])
def test_arithmetic_stands_behind_the_words_where_it_is_narrow(
    view: TreeView, look: Theme, width: int, scale: float, has_column: bool
) -> None:
    look.set_text_scale(scale)
    view.resize(width, 400)
    view.refit()
    assert view.has_detail_column is has_column
    shown = (WORDS, DETAIL, AMOUNT) if has_column else (WORDS, AMOUNT)
    assert sum(view.columnWidth(column) for column in shown) == view.viewport().width()


def test_right_to_left_everything_is_mirrored(view: TreeView, reader: Reader, qtbot: QtBot) -> None:
    view.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    opened(view, reader, qtbot, inwards=Qt.Key.Key_Left)
    assert not view.grab().isNull()
    assert view.visualRect(view.tree.index(0, AMOUNT)).left() == 0
    call = view.tree.index(0, WORDS, view.currentIndex())
    assert view.visualRect(call).right() < view.visualRect(view.currentIndex()).right()


def test_clipboard_is_left_alone_on_an_unread_row(view: TreeView) -> None:
    QGuiApplication.clipboard().setText("before")
    press(view, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "before"
