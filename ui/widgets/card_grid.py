"""A grid of offering cards of any length: positions are arithmetic, only what is visible is painted."""

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPaintEvent,
    QRegion,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from ui import theme
from ui.text import tr
from ui.widgets import paint
from ui.widgets.card_face import CardFace, CardState, PriceParts, card_height

MIN_WIDTH = 286
GAP = 8  # between the cards' outer boxes, which hold 8 px of shadow room themselves
PAD = 20
KEYBOARD_REASONS = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)


class CardGrid(QListView):
    """Arrows, Home, End, Page keys move; Enter, Space or a click open.

    Signals: opened(object) - the card; menu_requested(object, QPoint) - the card and a global position;
    rows_shown(int, int) - first and last visible row, after scrolling and resizing, to load what is missing.
    """

    opened = Signal(object)
    menu_requested = Signal(object, QPoint)
    rows_shown = Signal(int, int)
    _rows_painted = Signal(int, int)

    def __init__(
        self, price_parts: PriceParts, *, label: str = "", name: str = "offeringGrid", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._face = CardFace(price_parts)
        self._hovered = -1
        self._is_keyboard = False
        self._shown = (-1, -1)
        self.setObjectName(name)
        self.setAccessibleName(label or tr("Agents"))
        self.setProperty("canvas", "true")
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        # queued: whoever listens may change the model, which must not happen inside a paint event
        self._rows_painted.connect(self.rows_shown, Qt.ConnectionType.QueuedConnection)

    # -- geometry --------------------------------------------------------------------------------------------------
    def _columns(self) -> tuple[int, float]:
        """How many columns, how wide each outer box. Text at 200 % asks for wider cards, but not twice as wide."""
        room = self.viewport().width() - 2 * PAD
        least = round(MIN_WIDTH * (1 + (theme.current().text_scale - 1) * 0.6))
        columns = max(1, (room + GAP) // (least + GAP))
        return columns, (room - GAP * (columns - 1)) / columns

    def _row_step(self) -> int:
        return card_height() + GAP

    def _count(self) -> int:
        model = self.model()
        return model.rowCount() if model is not None else 0

    def _rect_of(self, row: int) -> QRect:
        columns, width = self._columns()
        line, column = divmod(row, columns)
        x = round(PAD + column * (width + GAP))
        right = round(PAD + column * (width + GAP) + width)
        rect = QRect(x, line * self._row_step() - self.verticalOffset(), right - x, card_height())
        return paint.mirrored(rect, self.viewport().width(), paint.is_rtl(self))

    def visualRect(self, index: QModelIndex | QPersistentModelIndex) -> QRect:
        return self._rect_of(index.row()) if index.isValid() else QRect()

    def indexAt(self, point: QPoint) -> QModelIndex:
        columns, width = self._columns()
        x = self.viewport().width() - point.x() if paint.is_rtl(self) else point.x()
        line = (point.y() + self.verticalOffset()) // self._row_step()
        column = int((x - PAD) // (width + GAP))
        row = line * columns + column
        if 0 <= column < columns and 0 <= row < self._count() and self._rect_of(row).contains(point):
            return self.model().index(row, 0)
        return QModelIndex()

    def scrollTo(
        self,
        index: QModelIndex | QPersistentModelIndex,
        _hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible,
    ) -> None:
        rect, bar = self.visualRect(index), self.verticalScrollBar()
        if rect.top() < 0:
            bar.setValue(bar.value() + rect.top() - GAP)
        elif rect.bottom() > self.viewport().height():
            bar.setValue(bar.value() + rect.bottom() - self.viewport().height() + GAP)

    def scroll_to_top(self) -> None:
        self.verticalScrollBar().setValue(0)

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def horizontalOffset(self) -> int:
        return 0

    def doItemsLayout(self) -> None:
        """Nothing to lay out: positions follow from the row number."""
        self.updateGeometries()
        self.viewport().update()

    def updateGeometries(self) -> None:
        columns, _ = self._columns()
        lines = -(-self._count() // columns)
        bar, height = self.verticalScrollBar(), self.viewport().height()
        bar.setRange(0, max(0, lines * self._row_step() + GAP - height))
        bar.setPageStep(height)
        bar.setSingleStep(theme.current().px(48))

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self.updateGeometries()
        self.viewport().update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_face"):
            self.updateGeometries()
            self.viewport().update()

    def scrollContentsBy(self, _dx: int, dy: int) -> None:
        self.viewport().scroll(0, dy)

    # -- keys and mouse --------------------------------------------------------------------------------------------
    def moveCursor(self, action: QAbstractItemView.CursorAction, _modifiers: Qt.KeyboardModifier) -> QModelIndex:
        count = self._count()
        current = self.currentIndex()
        if not count or not current.isValid():
            return self.model().index(0, 0) if count else QModelIndex()
        moves = QAbstractItemView.CursorAction
        columns, _ = self._columns()
        page = max(1, self.viewport().height() // self._row_step()) * columns
        row = current.row()
        forward = -1 if paint.is_rtl(self) else 1
        step = {
            moves.MoveLeft: -forward, moves.MoveRight: forward, moves.MoveNext: 1, moves.MovePrevious: -1,
            moves.MoveUp: -columns, moves.MoveDown: columns, moves.MovePageUp: -page, moves.MovePageDown: page,
            moves.MoveHome: -row, moves.MoveEnd: count - 1 - row,
        }[action]  # fmt: skip
        target = row + step
        if not 0 <= target < count:
            keeps_column = action in (moves.MoveUp, moves.MoveDown)
            target = row if keeps_column else min(max(target, 0), count - 1)
        return self.model().index(target, 0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._set_keyboard(True)
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
        if event.key() in keys and self.currentIndex().isValid():
            self._open(self.currentIndex())
            return
        if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            event.ignore()
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._set_keyboard(False)
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index.isValid() and index == self.currentIndex():
            self._open(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover_at(event.position().toPoint())

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._set_hovered(-1)
        return super().viewportEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        is_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if is_key else self.indexAt(event.pos())
        card = self._card(index)
        if card is not None:
            at = self.viewport().mapToGlobal(self.visualRect(index).center()) if is_key else event.globalPos()
            self.menu_requested.emit(card, at)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() in KEYBOARD_REASONS:
            self._set_keyboard(True)
        if not self.currentIndex().isValid() and self._count():
            self.setCurrentIndex(self.model().index(0, 0))

    def _card(self, index: QModelIndex) -> object:
        return index.data(Qt.ItemDataRole.UserRole) if index.isValid() else None

    def _open(self, index: QModelIndex) -> None:
        card = self._card(index)
        if card is not None:
            self.opened.emit(card)

    def _set_keyboard(self, keyboard: bool) -> None:
        if keyboard != self._is_keyboard:
            self._is_keyboard = keyboard
            self.viewport().update()

    def _hover_at(self, point: QPoint) -> None:
        self._set_hovered(self.indexAt(point).row())

    def _set_hovered(self, row: int) -> None:
        if row == self._hovered:
            return
        for changed in (self._hovered, row):
            if changed >= 0:
                self.viewport().update(self._rect_of(changed))
        self._hovered = row
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if row >= 0 else Qt.CursorShape.ArrowCursor)

    def _on_scrolled(self) -> None:
        if self._hovered >= 0:
            self._hover_at(self.viewport().mapFromGlobal(self.cursor().pos()))

    # -- painting --------------------------------------------------------------------------------------------------
    def setModel(self, model: QAbstractItemModel | None) -> None:
        super().setModel(model)
        if model is not None:
            model.modelReset.connect(self._on_model_reset)
            self._on_model_reset()

    def _on_model_reset(self) -> None:
        self._hovered = -1
        self._shown = (-1, -1)
        self.updateGeometries()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = paint.painter(self.viewport())
        p.fillRect(event.rect(), theme.current().color("canvas"))
        count, model = self._count(), self.model()
        if count:
            columns, _ = self._columns()
            top, step = self.verticalOffset(), self._row_step()
            first = max(0, (event.rect().top() + top) // step) * columns
            last = min(((event.rect().bottom() + top) // step + 1) * columns, count)
            focused = self.currentIndex().row() if self.hasFocus() and self._is_keyboard else -1
            for row in range(first, last):
                rect = self._rect_of(row)
                card = model.index(row, 0).data(Qt.ItemDataRole.UserRole)
                p.drawPixmap(rect.topLeft(), self._face.picture(card, self._state(rect, row, focused)))
        p.end()
        self._report_rows()

    def _state(self, rect: QRect, row: int, focused: int) -> CardState:
        return CardState(
            rect.width(), rect.height(), self.devicePixelRatioF(), theme.current().key,
            row == self._hovered, row == focused, paint.is_rtl(self),
        )  # fmt: skip

    def _report_rows(self) -> None:
        columns, _ = self._columns()
        top, step = self.verticalOffset(), self._row_step()
        last = min((((top + self.viewport().height()) // step) + 1) * columns, self._count()) - 1
        shown = (top // step * columns, last)
        if shown != self._shown and last >= 0:
            self._shown = shown
            self._rows_painted.emit(*shown)

    # -- what QListView would do by laying out every item ------------------------------------------------------------
    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        index = self.indexAt(rect.center())
        if index.isValid():
            self.selectionModel().select(index, command)

    def visualRegionForSelection(self, _selection: QItemSelection) -> QRegion:
        return QRegion(self.viewport().rect())

    def isIndexHidden(self, _index: QModelIndex | QPersistentModelIndex) -> bool:
        return False
