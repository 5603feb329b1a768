"""What people see at the end of a life, asked of the public service: trees that add up, invoices that come as told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.simulate.life import Life
from services.api.contract import Service
from services.api.money import Money
from services.api.types import Explanation, Invoice, InvoiceQuery, MovementQuery, PaymentMethod
from services.db import money_models as mm
from services.embedded.money import trees
from services.embedded.money.renewals import GRACE

INVOICES_AWAITED = 2
PAGE = 200
HARMLESS = ("recognise", "hold_expires", "trial_reminder", "alert", "quote_expires")  # move no amount of an invoice
ROUNDED = ("invoice:", "line:", "upcoming:")  # whose sums are whole minor units; all others are exact
OWN_TREES = ("payment", "refund")  # shown with what was paid or sent, and open the whole document


async def seen(life: Life) -> list[str]:
    """Everything that people see and that does not hold, in words. Time goes on meanwhile."""
    found = [f"trees_add_up: {broken}" async for broken in trees_add_up(life)]
    for _ in range(INVOICES_AWAITED):
        found += [f"invoices_come_as_told: {broken}" async for broken in invoices_come_as_told(life)]
    return found


# ---- explanations


async def trees_add_up(life: Life) -> AsyncIterator[str]:
    """The children of every node come to its amount, to the micro, and are shown as they are."""
    of_kind: dict[str, list[tuple[Service, str]]] = defaultdict(list)
    for service in map(life.as_person, life.people):
        for ref in await refs_of(service):
            of_kind[ref.partition(":")[0]].append((service, ref))
    for kind in sorted(of_kind):  # one tree of each
        async for broken in walked(*life.chance.choice(of_kind[kind])):
            yield broken


async def refs_of(service: Service) -> list[str]:
    """The roots of all trees somebody can open."""
    organizations = [one.uuid for one in (await service.get_account()).organizations]
    found = [f"{kind}:{uuid}" for uuid in organizations for kind in ("wallet", "spent")]
    found += [f"invoice:{one.uuid}" for one in (await service.list_invoices(InvoiceQuery())).items]
    found += [f"upcoming:{one.subscription_uuid}" for one in await service.list_upcoming()]
    found += [f"usage:{one.uuid}" for one in await service.list_resources()]
    found += [f"movement:{one.uuid}" for one in (await service.list_movements(MovementQuery())).items]
    found += [f"credit:{one.uuid}" for one in (await service.get_wallet()).credits]
    return sorted(found)


async def walked(service: Service, ref: str) -> AsyncIterator[str]:
    """What does not add up anywhere below a root."""
    node = await service.explain(ref, limit=PAGE)
    children = list(node.children)
    while len(children) < node.child_count:
        page = await service.explain(ref, offset=len(children), limit=PAGE)
        if not page.children:
            yield f"{ref} has {len(children)} children, and says {node.child_count}"
            return
        children += page.children
    if node.amount is None:
        yield f"{ref} has no amount"
        return
    zero = Money.zero(node.amount.currency)
    whole = sum((child.amount or zero for child in children), zero)
    if children and whole != node.amount:
        yield f"{ref} {node.kind} is {node.amount}, its children {whole}"
    for child in children:
        if child.kind == trees.REST or (child.kind == trees.ROUNDING and not ref.startswith(ROUNDED)):
            yield f"{ref} has a rest of {child.amount}"
        if child.child_count and child.kind not in OWN_TREES:
            async for broken in _below(service, child):
                yield broken


async def _below(service: Service, child: Explanation) -> AsyncIterator[str]:
    opened = await service.explain(child.ref, limit=1)
    if (opened.kind, opened.amount, opened.child_count) != (child.kind, child.amount, child.child_count):
        yield f"{child.ref} is shown as {child.kind} {child.amount}, and opens as {opened.kind} {opened.amount}"
    async for broken in walked(service, child.ref):
        yield broken


# ---- the next invoice


async def invoices_come_as_told(life: Life) -> AsyncIterator[str]:
    """When only time passes, the soonest upcoming invoice is the next one, to the micro."""
    services = [life.as_person(person) for person in life.people]
    told = [
        (one.expected_at, one.uuid, one, service)
        for service in services
        for one in await service.list_upcoming()
        if one.expected_at is not None and one.expected_at > life.clock.now()
    ]
    if not told:
        return
    at, _, soonest, service = min(told, key=lambda one: one[:2])
    is_alone = await life.core.db.read(lambda connection: _nothing_moves_before(connection, at))
    life.clock.advance(at + GRACE + timedelta(minutes=1) - life.clock.now())
    await life.work()
    if is_alone:
        for broken in await _as_told(service, soonest):
            yield broken


def _nothing_moves_before(connection: Connection, at: datetime) -> bool:
    d = mm.DueItem
    before = sa.select(d.key).where(d.done_at.is_(None), d.due_at < at, d.kind.not_in(HARMLESS)).limit(1)
    return connection.execute(before).first() is None


async def _as_told(service: Service, told: Invoice) -> Sequence[str]:
    made = [
        one for one in (await service.list_invoices(InvoiceQuery())).items
        if (one.subscription_uuid, one.created_at, one.corrects_uuid) == (told.subscription_uuid, told.expected_at, "")
    ]  # fmt: skip
    if len(made) != 1:
        return [f"{told.total} of {told.subscription_uuid} was told for {told.expected_at}, {len(made)} invoices came"]
    subscription = await service.get_subscription(told.subscription_uuid)
    by_wallet = subscription.payment_method is PaymentMethod.WALLET  # pays as far as it goes by then
    sums = [(one.subtotal, one.discount, None if by_wallet else one.total) for one in (told, made[0])]
    return [] if sums[0] == sums[1] else [f"{made[0].number or made[0].uuid} was told as {sums[0]}, and is {sums[1]}"]
