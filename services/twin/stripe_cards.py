"""The published test cards and banks of Stripe: what each does. A number is looked at, never kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """`decline`: why it is refused, "" for one that pays; `asks`: "" | first (until it was set up) | always; `later`:
    refused when it is charged, though it can be kept; `disputed`: its bank takes the money back."""

    name: str
    brand: str
    last4: str
    decline: str = ""
    asks: str = ""
    later: str = ""
    disputed: bool = False
    says: str = "Pays"


@dataclass(frozen=True, slots=True)
class Bank:
    """`decline`: why its debits fail after some days, "" for one that pays."""

    name: str
    title: str
    last4: str
    decline: str = ""
    says: str = ""


_ALL = {
    "4242424242424242": Card("visa", "visa", "4242"),
    "5555555555554444": Card("mastercard", "mastercard", "4444"),
    "378282246310005": Card("amex", "amex", "0005"),
    "4000000000000002": Card("declined", "visa", "0002", "generic_decline", says="Is declined"),
    "4000000000009995": Card("insufficient_funds", "visa", "9995", "insufficient_funds", says="Has no funds"),
    "4000000000009987": Card("lost_card", "visa", "9987", "lost_card", says="Was lost"),
    "4000000000009979": Card("stolen_card", "visa", "9979", "stolen_card", says="Was stolen"),
    "4000000000000069": Card("expired_card", "visa", "0069", "expired_card", says="Has expired"),
    "4000000000000127": Card("incorrect_cvc", "visa", "0127", "incorrect_cvc", says="Has another CVC"),
    "4000000000000119": Card("processing_error", "visa", "0119", "processing_error", says="Fails on the way"),
    "4000002500003155": Card("asks_first", "visa", "3155", asks="first", says="Asks you, later charges pass"),
    "4000002760003184": Card("asks_always", "visa", "3184", asks="always", says="Asks you, every time"),
    "4000008260003178": Card(
        "asks_then_empty", "visa", "3178", "insufficient_funds", "always", says="Asks you, then has no funds"
    ),
    "4000000000000341": Card(
        "fails_later", "visa", "0341", later="generic_decline", says="Can be saved, charges are declined"
    ),
    "4000000000000259": Card("disputed", "visa", "0259", disputed=True, says="Pays, then is disputed"),
}
SHOWN = tuple(_ALL.items())
BY_NAME = {card.name: card for card in _ALL.values()}

BANKS = {
    bank.name: bank
    for bank in (
        Bank("pays", "Test Bank", "6789", says="Pays after four days"),
        Bank("fails", "Bank of No Funds", "2227", "insufficient_funds", "Has no funds after four days"),
        Bank("closed", "Closed Bank", "1113", "account_closed", "The account turns out to be closed"),
        Bank("forbids", "Cautious Bank", "3335", "debit_not_authorized", "The debit is not allowed"),
    )
}

# Methods that Stripe offers by name in test mode, so that nothing has to be typed.
NAMED = {
    "pm_card_visa": "visa",
    "pm_card_mastercard": "mastercard",
    "pm_card_amex": "amex",
    "pm_card_chargeDeclined": "declined",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_chargeDeclinedLostCard": "lost_card",
    "pm_card_chargeDeclinedStolenCard": "stolen_card",
    "pm_card_chargeDeclinedExpiredCard": "expired_card",
    "pm_card_chargeDeclinedIncorrectCvc": "incorrect_cvc",
    "pm_card_chargeDeclinedProcessingError": "processing_error",
    "pm_card_chargeCustomerFail": "fails_later",
    "pm_card_authenticationRequired": "asks_always",
    "pm_card_authenticationRequiredOnSetup": "asks_first",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": "asks_then_empty",
    "pm_card_createDispute": "disputed",
}
NAMED_BANKS = {
    "pm_usBankAccount_success": "pays",
    "pm_usBankAccount_insufficientFunds": "fails",
    "pm_usBankAccount_accountClosed": "closed",
    "pm_usBankAccount_debitNotAuthorized": "forbids",
}

_DECLINED = "Your card was declined."
WORDS = {
    "generic_decline": _DECLINED,
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": _DECLINED,
    "stolen_card": _DECLINED,
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little while.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "payment_intent_authentication_failure": (
        "Your bank could not confirm that it is you. Try again, or pay with another method."
    ),
}
BANK_WORDS = {
    "insufficient_funds": "The bank account has insufficient funds.",
    "account_closed": "The bank account has been closed.",
    "debit_not_authorized": "The debit was not authorized by the account's holder.",
}
# Stripe gives these their own error code; the other declines come under card_declined.
OWN_CODES = frozenset(
    {"expired_card", "incorrect_cvc", "processing_error", "authentication_required"}
    | {"payment_intent_authentication_failure"}
)


def digits_of(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii() and letter.isdigit())


def card_of(number: str) -> Card | None:
    """The published card with this number, spaces allowed."""
    return _ALL.get(digits_of(number))


def is_valid(number: str) -> bool:
    """The check digit every card number carries."""
    digits = [int(letter) for letter in digits_of(number)]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return 12 <= len(digits) <= 19 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
