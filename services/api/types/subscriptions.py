"""What repeats: subscriptions, what they cost next, how they may change, and quotes for those priced by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.api.money import Money, Rate
from services.api.types.buying import PaymentMethod
from services.api.types.catalogue import BillingCycle, BillingModel, OfferingKind, Plan
from services.api.types.invoices import Attempt, InvoiceLine, TaxLine
from services.api.types.running import Usage
from services.api.types.wallet import Paid


class SubscriptionState(StrEnum):
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"  # a payment failed; it is tried again
    SUSPENDED = "suspended"  # all tries failed; paying restores
    PAUSED = "paused"
    CANCELED = "canceled"  # over


class UsagePayment(StrEnum):
    """How calls that are not included are paid."""

    PREPAID = "prepaid"  # from the wallet, before each call
    POSTPAID = "postpaid"  # on the next invoice; needs a card on file


@dataclass(frozen=True, slots=True)
class SubscribedResource:
    uuid: str
    name: str
    usage: Usage


class ChangeAction(StrEnum):
    CHANGE_PLAN = "change_plan"  # other plan and/or cycle and/or quantity; up now, down at the period's end
    CANCEL_NOW = "cancel_now"
    CANCEL_AT_END = "cancel_at_end"
    PAUSE = "pause"
    RESUME = "resume"
    UNDO = "undo"  # takes a pending change or cancellation back
    SET_USAGE_PAYMENT = "set_usage_payment"
    SET_PAYMENT_CARD = "set_payment_card"


@dataclass(frozen=True, slots=True)
class PendingChange:
    """`kind`: change_plan | cancel | pause. Can be undone until `effective_at`."""

    kind: str
    effective_at: datetime
    plan_uuid: str = ""
    plan_name: str = ""
    cycle: BillingCycle | None = None
    price: Money | None = None


@dataclass(frozen=True, slots=True)
class AppliedCoupon:
    code: str
    percent: str = ""  # decimal text
    amount: Money | None = None
    periods_left: int | None = None  # None: for ever


@dataclass(frozen=True, slots=True)
class Subscription:
    """`price` is for one cycle before discount and tax; `next_charge` is the total of the upcoming invoice as it
    stands now, tax included; None when nothing more will be charged."""

    uuid: str
    order_uuid: str
    organization_uuid: str
    organization_name: str
    offering_uuid: str
    offering_name: str
    offering_kind: OfferingKind
    plan: Plan
    billing_model: BillingModel
    cycle: BillingCycle
    quantity: int
    price: Money
    state: SubscriptionState
    started_at: datetime
    period_start: datetime
    period_end: datetime
    trial_ends_at: datetime | None
    next_charge_at: datetime | None
    next_charge: Money | None
    payment_method: PaymentMethod
    paid_with: str  # "Visa •••• 4242", "wallet", "invoice"
    usage_payment: UsagePayment
    resources: tuple[SubscribedResource, ...]
    pending: PendingChange | None = None
    ended_at: datetime | None = None
    resumes_at: datetime | None = None
    coupon: AppliedCoupon | None = None
    attempts: tuple[Attempt, ...] = ()  # while past due: the calendar
    unpaid_invoice_uuid: str = ""
    can: tuple[ChangeAction, ...] = ()  # what its state allows now
    collecting: Money | None = None  # of an invoice that is being paid: the bank has not answered yet


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """`quantity` 0 keeps it. `resume_at` is for PAUSE. Prices come from the catalogue only."""

    subscription_uuid: str
    action: ChangeAction
    plan_uuid: str = ""
    cycle: BillingCycle | None = None
    quantity: int = 0
    resume_at: datetime | None = None
    at_end: bool | None = None  # None: the rule decides (up now, down at the end)
    usage_payment: UsagePayment | None = None
    payment_token: str = field(default="", repr=False)
    reason: str = ""
    return_url: str = ""  # where a page for the bank's question sends the browser


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """Made by the same function as the change itself; `hash` goes back with the commit, which refuses (SumMoved)
    when the sum is another by then."""

    request: ChangeRequest
    hash: str
    effective_at: datetime
    is_pending: bool  # takes effect later; nothing is charged now
    lines: tuple[InvoiceLine, ...]
    tax_lines: tuple[TaxLine, ...]
    due_now: Money  # charged to the card, tax included
    to_wallet: Money  # unused time that comes back as credit
    old_price: Money
    new_price: Money | None
    old_included: int | None
    new_included: int | None
    used: int
    next_charge_at: datetime | None
    next_charge: Money | None


@dataclass(frozen=True, slots=True)
class Changed:
    """`payment` is set when something was charged; with `payment.action` the change waits for its confirmation."""

    subscription: Subscription
    payment: Paid | None = None


# ---- quotes


class QuoteState(StrEnum):
    REQUESTED = "requested"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class QuoteTerms:
    """What sales offers. `included_calls` None: unlimited. The invoice is due `net_days` after acceptance."""

    monthly_price: Money
    valid_until: datetime
    cycle: BillingCycle = BillingCycle.MONTHLY
    included_calls: int | None = None
    overage: Rate | None = None
    net_days: int = 30
    note: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    uuid: str
    state: QuoteState
    offering_uuid: str
    offering_name: str
    plan_uuid: str
    plan_name: str
    email: str
    message: str
    created_at: datetime
    terms: QuoteTerms | None
    price: Money | None  # of one cycle, before tax
    order_uuid: str
    can_answer: bool  # the caller may answer as sales (staff, or anybody in a test-mode workspace)
