"""The part of FakeService that knows disputes, and whose money support may look at."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.api.money import Money
from services.api.types import Dispute, Invoice, MovementKind, ResourceState, SubscriptionState
from tests.fake_books import ZERO, Books, Held
from tests.fake_pages import PROVIDER
from tests.fake_timeline import FakeTimeline

ANSWER_WITHIN = timedelta(days=7)


class FakeDisputes(FakeTimeline):
    """`dispute` and `close_dispute` are what the buyer's bank does."""

    def _email_of(self, books: Books) -> str:
        """Of the first member of an organization."""
        return self._emails_of(books)[0]

    def _emails_of(self, books: Books) -> list[str]:
        """Of its members, the first one first."""
        users = self.world.users.values()
        return [one.email for one in users if books.organization.uuid in {own.uuid for own in one.organizations}]

    def dispute(self, uuid: str, amount: Money | None = None, reason: str = "fraudulent") -> str:
        """The buyer's bank takes the money of an order or a payment back while it decides. Returns the dispute."""
        books, invoice = self._paid_by(uuid)
        now, made = self.world.clock.now(), self.world.ids.uuid()
        credit_uuid = next((own for own, receipt in books.receipts.items() if receipt == invoice.uuid), "")
        frozen = ZERO
        if credit := books.credit(credit_uuid):
            frozen = credit.left
            self.world.frozen[made] = credit
            books.replace_credit(replace(credit, left=ZERO, refundable=ZERO))
        found = Dispute(
            made, PROVIDER, "open", reason, amount or invoice.total, frozen, books.organization.uuid,
            books.organization.name, self._email_of(books), invoice.uuid, invoice.number, now, now + ANSWER_WITHIN,
        )  # fmt: skip
        self.world.disputes[made] = (books.organization.uuid, found)
        self._tell(books, "dispute_opened", f"invoice:{invoice.uuid}", amount=found.amount.micros)
        return made

    def close_dispute(self, uuid: str, state: str) -> None:
        """won: what was frozen is free; lost: it is gone, and what was not paid after all is served no longer."""
        owner, found = self.world.disputes[uuid]
        books, now = self.world.books[owner], self.world.clock.now()
        credit = self.world.frozen.pop(uuid, None)
        if credit and state == "won":
            books.replace_credit(credit)
        elif credit:
            books.move(self.world.ids, now, MovementKind.REVERSAL, -credit.left, {"source": "dispute"})
        elif state == "lost":
            self._end_access(books, books.invoices[found.invoice_uuid])
        self.world.disputes[uuid] = (owner, replace(found, state=state, closed_at=now, frozen=ZERO))
        self._tell(books, f"dispute_{state}", f"invoice:{found.invoice_uuid}", amount=found.amount.micros)

    def _paid_by(self, uuid: str) -> tuple[Books, Invoice]:
        """The invoice or receipt of an order or a payment."""
        if uuid in self.world.orders:
            order = self.world.orders[uuid][1]
            books = self.world.books[order.organization_uuid]
            return books, books.invoices[order.invoice_uuid]
        payment = self.world.payments[uuid]
        books = self.world.books[payment.books]
        return books, books.invoices[payment.invoice_uuid]

    def _held_by_order(self, books: Books, order_uuid: str) -> Held | None:
        held = (one for one in books.held.values() if order_uuid and one.subscription.order_uuid == order_uuid)
        return next(held, None)

    def _end_access(self, books: Books, invoice: Invoice) -> None:
        """The subscription of an invoice ends now, and its agents stop."""
        held = books.held.get(invoice.subscription_uuid) or self._held_by_order(books, invoice.order_uuid)
        if held is None:
            return
        one, now = held.subscription, self.world.clock.now()
        ended = replace(one, state=SubscriptionState.CANCELED, ended_at=now, pending=None)
        books.held[one.uuid] = replace(held, subscription=ended, worth=ZERO)
        for part in one.resources:
            owner, resource = self.world.resources[part.uuid]
            self._keep(owner, replace(resource, state=ResourceState.RETIRED))

    async def list_disputes(self) -> tuple[Dispute, ...]:
        await self._enter("list_disputes")
        own = {one.organization.uuid for one in self._concerned()}
        found = [one for owner, one in self.world.disputes.values() if owner in own]
        found.sort(key=lambda one: one.opened_at, reverse=True)
        return tuple(sorted(found, key=lambda one: one.state != "open"))
