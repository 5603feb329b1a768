"""Waldur's shapes of the catalogue: categories, public offerings and their plans. Pure functions of (base, value)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

import msgspec

from services.api.types import BillingModel, Category, Offering, OfferingCard, OfferingKind, Plan
from services.wire import price, unit_price

OFFERINGS = "/api/marketplace-public-offerings"
CALLS, FEE = "calls", "subscription"  # our two components: a fixed fee, and calls by use

_PLAN_TYPES = {
    BillingModel.FREE: "fixed",
    BillingModel.SUBSCRIPTION: "mixed",
    BillingModel.PAY_PER_USE: "usage-based",
    BillingModel.QUOTE: "fixed",
}


class CategoryShape(msgspec.Struct):
    url: str
    uuid: str
    title: str
    description: str
    icon: str
    offering_count: int
    slug: str
    hue: int


class ComponentShape(msgspec.Struct):
    uuid: str
    billing_type: str
    type: str
    name: str
    description: str
    measured_unit: str
    limit_period: str | None
    limit_amount: int | None
    max_value: int | None
    min_value: int | None
    factor: int


class PlanShape(msgspec.Struct):
    """`unit_price` is null for a plan priced by quote; `included.calls` null means unlimited."""

    url: str
    uuid: str
    name: str
    description: str
    unit_price: str | None
    unit: str
    init_price: str
    switch_price: str
    prices: dict[str, str]
    quotas: dict[str, int]
    plan_type: str
    is_active: bool
    slug: str
    billing_model: BillingModel
    currency: str
    included: dict[str, int | None]
    overage: dict[str, str]
    overage_policy: str
    yearly_price: str | None
    list_unit_price: str | None
    trial_days: int
    points: tuple[str, ...]
    badge: str


class OfferingRow(msgspec.Struct):
    """An offering in the list: what a card shows. Ask for more keys by `field=`, or read the offering itself."""

    url: str
    uuid: str
    name: str
    slug: str
    description: str
    customer_name: str
    category: str
    category_uuid: str
    category_title: str
    category_slug: str
    rating: float
    review_count: int
    type: OfferingKind
    state: str
    shared: bool
    billable: bool
    tags: tuple[str, ...]
    billing_models: tuple[BillingModel, ...]
    from_price: str | None
    per_call_price: str | None
    currency: str


class OfferingShape(OfferingRow):
    """A public offering with Waldur's keys; ours follow `country`."""

    created: datetime
    full_description: str
    terms_of_service: str
    customer: str
    customer_uuid: str
    attributes: dict[str, object]
    options: dict[str, object]
    components: list[ComponentShape]
    plugin_options: dict[str, object]
    thumbnail: str | None
    order_count: int
    plans: list[PlanShape]
    screenshots: list[str]
    files: list[str]
    getting_started: str
    country: str
    prompts: tuple[str, ...]
    greeting: str
    items: list[OfferingRow]
    discount_percent: int


def category(base: str, value: Category) -> CategoryShape:
    """A category."""
    return CategoryShape(
        url=f"{base}/api/marketplace-categories/{value.uuid}/",
        uuid=value.uuid,
        title=value.title,
        description=value.description,
        icon=value.icon,
        offering_count=value.offering_count,
        slug=value.slug,
        hue=value.hue,
    )


def offering_row(base: str, card: OfferingCard) -> OfferingRow:
    """An offering in the list. Positional, because a page of them is the hottest answer we give."""
    return OfferingRow(
        f"{base}{OFFERINGS}/{card.uuid}/",
        card.uuid,
        card.name,
        card.slug,
        card.tagline,
        card.vendor_name,
        f"{base}/api/marketplace-categories/{card.category_uuid}/",
        card.category_uuid,
        card.category_title,
        card.category_slug,
        card.rating,
        card.review_count,
        card.kind,
        "Active",
        True,
        True,
        card.tags,
        card.billing_models,
        price(card.from_price),
        unit_price(card.per_call_price) if card.per_call_price else None,
        card.from_price.currency,
    )


def offering(base: str, value: Offering) -> OfferingShape:
    """A public offering."""
    row = offering_row(base, value.card)
    return OfferingShape(
        **msgspec.structs.asdict(row),
        created=value.created_at,
        full_description=value.description,
        terms_of_service="",
        customer=f"{base}/api/customers/{value.vendor.uuid}/",
        customer_uuid=value.vendor.uuid,
        attributes=_attributes(value),
        options={},
        components=components(value),
        plugin_options={},
        thumbnail=None,
        order_count=value.order_count,
        plans=plans(base, value),
        screenshots=[],
        files=[],
        getting_started="\n".join(value.getting_started),
        country=value.vendor.country,
        prompts=value.prompts,
        greeting=value.greeting,
        items=[offering_row(base, card) for card in value.items],
        discount_percent=value.discount_percent,
    )


def _attributes(value: Offering) -> dict[str, object]:
    return {
        "does": value.does,
        "does_not": value.does_not,
        "languages": value.languages,
        "data_location": value.data_location,
        "handover": value.handover,
        "vendor_verified": value.vendor.is_verified,
        "vendor_since": value.vendor.since,
        "support_email": value.vendor.support_email,
    }


def components(value: Offering) -> list[ComponentShape]:
    """What an offering is measured in: the fee of its plans, and calls."""
    whole = UUID(hex=value.card.uuid) if len(value.card.uuid) == 32 else UUID(int=0)

    def component(kind: str, billing_type: str, name: str, unit: str, description: str) -> ComponentShape:
        period = "month" if kind == CALLS else None
        uuid = uuid5(whole, kind).hex
        return ComponentShape(uuid, billing_type, kind, name, description, unit, period, None, None, None, 1)

    return [
        component(FEE, "fixed", "Subscription", "month", "The monthly price of the plan."),
        component(CALLS, "usage", "Calls", "call", "Each answer the agent gives beyond those included."),
    ]


def plans(base: str, value: Offering) -> list[PlanShape]:
    """An offering's plans."""
    return [plan(f"{base}{OFFERINGS}/{value.card.uuid}", one) for one in value.plans]


def plan(offering_url: str, value: Plan) -> PlanShape:
    """One plan, under the URL of its offering."""
    calls = {CALLS: unit_price(value.overage)} if value.overage else {}
    fee = {FEE: fixed} if (fixed := price(value.monthly_price)) else {}
    zero = "0.0000000000"
    return PlanShape(
        url=f"{offering_url}/plans/{value.uuid}/",
        uuid=value.uuid,
        name=value.name,
        description=". ".join(value.points),
        unit_price=price(value.monthly_price),
        unit="month",
        init_price=zero,
        switch_price=zero,
        prices={**fee, **calls},
        quotas={} if value.included_calls is None else {CALLS: value.included_calls},
        plan_type=_PLAN_TYPES[value.billing_model] if value.overage else "fixed",
        is_active=True,
        slug=value.slug,
        billing_model=value.billing_model,
        currency=value.monthly_price.currency if value.monthly_price else "USD",
        included={CALLS: value.included_calls},
        overage=calls,
        overage_policy=value.overage_policy,
        yearly_price=price(value.yearly_price),
        list_unit_price=price(value.list_monthly_price),
        trial_days=0,
        points=value.points,
        badge=value.badge,
    )
