"""Where amounts come from: the arithmetic of an order with coupons and bundles, explanations, other plans."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.api.contract import Service
from services.api.errors import InvalidInput, NotFound, NotSignedIn
from services.api.money import Money
from services.api.types import (
    BillingCycle,
    BillingModel,
    Explanation,
    InvoiceQuery,
    MovementQuery,
    OfferingQuery,
    QuickCheckout,
)
from services.domain.catalogue import YEARLY_MONTHS_PAID
from tests.contract.market import Market, answer_of, raises, story
from tests.contract.money import (
    PRO,
    STARTER,
    STARTER_YEAR,
    UNKNOWN,
    ZERO,
    per_use,
    plan_of,
    subscribed,
    to_plan,
    top_up,
    total,
    usd,
)

# ---- coupons, taxes, bundles


@story
async def test_coupons_take_off_what_they_say_for_as_long_as_they_say(market: Market) -> None:
    buyer = await market.buyer()
    table = (
        ("WELCOME20", "23.20", "23.20"),
        ("TENOFF", "19", "29"),
        ("FOREVER5", "27.55", "27.55"),
    )
    for code, first, second in table:
        request = await market.order(coupon=code)
        summary = await buyer.summarize(request)
        assert (summary.total, summary.renewal_total) == (usd(first), usd(second))
        assert total(line.amount for line in summary.lines) == summary.total
        one = await subscribed(market, buyer, key=code, coupon=code)
        order = await buyer.get_order(one.order_uuid)
        invoice = await buyer.get_invoice(order.invoice_uuid)
        assert (order.total, invoice.total, invoice.discount) == (usd(first), usd(first), STARTER - usd(first))
        assert one.next_charge == usd(second)
    assert one.coupon is not None
    assert (one.coupon.code, one.coupon.percent, one.coupon.periods_left) == ("FOREVER5", "5", None)


@story
async def test_coupons_that_do_not_count_are_named_before_anything_is_charged(market: Market) -> None:
    buyer = await market.buyer()
    for code, problem in (("NOSUCHCODE", "unknown"), ("OLDNEWS", "expired")):
        request = await market.order(coupon=code)
        await raises(InvalidInput, buyer.summarize(request), coupon=problem)
        await raises(InvalidInput, buyer.quick_checkout(request, key="k"), coupon=problem)
    assert await buyer.list_orders() == ()
    assert await buyer.list_subscriptions() == ()


@story
async def test_the_tax_of_an_order_is_computed_after_the_discount(market: Market) -> None:
    buyer = await market.buyer()
    request = await market.order(coupon="WELCOME20", country="DE")
    summary = await buyer.summarize(request)
    # 29.00 - 5.80 = 23.20; 19 % of it is 4.408
    assert summary.total == usd("27.61")
    assert [line.amount for line in summary.lines if line.kind == "tax"] == [usd("4.41")]
    order = await buyer.get_order((await market.buy(buyer, request)).order_uuid)
    assert order.total == (await buyer.get_invoice(order.invoice_uuid)).total == usd("27.61")
    assert (await buyer.get_billing_details()).country == "DE"
    wrong = replace(request, vat_id="DE136695977")
    await raises(InvalidInput, buyer.summarize(wrong), vat_id="vat_checksum")


@story
async def test_a_bundle_charges_only_what_is_not_there_yet(market: Market) -> None:
    buyer = await market.buyer()
    found = await market.root.list_offerings(OfferingQuery(kind="bundle"))
    bundle = await market.root.get_offering(found.items[0].uuid)
    plan = bundle.plans[0]
    parts = [await market.root.get_offering(item.uuid) for item in bundle.items]
    prices = [plan_of(part, plan.slug).monthly_price or ZERO for part in parts]
    request = QuickCheckout(bundle.card.uuid, plan.uuid, payment_token=await market.card(), terms_accepted=True)
    whole = await buyer.summarize(request)
    assert whole.total == plan.monthly_price == total(prices).share(100 - bundle.discount_percent, 100)
    own = replace(request, offering_uuid=parts[0].card.uuid, plan_uuid=plan_of(parts[0], plan.slug).uuid)
    await market.buy(buyer, own, key="one part")
    summary = await buyer.summarize(request)
    rest = total(prices[1:]).share(100 - bundle.discount_percent, 100)
    assert (summary.owned, summary.total, summary.renewal_total) == ((parts[0].card.name,), rest, rest)
    placed = await market.buy(buyer, request, key="the rest")
    order = await buyer.get_order(placed.order_uuid)
    assert (order.total, len(order.resource_uuids)) == (rest, len(parts) - 1)
    subscription = (await buyer.list_subscriptions())[0]
    assert (subscription.price, len(subscription.resources)) == (rest, len(parts) - 1)
    assert await market.guest("device-9").summarize(request) == whole
    error = await raises(InvalidInput, buyer.quick_checkout(request, key="nothing left"))
    assert set(error.fields) == {"offering_uuid"}


@story
async def test_the_price_of_a_year_is_ten_months(market: Market) -> None:
    offering = await market.agent()
    for slug, monthly in (("starter", STARTER), ("pro", PRO)):
        plan = plan_of(offering, slug)
        request = QuickCheckout(offering.card.uuid, plan.uuid, billing_cycle=BillingCycle.YEARLY)
        summary = await market.guest().summarize(request)
        assert (plan.monthly_price, plan.yearly_price) == (monthly, monthly * YEARLY_MONTHS_PAID)
        assert summary.total == plan.yearly_price


# ---- explanations


def sums(node: Explanation) -> Money:
    """What the children add up to."""
    return total(child.amount for child in node.children)


async def walk(service: Service, ref: str) -> int:
    """How many nodes the tree has; every one with children of its own is their sum."""
    node = await service.explain(ref)
    assert node.ref == ref
    assert len(node.children) == min(node.child_count, 200)
    count = 1
    for child in node.children:
        count += await walk(service, child.ref) if child.child_count else 1
    return count


@story
async def test_an_invoice_opens_down_to_its_lines(market: Market) -> None:
    buyer = await market.buyer()
    await buyer.redeem_code("GIFT25", key="gift")
    await subscribed(market, buyer, coupon="TENOFF", country="DE")
    invoice = (await buyer.list_invoices(InvoiceQuery())).items[0]
    node = await buyer.explain(f"invoice:{invoice.uuid}")
    assert node.amount == invoice.total == sums(node)
    assert node.child_count == len(node.children) >= 2
    assert await walk(buyer, node.ref) >= 3
    line = next(line for line in invoice.lines if not line.parent_uuid)
    assert (await buyer.explain(f"line:{line.uuid}")).amount == line.amount
    first = await buyer.explain(node.ref, limit=1)
    rest = await buyer.explain(node.ref, offset=1)
    assert (first.child_count, first.children + rest.children) == (node.child_count, node.children)


@story
async def test_every_amount_in_sight_can_be_explained(market: Market) -> None:
    buyer = await market.buyer()
    await top_up(market, buyer)
    await buyer.redeem_code("GIFT25", key="gift")
    one = await subscribed(market, buyer)
    wallet = await buyer.get_wallet()
    organization = wallet.organization_uuid
    expected = {
        f"wallet:{organization}": wallet.balance,
        f"credit:{wallet.credits[0].uuid}": wallet.credits[0].left,
        f"order:{one.order_uuid}": STARTER,
        f"upcoming:{one.uuid}": STARTER,
        f"usage:{one.resources[0].uuid}": ZERO,
        f"spent:{organization}": usd("49"),
        **{movement.ref: movement.amount for movement in (await buyer.list_movements(MovementQuery())).items},
    }
    for ref, amount in expected.items():
        node = await buyer.explain(ref)
        assert (node.ref, node.amount) == (ref, amount)
    for ref in (f"wallet:{organization}", f"order:{one.order_uuid}", f"upcoming:{one.uuid}", f"spent:{organization}"):
        node = await buyer.explain(ref)
        assert sums(node) == node.amount


@story
async def test_usage_opens_down_to_the_very_calls(market: Market) -> None:
    buyer = await market.buyer()
    plan_request = replace(await per_use(market), payment_token=await market.card())
    resource = await market.bought(buyer, replace(plan_request, payment_method=(await market.order()).payment_method))
    for number in range(3):
        await answer_of(buyer.ask(resource, "Hello?", key=f"q{number}"))
    node = await buyer.explain(f"usage:{resource}")
    assert (node.amount, node.child_count) == (usd("0.06"), 3)
    subscription = (await buyer.list_subscriptions())[0]
    assert subscription.next_charge == usd("0.06")
    upcoming = await buyer.explain(f"upcoming:{subscription.uuid}")
    usage = next(child for child in upcoming.children if child.kind == "usage")
    assert usage.amount == usd("0.06")
    leaves, open_nodes = 0, [usage.ref]
    while open_nodes:
        found = await buyer.explain(open_nodes.pop())
        leaves += sum(child.kind == "event" for child in found.children)
        open_nodes += [child.ref for child in found.children if child.child_count]
    assert leaves == 3


@story
async def test_what_cannot_be_explained_is_not_found(market: Market) -> None:
    guest, ada = market.guest(), await market.buyer()
    eve = await market.buyer("eve@example.com", device="device-2")
    await top_up(market, ada)
    one = await subscribed(market, ada)
    await market.buy(eve, key="her own")
    wallet, invoice = await ada.get_wallet(), (await ada.list_invoices(InvoiceQuery())).items[0]
    refs = (
        f"invoice:{invoice.uuid}",
        f"line:{invoice.lines[0].uuid}",
        f"upcoming:{one.uuid}",
        f"order:{one.order_uuid}",
        f"usage:{one.resources[0].uuid}",
        f"wallet:{wallet.organization_uuid}",
        f"spent:{wallet.organization_uuid}",
        f"credit:{wallet.credits[0].uuid}",
        (await ada.list_movements(MovementQuery())).items[0].ref,
    )
    for ref in refs:
        await raises(NotFound, eve.explain(ref))
        await raises(NotSignedIn, guest.explain(ref))
        assert (await ada.explain(ref)).ref == ref
    for ref in (f"invoice:{UNKNOWN}", "invoice:", "nothing", "", f"secret:{invoice.uuid}"):
        await raises(NotFound, ada.explain(ref))
    for name, paging in (("offset", {"offset": -1}), ("limit", {"limit": 0}), ("limit", {"limit": 100_000})):
        error = await raises(InvalidInput, ada.explain(refs[0], **paging))
        assert set(error.fields) == {name}


# ---- other plans


@story
async def test_other_plans_are_compared_over_real_calls(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    await answer_of(buyer.ask(one.resources[0].uuid, "Hello?", key="q1"))
    now = (await buyer.get_timeline()).now
    for days, months in ((30, 1), (90, 3)):
        compared = await buyer.compare_plans(one.uuid, days)
        assert (compared.days, compared.end - compared.start) == (days, timedelta(days=days))
        assert compared.end <= now + timedelta(days=1)
        costs = [option.cost.micros for option in compared.options]
        assert costs == sorted(costs)
        current = next(option for option in compared.options if option.is_current)
        assert (current.plan_uuid, current.fee) == (one.plan.uuid, STARTER * months)
        assert not current.can_change
        for option in compared.options:
            assert option.cost == option.fee + option.usage
            assert option.difference == option.cost - current.cost
        pro = next(option for option in compared.options if option.code == "pro-monthly")
        assert (pro.fee, pro.can_change) == (PRO * months, True)
        assert {curve.code for curve in compared.curves} <= {option.code for option in compared.options}
    # 29 + 0.01 (n - 1,000) reaches 99 at 8,000 calls
    even = {(each.from_code, each.to_code): each.calls for each in compared.break_evens}
    assert even["starter-monthly", "pro-monthly"] == 8_000
    assert STARTER_YEAR == STARTER * YEARLY_MONTHS_PAID


@story
async def test_comparisons_are_for_owners_and_for_known_windows(market: Market) -> None:
    guest, ada = market.guest(), await market.buyer()
    eve = await market.buyer("eve@example.com", device="device-2")
    one = await subscribed(market, ada)
    for days in (0, 31, -30, 10**9):
        error = await raises(InvalidInput, ada.compare_plans(one.uuid, days))
        assert set(error.fields) == {"days"}
    await raises(NotFound, ada.compare_plans(UNKNOWN, 30))
    await raises(NotFound, eve.compare_plans(one.uuid, 30))
    await raises(NotSignedIn, guest.compare_plans(one.uuid, 30))


@story
async def test_the_preview_of_a_change_can_be_made_from_the_comparison(market: Market) -> None:
    buyer = await market.buyer()
    one = await subscribed(market, buyer)
    compared = await buyer.compare_plans(one.uuid, 30)
    for option in compared.options:
        if option.can_change and not option.is_bundle:
            request = replace(await to_plan(market, one, "pro"), plan_uuid=option.plan_uuid, cycle=option.cycle)
            assert (await buyer.preview_change(request)).new_price is not None
    by_quote = [plan.uuid for plan in (await market.agent()).plans if plan.billing_model is BillingModel.QUOTE]
    assert not {option.plan_uuid for option in compared.options} & set(by_quote)
