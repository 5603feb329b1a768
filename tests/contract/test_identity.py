"""Signing up, in and out, and what moves from the guest to the account."""

from __future__ import annotations

from services.api.contract import Actor
from services.api.errors import (
    BadCredentials,
    EmailTaken,
    InvalidInput,
    NotFound,
    NotSignedIn,
    SessionExpired,
    TooManyTries,
)
from services.api.money import Money
from services.api.types import BillingCycle, Cart, CartDraft, Register, SignIn
from tests.contract.market import PASSWORD, Market, raises, story


@story
async def test_signing_up_signs_in_and_names_the_person_after_the_address(market: Market) -> None:
    buyer = await market.buyer("grace.hopper@example.com")
    account = await buyer.get_account()
    assert (account.email, account.full_name) == ("grace.hopper@example.com", "Grace Hopper")
    assert account.spent_this_month == Money.zero()
    assert buyer.actor.session


@story
async def test_a_given_name_is_kept(market: Market) -> None:
    session = await market.guest().register(Register("ada@example.com", PASSWORD, "Ada Lovelace"))
    account = await market.root.for_actor(Actor(session=session.token)).get_account()
    assert (account.full_name, account.user_uuid) == ("Ada Lovelace", session.user_uuid)


@story
async def test_everything_wrong_with_a_sign_up_is_said_at_once(market: Market) -> None:
    guest = market.guest()
    await raises(
        InvalidInput,
        guest.register(Register("not an address", "short")),
        email="email_invalid",
        password="password_short",
    )
    await raises(InvalidInput, guest.register(Register("", "")), email="required", password="required")
    await raises(InvalidInput, guest.register(Register("a@b.example", "x" * 300)), password="password_long")
    await raises(InvalidInput, guest.register(Register("a@b.example", PASSWORD, "x" * 500)), full_name="too_long")


@story
async def test_a_taken_address_is_refused_whatever_its_case_and_the_cart_stays(market: Market) -> None:
    await market.buyer("ada@example.com", device="elsewhere")
    guest, offering = market.guest(), await market.agent()
    await guest.save_cart(Cart(offering.card.uuid, offering.plans[0].uuid))
    error = await raises(EmailTaken, guest.register(Register("ADA@example.com ", PASSWORD)))
    assert error.fields == {"email": "already_used"}
    assert (await guest.get_cart()).offering_uuid == offering.card.uuid


@story
async def test_a_password_signs_in_and_each_sign_in_is_a_new_session(market: Market) -> None:
    buyer = await market.buyer()
    again = await market.guest("laptop").sign_in(SignIn("Ada@Example.com", PASSWORD))
    assert again.token != buyer.actor.session
    here = await market.root.for_actor(Actor(session=again.token)).get_account()
    assert here == await buyer.get_account()


@story
async def test_a_wrong_password_and_an_unknown_address_look_the_same(market: Market) -> None:
    await market.buyer()
    wrong = await raises(BadCredentials, market.guest().sign_in(SignIn("ada@example.com", "wrong horse")))
    unknown = await raises(BadCredentials, market.guest().sign_in(SignIn("nobody@example.com", "wrong horse")))
    assert (wrong.params, wrong.fields) == (unknown.params, unknown.fields)


@story
async def test_wrong_tries_pause_the_account_even_for_the_right_password(market: Market) -> None:
    await market.buyer()
    for _ in range(3):
        await raises(BadCredentials, market.guest().sign_in(SignIn("ada@example.com", "wrong horse")))
    error = await raises(TooManyTries, market.guest().sign_in(SignIn("ada@example.com", PASSWORD)))
    assert error.params["seconds"] >= 1


@story
async def test_signing_out_ends_this_session_only(market: Market) -> None:
    buyer = await market.buyer()
    other = await market.guest("laptop").sign_in(SignIn("ada@example.com", PASSWORD))
    await buyer.sign_out()
    await raises(SessionExpired, buyer.get_account())
    assert (await market.root.for_actor(Actor(session=other.token)).get_account()).email == "ada@example.com"


@story
async def test_what_needs_an_account_says_so(market: Market) -> None:
    guest, request = market.guest(), await market.order()
    await raises(NotSignedIn, guest.get_account())
    await raises(NotSignedIn, guest.list_orders())
    await raises(NotSignedIn, guest.list_resources())
    await raises(NotSignedIn, guest.save_card(request.payment_token))
    await raises(NotSignedIn, guest.quick_checkout(request, key="k"))
    stranger = market.root.for_actor(Actor(session="made-up"))
    await raises(SessionExpired, stranger.get_account())
    await raises(SessionExpired, stranger.quick_checkout(request, key="k"))


@story
async def test_names_for_a_first_purchase_come_from_what_was_typed(market: Market) -> None:
    names = await market.guest().suggest_names("john.smith+shop@example.com")
    assert names.organization_name.startswith("John")
    assert names.organization_name.endswith("'s Organization")
    assert names.project_name == "Default"
    assert (await market.guest().suggest_names("")).organization_name == "My Organization"


# ---- cart


@story
async def test_a_cart_is_kept_with_what_was_typed(market: Market) -> None:
    guest, offering = market.guest(), await market.agent()
    assert await guest.get_cart() == Cart()
    draft = CartDraft("ada@example.com", "Analytical Engines", "Mill", "", terms_accepted=True)
    saved = await guest.save_cart(Cart(offering.card.uuid, offering.plans[1].uuid, BillingCycle.MONTHLY, draft))
    assert saved.updated_at is not None
    assert await guest.get_cart() == saved
    assert saved.draft == draft
    assert await market.guest("somebody-else").get_cart() == Cart()


@story
async def test_the_newest_choice_replaces_the_cart_and_clearing_empties_it(market: Market) -> None:
    guest, offering = market.guest(), await market.agent()
    for plan in offering.plans:
        await guest.save_cart(Cart(offering.card.uuid, plan.uuid))
    assert (await guest.get_cart()).plan_uuid == offering.plans[-1].uuid
    await guest.clear_cart()
    assert await guest.get_cart() == Cart()


@story
async def test_a_cart_needs_a_known_offering_and_one_of_its_plans(market: Market) -> None:
    guest, offering = market.guest(), await market.agent()
    await raises(NotFound, guest.save_cart(Cart("0" * 32)))
    await raises(NotFound, guest.save_cart(Cart(offering.card.uuid, "0" * 32)))
    await raises(InvalidInput, market.guest("").save_cart(Cart(offering.card.uuid)), device="required")


@story
async def test_the_guests_cart_moves_to_the_account_once(market: Market) -> None:
    guest, offering = market.guest(), await market.agent()
    saved = await guest.save_cart(Cart(offering.card.uuid, offering.plans[0].uuid))
    buyer = await market.buyer()
    assert await buyer.get_cart() == saved
    assert await guest.get_cart() == Cart()
    stranger = await market.buyer("eve@example.com")
    assert await stranger.get_cart() == Cart()


@story
async def test_signing_in_brings_the_guests_newer_cart(market: Market) -> None:
    offering = await market.agent()
    buyer = await market.buyer()
    await buyer.save_cart(Cart(offering.card.uuid, offering.plans[0].uuid))
    guest = market.guest("laptop")
    newer = await guest.save_cart(Cart(offering.card.uuid, offering.plans[1].uuid))
    session = await guest.sign_in(SignIn("ada@example.com", PASSWORD))
    here = market.root.for_actor(Actor(device="laptop", session=session.token))
    assert (await here.get_cart()).plan_uuid == newer.plan_uuid
    assert await guest.get_cart() == Cart()
