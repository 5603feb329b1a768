"""Ways to pay, what support does with money, and webhooks over HTTP: one typed line per method."""

from __future__ import annotations

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
from services.remote.transport import Transport, segment

_METHODS, _SUPPORT = "/api/saved-payment-methods", "/api/support"
_SETUPS = f"{_METHODS}/setups"


class RemotePayments(Transport):
    """The areas of `services.api.payment_contract`."""

    # ---- ways to pay

    async def list_payment_methods(self, organization_uuid: str = "") -> tuple[SavedMethod, ...]:
        return await self.get(tuple[SavedMethod, ...], f"{_METHODS}/", organization_uuid=organization_uuid)

    async def add_payment_method(self, request: AddMethod, *, key: str) -> AddedMethod:
        return await self.pay(AddedMethod, f"{_METHODS}/", request, key)

    async def refresh_added_method(self, uuid: str) -> AddedMethod:
        return await self.post(AddedMethod, f"{_SETUPS}/{segment(uuid)}/refresh/")

    async def cancel_added_method(self, uuid: str) -> AddedMethod:
        return await self.post(AddedMethod, f"{_SETUPS}/{segment(uuid)}/cancel/")

    async def set_default_method(self, token: str) -> tuple[SavedMethod, ...]:
        return await self.post(tuple[SavedMethod, ...], f"{_METHODS}/{segment(token)}/set_default/")

    async def remove_payment_method(self, token: str) -> tuple[SavedMethod, ...]:
        return await self.delete(tuple[SavedMethod, ...], f"{_METHODS}/{segment(token)}/")

    # ---- support

    async def list_transfers(self) -> tuple[TransferDue, ...]:
        return await self.get(tuple[TransferDue, ...], f"{_SUPPORT}/transfers/")

    async def receive_transfer(self, request: ReceiveTransfer, *, key: str) -> TransferReceived:
        return await self.pay(TransferReceived, f"{_SUPPORT}/transfers/receive/", request, key)

    async def list_received(self) -> tuple[TransferReceived, ...]:
        return await self.get(tuple[TransferReceived, ...], f"{_SUPPORT}/transfers/received/")

    async def find_invoices(self, search: InvoiceSearch) -> FoundInvoices:
        return await self.post(FoundInvoices, f"{_SUPPORT}/invoices/find/", search)

    async def preview_refund(self, request: RefundRequest) -> RefundPreview:
        return await self.post(RefundPreview, f"{_SUPPORT}/refunds/preview/", request)

    async def refund_invoice(self, request: RefundRequest, preview_hash: str, *, key: str) -> Refunded:
        body = {"request": request, "preview_hash": preview_hash}
        return await self.pay(Refunded, f"{_SUPPORT}/refunds/", body, key)

    async def list_disputes(self) -> tuple[Dispute, ...]:
        return await self.get(tuple[Dispute, ...], f"{_SUPPORT}/disputes/")

    # ---- webhooks

    async def take_webhook(self, webhook: Webhook) -> None:
        await self.hand_on(f"/api/webhooks/{segment(webhook.provider)}/", webhook.headers, webhook.body)
