"""A provider's word for a refusal as a sentence: what to do now, and with whom it lies.

Whoever holds a card must not learn that it is thought to be lost, stolen or misused: those codes say what an unnamed
refusal says.
"""

from __future__ import annotations

from collections.abc import Mapping

from ui.text.language import tr

# What is to be done -> the codes that ask for it: Stripe's decline and error codes of cards and bank debits, the issues
# and processor answers of PayPal, and our own words.
_CODES: Mapping[str, str] = {
    "bank_decides": """generic_decline do_not_honor call_issuer no_action_taken not_permitted service_not_allowed
        revocation_of_all_authorizations revocation_of_authorization transaction_not_allowed stop_payment_order
        do_not_try_again previously_declined_do_not_retry partner_generic_decline card_declined declined
        payment_method_provider_decline payment_intent_payment_attempt_failed 0500 5100
        fraudulent highest_risk_level lost_card merchant_blacklist pickup_card restricted_card security_violation
        stolen_card 5180 9500 9520""",
    "not_enough": "insufficient_funds balance_insufficient 5120",
    "over_limit": """card_velocity_exceeded withdrawal_count_limit_exceeded charge_exceeds_source_limit
        charge_exceeds_transaction_limit charge_exceeds_weekly_limit""",
    "card_over": "expired_card expired_payment_method CARD_EXPIRED 5400",
    "card_closed": "card_not_supported invalid_card_type new_account_information_available CARD_CLOSED",
    "wrong_number": "incorrect_number invalid_number invalid_account",
    "wrong_code": "incorrect_cvc invalid_cvc 5110",
    "wrong_expiry": "invalid_expiry_month invalid_expiry_year",
    "wrong_address": "incorrect_zip incorrect_postal_code incorrect_address",
    "wrong_pin": """incorrect_pin invalid_pin offline_pin_required online_or_offline_pin_required
        pin_try_exceeded""",
    "currency": "currency_not_supported payment_method_currency_mismatch invalid_currency CURRENCY_NOT_SUPPORTED",
    "again_soon": """try_again_later processing_error issuer_not_available reenter_transaction approve_with_id
        payment_method_provider_timeout could_not_process generic_could_not_process lock_timeout
        card_decline_rate_limit_exceeded MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED""",
    "twice": "duplicate_transaction",
    "amount": "invalid_amount amount_too_small amount_too_large invalid_charge_amount TRANSACTION_LIMIT_EXCEEDED",
    "confirm": """authentication_required authentication_not_handled mobile_device_authentication_required
        authentication_failure payment_intent_authentication_failure setup_intent_authentication_failure
        payment_intent_action_required approval_required PAYER_ACTION_REQUIRED""",
    "not_wanted": "payment_method_customer_decline confirmation_declined",
    "too_late": "expired payment_intent_payment_attempt_expired setup_intent_setup_attempt_expired",
    "test_card": "testmode_decline test_mode_live_card live_mode_test_card livemode_mismatch",
    "account_gone": """account_closed no_account bank_account_unusable bank_account_declined account_invalid
        bank_ownership_changed""",
    "account_blocked": """account_frozen bank_account_restricted payment_method_bank_account_blocked refer_to_customer
        sepa_unsupported_account""",
    "account_number": """invalid_account_number account_number_invalid invalid_bank_account_iban no_account_number
        incorrect_account_holder_name incorrect_account_holder_type incorrect_account_holder_tax_id
        incorrect_account_holder_address routing_number_invalid bank_account_bad_routing_numbers
        account_information_mismatch""",
    "account_unverified": """bank_account_unverified bank_account_verification_failed
        payment_method_microdeposit_failed payment_method_microdeposit_verification_amounts_invalid
        payment_method_microdeposit_verification_attempts_exceeded
        payment_method_microdeposit_verification_timeout""",
    "mandate": """debit_not_authorized payment_intent_mandate_invalid setup_intent_mandate_invalid
        billing_invalid_mandate india_recurring_payment_mandate_canceled""",
    "paypal_source": """INSTRUMENT_DECLINED REDIRECT_PAYER_FOR_ALTERNATE_FUNDING PAYMENT_SOURCE_CANNOT_BE_USED
        PAYMENT_SOURCE_DECLINED_BY_PROCESSOR ALIAS_DECLINED_BY_PROCESSOR ECHECK""",
    "paypal_account": """PAYER_ACCOUNT_RESTRICTED PAYER_ACCOUNT_LOCKED_OR_CLOSED PAYER_CANNOT_PAY
        PAYER_COUNTRY_NOT_SUPPORTED""",
    "paypal_refused": """TRANSACTION_REFUSED COMPLIANCE_VIOLATION DECLINED_BY_RISK_FRAUD_FILTERS RISK
        PAYEE_BLOCKED_TRANSACTION TRANSACTION_BLOCKED_BY_PAYEE DECLINED DENIED FAILED""",
    "paypal_again": """TOKEN_EXPIRED AGREEMENT_ALREADY_CANCELLED BILLING_AGREEMENT_NOT_FOUND TOKEN_ID_NOT_FOUND
        PAYMENT_SOURCE_INFO_CANNOT_BE_VERIFIED PAYER_CONSENT_REQUIRED ORDER_NOT_APPROVED AUTHORIZATION_VOIDED
        AUTHORIZATION_EXPIRED""",
    "method_gone": "payment_method_not_available payment_method_invalid_parameter method_unavailable",
}
_WHAT = {code: what for what, codes in _CODES.items() for code in codes.split()}
GENERIC = "bank_decides"


def known_codes() -> tuple[str, ...]:
    """Every code that has words of its own or shares them with others."""
    return tuple(_WHAT)


def decline_text(code: str) -> str:
    """What to do now. A code nobody knows says what an unnamed refusal says."""
    what = _WHAT.get(code) or _WHAT.get(code.upper()) or GENERIC
    return {**_cards(), **_payments(), **_accounts(), **_paypal()}[what]


def _cards() -> dict[str, str]:
    return {
        GENERIC: tr("The bank that issued it does not say why. Pay another way, or ask your bank."),
        "not_enough": tr("There is not enough money on it for this amount. Pay another way, or fill it up first."),
        "over_limit": tr("Its limit is used up. Pay another way, or ask your bank to raise the limit."),
        "card_over": tr("The card has expired. Use another one."),
        "card_closed": tr("This card cannot be used for this kind of purchase. Use another one."),
        "wrong_number": tr("The card number is not right. Type it once more, digit by digit."),
        "wrong_code": tr("The security code is not right. It is on the back of the card; type it once more."),
        "wrong_expiry": tr("The expiry date is not right. Type it as it stands on the card."),
        "wrong_address": tr("The address or postal code is not the one your bank knows. Correct it and pay again."),
        "wrong_pin": tr("Your bank wants the PIN, which cannot be given online. Use another card."),
        "test_card": tr("Test cards work in test mode only, and real ones where money is real. Use the other kind."),
    }


def _payments() -> dict[str, str]:
    return {
        "currency": tr("It cannot pay in this currency. Pay another way."),
        "again_soon": tr("Something went wrong on the way to the bank; it is not your fault. Try again in a minute."),
        "twice": tr("The same amount was paid a moment ago. Look at your orders before you pay again."),
        "amount": tr("This amount cannot be paid this way. Pay another way."),
        "confirm": tr("Your bank wants you to confirm it yourself. Pay again and answer its question."),
        "not_wanted": tr("It was not confirmed. Pay again and confirm, or pay another way."),
        "too_late": tr("The page was open too long. Open a new one and pay there."),
        "method_gone": tr("This way to pay is not available now. Choose another."),
    }


def _accounts() -> dict[str, str]:
    return {
        "account_gone": tr("The bank does not know this account, or it is closed. Use another account."),
        "account_blocked": tr("The account cannot be debited now. Pay another way, or ask your bank."),
        "account_number": tr("The account number or the name does not match. Check both and give them again."),
        "account_unverified": tr("The bank account is not confirmed yet. Confirm it, or pay another way."),
        "mandate": tr(
            "The debit is not allowed for this account any more. Give your consent again, or pay another way."
        ),
    }


def _paypal() -> dict[str, str]:
    return {
        "paypal_source": tr("PayPal could not collect it from your card or bank. Choose another source in PayPal."),
        "paypal_account": tr("Your PayPal account cannot pay now. Log in to PayPal to see why, or pay another way."),
        "paypal_refused": tr("PayPal did not accept it and does not say why. Pay another way, or ask PayPal."),
        "paypal_again": tr("The connection to your PayPal account has ended. Connect it again, or pay another way."),
    }
