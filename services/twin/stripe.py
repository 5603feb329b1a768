"""Stripe on this machine: its interface, its hosted pages, and handles to make things happen.

Every request is checked against the client library's own types; what breaks them is refused and kept in `breaches`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qsl

from services.api.clock import Clock
from services.twin import stripe_api as api
from services.twin import stripe_back as back
from services.twin import stripe_checkout as checkout
from services.twin import stripe_state as state
from services.twin.http import TwinRequest, TwinResponse
from services.twin.paypal_delivery import Delivery, Parcel
from services.twin.store import Doc, Store
from services.twin.stripe_checkout import Typed, Wrong
from services.twin.stripe_contract import breaches, unbracketed
from services.twin.stripe_objects import FRESH, HERE, TOLD, VERSION, Refusal, get, invalid, public, save, shape
from services.twin.stripe_reading import READINGS, shown
from services.twin.stripe_web import LOST, StripeWeb, base_of, replied

Watch = Callable[[str, str, Doc], list[str]]
_KEY = re.compile(r"(sk|rk)_test_\S+")
_ROUTES = [
    (method, re.compile(path.replace("*", "([^/]+)")), work)
    for method, table in (("POST", api.CHANGES), ("GET", READINGS))
    for path, work in table.items()
]
BEFORE, AFTER = "before", "after"
ENDPOINTS = "/v1/webhook_endpoints"


class StripeTwin:
    """Implements `TwinHandler`. Its record is the file stripe.db in `folder`."""

    def __init__(self, folder: Path, *, clock: Clock, seed: int = 1) -> None:
        self._store = Store(folder / "stripe.db", clock, seed=seed)
        self._web = StripeWeb(self._store, self)
        self._delivery = Delivery(seed=seed)
        self._lock = threading.Lock()
        self._base = "http://127.0.0.1"
        self._watches: list[Watch] = []
        self._secrets: dict[str, str] = {}  # of webhooks, by address
        self._lose: list[tuple[str, str]] = []
        self._busy: list[tuple[str, int]] = []
        self.breaches: list[str] = []
        self.checked = 0  # requests that were held against the contract

    # ------------------------------------------------------------ being asked

    def handle(self, request: TwinRequest) -> TwinResponse:
        """A page, a handle of the twin or a call of Stripe's; status 0 stands for an answer that is lost on its way."""
        self._base = base_of(request) or self._base
        lost = self._taken(self._lose, request.path)
        if lost == BEFORE:
            return LOST
        with self._store.writing():
            state.ripen(self._store)
        response = self._call(request) if request.path.startswith("/v1/") else self._web.handle(request)
        self._announce()
        return LOST if lost == AFTER else response

    def failed(self, request: TwinRequest) -> TwinResponse:
        """As Stripe answers when something is wrong on its side. Nothing is read or written."""
        if request.path.startswith("/c/"):
            return self._web.failed()
        return replied(500, Refusal(500, "api_error", "An unknown error occurred.").body, self._base)

    def _call(self, request: TwinRequest) -> TwinResponse:
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        try:
            _authorize(request)
            if busy := self._taken(self._busy, request.path):
                raise Refusal(int(busy), "api_error", "An error occurred while processing your request.")
            status, body, is_old = self._answer(request, key)
        except Refusal as refusal:
            status, body, is_old = refusal.status, refusal.body, False
        with self._store.writing():
            request_id = f"req_{self._store.new_id(14)}"
        headers = {"request-id": request_id, "stripe-version": VERSION}
        headers["date"] = format_datetime(self._store.now(), usegmt=True)
        if key:
            headers["idempotency-key"] = key
        if is_old:
            headers["idempotent-replayed"] = "true"
        return replied(status, body, self._base, headers)

    def _answer(self, request: TwinRequest, key: str) -> tuple[int, Doc, bool]:
        """Status and body, and whether they were given before. Refusal for what was not begun."""
        raw = request.body if request.method == "POST" else b""
        pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True) if raw else [
            (name, value) for name, values in request.query.items() for value in values
        ]  # fmt: skip
        try:
            params = unbracketed(pairs)
        except ValueError:
            raise invalid("The parameters are malformed.") from None
        self._check(request.method, request.path, params)
        call = api.Call(request.method, request.path, params)
        with self._store.writing():
            if key and (known := api.remembered(self._store, key, call, raw)) is not None:
                return *known, True
            status, body = self._worked_out(call)
            if key:
                api.remember(self._store, key, call, raw, status, body)
        return status, body, False

    def _worked_out(self, call: api.Call) -> tuple[int, Doc]:
        """A decline is an answer that leaves its traces; any other refusal leaves none."""
        self._store.mark()
        try:
            doc = self._endpoints(call) if call.path == ENDPOINTS else _work_of(call, self._store)
            return 200, shown(self._store, doc, list(call.params.get("expand", [])))
        except Refusal as refusal:
            if refusal.status != 402:
                self._store.back_to_mark()
            return refusal.status, refusal.body

    def _check(self, method: str, path: str, params: Doc) -> None:
        found = breaches(method, path, params)
        found += [breach for watch in self._watches for breach in watch(method, path, params)]
        self.checked += 1
        if not found:
            return
        self.breaches += [f"{method} {path} {breach}" for breach in found]
        if not any(method == verb and form.fullmatch(path) for verb, form, _ in _ROUTES) and path != ENDPOINTS:
            raise Refusal(404, "invalid_request_error", f"Unrecognized request URL ({method}: {path}).")
        param, _, what = found[0].partition(": ")
        code = {"unknown": "parameter_unknown", "missing": "parameter_missing"}.get(what, "parameter_invalid")
        raise invalid(found[0], code, param)

    def _taken(self, entries: list[tuple[str, str]] | list[tuple[str, int]], path: str) -> str:
        """The first entry that is meant for a path, which is used up by it; "" when there is none."""
        with self._lock:
            for number, (prefix, what) in enumerate(entries):
                if path.startswith(prefix):
                    del entries[number]
                    return str(what)
        return ""

    # ------------------------------------------------------------ handles

    def watch(self, watch: Watch) -> None:
        """Another look at every request: called with method, path and parameters, answers with what is wrong."""
        self._watches.append(watch)

    def lose_next(self, when: str, path: str, *, times: int = 1) -> None:
        """The next answers under a path are lost: "before" anything was done, or "after"."""
        if when not in (BEFORE, AFTER):
            raise ValueError(f"{when!r} is neither before nor after")
        with self._lock:
            self._lose += [(path, when)] * times

    def busy_next(self, path: str, *, status: int = 500) -> None:
        """The next call under a path is refused before anything is done: 409, 429, 500 or 503."""
        with self._lock:
            self._busy.append((path, status))

    def add_webhook(self, url: str, secret: str) -> None:
        """Events are told there from now on, signed; until `close`, as the secret is written down nowhere."""
        self._secrets[url] = secret

    def _endpoints(self, call: api.Call) -> Doc:
        data = [
            shape("webhook_endpoint") | {"id": f"we_{number}", "url": url, "status": "enabled"}
            for number, url in enumerate(self._secrets)
        ]
        return {"object": "list", "data": data, "has_more": False, "url": call.path}

    @contextmanager
    def _changing(self, kind: str, doc_id: str) -> Iterator[Doc]:
        """One change of one object, told to webhooks. Refusal when there is none."""
        with self._store.writing():
            yield get(self._store, doc_id, kind)
        self._announce()

    def pay_page(self, session_id: str, typed: Typed, *, confirm: bool | None = None) -> dict[str, str]:
        """What a buyer does on the page, and at the bank. What is wrong, by field; empty when it is paid."""
        with self._changing("checkout.session", session_id) as session:
            try:
                asked = checkout.pay(self._store, session, typed)
                if asked is not None:
                    checkout.answer(self._store, asked, is_confirmed=bool(confirm))
            except Wrong as wrong:
                return wrong.problems
        return {}

    def expire(self, session_id: str) -> None:
        """A page was left open too long."""
        with self._changing("checkout.session", session_id) as session:
            state.expire(self._store, session)

    def end_debit(self, intent_id: str, *, is_paid: bool, reason: str = "insufficient_funds") -> None:
        """The bank pays a debit now, or does not."""
        with self._changing("payment_intent", intent_id) as intent:
            state.end_debit(self._store, intent, is_paid=is_paid, reason=reason)

    def lose_hold(self, intent_id: str) -> None:
        """The bank lets a hold go before it was captured."""
        with self._changing("payment_intent", intent_id) as intent:
            state.cancel(self._store, intent, "automatic")

    def open_dispute(self, intent_id: str, amount: int | None = None, reason: str = "fraudulent") -> str:
        """The buyer's bank takes minor units back, or all, while it decides; the dispute's id."""
        with self._changing("payment_intent", intent_id) as intent:
            return str(back.open_dispute(self._store, intent, amount, reason)["id"])

    def close_dispute(self, dispute_id: str, *, is_won: bool) -> None:
        """Won is what the seller calls it."""
        with self._changing("dispute", dispute_id) as dispute:
            back.close_dispute(self._store, dispute, is_won=is_won)

    # ------------------------------------------------------------ its books

    def balance(self, currency: str) -> int:
        """What it owes the seller, in minor units: captured charges less refunds and lost disputes."""
        with self._store.writing():
            return back.balance(self._store, currency.lower())

    def held(self, currency: str) -> int:
        """What is held and not captured, in minor units."""
        with self._store.writing():
            return back.held(self._store, currency.lower())

    def count_charges(self, reference: str = "") -> int:
        """How many charges went through or are held, for one of our references or for all."""
        with self._store.writing():
            return back.count_charges(self._store, reference)

    async def between_writes(self, work: Callable[[Path], None]) -> None:
        """Work on the file of its record, while nothing is being written there: snapshots of a workspace."""
        await asyncio.to_thread(self._between_writes, work)

    def _between_writes(self, work: Callable[[Path], None]) -> None:
        with self._store.resting() as path:
            work(path)

    def close(self) -> None:
        """Lets go of the file and the thread."""
        self._delivery.close()
        self._store.close()

    # ------------------------------------------------------------ telling

    def _announce(self) -> None:
        """Sends what has happened since to every webhook."""
        with self._store.writing():
            fresh = self._store.all("event", ref=FRESH)
            for event in fresh:
                save(self._store, event | {"_ref": TOLD})
        for event in fresh:
            body = json.dumps(public(event)).replace(HERE, self._base).encode()
            for url, secret in self._secrets.items():
                self._delivery.send(Parcel(url, body, self._signed(body, secret)))

    def _signed(self, body: bytes, secret: str) -> Callable[[], dict[str, str]]:
        def headers() -> dict[str, str]:
            stamp = str(int(self._store.now().timestamp()))
            signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
            return {"stripe-signature": f"t={stamp},v1={signature}", "content-type": "application/json"}

        return headers


def _authorize(request: TwinRequest) -> None:
    """Refusal for any key but one for tests that was not withdrawn."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not _KEY.fullmatch(key):
        raise Refusal(401, "invalid_request_error", "Invalid API Key provided.")
    if key.endswith("revoked"):
        raise Refusal(401, "invalid_request_error", "Expired API Key provided.", code="api_key_expired")
    if key.endswith("restricted_away"):
        raise Refusal(403, "invalid_request_error", "The provided key does not have the required permissions.")


def _work_of(call: api.Call, store: Store) -> Doc:
    for method, form, work in _ROUTES:
        found = form.fullmatch(call.path)
        if call.method == method and found is not None:
            return work(store, call, found.group(1) if found.groups() else "")
    raise Refusal(404, "invalid_request_error", f"Unrecognized request URL ({call.method}: {call.path}).")
