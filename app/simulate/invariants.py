"""What must hold at the end of every simulated life, read from the database and from the provider's own record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.simulate import access, fees
from app.simulate.evidence import Check, Life, sums
from services.api.money import Money
from services.api.types import InvoiceKind, InvoiceState
from services.db import models as m
from services.db import money_models as mm
from services.db import payment_models as pm
from services.domain.ledger import AccountKind
from services.embedded.money import due, ledger, rollups
from services.embedded.money.finalising import SERIES
from services.embedded.money.months import month_of
from services.embedded.orders import PENDING
from services.embedded.ways import TRANSFER

_E, _I, _L = mm.LedgerEntry, mm.InvoiceRow, mm.InvoiceLineRow
_S, _U = mm.SubscriptionRow, m.UsageEvent
Rows = Any  # rows of SQLAlchemy


def broken(life: Life) -> list[str]:
    """Everything that does not hold, in words; empty for a good life."""
    return [f"{check.__name__}: {found}" for check in (*CHECKS, *fees.CHECKS, *access.CHECKS) for found in check(life)]


def books_are_sound(life: Life) -> Iterator[str]:
    """Chain, sums and guards; the trial balance is zero in every currency."""
    if fault := ledger.verify(life.connection, life.ledger_key).fault:
        yield f"{fault.what} at {fault.organization_uuid} {fault.seq} {fault.detail}"
    rows = life.connection.execute(sa.select(_E.currency, sa.func.sum(_E.amount_micros)).group_by(_E.currency))
    for currency, micros in rows:
        if micros:
            yield f"trial balance {currency} {micros}"


def floors_hold(life: Life) -> Iterator[str]:
    """No wallet, hold or deferred revenue below zero."""
    for kind in (AccountKind.WALLET_PAID, AccountKind.WALLET_PROMO, AccountKind.HOLDS, AccountKind.DEFERRED_REVENUE):
        for place, micros in sums(life, kind).items():
            if micros < 0:
                yield f"{kind.value} of {place} is {micros}"


def provider_agrees(life: Life) -> Iterator[str]:
    """What the provider charged and gave back is what our clearing account says, to the micro."""
    ours = -sum(micros for (_, sub), micros in sums(life, AccountKind.CLEARING).items() if sub != TRANSFER)
    theirs = sum(charged - refunded for charged, refunded in life.charges.values()) - life.disputed
    if ours != theirs:
        yield f"clearing says {ours}, the provider {theirs}"


def nobody_is_charged_twice(life: Life) -> Iterator[str]:
    """Each succeeded charge belongs to exactly one payment of ours, and each paid payment to one charge."""
    orders = life.connection.execute(
        sa.select(m.PaymentRow.charge_id).where(
            m.PaymentRow.state == "succeeded", m.PaymentRow.charge_id != "", m.PaymentRow.provider != TRANSFER
        )
    ).scalars()
    intents = life.connection.execute(
        sa.select(mm.PaymentIntent.charge_id).where(
            mm.PaymentIntent.state == "succeeded", mm.PaymentIntent.purpose != "refund"
        )
    ).scalars()
    ours = [*orders, *intents]
    if len(set(ours)) != len(ours):
        yield "one charge pays for two things"
    for charge in set(life.charges) - set(ours):
        charged, refunded = life.charges[charge]
        if charged != refunded:
            yield f"the provider has {charge} over {charged - refunded}, and we do not"
    for charge in set(ours) - set(life.charges):
        yield f"we have {charge}, and the provider does not"


def numbers_have_no_gaps(life: Life) -> Iterator[str]:
    """Every series counts 1, 2, 3, ... and its counter says how far."""
    found: dict[str, list[int]] = defaultdict(list)
    for number in life.connection.execute(sa.select(_I.number).where(_I.number.is_not(None))).scalars():
        series, _, count = str(number).rpartition("-")
        found[series].append(int(count))
    rows = life.connection.execute(sa.select(mm.NumberSeries.name, mm.NumberSeries.last))
    counters = {row.name: row.last for row in rows}
    for series, counts in found.items():
        if sorted(counts) != list(range(1, len(counts) + 1)):
            yield f"series {series} has {sorted(counts)}"
        if counters.get(series) != len(counts):
            yield f"series {series} is counted to {counters.get(series)} and has {len(counts)}"
        if series.split("-")[0] not in SERIES.values():
            yield f"unknown series {series}"


def invoices_add_up(life: Life) -> Iterator[str]:
    """Lines -> subtotal -> discount -> credit -> tax -> total; explaining lines sum to what they explain."""
    lines: dict[str, list[Rows]] = defaultdict(list)
    for line in life.connection.execute(sa.select(*_L.__table__.c).order_by(_L.invoice_uuid, _L.position)):
        lines[line.invoice_uuid].append(line)
    for invoice in life.connection.execute(sa.select(*_I.__table__.c)):
        name = f"{invoice.kind} {invoice.number or invoice.uuid}"
        mine = lines[invoice.uuid]
        yield from _sums_of(name, invoice, mine)
        yield from _trees_of(name, mine)


def _sums_of(name: str, invoice: Rows, lines: list[Rows]) -> Iterator[str]:
    roots = [line for line in lines if not line.parent_uuid]
    charged = [line for line in roots if line.kind not in ("discount", "credit")]
    sums = {
        "subtotal": (invoice.subtotal_micros, sum(line.amount_micros for line in charged)),
        "discount": (invoice.discount_micros, -sum(line.amount_micros for line in roots if line.kind == "discount")),
        "credit": (invoice.credit_micros, -sum(line.amount_micros for line in roots if line.kind == "credit")),
        "tax": (invoice.tax_micros, sum(tax[3] for tax in invoice.taxes)),
        "total": (
            invoice.total_micros,
            invoice.subtotal_micros - invoice.discount_micros - invoice.credit_micros + invoice.tax_micros,
        ),
    }
    for what, (said, is_so) in sums.items():
        if said != is_so:
            yield f"{name}: {what} is {said}, its parts {is_so}"
    if Money(invoice.total_micros, invoice.currency).rounded().micros != invoice.total_micros:
        yield f"{name}: total is not in whole minor units"


def _trees_of(name: str, lines: list[Rows]) -> Iterator[str]:
    by_uuid = {line.uuid: line for line in lines}
    parts: dict[str, int] = defaultdict(int)
    for line in lines:
        if line.parent_uuid:
            parts[line.parent_uuid] += line.amount_micros
    for parent, micros in parts.items():
        whole = by_uuid[parent]
        exact = whole.amount_micros if whole.parent_uuid else None
        rounded = Money(micros, whole.currency).rounded().micros
        if (exact is None and rounded != whole.amount_micros) or (exact is not None and exact != micros):
            yield f"{name}: the parts of {whole.kind} are {micros}, it says {whole.amount_micros}"


def invoices_are_paid_once(life: Life) -> Iterator[str]:
    """paid <= total, credit notes <= invoice, a paid invoice is covered, receivables are what is open."""
    owed: dict[str, int] = defaultdict(int)
    for invoice in life.connection.execute(sa.select(*_I.__table__.c).where(_I.kind == InvoiceKind.INVOICE.value)):
        due_now = invoice.total_micros - invoice.paid_micros - invoice.credited_micros
        if invoice.paid_micros > invoice.total_micros or invoice.credited_micros > invoice.total_micros:
            yield f"{invoice.number}: paid {invoice.paid_micros}, credited {invoice.credited_micros}"
        if invoice.state == InvoiceState.PAID.value and due_now > 0:
            yield f"{invoice.number} is paid, and {due_now} is missing"
        if invoice.state == InvoiceState.OPEN.value:
            owed[invoice.organization_uuid] += max(0, due_now)
    receivable = sums(life, AccountKind.RECEIVABLE)
    for organization in {place[0] for place in receivable} | set(owed):
        if -receivable.get((organization, ""), 0) != owed[organization]:
            yield f"receivable of {organization} is {receivable.get((organization, ''), 0)}, open {owed[organization]}"


def periods_tile(life: Life) -> Iterator[str]:
    """The periods of a subscription follow each other without gap or overlap."""
    p = mm.SubscriptionPeriod
    before: Rows = None
    for row in life.connection.execute(sa.select(*p.__table__.c).order_by(p.subscription_uuid, p.number)):
        if row.end_at < row.start_at:
            yield f"{row.subscription_uuid} {row.number} ends before it starts"
        is_next = before is not None and before.subscription_uuid == row.subscription_uuid
        if is_next and before.end_at != row.start_at:
            yield f"{row.subscription_uuid} {row.number} starts {row.start_at}, the one before ended {before.end_at}"
        before = row


def usage_is_counted(life: Life) -> Iterator[str]:
    """Monthly, daily and hourly totals are the sums of the events; nothing is left reserved for ever."""
    events = life.connection.execute(sa.select(*_U.__table__.c).where(_U.purpose != "test")).all()
    sums: dict[tuple[str, str, datetime], list[int]] = defaultdict(lambda: [0, 0])
    for event in events:
        if event.state != "settled":
            yield f"{event.source}:{event.id} is still {event.state}"
            continue
        for grain, start in rollups.starts(event.at):
            place = sums[event.resource_uuid, grain, start]
            place[0] += event.quantity
            place[1] += event.cost_micros
    kept = {
        (row.resource_uuid, row.grain, row.start_at): [row.calls, row.cost_micros]
        for row in life.connection.execute(sa.select(*mm.UsageRollup.__table__.c))
        if row.calls or row.cost_micros
    }
    if kept != dict(sums):
        yield f"rollups differ: {len(kept)} kept, {len(sums)} counted"
    yield from _months(life, events)


def _months(life: Life, events: Rows) -> Iterator[str]:
    totals = m.UsageTotal
    calls = life.connection.execute(sa.select(sa.func.sum(totals.calls), sa.func.sum(totals.cost_micros))).one()
    counted = sum(event.quantity for event in events), sum(event.cost_micros for event in events)
    if (int(calls[0] or 0), int(calls[1] or 0)) != counted:
        yield f"monthly totals say {tuple(calls)}, the events {counted}"


def included_calls_are_free(life: Life) -> Iterator[str]:
    """A call within its month's allowance costs nothing; what pays is one of the four."""
    for event in life.connection.execute(sa.select(*_U.__table__.c)):
        if event.paid_from not in ("included", "wallet", "invoice", "test"):
            yield f"{event.source}:{event.id} is paid from {event.paid_from}"
        if (event.paid_from in ("included", "test")) != (event.cost_micros == 0):
            yield f"{event.source}:{event.id} costs {event.cost_micros} and is paid from {event.paid_from}"


def caps_hold(life: Life) -> Iterator[str]:
    """No window has used more than the highest limit its cap ever had in this life (limits are only raised here), apart
    from calls that were told afterwards: nobody could refuse those."""
    afterwards = sa.select(sa.func.coalesce(sa.func.sum(_U.cost_micros), 0)).where(_U.source != "chat")
    told = int(life.connection.execute(afterwards).scalar_one())
    for row in life.connection.execute(
        sa.select(mm.CapTotal, mm.SpendingCap.limit_micros, mm.SpendingCap.raised_micros)
        .with_only_columns(
            mm.CapTotal.cap_uuid, mm.CapTotal.used_micros, mm.CapTotal.held_micros, mm.SpendingCap.limit_micros,
            mm.SpendingCap.raised_micros,
        )
        .join(mm.SpendingCap, mm.SpendingCap.uuid == mm.CapTotal.cap_uuid)
    ):  # fmt: skip
        if row.used_micros - told > max(row.limit_micros, row.raised_micros or 0):
            yield f"cap {row.cap_uuid} used {row.used_micros} of {row.limit_micros}"
        if row.held_micros != 0:
            yield f"cap {row.cap_uuid} still holds {row.held_micros}"


def holds_are_over(life: Life) -> Iterator[str]:
    """Every hold is settled or released, and the account of holds is empty."""
    left = life.connection.execute(sa.select(mm.HoldRow.key).where(mm.HoldRow.state == "held")).scalars().all()
    if left:
        yield f"held: {left}"
    if any(sums(life, AccountKind.HOLDS).values()):
        yield f"holds: {sums(life, AccountKind.HOLDS)}"


def nothing_is_left_undone(life: Life) -> Iterator[str]:
    """No due item, payment or job is open that could have been done by now."""
    coming = due.next_due(life.connection)
    if coming is not None and coming.at <= life.now:
        yield f"{coming.key} was due {coming.at}"
    by_hand = (mm.PaymentIntent.provider == TRANSFER, m.PaymentRow.provider == TRANSFER)
    intents = sa.select(mm.PaymentIntent.uuid).where(
        mm.PaymentIntent.state.in_(["sent", "action_required", "processing"]), sa.not_(by_hand[0])
    )
    orders = (
        sa.select(m.OrderRow.uuid)
        .join(m.PaymentRow, m.PaymentRow.order_uuid == m.OrderRow.uuid)
        .where(m.OrderRow.state.in_(PENDING), sa.not_(by_hand[1]))
    )
    for what, statement in (("payment", intents), ("order", orders)):
        for uuid in life.connection.execute(statement).scalars():
            yield f"{what} {uuid} has no outcome"
    events = life.connection.execute(sa.select(pm.ProviderEvent.event_id).where(pm.ProviderEvent.state == "new"))
    for event_id in events.scalars():
        yield f"event {event_id} was not looked at"


def bills_are_complete(life: Life) -> Iterator[str]:
    """Every call that costs and ended in a closed month stands on an invoice, once. A pause makes months longer, so
    subscriptions that had one are left out."""
    resources, pieces = m.ResourceRow, mm.SubscriptionPeriod
    paused = sa.select(pieces.subscription_uuid).where(pieces.kind == "paused")
    rows = life.connection.execute(
        sa.select(_U.source, _U.id, _U.at, _U.recorded_at, _S.anchor_at, _S.zone, _S.period_start)
        .join(resources, resources.uuid == _U.resource_uuid)
        .join(_S, _S.order_uuid == resources.order_uuid)
        .where(_U.invoice_uuid == "", _U.cost_micros > 0, _U.state == "settled", _S.uuid.not_in(paused))
        .where(_S.state.in_(["active", "past_due"]))
    )
    for row in rows:
        month = month_of(row, row.at)
        is_late = row.recorded_at is not None and row.recorded_at >= month.end
        if month.end < month_of(row, life.now).start and not is_late:
            yield f"{row.source}:{row.id} of {row.at} is on no invoice"


CHECKS: tuple[Check, ...] = (
    books_are_sound,
    floors_hold,
    provider_agrees,
    nobody_is_charged_twice,
    numbers_have_no_gaps,
    invoices_add_up,
    invoices_are_paid_once,
    periods_tile,
    usage_is_counted,
    included_calls_are_free,
    caps_hold,
    holds_are_over,
    nothing_is_left_undone,
    bills_are_complete,
)
