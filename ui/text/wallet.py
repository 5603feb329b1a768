"""The words of the wallet: credits, movements, top-ups, auto-top-up and limits."""

from __future__ import annotations

from collections.abc import Mapping

from services.api.money import Money
from services.api.types import (
    AutoTopUp,
    Cap,
    CapLevel,
    CapScope,
    CapWindow,
    Credit,
    CreditKind,
    Movement,
    MovementKind,
    PaymentOptions,
    Rehearsal,
    TopUpQuote,
    Wallet,
)
from ui.text.formats import date, datetime_text, exact_money, month_text
from ui.text.language import count, plural, tr
from ui.text.shop import saved_card_label, test_card_label

# ---- balance


def pace_text(wallet: Wallet) -> str:
    """ "At this pace empty on 3 December 2027"; empty when there is no pace to go by."""
    return tr("At this pace empty on {day}", day=date(wallet.empty_on)) if wallet.empty_on else ""


def frozen_text(wallet: Wallet) -> str:
    """Why credit that was bought is not in the balance; empty when all of it is."""
    if wallet.frozen.is_zero:
        return ""
    return tr("{amount} is frozen: the payment behind it is disputed or has not arrived.",
              amount=exact_money(wallet.frozen))  # fmt: skip


def low_balance_text(wallet: Wallet) -> str:
    """The banner above every page."""
    balance = exact_money(wallet.balance)
    if wallet.balance.is_zero:
        return tr("Your wallet is empty. Calls that are not included are refused until you top up.")
    if wallet.empty_on is None:
        return tr("{balance} is left in your wallet.", balance=balance)
    return tr("{balance} is left in your wallet. At this pace it is empty on {day}.",
              balance=balance, day=date(wallet.empty_on))  # fmt: skip


# ---- credits


def credit_source(credit: Credit) -> str:
    """Where a credit came from; an unknown source is shown by its kind."""
    labels = {
        "top_up": tr("Top-up"),
        "auto_top_up": tr("Auto-top-up"),
        "gift_code": tr("Gift code"),
        "promotional_code": tr("Promotional code"),
        "plan_change": tr("Unused time of a plan"),
        "support": tr("From support"),
        "transfer": tr("Transferred more than was due"),
    }
    return labels.get(credit.source, credit_kind(credit.kind))


def credit_kind(kind: CreditKind) -> str:
    return tr("Paid") if kind is CreditKind.PAID else tr("Promotional")


def credit_left(credit: Credit) -> str:
    """ "$12.40 of $25.00 left"."""
    return tr("{left} of {amount} left", left=exact_money(credit.left), amount=exact_money(credit.amount))


def credit_dates(credit: Credit) -> str:
    """When it came, and when it goes."""
    since = tr("since {day}", day=date(credit.effective_at))
    if credit.expires_at is None:
        return tr("{since} · does not expire", since=since)
    return tr("{since} · expires on {day}", since=since, day=date(credit.expires_at))


# ---- movements


def movement_kind(kind: MovementKind) -> str:
    labels = {
        MovementKind.TOP_UP: tr("Top-up"),
        MovementKind.AUTO_TOP_UP: tr("Auto-top-up"),
        MovementKind.GIFT: tr("Gift credit"),
        MovementKind.USAGE: tr("Usage"),
        MovementKind.INVOICE: tr("Paid an invoice"),
        MovementKind.PLAN_CHANGE: tr("Plan change"),
        MovementKind.REFUND: tr("Refund to card"),
        MovementKind.EXPIRY: tr("Expired"),
        MovementKind.REVERSAL: tr("Taken back"),
    }
    return labels[kind]


def movement_what(movement: Movement) -> str:
    """Its kind; what a buyer transferred beyond what was due is no gift."""
    return tr("Surplus") if _is_surplus(movement) else movement_kind(movement.kind)


def _is_surplus(movement: Movement) -> bool:
    return movement.kind is MovementKind.GIFT and movement.params.get("source") == "transfer"


NAMED_BY = ("name", "number", "code", "card", "plan")  # params, the first that is there


def movement_for(movement: Movement) -> str:
    """What it was for: an agent, an invoice, a code or a card; empty when its kind says all."""
    if _is_surplus(movement):
        return tr("Transferred more than was due")
    named = next((str(movement.params[key]) for key in NAMED_BY if movement.params.get(key)), "")
    calls = movement.params.get("calls")
    if not isinstance(calls, int):
        return named
    counted = plural(calls, tr("{n} call"), tr("{n} calls"))
    return tr("{name}, {calls}", name=named, calls=counted) if named else counted


def month_label(month: str) -> str:
    """ "2027-03" as March 2027."""
    year, number = month.split("-")
    return month_text(int(year), int(number))


# ---- topping up


def tax_text(quote: TopUpQuote) -> str:
    """The line of the tax before paying."""
    if quote.tax_note == "reverse_charge":
        return tr("Tax: reverse charge")
    if quote.tax_note == "not_computed":
        return tr("Tax: not known for this country")
    if quote.tax_name and quote.tax_rate:
        return tr("{tax} {rate} %", tax=quote.tax_name, rate=plain_rate(quote.tax_rate))
    return tr("Tax")


def plain_rate(rate: str) -> str:
    """ "19.00" as 19: without zeros that say nothing."""
    return rate.rstrip("0").rstrip(".") if "." in rate else rate


def card_items(options: PaymentOptions | None) -> list[tuple[str, str]]:
    """Cards to pick from, as (words, token): those on file, in test mode the published test cards too."""
    if options is None:
        return []
    saved = [(saved_card_label(card), card.token) for card in options.saved_methods]
    tests = [(test_card_label(card), card.token) for card in options.test_cards] if options.is_test_mode else []
    return saved + tests


def card_label(options: PaymentOptions | None, token: str) -> str:
    """The card of a token without what a test card does: "Visa •••• 4242"."""
    if options is None:
        return ""
    for saved in options.saved_methods:
        if saved.token == token:
            return saved_card_label(saved)
    return next((f"{card.brand} •••• {card.last4}" for card in options.test_cards if card.token == token), "")


def amount_problem(code: str, least: Money | None = None, most: Money | None = None) -> str:
    """What to say beside an amount; with its bounds where they are known."""
    if code == "out_of_range" and least is not None and most is not None:
        return tr("Enter {least} to {most}.", least=exact_money(least), most=exact_money(most))
    if code == "too_small" and least is not None:
        return tr("Enter {amount} or more.", amount=exact_money(least))
    if code == "too_large" and most is not None:
        return tr("Enter {amount} or less.", amount=exact_money(most))
    sentences = {
        "required": tr("Enter an amount."),
        "not_an_amount": tr("Enter an amount such as 25 or 12.50."),
        "not_whole_minor": tr("Enter an amount such as 25 or 12.50."),
        "too_small": tr("Enter a higher amount."),
        "too_large": tr("Enter a lower amount."),
        "out_of_range": tr("This amount cannot be used here."),
        "wrong_currency": tr("This account pays in another currency."),
        "below_threshold": tr("Fill up to more than the balance at which it starts."),
        "gap_too_small": tr("Fill up to more: the difference is less than the smallest top-up."),
        "below_target": tr("The monthly limit must allow one whole top-up."),
    }
    return sentences.get(code, tr("Check this amount and try again."))


# ---- auto-top-up


def auto_state(auto: AutoTopUp) -> str:
    """One line: what it does, or that it is off."""
    if not auto.is_on or auto.threshold is None or auto.target is None or auto.monthly_limit is None:
        return tr("Off. Nothing is charged by itself.")
    return tr(
        "Below {threshold}, filled up to {target}. At most {limit} a month.",
        threshold=exact_money(auto.threshold),
        target=exact_money(auto.target),
        limit=exact_money(auto.monthly_limit),
    )


def auto_used(auto: AutoTopUp) -> str:
    """ "$40.00 of $200.00 charged this month"."""
    if not auto.is_on or auto.charged_this_month is None or auto.monthly_limit is None:
        return ""
    spent, limit = exact_money(auto.charged_this_month), exact_money(auto.monthly_limit)
    return tr("{spent} of {limit} charged this month", spent=spent, limit=limit)


def auto_trouble(auto: AutoTopUp) -> str:
    """Why the last one did not happen; empty when it did."""
    if not auto.problem:
        return ""
    reasons = {
        "monthly_limit": tr("The last auto-top-up was stopped by your monthly limit."),
        "no_card": tr("The last auto-top-up found no card to charge."),
        "card_declined": tr("The card was declined at the last auto-top-up. Choose another card."),
        "insufficient_funds": tr("There was not enough money on the card at the last auto-top-up."),
    }
    return reasons.get(auto.problem, tr("The last auto-top-up did not go through."))


def rehearsal_text(rehearsal: Rehearsal) -> str:
    """ "3 charges, $60.00 in all, never empty": what the settings would have done."""
    if rehearsal.charges:
        total = exact_money(rehearsal.total)
        charged = plural(len(rehearsal.charges), tr("{n} charge"), tr("{n} charges"))
        first = tr("{charges}, {total} in all", charges=charged, total=total)
    else:
        first = tr("No charge")
    if not rehearsal.empty_at:
        return tr("{first}, never empty", first=first)
    times = plural(len(rehearsal.empty_at), tr("empty {n} time"), tr("empty {n} times"))
    return tr("{first}, {times}", first=first, times=times)


def rehearsal_detail(rehearsal: Rehearsal) -> str:
    """What the sentence above rests on."""
    spent, lowest = exact_money(rehearsal.spent), exact_money(rehearsal.lowest)
    base = tr("You spent {spent} in the last {days} days; the balance would never have been below {lowest}.",
              spent=spent, days=rehearsal.days, lowest=lowest)  # fmt: skip
    if not rehearsal.refused_by_limit:
        return base
    stopped = plural(
        rehearsal.refused_by_limit,
        tr("{n} more top-up would have been stopped by the monthly limit."),
        tr("{n} more top-ups would have been stopped by the monthly limit."),
    )
    return f"{base} {stopped}"


# ---- limits


def cap_level(level: CapLevel) -> str:
    labels = {CapLevel.ORGANIZATION: tr("Organization"), CapLevel.PROJECT: tr("Project"), CapLevel.KEY: tr("Agent")}
    return labels[level]


def scope_label(scope: CapScope) -> str:
    """ "Agent: Customer Care"."""
    return tr("{level}: {name}", level=cap_level(scope.level), name=scope.name)


def cap_window(window: CapWindow) -> str:
    labels = {CapWindow.DAY: tr("a day"), CapWindow.MONTH: tr("a month"), CapWindow.LIFETIME: tr("in all")}
    return labels[window]


def cap_limit(cap: Cap) -> str:
    """ "$50.00 a month"; while it is raised, the raised one."""
    limit = cap.raised_to if cap.raised_to is not None else cap.limit
    return tr("{limit} {window}", limit=exact_money(limit), window=cap_window(cap.window))


def cap_spent(cap: Cap) -> str:
    """ "$12.40 spent, $0.02 held, $37.58 left"."""
    spent, left = exact_money(cap.spent), exact_money(cap.left)
    if cap.held.is_zero:
        return tr("{spent} spent, {left} left", spent=spent, left=left)
    return tr("{spent} spent, {held} held, {left} left", spent=spent, held=exact_money(cap.held), left=left)


def cap_raised(cap: Cap) -> str:
    """Until when it is higher, and what it is again afterwards; empty when it is not raised."""
    if cap.raised_to is None or cap.raised_until is None:
        return ""
    return tr("Raised until {when}, then {limit} again", when=datetime_text(cap.raised_until),
              limit=exact_money(cap.limit))  # fmt: skip


def code_problem(code: str) -> str:
    """What is wrong with a gift or promotional code."""
    sentences: Mapping[str, str] = {
        "required": tr("Enter the code."),
        "unknown": tr("This code is not known. Check it letter by letter."),
        "expired": tr("This code has expired."),
        "exhausted": tr("This code has been used as often as it may be."),
        "already_used": tr("Your organization has used this code before."),
        "not_yet": tr("This code cannot be used yet."),
        "too_long": tr("This is longer than any code."),
    }
    return sentences.get(code, tr("This code cannot be used here."))


def limit_count(number: int) -> str:
    return plural(number, tr("{n} limit"), tr("{n} limits")) if number else tr("No limits")


def shown_of(shown: int, total: int) -> str:
    """ "100 of 4,210 movements"; with all in sight just their number."""
    if shown >= total:
        return plural(total, tr("{n} movement"), tr("{n} movements"))
    return tr("{shown} of {total} movements", shown=count(shown), total=count(total))
