"""The list of bought agents: one painted row each, moved through with the arrow keys, opened with Enter or a click."""

from __future__ import annotations

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
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QFrame, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from services.api.types import Resource, ResourceState
from ui import theme
from ui.text import resource_state, tr, usage_text
from ui.widgets import paint
from ui.widgets.avatar import category_avatar
from ui.widgets.focus_ring import MOVES_FOCUS
from ui.widgets.states import STATE_ROLES

NO_PARENT = QModelIndex()
PAD, GAP, AVATAR, DOT = 16, 8, 44, 8
FOCUS_REASONS = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)


def place_text(item: Resource) -> str:
    return tr("{plan} plan · {organization}", plan=item.plan_name, organization=item.organization_name)


def sentence(item: Resource) -> str:
    """A row read aloud."""
    return ", ".join((item.name, resource_state(item.state, item.stopped), place_text(item), usage_text(item.usage)))


class AgentModel(QAbstractListModel):
    """UserRole is the Resource."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._items: tuple[Resource, ...] = ()

    def show_items(self, items: tuple[Resource, ...]) -> None:
        """The same agents in another state keep the place of the reader."""
        same = [one.uuid for one in items] == [one.uuid for one in self._items]
        if not same:
            self.beginResetModel()
        self._items = items
        if not same:
            self.endResetModel()
        elif items:
            self.dataChanged.emit(self.index(0, 0), self.index(len(items) - 1, 0))

    def row_of(self, uuid: str) -> int:
        return next((row for row, item in enumerate(self._items) if item.uuid == uuid), -1)

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._items)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not 0 <= index.row() < len(self._items):
            return None
        item = self._items[index.row()]
        match role:
            case Qt.ItemDataRole.UserRole:
                return item
            case Qt.ItemDataRole.DisplayRole:
                return item.name
            case Qt.ItemDataRole.AccessibleTextRole:
                return sentence(item)
            case Qt.ItemDataRole.ToolTipRole:
                return item.name if len(item.name) > 40 else None
        return None


class AgentList(QListView):
    """Signals: opened(Resource); menu_requested(Resource, global position)."""

    opened = Signal(object)
    menu_requested = Signal(object, QPoint)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("agentList")
        self.setAccessibleName(tr("My agents"))
        self.setProperty("bare", "true")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.is_keyboard = False
        self.setItemDelegate(_AgentRow(self))

    def current(self) -> Resource | None:
        return _item(self.currentIndex())

    def select_row(self, row: int) -> None:
        self.setCurrentIndex(self.model().index(max(row, 0), 0))

    def _open(self, index: QModelIndex) -> None:
        item = _item(index)
        if item is not None:
            self.opened.emit(item)

    # -- keyboard and mouse ----------------------------------------------------------------------------------------
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in MOVES_FOCUS:
            self._set_keyboard(True)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._open(self.currentIndex())
            event.accept()
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._set_keyboard(False)
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index == self.currentIndex():
            self._open(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        over = self.indexAt(event.position().toPoint()).isValid()
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Right click, the menu key and Shift+F10."""
        by_mouse = event.reason() is QContextMenuEvent.Reason.Mouse
        index = self.indexAt(event.pos()) if by_mouse else self.currentIndex()
        item = _item(index)
        if item is not None:
            place = event.globalPos() if by_mouse else self.viewport().mapToGlobal(self.visualRect(index).center())
            self.menu_requested.emit(item, place)
        event.accept()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() in FOCUS_REASONS:
            self._set_keyboard(True)
        if not self.currentIndex().isValid() and self.model() is not None and self.model().rowCount():
            self.select_row(0)

    def _set_keyboard(self, keyboard: bool) -> None:
        self.is_keyboard = keyboard
        self.viewport().update()


def _item(index: QModelIndex | QPersistentModelIndex) -> Resource | None:
    data = index.data(Qt.ItemDataRole.UserRole)
    return data if isinstance(data, Resource) else None


class _AgentRow(QStyledItemDelegate):
    """Avatar, name, plan and organization; at the end the state in words with its dot, and what is left."""

    def __init__(self, view: AgentList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        look = theme.current()
        text = look.line("cardTitle") + look.line("small") + 2
        return QSize(look.px(200), max(text, look.px(AVATAR)) + 2 * PAD + GAP)

    def paint(self, p: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        item = _item(index)
        if item is None:
            return
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        p.save()
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = rect.adjusted(2, 2, -2, -GAP + 2)
        self._box(p, box, bool(state & QStyle.StateFlag.State_MouseOver))
        if index.row() == self._view.currentIndex().row() and self._view.hasFocus() and self._view.is_keyboard:
            self._ring(p, box)
        self._content(p, box.adjusted(PAD, 0, -PAD, 0), item)
        p.restore()

    def _box(self, p: QPainter, box: QRect, is_hovered: bool) -> None:
        border = "borderStrong" if is_hovered else "border"
        paint.box(p, QRectF(box), theme.current().radius("lg"), "surface", border)

    def _ring(self, p: QPainter, box: QRect) -> None:
        look = theme.current()
        p.setPen(QPen(look.color("focus"), look.size("focusRing")))
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.drawRoundedRect(QRectF(box).adjusted(0, 0, 0, 0), look.radius("lg"), look.radius("lg"))

    def _content(self, p: QPainter, room: QRect, item: Resource) -> None:
        look = theme.current()
        flip = _Flip(room, paint.is_rtl(self._view))
        side = look.px(AVATAR)
        card = item.offering
        top = (room.height() - side) // 2
        picture = category_avatar(card.category_hue, card.category_icon, side, self._view.devicePixelRatioF())
        p.drawPixmap(flip.rect(0, top, side, side).topLeft(), picture)
        first, second = look.line("cardTitle"), look.line("small")
        y = (room.height() - first - second - 2) // 2
        end = self._end(p, flip, room.width(), y, item)
        start = side + 14
        width = max(room.width() - start - end - 16, 0)
        paint.text(p, flip.rect(start, y, width, first), item.name, look.font("cardTitle"), "text")
        line = flip.rect(start, y + first + 2, width, second)
        paint.text(p, line, place_text(item), look.font("small"), "textMuted")

    def _end(self, p: QPainter, flip: _Flip, width: int, y: int, item: Resource) -> int:
        """State and usage at the end side; returns how much room they take."""
        look = theme.current()
        words = resource_state(item.state, item.stopped)
        usage = usage_text(item.usage) if item.state is ResourceState.READY else ""
        state_font, usage_font = look.font("small", weight=500), look.font("small", tabular=True)
        dot = look.px(DOT)
        state_width = QFontMetrics(state_font).horizontalAdvance(words) + 2
        usage_width = min(QFontMetrics(usage_font).horizontalAdvance(usage) + 2, width // 2)
        first, second = look.line("cardTitle"), look.line("small")
        if not usage:
            y += (second + 2) // 2
        x = width - state_width
        paint.text(p, flip.rect(x, y, state_width, first), words, state_font, "text")
        paint.box(
            p,
            QRectF(flip.rect(x - dot - 8, y + (first - dot) // 2, dot, dot)),
            dot / 2,
            STATE_ROLES[item.stopped or item.state],
        )
        paint.text(
            p, flip.rect(width - usage_width, y + first + 2, usage_width, second), usage, usage_font, "textMuted"
        )
        return max(state_width + dot + 8, usage_width)


class _Flip:
    """Places inside a row, mirrored where the layout runs right to left."""

    def __init__(self, room: QRect, rtl: bool) -> None:
        self._room, self._rtl = room, rtl

    def rect(self, x: int, y: int, width: int, height: int) -> QRect:
        place = paint.mirrored(QRect(x, y, width, height), self._room.width(), self._rtl)
        return place.translated(self._room.topLeft())
