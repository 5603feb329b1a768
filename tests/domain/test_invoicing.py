"""Invoices worked out by hand: each sum in its order, to the minor unit, and always the sum of its lines."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.errors import WrongState
from services.api.money import EXPONENTS, CurrencyMismatch, Money
from services.api.types import InvoiceState
from services.domain.discounts import Coupon, Rounding
from services.domain.invoicing import (
    Conventions,
    Draft,
    InvoiceAction,
    Item,
    TaxSum,
    after,
    allowed,
    compose,
    csv_cell,
    late,
    number,
)
from services.domain.taxes import UNTAXED, TaxKind, Treatment

VAT19 = Treatment(TaxKind.STANDARD, Fraction(19, 100), "VAT")
VAT7 = Treatment(TaxKind.STANDARD, Fraction(7, 100), "VAT")
JCT10 = Treatment(TaxKind.STANDARD, Fraction(1, 10), "Consumption tax")
VAT5 = Treatment(TaxKind.STANDARD, Fraction(1, 20), "VAT")
REVERSED = Treatment(TaxKind.REVERSE_CHARGE, Fraction(0), "VAT", "reverse_charge")


def money(text: str, currency: str = "USD") -> Money:
    return Money.parse(text, currency)


def items(*amounts: str, currency: str = "USD") -> list[Item]:
    return [Item("abcdef"[i], money(text, currency), offering="ABCDEF"[i]) for i, text in enumerate(amounts)]


def percent(text: str) -> Coupon:
    return Coupon("P", percent=Decimal(text))


def fixed(text: str, currency: str = "USD") -> Coupon:
    return Coupon("F", amount=money(text, currency))


def text(amount: Money) -> str:
    return amount.decimal().rstrip("0").rstrip(".")


def sums(draft: Draft) -> str:
    """subtotal - discount - credit | taxable + tax = total"""
    amounts = map(text, (draft.subtotal, draft.discount_total, draft.credit_applied))
    return " - ".join(amounts) + f" | {text(draft.taxable)} + {text(draft.tax_total)} = {text(draft.total)}"


def lines(draft: Draft) -> list[str]:
    """id: amount - discount - credit | net + tax"""
    return [
        f"{line.item.id}: {text(line.amount)} - {text(line.discount)} - {text(line.credit)}"
        f" | {text(line.net)} + {text(line.tax)}"
        for line in draft.lines
    ]


# ---- whole invoices, by hand


def test_a_first_invoice_with_coupons_credit_and_tax() -> None:
    draft = compose(
        items("99", "3.12"),
        currency="USD",
        treatment=VAT19,
        coupons=[fixed("5"), percent("20")],
        credit_available=money("10"),
    )
    # 102.12; 20 % = 20.42 (20.424): 19.80 and 0.62; left 79.20 and 2.50
    # 5.00 off 81.70: 4.85 (4.847) and 0.15 (0.153); left 74.35 and 2.35
    # 10.00 of credit: 9.69 (9.694) and 0.31 (0.306); left 64.66 and 2.04; 19 % of 66.70 = 12.67 (12.673)
    # cut 12.28 (12.2825) and 0.39 (0.3875)
    assert sums(draft) == "102.12 - 25.42 - 10 | 66.7 + 12.67 = 79.37"
    assert lines(draft) == ["a: 99 - 24.65 - 9.69 | 64.66 + 12.28", "b: 3.12 - 0.77 - 0.31 | 2.04 + 0.39"]
    assert draft.taxes == (TaxSum(VAT19, money("66.70"), money("12.67")),)
    assert [(share.coupon, share.item, text(share.amount)) for share in draft.shares] == [
        ("P", "a", "19.8"), ("P", "b", "0.62"), ("F", "a", "4.85"), ("F", "b", "0.15")
    ]  # fmt: skip
    assert (draft.due, draft.to_wallet) == (money("79.37"), Money.zero())


def test_the_same_with_tax_inside_the_prices() -> None:
    draft = compose(
        items("99", "3.12"),
        currency="USD",
        treatment=VAT19,
        inclusive=True,
        coupons=[fixed("5"), percent("20")],
        credit_available=money("10"),
    )
    # 66.70 contain 10.65 (10.6496): 10.32 (10.3243) and 0.33 (0.3257)
    assert sums(draft) == "102.12 - 25.42 - 10 | 56.05 + 10.65 = 66.7"
    assert lines(draft) == ["a: 99 - 24.65 - 9.69 | 54.34 + 10.32", "b: 3.12 - 0.77 - 0.31 | 1.71 + 0.33"]
    assert draft.lines[0].gross == money("64.66")


@pytest.mark.parametrize(
    ("amounts", "currency", "treatment", "coupons", "expected"),
    [(["29"], "USD", UNTAXED, [], "29 - 0 - 0 | 29 + 0 = 29"),
     (["990"], "USD", VAT19, [], "990 - 0 - 0 | 990 + 188.1 = 1178.1"),
     (["0.005"], "USD", UNTAXED, [], "0.01 - 0 - 0 | 0.01 + 0 = 0.01"),
     (["0.004999"], "USD", VAT19, [], "0 - 0 - 0 | 0 + 0 = 0"),
     # each line is rounded: three times 0.8 cents are three cents, not 2.4
     (["0.008", "0.008", "0.008"], "USD", UNTAXED, [], "0.03 - 0 - 0 | 0.03 + 0 = 0.03"),
     (["29"], "USD", VAT19, [percent("100")], "29 - 29 - 0 | 0 + 0 = 0"),
     (["29"], "USD", VAT19, [fixed("30")], "29 - 29 - 0 | 0 + 0 = 0"),
     (["1200.5", "99.4"], "JPY", JCT10, [percent("5")], "1300 - 65 - 0 | 1235 + 124 = 1359"),
     (["1.2345", "0.0004"], "KWD", VAT5, [fixed("0.1", "KWD")], "1.235 - 0.1 - 0 | 1.135 + 0.057 = 1.192"),
     (["29"], "USD", REVERSED, [], "29 - 0 - 0 | 29 + 0 = 29")],
)  # fmt: skip
def test_small_invoices(
    amounts: list[str], currency: str, treatment: Treatment, coupons: list[Coupon], expected: str
) -> None:
    draft = compose(items(*amounts, currency=currency), currency=currency, treatment=treatment, coupons=coupons)
    assert sums(draft) == expected


def test_an_item_is_one_fee_unless_said_otherwise() -> None:
    item = compose([Item("a", money("29"))], currency="USD").lines[0].item
    assert (item.kind, item.quantity, item.unit, item.parent) == ("fee", Decimal(1), None, "")


def test_an_invoice_of_nothing_is_nothing() -> None:
    draft = compose([], currency="JPY", treatment=JCT10, coupons=[percent("5")], credit_available=money("5", "JPY"))
    assert sums(draft) == "0 - 0 - 0 | 0 + 0 = 0"
    assert (draft.lines, draft.taxes, draft.shares, draft.total.currency) == ((), (), (), "JPY")


# ---- credit


@pytest.mark.parametrize(
    ("credit", "expected"),
    [("0", "29 - 0 - 0 | 29 + 5.51 = 34.51"), ("0.009999", "29 - 0 - 0 | 29 + 5.51 = 34.51"),
     ("0.01", "29 - 0 - 0.01 | 28.99 + 5.51 = 34.5"), ("10.019", "29 - 0 - 10.01 | 18.99 + 3.61 = 22.6"),
     ("29", "29 - 0 - 29 | 0 + 0 = 0"), ("29.01", "29 - 0 - 29 | 0 + 0 = 0"), ("500", "29 - 0 - 29 | 0 + 0 = 0")],
)  # fmt: skip
def test_credit_pays_before_tax_in_whole_cents_and_never_too_much(credit: str, expected: str) -> None:
    draft = compose(items("29"), currency="USD", treatment=VAT19, credit_available=money(credit))
    assert sums(draft) == expected


def test_credit_is_not_negative() -> None:
    with pytest.raises(ValueError, match="never below 0"):
        compose(items("29"), currency="USD", credit_available=money("-0.01"))
    with pytest.raises(CurrencyMismatch):
        compose(items("29"), currency="USD", credit_available=money("1", "EUR"))


# ---- lines below 0


def test_a_change_of_plan_is_netted_with_its_tax() -> None:
    draft = compose(
        items("99", "-14.5"), currency="USD", treatment=VAT19, coupons=[percent("10")], credit_available=money("4.60")
    )
    # 10 % of the 99 only; credit on the positive line only; 19 % of 70.00 = 13.30
    assert lines(draft) == ["a: 99 - 9.9 - 4.6 | 84.5 + 16.06", "b: -14.5 - 0 - 0 | -14.5 + -2.76"]
    assert sums(draft) == "84.5 - 9.9 - 4.6 | 70 + 13.3 = 83.3"


def test_more_credit_lines_than_charges_go_to_the_wallet_with_their_tax() -> None:
    draft = compose(
        items("29", "-99"), currency="USD", treatment=VAT19, coupons=[percent("50")], credit_available=money("5")
    )
    assert sums(draft) == "-70 - 0 - 0 | -70 + -13.3 = -83.3"
    assert (draft.due, draft.to_wallet) == (Money.zero(), money("83.30"))
    assert lines(draft)[1] == "b: -99 - 0 - 0 | -99 + -18.81"


def test_a_coupon_never_takes_the_sum_below_zero() -> None:
    draft = compose(items("100", "-80"), currency="USD", coupons=[fixed("50")])
    assert sums(draft) == "20 - 20 - 0 | 0 + 0 = 0"
    assert sums(compose(items("100", "-80"), currency="USD", coupons=[fixed("19.99")])).endswith("= 0.01")


def test_credit_lines_of_a_cent_keep_the_tax_exact() -> None:
    draft = compose(items("0.03", "-0.01", "-0.01"), currency="USD", treatment=VAT19)
    # 19 % of 0.01 is 0; of the two credits -0.0038 is 0; so nothing is left for the charge
    assert [line.tax for line in draft.lines] == [Money.zero()] * 3
    draft = compose(items("0.08", "-0.03", "-0.03"), currency="USD", treatment=VAT19)
    # -0.0114 is -0.01, the first of the two; 0.0038 is 0; so the charge has +0.01
    assert [text(line.tax) for line in draft.lines] == ["0.01", "-0.01", "0"]


# ---- tax


def test_each_rate_is_computed_on_its_own_sum() -> None:
    goods = [
        replace(item, tax_code=code) for item, code in zip(items("10.05", "20", "10.05"), ["", "book", ""], strict=True)
    ]
    draft = compose(goods, currency="USD", treatment=VAT19, treatments={"book": VAT7})
    # 20.10 x 19 % = 3.82 (3.819): 1.91 each; 20 x 7 % = 1.40
    assert draft.taxes == (TaxSum(VAT19, money("20.10"), money("3.82")), TaxSum(VAT7, money("20"), money("1.40")))
    assert [text(line.tax) for line in draft.lines] == ["1.91", "1.4", "1.91"]
    assert sums(draft) == "40.1 - 0 - 0 | 40.1 + 5.22 = 45.32"


def test_an_unknown_tax_code_is_taxed_as_everything_else() -> None:
    draft = compose(
        [replace(items("100")[0], tax_code="?")], currency="USD", treatment=VAT19, treatments={"book": VAT7}
    )
    assert draft.tax_total == money("19")


def test_a_rate_of_nothing_stands_on_the_invoice_for_its_note() -> None:
    draft = compose(items("29"), currency="USD", treatment=REVERSED)
    assert draft.taxes == (TaxSum(REVERSED, money("29"), Money.zero()),)


# ---- conventions of others


def test_tax_may_be_rounded_on_each_line() -> None:
    three = items("0.03", "0.03", "0.03")
    assert compose(three, currency="USD", treatment=VAT19).tax_total == money("0.02")  # 1.71 cents
    by_line = compose(three, currency="USD", treatment=VAT19, conventions=Conventions(tax=Rounding.LINE))
    assert by_line.tax_total == money("0.03")  # 0.57 cents each
    assert by_line.taxes == (TaxSum(VAT19, money("0.09"), money("0.03")),)


def test_lines_may_be_rounded_as_one_sum() -> None:
    loose = Conventions(lines=Rounding.TOTAL)
    draft = compose(items("0.008", "0.008", "0.004"), currency="USD", conventions=loose)
    assert [text(line.amount) for line in draft.lines] == ["0.01", "0.01", "0"]  # 2.0 cents: 0.8, 0.8 and 0.4
    mixed = compose(items("0.017", "0.017", "-0.011", "-0.004"), currency="USD", conventions=loose)
    # -1.5 cents are -2: -1.47 and -0.53, so -1 and -1 (the second has more left); 1.9 are 2, so 4: 2 and 2
    assert [text(line.amount) for line in mixed.lines] == ["0.02", "0.02", "-0.01", "-0.01"]
    assert mixed.subtotal == money("0.02")


def test_percentages_may_be_rounded_on_each_line() -> None:
    three = items("0.05", "0.05", "0.05")
    assert compose(three, currency="USD", coupons=[percent("10")]).discount_total == money("0.02")
    by_line = Conventions(discounts=Rounding.LINE)
    assert compose(three, currency="USD", coupons=[percent("10")], conventions=by_line).discount_total == money("0.03")


# ---- the tree


USAGE = [
    Item("u", money("3.1204"), "usage"),
    Item("t1", Money.zero(), "tier", parent="u"),
    Item("t2", money("3.1204"), "tier", parent="u"),
    Item("e1", money("3.12"), "calls", parent="t2"),
    Item("e2", money("0.0004"), "calls", parent="t2"),
]


def test_details_explain_a_line_and_are_not_charged_again() -> None:
    draft = compose([*items("29"), *USAGE], currency="USD")
    assert [line.item.id for line in draft.lines] == ["a", "u"]
    assert draft.details == tuple(USAGE[1:])
    assert draft.total == money("32.12")


@pytest.mark.parametrize(
    "broken",
    [[*USAGE, Item("e3", Money(1), parent="t2")], [*USAGE, Item("e3", Money(1), parent="nobody")], USAGE[1:]],
)
def test_details_must_add_up_to_their_line(broken: list[Item]) -> None:
    with pytest.raises(ValueError, match="do not add up"):
        compose(broken, currency="USD")


@pytest.mark.parametrize("broken", [[*items("1"), *items("2")], [Item("", money("1"))]])
def test_every_item_has_an_id_of_its_own(broken: list[Item]) -> None:
    with pytest.raises(ValueError, match="an id of its own"):
        compose(broken, currency="USD")


def test_an_invoice_has_one_currency() -> None:
    with pytest.raises(CurrencyMismatch, match="EUR and USD"):
        compose([*items("1"), Item("e", money("1", "EUR"))], currency="USD")


def test_an_item_may_be_kept_from_coupons() -> None:
    kept = replace(items("10")[0], is_discountable=False)
    assert sums(compose([kept, *items("1", "10")[1:]], currency="USD", coupons=[percent("50")])).startswith("20 - 5 -")
    only_b = Coupon("B", percent=Decimal(50), offerings=frozenset({"B"}))
    assert [text(line.discount) for line in compose(items("10", "10"), currency="USD", coupons=[only_b]).lines] == [
        "0",
        "5",
    ]


# ---- always


exact_amounts = st.lists(st.integers(-(10**8), 10**9), max_size=7)
rates = st.sampled_from([VAT19, VAT7, REVERSED, UNTAXED, Treatment(TaxKind.STANDARD, Fraction(51, 200), "VAT")])
drawn_coupons = st.lists(st.integers(1, 1000).map(lambda n: percent(str(Decimal(n) / 10))), max_size=2)
conventions = st.builds(Conventions, *[st.sampled_from(list(Rounding))] * 3)


@given(
    exact_amounts, st.lists(rates, min_size=1, max_size=3), st.sampled_from(sorted(EXPONENTS)), drawn_coupons,
    st.integers(0, 10**9), st.integers(0, 10**6), st.booleans(), conventions,
)  # fmt: skip
def test_every_sum_is_the_sum_of_the_lines(
    amounts: list[int], rules: list[Treatment], currency: str, coupons: list[Coupon], credit: int, off: int,
    inclusive: bool, rounding: Conventions,
) -> None:  # fmt: skip
    goods = [Item(str(i), Money(n, currency), tax_code=str(i % len(rules))) for i, n in enumerate(amounts)]
    unit = Money.zero(currency).minor_unit
    coupons = [*coupons, Coupon("F", amount=Money((off // unit + 1) * unit, currency))]
    draft = compose(
        goods, currency=currency, treatments={str(i): rule for i, rule in enumerate(rules)}, coupons=coupons,
        credit_available=Money(credit, currency), inclusive=inclusive, conventions=rounding,
    )  # fmt: skip
    nothing = Money.zero(currency)
    assert draft.total == sum((line.gross for line in draft.lines), nothing) == draft.taxable + draft.tax_total
    assert draft.subtotal == sum((line.amount for line in draft.lines), nothing)
    assert draft.discount_total == sum((share.amount for share in draft.shares), nothing)
    assert draft.tax_total == sum((tax.tax for tax in draft.taxes), nothing)
    assert draft.taxable == sum((tax.taxable for tax in draft.taxes), nothing)
    left = draft.subtotal - draft.discount_total - draft.credit_applied
    assert left == (draft.total if inclusive else draft.taxable)
    assert 0 <= draft.credit_applied.micros <= credit
    assert draft.due - draft.to_wallet == draft.total
    assert min(draft.due.micros, draft.to_wallet.micros) == 0
    if draft.subtotal.micros >= 0:
        assert left.micros >= 0
    for line in draft.lines:
        base = line.amount - line.discount - line.credit
        assert base == (line.gross if inclusive else line.net)
        assert line.amount.minor * base.minor >= 0  # a charge stays one, a credit too
        assert line.net.minor * line.tax.minor >= 0
        assert line.discount.micros >= 0
        assert line.credit.micros >= 0


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=7), st.booleans())
def test_our_tax_is_within_half_a_cent_of_the_exact_one(amounts: list[int], inclusive: bool) -> None:
    goods = [Item(str(i), Money(n)) for i, n in enumerate(amounts)]
    draft = compose(goods, currency="USD", treatment=VAT19, inclusive=inclusive)
    rate = VAT19.rate / (1 + VAT19.rate) if inclusive else VAT19.rate
    assert abs(draft.subtotal.micros * rate - draft.tax_total.micros) <= 5_000
    for line in draft.lines:
        assert abs(line.amount.micros * rate - line.tax.micros) < 15_000


# ---- states


DRAFT, OPEN, PAID = InvoiceState.DRAFT, InvoiceState.OPEN, InvoiceState.PAID
VOID, LOST = InvoiceState.VOID, InvoiceState.UNCOLLECTIBLE
ALLOWED = {
    (DRAFT, InvoiceAction.FINALIZE): OPEN,
    (OPEN, InvoiceAction.PAY): PAID,
    (OPEN, InvoiceAction.VOID): VOID,
    (OPEN, InvoiceAction.WRITE_OFF): LOST,
    (PAID, InvoiceAction.RETURN): OPEN,
    (OPEN, InvoiceAction.RETURN): OPEN,
    (LOST, InvoiceAction.PAY): PAID,
    (LOST, InvoiceAction.VOID): VOID,
}


def test_actions_have_the_names_they_are_recorded_under() -> None:
    assert [action.value for action in InvoiceAction] == ["finalize", "pay", "void", "write_off", "return"]


@pytest.mark.parametrize("state", list(InvoiceState))
@pytest.mark.parametrize("action", list(InvoiceAction))
def test_an_invoice_only_goes_where_it_may(state: InvoiceState, action: InvoiceAction) -> None:
    if (state, action) in ALLOWED:
        assert after(state, action) is ALLOWED[state, action]
        assert action in allowed(state)
        return
    assert action not in allowed(state)
    with pytest.raises(WrongState) as refused:
        after(state, action)
    assert refused.value.params == {"state": state.value}


# ---- numbers, late usage, spreadsheets


@pytest.mark.parametrize(
    ("series", "count", "year", "written"),
    [("SK", 42, 2026, "SK-2026-000042"), ("SK", 1, None, "SK-000001"), ("SK", 999_999, 2026, "SK-2026-999999"),
     ("SK", 1_000_000, 2026, "SK-2026-1000000"), ("SK-CN", 7, 2027, "SK-CN-2027-000007"),
     ("A1", 7, 999, "A1-0999-000007")],
)  # fmt: skip
def test_a_number(series: str, count: int, year: int | None, written: str) -> None:
    assert number(series, count, year) == written


@pytest.mark.parametrize(
    ("series", "count"), [("SK", 0), ("SK", -1), ("", 1), ("sk", 1), ("SK-", 1), ("-SK", 1), ("S K", 1)]
)
def test_a_number_that_makes_no_sense_is_refused(series: str, count: int) -> None:
    with pytest.raises(ValueError, match="counts from 1"):
        number(series, count)


@pytest.mark.parametrize(
    ("previous", "new", "currency", "delta"),
    [("3.12", "3.20", "USD", "0.08"), ("3.12", "3.12", "USD", "0"), ("0", "3.12", "USD", "3.12"),
     ("3.12", "3.10", "USD", "-0.02"), ("0.004", "0.008", "USD", "0.01"), ("0.006", "0.01", "USD", "0"),
     ("100.4", "100.5", "JPY", "1"), ("0.0004", "0.0005", "KWD", "0.001")],
)  # fmt: skip
def test_late_usage_makes_the_sum_what_it_would_have_been(previous: str, new: str, currency: str, delta: str) -> None:
    assert late(money(previous, currency), money(new, currency)) == money(delta, currency)


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", " =", "\ufeff=", "\u00a0@", "　＝"]
)
def test_a_cell_is_never_a_formula(start: str) -> None:
    assert csv_cell(start + "1+cmd|' /C calc'!A0") == "'" + start + "1+cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    "harmless", ["", " ", "Customer Care", "X", "3.12", "-3.12", "-3", "a=b", "'=1", "1-1", "SK-2026-000042"]
)
def test_harmless_text_and_plain_numbers_stay(harmless: str) -> None:
    assert csv_cell(harmless) == harmless


@pytest.mark.parametrize("doubtful", ["-3.12.4", "+3", "-", "-1-1", "-1e5", "-３", "-3\n"])
def test_what_only_looks_like_a_number_does_not(doubtful: str) -> None:
    assert csv_cell(doubtful) == "'" + doubtful
