"""The words of prices made by hand."""

from __future__ import annotations

from services.api.types import BillingCycle, Quote, QuoteState, QuoteTerms
from ui.text.formats import date, money, rate
from ui.text.language import count, plural, tr
from ui.text.problems import field_text


def quote_state(state: QuoteState) -> str:
    words = {
        QuoteState.REQUESTED: tr("Requested"),
        QuoteState.OFFERED: tr("Offer"),
        QuoteState.ACCEPTED: tr("Accepted"),
        QuoteState.DECLINED: tr("Declined"),
        QuoteState.EXPIRED: tr("Expired"),
    }
    return words[state]


def quote_title(quote: Quote) -> str:
    return tr("{plan} for {offering}", plan=quote.plan_name, offering=quote.offering_name)


def quote_price(quote: Quote) -> str:
    """ "$4,500 a year"; empty before an offer."""
    if quote.terms is None:
        return ""
    amount = money(quote.price if quote.price is not None else quote.terms.monthly_price)
    if quote.terms.cycle is BillingCycle.YEARLY:
        return tr("{amount} a year", amount=amount)
    return tr("{amount} a month", amount=amount)


def accept_label(quote: Quote) -> str:
    return tr("Accept {price}", price=quote_price(quote))


def quote_terms(terms: QuoteTerms) -> str:
    """What is in the price: "50,000 calls a month included, then $0.006 a call"."""
    if terms.included_calls is None:
        return tr("Unlimited calls")
    calls = plural(terms.included_calls, tr("{n} call a month included"), tr("{n} calls a month included"))
    if terms.overage is None:
        return tr("{calls}, no more after them", calls=calls)
    return tr("{calls}, then {price} a call", calls=calls, price=rate(terms.overage))


def quote_dates(terms: QuoteTerms) -> str:
    due = plural(
        terms.net_days, tr("invoice due {n} day after you accept"), tr("invoice due {n} days after you accept")
    )
    return tr("Valid until {day} · {due}", day=date(terms.valid_until), due=due)


def quote_detail(quote: Quote) -> str:
    """What a quote without an open offer says."""
    asked = tr("Asked for on {day} for {email}.", day=date(quote.created_at), email=quote.email)
    match quote.state:
        case QuoteState.REQUESTED:
            return tr("{asked} Sales answers here and by e-mail; nothing is charged.", asked=asked)
        case QuoteState.EXPIRED if quote.terms is not None:
            return tr("{asked} The offer was valid until {day}.", asked=asked, day=date(quote.terms.valid_until))
        case QuoteState.ACCEPTED:
            return tr("{asked} You accepted {price}.", asked=asked, price=quote_price(quote))
        case QuoteState.DECLINED:
            return tr("{asked} You declined the offer.", asked=asked)
    return asked


def accept_question(quote: Quote) -> str:
    """What accepting means, before it is done."""
    if quote.terms is None:
        return ""
    days = plural(quote.terms.net_days, tr("{n} day"), tr("{n} days"))
    return tr(
        "{offering} is set up for {price} before tax. You get an invoice that is due in {days}; no card is charged.",
        offering=quote.offering_name, price=quote_price(quote), days=days,
    )  # fmt: skip


def answer_problem(field: str, code: str, most: int = 0) -> str:
    """What to say beside a field of the form for sales."""
    sentences = {
        ("monthly_price", "required"): tr("Enter what a month costs."),
        ("monthly_price", "too_small"): tr("Enter more than zero."),
        ("monthly_price", "out_of_range"): tr("Enter more than zero and at most ten million."),
        ("overage", "out_of_range"): tr("Enter zero or more and at most ten million."),
        ("included_calls", "required"): tr("Enter how many calls a month are included."),
        ("net_days", "required"): tr("Enter after how many days the invoice is due."),
    }
    if found := sentences.get((field, code)):
        return found
    if code == "amount_invalid":
        return tr("Enter an amount such as 450 or 0.006.")
    if code == "out_of_range" and most:
        return tr("Enter a whole number from 1 to {n}.", n=count(most))
    return field_text(field, code)
