"""Rows of a table as plain values, and the order they stand in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from ui.text import tr

NO_PARENT = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Column:
    """`width` in px at 100 % text; 0 takes what is left. Below a table width of `from_width` it is left out."""

    title: str
    width: int = 0
    at_end: bool = False  # figures stand at the end side
    from_width: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """`order` is what it sorts by when that is not its text; `ref` makes it a link; `role` is its colour;
    `tone` sets it on a badge of that tone."""

    text: str
    order: int | str | None = None
    ref: str = ""
    role: str = "text"
    is_strong: bool = False
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """`key` names it for whoever shows the table."""

    key: str
    cells: tuple[Cell, ...]

    @property
    def sentence(self) -> str:
        """Read aloud."""
        return ", ".join(cell.text for cell in self.cells if cell.text)

    @property
    def copied(self) -> str:
        """One line with tabs, as a spreadsheet takes it."""
        return "\t".join(cell.text.replace("\N{MINUS SIGN}", "-") for cell in self.cells)


class TableModel(QAbstractTableModel):
    """UserRole is the Row. The first column is read aloud as the whole row."""

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._given: tuple[Row, ...] = ()
        self._rows: list[Row] = []
        self._sorted: tuple[int, Qt.SortOrder] | None = None

    # ---- what is shown

    def show_rows(self, rows: Sequence[Row]) -> None:
        """More rows behind the same ones are added; the same rows with other words keep their places."""
        before, self._given = self._given, tuple(rows)
        known, keys = [row.key for row in before], [row.key for row in self._given]
        if self._sorted is None and before and keys[: len(known)] == known:
            self._go_on(len(known))
            return
        self.beginResetModel()
        self._rows = self._ordered()
        self.endResetModel()

    def _go_on(self, known: int) -> None:
        self._rows[:] = self._given[:known]
        self.dataChanged.emit(self.index(0, 0), self.index(known - 1, len(self.columns) - 1))
        if len(self._given) > known:
            self.beginInsertRows(NO_PARENT, known, len(self._given) - 1)
            self._rows = list(self._given)
            self.endInsertRows()

    @property
    def all_rows(self) -> list[Row]:
        """In the order they stand in."""
        return self._rows

    def row(self, number: int) -> Row | None:
        return self._rows[number] if 0 <= number < len(self._rows) else None

    def row_of(self, key: str) -> int:
        return next((number for number, row in enumerate(self._rows) if row.key == key), -1)

    # ---- order

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column; -1 is the order they were given in."""
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        keys = [(self._rows[index.row()].key, index.column()) for index in old]
        self._sorted = (column, order) if column >= 0 else None
        self._rows = self._ordered()
        places = {row.key: number for number, row in enumerate(self._rows)}
        self.changePersistentIndexList(old, [self.index(places[key], at) for key, at in keys])
        self.layoutChanged.emit()

    def _ordered(self) -> list[Row]:
        rows = list(self._given)
        if self._sorted is None:
            return rows
        column, order = self._sorted
        return sorted(rows, key=lambda row: _rank(row.cells[column]), reverse=order == Qt.SortOrder.DescendingOrder)

    # ---- Qt

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.at_end else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.row(index.row())
        if row is None or not 0 <= index.column() < len(row.cells):
            return None
        cell = row.cells[index.column()]
        match role:
            case Qt.ItemDataRole.UserRole:
                return row
            case Qt.ItemDataRole.DisplayRole:
                return cell.text
            case Qt.ItemDataRole.AccessibleTextRole:
                if cell.ref:
                    return tr("Explain {amount}", amount=cell.text)
                return row.sentence if index.column() == 0 else cell.text
        return None


def _rank(cell: Cell) -> tuple[int, int | str]:
    """Numbers before words, so that a mixed column still has an order."""
    order = cell.order if cell.order is not None else cell.text.casefold()
    return (0, order) if isinstance(order, int) else (1, order)
