"""The wallet: balance, credits in spending order, what moved it; its dialogs have view-models of their own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from PySide6.QtCore import Signal

from services.api.errors import InvalidInput, NotSignedIn, ServiceError
from services.api.money import Money
from services.api.types import (
    Credit,
    Movement,
    MovementKind,
    MovementPage,
    MovementQuery,
    Paid,
    PaymentOptions,
    Wallet,
)
from ui.bridge import Bridge, Change
from ui.text import ErrorText, error_text, field_texts
from ui.text.wallet import amount_problem, code_problem
from ui.viewmodels.auto_top_up import AutoTopUpViewModel
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.browser import Browser
from ui.viewmodels.caps import CapsViewModel
from ui.viewmodels.debounce import Debounce
from ui.viewmodels.page import PageViewModel
from ui.viewmodels.payment_methods import PaymentMethodsViewModel
from ui.viewmodels.top_up import TopUpViewModel

T = TypeVar("T")
PAGE = 100
TYPING_MILLISECONDS = 250
MONTHS_SHOWN = 36


@dataclass(frozen=True, slots=True)
class MovementFilter:
    """`month`: "2027-03", in the reader's time zone; empty: all."""

    text: str = ""
    kind: MovementKind | None = None
    month: str = ""

    @property
    def is_on(self) -> bool:
        return bool(self.text.strip() or self.kind or self.month)

    def query(self, organization_uuid: str, page: int = 1) -> MovementQuery:
        start, end = bounds(self.month) if self.month else (None, None)
        return MovementQuery(organization_uuid, self.text.strip(), self.kind, start, end, page, PAGE)


@dataclass(frozen=True, slots=True)
class WalletState:
    """`movements` are the first ones of `movement_total`; more are read as they are wanted."""

    status: Status = Status.LOADING
    is_guest: bool = False
    wallet: Wallet | None = None
    options: PaymentOptions | None = None
    error: ErrorText | None = None
    filter: MovementFilter = MovementFilter()
    movements: tuple[Movement, ...] = ()
    movement_total: int = 0
    movement_status: Status = Status.LOADING
    movement_error: ErrorText | None = None
    months: tuple[str, ...] = ()  # with movements, newest first
    problems: Mapping[str, str] = field(default_factory=dict)  # of redeeming and of the alert: field -> sentence
    ask_error: ErrorText | None = None  # of the short questions
    is_saving: bool = False  # one of them is being answered

    @property
    def has_all(self) -> bool:
        return len(self.movements) >= self.movement_total


def month_of(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m}"


def bounds(month: str) -> tuple[datetime, datetime]:
    """The first instant of a month on the reader's clock and that of the next one, in UTC."""
    year, number = (int(part) for part in month.split("-"))
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    first, last = (datetime(*start, 1) for start in ((year, number), following))  # noqa: DTZ001  local on purpose
    return first.astimezone(UTC), last.astimezone(UTC)


def months_between(oldest: datetime, newest: datetime) -> tuple[str, ...]:
    """Every month from the newest back to the oldest, at most three years of them."""
    first, last = oldest.astimezone(), newest.astimezone()
    numbers = range(last.year * 12 + last.month - 1, first.year * 12 + first.month - 2, -1)
    return tuple(f"{number // 12:04d}-{number % 12 + 1:02d}" for number in numbers[:MONTHS_SHOWN])


def _field_words(error: InvalidInput) -> dict[str, str]:
    words = field_texts(error)
    if "code" in error.fields:
        words["code"] = code_problem(error.fields["code"])
    if "threshold" in error.fields:
        words["threshold"] = amount_problem(error.fields["threshold"])
    return words


class WalletViewModel(PageViewModel[WalletState]):
    """Reads only after the first `load()`, then again after every change that may move the balance.

    Signals: changed; redeemed(Money) - so much came in; refunded(Paid); alert_set(); exported(Document).
    """

    CONCERNS = frozenset({"wallet", "orders", "usage", "subscriptions", "invoices", "timeline", "session", "resources"})

    redeemed = Signal(object)
    refunded = Signal(object)
    alert_set = Signal()
    exported = Signal(object)

    def __init__(
        self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], browser: Browser | None = None
    ) -> None:
        super().__init__(bridge, holder, WalletState())
        self.top_up = TopUpViewModel(bridge, holder, new_key, browser)
        self.auto = AutoTopUpViewModel(bridge, holder, new_key, browser)
        self.caps = CapsViewModel(bridge, holder)
        self.methods = PaymentMethodsViewModel(bridge, holder, new_key, browser)
        self._new_key = new_key
        self._redeem_key = ("", "")  # the code and the key it was last sent with
        self._refund_keys: dict[str, str] = {}
        self._typing = Debounce(TYPING_MILLISECONDS, self._search, self)

    # ---- verbs

    # ---- movements

    def search(self, text: str) -> None:
        if text != self.state.filter.text:
            self._set(filter=replace(self.state.filter, text=text))
            self._typing.trigger()

    def choose_kind(self, kind: MovementKind | None) -> None:
        self._refilter(replace(self.state.filter, kind=kind))

    def choose_month(self, month: str) -> None:
        self._refilter(replace(self.state.filter, month=month))

    def clear_filter(self) -> None:
        self._refilter(MovementFilter())

    def more(self) -> None:
        """The next page, when the end of the list comes into sight."""
        if self.state.has_all or self.state.movement_status is not Status.READY:
            return
        query = self._query(len(self.state.movements) // PAGE + 1)
        self._bridge.run(
            self, "more", lambda: self._service.list_movements(query), then=self._on_more, failed=self._on_more_failed
        )

    def retry_movements(self) -> None:
        self._search()

    def export(self) -> None:
        """The statement of what is filtered, as a file; `exported` brings it."""
        query = self._query()
        self._bridge.run(self, "export", lambda: self._service.export_movements(query), then=self.exported.emit)

    # ---- short questions

    def redeem(self, code: str) -> None:
        """Adds what a gift or promotional code is worth."""
        wanted = code.strip().upper()
        if not wanted:
            self._set(problems={"code": code_problem("required")})
            return
        if self._redeem_key[0] != wanted:
            self._redeem_key = (wanted, self._new_key())
        known = {credit.uuid for credit in self.state.wallet.credits} if self.state.wallet else set()
        self._ask(
            lambda: self._service.redeem_code(wanted, key=self._redeem_key[1]),
            lambda wallet: self._on_redeemed(wallet, known),
        )

    def set_alert(self, threshold: Money | None) -> None:
        """Warns below this balance; None never does."""
        self._ask(lambda: self._service.set_low_balance_alert(threshold), self._on_alert_set)

    def refund(self, credit: Credit) -> None:
        """Sends what is left of a paid credit back to the card it came from."""
        key = self._refund_keys.setdefault(credit.uuid, self._new_key())
        self._ask(lambda: self._service.refund_credit(credit.uuid, key=key), self._on_refunded)

    def forget_problems(self) -> None:
        """A question was closed or what was typed changed."""
        self._set(problems={}, ask_error=None)

    def _ask(self, work: Callable[[], Coroutine[Any, Any, T]], then: Callable[[T], None]) -> None:
        self._set(is_saving=True, problems={}, ask_error=None)
        self._bridge.run(
            self,
            "ask",
            work,
            then=then,
            failed=self._on_ask_failed,
            touches=("wallet", "session", "invoices"),
            initiator=self,
        )

    def _on_redeemed(self, wallet: Wallet, known: set[str]) -> None:
        self._redeem_key = ("", "")
        fresh = [credit.amount for credit in wallet.credits if credit.uuid not in known]
        self._on_answered(wallet)
        self.redeemed.emit(sum(fresh, Money.zero(wallet.balance.currency)))

    def _on_alert_set(self, wallet: Wallet) -> None:
        self._on_answered(wallet)
        self.alert_set.emit()

    def _on_refunded(self, paid: Paid) -> None:
        self._set(is_saving=False)
        self._read()
        self.refunded.emit(paid)

    def _on_answered(self, wallet: Wallet) -> None:
        self._set(wallet=wallet, is_saving=False)
        self._read()

    def _on_ask_failed(self, error: ServiceError) -> None:
        fields = _field_words(error) if isinstance(error, InvalidInput) else {}
        self._set(is_saving=False, problems=fields, ask_error=None if fields else error_text(error))

    # ---- reading

    def _read(self) -> None:
        if not self._service.actor.session:
            self._become(WalletState(Status.EMPTY, is_guest=True))
            return
        self._bridge.run(
            self, "load", self._load, then=self._on_loaded, failed=self._on_failed, policy="replace", retry=self.retry
        )
        self._read_movements()

    async def _load(self) -> tuple[Wallet, PaymentOptions]:
        return await self._service.get_wallet(), await self._service.get_payment_options()

    def _on_loaded(self, loaded: tuple[Wallet, PaymentOptions]) -> None:
        wallet, options = loaded
        self._set(status=Status.READY, is_guest=False, wallet=wallet, options=options, error=None)
        if self._is_wanted:
            self.caps.load()

    def _on_failed(self, error: ServiceError) -> None:
        if isinstance(error, NotSignedIn):
            self._become(WalletState(Status.EMPTY, is_guest=True))
            return
        self._set(status=Status.READY if self.state.wallet else Status.ERROR, error=error_text(error))

    def _query(self, page: int = 1) -> MovementQuery:
        return self.state.filter.query("", page)

    def _refilter(self, wanted: MovementFilter) -> None:
        if wanted != self.state.filter:
            self._set(filter=wanted)
            self._search()

    def _search(self) -> None:
        self._typing.cancel()
        self._bridge.cancel(self, "more")
        self._set(movement_status=Status.LOADING, movement_error=None)
        self._read_movements()

    def _read_movements(self) -> None:
        self._bridge.run(
            self,
            "movements",
            self._load_movements,
            then=self._on_movements,
            failed=self._on_movements_failed,
            policy="replace",
        )

    async def _load_movements(self) -> tuple[MovementPage, tuple[str, ...] | None]:
        """The first page of what is filtered; without a filter also which months there are."""
        chosen = self.state.filter
        found = await self._service.list_movements(chosen.query(""))
        if chosen.is_on or not found.items:
            return found, None
        last = MovementQuery(page=found.total, page_size=1)
        oldest = found.items if len(found.items) == found.total else (await self._service.list_movements(last)).items
        return found, months_between((oldest or found.items)[-1].at, found.items[0].at)

    def _on_movements(self, loaded: tuple[MovementPage, tuple[str, ...] | None]) -> None:
        found, months = loaded
        self._bridge.cancel(self, "more")
        self._set(
            movements=self._with_older(found),
            movement_total=found.total,
            movement_status=Status.READY if found.items else Status.EMPTY,
            movement_error=None,
            months=self.state.months if months is None else months,
        )

    def _with_older(self, found: MovementPage) -> tuple[Movement, ...]:
        """What was read further down stays, unless the filter is another or movements are gone."""
        state = self.state
        fresh = found.total - state.movement_total
        is_same = state.movement_status is Status.READY and 0 <= fresh < len(found.items)
        if not is_same or found.items[fresh:] != state.movements[: len(found.items) - fresh]:
            return found.items
        return (*found.items[:fresh], *state.movements)

    def _on_movements_failed(self, error: ServiceError) -> None:
        status = Status.ERROR if self.state.movement_status is Status.LOADING else self.state.movement_status
        self._set(movement_status=status, movement_error=error_text(error))

    def _on_more(self, page: MovementPage) -> None:
        known = {movement.uuid for movement in self.state.movements}
        fresh = tuple(movement for movement in page.items if movement.uuid not in known)
        total = page.total if fresh else len(self.state.movements)
        self._set(movements=self.state.movements + fresh, movement_total=total)

    def _on_more_failed(self, error: ServiceError) -> None:
        self._set(movement_error=error_text(error))

    # ---- following

    def _concerns(self, change: Change) -> bool:
        return super()._concerns(change) and change.initiator is not self

    def _forget(self) -> None:
        """Another person's money is not shown."""
        for verb in ("load", "movements", "more", "ask", "export"):
            self._bridge.cancel(self, verb)
        self._refund_keys.clear()
        self._become(WalletState())
