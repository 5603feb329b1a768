"""Credit notes: parts of an invoice with their tax, never more than the invoice, and in the end exactly its mirror."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.errors import InvalidInput
from services.api.money import EXPONENTS, Money
from services.domain.credit_notes import CreditNote, TaxedLine, credit_note


def money(text: str, currency: str = "USD") -> Money:
    return Money.parse(text, currency)


def line(id: str, net: str, tax: str, currency: str = "USD") -> TaxedLine:
    return TaxedLine(id, money(net, currency), money(tax, currency))


def problem(wanted: Money | Mapping[str, Money] | None, invoice: list[TaxedLine], *credited: TaxedLine) -> str:
    with pytest.raises(InvalidInput) as refused:
        credit_note(invoice, paid=Money.zero(invoice[0].net.currency), credited=credited, wanted=wanted)
    assert set(refused.value.fields) == {"amount"}
    return refused.value.fields["amount"]


# 19 %: 79.37 together
INVOICE = [line("plan", "64.66", "12.28"), line("usage", "2.04", "0.39")]
CHANGE = [line("new", "84.50", "16.06"), line("old", "-14.50", "-2.76")]
NOTHING = Money.zero()


def test_crediting_everything_is_the_mirror_of_the_invoice() -> None:
    assert credit_note(INVOICE, paid=money("79.37")) == CreditNote(
        tuple(INVOICE), money("66.70"), money("12.67"), money("79.37"), NOTHING, money("79.37")
    )
    assert credit_note(CHANGE, paid=money("83.30")).lines == tuple(CHANGE)
    assert credit_note(INVOICE, paid=money("79.37"), wanted=money("79.37")).lines == tuple(INVOICE)


def test_an_amount_is_cut_over_the_lines_and_each_line_over_net_and_tax() -> None:
    note = credit_note(INVOICE, paid=money("79.37"), wanted=money("10"))
    # 76.94 to 2.43: 9.69 (9.6938) and 0.31 (0.3062); tax 1.55 (1.5466) and 0.05 (0.0498)
    assert note.lines == (line("plan", "8.14", "1.55"), line("usage", "0.26", "0.05"))
    assert (note.net, note.tax, note.total) == (money("8.40"), money("1.60"), money("10"))


def test_a_line_may_be_chosen() -> None:
    note = credit_note(INVOICE, paid=NOTHING, wanted={"usage": money("2.43")})
    assert note.lines == (line("usage", "2.04", "0.39"),)
    note = credit_note(INVOICE, paid=NOTHING, wanted={"usage": money("0.01"), "plan": money("7.14")})
    assert note.lines == (line("plan", "6", "1.14"), line("usage", "0.01", "0"))


def test_what_is_left_after_earlier_notes_is_credited_to_the_last_cent() -> None:
    first = credit_note(INVOICE, paid=money("79.37"), wanted=money("10"))
    second = credit_note(INVOICE, paid=money("79.37"), credited=first.lines, wanted={"plan": money("20.01")})
    rest = credit_note(INVOICE, paid=money("79.37"), credited=[*first.lines, *second.lines])
    assert first.net + second.net + rest.net == money("66.70")
    assert first.tax + second.tax + rest.tax == money("12.67")
    assert rest.total == money("49.36")
    assert problem(None, INVOICE, *first.lines, *second.lines, *rest.lines) == "nothing_left"


def test_credit_lines_stay_until_all_is_credited() -> None:
    note = credit_note(CHANGE, paid=money("83.30"), wanted=money("83.29"))
    # 83.29 of the 100.56: tax 13.30 (13.3019)
    assert note.lines == (line("new", "69.99", "13.30"),)
    rest = credit_note(CHANGE, paid=money("83.30"), credited=note.lines)
    assert rest.lines == (line("new", "14.51", "2.76"), line("old", "-14.50", "-2.76"))
    assert rest.total == money("0.01")


def test_other_currencies() -> None:
    yen = credit_note([line("a", "1235", "124", "JPY")], paid=money("0", "JPY"), wanted=money("100", "JPY"))
    assert yen.lines == (line("a", "91", "9", "JPY"),)  # 9.12 of tax
    dinar = credit_note([line("a", "1.135", "0.057", "KWD")], paid=money("0", "KWD"), wanted=money("1", "KWD"))
    assert dinar.lines == (line("a", "0.952", "0.048", "KWD"),)  # 0.0478


def test_an_invoice_of_nothing_or_less_can_still_be_mirrored() -> None:
    even = [line("new", "10", "1.90"), line("old", "-10", "-1.90")]
    assert credit_note(even, paid=NOTHING).lines == tuple(even)
    below = credit_note([line("old", "-10", "-1.90")], paid=NOTHING)
    assert (below.total, below.off_due, below.refundable) == (money("-11.90"), money("-11.90"), NOTHING)
    only_tax = credit_note([line("a", "0", "0.01"), line("b", "0", "0"), line("c", "0.01", "0")], paid=NOTHING)
    assert [part.id for part in only_tax.lines] == ["a", "c"]


@pytest.mark.parametrize(
    ("paid", "earlier", "wanted", "off_due", "refundable"),
    [("0", "0", "30", "30", "0"), ("100", "0", "30", "0", "30"), ("50", "0", "30", "30", "0"),
     ("50", "0", "50", "50", "0"), ("50", "0", "50.01", "50", "0.01"), ("50", "30", "70", "20", "50"),
     ("100", "40", "60", "0", "60"), ("99.99", "0", "100", "0.01", "99.99")],
)  # fmt: skip
def test_what_is_still_to_be_paid_gets_less_before_anything_goes_back(
    paid: str, earlier: str, wanted: str, off_due: str, refundable: str
) -> None:
    credited = [line("a", earlier, "0")]
    note = credit_note([line("a", "100", "0")], paid=money(paid), credited=credited, wanted=money(wanted))
    assert (note.off_due, note.refundable) == (money(off_due), money(refundable))


@pytest.mark.parametrize(
    ("wanted", "code"),
    [(money("0"), "not_positive"), (money("-1"), "not_positive"), (money("79.38"), "over_invoice"),
     (money("0.008"), "not_whole_minor"), (Money(1), "not_whole_minor"), ({"plan": money("76.95")}, "over_invoice"),
     ({"plan": money("0")}, "not_positive"),
     ({"plan": money("1"), "usage": money("-0.01")}, "not_positive"), ({"plan": money("0.001")}, "not_whole_minor"),
     ({"nobody": money("1")}, "unknown_line"), ({}, "not_positive")],
)  # fmt: skip
def test_what_cannot_be_credited_is_named(wanted: Money | Mapping[str, Money], code: str) -> None:
    assert problem(wanted, INVOICE) == code


def test_lines_together_cannot_exceed_the_invoice() -> None:
    assert problem({"new": money("83.31")}, CHANGE) == "over_invoice"
    assert credit_note(CHANGE, paid=NOTHING, wanted={"new": money("83.30")}).total == money("83.30")
    assert problem({"old": money("0.01")}, CHANGE) == "over_invoice"


def test_an_invoice_has_each_line_once() -> None:
    with pytest.raises(ValueError, match="two lines with one id"):
        credit_note([INVOICE[0], INVOICE[0]], paid=NOTHING)
    with pytest.raises(KeyError):
        credit_note(INVOICE, paid=NOTHING, credited=[line("nobody", "1", "0")])


rows = st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 4_000), st.booleans()), min_size=1, max_size=5)


@given(rows, st.lists(st.integers(1, 20_000), max_size=6), st.integers(0, 60_000), st.sampled_from(sorted(EXPONENTS)))
def test_all_notes_together_never_exceed_the_invoice_and_refunds_never_the_payment(
    drawn: list[tuple[int, int, bool]], wants: list[int], paid: int, currency: str
) -> None:
    unit = Money.zero(currency).minor_unit
    signs = [-1 if is_credit and place else 1 for place, (_, _, is_credit) in enumerate(drawn)]
    invoice = [
        TaxedLine(str(i), Money(sign * net * unit, currency), Money(sign * tax * unit, currency))
        for i, ((net, tax, _), sign) in enumerate(zip(drawn, signs, strict=True))
    ]
    total = sum(part.gross.minor for part in invoice)
    payment = Money(min(paid, max(total, 0)) * unit, currency)
    credited: list[TaxedLine] = []
    refunded = 0
    for want in [*wants, None]:
        left = total - sum(part.gross.minor for part in credited)
        wanted = None if want is None else Money(want * unit, currency)
        if want is not None and want > left:
            assert problem(wanted, invoice, *credited) == "over_invoice"
            continue
        if not any(_left_of(part, credited) for part in invoice):
            assert problem(wanted, invoice, *credited) == "nothing_left"
            continue
        note = credit_note(invoice, paid=payment, credited=credited, wanted=wanted)
        assert note.net + note.tax == note.total == note.off_due + note.refundable
        assert note.total.minor == (left if want is None else want)
        credited += note.lines
        refunded += note.refundable.minor
        assert refunded <= payment.minor
    assert not any(_left_of(part, credited) for part in invoice)


def _left_of(part: TaxedLine, credited: list[TaxedLine]) -> bool:
    done = [other for other in credited if other.id == part.id]
    net, tax = sum(other.net.minor for other in done), sum(other.tax.minor for other in done)
    return (net, tax) != (part.net.minor, part.tax.minor)
