"""What buyers, banks, providers and support do with payments in a simulated life, each with random arguments."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import sqlalchemy as sa

from app.simulate.life import Life, Person, dollars
from services.api.contract import Service
from services.api.money import Money
from services.api.types import (
    AddMethod,
    BillingModel,
    InvoiceKind,
    InvoiceQuery,
    InvoiceState,
    OfferingQuery,
    OrderState,
    PaymentMethod,
    PaymentState,
    PayOrder,
    QuickCheckout,
    ReceiveTransfer,
    RefundReason,
    RefundRequest,
    TopUp,
    Webhook,
)
from services.db import models as m
from services.db import money_models as mm
from services.embedded import inbox
from services.embedded.money import transferred
from services.gateways.payments import ACTION_REQUIRED, PROCESSING

PAGES = (PaymentMethod.CARD, PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL)
CARDS = ("tok_visa", "tok_visa", "tok_mastercard", "tok_declined", "tok_insufficient_funds", "tok_needs_confirmation")
OFFERINGS_SEEN = 8


async def buy_on_page(life: Life, person: Person, service: Service) -> None:
    """A card is typed, a bank account or PayPal chosen, or a transfer promised; sometimes nobody comes back."""
    found = await service.list_offerings(OfferingQuery(page_size=300))
    chosen = life.chance.choice(sorted(found.items, key=lambda offering: offering.slug)[:OFFERINGS_SEEN])
    offering = await service.get_offering(chosen.uuid)
    plans = [plan for plan in offering.plans if plan.billing_model is BillingModel.SUBSCRIPTION]
    if not plans:
        return
    method = PaymentMethod.INVOICE if life.chance.random() < 0.2 else life.chance.choice(PAGES)
    request = QuickCheckout(
        offering.card.uuid, life.chance.choice(plans).uuid, method, terms_accepted=True,
        start_trial=life.chance.random() < 0.15,
    )  # fmt: skip
    key = person.key()
    work = life.as_person
    await life.try_it(
        f"{person.email} buys {offering.card.slug} by {method}", lambda: work(person).quick_checkout(request, key=key)
    )
    await answer_pages(life, person, service)


async def top_up_on_page(life: Life, person: Person, service: Service) -> None:
    request = TopUp(dollars(life.chance, 5, 60), payment_method=life.chance.choice(PAGES))
    key = person.key()
    await life.try_it("tops up on a page", lambda: life.as_person(person).top_up(request, key=key))
    await answer_pages(life, person, service)


async def add_method(life: Life, person: Person, service: Service) -> None:
    request, key = AddMethod(life.chance.choice(PAGES), is_default=life.chance.random() < 0.3), person.key()
    await life.try_it("adds a method", lambda: life.as_person(person).add_payment_method(request, key=key))
    await answer_pages(life, person, service)


async def remove_method(life: Life, person: Person, service: Service) -> None:
    found = await service.list_payment_methods()
    if len(found) > 1:
        token = life.chance.choice(found).token
        await life.try_it("removes a method", lambda: life.as_person(person).remove_payment_method(token))


# ---- outside


async def answer_pages(life: Life, _person: Person, _service: Service) -> None:
    """Buyers pay on pages that are open, with any card, or leave them; nobody here is told."""
    for charge_id in life.provider.charges_in(ACTION_REQUIRED):
        fate = life.chance.random()
        if fate < 0.55:
            await life.provider.answer(charge_id, life.chance.choice(CARDS))
        elif fate < 0.65:
            await life.provider.expire(charge_id)


async def answer_closed_pages(life: Life, _person: Person, _service: Service) -> None:
    """Buyers pay on pages that were given up, ran out or were replaced in the same instant."""
    for charge_id in life.provider.closed_pages():
        if life.chance.random() < 0.5:
            charge = await life.provider.answer_late(charge_id, life.chance.choice(CARDS))
            life.note(f"{charge.amount.decimal(2)} is paid late, on a closed page")


async def banks_decide(life: Life, _person: Person, _service: Service) -> None:
    """Debits are paid or not, holds are let go, payments are disputed and disputes decided."""
    for charge_id in life.provider.charges_in(PROCESSING):
        if life.chance.random() < 0.6:
            await life.provider.settle_debit(charge_id, is_paid=life.chance.random() < 0.7)
    if life.chance.random() < 0.15 and (held := life.provider.charges_in("authorized")):
        await life.provider.lose_hold(life.chance.choice(held))
    undisputed = life.provider.undisputed()
    if undisputed and life.chance.random() < 0.2:
        charge_id, left = life.chance.choice(undisputed)
        await life.provider.open_dispute(charge_id, left)
        life.note(f"{left.decimal(2)} is disputed")
    for dispute_id in life.provider.disputes_open():
        if life.chance.random() < 0.5:
            await life.provider.close_dispute(dispute_id, life.chance.choice(["won", "lost"]))


async def hear(life: Life, _person: Person, _service: Service) -> None:
    """Events come late, twice, out of order and sometimes forged; or the service asks for them."""
    if life.chance.random() < 0.4:
        await life.try_it("asks for events", lambda: inbox.poll(life.core))
        return
    events = (await life.provider.list_events(str(max(0, life.provider.events() - 12)), since=life.clock.now())).events
    sent = [event for event in events for _ in range(life.chance.choice([0, 1, 1, 2]))]
    life.chance.shuffle(sent)
    for event in sent:
        body = event.payload.encode()
        at = life.clock.now() - timedelta(minutes=life.chance.choice([0, 0, 0, 1, 9]))
        webhook = Webhook("test", tuple(life.provider.sign(body, at).items()), body)
        await life.try_it(f"hears of {event.kind}", partial(_deliver, life, webhook))
    await life.try_it("looks", lambda: inbox.look(life.core))


# ---- going on


async def go_on(life: Life, person: Person, service: Service) -> None:
    """With an order that is not paid: asked about, given up, paid another way; a fresh one is taken back."""
    open_ones = [one for one in await service.list_orders() if one.state in _UNPAID or one.undo_until is not None]
    if not open_ones:
        return
    order, choice = life.chance.choice(open_ones), life.chance.random()
    if choice < 0.3:
        await life.try_it("asks about an order", lambda: life.as_person(person).refresh_order(order.uuid))
    elif choice < 0.55:
        await life.try_it("gives up or takes back", lambda: life.as_person(person).cancel_order(order.uuid))
    else:
        token = life.chance.choice(["", "tok_visa", "tok_declined"])
        request, key = PayOrder(_way(life, token), token), person.key()
        await life.try_it("pays another way", lambda: life.as_person(person).pay_order(order.uuid, request, key=key))
        await answer_pages(life, person, service)


_UNPAID = (OrderState.PENDING_CONSUMER, OrderState.PENDING_PROVIDER, OrderState.CANCELED)


def _way(life: Life, token: str) -> PaymentMethod:
    """A page, or a transfer, now and then by those who had begun with the other."""
    return PaymentMethod.INVOICE if not token and life.chance.random() < 0.3 else life.chance.choice(PAGES)


async def ask_about_payments(life: Life, person: Person, _service: Service) -> None:
    """Payments that wait for the buyer: asked about, or given up."""
    i = mm.PaymentIntent
    waiting = sa.select(i.uuid).join(m.Membership, m.Membership.organization_uuid == i.organization_uuid).where(
        i.state == PaymentState.ACTION_REQUIRED.value, i.purpose != "method", m.Membership.user_uuid == person.uuid
    )  # fmt: skip
    for uuid in await life.core.db.read(lambda c: list(c.execute(waiting.order_by(i.uuid)).scalars())):
        if life.chance.random() < 0.5:
            await life.try_it("asks", partial(_ask, life, person, uuid))
        elif life.chance.random() < 0.3:
            await life.try_it("gives up", partial(_give_up, life, person, uuid))


async def _deliver(life: Life, webhook: Webhook) -> None:
    await life.service.take_webhook(webhook)


async def _ask(life: Life, person: Person, uuid: str) -> None:
    await life.as_person(person).refresh_payment(uuid)


async def _give_up(life: Life, person: Person, uuid: str) -> None:
    await life.as_person(person).cancel_payment(uuid)


# ---- support


async def receive(life: Life, person: Person, service: Service) -> None:
    """Transfers come in: all, a part, too much; refunds are sent."""
    due = await service.list_transfers()
    if life.chance.random() < 0.25:
        await _receive_late(life, person, service)
    if not due:
        return
    one, key, bank = life.chance.choice(due), person.key(), person.key()
    left = one.amount - one.received
    amount = left if one.subject == "refund" else life.chance.choice([left, left, _half(left), left + Money(2_500_000)])
    request = ReceiveTransfer(one.reference, amount, bank)
    await life.try_it(
        f"{amount.decimal(2)} came for {one.reference}",
        lambda: life.as_person(person).receive_transfer(request, key=key),
    )


async def _receive_late(life: Life, person: Person, service: Service) -> None:
    """Money names an order or an invoice of any state: paid, given up, switched to a page."""
    orders = [transferred.reference_of(one.uuid) for one in await service.list_orders()]
    invoices = (await service.list_invoices(InvoiceQuery(kind=InvoiceKind.INVOICE))).items
    named = sorted(orders + [one.number for one in invoices if one.number])
    if not named:
        return
    request, key = ReceiveTransfer(life.chance.choice(named), dollars(life.chance, 1, 30), person.key()), person.key()
    await life.try_it(
        f"{request.amount.decimal(2)} came late for {request.reference}",
        lambda: life.as_person(person).receive_transfer(request, key=key),
    )


def _half(amount: Money) -> Money:
    unit = amount.minor_unit
    return Money(max(unit, amount.micros // 2 // unit * unit), amount.currency)


async def refund_by_support(life: Life, person: Person, service: Service) -> None:
    paid = (await service.list_invoices(InvoiceQuery(state=InvoiceState.PAID))).items
    if not paid:
        return
    invoice, key = life.chance.choice(paid), person.key()
    amount = None if life.chance.random() < 0.5 else dollars(life.chance, 1, 30)
    request = RefundRequest(
        invoice.uuid, amount, life.chance.choice(list(RefundReason)), ends_access=life.chance.random() < 0.3
    )

    async def work() -> None:
        preview = await life.as_person(person).preview_refund(request)
        await life.as_person(person).refund_invoice(request, preview.hash, key=key)

    await life.try_it(f"support refunds {invoice.number}", work)


async def settle_everything(life: Life) -> None:
    """The end: every page and debit comes to its end, every dispute is decided."""
    for charge_id in life.provider.charges_in(ACTION_REQUIRED):
        await life.provider.expire(charge_id)
    for charge_id in life.provider.charges_in(PROCESSING):
        await life.provider.settle_debit(charge_id, is_paid=True)
    for dispute_id in life.provider.disputes_open():
        await life.provider.close_dispute(dispute_id, life.chance.choice(["won", "lost"]))
    await inbox.poll(life.core)
