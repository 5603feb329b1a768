"""One cart a person: kept by device, moved once to the account, never anybody else's."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.contract import Actor, Service
from services.api.types import BillingCycle, Cart, CartDraft, Register, SignIn
from services.db import models as m
from tests.contract.market import PASSWORD
from tests.embedded.shop import Shop, story

EMAIL = "ada@example.com"
DRAFT = CartDraft("ada@example.com", "Lovelace Works", "Q1", "tok_visa", True, "attempt-7")


async def wanted(shop: Shop, slug: str, *, email: str = "") -> Cart:
    """A cart with the first plan of an offering."""
    offering = await shop.market.root.get_offering(slug)
    return Cart(offering.card.uuid, offering.plans[0].uuid, BillingCycle.MONTHLY, CartDraft(email=email))


async def signed_in(shop: Shop, device: str) -> Service:
    session = await shop.market.guest(device).sign_in(SignIn(EMAIL, PASSWORD))
    return shop.market.root.for_actor(Actor(device=device, session=session.token))


async def slug_in(shop: Shop, service: Service) -> str:
    cart = await service.get_cart()
    return (await shop.market.root.get_offering(cart.offering_uuid)).card.slug if cart.offering_uuid else ""


# ---- moving


@pytest.mark.parametrize("newest", ["guest", "account"])
def test_at_sign_in_the_newest_choice_wins(newest: str, shop: Shop, loop: asyncio.Runner) -> None:
    async def tale() -> None:
        account, guest = await shop.market.buyer(EMAIL, device="laptop"), shop.market.guest("phone")
        carts = {"guest": (guest, "blog-drafter"), "account": (account, "sql-analyst")}
        for name in sorted(carts, key=lambda name: name == newest):
            shop.clock.advance(minutes=1)
            service, slug = carts[name]
            await service.save_cart(await wanted(shop, slug))
        phone = await signed_in(shop, "phone")
        assert await slug_in(shop, phone) == await slug_in(shop, account) == carts[newest][1]

    loop.run(tale())


@story
async def test_a_cart_moves_once(shop: Shop) -> None:
    await shop.market.buyer(EMAIL, device="laptop")
    guest = shop.market.guest("phone")
    await guest.save_cart(await wanted(shop, "blog-drafter"))
    account = await signed_in(shop, "phone")
    assert await slug_in(shop, guest) == ""
    shop.clock.advance(minutes=1)
    await account.save_cart(await wanted(shop, "sql-analyst"))
    assert await slug_in(shop, await signed_in(shop, "phone")) == "sql-analyst"
    assert len(await shop.rows(sa.select(m.CartRow.owner))) == 1


@story
async def test_a_cart_that_was_emptied_does_not_come_back(shop: Shop) -> None:
    guest = shop.market.guest("phone")
    await guest.save_cart(await wanted(shop, "blog-drafter"))
    account = await shop.market.buyer(EMAIL, device="phone")
    await account.clear_cart()
    assert await slug_in(shop, await signed_in(shop, "phone")) == ""


@story
async def test_an_older_guest_cart_is_given_up_and_not_kept_for_the_next_person(shop: Shop) -> None:
    guest = shop.market.guest("phone")
    await guest.save_cart(await wanted(shop, "blog-drafter"))
    shop.clock.advance(minutes=1)
    account = await shop.market.buyer(EMAIL, device="laptop")
    await account.save_cart(await wanted(shop, "sql-analyst"))
    await signed_in(shop, "phone")
    assert await slug_in(shop, guest) == ""
    assert await slug_in(shop, await shop.market.buyer("bob@example.com", device="phone")) == ""


@story
async def test_signing_out_leaves_the_cart_with_the_account(shop: Shop) -> None:
    account = await shop.market.buyer(EMAIL, device="phone")
    await account.save_cart(await wanted(shop, "blog-drafter"))
    await account.sign_out()
    assert await slug_in(shop, shop.market.guest("phone")) == ""
    assert await slug_in(shop, await signed_in(shop, "phone")) == "blog-drafter"


@story
async def test_a_failed_sign_in_or_sign_up_moves_nothing(shop: Shop) -> None:
    await shop.market.buyer(EMAIL, device="laptop")
    guest = shop.market.guest("phone")
    await guest.save_cart(await wanted(shop, "blog-drafter"))
    with pytest.raises(errors.BadCredentials):
        await guest.sign_in(SignIn(EMAIL, "wrong password"))
    with pytest.raises(errors.EmailTaken):
        await guest.register(Register(EMAIL, PASSWORD))
    assert await slug_in(shop, guest) == "blog-drafter"


# ---- whose it is


@story
async def test_another_devices_guest_neither_sees_nor_takes_it(shop: Shop) -> None:
    await shop.market.guest("phone").save_cart(await wanted(shop, "blog-drafter"))
    thief = shop.market.guest("tablet")
    assert await slug_in(shop, thief) == ""
    await thief.clear_cart()
    assert await slug_in(shop, await shop.market.buyer("mallory@example.com", device="tablet")) == ""
    assert await slug_in(shop, shop.market.guest("phone")) == "blog-drafter"


@story
async def test_what_is_stored_of_a_device_does_not_open_its_cart(shop: Shop) -> None:
    await shop.market.guest("phone").save_cart(await wanted(shop, "blog-drafter"))
    owner = await shop.value(sa.select(m.CartRow.owner))
    for token in (owner, owner.removeprefix("device:"), "", "PHONE"):
        assert await slug_in(shop, shop.market.guest(token)) == ""


@story
async def test_without_a_device_there_is_nowhere_to_keep_it(shop: Shop) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        await shop.market.guest("").save_cart(await wanted(shop, "blog-drafter"))
    assert caught.value.fields == {"device": "required"}
    await shop.market.guest("").clear_cart()
    assert await shop.market.guest("").get_cart() == Cart()


# ---- lasting


@story
async def test_a_cart_survives_the_program_with_everything_that_was_typed(shop: Shop) -> None:
    cart = await wanted(shop, "blog-drafter")
    cart = Cart(cart.offering_uuid, cart.plan_uuid, BillingCycle.YEARLY, DRAFT)
    saved = await shop.market.guest("phone").save_cart(cart)
    await shop.restart(days=400)
    assert await shop.market.guest("phone").get_cart() == saved
    account = await shop.market.buyer(EMAIL, device="phone")
    assert (await account.get_cart()).draft == DRAFT


@story
async def test_saving_replaces_and_the_clock_says_when(shop: Shop) -> None:
    guest = shop.market.guest("phone")
    await guest.save_cart(await wanted(shop, "blog-drafter", email="a@b.example"))
    shop.clock.advance(seconds=5)
    await guest.save_cart(await wanted(shop, "sql-analyst"))
    cart = await guest.get_cart()
    assert (cart.updated_at, cart.draft) == (shop.clock.now(), CartDraft())
    assert await slug_in(shop, guest) == "sql-analyst"


@story
async def test_ten_saves_at_once_leave_one_cart(shop: Shop) -> None:
    guest = shop.market.guest("phone")
    carts = [await wanted(shop, "blog-drafter", email=f"{number}@x.example") for number in range(10)]
    await asyncio.gather(*(guest.save_cart(cart) for cart in carts))
    assert (await guest.get_cart()).draft in [cart.draft for cart in carts]
    assert len(await shop.rows(sa.select(m.CartRow.owner))) == 1


@story
async def test_buying_empties_the_cart_and_a_refused_payment_does_not(shop: Shop) -> None:
    account = await shop.market.buyer(EMAIL, device="phone")
    await account.save_cart(await wanted(shop, "blog-drafter"))
    with pytest.raises(errors.CardDeclined):
        await account.quick_checkout(await shop.market.order(outcome="declined"), key="declined")
    assert await slug_in(shop, account) == "blog-drafter"
    await account.quick_checkout(await shop.market.order(), key="pays")
    assert await slug_in(shop, account) == ""
