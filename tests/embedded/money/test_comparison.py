"""The real calls under every way to pay: figures by hand, break-evens, curves, and who may change to what."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from time import perf_counter

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.contract import Service
from services.api.money import Money, Rate
from services.api.types import (
    BillingCycle,
    BillingModel,
    OfferingQuery,
    OveragePolicy,
    PlanComparison,
    PlanCost,
    QuickCheckout,
    UsagePayment,
)
from services.db import models as m
from services.domain import comparison as rules
from services.domain.rating import Event
from services.embedded.money import agreed, comparison
from tests.contract.embedded import START
from tests.contract.money import ZERO, per_use, usd
from tests.embedded.money.books import Books, at
from tests.embedded.money.desk import Desk, E, plan
from tests.embedded.shop import Shop, story

NOW = at(days=90)
STARTER = plan(
    uuid="starter", slug="starter", name="Starter", billing_model=BillingModel.SUBSCRIPTION, monthly_price=usd("29"),
    included_calls=1_000, overage=Rate.parse("0.01"),
)  # fmt: skip
PRO = plan(
    uuid="pro", slug="pro", name="Pro", billing_model=BillingModel.SUBSCRIPTION, monthly_price=usd("99"),
    included_calls=10_000, overage=Rate.parse("0.008"),
)  # fmt: skip
TRIAL = plan(
    uuid="free", slug="free", name="Free", billing_model=BillingModel.FREE, monthly_price=ZERO, included_calls=50,
    overage=None, overage_policy=OveragePolicy.THROTTLE,
)  # fmt: skip
CUSTOM = plan(
    uuid="custom", slug="enterprise", name="Enterprise", billing_model=BillingModel.QUOTE, monthly_price=None,
    included_calls=None, overage=None,
)  # fmt: skip


def desk_with(books: Books, *others: object, **how: object) -> Desk:
    """Starter by card beside the other plans of the shelf."""
    desk = Desk(books, STARTER, postpaid=True, **how)  # type: ignore[arg-type] # agents, quantity
    for one in others or (PRO, plan()):
        desk.add_plan(one)  # type: ignore[arg-type] # plans
    desk.core.clock.at = NOW  # type: ignore[attr-defined] # a clock of the tests
    return desk


def calls(desk: Desk, count: int, moment: object = START, agent: str = "", **columns: object) -> None:
    """So many settled calls at once, as one event."""
    row = {
        "source": "meter", "id": f"{moment}{agent}{columns}", "resource_uuid": agent or desk.agent_uuid,
        "meter": "calls", "quantity": count, "at": moment, "purpose": "chat", "state": "settled", "cost_micros": 0,
        "currency": "USD", "recorded_at": moment,
    }  # fmt: skip
    desk.books.do(lambda connection: connection.execute(sa.insert(E).values(row | columns)))


def compared(desk: Desk, days: int = 30) -> PlanComparison:
    return desk.books.do(lambda connection: comparison.compare(connection, desk.row(connection), days, NOW))


def costs(found: PlanComparison) -> dict[str, tuple[Money, Money]]:
    """Code -> fee and usage."""
    return {one.code: (one.fee, one.usage) for one in found.options}


def option(found: PlanComparison, code: str) -> PlanCost:
    return next(one for one in found.options if one.code == code)


# ---- what it would have cost


def test_pro_would_have_been_cheaper(books: Books) -> None:
    """12,230 calls: Starter 29.00 + 11,230 x 0.01 = 141.30; Pro 99.00 + 2,230 x 0.008 = 116.84."""
    desk = desk_with(books)
    calls(desk, 12_230, at(days=70))
    found = compared(desk)
    assert costs(found) == {
        "starter-monthly": (usd("29"), usd("112.30")),
        "starter-yearly": (usd("24.17"), usd("112.30")),  # 290 / 12 = 24.1666...
        "pro-monthly": (usd("99"), usd("17.84")),
        "pro-yearly": (usd("82.50"), usd("17.84")),
        "per-use-prepaid": (ZERO, usd("244.60")),
        "per-use-postpaid": (ZERO, usd("244.60")),
    }
    assert [one.code for one in found.options] == [
        "pro-yearly", "pro-monthly", "starter-yearly", "starter-monthly", "per-use-postpaid", "per-use-prepaid"
    ]  # fmt: skip
    pro = option(found, "pro-monthly")
    assert (pro.cost, pro.difference) == (usd("116.84"), usd("-24.46"))
    assert option(found, "starter-monthly").is_current
    assert sum(one.is_current for one in found.options) == 1
    assert (found.calls, found.calls_a_month, found.resource_name) == (12_230, 12_230, "Agent 1")
    assert (found.start, found.end, found.days) == (at(days=60), NOW, 30)


def test_ninety_days_are_three_months_each_with_its_allowance(books: Books) -> None:
    desk = desk_with(books)
    for number, count in enumerate((900, 1_100, 2_500)):
        calls(desk, count, at(days=30 * number + 1))
    found = compared(desk, 90)
    assert costs(found)["starter-monthly"] == (usd("87"), usd("16"))  # 0 + 100 + 1,500 calls beyond
    assert costs(found)["pro-yearly"] == (usd("247.50"), ZERO)
    assert (found.calls, found.calls_a_month) == (4_500, 1_500)


def test_only_settled_real_calls_of_the_window_count(books: Books) -> None:
    desk = desk_with(books)
    calls(desk, 1, at(days=60))
    calls(desk, 2, NOW)
    calls(desk, 4, at(days=60, microseconds=-1))
    calls(desk, 8, at(days=61), purpose="test")
    calls(desk, 16, at(days=61), state="reserved")
    assert compared(desk).calls == 1


def test_each_agent_of_a_subscription_has_its_own_allowance(books: Books) -> None:
    desk = desk_with(books, agents=2)
    for agent in desk.agents:
        calls(desk, 1_001, at(days=61), agent)
    found = compared(desk)
    assert costs(found)["starter-monthly"] == (usd("29"), usd("0.02"))
    assert (found.calls, found.resource_name) == (2_002, "Agent")


def test_a_quantity_multiplies_fee_and_allowance_of_every_plan(books: Books) -> None:
    desk = desk_with(books, quantity=2)
    calls(desk, 2_001, at(days=61))
    found = costs(compared(desk))
    assert found["starter-monthly"] == (usd("58"), usd("0.01"))
    assert found["pro-monthly"] == (usd("198"), ZERO)


def test_the_running_plan_counts_as_it_was_agreed(books: Books) -> None:
    desk = desk_with(books)
    terms = agreed.agree(STARTER, usd("19"), 100)
    desk.change(terms=terms, price_micros=19_000_000)
    calls(desk, 1_000, at(days=61))
    found = compared(desk)
    assert costs(found)["starter-monthly"] == (usd("19"), usd("9"))
    assert costs(found)["starter-yearly"] == (usd("24.17"), ZERO)


def test_a_plan_that_is_not_sold_any_more_is_still_the_running_one(books: Books) -> None:
    desk = desk_with(books)
    books.do(
        lambda connection: connection.execute(
            sa.update(m.PlanRow).where(m.PlanRow.slug == "starter").values(is_active=False)
        )
    )
    assert {one.code for one in compared(desk).options} == {
        "starter-monthly", "pro-monthly", "pro-yearly", "per-use-prepaid", "per-use-postpaid"
    }  # fmt: skip


def test_calls_a_plan_would_refuse_are_told(books: Books) -> None:
    desk = desk_with(books, TRIAL, CUSTOM)
    calls(desk, 60, at(days=61))
    found = compared(desk)
    free = option(found, "free-monthly")
    assert (free.cost, free.refused_calls, free.can_change) == (ZERO, 10, False)
    assert option(found, "starter-monthly").refused_calls == 0
    assert {one.plan_uuid for one in found.options} == {"starter", "free"}  # nothing is known of a price made by hand


def test_calls_paid_from_the_wallet_stay_exact_and_invoiced_ones_are_rounded(books: Books) -> None:
    tiny = plan(overage=Rate.parse("0.0035"))
    desk = desk_with(books, tiny, PRO)
    calls(desk, 1, at(days=61))
    found = costs(compared(desk))
    assert (found["per-use-prepaid"][1], found["per-use-postpaid"][1]) == (usd("0.0035"), ZERO)
    desk.change(usage_payment=UsagePayment.PREPAID.value)
    calls(desk, 10_000, at(days=62))
    found = costs(compared(desk))
    assert found["pro-monthly"][1] == usd("0.008")
    assert option(compared(desk), "pro-monthly").usage_payment is UsagePayment.PREPAID


def test_pay_per_use_is_running_as_it_is_paid(books: Books) -> None:
    desk = Desk(books, plan(), postpaid=True)
    desk.core.clock.at = NOW  # type: ignore[attr-defined] # a clock of the tests
    desk.add_plan(STARTER)
    calls(desk, 5, at(days=61))
    assert option(compared(desk), "per-use-postpaid").is_current
    desk.change(usage_payment=UsagePayment.PREPAID.value)
    found = compared(desk)
    assert option(found, "per-use-prepaid").is_current
    assert option(found, "starter-monthly").difference == usd("28.90")


# ---- changing to it


def test_one_may_change_to_other_plans_that_repeat(books: Books) -> None:
    desk = desk_with(books)
    assert {one.code for one in compared(desk).options if one.can_change} == {
        "starter-yearly", "pro-monthly", "pro-yearly"
    }  # fmt: skip
    desk.change(state="past_due")
    assert not any(one.can_change for one in compared(desk).options)


# ---- where one overtakes another


def test_break_evens_are_found_between_all_monthly_ways(books: Books) -> None:
    """29 + 0.01 (n - 1,000) = 99 at 8,000; 0.02 n = 29 at 1,450 (while Starter's thousand lasts, at 0.02 n >= 29 +
    0.01 (n - 1,000): n = 1,900); 0.02 n = 99 at 4,950."""
    found = {(one.from_code, one.to_code): one.calls for one in compared(desk_with(books)).break_evens}
    assert found == {
        ("per-use-postpaid", "starter-monthly"): 1_900,
        ("per-use-postpaid", "pro-monthly"): 4_950,
        ("starter-monthly", "pro-monthly"): 8_000,
    }


def test_curves_go_from_nothing_past_every_point_of_interest(books: Books) -> None:
    desk = desk_with(books)
    calls(desk, 12_000, at(days=61))
    found = compared(desk)
    assert {curve.code for curve in found.curves} == {one.code for one in found.options}
    for curve in found.curves:
        counts = [count for count, _ in curve.points]
        assert counts == sorted(set(counts))
        assert (counts[0], counts[-1]) == (0, 15_000)
        assert {1_000, 10_000} <= set(counts)
        assert len(counts) <= 60
    starter = dict(next(curve for curve in found.curves if curve.code == "starter-monthly").points)
    assert (starter[0], starter[1_000], starter[10_000]) == (usd("29"), usd("29"), usd("119"))


def test_curves_without_calls_show_a_thousand(books: Books) -> None:
    desk = desk_with(books, TRIAL)
    assert compared(desk).curves[0].points[-1][0] == 1_280  # 40 steps of 32, a quarter beyond a thousand


# ---- the same figures as the rules, event by event


def test_counting_by_month_is_the_same_as_event_by_event(books: Books) -> None:
    desk = desk_with(books, TRIAL, PRO, plan())
    moments = [at(days=day, minutes=7 * day) for day in range(90) for _ in range(day % 5)]
    for number, moment in enumerate(moments):
        calls(desk, 1, moment, cost_micros=number)
    events = [Event(str(number), moment) for number, moment in enumerate(moments)]
    found = compared(desk, 90)
    options = [rules.option_of(TRIAL, "free-monthly", BillingCycle.MONTHLY, rules.PayMode.SUBSCRIPTION)]
    options += [rules.option_of(plan(), "per-use-prepaid", BillingCycle.MONTHLY, rules.PayMode.PREPAID)]
    for row in rules.compare(events, [one for one in options if one], rules.window(NOW, 90), "per-use-prepaid"):
        mine = option(found, row.code)
        assert (mine.fee, mine.usage, Decimal(mine.refused_calls)) == (row.fee, row.usage, row.refused)


def test_a_hundred_thousand_calls_take_less_than_a_second(books: Books) -> None:
    desk = desk_with(books)
    rows = [
        {"source": "meter", "id": f"{number:06}", "resource_uuid": desk.agent_uuid, "meter": "calls", "quantity": 1,
         "at": at(days=1, seconds=70 * number), "purpose": "chat", "state": "settled", "cost_micros": 10_000,
         "currency": "USD", "recorded_at": START}
        for number in range(100_000)
    ]  # fmt: skip
    desk.books.do(lambda connection: connection.execute(sa.insert(E), rows))
    started = perf_counter()
    found = compared(desk, 90)
    took = perf_counter() - started
    assert found.calls == 100_000
    assert took < 1, f"{took:.2f} s"


# ---- in the shop


@story
async def test_a_bundle_that_has_it_counts_with_its_share(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    found = await shop.market.root.list_offerings(OfferingQuery(kind="bundle"))
    bundle = await shop.market.root.get_offering(found.items[0].uuid)
    part = await shop.market.root.get_offering(bundle.items[0].uuid)
    starter = next(one for one in part.plans if one.slug == "starter")
    request = QuickCheckout(part.card.uuid, starter.uuid, payment_token="tok_visa", terms_accepted=True)
    await shop.market.buy(buyer, request)
    one = (await buyer.list_subscriptions())[0]
    compared = await buyer.compare_plans(one.uuid, 30)
    shares = [each for each in compared.options if each.is_bundle and each.plan_name.startswith(bundle.card.name)]
    assert {(each.cycle, each.can_change, each.is_current) for each in shares} == {
        (BillingCycle.MONTHLY, False, False), (BillingCycle.YEARLY, False, False)
    }  # fmt: skip
    sold = {each.uuid: each for each in bundle.plans}
    for each in shares:
        whole = sold[each.plan_uuid]
        alone = next(own for own in part.plans if own.slug == whole.slug).monthly_price
        assert alone is not None
        if each.cycle is BillingCycle.MONTHLY:
            # all agents cost the same alone, so a part's share is its own price less the discount, to the cent
            assert abs((each.fee - alone.share(100 - bundle.discount_percent, 100)).micros) <= 10_000
    assert {each.plan_name for each in shares} == {
        f"{bundle.card.name} {each.name}" for each in bundle.plans if each.monthly_price is not None
    }


@story
async def test_the_shares_of_all_parts_come_to_the_bundle(shop: Shop) -> None:
    found = await shop.market.root.list_offerings(OfferingQuery(kind="bundle"))
    bundle = await shop.market.root.get_offering(found.items[0].uuid)
    cheapest, fees = bundle.plans[0], ZERO
    for number, item in enumerate(bundle.items):
        buyer = await shop.market.buyer(f"{number}@example.com")
        part = await shop.market.root.get_offering(item.uuid)
        own = next(one for one in part.plans if one.slug == cheapest.slug)
        await shop.market.buy(
            buyer, QuickCheckout(part.card.uuid, own.uuid, payment_token="tok_visa", terms_accepted=True)
        )
        one = (await buyer.list_subscriptions())[0]
        options = (await buyer.compare_plans(one.uuid, 30)).options
        mine = [each for each in options if each.plan_uuid == cheapest.uuid and each.cycle is BillingCycle.MONTHLY]
        fees += mine[0].fee
    assert fees == cheapest.monthly_price


@story
async def test_it_is_compared_for_its_owner_over_known_windows(shop: Shop) -> None:
    buyer, eve = await shop.market.buyer(), await shop.market.buyer("eve@example.com")
    await shop.market.bought(buyer, await per_use(shop.market))
    uuid = (await buyer.list_subscriptions())[0].uuid
    services: list[tuple[Service, type[errors.ServiceError]]] = [
        (eve, errors.NotFound), (shop.market.guest(), errors.NotSignedIn)
    ]  # fmt: skip
    for service, error in services:
        with pytest.raises(error):
            await service.compare_plans(uuid, 30)
    for days in (0, 29, 31, 60, 91):
        with pytest.raises(errors.InvalidInput):
            await buyer.compare_plans(uuid, days)
    shop.clock.advance(days=1)
    found = await buyer.compare_plans(uuid, 90)
    assert found.end - found.start == timedelta(days=90)
    current = next(one for one in found.options if one.is_current)
    assert (current.usage_payment, current.fee, current.usage) == (UsagePayment.PREPAID, ZERO, ZERO)
