"""Orders, holds, payments and refunds of the twin's PayPal: what each call does to them, and what it refuses."""

from __future__ import annotations

from datetime import timedelta

from services.gateways.paypal_json import stamp
from services.twin.paypal_book import (
    CAPTURE,
    HOLD,
    ORDER,
    REFUND,
    TOKEN,
    Book,
    Doc,
    Refusal,
    amount_of,
    minor,
    missing,
    unprocessable,
)
from services.twin.paypal_events import emit

ORDER_LIFE = timedelta(hours=3)  # of one that nobody agrees to
HOLD_LIFE = timedelta(days=29)
REVIEW = timedelta(days=3, minutes=-1)  # so long a payment is looked at; see stripe_state.DEBIT_SECONDS
CLEARING = timedelta(days=1)  # so long a refund to a bank is under way

# How a buyer of the twin can pay, and what comes of it.
BALANCE, BANK, DECLINES, REVIEWED, ASKS = "balance", "bank", "declines", "review", "asks"
FUNDINGS = (BALANCE, BANK, DECLINES, REVIEWED, ASKS)

MERCHANT = "TWINMERCHANT2"


# ---------------------------------------------------------------- orders


def create_order(book: Book, body: Doc) -> Doc:
    """A page, or with a saved account a payment at once."""
    wallet = body["payment_source"]["paypal"]
    unit = {"reference_id": "default", **body["purchase_units"][0], "payee": {"merchant_id": MERCHANT}}
    order: Doc = {
        "id": book.new_id(),
        "intent": body["intent"],
        "status": "PAYER_ACTION_REQUIRED",
        "payment_source": {"paypal": {}},
        "purchase_units": [unit],
        "create_time": book.stamp(),
        "_context": wallet.get("experience_context", {}),
        "_email": wallet.get("email_address", ""),
        "_saves": "vault" in wallet.get("attributes", {}),
    }
    if "vault_id" not in wallet:
        if not order["_context"]:
            raise unprocessable("RETURN_URL_REQUIRED")
        return save_order(book, order)
    token = book.get(TOKEN, wallet["vault_id"])
    if token is None:
        raise unprocessable("TOKEN_ID_NOT_FOUND")
    if token["_funding"] == ASKS:
        return save_order(book, order)
    agree(book, order, token["_funding"], token["payment_source"]["paypal"]["email_address"])
    return take_order(book, order)


def read_order(book: Book, order_id: str) -> Doc:
    """An order that nobody agreed to in time is gone."""
    order = book.need(ORDER, order_id)
    if order["status"] == "PAYER_ACTION_REQUIRED" and book.is_past(order["create_time"], ORDER_LIFE):
        raise missing()
    return order


def save_order(book: Book, order: Doc) -> Doc:
    return book.put(ORDER, order, ref=order["purchase_units"][0].get("invoice_id", ""))


def agree(book: Book, order: Doc, funding: str, email: str) -> Doc:
    """The buyer's yes."""
    payer_id = "TWIN" + "".join(letter for letter in email.upper() if letter.isalnum())[:9].ljust(9, "X")
    order["status"], order["update_time"] = "APPROVED", book.stamp()
    order["_funding"] = funding
    order["payer"] = {"email_address": email, "payer_id": payer_id}
    order["payment_source"] = {"paypal": {"email_address": email, "account_id": payer_id, "account_status": "VERIFIED"}}
    return order


def take_order(book: Book, order: Doc) -> Doc:
    """Captures or holds what is agreed to."""
    if order["status"] == "COMPLETED":
        is_held = order["intent"] == "AUTHORIZE"
        raise unprocessable("ORDER_ALREADY_AUTHORIZED" if is_held else "ORDER_ALREADY_CAPTURED")
    if order["status"] != "APPROVED":
        raise unprocessable("ORDER_NOT_APPROVED", "Payer has not yet approved the Order for payment.")
    if order["_funding"] == DECLINES:
        raise unprocessable("INSTRUMENT_DECLINED", "The instrument presented was declined.")
    payments: Doc = {}
    if order["intent"] == "AUTHORIZE":
        payments["authorizations"] = [make_hold(book, order)["id"]]
    else:
        payments["captures"] = [make_capture(book, order, minor(order["purchase_units"][0]["amount"]))["id"]]
    order["status"], order["update_time"], order["_payments"] = "COMPLETED", book.stamp(), payments
    if order["_saves"]:
        keep_account(book, order)
    return save_order(book, order)


def keep_account(book: Book, order: Doc) -> None:
    """The buyer agreed to be charged again; what was chosen then holds for later charges too."""
    wallet = order["payment_source"]["paypal"]
    token = make_token(book, wallet["email_address"], order["_funding"])
    wallet["attributes"] = {"vault": {"id": token["id"], "status": "VAULTED", "customer": token["customer"]}}


def make_token(book: Book, email: str, funding: str, customer: str = "") -> Doc:
    token: Doc = {
        "id": book.new_id().lower(),
        "customer": {"id": customer or book.new_id(12)},
        "payment_source": {"paypal": {"email_address": email, "usage_type": "MERCHANT"}},
        "_funding": funding,
    }
    book.put(TOKEN, token, ref=token["customer"]["id"])
    emit(book, "VAULT.PAYMENT-TOKEN.CREATED", "payment_token", token)
    return token


# ---------------------------------------------------------------- holds


def make_hold(book: Book, order: Doc) -> Doc:
    hold = _payment(book, order, minor(order["purchase_units"][0]["amount"]))
    hold |= {"status": "CREATED", "expiration_time": stamp(book.now() + HOLD_LIFE)}
    book.put(HOLD, hold, ref=order["id"], due=book.now() + HOLD_LIFE)
    emit(book, "PAYMENT.AUTHORIZATION.CREATED", "authorization", hold)
    return hold


def take_hold(book: Book, hold_id: str, body: Doc) -> Doc:
    hold = book.need(HOLD, hold_id)
    if hold["status"] in ("VOIDED", "DENIED"):
        raise unprocessable("AUTHORIZATION_EXPIRED" if hold.get("_expired") else "AUTHORIZATION_VOIDED")
    if hold["status"] == "CAPTURED":
        raise unprocessable("AUTHORIZATION_ALREADY_CAPTURED")
    order = book.need(ORDER, hold["_order"])
    units = minor(body["amount"] if "amount" in body else hold["amount"])
    if units > minor(hold["amount"]):
        raise unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED")
    capture = make_capture(book, order, units, hold_id)
    hold["status"], hold["update_time"] = "CAPTURED", book.stamp()
    book.put(HOLD, hold)
    order["_payments"].setdefault("captures", []).append(capture["id"])
    save_order(book, order)
    return capture


def void_hold(book: Book, hold_id: str, *, has_expired: bool = False) -> Doc:
    hold = book.need(HOLD, hold_id)
    if hold["status"] == "CAPTURED":
        raise unprocessable("PREVIOUSLY_CAPTURED")
    if hold["status"] == "VOIDED":
        raise unprocessable("PREVIOUSLY_VOIDED")
    hold["status"], hold["update_time"], hold["_expired"] = "VOIDED", book.stamp(), has_expired
    book.put(HOLD, hold)
    emit(book, "PAYMENT.AUTHORIZATION.VOIDED", "authorization", hold)
    return hold


# ---------------------------------------------------------------- payments


def _payment(book: Book, order: Doc, units: int) -> Doc:
    unit = order["purchase_units"][0]
    payment: Doc = {
        "id": book.new_id(),
        "amount": amount_of(units, unit["amount"]["currency_code"]),
        "seller_protection": {"status": "NOT_ELIGIBLE"},
        "supplementary_data": {"related_ids": {"order_id": order["id"]}},
        "create_time": book.stamp(),
        "update_time": book.stamp(),
        "_order": order["id"],
    }
    return payment | {name: unit[name] for name in ("custom_id", "invoice_id") if name in unit}


def make_capture(book: Book, order: Doc, units: int, hold_id: str = "") -> Doc:
    """Refusal when another order with the same invoice number was paid: the account's second safety."""
    capture = _payment(book, order, units) | {"final_capture": True}
    invoice_id = capture.get("invoice_id", "")
    if invoice_id and any(one["status"] != "DECLINED" for one in book.all(CAPTURE, invoice_id)):
        raise unprocessable("DUPLICATE_INVOICE_ID")
    if hold_id:
        capture["supplementary_data"]["related_ids"]["authorization_id"] = hold_id
    is_reviewed = order["_funding"] == REVIEWED
    capture["status"] = "PENDING" if is_reviewed else "COMPLETED"
    if is_reviewed:
        capture["status_details"] = {"reason": "PENDING_REVIEW"}
    book.put(CAPTURE, capture, ref=invoice_id, due=book.now() + REVIEW if is_reviewed else None)
    emit(book, f"PAYMENT.CAPTURE.{capture['status']}", "capture", capture)
    return capture


def clear_capture(book: Book, capture_id: str, *, is_well: bool) -> Doc:
    """The end of a review. Refusal when there is none."""
    capture = book.need(CAPTURE, capture_id)
    if capture["status"] != "PENDING":
        raise unprocessable("CAPTURE_STATUS_NOT_VALID")
    capture["status"], capture["update_time"] = "COMPLETED" if is_well else "DECLINED", book.stamp()
    capture.pop("status_details", None)
    book.put(CAPTURE, capture)
    emit(book, "PAYMENT.CAPTURE.COMPLETED" if is_well else "PAYMENT.CAPTURE.DENIED", "capture", capture)
    return capture


def refund_capture(book: Book, capture_id: str, body: Doc) -> Doc:
    capture = book.need(CAPTURE, capture_id)
    if capture["status"] == "PENDING":
        raise unprocessable("PENDING_CAPTURE")
    if capture["status"] not in ("COMPLETED", "PARTIALLY_REFUNDED"):
        raise unprocessable("CAPTURE_FULLY_REFUNDED")
    currency = capture["amount"]["currency_code"]
    left = minor(capture["amount"]) - refunded_of(book, capture_id)
    asked = body.get("amount", amount_of(left, currency))
    if asked["currency_code"] != currency:
        raise unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH")
    units = minor(asked)
    if units > left:
        raise unprocessable("REFUND_AMOUNT_EXCEEDED")
    is_slow = book.need(ORDER, capture["_order"])["_funding"] == BANK
    total = amount_of(minor(capture["amount"]) - left + units, currency)
    refund: Doc = {
        "id": book.new_id(),
        "amount": asked,
        "status": "PENDING" if is_slow else "COMPLETED",
        "seller_payable_breakdown": {"total_refunded_amount": total},
        "create_time": book.stamp(),
        "update_time": book.stamp(),
        "_capture": capture_id,
    }
    refund |= {name: body[name] for name in ("custom_id", "invoice_id", "note_to_payer") if name in body}
    if is_slow:
        refund["status_details"] = {"reason": "ECHECK"}
    book.put(REFUND, refund, ref=capture_id, due=book.now() + CLEARING if is_slow else None)
    capture["status"] = "REFUNDED" if units == left else "PARTIALLY_REFUNDED"
    capture["update_time"] = book.stamp()
    book.put(CAPTURE, capture)
    emit(book, "PAYMENT.REFUND.PENDING" if is_slow else "PAYMENT.CAPTURE.REFUNDED", "refund", refund)
    return refund


def refunded_of(book: Book, capture_id: str) -> int:
    """Minor units that went back or are going."""
    refunds = book.all(REFUND, capture_id)
    return sum(minor(one["amount"]) for one in refunds if one["status"] in ("COMPLETED", "PENDING"))


def clear_refund(book: Book, refund_id: str) -> None:
    refund = book.need(REFUND, refund_id)
    refund["status"], refund["update_time"] = "COMPLETED", book.stamp()
    refund.pop("status_details", None)
    book.put(REFUND, refund)
    emit(book, "PAYMENT.CAPTURE.REFUNDED", "refund", refund)


def ripen(book: Book) -> None:
    """What time alone brings: reviews end well, refunds arrive, holds run out."""
    for kind, doc in book.ripe():
        if kind == CAPTURE and doc["status"] == "PENDING":
            clear_capture(book, doc["id"], is_well=True)
        elif kind == REFUND:
            clear_refund(book, doc["id"])
        elif kind == HOLD and doc["status"] == "CREATED":
            void_hold(book, doc["id"], has_expired=True)
        elif kind in (CAPTURE, HOLD):
            book.put(kind, doc)  # settled before its day


def need_open(order: Doc) -> None:
    if order["status"] != "PAYER_ACTION_REQUIRED":
        raise Refusal(422, "UNPROCESSABLE_ENTITY", "ORDER_ALREADY_COMPLETED")
