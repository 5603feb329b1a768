"""How to pay by bank transfer: reference, amount and account, each with a copy button; and what still waits for one."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from services.api.types import Order, Transfer
from ui import theme
from ui.text import tr
from ui.text.collections import awaited_text, transfer_rows, transfer_text
from ui.widgets.controls import Button, Card, CopyField, Labelled, clear, column, label
from ui.widgets.notices import Banner
from ui.widgets.question_sheet import QuestionSheet

SIDE_BY_SIDE = 620  # px at 100 % text: an IBAN beside another field


class TransferCard(Card):
    """Hidden while there is nothing to pay by transfer."""

    def __init__(self, name: str = "transferCard") -> None:
        super().__init__(20, 12, name=name)
        self._shown: tuple[Transfer | None, str] = (None, "")
        self._boxes: list[Labelled] = []
        self._columns = 0
        self._words = label("", "muted", name="transferWords", wrap=True)
        self._fields = QGridLayout()
        self._fields.setContentsMargins(0, 0, 0, 0)
        self._fields.setHorizontalSpacing(16)
        self._fields.setVerticalSpacing(10)
        self.body.addLayout(column(label(tr("Pay by bank transfer"), "strong"), self._words, spacing=2))
        self.body.addLayout(self._fields)
        self.hide()

    def show_transfer(self, transfer: Transfer | None, now: datetime | None = None) -> None:
        """`now`: of the workspace."""
        self.setVisible(transfer is not None)
        words = transfer_text(transfer, now) if transfer is not None else ""
        if (transfer, words) == self._shown:
            return
        self._shown = (transfer, words)
        clear(self._fields)
        self._boxes, self._columns = [], 0
        if transfer is None:
            return
        self._words.setText(words)
        for name, text, value in transfer_rows(transfer):
            self._boxes.append(Labelled(CopyField(value, label=text, name=f"transfer-{name}"), text))
        self._arrange()

    def _arrange(self) -> None:
        columns = 2 if self.width() >= theme.current().px(SIDE_BY_SIDE) else 1
        if columns != self._columns:
            self._columns = columns
            for place, box in enumerate(self._boxes):
                self._fields.addWidget(box, place // columns, place % columns)
            self._fields.setColumnStretch(1, 1 if columns == 2 else 0)
            self._fields.setColumnStretch(0, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_boxes"):
            self._arrange()

    @property
    def first(self) -> QWidget | None:
        """The field the keyboard goes to."""
        return self._boxes[0].control if self._boxes else None


class TransferSheet(QuestionSheet):
    """How to pay an order that waits for the money."""

    def __init__(self, window: QWidget, order: Order, now: datetime | None = None) -> None:
        super().__init__(window, f"{order.offering_name}, {order.plan_name}", name="transferSheet", width=440)
        self.card = TransferCard("transferSheetCard")
        self.card.show_transfer(order.transfer, now)
        self.body.addWidget(self.card)
        self.body.addWidget(label(tr("The agent starts when all of it is there. You are told."), "small", wrap=True))
        done = Button(tr("Close"), "secondary", name="transferClose")
        done.clicked.connect(self.dismiss)
        self.footer.addStretch()
        self.footer.addWidget(done)
        self.first_focus = self.card.first


class AwaitedTransfers(QWidget):
    """A line for each order that waits for a transfer. Signals: opened(Order) - how to pay it; rebuilt()."""

    opened = Signal(object)
    rebuilt = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[object, ...] = ()
        self._list = column(spacing=8)
        self.setLayout(self._list)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()

    def show_orders(self, orders: tuple[Order, ...], now: datetime | None = None) -> None:
        self.setVisible(bool(orders))
        said = tuple(awaited_text(order, now) for order in orders)
        if (orders, said) == self._shown:
            return
        self._shown = (orders, said)
        clear(self._list)
        for place, (order, (words, tone)) in enumerate(zip(orders, said, strict=True)):
            banner = Banner(words, tone, action=tr("How to pay"), name=f"awaited-{place}")
            banner.acted.connect(lambda order=order: self.opened.emit(order))
            self._list.addWidget(banner)
        self.rebuilt.emit()
