"""The words of the wallet, and amounts in narrow places and columns."""

from datetime import UTC, datetime, timedelta

import pytest

from services.api.money import Money
from services.api.types import (
    AutoTopUp,
    Cap,
    CapLevel,
    CapWindow,
    Credit,
    CreditKind,
    Movement,
    MovementKind,
    Rehearsal,
    RehearsedCharge,
    TopUpQuote,
)
from ui.text import exact_money, month_text, short_money, signed_money
from ui.text.wallet import (
    amount_problem,
    auto_state,
    auto_trouble,
    auto_used,
    cap_limit,
    cap_raised,
    cap_spent,
    code_problem,
    credit_dates,
    credit_source,
    month_label,
    movement_for,
    movement_kind,
    movement_what,
    rehearsal_detail,
    rehearsal_text,
    shown_of,
    tax_text,
)

M = Money.parse
NOON = datetime(2027, 12, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "exact", "signed"),
    [
        (M("60"), "$60.00", "+$60.00"),
        (M("0.008"), "$0.008", "+$0.008"),
        (M("-3.12"), "−$3.12", "−$3.12"),
        (M("0"), "$0.00", "$0.00"),
        (M("1234.5"), "$1,234.50", "+$1,234.50"),
        (Money(500_000_000, "JPY"), "¥500", "+¥500"),
        (Money(1_500_000, "KWD"), "KWD 1.500", "+KWD 1.500"),
    ],
)
def test_amounts_in_columns(amount: Money, exact: str, signed: str) -> None:
    assert (exact_money(amount), signed_money(amount)) == (exact, signed)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("0", "$0.00"),
        ("9.409", "$9.40"),
        ("9.999", "$9.99"),
        ("10", "$10"),
        ("142.99", "$142"),
        ("999.99", "$999"),
        ("1000", "$1k"),
        ("1199", "$1.1k"),
        ("9999", "$9.9k"),
        ("12345", "$12k"),
        ("999999", "$999k"),
        ("3450000", "$3.4M"),
        ("-9.40", "−$9.40"),
    ],
)
def test_amounts_in_narrow_places_are_never_more_than_they_are(text: str, short: str) -> None:
    assert short_money(M(text)) == short


def test_yen_in_a_narrow_place() -> None:
    assert short_money(Money(7_000_000, "JPY")) == "¥7"


def test_months() -> None:
    assert month_text(2027, 3) == month_label("2027-03") == "March 2027"


# ---- movements and credits


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"name": "Customer Care", "calls": 1}, "Customer Care, 1 call"),
        ({"name": "Customer Care", "calls": 1204}, "Customer Care, 1,204 calls"),
        ({"calls": 2}, "2 calls"),
        ({"card": "Visa •••• 4242"}, "Visa •••• 4242"),
        ({"code": "GIFT25"}, "GIFT25"),
        ({"number": "SK-000042"}, "SK-000042"),
        ({}, ""),
    ],
)
def test_what_a_movement_was_for(params: dict[str, str | int | None], words: str) -> None:
    assert movement_for(Movement("m", MovementKind.USAGE, NOON, M("-1"), M("2"), params)) == words


def test_a_surplus_is_no_gift() -> None:
    surplus = Movement("m", MovementKind.GIFT, NOON, M("2.50"), M("2.50"), {"source": "transfer"})
    assert movement_what(surplus) == "Surplus"
    assert movement_for(surplus) == credit_source(credit("transfer")) == "Transferred more than was due"


def test_every_kind_of_movement_has_words() -> None:
    assert len({movement_kind(kind) for kind in MovementKind}) == len(MovementKind)


def credit(source: str, expires: datetime | None = None) -> Credit:
    kind = CreditKind.PROMOTIONAL if "code" in source else CreditKind.PAID
    return Credit("c", kind, source, M("25"), M("5"), 0, NOON, expires, NOON, M("0"))


@pytest.mark.parametrize(
    ("source", "words"),
    [("top_up", "Top-up"), ("promotional_code", "Promotional code"), ("something_new", "Paid")],
)
def test_where_credit_came_from(source: str, words: str) -> None:
    assert credit_source(credit(source)) == words


def test_when_credit_goes() -> None:
    assert credit_dates(credit("top_up")) == "since 3 December 2027 · does not expire"
    gone = credit("gift_code", NOON + timedelta(days=90))
    assert credit_dates(gone) == "since 3 December 2027 · expires on 2 March 2028"


# ---- top-ups


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        (TopUpQuote(M("10"), M("1.9"), M("11.9"), "VAT", "19"), "VAT 19 %"),
        (TopUpQuote(M("10"), M("0.77"), M("10.77"), "VAT", "7.700"), "VAT 7.7 %"),
        (TopUpQuote(M("10"), M("0"), M("10"), tax_note="reverse_charge"), "Tax: reverse charge"),
        (TopUpQuote(M("10"), M("0"), M("10"), tax_note="not_computed"), "Tax: not known for this country"),
        (TopUpQuote(M("10"), M("0"), M("10")), "Tax"),
    ],
)
def test_tax_before_paying(quote: TopUpQuote, words: str) -> None:
    assert tax_text(quote) == words


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("out_of_range", "Enter $5.00 to $10.00."),
        ("too_small", "Enter $5.00 or more."),
        ("too_large", "Enter $10.00 or less."),
        ("unheard_of", "Check this amount and try again."),
    ],
)
def test_problem_of_an_amount_names_its_bounds(code: str, words: str) -> None:
    assert amount_problem(code, M("5"), M("10")) == words


def test_problem_of_an_amount_without_bounds_has_words_too() -> None:
    codes = ("out_of_range", "too_small", "too_large", "below_threshold", "gap_too_small", "below_target")
    assert all(amount_problem(code) for code in codes)
    assert code_problem("unheard_of") == "This code cannot be used here."


# ---- auto-top-up


AUTO = AutoTopUp(True, M("10"), M("50"), M("200"), "t", M("40"))


def test_auto_top_up_in_a_line() -> None:
    assert auto_state(AUTO) == "Below $10.00, filled up to $50.00. At most $200.00 a month."
    assert auto_used(AUTO) == "$40.00 of $200.00 charged this month"
    assert auto_state(AutoTopUp(False, M("10"))) == "Off. Nothing is charged by itself."
    assert auto_used(AutoTopUp(False)) == auto_trouble(AUTO) == ""


@pytest.mark.parametrize("problem", ["monthly_limit", "no_card", "card_declined", "insufficient_funds", "other"])
def test_trouble_of_auto_top_up_has_words(problem: str) -> None:
    assert auto_trouble(AutoTopUp(True, problem=problem)).endswith(".")


def rehearsal(charges: int, *, empty: int = 0, refused: int = 0) -> Rehearsal:
    made = tuple(RehearsedCharge(NOON, M("20")) for _ in range(charges))
    return Rehearsal(90, made, M("20") * charges, M("10.02"), (NOON,) * empty, refused, M("112.40"))


@pytest.mark.parametrize(
    ("charges", "empty", "words"),
    [
        (3, 0, "3 charges, $60.00 in all, never empty"),
        (1, 1, "1 charge, $20.00 in all, empty 1 time"),
        (0, 4, "No charge, empty 4 times"),
        (0, 0, "No charge, never empty"),
    ],
)
def test_rehearsal_in_a_sentence(charges: int, empty: int, words: str) -> None:
    assert rehearsal_text(rehearsal(charges, empty=empty)) == words


def test_rehearsal_says_what_it_rests_on() -> None:
    base = "You spent $112.40 in the last 90 days; the balance would never have been below $10.02."
    assert rehearsal_detail(rehearsal(3)) == base
    assert rehearsal_detail(rehearsal(3, refused=2)) == (
        f"{base} 2 more top-ups would have been stopped by the monthly limit."
    )


# ---- limits


def test_limit_in_words() -> None:
    cap = Cap("c", CapLevel.KEY, "s", "Care", CapWindow.DAY, M("5"), M("4.6"), M("0"), M("0.4"))
    assert cap_limit(cap) == "$5.00 a day"
    assert cap_spent(cap) == "$4.60 spent, $0.40 left"
    assert cap_raised(cap) == ""
    raised = Cap(
        "c", CapLevel.KEY, "s", "Care", CapWindow.LIFETIME, M("5"), M("4.6"), M("0.02"), M("5.38"), M("10"), NOON
    )
    assert cap_limit(raised) == "$10.00 in all"
    assert cap_spent(raised) == "$4.60 spent, $0.02 held, $5.38 left"
    assert cap_raised(raised).endswith(", then $5.00 again")


@pytest.mark.parametrize(
    ("shown", "total", "words"),
    [(100, 4210, "100 of 4,210 movements"), (1, 1, "1 movement"), (7, 7, "7 movements")],
)
def test_how_many_movements(shown: int, total: int, words: str) -> None:
    assert shown_of(shown, total) == words
