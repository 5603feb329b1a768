"""The catalogue that ships with the program, read from resources and priced by the domain rules.

Standard library only: the first frame may come from here before any database exists.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import resources
from services.api.money import Money, Rate
from services.api.types import BillingModel, Category, Offering, OfferingCard, OfferingKind, OveragePolicy, Plan, Vendor
from services.domain import catalogue as rules

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BundledOffering:
    """One offering ready to be stored: its public value, its passages and its popularity (higher is better)."""

    offering: Offering
    passages: tuple[Json, ...]
    popularity: int


@dataclass(frozen=True, slots=True)
class BundledCatalogue:
    categories: tuple[Category, ...]
    vendors: tuple[Vendor, ...]
    offerings: tuple[BundledOffering, ...]  # most popular first


def stable_uuid(kind: str, slug: str) -> str:
    """The same id for the same thing on every installation."""
    return uuid5(NAMESPACE_URL, f"souk/{kind}/{slug}").hex


def digest() -> str:
    """Changes whenever any bundled catalogue file changes."""
    total = hashlib.sha256()
    for path in sorted(resources.path("catalogue").rglob("*.json")):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _money(text: str | None) -> Money | None:
    return None if text is None else Money.parse(text)


def _plan(offering: str, use: str | Json, templates: Json) -> Plan:
    slug = use if isinstance(use, str) else use["use"]
    facts = templates[slug] | ({} if isinstance(use, str) else use)
    monthly, overage = _money(facts["monthly"]), facts["overage"]
    return Plan(
        uuid=stable_uuid("plan", f"{offering}/{slug}"),
        slug=slug,
        name=facts["name"],
        billing_model=BillingModel(facts["billing_model"]),
        monthly_price=monthly,
        yearly_price=rules.yearly_price(monthly) if facts["billing_model"] == "subscription" else None,
        included_calls=facts["included_calls"],
        overage=Rate(Money.parse(overage["amount"]).micros, overage["per"]) if overage else None,
        overage_policy=OveragePolicy(facts["overage_policy"]),
        points=tuple(facts["points"]),
        badge=facts.get("badge", ""),
        trial_days=facts.get("trial_days", 0),
    )


def _bundle_plan(plan: Plan, count: int, discount: int) -> Plan:
    """A standard plan for every agent of a bundle at once, less the bundle's discount."""
    if plan.monthly_price is None:
        return plan
    listed = plan.monthly_price * count
    price = rules.bundle_monthly([plan.monthly_price] * count, discount)
    points = (
        f"{count} agents, one order",
        f"{plan.included_calls or 0:,} calls a month each",
        f"{discount} % below single prices",
    )
    return Plan(
        uuid=plan.uuid, slug=plan.slug, name=plan.name, billing_model=plan.billing_model, monthly_price=price,
        yearly_price=rules.yearly_price(price), included_calls=plan.included_calls, overage=plan.overage,
        overage_policy=plan.overage_policy, points=points, badge=plan.badge, list_monthly_price=listed,
        trial_days=plan.trial_days,
    )  # fmt: skip


def _card(facts: Json, vendor: Vendor, category: Category, plans: tuple[Plan, ...]) -> OfferingCard:
    models = rules.billing_models(plans)
    first_way_in = next((plan for plan in plans if plan.monthly_price is not None), None)
    per_call = first_way_in.overage if first_way_in and first_way_in.billing_model is BillingModel.PAY_PER_USE else None
    return OfferingCard(
        uuid=stable_uuid("offering", facts["slug"]),
        slug=facts["slug"],
        kind=OfferingKind(facts["kind"]),
        name=facts["name"],
        tagline=facts["tagline"],
        vendor_name=vendor.name,
        vendor_verified=vendor.is_verified,
        category_uuid=category.uuid,
        category_slug=category.slug,
        category_title=category.title,
        category_icon=category.icon,
        category_hue=category.hue,
        rating=facts["rating"],
        review_count=facts["review_count"],
        tags=tuple(facts["tags"]),
        billing_models=models,
        from_price=rules.cheapest_monthly(plans),
        per_call_price=per_call,
    )


def _offering(facts: Json, vendor: Vendor, category: Category, templates: Json) -> Offering:
    plans = tuple(_plan(facts["slug"], use, templates) for use in facts["plans"])
    if facts["kind"] == "bundle":
        plans = tuple(_bundle_plan(plan, len(facts["items"]), facts["discount_percent"]) for plan in plans)
    return Offering(
        card=_card(facts, vendor, category, plans),
        description=facts["description"],
        does=tuple(facts["does"]),
        does_not=tuple(facts["does_not"]),
        languages=tuple(facts["languages"]),
        data_location=facts["data_location"],
        getting_started=tuple(facts["getting_started"]),
        prompts=tuple(facts["prompts"]),
        greeting=facts["persona"]["greeting"],
        handover=facts["persona"]["handover"],
        created_at=datetime.fromisoformat(facts["created"]).replace(tzinfo=UTC),
        order_count=0,
        vendor=vendor,
        plans=plans,
        discount_percent=facts.get("discount_percent", 0),
    )


def _read(*parts: str) -> Any:  # JSON of the shape its reader below expects
    return json.loads(resources.path("catalogue", *parts).read_text("utf-8"))


def _categories(all_facts: list[Json]) -> dict[str, Category]:
    counts: dict[str, int] = {}
    for facts in all_facts:
        counts[facts["category"]] = counts.get(facts["category"], 0) + 1
    return {
        row["slug"]: Category(stable_uuid("category", row["slug"]), row["slug"], row["title"], row["description"],
                              row["icon"], row["hue"], counts.get(row["slug"], 0))
        for row in _read("categories.json")
    }  # fmt: skip


def _vendors() -> dict[str, Vendor]:
    return {
        row["slug"]: Vendor(stable_uuid("vendor", row["slug"]), row["slug"], row["name"], row["country"], row["city"],
                            row["verified"], row["since"], row["about"], row["support_email"])
        for row in _read("vendors.json")
    }  # fmt: skip


def _all_facts() -> list[Json]:
    names = sorted(path.name for path in resources.path("catalogue", "offerings").glob("*.json"))
    facts: list[Json] = [_read("offerings", name) for name in names]
    return sorted(facts, key=lambda row: (-row["popularity"], row["slug"]))


@cache
def load() -> BundledCatalogue:
    """The whole bundled catalogue, passages included."""
    all_facts = _all_facts()
    categories, vendors, templates = _categories(all_facts), _vendors(), _read("plans.json")
    built = {
        facts["slug"]: _offering(facts, vendors[facts["vendor"]], categories[facts["category"]], templates)
        for facts in all_facts
    }
    offerings = tuple(_bundled(facts, built) for facts in all_facts)
    return BundledCatalogue(tuple(categories.values()), tuple(vendors.values()), offerings)


def _bundled(facts: Json, built: dict[str, Offering]) -> BundledOffering:
    offering = built[facts["slug"]]
    if facts["kind"] != "bundle":
        return BundledOffering(offering, tuple(_read("knowledge", facts["slug"] + ".json")), facts["popularity"])
    items = tuple(built[slug].card for slug in facts["items"])
    values = {name: getattr(offering, name) for name in offering.__dataclass_fields__}
    return BundledOffering(Offering(**(values | {"items": items})), (), facts["popularity"])


def first_cards(limit: int) -> tuple[tuple[OfferingCard, ...], tuple[Category, ...], int]:
    """The most popular cards, the categories and the number of offerings, without reading any knowledge."""
    all_facts = _all_facts()
    categories, vendors, templates = _categories(all_facts), _vendors(), _read("plans.json")
    cards = tuple(
        _offering(facts, vendors[facts["vendor"]], categories[facts["category"]], templates).card
        for facts in all_facts[:limit]
    )
    return cards, tuple(categories.values()), len(all_facts)
