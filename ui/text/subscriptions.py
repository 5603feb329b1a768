"""The words of what repeats: how a subscription is, what it costs next, what waits, what is left of its calls."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.api.money import Money
from services.api.types import (
    AppliedCoupon,
    Attempt,
    BillingCycle,
    BillingModel,
    OveragePolicy,
    PendingChange,
    Plan,
    Subscription,
    SubscriptionState,
    Usage,
    UsagePayment,
)
from ui.text.formats import date, exact_money, money, rate
from ui.text.language import count, plural, tr

DAY = timedelta(days=1)


def subscription_state(item: Subscription) -> str:
    """One word or two for the badge."""
    if item.pending is not None and item.pending.kind == "cancel" and item.state is not SubscriptionState.CANCELED:
        return tr("Ending")
    if is_being_paid(item):
        return tr("Being paid")
    if item.state is SubscriptionState.PAST_DUE and needs_confirmation(item):
        return tr("Waits for you")
    words = {
        SubscriptionState.TRIALING: tr("Trial"),
        SubscriptionState.ACTIVE: tr("Active"),
        SubscriptionState.PAST_DUE: tr("Payment failed"),
        SubscriptionState.SUSPENDED: tr("Suspended"),
        SubscriptionState.PAUSED: tr("Paused"),
        SubscriptionState.CANCELED: tr("Ended"),
    }
    return words[item.state]


def is_being_paid(item: Subscription) -> bool:
    """Whether a bank has been asked for what is past due."""
    return item.state is SubscriptionState.PAST_DUE and item.collecting is not None


def plan_with_cycle(name: str, model: BillingModel, cycle: BillingCycle | None) -> str:
    """ "Pro, yearly"; plans without a fixed price have no cycle."""
    if model is not BillingModel.SUBSCRIPTION or cycle is None:
        return name
    return tr("{plan}, yearly", plan=name) if cycle is BillingCycle.YEARLY else tr("{plan}, monthly", plan=name)


def subscription_place(item: Subscription) -> str:
    """ "Pro, yearly · Ada's Organization"."""
    plan = plan_with_cycle(item.plan.name, item.billing_model, item.cycle)
    if item.quantity > 1:
        plan = tr("{plan} × {n}", plan=plan, n=count(item.quantity))
    return tr("{plan} · {organization}", plan=plan, organization=item.organization_name)


def cycle_price(price: Money, cycle: BillingCycle) -> str:
    """ "$29 a month"."""
    amount = money(price)
    return (
        tr("{amount} a year", amount=amount) if cycle is BillingCycle.YEARLY else tr("{amount} a month", amount=amount)
    )


def no_charge_text(item: Subscription) -> str:
    """In the place of the next charge when there is none."""
    if item.state is SubscriptionState.CANCELED:
        return tr("Ended on {day}", day=date(item.ended_at)) if item.ended_at else tr("Ended")
    if item.state is SubscriptionState.PAUSED:
        return tr("No charge while paused")
    if item.billing_model is BillingModel.FREE:
        return tr("Free")
    if item.pending is not None and item.pending.kind == "cancel":
        return tr("Nothing more will be charged")
    return tr("No charge planned")


def charge_day(item: Subscription) -> str:
    """Below the next charge."""
    return tr("on {day}", day=date(item.next_charge_at)) if item.next_charge_at else ""


def overview_text(count_of: int, nearest: Subscription | None) -> str:
    """Below the title of the page."""
    words = plural(count_of, tr("{n} subscription"), tr("{n} subscriptions"))
    if nearest is None or nearest.next_charge is None or nearest.next_charge_at is None:
        return words
    amount, day = exact_money(nearest.next_charge), date(nearest.next_charge_at)
    return tr("{subscriptions} · next charge {amount} on {day}", subscriptions=words, amount=amount, day=day)


# ---- what a state means


def notice_text(item: Subscription, due: Money | None, now: datetime | None) -> str:
    """What one should know about the state of this subscription; empty when all is well."""
    match item.state:
        case SubscriptionState.ACTIVE | SubscriptionState.PAST_DUE | SubscriptionState.SUSPENDED if item.collecting:
            return _collecting(item, exact_money(item.collecting))
        case SubscriptionState.TRIALING:
            return _trial(item, now)
        case SubscriptionState.PAST_DUE:
            return _past_due(item, due, now)
        case SubscriptionState.SUSPENDED:
            amount = exact_money(due) if due is not None else tr("the open invoice")
            return tr(
                "Calls are refused because {amount} is unpaid. Paying restores everything at once.", amount=amount
            )
        case SubscriptionState.PAUSED:
            return _paused(item)
    return ""


def _collecting(item: Subscription, amount: str) -> str:
    if item.state is SubscriptionState.SUSPENDED:
        return tr("Calls are refused until {amount} has arrived. The payment is under way.", amount=amount)
    return tr("The payment of {amount} is under way; everything works meanwhile.", amount=amount)


def days_left(until: datetime, now: datetime) -> int:
    """Whole days to go, a started one counted."""
    return max(0, -((now - until) // DAY))


def _trial(item: Subscription, now: datetime | None) -> str:
    if item.trial_ends_at is None or now is None:
        return ""
    left = days_left(item.trial_ends_at, now)
    days = plural(left, tr("{n} day of the trial is left."), tr("{n} days of the trial are left."))
    if item.next_charge is None or item.next_charge_at is None:
        return days
    amount, day = exact_money(item.next_charge), date(item.next_charge_at)
    return tr("{days} First charge: {amount} on {day}.", days=days, amount=amount, day=day)


def shown_attempts(attempts: tuple[Attempt, ...], now: datetime | None) -> tuple[Attempt, ...]:
    """Those that were made, and those that lie ahead: a planned day that has gone by came to nothing."""
    return tuple(one for one in attempts if one.state != "planned" or now is None or one.at > now)


def next_attempt(attempts: tuple[Attempt, ...], now: datetime | None) -> datetime | None:
    """When it is tried again by itself."""
    return min((one.at for one in shown_attempts(attempts, now) if one.state == "planned"), default=None)


def needs_confirmation(item: Subscription) -> bool:
    """Whether the bank asks the buyer, so that trying again by itself is of no use."""
    made = [one for one in item.attempts if one.state != "planned"]
    return bool(made) and max(made, key=lambda one: one.at).state == "action_required"


def _past_due(item: Subscription, due: Money | None, now: datetime | None) -> str:
    if needs_confirmation(item):
        if due is None:
            return tr(
                "Your bank wants you to confirm the last payment yourself. Everything works until it is too late."
            )
        return tr("Your bank wants you to confirm the payment of {amount} yourself; it does not pay without you.",
                  amount=exact_money(due))  # fmt: skip
    what = tr("The payment of {amount} did not go through.", amount=exact_money(due)) if due else ""
    what = what or tr("The last payment did not go through.")
    next_try = next_attempt(item.attempts, now)
    if next_try is None:
        return tr("{what} Nothing is tried again by itself. Pay another way to keep it running.", what=what)
    return tr("{what} It is tried again on {day}; everything works until then.", what=what, day=date(next_try))


def _paused(item: Subscription) -> str:
    if item.resumes_at is None:
        return tr("Paused: no calls and no charges until you resume it.")
    return tr("Paused until {day}: no calls and no charges until then.", day=date(item.resumes_at))


def attempt_state(attempt: Attempt) -> str:
    """What became of one try to collect."""
    if attempt.state == "failed":
        reasons = {
            "card_declined": tr("Declined"),
            "insufficient_funds": tr("Too little money"),
            "confirmation_declined": tr("Not confirmed"),
        }
        return reasons.get(attempt.error_code, tr("Failed"))
    words = {"planned": tr("Next try"), "succeeded": tr("Paid"), "action_required": tr("Waits for you")}
    return words.get(attempt.state, attempt.state)


def pending_text(pending: PendingChange) -> str:
    """The chip of a change that waits: "Changes to Starter, monthly on 14 April 2026"."""
    day = date(pending.effective_at)
    if pending.kind == "cancel":
        return tr("Ends on {day}", day=day)
    if pending.kind == "pause":
        return tr("Pauses on {day}", day=day)
    plan = plan_with_cycle(pending.plan_name, BillingModel.SUBSCRIPTION, pending.cycle)
    if pending.price is not None and pending.cycle is not None:
        price = cycle_price(pending.price, pending.cycle)
        return tr("Changes to {plan} on {day}, {price}", plan=plan, day=day, price=price)
    return tr("Changes to {plan} on {day}", plan=plan, day=day)


def coupon_text(coupon: AppliedCoupon) -> str:
    """ "WELCOME20: 20% off, 2 more charges"."""
    if coupon.amount is not None:
        off = tr("{amount} off", amount=money(coupon.amount))
    else:
        off = tr("{percent}% off", percent=coupon.percent)
    if coupon.periods_left is None:
        return tr("{code}: {off} every time", code=coupon.code, off=off)
    left = plural(coupon.periods_left, tr("{n} more charge"), tr("{n} more charges"))
    return tr("{code}: {off}, {left}", code=coupon.code, off=off, left=left)


def paid_with_text(item: Subscription) -> str:
    """How the fee and the calls that are not included are paid."""
    way = paid_by(item.paid_with)
    has_extra = item.plan.overage is not None and item.plan.overage_policy is OveragePolicy.CHARGE
    if not has_extra or (way and item.billing_model is BillingModel.PAY_PER_USE):
        return way
    extra = usage_payment_text(item.usage_payment)
    return tr("{way} · {extra}", way=way, extra=extra) if way else extra


def paid_by(paid_with: str) -> str:
    """ "Paid with Visa •••• 4242"; the wallet and invoices come as their names."""
    words = {"": "", "wallet": tr("Paid from the wallet"), "invoice": tr("Paid by invoice"),
             "transfer": tr("Paid by bank transfer")}  # fmt: skip
    return words.get(paid_with, tr("Paid with {way}", way=paid_with))


def usage_payment_text(way: UsagePayment) -> str:
    if way is UsagePayment.PREPAID:
        return tr("extra calls from the wallet")
    return tr("extra calls on the next invoice")


# ---- usage


def calls_text(usage: Usage, plan: Plan) -> str:
    """Usage against what is included: "688 of 1,000 calls left this month, then $0.01 a call"."""
    if usage.included is None:
        return tr("Unlimited calls · {n} made this month", n=count(usage.used))
    price = rate(plan.overage) if plan.overage is not None else ""
    if usage.included == 0:
        made = plural(usage.used, tr("{n} call this month"), tr("{n} calls this month"))
        return tr("{made}, {price} a call", made=made, price=price) if price else made
    whole = count(usage.included)
    is_throttled = usage.overage_policy is OveragePolicy.THROTTLE or not price
    day = date(usage.period_end)
    if usage.left:
        left = count(usage.left)
        if is_throttled:
            return tr("{left} of {n} calls left, more on {day}", left=left, n=whole, day=day)
        return tr("{left} of {n} calls left this month, then {price} a call", left=left, n=whole, price=price)
    over = usage.used - usage.included
    if is_throttled:
        return tr("All {n} calls are used, more on {day}", n=whole, day=day)
    if over <= 0:
        return tr("All {n} calls are used, the next costs {price}", n=whole, price=price)
    return tr("All {n} calls are used, {over} more at {price} each", n=whole, over=count(over), price=price)
