"""A buyer's life on the real service: time passes, calls are made, invoices come, the books stay sound."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import sqlalchemy as sa

from services.api.contract import Service
from services.api.money import Money
from services.api.types import (
    BillingCycle,
    ChangeAction,
    Changed,
    ChangeRequest,
    PaymentMethod,
    Placed,
    QuickCheckout,
    Subscription,
)
from services.db import models as m
from services.db import money_models as mm
from services.domain.ledger import AccountKind
from services.embedded.money import ledger
from services.embedded.money.months import month_of
from services.embedded.money.subscribing import find
from services.embedded.money.told import Told, ingest
from tests.embedded.shop import Shop
from tests.keys import LEDGER_KEY

AGENT = "customer-care"


def usd(text: str) -> Money:
    """`usd("29")`."""
    return Money.parse(text)


class Life:
    """One buyer with one organization; `one` is the subscription that is looked at."""

    def __init__(self, shop: Shop, buyer: Service) -> None:
        self.shop = shop
        self.buyer = buyer
        self.placed: Placed | None = None
        self._keys = count(1)

    @classmethod
    async def begin(cls, shop: Shop, email: str = "ada@example.com") -> Life:
        """Signed in for good: sessions end by the real clock, which a shop does not tell from its own."""
        buyer = await shop.market.buyer(email)
        await shop.write(sa.update(m.SessionRow).values(expires_at=shop.clock.now() + timedelta(days=4000)))
        return cls(shop, buyer)

    # ---- what a person does

    async def order(self, plan: str = "starter", offering: str = AGENT, **changes: Any) -> QuickCheckout:
        """A good order, with changes."""  # Any: fields of QuickCheckout
        found = await self.shop.market.root.get_offering(offering)
        chosen = next(one for one in found.plans if one.slug == plan)
        good: dict[str, Any] = {"payment_token": "tok_visa", "terms_accepted": True}
        if changes.get("payment_method") is PaymentMethod.WALLET:
            good["payment_token"] = ""
        return QuickCheckout(found.card.uuid, chosen.uuid, **(good | changes))

    async def subscribe(self, plan: str = "starter", offering: str = AGENT, **changes: Any) -> Subscription:
        request = await self.order(plan, offering, **changes)
        self.placed = await self.buyer.quick_checkout(request, key=f"order-{next(self._keys)}")
        while await self.shop.service.run_due_jobs():
            pass
        return await self.one()

    async def one(self) -> Subscription:
        """The subscription that was bought last."""
        assert self.placed is not None
        found = await self.buyer.list_subscriptions()
        return next(one for one in found if one.order_uuid == self.placed.order_uuid)

    async def change(self, action: ChangeAction, *, plan: str = "", **changes: Any) -> Changed:
        """Looks, then does it; what was seen is what happened."""  # Any: fields of ChangeRequest
        one = await self.one()
        if plan:
            offering = await self.shop.market.root.get_offering(one.offering_uuid)
            changes["plan_uuid"] = next(each for each in offering.plans if each.slug == plan).uuid
        request = ChangeRequest(one.uuid, action, **changes)
        seen = await self.buyer.preview_change(request)
        done = await self.buyer.commit_change(request, seen.hash, key=f"change-{next(self._keys)}")
        paid = done.payment.amount if done.payment else Money.zero()
        assert paid == (seen.due_now if one.payment_method is PaymentMethod.CARD else Money.zero())
        if done.payment is None or done.payment.action is None:  # it does not wait for a confirmation
            after = done.subscription
            assert (after.next_charge, after.next_charge_at) == (seen.next_charge, seen.next_charge_at)
        return done

    async def to_plan(self, plan: str, **changes: Any) -> Changed:
        return await self.change(ChangeAction.CHANGE_PLAN, plan=plan, **changes)

    async def to_year(self) -> Changed:
        return await self.change(ChangeAction.CHANGE_PLAN, cycle=BillingCycle.YEARLY)

    # ---- what happens

    async def wait(self, **time: float) -> None:
        """Time passes; whatever falls due on the way is done at its own instant."""
        self.shop.clock.advance(**time)
        await self.shop.service.run_due(self.shop.clock.now())

    async def until(self, instant: datetime) -> None:
        await self.wait(seconds=(instant - self.shop.clock.now()).total_seconds())

    async def call(self, times: int, *, used: int | None = None, resource: int = 0, at: datetime | None = None) -> None:
        """Calls made now, or told now of `at`. `used`: as if so many had been made in the month before them."""
        one, now = await self.one(), at or self.shop.clock.now()
        uuid = one.resources[resource].uuid
        events = [Told("test", f"call-{next(self._keys)}", uuid, now) for _ in range(times)]

        def work(connection: sa.Connection) -> None:
            if used is not None:
                start = month_of(find(connection, one.uuid), now).start
                connection.execute(
                    sa.insert(m.UsageTotal),
                    {"resource_uuid": uuid, "period_start": start, "calls": used, "cost_micros": 0},
                )
            ingest(self.shop.service.core, connection, events)

        await self.shop.db.run(work)

    # ---- what one looks at

    async def totals(self) -> list[str]:
        """The totals of the final invoices, oldest first: "29.00"."""
        rows = await self.shop.rows(
            sa.select(mm.InvoiceRow.total_micros, mm.InvoiceRow.currency)
            .where(mm.InvoiceRow.kind == "invoice", mm.InvoiceRow.state != "draft")
            .order_by(mm.InvoiceRow.number)
        )
        return [f"{micros / 1_000_000:.2f}" for micros, _ in rows]

    async def balance(self, kind: AccountKind) -> Money:
        """What the books say about one kind of account, over all organizations."""
        found = await self.shop.db.read(
            lambda connection: [
                amount
                for organization in connection.execute(sa.select(m.OrganizationRow.uuid)).scalars().all()
                for amount in ledger.balances(connection, organization, kind).values()
            ]
        )
        return sum(found, Money.zero())

    async def check_books(self) -> None:
        """Chain, sums and derived balances."""
        await self.shop.db.read(lambda connection: ledger.ensure_sound(connection, LEDGER_KEY))


async def halfway(shop: Shop, plan: str = "starter", **changes: Any) -> Life:  # Any: fields of QuickCheckout
    """A subscription on the fifteenth of its thirty days."""
    life = await Life.begin(shop)
    await life.subscribe(plan, **changes)
    await life.wait(days=15)
    return life
