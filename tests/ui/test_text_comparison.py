"""The words of a comparison: names, the answer, from how many calls on, and what goes to a spreadsheet."""

import csv
import io
from dataclasses import replace

import pytest

from services.api.money import Money
from services.api.types import BillingCycle, BreakEven, PlanCost
from tests.ui.comparison_help import END, FREE, INVOICE, PRO, STARTER, WALLET, YEARLY, M, comparison, option
from ui.text import comparison as words
from ui.text import date

BUNDLE = option("office-monthly", "17", name="Office", is_bundle=True)


@pytest.mark.parametrize(
    ("one", "name"),
    [
        (PRO, "Pro monthly"),
        (YEARLY, "Pro yearly"),
        (WALLET, "Pay per use, from the wallet"),
        (INVOICE, "Pay per use, on an invoice"),
        (BUNDLE, "Office in a bundle, monthly"),
        (replace(BUNDLE, cycle=BillingCycle.YEARLY), "Office in a bundle, yearly"),
    ],
)
def test_names_of_ways_to_pay(one: PlanCost, name: str) -> None:
    assert words.option_name(one) == name
    assert words.line_name((one,)) == name
    assert words.change_label(one) == f"Change to {name}"


def test_ways_that_cost_the_same_are_one_line() -> None:
    assert words.line_name((WALLET, INVOICE)) == "Pay per use"
    assert words.line_name((STARTER, PRO)) == "Starter monthly = Pro monthly"


@pytest.mark.parametrize(
    ("current", "best", "sentence"),
    [
        (STARTER, PRO, "Pro monthly would have cost $99.00 instead of $141.30: $42.30 less."),
        (STARTER, STARTER, "You already pay least: Starter monthly, $141.30."),
        (STARTER, replace(PRO, cost=M("141.30")), "Pro monthly would have cost the same: $141.30."),
        (None, PRO, "Pro monthly would have cost least: $99.00."),
        (None, None, "There is nothing to compare this with."),
    ],
)
def test_answer_in_one_sentence(current: PlanCost | None, best: PlanCost | None, sentence: str) -> None:
    assert words.headline(current, best) == sentence


def test_which_calls_were_counted() -> None:
    start, end = date(comparison().start), date(END)
    assert words.window_text(comparison(calls=0)) == f"No calls from {start} to {end}; only the fees count."
    assert words.window_text(comparison(calls=1)) == f"1 call from {start} to {end}."
    long = comparison(calls=26_932, days=90)
    assert words.window_text(long) == f"26,932 calls from {date(long.start)} to {end}, about 8,977 a month."
    assert words.window_label(30) == "Last 30 days"


def test_few_calls_are_said_to_be_few() -> None:
    assert words.few_calls_text(comparison(calls=1)).startswith("This rests on 1 call only. ")
    assert words.few_calls_text(comparison(calls=12)).startswith("This rests on 12 calls only. ")


@pytest.mark.parametrize(
    ("difference", "text"),
    [("-42.30", "−$42.30 cheaper"), ("58.70", "+$58.70 dearer"), ("0", "the same"), ("-0.008", "−$0.008 cheaper")],
)
def test_difference_has_sign_and_words(difference: str, text: str) -> None:
    assert words.difference_text(M(difference)) == text


def test_refused_calls_are_said() -> None:
    assert words.refused_text(PRO) == ""
    assert words.refused_text(FREE) == "Would have refused 12,000 calls"
    assert words.refused_text(replace(FREE, refused_calls=1)) == "Would have refused 1 call"


def test_row_read_aloud() -> None:
    assert words.option_sentence(STARTER, is_best=False) == (
        "Starter monthly, your plan now, $29.00 fee + $112.30 calls, total $141.30"
    )
    assert words.option_sentence(PRO, is_best=True) == (
        "Pro monthly, cheapest, $99.00 fee + $0.00 calls, total $99.00, −$42.30 cheaper"
    )
    assert words.option_sentence(FREE, is_best=False).endswith("−$141.30 cheaper, Would have refused 12,000 calls")


@pytest.mark.parametrize(
    ("calls", "sentence"),
    [
        (8_000, "From 8,000 calls a month on, Pro monthly costs no more than Starter monthly."),
        (2, "From 2 calls a month on, Pro monthly costs no more than Starter monthly."),
        (1, "From the first call a month on, Pro monthly costs no more than Starter monthly."),
        (0, "However few calls: Pro monthly costs no more than Starter monthly."),
        (None, "However many calls: Starter monthly stays cheaper than Pro monthly."),
    ],
)
def test_break_even(calls: int | None, sentence: str) -> None:
    assert words.break_even_text(BreakEven("starter-monthly", "pro-monthly", calls), STARTER, PRO) == sentence


def test_chart_described() -> None:
    text = words.chart_summary(["Pro monthly", "Pay per use"], 0, 18_000, 8_977)
    assert text.startswith("Line chart of the cost of a month, 2 lines: Pro monthly, Pay per use. From 0 to 18,000 ")
    assert "you make 8,977." in text
    assert words.usage_mark(8_977) == "You: 8,977"
    assert "tax" in words.note_text()


@pytest.mark.parametrize(
    ("amount", "plain"),
    [(M("29"), "29.00"), (M("-14.49"), "-14.49"), (M("0.008"), "0.008"), (M("1234.5"), "1234.50"),
     (Money(500_000_000, "JPY"), "500.00")],
)  # fmt: skip
def test_amounts_for_a_spreadsheet(amount: Money, plain: str) -> None:
    assert words.plain_amount(amount) == plain


def test_options_as_csv() -> None:
    rows = list(csv.reader(io.StringIO(words.options_csv((PRO, STARTER, FREE)))))
    assert rows[0] == ["Option", "Fee", "Calls", "Total", "Difference", "Refused calls", "Currency"]
    assert rows[1] == ["Pro monthly", "99.00", "0.00", "99.00", "-42.30", "0", "USD"]
    assert rows[3][5] == "12000"


@pytest.mark.parametrize(
    ("cell", "kept"),
    [("=1+1", "'=1+1"), ("@x", "'@x"), ("+x", "'+x"), ("-x", "'-x"), ("\tx", "'\tx"), ("-14.49", "-14.49"),
     ("Pro", "Pro"), ("-1.2.3", "'-1.2.3"), ("-", "'-")],
)  # fmt: skip
def test_nothing_of_ours_runs_in_a_spreadsheet(cell: str, kept: str) -> None:
    assert next(csv.reader(io.StringIO(words.csv_text([cell], [])))) == [kept]
