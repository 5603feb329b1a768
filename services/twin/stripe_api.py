"""The calls of the twin's Stripe that change something: which is answered how, once per idempotency key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from services.twin import stripe_back as back
from services.twin import stripe_state as state
from services.twin.store import Doc, Store
from services.twin.stripe_cards import BY_NAME, OWN_CODES, WORDS
from services.twin.stripe_objects import HERE, Refusal, emit, get, invalid, new, public, save

DAY = 86_400
MINIMA = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50, "kwd": 100}
MAXIMUM = 99_999_999
PAGE_SECONDS = (30 * 60, DAY)  # how long a page may live
_ON_THE_WAY = 60  # seconds a request may take, so that exactly 24 hours are not too long
DEBITS = {"usd": "us_bank_account", "eur": "sepa_debit"}
KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    params: Doc


Answer = Callable[[Store, Call, str], Doc]


# ---------------------------------------------------------------- once


def remembered(store: Store, key: str, call: Call, raw: bytes) -> tuple[int, Doc] | None:
    """What was answered under a key within a day. Refusal for another question under it."""
    if len(key) > KEY_LENGTH:
        raise invalid(f"An idempotency key has {KEY_LENGTH} letters at most.")
    kept = store.get("answer", key)
    if kept is None:
        return None
    if kept["hash"] != _fingerprint(call, raw):
        text = "Keys for idempotent requests can only be used with the same parameters they were first used with."
        raise Refusal(400, "idempotency_error", text)
    return kept["status"], kept["body"]


def remember(store: Store, key: str, call: Call, raw: bytes, status: int, body: Doc) -> None:
    """For a day, as Stripe promises; not what was refused for its form, which was never begun."""
    if status != 400 or "payment_intent" in body["error"]:
        kept = {"id": key, "hash": _fingerprint(call, raw), "status": status, "body": body}
        store.put("answer", kept, due=store.seconds() + DAY)


def _fingerprint(call: Call, raw: bytes) -> str:
    return hashlib.sha256(call.path.encode() + b"\n" + raw).hexdigest()


# ---------------------------------------------------------------- customers and methods


def _customer(store: Store, call: Call, _id: str) -> Doc:
    params = call.params
    made = new(store, "customer", name=params.get("name"), email=params.get("email"),
               description=params.get("description"), metadata=params.get("metadata") or {})  # fmt: skip
    emit(store, "customer.created", made)
    return made


def _attach(store: Store, call: Call, doc_id: str) -> Doc:
    customer = get(store, call.params["customer"], "customer", "customer")
    paid_by = state.method(store, doc_id)
    state.check_owner(paid_by, customer["id"])
    _check_keeps(paid_by)
    return state.attach(store, paid_by, customer["id"])


def _check_keeps(paid_by: Doc, intent: Doc | None = None) -> None:
    """A card is asked once when it is kept. Refusal 402."""
    card = BY_NAME.get(paid_by.get("_card", ""))
    if card is None or not card.decline or card.asks:
        return
    code = card.decline if card.decline in OWN_CODES else "card_declined"
    text = WORDS.get(card.decline, WORDS["generic_decline"])
    more = {"setup_intent": public(intent)} if intent is not None else {}
    raise Refusal(402, "card_error", text, code=code, decline_code=card.decline, **more)


def _detach(store: Store, _call: Call, doc_id: str) -> Doc:
    found = get(store, doc_id, "payment_method")
    if not found.get("customer"):
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    found |= {"customer": None, "_detached": True}
    emit(store, "payment_method.detached", save(store, found))
    return found


# ---------------------------------------------------------------- hosted pages


def check_amount(amount: int, currency: str, param: str = "amount") -> None:
    """Refusal for what Stripe does not charge."""
    if currency not in MINIMA:
        raise invalid(f"Invalid currency: {currency}.", param="currency")
    if amount < MINIMA[currency]:
        raise invalid(f"The amount must be at least {MINIMA[currency]} {currency}.", "amount_too_small", param)
    if amount > MAXIMUM:
        raise invalid(f"The amount must be no more than {MAXIMUM} {currency}.", "amount_too_large", param)
    if currency == "kwd" and amount % 10:  # three places behind the point, of which Stripe charges two
        raise invalid("The last digit of an amount in this currency must be 0.", param=param)


def _session(store: Store, call: Call, _id: str) -> Doc:
    params = call.params
    mode = params.get("mode")
    if mode not in ("payment", "setup"):
        raise invalid("This mode is not offered here.", "parameter_missing" if mode is None else "", "mode")
    for name in ("success_url", "cancel_url"):
        if not re.fullmatch(r"https?://[!-.0-~]+(/[!-~]*)?", params.get(name, "http://none")):
            raise invalid("Not a valid URL", "url_invalid", name)
    if params.get("customer") and params.get("customer_email"):
        raise invalid("You may only specify one of these parameters: customer, customer_email.")
    if params.get("customer"):
        get(store, params["customer"], "customer", "customer")
    total, currency, lines = _lines(params, mode)
    made = new(
        store, "checkout.session", mode=mode, status="open", amount_total=total, amount_subtotal=total,
        payment_status="no_payment_required" if mode == "setup" else "unpaid", currency=currency or None,
        customer=params.get("customer"), customer_email=params.get("customer_email"),
        client_reference_id=params.get("client_reference_id"), metadata=params.get("metadata") or {},
        success_url=params.get("success_url"), cancel_url=params.get("cancel_url"), ui_mode="hosted_page",
        expires_at=_expiry(store, params), payment_method_types=_kinds(params, mode, currency), _lines=lines,
        _data=params.get(f"{mode}_intent_data") or {}, _creates=params.get("customer_creation", "if_required"),
    )  # fmt: skip
    made |= {"url": f"{HERE}/c/pay/{made['id']}", "_due": made["expires_at"]}
    return save(store, made)


def _expiry(store: Store, params: Doc) -> int:
    now = store.seconds()
    wanted = int(params.get("expires_at", now + PAGE_SECONDS[1]))
    if not PAGE_SECONDS[0] - _ON_THE_WAY <= wanted - now <= PAGE_SECONDS[1] + _ON_THE_WAY:
        text = "The `expires_at` timestamp must be at least 30 minutes and less than 24 hours from now."
        raise invalid(text, param="expires_at")
    return wanted


def _lines(params: Doc, mode: str) -> tuple[int | None, str, list[Doc]]:
    """The sum, its currency, and what is bought."""
    if mode == "setup":
        if "line_items" in params:
            raise invalid("You can not pass `line_items` in `setup` mode.", param="line_items")
        return None, str(params.get("currency", "")).lower(), []
    if not params.get("line_items"):
        raise invalid("You must provide line_items in `payment` mode.", "parameter_missing", "line_items")
    lines = [_line(number, line) for number, line in enumerate(params["line_items"])]
    total, currency = sum(line["amount"] for line in lines), lines[0]["currency"]
    if any(line["currency"] != currency for line in lines):
        raise invalid("All line items must have the same currency.", param="line_items")
    check_amount(total, currency, "line_items")
    return total, currency, lines


def _line(number: int, line: Doc) -> Doc:
    price, place = line.get("price_data"), f"line_items[{number}]"
    if price is None or "unit_amount" not in price:
        raise invalid(
            "Only price_data with a unit_amount is offered here.", "parameter_missing", f"{place}[price_data]"
        )
    product = price.get("product_data")
    if product is None:
        raise invalid("product_data is missing.", "parameter_missing", f"{place}[price_data][product_data]")
    count, each = int(line.get("quantity", 1)), int(price["unit_amount"])
    if count < 1 or each < 0:
        raise invalid("This value must be greater than or equal to 0.", "parameter_invalid_integer", place)
    return {"name": product["name"], "about": product.get("description", ""), "quantity": count,
            "amount": count * each, "currency": str(price["currency"]).lower()}  # fmt: skip


def _kinds(params: Doc, mode: str, currency: str) -> list[str]:
    """The ways to pay a page offers, of those there are here."""
    if mode == "setup" and not currency and "allowed_payment_method_types" not in params:
        raise invalid("A currency is needed to choose payment methods.", "parameter_missing", "currency")
    offered = ["card", *filter(None, [DEBITS.get(currency)])]
    allowed = params.get("allowed_payment_method_types") or offered
    excluded = params.get("excluded_payment_method_types") or []
    is_held = (params.get("payment_intent_data") or {}).get("capture_method") == "manual"
    left = [one for one in offered if one in allowed and one not in excluded and not (is_held and one != "card")]
    if mode == "setup" and not currency:
        left = [one for one in ("card", *DEBITS.values()) if one in allowed and one not in excluded]
    if not left:
        raise invalid("No valid payment method types for this Checkout Session.", "payment_method_not_available",
                      "allowed_payment_method_types")  # fmt: skip
    return left


def _expire(store: Store, _call: Call, doc_id: str) -> Doc:
    return state.expire(store, get(store, doc_id, "checkout.session"))


# ---------------------------------------------------------------- payments


def _intent(store: Store, call: Call, _id: str) -> Doc:
    params = call.params
    amount, currency, customer = int(params["amount"]), str(params["currency"]).lower(), params.get("customer")
    check_amount(amount, currency)
    if customer:
        get(store, customer, "customer", "customer")
    if params.get("off_session") not in (None, "false") and params.get("confirm") != "true":
        raise invalid("off_session is only allowed together with confirm.", param="off_session")
    paid_by = _method_of(store, params, customer)
    made = new(
        store, "payment_intent", amount=amount, currency=currency, customer=customer,
        status="requires_confirmation" if paid_by else "requires_payment_method",
        capture_method=params.get("capture_method", "automatic"), metadata=params.get("metadata") or {},
        description=params.get("description"), payment_method=paid_by["id"] if paid_by else None,
        setup_future_usage=params.get("setup_future_usage"), _return_url=params.get("return_url"),
        payment_method_types=[paid_by["type"]] if paid_by else ["card"],
    )  # fmt: skip
    emit(store, "payment_intent.created", made)
    if params.get("confirm") != "true":
        return made
    return _confirmed(store, made, paid_by, params)


def _method_of(store: Store, params: Doc, customer: str | None) -> Doc | None:
    if "payment_method" not in params:
        return None
    paid_by = state.method(store, params["payment_method"])
    state.check_owner(paid_by, customer)
    return paid_by


def _confirm(store: Store, call: Call, doc_id: str) -> Doc:
    made = get(store, doc_id, "payment_intent")
    if made["status"] not in ("requires_payment_method", "requires_confirmation", "requires_action"):
        raise invalid("This PaymentIntent cannot be confirmed any more.", "payment_intent_unexpected_state",
                      payment_intent=public(made))  # fmt: skip
    paid_by = _method_of(
        store, {"payment_method": made["payment_method"]} if made["payment_method"] else {}, made["customer"]
    )
    given = _method_of(store, call.params, made["customer"])
    made["_return_url"] = call.params.get("return_url", made.get("_return_url"))
    return _confirmed(store, made, given or paid_by, call.params)


def _confirmed(store: Store, made: Doc, paid_by: Doc | None, params: Doc) -> Doc:
    if paid_by is None:
        raise invalid("A payment method is needed to confirm.", "parameter_missing", "payment_method")
    off_session = params.get("off_session") not in (None, "false")
    return state.pay(store, made, paid_by, off_session=off_session)


def _capture(store: Store, call: Call, doc_id: str) -> Doc:
    amount = call.params.get("amount_to_capture")
    return state.capture(store, get(store, doc_id, "payment_intent"), None if amount is None else int(amount))


def _cancel(store: Store, call: Call, doc_id: str) -> Doc:
    made = get(store, doc_id, "payment_intent")
    session = store.get("checkout.session", made.get("_session", ""))
    if session is not None and session["status"] == "open":
        raise invalid("This PaymentIntent belongs to an open Checkout Session. Expire the session instead.",
                      "payment_intent_unexpected_state", payment_intent=public(made))  # fmt: skip
    return state.cancel(store, made, call.params.get("cancellation_reason"))


def _setup(store: Store, call: Call, _id: str) -> Doc:
    params = call.params
    customer = params.get("customer")
    if customer:
        get(store, customer, "customer", "customer")
    paid_by = _method_of(store, params, customer)
    made = new(
        store, "setup_intent", status="requires_confirmation" if paid_by else "requires_payment_method",
        payment_method=paid_by["id"] if paid_by else None, customer=customer, usage=params.get("usage", "off_session"),
        metadata=params.get("metadata") or {}, description=params.get("description"),
        _return_url=params.get("return_url"),
    )  # fmt: skip
    emit(store, "setup_intent.created", made)
    if params.get("confirm") != "true":
        return made
    if paid_by is None:
        raise invalid("A payment method is needed to confirm.", "parameter_missing", "payment_method")
    return keep(store, made, paid_by)


def keep(store: Store, made: Doc, paid_by: Doc, *, is_confirmed: bool = False) -> Doc:
    """Keeps a method without paying. Refusal 402; `requires_action` when the buyer must confirm."""
    made |= {"payment_method": paid_by["id"], "last_setup_error": None, "next_action": None}
    card = BY_NAME.get(paid_by.get("_card", ""))
    if card is not None and card.asks and not is_confirmed:
        made |= {"status": "requires_action", "next_action": state.next_action(made)}
        emit(store, "setup_intent.requires_action", save(store, made))
        return made
    try:
        _check_keeps(paid_by, made)
    except Refusal as refusal:
        failed(store, made, refusal.body["error"])
        raise
    paid_by["_set_up"] = True
    save(store, paid_by)
    if made.get("customer"):
        state.attach(store, paid_by, made["customer"])
    made["status"] = "succeeded"
    emit(store, "setup_intent.succeeded", save(store, made))
    return made


def failed(store: Store, made: Doc, error: Doc) -> None:
    """The setup waits for another method."""
    told = {name: value for name, value in error.items() if name != "setup_intent"}
    made |= {"status": "requires_payment_method", "payment_method": None, "last_setup_error": told, "next_action": None}
    emit(store, "setup_intent.setup_failed", save(store, made))


def _refund(store: Store, call: Call, _id: str) -> Doc:
    params = call.params
    amount = int(params["amount"]) if "amount" in params else None
    charge_id = params.get("charge")
    if "payment_intent" in params:
        intent = get(store, params["payment_intent"], "payment_intent", "payment_intent")
        charge_id = intent["latest_charge"]
    if not charge_id:
        raise invalid("There is no successful charge to refund.", "parameter_missing", "payment_intent")
    charge = get(store, charge_id, "charge", "charge")
    return back.refund(store, charge, amount, params.get("reason"), params.get("metadata") or {})


CHANGES: dict[str, Answer] = {
    "/v1/customers": _customer,
    "/v1/checkout/sessions": _session,
    "/v1/checkout/sessions/*/expire": _expire,
    "/v1/payment_intents": _intent,
    "/v1/payment_intents/*/confirm": _confirm,
    "/v1/payment_intents/*/capture": _capture,
    "/v1/payment_intents/*/cancel": _cancel,
    "/v1/setup_intents": _setup,
    "/v1/payment_methods/*/attach": _attach,
    "/v1/payment_methods/*/detach": _detach,
    "/v1/refunds": _refund,
}
