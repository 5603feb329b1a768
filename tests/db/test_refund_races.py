"""Money of one invoice asked for twice at once on a server, as a refund and as credit: it goes back once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.api import errors
from services.api.contract import Actor
from services.api.types import BillingCycle, ChangeAction, ChangeRequest, InvoiceQuery, RefundRequest
from services.embedded.collections import EmbeddedCollections
from services.embedded.money.subscriptions import EmbeddedSubscriptions
from tests.db.test_postgres_races import core_of, held, programs
from tests.embedded.money.lives import usd
from tests.postgres import new_database

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(loop: asyncio.Runner) -> Iterator[str]:
    loop.get_loop().slow_callback_duration = 5.0  # about races; that nobody blocks the loop is asked elsewhere
    with new_database(stocked=True) as found:
        yield found


@pytest.mark.parametrize("first", ["refund", "smaller plan"])
def test_a_refund_and_a_smaller_plan(first: str, url: str, tmp_path: Path, loop: asyncio.Runner) -> None:
    async def story() -> None:
        async with programs(url, tmp_path) as (one, other):
            buyer, offering = await one.buyer(), await one.agent()
            assert isinstance(buyer, EmbeddedCollections)
            assert isinstance(buyer, EmbeddedSubscriptions)
            there = other.root.for_actor(Actor(session=buyer.actor.session))
            plans = {plan.slug: plan.uuid for plan in offering.plans}
            order = await one.order(plan_uuid=plans["pro"], billing_cycle=BillingCycle.YEARLY)
            await buyer.quick_checkout(order, key="k")
            await one.run_jobs()
            [subscription] = await buyer.list_subscriptions()
            [invoice] = (await buyer.list_invoices(InvoiceQuery())).items
            back = RefundRequest(invoice.uuid)
            change = ChangeRequest(
                subscription.uuid, ChangeAction.CHANGE_PLAN, plan_uuid=plans["starter"], cycle=BillingCycle.MONTHLY
            )
            refund, smaller = await buyer.preview_refund(back), await buyer.preview_change(change)
            assert (refund.amount, smaller.to_wallet) == (usd("990"), usd("961"))
            goes_on = {
                "refund": (
                    lambda connection: buyer._refund(connection, back, refund.hash, "r"),
                    lambda: there.commit_change(change, smaller.hash, key="c"),
                ),
                "smaller plan": (
                    lambda connection: buyer._begin_change(connection, change, smaller.hash, "c"),
                    lambda: there.refund_invoice(back, refund.hash, key="r"),
                ),
            }
            with pytest.raises(errors.SumMoved):
                await held(core_of(one).db, *goes_on[first])

    loop.run(story())
