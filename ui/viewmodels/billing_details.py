"""Who invoices are made out to: for those to come, or for one that was made already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from PySide6.QtCore import Signal

from services.api.errors import InvalidInput, KeyReused, NotFound, ServiceError, WrongState
from services.api.types import BillingDetails, Corrected, Invoice
from ui.bridge import Area, Bridge
from ui.text import ErrorText, error_text, field_texts
from ui.viewmodels.base import ServiceHolder, Status, ViewModel

FIELDS = ("name", "address", "country", "vat_id", "email")  # in the order of the screen
# After these nothing was done under the key and nothing will be: the next try is another one.
DEFINITE = (InvalidInput, NotFound, KeyReused, WrongState)
TOUCHES: tuple[Area, ...] = ("invoices", "wallet")


@dataclass(frozen=True, slots=True)
class BillingDetailsState:
    """`corrects` is the invoice these details are for; None: the next ones."""

    status: Status = Status.LOADING
    corrects: Invoice | None = None
    draft: BillingDetails = field(default_factory=BillingDetails)
    before: BillingDetails = field(default_factory=BillingDetails)  # as they are now
    problems: Mapping[str, str] = field(default_factory=dict)  # field -> sentence
    error: ErrorText | None = None
    is_saving: bool = False

    @property
    def is_changed(self) -> bool:
        return _tidy(self.draft) != _tidy(self.before)


class BillingDetailsViewModel(ViewModel[BillingDetailsState]):
    """Signals: changed; saved(); corrected(Corrected); problems_found(field) - the first one."""

    saved = Signal()
    corrected = Signal(object)
    problems_found = Signal(str)

    def __init__(self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str]) -> None:
        super().__init__(bridge, holder, BillingDetailsState())
        self._new_key = new_key
        self._sent: tuple[str, BillingDetails, str] | None = None  # invoice, details and the key they went with
        holder.rebound.connect(self._on_rebound)

    # ---- verbs

    def start(self) -> None:
        """Opens the details of the invoices to come."""
        self._become(BillingDetailsState())
        self.load()

    def load(self) -> None:
        """Asks for them; also after that has failed."""
        self._set(status=Status.LOADING, error=None)
        self._bridge.run(
            self, "load",
            lambda: self._service.get_billing_details(),
            then=lambda found: self._set(status=Status.READY, draft=found, before=found),
            failed=lambda error: self._set(status=Status.ERROR, error=error_text(error)),
            policy="replace",
            retry=self.load,
        )  # fmt: skip

    def start_correction(self, invoice: Invoice) -> None:
        """Opens other details for an invoice that was made; begins with its own."""
        self._bridge.cancel(self, "load")
        self._become(BillingDetailsState(Status.READY, invoice, invoice.details, invoice.details))

    def edit(self, name: str, value: str | tuple[str, ...]) -> None:
        """One field as it is typed; what was wrong with it is forgotten."""
        changed = replace(self.state.draft, **{name: value})  # type: ignore[arg-type] # replace() checks the name
        if changed != self.state.draft:
            problems = {other: text for other, text in self.state.problems.items() if other != name}
            self._set(draft=changed, problems=problems, error=None)

    def save(self) -> None:
        """Keeps them, or makes the credit note and the new invoice; a second press while that runs does nothing."""
        state = self.state
        if state.status is not Status.READY or state.is_saving:
            return
        self._set(is_saving=True, problems={}, error=None)
        wanted = _tidy(state.draft)
        if state.corrects is None:
            self._bridge.run(
                self, "save",
                lambda: self._service.set_billing_details(wanted),
                then=self._on_saved, failed=self._on_failed, touches=TOUCHES, initiator=self,
            )  # fmt: skip
        else:
            self._correct(state.corrects.uuid, wanted)

    def _correct(self, uuid: str, wanted: BillingDetails) -> None:
        if self._sent is None or self._sent[:2] != (uuid, wanted):
            self._sent = (uuid, wanted, self._new_key())
        key = self._sent[2]
        self._bridge.run(
            self, "save",
            lambda: self._service.correct_invoice(uuid, wanted, key=key),
            then=self._on_corrected, failed=self._on_failed, touches=TOUCHES, initiator=self,
        )  # fmt: skip

    # ---- answers

    def _on_saved(self, kept: BillingDetails) -> None:
        self._set(is_saving=False, draft=kept, before=kept)
        self.saved.emit()

    def _on_corrected(self, done: Corrected) -> None:
        self._sent = None
        self._set(is_saving=False)
        self.corrected.emit(done)

    def _on_failed(self, error: ServiceError) -> None:
        if isinstance(error, DEFINITE):
            self._sent = None
        words = field_texts(error) if isinstance(error, InvalidInput) else {}
        problems = {name: words[name] for name in FIELDS if name in words}
        self._set(is_saving=False, problems=problems, error=None if problems else error_text(error))
        if problems:
            self.problems_found.emit(next(iter(problems)))

    def _on_rebound(self) -> None:
        for verb in ("load", "save"):
            self._bridge.cancel(self, verb)
        self._sent = None
        self._become(BillingDetailsState())


def _tidy(details: BillingDetails) -> BillingDetails:
    """As the service keeps them, so that a space too many is no change."""
    address = tuple(line.strip() for line in details.address if line.strip())
    return BillingDetails(details.name.strip(), address, details.country, details.vat_id.strip(), details.email.strip())
