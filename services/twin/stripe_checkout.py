"""What a buyer does on a hosted page of the twin's Stripe: pays by card or debit, confirms at the bank, or goes back.

Everything runs inside one transaction of the store. The number and the code of a card are looked at and never kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from services.twin import stripe_state as state
from services.twin.store import Doc, Store
from services.twin.stripe_api import failed, keep
from services.twin.stripe_cards import BANKS, WORDS, card_of, digits_of, is_valid
from services.twin.stripe_objects import Refusal, emit, get, new, save

AUTH_FAILED = WORDS[state.NOT_CONFIRMED]
COUNTRIES = {
    "AT": "Austria", "AU": "Australia", "BE": "Belgium", "BR": "Brazil", "CA": "Canada", "CH": "Switzerland",
    "CZ": "Czechia", "DE": "Germany", "DK": "Denmark", "ES": "Spain", "FI": "Finland", "FR": "France",
    "GB": "United Kingdom", "GR": "Greece", "IE": "Ireland", "IN": "India", "IT": "Italy", "JP": "Japan",
    "KW": "Kuwait", "MX": "Mexico", "NL": "Netherlands", "NO": "Norway", "NZ": "New Zealand", "PL": "Poland",
    "PT": "Portugal", "SE": "Sweden", "SG": "Singapore", "US": "United States",
}  # fmt: skip
_TEXT_MAX = 200


class Wrong(Exception):
    """What was typed cannot be taken: sentences by field; "" is about the payment itself."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form carries. `way` is one of the page's kinds, or a saved method; "" is worked out from the rest."""

    number: str = field(default="", repr=False)
    expiry: str = ""
    cvc: str = field(default="", repr=False)
    name: str = ""
    email: str = ""
    bank: str = ""
    saved: str = ""
    way: str = ""
    country: str = "US"

    @classmethod
    def of(cls, form: dict[str, list[str]]) -> Typed:
        """From a posted form; what is not there is as it is at first."""
        given = {name: form[name][0].strip()[:_TEXT_MAX] for name in cls.__slots__ if form.get(name)}
        return cls(**given)

    def chosen(self, kinds: list[str]) -> str:
        """The kind, or the saved method, that is meant."""
        if self.saved or self.way:
            return self.saved or self.way
        debits = [kind for kind in kinds if kind != "card"]
        return debits[0] if self.bank and debits else kinds[0]


# ---------------------------------------------------------------- paying


def pay(store: Store, session: Doc, typed: Typed) -> Doc | None:
    """Pays, or keeps the method. The intent when the bank wants to hear the buyer first, else None. Wrong."""
    paid_by = _method(store, session, typed)
    session["_email"] = typed.email or session.get("_email")
    if session["mode"] == "setup":
        return _attempt(store, session, lambda: keep(store, _setup_of(store, session), paid_by))
    intent = _intent_of(store, session)
    return _attempt(store, session, lambda: state.pay(store, intent, paid_by, off_session=False))


def answer(store: Store, intent: Doc, *, is_confirmed: bool) -> None:
    """What the buyer told the bank. Wrong when it does not pay after all."""
    session = store.get("checkout.session", intent.get("_session", ""))
    if not is_confirmed:
        _give_up(store, intent)
        raise Wrong({"": AUTH_FAILED})
    paid_by = get(store, intent["payment_method"], "payment_method")

    def again() -> Doc:
        if intent["object"] == "setup_intent":
            return keep(store, intent, paid_by, is_confirmed=True)
        return state.pay(store, intent, paid_by, off_session=False, is_confirmed=True)

    _attempt(store, session, again)


def _give_up(store: Store, intent: Doc) -> None:
    if intent["object"] == "payment_intent":
        state.refuse(store, intent)
        return
    code = "setup_intent_authentication_failure"
    failed(store, intent, {"type": "invalid_request_error", "code": code, "message": AUTH_FAILED})


def _attempt(store: Store, session: Doc | None, work: Callable[[], Doc]) -> Doc | None:
    try:
        done = work()
    except Refusal as refusal:
        raise Wrong({"": str(refusal)}) from refusal
    if done["status"] == "requires_action":
        return done
    if session is not None:
        _complete(store, session, done)
    return None


def _complete(store: Store, session: Doc, intent: Doc) -> None:
    email = session.get("_email") or session.get("customer_email")
    session |= {"status": "complete", "url": None, "_due": None, intent["object"]: intent["id"]}
    session["customer_details"] = {"address": None, "email": email, "name": None, "phone": None,
                                   "tax_exempt": "none", "tax_ids": []}  # fmt: skip
    session["customer"] = intent.get("customer")
    if session["mode"] == "payment":
        session["payment_status"] = "unpaid" if intent["status"] in ("processing", "requires_capture") else "paid"
    emit(store, "checkout.session.completed", save(store, session))


def _intent_of(store: Store, session: Doc) -> Doc:
    """The payment of a page, made when somebody first pays."""
    if known := session.get("payment_intent"):
        return get(store, known, "payment_intent")
    data = session["_data"]
    made = new(
        store, "payment_intent", amount=session["amount_total"], currency=session["currency"],
        customer=_customer_of(store, session), status="requires_payment_method", description=data.get("description"),
        capture_method=data.get("capture_method", "automatic"), metadata=data.get("metadata") or {},
        setup_future_usage=data.get("setup_future_usage"), payment_method_types=session["payment_method_types"],
        _session=session["id"],
    )  # fmt: skip
    session["payment_intent"] = made["id"]
    emit(store, "payment_intent.created", made)
    save(store, session)
    return made


def _setup_of(store: Store, session: Doc) -> Doc:
    if known := session.get("setup_intent"):
        return get(store, known, "setup_intent")
    data = session["_data"]
    made = new(
        store, "setup_intent", status="requires_payment_method", customer=_customer_of(store, session),
        metadata=data.get("metadata") or {}, description=data.get("description"), usage="off_session",
        payment_method_types=session["payment_method_types"], _session=session["id"],
    )  # fmt: skip
    session["setup_intent"] = made["id"]
    emit(store, "setup_intent.created", made)
    save(store, session)
    return made


def _customer_of(store: Store, session: Doc) -> str | None:
    """Stripe makes a customer of whoever wants to keep a method."""
    wants = session["_creates"] == "always" or session["_data"].get("setup_future_usage")
    if session.get("customer") or session["mode"] == "setup" or not wants:
        return session.get("customer")
    made = new(store, "customer", email=session.get("_email") or session.get("customer_email"))
    emit(store, "customer.created", made)
    return str(made["id"])


# ---------------------------------------------------------------- what was typed


def _method(store: Store, session: Doc, typed: Typed) -> Doc:
    kinds = session["payment_method_types"]
    chosen = typed.chosen(kinds)
    if chosen not in kinds:
        found = next((one for one in saved_methods(store, session) if one["id"] == chosen), None)
        if found is None:
            raise Wrong({"way": "Choose how to pay."})
        return found
    problems = {} if _is_email(typed.email) else {"email": "Enter your email address."}
    if typed.country not in COUNTRIES:
        problems["country"] = "Choose a country."
    holder = {"email": typed.email, "name": typed.name, "country": typed.country}
    if chosen != "card":
        if typed.bank not in BANKS:
            problems["bank"] = "Choose a bank."
        _raise_if(problems)
        return state.bank_method(store, typed.bank, chosen, holder)
    problems |= _card_problems(store, typed) | ({} if typed.name else {"name": "Enter the name on the card."})
    _raise_if(problems)
    card = card_of(typed.number)
    if card is None:  # told above
        raise Wrong({"number": "Enter a test card."})
    return state.card_method(store, card.name, _expiry(typed.expiry), holder)


def _raise_if(problems: dict[str, str]) -> None:
    if problems:
        raise Wrong(problems)


def _card_problems(store: Store, typed: Typed) -> dict[str, str]:
    problems: dict[str, str] = {}
    card = card_of(typed.number)
    if card is None:
        problems["number"] = _number_problem(typed.number)
    month, year = _expiry(typed.expiry)
    now = store.now()
    if not 1 <= month <= 12:
        problems["expiry"] = "Enter month and year, like 12 / 34."
    elif (year, month) < (now.year, now.month):
        problems["expiry"] = "This card's date is in the past."
    digits = 4 if card is not None and card.brand == "amex" else 3
    if len(digits_of(typed.cvc)) != digits or not typed.cvc.isdigit():
        problems["cvc"] = f"Enter the {digits} digits of the code."
    return problems


def _number_problem(number: str) -> str:
    if len(digits_of(number)) < 12:
        return "Enter the whole card number."
    if not is_valid(number):
        return "This card number is not right. Check its digits."
    return "This page is a test and takes test cards only. Choose one from the list below."


def _expiry(text: str) -> tuple[int, int]:
    """ "12 / 34" or "12/2034"; month 0 for anything else."""
    digits = digits_of(text)
    if len(digits) not in (4, 6):
        return 0, 0
    year = int(digits[2:])
    return int(digits[:2]), year if year > 99 else 2000 + year


def _is_email(text: str) -> bool:
    name, _, host = text.rpartition("@")
    return bool(name and "." in host.strip(".") and " " not in text)


def saved_methods(store: Store, session: Doc) -> list[Doc]:
    """What the customer has on file, of the kinds the page takes, the newest first, each card once."""
    customer, kinds = session.get("customer"), session["payment_method_types"]
    if not customer or session["mode"] == "setup":
        return []
    kept: dict[Any, Doc] = {}  # Any: a fingerprint
    for one in reversed(store.all("payment_method", customer=customer)):
        if one["type"] in kinds:
            kept.setdefault(one[one["type"]]["fingerprint"], one)
    return list(kept.values())
