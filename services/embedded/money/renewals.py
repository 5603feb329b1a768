"""What a period's end does: usage is closed, what was pending happens, the next period is charged in advance.

One invoice holds the fee of the next period and the calls of the last. The same composition, made at any other instant,
is the upcoming invoice. With calls on it the draft waits an hour, so that calls told late still join.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import InvoiceState, PaymentMethod, ResourceState, SubscriptionState
from services.db import models as m
from services.db import money_models as mm
from services.domain import billing, subscription_states
from services.domain.billing import Bought
from services.domain.discounts import Coupon
from services.domain.invoicing import Item
from services.domain.periods import Anchor, Period, period_at
from services.domain.subscription_states import Event
from services.embedded.core import Core, insert_into
from services.embedded.money import agreed, coupons, cycles, drafting, due, finalising, grants, subscribing, usage
from services.embedded.money.cycles import Agreement, Coming
from services.embedded.money.drafting import NewInvoice
from services.embedded.money.due import Due
from services.embedded.money.happenings import note_happening
from services.embedded.money.months import month_of
from services.embedded.orders import close_order

GRACE = timedelta(hours=1)  # in which calls told late still join a draft
FINALISE, COLLECT = "finalise", "collect"
_TICK = timedelta(microseconds=1)

_P, _R = mm.SubscriptionPeriod, m.ResourceRow
_PIECE = sa.update(_P).where(_P.subscription_uuid == sa.bindparam("subscription"), _P.number == sa.bindparam("piece"))
_AGENTS = sa.update(_R).where(_R.order_uuid == sa.bindparam("of_order"))
_SLUG = sa.select(m.OfferingRow.slug).where(m.OfferingRow.id == sa.bindparam("offering"))


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The next invoice of a subscription as it stands, and when it will be made."""

    new: NewInvoice
    at: datetime


def upcoming(connection: Connection, row: Any, now: datetime) -> Upcoming | None:
    """What will be charged next; None when nothing will. `row`: of SubscriptionRow."""
    if row.state in (SubscriptionState.CANCELED.value, SubscriptionState.PAUSED.value):
        return None
    until = max(now, row.period_start)
    ends = row.period_end
    if until < ends and row.state != SubscriptionState.TRIALING.value:
        month = subscribing.usage_boundary(row, until)
        if month < ends and (alone := compose(connection, row, None, month)) is not None:
            return Upcoming(alone, month)
    following = None if row.state == SubscriptionState.SUSPENDED.value else cycles.coming(row)
    new = compose(connection, row, following, ends)
    return None if new is None else Upcoming(new, ends)


def compose(
    connection: Connection, row: Any, following: Coming | None, until: datetime, invoice_uuid: str = ""
) -> NewInvoice | None:
    """The fee of what follows and the calls before `until` that are on no invoice (or on this one); None for nothing.
    A wallet that pays is asked for all of it."""
    counted = usage.billable(connection, row, until, invoice_uuid)
    fees = () if following is None else _fee(connection, row, following.agreement)
    if not fees and not counted.is_due:
        return None
    items = (*fees, *(counted.items if counted.is_due else ()))
    period = following.period if following is not None else month_of(row, until - _TICK)
    whole = sum((item.amount for item in items if not item.parent), Money.zero(row.currency))
    return NewInvoice(
        row.organization_uuid,
        items,
        row.currency,
        subscription_uuid=row.uuid,
        coupons=() if following is None else _coupons(row),
        credit_available=max(whole, Money.zero(row.currency)) if _by_wallet(row) else None,
        period=period,
        periods=dict(counted.periods),
        net_days=row.net_days,
    )


def _by_wallet(row: Any) -> bool:
    return bool(row.payment_method == PaymentMethod.WALLET.value)


def _fee(connection: Connection, row: Any, agreement: Agreement) -> tuple[Item, ...]:
    if agreement.amount.is_zero:
        return ()
    slug = connection.execute(_SLUG, {"offering": row.offering_id}).scalar_one()
    bought = Bought(row.offering_name, agreement.terms["name"], slug, row.uuid)
    return (billing.fee(bought, agreement.cycle, agreement.price, agreement.quantity),)


def _coupons(row: Any) -> tuple[Coupon, ...]:
    """The coupon, while it lasts."""
    coupon = coupons.from_json(row.coupon)
    return () if coupon is None or row.coupon_periods_left == 0 else (coupon,)


# ---- the end of a period


def on_period(core: Core, connection: Connection, item: Due) -> None:
    """A fee period, or a usage month of a yearly one, is over. What it finds changed meanwhile it leaves alone."""
    row = subscribing.find(connection, item.subject_uuid, lock=True)
    over = (SubscriptionState.CANCELED.value, SubscriptionState.PAUSED.value, SubscriptionState.TRIALING.value)
    if row.state in over or item.at != subscribing.usage_boundary(row, item.at - _TICK) or item.at <= row.period_start:
        return
    if item.at < row.period_end:
        bill(core, connection, row, None, item.at)
        subscribing.schedule_next(connection, row, item.at)
        note(core, connection, row, "usage_reset", item.at)
    elif row.pending.get("kind") == cycles.CANCEL:
        end(core, connection, row, item.at)
    elif row.state == SubscriptionState.SUSPENDED.value:  # nothing is charged in advance for what is not served
        bill(core, connection, row, None, item.at)
    elif row.pending.get("kind") == cycles.PAUSE:
        bill(core, connection, row, None, item.at)
        pause(core, connection, row, item.at, datetime.fromisoformat(row.pending["resume_at"]))
    else:
        begin(core, connection, row, item.at, "renewed")


def go_on(core: Core, connection: Connection, subscription_uuid: str, at: datetime) -> None:
    """To be called when a suspended subscription is served again: a period that ended meanwhile begins anew now."""
    row = subscribing.find(connection, subscription_uuid, lock=True)
    following = cycles.coming(row)
    if at < row.period_end or following is None or row.state == SubscriptionState.SUSPENDED.value:
        return
    anchor = Anchor.of(at, row.zone)
    period = period_at(anchor, agreed.interval_of(following.agreement.cycle), at)
    invoice_uuid = start_period(core, connection, row, Coming(following.agreement, anchor.instant, period), at)
    _note_charged(core, connection, subscribing.find(connection, row.uuid), "renewed", at, invoice_uuid)


def begin(core: Core, connection: Connection, row: Any, at: datetime, happened: str) -> None:
    """The next fee period begins at the running one's end: on the terms that were pending, or as before."""
    following = cycles.coming(row)
    if following is None:
        raise ValueError("nothing follows")
    invoice_uuid = start_period(core, connection, row, following, at)
    after = subscribing.find(connection, row.uuid)
    _note_charged(core, connection, after, happened, at, invoice_uuid)
    if row.pending.get("kind") == cycles.CHANGE_PLAN:
        note(core, connection, after, "plan_changed", at, old_plan=row.terms["name"])


def _note_charged(core: Core, connection: Connection, row: Any, kind: str, at: datetime, invoice_uuid: str) -> None:
    """With what the period's invoice comes to; a period that costs nothing has none."""
    if not invoice_uuid:
        note(core, connection, row, kind, at)
        return
    total = finalising.row_of(connection, invoice_uuid).total_micros
    note_happening(core, connection, row.organization_uuid, kind, at, ref=f"invoice:{invoice_uuid}",
                   name=row.offering_name, plan=row.terms["name"],
                   amount_micros=total, currency=row.currency)  # fmt: skip


def start_period(core: Core, connection: Connection, row: Any, following: Coming, at: datetime) -> str:
    """Writes the period down, charges it in advance and closes the calls before it. The invoice's uuid, "" for none."""
    before = cycles.agreement_of(row)
    state = SubscriptionState(row.state)
    if state is SubscriptionState.TRIALING:
        state = subscription_states.after(state, Event.TRIAL_ENDED)
    invoice_uuid, net = bill(core, connection, row, following, at)
    left = _periods_left(row, before, following.agreement)
    changed = subscribing.change(
        connection, row.uuid, state=state.value, anchor_at=following.anchor, period_start=following.period.start,
        period_end=following.period.end, period_index=row.period_index + 1, pending={}, paid_micros=net.micros,
        credited_micros=0, coupon_periods_left=left, **following.agreement.values(),
    )  # fmt: skip
    write_piece(connection, changed, subscribing.PAID, following.period, net, invoice_uuid)
    follow_plan(connection, changed)
    subscribing.schedule_next(connection, changed)
    return invoice_uuid


def _periods_left(row: Any, before: Agreement, after: Agreement) -> int | None:
    """How many periods the coupon covers after the one that begins."""
    left: int | None = row.coupon_periods_left
    return left if left is None or not row.coupon else cycles.periods_left(left, before.cycle, after.cycle)


def write_piece(
    connection: Connection, row: Any, kind: str, period: Period, fee: Money, invoice_uuid: str = ""
) -> None:
    """What is agreed from now on; the piece before it ends here, and one that lasted no time at all is replaced."""
    last = subscribing.last_piece(connection, row.uuid)
    this = {"subscription": row.uuid, "piece": last.number}
    if last.start_at >= period.start:
        new = subscribing.piece(row._mapping, last.number, kind, period, fee, invoice_uuid or last.invoice_uuid)
        connection.execute(_PIECE, this | new)
        return
    number = last.number + 1
    if last.end_at > period.start:
        connection.execute(_PIECE, this | {"end_at": period.start})
    elif last.end_at < period.start:  # nothing was served or charged while an invoice was unpaid
        between = Period(last.end_at, period.start)
        unserved = subscribing.piece(row._mapping, number, subscribing.SUSPENDED, between, Money.zero(row.currency))
        connection.execute(insert_into(_P), unserved)
        number += 1
    connection.execute(insert_into(_P), subscribing.piece(row._mapping, number, kind, period, fee, invoice_uuid))


def follow_plan(connection: Connection, row: Any) -> None:
    """The agents of a subscription are those of its plan."""
    connection.execute(_AGENTS, {"of_order": row.order_uuid, "plan_uuid": row.plan_uuid})


# ---- the invoice


def bill(core: Core, connection: Connection, row: Any, following: Coming | None, at: datetime) -> tuple[str, Money]:
    """Drafts the invoice of a boundary, to be made final in its time. Returns its uuid ("" for none) and what the fee
    comes to after its discount."""
    new = compose(connection, row, following, at)
    if new is None:
        return "", Money.zero(row.currency)
    written = drafting.draft_rows(core, connection, new, at)
    invoice_uuid = str(written.head["uuid"])
    usage.mark_billed(connection, row, at, invoice_uuid)
    has_calls = any(item.kind != "fee" for item in new.items)
    terms = None if following is None else cycles.to_json(following.agreement)
    due.schedule(
        connection, FINALISE, invoice_uuid, row.organization_uuid, at + GRACE if has_calls else at,
        subscription=row.uuid, until=at.isoformat(), agreement=terms, coupon=row.coupon if _coupons(row) else {},
    )  # fmt: skip
    fees = (line["amount_micros"] - line["discount_micros"] for line in written.lines if line["kind"] == "fee")
    return invoice_uuid, Money(sum(fees), row.currency)


def on_finalise(core: Core, connection: Connection, item: Due) -> None:
    """The draft becomes final, with the calls that were told meanwhile, and is collected."""
    invoice = finalising.row_of(connection, item.subject_uuid)
    if invoice.state != InvoiceState.DRAFT.value:
        return
    row = subscribing.find(connection, item.params["subscription"], lock=True)
    until = datetime.fromisoformat(item.params["until"])
    was_by_wallet = invoice.credit_micros > 0  # a card may have taken its place meanwhile
    if item.at > until or was_by_wallet or _by_wallet(row):  # else it was drafted at this very instant, as it is now
        drafting.redraft(core, connection, invoice.uuid, _again(connection, row, invoice, item))
        usage.mark_billed(connection, row, until, invoice.uuid)
    finalising.finalise(core, connection, invoice.uuid, item.at, net_days=row.net_days)
    is_open = finalising.row_of(connection, invoice.uuid).state == InvoiceState.OPEN.value
    if is_open and not row.net_days:
        due.schedule(connection, COLLECT, invoice.uuid, invoice.organization_uuid, item.at, part="0", attempt=0)


def _again(connection: Connection, row: Any, invoice: Any, item: Due) -> NewInvoice:
    """The contents of a draft as they are now: same fee and coupon, calls told late, the wallet's present balance."""
    counted = usage.billable(connection, row, datetime.fromisoformat(item.params["until"]), invoice.uuid)
    agreement = item.params["agreement"]
    fees = () if agreement is None else _fee(connection, row, cycles.from_json(agreement))
    coupon = coupons.from_json(item.params["coupon"])
    balance = grants.balance(connection, row.organization_uuid, row.currency, item.at) if _by_wallet(row) else None
    return NewInvoice(
        row.organization_uuid,
        (*fees, *(counted.items if counted.is_due else ())),
        row.currency,
        subscription_uuid=row.uuid,
        coupons=(coupon,) if coupon is not None and fees else (),
        credit_available=balance,
        period=Period(invoice.period_start, invoice.period_end),
        periods=dict(counted.periods),
        net_days=row.net_days,
    )


# ---- endings and pauses


def end(core: Core, connection: Connection, row: Any, at: datetime, *, reason: str = "") -> None:
    """Nothing goes on: its agents are retired, what is left to pay of calls is billed."""
    state = subscription_states.after(SubscriptionState(row.state), Event.CANCELED)
    bill(core, connection, row, None, at)
    subscribing.change(connection, row.uuid, state=state.value, ended_at=at, pending={}, cancel_at=None,
                       resumes_at=None)  # fmt: skip
    due.drop(connection, row.uuid)
    connection.execute(_AGENTS, {"of_order": row.order_uuid, "state": ResourceState.RETIRED.value})
    close_order(connection, row.order_uuid)
    note(core, connection, row, "canceled", at, **({"reason": reason} if reason else {}))


def pause(core: Core, connection: Connection, row: Any, at: datetime, resume_at: datetime) -> None:
    """No calls and no charges from `at` until `resume_at`."""
    state = subscription_states.after(SubscriptionState(row.state), Event.PAUSED)
    last = subscribing.last_piece(connection, row.uuid)
    paused = subscribing.change(connection, row.uuid, state=state.value, paused_at=at, resumes_at=resume_at, pending={})
    fee = Money(last.fee_micros, row.currency)
    write_piece(connection, paused, subscribing.PAUSED, Period(at, resume_at), fee)
    due.drop(connection, row.uuid)
    due.schedule(connection, "resume", row.uuid, row.organization_uuid, resume_at, part=at.isoformat())
    note(core, connection, row, "paused", at, until=resume_at.isoformat())


def note(core: Core, connection: Connection, row: Any, kind: str, at: datetime, **params: str | int | None) -> None:
    note_happening(core, connection, row.organization_uuid, kind, at, ref=f"upcoming:{row.uuid}",
                   name=row.offering_name, plan=row.terms["name"], **params)  # fmt: skip
