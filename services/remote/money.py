"""Wallet, subscriptions, invoices, prices, quotes and time over HTTP: one typed line per method."""

from __future__ import annotations

from datetime import datetime

from services.api.money import Money
from services.api.types import (
    BillingDetails,
    Cap,
    Caps,
    Changed,
    ChangePreview,
    ChangeRequest,
    Corrected,
    Document,
    DocumentFormat,
    Explanation,
    Happening,
    Invoice,
    InvoicePage,
    InvoiceQuery,
    MovementPage,
    MovementQuery,
    MoveTime,
    Paid,
    PaymentMethod,
    Placed,
    PlanComparison,
    Quote,
    QuoteTerms,
    Rehearsal,
    SetAutoTopUp,
    SetCap,
    Subscription,
    Timeline,
    TimeMoved,
    TopUp,
    TopUpQuote,
    Wallet,
)
from services.remote.transport import Transport, segment

_WALLET, _SUBSCRIPTIONS, _INVOICES, _CAPS = "/api/wallets", "/api/subscriptions", "/api/invoices", "/api/caps"
_QUOTES, _TIME = "/api/quotes", "/api/timeline"


class RemoteMoney(Transport):
    """The areas of `services.api.money_contract`. Queries travel as bodies: they hold instants and exact amounts."""

    # ---- wallet

    async def get_wallet(self, organization_uuid: str = "") -> Wallet:
        return await self.get(Wallet, f"{_WALLET}/", organization_uuid=organization_uuid)

    async def list_movements(self, query: MovementQuery) -> MovementPage:
        return await self.post(MovementPage, f"{_WALLET}/movements/", query)

    async def export_movements(self, query: MovementQuery) -> Document:
        return await self.post(Document, f"{_WALLET}/movements/export/", query)

    async def quote_top_up(self, request: TopUp) -> TopUpQuote:
        return await self.post(TopUpQuote, f"{_WALLET}/quote-top-up/", request)

    async def top_up(self, request: TopUp, *, key: str) -> Paid:
        return await self.pay(Paid, f"{_WALLET}/top-up/", request, key)

    async def confirm_payment(self, uuid: str, *, approve: bool) -> Paid:
        return await self.pay(Paid, f"/api/payments/{segment(uuid)}/confirm/", {"approve": approve}, "")

    async def refresh_payment(self, uuid: str) -> Paid:
        return await self.post(Paid, f"/api/payments/{segment(uuid)}/refresh/")

    async def cancel_payment(self, uuid: str) -> Paid:
        return await self.pay(Paid, f"/api/payments/{segment(uuid)}/cancel/", None, "")

    async def rehearse_auto_top_up(self, request: SetAutoTopUp) -> Rehearsal:
        return await self.post(Rehearsal, f"{_WALLET}/rehearse-auto-top-up/", request)

    async def set_auto_top_up(self, request: SetAutoTopUp) -> Wallet:
        return await self.post(Wallet, f"{_WALLET}/auto-top-up/", request)

    async def set_low_balance_alert(self, threshold: Money | None, organization_uuid: str = "") -> Wallet:
        body = {"threshold": threshold, "organization_uuid": organization_uuid}
        return await self.post(Wallet, f"{_WALLET}/low-balance-alert/", body)

    async def redeem_code(self, code: str, *, key: str, organization_uuid: str = "") -> Wallet:
        body = {"code": code, "organization_uuid": organization_uuid}
        return await self.pay(Wallet, f"{_WALLET}/redeem/", body, key)

    async def refund_credit(self, credit_uuid: str, *, key: str) -> Paid:
        return await self.pay(Paid, f"/api/credits/{segment(credit_uuid)}/refund/", {}, key)

    async def list_caps(self, organization_uuid: str = "") -> Caps:
        return await self.get(Caps, f"{_CAPS}/", organization_uuid=organization_uuid)

    async def set_cap(self, request: SetCap) -> Cap:
        return await self.post(Cap, f"{_CAPS}/", request)

    async def raise_cap(self, uuid: str, limit: Money, until: datetime) -> Cap:
        return await self.post(Cap, f"{_CAPS}/{segment(uuid)}/raise/", {"limit": limit, "until": until})

    async def remove_cap(self, uuid: str) -> None:
        await self.send("DELETE", f"{_CAPS}/{segment(uuid)}/")

    # ---- subscriptions

    async def list_subscriptions(self) -> tuple[Subscription, ...]:
        return await self.get(tuple[Subscription, ...], f"{_SUBSCRIPTIONS}/")

    async def get_subscription(self, uuid: str) -> Subscription:
        return await self.get(Subscription, f"{_SUBSCRIPTIONS}/{segment(uuid)}/")

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        return await self.post(ChangePreview, f"{_SUBSCRIPTIONS}/preview-change/", request)

    async def commit_change(self, request: ChangeRequest, preview_hash: str, *, key: str) -> Changed:
        body = {"request": request, "preview_hash": preview_hash}
        return await self.pay(Changed, f"{_SUBSCRIPTIONS}/commit-change/", body, key)

    # ---- invoices

    async def list_invoices(self, query: InvoiceQuery) -> InvoicePage:
        return await self.post(InvoicePage, f"{_INVOICES}/query/", query)

    async def get_invoice(self, uuid: str) -> Invoice:
        return await self.get(Invoice, f"{_INVOICES}/{segment(uuid)}/")

    async def list_upcoming(self, organization_uuid: str = "") -> tuple[Invoice, ...]:
        return await self.get(tuple[Invoice, ...], f"{_INVOICES}/upcoming/", organization_uuid=organization_uuid)

    async def pay_invoice(
        self, uuid: str, payment_token: str, *, key: str, page: PaymentMethod | None = None, return_url: str = ""
    ) -> Paid:
        body = {"payment_token": payment_token, "page": page, "return_url": return_url}
        return await self.pay(Paid, f"{_INVOICES}/{segment(uuid)}/pay/", body, key)

    async def export_invoice(self, uuid: str, document_format: DocumentFormat) -> Document:
        return await self.get(Document, f"{_INVOICES}/{segment(uuid)}/{document_format.value}/")

    async def get_billing_details(self, organization_uuid: str = "") -> BillingDetails:
        return await self.get(BillingDetails, "/api/billing-details/", organization_uuid=organization_uuid)

    async def set_billing_details(self, details: BillingDetails, organization_uuid: str = "") -> BillingDetails:
        body = {"details": details, "organization_uuid": organization_uuid}
        return await self.post(BillingDetails, "/api/billing-details/", body)

    async def correct_invoice(self, uuid: str, details: BillingDetails, *, key: str) -> Corrected:
        return await self.pay(Corrected, f"{_INVOICES}/{segment(uuid)}/correct/", details, key)

    # ---- prices

    async def explain(self, ref: str, *, offset: int = 0, limit: int = 200) -> Explanation:
        place = ref.encode("utf-8", "replace").decode()
        return await self.get(Explanation, "/api/explain/", ref=place, offset=str(offset), limit=str(limit))

    async def compare_plans(self, subscription_uuid: str, days: int) -> PlanComparison:
        path = f"{_SUBSCRIPTIONS}/{segment(subscription_uuid)}/compare-plans/"
        return await self.get(PlanComparison, path, days=str(days))

    # ---- quotes

    async def list_quotes(self) -> tuple[Quote, ...]:
        return await self.get(tuple[Quote, ...], f"{_QUOTES}/")

    async def offer_quote(self, uuid: str, terms: QuoteTerms) -> Quote:
        return await self.post(Quote, f"{_QUOTES}/{segment(uuid)}/offer/", terms)

    async def accept_quote(self, uuid: str, *, key: str) -> Placed:
        return await self.pay(Placed, f"{_QUOTES}/{segment(uuid)}/accept/", {}, key)

    async def decline_quote(self, uuid: str) -> Quote:
        return await self.post(Quote, f"{_QUOTES}/{segment(uuid)}/decline/", {})

    # ---- time

    async def list_happenings(self, organization_uuid: str = "", *, limit: int = 100) -> tuple[Happening, ...]:
        wanted = {"organization_uuid": organization_uuid, "limit": str(limit)}
        return await self.get(tuple[Happening, ...], "/api/events/", **wanted)

    async def get_timeline(self) -> Timeline:
        return await self.get(Timeline, f"{_TIME}/")

    async def move_time(self, request: MoveTime) -> TimeMoved:
        return await self.post(TimeMoved, f"{_TIME}/move/", request)

    async def return_to(self, point_uuid: str) -> Timeline:
        return await self.post(Timeline, f"{_TIME}/return/", {"point_uuid": point_uuid})
