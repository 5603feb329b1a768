"""What people of a simulated life do, each as one call (or a few) of the public service, with random arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from app.simulate import paying
from app.simulate.life import Life, Person, dollars
from services.api.contract import Service
from services.api.money import Money
from services.api.types import (
    BillingCycle,
    BillingDetails,
    BillingModel,
    CapLevel,
    CapWindow,
    ChangeAction,
    ChangePreview,
    ChangeRequest,
    InvoiceQuery,
    InvoiceState,
    Offering,
    OfferingQuery,
    PaymentMethod,
    PaymentState,
    QuickCheckout,
    QuoteState,
    QuoteTerms,
    RequestQuote,
    ResourceState,
    SetAutoTopUp,
    SetCap,
    Subscription,
    TopUp,
    UsagePayment,
)
from services.embedded.money import told

Wish = Callable[[Life, Person, Service], Awaitable[None]]

GOOD, BAD = ("tok_visa", "tok_mastercard"), ("tok_declined", "tok_insufficient_funds", "tok_needs_confirmation")
COUPONS = ("", "", "", "WELCOME20", "TENOFF", "FOREVER5", "OLDNEWS", "NOSUCH")
COUNTRIES = ("", "", "DE", "FR", "US", "JP", "CH")
OFFERINGS_SEEN = 8


def card(life: Life) -> str:
    """Mostly one that pays."""
    return life.chance.choice(GOOD if life.chance.random() < 0.85 else BAD)


async def _shelf(life: Life, service: Service) -> Offering:
    found = await service.list_offerings(OfferingQuery(page_size=300))
    shelf = sorted(found.items, key=lambda offering: offering.slug)
    bundles = [one for one in shelf if one.kind.value == "bundle"]
    chosen = life.chance.choice(bundles if life.chance.random() < 0.25 else shelf[:OFFERINGS_SEEN])
    return await service.get_offering(chosen.uuid)


async def buy(life: Life, person: Person, service: Service) -> None:
    offering = await _shelf(life, service)
    plans = [plan for plan in offering.plans if plan.billing_model is not BillingModel.QUOTE]
    plan = life.chance.choice(plans)
    request = QuickCheckout(
        offering.card.uuid,
        plan.uuid,
        payment_method=PaymentMethod.WALLET if life.chance.random() < 0.2 else PaymentMethod.CARD,
        payment_token=card(life),
        billing_cycle=life.chance.choice(list(BillingCycle)),
        terms_accepted=True,
        coupon=life.chance.choice(COUPONS),
        start_trial=life.chance.random() < 0.25,
        country=life.chance.choice(COUNTRIES),
    )
    key = person.key()

    async def work() -> None:
        placed = await life.as_person(person).quick_checkout(request, key=key)
        if placed.action is not None:
            await life.as_person(person).confirm_order(placed.order_uuid, approve=life.chance.random() < 0.7)

    await life.try_it(f"{person.email} buys {offering.card.slug} {plan.slug} {request.billing_cycle}", work)
    await life.work()


async def top_up(life: Life, person: Person, _service: Service) -> None:
    request, key = TopUp(dollars(life.chance, 5, 60), card(life)), person.key()

    async def work() -> None:
        paid = await life.as_person(person).top_up(request, key=key)
        if paid.state is PaymentState.ACTION_REQUIRED:
            await life.as_person(person).confirm_payment(paid.payment_uuid, approve=life.chance.random() < 0.7)

    await life.try_it(f"{person.email} tops up {request.amount.decimal(2)}", work)


async def redeem(life: Life, person: Person, _service: Service) -> None:
    code, key = life.chance.choice(["GIFT25", "LASTONE", "EXPIRED10"]), person.key()
    await life.try_it(f"{person.email} redeems {code}", lambda: life.as_person(person).redeem_code(code, key=key))


async def set_rules(life: Life, person: Person, _service: Service) -> None:
    low = dollars(life.chance, 2, 10)
    settings = SetAutoTopUp(life.chance.random() < 0.8, low, low + dollars(life.chance, 5, 30), Money(100_000_000))
    await life.try_it("auto-top-up", lambda: life.as_person(person).set_auto_top_up(settings))
    await life.try_it("alert", lambda: life.as_person(person).set_low_balance_alert(low))


async def _ready(service: Service) -> list[str]:
    return [one.uuid for one in await service.list_resources() if one.state is ResourceState.READY]


async def ask(life: Life, person: Person, service: Service) -> None:
    ready = await _ready(service)
    if not ready:
        return
    resource = life.chance.choice(ready)
    for _ in range(life.chance.randrange(1, 9)):
        key = person.key()

        async def work(key: str = key) -> None:
            async for _part in life.as_person(person).ask(resource, "How is it?", key=key):
                pass

        await life.try_it(f"asks {resource[-6:]}", work)


async def told_late(life: Life, person: Person, service: Service) -> None:
    """Calls we learn of afterwards, some of them twice."""
    ready = await _ready(service)
    if not ready:
        return
    resource, now = life.chance.choice(ready), life.clock.now()
    bought = next(one for one in await service.list_resources() if one.uuid == resource).created_at
    events = []
    for _ in range(life.chance.randrange(1, 12)):
        at = max(bought, now - timedelta(hours=life.chance.randrange(0, 24 * 40)))
        events.append(told.Told("meter", person.key(), resource, at, person.uuid))
    events += events[: life.chance.randrange(0, 3)]
    work = partial(told.ingest, life.core)
    await life.try_it("late calls", lambda: life.core.db.run(lambda connection: work(connection, events)))


async def _some_subscription(life: Life, service: Service) -> Subscription | None:
    found = [one for one in await service.list_subscriptions() if one.can]
    return life.chance.choice(found) if found else None


async def change(life: Life, person: Person, service: Service) -> None:
    subscription = await _some_subscription(life, service)
    if subscription is None:
        return
    action = life.chance.choice(subscription.can)
    request = await _request(life, service, subscription, action)
    key, kills = person.key(), life.kills

    async def work() -> None:
        preview = await life.as_person(person).preview_change(request)
        done = await life.as_person(person).commit_change(request, preview.hash, key=key)
        if done.payment is not None and done.payment.action is not None:
            approve = life.chance.random() < 0.7
            await life.as_person(person).confirm_payment(done.payment.payment_uuid, approve=approve)
        if life.kills == kills:  # otherwise it was done at an instant before this preview
            life.surprises += await surprises_of(life.as_person(person), preview)

    await life.try_it(f"{action} of {subscription.offering_name}", work)


async def surprises_of(service: Service, preview: ChangePreview) -> list[str]:
    """Where a change that was made came to something else than its preview said."""
    uuid = preview.request.subscription_uuid
    after = await service.get_subscription(uuid)
    told = [
        ("next charge", preview.next_charge, after.next_charge),
        ("at", preview.next_charge_at, after.next_charge_at),
    ]
    if preview.lines:
        kinds = {line.kind for line in preview.lines}  # the calls of a month that ends now are on another invoice
        found = [one for one in (await service.list_invoices(InvoiceQuery())).items if one.subscription_uuid == uuid]
        made = next(one for one in found if kinds <= {line.kind for line in one.lines})
        back = sum((line.amount for line in made.lines if line.kind == "to_wallet"), Money.zero(made.total.currency))
        told += [("due", preview.due_now, made.total + made.credit_applied), ("to wallet", preview.to_wallet, back)]
    action = preview.request.action
    return [f"{action} of {uuid}: {what} {said}, came {came}" for what, said, came in told if said != came]


async def _request(life: Life, service: Service, subscription: Subscription, action: ChangeAction) -> ChangeRequest:
    uuid = subscription.uuid
    if action is ChangeAction.CHANGE_PLAN:
        offering = await service.get_offering(subscription.offering_uuid)
        plans = [plan for plan in offering.plans if plan.billing_model is BillingModel.SUBSCRIPTION]
        plan = life.chance.choice(plans) if plans else subscription.plan
        return ChangeRequest(uuid, action, plan.uuid, life.chance.choice(list(BillingCycle)), payment_token=card(life))
    if action is ChangeAction.PAUSE:
        days = timedelta(days=life.chance.randrange(1, 50))
        return ChangeRequest(uuid, action, resume_at=life.clock.now() + days)
    if action is ChangeAction.SET_USAGE_PAYMENT:
        return ChangeRequest(uuid, action, usage_payment=life.chance.choice(list(UsagePayment)))
    if action is ChangeAction.SET_PAYMENT_CARD:
        return ChangeRequest(uuid, action, payment_token=card(life))
    return ChangeRequest(uuid, action, reason="simulated")


async def pay(life: Life, person: Person, service: Service) -> None:
    open_ones = (await service.list_invoices(InvoiceQuery(state=InvoiceState.OPEN))).items
    if not open_ones:
        return
    invoice, token, key = life.chance.choice(open_ones), card(life), person.key()

    async def work() -> None:
        paid = await life.as_person(person).pay_invoice(invoice.uuid, token, key=key)
        if paid.action is not None:
            await life.as_person(person).confirm_payment(paid.payment_uuid, approve=life.chance.random() < 0.7)

    await life.try_it(f"pays {invoice.number}", work)


async def refund(life: Life, person: Person, service: Service) -> None:
    credits = [one for one in (await service.get_wallet()).credits if one.refundable.micros > 0]
    if not credits:
        return
    credit, key = life.chance.choice(credits), person.key()
    await life.try_it("refund of credit", lambda: life.as_person(person).refund_credit(credit.uuid, key=key))


async def limit(life: Life, person: Person, service: Service) -> None:
    scopes = (await service.list_caps()).scopes
    if not scopes:
        return
    scope = life.chance.choice(scopes)
    window = life.chance.choice(list(CapWindow))
    existing = [
        cap for cap in (await service.list_caps()).items
        if (cap.level, cap.scope_uuid, cap.window) == (scope.level, scope.uuid, window)
    ]  # fmt: skip
    if existing:
        until = life.clock.now() + timedelta(days=1)
        more = existing[0].limit + dollars(life.chance, 1, 5)
        await life.try_it("raises a cap", lambda: life.as_person(person).raise_cap(existing[0].uuid, more, until))
        return
    level: CapLevel = scope.level
    request = SetCap(level, scope.uuid, window, dollars(life.chance, 20, 80))
    await life.try_it(f"cap on {level}", lambda: life.as_person(person).set_cap(request))


async def quote(life: Life, person: Person, service: Service) -> None:
    offering = await _shelf(life, service)
    plan = next((plan for plan in offering.plans if plan.billing_model is BillingModel.QUOTE), None)
    if plan is None:
        return
    wanted = RequestQuote(offering.card.uuid, plan.uuid, person.email, "please")
    uuid = ""

    async def ask_for_it() -> None:
        nonlocal uuid
        uuid = (await life.as_person(person).request_quote(wanted)).uuid

    if not await life.try_it("asks for a quote", ask_for_it):
        return
    terms = QuoteTerms(
        dollars(life.chance, 50, 900), life.clock.now() + timedelta(days=life.chance.randrange(1, 30)),
        life.chance.choice(list(BillingCycle)), life.chance.choice([None, 10]),
        net_days=life.chance.choice([0, 14, 30]),
    )  # fmt: skip
    await life.try_it("sales answers", lambda: life.as_person(person).offer_quote(uuid, terms))


async def answer_quote(life: Life, person: Person, service: Service) -> None:
    offered = [one for one in await service.list_quotes() if one.state is QuoteState.OFFERED]
    if not offered:
        return
    chosen, key = life.chance.choice(offered), person.key()
    if life.chance.random() < 0.7:
        await life.try_it("accepts a quote", lambda: life.as_person(person).accept_quote(chosen.uuid, key=key))
    else:
        await life.try_it("declines a quote", lambda: life.as_person(person).decline_quote(chosen.uuid))


async def details(life: Life, person: Person, service: Service) -> None:
    country = life.chance.choice(COUNTRIES)
    new = BillingDetails(person.email, ("Street 1",), country)
    await life.try_it(f"billing details {country}", lambda: life.as_person(person).set_billing_details(new))
    final = [
        one for one in (await service.list_invoices(InvoiceQuery())).items
        if one.state is InvoiceState.PAID and not one.replaced_by_uuid and one.kind.value == "invoice"
    ]  # fmt: skip
    if final and life.chance.random() < 0.3:
        chosen, key = life.chance.choice(final), person.key()
        await life.try_it(
            f"corrects {chosen.number}", lambda: life.as_person(person).correct_invoice(chosen.uuid, new, key=key)
        )


async def wait(life: Life, _person: Person, _service: Service) -> None:
    """Hours or weeks go by; now and then a clock is set back a little."""
    if life.chance.random() < 0.1:
        life.clock.advance(-timedelta(seconds=life.chance.randrange(1, 300)))
    hours = life.chance.choice([1, 5, 24, 24 * 4, 24 * 9, 24 * 20, 24 * 33])
    await life.pass_time(timedelta(hours=hours, seconds=life.chance.randrange(3600)))


async def die(life: Life, _person: Person, _service: Service) -> None:
    """The process ends between two wishes."""
    await life.restart()


WISHES: tuple[tuple[Wish, int], ...] = (
    (buy, 20),
    (ask, 22),
    (wait, 20),
    (top_up, 10),
    (change, 18),
    (told_late, 6),
    (pay, 5),
    (redeem, 4),
    (set_rules, 3),
    (refund, 3),
    (limit, 4),
    (quote, 3),
    (answer_quote, 4),
    (details, 4),
    (die, 2),
)

# How they pay, and what comes of it outside.
PAYING: tuple[tuple[Wish, int], ...] = (
    (paying.buy_on_page, 12),
    (paying.top_up_on_page, 5),
    (paying.add_method, 4),
    (paying.remove_method, 1),
    (paying.answer_pages, 4),
    (paying.answer_closed_pages, 3),
    (paying.banks_decide, 8),
    (paying.hear, 8),
    (paying.go_on, 10),
    (paying.ask_about_payments, 4),
    (paying.receive, 6),
    (paying.refund_by_support, 4),
)
