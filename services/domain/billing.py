"""What an order costs and when it repeats: the one arithmetic behind summary, order and receipt."""

from __future__ import annotations

from datetime import datetime

from services.api.money import Money
from services.api.types import BillingCycle, BillingModel, OrderSummary, Plan, SummaryLine
from services.domain import periods
from services.domain.catalogue import YEARLY_MONTHS_PAID
from services.domain.periods import MONTHLY, Anchor


def boundary(anchor: datetime, months: int) -> datetime:
    """The anchor plus `months` in UTC, clamped to the month's end (BILLING, "Periods")."""
    return periods.boundary(Anchor.of(anchor), MONTHLY, months)


def period_of(anchor: datetime, now: datetime) -> tuple[datetime, datetime]:
    """The monthly period [start, end) that holds `now`; instants before the anchor belong to the first one."""
    period = periods.period_at(Anchor.of(anchor), MONTHLY, max(anchor, now))
    return period.start, period.end


def _lines(plan: Plan, cycle: BillingCycle) -> tuple[SummaryLine, ...]:
    monthly = plan.monthly_price or Money.zero()
    listed = plan.list_monthly_price or monthly
    yearly = cycle is BillingCycle.YEARLY and plan.billing_model is BillingModel.SUBSCRIPTION
    months = 12 if yearly else 1
    paid_months = YEARLY_MONTHS_PAID if yearly else 1
    lines = [SummaryLine("price", "plan", listed * months, listed, months)]
    if yearly:
        lines.append(SummaryLine("discount", "yearly", -(listed * (months - paid_months))))
    if listed != monthly:
        lines.append(SummaryLine("discount", "bundle", (monthly - listed) * paid_months))
    lines.append(SummaryLine("tax", "test_mode", Money.zero(monthly.currency)))
    return tuple(lines)


def summarize(offering_uuid: str, offering_name: str, plan: Plan, cycle: BillingCycle, now: datetime) -> OrderSummary:
    """The arithmetic of one order placed at `now`. Plans that are free, per use or by quote have one cycle only."""
    if plan.billing_model is not BillingModel.SUBSCRIPTION:
        cycle = BillingCycle.MONTHLY
    priced = plan.billing_model is not BillingModel.QUOTE
    lines = _lines(plan, cycle) if priced else ()
    total = sum((line.amount for line in lines[1:]), lines[0].amount) if priced else None
    repeats = plan.billing_model is BillingModel.SUBSCRIPTION
    return OrderSummary(
        offering_uuid=offering_uuid,
        offering_name=offering_name,
        plan_uuid=plan.uuid,
        plan_name=plan.name,
        billing_model=plan.billing_model,
        billing_cycle=cycle,
        lines=lines,
        total=total,
        renews_at=boundary(now, 12 if cycle is BillingCycle.YEARLY else 1) if repeats else None,
        renewal_total=total if repeats else None,
    )
