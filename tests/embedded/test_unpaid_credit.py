"""Credit that a smaller plan gave back of what was never paid: frozen, free once it is paid, gone if it is given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput
from services.api.money import Money
from services.api.types import BillingDetails, ChangeAction, InvoiceQuery, PaymentMethod, ReceiveTransfer
from services.db import models as m
from services.domain.ledger import AccountKind
from services.embedded.core import Core
from services.embedded.money import corrections, writing_off
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Shop, story

P = m.PaymentRow
Work = Callable[[Core, Connection, str, datetime], object]


async def made_smaller(shop: Shop, *, details: BillingDetails | None = None) -> Life:
    """Pro bought with a hold and made smaller at once; the hold is lost, and nobody has paid anything."""
    market = await shop.open_pages(undo_s=60)
    life = await Life.begin(shop)
    if details is not None:
        await life.buyer.set_billing_details(details)
    life.placed = await market.buy(life.buyer, await life.order("pro"))
    await shop.provider.lose_hold(await shop.value(sa.select(P.charge_id)))
    await life.to_plan("starter", at_end=False)
    await market.run_jobs()
    return life


async def credit(life: Life) -> tuple[Money, Money]:
    """What can be spent, and what is frozen."""
    wallet = await life.buyer.get_wallet()
    return wallet.balance, wallet.frozen


async def unpaid(life: Life) -> str:
    return next(one.uuid for one in (await life.buyer.list_invoices(InvoiceQuery())).items if one.due.micros)


async def give_up(life: Life, work: Work) -> None:
    shop, uuid = life.shop, await unpaid(life)
    await shop.db.run(lambda connection: work(shop.service.core, connection, uuid, shop.clock.now()))


async def check(life: Life) -> None:
    await life.check_books()
    assert await life.balance(AccountKind.CLEARING) == -life.shop.provider.balance()


@story
async def test_it_cannot_be_spent_before_the_invoice_is_paid(shop: Shop) -> None:
    life = await made_smaller(shop)
    assert await credit(life) == (usd("0"), usd("70"))
    order = await life.order(payment_method=PaymentMethod.WALLET)
    with pytest.raises(InvalidInput):
        await life.buyer.quick_checkout(order, key="spend")
    await check(life)
    await life.buyer.pay_invoice(await unpaid(life), await shop.market.card(), key="pay")
    assert await credit(life) == (usd("70"), usd("0"))
    assert shop.provider.balance() == usd("99")
    await check(life)


@story
async def test_a_part_that_covers_it_frees_it(shop: Shop) -> None:
    life = await made_smaller(shop)
    number = (await life.buyer.get_invoice(await unpaid(life))).number
    for amount, bank, now in (("20", "b1", "0"), ("70", "b2", "70")):
        await life.buyer.receive_transfer(ReceiveTransfer(str(number), usd(amount), bank), key=bank)
        assert (await credit(life))[0] == usd(now)
    await life.check_books()


@story
async def test_it_stays_so_after_the_end_of_the_subscription(shop: Shop) -> None:
    life = await made_smaller(shop)
    await life.change(ChangeAction.CANCEL_NOW)
    assert await credit(life) == (usd("0"), usd("70"))
    await life.buyer.pay_invoice(await unpaid(life), await shop.market.card(), key="pay")
    assert await credit(life) == (usd("70"), usd("0"))
    await check(life)


@story
async def test_a_debt_of_less_than_the_money_that_came_freezes_nothing(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("pro")
    await life.to_plan("starter", at_end=False)
    one = next(one for one in (await life.buyer.list_invoices(InvoiceQuery())).items if one.total == usd("99"))
    await life.buyer.correct_invoice(one.uuid, BillingDetails(name="Ada", country="DE"), key="c")
    assert await credit(life) == (usd("70"), usd("0"))  # $18.81 of tax are due, $99 were paid
    await check(life)


async def gone(shop: Shop, work: Work) -> None:
    life = await made_smaller(shop)
    await give_up(life, work)
    assert await credit(life) == (usd("0"), usd("0"))
    assert await life.balance(AccountKind.WALLET_PAID) == usd("0")
    assert await life.balance(AccountKind.RECEIVABLE) == usd("0")
    assert await life.balance(AccountKind.REVENUE) == -await life.balance(AccountKind.DEFERRED_REVENUE)
    await check(life)


@story
async def test_written_off_it_is_gone(shop: Shop) -> None:
    await gone(shop, writing_off.write_off)


@story
async def test_voided_it_is_gone(shop: Shop) -> None:
    await gone(shop, corrections.void)


@story
async def test_credited_it_is_gone(shop: Shop) -> None:
    await gone(shop, lambda core, connection, uuid, at: corrections.credit(core, connection, uuid, None, at))


@story
async def test_paid_after_it_was_given_up_it_is_back(shop: Shop) -> None:
    life = await made_smaller(shop)
    invoice = await unpaid(life)
    await give_up(life, writing_off.write_off)
    await life.buyer.pay_invoice(invoice, await shop.market.card(), key="pay")
    assert await credit(life) == (usd("70"), usd("0"))
    await check(life)


@story
async def test_with_tax_the_credit_is_what_the_plan_gave_without_it(shop: Shop) -> None:
    life = await made_smaller(shop, details=BillingDetails(name="Ada", country="DE"))
    assert await credit(life) == (usd("0"), usd("70"))
    await give_up(life, writing_off.write_off)
    assert await credit(life) == (usd("0"), usd("0"))
    await check(life)
