"""Gift and promotional codes: each as often as it may be, whoever is first."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.money import Money
from services.api.types import MovementKind
from services.db import money_models as mm
from services.domain.wallet import CreditCode, GrantKind
from services.embedded.money import codes
from tests.contract.money import ZERO, usd
from tests.embedded.money.books import Books, at
from tests.embedded.money.credit import core_of, owner
from tests.embedded.shop import Shop, story

C = mm.CreditCode


def code(name: str = "SPRING", text: str = "5", *, most: int | None = None, **changes: object) -> CreditCode:
    """A code that works."""
    terms = {"kind": GrantKind.PROMOTIONAL, "max_total": most, "starts_at": None, "ends_at": None, **changes}
    return CreditCode(name, amount=usd(text), **terms)  # type: ignore[arg-type] # fields of CreditCode


def add(books: Books, *new: CreditCode) -> None:
    books.do(lambda connection: codes.add(connection, *new))


def redeem(books: Books, name: str, moment: datetime | None = None, organization: str = "") -> str:
    return books.do(
        lambda connection: codes.redeem(
            books.core, connection, organization or books.organization, name, moment or at()
        )
    )


def refused(books: Books, name: str, moment: datetime | None = None, organization: str = "") -> str:
    """The code of the problem."""
    with pytest.raises(errors.InvalidInput) as caught:
        redeem(books, name, moment, organization)
    return caught.value.fields["code"]


async def outcome(books: Books, name: str, organization: str) -> str:
    try:
        await books.core.db.run(lambda c: codes.redeem(books.core, c, organization, name, at()))
    except errors.InvalidInput as error:
        return error.fields["code"]
    return "redeemed"


# ---- how often


def test_the_last_one_goes_to_one_whoever_asks(books: Books) -> None:
    add(books, code(most=5))
    everybody = [books.new_organization() for _ in range(32)]

    async def rush() -> list[str]:
        return await asyncio.gather(*(outcome(books, "SPRING", one) for one in everybody))

    told = books.run(rush())
    assert (told.count("redeemed"), told.count("exhausted")) == (5, 27)
    assert books.all(sa.select(C.redeemed)) == [(5,)]
    assert books.all(sa.select(sa.func.count()).select_from(mm.GrantRow)) == [(5,)]
    assert books.all(sa.select(sa.func.count()).select_from(mm.CreditCodeUse)) == [(5,)]
    assert books.verify().fault is None


def test_an_organization_redeems_a_code_once_however_often_it_clicks(books: Books) -> None:
    add(books, code())

    async def rush() -> list[str]:
        return await asyncio.gather(*(outcome(books, "SPRING", books.organization) for _ in range(8)))

    told = books.run(rush())
    assert sorted(told) == ["already_used"] * 7 + ["redeemed"]
    assert books.balance() == usd("5")
    assert books.all(sa.select(C.redeemed)) == [(1,)]


def test_the_own_use_is_named_before_the_count(books: Books) -> None:
    add(books, code(most=1))
    redeem(books, "SPRING")
    assert refused(books, "SPRING") == "already_used"
    assert refused(books, "SPRING", organization=books.new_organization()) == "exhausted"


# ---- when


def test_a_code_works_from_its_start_to_its_end(books: Books) -> None:
    add(books, code(starts_at=at(days=1), ends_at=at(days=2)))
    assert refused(books, "SPRING", at(days=1, microseconds=-1)) == "not_yet"
    assert refused(books, "SPRING", at(days=2)) == "expired"
    redeem(books, "SPRING", at(days=2, microseconds=-1))
    redeem(books, "SPRING", at(days=1), books.new_organization())
    assert books.all(sa.select(C.redeemed)) == [(2,)]


def test_its_credit_lives_from_redeeming(books: Books) -> None:
    add(books, code(valid_days=30, priority=7))
    uuid = redeem(books, "SPRING", at(days=3))
    g = mm.GrantRow
    columns = (g.uuid, g.kind, g.source, g.amount_micros, g.priority, g.effective_at, g.expires_at, g.created_at)
    assert books.all(sa.select(*columns)) == [
        (uuid, "promotional", "promotional_code", 5_000_000, 7, at(days=3), at(days=33), at(days=3))
    ]
    assert books.due() == [("credit_expires", at(days=33))]
    assert books.happenings() == ["code_redeemed"]


def test_a_gift_was_paid_for_by_whoever_gave_it(books: Books) -> None:
    add(books, code("FORYOU", "50", kind=GrantKind.PAID))
    redeem(books, "FORYOU")
    a, e = mm.LedgerAccount, mm.LedgerEntry
    found = books.all(sa.select(a.kind, e.amount_micros).join(e, e.account_id == a.id).order_by(e.position))
    assert found == [("clearing", -50_000_000), ("wallet_paid", 50_000_000)]
    assert books.all(sa.select(mm.GrantRow.source)) == [("gift_code",)]
    assert books.due() == []


# ---- what is typed


def test_what_is_no_code_is_said_so(books: Books) -> None:
    add(books, code("X" * 64))
    assert refused(books, "") == "required"
    assert refused(books, "NOSUCH") == "unknown"
    assert refused(books, "x" * 64) == "unknown"
    assert refused(books, "X" * 65) == "unknown"
    redeem(books, "X" * 64)
    assert [codes.tidy(text) for text in (" gift25\n", "GIFT25", "")] == ["GIFT25", "GIFT25", ""]


def test_a_code_of_another_currency_is_not_for_this_wallet(books: Books) -> None:
    add(books, CreditCode("EURO", GrantKind.PROMOTIONAL, Money(5_000_000, "EUR"), None, None, None))
    assert refused(books, "EURO") == "wrong_currency"
    assert books.all(sa.select(C.redeemed)) == [(0,)]


def test_a_code_that_is_known_stays_as_it_is(books: Books) -> None:
    add(books, code(most=2))
    redeem(books, "SPRING")
    add(books, code("SPRING", "500"), code("AUTUMN", "1"))
    rows = books.all(sa.select(C.code, C.amount_micros, C.max_total, C.redeemed).order_by(C.code))
    assert rows == [("AUTUMN", 1_000_000, None, 0), ("SPRING", 5_000_000, 2, 1)]


# ---- in the service


@story
async def test_the_codes_one_can_try_are_there_once(shop: Shop) -> None:
    await core_of(shop).db.run(codes.seed)
    await shop.restart()
    rows = await shop.rows(sa.select(C.code, C.amount_micros, C.max_total, C.valid_days).order_by(C.code))
    assert rows == [
        ("EXPIRED10", 10_000_000, 1000, None),
        ("GIFT25", 25_000_000, 1000, 90),
        ("LASTONE", 5_000_000, 1, None),
    ]


@story
async def test_a_code_pays_before_what_was_bought_and_a_repeat_changes_nothing(shop: Shop) -> None:
    mine = await owner(shop)
    wallet = await mine.service.redeem_code(" gift25", key="gift")
    assert [credit.source for credit in wallet.credits] == ["promotional_code", "top_up"]
    assert (wallet.balance, wallet.promotional, wallet.refundable) == (usd("45"), usd("25"), usd("20"))
    assert await mine.service.redeem_code("GIFT25", key="gift") == wallet
    with pytest.raises(errors.KeyReused):
        await mine.service.redeem_code("LASTONE", key="gift")
    [movement, _] = await mine.movements()
    assert (movement.kind, movement.params) == (
        MovementKind.GIFT, {"source": "promotional_code", "code": "GIFT25"}
    )  # fmt: skip
    shop.clock.advance(seconds=1)
    later = await mine.service.redeem_code("GIFT25", key="gift")  # the wallet as it is by then
    assert later.credits == wallet.credits


@story
async def test_what_nobody_used_of_it_goes_at_its_end(shop: Shop) -> None:
    mine = await owner(shop, "")
    await mine.service.redeem_code("GIFT25", key="gift")
    await mine.spend("10.004")
    shop.clock.advance(days=90, microseconds=-1)
    mine = await mine.signed_in()
    await mine.run_due()
    assert await mine.balance() == usd("14.996")
    shop.clock.advance(microseconds=1)
    assert await mine.balance() == ZERO  # not usable at its end, swept or not
    await mine.run_due()
    [movement, *_] = await mine.movements()
    assert (movement.kind, movement.amount, movement.balance) == (MovementKind.EXPIRY, usd("-14.996"), ZERO)
    assert movement.at == shop.clock.now()
    assert await mine.noted("credit_expired") == [
        {"credit": "promotional", "amount_micros": 14_996_000, "currency": "USD"}
    ]
    assert await mine.is_sound()
    assert timedelta(days=90) == movement.at - (await mine.movements())[-1].at
