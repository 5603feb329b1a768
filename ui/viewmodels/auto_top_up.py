"""Auto-top-up: three amounts, the way to pay, and the rehearsal on the last 90 days before it is switched on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from PySide6.QtCore import Signal

from services.api.errors import InvalidInput, ServiceError
from services.api.money import MICROS, Money
from services.api.types import PaymentOptions, Rehearsal, SavedMethod, SetAutoTopUp, Wallet
from ui.bridge import Bridge
from ui.text import ErrorText, error_text, field_text, field_texts
from ui.text.methods import new_method
from ui.text.wallet import amount_problem
from ui.viewmodels.amounts import amount_code, parse_amount, plain_amount
from ui.viewmodels.base import ServiceHolder, ViewModel
from ui.viewmodels.browser import Browser
from ui.viewmodels.debounce import Debounce
from ui.viewmodels.payment_methods import AddMethodViewModel, AddPhase, preselected_method

TYPING_MILLISECONDS = 300
AMOUNTS = ("threshold", "target", "monthly_limit")
FIELDS = (*AMOUNTS, "payment_token")
STARTING = (10, 50, 200)  # threshold, target, monthly limit in the major unit, when nothing was set before


@dataclass(frozen=True, slots=True)
class AutoTopUpState:
    is_on: bool = False  # as the service has it
    currency: str = "USD"
    threshold: str = ""  # the amounts as typed
    target: str = ""
    monthly_limit: str = ""
    options: PaymentOptions | None = None
    payment_token: str = field(default="", repr=False)  # of what is on file, or what stands for something new
    is_adding: bool = False  # something new is given on its page
    left: frozenset[str] = frozenset()
    has_pressed: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)  # field -> sentence, from the service, until edited
    rehearsal: Rehearsal | None = None  # of exactly what is typed
    is_rehearsing: bool = False
    is_saving: bool = False
    error: ErrorText | None = None

    @property
    def all_problems(self) -> dict[str, str]:
        found = _problems(self) | dict(self.refused)
        return {name: found[name] for name in FIELDS if name in found}

    @property
    def problems(self) -> dict[str, str]:
        """What stands beside its field now."""
        shown = FIELDS if self.has_pressed else (*self.left, *self.refused)
        return {name: text for name, text in self.all_problems.items() if name in shown}

    @property
    def can_switch_on(self) -> bool:
        """Only what was rehearsed may be switched on."""
        is_known = self.rehearsal is not None and not self.is_rehearsing
        return is_known and not self.is_saving and new_method(self.payment_token) is None

    def request(self, *, is_on: bool = True) -> SetAutoTopUp:
        threshold, target, limit = (
            parse_amount(text, self.currency) for text in (self.threshold, self.target, self.monthly_limit)
        )
        token = "" if new_method(self.payment_token) else self.payment_token
        return SetAutoTopUp(is_on, threshold, target, limit, token)


def _problems(state: AutoTopUpState) -> dict[str, str]:
    cent = Money(Money.zero(state.currency).minor_unit, state.currency)
    found = {
        name: amount_problem(code, cent)
        for name in AMOUNTS
        if (code := amount_code(getattr(state, name), state.currency, least=cent))
    }
    request = state.request()
    if request.threshold is not None and request.target is not None and not request.threshold < request.target:
        found.setdefault("target", amount_problem("below_threshold"))
    if request.target is not None and request.monthly_limit is not None and request.monthly_limit < request.target:
        found.setdefault("monthly_limit", amount_problem("below_target"))
    if not state.payment_token:
        found["payment_token"] = field_text("payment_token", "required")
    return found


class AutoTopUpViewModel(ViewModel[AutoTopUpState]):
    """Signals: changed; saved(bool) - it is on, or off; problems_found(field) - the first one."""

    saved = Signal(bool)
    problems_found = Signal(str)

    def __init__(
        self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], browser: Browser | None = None
    ) -> None:
        super().__init__(bridge, holder, AutoTopUpState())
        self.adding = AddMethodViewModel(bridge, holder, new_key, browser)
        self.adding.changed.connect(self._on_adding_changed)
        self.adding.added.connect(self._on_added)
        self._typing = Debounce(TYPING_MILLISECONDS, self._rehearse, self)
        holder.rebound.connect(self._on_rebound)

    # ---- verbs

    def start(self, wallet: Wallet, options: PaymentOptions | None) -> None:
        """As it is set, or a careful proposal; rehearsed at once."""
        auto, currency = wallet.auto_top_up, wallet.balance.currency
        known = (auto.threshold, auto.target, auto.monthly_limit)
        amounts = [
            plain_amount(amount if amount is not None else Money(start * MICROS, currency))
            for amount, start in zip(known, STARTING, strict=True)
        ]
        token = preselected_method(options, auto.payment_token) if options is not None else auto.payment_token
        self._become(AutoTopUpState(auto.is_on, currency, amounts[0], amounts[1], amounts[2], options, token))
        self._rehearse()

    def type(self, name: str, text: str) -> None:
        """`name`: threshold | target | monthly_limit."""
        if text != getattr(self.state, name) and not self.state.is_saving:
            self._edit(name, **{name: text})
            self._typing.trigger()

    def choose_card(self, token: str) -> None:
        if not self.state.is_saving and token != self.state.payment_token:
            self._edit("payment_token", payment_token=token)
            self._typing.trigger()

    def leave(self, name: str) -> None:
        """The reader went out of this field: its problem may be shown now."""
        self._set(left=self.state.left | {name})

    def switch_on(self) -> None:
        """Switches on, or keeps other amounts, once they were rehearsed; what is new is given on its page first."""
        self._set(has_pressed=True)
        fresh = new_method(self.state.payment_token)
        if self.state.all_problems:
            self.problems_found.emit(next(iter(self.state.all_problems)))
        elif fresh is not None and self.state.options is not None:
            self.adding.start(fresh, self.state.options.page_hosts)
        elif not self.state.can_switch_on:
            self._typing.flush()
        else:
            self._save(self.state.request())

    def switch_off(self) -> None:
        self._save(SetAutoTopUp(False))

    def close(self) -> None:
        self._typing.cancel()
        self._bridge.cancel(self, "rehearse")
        self._set(is_rehearsing=False)

    # ---- something new

    def _on_adding_changed(self) -> None:
        state = self.adding.state
        error = self.state.error if state.phase is AddPhase.IDLE else state.error
        self._set(is_adding=state.is_busy, error=error)

    def _on_added(self, saved: SavedMethod) -> None:
        """It is chosen, and everything typed is as it was."""
        self._edit("payment_token", payment_token=saved.token)
        self._bridge.run(
            self, "options", lambda: self._service.get_payment_options(),
            then=lambda options: self._set(options=options),
            failed=lambda error: self._set(error=error_text(error)), policy="replace",
        )  # fmt: skip
        self._rehearse()

    # ---- inside

    def _edit(self, name: str, **changes: object) -> None:
        refused = {key: text for key, text in self.state.refused.items() if key != name}
        self._set(**changes, refused=refused, rehearsal=None, error=None)

    def _rehearse(self) -> None:
        if self.state.all_problems:
            self._bridge.cancel(self, "rehearse")
            self._set(rehearsal=None, is_rehearsing=False)
            return
        request = self.state.request()
        self._set(is_rehearsing=True, error=None)
        self._bridge.run(
            self,
            "rehearse",
            lambda: self._service.rehearse_auto_top_up(request),
            then=lambda rehearsal: self._set(rehearsal=rehearsal, is_rehearsing=False),
            failed=self._on_failed,
            policy="replace",
        )

    def _save(self, request: SetAutoTopUp) -> None:
        self._set(is_saving=True, error=None)
        self._bridge.run(
            self,
            "save",
            lambda: self._service.set_auto_top_up(request),
            then=self._on_saved,
            failed=self._on_failed,
            touches=("wallet", "session", "invoices"),
            initiator=self,
        )

    def _on_saved(self, wallet: Wallet) -> None:
        self._set(is_on=wallet.auto_top_up.is_on, is_saving=False)
        self.saved.emit(wallet.auto_top_up.is_on)

    def _on_failed(self, error: ServiceError) -> None:
        fields = field_texts(error) if isinstance(error, InvalidInput) else {}
        fields |= {name: amount_problem(code) for name, code in error.fields.items() if name in AMOUNTS}
        self._set(
            is_rehearsing=False, is_saving=False, refused=fields, error=None if fields else error_text(error)
        )  # fmt: skip
        if fields and self.state.has_pressed and self.state.all_problems:
            self.problems_found.emit(next(iter(self.state.all_problems)))

    def _on_rebound(self) -> None:
        self._typing.cancel()
        for verb in ("rehearse", "save", "options"):
            self._bridge.cancel(self, verb)
        self._become(AutoTopUpState())
