"""The test provider's page, inside our window: the bank asks, the buyer answers."""

from __future__ import annotations

from PySide6.QtCore import QRect, Signal
from PySide6.QtWidgets import QFormLayout, QWidget

from ui import theme
from ui.text import total_parts, tr
from ui.text.methods import method_name
from ui.text.paying import new_way_title
from ui.viewmodels.checkout_state import PAGED, CheckoutState, Phase
from ui.widgets.controls import Button, badge, card, label, row
from ui.widgets.notices import Banner
from ui.widgets.overlay import Sheet
from ui.widgets.waiting_sheet import fitted


class ConfirmSheet(Sheet):
    """Signals: answered(approve). Closing it is no answer: the payment waits."""

    answered = Signal(bool)

    def __init__(self, window: QWidget, state: CheckoutState) -> None:
        super().__init__(window, tr("Your bank asks you to confirm"), name="confirmSheet", width=420)
        self.body.addLayout(row(badge(tr("TEST"), "warning", "flask-conical", name="testBadge"), None))
        explanation = tr("This stands for your bank’s own page. Nothing is charged before you approve.")
        words = label(explanation, "muted", wrap=True)
        words.setMinimumHeight(theme.current().line("body"))  # Qt would reserve the height of its narrowest setting
        self.body.addWidget(words)
        self.body.addWidget(self._payment(state))
        self._error = Banner(tone="danger", name="confirmError")
        self.body.addWidget(self._error)
        self._buttons()
        self.first_focus = self.approve
        self.show_state(state)

    def _payment(self, state: CheckoutState) -> QWidget:
        box = card(16, 0)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(8)
        form.setHorizontalSpacing(16)
        amount = total_parts(state.summary).amount if state.summary else ""  # what is taken now
        bought = f"{state.offering.card.name}, {state.plan.name}" if state.offering and state.plan else ""
        for title, value in ((tr("Amount"), amount), (tr("For"), bought), (tr("Paid with"), _card(state))):
            form.addRow(label(title, "muted"), label(value, "strong", wrap=True, tabular=True))
        box.body.addLayout(form)
        return box

    def _buttons(self) -> None:
        self.approve = Button(tr("Approve"), "primary", "check", name="approveButton")
        self.decline = Button(tr("Decline"), "secondary", name="declineButton")
        self.cancel = Button(tr("Cancel"), "ghost", name="confirmCancel")
        self.approve.clicked.connect(lambda: self.answered.emit(True))
        self.decline.clicked.connect(lambda: self.answered.emit(False))
        self.cancel.clicked.connect(self.dismiss)
        for widget in (self.approve, self.decline):
            self.footer.addWidget(widget)
        self.footer.addStretch()
        self.footer.addWidget(self.cancel)

    def place(self) -> QRect:
        """In the middle and only as tall as its few lines: a question, not a workplace."""
        return fitted(self, super().place())

    def accept_default(self) -> None:
        """Money is never spent by an Enter that was meant for something else: only the buttons answer."""

    def show_state(self, state: CheckoutState) -> None:
        is_waiting = state.phase is not Phase.CONFIRMING
        self.approve.set_busy(is_waiting)
        self.decline.setEnabled(not is_waiting)
        self.cancel.setEnabled(not is_waiting)
        self.is_dismissible = not is_waiting
        self._error.setVisible(state.error is not None)
        if state.error is not None:
            self._error.set_message(state.error.sentence)


def _card(state: CheckoutState) -> str:
    """What is asked about, as far as it is known here."""
    if state.options is None:
        return ""
    if not state.payment_token:
        return new_way_title(state.method) if state.method in PAGED else ""
    return method_name(state.options, state.payment_token)
