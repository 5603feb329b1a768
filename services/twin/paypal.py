"""PayPal on this machine: its interface, the page where a buyer says yes, and handles to make things happen.

Every request is checked against the published form; what breaks it is refused and kept in `breaches`.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs

from services.api.clock import Clock
from services.gateways.paypal_json import parse, stamp
from services.twin import paypal_api as api
from services.twin import paypal_events as events
from services.twin import paypal_orders as orders
from services.twin.http import TwinRequest, TwinResponse
from services.twin.paypal_book import (
    ACCESS,
    CAPTURE,
    DISPUTE,
    EVENT,
    HOLD,
    ORDER,
    SETUP,
    WEBHOOK,
    Book,
    Doc,
    Refusal,
    minor,
    public,
)
from services.twin.paypal_contract import breaches
from services.twin.paypal_delivery import Delivery, Parcel
from services.twin.paypal_pages import BUYER, Page, agree_page, said_page, with_answer

ROOT = "/paypal"
ANSWER_TIME = timedelta(days=10)
PAGES = {"/checkoutnow": ("token", ORDER), "/agreements/approve": ("approval_session_id", SETUP)}
LOST = TwinResponse(0, {}, b"")  # the connection ends without a word
Watch = Callable[[str, str, Doc], list[str]]


class PayPalTwin:
    """Implements `TwinHandler` for the paths under /paypal. Its record is the file paypal.db in `folder`."""

    def __init__(self, folder: Path, *, clock: Clock, seed: int = 1) -> None:
        self._book = Book(folder / "paypal.db", clock, seed=seed)
        self._delivery = Delivery(seed=seed)
        self._lock = threading.Lock()
        self._base = "http://127.0.0.1" + ROOT
        self._watches: list[Watch] = []
        self._busy: list[tuple[str, int]] = []
        self._lost: list[tuple[str, str]] = []
        self.breaches: list[str] = []

    # ------------------------------------------------------------ being asked

    def handle(self, request: TwinRequest) -> TwinResponse:
        """A page, a handle of the twin, or a call of PayPal's."""
        if host := request.headers.get("host", ""):
            self._base = f"http://{host}{ROOT}"
        path = request.path.removeprefix(ROOT)
        lost = self._pick_loss(path)
        if lost == "before":
            return LOST
        with self._book.writing():
            orders.ripen(self._book)
        response = self._answer_to(path, request)
        self._announce()
        return LOST if lost else response

    def failed(self, request: TwinRequest) -> TwinResponse:
        """As PayPal answers when something is wrong on its side. Nothing is read or written."""
        if request.path.removeprefix(ROOT) in PAGES:
            text = "This page could not be shown. Go back to Souk: it says what was paid, and there you can try again."
            return _page(500, said_page("Something went wrong here", text))
        return _json(500, api.refusal_body(Refusal(500, "INTERNAL_SERVER_ERROR"), "twin000000000"))

    def _answer_to(self, path: str, request: TwinRequest) -> TwinResponse:
        try:
            if path in PAGES:
                return self._page(path, request)
            return self._control(path, request) if path.startswith("/twin/") else self._call(path, request)
        except Refusal as refusal:
            return _json(refusal.status, api.refusal_body(refusal, f"twin{len(self.breaches):09d}"))

    def _call(self, path: str, request: TwinRequest) -> TwinResponse:
        if path == "/v1/oauth2/token":
            if request.body != b"grant_type=client_credentials":
                raise Refusal(400, "unsupported_grant_type")
            with self._book.writing():
                return self._response(api.give_access(self._book, request.headers))
        self._refuse_when_busy(path)
        try:
            body = parse(request.body) if request.body else {}
        except ValueError:
            raise Refusal(400, "INVALID_REQUEST", "MALFORMED_REQUEST_JSON") from None
        with self._book.writing():
            api.need_access(self._book, request.headers)
        self._check(path, request, dict(body))
        call = api.Call(request.method, path, request.query, request.headers, request.body, dict(body), self._base)
        with self._book.writing():
            return self._response(api.answer(self._book, call))

    def _response(self, result: api.Result) -> TwinResponse:
        """Inside the transaction that brought the result."""
        doc = api.shown(self._book, result.kind, result.doc, self._base) if result.kind else result.doc
        return TwinResponse(204, {}, b"") if result.status == 204 else _json(result.status, doc)

    def _check(self, path: str, request: TwinRequest, body: Doc) -> None:
        """Refusal for what is not as published: an invalid request, of which PayPal names the first fault."""
        found = breaches(request.method, path, request.query, request.headers, body)
        if request.method == "POST":
            found += [breach for watch in self._watches for breach in watch(request.method, path, body)]
        if not found:
            return
        self.breaches += [f"{request.method} {path}: {breach}" for breach in found]
        issue = found[0].rpartition(": ")[2]
        if issue in ("INVALID_CURRENCY_CODE", "DECIMAL_PRECISION", "CANNOT_BE_ZERO_OR_NEGATIVE"):
            raise Refusal(422, "UNPROCESSABLE_ENTITY", issue, found[0])
        raise Refusal(400, "INVALID_REQUEST", "INVALID_PARAMETER_VALUE", found[0])

    def _refuse_when_busy(self, path: str) -> None:
        with self._lock:
            entry = next((entry for entry in self._busy if path.startswith(entry[0])), None)
            if entry is not None:
                self._busy.remove(entry)
        if entry is not None:
            raise Refusal(entry[1], "RESOURCE_CONFLICT" if entry[1] == 409 else "INTERNAL_SERVER_ERROR")

    def _pick_loss(self, path: str) -> str:
        with self._lock:
            found = next((entry for entry in self._lost if path.startswith(entry[1])), None)
            if found is not None:
                self._lost.remove(found)
        return found[0] if found else ""

    def lose_next(self, when: str, path: str = "", *, times: int = 1) -> None:
        """So many calls under this path bring no answer, lost "before" they do anything or "after"."""
        if when not in ("before", "after"):
            raise ValueError(when)
        with self._lock:
            self._lost += [(when, path)] * times

    def watch(self, watch: Watch) -> None:
        """Another look at every body: called with method, path and body, answers with what is wrong."""
        self._watches.append(watch)

    def busy_next(self, path: str, *, status: int = 503) -> None:
        """The next call under this path is refused before anything is done: 409, 429, 500 or 503."""
        with self._lock:
            self._busy.append((path, status))

    # ------------------------------------------------------------ the buyer

    def _page(self, path: str, request: TwinRequest) -> TwinResponse:
        name, kind = PAGES[path]
        asked_id = request.query.get(name, [""])[0]
        form = parse_qs(request.body.decode("utf-8", "replace")) if request.method == "POST" else {}
        with self._book.writing():
            try:
                read = orders.read_order if kind == ORDER else api.read_setup
                asked = read(self._book, asked_id)
            except Refusal:
                return _page(404, said_page("This page has ended", "Nothing was paid. Go back to Souk to try again."))
            url = asked["_context"].get("return_url", "")
            if asked["status"] != "PAYER_ACTION_REQUIRED":
                return _page(200, said_page("You have agreed to this", "There is nothing left to do here.", url))
            return self._answer(kind, asked, form) if form else _page(200, agree_page(asked))

    def _answer(self, kind: str, asked: Doc, form: dict[str, list[str]]) -> TwinResponse:
        name = "token" if kind == ORDER else "approval_token_id"
        context = asked["_context"]
        if form.get("answer") != ["agree"]:
            return _to(with_answer(context.get("cancel_url", ""), **{name: asked["id"]}))
        email, funding = form.get("email", [""])[0].strip(), form.get("funding", [""])[0]
        if not _is_email(email) or funding not in orders.FUNDINGS:
            error = "Enter an email address." if funding in orders.FUNDINGS else "Choose what to pay from."
            return _page(400, agree_page(asked, error=error, email=email, funding=funding))
        agreed = self._agree(kind, asked, funding, email)
        payer = {"PayerID": agreed["payer"]["payer_id"]} if kind == ORDER else {}
        return _to(with_answer(context.get("return_url", ""), **{name: asked["id"]}, **payer))

    def _agree(self, kind: str, asked: Doc, funding: str, email: str) -> Doc:
        if kind == ORDER:
            order = orders.save_order(self._book, orders.agree(self._book, asked, funding, email))
            events.emit(self._book, "CHECKOUT.ORDER.APPROVED", "checkout-order", order)
            return order
        asked["status"], asked["_funding"] = "APPROVED", funding
        asked["payment_source"]["paypal"]["email_address"] = email
        return self._book.put(SETUP, asked)

    def agree(self, asked_id: str, *, funding: str = orders.BALANCE, email: str = BUYER) -> None:
        """What the page's button does, for an order or a setup token. Refusal when it has ended or is answered."""
        with self._book.writing():
            kind = ORDER if self._book.get(ORDER, asked_id) else SETUP
            asked = (orders.read_order if kind == ORDER else api.read_setup)(self._book, asked_id)
            orders.need_open(asked)
            self._agree(kind, asked, funding, email)
        self._announce()

    # ------------------------------------------------------------ handles

    def _control(self, path: str, request: TwinRequest) -> TwinResponse:
        """The handles below, over HTTP: POST JSON to /paypal/twin/webhooks, /disputes, /disputes/{id}, /captures/{id}
        or /agree/{id}."""
        kind, _, doc_id = path.removeprefix("/twin/").partition("/")
        try:
            asked = parse(request.body)
        except ValueError:
            raise Refusal(400, "INVALID_REQUEST", "MALFORMED_REQUEST_JSON") from None
        if kind == "webhooks":
            return _json(200, {"id": self.add_webhook(str(asked.get("url", "")))})
        if kind == "disputes" and not doc_id:
            return _json(200, {"id": self.open_dispute(str(asked.get("capture_id", "")))})
        if kind == "disputes":
            self.close_dispute(doc_id, is_won=asked.get("won") is True)
        elif kind == "captures":
            self.clear_capture(doc_id, is_well=asked.get("clears") is True)
        elif kind == "agree":
            self.agree(doc_id, funding=str(asked.get("funding", orders.BALANCE)))
        else:
            raise Refusal(404, "RESOURCE_NOT_FOUND")
        return _json(200, {})

    def add_webhook(self, url: str) -> str:
        """Events are told there from now on; the id is what `verify-webhook-signature` wants."""
        with self._book.writing():
            return str(events.add_webhook(self._book, url)["id"])

    def webhook(self, webhook_id: str) -> Doc:
        """A webhook with the secret it is signed by. Refusal when there is none."""
        with self._book.writing():
            return self._book.need(WEBHOOK, webhook_id)

    def open_dispute(self, capture_id: str, *, reason: str = "MERCHANDISE_OR_SERVICE_NOT_RECEIVED") -> str:
        """The buyer wants the money back. Refusal when there is no such payment."""
        with self._book.writing():
            capture = self._book.need(CAPTURE, capture_id)
            dispute = {
                "id": f"PP-D-{self._book.new_id(8)}",
                "create_time": self._book.stamp(),
                "reason": reason,
                "status": "WAITING_FOR_SELLER_RESPONSE",
                "dispute_amount": capture["amount"],
                "seller_response_due_date": stamp(self._book.now() + ANSWER_TIME),
                "disputed_transactions": [
                    {"seller_transaction_id": capture_id, "custom": capture.get("custom_id", "")}
                ],
            }
            dispute["dispute_id"] = dispute["id"]
            self._book.put(DISPUTE, dispute, ref=capture_id)
            events.emit(self._book, "CUSTOMER.DISPUTE.CREATED", "dispute", dispute)
        self._announce()
        return str(dispute["id"])

    def close_dispute(self, dispute_id: str, *, is_won: bool) -> None:
        """Won is what the seller calls it: the money stays."""
        with self._book.writing():
            dispute = self._book.need(DISPUTE, dispute_id)
            outcome = "RESOLVED_SELLER_FAVOUR" if is_won else "RESOLVED_BUYER_FAVOUR"
            dispute |= {"status": "RESOLVED", "dispute_outcome": {"outcome_code": outcome}}
            self._book.put(DISPUTE, dispute)
            events.emit(self._book, "CUSTOMER.DISPUTE.RESOLVED", "dispute", dispute)
        self._announce()

    def clear_capture(self, capture_id: str, *, is_well: bool) -> None:
        """Ends the review of a payment now."""
        with self._book.writing():
            orders.clear_capture(self._book, capture_id, is_well=is_well)
        self._announce()

    def withdraw_access(self) -> None:
        """All access tokens are void from now on; new ones can be had."""
        with self._book.writing():
            for token in self._book.all(ACCESS):
                self._book.drop(ACCESS, token["id"])

    # ------------------------------------------------------------ its books

    def balance(self, currency: str) -> int:
        """What it owes the seller, in minor units: payments less refunds and lost disputes."""
        with self._book.writing():
            paid = [one for one in self._book.all(CAPTURE) if _is_paid(one) and _currency(one) == currency]
            back = sum(orders.refunded_of(self._book, one["id"]) for one in paid)
            lost = [one for one in self._book.all(DISPUTE) if _is_lost(one)]
        lost_units = sum(minor(one["dispute_amount"]) for one in lost if _currency(one, "dispute_amount") == currency)
        return sum(minor(one["amount"]) for one in paid) - back - lost_units

    def held(self, currency: str) -> int:
        """What buyers' accounts hold back for the seller, in minor units."""
        with self._book.writing():
            holds = self._book.all(HOLD)
        return sum(minor(one["amount"]) for one in holds if one["status"] == "CREATED" and _currency(one) == currency)

    def count_captures(self, reference: str = "") -> int:
        """How many payments went through or are looked at, for one of our references or for all."""
        with self._book.writing():
            found = [one for one in self._book.all(CAPTURE) if _is_paid(one) or one["status"] == "PENDING"]
        return sum(1 for one in found if reference in ("", one.get("custom_id", "")))

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
            fresh = self._book.all(EVENT, "fresh")
            webhooks = self._book.all(WEBHOOK)
            for event in fresh:
                self._book.put(EVENT, event, ref="told")
        for event in fresh:
            body = json.dumps(public(event)).encode()
            for webhook in webhooks:
                self._delivery.send(Parcel(webhook["url"], body, self._headers_of(webhook, event["id"], body)))

    def _headers_of(self, webhook: Doc, event_id: str, body: bytes) -> Callable[[], dict[str, str]]:
        return lambda: events.signed_headers(
            webhook, body, transmission_id=f"t-{event_id[3:40]}", now=self._book.stamp(), base=self._base
        )


def _is_paid(capture: Doc) -> bool:
    return capture["status"] in ("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED")


def _is_lost(dispute: Doc) -> bool:
    return bool(dispute.get("dispute_outcome", {}).get("outcome_code") == "RESOLVED_BUYER_FAVOUR")


def _currency(doc: Doc, name: str = "amount") -> str:
    return str(doc[name]["currency_code"])


def _is_email(text: str) -> bool:
    name, _, host = text.partition("@")
    return bool(name and "." in host and "@" not in host) and not any(letter.isspace() for letter in text)


def _json(status: int, doc: Doc) -> TwinResponse:
    return TwinResponse(status, {"content-type": "application/json"}, json.dumps(doc).encode())


def _page(status: int, page: Page) -> TwinResponse:
    return TwinResponse(status, page.headers, page.html)


def _to(url: str) -> TwinResponse:
    return TwinResponse(303, {"location": url, "cache-control": "no-store"}, b"")
