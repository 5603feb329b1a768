"""The words of an order: what each line says, when it is charged, who pays, what was not accepted."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.api.money import Money
from services.api.types import BillingCycle, OrderSummary, PaymentMethod, SummaryLine
from services.domain import billing
from tests.samples import CUSTOMER_CARE
from ui import text
from ui.text import ordering

NOON = datetime(2027, 11, 22, 12, tzinfo=UTC)
MONTHLY = BillingCycle.MONTHLY


def usd(amount: str) -> Money:
    return Money.parse(amount)


def summary(**changes: object) -> OrderSummary:
    made = billing.summarize("o", "Customer Care", CUSTOMER_CARE.plans[2], MONTHLY, NOON)
    return replace(made, **changes)  # type: ignore[arg-type] # replace() checks the names


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (SummaryLine("discount", "owned", usd("-29"), params={"names": "Auditor"}), "Already yours: Auditor"),
        (SummaryLine("discount", "coupon", usd("-2"), params={"code": "TWO", "percent": "2.5"}), "Code TWO, 2.5% off"),
        (SummaryLine("discount", "coupon", usd("-10"), params={"code": "TENOFF", "percent": ""}), "Code TENOFF"),
        (SummaryLine("discount", "trial", usd("-99"), params={"days": 14}), "Trial, 14 days free"),
        (SummaryLine("discount", "trial", usd("-99"), params={"days": 1}), "Trial, 1 day free"),
        (SummaryLine("credit", "wallet", usd("-5")), "Credit from the wallet"),
        (SummaryLine("tax", "", usd("19"), params={"name": "VAT", "rate": "19"}), "VAT 19%"),
        (
            SummaryLine("tax", "reverse_charge", usd("0"), params={"name": "TVA"}),
            "TVA 0%, reverse charge: you account for it",
        ),
        (SummaryLine("tax", "not_computed", usd("0")), "Tax: not known for this country"),
        (SummaryLine("tax", "prepaid", usd("0")), "Tax: paid when the credit was bought"),
        (SummaryLine("tax", "test_mode", usd("0")), "Tax: none without a country"),
        (SummaryLine("tax", "none", usd("0"), params={"name": "", "rate": "0"}), "Tax: none"),
    ],
)  # fmt: skip
def test_every_line_says_what_it_is(line: SummaryLine, words: str) -> None:
    assert text.summary_line(line, "Pro", MONTHLY).label == words


def test_amounts_below_each_other_have_the_same_places() -> None:
    assert text.one_form(usd("990"), None, usd("0"))(usd("990")) == "$990"
    assert text.one_form(usd("990"), usd("188.10"))(usd("990")) == "$990.00"
    taxed = summary(lines=(SummaryLine("price", "plan", usd("99")), SummaryLine("tax", "", usd("18.81"))))
    assert ordering.form_of(taxed)(usd("99")) == "$99.00"


def test_unit_stands_only_beside_a_sum_that_repeats() -> None:
    assert text.total_parts(summary()) == ("$99", "/month")
    assert text.total_parts(summary(total=usd("79.20"))) == ("$79.20", "")


def test_trial_says_what_is_charged_and_when() -> None:
    made = summary(is_trial=True, total=usd("0"), renewal_total=usd("117.81"), renews_at=NOON)
    assert text.pay_label(made) == "Start trial, $0.00 today"
    assert text.renewal_text(made) == (
        "The first charge is $117.81 on 22 November 2027. We remind you 3 days before; cancel until then and nothing "
        "is charged."
    )
    assert ordering.trial_label(14) == "Start 14-day trial"
    assert (ordering.trial_note(14), ordering.trial_note(0)) == ("14-day free trial", "")


@pytest.mark.parametrize(
    ("owned", "words"),
    [
        ((), ""),
        (("A",), "You already have A: you pay only for the other 3."),
        (("A", "B", "C"), "You already have A, B and C: you pay only for the other one."),
        (("A", "B", "C", "D"), ""),
    ],
)
def test_owned_parts_of_a_bundle_are_named(owned: tuple[str, ...], words: str) -> None:
    assert ordering.owned_text(summary(owned=owned), 4) == words


def test_wallet_says_what_it_has_and_why_it_cannot_pay() -> None:
    assert ordering.wallet_text(usd("42.50"), usd("42.50")) == "Wallet: $42.50 available."
    assert ordering.wallet_text(usd("42.49"), usd("42.50")) == (
        "Your wallet has $42.49, and this order needs $42.50. Top it up to pay from it."
    )
    assert ordering.wallet_text(usd("0"), usd("0")) == "Your wallet is empty. Top it up to pay from it."
    assert ordering.wallet_text(usd("5"), None) == "Wallet: $5.00 available."
    assert ordering.wallet_after(usd("42.50"), usd("13.50")) == "$42.50 available, $13.50 after this order"
    assert ordering.wallet_after(usd("42.50"), None) == "$42.50 available"


def test_calls_without_a_fee_are_prepaid_or_paid_afterwards() -> None:
    assert ordering.use_payment_text(PaymentMethod.WALLET).startswith("Prepaid")
    assert ordering.use_payment_text(PaymentMethod.CARD).startswith("Paid afterwards")


def test_code_that_is_not_accepted_says_why() -> None:
    codes = ("unknown", "expired", "exhausted", "already_used", "not_yet", "not_for_this", "wrong_currency")
    assert len({ordering.coupon_problem(code) for code in codes}) == len(codes)
    assert ordering.coupon_problem("unknown") == "This code is not known. Check it letter by letter."


def test_what_paid_is_named_for_people() -> None:
    assert ordering.paid_with_words("wallet") == "your wallet"
    assert ordering.paid_with_words("transfer") == "bank transfer"
    assert ordering.paid_with_words("Visa •••• 4242") == "Visa •••• 4242"


def test_asker_is_told_where_the_answer_will_be() -> None:
    assert "You find the answer under Subscriptions, in Quotes" in ordering.quote_sent_text("a@b.test", is_guest=False)
    assert "Sign in" in ordering.quote_sent_text("a@b.test", is_guest=True)
