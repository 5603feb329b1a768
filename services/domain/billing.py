"""What an order costs and when it repeats: the one arithmetic behind summary, order and first invoice.

Whatever the price depends on besides the plan is a `Buyer`. The sums are those of `invoicing.compose`, from the same
items as the invoice, so the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from services.api.money import Money, Rate, split_largest_remainder
from services.api.types import BillingCycle, BillingModel, OrderSummary, Plan, SummaryLine
from services.domain import bundles, periods
from services.domain.catalogue import YEARLY_MONTHS_PAID, yearly_price
from services.domain.discounts import Coupon, periods_left
from services.domain.invoicing import Draft, Item, compose
from services.domain.periods import MONTHLY, YEARLY, Anchor, Interval, trial_end
from services.domain.taxes import UNTAXED, Treatment

FEE = "fee"  # the id of the item a period is charged with


def boundary(anchor: datetime, months: int) -> datetime:
    """The anchor plus `months` in UTC, clamped to the month's end (BILLING, "Periods")."""
    return periods.boundary(Anchor.of(anchor), MONTHLY, months)


def period_of(anchor: datetime, now: datetime) -> tuple[datetime, datetime]:
    """The monthly period [start, end) that holds `now`; instants before the anchor belong to the first one."""
    period = periods.period_at(Anchor.of(anchor), MONTHLY, max(anchor, now))
    return period.start, period.end


def interval_of(cycle: BillingCycle) -> Interval:
    """The length of a fee period. Allowances are monthly in every cycle."""
    return YEARLY if cycle is BillingCycle.YEARLY else MONTHLY


def price_of(monthly: Money, cycle: BillingCycle) -> Money:
    """What one cycle costs: a month, or a year at ten months' price."""
    return (yearly_price(monthly) or monthly) if cycle is BillingCycle.YEARLY else monthly


# ---- the items of an invoice


@dataclass(frozen=True, slots=True)
class Bought:
    """What a fee is for, in the words of an invoice line; `offering` is its slug, which coupons look at."""

    name: str
    plan: str
    offering: str = ""
    subscription: str = ""


def fee(bought: Bought, cycle: BillingCycle, price: Money, quantity: int = 1) -> Item:
    """One cycle of `quantity`, at `price` each."""
    return Item(
        FEE,
        price * quantity,
        "fee",
        params={"name": bought.name, "plan": bought.plan, "cycle": cycle.value},
        quantity=Decimal(quantity),
        unit=Rate(price.micros, 1, price.currency),
        offering=bought.offering,
        subscription=bought.subscription,
    )


def months_in(cycle: BillingCycle) -> int:
    """Months of a cycle; a coupon of three months covers one yearly period."""
    return interval_of(cycle).months


# ---- an order


@dataclass(frozen=True, slots=True)
class Part:
    """One agent of a bundle, and whether the organization has it already."""

    offering: str
    name: str
    is_owned: bool = False


@dataclass(frozen=True, slots=True)
class Buyer:
    """What the price depends on besides the plan; the default is a guest. `treatment` None: no country is known.
    `credit`: the wallet's balance, when the wallet is to pay. `trial_days`: a trial this buyer may start."""

    treatment: Treatment | None = None
    coupon: Coupon | None = None
    credit: Money | None = None
    parts: tuple[Part, ...] = ()
    discount_percent: int = 0
    trial_days: int = 0
    is_trial: bool = False
    offering: str = ""  # slug


@dataclass(frozen=True, slots=True)
class Bill:
    """`monthly` is the price agreed for a month of what is ordered (of a bundle: of what is missing).
    `nothing_missing`: all of it is there already and there is nothing to order."""

    summary: OrderSummary
    monthly: Money | None
    nothing_missing: bool = False


def summarize(
    offering_uuid: str, offering_name: str, plan: Plan, cycle: BillingCycle, now: datetime, buyer: Buyer = Buyer()
) -> OrderSummary:
    """The arithmetic of one order placed at `now`."""
    return bill(offering_uuid, offering_name, plan, cycle, now, buyer).summary


def bill(offering_uuid: str, offering_name: str, plan: Plan, cycle: BillingCycle, now: datetime, buyer: Buyer) -> Bill:
    """The arithmetic of one order placed at `now`. Plans that are free, per use or by quote have one cycle only."""
    repeats = plan.billing_model is BillingModel.SUBSCRIPTION
    cycle = cycle if repeats else BillingCycle.MONTHLY
    summary = OrderSummary(
        offering_uuid=offering_uuid,
        offering_name=offering_name,
        plan_uuid=plan.uuid,
        plan_name=plan.name,
        billing_model=plan.billing_model,
        billing_cycle=cycle,
        lines=(),
        total=None,
        renews_at=None,
        renewal_total=None,
        trial_days=buyer.trial_days,
        is_trial=buyer.is_trial,
        owned=tuple(part.name for part in buyer.parts if part.is_owned),
    )
    if plan.billing_model is BillingModel.QUOTE:
        return Bill(summary, None)
    lines, monthly = _goods(plan, cycle, buyer)
    item = fee(Bought(offering_name, plan.name, buyer.offering), cycle, price_of(monthly, cycle))
    now_due = _composed(item, buyer, used=0)
    summary = replace(
        summary,
        lines=(*lines, *_adjustments(now_due, buyer)),
        total=Money.zero(monthly.currency) if buyer.is_trial else _to_pay(now_due),
        credit_left=_credit_left(now_due, buyer),
    )
    if repeats:
        changes = buyer.coupon is not None and not buyer.is_trial
        later = _composed(item, buyer, used=1) if changes else now_due
        ends = trial_end(now, buyer.trial_days) if buyer.is_trial else boundary(now, months_in(cycle))
        summary = replace(summary, renews_at=ends, renewal_total=_to_pay(later))
    missing = [part for part in buyer.parts if not part.is_owned]
    return Bill(summary, monthly, bool(buyer.parts) and not missing)


def _goods(plan: Plan, cycle: BillingCycle, buyer: Buyer) -> tuple[list[SummaryLine], Money]:
    """The lines down to the price of one cycle, and the monthly price they come to."""
    monthly = plan.monthly_price or Money.zero()
    listed = plan.list_monthly_price or monthly
    is_yearly = cycle is BillingCycle.YEARLY
    months, paid_months = (12, YEARLY_MONTHS_PAID) if is_yearly else (1, 1)
    lines = [SummaryLine("price", "plan", listed * months, listed, months)]
    if is_yearly:
        lines.append(SummaryLine("discount", "yearly", -(listed * (months - paid_months))))
    if any(part.is_owned for part in buyer.parts):
        return _completed(lines, listed, cycle, buyer)
    if listed != monthly:
        lines.append(SummaryLine("discount", "bundle", (monthly - listed) * paid_months))
    return lines, monthly


def _completed(
    lines: list[SummaryLine], listed: Money, cycle: BillingCycle, buyer: Buyer
) -> tuple[list[SummaryLine], Money]:
    """A bundle without the parts that are there already: its discount is on what is missing."""
    shares = split_largest_remainder(listed.minor, [1] * len(buyer.parts))
    prices = [
        (part.offering, Money(share * listed.minor_unit, listed.currency))
        for part, share in zip(buyer.parts, shares, strict=True)
    ]
    owned = [part for part in buyer.parts if part.is_owned]
    done = bundles.complete(prices, [part.offering for part in owned], buyer.discount_percent, cycle)
    months = YEARLY_MONTHS_PAID if cycle is BillingCycle.YEARLY else 1
    names = ", ".join(part.name for part in owned)
    lines = [*lines, SummaryLine("discount", "owned", done.listed - listed * months, params={"names": names})]
    if not done.discount.is_zero:
        lines.append(SummaryLine("discount", "bundle", -done.discount))
    monthly = bundles.complete(prices, [part.offering for part in owned], buyer.discount_percent)
    return lines, monthly.total


def _composed(item: Item, buyer: Buyer, *, used: int) -> Draft:
    """The invoice of one cycle after `used` of them."""
    cycle = BillingCycle(str(item.params["cycle"]))
    return compose(
        (item,),
        currency=item.amount.currency,
        treatment=buyer.treatment or UNTAXED,
        coupons=covering(buyer.coupon, used, cycle),
        credit_available=item.amount if buyer.credit is not None else None,
    )


def covering(coupon: Coupon | None, used: int, cycle: BillingCycle) -> Sequence[Coupon]:
    """The coupon, while it covers the next cycle after `used` of them."""
    return (coupon,) if coupon is not None and periods_left(coupon, used, months_in(cycle)) != 0 else ()


def _to_pay(draft: Draft) -> Money:
    """What leaves the card, or the wallet."""
    return draft.credit_applied + draft.due


def _credit_left(draft: Draft, buyer: Buyer) -> Money | None:
    """What the wallet holds afterwards; None when it does not pay or cannot."""
    left = None if buyer.credit is None else buyer.credit - draft.credit_applied
    return None if left is None or left.micros < 0 else left


def _adjustments(draft: Draft, buyer: Buyer) -> list[SummaryLine]:
    """Coupon, trial and tax: what stands between the price and the total."""
    lines = []
    if buyer.coupon is not None:
        percent = format(buyer.coupon.percent.normalize(), "f") if buyer.coupon.percent is not None else ""
        params: dict[str, str | int | None] = {"code": buyer.coupon.code, "percent": percent}
        lines.append(SummaryLine("discount", "coupon", -draft.discount_total, params=params))
    if buyer.is_trial:
        off = draft.discount_total - draft.subtotal
        lines.append(SummaryLine("discount", "trial", off, params={"days": buyer.trial_days}))
    lines.append(_tax_line(draft, buyer))
    return lines


def _tax_line(draft: Draft, buyer: Buyer) -> SummaryLine:
    nothing = Money.zero(draft.total.currency)
    if buyer.treatment is None:
        return SummaryLine("tax", "test_mode", nothing)
    if buyer.credit is not None:
        return SummaryLine("tax", "prepaid", nothing)  # credit was taxed when it was bought
    params: dict[str, str | int | None] = {"name": buyer.treatment.name, "rate": buyer.treatment.percent}
    tax = nothing if buyer.is_trial else draft.tax_total
    return SummaryLine("tax", buyer.treatment.code, tax, params=params)
