"""The words of simulated time: every kind of thing that happens is a sentence, also those nobody has named yet."""

from datetime import UTC, datetime

import pytest

from services.api.types import Happening, TimePoint
from services.embedded.money.due import ORDER
from ui.text import date, datetime_text
from ui.text import timeline as words

AT = datetime(2026, 12, 22, 9, 30, tzinfo=UTC)
POINT = TimePoint("p", AT, datetime(2026, 11, 24, 7, tzinfo=UTC))


def happening(kind: str, **params: str | int | None) -> Happening:
    return Happening("h", AT, kind, params)


def test_simulated_time_is_said_in_words() -> None:
    assert words.time_text(AT, is_simulated=True) == f"Simulated time: {datetime_text(AT)}"
    assert words.time_text(AT, is_simulated=False) == f"Real time: {datetime_text(AT)}"


@pytest.mark.parametrize(
    ("kind", "name", "what"),
    [
        ("renewed", "Customer Care", "renewal of Customer Care"),
        ("period", "Customer Care", "renewal of Customer Care"),
        ("trial_ends", "Customer Care", "end of the trial of Customer Care"),
        ("payment_retry", "Customer Care", "payment for Customer Care"),
        ("resumed", "Customer Care", "end of the pause of Customer Care"),
        ("canceled", "Customer Care", "end of Customer Care"),
        ("unserved", "Customer Care", "end of an unpaid period of Customer Care"),
        ("unserved", "", "end of an unpaid period"),
        ("usage_reset", "Customer Care", "included calls of Customer Care start again"),
        ("credit_expired", "Customer Care", "credit expires"),
        ("renewed", "", "renewal"),
        ("credit_expires", "", "credit expires"),
        ("card_replaced", "", "card replaced"),
        ("", "", "something"),
    ],
)
def test_what_comes_next(kind: str, name: str, what: str) -> None:
    assert words.next_text(kind, name, AT) == f"Next: {what}, {date(AT)}"


def test_nothing_comes_next() -> None:
    assert words.next_text("", "", None) == "Nothing is planned"


@pytest.mark.parametrize("kind", ORDER)
def test_everything_the_service_plans_has_a_name_of_its_own(kind: str) -> None:
    assert words._plain(kind) != ""
    assert "_" not in words._plain(kind)
    assert words._plain(kind) != kind or kind in ("pause",)


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (happening("renewed", name="Customer Care", plan="Pro"), "Customer Care was renewed."),
        (happening("renewed"), "A subscription was renewed."),
        (happening("subscribed", name="Customer Care", plan="Pro"), "Customer Care began on Pro."),
        (happening("subscribed", name="Customer Care"), "Customer Care began."),
        (happening("plan_changed", name="Customer Care", plan="Pro"), "Customer Care changed to Pro."),
        (happening("plan_changed", name="Customer Care"), "Customer Care changed."),
        (happening("trial_reminder", name="Customer Care"), "Reminder: the trial of Customer Care ends soon."),
        (happening("trial_ended", name="Customer Care"), "The trial of Customer Care ended."),
        (happening("suspended", name="Customer Care"), "Customer Care was suspended: its invoice is unpaid."),
        (happening("restored", name="Customer Care"), "Customer Care works again: its invoice is paid."),
        (happening("paused", name="Customer Care"), "Customer Care was paused."),
        (happening("resumed", name="Customer Care"), "Customer Care goes on after its pause."),
        (happening("canceled", name="Customer Care"), "Customer Care ended."),
        (happening("usage_reset", name="Customer Care"), "The included calls of Customer Care start again."),
        (happening("cancel_planned", name="Customer Care"), "Customer Care was set to end with its period."),
        (happening("change_planned", name="Customer Care"), "A plan change of Customer Care was planned."),
        (happening("change_undone", name="Customer Care"), "A planned change of Customer Care was undone."),
        (happening("card_changed", name="Customer Care"), "Customer Care now pays with another card."),
        (happening("code_redeemed", code="GIFT25"), "A code was redeemed."),
        (happening("order_taken_back"), "A purchase was taken back; nothing was charged."),
        (happening("refund_granted", number="SK-7"), "Support gave money back."),
        (happening("transfer_received", number="SKT-1"), "A transfer arrived for SKT-1."),
        (happening("transfer_received"), "A transfer arrived."),
        (happening("transfer_credited", number="SKT-1"), "What came by transfer for SKT-1 is credit in the wallet."),
        (happening("transfer_credited"), "What came by transfer is credit in the wallet."),
        (happening("top_up_refused"), "The bank refused a top-up; no credit was added."),
        (happening("change_refused"), "The bank refused the payment for a plan change; the plan stays as it is."),
        (happening("dispute_opened"), "A payment is disputed by its bank; what it bought in credit is frozen."),
        (happening("dispute_won"), "A dispute was decided for the payment."),
        (happening("dispute_lost"), "A dispute was lost; the money is gone, and what it had paid for ends."),
        (happening("refunded"), "A payment was refunded."),
        (happening("invoice_issued", number="SK-7"), "Invoice SK-7 was issued."),
        (happening("invoice_paid", number="SK-7"), "Invoice SK-7 was paid."),
        (happening("invoice_paid"), "An invoice was paid."),
        (happening("payment_failed", name="Customer Care"), "The payment for Customer Care did not go through."),
        (happening("payment_failed"), "A payment did not go through."),
        (happening("quote_expired", name="Customer Care"), "The quote for Customer Care ran out."),
        (happening("quote_expired"), "A quote ran out."),
        (happening("credit_expired"), "Credit expired."),
        (happening("balance_low"), "The balance is low."),
        (happening("auto_topped_up"), "The wallet was topped up automatically."),
        (happening("topped_up"), "The wallet was topped up."),
        (happening("auto_top_up_refused", problem="monthly_limit"),
         "Auto-top-up stopped: its monthly limit is reached."),
        (happening("auto_top_up_refused", problem="card_declined"), "Auto-top-up did not go through."),
        (happening("card_replaced", name="Visa"), "Card replaced: Visa."),
        (happening("card_replaced", number="SK-7"), "Card replaced: SK-7."),
        (happening("card_replaced"), "Card replaced."),
    ],
)  # fmt: skip
def test_what_happened(one: Happening, sentence: str) -> None:
    assert words.happening_text(one) == sentence


@pytest.mark.parametrize(
    ("params", "amount"),
    [
        ({"amount_micros": 34_510_000, "currency": "EUR"}, "€34.51"),
        ({"amount": 8_000}, "$0.008"),
        ({"total_micros": 1_000_000, "currency": "JPY"}, "¥1"),
        ({"balance_micros": 5_000_000, "amount_micros": 2_000_000}, "$2.00"),
        ({"balance_micros": 0}, "$0.00"),
        ({"amount_micros": 5, "currency": "XXX"}, ""),
        ({"amount": "5"}, ""),
        ({}, ""),
    ],
)
def test_amount_of_what_happened(params: dict[str, str | int | None], amount: str) -> None:
    assert words.happening_amount(Happening("h", AT, "invoice_paid", params)) == amount


def test_moving_is_said() -> None:
    assert words.moving_text("") == ""
    assert words.moving_text("day").startswith("Time moves")
    assert words.moving_text("back") == "Going back…"
    now = datetime_text(AT)
    assert words.moved_text(AT, 0) == f"It is {now} now. Nothing fell due on the way."
    assert words.moved_text(AT, 1) == f"It is {now} now. 1 thing happened on the way."
    assert words.moved_text(AT, 12) == f"It is {now} now. 12 things happened on the way."
    assert words.happened_label(0) == "What happened"
    assert words.happened_label(1_200) == "What happened (1,200)"
    assert words.more_text(3) == "Show 3 more"


@pytest.mark.parametrize("code", ["required", "date_invalid", "in_past", "out_of_range", "new_code"])
def test_date_problems_say_what_to_do(code: str) -> None:
    assert words.date_problem(code).endswith((".", "09:30."))
    assert code == "new_code" or words.date_problem(code) != words.date_problem("new_code")


def test_going_back_says_what_is_lost() -> None:
    at = datetime_text(AT)
    assert words.back_question(POINT) == f"Go back to {at}?"
    assert f"after {at} is lost" in words.back_warning(POINT)
    assert "cannot be undone" in words.back_warning(POINT)
    assert words.point_text(POINT) == at
    assert datetime_text(POINT.taken_at) in words.point_detail(POINT)
    assert words.returned_text(AT) == f"Back at {at}. What came after is gone."
    assert words.step_title(AT, POINT.taken_at) == f"{at} to {datetime_text(POINT.taken_at)}"
