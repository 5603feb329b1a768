"""The arithmetic of an order in the fake: price, what is owned already, coupon, trial, tax."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.api.errors import InvalidInput
from services.api.money import Money
from services.api.types import (
    AppliedCoupon,
    BillingCycle,
    BillingDetails,
    Offering,
    OfferingCard,
    OrderSummary,
    PaymentMethod,
    Plan,
    QuickCheckout,
    SummaryLine,
)
from services.domain import billing
from services.domain.catalogue import YEARLY_MONTHS_PAID
from services.domain.taxes import Treatment, tax_on
from tests.samples import COUPONS

ZERO = Money.zero()


@dataclass(frozen=True)
class Bill:
    """`price` is one cycle before coupon and tax; `off` is what the coupon takes from the first one."""

    summary: OrderSummary
    price: Money
    off: Money
    coupon: AppliedCoupon | None
    details: BillingDetails


@dataclass(frozen=True)
class Buyer:
    """What the arithmetic knows of who buys. `prices`: a month of each part of a bundle."""

    treatment: Treatment
    details: BillingDetails
    owned: tuple[OfferingCard, ...]
    prices: dict[str, Money]
    balance: Money
    had_trial: bool


def bill(offering: Offering, plan: Plan, request: QuickCheckout, now: datetime, buyer: Buyer) -> Bill:
    """InvalidInput(coupon, start_trial, offering_uuid)."""
    card = offering.card
    base = billing.summarize(card.uuid, card.name, plan, request.billing_cycle, now)
    if base.total is None:
        return Bill(base, ZERO, ZERO, None, buyer.details)
    lines = [line for line in base.lines if line.kind != "tax"]
    if buyer.owned:
        lines = _completed(lines, offering, base.billing_cycle, buyer)
    price = sum((line.amount for line in lines), ZERO)
    coupon = _coupon(request.coupon, now) if request.coupon.strip() else None
    off = discount_of(coupon, price) if coupon else ZERO
    if coupon:
        params: dict[str, str | int | None] = {"code": coupon.code, "percent": coupon.percent}
        lines.append(SummaryLine("discount", "coupon", -off, params=params))
    is_trial, trial_days = request.start_trial, 0 if buyer.had_trial else plan.trial_days
    if is_trial and not trial_days:
        raise InvalidInput(fields={"start_trial": "trial_used" if buyer.had_trial else "not_available"})
    if is_trial:
        lines.append(SummaryLine("discount", "trial", off - price, params={"days": trial_days}))
    net = sum((line.amount for line in lines), ZERO)
    lines.append(_tax_line(net, buyer))
    total = net + lines[-1].amount
    later = price - off if coupon and (is_trial or coupon.periods_left != 1) else price
    summary = replace(
        base,
        lines=tuple(lines),
        total=total,
        renews_at=now + timedelta(days=trial_days) if is_trial else base.renews_at,
        renewal_total=tax_on(later, buyer.treatment).gross if base.renews_at else None,
        trial_days=trial_days,
        is_trial=is_trial,
        owned=tuple(one.name for one in buyer.owned),
        credit_left=_credit_left(request, total, buyer),
    )
    return Bill(summary, price, off, coupon, buyer.details)


def _completed(lines: list[SummaryLine], offering: Offering, cycle: BillingCycle, buyer: Buyer) -> list[SummaryLine]:
    """A bundle without the parts that are there already: the discount is on what is missing."""
    months = YEARLY_MONTHS_PAID if cycle is BillingCycle.YEARLY else 1
    owned = sum((buyer.prices[one.uuid] for one in buyer.owned), ZERO) * months
    missing = sum(buyer.prices.values(), ZERO) * months - owned
    if missing.is_zero:
        raise InvalidInput(fields={"offering_uuid": "already_used"})
    kept = [line for line in lines if line.label != "bundle"]
    names = ", ".join(one.name for one in buyer.owned)
    return [
        *kept,
        SummaryLine("discount", "owned", -owned, params={"names": names}),
        SummaryLine("discount", "bundle", -missing.share(offering.discount_percent, 100)),
    ]


def _coupon(text: str, now: datetime) -> AppliedCoupon:
    known = next((one for one in COUPONS if one.code == text.strip().upper()), None)
    if known is None:
        raise InvalidInput(fields={"coupon": "unknown"})
    if known.expires_at is not None and known.expires_at <= now:
        raise InvalidInput(fields={"coupon": "expired"})
    return AppliedCoupon(known.code, known.percent, known.amount, known.periods)


def _tax_line(net: Money, buyer: Buyer) -> SummaryLine:
    """Without a country nothing is computed."""
    if not buyer.details.country:
        return SummaryLine("tax", "test_mode", ZERO)
    treatment = buyer.treatment
    params: dict[str, str | int | None] = {"name": treatment.name, "rate": treatment.percent}
    return SummaryLine("tax", treatment.code, tax_on(net, treatment).tax, params=params)


def _credit_left(request: QuickCheckout, total: Money, buyer: Buyer) -> Money | None:
    if request.payment_method is not PaymentMethod.WALLET or buyer.balance < total:
        return None
    return buyer.balance - total


def part_price(part: Offering, plan: Plan) -> Money:
    """A month of the plan of the same name."""
    same = next((one for one in part.plans if one.slug == plan.slug), None)
    return (same.monthly_price if same else None) or ZERO


def discount_of(coupon: AppliedCoupon, amount: Money) -> Money:
    """What a coupon takes off; never more than there is."""
    if coupon.amount is not None:
        return min(coupon.amount, amount)
    return amount.share(int(coupon.percent), 100)
