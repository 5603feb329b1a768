"""Prices made by hand: asked for, offered, accepted; in test mode one may answer as sales oneself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from PySide6.QtCore import Signal

from services.api.errors import InvalidInput, KeyReused, NotFound, NotSignedIn, PaymentFailed, ServiceError, WrongState
from services.api.money import Money, Rate
from services.api.types import BillingCycle, Placed, Quote, QuoteState, QuoteTerms
from ui.bridge import Bridge
from ui.text import ErrorText, error_text
from ui.viewmodels.amounts import parse_amount
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.page import PageViewModel

DEFINITE = (PaymentFailed, InvalidInput, NotFound, KeyReused, WrongState)
VALID_DAYS = (14, 30, 60)
CALLS_MAX = 1_000_000_000
NET_DAYS_MAX = 365
RATE_LONGEST = 22  # "999.000000000000000001": no call costs more
NOTE_MAX = 4000


@dataclass(frozen=True, slots=True)
class AnswerDraft:
    """What sales types; texts as typed. `overage_text` empty: calls beyond the included are refused."""

    quote_uuid: str
    price_text: str = ""
    cycle: BillingCycle = BillingCycle.MONTHLY
    is_unlimited: bool = True
    calls_text: str = ""
    overage_text: str = ""
    valid_days: int = 30
    net_days_text: str = "30"
    note: str = ""
    has_pressed: bool = False
    is_sending: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    error: ErrorText | None = None

    @property
    def price(self) -> Money | None:
        """What a month costs, or None while that is no amount."""
        return parse_amount(self.price_text)

    @property
    def overage(self) -> Rate | None:
        figures = _figures(self.overage_text)
        try:
            return Rate.parse(figures) if len(figures) <= RATE_LONGEST else None
        except ValueError:
            return None

    @property
    def problems_all(self) -> dict[str, str]:
        """Field -> code, topmost first."""
        codes: dict[str, str] = {}
        if not self.price_text.strip():
            codes["monthly_price"] = "required"
        elif self.price is None:
            codes["monthly_price"] = "amount_invalid"
        elif self.price.micros <= 0:
            codes["monthly_price"] = "too_small"
        if not self.is_unlimited:
            codes |= _whole("included_calls", self.calls_text, CALLS_MAX)
            if self.overage_text.strip() and self.overage is None:
                codes["overage"] = "amount_invalid"
        codes |= _whole("net_days", self.net_days_text, NET_DAYS_MAX)
        if len(self.note) > NOTE_MAX:
            codes["note"] = "too_long"
        return codes | dict(self.refused)

    @property
    def problems(self) -> dict[str, str]:
        return self.problems_all if self.has_pressed else dict(self.refused)

    def terms(self, now: datetime) -> QuoteTerms:
        """Call it only when nothing is wrong."""
        return QuoteTerms(
            monthly_price=self.price or Money.zero(),
            valid_until=now + timedelta(days=self.valid_days),
            cycle=self.cycle,
            included_calls=None if self.is_unlimited else int(_figures(self.calls_text)),
            overage=None if self.is_unlimited else self.overage,
            net_days=int(_figures(self.net_days_text)),
            note=self.note.strip(),
        )


@dataclass(frozen=True, slots=True)
class QuotesState:
    """`errors` stand with the quote they are about."""

    status: Status = Status.LOADING
    is_guest: bool = False
    items: tuple[Quote, ...] = ()
    now: datetime | None = None
    busy: str = ""  # the quote being accepted or declined
    errors: Mapping[str, ErrorText] = field(default_factory=dict)
    answer: AnswerDraft | None = None
    error: ErrorText | None = None

    @property
    def open(self) -> tuple[Quote, ...]:
        """What somebody has to answer: offers first."""
        order = {QuoteState.OFFERED: 0, QuoteState.REQUESTED: 1}
        return tuple(sorted((one for one in self.items if one.state in order), key=lambda one: order[one.state]))

    @property
    def closed(self) -> tuple[Quote, ...]:
        return tuple(one for one in self.items if one.state not in (QuoteState.OFFERED, QuoteState.REQUESTED))

    def find(self, uuid: str) -> Quote | None:
        return next((one for one in self.items if one.uuid == uuid), None)


class _Loaded(NamedTuple):
    items: tuple[Quote, ...]
    now: datetime


class QuotesViewModel(PageViewModel[QuotesState]):
    """Signals: changed; problems_found(field); answered, declined(Quote); placed(Placed) - an offer was taken."""

    CONCERNS = frozenset({"quotes", "orders", "session", "timeline"})

    placed = Signal(object)
    problems_found = Signal(str)
    answered = Signal(object)
    declined = Signal(object)

    def __init__(self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str]) -> None:
        super().__init__(bridge, holder, QuotesState())
        self._new_key = new_key
        self._keys: dict[str, str] = {}  # of acceptances whose outcome is not known, by quote

    # ---- the buyer's answer

    def accept(self, uuid: str) -> None:
        """Makes the order. Pressed again after an unknown outcome, it asks for the same order."""
        if self.state.busy:
            return
        key = self._keys.setdefault(uuid, self._new_key())
        self._busy_with(uuid)
        self._bridge.run(
            self, "answer",
            lambda: self._service.accept_quote(uuid, key=key),
            then=lambda placed: self._on_accepted(uuid, placed),
            failed=lambda error: self._on_refused(uuid, error),
            touches=("quotes", "subscriptions", "orders", "resources", "invoices"),
        )  # fmt: skip

    def decline(self, uuid: str) -> None:
        if self.state.busy:
            return
        self._busy_with(uuid)
        self._bridge.run(
            self, "answer",
            lambda: self._service.decline_quote(uuid),
            then=self._on_declined,
            failed=lambda error: self._on_refused(uuid, error),
            touches=("quotes",),
        )  # fmt: skip

    def _busy_with(self, uuid: str) -> None:
        self._set(busy=uuid, errors={one: text for one, text in self.state.errors.items() if one != uuid})

    def _on_accepted(self, uuid: str, placed: Placed) -> None:
        self._keys.pop(uuid, None)
        self._set(busy="")
        self.placed.emit(placed)

    def _on_declined(self, quote: Quote) -> None:
        self._replace(quote)
        self._set(busy="")
        self.declined.emit(quote)

    def _on_refused(self, uuid: str, error: ServiceError) -> None:
        if isinstance(error, DEFINITE):
            self._keys.pop(uuid, None)
        self._set(busy="", errors={**self.state.errors, uuid: error_text(error)})
        if isinstance(error, WrongState | NotFound):
            self._read()

    # ---- answering as sales

    def start_answer(self, uuid: str) -> None:
        """Opens the form; what was offered before is in it."""
        quote = self.state.find(uuid)
        if quote is not None and quote.can_answer:
            self._set(answer=AnswerDraft(uuid))

    def edit_answer(self, field_name: str, **changes: object) -> None:
        """`edit_answer("monthly_price", price_text="450")`: what was said about this field goes away."""
        draft = self.state.answer
        if draft is not None and not draft.is_sending:
            refused = {name: code for name, code in draft.refused.items() if name != field_name}
            self._set(answer=replace(draft, **changes, refused=refused, error=None))  # type: ignore[arg-type] # by name

    def send_answer(self) -> None:
        draft, now = self.state.answer, self.state.now
        if draft is None or draft.is_sending or now is None:
            return
        self._set(answer=replace(draft, has_pressed=True))
        if wrong := next(iter(draft.problems_all), ""):
            self.problems_found.emit(wrong)
            return
        self._set(answer=replace(draft, has_pressed=True, is_sending=True, error=None))
        self._bridge.run(
            self, "offer",
            lambda: self._service.offer_quote(draft.quote_uuid, draft.terms(now)),
            then=self._on_offered,
            failed=self._on_offer_failed,
            touches=("quotes",),
        )  # fmt: skip

    def close_answer(self) -> None:
        if self.state.answer is not None and not self.state.answer.is_sending:
            self._set(answer=None)

    def _on_offered(self, quote: Quote) -> None:
        self._replace(quote)
        self._set(answer=None)
        self.answered.emit(quote)

    def _on_offer_failed(self, error: ServiceError) -> None:
        if self.state.answer is not None:
            refused = dict(error.fields) if isinstance(error, InvalidInput) else {}
            draft = replace(self.state.answer, is_sending=False, refused=refused, error=error_text(error))
            self._set(answer=draft)
            if refused:
                self.problems_found.emit(next(iter(refused)))

    # ---- inside

    def _replace(self, quote: Quote) -> None:
        self._set(items=tuple(quote if one.uuid == quote.uuid else one for one in self.state.items))

    def _read(self) -> None:
        if not self._service.actor.session:
            self._become(QuotesState(Status.EMPTY, is_guest=True))
            return
        self._bridge.run(
            self, "load", self._fetch,
            then=self._on_loaded, failed=self._on_failed, policy="replace", retry=self.retry,
        )  # fmt: skip

    async def _fetch(self) -> _Loaded:
        return _Loaded(await self._service.list_quotes(), (await self._service.get_timeline()).now)

    def _on_loaded(self, loaded: _Loaded) -> None:
        status = Status.READY if loaded.items else Status.EMPTY
        self._set(status=status, is_guest=False, items=loaded.items, now=loaded.now, error=None)

    def _on_failed(self, error: ServiceError) -> None:
        if isinstance(error, NotSignedIn):
            self._become(QuotesState(Status.EMPTY, is_guest=True))
            return
        self._set(status=Status.READY if self.state.items else Status.ERROR, error=error_text(error))

    def _forget(self) -> None:
        self._bridge.cancel(self, "load")
        self._keys.clear()
        self._become(QuotesState())


def _figures(text: str) -> str:
    """An amount as people type it: "$1,200.50" is 1200.50."""
    return text.strip().removeprefix("$").replace(",", "").strip()


def _whole(name: str, text: str, most: int) -> dict[str, str]:
    """The code of what is wrong with a whole number that must be from 1 to `most`."""
    figures = _figures(text)
    if not figures:
        return {name: "required"}
    is_number = figures.isascii() and figures.isdigit() and len(figures) <= len(str(most))
    return {} if is_number and 1 <= int(figures) <= most else {name: "out_of_range"}
