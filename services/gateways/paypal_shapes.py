"""What PayPal is sent for a charge, and what its orders, holds and payments mean to us. No network here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit, urlunsplit

from services.api.money import Money
from services.api.types import PaymentMethod
from services.gateways.payments import (
    ACTION_REQUIRED,
    AUTHORIZED,
    CANCELED,
    EXPIRED,
    FAILED,
    PROCESSING,
    REFUNDED,
    SUCCEEDED,
    Charge,
    ChargeRequest,
    MethodFacts,
)
from services.gateways.paypal_json import Json, first, instant, link, money, money_body, part, parts, text

ORDER, HOLD, CAPTURE, SETUP, TOKEN, REFUSED = "order", "auth", "capture", "setup", "token", "refused"

PAGE_LIFE = timedelta(hours=3)  # so long an order waits for the buyer's yes
ID_MAX = 96  # of a Request-Id, which holds 108 with what the later steps add to it
TEXT_MAX = 127

CAPTURE_STATES = {
    "COMPLETED": SUCCEEDED,
    "PARTIALLY_REFUNDED": SUCCEEDED,
    "REFUNDED": REFUNDED,
    "PENDING": PROCESSING,
    "DECLINED": FAILED,
    "FAILED": FAILED,
}
HOLD_STATES = {
    "CREATED": AUTHORIZED,
    "PENDING": PROCESSING,
    "DENIED": FAILED,
    "VOIDED": CANCELED,
    "EXPIRED": CANCELED,
    "PARTIALLY_CAPTURED": PROCESSING,
    "CAPTURED": PROCESSING,  # where the payment it became is not told
}
NOTES = {"requested_by_customer": "Refunded as you asked.", "duplicate": "Refunded: it was charged twice."}


def prefixed(kind: str, provider_id: str) -> str:
    """How an id of PayPal's stands in our books: its kinds of thing have no ids to tell them by."""
    return f"{kind}:{provider_id}"


def split(charge_id: str) -> tuple[str, str]:
    """The kind and PayPal's own id."""
    kind, _, provider_id = charge_id.partition(":")
    return kind, provider_id


def request_id(key: str) -> str:
    """Our key as a Request-Id and an invoice id: itself, or a digest of a long one."""
    return key if len(key) <= ID_MAX else hashlib.sha256(key.encode()).hexdigest()


def with_query(url: str, **values: str) -> str:
    """The address with more in its query."""
    bits = urlsplit(url)
    query = "&".join(filter(None, (bits.query, urlencode(values))))
    return urlunsplit(bits._replace(query=query))


# ---------------------------------------------------------------- what is sent


def order_body(request: ChargeRequest, key: str, default_return_url: str) -> dict[str, object]:
    """The same for the same request, so that it can be sent again under its Request-Id."""
    unit: dict[str, object] = {"invoice_id": request_id(key), "amount": money_body(request.amount)}
    if request.reference:
        unit["custom_id"] = request.reference[:TEXT_MAX]
    if request.title:
        unit["description"] = request.title[:TEXT_MAX]
    wallet = saved_account(request, default_return_url) if request.token else page_of(request, default_return_url)
    return {
        "intent": "AUTHORIZE" if request.holds else "CAPTURE",
        "purchase_units": [unit],
        "payment_source": {"paypal": wallet},
    }


def saved_account(request: ChargeRequest, default_return_url: str) -> dict[str, object]:
    """Where the buyer is sent back to is said only when somebody is there to be asked."""
    wallet: dict[str, object] = {"vault_id": request.token}
    return wallet | ({"experience_context": experience(request, default_return_url)} if request.is_attended else {})


def page_of(request: ChargeRequest, default_return_url: str) -> dict[str, object]:
    """How the buyer is asked, and whether the account is kept."""
    context = experience(request, default_return_url) | {"user_action": "PAY_NOW"}
    wallet: dict[str, object] = {"experience_context": context}
    if request.email:
        wallet["email_address"] = request.email
    if request.saves:
        wallet["attributes"] = {"vault": {"store_in_vault": "ON_SUCCESS", "usage_type": "MERCHANT"}}
    return wallet


def setup_body(request: ChargeRequest, default_return_url: str) -> dict[str, object]:
    """A page that only keeps the account for later."""
    wallet = {"usage_type": "MERCHANT", "experience_context": experience(request, default_return_url)}
    return {"payment_source": {"paypal": wallet}}


def experience(request: ChargeRequest, default_return_url: str) -> dict[str, str]:
    url = request.return_url or default_return_url
    return {
        "return_url": url,
        "cancel_url": with_query(url, canceled="1"),
        "shipping_preference": "NO_SHIPPING",
    }


def refund_body(amount: Money, key: str, reason: str) -> dict[str, object]:
    body: dict[str, object] = {"amount": money_body(amount), "invoice_id": request_id(key)}
    return body | ({"note_to_payer": NOTES[reason]} if reason in NOTES else {})


# ---------------------------------------------------------------- what is answered


def unit_of(order: Json) -> Json:
    return first(parts(order, "purchase_units"))


def key_of(order: Json) -> str:
    return text(unit_of(order), "invoice_id")


def amount_of(order: Json) -> Money | None:
    return money(unit_of(order), "amount")


def page_end(order: Json, page_until: datetime | None) -> datetime | None:
    """When the page ends: by PayPal's rule or by ours, whichever is first."""
    created = instant(order, "create_time")
    ends = [when for when in (created + PAGE_LIFE if created else None, page_until) if when]
    return min(ends, default=None)


def is_late(order: Json, page_until: datetime | None, now: datetime) -> bool:
    """Whether the page has ended without a yes. A yes in time counts however late it is seen; one that cannot be dated
    counts while the page is open only: what was once said to be over must stay so."""
    end = page_end(order, page_until)
    if end is None or now < end:
        return False
    agreed = instant(order, "update_time") if text(order, "status") == "APPROVED" else None
    return agreed is None or agreed > end


def facts(source: Json, token: str = "") -> MethodFacts:
    """The PayPal account of an order, a setup token or a saved one, as far as it says."""
    wallet = part(source, "payment_source", "paypal")
    saved = text(wallet, "attributes", "vault", "id") or token
    return MethodFacts(PaymentMethod.PAYPAL, token=saved, brand="PayPal", email=text(wallet, "email_address"))


def read_order(order: Json, amount: Money, *, token: str = "", page_until: datetime | None = None) -> Charge | None:
    """What an order has come to, by its payments and not by its own status; None when it is agreed to and nothing has
    been taken. `amount` where it does not say its own."""
    paid = parts(unit_of(order), "payments", "captures")
    held = parts(unit_of(order), "payments", "authorizations")
    status = text(order, "status")
    if paid:
        best = next((one for one in paid if CAPTURE_STATES.get(text(one, "status")) != FAILED), paid[-1])
        return read_capture(best, amount, order=order, token=token)
    if held:
        return read_hold(held[-1], amount, order=order, token=token)
    if status in ("APPROVED", "COMPLETED"):
        return None
    is_over = status == "VOIDED"
    return Charge(
        prefixed(ORDER, text(order, "id")),
        CANCELED if is_over else ACTION_REQUIRED,
        amount_of(order) or amount,
        decline_code=EXPIRED if is_over else "",
        action_url="" if is_over else link(order, "payer-action", "approve"),
        expires_at=None if is_over else page_end(order, page_until),
        key=key_of(order),
        reference=text(unit_of(order), "custom_id"),
    )


def read_capture(capture: Json, amount: Money, *, order: Json, token: str = "") -> Charge:
    """A payment; `order` is where it came from, for the account and for what has gone back."""
    status = text(capture, "status")
    state = CAPTURE_STATES.get(status, PROCESSING)
    known = money(capture, "amount") or amount
    return Charge(
        prefixed(CAPTURE, text(capture, "id")),
        state,
        known,
        decline_code=decline_of(capture) if state == FAILED else "",
        method=facts(order, token),
        refunded=refunded_of(status, known, order),
        key=text(capture, "invoice_id") or key_of(order),
        reference=text(capture, "custom_id") or text(unit_of(order), "custom_id"),
    )


def read_hold(hold: Json, amount: Money, *, order: Json, token: str = "") -> Charge:
    status = text(hold, "status")
    state = HOLD_STATES.get(status, PROCESSING)
    codes = {FAILED: decline_of(hold), CANCELED: EXPIRED if status == "EXPIRED" else ""}
    return Charge(
        prefixed(HOLD, text(hold, "id")),
        state,
        money(hold, "amount") or amount,
        decline_code=codes.get(state, ""),
        method=facts(order, token),
        expires_at=instant(hold, "expiration_time") if state == AUTHORIZED else None,
        key=text(hold, "invoice_id") or key_of(order),
        reference=text(hold, "custom_id") or text(unit_of(order), "custom_id"),
    )


def decline_of(payment: Json) -> str:
    """The processor's own word, else PayPal's."""
    processor = text(payment, "processor_response", "response_code")
    return processor or text(payment, "status_details", "reason") or "INSTRUMENT_DECLINED"


def refunded_of(status: str, amount: Money, order: Json) -> Money | None:
    """What has gone back; None when only a part has and the order does not say which."""
    if status == "REFUNDED":
        return amount
    if status != "PARTIALLY_REFUNDED":
        return Money.zero(amount.currency)
    going = ("COMPLETED", "PENDING")
    known = [
        money(one, "amount") for one in parts(unit_of(order), "payments", "refunds") if text(one, "status") in going
    ]
    found = [one for one in known if one is not None and one.currency == amount.currency]
    return Money(sum(one.micros for one in found), amount.currency) if found else None


# ---------------------------------------------------------------- what is refused

DECLINES = frozenset(
    """AGREEMENT_ALREADY_CANCELLED ALIAS_DECLINED_BY_PROCESSOR BILLING_AGREEMENT_NOT_FOUND CARD_EXPIRED
    INSTRUMENT_DECLINED MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED PAYEE_BLOCKED_TRANSACTION
    PAYER_ACCOUNT_LOCKED_OR_CLOSED PAYER_ACCOUNT_RESTRICTED PAYER_CANNOT_PAY PAYMENT_SOURCE_CANNOT_BE_USED
    PAYMENT_SOURCE_DECLINED_BY_PROCESSOR PAYMENT_SOURCE_INFO_CANNOT_BE_VERIFIED REDIRECT_PAYER_FOR_ALTERNATE_FUNDING
    TOKEN_EXPIRED TOKEN_ID_NOT_FOUND TRANSACTION_BLOCKED_BY_PAYEE TRANSACTION_LIMIT_EXCEEDED
    TRANSACTION_REFUSED""".split()
)
REUSED = frozenset({"DUPLICATE_REQUEST_ID", "PAYPAL_REQUEST_ID_PREVIOUSLY_USED"})
CODES: Mapping[str, str] = {
    "CANNOT_BE_ZERO_OR_NEGATIVE": "amount_too_small",
    "REFUND_AMOUNT_TOO_LOW": "amount_too_small",
    "MAX_VALUE_EXCEEDED": "amount_too_large",
    "REFUND_AMOUNT_EXCEEDED": "amount_too_large",
    "CAPTURE_FULLY_REFUNDED": "amount_too_large",
    "TRANSACTION_RECEIVING_LIMIT_EXCEEDED": "amount_too_large",
    "INVALID_CURRENCY_CODE": "currency_unsupported",
    "REFUND_CAPTURE_CURRENCY_MISMATCH": "currency_unsupported",
    "CURRENCY_MISMATCH": "currency_unsupported",
    "COMPLIANCE_VIOLATION": "account_restricted",
    "INVALID_ACCOUNT_STATUS": "account_restricted",
    "PERMISSION_DENIED": "account_restricted",
    "NOT_AUTHORIZED": "account_restricted",
    "AUTH_CAPTURE_NOT_ENABLED": "method_unavailable",
    "NOT_ENABLED_TO_VAULT_PAYMENT_SOURCE": "method_unavailable",
    "PAYMENT_SOURCE_NOT_SUPPORTED": "method_unavailable",
    "PAYMENT_TYPE_NOT_SUPPORTED_FOR_INTENT": "method_unavailable",
    "UNSUPPORTED_INTENT": "method_unavailable",
}


def refusal_code(issue: str) -> str:
    """Our word (see ProviderRefused) for why PayPal would not take a request."""
    if issue.startswith("CURRENCY_NOT_SUPPORTED"):
        return "currency_unsupported"
    if issue.startswith("PAYEE_ACCOUNT"):
        return "account_restricted"
    return CODES.get(issue, "request_invalid")
