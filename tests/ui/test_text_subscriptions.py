"""The sentences of subscriptions, their changes and quotes: one example for each thing they can say."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.api.money import Money, Rate
from services.api.types import (
    AppliedCoupon,
    Attempt,
    BillingCycle,
    ChangeAction,
    ChangePreview,
    ChangeRequest,
    InvoiceLine,
    OfferingKind,
    OveragePolicy,
    PaymentMethod,
    PendingChange,
    Plan,
    Quote,
    QuoteState,
    QuoteTerms,
    Subscription,
    SubscriptionState,
    TaxLine,
    Usage,
    UsagePayment,
)
from tests.samples import NOW
from tests.ui.subscription_help import FREE, MONTHLY, PER_USE, PRO, STARTER, YEARLY
from ui.text import changes, quotes
from ui.text import subscriptions as words

END = NOW + timedelta(days=31)
ZERO = Money.zero()


def item(plan: Plan = STARTER, **changed: object) -> Subscription:
    one = Subscription(
        uuid="s", order_uuid="o", organization_uuid="g", organization_name="Ada's Organization", offering_uuid="f",
        offering_name="Customer Care", offering_kind=OfferingKind.AGENT, plan=plan, billing_model=plan.billing_model,
        cycle=MONTHLY, quantity=1, price=plan.monthly_price or ZERO, state=SubscriptionState.ACTIVE, started_at=NOW,
        period_start=NOW, period_end=END, trial_ends_at=None, next_charge_at=END, next_charge=Money.parse("29"),
        payment_method=PaymentMethod.CARD, paid_with="Visa •••• 4242", usage_payment=UsagePayment.PREPAID, resources=(),
    )  # fmt: skip
    return replace(one, **changed)  # type: ignore[arg-type] # checked by the constructor


def usage(included: int | None, used: int, policy: OveragePolicy = OveragePolicy.CHARGE) -> Usage:
    return Usage(included, used, NOW, END, ZERO, Money(10_000), policy)


# ---- a subscription


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (item(), "Active"),
        (item(state=SubscriptionState.TRIALING), "Trial"),
        (item(state=SubscriptionState.PAST_DUE), "Payment failed"),
        (item(state=SubscriptionState.PAST_DUE, collecting=Money.parse("29")), "Being paid"),
        (item(collecting=Money.parse("29")), "Active"),
        (item(state=SubscriptionState.SUSPENDED, collecting=Money.parse("29")), "Suspended"),
        (item(state=SubscriptionState.SUSPENDED), "Suspended"),
        (item(state=SubscriptionState.PAUSED), "Paused"),
        (item(pending=PendingChange("cancel", END)), "Ending"),
        (item(pending=PendingChange("pause", END)), "Active"),
        (item(state=SubscriptionState.CANCELED, pending=PendingChange("cancel", END)), "Ended"),
    ],
)
def test_state(one: Subscription, said: str) -> None:
    assert words.subscription_state(one) == said


def test_place_names_plan_cycle_and_quantity() -> None:
    assert words.subscription_place(item()) == "Starter, monthly · Ada's Organization"
    assert words.subscription_place(item(PRO, cycle=YEARLY, quantity=3)) == "Pro, yearly × 3 · Ada's Organization"
    assert words.subscription_place(item(PER_USE)) == "Pay per use · Ada's Organization"


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (item(state=SubscriptionState.CANCELED, ended_at=NOW), "Ended on 14 March 2026"),
        (item(state=SubscriptionState.CANCELED), "Ended"),
        (item(state=SubscriptionState.PAUSED), "No charge while paused"),
        (item(FREE), "Free"),
        (item(pending=PendingChange("cancel", END)), "Nothing more will be charged"),
        (item(PER_USE), "No charge planned"),
    ],
)
def test_no_charge(one: Subscription, said: str) -> None:
    assert words.no_charge_text(one) == said


@pytest.mark.parametrize(
    ("until", "left"),
    [(NOW, 0), (NOW - timedelta(days=1), 0), (NOW + timedelta(seconds=1), 1), (NOW + timedelta(days=1), 1),
     (NOW + timedelta(days=1, seconds=1), 2), (NOW + timedelta(days=14), 14)],
)  # fmt: skip
def test_a_started_day_counts(until: datetime, left: int) -> None:
    assert words.days_left(until, NOW) == left


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (SubscriptionState.ACTIVE, "The payment of $29.00 is under way; everything works meanwhile."),
        (SubscriptionState.PAST_DUE, "The payment of $29.00 is under way; everything works meanwhile."),
        (SubscriptionState.SUSPENDED, "Calls are refused until $29.00 has arrived. The payment is under way."),
        (SubscriptionState.PAUSED, "Paused: no calls and no charges until you resume it."),
        (SubscriptionState.CANCELED, ""),
    ],
)
def test_what_a_bank_is_paying_is_said(state: SubscriptionState, said: str) -> None:
    one = item(state=state, collecting=Money.parse("29"), attempts=(Attempt(NOW, "failed"), Attempt(END, "planned")))
    assert words.notice_text(one, Money.parse("29"), NOW) == said


def test_notices() -> None:
    trial = item(state=SubscriptionState.TRIALING, trial_ends_at=NOW + timedelta(hours=3))
    assert words.notice_text(trial, None, NOW) == ("1 day of the trial is left. First charge: $29.00 on 14 April 2026.")
    assert words.notice_text(replace(trial, next_charge=None), None, NOW) == "1 day of the trial is left."
    assert words.notice_text(trial, None, None) == ""
    assert words.notice_text(item(), None, NOW) == ""
    past = item(state=SubscriptionState.PAST_DUE, attempts=(Attempt(NOW, "failed"), Attempt(END, "planned")))
    assert words.notice_text(past, Money.parse("34.51"), NOW) == (
        "The payment of $34.51 did not go through. It is tried again on 14 April 2026; everything works until then."
    )
    given_up = replace(past, attempts=(Attempt(NOW, "failed", "lost_card"),))
    assert words.notice_text(given_up, None, NOW).startswith(
        "The last payment did not go through. Nothing is tried again by itself."
    )
    gone_by = replace(past, attempts=(Attempt(NOW, "failed"), Attempt(NOW + timedelta(hours=1), "planned")))
    assert "Nothing is tried again by itself." in words.notice_text(gone_by, None, NOW + timedelta(hours=2))
    assert len(words.shown_attempts(gone_by.attempts, NOW + timedelta(hours=2))) == 1
    asks = replace(past, attempts=(Attempt(NOW, "action_required"), Attempt(END, "planned")))
    assert words.notice_text(asks, Money.parse("34.51"), NOW) == (
        "Your bank wants you to confirm the payment of $34.51 yourself; it does not pay without you."
    )
    assert (words.subscription_state(asks), words.subscription_state(past)) == ("Waits for you", "Payment failed")
    stopped = item(state=SubscriptionState.SUSPENDED)
    assert "because $34.51 is unpaid" in words.notice_text(stopped, Money.parse("34.51"), NOW)
    assert "because the open invoice is unpaid" in words.notice_text(stopped, None, NOW)
    paused = item(state=SubscriptionState.PAUSED)
    assert words.notice_text(paused, None, NOW) == "Paused: no calls and no charges until you resume it."


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (Attempt(NOW, "failed", "card_declined"), "Declined"),
        (Attempt(NOW, "failed", "insufficient_funds"), "Too little money"),
        (Attempt(NOW, "failed", "new_code"), "Failed"),
        (Attempt(NOW, "planned"), "Next try"),
        (Attempt(NOW, "succeeded"), "Paid"),
        (Attempt(NOW, "action_required"), "Waits for you"),
        (Attempt(NOW, "other"), "other"),
    ],
)
def test_attempts(attempt: Attempt, said: str) -> None:
    assert words.attempt_state(attempt) == said


@pytest.mark.parametrize(
    ("pending", "said"),
    [
        (PendingChange("cancel", END), "Ends on 14 April 2026"),
        (PendingChange("pause", END), "Pauses on 14 April 2026"),
        (
            PendingChange("change_plan", END, "p", "Pro", YEARLY, Money.parse("990")),
            "Changes to Pro, yearly on 14 April 2026, $990 a year",
        ),
        (PendingChange("change_plan", END, "p", "Free"), "Changes to Free on 14 April 2026"),
    ],
)
def test_pending(pending: PendingChange, said: str) -> None:
    assert words.pending_text(pending) == said


@pytest.mark.parametrize(
    ("coupon", "said"),
    [
        (AppliedCoupon("FOREVER5", "5"), "FOREVER5: 5% off every time"),
        (AppliedCoupon("WELCOME20", "20", None, 2), "WELCOME20: 20% off, 2 more charges"),
        (AppliedCoupon("TENOFF", "", Money.parse("10"), 1), "TENOFF: $10 off, 1 more charge"),
    ],
)
def test_coupons(coupon: AppliedCoupon, said: str) -> None:
    assert words.coupon_text(coupon) == said


def test_how_it_is_paid() -> None:
    assert words.paid_with_text(item()) == "Paid with Visa •••• 4242 · extra calls from the wallet"
    assert words.paid_with_text(item(FREE, paid_with="")) == ""
    assert words.paid_with_text(item(paid_with="")) == "extra calls from the wallet"
    assert words.paid_with_text(item(PER_USE, paid_with="wallet")) == "Paid from the wallet"
    assert words.paid_by("wallet") == "Paid from the wallet"
    assert words.paid_by("invoice") == "Paid by invoice"
    assert words.paid_by("transfer") == "Paid by bank transfer"


@pytest.mark.parametrize(
    ("used", "plan", "said"),
    [
        (usage(1000, 312), STARTER, "688 of 1,000 calls left this month, then $0.01 a call"),
        (usage(1000, 999), STARTER, "1 of 1,000 calls left this month, then $0.01 a call"),
        (usage(1000, 1000), STARTER, "All 1,000 calls are used, the next costs $0.01"),
        (usage(1000, 1001), STARTER, "All 1,000 calls are used, 1 more at $0.01 each"),
        (usage(10_000, 12_000), PRO, "All 10,000 calls are used, 2,000 more at $0.008 each"),
        (usage(2, 1, OveragePolicy.THROTTLE), FREE, "1 of 2 calls left, more on 14 April 2026"),
        (usage(2, 2, OveragePolicy.THROTTLE), FREE, "All 2 calls are used, more on 14 April 2026"),
        (usage(0, 1), PER_USE, "1 call this month, $0.02 a call"),
        (usage(0, 7), replace(PER_USE, overage=None), "7 calls this month"),
        (usage(None, 4210), STARTER, "Unlimited calls · 4,210 made this month"),
    ],
)
def test_calls(used: Usage, plan: Plan, said: str) -> None:
    assert words.calls_text(used, plan) == said


def test_overview() -> None:
    assert words.overview_text(1, None) == "1 subscription"
    assert words.overview_text(2, item()) == "2 subscriptions · next charge $29.00 on 14 April 2026"


# ---- changes


def preview(**changed: object) -> ChangePreview:
    one = ChangePreview(
        ChangeRequest("s", ChangeAction.CHANGE_PLAN), "hash", NOW, False, (), (), ZERO, ZERO, Money.parse("29"),
        Money.parse("99"), 1000, 10_000, 300, END, Money.parse("99"),
    )  # fmt: skip
    return replace(one, **changed)  # type: ignore[arg-type] # checked by the constructor


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (preview(), "You have used 300 of 1,000; from now on 9,700 of 10,000 are left."),
        (preview(used=20_000), "You have used 20,000 of 1,000; from now on 0 of 10,000 are left."),
        (preview(new_included=None), "You have used 300 of 1,000; from now on calls are unlimited."),
        (preview(old_included=None), "You have made 300 calls; from now on 9,700 of 10,000 are left."),
        (preview(new_included=1000), ""),
        (
            preview(is_pending=True, effective_at=END, new_included=2),
            "You have used 300 of 1,000; from 14 April 2026 on 2 are included each month.",
        ),
        (
            preview(is_pending=True, effective_at=END, new_included=None),
            "You have used 300 of 1,000; from 14 April 2026 on calls are unlimited.",
        ),
    ],
)
def test_effect_on_usage(shown: ChangePreview, said: str) -> None:
    assert changes.usage_effect(shown) == said


def test_sums_say_which_way_the_money_goes() -> None:
    back = preview(to_wallet=Money.parse("5"))
    assert (changes.settled_text(back), changes.settled_amount(back)) == ("Back to your wallet", Money.parse("5"))
    due = preview(due_now=Money.parse("70"))
    assert (changes.settled_text(due), changes.settled_amount(due)) == ("Due now", Money.parse("70"))
    assert changes.next_charge_text(preview(next_charge=None)) == "Nothing more will be charged."


@pytest.mark.parametrize(
    ("kind", "said"),
    [("proration_credit", "Unused time of Starter"), ("proration_charge", "Remaining time of Pro"), ("fee", "Pro"),
     ("discount", "Discount"), ("usage", "Calls so far"), ("something_new", "Other")],
)  # fmt: skip
def test_lines(kind: str, said: str) -> None:
    line = InvoiceLine("l", "", kind, ZERO)
    assert changes.change_line(line, STARTER, PRO) == said
    dated = replace(line, period_start=NOW, period_end=END)
    assert changes.change_line(dated, STARTER, PRO) == f"{said}, 14 March 2026 to 14 April 2026"


def test_tax_lines() -> None:
    line = TaxLine("VAT", "19.00", ZERO, ZERO)
    assert changes.tax_line(line) == "VAT 19%"
    assert changes.tax_line(replace(line, rate="8.10")) == "VAT 8.1%"
    assert changes.tax_line(replace(line, rate="20")) == "VAT 20%"
    assert changes.tax_line(replace(line, note="reverse_charge")) == "VAT: reverse charge, you account for it"
    assert changes.tax_line(replace(line, note="not_computed")) == "Tax: not computed"
    assert changes.tax_line(TaxLine("", "", ZERO, ZERO, "none")) == "Tax: none"


@pytest.mark.parametrize(
    ("task", "due", "said"),
    [
        ("plan", "70", "Change the plan – $70.00 now"),
        ("resume", "29", "Resume – $29.00 now"),
        ("pay", "29", "Pay $29.00"),
        ("plan", "0", "Change the plan"),
        ("resume", None, "Resume"),
        ("card", "0", "Use this card"),
        ("undo", "0", "Take it back"),
    ],
)
def test_button_carries_what_it_spends(task: str, due: str | None, said: str) -> None:
    amount = Money.parse(due) if due is not None else None
    assert changes.commit_label(task, amount, is_pending=False, is_now=False) == said


def test_ways_to_end() -> None:
    assert changes.cancel_now_text(None) == "Calls stop at once."
    assert "nothing was paid" in changes.cancel_now_text(preview())
    assert changes.cancel_at_end_text(None, item()).startswith("Everything works until 14 April 2026")
    assert changes.commit_label("cancel", ZERO, is_pending=False, is_now=True) == "Cancel now"


def test_moved_sums_and_lines() -> None:
    assert changes.moved_text(Money.parse("70"), Money.parse("36.13")).startswith(
        "The sum is now $36.13 instead of $70.00."
    )
    assert changes.moved_text(Money.parse("70"), Money.parse("70")).startswith("Something changed while you looked.")


def test_pending_pause_names_both_days() -> None:
    waiting = preview(is_pending=True, effective_at=END)
    assert changes.pause_text(waiting, END + timedelta(days=30)).startswith(
        "No calls and no charges from 14 April 2026 to 14 May 2026."
    )


@pytest.mark.parametrize("action", list(ChangeAction))
def test_every_change_has_its_last_word(action: ChangeAction) -> None:
    said = changes.done_text(action, item(), item())
    assert "Customer Care" in said
    assert said.endswith(".")


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (STARTER, ("1,000 calls a month", "then $0.01 a call")),
        (FREE, ("2 calls a month", "then no more until next month")),
        (PER_USE, ("No calls included",)),
        (replace(STARTER, included_calls=None), ("Unlimited calls",)),
        (replace(STARTER, included_calls=1), ("1 call a month", "then $0.01 a call")),
    ],
)
def test_points_of_a_plan(plan: Plan, said: tuple[str, ...]) -> None:
    assert changes.plan_points(plan) == said


def test_what_one_has_now() -> None:
    assert changes.current_text(item(PRO, cycle=YEARLY, price=Money.parse("990"))) == "Now: Pro, yearly, $990 a year"
    assert changes.current_text(item(PER_USE)) == "Now: Pay per use"


@pytest.mark.parametrize(("field", "code"), [("quantity", "unheard_of"), ("payment_token", "required"), ("x", "y")])
def test_every_problem_has_a_sentence(field: str, code: str) -> None:
    assert changes.change_problem(field, code, 10).endswith(".")


# ---- quotes


TERMS = QuoteTerms(Money.parse("450"), END)


def quote(state: QuoteState, terms: QuoteTerms | None = TERMS, price: Money | None = None) -> Quote:
    return Quote(
        "q", state, "f", "Customer Care", "p", "Enterprise", "ada@example.com", "", NOW, terms, price, "", True
    )


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (TERMS, "Unlimited calls"),
        (replace(TERMS, included_calls=1, overage=Rate(6000)), "1 call a month included, then $0.006 a call"),
        (replace(TERMS, included_calls=50_000), "50,000 calls a month included, no more after them"),
    ],
)
def test_terms(terms: QuoteTerms, said: str) -> None:
    assert quotes.quote_terms(terms) == said


def test_prices_of_quotes() -> None:
    yearly = replace(TERMS, cycle=BillingCycle.YEARLY)
    assert quotes.quote_price(quote(QuoteState.OFFERED, yearly, Money.parse("4500"))) == "$4,500 a year"
    assert quotes.quote_price(quote(QuoteState.OFFERED)) == "$450 a month"
    assert quotes.quote_price(quote(QuoteState.REQUESTED, None)) == ""
    assert quotes.accept_question(quote(QuoteState.REQUESTED, None)) == ""
    assert "due in 30 days" in quotes.accept_question(quote(QuoteState.OFFERED))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (QuoteState.REQUESTED, "Sales answers here and by e-mail; nothing is charged."),
        (QuoteState.EXPIRED, "The offer was valid until 14 April 2026."),
        (QuoteState.ACCEPTED, "You accepted $450 a month."),
        (QuoteState.DECLINED, "You declined the offer."),
    ],
)
def test_what_became_of_a_quote(state: QuoteState, said: str) -> None:
    assert quotes.quote_detail(quote(state)) == f"Asked for on 14 March 2026 for ada@example.com. {said}"
    assert quotes.quote_state(state)


def test_dates_of_an_offer() -> None:
    assert quotes.quote_dates(replace(TERMS, net_days=1)) == (
        "Valid until 14 April 2026 · invoice due 1 day after you accept"
    )
    assert quotes.quote_detail(quote(QuoteState.OFFERED)).endswith("ada@example.com.")


def test_problems_of_an_answer() -> None:
    assert quotes.answer_problem("net_days", "out_of_range", 365) == "Enter a whole number from 1 to 365."
    assert quotes.answer_problem("valid_until", "in_past").endswith(".")
    assert quotes.answer_problem("monthly_price", "out_of_range") == "Enter more than zero and at most ten million."
    assert quotes.answer_problem("overage", "out_of_range") == "Enter zero or more and at most ten million."
