"""Three months of a buyer's life for screens: `await history(service)` on a signed-in FakeService.

Everything is made by the fake's own actions while its clock moves, so all sums are exact. The clock ends where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.api.money import Money, Rate
from services.api.types import (
    BillingCycle,
    BillingDetails,
    CapLevel,
    CapWindow,
    ChangeAction,
    ChangeRequest,
    CreditKind,
    InvoiceKind,
    InvoiceQuery,
    MovementKind,
    Offering,
    OfferingKind,
    PaymentMethod,
    QuickCheckout,
    QuoteTerms,
    RequestQuote,
    SetAutoTopUp,
    SetCap,
    TopUp,
)
from tests.fake_world import Call
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE, EXPENSE_AUDITOR, FINANCE, SUPPORT, SUPPORT_BUNDLE, offering, plan

CARD = "tok_test_pays"
PEOPLE = ("Ada Lovelace", "Grace Hopper", "Mary Jackson")
KEYS = ("chat", "help desk", "nightly import")
GMBH = BillingDetails(
    "Lovelace Analytics GmbH", ("Torstraße 1", "10119 Berlin"), "DE", "DE136695976", "billing@lovelace.test"
)
MOVED = replace(GMBH, address=("Unter den Linden 5", "10117 Berlin"))

CONTRACT_REVIEWER = offering("contract-reviewer", "Contract Reviewer", FINANCE, rating=4.2)
OFFICE = (
    offering("invoice-clerk", "Invoice Clerk", FINANCE, rating=4.5),
    offering("travel-desk", "Travel Desk", SUPPORT, rating=4.0),
    offering("policy-desk", "Policy Desk", SUPPORT, rating=4.3),
)
BACK_OFFICE = replace(
    SUPPORT_BUNDLE,
    card=replace(
        SUPPORT_BUNDLE.card,
        uuid=plan("back-office", "card", CUSTOMER_CARE.plans[1].billing_model, "0", 0).uuid,
        slug="back-office",
        kind=OfferingKind.BUNDLE,
        name="Back Office Bundle",
        from_price=Money.parse("73.95"),
    ),
    items=tuple(one.card for one in OFFICE),
    plans=(
        replace(
            plan("back-office", "Starter", CUSTOMER_CARE.plans[1].billing_model, "73.95", 3000, Rate(10_000)),
            list_monthly_price=Money.parse("87"),
        ),
    ),
)


@dataclass
class Life:
    """A service, its present, and how far the story has come."""

    service: FakeService
    now: datetime
    count: int = 0

    def key(self) -> str:
        """A new idempotency key."""
        self.count += 1
        return f"history-{self.count}"

    async def until(self, days: float) -> None:
        """So many days before the present."""
        await asyncio.sleep(0)  # a step is short enough for a loop in debug mode
        self.service.run_until(self.now - timedelta(days=days))

    async def buy(self, what: Offering, slug: str, **changes: object) -> str:
        """The uuid of a new subscription."""
        chosen = next(one for one in what.plans if one.slug == slug)
        good = QuickCheckout(what.card.uuid, chosen.uuid, payment_token=CARD, terms_accepted=True)
        # replace() checks the names when it runs
        order = replace(good, **changes)  # type: ignore[arg-type]
        await self.service.quick_checkout(order, key=self.key())
        books = self.service.world.books
        return next(reversed([uuid for one in books.values() for uuid in one.held]))

    async def change(self, uuid: str, action: ChangeAction, **fields: object) -> None:
        """Previews and commits."""
        request = replace(ChangeRequest(uuid, action), **fields)  # type: ignore[arg-type] # as above
        preview = await self.service.preview_change(request)
        await self.service.commit_change(request, preview.hash, key=self.key())

    async def use(self, uuid: str, calls: int) -> None:
        """Calls of a subscription's first agent, spread from the beginning of its period until now."""
        world = self.service.world
        held = next(books.held[uuid] for books in world.books.values() if uuid in books.held)
        terms, part = held.subscription.plan, held.subscription.resources[0].uuid
        owner, resource = world.resources[part]
        usage, end = resource.usage, world.clock.now()
        step = (end - usage.period_start) / (calls + 1)
        made = [
            Call(f"call-{usage.period_start:%y%m%d}-{n}", usage.period_start + step * n, PEOPLE[n % 3], KEYS[n % 2])
            for n in range(1, calls + 1)
        ]
        world.answers.setdefault(part, []).extend(made)
        over = max(0, calls - (terms.included_calls or 0))
        cost = terms.overage.cost(over) if terms.overage else Money.zero()
        next_cost = terms.overage.cost(1) if terms.overage and over else Money.zero()
        usage = replace(usage, used=calls, cost=cost, next_call_cost=next_cost)
        world.resources[part] = (owner, replace(resource, usage=usage))

    async def spend(self, text: str, name: str, calls: int) -> None:
        """A day of prepaid calls."""
        service = self.service
        books = service.world.books[(await service.get_wallet()).organization_uuid]
        amount = Money.parse(text)
        now, ids = service.world.clock.now(), service.world.ids
        books.spend(ids, now, amount, MovementKind.USAGE, {"name": name, "calls": calls})
        service._top_up_by_itself(books)


async def history(service: FakeService) -> None:
    """Fills the account of a signed-in service. Seven subscriptions, forty movements, a dozen invoices, five quotes."""
    world = service.world
    world.offerings = (*world.offerings, CONTRACT_REVIEWER, *OFFICE, BACK_OFFICE)
    life = Life(service, world.clock.now())
    world.clock.at = life.now - timedelta(days=95)
    steps: tuple[Callable[[Life], Awaitable[None]], ...] = (_winter, _january, _february, _march, _limits, _quotes)
    for step in steps:
        await step(life)
    await life.until(0)
    world.calls.clear()


async def _winter(life: Life) -> None:
    """The first agent, paid by card; credit; one that was not kept."""
    service = life.service
    await service.save_card(CARD)
    await service.top_up(TopUp(Money.parse("50"), CARD), key=life.key())
    await service.set_billing_details(GMBH)
    care = await life.buy(CUSTOMER_CARE, "starter")
    await life.until(64.5)
    await life.use(care, 9_412)
    await life.until(60)
    await life.buy(EXPENSE_AUDITOR, "pro", billing_cycle=BillingCycle.YEARLY)
    await life.until(50)
    gone = await life.buy(CONTRACT_REVIEWER, "starter", coupon="WELCOME20")
    await life.until(46)
    await life.change(gone, ChangeAction.CANCEL_NOW, reason="too_expensive")


async def _january(life: Life) -> None:
    """A prepaid agent: a little credit every day."""
    service = life.service
    await life.buy(EXPENSE_AUDITOR, "pay-per-use", payment_method=PaymentMethod.WALLET, payment_token="")
    settings = SetAutoTopUp(True, Money.parse("15"), Money.parse("40"), Money.parse("150"), CARD)
    await service.set_auto_top_up(settings)
    books = service.world.books[(await service.get_wallet()).organization_uuid]
    now, ids = service.world.clock.now(), service.world.ids
    ends, kind = life.now - timedelta(days=42), CreditKind.PROMOTIONAL
    sorry = Money.parse("15")
    books.grant(ids, now, sorry, "support", MovementKind.GIFT, credit_kind=kind, expires_at=ends)
    await service.set_low_balance_alert(Money.parse("20"))
    await life.until(45)
    await service.top_up(TopUp(Money.parse("10"), CARD), key=life.key())
    extra = (await service.get_wallet()).credits[-1]
    await service.refund_credit(extra.uuid, key=life.key())


async def _february(life: Life) -> None:
    """One that is paused, one whose card fails, and the first agent's next months."""
    paused = await life.buy(EXPENSE_AUDITOR, "starter")
    for day in range(44, 33, -1):
        await life.until(day)
        await life.spend(f"{1 + day % 5}.{day % 10}4", "Expense Auditor", 50 + 5 * (day % 5))
    care = _first(life)
    await life.until(33.5)
    await life.use(care, 9_020)
    await life.until(32)
    failing = await life.buy(CONTRACT_REVIEWER, "starter")
    await life.change(failing, ChangeAction.SET_PAYMENT_CARD, payment_token="tok_test_insufficient_funds")
    for day in range(31, 14, -1):
        await life.until(day)
        await life.spend(f"{1 + day % 4}.{day % 10}2", "Expense Auditor", 50 + 5 * (day % 4))
    await life.change(paused, ChangeAction.PAUSE, resume_at=life.now + timedelta(days=20))


async def _march(life: Life) -> None:
    """A bundle, a trial, a correction, and the running month of the first agent: 312 calls beyond the included."""
    service = life.service
    await life.until(12)
    await life.buy(BACK_OFFICE, "starter", coupon="FOREVER5")
    invoices = await service.list_invoices(InvoiceQuery(kind=InvoiceKind.INVOICE, text="Pro"))
    await service.correct_invoice(invoices.items[-1].uuid, MOVED, key=life.key())
    for day in range(11, 5, -1):
        await life.until(day)
        await life.spend(f"{1 + day % 3}.{day % 10}6", "Expense Auditor", 50 + 5 * (day % 3))
    care = _first(life)
    await life.until(5.5)
    await life.use(care, 8_731)
    await life.until(5)
    await life.buy(CONTRACT_REVIEWER, "pro", start_trial=True)
    for day in (4, 3, 2, 1):
        await life.until(day)
        await life.spend(f"2.{day}8", "Expense Auditor", 114)
    await life.until(0.01)
    await service.redeem_code("GIFT25", key=life.key())
    await life.use(care, 1_312)


async def _limits(life: Life) -> None:
    """A limit on each level."""
    service = life.service
    scopes = (await service.list_caps()).scopes
    by_level = {scope.level: scope for scope in reversed(scopes)}
    for level, window, limit in (
        (CapLevel.ORGANIZATION, CapWindow.MONTH, "200"),
        (CapLevel.PROJECT, CapWindow.DAY, "20"),
        (CapLevel.KEY, CapWindow.MONTH, "25"),
    ):
        cap = await service.set_cap(SetCap(level, by_level[level].uuid, window, Money.parse(limit)))
    await service.raise_cap(cap.uuid, Money.parse("40"), life.now + timedelta(hours=24))
    books = service.world.books[(await service.get_wallet()).organization_uuid]
    for hour, micros in ((30, 1_240_000), (9, 3_120_000), (2, 880_000)):
        books.costs.append((life.now - timedelta(hours=hour), by_level[CapLevel.KEY].uuid, Money(micros)))


async def _quotes(life: Life) -> None:
    """Asked, offered, accepted, declined and not answered in time."""
    service = life.service
    enterprise = next(one for one in CUSTOMER_CARE.plans if one.slug == "enterprise")
    account = await service.get_account()
    uuids = []
    for message in ("Twelve seats", "Data in Germany", "All branches", "A pilot", "For the help desk"):
        request = RequestQuote(CUSTOMER_CARE.card.uuid, enterprise.uuid, account.email, message)
        uuids.append((await service.request_quote(request)).uuid)
    valid = life.now + timedelta(days=21)
    for uuid, price in zip(uuids[1:4], ("450", "620", "390"), strict=True):
        await service.offer_quote(uuid, QuoteTerms(Money.parse(price), valid, note="With a named contact"))
    await service.accept_quote(uuids[2], key=life.key())
    await service.decline_quote(uuids[3])
    short = service.world.clock.now() + timedelta(minutes=1)
    await service.offer_quote(uuids[4], QuoteTerms(Money.parse("990"), short))


def _first(life: Life) -> str:
    return next(uuid for books in life.service.world.books.values() for uuid in books.held)
