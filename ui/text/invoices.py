"""The words of invoices: what they are for, how they stand, and what each line and each sum is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.api.money import SYMBOLS, Money
from services.api.types import Attempt, BillingDetails, Invoice, InvoiceKind, InvoiceLine, InvoiceState, TaxLine
from ui.text.formats import date, exact_money, rate, short_date
from ui.text.language import count, plural, tr
from ui.text.subscriptions import attempt_state, next_attempt, paid_by
from ui.text.wallet import plain_rate

Params = Mapping[str, str | int | None]

# ---- what it is


def kind_word(kind: InvoiceKind) -> str:
    words = {
        InvoiceKind.INVOICE: tr("Invoice"),
        InvoiceKind.CREDIT_NOTE: tr("Credit note"),
        InvoiceKind.RECEIPT: tr("Receipt"),
    }
    return words[kind]


def filter_label(name: str) -> str:
    labels = {
        "all": tr("All"),
        "open": tr("Open"),
        "paid": tr("Paid"),
        "credit_notes": tr("Credit notes"),
        "receipts": tr("Receipts"),
    }
    return labels[name]


def invoice_title(invoice: Invoice) -> str:
    """ "Invoice SK-2026-000010"; while it has no number, what it is for."""
    if not invoice.number:
        return tr("Next invoice for {what}", what=invoice_for(invoice)) if invoice_for(invoice) else tr("Next invoice")
    return tr("{kind} {number}", kind=kind_word(invoice.kind), number=invoice.number)


def invoice_for(invoice: Invoice) -> str:
    """What it is for, in a few words: "Customer Care, Starter", "Top-up", "Corrects SK-2026-000003"."""
    if invoice.kind is InvoiceKind.CREDIT_NOTE and invoice.corrects_number:
        return tr("Corrects {number}", number=invoice.corrects_number)
    if invoice.kind is InvoiceKind.RECEIPT:
        return tr("Top-up")
    named: dict[str, str] = {}
    for line in invoice.lines:
        name, plan = line_name(line.params), line.params.get("plan")
        if name and (plan or name not in named):
            named[name] = tr("{name}, {plan}", name=name, plan=plan) if plan else named.get(name, name)
    if not named:
        return ""
    first, *others = named.values()
    return tr("{first} and {n} more", first=first, n=count(len(others))) if others else first


def line_name(params: Params) -> str:
    """The agent or bundle a line speaks of."""
    return str(params.get("name") or params.get("resource") or "")


# ---- how it stands


def invoice_state(invoice: Invoice, now: datetime | None) -> tuple[str, str]:
    """The word of the chip and its tone."""
    if invoice.kind is InvoiceKind.CREDIT_NOTE:
        return tr("Credited"), "info"
    if invoice.state is InvoiceState.OPEN and invoice.is_being_paid:
        return tr("Being paid"), "info"
    if invoice.state is InvoiceState.OPEN:
        is_late = now is not None and invoice.due_at is not None and invoice.due_at < now
        return (tr("Overdue"), "danger") if is_late else (tr("Open"), "warning")
    if invoice.replaced_by_uuid:
        return tr("Replaced"), "neutral"
    words = {
        InvoiceState.DRAFT: (tr("Upcoming"), "info"),
        InvoiceState.PAID: (tr("Paid"), "success"),
        InvoiceState.VOID: (tr("Void"), "neutral"),
        InvoiceState.UNCOLLECTIBLE: (tr("Written off"), "neutral"),
    }
    return words[invoice.state]


def invoice_dates(invoice: Invoice) -> str:
    """When it was made, is due, was paid, and how; one line."""
    parts = []
    if invoice.issued_at is not None:
        parts.append(tr("Issued on {day}", day=date(invoice.issued_at)))
    elif invoice.expected_at is not None:
        parts.append(tr("Will be made on {day}", day=date(invoice.expected_at)))
    is_invoice = invoice.kind is InvoiceKind.INVOICE
    if invoice.state is InvoiceState.OPEN and invoice.due_at is not None:
        parts.append(tr("due on {day}", day=date(invoice.due_at)))
    if is_invoice and invoice.paid_at is not None and invoice.paid_at != invoice.issued_at:
        parts.append(tr("paid on {day}", day=date(invoice.paid_at)))
    return " · ".join(parts)


def invoice_paid_with(invoice: Invoice) -> str:
    """ "Paid with Visa •••• 4242"; of a credit note where the money went, when that is known."""
    if invoice.kind is InvoiceKind.CREDIT_NOTE or invoice.state is not InvoiceState.PAID:
        return ""
    return paid_by(invoice.paid_with)


def upcoming_when(invoice: Invoice) -> str:
    """Below the amount of a next invoice; one that counts calls says that it grows."""
    day = short_date(invoice.expected_at) if invoice.expected_at else ""
    grows = any(line.kind in ("usage", "late_usage") for line in invoice.lines)
    return tr("so far, due {day}", day=day) if grows else tr("due {day}", day=day)


def upcoming_text(invoice: Invoice) -> str:
    """What an invoice that is not made yet means."""
    day = date(invoice.expected_at) if invoice.expected_at else tr("the day it is due")
    return tr("This is how it stands now. It becomes final on {day}; calls made until then are added.", day=day)


def open_text(invoice: Invoice, now: datetime | None) -> str:
    """What an unpaid invoice asks for and what happens by itself."""
    due = exact_money(invoice.due)
    next_try = next_attempt(invoice.attempts, now)
    if next_try is not None:
        return tr("{due} is unpaid. It is tried again on {day}.", due=due, day=date(next_try))
    if invoice.attempts:
        return tr("{due} is unpaid. Nothing is tried again by itself: pay another way.", due=due)
    if invoice.due_at is not None and now is not None and invoice.due_at < now:
        return tr("{due} was due on {day}.", due=due, day=date(invoice.due_at))
    return tr("{due} is due on {day}.", due=due, day=date(invoice.due_at)) if invoice.due_at else ""


def attempt_words(attempt: Attempt) -> str:
    """ "13 March 2026: too little money" as two columns would have it."""
    return tr("{day}: {state}", day=date(attempt.at), state=attempt_state(attempt))


def attempts_title(attempts: tuple[Attempt, ...]) -> str:
    """Above the tries to collect; empty when the first one did it, or nothing was tried."""
    states = {attempt.state for attempt in attempts}
    if not states - {"succeeded"}:
        return ""
    return tr("When the payment was tried") if "succeeded" in states else tr("When the payment is tried")


# ---- lines


def quantity_text(value: str | int | None) -> str:
    """Decimal text with separators and without zeros that say nothing: "7,731", "0.5"."""
    whole, _, places = str(value or 0).partition(".")
    places = places.rstrip("0")
    try:
        shown = count(int(whole or 0))
    except ValueError:
        return str(value)
    return f"{shown}.{places}" if places else shown


def unit_text(unit: str | int | None, per: str | int | None = 1, currency: str = "USD") -> str:
    """A unit price given as plain decimal text: "$0.01", "$5 per 1,000"; none of its digits is lost."""
    whole, _, places = str(unit or 0).partition(".")
    places = places.rstrip("0")
    try:
        shown = f"{SYMBOLS.get(currency, '')}{count(int(whole or 0))}"
    except ValueError:
        return str(unit)
    shown += f".{places.ljust(2, '0')}" if places else ""
    return shown if str(per or 1) == "1" else tr("{amount} per {units}", amount=shown, units=quantity_text(per))


def cycle_word(cycle: str | int | None) -> str:
    words = {"monthly": tr("monthly"), "yearly": tr("yearly")}
    return words.get(str(cycle or ""), "")


def _named(params: Params, *names: str) -> str:
    """What is there of these, one after the other: "Customer Care, Starter, monthly"."""
    found = [line_name(params) if name == "name" else str(params.get(name) or "") for name in names]
    found = [cycle_word(text) or text for text in found if text]
    return ", ".join(found)


def _usage(params: Params) -> str:
    name = line_name(params)
    return tr("Calls of {name}", name=name) if name else tr("Calls")


def _late_usage(params: Params) -> str:
    name = line_name(params)
    return tr("Calls of {name} reported late", name=name) if name else tr("Calls reported late")


def tier_words(params: Params) -> str:
    """Which calls one price was for: "Calls 1,001 to 8,731", "Included calls", "Calls at $0.01 each"."""
    first, last = params.get("first"), params.get("last")
    if first is not None and last is not None:
        return tr("Calls {first} to {last}", first=quantity_text(first), last=quantity_text(last))
    code = params.get("code")
    if code in ("included", "package_free"):
        return tr("Included calls")
    if code in ("flat_fee", "tier_fee", "volume_fee"):
        return tr("Fixed fee of this step")
    if code == "package":
        return tr("Packages of calls")
    if params.get("unit") is not None:
        return tr("Calls at {price} each", price=unit_text(params["unit"], params.get("per")))
    return tr("Calls beyond the included")


def _discount(params: Params) -> str:
    code, percent = params.get("code"), params.get("percent")
    if code and percent:
        return tr("Coupon {code}, {percent}% off", code=code, percent=plain_rate(str(percent)))
    return tr("Coupon {code}", code=code) if code else tr("Discount")


def _credit(params: Params) -> str:
    if params.get("number"):
        return tr("Credit for {number}", number=params["number"])
    return tr("Credit from the wallet") if params.get("from") == "wallet" else tr("Credit")


def _plan_time(params: Params, with_plan: str, without: str) -> str:
    plan = _named(params, "name", "plan")
    return with_plan.format(plan=plan) if plan else without


def line_words(kind: str, params: Params) -> str:
    """What a line of an invoice is for; something readable for any kind."""
    match kind:
        case "fee":
            return _named(params, "name", "plan", "cycle") or tr("Fee")
        case "usage":
            return _usage(params)
        case "late_usage":
            return _late_usage(params)
        case "tier":
            return tier_words(params)
        case "discount":
            return _discount(params)
        case "credit":
            return _credit(params)
        case "proration_credit":
            return _plan_time(params, tr("Unused time of {plan}"), tr("Unused time"))
        case "proration_charge":
            return _plan_time(params, tr("Remaining time of {plan}"), tr("Remaining time"))
        case "trial":
            return _plan_time(params, tr("Trial of {plan}"), tr("Trial"))
    return _other_words(kind, params)


def _other_words(kind: str, params: Params) -> str:
    name = line_name(params)
    words = {
        "minimum": tr("Up to the minimum charge"),
        "maximum": tr("Above the maximum charge, not charged"),
        "top_up": tr("Wallet credit"),
        "usage_paid": tr("Calls the wallet has paid already"),
        "rounding": tr("Rounding to whole cents"),
        "to_wallet": tr("Moved to the wallet"),
        "refused": tr("Calls that were refused"),
        "rest": tr("Everything else"),
    }
    words_of = words.get(kind) or kind.replace("_", " ").capitalize()
    return words_of if kind in words or not name else tr("{what}: {name}", what=words_of, name=name)


def line_arithmetic(line: InvoiceLine) -> str:
    """How the amount of a line comes about: "7,731 × $0.01", "1,000 included, then $0.01 each"; often nothing."""
    if line.kind in ("usage", "late_usage"):
        return usage_arithmetic(line.params)
    if line.unit_price is None or line.kind not in ("tier", "fee") or line.quantity == "1":
        return ""
    if line.kind == "tier" and line.params.get("code") == "included":
        return tr("{n} included", n=quantity_text(line.quantity))
    return tr("{n} × {price}", n=quantity_text(line.quantity), price=rate(line.unit_price))


def usage_arithmetic(params: Params, currency: str = "USD") -> str:
    """ "1,000 included, then $0.01 each"."""
    unit = params.get("unit")
    price = unit_text(unit, params.get("per"), currency) if unit is not None else ""
    included = params.get("included", params.get("allowance", 0))
    if included is None:
        return tr("Unlimited calls")
    if str(included) == "0":
        return tr("{price} each", price=price) if price else ""
    if not price:
        return tr("{n} included", n=quantity_text(included))
    return tr("{n} included, then {price} each", n=quantity_text(included), price=price)


def period_text(start: datetime | None, end: datetime | None) -> str:
    """ "9 Feb 2026 to 9 Mar 2026"."""
    if start is None or end is None:
        return ""
    return tr("{start} to {end}", start=short_date(start), end=short_date(end))


# ---- sums


def tax_words(name: str, percent: str, note: str) -> str:
    """ "VAT 19%"; reverse charge says who accounts for it."""
    if note == "reverse_charge":
        return tr("{tax} 0%, reverse charge: you account for it", tax=name or tr("VAT"))
    if note == "not_computed":
        return tr("Tax, not known for this country")
    if not name:
        return tr("Tax, none")
    return tr("{tax} {percent}%", tax=name, percent=plain_rate(percent))


def tax_line_words(line: TaxLine) -> str:
    """With the sum it is computed on: "VAT 19% on $106.31"."""
    words = tax_words(line.name, line.rate, line.note)
    return words if line.note or not line.name else tr("{tax} on {sum}", tax=words, sum=exact_money(line.taxable))


def sum_rows(invoice: Invoice) -> tuple[tuple[str, Money, str], ...]:
    """The rows below the lines, as (words, amount, kind): what changes the subtotal, then what is left to pay."""
    rows: list[tuple[str, Money, str]] = []
    has_steps = not (invoice.discount.is_zero and invoice.credit_applied.is_zero) or bool(invoice.tax_lines)
    if has_steps:
        rows.append((tr("Subtotal"), invoice.subtotal, "plain"))
    if not invoice.discount.is_zero:
        rows.append((tr("Discounts"), -invoice.discount, "saving"))
    if not invoice.credit_applied.is_zero:
        rows.append((tr("Credit from the wallet"), -invoice.credit_applied, "saving"))
    rows += [(tax_line_words(line), line.amount, "plain") for line in invoice.tax_lines]
    rows.append((tr("Total"), invoice.total, "total"))
    return (*rows, *_settled_rows(invoice))


def _settled_rows(invoice: Invoice) -> tuple[tuple[str, Money, str], ...]:
    if invoice.kind is InvoiceKind.CREDIT_NOTE or not invoice.number:
        return ()
    rows: list[tuple[str, Money, str]] = []
    if not invoice.paid.is_zero:
        rows.append((tr("Paid"), -invoice.paid, "plain"))
    if not invoice.credited.is_zero:
        rows.append((tr("Credit notes"), -invoice.credited, "plain"))
    if invoice.state is InvoiceState.OPEN:
        rows.append((tr("Due"), invoice.due, "due"))
    return tuple(rows)


def no_tax_text(invoice: Invoice) -> str:
    """Why there is no line of tax, where one might look for it."""
    return "" if invoice.tax_lines else tr("Without a country in the billing details no tax is computed.")


# ---- who it is made out to


def billed_to(details: BillingDetails, organization: str, country: str) -> tuple[str, ...]:
    """The lines of the address block; `country` is its name."""
    lines = [details.name or organization, *details.address, country]
    if details.vat_id:
        lines.append(tr("VAT ID {number}", number=details.vat_id))
    return tuple(line for line in lines if line)


def correction_text(invoice: Invoice) -> str:
    """What changing the details of an invoice does."""
    return tr(
        "{number} stays as it is. A credit note of {credit} and a new invoice with these details are made, "
        "and all three are linked. What was paid counts for the new one.",
        number=invoice.number, credit=exact_money(invoice.total),
    )  # fmt: skip


def corrected_text(credit_note: Invoice, invoice: Invoice) -> str:
    """The toast afterwards."""
    return tr("{invoice} replaces the old invoice; {note} credits it.", invoice=invoice.number, note=credit_note.number)


def shown_text(shown: int, total: int) -> str:
    """Below the list."""
    whole = plural(total, tr("{n} document"), tr("{n} documents"))
    return whole if shown >= total else tr("{shown} of {all}", shown=count(shown), all=whole)
