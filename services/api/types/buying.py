"""From the cart to the paid order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.api.money import Money
from services.api.types.catalogue import BillingCycle, BillingModel


@dataclass(frozen=True, slots=True)
class CartDraft:
    """What was typed at checkout, kept so that nothing is lost. Never holds a password."""

    email: str = ""
    organization_name: str = ""
    project_name: str = ""
    payment_token: str = field(default="", repr=False)
    terms_accepted: bool = False
    coupon: str = ""
    country: str = ""
    vat_id: str = ""
    start_trial: bool = False
    attempt_key: str = ""  # the idempotency key of the purchase being tried; survives a crash


@dataclass(frozen=True, slots=True)
class Cart:
    """At most one offering at a time; the newest choice wins. Empty when `offering_uuid` is ""."""

    offering_uuid: str = ""
    plan_uuid: str = ""
    billing_cycle: BillingCycle = BillingCycle.YEARLY
    draft: CartDraft = CartDraft()
    updated_at: datetime | None = None


class PaymentMethod(StrEnum):
    CARD = "card"
    PAYPAL = "paypal"
    BANK = "bank"  # a debit of a bank account, which takes days
    INVOICE = "invoice"  # a transfer by the buyer, with a reference and a due date
    WALLET = "wallet"


class PaymentState(StrEnum):
    SENT = "sent"  # intent saved, outcome not known yet
    ACTION_REQUIRED = "action_required"  # the buyer must pay or confirm on a hosted page
    PROCESSING = "processing"  # under way: a bank debit or a transfer
    AUTHORIZED = "authorized"  # held; charged when the time to change one's mind is over
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"  # given up or expired; nothing was charged
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """One line of the arithmetic. `kind`: price | discount | credit | tax; `label` says which of its kind, e.g. plan,
    yearly, bundle, owned, coupon, trial, wallet, or the note of a tax. `params` hold names and figures for the
    screen."""

    kind: str
    label: str
    amount: Money
    unit_price: Money | None = None
    quantity: int = 1
    params: dict[str, str | int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """What the buyer will pay now and when it repeats; the order is made from the same function."""

    offering_uuid: str
    offering_name: str
    plan_uuid: str
    plan_name: str
    billing_model: BillingModel
    billing_cycle: BillingCycle
    lines: tuple[SummaryLine, ...]
    total: Money | None  # due now, tax included; None: priced by quote
    renews_at: datetime | None  # the next charge; the end of the trial when one is started
    renewal_total: Money | None  # of that charge, as far as it is known now
    trial_days: int = 0  # a trial this buyer may start; 0: none
    is_trial: bool = False  # this request starts it
    owned: tuple[str, ...] = ()  # names of a bundle's parts the organization has already
    credit_left: Money | None = None  # in the wallet after this order, when it pays


@dataclass(frozen=True, slots=True)
class TestCard:
    """A published test card outcome of the test provider; its token stands for a card in test mode only."""

    __test__ = False  # not a test class
    token: str
    brand: str
    last4: str
    outcome: str  # pays | declined | insufficient_funds | needs_confirmation | lost_before | lost_after


@dataclass(frozen=True, slots=True)
class SavedMethod:
    """A card, bank account or PayPal account that can be charged again. `expiry`: "" | soon | expired, by the
    workspace's clock. `used_for`: names of what is paid with it, "auto_top_up" for the automatic top-up."""

    token: str = field(repr=False)
    brand: str  # "Visa", the bank's name, "PayPal"
    last4: str  # "" for PayPal
    exp_month: int  # 0 for what does not expire
    exp_year: int
    is_default: bool
    method: PaymentMethod = PaymentMethod.CARD
    email: str = ""  # of a PayPal account
    expiry: str = ""
    used_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentOptions:
    """What this buyer can pay with. `is_test_mode`: no real money moves; `has_accepted_terms`: by an earlier order.
    `page_hosts`: where hosted pages may lie, and no others are opened; empty: they are answered in our own window.
    `undo_seconds`: how long a purchase by card or PayPal can be taken back before it is charged."""

    is_test_mode: bool
    methods: tuple[PaymentMethod, ...]  # those that work now
    saved_methods: tuple[SavedMethod, ...]
    test_cards: tuple[TestCard, ...]
    has_accepted_terms: bool = False
    wallet_balance: Money | None = None  # None: guest
    page_hosts: tuple[str, ...] = ()
    undo_seconds: int = 0


@dataclass(frozen=True, slots=True)
class QuickCheckout:
    """One call from choice to paid order (API.md, "Buying"). Prices come from the catalogue only. Without a
    `payment_token` a hosted page is opened for card, bank and paypal; `invoice` is paid by transfer."""

    offering_uuid: str
    plan_uuid: str
    payment_method: PaymentMethod = PaymentMethod.CARD
    payment_token: str = field(default="", repr=False)
    organization_name: str = ""
    project_name: str = ""
    billing_cycle: BillingCycle = BillingCycle.MONTHLY
    terms_accepted: bool = False
    coupon: str = ""
    start_trial: bool = False
    country: str = ""  # ISO 3166 alpha-2; empty: as in the billing details, else none
    vat_id: str = ""
    return_url: str = (
        ""  # where the hosted page sends the browser: the caller's own loopback address, or a page of ours
    )
    saves_method: bool = True


@dataclass(frozen=True, slots=True)
class PayOrder:
    """Another try at an order that is not paid yet: the same page again, or another way to pay. Of the two, `method`
    without a token opens a page."""

    payment_method: PaymentMethod = PaymentMethod.CARD
    payment_token: str = field(default="", repr=False)
    return_url: str = ""
    saves_method: bool = True


@dataclass(frozen=True, slots=True)
class Action:
    """What the buyer has to do first. `expires_at`: until when the page works."""

    kind: str  # "redirect"
    url: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """How to pay by bank transfer. `reference` must be given with it, so that it is found."""

    reference: str
    amount: Money  # still to be paid
    due_at: datetime
    account: tuple[tuple[str, str], ...]  # (holder | iban | bic | bank, value)
    received: Money  # so far


@dataclass(frozen=True, slots=True)
class Placed:
    """`action` is set when the buyer must pay or confirm on a hosted page first; the other ids are empty until then.
    `state`: what is known of the money. A bank debit or a transfer is `processing` until it has arrived, and so is the
    order."""

    order_uuid: str
    resource_uuid: str = ""
    organization_uuid: str = ""
    project_uuid: str = ""
    access_url: str = ""
    action: Action | None = None
    state: PaymentState = PaymentState.SUCCEEDED
    transfer: Transfer | None = None


class OrderState(StrEnum):
    PENDING_CONSUMER = "pending-consumer"  # the buyer must confirm
    PENDING_PROVIDER = "pending-provider"  # intent saved, payment outcome not known yet
    EXECUTING = "executing"  # paid, being deployed
    DONE = "done"
    ERRED = "erred"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Order:
    uuid: str
    number: str  # "SK-000042"; empty until paid
    state: OrderState
    offering_uuid: str
    offering_name: str
    plan_name: str
    billing_cycle: BillingCycle
    lines: tuple[SummaryLine, ...]
    total: Money
    refunded: Money
    paid_with: str  # "Visa •••• 4242"
    organization_uuid: str
    organization_name: str
    project_name: str
    buyer_name: str
    buyer_email: str
    resource_uuids: tuple[str, ...]
    created_at: datetime
    paid_at: datetime | None
    renews_at: datetime | None
    error_code: str = ""
    action: Action | None = None
    invoice_uuid: str = ""
    payment_state: PaymentState | None = None  # of its latest payment; None: there was nothing to pay
    payment_method: PaymentMethod = PaymentMethod.CARD
    undo_until: datetime | None = None  # until then `cancel_order` takes it back and nothing is charged
    transfer: Transfer | None = None


@dataclass(frozen=True, slots=True)
class RequestQuote:
    offering_uuid: str
    plan_uuid: str
    email: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class QuoteRequested:
    uuid: str
    created_at: datetime
