"""What ships on the shelf keeps its promises: enough of it, substance in each, prices from the price list."""

from __future__ import annotations

from collections import Counter

import pytest

from services.api.money import Money, Rate
from services.api.types import BillingModel, OfferingKind, OveragePolicy, Plan
from services.embedded import bundled
from services.embedded.bundled import BundledOffering

SHIPPED = bundled.load()
OFFERINGS = {each.offering.card.slug: each for each in SHIPPED.offerings}
BY_KIND = {kind: [each for each in SHIPPED.offerings if each.offering.card.kind is kind] for kind in OfferingKind}
TALKING = [each for each in SHIPPED.offerings if each.offering.card.kind is not OfferingKind.BUNDLE]


def named(each: object) -> str:
    return each.offering.card.slug if isinstance(each, BundledOffering) else str(each)


def test_there_is_enough_to_choose_from() -> None:
    assert len(BY_KIND[OfferingKind.AGENT]) >= 24
    assert len(BY_KIND[OfferingKind.MCP_SERVER]) >= 4
    assert len(BY_KIND[OfferingKind.BUNDLE]) >= 4
    assert len(SHIPPED.categories) == 10
    assert len({each.offering.vendor.slug for each in SHIPPED.offerings}) >= 10
    assert {"Customer Service Suite", "Analytics + Chat + Voice"} <= {
        each.offering.card.name for each in BY_KIND[OfferingKind.BUNDLE]
    }


def test_no_category_is_empty_and_every_count_is_true() -> None:
    counted = Counter(each.offering.card.category_slug for each in SHIPPED.offerings)
    assert {category.slug: category.offering_count for category in SHIPPED.categories} == dict(counted)


def test_ids_are_stable_and_unique() -> None:
    cards = [each.offering.card for each in SHIPPED.offerings]
    plans = [plan for each in SHIPPED.offerings for plan in each.offering.plans]
    ids = [card.uuid for card in cards] + [plan.uuid for plan in plans]
    assert len(set(ids)) == len(ids)
    assert all(len(uuid) == 32 and int(uuid, 16) for uuid in ids)
    assert len({card.slug for card in cards}) == len({card.name for card in cards}) == len(cards)
    # what was sold points at these; they may never change
    assert OFFERINGS["customer-care"].offering.card.uuid == bundled.stable_uuid("offering", "customer-care")
    assert OFFERINGS["customer-care"].offering.card.uuid == "f2f9703384f351f393d0d064df2ce1e3"


def test_the_most_popular_comes_first() -> None:
    popularity = [each.popularity for each in SHIPPED.offerings]
    assert popularity == sorted(popularity, reverse=True)


@pytest.mark.parametrize("each", SHIPPED.offerings, ids=named)
def test_a_buyer_finds_what_they_judge_by(each: BundledOffering) -> None:
    offering, card = each.offering, each.offering.card
    assert len(offering.description) >= 150
    assert len(card.tagline) >= 20
    assert len(offering.does) >= 3
    assert len(offering.does_not) >= 2
    assert offering.languages
    assert offering.data_location
    assert len(offering.getting_started) >= 2
    assert len(set(offering.prompts)) == 3
    assert len(set(card.tags)) == len(card.tags) >= 2
    assert 1 <= card.rating <= 5
    assert card.review_count > 0
    assert len(offering.vendor.about) >= 40


@pytest.mark.parametrize("each", TALKING, ids=named)
def test_it_knows_at_least_twelve_things_each_asked_in_several_ways(each: BundledOffering) -> None:
    assert each.offering.greeting
    assert each.offering.handover
    assert len(each.passages) >= 12
    assert len({passage["id"] for passage in each.passages}) == len(each.passages)
    assert len({passage["title"] for passage in each.passages}) == len(each.passages)
    questions = [question for passage in each.passages for question in passage["questions"]]
    assert len({question.casefold() for question in questions}) == len(questions)
    for passage in each.passages:
        assert passage["title"].strip()
        assert len(passage["text"]) >= 120
        assert 3 <= len(passage["questions"]) <= 5


def test_a_bundle_has_no_knowledge_of_its_own_but_that_of_its_parts() -> None:
    for each in BY_KIND[OfferingKind.BUNDLE]:
        assert each.passages == ()
        assert len(each.offering.items) >= 2
        assert all(OFFERINGS[item.slug].passages for item in each.offering.items)


# ---- prices

PRICE_LIST = {
    "free": (BillingModel.FREE, "0", None, 50, None, OveragePolicy.THROTTLE),
    "starter": (BillingModel.SUBSCRIPTION, "29", "290", 1_000, Rate(10_000), OveragePolicy.CHARGE),
    "pro": (BillingModel.SUBSCRIPTION, "99", "990", 10_000, Rate(8_000), OveragePolicy.CHARGE),
    "enterprise": (BillingModel.QUOTE, None, None, None, None, OveragePolicy.CHARGE),
    "pay_per_use": (BillingModel.PAY_PER_USE, "0", None, 0, Rate(20_000), OveragePolicy.CHARGE),
}


def facts(plan: Plan) -> tuple[object, ...]:
    prices = (price and price.decimal() for price in (plan.monthly_price, plan.yearly_price))
    return plan.billing_model, *prices, plan.included_calls, plan.overage, plan.overage_policy


@pytest.mark.parametrize("each", TALKING, ids=named)
def test_plans_cost_what_the_price_list_says(each: BundledOffering) -> None:
    for plan in each.offering.plans:
        model, monthly, yearly, *rest = PRICE_LIST[plan.slug]
        texts = (text and Money.parse(str(text)).decimal() for text in (monthly, yearly))
        assert facts(plan) == (model, *texts, *rest)
    assert {"enterprise"} < {plan.slug for plan in each.offering.plans}


@pytest.mark.parametrize("each", BY_KIND[OfferingKind.BUNDLE], ids=named)
@pytest.mark.parametrize("slug", ["starter", "pro"])
def test_a_bundle_costs_its_parts_less_its_discount(slug: str, each: BundledOffering) -> None:
    plan = next(plan for plan in each.offering.plans if plan.slug == slug)
    single = Money.parse({"starter": "29", "pro": "99"}[slug])
    count, discount = len(each.offering.items), each.offering.discount_percent
    assert 0 < discount < 50
    assert plan.list_monthly_price == single * count
    assert plan.monthly_price == (single * count).share(100 - discount, 100)
    assert plan.yearly_price == (single * count).share(100 - discount, 100) * 10


def test_every_way_to_pay_is_on_offer() -> None:
    models = Counter(model for each in SHIPPED.offerings for model in each.offering.card.billing_models)
    assert set(models) == set(BillingModel)
    assert models[BillingModel.FREE] >= 3
    assert models[BillingModel.PAY_PER_USE] >= 3


@pytest.mark.parametrize("each", SHIPPED.offerings, ids=named)
def test_the_card_shows_the_cheapest_way_in(each: BundledOffering) -> None:
    card, plans = each.offering.card, each.offering.plans
    prices = [plan.monthly_price.micros for plan in plans if plan.monthly_price is not None]
    assert card.from_price.micros == min(prices)
    pays_by_call = plans[0].billing_model is BillingModel.PAY_PER_USE
    assert card.per_call_price == (plans[0].overage if pays_by_call else None)
