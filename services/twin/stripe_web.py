"""What a browser gets from the twin's Stripe: the hosted pages, and the twin's own handles over HTTP."""

from __future__ import annotations

import json
from typing import Protocol
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from services.twin import stripe_checkout as checkout
from services.twin import stripe_pages as pages
from services.twin.http import TwinRequest, TwinResponse
from services.twin.store import Doc, Store
from services.twin.stripe_checkout import Typed, Wrong
from services.twin.stripe_objects import HERE, KINDS, Refusal

SESSION_MARK = "{CHECKOUT_SESSION_ID}"
LOST = TwinResponse(0)  # no answer at all
_SAID = {"bank": checkout.AUTH_FAILED, "declined": ""}


class Handles(Protocol):
    """What can be made to happen over HTTP, as the twin has it for Python."""

    breaches: list[str]

    def add_webhook(self, url: str, secret: str) -> None: ...
    def lose_next(self, when: str, path: str, *, times: int = 1) -> None: ...
    def end_debit(self, intent_id: str, *, is_paid: bool) -> None: ...
    def open_dispute(self, intent_id: str, amount: int | None = None, reason: str = "fraudulent") -> str: ...
    def close_dispute(self, dispute_id: str, *, is_won: bool) -> None: ...
    def balance(self, currency: str) -> int: ...
    def held(self, currency: str) -> int: ...


def base_of(request: TwinRequest) -> str:
    """Where the twin was asked, "" when the request does not say."""
    host = request.headers.get("host", "")
    return f"http://{host}" if host else ""


def replied(status: int, body: Doc, base: str, headers: dict[str, str] | None = None) -> TwinResponse:
    text = json.dumps(body).replace(HERE, base)
    told = {"content-type": "application/json", "cache-control": "no-cache, no-store"}
    return TwinResponse(status, told | (headers or {}), text.encode())


class StripeWeb:
    """Knows no rules of payment."""

    def __init__(self, store: Store, handles: Handles) -> None:
        self._store = store
        self._handles = handles

    def handle(self, request: TwinRequest) -> TwinResponse:
        """A page (/c/) or a handle (/twin/)."""
        if request.method not in ("GET", "POST"):
            return TwinResponse(405, {"allow": "GET, POST"})
        if request.method == "POST" and request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _html(403, pages.said_page("Not from there", "This page takes answers from itself only."))
        if request.path.startswith("/twin/"):
            return self._handle(request)
        kind, _, doc_id = request.path.removeprefix("/c/").partition("/")
        form = parse_qs(request.body.decode("utf-8", "replace")) if request.method == "POST" else None
        with self._store.writing():
            if kind == "pay":
                return self._pay(doc_id, request, form)
            if kind == "3ds":
                return self._bank(doc_id, form)
            if kind == "receipt" and (charge := self._store.get("charge", doc_id)) is not None:
                return _html(200, pages.receipt_page(charge))
        if kind == "done":
            return _html(200, pages.said_page("Thank you", "You can close this page and go back to Souk."))
        return _nothing()

    def failed(self) -> TwinResponse:
        """A fault of this page."""
        text = "This page could not be shown. Go back to Souk: it says what was paid, and there you can try again."
        return _html(500, pages.said_page("Something went wrong here", text))

    # ------------------------------------------------------------ paying

    def _pay(self, session_id: str, request: TwinRequest, form: dict[str, list[str]] | None) -> TwinResponse:
        session = self._store.get("checkout.session", session_id)
        if session is None:
            return _nothing()
        if session["status"] != "open":
            if form is not None and session["status"] == "complete":
                return _done(session)  # sent twice
            return _html(200 if session["status"] == "complete" else 410, _ended(session))
        session["_email"] = session.get("_email") or self._email_of(session)
        saved = checkout.saved_methods(self._store, session)
        if form is None:
            typed = pages.filled(request.query.get("card", [""])[0])
            said = _SAID.get(request.query.get("said", [""])[0], "")
            return _html(200, pages.pay_page(session, saved, typed, {"": said} if said else {}), session)
        typed = Typed.of(form)
        try:
            asked = checkout.pay(self._store, session, typed)
        except Wrong as wrong:
            return _html(200, pages.pay_page(session, saved, typed, wrong.problems), session)
        return _to(f"/c/3ds/{asked['id']}") if asked is not None else _done(session)

    def _email_of(self, session: Doc) -> str:
        customer = self._store.get("customer", session.get("customer") or "")
        return str((customer or {}).get("email") or "")

    def _bank(self, intent_id: str, form: dict[str, list[str]] | None) -> TwinResponse:
        kind = KINDS.get(intent_id.partition("_")[0], "")
        intent = self._store.get(kind, intent_id) if kind in ("payment_intent", "setup_intent") else None
        if intent is None:
            return _nothing()
        session = self._store.get("checkout.session", intent.get("_session", ""))
        if intent["status"] != "requires_action":
            return self._after(intent, session)
        if form is None:
            method = self._store.get("payment_method", intent["payment_method"]) or {}
            return _html(200, pages.bank_page(intent, method), session)
        try:
            checkout.answer(self._store, intent, is_confirmed=form.get("answer") == ["complete"])
        except Wrong as wrong:
            if session is not None:
                saved = checkout.saved_methods(self._store, session)
                typed = Typed(email=session.get("_email") or "")
                return _html(200, pages.pay_page(session, saved, typed, wrong.problems), session)
        return self._after(intent, self._store.get("checkout.session", intent.get("_session", "")))

    def _after(self, intent: Doc, session: Doc | None) -> TwinResponse:
        """Where the browser goes from a bank that has nothing (more) to ask."""
        if session is not None and session["status"] == "complete":
            return _done(session)
        if session is not None:
            return _to(f"/c/pay/{session['id']}")
        if back := intent.get("_return_url"):
            joint = "&" if urlsplit(back).query else "?"
            return _to(f"{back}{joint}{urlencode({intent['object']: intent['id']})}")
        return _html(200, pages.said_page("Thank you", "You can close this page and go back to Souk."))

    # ------------------------------------------------------------ handles

    def _handle(self, request: TwinRequest) -> TwinResponse:
        """POST a form or JSON to /twin/webhooks {url, secret}, /twin/disputes {payment_intent, amount, reason},
        /twin/disputes/{id} {won}, /twin/debits/{payment intent} {pays}, /twin/lose {when, path, times};
        GET /twin/books?currency=usd."""
        name, _, doc_id = request.path.removeprefix("/twin/").partition("/")
        try:
            given = _given(request)
            return replied(200, self._happen(name, doc_id, given), "")
        except Refusal as refusal:
            return replied(refusal.status, refusal.body, "")
        except (KeyError, ValueError) as error:
            return replied(400, {"error": {"message": f"missing or malformed: {error}"}}, "")

    def _happen(self, name: str, doc_id: str, given: dict[str, str]) -> Doc:
        if name == "books":
            return self._books(given.get("currency", "usd"))
        if name == "webhooks":
            self._handles.add_webhook(given["url"], given["secret"])
        elif name == "disputes" and doc_id:
            self._handles.close_dispute(doc_id, is_won=_yes(given["won"]))
        elif name == "disputes":
            amount = int(given["amount"]) if "amount" in given else None
            reason = given.get("reason", "fraudulent")
            return {"id": self._handles.open_dispute(given["payment_intent"], amount, reason)}
        elif name == "debits":
            self._handles.end_debit(doc_id, is_paid=_yes(given["pays"]))
        elif name == "lose":
            self._handles.lose_next(given["when"], given["path"], times=int(given.get("times", "1")))
        else:
            raise Refusal(404, "invalid_request_error", "There is no such handle.")
        return {}

    def _books(self, currency: str) -> Doc:
        handles = self._handles
        books = {"balance": handles.balance(currency), "held": handles.held(currency)}
        return books | {"breaches": handles.breaches}


def _given(request: TwinRequest) -> dict[str, str]:
    if request.method == "GET":
        return {name: values[0] for name, values in request.query.items()}
    if request.headers.get("content-type", "").startswith("application/json"):
        found = json.loads(request.body)
        if not isinstance(found, dict):
            raise ValueError("an object is wanted")
        return {str(name): str(value) for name, value in found.items()}
    return dict(parse_qsl(request.body.decode("utf-8", "replace")))


def _yes(text: str) -> bool:
    return text.lower() in ("true", "1", "yes")


def _ended(session: Doc) -> str:
    if session["status"] == "complete":
        return pages.said_page("This is paid", "There is nothing left to do on this page.", _success(session))
    text = "It was open for too long, or was given up. Nothing was charged. Go back to Souk to start again."
    return pages.said_page("This page has ended", text, session.get("cancel_url") or "")


def _success(session: Doc) -> str:
    return str(session.get("success_url") or "").replace(SESSION_MARK, session["id"])


def _done(session: Doc) -> TwinResponse:
    if back := _success(session):
        return _to(back)
    return _html(200, pages.said_page("Thank you", "You can close this page and go back to Souk."))


def _nothing() -> TwinResponse:
    return _html(404, pages.said_page("There is nothing here", "Go back to Souk and start again."))


def _to(url: str) -> TwinResponse:
    return TwinResponse(303, {"location": url, "cache-control": "no-store"})


def _html(status: int, text: str, session: Doc | None = None) -> TwinResponse:
    headers = {
        "content-type": "text/html; charset=utf-8", "content-security-policy": pages.policy(session),
        "cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
    }  # fmt: skip
    return TwinResponse(status, headers, text.encode())
