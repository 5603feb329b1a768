"""Top up: an amount, a way to pay, the tax, and one button with the total on it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QGridLayout, QWidget

from ui.text import exact_money, money, tr
from ui.text.methods import method_items, method_name, new_method, page_button
from ui.text.wallet import tax_text
from ui.viewmodels.top_up import PayPhase, TopUpState, TopUpViewModel
from ui.widgets.bank_sheet import BankStep
from ui.widgets.controls import Button, Card, Segmented, SelectField, TextField, card, label, rule
from ui.widgets.notices import Banner
from ui.widgets.overlay import Sheet
from ui.widgets.waiting_sheet import WaitingStep

AMOUNT_LENGTH = 15
END = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class TopUpSheet(Sheet):
    """Closes itself when the credit is there, or on its way."""

    def __init__(self, window: QWidget, vm: TopUpViewModel) -> None:
        super().__init__(window, tr("Top up"), name="topUpSheet", width=460)
        self._vm = vm
        self._waiting = WaitingStep(self, vm.page)
        self._bank = BankStep(self)
        self._bank.answered.connect(vm.confirm)
        self._bank.closed.connect(self._on_changed)
        self._is_rendering = False
        self.body.addWidget(self._packs())
        self.body.addWidget(self._amount())
        self.body.addWidget(self._cards())
        self.body.addWidget(self._sums())
        self.error = Banner(tone="danger", name="topUpError")
        self.body.addWidget(self.error)
        self.body.addStretch()
        self._foot()
        self.first_focus = self.amount.edit
        vm.changed.connect(self._on_changed)
        vm.problems_found.connect(self._on_problems_found)
        vm.confirming.connect(self._open_bank)
        vm.paid.connect(self._on_paid)
        self.closed.connect(vm.close)
        self._on_changed()
        if vm.state.phase is PayPhase.CONFIRMING:
            self._open_bank()

    def open(self) -> None:
        super().open()
        if self._vm.state.phase is PayPhase.WAITING:
            self._vm.page.attend()

    # -- building --------------------------------------------------------------------------------------------------
    def _packs(self) -> QWidget:
        texts = [*(money(pack) for pack in self._vm.state.packs), tr("Other")]
        self.packs = Segmented(texts, label=tr("Credit"), name="topUpPacks", stretch=True)
        self.packs.changed.connect(self._on_pack_changed)
        return self.packs

    def _amount(self) -> QWidget:
        state = self._vm.state
        bounds = tr("From {least} to {most}. Usable by the very next call.",
                    least=money(state.least), most=money(state.most))  # fmt: skip
        self.amount = TextField(tr("Amount"), name="topUpAmount", help_text=bounds, max_length=AMOUNT_LENGTH)
        self.amount.changed.connect(self._on_amount_changed)
        self.amount.submitted.connect(self.accept_default)
        return self.amount

    def _cards(self) -> QWidget:
        items: list[str | tuple[str, object]] = list(method_items(self._vm.state.options))
        self.card = SelectField(tr("Pay with"), items, name="topUpCard")
        self.card.select.picked.connect(lambda token: self._vm.choose_card(str(token)))
        return self.card

    def _sums(self) -> Card:
        box = card(16, 8, name="topUpSums")
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(0, 1)
        self._tax_name = label(tr("Tax"), "muted", name="topUpTaxName", wrap=True)
        self._figures = {
            name: label("", kind, name=f"topUp{name}", tabular=True, align=END)
            for name, kind in (("Credit", "body"), ("Tax", "body"), ("Total", "section"))
        }
        for place, (title, name) in enumerate(((label(tr("Credit"), "muted"), "Credit"), (self._tax_name, "Tax"))):
            grid.addWidget(title, place, 0)
            grid.addWidget(self._figures[name], place, 1)
        grid.addWidget(rule(), 2, 0, 1, 2)
        grid.addWidget(label(tr("Total"), "section"), 3, 0)
        grid.addWidget(self._figures["Total"], 3, 1)
        box.body.addLayout(grid)
        return box

    def _foot(self) -> None:
        self.pay = Button(tr("Top up"), "primary", "lock", name="topUpPay")
        self.pay.clicked.connect(self._press_pay)
        self.cancel = Button(tr("Cancel"), "ghost", name="topUpCancel")
        self.cancel.clicked.connect(self.dismiss)
        self.footer.addWidget(self.pay)
        self.footer.addStretch()
        self.footer.addWidget(self.cancel)

    # -- what the buyer does ---------------------------------------------------------------------------------------
    def accept_default(self) -> None:
        """Enter in the fields goes to the button that carries the total; it takes a second Enter to spend."""
        if self.pay.isEnabled() and not self.pay.is_busy:
            self.pay.setFocus()

    def _press_pay(self) -> None:
        if self._vm.state.phase is PayPhase.CONFIRMING:
            self._open_bank()
        else:
            self._vm.pay()

    def _on_pack_changed(self, index: int) -> None:
        if self._is_rendering:
            return
        packs = self._vm.state.packs
        if index < len(packs):
            self._vm.choose_pack(packs[index])
        else:
            self.amount.edit.setFocus()
            self.amount.edit.selectAll()

    def _on_amount_changed(self, text: str) -> None:
        if not self._is_rendering:
            self._vm.type_amount(text)

    def _on_problems_found(self, name: str) -> None:
        target = self.card.select if name == "payment_token" else self.amount.edit
        target.setFocus()
        self.area.ensureWidgetVisible(target)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self._vm.state
        self._is_rendering = True
        self.amount.set_text(state.amount_text)
        self._show_pack(state)
        self.card.select.set_current(state.payment_token)
        self.amount.set_error(state.problems.get("amount"))
        self.card.set_error(state.problems.get("payment_token"))
        for part in (self.packs, self.amount, self.card):
            part.setEnabled(not state.is_locked and not state.is_busy)
        self._show_sums(state)
        self.error.setVisible(state.error is not None)
        if state.error is not None:
            self.error.set_message(state.error.sentence)
        self._show_buttons(state)
        self._is_rendering = False
        if state.phase is PayPhase.FAILED:
            self._bank.close()
        else:
            self._bank.show_progress(is_waiting=state.is_busy, error=state.error.sentence if state.error else "")

    def _show_pack(self, state: TopUpState) -> None:
        amount = state.amount
        chosen = state.packs.index(amount) if amount in state.packs else len(state.packs)
        if self.packs.current() != chosen and not (chosen < len(state.packs) and self._types_more):
            self.packs.set_current(chosen)

    @property
    def _types_more(self) -> bool:
        """Somebody typing "250" is not to see 25 chosen on the way; only the words in the field count."""
        return QApplication.focusWidget() is self.amount.edit and self.packs.current() == len(self._vm.state.packs)

    def _show_sums(self, state: TopUpState) -> None:
        quote = state.quote
        self._tax_name.setText(tax_text(quote) if quote else tr("Tax"))
        amounts = (quote.credit, quote.tax, quote.total) if quote else ()
        for place, figure in enumerate(self._figures.values()):
            figure.setText(exact_money(amounts[place]) if amounts else "–")

    def _show_buttons(self, state: TopUpState) -> None:
        total = exact_money(state.quote.total) if state.quote else ""
        if state.phase is PayPhase.CONFIRMING:
            words = tr("Confirm with your bank – {amount}", amount=total)
        elif state.phase is PayPhase.WAITING:
            words = tr("Finish in your browser – {amount}", amount=total)
        elif state.is_locked and not state.is_busy:
            words = tr("Finish top-up – {amount}", amount=total)
        elif fresh := new_method(state.payment_token):
            words = page_button(fresh, total) if total else tr("Top up")
        else:
            words = tr("Top up – {amount}", amount=total) if total else tr("Top up")
        self.pay.setText(words)
        self.pay.set_busy(state.is_busy)
        self.pay.setEnabled(not state.is_quoting or state.is_busy)
        self.cancel.setEnabled(not state.is_busy)
        self.is_dismissible = not state.is_busy

    def _on_paid(self, _paid: object) -> None:
        self._bank.close()
        self.close_overlay()

    # -- the bank --------------------------------------------------------------------------------------------------
    def _open_bank(self) -> None:
        state = self._vm.state
        self._bank.open(
            amount=exact_money(state.quote.total) if state.quote else "",
            bought=tr("Credit of {amount}", amount=exact_money(state.amount)) if state.amount else tr("Credit"),
            card=method_name(state.options, state.payment_token),
        )
