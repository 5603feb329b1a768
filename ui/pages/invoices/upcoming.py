"""What is charged next: one card for each invoice to come, as it stands now."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from services.api.types import Invoice
from ui import theme
from ui.text import exact_money, plural, tr
from ui.text.invoices import invoice_for, upcoming_when
from ui.widgets.amount_link import AmountLink
from ui.widgets.controls import Button, Card, column, label, row

LEAST, GAP = 200, 12  # width of a card in px at 100 % text


class UpcomingCard(Card):
    """Signals: explained(ref); opened(subscription uuid)."""

    explained = Signal(str)
    opened = Signal(str)

    def __init__(self, subscription_uuid: str) -> None:
        super().__init__(16, 4, name="upcomingCard")
        self._what = label("", "strong", wrap=True)
        self._amount = AmountLink(name="upcomingAmount", kind="title", weight=600)
        self._when = label("", "small", wrap=True)
        self.details = Button(tr("Details"), "link", name="upcomingDetails")
        self._amount.explained.connect(self.explained)
        self.details.clicked.connect(lambda: self.opened.emit(subscription_uuid))
        self.body.addWidget(self._what)
        self.body.addLayout(row(self._amount, None))
        self.body.addWidget(self._when)
        self.body.addStretch()
        self.body.addLayout(row(self.details, None))

    def show_invoice(self, invoice: Invoice) -> None:
        what = invoice_for(invoice) or tr("Next invoice")
        self._what.setText(what)
        self._amount.set_amount(exact_money(invoice.total), f"upcoming:{invoice.subscription_uuid}")
        self._when.setText(upcoming_when(invoice))
        self.setAccessibleName(tr("{what}, {amount}", what=what, amount=exact_money(invoice.total)))
        self.details.setAccessibleName(tr("Details of the next invoice for {what}", what=what))


class UpcomingCards(QWidget):
    """As many as fit in one row; the others on demand.

    Signals: explained(ref); opened(subscription uuid); rebuilt() - cards came, went or moved.
    """

    explained = Signal(str)
    opened = Signal(str)
    rebuilt = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("upcomingSection")
        self._cards: dict[str, UpcomingCard] = {}
        self._columns = 0
        self._has_all = False
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP)
        self.more = Button("", "link", "chevron-down", name="upcomingMore")
        self.more.clicked.connect(self._on_more_clicked)
        self._title = label(tr("Upcoming"), "section")
        head = row(self._title, None, self.more)
        self.setLayout(column(head, self._grid, spacing=10))

    def show_invoices(self, invoices: tuple[Invoice, ...]) -> None:
        self.setVisible(bool(invoices))
        wanted = [one.subscription_uuid for one in invoices]
        if wanted != list(self._cards):
            known, self._cards = self._cards, {}
            for uuid in wanted:
                self._cards[uuid] = known.pop(uuid) if uuid in known else self._card(uuid)
            for gone in known.values():
                self._grid.removeWidget(gone)
                gone.hide()
                gone.deleteLater()
            self._place()
        for one in invoices:
            self._cards[one.subscription_uuid].show_invoice(one)

    def arrange(self, width: int) -> None:
        """In as many columns as `width` has room for."""
        columns = max(1, (width + GAP) // (theme.current().px(LEAST) + GAP))
        if columns != self._columns:
            self._columns = columns
            self._place()

    def _card(self, uuid: str) -> UpcomingCard:
        card = UpcomingCard(uuid)
        card.explained.connect(self.explained)
        card.opened.connect(self.opened)
        return card

    def _place(self) -> None:
        columns = max(self._columns, 1)
        count = len(self._cards) if self._has_all else columns
        for number, card in enumerate(self._cards.values()):
            self._grid.removeWidget(card)
            card.setParent(self)
            card.setVisible(number < count)
            if number < count:
                self._grid.addWidget(card, number // columns, number % columns)
        for number in range(self._grid.columnCount()):
            self._grid.setColumnStretch(number, 1 if number < columns else 0)
        hidden = len(self._cards) - columns
        self.more.setVisible(hidden > 0)
        self.more.setText(
            tr("Show fewer") if self._has_all else plural(max(hidden, 0), tr("Show {n} more"), tr("Show {n} more"))
        )
        self.more.set_icon("chevron-up" if self._has_all else "chevron-down")
        self.rebuilt.emit()

    def _on_more_clicked(self) -> None:
        self._has_all = not self._has_all
        self._place()
