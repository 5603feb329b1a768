"""The short questions of the wallet: a code, the alert, a refund, a limit."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from services.api.money import Money
from services.api.types import Cap, CapScope, CapWindow, Credit, Wallet
from ui.text import ErrorText, exact_money, tr
from ui.text.wallet import amount_problem, cap_limit, cap_window, scope_label
from ui.viewmodels.amounts import amount_code, parse_amount, plain_amount
from ui.viewmodels.wallet import WalletViewModel
from ui.widgets.controls import Button, SelectField, TextField
from ui.widgets.overlay import Dialog

CODE_LENGTH = 64
AMOUNT_LENGTH = 15


class _Question(Dialog):
    """One field and an answer that comes later; what was typed stays when the answer is no."""

    field: TextField

    def show_answer(self, problem: str | None, error: ErrorText | None, *, is_busy: bool) -> None:
        self.set_busy(is_busy)
        if is_busy:
            return
        self.field.set_error(problem)
        self.set_error(error.sentence if error is not None else None)
        if problem:
            self.field.edit.setFocus()

    def accept_default(self) -> None:
        if not self.confirm_button.is_busy:
            super().accept_default()


class RedeemDialog(_Question):
    """A gift or promotional code."""

    def __init__(self, window: QWidget, vm: WalletViewModel) -> None:
        super().__init__(
            window, tr("Redeem a code"), tr("Its credit can be spent at once."), confirm=tr("Redeem code"),
            name="redeemDialog",
        )  # fmt: skip
        self._vm = vm
        self.field = TextField(tr("Gift or promotional code"), name="redeemCode", max_length=CODE_LENGTH)
        self.body.addWidget(self.field)
        self.first_focus = self.field.edit
        self.field.submitted.connect(self.accept_default)
        self.confirmed.connect(lambda: vm.redeem(self.field.text()))
        vm.changed.connect(self._on_changed)
        vm.redeemed.connect(self.close_overlay)
        self.closed.connect(vm.forget_problems)

    def _on_changed(self) -> None:
        state = self._vm.state
        self.show_answer(state.problems.get("code"), state.ask_error, is_busy=state.is_saving)


class AlertDialog(_Question):
    """Below which balance to warn, or not at all."""

    def __init__(self, window: QWidget, vm: WalletViewModel, wallet: Wallet) -> None:
        super().__init__(
            window, tr("Low-balance alert"), tr("You are warned once, and again only after the balance recovered."),
            confirm=tr("Save alert"), name="alertDialog",
        )  # fmt: skip
        self._vm, self._currency = vm, wallet.balance.currency
        self.field = TextField(
            tr("Warn when the balance falls below"), name="alertThreshold", placeholder="10", max_length=AMOUNT_LENGTH
        )
        self.field.set_text(plain_amount(wallet.alert_threshold))
        self.body.addWidget(self.field)
        self.off = Button(tr("Do not warn"), "link", name="alertOff")
        if wallet.alert_threshold is None:
            self.off.hide()
        self.off.clicked.connect(lambda: vm.set_alert(None))
        self.body.addWidget(self.off)
        self.first_focus = self.field.edit
        self.field.submitted.connect(self.accept_default)
        self.confirmed.connect(self._on_confirmed)
        vm.changed.connect(self._on_changed)
        vm.alert_set.connect(self.close_overlay)
        self.closed.connect(vm.forget_problems)

    def _on_confirmed(self) -> None:
        amount = _read(self.field, self._currency)
        if amount is not None:
            self._vm.set_alert(amount)

    def _on_changed(self) -> None:
        state = self._vm.state
        self.show_answer(state.problems.get("threshold"), state.ask_error, is_busy=state.is_saving)


class RefundDialog(Dialog):
    """Sends unused credit back; says exactly how much."""

    def __init__(self, window: QWidget, vm: WalletViewModel, credit: Credit) -> None:
        credited, amount = exact_money(credit.refundable), exact_money(credit.refund_total or credit.refundable)
        super().__init__(
            window,
            tr("Send {amount} back to the card?", amount=amount),
            tr("{credit} of credit leaves your wallet now. {amount}, the tax paid on it included, goes back to the "
               "card it was bought with, and you get a credit note.", credit=credited, amount=amount),
            confirm=tr("Send back {amount}", amount=amount), cancel=tr("Keep the credit"), danger=True,
            name="refundDialog",
        )  # fmt: skip
        self._vm = vm
        self.confirmed.connect(lambda: vm.refund(credit))
        vm.changed.connect(self._on_changed)
        vm.refunded.connect(self.close_overlay)
        self.closed.connect(vm.forget_problems)

    def _on_changed(self) -> None:
        state = self._vm.state
        self.set_busy(state.is_saving)
        self.set_error(state.ask_error.sentence if state.ask_error is not None else None)


class CapDialog(_Question):
    """A new limit, or another one in the place of `cap`. Signals: chosen(CapScope, CapWindow, Money)."""

    chosen = Signal(object, object, object)

    def __init__(self, window: QWidget, scopes: tuple[CapScope, ...], cap: Cap | None, currency: str) -> None:
        title = tr("Change the limit of {name}", name=cap.scope_name) if cap else tr("Set a limit")
        super().__init__(
            window, title, tr("What was spent already in the running day or month counts."), confirm=tr("Save limit"),
            name="capDialog",
        )  # fmt: skip
        self._cap, self._currency = cap, currency
        self.scope = SelectField(tr("For"), [(scope_label(scope), scope) for scope in scopes], name="capScope")
        windows: list[tuple[str, object]] = [(cap_window(window), window) for window in CapWindow]
        self.window_field = SelectField(tr("Counted"), windows, name="capWindow")
        self.window_field.select.set_current(CapWindow.MONTH)
        self.field = TextField(tr("Limit"), name="capLimitField", placeholder="50", max_length=AMOUNT_LENGTH)
        if cap is None:
            self.body.addWidget(self.scope)
            self.body.addWidget(self.window_field)
        else:
            self.field.set_text(plain_amount(cap.limit))
            self.field.set_help(tr("Now {limit}.", limit=cap_limit(cap)))
        self.body.addWidget(self.field)
        self.first_focus = self.field.edit if cap is not None else self.scope.select
        self.field.submitted.connect(self.accept_default)
        self.confirmed.connect(self._on_confirmed)

    def _on_confirmed(self) -> None:
        amount = _read(self.field, self._currency)
        if amount is None:
            return
        if self._cap is not None:
            cap = self._cap
            self.chosen.emit(CapScope(cap.level, cap.scope_uuid, cap.scope_name), cap.window, amount)
        else:
            window = CapWindow(str(self.window_field.select.current()))  # Qt keeps a StrEnum as a plain string
            self.chosen.emit(self.scope.select.current(), window, amount)

    def show_problems(self, problems: Mapping[str, str], error: ErrorText | None, *, is_busy: bool) -> None:
        self.show_answer(problems.get("limit"), error, is_busy=is_busy)


class RaiseDialog(_Question):
    """More for 24 hours. Signals: chosen(Money)."""

    chosen = Signal(object)

    def __init__(self, window: QWidget, cap: Cap) -> None:
        super().__init__(
            window, tr("Raise the limit of {name} for 24 hours", name=cap.scope_name),
            tr("Afterwards it is {limit} again, by itself.", limit=exact_money(cap.limit)),
            confirm=tr("Raise limit"), name="raiseDialog",
        )  # fmt: skip
        self._cap = cap
        self.field = TextField(tr("Limit for 24 hours"), name="raiseLimit", max_length=AMOUNT_LENGTH)
        self.field.set_text(plain_amount(cap.limit * 2))
        self.body.addWidget(self.field)
        self.first_focus = self.field.edit
        self.field.submitted.connect(self.accept_default)
        self.confirmed.connect(self._on_confirmed)

    def _on_confirmed(self) -> None:
        above = Money(self._cap.limit.micros + self._cap.limit.minor_unit, self._cap.limit.currency)
        amount = _read(self.field, self._cap.limit.currency, above)
        if amount is not None:
            self.chosen.emit(amount)

    def show_problems(self, problems: Mapping[str, str], error: ErrorText | None, *, is_busy: bool) -> None:
        self.show_answer(problems.get("limit"), error, is_busy=is_busy)


def _read(field: TextField, currency: str, least: Money | None = None) -> Money | None:
    """What was typed; else the words beside the field and the keyboard in it."""
    code = amount_code(field.text(), currency, least=least)
    if code:
        field.set_error(amount_problem(code, least))
        field.edit.setFocus()
        return None
    return parse_amount(field.text(), currency)
