"""The rows of the catalogue: as many as were found, of which only the pages that were looked at are loaded."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from services.api.types import OfferingCard, OfferingPage
from ui.text import card_sentence, tr

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
PAGE_SIZE = 60


class OfferingListModel(QAbstractListModel):
    """UserRole is the card, or None while its page is not there; asking for it asks `ask_page` for the page.

    A capped total (the service counts to 1,000) grows by a page when the end is reached.
    """

    def __init__(self, ask_page: Callable[[int], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ask_page = ask_page
        self._pages: dict[int, tuple[OfferingCard, ...]] = {}
        self._total = 0
        self._may_grow = False

    def start(self, page: OfferingPage) -> None:
        """New results, of which this is the first page."""
        self.beginResetModel()
        self._pages = {1: page.items}
        self._total = page.total
        self._may_grow = page.is_capped
        self.endResetModel()

    def clear(self) -> None:
        """No results."""
        self.start(OfferingPage((), 0))

    def add(self, number: int, page: OfferingPage) -> None:
        """A further page has arrived. An empty one is kept too: its offerings are gone, and not asked for again."""
        first = (number - 1) * PAGE_SIZE
        shown = min(first + len(page.items), self._total)
        self._pages[number] = page.items
        if shown > first:
            self.dataChanged.emit(self.index(first, 0), self.index(shown - 1, 0))
        if number == self._next_page and self._may_grow:
            self._grow(first + len(page.items), is_last=len(page.items) < PAGE_SIZE)

    def card(self, row: int) -> OfferingCard | None:
        """The card of a row; None when it is not loaded (its page is asked for) or there is no such row."""
        if not 0 <= row < self._total:
            return None
        number, place = row // PAGE_SIZE + 1, row % PAGE_SIZE
        if number not in self._pages:
            self._ask_page(number)
            return None
        items = self._pages[number]
        return items[place] if place < len(items) else None

    # ---- Qt

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else self._total

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role == Qt.ItemDataRole.UserRole:
            return self.card(index.row())
        card = self._loaded(index.row())
        if card is None:
            return tr("Loading") if role == Qt.ItemDataRole.AccessibleTextRole else None
        if role == Qt.ItemDataRole.DisplayRole:
            return card.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return card_sentence(card)
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return card.tagline
        return None

    def canFetchMore(self, parent: Index) -> bool:
        return not parent.isValid() and self._may_grow

    def fetchMore(self, parent: Index) -> None:
        self._ask_page(self._next_page)

    # ---- inside

    @property
    def _next_page(self) -> int:
        """The page that holds the first row not shown yet."""
        return self._total // PAGE_SIZE + 1

    def _loaded(self, row: int) -> OfferingCard | None:
        items = self._pages.get(row // PAGE_SIZE + 1, ())
        place = row % PAGE_SIZE
        return items[place] if 0 <= place < len(items) else None

    def _grow(self, total: int, *, is_last: bool) -> None:
        self._may_grow = not is_last
        if total > self._total:
            self.beginInsertRows(NO_PARENT, self._total, total - 1)
            self._total = total
            self.endInsertRows()
