"""What happens to payments in the twin's Stripe: charged, held, confirmed, declined, debited. No web.

Everything runs inside one transaction of the store.
"""

from __future__ import annotations

from services.twin.store import Doc, Store
from services.twin.stripe_back import clear_refund, open_dispute
from services.twin.stripe_cards import BANK_WORDS, BANKS, BY_NAME, NAMED, NAMED_BANKS, OWN_CODES, WORDS, Card
from services.twin.stripe_objects import HERE, Refusal, emit, get, invalid, new, public, save

DAY = 86_400
# Until the bank has paid, or said no. Four days, and a minute less, so that whoever looks once a day from the moment it
# began finds it on the fourth.
DEBIT_SECONDS = 4 * DAY - 60
HOLD_DAYS = 7  # how long a card's bank keeps a hold
NOT_CONFIRMED = "payment_intent_authentication_failure"


# ---------------------------------------------------------------- methods


def method(store: Store, token: str) -> Doc:
    """A saved method, or a new one of those Stripe offers by name."""
    if token in NAMED:
        return card_method(store, NAMED[token])
    if token in NAMED_BANKS:
        return bank_method(store, NAMED_BANKS[token], "us_bank_account")
    return get(store, token, "payment_method", "payment_method")


def card_method(store: Store, name: str, expiry: tuple[int, int] = (12, 2034), holder: Doc | None = None) -> Doc:
    card = BY_NAME[name]
    details = {
        "brand": card.brand, "country": "US", "display_brand": card.brand, "exp_month": expiry[0],
        "exp_year": expiry[1], "fingerprint": f"twin{card.last4}", "funding": "credit", "last4": card.last4,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "generated_from": None, "networks": {"available": [card.brand], "preferred": None}, "regulated_status": None,
        "three_d_secure_usage": {"supported": True}, "wallet": None,
    }  # fmt: skip
    return _method(store, "card", details, holder, _card=name)


def bank_method(store: Store, name: str, kind: str, holder: Doc | None = None) -> Doc:
    bank = BANKS[name]
    details: Doc = {"last4": bank.last4, "fingerprint": f"twin{bank.last4}"}
    if kind == "us_bank_account":
        details |= {"bank_name": bank.title, "account_holder_type": "individual", "account_type": "checking",
                    "routing_number": "110000000", "financial_connections_account": None, "networks": None,
                    "status_details": None}  # fmt: skip
    else:
        details |= {"bank_code": "37040044", "branch_code": "", "country": "DE", "generated_from": None}
    return _method(store, kind, details, holder, _bank=name)


def _method(store: Store, kind: str, details: Doc, holder: Doc | None, **private: str) -> Doc:
    address = {"city": None, "country": (holder or {}).get("country"), "line1": None, "line2": None,
               "postal_code": None, "state": None}  # fmt: skip
    billing = {"address": address, "email": (holder or {}).get("email"), "name": (holder or {}).get("name"),
               "phone": None, "tax_id": None}  # fmt: skip
    made = new(store, "payment_method", type=kind, billing_details=billing, **private)
    made |= {kind: details}
    if kind != "card":
        made.pop("card", None)
    return save(store, made)


def attach(store: Store, paid_by: Doc, customer: str) -> Doc:
    """Kept for the customer from now on."""
    if paid_by.get("customer") != customer:
        paid_by["customer"] = customer
        emit(store, "payment_method.attached", save(store, paid_by))
    return paid_by


def check_owner(paid_by: Doc, customer: str | None) -> None:
    """Refusal when a customer may not be charged by this method."""
    owner = paid_by.get("customer")
    if owner and owner != customer:
        text = "The payment method is attached to a customer, who must be the one that is charged."
        raise invalid(text, param="payment_method")
    if not owner and (paid_by.get("_used") or paid_by.get("_detached")):
        text = (
            "This payment method was used or detached before and is attached to no customer; it may not be used again."
        )
        raise invalid(text, param="payment_method")


# ---------------------------------------------------------------- paying


def pay(store: Store, intent: Doc, paid_by: Doc, *, off_session: bool, is_confirmed: bool = False) -> Doc:
    """Charges an intent. Refusal 402 for a decline; `requires_action` when the buyer must confirm."""
    intent |= {"payment_method": paid_by["id"], "last_payment_error": None, "next_action": None}
    if "_bank" in paid_by:
        return _debit(store, intent, paid_by)
    card = BY_NAME[paid_by["_card"]]
    if has_expired(store, paid_by):
        raise decline(store, intent, paid_by, "expired_card")
    if not is_confirmed and asks(card, paid_by, off_session=off_session):
        if off_session:
            raise decline(store, intent, paid_by, "authentication_required")
        intent |= {"status": "requires_action", "next_action": next_action(intent)}
        emit(store, "payment_intent.requires_action", save(store, intent))
        return intent
    if reason := card.decline or card.later:
        raise decline(store, intent, paid_by, reason)
    return _take(store, intent, paid_by, is_confirmed=is_confirmed)


def has_expired(store: Store, paid_by: Doc) -> bool:
    """Whether the month printed on a card is over, by this Stripe's clock."""
    now, card = store.now(), paid_by["card"]
    return (card["exp_year"], card["exp_month"]) < (now.year, now.month)


def asks(card: Card, paid_by: Doc, *, off_session: bool) -> bool:
    """Whether the bank wants to hear the buyer first. A card that was set up is asked about only in their presence."""
    return card.asks == "always" or (card.asks == "first" and not (off_session and paid_by.get("_set_up")))


def next_action(intent: Doc) -> Doc:
    url = f"{HERE}/c/3ds/{intent['id']}"
    return {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": intent.get("_return_url")}}


def _take(store: Store, intent: Doc, paid_by: Doc, *, is_confirmed: bool) -> Doc:
    keeps = bool(intent.get("setup_future_usage") and intent.get("customer"))
    paid_by |= {"_used": True, "_set_up": paid_by.get("_set_up") or (is_confirmed and keeps)}
    save(store, paid_by)
    if keeps:
        attach(store, paid_by, intent["customer"])
    is_held = intent["capture_method"] == "manual"
    charge = new_charge(store, intent, paid_by, status="succeeded", captured=not is_held)
    if is_held:
        due = store.seconds() + HOLD_DAYS * DAY
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"], "_due": due}
        emit(store, "payment_intent.amount_capturable_updated", save(store, intent))
        return intent
    settle(store, intent, charge, intent["amount"])
    if BY_NAME[paid_by["_card"]].disputed:
        open_dispute(store, intent, intent["amount"], "fraudulent")
    return intent


def new_charge(store: Store, intent: Doc, paid_by: Doc, **fields: object) -> Doc:
    """The intent's newest charge."""
    kind = paid_by["type"]
    made = new(
        store, "charge", amount=intent["amount"], currency=intent["currency"], payment_intent=intent["id"],
        customer=intent.get("customer"), amount_captured=0, payment_method=paid_by["id"],
        paid=fields.get("status") == "succeeded", description=intent.get("description"), metadata=intent["metadata"],
        billing_details=paid_by["billing_details"], payment_method_details={"type": kind, kind: paid_by[kind]},
        **fields,
    )  # fmt: skip
    made["receipt_url"] = f"{HERE}/c/receipt/{made['id']}" if made["paid"] else None
    intent["latest_charge"] = made["id"]
    emit(store, f"charge.{fields['status']}", save(store, made))
    return made


def settle(store: Store, intent: Doc, charge: Doc, amount: int) -> None:
    """The money is the seller's."""
    charge |= {"captured": True, "amount_captured": amount, "status": "succeeded", "paid": True,
               "receipt_url": f"{HERE}/c/receipt/{charge['id']}"}  # fmt: skip
    save(store, charge)
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0, "_due": None}
    emit(store, "payment_intent.succeeded", save(store, intent))


def decline(store: Store, intent: Doc, paid_by: Doc, reason: str) -> Refusal:
    """The intent waits for another method; the refusal to be raised."""
    code = reason if reason in OWN_CODES or "_bank" in paid_by else "card_declined"
    text = (BANK_WORDS if "_bank" in paid_by else WORDS).get(reason, WORDS["generic_decline"])
    charge_id = ""
    if reason != NOT_CONFIRMED and "_bank" not in paid_by:
        outcome = {"type": "issuer_declined", "network_status": "declined_by_network", "reason": reason,
                   "advice_code": None, "network_advice_code": None, "network_decline_code": None,
                   "seller_message": text, "risk_level": "normal"}  # fmt: skip
        charge = new_charge(store, intent, paid_by, status="failed", failure_code=code, failure_message=text,
                            captured=False, outcome=outcome)  # fmt: skip
        charge_id = charge["id"]
    told = {"code": code, "decline_code": None if "_bank" in paid_by else reason, "charge": charge_id,
            "payment_method": public(paid_by)}  # fmt: skip
    told = {name: value for name, value in told.items() if value}
    intent |= {"status": "requires_payment_method", "payment_method": None, "next_action": None, "_due": None,
               "last_payment_error": {"type": "card_error", "message": text, **told}}  # fmt: skip
    emit(store, "payment_intent.payment_failed", save(store, intent))
    return Refusal(402, "card_error", text, **told, payment_intent=public(intent))


def refuse(store: Store, intent: Doc) -> Refusal:
    """The buyer's bank did not get its answer."""
    return decline(store, intent, get(store, intent["payment_method"], "payment_method"), NOT_CONFIRMED)


# ---------------------------------------------------------------- holds


def capture(store: Store, intent: Doc, amount: int | None = None) -> Doc:
    """Takes all that is held, or a part; the rest is let go."""
    if intent["status"] != "requires_capture":
        raise _wrong_state(intent, "captured", "requires_capture")
    wanted = intent["amount_capturable"] if amount is None else amount
    if not 0 < wanted <= intent["amount_capturable"]:
        raise invalid("The amount is greater than what can be captured.", "amount_too_large", "amount_to_capture")
    charge = get(store, intent["latest_charge"], "charge")
    settle(store, intent, charge, wanted)
    emit(store, "charge.captured", charge)
    paid_by = get(store, intent["payment_method"], "payment_method")
    if BY_NAME[paid_by["_card"]].disputed:
        open_dispute(store, intent, wanted, "fraudulent")
    return intent


def cancel(store: Store, intent: Doc, reason: str | None = None) -> Doc:
    if intent["status"] in ("succeeded", "canceled", "processing"):
        raise _wrong_state(intent, "canceled", "requires_payment_method, requires_capture, requires_action")
    if intent["status"] == "requires_capture":
        charge = get(store, intent["latest_charge"], "charge")
        charge |= {"refunded": True, "amount_refunded": charge["amount"]}
        emit(store, "charge.refunded", save(store, charge))
    intent |= {"status": "canceled", "canceled_at": store.seconds(), "amount_capturable": 0, "next_action": None,
               "cancellation_reason": reason, "_due": None}  # fmt: skip
    emit(store, "payment_intent.canceled", save(store, intent))
    return intent


def _wrong_state(intent: Doc, what: str, needed: str) -> Refusal:
    text = f"This PaymentIntent could not be {what} because it has a status of {intent['status']}. Needed: {needed}."
    return invalid(text, "payment_intent_unexpected_state", payment_intent=public(intent))


# ---------------------------------------------------------------- debits


def _debit(store: Store, intent: Doc, paid_by: Doc) -> Doc:
    if intent["capture_method"] == "manual":
        raise invalid("A bank debit cannot be held.", "payment_method_not_available", "capture_method")
    paid_by["_used"] = True
    save(store, paid_by)
    if intent.get("setup_future_usage") and intent.get("customer"):
        attach(store, paid_by, intent["customer"])
    new_charge(store, intent, paid_by, status="pending", captured=True)
    intent |= {"status": "processing", "_due": store.seconds() + DEBIT_SECONDS}
    emit(store, "payment_intent.processing", save(store, intent))
    return intent


def end_debit(store: Store, intent: Doc, *, is_paid: bool, reason: str = "debit_not_authorized") -> None:
    """What the bank did in the end, told of the intent and of its page."""
    if intent["status"] != "processing":
        raise _wrong_state(intent, "settled", "processing")
    charge = get(store, intent["latest_charge"], "charge")
    if is_paid:
        settle(store, intent, charge, intent["amount"])
        emit(store, "charge.succeeded", charge)
    else:
        charge |= {"status": "failed", "failure_code": reason, "failure_message": BANK_WORDS[reason], "captured": False}
        emit(store, "charge.failed", save(store, charge))
        decline(store, intent, get(store, intent["payment_method"], "payment_method"), reason)
    session = store.get("checkout.session", intent.get("_session", ""))
    if session is not None:
        session["payment_status"] = "paid" if is_paid else "unpaid"
        word = "succeeded" if is_paid else "failed"
        emit(store, f"checkout.session.async_payment_{word}", save(store, session))


# ---------------------------------------------------------------- what comes in time


def ripen(store: Store) -> None:
    """Debits come to their day, holds and pages to their end, keys are forgotten."""
    for kind, doc in store.ripe():
        if kind == "payment_intent" and doc["status"] == "processing":
            reason = BANKS[get(store, doc["payment_method"], "payment_method")["_bank"]].decline
            end_debit(store, doc, is_paid=not reason, reason=reason)
        elif kind == "payment_intent":
            cancel(store, doc, "automatic")
        elif kind == "checkout.session":
            expire(store, doc)
        elif kind == "refund":
            clear_refund(store, doc)
        else:
            store.drop(kind, doc["id"])


def expire(store: Store, session: Doc) -> Doc:
    """Ends an open page, and what was begun on it."""
    if session["status"] != "open":
        raise invalid(f"Only sessions that are open can be expired; this one is {session['status']}.")
    session |= {"status": "expired", "url": None, "_due": None}
    intent = store.get("payment_intent", session.get("payment_intent") or "")
    if intent is not None:
        cancel(store, intent)
    emit(store, "checkout.session.expired", save(store, session))
    return session
