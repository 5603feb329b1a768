"""The command palette: every page and action by a few typed letters, what was used last on top."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

from ui import theme
from ui.text import tr
from ui.widgets import paint
from ui.widgets.fields import LineEdit
from ui.widgets.layout import label, rule
from ui.widgets.overlay import Overlay

WIDTH = 580
MOST_ROWS = 9
NO_PARENT = QModelIndex()


@dataclass(frozen=True, slots=True)
class Command:
    """One thing the palette can do."""

    id: str
    title: str
    group: str = ""
    shortcut: str = ""
    icon: str = "command"
    keywords: str = ""


def score(query: str, text: str) -> int:
    """How well the letters of `query` occur in `text` in order; 0 is not at all, word starts and runs count more."""
    query, text = query.casefold(), text.casefold()
    total, run, start = 0, 0, 0
    for letter in query:
        if letter == " ":
            run = 0
            continue
        at = _best_hit(letter, text, start)
        if at < 0:
            return 0
        is_run = at == start and start > 0
        run = run + 1 if is_run else 0
        is_word_start = at == 0 or not text[at - 1].isalnum()
        total += 1 + 3 * run + (8 if is_word_start else 0)
        start = at + 1
    return total + (20 if text.startswith(query) else 10 if query in text else 0)


def _best_hit(letter: str, text: str, start: int) -> int:
    """The next place of a letter, preferring the one that goes on with a word, then the start of a later word."""
    first = text.find(letter, start)
    if first < 0 or first == start:
        return first
    at = first
    while at >= 0:
        if at == 0 or not text[at - 1].isalnum():
            return at
        at = text.find(letter, at + 1)
    return first


def rank(query: str, commands: Sequence[Command], recent: Sequence[str] = ()) -> list[Command]:
    """Matching commands, best first. With nothing typed: what was used last, then the rest in their own order."""
    recency = {command_id: len(recent) - place for place, command_id in enumerate(recent)}
    query = query.strip()
    if not query:
        return sorted(commands, key=lambda command: -recency.get(command.id, 0))
    scored = []
    for command in commands:
        best = max(score(query, command.title) * 2, score(query, f"{command.keywords} {command.group}"))
        if best:
            scored.append((-(best + recency.get(command.id, 0)), command))
    return [command for _, command in sorted(scored, key=lambda pair: pair[0])]


class _Rows(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.commands: list[Command] = []

    def show(self, commands: list[Command]) -> None:
        self.beginResetModel()
        self.commands = commands
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self.commands)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        command = self.commands[index.row()]
        if role == Qt.ItemDataRole.UserRole:
            return command
        if role == Qt.ItemDataRole.DisplayRole:
            return command.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(part for part in (command.title, command.group, command.shortcut) if part)
        return None


class _RowPainter(QStyledItemDelegate):
    def sizeHint(self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(WIDTH, row_height())

    def paint(self, p: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        command: Command = index.data(Qt.ItemDataRole.UserRole)
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        rtl = option.direction == Qt.LayoutDirection.RightToLeft
        p.save()
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        p.translate(rect.topLeft())
        self._paint_row(p, command, rect.size(), selected=bool(state & QStyle.StateFlag.State_Selected), rtl=rtl)
        p.restore()

    def _paint_row(self, p: QPainter, command: Command, size: QSize, *, selected: bool, rtl: bool) -> None:
        look, width, height = theme.current(), size.width(), size.height()
        if selected:
            paint.box(p, QRectF(0, 0, width, height), look.radius("md"), "surfaceActive")
        side = look.px(16)
        at = paint.mirrored(QRect(12, (height - side) // 2, side, side), width, rtl).topLeft()
        paint.icon(p, at, command.icon, "text" if selected else "textMuted", side, rtl=rtl)
        end = width - 12
        if command.shortcut:
            font = look.font("label")
            cap = QFontMetrics(font).horizontalAdvance(command.shortcut) + 12
            key = paint.mirrored(QRect(end - cap, (height - look.px(20)) // 2, cap, look.px(20)), width, rtl)
            paint.box(p, QRectF(key), look.radius("xs"), "surface", "border")
            paint.text(p, key, command.shortcut, font, "textMuted", paint.CENTER)
            end -= cap + 12
        if command.group:
            font = look.font("small")
            room = QFontMetrics(font).horizontalAdvance(command.group) + 2
            place = paint.mirrored(QRect(end - room, 0, room, height), width, rtl)
            paint.text(p, place, command.group, font, "textMuted")
            end -= room + 12
        start = 12 + side + 8
        title = paint.mirrored(QRect(start, 0, end - start, height), width, rtl)
        paint.text(p, title, command.title, look.font("body", weight=500 if selected else 400), "text")


def row_height() -> int:
    return theme.current().line("body") + 18


class CommandPalette(Overlay):
    """Signals: chosen(str) - the id of the command; dismissed()."""

    chosen = Signal(str)

    def __init__(self, window: QWidget, commands: Sequence[Command], recent: Sequence[str] = ()) -> None:
        super().__init__(window, name="commandPalette")
        self._commands = tuple(commands)
        self._recent = tuple(recent)
        self.panel.corner = "xl"
        self.panel.setAccessibleName(tr("Command palette"))
        self.search = LineEdit(icon="search", name="paletteSearch", placeholder=tr("Search pages and actions"))
        self.search.setAccessibleName(tr("Search pages and actions"))
        self.search.setProperty("bare", "true")
        self.search.setContentsMargins(9, 0, 9, 0)
        self._rows = _Rows(self)
        self.list = self._list()
        self._empty = label(tr("Nothing matches. Try another word."), "muted", align=Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self.panel)
        column.setContentsMargins(1, 8, 1, 8)
        column.setSpacing(6)
        column.addWidget(self.search)
        column.addWidget(rule())
        column.addWidget(self.list, 1)
        column.addWidget(self._empty, 1)
        self.first_focus = self.search
        self.search.textChanged.connect(self._on_search_changed)
        self.search.returnPressed.connect(self._choose_current)
        self._on_search_changed("")

    def _list(self) -> QListView:
        view = QListView(self.panel)
        view.setObjectName("paletteList")
        view.setAccessibleName(tr("Commands"))
        view.setProperty("bare", "true")
        view.setModel(self._rows)
        view.setItemDelegate(_RowPainter(view))
        view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        view.setUniformItemSizes(True)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setFrameShape(QListView.Shape.NoFrame)
        view.setViewportMargins(8, 0, 8, 0)
        view.setMouseTracking(True)
        view.entered.connect(view.setCurrentIndex)
        view.clicked.connect(lambda _index: self._choose_current())
        return view

    def _on_search_changed(self, query: str) -> None:
        found = rank(query, self._commands, self._recent)
        self._rows.show(found)
        self.list.setVisible(bool(found))
        self._empty.setVisible(not found)
        if found:
            self.list.setCurrentIndex(self._rows.index(0, 0))
            self.list.scrollToTop()
        self._arrange()

    def _choose_current(self) -> None:
        index = self.list.currentIndex()
        if index.isValid() and self._rows.commands:
            command = self._rows.commands[index.row()]
            self.close_overlay()
            self.chosen.emit(command.id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_PageDown: MOST_ROWS - 1,
            Qt.Key.Key_PageUp: 1 - MOST_ROWS,
        }
        step = steps.get(Qt.Key(event.key()))
        count = len(self._rows.commands)
        if step is None or not count:
            super().keyPressEvent(event)
            return
        row = self.list.currentIndex().row() + step
        row = row % count if abs(step) == 1 else min(max(row, 0), count - 1)
        self.list.setCurrentIndex(self._rows.index(row, 0))
        event.accept()

    def place(self) -> QRect:
        look = theme.current()
        width = min(look.px(WIDTH), self.width() - 48)
        rows = min(max(len(self._rows.commands), 1), MOST_ROWS)
        height = min(self.search.sizeHint().height() + 36 + rows * row_height(), self.height() - 48)
        top = min(self.height() // 8, self.height() - height - 24)
        return QRect(QPoint((self.width() - width) // 2, max(top, 24)), QSize(width, height))
