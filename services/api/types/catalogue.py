"""What is on the shelf: offerings, plans, vendors, and how to ask for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.api.money import Money, Rate


class OfferingKind(StrEnum):
    AGENT = "agent"
    MCP_SERVER = "mcp_server"
    BUNDLE = "bundle"


class BillingModel(StrEnum):
    FREE = "free"
    SUBSCRIPTION = "subscription"
    PAY_PER_USE = "pay_per_use"
    QUOTE = "quote"


class BillingCycle(StrEnum):
    MONTHLY = "monthly"
    YEARLY = "yearly"


class OveragePolicy(StrEnum):
    CHARGE = "charge"  # calls beyond the included are charged
    THROTTLE = "throttle"  # calls beyond the included are refused


@dataclass(frozen=True, slots=True)
class Category:
    uuid: str
    slug: str
    title: str
    description: str
    icon: str
    hue: int
    offering_count: int = 0


@dataclass(frozen=True, slots=True)
class Vendor:
    uuid: str
    slug: str
    name: str
    country: str
    city: str
    is_verified: bool
    since: int
    about: str
    support_email: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`monthly_price` is None when the plan is priced by quote; `included_calls` None means unlimited."""

    uuid: str
    slug: str
    name: str
    billing_model: BillingModel
    monthly_price: Money | None
    yearly_price: Money | None
    included_calls: int | None
    overage: Rate | None
    overage_policy: OveragePolicy
    points: tuple[str, ...]
    badge: str = ""
    list_monthly_price: Money | None = None  # a bundle's price before its discount
    trial_days: int = 0


@dataclass(frozen=True, slots=True)
class OfferingCard:
    """What a card in the grid shows. `from_price` is the cheapest monthly price (zero when free or pay per use)."""

    uuid: str
    slug: str
    kind: OfferingKind
    name: str
    tagline: str
    vendor_name: str
    vendor_verified: bool
    category_uuid: str
    category_slug: str
    category_title: str
    category_icon: str
    category_hue: int
    rating: float
    review_count: int
    tags: tuple[str, ...]
    billing_models: tuple[BillingModel, ...]
    from_price: Money
    per_call_price: Rate | None = None  # set when the cheapest way in is pay per use


@dataclass(frozen=True, slots=True)
class Offering:
    card: OfferingCard
    description: str
    does: tuple[str, ...]
    does_not: tuple[str, ...]
    languages: tuple[str, ...]
    data_location: str
    getting_started: tuple[str, ...]
    prompts: tuple[str, ...]
    greeting: str
    handover: str
    created_at: datetime
    order_count: int
    vendor: Vendor
    plans: tuple[Plan, ...]
    items: tuple[OfferingCard, ...] = ()  # what a bundle contains
    discount_percent: int = 0


class SortOrder(StrEnum):
    RECOMMENDED = "recommended"
    PRICE_LOW = "price_low"
    RATING = "rating"
    NAME = "name"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class OfferingQuery:
    """Any text is allowed in `text`. `page` counts from 1; `page_size` is 1 to 300. Prices bound `from_price`."""

    text: str = ""
    category: str = ""  # slug
    kind: str = ""
    billing_model: str = ""
    tag: str = ""
    vendor: str = ""  # slug or uuid
    price_min: Money | None = None
    price_max: Money | None = None
    order: SortOrder = SortOrder.RECOMMENDED
    page: int = 1
    page_size: int = 60


@dataclass(frozen=True, slots=True)
class OfferingPage:
    """`total` is exact up to 1,000; above that `is_capped` is true and the screen says "1,000+"."""

    items: tuple[OfferingCard, ...]
    total: int
    is_capped: bool = False
    corrected_text: str = ""  # set when the search was repeated for a likely typing mistake
