"""What happens to payments in the twin's Stripe: charged, held, confirmed, refunded, disputed. No web, no words.

Everything runs inside one transaction of the book; amounts are minor units, instants whole seconds.
"""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from services.twin.paypal_book import Book
from services.twin.stripe_cards import BY_NAME, NAMED, OWN_CODES, WORDS

Doc = dict[str, Any]  # Any: JSON as Stripe has it; what begins with "_" stays here

PREFIXES = {
    "customer": "cus",
    "checkout.session": "cs_test",
    "payment_intent": "pi",
    "setup_intent": "seti",
    "payment_method": "pm",
    "refund": "re",
    "event": "evt",
    "dispute": "dp",
    "charge": "ch",
}
KINDS = {prefix.partition("_")[0]: kind for kind, prefix in PREFIXES.items()}
DEBIT_DAYS = 4
ANSWER_DAYS = 7
BANKS = {
    "pays": ("Test Bank", "6789", ""),
    "fails": ("Bank of No Funds", "1116", "insufficient_funds"),
    "closed": ("Closed Bank", "1113", "account_closed"),
}
MINIMA = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50, "kwd": 1}
MAXIMUM = 99_999_999


class Refusal(Exception):
    """An answer of Stripe's that is not the wished one."""

    def __init__(self, status: int, kind: str, message: str, **more: Any) -> None:  # Any: fields of the error
        super().__init__(message)
        self.status = status
        self.body: Doc = {"error": {"type": kind, "message": message, **more}}


def missing(what: str, doc_id: str) -> Refusal:
    return Refusal(404, "invalid_request_error", f"No such {what}: '{doc_id}'", code="resource_missing", param="id")


def invalid(message: str, code: str = "", param: str = "") -> Refusal:
    return Refusal(400, "invalid_request_error", message, code=code or None, param=param or None)


@cache
def _shapes() -> dict[str, Doc]:
    text = files("services.twin").joinpath("stripe_shapes.json").read_text("utf-8")
    return json.loads(text)  # type: ignore[no-any-return]  # JSON


def shape(kind: str) -> Doc:
    """An object as Stripe publishes it, to be filled."""
    return copy.deepcopy(_shapes()[kind])


def seconds(book: Book) -> int:
    return int(book.now().timestamp())


def new(book: Book, kind: str, **fields: Any) -> Doc:  # Any: fields of the object
    """Makes an object of its published shape."""
    doc = shape(kind) | {"livemode": False, "created": seconds(book)}
    if "metadata" in doc:
        doc["metadata"] = {}
    doc |= {"id": f"{PREFIXES[kind]}_{book.new_id(24)}"} | fields
    return save(book, doc)


def save(book: Book, doc: Doc) -> Doc:
    due = doc.get("_due")
    at = book.now() + timedelta(seconds=due - seconds(book)) if due else None
    return book.put(doc["object"], doc, ref=str(doc.get("_ref") or doc.get("customer") or ""), due=at)


def get(book: Book, doc_id: str, kind: str) -> Doc:
    """Refusal when there is none."""
    doc = book.get(kind, doc_id)
    if doc is None:
        raise missing(kind, doc_id)
    return doc


def public(doc: Any) -> Any:  # Any: JSON
    if isinstance(doc, dict):
        return {name: public(value) for name, value in doc.items() if not name.startswith("_")}
    return [public(one) for one in doc] if isinstance(doc, list) else doc


def emit(book: Book, kind: str, doc: Doc) -> None:
    """An event, told to webhooks afterwards."""
    new(book, "event", type=kind, data={"object": public(doc)}, pending_webhooks=0, _ref="fresh")


# ---- methods


def method(book: Book, token: str) -> Doc:
    """A saved method, or a new one of those Stripe offers by name."""
    if token in NAMED:
        return card_method(book, NAMED[token], None)
    return get(book, token, "payment_method")


def card_method(book: Book, name: str, customer: str | None, expiry: tuple[int, int] = (12, 2034)) -> Doc:
    card = BY_NAME[name]
    doc = shape("payment_method")
    details = doc["card"] | {"brand": card.brand, "last4": card.last4, "exp_month": expiry[0], "exp_year": expiry[1],
                             "fingerprint": f"fp{card.last4}{expiry[0]}{expiry[1]}", "wallet": None}  # fmt: skip
    return new(book, "payment_method", type="card", card=details, customer=customer, billing_details={},
               _card=name)  # fmt: skip


def bank_method(book: Book, bank: str, customer: str | None, kind: str) -> Doc:
    name, last4, _ = BANKS[bank]
    doc = new(book, "payment_method", type=kind, customer=customer, billing_details={}, _bank=bank)
    doc.pop("card", None)
    doc[kind] = {"bank_name": name, "last4": last4, "fingerprint": f"fp{last4}"}
    return save(book, doc)


# ---- paying


def pay(book: Book, intent: Doc, paid_by: Doc, *, off_session: bool, is_confirmed: bool = False) -> Doc:
    """Charges an intent. Refusal 402 for a decline; `requires_action` when the buyer must confirm."""
    intent |= {"payment_method": paid_by["id"], "last_payment_error": None}
    if "_bank" in paid_by:
        due = seconds(book) + DEBIT_DAYS * 86_400
        intent |= {"status": "processing", "_due": due}
        emit(book, "payment_intent.processing", save(book, intent))
        return intent
    card = BY_NAME[paid_by["_card"]]
    asks = card.asks == "always" or (card.asks == "first" and not paid_by.get("_confirmed"))
    if asks and not is_confirmed:
        if off_session:
            raise decline(book, intent, "authentication_required")
        intent |= {"status": "requires_action"}
        return save(book, intent)
    reason = card.decline or (card.later if paid_by.get("_used") else "")
    if reason:
        raise decline(book, intent, reason)
    paid_by |= {"_used": True, "_confirmed": is_confirmed or paid_by.get("_confirmed", False)}
    save(book, paid_by)
    return _take(book, intent, is_disputed=card.disputed)


def _take(book: Book, intent: Doc, *, is_disputed: bool) -> Doc:
    charge = new(
        book, "charge", amount=intent["amount"], currency=intent["currency"], payment_intent=intent["id"],
        customer=intent.get("customer"), status="succeeded", paid=True, amount_refunded=0, refunded=False,
        payment_method=intent["payment_method"], disputed=False, receipt_url=None, metadata=intent["metadata"],
    )  # fmt: skip
    intent["latest_charge"] = charge["id"]
    if intent["capture_method"] == "manual":
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        emit(book, "payment_intent.amount_capturable_updated", save(book, intent))
        return intent
    settle(book, intent)
    if is_disputed:
        open_dispute(book, intent, intent["amount"], "fraudulent")
    return intent


def settle(book: Book, intent: Doc) -> None:
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "amount_capturable": 0, "_due": None}
    emit(book, "payment_intent.succeeded", save(book, intent))


def decline(book: Book, intent: Doc, reason: str) -> Refusal:
    """The intent waits for another method; the refusal to be raised."""
    code = reason if reason in OWN_CODES or reason == "authentication_required" else "card_declined"
    error = {"type": "card_error", "code": code, "decline_code": reason,
             "message": WORDS.get(reason, WORDS["generic_decline"])}  # fmt: skip
    intent |= {"status": "requires_payment_method", "last_payment_error": error, "_due": None}
    emit(book, "payment_intent.payment_failed", save(book, intent))
    return Refusal(402, "card_error", error["message"], code=code, decline_code=reason, payment_intent=public(intent))


def capture(book: Book, intent: Doc) -> Doc:
    if intent["status"] != "requires_capture":
        raise _wrong_state(intent, "captured", "requires_capture")
    settle(book, intent)
    return intent


def cancel(book: Book, intent: Doc) -> Doc:
    if intent["status"] in ("succeeded", "canceled", "processing"):
        raise _wrong_state(intent, "canceled", "requires_payment_method, requires_capture, requires_action")
    intent |= {"status": "canceled", "canceled_at": seconds(book), "amount_capturable": 0}
    emit(book, "payment_intent.canceled", save(book, intent))
    return intent


def _wrong_state(intent: Doc, what: str, needed: str) -> Refusal:
    text = f"This PaymentIntent could not be {what} because it has a status of {intent['status']}. Needed: {needed}."
    return Refusal(400, "invalid_request_error", text, code="payment_intent_unexpected_state",
                   payment_intent=public(intent))  # fmt: skip


# ---- what comes in time


def ripen(book: Book) -> None:
    """Debits come to their day, pages to their end."""
    for kind, doc in book.ripe():
        if kind == "payment_intent":
            end_debit(book, doc, is_paid=not BANKS[get(book, doc["payment_method"], "payment_method")["_bank"]][2])
        elif kind == "checkout.session":
            expire(book, doc)


def end_debit(book: Book, intent: Doc, *, is_paid: bool) -> None:
    """What the bank did in the end, told of the intent and of its page."""
    if intent["status"] != "processing":
        return
    session = book.get("checkout.session", intent.get("_session", ""))
    if is_paid:
        charge = new(
            book, "charge", amount=intent["amount"], currency=intent["currency"], payment_intent=intent["id"],
            customer=intent.get("customer"), status="succeeded", paid=True, amount_refunded=0, refunded=False,
            payment_method=intent["payment_method"], disputed=False, metadata=intent["metadata"],
        )  # fmt: skip
        intent["latest_charge"] = charge["id"]
        settle(book, intent)
    else:
        method_doc = get(book, intent["payment_method"], "payment_method")
        reason = BANKS[method_doc["_bank"]][2] or "debit_not_authorized"
        decline(book, intent, reason)
    if session is not None:
        session["payment_status"] = "paid" if is_paid else "unpaid"
        word = "succeeded" if is_paid else "failed"
        emit(book, f"checkout.session.async_payment_{word}", save(book, session))


def expire(book: Book, session: Doc) -> Doc:
    if session["status"] != "open":
        raise invalid(f"Only sessions that are open can be expired; this one is {session['status']}.")
    session |= {"status": "expired", "url": None, "_due": None}
    emit(book, "checkout.session.expired", save(book, session))
    return session


# ---- going back


def refund(book: Book, intent: Doc, amount: int | None, reason: str | None, metadata: Doc) -> Doc:
    if intent["status"] != "succeeded" or not intent.get("latest_charge"):
        raise invalid(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
    charge = get(book, intent["latest_charge"], "charge")
    left = charge["amount"] - charge["amount_refunded"]
    wanted = left if amount is None else amount
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    if not 0 < wanted <= left:
        raise invalid(f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})", param="amount")
    made = new(
        book, "refund", amount=wanted, currency=charge["currency"], charge=charge["id"], payment_intent=intent["id"],
        reason=reason, status="succeeded", metadata=metadata, _ref=intent["id"],
    )  # fmt: skip
    charge["amount_refunded"] += wanted
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    emit(book, "charge.refunded", save(book, charge))
    return made


def open_dispute(book: Book, intent: Doc, amount: int, reason: str) -> Doc:
    made = new(
        book, "dispute", amount=amount, currency=intent["currency"], charge=intent["latest_charge"],
        payment_intent=intent["id"], reason=reason, status="needs_response",
        evidence_details={"due_by": seconds(book) + ANSWER_DAYS * 86_400, "has_evidence": False, "past_due": False,
                          "submission_count": 0},
    )  # fmt: skip
    emit(book, "charge.dispute.created", made)
    return made


def close_dispute(book: Book, dispute: Doc, *, is_won: bool) -> Doc:
    dispute["status"] = "won" if is_won else "lost"
    emit(book, "charge.dispute.closed", save(book, dispute))
    return dispute


# ---- sums


def balance(book: Book, currency: str) -> int:
    """Charges that were captured, less what went back and what banks took back; minor units."""
    taken: int = 0
    for intent in book.all("payment_intent"):
        if intent["status"] == "succeeded" and intent["currency"] == currency:
            charge = get(book, intent["latest_charge"], "charge")
            taken += charge["amount"] - charge["amount_refunded"]
    disputes = [one for one in book.all("dispute") if one["currency"] == currency and one["status"] != "won"]
    lost: int = sum(one["amount"] for one in disputes)
    return taken - lost


def held(book: Book, currency: str) -> int:
    waiting = [one for one in book.all("payment_intent") if one["status"] == "requires_capture"]
    found: int = sum(one["amount"] for one in waiting if one["currency"] == currency)
    return found
