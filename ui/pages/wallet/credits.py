"""The credits that make the balance, in the order they are spent."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from services.api.types import Credit, CreditKind, Wallet
from ui.text import exact_money, tr
from ui.text.wallet import credit_dates, credit_kind, credit_left, credit_source
from ui.widgets.amount_link import AmountLink
from ui.widgets.controls import Badge, Button, badge, card, clear, column, label, row
from ui.widgets.folding import FoldingRow
from ui.widgets.meter import Meter
from ui.widgets.states import EmptyState


class CreditSection(QWidget):
    """Signals: rebuilt() - there are other rows now; explained(ref); refund_wanted(Credit); top_up_wanted()."""

    explained = Signal(str)
    rebuilt = Signal()
    refund_wanted = Signal(object)
    top_up_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("creditSection")
        self._shown: tuple[Credit, ...] | None = None
        self._list = column(spacing=8)
        self._order = label(
            tr("Credit that expires first is spent first, promotional before paid."), "small", name="creditOrder",
            wrap=True,
        )  # fmt: skip
        self._empty = EmptyState(
            "piggy-bank", tr("No credit left"), tr("Top up, or redeem a gift code; each credit stands here."),
            tr("Top up"), name="creditsEmpty", variant="secondary",
        )  # fmt: skip
        self._empty.acted.connect(self.top_up_wanted)
        self.setLayout(column(self._order, self._list, self._empty, None, spacing=12))

    def show_wallet(self, wallet: Wallet) -> None:
        if wallet.credits == self._shown:
            return
        self._shown = wallet.credits
        clear(self._list)
        for place, credit in enumerate(wallet.credits):
            self._list.addWidget(self._row(place, credit))
        self._order.setVisible(bool(wallet.credits))
        self._empty.setVisible(not wallet.credits)
        self.rebuilt.emit()

    def _row(self, place: int, credit: Credit) -> QWidget:
        box = card(16, 8, name=f"credit-{place}")
        head = [label(credit_source(credit), "strong"), _kind(credit)]
        if place == 0:
            head.append(badge(tr("Spent first"), "accent", name="spentFirst"))
        words = QWidget()
        words.setLayout(column(row(*head, None), label(credit_dates(credit), "small", wrap=True), spacing=4))
        box.body.addWidget(FoldingRow(words, self._figures(place, credit)))
        meter = Meter(name=f"creditMeter-{place}")
        meter.set_share(credit.left.micros / credit.amount.micros if credit.amount.micros else 0.0, "accent")
        box.body.addWidget(meter)
        return box

    def _figures(self, place: int, credit: Credit) -> QWidget:
        amount = AmountLink(credit_left(credit), f"credit:{credit.uuid}", name=f"creditAmount-{place}")
        amount.explained.connect(self.explained)
        parts: list[QWidget] = [amount]
        if credit.refundable.micros > 0:
            refund = Button(tr("Send back"), "ghost", small=True, name=f"refundCredit-{place}")
            refund.setAccessibleName(tr("Send {amount} back to the card", amount=exact_money(credit.refundable)))
            refund.clicked.connect(lambda: self.refund_wanted.emit(credit))
            parts.append(refund)
        figures = QWidget()
        figures.setLayout(row(*parts, spacing=12))
        figures.layout().setAlignment(Qt.AlignmentFlag.AlignVCenter)  # type: ignore[union-attr] # was just set
        return figures


def _kind(credit: Credit) -> Badge:
    return badge(credit_kind(credit.kind), "neutral" if credit.kind is CreditKind.PAID else "info")
