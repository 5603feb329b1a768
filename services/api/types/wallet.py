"""Credit an organization has paid in or was given, what moved it, and the limits on spending it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.api.money import Money
from services.api.types.buying import Action, PaymentMethod, PaymentState

Params = dict[str, str | int | None]  # figures and names for the screen to compose a sentence from


class CreditKind(StrEnum):
    PAID = "paid"
    PROMOTIONAL = "promotional"


@dataclass(frozen=True, slots=True)
class Credit:
    """One grant. `source`: top_up | auto_top_up | gift_code | promotional_code | plan_change | support.
    `refundable` is what may go back to the card it came from, `refund_total` the same with the tax that goes along."""

    uuid: str
    kind: CreditKind
    source: str
    amount: Money
    left: Money
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    created_at: datetime
    refundable: Money
    refund_total: Money | None = None


class MovementKind(StrEnum):
    TOP_UP = "top_up"
    AUTO_TOP_UP = "auto_top_up"
    GIFT = "gift"  # gift and promotional codes, credit by support
    USAGE = "usage"
    INVOICE = "invoice"  # credit applied to an invoice
    PLAN_CHANGE = "plan_change"  # unused time that came back as credit
    REFUND = "refund"  # unused paid credit back to the card
    EXPIRY = "expiry"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of the balance. `ref` opens its explanation; `params` name what it was for."""

    uuid: str
    kind: MovementKind
    at: datetime
    amount: Money  # positive: credit came in
    balance: Money  # after it
    params: Params = field(default_factory=dict)
    ref: str = ""


@dataclass(frozen=True, slots=True)
class MovementQuery:
    """`text` is found in names and kinds; `start` and `end` bound `at`, half-open. Newest first."""

    organization_uuid: str = ""
    text: str = ""
    kind: MovementKind | None = None
    start: datetime | None = None
    end: datetime | None = None
    page: int = 1
    page_size: int = 100


@dataclass(frozen=True, slots=True)
class MovementPage:
    items: tuple[Movement, ...]
    total: int


@dataclass(frozen=True, slots=True)
class AutoTopUp:
    """Off by default. `problem` is why the last one did not happen: "" | monthly_limit | no_card | a decline code."""

    is_on: bool
    threshold: Money | None = None
    target: Money | None = None
    monthly_limit: Money | None = None
    payment_token: str = field(default="", repr=False)
    charged_this_month: Money | None = None
    is_in_flight: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Wallet:
    """The credit of one organization. `balance` is what can be spent now (held amounts are taken off already).
    `frozen` is not in it: a bank disputes the payment behind it.
    `empty_on`: when it is used up at the pace of the last 14 days. `organization_uuid` is "" before the first
    purchase or top-up makes one."""

    organization_uuid: str
    organization_name: str
    balance: Money
    held: Money
    frozen: Money
    paid: Money
    promotional: Money
    refundable: Money
    credits: tuple[Credit, ...]  # with something left, in the order they are spent
    spent_this_month: Money
    empty_on: datetime | None
    alert_threshold: Money | None
    is_low: bool
    auto_top_up: AutoTopUp
    packs: tuple[Money, ...]  # amounts offered for a top-up
    top_up_min: Money
    top_up_max: Money


@dataclass(frozen=True, slots=True)
class TopUp:
    """`amount` is the credit wanted; tax comes on top (`quote_top_up` says how much). Without a token a hosted page is
    opened for `payment_method`: card, bank or paypal."""

    amount: Money
    payment_token: str = field(default="", repr=False)
    organization_uuid: str = ""
    payment_method: PaymentMethod = PaymentMethod.CARD
    return_url: str = ""


@dataclass(frozen=True, slots=True)
class TopUpQuote:
    credit: Money
    tax: Money
    total: Money
    tax_name: str = ""
    tax_rate: str = ""  # percent as decimal text
    tax_note: str = ""  # code: reverse_charge | not_computed | ""


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment of a top-up, a plan change or an invoice. Failures are raised as PaymentFailed."""

    payment_uuid: str
    state: PaymentState
    amount: Money
    invoice_uuid: str = ""  # the invoice or receipt that belongs to it
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class SetAutoTopUp:
    is_on: bool
    threshold: Money | None = None
    target: Money | None = None
    monthly_limit: Money | None = None
    payment_token: str = field(default="", repr=False)
    organization_uuid: str = ""


@dataclass(frozen=True, slots=True)
class RehearsedCharge:
    at: datetime
    amount: Money


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What these settings would have done over the last `days` days of real spending."""

    days: int
    charges: tuple[RehearsedCharge, ...]
    total: Money
    lowest: Money
    empty_at: tuple[datetime, ...]  # instants at which a call would have found nothing
    refused_by_limit: int
    spent: Money


class CapLevel(StrEnum):
    ORGANIZATION = "organization"
    PROJECT = "project"
    KEY = "key"


class CapWindow(StrEnum):
    DAY = "day"
    MONTH = "month"
    LIFETIME = "lifetime"


@dataclass(frozen=True, slots=True)
class Cap:
    """A hard limit on what calls may cost. `key` caps name an agent's own key by its resource uuid."""

    uuid: str
    level: CapLevel
    scope_uuid: str
    scope_name: str
    window: CapWindow
    limit: Money
    spent: Money
    held: Money
    left: Money
    raised_to: Money | None = None
    raised_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CapScope:
    """Something a cap may be set on."""

    level: CapLevel
    uuid: str
    name: str


@dataclass(frozen=True, slots=True)
class Caps:
    items: tuple[Cap, ...]
    scopes: tuple[CapScope, ...]


@dataclass(frozen=True, slots=True)
class SetCap:
    """One cap per scope and window; setting it again replaces the limit and keeps what was spent."""

    level: CapLevel
    scope_uuid: str
    window: CapWindow
    limit: Money
