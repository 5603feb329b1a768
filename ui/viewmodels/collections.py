"""What support does with money: transfers that are due and came in, credit notes, disputes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from PySide6.QtCore import Signal

from services.api.errors import InvalidInput, KeyReused, NotFound, NotSignedIn, ServiceError, SumMoved, WrongState
from services.api.money import AMOUNT_MAX, Money
from services.api.types import (
    Dispute,
    Invoice,
    InvoiceKind,
    InvoiceQuery,
    ReceiveTransfer,
    Refunded,
    RefundPreview,
    RefundReason,
    RefundRequest,
    TransferDue,
    TransferReceived,
)
from ui.bridge import Area, Bridge
from ui.text import ErrorText, error_text
from ui.text.collections import REFUND, transfer_left
from ui.viewmodels.amounts import amount_code, parse_amount, plain_amount
from ui.viewmodels.base import ServiceHolder, Status, ViewModel
from ui.viewmodels.debounce import Debounce
from ui.viewmodels.invoice_search import InvoiceSearchViewModel
from ui.viewmodels.page import PageViewModel
from ui.viewmodels.plan_change_state import day_start

TOUCHES: tuple[Area, ...] = ("orders", "resources", "invoices", "wallet", "subscriptions")
FIELDS = ("amount", "bank_reference", "received_on", "note")
REFERENCE_MAX, NOTE_MAX, CREDIT_NOTES_SHOWN = 140, 2_000, 100
TYPING_MILLISECONDS = 250
OLDEST = timedelta(days=366)  # of a statement
# After these nothing was written under the key: the next try is another one.
DEFINITE = (InvalidInput, NotFound, KeyReused)


@dataclass(frozen=True, slots=True)
class CollectionsState:
    """`is_denied`: neither support nor a test workspace."""

    status: Status = Status.LOADING
    is_guest: bool = False
    is_denied: bool = False
    transfers: tuple[TransferDue, ...] = ()  # the most overdue first
    received: tuple[TransferReceived, ...] = ()  # newest first
    credit_notes: tuple[Invoice, ...] = ()  # newest first
    disputes: tuple[Dispute, ...] = ()  # open ones first
    now: datetime | None = None
    error: ErrorText | None = None

    @property
    def incoming(self) -> tuple[TransferDue, ...]:
        """What buyers still have to pay."""
        return tuple(one for one in self.transfers if one.subject != REFUND)

    @property
    def outgoing(self) -> tuple[TransferDue, ...]:
        """What support has to send back by transfer itself."""
        return tuple(one for one in self.transfers if one.subject == REFUND)

    def find(self, reference: str) -> TransferDue | None:
        return next((one for one in self.transfers if one.reference == reference), None)


class _Loaded(NamedTuple):
    transfers: tuple[TransferDue, ...]
    received: tuple[TransferReceived, ...]
    credit_notes: tuple[Invoice, ...]
    disputes: tuple[Dispute, ...]
    now: datetime


class CollectionsViewModel(PageViewModel[CollectionsState]):
    """Reads only after the first `load()`, then again after every change of money until `rest()`. Signals: changed."""

    CONCERNS = frozenset({"wallet", "orders", "subscriptions", "invoices", "session", "timeline"})

    def __init__(self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str]) -> None:
        super().__init__(bridge, holder, CollectionsState())
        self.receiving = ReceiveViewModel(bridge, holder, new_key)
        self.finding = InvoiceSearchViewModel(bridge, holder)

    # ---- inside

    def _read(self) -> None:
        if not self._service.actor.session:
            self._become(CollectionsState(Status.EMPTY, is_guest=True))
            return
        self._bridge.run(
            self, "load", self._fetch,
            then=self._on_loaded, failed=self._on_failed, policy="replace", retry=self.retry,
        )  # fmt: skip
        self.finding.refresh()

    async def _fetch(self) -> _Loaded:
        service = self._service
        transfers = await service.list_transfers()
        notes = await service.list_invoices(
            InvoiceQuery(kind=InvoiceKind.CREDIT_NOTE, page_size=CREDIT_NOTES_SHOWN, everywhere=True)
        )
        received, disputes = await service.list_received(), await service.list_disputes()
        return _Loaded(transfers, received, notes.items, disputes, (await service.get_timeline()).now)

    def _on_loaded(self, loaded: _Loaded) -> None:
        self._become(CollectionsState(Status.READY, **loaded._asdict()))
        self.receiving.follow(loaded.now)
        self.finding.follow(loaded.now)

    def _on_failed(self, error: ServiceError) -> None:
        if isinstance(error, NotSignedIn):
            self._become(CollectionsState(Status.EMPTY, is_guest=True))
        elif isinstance(error, NotFound):
            self._become(CollectionsState(Status.EMPTY, is_denied=True))
        else:
            is_known = self.state.status is Status.READY
            self._set(status=Status.READY if is_known else Status.ERROR, error=error_text(error))

    def _forget(self) -> None:
        self._bridge.cancel(self, "load")
        self._become(CollectionsState())


# ---- marking one as received


@dataclass(frozen=True, slots=True)
class ReceiveState:
    """The texts are as typed; `day_text` empty: today. `problems` hold codes."""

    due: TransferDue | None = None
    now: datetime | None = None
    amount_text: str = ""
    bank_reference: str = ""
    day_text: str = ""
    note: str = ""
    has_pressed: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)  # field -> code, from the service, until edited
    attempt_key: str = ""  # of an attempt whose outcome is not known
    is_sending: bool = False
    error: ErrorText | None = None

    @property
    def amount(self) -> Money | None:
        return parse_amount(self.amount_text, self.due.amount.currency) if self.due is not None else None

    @property
    def received_on(self) -> datetime | None:
        return day_start(self.day_text, self.now) if self.day_text.strip() and self.now is not None else None

    @property
    def is_locked(self) -> bool:
        """It may have been marked: nothing changes until that is known."""
        return bool(self.attempt_key)

    @property
    def problems_all(self) -> dict[str, str]:
        """Field -> code, topmost first."""
        codes = {"amount": self._amount_code(), "received_on": self._day_code()}
        if not self.bank_reference.strip():
            codes["bank_reference"] = "required"
        elif len(self.bank_reference) > REFERENCE_MAX:
            codes["bank_reference"] = "too_long"
        if len(self.note) > NOTE_MAX:
            codes["note"] = "too_long"
        codes |= dict(self.refused)
        return {name: codes[name] for name in FIELDS if codes.get(name)}

    @property
    def problems(self) -> dict[str, str]:
        return self.problems_all if self.has_pressed else dict(self.refused)

    def _amount_code(self) -> str:
        if self.due is None:
            return ""
        code = amount_code(self.amount_text, self.due.amount.currency)
        if code or self.amount is None:
            return code
        if self.amount.micros <= 0:
            return "not_positive"
        if self.amount.micros > AMOUNT_MAX:
            return "out_of_range"
        left = transfer_left(self.due)
        if self.due.subject == REFUND and self.amount != left:
            return "too_large" if left < self.amount else "too_small"
        return ""

    def _day_code(self) -> str:
        if not self.day_text.strip():
            return ""
        day = self.received_on
        if day is None:
            return "date_invalid"
        return "" if self.now is None or self.now - OLDEST <= day <= self.now else "out_of_range"


class ReceiveViewModel(ViewModel[ReceiveState]):
    """Money arrived: said by support, once for each reference of the bank.

    Signals: changed; received(TransferReceived); problems_found(field) - the first one.
    """

    received = Signal(object)
    problems_found = Signal(str)

    def __init__(self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str]) -> None:
        super().__init__(bridge, holder, ReceiveState())
        self._new_key = new_key
        holder.rebound.connect(self._on_rebound)

    def start(self, due: TransferDue, now: datetime | None) -> None:
        """With what is left as the amount; a try whose outcome is not known is gone on with."""
        state = self.state
        if state.is_locked and state.due is not None and state.due.reference == due.reference:
            return
        self._become(ReceiveState(due, now, plain_amount(transfer_left(due))))

    def follow(self, now: datetime) -> None:
        """The present of the workspace."""
        self._set(now=now)

    def edit(self, name: str, text: str) -> None:
        """`name`: amount | bank_reference | received_on | note."""
        names = {"amount": "amount_text", "received_on": "day_text"}
        if not self.state.is_locked and not self.state.is_sending:
            refused = {other: code for other, code in self.state.refused.items() if other != name}
            self._set(**{names.get(name, name): text}, refused=refused, error=None)

    def send(self) -> None:
        """Writes it down; a second press while that runs does nothing, after an unknown outcome it asks again."""
        if self.state.due is None or self.state.is_sending:
            return
        self._set(has_pressed=True)
        state = self.state
        amount = state.amount
        if state.problems_all or amount is None:
            self.problems_found.emit(next(iter(state.problems_all), "amount"))
            return
        key = state.attempt_key or self._new_key()
        request = ReceiveTransfer(
            self.state.due.reference if self.state.due else "", amount, state.bank_reference.strip(),
            state.received_on, state.note.strip(),
        )  # fmt: skip
        self._set(is_sending=True, attempt_key=key, error=None, refused={})
        self._bridge.run(
            self, "receive",
            lambda: self._service.receive_transfer(request, key=key),
            then=self._on_received, failed=self._on_failed, touches=TOUCHES, retry=self.send,
        )  # fmt: skip

    def close(self) -> None:
        """The question is closed; a try whose outcome is not known is not forgotten."""
        if not self.state.is_locked and not self.state.is_sending:
            self._become(ReceiveState())

    def _on_received(self, done: TransferReceived) -> None:
        self._become(ReceiveState())
        self.received.emit(done)

    def _on_failed(self, error: ServiceError) -> None:
        if isinstance(error, DEFINITE):
            self._set(attempt_key="")
        refused = {name: code for name, code in error.fields.items() if name in FIELDS}
        self._set(is_sending=False, refused=refused, error=None if refused else error_text(error))
        if refused:
            self.problems_found.emit(next(iter(self.state.problems_all)))

    def _on_rebound(self) -> None:
        self._bridge.cancel(self, "receive")
        self._become(ReceiveState())


# ---- giving money of an invoice back


@dataclass(frozen=True, slots=True)
class RefundState:
    """`amount_text` empty until the first preview: all that is left. `moved_from`: what was shown before it changed."""

    invoice: Invoice | None = None
    amount_text: str = ""
    reason: RefundReason = RefundReason.REQUESTED
    note: str = ""
    ends_access: bool = False
    preview: RefundPreview | None = None  # of exactly what is chosen
    refundable: Money | None = None
    is_previewing: bool = False
    is_sending: bool = False
    attempt_key: str = ""  # of an attempt whose outcome is not known
    moved_from: Money | None = None
    refused: Mapping[str, str] = field(default_factory=dict)  # field -> code, from the service, until edited
    error: ErrorText | None = None

    @property
    def amount(self) -> Money | None:
        return parse_amount(self.amount_text, self.invoice.total.currency) if self.invoice is not None else None

    @property
    def is_locked(self) -> bool:
        """It may have been given back: nothing changes until that is known."""
        return bool(self.attempt_key)

    @property
    def problems(self) -> dict[str, str]:
        """Field -> code: amount, note."""
        codes = {"amount": self._amount_code(), "note": "too_long" if len(self.note) > NOTE_MAX else ""}
        codes |= dict(self.refused)
        return {name: code for name, code in codes.items() if code}

    def _amount_code(self) -> str:
        if self.invoice is None or self.refundable is None:
            return ""
        code = amount_code(self.amount_text, self.refundable.currency, most=self.refundable)
        if code or self.amount is None:
            return "over_invoice" if code == "too_large" else code
        return "" if self.amount.micros > 0 else "not_positive"

    def request(self) -> RefundRequest:
        uuid = self.invoice.uuid if self.invoice is not None else ""
        return RefundRequest(uuid, self.amount, self.reason, self.note.strip(), self.ends_access)


class RefundViewModel(ViewModel[RefundState]):
    """Looked at first, then done with the hash of what was looked at; a sum that moved is asked about again.

    Signals: changed; refunded(Refunded); problems_found(field) - the first one.
    """

    refunded = Signal(object)
    problems_found = Signal(str)

    def __init__(self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str]) -> None:
        super().__init__(bridge, holder, RefundState())
        self._new_key = new_key
        self._typing = Debounce(TYPING_MILLISECONDS, self.look, self)
        holder.rebound.connect(self._on_rebound)

    def start(self, invoice: Invoice) -> None:
        """With all that is left; a try whose outcome is not known is gone on with."""
        state = self.state
        if (state.is_locked or state.is_sending) and state.invoice is not None and state.invoice.uuid == invoice.uuid:
            return
        self._become(RefundState(invoice))
        self.look()

    def type_amount(self, text: str) -> None:
        if text != self.state.amount_text and self._edit("amount", amount_text=text, preview=None):
            self._bridge.cancel(self, "preview")
            self._typing.trigger()

    def choose_reason(self, reason: RefundReason) -> None:
        if reason is not self.state.reason and self._edit("reason", reason=reason):
            self.look()

    def type_note(self, text: str) -> None:
        self._edit("note", note=text)

    def end_access(self, ends: bool) -> None:
        """The subscription of the invoice ends at once, or goes on."""
        if ends is not self.state.ends_access and self._edit("ends_access", ends_access=ends, preview=None):
            self.look()

    def look(self) -> None:
        """Asks what it would do; nothing is written."""
        self._typing.cancel()
        if self.state.invoice is None or (self.state.problems and not self.state.refused):
            self._bridge.cancel(self, "preview")
            self._set(is_previewing=False)
            return
        request = replace(self.state.request(), note="")  # the note changes nothing of the sum
        self._set(is_previewing=True, error=None)
        self._bridge.run(
            self, "preview",
            lambda: self._service.preview_refund(request),
            then=self._on_preview, failed=self._on_preview_failed, policy="replace", retry=self.look,
        )  # fmt: skip

    def send(self) -> None:
        """Does what is shown; a second press while that runs does nothing, after an unknown outcome it asks again."""
        state = self.state
        if state.is_sending or state.is_previewing:
            return
        if state.problems:
            self.problems_found.emit(next(iter(state.problems)))
            return
        if state.preview is None:
            self.look()
            return
        key, request, seen = state.attempt_key or self._new_key(), state.request(), state.preview.hash
        self._set(is_sending=True, attempt_key=key, error=None, moved_from=None)
        self._bridge.run(
            self, "refund",
            lambda: self._service.refund_invoice(request, seen, key=key),
            then=self._on_refunded, failed=self._on_failed, touches=TOUCHES, retry=self.send,
        )  # fmt: skip

    def close(self) -> None:
        """The question is closed; a try whose outcome is not known is not forgotten."""
        self._typing.cancel()
        if not self.state.is_locked and not self.state.is_sending:
            self._bridge.cancel(self, "preview")
            self._become(RefundState())

    # ---- inside

    def _edit(self, name: str, **changes: object) -> bool:
        if self.state.is_locked or self.state.is_sending:
            return False
        refused = {other: code for other, code in self.state.refused.items() if other != name}
        self._set(**changes, refused=refused, error=None, moved_from=None)
        return True

    def _on_preview(self, preview: RefundPreview) -> None:
        text = self.state.amount_text or plain_amount(preview.amount)
        self._set(preview=preview, refundable=preview.refundable, amount_text=text, is_previewing=False)

    def _on_preview_failed(self, error: ServiceError) -> None:
        refused = dict(error.fields)
        self._set(
            is_previewing=False, preview=None, refused=refused, error=None if refused else error_text(error)
        )  # fmt: skip

    def _on_refunded(self, done: Refunded) -> None:
        self._become(RefundState())
        self.refunded.emit(done)

    def _on_failed(self, error: ServiceError) -> None:
        if isinstance(error, (*DEFINITE, SumMoved, WrongState)):
            self._set(attempt_key="")
        before = self.state.preview.amount if self.state.preview is not None else None
        if isinstance(error, SumMoved):
            self._set(is_sending=False, moved_from=before, preview=None)
            self.look()
            return
        refused = dict(error.fields)
        self._set(is_sending=False, refused=refused, error=None if refused else error_text(error))
        if refused:
            self.problems_found.emit(next(iter(refused)))

    def _on_rebound(self) -> None:
        self._typing.cancel()
        for verb in ("preview", "refund"):
            self._bridge.cancel(self, verb)
        self._become(RefundState())
