"""Answers: bytes that are ready to send, the headers every answer carries, and errors in their one shape."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from copy import copy
from typing import Any, TypeVar

from litestar import Request
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from services import wire
from services.api.errors import InvalidInput, ServiceError

T = TypeVar("T")
Header = tuple[bytes, bytes]

JSON = b"application/json"
SAFE_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (b"vary", b"Accept, Authorization, Cart-Token"),
)
NOTHING_LOADS: Header = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")

# English for whoever reads an answer with their eyes; programs read `code`, the desktop has its own sentences.
DETAILS = {
    "invalid_input": "Some values cannot be accepted; see fields.",
    "not_found": "There is no such thing here.",
    "not_signed_in": "Sign in first: send 'Authorization: Token <token>'.",
    "bad_credentials": "The e-mail and the password do not match.",
    "session_expired": "This session is over; sign in again.",
    "too_many_tries": "Too many wrong tries; wait, then try again.",
    "email_taken": "Somebody signed up with this address already.",
    "key_reused": "This Idempotency-Key was used with other content.",
    "request_in_progress": "A request with this Idempotency-Key is still being worked on.",
    "wrong_state": "The state it is in does not allow this.",
    "payment_failed": "The payment did not go through; nothing was charged.",
    "card_declined": "The card was declined; nothing was charged.",
    "insufficient_funds": "The card has insufficient funds; nothing was charged.",
    "confirmation_declined": "The payment was declined on the confirmation page; nothing was charged.",
    "payment_expired": "The payment page was left open too long; nothing was charged.",
    "payment_canceled": "The payment was given up; nothing was charged.",
    "payment_not_completed": "The payment was interrupted; nothing was charged.",
    "debit_failed": "The bank did not pay the debit; nothing was charged.",
    "confirmation_needed": "The bank wants the buyer to confirm; pay again in person.",
    "provider_rejected": "The payment provider would not take the request; nothing was charged. See params.reason.",
    "event_rejected": "This event was not sent by the provider, or not now.",
    "limit_reached": "What the plan includes is used up.",
    "payment_unknown": "The payment provider did not answer; a retry with the same Idempotency-Key charges once.",
    "agent_unavailable": "The agent did not answer; the call costs nothing.",
    "read_only": "Only reading works at the moment.",
    "method_not_allowed": "This address does not take this method.",
    "too_large": "The body is too large.",
    "bad_request": "The request could not be read.",
    "internal_error": "Something broke on our side; quote params.trace when you report it.",
}
_CODES_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}

log = logging.getLogger("souk.http")


class RawAnswer(ASGIResponse):
    """Sends what it was given; to HEAD without the body."""

    __slots__ = ("raw_headers",)

    def __init__(self, body: bytes, status: int, headers: list[Header]) -> None:
        # The parent's constructor builds header objects that this one has no use for.
        self.background = None
        self.body = body
        self.status_code = status
        self.raw_headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = b"" if scope.get("method") == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body, "more_body": False})


class Reply(Response[T]):
    """An answer whose body is already encoded; T is what the OpenAPI page says about it."""

    def __init__(
        self,
        body: bytes,
        status: int = 200,
        headers: Iterable[Header] = (),
        *,
        media_type: bytes = JSON,
        policy: Header = NOTHING_LOADS,
    ) -> None:
        # The parent's constructor is left out on purpose: every value it keeps is decided here.
        self.body = body
        self.status = status
        self.extra = (*headers, policy)
        self.type = media_type

    def with_header(self, header: Header) -> Reply[T]:
        """The same answer with one header more."""
        again = copy(self)
        again.extra = (*self.extra, header)
        return again

    def to_asgi_response(self, app: object, request: object, **kwargs: Any) -> ASGIResponse:  # Any: Litestar's options
        headers = [*SAFE_HEADERS, *self.extra]
        if self.status != 204:
            headers += (b"content-type", self.type), (b"content-length", b"%d" % len(self.body))
        return RawAnswer(self.body, self.status, headers)


def error_reply(body: wire.ErrorBody, status: int, headers: Iterable[Header] = ()) -> Reply[wire.ErrorBody]:
    """An error in its one shape."""
    body.detail = body.detail or DETAILS.get(body.code, body.code.replace("_", " ").capitalize() + ".")
    return Reply(wire.encode(body), status, headers)


def on_service_error(_request: Request[Any, Any, Any], error: ServiceError) -> Reply[wire.ErrorBody]:
    """An expected failure: its own status and code."""
    headers: list[Header] = []
    if error.http_status == 401:
        headers.append((b"www-authenticate", b"Token"))
    if isinstance(seconds := error.params.get("seconds"), int):
        headers.append((b"retry-after", b"%d" % seconds))
    return error_reply(wire.error_body(error), error.http_status, headers)


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Reply[wire.ErrorBody]:
    """What the framework refused: no such path, wrong method, too large."""
    if error.status_code >= 500:
        return on_bug(request, error)
    if isinstance(error, ValidationException):  # every parameter is text, so only a body can be missing
        return on_service_error(request, InvalidInput(fields={wire.BODY: "required"}))
    headers = [(b"allow", allowed.encode())] if (allowed := (error.headers or {}).get("allow")) else []
    body = wire.ErrorBody(_CODES_BY_STATUS.get(error.status_code, "bad_request"))
    return error_reply(body, error.status_code, headers)


def on_bug(request: Request[Any, Any, Any], error: Exception) -> Reply[wire.ErrorBody]:
    """Anything else: logged with a trace id, of which the caller learns nothing but the id."""
    return error_reply(bug_body(error, f"{request.method} {request.url.path}"), 500)


def bug_body(error: Exception, what: str) -> wire.ErrorBody:
    """Logs a bug and gives what the caller may know of it."""
    trace = secrets.token_hex(8)
    log.error("internal_error trace=%s at %s", trace, what, exc_info=error)
    return wire.ErrorBody("internal_error", params={"trace": trace})
