"""Accounts and sessions: guessing is slow, sessions end, and no secret stands in any file."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.contract import Actor, Service
from services.api.types import Account, FunnelStep, Register, Session, SignIn
from services.db import models as m
from tests.contract.market import PASSWORD
from tests.embedded.shop import Shop, story

EMAIL = "ada@example.com"


def with_session(shop: Shop, session: Session | str, device: str = "") -> Service:
    token = session if isinstance(session, str) else session.token
    return shop.service.for_actor(Actor(device=device, session=token))


async def guess(shop: Shop, password: str = "wrong password", email: str = EMAIL) -> str:
    """What an attempt to sign in ends with."""
    try:
        await shop.market.guest("somewhere").sign_in(SignIn(email, password))
    except errors.ServiceError as error:
        return error.code
    return "in"


# ---- guessing


@story
async def test_after_three_wrong_passwords_sign_in_pauses_longer_and_longer(shop: Shop) -> None:
    await shop.market.buyer(EMAIL)
    assert [await guess(shop) for _ in range(4)] == ["bad_credentials"] * 3 + ["too_many_tries"]
    for pause in (1, 2, 4, 8):
        shop.clock.advance(seconds=pause - 0.001)
        assert await guess(shop, PASSWORD) == "too_many_tries"  # also the right one: a pause tells nothing
        shop.clock.advance(seconds=0.001)
        assert await guess(shop) == "bad_credentials"


@story
async def test_the_pause_says_how_long_and_ends_with_the_right_password(shop: Shop) -> None:
    await shop.market.buyer(EMAIL)
    for _ in range(5):
        await guess(shop)
        shop.clock.advance(seconds=16)
    await guess(shop)  # the sixth: 8 seconds
    with pytest.raises(errors.TooManyTries) as caught:
        await shop.market.guest().sign_in(SignIn(EMAIL, PASSWORD))
    assert caught.value.params == {"seconds": 8}
    shop.clock.advance(seconds=8)
    assert await guess(shop, PASSWORD) == "in"
    assert [await guess(shop) for _ in range(3)] == ["bad_credentials"] * 3  # the count began anew


@story
async def test_a_pause_never_shuts_anybody_out_for_ever(shop: Shop) -> None:
    await shop.market.buyer(EMAIL)
    await shop.write(sa.update(m.User).values(failed_sign_ins=10_000))
    await guess(shop)
    shop.clock.advance(seconds=900)
    assert await guess(shop, PASSWORD) == "in"


@story
async def test_guessing_in_parallel_is_no_way_around_the_pause(shop: Shop) -> None:
    await shop.market.buyer(EMAIL)
    answers = Counter(await asyncio.gather(*(guess(shop, f"wrong {number}") for number in range(30))))
    assert answers["bad_credentials"] <= 4
    assert answers["too_many_tries"] >= 26


@story
async def test_one_persons_pause_is_nobody_elses(shop: Shop) -> None:
    await shop.market.buyer(EMAIL)
    await shop.market.buyer("bob@example.com", device="elsewhere")
    for _ in range(4):
        await guess(shop)
    assert await guess(shop, PASSWORD, "bob@example.com") == "in"


@story
async def test_an_unknown_address_answers_as_a_known_one_does(shop: Shop) -> None:
    assert [await guess(shop, PASSWORD, "nobody@example.com") for _ in range(6)] == ["bad_credentials"] * 6
    assert await shop.rows(sa.select(m.User.email)) == []


# ---- sign-up races


@story
async def test_of_ten_sign_ups_with_one_address_one_wins(shop: Shop) -> None:
    async def sign_up(number: int) -> str:
        email = EMAIL.upper() if number % 2 else f" {EMAIL} "
        try:
            await shop.market.guest(f"device-{number}").register(Register(email, f"{PASSWORD} {number}"))
        except errors.EmailTaken as error:
            return error.fields["email"]
        return "in"

    answers = Counter(await asyncio.gather(*(sign_up(number) for number in range(10))))
    assert answers == {"in": 1, "already_used": 9}
    assert await shop.value(sa.select(sa.func.count()).select_from(m.User)) == 1
    assert await shop.value(sa.select(sa.func.count()).select_from(m.SessionRow)) == 1


# ---- sessions


@story
async def test_a_session_ends_after_thirty_days_to_the_instant(shop: Shop) -> None:
    session = await shop.market.guest().register(Register(EMAIL, PASSWORD))
    assert session.expires_at == shop.clock.now() + timedelta(days=30)
    service = with_session(shop, session)
    shop.clock.at = session.expires_at - timedelta(microseconds=1)
    assert isinstance(await service.get_account(), Account)
    shop.clock.advance(microseconds=1)
    for call in (service.get_account, service.list_orders, service.list_resources, service.get_cart):
        with pytest.raises(errors.SessionExpired):
            await call()


@story
async def test_signing_out_ends_this_session_and_no_other(shop: Shop) -> None:
    first = await shop.market.guest("laptop").register(Register(EMAIL, PASSWORD))
    second = await shop.market.guest("phone").sign_in(SignIn(EMAIL, PASSWORD))
    assert first.token != second.token  # a fresh one at every sign-in
    await with_session(shop, first).sign_out()
    with pytest.raises(errors.SessionExpired):
        await with_session(shop, first).get_account()
    assert (await with_session(shop, second).get_account()).email == EMAIL
    await with_session(shop, first).sign_out()  # again: nothing to do
    await shop.restart()
    with pytest.raises(errors.SessionExpired):
        await with_session(shop, first).get_account()
    assert (await with_session(shop, second).get_account()).email == EMAIL


@pytest.mark.parametrize("token", ["x", "' OR 1=1 --", "\0", "☃" * 100, "\ud800"])
def test_a_made_up_session_is_expired(token: str, shop: Shop, loop: asyncio.Runner) -> None:
    with pytest.raises(errors.SessionExpired):
        loop.run(with_session(shop, token).get_account())


@story
async def test_the_stored_form_of_a_token_is_no_token(shop: Shop) -> None:
    await shop.market.buyer(EMAIL)
    stored = await shop.value(sa.select(m.SessionRow.token_hash))
    with pytest.raises(errors.SessionExpired):
        await with_session(shop, stored).get_account()


@story
async def test_a_guests_steps_become_the_accounts(shop: Shop) -> None:
    guest = shop.market.guest("phone")
    await guest.record(FunnelStep.VIEWED, "f" * 32)
    account = await shop.market.buyer(EMAIL, device="phone")
    assert [event.step for event in await account.list_funnel()] == [FunnelStep.VIEWED, FunnelStep.SIGN_UP]
    assert await guest.list_funnel() == ()


# ---- secrets


def everything_written(folder: Path) -> bytes:
    """All bytes of all files, the write-ahead logs among them."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert {"souk.db", "souk.db-wal"} <= {path.name for path in files}
    return b"\n".join(path.read_bytes() for path in files)


@story
async def test_no_secret_stands_in_any_file(shop: Shop) -> None:
    password, device = "canary-password-7f3a", "canary-device-91bc"
    guest = shop.market.guest(device)
    await guest.save_cart(await guest.get_cart())
    first = await guest.register(Register(EMAIL, password))
    await guess(shop, "canary-wrong-password-55")
    second = await guest.sign_in(SignIn(EMAIL, password))
    buyer = with_session(shop, second, device)
    await shop.market.bought(buyer)
    await buyer.sign_out()
    written = everything_written(shop.folder)
    assert EMAIL.encode() in written  # the search itself works
    for secret in (password, device, "canary-wrong-password-55", first.token, second.token):
        assert secret.encode() not in written
        assert secret.encode("utf-16-le") not in written


@story
async def test_no_secret_stands_in_what_is_shown_of_a_value(shop: Shop) -> None:
    session = await shop.market.guest().register(Register(EMAIL, PASSWORD))
    actor = Actor(device="canary-device", session=session.token)
    shown = " ".join(
        repr(value)
        for value in (session, actor, Register(EMAIL, PASSWORD), SignIn(EMAIL, PASSWORD), await shop.market.order())
    )
    for secret in (session.token, "canary-device", PASSWORD, "tok_visa"):
        assert secret not in shown


@story
async def test_any_keyboard_will_do_for_a_password(shop: Shop) -> None:
    for number, password in enumerate(("        ", "пароль пароль", "\0\0\0\0\0\0\0\0", "🔑" * 8, "\ud800" * 8)):
        await shop.market.guest().register(Register(f"ada{number}@example.com", password))
        assert await guess(shop, password, f"ada{number}@example.com") == "in"
        assert await guess(shop, password + "x", f"ada{number}@example.com") == "bad_credentials"


@story
async def test_a_password_is_kept_as_argon2id_and_one_person_has_one_salt(shop: Shop) -> None:
    await shop.market.buyer(EMAIL)
    await shop.market.buyer("bob@example.com", device="elsewhere")
    first, second = [row[0] for row in await shop.rows(sa.select(m.User.password_hash))]
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
