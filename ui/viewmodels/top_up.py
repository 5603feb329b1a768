"""Buying credit: amount and way to pay, the tax before paying, one key per attempt until its outcome is known."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from PySide6.QtCore import Signal

from services.api.errors import InvalidInput, KeyReused, NotFound, PaymentFailed, ProviderRejected, ServiceError
from services.api.money import Money
from services.api.types import Paid, PaymentMethod, PaymentOptions, PaymentState, TopUp, TopUpQuote, Wallet
from ui.bridge import Area, Bridge
from ui.text import ErrorText, error_text, exact_money, field_text, field_texts, tr
from ui.text.methods import method_of, new_method
from ui.text.wallet import amount_problem
from ui.viewmodels.amounts import amount_code, parse_amount, plain_amount
from ui.viewmodels.base import ServiceHolder, ViewModel
from ui.viewmodels.browser import Browser
from ui.viewmodels.debounce import Debounce
from ui.viewmodels.hosted_page import HostedPageViewModel
from ui.viewmodels.payment_methods import payment_page, preselected_method

TYPING_MILLISECONDS = 200
# After these nothing was charged under the key and nothing will be: the next try is another attempt.
DEFINITE = (PaymentFailed, InvalidInput, NotFound, KeyReused, ProviderRejected)
TOUCHES: tuple[Area, ...] = ("wallet", "session", "invoices")


NOTHING = Money(0)


class PayPhase(StrEnum):
    IDLE = "idle"
    PAYING = "paying"
    CONFIRMING = "confirming"  # the page is in our own window
    WAITING = "waiting"  # the page is in the browser
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class TopUpState:
    packs: tuple[Money, ...] = ()
    least: Money = NOTHING
    most: Money = NOTHING
    currency: str = "USD"
    amount_text: str = ""
    options: PaymentOptions | None = None
    payment_token: str = field(default="", repr=False)  # of what is on file, or what stands for something new
    quote: TopUpQuote | None = None  # of the amount as it is typed
    is_quoting: bool = False
    has_pressed_pay: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)  # field -> sentence, from the service, until edited
    phase: PayPhase = PayPhase.IDLE
    attempt_key: str = ""  # of an attempt whose outcome is not known
    payment_uuid: str = ""
    error: ErrorText | None = None

    @property
    def amount(self) -> Money | None:
        return parse_amount(self.amount_text, self.currency)

    @property
    def is_busy(self) -> bool:
        return self.phase is PayPhase.PAYING

    @property
    def is_locked(self) -> bool:
        """An attempt may have been charged: amount and way to pay stay until its outcome is known."""
        return bool(self.attempt_key)

    @property
    def problems(self) -> dict[str, str]:
        found = dict(self.refused)
        code = amount_code(self.amount_text, self.currency, least=self.least, most=self.most)
        if code and (self.has_pressed_pay or code not in ("required", "too_small")):
            found["amount"] = amount_problem(code, self.least, self.most)
        if self.has_pressed_pay and not self.payment_token:
            found["payment_token"] = field_text("payment_token", "required")
        return {name: found[name] for name in ("amount", "payment_token") if name in found}

    def request(self) -> TopUp | None:
        amount, fresh = self.amount, new_method(self.payment_token)
        if amount is None:
            return None
        return TopUp(amount, payment_method=fresh) if fresh is not None else TopUp(amount, self.payment_token)

    @property
    def method(self) -> PaymentMethod:
        """What kind of way pays."""
        return method_of(self.options, self.payment_token)

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.options.page_hosts if self.options is not None else ()


class TopUpViewModel(ViewModel[TopUpState]):
    """`page` waits for a page in the browser. Signals: changed; paid(Paid) - or under way; confirming() - the bank asks
    in our own window; problems_found(field) - the first one."""

    paid = Signal(object)
    confirming = Signal()
    problems_found = Signal(str)

    def __init__(
        self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], browser: Browser | None = None
    ) -> None:
        super().__init__(bridge, holder, TopUpState())
        self.page = HostedPageViewModel(bridge, holder, browser or Browser(parent=bridge))
        self._new_key = new_key
        self._sent: TopUp | None = None  # under the key of the attempt; the same again must be the same
        self.page.finished.connect(self._on_page_finished)
        self.page.canceled.connect(self._on_page_finished)
        self.page.failed.connect(self._on_pay_failed)
        self._typing = Debounce(TYPING_MILLISECONDS, self._ask_quote, self)
        holder.rebound.connect(self._on_rebound)

    # ---- verbs

    def start(self, wallet: Wallet, options: PaymentOptions | None) -> None:
        """A fresh question with the middle pack chosen; an attempt still open is gone on with."""
        if self.state.is_locked or self.state.phase in (PayPhase.CONFIRMING, PayPhase.WAITING):
            return
        packs = wallet.packs
        chosen = packs[len(packs) // 2] if packs else wallet.top_up_min
        token = preselected_method(options)
        self._become(
            TopUpState(
                packs,
                wallet.top_up_min,
                wallet.top_up_max,
                wallet.balance.currency,
                plain_amount(chosen),
                options,
                token,
            )
        )
        self._ask_quote()

    def type_amount(self, text: str) -> None:
        if self._may_change() and text != self.state.amount_text:
            self._bridge.cancel(self, "quote")
            self._edit("amount", amount_text=text, quote=None, is_quoting=False)
            self._typing.trigger()

    def choose_pack(self, pack: Money) -> None:
        if self._may_change() and pack != self.state.amount:
            self._edit("amount", amount_text=plain_amount(pack), quote=None)
            self._ask_quote()

    def choose_card(self, token: str) -> None:
        if self._may_change():
            self._edit("payment_token", payment_token=token)

    def pay(self) -> None:
        """Buys the credit; a second press while that runs does nothing, after an unknown outcome it asks again."""
        if self.state.phase is PayPhase.WAITING:
            self.page.attend()
        if self.state.phase not in (PayPhase.IDLE, PayPhase.FAILED):
            return
        self._set(has_pressed_pay=True)
        request = self.state.request()
        if self.state.problems or request is None:
            self.problems_found.emit(next(iter(self.state.problems), "amount"))
            return
        if self.state.quote is None:  # the total is on the button before it is pressed
            self._typing.cancel()
            self._ask_quote()
            return
        if not self.state.attempt_key:
            self._sent = None
        key = self.state.attempt_key or self._new_key()
        self._set(phase=PayPhase.PAYING, attempt_key=key, error=None, refused={})

        async def work() -> Paid:
            if self._sent is None:
                url = await self.page.return_url() if self.state.hosts else ""
                self._sent = replace(request, return_url=url)
            return await self._service.top_up(self._sent, key=key)

        self._pay(work)

    def confirm(self, approve: bool) -> None:
        """The buyer's answer on the test provider's page."""
        uuid = self.state.payment_uuid
        if self.state.phase is PayPhase.CONFIRMING:
            self._set(phase=PayPhase.PAYING, error=None)
            self._pay(lambda: self._service.confirm_payment(uuid, approve=approve))

    def close(self) -> None:
        """The question is closed; what was done is forgotten, an open attempt is not."""
        self._typing.cancel()
        self._bridge.cancel(self, "quote")
        self._set(is_quoting=False)
        if self.state.phase is PayPhase.DONE:
            self._become(TopUpState())

    # ---- inside

    def _may_change(self) -> bool:
        return self.state.phase in (PayPhase.IDLE, PayPhase.FAILED) and not self.state.is_locked

    def _edit(self, name: str, **changes: object) -> None:
        refused = {key: text for key, text in self.state.refused.items() if key != name}
        self._set(**changes, refused=refused, phase=PayPhase.IDLE, error=None)

    def _ask_quote(self) -> None:
        request = self.state.request()
        code = amount_code(self.state.amount_text, self.state.currency, least=self.state.least, most=self.state.most)
        if request is None or code:
            self._bridge.cancel(self, "quote")
            self._set(is_quoting=False, quote=None)
            return
        self._set(is_quoting=True)
        self._bridge.run(
            self,
            "quote",
            lambda: self._service.quote_top_up(request),
            then=lambda quote: self._set(quote=quote, is_quoting=False),
            failed=self._on_quote_failed,
            policy="replace",
        )

    def _on_quote_failed(self, error: ServiceError) -> None:
        if isinstance(error, InvalidInput):
            self._set(is_quoting=False, refused=self._words(error))
        else:
            self._set(is_quoting=False, error=error_text(error))

    def _words(self, error: InvalidInput) -> dict[str, str]:
        words = field_texts(error)
        if "amount" in error.fields:
            words["amount"] = amount_problem(error.fields["amount"], self.state.least, self.state.most)
        return words

    def _pay(self, work: Callable[[], Coroutine[Any, Any, Paid]]) -> None:
        self._bridge.run(
            self,
            "pay",
            work,
            then=self._on_paid,
            failed=self._on_pay_failed,
            touches=TOUCHES,
            initiator=self,
            retry=self.pay,
        )

    def _on_paid(self, paid: Paid) -> None:
        if paid.state is PaymentState.ACTION_REQUIRED:
            self._ask_buyer(paid)
            return
        if paid.state is PaymentState.CANCELED:  # given up: everything typed is kept
            self._set(phase=PayPhase.IDLE, attempt_key="", payment_uuid="", error=None)
            return
        self._set(phase=PayPhase.DONE, attempt_key="", payment_uuid="", error=None)
        self.paid.emit(paid)

    def _ask_buyer(self, paid: Paid) -> None:
        amount = self.state.amount or paid.amount
        task = payment_page(
            lambda: self._service, paid, self.state.hosts,
            what=tr("Credit of {amount}", amount=exact_money(amount)), amount=exact_money(paid.amount),
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

    def _on_pay_failed(self, error: ServiceError) -> None:
        if isinstance(error, DEFINITE):
            self._set(attempt_key="", payment_uuid="")
        elif self.state.payment_uuid:  # the bank was asked; whether it heard the answer is not known
            self._set(phase=PayPhase.CONFIRMING, error=error_text(error))
            return
        fields = self._words(error) if isinstance(error, InvalidInput) else {}
        if isinstance(error, PaymentFailed):
            fields = {"payment_token": error_text(error).sentence}
        self._set(phase=PayPhase.FAILED, refused=fields, error=None if fields else error_text(error))
        if fields:
            self.problems_found.emit(next(iter(self.state.problems), ""))

    def _on_rebound(self) -> None:
        self._typing.cancel()
        for verb in ("quote", "pay"):
            self._bridge.cancel(self, verb)
        self._become(TopUpState())
