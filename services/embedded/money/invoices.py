"""The invoices area: what was charged and for what, paying it, keeping it, and whom it is made out to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput, NotFound, RequestInProgress, WrongState
from services.api.types import (
    BillingDetails,
    Corrected,
    Document,
    DocumentFormat,
    Invoice,
    InvoicePage,
    InvoiceQuery,
    Organization,
    Paid,
    PaymentMethod,
    PaymentState,
    SubscriptionState,
    Transfer,
)
from services.db import money_models as mm
from services.db import portable
from services.embedded import asking, placing, ways
from services.embedded.asking import Sent
from services.embedded.core import Area, Caller, is_staff
from services.embedded.identity import answers_for, organizations_of
from services.embedded.money import (
    commands,
    corrections,
    details,
    documents,
    finalising,
    invoice_payments,
    invoice_views,
    outcomes,
    payments,
    taxes,
)
from services.embedded.money.invoice_views import Slice
from services.embedded.ways import Way
from services.gateways.payments import ProviderUnreachable

PAGE_MAX = 300
PAY, CORRECT = "pay_invoice", "correct_invoice"

_I, _S = mm.InvoiceRow, mm.SubscriptionRow


class EmbeddedInvoices(Area):
    async def list_invoices(self, query: InvoiceQuery) -> InvoicePage:
        return await self._core.db.read(lambda connection: self._invoice_page(connection, query))

    def _invoice_page(self, connection: Connection, query: InvoiceQuery) -> InvoicePage:
        whose = self._whose(connection, query)
        bad = {"page": query.page < 1, "page_size": not 1 <= query.page_size <= PAGE_MAX}
        if problems := {field: "out_of_range" for field, is_bad in bad.items() if is_bad}:
            raise InvalidInput(fields=problems)
        condition: sa.ColumnElement[bool] = sa.true() if whose is None else _I.organization_uuid.in_(whose)
        if query.state is not None:
            condition &= _I.state == query.state.value
        if query.kind is not None:
            condition &= _I.kind == query.kind.value
        start = (query.page - 1) * query.page_size
        if not query.text.strip():
            found = invoice_views.find(connection, condition, Slice(query.page_size, start))
            return InvoicePage(tuple(found), invoice_views.count(connection, condition))
        uuids = invoice_views.matching(connection, condition, query.text)
        shown = invoice_views.find(connection, _I.uuid.in_(uuids[start : start + query.page_size]))
        return InvoicePage(tuple(shown), len(uuids))

    def _whose(self, connection: Connection, query: InvoiceQuery) -> list[str] | None:
        """Whose invoices are listed; staff may name anybody. None: everybody's. NotFound."""
        caller = self._caller(connection)
        if query.everywhere:
            return answers_for(self._core, connection, caller)
        if query.organization_uuid and is_staff(connection, caller):
            return [query.organization_uuid]
        organization = _organization(connection, caller, query.organization_uuid)
        return [] if organization is None else [organization.uuid]

    async def get_invoice(self, uuid: str) -> Invoice:
        return await self._core.db.read(lambda connection: self._whole_invoice(connection, uuid))

    def _whole_invoice(self, connection: Connection, uuid: str) -> Invoice:
        if not is_staff(connection, self._caller(connection)):  # who has to answer for it may read it
            self._own_invoice(connection, uuid)
        shown = invoice_views.find(connection, _I.uuid == uuid)
        if not shown:
            raise NotFound(what="invoice")
        found = shown[0]
        account = self._core.bank_account
        if not account or found.due.is_zero or found.due_at is None or not found.number:
            return found
        return replace(found, transfer=Transfer(found.number, found.due, found.due_at, account, found.paid))

    def _own_invoice(self, connection: Connection, uuid: str) -> Caller:
        """The caller, if the invoice is one of theirs. NotFound."""
        self._caller(connection)
        owner = connection.execute(sa.select(_I.organization_uuid).where(_I.uuid == uuid)).scalar()
        if owner is None:
            raise NotFound(what="invoice")
        return self._authorize(connection, owner)

    async def list_upcoming(self, organization_uuid: str = "") -> tuple[Invoice, ...]:
        return await self._core.db.read(
            lambda connection: self._all_upcoming(connection, organization_uuid, self._now())
        )

    def _all_upcoming(self, connection: Connection, organization_uuid: str, now: datetime) -> tuple[Invoice, ...]:
        organization = _organization(connection, self._caller(connection), organization_uuid)
        if organization is None:
            return ()
        running = sa.select(*_S.__table__.c).where(
            _S.organization_uuid == organization.uuid, _S.state != SubscriptionState.CANCELED.value
        )
        rows = connection.execute(running.order_by(_S.created_at, _S.uuid)).all()
        found = [invoice_views.upcoming(connection, row, organization.name, now) for row in rows]
        return tuple(sorted((one for one in found if one is not None), key=_expected))

    # ---- paying

    async def pay_invoice(
        self, uuid: str, payment_token: str, *, key: str, page: PaymentMethod | None = None, return_url: str = ""
    ) -> Paid:
        sent = Sent(return_url=return_url, until=asking.page_until(self._now()))
        opened, older = await self._core.db.run(
            lambda connection: self._open_invoice_payment(connection, uuid, (payment_token, page), sent, key)
        )
        await self._call_off(older)
        paid = await outcomes.carry_out(self._core, opened)
        self._core.wake.set()
        return paid

    def _open_invoice_payment(
        self, connection: Connection, uuid: str, how: tuple[str, PaymentMethod | None], sent: Sent, key: str
    ) -> tuple[str, list[str]]:
        """The payment's intent, and older ones that wait for a confirmation nobody needs any more."""
        caller = self._own_invoice(connection, uuid)
        if not placing.is_ours(self._core, sent.return_url):
            raise InvalidInput(fields={"return_url": "not_available"})
        token, page = how
        request = {"invoice": uuid, "token": token} | ({"page": page.value} if page else {})
        if known := commands.known(connection, caller, key, PAY, request):
            return known, []
        row = finalising.row_of(connection, uuid)
        if row.state not in finalising.PAYABLE:
            raise WrongState(state=row.state)
        way = self._way_for_invoice(connection, caller, row.organization_uuid, how)
        waiting = invoice_payments.under_way(connection, row)
        if any(state in payments.WITH_PROVIDER for _uuid, state, _attempt in waiting):
            raise RequestInProgress(key=key)
        at = self._now()
        opened = invoice_payments.open_payment(
            self._core, connection, row, way, at, sent=replace(sent, email=caller.email)
        )
        commands.note(connection, caller, key, PAY, request, opened, at)
        return opened, [intent for intent, _state, _attempt in waiting]

    def _way_for_invoice(
        self, connection: Connection, caller: Caller, organization_uuid: str, how: tuple[str, PaymentMethod | None]
    ) -> Way:
        """InvalidInput(payment_token, payment_method)."""
        token, page = how
        if page is not None:
            return ways.page(self._core, page)
        if token:
            return ways.of_caller(self._core, connection, caller.uuid, token)
        found = ways.of_organization(self._core, connection, organization_uuid)
        if found is None:
            raise InvalidInput(fields={"payment_token": "required"})
        return found

    async def _call_off(self, intents: list[str]) -> None:
        """Another card pays, or another invoice is to be paid: what waits for a buyer must not be charged as well."""
        for uuid in intents:
            intent = await self._core.db.read(partial(payments.intent, uuid=uuid))
            try:
                answer = await outcomes.decline(self._core, intent, intent.charge_id, "")
            except ProviderUnreachable:
                continue  # the sweep declines it in time; were it confirmed before, the money would go back
            at = self._now()
            await self._core.db.run(partial(outcomes.record, self._core, intent_uuid=uuid, answer=answer, at=at))

    # ---- keeping

    async def export_invoice(self, uuid: str, document_format: DocumentFormat) -> Document:
        invoice = await self.get_invoice(uuid)
        make = partial(documents.document, is_test=self._core.payments.is_test_mode)
        return await asyncio.to_thread(make, invoice, document_format)

    # ---- whom it is made out to

    async def get_billing_details(self, organization_uuid: str = "") -> BillingDetails:
        return await self._core.db.read(lambda connection: self._kept_details(connection, organization_uuid))

    def _kept_details(self, connection: Connection, organization_uuid: str) -> BillingDetails:
        organization = _organization(connection, self._caller(connection), organization_uuid)
        return BillingDetails() if organization is None else taxes.details_of(connection, organization.uuid)

    async def set_billing_details(self, details: BillingDetails, organization_uuid: str = "") -> BillingDetails:
        return await self._core.db.run(lambda connection: self._keep_details(connection, details, organization_uuid))

    def _keep_details(self, connection: Connection, wanted: BillingDetails, organization_uuid: str) -> BillingDetails:
        caller = self._caller(connection)
        organization = _organization(connection, caller, organization_uuid)
        tidy = details.checked(wanted)
        uuid = self._organization_for_details(connection, caller) if organization is None else organization.uuid
        details.keep(connection, uuid, tidy)
        return tidy

    def _organization_for_details(self, connection: Connection, caller: Caller) -> str:
        """Details may come before the first purchase."""
        portable.one_at_a_time(connection, caller.owner)
        return placing.some_organization(self._core, connection, caller, self._now())

    async def correct_invoice(self, uuid: str, details: BillingDetails, *, key: str) -> Corrected:
        corrected, refund, older = await self._core.db.run(
            lambda connection: self._correct_invoice(connection, uuid, details, key)
        )
        await self._call_off(older)
        if refund:
            await outcomes.carry_out(self._core, refund)
        self._core.wake.set()
        return corrected

    def _correct_invoice(
        self, connection: Connection, uuid: str, wanted: BillingDetails, key: str
    ) -> tuple[Corrected, str, list[str]]:
        """What was made, the intent that sends money back, and payments of the old one that nobody need confirm."""
        caller = self._own_invoice(connection, uuid)
        tidy = details.checked(wanted)
        request = {"invoice": uuid, "details": repr(tidy)}
        known = commands.known(connection, caller, key, CORRECT, request)
        if known is not None:
            note_uuid, new_uuid = known.split(":")
            return _corrected(connection, note_uuid, new_uuid), "", []
        at = self._now()
        under_way = invoice_payments.under_way(connection, finalising.row_of(connection, uuid))
        waiting = [intent for intent, state, _attempt in under_way if state == PaymentState.ACTION_REQUIRED.value]
        credited, new_uuid = corrections.replace(self._core, connection, uuid, tidy, at)
        subject = f"{credited.note_uuid}:{new_uuid}"
        commands.note(connection, caller, key, CORRECT, request, subject, at)
        return _corrected(connection, credited.note_uuid, new_uuid), credited.refund_uuid, waiting


def _corrected(connection: Connection, note_uuid: str, new_uuid: str) -> Corrected:
    [note] = invoice_views.find(connection, _I.uuid == note_uuid)
    [new] = invoice_views.find(connection, _I.uuid == new_uuid)
    return Corrected(note, new)


def _organization(connection: Connection, caller: Caller, organization_uuid: str) -> Organization | None:
    """The one that is named, or the caller's first; None when there is none yet. NotFound for a stranger's."""
    own = organizations_of(connection, caller)
    if not organization_uuid:
        return own[0] if own else None
    found = next((one for one in own if one.uuid == organization_uuid), None)
    if found is None:
        raise NotFound(what="organization")
    return found


def _expected(invoice: Invoice) -> Any:  # Any: a datetime, which every upcoming invoice has
    return invoice.expected_at
