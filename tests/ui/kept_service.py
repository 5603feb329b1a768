"""A FakeService with ways to pay on file, pages in the browser for new ones, and what support does with money.

`service.desk` is what happens at the provider and at the bank.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.api.contract import Actor
from services.api.errors import CardDeclined, InvalidInput, NotFound, PaymentExpired, RequestInProgress, SumMoved
from services.api.money import Money
from services.api.types import (
    Action,
    AddedMethod,
    AddMethod,
    Dispute,
    LedgerLine,
    Paid,
    PaymentMethod,
    PaymentOptions,
    PaymentState,
    ReceiveTransfer,
    Refunded,
    RefundPreview,
    RefundRequest,
    SavedMethod,
    TopUp,
    TransferDue,
    TransferReceived,
)
from tests.fake_world import Payment
from tests.fakes import FakeService
from tests.fakes import World as FakeWorld

HOST = "checkout.stripe.com"
WAYS = (PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL)
VISA = SavedMethod("visa", "Visa", "4242", 12, 2034, True, used_for=("Support Agent", "auto_top_up"))
AMEX = SavedMethod("amex", "Amex", "0005", 3, 2025, False, expiry="expired")
BANK = SavedMethod("bank", "Deutsche Bank", "3000", 0, 0, False, PaymentMethod.BANK)
PAYPAL = SavedMethod("paypal", "PayPal", "", 0, 0, False, PaymentMethod.PAYPAL, email="ada@example.com")
NEW = SavedMethod("new", "Mastercard", "4444", 8, 2031, False)


@dataclass
class Desk:
    """`pages`: payment or setup -> "open" | "paid" | "processing" | "declined" | "expired". `shift` is what a refund
    would differ by when it is carried out."""

    hosts: tuple[str, ...] = (HOST,)
    methods: tuple[PaymentMethod, ...] = WAYS
    saved: tuple[SavedMethod, ...] = ()
    in_use: frozenset[str] = frozenset()  # a payment with it is under way
    pages: dict[str, str] = field(default_factory=dict)
    setups: dict[str, AddMethod] = field(default_factory=dict)
    keys: dict[str, object] = field(default_factory=dict)
    urls: list[str] = field(default_factory=list)  # that pages lead back to
    is_denied: bool = False
    transfers: tuple[TransferDue, ...] = ()
    received: list[TransferReceived] = field(default_factory=list)
    bank_references: set[str] = field(default_factory=set)
    disputes: tuple[Dispute, ...] = ()
    refunds: list[RefundRequest] = field(default_factory=list)
    shift: int = 0

    @property
    def open_page(self) -> str:
        """The one that is open."""
        return next(uuid for uuid, state in self.pages.items() if state == "open")


class KeptService(FakeService):
    def __init__(self, world: FakeWorld | None = None, actor: Actor | None = None, desk: Desk | None = None) -> None:
        super().__init__(world, actor)
        self.desk = desk or Desk()

    def for_actor(self, actor: Actor) -> KeptService:
        return KeptService(self.world, actor, self.desk)

    async def get_payment_options(self) -> PaymentOptions:
        options = await super().get_payment_options()
        for one in self.desk.saved:
            self.world.outcomes.setdefault(one.token, "pays")
        return replace(
            options, methods=self.desk.methods, saved_methods=self.desk.saved if self.actor.session else (),
            page_hosts=self.desk.hosts,
        )  # fmt: skip

    def _may_pay_with(self, token: str) -> bool:
        return super()._may_pay_with(token) or any(one.token == token for one in self.desk.saved)

    # ---- on file

    async def list_payment_methods(self, organization_uuid: str = "") -> tuple[SavedMethod, ...]:
        await self._enter("list_payment_methods")
        self._user()
        return self.desk.saved

    async def save_card(self, token: str) -> SavedMethod:
        card = await super().save_card(token)
        self.desk.saved = (card, *(replace(one, is_default=False) for one in self.desk.saved))
        return card

    async def set_default_method(self, token: str) -> tuple[SavedMethod, ...]:
        await self._enter("set_default_method")
        self._known(token)
        found = [replace(one, is_default=one.token == token) for one in self.desk.saved]
        self.desk.saved = tuple(sorted(found, key=lambda one: not one.is_default))
        return self.desk.saved

    async def remove_payment_method(self, token: str) -> tuple[SavedMethod, ...]:
        await self._enter("remove_payment_method")
        if self._known(token).token in self.desk.in_use:
            raise RequestInProgress
        left = [one for one in self.desk.saved if one.token != token]
        if left and not any(one.is_default for one in left):
            left[0] = replace(left[0], is_default=True)
        self.desk.saved = tuple(left)
        return self.desk.saved

    def _known(self, token: str) -> SavedMethod:
        found = next((one for one in self.desk.saved if one.token == token), None)
        if found is None:
            raise NotFound
        return found

    # ---- pages

    def _action(self, uuid: str) -> Action:
        return Action("redirect", f"https://{HOST}/c/pay/{uuid}", self.world.clock.now() + timedelta(hours=24))

    async def add_payment_method(self, request: AddMethod, *, key: str) -> AddedMethod:
        await self._enter("add_payment_method")
        uuid = str(self.desk.keys.setdefault(key, f"setup-{len(self.desk.setups) + 1}"))
        assert self.desk.setups.setdefault(uuid, request) == request, "the key was used for something else"
        self.desk.pages.setdefault(uuid, "open")
        self.desk.urls.append(request.return_url)
        return AddedMethod(uuid, PaymentState.ACTION_REQUIRED, self._action(uuid))

    async def refresh_added_method(self, uuid: str) -> AddedMethod:
        await self._enter("refresh_added_method")
        return self._added(uuid)

    def _added(self, uuid: str) -> AddedMethod:
        state = self.desk.pages[uuid]
        if state == "paid":
            method = replace(NEW, method=self.desk.setups[uuid].payment_method)
            self.desk.saved = (*(one for one in self.desk.saved if one.token != NEW.token), method)
            return AddedMethod(uuid, PaymentState.SUCCEEDED, method=method)
        if state in ("expired", "canceled"):
            return AddedMethod(uuid, PaymentState.CANCELED, error_code="payment_expired" if state == "expired" else "")
        if state == "declined":
            return AddedMethod(uuid, PaymentState.FAILED, error_code="do_not_honor")
        return AddedMethod(uuid, PaymentState.ACTION_REQUIRED, self._action(uuid))

    async def cancel_added_method(self, uuid: str) -> AddedMethod:
        await self._enter("cancel_added_method")
        if self.desk.pages[uuid] == "open":
            self.desk.pages[uuid] = "canceled"
        return self._added(uuid)

    async def top_up(self, request: TopUp, *, key: str) -> Paid:
        if request.payment_token:
            return await super().top_up(replace(request, return_url=""), key=key)
        await self._enter("top_up")
        self.desk.urls.append(request.return_url)
        books = self._need_books()
        uuid, quote = books.organization.uuid, self._quote(books, request.amount)

        def finish() -> str:
            return self._topped_up(self.world.books[uuid], request.amount, "Mastercard •••• 4444").uuid

        payment = Payment(self._owner, "", PaymentState.ACTION_REQUIRED, quote.total, uuid, finish)
        return self._page(key, request, payment)

    async def pay_invoice(
        self, uuid: str, payment_token: str, *, key: str, page: PaymentMethod | None = None, return_url: str = ""
    ) -> Paid:
        if page is None:
            return await super().pay_invoice(uuid, payment_token, key=key)
        await self._enter("pay_invoice")
        self.desk.urls.append(return_url)
        books, invoice = self._own_invoice(uuid)
        owner = books.organization.uuid

        def finish() -> str:
            books = self.world.books[owner]
            return self._pay_open(books, books.invoices[uuid], "Mastercard •••• 4444").uuid

        payment = Payment(self._owner, "", PaymentState.ACTION_REQUIRED, invoice.due, owner, finish)
        return self._page(key, (uuid, page, return_url), payment)

    def _page(self, key: str, content: object, payment: Payment) -> Paid:
        attempt = self._attempt(self._owner, "page", key, content)
        if attempt.payment is None:
            uuid = self.world.ids.uuid()
            self.world.payments[uuid] = payment
            self.desk.pages[uuid] = "open"
            attempt.payment = Paid(uuid, payment.state, payment.amount, action=self._action(uuid))
        return attempt.payment

    async def refresh_payment(self, uuid: str) -> Paid:
        await self._enter("refresh_payment")
        return self._became(uuid)

    async def cancel_payment(self, uuid: str) -> Paid:
        await self._enter("cancel_payment")
        if self.desk.pages[uuid] == "open":
            self.desk.pages[uuid] = "canceled"
        return self._became(uuid)

    def _became(self, uuid: str) -> Paid:
        payment, state = self.world.payments[uuid], self.desk.pages[uuid]
        if state == "paid":
            return self._succeed(uuid)
        if state == "declined":
            raise CardDeclined(reason="do_not_honor")
        if state == "expired":
            raise PaymentExpired
        states = {"processing": PaymentState.PROCESSING, "canceled": PaymentState.CANCELED}
        if state in states:
            return Paid(uuid, states[state], payment.amount)
        return Paid(uuid, PaymentState.ACTION_REQUIRED, payment.amount, action=self._action(uuid))

    # ---- support

    def _support(self) -> datetime:
        self._user()
        if self.desk.is_denied:
            raise NotFound
        return self.world.clock.now()

    async def list_transfers(self) -> tuple[TransferDue, ...]:
        await self._enter("list_transfers")
        self._support()
        return self.desk.transfers

    async def list_received(self) -> tuple[TransferReceived, ...]:
        await self._enter("list_received")
        self._support()
        return tuple(reversed(self.desk.received))

    async def list_disputes(self) -> tuple[Dispute, ...]:
        await self._enter("list_disputes")
        self._support()
        return self.desk.disputes

    async def receive_transfer(self, request: ReceiveTransfer, *, key: str) -> TransferReceived:
        await self._enter("receive_transfer")
        now, zero = self._support(), Money.zero(request.amount.currency)
        if key in self.desk.keys:
            done = self.desk.keys[key]
            assert isinstance(done, TransferReceived)
            return done
        due = next(one for one in self.desk.transfers if one.reference == request.reference)
        if request.bank_reference in self.desk.bank_references:
            raise InvalidInput(fields={"bank_reference": "already_used"})
        self.desk.bank_references.add(request.bank_reference)
        rest = due.amount - due.received - request.amount
        left, surplus = (rest, zero) if rest.micros >= 0 else (zero, -rest)
        others = tuple(one for one in self.desk.transfers if one is not due)
        kept = (replace(due, received=due.received + request.amount),) if left.micros > 0 else ()
        self.desk.transfers = (*kept, *others)
        done = TransferReceived(
            due.reference, request.amount, left, surplus, "ada@example.com", request.received_on or now, request.note
        )  # fmt: skip
        self.desk.keys[key] = done
        self.desk.received.append(done)
        return done

    def _refund_as_shown(self, request: RefundRequest) -> RefundPreview:
        _, invoice = self._own_invoice(request.invoice_uuid)
        refundable = invoice.paid - invoice.credited
        amount = request.amount or refundable
        if amount > refundable:
            raise InvalidInput(fields={"amount": "over_invoice"})
        lines = (LedgerLine("revenue", -amount), LedgerLine("clearing", amount, "stripe"))
        ends = ("Support Agent",) if request.ends_access else ()
        seen = f"{amount.micros + self.desk.shift}-{request.ends_access}"
        return RefundPreview(
            invoice.uuid, invoice.number, refundable, amount, Money.zero(amount.currency), invoice.paid_with, lines,
            ends, seen,
        )  # fmt: skip

    async def preview_refund(self, request: RefundRequest) -> RefundPreview:
        await self._enter("preview_refund")
        self._support()
        return self._refund_as_shown(request)

    async def refund_invoice(self, request: RefundRequest, preview_hash: str, *, key: str) -> Refunded:
        await self._enter("refund_invoice")
        self._support()
        preview = self._refund_as_shown(request)
        if preview.hash != preview_hash:
            raise SumMoved
        if key not in self.desk.keys:
            self.desk.keys[key] = preview
            self.desk.refunds.append(request)
        return Refunded("refund", PaymentState.SUCCEEDED, preview.amount, "note", "CN-000001", preview.ends)
