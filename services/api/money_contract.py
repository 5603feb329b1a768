"""The areas of the service that deal with money and time; `services.api.contract` joins them to the whole.

`organization_uuid` may be empty everywhere: the caller's first organization is meant. NotSignedIn for guests,
NotFound for another organization's things. A `key` makes a repeat harmless: same key and content, same answer;
other content, KeyReused. PaymentUnknown: ask again with the same key.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

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


class Wallets(Protocol):
    async def get_wallet(self, organization_uuid: str = "") -> Wallet:
        """Balance, credits in spending order, alerts and auto-top-up."""
        ...

    async def list_movements(self, query: MovementQuery) -> MovementPage:
        """What moved the balance, newest first. InvalidInput(page, page_size)."""
        ...

    async def export_movements(self, query: MovementQuery) -> Document:
        """The statement of the wallet as CSV, oldest first, formulas made harmless."""
        ...

    async def quote_top_up(self, request: TopUp) -> TopUpQuote:
        """What a top-up will charge, tax included. InvalidInput(amount)."""
        ...

    async def top_up(self, request: TopUp, *, key: str) -> Paid:
        """Buys credit, usable by the very next call. InvalidInput(amount, payment_token), PaymentFailed."""
        ...

    async def confirm_payment(self, uuid: str, *, approve: bool) -> Paid:
        """The buyer's answer on a page shown in our own window (no `page_hosts`). ConfirmationDeclined, WrongState."""
        ...

    async def refresh_payment(self, uuid: str) -> Paid:
        """Asks the provider now what became of a payment that is no order's. PaymentFailed, PaymentUnknown."""
        ...

    async def cancel_payment(self, uuid: str) -> Paid:
        """Gives up a payment that waits for the buyer; its page is closed. Paid in the same instant: it says so."""
        ...

    async def rehearse_auto_top_up(self, request: SetAutoTopUp) -> Rehearsal:
        """The last 90 days of spending under these settings; changes nothing. InvalidInput."""
        ...

    async def set_auto_top_up(self, request: SetAutoTopUp) -> Wallet:
        """InvalidInput(threshold, target, monthly_limit, payment_token)."""
        ...

    async def set_low_balance_alert(self, threshold: Money | None, organization_uuid: str = "") -> Wallet:
        """None turns it off. InvalidInput(threshold)."""
        ...

    async def redeem_code(self, code: str, *, key: str, organization_uuid: str = "") -> Wallet:
        """Gift and promotional codes. InvalidInput(code: unknown | expired | exhausted | already_used | not_yet)."""
        ...

    async def refund_credit(self, credit_uuid: str, *, key: str) -> Paid:
        """Sends what is left of a paid credit, with its tax, back to the card it came from. WrongState."""
        ...

    async def list_caps(self, organization_uuid: str = "") -> Caps:
        """Every hard limit, and what one may be set on."""
        ...

    async def set_cap(self, request: SetCap) -> Cap:
        """InvalidInput(limit)."""
        ...

    async def raise_cap(self, uuid: str, limit: Money, until: datetime) -> Cap:
        """A higher limit until an instant. InvalidInput(limit, until)."""
        ...

    async def remove_cap(self, uuid: str) -> None:
        """Takes a limit away."""
        ...


class Subscriptions(Protocol):
    async def list_subscriptions(self) -> tuple[Subscription, ...]:
        """What this account's organizations have, newest first; those that ended come last."""
        ...

    async def get_subscription(self, uuid: str) -> Subscription:
        """One of them. NotFound."""
        ...

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        """What a change would do, line by line; nothing is written. InvalidInput, WrongState."""
        ...

    async def commit_change(self, request: ChangeRequest, preview_hash: str, *, key: str) -> Changed:
        """Does what the preview said. SumMoved when it would say another sum now. PaymentFailed changes nothing."""
        ...


class Invoices(Protocol):
    async def list_invoices(self, query: InvoiceQuery) -> InvoicePage:
        """Invoices, credit notes and receipts. InvalidInput(page, page_size)."""
        ...

    async def get_invoice(self, uuid: str) -> Invoice:
        """One of them. NotFound."""
        ...

    async def list_upcoming(self, organization_uuid: str = "") -> tuple[Invoice, ...]:
        """The next invoice of each subscription as it stands now, soonest first."""
        ...

    async def pay_invoice(
        self, uuid: str, payment_token: str, *, key: str, page: PaymentMethod | None = None, return_url: str = ""
    ) -> Paid:
        """Pays an open invoice; "" takes the default method, `page` opens a hosted page of that kind instead. Restores
        what was suspended. WrongState, PaymentFailed."""
        ...

    async def export_invoice(self, uuid: str, document_format: DocumentFormat) -> Document:
        """As PDF with selectable text, JSON or CSV."""
        ...

    async def get_billing_details(self, organization_uuid: str = "") -> BillingDetails:
        """What the next invoices will be made out to."""
        ...

    async def set_billing_details(self, details: BillingDetails, organization_uuid: str = "") -> BillingDetails:
        """InvalidInput(country, vat_id: vat_format | vat_checksum | vat_country, name, address, email)."""
        ...

    async def correct_invoice(self, uuid: str, details: BillingDetails, *, key: str) -> Corrected:
        """Other billing details after the fact: a credit note and a new invoice, linked. WrongState, InvalidInput."""
        ...


class Prices(Protocol):
    async def explain(self, ref: str, *, offset: int = 0, limit: int = 200) -> Explanation:
        """The node of `ref` with one page of its children. NotFound for a ref that is none of the caller's."""
        ...

    async def compare_plans(self, subscription_uuid: str, days: int) -> PlanComparison:
        """The real events of the last `days` (30 or 90) through every plan. InvalidInput(days)."""
        ...


class Quotes(Protocol):
    async def list_quotes(self) -> tuple[Quote, ...]:
        """The caller's quotes, newest first; staff see all."""
        ...

    async def offer_quote(self, uuid: str, terms: QuoteTerms) -> Quote:
        """Sales sets price and terms. Staff, or anybody concerned in test mode. WrongState, InvalidInput."""
        ...

    async def accept_quote(self, uuid: str, *, key: str) -> Placed:
        """Makes the order, deploys, and sends the invoice. WrongState (params: state)."""
        ...

    async def decline_quote(self, uuid: str) -> Quote:
        """WrongState."""
        ...


class Timelines(Protocol):
    async def list_happenings(self, organization_uuid: str = "", *, limit: int = 100) -> tuple[Happening, ...]:
        """What time and people did, newest first."""
        ...

    async def get_timeline(self) -> Timeline:
        """The workspace's time, simulated or not. Works for guests."""
        ...

    async def move_time(self, request: MoveTime) -> TimeMoved:
        """Moves the whole workspace forward, doing all that falls due on the way. NotInTestMode, InvalidInput(to)."""
        ...

    async def return_to(self, point_uuid: str) -> Timeline:
        """Puts the workspace back to a snapshot; what happened after it is gone. NotInTestMode, NotFound."""
        ...
