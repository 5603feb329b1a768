"""A table of many rows: sortable, with a header that stays, painted from tokens, all of it by keyboard too."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest
from math import ceil

from PySide6.QtCore import QEvent, QItemSelectionModel, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QFontMetricsF,
    QGuiApplication,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolTip,
)

from ui import theme
from ui.text import tr
from ui.widgets import paint
from ui.widgets.focus_ring import MOVES_FOCUS
from ui.widgets.layout import TONES
from ui.widgets.notices import toast_area
from ui.widgets.table_model import Cell, Column, Index, Row, TableModel

__all__ = ["Cell", "Column", "Row", "Table", "TableModel"]

PAD, AIR = 12, 16  # inside a cell; added to the line height
CHIP = 16  # px a badge is wider than its words
NEAR_END = 20  # rows
LEAST_ROWS = 4
LEAST_WIDTH = 80  # px at 100 % text, of a column
MEASURED = 4  # cells of a column
FOCUS_REASONS = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)


class Table(QTableView):
    """Arrows move, Enter opens the row (or explains the amount it stands on), Ctrl+C copies the row.

    Signals: opened(key); linked(ref) - of a cell that is a link; end_near() - more rows may be wanted.
    """

    opened = Signal(str)
    linked = Signal(str)
    end_near = Signal()

    def __init__(self, columns: Sequence[Column], *, label: str, name: str = "") -> None:
        super().__init__()
        self.rows = TableModel(columns, self)
        self.is_keyboard = False
        self._is_sortable = True
        self.setObjectName(name)
        self.setAccessibleName(label)
        self.setProperty("bare", "true")
        self.setModel(self.rows)
        self._dress()
        self._is_ready = True
        self.refit()
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)

    def _dress(self) -> None:
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setItemDelegate(_Painter(self))
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setMinimumSectionSize(24)
        header.setSectionsClickable(True)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)

    # ---- verbs

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Keeps the reader's place when the row is still there."""
        here = self.current()
        column = max(self.currentIndex().column(), 0)
        self.rows.show_rows(rows)
        if here is not None and self.current() != here and (place := self.rows.row_of(here.key)) >= 0:
            self.setCurrentIndex(self.rows.index(place, column))
        self.refit()

    def current(self) -> Row | None:
        return self.rows.row(self.currentIndex().row())

    def select(self, key: str) -> None:
        self.setCurrentIndex(self.rows.index(max(self.rows.row_of(key), 0), 0))

    def set_sortable(self, sortable: bool, reason: str = "") -> None:
        """While only a part of the rows is here, sorting them would mislead; `reason` says what to do."""
        header = self.horizontalHeader()
        header.setToolTip("" if sortable else reason)
        if sortable != self._is_sortable:
            self._is_sortable = sortable
            header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
            self.setSortingEnabled(sortable)
            if not sortable:
                self.rows.sort(-1)

    # ---- geometry

    def refit(self) -> None:
        """Column widths and row height by text size and room."""
        if not getattr(self, "_is_ready", False):  # Qt asks while it is still being built
            return
        look = theme.current()
        self.verticalHeader().setDefaultSectionSize(look.line("body") + AIR)
        whole = self.viewport().width()
        widths: dict[int, int] = {}
        for number, column in enumerate(self.rows.columns):
            is_shown = whole >= look.px(column.from_width)
            self.setColumnHidden(number, not is_shown)
            if is_shown:
                widths[number] = max(look.px(column.width), self._title_width(column.title)) if column.width else 0
        self._share(widths, whole - sum(widths.values()))

    def _share(self, widths: dict[int, int], free: int) -> None:
        """What is left goes to the columns without a width, else to the last one of words. While their words do not
        fit, the others give what theirs do not fill."""
        columns, least = self.rows.columns, theme.current().px(LEAST_WIDTH)
        growing = [number for number, width in widths.items() if not width]
        if not growing:
            last = [number for number in widths if not columns[number].at_end][-1:]
            widths.update({number: max(widths[number] + max(free, 0), least) for number in last})
        else:
            needs = {number: max(self._words_width(number), least) for number in growing}
            free += self._take_back(widths, sum(needs.values()) - free)
            widths.update(_parts(needs, free))
        for number, width in widths.items():
            self.setColumnWidth(number, width)

    def _take_back(self, widths: dict[int, int], missing: int) -> int:
        """From columns of one width each, at most what is missing, in px; their words still fit."""
        taken = 0
        for number, width in widths.items():
            if width and missing > taken:
                spare = max(width - self._words_width(number), 0)
                part = min(spare, missing - taken)
                widths[number], taken = width - part, taken + part
        return taken

    def _words_width(self, number: int) -> int:
        """Of the title and the longest words of a column, in px; of many rows only the longest by letters are
        measured."""
        column = self.rows.columns[number]
        cells = nlargest(MEASURED, (row.cells[number] for row in self.rows.all_rows), key=lambda cell: len(cell.text))
        widest = max((_cell_width(cell, at_end=column.at_end) for cell in cells), default=0)
        return max(widest + 2 * PAD, self._title_width(column.title))

    def _title_width(self, title: str) -> int:
        return QFontMetrics(theme.current().font("small", weight=500)).horizontalAdvance(title) + 2 * PAD + 16

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.refit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.refit()

    def minimumSizeHint(self) -> QSize:
        look = theme.current()
        row = look.line("body") + AIR
        return QSize(look.px(280), self.horizontalHeader().sizeHint().height() + LEAST_ROWS * row)

    def sizeHint(self) -> QSize:
        return QSize(theme.current().px(640), self.minimumSizeHint().height())

    def whole_height(self) -> int:
        """Of the header and all rows, for a table that never scrolls by itself."""
        row = theme.current().line("body") + AIR
        return self.horizontalHeader().sizeHint().height() + self.rows.rowCount() * row + 2

    def _on_scrolled(self, value: int) -> None:
        bar, row = self.verticalScrollBar(), theme.current().line("body") + AIR
        if bar.maximum() - value <= NEAR_END * row:
            self.end_near.emit()

    def tip_of(self, index: Index) -> str:
        """What a cell says while the mouse rests on it: what is cut off, or that it can be explained."""
        row = self.rows.row(index.row())
        if row is None:
            return ""
        cell, column = row.cells[index.column()], self.rows.columns[index.column()]
        room = self.columnWidth(index.column()) - 2 * PAD - (CHIP - 4 if cell.tone else 0)
        metrics = QFontMetrics(_font(cell, at_end=column.at_end))
        is_cut = metrics.elidedText(cell.text, Qt.TextElideMode.ElideRight, room) != cell.text
        words = [cell.text] if is_cut else []
        return "\n".join([*words, *([tr("How this amount comes about")] if cell.ref else [])])

    # ---- keyboard and mouse

    def _use(self, index: Index) -> None:
        row = self.rows.row(index.row())
        if row is None:
            return
        ref = row.cells[index.column()].ref
        if ref:
            self.linked.emit(ref)
        else:
            self.opened.emit(row.key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in MOVES_FOCUS:
            self._set_keyboard(True)
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_row()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._use(self.currentIndex())
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End) and self.rows.rowCount():
            row = 0 if event.key() == Qt.Key.Key_Home else self.rows.rowCount() - 1
            self.setCurrentIndex(self.rows.index(row, max(self.currentIndex().column(), 0)))
        else:
            super().keyPressEvent(event)
            return
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._set_keyboard(False)
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index.isValid() and index == self.currentIndex():
            self._use(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        over = self.indexAt(event.position().toPoint()).isValid()
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() in FOCUS_REASONS:
            self._set_keyboard(True)
        if not self.currentIndex().isValid() and self.rows.rowCount():
            self.selectionModel().setCurrentIndex(self.rows.index(0, 0), QItemSelectionModel.SelectionFlag.Current)
            self.viewport().update()

    def _set_keyboard(self, keyboard: bool) -> None:
        self.is_keyboard = keyboard
        self.viewport().update()

    # ---- menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Right click, the menu key and Shift+F10."""
        by_mouse = event.reason() is QContextMenuEvent.Reason.Mouse
        index = self.indexAt(event.pos()) if by_mouse else self.currentIndex()
        row = self.rows.row(index.row())
        if row is not None:
            self.setCurrentIndex(index)
            place = event.globalPos() if by_mouse else self.viewport().mapToGlobal(self.visualRect(index).center())
            self.menu_for(row).popup(place)
        event.accept()

    def menu_for(self, row: Row) -> QMenu:
        """What Enter and the header do, as words."""
        look = theme.current()
        menu = QMenu(self)
        menu.setObjectName("tableMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for cell in row.cells:
            if cell.ref:
                explain = menu.addAction(look.icon("receipt"), tr("Explain {amount}", amount=cell.text))
                explain.triggered.connect(lambda _checked=False, ref=cell.ref: self.linked.emit(ref))
        menu.addAction(look.icon("copy"), tr("Copy row"), self.copy_row).setObjectName("copyRow")
        if self._is_sortable:
            menu.addSeparator()
            for number, column in enumerate(self.rows.columns):
                sort = menu.addAction(tr("Sort by {column}", column=column.title))
                sort.setObjectName(f"sortBy-{number}")
                sort.triggered.connect(lambda _checked=False, number=number: self._sort_by(number))
        return menu

    def _sort_by(self, number: int) -> None:
        """The other way round when it is sorted by this column already."""
        header, up = self.horizontalHeader(), Qt.SortOrder.AscendingOrder
        is_same = header.sortIndicatorSection() == number and header.sortIndicatorOrder() == up
        self.sortByColumn(number, Qt.SortOrder.DescendingOrder if is_same else up)

    def copy_row(self) -> None:
        if (row := self.current()) is not None:
            QGuiApplication.clipboard().setText(row.copied)
            toast_area(self).show_toast(tr("Row copied."), icon="copy-check")


def _parts(needs: dict[int, int], free: int) -> dict[int, int]:
    """How much of `free` each column gets: one that needs less than its share leaves the rest to the others, and what
    nobody needs is shared alike. Never less than a column may have."""
    parts: dict[int, int] = {}
    left = max(free, 0)
    for place, (number, need) in enumerate(sorted(needs.items(), key=lambda item: item[1])):
        parts[number] = min(need, left // (len(needs) - place))
        left -= parts[number]
    for place, number in enumerate(parts):
        more = left // (len(parts) - place)
        parts[number], left = parts[number] + more, left - more
    return {number: max(part, theme.current().px(LEAST_WIDTH)) for number, part in parts.items()}


def _font(cell: Cell, *, at_end: bool) -> QFont:
    if cell.tone:
        return theme.current().font("label")
    has_figures = at_end or isinstance(cell.order, int)  # figures of one width would part "Top-up"
    return theme.current().font("body", has_figures, 500 if cell.is_strong else None)


def _cell_width(cell: Cell, *, at_end: bool) -> int:
    """Of its words as they are painted, in whole px: a fraction too little would cut them off."""
    width = ceil(QFontMetricsF(_font(cell, at_end=at_end)).horizontalAdvance(cell.text))
    return width + CHIP if cell.tone else width


class _Painter(QStyledItemDelegate):
    """Words at their side, a rule below, a dotted line under what can be explained."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self._table = table

    def helpEvent(self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index) -> bool:
        if event.type() is not QEvent.Type.ToolTip:
            return super().helpEvent(event, view, option, index)
        tip = self._table.tip_of(index)
        QToolTip.showText(event.globalPos(), tip, view.viewport(), self._table.visualRect(index))
        return bool(tip)

    def paint(self, p: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = self._table.rows.row(index.row())
        if row is None:
            return
        cell, column = row.cells[index.column()], self._table.rows.columns[index.column()]
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        p.save()
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            p.fillRect(rect, theme.current().color("accentSoft"))
        p.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), theme.current().color("border"))
        self._words(p, rect, cell, at_end=column.at_end)
        if index.row() == self._table.currentIndex().row() and self._table.hasFocus() and self._table.is_keyboard:
            self._ring(p, index, cell)
        p.restore()

    def _words(self, p: QPainter, rect: QRect, cell: Cell, *, at_end: bool) -> None:
        font = _font(cell, at_end=at_end)
        room = rect.adjusted(PAD, 0, -PAD, 0)
        side = Qt.AlignmentFlag.AlignRight if at_end else Qt.AlignmentFlag.AlignLeft
        flags = Qt.AlignmentFlag.AlignVCenter | QStyle.visualAlignment(self._table.layoutDirection(), side)
        if cell.tone:
            self._chip(p, room, cell)
            return
        paint.text(p, room, cell.text, font, cell.role, flags | Qt.AlignmentFlag.AlignAbsolute)
        if cell.ref:
            self._underline(p, room, cell, font, flags)

    def _chip(self, p: QPainter, room: QRect, cell: Cell) -> None:
        """As a Badge: the word says it, the tint helps to find it."""
        look, (fill, role) = theme.current(), TONES[cell.tone]
        font = look.font("label")
        width = min(QFontMetrics(font).horizontalAdvance(cell.text) + CHIP, room.width())
        height = look.line("label") + 4
        place = QRect(room.left(), room.top() + (room.height() - height) // 2, width, height)
        if paint.is_rtl(self._table):
            place.moveRight(room.right())
        paint.box(p, QRectF(place), look.radius("sm"), fill)
        paint.text(p, place.adjusted(6, 0, -6, 0), cell.text, font, role, paint.CENTER)

    def _underline(self, p: QPainter, room: QRect, cell: Cell, font: QFont, flags: Qt.AlignmentFlag) -> None:
        metrics = QFontMetrics(font)
        width = min(metrics.horizontalAdvance(cell.text), room.width())
        start = room.right() - width + 1 if flags & Qt.AlignmentFlag.AlignRight else room.left()
        y = room.top() + (room.height() - metrics.height()) // 2 + metrics.ascent() + 3
        pen = QPen(theme.current().color("borderControl"), 1, Qt.PenStyle.DotLine)
        p.setPen(pen)
        p.drawLine(QPoint(start, y), QPoint(start + width - 1, y))

    def _ring(self, p: QPainter, index: Index, cell: Cell) -> None:
        """Around the row; around the cell when the keyboard stands on a link."""
        look, here = theme.current(), self._table.currentIndex()
        width = look.size("focusRing")
        row = self._table.rows.row(here.row())
        on_link = row is not None and bool(row.cells[here.column()].ref)
        if on_link and index.column() != here.column():
            return
        rect = self._table.visualRect(index)
        if not on_link:
            rect = QRect(0, rect.top(), self._table.viewport().width(), rect.height())
        p.setPen(QPen(look.color("focus"), width))
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.drawRoundedRect(QRectF(rect).adjusted(1, 1, -1, -2), look.radius("sm"), look.radius("sm"))
