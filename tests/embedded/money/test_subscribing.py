"""Orders of the previous version get their subscription once, and nothing is charged for the past."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from services.api.types import ChangeAction, OrderState, SubscriptionState, UsagePayment
from services.db import models as m
from services.db import money_models as mm
from services.domain.billing import boundary
from tests.contract.embedded import START
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Shop, story

MONEY_TABLES = (
    mm.LedgerEntry, mm.LedgerTransfer, mm.LedgerHead, mm.LedgerAccount, mm.InvoiceLineRow, mm.InvoiceRow,
    mm.SubscriptionPeriod, mm.SubscriptionRow, mm.DueItem, mm.HappeningRow,
)  # fmt: skip


async def forget_money(shop: Shop) -> None:
    """As if the version without subscriptions had written what there is."""

    def work(connection: sa.Connection) -> None:
        for table in ("ledger_transfers", "ledger_entries", "invoices", "invoice_lines"):
            names = connection.execute(
                sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"), {"table": table}
            ).scalars()
            for name in names.all():
                connection.execute(sa.text(f"DROP TRIGGER {name}"))
        for model in MONEY_TABLES:
            connection.execute(sa.delete(model))
        connection.execute(sa.update(m.OrderRow).values(request={}))

    await shop.db.run(work)


async def of_the_previous_version(shop: Shop, plan: str = "starter", offering: str = "customer-care") -> Life:
    """Somebody who bought before there were subscriptions, forty days ago."""
    life = await Life.begin(shop)
    await life.subscribe(plan, offering)
    await forget_money(shop)
    await shop.restart(days=40)
    life.shop, life.buyer = shop, shop.service.for_actor(life.buyer.actor)
    return life


@story
async def test_an_order_of_the_previous_version_goes_on_from_its_next_boundary(shop: Shop) -> None:
    life = await of_the_previous_version(shop)
    one = await life.one()
    assert (one.state, one.price, one.usage_payment) == (SubscriptionState.ACTIVE, usd("29"), UsagePayment.POSTPAID)
    assert (one.period_start, one.period_end) == (boundary(START, 1), boundary(START, 2))
    assert (one.started_at, one.paid_with[-4:]) == (START, "4242")
    assert await life.totals() == []
    assert (one.next_charge, one.next_charge_at) == (usd("29"), boundary(START, 2))
    await life.until(boundary(START, 2) - timedelta(seconds=1))
    assert await life.totals() == []
    await life.wait(seconds=1)
    assert await life.totals() == ["29.00"]
    await life.check_books()


@story
async def test_it_is_adopted_once(shop: Shop) -> None:
    life = await of_the_previous_version(shop)
    first = await life.one()
    await shop.restart()
    life.buyer = shop.service.for_actor(life.buyer.actor)
    assert [one.uuid for one in await life.buyer.list_subscriptions()] == [first.uuid]


@story
async def test_what_was_never_paid_is_not_adopted(shop: Shop) -> None:
    await of_the_previous_version(shop)
    await forget_money(shop)
    await shop.write(sa.update(m.OrderRow).values(state=OrderState.CANCELED.value))
    await shop.restart()
    assert await shop.rows(sa.select(mm.SubscriptionRow.uuid)) == []


@story
async def test_what_is_in_no_books_does_not_come_back_as_credit(shop: Shop) -> None:
    life = await of_the_previous_version(shop)
    done = await life.change(ChangeAction.CANCEL_NOW)
    assert done.subscription.state is SubscriptionState.CANCELED
    assert (await life.buyer.get_wallet()).balance == usd("0")
    await life.check_books()


@story
async def test_an_order_of_this_month_counts_as_spent_without_an_invoice(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    await forget_money(shop)
    assert (await life.buyer.get_account()).spent_this_month == usd("29")


@story
async def test_a_bundle_of_the_previous_version_keeps_its_price(shop: Shop) -> None:
    life = await of_the_previous_version(shop, "starter", "customer-service-suite")
    one = await life.one()
    offering = await shop.market.root.get_offering("customer-service-suite")
    price = next(plan for plan in offering.plans if plan.slug == "starter").monthly_price
    assert (one.price, one.next_charge, len(one.resources)) == (price, price, len(offering.items))
