"""An agent that could not be deployed is not paid for, whatever its invoice asks for by now and however it was paid."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.money import Money
from services.api.types import (
    BillingCycle,
    BillingDetails,
    Invoice,
    InvoiceKind,
    InvoiceQuery,
    InvoiceState,
    Order,
    OrderState,
    QuoteTerms,
    ReceiveTransfer,
    RequestQuote,
    Resource,
    ResourceState,
    SubscriptionState,
    TopUp,
)
from services.db import models as m
from services.db import money_models as mm
from services.domain.ledger import AccountKind
from services.embedded import inbox
from services.embedded.delivery import job_row
from services.embedded.money import corrections, finalising
from tests.contract.embedded import START
from tests.contract.market import raises
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Shop, story, unreachable

SUITE = "customer-service-suite"
GERMAN = BillingDetails(country="DE")


async def failed(shop: Shop, plan: str = "starter", offering: str = "customer-care", **changes: object) -> Life:
    """Somebody who bought what could not be deployed."""
    await shop.open_pages()
    shop.agents.script.failing_steps["agent"] = "no_capacity"
    life = await Life.begin(shop)
    await life.subscribe(plan, offering, **changes)
    return life


async def accepted(shop: Shop) -> Life:
    """An accepted quote of $1,000 whose agent could not be deployed."""
    await shop.open_pages()
    shop.agents.script.failing_steps["agent"] = "no_capacity"
    life = await Life.begin(shop)
    offering = await shop.market.root.get_offering("customer-care")
    plan = next(plan for plan in offering.plans if plan.slug == "enterprise")
    asked = await life.buyer.request_quote(RequestQuote(offering.card.uuid, plan.uuid, "ada@example.com"))
    await life.buyer.offer_quote(asked.uuid, QuoteTerms(usd("1000"), START + timedelta(days=21), net_days=14))
    life.placed = await life.buyer.accept_quote(asked.uuid, key="accept")
    await shop.market.run_jobs()
    return life


async def agents(life: Life) -> list[Resource]:
    """Those that failed."""
    return [one for one in await life.buyer.list_resources() if one.state is ResourceState.FAILED]


async def give_back(life: Life) -> Order:
    """All of them, and what follows by itself."""
    for one in await agents(life):
        await life.buyer.refund_failed(one.uuid)
    await life.wait(seconds=20)
    await life.shop.market.run_jobs()
    [order] = await life.buyer.list_orders()
    return order


async def live(life: Life) -> Invoice:
    """The invoice that counts."""
    found = (await life.buyer.list_invoices(InvoiceQuery(kind=InvoiceKind.INVOICE))).items
    return next(one for one in found if one.order_uuid and not one.replaced_by_uuid)


async def corrected(life: Life, details: BillingDetails = GERMAN) -> Invoice:
    """The order's invoice, made out anew."""
    return (await life.buyer.correct_invoice((await live(life)).uuid, details, key="c")).invoice


async def arrive(life: Life, reference: str, amount: Money) -> None:
    """By transfer, or sent by support."""
    await life.buyer.receive_transfer(ReceiveTransfer(reference, amount, f"bank-{reference}"), key=f"t-{reference}")


async def nothing_is_left(life: Life) -> None:
    """Neither owed nor due, at us nor at the provider."""
    for kind in (AccountKind.REFUNDS, AccountKind.RECEIVABLE, AccountKind.REVENUE, AccountKind.DEFERRED_REVENUE,
                 AccountKind.TAX_PAYABLE, AccountKind.CLEARING):  # fmt: skip
        assert (kind, await life.balance(kind)) == (kind, usd("0"))
    assert life.shop.provider.balance() == usd("0")
    assert await life.buyer.list_transfers() == ()
    await life.check_books()


async def hear(shop: Shop) -> None:
    await inbox.poll(shop.service.core)
    await inbox.look(shop.service.core)


# ---- accepted quotes


@story
async def test_a_quote_that_was_not_paid_is_not_due_any_more(shop: Shop) -> None:
    life = await accepted(shop)
    order = await give_back(life)
    assert (order.state, order.refunded, (await live(life)).due) == (OrderState.CANCELED, usd("0"), usd("0"))
    await life.wait(days=60)
    assert (await life.one()).state is SubscriptionState.CANCELED
    await nothing_is_left(life)


@story
async def test_a_quote_paid_by_card_goes_back_to_the_card(shop: Shop) -> None:
    life = await accepted(shop)
    await life.buyer.pay_invoice((await live(life)).uuid, await shop.market.card(), key="p")
    order = await give_back(life)
    assert (order.state, order.refunded, shop.provider.refunded()) == (OrderState.CANCELED, usd("1000"), usd("1000"))
    await nothing_is_left(life)


@pytest.mark.parametrize("amount", ["1000", "400"])
def test_what_paid_a_quote_by_transfer_is_sent_by_support(amount: str, shop: Shop, loop: object) -> None:
    @story
    async def run(shop: Shop) -> None:
        life = await accepted(shop)
        await arrive(life, (await live(life)).number, usd(amount))
        order = await give_back(life)
        assert (order.state, (await live(life)).due) == (OrderState.CANCELED, usd("0"))
        [owed] = await life.buyer.list_transfers()
        assert (owed.subject, owed.amount, order.refunded) == ("refund", usd(amount), usd("0"))
        await arrive(life, owed.reference, owed.amount)
        assert (await life.buyer.get_order(order.uuid)).refunded == usd(amount)
        await nothing_is_left(life)

    run(shop, loop)  # type: ignore[arg-type]


@story
async def test_a_refund_without_a_provider_is_asked_of_nobody(shop: Shop) -> None:
    """As one was saved for a quote once."""
    life = await accepted(shop)
    await life.buyer.pay_invoice((await live(life)).uuid, await shop.market.card(), key="p")
    [charge] = (await shop.rows(sa.select(mm.PaymentIntent.charge_id)))[0]
    assert life.placed is not None
    row = {"key": "refund:old", "order_uuid": life.placed.order_uuid, "charge_id": charge, "state": "sent",
           "amount_micros": 1_000_000_000, "currency": "USD", "created_at": START}  # fmt: skip
    await shop.write(sa.insert(m.RefundRow).values(row))
    await shop.write(sa.insert(m.Job).values(job_row("refund", "refund:old", START)))
    await life.wait(days=1)
    await shop.market.run_jobs()
    assert (shop.provider.refunded(), shop.provider.calls["refund"]) == (usd("0"), 0)
    await life.check_books()


# ---- what earlier versions left


@story
async def test_a_refund_saved_by_an_earlier_version_is_sent_and_booked(shop: Shop) -> None:
    life = await failed(shop)
    assert life.placed is not None
    core, invoice = shop.service.core, await live(life)
    await shop.db.run(lambda c: corrections.credit(core, c, invoice.uuid, None, START, refund_to_card=False))
    assert await life.balance(AccountKind.REFUNDS) == usd("29")
    [charge] = (await shop.rows(sa.select(m.PaymentRow.charge_id)))[0]
    row = {"key": "refund:old", "order_uuid": life.placed.order_uuid, "charge_id": charge, "state": "sent",
           "provider": "test", "amount_micros": 29_000_000, "currency": "USD", "created_at": START}  # fmt: skip
    await shop.write(sa.insert(m.RefundRow).values(row))
    await shop.write(sa.insert(m.Job).values(job_row("refund", "refund:old", START)))
    await shop.market.run_jobs()
    assert (await life.buyer.get_order(life.placed.order_uuid)).refunded == usd("29")
    assert shop.provider.refunded() == usd("29")
    await nothing_is_left(life)


@story
async def test_an_order_of_before_there_were_invoices_goes_back_by_its_charge(shop: Shop) -> None:
    life = await failed(shop)
    changes = {
        m.OrderRow: {"uuid": "old-order", "number": "SK-OLD"},
        m.PaymentRow: {"key": "old-payment", "order_uuid": "old-order"},
        m.ResourceRow: {"uuid": "old-agent", "order_uuid": "old-order"},
    }
    for model, changed in changes.items():
        columns = model.__table__.c
        [row] = await shop.rows(sa.select(*columns))
        await shop.write(sa.insert(model).values(dict(zip(columns.keys(), row, strict=True)) | changed))
    shop.provider.before["refund"] = [unreachable]
    assert (await life.buyer.refund_failed("old-agent")).refunded == usd("0")
    await shop.market.run_jobs()
    order = await life.buyer.get_order("old-order")
    assert (order.state, order.refunded) == (OrderState.CANCELED, usd("29"))
    assert shop.provider.refunded() == usd("29")
    assert await life.balance(AccountKind.CLEARING) == usd("-29")  # it never was in the books
    await life.check_books()


@story
async def test_an_old_order_that_cost_nothing_brings_nothing_back(shop: Shop) -> None:
    life = await failed(shop)
    for model, changed in (
        (m.OrderRow, {"uuid": "old-order", "number": "SK-OLD"}),
        (m.ResourceRow, {"uuid": "old-agent", "order_uuid": "old-order", "price_micros": 0}),
    ):
        columns = model.__table__.c
        [row] = await shop.rows(sa.select(*columns))
        await shop.write(sa.insert(model).values(dict(zip(columns.keys(), row, strict=True)) | changed))
    assert (await life.buyer.refund_failed("old-agent")).state is OrderState.CANCELED
    assert shop.provider.calls["refund"] == 0


# ---- corrected invoices


@story
async def test_all_of_a_corrected_invoice_goes_back_by_all_that_paid_it(shop: Shop) -> None:
    life = await failed(shop)
    invoice = await corrected(life)
    await life.buyer.pay_invoice(invoice.uuid, await shop.market.card(), key="p")
    assert shop.provider.balance() == usd("34.51")
    order = await give_back(life)
    assert (order.refunded, shop.provider.refunded()) == (usd("29"), usd("34.51"))  # of an order of 29
    await nothing_is_left(life)


@story
async def test_what_a_transfer_paid_of_a_corrected_invoice_is_sent_by_support(shop: Shop) -> None:
    life = await failed(shop)
    invoice = await corrected(life)
    await arrive(life, invoice.number, invoice.due)
    await give_back(life)
    [owed] = await life.buyer.list_transfers()
    assert (owed.amount, shop.provider.refunded()) == (usd("5.51"), usd("29"))
    await arrive(life, owed.reference, owed.amount)
    await nothing_is_left(life)


@story
async def test_what_a_corrected_invoice_asks_for_is_not_due_and_all_that_was_paid_goes_back(shop: Shop) -> None:
    life = await failed(shop)
    assert (await corrected(life)).due == usd("5.51")
    await give_back(life)
    assert ((await live(life)).state, shop.provider.refunded()) == (InvoiceState.PAID, usd("29"))
    await nothing_is_left(life)


@pytest.mark.parametrize("is_paid", [True, False])
def test_the_agents_of_a_bundle_have_all_of_its_invoice(is_paid: bool, shop: Shop, loop: object) -> None:
    @story
    async def run(shop: Shop) -> None:
        life = await failed(shop, offering=SUITE)
        invoice = await corrected(life)
        assert (invoice.total, invoice.due) == (usd("84.89"), usd("13.55"))
        if is_paid:
            await life.buyer.pay_invoice(invoice.uuid, await shop.market.card(), key="p")
        [first, *_] = await agents(life)
        await life.buyer.refund_failed(first.uuid)
        await life.wait(seconds=20)
        await shop.market.run_jobs()
        assert shop.provider.refunded() == (usd("28.29") if is_paid else usd("14.74"))  # less what was not paid
        assert (await live(life)).due == usd("0")
        await give_back(life)
        assert shop.provider.refunded() == (usd("84.89") if is_paid else usd("71.34"))
        await nothing_is_left(life)

    run(shop, loop)  # type: ignore[arg-type]


@story
async def test_what_a_smaller_plan_left_goes_back_in_whole_cents(shop: Shop) -> None:
    life = await failed(shop, "pro", billing_cycle=BillingCycle.YEARLY, country="DE")
    assert (await live(life)).total == usd("1178.10")
    await life.wait(seconds=12_345)
    await life.to_plan("starter", cycle=BillingCycle.MONTHLY)
    given = (await life.buyer.get_wallet()).balance
    back = (await give_back(life)).refunded
    assert back == back.rounded() == shop.provider.refunded()
    exact = usd("1178.10").micros - given.micros * 119 // 100
    assert exact - 10_000 < back.micros <= exact
    await life.check_books()


@story
async def test_credit_that_paid_is_credit_again(shop: Shop) -> None:
    life = await accepted(shop)
    await life.buyer.top_up(TopUp(usd("1000"), await shop.market.card()), key="top-up")
    core, uuid = shop.service.core, (await live(life)).uuid
    assert await shop.db.run(lambda c: corrections.pay_from_wallet(core, c, finalising.row_of(c, uuid), START))
    assert (await life.buyer.get_wallet()).balance == usd("0")
    order = await give_back(life)
    assert ((await life.buyer.get_wallet()).balance, order.refunded) == (usd("1000"), usd("1000"))
    assert (shop.provider.balance(), await life.balance(AccountKind.CLEARING)) == (usd("1000"), usd("-1000"))
    await life.check_books()


@story
async def test_the_order_says_what_went_back_once_it_has(shop: Shop) -> None:
    life = await failed(shop)
    shop.provider.before["refund"] = [unreachable] * 3
    [agent] = await agents(life)
    order = await life.buyer.refund_failed(agent.uuid)
    assert (order.refunded, await life.balance(AccountKind.REFUNDS)) == (usd("0"), usd("29"))
    assert (await give_back(life)).refunded == usd("29")
    assert [one.kind for one in await life.buyer.list_happenings()].count("refunded") == 1
    await nothing_is_left(life)


@story
async def test_what_was_never_paid_leaves_neither_a_debt_nor_credit(shop: Shop) -> None:
    """The hold is lost after the plan was made smaller, which gave credit of it."""
    market = await shop.open_pages(undo_s=60)
    shop.agents.script.failing_steps["agent"] = "no_capacity"
    life = await Life.begin(shop)
    life.placed = await market.buy(life.buyer, await life.order("pro"))
    await shop.provider.lose_hold(await shop.value(sa.select(m.PaymentRow.charge_id)))
    await life.to_plan("starter", at_end=False)
    await market.run_jobs()
    assert ((await live(life)).due, (await life.buyer.get_wallet()).frozen) == (usd("99"), usd("70"))
    order = await give_back(life)
    wallet = await life.buyer.get_wallet()
    assert (wallet.balance, wallet.frozen, order.refunded) == (usd("0"), usd("0"), usd("0"))
    assert (await live(life)).due == usd("0")
    await life.wait(days=31)  # what the change had set aside for its month is earned against what was taken off
    await nothing_is_left(life)


# ---- disputes


async def disputed(life: Life, charge: str, amount: Money) -> str:
    made = await life.shop.provider.open_dispute(charge, amount)
    await hear(life.shop)
    [agent] = await agents(life)
    refused = await raises(errors.WrongState, life.buyer.refund_failed(agent.uuid))
    assert refused.params == {"state": "disputed"}
    assert await agents(life) == [agent]  # nothing was retired
    assert (await life.one()).state is SubscriptionState.ACTIVE
    return made


async def close(life: Life, dispute: str, state: str) -> None:
    await life.shop.provider.close_dispute(dispute, state)
    await hear(life.shop)


@pytest.mark.parametrize("amount", ["29", "10"])
def test_nothing_is_given_back_while_the_bank_decides_and_all_of_it_once_it_is_won(
    amount: str, shop: Shop, loop: object
) -> None:
    @story
    async def run(shop: Shop) -> None:
        life = await failed(shop)
        [charge] = (await shop.rows(sa.select(m.PaymentRow.charge_id)))[0]
        await close(life, await disputed(life, charge, usd(amount)), "won")
        assert (await give_back(life)).refunded == usd("29") == shop.provider.refunded()
        await nothing_is_left(life)

    run(shop, loop)  # type: ignore[arg-type]


@story
async def test_a_dispute_of_what_paid_the_corrected_invoice_counts_too(shop: Shop) -> None:
    life = await failed(shop)
    await life.buyer.pay_invoice((await corrected(life)).uuid, await shop.market.card(), key="p")
    [charge] = (await shop.rows(sa.select(mm.PaymentIntent.charge_id)))[0]
    await close(life, await disputed(life, charge, usd("5.51")), "won")
    await give_back(life)
    await nothing_is_left(life)


@story
async def test_a_lost_dispute_takes_the_agent_away_and_nothing_is_given(shop: Shop) -> None:
    life = await failed(shop)
    [charge] = (await shop.rows(sa.select(m.PaymentRow.charge_id)))[0]
    await close(life, await disputed(life, charge, usd("29")), "lost")
    [agent] = await life.buyer.list_resources()
    assert (agent.state, (await life.one()).state) == (ResourceState.RETIRED, SubscriptionState.CANCELED)
    refused = await raises(errors.WrongState, life.buyer.refund_failed(agent.uuid))
    assert refused.params == {"state": "retired"}
    assert (shop.provider.refunded(), await life.balance(AccountKind.CLEARING)) == (usd("0"), usd("0"))
    await life.check_books()


@story
async def test_somebody_elses_dispute_keeps_nobody_from_their_money(shop: Shop) -> None:
    other = await failed(shop)
    [charge] = (await shop.rows(sa.select(m.PaymentRow.charge_id)))[0]
    await disputed(other, charge, usd("29"))
    life = await Life.begin(shop, "eve@example.com")
    await life.subscribe()
    assert (await give_back(life)).refunded == usd("29")
