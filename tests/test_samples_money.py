"""The history for screens holds together: every sum is the sum of its parts."""

from __future__ import annotations

import asyncio

from services.api.money import Money
from services.api.types import (
    InvoiceKind,
    InvoiceQuery,
    InvoiceState,
    MovementQuery,
    QuoteState,
    SubscriptionState,
)
from tests.fakes import FakeService
from tests.samples_money import history


async def lived() -> FakeService:
    service = await FakeService().sign_up()
    await history(service)
    return service


def test_the_balance_is_the_sum_of_its_movements(loop: asyncio.Runner) -> None:
    service = loop.run(lived())
    wallet = loop.run(service.get_wallet())
    page = loop.run(service.list_movements(MovementQuery()))
    assert sum((one.amount for one in page.items), Money.zero()) == wallet.balance
    assert sum((credit.left for credit in wallet.credits), Money.zero()) == wallet.balance
    assert page.total >= 40
    assert len({one.kind for one in page.items}) >= 7
    assert not wallet.promotional.is_zero
    assert not wallet.paid.is_zero


def test_every_state_of_a_subscription_is_there(loop: asyncio.Runner) -> None:
    service = loop.run(lived())
    found = loop.run(service.list_subscriptions())
    assert {one.state for one in found} == set(SubscriptionState) - {SubscriptionState.SUSPENDED}
    late = next(one for one in found if one.state is SubscriptionState.PAST_DUE)
    assert [one.state for one in late.attempts] == ["failed"] * 3 + ["planned"] * 2
    unpaid = loop.run(service.get_invoice(late.unpaid_invoice_uuid))
    assert (unpaid.state, unpaid.due) == (InvoiceState.OPEN, unpaid.total)
    bundle = next(one for one in found if one.offering_name == "Back Office Bundle")
    assert len(bundle.resources) == 3


def test_the_running_month_explains_itself_down_to_the_calls(loop: asyncio.Runner) -> None:
    service = loop.run(lived())
    first = loop.run(service.list_subscriptions())
    care = next(one for one in first if one.resources[0].usage.used == 1_312)
    tree = loop.run(service.explain(f"upcoming:{care.uuid}"))
    assert tree.amount == care.next_charge
    assert sum((one.amount or Money.zero() for one in tree.children), Money.zero()) == tree.amount
    usage = next(one for one in tree.children if one.kind == "usage")
    assert usage.amount == Money.parse("3.12")
    tiers = loop.run(service.explain(usage.ref)).children
    assert [(one.amount, one.child_count) for one in tiers] == [(Money.zero(), 1000), (Money.parse("3.12"), 312)]
    calls = loop.run(service.explain(tiers[1].ref, offset=300, limit=50))
    assert (calls.child_count, len(calls.children)) == (312, 12)
    assert {one.amount for one in calls.children} == {Money.parse("0.01")}


def test_invoices_comparison_quotes_and_limits_are_there(loop: asyncio.Runner) -> None:
    service = loop.run(lived())
    page = loop.run(service.list_invoices(InvoiceQuery()))
    assert page.total >= 10
    assert {one.kind for one in page.items} == set(InvoiceKind)
    for one in page.items:
        assert one.subtotal - one.discount - one.credit_applied + one.tax == one.total
    care = next(one for one in loop.run(service.list_subscriptions()) if one.resources[0].usage.used == 1_312)
    compared = loop.run(service.compare_plans(care.uuid, 90))
    assert compared.options[0].cost < next(one.cost for one in compared.options if one.is_current)
    assert {quote.state for quote in loop.run(service.list_quotes())} == set(QuoteState)
    assert len(loop.run(service.list_caps()).items) == 3
    assert loop.run(service.list_happenings())
