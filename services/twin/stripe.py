"""Stripe on this machine: its interface, its hosted pages, and handles to make things happen.

Every request is checked against the client library's own types; what breaks them is refused and kept in `breaches`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl

from services.api.clock import Clock
from services.twin import stripe_api as api
from services.twin import stripe_checkout as checkout
from services.twin import stripe_pages as pages
from services.twin import stripe_state as state
from services.twin.http import TwinRequest, TwinResponse
from services.twin.paypal_book import Book
from services.twin.paypal_delivery import Delivery, Parcel
from services.twin.stripe_checkout import Typed, Wrong
from services.twin.stripe_contract import breaches, unbracketed
from services.twin.stripe_state import Doc, Refusal

SAVED_MARK = "{CHECKOUT_SESSION_ID}"
Watch = Callable[[str, str, Doc], list[str]]
_LOST = TwinResponse(0)  # no answer at all


class StripeTwin:
    """Implements `TwinHandler`. Its record is the file stripe.db in `folder`."""

    def __init__(self, folder: Path, *, clock: Clock, seed: int = 1) -> None:
        self._book = Book(folder / "stripe.db", clock, seed=seed)
        self._delivery = Delivery(seed=seed)
        self._lock = threading.Lock()
        self._watches: list[Watch] = []
        self._lose: list[tuple[str, str]] = []
        self._busy: list[tuple[str, int]] = []
        self._secrets: dict[str, str] = {}  # url -> secret; given anew at each start
        self.breaches: list[str] = []
        self.checked = 0  # requests that were held against the contract

    # ------------------------------------------------------------ being asked

    def handle(self, request: TwinRequest) -> TwinResponse:
        """A page or a call; status 0 stands for an answer that is lost on its way."""
        with self._book.writing():
            state.ripen(self._book)
        if request.path.startswith("/c/"):
            response = self._page(request)
        else:
            response = self._call(request)
        self._announce()
        return response

    def _call(self, request: TwinRequest) -> TwinResponse:
        lost = self._next_lost(request.path)
        if lost == "before":
            return _LOST
        try:
            self._authorize(request)
            self._refuse_when_busy(request.path)
            response = self._answer(request)
        except Refusal as refusal:
            response = _json(refusal.status, refusal.body)
        return _LOST if lost == "after" else response

    def _authorize(self, request: TwinRequest) -> None:
        """Any key but one that says it is no good."""
        key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not key or key.endswith("revoked"):
            raise Refusal(401, "invalid_request_error", "Invalid API Key provided.")
        if key.endswith("restricted_away"):
            raise Refusal(403, "invalid_request_error", "The provided key does not have the required permissions.")

    def _answer(self, request: TwinRequest) -> TwinResponse:
        raw = request.body if request.method == "POST" else b""
        pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True) if raw else [
            (name, value) for name, values in request.query.items() for value in values
        ]  # fmt: skip
        params = unbracketed(pairs)
        self._check(request.method, request.path, params)
        call = api.Call(request.method, request.path, params, _base(request))
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        with self._book.writing():
            if key and (known := api.remembered(self._book, key, call, raw)) is not None:
                return _json(*known, headers={"idempotent-replayed": "true"})
            status, body = self._worked_out(call, params)
            if key:
                api.remember(self._book, key, call, raw, status, body)
        return _json(status, body)

    def _worked_out(self, call: api.Call, params: Doc) -> tuple[int, Doc]:
        """A refusal for what was tried is an answer too, and is remembered like one."""
        try:
            if call.path == "/v1/webhook_endpoints":
                return 200, self._endpoints(call)
            doc = api.answer(self._book, call)
        except Refusal as refusal:
            return refusal.status, refusal.body
        if doc["object"] == "list":
            return 200, doc | {"data": [state.public(one) for one in doc["data"]]}
        return 200, api.expanded(self._book, doc, list(params.get("expand", [])))

    def _endpoints(self, call: api.Call) -> Doc:
        data = [state.shape("webhook_endpoint") | {"id": f"we_{number}", "url": url, "status": "enabled"}
                for number, url in enumerate(self._secrets)]  # fmt: skip
        return {"object": "list", "data": data, "has_more": False, "url": call.path}

    def _check(self, method: str, path: str, params: Doc) -> None:
        found = breaches(method, path, params)
        found += [breach for watch in self._watches for breach in watch(method, path, params)]
        self.checked += 1
        if found:
            self.breaches += [f"{method} {path} {breach}" for breach in found]
            raise state.invalid(found[0], "parameter_unknown", found[0].partition(":")[0])

    def _next_lost(self, path: str) -> str:
        with self._lock:
            entry = next((one for one in self._lose if path.startswith(one[1])), None)
            if entry is not None:
                self._lose.remove(entry)
        return "" if entry is None else entry[0]

    def _refuse_when_busy(self, path: str) -> None:
        with self._lock:
            entry = next((one for one in self._busy if path.startswith(one[0])), None)
            if entry is not None:
                self._busy.remove(entry)
        if entry is not None:
            raise Refusal(entry[1], "api_error", "An error occurred while processing your request.")

    # ------------------------------------------------------------ the buyer

    def _page(self, request: TwinRequest) -> TwinResponse:
        _, _, kind, session_id = (*request.path.split("/", 3), "", "")[:4]
        form = parse_qs(request.body.decode("utf-8", "replace")) if request.method == "POST" else {}
        with self._book.writing():
            session = self._book.get("checkout.session", session_id)
            if session is None:
                return _html(404, pages.said_page("There is no such page", "Go back to Souk and start again."))
            if session["status"] != "open":
                return _html(410, _ended(session))
            if session.get("customer") and not session.get("_email"):
                customer = self._book.get("customer", session["customer"]) or {}
                session["_email"] = customer.get("email") or ""
            if kind == "3ds":
                return self._bank(session, request, form)
            return self._pay(session, form)

    def _pay(self, session: Doc, form: dict[str, list[str]]) -> TwinResponse:
        saved = checkout.saved_methods(self._book, session)
        typed = Typed.of(form)
        if not form:
            first = Typed(saved=saved[0]["id"] if saved else "")
            return _html(200, pages.pay_page(session, saved, first, {}))
        try:
            asked = checkout.pay(self._book, session, typed)
        except Wrong as wrong:
            return _html(200, pages.pay_page(session, saved, typed, wrong.problems))
        if asked is not None:
            return _to(f"/c/3ds/{session['id']}?method={asked['id']}")
        return _paid(session)

    def _bank(self, session: Doc, request: TwinRequest, form: dict[str, list[str]]) -> TwinResponse:
        method_id = (form.get("method") or request.query.get("method") or [""])[0]
        method = self._book.get("payment_method", method_id)
        if method is None:
            return _to(f"/c/pay/{session['id']}")
        if not form:
            return _html(200, pages.bank_page(session, method))
        saved = checkout.saved_methods(self._book, session)
        if form.get("answer") != ["complete"]:
            return _html(200, pages.pay_page(session, saved, Typed(), {"": checkout.AUTH_FAILED}))
        try:
            checkout.finish(self._book, session, method, is_confirmed=True)
        except Wrong as wrong:
            return _html(200, pages.pay_page(session, saved, Typed(), wrong.problems))
        return _paid(session)

    # ------------------------------------------------------------ making things happen

    def watch(self, watch: Watch) -> None:
        """Another look at every request: called with method, path and parameters, answers with what is wrong."""
        self._watches.append(watch)

    def lose_next(self, when: str, path: str) -> None:
        """The next answer under a path is lost: "before" anything was done, or "after"."""
        with self._lock:
            self._lose.append((when, path))

    def busy_next(self, path: str, *, status: int = 500) -> None:
        """The next call under a path is refused before anything is done."""
        with self._lock:
            self._busy.append((path, status))

    def add_webhook(self, url: str, secret: str) -> None:
        """Events are told there from now on, signed."""
        self._secrets[url] = secret

    def pay_page(self, session_id: str, typed: Typed, *, confirm: bool | None = None) -> dict[str, str]:
        """What a buyer does on the page, and at the bank. What is wrong, by field; empty when it is paid."""
        with self._book.writing():
            session = state.get(self._book, session_id, "checkout.session")
            try:
                asked = checkout.pay(self._book, session, typed)
                if asked is not None and confirm:
                    checkout.finish(self._book, session, asked, is_confirmed=True)
                elif asked is not None:
                    return {"": checkout.AUTH_FAILED}
            except Wrong as wrong:
                return wrong.problems
        self._announce()
        return {}

    def expire(self, session_id: str) -> None:
        """A page was left open too long."""
        with self._book.writing():
            state.expire(self._book, state.get(self._book, session_id, "checkout.session"))
        self._announce()

    def end_debit(self, intent_id: str, *, is_paid: bool) -> None:
        """The bank pays a debit now, or does not."""
        with self._book.writing():
            state.end_debit(self._book, state.get(self._book, intent_id, "payment_intent"), is_paid=is_paid)
        self._announce()

    def lose_hold(self, intent_id: str) -> None:
        """The bank lets a hold go before it was captured."""
        with self._book.writing():
            state.cancel(self._book, state.get(self._book, intent_id, "payment_intent"))
        self._announce()

    def open_dispute(self, intent_id: str, amount: int, reason: str = "fraudulent") -> str:
        """The buyer's bank takes minor units back while it decides."""
        with self._book.writing():
            intent = state.get(self._book, intent_id, "payment_intent")
            made = state.open_dispute(self._book, intent, amount, reason)
        self._announce()
        return str(made["id"])

    def close_dispute(self, dispute_id: str, *, is_won: bool) -> None:
        with self._book.writing():
            state.close_dispute(self._book, state.get(self._book, dispute_id, "dispute"), is_won=is_won)
        self._announce()

    # ------------------------------------------------------------ its books

    def balance(self, currency: str) -> int:
        """What it owes the seller, in minor units."""
        with self._book.writing():
            return state.balance(self._book, currency.lower())

    def held(self, currency: str) -> int:
        """What is held and not captured, in minor units."""
        with self._book.writing():
            return state.held(self._book, currency.lower())

    def count_charges(self, reference: str = "") -> int:
        """How many payments went through or are held, for one of our references or for all."""
        with self._book.writing():
            found = [
                one for one in self._book.all("payment_intent") if one["status"] in ("succeeded", "requires_capture")
            ]
        return sum(1 for one in found if reference in ("", one["metadata"].get("souk_reference", "")))

    async def between_writes(self, work: Callable[[Path], None]) -> None:
        """Work on the file of its record, while nothing is being written there: snapshots of a workspace."""
        await asyncio.to_thread(self._between_writes, work)

    def _between_writes(self, work: Callable[[Path], None]) -> None:
        with self._book.resting() as path:
            work(path)

    def close(self) -> None:
        """Lets go of the file and the thread."""
        self._delivery.close()
        self._book.close()

    # ------------------------------------------------------------ telling

    def _announce(self) -> None:
        """Sends what has happened since to every webhook."""
        with self._book.writing():
            fresh = self._book.all("event", "fresh")
            for event in fresh:
                self._book.put("event", event | {"_ref": "told"}, ref="told")
        for event in fresh:
            body = json.dumps(state.public(event)).encode()
            for url, secret in self._secrets.items():
                self._delivery.send(Parcel(url, body, self._signed(body, secret)))

    def _signed(self, body: bytes, secret: str) -> Callable[[], dict[str, str]]:
        def headers() -> dict[str, str]:
            stamp = str(int(self._book.now().timestamp()))
            signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
            return {"stripe-signature": f"t={stamp},v1={signature}", "content-type": "application/json"}

        return headers


def _base(request: TwinRequest) -> str:
    return f"http://{request.headers.get('host', '127.0.0.1')}"


def _ended(session: Doc) -> str:
    if session["status"] == "complete":
        return pages.said_page("This is paid", "There is nothing left to do here.", _success(session))
    text = "It was open for too long, or was given up. Nothing was charged. Go back to Souk to try again."
    return pages.said_page("This page has ended", text, session.get("cancel_url") or "")


def _success(session: Doc) -> str:
    return str(session.get("success_url") or "").replace(SAVED_MARK, session["id"])


def _paid(session: Doc) -> TwinResponse:
    if back := _success(session):
        return _to(back)
    return _html(200, pages.said_page("Thank you", "You can close this page and go back to Souk."))


def _to(url: str) -> TwinResponse:
    return TwinResponse(303, {"location": url, "cache-control": "no-store"}, b"")


def _html(status: int, text: str) -> TwinResponse:
    headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": pages.POLICY,
               "cache-control": "no-store", "x-content-type-options": "nosniff",
               "referrer-policy": "no-referrer"}  # fmt: skip
    return TwinResponse(status, headers, text.encode())


def _json(status: int, body: Doc, headers: dict[str, str] | None = None) -> TwinResponse:
    base = {"content-type": "application/json", "stripe-version": api.VERSION, "request-id": "req_twin"}
    return TwinResponse(status, base | (headers or {}), json.dumps(body).encode())
