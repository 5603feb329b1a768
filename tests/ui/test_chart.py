"""A line chart: round steps, labels apart, read by key and by mouse, painted once for a look."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QEnterEvent, QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from ui.text import count
from ui.theme import Theme
from ui.widgets.chart import ChartData, LineChart, Series
from ui.widgets.chart_layer import DASHES, SHAPES, frame_for, pen_of
from ui.widgets.chart_scale import GRID_LINES_MAX, round_ticks, spread, xs_of

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")


def dollars(micros: int) -> str:
    return f"${micros // 1_000_000}"


def line(key: str, *costs: int, strong: bool = False) -> Series:
    return Series(key, key.title(), tuple((n * 100, cost * 1_000_000) for n, cost in enumerate(costs)), strong)


THREE = ChartData(
    (line("starter", 29, 29, 39, 49, 59, 69, 79, strong=True), line("pro", *[99] * 7), line("use", *range(0, 140, 20))),
    x_text=count, y_text=dollars, value_text=dollars, x_title="calls", x_mark=210, mark_text="You: 210",
    crossings=((150, 34_000_000),),
)  # fmt: skip


# ---- arithmetic


@pytest.mark.parametrize(
    ("most", "lines", "ticks"),
    [
        (364_000_000, 5, (0, 100_000_000, 200_000_000, 300_000_000, 400_000_000)),
        (400_000_000, 5, (0, 100_000_000, 200_000_000, 300_000_000, 400_000_000)),
        (400_000_001, 5, (0, 200_000_000, 400_000_000, 600_000_000)),
        (100, 5, (0, 25, 50, 75, 100)),
        (9, 5, (0, 5, 10)),
        (8, 5, (0, 2, 4, 6, 8)),
        (1, 5, (0, 1)),
        (0, 5, (0, 1)),
        (18_182, 4, (0, 10_000, 20_000)),
        (7, 2, (0, 10)),
    ],
)
def test_steps_are_round_and_start_at_zero(most: int, lines: int, ticks: tuple[int, ...]) -> None:
    assert round_ticks(most, lines) == ticks


@given(st.integers(0, 10**15), st.integers(2, 8))
def test_steps_reach_just_beyond_the_highest(most: int, lines: int) -> None:
    ticks = round_ticks(most, lines)
    assert ticks[-1] >= most
    assert len(ticks) <= max(lines, 2)
    assert len({later - earlier for earlier, later in pairwise(ticks)}) == 1
    assert len(ticks) == 2 or ticks[-2] < most


def test_labels_keep_apart_and_in_order() -> None:
    assert spread([10, 50], 16, 0, 100) == [10, 50]
    assert spread([50, 52, 51], 16, 0, 100) == [50, 82, 66]
    assert spread([98, 99], 16, 0, 100) == [84, 100]
    assert spread([-5], 16, 0, 100) == [0]
    assert spread([], 16, 0, 100) == []


@given(st.lists(st.floats(0, 200), max_size=8))
def test_labels_that_fit_never_overlap(wanted: list[float]) -> None:
    placed = spread(wanted, 16, 0, 200)
    ordered = sorted(placed)
    assert all(later - earlier >= 16 - 1e-6 for earlier, later in pairwise(ordered))
    assert all(-1e-6 <= place <= 200 + 1e-6 for place in placed)


def test_height_between_points_is_straight() -> None:
    one = Series("a", "A", ((0, 0), (100, 50), (200, 50)))
    assert [one.height(x) for x in (-1, 0, 50, 100, 150, 200, 300)] == [0, 0, 25, 50, 50, 50, 50]


def test_reader_stands_where_all_lines_have_values() -> None:
    assert xs_of((line("a", 1, 2, 3), line("b", 1, 2))) == (0, 100)
    assert xs_of(()) == ()


def test_lines_differ_without_colour() -> None:
    assert len(set(DASHES)) == len(DASHES) == len(set(SHAPES)) == 6
    assert len({tuple(pen_of(number, False).dashPattern()) for number in range(6)}) == 6
    assert pen_of(0, True).widthF() > pen_of(0, False).widthF()
    assert pen_of(6, False) == pen_of(0, False)


# ---- the widget


@pytest.fixture
def chart(look: Theme, qtbot: QtBot) -> LineChart:
    box = QWidget()
    made = LineChart(label="Cost of a month", name="chart")
    layout = QVBoxLayout(box)
    layout.addWidget(made)
    layout.addWidget(QLineEdit())
    made.show_chart(THREE, "Three lines")
    qtbot.addWidget(box)
    box.resize(700, 400)
    box.show()
    box.activateWindow()
    qtbot.waitUntil(box.isActiveWindow)
    made.setFocus(Qt.FocusReason.TabFocusReason)
    made.box = box  # type: ignore[attr-defined] # keeps it alive
    return made


def press(chart: LineChart, *keys: Qt.Key) -> int | None:
    for key in keys:
        QTest.keyClick(chart, key)
    return chart.at


K = Qt.Key


def test_chart_says_what_it_is(chart: LineChart) -> None:
    assert (chart.accessibleName(), chart.accessibleDescription()) == ("Cost of a month", "Three lines")
    assert chart.focusPolicy() & Qt.FocusPolicy.TabFocus


@pytest.mark.parametrize(
    ("keys", "at"),
    [
        ((K.Key_Right,), 200),  # first to the reader's own place
        ((K.Key_Left,), 200),
        ((K.Key_Right, K.Key_Right), 300),
        ((K.Key_Right, K.Key_Left), 100),
        ((K.Key_Home,), 0),
        ((K.Key_End,), 600),
        ((K.Key_Home, K.Key_Left), 0),
        ((K.Key_End, K.Key_Right), 600),
        ((K.Key_Home, K.Key_PageDown), 500),
        ((K.Key_End, K.Key_PageUp), 100),
        ((K.Key_End, K.Key_Escape), None),
        ((K.Key_A,), None),
    ],
)
def test_keys_go_from_point_to_point(chart: LineChart, keys: tuple[Qt.Key, ...], at: int | None) -> None:
    assert press(chart, *keys) == at


def test_values_are_read_lowest_first(chart: LineChart) -> None:
    assert chart.rows() == ()
    press(chart, K.Key_Home)
    assert chart.rows() == (("0 calls", ""), ("Use", "$0"), ("Starter", "$29"), ("Pro", "$99"))


def test_arrows_follow_the_reading_direction(chart: LineChart) -> None:
    chart.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    assert press(chart, K.Key_Right, K.Key_Left) == 300
    chart.grab()


def test_escape_without_a_cursor_is_somebody_elses(chart: LineChart, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(chart.pointed):
        assert press(chart, K.Key_Escape) is None


def test_cursor_is_told_once(chart: LineChart, qtbot: QtBot) -> None:
    told: list[int] = []
    chart.pointed.connect(told.append)
    chart.point_at(2)
    chart.point_at(2)
    chart.point_at(-1)
    assert told == [200, -1]


def test_leaving_takes_the_cursor_away(chart: LineChart, qtbot: QtBot) -> None:
    press(chart, K.Key_Home)
    QTest.keyClick(chart, K.Key_Tab)
    assert chart.at is None


def point(chart: LineChart, x: float) -> int | None:
    place = QPointF(x, 100)
    event = QMouseEvent(QMouseEvent.Type.MouseMove, place, chart.mapToGlobal(place), Qt.MouseButton.NoButton,
                        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier)  # fmt: skip
    QApplication.sendEvent(chart, event)
    return chart.at


def test_mouse_points_at_the_nearest(chart: LineChart) -> None:
    chart.grab()
    assert point(chart, 0) == 0
    assert point(chart, chart.width()) == 600
    frame = frame_for(THREE, chart.width(), chart.height(), is_rtl=False)
    assert point(chart, frame.x(320)) == 300
    chart.leaveEvent(QEnterEvent(QPointF(), QPointF(), QPointF()))
    assert chart.at is None


def test_same_data_is_not_shown_again(chart: LineChart) -> None:
    chart.point_at(3)
    chart.show_chart(THREE, "again")
    assert (chart.at, chart.accessibleDescription()) == (300, "Three lines")
    chart.show_chart(ChartData(THREE.series[:1]), "one")
    assert (chart.at, chart.accessibleDescription()) == (None, "one")


def test_empty_chart_is_quiet(look: Theme, qtbot: QtBot) -> None:
    chart = LineChart(label="Empty")
    qtbot.addWidget(chart)
    chart.resize(400, 300)
    chart.grab()
    assert press(chart, K.Key_Right, K.Key_Home) is None


# ---- what is painted


def inked(image: QImage, look: Theme, role: str) -> int:
    wanted = look.color(role).rgb()
    return sum(image.pixel(x, y) == wanted for x in range(image.width()) for y in range(0, image.height(), 2))


def test_still_layer_is_painted_once_for_a_look(chart: LineChart, look: Theme) -> None:
    chart.grab()
    first = chart._layer.cacheKey()
    chart.point_at(2)
    chart.grab()
    assert chart._layer.cacheKey() == first
    look.set_mode("dark")
    image = chart.grab().toImage()
    assert chart._layer.cacheKey() != first
    assert inked(image, look, "chart2") > 20
    assert inked(image, look, "tooltip") > 200


def test_text_size_makes_it_taller(chart: LineChart, look: Theme) -> None:
    before = chart.sizeHint().height()
    look.set_text_scale(2.0)
    assert chart.sizeHint().height() == 2 * before
    assert chart.minimumSizeHint().height() == chart.sizeHint().height()


@pytest.mark.parametrize("is_rtl", [False, True])
@pytest.mark.parametrize(("width", "scale"), [(1000, 1.0), (700, 2.0), (360, 1.0)])
def test_names_stand_beside_the_lines_and_within(look: Theme, width: int, scale: float, is_rtl: bool) -> None:
    look.set_text_scale(scale)
    frame = frame_for(THREE, width, 400, is_rtl=is_rtl)
    assert 0 < frame.plot.left() < frame.plot.right() < width
    assert len(frame.y_ticks) <= GRID_LINES_MAX
    assert frame.y_ticks[0] == 0
    ends = frame.x(0), frame.x(600)
    assert ends == ((frame.plot.right(), frame.plot.left()) if is_rtl else (frame.plot.left(), frame.plot.right()))
    assert frame.y(0) == frame.plot.bottom()
    name_side = frame.plot.left() if is_rtl else width - frame.plot.right()
    assert name_side == pytest.approx(frame.end)
    assert frame.end <= width * 0.38


def test_mark_at_the_edge_stays_inside(look: Theme, qtbot: QtBot) -> None:
    chart = LineChart(label="Edge")
    qtbot.addWidget(chart)
    chart.show_chart(ChartData(THREE.series, x_mark=900, mark_text="You: 900 and more"), "")
    chart.resize(400, 300)
    assert inked(chart.grab().toImage(), look, "text") > 5
    assert chart.mapTo(chart, QPoint(0, 0)).x() == 0
