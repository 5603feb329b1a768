"""The right half of checkout: who buys, for whom, how it is paid, the terms, and the one button that spends money."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QWidget

from services.api.types import PaymentMethod
from ui.pages.checkout.account import ACCOUNT_ERRORS, AccountSection
from ui.pages.checkout.names import NamesSection
from ui.pages.checkout.payment import PaymentSection
from ui.pages.checkout.tax import FIELDS as TAX_FIELDS
from ui.pages.checkout.tax import TaxSection
from ui.text import ErrorText, tr
from ui.viewmodels.checkout_state import AccountMode, CheckoutState, Phase
from ui.widgets.controls import Button, Card, Checkbox, column, label, rule
from ui.widgets.fields import FieldNote, TextArea
from ui.widgets.notices import Banner

LEFT_HALF = ("plan_uuid", "start_trial", "coupon")  # fields that stand on the other half
CENTER = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter


class PayingCard(Card):
    """Signals: pay_pressed(); terms_changed(bool); message_typed(str); acted() - the notice's button."""

    pay_pressed = Signal()
    terms_changed = Signal(bool)
    message_typed = Signal(str)
    acted = Signal()

    def __init__(self) -> None:
        super().__init__(24, 12, name="payingCard")
        self._is_rendering = False
        self.account = AccountSection()
        self.names = NamesSection()
        self.tax = TaxSection()
        self.payment = PaymentSection()
        self._pay_rule = rule()
        who = (self.account, self._message(), self._quote_hint(), self.names, self.tax)
        for part in (*who, self._pay_rule, self.payment):
            self.body.addWidget(part)
        self.body.addWidget(rule())
        self.body.addWidget(self._terms())
        self.body.addWidget(self._notice())
        self.body.addWidget(self._pay_button())
        self.body.addWidget(self._reassurance())

    def _message(self) -> TextArea:
        self.message = TextArea(
            tr("What should we know?"), name="quoteMessage", optional=True, lines=4,
            placeholder=tr("How many people will use it, how many calls a month, what it must connect to"),
        )  # fmt: skip
        self.message.changed.connect(self._on_message_changed)
        return self.message

    def _on_message_changed(self, text: str) -> None:
        if not self._is_rendering:
            self.message_typed.emit(text)

    def _quote_hint(self) -> QLabel:
        self._hint = label("", "muted", name="quoteHint", wrap=True)
        return self._hint

    def _terms(self) -> QWidget:
        self.terms = Checkbox(tr("I agree to the terms of service and the privacy policy"), name="termsCheckbox")
        self.terms.toggled.connect(self._on_terms_toggled)
        self._terms_note = FieldNote()
        self._terms_box = QWidget()
        self._terms_box.setLayout(column(self.terms, self._terms_note, spacing=4))
        return self._terms_box

    def _notice(self) -> Banner:
        self.notice = Banner(tone="danger", name="payNotice")
        self.notice.acted.connect(self.acted)
        self.notice.hide()
        return self.notice

    def _pay_button(self) -> Button:
        self.pay = Button("", "primary", "lock", name="payButton", big=True)
        self.pay.clicked.connect(self.pay_pressed)
        return self.pay

    def _reassurance(self) -> QWidget:
        self._words = label("", "small", name="reassurance", wrap=True, align=CENTER)
        return self._words

    def _on_terms_toggled(self, on: bool) -> None:
        if not self._is_rendering:
            self.terms_changed.emit(on)

    # -- state -----------------------------------------------------------------------------------------------------
    def show_state(self, state: CheckoutState) -> None:
        self._is_rendering = True
        self.account.show_state(state)
        self.names.show_state(state)
        self.tax.show_state(state)
        self.payment.show_state(state)
        self._hint.setVisible(state.is_quote)
        self._hint.setText(_quote_hint(state))
        self._show_message(state)
        for part in (self.names, self.tax, self._pay_rule, self.payment, self._terms_box):
            part.setVisible(not state.is_quote)
        self.terms.setChecked(state.terms_accepted)
        self.terms.setEnabled(not state.is_locked)
        self._terms_note.set_error(state.problems.get("terms_accepted"))
        self._show_notice(state)
        self._show_pay(state)
        self._is_rendering = False

    def _show_message(self, state: CheckoutState) -> None:
        self.message.setVisible(state.is_quote)
        self.message.set_text(state.message)
        self.message.edit.setReadOnly(state.is_busy)
        self.message.set_error(state.problems.get("message"))

    def _show_pay(self, state: CheckoutState) -> None:
        self.pay.setText(state.pay_label)
        self.pay.set_icon("mail" if state.is_quote else "external-link" if _goes_out(state) else "lock")
        self.pay.set_busy(state.is_busy)
        self.pay.setEnabled(state.can_pay or state.is_busy or state.phase in (Phase.CONFIRMING, Phase.AT_PROVIDER))
        self._words.setText(_reassurance(state))
        self._words.setVisible(bool(self._words.text()))

    def _show_notice(self, state: CheckoutState) -> None:
        text, tone, action = _notice(state)
        self.notice.set_message(text, tone, action)
        self.notice.setVisible(bool(text))

    # -- focus -----------------------------------------------------------------------------------------------------
    def focus_field(self, field: str) -> None:
        """To where the problem of this field is mended; "" is the pay button."""
        targets: dict[str, QWidget] = {
            "email": self.account.email.edit,
            "message": self.message.edit,
            "password": self.account.password.edit,
            "organization_name": self.names.organization.control,
            "project_name": self.names.project.control,
            "terms_accepted": self.terms,
            "": self.pay,
        }
        if field in ("payment_token", "payment_method"):
            self.payment.focus_chosen()
        elif field in TAX_FIELDS:
            self.tax.focus_field(field)
        elif field in targets:
            targets[field].setFocus(Qt.FocusReason.OtherFocusReason)

    def focus_first(self, state: CheckoutState) -> None:
        """On opening: the first thing still to be done; the pay button when there is none."""
        self.focus_field(next((name for name in state.all_problems if name not in LEFT_HALF), ""))

    def focus_failure(self, state: CheckoutState) -> bool:
        """After a refusal: the field it is about; False when it is about none and the focus stays where it is."""
        if state.error is not None and state.error.code in ACCOUNT_ERRORS:
            self.focus_field("password")
        elif state.first_problem_field:
            self.focus_field(state.first_problem_field)
        else:
            return False
        return True


def _notice(state: CheckoutState) -> tuple[str, str, str]:
    """Text, tone and the label of its one action; the text is empty when there is nothing to say."""
    error: ErrorText | None = state.error
    if state.phase is Phase.CONFIRMING:
        return tr("Your bank waits for your answer. Nothing is charged yet."), "warning", tr("Answer now")
    if state.phase is Phase.AT_PROVIDER:
        return (
            tr("A payment page is open in your browser. Nothing is charged before you finish there."),
            "info",
            tr("Show"),
        )
    if error is not None and error.code not in ACCOUNT_ERRORS:
        return error.sentence, "danger", error.action
    if error is None and state.notice:
        return state.notice, "warning", ""
    return "", "danger", ""


def _goes_out(state: CheckoutState) -> bool:
    """Whether the browser comes next."""
    return state.has_pages and state.opens_page and not state.is_locked


def _reassurance(state: CheckoutState) -> str:
    """What happens now, or why it is safe to press."""
    if state.phase is Phase.SIGNING_UP:
        return tr("Signing you in…") if state.account_mode is AccountMode.EXISTING else tr("Creating your account…")
    if state.phase is Phase.PAYING:
        return tr("Sending your request…") if state.is_quote else tr("Paying. This order is sent once.")
    if state.is_quote:
        return tr("We use this address for the answer only.")
    if state.summary is not None and state.summary.is_trial:
        return tr("Nothing is charged today. You can cancel at any time.")
    if state.is_wallet:
        return tr("Paid from your wallet at once.")
    if state.method is PaymentMethod.INVOICE and state.needs_payment:
        return tr("Nothing is charged now. You can cancel until you have paid.")
    if _goes_out(state):
        return _before_page(state)
    if not state.needs_payment:
        return tr("You can cancel or change the plan at any time.")
    return _before_charge(state)


def _before_charge(state: CheckoutState) -> str:
    """What is on file pays, or a try that goes on."""
    seconds = state.options.undo_seconds if state.options is not None else 0
    if seconds and not state.is_locked and state.method in (PaymentMethod.CARD, PaymentMethod.PAYPAL):
        return tr("You can take it back for {n} seconds.", n=seconds)
    if state.options is not None and state.options.is_test_mode:
        return tr("Test mode: no real money moves.")
    if state.method is PaymentMethod.CARD:
        return tr("We never see your card number.")
    return tr("You can cancel or change the plan at any time.")


def _before_page(state: CheckoutState) -> str:
    seconds = state.options.undo_seconds if state.options is not None else 0
    if seconds and state.method is not PaymentMethod.BANK:
        return tr("Opens in your browser. You can take it back for {n} seconds.", n=seconds)
    return tr("Opens in your browser. Nothing is charged before you finish.")


def _quote_hint(state: CheckoutState) -> str:
    if state.account is not None:
        email = state.account.email
        return tr(
            "The price goes to {email}. It is also under Subscriptions, in Quotes. A person answers within one working "
            "day; nothing is charged.",
            email=email,
        )
    return tr("Tell us where to send the price. A person answers within one working day; nothing is charged.")
