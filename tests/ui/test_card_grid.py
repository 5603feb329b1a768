"""The grid of a hundred thousand cards: positions, keys, pictures within their memory, words for screen readers."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QContextMenuEvent, QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ui import theme
from ui.widgets import card_face
from ui.widgets.card_face import CardFace, CardState, card_height, sentence
from ui.widgets.card_grid import CardGrid
from ui.widgets.card_model import CardModel

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
MANY = 100_000


@dataclass(frozen=True)
class Card:
    uuid: str
    name: str = "Helpdesk Triage"
    kind: str = "agent"
    tagline: str = "Answers tier-one questions from your help centre and hands over with full context."
    vendor_name: str = "Bluepine"
    vendor_verified: bool = True
    category_title: str = "Support"
    category_icon: str = "headphones"
    category_hue: int = 205
    rating: float = 4.5
    review_count: int = 329
    tags: tuple[str, ...] = ("EU-hosted", "Slack", "HubSpot")


def price(card: Card) -> tuple[str, str, str]:
    return "from", "$29", "/mo"


@pytest.fixture(autouse=True)
def look(qapp: QApplication) -> Iterator[theme.Theme]:
    made = theme.Theme("light", reduced_motion=True)
    made.apply(qapp)
    yield made
    made.set_mode("light")
    made.set_text_scale(1.0)


@cache
def many_cards() -> tuple[Card, ...]:
    return (Card("0"), *(Card(str(n), f"Agent {n}") for n in range(1, MANY)))


@pytest.fixture
def grid(qtbot: QtBot) -> CardGrid:
    made = CardGrid(price)
    model = CardModel(price, made)
    model.set_cards(many_cards())
    made.setModel(model)
    made.resize(1056, 700)
    qtbot.addWidget(made)
    made.show()
    made.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(made.hasFocus)
    return made


def row_of(grid: CardGrid) -> int:
    return grid.currentIndex().row()


def test_three_columns_at_the_usual_width_and_one_when_narrow(grid: CardGrid) -> None:
    rects = [grid.visualRect(grid.model().index(row, 0)) for row in range(4)]
    assert rects[0].y() == rects[2].y() < rects[3].y()
    assert rects[0].x() == rects[3].x()
    grid.resize(400, 700)
    assert grid.visualRect(grid.model().index(1, 0)).y() > grid.visualRect(grid.model().index(0, 0)).y()


def test_keys_walk_the_grid_and_enter_opens(grid: CardGrid, qtbot: QtBot) -> None:
    assert row_of(grid) == 0
    for key, row in (
        (Qt.Key.Key_Right, 1),
        (Qt.Key.Key_Down, 4),
        (Qt.Key.Key_Left, 3),
        (Qt.Key.Key_Up, 0),
        (Qt.Key.Key_Up, 0),
        (Qt.Key.Key_PageDown, 9),
        (Qt.Key.Key_PageUp, 0),
        (Qt.Key.Key_End, MANY - 1),
    ):
        QTest.keyClick(grid, key)
        assert row_of(grid) == row, key
    assert grid.viewport().rect().contains(grid.visualRect(grid.currentIndex()).center())
    with qtbot.waitSignal(grid.opened, timeout=1000) as opened:
        QTest.keyClick(grid, Qt.Key.Key_Return)
    assert opened.args is not None
    assert opened.args[0].name == f"Agent {MANY - 1}"
    QTest.keyClick(grid, Qt.Key.Key_Home)
    assert (row_of(grid), grid.verticalScrollBar().value()) == (0, 0)


def test_a_click_opens_once(grid: CardGrid) -> None:
    opened: list[str] = []
    grid.opened.connect(lambda card: opened.append(card.uuid))
    spot = grid.visualRect(grid.model().index(4, 0)).center()
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert opened == ["4"]
    gap = QPoint(2, 2)
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=gap)
    assert opened == ["4"]


def test_escape_goes_on_to_the_page(grid: CardGrid) -> None:
    """Esc clears the page's search, so the grid must not keep it."""
    opened: list[object] = []
    grid.opened.connect(opened.append)
    QTest.keyClick(grid, Qt.Key.Key_Escape)
    assert opened == []


def test_every_position_finds_its_card_again(grid: CardGrid, look: theme.Theme) -> None:
    for direction in (Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft):
        grid.setLayoutDirection(direction)
        for row in range(9):
            index = grid.model().index(row, 0)
            assert grid.indexAt(grid.visualRect(index).center()) == index
    assert grid.visualRect(grid.model().index(0, 0)).x() > grid.visualRect(grid.model().index(1, 0)).x()


def test_larger_text_makes_higher_cards_in_fewer_columns(grid: CardGrid, look: theme.Theme) -> None:
    before = card_height()
    look.set_text_scale(2.0)
    assert card_height() > before * 1.5
    assert grid.visualRect(grid.model().index(2, 0)).y() > grid.visualRect(grid.model().index(0, 0)).y()


def test_the_focused_card_has_a_ring_only_after_a_key(grid: CardGrid, look: theme.Theme) -> None:
    def has_ring() -> bool:
        image = grid.viewport().grab().toImage()
        rect = grid.visualRect(grid.currentIndex())
        return image.pixelColor(rect.center().x(), rect.top() + 2) == look.color("focus")

    QTest.keyClick(grid, Qt.Key.Key_Right)
    assert has_ring()
    QTest.mousePress(grid.viewport(), Qt.MouseButton.LeftButton, pos=grid.visualRect(grid.currentIndex()).center())
    assert not has_ring()


def test_paints_the_same_twice_in_both_themes(grid: CardGrid, look: theme.Theme) -> None:
    def picture() -> QImage:
        return grid.viewport().grab().toImage()

    light = picture()
    assert light == picture()
    look.set_mode("dark")
    assert picture() == picture() != light


def test_cards_not_loaded_yet_are_placeholders_to_be_asked_for(grid: CardGrid, qtbot: QtBot) -> None:
    model = CardModel(price, grid)
    model.set_cards([Card("0"), Card("1")], total=50)
    grid.setModel(model)
    with qtbot.waitSignal(grid.rows_shown, timeout=2000) as shown:
        grid.viewport().repaint()
    assert shown.args is not None
    first, last = shown.args
    missing = model.missing(first, last)
    assert missing == (2, last)
    opened: list[object] = []
    grid.opened.connect(opened.append)
    grid.setCurrentIndex(model.index(5, 0))
    QTest.keyClick(grid, Qt.Key.Key_Return)
    assert opened == []
    model.fill(2, [Card(str(n)) for n in range(2, last + 1)])
    assert model.missing(first, last) is None


def test_a_card_is_read_as_a_sentence(grid: CardGrid) -> None:
    QAccessible.setActive(True)
    answer = QAccessible.queryAccessibleInterface(grid)
    assert answer.text(QAccessible.Text.Name) == "Agents"
    words = grid.model().index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert words == "Helpdesk Triage, by Bluepine, verified, Support, from $29 /mo, rated 4.5 of 5 by 329"
    bundle = Card("b", kind="bundle", review_count=0, vendor_verified=False)
    assert sentence(bundle, ("", "Free", "")) == "Helpdesk Triage, Bundle, by Bluepine, Support, Free, no reviews yet"


def test_a_changed_card_gets_a_new_picture(qapp: QApplication) -> None:
    face = CardFace(price)
    state = CardState(330, card_height(), 1.0, theme.current().key)
    first = face.picture(Card("1"), state)
    assert face.picture(Card("1"), state).cacheKey() == first.cacheKey()
    assert face.picture(Card("1", name="Renamed"), state).cacheKey() != first.cacheKey()


def test_pictures_stay_within_their_memory(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    one = 330 * card_height() * 4
    monkeypatch.setattr(card_face, "CACHE_BYTES", 10 * one)
    face = CardFace(price)
    state = CardState(330, card_height(), 1.0, theme.current().key)
    oldest = face.picture(Card("0"), state).cacheKey()
    for n in range(1, 40):
        face.picture(Card(str(n)), state)
    assert face.kept_bytes <= 10 * one
    assert face.picture(Card("0"), state).cacheKey() != oldest


def test_the_pointer_lifts_one_card_and_the_menu_key_asks_for_its_menu(grid: CardGrid) -> None:
    rect = grid.visualRect(grid.model().index(1, 0))
    before = grid.viewport().grab(rect).toImage()
    grid.mouseMoveEvent(
        QMouseEvent(
            QEvent.Type.MouseMove, QPointF(rect.center()), QPointF(rect.center()),
            Qt.MouseButton.NoButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        )
    )  # fmt: skip
    assert grid.viewport().grab(rect).toImage() != before
    asked: list[str] = []
    grid.menu_requested.connect(lambda card, _at: asked.append(card.uuid))
    grid.setCurrentIndex(grid.model().index(2, 0))
    QApplication.sendEvent(grid, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(0, 0), QPoint(0, 0)))
    assert asked == ["2"]
