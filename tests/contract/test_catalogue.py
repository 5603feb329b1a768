"""Browsing: what a guest sees, finds and may ask for."""

from __future__ import annotations

from services.api.errors import InvalidInput, NotFound
from services.api.money import Money
from services.api.types import BillingModel, OfferingKind, OfferingQuery, OveragePolicy, SortOrder
from tests.contract.market import AGENT, Market, raises, story


@story
async def test_the_catalogue_lists_cards_in_pages_with_an_exact_total(market: Market) -> None:
    guest = market.guest()
    everything = await guest.list_offerings(OfferingQuery(page_size=300))
    first = await guest.list_offerings(OfferingQuery(page_size=2))
    second = await guest.list_offerings(OfferingQuery(page_size=2, page=2))
    assert everything.total == len(everything.items) >= 3
    assert first.total == second.total == everything.total
    assert (*first.items, *second.items) == everything.items[:4]
    assert (await guest.list_offerings(OfferingQuery(page=900))).items == ()


@story
async def test_pages_out_of_range_are_refused(market: Market) -> None:
    guest = market.guest()
    await raises(InvalidInput, guest.list_offerings(OfferingQuery(page=0)), page="out_of_range")
    await raises(InvalidInput, guest.list_offerings(OfferingQuery(page_size=0)), page_size="out_of_range")
    await raises(InvalidInput, guest.list_offerings(OfferingQuery(page_size=301)), page_size="out_of_range")


@story
async def test_an_offering_is_found_by_words_of_its_name(market: Market) -> None:
    found = await market.guest().list_offerings(OfferingQuery(text="customer care"))
    assert found.items[0].slug == AGENT


@story
async def test_any_text_may_be_searched_for(market: Market) -> None:
    for text in (
        '"',
        "'; DROP TABLE offerings --",
        "%_*",
        "AND OR NOT NEAR(",
        "(((",
        "é\u2028ß",
        "🦊" * 200,
        " ",
        "\\",
    ):
        found = await market.guest().list_offerings(OfferingQuery(text=text))
        assert found.total >= 0, text


@story
async def test_filters_narrow_the_list(market: Market) -> None:
    guest = market.guest()
    category = (await market.agent()).card.category_slug
    in_category = await guest.list_offerings(OfferingQuery(category=category, page_size=300))
    bundles = await guest.list_offerings(OfferingQuery(kind=OfferingKind.BUNDLE, page_size=300))
    quoted = await guest.list_offerings(OfferingQuery(billing_model=BillingModel.QUOTE, page_size=300))
    assert {card.category_slug for card in in_category.items} == {category}
    assert {card.kind for card in bundles.items} == {OfferingKind.BUNDLE}
    assert all(BillingModel.QUOTE in card.billing_models for card in quoted.items)
    assert (await guest.list_offerings(OfferingQuery(category="no-such"))).total == 0
    tag = (await market.agent()).card.tags[0]
    assert all(tag in card.tags for card in (await guest.list_offerings(OfferingQuery(tag=tag, page_size=300))).items)


@story
async def test_vendor_and_price_filters_narrow_the_list(market: Market) -> None:
    guest, vendor = market.guest(), (await market.agent()).vendor
    by_vendor = await guest.list_offerings(OfferingQuery(vendor=vendor.slug, page_size=300))
    assert {card.vendor_name for card in by_vendor.items} == {vendor.name}
    low, high = Money.parse("20"), Money.parse("49.30")
    between = await guest.list_offerings(OfferingQuery(price_min=low, price_max=high, page_size=300))
    assert all(not card.from_price < low and not high < card.from_price for card in between.items)
    assert between.total < (await guest.list_offerings(OfferingQuery())).total


@story
async def test_the_list_can_be_sorted(market: Market) -> None:
    async def cards(order: SortOrder) -> list[object]:
        return list((await market.guest().list_offerings(OfferingQuery(order=order, page_size=300))).items)

    by_name = [card.name.casefold() for card in await cards(SortOrder.NAME)]  # type: ignore[attr-defined]
    by_price = [card.from_price.micros for card in await cards(SortOrder.PRICE_LOW)]  # type: ignore[attr-defined]
    by_rating = [card.rating for card in await cards(SortOrder.RATING)]  # type: ignore[attr-defined]
    assert by_name == sorted(by_name)
    assert by_price == sorted(by_price)
    assert by_rating == sorted(by_rating, reverse=True)
    assert len(await cards(SortOrder.NEWEST)) == len(by_name)


@story
async def test_categories_count_their_offerings(market: Market) -> None:
    categories = await market.guest().list_categories()
    card = (await market.agent()).card
    own = next(category for category in categories if category.uuid == card.category_uuid)
    assert (own.slug, own.title) == (card.category_slug, card.category_title)
    assert own.offering_count >= 1


@story
async def test_an_offering_is_read_by_uuid_or_slug(market: Market) -> None:
    by_slug = await market.guest().get_offering(AGENT)
    assert await market.guest().get_offering(by_slug.card.uuid) == by_slug
    pro = next(plan for plan in by_slug.plans if plan.slug == "pro")
    assert (pro.monthly_price, pro.yearly_price) == (Money.parse("99"), Money.parse("990"))
    assert (pro.included_calls, pro.overage_policy) == (10_000, OveragePolicy.CHARGE)
    assert pro.overage is not None
    assert pro.overage.cost(1) == Money.parse("0.008")
    enterprise = next(plan for plan in by_slug.plans if plan.billing_model is BillingModel.QUOTE)
    assert (enterprise.monthly_price, enterprise.included_calls) == (None, None)


@story
async def test_a_bundle_names_its_items_and_its_price_before_the_discount(market: Market) -> None:
    found = await market.guest().list_offerings(OfferingQuery(kind=OfferingKind.BUNDLE))
    bundle = await market.guest().get_offering(found.items[0].uuid)
    assert len(bundle.items) >= 2
    assert bundle.discount_percent > 0
    plan = bundle.plans[0]
    assert plan.monthly_price is not None
    assert plan.list_monthly_price is not None
    assert plan.monthly_price < plan.list_monthly_price


@story
async def test_unknown_offerings_are_not_found_whatever_they_are_called(market: Market) -> None:
    for uuid in ("0" * 32, "no-such", "", "..", "a/b", "%2e%2e", "' OR 1=1", "é" * 40):
        await raises(NotFound, market.guest().get_offering(uuid))
