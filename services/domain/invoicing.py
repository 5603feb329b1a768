"""The arithmetic of an invoice: one function for checkout, first invoice, preview and upcoming invoice.

Order: each line rounded to the minor unit -> discounts (percent, then fixed) -> wallet credit (before tax: prepaid
credit was taxed when it was bought) -> tax per rate -> total. Every later sum is cut back onto the lines by the
largest remainder, so the total is the sum of the lines whichever way they are added up.
Also here: the states of an invoice, its number, what late usage adds, and cells that are safe in a spreadsheet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from services.api.errors import WrongState
from services.api.money import CurrencyMismatch, Money, Rate, split_largest_remainder
from services.api.types import InvoiceState
from services.domain.discounts import Coupon, Discountable, DiscountShare, Rounding, apply
from services.domain.taxes import UNTAXED, Treatment, tax_on
from services.domain.wallet import whole_minor


@dataclass(frozen=True, slots=True)
class Item:
    """Something to be charged, exact to the micro; below 0 for a credit (proration). `kind` and `params` make its
    sentence. Items with a `parent` explain it: they add up to it exactly and are not charged again."""

    id: str
    amount: Money
    kind: str = "fee"
    parent: str = ""
    params: Mapping[str, str | int | None] = field(default_factory=dict)
    quantity: Decimal = Decimal(1)
    unit: Rate | None = None
    tax_code: str = ""
    offering: str = ""  # what coupons look at
    subscription: str = ""
    resource: str = ""
    is_discountable: bool = True


@dataclass(frozen=True, slots=True)
class Conventions:
    """Where sums are rounded (engines differ). Ours: each line, each coupon as a whole, the tax once per rate.

    lines TOTAL: the exact sum is rounded once and cut over the lines. tax LINE: the tax of each line is rounded.
    """

    lines: Rounding = Rounding.LINE
    discounts: Rounding = Rounding.TOTAL
    tax: Rounding = Rounding.TOTAL


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A charged item in whole minor units. Prices without tax: amount - discount - credit = net; prices with tax:
    amount - discount - credit = net + tax."""

    item: Item
    amount: Money
    discount: Money
    credit: Money
    net: Money
    tax: Money

    @property
    def gross(self) -> Money:
        """What this line adds to the total."""
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class TaxSum:
    """The tax of one treatment over all its lines; a rate of 0 is there for its note."""

    treatment: Treatment
    taxable: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class Draft:
    """An invoice before it is finalised. `taxable` is net of tax; taxable + tax_total = total = sum of the lines.
    `subtotal` - `discount_total` - `credit_applied` is `taxable`, or with tax inside the prices, `total`."""

    lines: tuple[DraftLine, ...]
    details: tuple[Item, ...]  # those with a parent
    shares: tuple[DiscountShare, ...]
    subtotal: Money
    discount_total: Money
    credit_applied: Money
    taxable: Money
    taxes: tuple[TaxSum, ...]
    tax_total: Money
    total: Money

    @property
    def due(self) -> Money:
        """What is to be paid: the total, never below 0."""
        return max(self.total, Money.zero(self.total.currency))

    @property
    def to_wallet(self) -> Money:
        """What credit lines leave over when they are more than the charges."""
        return self.due - self.total


def compose(
    items: Sequence[Item],
    *,
    currency: str,
    treatment: Treatment = UNTAXED,
    treatments: Mapping[str, Treatment] | None = None,
    coupons: Sequence[Coupon] = (),
    credit_available: Money | None = None,
    inclusive: bool = False,
    conventions: Conventions = Conventions(),
) -> Draft:
    """The whole invoice. `treatments` are exceptions from `treatment` by tax code; `inclusive`: prices contain tax.

    Of `credit_available` only whole minor units are used, and never more than the lines come to after discounts.
    Raises ValueError for items that do not form a tree that adds up, CurrencyMismatch for another currency.
    """
    roots, details = _tree(items, currency)
    amounts = _rounded([item.amount for item in roots], conventions.lines, currency)
    subtotal = _sum(amounts, currency)
    goods = [
        Discountable(item.id, amount, item.offering, item.is_discountable)
        for item, amount in zip(roots, amounts, strict=True)
    ]
    nothing = Money.zero(currency)
    shares = apply(goods, coupons, at_most=max(subtotal, nothing), rounding=conventions.discounts)
    discounts = [_sum([share.amount for share in shares if share.item == good.id], currency) for good in goods]
    left = [amount - discount for amount, discount in zip(amounts, discounts, strict=True)]
    credits = _credits(left, credit_available or nothing, currency)
    bases = [amount - credit for amount, credit in zip(left, credits, strict=True)]
    rules = [(treatments or {}).get(item.tax_code, treatment) for item in roots]
    taxes = _taxes(bases, rules, inclusive, conventions.tax)
    nets = [base - tax if inclusive else base for base, tax in zip(bases, taxes, strict=True)]
    taxable, tax_total = _sum(nets, currency), _sum(taxes, currency)
    return Draft(
        lines=tuple(map(DraftLine, roots, amounts, discounts, credits, nets, taxes)),
        details=details,
        shares=shares,
        subtotal=subtotal,
        discount_total=_sum(discounts, currency),
        credit_applied=_sum(credits, currency),
        taxable=taxable,
        taxes=_tax_sums(rules, nets, taxes, currency),
        tax_total=tax_total,
        total=taxable + tax_total,
    )


def _tree(items: Sequence[Item], currency: str) -> tuple[list[Item], tuple[Item, ...]]:
    """Charged items and the details that explain them, each in the order given."""
    by_id = {item.id: item for item in items}
    if len(by_id) != len(items) or "" in by_id:
        raise ValueError("every item has an id of its own")
    explained: dict[str, Money] = {}
    for item in items:
        if item.amount.currency != currency:
            raise CurrencyMismatch(f"{item.amount.currency} and {currency}")
        if item.parent:
            explained[item.parent] = explained.get(item.parent, Money.zero(currency)) + item.amount
    for parent, amount in explained.items():
        if parent not in by_id or by_id[parent].amount != amount:
            raise ValueError(f"the details of {parent!r} do not add up to it")
    return [item for item in items if not item.parent], tuple(item for item in items if item.parent)


def _sum(amounts: Sequence[Money], currency: str) -> Money:
    return sum(amounts, Money.zero(currency))


def _rounded(amounts: list[Money], rounding: Rounding, currency: str) -> list[Money]:
    if rounding is Rounding.LINE:
        return [amount.rounded() for amount in amounts]
    return _share_out(amounts, Money.rounded, currency)


def _credits(left: list[Money], available: Money, currency: str) -> list[Money]:
    """The wallet credit each line gets: lines below 0 get none."""
    if available.micros < 0:
        raise ValueError("credit is never below 0")
    usable = min(whole_minor(available), _sum(left, currency))
    return _cut(max(usable, Money.zero(currency)), left)


def _taxes(bases: list[Money], rules: list[Treatment], inclusive: bool, rounding: Rounding) -> list[Money]:
    """The tax of each line: rounded once per treatment, or on each line."""
    if rounding is Rounding.LINE:
        return [tax_on(base, rule, inclusive=inclusive).tax for base, rule in zip(bases, rules, strict=True)]
    taxes: dict[int, Money] = {}
    for rule in dict.fromkeys(rules):
        places = [place for place, other in enumerate(rules) if other == rule]
        group = [bases[place] for place in places]
        taxes |= zip(places, _share_out(group, _tax_by(rule, inclusive), group[0].currency), strict=True)
    return [taxes[place] for place in range(len(rules))]


def _tax_by(rule: Treatment, inclusive: bool) -> Callable[[Money], Money]:
    return lambda base: tax_on(base, rule, inclusive=inclusive).tax


def _tax_sums(rules: list[Treatment], nets: list[Money], taxes: list[Money], currency: str) -> tuple[TaxSum, ...]:
    def of(rule: Treatment, amounts: list[Money]) -> Money:
        return _sum([amount for amount, other in zip(amounts, rules, strict=True) if other == rule], currency)

    return tuple(TaxSum(rule, of(rule, nets), of(rule, taxes)) for rule in dict.fromkeys(rules))


def _share_out(amounts: Sequence[Money], rule: Callable[[Money], Money], currency: str) -> list[Money]:
    """`rule` of the sum of all amounts, cut over them. Those below 0 are cut apart from the others, because a part
    cannot be in proportion to weights of both signs."""
    negative = rule(_sum([amount for amount in amounts if amount.micros < 0], currency))
    positive = rule(_sum(amounts, currency)) - negative
    below = _cut(negative, [-amount for amount in amounts])
    return [up + down for up, down in zip(_cut(positive, amounts), below, strict=True)]


def _cut(total: Money, amounts: Sequence[Money]) -> list[Money]:
    """`total` in proportion to those of the amounts that are above 0, in whole minor units."""
    if total.is_zero:
        return [total] * len(amounts)
    parts = split_largest_remainder(total.minor, [max(0, amount.micros) for amount in amounts])
    return [Money(part * total.minor_unit, total.currency) for part in parts]


# ---- states


class InvoiceAction(StrEnum):
    FINALIZE = "finalize"
    PAY = "pay"
    VOID = "void"
    WRITE_OFF = "write_off"
    RETURN = "return"


# As Stripe has it: what was written off can still be paid or voided; void is the end, and so is paid unless the payment
# itself is taken back by the bank. A draft is replaced, never voided: it has no number yet.
_AFTER: dict[tuple[InvoiceState, InvoiceAction], InvoiceState] = {
    (InvoiceState.DRAFT, InvoiceAction.FINALIZE): InvoiceState.OPEN,
    (InvoiceState.OPEN, InvoiceAction.PAY): InvoiceState.PAID,
    (InvoiceState.PAID, InvoiceAction.RETURN): InvoiceState.OPEN,
    (InvoiceState.OPEN, InvoiceAction.RETURN): InvoiceState.OPEN,  # a part that was paid
    (InvoiceState.OPEN, InvoiceAction.VOID): InvoiceState.VOID,
    (InvoiceState.OPEN, InvoiceAction.WRITE_OFF): InvoiceState.UNCOLLECTIBLE,
    (InvoiceState.UNCOLLECTIBLE, InvoiceAction.PAY): InvoiceState.PAID,
    (InvoiceState.UNCOLLECTIBLE, InvoiceAction.VOID): InvoiceState.VOID,
}


def after(state: InvoiceState, action: InvoiceAction) -> InvoiceState:
    """The state after an action. Raises WrongState (params: state) when the state does not allow it."""
    if (state, action) not in _AFTER:
        raise WrongState(state=state.value)
    return _AFTER[state, action]


def allowed(state: InvoiceState) -> frozenset[InvoiceAction]:
    """What may be done with an invoice in this state."""
    return frozenset(action for known, action in _AFTER if known is state)


# ---- numbers, late usage, spreadsheets


_SERIES = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*")
_PLAIN_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_FORMULA = "=+-@＝＋－＠\t\r\n"


def number(series: str, count: int, year: int | None = None) -> str:
    """`number("SK", 42, 2026)` is "SK-2026-000042". From a million on it grows longer; it never wraps."""
    if not _SERIES.fullmatch(series) or count < 1:
        raise ValueError("a number has a series and counts from 1")
    return f"{series}-{count:06d}" if year is None else f"{series}-{year:04d}-{count:06d}"


def late(previous: Money, new: Money) -> Money:
    """What late usage adds to (or takes off) a period that was invoiced at `previous`: the difference of the two as
    an invoice rounds them, so old line + late line = the line there would have been."""
    return new.rounded() - previous.rounded()


def csv_cell(text: str) -> str:
    """Text as a CSV cell that no spreadsheet runs as a formula (OWASP, "CSV injection"): an apostrophe in front.

    Plain decimal numbers stay numbers, also negative ones. Quoting is left to the csv module.
    """
    start = text.lstrip(" \u00a0\u3000\ufeff")[:1]
    is_formula = start != "" and start in _FORMULA and not _PLAIN_NUMBER.fullmatch(text)
    return "'" + text if is_formula else text
