"""Every expected failure of a service, as a code with parameters; sentences live in ui/text.py.

ServiceError
├── InvalidInput 422          values that cannot be accepted; `fields` says which and why (field -> code)
├── NotFound 404              unknown, or another organization's (never 403)
├── NotSignedIn 401           the call needs an account
├── BadCredentials 401        e-mail and password do not match
├── SessionExpired 401        the session token is unknown, revoked or too old
├── TooManyTries 429          sign-in is paused for this account (params: seconds)
├── Conflict 409
│   ├── EmailTaken            somebody signed up with this address already
│   ├── KeyReused             the same idempotency key with other content
│   ├── RequestInProgress     the same idempotency key, still being worked on
│   ├── WrongState            the thing is not in a state that allows this (params: state)
│   ├── SumMoved              what was previewed would cost something else by now; look again
│   └── NotInTestMode         only a test-mode workspace allows this
├── PaymentFailed 402         the provider said no; nothing was charged (params: reason, the provider's own word, one of
│   │                         domain.declines; order_uuid or payment_uuid)
│   ├── CardDeclined
│   ├── InsufficientFunds
│   ├── ConfirmationDeclined  the buyer refused on the confirmation page, or let it expire
│   ├── PaymentNotCompleted   a crash came between; the provider has no charge, the order was undone
│   ├── PaymentExpired        the hosted page was left open too long
│   ├── PaymentCanceled       the buyer gave it up
│   ├── DebitFailed           the bank did not pay a debit it was asked for, days ago
│   ├── ConfirmationNeeded    the buyer's bank wants to be asked by the buyer; pay it again, in person
│   └── PaymentProfileNeeded  paying afterwards needs a card on file
├── InsufficientCredit 402    the wallet cannot pay this (params: balance, price, both in micros)
├── SubscriptionSuspended 402 an invoice is unpaid; paying it restores the agent (params: invoice_uuid)
├── LimitReached 429          included calls are used up and the plan refuses more, or a cap is reached (params: limit
│                             = plan | sample | organization | project | key, left_<level> in micros)
├── PaymentUnknown 503        the provider did not answer; asking again with the same key charges once
├── ProviderRejected 502      the provider would not take the request; nothing was charged (params: reason, as in
│                             gateways.payments.ProviderRefused; provider)
├── EventRejected 400         a webhook that the provider did not send, or not now
├── Offline 503               the service (or its provider) cannot be reached
├── AgentUnavailable 503      the agent did not answer; the call costs nothing
└── StorageError 500
    ├── DiskFull 507          nothing more can be written; what was acknowledged is safe
    ├── DatabaseBusy 503      another process holds the database
    ├── DatabaseTooNew 500    written by a newer Souk
    ├── DatabaseCorrupt 500   did not pass its check; opened read-only at most
    ├── LedgerBroken 500      the books do not add up or were changed by somebody else; nothing more is posted
    └── ReadOnly 503          rescue mode: reading works, writing does not
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class ServiceError(Exception):
    """An expected failure. `params` are JSON scalars; `fields` maps an input field to the code of its problem."""

    code: ClassVar[str] = "service_error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, *, fields: Mapping[str, str] | None = None, **params: str | int | None) -> None:
        self.fields: dict[str, str] = dict(fields or {})
        self.params: dict[str, str | int | None] = params
        super().__init__(self.code)

    def __str__(self) -> str:
        detail = [f"{key}={value}" for key, value in self.params.items()]
        detail += [f"{field}: {problem}" for field, problem in self.fields.items()]
        return f"{self.code} ({', '.join(detail)})" if detail else self.code


class InvalidInput(ServiceError):
    code = "invalid_input"
    http_status = 422


class NotFound(ServiceError):
    code = "not_found"
    http_status = 404


class NotSignedIn(ServiceError):
    code = "not_signed_in"
    http_status = 401


class BadCredentials(ServiceError):
    code = "bad_credentials"
    http_status = 401


class SessionExpired(ServiceError):
    code = "session_expired"
    http_status = 401


class TooManyTries(ServiceError):
    code = "too_many_tries"
    http_status = 429
    retryable = True


class Conflict(ServiceError):
    code = "conflict"
    http_status = 409


class EmailTaken(Conflict):
    code = "email_taken"


class KeyReused(Conflict):
    code = "key_reused"


class RequestInProgress(Conflict):
    code = "request_in_progress"
    retryable = True


class WrongState(Conflict):
    code = "wrong_state"


class SumMoved(Conflict):
    code = "sum_moved"


class NotInTestMode(Conflict):
    code = "not_in_test_mode"


class PaymentFailed(ServiceError):
    code = "payment_failed"
    http_status = 402


class CardDeclined(PaymentFailed):
    code = "card_declined"


class InsufficientFunds(PaymentFailed):
    code = "insufficient_funds"


class ConfirmationDeclined(PaymentFailed):
    code = "confirmation_declined"


class PaymentNotCompleted(PaymentFailed):
    code = "payment_not_completed"


class PaymentExpired(PaymentFailed):
    code = "payment_expired"


class PaymentCanceled(PaymentFailed):
    code = "payment_canceled"


class DebitFailed(PaymentFailed):
    code = "debit_failed"


class ConfirmationNeeded(PaymentFailed):
    code = "confirmation_needed"


class PaymentProfileNeeded(PaymentFailed):
    code = "payment_profile_needed"


class InsufficientCredit(ServiceError):
    code = "insufficient_credit"
    http_status = 402


class SubscriptionSuspended(ServiceError):
    code = "subscription_suspended"
    http_status = 402


class LimitReached(ServiceError):
    code = "limit_reached"
    http_status = 429


class PaymentUnknown(ServiceError):
    code = "payment_unknown"
    http_status = 503
    retryable = True


class ProviderRejected(ServiceError):
    code = "provider_rejected"
    http_status = 502


class EventRejected(ServiceError):
    code = "event_rejected"
    http_status = 400


class Offline(ServiceError):
    code = "offline"
    http_status = 503
    retryable = True


class AgentUnavailable(ServiceError):
    code = "agent_unavailable"
    http_status = 503
    retryable = True


class StorageError(ServiceError):
    code = "storage_error"
    http_status = 500


class DiskFull(StorageError):
    code = "disk_full"
    http_status = 507
    retryable = True


class DatabaseBusy(StorageError):
    code = "database_busy"
    http_status = 503
    retryable = True


class DatabaseTooNew(StorageError):
    code = "database_too_new"


class DatabaseCorrupt(StorageError):
    code = "database_corrupt"


class LedgerBroken(StorageError):
    code = "ledger_broken"


class ReadOnly(StorageError):
    code = "read_only"
    http_status = 503


def all_errors() -> dict[str, type[ServiceError]]:
    """Every error class by its code; what the wire and the documentation test walk."""

    def walk(cls: type[ServiceError]) -> list[type[ServiceError]]:
        return [cls, *(found for child in cls.__subclasses__() for found in walk(child))]

    return {cls.code: cls for cls in walk(ServiceError)}


# Codes that stand beside a field in `InvalidInput.fields` (docs/errors.md says what each shows).
FIELD_CODES = frozenset(
    {
        "required",
        "email_invalid",
        "password_short",
        "password_long",
        "too_long",
        "too_short",
        "unknown",
        "not_of_offering",
        "must_accept",
        "not_available",
        "out_of_range",
        "needs_quote",
        "expired",
        "already_used",
        "unexpected",
        "exhausted",
        "not_yet",
        "not_for_this",
        "wrong_currency",
        "vat_format",
        "vat_checksum",
        "vat_country",
        "below_threshold",
        "gap_too_small",
        "below_target",
        "not_whole_minor",
        "not_positive",
        "over_invoice",
        "nothing_left",
        "unknown_line",
        "too_small",
        "too_large",
        "in_past",
        "insufficient_credit",
        "trial_used",
    }
)
