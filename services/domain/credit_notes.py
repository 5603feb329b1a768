"""Credit notes: what may be taken off a finalised invoice, line by line, its tax in proportion.

The sum of all credit notes never exceeds the invoice, and crediting all that is left is its exact mirror, whatever was
credited before. Amounts here are what is taken off (a document shows them below 0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.api.errors import InvalidInput
from services.api.money import Money, split_largest_remainder


@dataclass(frozen=True, slots=True)
class TaxedLine:
    """A line of an invoice or of a credit note: what it charges or takes off, in whole minor units."""

    id: str
    net: Money
    tax: Money

    @property
    def gross(self) -> Money:
        """With its tax."""
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class CreditNote:
    """net + tax = total = off_due + refundable: first what is still to be paid gets less, the rest was paid already
    and goes back to the buyer."""

    lines: tuple[TaxedLine, ...]
    net: Money
    tax: Money
    total: Money
    off_due: Money
    refundable: Money


def credit_note(
    invoice: Sequence[TaxedLine],
    *,
    paid: Money,
    credited: Sequence[TaxedLine] = (),
    wanted: Money | Mapping[str, Money] | None = None,
) -> CreditNote:
    """The next credit note. `credited` are the lines of all earlier ones; `paid` is all that was ever paid.

    `wanted` with tax: None is all that is left; an amount is cut over the lines in proportion to what is left of
    them; a mapping says how much of which line. Raises InvalidInput (field amount): nothing_left, not_positive,
    not_whole_minor, over_invoice, unknown_line.
    """
    left = _left(invoice, credited)
    nothing = Money.zero(paid.currency)
    rest = sum((line.gross for line in left), nothing)
    if wanted is None or wanted == rest:
        lines = [line for line in left if line.net.micros or line.tax.micros]
        if not lines:
            raise InvalidInput(fields={"amount": "nothing_left"})
    else:
        lines = _some(left, wanted, rest)
    net = sum((line.net for line in lines), nothing)
    tax = sum((line.tax for line in lines), nothing)
    off_due = min(net + tax, max(rest - paid, nothing))
    return CreditNote(tuple(lines), net, tax, net + tax, off_due, net + tax - off_due)


def _left(invoice: Sequence[TaxedLine], credited: Sequence[TaxedLine]) -> list[TaxedLine]:
    """What no credit note has taken off yet, by line."""
    left = {line.id: line for line in invoice}
    if len(left) != len(invoice):
        raise ValueError("two lines with one id")
    for line in credited:
        before = left[line.id]
        left[line.id] = TaxedLine(line.id, before.net - line.net, before.tax - line.tax)
    return list(left.values())


def _some(left: Sequence[TaxedLine], wanted: Money | Mapping[str, Money], rest: Money) -> list[TaxedLine]:
    """A part of what is left, in the invoice's order."""
    amounts = {line.id: line.gross for line in left}
    if isinstance(wanted, Money):
        _check(wanted, rest)
        asked: Mapping[str, Money] = _over_lines(wanted, amounts)
    else:
        for line_id, amount in wanted.items():
            if line_id not in amounts:
                raise InvalidInput(fields={"amount": "unknown_line"})
            _check(amount, amounts[line_id])
        asked = wanted
        _check(sum(wanted.values(), Money.zero(rest.currency)), rest)
    return [_part(line, asked[line.id]) for line in left if line.id in asked]


def _check(amount: Money, most: Money) -> None:
    if amount.micros <= 0:
        raise InvalidInput(fields={"amount": "not_positive"})
    if amount.rounded() != amount:
        raise InvalidInput(fields={"amount": "not_whole_minor"})
    if most < amount:
        raise InvalidInput(fields={"amount": "over_invoice"})


def _over_lines(wanted: Money, amounts: Mapping[str, Money]) -> dict[str, Money]:
    """The amount in proportion to the lines above 0; credit lines stay as they are until all is credited."""
    parts = split_largest_remainder(wanted.minor, [max(0, amount.minor) for amount in amounts.values()])
    unit = wanted.minor_unit
    return {line: Money(part * unit, wanted.currency) for line, part in zip(amounts, parts, strict=True) if part}


def _part(line: TaxedLine, gross: Money) -> TaxedLine:
    """`gross` of what is left of a line, its tax in proportion; all of it is exactly what is left."""
    net, tax = split_largest_remainder(gross.minor, [line.net.minor, line.tax.minor])
    unit = gross.minor_unit
    return TaxedLine(line.id, Money(net * unit, gross.currency), Money(tax * unit, gross.currency))
