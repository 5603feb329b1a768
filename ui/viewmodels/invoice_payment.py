"""Paying one open invoice: a card, the bank's question, and one key per attempt until its outcome is known."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import Signal

from services.api.errors import (
    InvalidInput,
    KeyReused,
    NotFound,
    PaymentFailed,
    ServiceError,
    WrongState,
)
from services.api.types import Invoice, Paid, PaymentOptions, PaymentState
from ui.bridge import Area, Bridge
from ui.text import ErrorText, error_text, field_text
from ui.viewmodels.base import ServiceHolder, Status, ViewModel
from ui.viewmodels.checkout_state import preselected_card
from ui.viewmodels.top_up import PayPhase

# After these nothing was charged under the key and nothing will be: the next try is another attempt.
DEFINITE = (PaymentFailed, InvalidInput, NotFound, KeyReused, WrongState)
TOUCHES: tuple[Area, ...] = ("invoices", "subscriptions", "wallet", "session", "resources")


@dataclass(frozen=True, slots=True)
class InvoicePaymentState:
    """`card_problem` stands beside the card, `error` above the button."""

    invoice: Invoice | None = None
    status: Status = Status.LOADING  # of the cards
    options: PaymentOptions | None = None
    payment_token: str = field(default="", repr=False)
    phase: PayPhase = PayPhase.IDLE
    attempt_key: str = ""  # of an attempt whose outcome is not known
    payment_uuid: str = ""
    card_problem: str = ""
    error: ErrorText | None = None

    @property
    def is_busy(self) -> bool:
        return self.phase is PayPhase.PAYING

    @property
    def is_locked(self) -> bool:
        """An attempt may have been charged: the card stays until its outcome is known."""
        return bool(self.attempt_key)


class InvoicePaymentViewModel(ViewModel[InvoicePaymentState]):
    """Signals: changed; paid(Invoice); confirming() - the bank asks; refused() - the card is to be looked at."""

    paid = Signal(object)
    confirming = Signal()
    refused = Signal()

    def __init__(self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str]) -> None:
        super().__init__(bridge, holder, InvoicePaymentState())
        self._new_key = new_key
        holder.rebound.connect(self._on_rebound)

    # ---- verbs

    def start(self, invoice: Invoice) -> None:
        """Opens the question; an attempt still open for the same invoice is gone on with."""
        state = self.state
        is_open = state.is_locked or state.phase in (PayPhase.PAYING, PayPhase.CONFIRMING)
        if is_open and state.invoice is not None and state.invoice.uuid == invoice.uuid:
            return
        self._become(InvoicePaymentState(invoice))
        self.load_cards()

    def load_cards(self) -> None:
        self._set(status=Status.LOADING, error=None)
        self._bridge.run(
            self, "cards",
            lambda: self._service.get_payment_options(),
            then=self._on_cards,
            failed=lambda error: self._set(status=Status.ERROR, error=error_text(error)),
            policy="replace",
            retry=self.load_cards,
        )  # fmt: skip

    def choose_card(self, token: str) -> None:
        if self.state.phase in (PayPhase.IDLE, PayPhase.FAILED) and not self.state.is_locked:
            self._set(payment_token=token, card_problem="", error=None, phase=PayPhase.IDLE)

    def pay(self) -> None:
        """Pays what is due; a second press while that runs does nothing, after an unknown outcome it asks again."""
        state = self.state
        invoice = state.invoice
        if invoice is None or state.phase not in (PayPhase.IDLE, PayPhase.FAILED) or state.status is Status.LOADING:
            return
        if not state.payment_token:
            self._set(card_problem=field_text("payment_token", "required"))
            self.refused.emit()
            return
        token, key = state.payment_token, state.attempt_key or self._new_key()
        self._set(phase=PayPhase.PAYING, attempt_key=key, error=None, card_problem="")
        self._pay(lambda: self._service.pay_invoice(invoice.uuid, token, key=key))

    def confirm(self, approve: bool) -> None:
        """The payer's answer on the test provider's page."""
        uuid = self.state.payment_uuid
        if self.state.phase is PayPhase.CONFIRMING:
            self._set(phase=PayPhase.PAYING, error=None)
            self._pay(lambda: self._service.confirm_payment(uuid, approve=approve))

    def close(self) -> None:
        """The question is closed; an attempt still open is not forgotten."""
        if not self.state.is_locked:
            self._bridge.cancel(self, "cards")
            self._become(InvoicePaymentState())

    # ---- inside

    def _on_cards(self, options: PaymentOptions) -> None:
        token = self.state.payment_token or preselected_card(options, "")
        self._set(status=Status.READY, options=options, payment_token=token)

    def _pay(self, work: Callable[[], Coroutine[Any, Any, Paid]]) -> None:  # Any: what a coroutine yields to its loop
        self._bridge.run(
            self, "pay", work,
            then=self._on_paid, failed=self._on_failed, touches=TOUCHES, initiator=self, retry=self.pay,
        )  # fmt: skip

    def _on_paid(self, paid: Paid) -> None:
        if paid.state is PaymentState.ACTION_REQUIRED:
            self._set(phase=PayPhase.CONFIRMING, payment_uuid=paid.payment_uuid)
            self.confirming.emit()
            return
        invoice = self.state.invoice
        self._set(phase=PayPhase.DONE, attempt_key="", payment_uuid="", error=None)
        self.paid.emit(invoice)

    def _on_failed(self, error: ServiceError) -> None:
        if isinstance(error, DEFINITE):
            self._set(attempt_key="", payment_uuid="")
        elif self.state.payment_uuid:  # the bank was asked; whether it heard the answer is not known
            self._set(phase=PayPhase.CONFIRMING, error=error_text(error))
            return
        problem = ""
        if isinstance(error, PaymentFailed):
            problem = error_text(error).sentence
        elif isinstance(error, InvalidInput) and "payment_token" in error.fields:
            problem = field_text("payment_token", error.fields["payment_token"])
        self._set(phase=PayPhase.FAILED, card_problem=problem, error=None if problem else error_text(error))
        if problem:
            self.refused.emit()

    def _on_rebound(self) -> None:
        for verb in ("cards", "pay"):
            self._bridge.cancel(self, verb)
        self._become(InvoicePaymentState())
