"""Support looks for somebody's invoice by what a caller can tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import Signal

from services.api.errors import ServiceError
from services.api.types import FoundInvoice, FoundInvoices, InvoiceSearch
from ui.bridge import Bridge
from ui.text import ErrorText, error_text
from ui.viewmodels.base import ServiceHolder, Status, ViewModel
from ui.viewmodels.debounce import Debounce

PAGE, PAGE_MAX = 20, 300
TEXT_MIN, TEXT_MAX = 2, 254
TYPING_MILLISECONDS = 250


@dataclass(frozen=True, slots=True)
class InvoiceSearchState:
    """`items` answer `asked`, which what is typed may be ahead of. `problem`: a field code of what is typed."""

    text: str = ""
    asked: str = ""
    status: Status = Status.EMPTY
    items: tuple[FoundInvoice, ...] = ()  # the first ones of `total`, newest first
    total: int = 0
    is_capped: bool = False
    is_reading_more: bool = False
    now: datetime | None = None  # of the workspace
    problem: str = ""
    error: ErrorText | None = None

    @property
    def is_open(self) -> bool:
        """Something is looked for: its answer is shown instead of the lists."""
        return bool(self.text.strip())

    @property
    def has_all(self) -> bool:
        return len(self.items) >= self.total


class InvoiceSearchViewModel(ViewModel[InvoiceSearchState]):
    """Signals: changed; entered() - Enter was pressed and the answer is there."""

    entered = Signal()

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, InvoiceSearchState())
        self._typing = Debounce(TYPING_MILLISECONDS, self._ask, self)
        self._is_entered = False
        holder.rebound.connect(self._on_rebound)

    # ---- verbs

    def type(self, text: str) -> None:
        """Searches when typing pauses; what was found before stays until then."""
        if text == self.state.text:
            return
        self._is_entered = False
        problem = self._problem(text)
        if problem or not text.strip():
            self._stop()
            self._become(InvoiceSearchState(text, problem=problem, now=self.state.now))
        elif self._tidy(text) == self.state.asked and self.state.status is Status.READY:
            self._stop()
            self._set(text=text, problem="")
        else:
            is_known = self.state.status is Status.READY
            self._set(text=text, problem="", error=None, status=Status.READY if is_known else Status.LOADING)
            self._typing.trigger()

    def enter(self) -> None:
        """Searches at once; `entered` says that there is something to go to."""
        self._is_entered = self.state.is_open and not self.state.problem
        if self._typing.is_pending:
            self._typing.flush()
        elif not self._bridge.is_running(self, "find"):
            self._tell_entered()

    def clear(self) -> None:
        self.type("")

    def retry(self) -> None:
        if self.state.is_open and not self.state.problem:
            is_known = self.state.status is Status.READY
            self._set(status=Status.READY if is_known else Status.LOADING, error=None)
            self._ask()

    def more(self) -> None:
        """The next page."""
        state = self.state
        if state.has_all or state.is_reading_more or state.status is not Status.READY:
            return
        search = InvoiceSearch(state.asked, len(state.items) // PAGE + 1, PAGE)
        self._set(is_reading_more=True, error=None)
        self._bridge.run(
            self, "more",
            lambda: self._service.find_invoices(search),
            then=self._on_more, failed=self._on_more_failed, retry=self.more,
        )  # fmt: skip

    def follow(self, now: datetime) -> None:
        """The present of the workspace."""
        self._set(now=now)

    def refresh(self) -> None:
        """Money moved: what is shown is read anew, as far as it was read."""
        is_settled = not self._typing.is_pending and not self._bridge.is_running(self, "find")
        if self.state.status is Status.READY and is_settled:
            self._read(InvoiceSearch(self.state.asked, 1, min(PAGE_MAX, max(PAGE, len(self.state.items)))))

    # ---- inside

    def _tidy(self, text: str) -> str:
        return " ".join(text.split())

    def _problem(self, text: str) -> str:
        length = len(self._tidy(text))
        if not length:
            return ""
        return "too_short" if length < TEXT_MIN else "too_long" if length > TEXT_MAX else ""

    def _ask(self) -> None:
        self._typing.cancel()
        self._bridge.cancel(self, "more")
        self._set(is_reading_more=False)
        self._read(InvoiceSearch(self._tidy(self.state.text), 1, PAGE))

    def _read(self, search: InvoiceSearch) -> None:
        self._bridge.run(
            self, "find",
            lambda: self._service.find_invoices(search),
            then=lambda found: self._on_found(search, found),
            failed=lambda error: self._on_failed(search, error), policy="replace", retry=self.retry,
        )  # fmt: skip

    def _on_found(self, search: InvoiceSearch, found: FoundInvoices) -> None:
        self._set(
            asked=search.text, status=Status.READY, items=found.items, total=found.total, is_capped=found.is_capped,
            error=None,
        )  # fmt: skip
        self._tell_entered()

    def _tell_entered(self) -> None:
        is_wanted, self._is_entered = self._is_entered, False
        if is_wanted and self.state.items:
            self.entered.emit()

    def _on_failed(self, search: InvoiceSearch, error: ServiceError) -> None:
        """An answer to another text is not left standing."""
        self._is_entered = False
        if self.state.status is Status.READY and search.text == self.state.asked:
            self._set(error=error_text(error))
            return
        now, problem = self.state.now, error.fields.get("text", "")
        status = Status.EMPTY if problem else Status.ERROR
        words = None if problem else error_text(error)
        self._become(InvoiceSearchState(self.state.text, status=status, problem=problem, error=words, now=now))

    def _on_more(self, found: FoundInvoices) -> None:
        known = {one.invoice.uuid for one in self.state.items}
        fresh = tuple(one for one in found.items if one.invoice.uuid not in known)
        items = self.state.items + fresh
        self._set(items=items, total=found.total if fresh else len(items), is_reading_more=False)

    def _on_more_failed(self, error: ServiceError) -> None:
        self._set(is_reading_more=False, error=error_text(error))

    def _stop(self) -> None:
        self._typing.cancel()
        for verb in ("find", "more"):
            self._bridge.cancel(self, verb)

    def _on_rebound(self) -> None:
        """Another person does not see what was found."""
        self._stop()
        self._is_entered = False
        self._become(InvoiceSearchState())
