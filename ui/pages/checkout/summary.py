"""The order summary: what is bought, the arithmetic line by line, the total and when it repeats."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QWidget

from services.api.types import BillingModel, Offering, OrderSummary
from ui.pages.checkout.coupon import CouponBox
from ui.text import renewal_text, summary_line, total_parts, tr
from ui.text.ordering import form_of, owned_text, trial_label
from ui.viewmodels.checkout_state import CheckoutState
from ui.widgets.avatar import Avatar
from ui.widgets.controls import Card, Segmented, clear, column, label, row, rule
from ui.widgets.fields import FieldNote
from ui.widgets.folding import FoldingRow
from ui.widgets.states import Skeleton

END = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class SummaryCard(Card):
    """Shows `OrderSummary`; while the first one is being worked out, grey lines in its place."""

    def __init__(self) -> None:
        super().__init__(20, 12, name="orderSummary")
        self._shown: OrderSummary | None = None
        self.body.addLayout(self._head())
        self._owned = label("", "body", name="ownedText", wrap=True)
        self.body.addWidget(self._owned)
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
        self.coupon = CouponBox()
        self._rule = rule()
        self._total_title = label(tr("Total due today"), "strong")
        self._total = label("", "display", name="totalAmount", tabular=True)
        self._unit = label("", "muted", name="totalUnit")
        self._renewal = label("", "small", name="renewalText", wrap=True)
        total = row(self._total_title, None, self._total, self._unit)
        total.setAlignment(self._unit, Qt.AlignmentFlag.AlignBottom)
        self._sums = QWidget()
        self._sums.setLayout(column(self._lines, self.coupon, self._rule, total, self._renewal, spacing=10))
        return self._sums

    def show_state(self, state: CheckoutState) -> None:
        if state.offering is not None:
            self._show_offering(state.offering)
        self._skeleton.setVisible(state.summary is None)
        self._sums.setVisible(state.summary is not None)
        self.coupon.show_state(state)
        if state.summary is not None and state.summary != self._shown:
            parts = len(state.offering.items) if state.offering is not None else 0
            self._show_summary(state.summary, parts)

    def _show_offering(self, offering: Offering) -> None:
        card = offering.card
        self._avatar.set_category(card.category_hue, card.category_icon)
        self._name.setText(card.name)
        self._vendor.setText(tr("{vendor} · {place}", vendor=card.vendor_name, place=offering.data_location))

    def _show_summary(self, summary: OrderSummary, parts: int) -> None:
        self._shown = summary
        self._owned.setText(owned_text(summary, parts))
        self._owned.setVisible(bool(self._owned.text()))
        write = form_of(summary)
        clear(self._lines)
        for number, line in enumerate(summary.lines):
            words, amount = summary_line(line, summary.plan_name, summary.billing_cycle, write)
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


class OrderSection(QWidget):
    """The summary under its heading, with the choice to try first. Signals: trial_picked(bool)."""

    trial_picked = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._is_rendering = False
        self.card = SummaryCard()
        self.trial = Segmented([tr("Pay now"), tr("Try first")], label=tr("When to pay"), name="trialChoice")
        self.trial.changed.connect(self._on_trial_changed)
        self._note = FieldNote()
        heading = FoldingRow(label(tr("Order summary"), "section"), self.trial)
        self.setLayout(column(heading, self._note, self.card, spacing=12))

    def _on_trial_changed(self, index: int) -> None:
        if not self._is_rendering:
            self.trial_picked.emit(index == 1)

    def focus_field(self, field: str) -> None:
        if field == "coupon":
            self.card.coupon.focus_code()
        else:
            self.trial.button(self.trial.current()).setFocus(Qt.FocusReason.OtherFocusReason)

    def show_state(self, state: CheckoutState) -> None:
        self._is_rendering = True
        self.trial.setVisible(state.trial_days > 0)
        self.trial.button(1).setText(trial_label(state.trial_days))
        self.trial.set_current(1 if state.start_trial else 0)
        self.trial.setEnabled(not state.is_locked)
        self._note.set_error(state.problems.get("start_trial"))
        self.card.show_state(state)
        self._is_rendering = False
