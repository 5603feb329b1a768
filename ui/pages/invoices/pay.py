"""Paying an open invoice: what is due, a way to pay, and one button with the amount on it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from services.api.types import Invoice
from ui.text import exact_money, tr
from ui.text.invoices import invoice_for
from ui.text.methods import method_items, method_name, new_method, page_button
from ui.viewmodels.base import Status
from ui.viewmodels.invoice_payment import InvoicePaymentState, InvoicePaymentViewModel
from ui.viewmodels.top_up import PayPhase
from ui.widgets.bank_sheet import BankStep
from ui.widgets.controls import Button, Card, SelectField, card, label, rule
from ui.widgets.notices import Banner
from ui.widgets.question_sheet import QuestionSheet
from ui.widgets.waiting_sheet import WaitingStep

END = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class PaySheet(QuestionSheet):
    """Closes itself when the invoice is paid, or the bank collects it."""

    def __init__(self, window: QWidget, vm: InvoicePaymentViewModel, invoice: Invoice) -> None:
        title = tr("Pay {number}", number=invoice.number)
        super().__init__(window, title, name="payInvoiceSheet", width=440)
        self._vm, self._invoice = vm, invoice
        self._waiting = WaitingStep(self, vm.page)
        self._bank = BankStep(self)
        self._bank.answered.connect(vm.confirm)
        self._bank.closed.connect(self._on_changed)
        self.body.addWidget(self._sums(invoice))
        self.card = SelectField(tr("Pay with"), name="payInvoiceCard")
        self.card.select.picked.connect(lambda token: vm.choose_card(str(token)))
        self.body.addWidget(self.card)
        self.error = Banner(tone="danger", name="payInvoiceError")
        self.error.acted.connect(self._on_error_acted)
        self.body.addWidget(self.error)
        self._foot()
        self.first_focus = self.card.select
        vm.changed.connect(self._on_changed)
        vm.refused.connect(self._on_refused)
        vm.confirming.connect(self._open_bank)
        vm.paid.connect(self._on_paid)
        vm.under_way.connect(self._on_paid)
        self.closed.connect(vm.close)
        self._on_changed()
        if vm.state.phase is PayPhase.CONFIRMING:
            self._open_bank()

    def open(self) -> None:
        super().open()
        if self._vm.state.phase is PayPhase.WAITING:
            self._vm.page.attend()

    # -- building --------------------------------------------------------------------------------------------------
    def _sums(self, invoice: Invoice) -> Card:
        box = card(16, 8, name="payInvoiceSums")
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(8)
        grid.setHorizontalSpacing(16)
        grid.setColumnStretch(0, 1)
        rows = [(invoice_for(invoice) or tr("Invoice"), invoice.total)]
        if not invoice.paid.is_zero:
            rows.append((tr("Paid so far"), -invoice.paid))
        if not invoice.credited.is_zero:
            rows.append((tr("Credit notes"), -invoice.credited))
        for number, (words, amount) in enumerate(rows):
            grid.addWidget(label(words, "muted", wrap=True), number, 0)
            grid.addWidget(label(exact_money(amount), tabular=True, align=END), number, 1)
        last = len(rows)
        grid.addWidget(rule(), last, 0, 1, 2)
        grid.addWidget(label(tr("Due now"), "section"), last + 1, 0)
        due = label(exact_money(invoice.due), "section", name="payInvoiceDue", tabular=True, align=END)
        grid.addWidget(due, last + 1, 1)
        box.body.addLayout(grid)
        return box

    def _foot(self) -> None:
        self.pay = Button("", "primary", "lock", name="payInvoiceNow")
        self.pay.clicked.connect(self._press_pay)
        self.cancel = Button(tr("Cancel"), "ghost", name="payInvoiceCancel")
        self.cancel.clicked.connect(self.dismiss)
        self.footer.addWidget(self.pay)
        self.footer.addStretch()
        self.footer.addWidget(self.cancel)

    # -- what the payer does ---------------------------------------------------------------------------------------
    def accept_default(self) -> None:
        """Money is never spent by an Enter that was meant for something else: only the button pays."""

    def _press_pay(self) -> None:
        if self._vm.state.phase is PayPhase.CONFIRMING:
            self._open_bank()
        else:
            self._vm.pay()

    def _on_error_acted(self) -> None:
        if self._vm.state.status is Status.ERROR:
            self._vm.load_cards()
        else:
            self._press_pay()

    def _on_refused(self) -> None:
        self._bank.close()
        self.card.select.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self._vm.state
        if state.invoice is None:
            return  # closing
        items: list[str | tuple[str, object]] = [] if state.payment_token else [(tr("Choose what pays"), "")]
        self.card.select.set_items([*items, *method_items(state.options)])
        self.card.select.set_current(state.payment_token)
        self.card.set_error(state.card_problem or None)
        can_choose = state.status is Status.READY and not state.is_locked and not state.is_busy
        comes_late = can_choose and not self.card.isEnabled() and self.close_button.hasFocus()
        self.card.setEnabled(can_choose)
        if comes_late:
            self.take_focus()
        self.error.setVisible(state.error is not None)
        if state.error is not None:
            self.error.set_message(state.error.sentence, action=tr("Try again"))
        self._show_buttons(state)
        if state.phase is PayPhase.FAILED:
            self._bank.close()
        else:
            self._bank.show_progress(is_waiting=state.is_busy, error=state.error.sentence if state.error else "")

    def _show_buttons(self, state: InvoicePaymentState) -> None:
        amount = exact_money(self._invoice.due)
        if state.phase is PayPhase.CONFIRMING:
            words = tr("Confirm with your bank – {amount}", amount=amount)
        elif state.phase is PayPhase.WAITING:
            words = tr("Finish in your browser – {amount}", amount=amount)
        elif state.is_locked and not state.is_busy:
            words = tr("Check the payment – {amount}", amount=amount)
        elif fresh := new_method(state.payment_token):
            words = page_button(fresh, amount)
        else:
            words = tr("Pay {amount}", amount=amount)
        self.pay.setText(words)
        self.pay.set_busy(state.is_busy)
        self.pay.setEnabled(state.status is Status.READY or state.is_busy)
        self.cancel.setEnabled(not state.is_busy)
        self.is_dismissible = not state.is_busy

    def _on_paid(self, _invoice: object) -> None:
        self._bank.close()
        self.close_overlay()

    # -- the bank --------------------------------------------------------------------------------------------------
    def _open_bank(self) -> None:
        state = self._vm.state
        self._bank.open(
            amount=exact_money(self._invoice.due),
            bought=tr("Invoice {number}", number=self._invoice.number),
            card=method_name(state.options, state.payment_token),
        )
