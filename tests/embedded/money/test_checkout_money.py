"""Buying with coupon, country, trial or wallet: what was summed up is what is charged, invoiced and booked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.api.errors import CardDeclined, InvalidInput, PaymentUnknown
from services.api.money import Money
from services.api.types import (
    BillingCycle,
    BillingDetails,
    InvoiceState,
    OrderState,
    PaymentMethod,
    Placed,
    SubscriptionState,
    TopUp,
    UsagePayment,
)
from services.db import models as m
from services.db import money_models as mm
from services.db.session import ServerDatabase
from services.domain.discounts import Coupon
from services.domain.ledger import AccountKind
from services.embedded.money import coupons
from tests.contract.embedded import build_embedded
from tests.contract.market import Market
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Crashed, Shop, crash, story, unreachable
from tests.fakes import Gate
from tests.postgres import new_database

ZERO = Money.zero()
REDEEMED = sa.select(mm.CouponRow.redeemed).where(mm.CouponRow.code == "LAST")


async def offer(shop: Shop, coupon: Coupon) -> None:
    await shop.db.run(lambda connection: coupons.write(connection, coupon))


async def refused(life: Life, *, key: str = "refused", **changes: Any) -> dict[str, str]:
    """The fields at fault; the summary and the purchase say the same."""
    request = replace(await life.order(), **changes)
    with pytest.raises(InvalidInput) as bought:
        await life.buyer.quick_checkout(request, key=key)
    return dict(bought.value.fields)


# ---- one sum everywhere


@pytest.mark.parametrize(
    ("changes", "total", "tax"),
    [
        ({}, "29", "0"),
        ({"country": "DE"}, "34.51", "5.51"),
        ({"country": "FR", "vat_id": "FR40303265045"}, "29", "0"),
        ({"country": "FR"}, "34.80", "5.80"),
        ({"country": "DE", "coupon": "WELCOME20"}, "27.61", "4.41"),
        ({"country": "de", "billing_cycle": BillingCycle.YEARLY, "coupon": "tenoff"}, "333.20", "53.20"),
    ],
)
def test_summary_charge_order_invoice_and_books_say_one_sum(
    shop: Shop, loop: asyncio.Runner, changes: dict[str, Any], total: str, tax: str
) -> None:
    @story
    async def run(shop: Shop) -> None:
        life = await Life.begin(shop)
        request = await life.order(**changes)
        summary = await life.buyer.summarize(request)
        one = await life.subscribe(**changes)
        order = await life.buyer.get_order(one.order_uuid)
        invoice = await life.buyer.get_invoice(order.invoice_uuid)
        assert summary.total == order.total == invoice.total == invoice.paid == usd(total)
        assert (invoice.tax, invoice.state, invoice.paid_with) == (usd(tax), InvoiceState.PAID, "Visa •••• 4242")
        assert order.lines == summary.lines
        assert await life.balance(AccountKind.CLEARING) == -usd(total)
        assert await life.balance(AccountKind.RECEIVABLE) == ZERO
        assert await life.balance(AccountKind.TAX_PAYABLE) == usd(tax)
        assert (await life.buyer.get_account()).spent_this_month == usd(total)
        await life.check_books()

    run(shop, loop)


@story
async def test_the_country_that_was_typed_is_kept_and_used_from_then_on(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe(country="FR", vat_id=" fr 40 303 265 045 ")
    details = await life.buyer.get_billing_details()
    assert (details.country, details.vat_id) == ("FR", "FR40303265045")
    found = await life.buyer.summarize(await life.order())  # nothing typed this time
    assert found.lines[-1].label == "reverse_charge"


@story
async def test_an_invoice_keeps_the_details_of_the_purchase(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.buyer.save_card("tok_visa")
    await life.buyer.set_billing_details(BillingDetails(name="Ada Ltd", country="DE"))
    shop.provider.after["charge"] = [unreachable] * 3
    with pytest.raises(PaymentUnknown):
        await life.buyer.quick_checkout(await life.order(), key="lost")
    await life.buyer.set_billing_details(BillingDetails(name="Other", country="US"))
    placed = await life.buyer.quick_checkout(await life.order(), key="lost")
    invoice = await life.buyer.get_invoice((await life.buyer.get_order(placed.order_uuid)).invoice_uuid)
    assert (invoice.details.name, invoice.total) == ("Ada Ltd", usd("34.51"))


@story
async def test_what_is_wrong_is_named_by_its_field(shop: Shop) -> None:
    life = await Life.begin(shop)
    await offer(shop, Coupon("LATER", percent=Decimal(5), starts_at=shop.clock.now() + timedelta(seconds=1)))
    await offer(shop, Coupon("OTHER", percent=Decimal(5), offerings=frozenset({"expense-auditor"})))
    await offer(shop, Coupon("YEN", amount=Money.parse("500", "JPY")))
    assert await refused(life, coupon="LATER") == {"coupon": "not_yet"}
    assert await refused(life, coupon="OTHER") == {"coupon": "not_for_this"}
    assert await refused(life, coupon="YEN") == {"coupon": "wrong_currency"}
    assert await refused(life, coupon="X" * 65) == {"coupon": "unknown"}
    assert await refused(life, country="Germany") == {"country": "unknown"}
    assert await refused(life, country="DE", vat_id="FR40303265045") == {"vat_id": "vat_country"}
    assert await refused(life, country="DE", vat_id="12") == {"vat_id": "vat_format"}
    assert await refused(life, payment_method=PaymentMethod.BANK) == {"payment_method": "not_available"}
    free = await life.order("free", "brand-translator", payment_token="", start_trial=True)
    with pytest.raises(InvalidInput) as error:
        await life.buyer.summarize(free)
    assert error.value.fields == {"start_trial": "not_available"}
    with pytest.raises(InvalidInput) as error:
        await life.buyer.summarize(replace(free, start_trial=False, coupon="TENOFF"))
    assert error.value.fields == {"coupon": "not_for_this"}
    assert await life.buyer.list_orders() == ()


@story
async def test_a_coupon_for_one_offering_counts_there(shop: Shop) -> None:
    life = await Life.begin(shop)
    await offer(shop, Coupon("CARE", percent=Decimal(50), offerings=frozenset({"customer-care"})))
    await life.subscribe(coupon="CARE")
    assert await life.totals() == ["14.50"]


# ---- a coupon's last use


@story
async def test_the_last_use_of_a_coupon_goes_to_one_of_many(shop: Shop) -> None:
    await offer(shop, Coupon("LAST", percent=Decimal(50), max_redemptions=3))
    lives = [await Life.begin(shop, f"buyer-{number}@example.com") for number in range(8)]
    request = await lives[0].order(coupon="LAST")
    answers = await asyncio.gather(
        *(life.buyer.quick_checkout(request, key="once") for life in lives), return_exceptions=True
    )
    failed = [answer for answer in answers if isinstance(answer, InvalidInput)]
    assert [error.fields for error in failed] == [{"coupon": "exhausted"}] * 5
    assert sorted(await lives[0].totals()) == ["14.50"] * 3
    assert await shop.value(REDEEMED) == 3


@story
async def test_a_coupon_counts_once_per_organization_when_it_says_so(shop: Shop) -> None:
    await offer(shop, Coupon("LAST", percent=Decimal(50), max_per_customer=1))
    life = await Life.begin(shop)
    await life.subscribe(coupon="LAST")
    assert await refused(life, coupon="LAST") == {"coupon": "already_used"}
    other = await Life.begin(shop, "eve@example.com")
    await other.subscribe(coupon="LAST")
    assert await shop.value(REDEEMED) == 2


@story
async def test_a_payment_that_failed_gives_its_coupon_back(shop: Shop) -> None:
    await offer(shop, Coupon("LAST", percent=Decimal(50), max_redemptions=1, max_per_customer=1))
    life = await Life.begin(shop)
    with pytest.raises(CardDeclined):
        await life.buyer.quick_checkout(await life.order(coupon="LAST", payment_token="tok_declined"), key="no")
    assert await shop.value(REDEEMED) == 0
    await life.subscribe(coupon="LAST")
    assert (await life.totals(), await shop.value(REDEEMED)) == (["14.50"], 1)


@story
async def test_an_order_that_was_undone_takes_its_coupon_again_when_it_is_resumed(shop: Shop) -> None:
    await offer(shop, Coupon("LAST", percent=Decimal(50), max_redemptions=1))
    life = await Life.begin(shop)
    request = await life.order(coupon="LAST")
    shop.provider.before["charge"] = [crash]
    with pytest.raises(Crashed):
        await life.buyer.quick_checkout(request, key="crashed")
    assert await shop.value(REDEEMED) == 1  # nobody else may have it meanwhile
    await shop.restart(seconds=20)
    life.buyer = shop.service.for_actor(life.buyer.actor)
    assert [order.state for order in await life.buyer.list_orders()] == [OrderState.CANCELED]
    assert await shop.value(REDEEMED) == 0
    await life.buyer.quick_checkout(request, key="crashed")
    assert (await life.totals(), await shop.value(REDEEMED)) == (["14.50"], 1)


@story
async def test_an_order_that_was_undone_may_find_its_coupon_gone(shop: Shop) -> None:
    await offer(shop, Coupon("LAST", percent=Decimal(50), max_redemptions=1))
    life = await Life.begin(shop)
    request = await life.order(coupon="LAST")
    shop.provider.before["charge"] = [crash]
    with pytest.raises(Crashed):
        await life.buyer.quick_checkout(request, key="crashed")
    await shop.restart(seconds=20)
    other = await Life.begin(shop, "eve@example.com")
    await other.subscribe(coupon="LAST")
    with pytest.raises(InvalidInput) as error:
        await shop.service.for_actor(life.buyer.actor).quick_checkout(request, key="crashed")
    assert error.value.fields == {"coupon": "exhausted"}
    assert shop.charges() == 1


# ---- trials


@story
async def test_a_trial_checks_the_card_and_charges_nothing(shop: Shop) -> None:
    life = await Life.begin(shop)
    with pytest.raises(CardDeclined):
        await life.buyer.quick_checkout(
            await life.order("pro", payment_token="tok_declined", start_trial=True), key="no"
        )
    one = await life.subscribe("pro", start_trial=True)  # a trial that never began was not used
    assert (one.state, one.paid_with[-4:]) == (SubscriptionState.TRIALING, "4242")
    assert -(await life.balance(AccountKind.CLEARING)) == ZERO
    assert await life.balance(AccountKind.RECEIVABLE) == ZERO


@story
async def test_two_trials_at_once_are_one(shop: Shop) -> None:
    life = await Life.begin(shop)
    gate = Gate()
    shop.provider.before["charge"] = [gate.passed]
    request = await life.order("pro", start_trial=True)
    first = asyncio.ensure_future(life.buyer.quick_checkout(request, key="one"))
    while not gate.waiting:  # noqa: ASYNC110  a gate has no event for this
        await asyncio.sleep(0)
    with pytest.raises(InvalidInput) as error:
        await life.buyer.quick_checkout(request, key="two")
    assert error.value.fields == {"start_trial": "trial_used"}
    gate.open()
    await first
    assert (await life.buyer.summarize(replace(request, start_trial=False))).trial_days == 0


@story
async def test_a_trial_of_one_agent_leaves_that_of_another(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("pro", start_trial=True)
    await life.subscribe("pro", "expense-auditor", start_trial=True)
    assert [one.state for one in await life.buyer.list_subscriptions()] == [SubscriptionState.TRIALING] * 2


# ---- the wallet


@story
async def test_a_purchase_from_the_wallet_asks_no_provider_and_is_not_taxed_twice(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.buyer.save_card("tok_visa")
    await life.buyer.set_billing_details(BillingDetails(country="DE"))
    await life.buyer.top_up(TopUp(usd("50"), "tok_visa"), key="credit")
    request = await life.order(payment_method=PaymentMethod.WALLET)
    summary = await life.buyer.summarize(request)
    assert (summary.total, summary.credit_left, summary.lines[-1].label) == (usd("29"), usd("21"), "prepaid")
    one = await life.subscribe(payment_method=PaymentMethod.WALLET)
    order = await life.buyer.get_order(one.order_uuid)
    assert (order.total, order.paid_with, one.paid_with) == (usd("29"), "wallet", "wallet")
    invoice = await life.buyer.get_invoice(order.invoice_uuid)
    assert (invoice.credit_applied, invoice.tax, invoice.total, invoice.paid_with) == (usd("29"), ZERO, ZERO, "wallet")
    assert (await life.buyer.get_wallet()).balance == usd("21")
    assert await life.balance(AccountKind.TAX_PAYABLE) == usd("9.50")
    assert shop.charges() == 1
    await life.check_books()


@story
async def test_credit_is_not_spent_twice_by_orders_at_once(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.buyer.top_up(TopUp(usd("60"), "tok_visa"), key="credit")
    request = await life.order(payment_method=PaymentMethod.WALLET)
    answers = await asyncio.gather(
        *(life.buyer.quick_checkout(request, key=f"order-{number}") for number in range(5)), return_exceptions=True
    )
    assert sum(isinstance(answer, InvalidInput) for answer in answers) == 3
    assert (await life.buyer.get_wallet()).balance == usd("2")
    await life.check_books()


@story
async def test_the_wallet_is_offered_when_there_is_something_in_it(shop: Shop) -> None:
    life = await Life.begin(shop)
    options = await life.buyer.get_payment_options()
    assert (options.methods, options.wallet_balance) == ((PaymentMethod.CARD,), ZERO)
    await life.buyer.top_up(TopUp(usd("20"), "tok_visa"), key="credit")
    options = await life.buyer.get_payment_options()
    assert (options.methods, options.wallet_balance) == ((PaymentMethod.CARD, PaymentMethod.WALLET), usd("20"))
    assert (await shop.market.guest().get_payment_options()).wallet_balance is None


# ---- other ways to pay for use


@pytest.mark.parametrize(
    ("plan", "offering", "method", "usage"),
    [
        ("pay_per_use", "account-researcher", PaymentMethod.CARD, UsagePayment.POSTPAID),
        ("pay_per_use", "account-researcher", PaymentMethod.WALLET, UsagePayment.PREPAID),
        ("free", "brand-translator", PaymentMethod.CARD, UsagePayment.PREPAID),
    ],
)
def test_calls_are_paid_as_the_plan_was(
    shop: Shop, loop: asyncio.Runner, plan: str, offering: str, method: PaymentMethod, usage: UsagePayment
) -> None:
    @story
    async def run(shop: Shop) -> None:
        life = await Life.begin(shop)
        one = await life.subscribe(plan, offering, payment_method=method)
        assert (one.usage_payment, one.price, one.next_charge) == (usage, ZERO, None)
        assert await life.totals() == []
        assert await shop.rows(sa.select(mm.LedgerTransfer.seq)) == []

    run(shop, loop)


@story
async def test_a_purchase_that_costs_nothing_after_its_coupon_is_paid_at_once(shop: Shop) -> None:
    await offer(shop, Coupon("ALL", percent=Decimal(100)))
    life = await Life.begin(shop)
    one = await life.subscribe(coupon="ALL")
    order = await life.buyer.get_order(one.order_uuid)
    invoice = await life.buyer.get_invoice(order.invoice_uuid)
    assert (order.total, invoice.total, invoice.state) == (ZERO, ZERO, InvoiceState.PAID)
    assert one.next_charge == usd("29")


@story
async def test_orders_keep_what_was_agreed_whatever_the_catalogue_says_later(shop: Shop) -> None:
    life = await Life.begin(shop)
    one = await life.subscribe()
    await shop.write(sa.update(m.PlanRow).where(m.PlanRow.uuid == one.plan.uuid).values(monthly_micros=39_000_000))
    await life.until(one.period_end)
    assert await life.totals() == ["29.00", "29.00"]
    assert ((await life.one()).plan.monthly_price, (await life.one()).price) == (usd("29"), usd("29"))


def test_on_a_server_the_last_use_of_a_coupon_goes_to_one_of_many(loop: asyncio.Runner, data_dir: Path) -> None:
    async def run(url: str) -> None:
        service = await build_embedded(data_dir, db=ServerDatabase(url))
        await service.core.db.run(
            lambda connection: coupons.write(connection, Coupon("LAST", percent=Decimal(50), max_redemptions=3))
        )
        market = Market(service, service.run_due_jobs)  # type: ignore[arg-type]  # how many were done is not asked
        buyers = [await market.buyer(f"buyer-{number}@example.com") for number in range(8)]
        request = await market.order(coupon="LAST")
        answers = await asyncio.gather(
            *(buyer.quick_checkout(request, key="once") for buyer in buyers), return_exceptions=True
        )
        refusals = [answer.fields for answer in answers if isinstance(answer, InvalidInput)]
        assert refusals == [{"coupon": "exhausted"}] * 5
        assert sum(isinstance(answer, Placed) for answer in answers) == 3
        service.close()

    with new_database(stocked=True) as url:
        loop.run(run(url))


def test_on_a_server_credit_is_not_spent_twice_by_orders_at_once(loop: asyncio.Runner, data_dir: Path) -> None:
    async def run(url: str) -> None:
        service = await build_embedded(data_dir, db=ServerDatabase(url))
        market = Market(service, service.run_due_jobs)  # type: ignore[arg-type]  # as above
        buyer = await market.buyer()
        await buyer.top_up(TopUp(usd("60"), "tok_visa"), key="credit")
        request = replace(await market.order(), payment_method=PaymentMethod.WALLET, payment_token="")
        answers = await asyncio.gather(
            *(buyer.quick_checkout(request, key=f"order-{number}") for number in range(5)), return_exceptions=True
        )
        assert sum(isinstance(answer, Placed) for answer in answers) == 2
        assert sum(isinstance(answer, InvalidInput) for answer in answers) == 3
        assert (await buyer.get_wallet()).balance == usd("2")
        service.close()

    with new_database(stocked=True) as url:
        loop.run(run(url))
