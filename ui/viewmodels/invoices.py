"""Invoices, credit notes and receipts: the list, what comes next, and the one that is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from PySide6.QtCore import Signal

from services.api.errors import NotSignedIn, ServiceError
from services.api.types import (
    Account,
    DocumentFormat,
    Invoice,
    InvoiceKind,
    InvoicePage,
    InvoiceQuery,
    InvoiceState,
    Order,
    PaymentMethod,
)
from ui.bridge import Bridge
from ui.text import ErrorText, error_text
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.billing_details import BillingDetailsViewModel
from ui.viewmodels.browser import Browser
from ui.viewmodels.collections import CollectionsViewModel, RefundViewModel
from ui.viewmodels.debounce import Debounce
from ui.viewmodels.invoice_payment import InvoicePaymentViewModel
from ui.viewmodels.page import PageViewModel

PAGE = 50
LINKED_MOST = 300  # credit notes looked through for those of one invoice
TYPING_MILLISECONDS = 250
UPCOMING = "upcoming:"


class InvoiceFilter(StrEnum):
    ALL = "all"
    OPEN = "open"
    PAID = "paid"
    CREDIT_NOTES = "credit_notes"
    RECEIPTS = "receipts"


_ASKED: dict[InvoiceFilter, tuple[InvoiceState | None, InvoiceKind | None]] = {
    InvoiceFilter.ALL: (None, None),
    InvoiceFilter.OPEN: (InvoiceState.OPEN, InvoiceKind.INVOICE),
    InvoiceFilter.PAID: (InvoiceState.PAID, InvoiceKind.INVOICE),
    InvoiceFilter.CREDIT_NOTES: (None, InvoiceKind.CREDIT_NOTE),
    InvoiceFilter.RECEIPTS: (None, InvoiceKind.RECEIPT),
}


class Linked(NamedTuple):
    """What stands beside an invoice: the one it corrects or is replaced by, and its credit notes."""

    corrects: Invoice | None = None
    replaced_by: Invoice | None = None
    credit_notes: tuple[Invoice, ...] = ()


ALONE = Linked()


@dataclass(frozen=True, slots=True)
class InvoicesState:
    """`chosen` names what is looked at: the uuid of an invoice, "upcoming:<subscription uuid>", or nothing."""

    status: Status = Status.LOADING
    is_guest: bool = False
    error: ErrorText | None = None
    now: datetime | None = None  # of the workspace
    upcoming: tuple[Invoice, ...] = ()  # soonest first
    awaited: tuple[Order, ...] = ()  # orders that wait for their buyer's transfer
    may_refund: bool = False  # support, or anybody in a test workspace
    own: frozenset[str] | None = None  # organizations (uuids) of somebody who may look at those of all; None: sees own
    items: tuple[Invoice, ...] = ()  # the first ones of `total`; more are read as they are wanted
    total: int = 0
    filter: InvoiceFilter = InvoiceFilter.ALL
    text: str = ""
    list_status: Status = Status.LOADING
    list_error: ErrorText | None = None
    chosen: str = ""
    invoice: Invoice | None = None
    linked: Linked = ALONE
    invoice_error: ErrorText | None = None

    @property
    def is_filtered(self) -> bool:
        return self.filter is not InvoiceFilter.ALL or bool(self.text.strip())

    @property
    def has_all(self) -> bool:
        return len(self.items) >= self.total

    @property
    def is_own(self) -> bool:
        """Whether what is looked at can be paid and corrected here; support only looks at what is another's."""
        return self.invoice is None or self.own is None or self.invoice.organization_uuid in self.own

    @property
    def is_upcoming(self) -> bool:
        """What is looked at has not been made yet."""
        return self.chosen.startswith(UPCOMING)


class _Loaded(NamedTuple):
    found: InvoicePage
    upcoming: tuple[Invoice, ...]
    awaited: tuple[Order, ...]
    may_refund: bool
    own: frozenset[str] | None
    now: datetime


class InvoicesViewModel(PageViewModel[InvoicesState]):
    """Reads only after the first `load()`, then again after every change of money until `rest()`.

    Signals: changed; exported(Document).
    """

    CONCERNS = frozenset({"invoices", "subscriptions", "usage", "wallet", "orders", "timeline", "session"})

    exported = Signal(object)

    def __init__(
        self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], browser: Browser | None = None
    ) -> None:
        super().__init__(bridge, holder, InvoicesState())
        self.payment = InvoicePaymentViewModel(bridge, holder, new_key, browser)
        self.details = BillingDetailsViewModel(bridge, holder, new_key)
        self.collections = CollectionsViewModel(bridge, holder, new_key)
        self.refund = RefundViewModel(bridge, holder, new_key)
        self._account: Account | None = None  # not asked yet
        self._typing = Debounce(TYPING_MILLISECONDS, self._search, self)

    # ---- verbs

    def search(self, text: str) -> None:
        if text != self.state.text:
            self._set(text=text)
            self._typing.trigger()

    def choose(self, wanted: InvoiceFilter) -> None:
        if wanted is not self.state.filter:
            self._set(filter=wanted)
            self._search()

    def clear_filter(self) -> None:
        self._set(filter=InvoiceFilter.ALL, text="")
        self._search()

    def retry_list(self) -> None:
        self._search()

    def more(self) -> None:
        """The next page, when the end of the list comes into sight."""
        state = self.state
        if state.has_all or state.list_status is not Status.READY:
            return
        query = self._query(len(state.items) // PAGE + 1)
        self._bridge.run(
            self, "more",
            lambda: self._service.list_invoices(query),
            then=self._on_more,
            failed=lambda error: self._set(list_error=error_text(error)),
        )  # fmt: skip

    def open(self, invoice_uuid: str) -> None:
        """Looks at one invoice; what the list knows of it is there at once."""
        known = next((one for one in self.state.items if one.uuid == invoice_uuid), None)
        if invoice_uuid != self.state.chosen:
            self._set(chosen=invoice_uuid, invoice=known, linked=ALONE, invoice_error=None)
        self._read_chosen()

    def open_upcoming(self, subscription_uuid: str) -> None:
        """Looks at the next invoice of a subscription, as it stands now."""
        self._bridge.cancel(self, "open")
        found = next((one for one in self.state.upcoming if one.subscription_uuid == subscription_uuid), None)
        self._set(chosen=UPCOMING + subscription_uuid, invoice=found, linked=ALONE, invoice_error=None)

    def close(self) -> None:
        """Back to the list."""
        self._bridge.cancel(self, "open")
        self._set(chosen="", invoice=None, linked=ALONE, invoice_error=None)

    def retry_chosen(self) -> None:
        self._set(invoice_error=None)
        self._read_chosen()

    def export(self, wanted: DocumentFormat) -> None:
        """What is looked at as a file; `exported` brings it."""
        invoice = self.state.invoice
        if invoice is not None and not self.state.is_upcoming:
            uuid = invoice.uuid
            self._bridge.run(
                self, f"export {wanted}", lambda: self._service.export_invoice(uuid, wanted), then=self.exported.emit
            )

    # ---- reading

    def _read(self) -> None:
        if not self._service.actor.session:
            self._become(InvoicesState(Status.EMPTY, is_guest=True))
            return
        self._bridge.run(
            self, "load", self._fetch,
            then=self._on_loaded, failed=self._on_failed, policy="replace", retry=self.retry,
        )  # fmt: skip
        if self.state.chosen and not self.state.is_upcoming:
            self._read_chosen()

    async def _fetch(self) -> _Loaded:
        service = self._service
        found, upcoming = await service.list_invoices(self._query()), await service.list_upcoming()
        options = await service.get_payment_options()
        self._account = self._account or await service.get_account()
        orders = await service.list_orders() if PaymentMethod.INVOICE in options.methods else ()
        awaited = tuple(one for one in orders if one.transfer is not None)
        is_staff, mine = self._account.is_staff, self._account.organizations
        own = frozenset(one.uuid for one in mine) if is_staff else None
        now = (await service.get_timeline()).now
        return _Loaded(found, upcoming, awaited, options.is_test_mode or is_staff, own, now)

    def _query(self, page: int = 1) -> InvoiceQuery:
        state, kind = _ASKED[self.state.filter]
        return InvoiceQuery(state=state, kind=kind, text=self.state.text.strip(), page=page, page_size=PAGE)

    def _on_loaded(self, loaded: _Loaded) -> None:
        found = loaded.found
        has_any = bool(found.items or loaded.upcoming or loaded.awaited) or self.state.is_filtered
        self._set(
            status=Status.READY if has_any else Status.EMPTY,
            is_guest=False,
            error=None,
            upcoming=loaded.upcoming,
            awaited=loaded.awaited,
            may_refund=loaded.may_refund,
            own=loaded.own,
            now=loaded.now,
            **self._listed(found),
        )
        if self.state.is_upcoming:
            self._follow_upcoming()

    def _follow_upcoming(self) -> None:
        """The next invoice stays open while its sum grows; once made, it is found in the list."""
        found = [one for one in self.state.upcoming if UPCOMING + one.subscription_uuid == self.state.chosen]
        if found:
            self._set(invoice=found[0])
        else:
            self.close()

    def _on_failed(self, error: ServiceError) -> None:
        if isinstance(error, NotSignedIn):
            self._become(InvoicesState(Status.EMPTY, is_guest=True))
            return
        is_known = bool(self.state.items or self.state.upcoming)
        self._set(status=Status.READY if is_known else Status.ERROR, error=error_text(error))

    def _search(self) -> None:
        self._typing.cancel()
        self._bridge.cancel(self, "more")
        self._set(list_status=Status.LOADING, list_error=None)
        self._bridge.run(
            self, "list",
            lambda: self._service.list_invoices(self._query()),
            then=lambda found: self._set(**self._listed(found)),
            failed=lambda error: self._set(list_status=Status.ERROR, list_error=error_text(error)),
            policy="replace",
        )  # fmt: skip

    def _listed(self, found: InvoicePage) -> dict[str, object]:
        """The list with its first page anew."""
        self._bridge.cancel(self, "more")
        return {
            "items": self._with_older(found),
            "total": found.total,
            "list_status": Status.READY if found.items else Status.EMPTY,
            "list_error": None,
        }

    def _with_older(self, found: InvoicePage) -> tuple[Invoice, ...]:
        """What was read further down stays, unless the filter is another or some are gone."""
        state, fresh = self.state, found.total - self.state.total
        is_same = state.list_status is Status.READY and 0 <= fresh < len(found.items)
        uuids = [one.uuid for one in found.items[fresh:]] if is_same else []
        if not is_same or uuids != [one.uuid for one in state.items[: len(uuids)]]:
            return found.items
        return (*found.items, *state.items[len(uuids) :])

    def _on_more(self, page: InvoicePage) -> None:
        known = {one.uuid for one in self.state.items}
        fresh = tuple(one for one in page.items if one.uuid not in known)
        total = page.total if fresh else len(self.state.items)
        self._set(items=self.state.items + fresh, total=total)

    # ---- the one that is looked at

    def _read_chosen(self) -> None:
        uuid = self.state.chosen
        self._bridge.run(
            self, "open",
            lambda: self._fetch_chosen(uuid),
            then=self._on_chosen,
            failed=lambda error: self._set(invoice_error=error_text(error)),
            policy="replace",
            retry=self.retry_chosen,
        )  # fmt: skip

    async def _fetch_chosen(self, uuid: str) -> tuple[Invoice, Linked]:
        service = self._service
        invoice = await service.get_invoice(uuid)
        corrects = await service.get_invoice(invoice.corrects_uuid) if invoice.corrects_uuid else None
        replaced = await service.get_invoice(invoice.replaced_by_uuid) if invoice.replaced_by_uuid else None
        notes: tuple[Invoice, ...] = ()
        if not invoice.credited.is_zero:
            query = InvoiceQuery(invoice.organization_uuid, kind=InvoiceKind.CREDIT_NOTE, page_size=LINKED_MOST)
            notes = tuple(one for one in (await service.list_invoices(query)).items if one.corrects_uuid == uuid)
        return invoice, Linked(corrects, replaced, notes)

    def _on_chosen(self, found: tuple[Invoice, Linked]) -> None:
        invoice, linked = found
        items = tuple(invoice if one.uuid == invoice.uuid else one for one in self.state.items)
        self._become(replace(self.state, items=items, invoice=invoice, linked=linked, invoice_error=None))

    # ---- following

    def _forget(self) -> None:
        """Another person's invoices are not shown."""
        self._typing.cancel()
        for verb in ("load", "list", "more", "open", *(f"export {one}" for one in DocumentFormat)):
            self._bridge.cancel(self, verb)
        self._account = None
        self._become(InvoicesState())
