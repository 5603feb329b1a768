"""Paying one open invoice: a way to pay, the buyer's confirmation, one key per attempt until its outcome is known."""

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
    ProviderRejected,
    ServiceError,
    WrongState,
)
from services.api.types import Invoice, Paid, PaymentMethod, PaymentOptions, PaymentState
from ui.bridge import Area, Bridge
from ui.text import ErrorText, error_text, exact_money, field_text, tr
from ui.text.methods import method_of, new_method
from ui.viewmodels.base import ServiceHolder, Status, ViewModel
from ui.viewmodels.browser import Browser
from ui.viewmodels.hosted_page import HostedPageViewModel
from ui.viewmodels.payment_methods import payment_page, preselected_method
from ui.viewmodels.top_up import PayPhase

# After these nothing was charged under the key and nothing will be: the next try is another attempt.
DEFINITE = (PaymentFailed, InvalidInput, NotFound, KeyReused, WrongState, ProviderRejected)
TOUCHES: tuple[Area, ...] = ("invoices", "subscriptions", "wallet", "session", "resources")


@dataclass(frozen=True, slots=True)
class InvoicePaymentState:
    """`card_problem` stands beside what pays, `error` above the button."""

    invoice: Invoice | None = None
    status: Status = Status.LOADING  # of the cards
    options: PaymentOptions | None = None
    payment_token: str = field(default="", repr=False)  # of what is on file, or what stands for something new
    is_at_once: bool = False  # what is due is confirmed as soon as the ways to pay are known
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
        """An attempt may have been charged: what pays stays until its outcome is known."""
        return bool(self.attempt_key)

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.options.page_hosts if self.options is not None else ()

    @property
    def method(self) -> PaymentMethod:
        """What kind of way pays."""
        return method_of(self.options, self.payment_token)


class InvoicePaymentViewModel(ViewModel[InvoicePaymentState]):
    """`page` waits for a page in the browser. Signals: changed; paid(Invoice); under_way(Paid) - the bank collects it;
    confirming() - the bank asks in our own window; refused() - what pays is to be looked at."""

    paid = Signal(object)
    under_way = Signal(object)
    confirming = Signal()
    refused = Signal()

    def __init__(
        self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], browser: Browser | None = None
    ) -> None:
        super().__init__(bridge, holder, InvoicePaymentState())
        self.page = HostedPageViewModel(bridge, holder, browser or Browser(parent=bridge))
        self._new_key = new_key
        self._return_url: str | None = None  # sent under the key of the attempt; the same again must be the same
        self.page.finished.connect(self._on_page_finished)
        self.page.canceled.connect(self._on_page_finished)
        self.page.failed.connect(self._on_failed)
        holder.rebound.connect(self._on_rebound)

    # ---- verbs

    def start(self, invoice: Invoice, *, at_once: bool = False) -> None:
        """Opens the question; an attempt still open for the same invoice is gone on with. `at_once`: the buyer said to
        confirm it with what is charged by default, so that only the bank's page is left."""
        state = self.state
        is_open = state.is_locked or state.phase in (PayPhase.PAYING, PayPhase.CONFIRMING, PayPhase.WAITING)
        if is_open and state.invoice is not None and state.invoice.uuid == invoice.uuid:
            return
        self._become(InvoicePaymentState(invoice, is_at_once=at_once))
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
        if state.phase is PayPhase.WAITING:
            self.page.attend()
        invoice = state.invoice
        if invoice is None or state.phase not in (PayPhase.IDLE, PayPhase.FAILED) or state.status is Status.LOADING:
            return
        if not state.payment_token:
            self._set(card_problem=field_text("payment_token", "required"))
            self.refused.emit()
            return
        if not state.attempt_key:
            self._return_url = None
        fresh, key = new_method(state.payment_token), state.attempt_key or self._new_key()
        token = "" if fresh is not None else state.payment_token
        self._set(phase=PayPhase.PAYING, attempt_key=key, error=None, card_problem="")

        async def work() -> Paid:
            if self._return_url is None:
                self._return_url = await self.page.return_url() if self.state.hosts else ""
            if fresh is None and not self._return_url:
                return await self._service.pay_invoice(invoice.uuid, token, key=key)
            return await self._service.pay_invoice(
                invoice.uuid, token, key=key, page=fresh, return_url=self._return_url
            )  # fmt: skip

        self._pay(work)

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
        token, at_once = self.state.payment_token or preselected_method(options), self.state.is_at_once
        self._set(status=Status.READY, options=options, payment_token=token, is_at_once=False)
        if at_once and token:
            self.pay()

    def _pay(self, work: Callable[[], Coroutine[Any, Any, Paid]]) -> None:  # Any: what a coroutine yields to its loop
        self._bridge.run(
            self, "pay", work,
            then=self._on_paid, failed=self._on_failed, touches=TOUCHES, initiator=self, retry=self.pay,
        )  # fmt: skip

    def _on_paid(self, paid: Paid) -> None:
        if paid.state is PaymentState.ACTION_REQUIRED:
            self._ask_buyer(paid)
            return
        if paid.state is PaymentState.CANCELED:  # given up: what was chosen is kept
            self._set(phase=PayPhase.IDLE, attempt_key="", payment_uuid="", error=None)
            return
        invoice = self.state.invoice
        self._set(phase=PayPhase.DONE, attempt_key="", payment_uuid="", error=None)
        if paid.state is PaymentState.PROCESSING:
            self.under_way.emit(paid)
        else:
            self.paid.emit(invoice)

    def _ask_buyer(self, paid: Paid) -> None:
        invoice = self.state.invoice
        what = tr("Invoice {number}", number=invoice.number) if invoice is not None else tr("Invoice")
        task = payment_page(
            lambda: self._service, paid, self.state.hosts, what=what, amount=exact_money(paid.amount)
        )  # fmt: skip
        if task is not None:
            self._set(phase=PayPhase.WAITING, payment_uuid=paid.payment_uuid)
            self.page.open(task)
            return
        self._set(phase=PayPhase.CONFIRMING, payment_uuid=paid.payment_uuid)
        self.confirming.emit()

    def _on_page_finished(self, paid: Paid) -> None:
        self._on_paid(paid)
        self._bridge.announce(*TOUCHES, initiator=self)

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
