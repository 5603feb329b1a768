"""The controls from the user's side: keys, names, focus, busy, errors, and nothing cut at large text."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QAccessible, QFontMetrics, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QRadioButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from ui import theme
from ui.widgets.avatar import Avatar, initials
from ui.widgets.cards import OptionRow, PlanCard
from ui.widgets.controls import (
    Button,
    Checkbox,
    ChipRow,
    CopyField,
    IconButton,
    NavItem,
    SearchField,
    Segmented,
    Select,
    SelectField,
    TextArea,
    TextField,
    badge,
    key_cap,
    row,
)
from ui.widgets.flow import FlowLayout
from ui.widgets.focus_order import reading_order, set_tab_order
from ui.widgets.focus_ring import FocusRing
from ui.widgets.notices import Banner
from ui.widgets.states import EmptyState, ErrorState, ProgressSteps, Skeleton, Spinner

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
Show = Callable[[QWidget], QWidget]


@pytest.fixture(autouse=True)
def look(qapp: QApplication) -> Iterator[theme.Theme]:
    made = theme.Theme("light", reduced_motion=True)
    made.apply(qapp)
    yield made
    made.set_mode("light")
    made.set_text_scale(1.0)


@pytest.fixture
def show(qtbot: QtBot) -> Show:
    """Puts widgets in a window and waits until it has the focus."""
    windows: list[QWidget] = []  # qtbot closes them but does not keep them alive

    def put(widget: QWidget) -> QWidget:
        window = QWidget()
        layout = QVBoxLayout(window)
        layout.addWidget(widget)
        qtbot.addWidget(window)
        windows.append(window)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)
        return window

    return put


def plans() -> QWidget:
    box = QWidget()
    layout = row(spacing=12)
    box.setLayout(layout)
    for title, price, unit in (("Starter", "$290", "/year"), ("Pro", "$990", "/year"), ("Enterprise", "Custom", "")):
        card = PlanCard(
            title,
            name=title.lower(),
            badge="Popular" if title == "Pro" else "",
            points=("10,000 calls a month", "SSO and audit log"),
        )
        card.set_price(price, unit)
        layout.addWidget(card, 1)
    return box


def plan(box: QWidget, name: str) -> PlanCard:
    found = box.findChild(PlanCard, name)
    assert isinstance(found, PlanCard)
    return found


def every_control() -> list[QWidget]:
    select = Select(["Recommended", ("Name", "name")], label="Sort by")
    chips = ChipRow(label="Category", name="category")
    chips.set_items([("all", "All"), ("data", "Data")])
    chips.set_counts({"all": 1204})
    busy = Button("Pay", "primary", "lock")
    busy.set_busy(True)
    checked = Checkbox("I agree to the terms")
    checked.setChecked(True)
    steps = ProgressSteps(["Payment received", "Starting the agent"])
    steps.set_step(0, "done")
    steps.set_step(1, "failed", "No free machine")
    person = Avatar(36)
    person.set_person("Ada Lovelace")
    off = Button("Not now", "ghost")
    off.setEnabled(False)
    failed = TextField("Email", name="email", help_text="For the receipt")
    failed.set_error("Enter the whole address.")
    return [
        Button("Continue", "primary"), Button("Delete", "danger"), Button("More", "link", "plus"), busy, off,
        IconButton("copy", "Copy"), NavItem("Wallet", "wallet"), checked, Checkbox("Auto top-up", switch=True),
        Segmented(["Monthly", "Yearly"], label="Billing cycle", name="cycle"), chips, select,
        failed, TextField("Password", password=True), SearchField("Search agents"), TextArea("Instructions"),
        SelectField("Project", ["Default"]), CopyField("sk-demo", label="API key", secret=True), plans(),
        OptionRow("Visa 4242", "Expires 04/29", brand="visa", trailing="Default"),
        OptionRow("Bank transfer", icon="building"),
        badge("Paid", "success", "circle-check"), key_cap("Ctrl K"), Banner("Low balance", "warning", action="Top up"),
        EmptyState("bot", "No agents yet", "Buy one.", "Browse"), ErrorState(), Skeleton(), Spinner(), steps, person,
    ]  # fmt: skip


def picture(widget: QWidget) -> QImage:
    return widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)


# ---------------------------------------------------------------- for all


def test_every_control_has_an_accessible_name(show: Show) -> None:
    box = QWidget()
    layout = QVBoxLayout(box)
    for control in every_control():
        layout.addWidget(control)
    window = show(box)
    unnamed = []
    for widget in window.findChildren(QWidget):
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None and widget.isVisible():
            answer = QAccessible.queryAccessibleInterface(widget)
            if not answer.text(QAccessible.Text.Name):
                unnamed.append(f"{type(widget).__name__} {widget.objectName()}")
    assert unnamed == []


def test_every_control_paints_the_same_twice_and_follows_the_theme(look: theme.Theme, qtbot: QtBot) -> None:
    controls = every_control()
    for control in controls:
        qtbot.addWidget(control)
        control.resize(control.sizeHint().expandedTo(QSize(40, 20)))
    light = [picture(control) for control in controls]
    assert light == [picture(control) for control in controls]
    look.set_mode("dark")
    dark = [picture(control) for control in controls]
    assert dark == [picture(control) for control in controls]
    same = [type(control).__name__ for control, a, b in zip(controls, light, dark, strict=True) if a == b]
    assert same == []


def test_hit_areas_are_at_least_24_px(show: Show, look: theme.Theme) -> None:
    look.set_text_scale(0.85)
    controls = [*every_control(), IconButton("x", "Close", small=True), Button("Small", small=True)]
    small = [
        f"{type(one).__name__} {one.sizeHint()}"
        for one in controls
        if one.focusPolicy() & Qt.FocusPolicy.TabFocus and min(one.sizeHint().width(), one.sizeHint().height()) < 24
    ]
    assert small == []


# ---------------------------------------------------------------- buttons


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space])
def test_enter_and_space_press_a_button(key: Qt.Key, show: Show, qtbot: QtBot) -> None:
    button = Button("Continue", "primary")
    show(button)
    with qtbot.waitSignal(button.clicked, timeout=1000):
        QTest.keyClick(button, key)


def test_a_busy_button_keeps_its_width_and_swallows_presses(show: Show) -> None:
    button = Button("Complete purchase", "primary", big=True)
    show(button)
    presses: list[str] = []
    button.clicked.connect(lambda: presses.append("pressed"))
    width = button.sizeHint().width()
    button.set_busy(True)
    assert button.sizeHint().width() == width
    assert button.accessibleDescription() == "Working"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    QTest.keyClick(button, Qt.Key.Key_Return)
    assert presses == []
    button.set_busy(False)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len(presses) == 1


def test_a_collapsed_nav_item_keeps_its_name(qtbot: QtBot) -> None:
    item = NavItem("Wallet", "wallet")
    qtbot.addWidget(item)
    wide = item.sizeHint().width()
    item.set_collapsed(True)
    item.set_current(True)
    assert item.sizeHint().width() < wide
    assert (item.accessibleName(), item.toolTip(), item.accessibleDescription()) == ("Wallet", "Wallet", "Current page")


# ---------------------------------------------------------------- choices


def test_plan_cards_are_one_tab_stop_and_arrows_choose(show: Show) -> None:
    box = plans()
    show(box)
    plan(box, "pro").setChecked(True)
    assert [one.objectName() for one in reading_order(box)] == ["pro"]
    plan(box, "pro").setFocus()
    QTest.keyClick(plan(box, "pro"), Qt.Key.Key_Left)
    assert plan(box, "starter").isChecked()
    QTest.keyClick(plan(box, "starter"), Qt.Key.Key_Right)
    QTest.keyClick(plan(box, "pro"), Qt.Key.Key_Right)
    assert plan(box, "enterprise").isChecked()
    assert plan(box, "enterprise").hasFocus()


def test_the_whole_plan_card_is_clickable_and_tells_its_price(show: Show) -> None:
    box = plans()
    show(box)
    card = plan(box, "starter")
    QTest.mouseClick(card, Qt.MouseButton.LeftButton, pos=QPoint(card.width() - 4, card.height() - 4))
    assert card.isChecked()
    answer = QAccessible.queryAccessibleInterface(card)
    assert answer.role() == QAccessible.Role.RadioButton
    assert "$290 /year" in answer.text(QAccessible.Text.Description)


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_plan_cards_hold_their_texts_at_large_text(scale: float, look: theme.Theme, qtbot: QtBot) -> None:
    look.set_text_scale(scale)
    box = plans()
    qtbot.addWidget(box)
    for name in ("starter", "pro", "enterprise"):
        card = plan(box, name)
        least = card.minimumSizeHint()
        title = QFontMetrics(look.font("bodyStrong")).horizontalAdvance(card.text())
        price = QFontMetrics(look.font("display", True)).horizontalAdvance("Custom" if name == "enterprise" else "$290")
        assert least.width() >= max(title + look.px(16), price) + 32
        lines = look.line("bodyStrong") + look.line("display") + 2 * look.line("small")
        assert least.height() >= lines + 28
        assert card.heightForWidth(least.width()) >= card.heightForWidth(least.width() * 3)


def test_segments_are_radio_buttons_with_one_signal(show: Show) -> None:
    segmented = Segmented(["Monthly", "Yearly"], label="Billing cycle", name="cycle")
    window = show(segmented)
    heard: list[int] = []
    segmented.changed.connect(heard.append)
    monthly = window.findChild(QRadioButton, "cycle-0")
    assert isinstance(monthly, QRadioButton)
    monthly.setFocus()
    QTest.keyClick(monthly, Qt.Key.Key_Right)
    assert (segmented.current(), heard) == (1, [1])
    assert QAccessible.queryAccessibleInterface(monthly).role() == QAccessible.Role.RadioButton


def test_chips_scroll_to_the_focused_one_and_keep_the_choice(show: Show, qtbot: QtBot) -> None:
    chips = ChipRow(label="Category", name="category")
    items = [(f"c{n}", f"Category {n}") for n in range(30)]
    chips.set_items(items)
    window = show(chips)
    window.resize(400, 120)
    heard: list[str] = []
    chips.changed.connect(heard.append)
    chips.set_current("c29")
    last = window.findChild(QRadioButton, "category-c29")
    assert isinstance(last, QRadioButton)
    last.setFocus()
    qtbot.waitUntil(lambda: chips.rect().contains(last.mapTo(chips, last.rect().center())))
    chips.set_items(items[20:])
    chips.set_counts({"c29": 1204})
    assert (chips.current(), heard) == ("c29", ["c29"])
    again = window.findChildren(QRadioButton, "category-c29")[-1]
    assert again.accessibleName() == "Category 29, 1,204"


def test_a_long_check_box_text_wraps(look: theme.Theme, qtbot: QtBot) -> None:
    box = Checkbox("I agree to the terms of service and the privacy policy")
    qtbot.addWidget(box)
    assert box.heightForWidth(160) >= 3 * look.line("body") - 6
    assert box.heightForWidth(800) < 2 * look.line("body")


# ---------------------------------------------------------------- fields


def test_an_error_is_shown_described_and_leaves_with_the_next_key(show: Show) -> None:
    field = TextField("Email", name="email", help_text="For the receipt")
    show(field)
    field.set_error("Enter the whole address.")
    assert field.note.text == "Enter the whole address."
    assert field.edit.accessibleDescription() == "Enter the whole address."
    QTest.keyClicks(field.edit, "a")
    assert field.error is None
    assert (field.note.text, field.edit.accessibleDescription()) == ("For the receipt", "For the receipt")


def test_a_password_can_be_revealed(show: Show) -> None:
    field = TextField("Password", password=True)
    show(field)
    reveal = field.findChild(IconButton)
    assert isinstance(reveal, IconButton)
    assert reveal.accessibleName() == "Show password"
    QTest.mouseClick(reveal, Qt.MouseButton.LeftButton)
    assert field.edit.echoMode() == QLineEdit.EchoMode.Normal
    assert reveal.accessibleName() == "Hide password"


def test_escape_clears_a_search_and_only_then_goes_on(show: Show, qtbot: QtBot) -> None:
    search = SearchField("Search agents")
    show(search)
    QTest.keyClicks(search, "invoice")
    with qtbot.waitSignal(search.cleared, timeout=1000):
        QTest.keyClick(search, Qt.Key.Key_Escape)
    assert search.text() == ""
    with qtbot.assertNotEmitted(search.cleared):
        QTest.keyClick(search, Qt.Key.Key_Escape)


def test_a_select_speaks_in_data(show: Show, qtbot: QtBot) -> None:
    select = Select([("Price: low to high", "price"), ("Name", "name")], label="Sort by")
    show(select)
    select.set_current("name")
    select.set_items([("Name", "name"), ("Rating", "rating")])
    assert select.current() == "name"
    with qtbot.waitSignal(select.picked, timeout=1000) as picked:
        QTest.keyClick(select, Qt.Key.Key_Down)
    assert picked.args == ["rating"]


def test_a_secret_is_masked_copied_and_confirmed(show: Show, qtbot: QtBot) -> None:
    field = CopyField("very secret", label="API key", secret=True)
    show(field)
    assert field.echoMode() == QLineEdit.EchoMode.Password
    with qtbot.waitSignal(field.copied, timeout=1000):
        field.copy_value()
    assert QGuiApplication.clipboard().text() == "very secret"
    assert "Copied" in [button.accessibleName() for button in field.findChildren(IconButton)]


# ---------------------------------------------------------------- focus


def around(ring: FocusRing) -> QWidget | None:
    return ring.target


def test_the_ring_appears_only_after_a_key(show: Show) -> None:
    box = QWidget()
    first, second = Button("First"), Button("Second")
    box.setLayout(row(first, second))
    window = show(box)
    ring = FocusRing(window)
    QTest.mouseClick(first, Qt.MouseButton.LeftButton)
    first.setFocus(Qt.FocusReason.MouseFocusReason)
    assert around(ring) is None
    QTest.keyClick(first, Qt.Key.Key_Tab)
    assert around(ring) is second
    outside = ring.geometry().adjusted(4, 4, -4, -4)
    assert outside.topLeft() == second.mapTo(window, QPoint(0, 0))
    QTest.mouseClick(second, Qt.MouseButton.LeftButton)
    assert around(ring) is None


def test_the_ring_follows_and_leaves_with_its_control(show: Show) -> None:
    box = QWidget()
    first, second = Button("First"), Button("Second")
    box.setLayout(row(first, second))
    window = show(box)
    ring = FocusRing(window)
    first.setFocus()
    QTest.keyClick(first, Qt.Key.Key_Tab)
    second.move(second.pos() + QPoint(0, 10))
    assert ring.geometry().adjusted(4, 4, -4, -4).topLeft() == second.mapTo(window, QPoint(0, 0))
    second.hide()
    assert around(ring) is not second


def test_tab_follows_the_layout_not_the_order_of_making(show: Show) -> None:
    last, first, middle = Button("c"), Button("a"), TextField("b")
    box = QWidget()
    box.setLayout(row(first, middle, last))
    window = show(box)
    set_tab_order(window)
    first.setFocus()
    visited = []
    for _ in range(3):
        focused = QApplication.focusWidget()
        assert focused is not None
        visited.append(focused)
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    assert visited == [first, middle.edit, last]


# ---------------------------------------------------------------- states and layout


def test_empty_and_error_states_offer_one_action(show: Show, qtbot: QtBot) -> None:
    empty = EmptyState("bot", "No agents yet", "Buy one.", "Browse")
    show(empty)
    with qtbot.waitSignal(empty.acted, timeout=1000):
        QTest.mouseClick(empty.action_button, Qt.MouseButton.LeftButton)
    error = ErrorState(text="The server did not answer.")
    show(error)
    with qtbot.waitSignal(error.retried, timeout=1000):
        QTest.keyClick(error.action_button, Qt.Key.Key_Return)


def test_steps_say_their_state_in_words(qtbot: QtBot) -> None:
    steps = ProgressSteps(["Payment received", "Starting the agent"])
    qtbot.addWidget(steps)
    steps.set_step(1, "failed", "No free machine")
    names = [child.accessibleName() for child in steps.findChildren(QWidget) if child.accessibleName()]
    assert "Payment received, waiting" in names
    assert "Starting the agent, failed. No free machine" in names
    assert steps.state(1) == "failed"


def test_a_spinner_stands_still_when_motion_is_reduced(show: Show, look: theme.Theme, qtbot: QtBot) -> None:
    spinner = Spinner()
    show(spinner)
    still = picture(spinner)
    qtbot.waitUntil(lambda: picture(spinner) == still)
    look.set_reduced_motion(False)
    spinner.hide()
    spinner.show()
    qtbot.waitUntil(lambda: picture(spinner) != still)
    spinner.hide()


def test_flow_breaks_lines(qtbot: QtBot) -> None:
    box = QWidget()
    flow = FlowLayout(box, gap=8)
    for _ in range(6):
        flow.addWidget(Button("A tag"))
    qtbot.addWidget(box)
    assert flow.heightForWidth(2000) < flow.heightForWidth(200)


@pytest.mark.parametrize(
    ("name", "letters"), [("Ada Lovelace", "AL"), ("John's Organization", "JO"), ("ada@example.com", "AE"), ("", "")]
)
def test_initials(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_what_happens_is_announced_without_a_reader_and_with_one(show: Show) -> None:
    field = TextField("Email", name="email")
    banner = Banner("Online.", "info")
    box = QWidget()
    box.setLayout(row(field, banner))
    show(box)
    for active in (True, False):
        QAccessible.setActive(active)
        field.set_error(f"Wrong {active}")
        banner.set_message(f"Offline {active}", "danger")
    assert (field.error, banner.text) == ("Wrong False", "Offline False")


@pytest.mark.parametrize(("width", "height"), [(1280, 700), (330, 600)])
def test_long_words_of_an_empty_place_are_all_shown(qtbot: QtBot, width: int, height: int) -> None:
    empty = EmptyState("bot", "No agents yet", "Something a little longer than one line has room for. " * 4, "Browse")
    qtbot.addWidget(empty)
    empty.resize(width, height)
    empty.show()
    words = empty.text_label
    assert words.height() >= words.heightForWidth(words.width())
    left = words.mapTo(empty, words.rect().topLeft()).x()
    assert abs(left - (width - left - words.width())) <= 1


def test_flow_places_what_is_added_while_it_is_in_sight(qtbot: QtBot) -> None:
    box = QWidget()
    flow = FlowLayout(box, gap=8)
    qtbot.addWidget(box)
    box.resize(400, 100)
    box.show()
    made = [Button(f"Number {number}", "secondary", parent=box) for number in range(3)]
    for one in made:
        one.show()  # lays out those before it
        flow.addWidget(one)
    qtbot.waitUntil(lambda: made[2].x() > made[1].geometry().right())
    assert made[1].x() > made[0].geometry().right()
    flow.takeAt(0)
    qtbot.waitUntil(lambda: made[1].x() == 0)
