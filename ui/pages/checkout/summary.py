"""The order summary: what is bought, the arithmetic line by line, the total and when it repeats."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QWidget

from services.api.types import BillingModel, Offering, OrderSummary
from ui.text import renewal_text, summary_line, total_parts, tr
from ui.viewmodels.checkout_state import CheckoutState
from ui.widgets.avatar import Avatar
from ui.widgets.controls import Card, clear, column, label, row, rule
from ui.widgets.states import Skeleton

END = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class SummaryCard(Card):
    """Shows `OrderSummary`; while the first one is being worked out, grey lines in its place."""

    def __init__(self) -> None:
        super().__init__(20, 12, name="orderSummary")
        self._shown: OrderSummary | None = None
        self.body.addLayout(self._head())
        self.body.addWidget(rule())
        self.body.addWidget(self._waiting())
        self.body.addWidget(self._arithmetic())

    def _head(self) -> QHBoxLayout:
        self._avatar = Avatar(44)
        self._name = label("", "strong", name="summaryName", wrap=True)
        self._vendor = label("", "small", wrap=True)
        head = row(self._avatar, column(self._name, self._vendor, spacing=1), spacing=12)
        head.setStretch(1, 1)
        return head

    def _waiting(self) -> QWidget:
        self._skeleton = QWidget()
        self._skeleton.setAccessibleName(tr("Working out the price"))
        self._skeleton.setLayout(column(Skeleton(0, 18), Skeleton(0, 18), Skeleton(180, 28), spacing=10))
        return self._skeleton

    def _arithmetic(self) -> QWidget:
        self._lines = QGridLayout()
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setVerticalSpacing(8)
        self._lines.setColumnStretch(0, 1)
        self._rule = rule()
        self._total_title = label(tr("Total due today"), "strong")
        self._total = label("", "display", name="totalAmount", tabular=True)
        self._unit = label("", "muted", name="totalUnit")
        self._renewal = label("", "small", name="renewalText", wrap=True)
        total = row(self._total_title, None, self._total, self._unit)
        total.setAlignment(self._unit, Qt.AlignmentFlag.AlignBottom)
        self._sums = QWidget()
        self._sums.setLayout(column(self._lines, self._rule, total, self._renewal, spacing=10))
        return self._sums

    def show_state(self, state: CheckoutState) -> None:
        if state.offering is not None:
            self._show_offering(state.offering)
        self._skeleton.setVisible(state.summary is None)
        self._sums.setVisible(state.summary is not None)
        if state.summary is not None and state.summary != self._shown:
            self._show_summary(state.summary)

    def _show_offering(self, offering: Offering) -> None:
        card = offering.card
        self._avatar.set_category(card.category_hue, card.category_icon)
        self._name.setText(card.name)
        self._vendor.setText(tr("{vendor} · {place}", vendor=card.vendor_name, place=offering.data_location))

    def _show_summary(self, summary: OrderSummary) -> None:
        self._shown = summary
        clear(self._lines)
        for number, line in enumerate(summary.lines):
            words, amount = summary_line(line, summary.plan_name, summary.billing_cycle)
            is_saving = line.kind == "discount"
            self._lines.addWidget(label(words, "success" if is_saving else "muted", wrap=True), number, 0)
            self._lines.addWidget(self._amount(amount, is_saving), number, 1)
        self._rule.setVisible(bool(summary.lines))
        is_quote = summary.billing_model is BillingModel.QUOTE
        self._total_title.setText(tr("Price") if is_quote else tr("Total due today"))
        amount, unit = total_parts(summary)
        self._total.setText(amount)
        self._unit.setText(unit)
        self._unit.setVisible(bool(unit))
        self._renewal.setText(renewal_text(summary))
        self.setAccessibleName(tr("Order summary"))
        self.setAccessibleDescription(" ".join((summary.plan_name, amount + unit, renewal_text(summary))))

    def _amount(self, amount: str, is_saving: bool) -> QLabel:
        return label(amount, "success" if is_saving else "body", tabular=True, align=END)
