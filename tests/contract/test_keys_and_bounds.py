"""One key, one question; bounds of numbers; vendors by slug or uuid."""

from __future__ import annotations

import asyncio

import pytest

from services.api import errors
from services.api.money import Money
from services.api.types import OfferingQuery
from tests.contract.market import Market, answer_of, raises, story


@story
async def test_a_used_key_with_another_question_is_refused(market: Market) -> None:
    buyer = await market.buyer()
    uuid = await market.bought(buyer)
    first = await answer_of(buyer.ask(uuid, "How do I start?", key="k"))
    await raises(errors.KeyReused, answer_of(buyer.ask(uuid, "Who are you?", key="k")))
    assert await answer_of(buyer.ask(uuid, "How do I start?", key="k")) == first
    assert (await buyer.get_resource(uuid)).usage.used == 1
    assert len((await buyer.get_transcript(uuid)).messages) == 2


@story
async def test_a_used_key_with_another_sample_question_is_refused(market: Market) -> None:
    guest, offering = market.guest(), await market.agent()
    first = await answer_of(guest.ask_sample(offering.card.uuid, "How do I start?", key="k"))
    await raises(errors.KeyReused, answer_of(guest.ask_sample(offering.card.uuid, "Who are you?", key="k")))
    assert await answer_of(guest.ask_sample(offering.card.uuid, "How do I start?", key="k")) == first
    assert (await guest.get_sample_transcript(offering.card.uuid)).turns_left == 9


@story
async def test_a_vendor_is_found_by_slug_and_by_uuid(market: Market) -> None:
    offering, guest = await market.agent(), market.guest()
    by_slug = await guest.list_offerings(OfferingQuery(vendor=offering.vendor.slug))
    by_uuid = await guest.list_offerings(OfferingQuery(vendor=offering.vendor.uuid))
    assert by_slug == by_uuid
    assert offering.card in by_uuid.items
    assert (await guest.list_offerings(OfferingQuery(vendor="0" * 32))).total == 0
    assert (await guest.list_offerings(OfferingQuery("zzzz", vendor=offering.vendor.uuid))).total == 0


@pytest.mark.parametrize("name", ["price_min", "price_max"])
@pytest.mark.parametrize("micros", [2**63, -(2**63), 10**30])
def test_a_price_beyond_every_number_is_out_of_range(
    name: str, micros: int, market: Market, loop: asyncio.Runner
) -> None:
    query = OfferingQuery(**{name: Money(micros)})  # type: ignore[arg-type]  # one of two fields
    loop.run(raises(errors.InvalidInput, market.guest().list_offerings(query), **{name: "out_of_range"}))
    at_the_limit = OfferingQuery(price_max=Money(2**63 - 1))
    assert loop.run(market.guest().list_offerings(at_the_limit)).total > 0
