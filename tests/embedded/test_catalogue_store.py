"""The catalogue in the database: as shipped, and when a new version of it arrives over what was already sold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money
from services.api.types import Cart, Offering, OfferingQuery, OrderState, QuickCheckout
from services.db import models as m
from services.embedded import bundled, catalogue_store
from services.embedded.bundled import BundledCatalogue, BundledOffering
from tests.contract.market import answer_of
from tests.embedded.shop import Crashed, Shop, crash, story

SHIPPED = bundled.load()


def without(*slugs: str) -> BundledCatalogue:
    """The shipped catalogue less these offerings."""
    left = tuple(each for each in SHIPPED.offerings if each.offering.card.slug not in slugs)
    return replace(SHIPPED, offerings=left)


def changed(slug: str, **values: object) -> BundledCatalogue:
    """The shipped catalogue with something else in one offering."""

    def change(each: BundledOffering) -> BundledOffering:
        if each.offering.card.slug != slug:
            return each
        return replace(each, offering=replace(each.offering, **values))  # type: ignore[arg-type]  # fields of Offering

    return replace(SHIPPED, offerings=tuple(change(each) for each in SHIPPED.offerings))


async def bring_in(shop: Shop, catalogue: BundledCatalogue) -> None:
    await shop.db.run(lambda connection: catalogue_store.bring_in(connection, catalogue))


async def ids(shop: Shop) -> dict[str, tuple[int, str]]:
    o = m.OfferingRow
    return {slug: (number, uuid) for slug, number, uuid in await shop.rows(sa.select(o.slug, o.id, o.uuid))}


async def listed(shop: Shop) -> list[str]:
    found = await shop.service.list_offerings(OfferingQuery(page_size=300))
    assert len(found.items) == found.total
    return [card.slug for card in found.items]


async def counts_are_true(shop: Shop) -> None:
    """The ready counts are what one would count, and name only what is on the shelf."""
    f, o = m.OfferingFacet, m.OfferingRow
    rows = await shop.rows(sa.select(f.facet, f.value, o.is_active).join(o, o.id == f.offering_id))
    assert all(is_active for *_, is_active in rows)
    counted = Counter((facet, value) for facet, value, _ in rows)
    counted["all", ""] = len(await listed(shop))
    stored = await shop.rows(sa.select(m.FacetCount.facet, m.FacetCount.value, m.FacetCount.count))
    assert {(facet, value): count for facet, value, count in stored} == dict(counted)


# ---- as shipped


@story
async def test_what_is_read_is_what_was_shipped(shop: Shop) -> None:
    for each in SHIPPED.offerings:
        assert await shop.service.get_offering(each.offering.card.slug) == each.offering
        assert await shop.service.get_offering(each.offering.card.uuid) == each.offering
    assert await shop.service.list_categories() == SHIPPED.categories
    assert await listed(shop) == [each.offering.card.slug for each in SHIPPED.offerings]


@story
async def test_every_ready_count_is_what_one_would_count(shop: Shop) -> None:
    await counts_are_true(shop)
    for facet in ("category", "kind", "billing_model", "tag", "vendor"):
        values = await shop.rows(sa.select(m.FacetCount.value, m.FacetCount.count).where(m.FacetCount.facet == facet))
        for value, count in values:
            query = OfferingQuery(page_size=300, **{facet: value})
            found = await shop.service.list_offerings(query)
            assert (found.total, len(found.items)) == (count, count)


@story
async def test_an_unchanged_catalogue_is_not_loaded_again(shop: Shop) -> None:
    assert await shop.db.run(catalogue_store.load_bundled) is False
    await shop.write(sa.delete(m.Meta).where(m.Meta.key == "catalogue_digest"))
    before = await ids(shop)
    assert await shop.db.run(catalogue_store.load_bundled) is True
    assert await ids(shop) == before
    assert await shop.db.run(catalogue_store.load_bundled) is False


@story
async def test_loading_that_fails_half_way_changes_nothing(shop: Shop) -> None:
    def half(connection: Connection) -> None:
        catalogue_store.bring_in(connection, without("blog-drafter"))
        raise Crashed

    with pytest.raises(Crashed):
        await shop.db.run(half)
    assert await listed(shop) == [each.offering.card.slug for each in SHIPPED.offerings]
    found = await shop.service.list_offerings(OfferingQuery("blog"))
    assert found.items[0].slug == "blog-drafter"
    await counts_are_true(shop)


# ---- a new version


@story
async def test_known_offerings_keep_their_ids_and_new_ones_follow(shop: Shop) -> None:
    await bring_in(shop, without("customer-care", "customer-service-suite", "analytics-chat-voice", "sql-analyst"))
    before = await ids(shop)
    new = next(each for each in SHIPPED.offerings if each.offering.card.slug == "sql-analyst")
    card = replace(new.offering.card, slug="brand-new", uuid="b" * 32, name="Brand New")
    plans = tuple(
        replace(plan, uuid=bundled.stable_uuid("plan", f"brand-new/{plan.slug}")) for plan in new.offering.plans
    )
    added = replace(new, offering=replace(new.offering, card=card, plans=plans))
    await bring_in(shop, replace(SHIPPED, offerings=(added, *SHIPPED.offerings)))
    after = await ids(shop)
    assert {slug: after[slug] for slug in before} == before
    assert after["brand-new"][0] == max(number for number, _ in after.values())
    assert set(await listed(shop)) == {"brand-new", *(each.offering.card.slug for each in SHIPPED.offerings)}
    await counts_are_true(shop)


@story
async def test_categories_and_vendors_may_change_places(shop: Shop) -> None:
    turned = replace(SHIPPED, categories=SHIPPED.categories[::-1], vendors=SHIPPED.vendors[::-1])
    await bring_in(shop, turned)
    for each in SHIPPED.offerings:
        assert await shop.service.get_offering(each.offering.card.slug) == each.offering
    assert set(await shop.service.list_categories()) == set(SHIPPED.categories)
    await counts_are_true(shop)


@story
async def test_a_category_may_come_in_between(shop: Shop) -> None:
    new = replace(SHIPPED.categories[0], uuid="c" * 32, slug="new", title="New", offering_count=0)
    await bring_in(shop, replace(SHIPPED, categories=(new, *SHIPPED.categories)))
    assert set(await shop.service.list_categories()) == {new, *SHIPPED.categories}
    for each in SHIPPED.offerings[:5]:
        assert await shop.service.get_offering(each.offering.card.slug) == each.offering


@story
async def test_a_new_price_is_for_new_orders(shop: Shop) -> None:
    buyer, request = await shop.market.buyer(), await shop.market.order()
    old = await shop.market.buy(buyer, request)
    care: Offering = await shop.service.get_offering("customer-care")
    dear = tuple(
        replace(plan, monthly_price=Money.parse("31")) if plan.slug == "starter" else plan for plan in care.plans
    )
    await bring_in(shop, changed("customer-care", plans=dear))
    new = await buyer.quick_checkout(request, key="order-2")
    totals = [(await buyer.get_order(placed.order_uuid)).total for placed in (old, new)]
    assert totals == [Money.parse("29"), Money.parse("31")]


# ---- off the shelf


@story
async def test_what_went_off_the_shelf_cannot_be_found_or_bought(shop: Shop) -> None:
    buyer, request = await shop.market.buyer(), await shop.market.order()
    await bring_in(shop, without("customer-care", "customer-service-suite", "analytics-chat-voice"))
    assert "customer-care" not in await listed(shop)
    await counts_are_true(shop)
    assert "customer-care" not in [
        card.slug for card in (await shop.service.list_offerings(OfferingQuery("care"))).items
    ]
    with pytest.raises(errors.NotFound):
        await shop.service.get_offering("customer-care")
    with pytest.raises(errors.NotFound):
        await buyer.save_cart(Cart(request.offering_uuid, request.plan_uuid))
    with pytest.raises(errors.InvalidInput) as caught:
        await buyer.quick_checkout(request, key="too-late")
    assert caught.value.fields == {"offering_uuid": "unknown"}


@story
async def test_a_bought_agent_stays_and_answers_when_its_offering_is_gone(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    uuid = await shop.market.bought(buyer)
    before = await buyer.get_resource(uuid)
    await bring_in(shop, without("customer-care", "customer-service-suite", "analytics-chat-voice"))
    assert await buyer.get_resource(uuid) == before
    [order] = await buyer.list_orders()
    assert (order.offering_name, order.offering_uuid) == (before.offering.name, before.offering.uuid)
    answer = await answer_of(buyer.ask(uuid, "How do I start?", key="k"))
    assert answer.sources
    await bring_in(shop, SHIPPED)  # and it may come back
    assert (await shop.service.get_offering("customer-care")).order_count == 1
    assert await buyer.get_resource(uuid) == replace(before, usage=(await buyer.get_resource(uuid)).usage)


@story
async def test_a_plan_that_is_no_longer_sold_still_counts_for_who_has_it(shop: Shop) -> None:
    buyer, request = await shop.market.buyer(), await shop.market.order()
    uuid = await shop.market.bought(buyer, request)
    care: Offering = await shop.service.get_offering("customer-care")
    await bring_in(shop, changed("customer-care", plans=tuple(plan for plan in care.plans if plan.slug != "starter")))
    with pytest.raises(errors.InvalidInput) as caught:
        await buyer.quick_checkout(request, key="too-late")
    assert caught.value.fields == {"plan_uuid": "unknown"}
    await answer_of(buyer.ask(uuid, "How do I start?", key="k"))
    usage = (await buyer.get_resource(uuid)).usage
    assert (usage.included, usage.used) == (1000, 1)


@story
async def test_a_paid_bundle_is_delivered_whole_although_it_went_off_the_shelf_meanwhile(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    bundle = await shop.service.get_offering("customer-service-suite")
    request = QuickCheckout(bundle.card.uuid, bundle.plans[0].uuid, payment_token="tok_visa", terms_accepted=True)
    shop.provider.after["charge"] = [crash]
    with pytest.raises(Crashed):
        await buyer.quick_checkout(request, key="order-1")
    await bring_in(shop, without("customer-service-suite"))
    shop.clock.advance(seconds=20)
    await shop.market.run_jobs()
    [order] = await buyer.list_orders()
    assert order.state is OrderState.DONE
    names = {resource.name for resource in await buyer.list_resources()}
    assert names == {item.name for item in bundle.items}
