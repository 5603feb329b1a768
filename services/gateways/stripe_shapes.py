"""Stripe's objects as ours: what a session or an intent says of a payment. Pure functions over plain JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.api.money import Money
from services.api.types import PaymentMethod
from services.gateways.payments import (
    ACTION_REQUIRED,
    AUTHENTICATION_REQUIRED,
    AUTHORIZED,
    CANCELED,
    EXPIRED,
    FAILED,
    PROCESSING,
    REFUNDED,
    SUCCEEDED,
    Charge,
    DisputeFacts,
    MethodFacts,
)

Doc = dict[str, Any]  # Any: JSON as Stripe sends it

KEY, REFERENCE = "souk_key", "souk_reference"  # in the metadata of everything we make
_DISPUTES = {"won": "won", "lost": "lost", "warning_closed": "won", "prevented": "won"}


def money(minor: int | None, currency: str | None) -> Money:
    """Stripe counts minor units of a currency in lower case."""
    zero = Money.zero((currency or "usd").upper())
    return Money((minor or 0) * zero.minor_unit, zero.currency)


def instant(seconds: int | None) -> datetime | None:
    """Stripe's instants are whole seconds."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def method_of(method: Doc | str | None) -> MethodFacts | None:
    """What may be shown of an expanded payment method."""
    if not isinstance(method, dict):
        return None
    kind, token = method.get("type", ""), method["id"] if method.get("customer") else ""  # only kept ones pay again
    details: Doc = method.get(kind) or {}
    if kind == "card":
        return MethodFacts(
            PaymentMethod.CARD, token, brand_name(details.get("brand", "")), details.get("last4", ""),
            details.get("exp_month") or 0, details.get("exp_year") or 0,
        )  # fmt: skip
    if kind in ("us_bank_account", "sepa_debit"):
        name = details.get("bank_name") or "SEPA"
        return MethodFacts(PaymentMethod.BANK, token, str(name), details.get("last4", ""))
    return None


def brand_name(brand: str) -> str:
    """ "visa" is shown as "Visa"."""
    names = {"amex": "American Express", "mastercard": "Mastercard", "unionpay": "UnionPay", "jcb": "JCB",
             "diners": "Diners Club"}  # fmt: skip
    return names.get(brand, brand.capitalize())


def of_session(session: Doc) -> Charge:
    """A hosted page, and what was paid on it. Its intents must be expanded."""
    amount = money(session.get("amount_total"), session.get("currency"))
    intent = session.get("payment_intent") or session.get("setup_intent")
    if session["status"] == "complete" and isinstance(intent, dict):
        return of_intent(intent) if intent["object"] == "payment_intent" else of_setup(intent, amount)
    charge_id, key, reference = session["id"], *_ours(session)
    if session["status"] == "expired":
        return Charge(charge_id, CANCELED, amount, EXPIRED, key=key, reference=reference)
    if session["status"] != "open":  # complete, and the payment is not there yet; or what Stripe thinks of next
        return Charge(charge_id, PROCESSING, amount, key=key, reference=reference)
    return Charge(
        charge_id, ACTION_REQUIRED, amount, action_url=session.get("url") or "",
        expires_at=instant(session.get("expires_at")), key=key, reference=reference,
    )  # fmt: skip


def of_intent(intent: Doc) -> Charge:
    """A payment. Its method and its last charge must be expanded."""
    charge = intent.get("latest_charge")
    refunded = charge.get("amount_refunded") or 0 if isinstance(charge, dict) else 0
    state = _state_of(intent, refunded)
    code = _code_of(intent.get("last_payment_error")) if state in (FAILED, CANCELED) else ""
    key, reference = _ours(intent)
    return Charge(
        intent["id"], state, money(intent["amount"], intent["currency"]), code,
        method=method_of(intent.get("payment_method")), refunded=money(refunded, intent["currency"]), key=key,
        reference=reference,
    )  # fmt: skip


def _state_of(intent: Doc, refunded: int) -> str:
    if intent["status"] == "succeeded":
        return REFUNDED if refunded and refunded >= intent["amount"] else SUCCEEDED
    return AUTHORIZED if intent["status"] == "requires_capture" else _state_before(intent)


def _state_before(intent: Doc) -> str:
    """What is not known is no end. `requires_action`: the bank asks on a page, or has sent small amounts
    to an account and waits to hear what they were."""
    return {"canceled": CANCELED, "requires_payment_method": FAILED, "requires_confirmation": FAILED}.get(
        intent["status"], PROCESSING
    )


def _code_of(error: Doc | None) -> str:
    found = error or {}
    if found.get("code") == AUTHENTICATION_REQUIRED:
        return AUTHENTICATION_REQUIRED
    return str(found.get("decline_code") or found.get("code") or "")


def _ours(doc: Doc) -> tuple[str, str]:
    """Our key and reference."""
    meta = doc.get("metadata") or {}
    return str(meta.get(KEY, "")), str(meta.get(REFERENCE, ""))


def of_setup(intent: Doc, amount: Money) -> Charge:
    """A method that is kept without paying anything: `amount` is zero, and says in which currency."""
    state = SUCCEEDED if intent["status"] == "succeeded" else _state_before(intent)
    code = _code_of(intent.get("last_setup_error")) if state in (FAILED, CANCELED) else ""
    key, reference = _ours(intent)
    return Charge(
        intent["id"], state, amount, code, method=method_of(intent.get("payment_method")), key=key, reference=reference
    )


def of_refund(refund: Doc, charge_id: str, amount: Money) -> Charge:
    """Money on its way back."""
    states = {"succeeded": SUCCEEDED, "failed": FAILED, "canceled": FAILED}
    state = states.get(refund["status"], PROCESSING)
    back = Money.zero(amount.currency) if state == FAILED else amount
    return Charge(charge_id, state, amount, str(refund.get("failure_reason") or ""), refunded=back)


def of_dispute(dispute: Doc) -> DisputeFacts:
    """A dispute; one that was closed in our favour without a decision is won."""
    due = (dispute.get("evidence_details") or {}).get("due_by")
    intent = dispute.get("payment_intent")
    charge_id = intent["id"] if isinstance(intent, dict) else intent or ""
    return DisputeFacts(
        dispute["id"], charge_id, money(dispute["amount"], dispute["currency"]),
        _DISPUTES.get(dispute["status"], "open"), dispute.get("reason") or "general", instant(due),
    )  # fmt: skip
