"""The part of FakeService that has invoices, receipts and credit notes."""

from __future__ import annotations

import re
from dataclasses import replace

from services.api.errors import NotFound, PaymentCanceled, RequestInProgress, WrongState
from services.api.types import (
    BillingDetails,
    Corrected,
    Document,
    DocumentFormat,
    Invoice,
    InvoiceKind,
    InvoicePage,
    InvoiceQuery,
    InvoiceState,
    MovementKind,
    Paid,
    PaymentMethod,
    PaymentState,
    Transfer,
)
from services.domain import identity
from services.domain.vat_ids import OK, check_vat
from tests.fake_books import ZERO, Books, compose, issued, settled
from tests.fake_documents import document
from tests.fake_money import refuse, tidy_details
from tests.fake_pages import is_ours
from tests.fake_subscriptions import FakeSubscriptions

PAGE_MAX = 300


class FakeInvoices(FakeSubscriptions):
    """Invoices of the caller's organizations."""

    async def list_invoices(self, query: InvoiceQuery) -> InvoicePage:
        await self._enter("list_invoices")
        whose = self._concerned() if query.everywhere else self._named_books(query.organization_uuid)
        page_bad = "out_of_range" if query.page < 1 else ""
        refuse({"page": page_bad, "page_size": "" if 1 <= query.page_size <= PAGE_MAX else "out_of_range"})
        found = [one for books in whose for one in books.invoices.values() if _matches(one, query)]
        found.reverse()  # of the same instant, the newer first
        found.sort(key=lambda one: one.issued_at or one.created_at, reverse=True)
        start = (query.page - 1) * query.page_size
        shown = found[start : start + query.page_size]
        return InvoicePage(tuple(self._as_told(one) for one in shown), len(found))

    def _as_told(self, invoice: Invoice) -> Invoice:
        amount = self._being_paid(invoice.uuid)  # first: it may be paid by now
        books = next(one for one in self.world.books.values() if invoice.uuid in one.invoices)
        return replace(books.invoices[invoice.uuid], is_being_paid=amount is not None)

    def _named_books(self, organization_uuid: str) -> list[Books]:
        named = [one for one in self._readable_books() if one.organization.uuid == organization_uuid]
        own = None if named else self._books(organization_uuid)
        return named or ([own] if own else [])

    def _own_invoice(self, uuid: str) -> tuple[Books, Invoice]:
        for books in self._own_books():
            if uuid in books.invoices:
                return books, books.invoices[uuid]
        raise NotFound

    def _readable_invoice(self, uuid: str) -> Invoice:
        readable = (books.invoices[uuid] for books in self._readable_books() if uuid in books.invoices)
        if (found := next(readable, None)) is None:
            raise NotFound
        return found

    async def get_invoice(self, uuid: str) -> Invoice:
        await self._enter("get_invoice")
        found, account = self._as_told(self._readable_invoice(uuid)), self.world.bank_account
        if not account or found.due.is_zero or found.due_at is None or not found.number:
            return found
        return replace(found, transfer=Transfer(found.number, found.due, found.due_at, account, found.paid))

    async def list_upcoming(self, organization_uuid: str = "") -> tuple[Invoice, ...]:
        await self._enter("list_upcoming")
        books = self._books(organization_uuid)
        found = [self._upcoming(books, held) for held in books.held.values()] if books else []
        dated = [(one.expected_at, one) for one in found if one and one.expected_at]
        return tuple(one for _, one in sorted(dated, key=lambda pair: pair[0]))

    async def pay_invoice(
        self, uuid: str, payment_token: str, *, key: str, page: PaymentMethod | None = None, return_url: str = ""
    ) -> Paid:
        await self._enter("pay_invoice")
        books, invoice = self._own_invoice(uuid)
        token = "" if page else payment_token or self._default_card()
        if self._is_new("pay_invoice", key):
            self._call_off(uuid)
            invoice = books.invoices[uuid]
            if invoice.state is not InvoiceState.OPEN:
                raise WrongState(state=invoice.state.value)
            refuse(self._invoice_problems(token, page, return_url))
        attempt = self._attempt(self._owner, "pay_invoice", key, (uuid, payment_token, page))
        owner, name = books.organization.uuid, self._card_name(token) if token else ""

        def finish() -> str:
            books = self.world.books[owner]
            return self._pay_open(books, books.invoices[uuid], self._paid_with(name, attempt)).uuid

        paid = self._collect(attempt, token, invoice.due, books, finish, page)
        self.world.payments[paid.payment_uuid].invoice_uuid = uuid
        return replace(paid, invoice_uuid=uuid)

    def _invoice_problems(self, token: str, page: PaymentMethod | None, return_url: str) -> dict[str, str]:
        if page is None:
            return {"payment_token": self._token_problem(token)}
        if page not in self.world.page_methods:
            return {"payment_method": "not_available"}
        return {"return_url": "" if is_ours(return_url) else "not_available"}

    def _call_off(self, invoice_uuid: str) -> None:
        """Another try: a page that is open for it is needed no more. RequestInProgress while money is under way."""
        for uuid, payment in self.world.payments.items():
            if payment.invoice_uuid != invoice_uuid:
                continue
            self._look_at_payment(uuid)
            if payment.state is PaymentState.PROCESSING:
                raise RequestInProgress
            if payment.state is PaymentState.ACTION_REQUIRED:
                self._close_page(uuid)
                self._end_payment(payment, PaymentCanceled(payment_uuid=uuid))

    async def export_invoice(self, uuid: str, document_format: DocumentFormat) -> Document:
        await self._enter("export_invoice")
        return document(self._readable_invoice(uuid), document_format)

    async def get_billing_details(self, organization_uuid: str = "") -> BillingDetails:
        await self._enter("get_billing_details")
        books = self._books(organization_uuid)
        return books.details if books else BillingDetails()

    async def set_billing_details(self, details: BillingDetails, organization_uuid: str = "") -> BillingDetails:
        await self._enter("set_billing_details")
        books = self._need_books(organization_uuid)
        books.details = checked_details(details)
        return books.details

    async def correct_invoice(self, uuid: str, details: BillingDetails, *, key: str) -> Corrected:
        await self._enter("correct_invoice")
        books, invoice = self._own_invoice(uuid)
        wanted = checked_details(details)
        is_new = self._is_new("correct", key)
        final = invoice.state in (InvoiceState.OPEN, InvoiceState.PAID)
        if is_new and not (final and invoice.kind is InvoiceKind.INVOICE and not invoice.replaced_by_uuid):
            raise WrongState(state="replaced" if invoice.replaced_by_uuid else invoice.state.value)
        attempt = self._attempt(self._owner, "correct", key, (uuid, wanted))
        if not isinstance(attempt.answer, Corrected):
            attempt.answer = self._correct(books, invoice, wanted)
        return attempt.answer

    def _correct(self, books: Books, invoice: Invoice, details: BillingDetails) -> Corrected:
        """All of the old one is credited; what was paid for it pays the new one."""
        ids, now = self.world.ids, self.world.clock.now()
        note = self._credit_note(books, invoice, invoice.subtotal - invoice.discount)
        lines = tuple(replace(line, uuid=ids.uuid()) for line in invoice.lines if not line.parent_uuid)
        new = compose(books, ids.uuid(), now, lines, self._treatment(details), details=details)
        new = replace(
            new,
            subscription_uuid=invoice.subscription_uuid,
            order_uuid=invoice.order_uuid,
            corrects_uuid=invoice.uuid,
            corrects_number=invoice.number,
        )
        paid = min(invoice.paid, new.total)
        new = issued(books, replace(new, paid=paid, due=new.total - paid), now, net_days=14)
        if new.due.is_zero:
            new = settled(books, new, now, invoice.paid_with)
        if paid < invoice.paid:
            books.grant(ids, now, invoice.paid - paid, "support", MovementKind.REVERSAL)
        kept = books.invoices[invoice.uuid]
        books.keep(replace(kept, replaced_by_uuid=new.uuid, due=ZERO, state=InvoiceState.PAID))
        return Corrected(note, new)


def _matches(invoice: Invoice, query: InvoiceQuery) -> bool:
    names = [str(value) for line in invoice.lines for value in line.params.values()]
    text = " ".join((invoice.number, invoice.organization_name, invoice.details.name, *names)).casefold()
    return (
        query.state in (None, invoice.state)
        and query.kind in (None, invoice.kind)
        and all(word in text for word in query.text.casefold().split())
    )


def checked_details(details: BillingDetails) -> BillingDetails:
    """As it is kept, or InvalidInput."""
    tidy = tidy_details(details)
    problems = {
        "name": "too_long" if len(tidy.name) > identity.NAME_MAX else "",
        "address": "too_long" if any(len(line) > identity.NAME_MAX for line in tidy.address) else "",
        "country": "" if re.fullmatch("([A-Z]{2})?", tidy.country, re.ASCII) else "unknown",
        "email": (identity.email_problem(tidy.email) or "") if tidy.email else "",
    }
    if tidy.vat_id and not tidy.country:
        problems["country"] = "required"
    elif tidy.vat_id and not problems["country"]:
        checked = check_vat(tidy.vat_id, tidy.country)
        problems["vat_id"] = "" if checked.code == OK else checked.code
        tidy = replace(tidy, vat_id=checked.number)
    refuse(problems)
    return tidy
