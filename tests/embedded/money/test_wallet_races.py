"""Many at once, on both databases: one automatic top-up, one refund, and nothing lost."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import WrongState
from services.api.money import Money
from services.api.types import BillingDetails
from services.db import models as m
from services.db import money_models as mm
from services.domain.top_ups import AutoTopUp
from services.embedded.asking import Sent
from services.embedded.core import Core
from services.embedded.money import alerts, auto_top_up, credit_refunds, due, outcomes, top_ups
from services.embedded.money.due import Due
from services.embedded.money.duties import DUTIES
from services.embedded.money.ledger import BelowFloor
from services.embedded.money.top_ups import Purchase
from services.embedded.ways import Way
from services.gateways.test_provider import TestProvider
from tests.contract.embedded import START
from tests.contract.money import ZERO, usd
from tests.embedded.money.books import Books, at

P = mm.PaymentIntent


def with_card(books: Books) -> None:
    """Below $10 the wallet is filled to $40."""
    card = {"token": "card_1", "organization_uuid": books.organization, "provider_token": "tok_visa", "brand": "Visa",
            "last4": "4242", "exp_month": 12, "exp_year": 2034, "is_default": True, "created_at": START}  # fmt: skip

    def work(connection: Connection) -> None:
        connection.execute(sa.insert(m.PaymentCard), card)
        wanted = AutoTopUp(True, usd("10"), usd("40"), usd("100"))
        alerts.save_auto_top_up(connection, books.organization, wanted, "card_1")

    books.do(work)


VISA = Way("test", token="tok_visa", label="Visa •••• 4242")


def bought(books: Books, text: str) -> str:
    """Credit a card was charged for; its grant."""

    async def buy() -> None:
        wanted = Purchase(books.organization, usd(text), BillingDetails(), VISA, Sent())
        intent = await books.core.db.run(lambda c: top_ups.open_intent(books.core, c, top_ups.TOP_UP, wanted, at()))
        await outcomes.carry_out(books.core, intent)

    books.run(buy())
    return str(books.all(sa.select(mm.GrantRow.uuid).order_by(mm.GrantRow.created_at.desc()))[0][0])


def charges(core: Core) -> int:
    provider = core.payments.first
    assert isinstance(provider, TestProvider)
    return provider.count_charges()


def test_a_wallet_is_filled_once_however_many_see_it_low(books: Books) -> None:
    with_card(books)
    books.grant("5")

    async def rush() -> None:
        items = [Due(f"item-{n}", "auto_top_up", books.organization, books.organization, at(), {}) for n in range(8)]
        await asyncio.gather(*(auto_top_up.on_due(books.core, item) for item in items))

    books.run(rush())
    assert books.all(sa.select(P.purpose, P.state, P.amount_micros)) == [("auto_top_up", "succeeded", 35_000_000)]
    assert (books.balance(), charges(books.core)) == (usd("40"), 1)
    assert books.fault() is None


def test_what_calls_make_due_is_done_once(books: Books) -> None:
    with_card(books)
    books.grant("12")

    async def rush() -> None:
        def call(connection: Connection, number: int) -> None:
            assert books.draw(connection, "0.30", f"call-{number}")
            alerts.after_change(books.core, connection, books.organization, at())

        async def one(number: int) -> None:
            while True:
                try:
                    return await books.core.db.run(lambda connection: call(connection, number))
                except BelowFloor:
                    continue

        await asyncio.gather(*(one(number) for number in range(16)))
        await asyncio.gather(*(due.run_due(books.core, DUTIES, at()) for _ in range(3)))
        await due.run_due(books.core, DUTIES, at())

    books.run(rush())
    assert (books.balance(), charges(books.core)) == (usd("40"), 1)  # $12 - $4.80, and $32.80 more
    assert books.all(sa.select(sa.func.count()).select_from(mm.DueItem).where(mm.DueItem.done_at.is_(None))) == [(0,)]
    assert books.fault() is None


def test_credit_goes_back_once(books: Books) -> None:
    uuid = bought(books, "20")
    [grant] = books.do(lambda c: c.execute(sa.select(*mm.GrantRow.__table__.c).where(mm.GrantRow.uuid == uuid)).all())

    async def back() -> str:
        try:
            intent = await books.core.db.run(lambda c: credit_refunds.open_refund(books.core, c, grant, at()))
        except WrongState as error:
            return str(error.params["state"])
        return (await outcomes.carry_out(books.core, intent)).state.value

    async def rush() -> list[str]:
        return await asyncio.gather(*(back() for _ in range(8)))

    told = books.run(rush())
    assert sorted(told) == ["spent"] * 7 + ["succeeded"]
    assert books.balance() == ZERO
    amounts = sa.select(P.amount_micros).where(P.purpose == "refund")
    assert books.all(amounts) == [(20_000_000,)]
    assert books.fault() is None


def test_a_call_and_a_refund_at_once_share_what_there_is(books: Books) -> None:
    uuid = bought(books, "20")
    [grant] = books.do(lambda c: c.execute(sa.select(*mm.GrantRow.__table__.c).where(mm.GrantRow.uuid == uuid)).all())

    async def rush() -> bool:
        _, was_paid = await asyncio.gather(
            books.core.db.run(lambda c: credit_refunds.open_refund(books.core, c, grant, at())),
            books.draw_retrying("3", "call"),
        )
        return was_paid

    was_paid = books.run(rush())
    [(refunded,)] = books.all(sa.select(P.amount_micros).where(P.purpose == "refund"))
    assert Money(refunded) == usd("17" if was_paid else "20")
    assert books.balance() == ZERO
    assert books.fault() is None


@pytest.mark.parametrize("count", [2, 9])
def test_top_ups_at_once_are_all_there(books: Books, count: int) -> None:
    async def buy(number: int) -> None:
        wanted = Purchase(books.organization, usd(f"{5 + number}"), BillingDetails(), VISA, Sent())
        intent = await books.core.db.run(lambda c: top_ups.open_intent(books.core, c, top_ups.TOP_UP, wanted, at()))
        await outcomes.carry_out(books.core, intent)

    async def rush() -> None:
        await asyncio.gather(*(buy(number) for number in range(count)))

    books.run(rush())
    assert books.balance() == usd(str(sum(5 + number for number in range(count))))
    numbers = [number for (number,) in books.all(sa.select(mm.InvoiceRow.number).order_by(mm.InvoiceRow.number))]
    assert numbers == [f"RC-2026-{number:06d}" for number in range(1, count + 1)]
    assert books.fault() is None
