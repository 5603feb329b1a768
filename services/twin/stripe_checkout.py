"""What a buyer does on a hosted page of the twin's Stripe: pays by card or debit, confirms at the bank, or goes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from services.twin import stripe_state as state
from services.twin.paypal_book import Book
from services.twin.stripe_cards import BY_NAME, WORDS, card_of, is_valid
from services.twin.stripe_state import Doc, Refusal, get, new, save

AUTH_FAILED = "We are unable to authenticate your payment method. Choose a different one and try again."


@dataclass(frozen=True, slots=True)
class Wrong(Exception):
    """What was typed cannot be taken: sentences by field; "" is about the payment itself."""

    problems: dict[str, str]


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form carries. The number and the code are never kept."""

    number: str = field(default="", repr=False)
    expiry: str = ""
    cvc: str = field(default="", repr=False)
    name: str = ""
    email: str = ""
    bank: str = ""
    saved: str = ""

    @classmethod
    def of(cls, form: dict[str, list[str]]) -> Typed:
        """From a posted form; what is not there is empty."""
        return cls(**{name: form.get(name, [""])[0].strip() for name in cls.__slots__})


def pay(book: Book, session: Doc, typed: Typed) -> Doc | None:
    """Pays, or keeps the method. The method when its bank wants to be asked first, else None. Wrong."""
    customer = session.get("customer")
    if typed.saved:
        paid_by = get(book, typed.saved, "payment_method")
        if not customer or paid_by.get("customer") != customer:
            raise Wrong({"": "This method is not yours."})
    else:
        paid_by = _given(book, session, typed)
    return finish(book, session, paid_by, is_confirmed=False)


def _given(book: Book, session: Doc, typed: Typed) -> Doc:
    kind = session["payment_method_types"][0]
    keeps = session["mode"] == "setup" or session["_data"].get("setup_future_usage") == "off_session"
    customer = session.get("customer") if keeps else None
    if "@" not in typed.email:
        raise Wrong({"email": "Your email is invalid."})
    if kind != "card":
        if typed.bank not in state.BANKS:
            raise Wrong({"bank": "Choose a bank."})
        return state.bank_method(book, typed.bank, customer, kind)
    month, year = _checked(book, typed)
    card = card_of(typed.number)
    if card is None:
        raise Wrong({"number": "Your request was in test mode, but used a card that is not a test card."})
    return state.card_method(book, card.name, customer, (month, year))


def _checked(book: Book, typed: Typed) -> tuple[int, int]:
    problems: dict[str, str] = {}
    if not is_valid(typed.number):
        problems["number"] = "Your card number is invalid." if typed.number else "Your card number is incomplete."
    month, year = _expiry(typed.expiry)
    now = book.now()
    if not 1 <= month <= 12:
        problems["expiry"] = "Your card’s expiration date is incomplete."
    elif (year, month) < (now.year, now.month):
        problems["expiry"] = "Your card’s expiration date is in the past."
    if not (typed.cvc.isdigit() and 3 <= len(typed.cvc) <= 4):
        problems["cvc"] = "Your card’s security code is incomplete."
    if not typed.name:
        problems["name"] = "Enter the name on the card."
    if problems:
        raise Wrong(problems)
    return month, year


def _expiry(text: str) -> tuple[int, int]:
    """ "12 / 34" or "12/2034"; month 0 for anything else."""
    digits = "".join(letter for letter in text if letter.isdigit())
    if len(digits) not in (4, 6):
        return 0, 0
    year = int(digits[2:])
    return int(digits[:2]), year if year > 99 else 2000 + year


def finish(book: Book, session: Doc, paid_by: Doc, *, is_confirmed: bool) -> Doc | None:
    """The same with a known method. Wrong."""
    if session["mode"] == "setup":
        return _keep(book, session, paid_by, is_confirmed=is_confirmed)
    intent = _intent_of(book, session, paid_by)
    try:
        state.pay(book, intent, paid_by, off_session=False, is_confirmed=is_confirmed)
    except Refusal as refusal:
        save(book, intent)
        raise Wrong({"": str(refusal)}) from refusal
    if intent["status"] == "requires_action":
        return paid_by
    status = "paid" if intent["status"] == "succeeded" else "unpaid"
    _complete(book, session, payment_status=status, payment_intent=intent["id"])
    return None


def _intent_of(book: Book, session: Doc, paid_by: Doc) -> Doc:
    known = session.get("payment_intent")
    if known:
        return get(book, known, "payment_intent")
    data = session["_data"]
    made = new(
        book, "payment_intent", amount=session["amount_total"], currency=session["currency"],
        customer=session.get("customer"), status="requires_payment_method", amount_received=0,
        capture_method=data.get("capture_method", "automatic"), metadata=data.get("metadata", {}),
        description=data.get("description"), setup_future_usage=data.get("setup_future_usage"),
        last_payment_error=None, next_action=None, processing=None, shipping=None, payment_method=paid_by["id"],
        _session=session["id"],
    )  # fmt: skip
    session["payment_intent"] = made["id"]
    save(book, session)
    return made


def _keep(book: Book, session: Doc, paid_by: Doc, *, is_confirmed: bool) -> Doc | None:
    card = BY_NAME.get(paid_by.get("_card", ""))
    if card is not None and card.asks and not is_confirmed:
        return paid_by
    if card is not None and card.decline and not card.asks:
        raise Wrong({"": WORDS.get(card.decline, WORDS["generic_decline"])})
    paid_by["_confirmed"] = is_confirmed
    save(book, paid_by)
    made = new(book, "setup_intent", status="succeeded", payment_method=paid_by["id"], customer=session["customer"],
               metadata=session["_data"].get("metadata", {}), last_setup_error=None)  # fmt: skip
    state.emit(book, "setup_intent.succeeded", made)
    _complete(book, session, setup_intent=made["id"])
    return None


def _complete(book: Book, session: Doc, **values: Any) -> None:  # Any: fields of a session
    session |= {"status": "complete", "url": None, "_due": None} | values
    state.emit(book, "checkout.session.completed", save(book, session))


def saved_methods(book: Book, session: Doc) -> list[Doc]:
    """What the customer has paid with before, of the kind that is asked for, the newest first."""
    customer, kind = session.get("customer"), session["payment_method_types"][0]
    if not customer:
        return []
    found = [one for one in reversed(book.all("payment_method", customer)) if one["type"] == kind]
    kept: dict[str, Doc] = {}
    for one in found:
        if one.get("customer") == customer:
            kept.setdefault(one[kind]["fingerprint"], one)
    return list(kept.values())
