"""A tree of amounts: opened and walked by arrows, painted from tokens, read on as its end comes into sight."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPoint, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QFontMetrics,
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
    QTreeView,
)

from ui import theme
from ui.text import tr
from ui.widgets import paint
from ui.widgets.focus_ring import MOVES_FOCUS
from ui.widgets.tree_model import AMOUNT, DETAIL, WORDS, Entry, Index, TreeModel

PAD, AIR = 12, 14  # inside a cell; added to the line height
STEP, CHEVRON = 22, 16  # px at 100 % text
AHEAD = 20  # rows below the visible ones that are read already
DETAIL_FROM = 860  # px at 100 % text: below, the arithmetic stands behind the words
SHARE = 0.36  # of the width for the arithmetic
OPENED_MOST = 400  # rows that "open all below" may open in one go
FOCUS_REASONS = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)


class TreeView(QTreeView):
    """Arrows open, close and walk; * opens everything below; Enter opens or tries again; letters find a row.

    Signals: copy_wanted(Entry) - with everything below it; moved() - another row is the current one.
    """

    copy_wanted = Signal(object)
    moved = Signal()

    def __init__(self, titles: Sequence[str], *, label: str, name: str = "") -> None:
        super().__init__()
        self.tree = TreeModel(titles, self)
        self.is_keyboard = False
        self._opening: set[int] = set()  # nodes whose children are to be opened when they come
        self.setObjectName(name)
        self.setAccessibleName(label)
        self.setProperty("bare", "true")
        self._looking = QTimer(self)
        self._looking.setSingleShot(True)
        self._looking.setInterval(0)
        self._looking.timeout.connect(self._look)
        self.setModel(self.tree)
        self._dress()
        self._is_ready = True
        self.refit()
        self.verticalScrollBar().valueChanged.connect(self._look_soon)
        self.expanded.connect(self._look_soon)
        self.tree.rowsInserted.connect(self._on_rows_inserted)
        self.tree.modelReset.connect(self._on_reset)

    def _dress(self) -> None:
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUniformRowHeights(True)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setAllColumnsShowFocus(True)
        self.setExpandsOnDoubleClick(False)  # one click does
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setItemDelegate(_Painter(self))
        header = self.header()
        header.setSectionsMovable(False)
        header.setSectionsClickable(False)
        header.setHighlightSections(False)
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    # ---- verbs

    def current(self) -> Entry | None:
        """What the keyboard stands on."""
        return self.tree.entry(self.currentIndex())

    def open_all(self, index: Index) -> None:
        """Opens everything below a row, as far as it is here or comes with the first page."""
        self._opening.add(self.tree.number(index))
        self._open_below(index)

    def open_small(self, most: int) -> None:
        """Opens the topmost rows that have no more than so many parts."""
        for row in range(self.tree.rowCount()):
            index = self.tree.index(row, WORDS)
            entry = self.tree.entry(index)
            if entry is not None and 0 < entry.child_count <= most:
                self.setExpanded(index, True)

    def close_all(self) -> None:
        self._opening.clear()
        self.collapseAll()

    def try_again(self, index: Index) -> None:
        """Reads once more what could not be read."""
        self.tree.request(index, again=True)

    def _open_below(self, index: Index, left: int = OPENED_MOST) -> int:
        """Returns how many rows may still be opened."""
        if index.isValid():
            self.setExpanded(self._plain(index), True)
        for row in range(self.tree.rowCount(index)):
            child = self.tree.index(row, WORDS, index)
            if left > 0 and self.tree.hasChildren(child):
                self._opening.add(self.tree.number(child))
                left = self._open_below(child, left - 1)
        return left

    @staticmethod
    def _plain(index: Index) -> QModelIndex:
        return index.sibling(index.row(), WORDS)

    # ---- reading on

    def _look_soon(self, _what: object = None) -> None:
        """Once the rows are where they will be."""
        self._looking.start()  # not connected itself: it would take a scroll bar's value for its time

    def _look(self) -> None:
        """Asks for every unread part that is in sight or soon will be."""
        index, left, height = self.indexAt(QPoint(0, 0)), AHEAD, self.viewport().height()
        wanted = []
        while index.isValid() and left > 0:
            if self.tree.standing_for(index) is not None:
                wanted.append(index)
            if self.visualRect(index).top() > height:
                left -= 1
            index = self.indexBelow(index)
        for one in wanted:
            self.tree.request(one)

    def _on_rows_inserted(self, parent: QModelIndex, first: int, last: int) -> None:
        if self.tree.number(parent) in self._opening:
            left = OPENED_MOST
            for row in range(first, last + 1):
                child = self.tree.index(row, WORDS, parent)
                if left > 0 and self.tree.hasChildren(child):
                    left -= 1
                    self._opening.add(self.tree.number(child))
                    self.setExpanded(child, True)
        self._look_soon()

    def _on_reset(self) -> None:
        self._opening.clear()
        self._look_soon()

    # ---- geometry

    def refit(self) -> None:
        """Columns by text size and room."""
        if not getattr(self, "_is_ready", False):  # Qt asks while it is still being built
            return
        look = theme.current()
        self.setIndentation(look.px(STEP))
        whole = self.viewport().width()
        metrics = QFontMetrics(look.font("body", True))
        amount = max(metrics.horizontalAdvance("\N{MINUS SIGN}$00,000.0000"), look.px(96)) + 2 * PAD
        has_detail = whole >= look.px(DETAIL_FROM)
        self.setColumnHidden(DETAIL, not has_detail)
        detail = round((whole - amount) * SHARE) if has_detail else 0
        for column, width in ((WORDS, whole - amount - detail), (DETAIL, detail), (AMOUNT, amount)):
            self.setColumnWidth(column, max(width, 1))
        self.doItemsLayout()

    @property
    def has_detail_column(self) -> bool:
        return not self.isColumnHidden(DETAIL)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.refit()
        self._look_soon()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.refit()

    # ---- keyboard and mouse

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in MOVES_FOCUS:
            self._set_keyboard(True)
        index = self.currentIndex()
        if event.matches(QKeySequence.StandardKey.Copy):
            self._copy(index)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._use(index)
        elif event.key() == Qt.Key.Key_Asterisk:
            self.open_all(index)
        else:
            super().keyPressEvent(event)
            return
        event.accept()

    def _use(self, index: Index) -> None:
        plain = self._plain(index)
        if self.tree.is_failed(plain):
            self.try_again(plain)
        elif self.tree.hasChildren(plain):
            self.setExpanded(plain, not self.isExpanded(plain))

    def _copy(self, index: Index) -> None:
        if (entry := self.tree.entry(index)) is not None:
            self.copy_wanted.emit(entry)

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        self.moved.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._set_keyboard(False)
        place = event.position().toPoint()
        index = self.indexAt(place)
        super().mousePressEvent(event)
        if event.button() == Qt.MouseButton.LeftButton and index.isValid():
            self.setCurrentIndex(index)
            self._use(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        can = index.isValid() and (self.tree.hasChildren(self._plain(index)) or self.tree.is_failed(index))
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if can else Qt.CursorShape.ArrowCursor)
        super().mouseMoveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() in FOCUS_REASONS:
            self._set_keyboard(True)
        self.go_to_first()

    def go_to_first(self) -> None:
        """The keyboard stands somewhere, once there is a row."""
        if not self.currentIndex().isValid() and self.tree.rowCount():
            self.selectionModel().setCurrentIndex(
                self.tree.index(0, WORDS),
                QItemSelectionModel.SelectionFlag.Current | QItemSelectionModel.SelectionFlag.Rows,
            )
            self.viewport().update()

    def _set_keyboard(self, keyboard: bool) -> None:
        self.is_keyboard = keyboard
        self.viewport().update()

    # ---- menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Right click, the menu key and Shift+F10."""
        by_mouse = event.reason() is QContextMenuEvent.Reason.Mouse
        index = self.indexAt(event.pos()) if by_mouse else self.currentIndex()
        if self.tree.entry(index) is not None:
            self.setCurrentIndex(index)
            place = self.viewport().mapToGlobal(event.pos() if by_mouse else self.visualRect(index).center())
            self.menu_for(self._plain(index)).popup(place)
        event.accept()

    def menu_for(self, index: Index) -> QMenu:
        """What the keys do, as words."""
        look = theme.current()
        menu = QMenu(self)
        menu.setObjectName("treeMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        plain = self._plain(index)
        menu.addAction(look.icon("copy"), tr("Copy with everything below"), lambda: self._copy(plain))
        if self.tree.hasChildren(plain):
            menu.addAction(tr("Open everything below"), lambda: self.open_all(plain))
        menu.addAction(tr("Close everything"), self.close_all)
        return menu

    # ---- paint

    def drawRow(self, p: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The whole row at once, without the style's own selection: the ring of the keyboard goes around all of it."""
        look, rect = theme.current(), QRect(option.rect)
        whole = QRect(0, rect.top(), self.viewport().width(), rect.height())
        if self.selectionModel().isSelected(index):
            p.fillRect(whole, look.color("accentSoft"))
        p.fillRect(QRect(0, rect.bottom(), whole.width(), 1), look.color("border"))
        cell = QStyleOptionViewItem(option)
        for column in (WORDS, DETAIL, AMOUNT):
            if not self.isColumnHidden(column):
                there = index.sibling(index.row(), column)
                cell.rect = self.visualRect(there)
                self.itemDelegate().paint(p, cell, there)
        words = self.visualRect(self._plain(index))
        gap = QRect(words.right() + 1, rect.top(), whole.right() - words.right(), rect.height())
        before = gap if paint.is_rtl(self) else QRect(0, rect.top(), words.left(), rect.height())
        self.drawBranches(p, before, index)
        here = self.currentIndex()
        if self.is_keyboard and self.hasFocus() and here.row() == index.row() and here.parent() == index.parent():
            p.save()
            p.setRenderHint(QPainter.RenderHint.Antialiasing)
            p.setPen(QPen(look.color("focus"), look.size("focusRing")))
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawRoundedRect(QRectF(whole).adjusted(1, 1, -1, -2), look.radius("sm"), look.radius("sm"))
            p.restore()

    def drawBranches(self, p: QPainter, rect: QRect, index: Index) -> None:
        """A chevron before what can be opened; nothing else."""
        if not self.tree.hasChildren(index):
            return
        look, rtl = theme.current(), paint.is_rtl(self)
        side, step = look.px(CHEVRON), self.indentation()
        place = QRect(rect.right() - step + 1, rect.top(), step, rect.height())
        if rtl:
            place.moveLeft(rect.left())
        at = QPoint(place.left() + (step - side) // 2, place.top() + (place.height() - side) // 2)
        paint.icon(p, at, "chevron-down" if self.isExpanded(index) else "chevron-right", "textMuted", side, rtl=rtl)


class _Painter(QStyledItemDelegate):
    """Words, arithmetic in quiet ink, figures of one width."""

    def __init__(self, view: TreeView) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(40, theme.current().line("body") + AIR)

    def paint(self, p: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        look, view = theme.current(), self._view
        rect: QRect = option.rect
        entry, column = view.tree.entry(index), index.column()
        p.save()
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        direction = view.layoutDirection()
        start = QStyle.visualAlignment(direction, Qt.AlignmentFlag.AlignLeft)
        flags = start | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter
        room = rect.adjusted(4 if column == WORDS else PAD, 0, -PAD, 0)
        if entry is None:
            role = "danger" if view.tree.is_failed(index) else "textMuted"
            paint.text(p, room, str(view.tree.data(index) or ""), look.font("small"), role, flags)
        elif column == AMOUNT:
            end = QStyle.visualAlignment(direction, Qt.AlignmentFlag.AlignRight)
            flags = end | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter
            weight = 500 if view.tree.hasChildren(index.sibling(index.row(), WORDS)) else None
            paint.text(p, room, entry.amount, look.font("body", True, weight), entry.role, flags)
        elif column == DETAIL:
            paint.text(p, room, entry.detail, look.font("small", True), "textMuted", flags)
        else:
            self._words(p, room, entry, flags)
        p.restore()

    def _words(self, p: QPainter, room: QRect, entry: Entry, flags: Qt.AlignmentFlag) -> None:
        look, view = theme.current(), self._view
        font = look.font("body", True)
        paint.text(p, room, entry.words, font, "text", flags)
        if view.has_detail_column or not entry.detail:
            return
        used = QFontMetrics(font).horizontalAdvance(entry.words) + look.px(10)
        rtl = paint.is_rtl(view)
        rest = room.adjusted(0 if rtl else used, 0, -used if rtl else 0, 0)
        if rest.width() > look.px(CHEVRON):
            paint.text(p, rest, entry.detail, look.font("small", True), "textMuted", flags)
