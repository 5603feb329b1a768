"""The words of an order before and after it is paid: its lines, its total, when it repeats, who pays it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from services.api.money import MICROS, Money
from services.api.types import BillingCycle, BillingModel, Order, OrderSummary, PaymentMethod, SummaryLine
from ui.text.formats import PlanPrice, date, exact_money, money
from ui.text.language import count, plural, tr
from ui.text.problems import ErrorText, field_text

TRANSFER = "transfer"  # who paid, when the buyer sent the money

REMINDER_DAYS = 3  # before the first charge (BILLING, "Changing a plan")
Written = Callable[[Money], str]


class LineText(NamedTuple):
    label: str
    amount: str


# ---- the arithmetic


def one_form(*amounts: Money | None) -> Written:
    """How amounts of one column are written: all with the places of their currency, or none when all are whole."""
    whole = all(one is None or one.micros % MICROS == 0 for one in amounts)
    return money if whole else exact_money


def form_of(summary: OrderSummary) -> Written:
    """One way for all that stands below each other in a summary."""
    return one_form(summary.total, *(line.amount for line in summary.lines))


def summary_line(line: SummaryLine, plan_name: str, cycle: BillingCycle, write: Written = money) -> LineText:
    """One line of the arithmetic: "Pro yearly, $99 × 12" and "$1,188"."""
    words = {"discount": _discount, "credit": _credit, "tax": _tax}.get(line.kind)
    return LineText(words(line) if words else _price(line, plan_name, cycle), write(line.amount))


def _price(line: SummaryLine, plan_name: str, cycle: BillingCycle) -> str:
    if line.amount.is_zero:
        return tr("{plan}, no monthly fee", plan=plan_name)
    if cycle is BillingCycle.YEARLY and line.unit_price is not None and line.quantity > 1:
        unit = money(line.unit_price)
        return tr("{plan} yearly, {unit} × {n}", plan=plan_name, unit=unit, n=line.quantity)
    return tr("{plan}, one month", plan=plan_name)


def _discount(line: SummaryLine) -> str:
    params = line.params
    if line.label == "owned":
        return tr("Already yours: {names}", names=params.get("names") or "")
    if line.label == "coupon" and params.get("percent"):
        return tr("Code {code}, {percent}% off", code=params.get("code"), percent=params["percent"])
    if line.label == "coupon":
        return tr("Code {code}", code=params.get("code"))
    if line.label == "trial":
        days = params.get("days")
        return plural(days if isinstance(days, int) else 0, tr("Trial, {n} day free"), tr("Trial, {n} days free"))
    return tr("Bundle discount") if line.label == "bundle" else tr("Yearly discount, 2 months free")


def _credit(_line: SummaryLine) -> str:
    return tr("Credit from the wallet")


def _tax(line: SummaryLine) -> str:
    name, rate = line.params.get("name"), line.params.get("rate")
    notes = {
        "test_mode": tr("Tax: none without a country"),
        "prepaid": tr("Tax: paid when the credit was bought"),
        "reverse_charge": tr("{tax} 0%, reverse charge: you account for it", tax=name or tr("VAT")),
        "not_computed": tr("Tax: not known for this country"),
    }
    if line.label in notes:
        return notes[line.label]
    return tr("{tax} {rate}%", tax=name, rate=rate) if name and rate else tr("Tax: none")


def total_parts(summary: OrderSummary) -> PlanPrice:
    """ "$990", "/year" under the arithmetic; no unit when the next charge is another sum."""
    if summary.total is None:
        return PlanPrice(tr("Custom"), "")
    amount = form_of(summary)(summary.total)
    if summary.billing_model is not BillingModel.SUBSCRIPTION or summary.total != summary.renewal_total:
        return PlanPrice(amount, "")
    yearly = summary.billing_cycle is BillingCycle.YEARLY
    return PlanPrice(amount, tr("/year") if yearly else tr("/month"))


def renewal_text(summary: OrderSummary) -> str:
    """When and for how much the order repeats, or that it does not."""
    if summary.total is None:
        return tr("We answer with a price by e-mail. Nothing is charged now.")
    if summary.renews_at is not None and summary.renewal_total is not None:
        day, amount = date(summary.renews_at), money(summary.renewal_total)
        if summary.is_trial:
            return tr("The first charge is {amount} on {day}. We remind you {n} days before; cancel until then and "
                      "nothing is charged.", amount=amount, day=day, n=count(REMINDER_DAYS))  # fmt: skip
        return tr("Renews on {day} for {amount}. Cancel any time before.", day=day, amount=amount)
    if summary.billing_model is BillingModel.PAY_PER_USE:
        return tr("No monthly fee. You pay for the calls you make.")
    return tr("Free, with no card and no end date.")


def owned_text(summary: OrderSummary, parts: int) -> str:
    """Of a bundle of so many agents, what the buyer has already; empty when nothing."""
    others = parts - len(summary.owned)
    if not summary.owned or others < 1:
        return ""
    names = _listed(summary.owned)
    return plural(
        others,
        tr("You already have {names}: you pay only for the other one.", names=names),
        tr("You already have {names}: you pay only for the other {n}.", names=names, n="{n}"),
    )


def _listed(names: tuple[str, ...]) -> str:
    """ "A", "A and B", "A, B and C"."""
    if len(names) < 2:
        return "".join(names)
    return tr("{names} and {last}", names=", ".join(names[:-1]), last=names[-1])


# ---- the one button


def pay_label(summary: OrderSummary | None) -> str:
    """What the one primary button of checkout says; it carries the amount."""
    if summary is None:
        return tr("Complete purchase")
    if summary.total is None:
        return tr("Ask for a quote")
    if summary.billing_model is BillingModel.FREE:
        return tr("Start for free")
    if summary.is_trial:
        return tr("Start trial, {amount} today", amount=exact_money(summary.total))
    if summary.total.is_zero:
        return tr("Start – {amount} today", amount=money(summary.total))
    return tr("Complete purchase – {amount}", amount=form_of(summary)(summary.total))


def trial_label(days: int) -> str:
    """The choice beside "Pay now"."""
    return tr("Start {n}-day trial", n=count(days))


def trial_note(days: int) -> str:
    """Below the price of a plan that can be tried."""
    return tr("{n}-day free trial", n=count(days)) if days else ""


def quote_sent_text(email: str, *, is_guest: bool) -> str:
    """Where the answer to a request for a price will be."""
    words = tr("We answer to {email} within one working day. Nothing was charged.", email=email)
    where = tr("You find the answer under Subscriptions, in Quotes; accept it there.")
    later = tr("Sign in with this address, and the answer is also under Subscriptions, in Quotes.")
    return f"{words} {later if is_guest else where}"


# ---- who pays


def wallet_text(balance: Money, needed: Money | None) -> str:
    """What the wallet holds, and why it cannot pay when it is too little. `needed` None: nothing to pay."""
    if balance.is_zero:
        return tr("Your wallet is empty. Top it up to pay from it.")
    if needed is not None and balance < needed:
        return tr("Your wallet has {balance}, and this order needs {needed}. Top it up to pay from it.",
                  balance=exact_money(balance), needed=exact_money(needed))  # fmt: skip
    return tr("Wallet: {balance} available.", balance=exact_money(balance))


def wallet_after(balance: Money, left: Money | None) -> str:
    """Below the wallet that was chosen: what is in it, and after this order."""
    if left is None:
        return tr("{balance} available", balance=exact_money(balance))
    return tr("{balance} available, {left} after this order", balance=exact_money(balance), left=exact_money(left))


def use_payment_text(method: PaymentMethod) -> str:
    """How calls without a monthly fee are paid."""
    if method is PaymentMethod.WALLET:
        return tr("Prepaid: each call is paid from your wallet when it is made.")
    return tr("Paid afterwards: your calls of a month come as one invoice, charged to this card.")


def paid_with_words(paid_with: str) -> str:
    """ "Visa •••• 4242", "your wallet"."""
    words = {PaymentMethod.WALLET.value: tr("your wallet"), PaymentMethod.INVOICE.value: tr("an invoice"),
             TRANSFER: tr("bank transfer")}  # fmt: skip
    return words.get(paid_with, paid_with)


# ---- an order that was placed


def is_trial(order: Order) -> bool:
    """Whether nothing was charged because it is tried first."""
    return any((line.kind, line.label) == ("discount", "trial") for line in order.lines)


def renewal_day(order: Order) -> str:
    """The day of the next charge as a sentence; empty when there is none."""
    if order.renews_at is None:
        return ""
    day = date(order.renews_at)
    return tr("Free until {day}", day=day) if is_trial(order) else tr("Renews on {day}", day=day)


# ---- what was not accepted


def coupon_problem(code: str) -> str:
    """Beside the code field."""
    sentences = {
        "unknown": tr("This code is not known. Check it letter by letter."),
        "expired": tr("This code has expired."),
        "already_used": tr("You have used this code before."),
        "not_for_this": tr("This code is not for this plan."),
    }
    return sentences.get(code) or field_text("coupon", code)


def country_problem(code: str) -> str:
    """Beside the country."""
    return tr("Choose your country first.") if code == "required" else tr("Choose a country of the list.")


def nothing_missing() -> ErrorText:
    """Of a bundle, everything is there already."""
    detail = tr("Every agent of this bundle runs in your organization. There is nothing to pay.")
    return ErrorText(tr("You already have all of this"), detail, tr("Go back"), "nothing_missing")
