"""The areas of the service that deal with ways to pay and with what support does about money.

As in `money_contract`: `organization_uuid` may be empty, a `key` makes a repeat harmless.
"""

from __future__ import annotations

from typing import Protocol

from services.api.types import (
    AddedMethod,
    AddMethod,
    Dispute,
    FoundInvoices,
    InvoiceSearch,
    ReceiveTransfer,
    Refunded,
    RefundPreview,
    RefundRequest,
    SavedMethod,
    TransferDue,
    TransferReceived,
    Webhook,
)


class PaymentMethods(Protocol):
    async def list_payment_methods(self, organization_uuid: str = "") -> tuple[SavedMethod, ...]:
        """Cards, bank accounts and PayPal accounts on file, the default one first."""
        ...

    async def add_payment_method(self, request: AddMethod, *, key: str) -> AddedMethod:
        """Opens the provider's page for a new one. InvalidInput(payment_method: not_available), ProviderRejected,
        PaymentUnknown."""
        ...

    async def refresh_added_method(self, uuid: str) -> AddedMethod:
        """What became of that page, from the provider. NotFound, PaymentUnknown."""
        ...

    async def cancel_added_method(self, uuid: str) -> AddedMethod:
        """Closes the page."""
        ...

    async def set_default_method(self, token: str) -> tuple[SavedMethod, ...]:
        """Which is charged when nothing else is said. NotFound."""
        ...

    async def remove_payment_method(self, token: str) -> tuple[SavedMethod, ...]:
        """Forgets it, here and at the provider. What was paid with it is paid with the default from now on. NotFound,
        RequestInProgress while a payment with it is under way."""
        ...


class Collections(Protocol):
    """Of support staff; anybody in a test-mode workspace may see and mark what concerns themselves. NotFound else."""

    async def list_transfers(self) -> tuple[TransferDue, ...]:
        """What is to be paid by bank transfer and is not, the most overdue first; staff see all."""
        ...

    async def receive_transfer(self, request: ReceiveTransfer, *, key: str) -> TransferReceived:
        """Marks money as received, once for each `bank_reference`. InvalidInput(reference, amount, bank_reference),
        NotFound."""
        ...

    async def list_received(self) -> tuple[TransferReceived, ...]:
        """What was marked, by whom and why, newest first."""
        ...

    async def find_invoices(self, search: InvoiceSearch) -> FoundInvoices:
        """Invoices by what a caller can tell, newest first; staff find those of all organizations. InvalidInput(text,
        page, page_size)."""
        ...

    async def preview_refund(self, request: RefundRequest) -> RefundPreview:
        """What a refund of a paid invoice would do, as ledger lines; nothing is written. WrongState,
        InvalidInput(amount)."""
        ...

    async def refund_invoice(self, request: RefundRequest, preview_hash: str, *, key: str) -> Refunded:
        """Does what the preview said. SumMoved when it would do something else by now."""
        ...

    async def list_disputes(self) -> tuple[Dispute, ...]:
        """Open ones first; staff see all."""
        ...


class Webhooks(Protocol):
    async def take_webhook(self, webhook: Webhook) -> None:
        """Stores what a provider sent, once, and has it looked at. EventRejected, NotFound (no such provider)."""
        ...
