"""The words of a comparison: names of ways to pay, what would have been saved, when which is cheaper."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from services.api.money import Money
from services.api.types import BillingCycle, BreakEven, PlanComparison, PlanCost, UsagePayment
from ui.text.formats import date, exact_money, signed_money
from ui.text.language import count, plural, tr

PER_USE = "pay_per_use"  # how the codes of options without a fee begin
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


def option_name(option: PlanCost) -> str:
    """ "Pro monthly", "Pay per use, from the wallet"."""
    if option.code.startswith(PER_USE):
        if option.usage_payment is UsagePayment.PREPAID:
            return tr("{plan}, from the wallet", plan=option.plan_name)
        return tr("{plan}, on an invoice", plan=option.plan_name)
    is_yearly = option.cycle is BillingCycle.YEARLY
    if option.is_bundle:
        return (
            tr("{plan} in a bundle, yearly", plan=option.plan_name)
            if is_yearly
            else tr("{plan} in a bundle, monthly", plan=option.plan_name)
        )
    return tr("{plan} yearly", plan=option.plan_name) if is_yearly else tr("{plan} monthly", plan=option.plan_name)


def line_name(options: Sequence[PlanCost]) -> str:
    """Of one line in the chart; ways to pay that cost the same are one line."""
    plans = {option.plan_name for option in options}
    if len(options) > 1 and len(plans) == 1 and all(option.code.startswith(PER_USE) for option in options):
        return plans.pop()
    return tr(" = ").join(option_name(option) for option in options)


def window_label(days: int) -> str:
    return plural(days, tr("Last {n} day"), tr("Last {n} days"))


def headline(current: PlanCost | None, best: PlanCost | None) -> str:
    """The answer in one sentence."""
    if best is None:
        return tr("There is nothing to compare this with.")
    name, cost = option_name(best), exact_money(best.cost)
    if current is None:
        return tr("{plan} would have cost least: {cost}.", plan=name, cost=cost)
    if best.is_current:
        return tr("You already pay least: {plan}, {cost}.", plan=name, cost=cost)
    saved = exact_money(current.cost - best.cost)
    if best.cost == current.cost:
        return tr("{plan} would have cost the same: {cost}.", plan=name, cost=cost)
    return tr("{plan} would have cost {cost} instead of {now}: {saved} less.", plan=name, cost=cost,
              now=exact_money(current.cost), saved=saved)  # fmt: skip


def window_text(comparison: PlanComparison) -> str:
    """Which calls were counted."""
    days = {"start": date(comparison.start), "end": date(comparison.end)}
    if comparison.calls == 0:
        return tr("No calls from {start} to {end}; only the fees count.", **days)
    made = plural(comparison.calls, tr("{n} call"), tr("{n} calls"))
    if comparison.days <= 30:
        return tr("{calls} from {start} to {end}.", calls=made, **days)
    month = count(comparison.calls_a_month)
    return tr("{calls} from {start} to {end}, about {n} a month.", calls=made, n=month, **days)


def few_calls_text(comparison: PlanComparison) -> str:
    made = plural(comparison.calls, tr("This rests on {n} call only."), tr("This rests on {n} calls only."))
    return tr("{made} A busy month could turn it round; look at the chart below.", made=made)


def note_text() -> str:
    """What the figures leave out."""
    return tr(
        "Prices before tax and coupons. Each 30 days count as one month; a yearly plan counts with a twelfth of its "
        "price, a bundle with this agent’s share of it."
    )


def difference_text(difference: Money) -> str:
    """ "−$29.32 cheaper", "+$212.32 dearer", "the same"."""
    if difference.is_zero:
        return tr("the same")
    amount = signed_money(difference)
    return tr("{amount} cheaper", amount=amount) if difference.micros < 0 else tr("{amount} dearer", amount=amount)


def parts_text(option: PlanCost) -> str:
    """ "$87.00 fee + $239.32 calls"."""
    fee, calls = exact_money(option.fee), exact_money(option.usage)
    return tr("{fee} fee + {calls} calls", fee=fee, calls=calls)


def refused_text(option: PlanCost) -> str:
    """A plan that stops at its included calls; empty for one that serves all."""
    if option.refused_calls == 0:
        return ""
    return plural(option.refused_calls, tr("Would have refused {n} call"), tr("Would have refused {n} calls"))


def option_sentence(option: PlanCost, *, is_best: bool) -> str:
    """One row read aloud."""
    parts = [option_name(option)]
    if option.is_current:
        parts.append(tr("your plan now"))
    if is_best:
        parts.append(tr("cheapest"))
    parts += [parts_text(option), tr("total {amount}", amount=exact_money(option.cost))]
    if not option.is_current:
        parts.append(difference_text(option.difference))
    parts += [refused_text(option)]
    return ", ".join(part for part in parts if part)


def change_label(option: PlanCost) -> str:
    return tr("Change to {plan}", plan=option_name(option))


def break_even_text(one: BreakEven, low: PlanCost, high: PlanCost) -> str:
    """ "From 8,000 calls a month on, Pro monthly costs no more than Starter monthly." """
    names = {"low": option_name(low), "high": option_name(high)}
    if one.calls is None:
        return tr("However many calls: {low} stays cheaper than {high}.", **names)
    if one.calls == 0:
        return tr("However few calls: {high} costs no more than {low}.", **names)
    if one.calls == 1:
        return tr("From the first call a month on, {high} costs no more than {low}.", **names)
    return tr("From {n} calls a month on, {high} costs no more than {low}.", n=count(one.calls), **names)


# ---- the chart


def usage_mark(calls: int) -> str:
    return tr("You: {n}", n=count(calls))


def chart_summary(names: Sequence[str], least: int, most: int, calls: int) -> str:
    """What a screen reader says of the chart before one reads its values."""
    lines = plural(len(names), tr("{n} line"), tr("{n} lines"))
    return tr(
        "Line chart of the cost of a month, {lines}: {names}. From {least} to {most} calls a month; you make {calls}. "
        "Arrow keys read the values, Page keys go further.",
        lines=lines, names=", ".join(names), least=count(least), most=count(most), calls=count(calls),
    )  # fmt: skip


def csv_text(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """For the clipboard and spreadsheets: lines end as RFC 4180 asks, and no text of ours is run as a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_harmless(cell) for cell in head])
    writer.writerows([[_harmless(cell) for cell in row] for row in rows])
    return out.getvalue()


def _harmless(cell: str) -> str:
    """Numbers stay numbers, minus included."""
    is_number = cell.removeprefix("-").replace(".", "", 1).isdigit()
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) and not is_number else cell


def plain_amount(amount: Money) -> str:
    """As a spreadsheet takes it: 29.00, -14.49, 0.008."""
    whole, _, digits = amount.decimal(6).partition(".")
    return f"{whole}.{digits.rstrip('0').ljust(2, '0')}"


def options_csv(options: Sequence[PlanCost]) -> str:
    """The table of options."""
    head = (tr("Option"), tr("Fee"), tr("Calls"), tr("Total"), tr("Difference"), tr("Refused calls"), tr("Currency"))
    rows = [
        (option_name(one), plain_amount(one.fee), plain_amount(one.usage), plain_amount(one.cost),
         plain_amount(one.difference), str(one.refused_calls), one.cost.currency)
        for one in options
    ]  # fmt: skip
    return csv_text(head, rows)
