"""The rows of the card grid: a long list of offerings of which only some are loaded yet."""

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from ui.text import tr
from ui.widgets.card_face import OfferingCard, PriceParts, sentence

NO_PARENT = QModelIndex()


class CardModel(QAbstractListModel):
    """UserRole is the card, or None while it is not loaded; the accessible text is a whole sentence."""

    def __init__(self, price_parts: PriceParts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._price_parts = price_parts
        self._cards: list[OfferingCard | None] = []

    def set_cards(self, cards: Sequence[OfferingCard], total: int | None = None) -> None:
        """Shows these cards, and placeholders for the rest of `total`."""
        self.beginResetModel()
        self._cards = list(cards)
        self._cards += [None] * max(0, (total or 0) - len(self._cards))
        self.endResetModel()

    def fill(self, first: int, cards: Sequence[OfferingCard]) -> None:
        """Puts loaded cards in the place of placeholders."""
        last = min(first + len(cards), len(self._cards))
        if last > first:
            self._cards[first:last] = cards[: last - first]
            self.dataChanged.emit(self.index(first, 0), self.index(last - 1, 0))

    def missing(self, first: int, last: int) -> tuple[int, int] | None:
        """The span of rows between first and last that still has placeholders."""
        rows = [row for row in range(max(first, 0), min(last + 1, len(self._cards))) if self._cards[row] is None]
        return (rows[0], rows[-1]) if rows else None

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._cards)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        card = self._cards[index.row()] if 0 <= index.row() < len(self._cards) else None
        if role == Qt.ItemDataRole.UserRole:
            return card
        if card is None:
            return tr("Loading") if role == Qt.ItemDataRole.AccessibleTextRole else None
        if role == Qt.ItemDataRole.DisplayRole:
            return card.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return sentence(card, self._price_parts(card))
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return card.tagline
        return None
