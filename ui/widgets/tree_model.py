"""A tree read as it is opened: rows as plain values, and in the place of those not read yet one row that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from ui.text import tr

NO_INDEX = QModelIndex()
ROOT = 0
WORDS, DETAIL, AMOUNT = range(3)
TOOLTIP_FROM = 40  # letters that may not fit
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Entry:
    """`value` is whatever the caller knows it by; `spoken` is read aloud; of `child_count` some may be here already."""

    words: str
    detail: str = ""
    amount: str = ""
    spoken: str = ""
    value: object = None
    child_count: int = 0
    children: tuple[Entry, ...] = ()
    role: str = "text"


class Rest(StrEnum):
    """How it stands with the children that are not here."""

    NONE = "none"
    WAITING = "waiting"
    READING = "reading"
    FAILED = "failed"


@dataclass(slots=True)
class _Node:
    number: int
    parent: int
    place: int
    entry: Entry
    children: list[int] = field(default_factory=list)
    rest: Rest = Rest.NONE
    error: str = ""

    @property
    def row_count(self) -> int:
        return len(self.children) + (self.rest is not Rest.NONE)


class TreeModel(QAbstractItemModel):
    """UserRole is the Entry, None for the row that stands for what is not read.

    Signals: wanted(node, already there) - more children of this node are to be read, then `add` or `fail`.
    """

    wanted = Signal(int, int)

    def __init__(self, titles: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._titles = tuple(titles)
        self._nodes: list[_Node] = [_Node(ROOT, ROOT, 0, Entry(""))]

    # ---- what is shown

    def show_tree(self, root: Entry) -> None:
        """Another tree; the root itself is not a row."""
        self.beginResetModel()
        self._nodes = [_Node(ROOT, ROOT, 0, root)]
        self._fill(self._nodes[ROOT], root.children)
        self.endResetModel()

    def add(self, number: int, entries: Sequence[Entry]) -> None:
        """The next children of a node; none at all ends it."""
        node, at = self._nodes[number], self._index_of(number)
        first = len(node.children)
        if entries:
            self.beginInsertRows(at, first, first + len(entries) - 1)
            self._append(node, entries)
            self.endInsertRows()
        last = len(node.children)
        if node.rest is Rest.NONE:
            return
        if not entries or last >= node.entry.child_count:
            self.beginRemoveRows(at, last, last)
            node.rest = Rest.NONE
            self.endRemoveRows()
        else:
            self._become(node, Rest.WAITING)

    def fail(self, number: int, error: str) -> None:
        """The next children could not be read; asking again is up to the reader."""
        self._become(self._nodes[number], Rest.FAILED, error)

    def request(self, index: Index, *, again: bool = False) -> None:
        """Asks for what this row stands for, if it stands for children not read; a failed one only `again`."""
        node = self.standing_for(index)
        if node is not None and (node.rest is Rest.WAITING or (again and node.rest is Rest.FAILED)):
            self._become(node, Rest.READING)
            self.wanted.emit(node.number, len(node.children))

    def _fill(self, node: _Node, entries: Sequence[Entry]) -> None:
        self._append(node, entries)
        node.rest = Rest.WAITING if len(node.children) < node.entry.child_count else Rest.NONE

    def _append(self, node: _Node, entries: Sequence[Entry]) -> None:
        for entry in entries:
            child = _Node(len(self._nodes), node.number, len(node.children), entry)
            self._nodes.append(child)
            node.children.append(child.number)
            self._fill(child, entry.children)

    def _become(self, node: _Node, rest: Rest, error: str = "") -> None:
        node.rest, node.error = rest, error
        row = len(node.children)
        parent = self._index_of(node.number)
        self.dataChanged.emit(self.index(row, WORDS, parent), self.index(row, AMOUNT, parent))

    # ---- what a row is

    def standing_for(self, index: Index) -> _Node | None:
        """The node whose unread children this row stands for."""
        if not index.isValid():
            return None
        parent = self._nodes[index.internalId()]
        return parent if index.row() >= len(parent.children) else None

    def entry(self, index: Index) -> Entry | None:
        node = self._node(index)
        return node.entry if node is not None and node.number != ROOT else None

    def is_failed(self, index: Index) -> bool:
        node = self.standing_for(index)
        return node is not None and node.rest is Rest.FAILED

    def number(self, index: Index) -> int:
        """How `wanted` and `add` name the node of this row."""
        node = self._node(index)
        return node.number if node is not None else ROOT

    def index_of(self, number: int) -> QModelIndex:
        return self._index_of(number)

    def _node(self, index: Index) -> _Node | None:
        if not index.isValid():
            return self._nodes[ROOT]
        parent = self._nodes[index.internalId()]
        return self._nodes[parent.children[index.row()]] if index.row() < len(parent.children) else None

    def _index_of(self, number: int) -> QModelIndex:
        node = self._nodes[number]
        return NO_INDEX if number == ROOT else self.createIndex(node.place, WORDS, node.parent)

    # ---- Qt: an index carries the number of its parent, so that the row without a node has one too

    def index(self, row: int, column: int, parent: Index = NO_INDEX) -> QModelIndex:
        node = self._node(parent)
        if node is None or not 0 <= row < node.row_count or not 0 <= column < len(self._titles):
            return NO_INDEX
        return self.createIndex(row, column, node.number)

    def parent(self, index: Index) -> QModelIndex:  # type: ignore[override] # the stub also has QObject.parent()
        return self._index_of(index.internalId()) if index.isValid() else NO_INDEX

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        node = self._node(parent) if parent.column() <= WORDS else None
        return node.row_count if node is not None else 0

    def hasChildren(self, parent: Index = NO_INDEX) -> bool:
        return self.rowCount(parent) > 0

    def columnCount(self, _parent: Index = NO_INDEX) -> int:
        return len(self._titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self._titles):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._titles[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section == AMOUNT else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        entry = self.entry(index)
        if entry is None:
            node = self.standing_for(index)
            texts = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole)
            return self._rest_words(node) if node is not None and role in texts and index.column() == WORDS else None
        text = (entry.words, entry.detail, entry.amount)[index.column()]
        match role:
            case Qt.ItemDataRole.UserRole:
                return entry
            case Qt.ItemDataRole.DisplayRole:
                return text
            case Qt.ItemDataRole.AccessibleTextRole:
                return (entry.spoken or text) if index.column() == WORDS else text
            case Qt.ItemDataRole.ToolTipRole:
                return text if len(text) > TOOLTIP_FROM else None
        return None

    def _rest_words(self, node: _Node) -> str:
        if node.rest is Rest.FAILED:
            return tr("{error} Press Enter to try again.", error=node.error)
        return tr("Loading…")
