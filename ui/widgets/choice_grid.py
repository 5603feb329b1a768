"""Choice cards side by side while their words fit, in as few even rows as that takes."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.widgets import paint
from ui.widgets.cards import ChoiceCard
from ui.widgets.focus_order import one_stop

GAP = 12


class ChoiceGrid(QWidget):
    """The cards become children, so that arrow keys go between them and one of them is chosen."""

    def __init__(self, *, label: str, name: str = "") -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(label)
        self._cards: list[ChoiceCard] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_cards(self, cards: Sequence[ChoiceCard]) -> None:
        """Replaces the cards; those before are deleted."""
        for card in self._cards:
            card.hide()
            card.deleteLater()
        self._cards = list(cards)
        for card in self._cards:
            card.setParent(self)
            card.show()
        self.refresh()

    def refresh(self) -> None:
        """After a card has other words or another one is chosen."""
        one_stop(self._cards)
        self.updateGeometry()
        self._arrange()

    @property
    def cards(self) -> tuple[ChoiceCard, ...]:
        return tuple(self._cards)

    # -- geometry --------------------------------------------------------------------------------------------------
    def _columns(self, width: int) -> int:
        least = max((card.minimumSizeHint().width() for card in self._cards), default=1)
        fitting = max(1, min(len(self._cards), (width + GAP) // (least + GAP)))
        rows = -(-len(self._cards) // fitting)
        return -(-len(self._cards) // rows)

    def _places(self, width: int) -> list[tuple[ChoiceCard, QRect]]:
        if not self._cards:
            return []
        columns = self._columns(width)
        each = (width - GAP * (columns - 1)) // columns
        places, y = [], 0
        for start in range(0, len(self._cards), columns):
            line = self._cards[start : start + columns]
            height = max(card.heightForWidth(each) for card in line)
            places += [(card, QRect(i * (each + GAP), y, each, height)) for i, card in enumerate(line)]
            y += height + GAP
        return places

    def _arrange(self) -> None:
        rtl = paint.is_rtl(self)
        for card, place in self._places(self.width()):
            card.setGeometry(paint.mirrored(place, self.width(), rtl))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return max((place.bottom() + 1 for _, place in self._places(width)), default=0)

    def sizeHint(self) -> QSize:
        width = sum(card.sizeHint().width() + GAP for card in self._cards)
        return QSize(width, self.heightForWidth(max(width, 1)))

    def minimumSizeHint(self) -> QSize:
        return QSize(max((card.minimumSizeHint().width() for card in self._cards), default=0), 0)
