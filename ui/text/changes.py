"""The words of changing a subscription: what each way costs line by line, when it takes effect, what was done."""

from __future__ import annotations

from datetime import datetime

from services.api.money import Money
from services.api.types import (
    BillingModel,
    ChangeAction,
    ChangePreview,
    InvoiceLine,
    Plan,
    Subscription,
    TaxLine,
    UsagePayment,
)
from ui.text.formats import date, exact_money, rate
from ui.text.language import count, plural, tr
from ui.text.problems import field_text
from ui.text.subscriptions import cycle_price, plan_with_cycle


def change_title(task: str, item: Subscription) -> str:
    name = item.offering_name
    titles = {
        "plan": tr("Change the plan of {name}", name=name),
        "cancel": tr("Cancel {name}", name=name),
        "pause": tr("Pause {name}", name=name),
        "resume": tr("Resume {name}", name=name),
        "undo": tr("Take the change of {name} back", name=name),
        "card": tr("Card for {name}", name=name),
        "usage_payment": tr("How extra calls of {name} are paid", name=name),
        "pay": tr("Pay for {name}", name=name),
    }
    return titles[task]


def commit_label(task: str, due: Money | None, *, is_pending: bool, is_now: bool) -> str:
    """The one button of the sheet; it carries the amount when it spends any."""
    if due is not None and due.micros > 0:
        amount = exact_money(due)
        labels = {
            "pay": tr("Pay {amount}", amount=amount),
            "resume": tr("Resume – {amount} now", amount=amount),
        }
        return labels.get(task, tr("Change the plan – {amount} now", amount=amount))
    labels = {
        "plan": tr("Change at the end of the period") if is_pending else tr("Change the plan"),
        "cancel": tr("Cancel now") if is_now else tr("Cancel at the end of the period"),
        "pause": tr("Pause"),
        "resume": tr("Resume"),
        "undo": tr("Take it back"),
        "card": tr("Use this card"),
        "usage_payment": tr("Save"),
        "pay": tr("Pay"),
    }
    return labels[task]


# ---- the arithmetic


def change_line(line: InvoiceLine, old: Plan, new: Plan | None) -> str:
    """One line of a preview: "Unused time of Starter, 14 March 2026 to 1 April 2026"."""
    to = new or old
    span = _span(line.period_start, line.period_end)
    words = {
        "proration_credit": tr("Unused time of {plan}", plan=old.name),
        "proration_charge": tr("Remaining time of {plan}", plan=to.name),
        "fee": tr("{plan}", plan=to.name),
        "usage": tr("Calls so far"),
        "tier": tr("Calls so far"),
        "discount": tr("Discount"),
        "credit": tr("Credit"),
        "trial": tr("Trial of {plan}", plan=to.name),
        "minimum": tr("Minimum charge"),
        "late_usage": tr("Calls reported late"),
    }
    what = words.get(line.kind, tr("Other"))
    return tr("{what}, {span}", what=what, span=span) if span else what


def _span(start: datetime | None, end: datetime | None) -> str:
    return tr("{start} to {end}", start=date(start), end=date(end)) if start is not None and end is not None else ""


def tax_line(line: TaxLine) -> str:
    if line.note == "reverse_charge":
        return tr("{tax}: reverse charge, you account for it", tax=line.name or tr("VAT"))
    if line.note == "not_computed":
        return tr("Tax: not computed")
    if not line.name:
        return tr("Tax: none")
    percent = line.rate.rstrip("0").rstrip(".") if "." in line.rate else line.rate
    return tr("{tax} {percent}%", tax=line.name, percent=percent)


def settled_text(preview: ChangePreview) -> str:
    """Title of the last sum: what is charged, or what comes back."""
    return tr("Back to your wallet") if preview.to_wallet.micros > 0 else tr("Due now")


def settled_amount(preview: ChangePreview) -> Money:
    return preview.to_wallet if preview.to_wallet.micros > 0 else preview.due_now


# ---- what it means


def effective_text(preview: ChangePreview) -> str:
    if not preview.is_pending:
        return tr("Takes effect at once.")
    return tr(
        "Takes effect on {day}. Until then nothing changes, and you can take it back.", day=date(preview.effective_at)
    )


def usage_effect(preview: ChangePreview) -> str:
    """ "You have used 300 of 1,000; from now on 9,700 of 10,000 are left."; empty when calls are not counted."""
    old, new, used = preview.old_included, preview.new_included, preview.used
    if old == new:
        return ""
    if old is None:
        before = tr("You have made {used} calls", used=count(used))
    else:
        before = tr("You have used {used} of {old}", used=count(used), old=count(old))
    if preview.is_pending:
        when = date(preview.effective_at)
        if new is None:
            return tr("{before}; from {day} on calls are unlimited.", before=before, day=when)
        return tr("{before}; from {day} on {new} are included each month.", before=before, day=when, new=count(new))
    if new is None:
        return tr("{before}; from now on calls are unlimited.", before=before)
    left, whole = count(max(0, new - used)), count(new)
    return tr("{before}; from now on {left} of {new} are left.", before=before, left=left, new=whole)


def next_charge_text(preview: ChangePreview) -> str:
    if preview.next_charge is None or preview.next_charge_at is None:
        return tr("Nothing more will be charged.")
    return tr(
        "Next charge: {amount} on {day}.", amount=exact_money(preview.next_charge), day=date(preview.next_charge_at)
    )


def moved_text(before: Money, now: Money) -> str:
    """After the service said that the sum is another one by now."""
    old, new = exact_money(before), exact_money(now)
    if old == new:
        return tr("Something changed while you looked. Check the lines and press again; nothing was charged.")
    return tr("The sum is now {new} instead of {old}. Check it and press again; nothing was charged.", new=new, old=old)


def cancel_now_text(preview: ChangePreview | None) -> str:
    """What the choice to stop at once does."""
    if preview is None:
        return tr("Calls stop at once.")
    if preview.to_wallet.micros > 0:
        return tr(
            "Calls stop at once. {amount} for unused time comes back to your wallet.",
            amount=exact_money(preview.to_wallet),
        )
    return tr("Calls stop at once. Nothing comes back, because nothing was paid for the time that is left.")


def cancel_at_end_text(preview: ChangePreview | None, item: Subscription) -> str:
    day = date(preview.effective_at if preview is not None else item.period_end)
    return tr("Everything works until {day}, then it stops. Nothing more is charged.", day=day)


def pause_text(preview: ChangePreview, resume_at: datetime | None) -> str:
    until = date(resume_at) if resume_at is not None else ""
    if preview.is_pending:
        start = date(preview.effective_at)
        return tr(
            "No calls and no charges from {start} to {until}. Paid time that is left is kept.", start=start, until=until
        )
    return tr("No calls and no charges from now to {until}. Paid time that is left is kept.", until=until)


def usage_payment_choice(way: UsagePayment, item: Subscription) -> tuple[str, str]:
    """Title and meaning of one way to pay for extra calls."""
    price = rate(item.plan.overage) if item.plan.overage is not None else ""
    if way is UsagePayment.PREPAID:
        return tr("From the wallet"), tr("Each call takes {price} from your credit before it runs.", price=price)
    return tr("On the next invoice"), tr("Calls are added up at {price} each; needs a card on file.", price=price)


# ---- what is wrong, what was done


def change_problem(field: str, code: str, quantity_max: int) -> str:
    """What to say beside a field of the sheet."""
    sentences = {
        ("quantity", "required"): tr("Enter how many you want."),
        ("quantity", "out_of_range"): tr("Enter a whole number from 1 to {n}.", n=count(quantity_max)),
        ("resume_at", "required"): tr("Enter the day on which it goes on."),
        ("resume_at", "date_invalid"): tr("Enter a day such as 2026-05-01."),
        ("resume_at", "in_past"): tr("Enter a day that is still to come."),
        ("resume_at", "out_of_range"): tr("Enter a day that is still to come."),
    }
    return sentences.get((field, code)) or field_text(field, code)


def done_text(action: ChangeAction | None, before: Subscription, after: Subscription | None) -> str:
    """What a toast says when the change is made; without an action an invoice was paid."""
    name = before.offering_name
    if action is None:
        return tr("Paid. {name} goes on.", name=name)
    pending = after.pending if after is not None else None
    if action is ChangeAction.CHANGE_PLAN:
        if pending is not None:
            return tr(
                "{name} changes to {plan} on {day}.", name=name, plan=pending.plan_name, day=date(pending.effective_at)
            )
        return (
            tr("{name} is on {plan} now.", name=name, plan=after.plan.name)
            if after
            else tr("{name} is changed.", name=name)
        )
    if action is ChangeAction.CANCEL_AT_END:
        return tr("{name} ends on {day}.", name=name, day=date(pending.effective_at if pending else before.period_end))
    words = {
        ChangeAction.CANCEL_NOW: tr("{name} is canceled.", name=name),
        ChangeAction.PAUSE: tr("{name} is paused.", name=name),
        ChangeAction.RESUME: tr("{name} goes on.", name=name),
        ChangeAction.UNDO: tr("Nothing changes for {name}.", name=name),
        ChangeAction.SET_PAYMENT_CARD: tr("{name} is paid with another card from now on.", name=name),
        ChangeAction.SET_USAGE_PAYMENT: tr("Extra calls of {name} are paid another way from now on.", name=name),
    }
    return words[action]


def plan_points(plan: Plan) -> tuple[str, ...]:
    """What a plan card says below its price: what is included and what comes after."""
    if plan.included_calls is None:
        first = tr("Unlimited calls")
    elif plan.included_calls == 0:
        first = tr("No calls included")
    else:
        first = plural(plan.included_calls, tr("{n} call a month"), tr("{n} calls a month"))
    if plan.billing_model is BillingModel.PAY_PER_USE or plan.included_calls is None:
        return (first,)
    if plan.overage is None or plan.overage_policy == "throttle":
        return (first, tr("then no more until next month"))
    return (first, tr("then {price} a call", price=rate(plan.overage)))


def current_text(item: Subscription) -> str:
    """What one has now, in one line."""
    plan = plan_with_cycle(item.plan.name, item.billing_model, item.cycle)
    if not item.price.is_zero:
        return tr("Now: {plan}, {price}", plan=plan, price=cycle_price(item.price, item.cycle))
    return tr("Now: {plan}", plan=plan)
