"""The error a stored code stands for: one of ours, or the provider's own word for a declined payment."""

from __future__ import annotations

from typing import Any

from services.api import errors
from services.domain import declines

REJECTED = errors.ProviderRejected.code
EXPIRED = errors.PaymentExpired.code
GIVEN_UP = errors.PaymentCanceled.code
_OF_PROVIDERS = {"expired": EXPIRED, "authentication_required": errors.ConfirmationNeeded.code}


def stored(decline_code: str) -> str:
    """How a provider's code is kept: ours where there is one for it."""
    return _OF_PROVIDERS.get(decline_code, decline_code) or errors.PaymentFailed.code


def rejected(reason: str) -> str:
    """How it is kept that a provider would not take a request at all."""
    return f"{REJECTED}:{reason}"


def error_of(code: str, **ids: Any) -> errors.ServiceError:  # Any: mypy takes them for `fields` otherwise
    """What a person is told of a payment that failed with a stored code; `ids` say which."""
    kind, _, reason = code.partition(":")
    found = errors.all_errors().get(kind)
    if found is None:
        return errors.CardDeclined(reason=declines.public(code), **ids)
    return found(reason=reason, **ids) if reason else found(**ids)


def shown(code: str) -> str:
    """The code as it may be shown beside an attempt."""
    kind = code.partition(":")[0]
    return kind if kind in errors.all_errors() else declines.public(code)
