"""Every amount opens the tree that made it, down to the calls; children add up to their parent, to the micro."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.contract import Service
from services.api.money import Money
from services.api.types import (
    BillingDetails,
    Explanation,
    Invoice,
    InvoiceKind,
    InvoiceQuery,
    MovementKind,
    MovementQuery,
    OfferingQuery,
    PaymentMethod,
    QuickCheckout,
    Subscription,
)
from services.db import models as m
from services.db import money_models as mm
from services.embedded.money import trees
from services.embedded.money.told import Told, ingest
from services.embedded.money.trees import Rows, Tree
from tests.contract.embedded import START
from tests.contract.market import answer_of
from tests.contract.money import ZERO, per_use, subscribed, top_up, total, usd
from tests.embedded.shop import Shop, story

MONTH = datetime(2026, 12, 22, 9, 30, tzinfo=START.tzinfo)  # one after the start
E = m.UsageEvent


async def stay_signed_in(shop: Shop) -> None:
    """Sessions outlast the story."""
    await shop.write(sa.update(m.SessionRow).values(expires_at=START + timedelta(days=3650)))


async def told(
    shop: Shop, resource: str, count: int, at: datetime = START, *, source: str = "meter", purpose: str = "chat"
) -> None:
    """So many calls of this agent, made elsewhere, one a second; the clock stands behind them afterwards."""
    instants = [at + timedelta(seconds=number) for number in range(count)]
    events = [Told(source, f"{one.isoformat()}-{resource}", resource, one, purpose=purpose) for one in instants]
    shop.clock.at = max([shop.clock.at, *instants])
    core = shop.service.core
    await core.db.run(lambda connection: ingest(core, connection, events))


async def time_is(shop: Shop, moment: datetime) -> None:
    """The clock stands there and everything due until then is done."""
    shop.clock.at = moment
    await shop.market.run_jobs()


async def opened(service: Service, ref: str, limit: int = 1_000) -> Explanation:
    """A node with all its children, read page by page."""
    node = await service.explain(ref, limit=limit)
    children = list(node.children)
    while len(children) < node.child_count:
        page = await service.explain(ref, offset=len(children), limit=limit)
        assert page.children, f"{ref} has less than it says"
        children += page.children
    return replace(node, children=tuple(children))


async def walked(service: Service, ref: str) -> list[Explanation]:
    """All nodes of a tree, the root first. Whatever opens is the sum of what is in it, and what it was shown as."""
    node = await opened(service, ref)
    assert node.ref == ref
    assert node.child_count == len(node.children)
    assert node.amount is not None
    if node.children:
        assert total(child.amount for child in node.children) == node.amount, node
    found = [node]
    for child in node.children:
        assert child.kind != trees.REST, (node, child)
        if not child.child_count:
            found.append(child)
            continue
        below = await walked(service, child.ref)
        shown = (below[0].kind, below[0].amount, below[0].child_count)
        if child.kind != "payment":
            assert shown == (child.kind, child.amount, child.child_count), child
        found += below
    return found


def kinds(nodes: Sequence[Explanation]) -> Counter[str]:
    return Counter(node.kind for node in nodes)


async def invoices(service: Service, kind: InvoiceKind = InvoiceKind.INVOICE) -> list[Invoice]:
    """Newest first."""
    return [one for one in (await service.list_invoices(InvoiceQuery())).items if one.kind is kind]


async def starter(shop: Shop, slug: str = "starter", **changes: str) -> tuple[Service, Subscription]:
    """A buyer on Starter by card: 1,000 calls, then a cent each. `changes`: fields of QuickCheckout."""
    buyer = await shop.market.buyer()
    await stay_signed_in(shop)
    return buyer, await subscribed(shop.market, buyer, slug, **{"key": "order-1"} | changes)


# ---- invoices


@story
async def test_an_invoice_opens_down_to_the_very_calls(shop: Shop) -> None:
    buyer, one = await starter(shop)
    resource = one.resources[0].uuid
    await told(shop, resource, 1_312)
    shop.clock.at = START + timedelta(days=9)
    await answer_of(buyer.ask(resource, "Hello?", key="q1"))
    await time_is(shop, MONTH + timedelta(hours=2))
    invoice = (await invoices(buyer))[0]
    assert invoice.total == usd("32.13")  # 29.00 and 313 calls
    nodes = await walked(buyer, f"invoice:{invoice.uuid}")
    assert kinds(nodes)["event"] == 1_313
    usage = next(node for node in nodes if node.kind == "usage")
    assert usage.params | {"start": "", "end": ""} == {
        "name": "Customer Care", "used": 1_313, "included": 1_000, "over": 313, "unit": "0.01", "per": 1,
        "quantity": "1313", "start": "", "end": "",
    }  # fmt: skip
    included, beyond = [node for node in nodes if node.kind == "tier"]
    assert (included.params["code"], included.params["quantity"], included.child_count) == ("included", "1000", 1_000)
    assert (beyond.params["code"], beyond.params["unit"], beyond.amount) == ("per_unit", "0.01", usd("3.13"))
    mine = [node for node in nodes if node.params.get("purpose") == "chat" and node.params.get("person")]
    assert [node.params for node in mine] == [
        {"at": "2026-12-01T09:30:00+00:00", "person": "Ada", "key": "Customer Care",
         "resource": "Customer Care", "purpose": "chat", "paid_from": "invoice", "state": "settled",
         "id": f"chat:{resource}:q1"}
    ]  # fmt: skip
    fee = next(node for node in nodes if node.kind == "fee")
    assert (fee.params["name"], fee.params["plan"], fee.params["unit"]) == ("Customer Care", "Starter", "29")
    line = next(line for line in invoice.lines if line.kind == "usage")
    events = await opened(buyer, f"events:{line.uuid}")
    assert (events.kind, events.child_count, events.amount) == ("events", 1_313, usd("3.13"))
    assert [child.params["at"] for child in events.children] == sorted(
        str(child.params["at"]) for child in events.children
    )


@story
async def test_discount_and_tax_are_parts_of_the_sum(shop: Shop) -> None:
    buyer, one = await starter(shop, coupon="WELCOME20", country="DE")
    nodes = await walked(buyer, f"invoice:{(await invoices(buyer))[0].uuid}")
    assert [(node.kind, node.amount) for node in nodes] == [
        ("invoice", usd("27.61")), ("fee", usd("29")), ("discount", usd("-5.80")), ("tax", usd("4.41"))
    ]  # fmt: skip
    assert nodes[0].params["subject"] == "Customer Care"
    assert nodes[-1].params["taxable_micros"] == 23_200_000
    assert nodes[-1].params["rate"] == "19"
    upcoming = await walked(buyer, f"upcoming:{one.uuid}")
    assert [(node.kind, node.amount) for node in upcoming[1:]] == [(node.kind, node.amount) for node in nodes[1:]]
    order = await walked(buyer, f"order:{one.order_uuid}")
    assert (order[0].amount, kinds(order)["tax"]) == (usd("27.61"), 1)


@story
async def test_what_the_wallet_has_paid_already_is_told_call_by_call(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    await stay_signed_in(shop)
    await buyer.redeem_code("LASTONE", key="code")
    request = replace(await per_use(shop.market), payment_method=PaymentMethod.CARD, payment_token="tok_visa")
    resource = await shop.market.bought(buyer, request)
    for number in range(3):
        await answer_of(buyer.ask(resource, "Hello?", key=f"q{number}"))
    await told(shop, resource, 2)
    one = (await buyer.list_subscriptions())[0]
    coming = await walked(buyer, f"upcoming:{one.uuid}")
    assert coming[0].amount == usd("0.04")
    await time_is(shop, MONTH + timedelta(hours=2))
    nodes = await walked(buyer, f"invoice:{(await invoices(buyer))[0].uuid}")
    assert [(node.kind, node.amount) for node in nodes[1:]] == [(node.kind, node.amount) for node in coming[1:]]
    assert (nodes[0].amount, kinds(nodes)["event"]) == (usd("0.04"), 8)
    paid = next(node for node in nodes if node.kind == "usage_paid")
    assert (paid.amount, paid.child_count, paid.params["paid_micros"]) == (usd("-0.06"), 3, 60_000)
    assert all(child.amount == usd("-0.02") for child in (await opened(buyer, paid.ref)).children)


@story
async def test_less_than_a_cent_is_a_part_of_its_own(shop: Shop) -> None:
    buyer, one = await starter(shop, "pro")
    await told(shop, one.resources[0].uuid, 10_003)
    nodes = await walked(buyer, f"upcoming:{one.uuid}")
    assert nodes[0].amount == usd("99.02")  # 3 x $0.008 are $0.024
    rounding = next(node for node in nodes if node.kind == "rounding")
    assert (rounding.amount, rounding.ref, rounding.child_count) == (usd("-0.004"), "", 0)
    assert (await buyer.explain(f"usage:{one.resources[0].uuid}")).amount == usd("0.024")


@story
async def test_calls_that_came_late_are_found_on_the_invoice_they_came_to(shop: Shop) -> None:
    buyer, one = await starter(shop)
    resource = one.resources[0].uuid
    await told(shop, resource, 1_001)
    await time_is(shop, MONTH + timedelta(hours=2))
    await told(shop, resource, 5, START + timedelta(minutes=1), source="elsewhere")
    await told(shop, resource, 2, MONTH)
    nodes = await walked(buyer, f"upcoming:{one.uuid}")
    assert [(node.kind, node.amount) for node in nodes if node.kind in ("late_usage", "usage")] == [
        ("late_usage", usd("0.05")), ("usage", ZERO)
    ]  # fmt: skip
    first = await walked(buyer, f"invoice:{(await invoices(buyer))[0].uuid}")
    assert (kinds(first)["event"], kinds(nodes)["event"]) == (1_001, 7)


@story
async def test_a_corrected_invoice_still_opens_its_calls(shop: Shop) -> None:
    buyer, one = await starter(shop)
    await told(shop, one.resources[0].uuid, 1_010)
    await time_is(shop, MONTH + timedelta(hours=2))
    old = (await invoices(buyer))[0]
    done = await buyer.correct_invoice(old.uuid, BillingDetails(name="Ada Ltd", country="DE"), key="c")
    for uuid, events in ((old.uuid, 1_010), (done.invoice.uuid, 1_010), (done.credit_note.uuid, 0)):
        assert kinds(await walked(buyer, f"invoice:{uuid}"))["event"] == events
    note = await buyer.explain(f"invoice:{done.credit_note.uuid}")
    assert (note.kind, note.amount) == ("credit_note", -old.total)


@story
async def test_a_bundle_is_explained_agent_by_agent(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    await stay_signed_in(shop)
    found = await shop.market.root.list_offerings(OfferingQuery(kind="bundle"))
    bundle = await shop.market.root.get_offering(found.items[0].uuid)
    request = QuickCheckout(bundle.card.uuid, bundle.plans[0].uuid, payment_token="tok_visa", terms_accepted=True)
    await shop.market.buy(buyer, request)
    one = (await buyer.list_subscriptions())[0]
    for number, resource in enumerate(one.resources):
        await told(shop, resource.uuid, 1_000 + number)
    await time_is(shop, MONTH + timedelta(hours=2))
    nodes = await walked(buyer, f"invoice:{(await invoices(buyer))[0].uuid}")
    usages = [(node.params["name"], node.amount) for node in nodes if node.kind == "usage"]
    assert usages == [(one.name, Money(10_000) * number) for number, one in enumerate(one.resources)]
    assert kinds(await walked(buyer, f"order:{one.order_uuid}"))["order"] == 1


@story
async def test_a_subscription_that_ends_has_nothing_to_come(shop: Shop) -> None:
    buyer, one = await starter(shop)
    await shop.write(sa.update(mm.SubscriptionRow).values(state="canceled"))
    node = await buyer.explain(f"upcoming:{one.uuid}")
    assert (node.amount, node.child_count, node.params["expected_at"]) == (ZERO, 0, None)


@story
async def test_the_invoice_to_come_is_found_by_the_names_its_lines_have(shop: Shop) -> None:
    buyer, one = await starter(shop)
    await told(shop, one.resources[0].uuid, 1_003)
    coming = (await buyer.list_upcoming())[0]
    assert (await buyer.explain(f"invoice:{coming.uuid}")).amount == coming.total
    for line in coming.lines:
        node = await buyer.explain(f"line:{line.uuid}")
        assert (node.kind, node.amount) == (line.kind, line.amount)
    assert kinds(await walked(buyer, f"upcoming:{one.uuid}"))["event"] == 1_003


# ---- usage of the month that runs


@story
async def test_usage_is_explained_by_price_and_by_call(shop: Shop) -> None:
    buyer, one = await starter(shop)
    resource = one.resources[0].uuid
    await told(shop, resource, 1_002)
    await told(shop, resource, 4, START, source="tests", purpose="test")
    nodes = await walked(buyer, f"usage:{resource}")
    assert (nodes[0].amount, kinds(nodes)["event"]) == (usd("0.02"), 1_006)
    assert nodes[0].params["used"] == 1_002
    test = next(node for node in nodes if node.kind == "test")
    assert test.params == {"name": "Customer Care", "quantity": 4, "would_cost_micros": 40_000}
    assert [child.params["would_cost_micros"] for child in (await opened(buyer, test.ref)).children] == [10_000] * 4
    shop.clock.at = MONTH
    assert (await buyer.explain(f"usage:{resource}")).child_count == 0
    for ref in (f"calls:{resource}:10000", f"calls:{resource}:test", f"calls:{resource}:x", "calls:nobody:0"):
        with pytest.raises(errors.NotFound):
            await buyer.explain(ref)


@story
async def test_a_call_under_way_is_seen_as_such(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    await top_up(shop.market, buyer)
    resource = await shop.market.bought(buyer, await per_use(shop.market))
    stream = buyer.ask(resource, "Hello?", key="q1")
    await anext(stream)
    node = await buyer.explain(f"usage:{resource}")
    assert (node.amount, [child.params["state"] for child in node.children]) == (usd("0.02"), ["reserved"])
    await stream.aclose()  # type: ignore[attr-defined] # an async generator
    assert (await buyer.explain(f"usage:{resource}")).amount == ZERO


# ---- credit


@story
async def test_every_movement_and_credit_is_explained(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    await stay_signed_in(shop)
    await top_up(shop.market, buyer)
    await buyer.redeem_code("LASTONE", key="code")
    resource = await shop.market.bought(buyer, await per_use(shop.market))
    for number in range(251):
        await answer_of(buyer.ask(resource, "Hello?", key=f"q{number}"))
    wallet = await buyer.get_wallet()
    nodes = await walked(buyer, f"wallet:{wallet.organization_uuid}")
    assert nodes[0].amount == wallet.balance == usd("19.98")
    assert kinds(nodes)["call"] == 1  # the others were paid by the credit that is gone
    uses = [node for node in nodes if node.kind == "spent_on"]
    assert [(node.params["by"], node.params["quantity"]) for node in uses] == [("usage", 1)]
    gone = next(uuid for (uuid,) in await shop.rows(sa.select(mm.GrantRow.uuid).where(mm.GrantRow.source != "top_up")))
    credit = await walked(buyer, f"credit:{gone}")
    assert (credit[0].amount, kinds(credit)["call"]) == (ZERO, 250)
    assert [node.kind for node in credit[:3]] == ["credit", "granted", "spent_on"]
    page = await buyer.list_movements(MovementQuery())
    for movement in page.items[:5] + page.items[-2:]:
        node = (await walked(buyer, movement.ref))[0]
        assert (node.kind, node.amount) == (movement.kind.value, movement.amount)
    call = (await opened(buyer, page.items[0].ref)).children[0]
    assert (call.kind, call.params["resource"], call.params["paid_from"]) == (
        "call",
        page.items[0].params["name"],
        "wallet",
    )


@story
async def test_a_movement_of_two_credits_says_which_paid_what(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    await buyer.redeem_code("GIFT25", key="code")
    await top_up(shop.market, buyer)
    await subscribed(shop.market, buyer, payment_method=PaymentMethod.WALLET, payment_token="")
    page = await buyer.list_movements(MovementQuery(kind=MovementKind.INVOICE))
    node = await opened(buyer, page.items[0].ref)
    assert node.amount == usd("-29")
    assert [(child.kind, child.params["source"], child.amount) for child in node.children] == [
        ("credit_part", "promotional_code", usd("-25")), ("credit_part", "top_up", usd("-4"))
    ]  # fmt: skip
    wallet = await buyer.get_wallet()
    left = (await walked(buyer, f"credit:{wallet.credits[0].uuid}"))[0]
    assert left.amount == usd("16")
    use = await opened(buyer, f"credit:{wallet.credits[0].uuid}:invoice")
    assert [(child.kind, child.amount, child.child_count) for child in use.children] == [("invoice", usd("-4"), 0)]
    with pytest.raises(errors.NotFound):
        await buyer.explain(f"credit:{wallet.credits[0].uuid}:usage")


@story
async def test_a_failed_call_moved_the_credit_and_brought_it_back(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    await top_up(shop.market, buyer)
    resource = await shop.market.bought(buyer, await per_use(shop.market))
    stream = buyer.ask(resource, "Hello?", key="q1")
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined] # an async generator
    back, taken, _ = (await buyer.list_movements(MovementQuery())).items
    for movement, amount in ((back, usd("0.02")), (taken, usd("-0.02"))):
        node = await opened(buyer, movement.ref)
        assert (node.amount, [child.kind for child in node.children]) == (amount, ["credit_part"])
    credit = (await buyer.get_wallet()).credits[0]
    nodes = await walked(buyer, f"credit:{credit.uuid}")
    assert [(node.params["by"], node.amount) for node in nodes if node.kind == "spent_on"] == [
        ("reversal", usd("0.02")), ("usage", usd("-0.02"))
    ]  # fmt: skip


@story
async def test_what_was_spent_is_the_payments_of_this_month(shop: Shop) -> None:
    buyer, one = await starter(shop)
    await top_up(shop.market, buyer)
    organization = one.organization_uuid
    node = await opened(buyer, f"spent:{organization}")
    assert (node.amount, node.params["month"]) == (usd("49"), "2026-11")
    assert [(child.kind, child.params["what"], child.amount) for child in node.children] == [
        ("payment", "order", usd("29")), ("payment", "top_up", usd("20"))
    ]  # fmt: skip
    for child in node.children:
        document = await walked(buyer, child.ref)
        assert (document[0].amount, document[0].params["number"]) == (child.amount, child.params["number"])
        assert document[0].child_count == child.child_count
    credit = (await buyer.get_wallet()).credits[0]
    await buyer.refund_credit(credit.uuid, key="back")
    await shop.market.run_jobs()
    node = await opened(buyer, f"spent:{organization}")
    assert (node.amount, node.children[-1].kind, node.children[-1].amount) == (usd("29"), "refund", usd("-20"))
    shop.clock.at = datetime(2026, 12, 1, tzinfo=START.tzinfo)
    assert (await buyer.explain(f"spent:{organization}")).child_count == 0


@story
async def test_credit_that_expired_says_so(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    await stay_signed_in(shop)
    await buyer.redeem_code("GIFT25", key="code")
    credit = (await buyer.get_wallet()).credits[0]
    assert credit.expires_at is not None
    await time_is(shop, credit.expires_at)
    nodes = await walked(buyer, f"credit:{credit.uuid}")
    assert [(node.kind, node.params.get("by"), node.amount) for node in nodes[:3]] == [
        ("credit", None, ZERO), ("granted", None, usd("25")), ("spent_on", "expiry", usd("-25"))
    ]  # fmt: skip
    assert (await buyer.explain(f"wallet:{(await buyer.get_wallet()).organization_uuid}")).amount == ZERO


# ---- pages


def test_pages_join_to_the_whole_however_they_are_cut() -> None:
    def leaf(number: int) -> Explanation:
        return Explanation("", "event", Money(1), {"n": number})

    parts = tuple(leaf(number) for number in range(3))
    rows = Rows(5, Money(5), lambda offset, limit: [leaf(3 + n) for n in range(offset, min(5, offset + limit))])
    for amount, extra in ((8, []), (9, [trees.ROUNDING]), (10_008, [trees.REST]), (7, [trees.ROUNDING])):
        tree = Tree("o", "usage", Money(amount), {}, parts, rows)
        whole = tree.explanation("r", 0, 100)
        assert [child.kind for child in whole.children] == ["event"] * 8 + extra
        assert total(child.amount for child in whole.children) == Money(amount)
        assert whole.child_count == 8 + len(extra)
        for size in range(1, 12):
            pages = [tree.explanation("r", offset, size).children for offset in range(0, 12, size)]
            assert tuple(child for page in pages for child in page) == whole.children
    assert Tree("o", "usage", Money(5), {}).explanation("r", 0, 10).children == ()


@story
async def test_a_page_has_bounds(shop: Shop) -> None:
    buyer, one = await starter(shop)
    for field, paging in (("offset", {"offset": -1}), ("limit", {"limit": 0}), ("limit", {"limit": 1_001})):
        with pytest.raises(errors.InvalidInput) as caught:
            await buyer.explain(f"upcoming:{one.uuid}", **paging)
        assert caught.value.fields == {field: "out_of_range"}
    assert (await buyer.explain(f"upcoming:{one.uuid}", offset=2**31 - 1)).children == ()


# ---- size


@story
async def test_a_hundred_thousand_calls_open_at_once(shop: Shop) -> None:
    buyer, one = await starter(shop)
    resource = one.resources[0].uuid
    count = 100_000
    rows = [
        {"source": "meter", "id": f"{number:06}", "resource_uuid": resource, "meter": "calls", "quantity": 1,
         "at": START + timedelta(seconds=number), "purpose": "chat", "state": "settled",
         "cost_micros": 0 if number < 1_000 else 10_000, "currency": "USD",
         "paid_from": "included" if number < 1_000 else "invoice", "would_cost_micros": 0, "key_uuid": resource,
         "user_uuid": "", "recorded_at": START, "invoice_uuid": ""}
        for number in range(count)
    ]  # fmt: skip
    await shop.db.run(lambda connection: connection.execute(sa.insert(E), rows))
    shop.clock.at = START + timedelta(days=2)
    started = asyncio.get_running_loop().time()
    root = await buyer.explain(f"upcoming:{one.uuid}")
    usage = next(child for child in root.children if child.kind == "usage")
    tiers = (await buyer.explain(usage.ref)).children
    last = await buyer.explain(tiers[1].ref, offset=count - 1_000 - 200, limit=200)
    took = asyncio.get_running_loop().time() - started
    assert (tiers[1].child_count, len(last.children)) == (count - 1_000, 200)
    assert last.children[-1].params["id"] == f"meter:{count - 1:06}"
    assert took < 5, f"{took:.2f} s"
