"""The sentences of the tree behind an amount: one for each kind of node, its arithmetic, and the whole as plain text.

A kind nobody has told us of still gets a readable sentence: its own words and what it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from services.api.money import Money
from services.api.types import Explanation, MovementKind
from ui.text.formats import date, datetime_text, exact_money, exact_time, month_text
from ui.text.invoices import (
    line_name,
    line_words,
    quantity_text,
    tax_words,
    unit_text,
    usage_arithmetic,
)
from ui.text.language import count, plural, tr
from ui.text.wallet import movement_kind, plain_rate

Params = Mapping[str, str | int | None]
INDENT = "    "
WIDEST = 72  # letters of words before the amount in copied text
LINES = ("fee", "tier", "discount", "proration_credit", "proration_charge", "trial", "minimum", "maximum",
         "usage_paid", "rounding", "to_wallet", "refused", "rest", "late_usage")  # fmt: skip
MOVEMENTS = frozenset(kind.value for kind in MovementKind)


# ---- what a node is


def sentence(node: Explanation) -> str:
    """What this amount is."""
    params = node.params
    if node.ref.startswith("movement:") and node.kind in MOVEMENTS:
        return _movement(node)
    if node.ref.startswith("usage:"):
        return _with_name(params, tr("Calls of {name} this month"), tr("Calls this month"))
    if node.kind == "usage" or node.kind in LINES:
        return line_words(node.kind, params)
    writer = _SENTENCES.get(node.kind)
    return writer(params) if writer is not None else _unknown(node)


def _movement(node: Explanation) -> str:
    params = node.params
    kind = movement_kind(MovementKind(node.kind))
    named = next((str(params[key]) for key in ("name", "number", "code", "card", "plan") if params.get(key)), "")
    words = tr("{kind}, {name}", kind=kind, name=named) if named else kind
    return _at(params, tr("{what} on {when}"), words)


def _at(params: Params, with_time: str, words: str) -> str:
    at = _instant(params.get("at"))
    return with_time.format(what=words, when=datetime_text(at)) if at is not None else words


def _with_name(params: Params, named: str, unnamed: str) -> str:
    name = line_name(params)
    return named.format(name=name) if name else unnamed


def _instant(value: str | int | None) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)) if value else None
    except ValueError:
        return None


def _document(with_number: str, without: str) -> Callable[[Params], str]:
    def write(params: Params) -> str:
        number, subject = params.get("number"), params.get("subject")
        words = with_number.format(number=number) if number else without
        return tr("{what} for {subject}", what=words, subject=subject) if subject else words

    return write


def _upcoming(params: Params) -> str:
    words = _with_name(params, tr("Next invoice for {name}"), tr("Next invoice"))
    day = _instant(params.get("expected_at"))
    return tr("{what}, on {day}", what=words, day=date(day)) if day is not None else words


def _order(params: Params) -> str:
    words = tr("Order {number}", number=params["number"]) if params.get("number") else tr("Order")
    name = line_name(params)
    return tr("{order}, {name}", order=words, name=name) if name else words


def source_words(params: Params) -> str:
    """Where credit came from."""
    labels = {
        "top_up": tr("Top-up"),
        "auto_top_up": tr("Auto-top-up"),
        "gift_code": tr("Gift code"),
        "promotional_code": tr("Promotional code"),
        "plan_change": tr("Unused time of a plan"),
        "support": tr("From support"),
    }
    kind = tr("Promotional credit") if params.get("kind") == "promotional" else tr("Credit")
    return labels.get(str(params.get("source") or ""), kind)


def _credit(params: Params) -> str:
    """Of the wallet; of an invoice it is a line."""
    if not params.get("source"):
        return line_words("credit", params)
    words = source_words(params)
    if params.get("kind") not in ("paid", "promotional"):
        return tr("Credit: {source}", source=words)
    kind = tr("promotional") if params.get("kind") == "promotional" else tr("paid")
    ends = _instant(params.get("expires_at"))
    if ends is not None:
        return tr("Credit: {source}, {kind}, expires on {day}", source=words, kind=kind, day=date(ends))
    return tr("Credit: {source}, {kind}", source=words, kind=kind)


def _event(params: Params) -> str:
    """ "12 Nov 2026, 14:03:22, Ada King, Customer Care"."""
    at = _instant(params.get("at"))
    key, resource = str(params.get("key") or ""), str(params.get("resource") or "")
    parts = [exact_time(at) if at is not None else tr("Call"), str(params.get("person") or ""), resource]
    if key and key != resource:
        parts.append(tr("key “{key}”", key=key))
    return ", ".join(part for part in parts if part)


def _test(params: Params) -> str:
    number = params.get("quantity")
    if isinstance(number, int):
        return plural(number, tr("{n} test call"), tr("{n} test calls"))
    return tr("{n} test calls", n=quantity_text(number)) if number else tr("Test calls")


def _spent_on(params: Params) -> str:
    words = {
        "usage": tr("Spent on calls"),
        "invoice": tr("Spent on invoices"),
        "refund": tr("Sent back to the card"),
        "expiry": tr("Expired"),
        "plan_change": tr("Spent on a change of plan"),
        "reversal": tr("Came back"),
    }
    return words.get(str(params.get("by") or ""), tr("Spent"))


def _payment(words: str, what_about: bool) -> Callable[[Params], str]:
    def write(params: Params) -> str:
        number = params.get("number")
        kinds = {"order": tr("an order"), "invoice": tr("an invoice"), "top_up": tr("a top-up")}
        about = str(number or "") or (kinds.get(str(params.get("what") or ""), "") if what_about else "")
        said = tr("{what} for {about}", what=words, about=about) if about else words
        return _at(params, tr("{what}, {when}"), said)

    return write


def _spent(params: Params) -> str:
    year, _, month = str(params.get("month") or "").partition("-")
    if year.isdigit() and month.isdigit() and 1 <= int(month) <= 12:
        return tr("Paid in {month}", month=month_text(int(year), int(month)))
    return tr("Paid this month")


def _order_line(params: Params) -> str:
    labels = {
        "plan": tr("Price of the plan"),
        "yearly": tr("Yearly discount, 2 months free"),
        "bundle": tr("Bundle discount"),
        "owned": tr("What you have already"),
        "coupon": line_words("discount", params),
        "trial": tr("Trial, nothing to pay yet"),
        "test_mode": tr("Tax, none"),
        "prepaid": tr("Tax was paid with the credit"),
    }
    label = str(params.get("label") or "")
    return labels.get(label) or (tr("Price: {what}", what=label.replace("_", " ")) if label else tr("Price"))


def _tax(params: Params) -> str:
    note = str(params.get("note") or "")
    if not params.get("name") and params.get("label"):
        return _order_line(params)
    return tax_words(str(params.get("name") or ""), str(params.get("rate") or ""), note)


def _unknown(node: Explanation) -> str:
    words = node.kind.replace("_", " ").strip().capitalize() or tr("Amount")
    about = line_name(node.params) or str(node.params.get("number") or "")
    return tr("{what}: {name}", what=words, name=about) if about else words


# of nodes whose place does not change what they are
_SENTENCES: dict[str, Callable[[Params], str]] = {
    "invoice": lambda params: _document(tr("Invoice {number}"), tr("Invoice"))(params),
    "credit_note": lambda params: _document(tr("Credit note {number}"), tr("Credit note"))(params),
    "receipt": lambda params: _document(tr("Receipt {number}"), tr("Receipt"))(params),
    "upcoming": _upcoming,
    "order": _order,
    "credit": _credit,
    "top_up": lambda params: line_words("top_up", params),
    "wallet": lambda params: _with_name(params, tr("Wallet of {name}"), tr("Wallet")),
    "spent": _spent,
    "events": lambda params: _with_name(params, tr("Calls of {name}"), tr("Calls")),
    "event": _event,
    "call": _event,
    "test": _test,
    "credit_part": lambda params: tr("From credit: {source}", source=source_words(params)),
    "granted": lambda params: _at(params, tr("{what} on {when}"), source_words(params)),
    "used": lambda _params: tr("Spent so far"),
    "spent_on": _spent_on,
    "payment": lambda params: _payment(tr("Payment"), True)(params),
    "refund": lambda params: _payment(tr("Refund"), False)(params),
    "tax": _tax,
    "price": _order_line,
}


# ---- how its amount comes about


def arithmetic(node: Explanation) -> str:
    """ "312 × $0.01", "1,000 included, then $0.01 each", "19% of $106.31"; empty when the sentence says all."""
    params, kind = node.params, node.kind
    currency = node.amount.currency if node.amount is not None else "USD"
    if node.ref.startswith("movement:"):
        return ""
    if kind in ("usage", "late_usage", "events"):
        return _usage(params, currency)
    if kind == "tax":
        return _of_sum(params, currency)
    if kind in ("event", "call"):
        return _way(params, currency)
    if kind == "test":
        return _would(params, currency)
    if kind == "credit" and isinstance(params.get("amount_micros"), int):
        return tr("left of {amount}", amount=_micros(params["amount_micros"], currency))
    if kind == "tier" and params.get("code") in ("included", "package_free"):
        return tr("{n} included", n=quantity_text(params.get("quantity")))
    return _times(params, currency)


def _usage(params: Params, currency: str) -> str:
    used = params.get("used", params.get("calls"))
    how = usage_arithmetic(params, currency)
    if used is None:
        return how
    counted = plural(int(used), tr("{n} call"), tr("{n} calls")) if str(used).isdigit() else quantity_text(used)
    return tr("{calls}: {how}", calls=counted, how=how) if how else counted


def _micros(value: str | int | None, currency: str) -> str:
    return exact_money(Money(value, currency)) if isinstance(value, int) else ""


def _of_sum(params: Params, currency: str) -> str:
    taxable = _micros(params.get("taxable_micros"), currency)
    percent = plain_rate(str(params.get("rate") or ""))
    return tr("{percent}% of {sum}", percent=percent, sum=taxable) if taxable and percent else ""


def _way(params: Params, currency: str) -> str:
    words = {
        "included": tr("included"),
        "wallet": tr("from the wallet"),
        "invoice": tr("on the invoice"),
        "test": tr("test call"),
    }
    if params.get("state") == "reserved":
        return tr("reserved, not settled yet")
    would = _would(params, currency)
    return would or words.get(str(params.get("paid_from") or ""), "")


def _would(params: Params, currency: str) -> str:
    cost = _micros(params.get("would_cost_micros"), currency)
    return tr("would have cost {amount}", amount=cost) if cost else ""


def _times(params: Params, currency: str) -> str:
    unit, quantity = params.get("unit"), params.get("quantity")
    if unit is None or quantity is None or str(quantity) == "1":
        return ""
    return tr("{n} × {price}", n=quantity_text(quantity), price=unit_text(unit, params.get("per"), currency))


def amount_text(node: Explanation) -> str:
    return exact_money(node.amount) if node.amount is not None else ""


def read_aloud(node: Explanation) -> str:
    """A node as one sentence: "Calls 1,001 to 1,312, 312 × $0.01 = $3.12"."""
    how, amount = arithmetic(node), amount_text(node)
    words = sentence(node)
    if how and amount:
        return tr("{what}, {how} = {amount}", what=words, how=how, amount=amount)
    return ", ".join(part for part in (words, how, amount) if part)


def children_text(number: int) -> str:
    """What is inside, for a screen reader."""
    return plural(number, tr("made of {n} part"), tr("made of {n} parts"))


def invoice_of(node: Explanation) -> str:
    """The uuid of the invoice a node stands for, or empty."""
    kind, _, uuid = node.ref.partition(":")
    return uuid if kind == "invoice" else ""


# ---- to take away


def tree_text(node: Explanation) -> str:
    """A tree as indented text with the amounts in one column; says how many are left out."""
    rows = list(_rows(node, 0))
    width = min(max(len(words) for words, _ in rows), WIDEST)
    widest = max(len(amount) for _, amount in rows)
    return "\n".join(f"{words:<{width}}  {amount:>{widest}}".rstrip() for words, amount in rows) + "\n"


def _rows(node: Explanation, depth: int) -> Iterator[tuple[str, str]]:
    how = arithmetic(node)
    words = tr("{what}, {how}", what=sentence(node), how=how) if how else sentence(node)
    yield INDENT * depth + words, amount_text(node)
    for child in node.children:
        yield from _rows(child, depth + 1)
    if (left := node.child_count - len(node.children)) > 0:
        yield INDENT * (depth + 1) + tr("and {n} more", n=count(left)), ""


def line_count(text: str) -> str:
    """What the toast says after copying."""
    return plural(text.count("\n"), tr("{n} line copied."), tr("{n} lines copied."))
