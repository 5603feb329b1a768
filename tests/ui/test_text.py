"""What the user reads: amounts, dates, and a sentence for every code."""

import re
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.api.errors import (
    FIELD_CODES,
    InsufficientCredit,
    InvalidInput,
    LimitReached,
    TooManyTries,
    WrongState,
    all_errors,
)
from services.api.money import Money, Rate
from services.api.types import (
    BillingCycle,
    BillingModel,
    DeploymentStep,
    OfferingKind,
    Order,
    OrderState,
    OveragePolicy,
    PaymentMethod,
    ResourceState,
    SavedMethod,
    SortOrder,
    StepState,
    SummaryLine,
    Transfer,
    Usage,
)
from services.domain import billing
from tests.samples import CUSTOMER_CARE, SUPPORT_BUNDLE, TEST_CARDS
from ui import text
from ui.text.collections import awaited_text, transfer_text
from ui.text.unfinished import unfinished_text
from ui.viewmodels.checkout_state import FIELDS

NOON = datetime(2027, 11, 22, 12, 0, tzinfo=UTC)  # the same day in nearly every time zone
STEPS = ("workspace", "knowledge", "agent", "check")
FREE, STARTER, PRO, ENTERPRISE, PER_USE = CUSTOMER_CARE.plans
EVERY_FIELD = (*FIELDS, "name", "greeting", "text", "message", "full_name", "idempotency_key")


def check_voice(sentence: str) -> None:
    """DESIGN, "Voice": calm words, no shouting, nothing left to fill in, no code shown."""
    assert sentence.strip() == sentence != ""
    assert "!" not in sentence
    assert "successfully" not in sentence.casefold()
    assert "_" not in sentence
    assert not re.search(r"[{}]", sentence)


# ---- amounts


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("1188", "$1,188"),
        ("29.5", "$29.50"),
        ("-198", "−$198"),
        ("0.008", "$0.008"),
        ("0", "$0"),
        ("1234567.89", "$1,234,567.89"),
        ("-0.000001", "−$0.000001"),
        ("0.10", "$0.10"),
        ("49.305", "$49.305"),
    ],
)
def test_dollars_have_the_decimals_they_need(amount: str, shown: str) -> None:
    assert text.money(Money.parse(amount)) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [("1000", "JPY", "¥1,000"), ("1.5", "KWD", "KWD 1.500"), ("12.3", "EUR", "€12.30"), ("0.5", "JPY", "¥0.5")],
)
def test_other_currencies_have_their_own_decimals(amount: str, currency: str, shown: str) -> None:
    assert text.money(Money.parse(amount, currency)) == shown


def test_rate_that_is_no_exact_amount_names_its_units() -> None:
    assert text.rate(Rate(8_000)) == "$0.008"
    assert text.rate(Rate(5_000_000, 1000)) == "$0.005"
    assert text.rate(Rate(1_000_000, 3000)) == "$1 per 3,000"


def test_price_parts_of_cards() -> None:
    card = CUSTOMER_CARE.card
    assert text.price_parts(card) == ("", "$0.02", "/call")
    assert text.price_parts(replace(card, per_call_price=None)) == ("", "Free", "")
    paid = replace(card, per_call_price=None, from_price=Money.parse("29"))
    assert text.price_parts(paid) == ("from", "$29", "/mo")
    assert text.price_words(paid) == "from $29 a month"
    assert text.price_words(card) == "$0.02 per call"
    quoted = replace(card, per_call_price=None, billing_models=(BillingModel.QUOTE,))
    assert text.price_parts(quoted) == ("", "Custom", "")


def test_plan_prices_are_whole_for_a_cycle() -> None:
    yearly, monthly = BillingCycle.YEARLY, BillingCycle.MONTHLY
    assert text.plan_price(PRO, yearly) == ("$990", "/year")
    assert text.plan_price(PRO, monthly) == ("$99", "/month")
    assert text.plan_price(FREE, yearly) == ("Free", "")
    assert text.plan_price(ENTERPRISE, yearly) == ("Custom", "")
    assert text.plan_price(PER_USE, yearly) == ("$0.02", "/call")
    assert [text.plan_price_words(plan, yearly) for plan in (PRO, PER_USE, FREE)] == [
        "$990 a year",
        "$0.02 a call",
        "Free",
    ]


def test_saving_is_that_of_the_best_plan() -> None:
    assert text.saving_text(CUSTOMER_CARE.plans) == "Save 17%"
    assert text.saving_text((FREE, ENTERPRISE)) == ""


def test_dates_counts_and_plurals() -> None:
    assert text.date(NOON) == "22 November 2027"
    assert re.fullmatch(r"22 November 2027, \d\d:00", text.datetime_text(NOON))
    assert text.count(1000) == "1,000"
    assert text.plural(1, "{n} agent", "{n} agents") == "1 agent"
    assert text.plural(2000, "{n} agent", "{n} agents") == "2,000 agents"
    assert [text.count_text(0, False), text.count_text(1, False), text.count_text(1000, True)] == [
        "No agents",
        "1 agent",
        "1,000+ agents",
    ]


def test_translation_may_use_any_word_as_a_place() -> None:
    assert text.tr("{text} and {self}", text="a", self="b") == "a and b"
    assert text.tr("100 % {") == "100 % {"


# ---- errors


@pytest.mark.parametrize("code", sorted(all_errors()))
def test_every_error_has_a_sentence_that_says_what_to_do(code: str) -> None:
    said = text.error_text(all_errors()[code]())
    for sentence in (said.title, said.detail):
        check_voice(sentence)
    assert not said.title.endswith(".")
    assert said.detail.endswith(".")
    assert said.code == code
    assert said.sentence == f"{said.title}. {said.detail}"


def test_no_two_errors_say_the_same() -> None:
    titles = [text.error_text(error()).title for error in all_errors().values()]
    assert sorted(titles) == sorted(set(titles))


def test_errors_use_what_they_carry() -> None:
    assert "in 4 seconds" in text.error_text(TooManyTries(seconds=4)).detail
    assert "in 1 second." in text.error_text(TooManyTries(seconds=1)).detail
    disputed = text.error_text(WrongState(state="disputed"))
    assert disputed.title == "The bank is still deciding about this payment"
    check_voice(disputed.detail)
    taken_back = text.error_text(WrongState(state="taken_back"))
    assert taken_back.title == "A bank has taken this payment back"
    check_voice(taken_back.detail)
    assert text.error_text(WrongState(state="retired")).title == "This cannot be done now"
    assert text.error_text(LimitReached(included=1000)).title == "All 1,000 included calls of this month are used"
    assert "sample" in text.error_text(LimitReached(limit="sample", included=10)).title
    missing = text.error_text(InsufficientCredit(balance=12_000, price=20_000))
    assert missing.detail.startswith("It costs $0.02, and $0.012 is left.")
    assert text.error_text(InsufficientCredit(balance=12_000)).detail.startswith("This call was not made")


@pytest.mark.parametrize(
    ("level", "title"),
    [
        ("organization", "The limit of your organization is reached"),
        ("project", "The limit of this project is reached"),
        ("key", "The limit of this agent is reached"),
    ],
)
def test_limit_that_was_reached_is_named_with_what_is_left_on_each(level: str, title: str) -> None:
    said = text.error_text(LimitReached(limit=level, left_organization=5_000_000, left_key=0))
    assert said.title == title
    assert said.detail.endswith("Left: organization $5.00, agent $0.00.")
    assert "Left" not in text.error_text(LimitReached(limit=level)).detail


@pytest.mark.parametrize("code", sorted(FIELD_CODES))
def test_every_field_code_has_a_sentence_for_every_field(code: str) -> None:
    for field in EVERY_FIELD:
        sentence = text.field_text(field, code)
        check_voice(sentence)
        assert sentence.endswith(".")
        assert sentence != text.field_text(field, "nobody knows this code")


def test_field_sentences_name_the_field_where_that_helps() -> None:
    assert text.field_text("email", "required") == "Enter your e-mail address."
    assert text.field_text("password", "password_short") == "Use at least 8 characters."
    assert text.field_text("password", "password_short", {"min": 10}) == "Use at least 10 characters."
    assert text.field_text("terms_accepted", "must_accept") == "Accept the terms to go on."
    assert text.field_texts(InvalidInput(fields={"email": "email_invalid"})) == {
        "email": "Check the address; it looks like name@example.com."
    }


# ---- buying


def order(cycle: BillingCycle = BillingCycle.YEARLY) -> Order:
    summary = billing.summarize(CUSTOMER_CARE.card.uuid, "Customer Care", PRO, cycle, NOON)
    return Order(
        uuid="o1",
        number="SK-000042",
        state=OrderState.DONE,
        offering_uuid=CUSTOMER_CARE.card.uuid,
        offering_name="Customer Care",
        plan_name="Pro",
        billing_cycle=cycle,
        lines=summary.lines,
        total=summary.total or Money.zero(),
        refunded=Money.zero(),
        paid_with="Visa •••• 4242",
        organization_uuid="g1",
        organization_name="Ada’s Organization",
        project_name="Default",
        buyer_name="Ada Lovelace",
        buyer_email="ada@example.com",
        resource_uuids=("r1",),
        created_at=NOON,
        paid_at=NOON,
        renews_at=summary.renews_at,
    )


def test_arithmetic_of_a_year_reads_like_the_price_list() -> None:
    lines = [text.summary_line(line, "Pro", BillingCycle.YEARLY) for line in order().lines]
    assert lines == [
        ("Pro yearly, $99 × 12", "$1,188"),
        ("Yearly discount, 2 months free", "−$198"),
        ("Tax: none without a country", "$0"),
    ]


def test_arithmetic_of_a_bundle_names_its_discount() -> None:
    plan = SUPPORT_BUNDLE.plans[0]
    summary = billing.summarize("b", "Support Bundle", plan, BillingCycle.MONTHLY, NOON)
    lines = [text.summary_line(line, plan.name, summary.billing_cycle) for line in summary.lines]
    assert lines[:2] == [("Starter, one month", "$58"), ("Bundle discount", "−$8.70")]


def test_line_of_a_plan_without_a_fee_says_so() -> None:
    line = SummaryLine("price", "plan", Money.zero())
    assert text.summary_line(line, "Pay per use", BillingCycle.MONTHLY).label == "Pay per use, no monthly fee"


def test_pay_button_carries_the_amount() -> None:
    def label(plan: int) -> str:
        chosen = CUSTOMER_CARE.plans[plan]
        return text.pay_label(billing.summarize("o", "Customer Care", chosen, BillingCycle.YEARLY, NOON))

    assert [label(plan) for plan in range(5)] == [
        "Start for free",
        "Complete purchase – $290",
        "Complete purchase – $990",
        "Ask for a quote",
        "Start – $0 today",
    ]
    assert text.pay_label(None) == "Complete purchase"


def test_total_and_renewal_say_when_it_repeats() -> None:
    def said(plan: int) -> tuple[tuple[str, str], str]:
        chosen = CUSTOMER_CARE.plans[plan]
        summary = billing.summarize("o", "Customer Care", chosen, BillingCycle.YEARLY, NOON)
        return text.total_parts(summary), text.renewal_text(summary)

    assert said(2) == (("$990", "/year"), "Renews on 22 November 2028 for $990. Cancel any time before.")
    assert said(0) == (("$0", ""), "Free, with no card and no end date.")
    assert said(3) == (("Custom", ""), "We answer with a price by e-mail. Nothing is charged now.")
    assert said(4)[1] == "No monthly fee. You pay for the calls you make."


def test_receipt_holds_everything_and_adds_up() -> None:
    receipt = text.receipt_text(order(), is_test_mode=True)
    for part in (
        "Receipt SK-000042",
        "Customer Care – Pro",
        "Paid with Visa •••• 4242",
        "Ada Lovelace <ada@example.com>",
        "Ada’s Organization, Default",
        "Renews on 22 November 2028",
        "no real money moved",
    ):
        assert part in receipt
    assert re.search(r"^Total +\$990$", receipt, re.MULTILINE)
    assert "Refunded" not in receipt
    assert "Test mode" not in text.receipt_text(order(), is_test_mode=False)
    refunded = text.receipt_text(replace(order(), refunded=Money.parse("990")), is_test_mode=True)
    assert re.search(r"^Refunded +\$990$", refunded, re.MULTILINE)


def test_cards_are_named_by_what_they_do() -> None:
    assert text.test_card_label(TEST_CARDS[0]) == "Visa •••• 4242 – pays"
    labels = [text.test_card_label(card) for card in TEST_CARDS]
    assert len(set(labels)) == len(labels)
    assert not any(
        card.outcome in label for card, label in zip(TEST_CARDS[1:], labels[1:], strict=True) if "_" in card.outcome
    )
    saved = SavedMethod("c", "Visa", "4242", 4, 2029, is_default=True)
    assert text.saved_card_label(saved) == "Visa •••• 4242"
    assert text.saved_card_detail(saved) == "Expires 04/29 · default"
    assert text.saved_card_detail(replace(saved, is_default=False)) == "Expires 04/29"


# ---- using


def usage(included: int | None, used: int, policy: OveragePolicy = OveragePolicy.CHARGE, cost: str = "0") -> Usage:
    return Usage(included, used, NOON, NOON, Money.parse(cost), Money.parse("0.01"), policy)


def test_usage_says_what_the_next_call_costs() -> None:
    assert text.usage_text(usage(1000, 312)) == "Included: 688 of 1,000 calls left this month"
    assert text.usage_text(usage(0, 0)) == "$0.01 a call"
    assert text.usage_text(usage(1000, 1034, cost="0.34")) == "$0.01 a call, $0.34 this month"
    assert text.usage_text(usage(None, 5)) == "Calls are unlimited"
    used_up = usage(50, 50, OveragePolicy.THROTTLE)
    assert text.usage_text(used_up) == "All 50 included calls are used; more from 22 November 2027"


def test_samples_count_down() -> None:
    assert [text.sample_text(n) for n in (7, 1, 0)] == [
        "Sample: 7 questions left",
        "Sample: 1 question left",
        "Sample: no questions left",
    ]


def test_every_choice_the_service_knows_has_words() -> None:
    said = [
        *(text.order_state(state) for state in OrderState),
        *(text.resource_state(state) for state in ResourceState),
        *(text.resource_state(ResourceState.READY, stopped) for stopped in ("paused", "suspended")),
        *(text.sort_label(order) for order in SortOrder),
        *(text.method_label(method) for method in PaymentMethod),
        *(text.kind_label(kind) for kind in OfferingKind),
        *(text.billing_label(model) for model in BillingModel),
        *(text.step_title(name) for name in STEPS),
        *(text.step_text(DeploymentStep(name, state)) for name in STEPS for state in StepState),
        *(text.failure_text(code) for code in ("self_check_failed", "never heard of")),
    ]
    for sentence in said:
        check_voice(sentence)
    assert not {word for word in said if word in STEPS}


def test_steps_show_their_figure() -> None:
    assert text.step_text(DeploymentStep("knowledge", StepState.DONE, "13")) == "13 passages"
    assert text.step_text(DeploymentStep("agent", StepState.DONE)) == "Done"


def test_failed_deployment_offers_the_money_only_when_there_is_some() -> None:
    assert text.failure_text("x").endswith("Try again, or take your money back.")
    assert text.failure_text("x", can_refund=False).endswith("Try again.")


def test_card_is_read_aloud_as_one_sentence() -> None:
    said = text.card_sentence(CUSTOMER_CARE.card)
    assert said == "Customer Care by Northwind Labs, verified, Support, rated 4.7 of 5 by 120 people, $0.02 per call"
    assert "verified" not in text.card_sentence(replace(CUSTOMER_CARE.card, vendor_verified=False))


def test_every_sentence_of_the_package_is_exported() -> None:
    assert sorted(text.__all__) == sorted(set(text.__all__))
    assert all(name[0] in string.ascii_letters and hasattr(text, name) for name in text.__all__)


# ---- transfers


def test_transfer_that_is_late_says_so() -> None:
    due = NOON + timedelta(days=2)
    transfer = Transfer("SK-1", Money.parse("29"), due, (), Money.zero())
    waits, after = replace(order(), transfer=transfer), due + timedelta(seconds=1)
    for now in (None, NOON, due):
        assert "was due" not in transfer_text(transfer, now) + awaited_text(waits, now)[0]
    day = text.date(due)
    assert transfer_text(transfer, after).startswith(f"Transfer $29.00, which was due on {day}, with the reference")
    said = f"Customer Care waits for your transfer of $29.00, which was due on {day}."
    assert awaited_text(waits, after) == (said, "warning")


def test_unfinished_purchase_asks_for_what_is_left_of_its_transfer() -> None:
    part = Transfer("SK-1", Money.parse("590"), NOON, (), Money.parse("400"))
    waits = replace(order(), state=OrderState.PENDING_CONSUMER, payment_method=PaymentMethod.INVOICE, transfer=part)
    assert "$590" not in unfinished_text(replace(waits, transfer=None))
    assert unfinished_text(replace(waits, state=OrderState.PENDING_PROVIDER)) == (
        "Customer Care starts when your transfer of $590 is there."
    )
