"""The part of FakeService that is support: transfers that came in, invoices found, refunds, and what providers tell."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from services.api.errors import EventRejected, InvalidInput, NotFound, SumMoved, WrongState
from services.api.money import AMOUNT_MAX, Money
from services.api.types import (
    FoundInvoice,
    FoundInvoices,
    Invoice,
    InvoiceKind,
    InvoiceSearch,
    InvoiceState,
    LedgerLine,
    MovementKind,
    Order,
    PaymentState,
    ReceiveTransfer,
    Refunded,
    RefundPreview,
    RefundRequest,
    SubscriptionState,
    TransferDue,
    TransferReceived,
    Webhook,
)
from tests.fake_books import ZERO, Books
from tests.fake_disputes import FakeDisputes
from tests.fake_money import refuse
from tests.fake_pages import PROVIDER, read_event
from tests.fake_world import Arrival

LARGEST_EVENT = 256 * 1024
NOTE_MAX, REFERENCE_MAX = 2_000, 140
OLDEST = timedelta(days=366)
SEARCH_MIN, SEARCH_MAX, PAGE_MAX = 2, 254, 300


class FakeCollections(FakeDisputes):
    """What support does with money; in test mode buyers may do it for themselves."""

    # ---- transfers

    async def list_transfers(self) -> tuple[TransferDue, ...]:
        await self._enter("list_transfers")
        books = self._concerned()
        return tuple(sorted(self._expected(books), key=lambda one: (one.due_at, one.uuid)))

    def _expected(self, books: list[Books]) -> list[TransferDue]:
        own = {one.organization.uuid for one in books}
        found = [
            self._due_order(uuid)
            for uuid, (_, order) in self.world.orders.items()
            if order.transfer is not None and order.organization_uuid in own
        ]
        return found + [
            self._due_invoice(one, invoice)
            for one in books
            for invoice in one.invoices.values()
            if self._is_due(invoice) and invoice.due_at and invoice.issued_at and invoice.due_at > invoice.issued_at
        ]

    def _is_due(self, invoice: Invoice) -> bool:
        is_open = invoice.state is InvoiceState.OPEN and invoice.kind is InvoiceKind.INVOICE
        return is_open and not invoice.replaced_by_uuid

    def _due_order(self, uuid: str) -> TransferDue:
        order = self.world.orders[uuid][1]
        transfer = order.transfer
        assert transfer is not None
        return TransferDue(
            uuid, "order", transfer.reference, order.organization_name, order.buyer_email,
            f"{order.offering_name}, {order.plan_name}", order.total, transfer.received, transfer.due_at,
            transfer.due_at < self.world.clock.now(),
        )  # fmt: skip

    def _due_invoice(self, books: Books, invoice: Invoice) -> TransferDue:
        due_at = invoice.due_at or self.world.clock.now()
        return TransferDue(
            invoice.uuid, "invoice", invoice.number, invoice.organization_name, self._email_of(books), invoice.number,
            invoice.paid + invoice.due, invoice.paid, due_at, due_at < self.world.clock.now(),
        )  # fmt: skip

    async def list_received(self) -> tuple[TransferReceived, ...]:
        await self._enter("list_received")
        own = {one.organization.uuid for one in self._concerned()}
        return tuple(one.told for one in reversed(self.world.arrivals) if one.owner in own)

    async def receive_transfer(self, request: ReceiveTransfer, *, key: str) -> TransferReceived:
        await self._enter("receive_transfer")
        books = self._concerned()
        if self._is_new("receive_transfer", key):
            self._check_arrival(request, self._find(books, request.reference))
        attempt = self._attempt(self._owner, "receive_transfer", key, request)
        if not isinstance(attempt.answer, TransferReceived):
            attempt.answer = self._receive(request, self._find(books, request.reference))
        return attempt.answer

    def _find(self, books: list[Books], reference: str) -> TransferDue:
        """What a reference stands for; an open invoice may be paid by transfer however it was to be paid. What needs no
        money has nothing left."""
        wanted, own = plain(reference), {one.organization.uuid for one in books}
        found = self._expected(books)
        found += [self._over_order(order) for _, order in self.world.orders.values() if order.organization_uuid in own]
        found += [
            due if self._is_due(invoice) else replace(due, amount=due.received)
            for one in books
            for invoice in one.invoices.values()
            if invoice.kind is InvoiceKind.INVOICE and invoice.number
            for due in [self._due_invoice(one, invoice)]
        ]
        due = next((one for one in found if one.reference.upper() == wanted), None)
        if due is None:
            raise InvalidInput(fields={"reference": "unknown"})
        return due

    def _over_order(self, order: Order) -> TransferDue:
        nothing, now = Money.zero(), self.world.clock.now()
        return TransferDue(
            order.uuid, "order", f"SKT-{order.uuid[-10:].upper()}", order.organization_name, order.buyer_email,
            order.offering_name, nothing, nothing, now, False,
        )  # fmt: skip

    def _check_arrival(self, request: ReceiveTransfer, due: TransferDue) -> None:
        bank, now = plain(request.bank_reference), self.world.clock.now()
        is_used = bank in {one.bank_reference for one in self.world.arrivals}
        bank_problem = "required" if not bank else "already_used" if is_used else ""
        refuse(
            {
                "amount": "out_of_range"
                if request.amount.micros > AMOUNT_MAX
                else _amount_problem(request.amount, due.amount),
                "bank_reference": "too_long" if len(bank) > REFERENCE_MAX else bank_problem,
                "received_on": _day_problem(request.received_on, now),
                "note": "too_long" if len(request.note) > NOTE_MAX else "",
            }
        )

    def _receive(self, request: ReceiveTransfer, due: TransferDue) -> TransferReceived:
        now, rest = self.world.clock.now(), due.amount - due.received
        part = min(request.amount, rest)
        surplus, left = request.amount - part, rest - part
        told = TransferReceived(
            due.reference, request.amount, left, surplus, self._user().email, request.received_on or now,
            request.note.strip(),
        )  # fmt: skip
        books = self._credit_part(due, part, left)
        arrival = Arrival(due.uuid, books.organization.uuid, plain(request.bank_reference), part, told)
        self.world.arrivals.append(arrival)
        ref = f"{due.subject}:{due.uuid}"
        self._tell(books, "transfer_received", ref, number=due.reference, amount=request.amount.micros)
        if not surplus.is_zero:
            self._credit_transfer(books, due.reference, surplus)
        return told

    def _credit_part(self, due: TransferDue, part: Money, left: Money) -> Books:
        """An order is delivered when all of it is there; an invoice is paid part by part."""
        if due.subject == "order":
            owner, order = self.world.orders[due.uuid]
            if order.transfer is None:
                return self.world.books[order.organization_uuid]
            transfer = replace(order.transfer, amount=left, received=order.transfer.received + part)
            self.world.orders[due.uuid] = (owner, replace(order, transfer=transfer))
            if left.is_zero:
                self._settle(due.uuid)
            return self.world.books[order.organization_uuid]
        books = next(one for one in self.world.books.values() if due.uuid in one.invoices)
        invoice = books.invoices[due.uuid]
        if part.is_zero:
            return books
        if left.is_zero:
            self._pay_open(books, invoice, "transfer")
        else:
            books.keep(replace(invoice, paid=invoice.paid + part, due=left))
        return books

    # ---- finding an invoice

    async def find_invoices(self, search: InvoiceSearch) -> FoundInvoices:
        await self._enter("find_invoices")
        books, text = self._concerned(), " ".join(search.text.split()).lower()
        short = "too_short" if len(text) < SEARCH_MIN else "too_long" if len(text) > SEARCH_MAX else ""
        refuse(
            {
                "text": short if text else "required",
                "page": "out_of_range" if search.page < 1 else "",
                "page_size": "" if 1 <= search.page_size <= PAGE_MAX else "out_of_range",
            }
        )
        found = [hit for one in books for hit in self._found_in(one, text)]
        found.sort(key=lambda hit: (hit.invoice.issued_at or hit.invoice.created_at, hit.invoice.uuid), reverse=True)
        start, most = (search.page - 1) * search.page_size, self.world.search_cap
        items = tuple(found[:most][start : start + search.page_size])
        return FoundInvoices(items, min(len(found), most), len(found) > most)

    def _found_in(self, books: Books, text: str) -> list[FoundInvoice]:
        emails = self._emails_of(books)
        email = next((one for one in emails if one.startswith(text)), "")
        is_whole = bool(email) or text in books.organization.name.lower()
        return [
            FoundInvoice(one, email or emails[0])
            for one in books.invoices.values()
            if is_whole or one.number.lower().startswith(text)
        ]

    # ---- refunds

    async def preview_refund(self, request: RefundRequest) -> RefundPreview:
        await self._enter("preview_refund")
        return self._refund(*self._refundable(request), request)

    def _refundable(self, request: RefundRequest) -> tuple[Books, Invoice]:
        """NotFound, WrongState, InvalidInput."""
        for books in self._concerned():
            if invoice := books.invoices.get(request.invoice_uuid):
                break
        else:
            raise NotFound
        if invoice.kind is not InvoiceKind.INVOICE or invoice.state is not InvoiceState.PAID:
            raise WrongState(state=invoice.state.value)
        left = _left_of(invoice)
        if left.is_zero:
            raise WrongState(state="nothing_left")
        amount = "" if request.amount is None else _refund_problem(request.amount, left)
        refuse({"amount": amount, "note": "too_long" if len(request.note) > NOTE_MAX else ""})
        return books, invoice

    def _refund(self, books: Books, invoice: Invoice, request: RefundRequest) -> RefundPreview:
        left = _left_of(invoice)
        amount = request.amount or left
        tax = invoice.tax.share(amount.micros, invoice.total.micros).rounded()
        lines = [LedgerLine("revenue", tax - amount), LedgerLine("clearing", amount, PROVIDER)]
        if not tax.is_zero:
            lines.insert(1, LedgerLine("tax_payable", -tax))
        found = RefundPreview(
            invoice.uuid, invoice.number, left, amount, tax, invoice.paid_with, tuple(lines),
            self._would_end(books, invoice) if request.ends_access else (), "",
        )  # fmt: skip
        return replace(found, hash=hashlib.sha256(repr(asdict(found)).encode()).hexdigest())

    def _would_end(self, books: Books, invoice: Invoice) -> tuple[str, ...]:
        held = books.held.get(invoice.subscription_uuid) or self._held_by_order(books, invoice.order_uuid)
        if held is None or held.subscription.state is SubscriptionState.CANCELED:
            return ()
        return tuple(sorted(self._resource(one.uuid).name for one in held.subscription.resources))

    async def refund_invoice(self, request: RefundRequest, preview_hash: str, *, key: str) -> Refunded:
        await self._enter("refund_invoice")
        self._concerned()
        if (
            self._is_new("refund_invoice", key)
            and self._refund(*self._refundable(request), request).hash != preview_hash
        ):
            raise SumMoved
        attempt = self._attempt(self._owner, "refund_invoice", key, (request, preview_hash))
        if not isinstance(attempt.answer, Refunded):
            books, invoice = self._refundable(request)
            attempt.answer = self._give_back(books, invoice, self._refund(books, invoice, request))
        return attempt.answer

    def _give_back(self, books: Books, invoice: Invoice, preview: RefundPreview) -> Refunded:
        now = self.world.clock.now()
        note = self._credit_note(books, invoice, preview.amount - preview.tax)
        note = replace(note, tax=-preview.tax, total=-preview.amount, due=ZERO, paid=-preview.amount)
        books.keep(note)
        books.keep(replace(books.invoices[invoice.uuid], credited=invoice.credited + preview.amount))
        for uuid, (owner, order) in self.world.orders.items():
            if order.invoice_uuid == invoice.uuid:
                self.world.orders[uuid] = (owner, replace(order, refunded=order.refunded + preview.amount))
        if preview.goes_to == "wallet":
            books.grant(self.world.ids, now, preview.amount, "support", MovementKind.REVERSAL)
        else:
            books.paid.append((now, -preview.amount))
        if preview.ends:
            self._end_access(books, invoice)
        self._tell(books, "refund_granted", f"invoice:{note.uuid}", number=invoice.number, amount=preview.amount.micros)
        return Refunded(
            self.world.ids.uuid(), PaymentState.SUCCEEDED, preview.amount, note.uuid, note.number, preview.ends
        )  # fmt: skip

    # ---- what providers tell

    async def take_webhook(self, webhook: Webhook) -> None:
        await self._enter("take_webhook")
        if webhook.provider != PROVIDER:
            raise NotFound
        told = read_event(webhook.headers, webhook.body, self.world.clock.now())
        if told is None or len(webhook.body) > LARGEST_EVENT:
            raise EventRejected
        event_id, subject = told
        if event_id in self.world.events:
            return
        self.world.events.add(event_id)
        if subject in self.world.orders:
            self._look_at_order(subject)
        elif subject in self.world.payments:
            self._look_at_payment(subject)
        elif subject in self.world.setups:
            self._look_at_setup(subject)


def plain(reference: str) -> str:
    """As references are compared."""
    return "".join(reference.split()).upper()


def _day_problem(day: datetime | None, now: datetime) -> str:
    if day is None:
        return ""
    return "" if day.tzinfo is not None and now - OLDEST <= day <= now else "out_of_range"


def _amount_problem(amount: Money, due: Money) -> str:
    if amount.currency != due.currency:
        return "wrong_currency"
    if amount.micros <= 0:
        return "not_positive"
    return "not_whole_minor" if amount.micros % amount.minor_unit else ""


def _left_of(invoice: Invoice) -> Money:
    """What was paid and has not gone back."""
    return max(ZERO, min(invoice.paid, invoice.total - invoice.credited))


def _refund_problem(amount: Money, left: Money) -> str:
    return _amount_problem(amount, left) or ("over_invoice" if amount > left else "")
