"""A subscription's row as the domain sees it: its terms, its running cycle, and what is agreed for the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import BillingCycle, InvoiceState, SubscriptionState
from services.db import money_models as mm
from services.domain import billing, subscriptions
from services.domain.periods import Anchor, Period
from services.domain.subscriptions import Cycle, Terms
from services.embedded.money import agreed
from services.embedded.money.subscribing import last_piece

CHANGE_PLAN, CANCEL, PAUSE = "change_plan", "cancel", "pause"  # kinds of what is pending

_UNPAID = sa.select(sa.func.count()).where(
    mm.InvoiceRow.subscription_uuid == sa.bindparam("subscription"),
    mm.InvoiceRow.period_start < sa.bindparam("until"),
    mm.InvoiceRow.period_end > sa.bindparam("since"),
    mm.InvoiceRow.state.in_([InvoiceState.DRAFT.value, InvoiceState.OPEN.value, InvoiceState.UNCOLLECTIBLE.value]),
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What is subscribed to: a plan as it was agreed, by the month or the year, so many times."""

    plan_uuid: str
    terms: Mapping[str, Any]
    cycle: BillingCycle
    quantity: int

    @property
    def price(self) -> Money:
        """One cycle of one of the quantity."""
        return agreed.price_of(self.terms, self.cycle)

    @property
    def amount(self) -> Money:
        """One cycle of all of it."""
        return self.price * self.quantity

    @property
    def allowance(self) -> int | None:
        """Calls of a month that are included, for all of the quantity; None: unlimited."""
        return self.domain.allowance

    @property
    def domain(self) -> Terms:
        """As the rules of changes know it. What tells plans apart is the price list, not only the plan's name."""
        interval = agreed.interval_of(self.cycle)
        return Terms(self.plan_uuid, self.price, interval, self.quantity, self.terms["included"])

    def values(self) -> dict[str, Any]:
        """The columns of a subscription that say so."""
        return {
            "plan_uuid": self.plan_uuid, "terms": dict(self.terms), "cycle": self.cycle.value,
            "quantity": self.quantity, "price_micros": self.amount.micros, "currency": self.amount.currency,
            "billing_model": self.terms["model"],
        }  # fmt: skip


def agreement_of(row: Any) -> Agreement:  # Any: a row of SubscriptionRow
    """What is agreed now."""
    return Agreement(row.plan_uuid, row.terms, BillingCycle(row.cycle), row.quantity)


def to_json(agreement: Agreement) -> dict[str, Any]:
    """How an agreement is kept with a pending change."""
    return {"plan_uuid": agreement.plan_uuid, "terms": dict(agreement.terms), "cycle": agreement.cycle.value,
            "quantity": agreement.quantity}  # fmt: skip


def from_json(stored: Mapping[str, Any]) -> Agreement:
    """The reverse."""
    return Agreement(stored["plan_uuid"], stored["terms"], BillingCycle(stored["cycle"]), stored["quantity"])


def cycle_of(connection: Connection, row: Any, used_calls: int = 0) -> Cycle:
    """The running cycle. What was invoiced for it and is not paid yet cannot come back as credit."""
    agreement, zero = agreement_of(row), Money.zero(row.currency)
    current = last_piece(connection, row.uuid)
    asked = {"subscription": row.uuid, "since": row.period_start, "until": row.period_end}
    is_paid = connection.execute(_UNPAID, asked).scalar_one() == 0
    billed = Money(current.fee_micros, row.currency)
    return Cycle(
        terms=agreement.domain,
        anchor=Anchor.of(row.anchor_at, row.zone),
        period=Period(row.period_start, row.period_end),
        paid=Money(row.paid_micros, row.currency) if is_paid else zero,
        already_credited=Money(row.credited_micros, row.currency) if is_paid else zero,
        used_calls=used_calls,
        is_trial=row.state == SubscriptionState.TRIALING.value,
        billed=None if billed == agreement.amount else billed,
        paused_at=row.paused_at if row.state == SubscriptionState.PAUSED.value else None,
    )


@dataclass(frozen=True, slots=True)
class Coming:
    """The fee period after the running one."""

    agreement: Agreement
    anchor: datetime
    period: Period


def coming(row: Any) -> Coming | None:
    """What begins at the running period's end as things are agreed now; None when nothing does."""
    kind = row.pending.get("kind", "")
    over = (SubscriptionState.CANCELED.value, SubscriptionState.PAUSED.value)
    if kind in (CANCEL, PAUSE) or row.state in over:
        return None
    wanted = from_json(row.pending) if kind == CHANGE_PLAN else agreement_of(row)
    before, zero = agreement_of(row).domain, Money.zero(row.currency)
    is_trial = row.state == SubscriptionState.TRIALING.value
    anchored_anew = is_trial or not wanted.domain.interval.is_as_long_as(before.interval)
    anchor = Anchor.of(row.period_end if anchored_anew else row.anchor_at, row.zone)
    running = Cycle(wanted.domain, anchor, Period(row.period_start, row.period_end), zero, zero)
    following = subscriptions.renewed(running)
    return Coming(wanted, following.anchor.instant, following.period)


def periods_left(left: int, before: BillingCycle, after: BillingCycle) -> int:
    """How many periods a coupon covers after one that begins now, counted in months when their length changes."""
    months = left * billing.months_in(before)
    return max(0, -(-months // billing.months_in(after)) - 1)
