"""Refusals in words: every code of the providers says what to do, and none says what only a thief should not know."""

import re

import pytest

from services.api.errors import CardDeclined, DebitFailed, PaymentFailed, ProviderRejected, all_errors
from services.domain.declines import UNTOLD
from services.gateways.paypal_shapes import DECLINES as PAYPAL
from ui.text import error_text, refusal_of
from ui.text.declines import decline_text, known_codes

# Stripe's published decline codes of cards, and the failures of bank debits.
CARDS = """approve_with_id authentication_not_handled authentication_required call_issuer card_not_supported
    card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card
    fraudulent generic_decline highest_risk_level incorrect_address incorrect_cvc incorrect_number incorrect_pin
    incorrect_zip insufficient_funds invalid_account invalid_amount invalid_cvc invalid_expiry_month
    invalid_expiry_year invalid_number invalid_pin issuer_not_available lost_card merchant_blacklist
    mobile_device_authentication_required new_account_information_available no_action_taken not_permitted
    offline_pin_required online_or_offline_pin_required partner_generic_decline pickup_card pin_try_exceeded
    previously_declined_do_not_retry processing_error reenter_transaction restricted_card
    revocation_of_all_authorizations revocation_of_authorization security_violation service_not_allowed stolen_card
    stop_payment_order testmode_decline transaction_not_allowed try_again_later
    withdrawal_count_limit_exceeded""".split()
BANKS = """account_closed account_frozen bank_account_restricted bank_account_unusable bank_ownership_changed
    could_not_process debit_not_authorized declined generic_could_not_process incorrect_account_holder_name
    invalid_account_number invalid_currency no_account refer_to_customer charge_exceeds_source_limit""".split()
GENERIC = decline_text("generic_decline")
NEVER = re.compile(r"fraud|lost|stolen|theft|thief|suspic|suspect|risk|black|pick.?up|restricted|securit|misuse", re.I)


@pytest.mark.parametrize("code", [*CARDS, *BANKS, *sorted(PAYPAL), *known_codes()])
def test_every_code_says_what_to_do_in_one_voice(code: str) -> None:
    assert code in known_codes()
    sentence = decline_text(code)
    assert sentence.endswith(".")
    assert "_" not in sentence
    assert "!" not in sentence
    assert code not in sentence.split()


def test_every_code_of_the_providers_is_known_by_name() -> None:
    assert [code for code in (*CARDS, *BANKS, *sorted(PAYPAL)) if code not in known_codes()] == []


@pytest.mark.parametrize("code", [*sorted(UNTOLD), "9500", "9520"])
def test_who_holds_a_reported_card_learns_no_more_than_anybody(code: str) -> None:
    assert decline_text(code) == GENERIC
    assert error_text(CardDeclined(reason=code)) == error_text(CardDeclined(reason="generic_decline"))
    assert error_text(refusal_of(code)) == error_text(refusal_of("generic_decline"))


@pytest.mark.parametrize("code", known_codes())
def test_no_sentence_speaks_of_what_is_suspected(code: str) -> None:
    said = decline_text(code)
    assert not NEVER.search(said) or code in ("incorrect_cvc", "invalid_cvc", "5110")  # the security code of the card


def test_unknown_code_says_what_an_unnamed_refusal_says() -> None:
    assert decline_text("something new") == decline_text("") == GENERIC


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("insufficient_funds", "not enough money"),
        ("expired_card", "has expired"),
        ("incorrect_cvc", "security code"),
        ("processing_error", "not your fault"),
        ("try_again_later", "Try again in a minute"),
        ("currency_not_supported", "currency"),
        ("withdrawal_count_limit_exceeded", "limit"),
        ("authentication_required", "confirm it yourself"),
        ("account_closed", "Use another account"),
        ("INSTRUMENT_DECLINED", "another source in PayPal"),
        ("PAYER_ACCOUNT_RESTRICTED", "Log in to PayPal"),
    ],
)
def test_sentence_names_what_can_be_mended(code: str, words: str) -> None:
    assert words in decline_text(code)


def test_refusal_carries_the_sentence_and_that_nothing_was_charged() -> None:
    said = error_text(CardDeclined(reason="expired_card"))
    assert said.title == "The payment was declined"
    assert said.detail == "Nothing was charged. The card has expired. Use another one."
    assert said.action == "Choose another way"
    assert "Nothing was collected." in error_text(DebitFailed(reason="insufficient_funds")).detail


@pytest.mark.parametrize(
    "reason",
    ["key_invalid", "account_restricted", "currency_unsupported", "amount_too_small", "amount_too_large",
     "method_unavailable", "request_invalid", ""],
)  # fmt: skip
def test_what_a_provider_would_not_take_is_said_with_whose_turn_it_is(reason: str) -> None:
    said = error_text(ProviderRejected(reason=reason))
    assert said.detail.startswith("Nothing was charged.")
    assert "another way" in said.detail or "support" in said.detail


def test_stored_code_of_an_order_becomes_the_error_it_was() -> None:
    for code, kind in all_errors().items():
        found = refusal_of(code)
        if issubclass(kind, PaymentFailed | ProviderRejected):
            assert found.code == code
        else:
            assert type(found) is PaymentFailed
    assert refusal_of("do_not_honor").params == {"reason": "do_not_honor"}
    assert type(refusal_of("")) is PaymentFailed
